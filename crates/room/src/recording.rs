//! Recording a room: who decides on it, who agrees to it, and whose voice goes into it. Each time that it is switched on begins a new
//! replay, to which everybody on stage has to agree anew.

use crate::command::Rejection;
use crate::event::{Event, Kind};
use crate::ids::{MemberId, ReplayId, TalkerNo, Timestamp};
use crate::participant::Participant;
use crate::role::Role;
use crate::room::Room;

/// To whom a replay will be open. In rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hearers {
    /// Members who were in the room while it was recorded.
    Attendees,
    /// All members.
    Members,
    /// Everybody, also without an account.
    Everyone,
}

impl Hearers {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Attendees, Self::Members, Self::Everyone];
}

/// A recording to be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewRecording {
    /// Of which replay; drawn by the caller.
    pub replay: ReplayId,
    /// To whom it will be open.
    pub to: Hearers,
    /// The version of the text that everybody is shown who is asked.
    pub text: u32,
}

/// The recording that goes on in a room. What was said about it when people were asked never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recording {
    /// Of which replay.
    pub replay: ReplayId,
    /// To whom it will be open.
    pub to: Hearers,
    /// The version of the text that everybody is shown who is asked.
    pub text: u32,
    /// Since when it goes on.
    pub since: Timestamp,
}

/// What somebody has said to being recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Consent {
    /// They are not asked: nothing is recorded, or they are not on stage.
    #[default]
    Unasked,
    /// They are asked and have not answered. They are not recorded.
    Asked,
    /// They agreed to this recording, and are recorded.
    Agreed,
    /// They did not agree, or have taken it back. They are not recorded.
    Refused,
}

/// Why a recording stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordingCause {
    /// The host switched it off.
    Host,
    /// There is no space left to keep it.
    DiskFull,
    /// It could not be kept for another reason.
    Failed,
    /// It is as long as one may be.
    TooLong,
}

impl Room {
    /// The recording that goes on.
    pub fn recording(&self) -> Option<Recording> {
        self.settings.recording.filter(|_| self.is_open())
    }

    /// Whose voice is recorded, by number, each with the number of their track: on stage, having agreed to this very recording, and the
    /// room not ended.
    pub fn recorded(&self) -> impl Iterator<Item = (TalkerNo, u32)> {
        let on = self.recording().is_some();
        let agreed = self.present.stage().filter(move |p| on && p.recorded == Consent::Agreed);
        agreed.filter_map(|p| Some((p.number, self.track_of(p.member)?)))
    }

    /// The number of somebody's track in the recording, from 1, if they have agreed to it at any time. It stays theirs while the recording
    /// lasts, unless they withdraw it.
    pub fn track_of(&self, member: MemberId) -> Option<u32> {
        self.tracks.get(&member).copied()
    }

    /// The host switches recording on or off.
    pub(crate) fn set_recording(
        &self,
        sender: &Participant,
        recording: Option<NewRecording>,
    ) -> Result<Vec<Event>, Rejection> {
        if sender.role != Role::Host {
            return Err(Rejection::NotAllowed);
        }
        let by = sender.member;
        match (recording, self.settings.recording) {
            (Some(_), _) if !self.may_be_kept() => Err(Rejection::NotInSheet),
            (Some(_), Some(_)) | (None, None) => Err(Rejection::NothingToChange),
            // What was said before few is not for many.
            (Some(new), None) if self.kind != Kind::Open && new.to != Hearers::Attendees => {
                Err(Rejection::RecordingTooOpen)
            }
            (Some(recording), None) => Ok(vec![Event::RecordingBegun { recording, by }]),
            (None, Some(on)) => {
                let cause = RecordingCause::Host;
                Ok(vec![Event::RecordingStopped { replay: on.replay, by: Some(by), cause }])
            }
        }
    }

    /// A recording cannot go on. Saying so twice is harmless, and so is saying it of one that is over.
    pub(crate) fn stop_recording(&self, replay: ReplayId, cause: RecordingCause) -> Vec<Event> {
        let on = self.settings.recording.filter(|on| on.replay == replay);
        on.map(|_| Event::RecordingStopped { replay, by: None, cause }).into_iter().collect()
    }

    /// Somebody on stage says whether they may be recorded; nobody says so for somebody else. To agree is to agree to what they were
    /// shown: this recording, in these words. Saying the same twice changes nothing and is no error.
    pub(crate) fn consent_recording(
        &self,
        sender: &Participant,
        replay: ReplayId,
        text: u32,
        agree: bool,
    ) -> Result<Vec<Event>, Rejection> {
        if !sender.role.on_stage() {
            return Err(Rejection::NotOnStage);
        }
        let on = self.settings.recording.ok_or(Rejection::RecordingOff)?;
        if on.replay != replay || (agree && on.text != text) {
            return Err(Rejection::StaleConsent);
        }
        let said = sender.recorded == if agree { Consent::Agreed } else { Consent::Refused };
        Ok(if said { Vec::new() } else { vec![Event::RecordingConsent { member: sender.member, replay, text, agree }] })
    }

    /// Somebody has withdrawn what was recorded of them: they take back their consent, if they gave it, and have no track any more. Of one
    /// that is nobody's, or of another recording, there is nothing to say; so saying it twice is harmless.
    pub(crate) fn withdraw_track(&self, replay: ReplayId, track: u32) -> Vec<Event> {
        let Some(on) = self.settings.recording.filter(|on| on.replay == replay) else { return Vec::new() };
        let Some((&member, _)) = self.tracks.iter().find(|(_, of)| **of == track) else { return Vec::new() };
        let agreed = self.present.get(member).is_some_and(|p| p.recorded == Consent::Agreed);
        let refuses = agreed.then_some(Event::RecordingConsent { member, replay, text: on.text, agree: false });
        refuses.into_iter().chain([Event::TrackWithdrawn { member, replay, track }]).collect()
    }

    /// Takes account of a recording that begins: everybody on stage is asked.
    pub(crate) fn recording_begun(&mut self, event: &Event, at: Timestamp) {
        self.tracks.clear();
        self.last_track = 0;
        self.settings.fold(event, at);
        self.present.change_stage(|p| p.recorded = Consent::Asked);
    }

    /// Takes account of the end of one.
    pub(crate) fn recording_stopped(&mut self, event: &Event, at: Timestamp) {
        self.settings.fold(event, at);
        self.present.change_stage(|p| p.recorded = Consent::Unasked);
    }

    /// Takes account of a track that was withdrawn.
    pub(crate) fn track_withdrawn(&mut self, member: MemberId, track: u32) {
        self.tracks.retain(|of, n| (*of, *n) != (member, track));
    }

    /// Takes account of what somebody said. The first time that they agree, they have a track.
    pub(crate) fn recording_answered(&mut self, member: MemberId, agree: bool) {
        self.present.change(member, |p| p.recorded = if agree { Consent::Agreed } else { Consent::Refused });
        if agree && !self.tracks.contains_key(&member) {
            self.last_track += 1;
            self.tracks.insert(member, self.last_track);
        }
    }
}
