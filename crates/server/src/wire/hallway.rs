//! The hallway, what the live socket says, and calls.

use roomtone_room::ids::{HouseId, RecordId, RoomId};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::Id;
use super::http::RoomCard;
use super::notices::Notice;
use super::replays::Hearers;
use super::socket::{ByeCode, Person};

/// A house as it is named beside a room or a person.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
pub struct HouseBadge {
    /// The house's id.
    #[ts(type = "string")]
    #[schema(value_type = String)]
    pub id: Id<HouseId>,
    /// Its handle.
    pub handle: String,
    /// Its name.
    pub name: String,
}

/// Why a room is where it is in a member's hallway.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reason {
    /// The member follows people on stage.
    FollowedOnStage {
        /// The first eight of them.
        people: Vec<Person>,
        /// How many they are.
        count: usize,
    },
    /// The member follows people in the audience.
    FollowedListening {
        /// Up to eight of them.
        people: Vec<Person>,
        /// How many they are.
        count: usize,
    },
    /// It is a room of one of the member's houses.
    House {
        /// Which.
        house: HouseBadge,
    },
    /// The talk is in a language of the member's.
    Language,
    /// It is about what the member likes to hear about.
    Topic {
        /// The topic.
        topic: String,
    },
}

/// A room in a member's hallway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct HallwayRoom {
    /// The room.
    #[serde(flatten)]
    pub card: RoomCard,
    /// Why it is where it is, the weightiest first; none for a room that is only large or new.
    pub reasons: Vec<Reason>,
}

/// `GET /api/rooms`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hallway {
    /// Rooms live now that the member may know of, in the member's order; the first hundred.
    pub rooms: Vec<HallwayRoom>,
}

/// Somebody whom the member follows and who is here now.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
pub struct OnlinePerson {
    /// Who.
    pub person: Person,
    /// The room that they are in, if the member may know of it.
    #[ts(type = "string | null")]
    #[schema(value_type = Option<String>)]
    pub room: Option<Id<RoomId>>,
}

/// Everything that the live socket says. A client says nothing on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LiveMessage {
    /// The hallway as it is now: at most one a second, and only if it has changed.
    Hallway {
        /// As `GET /api/rooms` has them.
        rooms: Vec<HallwayRoom>,
        /// Up to a hundred people, those in rooms first.
        online: Vec<OnlinePerson>,
    },
    /// A new notice.
    Notice {
        /// The notice.
        notice: Notice,
        /// How many are unread now.
        #[ts(type = "number")]
        unread: u64,
    },
    /// Notices were read, perhaps elsewhere.
    Unread {
        /// How many are unread now.
        #[ts(type = "number")]
        unread: u64,
    },
    /// Somebody wants to talk with the member.
    Call {
        /// The call.
        call: Call,
    },
    /// Somebody whom the member called has answered.
    CallAnswered {
        /// The call.
        #[ts(type = "string")]
        id: Id<RecordId>,
        /// Who was called.
        person: Person,
        /// What they said.
        answer: CallAnswer,
    },
    /// A call does not ring any more: it was answered on another page, or nobody answered in time.
    CallOver {
        /// The call.
        #[ts(type = "string")]
        id: Id<RecordId>,
    },
    /// The member is rung up from a stage. It is said again to each page that opens while it rings, and when the room begins to be recorded
    /// meanwhile, or is not any more.
    CalledUp {
        /// The room.
        room: CallUpRoom,
        /// Who rings.
        by: Person,
        /// What it is about, if that was said.
        context: Option<String>,
        /// Until when a place is kept, in milliseconds since 1970.
        #[ts(type = "number")]
        until: u64,
    },
    /// It does not ring from that room any more.
    CallUpEnded {
        /// The room.
        #[ts(type = "string")]
        room: Id<RoomId>,
    },
    /// A sign of life.
    Beat,
    /// The last message.
    Bye {
        /// Why: `session_ended`, `replaced`, `too_slow`, `server_full` or `shutting_down`.
        code: ByeCode,
        /// For people.
        message: String,
        /// After how many seconds to try again, if it is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        retry_after: Option<u32>,
    },
}

impl LiveMessage {
    /// The sentence for people that goes with a goodbye.
    pub fn words_of(code: ByeCode) -> &'static str {
        match code {
            ByeCode::Replaced => "Too many pages are open; this one is not told any more.",
            ByeCode::ServerFull => "The server is full right now; this page asks now and then instead.",
            ByeCode::ShuttingDown => "The server restarts and will be back in a moment.",
            other => other.message(),
        }
    }
}

/// A room from which somebody is called up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CallUpRoom {
    /// Its id.
    #[ts(type = "string")]
    pub id: Id<RoomId>,
    /// Its title.
    pub title: String,
    /// To whom the replay will be open, if it is recorded.
    pub recording: Option<Hearers>,
}

/// Somebody rings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Call {
    /// Its id, to answer by.
    #[ts(type = "string")]
    pub id: Id<RecordId>,
    /// Who rings.
    pub from: Person,
    /// The closed room that was opened for the two.
    #[ts(type = "string")]
    pub room: Id<RoomId>,
    /// What it is about, if that was said.
    pub text: Option<String>,
}

/// What somebody says to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallAnswer {
    /// They come.
    Accepted,
    /// Not now.
    Later,
    /// No.
    Declined,
}

/// `POST /api/calls`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCall {
    /// The handle of whom to call.
    pub handle: String,
}

/// The answer to `POST /api/calls`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CallMade {
    /// The call's id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// The closed room of the two.
    #[schema(value_type = String)]
    pub room: Id<RoomId>,
}

/// `POST /api/calls/{id}/answer`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerCall {
    /// What the member says.
    pub answer: CallAnswer,
}

/// The answer to `POST /api/calls/{id}/answer`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct CallRoom {
    /// The closed room of the two, which the member may enter whatever they answered.
    #[schema(value_type = String)]
    pub room: Id<RoomId>,
}
