//! The random run: members come and go, hear by a leg or by a plain stream, take the stage, are put off it, out and under block, and
//! come with another device, while their former devices go on listening; they agree to be recorded and take that back. At every sample the
//! roster is exactly those who receive sound, and nobody is recorded but who has agreed to it and may speak.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::Method;
use roomtone::wire::command::Command;
use roomtone::wire::recording::{Consent, Recording};
use roomtone::wire::replays::Hearers;
use roomtone::wire::{Id, MemberId};
use serde_json::json;
use tokio::task::{JoinHandle, JoinSet};

use super::scene::{Ground, lock};
use super::stored;
use super::stream::{self, Stream};
use crate::api::Api;
use crate::control::Presence;
use crate::leg::{Leg, LegEvent, SLOTS};
use crate::report::Report;
use crate::scenario::agreement::Agreement;
use crate::scenario::speech::Dice;
use crate::scenario::{connected, talk};
use crate::tally::Known;
use crate::voice::Script;
use crate::{Error, Result};

/// Members of one room besides the host, who stays.
pub(super) const MEMBERS: usize = 24;
/// Steps that are under way at once in one room.
const AT_ONCE: usize = 6;
/// Steps in a room from one sample to the next.
const SAMPLE_EVERY: usize = 100;
/// Before a sample, for what was asked of the room to be done.
const QUIET: Duration = Duration::from_millis(300);
/// From the roster to the time in which those who receive are counted: what was on its way has come.
const SETTLE: Duration = Duration::from_millis(250);
/// How long they are counted: longer than the longest packets, and a short hiccup.
const COUNTED: Duration = Duration::from_millis(600);
/// A sample in which the roster has changed by itself, as when somebody's time to come back is over, is taken again.
const SAMPLE_ATTEMPTS: usize = 10;
/// Former devices that go on listening, for each member.
const GHOSTS: usize = 3;
/// In so many samples somebody was recorded.
const SAMPLES_TO_RECORD: usize = 20;
/// How long one step may take.
const STEP_PATIENCE: Duration = Duration::from_secs(40);

/// What somebody does, or has done to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Enter,
    Leave,
    LoseConnection,
    SecondDevice,
    NewLeg,
    PlainStream,
    TakeStage,
    ComeDown,
    Demote,
    Agree,
    TakeBack,
    Mute,
    Unmute,
    Remove,
    Ban,
    Unban,
    Block,
    Unblock,
}

/// How often each is drawn: entering makes up for all the ways out.
const STEPS: [(Step, usize); 18] = [
    (Step::Enter, 30),
    (Step::Leave, 8),
    (Step::LoseConnection, 5),
    (Step::SecondDevice, 12),
    (Step::NewLeg, 8),
    (Step::PlainStream, 10),
    (Step::TakeStage, 8),
    (Step::ComeDown, 3),
    (Step::Demote, 5),
    (Step::Agree, 12),
    (Step::TakeBack, 4),
    (Step::Mute, 4),
    (Step::Unmute, 3),
    (Step::Remove, 6),
    (Step::Ban, 3),
    (Step::Unban, 12),
    (Step::Block, 3),
    (Step::Unblock, 12),
];

impl Step {
    fn draw(dice: &mut Dice) -> Self {
        let mut at = dice.within(0, STEPS.iter().map(|(_, weight)| weight).sum());
        for (step, weight) in STEPS {
            if at < weight {
                return step;
            }
            at -= weight;
        }
        Self::Enter
    }
}

/// What the run has shown.
#[derive(Debug, Default)]
pub(super) struct Walk {
    steps: usize,
    /// How often each was carried out; what something else has overtaken is not counted here.
    done: BTreeMap<Step, usize>,
    /// Steps that the server did not let anybody take, as somebody who is blocked, with its codes.
    refused: BTreeMap<String, usize>,
    failed: Vec<String>,
    agreement: Agreement,
    /// Tracks that grew during samples, all together.
    grew: usize,
    /// Who differed in the first samples that were wrong.
    differences: Vec<String>,
}

impl Walk {
    pub(super) fn fill(&self, report: &mut Report) {
        report.extra("steps", self.steps);
        let done: serde_json::Map<_, _> =
            self.done.iter().map(|(step, count)| (format!("{step:?}"), (*count).into())).collect();
        report.extra("steps_done", vec![serde_json::Value::Object(done)]);
        let refused: serde_json::Map<_, _> =
            self.refused.iter().map(|(code, count)| (code.clone(), (*count).into())).collect();
        report.extra("steps_taken", self.done.values().sum::<usize>());
        report.extra("steps_refused", self.refused.values().sum::<usize>());
        report.extra("steps_refused_by", vec![serde_json::Value::Object(refused)]);
        report.extra("steps_failed", self.failed.len());
        report.extra("tracks_grown", self.grew);
        self.agreement.fill(report);
    }

