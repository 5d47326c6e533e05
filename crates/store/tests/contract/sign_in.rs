//! Passkeys, recovery codes, mail addresses, links and sessions.

use std::collections::HashSet;
use std::sync::Arc;

use roomtone_room::ids::{MemberId, RecordId, Timestamp};
use roomtone_store::{
    BranchAct, CEREMONIES_MAX, DATABASE_FILE, Hash, LinkUsed, MailAddress, MailRemoved, NewPasskey, NewSession,
    NewToken, PASSKEYS_MAX, PasskeyAdded, PasskeyKey, PasskeyRemoved, RecoveryLink, SESSIONS_MAX, SignIn, Store,
    StoreError, TOKENS_MAX,
};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{World, contract, hash, join, redeem, refused, session_hash};

contract!(
    a_ceremony_is_taken_once,
    passkeys_are_kept_named_and_removed,
    whoever_is_suspended_while_signing_in_has_no_session,
    the_last_way_in_stays,
    of_two_last_ways_in_one_stays,
    a_passkey_signs_in_as_it_was_read,
    a_recovery_code_signs_in_once,
    new_recovery_codes_replace_all,
    an_address_counts_once_it_is_confirmed,
    a_link_signs_in_once,
    links_die_with_the_address,
    recovery_links_are_for_the_owner_or_whoever_is_named,
    sessions_are_listed_and_ended,
    sessions_make_room_and_tokens_do_not,
    what_has_expired_is_deleted,
    whoever_begins_without_end_keeps_nobody_out,
    nobody_who_signs_in_waits_for_who_waits_for_them,
);

const LATER: Timestamp = Timestamp(10_000);

fn session(number: u64) -> NewSession {
    NewSession { hash: hash(number), label: "browser".to_owned() }
}

fn passkey(number: u64) -> NewPasskey {
    NewPasskey {
        id: RecordId(number.into()),
        credential_id: vec![number as u8; 20],
        credential: format!("credential {number}"),
        name: format!("Key {number}"),
    }
}

async fn key(store: &Store, member: MemberId, number: u64) -> PasskeyKey {
    store.passkey_key(member, &[number as u8; 20]).await.unwrap().unwrap()
}

/// Carries out many calls at the same moment.
async fn together<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: u64,
    call: impl Fn(u64) -> F,
) -> Vec<T> {
    let barrier = Arc::new(Barrier::new(count as usize));
    let mut calls = JoinSet::new();
    for number in 0..count {
        let (call, barrier) = (call(number), barrier.clone());
        calls.spawn(async move {
            barrier.wait().await;
            call.await
        });
    }
    calls.join_all().await
}

/// Suspends somebody; there must be no owner yet.
async fn suspend(store: &Store, member: MemberId) {
    store.replace_owner_invite(hash(800), Timestamp(0)).await.unwrap();
    let author = redeem(store, hash(800), 0, 800, "owner").await.unwrap().person.id;
    let act = BranchAct { id: RecordId(1), member, branch: false, author, at: Timestamp(1) };
    assert_eq!(store.suspend(&act, "spam").await.unwrap(), [member]);
}

async fn a_ceremony_is_taken_once(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    assert!(store.begin_ceremony(&hash(10), Some(ada), "making", Timestamp(100)).await.unwrap());
    assert!(store.begin_ceremony(&hash(11), None, "signing in", Timestamp(100)).await.unwrap());
    refused!(store.begin_ceremony(&hash(11), None, "again", Timestamp(100)).await => StoreError::Conflict(_));
    refused!(store.begin_ceremony(&hash(12), Some(MemberId(404)), "x", Timestamp(1)).await => StoreError::Conflict(_));

    let making = store.take_ceremony(&hash(10), Timestamp(99)).await.unwrap().unwrap();
    assert_eq!((making.member, making.state.as_str()), (Some(ada), "making"));
    assert_eq!(store.take_ceremony(&hash(10), Timestamp(99)).await.unwrap(), None);
    // The first millisecond in which it no longer counts; it is gone all the same.
    assert_eq!(store.take_ceremony(&hash(11), Timestamp(100)).await.unwrap(), None);
    assert_eq!(store.take_ceremony(&hash(11), Timestamp(0)).await.unwrap(), None);

    for round in 0..20 {
        let secret = hash(100 + round);
        store.begin_ceremony(&secret, None, "signing in", LATER).await.unwrap();
        let taken = together(8, |_| {
            let store = store.clone();
            async move { store.take_ceremony(&secret, Timestamp(0)).await.unwrap().is_some() }
        });
        assert_eq!(taken.await.into_iter().filter(|taken| *taken).count(), 1);
    }
}

