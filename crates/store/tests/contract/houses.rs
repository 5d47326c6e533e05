//! Houses: who knows of them, who belongs to them, and that somebody always runs them.

use std::sync::Arc;

use roomtone_room::ids::{HouseId, MemberId, RecordId, Timestamp};
use roomtone_store::{
    BranchAct, HOUSES_MADE_MAX, HOUSES_MAX, House, HouseAct, HouseChanged, HouseMade, HouseRole, HouseText, Joined,
    NewHouse, Nominated, Store,
};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{World, act, contract, hash, join, redeem};

contract!(
    a_house_begins_with_its_maker,
    handles_of_houses_are_unique_among_houses,
    a_member_makes_so_many_houses_and_no_more,
    private_houses_are_for_those_who_may_join,
    one_joins_by_nomination_where_that_is_asked,
    an_admin_nominates_and_agrees_at_once,
    others_rules_are_to_be_accepted_anew,
    a_ban_outlasts_leaving,
    the_last_admin_stays,
    of_two_admins_who_go_at_once_one_stays,
    counts_are_right_whoever_comes_and_goes_at_once,
    members_are_read_in_pages_without_blocked_ones,
    houses_are_discovered_by_size,
    only_admins_change_and_end_a_house,
    who_is_deleted_leaves_houses_in_order,
    what_admins_do_is_logged_with_it,
    nominators_are_shown_to_whom_they_may_be,
    so_many_houses_for_each_whoever_asks_at_once,
    counts_are_right_when_accounts_are_deleted_meanwhile,
);

fn text(private: bool, nominated: bool) -> HouseText {
    HouseText {
        name: "Tea".to_owned(),
        about: "About tea".to_owned(),
        rules: "Be kind".to_owned(),
        language: "en".to_owned(),
        private,
        nominated,
    }
}

/// A house with this number, made by `maker` at 100.
async fn make(store: &Store, number: u128, maker: MemberId, private: bool, nominated: bool) -> HouseId {
    let made = store.create_house(&new(number, private, nominated), maker, Timestamp(100)).await.unwrap();
    assert_eq!(made, HouseMade::Made);
    HouseId(number)
}

fn new(number: u128, private: bool, nominated: bool) -> NewHouse {
    let handle = format!("house{number}");
    NewHouse { id: HouseId(number), skeleton: handle.clone(), handle, text: text(private, nominated) }
}

async fn look(store: &Store, house: HouseId, member: MemberId) -> House {
    store.house(house, member).await.unwrap().unwrap()
}

/// How many members a house says it has, how many of those are admins, and how many are listed.
async fn counts(store: &Store, house: HouseId, viewer: MemberId) -> (u64, usize, usize) {
    let listed = store.house_members(house, viewer, None, 1_000).await.unwrap();
    let admins = listed.iter().filter(|member| member.role == HouseRole::Admin).count();
    (look(store, house, viewer).await.members, admins, listed.len())
}

async fn a_house_begins_with_its_maker(world: &World) {
    let store = world.open().await;
    let (ada, ben) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await);
    let house = make(&store, 7, ada, false, false).await;
    let made = look(&store, house, ada).await;
    assert_eq!((made.handle.as_str(), &made.text, made.members), ("house7", &text(false, false), 1));
    assert_eq!((made.standing.role, made.standing.rules_seen), (Some(HouseRole::Admin), true));
    let seen = store.house_by_handle("house7", ben).await.unwrap().unwrap().standing;
    assert_eq!((seen.role, seen.rules_seen, seen.banned, seen.may_see()), (None, false, false, true));
    assert_eq!(store.house_by_handle("House7", ada).await.unwrap(), None);
    assert_eq!(store.house_standing(HouseId(404), ada).await.unwrap(), None);
    assert_eq!(counts(&store, house, ben).await, (1, 1, 1));
}

async fn handles_of_houses_are_unique_among_houses(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "house1").await;
    make(&store, 1, ada, false, false).await;
    let same = NewHouse { id: HouseId(2), ..new(1, false, false) };
    let alike = NewHouse { skeleton: "house1".to_owned(), ..new(3, false, false) };
    for taken in [same, alike] {
        assert_eq!(store.create_house(&taken, ada, Timestamp(1)).await.unwrap(), HouseMade::HandleTaken);
        assert_eq!(store.house(taken.id, ada).await.unwrap(), None);
    }
}

