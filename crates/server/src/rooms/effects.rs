//! What a kept round means for the world: sound cut or allowed, clients told, legs made, people let go.

use std::collections::HashSet;

use roomtone_media::feed::Tier;
use roomtone_media::leg::LegId;
use roomtone_media::sdp::{self, ListenParams, Offer, PublishLine, PublishParams, Slot, Transport};
use roomtone_media::shard::{EndReason, LegEvent, ListenSetup, ListenSlot, PublishSetup};
use roomtone_room::event::{KnockCause, LeaveReason};
use roomtone_room::ids::{MemberId, Seq, TalkerNo};
use roomtone_room::{Event, Room};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::fanout::{self, Class, Happened};
use super::guests::say;
use super::legs::{Leg, Place, draw_credentials, ice_chars};
use super::message::{Caller, LegRequest, Message, NewLeg, Outgoing, SocketNo, StreamRequest};
use super::owner::{Owner, Socket, answer};
use super::round::{Connect, Round};
use crate::edge;
use crate::media_io::Report;
use crate::mix::Seat;
use crate::wire::socket::{ByeCode, LegEndCode, LegKind, Person, ServerMessage};
use crate::wire::{ApiError, Code};

/// What a round means for guests.
#[derive(Default)]
struct Guests {
    /// Those who waited and were let in.
    let_in: Vec<MemberId>,
    /// Those who were banned.
    banned: Vec<MemberId>,
}

impl Owner {
    /// Carries out what a kept round means. The order is deliberate: sound is cut before anybody is told, and a client
    /// hears of the events before the answer to its command.
    pub(super) async fn tell(&mut self, mut round: Round) {
        let happened = std::mem::take(&mut round.happened);
        let changed = !happened.is_empty();
        let renamed = std::mem::take(&mut round.renamed);
        self.tell_acts(&round);
        for line in round.lines_removed.drain(..) {
            self.chatter.take_away(edge::instant(), line);
        }
        for leg in round.ended_legs.drain(..) {
            self.cut(leg).await;
        }
        let mut fresh = Vec::new();
        let mut gone = Vec::new();
        let mut guests = Guests::default();
        for event in &happened {
            self.carry_out(event, &round, &mut fresh, &mut gone, &mut guests).await;
        }
        if changed && self.room.talkers().collect::<std::collections::BTreeSet<_>>() != self.granted {
            self.grant().await;
        }
        if changed {
            self.keep_agreed(&happened).await;
            self.keep_recording().await;
        }
        if changed || round.shows_otherwise || !renamed.is_empty() {
            self.update_summary();
        }
        self.ring(&happened);
        self.tell_waiting(&happened);
        self.send_events(happened);
        self.end_kept_passes(&guests.banned).await;
        for person in renamed {
            self.tell_renamed(&person);
        }
        self.send_chatter();
        for member in fresh {
            self.send_snapshot(member);
        }
        for (member, socket) in round.resyncs.drain(..) {
            if self.sockets.get(&member).is_some_and(|current| current.number == socket) {
                self.send_snapshot(member);
            }
        }
        for (member, socket, message) in round.direct.drain(..) {
            self.send_to(member, Some(socket), &message);
        }
        for connect in round.connects.drain(..) {
            self.connect(connect);
        }
        for guest in guests.let_in {
            self.take_in(guest);
        }
        // After those who came: whoever came and left again in one round is told why.
        for (member, bye) in gone {
            self.let_go(member, bye);
            // Not before the last events were told. They are not in again by now.
            self.apart.forget(member);
        }
        for LegRequest { caller, offer, wants, reply } in round.listens.drain(..) {
            let made = self.make_listen_leg(&caller, &offer, &wants).await;
            answer(reply, made);
        }
        for (request, seat) in round.streams.drain(..) {
            self.make_stream(request, seat).await;
        }
        for LegRequest { caller, offer, wants, reply } in round.publishes.drain(..) {
            let made = self.make_publish_leg(&caller, &offer, &wants).await;
            answer(reply, made);
        }
        for reply in round.ended.drain(..) {
            answer(reply, Ok(()));
        }
        for (viewer, sought, reply) in round.rosters.drain(..) {
            answer(reply, Ok(self.roster(viewer, &sought)));
        }
        for (reporter, reply) in round.minutes.drain(..) {
            answer(reply, self.minute(reporter).await);
        }
        for done in round.done.drain(..) {
            let _ = done.send(());
        }
        self.choose_tier().await;
    }

