//! The rules of a room, and nothing else.
//!
//! Invariant: no serialisation, no async runtime, no database, no sockets, no clock, no randomness. `now` and every id
//! are handed in; the same calls in the same order give the same results on any machine.
//!
//! Invariant: [`Room::apply`] decides, and only events change state: a refused command changes nothing, and folding the
//! events of a room over an empty state gives the room.
//!
//! To drive a room:
//! 1. Make one with [`Room::open`], or bring it back with [`Room::restore`].
//! 2. Hand each command to [`Room::apply`] with the current time. Keep the returned events, in order, before telling
//!    anybody about them.
//! 3. At [`Room::next_deadline`], apply [`Command::Tick`] as [`Actor::System`].

pub mod agenda;
pub mod command;
mod decide;
pub mod event;
pub mod hallway;
pub mod hands;
pub mod ids;
pub mod invitation;
pub mod log;
mod memory;
pub mod office;
pub mod participant;
pub mod quiet;
pub mod recording;
pub mod role;
pub mod room;
pub mod search;
pub mod settings;
pub mod social;
pub mod state;
pub mod terms;
pub mod view;

pub use command::{Actor, Command, GuestPass, Rejection};
pub use event::{
    CallUpCause, Event, HandCause, Kind, KnockCause, LeaveReason, Numbered, OfferCause, Opening, RoleCause,
};
pub use hands::Hand;
pub use ids::{CommandId, InvalidId, MemberId, ReplayId, RoleEpoch, RoomId, Seq, TalkerNo, Timestamp};
pub use participant::Participant;
pub use recording::{Consent, Hearers, NewRecording, Recording, RecordingCause};
pub use role::Role;
pub use room::{Applied, Room};
pub use settings::{Ban, CallUp, HandRule, Link, Settings, Waiting};
pub use state::{Answered, State};
pub use terms::{Question, Questions, Terms};
pub use view::{NeedsFresh, Reach, Seen, View, You, mergeable, reach, visible};

/// How long a lost connection keeps its place, in milliseconds. Higher survives longer tunnels; lower frees the stage
/// sooner from people who are gone.
pub const AWAY_MILLIS: u64 = 10_000;

/// Longest question that can go with a raised hand, in characters.
pub const QUESTION_MAX_CHARS: usize = 280;

/// Most hands up at once. Higher lets more people of a very large audience wait; each one is in every moderator's snapshot, and
/// nobody answers so many.
pub const HANDS_MAX: usize = 1_000;

/// Most people on stage at once. Higher lets larger panels happen; each one costs a publish leg and a place in every
/// snapshot.
pub const STAGE_MAX: usize = 50;

/// How many answered commands a room remembers for each participant, so that a repetition is answered and not applied.
pub const REMEMBERED_COMMANDS: usize = 32;

/// How long everybody has to come back after the server was restarted, in milliseconds. Longer than [`AWAY_MILLIS`],
/// because clients first have to notice and the server may take a moment to start. Higher survives slower starts;
/// lower shows people who are gone for a shorter time.
pub const RESTART_GRACE_MILLIS: u64 = 3 * AWAY_MILLIS;

/// For how many members that have left a room their answered commands are remembered, the last to leave first. Higher
/// answers repetitions of people who left longer ago; each costs up to [`REMEMBERED_COMMANDS`] ids.
pub const REMEMBERED_GONE: usize = 256;

/// Most listeners listed in a [`View`], the lowest numbers first; the others are only counted. Higher fills a larger
/// audience at once; each one makes every snapshot longer.
pub const AUDIENCE_FIRST: usize = 60;

/// What stands for the title of a room whose title was written by somebody who has deleted their account.
pub const UNTITLED: &str = "\u{2026}";

/// Most questions that a room brings along, the highest rank first. Higher asks more; each one is in every moderator's
/// snapshot.
pub const QUESTIONS_MAX: usize = 50;

/// Most links pinned in a room at once. Higher shows more; each one is in every snapshot.
pub const LINKS_MAX: usize = 10;

/// Longest address of a pinned link, in characters.
pub const LINK_MAX_CHARS: usize = 2_000;

/// Longest label of a pinned link, in characters.
pub const LABEL_MAX_CHARS: usize = 80;

/// Longest reason of a ban, in characters.
pub const REASON_MAX_CHARS: usize = 280;

/// Longest text that goes with a call-up, in characters.
pub const CONTEXT_MAX_CHARS: usize = 280;

/// Most bans in one room. A room in which more people have to be kept out should not be open to everybody.
pub const BANS_MAX: usize = 1_000;

/// Most people called up at once. Each one is rung.
pub const CALL_UPS_MAX: usize = 10;

/// How long a place is kept for somebody who was called up, in milliseconds: long enough to find headphones and try the
/// microphone in the green room.
pub const CALL_UP_MILLIS: u64 = 10 * 60_000;

/// Most guests who wait to be let in at once.
pub const WAITING_MAX: usize = 20;

/// Longest slow mode of the backchannel, in seconds.
pub const SLOW_MAX_SECONDS: u16 = 300;

/// Furthest end of a room's timer, in milliseconds from its setting.
pub const TIMER_MAX_MILLIS: u64 = 24 * 3_600_000;
