//! The invite tree, keeping branches of it out, and what else admins do.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use roomtone_room::ids::{MemberId, RecordId, Timestamp};
use roomtone_store::{
    BranchAct, BranchError, NewInvite, NewMember, NewSession, NewToken, RedeemError, Store, StoreError, Subscription,
    WaveError,
};
use sqlx::{Connection, PgConnection};
use tokio::sync::Barrier;
use tokio::task::{JoinHandle, JoinSet};

use crate::invites::{EACH, entry, guest, make, of, owner, waiting};
use crate::support::{World, contract, hash, invite, join, person, redeem, refused, session_hash};

contract!(
    a_branch_is_suspended_and_restored,
    those_of_a_branch_who_are_here_go_first,
    sessions_of_a_branch_let_nobody_in_before_they_are_gone,
    a_list_goes_on_where_it_was_although_that_has_gone,
    the_owner_is_nobodys_to_suspend,
    who_is_just_coming_in_is_suspended_too,
    the_tree_is_read_level_by_level,
    members_are_listed_by_handle,
    there_is_one_owner,
    settings_change_together_and_are_logged,
    nobody_owns_the_server_who_is_suspended,
);

/// ada (owner) > ben > carol > dan, and ben > eve; frank came by nobody.
async fn family(store: &Store) -> BTreeMap<&'static str, MemberId> {
    let ada = owner(store).await;
    let ben = guest(store, ada, 2).await;
    let carol = guest(store, ben, 3).await;
    let dan = guest(store, carol, 4).await;
    let eve = guest(store, ben, 5).await;
    let frank = join(store, 6, "frank").await;
    [("ada", ada), ("ben", ben), ("carol", carol), ("dan", dan), ("eve", eve), ("frank", frank)].into()
}

fn act(id: u128, member: MemberId, branch: bool, author: MemberId) -> BranchAct {
    BranchAct { id: RecordId(id), member, branch, author, at: Timestamp(id as u64) }
}

async fn suspended(store: &Store) -> BTreeSet<MemberId> {
    store.suspensions(None).await.unwrap().into_iter().map(|suspension| suspension.person.id).collect()
}