async fn a_member_makes_so_many_houses_and_no_more(world: &World) {
    let stores = [world.open().await, world.open().await];
    let ada = join(&stores[0], 1, "ada").await;
    let together = Arc::new(Barrier::new(HOUSES_MADE_MAX as usize + 5));
    let mut makers = JoinSet::new();
    for number in 0..HOUSES_MADE_MAX + 5 {
        let (store, together) = (stores[(number % 2) as usize].clone(), together.clone());
        makers.spawn(async move {
            together.wait().await;
            store.create_house(&new(number.into(), false, false), ada, Timestamp(1)).await.unwrap()
        });
    }
    let made = makers.join_all().await;
    assert_eq!(made.iter().filter(|made| **made == HouseMade::Made).count() as u64, HOUSES_MADE_MAX);
    assert!(made.iter().all(|made| *made != HouseMade::HandleTaken));
    // One that has ended makes room.
    let mine = stores[0].houses_of(ada).await.unwrap();
    assert!(stores[0].delete_house(mine[0].id, &act(ada)).await.unwrap());
    make(&stores[1], 1_000, ada, false, false).await;
}

async fn private_houses_are_for_those_who_may_join(world: &World) {
    let store = world.open().await;
    let (ada, ben, eve) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await, join(&store, 3, "eve").await);
    // A private house is joined by nomination, whatever it was made as.
    let house = make(&store, 7, ada, true, false).await;
    assert!(look(&store, house, ada).await.text.nominated);
    assert!(look(&store, house, ada).await.standing.may_see());
    assert!(!look(&store, house, ben).await.standing.may_see());
    assert!(!store.follow_house(house, ben, Timestamp(1)).await.unwrap());
    assert_eq!(store.join_house(house, ben, Timestamp(1)).await.unwrap(), Joined::NominationNeeded);
    store.nominate(house, ada, ben, RecordId(1), "", Timestamp(1)).await.unwrap();
    assert!(look(&store, house, ben).await.standing.may_see());
    assert_eq!(store.houses_of(ben).await.unwrap().len(), 1);
    assert_eq!(store.houses_of(eve).await.unwrap(), []);
    assert_eq!(store.houses_to_discover(eve, None, 10).await.unwrap(), []);
    // Followers lose sight of a house that turns private; only its members hear of its rooms.
    let open = make(&store, 8, ada, false, false).await;
    assert!(store.follow_house(open, eve, Timestamp(2)).await.unwrap());
    assert_eq!(store.house_audience(open, None, 10).await.unwrap(), [ada, eve]);
    assert!(store.change_house(open, ada, &text(true, false), Timestamp(3)).await.unwrap());
    assert!(!look(&store, open, eve).await.standing.may_see());
    assert_eq!(store.houses_of(eve).await.unwrap(), []);
    assert_eq!(store.house_audience(open, None, 10).await.unwrap(), [ada]);
}

