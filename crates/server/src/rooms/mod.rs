//! The live rooms of this process: each with one owner task, found by id, and a record of who is where.

mod acts;
mod chatter;
mod effects;
mod evidence;
mod fanout;
mod guests;
mod legs;
pub(crate) mod message;
mod owner;
mod presence;
mod recording;
mod ringing;
mod roster;
mod round;
mod sheet;
mod social;
mod summary;
#[cfg(test)]
mod tests;
mod tiers;

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt;
use roomtone_room::ids::{HouseId, MemberId, RoomId, Seq};
use roomtone_room::{Numbered, Opening, Room};
use roomtone_store::{Hash, LogRow, NewRoom, Store, StoredRoom};
use tokio::sync::{mpsc, oneshot, watch};

use crate::app::StartError;
use crate::edge;
use crate::live::Live;
use crate::media_io::{Load, Media, Report};
use crate::mix::Mixes;
use crate::recorder::Recorder;
use crate::tasks::supervised;
use crate::visits::Visits;
use crate::wire::chatter::Reaction;
use crate::wire::socket::ByeCode;
use crate::wire::stored::{Unreadable, read_event, read_state, write_event};
use crate::wire::{ApiError, Code};
pub(crate) use effects::refuse_sdp;
pub(crate) use evidence::Minute;
use message::{Message, Proof, Revoked, SocketNo};
use owner::Owner;
pub(crate) use presence::{Known, Presence};
use roster::Followed;
pub(crate) use roster::Sought;
use sheet::author;
pub(crate) use sheet::terms_of_sheet;
pub(crate) use summary::{Admission, HouseEntry, Onlooker, Summary, may_know_rooms, rules_first};

/// Messages that may wait for one room's owner. More rides out a slow disk; when it is full, whoever asks is told
/// that the server is busy.
const INBOX: usize = 2048;

/// Follows that are looked at to show who is followed by the stage. More finds people whom speakers have followed for long;
/// fewer spares the database.
const FOLLOWED_MAX: u64 = 5_000;

/// How long after a failure of the store a room is brought back. Longer spares a struggling disk; shorter shortens the
/// silence.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// After how many seconds somebody who was refused is to try again: one of these. Later asks less of a full server; sooner
/// gives a free place away sooner.
const RETRY_WHEN_FULL: Range<u64> = 5..16;

/// All live rooms.
pub struct Rooms {
    store: Store,
    media: Arc<Media>,
    /// The rooms that are mixed for plain streams.
    mixes: Arc<Mixes>,
    /// What writes down what is recorded.
    recorder: Arc<Recorder>,
    /// Names this process as the owner of its rooms.
    process: u128,
    live: RwLock<HashMap<RoomId, Handle>>,
    /// Who is where.
    presence: Mutex<Presence>,
    around: Around,
    /// People who may be in rooms.
    max_listeners: usize,
    next_socket: AtomicU64,
    /// Sessions that this process has ended, blocks that were made, and people who were put out of a house.
    sign_outs: AtomicU64,
    /// Rises whenever the hallway may look different.
    changes: AtomicU64,
    stopping: AtomicBool,
}

/// Whom the rooms tell of what happens in them.
pub(crate) struct Around {
    /// The live sockets.
    pub(crate) live: Arc<Live>,
    /// Who took part on which day.
    pub(crate) visits: Arc<Visits>,
    /// Told when somebody else than the host comes on stage. Must not wait.
    pub(crate) speaking: Box<dyn Fn(RoomId, MemberId) + Send + Sync>,
    /// Told when the one calls the other up to the stage. Must not wait.
    pub(crate) called_up: Box<dyn Fn(RoomId, MemberId, MemberId) + Send + Sync>,
    /// Told when somebody was put out of a room by those who run it. Must not wait.
    pub(crate) moderated: Box<dyn Fn(RoomId, MemberId) + Send + Sync>,
    /// Told when a room has ended, and with it its event. Must not wait.
    pub(crate) ended: Box<dyn Fn() + Send + Sync>,
}

/// How many sessions had been ended, blocks been made and people put out of houses at some moment. As long as the number stays
/// the same, whoever was signed in still is, and may be where they might be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SignOuts(u64);