async fn a_branch_is_suspended_and_restored(world: &World) {
    let store = world.open().await;
    let people = family(&store).await;
    let [ada, ben, carol, dan, eve, frank] = ["ada", "ben", "carol", "dan", "eve", "frank"].map(|name| people[name]);
    assert!(make(&store, &of(carol, 20)).await && make(&store, &of(frank, 21)).await);
    let phone = Subscription {
        id: RecordId(1),
        endpoint: "https://push.example/1".to_owned(),
        p256dh: vec![4; 65],
        auth: vec![1; 16],
    };
    store.subscribe(dan, &session_hash(4), &phone, Timestamp(0)).await.unwrap();
    assert_eq!(store.branch_size(ben).await.unwrap(), (4, 0));

    // Eve alone first, then everybody below Ben.
    assert_eq!(store.suspend(&act(1, eve, false, ada), "spam").await.unwrap(), [eve]);
    assert_eq!(store.suspend(&act(1_000, eve, false, ada), "spam").await.unwrap(), [], "twice");
    let out: BTreeSet<_> = store.suspend(&act(2, ben, true, ada), "a ring").await.unwrap().into_iter().collect();
    assert_eq!(out, [ben, carol, dan].into());
    assert_eq!(suspended(&store).await, [ben, carol, dan, eve].into());
    assert_eq!(store.branch_size(ben).await.unwrap(), (4, 4));
    for (number, member, signed_in) in [(1, ada, true), (2, ben, false), (4, dan, false), (6, frank, true)] {
        let session = session_hash(number);
        assert_eq!(store.session(&session).await.unwrap().is_some(), signed_in, "{number}");
        assert_eq!(store.signed_in(&session).await.unwrap().map(|found| found.person.id), signed_in.then_some(member));
    }
    assert_eq!(store.recipient(dan).await.unwrap().map_or(0, |dan| dan.subscriptions.len()), 0);
    assert_eq!(store.invite(&hash(20), Timestamp(150)).await.unwrap(), None);
    assert!(store.invite(&hash(21), Timestamp(150)).await.unwrap().is_some());
    assert!(!make(&store, &of(carol, 22)).await, "who is suspended makes no invite");
    store.wait(&waiting(50, "faina")).await.unwrap();
    refused!(store.wave(carol, "faina", EACH, Timestamp(100), Timestamp(200)).await => WaveError::NoneLeft);
    let list = store.suspensions(None).await.unwrap();
    let of_ben = list.iter().find(|suspension| suspension.person.id == carol).unwrap();
    assert_eq!((of_ben.root.as_deref(), of_ben.author.as_deref()), (Some("guest2"), Some("ada")));
    assert_eq!((of_ben.reason.as_str(), of_ben.at), ("a ring", Timestamp(2)));
    let of_eve = list.iter().find(|suspension| suspension.person.id == eve).unwrap();
    assert_eq!((of_eve.root.as_deref(), of_eve.reason.as_str()), (None, "spam"));
    let rest = store.suspensions(Some((list[0].at, list[0].person.id))).await.unwrap();
    assert_eq!(rest, list[1..]);

    // Dan alone; then the branch, in which Eve was not suspended.
    assert_eq!(store.restore(&act(3, dan, false, ada)).await.unwrap(), [dan]);
    let back: BTreeSet<_> = store.restore(&act(4, ben, true, ada)).await.unwrap().into_iter().collect();
    assert_eq!(back, [ben, carol].into());
    assert_eq!(suspended(&store).await, [eve].into());
    assert_eq!(store.restore(&act(1_001, ben, true, ada)).await.unwrap(), [], "twice");
    assert_eq!(store.invite(&hash(20), Timestamp(150)).await.unwrap(), None, "what was revoked stays so");
    assert_eq!(store.signed_in(&session_hash(2)).await.unwrap(), None);
    assert!(make(&store, &of(carol, 23)).await);

    // Who was suspended alone comes back with the branch that was suspended afterwards.
    store.suspend(&act(5, carol, false, ada), "").await.unwrap();
    assert_eq!(store.suspend(&act(6, carol, true, ada), "").await.unwrap(), [dan]);
    assert_eq!(store.restore(&act(7, carol, true, ada)).await.unwrap().len(), 2);
    // Their root first, and the others after it.
    store.suspend(&act(8, carol, true, ada), "").await.unwrap();
    assert_eq!(store.restore(&act(9, carol, false, ada)).await.unwrap(), [carol]);
    assert_eq!(store.restore(&act(10, carol, true, ada)).await.unwrap(), [dan]);

    let log = store.audit_log(None).await.unwrap();
    let acts: Vec<_> = log.iter().rev().map(|entry| (entry.act.as_str(), entry.details.as_str())).collect();
    assert_eq!(
        acts[..4],
        [
            ("suspend", "branch=false count=1"),
            ("suspend", "branch=true count=3"),
            ("restore", "branch=false count=1"),
            ("restore", "branch=true count=2"),
        ]
    );
    assert_eq!(acts.len(), 10, "what changed nothing is not there: {acts:?}");
    assert_eq!((log[9].actor.clone(), log[9].about.clone().map(|about| about.id)), (Some(person(1, "ada")), Some(eve)));
}

