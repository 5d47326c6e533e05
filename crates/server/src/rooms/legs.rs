//! The media legs of one room: who has which, and where it lives.

use std::collections::HashMap;

use roomtone_media::feed::Tier;
use roomtone_media::leg::{IceCredentials, LegId};
use roomtone_room::ids::MemberId;
use roomtone_room::{Actor, Command, Rejection};
use roomtone_store::Hash;

use super::fanout;
use super::owner::{Owner, Round};
use crate::edge;
use crate::media_io::ThreadNo;
use crate::wire::socket::{ByeCode, LegEndCode, LegKind};

/// One leg.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leg {
    pub(super) id: LegId,
    pub(super) member: MemberId,
    pub(super) kind: LegKind,
    pub(super) thread: ThreadNo,
    /// The session that asked for it.
    pub(super) session: Hash,
    /// What a listen leg gets.
    pub(super) tier: Tier,
}

/// All of a room's legs. A member has at most one of each kind.
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
        self.by_id.insert(leg.id, leg);
        self.listening += usize::from(leg.kind == LegKind::Listen && replaced.is_none());
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

    /// Notes what a listen leg gets from now on, and returns its thread; `None` if it gets that already or is none.
    pub(super) fn change_tier(&mut self, id: LegId, tier: Tier) -> Option<ThreadNo> {
        let leg = self.by_id.get_mut(&id).filter(|leg| leg.kind == LegKind::Listen && leg.tier != tier)?;
        leg.tier = tier;
        Some(leg.thread)
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
            .filter_map(|&kind| self.legs.get(self.legs.of(member, kind)?).copied())
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
        let Some(leg) = self.legs.get(id).copied() else { return };
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
                if !round.listens.iter().any(|request| request.caller.member() == leg.member)
                    && self.present_by_leg.remove(&leg.member)
                {
                    let _ = self.apply(actor, Command::Leave, round);
                }
            }
        }
        round.ended_legs.push(id);
    }

    /// A leg ended by itself; its member is told so that the client makes another.
    pub(super) fn leg_lost(&mut self, id: LegId, round: &mut Round) {
        let Some(leg) = self.legs.get(id).copied() else { return };
        if let Some(socket) = self.sockets.get(&leg.member) {
            round.direct.push((leg.member, socket.number, fanout::leg_lost(&leg)));
        }
        self.leg_ended(id, round);
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
