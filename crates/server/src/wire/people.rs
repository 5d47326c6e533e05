//! Bodies about members: their profiles, lists of people, reports, and the own account.

use roomtone_room::ids::{AvatarId, InvitationId, RecordId, ReplayId, RoomId};
use roomtone_store as store;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Id;
use super::hallway::HouseBadge;
use super::http::RoomCard;
use super::proofs::ProvenDomain;
use super::socket::Person;

/// How loudly somebody wants to hear of whom they follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bell {
    /// Nothing.
    Never,
    /// Now and then.
    Sometimes,
    /// Each time.
    Always,
}

impl From<store::Bell> for Bell {
    fn from(bell: store::Bell) -> Self {
        match bell {
            store::Bell::Never => Self::Never,
            store::Bell::Sometimes => Self::Sometimes,
            store::Bell::Always => Self::Always,
        }
    }
}

impl From<Bell> for store::Bell {
    fn from(bell: Bell) -> Self {
        match bell {
            Bell::Never => Self::Never,
            Bell::Sometimes => Self::Sometimes,
            Bell::Always => Self::Always,
        }
    }
}

/// `GET /api/members/{handle}`: a member as the caller may see them.
#[derive(Debug, Serialize, ToSchema)]
pub struct Profile {
    /// Id, handle, name and picture.
    pub person: Person,
    /// What they say of themselves; lines end with `\n`.
    pub bio: String,
    /// Links, all https.
    pub links: Vec<String>,
    /// What they like to talk about, in lower case.
    pub topics: Vec<String>,
    /// BCP 47 tags of the languages that they speak.
    pub languages: Vec<String>,
    /// Who let them in; null if one of both does not show it.
    pub sponsor: Option<Person>,
    /// When they joined, in milliseconds since 1970.
    pub joined_at: u64,
    /// How many follow them.
    pub followers: u64,
    /// How many they follow.
    pub following: u64,
    /// Up to three of those whom the caller follows and who follow them.
    pub mutuals: Vec<Person>,
    /// How many of those there are.
    pub mutual_count: u64,
    /// Houses they belong to, as far as the caller may know of them.
    pub houses: Vec<HouseBadge>,
    /// What is between the caller and them.
    pub you: Between,
    /// Whether they are here, as far as they show it.
    pub online: bool,
    /// The room they are in, if they show that they are here and the caller may enter it.
    pub room: Option<RoomCard>,
    /// Whether they are a program.
    pub bot: bool,
    /// Whether everybody may read their profile: then there are feeds of their events.
    pub public: bool,
    /// Domains that they have shown to be theirs, the first proven first.
    pub domains: Vec<ProvenDomain>,
}

/// What is between the caller and a member.
#[derive(Debug, Serialize, ToSchema)]
pub struct Between {
    /// Whether the caller follows them.
    pub follows: bool,
    /// The caller's bell; null if the caller does not follow them.
    pub bell: Option<Bell>,
    /// Whether they follow the caller.
    pub follows_you: bool,
    /// Whether the caller has muted them.
    pub muted: bool,
}

/// `GET /api/me/profile`: what the caller says of themselves and lets others see.
#[derive(Debug, Serialize, ToSchema)]
pub struct MyProfile {
    /// Id, handle, name and picture.
    pub person: Person,
    /// BCP 47 tag of the language in which they read the interface.
    pub language: String,
    /// What they say of themselves; lines end with `\n`.
    pub bio: String,
    /// Links, all https.
    pub links: Vec<String>,
    /// What they like to talk about, in lower case.
    pub topics: Vec<String>,
    /// BCP 47 tags of the languages that they speak.
    pub languages: Vec<String>,
    /// Whether others do not see who let them in.
    pub sponsor_hidden: bool,
    /// Whether those whom they let in do not show them as their sponsor.
    pub guests_hidden: bool,
    /// Whether others do not see that they are here.
    pub online_hidden: bool,
    /// Whether everybody may read the profile, without an account.
    pub public: bool,
}

impl From<store::OwnProfile> for MyProfile {
    fn from(own: store::OwnProfile) -> Self {
        Self {
            person: own.person.into(),
            language: own.language,
            bio: own.bio,
            links: own.links,
            topics: own.topics,
            languages: own.languages,
            sponsor_hidden: own.sponsor_hidden,
            guests_hidden: own.guests_hidden,
            online_hidden: own.online_hidden,
            public: own.public,
        }
    }
}