async fn those_of_a_branch_who_are_here_go_first(world: &World) {
    let store = world.open().await;
    let people = family(&store).await;
    let [ada, ben, carol, dan, eve, frank] = ["ada", "ben", "carol", "dan", "eve", "frank"].map(|name| people[name]);
    assert!(make(&store, &of(dan, 20)).await);
    let here = [ada, dan, eve, frank].into();
    let first = store.suspend_here(&act(1, ben, true, ada), "a ring", &here).await.unwrap();
    assert_eq!(first.iter().copied().collect::<BTreeSet<_>>(), [dan, eve].into());
    assert_eq!(suspended(&store).await, [dan, eve].into());
    assert_eq!(store.session(&session_hash(4)).await.unwrap(), None);
    // The rest, and one entry in the log for all of it; their open invites are revoked although they were out already.
    let all = store.suspend_rest(&act(1, ben, true, ada), "a ring", &first).await.unwrap();
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), [ben, carol, dan, eve].into());
    assert_eq!(store.invite(&hash(20), Timestamp(150)).await.unwrap(), None);
    let log = store.audit_log(None).await.unwrap();
    assert_eq!((log[0].act.as_str(), log[0].details.as_str()), ("suspend", "branch=true count=4"));
    assert_eq!(store.restore(&act(2, ben, true, ada)).await.unwrap().len(), 4, "they come back together");
    // Also when nobody is left for the rest.
    let first = store.suspend_here(&act(3, dan, false, ada), "", &here).await.unwrap();
    assert_eq!(store.suspend_rest(&act(3, dan, false, ada), "", &first).await.unwrap(), [dan]);
    assert_eq!(store.audit_log(None).await.unwrap()[0].about.as_ref().map(|about| about.id), Some(dan));
    refused!(store.suspend_here(&act(4, ada, true, ada), "", &here).await => BranchError::Protected);
}

/// Taking the rows of a large branch out is long, and may be cut off.
async fn sessions_of_a_branch_let_nobody_in_before_they_are_gone(world: &World) {
    let store = world.open().await;
    let people = family(&store).await;
    let [ada, ben, carol, dan, eve] = ["ada", "ben", "carol", "dan", "eve"].map(|name| people[name]);
    assert_eq!(store.suspend(&act(1, ben, true, ada), "a ring").await.unwrap().len(), 4);
    store.close().await;
    let store = world.open().await;
    let left = async || store.suspended_with_sessions().await.unwrap().into_iter().collect::<BTreeSet<_>>();
    assert_eq!(left().await, [ben, carol, dan, eve].into());
    for number in 2..=5 {
        let session = session_hash(number);
        assert_eq!(store.session(&session).await.unwrap(), None);
        assert_eq!(store.signed_in(&session).await.unwrap(), None);
        let another = NewSession { hash: hash(900 + number), label: "Player".to_owned() };
        let another = store.create_session(&session, another, Timestamp(2)).await.unwrap();
        assert_eq!(another, NewToken::SignedOut);
    }
    // Who comes back signs in anew, and is not signed out once more.
    assert_eq!(store.restore(&act(2, dan, false, ada)).await.unwrap(), [dan]);
    assert_eq!(store.session(&session_hash(4)).await.unwrap(), None);
    assert_eq!(left().await, [ben, carol, eve].into());
    store.end_sessions_of(&[ada, ben, carol, dan]).await.unwrap();
    assert_eq!(left().await, [eve].into());
    assert_eq!(store.session(&session_hash(1)).await.unwrap(), Some(ada));
    assert_eq!(store.sizes().await.unwrap().sessions, 3, "of Ada, Eve and Frank");
}

async fn a_list_goes_on_where_it_was_although_that_has_gone(world: &World) {
    let store = world.open().await;
    let people = family(&store).await;
    let [ada, ben, carol, dan, eve] = ["ada", "ben", "carol", "dan", "eve"].map(|name| people[name]);
    for (id, member) in [(1, ben), (2, carol), (3, dan), (4, eve)] {
        store.suspend(&act(id, member, false, ada), "").await.unwrap();
    }
    store.restore(&act(5, dan, false, ada)).await.unwrap();
    let rest = store.suspensions(Some((Timestamp(3), dan))).await.unwrap();
    assert_eq!(rest.iter().map(|suspension| suspension.person.id).collect::<Vec<_>>(), [carol, ben]);

    for (number, handle) in [(51, "faina"), (52, "grace"), (53, "hedy")] {
        store.wait(&waiting(number, handle)).await.unwrap();
    }
    let all = store.waiting_list(None, Timestamp(1)).await.unwrap();
    assert!(store.stop_waiting(&hash(52), Timestamp(1)).await.unwrap());
    let rest = store.waiting_list(Some((all[1].created_at, all[1].id)), Timestamp(1)).await.unwrap();
    assert_eq!(rest, all[2..]);

    let frank = people["frank"];
    for number in [61, 62, 63] {
        assert!(make(&store, &of(frank, number)).await);
    }
    let rest = store.invites_of(frank, Some((Timestamp(100), RecordId(62))), Timestamp(150)).await.unwrap();
    assert_eq!(rest.iter().map(|invite| invite.id.0).collect::<Vec<_>>(), [61]);
    // Nobody reads another's list by one of its places.
    assert_eq!(store.invites_of(eve, Some((Timestamp(100), RecordId(62))), Timestamp(150)).await.unwrap(), []);
}

