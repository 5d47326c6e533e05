//! The media legs of one room: who has which, and where it lives.

use std::collections::HashMap;
use std::sync::Arc;

use roomtone_media::feed::Tier;
use roomtone_media::leg::{IceCredentials, LegId};
use roomtone_room::ids::MemberId;
use roomtone_room::{Actor, Command, Rejection, Room};
use roomtone_store::Hash;

use super::fanout;
use super::message::Caller;
use super::owner::Owner;
use super::round::Round;
use crate::edge;
use crate::line::Line;
use crate::media_io::ThreadNo;
use crate::mix::Seat;
use crate::wire::socket::{ByeCode, LegEndCode, LegKind};
use crate::wire::{ApiError, Code};

/// Where a leg lives.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// On a media thread.
    Thread(ThreadNo),
    /// In the mixer of the room: a plain stream, by this connection.
    Stream(Arc<Line>),
}

/// One leg.
#[derive(Debug, Clone)]
pub(super) struct Leg {
    pub(super) id: LegId,
    pub(super) member: MemberId,
    pub(super) kind: LegKind,
    pub(super) place: Place,
    /// The session that asked for it.
    pub(super) session: Hash,
    /// What a listen leg gets.
    pub(super) tier: Tier,
}

impl Leg {
    /// Whether it is a plain stream.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self.place, Place::Stream(_))
    }
}

/// All of a room's legs. A member has at most one of each kind; a plain stream is one that listens.
#[derive(Debug, Default)]
pub(super) struct Legs {
    by_id: HashMap<LegId, Leg>,
    by_member: HashMap<(MemberId, LegKind), LegId>,
    /// How many of them listen.
    listening: usize,
}

impl Legs {
    /// Adds a leg and returns the one whose place it takes.
    pub(super) fn insert(&mut self, leg: Leg) -> Option<Leg> {
        let replaced = self.by_member.insert((leg.member, leg.kind), leg.id).and_then(|old| self.by_id.remove(&old));
        self.listening += usize::from(leg.kind == LegKind::Listen && replaced.is_none());
        self.by_id.insert(leg.id, leg);
        replaced
    }

    /// Forgets a leg.
    pub(super) fn remove(&mut self, id: LegId) -> Option<Leg> {
        let leg = self.by_id.remove(&id)?;
        self.by_member.remove(&(leg.member, leg.kind));
        self.listening -= usize::from(leg.kind == LegKind::Listen);
        Some(leg)
    }

    /// A leg by its id.
    pub(super) fn get(&self, id: LegId) -> Option<&Leg> {
        self.by_id.get(&id)
    }

    /// A member's leg of one kind.
    pub(super) fn of(&self, member: MemberId, kind: LegKind) -> Option<LegId> {
        self.by_member.get(&(member, kind)).copied()
    }

    /// A member's plain stream.
    pub(super) fn stream_of(&self, member: MemberId) -> Option<&Leg> {
        self.get(self.of(member, LegKind::Listen)?).filter(|leg| leg.is_stream())
    }

    /// Notes what a listen leg gets from now on, and returns its thread; `None` if it gets that already or is none.
    pub(super) fn change_tier(&mut self, id: LegId, tier: Tier) -> Option<ThreadNo> {
        let leg = self.by_id.get_mut(&id).filter(|leg| leg.kind == LegKind::Listen && leg.tier != tier)?;
        let Place::Thread(thread) = leg.place else { return None };
        leg.tier = tier;
        Some(thread)
    }

    /// How many legs listen.
    pub(super) fn listening(&self) -> usize {
        self.listening
    }

    /// The legs that listen.
    pub(super) fn listeners(&self) -> impl Iterator<Item = LegId> {
        self.by_id.values().filter(|leg| leg.kind == LegKind::Listen).map(|leg| leg.id)
    }

    /// Forgets all legs and returns them.
    pub(super) fn drain(&mut self) -> Vec<Leg> {
        self.listening = 0;
        self.by_member.clear();
        self.by_id.drain().map(|(_, leg)| leg).collect()
    }
}

/// What becomes of a member's legs.
impl Owner {
    /// Opens the microphone of somebody who is about to publish; an encoder without a control socket has no other way.
    pub(super) fn open_mic(&mut self, member: MemberId, round: &mut Round) -> Result<(), Rejection> {
        self.may_publish(member)?;
        let actor = Actor::Member { member, role_epoch: None, id: None };
        self.apply(actor, Command::SetMic { open: true }, round).map(drop)
    }

    /// Whether somebody may have a publish leg.
    pub(super) fn may_publish(&self, member: MemberId) -> Result<(), Rejection> {
        let participant = self.room.participant(member).ok_or(Rejection::NotInRoom)?;
        match (participant.role.on_stage(), participant.muted) {
            _ if !self.room.is_open() => Err(Rejection::RoomEnded),
            (false, _) => Err(Rejection::NotOnStage),
            (true, true) => Err(Rejection::MutedByModerator),
            (true, false) => Ok(()),
        }
    }

    /// Ends what a session opened. The member leaves, unless they are here by another session's socket.
    pub(super) fn end_session(&mut self, member: MemberId, session: Hash, round: &mut Round) {
        let socket = self.sockets.get(&member).map(|socket| (socket.number, socket.session));
        let mut legs: Vec<Leg> = [LegKind::Listen, LegKind::Publish]
            .iter()
            .filter_map(|&kind| self.legs.get(self.legs.of(member, kind)?).cloned())
            .collect();
        legs.retain(|leg| leg.session == session);
        match socket {
            Some((number, other)) if other != session => {
                for leg in legs {
                    let told = fanout::leg_ended(&leg, LegEndCode::NotAllowed);
                    round.direct.push((member, number, told));
                    self.leg_ended(leg.id, round);
                }
            }
            None if legs.is_empty() => {}
            _ => self.leave(member, ByeCode::SessionEnded, round),
        }
    }

