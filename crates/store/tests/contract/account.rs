//! Deleting an account: nothing of it is left, byte for byte, and nobody else loses anything.

mod everything;

use futures_util::TryStreamExt;
use roomtone_room::ids::{AvatarId, HouseId, MemberId, RecordId, RoomId};
use roomtone_store::{
    AuditEntry, BranchAct, DeleteError, ExportPart, ExportRow, LogRow, NewAvatar, NewInvite, NewMember, NewNotice,
    NewReport, NewRoom, NewSession, ProfileChange, Rewrite, Store, Ways,
};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::support::{World, contract, hash, invite, join, own, redeem, refused, session_hash};
use everything::{ADA, Marks, at, dump, house, somebody_with_everything};

contract!(
    nothing_is_left_of_a_deleted_account,
    others_keep_what_is_theirs,
    the_owner_stays,
    who_is_deleted_is_gone_for_those_who_come_late,
    an_export_holds_what_was_written,
    an_export_names_nobody_who_may_not_be_known,
    deletions_follows_blocks_and_indexing_get_on_with_each_other,
    whoever_is_coming_in_is_given_to_another_sponsor,
);

/// Columns that hold no words of a member's: words of this program, digests, and what the operator chose.
const NO_WORDS: &[(&str, &str)] = &[
    ("replays", "language"),
    ("replay_marks", "kind"),
    ("acts", "kind"),
    ("audit_log", "act"),
    ("audit_log", "details"),
    ("events", "planned"),
    ("events", "time_zone"),
    ("invitation_steps", "kind"),
    ("invitation_steps", "times"),
    ("invitation_steps", "voice"),
    ("invitations", "state"),
    ("invitations", "turn"),
    ("members", "time_zone"),
    ("notification_choices", "kind"),
    ("notifications", "kind"),
    ("office_acts", "kind"),
    ("office_grants", "ending"),
    ("proofs", "method"),
    ("reports", "reason"),
    ("sheets", "audience"),
    // Letter sequences of words, which the words themselves would show.
    ("search_parts", "part"),
    ("settings", "key"),
    ("settings", "value"),
    ("sign_in_links", "purpose"),
];

/// The owner, a sponsor and a friend.
async fn three(store: &Store) -> [MemberId; 3] {
    assert!(store.replace_owner_invite(hash(1), at(0)).await.unwrap());
    let owner = redeem(store, hash(1), 0, 1, "owner").await.unwrap().person.id;
    store.create_invite(NewInvite { sponsor: Some(owner), ..invite(hash(2)) }).await.unwrap();
    let sponsor = redeem(store, hash(2), 0, 2, "sponsor").await.unwrap().person.id;
    [owner, sponsor, join(store, 3, "friend").await]
}

/// What a server writes in place of texts with her words.
fn rewritten() -> ([Rewrite; 1], [Rewrite; 1]) {
    let rewrite = |seq, body: String| [Rewrite { room: RoomId(2), seq, body }];
    (rewrite(2, "asks".to_owned()), rewrite(1, format!("state with {ADA}")))
}

async fn nothing_is_left_of_a_deleted_account(world: &World) {
    let store = world.open().await;
    let marks = Marks::new();
    let [owner, sponsor, friend] = three(&store).await;
    somebody_with_everything(&store, &marks, owner, sponsor, friend).await;
    let before = dump(world).await;
    // Every column that takes words was tried. Digests, ids and keys are bytes and have none.
    for ((table, column), values) in &before {
        let is_text = !values.is_empty() || !matches!(world, World::Folder(_));
        let words = NO_WORDS.contains(&(table.as_str(), column.as_str()));
        let bytes = ["id", "hash", "member", "claim", "followed", "follower"].contains(&column.as_str());
        let tried = marks.all().iter().any(|mark| values.contains(mark));
        if is_text && !words && !bytes && is_words(world, table, column).await {
            assert!(tried, "{table}.{column} takes words, and the test writes none there");
        }
    }
    let (log, snapshots) = rewritten();
    store.delete_account(ADA, &log, &snapshots).await.unwrap();
    assert!(store.has_to_forget().await.unwrap());
    assert_eq!(store.forget_deleted(0).await.unwrap(), !matches!(world, World::Folder(_)), "too large for now");
    assert!(store.forget_deleted(u64::MAX).await.unwrap());
    assert!(!store.has_to_forget().await.unwrap());
    for ((table, column), values) in dump(world).await {
        for mark in marks.all() {
            assert!(!values.contains(&mark), "{mark} is left in {table}.{column}");
        }
    }
    if let World::Folder(folder) = world {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            for mark in marks.all() {
                let found = bytes.windows(mark.len()).any(|window| window == mark.as_bytes());
                assert!(!found, "{mark} is left in {}", path.display());
            }
            if path.extension().is_some_and(|extension| extension == "db-wal") {
                assert!(bytes.is_empty(), "the write-ahead log is not empty");
            }
        }
    }
}

