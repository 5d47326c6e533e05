//! What is recorded of a live room: who of it goes to the recorder, and what is noted of the recording with the room's events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use roomtone_room::event::{Event, Numbered};
use roomtone_room::ids::{MemberId, ReplayId, TalkerNo, Timestamp};
use roomtone_room::{Actor, Applied, Command, Hearers, Question, Recording, RecordingCause, Rejection, Role};
use roomtone_store::{NewConsent, NewMark, NewReplay, RecordingChange, ReplayState, Speaker, StoreError};

use super::owner::Owner;
use super::round::Round;
use crate::edge;
use crate::media_io::Recorded;
use crate::recorder::{LONGEST, Reel};
use crate::wire::chatter::{Reaction, ReactionCount};
use crate::wire::replays::{self, ReplayMark};

/// For how long reactions are counted together before they are noted. Longer notes fewer; shorter tells more exactly when they came.
const REACTIONS_FOR: Duration = Duration::from_secs(5);

/// What an owner has of the recording that goes on in its room.
#[derive(Debug, Default)]
pub(super) struct Recordings {
    /// Which replay it is, and where what is said goes.
    reel: Option<(ReplayId, Arc<Reel>)>,
    /// Who the media thread was last told is recorded.
    told: BTreeMap<TalkerNo, u32>,
    /// Reactions that were not noted yet, and since when they are counted.
    reactions: BTreeMap<usize, u32>,
    counted_since: Option<(Instant, Timestamp)>,
}

impl Recordings {
    /// When something is to be noted even if nothing happens.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.counted_since.map(|(since, _)| since + REACTIONS_FOR)
    }
}

impl Owner {
    /// Makes it so that those are recorded who are by the rules, and nobody else. It is so when this returns; so whoever takes their
    /// consent back is not recorded any more when they are told.
    pub(super) async fn keep_recording(&mut self) {
        let on = self.room.recording();
        if self.recordings.reel.as_ref().map(|(replay, _)| *replay) != on.map(|on| on.replay) {
            self.record_nothing().await;
        }
        let Some(on) = on else { return };
        let reel = match &self.recordings.reel {
            Some((_, reel)) => reel.clone(),
            // Who has withdrawn what they said is not known yet.
            None if self.replay_due => return,
            None => {
                let reel = self.rooms.recorder.begin(on.replay, on.since);
                self.recordings.reel = Some((on.replay, reel.clone()));
                reel
            }
        };
        let talkers: BTreeMap<_, _> = self.room.recorded().collect();
        if talkers != self.recordings.told {
            let recorded =
                Recorded { talkers: talkers.iter().map(|(&talker, &track)| (talker, track)).collect(), reel };
            self.rooms.media.record(self.room.id(), Some(recorded)).await;
            self.recordings.told = talkers;
        }
    }

    /// Lets go of the recorder.
    pub(super) async fn record_nothing(&mut self) {
        if let Some((replay, reel)) = self.recordings.reel.take() {
            self.rooms.media.record(self.room.id(), None).await;
            self.recordings.told.clear();
            self.rooms.recorder.stop(replay, &reel);
        }
        self.recordings.counted_since = None;
        self.recordings.reactions.clear();
    }

    /// Stops a recording that cannot go on, or is as long as one may be.
    pub(super) fn look_at_recording(&mut self, round: &mut Round) {
        let failed = self.recordings.reel.as_ref().and_then(|(replay, reel)| Some((*replay, reel.failure()?)));
        let long = || {
            let on = self.room.recording()?;
            let is_long = edge::now().0.saturating_sub(on.since.0) >= LONGEST.as_millis() as u64;
            is_long.then_some((on.replay, RecordingCause::TooLong))
        };
        let Some((replay, cause)) = failed.or_else(long) else { return };
        // Harmless if it was stopped already.
        let _ = self.apply(Actor::System, Command::StopRecording { replay, cause }, round);
    }

    /// Follows the store in what is recorded: takes out of the room who has withdrawn their track, and stops a recording that has no replay any
    /// more. When the room starts, and after each such change; if the store fails, it is tried again in the next round.
    pub(super) async fn look_at_replay(&mut self, round: &mut Round) {
        let waiting = std::mem::take(&mut self.looking);
        if let Some(on) = self.room.recording() {
            match self.withdrawn(on.replay).await {
                Ok(Some(_)) if self.was_away => {
                    tracing::warn!("a recording does not go on behind the time in which the server was away");
                    let cause = RecordingCause::Failed;
                    let _ = self.apply(Actor::System, Command::StopRecording { replay: on.replay, cause }, round);
                }
                Ok(Some(tracks)) => {
                    for track in tracks {
                        // Harmless if it was taken out before.
                        let _ = self.apply(Actor::System, Command::WithdrawTrack { replay: on.replay, track }, round);
                    }
                }
                Ok(None) => {
                    let cause = RecordingCause::Failed;
                    let _ = self.apply(Actor::System, Command::StopRecording { replay: on.replay, cause }, round);
                }
                // Whoever waits is told that by the dropped answer.
                Err(error) => {
                    tracing::error!(%error, "it could not be looked up who has withdrawn what was recorded");
                    return;
                }
            }
        }
        (self.replay_due, self.was_away) = (false, false);
        round.done.extend(waiting);
    }

