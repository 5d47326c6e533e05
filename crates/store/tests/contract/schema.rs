//! Both databases have the same tables: the same columns with the same meaning, and the same keys, references and
//! indexes. What may differ is what the databases call a type.

use std::collections::{BTreeMap, BTreeSet};

use roomtone_store::DATABASE_FILE;
use roomtone_store::fill::{Size, fill};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool, Row, SqliteConnection, SqlitePool};

use crate::support::World;

/// A table: its columns, and whatever keeps them right.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    /// Name, type and whether it may be NULL.
    columns: BTreeSet<(String, String, bool)>,
    primary_key: Vec<String>,
    /// Columns, whether they are unique, and whether only some rows are in it.
    indexes: BTreeSet<(Vec<String>, bool, bool)>,
    /// Columns, the table they refer to, and what happens when that row goes.
    references: BTreeSet<(String, String, String)>,
    checks: usize,
}

#[tokio::test]
async fn both_databases_have_the_same_tables() {
    let (sqlite, postgres) = (World::sqlite("schema"), World::postgres("schema").await);
    sqlite.open().await.close().await;
    postgres.open().await.close().await;
    let (sqlite, postgres) = (sqlite_tables(&sqlite).await, postgres_tables(&postgres).await);
    assert!(sqlite.len() > 30, "{:?}", sqlite.keys());
    assert_eq!(sqlite.keys().collect::<Vec<_>>(), postgres.keys().collect::<Vec<_>>());
    for (name, table) in &sqlite {
        assert_eq!(table, &postgres[name], "{name}: SQLite on the left, Postgres on the right");
    }
}

/// Also after the tables were filled for a benchmark, which takes this index away meanwhile.
#[tokio::test]
async fn followers_are_read_in_the_order_of_an_index() {
    let world = World::sqlite("follows");
    let store = world.open().await;
    let index = (["followed", "since", "follower"].map(str::to_owned).to_vec(), false, false);
    assert!(sqlite_tables(&world).await["follows"].indexes.contains(&index));
    fill(&store, Size { members: 20, edges: 200, houses: 1 }).await.unwrap();
    let filled = &sqlite_tables(&world).await["follows"].indexes;
    assert!(filled.contains(&index), "{filled:?}");
    store.close().await;
}

/// Members from before there were skeletons have theirs when the database has been opened; of two who look alike, one.
#[tokio::test]
async fn handles_from_before_get_what_they_look_like() {
    const OLD: [(u8, &str); 5] = [(1, "paypal"), (2, "paypa1"), (3, "room"), (4, "ten0"), (5, "ada")];
    for world in [World::sqlite("skeletons"), World::postgres("skeletons").await] {
        // More than are done at a time.
        let many: Vec<_> = (0..1_100).map(|number: u32| format!("crowd{number}")).collect();
        let old = OLD.iter().map(|(id, handle)| (u128::from(*id), (*handle).to_owned()));
        let all: Vec<_> =
            old.chain((100..).zip(many)).map(|(id, handle)| (id.to_be_bytes().to_vec(), handle)).collect();
        let of_each = [
            "INSERT INTO members (id, handle, name, language, owner, created_at) VALUES ($1, $2, 'N', 'en', FALSE, 0)",
            "INSERT INTO sessions (hash, member, label, created_at)
             SELECT id || id, id, handle, 0 FROM members WHERE id = $1 AND handle = $2",
            "INSERT INTO invites (hash, owner, sponsor, created_at, used_by, used_at)
             SELECT id || id, FALSE, id, 0, id, 1 FROM members WHERE id = $1 AND handle = $2",
            "INSERT INTO follows (follower, followed, since)
             SELECT id, $1, 0 FROM members WHERE handle = 'paypal' AND handle <> $2",
        ];
        match &world {
            World::Folder(folder) => {
                std::fs::create_dir_all(folder).unwrap();
                let file = SqliteConnectOptions::new().filename(folder.join(DATABASE_FILE)).create_if_missing(true);
                let pool = SqlitePool::connect_with(file.synchronous(SqliteSynchronous::Off)).await.unwrap();
                migrations("sqlite").await.run_to(1, &pool).await.unwrap();
                // Joining two blobs makes a text of them there.
                let of_each = of_each.map(|insert| insert.replace("id || id", "CAST(id || id AS BLOB)"));
                for (id, handle) in &all {
                    for insert in &of_each {
                        let query = sqlx::query(sqlx::AssertSqlSafe(insert.as_str()));
                        query.bind(id).bind(handle).execute(&pool).await.unwrap();
                    }
                }
                pool.close().await;
            }
            World::Address(url) => {
                let pool = PgPool::connect(url).await.unwrap();
                migrations("postgres").await.run_to(1, &pool).await.unwrap();
                for (id, handle) in &all {
                    for insert in of_each {
                        sqlx::query(insert).bind(id).bind(handle).execute(&pool).await.unwrap();
                    }
                }
                pool.close().await;
            }
        }
        // The second time there is nothing left to do.
        for _ in 0..2 {
            let store = world.open().await;
            store.close().await;
        }
        let store = world.open().await;
        assert_eq!(store.setting("skeletons_pending").await.unwrap(), None);
        // Whatever looks like one of them is taken, and nothing else is.
        let looks = ["paypal", "paypa1", "rn", "roorn", "teno", "ten0", "ada", "crowdo", "crowd0", "crowdlo", "grace"];
        let mut taken = Vec::new();
        for (number, look) in (1..).zip(looks) {
            let hash = crate::support::hash(number);
            let waiting = roomtone_store::NewWaiting {
                hash,
                id: roomtone_room::ids::RecordId(number.into()),
                handle: format!("x{number}"),
                skeleton: roomtone_store::skeleton(look),
                ..crate::invites::waiting(number, look)
            };
            if store.wait(&waiting).await.is_err() {
                taken.push(look);
            }
        }
        assert_eq!(taken, ["paypal", "paypa1", "roorn", "teno", "ten0", "ada", "crowdo", "crowd0", "crowdlo"]);
        store.close().await;
    }
}

