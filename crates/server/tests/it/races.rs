//! People who run a room and act at the same moment. Whatever order their commands take, there is one: every answer is what
//! the rules say at the command's place in the room's log, and whoever else is there is told the same.

mod recording;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use roomtone::wire::Code;
use roomtone::wire::Id;
use roomtone::wire::command::Command;
use roomtone::wire::running::HandRule;
use roomtone::wire::stored::read_event;
use roomtone_room::ids::{CommandId, MemberId, RoleEpoch, RoomId, Seq, Timestamp};
use roomtone_room::{self as rules, Actor, Event, Numbered, Reach, Role, Room, reach};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::support::{Member, Server, Socket};

/// Commands after which somebody opens a new socket, so that nobody is told to slow down.
const ON_ONE_SOCKET: usize = 25;

/// A command as it was sent.
#[derive(Debug)]
struct Sent {
    id: CommandId,
    epoch: RoleEpoch,
    command: Command,
    /// The number of the last event that the sender knew of.
    knew: u64,
    /// The number in the answer, or its code, and what the sender knew of by then; `None` if the socket closed before it.
    answer: Option<(Result<u64, Value>, u64)>,
}

/// Somebody in the room, with all that they asked and were told.
struct Player {
    socket: Socket,
    member: MemberId,
    /// The number of the last event that they know of.
    known: u64,
    epoch: RoleEpoch,
    on_socket: usize,
    sent: Vec<Sent>,
    /// The events that they were told, by number.
    heard: Vec<(u64, Value)>,
}

impl Player {
    async fn enter(member: &Member<'_>, room: &str) -> Self {
        let socket = member.connect(room, None).await;
        let id = member.id.parse().unwrap();
        let (sent, heard) = (Vec::new(), Vec::new());
        let mut player = Self { socket, member: id, known: 0, epoch: RoleEpoch(0), on_socket: 0, sent, heard };
        player.told_of(1).await;
        player
    }

    /// Comes in by a new socket.
    async fn enter_again(&mut self, member: &Member<'_>, room: &str) {
        self.socket = member.connect(room, None).await;
        (self.known, self.on_socket) = (0, 0);
        self.told_of(1).await;
    }

    async fn send(&mut self, command: Command) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = CommandId(NEXT.fetch_add(1, Ordering::Relaxed).into());
        let (epoch, knew) = (self.epoch, self.known);
        let message = json!({ "type": "command", "id": Id(id), "role_epoch": epoch.0, "command": command });
        self.socket.text(&message.to_string()).await;
        self.on_socket += 1;
        self.sent.push(Sent { id, epoch, command, knew, answer: None });
    }

    /// Waits until everything sent is answered, or the socket is closed.
    async fn hear_answers(&mut self) {
        let on_this = self.sent.len() - self.on_socket;
        while self.sent[on_this..].iter().any(|sent| sent.answer.is_none()) && self.hear().await {}
    }

    /// Sends a command that is to be accepted, and waits for that.
    #[track_caller]
    fn does(&mut self, command: Command) -> impl Future<Output = u64> + '_ {
        let at = std::panic::Location::caller();
        async move {
            self.send(command).await;
            self.hear_answers().await;
            let sent = self.sent.last().unwrap();
            sent.accepted().unwrap_or_else(|| panic!("{at}: {sent:?}"))
        }
    }

    /// Waits for the event with this number, or a later one.
    async fn told_of(&mut self, seq: u64) {
        while self.known < seq {
            assert!(self.hear().await, "the socket closed before event {seq}");
        }
    }

    /// Takes in one message. `false`: there are no more.
    async fn hear(&mut self) -> bool {
        let Some(message) = self.socket.any().await else { return false };
        match message["type"].as_str().unwrap() {
            "snapshot" => {
                self.known = message["seq"].as_u64().unwrap();
                self.epoch = RoleEpoch(message["you"]["role_epoch"].as_u64().unwrap().try_into().unwrap());
            }
            "events" => {
                assert!(message["after"].as_u64().unwrap() <= self.known, "something is missing: {message}");
                for numbered in message["events"].as_array().unwrap() {
                    let (seq, event) = (numbered["seq"].as_u64().unwrap(), &numbered["event"]);
                    if seq <= self.known {
                        continue;
                    }
                    self.heard.push((seq, event.clone()));
                    let whom: Option<MemberId> = whom(event).map(|id| id.parse().unwrap());
                    if let (Some(epoch), true) = (event["role_epoch"].as_u64(), whom == Some(self.member)) {
                        self.epoch = RoleEpoch(epoch.try_into().unwrap());
                    }
                }
                self.known = self.known.max(message["seq"].as_u64().unwrap());
            }
            "answer" => {
                let id = message["id"].as_str().unwrap().parse().unwrap();
                let known = self.known;
                let sent = self.sent.iter_mut().find(|sent| sent.id == id).unwrap();
                let answer = message["seq"].as_u64().ok_or_else(|| message["error"]["code"].clone());
                assert!(sent.answer.replace((answer, known)).is_none(), "answered twice: {message}");
            }
            _ => {}
        }
        true
    }
}