/// Somebody who is on the way to a room, until this is dropped.
#[must_use]
pub(crate) struct Coming {
    rooms: Arc<Rooms>,
    member: MemberId,
    visit: u64,
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.rooms.presence().arrived(self.member, self.visit);
    }
}

/// How others reach a room's owner.
#[derive(Clone)]
pub(crate) struct Handle {
    inbox: mpsc::Sender<Message>,
    summary: watch::Receiver<Arc<Summary>>,
    reactions: Arc<chatter::Reactions>,
    followed: Arc<Followed>,
}

impl Handle {
    /// Counts a reaction of somebody in the room. The owner is told of the first that it does not know of, and of those
    /// of people on stage, which are shown with their names.
    pub(crate) fn react(&self, member: MemberId, reaction: Reaction) {
        let first = self.reactions.add(reaction);
        let shown = || self.summary.borrow().stage.contains(&member);
        if (first || shown()) && self.send(Message::React { member, reaction }).is_err() {
            // The next one tells the owner.
            self.reactions.unnoticed();
        }
    }

    /// What the hallway shows of the room, and who may enter it.
    pub(crate) fn summary(&self) -> Arc<Summary> {
        self.summary.borrow().clone()
    }

    /// Whom somebody on stage follows: remembered for a while, since everybody in the room asks for the same.
    pub(crate) async fn followed_by_stage(&self, store: &Store) -> Result<Arc<HashSet<MemberId>>, ApiError> {
        let now = edge::instant();
        if let Some(members) = self.followed.get(now) {
            return Ok(members);
        }
        let stage = self.summary().stage.clone();
        let members = store.newest_followed_by(&stage, FOLLOWED_MAX).await.map_err(|e| ApiError::internal(&e))?;
        let members = Arc::new(members);
        self.followed.remember(now, &members);
        Ok(members)
    }

    /// Hands the owner a message. A full inbox answers `busy`.
    pub(crate) fn send(&self, message: Message) -> Result<(), ApiError> {
        self.inbox.try_send(message).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Code::Busy.into(),
            mpsc::error::TrySendError::Closed(_) => self.gone(),
        })
    }

    /// Hands the owner a message, and waits while its inbox is full: for what must not be lost.
    pub(crate) async fn deliver(&self, message: Message) {
        // An error means that the room has no owner any more, and whatever the message is about is gone with it.
        let _ = self.inbox.send(message).await;
    }

    /// Asks the owner something.
    pub(crate) async fn ask<T>(&self, make: impl FnOnce(message::Reply<T>) -> Message) -> Result<T, ApiError> {
        let (reply, answer) = oneshot::channel();
        self.send(make(reply))?;
        answer.await.map_err(|_| self.gone())?
    }

    /// Why the owner does not answer: the room has ended, or the server stops or cannot reach its database for now.
    fn gone(&self) -> ApiError {
        if self.summary.borrow().ended { Code::RoomEnded } else { Code::Busy }.into()
    }
}

impl Rooms {
    /// Brings back every room that had not ended when the server stopped and can be read, and starts passing on what the
    /// media threads report.
    pub(crate) async fn start(
        store: Store,
        media: Arc<Media>,
        mut reports: mpsc::Receiver<Report>,
        recorder: Arc<Recorder>,
        max_listeners: usize,
        around: Around,
    ) -> Result<Arc<Self>, StartError> {
        let mixes = Mixes::new(media.reports());
        let rooms = Arc::new(Self {
            store,
            media,
            mixes,
            recorder,
            process: edge::random_128(),
            live: RwLock::default(),
            presence: Mutex::default(),
            around,
            max_listeners,
            next_socket: AtomicU64::new(1),
            sign_outs: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        });
        for id in rooms.store.live_rooms().await? {
            let room = match rooms.load(id).await {
                // One room that cannot be read must not keep everybody out of all the others.
                Err(StartError::Room(error)) => {
                    tracing::error!(%error, "a live room could not be brought back");
                    // What was recorded in it becomes replays: who spoke there can hear it, and take it back.
                    rooms.store.give_up_recordings(id, edge::now()).await?;
                    continue;
                }
                loaded => loaded?,
            };
            tracing::info!(participants = room.participants().count(), "a live room was brought back");
            rooms.run(room).await?;
        }
        let router = rooms.clone();
        tokio::spawn(supervised("leg_reports", async move || {
            while let Some(report) = reports.recv().await {
                if let Some(handle) = router.get(report.room) {
                    handle.deliver(Message::Report(report)).await;
                }
            }
        }));
        Ok(rooms)
    }