    /// What this room and another have shown.
    fn and(mut self, other: Self) -> Self {
        self.steps += other.steps;
        other.done.into_iter().for_each(|(step, count)| *self.done.entry(step).or_default() += count);
        other.refused.into_iter().for_each(|(code, count)| *self.refused.entry(code).or_default() += count);
        self.failed.extend(other.failed);
        self.agreement.add(&other.agreement);
        self.grew += other.grew;
        self.differences.extend(other.differences);
        self
    }

    pub(super) fn violations(&self) -> Vec<String> {
        let mut lines = self.differences.clone();
        lines.extend(self.failed.iter().map(|why| format!("a step failed: {why}")));
        let (taken, wrong) = self.agreement.counts();
        if wrong > 0 {
            lines.push(format!("{wrong} of {taken} samples: the roster is not those who receive"));
        }
        if self.grew == 0 && taken >= SAMPLES_TO_RECORD {
            lines.push(format!("in {taken} samples nobody was recorded"));
        }
        lines
    }
}

/// One of the members.
struct Member {
    api: Api,
    handle: String,
    presence: Option<Presence>,
    ear: Option<Ear>,
    mouth: Option<JoinHandle<Error>>,
    /// Legs of former visits and devices, which go on for as long as the server lets them.
    ghosts: Vec<Ear>,
    /// Who they are, once they have been in.
    id: Option<Id<MemberId>>,
    /// Whether the host has banned or blocked them.
    banned: bool,
    blocked: bool,
}

/// What somebody hears by, which goes on until it ends, whatever became of its owner.
enum Ear {
    Leg { heard: Arc<Mutex<Option<Instant>>>, task: JoinHandle<()> },
    Stream(Stream),
}

impl Ear {
    fn of_leg(mut leg: Leg) -> Self {
        let heard = Arc::new(Mutex::new(None));
        let hearing = heard.clone();
        let task = tokio::spawn(async move {
            while let Ok(event) = leg.next().await {
                if let LegEvent::Heard(_) = event {
                    *lock(&hearing) = Some(Instant::now());
                }
            }
        });
        Self::Leg { heard, task }
    }

    fn heard_since(&self, since: Instant) -> bool {
        let newest = match self {
            Self::Leg { heard, .. } => *lock(heard),
            Self::Stream(stream) => stream.newest(),
        };
        newest.is_some_and(|at| at > since)
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        if let Self::Leg { task, .. } = self {
            task.abort();
        }
    }
}

/// What a step needs besides the member.
#[derive(Clone)]
struct Room {
    id: String,
    host: Api,
    chair: Arc<Presence>,
    script: Script,
    recording: Recording,
    /// The server's data folder.
    data: PathBuf,
}

/// Carries out so many steps in all, in so many rooms at the same time: most of the time of one goes to holding still for its
/// samples.
///
/// # Errors
/// Whatever keeps a room from being opened, or a sample from being taken.
pub(super) async fn run(ground: &Arc<Ground>, steps: usize, rooms: usize) -> Result<Walk> {
    let mut walks = JoinSet::new();
    for room in 0..rooms {
        let (ground, share) = (ground.clone(), steps / rooms + usize::from(room < steps % rooms));
        walks.spawn(async move { walk(&ground, share).await });
    }
    let mut all = Walk::default();
    while let Some(walk) = walks.join_next().await {
        all = all.and(walk.map_err(|error| Error::Media(error.to_string()))??);
    }
    Ok(all)
}