impl Sent {
    fn accepted(&self) -> Option<u64> {
        self.answer.as_ref().and_then(|(answer, _)| answer.as_ref().ok().copied())
    }

    /// Whether it was refused with this code.
    fn refused(&self, code: Code) -> bool {
        self.answer.as_ref().is_some_and(|(answer, _)| *answer == Err(json!(code)))
    }

    fn actor(&self, member: MemberId) -> Actor {
        Actor::Member { member, role_epoch: Some(self.epoch), id: Some(self.id) }
    }
}

/// The member whom a message's event is about.
fn whom(event: &Value) -> Option<&str> {
    event["person"]["id"].as_str().or(event["member"].as_str())
}

/// Both send what they have to at the same moment, and wait for the answers.
async fn at_once<const N: usize>(players: [(Player, Vec<Command>); N]) -> [Player; N] {
    let together = Arc::new(Barrier::new(N));
    let tasks = players.map(|(mut player, commands)| {
        let together = together.clone();
        tokio::spawn(async move {
            together.wait().await;
            for command in commands {
                player.send(command).await;
            }
            player.hear_answers().await;
            player
        })
    });
    let mut back = Vec::new();
    for task in tasks {
        back.push(task.await.unwrap());
    }
    back.try_into().unwrap_or_else(|_| unreachable!("as many as went"))
}

/// A room's history, and the room after each of its events.
struct History {
    /// The events, each with the sender and id of its command.
    events: Vec<(Numbered, Option<MemberId>, Option<CommandId>)>,
    /// `after[n]` is the room after event n; `after[0]` the one before the first.
    after: Vec<Room>,
}

impl History {
    async fn of(server: &Server, room: &str) -> Self {
        let stored = server.app.store.load_room(room.parse::<RoomId>().unwrap()).await.unwrap().unwrap();
        assert_eq!(stored.snapshot, None, "the whole log is there");
        let mut after = vec![Room::empty()];
        let mut events = Vec::new();
        for row in stored.tail {
            let numbered = Numbered { seq: Seq(row.seq), at: row.at, event: read_event(&row.body).unwrap() };
            assert_eq!(row.seq as usize, after.len(), "numbers without gaps");
            let mut next = after.last().unwrap().clone();
            next.fold(&numbered);
            after.push(next);
            events.push((numbered, row.member, row.command));
        }
        Self { events, after }
    }

    /// The room now.
    fn now(&self) -> &Room {
        self.after.last().unwrap()
    }

    fn last(&self) -> u64 {
        self.events.len() as u64
    }

    fn at(&self, seq: u64) -> Timestamp {
        self.events[(seq as usize).saturating_sub(1)].0.at
    }

    /// Whether the rules, asked right after event `place`, say that the command brings about just the events up to `last`.
    fn brings_about(&self, member: MemberId, sent: &Sent, place: u64, last: u64) -> bool {
        let events = &self.events[place as usize..last as usize];
        let expected = events.iter().map(|(numbered, ..)| numbered);
        let at = self.at(last.max(place));
        let mut command = sent.command.clone().into();
        if let rules::Command::SetRecording { recording: Some(new) } = &mut command
            && let Some((Numbered { event: Event::RecordingBegun { recording, .. }, .. }, ..)) = events.first()
        {
            // The server draws which replay it will be.
            new.replay = recording.replay;
        }
        let applied = self.after[place as usize].clone().apply(at, sent.actor(member), command);
        applied.is_ok_and(|applied| !applied.repeated && applied.events.iter().eq(expected))
    }