async fn passkeys_are_kept_named_and_removed(world: &World) {
    let store = world.open().await;
    let (ada, ben) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await);
    let add = async |whose: u64, passkey| store.add_passkey(&session_hash(whose), passkey, Timestamp(5)).await.unwrap();
    assert_eq!(add(1, passkey(1)).await, PasskeyAdded::Added);
    assert_eq!(add(1, passkey(2)).await, PasskeyAdded::Added);
    // The same credential, also of somebody else, and a session that is none.
    assert_eq!(add(1, NewPasskey { id: RecordId(9), ..passkey(1) }).await, PasskeyAdded::Known);
    assert_eq!(add(2, NewPasskey { id: RecordId(9), ..passkey(1) }).await, PasskeyAdded::Known);
    assert_eq!(add(404, passkey(3)).await, PasskeyAdded::SignedOut);

    assert!(store.rename_passkey(ada, RecordId(2), "Phone").await.unwrap());
    assert!(!store.rename_passkey(ben, RecordId(2), "Mine").await.unwrap());
    let names: Vec<_> = store.passkeys(ada).await.unwrap().into_iter().map(|key| (key.id.0, key.name)).collect();
    assert_eq!(names, [(1, "Key 1".to_owned()), (2, "Phone".to_owned())]);
    assert_eq!(store.credential_ids(ada).await.unwrap().len(), 2);
    assert_eq!(store.passkey_key(ben, &[1; 20]).await.unwrap(), None);
    assert_eq!(key(&store, ada, 1).await.credential, "credential 1");

    assert_eq!(store.remove_passkey(ben, RecordId(1), true).await.unwrap(), PasskeyRemoved::Missing);
    assert_eq!(store.remove_passkey(ada, RecordId(1), true).await.unwrap(), PasskeyRemoved::Removed);
    assert_eq!(store.remove_passkey(ada, RecordId(1), true).await.unwrap(), PasskeyRemoved::Missing);
    assert_eq!(store.passkey_key(ada, &[1; 20]).await.unwrap(), None);

    // However many come at once, there are no more than allowed.
    let added = together(u64::from(PASSKEYS_MAX) + 5, |number| {
        let store = store.clone();
        async move { store.add_passkey(&session_hash(2), passkey(100 + number), Timestamp(0)).await.unwrap() }
    });
    let added = added.await.into_iter().filter(|added| *added == PasskeyAdded::Added).count();
    assert_eq!(added, PASSKEYS_MAX as usize);
    assert_eq!(add(2, passkey(200)).await, PasskeyAdded::TooMany);
}

async fn whoever_is_suspended_while_signing_in_has_no_session(world: &World) {
    let store = world.open().await;
    store.replace_owner_invite(hash(800), Timestamp(0)).await.unwrap();
    let author = redeem(&store, hash(800), 0, 800, "owner").await.unwrap().person.id;
    let ada = join(&store, 1, "ada").await;
    for round in 0..30 {
        store.recovery_link(&hash(1_000 + round), Some("ada"), LATER).await.unwrap();
        let of = move |which: u128| BranchAct {
            id: RecordId(u128::from(round) * 2 + which),
            member: ada,
            branch: false,
            author,
            at: Timestamp(1),
        };
        let done = together(2, |number| {
            let store = store.clone();
            async move {
                match number {
                    0 => drop(store.suspend(&of(1), "spam").await.unwrap()),
                    _ => drop(store.use_link(&hash(1_000 + round), None, Timestamp(1), &session(2_000 + round)).await),
                }
            }
        });
        done.await;
        for session in [hash(2_000 + round), session_hash(1)] {
            assert_eq!(store.session(&session).await.unwrap(), None, "{round}");
            assert_eq!(store.signed_in(&session).await.unwrap(), None, "{round}");
        }
        // Nor afterwards.
        store.restore(&of(2)).await.unwrap();
        assert!(store.sessions(ada).await.unwrap().is_empty(), "{round}");
    }
}