/// The same in one room.
async fn walk(ground: &Ground, steps: usize) -> Result<Walk> {
    let script = ground.script.clone();
    let (host, host_handle) = ground.member().await?;
    let room = host.open_room("A random run").await?;
    let mut chair = Presence::enter(&host, &room, true).await?;
    chair.command(Command::SetRecording { to: Some(Hearers::Everyone) }).await?;
    let on = chair.wait("a recording", |state| state.recording.is_some()).await?.recording;
    let recording = on.ok_or(Error::Timeout("a recording"))?;
    let chair = Arc::new(chair);
    let leg = connected(Leg::publish(&host, &room).await?).await?;
    let voice = tokio::spawn(talk(leg, Arc::new(Known::new(script.clone()))));
    let room = Room { id: room, host, chair, script, recording, data: ground.data.clone() };
    let mut members = Vec::with_capacity(MEMBERS);
    for _ in 0..MEMBERS {
        let (api, handle) = ground.member().await?;
        let (presence, ear, mouth) = (None, None, None);
        members.push(Some(Member {
            api,
            handle,
            presence,
            ear,
            mouth,
            ghosts: Vec::new(),
            id: None,
            banned: false,
            blocked: false,
        }));
    }
    let (mut walk, mut dice, mut running) = (Walk::default(), Dice::new(), JoinSet::new());
    while walk.steps < steps {
        while running.len() >= AT_ONCE {
            take(&mut members, &mut running, &mut walk).await?;
        }
        let index = dice.within(0, MEMBERS);
        let step = Step::draw(&mut dice);
        // Whoever is in the middle of something else does not do this as well, and nobody does what makes no sense.
        let Some(mut member) = members[index].take_if(|member| member.could(step)) else { continue };
        walk.steps += 1;
        let there = room.clone();
        running.spawn(async move {
            let done = tokio::time::timeout(STEP_PATIENCE, member.take_step(step, &there)).await;
            (index, member, step, done.unwrap_or(Err(Error::Timeout("a step"))))
        });
        if walk.steps.is_multiple_of(SAMPLE_EVERY) || walk.steps == steps {
            while !running.is_empty() {
                take(&mut members, &mut running, &mut walk).await?;
            }
            sample(&members, &room, &host_handle, &mut walk).await?;
        }
    }
    voice.abort();
    Ok(walk)
}

/// Takes in a step that is done.
async fn take(
    members: &mut [Option<Member>],
    running: &mut JoinSet<(usize, Member, Step, Result<bool>)>,
    walk: &mut Walk,
) -> Result<()> {
    let Some(done) = running.join_next().await else { return Ok(()) };
    let (index, member, step, done) = done.map_err(|error| Error::Media(error.to_string()))?;
    members[index] = Some(member);
    match done {
        Ok(true) => *walk.done.entry(step).or_default() += 1,
        Ok(false) => {}
        Err(Error::Refused { code, .. }) => *walk.refused.entry(format!("{step:?} {code}")).or_default() += 1,
        Err(error) => walk.failed.push(format!("{step:?}: {error}")),
    }
    Ok(())
}

/// Compares the roster with those who receive, while nobody does anything.
async fn sample(members: &[Option<Member>], room: &Room, host: &str, walk: &mut Walk) -> Result<()> {
    let roster = async || -> Result<BTreeSet<String>> {
        let mut roster: BTreeSet<String> = room.host.roster(&room.id).await?.into_iter().collect();
        roster.remove(host);
        Ok(roster)
    };
    tokio::time::sleep(QUIET).await;
    for _ in 0..SAMPLE_ATTEMPTS {
        let before = roster().await?;
        tokio::time::sleep(SETTLE).await;
        let since = Instant::now();
        let replay = room.recording.replay.0;
        let lengths = stored::lengths(&room.data, replay);
        tokio::time::sleep(COUNTED).await;
        let mut grown = stored::lengths(&room.data, replay);
        grown.retain(|n, length| lengths.get(n).is_some_and(|before| before < length));
        let receives = |member: &&Member| member.ear.iter().chain(&member.ghosts).any(|ear| ear.heard_since(since));
        let receiving: BTreeSet<String> =
            members.iter().flatten().filter(receives).map(|member| member.handle.clone()).collect();
        // On several devices at once is a ghost too.
        let twice = members
            .iter()
            .flatten()
            .filter(|member| member.ear.iter().chain(&member.ghosts).filter(|ear| ear.heard_since(since)).count() > 1);
        let twice: Vec<String> = twice.map(|member| member.handle.clone()).collect();
        if roster().await? != before {
            continue;
        }
        if !walk.agreement.compare(&before, &receiving) && walk.differences.len() < SAMPLE_ATTEMPTS {
            let deaf: Vec<_> = before.difference(&receiving).cloned().collect();
            let ghosts: Vec<_> = receiving.difference(&before).cloned().collect();
            walk.differences
                .push(format!("after {} steps: without sound {deaf:?}, off the roster {ghosts:?}", walk.steps));
        }
        let owners = if grown.is_empty() { BTreeMap::new() } else { stored::owners(&room.data, replay).await? };
        let recorded = room.chair.state().recorded;
        let may = |member: &&Member| {
            let state = member.presence.as_ref().map(Presence::state);
            state.is_some_and(|state| state.on_stage && !state.muted)
                && member.id.is_some_and(|id| recorded.get(&id) == Some(&Consent::Agreed))
        };
        let may: BTreeSet<_> = members.iter().flatten().filter(may).filter_map(|member| Some(member.id?.0)).collect();
        let wrong: Vec<_> = grown.keys().filter(|n| !owners.get(*n).is_some_and(|id| may.contains(id))).collect();
        if !wrong.is_empty() {
            walk.differences.push(format!("after {} steps: recorded against their will {wrong:?}", walk.steps));
        }
        walk.grew += grown.len();
        if !twice.is_empty() {
            walk.differences.push(format!("after {} steps: on two devices {twice:?}", walk.steps));
        }
        return Ok(());
    }
    Err(Error::Timeout("a roster that stays the same"))
}

