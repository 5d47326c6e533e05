//! One room of the demo: its people, their microphones, and the conversation that goes round in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use roomtone::wire::command::Command;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use super::cast::Room;
use super::chance;
use super::dialogue::{Cue, Turns, When};
use super::members::Members;
use super::speech::{Speech, Studio};
use crate::api::Api;
use crate::control::Presence;
use crate::leg::{Leg, LegEvent};
use crate::voice::FRAME_MILLIS;
use crate::{Error, Result};

/// How long ICE and DTLS of a publish leg may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(20);
/// Sentences that may wait to be said by one person: one is said while the next is due.
const SENTENCES: usize = 4;
/// How long before somebody speaks they open their microphone.
const BREATH: Duration = Duration::from_millis(700);
/// How long after their last sentence somebody steps down.
const FAREWELL: Duration = Duration::from_millis(1_500);
/// Between the end of the conversation and its beginning again.
const INTERVAL: Duration = Duration::from_secs(5);
/// How late a sentence may be before the clock of the conversation is set back instead of hurrying: a machine that
/// slept must not make everybody talk at once.
const LATE: Duration = Duration::from_secs(1);
/// How likely somebody who has nothing to say for a while closes their microphone, each time that somebody else speaks.
const CLOSES: f64 = 0.35;
/// Sentences after the present one that somebody looks ahead to before closing their microphone.
const AHEAD: usize = 1;

/// What is said in a room, in the order of its cues; other cues have none.
pub type Lines = Vec<Option<Speech>>;

/// Speaks all sentences of a room; blocks while it does.
///
/// # Errors
/// Whatever keeps a sentence from being spoken.
pub fn rehearse(room: &Room, studio: &Studio) -> Result<Lines> {
    let speech = |cue: &Cue| match *cue {
        Cue::Say { who, text, .. } => studio.say(room.people[who].voice, text).map(Some),
        _ => Ok(None),
    };
    room.cues.iter().map(speech).collect()
}

/// A room whose people are there, those who begin on stage with their microphones open.
pub struct Stage {
    room: &'static Room,
    /// Its id.
    pub id: String,
    actors: Vec<Actor>,
    /// Visitors whose hands were up when the host looked last.
    seen: BTreeSet<String>,
}

/// Somebody who talks.
struct Actor {
    api: Api,
    handle: &'static str,
    presence: Presence,
    mouth: Option<Mouth>,
    open: bool,
}

/// A publish leg, which says what it is given and is silent otherwise.
struct Mouth {
    sentences: mpsc::Sender<Speech>,
    task: JoinHandle<Error>,
}

impl Drop for Mouth {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stage {
    /// Brings everybody into the room that was opened before, if its host still has it, or into a new one.
    ///
    /// # Errors
    /// Whatever keeps somebody from entering, from the stage, or from speaking there.
    pub async fn open(room: &'static Room, members: &mut Members) -> Result<Self> {
        let host = members.api(room.people[0].handle)?;
        let mut entered = None;
        if let Some(id) = members.room(room.title).map(str::to_owned)
            && let Ok(presence) = Presence::enter(&host, &id, false).await
            && presence.state().on_stage
        {
            entered = Some((id, presence));
        }
        let (id, presence) = match entered {
            Some(entered) => entered,
            None => {
                let id = host.open_room(room.title).await?;
                members.opened(room.title, &id)?;
                let presence = Presence::enter(&host, &id, false).await?;
                (id, presence)
            }
        };
        let mut stage = Self { room, id, actors: Vec::new(), seen: BTreeSet::new() };
        let actor = |api, handle, presence| Actor { api, handle, presence, mouth: None, open: false };
        stage.actors.push(actor(host, room.people[0].handle, presence));
        for person in &room.people[1..] {
            let api = members.api(person.handle)?;
            let presence = Presence::enter(&api, &stage.id, false).await?;
            stage.actors.push(actor(api, person.handle, presence));
        }
        for who in 0..stage.actors.len() {
            if who < room.on_stage {
                stage.raise(who, None).await?;
                stage.accept(who).await?;
                stage.publish(who).await?;
            } else if stage.actors[who].presence.state().on_stage {
                // Left there by an earlier start.
                stage.actors[who].presence.command(Command::StepDown).await?;
            }
        }
        Ok(stage)
    }

