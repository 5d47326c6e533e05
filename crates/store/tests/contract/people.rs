//! Who follows, blocks and mutes whom, what members say of themselves, and reports.

use std::collections::BTreeSet;

use roomtone_room::ids::{AvatarId, HouseId, MemberId, RecordId, RoomId, Timestamp};
use roomtone_store::{
    AuditEntry, AvatarSize, Bell, BranchAct, Entry, Followed, HANDLE_CHANGES_WITHIN, HouseText, NewAvatar, NewHouse,
    NewInvite, NewReport, OPEN_REPORTS_MAX, Person, Place, Profile, ProfileChange, ProfileError, Store,
};
use tokio::task::JoinSet;

use crate::support::{World, contract, hash, invite, join, person, redeem, refused, session_hash};

contract!(
    following_is_one_way_and_once,
    bells_are_kept,
    a_block_hides_both_and_ends_following,
    mutes_are_one_sided,
    lists_come_in_pages,
    followers_are_counted_right_however_many_follow_at_once,
    profiles_show_what_may_be_seen,
    people_whom_both_know_are_named,
    profiles_are_changed_whole_or_not_at_all,
    handles_change_twice_in_thirty_days,
    a_handle_that_many_want_has_one_member,
    suggestions_say_why,
    suggestions_are_a_bounded_sample,
    pictures_are_replaced_and_removed,
    reports_are_kept_and_handled_once,
);

async fn people(store: &Store, count: u64) -> Vec<MemberId> {
    let mut members = Vec::new();
    for id in 1..=count {
        members.push(join(store, id, &format!("member{id}")).await);
    }
    members
}

async fn follow(store: &Store, follower: MemberId, followed: MemberId) {
    assert_eq!(store.follow(follower, followed, None, Timestamp(1)).await.unwrap(), Followed::New);
}

async fn profile(store: &Store, viewer: MemberId, handle: &str) -> Profile {
    store.profile(viewer, handle).await.unwrap().unwrap()
}

fn ids(entries: &[Entry]) -> Vec<MemberId> {
    entries.iter().map(|entry| entry.person.id).collect()
}

/// Suspends a member, by the hand of an owner who comes for that.
async fn suspend(store: &Store, member: MemberId) {
    let code = hash(777_777);
    let author = match store.member_by_handle("owner").await.unwrap() {
        Some(owner) => owner.person.id,
        None => {
            assert!(store.replace_owner_invite(code, Timestamp(0)).await.unwrap());
            redeem(store, code, 0, 777_777, "owner").await.unwrap().person.id
        }
    };
    let act = BranchAct { id: RecordId(member.0), member, branch: false, author, at: Timestamp(9) };
    assert_eq!(store.suspend(&act, "").await.unwrap(), [member]);
}

/// Whom a member follows, as they see it themselves: the newest first.
async fn followed(store: &Store, member: MemberId) -> Vec<Person> {
    let page = store.following_page(member, member, None, 100).await.unwrap();
    assert!(page.iter().all(|entry| entry.followed));
    page.into_iter().map(|entry| entry.person).collect()
}

async fn following_is_one_way_and_once(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    let grace = join(&store, 2, "grace").await;
    let carol = join(&store, 3, "carol").await;
    assert_eq!(store.follow(ada, grace, None, Timestamp(1)).await.unwrap(), Followed::New);
    assert_eq!(store.follow(ada, grace, None, Timestamp(2)).await.unwrap(), Followed::Already);
    assert_eq!(store.follow(ada, carol, None, Timestamp(3)).await.unwrap(), Followed::New);
    assert_eq!(store.follow(ada, ada, None, Timestamp(4)).await.unwrap(), Followed::Missing);
    assert_eq!(store.follow(ada, MemberId(404), None, Timestamp(5)).await.unwrap(), Followed::Missing);
    assert_eq!(store.follow(MemberId(404), ada, None, Timestamp(5)).await.unwrap(), Followed::Missing);
    assert_eq!(followed(&store, ada).await, [person(3, "carol"), person(2, "grace")]);
    assert!(store.follows_anybody(ada).await.unwrap() && !store.follows_anybody(grace).await.unwrap());
    assert_eq!(store.following_ids(ada).await.unwrap(), [grace, carol].into());
    assert_eq!(followed(&store, grace).await, []);
    assert_eq!((profile(&store, ada, "grace").await.followers, profile(&store, ada, "ada").await.followers), (1, 0));

    assert!(store.any_follows(&[carol, ada], grace).await.unwrap());
    assert!(!store.any_follows(&[carol, grace], ada).await.unwrap());
    assert!(!store.any_follows(&[], grace).await.unwrap());
    // The one who follows is beyond what goes into one statement.
    let crowd: Vec<MemberId> = (10_000..11_000).map(MemberId).chain([ada]).collect();
    assert!(store.any_follows(&crowd, grace).await.unwrap());

    assert!(store.unfollow(ada, grace).await.unwrap());
    assert!(!store.unfollow(ada, grace).await.unwrap());
    assert_eq!(followed(&store, ada).await, [person(3, "carol")]);
    assert!(!store.any_follows(&[ada], grace).await.unwrap());
    assert_eq!(profile(&store, ada, "grace").await.followers, 0);
}