/// Whether a column holds texts.
async fn is_words(world: &World, table: &str, column: &str) -> bool {
    match world {
        World::Folder(folder) => {
            let file = folder.join(roomtone_store::DATABASE_FILE);
            let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
            let kind: String = sqlx::query_scalar("SELECT type FROM pragma_table_info($1) WHERE name = $2")
                .bind(table)
                .bind(column)
                .fetch_one(&mut connection)
                .await
                .unwrap();
            connection.close().await.unwrap();
            kind == "TEXT"
        }
        // The same columns, and a test compares them.
        World::Address(_) => false,
    }
}

async fn others_keep_what_is_theirs(world: &World) {
    let store = world.open().await;
    let marks = Marks::new();
    let [owner, sponsor, friend] = three(&store).await;
    somebody_with_everything(&store, &marks, owner, sponsor, friend).await;
    let (log, snapshots) = rewritten();
    store.delete_account(ADA, &log, &snapshots).await.unwrap();
    assert_eq!(store.member(ADA).await.unwrap(), None);
    assert_eq!(store.signed_in(&session_hash(0xada)).await.unwrap(), None);
    // The counts are right again, and nobody is left blocked by nobody.
    for (handle, followers) in [("friend", 0), ("owner", 0)] {
        assert_eq!(store.profile(sponsor, handle).await.unwrap().unwrap().followers, followers, "{handle}");
    }
    assert!(store.blocked_with(sponsor).await.unwrap().is_empty());
    // Whom she let in has the sponsor of her sponsor; who let her in has spent that invite.
    let guest = store.member_by_handle("guest").await.unwrap().unwrap();
    assert_eq!(guest.sponsor.map(|sponsor| sponsor.id), Some(sponsor));
    assert_eq!(store.invites_left(sponsor, 5, at(20)).await.unwrap().unwrap().left, Some(4));
    refused!(redeem(&store, hash(500), 20, 800, "again").await => roomtone_store::RedeemError::NotFound);
    refused!(redeem(&store, hash(504), 20, 800, "again").await => roomtone_store::RedeemError::NotFound);
    // The house of others stays, hers does not.
    assert_eq!(store.house(HouseId(2), friend).await.unwrap().unwrap().members, 1);
    assert_eq!(store.house(HouseId(1), friend).await.unwrap(), None);
    // So does their room, with its numbers.
    let room = store.load_room(RoomId(2)).await.unwrap().unwrap();
    assert_eq!(room.snapshot, Some((1, format!("state with {ADA}"))));
    assert_eq!(
        room.tail.iter().map(|row| (row.seq, row.member, row.body.as_str())).collect::<Vec<_>>(),
        [(2, None, "asks")]
    );
    assert_eq!(store.load_room(RoomId(1)).await.unwrap(), None);
    // Reports of others, and hers without her words; the one about her is gone.
    let reports = store.reports(false, None, 10).await.unwrap();
    let mut left: Vec<_> = reports.iter().map(|r| (r.id.0, r.reporter.is_some(), r.text.as_str())).collect();
    left.sort();
    let others = [(9, true, "bad"), (11, true, "kept"), (13, true, "kept"), (14, true, "kept"), (15, true, "kept")];
    assert_eq!(left, [[(8, false, "")].as_slice(), &others].concat());
    assert_eq!(reports.iter().map(|report| report.room_host.clone()).collect::<Vec<_>>(), vec![None; 6]);
    assert_eq!(store.suspensions(None).await.unwrap().len(), 1, "who was suspended stays so");
    // Nobody finds her, and the handle is free.
    refused!(store.delete_account(ADA, &[], &[]).await => DeleteError::Missing);
}