async fn the_owner_is_nobodys_to_suspend(world: &World) {
    let store = world.open().await;
    let people = family(&store).await;
    let [ada, ben, carol, dan, eve, frank] = ["ada", "ben", "carol", "dan", "eve", "frank"].map(|name| people[name]);
    for (id, admin) in [(1, dan), (2, frank)] {
        assert!(store.set_admin(admin, true, &entry(id, ada)).await.unwrap());
    }
    refused!(store.suspend(&act(10, ada, false, ada), "").await => BranchError::Protected);
    refused!(store.suspend(&act(11, ada, true, frank), "").await => BranchError::Protected);
    refused!(store.suspend(&act(12, dan, false, frank), "").await => BranchError::Protected);
    refused!(store.suspend(&act(13, frank, false, frank), "").await => BranchError::Protected);
    // An admin is somewhere below.
    refused!(store.suspend(&act(14, ben, true, frank), "").await => BranchError::Protected);
    // Who is no admin does nothing.
    refused!(store.suspend(&act(15, eve, false, carol), "").await => BranchError::Protected);
    assert_eq!(suspended(&store).await, [].into());
    assert!(store.session(&session_hash(2)).await.unwrap().is_some());
    assert_eq!(store.suspend(&act(16, eve, false, frank), "").await.unwrap(), [eve]);
    assert_eq!(store.suspend(&act(17, ben, true, ada), "").await.unwrap().len(), 3);
    refused!(store.restore(&act(18, ben, true, frank)).await => BranchError::Protected);
    refused!(store.restore(&act(19, dan, false, frank)).await => BranchError::Protected);
    assert_eq!(suspended(&store).await, [ben, carol, dan, eve].into());
    // A suspended admin is none.
    refused!(store.suspend(&act(20, frank, false, dan), "").await => BranchError::Protected);
    // Nobody who is suspended becomes an admin, and an admin who is may stop being one.
    assert!(!store.set_admin(eve, true, &entry(40, ada)).await.unwrap());
    assert!(store.set_admin(dan, false, &entry(41, ada)).await.unwrap());
    assert!(!store.set_admin(dan, true, &entry(42, ada)).await.unwrap());
    assert_eq!(store.restore(&act(21, ben, true, ada)).await.unwrap().len(), 3);
    assert_eq!(store.restore(&act(22, eve, false, frank)).await.unwrap(), [eve]);

    // The owner is in nobody's branch, and with the owner whoever is below.
    assert!(store.hand_over(carol, &entry(30, ada)).await.unwrap());
    assert_eq!(store.branch_size(ben).await.unwrap(), (2, 0));
    let out: BTreeSet<_> = store.suspend(&act(31, ben, true, carol), "").await.unwrap().into_iter().collect();
    assert_eq!(out, [ben, eve].into());
}