async fn bells_are_kept(world: &World) {
    let store = world.open().await;
    let members = people(&store, 2).await;
    let bell = async || profile(&store, members[0], "member2").await.bell;
    assert_eq!(bell().await, None);
    follow(&store, members[0], members[1]).await;
    assert_eq!(bell().await, Some(Bell::Sometimes));
    for (given, kept) in [(Some(Bell::Always), Bell::Always), (None, Bell::Always), (Some(Bell::Never), Bell::Never)] {
        let followed = store.follow(members[0], members[1], given, Timestamp(2)).await.unwrap();
        assert_eq!((followed, bell().await), (Followed::Already, Some(kept)));
    }
    store.unfollow(members[0], members[1]).await.unwrap();
    store.follow(members[0], members[1], Some(Bell::Always), Timestamp(3)).await.unwrap();
    assert_eq!(bell().await, Some(Bell::Always));
}

async fn a_block_hides_both_and_ends_following(world: &World) {
    let store = world.open().await;
    let members = people(&store, 3).await;
    let [ada, ben, eve] = members[..] else { panic!("three") };
    follow(&store, ada, ben).await;
    follow(&store, ben, ada).await;
    follow(&store, eve, ada).await;
    follow(&store, eve, ben).await;
    assert!(store.block(ada, ben, Timestamp(5)).await.unwrap());
    assert!(!store.block(ada, ben, Timestamp(6)).await.unwrap());
    assert!(!store.block(ada, ada, Timestamp(6)).await.unwrap());
    assert!(!store.block(ada, MemberId(404), Timestamp(6)).await.unwrap());
    for (viewer, handle) in [(ada, "member2"), (ben, "member1"), (ada, "nobody")] {
        assert_eq!(store.visible_member(viewer, handle).await.unwrap(), None);
        assert_eq!(store.profile(viewer, handle).await.unwrap(), None);
    }
    assert_eq!(store.follow(ben, ada, None, Timestamp(7)).await.unwrap(), Followed::Missing);
    assert_eq!(store.follow(ada, ben, None, Timestamp(7)).await.unwrap(), Followed::Missing);
    assert_eq!((followed(&store, ada).await, followed(&store, ben).await), (vec![], vec![]));
    for (one, other) in [(ada, ben), (ben, ada)] {
        assert!(store.blocked_between(one, other).await.unwrap());
        assert_eq!(store.blocked_with(one).await.unwrap(), [other].into());
    }
    assert!(!store.blocked_between(ada, eve).await.unwrap());
    let between = [store.between(ada, ben).await.unwrap(), store.between(ben, ada).await.unwrap()];
    assert_eq!(
        between.map(|between| (between.blocks, between.follows, between.followed)),
        [(true, false, false), (false, false, false)]
    );
    let between = [store.between(eve, ada).await.unwrap(), store.between(ada, eve).await.unwrap()];
    assert_eq!(
        between.map(|between| (between.blocks, between.follows, between.followed)),
        [(false, true, false), (false, false, true)]
    );
    assert!(store.blocked_with(eve).await.unwrap().is_empty());
    // Others still see both, with one follower less, and neither sees the other in a list of theirs.
    assert_eq!(
        (profile(&store, eve, "member1").await.followers, profile(&store, eve, "member2").await.followers),
        (1, 1)
    );
    assert_eq!(ids(&store.following_page(ada, eve, None, 10).await.unwrap()), [ada]);
    assert_eq!(ids(&store.following_page(ben, eve, None, 10).await.unwrap()), [ben]);
    assert_eq!(ids(&store.following_page(eve, eve, None, 10).await.unwrap()), [ben, ada]);
    // Only who blocked has it in their list, and it stays there when the other blocks back.
    assert!(store.block(ben, ada, Timestamp(8)).await.unwrap());
    for (one, other, handle) in [(ada, ben, "member2"), (ben, ada, "member1")] {
        assert_eq!(ids(&store.blocks_page(one, None, 10).await.unwrap()), [other]);
        assert_eq!(store.blocked_by_handle(one, handle).await.unwrap(), Some(other));
    }
    assert_eq!(store.blocked_by_handle(eve, "member1").await.unwrap(), None);
    assert!(store.unblock(ada, ben).await.unwrap());
    assert!(!store.unblock(ada, ben).await.unwrap());
    assert_eq!(store.visible_member(ada, "member2").await.unwrap(), None, "the other block holds");
    assert!(store.unblock(ben, ada).await.unwrap());
    assert!(store.visible_member(ada, "member2").await.unwrap().is_some());
    assert_eq!(followed(&store, ada).await, [], "following does not come back");
    // Who is suspended is missing for everybody.
    suspend(&store, eve).await;
    assert_eq!(store.visible_member(ada, "member3").await.unwrap(), None);
    assert_eq!(store.signed_in(&session_hash(3)).await.unwrap(), None);
}

