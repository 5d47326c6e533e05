//! The one task that owns a live room: messages in, rules applied, changes kept, and only then told.
//!
//! Each round takes what waits in the inbox, applies it in order, commits all resulting events in one transaction, and
//! then carries out the effects: media, sockets, answers. Nothing is told before it is on the disk.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use roomtone_media::shard::LegEvent;
use roomtone_room::ids::{CommandId, MemberId, Seq, TalkerNo};
use roomtone_room::social::Apart;
use roomtone_room::{Actor, Applied, Command, Event, Rejection, Role, Room};
use roomtone_store::{AppendError, Changes, Hash, LogRow, RoomHouse, StoreError};
use tokio::sync::{mpsc, oneshot, watch};

use super::chatter::Chatter;
use super::fanout::{Fanout, Happened, last_bans};
use super::guests::guests_in;
use super::legs::Legs;
use super::message::{Caller, Message, Outgoing, Reply, Said, SocketNo};
use super::recording::Recordings;
use super::round::{Connect, Round};
use super::summary::Summary;
use super::tiers::Tiers;
use super::{Known, Rooms};
use crate::edge;
use crate::wire::socket::{ByeCode, Person, ServerMessage};
use crate::wire::stored::{write_event, write_state};
use crate::wire::{ApiError, Code, Id};

/// Messages taken in one round. More commits larger transactions under load; fewer answers the first one sooner.
const BATCH: usize = 256;

/// How long the media threads may forward without hearing from the owner. Longer rides out longer stalls of this
/// process; shorter silences a room that has lost its owner sooner.
const GRANT: Duration = Duration::from_secs(2);

/// How often the grant is renewed while nothing changes.
const RENEW_EVERY: Duration = Duration::from_millis(500);

/// How long the room's lease in the database runs, and how often it is renewed, in milliseconds.
const LEASE_MILLIS: u64 = 30_000;
const LEASE_RENEW_EVERY: Duration = Duration::from_secs(10);

/// For how long after its lease ran out a room's recording goes on when the server is back, in milliseconds. Longer bears longer restarts,
/// and has longer silences in what is made of it; a clock that was wrong when the server started is no reason for one of years.
const AWAY_MAX: u64 = 5 * 60 * 1000;

/// Least events after which a snapshot replaces the older part of the log. More writes snapshots more seldom; fewer makes
/// starting after a crash quicker.
const SNAPSHOT_EVERY: u64 = 1_000;

/// People who are no longer in the room, but whose names are kept up to this many before they are forgotten all at once.
const FORMER_PEOPLE: usize = 1_000;

/// Why the owner's loop stopped.
pub(super) enum Stopped {
    /// The room ended, belongs to somebody else, or the server stops.
    Done,
    /// The store failed: what was applied since the last commit must be forgotten.
    Failed,
}

/// A control socket.
pub(super) struct Socket {
    pub(super) number: SocketNo,
    pub(super) session: Hash,
    pub(super) outgoing: mpsc::Sender<Outgoing>,
}

