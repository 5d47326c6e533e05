//! `crowd pauses`: many listen to a talk with pauses, in which the server shows everybody that the way still leads to them.

use std::time::Duration;

use serde_json::{Value, json};

use super::Stage;
use super::load::{Load, Reading, Run};
use super::progress::Progress;
use super::speech::Turns;
use crate::Result;
use crate::metrics::Histogram;
use crate::report::Report;
use crate::server::Server;
use crate::voice::FRAME_MILLIS;

/// The talk, in frames of 20 ms: how many are spoken, and how many not, and again. One pause lasts longer than the signs of life.
/// The other ends when one of them, which is due 450 ms after the last frame, is on its way to everybody: the next frame comes 10 ms
/// after that.
const TALK: [(usize, usize); 2] = [(100, 100), (78, 22)];
/// The parts of a cycle that are measured each for itself, by their first frame and the one after their last.
const PARTS: [(&str, usize, usize); 3] = [
    // Speech goes on while a sign is still being sent.
    ("speech_again", 0, 25),
    ("speech", 25, 100),
    // From when the last packets of sound have gone, to when the last sign has.
    ("signs_of_life", 106, 160),
];

/// Runs the scenario for as many whole cycles of six seconds as fit, and one at least. The plain figures are those of everything
/// together; `parts` has those of speech and of signs of life.
///
/// # Errors
/// As [`audience`](super::audience::audience).
pub async fn run(server: &Server, load: Load) -> Result<Report> {
    let progress = Progress::start(server.id());
    let mut report = Report::of("pauses").await;
    let stage = Stage::open_with(server, load.talkers, Some(Turns::with_pauses(load.talkers, &TALK))).await?;
    let (room, score) = (stage.room.clone(), stage.score.clone());
    let mut run = Run::begin(server, load, load.listeners, vec![stage], progress).await?;
    let people = run.newcomers(0..load.listeners, |_| room.clone()).await?;
    let entries = run.enter(people).await?;
    run.settle().await?;
    let cycle: usize = TALK.iter().map(|(spoken, silent)| spoken + silent).sum();
    let cycles = (load.seconds * 1_000 / (cycle as u64 * FRAME_MILLIS)).max(1);
    let mut began = score.next(cycle);
    run.pass_until(began).await?;
    let (stretch, parts) = run
        .stretch_while("measuring", async |run| {
            let mut parts = PARTS.map(|_| Part::default());
            for _ in 0..cycles {
                let at = |frame: usize| began + Duration::from_millis(FRAME_MILLIS) * frame as u32;
                for (part, (_, from, to)) in parts.iter_mut().zip(PARTS) {
                    run.pass_until(at(from)).await?;
                    let before = run.read().await;
                    run.pass_until(at(to)).await?;
                    part.add(&before, &run.read().await);
                }
                began = at(cycle);
            }
            Ok(parts)
        })
        .await?;
    run.fill(&mut report, &stretch);
    run.fill_entries(&mut report, entries);
    // A pause is none of the server's.
    (report.starved, report.longest_pause_ms) = (None, None);
    let listening = run.people.inside.len().max(1);
    let parts = PARTS.iter().zip(&parts);
    report.extra("parts", parts.map(|((name, ..), part)| part.json(name, cycles, listening)).collect::<Vec<_>>());
    run.floor(&mut report, &stretch).await?;
    run.end().await?;
    Ok(report)
}

/// What was measured in one part of all cycles together.
#[derive(Debug, Default)]
struct Part {
    seconds: f64,
    server_cpu: Option<f64>,
    media_cpu: Option<f64>,
    sent: Option<f64>,
    residence: Option<Histogram>,
}

impl Part {
    fn add(&mut self, before: &Reading, after: &Reading) {
        let sum = |all: &mut Option<f64>, from: Option<f64>, to: Option<f64>| {
            *all = from.zip(to).map(|(from, to)| all.unwrap_or_default() + to - from);
        };
        self.seconds += (after.at - before.at).as_secs_f64();
        let cpu = |reading: &Reading| reading.usage.map(|usage| usage.cpu_seconds);
        sum(&mut self.server_cpu, cpu(before), cpu(after));
        let media = |reading: &Reading| reading.media.map(|media| media.cpu_seconds);
        sum(&mut self.media_cpu, media(before), media(after));
        sum(&mut self.sent, before.sent, after.sent);
        if let Some(residence) = &after.residence {
            let new = residence.since(before.residence.as_ref());
            self.residence = Some(self.residence.as_ref().map_or_else(|| new.clone(), |all| all.and(&new)));
        }
    }

