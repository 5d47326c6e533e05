//! Replays: what was recorded of rooms with everybody's consent, who may hear it, and what is made of it.
//!
//! [`Picture`] and [`ReplayMark`] are also how the picture of a replay is kept in its file and a mark in its row: a field may be
//! added to them, and none is renamed.

use roomtone_room::ids::{EventId, InvitationId, RecordId, ReplayId, RoomId};
use roomtone_store as store;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::Id;
use super::chatter::Reaction;
use super::hallway::HouseBadge;
use super::people::badge;
use super::socket::Person;

/// To whom a replay is open. Its host and whoever speaks in it hear it in any case, and whoever has one of its links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(rename_all = "snake_case")]
pub enum Hearers {
    /// To those who were in the room while it was recorded.
    Attendees,
    /// To every member.
    Members,
    /// To everybody, also without an account.
    Everyone,
}

/// Where a replay is in its making.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplayState {
    /// The room is live and is being recorded.
    Recording,
    /// It waits to be made, or to be made anew after a track was withdrawn.
    Waiting,
    /// It is being made.
    Processing,
    /// It can be heard.
    Ready,
    /// It could not be made.
    Failed,
    /// There is nothing to hear in it: nobody agreed and said anything, or whoever did has taken it back.
    Empty,
}

/// What the caller may do with a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplayAct {
    /// Change its title, the titles of its chapters, to whom it is open, and until when it is kept.
    Edit,
    /// Make links by which others hear it, and revoke them.
    Links,
    /// Delete it.
    Delete,
    /// Have it made that could not be made.
    Make,
    /// Withdraw the caller's own track.
    Withdraw,
    /// Withdraw the track of a guest.
    WithdrawGuests,
    /// Take out what happened beside the talking: a link, a question.
    Moments,
    /// Reply to it, in text or by voice.
    Reply,
    /// Cut a clip.
    Clip,
}

/// A replay in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReplayCard {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<ReplayId>,
    /// The room that was recorded.
    #[schema(value_type = String)]
    pub room: Id<RoomId>,
    /// Its title.
    pub title: String,
    /// Who hosted the room.
    pub host: Person,
    /// The house in whose name the room was.
    pub house: Option<HouseBadge>,
    /// BCP 47 language tag of the talk.
    pub language: String,
    /// What it is about.
    pub topics: Vec<String>,
    /// To whom it is open.
    pub hearers: Hearers,
    /// Where it is in its making.
    pub state: ReplayState,
    /// How much of the present step is done, in percent.
    pub progress: u32,
    /// When the recording began, in milliseconds since 1970.
    pub began_at: u64,
    /// How long it is, in milliseconds; 0 until it is known.
    pub ms: u64,
    /// Speakers of whom the caller may know, at most six, whoever came first first.
    pub faces: Vec<Person>,
    /// How many speak in it, all together.
    pub spoke: u64,
}

/// A replay with everything there is to it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Replay {
    /// What lists show.
    #[serde(flatten)]
    pub card: ReplayCard,
    /// Rises each time it is made anew. Addresses of sound belong to one generation.
    pub generation: u64,
    /// When the recording ended, in milliseconds since 1970; null while it goes on.
    pub ended_at: Option<u64>,
    /// When it will be deleted, in milliseconds since 1970; null if it is kept for good.
    pub expires_at: Option<u64>,
    /// Everybody who agreed to be recorded, by their numbers.
    pub speakers: Vec<ReplaySpeaker>,
    /// The talk as a picture; null unless the state is `ready`.
    pub picture: Option<Picture>,
    /// What happened beside the talking, by time; empty unless the state is `ready`.
    pub marks: Vec<MarkedMoment>,
    /// The invitation that led to the talk, if the caller may know of it.
    #[schema(value_type = Option<String>)]
    pub invitation: Option<Id<InvitationId>>,
    /// The event that the talk was, if the caller may know of it.
    #[schema(value_type = Option<String>)]
    pub event: Option<Id<EventId>>,
    /// The whole sound; the first that a player can play is the one to take. Empty unless the state is `ready`.
    pub audio: Vec<ReplayAudio>,
    /// How many replies of which the caller may know.
    pub replies: u64,
    /// How many clips of which the caller may know.
    pub clips: u64,
    /// How many links work by which others than those named in `hearers` hear it; everybody who hears it may know.
    pub links: u64,
    /// What the caller may do now.
    pub can: Vec<ReplayAct>,
}