async fn the_owner_stays(world: &World) {
    let store = world.open().await;
    let [owner, sponsor, _] = three(&store).await;
    refused!(store.delete_account(owner, &[], &[]).await => DeleteError::Owner);
    assert!(store.member(owner).await.unwrap().is_some());
    assert!(store.signed_in(&session_hash(1)).await.unwrap().is_some());
    let entry = AuditEntry {
        id: RecordId(1),
        at: at(1),
        actor: owner,
        act: "owner",
        about: Some(sponsor),
        details: String::new(),
    };
    assert!(store.hand_over(sponsor, &entry).await.unwrap());
    store.delete_account(owner, &[], &[]).await.unwrap();
    assert_eq!(store.member(owner).await.unwrap(), None);
    let sponsor = store.member(sponsor).await.unwrap().unwrap();
    assert!(sponsor.owner && sponsor.sponsor.is_none());
}

/// What was under way when the account went, and comes after it.
async fn who_is_deleted_is_gone_for_those_who_come_late(world: &World) {
    let store = world.open().await;
    let [owner, _, friend] = three(&store).await;
    let gone = join(&store, 4, "gone").await;
    let room = NewRoom { id: RoomId(5), opened_at: at(1), title: "Kitchen".to_owned(), host: friend, house: None };
    store.create_room(room, &[]).await.unwrap();
    let epoch = own(&store, 5).await;
    store.delete_account(gone, &[], &[]).await.unwrap();
    // An event of theirs does not keep the room from going on.
    let row = LogRow { seq: 1, at: at(2), member: Some(gone), command: None, body: "leaves".to_owned() };
    store.append(RoomId(5), epoch, &[row]).await.unwrap();
    assert_eq!(store.load_room(RoomId(5)).await.unwrap().unwrap().tail[0].member, None);
    assert!(!store.block(owner, gone, at(3)).await.unwrap());
    assert!(!store.set_avatar(gone, NewAvatar { id: AvatarId(1), small: vec![1], large: vec![1] }).await.unwrap());
    store.record_days(&[(gone, 1), (friend, 1)], at(4)).await.unwrap();
    let notice = |member, actor| NewNotice {
        id: RecordId(1),
        member,
        kind: "test",
        actor,
        subject: None,
        body: String::new(),
        at: at(5),
        defaults: Ways { inbox: true, push: true, mail: true },
        away: true,
    };
    let kept = store.add_notices(&[notice(gone, None)], at(0)).await.unwrap();
    assert!(kept.is_empty());
    assert!(store.add_notices(&[notice(friend, Some(gone))], at(0)).await.unwrap().is_empty());
}

/// The rows of one part of an export.
async fn export(store: &Store, member: MemberId, name: &str) -> Vec<ExportRow> {
    rows_of(store, member, Store::export_parts().find(|part| part.name == name).unwrap()).await
}

async fn rows_of(store: &Store, member: MemberId, part: ExportPart) -> Vec<ExportRow> {
    store.export_rows(member, part).unwrap().try_collect().await.unwrap()
}