async fn one_joins_by_nomination_where_that_is_asked(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve, kim] = four(&store).await;
    let house = make(&store, 7, ada, false, true).await;
    store.nominate(house, ada, ben, RecordId(1), "", Timestamp(1)).await.unwrap();
    store.join_house(house, ben, Timestamp(2)).await.unwrap();
    // Outsiders and followers do not nominate.
    store.follow_house(house, kim, Timestamp(2)).await.unwrap();
    for outsider in [eve, kim] {
        let nominated = store.nominate(house, outsider, eve, RecordId(2), "", Timestamp(2)).await.unwrap();
        assert_eq!(nominated, Nominated::NotAllowed);
    }
    let waits = store.nominate(house, ben, eve, RecordId(3), "Knows tea", Timestamp(3)).await.unwrap();
    assert_eq!(waits, Nominated::Waiting(vec![ada]));
    let again = store.nominate(house, ben, eve, RecordId(4), "", Timestamp(3)).await.unwrap();
    assert_eq!(again, Nominated::Already);
    assert!(!look(&store, house, eve).await.standing.invited);
    assert_eq!(store.join_house(house, eve, Timestamp(4)).await.unwrap(), Joined::NominationNeeded);
    let waiting = store.nominations(house, ada, None, 10).await.unwrap();
    assert_eq!((waiting.len(), waiting[0].nominee.id, waiting[0].note.as_str()), (1, eve, "Knows tea"));
    assert_eq!(waiting[0].nominator.as_ref().map(|who| who.id), Some(ben));
    // Only admins answer, once.
    assert_eq!(store.answer_nomination(house, ben, RecordId(3), true, Timestamp(5)).await.unwrap(), None);
    assert_eq!(store.answer_nomination(house, ada, RecordId(3), true, Timestamp(5)).await.unwrap(), Some(eve));
    assert_eq!(store.answer_nomination(house, ada, RecordId(3), true, Timestamp(5)).await.unwrap(), None);
    assert_eq!(store.answer_nomination(house, ada, RecordId(3), false, Timestamp(5)).await.unwrap(), None);
    assert_eq!(store.nominations(house, ada, None, 10).await.unwrap(), []);
    let joined = store.join_house(house, eve, Timestamp(6)).await.unwrap();
    assert_eq!(joined, Joined::New { nominator: Some(ben) });
    assert_eq!(store.join_house(house, eve, Timestamp(7)).await.unwrap(), Joined::Already);
    // A follower becomes a member, and one who was refused does not.
    store.nominate(house, ben, kim, RecordId(5), "", Timestamp(7)).await.unwrap();
    assert_eq!(store.answer_nomination(house, ada, RecordId(5), false, Timestamp(7)).await.unwrap(), Some(kim));
    assert_eq!(store.join_house(house, kim, Timestamp(8)).await.unwrap(), Joined::NominationNeeded);
    assert_eq!(counts(&store, house, ada).await, (3, 1, 3));
}

async fn an_admin_nominates_and_agrees_at_once(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve, kim] = four(&store).await;
    let house = make(&store, 7, ada, false, true).await;
    assert_eq!(store.nominate(house, ada, ben, RecordId(1), "", Timestamp(1)).await.unwrap(), Nominated::Accepted);
    store.join_house(house, ben, Timestamp(2)).await.unwrap();
    store.nominate(house, ben, eve, RecordId(2), "", Timestamp(3)).await.unwrap();
    // An admin who nominates somebody who waits agrees thereby, and the first nominator keeps the credit.
    assert_eq!(store.nominate(house, ada, eve, RecordId(3), "", Timestamp(4)).await.unwrap(), Nominated::Accepted);
    let joined = store.join_house(house, eve, Timestamp(5)).await.unwrap();
    assert_eq!(joined, Joined::New { nominator: Some(ben) });
    assert_eq!(store.nominate(house, ada, eve, RecordId(4), "", Timestamp(6)).await.unwrap(), Nominated::Already);
    // Where nobody needs a nomination, one that waits goes with the joining.
    assert!(store.change_house(house, ada, &text(false, false), Timestamp(6)).await.unwrap());
    store.nominate(house, ben, kim, RecordId(5), "", Timestamp(7)).await.unwrap();
    let joined = store.join_house(house, kim, Timestamp(8)).await.unwrap();
    assert_eq!(joined, Joined::New { nominator: Some(ben) });
    assert_eq!(store.nominations(house, ada, None, 10).await.unwrap(), []);
}

async fn others_rules_are_to_be_accepted_anew(world: &World) {
    let store = world.open().await;
    let (ada, ben) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await);
    let house = make(&store, 7, ada, false, false).await;
    store.join_house(house, ben, Timestamp(200)).await.unwrap();
    assert!(look(&store, house, ben).await.standing.rules_seen);
    let other_name = HouseText { name: "Green tea".to_owned(), ..text(false, false) };
    assert!(store.change_house(house, ada, &other_name, Timestamp(300)).await.unwrap());
    assert!(look(&store, house, ben).await.standing.rules_seen);
    let stricter = HouseText { rules: "Be kinder".to_owned(), ..text(false, false) };
    assert!(store.change_house(house, ada, &stricter, Timestamp(400)).await.unwrap());
    assert!(look(&store, house, ada).await.standing.rules_seen);
    assert!(!look(&store, house, ben).await.standing.rules_seen);
    assert_eq!(store.join_house(house, ben, Timestamp(500)).await.unwrap(), Joined::Already);
    assert!(look(&store, house, ben).await.standing.rules_seen);
    assert_eq!(counts(&store, house, ada).await, (2, 1, 2));
}

