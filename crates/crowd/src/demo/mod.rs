//! `crowd demo`: a server that lives. Members with names hold conversations in three rooms, in English and in Russian,
//! and a few hundred others listen, come and go.
//!
//! Whoever follows the printed link hears people talk. A visitor who raises a hand is let on stage.

pub mod cast;
pub mod dialogue;
pub mod members;
pub mod speech;
pub mod stage;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::{interval, sleep};

use crate::fleet::protocol::{Newcomer, Pass, PersonNo};
use crate::fleet::{Fleet, News};
use crate::server::Server;
use crate::{Error, Result};
use cast::{Listener, ROOMS};
use members::{Applicant, Members};
use speech::Studio;
use stage::{Lines, Stage, rehearse};

/// The folder of the demo inside the server's data folder: its members' tokens and what was spoken.
const FOLDER: &str = "demo";
/// Listeners that are on their way in at once.
const AT_ONCE: usize = 20;
/// How often somebody in the audience gets up or comes back.
const RESTLESS: Duration = Duration::from_secs(3);
/// How long the people of the demo stay away when something has ended their talk.
const COME_BACK: Duration = Duration::from_secs(5);
/// How often they try to come back to a server that does not take them before the demo is over.
const ATTEMPTS: u32 = 5;
/// How many of the audience are out at a time, as one of so many.
const OUT: usize = 12;

/// What is wanted of a demo.
#[derive(Debug, Clone)]
pub struct Options {
    /// URL of the server.
    pub url: String,
    /// Its data folder.
    pub data: PathBuf,
    /// How many listen, in all rooms together.
    pub listeners: usize,
}

/// The most listeners that there are names for.
pub const MOST_LISTENERS: usize = cast::MOST_LISTENERS * ROOMS.len();

/// Runs the demo until it is stopped.
///
/// # Errors
/// What ended it: the server is gone, or the data folder holds a server on which the demo's handles are taken.
pub async fn run(server: &Server, options: Options) -> Result<()> {
    let folder = options.data.join(FOLDER);
    let studio = Studio::open(&folder.join("speech"))?;
    if !studio.speaks() {
        say("espeak-ng is not installed: the people of the demo hum instead of speaking.")?;
    }
    say("The people of the demo are on their way.")?;
    let rehearsal = tokio::task::spawn_blocking(move || rehearse_all(&studio));
    let mut members = Members::remembered(&folder.join("members.json"), server);
    members.sign_up(server, speakers()).await?;
    let lines = rehearsal.await.map_err(|error| Error::Media(error.to_string()))??;

    let stages = open_stages(&mut members).await?;
    print_link(server, &options.url).await?;
    let mut ended = live(server, &options.url, options.listeners, &mut members, &lines, stages).await;
    let mut attempts = 0;
    // A machine that slept, or a server that was started again: everybody comes back.
    while let Err(error) = ended {
        attempts += 1;
        if attempts > ATTEMPTS {
            return Err(error);
        }
        eprintln!("crowd: {error}; the people of the demo come back");
        sleep(COME_BACK).await;
        ended = match open_stages(&mut members).await {
            Ok(stages) => {
                attempts = 0;
                live(server, &options.url, options.listeners, &mut members, &lines, stages).await
            }
            Err(error) => Err(error),
        };
    }
    Ok(())
}

async fn open_stages(members: &mut Members) -> Result<Vec<Stage>> {
    let mut stages = Vec::with_capacity(ROOMS.len());
    for room in &ROOMS {
        stages.push(Stage::open(room, members).await?);
    }
    Ok(stages)
}

