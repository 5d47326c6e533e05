//! What goes on around the talk: reactions, the backchannel, captions (docs/PROTOCOL.md, "Around the talk").

use roomtone_room::ids::MemberId;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::Id;
use super::socket::Person;

/// Longest line of the backchannel, in characters.
pub const LINE_MAX_CHARS: usize = 500;

/// Longest caption, in characters.
pub const CAPTION_MAX_CHARS: usize = 300;

/// Number of a line in its room, from 1; never used again while the room lives in this process.
pub type LineId = u64;

/// A reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    /// Clapping, also by tapping the microphone.
    Applause,
    /// A heart.
    Heart,
    /// Laughter.
    Laugh,
    /// Agreement.
    Agree,
    /// Surprise.
    Surprise,
}

impl Reaction {
    /// All of them, each at its own place.
    pub const ALL: [Self; 5] = [Self::Applause, Self::Heart, Self::Laugh, Self::Agree, Self::Surprise];
}

/// How many reacted in one way since the last message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ReactionCount {
    /// In which way.
    pub kind: Reaction,
    /// How often.
    pub count: u32,
}

/// A reaction of somebody on stage, who is shown with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct StageReaction {
    /// Whose.
    #[ts(type = "string")]
    pub member: Id<MemberId>,
    /// Which.
    pub kind: Reaction,
}

/// A line of the backchannel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Line {
    /// Its number in the room.
    #[ts(type = "number")]
    pub id: LineId,
    /// Who wrote it.
    pub person: Person,
    /// The text: one line, at most 500 characters.
    pub text: String,
    /// When, in milliseconds since 1970.
    #[ts(type = "number")]
    pub at: u64,
}

/// What went on since the last such message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Chatter {
    /// How many reacted, by kind; kinds without any are left out.
    pub reactions: Vec<ReactionCount>,
    /// Who on stage reacted, each with the last one.
    pub on_stage: Vec<StageReaction>,
    /// New lines, oldest first.
    pub lines: Vec<Line>,
    /// Numbers of lines that are gone.
    #[ts(type = "Array<number>")]
    pub removed: Vec<LineId>,
}

impl Chatter {
    /// Whether it tells nothing.
    pub fn is_empty(&self) -> bool {
        self.reactions.is_empty() && self.on_stage.is_empty() && self.lines.is_empty() && self.removed.is_empty()
    }
}

/// What somebody is saying, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Caption {
    /// The speaker's number in the room.
    pub number: u32,
    /// What they are saying; at most 300 characters. It replaces what came before it since the last that was done.
    pub text: String,
    /// BCP 47 language tag of the text.
    pub language: String,
    /// Whether nothing more will be changed about it.
    pub done: bool,
}