    /// A leg is to go, or has gone: what that means for its member.
    pub(super) fn leg_ended(&mut self, id: LegId, round: &mut Round) {
        let Some(leg) = self.legs.get(id).cloned() else { return };
        let actor = Actor::Member { member: leg.member, role_epoch: None, id: None };
        match leg.kind {
            // Unless another one is on its way: what takes a leg's place goes on with the microphone as it is.
            LegKind::Publish => {
                if !round.publishes.iter().any(|request| request.caller.member() == leg.member)
                    && self.room.participant(leg.member).is_some_and(|p| p.mic)
                {
                    let _ = self.apply(actor, Command::SetMic { open: false }, round);
                }
            }
            LegKind::Listen => {
                if !round.brings_a_listener(leg.member) && self.present_by_leg.remove(&leg.member) {
                    let _ = self.apply(actor, Command::Leave, round);
                }
            }
        }
        round.ended_legs.push(id);
    }

    /// A leg ended by itself; its member is told so that the client makes another.
    pub(super) fn leg_lost(&mut self, id: LegId, round: &mut Round) {
        let Some(leg) = self.legs.get(id).cloned() else { return };
        if let Some(socket) = self.sockets.get(&leg.member) {
            round.direct.push((leg.member, socket.number, fanout::leg_lost(&leg)));
        }
        if leg.is_stream() && !round.brings_a_listener(leg.member) {
            // A player that is gone without a word may come back, as one does after a tunnel.
            self.lose_presence_by_leg(leg.member, round);
        }
        self.leg_ended(id, round);
    }

    /// Lets somebody in who is to listen: whoever has no control socket is present for as long as what they listen by.
    pub(super) fn come_by_leg(&mut self, caller: &Caller, round: &mut Round) -> Result<(), ApiError> {
        let member = caller.member();
        if self.room.participant(member).is_some_and(|p| p.connected) {
            return Ok(());
        }
        self.enter(caller, round)?;
        if !self.sockets.contains_key(&member) {
            self.present_by_leg.insert(member);
        }
        Ok(())
    }

    /// Lets somebody in who asks for a plain stream, which is for those who listen only.
    pub(super) fn may_stream(&mut self, caller: &Caller, round: &mut Round) -> Result<Seat, ApiError> {
        let member = caller.member();
        let on_stage = |room: &Room| room.participant(member).is_some_and(|p| p.role.on_stage());
        let refused = || ApiError::with_message(Code::AlreadyOnStage, "A plain stream is for those in the audience.");
        if !self.may_come_by_leg(caller) {
            return Err(Code::NotInRoom.into());
        }
        if on_stage(&self.room) {
            return Err(refused());
        }
        let seat = self.rooms.mixes.seat(self.room.id()).ok_or(Code::ServerFull)?;
        self.come_by_leg(caller, round)?;
        // Whoever has accepted a call comes on stage by coming in.
        if on_stage(&self.room) {
            self.lose_presence_by_leg(member, round);
            return Err(refused());
        }
        Ok(seat)
    }

    /// Ends the plain stream of somebody who has come on stage.
    pub(super) fn end_stream(&mut self, member: MemberId, round: &mut Round) {
        let Some(leg) = self.legs.stream_of(member) else { return };
        if let Some(socket) = self.sockets.get(&member) {
            round.direct.push((member, socket.number, fanout::leg_ended(leg, LegEndCode::NotAllowed)));
        }
        round.ended_legs.push(leg.id);
        self.lose_presence_by_leg(member, round);
    }

    /// A control socket is gone. Whoever hears the room by a plain stream is still here, as on a phone whose screen is locked.
    pub(super) fn lose_socket(&mut self, member: MemberId, round: &mut Round) {
        if self.legs.stream_of(member).is_some() {
            self.present_by_leg.insert(member);
        } else {
            // Refused only if the member is gone by now, which is as good.
            let _ = self.apply(Actor::System, Command::LoseConnection { member }, round);
        }
    }

    /// Somebody who was here by what they listened by has some seconds to come back.
    fn lose_presence_by_leg(&mut self, member: MemberId, round: &mut Round) {
        if self.present_by_leg.remove(&member) {
            // As above.
            let _ = self.apply(Actor::System, Command::LoseConnection { member }, round);
        }
    }
}

impl Round {
    /// Whether what somebody listens by is on its way.
    fn brings_a_listener(&self, member: MemberId) -> bool {
        self.listens.iter().any(|request| request.caller.member() == member)
            || self.streams.iter().any(|(request, _)| request.caller.member() == member)
    }
}

/// Our side's ICE credentials for a new leg: 80 and 160 random bits, more than RFC 8445 section 5.3 asks for.
pub(super) fn draw_credentials() -> IceCredentials {
    IceCredentials { ufrag: ice_chars(&edge::random::<16>()), pwd: ice_chars(&edge::random::<32>()) }
}

/// One ice-char (RFC 8839, section 5.4) for each byte, of which five bits count.
pub(super) fn ice_chars(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    bytes.iter().map(|&byte| ALPHABET[usize::from(byte & 31)] as char).collect()
}
