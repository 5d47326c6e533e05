//! Ringing at the side of people who are called up to a stage.

use std::sync::Arc;

use roomtone_room::ids::{MemberId, RoomId, Timestamp};
use roomtone_room::{Event, Room};

use super::Rooms;
use super::fanout::Happened;
use super::message::Message;
use super::owner::Owner;
use crate::live::CallUp;
use crate::notices::choices::default_ways;
use crate::wire::ApiError;
use crate::wire::notices::NoticeKind;
use crate::wire::replays::Hearers;

impl Owner {
    /// Rings for those who were called up by what happened, and no more for those who are not any more. The room must be
    /// shown already as it is now.
    pub(super) fn ring(&self, happened: &[Happened]) {
        let (live, room) = (&self.rooms.around.live, self.room.id());
        let mut called = Vec::new();
        for event in happened {
            match &event.numbered.event {
                Event::CalledUp { member, by, context, until } => {
                    self.begin_call_up(*member, *by, context.clone(), *until);
                    called.push((*member, *by));
                }
                Event::CallUpEnded { member, .. } => live.end_call_up(*member, room),
                Event::RecordingBegun { .. } | Event::RecordingStopped { .. } => {
                    live.note_recording(room, recorded_for(&self.room));
                }
                Event::Forgotten { .. } | Event::Ended { .. } => {
                    live.keep_call_ups(room, |member| self.room.called().contains_key(&member));
                }
                _ => {}
            }
        }
        for (member, by) in called {
            self.rooms.ring(room, member, by, Told::Anew);
        }
    }

    /// Rings again for those who are called up in a room that was brought back.
    pub(super) fn ring_again(&self) {
        for (&member, call) in self.room.called() {
            self.begin_call_up(member, call.by, call.context.clone(), call.until);
            self.rooms.ring(self.room.id(), member, call.by, Told::Before);
        }
    }

    fn begin_call_up(&self, member: MemberId, by: MemberId, context: Option<String>, until: Timestamp) {
        // Known, since they are or were here; should they be gone all the same, nobody is rung in the name of nobody.
        let Some(by) = self.people.get(&by).cloned() else { return };
        let (room, title, recording) = (self.room.id(), self.room.title().to_owned(), recorded_for(&self.room));
        self.rooms.around.live.begin_call_up(CallUp { member, room, title, recording, by, context, until });
    }
}

/// To whom the replay will be open, if a room is recorded.
pub(super) fn recorded_for(room: &Room) -> Option<Hearers> {
    room.recording().map(|on| on.to.into())
}

/// Whether somebody was told already that they are called up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Anew,
    Before,
}

impl Rooms {
    /// Rings for somebody who is called up, in a task of its own. If it cannot be found out whether it may ring, it does not.
    fn ring(self: &Arc<Self>, room: RoomId, member: MemberId, by: MemberId, told: Told) {
        let rooms = self.clone();
        // One for each call-up, of which a room has few, and of which a speaker can make but so many.
        tokio::spawn(async move {
            // What failed was logged.
            let _ = rooms.ring_if_wanted(room, member, by, told).await;
        });
    }

    /// Rings unless there is a block between the two, in which case the call-up is over, or the member may not know of the room or does
    /// not want to hear of such things, which nobody learns.
    async fn ring_if_wanted(&self, room: RoomId, member: MemberId, by: MemberId, told: Told) -> Result<(), ApiError> {
        let internal = |error| ApiError::internal(&error);
        let Some(handle) = self.get(room) else { return Ok(()) };
        // A block that came too early to find the call-up is found out here; one that comes later finds it.
        if self.store.visible_person(by, member).await.map_err(internal)?.is_none() {
            handle.deliver(Message::EndCallUp { member }).await;
            return Ok(());
        }
        let admission = handle.summary().admits(&self.store, member).await?;
        if !admission.admitted {
            return Ok(());
        }
        if told == Told::Anew {
            (self.around.called_up)(room, by, member);
        }
        let muted = self.store.muted_by(member).await.map_err(internal)?;
        let mut choices = self.store.notice_choices(member).await.map_err(internal)?;
        let kind = NoticeKind::CalledUp;
        let ways = choices.remove(kind.as_str()).unwrap_or_else(|| default_ways(kind));
        if ways.inbox && !muted.contains(&by) {
            self.around.live.show_call_up(member, room);
        }
        Ok(())
    }
}