/// `PATCH /api/me`: what is absent stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeMe {
    /// 1 to 60 characters.
    #[serde(default)]
    pub name: Option<String>,
    /// 2 to 30 letters of one script, digits and `_`; twice within 30 days.
    #[serde(default)]
    pub handle: Option<String>,
    /// BCP 47 tag of the language in which they read the interface.
    #[serde(default)]
    pub language: Option<String>,
    /// At most 600 characters.
    #[serde(default)]
    pub bio: Option<String>,
    /// At most eight, https.
    #[serde(default)]
    pub links: Option<Vec<String>>,
    /// At most ten, of 1 to 30 characters.
    #[serde(default)]
    pub topics: Option<Vec<String>>,
    /// At most ten BCP 47 tags.
    #[serde(default)]
    pub languages: Option<Vec<String>>,
    /// Whether others do not see who let them in.
    #[serde(default)]
    pub sponsor_hidden: Option<bool>,
    /// Whether those whom they let in do not show them as their sponsor.
    #[serde(default)]
    pub guests_hidden: Option<bool>,
    /// Whether others do not see that they are here.
    #[serde(default)]
    pub online_hidden: Option<bool>,
    /// Whether everybody may read the profile, without an account.
    #[serde(default)]
    pub public: Option<bool>,
}

/// The answer to `PUT /api/me/avatar`.
#[derive(Debug, Serialize, ToSchema)]
pub struct AvatarSet {
    /// The picture's id: it is at `/api/avatars/{avatar}/small` and `large`.
    #[schema(value_type = String)]
    pub avatar: Id<AvatarId>,
}

/// `PUT /api/members/{handle}/follow`; the body may be absent.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Follow {
    /// How loudly; `sometimes` for somebody newly followed if absent.
    #[serde(default)]
    pub bell: Option<Bell>,
}

/// A page of people.
#[derive(Debug, Serialize, ToSchema)]
pub struct People {
    /// The newest first.
    pub items: Vec<Entry>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// Somebody in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    /// Who.
    pub person: Person,
    /// Since when they are in it, in milliseconds since 1970.
    pub since: u64,
    /// Whether the caller follows them.
    pub followed: bool,
}

/// `GET /api/suggestions`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suggestions {
    /// The best first.
    pub items: Vec<Suggestion>,
}

/// Somebody whom the caller may like to follow, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suggestion {
    /// Who.
    pub person: Person,
    /// Up to three of those whom the caller follows and who follow them.
    pub mutuals: Vec<Person>,
    /// How many of those there are among the hundred whom the caller followed last.
    pub mutual_count: u64,
    /// Houses that both belong to.
    pub houses: Vec<HouseBadge>,
    /// Whether they let the caller in.
    pub sponsor: bool,
    /// Whether the caller let them in.
    pub guest: bool,
}

impl From<store::Suggestion> for Suggestion {
    fn from(suggestion: store::Suggestion) -> Self {
        Self {
            person: suggestion.person.into(),
            mutuals: suggestion.mutuals.into_iter().map(Into::into).collect(),
            mutual_count: suggestion.mutual_count,
            houses: suggestion.houses.into_iter().map(badge).collect(),
            sponsor: suggestion.sponsor,
            guest: suggestion.guest,
        }
    }
}

/// A house as the store names it.
pub(crate) fn badge(house: store::HouseBadge) -> HouseBadge {
    HouseBadge { id: Id(house.id), handle: house.handle, name: house.name }
}

/// What is wrong, in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportReason {
    /// Advertising, or the same over and over.
    Spam,
    /// Hurting or threatening somebody.
    Abuse,
    /// Pretending to be somebody else.
    Impersonation,
    /// Anything else.
    Other,
}

impl ReportReason {
    /// As the store has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Spam => "spam",
            Self::Abuse => "abuse",
            Self::Impersonation => "impersonation",
            Self::Other => "other",
        }
    }
}

/// `POST /api/reports`: about a member, a room or a house, or several of them. With a room, the member may also be somebody who
/// has blocked the caller, if both were in it, or the caller was called or pinged into it by them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReport {
    /// Handle of the member.
    #[serde(default)]
    pub about: Option<String>,
    /// Id of the room in which it happened.
    #[serde(default)]
    pub room: Option<String>,
    /// Handle of the house in which it happened.
    #[serde(default)]
    pub house: Option<String>,
    /// Id of an invitation whose letter is reported: then who wrote it is, and nothing else may be named.
    #[serde(default)]
    pub invitation: Option<String>,
    /// BCP 47 tag of the language in which the letter was read; the original if absent.
    #[serde(default)]
    pub language: Option<String>,
    /// Id of a question to an invitation, in the same way.
    #[serde(default)]
    pub question: Option<String>,
    /// Id of a reply to an invitation, in the same way.
    #[serde(default)]
    pub reply: Option<String>,
    /// Id of a replay that is reported: then its host is, and nothing else may be named.
    #[serde(default)]
    pub replay: Option<String>,
    /// Id of a clip, in the same way: then who cut it is.
    #[serde(default)]
    pub clip: Option<String>,
    /// Id of a reply to a replay, in the same way. A voice note goes with the report as it is now.
    #[serde(default)]
    pub replay_reply: Option<String>,
    /// Which moment of the `replay` it is about, in milliseconds from its beginning.
    #[serde(default)]
    pub at_ms: Option<u64>,
    /// The key of the unlisted link by which the caller hears the replay.
    #[serde(default)]
    pub key: Option<String>,
    /// What is wrong.
    pub reason: ReportReason,
    /// What happened, at most 2,000 characters; may be empty.
    pub text: String,
    /// Whether the last minute of sound of the room goes with it, of those who agreed to that. Needs `room`, with the caller in
    /// it and with evidence on.
    #[serde(default)]
    pub evidence: bool,
}