    /// Decides what the audience gets, and tells some of those who do not get it yet.
    async fn choose_tier(&mut self) {
        let media = &self.rooms.media;
        if self.tiers.decide(edge::instant(), self.legs.listening(), media.load()) {
            self.tiers.tell(self.legs.listeners());
        }
        let audience = self.tiers.tier();
        let mut changes = Vec::new();
        for leg in self.tiers.slice() {
            let Some(member) = self.legs.get(leg).map(|leg| leg.member) else { continue };
            let tier = tier_of(&self.room, member, audience);
            changes.extend(self.legs.change_tier(leg, tier).map(|thread| (thread, leg, tier)));
        }
        if !changes.is_empty() {
            media.set_tiers(changes).await;
        }
    }

    /// Gives a member who has come on stage or gone down what they should have there.
    async fn move_tier(&mut self, member: MemberId) {
        let tier = tier_of(&self.room, member, self.tiers.tier());
        let Some(leg) = self.legs.of(member, LegKind::Listen) else { return };
        if let Some(thread) = self.legs.change_tier(leg, tier) {
            self.rooms.media.set_tiers(vec![(thread, leg, tier)]).await;
        }
    }

    /// What one event means beyond being told. `fresh` collects who needs a snapshot, `gone` who is to be let go,
    /// `guests` what is about guests.
    async fn carry_out(
        &mut self,
        happened: &Happened,
        round: &Round,
        fresh: &mut Vec<MemberId>,
        gone: &mut Vec<(MemberId, ByeCode)>,
        guests: &mut Guests,
    ) {
        match &happened.numbered.event {
            Event::Left { member, reason } => {
                for kind in [LegKind::Publish, LegKind::Listen] {
                    self.cut_kind(*member, kind).await;
                }
                self.present_by_leg.remove(member);
                self.chatter.left(*member);
                // They are not in again by now: [`Round::must_end_before`].
                self.rooms.left(*member, self.room.id());
                let bye = match reason {
                    LeaveReason::Quit | LeaveReason::Lost => ByeCode::Left,
                    LeaveReason::Removed { .. } if self.room.bans().contains_key(member) => ByeCode::Banned,
                    LeaveReason::Removed { .. } => ByeCode::Removed,
                    LeaveReason::PassEnded => ByeCode::PassEnded,
                };
                gone.push((*member, round.byes.get(member).copied().unwrap_or(bye)));
            }
            Event::RoleChanged { member, role, .. } => {
                if !role.on_stage() {
                    self.cut_kind(*member, LegKind::Publish).await;
                }
                self.move_tier(*member).await;
                // Who starts or stops running the room sees more or less of it from now on; a snapshot tells what.
                fresh.push(*member);
            }
            Event::Muted { member, .. } => self.cut_kind(*member, LegKind::Publish).await,
            // Who may be heard is granted as a whole, from the room, once for the round.
            Event::Unmuted { .. } | Event::MicChanged { .. } => {}
            Event::KnockEnded { guest, cause } => match cause {
                KnockCause::Admitted { .. } => guests.let_in.push(*guest),
                KnockCause::TurnedAway { .. } if self.room.bans().contains_key(guest) => {
                    gone.push((*guest, ByeCode::Banned));
                }
                KnockCause::TurnedAway { .. } => gone.push((*guest, ByeCode::TurnedAway)),
                KnockCause::GaveUp => gone.push((*guest, ByeCode::Left)),
                KnockCause::PassEnded => gone.push((*guest, ByeCode::PassEnded)),
            },
            Event::Banned { member, .. } if self.is_guest(*member) => guests.banned.push(*member),
            // The owner's loop closes everything.
            Event::Ended { .. } => (self.rooms.around.ended)(),
            // Nothing but telling.
            Event::Opened { .. }
            | Event::Entered { .. }
            | Event::ConnectionLost { .. }
            | Event::Returned { .. }
            | Event::HandRaised { .. }
            | Event::HandLowered { .. }
            | Event::HandMoved { .. }
            | Event::Banned { .. }
            | Event::Unbanned { .. }
            | Event::Described { .. }
            | Event::Widened { .. }
            | Event::HandsRuled { .. }
            | Event::StageLocked { .. }
            | Event::BackchannelSet { .. }
            | Event::TimerSet { .. }
            | Event::LinkPinned { .. }
            | Event::LinkUnpinned { .. }
            | Event::FloorGiven { .. }
            | Event::EvidenceSet { .. }
            | Event::EvidenceAgreed { .. }
            | Event::RecordingBegun { .. }
            | Event::RecordingStopped { .. }
            | Event::RecordingConsent { .. }
            | Event::TrackWithdrawn { .. }
            | Event::QuestionBrought { .. }
            | Event::QuestionTaken { .. }
            | Event::QuestionClosed { .. }
            | Event::QuestionSettled { .. }
            | Event::CalledUp { .. }
            | Event::CallUpEnded { .. }
            | Event::Knocked { .. }
            | Event::Forgotten { .. }
            | Event::StageOffered { .. }
            | Event::OfferEnded { .. } => {}
        }
    }