    /// Opens a room. Its host is in it, and has some seconds to connect. Refuses as [`Rooms::come_to`] does.
    pub(crate) async fn open(self: &Arc<Self>, host: MemberId, opening: Opening) -> Result<RoomId, ApiError> {
        if self.is_stopping() {
            return Err(Code::Busy.into());
        }
        let now = edge::now();
        let id = RoomId(edge::random_128());
        let _coming = self.come_to(host, id).await?;
        let (title, house) = (opening.title.clone(), opening.house);
        let (room, events) = Room::open(now, id, host, opening);
        let rows: Vec<_> = events
            .iter()
            .map(|numbered| LogRow {
                seq: numbered.seq.0,
                at: numbered.at,
                member: Some(author(&numbered.event).unwrap_or(host)),
                command: None,
                body: write_event(&numbered.event),
            })
            .collect();
        let askers: Vec<_> = events.iter().filter_map(|numbered| author(&numbered.event)).collect();
        let opened = async {
            self.store.create_room(NewRoom { id, opened_at: now, title, host, house }, &rows).await?;
            self.run(room).await
        };
        opened.await.map_err(|error: StartError| ApiError::internal(&error))?;
        metrics::counter!("roomtone_rooms_opened_total").increment(1);
        if let Err(error) = self.forget_gone(id, &askers).await {
            // The room is there all the same; whoever is deleted from now on is forgotten as everywhere.
            tracing::error!(%error, "it could not be looked up who has gone while a room was opened");
        }
        Ok(id)
    }

    /// A live room.
    pub(crate) fn get(&self, id: RoomId) -> Option<Handle> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// All live rooms, in no order.
    pub(crate) fn all(&self) -> Vec<Handle> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Notes that the member comes to `room`, and takes them out of whatever other room they are in. The result is to be
    /// kept until the room's owner has answered; if it has not let them in by then, they are nowhere. Who is in no room,
    /// and had none kept for them, is refused with `server_full` when there is no room for one more: those who are inside
    /// come first.
    pub(crate) async fn come_to(self: &Arc<Self>, member: MemberId, room: RoomId) -> Result<Coming, ApiError> {
        let has_room = |taken| taken < self.max_listeners && self.media.load() != Load::Full;
        let Some(way) = self.presence().come(member, room, has_room) else {
            metrics::counter!("roomtone_full_refusals_total").increment(1);
            return Err(full());
        };
        let coming = Coming { rooms: self.clone(), member, visit: way.visit };
        if let Some(handle) = way.from.and_then(|from| self.get(from)) {
            let (done, left) = oneshot::channel();
            handle.deliver(Message::Elsewhere { member, done }).await;
            // Fails if that room ended meanwhile, which is as good.
            let _ = left.await;
        }
        Ok(coming)
    }

    /// Notes that the member is not in `room` any more.
    fn left(&self, member: MemberId, room: RoomId) {
        self.presence().left(member, room);
        self.changed();
    }

    /// Notes that the member is in `room`, unless they have gone to another one meanwhile; returns whether they are.
    fn claim(&self, member: MemberId, room: RoomId) -> bool {
        self.changed();
        self.presence().claim(member, room)
    }

    /// Notes that the hallway may look different.
    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Rises whenever the hallway may look different.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Whether the member may know of a room and enter it: by what the room is, or because they are in it already.
    pub(crate) async fn admits(&self, handle: &Handle, member: MemberId) -> Result<Admission, ApiError> {
        let summary = handle.summary();
        if self.presence().inside(member) == Some(summary.card.id.0) {
            return Ok(Admission::of_somebody_inside());
        }
        summary.admits(&self.store, member).await
    }

    /// Which of these members, none of whom is in it, may know of a room.
    pub(crate) async fn admits_of(&self, handle: &Handle, members: &[MemberId]) -> Result<HashSet<MemberId>, ApiError> {
        handle.summary().admits_of(&self.store, members).await
    }

