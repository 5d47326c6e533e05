//! What every database behind [`Store`] must do. Each case is a function that is handed a [`World`]; `contract!` makes
//! one test of each for each kind of database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod account;
mod acts;
mod admin;
mod answered;
mod events;
mod evidence;
mod found;
mod guests;
mod hallway;
mod houses;
mod invitations;
mod invites;
mod notices;
mod offices;
mod people;
mod proofs;
mod recordings;
mod replays;
mod schema;
mod search;
mod sign_in;
mod support;
mod talks;
mod transcripts;
mod waitlist;

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use roomtone_room::ids::{CommandId, MemberId, RoomId, Timestamp};
use roomtone_store::{
    AppendError, DATABASE_FILE, DataLock, LogRow, NewInvite, NewMember, NewRoom, NewSession, NewToken, RedeemError,
    Store, StoreError, StoredRoom,
};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use support::{World, contract, hash, invite, join, loaded, own, person, redeem, refused, room, row, session_hash};

contract!(
    settings_are_kept_and_replaced,
    invites_that_do_not_work_look_alike,
    redeeming_makes_a_member_with_sponsor_and_session,
    an_invite_makes_one_member_however_many_redeem_it,
    a_handle_has_one_member_and_its_loser_keeps_the_invite,
    a_crowd_redeems_together_and_nobody_fails_for_another,
    the_owner_link_is_replaced_until_there_is_an_owner,
    people_come_in_the_order_asked,
    sessions_end,
    rooms_are_logged_and_loaded,
    a_batch_is_written_whole_or_not_at_all,
    snapshots_shorten_the_log,
    ending_is_final_and_atomic,
    a_lease_has_one_owner_and_a_rising_epoch,
    of_many_who_want_a_room_one_gets_it,
    writes_of_an_old_epoch_change_nothing,
    what_was_acknowledged_is_there_without_closing,
    many_may_open_a_new_database_at_once,
    numbers_too_large_are_refused,
    a_closed_store_says_so,
);

async fn settings_are_kept_and_replaced(world: &World) {
    let store = world.open().await;
    assert_eq!(store.setting("name").await.unwrap(), None);
    store.set_setting("name", "Roomtone").await.unwrap();
    store.set_setting("name", "Kitchen table").await.unwrap();
    store.set_setting("other", "").await.unwrap();
    assert_eq!(store.setting("name").await.unwrap().as_deref(), Some("Kitchen table"));
    assert_eq!(store.setting("other").await.unwrap().as_deref(), Some(""));
}

async fn invites_that_do_not_work_look_alike(world: &World) {
    let store = world.open().await;
    let sponsor = join(&store, 1, "ada").await;
    let expiring = NewInvite { sponsor: Some(sponsor), expires_at: Some(Timestamp(500)), ..invite(hash(2)) };
    store.create_invite(expiring).await.unwrap();

    let info = store.invite(&hash(2), Timestamp(499)).await.unwrap().unwrap();
    assert!(!info.owner);
    assert_eq!(info.sponsor.unwrap().handle, "ada");
    // Expired (the first millisecond it no longer works), used, never made.
    for (hash, now) in [(hash(2), 500), (hash(1), 0), (hash(99), 0)] {
        assert_eq!(store.invite(&hash, Timestamp(now)).await.unwrap(), None);
        let refused = redeem(&store, hash, now, 7, "grace").await.unwrap_err();
        assert!(matches!(refused, RedeemError::NotFound), "{refused:?}");
    }
    assert_eq!(store.member_by_handle("grace").await.unwrap(), None);
    refused!(store.create_invite(invite(hash(2))).await => StoreError::Conflict(_));
    let invented = NewInvite { sponsor: Some(MemberId(404)), ..invite(hash(3)) };
    refused!(store.create_invite(invented).await => StoreError::Conflict(_));
}