    /// Finds for every command a place in the one order in which the rules give the answer that its sender got: not before
    /// what they had sent before, or knew of when they sent it, and not after what they knew of when it was answered.
    fn explains(&self, players: &[&Player]) {
        let mut ends: HashMap<CommandId, u64> =
            self.events.iter().filter_map(|(numbered, _, command)| Some(((*command)?, numbered.seq.0))).collect();
        for player in players {
            let mut earliest = 0;
            for sent in &player.sent {
                let from = earliest.max(sent.knew);
                let end = ends.remove(&sent.id);
                earliest = match (&sent.answer, end) {
                    (Some((Ok(seq), _)), None) => {
                        assert!(*seq >= from && self.brings_about(player.member, sent, *seq, *seq), "{sent:?}");
                        *seq
                    }
                    (Some((Err(code), told)), None) => {
                        let refused = |place: &u64| {
                            let (mut room, actor) = (self.after[*place as usize].clone(), sent.actor(player.member));
                            let answer = room.apply(self.at(*place), actor, sent.command.clone().into());
                            answer.is_err_and(|rejection| json!(Code::from(rejection)) == *code)
                        };
                        let until = self.until(*told);
                        let place = (from..=until).find(refused);
                        place.unwrap_or_else(|| panic!("not so from {from} to {until}: {sent:?}"))
                    }
                    (Some((Ok(seq), _)), Some(end)) if *seq != end => panic!("not its number, {end}: {sent:?}"),
                    (Some((Err(_), _)), Some(end)) => panic!("refused, and in the log as {end}: {sent:?}"),
                    (_, Some(end)) => {
                        let place = (from..end).find(|place| self.brings_about(player.member, sent, *place, end));
                        assert!(place.is_some(), "not so between {from} and {end}: {sent:?}");
                        end
                    }
                    (None, None) => earliest,
                };
            }
        }
        assert!(ends.is_empty(), "nobody sent {ends:?}");
    }

    /// The last event up to which somebody who was told of `seq` may be: what follows may not be for them.
    fn until(&self, seq: u64) -> u64 {
        let hidden = |place: &u64| reach(&self.events[*place as usize].0.event) != Reach::Everyone;
        seq + (seq..self.last()).take_while(hidden).count() as u64
    }

    /// What somebody was told is what happened; a `witness`, who was there all the time, was told everything that is for all.
    fn was_told(&self, player: &Player, witness: bool) {
        let told = |event: &Value| (event["type"].clone(), event["role"].clone(), event["role_epoch"].clone());
        for (seq, event) in &player.heard {
            let (numbered, ..) = &self.events[*seq as usize - 1];
            let stored: Value = serde_json::from_str(&roomtone::wire::stored::write_event(&numbered.event)).unwrap();
            assert_eq!(told(event), told(&stored), "event {seq}");
            assert_eq!(whom(event).map(|id| id.parse().unwrap()), numbered.event.member(), "event {seq}");
        }
        if witness {
            let heard: Vec<u64> = player.heard.iter().map(|(seq, _)| *seq).collect();
            let (first, last) = (heard[0], *heard.last().unwrap());
            let for_all =
                (first..=last).filter(|seq| reach(&self.events[*seq as usize - 1].0.event) == Reach::Everyone);
            assert_eq!(heard, for_all.collect::<Vec<_>>());
            assert!(self.until(last) == self.last(), "told to the end: {last} of {}", self.last());
        }
    }
}

/// Ada's open room with people on its stage in the given roles, and somebody who listens to it all.
struct Scene<'a> {
    server: &'a Server,
    room: String,
    members: Vec<Member<'a>>,
    witness: Player,
}