    /// Plays the conversation over and over.
    ///
    /// # Errors
    /// What ended it.
    pub async fn play(mut self, lines: &Lines) -> Result<std::convert::Infallible> {
        loop {
            self.play_once(lines).await?;
            sleep(INTERVAL).await;
        }
    }

    async fn play_once(&mut self, lines: &Lines) -> Result<()> {
        let mut began = Instant::now();
        let mut turns = Turns::default();
        for (index, (cue, line)) in self.room.cues.iter().zip(lines).enumerate() {
            let ends = began + Duration::from_millis(turns.ends());
            match (cue, line) {
                (&Cue::Say { who, when, .. }, Some(speech)) => {
                    let length = speech.len() as u64 * FRAME_MILLIS;
                    let mut begins = began + Duration::from_millis(turns.next(when, length, chance()));
                    let late = begins.elapsed();
                    if late > LATE {
                        (began, begins) = (began + late, begins + late);
                    }
                    sleep_until(begins - BREATH).await;
                    self.open_microphone(who).await?;
                    sleep_until(begins).await;
                    self.say(who, speech).await?;
                    if when == When::After {
                        self.close_microphones(index).await?;
                    }
                }
                (&Cue::Raise { who, question }, _) => self.raise(who, Some(question)).await?,
                (&Cue::Lower { who }, _) => self.actors[who].presence.command(Command::LowerHand).await?,
                (&Cue::Accept { who }, _) => {
                    sleep_until(ends).await;
                    self.accept(who).await?;
                }
                (&Cue::StepDown { who }, _) => {
                    sleep_until(ends + FAREWELL).await;
                    let actor = &mut self.actors[who];
                    (actor.mouth, actor.open) = (None, false);
                    actor.presence.command(Command::StepDown).await?;
                }
                (Cue::Say { .. }, None) => {}
            }
            self.look_around().await?;
        }
        sleep_until(began + Duration::from_millis(turns.ends())).await;
        Ok(())
    }

    /// Raises a hand, unless it is not needed.
    async fn raise(&mut self, who: usize, question: Option<&str>) -> Result<()> {
        let presence = &self.actors[who].presence;
        if presence.state().on_stage {
            return Ok(());
        }
        presence.command(Command::RaiseHand { question: question.map(str::to_owned) }).await
    }

    /// The host lets somebody up whose hand is up, or is about to be.
    async fn accept(&mut self, who: usize) -> Result<()> {
        let handle = self.actors[who].handle;
        if self.actors[who].presence.state().on_stage {
            return Ok(());
        }
        let host = &mut self.actors[0].presence;
        let state = host.wait("a hand", |state| state.hands.iter().any(|(_, one)| one == handle)).await?;
        if let Some((member, _)) = state.hands.into_iter().find(|(_, one)| one == handle) {
            host.command(Command::AcceptHand { member }).await?;
        }
        self.actors[who].presence.wait("an accepted hand", |state| state.on_stage).await.map(|_| ())
    }

    /// Opens a publish leg, which opens the microphone.
    async fn publish(&mut self, who: usize) -> Result<()> {
        let actor = &mut self.actors[who];
        let mut leg = Leg::publish(&actor.api, &self.id).await?;
        let connecting = async {
            loop {
                match leg.next().await? {
                    LegEvent::Connected => return Ok(()),
                    LegEvent::Heard(_) => {}
                    LegEvent::Disconnected => return Err(Error::Media("a publish leg was cut".into())),
                }
            }
        };
        timeout(CONNECT_PATIENCE, connecting).await.map_err(|_| Error::Timeout("a publish leg"))??;
        let (sentences, queue) = mpsc::channel(SENTENCES);
        actor.mouth = Some(Mouth { sentences, task: tokio::spawn(speak(leg, queue)) });
        actor.open = true;
        Ok(())
    }

    async fn open_microphone(&mut self, who: usize) -> Result<()> {
        let actor = &mut self.actors[who];
        if actor.mouth.as_ref().is_none_or(|mouth| mouth.task.is_finished()) {
            return self.publish(who).await;
        }
        if !actor.open {
            actor.open = true;
            actor.presence.command(Command::SetMic { open: true }).await?;
        }
        Ok(())
    }

    /// Some of those who have nothing to say for a while close their microphones.
    async fn close_microphones(&mut self, index: usize) -> Result<()> {
        let busy = busy(self.room.cues, index);
        for (who, actor) in self.actors.iter_mut().enumerate() {
            if actor.open && !busy.contains(&who) && chance() < CLOSES {
                actor.open = false;
                actor.presence.command(Command::SetMic { open: false }).await?;
            }
        }
        Ok(())
    }