/// The owner of one live room.
pub(super) struct Owner {
    pub(super) rooms: Arc<Rooms>,
    pub(super) room: Room,
    pub(super) epoch: u64,
    pub(super) people: HashMap<MemberId, Person>,
    /// Who has a block with whom.
    pub(super) apart: Apart,
    pub(super) house: Option<RoomHouse>,
    /// Who has accepted a call to the room and has not come yet.
    expected_on_stage: HashSet<MemberId>,
    pub(super) sockets: HashMap<MemberId, Socket>,
    /// Those of guests who wait, which are told nothing of the room.
    pub(super) knocking: HashMap<MemberId, Socket>,
    /// The guests in the room, and who vouches for each. At most as many as the room may have links for.
    pub(super) guests: BTreeMap<MemberId, MemberId>,
    /// Members without a control socket who are present for as long as their listen leg lives.
    pub(super) present_by_leg: HashSet<MemberId>,
    pub(super) legs: Legs,
    pub(super) tiers: Tiers,
    pub(super) fanout: Fanout,
    pub(super) chatter: Chatter,
    /// Who the media threads were last told may be heard.
    pub(super) granted: BTreeSet<TalkerNo>,
    /// Who they were last told has agreed to having the last minute of what they say kept.
    pub(super) agreed: BTreeSet<TalkerNo>,
    /// What is recorded.
    pub(super) recordings: Recordings,
    /// Whether the store may have less of what is recorded than the room knows of. Until that is looked up, no recording is gone on with that
    /// does not go on already.
    pub(super) replay_due: bool,
    /// Whether the server was away for longer than a recording goes on behind.
    pub(super) was_away: bool,
    /// Those who wait until it is looked up.
    pub(super) looking: Vec<oneshot::Sender<()>>,
    /// Who was in a room that is not open to everybody, and has left.
    pub(super) visited: HashSet<MemberId>,
    /// Whether bans may have been lifted by appeals of which the room does not know.
    pub(super) lifts_due: bool,
    /// Those who wait until these are.
    pub(super) lifting: Vec<oneshot::Sender<()>>,
    summary: watch::Sender<Arc<Summary>>,
    pub(super) inbox: mpsc::Receiver<Message>,
    /// Taken out of the inbox, for the next round.
    pub(super) waiting: VecDeque<Message>,
    snapshot_seq: Seq,
    next_renewal: Instant,
    next_lease: Instant,
    stopping: Option<oneshot::Sender<()>>,
}

impl Owner {
    /// Takes over a room: its lease, and everything needed to tell others about it.
    pub(super) async fn new(
        rooms: Arc<Rooms>,
        room: Room,
        inbox: mpsc::Receiver<Message>,
    ) -> Result<(Self, watch::Receiver<Arc<Summary>>, Vec<Known>), StoreError> {
        let now = edge::now();
        let held_until = rooms.store.room_lease(room.id()).await?;
        let was_away = held_until.is_some_and(|until| until.plus(AWAY_MAX) < now);
        // By force: this process holds the data folder's lock, so any other owner is a process that has ended.
        let epoch = rooms
            .store
            .acquire_room(room.id(), rooms.process, now, now.plus(LEASE_MILLIS), true)
            .await?
            .ok_or(StoreError::Corrupt("live room"))?;
        let mut ids: Vec<_> = room.participants().map(|p| p.member).collect();
        ids.push(room.host());
        // Whoever made an offer that is still open may have left.
        ids.extend(room.offers().filter_map(|p| p.offer));
        ids.extend(room.called().keys().copied());
        ids.extend(room.called().values().map(|call| call.by));
        ids.extend(last_bans(&room).into_iter().map(|(member, _)| member));
        ids.extend(guests_in(&room).into_values());
        ids.extend(brought_along(&room));
        let mut people: HashMap<MemberId, Person> =
            rooms.store.people(&ids).await?.into_iter().map(|p| (p.id, Person::from(p))).collect();
        let others: Vec<_> = ids.iter().filter(|id| !people.contains_key(id)).copied().collect();
        people.extend(rooms.store.guests_among(&others).await?.into_iter().map(|p| (p.id, Person::from(p))));
        let mut standings = rooms.store.standings(&ids).await?;
        let (mut apart, mut known) = (Apart::default(), Vec::new());
        for participant in room.participants() {
            let standing = standings.remove(&participant.member).unwrap_or_default();
            if let Some(person) = people.get(&participant.member).filter(|_| !participant.is_guest()).cloned() {
                known.push(Known { person, hidden: standing.online_hidden });
            }
            apart.note(participant.member, Arc::new(standing.blocked));
        }
        let house = match room.house() {
            Some(id) => Some(rooms.store.room_house(id).await?.unwrap_or_else(|| closed_house(id))),
            None => None,
        };
        let guests = guests_in(&room);
        let (summary, receiver) = watch::channel(Arc::new(Summary::of(&room, &people, house.as_ref(), &guests)));
        let at = edge::instant();
        let owner = Self {
            fanout: Fanout::new(room.seq()),
            chatter: Chatter::default(),
            snapshot_seq: room.seq(),
            tiers: Tiers::new(rooms.media.packing()),
            rooms,
            room,
            epoch,
            people,
            apart,
            house,
            expected_on_stage: HashSet::new(),
            sockets: HashMap::new(),
            knocking: HashMap::new(),
            guests,
            present_by_leg: HashSet::new(),
            legs: Legs::default(),
            granted: BTreeSet::new(),
            agreed: BTreeSet::new(),
            recordings: Recordings::default(),
            replay_due: true,
            was_away,
            looking: Vec::new(),
            visited: HashSet::new(),
            lifts_due: true,
            lifting: Vec::new(),
            summary,
            inbox,
            waiting: VecDeque::new(),
            next_renewal: at,
            next_lease: at + LEASE_RENEW_EVERY,
            stopping: None,
        };
        Ok((owner, receiver, known))
    }

