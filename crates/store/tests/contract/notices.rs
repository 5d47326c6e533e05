//! What members are told of: who is told, how often, what they see of it, and that it goes out once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use roomtone_room::ids::{HouseId, MemberId, RecordId, RoomId, Timestamp};
use roomtone_store::{
    Bell, BranchAct, HouseText, NewHouse, NewInvite, NewNotice, NewSession, Notice, PUSH_FAILS_FOR, PUSH_FAILURES_MAX,
    Place, QuietHours, Store, Subscription, UNREAD_MAX, Ways,
};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{World, act, contract, hash, invite, join, redeem, room, session_hash};

contract!(
    notices_are_kept_for_those_who_want_them,
    nothing_comes_from_those_whom_one_does_not_want_to_hear_of,
    the_same_is_not_told_again,
    bells_ring_as_loud_as_they_are_set,
    the_inbox_is_read_in_pages,
    what_was_read_is_counted,
    rooms_and_houses_are_called_what_they_are_called_now,
    who_is_here_gets_nothing_sent,
    of_many_who_deliver_one_does,
    what_was_taken_and_not_noted_is_due_again,
    what_could_not_be_delivered_is_tried_again,
    whoever_is_muted_meanwhile_is_not_delivered,
    browsers_come_and_go,
    a_browser_that_fails_for_days_is_forgotten,
    a_recipient_with_everything,
    letters_can_be_ended,
    old_notices_are_deleted,
    a_setting_is_made_once,
);

const ALL: Ways = Ways { inbox: true, push: true, mail: true };
const INBOX: Ways = Ways { inbox: true, push: false, mail: false };

fn notice(id: u128, member: MemberId, kind: &'static str, actor: MemberId) -> NewNotice {
    NewNotice {
        id: RecordId(id),
        member,
        kind,
        actor: Some(actor),
        subject: None,
        body: String::new(),
        at: Timestamp(1_000 + id as u64),
        defaults: ALL,
        away: true,
    }
}

/// Keeps one, and says whether it is in the inbox now.
async fn add(store: &Store, notice: NewNotice) -> bool {
    !store.add_notices(&[notice], Timestamp(0)).await.unwrap().is_empty()
}

async fn inbox(store: &Store, member: MemberId) -> Vec<Notice> {
    store.notices(member, None, 1_000).await.unwrap()
}

async fn ids(store: &Store, member: MemberId) -> Vec<u128> {
    inbox(store, member).await.into_iter().map(|notice| notice.id.0).collect()
}

async fn four(store: &Store) -> [MemberId; 4] {
    [join(store, 1, "ada").await, join(store, 2, "ben").await, join(store, 3, "eve").await, join(store, 4, "kim").await]
}

fn browser(id: u128) -> Subscription {
    let endpoint = format!("https://push.example/{id}");
    Subscription { id: RecordId(id), endpoint, p256dh: vec![id as u8; 65], auth: vec![id as u8; 16] }
}

/// Has a member take push in a browser of the session that came with their invite.
async fn subscribe(store: &Store, member: MemberId, id: u128) -> Option<RecordId> {
    let session = session_hash(member.0 as u64);
    store.subscribe(member, &session, &browser(id), Timestamp(id as u64)).await.unwrap()
}

/// Confirms a mail address.
async fn mail(store: &Store, member: MemberId, address: &str) {
    let link = hash(5_000 + member.0 as u64);
    assert!(store.ask_to_confirm(&session_hash(member.0 as u64), &link, address, Timestamp(10)).await.unwrap());
    let session = NewSession { hash: hash(6_000), label: String::new() };
    store.use_link(&link, Some(member), Timestamp(1), &session).await.unwrap();
}

/// Has the owner, who comes in for it, suspend a member.
async fn suspend(store: &Store, member: MemberId) {
    store.create_invite(NewInvite { owner: true, ..invite(hash(90)) }).await.unwrap();
    let author = redeem(store, hash(90), 0, 90, "owner").await.unwrap().person.id;
    let act = BranchAct { id: RecordId(1), member, branch: false, author, at: Timestamp(3) };
    store.suspend(&act, "").await.unwrap();
}

async fn due(store: &Store, now: u64) -> Vec<MemberId> {
    store.due_members(Timestamp(now), 100).await.unwrap()
}