/// Somebody who agreed to be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReplaySpeaker {
    /// Their number in the replay, from 1; the same in its picture.
    pub n: u32,
    /// What they were called; empty for somebody of whom the caller may not know, and once the account is gone.
    pub name: String,
    /// The member, if they are one of whom the caller may know.
    pub person: Option<Person>,
    /// Whether they were a guest.
    pub guest: bool,
    /// For how long they talk, in milliseconds; 0 until that is known.
    pub ms: u64,
    /// Whether their track was withdrawn: nothing that they said is in the sound.
    pub withdrawn: bool,
    /// Whether it is the caller.
    pub mine: bool,
    /// Where their track alone can be fetched: for the host and for themselves, once it is made.
    pub url: Option<String>,
}

/// A file with sound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReplayAudio {
    /// Its media type, with the codec.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is. It takes requests for parts.
    pub url: String,
}

/// A talk as a picture.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Picture {
    /// How long the sound is, in milliseconds.
    pub ms: u64,
    /// How long each part of `wave` is, in milliseconds.
    pub step_ms: u64,
    /// How loud each part is, from 0 to 255.
    pub wave: Vec<u8>,
    /// Who talks when, by their numbers.
    pub speakers: Vec<PictureSpeaker>,
    /// Where a part of the talk begins; the first is at 0.
    pub chapters: Vec<Chapter>,
    /// Where nobody talks for a while: from, to, in milliseconds.
    pub silences: Vec<[u64; 2]>,
}

/// Who talks when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PictureSpeaker {
    /// The speaker's number.
    pub n: u32,
    /// For how long they talk, in milliseconds.
    pub ms: u64,
    /// From, to, in milliseconds, in order.
    pub spans: Vec<[u64; 2]>,
}

/// A part of a talk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Chapter {
    /// Where it begins, in milliseconds.
    pub at_ms: u64,
    /// What the host calls it, or the question that it is about; null for one that is named after `by` and `speaker`.
    #[serde(default)]
    pub title: Option<String>,
    /// Why it begins there.
    pub by: ChapterBy,
    /// The number of the speaker with whom it begins.
    #[serde(default)]
    pub speaker: Option<u32>,
}

/// Why a chapter begins where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChapterBy {
    /// The talk begins.
    Start,
    /// There was a silence before.
    Silence,
    /// Somebody else begins to talk.
    Speaker,
    /// The interview was handed over.
    Floor,
    /// A question was taken.
    Question,
}

/// Something that happened beside the talking, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MarkedMoment {
    /// Its number in the replay.
    pub n: u64,
    /// When, in milliseconds from the beginning.
    pub at_ms: u64,
    /// What.
    #[serde(flatten)]
    pub mark: ReplayMark,
}

/// Something that happened beside the talking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ReplayMark {
    /// A link was pinned.
    Link {
        /// Where it leads.
        url: String,
        /// What it is.
        label: String,
    },
    /// The interview was handed over.
    Floor {
        /// The number of who leads it from now on; null if they have no track, or nobody leads it.
        speaker: Option<u32>,
    },
    /// A question was taken.
    QuestionTaken {
        /// What was asked.
        text: String,
    },
    /// A question was answered.
    QuestionAnswered {
        /// What was asked.
        text: String,
    },
    /// People reacted, within a few seconds.
    Reaction {
        /// How.
        reaction: Reaction,
        /// How many times.
        count: u32,
    },
    /// The room's timer was set, or taken away.
    Timer {
        /// When it runs out, in milliseconds from the beginning; null if it was taken away.
        until_ms: Option<u64>,
    },
}