async fn mutes_are_one_sided(world: &World) {
    let store = world.open().await;
    let members = people(&store, 2).await;
    let [ada, ben] = members[..] else { panic!("two") };
    assert!(store.mute(ada, ben, Timestamp(1)).await.unwrap());
    assert!(!store.mute(ada, ben, Timestamp(2)).await.unwrap());
    assert!(!store.mute(ada, ada, Timestamp(2)).await.unwrap());
    assert!(!store.mute(ada, MemberId(404), Timestamp(2)).await.unwrap());
    assert!(store.between(ada, ben).await.unwrap().mutes && !store.between(ben, ada).await.unwrap().mutes);
    assert_eq!((store.muted_by(ada).await.unwrap(), store.muted_by(ben).await.unwrap()), ([ben].into(), [].into()));
    assert!(profile(&store, ada, "member2").await.muted && !profile(&store, ben, "member1").await.muted);
    assert_eq!(ids(&store.mutes_page(ada, None, 10).await.unwrap()), [ben]);
    assert!(store.block(ben, ada, Timestamp(3)).await.unwrap());
    assert_eq!(ids(&store.mutes_page(ada, None, 10).await.unwrap()), [], "who blocked is missing here too");
    assert!(store.unmute(ada, ben).await.unwrap());
    assert!(!store.unmute(ada, ben).await.unwrap());
}

async fn lists_come_in_pages(world: &World) {
    let store = world.open().await;
    let members = people(&store, 12).await;
    let [star, blocker, gone] = members[..3] else { panic!("three") };
    // Some at the same time, so that the id decides.
    for (number, &fan) in members[1..].iter().enumerate() {
        let at = Timestamp(number as u64 / 3);
        assert_eq!(store.follow(fan, star, None, at).await.unwrap(), Followed::New);
        if fan != blocker {
            assert_eq!(store.follow(blocker, fan, None, at).await.unwrap(), Followed::New);
        }
    }
    suspend(&store, gone).await;
    let viewer = members[5];
    store.block(blocker, viewer, Timestamp(100)).await.unwrap();
    let walk = async |followers: bool, whom: MemberId, viewer: MemberId| {
        let (mut seen, mut after) = (Vec::new(), None::<Place>);
        loop {
            let page = match followers {
                true => store.followers_page(viewer, whom, after, 3).await.unwrap(),
                false => store.following_page(viewer, whom, after, 3).await.unwrap(),
            };
            assert!(page.windows(2).all(|pair| pair[0].since >= pair[1].since), "the newest first");
            let Some(last) = page.last() else { break };
            after = Some(last.place());
            seen.extend(ids(&page));
        }
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "nobody twice");
        seen.into_iter().collect::<BTreeSet<_>>()
    };
    let all: BTreeSet<_> = members[1..].iter().copied().filter(|&fan| fan != gone).collect();
    assert_eq!(walk(true, star, star).await, all);
    assert_eq!(walk(true, star, viewer).await, all.iter().copied().filter(|&fan| fan != blocker).collect());
    let followed = all.iter().copied().filter(|&m| m != blocker && m != viewer).chain([star]);
    assert_eq!(walk(false, blocker, star).await, followed.collect());
}

