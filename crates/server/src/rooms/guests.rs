//! Guests of a room: how they come, wait, are let in, and go with their pass.

use std::collections::{BTreeMap, HashSet};

use roomtone_room::event::{Event, KnockCause, Numbered};
use roomtone_room::ids::MemberId;
use roomtone_room::{Actor, Applied, Command, Rejection, Room, Waiting};

use super::effects::{goodbye, is_slow};
use super::fanout::Happened;
use super::message::{Caller, Outgoing, Revoked, Vouched};
use super::owner::{Owner, Socket};
use super::ringing::recorded_for;
use super::round::Round;
use crate::edge;
use crate::wire::ApiError;
use crate::wire::socket::{ByeCode, ServerMessage};

/// The guests in a room, and who vouches for each. O(n), for a start only.
pub(super) fn guests_in(room: &Room) -> BTreeMap<MemberId, MemberId> {
    room.participants().filter_map(|p| Some((p.member, p.pass?.by))).collect()
}

impl Owner {
    /// Lets a guest wait, or back in. Where they may not be, they are refused as the rules have it.
    pub(super) fn knock(&mut self, caller: &Caller, vouched: &Vouched, round: &mut Round) -> Result<(), ApiError> {
        let member = caller.member();
        self.people.insert(member, caller.person.clone());
        self.people.entry(vouched.by.id.0).or_insert_with(|| vouched.by.clone());
        let command = match self.room.participant(member) {
            Some(_) => Command::Enter { followed_by_moderator: false },
            None => Command::Knock { pass: vouched.pass() },
        };
        self.apply(Actor::Member { member, role_epoch: None, id: None }, command, round)?;
        Ok(())
    }

    /// Whether a listen leg may bring its owner into the room: a guest's may not, who waits by a control socket.
    pub(super) fn may_come_by_leg(&self, caller: &Caller) -> bool {
        caller.guest.is_none() || self.room.participant(caller.member()).is_some()
    }

    /// Keeps account of the guests, as an event says.
    pub(super) fn note_guest(&mut self, numbered: &Numbered, round: &mut Round) {
        match &numbered.event {
            Event::Entered { member, pass: Some(pass), .. } => {
                self.guests.insert(*member, pass.by);
                // A guest has but one room.
                self.rooms.claim(*member, self.room.id());
            }
            Event::Left { member, .. } => {
                self.guests.remove(member);
            }
            Event::KnockEnded { cause: KnockCause::Admitted { .. }, .. } => {}
            Event::KnockEnded { guest, .. } => {
                round.left.insert(*guest);
            }
            _ => {}
        }
    }

    /// Whether somebody who is known here is, or was, a guest: these have no handle.
    pub(super) fn is_guest(&self, member: MemberId) -> bool {
        self.people.get(&member).is_some_and(|person| person.handle.is_empty())
    }

    /// Ends a pass, which somebody may have revoked.
    pub(super) fn end_pass(&mut self, guest: MemberId, revoked: Option<Revoked>, round: &mut Round) {
        let by = revoked.as_ref().map(|revoked| revoked.by);
        let ended = self.apply_for(by, Actor::System, Command::EndPass { guest }, round);
        // Of a guest who is not here nobody is told, but a link was taken back all the same.
        if let (Err(Rejection::NotInRoom), Some(revoked)) = (ended, revoked) {
            self.note_link_revoked(revoked, round);
        }
    }

    /// Ends the passes of everybody for whom one of these vouches.
    pub(super) fn end_passes_of(&mut self, vouching: &HashSet<MemberId>, round: &mut Round) {
        let inside = self.guests.iter().filter(|(_, by)| vouching.contains(by)).map(|(&guest, _)| guest);
        let waiting = self.room.waiting().iter().filter(|(_, waiting)| vouching.contains(&waiting.pass.by));
        let over: Vec<MemberId> = inside.chain(waiting.map(|(&guest, _)| guest)).collect();
        for guest in over {
            self.end_pass(guest, None, round);
        }
    }

    /// Says no to being called up, in the name of who was.
    pub(super) fn decline_call_up(&mut self, member: MemberId, round: &mut Round) -> Result<Applied, Rejection> {
        self.apply(Actor::Member { member, role_epoch: None, id: None }, Command::DeclineCallUp, round)
    }

    /// Keeps the socket of a guest who waits, and tells them that they do. An older one of theirs goes.
    pub(super) fn keep_waiting(&mut self, guest: MemberId, socket: Socket) {
        if let Some(waiting) = self.room.waiting().get(&guest) {
            say(&socket, &self.waits(waiting));
        }
        if let Some(older) = self.knocking.insert(guest, socket) {
            say(&older, &goodbye(ByeCode::Replaced));
        }
    }

    /// What a guest is told who waits, among it whether they come to a talk that is recorded.
    fn waits(&self, waiting: &Waiting) -> ServerMessage {
        ServerMessage::Waiting { until: waiting.pass.until.0, recording: recorded_for(&self.room) }
    }

    /// Tells those who wait when the room begins to be recorded, or is not any more.
    pub(super) fn tell_waiting(&self, happened: &[Happened]) {
        let is_that = |event: &Event| matches!(event, Event::RecordingBegun { .. } | Event::RecordingStopped { .. });
        if !happened.iter().any(|one| is_that(&one.numbered.event)) {
            return;
        }
        for (guest, socket) in &self.knocking {
            if let Some(waiting) = self.room.waiting().get(guest) {
                say(socket, &self.waits(waiting));
            }
        }
    }

    /// Tells a guest who was let in of the room, from now on as everybody who is here.
    pub(super) fn take_in(&mut self, guest: MemberId) {
        if self.room.participant(guest).is_some()
            && let Some(socket) = self.knocking.remove(&guest)
        {
            self.seat(guest, None, socket);
        }
    }

    /// Ends the passes of guests who were banned in the store as well, so that a lifted ban does not bring them back.
    pub(super) async fn end_kept_passes(&self, guests: &[MemberId]) {
        for &guest in guests {
            if let Err(error) = self.rooms.store.end_guest(self.room.id(), guest, edge::now()).await {
                tracing::warn!(%error, "the pass of a guest who was banned is still in the store");
            }
        }
    }
}

/// Hands a socket that was just opened, or is about to close, a message. It has room for it; if it is lost, its task says so.
pub(super) fn say(socket: &Socket, message: &ServerMessage) {
    let _ = is_slow(&socket.outgoing, Outgoing::from(message));
}