async fn redeeming_makes_a_member_with_sponsor_and_session(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    store.create_invite(NewInvite { sponsor: Some(ada), ..invite(hash(2)) }).await.unwrap();
    let made = redeem(&store, hash(2), 77, 2, "grace").await.unwrap();

    let grace = store.member(MemberId(2)).await.unwrap().unwrap();
    assert_eq!(made, grace);
    assert_eq!(grace.person, person(2, "grace"));
    assert_eq!((grace.language.as_str(), grace.owner, grace.created_at), ("en", false, Timestamp(77)));
    assert_eq!(grace.sponsor, Some(person(1, "ada")));
    assert_eq!(store.member_by_handle("grace").await.unwrap(), Some(grace));
    assert_eq!(store.session(&session_hash(2)).await.unwrap(), Some(MemberId(2)));
    assert_eq!(store.member(MemberId(3)).await.unwrap(), None);
    assert_eq!(store.member_by_handle("Grace").await.unwrap(), None);
}

/// Two stores on one database, as two processes would have, each with a hundred callers at once.
async fn an_invite_makes_one_member_however_many_redeem_it(world: &World) {
    const ROUNDS: u64 = 1_000;
    const CALLERS: u64 = 200;
    let stores = [world.open().await, world.open().await];
    for round in 0..ROUNDS {
        let code = hash(1_000 + round);
        stores[0].create_invite(invite(code)).await.unwrap();
        let together = Arc::new(Barrier::new(CALLERS as usize));
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let (store, together) = (stores[(caller % 2) as usize].clone(), together.clone());
            callers.spawn(async move {
                let id = 10_000 + round * CALLERS + caller;
                together.wait().await;
                redeem(&store, code, 0, id, &format!("m{id}")).await.map(|member| member.person.id)
            });
        }
        let (made, refused): (Vec<_>, Vec<_>) = callers.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!(made.len(), 1, "round {round}");
        assert!(refused.iter().all(|answer| matches!(answer, Err(RedeemError::NotFound))), "{refused:?}");
        let ids: Vec<MemberId> = (0..CALLERS).map(|i| MemberId((10_000 + round * CALLERS + i) as u128)).collect();
        let there = stores[1].people(&ids).await.unwrap();
        assert_eq!(there.iter().map(|p| p.id).collect::<Vec<_>>(), [*made[0].as_ref().unwrap()], "round {round}");
    }
}

async fn a_handle_has_one_member_and_its_loser_keeps_the_invite(world: &World) {
    let stores = [world.open().await, world.open().await];
    for round in 0..20u64 {
        let codes = [hash(2 * round), hash(2 * round + 1)];
        for code in codes {
            stores[0].create_invite(invite(code)).await.unwrap();
        }
        let name = format!("twin{round}");
        let (one, two) = tokio::join!(
            redeem(&stores[0], codes[0], 0, 100 + 2 * round, &name),
            redeem(&stores[1], codes[1], 0, 101 + 2 * round, &name),
        );
        let loser = usize::from(one.is_ok());
        let (winner, lost) = if one.is_ok() { (one, two) } else { (two, one) };
        assert!(winner.is_ok() && matches!(lost, Err(RedeemError::HandleTaken)), "{winner:?} {lost:?}");
        assert_eq!(stores[0].session(&session_hash(100 + 2 * round + loser as u64)).await.unwrap(), None);
        let other_name = format!("other{round}");
        redeem(&stores[0], codes[loser], 0, 100 + 2 * round + loser as u64, &other_name).await.unwrap();
    }
}

