//! A member who has used everything that there is, with a mark in each text of theirs; and all texts of a database.

use std::collections::BTreeMap;

use roomtone_room::ids::{AvatarId, HouseId, MemberId, RecordId, RoomId, Timestamp};
use roomtone_store::{
    ActGuest, AuditEntry, BranchAct, Changes, GuestMade, HouseAct, HouseText, LogRow, MemberInvite, NewAct, NewAvatar,
    NewGuest, NewHouse, NewMember, NewNotice, NewPasskey, NewReport, NewRoom, NewSession, NewWaiting, ProfileChange,
    QuietHours, Store, Subscription, Ways,
};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row};

use crate::support::{World, act, hash, join, own, redeem, session_hash};

/// Marks everything that a member can write. A mark is lower-case letters and digits, as a handle or a folded word is.
pub(super) struct Marks {
    made: std::cell::RefCell<Vec<String>>,
}

impl Marks {
    pub(super) fn new() -> Self {
        Self { made: Vec::new().into() }
    }

    pub(super) fn mark(&self) -> String {
        let mut made = self.made.borrow_mut();
        let number = made.len();
        made.push(format!("qzxmark{number}x"));
        made.last().unwrap().clone()
    }

    pub(super) fn all(&self) -> Vec<String> {
        self.made.borrow().clone()
    }
}

pub(super) const ADA: MemberId = MemberId(0xada);

pub(super) fn at(time: u64) -> Timestamp {
    Timestamp(time)
}

/// An open house that says this of itself.
pub(super) fn house(id: u128, handle: String, name: String, about: String) -> NewHouse {
    let text =
        HouseText { name, about, rules: String::new(), language: "en".to_owned(), private: false, nominated: false };
    NewHouse { id: HouseId(id), skeleton: handle.clone(), handle, text }
}

