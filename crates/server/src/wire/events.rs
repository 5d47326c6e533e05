//! Bodies about events: announced talks.

use roomtone_room::agenda;
use roomtone_room::ids::{EventId, InvitationId, RecordId, RoomId};
use roomtone_store as store;
use serde::{Deserialize, Deserializer, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::Id;
use super::hallway::HouseBadge;
use super::people::badge;
use super::socket::{Kind, Person};

/// Where an event is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
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

impl From<agenda::State> for EventState {
    fn from(state: agenda::State) -> Self {
        match state {
            agenda::State::Proposed => Self::Proposed,
            agenda::State::Agreed => Self::Agreed,
            agenda::State::Dated => Self::Dated,
            agenda::State::Live => Self::Live,
            agenda::State::Ended => Self::Ended,
            agenda::State::Cancelled => Self::Cancelled,
        }
    }
}

/// What happened to an event. The text form is also how notices keep it: it is never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(rename_all = "snake_case")]
pub enum EventChange {
    /// It was announced; of one that comes again: the next one was.
    Announced,
    /// Everybody who was asked has agreed.
    Agreed,
    /// Its date is known.
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

impl EventChange {
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

    /// The text form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Agreed => "agreed",
            Self::Dated => "dated",
            Self::Moved => "moved",
            Self::Undated => "undated",
            Self::Live => "live",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
            Self::Resized => "resized",
        }
    }

    /// The change with this text form.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.as_str() == text)
    }
}

impl From<agenda::Change> for EventChange {
    fn from(change: agenda::Change) -> Self {
        match change {
            agenda::Change::Announced => Self::Announced,
            agenda::Change::Agreed => Self::Agreed,
            agenda::Change::Dated => Self::Dated,
            agenda::Change::Moved => Self::Moved,
            agenda::Change::Undated => Self::Undated,
            agenda::Change::Live => Self::Live,
            agenda::Change::Ended => Self::Ended,
            agenda::Change::Cancelled => Self::Cancelled,
            agenda::Change::Resized => Self::Resized,
        }
    }
}

/// How an event comes again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recurrence {
    /// It does not.
    #[default]
    None,
    /// Every week.
    Weekly,
    /// Every second week.
    Fortnightly,
    /// Every month on the same weekday, such as the second Tuesday; a month without a fifth one is passed over.
    Monthly,
}

impl From<Option<agenda::Recurrence>> for Recurrence {
    fn from(recurrence: Option<agenda::Recurrence>) -> Self {
        match recurrence {
            None => Self::None,
            Some(agenda::Recurrence::Weekly) => Self::Weekly,
            Some(agenda::Recurrence::Fortnightly) => Self::Fortnightly,
            Some(agenda::Recurrence::MonthlyByWeekday) => Self::Monthly,
        }
    }
}

impl From<Recurrence> for Option<agenda::Recurrence> {
    fn from(recurrence: Recurrence) -> Self {
        match recurrence {
            Recurrence::None => None,
            Recurrence::Weekly => Some(agenda::Recurrence::Weekly),
            Recurrence::Fortnightly => Some(agenda::Recurrence::Fortnightly),
            Recurrence::Monthly => Some(agenda::Recurrence::MonthlyByWeekday),
        }
    }
}

/// What the caller may do with an event now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventAct {
    /// Change what it says.
    Edit,
    /// Give it a date, or take it back.
    Date,
    /// Call it off.
    Cancel,
    /// Ask for a choice among times.
    Poll,
    /// Choose among them.
    Vote,
    /// Ask others to host it too, and take them out.
    Cohosts,
    /// Agree to host it too.
    AcceptCohost,
    /// Not host it too any more, or decline.
    LeaveCohost,
    /// Be told of its changes.
    Subscribe,
    /// Open its room.
    OpenRoom,
}