    /// Waits for the room as the store has it, after [`Stopped::Failed`]. Whoever asks meanwhile is told by the dropped
    /// reply that the server is busy: nothing may pile up behind a store that does not work.
    pub(super) async fn refuse_until(&mut self, loaded: impl Future<Output = Room>) -> Room {
        let mut loaded = std::pin::pin!(loaded);
        let mut refused = Vec::new();
        self.waiting.clear();
        loop {
            tokio::select! {
                room = &mut loaded => return room,
                n = self.inbox.recv_many(&mut refused, BATCH) => {
                    refused.clear();
                    if n == 0 {
                        return loaded.await;
                    }
                }
            }
        }
    }

    /// Forgets what the store does not have, after [`Stopped::Failed`].
    pub(super) fn start_again(&mut self, room: Room) {
        self.fanout = Fanout::new(room.seq());
        self.snapshot_seq = room.seq();
        self.present_by_leg.clear();
        self.lifts_due = true;
        self.lifting.clear();
        self.replay_due = true;
        self.looking.clear();
        // Whoever has gone to another room meanwhile is given up here when their time is over.
        self.rooms.presence().start(&room);
        self.guests = guests_in(&room);
        self.room = room;
        self.update_summary();
    }

    /// Serves the room until it ends, the server stops, or the store fails.
    pub(super) async fn run(&mut self) -> Stopped {
        loop {
            if let Some(stopped) = self.round().await {
                return stopped;
            }
        }
    }

    /// Waits for messages or for something to be due, and carries out one round. `None`: there are more to come.
    pub(super) async fn round(&mut self) -> Option<Stopped> {
        if self.waiting.is_empty() {
            let wake = self.wake_at();
            let mut batch = Vec::new();
            tokio::select! {
                n = self.inbox.recv_many(&mut batch, BATCH) => if n == 0 { return Some(Stopped::Done) },
                () = tokio::time::sleep_until(wake.into()) => {}
            }
            self.waiting.extend(batch);
        }
        let mut round = Round::default();
        if self.replay_due {
            // Before anything else: what begins in this round is not in the store yet.
            self.look_at_replay(&mut round).await;
        }
        while let Some(message) = self.waiting.pop_front() {
            if round.must_end_before(&message) {
                self.waiting.push_front(message);
                break;
            }
            self.take(message, &mut round);
        }
        if self.lifts_due {
            self.lift_bans(&mut round).await;
        }
        if self.room.next_deadline().is_some_and(|at| at <= edge::now()) {
            let _ = self.apply(Actor::System, Command::Tick, &mut round);
        }
        self.look_at_recording(&mut round);
        self.note_reactions(&mut round);
        match self.keep(&round).await {
            Ok(()) => {}
            Err(AppendError::Fenced) => return Some(self.give_up().await),
            Err(AppendError::Store(error)) => {
                tracing::error!(%error, "a room's changes could not be kept; it starts again from the last kept state");
                self.close_everything(ByeCode::ShuttingDown).await;
                return Some(Stopped::Failed);
            }
        }
        self.tell(round).await;
        self.forget_former_people();
        if !self.room.is_open() {
            self.close_everything(ByeCode::RoomEnded).await;
            return Some(Stopped::Done);
        }
        if let Some(done) = self.stopping.take() {
            self.close_everything(ByeCode::ShuttingDown).await;
            let _ = done.send(());
            return Some(Stopped::Done);
        }
        match self.look_after().await {
            Ok(true) => None,
            Ok(false) => Some(self.give_up().await),
            Err(error) => {
                tracing::error!(%error, "a room's lease could not be renewed");
                None
            }
        }
    }