/// Among many who redeem at the same time: an invite that never was, a handle that is taken, an invite that two have,
/// and a session whose digest is known already, which the database itself refuses.
async fn a_crowd_redeems_together_and_nobody_fails_for_another(world: &World) {
    const CROWD: u64 = 60;
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    let invites: Vec<_> =
        (100..100 + CROWD).map(|number| NewInvite { sponsor: Some(ada), ..invite(hash(number)) }).collect();
    store.create_invites(&invites).await.unwrap();
    let mut crowd = JoinSet::new();
    for id in 100..100 + CROWD {
        let store = store.clone();
        crowd.spawn(async move {
            let outcome = match id {
                110 => redeem(&store, hash(9_999), 0, id, "unknown").await,
                120 => redeem(&store, hash(id), 0, id, "ada").await,
                130 => redeem(&store, hash(131), 0, id, "second").await,
                // Its session is the one that `join` made for Ada.
                140 => {
                    let session = NewSession { hash: session_hash(1), label: "repeated".into() };
                    let (id, handle, skeleton) = (MemberId(id.into()), "repeated".into(), "repeated".into());
                    let member = NewMember { id, handle, skeleton, name: "Repeated".into(), language: "en".into() };
                    store.redeem(&hash(140), Timestamp(0), member, session).await.map(|redeemed| redeemed.member)
                }
                _ => redeem(&store, hash(id), 0, id, &format!("m{id}")).await,
            };
            (id, outcome)
        });
    }
    let mut outcomes: HashMap<u64, _> = crowd.join_all().await.into_iter().collect();
    refused!(outcomes.remove(&110).unwrap() => RedeemError::NotFound);
    refused!(outcomes.remove(&120).unwrap() => RedeemError::HandleTaken);
    refused!(outcomes.remove(&140).unwrap() => RedeemError::Store(StoreError::Conflict(_)));
    let twins = [outcomes.remove(&130).unwrap(), outcomes.remove(&131).unwrap()];
    assert_eq!(twins.iter().filter(|twin| twin.is_ok()).count(), 1, "{twins:?}");
    for (id, outcome) in outcomes {
        let member = outcome.unwrap();
        assert_eq!(member.sponsor.as_ref().map(|sponsor| sponsor.id), Some(ada));
        assert_eq!(store.member(MemberId(id.into())).await.unwrap().as_ref(), Some(&member));
        assert_eq!(store.signed_in(&session_hash(id)).await.unwrap(), Some(member));
    }
    // Who was refused has kept the invite.
    for id in [120, 140] {
        redeem(&store, hash(id), 0, id, &format!("m{id}")).await.unwrap();
    }
    refused!(redeem(&store, hash(131), 0, 131, "late").await => RedeemError::NotFound);
}

async fn the_owner_link_is_replaced_until_there_is_an_owner(world: &World) {
    let store = world.open().await;
    assert!(store.replace_owner_invite(hash(1), Timestamp(1)).await.unwrap());
    assert!(store.invite(&hash(1), Timestamp(2)).await.unwrap().unwrap().owner);
    assert!(store.replace_owner_invite(hash(2), Timestamp(2)).await.unwrap());
    assert_eq!(store.invite(&hash(1), Timestamp(2)).await.unwrap(), None, "the former link still works");
    refused!(redeem(&store, hash(1), 2, 1, "ada").await => RedeemError::NotFound);

    // An ordinary member does not make the server owned, and an ordinary invite is not touched by replacing.
    store.create_invite(invite(hash(50))).await.unwrap();
    join(&store, 5, "guest").await;
    assert!(store.replace_owner_invite(hash(3), Timestamp(3)).await.unwrap());
    assert!(store.invite(&hash(50), Timestamp(3)).await.unwrap().is_some());

    assert!(redeem(&store, hash(3), 4, 1, "ada").await.unwrap().owner);
    assert!(!store.replace_owner_invite(hash(4), Timestamp(5)).await.unwrap());
    assert_eq!(store.invite(&hash(4), Timestamp(5)).await.unwrap(), None);
}

async fn people_come_in_the_order_asked(world: &World) {
    let store = world.open().await;
    join(&store, 1, "ada").await;
    join(&store, 2, "grace").await;
    let mut ids = vec![MemberId(2), MemberId(404), MemberId(1), MemberId(2)];
    // More than goes into one statement.
    ids.extend((10_000..12_000).map(MemberId));
    ids.push(MemberId(1));
    let handles: Vec<String> = store.people(&ids).await.unwrap().into_iter().map(|person| person.handle).collect();
    assert_eq!(handles, ["grace", "ada", "grace", "ada"]);
    assert_eq!(store.people(&[]).await.unwrap(), []);
}

