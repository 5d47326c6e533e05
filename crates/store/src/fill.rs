//! Fills an empty database with people who know each other, for benchmarks: names and handles as people have them, in
//! English and Russian, a few common and most rare; follows with a long tail in both directions; houses, blocks and mutes.
//! The same size gives the same people every time.
//!
//! It writes rows past the rules that make them one at a time. Nothing of a server calls it.

use std::collections::{BTreeSet, HashSet};

use roomtone_room::ids::{MemberId, Timestamp};
use roomtone_room::search::{fold, latin};

use crate::db::{Database, Transaction, Value, sql};
use crate::error::StoreError;
use crate::open::ROWS_PER_STATEMENT;
use crate::{Hash, Store};

/// Rises when the same size gives other people, or more of what they leave behind.
pub const VERSION: u32 = 2;

/// Fewest and most people that a member follows.
const FOLLOWING: (u64, u64) = (10, 2_000);

/// Rows in one transaction, about. More saves waits for the disk; SQLite's log grows to as much.
const ROWS_PER_TRANSACTION: usize = 200_000;

/// Members taken into the search index in one transaction.
const INDEXED_AT_ONCE: u32 = 2_000;

/// One member in so many has blocked and muted some others.
const ONE_IN_BLOCKS: u64 = 20;

const FIRST_EN: &str = "James Mary Robert Anna John Emma Michael Olivia David Sophia William Ada Richard Grace Joseph Alice \
    Thomas Julia Christopher Alexandra Charles Laura Daniel Maria Matthew Nina Anthony Sarah Mark Hannah Steven Clara \
    Andrew Eva Paul Lily Joshua Ruth Kenneth Zoe Kevin Naomi Brian Fiona George Irene Timothy Esther Ronald Vera Edward \
    Miriam Jason Iris Jeffrey Amber Ryan Joan Jacob Faina Gary Edith Nicholas Leah Eric Carmen";
const LAST_EN: &str = "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Wilson \
    Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis Robinson \
    Walker Young Allen King Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell \
    Carter Roberts Lovelace Hopper Turing Hamilton Lamarr Noether Franklin";
const FIRST_RU: &str = "Александр Анна Дмитрий Мария Максим Елена Сергей Ольга Андрей Наталья Алексей Екатерина Иван \
    Татьяна Михаил Ирина Артём Светлана Никита Юлия Даниил Анастасия Егор Дарья Кирилл Полина Илья Ксения Роман Алёна \
    Владимир Вера Павел Надежда Николай Любовь Константин Фаина Олег Зоя Виктор Людмила Игорь Галина Юрий Марина";
const LAST_RU: &str = "Иванов Смирнов Кузнецов Попов Васильев Петров Соколов Михайлов Новиков Фёдоров Морозов Волков \
    Алексеев Лебедев Семёнов Егоров Павлов Козлов Степанов Николаев Орлов Андреев Макаров Никитин Захаров Зайцев \
    Соловьёв Борисов Яковлев Григорьев Романов Воробьёв Сергеев Кузьмин Фролов Щукин Чернышёв Юдин Раневский";
/// Rare surnames are put together from these.
const SYLLABLES_EN: &str = "al an ber bor cas cor dan del el er fal fen gar gul hal har in is jar kel ker lan lor mar mel nor \
    or pel quin ran rod sal sen tal tor ul van ver wal wen yar zel";
const SYLLABLES_RU: &str = "ба бе ва ве га го да до жа за зи ка ко ла ле ли ма ме ми на не но па по ра ре ро са се си та те \
    то ту фа хо ца ча ша ши";
const TOPICS: &str = "Coffee Code Jazz Чай Кино Chess Poetry Philosophy Шахматы Garden Robots Космос Cooking Bikes Музыка \
    Fiction Sleep Maps Radio Театр";

/// How much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Members.
    pub members: u32,
    /// Follows: at least ten for each member.
    pub edges: u64,
    /// Houses.
    pub houses: u32,
}

/// Somebody in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// Their id.
    pub id: MemberId,
    /// Their handle.
    pub handle: String,
    /// Their name.
    pub name: String,
    /// How many follow them.
    pub followers: u64,
    /// How many they follow.
    pub following: u64,
}