    /// Lets go of a room that somebody else owns by now.
    async fn give_up(&mut self) -> Stopped {
        tracing::warn!("a room has another owner now");
        self.close_everything(ByeCode::ShuttingDown).await;
        Stopped::Done
    }

    /// Applies one message. What it leads to is collected in `round` and told only once it is kept.
    fn take(&mut self, message: Message, round: &mut Round) {
        match message {
            Message::Connect { caller, since, socket, outgoing, reply } => {
                let member = caller.member();
                match self.enter(&caller, round) {
                    Ok(()) => {
                        self.present_by_leg.remove(&member);
                        let socket = Socket { number: socket, session: caller.session, outgoing };
                        round.connects.push(Connect { member, since, socket, reply });
                    }
                    Err(error) => answer(reply, Err(error)),
                }
            }
            Message::Disconnected { member, socket } => {
                if self.sockets.get(&member).is_some_and(|current| current.number == socket) {
                    self.sockets.remove(&member);
                }
                if self.knocking.get(&member).is_some_and(|current| current.number == socket) {
                    self.knocking.remove(&member);
                }
                if self.room.waiting().contains_key(&member)
                    && !self.knocking.contains_key(&member)
                    && !round.connects.iter().any(|connect| connect.member == member)
                {
                    // Never refused: they wait.
                    let _ = self.apply(Actor::System, Command::LoseConnection { member }, round);
                }
                // A socket that was let go of or replaced is nobody's connection any more.
                if !self.sockets.contains_key(&member)
                    && !self.present_by_leg.contains(&member)
                    && !round.connects.iter().any(|connect| connect.member == member)
                    && self.room.participant(member).is_some_and(|p| p.connected)
                {
                    self.lose_socket(member, round);
                }
            }
            Message::Command { member, socket, id, role_epoch, command, about } => {
                // Or else it was let go of or replaced: its client was told so, and knows nothing newer.
                if self.sockets.get(&member).is_none_or(|current| current.number != socket) {
                    return;
                }
                if let Some(about) = about {
                    self.people.entry(about.id.0).or_insert(about);
                }
                let actor = Actor::Member { member, role_epoch: Some(role_epoch), id: Some(id) };
                let (seq, error) = match self.apply_asked(member, actor, command, round) {
                    Ok(applied) => (Some(applied.seq.0), None),
                    Err(rejection) => (None, Some(rejection.into())),
                };
                round.direct.push((member, socket, ServerMessage::Answer { id: Id(id), seq, error }));
            }
            Message::React { member, reaction } => {
                self.chatter.react(edge::instant(), self.room.participant(member), reaction);
            }
            Message::Chat { member, socket, said } => {
                if self.sockets.get(&member).is_some_and(|current| current.number == socket) {
                    self.chat(member, socket, said, round);
                }
            }
            Message::Resync { member, socket } => round.resyncs.push((member, socket)),
            Message::Listen(request) if !self.may_come_by_leg(&request.caller) => {
                answer(request.reply, Err(Code::NotInRoom.into()));
            }
            Message::Listen(request) => match self.come_by_leg(&request.caller, round) {
                Ok(()) => round.listens.push(request),
                Err(error) => answer(request.reply, Err(error)),
            },
            Message::Stream(request) => match self.may_stream(&request.caller, round) {
                Ok(seat) => round.streams.push((request, seat)),
                Err(error) => answer(request.reply, Err(error)),
            },
            Message::Publish(request) => match self.open_mic(request.caller.member(), round) {
                Ok(()) => round.publishes.push(request),
                Err(rejection) => answer(request.reply, Err(rejection.into())),
            },
            Message::EndLeg { member, leg, reply } => {
                // Somebody else's leg is answered like one that does not exist.
                let own = self.legs.get(leg).is_some_and(|leg| leg.member == member);
                if own {
                    self.leg_ended(leg, round);
                    round.ended.push(reply);
                } else {
                    answer(reply, Err(Code::LegNotFound.into()));
                }
            }
            Message::Report(report) => match report.event {
                LegEvent::Connected => {}
                LegEvent::Ended(reason) => {
                    tracing::info!(?reason, "a media leg ended");
                    self.leg_lost(report.leg, round);
                }
            },
            Message::Elsewhere { member, done } => {
                self.leave(member, ByeCode::Elsewhere, round);
                round.done.push(done);
            }
            Message::EndSession { member, session } => self.end_session(member, session, round),
            Message::Roster { viewer, sought, reply } => round.rosters.push((viewer, sought, reply)),
            Message::Minute { reporter, reply } => round.minutes.push((reporter, reply)),
            Message::Expel { members, done } => {
                self.expel(members, round);
                round.done.push(done);
            }
            Message::EndPass { guest, revoked, done } => {
                self.end_pass(guest, revoked, round);
                round.done.push(done);
            }
            Message::EndPassesOf { members, done } => {
                self.end_passes_of(&members, round);
                round.done.push(done);
            }
            Message::DeclineCallUp { member, reply } => match self.decline_call_up(member, round) {
                Ok(_) => round.ended.push(reply),
                // Whoever was not called up learns nothing of the room.
                Err(_) => answer(reply, Err(Code::RoomNotFound.into())),
            },
            Message::EndCallUp { member } => {
                // Refused if it is over already, which is as good.
                let _ = self.decline_call_up(member, round);
            }
            Message::Forget { member, done } => {
                self.end_passes_of(&HashSet::from([member]), round);
                self.people.remove(&member);
                self.chatter.forget(edge::instant(), member);
                // Refused only if they are back, which their account's end will see to.
                let _ = self.apply(Actor::System, Command::Forget { member }, round);
                round.done.push(done);
            }
            Message::End { done } => {
                // In the host's name: a room that is open has one.
                let host = Actor::Member { member: self.room.host(), role_epoch: None, id: None };
                // Refused only if it has ended already.
                let _ = self.apply(host, Command::End, round);
                round.done.push(done);
            }
            Message::Part { blocker, blocked, done } => {
                self.part(blocker, blocked, round);
                round.done.push(done);
            }
            Message::Recheck { member, standing } => self.recheck(member, &standing, round),
            Message::ComeOnStage { member } => {
                self.expected_on_stage.insert(member);
                self.seat_if_expected(member, round);
            }
            Message::Person(person) => self.rename(person, round),
            Message::PutOut { member } => self.leave(member, ByeCode::Removed, round),
            Message::House(house) => {
                self.house = house.or_else(|| self.room.house().map(closed_house));
                round.shows_otherwise = true;
            }
            Message::LiftBans { done } => {
                self.lifts_due = true;
                self.lifting.push(done);
            }
            Message::LookAtReplay { done } => {
                self.replay_due = true;
                self.looking.push(done);
            }
            Message::ShutDown { done } => self.stopping = Some(done),
        }
    }