async fn sessions_end(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    let player = NewSession { hash: hash(70), label: "player".to_owned() };
    let made = store.create_session(&session_hash(1), player.clone(), Timestamp(1)).await.unwrap();
    assert_eq!(made, NewToken::Made);
    refused!(store.create_session(&session_hash(1), player, Timestamp(1)).await => StoreError::Conflict(_));
    assert_eq!(store.session(&hash(70)).await.unwrap(), Some(ada));
    assert!(store.delete_session(&hash(70)).await.unwrap());
    assert!(!store.delete_session(&hash(70)).await.unwrap());
    assert_eq!(store.session(&hash(70)).await.unwrap(), None);
    assert_eq!(store.signed_in(&hash(70)).await.unwrap(), None);
    // A session that has ended makes no other.
    let late = NewSession { hash: hash(71), label: String::new() };
    assert_eq!(store.create_session(&hash(70), late, Timestamp(1)).await.unwrap(), NewToken::SignedOut);
    assert_eq!(store.session(&hash(71)).await.unwrap(), None);
    assert_eq!(store.session(&session_hash(1)).await.unwrap(), Some(ada), "another session of the same member");
}

async fn rooms_are_logged_and_loaded(world: &World) {
    let store = world.open().await;
    let host = join(&store, 1, "ada").await;
    let first = [LogRow { member: Some(host), ..row(1) }];
    store.create_room(NewRoom { opened_at: Timestamp(10), ..room(1, host) }, &first).await.unwrap();
    store.create_room(NewRoom { opened_at: Timestamp(20), ..room(2, host) }, &[row(1)]).await.unwrap();
    refused!(store.create_room(room(1, host), &[]).await => StoreError::Conflict(_));
    refused!(store.create_room(room(9, MemberId(404)), &[]).await => StoreError::Conflict(_));
    assert_eq!(store.live_rooms().await.unwrap(), [RoomId(2), RoomId(1)]);

    let epoch = own(&store, 1).await;
    let second = LogRow { member: Some(host), command: Some(CommandId(u128::MAX)), ..row(2) };
    store.append(RoomId(1), epoch, &[second.clone(), row(3)]).await.unwrap();
    store.append(RoomId(1), epoch, &[]).await.unwrap();
    let expected = StoredRoom { snapshot: None, tail: vec![first[0].clone(), second, row(3)], ended_at: None };
    assert_eq!(store.load_room(RoomId(1)).await.unwrap(), Some(expected));
    assert_eq!(store.load_room(RoomId(404)).await.unwrap(), None);
}

async fn a_batch_is_written_whole_or_not_at_all(world: &World) {
    let store = world.open().await;
    let host = join(&store, 1, "ada").await;
    store.create_room(room(1, host), &[row(1)]).await.unwrap();
    let epoch = own(&store, 1).await;
    let repeated = store.append(RoomId(1), epoch, &[row(2), row(3), row(1)]).await;
    assert!(matches!(repeated, Err(AppendError::Store(StoreError::Conflict(_)))), "{repeated:?}");
    assert_eq!(loaded(&store, 1).await.tail, [row(1)]);
    // The same for a room whose first event cannot be stored.
    assert!(store.create_room(room(2, host), &[row(1), row(1)]).await.is_err());
    assert_eq!(store.load_room(RoomId(2)).await.unwrap(), None);
    store.append(RoomId(1), epoch, &[row(2)]).await.unwrap();
    assert_eq!(loaded(&store, 1).await.tail, [row(1), row(2)]);
}

