//! Events: their life, who may know of them, who is told of what, and that each change is told once.

use std::collections::{BTreeSet, HashSet};

use roomtone_room::Kind;
use roomtone_room::agenda::{COHOSTS_MAX, Change, LAPSE_AFTER, Recurrence, Refusal, State};
use roomtone_room::ids::{EventId, HouseId, MemberId, RecordId, RoomId, Timestamp};
use roomtone_store::{
    BranchAct, EVENTS_MAX, Event, EventDone, EventPlan, EventText, EventsOf, HouseText, NewEvent, NewHouse, NewNotice,
    NextEvent, Store, StoreError, ToTell, Ways,
};

use crate::support::{World, contract, hash, join, own, redeem, refused, room};

contract!(
    an_event_from_its_announcement_to_its_end,
    what_comes_to_nothing,
    others_host_it_too_once_they_have_agreed,
    who_may_know_of_an_event,
    lists_have_an_order_and_pages,
    a_poll_is_closed_by_a_date,
    each_change_is_told_once_whatever_stops_between,
    the_next_one_is_made_once,
    dates_go_by,
    the_end_of_the_room_is_the_end_of_the_event,
    a_calendar_has_one_address,
    there_are_only_so_many,
);

pub(crate) const HOUR: u64 = 3_600_000;

fn at(time: u64) -> Timestamp {
    Timestamp(time)
}

fn plan() -> EventPlan {
    EventPlan { kind: Kind::Open, minutes: 60, time_zone: "Europe/Berlin".to_owned(), recurrence: None, planned: None }
}

pub(crate) fn event(id: u128, host: MemberId) -> NewEvent {
    let text = EventText {
        title: format!("Event {id}"),
        about: "About it\n\nand more".to_owned(),
        language: "en".to_owned(),
        topics: vec!["tea".to_owned(), "maps".to_owned()],
    };
    NewEvent {
        id: EventId(id),
        host,
        house: None,
        invitation: None,
        text,
        plan: plan(),
        starts_at: None,
        cohosts: Vec::new(),
    }
}

pub(crate) async fn make(store: &Store, event: &NewEvent) {
    assert_eq!(store.create_event(event, at(10)).await.unwrap(), EventDone::Done(Some(Change::Announced)));
}

/// The event as its host sees it.
async fn seen(store: &Store, id: u128, viewer: MemberId) -> Event {
    store.event(EventId(id), Some(viewer)).await.unwrap().unwrap()
}

async fn three(store: &Store) -> [MemberId; 3] {
    [join(store, 1, "ada").await, join(store, 2, "ben").await, join(store, 3, "eve").await]
}

/// Has the owner of the server suspend somebody.
async fn suspend(store: &Store, member: MemberId) {
    assert!(store.replace_owner_invite(hash(900), at(0)).await.unwrap());
    let owner = redeem(store, hash(900), 0, 900, "owner").await.unwrap().person.id;
    let act = BranchAct { id: RecordId(9), member, branch: false, author: owner, at: at(14) };
    store.suspend(&act, "").await.unwrap();
}

pub(crate) async fn house(store: &Store, id: u128, handle: &str, maker: MemberId, private: bool) -> HouseId {
    let text = HouseText {
        name: handle.to_owned(),
        about: String::new(),
        rules: String::new(),
        language: "en".to_owned(),
        private,
        nominated: private,
    };
    let house = NewHouse { id: HouseId(id), handle: handle.to_owned(), skeleton: handle.to_owned(), text };
    store.create_house(&house, maker, at(1)).await.unwrap();
    HouseId(id)
}