async fn a_ban_outlasts_leaving(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve, kim] = four(&store).await;
    let house = make(&store, 7, ada, false, false).await;
    for member in [ben, eve] {
        store.join_house(house, member, Timestamp(1)).await.unwrap();
    }
    assert_eq!(store.ban_from_house(house, eve, &act(ben)).await.unwrap(), HouseChanged::NotAllowed);
    assert_eq!(store.ban_from_house(house, ada, &act(ada)).await.unwrap(), HouseChanged::NotAllowed);
    store.nominate(house, ben, kim, RecordId(1), "", Timestamp(2)).await.unwrap();
    for gone in [eve, kim, eve] {
        assert_eq!(store.ban_from_house(house, gone, &act(ada)).await.unwrap(), HouseChanged::Done);
    }
    assert_eq!(counts(&store, house, ada).await, (2, 1, 2));
    for banned in [eve, kim] {
        assert!(look(&store, house, banned).await.standing.banned);
        assert_eq!(store.join_house(house, banned, Timestamp(3)).await.unwrap(), Joined::Banned);
        assert!(!store.follow_house(house, banned, Timestamp(3)).await.unwrap());
        let nominated = store.nominate(house, ben, banned, RecordId(2), "", Timestamp(3)).await.unwrap();
        assert_eq!(nominated, Nominated::NotAllowed);
        assert_eq!(store.houses_to_discover(banned, None, 10).await.unwrap(), []);
    }
    let bans = store.house_bans(house, None, 10).await.unwrap();
    assert_eq!(bans.iter().map(|person| person.id).collect::<Vec<_>>(), [eve, kim]);
    assert!(!store.lift_house_ban(house, eve, &act(ben)).await.unwrap());
    assert!(store.lift_house_ban(house, eve, &act(ada)).await.unwrap());
    assert!(matches!(store.join_house(house, eve, Timestamp(4)).await.unwrap(), Joined::New { .. }));
}

async fn the_last_admin_stays(world: &World) {
    let store = world.open().await;
    let (ada, ben) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await);
    let house = make(&store, 7, ada, false, false).await;
    let role = async |by, who, admin| store.set_house_role(house, who, admin, &act(by)).await;
    assert_eq!(store.leave_house(house, ada).await.unwrap(), HouseChanged::LastAdmin);
    assert_eq!(role(ada, ada, false).await.unwrap(), HouseChanged::LastAdmin);
    assert_eq!(role(ada, ben, true).await.unwrap(), HouseChanged::NotMember);
    store.join_house(house, ben, Timestamp(1)).await.unwrap();
    assert_eq!(role(ben, ben, true).await.unwrap(), HouseChanged::NotAllowed);
    assert_eq!(store.leave_house(house, ada).await.unwrap(), HouseChanged::LastAdmin);
    assert_eq!(role(ada, ben, true).await.unwrap(), HouseChanged::Done);
    assert_eq!(role(ada, ben, true).await.unwrap(), HouseChanged::Done);
    assert_eq!(store.leave_house(house, ada).await.unwrap(), HouseChanged::Done);
    assert_eq!(store.leave_house(house, ada).await.unwrap(), HouseChanged::NotMember);
    assert_eq!(store.leave_house(house, ben).await.unwrap(), HouseChanged::LastAdmin);
    assert_eq!(counts(&store, house, ben).await, (1, 1, 1));
}