/// While a branch is suspended, its members' guests come in, and make invites, and their guests come in. Whoever made it
/// is suspended, and whoever did not has no invite left.
async fn who_is_just_coming_in_is_suspended_too(world: &World) {
    const GUESTS: u64 = 24;
    let stores = [world.open().await, world.open().await];
    let ada = owner(&stores[0]).await;
    for round in 1..=6u64 {
        let number = move |of: u64| round * 10_000 + of;
        let root = guest(&stores[0], ada, number(0)).await;
        for guest in 1..=GUESTS {
            let invite = NewInvite { sponsor: Some(root), ..invite(hash(number(guest))) };
            stores[0].create_invite(invite).await.unwrap();
        }
        let together = Arc::new(Barrier::new(GUESTS as usize + 1));
        let mut coming = JoinSet::new();
        for guest in 1..=GUESTS {
            let (store, together) = (stores[(guest % 2) as usize].clone(), together.clone());
            coming.spawn(async move {
                together.wait().await;
                let (id, below) = (number(guest), number(1_000 + guest));
                let came = redeem(&store, hash(id), 1, id, &format!("guest{id}")).await?;
                if make(&store, &of(came.person.id, below)).await {
                    redeem(&store, hash(below), 150, below, &format!("guest{below}")).await?;
                }
                Ok::<_, RedeemError>(())
            });
        }
        together.wait().await;
        let act = act(round.into(), root, true, ada);
        let out = stores[1].suspend(&act, "").await.unwrap();
        for came in coming.join_all().await {
            assert!(matches!(came, Ok(()) | Err(RedeemError::NotFound)), "{came:?}");
        }
        let (members, suspended) = stores[0].branch_size(root).await.unwrap();
        assert_eq!((members, suspended), (out.len() as u64, out.len() as u64), "round {round}");
        for guest in (1..=GUESTS).chain(1_000..=1_000 + GUESTS) {
            let session = session_hash(number(guest));
            assert_eq!(stores[0].signed_in(&session).await.unwrap(), None, "round {round}, guest {guest}");
            assert_eq!(stores[0].invite(&hash(number(guest)), Timestamp(150)).await.unwrap(), None);
        }
    }
}

async fn the_tree_is_read_level_by_level(world: &World) {
    let store = world.open().await;
    let people = family(&store).await;
    let ids = |nodes: &[roomtone_store::TreeNode]| nodes.iter().map(|node| node.id.0).collect::<Vec<_>>();
    let (tree, truncated) = store.tree(None, 100).await.unwrap();
    // ada and frank; ben; carol and eve; dan.
    assert_eq!((ids(&tree), truncated), (vec![1, 6, 2, 3, 5, 4], false));
    let shape: Vec<_> = tree.iter().map(|node| (node.sponsor.map(|sponsor| sponsor.0), node.guests)).collect();
    assert_eq!(shape, [(None, 1), (None, 0), (Some(1), 2), (Some(2), 1), (Some(2), 0), (Some(3), 0)]);
    assert_eq!((tree[2].handle.as_str(), tree[2].name.as_str()), ("guest2", "GUEST2"));
    for limit in 1..=6 {
        let (part, truncated) = store.tree(None, limit).await.unwrap();
        assert_eq!((ids(&part), truncated), (ids(&tree[..limit]), limit < 6), "{limit}");
    }
    let (below, truncated) = store.tree(Some(people["ben"]), 100).await.unwrap();
    assert_eq!((ids(&below), truncated), (vec![2, 3, 5, 4], false));
    assert_eq!(store.tree(Some(MemberId(404)), 100).await.unwrap(), (vec![], false));
    store.suspend(&act(1, people["carol"], true, people["ada"]), "").await.unwrap();
    let (tree, _) = store.tree(None, 100).await.unwrap();
    let suspended: Vec<_> = tree.iter().filter(|node| node.suspended).map(|node| node.id.0).collect();
    assert_eq!(suspended, [3, 4]);
    // More guests than go into one statement.
    let frank = people["frank"];
    let invites: Vec<_> = (10_000..10_700).map(|n| NewInvite { sponsor: Some(frank), ..invite(hash(n)) }).collect();
    store.create_invites(&invites).await.unwrap();
    let mut guests = JoinSet::new();
    for number in 10_000..10_700 {
        let store = store.clone();
        guests.spawn(async move { redeem(&store, hash(number), number, number, &format!("guest{number}")).await });
    }
    assert!(guests.join_all().await.iter().all(Result::is_ok));
    let (tree, truncated) = store.tree(Some(frank), 2_000).await.unwrap();
    assert_eq!((tree.len(), tree[0].guests, truncated), (701, 700, false));
    assert_eq!(ids(&tree[1..]), (10_000..10_700).collect::<Vec<_>>());
    assert_eq!(store.tree(Some(frank), 600).await.unwrap().0, tree[..600]);
}