    /// Everybody who is in a room or on the way to one.
    pub(crate) fn everybody(&self) -> HashSet<MemberId> {
        self.presence().members().collect()
    }

    /// Takes members out of every room and cuts their sockets and legs, all at once; their sessions must be gone from the
    /// store already. Returns when the rooms have done it.
    pub(crate) async fn expel(&self, members: &HashSet<MemberId>) {
        // As in `signed_out`: whatever opens too late to be found here is looked at again.
        self.sign_outs.fetch_add(1, Ordering::SeqCst);
        self.around.live.expel(members);
        let mut by_room: HashMap<RoomId, Vec<MemberId>> = HashMap::new();
        {
            let presence = self.presence();
            for &member in members {
                if let Some(room) = presence.room_of(member) {
                    by_room.entry(room).or_default().push(member);
                }
            }
        }
        let mut waiting = Vec::new();
        for (room, members) in by_room {
            if let Some(handle) = self.get(room) {
                let (done, expelled) = oneshot::channel();
                handle.deliver(Message::Expel { members, done }).await;
                waiting.push(expelled);
            }
        }
        for expelled in waiting {
            // Fails if that room ended meanwhile, which is as good.
            let _ = expelled.await;
        }
        self.end_passes_of(members).await;
        for (room, member, _) in self.around.live.call_ups_of(members) {
            self.end_call_up(room, member).await;
        }
    }

    /// Ends the passes of all guests whom any of these vouches for, and takes them out. Returns when the rooms have done it.
    async fn end_passes_of(&self, members: &HashSet<MemberId>) {
        if let Err(error) = self.store.end_guests_of(members, edge::now()).await {
            // They are taken out all the same, and nobody who is suspended vouches for anybody.
            tracing::error!(%error, "passes of guests are still in the store");
        }
        self.sign_outs.fetch_add(1, Ordering::SeqCst);
        let mut waiting = Vec::new();
        for handle in self.all() {
            let summary = handle.summary();
            if summary.guests.values().chain(summary.waiting.values()).any(|by| members.contains(by)) {
                let (done, ended) = oneshot::channel();
                handle.deliver(Message::EndPassesOf { members: Arc::new(members.clone()), done }).await;
                waiting.push(ended);
            }
        }
        for ended in waiting {
            // As above.
            let _ = ended.await;
        }
    }

    /// Takes a guest out whose pass has ended in the store, since it was revoked or they went. Returns when the room has done it.
    pub(crate) async fn end_pass(&self, room: RoomId, guest: MemberId, revoked: Option<Revoked>) {
        // As in `signed_out`: a socket that opens too late to be found is looked at again.
        self.sign_outs.fetch_add(1, Ordering::SeqCst);
        if let Some(handle) = self.get(room) {
            let (done, ended) = oneshot::channel();
            handle.deliver(Message::EndPass { guest, revoked, done }).await;
            // Fails if the room ended meanwhile, which is as good.
            let _ = ended.await;
        }
    }

    async fn end_call_up(&self, room: RoomId, member: MemberId) {
        if let Some(handle) = self.get(room) {
            handle.deliver(Message::EndCallUp { member }).await;
        }
    }

    /// Makes every live room forget what a member wrote in it who was taken out of all of them. Returns when they have done
    /// it.
    pub(crate) async fn forget(&self, member: MemberId) {
        let mut waiting = Vec::new();
        for handle in self.all() {
            let (done, forgotten) = oneshot::channel();
            handle.deliver(Message::Forget { member, done }).await;
            waiting.push(forgotten);
        }
        for forgotten in waiting {
            // Fails if that room ended meanwhile: what its log keeps is rewritten with that of all others.
            let _ = forgotten.await;
        }
    }

    /// Lets the rooms of two members know that there may be no block between them any more. The store must know it already.
    pub(crate) async fn reunite(&self, one: MemberId, other: MemberId) -> Result<(), ApiError> {
        for member in [one, other] {
            let room = self.presence().room_of(member);
            if let Some(handle) = room.and_then(|room| self.get(room)) {
                let standing = Arc::new(self.store.standing(member).await.map_err(|e| ApiError::internal(&e))?);
                handle.deliver(Message::Recheck { member, standing }).await;
            }
        }
        Ok(())
    }