/// Each of two admins takes the other's office, or leaves, at the same moment, from two processes.
async fn of_two_admins_who_go_at_once_one_stays(world: &World) {
    let stores = [world.open().await, world.open().await];
    let admins = [join(&stores[0], 1, "ada").await, join(&stores[0], 2, "ben").await];
    for round in 0..20u64 {
        let house = make(&stores[0], round.into(), admins[0], false, false).await;
        stores[0].join_house(house, admins[1], Timestamp(1)).await.unwrap();
        stores[0].set_house_role(house, admins[1], true, &act(admins[0])).await.unwrap();
        let together = Arc::new(Barrier::new(2));
        let mut tasks = JoinSet::new();
        for (number, store) in stores.iter().enumerate() {
            let (store, together) = (store.clone(), together.clone());
            let (me, other) = (admins[number], admins[1 - number]);
            tasks.spawn(async move {
                together.wait().await;
                match round % 3 {
                    0 => store.leave_house(house, me).await.unwrap(),
                    1 => store.set_house_role(house, me, false, &act(me)).await.unwrap(),
                    _ => store.set_house_role(house, other, false, &act(me)).await.unwrap(),
                }
            });
        }
        let done = tasks.join_all().await.into_iter().filter(|changed| *changed == HouseChanged::Done).count();
        assert_eq!(done, 1, "round {round}");
        let (members, admins, listed) = counts(&stores[1], house, MemberId(99)).await;
        assert_eq!((members as usize, admins), (listed, 1), "round {round}");
    }
}

async fn counts_are_right_whoever_comes_and_goes_at_once(world: &World) {
    let stores = [world.open().await, world.open().await];
    let ada = join(&stores[0], 1, "ada").await;
    let house = make(&stores[0], 7, ada, false, false).await;
    let mut members = Vec::new();
    for id in 2..14 {
        members.push(join(&stores[0], id, &format!("m{id}")).await);
    }
    let mut tasks = JoinSet::new();
    for (number, &member) in members.iter().enumerate() {
        // Two tasks for each, which get in each other's way.
        for store in &stores {
            let store = store.clone();
            tasks.spawn(async move {
                for step in 0..6 {
                    match (number + step) % 4 {
                        0 | 1 => drop(store.join_house(house, member, Timestamp(1)).await.unwrap()),
                        2 => drop(store.leave_house(house, member).await.unwrap()),
                        _ => drop(store.set_house_role(house, member, step % 2 == 0, &act(ada)).await.unwrap()),
                    }
                }
            });
        }
    }
    tasks.join_all().await;
    let (said, admins, listed) = counts(&stores[0], house, ada).await;
    assert_eq!(said as usize, listed);
    assert!(listed > 1 && admins >= 1, "{listed} {admins}");
    // Down to the last admin, whoever that is: the count of admins is right too.
    let listed = stores[0].house_members(house, ada, None, 100).await.unwrap();
    let mut left = 0;
    for member in &listed {
        let changed = stores[0].leave_house(house, member.person.id).await.unwrap();
        left += usize::from(changed == HouseChanged::Done);
    }
    assert_eq!(listed.len() - left, 1);
    assert_eq!(counts(&stores[1], house, MemberId(99)).await, (1, 1, 1));
}

async fn members_are_read_in_pages_without_blocked_ones(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve, kim] = four(&store).await;
    let house = make(&store, 7, ada, false, false).await;
    for (at, member) in [(200, ben), (300, eve), (300, kim)] {
        store.join_house(house, member, Timestamp(at)).await.unwrap();
    }
    store.set_house_role(house, eve, true, &act(ada)).await.unwrap();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.house_members(house, ada, after, 1).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.role, last.since, last.person.id));
        seen.extend(page.into_iter().map(|member| (member.person.id, member.role)));
    }
    let (admin, member) = (HouseRole::Admin, HouseRole::Member);
    assert_eq!(seen, [(eve, admin), (ada, admin), (kim, member), (ben, member)]);
    // A block holds in both directions.
    store.block(ben, eve, Timestamp(400)).await.unwrap();
    let ids = async |viewer| {
        let listed = store.house_members(house, viewer, None, 10).await.unwrap();
        listed.into_iter().map(|member| member.person.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(ben).await, [ada, kim, ben]);
    assert_eq!(ids(eve).await, [eve, ada, kim]);
    assert_eq!(ids(kim).await, [eve, ada, kim, ben]);
    store.nominate(house, ben, join(&store, 9, "lee").await, RecordId(1), "", Timestamp(5)).await.unwrap();
    store.block(MemberId(9), ada, Timestamp(6)).await.unwrap();
    assert_eq!(store.nominations(house, ada, None, 10).await.unwrap(), []);
    assert_eq!(store.nominations(house, eve, None, 10).await.unwrap().len(), 1);
}