/// Two stores on one database, as two processes would have.
async fn followers_are_counted_right_however_many_follow_at_once(world: &World) {
    const CALLERS: u64 = 24;
    const ROUNDS: u64 = 40;
    let stores = [world.open().await, world.open().await];
    let members = people(&stores[0], 6).await;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (store, members) = (stores[(caller % 2) as usize].clone(), members.clone());
        callers.spawn(async move {
            let mut random = caller + 1;
            for round in 0..ROUNDS {
                // A generator of no quality at all (Knuth's MMIX constants) is enough to mix the calls.
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let (one, other) = (members[(random >> 33) as usize % 6], members[(random >> 43) as usize % 6]);
                match (random >> 53) % 16 {
                    0 => drop(store.block(one, other, Timestamp(round)).await.unwrap()),
                    1..=4 => drop(store.unblock(one, other).await.unwrap()),
                    5..=7 => drop(store.unfollow(one, other).await.unwrap()),
                    _ => drop(store.follow(one, other, None, Timestamp(round)).await.unwrap()),
                }
            }
        });
    }
    callers.join_all().await;
    // Seen by somebody with whom nobody has a block.
    let viewer = join(&stores[0], 99, "viewer").await;
    let mut follows = 0;
    for (number, &member) in members.iter().enumerate() {
        let counted = profile(&stores[1], viewer, &format!("member{}", number + 1)).await.followers;
        let listed = stores[1].followers_page(viewer, member, None, 100).await.unwrap();
        assert_eq!(counted, listed.len() as u64, "{member}");
        follows += counted;
        for entry in listed {
            assert!(!stores[1].blocked_between(member, entry.person.id).await.unwrap(), "a block ends following");
        }
    }
    assert!(follows > 0, "nothing was tried");
}

async fn profiles_show_what_may_be_seen(world: &World) {
    let store = world.open().await;
    let [ada, viewer] = people(&store, 2).await[..] else { panic!("two") };
    store.create_invite(NewInvite { sponsor: Some(ada), ..invite(hash(3)) }).await.unwrap();
    let guest = redeem(&store, hash(3), 70, 3, "guest").await.unwrap().person.id;
    let change = ProfileChange {
        bio: Some("Two\nlines".to_owned()),
        links: Some(vec!["https://b.example/".to_owned(), "https://a.example/".to_owned()]),
        topics: Some(vec!["jazz".to_owned(), "maps and tables".to_owned()]),
        languages: Some(vec!["en".to_owned(), "ru".to_owned()]),
        ..ProfileChange::default()
    };
    store.change_profile(guest, change, Timestamp(80)).await.unwrap();
    for (number, private) in [(1u128, false), (2, true)] {
        let text = HouseText {
            name: format!("House {number}"),
            about: String::new(),
            rules: String::new(),
            language: "en".to_owned(),
            private,
            nominated: private,
        };
        let handle = format!("house{number}");
        let house = NewHouse { id: HouseId(number), skeleton: handle.clone(), handle, text };
        store.create_house(&house, guest, Timestamp(90)).await.unwrap();
    }
    let seen = profile(&store, viewer, "guest").await;
    assert_eq!((seen.bio.as_str(), seen.created_at, seen.bot), ("Two\nlines", Timestamp(70), false));
    assert_eq!(seen.links, ["https://b.example/", "https://a.example/"]);
    assert_eq!((seen.topics.len(), seen.topics[1].as_str(), seen.languages.len()), (2, "maps and tables", 2));
    assert_eq!(seen.sponsor, Some(person(1, "member1")));
    assert_eq!(seen.houses.iter().map(|house| house.handle.as_str()).collect::<Vec<_>>(), ["house1"]);
    assert_eq!(profile(&store, guest, "guest").await.houses.len(), 2, "who belongs to it sees the private one");
    let interests = store.interests(guest).await.unwrap();
    assert_eq!((interests.languages, interests.topics), (seen.languages, seen.topics));
    assert_eq!(store.interests(ada).await.unwrap().languages, ["en"], "that of the interface, if none is named");
    // Either hides the sponsor.
    let hide = |hidden| ProfileChange { sponsor_hidden: Some(hidden), ..ProfileChange::default() };
    store.change_profile(guest, hide(true), Timestamp(90)).await.unwrap();
    assert_eq!(profile(&store, viewer, "guest").await.sponsor, None);
    store.change_profile(guest, hide(false), Timestamp(91)).await.unwrap();
    let hide = |hidden| ProfileChange { guests_hidden: Some(hidden), ..ProfileChange::default() };
    store.change_profile(ada, hide(true), Timestamp(92)).await.unwrap();
    assert_eq!(profile(&store, viewer, "guest").await.sponsor, None);
    store.change_profile(ada, hide(false), Timestamp(93)).await.unwrap();
    assert!(profile(&store, viewer, "guest").await.sponsor.is_some());
    // And nobody learns of somebody whom they may not know of.
    store.block(ada, viewer, Timestamp(94)).await.unwrap();
    assert_eq!(profile(&store, viewer, "guest").await.sponsor, None);
    store.unblock(ada, viewer).await.unwrap();
    suspend(&store, ada).await;
    assert_eq!(profile(&store, viewer, "guest").await.sponsor, None);
}