async fn an_event_from_its_announcement_to_its_end(world: &World) {
    let store = world.open().await;
    let [ada, ben, _] = three(&store).await;
    make(&store, &event(1, ada)).await;
    refused!(store.create_event(&event(1, ada), at(11)).await => StoreError::Conflict(_));
    let found = seen(&store, 1, ben).await;
    assert_eq!((found.agenda.state, found.agenda.starts_at, found.changes), (State::Agreed, None, 1));
    assert_eq!(found.text, event(1, ada).text);
    assert_eq!((found.plan, found.host.id, found.created_at), (plan(), ada, at(10)));
    assert_eq!((found.subscribers, found.going, found.subscription, found.cohost), (1, 1, None, None));

    // Saying otherwise is no change that is told.
    let text = EventText { title: "Tea".to_owned(), topics: Vec::new(), ..event(1, ada).text };
    let later = EventPlan { minutes: 90, ..plan() };
    assert_eq!(store.change_event(EventId(1), ben, &text, &later, at(20)).await.unwrap(), EventDone::NotAllowed);
    assert_eq!(store.change_event(EventId(1), ada, &text, &later, at(20)).await.unwrap(), EventDone::Done(None));
    let found = seen(&store, 1, ada).await;
    assert_eq!((found.text, found.plan, found.changes, found.changed_at), (text, later, 1, at(20)));

    let date = async |time, by| store.set_event_date(EventId(1), by, time, at(30)).await.unwrap();
    assert_eq!(date(Some((at(HOUR), "Asia/Tokyo")), ben).await, EventDone::NotAllowed);
    assert_eq!(date(Some((at(HOUR), "Asia/Tokyo")), ada).await, EventDone::Done(Some(Change::Dated)));
    assert_eq!(date(Some((at(HOUR), "Asia/Tokyo")), ada).await, EventDone::Refused(Refusal::Nothing));
    assert_eq!(date(None, ada).await, EventDone::Done(Some(Change::Undated)));
    assert_eq!(date(Some((at(HOUR), "")), ada).await, EventDone::Done(Some(Change::Dated)));
    assert_eq!(date(Some((at(2 * HOUR), "")), ada).await, EventDone::Done(Some(Change::Moved)));
    let found = seen(&store, 1, ada).await;
    assert_eq!((found.agenda.state, found.agenda.starts_at), (State::Dated, Some(at(2 * HOUR))));
    assert_eq!(found.plan.time_zone, "");

    store.create_room(room(7, ada), &[]).await.unwrap();
    let open = async |by, now| store.event_opened(EventId(1), by, RoomId(7), at(now)).await.unwrap();
    assert_eq!(open(ada, HOUR).await, EventDone::Refused(Refusal::TooEarly));
    assert_eq!(open(ben, 2 * HOUR).await, EventDone::NotAllowed);
    assert_eq!(open(ada, 2 * HOUR).await, EventDone::Done(Some(Change::Live)));
    assert_eq!(open(ada, 2 * HOUR).await, EventDone::Refused(Refusal::Live));
    assert_eq!(seen(&store, 1, ben).await.room, Some(RoomId(7)));
    let epoch = own(&store, 7).await;
    store.end_room(RoomId(7), epoch, at(3 * HOUR), &[] as &[_]).await.unwrap();
    assert_eq!(seen(&store, 1, ben).await.agenda.state, State::Ended);
    assert_eq!(date(None, ada).await, EventDone::Refused(Refusal::Over));
    let changes = store.event_changes(EventId(1)).await.unwrap();
    let told: Vec<_> = changes.iter().map(|change| (change.n, change.change, change.starts_at)).collect();
    let one = Some(at(HOUR));
    let two = Some(at(2 * HOUR));
    assert_eq!(
        told,
        [
            (1, Change::Announced, None),
            (2, Change::Dated, one),
            (3, Change::Undated, None),
            (4, Change::Dated, one),
            (5, Change::Moved, two),
            (6, Change::Live, two),
            (7, Change::Ended, two)
        ]
    );
    assert_eq!(changes[6].at, at(3 * HOUR));
}

async fn what_comes_to_nothing(world: &World) {
    let store = world.open().await;
    let [ada, ben, _] = three(&store).await;
    make(&store, &NewEvent { starts_at: Some(at(HOUR)), ..event(1, ada) }).await;
    let cancel = async |by, series| store.cancel_event(EventId(1), by, "Ill", series, at(20)).await.unwrap();
    assert_eq!(cancel(ben, false).await, EventDone::NotAllowed);
    assert_eq!(cancel(ada, false).await, EventDone::Done(Some(Change::Cancelled)));
    assert_eq!(cancel(ada, false).await, EventDone::Refused(Refusal::Over));
    let found = seen(&store, 1, ben).await;
    assert_eq!((found.agenda.state, found.agenda.starts_at), (State::Cancelled, Some(at(HOUR))));
    assert_eq!(found.reason, "Ill");
    for missing in [
        store.cancel_event(EventId(9), ada, "", false, at(20)).await.unwrap(),
        store.set_event_date(EventId(9), ada, None, at(20)).await.unwrap(),
        store.event_opened(EventId(9), ada, RoomId(1), at(20)).await.unwrap(),
        store.subscribe_event(EventId(9), ada, true, at(20)).await.unwrap(),
        store.accept_cohost(EventId(9), ada, at(20)).await.unwrap(),
        store.set_event_poll(EventId(9), ada, &BTreeSet::new()).await.unwrap(),
    ] {
        assert_eq!(missing, EventDone::Missing);
    }
    assert_eq!(store.event(EventId(9), Some(ada)).await.unwrap(), None);
    let over = EventDone::Refused(Refusal::Over);
    assert_eq!(store.subscribe_event(EventId(1), ben, true, at(20)).await.unwrap(), over);
    assert_eq!(store.ask_cohost(EventId(1), ada, ben, at(20)).await.unwrap(), over);
    assert_eq!(store.set_event_poll(EventId(1), ada, &BTreeSet::new()).await.unwrap(), over);
    assert_eq!(store.change_event(EventId(1), ada, &event(1, ada).text, &plan(), at(20)).await.unwrap(), over);
}