    /// The tracks of a replay that were withdrawn; `None` if there is no such replay, or its recording is over.
    async fn withdrawn(&self, replay: ReplayId) -> Result<Option<Vec<u32>>, StoreError> {
        let store = &self.rooms.store;
        if store.recording(replay).await?.is_none_or(|recorded| recorded.state != ReplayState::Recording) {
            return Ok(None);
        }
        let tracks = store.recorded_tracks(replay).await?;
        Ok(Some(tracks.into_iter().filter(|track| track.withdrawn_at.is_some()).map(|track| track.n).collect()))
    }

    /// Applies what somebody asks for, unless the host wants a recording to be open to more people than may know of what goes on in the
    /// room's house, which the rules do not know.
    pub(super) fn apply_asked(
        &mut self,
        sender: MemberId,
        actor: Actor,
        command: Command,
        round: &mut Round,
    ) -> Result<Applied, Rejection> {
        let private = self.house.as_ref().is_some_and(|house| !house.open);
        let openly = matches!(&command, Command::SetRecording { recording: Some(new) } if new.to != Hearers::Attendees);
        if private && openly && self.room.host() == sender {
            return Err(Rejection::RecordingTooOpen);
        }
        self.apply(actor, command, round)
    }

    /// The question that a command is about to settle, whose words are gone from the room afterwards.
    pub(super) fn about_to_be_answered(&self, command: &Command) -> Option<Question> {
        match command {
            Command::SettleQuestion { number, answered: true } => self.room.questions().get(*number).cloned(),
            _ => None,
        }
    }

    /// Notes what events mean for a recording. `settled` is the question that was.
    pub(super) fn note_recording(&self, events: &[Numbered], settled: Option<&Question>, round: &mut Round) {
        let on = self.room.settings().recording;
        for numbered in events {
            match &numbered.event {
                Event::RecordingStopped { replay, cause, .. } => {
                    if *cause != RecordingCause::Host {
                        tracing::error!(?cause, "a recording was stopped");
                    }
                    round.recordings.extend(self.stopped(*replay, numbered.at));
                }
                Event::Ended { .. } => {
                    round.recordings.extend(on.into_iter().flat_map(|on| self.stopped(on.replay, numbered.at)));
                }
                event => {
                    if let Some(on) = on {
                        self.note_event(on, numbered, event, settled, round);
                    }
                }
            }
        }
    }

    /// A recording is over, with what the talk is called and about by then.
    fn stopped(&self, replay: ReplayId, at: Timestamp) -> [RecordingChange; 3] {
        let (title, language) = (self.room.title().to_owned(), self.room.language().to_owned());
        let topics = RecordingChange::Topics(replay, self.room.topics().to_vec());
        let words = RecordingChange::TitledBy(replay, self.room.described_by());
        [topics, words, RecordingChange::Stopped { replay, at, title, language }]
    }