/// Who has a block with somebody, or is suspended, is nobody in that one's export: their name of today least of all.
async fn an_export_names_nobody_who_may_not_be_known(world: &World) {
    let store = world.open().await;
    let [owner, _, friend] = three(&store).await;
    let hidden =
        [join(&store, 10, "blocks").await, join(&store, 11, "is_blocked").await, join(&store, 12, "gone").await];
    let house = house(1, "tea".to_owned(), "Tea".to_owned(), String::new());
    store.create_house(&house, friend, at(1)).await.unwrap();
    for (number, them) in (100..).zip(hidden) {
        store.follow(friend, them, None, at(1)).await.unwrap();
        store.follow(them, friend, None, at(1)).await.unwrap();
        store.nominate(HouseId(1), friend, them, RecordId(number.into()), "", at(1)).await.unwrap();
        let handle = format!("guest{number}");
        store.create_invite(NewInvite { sponsor: Some(friend), ..invite(hash(number)) }).await.unwrap();
        let guest = redeem(&store, hash(number), 0, 1_000 + number, &handle).await.unwrap().person.id;
        if them == hidden[0] {
            store.block(guest, friend, at(2)).await.unwrap();
        }
        let notice = NewNotice {
            id: RecordId(number.into()),
            member: friend,
            kind: "test",
            actor: Some(them),
            subject: None,
            body: String::new(),
            at: at(1),
            defaults: Ways { inbox: true, push: true, mail: true },
            away: true,
        };
        store.add_notices(&[notice], at(0)).await.unwrap();
        store.mute(friend, them, at(1)).await.unwrap();
        let report = NewReport {
            id: RecordId(number.into()),
            reporter: friend,
            about: Some(them),
            room: None,
            room_host: None,
            house: None,
            reason: "other".to_owned(),
            text: String::new(),
            context: "{}".to_owned(),
            created_at: at(1),
        };
        assert!(store.create_report(report).await.unwrap());
    }
    let names = ["following", "followers", "muted", "nominations_made", "invites", "notices", "reports", "blocked"];
    let count = async |handle: &str| {
        let mut count = 0;
        for name in names {
            count += format!("{:?}", export(&store, friend, name).await).matches(handle).count();
        }
        count
    };
    for handle in ["blocks", "is_blocked", "gone"] {
        assert_eq!(count(&format!("\"{handle}\"")).await, 6, "{handle}");
    }
    store.block(hidden[0], friend, at(2)).await.unwrap();
    store.block(friend, hidden[1], at(2)).await.unwrap();
    let suspension = BranchAct { id: RecordId(9), member: hidden[2], branch: false, author: owner, at: at(3) };
    store.suspend(&suspension, "").await.unwrap();
    assert_eq!(count("\"blocks\"").await, 0);
    assert_eq!(count("\"gone\"").await, 0);
    assert_eq!(count("\"is_blocked\"").await, 1, "whom she has blocked she knows");
    assert_eq!((count("\"guest100\"").await, count("\"guest101\"").await), (0, 1));
    // The rows themselves stay.
    assert_eq!(export(&store, friend, "muted").await.len(), 3);
    assert_eq!(export(&store, friend, "following").await.len(), 1);
    // An admin knows whom they have suspended; who is one no more does not.
    let suspended = async |admin| format!("{:?}", export(&store, admin, "suspended_as_admin").await);
    assert!(suspended(owner).await.contains("\"gone\""));
    let entry =
        AuditEntry { id: RecordId(1), at: at(4), actor: owner, act: "owner", about: None, details: String::new() };
    assert!(store.hand_over(friend, &entry).await.unwrap());
    assert!(suspended(owner).await.contains("\"gone\""), "still an admin");
    assert!(store.set_admin(owner, false, &AuditEntry { id: RecordId(2), actor: friend, ..entry }).await.unwrap());
    assert!(!suspended(owner).await.contains("gone"));
}