impl Member {
    /// Whether a step makes sense, as far as they know.
    fn could(&self, step: Step) -> bool {
        let state = self.presence.as_ref().map(Presence::state).filter(|state| state.bye.is_none());
        let (on_stage, muted) = state.as_ref().map_or((false, false), |state| (state.on_stage, state.muted));
        let agreed = state.as_ref().is_some_and(|state| {
            state.member.is_some_and(|member| state.recorded.get(&member) == Some(&Consent::Agreed))
        });
        match step {
            Step::Enter => state.is_none(),
            Step::Leave | Step::LoseConnection | Step::SecondDevice | Step::NewLeg | Step::Remove => state.is_some(),
            Step::TakeStage | Step::PlainStream => state.is_some() && !on_stage,
            Step::ComeDown | Step::Demote => on_stage,
            Step::Agree => on_stage && !agreed,
            Step::TakeBack => agreed,
            Step::Mute => on_stage && !muted,
            Step::Unmute => muted,
            Step::Ban => !self.banned && self.id.is_some(),
            Step::Unban => self.banned,
            Step::Block => !self.blocked,
            Step::Unblock => self.blocked,
        }
    }

    /// Takes a step; false if something that was on its way has overtaken it.
    async fn take_step(&mut self, step: Step, room: &Room) -> Result<bool> {
        let done = self.act(step, room).await;
        let state = self.presence.as_ref().map(Presence::state);
        let overtaken =
            state.is_some_and(|now| now.bye.is_some() || step == Step::TakeStage && (!now.on_stage || now.muted));
        match done {
            Err(Error::Connection(_) | Error::Media(_) | Error::Timeout(_)) if overtaken => Ok(false),
            done => done,
        }
    }