async fn the_last_way_in_stays(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    let add = async || store.add_passkey(&session_hash(1), passkey(1), Timestamp(0)).await.unwrap();
    let remove = async |mail| store.remove_passkey(ada, RecordId(1), mail).await.unwrap();
    add().await;
    assert_eq!(remove(true).await, PasskeyRemoved::LastWayIn);
    assert_eq!(store.passkeys(ada).await.unwrap().len(), 1);

    // A recovery code is a way in until it is used.
    store.replace_recovery_codes(&session_hash(1), &[hash(50)]).await.unwrap();
    assert_eq!(remove(false).await, PasskeyRemoved::Removed);
    add().await;
    let done = store.sign_in_by_recovery("ada", &hash(50), Timestamp(1), &session(60)).await.unwrap();
    assert!(matches!(done, SignIn::In { .. }));
    assert_eq!(remove(false).await, PasskeyRemoved::LastWayIn);

    // A confirmed address is one where letters are sent.
    confirm(&store, 1, ada, "ada@example.org").await;
    assert_eq!(remove(false).await, PasskeyRemoved::LastWayIn);
    assert_eq!(remove(true).await, PasskeyRemoved::Removed);
    assert_eq!(store.remove_mail_address(ada, true).await.unwrap(), MailRemoved::LastWayIn);
    assert_eq!(store.mail_address(ada, Timestamp(0)).await.unwrap().confirmed.as_deref(), Some("ada@example.org"));
    assert_eq!(store.remove_mail_address(ada, false).await.unwrap(), MailRemoved::Removed);
    assert_eq!(store.remove_mail_address(ada, true).await.unwrap(), MailRemoved::Removed, "there is none");
}

async fn of_two_last_ways_in_one_stays(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    for round in 0..30 {
        for number in [1, 2] {
            store.add_passkey(&session_hash(1), passkey(number), Timestamp(0)).await.unwrap();
        }
        let removed = together(2, |number| {
            let store = store.clone();
            async move { store.remove_passkey(ada, RecordId(u128::from(number) + 1), false).await.unwrap() }
        });
        let removed = removed.await;
        assert!(removed.contains(&PasskeyRemoved::LastWayIn) && removed.contains(&PasskeyRemoved::Removed), "{round}");
        assert_eq!(store.passkeys(ada).await.unwrap().len(), 1);
    }
}

async fn a_passkey_signs_in_as_it_was_read(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    store.add_passkey(&session_hash(1), passkey(1), Timestamp(0)).await.unwrap();
    let read = key(&store, ada, 1).await;
    let done = store.sign_in_by_passkey(&read, "counter 1", Timestamp(7), &session(60)).await.unwrap();
    assert_eq!(done, SignIn::In { member: ada, ended: Vec::new() });
    assert_eq!(store.session(&hash(60)).await.unwrap(), Some(ada));
    assert_eq!(store.passkeys(ada).await.unwrap()[0].used_at, Some(Timestamp(7)));
    // As another signature with the same counter would be.
    assert_eq!(store.sign_in_by_passkey(&read, "counter 1", LATER, &session(61)).await.unwrap(), SignIn::Refused);
    assert!(!store.passkey_used(&read, "counter 1", LATER).await.unwrap());
    let read = key(&store, ada, 1).await;
    assert_eq!(read.credential, "counter 1");
    assert!(store.passkey_used(&read, "counter 2", LATER).await.unwrap());

    let read = key(&store, ada, 1).await;
    suspend(&store, ada).await;
    let done = store.sign_in_by_passkey(&read, "counter 3", LATER, &session(61)).await.unwrap();
    assert_eq!(done, SignIn::Suspended);
    assert_eq!((store.session(&hash(61)).await.unwrap(), key(&store, ada, 1).await), (None, read));
}