    /// Lets somebody in, or back in; refuses whoever has gone to another room since they asked (guarantee G3).
    pub(super) fn enter(&mut self, caller: &Caller, round: &mut Round) -> Result<(), ApiError> {
        if let Some(vouched) = &caller.guest {
            return self.knock(caller, vouched, round);
        }
        let member = caller.member();
        let is_new = self.room.participant(member).is_none();
        match &caller.standing {
            Some(standing) if is_new && self.bars(member, standing) => return Err(Code::RoomNotFound.into()),
            Some(_) => {}
            // They were here when they asked, and are not any more: to be asked about anew.
            None if is_new => return Err(Code::Busy.into()),
            None => {}
        }
        if !self.rooms.claim(member, self.room.id()) {
            return Err(Code::NotInRoom.into());
        }
        self.people.insert(member, caller.person.clone());
        let actor = Actor::Member { member, role_epoch: None, id: None };
        let command = Command::Enter { followed_by_moderator: caller.followed_by_moderator };
        if let Err(rejection) = self.apply(actor, command, round) {
            self.rooms.left(member, self.room.id());
            return Err(rejection.into());
        }
        if let Some(standing) = &caller.standing {
            self.apart.note(member, Arc::new(standing.blocked.clone()));
            let known = Known { person: caller.person.clone(), hidden: standing.online_hidden };
            self.rooms.presence().know(member, self.room.id(), known);
        }
        self.seat_if_expected(member, round);
        Ok(())
    }