async fn notices_are_kept_for_those_who_want_them(world: &World) {
    let store = world.open().await;
    let [ada, ben, ..] = four(&store).await;
    assert!(add(&store, notice(1, ada, "followed", ben)).await);
    let quiet = QuietHours::default();
    let choose = async |ways| store.choose_notices(ada, &[("ping", ways)], &quiet).await.unwrap();
    // Not in the inbox; and without a browser there is nobody to push to.
    let push_only = Ways { inbox: false, push: true, mail: true };
    choose(push_only).await;
    assert!(!add(&store, notice(2, ada, "ping", ben)).await);
    assert_eq!(due(&store, 9_000).await, []);
    subscribe(&store, ada, 1).await.unwrap();
    assert!(!add(&store, notice(3, ada, "ping", ben)).await);
    assert_eq!(due(&store, 9_000).await, [ada]);
    assert_eq!(ids(&store, ada).await, [1]);
    assert_eq!(store.notice(ada, RecordId(3)).await.unwrap(), None);
    // In no way at all.
    choose(Ways { inbox: false, push: false, mail: false }).await;
    let call = NewNotice { kind: "ping", subject: Some(7), ..notice(4, ada, "ping", ben) };
    assert!(!add(&store, call).await);
    let claimed = store.claim_due(ada, Timestamp(9_000), Timestamp(10_000)).await.unwrap();
    assert_eq!(claimed.iter().map(|due| due.notice.id.0).collect::<Vec<_>>(), [3]);
    // Other kinds go on as they did.
    assert!(add(&store, notice(5, ada, "call", ben)).await);
    let expected = HashMap::from([("ping".to_owned(), Ways { inbox: false, push: false, mail: false })]);
    assert_eq!(store.notice_choices(ada).await.unwrap(), expected);
    // Who is not there is not told, and nobody fails for it.
    let batch =
        [notice(6, MemberId(99), "ping", ben), notice(7, ben, "ping", MemberId(99)), notice(8, ben, "ping", ada)];
    assert_eq!(store.add_notices(&batch, Timestamp(0)).await.unwrap(), HashSet::from([RecordId(8)]));
}

async fn nothing_comes_from_those_whom_one_does_not_want_to_hear_of(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve, kim] = four(&store).await;
    store.block(ada, ben, Timestamp(1)).await.unwrap();
    store.mute(ada, eve, Timestamp(1)).await.unwrap();
    for (number, from, to, told) in [
        (1, ben, ada, false),
        (2, ada, ben, false),
        (3, eve, ada, false),
        // A mute has one direction.
        (4, ada, eve, true),
        (5, kim, ada, true),
    ] {
        assert_eq!(add(&store, notice(number, to, "followed", from)).await, told, "{number}");
    }
    // A block that comes later hides what was told before, on both sides, and counts; it is not delivered either.
    add(&store, notice(6, kim, "followed", ada)).await;
    subscribe(&store, kim, 1).await.unwrap();
    add(&store, notice(7, kim, "ping", ada)).await;
    assert_eq!(due(&store, 9_000).await, [kim]);
    store.block(kim, ada, Timestamp(2)).await.unwrap();
    for member in [ada, kim] {
        assert_eq!(ids(&store, member).await, []);
        assert_eq!(store.unread_notices(member).await.unwrap(), 0);
    }
    assert_eq!(store.notice(ada, RecordId(5)).await.unwrap(), None);
    assert_eq!(store.claim_due(kim, Timestamp(9_000), Timestamp(10_000)).await.unwrap(), []);
    assert_eq!(due(&store, 20_000).await, []);
    store.unblock(kim, ada).await.unwrap();
    assert_eq!(ids(&store, kim).await, [7, 6]);
    // Nor does anything come from, or go to, somebody suspended.
    suspend(&store, ada).await;
    assert!(!add(&store, notice(8, ada, "ping", kim)).await);
    assert!(!add(&store, notice(9, eve, "ping", ada)).await);
    assert_eq!(ids(&store, kim).await, []);
    assert_eq!(ids(&store, eve).await, []);
}