async fn a_recovery_code_signs_in_once(world: &World) {
    let store = world.open().await;
    let (ada, ben) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await);
    let codes: Vec<Hash> = (50..60).map(hash).collect();
    assert!(store.replace_recovery_codes(&session_hash(1), &codes).await.unwrap());
    let sign_in =
        async |handle, code, number| store.sign_in_by_recovery(handle, &code, LATER, &session(number)).await.unwrap();
    // Somebody else's, nobody's, and none.
    for (handle, code) in [("ben", codes[0]), ("nobody", codes[0]), ("ada", hash(404))] {
        assert_eq!(sign_in(handle, code, 70).await, SignIn::Refused, "{handle}");
    }
    assert_eq!(store.recovery_codes_left(ada).await.unwrap(), 10);
    assert_eq!(sign_in("ada", codes[0], 70).await, SignIn::In { member: ada, ended: Vec::new() });
    assert_eq!(sign_in("ada", codes[0], 71).await, SignIn::Refused);
    assert_eq!(store.recovery_codes_left(ada).await.unwrap(), 9);
    assert_eq!(store.recovery_codes_left(ben).await.unwrap(), 0);

    let code = codes[1];
    let done = together(16, |number| {
        let store = store.clone();
        async move { store.sign_in_by_recovery("ada", &code, LATER, &session(80 + number)).await.unwrap() }
    });
    assert_eq!(done.await.iter().filter(|done| matches!(done, SignIn::In { .. })).count(), 1);

    suspend(&store, ada).await;
    assert_eq!(sign_in("ada", codes[2], 72).await, SignIn::Suspended);
    assert_eq!(store.recovery_codes_left(ada).await.unwrap(), 8, "not used by that");
}

async fn new_recovery_codes_replace_all(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    assert!(!store.replace_recovery_codes(&hash(404), &[hash(50)]).await.unwrap());
    // However many ask at once, one set is left, whole.
    for round in 0..10 {
        let made = together(4, |number| {
            let store = store.clone();
            let codes: Vec<Hash> = (0..10).map(|code| hash(1_000 * (round * 4 + number + 1) + code)).collect();
            async move { store.replace_recovery_codes(&session_hash(1), &codes).await.unwrap() }
        });
        assert_eq!(made.await, [true; 4]);
        assert_eq!(store.recovery_codes_left(ada).await.unwrap(), 10);
    }
    let done = store.sign_in_by_recovery("ada", &hash(1_000), LATER, &session(60)).await.unwrap();
    assert_eq!(done, SignIn::Refused);
}

/// Makes an address a member's own, by a link.
async fn confirm(store: &Store, whose: u64, member: MemberId, address: &str) {
    let link = hash(900 + whose);
    assert!(store.ask_to_confirm(&session_hash(whose), &link, address, LATER).await.unwrap());
    let used = store.use_link(&link, Some(member), Timestamp(1), &session(0)).await.unwrap();
    assert!(matches!(used, LinkUsed::Confirmed { .. }), "{used:?}");
}

