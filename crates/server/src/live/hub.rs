//! The task that makes hallways. Each viewer's turn comes at most once a second; turns are as spread over the second as
//! people's arrivals were, and in each slice of time the task works for a part of it only. With more to do than fits, turns
//! come later and nothing else suffers.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use roomtone_room::ids::MemberId;
use tokio::sync::watch;

use super::facts::Facts;
use super::view::{HALLWAY_ROOMS, look};
use super::{Listening, Live, lock};
use crate::edge;
use crate::rooms::message::Message;
use crate::rooms::{Known, Rooms};
use crate::wire::ApiError;

/// How often a viewer is told of a changed hallway. Longer costs less; shorter shows sooner who is where.
const TURN_EVERY: Duration = Duration::from_secs(1);

/// How the task's time is sliced, and how long it works in one slice: at most a quarter of one core, whatever happens.
const SLICE: Duration = Duration::from_millis(20);
const WORK: Duration = Duration::from_millis(5);

/// How often it is looked at which calls nobody has answered, and whether there is room for all sockets.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Makes hallways until the server stops.
pub(super) async fn run(live: &Live, rooms: &Rooms, mut stopped: watch::Receiver<()>) {
    tokio::select! {
        // Never sent: it ends when the sender is dropped.
        _ = stopped.changed() => {}
        () = turns(live, rooms) => {}
    }
}

async fn turns(live: &Live, rooms: &Rooms) {
    // By the time of the next turn, then in the order of coming.
    let mut due: BTreeMap<(Instant, u64), Weak<Listening>> = BTreeMap::new();
    let mut number = 0u64;
    let mut look_at = edge::instant();
    {
        // There are some if the task has started again.
        let listening = lock(&live.listening);
        lock(&live.newcomers).clear();
        for viewer in listening.values() {
            number += 1;
            due.insert((look_at, number), Arc::downgrade(viewer));
        }
    }
    loop {
        let began = edge::instant();
        if began >= look_at {
            live.end_old_calls(began);
            live.make_room(rooms);
            look_at = began + LOOK_EVERY;
        }
        let changed = std::mem::take(&mut *lock(&live.changed));
        show_as_they_are(live, rooms, changed).await;
        for new in std::mem::take(&mut *lock(&live.newcomers)) {
            number += 1;
            due.insert((began, number), Arc::downgrade(&new));
        }
        while let Some(entry) = due.first_entry().filter(|entry| entry.key().0 <= began) {
            let (_, viewer) = entry.remove_entry();
            // Whoever has closed their last page is gone, and new when they come back.
            let Some(viewer) = viewer.upgrade().filter(|viewer| is_here(live, viewer)) else { continue };
            let worked = turn(live, rooms, &viewer).await;
            number += 1;
            let now = edge::instant();
            due.insert((now + TURN_EVERY, number), Arc::downgrade(&viewer));
            metrics::counter!("roomtone_hallways_told_total").increment(u64::from(worked));
            if now.duration_since(began) >= WORK {
                break;
            }
        }
        tokio::time::sleep_until((began + SLICE).into()).await;
        let next = due.first_key_value().map_or(look_at, |((at, _), _)| (*at).min(look_at));
        tokio::select! {
            // A newcomer waits no longer than a slice.
            () = live.wake.notified() => {}
            () = tokio::time::sleep_until(next.into()) => {}
        }
    }
}

/// Whether this is still how the member listens, and not one whose last page has closed.
fn is_here(live: &Live, viewer: &Arc<Listening>) -> bool {
    lock(&live.listening).get(&viewer.member).is_some_and(|current| Arc::ptr_eq(current, viewer))
}

/// One viewer's turn; returns whether there was anything to tell.
async fn turn(live: &Live, rooms: &Rooms, viewer: &Listening) -> bool {
    let as_of = (rooms.changes(), live.changes.load(Ordering::Acquire));
    let known = {
        let state = lock(&viewer.state);
        if state.as_of == Some(as_of) && state.facts.is_some() {
            return false;
        }
        state.facts.clone()
    };
    let facts = match known {
        Some(facts) => facts,
        None => match learn(live, rooms, viewer, Facts::look_up(&live.store, viewer.member)).await {
            Some(facts) => facts,
            None => return false,
        },
    };
    let world = live.world(rooms);
    if facts.learn_followers(&live.store, viewer.member, &world).await.is_err() {
        // Logged already. Their next turn tries again.
        return false;
    }
    let view = look(live, rooms, &world, viewer.member, &facts, HALLWAY_ROOMS);
    let digest = view.digest(&world);
    let mut state = lock(&viewer.state);
    state.as_of = Some(as_of);
    if state.told.replace(digest) == Some(digest) {
        return false;
    }
    let message = view.message(&world);
    for ear in &state.ears {
        ear.hallway.send_replace(Some(message.clone()));
    }
    true
}

/// Lets others see members who are in a room, and have no page open, under the name that they have by now, or not at all.
async fn show_as_they_are(live: &Live, rooms: &Rooms, changed: HashSet<MemberId>) {
    let inside: Vec<MemberId> = {
        let presence = rooms.presence();
        changed.into_iter().filter(|member| presence.inside(*member).is_some()).collect()
    };
    if inside.is_empty() {
        return;
    }
    // What fails is logged where it matters, and they are seen as they were.
    let (Ok(people), Ok(standings)) = (live.store.people(&inside).await, live.store.standings(&inside).await) else {
        return;
    };
    for person in people {
        let hidden = standings.get(&person.id).is_some_and(|standing| standing.online_hidden);
        show(live, rooms, Known { person: person.into(), hidden });
    }
    live.note_change();
}

/// Shows somebody, if they are in a room, as they are by now: to those who are in it as well.
fn show(live: &Live, rooms: &Rooms, known: Known) {
    let member = known.person.id.0;
    let Some(room) = rooms.presence().inside(member) else { return };
    // Nothing here waits for a room.
    let told = rooms.get(room).is_some_and(|handle| handle.send(Message::Person(known.person.clone())).is_ok());
    rooms.presence().know(member, room, known);
    if !told {
        live.changed_inside(member);
    }
}

/// Looks up what a viewer's hallway depends on, and lets others see them under the name that they have by now. `None` if that
/// failed, or something changed meanwhile, so that it may be out of date already: their next turn tries again.
pub(super) async fn learn(
    live: &Live,
    rooms: &Rooms,
    viewer: &Listening,
    look_up: impl Future<Output = Result<Facts, ApiError>>,
) -> Option<Arc<Facts>> {
    let version = lock(&viewer.state).version;
    let facts = Arc::new(look_up.await.ok()?);
    {
        let mut state = lock(&viewer.state);
        if state.version != version {
            return None;
        }
        state.hidden = facts.hidden;
        state.facts = Some(facts.clone());
    }
    *lock(&viewer.person) = facts.person.clone();
    show(live, rooms, Known { person: facts.person.clone(), hidden: facts.hidden });
    // Others may see more of them now.
    live.note_change();
    Some(facts)
}