async fn the_same_is_not_told_again(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve, _] = four(&store).await;
    assert!(add(&store, notice(1, ada, "followed", ben)).await);
    assert!(!add(&store, notice(2, ada, "followed", ben)).await);
    // Another actor, kind, member or subject is something else.
    assert!(add(&store, notice(3, ada, "followed", eve)).await);
    assert!(add(&store, notice(4, ada, "ping", ben)).await);
    assert!(add(&store, notice(5, eve, "followed", ben)).await);
    let about = |id, subject| NewNotice { subject: Some(subject), ..notice(id, ada, "ping", ben) };
    assert!(add(&store, about(6, 7)).await);
    assert!(!add(&store, about(7, 7)).await);
    assert!(add(&store, about(8, 8)).await);
    // After a while it may be told again: the first came at 1001.
    let again = notice(9, ada, "followed", ben);
    assert!(store.add_notices(std::slice::from_ref(&again), Timestamp(1_000)).await.unwrap().is_empty());
    assert_eq!(store.add_notices(&[again], Timestamp(1_001)).await.unwrap().len(), 1);
    // That a room was opened is told once, for its house's or for its host's sake; that somebody speaks in it, besides.
    let in_room = |id, kind| NewNotice { subject: Some(50), ..notice(id, ada, kind, ben) };
    assert!(add(&store, in_room(10, "house_room")).await);
    assert!(!add(&store, in_room(11, "room_opened")).await);
    assert!(add(&store, in_room(12, "room_speaking")).await);
}

async fn bells_ring_as_loud_as_they_are_set(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve, kim] = four(&store).await;
    let lee = join(&store, 5, "lee").await;
    for (follower, bell) in [(ben, Bell::Never), (eve, Bell::Sometimes), (kim, Bell::Always), (lee, Bell::Sometimes)] {
        store.follow(follower, ada, Some(bell), Timestamp(1)).await.unwrap();
    }
    let page = async |after, again_from, limit| {
        let page = store.bells(ada, after, Timestamp(again_from), limit).await.unwrap();
        page.into_iter().map(|(place, rings)| (place.id, rings)).collect::<Vec<_>>()
    };
    // Of those who came at the same time, the highest id first.
    let bells = async |again_from| page(None, again_from, 10).await;
    assert_eq!(bells(0).await, [(lee, true), (kim, true), (eve, true), (ben, false)]);
    // At 1001 two of them are told that the member opened a room.
    let opened = |id, to| NewNotice { at: Timestamp(1_001), ..notice(id, to, "room_opened", ada) };
    store.add_notices(&[opened(1, eve), opened(2, kim)], Timestamp(0)).await.unwrap();
    assert_eq!(bells(1_000).await, [(lee, true), (kim, true), (eve, false), (ben, false)]);
    assert_eq!(bells(1_001).await, [(lee, true), (kim, true), (eve, true), (ben, false)]);
    // What somebody else did, or of another kind, is not that.
    add(&store, notice(3, lee, "followed", ada)).await;
    add(&store, notice(4, lee, "room_opened", eve)).await;
    assert_eq!(bells(0).await[0], (lee, true));
    let at = |id| Some(Place { since: Timestamp(1), id });
    assert_eq!(page(at(kim), 0, 1).await, [(eve, false)]);
    assert_eq!(page(at(ben), 0, 1).await, []);
}

async fn the_inbox_is_read_in_pages(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve, _] = four(&store).await;
    // Several at the same time.
    for id in 1..=7 {
        let at = Timestamp(1_000 + id as u64 / 3);
        let kept = NewNotice { at, subject: Some(id), ..notice(id, ada, "ping", ben) };
        add(&store, kept).await;
    }
    add(&store, notice(9, eve, "ping", ben)).await;
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = store.notices(ada, before, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some((last.at, last.id));
        seen.extend(page.iter().map(|notice| notice.id.0));
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(store.notice(ada, RecordId(9)).await.unwrap(), None);
    let found = store.notice(ada, RecordId(4)).await.unwrap().unwrap();
    assert_eq!((found.kind.as_str(), found.subject, found.read), ("ping", Some(4), false));
    assert_eq!(found.actor.map(|actor| actor.handle).as_deref(), Some("ben"));
}