async fn houses_are_discovered_by_size(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve, kim] = four(&store).await;
    for number in 1..=5 {
        make(&store, number, ada, number == 5, false).await;
    }
    for house in [2, 3] {
        store.join_house(HouseId(house), ben, Timestamp(1)).await.unwrap();
    }
    store.join_house(HouseId(3), eve, Timestamp(1)).await.unwrap();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.houses_to_discover(kim, after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.members, last.id));
        seen.extend(page.into_iter().map(|house| (house.id.0, house.members)));
    }
    assert_eq!(seen, [(3, 3), (2, 2), (4, 1), (1, 1)]);
    let others = store.houses_to_discover(ben, None, 10).await.unwrap();
    assert_eq!(others.iter().map(|house| house.id.0).collect::<Vec<_>>(), [4, 1]);
    // Those where one has most to say come first.
    store.follow_house(HouseId(1), ben, Timestamp(2)).await.unwrap();
    store.set_house_role(HouseId(3), ben, true, &act(ada)).await.unwrap();
    let mine = store.houses_of(ben).await.unwrap();
    assert_eq!(mine.iter().map(|house| house.id.0).collect::<Vec<_>>(), [3, 2, 1]);
}

async fn only_admins_change_and_end_a_house(world: &World) {
    let store = world.open().await;
    let (ada, ben) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await);
    let house = make(&store, 7, ada, false, false).await;
    store.join_house(house, ben, Timestamp(1)).await.unwrap();
    let other = HouseText { name: "Coffee".to_owned(), ..text(false, true) };
    assert!(!store.change_house(house, ben, &other, Timestamp(2)).await.unwrap());
    assert!(!store.delete_house(house, &act(ben)).await.unwrap());
    assert_eq!(look(&store, house, ada).await.text, text(false, false));
    assert!(store.change_house(house, ada, &other, Timestamp(2)).await.unwrap());
    assert_eq!(look(&store, house, ada).await.text, other);
    assert!(store.delete_house(house, &act(ada)).await.unwrap());
    assert_eq!(store.house(house, ada).await.unwrap(), None);
    assert_eq!(store.houses_of(ben).await.unwrap(), []);
    assert!(!store.delete_house(house, &act(ada)).await.unwrap());
}

async fn who_is_deleted_leaves_houses_in_order(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve, _] = four(&store).await;
    let alone = make(&store, 1, ada, false, false).await;
    let shared = make(&store, 2, ada, false, false).await;
    let led = make(&store, 3, ada, false, false).await;
    for (at, member) in [(300, eve), (200, ben)] {
        store.join_house(shared, member, Timestamp(at)).await.unwrap();
        store.join_house(led, member, Timestamp(at)).await.unwrap();
    }
    store.set_house_role(led, eve, true, &act(ada)).await.unwrap();
    store.delete_account(ada, &[], &[]).await.unwrap();
    assert_eq!(store.house(alone, ben).await.unwrap(), None);
    // Whoever has been there for longest takes over.
    assert_eq!(look(&store, shared, ben).await.standing.role, Some(HouseRole::Admin));
    assert_eq!(look(&store, led, ben).await.standing.role, Some(HouseRole::Member));
    for house in [shared, led] {
        assert_eq!(counts(&store, house, ben).await, (2, 1, 2));
    }
    assert_eq!(store.leave_house(shared, ben).await.unwrap(), HouseChanged::LastAdmin);
    assert_eq!(store.leave_house(led, ben).await.unwrap(), HouseChanged::Done);
    assert_eq!(store.leave_house(led, eve).await.unwrap(), HouseChanged::LastAdmin);
}

async fn four(store: &Store) -> [MemberId; 4] {
    [join(store, 1, "ada").await, join(store, 2, "ben").await, join(store, 3, "eve").await, join(store, 4, "kim").await]
}

