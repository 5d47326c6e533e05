//! What blocks, suspensions and visits mean for the people in a room.

use std::sync::Arc;

use roomtone_room::ids::MemberId;
use roomtone_room::social::{self, Parting};
use roomtone_room::{Actor, Command};
use roomtone_store::Standing;

use super::owner::{Owner, brought_along};
use super::round::Round;
use crate::edge;
use crate::wire::socket::ByeCode;

impl Owner {
    /// Whether the stage keeps somebody out who is not in the room: by what was looked up of them, or by what is known of
    /// those on stage, whichever is newer.
    pub(super) fn bars(&self, member: MemberId, standing: &Standing) -> bool {
        social::bars(&self.room, &standing.blocked)
            || (!self.apart.is_empty() && self.room.on_stage().any(|p| self.apart.are(p.member, member)))
    }

    /// Takes members out. Whoever hosts goes last, so that nobody who goes as well inherits the room.
    pub(super) fn expel(&mut self, mut members: Vec<MemberId>, round: &mut Round) {
        members.sort_by_key(|member| *member == self.room.host());
        for member in members {
            self.leave(member, ByeCode::SessionEnded, round);
        }
    }

    /// Parts two people between whom a block has just come.
    pub(super) fn part(&mut self, blocker: MemberId, blocked: MemberId, round: &mut Round) {
        // Of somebody who is not here the room shows nothing, unless it has brought their question along.
        let shown =
            |member| self.room.participant(member).is_some() || brought_along(&self.room).any(|asker| asker == member);
        if !shown(blocker) || !shown(blocked) {
            return;
        }
        // Noted of somebody who is here, since it is forgotten when they leave.
        if self.room.participant(blocker).is_some() {
            self.apart.add(blocker, blocked);
        } else if self.room.participant(blocked).is_some() {
            self.apart.add(blocked, blocker);
        }
        // What whoever stays sees of the other goes with a snapshot: nothing is told of the other any more.
        self.show_anew([blocker, blocked], round);
        match social::parting(&self.room, blocker, blocked) {
            Parting::Stay => {}
            Parting::Leaves(member) => self.leave(member, ByeCode::Left, round),
            Parting::Removed => {
                let by = Actor::Member { member: blocker, role_epoch: None, id: None };
                // Refused only if either has left by now, which is as good.
                let _ = self.apply_for(None, by, Command::Remove { member: blocked }, round);
            }
        }
    }

    /// Takes account of blocks that were made while somebody came in, or lifted since: a newcomer is a listener, and gives way.
    pub(super) fn recheck(&mut self, member: MemberId, standing: &Standing, round: &mut Round) {
        let Some(participant) = self.room.participant(member) else { return };
        let listens = !participant.role.on_stage();
        let mut changed = self.apart.from_any(&[member].into());
        self.apart.note(member, Arc::new(standing.blocked.clone()));
        if listens && social::bars(&self.room, &standing.blocked) {
            self.leave(member, ByeCode::Left, round);
        }
        changed.extend(self.apart.from_any(&[member].into()));
        if !changed.is_empty() {
            self.show_anew(changed.into_iter().chain([member]), round);
        }
    }

    fn show_anew(&self, members: impl IntoIterator<Item = MemberId>, round: &mut Round) {
        for member in members {
            if let Some(socket) = self.sockets.get(&member) {
                round.resyncs.push((member, socket.number));
            }
        }
    }

    /// Somebody has come on stage: listeners who have a block with them leave quietly.
    pub(super) fn make_way_for(&mut self, member: MemberId, round: &mut Round) {
        for listener in social::must_go(&self.room, &self.apart, member) {
            self.leave(listener, ByeCode::Left, round);
        }
    }

    /// Notes that a member who comes or goes is in the room with somebody else. Whoever was alone until they came is noted
    /// with them.
    pub(super) fn note_visit(&self, member: MemberId) {
        // Guests are nobody to have been with, and few.
        if self.is_guest(member) {
            return;
        }
        let mut others = self.room.participants().filter(|p| p.member != member && !p.is_guest());
        let Some(first) = others.next() else { return };
        let (visits, now) = (&self.rooms.around.visits, edge::now());
        visits.together(member, now);
        if others.next().is_none() {
            visits.together(first.member, now);
        }
    }
}