async fn migrations(folder: &str) -> Migrator {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
    Migrator::new(folder).await.unwrap()
}

#[test]
fn both_folders_hold_the_same_migrations() {
    let names = |folder: &str| -> BTreeSet<String> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

async fn sqlite_tables(world: &World) -> BTreeMap<String, Table> {
    let file = world.folder().join(DATABASE_FILE);
    let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    let mut tables = BTreeMap::new();
    let all = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'
               AND name NOT LIKE 'sqlite%'";
    for row in sqlx::query(all).fetch_all(&mut connection).await.unwrap() {
        let (name, sql): (String, String) = (row.get(0), row.get(1));
        let mut table = Table { checks: sql.matches("CHECK (").count(), ..Table::default() };
        let mut key = BTreeMap::new();
        for column in pragma(&mut connection, "table_info", &name).await {
            let column_name: String = column.get("name");
            let kind = match column.get::<&str, _>("type") {
                "BLOB" => "bytes",
                "TEXT" => "text",
                "BIGINT" => "number",
                "BOOLEAN" => "truth",
                other => panic!("{name}.{column_name} is a {other}"),
            };
            if column.get::<i64, _>("pk") > 0 {
                key.insert(column.get::<i64, _>("pk"), column_name.clone());
            }
            table.columns.insert((column_name, kind.to_owned(), column.get::<i64, _>("notnull") == 0));
        }
        table.primary_key = key.into_values().collect();
        for index in pragma(&mut connection, "index_list", &name).await {
            if index.get::<&str, _>("origin") == "pk" {
                continue;
            }
            let columns = pragma(&mut connection, "index_info", index.get("name")).await;
            let columns = columns.iter().map(|column| column.get("name")).collect();
            table.indexes.insert((columns, index.get::<i64, _>("unique") > 0, index.get::<i64, _>("partial") > 0));
        }
        for reference in pragma(&mut connection, "foreign_key_list", &name).await {
            let (from, to): (String, String) = (reference.get("from"), reference.get("table"));
            table.references.insert((from, to, reference.get::<&str, _>("on_delete").to_owned()));
        }
        tables.insert(name, table);
    }
    connection.close().await.unwrap();
    tables
}

async fn pragma(connection: &mut SqliteConnection, pragma: &str, of: &str) -> Vec<sqlx::sqlite::SqliteRow> {
    let text = format!("SELECT * FROM pragma_{pragma}($1)");
    sqlx::query(AssertSqlSafe(text)).bind(of.to_owned()).fetch_all(connection).await.unwrap()
}

async fn postgres_tables(world: &World) -> BTreeMap<String, Table> {
    let World::Address(url) = world else { panic!("not Postgres") };
    let mut connection = PgConnection::connect(url).await.unwrap();
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    let columns = "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES' AS nullable
                   FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'";
    for row in sqlx::query(columns).fetch_all(&mut connection).await.unwrap() {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        let kind = match row.get::<&str, _>(2) {
            "bytea" => "bytes",
            "text" => "text",
            "bigint" => "number",
            "boolean" => "truth",
            other => panic!("{table}.{column} is a {other}"),
        };
        tables.entry(table).or_default().columns.insert((column, kind.to_owned(), row.get(3)));
    }
    let indexes = "SELECT t.relname::text, i.indisprimary, i.indisunique, i.indpred IS NOT NULL,
                          ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k(number, place)
                                JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number ORDER BY k.place)
                   FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
                   WHERE n.nspname = 'public' AND t.relname NOT LIKE '\\_sqlx%'";
    for row in sqlx::query(indexes).fetch_all(&mut connection).await.unwrap() {
        let table = tables.get_mut(row.get::<&str, _>(0)).unwrap();
        let columns: Vec<String> = row.get(4);
        if row.get(1) {
            table.primary_key = columns;
        } else {
            table.indexes.insert((columns, row.get(2), row.get(3)));
        }
    }
    let constraints = "SELECT t.relname::text, c.contype::text, f.relname::text, c.confdeltype::text,
                              ARRAY(SELECT a.attname::text FROM pg_attribute a
                                    WHERE a.attrelid = t.oid AND a.attnum = ANY (c.conkey))
                       FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
                       JOIN pg_namespace n ON n.oid = t.relnamespace LEFT JOIN pg_class f ON f.oid = c.confrelid
                       WHERE n.nspname = 'public' AND t.relname NOT LIKE '\\_sqlx%'";
    for row in sqlx::query(constraints).fetch_all(&mut connection).await.unwrap() {
        let table = tables.get_mut(row.get::<&str, _>(0)).unwrap();
        let columns: Vec<String> = row.get(4);
        match row.get::<&str, _>(1) {
            "f" => {
                let gone = match row.get::<&str, _>(3) {
                    "a" => "NO ACTION",
                    "c" => "CASCADE",
                    "n" => "SET NULL",
                    other => panic!("{columns:?}: {other}"),
                };
                // Column by column, as SQLite lists those of several.
                table.references.extend(columns.into_iter().map(|column| (column, row.get(2), gone.to_owned())));
            }
            "c" => table.checks += 1,
            _ => {}
        }
    }
    connection.close().await.unwrap();
    tables
}