impl<'a> Scene<'a> {
    async fn open(server: &'a Server, data: &tempfile::TempDir, roles: &[Role]) -> (Self, Vec<Player>) {
        let mut members = Vec::new();
        for _ in 0..roles.len() + 2 {
            members.push(server.member(data).await);
        }
        let room = members[0].open("open").await;
        let mut players = vec![Player::enter(&members[0], &room).await];
        for (place, role) in roles.iter().enumerate() {
            let mut player = Player::enter(&members[place + 1], &room).await;
            let member = Id(player.member);
            players[0].does(Command::OfferStage { member }).await;
            player.does(Command::AcceptOffer).await;
            if *role == Role::Moderator {
                players[0].does(Command::MakeModerator { member }).await;
            }
            players.push(player);
        }
        let witness = Player::enter(members.last().unwrap(), &room).await;
        let scene = Self { server, room, members, witness };
        scene.settle(&mut players).await;
        (scene, players)
    }

    /// Waits until everybody knows what has happened, and gives those a new socket who have said much by theirs.
    async fn settle(&self, players: &mut [Player]) -> History {
        let mut history = History::of(self.server, &self.room).await;
        for (player, member) in players.iter_mut().zip(&self.members) {
            player.told_of(history.last()).await;
            if player.on_socket > ON_ONE_SOCKET {
                player.enter_again(member, &self.room).await;
            }
        }
        history = History::of(self.server, &self.room).await;
        for player in players {
            player.told_of(history.last()).await;
        }
        history
    }

    /// Looks at the whole history.
    async fn check(mut self, mut players: Vec<Player>) {
        let history = self.settle(&mut players).await;
        self.witness.told_of(history.last()).await;
        let players: Vec<&Player> = players.iter().collect();
        history.explains(&players);
        for player in players {
            history.was_told(player, false);
        }
        history.was_told(&self.witness, true);
    }
}

fn take_moderator(from: &Player) -> Command {
    Command::TakeModerator { member: Id(from.member) }
}

fn make_moderator(of: &Player) -> Command {
    Command::MakeModerator { member: Id(of.member) }
}

/// Two moderators take that from each other at the same moment: one of them does, and the other is none any more.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_demote_each_other_one_does() {
    let (server, data) = Server::start().await;
    let (scene, mut players) = Scene::open(&server, &data, &[Role::Moderator, Role::Moderator]).await;
    for round in 0..200 {
        let [mut host, one, other]: [Player; 3] = players.try_into().unwrap_or_else(|_| unreachable!("three"));
        let (on_other, on_one) = (take_moderator(&other), take_moderator(&one));
        let [one, other] = at_once([(one, vec![on_other]), (other, vec![on_one])]).await;
        let [first, second] = [&one, &other].map(|player| player.sent.last().unwrap());
        let (lost, refused) = match (first.accepted(), second.accepted()) {
            (Some(_), None) => (&other, second),
            (None, Some(_)) => (&one, first),
            both => panic!("round {round}: {both:?}"),
        };
        assert!(refused.refused(Code::StaleRole), "round {round}: {refused:?}");
        host.does(make_moderator(lost)).await;
        players = vec![host, one, other];
        scene.settle(&mut players).await;
    }
    scene.check(players).await;
}

/// A moderator who is being demoted acts: before it, and that counts, or after it, and that is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_demoted_moderator_acts_before_it_or_not_at_all() {
    let (server, data) = Server::start().await;
    let (scene, mut players) = Scene::open(&server, &data, &[Role::Moderator]).await;
    for round in 0..120 {
        let [host, moderator]: [Player; 2] = players.try_into().unwrap_or_else(|_| unreachable!("two"));
        let locked = round % 2 == 0;
        let acts = vec![Command::LockStage { locked }, Command::LockStage { locked: !locked }];
        let demotes = take_moderator(&moderator);
        let [mut host, moderator] = at_once([(host, vec![demotes]), (moderator, acts)]).await;
        let demoted = host.sent.last().unwrap().accepted().expect("a host may");
        for sent in &moderator.sent[moderator.sent.len() - 2..] {
            match sent.accepted() {
                Some(seq) => assert!(seq < demoted, "round {round}: {sent:?} after {demoted}"),
                None => assert!(sent.refused(Code::StaleRole) || sent.refused(Code::NothingToChange), "{sent:?}"),
            }
        }
        host.does(make_moderator(&moderator)).await;
        players = vec![host, moderator];
        scene.settle(&mut players).await;
    }
    scene.check(players).await;
}

