//! Many people in several load processes.
//!
//! 1. [`Fleet::start`] starts the processes;
//! 2. [`Fleet::enter`] and [`Fleet::leave`] order people in and out, and return at once;
//! 3. [`Fleet::next`] gives what became of each, one after another;
//! 4. [`Fleet::mark`], [`Fleet::count`], [`Fleet::receiving`] and [`Fleet::addresses`] ask all processes at the same time;
//! 5. [`Fleet::end`] ends them, and dropping the fleet kills them.

mod count;
pub mod flood;
pub mod floor;
mod full;
pub(crate) mod listener;
mod media;
mod person;
mod process;
pub mod protocol;
pub(crate) mod srtp;
pub mod worker;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::procfs;
use crate::{Error, Result};
use process::{Process, Said};
use protocol::{Counts, Newcomer, Order, PersonNo, Report, Steps};

/// People in one load process at most: each has two files, and a process may open some ten thousand.
pub const PEOPLE_EACH: usize = 4_000;
/// Reports of all processes that may wait. A process whose reports are not taken keeps them or waits.
const REPORTS: usize = 4_096;
/// How long all processes together may take to answer a question.
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);

/// What became of somebody.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// They hear the room.
    Entered {
        /// Who.
        person: PersonNo,
        /// Their session token.
        bearer: String,
        /// How long each step took.
        steps: Steps,
    },
    /// They could not enter.
    Failed {
        /// Who.
        person: PersonNo,
        /// The server's error code if it refused, else empty.
        code: String,
        /// One line for people.
        why: String,
        /// Milliseconds from the request that failed to its answer.
        after_ms: f64,
    },
    /// They have left.
    Left {
        /// Who.
        person: PersonNo,
        /// Packets that still came a while after the server had said so.
        late_packets: u64,
    },
    /// They lost their socket or their leg.
    Cut {
        /// Who.
        person: PersonNo,
        /// One line for people.
        why: String,
    },
}

/// What a fleet looks like from outside, for the line on the terminal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// People who hear a room now.
    pub connected: usize,
    /// Authentic packets since the beginning.
    pub packets: u64,
    /// People who could not enter, and people who were cut off, since the beginning.
    pub failures: usize,
}

/// Several load processes.
#[derive(Debug)]
pub struct Fleet {
    processes: Vec<Process>,
    /// In which process somebody is, from the order to enter until they have left, failed or been cut off.
    places: Places,
    said: mpsc::Receiver<(usize, Said)>,
    /// News that came while something else was waited for: at most a few for each order.
    news: VecDeque<News>,
    /// What each process said last of its people.
    progress: Vec<(usize, u64)>,
    seen: watch::Sender<Seen>,
}

impl Fleet {
    /// Starts as many load processes against the server at `url` as `people` need, and waits until all run.
    ///
    /// # Errors
    /// [`Error::Io`] when one cannot be started; [`Error::Load`] when one ends; [`Error::Timeout`].
    pub async fn start(url: &str, people: usize) -> Result<Self> {
        let count = people.div_ceil(PEOPLE_EACH).max(1);
        let (say, said) = mpsc::channel(REPORTS);
        let processes = (0..count).map(|number| Process::start(number, say.clone())).collect::<Result<Vec<_>>>()?;
        let mut fleet = Self {
            processes,
            places: Places::new(count),
            said,
            news: VecDeque::new(),
            progress: vec![(0, 0); count],
            seen: watch::channel(Seen::default()).0,
        };
        // The first progress says that a process is up.
        fleet
            .ask("load processes to start", &Order::Begin { server: url.to_owned() }, |report| {
                matches!(report, Report::Progress { .. }).then_some(())
            })
            .await?;
        Ok(fleet)
    }

    /// What the fleet looks like, and will look like.
    pub fn seen(&self) -> watch::Receiver<Seen> {
        self.seen.subscribe()
    }

    /// Orders people to enter, spread evenly over the processes, about `at_once` on their way at the same time. Each
    /// gives [`News::Entered`] or [`News::Failed`].
    ///
    /// # Errors
    /// [`Error::Load`] when a process has ended.
    pub async fn enter(&mut self, people: Vec<Newcomer>, at_once: usize) -> Result<()> {
        let mut shares: Vec<Vec<Newcomer>> = self.processes.iter().map(|_| Vec::new()).collect();
        for newcomer in people {
            shares[self.places.put(newcomer.person)].push(newcomer);
        }
        let at_once = at_once.div_ceil(self.processes.len()).max(1);
        for (process, people) in self.processes.iter().zip(shares) {
            if !people.is_empty() {
                process.order(Order::Enter { people, at_once }).await?;
            }
        }
        Ok(())
    }