    async fn say(&mut self, who: usize, speech: &Speech) -> Result<()> {
        let actor = &self.actors[who];
        match &actor.mouth {
            Some(mouth) => {
                // Full only when the leg has ended, and then the next sentence opens another.
                let _lost_with_the_leg = mouth.sentences.try_send(speech.clone());
                Ok(())
            }
            None => Err(Error::Media(format!("{} has no microphone", actor.handle))),
        }
    }

    /// Lets visitors on stage whose hands have been up for a sentence, and ends when somebody was sent out.
    async fn look_around(&mut self) -> Result<()> {
        if let Some(code) = self.actors.iter().find_map(|actor| actor.presence.state().bye) {
            return Err(Error::Connection(code.message().to_owned()));
        }
        let ours: BTreeSet<&str> = self.actors.iter().map(|actor| actor.handle).collect();
        let hands: BTreeMap<String, _> =
            self.actors[0].presence.state().hands.into_iter().map(|(member, handle)| (handle, member)).collect();
        for (handle, &member) in hands.iter().filter(|(handle, _)| !ours.contains(handle.as_str())) {
            if self.seen.contains(handle) {
                self.actors[0].presence.command(Command::AcceptHand { member }).await?;
            }
        }
        self.seen = hands.into_keys().collect();
        Ok(())
    }
}

/// Who speaks in the cue `index`, spoke just before, or will soon: their microphones stay open.
fn busy(cues: &[Cue], index: usize) -> BTreeSet<usize> {
    let says = |cue: &Cue| match *cue {
        Cue::Say { who, .. } => Some(who),
        _ => None,
    };
    let before = cues[..index].iter().rev().filter_map(says).take(2);
    before.chain(cues[index..].iter().filter_map(says).take(1 + AHEAD)).collect()
}

/// Says one sentence after another, a packet every 20 ms, until the leg ends or nobody can give it any more; returns
/// why it ended.
async fn speak(mut leg: Leg, mut sentences: mpsc::Receiver<Speech>) -> Error {
    let mut clock = interval(Duration::from_millis(FRAME_MILLIS));
    // After a stall all frames that are due go out at once, as from an encoder that was behind.
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut saying: Option<(Speech, usize)> = None;
    loop {
        tokio::select! {
            event = leg.next() => match event {
                Ok(LegEvent::Connected | LegEvent::Heard(_)) => {}
                Ok(LegEvent::Disconnected) => return Error::Media("the server cut the leg".into()),
                Err(error) => return error,
            },
            _ = clock.tick() => {
                if saying.is_none() {
                    saying = sentences.try_recv().ok().map(|speech| (speech, 0));
                }
                let frame = saying.as_ref().and_then(|(speech, at)| speech.get(*at));
                match frame {
                    Some(frame) => {
                        if let Err(error) = leg.send(frame) {
                            return error;
                        }
                    }
                    None => leg.pause(1),
                }
                saying = saying.map(|(speech, at)| (speech, at + 1)).filter(|(speech, at)| *at < speech.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cast::ROOMS;
    use super::*;

    #[test]
    fn nobody_closes_their_microphone_around_their_own_words() {
        let say = |who| Cue::Say { who, when: When::After, text: "So." };
        let raise = Cue::Raise { who: 9, question: "?" };
        let cues = [say(0), say(1), raise, say(2), say(0), say(3), raise, say(4), say(5)];
        for (index, expected) in [(0, [0, 1].as_slice()), (3, &[0, 1, 2]), (8, &[3, 4, 5])] {
            assert_eq!(busy(&cues, index), expected.iter().copied().collect(), "at {index}");
        }
    }

    #[test]
    fn every_sentence_is_rehearsed() {
        let folder = tempfile::tempdir().unwrap();
        let studio = Studio::wordless(folder.path());
        let lines = rehearse(&ROOMS[0], &studio).unwrap();
        assert_eq!(lines.len(), ROOMS[0].cues.len());
        for (cue, line) in ROOMS[0].cues.iter().zip(lines) {
            assert_eq!(matches!(cue, Cue::Say { .. }), line.is_some_and(|speech| !speech.is_empty()), "{cue:?}");
        }
    }
}