/// A sequence of numbers without pattern (SplitMix64), the same each time.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of this number.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, each as likely.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    /// A number below `end`, the first ones by far the likeliest (Zipf's law).
    pub fn common(&mut self, end: u64) -> u64 {
        let chance = (self.number() >> 11) as f64 / (1u64 << 53) as f64;
        let rank = ((end as f64 + 1.0).powf(chance) - 1.0) as u64;
        rank.min(end.saturating_sub(1))
    }
}

/// Fills an empty database and returns who is in it.
///
/// # Errors
/// What the database reports; [`StoreError::Conflict`] if it is not empty.
pub async fn fill(store: &Store, size: Size) -> Result<Vec<Filled>, StoreError> {
    let mut people = names(size.members);
    let following = follows(&mut people, size.edges);
    insert_members(store, &people).await?;
    insert_follows(store, &people, &following).await?;
    insert_blocks(store, &people, &following).await?;
    insert_houses(store, &people, size.houses).await?;
    while store.index_batch(INDEXED_AT_ONCE).await? > 0 {}
    if let Database::Postgres(_) = &store.database {
        // As its autovacuum does in the background after so many writes.
        store.database.execute(sql("VACUUM ANALYZE")).await?;
    }
    Ok(people)
}

/// Who is in a database that was filled in this size.
pub fn filled(size: Size) -> Vec<Filled> {
    let mut people = names(size.members);
    follows(&mut people, size.edges);
    people
}

/// Makes sessions for members; `now` is when, since old ones do not last.
///
/// # Errors
/// What the database reports.
pub async fn sessions(store: &Store, sessions: &[(MemberId, Hash)], now: Timestamp) -> Result<(), StoreError> {
    let mut tx = store.database.begin().await?;
    let row = |(member, hash): &(MemberId, Hash)| {
        [hash.into(), (*member).into(), "bench".into(), now.into(), hash[..16].into(), now.into()]
    };
    let head = "INSERT INTO sessions (hash, member, label, created_at, id, used_at) ";
    insert(&mut tx, head, sessions.iter().map(row).collect(), "").await?;
    tx.commit().await
}

/// Makes up people with handles of their own.
fn names(members: u32) -> Vec<Filled> {
    let lists = |text: &'static str| text.split_whitespace().collect::<Vec<_>>();
    let (first_en, last_en, first_ru, last_ru) = (lists(FIRST_EN), lists(LAST_EN), lists(FIRST_RU), lists(LAST_RU));
    let (syllables_en, syllables_ru) = (lists(SYLLABLES_EN), lists(SYLLABLES_RU));
    let mut dice = Dice::new(1);
    let mut taken = HashSet::new();
    let mut people = Vec::with_capacity(members as usize);
    for number in 0..members {
        let russian = dice.below(5) < 2;
        let (first, last, syllables) =
            if russian { (&first_ru, &last_ru, &syllables_ru) } else { (&first_en, &last_en, &syllables_en) };
        let first = first[dice.common(first.len() as u64) as usize];
        // Every other surname is a common one.
        let mut last = if dice.below(2) == 0 {
            last[dice.common(last.len() as u64) as usize].to_owned()
        } else {
            let parts = 2 + dice.below(2);
            let rare: String = (0..parts).map(|_| syllables[dice.below(syllables.len() as u64) as usize]).collect();
            let mut letters = rare.chars();
            let capital = letters.next().into_iter().flat_map(char::to_uppercase);
            capital.chain(letters).chain(if russian { "ов" } else { "son" }.chars()).collect()
        };
        if russian && first.ends_with(['а', 'я', 'ь']) {
            last.push('а');
        }
        let (first_latin, last_latin) = (latin(&fold(first)), latin(&fold(&last)));
        let handle = match dice.below(5) {
            0 => format!("{first_latin}_{last_latin}"),
            1 => format!("{first_latin}{last_latin}"),
            2 => format!("{last_latin}_{}", &first_latin[..1]),
            3 => format!("{first_latin}{}", dice.below(10_000)),
            _ => format!("{}{last_latin}", &first_latin[..1]),
        };
        let mut handle: String = handle.chars().take(24).collect();
        if !taken.insert(handle.clone()) {
            handle = format!("{handle}{}", 10 + number);
            taken.insert(handle.clone());
        }
        let id = MemberId((u128::from(number) + 1) << 96 | u128::from(dice.number()));
        people.push(Filled { id, handle, name: format!("{first} {last}"), followers: 0, following: 0 });
    }
    people
}