async fn people_whom_both_know_are_named(world: &World) {
    let store = world.open().await;
    let members = people(&store, 12).await;
    let [star, viewer] = members[..2] else { panic!("two") };
    for &known in &members[2..8] {
        follow(&store, viewer, known).await;
        follow(&store, known, star).await;
    }
    // Only the viewer knows these, or only they know the star.
    follow(&store, viewer, members[8]).await;
    follow(&store, members[9], star).await;
    // The best known first.
    follow(&store, members[9], members[5]).await;
    let seen = profile(&store, viewer, "member1").await;
    assert_eq!((seen.mutual_count, seen.mutuals.len(), seen.mutuals[0].id), (6, 3, members[5]));
    suspend(&store, members[5]).await;
    let seen = profile(&store, viewer, "member1").await;
    assert_eq!(seen.mutual_count, 5);
    assert!(seen.mutuals.iter().all(|person| person.id != members[5]));
    assert_eq!(profile(&store, star, "member2").await.mutual_count, 0);
    assert_eq!(profile(&store, viewer, "member2").await.mutual_count, 0);
}

async fn profiles_are_changed_whole_or_not_at_all(world: &World) {
    let store = world.open().await;
    let [ada, _] = people(&store, 2).await[..] else { panic!("two") };
    let before = store.own_profile(ada).await.unwrap().unwrap();
    let change = ProfileChange {
        name: Some("Ada Lovelace".to_owned()),
        links: Some(vec!["https://a.example/".to_owned()]),
        handle: Some(("member2".to_owned(), "member2".to_owned())),
        ..ProfileChange::default()
    };
    refused!(store.change_profile(ada, change, Timestamp(5)).await => ProfileError::HandleTaken);
    assert_eq!(store.own_profile(ada).await.unwrap().unwrap(), before);
    let change = ProfileChange {
        name: Some("Ada Lovelace".to_owned()),
        language: Some("ru".to_owned()),
        bio: Some("Numbers".to_owned()),
        links: Some(vec!["https://a.example/".to_owned()]),
        topics: Some(vec!["looms".to_owned()]),
        languages: Some(vec!["fr".to_owned()]),
        online_hidden: Some(true),
        ..ProfileChange::default()
    };
    store.change_profile(ada, change, Timestamp(5)).await.unwrap();
    let after = store.own_profile(ada).await.unwrap().unwrap();
    assert_eq!(
        (after.person.name.as_str(), after.language.as_str(), after.bio.as_str()),
        ("Ada Lovelace", "ru", "Numbers")
    );
    assert_eq!((after.links.len(), after.topics.len(), after.languages.len(), after.online_hidden), (1, 1, 1, true));
    // What is not said stays; an empty list takes everything away.
    let change = ProfileChange { links: Some(vec![]), topics: Some(vec![]), ..ProfileChange::default() };
    store.change_profile(ada, change, Timestamp(6)).await.unwrap();
    let emptied = store.own_profile(ada).await.unwrap().unwrap();
    assert_eq!((emptied.links.len(), emptied.topics.len(), emptied.bio.as_str()), (0, 0, "Numbers"));
    refused!(store.change_profile(MemberId(404), ProfileChange::default(), Timestamp(6)).await => ProfileError::Missing);
    assert_eq!(store.own_profile(MemberId(404)).await.unwrap(), None);
}

