//! The log of moderation of a live room: what commands leave in it, and what appeals take back.

use roomtone_room::ids::{MemberId, RecordId, RoomId};
use roomtone_room::log::{self, Act};
use roomtone_room::{Actor, Command, Event, Kind, Numbered, Role, Timestamp};
use roomtone_store::{ActGuest, NewAct};
use tokio::sync::oneshot;

use super::message::{Message, Revoked};
use super::owner::Owner;
use super::round::Round;
use super::{Rooms, bring_back};
use crate::edge;
use crate::wire::acts::ActKind;
use crate::wire::chatter::LineId;
use crate::wire::{ApiError, Code};

/// People who were in a room that is not open to everybody and have left it, who are remembered. With more, fewer are not told of
/// a ban after they have left a very large room; each takes a few bytes.
const VISITORS: usize = 10_000;

/// What is known of whom a command is about, before it is carried out.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    member: MemberId,
    /// Who vouches for them, if they are a guest.
    voucher: Option<MemberId>,
    /// Whether they may know of the room.
    known: bool,
}

impl Owner {
    /// Whom a command is about.
    pub(super) fn about(&self, command: &Command) -> Option<About> {
        log::subject(command).map(|member| self.about_member(member))
    }

    fn about_member(&self, member: MemberId) -> About {
        let open = self.house.as_ref().is_none_or(|house| house.open);
        let known = self.room.participant(member).is_some()
            || self.visited.contains(&member)
            || (open && self.room.may_enter(member, false));
        About { member, voucher: self.room.voucher_of(member), known }
    }

    /// Notes the act that a command was, if it was one: it is kept with the command's events. `sender` is who asked for it.
    pub(super) fn note_act(
        &mut self,
        events: &[Numbered],
        sender: Option<MemberId>,
        about: Option<About>,
        round: &mut Round,
    ) {
        for numbered in events {
            match &numbered.event {
                Event::Left { member, .. } => self.note_visitor(*member),
                Event::RoleChanged { member, role: Role::Host, .. } => round.leader = Some(*member),
                _ => {}
            }
        }
        if let Some(act) = log::act_of(events.iter().map(|numbered| &numbered.event), sender) {
            // The time of its events, by which an appeal knows the ban that it lifts.
            let at = events.first().map_or_else(edge::now, |first| first.at);
            self.keep_act(at, act, about, round);
        }
    }

    /// Takes a line away, once it is kept who did it if it was not its author.
    pub(super) fn remove_line(&mut self, sender: MemberId, line: LineId, round: &mut Round) -> Result<(), ApiError> {
        let author = self.chatter.removable(&self.room, sender, line)?;
        if round.lines_removed.contains(&line) {
            return Err(Code::NoSuchLine.into());
        }
        round.lines_removed.push(line);
        if author != sender {
            self.note_line_removed(sender, author, round);
        }
        Ok(())
    }

    /// Notes that a line of the backchannel was taken away from its author.
    fn note_line_removed(&mut self, by: MemberId, author: MemberId, round: &mut Round) {
        let about = self.about_member(author);
        let act = Act { kind: log::ActKind::LineRemoved, by, whom: Some(author), reason: None };
        self.keep_act(edge::now(), act, Some(about), round);
    }

    /// Notes that somebody took back the link of a guest who was not here.
    pub(super) fn note_link_revoked(&self, Revoked { by, guest }: Revoked, round: &mut Round) {
        round.acts.push(NewAct {
            id: RecordId(edge::random_128()),
            at: edge::now(),
            kind: ActKind::GuestEnded.as_str(),
            by,
            whom: None,
            guest: Some(guest),
            known: true,
            reason: None,
        });
    }

    fn keep_act(&self, at: Timestamp, act: Act, about: Option<About>, round: &mut Round) {
        let Act { kind, by, whom, reason } = act;
        let about = about.filter(|about| Some(about.member) == whom);
        let guest = about.and_then(|about| {
            let name = self.people.get(&about.member).map_or_else(String::new, |person| person.name.clone());
            Some(ActGuest { id: about.member, name, voucher: about.voucher? })
        });
        round.acts.push(NewAct {
            id: RecordId(edge::random_128()),
            at,
            kind: ActKind::from(kind).as_str(),
            by,
            whom: whom.filter(|_| guest.is_none()),
            guest,
            known: about.is_none_or(|about| about.known),
            reason,
        });
    }

    /// Remembers somebody who has left a room of which not everybody may know.
    fn note_visitor(&mut self, member: MemberId) {
        let open = self.room.kind() == Kind::Open && self.house.as_ref().is_none_or(|house| house.open);
        if !open && self.visited.len() < VISITORS {
            self.visited.insert(member);
        }
    }

    /// Tells those who were put out what was done to them, once it is kept.
    pub(super) fn tell_acts(&self, round: &Round) {
        let put_out = [ActKind::Removed.as_str(), ActKind::Banned.as_str()];
        for act in round.acts.iter().filter(|act| act.known && put_out.contains(&act.kind)) {
            if let Some(whom) = act.whom {
                (self.rooms.around.moderated)(self.room.id(), whom);
            }
        }
    }

    /// Lifts the bans that an appeal has lifted and that still stand: after each such decision, and when the room starts, since
    /// the server may have stopped in between. If the store fails, it is tried again in the next round.
    pub(super) async fn lift_bans(&mut self, round: &mut Round) {
        let waiting = std::mem::take(&mut self.lifting);
        match self.rooms.store.lifted_bans(self.room.id()).await {
            Ok(bans) => {
                self.lifts_due = false;
                for (member, at, by) in bans {
                    let by = by.unwrap_or(self.room.host());
                    // Refused if it was lifted before, or another ban has come since.
                    let _ = self.apply(Actor::System, Command::LiftBan { member, at, by }, round);
                }
                round.done.extend(waiting);
            }
            // Whoever waits is told that the server is busy.
            Err(error) => tracing::error!(%error, "it could not be looked up which bans were lifted"),
        }
    }
}

impl Rooms {
    /// Lifts what bans of a room appeals have lifted, if it is live. Returns when that is kept.
    ///
    /// Errors: `busy` when it could not be kept now; then it will be later.
    pub(crate) async fn lift_bans(&self, room: RoomId) -> Result<(), ApiError> {
        let Some(handle) = self.get(room) else { return Ok(()) };
        let (done, lifted) = oneshot::channel();
        handle.deliver(Message::LiftBans { done }).await;
        match lifted.await {
            Ok(()) => Ok(()),
            // It ended meanwhile, and there is nothing to be let in to.
            Err(_) if handle.summary().ended => Ok(()),
            Err(_) => Err(Code::Busy.into()),
        }
    }

    /// Whether somebody moderated a room that is not live when it ended.
    pub(crate) async fn was_run_by(&self, id: RoomId, member: MemberId) -> Result<bool, ApiError> {
        let Some(stored) = self.store.load_room(id).await.map_err(|e| ApiError::internal(&e))? else {
            return Ok(false);
        };
        if stored.ended_at.is_none() {
            return Ok(false);
        }
        let room = bring_back(&stored).map_err(|e| ApiError::internal(&e))?;
        let moderated = room.participant(member).is_some_and(|participant| participant.role.moderates());
        Ok(moderated || room.host() == member)
    }
}