/// Decides who follows whom, by number, and counts.
fn follows(people: &mut [Filled], edges: u64) -> Vec<BTreeSet<u32>> {
    let count = people.len() as u64;
    let mut dice = Dice::new(2);
    let (least, most) = (FOLLOWING.0.min(count.saturating_sub(1)), FOLLOWING.1.min(count / 2));
    let mut left = edges;
    let mut wanted: Vec<u64> = (0..count)
        .map(|_| {
            let chance = ((dice.number() >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
            let number = ((least as f64) * chance.powf(-0.8)) as u64;
            number.clamp(least, most.max(least))
        })
        .collect();
    let sum: u64 = wanted.iter().sum();
    for number in &mut wanted {
        // As many in all as asked for, to within rounding.
        *number = (*number * edges / sum.max(1)).clamp(least, most.max(least)).min(left);
        left -= *number;
    }
    let mut following = Vec::with_capacity(people.len());
    for (number, wanted) in wanted.into_iter().enumerate() {
        let mut chosen = BTreeSet::new();
        // What rounding left is shared by all.
        let extra = left.div_ceil(count - number as u64);
        while (chosen.len() as u64) < wanted + extra {
            let popular = dice.common(count);
            // Popularity has nothing to do with the order of ids: an odd multiplier spreads it.
            let other = (popular * 7_919 + 13) % count;
            if other != number as u64 {
                chosen.insert(u32::try_from(other).unwrap_or(u32::MAX));
            }
        }
        left -= extra;
        people[number].following = chosen.len() as u64;
        for other in &chosen {
            people[*other as usize].followers += 1;
        }
        following.push(chosen);
    }
    following
}

async fn insert_members(store: &Store, people: &[Filled]) -> Result<(), StoreError> {
    let mut dice = Dice::new(3);
    for (part, some) in people.chunks(ROWS_PER_TRANSACTION / 4).enumerate() {
        let mut tx = store.database.begin().await?;
        let mut rows = Vec::with_capacity(some.len());
        for (number, person) in some.iter().enumerate() {
            let number = (part * ROWS_PER_TRANSACTION / 4 + number) as u64;
            let sponsor = (number > 0).then(|| people[dice.below(number) as usize].id);
            let language = if person.name.is_ascii() { "en" } else { "ru" };
            let topics = if number.is_multiple_of(3) { "jazz\nchess" } else { "" };
            rows.push([
                person.id.into(),
                person.handle.as_str().into(),
                person.name.as_str().into(),
                language.into(),
                sponsor.into(),
                person.followers.into(),
                topics.into(),
            ]);
        }
        insert(
            &mut tx,
            "INSERT INTO members (id, handle, name, language, sponsor, followers, topics, owner, created_at, bio)
             SELECT column1, column2, column3, column4, column5, column6, column7, FALSE, 0, 'Listens more than talks.' FROM (",
            rows,
            ") v",
        )
        .await?;
        let rows = some.iter().map(|person| [person.handle.as_str().into(), person.id.into()]).collect();
        insert(&mut tx, "INSERT INTO handles (skeleton, member) ", rows, "").await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn insert_follows(store: &Store, people: &[Filled], following: &[BTreeSet<u32>]) -> Result<(), StoreError> {
    // Filled by key, and the other way round built at once: in any order it would be read and written page by page.
    store.database.execute(sql("DROP INDEX follows_by_followed")).await?;
    let mut rows: Vec<[Value; 2]> = Vec::with_capacity(ROWS_PER_TRANSACTION);
    for (number, chosen) in following.iter().enumerate() {
        let follower = people[number].id;
        rows.extend(chosen.iter().map(|other| [follower.into(), people[*other as usize].id.into()]));
        if rows.len() >= ROWS_PER_TRANSACTION || number + 1 == following.len() {
            let mut tx = store.database.begin().await?;
            let rows = std::mem::take(&mut rows);
            let head = "INSERT INTO follows (follower, followed, since) SELECT column1, column2, 0 FROM (";
            insert(&mut tx, head, rows, ") v").await?;
            tx.commit().await?;
        }
    }
    store.database.execute(sql("CREATE INDEX follows_by_followed ON follows (followed, since, follower)")).await?;
    Ok(())
}

async fn insert_blocks(store: &Store, people: &[Filled], following: &[BTreeSet<u32>]) -> Result<(), StoreError> {
    let mut dice = Dice::new(4);
    let (mut blocks, mut mutes) = (BTreeSet::new(), BTreeSet::new());
    for (number, chosen) in
        following.iter().enumerate().filter(|(number, _)| (*number as u64).is_multiple_of(ONE_IN_BLOCKS))
    {
        for _ in 0..=dice.below(5) {
            let other = dice.below(people.len() as u64) as u32;
            let strangers = !chosen.contains(&other) && !following[other as usize].contains(&(number as u32));
            if other as usize != number && strangers {
                blocks.insert((number, other));
            }
            if let Some(muted) = chosen.first() {
                mutes.insert((number, *muted));
            }
        }
    }
    let mut tx = store.database.begin().await?;
    let rows = |pairs: BTreeSet<(usize, u32)>| -> Vec<[Value; 2]> {
        pairs.into_iter().map(|(one, other)| [people[one].id.into(), people[other as usize].id.into()]).collect()
    };
    let head = "INSERT INTO blocks (blocker, blocked, since) SELECT column1, column2, 0 FROM (";
    insert(&mut tx, head, rows(blocks), ") v").await?;
    let head = "INSERT INTO mutes (muter, muted, since) SELECT column1, column2, 0 FROM (";
    insert(&mut tx, head, rows(mutes), ") v").await?;
    tx.commit().await
}

async fn insert_houses(store: &Store, people: &[Filled], houses: u32) -> Result<(), StoreError> {
    let topics: Vec<&str> = TOPICS.split_whitespace().collect();
    let mut dice = Dice::new(5);
    let (mut rows, mut inside) = (Vec::new(), Vec::new());
    for number in 0..houses {
        let (one, other) =
            (topics[dice.common(topics.len() as u64) as usize], topics[dice.below(topics.len() as u64) as usize]);
        let handle = format!("{}_{}_{number}", latin(&fold(one)), latin(&fold(other)));
        let house = (u128::from(number) + 1) << 100;
        let wanted = people.len() as u64 / (20 + u64::from(number));
        let members: BTreeSet<u64> = (0..=wanted).map(|_| dice.below(people.len() as u64)).collect();
        let name = format!("{one} & {other}");
        let private = number % 10 == 9;
        rows.push([house.into(), handle.into(), name.into(), private.into(), (members.len() as u64).into()]);
        inside.extend(members.into_iter().enumerate().map(|(place, member)| -> [Value; 3] {
            [house.into(), people[member as usize].id.into(), (if place == 0 { 2i64 } else { 1 }).into()]
        }));
    }
    let mut tx = store.database.begin().await?;
    insert(
        &mut tx,
        "INSERT INTO houses (id, handle, skeleton, name, about, rules, language, private, nominated, members, created_at,
            rules_at)
         SELECT column1, column2, column2, column3, '', '', 'en', column4, FALSE, column5, 0, 0 FROM (",
        rows,
        ") v",
    )
    .await?;
    let head = "INSERT INTO house_members (house, member, role, since, rules_seen)
                SELECT column1, column2, column3, 0, 0 FROM (";
    insert(&mut tx, head, inside, ") v").await?;
    tx.commit().await
}

/// Inserts rows, so many at a time: `head`, the rows, `tail`.
async fn insert<const N: usize>(
    tx: &mut Transaction,
    head: &'static str,
    rows: Vec<[Value; N]>,
    tail: &'static str,
) -> Result<(), StoreError> {
    for some in rows.chunks(ROWS_PER_STATEMENT) {
        let insert = sql(head).push_rows(some.iter().cloned()).push(tail);
        tx.execute(insert.remembered(some.len() == ROWS_PER_STATEMENT)).await?;
    }
    Ok(())
}