    fn json(&self, name: &str, cycles: u64, listening: usize) -> Value {
        let quantile = |quantile| Some(self.residence.as_ref()?.quantile(quantile)? * 1_000.0);
        let seconds = self.seconds.max(f64::MIN_POSITIVE);
        json!({
            "part": name, "seconds": self.seconds,
            "packets_per_listener_and_cycle": self.sent.map(|sent| sent / (cycles * listening as u64) as f64),
            "packets_per_second": self.sent.map(|sent| sent / seconds),
            "server_cpu_cores": self.server_cpu.map(|cpu| cpu / seconds),
            "media_cpu_cores": self.media_cpu.map(|cpu| cpu / seconds),
            "us_per_packet": self.media_cpu.zip(self.sent).filter(|(_, sent)| *sent > 0.0).map(|(cpu, sent)| cpu * 1e6 / sent),
            "residence_ms_p50": quantile(0.50), "residence_ms_p99": quantile(0.99),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procfs::{Threads, Usage};
    use crate::scenario::speech::CYCLE;

    #[test]
    fn the_parts_are_where_the_talk_has_them() {
        let turns = Turns::with_pauses(1, &TALK);
        let speaks = |from: usize, to: usize| (from..to).filter(|&frame| turns.speaks(0, frame as u64)).count();
        let cycle: usize = TALK.iter().map(|(spoken, silent)| spoken + silent).sum();
        assert_eq!(CYCLE % cycle, 0, "the talk repeats as a whole");
        for (name, from, to) in PARTS {
            assert!(from < to && to <= cycle, "{name}");
            assert_eq!(speaks(from, to), if name == "signs_of_life" { 0 } else { to - from }, "{name}");
        }
        assert!(PARTS.windows(2).all(|parts| parts[0].2 <= parts[1].1), "one after another");
    }

    #[test]
    fn a_part_adds_up_over_cycles() {
        let began = tokio::time::Instant::now();
        let reading = |second: u64, cpu: f64, sent: f64, slow: u64| Reading {
            at: began + Duration::from_secs(second),
            usage: Some(Usage { cpu_seconds: cpu, rss_bytes: 0 }),
            media: Some(Threads { count: 1, cpu_seconds: cpu / 2.0 }),
            sent: Some(sent),
            residence: Histogram::parse(
                &format!("r_bucket{{le=\"0.01\"}} 0\nr_bucket{{le=\"0.02\"}} {slow}\nr_bucket{{le=\"+Inf\"}} {slow}"),
                "r",
            ),
            load_cpu: None,
        };
        let mut part = Part::default();
        part.add(&reading(0, 1.0, 100.0, 0), &reading(2, 2.0, 300.0, 4));
        part.add(&reading(9, 5.0, 900.0, 8), &reading(11, 6.0, 1_100.0, 16));
        let json = part.json("speech", 2, 10);
        assert_eq!((&json["seconds"], &json["packets_per_second"]), (&4.0.into(), &100.0.into()));
        assert_eq!((&json["server_cpu_cores"], &json["media_cpu_cores"]), (&0.5.into(), &0.25.into()));
        assert_eq!((&json["packets_per_listener_and_cycle"], &json["us_per_packet"]), (&20.0.into(), &2_500.0.into()));
        assert_eq!(part.residence.as_ref().map(Histogram::count), Some(12));
        assert_eq!(json["residence_ms_p50"], 15.0);
        // What could not be read once is not known.
        part.add(&Reading { sent: None, ..reading(12, 6.0, 0.0, 16) }, &reading(13, 6.5, 1_200.0, 16));
        assert_eq!(part.json("speech", 3, 10)["packets_per_second"], Value::Null);
    }
}