async fn what_was_read_is_counted(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve, _] = four(&store).await;
    let many: Vec<_> = (1..=150u128)
        .map(|id| NewNotice { subject: Some(id), defaults: INBOX, ..notice(id, ada, "ping", ben) })
        .collect();
    store.add_notices(&many, Timestamp(0)).await.unwrap();
    let unread = async || store.unread_notices(ada).await.unwrap();
    assert_eq!(unread().await, UNREAD_MAX);
    // Times are 1001 to 1150.
    store.read_notices_until(ada, Timestamp(1_070), Timestamp(5_000)).await.unwrap();
    assert_eq!(unread().await, 80);
    let some: Vec<_> = [71, 72, 72, 1, 999].map(RecordId).to_vec();
    store.read_notices(ada, &some, Timestamp(5_000)).await.unwrap();
    assert_eq!(unread().await, 78);
    // Nobody reads for others.
    store.read_notices(eve, &[RecordId(100)], Timestamp(5_000)).await.unwrap();
    store.read_notices_until(eve, Timestamp(9_000), Timestamp(5_000)).await.unwrap();
    assert_eq!(unread().await, 78);
    let read = inbox(&store, ada).await.into_iter().filter(|notice| notice.read).count();
    assert_eq!(read, 72);
}

async fn rooms_and_houses_are_called_what_they_are_called_now(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve, _] = four(&store).await;
    store.create_room(room(50, ada), &[]).await.unwrap();
    let text = |private| HouseText {
        name: "Tea".to_owned(),
        about: String::new(),
        rules: String::new(),
        language: "en".to_owned(),
        private,
        nominated: true,
    };
    let house = NewHouse { id: HouseId(60), handle: "tea".into(), skeleton: "tea".into(), text: text(false) };
    store.create_house(&house, ada, Timestamp(1)).await.unwrap();
    let about = |id, kind, subject, to| NewNotice { subject: Some(subject), ..notice(id, to, kind, ada) };
    add(&store, about(1, "ping", 50, ben)).await;
    add(&store, about(2, "house_invited", 60, ben)).await;
    let last = NewNotice { body: "It was looked at.".into(), ..about(3, "report_handled", 70, ben) };
    add(&store, last).await;
    let of =
        async |member| inbox(&store, member).await.into_iter().map(|n| (n.body, n.room, n.house)).collect::<Vec<_>>();
    let report = ("It was looked at.".to_owned(), None, None);
    let in_room = ("Kitchen table".to_owned(), Some(RoomId(50)), None);
    let in_house = ("Tea".to_owned(), None, Some("tea".to_owned()));
    assert_eq!(of(ben).await, [report.clone(), in_house.clone(), in_room.clone()]);
    // A private house is named only to those who may know of it.
    store.change_house(HouseId(60), ada, &text(true), Timestamp(2)).await.unwrap();
    let hidden = (String::new(), None, None);
    assert_eq!(of(ben).await, [report.clone(), hidden, in_room.clone()]);
    store.nominate(HouseId(60), ada, ben, RecordId(1), "", Timestamp(3)).await.unwrap();
    assert_eq!(of(ben).await[1], in_house);
    store.join_house(HouseId(60), ben, Timestamp(4)).await.unwrap();
    assert_eq!(of(ben).await[1], in_house);
    // Who is removed for good keeps nothing about it.
    store.ban_from_house(HouseId(60), ben, &act(ada)).await.unwrap();
    assert_eq!(of(ben).await, [report, in_room]);
    assert_eq!(of(eve).await, []);
}

async fn who_is_here_gets_nothing_sent(world: &World) {
    let store = world.open().await;
    let [ada, ben, ..] = four(&store).await;
    subscribe(&store, ada, 1).await.unwrap();
    assert!(add(&store, NewNotice { away: false, ..notice(1, ada, "ping", ben) }).await);
    assert_eq!((due(&store, 9_000).await, store.next_due().await.unwrap()), (vec![], None));
    // Nor what is only for the inbox, nor what was read before it was due.
    add(&store, NewNotice { defaults: INBOX, ..notice(2, ada, "followed", ben) }).await;
    add(&store, notice(3, ada, "call", ben)).await;
    assert_eq!(store.next_due().await.unwrap(), Some(Timestamp(1_003)));
    assert_eq!((due(&store, 1_002).await, due(&store, 1_003).await), (vec![], vec![ada]));
    store.read_notices(ada, &[RecordId(3)], Timestamp(1_003)).await.unwrap();
    assert_eq!(due(&store, 9_000).await, []);
}