    /// Brings somebody on stage who has accepted a call to this room, if they are here. The call was the host's offer.
    fn seat_if_expected(&mut self, member: MemberId, round: &mut Round) {
        if self.room.participant(member).is_none() || !self.expected_on_stage.remove(&member) {
            return;
        }
        let of = |member| Actor::Member { member, role_epoch: None, id: None };
        // Refused if the host is not here any more, or offers it already; then they find the stage as any listener does.
        let _ = self.apply(of(self.room.host()), Command::OfferStage { member }, round);
        let _ = self.apply(of(member), Command::AcceptOffer, round);
    }

    /// Shows somebody by another name or picture than before: to newcomers, in the hallway, and to those who are here.
    fn rename(&mut self, person: Person, round: &mut Round) {
        let member = person.id.0;
        if self.people.get(&member).is_none_or(|known| *known == person) {
            return;
        }
        self.people.insert(member, person.clone());
        round.renamed.push(person);
    }

    /// What goes on around the talk: not kept, so it is answered with the round.
    fn chat(&mut self, member: MemberId, socket: SocketNo, said: Said, round: &mut Round) {
        let (now, instant) = (edge::now(), edge::instant());
        let (id, result) = match said {
            Said::Line { id, text } => {
                let Some(person) = self.people.get(&member) else { return };
                (id, self.chatter.say(&self.room, (now, instant), person, &text))
            }
            Said::Remove { id, line } => (id, self.remove_line(member, line, round)),
            // Not answered: there are several a second, and a later one repairs an earlier.
            Said::Caption(caption) => {
                let _ = self.chatter.caption(&self.room, instant, member, caption);
                return;
            }
            Said::WantCaptions(on) => {
                self.chatter.want_captions(member, on);
                return;
            }
        };
        let (seq, error) = match result {
            Ok(()) => (Some(self.room.seq().0), None),
            Err(error) => (None, Some(error)),
        };
        round.direct.push((member, socket, ServerMessage::Answer { id: Id(id), seq, error }));
    }

    pub(super) fn leave(&mut self, member: MemberId, bye: ByeCode, round: &mut Round) {
        let actor = Actor::Member { member, role_epoch: None, id: None };
        if self.apply(actor, Command::Leave, round).is_ok() {
            round.byes.insert(member, bye);
        }
    }