    /// Notes what an event means for a recording that goes on after it.
    fn note_event(
        &self,
        on: Recording,
        numbered: &Numbered,
        event: &Event,
        settled: Option<&Question>,
        round: &mut Round,
    ) {
        let changes = &mut round.recordings;
        let at_ms = numbered.at.0.saturating_sub(on.since.0);
        let mut mark = |author, mark: &ReplayMark| changes.push(mark_at(on.replay, at_ms, author, mark));
        match event {
            Event::RecordingBegun { .. } => self.note_beginning(on, numbered.at, changes),
            Event::RoleChanged { member, role: Role::Host, .. } => {
                changes.push(RecordingChange::Led(on.replay, *member))
            }
            Event::Entered { member, pass: None, .. } => {
                changes.push(RecordingChange::Attended(on.replay, vec![*member]));
            }
            Event::RecordingConsent { member, text, agree, .. } => {
                let guest = self.room.participant(*member).is_some_and(|p| p.is_guest());
                changes.push(RecordingChange::Said(NewConsent {
                    replay: on.replay,
                    seq: numbered.seq.0,
                    at: numbered.at,
                    speaker: if guest { Speaker::Guest(*member) } else { Speaker::Member(*member) },
                    name: self.people.get(member).map_or_else(String::new, |person| person.name.clone()),
                    track: self.room.track_of(*member),
                    text: *text,
                    agree: *agree,
                }));
            }
            Event::LinkPinned { url, label, by, .. } => {
                mark(Some(*by), &ReplayMark::Link { url: url.clone(), label: label.clone() });
            }
            Event::FloorGiven { member, .. } => {
                let speaker = member.and_then(|member| self.room.track_of(member));
                mark(None, &ReplayMark::Floor { speaker });
            }
            Event::QuestionTaken { asker, .. } => {
                if let Some((_, question)) = self.room.questions().taken() {
                    mark(Some(*asker), &ReplayMark::QuestionTaken { text: question.text.clone() });
                }
            }
            Event::QuestionSettled { answered: true, .. } => {
                if let Some(question) = settled {
                    mark(Some(question.by), &ReplayMark::QuestionAnswered { text: question.text.clone() });
                }
            }
            Event::TimerSet { until, .. } => {
                let until_ms = until.map(|until| until.0.saturating_sub(on.since.0));
                mark(None, &ReplayMark::Timer { until_ms });
            }
            _ => {}
        }
    }

    /// Notes a recording that begins, who is there, and what is so already.
    fn note_beginning(&self, on: Recording, began_at: Timestamp, changes: &mut Vec<RecordingChange>) {
        changes.push(RecordingChange::Begun(NewReplay {
            id: on.replay,
            began_at,
            host: self.room.host(),
            title: self.room.title().to_owned(),
            language: self.room.language().to_owned(),
            hearers: replays::Hearers::from(on.to).into(),
            consent: on.text,
        }));
        changes.push(RecordingChange::Topics(on.replay, self.room.topics().to_vec()));
        let members: Vec<MemberId> = self.room.participants().filter(|p| !p.is_guest()).map(|p| p.member).collect();
        changes.push(RecordingChange::Attended(on.replay, members));
        let settings = self.room.settings();
        let mut mark = |author, mark: &ReplayMark| changes.push(mark_at(on.replay, 0, author, mark));
        for link in &settings.links {
            mark(Some(link.by), &ReplayMark::Link { url: link.url.clone(), label: link.label.clone() });
        }
        if let Some((_, question)) = self.room.questions().taken() {
            mark(Some(question.by), &ReplayMark::QuestionTaken { text: question.text.clone() });
        }
        if let Some(until) = settings.timer {
            mark(None, &ReplayMark::Timer { until_ms: Some(until.0.saturating_sub(on.since.0)) });
        }
    }

    /// Counts reactions for the recording, if one goes on.
    pub(super) fn count_reactions(&mut self, counts: &[ReactionCount]) {
        if counts.is_empty() || self.room.recording().is_none() {
            return;
        }
        self.recordings.counted_since.get_or_insert_with(|| (edge::instant(), edge::now()));
        for counted in counts {
            let sum = self.recordings.reactions.entry(counted.kind as usize).or_default();
            *sum = sum.saturating_add(counted.count);
        }
    }

    /// Notes the reactions of the last while, if it is time.
    pub(super) fn note_reactions(&mut self, round: &mut Round) {
        let recordings = &mut self.recordings;
        let Some((_, at)) = recordings.counted_since.take_if(|(since, _)| *since + REACTIONS_FOR <= edge::instant())
        else {
            return;
        };
        let counts = std::mem::take(&mut recordings.reactions);
        let Some(on) = self.room.recording() else { return };
        let at_ms = at.0.saturating_sub(on.since.0);
        for reaction in Reaction::ALL {
            if let Some(&count) = counts.get(&(reaction as usize)) {
                round.recordings.push(mark_at(on.replay, at_ms, None, &ReplayMark::Reaction { reaction, count }));
            }
        }
    }
}

fn mark_at(replay: ReplayId, at_ms: u64, author: Option<MemberId>, mark: &ReplayMark) -> RecordingChange {
    let kind = match mark {
        ReplayMark::Link { .. } => "link",
        ReplayMark::Floor { .. } => "floor",
        ReplayMark::QuestionTaken { .. } => "question_taken",
        ReplayMark::QuestionAnswered { .. } => "question_answered",
        ReplayMark::Reaction { .. } => "reaction",
        ReplayMark::Timer { .. } => "timer",
    };
    let body = serde_json::to_string(mark).expect("plain data with string keys always serialises");
    RecordingChange::Marked(NewMark { replay, at_ms, author, kind, body })
}
