//! Databases to try things on, and short ways to fill them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use roomtone_room::ids::{MemberId, RecordId, RoomId, Timestamp};
use roomtone_store::{
    Hash, HouseAct, LogRow, NewInvite, NewMember, NewRoom, NewSession, Person, RedeemError, Store, StoredRoom,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Asserts that a call gave this error.
macro_rules! refused {
    ($call:expr => $error:pat) => {{
        let answer = $call;
        assert!(matches!(answer, Err($error)), "{answer:?}");
    }};
}
pub(crate) use refused;

/// Makes one test of each case for each kind of database.
macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(&$crate::support::World::sqlite(stringify!($name))).await;
                }
            )*
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let world = $crate::support::World::postgres(stringify!($name)).await;
                    super::$name(&world).await;
                    world.drop_database().await;
                }
            )*
        }
    };
}
pub(crate) use contract;

/// Where the tests find a Postgres server in which they may make databases.
const POSTGRES: &str = "ROOMTONE_TEST_POSTGRES";

/// An empty database of its own for each case.
pub(crate) enum World {
    /// A folder for SQLite, removed at the end.
    Folder(PathBuf),
    /// The address of a Postgres database, which goes when its case has passed, or with its server.
    Address(String),
}

impl World {
    pub(crate) fn sqlite(case: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("store-{}-{case}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Self::Folder(folder)
    }

    pub(crate) async fn postgres(case: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var(POSTGRES).unwrap_or_else(|_| {
            panic!(
                "{case} needs Postgres: {POSTGRES} is not set. `scripts/postgres.sh cargo test` starts one and sets it"
            )
        });
        let name = format!("case_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&server).await.unwrap();
        // In the language of the machine, as a database that somebody made without a thought: nothing may depend on it.
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let (base, options) = server.split_once('?').unwrap_or((&server, ""));
        let base = base.rsplit_once('/').unwrap().0;
        Self::Address(format!("{base}/{name}?{options}"))
    }

    /// Takes a Postgres database away, whoever still uses it: hundreds of them would fill a small disk.
    pub(crate) async fn drop_database(&self) {
        let Self::Address(address) = self else { return };
        let path = address.split('?').next().unwrap();
        let name = path.rsplit_once('/').unwrap().1;
        let mut connection = PgConnection::connect(&std::env::var(POSTGRES).unwrap()).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }

    pub(crate) async fn open(&self) -> Store {
        match self {
            Self::Folder(folder) => Store::open(folder).await.unwrap(),
            Self::Address(url) => Store::connect(url).await.unwrap(),
        }
    }

    /// A further empty database of the same kind.
    pub(crate) async fn another(&self, number: u64) -> Self {
        match self {
            Self::Folder(folder) => Self::Folder(folder.join(number.to_string())),
            Self::Address(_) => Self::postgres("another").await,
        }
    }

    /// The folder of a SQLite world.
    pub(crate) fn folder(&self) -> &Path {
        match self {
            Self::Folder(folder) => folder,
            Self::Address(url) => panic!("{url} has no folder"),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Self::Folder(folder) = self {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

pub(crate) fn hash(number: u64) -> Hash {
    let mut hash = [0x5a; 32];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    hash
}

/// The digest of the session that [`redeem`] makes for member `id`.
pub(crate) fn session_hash(id: u64) -> Hash {
    hash(1_000_000 + id)
}

pub(crate) fn invite(hash: Hash) -> NewInvite {
    NewInvite { hash, owner: false, sponsor: None, created_at: Timestamp(0), expires_at: None }
}

pub(crate) fn person(id: u128, handle: &str) -> Person {
    Person { id: MemberId(id), handle: handle.to_owned(), name: handle.to_uppercase(), avatar: None }
}

pub(crate) async fn redeem(
    store: &Store,
    code: Hash,
    now: u64,
    id: u64,
    handle: &str,
) -> Result<roomtone_store::Member, RedeemError> {
    let Person { id: member, handle, name, .. } = person(id.into(), handle);
    let skeleton = handle.clone();
    let member = NewMember { id: member, handle, skeleton, name, language: "en".to_owned() };
    let session = NewSession { hash: session_hash(id), label: "browser".to_owned() };
    store.redeem(&code, Timestamp(now), member, session).await.map(|redeemed| redeemed.member)
}

/// Makes an ordinary member with an invite of its own, `hash(id)`.
pub(crate) async fn join(store: &Store, id: u64, handle: &str) -> MemberId {
    store.create_invite(invite(hash(id))).await.unwrap();
    redeem(store, hash(id), 0, id, handle).await.unwrap().person.id
}

/// What an admin of a house does there, at 2.
pub(crate) fn act(by: MemberId) -> HouseAct {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let id = RecordId((1 << 64) + u128::from(NEXT.fetch_add(1, Ordering::Relaxed)));
    HouseAct { id, by, at: Timestamp(2), reason: String::new() }
}

pub(crate) fn room(id: u128, host: MemberId) -> NewRoom {
    NewRoom { id: RoomId(id), opened_at: Timestamp(0), title: "Kitchen table".to_owned(), host, house: None }
}

pub(crate) fn row(seq: u64) -> LogRow {
    LogRow { seq, at: Timestamp(1_000 + seq), member: None, command: None, body: format!("event {seq}, \"ж\"") }
}

pub(crate) async fn own(store: &Store, id: u128) -> u64 {
    store.acquire_room(RoomId(id), 42, Timestamp(0), Timestamp(100), false).await.unwrap().unwrap()
}

pub(crate) async fn loaded(store: &Store, id: u128) -> StoredRoom {
    store.load_room(RoomId(id)).await.unwrap().unwrap()
}