    /// Parts two members of whom the one has just blocked the other: in the rooms where they are, and in the hallway. The
    /// block must be in the store already.
    pub(crate) async fn part(&self, blocker: MemberId, blocked: MemberId) {
        // Whoever is on the way to a room, and was asked about before the block was made, is asked about again; so is whoever
        // is about to ring.
        self.sign_outs.fetch_add(1, Ordering::SeqCst);
        self.around.live.end_calls_between(blocker, blocked);
        let (one, other) = {
            let presence = self.presence();
            (presence.room_of(blocker), presence.room_of(blocked))
        };
        // Also where only one of them is: the room may show the other, whose question it has brought along.
        for handle in [one, other.filter(|_| one != other)].into_iter().flatten().filter_map(|room| self.get(room)) {
            let (done, parted) = oneshot::channel();
            handle.deliver(Message::Part { blocker, blocked, done }).await;
            // As above.
            let _ = parted.await;
        }
        for (room, called, by) in self.around.live.call_ups_of(&HashSet::from([blocker, blocked])) {
            let other = if called == blocker { blocked } else { blocker };
            let on_stage = || self.get(room).is_some_and(|handle| handle.summary().stage.contains(&other));
            // To whoever is called, a room is not there with somebody on stage with whom they have a block.
            if by == other || ([blocker, blocked].contains(&called) && on_stage()) {
                self.end_call_up(room, called).await;
            }
        }
        self.around.live.changed(blocker);
        self.around.live.changed(blocked);
    }

    /// Has a room that may be live follow the store in what is recorded of it: less than before. Returns when nothing else is recorded.
    pub(crate) async fn look_at_replay(&self, room: RoomId) {
        if let Some(handle) = self.get(room) {
            let (done, looked) = oneshot::channel();
            handle.deliver(Message::LookAtReplay { done }).await;
            // Fails if the room ended meanwhile, or looks at it later, before anything more is recorded: the store does not work.
            let _ = looked.await;
        }
    }

    /// Ends a live room for everybody. Returns when that is kept.
    pub(crate) async fn end(&self, room: RoomId) {
        if let Some(handle) = self.get(room) {
            let (done, ended) = oneshot::channel();
            handle.deliver(Message::End { done }).await;
            // Fails if the room ended meanwhile, which is as good.
            let _ = ended.await;
        }
    }

    /// Takes somebody who is not a member of a house any more out of its room.
    pub(crate) async fn put_out_of_house(&self, house: HouseId, member: MemberId) {
        self.sign_outs.fetch_add(1, Ordering::SeqCst);
        let room = self.presence().room_of(member);
        if let Some(handle) = room.and_then(|room| self.get(room))
            && handle.summary().house() == Some(house)
        {
            handle.deliver(Message::PutOut { member }).await;
        }
        self.around.live.changed(member);
    }

    /// Lets the rooms of a house show it as it is now.
    pub(crate) async fn house_changed(&self, house: HouseId) -> Result<(), ApiError> {
        let rooms: Vec<Handle> = self.all().into_iter().filter(|room| room.summary().house() == Some(house)).collect();
        if rooms.is_empty() {
            return Ok(());
        }
        let now = self.store.room_house(house).await.map_err(|e| ApiError::internal(&e))?;
        for room in rooms {
            room.deliver(Message::House(now.clone())).await;
        }
        Ok(())
    }

    /// The room that the member is in or on the way to.
    pub(crate) fn room_of(&self, member: MemberId) -> Option<RoomId> {
        self.presence().room_of(member)
    }

    /// How many sessions have been ended so far; to be asked before a session is looked up.
    pub(crate) fn sign_outs(&self) -> SignOuts {
        SignOuts(self.sign_outs.load(Ordering::SeqCst))
    }

    /// Ends whatever a session opened that is not in the store any more.
    pub(crate) async fn signed_out(&self, member: MemberId, session: Hash) {
        // Before looking for what is open: whatever opens too late to be found there sees that the number has changed.
        self.sign_outs.fetch_add(1, Ordering::SeqCst);
        self.around.live.end_session(member, session);
        self.end_session(member, session).await;
    }