    /// Orders people to leave. Each gives [`News::Left`]. Whoever is not there is passed over.
    ///
    /// # Errors
    /// [`Error::Load`] when a process has ended.
    pub async fn leave(&mut self, people: &[PersonNo]) -> Result<()> {
        let mut shares: Vec<Vec<PersonNo>> = self.processes.iter().map(|_| Vec::new()).collect();
        for &person in people {
            if let Some(place) = self.places.of(person) {
                shares[place].push(person);
            }
        }
        for (process, people) in self.processes.iter().zip(shares) {
            if !people.is_empty() {
                process.order(Order::Leave { people }).await?;
            }
        }
        Ok(())
    }

    /// The next that became of somebody. Cancel-safe: nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// [`Error::Load`] when a process has ended: the run is over then.
    pub async fn next(&mut self) -> Result<News> {
        loop {
            if let Some(news) = self.news.pop_front() {
                return Ok(news);
            }
            self.take_one().await?;
        }
    }

    /// Begins to count anew.
    ///
    /// # Errors
    /// [`Error::Load`] when a process has ended.
    pub async fn mark(&mut self) -> Result<()> {
        for process in &self.processes {
            process.order(Order::Mark).await?;
        }
        Ok(())
    }

    /// What was counted since the mark, summed over all processes.
    ///
    /// # Errors
    /// [`Error::Load`] when a process has ended; [`Error::Timeout`].
    pub async fn count(&mut self) -> Result<Counts> {
        let counts = self.ask("counts", &Order::Count, |report| match report {
            Report::Counts(counts) => Some(counts.clone()),
            _ => None,
        });
        Ok(counts.await?.iter().fold(Counts::default(), |sum, counts| sum_of(&sum, counts)))
    }

    /// The UDP addresses of all listeners.
    ///
    /// # Errors
    /// As [`Fleet::count`].
    pub async fn addresses(&mut self) -> Result<Vec<SocketAddr>> {
        let addresses = self.ask("addresses", &Order::Addresses, |report| match report {
            Report::Addresses { addresses } => Some(addresses.clone()),
            _ => None,
        });
        Ok(addresses.await?.concat())
    }

    /// Who has received a packet in the last `within`.
    ///
    /// # Errors
    /// As [`Fleet::count`].
    pub async fn receiving(&mut self, within: Duration) -> Result<BTreeSet<PersonNo>> {
        let order = Order::Receiving { within: within.as_millis() as u64 };
        let people = self.ask("receivers", &order, |report| match report {
            Report::Receiving { people } => Some(people.clone()),
            _ => None,
        });
        Ok(people.await?.into_iter().flatten().collect())
    }

    /// Processor time of all load processes so far, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        let usages = self.processes.iter().filter_map(|process| procfs::usage(process.id()?));
        usages.map(|usage| usage.cpu_seconds).sum()
    }

    /// Ends all processes.
    pub async fn end(self) {
        // Their last words would fill the queue and keep them from ending.
        drop(self.said);
        futures_util::future::join_all(self.processes.into_iter().map(Process::end)).await;
    }

    /// Sends an order to every process and waits until each has said what `pick` picks.
    async fn ask<T>(
        &mut self,
        what: &'static str,
        order: &Order,
        pick: impl Fn(&Report) -> Option<T>,
    ) -> Result<Vec<T>> {
        for process in &self.processes {
            process.order(order.clone()).await?;
        }
        let mut answers: BTreeMap<usize, T> = BTreeMap::new();
        let gathering = async {
            while answers.len() < self.processes.len() {
                let (number, report) = self.take_one().await?;
                if let Some(answer) = pick(&report) {
                    answers.insert(number, answer);
                }
            }
            Ok::<_, Error>(())
        };
        tokio::time::timeout(ANSWER_PATIENCE, gathering).await.map_err(|_| Error::Timeout(what))??;
        Ok(answers.into_values().collect())
    }

    /// Takes in one report; what became of somebody is kept as news.
    async fn take_one(&mut self) -> Result<(usize, Report)> {
        let (number, report) = match self.said.recv().await {
            Some((number, Said::Report(report))) => (number, report),
            Some((number, Said::Ended(why))) => {
                return Err(Error::Load(format!("load process {number} ended: {why}")));
            }
            None => return Err(Error::Load("all load processes have ended".into())),
        };
        let news = match report.clone() {
            Report::Entered { person, bearer, steps } => Some(News::Entered { person, bearer, steps }),
            Report::Failed { person, code, why, after_ms } => {
                self.places.remove(person);
                self.seen.send_modify(|seen| seen.failures += 1);
                Some(News::Failed { person, code, why, after_ms })
            }
            Report::Left { person, late_packets } => {
                self.places.remove(person);
                Some(News::Left { person, late_packets })
            }
            Report::Cut { person, why } => {
                self.places.remove(person);
                self.seen.send_modify(|seen| seen.failures += 1);
                Some(News::Cut { person, why })
            }
            Report::Progress { connected, packets } => {
                self.progress[number] = (connected, packets);
                self.seen.send_modify(|seen| {
                    seen.connected = self.progress.iter().map(|(connected, _)| connected).sum();
                    seen.packets = self.progress.iter().map(|(_, packets)| packets).sum();
                });
                None
            }
            Report::Counts(_) | Report::Addresses { .. } | Report::Receiving { .. } => None,
        };
        self.news.extend(news);
        Ok((number, report))
    }
}