/// Plays all conversations to an audience until something ends one of them.
async fn live(
    server: &Server,
    url: &str,
    listeners: usize,
    members: &mut Members,
    lines: &[Lines],
    stages: Vec<Stage>,
) -> Result<()> {
    let rooms: Vec<String> = stages.iter().map(|stage| stage.id.clone()).collect();
    let talking = try_join_all(stages.into_iter().zip(lines).map(|(stage, lines)| stage.play(lines)));
    let audience = async {
        let people = audience(&rooms, listeners);
        members.sign_up(server, people.iter().map(|(_, one)| one.clone().into()).collect()).await?;
        listen(url, newcomers(&people, members)?).await
    };
    tokio::select! {
        ended = talking => ended.map(drop),
        ended = audience => ended,
    }
}

fn rehearse_all(studio: &Studio) -> Result<Vec<Lines>> {
    // Each room on a thread of its own.
    std::thread::scope(|scope| {
        let rooms: Vec<_> = ROOMS.iter().map(|room| scope.spawn(move || rehearse(room, studio))).collect();
        let panicked = |_| Err(Error::Media("a rehearsal broke off".into()));
        rooms.into_iter().map(|room| room.join().unwrap_or_else(panicked)).collect()
    })
}

fn speakers() -> Vec<Applicant> {
    let of = |room: &'static cast::Room| {
        room.people.iter().map(|person| Applicant {
            handle: person.handle.to_owned(),
            name: person.name.to_owned(),
            language: room.language,
        })
    };
    ROOMS.iter().flat_map(of).collect()
}

async fn print_link(server: &Server, url: &str) -> Result<()> {
    let codes = server.invites(1).await?;
    let code = codes.first().ok_or_else(|| Error::Server("it made no invite".into()))?;
    say(&framed("Open this in your browser:", &format!("{}/join/{code}", for_people(url))))
}

fn say(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").map_err(|error| Error::io("standard output", error))
}

/// The URL of a server on this machine by the name that its own links have.
fn for_people(url: &str) -> String {
    let url = url.trim_end_matches('/');
    match url.strip_prefix("http://127.0.0.1:") {
        Some(port) => format!("http://localhost:{port}"),
        None => url.to_owned(),
    }
}

fn framed(title: &str, link: &str) -> String {
    let width = title.chars().count().max(link.chars().count()) + 4;
    let line = |text: &str| format!("│  {text:<rest$}│", rest = width - 2);
    let bar = "─".repeat(width);
    format!("\n┌{bar}┐\n{}\n{}\n└{bar}┘\n", line(title), line(link))
}

/// Who listens where, spread evenly over the rooms.
fn audience(rooms: &[String], count: usize) -> Vec<(String, Listener)> {
    let share = |index: usize| (count + index) / rooms.len();
    rooms
        .iter()
        .enumerate()
        .flat_map(|(index, room)| cast::listeners(index, share(index)).into_iter().map(|one| (room.clone(), one)))
        .collect()
}

impl From<Listener> for Applicant {
    fn from(Listener { handle, name, language }: Listener) -> Self {
        Self { handle, name, language }
    }
}

fn newcomers(people: &[(String, Listener)], members: &Members) -> Result<Vec<Newcomer>> {
    let newcomer = |(person, (room, listener)): (usize, &(String, Listener))| {
        let pass = Pass::Bearer(members.token(&listener.handle)?.to_owned());
        Ok(Newcomer { person: person as PersonNo, room: room.clone(), pass, full: false })
    };
    people.iter().enumerate().map(newcomer).collect()
}

/// Everybody comes in; from then on there is a little coming and going.
async fn listen(url: &str, people: Vec<Newcomer>) -> Result<()> {
    if people.is_empty() {
        return std::future::pending().await;
    }
    let mut fleet = Fleet::start(url, people.len()).await?;
    fleet.enter(people.clone(), AT_ONCE).await?;
    let mut seats = Seats::new(people.len());
    let mut clock = interval(RESTLESS);
    loop {
        tokio::select! {
            news = fleet.next() => match news? {
                News::Entered { person, .. } => seats.taken(person),
                News::Left { person, .. } | News::Failed { person, .. } | News::Cut { person, .. } => seats.left(person),
            },
            _ = clock.tick() => match seats.next(chance()) {
                Some(Move::Leave(person)) => fleet.leave(&[person]).await?,
                Some(Move::Return(person)) => {
                    let again = people.iter().filter(|one| one.person == person).cloned().collect();
                    fleet.enter(again, AT_ONCE).await?;
                }
                None => {}
            },
        }
    }
}