/// `GET /api/replays`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Replays {
    /// Up to 50, the newest first.
    pub items: Vec<ReplayCard>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// `PATCH /api/replays/{id}`. What is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeReplay {
    /// 1 to 120 characters.
    #[serde(default)]
    pub title: Option<String>,
    /// To whom it is open: to fewer than now, never to more.
    #[serde(default)]
    pub hearers: Option<Hearers>,
    /// When it will be deleted, in milliseconds since 1970; null to keep it for as long as this server does.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u64>)]
    pub expires_at: Option<Option<u64>>,
    /// What chapters are called. Those that are not named here stay as they are.
    #[serde(default)]
    pub chapters: Option<Vec<ChapterTitle>>,
}

/// A field that may be absent, null, or there.
fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// What a chapter is called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChapterTitle {
    /// Where it begins, in milliseconds, as the picture has it.
    pub at_ms: u64,
    /// At most 120 characters; empty to name it after who talks.
    pub title: String,
}

/// `POST /api/replays/{id}/withdraw`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WithdrawTrack {
    /// The number of a guest's track, which the host withdraws for them; the caller's own if absent.
    #[serde(default)]
    pub n: Option<u32>,
}

/// `GET /api/replays/{id}/links`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayLinks {
    /// Those that work, the newest first.
    pub items: Vec<ReplayLink>,
}

/// A link by which whoever has it hears a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReplayLink {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// For whom it is, in the host's words; may be empty.
    pub note: String,
    /// When it was made, in milliseconds since 1970.
    pub at: u64,
}

/// `POST /api/replays/{id}/links`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReplayLink {
    /// For whom it is; at most 120 characters.
    #[serde(default)]
    pub note: String,
}

/// A link that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayLinkMade {
    /// The link.
    #[serde(flatten)]
    pub link: ReplayLink,
    /// Its address. Shown once.
    pub url: String,
}

/// `GET /api/replays/{id}/replies`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayReplies {
    /// Up to 50, the newest first.
    pub items: Vec<ReplayReply>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// A reply to a replay: text, or a voice note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReplayReply {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// Whose.
    pub person: Person,
    /// What they say; empty for a voice note.
    pub text: String,
    /// What they say by voice.
    pub voice: Option<VoiceNote>,
    /// To which moment of the replay it is, in milliseconds; null if to all of it.
    pub at_ms: Option<u64>,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Whether the caller may delete it.
    pub mine: bool,
}

/// What somebody says by voice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VoiceNote {
    /// How long it is, in milliseconds.
    pub ms: u64,
    /// Where it is: Ogg Opus, and the same as fMP4 for players without Ogg.
    pub audio: Vec<ReplayAudio>,
}

/// `POST /api/replays/{id}/replies`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReplayReply {
    /// 1 to 2,000 characters, in paragraphs.
    pub text: String,
    /// To which moment of the replay it is, in milliseconds.
    #[serde(default)]
    pub at_ms: Option<u64>,
}

/// `GET /api/replays/{id}/clips`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Clips {
    /// Up to 50, the newest first.
    pub items: Vec<Clip>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// A part of a replay, of at most a minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Clip {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// What it is a part of.
    #[schema(value_type = String)]
    pub replay: Id<ReplayId>,
    /// The title of that.
    pub replay_title: String,
    /// Who hosted the talk.
    pub host: Person,
    /// Its own title.
    pub title: String,
    /// Who cut it.
    pub by: Person,
    /// From where, in milliseconds.
    pub from_ms: u64,
    /// To where.
    pub to_ms: u64,
    /// When it was cut, in milliseconds since 1970.
    pub at: u64,
    /// Whether the caller may delete it.
    pub mine: bool,
    /// Its sound; empty while the replay is made anew.
    pub audio: Vec<ReplayAudio>,
}

/// `POST /api/replays/{id}/clips`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClip {
    /// From where, in milliseconds.
    pub from_ms: u64,
    /// To where: 1 to 60 seconds later.
    pub to_ms: u64,
    /// 1 to 120 characters.
    pub title: String,
}