/// A member who came from the waiting list by the invite of `sponsor` and has used everything that there is.
pub(super) async fn somebody_with_everything(
    store: &Store,
    marks: &Marks,
    owner: MemberId,
    sponsor: MemberId,
    friend: MemberId,
) {
    let mark = || marks.mark();
    let secret = hash(500);
    let (handle, skeleton) = (mark(), mark());
    let waiting = NewWaiting {
        hash: secret,
        id: RecordId(500),
        handle: handle.clone(),
        skeleton: skeleton.clone(),
        name: mark(),
        note: mark(),
        language: "en".to_owned(),
        created_at: at(1),
        expires_at: at(1_000_000),
    };
    store.wait(&waiting).await.unwrap();
    store.wave(sponsor, &handle, 5, at(2), at(1_000_000)).await.unwrap();
    let member = NewMember { id: ADA, handle, skeleton, name: mark(), language: mark() };
    let session = NewSession { hash: session_hash(0xada), label: mark() };
    store.redeem(&secret, at(3), member, session).await.unwrap();

    let change = ProfileChange {
        name: Some(format!("{} {}", mark(), mark())),
        handle: Some((mark(), mark())),
        language: Some(mark()),
        bio: Some(mark()),
        links: Some(vec![mark(), mark()]),
        topics: Some(vec![mark(), mark()]),
        languages: Some(vec![mark()]),
        ..ProfileChange::default()
    };
    store.change_profile(ADA, change, at(4)).await.unwrap();
    let quiet = QuietHours { time_zone: "Europe/Berlin".to_owned(), minutes: Some((60, 120)) };
    let ways = Ways { inbox: true, push: false, mail: false };
    store.choose_notices(ADA, &[("followed", ways)], &quiet).await.unwrap();
    let avatar = NewAvatar { id: AvatarId(1), small: mark().into_bytes(), large: mark().into_bytes() };
    assert!(store.set_avatar(ADA, avatar).await.unwrap());
    let passkey = NewPasskey { id: RecordId(1), credential_id: mark().into_bytes(), credential: mark(), name: mark() };
    store.add_passkey(&session_hash(0xada), passkey, at(5)).await.unwrap();
    assert!(store.begin_ceremony(&hash(501), Some(ADA), &mark(), at(1_000_000)).await.unwrap());
    assert!(store.replace_recovery_codes(&session_hash(0xada), &[hash(502)]).await.unwrap());
    for link in [hash(503), hash(506)] {
        assert!(store.ask_to_confirm(&session_hash(0xada), &link, &mark(), at(1_000_000)).await.unwrap());
        if link == hash(503) {
            let unused = NewSession { hash: hash(507), label: String::new() };
            store.use_link(&link, Some(ADA), at(5), &unused).await.unwrap();
        }
    }
    let subscription =
        Subscription { id: RecordId(2), endpoint: mark(), p256dh: mark().into_bytes(), auth: mark().into_bytes() };
    store.subscribe(ADA, &session_hash(0xada), &subscription, at(6)).await.unwrap().unwrap();
    store.record_days(&[(ADA, 1), (ADA, 2)], at(7)).await.unwrap();

    for (one, other) in [(ADA, friend), (friend, ADA), (ADA, owner)] {
        store.follow(one, other, None, at(8)).await.unwrap();
    }
    assert!(store.mute(ADA, owner, at(8)).await.unwrap());
    assert!(store.block(ADA, sponsor, at(8)).await.unwrap());
    let invite = MemberInvite {
        id: RecordId(3),
        hash: hash(504),
        sponsor: ADA,
        note: mark(),
        created_at: at(9),
        expires_at: at(1_000_000),
    };
    assert!(store.create_member_invite(&invite, 5).await.unwrap());
    let used = MemberInvite { id: RecordId(4), hash: hash(505), note: mark(), ..invite };
    assert!(store.create_member_invite(&used, 5).await.unwrap());
    redeem(store, hash(505), 10, 600, "guest").await.unwrap();

    // A house in which nobody else is, and one in which others are.
    for (number, of_ada) in [(1, true), (2, false)] {
        let word = |other: &str| if of_ada { mark() } else { format!("{other}{number}") };
        let text = HouseText {
            name: word("name"),
            about: word("about"),
            rules: word("rules"),
            language: word("en"),
            private: false,
            nominated: false,
        };
        let house = NewHouse { id: HouseId(number), handle: word("house"), skeleton: word("house"), text };
        store.create_house(&house, if of_ada { ADA } else { friend }, at(11)).await.unwrap();
    }
    store.join_house(HouseId(2), ADA, at(12)).await.unwrap();
    store.nominate(HouseId(2), ADA, owner, RecordId(5), &mark(), at(13)).await.unwrap();
    // And one that she may join.
    let text = HouseText {
        name: "name".to_owned(),
        about: String::new(),
        rules: String::new(),
        language: "en".to_owned(),
        private: true,
        nominated: true,
    };
    let third = NewHouse { id: HouseId(3), handle: "third".to_owned(), skeleton: "third".to_owned(), text };
    store.create_house(&third, friend, at(13)).await.unwrap();
    store.nominate(HouseId(3), friend, ADA, RecordId(12), "", at(13)).await.unwrap();
    let notice = |id, member, actor, body: String| NewNotice {
        id: RecordId(id),
        member,
        kind: "test",
        actor: Some(actor),
        subject: Some(77),
        body,
        at: at(14),
        defaults: Ways { inbox: true, push: true, mail: true },
        away: true,
    };
    store.add_notices(&[notice(6, ADA, friend, mark()), notice(7, friend, ADA, mark())], at(0)).await.unwrap();

    // A room of hers, and one of the friend's in which she asked something.
    let event = |seq, member, body: String| LogRow { seq, at: at(15), member, command: None, body };
    for (number, host) in [(1, ADA), (2, friend)] {
        let title = if host == ADA { mark() } else { "A room of the friend's".to_owned() };
        let room = NewRoom { id: RoomId(number), opened_at: at(15), title: title.clone(), host, house: None };
        let rows = [event(1, Some(host), title), event(2, Some(ADA), format!("asks {}", mark()))];
        store.create_room(room, &rows).await.unwrap();
        let epoch = own(store, number).await;
        let state = format!("state with {ADA}, who asks {}", mark());
        store.save_snapshot(RoomId(number), epoch, 1, &state).await.unwrap();
        crate::replays::replay_of_ada(store, &mark, number, epoch, host, ADA).await;
        if host == friend {
            what_was_done_there(store, marks, epoch, friend).await;
        }
    }
    let report = |id, reporter, room: Option<RoomId>, text: String, context: String| NewReport {
        id: RecordId(id),
        reporter,
        about: Some(owner),
        room,
        room_host: None,
        house: None,
        reason: "abuse".to_owned(),
        text,
        context,
        created_at: at(16),
    };
    assert!(store.create_report(report(8, ADA, None, mark(), mark())).await.unwrap());
    // Somebody else's report of her room knows its title.
    assert!(store.create_report(report(9, friend, Some(RoomId(1)), "bad".to_owned(), mark())).await.unwrap());
    // One of a room that was handed to her, and one of a house of hers that is no more.
    let in_hers = NewReport { room_host: Some(ADA), ..report(13, friend, None, "kept".to_owned(), "{}".to_owned()) };
    assert!(store.create_report(in_hers).await.unwrap());
    let ended = house(4, mark(), mark(), mark());
    store.create_house(&ended, ADA, at(16)).await.unwrap();
    let of_house = NewReport { house: Some(HouseId(4)), ..report(14, friend, None, "kept".to_owned(), mark()) };
    assert!(store.create_report(of_house).await.unwrap());
    assert!(store.delete_house(HouseId(4), &HouseAct { reason: mark(), ..act(ADA) }).await.unwrap());
    assert_eq!(store.report(RecordId(14)).await.unwrap().unwrap().house, None);
    // And one of a house that ends with her account.
    let of_last = NewReport { house: Some(HouseId(1)), ..report(15, friend, None, "kept".to_owned(), mark()) };
    assert!(store.create_report(of_last).await.unwrap());
    let about_her = NewReport { about: Some(ADA), ..report(10, friend, None, mark(), mark()) };
    assert!(store.create_report(about_her).await.unwrap());

    // What she did as an admin.
    let entry = |id: u128, actor, act| AuditEntry {
        id: RecordId(id),
        at: at(17),
        actor,
        act,
        about: Some(ADA),
        details: "count=1".to_owned(),
    };
    assert!(store.set_admin(ADA, true, &entry(20, owner, "admin")).await.unwrap());
    assert!(store.create_report(report(11, friend, None, "kept".to_owned(), "{}".to_owned())).await.unwrap());
    assert!(store.handle_report(RecordId(11), &mark(), &entry(21, ADA, "report")).await.unwrap());
    // Her answer to the report, as she wrote it, and somebody else's to the one about her.
    for (id, of) in [(23, 11), (24, 10)] {
        let told =
            NewNotice { kind: "report_handled", actor: None, subject: Some(of), ..notice(id, friend, owner, mark()) };
        assert_eq!(store.add_notices(&[told], at(0)).await.unwrap().len(), 1);
    }
    crate::invitations::invitations_of_ada(store, &mark, ADA, friend).await;
    crate::events::events_of_ada(store, &mark, ADA, friend).await;
    crate::offices::office_of_ada(store, &mark, ADA, owner).await;
    let suspended = join(store, 700, "suspended").await;
    let act = BranchAct { id: RecordId(22), member: suspended, branch: false, author: ADA, at: at(18) };
    store.suspend(&act, &mark()).await.unwrap();
    while store.index_next().await.unwrap() > 0 {}
}