async fn members_are_listed_by_handle(world: &World) {
    let store = world.open().await;
    let people = family(&store).await;
    for number in 100..260 {
        guest(&store, people["frank"], number).await;
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = store.admin_members(&after, "").await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 100);
        after = last.person.handle.clone();
        seen.extend(page);
    }
    assert_eq!(seen.len(), 166);
    assert!(seen.is_sorted_by(|one, other| one.person.handle < other.person.handle));
    let found = |name: &str| seen.iter().find(|member| member.person.id == people[name]).unwrap();
    assert!(found("ada").owner && !found("ada").admin && !found("frank").owner);
    assert_eq!((found("frank").guests, found("ben").guests), (160, 2));
    assert_eq!(found("ben").sponsor, Some(person(1, "ada")));
    assert_eq!(store.admin_member(people["ben"]).await.unwrap().as_ref(), Some(found("ben")));
    let handles = async |prefix: &str| {
        let page = store.admin_members("", prefix).await.unwrap();
        page.into_iter().map(|member| member.person.handle).collect::<Vec<_>>()
    };
    assert_eq!(handles("guest10").await.len(), 10);
    assert_eq!(handles("fr").await, ["frank"]);
    assert_eq!(handles("guest25").await.len(), 10);
    for nothing in ["%", "_", "\\", "'"] {
        assert_eq!(handles(nothing).await, [""; 0], "{nothing}");
    }
    // Names, in capitals here: the middle of one, however it is typed, and in other letters.
    for typed in ["ran", "RAN", "Ran"] {
        assert_eq!(handles(typed).await, ["frank"], "{typed}");
    }
    store.create_invite(invite(hash(900))).await.unwrap();
    let member = NewMember {
        id: MemberId(900),
        handle: "faina".to_owned(),
        skeleton: "faina".to_owned(),
        name: "100% Фаина_Р".to_owned(),
        language: "ru".to_owned(),
    };
    let session = NewSession { hash: session_hash(900), label: "browser".to_owned() };
    store.redeem(&hash(900), Timestamp(0), member, session).await.unwrap();
    for typed in ["фаина", "Фаина", "0% Ф", "а_", "fai"] {
        assert_eq!(handles(typed).await, ["faina"], "{typed}");
    }
}

async fn there_is_one_owner(world: &World) {
    let stores = [world.open().await, world.open().await];
    let store = &stores[0];
    let people = family(store).await;
    let [ada, ben, carol, frank] = ["ada", "ben", "carol", "frank"].map(|name| people[name]);
    assert!(!store.set_admin(ben, true, &entry(1, frank)).await.unwrap(), "not by a member");
    assert!(!store.set_admin(ada, true, &entry(2, ada)).await.unwrap(), "not the owner");
    assert!(store.set_admin(ben, true, &entry(3, ada)).await.unwrap());
    assert!(!store.set_admin(ben, true, &entry(4, ada)).await.unwrap(), "twice");
    assert!(!store.set_admin(carol, true, &entry(5, ben)).await.unwrap(), "not by an admin");
    assert!(!store.hand_over(ben, &entry(6, ben)).await.unwrap());
    assert!(!store.hand_over(ada, &entry(7, ada)).await.unwrap());
    assert!(!store.hand_over(MemberId(404), &entry(8, ada)).await.unwrap());
    store.suspend(&act(9, people["eve"], false, ada), "").await.unwrap();
    assert!(!store.hand_over(people["eve"], &entry(10, ada)).await.unwrap(), "nobody who is suspended");
    assert!(store.admin_member(ada).await.unwrap().unwrap().owner);

    let mut heirs = JoinSet::new();
    for (turn, &heir) in [ben, carol, frank].iter().enumerate() {
        let store = stores[turn % 2].clone();
        heirs.spawn(async move { store.hand_over(heir, &entry(20 + turn as u128, ada)).await.unwrap() });
    }
    assert_eq!(heirs.join_all().await.iter().filter(|handed| **handed).count(), 1);
    let members = store.admin_members("", "").await.unwrap();
    assert_eq!(members.iter().filter(|member| member.owner).count(), 1);
    let former = members.iter().find(|member| member.person.id == ada).unwrap();
    assert!(former.admin && !former.owner);
    let log = store.audit_log(None).await.unwrap();
    assert_eq!(log.iter().map(|entry| entry.id.0).filter(|id| *id < 20).collect::<Vec<_>>(), [9, 3]);
}