    async fn end_session(&self, member: MemberId, session: Hash) {
        let room = self.presence().room_of(member);
        if let Some(handle) = room.and_then(|room| self.get(room)) {
            handle.deliver(Message::EndSession { member, session }).await;
        }
    }

    /// Whether the server stops: then a room that is not live may be one that has been stopped.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// As [`Rooms::end_if_signed_out`], for members and guests.
    pub(crate) async fn end_if_over(&self, proof: &Proof) -> Result<(), ApiError> {
        let Proof { member, session, as_of, guest_in } = *proof;
        let Some(room) = guest_in else { return self.end_if_signed_out(member, session, as_of).await };
        if self.sign_outs() == as_of {
            return Ok(());
        }
        let guest = self.store.guest_by_session(&session, edge::now()).await.map_err(|e| ApiError::internal(&e))?;
        if guest.is_none() {
            self.end_pass(room, member, None).await;
            return Err(Code::NotSignedIn.into());
        }
        Ok(())
    }

    /// Ends what a session has just opened if it was ended since it was looked up, or if its member may not be there any
    /// more: the request that changed it came too early to find it. The store is asked only if anything of the kind happened
    /// meanwhile.
    pub(crate) async fn end_if_signed_out(
        &self,
        member: MemberId,
        session: Hash,
        as_of: SignOuts,
    ) -> Result<(), ApiError> {
        if self.sign_outs() == as_of {
            return Ok(());
        }
        let internal = |error| ApiError::internal(&error);
        if self.store.session(&session).await.map_err(internal)?.is_none() {
            self.end_session(member, session).await;
            return Err(Code::NotSignedIn.into());
        }
        let room = self.presence().room_of(member);
        if let Some(handle) = room.and_then(|room| self.get(room)) {
            let standing = Arc::new(self.store.standing(member).await.map_err(internal)?);
            handle.deliver(Message::Recheck { member, standing }).await;
            if let Some(house) = handle.summary().house()
                && let Some(standing) = self.store.house_standing(house, member).await.map_err(internal)?
                && !standing.is_member()
            {
                handle.deliver(Message::PutOut { member }).await;
            }
        }
        Ok(())
    }

    /// Tells every client that the server stops, and stops the owners. The rooms do not end.
    pub async fn shut_down(&self) {
        self.stopping.store(true, Ordering::Release);
        for handle in self.all() {
            let (done, stopped) = oneshot::channel();
            handle.deliver(Message::ShutDown { done }).await;
            let _ = stopped.await;
        }
    }

