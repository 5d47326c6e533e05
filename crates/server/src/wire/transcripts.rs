//! Transcripts: what was said in a replay, and how the program that writes it down says so.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether there is a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TranscriptProgress {
    /// There is none, and there will be none: this server writes nothing down.
    Absent,
    /// It is being made; some tracks may be there already.
    Waiting,
    /// Nothing more will come.
    Ready,
}

/// `GET /api/replays/{id}/transcript`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Transcript {
    /// Whether there is one.
    pub state: TranscriptProgress,
    /// The numbers of the speakers for whom it could not be made.
    pub failed: Vec<u32>,
    /// Up to 500 lines, by the time at which they begin.
    pub items: Vec<TranscriptLine>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// Something that somebody said, as it was written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TranscriptLine {
    /// The number of the speaker.
    pub n: u32,
    /// The line's number among theirs.
    pub line: u32,
    /// When it begins, in milliseconds from the beginning of the replay.
    pub from_ms: u64,
    /// When it ends.
    pub to_ms: u64,
    /// What was said.
    pub text: String,
    /// BCP 47 tag of the language in which it was said.
    pub language: String,
    /// Whether whoever said it has corrected what was written down.
    pub corrected: bool,
    /// Whether the caller said it, and so may correct it or take it out.
    pub mine: bool,
}

/// `PATCH /api/replays/{id}/transcript/{n}/{line}`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectLine {
    /// What was said: 1 to 1,000 characters on one line.
    pub text: String,
}

/// What the program of the operator's choice prints, one on each line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EngineLine {
    /// When it begins, in milliseconds from the beginning of the file.
    pub(crate) from_ms: u64,
    /// When it ends.
    pub(crate) to_ms: u64,
    /// What was said, on one line.
    pub(crate) text: String,
    /// BCP 47 language tag.
    pub(crate) language: String,
}