/// Who of the audience is in and who is out. Whoever is in neither is on the way.
struct Seats {
    inside: BTreeSet<PersonNo>,
    outside: BTreeSet<PersonNo>,
    most_out: usize,
}

/// Somebody gets up, or comes back.
#[derive(Debug, PartialEq, Eq)]
enum Move {
    Leave(PersonNo),
    Return(PersonNo),
}

impl Seats {
    fn new(people: usize) -> Self {
        Self { inside: BTreeSet::new(), outside: BTreeSet::new(), most_out: people.div_ceil(OUT) }
    }

    fn taken(&mut self, person: PersonNo) {
        self.inside.insert(person);
        self.outside.remove(&person);
    }

    fn left(&mut self, person: PersonNo) {
        self.inside.remove(&person);
        self.outside.insert(person);
    }

    /// Chooses somebody by `chance`, from 0 up to 1, and puts them on their way: the likelier out, the fewer are out.
    fn next(&mut self, chance: f64) -> Option<Move> {
        let pick =
            |from: &BTreeSet<PersonNo>, chance: f64| from.iter().nth((from.len() as f64 * chance) as usize).copied();
        let full = self.outside.len() as f64 / self.most_out as f64;
        // The part of the chance that decided is spread out again to choose with.
        if chance < full {
            let person = pick(&self.outside, chance / full)?;
            self.outside.remove(&person);
            Some(Move::Return(person))
        } else {
            let person = pick(&self.inside, (chance - full) / (1.0 - full))?;
            self.inside.remove(&person);
            Some(Move::Leave(person))
        }
    }
}

/// A random number from 0 up to 1.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    f64::from(u32::from_le_bytes(bytes)) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audience_is_spread_evenly() {
        let rooms: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
        for count in [0, 1, 2, 300, MOST_LISTENERS] {
            let people = audience(&rooms, count);
            assert_eq!(people.len(), count);
            for room in &rooms {
                let here = people.iter().filter(|(where_to, _)| where_to == room).count();
                assert!((count / 3..=count.div_ceil(3)).contains(&here), "{here} of {count}");
            }
        }
    }

    #[test]
    fn people_come_and_go_and_most_stay() {
        let mut seats = Seats::new(120);
        assert_eq!(seats.next(0.5), None, "nobody is in yet");
        (0..120).for_each(|person| seats.taken(person));
        let mut returned = 0;
        for step in 0..10_000 {
            match seats.next(f64::from(step * 37 % 1_000) / 1_000.0) {
                Some(Move::Leave(person)) => seats.left(person),
                Some(Move::Return(person)) => {
                    returned += 1;
                    seats.taken(person);
                }
                None => panic!("nobody moved"),
            }
            assert_eq!(seats.inside.len() + seats.outside.len(), 120);
            assert!(seats.outside.len() <= 10, "{} are out", seats.outside.len());
        }
        assert!(returned > 4_000, "{returned}");
    }

    #[test]
    fn the_link_stands_in_a_frame() {
        assert_eq!(framed("Open", "http://x"), "\n┌────────────┐\n│  Open      │\n│  http://x  │\n└────────────┘\n");
        for (url, link) in [
            ("http://127.0.0.1:8080", "http://localhost:8080"),
            ("http://127.0.0.1:80/", "http://localhost:80"),
            ("http://10.0.0.7:80", "http://10.0.0.7:80"),
        ] {
            assert_eq!(for_people(url), link);
        }
    }

    #[test]
    fn chances_are_from_0_up_to_1() {
        assert!((0..1_000).map(|_| chance()).all(|chance| (0.0..1.0).contains(&chance)));
    }
}