async fn what_admins_do_is_logged_with_it(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = [(1, "ada"), (2, "ben"), (3, "eve")].map(|(id, handle)| join(&store, id, handle));
    let [ada, ben, eve] = [ada.await, ben.await, eve.await];
    let house = make(&store, 7, ada, false, false).await;
    let other = make(&store, 8, ada, false, false).await;
    for member in [ben, eve] {
        store.join_house(house, member, Timestamp(1)).await.unwrap();
    }
    let why = |by, at, reason: &str| HouseAct { at: Timestamp(at), reason: reason.to_owned(), ..act(by) };
    // Who may not, and what changes nothing, leaves no entry.
    store.ban_from_house(house, eve, &why(ben, 3, "no")).await.unwrap();
    store.set_house_role(house, eve, false, &why(ada, 3, "no")).await.unwrap();
    store.lift_house_ban(house, eve, &why(ada, 3, "no")).await.unwrap();
    assert_eq!(store.house_log(house, ada, None, 10).await.unwrap(), []);
    store.set_house_role(house, ben, true, &why(ada, 4, "helps")).await.unwrap();
    store.ban_from_house(house, eve, &why(ben, 5, "shouts")).await.unwrap();
    store.ban_from_house(house, eve, &why(ada, 5, "again")).await.unwrap();
    let told = async |viewer, after, limit| {
        let log = store.house_log(house, viewer, after, limit).await.unwrap();
        let handle = |person: Option<roomtone_store::Person>| person.map_or("-".to_owned(), |person| person.handle);
        let next = log.last().map(|last| (last.at, last.id));
        let log = log.into_iter().map(|one| (one.act, handle(one.actor), handle(one.about), one.reason));
        (log.map(|(a, b, c, d)| format!("{a} {b} {c} {d}")).collect::<Vec<_>>(), next)
    };
    assert_eq!(told(ada, None, 10).await.0, ["house_banned ben eve shouts", "house_admin_made ada ben helps"]);
    let (first, next) = told(ada, None, 1).await;
    assert_eq!((first.len(), told(ada, next, 10).await.0), (1, vec!["house_admin_made ada ben helps".to_owned()]));
    assert_eq!(store.house_log(other, ada, None, 10).await.unwrap(), []);
    // A block hides whom it hides everywhere, but for whoever is kept out.
    store.block(ben, ada, Timestamp(6)).await.unwrap();
    store.block(eve, ada, Timestamp(6)).await.unwrap();
    assert_eq!(told(ada, None, 10).await.0, ["house_banned - eve shouts", "house_admin_made ada - helps"]);
    store.lift_house_ban(house, eve, &why(ada, 7, "sorry")).await.unwrap();
    assert_eq!(told(ada, None, 1).await.0, ["house_ban_lifted ada - sorry"]);
    // The admins of the server see all of it, and that the house was ended.
    assert!(store.delete_house(house, &why(ada, 8, "empty")).await.unwrap());
    let log = store.audit_log(None).await.unwrap();
    let acts: Vec<_> = log.iter().map(|one| (one.act.as_str(), one.reason.as_str())).collect();
    let expected = [
        ("house_deleted", "empty"),
        ("house_ban_lifted", "sorry"),
        ("house_banned", "shouts"),
        ("house_admin_made", "helps"),
    ];
    assert_eq!(acts, expected);
    assert!(log.iter().all(|one| one.details == format!("house={house}") && one.house.is_none()));
    // Whose account goes, of them the entry says nothing, and not what they said.
    store.delete_account(ada, &[], &[]).await.unwrap();
    let log = store.audit_log(None).await.unwrap();
    assert!(log.iter().all(|one| one.actor.as_ref().is_none_or(|actor| actor.id == ben)));
    let left: Vec<_> = log.iter().map(|one| one.reason.as_str()).filter(|reason| !reason.is_empty()).collect();
    assert_eq!(left, ["shouts"]);
}