/// `GET /api/me/tracks`.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnTracks {
    /// Up to 50, the newest first: everything of the caller's that was recorded, also where they may not know of the replay any more.
    pub items: Vec<OwnTrack>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// What was recorded of the caller in one replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OwnTrack {
    /// The replay.
    #[schema(value_type = String)]
    pub replay: Id<ReplayId>,
    /// Their number in it.
    pub n: u32,
    /// Its title; null if the caller may not know of it any more. They may withdraw their track all the same.
    pub title: Option<String>,
    /// When the recording began, in milliseconds since 1970.
    pub began_at: u64,
    /// When they withdrew it, in milliseconds since 1970.
    pub withdrawn_at: Option<u64>,
}

impl From<store::ReplayState> for ReplayState {
    fn from(state: store::ReplayState) -> Self {
        match state {
            store::ReplayState::Recording => Self::Recording,
            store::ReplayState::Waiting => Self::Waiting,
            store::ReplayState::Processing => Self::Processing,
            store::ReplayState::Ready => Self::Ready,
            store::ReplayState::Failed => Self::Failed,
            store::ReplayState::Empty => Self::Empty,
        }
    }
}

impl From<store::Replay> for ReplayCard {
    fn from(replay: store::Replay) -> Self {
        Self {
            id: Id(replay.id),
            room: Id(replay.room),
            title: replay.title,
            host: replay.host.into(),
            house: replay.house.map(badge),
            language: replay.language,
            topics: replay.topics,
            hearers: replay.hearers.into(),
            state: replay.state.into(),
            progress: replay.progress,
            began_at: replay.began_at.0,
            ms: replay.ms,
            faces: replay.faces.into_iter().map(Into::into).collect(),
            spoke: replay.spoke,
        }
    }
}

impl From<store::ReplayLink> for ReplayLink {
    fn from(link: store::ReplayLink) -> Self {
        Self { id: Id(link.id), note: link.note, at: link.at.0 }
    }
}

/// Without what depends on who reads it: whose it is, and where its sound is.
impl From<store::Clip> for Clip {
    fn from(clip: store::Clip) -> Self {
        Self {
            id: Id(clip.id),
            replay: Id(clip.replay),
            replay_title: clip.replay_title,
            host: clip.host.into(),
            title: clip.title,
            by: clip.by.into(),
            from_ms: clip.from_ms,
            to_ms: clip.to_ms,
            at: clip.at.0,
            mine: false,
            audio: Vec::new(),
        }
    }
}

/// The same.
impl From<store::ReplayReply> for ReplayReply {
    fn from(reply: store::ReplayReply) -> Self {
        Self {
            id: Id(reply.id),
            person: reply.person.into(),
            text: reply.text,
            voice: None,
            at_ms: reply.at_ms,
            at: reply.at.0,
            mine: false,
        }
    }
}

impl From<store::OwnTrack> for OwnTrack {
    fn from(track: store::OwnTrack) -> Self {
        Self {
            replay: Id(track.replay),
            n: track.n,
            title: track.title,
            began_at: track.began_at.0,
            withdrawn_at: track.withdrawn_at.map(|at| at.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mark_is_written_flat_and_read_back() {
        let moment = MarkedMoment {
            n: 7,
            at_ms: 1_500,
            mark: ReplayMark::Link { url: "https://example.org/".to_owned(), label: "A page".to_owned() },
        };
        let written = serde_json::to_value(&moment).unwrap();
        let (url, label) = ("https://example.org/", "A page");
        assert_eq!(written, json!({ "n": 7, "at_ms": 1500, "kind": "link", "url": url, "label": label }));
        assert_eq!(serde_json::from_value::<MarkedMoment>(written).unwrap(), moment);
    }

    #[test]
    fn an_end_is_taken_away_by_null_and_not_by_leaving_it_out() {
        let read = |text| serde_json::from_str::<ChangeReplay>(text).map(|change| change.expires_at);
        assert_eq!(read("{}").unwrap(), None);
        assert_eq!(read(r#"{"expires_at":null}"#).unwrap(), Some(None));
        assert_eq!(read(r#"{"expires_at":5}"#).unwrap(), Some(Some(5)));
        assert!(read(r#"{"expires":5}"#).is_err());
    }

    #[test]
    fn fewer_hearers_are_less() {
        assert!(Hearers::Attendees < Hearers::Members && Hearers::Members < Hearers::Everyone);
    }
}