async fn snapshots_shorten_the_log(world: &World) {
    let store = world.open().await;
    let host = join(&store, 1, "ada").await;
    store.create_room(room(1, host), &[row(1)]).await.unwrap();
    let epoch = own(&store, 1).await;
    let last = 300;
    store.append(RoomId(1), epoch, &(2..=last).map(row).collect::<Vec<_>>()).await.unwrap();

    store.save_snapshot(RoomId(1), epoch, last - 10, "state").await.unwrap();
    let stored = loaded(&store, 1).await;
    assert_eq!(stored.snapshot, Some((last - 10, "state".to_owned())));
    assert_eq!(stored.tail, (last - 9..=last).map(row).collect::<Vec<_>>());

    // An older snapshot does not replace a newer one, and rows after a snapshot always stay.
    store.save_snapshot(RoomId(1), epoch, 5, "older").await.unwrap();
    assert_eq!(loaded(&store, 1).await, stored);
    let more = last + 500;
    store.append(RoomId(1), epoch, &(last + 1..=more).map(row).collect::<Vec<_>>()).await.unwrap();
    store.save_snapshot(RoomId(1), epoch, last, "newer").await.unwrap();
    let stored = loaded(&store, 1).await;
    assert_eq!(stored.snapshot, Some((last, "newer".to_owned())));
    assert_eq!(stored.tail, (last + 1..=more).map(row).collect::<Vec<_>>());
}

async fn ending_is_final_and_atomic(world: &World) {
    let store = world.open().await;
    let host = join(&store, 1, "ada").await;
    store.create_room(room(1, host), &[row(1)]).await.unwrap();
    store.create_room(room(2, host), &[row(1)]).await.unwrap();
    let epoch = own(&store, 1).await;
    // The last event cannot be stored: then the room has not ended either.
    assert!(store.end_room(RoomId(1), epoch, Timestamp(50), &[row(1)]).await.is_err());
    assert_eq!(loaded(&store, 1).await.ended_at, None);

    store.end_room(RoomId(1), epoch, Timestamp(50), &[row(2)]).await.unwrap();
    assert_eq!(store.live_rooms().await.unwrap(), [RoomId(2)]);
    let stored = loaded(&store, 1).await;
    assert_eq!((stored.tail, stored.ended_at), (vec![row(1), row(2)], Some(Timestamp(50))));

    refused!(store.append(RoomId(1), epoch, &[row(3)]).await => AppendError::Fenced);
    refused!(store.end_room(RoomId(1), epoch, Timestamp(60), &[]).await => AppendError::Fenced);
    assert!(!store.renew_room(RoomId(1), epoch, Timestamp(9_000)).await.unwrap());
    let taken = store.acquire_room(RoomId(1), 1, Timestamp(60), Timestamp(90), true).await.unwrap();
    assert_eq!(taken, None, "an ended room got an owner");
    store.save_snapshot(RoomId(1), epoch, 2, "the end").await.unwrap();
    assert_eq!(loaded(&store, 1).await.snapshot, Some((2, "the end".to_owned())));
}

async fn a_lease_has_one_owner_and_a_rising_epoch(world: &World) {
    let store = world.open().await;
    let host = join(&store, 1, "ada").await;
    store.create_room(room(1, host), &[row(1)]).await.unwrap();
    let acquire = async |owner: u128, now: u64, until: u64, force: bool| {
        store.acquire_room(RoomId(1), owner, Timestamp(now), Timestamp(until), force).await.unwrap()
    };
    assert_eq!(acquire(7, 0, 100, false).await, Some(1), "free");
    assert_eq!(acquire(8, 99, 200, false).await, None, "held by another");
    assert_eq!(acquire(7, 50, 100, false).await, Some(2), "one's own");
    assert!(store.renew_room(RoomId(1), 2, Timestamp(150)).await.unwrap());
    assert_eq!(acquire(8, 149, 200, false).await, None, "renewed by another");
    assert_eq!(acquire(8, 150, 200, false).await, Some(3), "expired");
    assert!(!store.renew_room(RoomId(1), 2, Timestamp(999)).await.unwrap(), "renewed by the old owner");
    assert_eq!(acquire(9, 160, 300, true).await, Some(4), "forced");
    let nowhere = store.acquire_room(RoomId(404), 7, Timestamp(0), Timestamp(1), true).await.unwrap();
    assert_eq!(nowhere, None);
}