/// Several tasks of two processes take what is due: each notice is taken once.
async fn of_many_who_deliver_one_does(world: &World) {
    const NOTICES: u128 = 40;
    let stores = [world.open().await, world.open().await];
    let [ada, ben, ..] = four(&stores[0]).await;
    subscribe(&stores[0], ada, 1).await.unwrap();
    for round in 0..10u64 {
        let new: Vec<_> = (0..NOTICES)
            .map(|number| {
                let id = u128::from(round) * NOTICES + number + 1;
                NewNotice { subject: Some(id), at: Timestamp(round * 100), ..notice(id, ada, "ping", ben) }
            })
            .collect();
        stores[0].add_notices(&new, Timestamp(0)).await.unwrap();
        let together = Arc::new(Barrier::new(6));
        let mut tasks = JoinSet::new();
        for number in 0..6 {
            let (store, together) = (stores[number % 2].clone(), together.clone());
            tasks.spawn(async move {
                together.wait().await;
                let now = Timestamp(round * 100 + 1);
                store.claim_due(ada, now, Timestamp(round * 100 + 50)).await.unwrap()
            });
        }
        let mut taken: Vec<_> = tasks.join_all().await.into_iter().flatten().map(|due| due.notice.id).collect();
        taken.sort();
        assert_eq!(taken, new.iter().map(|notice| notice.id).collect::<Vec<_>>(), "round {round}");
        stores[1].delivered(&taken, Timestamp(round * 100 + 50)).await.unwrap();
        assert_eq!(stores[0].next_due().await.unwrap(), None);
    }
}

async fn what_was_taken_and_not_noted_is_due_again(world: &World) {
    let store = world.open().await;
    let [ada, ben, ..] = four(&store).await;
    subscribe(&store, ada, 1).await.unwrap();
    add(&store, notice(1, ada, "ping", ben)).await;
    let claim = async |now, until| store.claim_due(ada, Timestamp(now), Timestamp(until)).await.unwrap();
    assert_eq!(claim(2_000, 3_000).await.len(), 1);
    assert_eq!(claim(2_999, 4_000).await, []);
    // Whoever had taken it is gone.
    let again = claim(3_000, 4_000).await;
    assert_eq!((again.len(), again[0].attempts), (1, 2));
    // If they come back after all, they do not undo what the next one does.
    store.delivered(&[RecordId(1)], Timestamp(3_000)).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(Timestamp(4_000)));
    store.delivered(&[RecordId(1)], Timestamp(4_000)).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), None);
}

async fn what_could_not_be_delivered_is_tried_again(world: &World) {
    let store = world.open().await;
    let [ada, ben, ..] = four(&store).await;
    subscribe(&store, ada, 1).await.unwrap();
    for (id, kind) in [(1, "ping"), (2, "call")] {
        add(&store, notice(id, ada, kind, ben)).await;
    }
    let claim = async |now, until| store.claim_due(ada, Timestamp(now), Timestamp(until)).await.unwrap();
    let taken = claim(2_000, 3_000).await;
    assert_eq!(taken.iter().map(|due| (due.notice.id.0, due.attempts)).collect::<Vec<_>>(), [(1, 1), (2, 1)]);
    let ids = [RecordId(1), RecordId(2)];
    store.deliver_later(&ids, Timestamp(3_000), Timestamp(2_500), false).await.unwrap();
    assert_eq!(claim(2_499, 3_000).await, []);
    assert_eq!(claim(2_500, 3_500).await[0].attempts, 2);
    // Waiting for the end of quiet hours is not an attempt.
    store.deliver_later(&ids, Timestamp(3_500), Timestamp(8_000), true).await.unwrap();
    assert_eq!(claim(8_000, 9_000).await[0].attempts, 2);
}

async fn whoever_is_muted_meanwhile_is_not_delivered(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve, kim] = four(&store).await;
    subscribe(&store, ada, 1).await.unwrap();
    for (id, actor) in [(1, ben), (2, eve), (3, kim)] {
        assert!(add(&store, notice(id, ada, "call", actor)).await);
    }
    // They waited for the end of quiet hours.
    store.mute(ada, ben, Timestamp(1_500)).await.unwrap();
    store.block(ada, eve, Timestamp(1_500)).await.unwrap();
    let taken = store.claim_due(ada, Timestamp(2_000), Timestamp(3_000)).await.unwrap();
    assert_eq!(taken.iter().map(|due| due.notice.id.0).collect::<Vec<_>>(), [3]);
    store.delivered(&[RecordId(3)], Timestamp(3_000)).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), None);
    assert!(ids(&store, ada).await.contains(&1), "what came before stays in the inbox");
}