async fn nominators_are_shown_to_whom_they_may_be(world: &World) {
    let store = world.open().await;
    assert!(store.replace_owner_invite(hash(90), Timestamp(0)).await.unwrap());
    let ada = redeem(&store, hash(90), 0, 1, "ada").await.unwrap().person.id;
    let house = make(&store, 7, ada, false, true).await;
    for (id, handle) in [(2, "blocks"), (3, "blocked"), (4, "suspended"), (5, "fine")] {
        let nominator = join(&store, id, handle).await;
        store.nominate(house, ada, nominator, RecordId(id.into()), "", Timestamp(1)).await.unwrap();
        store.join_house(house, nominator, Timestamp(2)).await.unwrap();
        let nominee = join(&store, 10 + id, &format!("by_{handle}")).await;
        let nominated =
            store.nominate(house, nominator, nominee, RecordId(u128::from(id) + 10), "", Timestamp(3)).await;
        assert_eq!(nominated.unwrap(), Nominated::Waiting(vec![ada]));
    }
    store.block(MemberId(2), ada, Timestamp(4)).await.unwrap();
    store.block(ada, MemberId(3), Timestamp(4)).await.unwrap();
    let suspension = BranchAct { id: RecordId(99), member: MemberId(4), branch: false, author: ada, at: Timestamp(4) };
    store.suspend(&suspension, "").await.unwrap();
    let shown = store.nominations(house, ada, None, 10).await.unwrap();
    let shown: Vec<_> = shown
        .iter()
        .map(|one| (one.nominee.handle.as_str(), one.nominator.as_ref().map(|nominator| nominator.handle.as_str())))
        .collect();
    let expected = [("by_blocks", None), ("by_blocked", None), ("by_suspended", None), ("by_fine", Some("fine"))];
    assert_eq!(shown, expected);
}

/// Somebody with one place left asks for several houses at once, from two processes.
async fn so_many_houses_for_each_whoever_asks_at_once(world: &World) {
    let stores = [world.open().await, world.open().await];
    let ben = join(&stores[0], 1, "ben").await;
    let mut houses = 0;
    for maker in 0..=HOUSES_MAX / HOUSES_MADE_MAX {
        let maker = join(&stores[0], 2 + maker, &format!("maker{maker}")).await;
        for _ in 0..HOUSES_MADE_MAX {
            make(&stores[0], houses, maker, false, false).await;
            houses += 1;
        }
    }
    for house in 0..u128::from(HOUSES_MAX) - 1 {
        assert!(stores[0].follow_house(HouseId(house), ben, Timestamp(1)).await.unwrap());
    }
    for round in 0..10 {
        let barrier = Arc::new(Barrier::new(8));
        let mut tasks = JoinSet::new();
        let wanted = || (u128::from(HOUSES_MAX)..).take(8).map(HouseId);
        for (number, house) in wanted().enumerate() {
            let (store, barrier) = (stores[number % 2].clone(), barrier.clone());
            tasks.spawn(async move {
                barrier.wait().await;
                match number % 4 < 2 {
                    true => store.follow_house(house, ben, Timestamp(2)).await.unwrap(),
                    false => store.join_house(house, ben, Timestamp(2)).await.unwrap() != Joined::TooMany,
                }
            });
        }
        let came = tasks.join_all().await.into_iter().filter(|came| *came).count();
        assert_eq!((came, stores[0].houses_of(ben).await.unwrap().len()), (1, HOUSES_MAX as usize), "round {round}");
        for house in wanted() {
            stores[0].unfollow_house(house, ben).await.unwrap();
            stores[0].leave_house(house, ben).await.unwrap();
        }
    }
}

/// Accounts are deleted in the moment in which they join and follow.
async fn counts_are_right_when_accounts_are_deleted_meanwhile(world: &World) {
    let stores = [world.open().await, world.open().await];
    let ada = join(&stores[0], 1, "ada").await;
    let house = make(&stores[0], 7, ada, false, false).await;
    for round in 0..12 {
        let going = join(&stores[0], 100 + round, &format!("m{round}")).await;
        let barrier = Arc::new(Barrier::new(3));
        let mut tasks = JoinSet::new();
        for number in 0..3 {
            let (store, barrier) = (stores[number % 2].clone(), barrier.clone());
            tasks.spawn(async move {
                barrier.wait().await;
                match number {
                    0 => drop(store.join_house(house, going, Timestamp(2)).await.unwrap()),
                    1 => drop(store.follow(going, ada, None, Timestamp(2)).await.unwrap()),
                    _ => store.delete_account(going, &[], &[]).await.unwrap(),
                }
            });
        }
        tasks.join_all().await;
        let (said, _, listed) = counts(&stores[0], house, ada).await;
        let followers = stores[0].followers_page(ada, ada, None, 10).await.unwrap().len() as u64;
        let counted = stores[0].profile(ada, "ada").await.unwrap().unwrap().followers;
        assert_eq!((said as usize, followers), (listed, counted), "round {round}");
        assert_eq!((listed, followers), (1, 0), "round {round}");
    }
}