async fn an_address_counts_once_it_is_confirmed(world: &World) {
    let store = world.open().await;
    let (ada, ben) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await);
    let address = async |member| store.mail_address(member, Timestamp(1)).await.unwrap();
    let confirm = async |link, caller| store.use_link(&link, caller, Timestamp(1), &session(60)).await.unwrap();
    assert_eq!(address(ada).await, MailAddress::default());
    assert!(!store.ask_to_confirm(&hash(404), &hash(10), "ada@example.org", LATER).await.unwrap());
    // Two may ask for the same one.
    assert!(store.ask_to_confirm(&session_hash(1), &hash(10), "ada@example.org", LATER).await.unwrap());
    assert!(store.ask_to_confirm(&session_hash(2), &hash(20), "ada@example.org", LATER).await.unwrap());
    assert_eq!(address(ada).await, MailAddress { confirmed: None, pending: Some("ada@example.org".to_owned()) });
    assert_eq!(store.sign_in_link(&hash(30), "ada@example.org", LATER).await.unwrap(), None);

    // Only for whoever asked, which does not spend it.
    for caller in [None, Some(ben)] {
        assert_eq!(confirm(hash(10), caller).await, LinkUsed::NotYours);
    }
    assert_eq!(confirm(hash(10), Some(ada)).await, LinkUsed::Confirmed { former: None });
    assert_eq!(confirm(hash(10), Some(ada)).await, LinkUsed::Over);
    assert_eq!(address(ada).await, MailAddress { confirmed: Some("ada@example.org".to_owned()), pending: None });
    assert_eq!(confirm(hash(20), Some(ben)).await, LinkUsed::AddressTaken);
    assert_eq!(address(ben).await.confirmed, None);
    assert_eq!(store.session(&hash(60)).await.unwrap(), None, "confirming signs nobody in");

    // The former one counts until the next is confirmed. A second request replaces the first.
    store.ask_to_confirm(&session_hash(1), &hash(11), "first@example.org", LATER).await.unwrap();
    store.ask_to_confirm(&session_hash(1), &hash(12), "second@example.org", LATER).await.unwrap();
    assert_eq!(confirm(hash(11), Some(ada)).await, LinkUsed::Over);
    assert_eq!(address(ada).await.confirmed.as_deref(), Some("ada@example.org"));
    let former = Some("ada@example.org".to_owned());
    assert_eq!(confirm(hash(12), Some(ada)).await, LinkUsed::Confirmed { former });
    // Now it is free for the other, whose link still works.
    assert_eq!(confirm(hash(20), Some(ben)).await, LinkUsed::Confirmed { former: None });

    for round in 0..20 {
        let address = format!("both{round}@example.org");
        store.ask_to_confirm(&session_hash(1), &hash(100), &address, LATER).await.unwrap();
        store.ask_to_confirm(&session_hash(2), &hash(200), &address, LATER).await.unwrap();
        let used = together(2, |number| {
            let (store, caller) = (store.clone(), if number == 0 { ada } else { ben });
            let link = hash(100 + 100 * number);
            async move { store.use_link(&link, Some(caller), Timestamp(1), &session(60)).await.unwrap() }
        });
        let used = used.await;
        assert_eq!(used.iter().filter(|used| matches!(used, LinkUsed::Confirmed { .. })).count(), 1, "{used:?}");
        assert!(used.contains(&LinkUsed::AddressTaken));
    }
}

async fn a_link_signs_in_once(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    confirm(&store, 1, ada, "ada@example.org").await;
    assert_eq!(store.sign_in_link(&hash(30), "ada@example.org", Timestamp(100)).await.unwrap().as_deref(), Some("en"));
    assert_eq!(store.sign_in_link(&hash(31), "ben@example.org", Timestamp(100)).await.unwrap(), None);
    let used = together(8, |number| {
        let store = store.clone();
        async move { store.use_link(&hash(30), None, Timestamp(99), &session(60 + number)).await.unwrap() }
    });
    let signed_in = LinkUsed::SignIn(SignIn::In { member: ada, ended: Vec::new() });
    let used = used.await;
    assert_eq!(used.iter().filter(|used| **used == signed_in).count(), 1);
    assert_eq!(used.iter().filter(|used| **used == LinkUsed::Over).count(), 7);

    store.sign_in_link(&hash(32), "ada@example.org", Timestamp(100)).await.unwrap();
    let late = store.use_link(&hash(32), None, Timestamp(100), &session(70)).await.unwrap();
    assert_eq!(late, LinkUsed::Over);
    store.sign_in_link(&hash(33), "ada@example.org", LATER).await.unwrap();
    suspend(&store, ada).await;
    let kept_out = store.use_link(&hash(33), None, Timestamp(1), &session(70)).await.unwrap();
    assert_eq!(kept_out, LinkUsed::SignIn(SignIn::Suspended));
    assert_eq!(store.sign_in_link(&hash(34), "ada@example.org", LATER).await.unwrap(), None);
}