fn renamed(handle: &str) -> ProfileChange {
    ProfileChange { handle: Some((handle.to_owned(), handle.replace('0', "o"))), ..ProfileChange::default() }
}

async fn handles_change_twice_in_thirty_days(world: &World) {
    let store = world.open().await;
    let [ada, ben] = people(&store, 2).await[..] else { panic!("two") };
    let at = |handle: &'static str| {
        let store = store.clone();
        async move { store.member_by_handle(handle).await.unwrap().map(|member| member.person.id) }
    };
    store.change_profile(ada, renamed("coco"), Timestamp(1_000)).await.unwrap();
    assert_eq!((at("coco").await, at("member1").await), (Some(ada), None));
    // It is free again at once, and one that looks like a taken one is taken.
    refused!(store.change_profile(ben, renamed("c0c0"), Timestamp(1_001)).await => ProfileError::HandleTaken);
    store.change_profile(ben, renamed("member1"), Timestamp(1_002)).await.unwrap();
    // What one has already is no change, and to what looks like it oneself may change.
    store.change_profile(ada, renamed("coco"), Timestamp(1_003)).await.unwrap();
    store.change_profile(ada, renamed("c0c0"), Timestamp(2_000)).await.unwrap();
    refused!(store.change_profile(ada, renamed("ada"), Timestamp(2_001)).await => ProfileError::TooSoon);
    let first_counts_until = 1_000 + HANDLE_CHANGES_WITHIN;
    refused!(
        store.change_profile(ada, renamed("ada"), Timestamp(first_counts_until - 1)).await => ProfileError::TooSoon
    );
    store.change_profile(ada, renamed("ada"), Timestamp(first_counts_until)).await.unwrap();
    refused!(store.change_profile(ada, renamed("coco"), Timestamp(first_counts_until)).await => ProfileError::TooSoon);
    // All that were freed can be had.
    join(&store, 7, "coco").await;
    assert_eq!(at("ada").await, Some(ada));
    // However many come at once.
    let mut callers = JoinSet::new();
    for caller in 0..10 {
        let store = store.clone();
        callers.spawn(async move {
            store
                .change_profile(ben, renamed(&format!("ben{caller}a")), Timestamp(first_counts_until + 5_000 + caller))
                .await
        });
    }
    let changed = callers.join_all().await.into_iter().filter(Result::is_ok).count();
    assert_eq!(changed, 2, "the first one of ben's does not count any more");
}

async fn a_handle_that_many_want_has_one_member(world: &World) {
    let stores = [world.open().await, world.open().await];
    let members = people(&stores[0], 8).await;
    let mut callers = JoinSet::new();
    for (number, &member) in members.iter().enumerate() {
        let store = stores[number % 2].clone();
        callers.spawn(async move { store.change_profile(member, renamed("wanted"), Timestamp(1)).await });
    }
    let (made, refused): (Vec<_>, Vec<_>) = callers.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    assert!(refused.iter().all(|answer| matches!(answer, Err(ProfileError::HandleTaken))), "{refused:?}");
}