/// Everything that takes locks of several members at once, at once: nothing is given up, and the counts are right at the end.
async fn deletions_follows_blocks_and_indexing_get_on_with_each_other(world: &World) {
    const MEMBERS: u64 = 24;
    let stores = [world.open().await, world.open().await];
    let sponsor = join(&stores[0], 1, "sponsor").await;
    let mut ids = Vec::new();
    for id in 10..10 + MEMBERS {
        // Each has let the next one in, so that tree and follows cross.
        let by = ids.last().copied().unwrap_or(sponsor);
        stores[0].create_invite(NewInvite { sponsor: Some(by), ..invite(hash(id)) }).await.unwrap();
        // High ids and low ones by turns, so that no order of work is the order of the ids.
        let scattered = id * 7_919 % 1_009;
        ids.push(redeem(&stores[0], hash(id), 0, 10_000 + scattered, &format!("m{id}")).await.unwrap().person.id);
    }
    for (number, &one) in ids.iter().enumerate() {
        for step in 1..12 {
            stores[0].follow(one, ids[(number + step) % ids.len()], None, at(1)).await.unwrap();
        }
        let text = house(number as u128, format!("house{number}"), "House".to_owned(), String::new());
        stores[0].create_house(&text, one, at(1)).await.unwrap();
        stores[0].join_house(HouseId((number as u128 + 1) % 4), one, at(1)).await.unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    let (leaving, staying) = ids.split_at(ids.len() / 2);
    for (number, &going) in leaving.iter().enumerate() {
        let store = stores[number % 2].clone();
        tasks.spawn(async move { store.delete_account(going, &[], &[]).await.unwrap() });
    }
    for (number, &one) in staying.iter().enumerate() {
        let (store, ids) = (stores[number % 2].clone(), ids.clone());
        tasks.spawn(async move {
            for (step, &other) in ids.iter().enumerate().filter(|(_, other)| **other != one) {
                match (number + step) % 3 {
                    0 => drop(store.follow(one, other, None, at(2)).await.unwrap()),
                    1 => drop(store.unfollow(one, other).await.unwrap()),
                    _ => drop(store.block(one, other, at(2)).await.unwrap()),
                }
                store.join_house(HouseId(step as u128), one, at(2)).await.unwrap();
            }
        });
    }
    let indexer = stores[0].clone();
    tasks.spawn(async move {
        for _ in 0..40 {
            indexer.index_next().await.unwrap();
        }
    });
    // A panic of one is a panic here.
    tasks.join_all().await;
    for &one in staying {
        let member = stores[0].admin_member(one).await.unwrap().unwrap();
        assert!(member.sponsor.is_some(), "{}", member.person.handle);
        let profile = stores[0].profile(one, &member.person.handle).await.unwrap().unwrap();
        let listed = stores[0].followers_page(one, one, None, 100).await.unwrap().len() as u64;
        assert_eq!(profile.followers, listed, "{}", member.person.handle);
    }
}

async fn an_export_holds_what_was_written(world: &World) {
    let store = world.open().await;
    let marks = Marks::new();
    let [owner, sponsor, friend] = three(&store).await;
    somebody_with_everything(&store, &marks, owner, sponsor, friend).await;
    let mut exported = String::new();
    for part in Store::export_parts() {
        let rows = rows_of(&store, ADA, part).await;
        assert!(!rows.is_empty(), "{}: {} is empty", part.file, part.name);
        exported.push_str(&format!("{rows:?}"));
    }
    let dump = dump(world).await;
    let held = |table: &str, column: &str| {
        let values = &dump[&(table.to_owned(), column.to_owned())];
        marks.all().into_iter().filter(|mark| values.contains(mark)).collect::<Vec<_>>()
    };
    for (table, column) in [
        ("members", "handle"),
        ("members", "name"),
        ("members", "bio"),
        ("members", "topics"),
        ("members", "languages"),
        ("members", "language"),
        ("member_links", "url"),
        ("mail_addresses", "address"),
        ("passkeys", "name"),
        ("sessions", "label"),
        ("push_subscriptions", "endpoint"),
        ("invites", "note"),
        ("nominations", "note"),
        ("houses", "name"),
        ("rooms", "title"),
        ("events", "title"),
        ("events", "about"),
        ("events", "language"),
        ("events", "topics"),
        ("events", "reason"),
        ("replays", "title"),
        ("replay_tracks", "name"),
        ("replay_chapters", "title"),
        ("replay_links", "note"),
        ("replay_marks", "body"),
        ("clips", "title"),
        ("replay_replies", "text"),
        ("invitations", "topics"),
        ("invitations", "invitee_name"),
        ("invitations", "invitee_about"),
        ("invitations", "invitee_domain"),
        ("invitation_texts", "title"),
        ("invitation_texts", "body"),
        ("invitation_steps", "text"),
        ("sheets", "topics"),
        ("sheets", "languages"),
        ("sheets", "others"),
        ("sheets", "notes"),
        ("questions", "text"),
        ("replies", "text"),
        ("replies", "contact"),
        ("office_grants", "title"),
        ("office_acts", "note"),
        ("proofs", "domain"),
        ("proofs", "token"),
    ] {
        let written = held(table, column);
        assert!(!written.is_empty());
        for mark in written {
            assert!(exported.contains(&mark), "{table}.{column} is not handed over: {mark}");
        }
    }
    assert!(exported.contains(&held("sign_in_links", "address")[0]));
    assert_eq!(export(&store, MemberId(404), "account").await, Vec::<ExportRow>::new());
    // Page by page, her events and the snapshots that name her.
    let events = store.own_events(ADA, None).await.unwrap();
    assert_eq!(events.iter().map(|event| (event.room.0, event.seq)).collect::<Vec<_>>(), [(1, 2), (2, 2)]);
    assert_eq!(store.own_events(ADA, Some((RoomId(1), 2))).await.unwrap().len(), 1);
    let first = store.next_snapshot_with(ADA, None).await.unwrap().unwrap();
    let second = store.next_snapshot_with(ADA, Some(first.room)).await.unwrap().unwrap();
    assert_eq!((first.room, second.room), (RoomId(1), RoomId(2)));
    assert_eq!(store.next_snapshot_with(ADA, Some(second.room)).await.unwrap(), None);
    assert_eq!(store.next_snapshot_with(friend, None).await.unwrap(), None);
    // Her own, and that of her event, which a friend opened.
    assert_eq!(store.live_rooms_of(ADA).await.unwrap(), [RoomId(1), RoomId(50)]);
    store.end_sessions(ADA).await.unwrap();
    assert_eq!(store.signed_in(&session_hash(0xada)).await.unwrap(), None);
}

/// Members come, change and go, so that pages of the database split and fill up: whatever is moved about on them must not leave
/// a copy behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_where_pages_were_split() {
    const MEMBERS: u64 = 1_200;
    let world = World::sqlite("split_pages");
    let store = world.open().await;
    let invites: Vec<_> = (0..MEMBERS).map(|number| invite(hash(number))).collect();
    store.create_invites(&invites).await.unwrap();
    // In an order in which each comes between others.
    let order: Vec<u64> = (0..MEMBERS).map(|number| number * 7_919 % MEMBERS).collect();
    let mark = |id: u64, what: &str| format!("qz{id}{what}x");
    for &id in &order {
        let (handle, name) = (mark(id, "handle"), mark(id, "name"));
        let member =
            NewMember { id: MemberId(id.into()), skeleton: handle.clone(), handle, name, language: "en".into() };
        let session = NewSession { hash: session_hash(id), label: mark(id, "label") };
        store.redeem(&hash(id), at(0), member, session).await.unwrap();
        let change = ProfileChange {
            bio: Some(mark(id, "bio").repeat(1 + id as usize % 40)),
            links: Some(vec![mark(id, "link"), mark(id, "link").repeat(5)]),
            handle: Some((mark(id, "second"), mark(id, "second"))),
            ..ProfileChange::default()
        };
        store.change_profile(MemberId(id.into()), change, at(1)).await.unwrap();
        if id % 100 == 0 {
            while store.index_next().await.unwrap() > 0 {}
        }
    }
    while store.index_next().await.unwrap() > 0 {}
    let deleted: Vec<u64> = order.iter().copied().filter(|id| id % 5 == 0).collect();
    for &id in &deleted {
        store.delete_account(MemberId(id.into()), &[], &[]).await.unwrap();
    }
    assert!(store.forget_deleted(u64::MAX).await.unwrap());
    let mut left = Vec::new();
    for file in std::fs::read_dir(world.folder()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for begin in bytes.windows(2).enumerate().filter(|(_, pair)| pair == b"qz").map(|(begin, _)| begin + 2) {
            let digits: String = bytes[begin..].iter().take_while(|b| b.is_ascii_digit()).map(|&b| b as char).collect();
            // Of those who stay, whose names are followed by letters of ours.
            let what: String = bytes[begin + digits.len()..].iter().take(8).map(|&byte| byte as char).collect();
            let whole =
                ["handlex", "namex", "labelx", "biox", "linkx", "secondx"].iter().any(|mark| what.starts_with(mark));
            if whole && digits.parse::<u64>().is_ok_and(|id| id % 5 == 0) {
                left.push(format!("qz{digits}{what}"));
            }
        }
    }
    assert!(left.is_empty(), "{} are left of {}: {:?}", left.len(), deleted.len(), &left[..left.len().min(20)]);
}

async fn whoever_is_coming_in_is_given_to_another_sponsor(world: &World) {
    let store = world.open().await;
    let ada = join(&store, 1, "ada").await;
    for number in 10..30 {
        let sponsor = Some(ada);
        store.create_invite(NewInvite { sponsor, ..invite(hash(number)) }).await.unwrap();
        let ben = redeem(&store, hash(number), 0, number, &format!("ben{number}")).await.unwrap().person.id;
        let code = hash(1_000 + number);
        store.create_invite(NewInvite { sponsor: Some(ben), ..invite(code) }).await.unwrap();
        let coming = store.clone();
        let came = tokio::spawn(async move { redeem(&coming, code, 0, 1_000 + number, &format!("eve{number}")).await });
        store.delete_account(ben, &[], &[]).await.unwrap();
        if came.await.unwrap().is_ok() {
            let eve = store.admin_member(MemberId((1_000 + number).into())).await.unwrap().unwrap();
            assert_eq!(eve.sponsor.unwrap().id, ada, "{number}");
        }
    }
}
