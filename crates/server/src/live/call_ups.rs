//! People who are called up to a stage: what rings on their pages, from the room's word that they are called to its word that
//! they are not any more.

use std::collections::{BTreeMap, HashSet};

use roomtone_room::ids::{MemberId, RoomId, Timestamp};
use tokio::sync::mpsc;

use super::{Live, lock};
use crate::rooms::message::Outgoing;
use crate::wire::Id;
use crate::wire::hallway::{CallUpRoom, LiveMessage};
use crate::wire::replays::Hearers;
use crate::wire::socket::Person;

/// Call-ups that a page is shown when it opens. More than anybody could answer; fewer than what its queue holds.
const SHOWN_AT_ONCE: usize = 8;

/// Somebody is called up, and has not come yet.
#[derive(Debug, Clone)]
pub(crate) struct CallUp {
    pub(crate) member: MemberId,
    pub(crate) room: RoomId,
    /// The room's title.
    pub(crate) title: String,
    /// To whom the replay will be open, if the room is recorded.
    pub(crate) recording: Option<Hearers>,
    pub(crate) by: Person,
    pub(crate) context: Option<String>,
    pub(crate) until: Timestamp,
}

/// All that are open: at most [`roomtone_room::CALL_UPS_MAX`] for each room.
#[derive(Debug, Default)]
pub(super) struct CallUps(BTreeMap<(MemberId, RoomId), Open>);

#[derive(Debug)]
struct Open {
    call: CallUp,
    /// Whether it rings. Until it is known whether it may, it does not.
    shown: bool,
}

impl CallUp {
    fn told(&self) -> LiveMessage {
        LiveMessage::CalledUp {
            room: CallUpRoom { id: Id(self.room), title: self.title.clone(), recording: self.recording },
            by: self.by.clone(),
            context: self.context.clone(),
            until: self.until.0,
        }
    }
}

impl Live {
    /// Keeps account of somebody who is called up, without ringing yet.
    pub(crate) fn begin_call_up(&self, call: CallUp) {
        lock(&self.call_ups).0.insert((call.member, call.room), Open { call, shown: false });
    }

    /// Rings on the pages of somebody who is called up, unless that is over by now: who is told that it is over is told so
    /// afterwards.
    pub(crate) fn show_call_up(&self, member: MemberId, room: RoomId) {
        let mut call_ups = lock(&self.call_ups);
        if let Some(open) = call_ups.0.get_mut(&(member, room)) {
            open.shown = true;
            self.tell(member, open.call.told());
        }
    }

    /// Ends one that is over.
    pub(crate) fn end_call_up(&self, member: MemberId, room: RoomId) {
        let mut call_ups = lock(&self.call_ups);
        if call_ups.0.remove(&(member, room)).is_some_and(|open| open.shown) {
            self.tell(member, LiveMessage::CallUpEnded { room: Id(room) });
        }
    }

    /// Ends those of a room that it does not know of any more.
    pub(crate) fn keep_call_ups(&self, room: RoomId, known: impl Fn(MemberId) -> bool) {
        let mut call_ups = lock(&self.call_ups);
        let over = call_ups.0.extract_if(.., |(member, of), _| *of == room && !known(*member));
        for ((member, _), _) in over.filter(|(_, open)| open.shown) {
            self.tell(member, LiveMessage::CallUpEnded { room: Id(room) });
        }
    }

    /// Says of those of a room that it is recorded now, or not any more.
    pub(crate) fn note_recording(&self, room: RoomId, recording: Option<Hearers>) {
        let mut call_ups = lock(&self.call_ups);
        for (&(member, _), open) in call_ups.0.iter_mut().filter(|((_, of), _)| *of == room) {
            open.call.recording = recording;
            if open.shown {
                self.tell(member, open.call.told());
            }
        }
    }

    /// Those from or to any of these: the room, who is called, and who calls.
    pub(crate) fn call_ups_of(&self, members: &HashSet<MemberId>) -> Vec<(RoomId, MemberId, MemberId)> {
        let call_ups = lock(&self.call_ups);
        let all = call_ups.0.values().map(|open| (open.call.room, open.call.member, open.call.by.id.0));
        all.filter(|(_, member, by)| members.contains(member) || members.contains(by)).collect()
    }

    /// Shows what rings for a member to a page of theirs that has just opened.
    pub(super) fn show_call_ups(&self, member: MemberId, page: &mpsc::Sender<Outgoing>) {
        let call_ups = lock(&self.call_ups);
        let theirs = call_ups.0.range((member, RoomId(0))..=(member, RoomId(u128::MAX)));
        for (_, open) in theirs.filter(|(_, open)| open.shown).take(SHOWN_AT_ONCE) {
            // It was just opened, so there is room for it.
            let _ = page.try_send(Outgoing::from(&open.call.told()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tempfile::TempDir;

    use super::*;

    const ADA: MemberId = MemberId(1);
    const BEN: MemberId = MemberId(2);

    async fn live() -> (Arc<Live>, TempDir) {
        let data = tempfile::tempdir().unwrap();
        let store = roomtone_store::Store::open(data.path()).await.unwrap();
        (Live::new(store, 10), data)
    }

    fn call(room: u128, member: MemberId) -> CallUp {
        let by = Person { id: Id(ADA), handle: "ada".to_owned(), name: "Ada".to_owned(), avatar: None };
        let (room, title, recording) = (RoomId(room), "Trees".to_owned(), None);
        CallUp { member, room, title, recording, by, context: None, until: Timestamp(7) }
    }

    /// How many rings a page is shown that opens now.
    fn shown(live: &Live, member: MemberId) -> usize {
        let (page, mut queue) = mpsc::channel(100);
        live.show_call_ups(member, &page);
        std::iter::from_fn(|| queue.try_recv().ok()).count()
    }

    #[tokio::test]
    async fn what_may_not_ring_yet_and_what_is_over_does_not() {
        let (live, _data) = live().await;
        live.show_call_up(BEN, RoomId(1));
        live.begin_call_up(call(1, BEN));
        assert_eq!(shown(&live, BEN), 0, "nobody has said that it may ring");
        live.show_call_up(BEN, RoomId(1));
        assert_eq!((shown(&live, BEN), shown(&live, ADA)), (1, 0));
        live.end_call_up(BEN, RoomId(1));
        live.show_call_up(BEN, RoomId(1));
        assert_eq!(shown(&live, BEN), 0, "whoever looked it up came too late");
    }

    #[tokio::test]
    async fn a_page_is_shown_a_few_and_rooms_end_their_own() {
        let (live, _data) = live().await;
        for room in 1..=20 {
            live.begin_call_up(call(room, BEN));
            live.show_call_up(BEN, RoomId(room));
        }
        assert_eq!(shown(&live, BEN), SHOWN_AT_ONCE);
        assert_eq!(live.call_ups_of(&HashSet::from([ADA])).len(), 20);
        assert_eq!(live.call_ups_of(&HashSet::from([BEN])).len(), 20);
        assert_eq!(live.call_ups_of(&HashSet::from([MemberId(3)])), []);
        for room in 1..=19 {
            live.keep_call_ups(RoomId(room), |_| false);
            live.keep_call_ups(RoomId(20), |member| member == BEN);
        }
        assert_eq!(live.call_ups_of(&HashSet::from([BEN])), [(RoomId(20), BEN, ADA)]);
    }
}