async fn suggestions_say_why(world: &World) {
    let store = world.open().await;
    let members = people(&store, 14).await;
    let [me, a, b, c, star, known, muted, blocked, blocker, gone, mate] = members[..11] else { panic!("eleven") };
    for seed in [a, b, c] {
        follow(&store, me, seed).await;
        for candidate in [star, muted, blocked, blocker, gone] {
            follow(&store, seed, candidate).await;
        }
    }
    follow(&store, a, known).await;
    follow(&store, a, me).await;
    follow(&store, a, b).await;
    store.mute(me, muted, Timestamp(1)).await.unwrap();
    store.block(me, blocked, Timestamp(1)).await.unwrap();
    store.block(blocker, me, Timestamp(1)).await.unwrap();
    suspend(&store, gone).await;
    let text = HouseText {
        name: "Kitchen".to_owned(),
        about: String::new(),
        rules: String::new(),
        language: "en".to_owned(),
        private: false,
        nominated: false,
    };
    let house = NewHouse { id: HouseId(1), handle: "kitchen".to_owned(), skeleton: "kitchen".to_owned(), text };
    store.create_house(&house, mate, Timestamp(1)).await.unwrap();
    store.join_house(HouseId(1), me, Timestamp(2)).await.unwrap();
    store.create_invite(NewInvite { sponsor: Some(me), ..invite(hash(50)) }).await.unwrap();
    let guest = redeem(&store, hash(50), 1, 50, "guest").await.unwrap().person.id;

    for pivot in [MemberId(0), MemberId(7), MemberId(u128::MAX)] {
        let found = store.suggestions(me, pivot, 10).await.unwrap();
        let order: Vec<_> = found.iter().map(|suggestion| suggestion.person.id).collect();
        assert_eq!(order, [guest, star, mate, known], "{pivot}");
        assert!(found[0].guest && !found[0].sponsor);
        let mutuals: BTreeSet<_> = found[1].mutuals.iter().map(|person| person.id).collect();
        assert_eq!((found[1].mutual_count, mutuals), (3, [a, b, c].into()));
        assert_eq!(found[2].houses.iter().map(|house| house.handle.as_str()).collect::<Vec<_>>(), ["kitchen"]);
        assert_eq!(found[3].mutual_count, 1);
        assert_eq!(store.suggestions(me, pivot, 2).await.unwrap().len(), 2);
    }
    let found = store.suggestions(guest, MemberId(0), 10).await.unwrap();
    assert_eq!(
        found.iter().map(|suggestion| (suggestion.person.id, suggestion.sponsor)).collect::<Vec<_>>(),
        [(me, true)]
    );
    follow(&store, guest, me).await;
    let found = store.suggestions(guest, MemberId(0), 10).await.unwrap();
    assert!(found.iter().all(|suggestion| suggestion.person.id != me), "who is followed is not suggested");
    assert!(!found.is_empty());
}

/// Many whom the member follows, and many whom those follow.
async fn suggestions_are_a_bounded_sample(world: &World) {
    let store = world.open().await;
    let me = join(&store, 1, "me").await;
    let invites: Vec<_> = (1_000..1_400).map(|number| invite(hash(number))).collect();
    store.create_invites(&invites).await.unwrap();
    let mut crowd = Vec::new();
    for id in 1_000..1_400u64 {
        crowd.push(redeem(&store, hash(id), 0, id, &format!("m{id}")).await.unwrap().person.id);
    }
    let (seeds, others) = crowd.split_at(130);
    for (number, &seed) in seeds.iter().enumerate() {
        store.follow(me, seed, None, Timestamp(number as u64)).await.unwrap();
        for step in 0..10 {
            store.follow(seed, others[(number + 27 * step) % others.len()], None, Timestamp(1)).await.unwrap();
        }
    }
    let low = store.suggestions(me, MemberId(0), 24).await.unwrap();
    let high = store.suggestions(me, MemberId(1_300), 24).await.unwrap();
    assert_eq!((low.len(), high.len()), (24, 24));
    assert_ne!(low, high, "another sample");
    for suggestion in low.iter().chain(&high) {
        assert!(others.contains(&suggestion.person.id) && suggestion.mutual_count >= 1);
        assert!(!suggestion.mutuals.is_empty() && suggestion.mutuals.len() <= 3);
        assert!(suggestion.mutual_count <= 100, "at most those who were asked");
    }
    assert_eq!(store.suggestions(others[5], MemberId(0), 24).await.unwrap(), []);
}

