//! The live sockets: who has a page open, and what these pages are told as it happens.
//!
//! Each socket has a queue for what must not be lost and a single place for the hallway, in which the newest replaces one
//! that was not sent yet: a slow page gets fewer hallways and never an old one. One task (`hub`) makes the hallways, a few at
//! a time, and spends no more than a part of one core on them.

mod call_ups;
mod calls;
mod facts;
mod hub;
#[cfg(test)]
mod tests;
mod view;

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use roomtone_room::ids::MemberId;
use roomtone_room::search::Query;
use roomtone_store::{Hash, Store};
use tokio::sync::{Notify, mpsc, watch};

use crate::edge;
use crate::rooms::Rooms;
use crate::rooms::message::{Outgoing, SocketNo};
use crate::tasks::supervised;
use crate::wire::ApiError;
use crate::wire::hallway::{HallwayRoom, LiveMessage};
use crate::wire::socket::{ByeCode, Person};
pub(crate) use call_ups::CallUp;
use call_ups::CallUps;
use calls::Calls;
pub(crate) use calls::{Making, Ringing, Rung};
use facts::Facts;
pub(crate) use view::HALLWAY_ROOMS;
use view::World;

/// Messages that may wait for one socket, beside the hallway. A page that lets it run full is cut off, and looks everything
/// up when it comes back.
const QUEUE: usize = 32;

/// Members without a page who may have changed before it is looked at what others see of them. With more, others see those as
/// they were for as long as they stay in their room.
const CHANGED: usize = 10_000;

/// Sockets of one member. More serves people with many windows; the oldest goes when there are more.
const SOCKETS: usize = 8;

/// After how many seconds a page for which there was no place is to try again: one of these. Until then it asks for the
/// hallway now and then.
const RETRY_WHEN_FULL: Range<u32> = 20..60;

/// The pages that are open, and the calls that ring.
pub struct Live {
    store: Store,
    listening: Mutex<HashMap<MemberId, Arc<Listening>>>,
    /// Those who came since the hub looked.
    newcomers: Mutex<Vec<Arc<Listening>>>,
    /// Those who changed while they had no page open, or whose room had no time to be told; they may be in a room.
    changed: Mutex<HashSet<MemberId>>,
    /// Wakes the hub when it has nothing to do.
    wake: Notify,
    /// Sockets that may be open, together with those of people in rooms.
    places: usize,
    /// Sockets that are open.
    open: Arc<AtomicUsize>,
    /// Rises whenever somebody comes online, goes, or changes.
    changes: AtomicU64,
    world: Mutex<Option<Arc<World>>>,
    calls: Mutex<Calls>,
    call_ups: Mutex<CallUps>,
    /// Dropped when the server stops.
    running: Mutex<Option<watch::Sender<()>>>,
}

/// A member with at least one page open.
struct Listening {
    person: Mutex<Person>,
    member: MemberId,
    state: Mutex<State>,
}

struct State {
    ears: Vec<Ear>,
    /// `None` until they are looked up, and again when something about them has changed.
    facts: Option<Arc<Facts>>,
    /// Rises with each change: what was looked up before one is not kept after it.
    version: u64,
    hidden: bool,
    /// The number of changes that the last hallway took account of.
    as_of: Option<(u64, u64)>,
    /// A digest of the last hallway that was told.
    told: Option<u64>,
}

/// One socket, as those who tell it something see it.
struct Ear {
    number: SocketNo,
    session: Hash,
    queue: mpsc::Sender<Outgoing>,
    hallway: watch::Sender<Option<Outgoing>>,
}