async fn others_host_it_too_once_they_have_agreed(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    let asked = NewEvent { cohosts: vec![ben, eve], starts_at: Some(at(HOUR)), ..event(1, ada) };
    make(&store, &asked).await;
    let found = seen(&store, 1, ben).await;
    assert_eq!((found.agenda.state, found.cohost, found.cohosts.len()), (State::Proposed, Some(false), 0));
    let names = async |viewer| {
        let asked = store.asked_cohosts(EventId(1), viewer).await.unwrap();
        asked.into_iter().map(|person| person.handle).collect::<Vec<_>>()
    };
    assert_eq!(names(ada).await, ["ben", "eve"]);
    // Nobody hosts it who has not agreed.
    assert_eq!(store.set_event_date(EventId(1), ben, None, at(20)).await.unwrap(), EventDone::NotAllowed);
    assert_eq!(store.accept_cohost(EventId(1), ben, at(20)).await.unwrap(), EventDone::Done(None));
    let found = seen(&store, 1, eve).await;
    assert_eq!((found.agenda.state, found.cohosts[0].id, found.subscribers), (State::Proposed, ben, 2));
    // The last one who was asked declines: it is agreed without her.
    assert_eq!(store.remove_cohost(EventId(1), eve, eve, at(30)).await.unwrap(), EventDone::Done(Some(Change::Agreed)));
    assert_eq!(seen(&store, 1, eve).await.agenda.state, State::Dated);
    assert_eq!(
        store.set_event_date(EventId(1), ben, None, at(40)).await.unwrap(),
        EventDone::Done(Some(Change::Undated))
    );
    assert_eq!(store.cancel_event(EventId(1), ben, "", false, at(40)).await.unwrap(), EventDone::NotAllowed);

    // Whoever is asked later does not make it proposed again.
    let ask = async |by, whom| store.ask_cohost(EventId(1), by, whom, at(50)).await.unwrap();
    assert_eq!(ask(ben, eve).await, EventDone::NotAllowed);
    assert_eq!(ask(ada, ada).await, EventDone::NotAllowed);
    assert_eq!(ask(ada, eve).await, EventDone::Done(None));
    assert_eq!(ask(ada, eve).await, EventDone::Refused(Refusal::Nothing));
    assert_eq!(seen(&store, 1, ada).await.agenda.state, State::Agreed);
    assert_eq!(store.accept_cohost(EventId(1), eve, at(60)).await.unwrap(), EventDone::Done(None));
    assert_eq!(store.remove_cohost(EventId(1), ben, eve, at(60)).await.unwrap(), EventDone::NotAllowed);
    assert_eq!(store.remove_cohost(EventId(1), ada, eve, at(60)).await.unwrap(), EventDone::Done(None));
    assert_eq!(store.remove_cohost(EventId(1), ada, eve, at(60)).await.unwrap(), EventDone::Missing);
    assert_eq!(store.accept_cohost(EventId(1), eve, at(60)).await.unwrap(), EventDone::Missing);
    for number in 0..COHOSTS_MAX as u64 {
        let whom = join(&store, 100 + number, &format!("host{number}")).await;
        let expected = if number + 1 < COHOSTS_MAX as u64 { EventDone::Done(None) } else { EventDone::TooMany };
        assert_eq!(ask(ada, whom).await, expected, "{number}");
    }
}