    /// Applies a command and notes what it brought about, for the log and for everybody.
    pub(super) fn apply(&mut self, actor: Actor, command: Command, round: &mut Round) -> Result<Applied, Rejection> {
        let sender = match actor {
            Actor::Member { member, .. } => Some(member),
            Actor::System => None,
        };
        self.apply_for(sender, actor, command, round)
    }

    /// The same for a command that the server carries out because `sender` asked for it.
    pub(super) fn apply_for(
        &mut self,
        sender: Option<MemberId>,
        actor: Actor,
        command: Command,
        round: &mut Round,
    ) -> Result<Applied, Rejection> {
        let stage_before: Vec<_> = self.room.on_stage().map(|p| p.member).collect();
        let about = self.about(&command);
        let settled = self.about_to_be_answered(&command);
        let applied = self.room.apply(edge::now(), actor, command)?;
        let (member, id): (Option<MemberId>, Option<CommandId>) = match actor {
            Actor::Member { member, id, .. } => (Some(member), id),
            Actor::System => (None, None),
        };
        let last = applied.events.last().map(|numbered| numbered.seq);
        for numbered in &applied.events {
            self.note_guest(numbered, round);
            match numbered.event {
                Event::Left { member, .. } => {
                    round.left.insert(member);
                }
                Event::QuestionSettled { record, answered: true, .. } => round.answered.push((record, numbered.at)),
                _ => {}
            }
            let was_on_stage = numbered.event.member().is_some_and(|member| stage_before.contains(&member));
            round.rows.push(LogRow {
                seq: numbered.seq.0,
                at: numbered.at,
                member,
                // On the last row, so that the number remembered with the command covers all of its events.
                command: id.filter(|_| Some(numbered.seq) == last),
                body: write_event(&numbered.event),
            });
            round.happened.push(Happened::new(numbered, was_on_stage, &self.room, &self.people));
        }
        self.note_recording(&applied.events, settled.as_ref(), round);
        self.note_act(&applied.events, sender, about, round);
        for numbered in &applied.events {
            match &numbered.event {
                Event::Entered { member, .. } | Event::Left { member, .. } => self.note_visit(*member),
                Event::RoleChanged { member, role, .. } if role.on_stage() && !stage_before.contains(member) => {
                    if *role != Role::Host && !self.guests.contains_key(member) {
                        (self.rooms.around.speaking)(self.room.id(), *member);
                    }
                    self.make_way_for(*member, round);
                    self.end_stream(*member, round);
                }
                _ => {}
            }
        }
        Ok(applied)
    }

    /// Forgets the names of those who have left, once they are as many as those who are here.
    fn forget_former_people(&mut self) {
        let present = self.room.audience_count() + self.room.stage_count();
        if self.people.len() > 2 * present + FORMER_PEOPLE {
            // Whoever made an offer that is still open may have left.
            let offering: HashSet<_> = self.room.offers().filter_map(|p| p.offer).collect();
            let banned: HashSet<_> = last_bans(&self.room).into_iter().map(|(member, _)| member).collect();
            let waited_for: HashSet<_> = self.room.waiting().values().map(|waiting| waiting.pass.by).collect();
            let brought: HashSet<_> = brought_along(&self.room).collect();
            let vouching: HashSet<_> = self.guests.values().copied().chain(waited_for).collect();
            let room = &self.room;
            self.people.retain(|&member, _| {
                let awaited = room.called().contains_key(&member) || room.waiting().contains_key(&member);
                let present = room.participant(member).is_some() || room.host() == member;
                present
                    || awaited
                    || vouching.contains(&member)
                    || offering.contains(&member)
                    || banned.contains(&member)
                    || brought.contains(&member)
            });
        }
    }