async fn a_browser_that_fails_for_days_is_forgotten(world: &World) {
    let store = world.open().await;
    let [ada, ..] = four(&store).await;
    subscribe(&store, ada, 1).await.unwrap();
    let state = async || {
        let found = store.recipient(ada).await.unwrap().unwrap();
        (found.subscriptions.len(), found.failing.len())
    };
    let fail = async |at| store.subscription_failed(RecordId(1), Timestamp(at)).await.unwrap();
    assert_eq!(state().await, (1, 0));
    // Often, but not for long; then for long, but with a success in between.
    for at in 1..10 {
        assert!(!fail(at).await);
    }
    assert_eq!(state().await, (1, 1));
    store.subscription_works(RecordId(1)).await.unwrap();
    assert_eq!(state().await, (1, 0));
    for at in 1..PUSH_FAILURES_MAX {
        assert!(!fail(u64::from(at) + 2 * PUSH_FAILS_FOR).await);
    }
    assert!(!fail(3 * PUSH_FAILS_FOR).await, "not for long enough");
    // A browser that subscribes again begins anew.
    subscribe(&store, ada, 1).await.unwrap();
    assert_eq!(state().await, (1, 0));
    for at in 1..PUSH_FAILURES_MAX {
        assert!(!fail(u64::from(at)).await);
    }
    assert!(fail(1 + PUSH_FAILS_FOR).await);
    assert_eq!(state().await, (0, 0));
}

