//! The life of an event: an announced talk, whose date may be unknown.
//!
//! `proposed -> agreed -> dated -> live -> ended`, and `cancelled` from each before the end. Somebody who was asked to host it may
//! not have agreed yet (proposed), its date may not be known yet (agreed), and a date may be taken back or moved. [`Agenda::apply`]
//! is the only way anything changes; what it returns is told once to everybody who subscribed.

use crate::ids::Timestamp;

/// Most hosts beside the one who announced it.
pub const COHOSTS_MAX: usize = 5;

/// Times that a poll has: at least so many, and at most.
pub const POLL_TIMES: std::ops::RangeInclusive<usize> = 2..=10;

/// How long before its date the room of an event can be opened, in milliseconds. Longer suits sound checks; shorter keeps a room
/// from standing open that nobody expects yet.
pub const OPEN_BEFORE: u64 = 30 * 60_000;

/// How long after its planned end an event that nobody opened keeps its date, in milliseconds. Longer suits talks that begin very
/// late; shorter says sooner that it did not take place.
pub const LAPSE_AFTER: u64 = 12 * 3_600_000;

/// How far ahead a date may be, in milliseconds: two years.
pub const AHEAD_MAX: u64 = 2 * 366 * 24 * 3_600_000;

/// Shortest and longest time that an event is planned for, in minutes.
pub const MINUTES: std::ops::RangeInclusive<u32> = 5..=24 * 60;

/// Where an event is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Somebody who was asked to host it has not agreed yet.
    Proposed,
    /// It will take place; nobody knows when.
    Agreed,
    /// It will take place at its date.
    Dated,
    /// Its room is open.
    Live,
    /// It took place.
    Ended,
    /// It will not take place.
    Cancelled,
}

impl State {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [Self::Proposed, Self::Agreed, Self::Dated, Self::Live, Self::Ended, Self::Cancelled];

    /// Whether nothing changes any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Ended | Self::Cancelled)
    }
}

/// What is told of an event, once for each time that it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Change {
    /// It was announced. Nobody has subscribed by then.
    Announced,
    /// Everybody who was asked has agreed.
    Agreed,
    /// Its date is known now.
    Dated,
    /// It has another date.
    Moved,
    /// Its date was taken back and is unknown again.
    Undated,
    /// Its room is open.
    Live,
    /// It took place.
    Ended,
    /// It will not take place.
    Cancelled,
    /// It has another length, and so its end another time.
    Resized,
}

impl Change {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Announced,
        Self::Agreed,
        Self::Dated,
        Self::Moved,
        Self::Undated,
        Self::Live,
        Self::Ended,
        Self::Cancelled,
        Self::Resized,
    ];
}

/// What is done with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nobody who was asked has still to agree.
    Agree,
    /// Gives it a date, or another one.
    Date(Timestamp),
    /// Takes its date back.
    Undate,
    /// Plans it for another length.
    Resize,
    /// Opens its room.
    Open,
    /// Its room has ended.
    End,
    /// Calls it off.
    Cancel,
}

/// Why a step cannot be taken. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It has ended, or was cancelled.
    Over,
    /// It is so already.
    Nothing,
    /// It is live: that comes to its end in its room.
    Live,
    /// It has no date, or not everybody who was asked has agreed.
    NotDated,
    /// Its date is too far ahead.
    TooEarly,
    /// It was not live.
    NotLive,
}

/// What the rules know of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agenda {
    /// Where it is.
    pub state: State,
    /// When it begins, if that is known. A dated event has one; a proposed one may.
    pub starts_at: Option<Timestamp>,
}

impl Agenda {
    /// A new event: proposed while somebody who was asked has not agreed.
    pub fn announced(starts_at: Option<Timestamp>, all_agreed: bool) -> Self {
        Self { state: settled(starts_at, all_agreed), starts_at }
    }

    /// What becomes of the event, and what is told of it.
    pub fn apply(self, now: Timestamp, step: Step) -> Result<(Self, Change), Refusal> {
        if self.state.is_over() {
            return Err(Refusal::Over);
        }
        let live = self.state == State::Live;
        let all_agreed = self.state != State::Proposed;
        match step {
            Step::Cancel => Ok((Self { state: State::Cancelled, ..self }, Change::Cancelled)),
            Step::End if live => Ok((Self { state: State::Ended, ..self }, Change::Ended)),
            Step::End => Err(Refusal::NotLive),
            Step::Date(_) | Step::Undate | Step::Resize | Step::Open if live => Err(Refusal::Live),
            Step::Agree if all_agreed => Err(Refusal::Nothing),
            Step::Agree => Ok((Self { state: settled(self.starts_at, true), ..self }, Change::Agreed)),
            Step::Date(at) if self.starts_at == Some(at) => Err(Refusal::Nothing),
            Step::Date(at) => {
                let change = if self.starts_at.is_some() { Change::Moved } else { Change::Dated };
                Ok((Self { state: settled(Some(at), all_agreed), starts_at: Some(at) }, change))
            }
            // While nobody knows when it begins, nobody is told when it ends.
            Step::Undate | Step::Resize if self.starts_at.is_none() => Err(Refusal::Nothing),
            Step::Resize => Ok((self, Change::Resized)),
            Step::Undate => Ok((Self { state: settled(None, all_agreed), starts_at: None }, Change::Undated)),
            Step::Open => match self.starts_at.filter(|_| self.state == State::Dated) {
                None => Err(Refusal::NotDated),
                Some(at) if now.plus(OPEN_BEFORE) < at => Err(Refusal::TooEarly),
                Some(_) => Ok((Self { state: State::Live, ..self }, Change::Live)),
            },
        }
    }

    /// When the date of an event that is planned for so many minutes has gone by without its room being opened; `None` if it
    /// waits for none.
    pub fn lapses_at(self, minutes: u32) -> Option<Timestamp> {
        let waits = matches!(self.state, State::Proposed | State::Dated);
        self.starts_at.filter(|_| waits).map(|at| at.plus(u64::from(minutes) * 60_000 + LAPSE_AFTER))
    }
}

fn settled(starts_at: Option<Timestamp>, all_agreed: bool) -> State {
    match (all_agreed, starts_at) {
        (false, _) => State::Proposed,
        (true, None) => State::Agreed,
        (true, Some(_)) => State::Dated,
    }
}

/// How an event comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Recurrence {
    /// Every week.
    Weekly,
    /// Every second week.
    Fortnightly,
    /// Every month on the same weekday: the second Tuesday, say. A month without a fifth one is passed over.
    MonthlyByWeekday,
}

impl Recurrence {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Weekly, Self::Fortnightly, Self::MonthlyByWeekday];
}