    /// Tells everybody what happened and what was merged until now.
    fn send_events(&mut self, happened: Vec<Happened>) {
        let flush = self.fanout.flush(edge::instant(), happened, &self.room, &self.apart);
        let mut slow = Vec::new();
        let mut tell = |member: MemberId, message: &Outgoing| {
            if self.sockets.get(&member).is_some_and(|socket| is_slow(&socket.outgoing, message.clone())) {
                slow.push(member);
            }
        };
        for (&member, message) in &flush.own {
            tell(member, message);
        }
        let mut apart: HashSet<MemberId> = flush.own.keys().copied().collect();
        for participant in self.room.on_stage() {
            let class = if participant.role.moderates() { Class::Moderators } else { Class::Speakers };
            if apart.insert(participant.member)
                && let Some(message) = flush.to(class)
            {
                tell(participant.member, message);
            }
        }
        // The only step whose cost grows with the audience; in a large room it happens a few times a second at most.
        // Whoever is out of the room already gets the last events as a listener does.
        if let Some(message) = flush.to(Class::Audience) {
            for (&member, socket) in &self.sockets {
                if !apart.contains(&member) && is_slow(&socket.outgoing, message.clone()) {
                    slow.push(member);
                }
            }
        }
        for member in slow {
            self.drop_slow(member);
        }
    }

    /// Shows somebody under another name to those who see them. In a large room only those on stage are told of a listener's.
    fn tell_renamed(&mut self, person: &Person) {
        let member = person.id.0;
        let to_all = !self.fanout.forget_names(&self.room)
            || self.room.participant(member).is_some_and(|participant| participant.role.on_stage());
        let message = Outgoing::from(&ServerMessage::Renamed { person: person.clone() });
        let on_stage = |viewer| self.room.participant(viewer).is_some_and(|viewer| viewer.role.on_stage());
        let told = self.sockets.iter().filter(|&(&viewer, _)| {
            viewer == member || ((to_all || on_stage(viewer)) && !self.apart.are(viewer, member))
        });
        let slow: Vec<_> =
            told.filter(|(_, socket)| is_slow(&socket.outgoing, message.clone())).map(|(member, _)| *member).collect();
        for member in slow {
            self.drop_slow(member);
        }
    }

    /// Tells everybody what goes on around the talk, if it is time.
    fn send_chatter(&mut self) {
        let large = fanout::is_large(&self.room);
        let flush = self.chatter.flush(edge::instant(), &self.apart, large);
        self.count_reactions(&flush.reactions);
        let mut slow = Vec::new();
        // Its cost grows with the audience, so it must not be paid in rounds in which there is nothing to tell.
        if let Some(all) = &flush.all {
            for (&member, socket) in &self.sockets {
                let message = flush.own.get(&member).unwrap_or(all);
                if is_slow(&socket.outgoing, message.clone()) {
                    slow.push(member);
                }
            }
        }
        if let Some(captions) = &flush.captions {
            for member in self.chatter.wanting() {
                if self.sockets.get(&member).is_some_and(|socket| is_slow(&socket.outgoing, captions.clone())) {
                    slow.push(member);
                }
            }
        }
        for member in slow {
            self.drop_slow(member);
        }
    }

    fn send_snapshot(&mut self, member: MemberId) {
        let house = self.house.as_ref().map(super::summary::badge);
        if let Some(mut snapshot) =
            fanout::snapshot(&self.room, &self.people, &self.apart, house, member, edge::now().0)
        {
            snapshot.lines = self.chatter.lines_for(&self.room, &self.apart, member);
            self.send_to(member, None, &ServerMessage::Snapshot(Box::new(snapshot)));
        }
    }

    /// Sends to a member's socket; with `only`, to no other than that one.
    fn send_to(&mut self, member: MemberId, only: Option<SocketNo>, message: &ServerMessage) {
        let Some(socket) = self.sockets.get(&member) else {
            return;
        };
        if only.is_none_or(|only| only == socket.number) && is_slow(&socket.outgoing, message.into()) {
            self.drop_slow(member);
        }
    }

    /// Cuts off a client that does not read. Its task notices that the channel is gone, says `too_slow` and reports the
    /// socket as lost, which starts the time in which the member can come back.
    fn drop_slow(&mut self, member: MemberId) {
        tracing::info!("a client that does not keep up was cut off");
        metrics::counter!("roomtone_sockets_too_slow_total").increment(1);
        self.sockets.remove(&member);
    }