async fn pictures_are_replaced_and_removed(world: &World) {
    let store = world.open().await;
    let [ada, ben] = people(&store, 2).await[..] else { panic!("two") };
    let picture = |id: u128| NewAvatar { id: AvatarId(id), small: vec![id as u8; 10], large: vec![id as u8; 20] };
    assert!(store.set_avatar(ada, picture(1)).await.unwrap());
    assert!(store.set_avatar(ben, picture(2)).await.unwrap());
    assert!(!store.set_avatar(MemberId(404), picture(3)).await.unwrap());
    let at = async |id: u128, size| store.avatar(AvatarId(id), size).await.unwrap();
    assert_eq!(
        (at(1, AvatarSize::Small).await, at(1, AvatarSize::Large).await),
        (Some(vec![1; 10]), Some(vec![1; 20]))
    );
    assert_eq!(at(3, AvatarSize::Small).await, None);
    assert!(store.set_avatar(ada, picture(4)).await.unwrap());
    assert_eq!((at(1, AvatarSize::Small).await, at(4, AvatarSize::Small).await), (None, Some(vec![4; 10])));
    let named = async || store.people(&[ada, ben]).await.unwrap().into_iter().map(|p| p.avatar).collect::<Vec<_>>();
    assert_eq!(named().await, [Some(AvatarId(4)), Some(AvatarId(2))]);
    store.remove_avatar(ada).await.unwrap();
    store.remove_avatar(ada).await.unwrap();
    assert_eq!((at(4, AvatarSize::Large).await, named().await), (None, vec![None, Some(AvatarId(2))]));
    suspend(&store, ada).await;
    assert!(!store.set_avatar(ada, picture(5)).await.unwrap());
}

fn report(id: u128, reporter: MemberId, about: Option<MemberId>) -> NewReport {
    NewReport {
        id: RecordId(id),
        reporter,
        about,
        room: Some(RoomId(5)),
        room_host: None,
        house: None,
        reason: "abuse".to_owned(),
        text: format!("text {id}"),
        context: "{}".to_owned(),
        created_at: Timestamp(id as u64 / 2),
    }
}

async fn reports_are_kept_and_handled_once(world: &World) {
    let store = world.open().await;
    let [ada, ben, admin] = people(&store, 3).await[..] else { panic!("three") };
    for id in 1..=u128::from(OPEN_REPORTS_MAX) {
        assert!(store.create_report(report(id, ada, Some(ben))).await.unwrap());
    }
    assert!(!store.create_report(report(900, ada, Some(ben))).await.unwrap(), "as many as may wait");
    assert!(store.create_report(report(901, ben, None)).await.unwrap(), "which is nothing to others");
    assert!(!store.create_report(report(902, ben, Some(MemberId(404)))).await.unwrap());
    assert!(!store.create_report(report(902, MemberId(404), Some(ben))).await.unwrap());
    assert!(!store.create_report(NewReport { house: Some(HouseId(4)), ..report(902, ben, None) }).await.unwrap());
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.reports(true, after, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.created_at, last.id));
        seen.extend(page.iter().map(|report| report.id.0));
    }
    let expected: Vec<u128> = [901].into_iter().chain((1..=u128::from(OPEN_REPORTS_MAX)).rev()).collect();
    assert_eq!(seen, expected);
    let first = store.report(RecordId(1)).await.unwrap().unwrap();
    assert_eq!((first.reporter, first.about), (Some(person(1, "member1")), Some(person(2, "member2"))));
    assert_eq!((first.room, first.text.as_str(), first.reason.as_str()), (Some(RoomId(5)), "text 1", "abuse"));
    let entry = |id, actor| AuditEntry {
        id: RecordId(id),
        at: Timestamp(50),
        actor,
        act: "report_handled",
        about: Some(ben),
        details: "report=1".to_owned(),
    };
    let handled = async |by: MemberId| store.handle_report(RecordId(1), "suspended", &entry(by.0, by)).await.unwrap();
    let both = tokio::join!(handled(admin), handled(ada));
    assert!(both.0 != both.1, "{both:?}");
    let first = store.report(RecordId(1)).await.unwrap().unwrap();
    assert_eq!((first.outcome.as_deref(), first.handled_at), (Some("suspended"), Some(Timestamp(50))));
    assert!(!store.handle_report(RecordId(404), "none", &entry(900, admin)).await.unwrap());
    assert_eq!(store.audit_log(None).await.unwrap().len(), 1);
    assert_eq!(store.reports(true, None, 100).await.unwrap().len(), OPEN_REPORTS_MAX as usize);
    assert_eq!(store.reports(false, None, 100).await.unwrap().len(), OPEN_REPORTS_MAX as usize + 1);
    assert!(store.create_report(report(903, ada, Some(ben))).await.unwrap(), "one is not open any more");
}