async fn settings_change_together_and_are_logged(world: &World) {
    let store = world.open().await;
    let ada = owner(&store).await;
    let before = store.sizes().await.unwrap();
    assert_eq!((before.members, before.sessions), (1, 1));
    assert!(before.database > 10_000, "{before:?}");
    assert_eq!(before.postgres, matches!(world, World::Address(_)));
    let set = |key, value: &str| (key, Some(value.to_owned()));
    store.change_settings(&[set("a", "1"), set("b", "2")], &entry(1, ada)).await.unwrap();
    store.change_settings(&[set("a", "3"), ("b", None), ("c", None)], &entry(2, ada)).await.unwrap();
    let settings = store.settings().await.unwrap();
    assert_eq!(settings.get("a").map(String::as_str), Some("3"));
    assert_eq!((settings.get("b"), settings.get("c")), (None, None));
    // All or nothing: the log has this entry already.
    refused!(store.change_settings(&[set("a", "4")], &entry(2, ada)).await => StoreError::Conflict(_));
    assert_eq!(store.setting("a").await.unwrap().as_deref(), Some("3"));
    for id in 3..150 {
        store.audit(&entry(id, ada)).await.unwrap();
    }
    let first = store.audit_log(None).await.unwrap();
    let rest = store.audit_log(first.last().map(|last| (last.at, last.id))).await.unwrap();
    let ids: Vec<_> = first.iter().chain(&rest).map(|entry| entry.id.0).collect();
    assert_eq!(ids, (1..150).rev().collect::<Vec<_>>());
    assert_eq!(first[0].about, None);
}

async fn nobody_owns_the_server_who_is_suspended(world: &World) {
    let stores = [world.open().await, world.open().await];
    let mut owner = owner(&stores[0]).await;
    for number in 2..30 {
        let heir = join(&stores[0], number, &format!("heir{number}")).await;
        let (store, author) = (stores[1].clone(), owner);
        let handed = tokio::spawn(async move { store.hand_over(heir, &entry(number.into(), author)).await });
        // Refused, too late, or in time: but never both.
        let suspended = stores[0].suspend(&act(1_000 + u128::from(number), heir, false, owner), "").await;
        let suspended = matches!(suspended.as_deref(), Ok([_]));
        let handed = matches!(handed.await.unwrap(), Ok(true));
        assert!(!(handed && suspended), "{number}");
        if handed {
            owner = heir;
        }
        assert!(stores[0].admin_member(owner).await.unwrap().unwrap().owner);
    }
}

/// Postgres takes one of two transactions back that wait for each other. Here it is that of the store, which tries once more and
/// comes through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_postgres_took_back_is_done_once_more() {
    let world = World::postgres("taken_back").await;
    let store = world.open().await;
    let ada = owner(&store).await;
    let ben = guest(&store, ada, 2).await;
    store.create_invite(NewInvite { sponsor: Some(ben), ..invite(hash(3)) }).await.unwrap();
    let mut other = Rival::connect(&world).await;

    // Holds what suspending comes to second, and then wants what it has come to first. What is done once more may come before the
    // other has let go and be taken back again, so it is tried a few times; without a second try it never comes through.
    let mut suspended = Err(String::new());
    for _ in 0..TRIES {
        other.run("UPDATE invites SET note = 'x' WHERE used_at IS NULL").await.unwrap();
        let suspending = tokio::spawn({
            let store = store.clone();
            async move { store.suspend(&act(1, ben, true, ada), "").await.map_err(|error| error.to_string()) }
        });
        other.wait_for_somebody().await;
        other.run("UPDATE members SET name = 'Ben' WHERE handle = 'guest2'").await.unwrap();
        other.run("ROLLBACK").await.unwrap();
        suspended = suspending.await.unwrap();
        other.run("BEGIN").await.unwrap();
        if suspended.is_ok() {
            break;
        }
    }
    assert_eq!(suspended, Ok(vec![ben]));

    store.create_invite(NewInvite { sponsor: Some(ada), ..invite(hash(4)) }).await.unwrap();
    let mut redeemed = Err(String::new());
    for _ in 0..TRIES {
        other.run("INSERT INTO handles (skeleton) VALUES ('faina')").await.unwrap();
        let redeeming = tokio::spawn({
            let store = store.clone();
            async move { redeem(&store, hash(4), 1, 4, "faina").await.map_err(|error| error.to_string()) }
        });
        other.wait_for_somebody().await;
        other.run("UPDATE invites SET note = 'x' WHERE used_at IS NULL AND revoked_at IS NULL").await.unwrap();
        other.run("ROLLBACK").await.unwrap();
        redeemed = redeeming.await.unwrap();
        if redeemed.is_ok() {
            break;
        }
        other.run("BEGIN").await.unwrap();
    }
    assert_eq!(redeemed.map(|faina| faina.person.id), Ok(MemberId(4)));
}