async fn browsers_come_and_go(world: &World) {
    let store = world.open().await;
    let [ada, ben, ..] = four(&store).await;
    let of = async |member| {
        let found = store.recipient(member).await.unwrap().unwrap().subscriptions;
        found.into_iter().map(|browser| browser.id.0).collect::<Vec<_>>()
    };
    for id in 1..=12 {
        assert_eq!(subscribe(&store, ada, id).await, Some(RecordId(id)));
    }
    assert_eq!(of(ada).await, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    // The same browser again, with other keys, keeps its id; so it does for somebody else, who has it from now on.
    let again = Subscription { id: RecordId(99), auth: vec![0; 16], ..browser(5) };
    let kept = store.subscribe(ada, &session_hash(1), &again, Timestamp(50)).await.unwrap();
    assert_eq!((kept, of(ada).await[0]), (Some(RecordId(5)), 5));
    assert_eq!(store.recipient(ada).await.unwrap().unwrap().subscriptions[0].auth, [0; 16]);
    let taken = store.subscribe(ben, &session_hash(2), &again, Timestamp(60)).await.unwrap();
    assert_eq!((taken, of(ben).await), (Some(RecordId(5)), vec![5]));
    assert!(!of(ada).await.contains(&5));
    // Only one's own can be ended, and only one with the same keys is gone.
    assert!(!store.unsubscribe(ada, RecordId(5)).await.unwrap());
    assert!(store.unsubscribe(ada, RecordId(12)).await.unwrap());
    assert!(!store.unsubscribe(ada, RecordId(12)).await.unwrap());
    store.subscription_gone(&Subscription { p256dh: vec![9; 65], ..browser(5) }).await.unwrap();
    assert_eq!(of(ben).await, [5]);
    store.subscription_gone(&browser(5)).await.unwrap();
    assert_eq!(of(ben).await, []);
    // Nobody subscribes with another's session, or one that has ended; and with the session all of them go.
    let other = store.subscribe(ben, &session_hash(1), &browser(20), Timestamp(1)).await.unwrap();
    assert_eq!(other, None);
    store.delete_session(&session_hash(1)).await.unwrap();
    assert_eq!(of(ada).await, []);
    assert_eq!(subscribe(&store, ada, 21).await, None);
}

async fn a_recipient_with_everything(world: &World) {
    let store = world.open().await;
    let [ada, ben, ..] = four(&store).await;
    subscribe(&store, ada, 1).await.unwrap();
    mail(&store, ada, "ada@example.org").await;
    let quiet = QuietHours { time_zone: "Europe/Moscow".to_owned(), minutes: Some((1_320, 420)) };
    store.choose_notices(ada, &[("ping", ALL), ("call", INBOX)], &quiet).await.unwrap();
    let found = store.recipient(ada).await.unwrap().unwrap();
    assert_eq!((found.person.handle.as_str(), found.language.as_str()), ("ada", "en"));
    assert_eq!((found.mail.as_deref(), &found.quiet), (Some("ada@example.org"), &quiet));
    assert_eq!(found.subscriptions, [browser(1)]);
    assert_eq!(found.choices, HashMap::from([("ping".to_owned(), ALL), ("call".to_owned(), INBOX)]));
    assert_eq!(store.quiet_hours(ada).await.unwrap(), quiet);
    // What is chosen again replaces what was; what is not named stays.
    store.choose_notices(ada, &[("ping", INBOX)], &QuietHours::default()).await.unwrap();
    let found = store.recipient(ada).await.unwrap().unwrap();
    assert_eq!(found.choices, HashMap::from([("ping".to_owned(), INBOX), ("call".to_owned(), INBOX)]));
    assert_eq!(found.quiet, QuietHours::default());
    let nothing = store.recipient(ben).await.unwrap().unwrap();
    assert_eq!((nothing.mail, nothing.subscriptions, nothing.choices), (None, vec![], HashMap::new()));
    assert_eq!(store.recipient(MemberId(99)).await.unwrap(), None);
    suspend(&store, ada).await;
    assert_eq!(store.recipient(ada).await.unwrap(), None);
}

async fn letters_can_be_ended(world: &World) {
    let store = world.open().await;
    let [ada, ben, ..] = four(&store).await;
    let mail_too = Ways { mail: true, ..INBOX };
    store.choose_notices(ada, &[("ping", mail_too)], &QuietHours::default()).await.unwrap();
    store.choose_notices(ben, &[("ping", mail_too)], &QuietHours::default()).await.unwrap();
    for _ in 0..2 {
        store.end_notice_mail(ada, &[("ping", ALL), ("call", ALL)]).await.unwrap();
        let expected = HashMap::from([("ping".to_owned(), INBOX), ("call".to_owned(), Ways { mail: false, ..ALL })]);
        assert_eq!(store.notice_choices(ada).await.unwrap(), expected);
    }
    assert_eq!(store.notice_choices(ben).await.unwrap(), HashMap::from([("ping".to_owned(), mail_too)]));
    store.end_notice_mail(MemberId(99), &[("ping", ALL)]).await.unwrap();
}

async fn old_notices_are_deleted(world: &World) {
    let store = world.open().await;
    let [ada, ben, ..] = four(&store).await;
    // Three times as many as one statement deletes, and some that are younger.
    for part in 0..7u128 {
        let some: Vec<_> = (0..450u128)
            .map(|number| part * 450 + number + 1)
            .map(|id| NewNotice { subject: Some(id), defaults: INBOX, ..notice(id, ada, "ping", ben) })
            .collect();
        assert_eq!(store.add_notices(&some, Timestamp(0)).await.unwrap().len(), 450);
    }
    let before = Timestamp(1_000 + 3_101);
    let mut statements = 1;
    while store.delete_old_notices(before).await.unwrap() {
        statements += 1;
    }
    assert_eq!(statements, 4);
    assert_eq!(ids(&store, ada).await.len(), 50);
    assert_eq!(ids(&store, ada).await.last(), Some(&3_101));
}

async fn a_setting_is_made_once(world: &World) {
    let stores = [world.open().await, world.open().await];
    for round in 0..10 {
        let key = format!("key{round}");
        let together = Arc::new(Barrier::new(6));
        let mut tasks = JoinSet::new();
        for number in 0..6 {
            let (store, key, together) = (stores[number % 2].clone(), key.clone(), together.clone());
            tasks.spawn(async move {
                together.wait().await;
                store.setting_or(&key, &number.to_string()).await.unwrap()
            });
        }
        let got: HashSet<_> = tasks.join_all().await.into_iter().collect();
        assert_eq!(got.len(), 1, "{got:?}");
        assert_eq!(stores[1].setting(&key).await.unwrap(), got.into_iter().next());
    }
}