async fn links_die_with_the_address(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    confirm(&store, 1, ada, "ada@example.org").await;
    let use_link = async |link| store.use_link(&link, None, Timestamp(1), &session(60)).await.unwrap();
    store.sign_in_link(&hash(30), "ada@example.org", LATER).await.unwrap();
    confirm(&store, 1, ada, "new@example.org").await;
    assert_eq!(use_link(hash(30)).await, LinkUsed::Over);

    store.add_passkey(&session_hash(1), passkey(1), Timestamp(0)).await.unwrap();
    store.sign_in_link(&hash(31), "new@example.org", LATER).await.unwrap();
    store.ask_to_confirm(&session_hash(1), &hash(32), "other@example.org", LATER).await.unwrap();
    store.recovery_link(&hash(33), Some("ada"), LATER).await.unwrap();
    assert_eq!(store.remove_mail_address(ada, true).await.unwrap(), MailRemoved::Removed);
    assert_eq!(store.mail_address(ada, Timestamp(0)).await.unwrap(), MailAddress::default());
    for link in [hash(31), hash(32)] {
        assert_eq!(use_link(link).await, LinkUsed::Over);
    }
    assert!(matches!(use_link(hash(33)).await, LinkUsed::SignIn(SignIn::In { .. })), "has nothing to do with mail");
}

async fn recovery_links_are_for_the_owner_or_whoever_is_named(world: &World) {
    let store = world.open().await;
    assert_eq!(store.recovery_link(&hash(10), None, LATER).await.unwrap(), RecoveryLink::NoMember);
    store.replace_owner_invite(hash(1), Timestamp(0)).await.unwrap();
    let owner = redeem(&store, hash(1), 0, 1, "ada").await.unwrap().person.id;
    let ben = join(&store, 2, "ben").await;
    assert_eq!(store.recovery_link(&hash(11), None, LATER).await.unwrap(), RecoveryLink::Kept);
    assert_eq!(store.recovery_link(&hash(12), Some("ben"), LATER).await.unwrap(), RecoveryLink::Kept);
    assert_eq!(store.recovery_link(&hash(13), Some("nobody"), LATER).await.unwrap(), RecoveryLink::NoMember);
    for (link, who, number) in [(hash(11), owner, 60), (hash(12), ben, 61)] {
        let used = store.use_link(&link, None, Timestamp(1), &session(number)).await.unwrap();
        assert_eq!(used, LinkUsed::SignIn(SignIn::In { member: who, ended: Vec::new() }));
        assert_eq!(store.session(&hash(number)).await.unwrap(), Some(who));
    }
    let suspend = BranchAct { id: RecordId(1), member: ben, branch: false, author: owner, at: Timestamp(2) };
    store.suspend(&suspend, "spam").await.unwrap();
    assert_eq!(store.recovery_link(&hash(14), Some("ben"), LATER).await.unwrap(), RecoveryLink::Suspended);
    assert_eq!(store.use_link(&hash(14), None, Timestamp(3), &session(62)).await.unwrap(), LinkUsed::Over);
}