/// Who is in which process.
#[derive(Debug)]
struct Places {
    of: BTreeMap<PersonNo, usize>,
    people: Vec<usize>,
}

impl Places {
    fn new(processes: usize) -> Self {
        Self { of: BTreeMap::new(), people: vec![0; processes] }
    }

    fn of(&self, person: PersonNo) -> Option<usize> {
        self.of.get(&person).copied()
    }

    /// Gives somebody a place in the process with the fewest people; whoever has one keeps it.
    fn put(&mut self, person: PersonNo) -> usize {
        if let Some(place) = self.of(person) {
            return place;
        }
        let place = (0..self.people.len()).min_by_key(|&place| self.people[place]).unwrap_or(0);
        self.people[place] += 1;
        self.of.insert(person, place);
        place
    }

    fn remove(&mut self, person: PersonNo) {
        if let Some(place) = self.of.remove(&person) {
            self.people[place] -= 1;
        }
    }
}

/// The counts of both together.
pub fn sum_of(one: &Counts, other: &Counts) -> Counts {
    Counts {
        listeners: one.listeners + other.listeners,
        heard: one.heard + other.heard,
        starved: one.starved + other.starved,
        longest_pause_ms: one.longest_pause_ms.max(other.longest_pause_ms),
        expected: one.expected + other.expected,
        received: one.received + other.received,
        duplicates: one.duplicates + other.duplicates,
        reordered: one.reordered + other.reordered,
        forged: one.forged + other.forged,
        foreign: one.foreign + other.foreign,
        bytes: one.bytes + other.bytes,
        full: one.full + other.full,
        frames_expected: one.frames_expected + other.frames_expected,
        frames: one.frames + other.frames,
        mismatches: one.mismatches + other.mismatches,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_spread_evenly_and_keep_their_place() {
        let mut places = Places::new(3);
        for person in 0..7 {
            assert_eq!(places.put(person), person as usize % 3);
        }
        assert_eq!((places.put(4), places.people.clone()), (1, vec![3, 2, 2]));
        places.remove(1);
        places.remove(1);
        assert_eq!((places.of(1), places.people.clone()), (None, vec![3, 1, 2]));
        assert_eq!((places.put(100), places.of(100)), (1, Some(1)));
    }

    #[test]
    fn counts_add_up_and_the_longest_pause_is_the_longest() {
        let one = Counts { listeners: 1, longest_pause_ms: 7.0, expected: 10, bytes: 5, ..Counts::default() };
        let other = Counts { listeners: 2, longest_pause_ms: 3.0, expected: 1, starved: 1, ..Counts::default() };
        let sum = sum_of(&one, &other);
        assert_eq!((sum.listeners, sum.longest_pause_ms, sum.expected, sum.bytes, sum.starved), (3, 7.0, 11, 5, 1));
        assert_eq!(sum_of(&sum, &Counts::default()), sum);
    }

    /// A fleet of `processes` that are not there: the test speaks for them.
    fn without_processes(processes: usize) -> (Fleet, mpsc::Sender<(usize, Said)>) {
        let (say, said) = mpsc::channel(16);
        let fleet = Fleet {
            processes: Vec::new(),
            places: Places::new(processes),
            said,
            news: VecDeque::new(),
            progress: vec![(0, 0); processes],
            seen: watch::channel(Seen::default()).0,
        };
        (fleet, say)
    }

    #[tokio::test]
    async fn reports_become_news_and_what_is_seen() {
        let (mut fleet, say) = without_processes(2);
        fleet.places.put(7);
        for (number, report) in [
            (0, Report::Progress { connected: 3, packets: 10 }),
            (1, Report::Progress { connected: 2, packets: 5 }),
            (0, Report::Progress { connected: 4, packets: 20 }),
            (0, Report::Failed { person: 7, code: "server_full".into(), why: "full".into(), after_ms: 1.5 }),
            (1, Report::Cut { person: 8, why: "lost".into() }),
        ] {
            say.send((number, Said::Report(report))).await.unwrap();
        }
        let failed = News::Failed { person: 7, code: "server_full".into(), why: "full".into(), after_ms: 1.5 };
        assert_eq!(fleet.next().await.unwrap(), failed);
        assert_eq!(fleet.next().await.unwrap(), News::Cut { person: 8, why: "lost".into() });
        assert_eq!(*fleet.seen().borrow(), Seen { connected: 6, packets: 25, failures: 2 });
        assert_eq!(fleet.places.of(7), None);
    }

    #[tokio::test]
    async fn a_process_that_ends_ends_the_run_in_one_line() {
        let (mut fleet, say) = without_processes(2);
        say.send((1, Said::Ended("no more files".into()))).await.unwrap();
        assert_eq!(fleet.next().await.unwrap_err().to_string(), "load process 1 ended: no more files");
        drop(say);
        assert!(fleet.next().await.is_err());
    }
}