async fn of_many_who_want_a_room_one_gets_it(world: &World) {
    let stores = [world.open().await, world.open().await];
    let host = join(&stores[0], 1, "ada").await;
    stores[0].create_room(room(1, host), &[row(1)]).await.unwrap();
    for round in 0..20u64 {
        let (now, until) = (Timestamp(round * 10), Timestamp(round * 10 + 10));
        let together = Arc::new(Barrier::new(4));
        let mut callers = JoinSet::new();
        for caller in 0..4u64 {
            let (store, together) = (stores[(caller % 2) as usize].clone(), together.clone());
            callers.spawn(async move {
                together.wait().await;
                // A process id of its own in each round, so that no lease is one's own.
                store.acquire_room(RoomId(1), (round * 4 + caller) as u128, now, until, false).await.unwrap()
            });
        }
        let got: Vec<u64> = callers.join_all().await.into_iter().flatten().collect();
        assert_eq!(got, [round + 1]);
    }
}

async fn writes_of_an_old_epoch_change_nothing(world: &World) {
    let store = world.open().await;
    let host = join(&store, 1, "ada").await;
    store.create_room(room(1, host), &[row(1)]).await.unwrap();
    let old = own(&store, 1).await;
    let new = own(&store, 1).await;
    assert!(new > old);
    for epoch in [old, new + 1, 0] {
        let refused = [
            store.append(RoomId(1), epoch, &[row(2)]).await,
            store.save_snapshot(RoomId(1), epoch, 1, "stale").await,
            store.end_room(RoomId(1), epoch, Timestamp(9), &[row(2)]).await,
        ];
        assert!(refused.iter().all(|answer| matches!(answer, Err(AppendError::Fenced))), "{epoch}: {refused:?}");
    }
    let untouched = StoredRoom { snapshot: None, tail: vec![row(1)], ended_at: None };
    assert_eq!(loaded(&store, 1).await, untouched);
    refused!(store.append(RoomId(404), 0, &[row(1)]).await => AppendError::Fenced);
    store.append(RoomId(1), new, &[row(2)]).await.unwrap();
}

async fn what_was_acknowledged_is_there_without_closing(world: &World) {
    let store = world.open().await;
    let host = join(&store, 1, "ada").await;
    store.set_setting("name", "Roomtone").await.unwrap();
    store.create_room(room(1, host), &[row(1)]).await.unwrap();
    let epoch = own(&store, 1).await;
    store.append(RoomId(1), epoch, &[row(2)]).await.unwrap();
    let before = loaded(&store, 1).await;
    drop(store);
    let store = world.open().await;
    assert_eq!(store.setting("name").await.unwrap().as_deref(), Some("Roomtone"));
    assert_eq!(store.member(host).await.unwrap().unwrap().person, person(1, "ada"));
    assert_eq!(loaded(&store, 1).await, before);
    store.append(RoomId(1), epoch, &[row(3)]).await.unwrap();
}

async fn many_may_open_a_new_database_at_once(world: &World) {
    for round in 0..10u64 {
        let new = Arc::new(world.another(round).await);
        let together = Arc::new(Barrier::new(6));
        let mut callers = JoinSet::new();
        for caller in 0..6u64 {
            let (new, together) = (new.clone(), together.clone());
            callers.spawn(async move {
                together.wait().await;
                new.open().await.create_invite(invite(hash(caller))).await.unwrap();
            });
        }
        callers.join_all().await;
        let store = new.open().await;
        for caller in 0..6 {
            assert!(store.invite(&hash(caller), Timestamp(0)).await.unwrap().is_some());
        }
    }
}

async fn numbers_too_large_are_refused(world: &World) {
    let store = world.open().await;
    let host = join(&store, 1, "ada").await;
    let late = NewRoom { opened_at: Timestamp(u64::MAX), ..room(1, host) };
    refused!(store.create_room(late, &[]).await => StoreError::OutOfRange(u64::MAX));
    assert_eq!(store.live_rooms().await.unwrap(), []);
}

async fn a_closed_store_says_so(world: &World) {
    let store = world.open().await;
    store.close().await;
    refused!(store.setting("name").await => StoreError::Closed);
    refused!(store.set_setting("name", "x").await => StoreError::Closed);
}