async fn sessions_are_listed_and_ended(world: &World) {
    let store = world.open().await;
    let (ada, ben) = (join(&store, 1, "ada").await, join(&store, 2, "ben").await);
    let player = NewSession { hash: hash(60), label: "player".to_owned() };
    assert_eq!(store.create_session(&session_hash(1), player, Timestamp(50)).await.unwrap(), NewToken::Made);
    store.recovery_link(&hash(10), Some("ada"), LATER).await.unwrap();
    store.use_link(&hash(10), None, Timestamp(100), &session(61)).await.unwrap();

    let listed = store.sessions(ada).await.unwrap();
    let shown: Vec<_> = listed.iter().map(|s| (s.hash, s.label.as_str(), s.used_at.0, s.token)).collect();
    let expected =
        [(hash(61), "browser", 100, false), (hash(60), "player", 50, true), (session_hash(1), "browser", 0, false)];
    assert_eq!(shown, expected);
    assert_eq!(listed.iter().map(|s| s.id).collect::<HashSet<_>>().len(), 3);

    store.sessions_used(&[session_hash(1), hash(61), hash(404)], Timestamp(80)).await.unwrap();
    let used: Vec<_> = store.sessions(ada).await.unwrap().iter().map(|s| s.used_at.0).collect();
    assert_eq!(used, [100, 80, 50], "never back");
    store.sessions_used(&[], Timestamp(80)).await.unwrap();

    assert_eq!(store.delete_session_of(ben, listed[0].id).await.unwrap(), None);
    assert_eq!(store.delete_session_of(ada, listed[0].id).await.unwrap(), Some(hash(61)));
    assert_eq!(store.delete_session_of(ada, listed[0].id).await.unwrap(), None);
    assert_eq!(store.delete_other_sessions(ada, &session_hash(1)).await.unwrap(), [hash(60)]);
    assert_eq!(store.sessions(ada).await.unwrap().len(), 1);
    assert_eq!(store.sessions(ben).await.unwrap().len(), 1);
}

async fn sessions_make_room_and_tokens_do_not(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    for number in 0..u64::from(TOKENS_MAX) {
        let token = NewSession { hash: hash(5_000 + number), label: "player".to_owned() };
        assert_eq!(store.create_session(&session_hash(1), token, Timestamp(0)).await.unwrap(), NewToken::Made);
    }
    assert_eq!(store.create_session(&session_hash(1), session(6_000), LATER).await.unwrap(), NewToken::TooMany);
    assert_eq!(store.create_session(&hash(404), session(6_000), LATER).await.unwrap(), NewToken::SignedOut);

    // All in the same millisecond: the one just made is never the one that ends.
    let codes: Vec<Hash> = (0..200).map(hash).collect();
    let mut ended = Vec::new();
    store.replace_recovery_codes(&session_hash(1), &codes[..]).await.unwrap();
    for (number, code) in (7_000..).zip(&codes) {
        match store.sign_in_by_recovery("ada", code, Timestamp(1), &session(number)).await.unwrap() {
            SignIn::In { ended: gone, .. } => ended.extend(gone),
            other => panic!("{other:?}"),
        }
        assert_eq!(store.session(&hash(number)).await.unwrap(), Some(ada));
    }
    assert_eq!(ended[0], session_hash(1), "the one not used for longest");
    assert_eq!(ended.len(), 201 - SESSIONS_MAX as usize);
    let left = store.sessions(ada).await.unwrap();
    assert_eq!(left.len(), (SESSIONS_MAX + TOKENS_MAX) as usize);
    assert!(left.iter().all(|session| !ended.contains(&session.hash)));
}

async fn what_has_expired_is_deleted(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    for (number, end) in [(10, 100), (11, 101)] {
        store.begin_ceremony(&hash(number), Some(ada), "making", Timestamp(end)).await.unwrap();
        store.recovery_link(&hash(number), Some("ada"), Timestamp(end)).await.unwrap();
    }
    store.delete_expired(Timestamp(100)).await.unwrap();
    // Asked as of a time at which all of them counted.
    for (number, there) in [(10, false), (11, true)] {
        assert_eq!(store.take_ceremony(&hash(number), Timestamp(0)).await.unwrap().is_some(), there);
        let used = store.use_link(&hash(number), None, Timestamp(0), &session(60 + number)).await.unwrap();
        assert_eq!(used != LinkUsed::Over, there);
    }
    store.sessions_used(&[session_hash(1)], Timestamp(50)).await.unwrap();
    assert_eq!(store.delete_unused_sessions(Timestamp(50)).await.unwrap(), 1);
    assert_eq!(store.session(&session_hash(1)).await.unwrap(), Some(ada));
    assert_eq!(store.delete_unused_sessions(Timestamp(51)).await.unwrap(), 1);
    assert_eq!(store.session(&session_hash(1)).await.unwrap(), None);
}