/// An event in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventCard {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<EventId>,
    /// Its title.
    pub title: String,
    /// BCP 47 language tag of the talk.
    pub language: String,
    /// What it is about.
    pub topics: Vec<String>,
    /// Who announced it.
    pub host: Person,
    /// Those who have agreed to host it too.
    pub cohosts: Vec<Person>,
    /// The house whose event it is.
    pub house: Option<HouseBadge>,
    /// The invitation that it comes from, if the caller may know of it.
    #[schema(value_type = Option<String>)]
    pub invitation: Option<Id<InvitationId>>,
    /// Who may come into its room.
    pub kind: Kind,
    /// Where it is in its life.
    pub state: EventState,
    /// When it begins, in milliseconds since 1970; null while its date is unknown.
    pub starts_at: Option<u64>,
    /// How long it is planned for.
    pub minutes: u32,
    /// IANA name of the time zone in which its date was chosen; empty for UTC.
    pub time_zone: String,
    /// How it comes again.
    pub recurrence: Recurrence,
    /// Its room, once that was opened.
    #[schema(value_type = Option<String>)]
    pub room: Option<Id<RoomId>>,
    /// How many subscribe to it.
    pub subscribers: u64,
    /// How many of these have said that they come.
    pub going: u64,
    /// What the caller has said; null without a subscription.
    pub subscription: Option<EventSubscription>,
    /// When it was announced, in milliseconds since 1970.
    pub created_at: u64,
    /// When anything of it changed last.
    pub changed_at: u64,
}

/// An event with everything there is to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Event {
    /// What lists show.
    #[serde(flatten)]
    pub card: EventCard,
    /// What it is about, in paragraphs; may be empty.
    pub about: String,
    /// Why it was cancelled; may be empty.
    pub reason: String,
    /// What it shares with those before and after it, if it comes again.
    #[schema(value_type = Option<String>)]
    pub series: Option<Id<RecordId>>,
    /// Those who were asked to host it too and have not answered: all of them for its host, otherwise the caller alone.
    pub asked: Vec<Person>,
    /// The times that its poll asks about; empty where there is none.
    pub poll: Vec<PollTime>,
    /// Everything that happened to it, in order.
    pub changes: Vec<EventHappened>,
    /// What the caller may do now.
    pub can: Vec<EventAct>,
}

/// Something that happened to an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventHappened {
    /// Its number, from 1.
    pub n: u64,
    /// What.
    pub change: EventChange,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// The date that the event had then.
    pub starts_at: Option<u64>,
}

/// A time that a poll asks about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PollTime {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// How many could come then.
    pub votes: u64,
    /// Whether the caller could.
    pub mine: bool,
}

/// `PUT /api/events/{id}/subscription`, and what was said there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventSubscription {
    /// Whether they come; otherwise they only want to be told.
    #[serde(default)]
    pub going: bool,
}

/// `GET /api/events`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Events {
    /// Up to 50, by their dates; those without one are last, the newest of them first.
    pub items: Vec<EventCard>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// `POST /api/events`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEvent {
    /// 1 to 120 characters.
    pub title: String,
    /// At most 4,000 characters, in paragraphs.
    #[serde(default)]
    pub about: String,
    /// BCP 47 language tag of the talk; the caller's own if absent.
    #[serde(default)]
    pub language: Option<String>,
    /// At most five, of 1 to 30 characters each.
    #[serde(default)]
    pub topics: Vec<String>,
    /// The handle of the house whose event it is to be; the caller must be a member of it.
    #[serde(default)]
    pub house: Option<String>,
    /// Who may come into its room: everybody if absent.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// When it begins, in milliseconds since 1970; absent or null while that is unknown.
    #[serde(default)]
    pub starts_at: Option<u64>,
    /// How long it is planned for, 5 to 1,440; 60 if absent.
    #[serde(default)]
    pub minutes: Option<u32>,
    /// IANA name of the time zone in which the date is meant; UTC if absent.
    #[serde(default)]
    pub time_zone: String,
    /// How it comes again; for an event with a date.
    #[serde(default)]
    pub recurrence: Recurrence,
    /// Handles of those who are asked to host it too, at most five. It is proposed until all of them have answered.
    #[serde(default)]
    pub cohosts: Vec<String>,
}