/// What she did and what was done to her in the friend's room, whose epoch this is, with appeals and their answers.
async fn what_was_done_there(store: &Store, marks: &Marks, epoch: u64, friend: MemberId) {
    let mark = || marks.mark();
    let did = |id, by, whom| NewAct { reason: Some(mark()), ..crate::acts::act(id, "banned", by, Some(whom)) };
    let guest = ActGuest { id: MemberId(900), name: mark(), voucher: ADA };
    let guest = NewAct { guest: Some(guest), ..crate::acts::act(903, "guest_ended", friend, None) };
    let acts =
        [did(901, ADA, friend), did(902, friend, ADA), guest, crate::acts::act(904, "muted", friend, Some(friend))];
    store.append(RoomId(2), epoch, Changes { acts: &acts, leader: Some(ADA), ..Changes::default() }).await.unwrap();
    store.appeal(RecordId(902), ADA, &crate::acts::appeal(910, 1_000, &mark()), &["banned"]).await.unwrap();
    store.appeal(RecordId(904), friend, &crate::acts::appeal(911, 1_000, "Why?"), &["muted"]).await.unwrap();
    let answer = mark();
    store.decide_appeal(RecordId(911), (ADA, true), (false, &answer), at(1_100)).await.unwrap();
    assert!(store.hide_room(ADA, RoomId(2)).await.unwrap());
    let link = NewGuest {
        id: MemberId(901),
        room: RoomId(2),
        voucher: ADA,
        code: hash(520),
        name: mark(),
        context: Some(mark()),
        created_at: at(1_100),
        expires_at: at(1_000_000),
    };
    assert!(matches!(store.create_guest(&link, 10).await.unwrap(), GuestMade::Made));
}

/// Every table's texts and bytes, as one text for each column.
pub(super) async fn dump(world: &World) -> BTreeMap<(String, String), String> {
    let mut columns = BTreeMap::new();
    match world {
        World::Folder(folder) => {
            let file = folder.join(roomtone_store::DATABASE_FILE);
            let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
            let list = "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
                        WHERE t.type = 'table' AND c.type IN ('TEXT', 'BLOB') AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'";
            for row in sqlx::query(list).fetch_all(&mut connection).await.unwrap() {
                let (table, column): (String, String) = (row.get(0), row.get(1));
                let text =
                    format!("SELECT CAST(CAST({column} AS BLOB) AS TEXT) FROM {table} WHERE {column} IS NOT NULL");
                let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(&mut connection).await.unwrap();
                let values =
                    rows.iter().map(|row| String::from_utf8_lossy(row.get_unchecked::<&[u8], _>(0)).into_owned());
                columns.insert((table, column), values.collect::<Vec<_>>().join("\n"));
            }
            connection.close().await.unwrap();
        }
        World::Address(url) => {
            let mut connection = PgConnection::connect(url).await.unwrap();
            let list = "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns
                        WHERE table_schema = 'public' AND data_type IN ('text', 'bytea') AND table_name NOT LIKE '\\_sqlx%'";
            for row in sqlx::query(list).fetch_all(&mut connection).await.unwrap() {
                let (table, column, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
                let value = if kind == "text" { column.clone() } else { format!("encode({column}, 'escape')") };
                let text = format!("SELECT {value} FROM {table} WHERE {column} IS NOT NULL");
                let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(&mut connection).await.unwrap();
                let values: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
                columns.insert((table, column), values.join("\n"));
            }
            connection.close().await.unwrap();
        }
    }
    columns
}