// What follows is about the embedded database's folder and process only.

#[tokio::test]
async fn the_folder_is_closed_to_others() {
    let world = World::sqlite("folder_modes");
    let store = world.open().await;
    let _lock = DataLock::take(world.folder()).unwrap();
    store.set_setting("name", "Roomtone").await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(world.folder()), 0o700);
    for entry in std::fs::read_dir(world.folder()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    assert!(world.folder().join(DATABASE_FILE).exists());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_an_error() {
    let world = World::sqlite("no_folder");
    world.open().await.close().await;
    let inside_a_file = world.folder().join(DATABASE_FILE).join("data");
    refused!(Store::open(&inside_a_file).await => StoreError::Folder { .. });
    refused!(DataLock::take(&inside_a_file) => StoreError::Folder { .. });
}

#[tokio::test]
async fn one_process_serves_and_others_may_still_open() {
    let world = World::sqlite("data_lock");
    let lock = DataLock::take(world.folder()).unwrap();
    refused!(DataLock::take(world.folder()) => StoreError::InUse { .. });
    world.open().await.create_invite(invite(hash(1))).await.unwrap();
    drop(lock);
    DataLock::take(world.folder()).unwrap();
}

#[tokio::test]
async fn one_process_serves_from_a_postgres_database() {
    let world = World::postgres("serve_alone").await;
    let (first, second) = (world.open().await, world.open().await);
    first.serve_alone().await.unwrap();
    refused!(second.serve_alone().await => StoreError::Served);
    second.create_invite(invite(hash(1))).await.unwrap();
    first.close().await;
    // The database learns of it when the connection closes, which is not waited for.
    while let Err(error) = second.serve_alone().await {
        assert!(matches!(error, StoreError::Served), "{error}");
    }
}

/// A process writes as fast as it can and says after each answer what was acknowledged; it is killed with SIGKILL in
/// the middle. The test runs itself as that process.
#[tokio::test]
async fn kill_nine_loses_nothing_acknowledged() {
    const FOLDER: &str = "ROOMTONE_STORE_TEST_KILLED_FOLDER";
    if let Some(folder) = std::env::var_os(FOLDER) {
        write_until_killed(Path::new(&folder)).await;
    }
    let world = World::sqlite("kill_nine");
    let store = world.open().await;
    let host = join(&store, 1, "ada").await;
    store.create_room(room(1, host), &[row(1)]).await.unwrap();
    store.close().await;
    let mut acknowledged = 1;
    for round in 1..=3u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill_nine_loses_nothing_acknowledged", "--nocapture"])
            .env(FOLDER, world.folder())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        for seq in lines.filter_map(|line| line.strip_prefix("acknowledged ").map(|seq| seq.parse::<u64>().unwrap())) {
            acknowledged = seq;
            if seq >= round * 40 {
                child.kill().unwrap();
            }
        }
        assert!(!child.wait().unwrap().success());
        let store = world.open().await;
        let tail = loaded(&store, 1).await.tail;
        assert!(tail.len() as u64 >= acknowledged, "{} of {acknowledged}", tail.len());
        // Batches of two: none is there by half.
        assert!(tail.len() % 2 == 1 && tail.iter().zip(1..).all(|(found, seq)| *found == row(seq)));
    }
}

/// The killed process of [`kill_nine_loses_nothing_acknowledged`].
#[expect(clippy::print_stdout, reason = "the test that kills it reads along")]
async fn write_until_killed(folder: &Path) -> ! {
    let _lock = DataLock::take(folder).unwrap();
    let store = Store::open(folder).await.unwrap();
    let mut next = loaded(&store, 1).await.tail.len() as u64 + 1;
    let forced = store.acquire_room(RoomId(1), u128::from(next), Timestamp(0), Timestamp(1_000), true).await;
    let epoch = forced.unwrap().unwrap();
    loop {
        store.append(RoomId(1), epoch, &[row(next), row(next + 1)]).await.unwrap();
        next += 2;
        println!("acknowledged {}", next - 1);
    }
}