    /// Says goodbye and closes the member's socket.
    fn let_go(&mut self, member: MemberId, bye: ByeCode) {
        self.send_to(member, None, &goodbye(bye));
        self.sockets.remove(&member);
        if let Some(waiting) = self.knocking.remove(&member) {
            say(&waiting, &goodbye(bye));
        }
    }

    /// Makes a socket the one of its member, and tells it what it may know.
    fn connect(&mut self, connect: Connect) {
        let Connect { member, since, socket, reply } = connect;
        answer(reply, Ok(()));
        if self.room.participant(member).is_some() {
            self.seat(member, since, socket);
        } else {
            // A guest who waits, or somebody who is to be told that they are not here any more.
            self.keep_waiting(member, socket);
        }
    }

    /// The same for somebody who is in the room.
    pub(super) fn seat(&mut self, member: MemberId, since: Option<Seq>, socket: Socket) {
        self.let_go(member, ByeCode::Replaced);
        self.sockets.insert(member, socket);
        match since.and_then(|since| self.fanout.resume(&self.room, &self.apart, member, since)) {
            Some(events) => {
                if let Some(socket) = self.sockets.get(&member) {
                    // Just opened, so there is room for it.
                    let _ = socket.outgoing.try_send(events);
                }
            }
            None => self.send_snapshot(member),
        }
    }

    /// Ends every leg and every socket.
    pub(super) async fn close_everything(&mut self, bye: ByeCode) {
        for leg in self.legs.drain() {
            self.drop_leg(&leg).await;
        }
        self.granted.clear();
        self.keep_nothing().await;
        self.record_nothing().await;
        let members: Vec<_> = self.sockets.keys().chain(self.knocking.keys()).copied().collect();
        for member in members {
            self.let_go(member, bye);
        }
        if !self.room.is_open() {
            // Nothing may be forwarded any more, whatever legs the media threads still know.
            self.grant().await;
        }
    }

    async fn make_listen_leg(&mut self, caller: &Caller, offer: &Offer, slots: &[Slot]) -> Result<NewLeg, ApiError> {
        let member = caller.member();
        let talker = self.number_of(member)?;
        let thread = self.rooms.media.place_listener();
        let leg = LegId(edge::random_128());
        let local = draw_credentials();
        let cname = ice_chars(&edge::random::<16>());
        let ssrcs: [u32; roomtone_media::frame::SLOTS] = std::array::from_fn(|_| u32::from_be_bytes(edge::random()));
        let listen_slots = slots
            .iter()
            .zip(ssrcs)
            .map(|(slot, ssrc)| ListenSlot {
                payload_type: slot.payload_type,
                red: slot.red,
                level_ext: slot.level_ext,
                nack: slot.nack,
                ssrc,
                // Below 2^15 (RFC 3711, section 3.3.1): see the field's own description.
                seq: u16::from_be_bytes(edge::random()) & 0x7fff,
                time: u32::from_be_bytes(edge::random()),
            })
            .collect();
        let candidates = self.rooms.media.candidates(thread);
        let transport =
            Transport { ice: &local, fingerprint: self.rooms.media.fingerprint(), udp: candidates, tcp: candidates };
        let answer =
            sdp::listen_answer(offer, &ListenParams { transport, ssrcs, cname: &cname }).map_err(refuse_sdp)?;
        let setup = ListenSetup {
            leg,
            room: self.room.id(),
            talker,
            local,
            remote: offer.ice.clone(),
            fingerprint: offer.fingerprint,
            slots: listen_slots,
            cname,
        };
        let tier = tier_of(&self.room, member, self.tiers.tier());
        let session = caller.session;
        self.keep_leg(Leg { id: leg, member, kind: LegKind::Listen, place: Place::Thread(thread), session, tier })
            .await;
        self.rooms.media.listen(thread, setup, tier).await;
        Ok(NewLeg { leg, answer })
    }