async fn who_may_know_of_an_event(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    let secret = house(&store, 1, "secret", ada, true).await;
    let tea = house(&store, 2, "tea", ada, false).await;
    make(&store, &event(1, ada)).await;
    make(&store, &NewEvent { house: Some(secret), ..event(2, ada) }).await;
    make(&store, &NewEvent { house: Some(tea), ..event(3, ada) }).await;
    make(&store, &NewEvent { cohosts: vec![eve], ..event(4, ada) }).await;
    store.accept_cohost(EventId(4), eve, at(11)).await.unwrap();
    let known = async |viewer: Option<MemberId>| {
        let all = store.upcoming_events(EventsOf::All, viewer, None, None, 50).await.unwrap();
        let mut ids: Vec<u128> = all.iter().map(|event| event.id.0).collect();
        ids.sort_unstable();
        for id in 1..=4 {
            let one = store.event(EventId(id), viewer).await.unwrap();
            assert_eq!(one.is_some(), ids.contains(&id), "{id}");
        }
        let told = store.latest_changes(EventsOf::All, viewer, 50).await.unwrap();
        let told: BTreeSet<u128> = told.iter().map(|(_, event)| event.id.0).collect();
        assert_eq!(told.into_iter().collect::<Vec<_>>(), ids);
        ids
    };
    assert_eq!(known(Some(ada)).await, [1, 2, 3, 4]);
    assert_eq!(known(Some(ben)).await, [1, 3, 4]);
    assert_eq!(known(None).await, [1, 3, 4]);
    assert_eq!(seen(&store, 3, ben).await.house.unwrap().handle, "tea");
    store.nominate(secret, ada, ben, RecordId(1), "", at(12)).await.unwrap();
    store.join_house(secret, ben, at(12)).await.unwrap();
    assert_eq!(known(Some(ben)).await, [1, 2, 3, 4]);
    assert!(seen(&store, 2, ben).await.private);

    // With a block between them there is nothing; whoever hosts it too is only not named.
    assert_eq!(seen(&store, 4, ben).await.cohosts.len(), 1);
    store.block(eve, ben, at(13)).await.unwrap();
    assert_eq!(seen(&store, 4, ben).await.cohosts.len(), 0);
    assert_eq!(store.event(EventId(4), None).await.unwrap().unwrap().cohosts.len(), 1);
    store.block(ben, ada, at(13)).await.unwrap();
    assert_eq!((known(Some(ben)).await, known(Some(ada)).await), (vec![], vec![1, 2, 3, 4]));
    suspend(&store, ada).await;
    assert_eq!((known(None).await, known(Some(eve)).await), (vec![], vec![]));
    // A house that is no more takes its events along: nobody may know of them who might not before.
    store.delete_account(ada, &[], &[]).await.unwrap();
    assert_eq!(known(Some(eve)).await, Vec::<u128>::new());
}