/// `PATCH /api/events/{id}`. What is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeEvent {
    /// 1 to 120 characters.
    #[serde(default)]
    pub title: Option<String>,
    /// At most 4,000 characters.
    #[serde(default)]
    pub about: Option<String>,
    /// BCP 47 language tag.
    #[serde(default)]
    pub language: Option<String>,
    /// At most five.
    #[serde(default)]
    pub topics: Option<Vec<String>>,
    /// Who may come into its room.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// 5 to 1,440.
    #[serde(default)]
    pub minutes: Option<u32>,
    /// How it comes again, counted from its date of now.
    #[serde(default)]
    pub recurrence: Option<Recurrence>,
}

/// `POST /api/events/{id}/date`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventDate {
    /// When it begins, in milliseconds since 1970; null takes the date back.
    #[serde(deserialize_with = "present")]
    #[schema(required)]
    pub starts_at: Option<u64>,
    /// IANA name of the time zone in which the date is meant; that of before if absent.
    #[serde(default)]
    pub time_zone: Option<String>,
}

/// A field that may be null and must be there: without it nobody's date is to be taken back.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// `POST /api/events/{id}/cancel`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelEvent {
    /// Why; at most 280 characters.
    #[serde(default)]
    pub reason: String,
    /// Whether all that would come after it is called off too.
    #[serde(default)]
    pub series: bool,
}

/// `PUT /api/events/{id}/poll` and `PUT /api/events/{id}/poll/votes`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PollTimes {
    /// In milliseconds since 1970. A poll asks about 2 to 10, or about none any more.
    pub times: Vec<u64>,
}

/// `GET /api/me/calendar`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Calendar {
    /// Since when the caller's calendar has an address, in milliseconds since 1970; null while it has none.
    pub since: Option<u64>,
}

/// The answer to `POST /api/me/calendar`.
#[derive(Debug, Serialize, ToSchema)]
pub struct CalendarAddress {
    /// Where a calendar program finds the caller's events. Shown once.
    pub url: String,
}

impl From<store::Event> for EventCard {
    fn from(event: store::Event) -> Self {
        let store::Event { text, plan, agenda, .. } = event;
        Self {
            id: Id(event.id),
            title: text.title,
            language: text.language,
            topics: text.topics,
            host: event.host.into(),
            cohosts: event.cohosts.into_iter().map(Into::into).collect(),
            house: event.house.map(badge),
            invitation: event.invitation.filter(|_| event.invitation_known).map(Id),
            kind: plan.kind.into(),
            state: agenda.state.into(),
            starts_at: agenda.starts_at.map(|at| at.0),
            minutes: plan.minutes,
            time_zone: plan.time_zone,
            recurrence: plan.recurrence.into(),
            room: event.room.map(Id),
            subscribers: event.subscribers,
            going: event.going,
            subscription: event.subscription.map(|going| EventSubscription { going }),
            created_at: event.created_at.0,
            changed_at: event.changed_at.0,
        }
    }
}

impl From<store::EventChange> for EventHappened {
    fn from(change: store::EventChange) -> Self {
        Self { n: change.n, change: change.change.into(), at: change.at.0, starts_at: change.starts_at.map(|at| at.0) }
    }
}

impl From<store::PollTime> for PollTime {
    fn from(time: store::PollTime) -> Self {
        Self { at: time.at.0, votes: time.votes, mine: time.mine }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_have_one_text_form() {
        for change in EventChange::ALL {
            assert_eq!(serde_json::to_value(change).unwrap(), change.as_str());
            assert_eq!(EventChange::from_text(change.as_str()), Some(change));
        }
        let all: Vec<_> = agenda::Change::ALL.into_iter().map(EventChange::from).collect();
        assert_eq!(all, EventChange::ALL);
    }

    #[test]
    fn a_date_is_taken_back_by_null_and_not_by_leaving_it_out() {
        let read = |text| serde_json::from_str::<EventDate>(text).map(|date| date.starts_at);
        assert_eq!(read(r#"{"starts_at":null}"#).unwrap(), None);
        assert_eq!(read(r#"{"starts_at":5}"#).unwrap(), Some(5));
        assert!(read("{}").is_err());
    }
}