    async fn make_publish_leg(
        &mut self,
        caller: &Caller,
        offer: &Offer,
        line: &PublishLine,
    ) -> Result<NewLeg, ApiError> {
        let member = caller.member();
        let talker = self.number_of(member)?;
        // Muted, moved or gone by a later message of the same round.
        self.may_publish(member)?;
        let thread = self.rooms.media.home(self.room.id());
        let leg = LegId(edge::random_128());
        let local = draw_credentials();
        let candidates = self.rooms.media.candidates(thread);
        let transport =
            Transport { ice: &local, fingerprint: self.rooms.media.fingerprint(), udp: candidates, tcp: candidates };
        let answer = sdp::publish_answer(offer, &PublishParams { transport }).map_err(refuse_sdp)?;
        let setup = PublishSetup {
            leg,
            room: self.room.id(),
            talker,
            local,
            remote: offer.ice.clone(),
            fingerprint: offer.fingerprint,
            opus: line.opus_pt,
            red: line.red_pt,
            level_ext: line.level_ext,
            ssrc: line.ssrc,
        };
        let (session, tier) = (caller.session, Tier::Ms20);
        self.keep_leg(Leg { id: leg, member, kind: LegKind::Publish, place: Place::Thread(thread), session, tier })
            .await;
        self.rooms.media.publish(setup).await;
        Ok(NewLeg { leg, answer })
    }

    /// Has the mixer begin a stream, which takes the place of whatever its member listened by.
    async fn make_stream(&mut self, request: StreamRequest, seat: Seat) {
        let StreamRequest { caller, leg, line, reply } = request;
        let member = caller.member();
        if let Err(error) = self.number_of(member) {
            return answer(reply, Err(error));
        }
        let (place, session, tier) = (Place::Stream(line.clone()), caller.session, self.tiers.tier());
        self.keep_leg(Leg { id: leg, member, kind: LegKind::Listen, place, session, tier }).await;
        if let Some(outlet) = seat.outlet() {
            self.rooms.mixes.grant(self.room.id(), &self.granted);
            self.rooms.media.hand_on(self.room.id(), outlet).await;
        }
        if let Some(pages) = seat.join(leg, line) {
            return answer(reply, Ok(pages));
        }
        // In the next round, since what it means has to be kept.
        let event = LegEvent::Ended(EndReason::ClosedByPeer);
        self.waiting.push_back(Message::Report(Report { leg, room: self.room.id(), event }));
        answer(reply, Err(Code::Busy.into()));
    }

    fn number_of(&self, member: MemberId) -> Result<TalkerNo, ApiError> {
        if !self.room.is_open() {
            return Err(Code::RoomEnded.into());
        }
        self.room.participant(member).map(|p| p.number).ok_or_else(|| Code::NotInRoom.into())
    }

    /// Notes a leg that is about to be made; the one of the same kind that it replaces goes first (guarantee G1).
    async fn keep_leg(&mut self, leg: Leg) {
        if let Some(old) = self.legs.insert(leg) {
            self.end(old, LegEndCode::Replaced).await;
        }
    }

    async fn cut_kind(&mut self, member: MemberId, kind: LegKind) {
        if let Some(leg) = self.legs.of(member, kind).and_then(|id| self.legs.remove(id)) {
            self.end(leg, LegEndCode::NotAllowed).await;
        }
    }

    /// Ends a leg that its member gave up or that ended by itself, without telling anybody.
    async fn cut(&mut self, id: LegId) {
        if let Some(leg) = self.legs.remove(id) {
            self.drop_leg(&leg).await;
        }
    }

    async fn end(&mut self, leg: Leg, code: LegEndCode) {
        self.drop_leg(&leg).await;
        self.send_to(leg.member, None, &fanout::leg_ended(&leg, code));
    }

    /// Cuts a leg where it lives.
    async fn drop_leg(&self, leg: &Leg) {
        match &leg.place {
            Place::Thread(thread) => self.rooms.media.drop_leg(*thread, leg.id).await,
            Place::Stream(line) => line.cut(),
        }
    }
}

/// What a member gets in a room whose audience gets `audience`.
fn tier_of(room: &Room, member: MemberId, audience: Tier) -> Tier {
    if room.participant(member).is_some_and(|p| p.role.on_stage()) { Tier::Ms20 } else { audience }
}

/// Hands a socket a message; returns whether it has no room for it. One that is closed is about to be reported as lost.
pub(super) fn is_slow(outgoing: &mpsc::Sender<Outgoing>, message: Outgoing) -> bool {
    matches!(outgoing.try_send(message), Err(TrySendError::Full(_)))
}

/// The last message before a socket closes.
pub(super) fn goodbye(code: ByeCode) -> ServerMessage {
    ServerMessage::Bye { code, message: code.message().to_owned(), retry_after: None }
}

/// What the HTTP layer answers to an offer that cannot be answered.
pub(crate) fn refuse_sdp(error: sdp::SdpError) -> ApiError {
    let code = match error {
        sdp::SdpError::Invalid(_) => Code::InvalidSdp,
        sdp::SdpError::NoAudio => Code::NoAudio,
        sdp::SdpError::NoCommonCodec => Code::NoCommonCodec,
    };
    ApiError::with_message(code, error.to_string())
}