async fn lists_have_an_order_and_pages(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    let tea = house(&store, 1, "tea", eve, false).await;
    for (id, host, starts_at, made) in [
        (1, ada, None, 10),
        (2, ada, Some(500), 11),
        (3, ben, Some(400), 12),
        (4, ben, None, 13),
        (5, eve, Some(400), 14),
    ] {
        let one = NewEvent { starts_at: starts_at.map(at), house: (host == eve).then_some(tea), ..event(id, host) };
        store.create_event(&one, at(made)).await.unwrap();
    }
    let list = async |of, dated, after, limit| {
        let found = store.upcoming_events(of, Some(ada), dated, after, limit).await.unwrap();
        found.iter().map(|event| event.id.0).collect::<Vec<_>>()
    };
    // Of two with one date the newer is first, and of those without one too.
    assert_eq!(list(EventsOf::All, None, None, 50).await, [5, 3, 2, 4, 1]);
    assert_eq!(list(EventsOf::All, Some(true), None, 50).await, [5, 3, 2]);
    assert_eq!(list(EventsOf::All, Some(false), None, 50).await, [4, 1]);
    let (mut after, mut pages) = (None, Vec::new());
    loop {
        let page = store.upcoming_events(EventsOf::All, Some(ada), None, after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        let date = last.agenda.starts_at.unwrap_or(Timestamp(i64::MAX as u64));
        after = Some((date, last.created_at, last.id));
        pages.push(page.iter().map(|event| event.id.0).collect::<Vec<_>>());
    }
    assert_eq!(pages, [vec![5, 3], vec![2, 4], vec![1]]);

    assert_eq!(list(EventsOf::House(tea), None, None, 50).await, [5]);
    assert_eq!(list(EventsOf::Person(ben), None, None, 50).await, [3, 4]);
    assert_eq!(list(EventsOf::Mine, None, None, 50).await, [2, 1]);
    assert_eq!(list(EventsOf::Around, None, None, 50).await, [2, 1]);
    store.follow(ada, ben, None, at(20)).await.unwrap();
    store.subscribe_event(EventId(5), ada, false, at(20)).await.unwrap();
    assert_eq!(list(EventsOf::Around, None, None, 50).await, [5, 3, 2, 4, 1]);
    assert_eq!(list(EventsOf::Subscribed, None, None, 50).await, [5, 2, 1]);
    store.ask_cohost(EventId(3), ben, ada, at(20)).await.unwrap();
    assert_eq!(list(EventsOf::Mine, None, None, 50).await, [3, 2, 1]);
    assert_eq!(list(EventsOf::Own, None, None, 50).await, [5, 2, 1]);
    store.accept_cohost(EventId(3), ada, at(20)).await.unwrap();
    assert_eq!(list(EventsOf::Person(ada), None, None, 50).await, [3, 2, 1]);

    // Calendars have what is over too, and nothing without a date.
    store.cancel_event(EventId(2), ada, "", false, at(21)).await.unwrap();
    assert_eq!(list(EventsOf::All, None, None, 50).await, [5, 3, 4, 1]);
    let dated = async |since, now, limit| {
        let found = store.dated_events(EventsOf::All, Some(ada), at(since), at(now), limit).await.unwrap();
        found.iter().map(|event| event.id.0).collect::<Vec<_>>()
    };
    assert_eq!((dated(0, 0, 50).await, dated(401, 0, 50).await), (vec![2, 3, 5], vec![2]));
    // Of more than fit, those that are closest: what is far ahead pushes nothing out.
    assert_eq!((dated(0, 0, 2).await, dated(0, 1_000, 2).await), (vec![3, 5], vec![2, 3]));
    let told = store.latest_changes(EventsOf::Person(ada), None, 2).await.unwrap();
    let told: Vec<_> = told.iter().map(|(change, event)| (event.id.0, change.change)).collect();
    assert_eq!(told, [(2, Change::Cancelled), (3, Change::Announced)]);
}

async fn a_poll_is_closed_by_a_date(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    make(&store, &event(1, ada)).await;
    let times = |list: &[u64]| list.iter().copied().map(at).collect::<BTreeSet<_>>();
    let poll = async |viewer| {
        let found = store.event_poll(EventId(1), viewer).await.unwrap();
        found.iter().map(|time| (time.at.0, time.votes, time.mine)).collect::<Vec<_>>()
    };
    let ask = async |by, list: &[u64]| store.set_event_poll(EventId(1), by, &times(list)).await.unwrap();
    let vote = async |by, list: &[u64]| store.vote_event_times(EventId(1), by, &times(list)).await.unwrap();
    assert_eq!(ask(ben, &[1, 2]).await, EventDone::NotAllowed);
    assert_eq!(ask(ada, &[100, 200, 300]).await, EventDone::Done(None));
    assert_eq!(vote(ben, &[100, 200]).await, EventDone::Done(None));
    assert_eq!(vote(eve, &[200]).await, EventDone::Done(None));
    assert_eq!(poll(Some(ben)).await, [(100, 1, true), (200, 2, true), (300, 0, false)]);
    assert_eq!(poll(None).await, [(100, 1, false), (200, 2, false), (300, 0, false)]);
    // All or nothing: nobody asked about 400.
    assert_eq!(vote(ben, &[300, 400]).await, EventDone::Missing);
    assert_eq!(vote(eve, &[]).await, EventDone::Done(None));
    assert_eq!(poll(Some(ben)).await, [(100, 1, true), (200, 1, true), (300, 0, false)]);
    // Votes for times that stay are kept.
    assert_eq!(ask(ada, &[200, 500]).await, EventDone::Done(None));
    assert_eq!(poll(Some(ben)).await, [(200, 1, true), (500, 0, false)]);
    let date = Some((at(500), "Europe/Berlin"));
    assert_eq!(
        store.set_event_date(EventId(1), ada, date, at(20)).await.unwrap(),
        EventDone::Done(Some(Change::Dated))
    );
    assert_eq!(poll(Some(ben)).await, []);
    assert_eq!(vote(ben, &[200]).await, EventDone::Missing);
    assert_eq!(ask(ada, &[600, 700]).await, EventDone::Done(None));
    assert_eq!(ask(ada, &[]).await, EventDone::Done(None));
    assert_eq!(poll(None).await, []);
}

fn notice(change: &ToTell, member: MemberId) -> NewNotice {
    NewNotice {
        id: RecordId(change.event.0 << 64 | u128::from(change.n) << 32 | member.0),
        member,
        kind: "event_changed",
        actor: Some(change.host),
        subject: Some(change.event.0),
        body: format!("{:?}", change.change),
        at: change.at,
        defaults: Ways { inbox: true, push: true, mail: false },
        away: false,
    }
}

/// As if the process was killed after each step in turn: between a page and the note that it was told, and between pages.
async fn each_change_is_told_once_whatever_stops_between(world: &World) {
    const SUBSCRIBERS: u64 = 25;
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    make(&store, &event(1, ada)).await;
    let mut subscribers = Vec::new();
    for number in 0..SUBSCRIBERS {
        let member = join(&store, 100 + number, &format!("m{number}")).await;
        store.subscribe_event(EventId(1), member, number % 2 == 0, at(20)).await.unwrap();
        subscribers.push(member);
    }
    let late = join(&store, 200, "late").await;
    store.set_event_date(EventId(1), ada, Some((at(HOUR), "")), at(30)).await.unwrap();
    store.subscribe_event(EventId(1), late, false, at(31)).await.unwrap();
    store.block(subscribers[3], ada, at(32)).await.unwrap();
    store.cancel_event(EventId(1), ada, "", false, at(40)).await.unwrap();
    let mut kept = 0;
    for step in 0.. {
        // Whoever starts again knows only what is in the store.
        let store = world.open().await;
        let Some(change) = store.changes_to_tell(10).await.unwrap().into_iter().next() else { break };
        assert!(step < 100, "{change:?}");
        let page = store.event_audience(&change, 10).await.unwrap();
        let notices: Vec<_> = page.iter().map(|member| notice(&change, *member)).collect();
        kept += store.add_notices(&notices, Timestamp(i64::MAX as u64)).await.unwrap().len();
        // Each page comes twice: the first time it is not noted.
        if step % 2 == 1 {
            store.change_told(&change, page.last().copied(), at(50)).await.unwrap();
        }
        store.close().await;
    }
    for (number, member) in subscribers.iter().enumerate() {
        let bodies: Vec<_> =
            store.notices(*member, None, 50).await.unwrap().into_iter().map(|n| n.event.unwrap().kept).collect();
        let expected: &[&str] = if number == 3 { &[] } else { &["Cancelled", "Dated"] };
        assert_eq!(bodies, expected, "{number}");
    }
    // Whoever subscribed after a change hears of the next one; who did it of neither.
    assert_eq!(store.notices(late, None, 50).await.unwrap().len(), 1);
    assert_eq!(store.notices(ada, None, 50).await.unwrap().len(), 0);
    assert_eq!(kept as u64, 2 * (SUBSCRIBERS - 1) + 1);
    let shown = &store.notices(late, None, 50).await.unwrap()[0];
    let event = shown.event.as_ref().unwrap();
    assert_eq!((shown.body.as_str(), event.starts_at, event.time_zone.as_str()), ("Event 1", Some(at(HOUR)), ""));
}

async fn the_next_one_is_made_once(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    let weekly =
        EventPlan { recurrence: Some(Recurrence::Weekly), planned: Some("2026-11-23T19:00:00".to_owned()), ..plan() };
    let first = NewEvent { plan: weekly, starts_at: Some(at(HOUR)), cohosts: vec![ben], ..event(1, ada) };
    make(&store, &first).await;
    store.accept_cohost(EventId(1), ben, at(11)).await.unwrap();
    store.subscribe_event(EventId(1), eve, true, at(12)).await.unwrap();
    assert_eq!(store.events_to_continue(10).await.unwrap(), []);
    store.cancel_event(EventId(1), ada, "", false, at(13)).await.unwrap();
    let due = store.events_to_continue(10).await.unwrap();
    assert_eq!(
        (due.len(), due[0].planned.as_str(), due[0].time_zone.as_str()),
        (1, "2026-11-23T19:00:00", "Europe/Berlin")
    );
    let other = world.open().await;
    let (planned, time_zone) = ("2026-11-30T19:00:00", "Asia/Tokyo");
    let next = |id| Some(NextEvent { id: EventId(id), starts_at: at(8 * HOUR), planned, time_zone });
    let made = tokio::join!(
        store.continue_event(EventId(1), next(2), at(14)),
        other.continue_event(EventId(1), next(3), at(14))
    );
    let made = [made.0.unwrap(), made.1.unwrap()];
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
    let id = if made[0] { 2 } else { 3 };
    assert_eq!(store.event(EventId(5 - id), Some(ada)).await.unwrap(), None);
    let found = seen(&store, id, eve).await;
    assert_eq!((found.agenda.state, found.agenda.starts_at), (State::Dated, Some(at(8 * HOUR))));
    assert_eq!((found.text, found.cohosts[0].id, found.subscription), (first.text, ben, Some(false)));
    assert_eq!(
        (found.plan.planned.as_deref(), found.series),
        (Some("2026-11-30T19:00:00"), seen(&store, 1, ada).await.series)
    );
    assert!(found.series.is_some());
    assert_eq!(found.plan.time_zone, time_zone);
    assert_eq!(store.events_to_continue(10).await.unwrap(), []);
    // Subscribers hear of it as of any change.
    let open = store.changes_to_tell(10).await.unwrap();
    assert!(open.iter().any(|change| change.event == EventId(id) && change.change == Change::Announced));
    // One that is called off with all after it is the last one; so is one after which there is no date.
    store.cancel_event(EventId(id), ada, "", true, at(15)).await.unwrap();
    assert_eq!(store.events_to_continue(10).await.unwrap(), []);
    let again =
        NewEvent { id: EventId(9), cohosts: Vec::new(), ..NewEvent { starts_at: Some(at(HOUR)), ..first_again(ada) } };
    make(&store, &again).await;
    store.cancel_event(EventId(9), ada, "", false, at(16)).await.unwrap();
    assert!(!store.continue_event(EventId(9), None, at(17)).await.unwrap());
    assert_eq!(store.events_to_continue(10).await.unwrap(), []);
}

fn first_again(host: MemberId) -> NewEvent {
    let weekly = EventPlan {
        recurrence: Some(Recurrence::MonthlyByWeekday),
        planned: Some("2026-11-23T19:00:00".to_owned()),
        ..plan()
    };
    NewEvent { plan: weekly, ..event(9, host) }
}

async fn dates_go_by(world: &World) {
    let store = world.open().await;
    let [ada, ben, _] = three(&store).await;
    make(&store, &NewEvent { starts_at: Some(at(HOUR)), ..event(1, ada) }).await;
    make(&store, &NewEvent { starts_at: Some(at(HOUR)), cohosts: vec![ben], ..event(2, ada) }).await;
    make(&store, &NewEvent { starts_at: Some(at(HOUR)), ..first_again(ada) }).await;
    make(&store, &NewEvent { starts_at: Some(at(2 * HOUR)), ..event(3, ada) }).await;
    let end = HOUR + 60 * 60_000 + LAPSE_AFTER;
    store.settle_events(at(end - 1), 10).await.unwrap();
    assert_eq!(seen(&store, 1, ada).await.agenda.state, State::Dated);
    store.settle_events(at(end), 10).await.unwrap();
    for (id, state) in [(1, State::Agreed), (2, State::Proposed), (9, State::Cancelled), (3, State::Dated)] {
        let found = seen(&store, id, ada).await;
        assert_eq!((found.agenda.state, found.agenda.starts_at.is_some()), (state, id == 9 || id == 3), "{id}");
    }
    // The host hears of it: the server did it.
    let open = store.changes_to_tell(10).await.unwrap();
    assert_eq!(open.len(), 4);
    for change in open {
        store.change_told(&change, None, at(end)).await.unwrap();
    }
    let open = store.changes_to_tell(10).await.unwrap();
    assert_eq!(open.iter().map(|change| change.actor).collect::<Vec<_>>(), [None; 3]);
    assert_eq!(store.event_audience(&open[0], 10).await.unwrap(), [ada]);
    assert!(!store.settle_events(at(end), 10).await.unwrap());
}

async fn the_end_of_the_room_is_the_end_of_the_event(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    make(&store, &NewEvent { starts_at: Some(at(HOUR)), cohosts: vec![ben], ..event(1, ada) }).await;
    store.accept_cohost(EventId(1), ben, at(11)).await.unwrap();
    store.create_room(room(7, ben), &[]).await.unwrap();
    assert!(matches!(
        store.event_opened(EventId(1), ben, RoomId(7), at(HOUR)).await.unwrap(),
        EventDone::Done(Some(Change::Live))
    ));
    store.settle_events(at(HOUR), 10).await.unwrap();
    assert_eq!(seen(&store, 1, eve).await.agenda.state, State::Live);
    // Whoever opened the room is gone, and the room with them.
    store.delete_account(ben, &[], &[]).await.unwrap();
    store.settle_events(at(2 * HOUR), 10).await.unwrap();
    let found = seen(&store, 1, eve).await;
    assert_eq!((found.agenda.state, found.room), (State::Ended, None));

    // The room of an event goes with whoever announced that: it has their words.
    make(&store, &NewEvent { starts_at: Some(at(HOUR)), cohosts: vec![eve], ..event(2, ada) }).await;
    store.accept_cohost(EventId(2), eve, at(11)).await.unwrap();
    store.create_room(room(8, eve), &[]).await.unwrap();
    store.event_opened(EventId(2), eve, RoomId(8), at(HOUR)).await.unwrap();
    assert_eq!(store.live_rooms_of(ada).await.unwrap(), [RoomId(8)]);
    store.delete_account(ada, &[], &[]).await.unwrap();
    assert_eq!(store.load_room(RoomId(8)).await.unwrap(), None);
    assert_eq!(store.event(EventId(2), Some(eve)).await.unwrap(), None);
}

async fn a_calendar_has_one_address(world: &World) {
    let store = world.open().await;
    let [ada, ben, _] = three(&store).await;
    assert_eq!(store.calendar_since(ada).await.unwrap(), None);
    store.set_calendar(ada, &hash(70), at(5)).await.unwrap();
    store.set_calendar(ada, &hash(71), at(6)).await.unwrap();
    store.set_calendar(ben, &hash(72), at(7)).await.unwrap();
    assert_eq!(store.calendar_of(&hash(70)).await.unwrap(), None);
    assert_eq!(store.calendar_of(&hash(71)).await.unwrap(), Some(ada));
    assert_eq!(store.calendar_since(ada).await.unwrap(), Some(at(6)));
    store.end_calendar(ada).await.unwrap();
    assert_eq!(store.calendar_of(&hash(71)).await.unwrap(), None);
    suspend(&store, ben).await;
    assert_eq!(store.calendar_of(&hash(72)).await.unwrap(), None);
}

async fn there_are_only_so_many(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    for id in 0..u128::from(EVENTS_MAX) {
        make(&store, &event(100 + id, ada)).await;
    }
    assert_eq!(store.create_event(&event(1, ada), at(10)).await.unwrap(), EventDone::TooMany);
    store.cancel_event(EventId(100), ada, "", false, at(11)).await.unwrap();
    make(&store, &event(1, ada)).await;
    assert_eq!(store.create_event(&event(2, MemberId(404)), at(10)).await.unwrap(), EventDone::NotAllowed);
    // Subscribing twice is once, and says whether they come.
    for going in [true, false] {
        store.subscribe_event(EventId(1), ben, going, at(12)).await.unwrap();
        let found = seen(&store, 1, ben).await;
        assert_eq!((found.subscription, found.subscribers, found.going), (Some(going), 2, 1 + u64::from(going)));
    }
    let going = store.going_to_event(EventId(1), 10).await.unwrap();
    assert_eq!(going, [ada]);
    store.unsubscribe_event(EventId(1), ben).await.unwrap();
    assert_eq!(seen(&store, 1, ben).await.subscription, None);
    let ids: HashSet<MemberId> = [ada, eve].into();
    store.subscribe_event(EventId(1), eve, true, at(13)).await.unwrap();
    assert_eq!(store.going_to_event(EventId(1), 10).await.unwrap().into_iter().collect::<HashSet<_>>(), ids);
}

/// Everything that a member can write in events, and what others have of them: a room that a friend opened for one of hers.
pub(crate) async fn events_of_ada(store: &Store, mark: &impl Fn() -> String, ada: MemberId, friend: MemberId) {
    let words = |id, host| {
        let text = EventText { title: mark(), about: mark(), language: mark(), topics: vec![mark(), mark()] };
        NewEvent { text, ..event(id, host) }
    };
    let first = NewEvent { cohosts: vec![friend], starts_at: Some(at(100)), ..words(50, ada) };
    make(store, &first).await;
    store.accept_cohost(EventId(50), friend, at(11)).await.unwrap();
    let opened = roomtone_store::NewRoom { title: first.text.title, ..room(50, friend) };
    store.create_room(opened, &[]).await.unwrap();
    store.event_opened(EventId(50), friend, RoomId(50), at(100)).await.unwrap();
    make(store, &words(51, ada)).await;
    store.cancel_event(EventId(51), ada, &mark(), true, at(101)).await.unwrap();
    // One of the friend's that she hosts too, with a vote, and a calendar.
    make(store, &NewEvent { cohosts: vec![ada], ..event(52, friend) }).await;
    store.accept_cohost(EventId(52), ada, at(11)).await.unwrap();
    store.set_event_poll(EventId(52), ada, &BTreeSet::from([at(200), at(300)])).await.unwrap();
    store.vote_event_times(EventId(52), ada, &BTreeSet::from([at(200)])).await.unwrap();
    store.set_calendar(ada, &hash(5_050), at(12)).await.unwrap();
}