    /// A number that no other socket of this process has.
    pub(crate) fn next_socket(&self) -> SocketNo {
        SocketNo(self.next_socket.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether a room that is not live has ended, and is one that this member could have entered or was in at its end.
    pub(crate) async fn has_ended_for(&self, id: RoomId, member: MemberId) -> Result<bool, ApiError> {
        let Some(stored) = self.store.load_room(id).await.map_err(|e| ApiError::internal(&e))? else {
            return Ok(false);
        };
        if stored.ended_at.is_none() {
            return Ok(false);
        }
        let room = bring_back(&stored).map_err(|e| ApiError::internal(&e))?;
        if !room.may_enter(member, false) {
            return Ok(false);
        }
        let internal = |error| ApiError::internal(&error);
        if let Some(house) = room.house() {
            let entry = self.store.house_standing(house, member).await.map_err(internal)?.into();
            let house = self.store.room_house(house).await.map_err(internal)?;
            if house.is_none_or(|house| !may_know_rooms(&house, entry)) {
                return Ok(false);
            }
        }
        let standing = self.store.standing(member).await.map_err(internal)?;
        Ok(!roomtone_room::social::bars(&room, &standing.blocked) && !standing.blocked.contains(&room.host()))
    }

    /// Whether all of these were in a room, live or ended, as far as what is kept of it still tells: who has left it and said nothing
    /// by a command is forgotten with the older part of its log.
    pub(crate) async fn were_in(&self, id: RoomId, members: [MemberId; 2]) -> Result<bool, ApiError> {
        let Some(stored) = self.store.load_room(id).await.map_err(|e| ApiError::internal(&e))? else {
            return Ok(false);
        };
        let state = match &stored.snapshot {
            Some((_, body)) => Some(read_state(body).map_err(|e| ApiError::internal(&e))?),
            None => None,
        };
        let was_in = |member: MemberId| {
            stored.tail.iter().any(|row| row.member == Some(member))
                || state.as_ref().is_some_and(|state| {
                    state.participants.iter().any(|participant| participant.member == member)
                        || state.answered.iter().any(|answered| answered.member == member)
                })
        };
        Ok(members.into_iter().all(was_in))
    }

    /// A room as the store has it.
    async fn load(&self, id: RoomId) -> Result<Room, StartError> {
        let stored = self.store.load_room(id).await?.ok_or(roomtone_store::StoreError::Corrupt("room"))?;
        Ok(bring_back(&stored)?)
    }

    /// A room as the store has it, however long the store takes to work again.
    async fn load_until_it_works(&self, id: RoomId) -> Room {
        loop {
            tokio::time::sleep(RETRY_AFTER).await;
            match self.load(id).await {
                Ok(room) => return room,
                Err(error) => tracing::error!(%error, "a room could not be brought back yet"),
            }
        }
    }

    /// Starts a room's owner task, which lives until the room ends or the server stops.
    async fn run(self: &Arc<Self>, room: Room) -> Result<(), StartError> {
        let id = room.id();
        let (inbox, messages) = mpsc::channel(INBOX);
        let (mut owner, summary, known) = Owner::new(self.clone(), room, messages).await?;
        let handle = Handle { inbox, summary, reactions: owner.chatter.reactions.clone(), followed: Arc::default() };
        {
            let mut presence = self.presence();
            presence.start(&owner.room);
            for known in known {
                presence.know(known.person.id.0, id, known);
            }
        }
        self.changed();
        self.live.write().unwrap_or_else(PoisonError::into_inner).insert(id, handle);
        owner.ring_again();
        metrics::gauge!("roomtone_rooms_live").increment(1.0);
        let rooms = self.clone();
        tokio::spawn(async move {
            loop {
                // A panic is our bug; it costs this room what a kill of the server would, and no other room anything.
                let stopped = match AssertUnwindSafe(owner.run()).catch_unwind().await {
                    Ok(stopped) => stopped,
                    Err(_) => {
                        tracing::error!("a room's owner panicked; the room starts again from the last kept state");
                        owner.close_everything(ByeCode::ShuttingDown).await;
                        owner::Stopped::Failed
                    }
                };
                match stopped {
                    owner::Stopped::Done => break,
                    // What was applied in memory could not be kept, so nobody was told; what the store has is the
                    // truth. Start again from there, as after a crash.
                    owner::Stopped::Failed => {
                        let room = owner.refuse_until(rooms.load_until_it_works(id)).await;
                        if rooms.is_stopping() {
                            break;
                        }
                        owner.start_again(room);
                    }
                }
            }
            rooms.live.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
            rooms.presence().end(id);
            rooms.around.live.keep_call_ups(id, |_| false);
            rooms.changed();
            metrics::gauge!("roomtone_rooms_live").decrement(1.0);
        });
        Ok(())
    }

    /// Who is where. Nothing may be waited for while it is held.
    pub(crate) fn presence(&self) -> MutexGuard<'_, Presence> {
        self.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says when to come back: not all at the same moment.
fn full() -> ApiError {
    let [random] = edge::random();
    let seconds = RETRY_WHEN_FULL.start + u64::from(random) % (RETRY_WHEN_FULL.end - RETRY_WHEN_FULL.start);
    ApiError { retry_after: Some(Duration::from_secs(seconds)), ..Code::ServerFull.into() }
}

/// A room from what is stored of it.
fn bring_back(stored: &StoredRoom) -> Result<Room, Unreadable> {
    let state = match &stored.snapshot {
        Some((_, body)) => read_state(body)?,
        None => Room::empty().to_state(),
    };
    let mut tail = Vec::with_capacity(stored.tail.len());
    for row in &stored.tail {
        let numbered = Numbered { seq: Seq(row.seq), at: row.at, event: read_event(&row.body)? };
        tail.push((numbered, row.member.zip(row.command)));
    }
    Ok(Room::restore(edge::now(), state, tail))
}