/// The last who runs the room demotes the other, acts, and leaves, and acts again; the other acts meanwhile. The room passes on
/// and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_moderator_leaves_while_both_act() {
    let (server, data) = Server::start().await;
    let (scene, mut players) = Scene::open(&server, &data, &[Role::Moderator, Role::Speaker]).await;
    let mut now = scene.settle(&mut players).await.now().clone();
    for round in 0..50 {
        let place = |member: MemberId| players.iter().position(|player| player.member == member).unwrap();
        let host = place(now.host());
        let moderates = |p: &&roomtone_room::Participant| p.role == Role::Moderator;
        let moderator = place(now.on_stage().find(moderates).expect("one beside the host").member);
        let third = 3 - host - moderator;
        let (host_id, third_id) = (Id(players[host].member), Id(players[third].member));
        let by_host = vec![
            take_moderator(&players[moderator]),
            Command::RuleHands { rule: HandRule::Off },
            Command::Leave,
            Command::RuleHands { rule: HandRule::Followed },
        ];
        let by_moderator = vec![
            Command::RuleHands { rule: HandRule::Off },
            Command::Mute { member: third_id },
            Command::MoveToAudience { member: host_id },
            Command::RuleHands { rule: HandRule::Everyone },
        ];
        let mut all: Vec<Option<Player>> = players.into_iter().map(Some).collect();
        let (leaver, actor) = (all[host].take().unwrap(), all[moderator].take().unwrap());
        let [leaver, actor] = at_once([(leaver, by_host), (actor, by_moderator)]).await;
        let after_leaving = leaver.sent.last().unwrap();
        assert_eq!(after_leaving.accepted(), None, "round {round}: {after_leaving:?}");
        (all[host], all[moderator]) = (Some(leaver), Some(actor));
        players = all.into_iter().map(|player| player.unwrap()).collect();

        // They come back, and all is as it was, in other roles.
        let left = players[host].member;
        players[host].enter_again(&scene.members[host], &scene.room).await;
        now = scene.settle(&mut players).await.now().clone();
        assert!(now.is_open() && now.host() != left, "round {round}");
        let heir = players.iter().position(|player| player.member == now.host()).unwrap();
        let other = 3 - host - heir;
        let other_id = Id(players[other].member);
        if now.participant(other_id.0).unwrap().muted {
            players[heir].does(Command::Unmute { member: other_id }).await;
        }
        players[heir].does(Command::OfferStage { member: Id(left) }).await;
        players[host].does(Command::AcceptOffer).await;
        let moderates = make_moderator(&players[other]);
        players[heir].does(moderates).await;
        now = scene.settle(&mut players).await.now().clone();
    }
    scene.check(players).await;
}

/// Somebody agrees to evidence while the host switches it off and on, moves them to the audience, or does neither: whatever is
/// kept of whom, they agreed to it since it was switched on last.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_agreed_who_did_so_before_it_was_switched_off() {
    let (server, data) = Server::start().await;
    let (scene, mut players) = Scene::open(&server, &data, &[Role::Speaker]).await;
    players[0].does(Command::SetEvidence { on: true }).await;
    scene.settle(&mut players).await;
    for _ in 0..60 {
        let [host, speaker]: [Player; 2] = players.try_into().unwrap_or_else(|_| unreachable!("two"));
        let agrees = vec![Command::AgreeEvidence { agree: true }, Command::AgreeEvidence { agree: true }];
        let switches = vec![Command::SetEvidence { on: false }, Command::SetEvidence { on: true }];
        let [mut host, speaker] = at_once([(host, switches), (speaker, agrees)]).await;
        let on = host.sent.last().unwrap().accepted().expect("a host may");
        players = vec![host, speaker];
        let history = scene.settle(&mut players).await;
        let said = |(numbered, ..): &&(Numbered, _, _)| matches!(numbered.event, Event::EvidenceAgreed { .. });
        let since = history.events[on as usize..].iter().filter(said).count();
        assert_eq!(history.now().agreed().count(), since.min(1));
        host = players.remove(0);
        // For the next round, nobody has agreed.
        if since > 0 {
            host.does(Command::SetEvidence { on: false }).await;
            host.does(Command::SetEvidence { on: true }).await;
        }
        players.insert(0, host);
        scene.settle(&mut players).await;
    }
    scene.check(players).await;
}
