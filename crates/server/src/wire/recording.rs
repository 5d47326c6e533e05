//! Recording a room: what is recorded and for whom, and who has agreed.

use roomtone_room::ids::{ReplayId, Timestamp};
use roomtone_room::recording as rules;
use roomtone_store as store;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Id;
use super::replays::Hearers;

/// The version of the text that people are shown who are asked whether they may be recorded. It rises whenever the text of a client says
/// something else than before.
pub const CONSENT_TEXT: u32 = 2;

/// The version from which on it says that whoever handles a report hears what was reported: of what was agreed to before, they do not.
pub const SINCE_REPORTS: u32 = 2;

/// The recording that goes on in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Recording {
    /// The replay that it will be.
    #[ts(type = "string")]
    pub replay: Id<ReplayId>,
    /// To whom that will be open.
    pub to: Hearers,
    /// The version of the text that people are asked with.
    pub text: u32,
    /// Since when, in milliseconds since 1970.
    #[ts(type = "number")]
    pub since: u64,
}

/// What somebody has said to being recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// They are not asked: nothing is recorded, or they are not on stage.
    #[default]
    Unasked,
    /// They are asked and have not answered. They are not recorded.
    Asked,
    /// They agreed and are recorded.
    Agreed,
    /// They did not agree, or have taken it back. They are not recorded.
    Refused,
}

/// Why a recording stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum RecordingCause {
    /// The host switched it off.
    Host,
    /// There is no space left to keep it.
    DiskFull,
    /// It could not be kept for another reason.
    Failed,
    /// It is as long as one may be: twelve hours. Another can be begun.
    TooLong,
}

impl From<rules::Recording> for Recording {
    fn from(recording: rules::Recording) -> Self {
        let rules::Recording { replay, to, text, since } = recording;
        Self { replay: Id(replay), to: to.into(), text, since: since.0 }
    }
}

impl From<Recording> for rules::Recording {
    fn from(recording: Recording) -> Self {
        let Recording { replay, to, text, since } = recording;
        Self { replay: replay.0, to: to.into(), text, since: Timestamp(since) }
    }
}

/// Conversions both ways between enums with the same variants.
macro_rules! same {
    ($($one:ty = $other:ty: $($variant:ident)*;)*) => {
        $(
            impl From<$one> for $other {
                fn from(value: $one) -> Self {
                    match value {
                        $(<$one>::$variant => Self::$variant,)*
                    }
                }
            }
            impl From<$other> for $one {
                fn from(value: $other) -> Self {
                    match value {
                        $(<$other>::$variant => Self::$variant,)*
                    }
                }
            }
        )*
    };
}

same! {
    rules::Hearers = Hearers: Attendees Members Everyone;
    store::ReplayHearers = Hearers: Attendees Members Everyone;
    rules::Consent = Consent: Unasked Asked Agreed Refused;
    rules::RecordingCause = RecordingCause: Host DiskFull Failed TooLong;
}