/// What a socket's task takes its messages from.
pub(crate) struct Hearing {
    pub(crate) number: SocketNo,
    pub(crate) queue: mpsc::Receiver<Outgoing>,
    /// The newest hallway that is to be sent.
    pub(crate) hallway: watch::Receiver<Option<Outgoing>>,
    open: Arc<AtomicUsize>,
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Live {
    /// Nobody listens yet. With everybody who is in a room, at most `places` sockets are to be open; people in rooms come
    /// first.
    pub(crate) fn new(store: Store, places: usize) -> Arc<Self> {
        Arc::new(Self {
            store,
            places,
            open: Arc::default(),
            listening: Mutex::default(),
            newcomers: Mutex::default(),
            changed: Mutex::default(),
            wake: Notify::new(),
            changes: AtomicU64::new(0),
            world: Mutex::new(None),
            calls: Mutex::default(),
            call_ups: Mutex::default(),
            running: Mutex::new(None),
        })
    }

    /// Starts making hallways, until [`Live::shut_down`].
    pub(crate) fn start(self: &Arc<Self>, rooms: Arc<Rooms>) {
        let (running, stopped) = watch::channel(());
        *lock(&self.running) = Some(running);
        let live = self.clone();
        tokio::spawn(supervised("hallways", async move || hub::run(&live, &rooms, stopped.clone()).await));
    }

    /// Says goodbye to every page, and makes no more hallways.
    pub(crate) fn shut_down(&self) {
        lock(&self.running).take();
        let all: Vec<_> = lock(&self.listening).drain().collect();
        for (_, listening) in all {
            listening.close(ByeCode::ShuttingDown, |_| true);
        }
    }

    /// Tells every open page of a member something. Never waits: a page that has no room for it is cut off.
    pub(crate) fn tell(&self, member: MemberId, message: LiveMessage) {
        let Some(listening) = self.of(member) else { return };
        let message = Outgoing::from(&message);
        lock(&listening.state).ears.retain(|ear| {
            // Without a goodbye, its task says that it was too slow.
            ear.queue.try_send(message.clone()).is_ok()
        });
    }

    /// Whether a page of the member is open.
    pub(crate) fn is_open(&self, member: MemberId) -> bool {
        lock(&self.listening).contains_key(&member)
    }

    /// Has everything that a member's hallway depends on looked up again, and their name: whom they follow, have muted or
    /// blocked, who follows them, their houses, languages and topics.
    pub(crate) fn changed(&self, member: MemberId) {
        match self.of(member) {
            Some(listening) => {
                let mut state = lock(&listening.state);
                state.facts = None;
                state.version += 1;
            }
            None => self.changed_inside(member),
        }
        self.note_change();
    }

    /// Has it looked up again how a member is shown in the room that they are in.
    fn changed_inside(&self, member: MemberId) {
        let mut changed = lock(&self.changed);
        if changed.len() < CHANGED {
            changed.insert(member);
        }
    }

    /// Ends the calls of these members and cuts every page of theirs.
    pub(crate) fn expel(&self, members: &HashSet<MemberId>) {
        self.end_calls_of(members);
        for &member in members {
            let found = lock(&self.listening).remove(&member);
            if let Some(listening) = found {
                listening.close(ByeCode::SessionEnded, |_| true);
            }
        }
        self.note_change();
    }

    /// Cuts every page that a session opened.
    pub(crate) fn end_session(&self, member: MemberId, session: Hash) {
        let Some(listening) = self.of(member) else { return };
        listening.close(ByeCode::SessionEnded, |ear| ear.session == session);
        self.forget_if_gone(member);
    }

    /// Lets a new socket listen; `None` if there is no place for it.
    pub(crate) fn open(&self, rooms: &Rooms, person: Person, session: Hash) -> Option<Hearing> {
        if self.excess(rooms) >= 0 || lock(&self.running).is_none() {
            return None;
        }
        self.open.fetch_add(1, Ordering::Relaxed);
        let number = rooms.next_socket();
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (hallway, newest) = watch::channel(None);
        let ear = Ear { number, session, queue: queue.clone(), hallway };
        let member = person.id.0;
        let mut listening = lock(&self.listening);
        let found = listening.entry(member).or_insert_with(|| {
            let state = State { ears: Vec::new(), facts: None, version: 0, hidden: true, as_of: None, told: None };
            let new = Arc::new(Listening { person: Mutex::new(person.clone()), member, state: Mutex::new(state) });
            lock(&self.newcomers).push(new.clone());
            new
        });
        *lock(&found.person) = person;
        {
            let mut state = lock(&found.state);
            if state.ears.len() >= SOCKETS {
                let oldest = state.ears.remove(0);
                let _ = oldest.queue.try_send(goodbye(ByeCode::Replaced));
            }
            state.ears.push(ear);
            // The new page knows nothing yet.
            (state.as_of, state.told) = (None, None);
        }
        drop(listening);
        self.show_call_ups(member, &queue);
        self.note_change();
        self.wake.notify_one();
        Some(Hearing { number, queue: waiting, hallway: newest, open: self.open.clone() })
    }

    /// Notes that a socket is gone.
    pub(crate) fn closed(&self, member: MemberId, number: SocketNo) {
        if let Some(listening) = self.of(member) {
            lock(&listening.state).ears.retain(|ear| ear.number != number);
            self.forget_if_gone(member);
        }
    }

    /// The rooms that a member may know of in the order of their hallway, at most `most`, with the reasons.
    pub(crate) async fn rooms(
        &self,
        rooms: &Rooms,
        member: MemberId,
        most: usize,
    ) -> Result<Vec<HallwayRoom>, ApiError> {
        let facts = self.facts_of(member).await?;
        let world = self.world(rooms);
        facts.learn_followers(&self.store, member, &world).await?;
        Ok(view::look(self, rooms, &world, member, &facts, most).typed(&world))
    }

    /// Of all rooms that a member may know of, the best `most` for what they typed.
    pub(crate) async fn search(
        &self,
        rooms: &Rooms,
        member: MemberId,
        query: &Query,
        most: usize,
    ) -> Result<Vec<HallwayRoom>, ApiError> {
        let facts = self.facts_of(member).await?;
        let world = self.world(rooms);
        facts.learn_followers(&self.store, member, &world).await?;
        Ok(view::look_everywhere(self, rooms, &world, member, &facts).found(&world, query, most))
    }

    /// What a member's hallway depends on: as their page has it, or looked up.
    async fn facts_of(&self, member: MemberId) -> Result<Arc<Facts>, ApiError> {
        let known = self.of(member).and_then(|listening| lock(&listening.state).facts.clone());
        match known {
            Some(facts) => Ok(facts),
            None => Facts::look_up(&self.store, member).await.map(Arc::new),
        }
    }

    /// The rooms as they are now, in the form in which hallways are made from them.
    fn world(&self, rooms: &Rooms) -> Arc<World> {
        let mut world = lock(&self.world);
        let changes = rooms.changes();
        if let Some(world) = world.as_ref().filter(|world| world.as_of == changes) {
            return world.clone();
        }
        let now = Arc::new(World::of(changes, &rooms.all(), world.as_deref()));
        *world = Some(now.clone());
        now
    }

    fn of(&self, member: MemberId) -> Option<Arc<Listening>> {
        lock(&self.listening).get(&member).cloned()
    }

    fn forget_if_gone(&self, member: MemberId) {
        let mut listening = lock(&self.listening);
        if listening.get(&member).is_some_and(|listening| lock(&listening.state).ears.is_empty()) {
            listening.remove(&member);
            drop(listening);
            self.note_change();
        }
    }

    fn note_change(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// How many sockets too many are open.
    fn excess(&self, rooms: &Rooms) -> isize {
        let taken = self.open.load(Ordering::Relaxed) + rooms.presence().len();
        taken as isize - isize::try_from(self.places).unwrap_or(isize::MAX)
    }

    /// Gives places back to people in rooms, if there are too few: some pages ask for the hallway instead until there are
    /// more again.
    fn make_room(&self, rooms: &Rooms) {
        let excess = usize::try_from(self.excess(rooms)).unwrap_or(0);
        let some: Vec<_> = lock(&self.listening).values().take(excess).cloned().collect();
        for listening in some {
            listening.close(ByeCode::ServerFull, |_| true);
            self.forget_if_gone(listening.member);
        }
    }
}

impl Listening {
    /// Says goodbye to some of the sockets and lets go of them.
    fn close(&self, code: ByeCode, which: impl Fn(&Ear) -> bool) {
        lock(&self.state).ears.retain(|ear| {
            let goes = which(ear);
            if goes {
                // If there is no room for it, the socket closes without.
                let _ = ear.queue.try_send(goodbye(code));
            }
            !goes
        });
    }
}

/// The last message before a live socket closes.
pub(crate) fn goodbye(code: ByeCode) -> Outgoing {
    let retry_after = (code == ByeCode::ServerFull).then(|| {
        let [random] = edge::random();
        RETRY_WHEN_FULL.start + u32::from(random) % (RETRY_WHEN_FULL.end - RETRY_WHEN_FULL.start)
    });
    Outgoing::from(&LiveMessage::Bye { code, message: LiveMessage::words_of(code).to_owned(), retry_after })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