/// Acts on branches that cross wait for each other in one order, the lowest id first: whoever waits holds nobody behind that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_a_branch_are_locked_in_one_order() {
    type Acting = JoinHandle<Result<Vec<MemberId>, BranchError>>;
    type Begin = fn(Store, BranchAct, HashSet<MemberId>) -> Acting;
    let acts: [(Begin, &str); 3] = [
        (|store, act, here| tokio::spawn(async move { store.suspend_here(&act, "", &here).await }), "suspend here"),
        (|store, act, _| tokio::spawn(async move { store.suspend(&act, "").await }), "suspend"),
        (|store, act, _| tokio::spawn(async move { store.restore(&act).await }), "restore"),
    ];
    let world = World::postgres("one_order").await;
    let store = world.open().await;
    let ada = owner(&store).await;
    // Who came first has the highest id, so that neither the order in the table nor that of the tree is the one of the ids.
    let root = guest(&store, ada, 900).await;
    let middle = guest(&store, root, 50).await;
    let lowest = guest(&store, middle, 20).await;
    let mut other = Rival::connect(&world).await;
    for (number, (begin, name)) in (1..).zip(acts) {
        if name == "suspend" {
            store.restore(&act(100, root, true, ada)).await.unwrap();
        }
        other.run("SELECT id FROM members WHERE handle = 'guest20' FOR NO KEY UPDATE").await.unwrap();
        let here = HashSet::from([root, middle, lowest]);
        let first = begin(store.clone(), act(2 * number, root, true, ada), here.clone());
        other.wait_for(1).await;
        let second = begin(store.clone(), act(2 * number + 1, middle, true, ada), here);
        other.wait_for(2).await;
        let free = "SELECT id FROM members WHERE handle IN ('guest50', 'guest900') FOR NO KEY UPDATE NOWAIT";
        assert!(other.run(free).await.is_ok(), "{name}");
        other.run("ROLLBACK").await.unwrap();
        other.run("BEGIN").await.unwrap();
        let mut done = first.await.unwrap().unwrap();
        done.extend(second.await.unwrap().unwrap());
        assert_eq!(done.into_iter().collect::<BTreeSet<_>>(), [root, middle, lowest].into(), "{name}");
    }
}

/// How often the two are brought to wait for each other before it counts that nothing came through.
const TRIES: u32 = 10;

/// Another program in the same Postgres database, in a transaction. It waits for as long as it takes, so that of two that wait for
/// each other it is the store that notices.
struct Rival {
    connection: PgConnection,
    watcher: PgConnection,
}

impl Rival {
    async fn connect(world: &World) -> Self {
        let World::Address(url) = world else { panic!("not Postgres") };
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query("SET deadlock_timeout = '1h'").execute(&mut connection).await.unwrap();
        sqlx::query("BEGIN").execute(&mut connection).await.unwrap();
        Self { connection, watcher: PgConnection::connect(url).await.unwrap() }
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        sqlx::query(statement).execute(&mut self.connection).await.map(|_| ())
    }

    /// Returns when somebody in this database waits for a lock.
    async fn wait_for_somebody(&mut self) {
        self.wait_for(1).await;
    }

    /// Returns when so many in this database wait for a lock.
    async fn wait_for(&mut self, many: i64) {
        let waiting = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut self.watcher).await.unwrap() < many {
            tokio::task::yield_now().await;
        }
    }
}