    /// Commits the round's events, with the end of the room if it is among them.
    async fn keep(&mut self, round: &Round) -> Result<(), AppendError> {
        if round.rows.is_empty() && round.acts.is_empty() && round.recordings.is_empty() {
            return Ok(());
        }
        let (store, id) = (&self.rooms.store, self.room.id());
        let Round { rows, acts, leader, answered, recordings, .. } = round;
        let changes = Changes { rows, acts, leader: *leader, answered, recordings };
        match self.room.ended_at() {
            None => store.append(id, self.epoch, changes).await?,
            Some(at) => store.end_room(id, self.epoch, at, changes).await?,
        }
        if !self.room.is_open() || self.room.seq().0 - self.snapshot_seq.0 >= snapshot_every(&self.room) {
            let state = write_state(&self.room.to_state());
            store.save_snapshot(id, self.epoch, self.room.seq().0, &state).await?;
            self.snapshot_seq = self.room.seq();
        }
        Ok(())
    }

    /// Renews what runs out by itself. `false`: the room belongs to somebody else by now.
    async fn look_after(&mut self) -> Result<bool, StoreError> {
        let now = edge::instant();
        if now >= self.next_renewal {
            self.grant().await;
        }
        if now >= self.next_lease {
            self.next_lease = now + LEASE_RENEW_EVERY;
            let until = edge::now().plus(LEASE_MILLIS);
            return self.rooms.store.renew_room(self.room.id(), self.epoch, until).await;
        }
        Ok(true)
    }

    /// Tells the media threads who may be heard, for the next [`GRANT`].
    pub(super) async fn grant(&mut self) {
        let now = edge::instant();
        self.next_renewal = now + RENEW_EVERY;
        self.granted = self.room.talkers().collect();
        self.rooms.mixes.grant(self.room.id(), &self.granted);
        let grant = roomtone_media::shard::Grant {
            room: self.room.id(),
            epoch: self.epoch,
            until: now + GRANT,
            talkers: self.granted.iter().copied().collect(),
        };
        self.rooms.media.grant(&grant).await;
        // After a start nobody has been told yet.
        self.keep_agreed(&[]).await;
        self.keep_recording().await;
    }

    /// Publishes what the hallway shows.
    pub(super) fn update_summary(&self) {
        let summary = Summary::of(&self.room, &self.people, self.house.as_ref(), &self.guests);
        self.summary.send_replace(Arc::new(summary));
        self.rooms.changed();
    }

    /// When there is something to do even if no message comes.
    fn wake_at(&self) -> Instant {
        if self.tiers.is_behind() || !self.looking.is_empty() {
            return edge::instant();
        }
        let mut at = self.next_renewal.min(self.next_lease);
        for flush in [self.fanout.flush_at(), self.chatter.flush_at(), self.recordings.wake_at()].into_iter().flatten()
        {
            at = at.min(flush);
        }
        if let Some(deadline) = self.room.next_deadline() {
            let wait = Duration::from_millis(deadline.0.saturating_sub(edge::now().0));
            at = at.min(edge::instant() + wait);
        }
        at
    }
}

/// Who is named by what the room brought along from its talk sheet, in it or not. At most as many as fit on a stage and into a queue.
pub(super) fn brought_along(room: &Room) -> impl Iterator<Item = MemberId> {
    let named = room.terms().into_iter().flat_map(|terms| terms.stage.iter().copied());
    named.chain(room.questions().iter().map(|(_, question)| question.by))
}

/// The house of a room, of which nothing is known but that it is no more: nobody else may come in by it.
fn closed_house(id: roomtone_room::ids::HouseId) -> RoomHouse {
    RoomHouse { id, handle: String::new(), name: String::new(), open: false }
}

/// Events after which a room is written down. A snapshot grows with the room, so that each event has a share in one that
/// is the same in a room of ten and of ten thousand.
fn snapshot_every(room: &Room) -> u64 {
    SNAPSHOT_EVERY.max((room.audience_count() + room.stage_count()) as u64)
}

/// Answers, if whoever asked still waits.
pub(super) fn answer<T>(reply: Reply<T>, result: Result<T, ApiError>) {
    let _ = reply.send(result);
}