/// Puts as many into the table as people may sign in at once, from 1,000 on.
async fn fill_ceremonies(world: &World) {
    let count = i64::from(CEREMONIES_MAX);
    match world {
        World::Folder(folder) => {
            let file = SqliteConnectOptions::new().filename(folder.join(DATABASE_FILE));
            let mut connection = file.connect().await.unwrap();
            let fill = "INSERT INTO ceremonies (hash, member, state, expires_at)
                 WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
                 SELECT randomblob(32), NULL, 'x', 1000 + i FROM n";
            sqlx::query(fill).bind(count).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
        World::Address(url) => {
            let mut connection = PgConnection::connect(url).await.unwrap();
            let fill = "INSERT INTO ceremonies (hash, member, state, expires_at)
                 SELECT sha256(CAST(CAST(i AS TEXT) AS BYTEA)), NULL, 'x', 1000 + i FROM generate_series(1, $1) i";
            sqlx::query(fill).bind(count).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

async fn whoever_begins_without_end_keeps_nobody_out(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    assert!(store.begin_ceremony(&hash(1), None, "the first", Timestamp(1)).await.unwrap());
    assert!(store.begin_ceremony(&hash(2), Some(ada), "a passkey", Timestamp(1)).await.unwrap());
    fill_ceremonies(world).await;
    // Who comes then gets in, and so does a member who makes a passkey; it is the first who begin again.
    assert!(store.begin_ceremony(&hash(3), None, "signing in", Timestamp(90_000)).await.unwrap());
    assert!(store.begin_ceremony(&hash(4), Some(ada), "a passkey", Timestamp(90_000)).await.unwrap());
    for (number, there) in [(1, false), (2, true), (3, true), (4, true)] {
        let taken = store.take_ceremony(&hash(number), Timestamp(0)).await.unwrap();
        assert_eq!(taken.is_some(), there, "{number}");
    }
}

/// In Postgres, two who take the same rows in different orders wait for each other, and one of them fails.
async fn nobody_who_signs_in_waits_for_who_waits_for_them(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    for round in 0..25 {
        let codes: Vec<Hash> = (0..10).map(|number| hash(10_000 + 100 * round + number)).collect();
        store.replace_recovery_codes(&session_hash(1), &codes).await.unwrap();
        store.add_passkey(&session_hash(1), passkey(1), Timestamp(5)).await.unwrap();
        let key = key(&store, ada, 1).await;
        let link = hash(20_000 + round);
        store.recovery_link(&link, Some("ada"), LATER).await.unwrap();
        let calls = together(8, |number| {
            let (store, key, code) = (store.clone(), key.clone(), codes[number as usize]);
            let session = session(30_000 + 10 * round + number);
            async move {
                match number {
                    0 => store.replace_recovery_codes(&session_hash(1), &[hash(40_000 + round)]).await.map(drop),
                    1 => store.remove_passkey(ada, RecordId(1), true).await.map(drop),
                    2 => store.remove_mail_address(ada, true).await.map(drop),
                    3 => store.sign_in_by_passkey(&key, &key.credential, Timestamp(6), &session).await.map(drop),
                    4 => store.use_link(&link, None, Timestamp(6), &session).await.map(drop),
                    _ => store.sign_in_by_recovery("ada", &code, Timestamp(6), &session).await.map(drop),
                }
            }
        });
        for done in calls.await {
            done.unwrap();
        }
    }
}
