//! A room as plain data: what a server writes down now and then, and how a room comes back from it.

use crate::RESTART_GRACE_MILLIS;
use crate::event::{Kind, Numbered};
use crate::ids::{CommandId, HouseId, MemberId, RoleEpoch, RoomId, Seq, TalkerNo, Timestamp};
use crate::memory::Memory;
use crate::participant::Participant;
use crate::room::Room;
use crate::settings::{Ban, CallUp, Settings, Waiting};
use crate::terms::{Questions, Terms};

/// Everything about a room. [`Room::to_state`] and [`Room::from_state`] are inverse to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The room.
    pub id: RoomId,
    /// Its title.
    pub title: String,
    /// Who may come in.
    pub kind: Kind,
    /// BCP 47 language tag of the talk.
    pub language: String,
    /// What it is about.
    pub topics: Vec<String>,
    /// The house whose room it is.
    pub house: Option<HouseId>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ended; `None` while it is open.
    pub ended_at: Option<Timestamp>,
    /// The host, or the last one of a room that ended without.
    pub host: MemberId,
    /// Who may come in whatever the kind: the opener, those named at the opening, and those who came because a moderator had
    /// called them up, ascending.
    pub named: Vec<MemberId>,
    /// The last event's number.
    pub seq: Seq,
    /// The last event's time.
    pub last_at: Timestamp,
    /// The highest participant number given so far.
    pub last_number: TalkerNo,
    /// The role epoch of whoever comes in next: above every one that somebody who has left had.
    pub first_epoch: RoleEpoch,
    /// Everybody present, by number.
    pub participants: Vec<Participant>,
    /// Whose hands are up, in the order of the queue.
    pub queue: Vec<MemberId>,
    /// What moderators set.
    pub settings: Settings,
    /// What was agreed about the talk, if the room was opened from a talk sheet.
    pub terms: Option<Terms>,
    /// The questions that it brought along and that are not settled.
    pub questions: Questions,
    /// Who changed what the room says about itself, if that was done since it was opened.
    pub described_by: Option<MemberId>,
    /// Who has opened the microphone at least once, ascending.
    pub spoken: Vec<MemberId>,
    /// Who is kept out, by member.
    pub bans: Vec<(MemberId, Ban)>,
    /// Who was called up and has not come, by member.
    pub called: Vec<(MemberId, CallUp)>,
    /// The guests who wait, by their id.
    pub waiting: Vec<(MemberId, Waiting)>,
    /// The guests who were let in, by their id, each with the end of their pass.
    pub let_in: Vec<(MemberId, Timestamp)>,
    /// Whose track has which number in what is recorded, or was last, by member.
    pub tracks: Vec<(MemberId, u32)>,
    /// The highest number that a track was given in it.
    pub last_track: u32,
    /// Answered commands: of members no longer present first (longest gone first), then of those present.
    pub answered: Vec<Answered>,
}

/// The newest commands of one member that were answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Whose.
    pub member: MemberId,
    /// Oldest first, each with the room's sequence number after it.
    pub commands: Vec<(CommandId, Seq)>,
}

impl State {
    /// The same state without what a member wrote, and without what is kept about them who is not in the room.
    pub fn without_words_of(self, member: MemberId) -> Self {
        let mut room = Room::from_state(self);
        room.forget(member);
        room.to_state()
    }
}

impl Room {
    /// The room as plain data.
    pub fn to_state(&self) -> State {
        State {
            id: self.id,
            title: self.title.clone(),
            kind: self.kind,
            language: self.language.clone(),
            topics: self.topics.clone(),
            house: self.house,
            opened_at: self.opened_at,
            ended_at: self.ended_at,
            host: self.host,
            named: self.named.iter().copied().collect(),
            seq: self.seq,
            last_at: self.last_at,
            last_number: self.last_number,
            first_epoch: self.first_epoch,
            participants: self.participants().cloned().collect(),
            queue: self.hands().map(|participant| participant.member).collect(),
            settings: self.settings.clone(),
            terms: self.terms.clone(),
            questions: self.questions.clone(),
            described_by: self.described_by,
            spoken: self.spoken.iter().copied().collect(),
            bans: self.bans.iter().map(|(member, ban)| (*member, ban.clone())).collect(),
            called: self.called.iter().map(|(member, call)| (*member, call.clone())).collect(),
            waiting: self.waiting.iter().map(|(guest, waiting)| (*guest, *waiting)).collect(),
            let_in: self.let_in.iter().map(|(guest, until)| (*guest, *until)).collect(),
            tracks: self.tracks.iter().map(|(member, number)| (*member, *number)).collect(),
            last_track: self.last_track,
            answered: self.memory.to_list(),
        }
    }

    /// The room that [`Room::to_state`] wrote down.
    pub fn from_state(state: State) -> Self {
        let mut room = Self {
            id: state.id,
            title: state.title,
            kind: state.kind,
            language: state.language,
            topics: state.topics,
            house: state.house,
            opened_at: state.opened_at,
            ended_at: state.ended_at,
            host: state.host,
            named: state.named.into_iter().collect(),
            seq: state.seq,
            last_at: state.last_at,
            last_number: state.last_number,
            first_epoch: state.first_epoch,
            present: Default::default(),
            memory: Memory::default(),
            settings: state.settings,
            terms: state.terms,
            questions: state.questions,
            described_by: state.described_by,
            spoken: state.spoken.into_iter().collect(),
            bans: state.bans.into_iter().collect(),
            called: state.called.into_iter().collect(),
            waiting: state.waiting.into_iter().collect(),
            let_in: state.let_in.into_iter().collect(),
            tracks: state.tracks.into_iter().collect(),
            last_track: state.last_track,
        };
        for participant in state.participants {
            room.present.insert(participant);
        }
        room.present.order_queue(&state.queue);
        for answered in state.answered {
            let present = room.present.get(answered.member).is_some();
            for (id, seq) in answered.commands {
                room.memory.remember(answered.member, id, seq, present);
            }
        }
        room
    }

    /// Brings a room back after the server stopped: a snapshot, then the events after it, each with the sender and id
    /// of the command that caused it, if it had one. Events that the snapshot holds already are passed over.
    ///
    /// Nobody's connection survived, so everybody present counts as away since `now`, with [`RESTART_GRACE_MILLIS`] to
    /// return. That is not an event: whoever resumes sees either `Returned` or `Left` of the others.
    pub fn restore(
        now: Timestamp,
        state: State,
        tail: impl IntoIterator<Item = (Numbered, Option<(MemberId, CommandId)>)>,
    ) -> Self {
        let mut room = Self::from_state(state);
        for (numbered, cause) in tail {
            if numbered.seq <= room.seq {
                continue;
            }
            room.fold(&numbered);
            if let Some((member, id)) = cause {
                let present = room.present.get(member).is_some();
                room.memory.remember(member, id, numbered.seq, present);
            }
        }
        let now = now.max(room.last_at);
        if room.is_open() {
            // Whoever waits had a socket, which is gone; their link still stands.
            room.waiting.clear();
            room.present.change_all(|participant| participant.go_away(now, RESTART_GRACE_MILLIS));
        }
        room
    }
}