/// The answer to `POST /api/reports`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportMade {
    /// The report's id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// How many tracks of sound went with it: one for each who agreed and said something.
    pub tracks: u32,
}

/// What the server knew when somebody reported something. It is kept with the report, so that later changes of a handle, a
/// title or a role do not hide what was reported. It says nothing of others than the reporter and the reported member: it could
/// not be found again when these delete their account.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ReportContext {
    /// Handle of whoever reported; empty once they have deleted their account.
    #[serde(default)]
    pub reporter: String,
    /// The member.
    #[serde(default)]
    pub about: Option<ReportedMember>,
    /// The room.
    #[serde(default)]
    pub room: Option<ReportedRoom>,
    /// The house.
    #[serde(default)]
    pub house: Option<HouseBadge>,
    /// What they wrote to an invitation.
    #[serde(default)]
    pub written: Option<ReportedText>,
    /// What they made of or said to a replay.
    #[serde(default)]
    pub replay: Option<ReportedReplay>,
}

/// What of a replay was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportedPart {
    /// The replay itself.
    Replay,
    /// A clip.
    Clip,
    /// A reply.
    Reply,
}

/// A reported replay, or a reported part of one, as it was then.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ReportedReplay {
    /// What it was.
    pub kind: ReportedPart,
    /// The replay.
    #[schema(value_type = String)]
    pub replay: Id<ReplayId>,
    /// The clip or the reply; null for the replay itself.
    #[schema(value_type = Option<String>)]
    pub part: Option<Id<RecordId>>,
    /// The title of the replay or the clip; empty for a reply.
    pub title: String,
    /// What the reply said; empty for a voice note, which goes with the report, and for the others.
    pub text: String,
    /// About which moment it was, or where the clip began, in milliseconds from the beginning of the replay; null if about all of it.
    pub at_ms: Option<u64>,
    /// How long the clip or the voice note was, in milliseconds; null for the others.
    pub ms: Option<u64>,
}

/// What kind of text was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportedKind {
    /// The letter of an invitation.
    Letter,
    /// A question to an invitation.
    Question,
    /// A reply to an invitation.
    Reply,
}

/// A reported text as it was then.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ReportedText {
    /// What it was.
    pub kind: ReportedKind,
    /// The invitation.
    #[schema(value_type = String)]
    pub invitation: Id<InvitationId>,
    /// BCP 47 tag of a letter's language; null for the others.
    pub language: Option<String>,
    /// A letter's title; empty for the others.
    pub title: String,
    /// What it said.
    pub text: String,
}

/// A reported member as they were then, and what was between them and the reporter.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ReportedMember {
    /// The handle.
    pub handle: String,
    /// The name.
    pub name: String,
    /// When they joined, in milliseconds since 1970.
    pub joined_at: u64,
    /// Whether the reporter followed them.
    pub followed: bool,
    /// Whether they followed the reporter.
    pub follows_reporter: bool,
    /// Whether the reporter had blocked them.
    pub blocked: bool,
    /// Whether the reporter had muted them.
    pub muted: bool,
}

/// A reported room as it was then.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ReportedRoom {
    /// The room's id.
    #[schema(value_type = String)]
    pub id: Id<RoomId>,
    /// The title.
    pub title: String,
    /// What the reported member was in it; null if they were not in it.
    pub about_role: Option<super::socket::Role>,
    /// What the reporter was in it; null if they were not in it.
    pub reporter_role: Option<super::socket::Role>,
}

/// `DELETE /api/me`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteMe {
    /// The caller's own handle, so that nobody does it by mistake.
    pub handle: String,
    /// A passkey ceremony that was begun as for signing in; needed unless the caller has signed in a short while ago.
    #[serde(default)]
    pub ceremony: Option<String>,
    /// What the authenticator answered to it.
    #[serde(default)]
    pub credential: Option<serde_json::Value>,
}