    async fn act(&mut self, step: Step, room: &Room) -> Result<bool> {
        // What happened since the last one.
        if self.presence.as_ref().is_some_and(|presence| presence.state().bye.is_some()) {
            self.gone();
        }
        let state = self.presence.as_ref().map(Presence::state);
        let on_stage = state.as_ref().is_some_and(|state| state.on_stage);
        let (muted, member) = state.map_or((false, None), |state| (state.muted, state.member));
        match (step, &mut self.presence, member) {
            (Step::Enter, None, _) | (Step::SecondDevice, Some(_), _) => {
                let presence = Presence::enter(&self.api, &room.id, false).await?;
                self.gone();
                self.id = presence.state().member;
                self.presence = Some(presence);
                self.listen(room).await?;
            }
            (Step::NewLeg, Some(_), _) => self.listen(room).await?,
            (Step::PlainStream, Some(_), _) if !on_stage => {
                let stream = Stream::open(&self.api, &stream::path(&room.id)).await?;
                self.keep_as_ghost();
                self.ear = Some(Ear::Stream(stream));
            }
            (Step::Leave, presence @ Some(_), _) => {
                let leaving = presence.take();
                self.gone();
                if let Some(leaving) = leaving {
                    leaving.leave().await?;
                }
            }
            (Step::LoseConnection, Some(_), _) => self.gone(),
            (Step::TakeStage, Some(presence), _) if !on_stage => {
                presence.come_on_stage().await?;
                // A stream ends there.
                if matches!(self.ear, Some(Ear::Stream(_))) {
                    self.listen(room).await?;
                }
                let leg = connected(Leg::publish(&self.api, &room.id).await?).await?;
                self.mouth = Some(tokio::spawn(talk(leg, Arc::new(Known::new(room.script.clone())))));
                // Some agree at once, so that there is somebody of whom something is stored.
                if self.handle.ends_with(['0', '2', '4', '6', '8']) {
                    self.say(room, true).await?;
                }
            }
            (Step::ComeDown, Some(presence), _) if on_stage => presence.command(Command::StepDown).await?,
            (Step::Agree | Step::TakeBack, Some(_), _) if on_stage => self.say(room, step == Step::Agree).await?,
            (Step::Demote, Some(_), Some(member)) if on_stage => {
                room.chair.command(Command::MoveToAudience { member }).await?;
            }
            (Step::Mute, Some(_), Some(member)) if on_stage && !muted => {
                room.chair.command(Command::Mute { member }).await?;
            }
            (Step::Unmute, Some(_), Some(member)) if muted => room.chair.command(Command::Unmute { member }).await?,
            (Step::Remove, Some(_), Some(member)) => room.chair.command(Command::Remove { member }).await?,
            (Step::Ban, _, _) if !self.banned => {
                let Some(member) = self.id else { return Ok(false) };
                self.banned = true;
                room.chair.command(Command::Ban { member, reason: None }).await?;
            }
            (Step::Unban, _, _) if self.banned => {
                let Some(member) = self.id else { return Ok(false) };
                self.banned = false;
                room.chair.command(Command::Unban { member }).await?;
            }
            (Step::Block, _, _) if !self.blocked => self.block(room, Method::PUT).await?,
            (Step::Unblock, _, _) if self.blocked => self.block(room, Method::DELETE).await?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Says whether they may be recorded.
    async fn say(&self, room: &Room, agree: bool) -> Result<()> {
        let Recording { replay, text, .. } = room.recording;
        let Some(presence) = &self.presence else { return Ok(()) };
        presence.command(Command::ConsentRecording { replay, text, agree }).await
    }

    /// The host blocks them, or does not any more.
    async fn block(&mut self, room: &Room, method: Method) -> Result<()> {
        self.blocked = method == Method::PUT;
        room.host.order(method, &format!("/api/members/{}/block", self.handle), &json!({})).await
    }

    /// Makes a new listen leg; the former one goes on.
    async fn listen(&mut self, room: &Room) -> Result<()> {
        let leg = connected(Leg::listen(&self.api, &room.id, SLOTS).await?).await?;
        self.keep_as_ghost();
        self.ear = Some(Ear::of_leg(leg));
        Ok(())
    }

    /// They are not there any more, as far as they know; their legs go on.
    fn gone(&mut self) {
        self.presence = None;
        if let Some(mouth) = self.mouth.take() {
            mouth.abort();
        }
        self.keep_as_ghost();
    }

    fn keep_as_ghost(&mut self) {
        self.ghosts.extend(self.ear.take());
        let over = self.ghosts.len().saturating_sub(GHOSTS);
        self.ghosts.drain(..over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_drawn_about_as_often_as_it_should() {
        let (mut dice, mut drawn) = (Dice::new(), BTreeMap::new());
        for _ in 0..10_000 {
            *drawn.entry(Step::draw(&mut dice)).or_insert(0) += 1;
        }
        for (step, weight) in STEPS {
            let count = drawn.get(&step).copied().unwrap_or(0);
            assert!((60 * weight..140 * weight).contains(&count), "{step:?}: {count}");
        }
    }

    #[test]
    fn rooms_add_up() {
        let somebody = BTreeSet::from(["a".to_owned()]);
        let one = || {
            let mut walk = Walk { steps: 3, failed: vec!["no".into()], ..Walk::default() };
            walk.done.insert(Step::Enter, 2);
            walk.refused.insert("Enter banned".into(), 1);
            walk.differences.push("b".into());
            walk.agreement.compare(&somebody, &BTreeSet::new());
            walk
        };
        let both = one().and(one());
        assert_eq!((both.steps, both.done[&Step::Enter], both.refused["Enter banned"]), (6, 4, 2));
        assert_eq!((both.agreement.counts(), both.violations().len()), ((2, 2), 5));
    }

    #[test]
    fn whatever_differs_is_a_violation() {
        assert!(Walk::default().violations().is_empty());
        let mut walk = Walk { failed: vec!["Enter: no".into()], ..Walk::default() };
        assert_eq!(walk.violations(), ["a step failed: Enter: no"]);
        walk.failed.clear();
        let somebody = BTreeSet::from(["a".to_owned()]);
        walk.agreement.compare(&somebody, &BTreeSet::new());
        walk.agreement.compare(&somebody, &somebody);
        assert_eq!(walk.violations(), ["1 of 2 samples: the roster is not those who receive"]);
    }
}
