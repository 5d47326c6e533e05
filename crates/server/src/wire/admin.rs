//! Bodies of the administration.

use std::collections::BTreeMap;

use roomtone_room::ids::{HouseId, MemberId, RecordId, RoomId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Id;
use super::hallway::HouseBadge;
use super::invites::WaitingState;
use super::socket::Person;
use crate::settings::MailTls;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// A member as admins see them.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminMember {
    /// Who.
    pub person: Person,
    /// Who let them in.
    pub sponsor: Option<Person>,
    /// When they came in, in milliseconds since 1970.
    pub created_at: u64,
    /// How many they let in themselves.
    pub guests: u64,
    /// Whether they are kept out.
    pub suspended: bool,
    /// Whether they are an admin.
    pub admin: bool,
    /// Whether they own this server.
    pub owner: bool,
}

/// `GET /api/admin/members/{handle}`.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminMemberDetail {
    /// The member.
    pub member: AdminMember,
    /// How many suspending the branch would be about: the member and everybody below.
    pub branch: u64,
    /// How many of those are suspended already.
    pub branch_suspended: u64,
}

/// A member in the invite tree.
#[derive(Debug, Serialize, ToSchema)]
pub struct TreeNode {
    /// Who.
    #[schema(value_type = String)]
    pub id: Id<MemberId>,
    /// The handle.
    pub handle: String,
    /// The name.
    pub name: String,
    /// The id of who let them in; null if that is not known.
    #[schema(value_type = Option<String>)]
    pub sponsor: Option<Id<MemberId>>,
    /// Whether they are kept out.
    pub suspended: bool,
    /// How many they let in, whether or not those are here.
    pub guests: u64,
}

/// `GET /api/admin/tree`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tree {
    /// Up to 2,000 members, level by level, so that whoever let somebody in comes before them.
    pub nodes: Vec<TreeNode>,
    /// Whether there are more.
    pub truncated: bool,
}

/// `POST /api/admin/members/{handle}/suspend`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Suspend {
    /// Whether everybody below is meant too.
    pub branch: bool,
    /// Why, for other admins; up to 500 characters, and it may be empty.
    #[serde(default)]
    pub reason: String,
}

/// `POST /api/admin/members/{handle}/restore`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// Whether everybody below is meant too who was suspended in the same act.
    pub branch: bool,
}

/// How many members an act was about.
#[derive(Debug, Serialize, ToSchema)]
pub struct Affected {
    /// How many.
    pub count: usize,
}

/// A member who is kept out.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suspension {
    /// Who.
    pub person: Person,
    /// The handle of the member whose branch was suspended; null for somebody who was suspended alone.
    pub root: Option<String>,
    /// The handle of who did it.
    pub author: Option<String>,
    /// Why.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub at: u64,
}

/// Somebody who waits, as admins see them.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminWaiting {
    /// Their entry's id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// The handle that is kept for them.
    pub handle: String,
    /// Their name.
    pub name: String,
    /// What they wrote.
    pub note: String,
    /// BCP 47 language tag.
    pub language: String,
    /// Since when they wait, in milliseconds since 1970.
    pub created_at: u64,
    /// Until when the handle is kept.
    pub expires_at: u64,
    /// How it stands.
    pub state: WaitingState,
}

/// What came of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportOutcome {
    /// Something was done about it.
    Acted,
    /// Nothing had to be done.
    NoAction,
}

impl ReportOutcome {
    /// Its name in the store and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acted => "acted",
            Self::NoAction => "no_action",
        }
    }
}

/// A report as admins see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminReport {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// Who reported; null once their account is deleted.
    pub reporter: Option<Person>,
    /// Which member was reported.
    pub about: Option<Person>,
    /// In which room it happened.
    #[schema(value_type = Option<String>)]
    pub room: Option<Id<RoomId>>,
    /// Who hosted it then; null once their account is deleted.
    pub room_host: Option<Person>,
    /// In which house it happened; null once that has ended.
    #[schema(value_type = Option<String>)]
    pub house: Option<Id<HouseId>>,
    /// What is wrong, in a word.
    pub reason: String,
    /// What the reporter says.
    pub text: String,
    /// What the server knew about it at that moment.
    #[schema(value_type = Object)]
    pub context: serde_json::Value,
    /// When, in milliseconds since 1970.
    pub created_at: u64,
    /// When it was handled, if it was.
    pub handled_at: Option<u64>,
    /// Who handled it.
    pub handled_by: Option<Person>,
    /// What came of it: `acted` or `no_action`.
    pub outcome: Option<String>,
    /// The sound that goes with it, until 30 days after it was handled, and for 180 days after it was made at most: one track for
    /// each who agreed to that and said something. They begin at one moment and are of one length.
    pub evidence: Vec<EvidenceTrack>,
    /// Where the replay or the clip that it is about can be heard; null unless it is about one, is open, and everybody who speaks in it was told
    /// of that when they were asked.
    pub audio: Option<String>,
}

/// Sound of one person that goes with a report: `GET /api/admin/reports/{id}/evidence/{n}`.
#[derive(Debug, Serialize, ToSchema)]
pub struct EvidenceTrack {
    /// Its number, from 1 in each report.
    pub n: u32,
    /// Who talks; null for a guest who is forgotten.
    pub by: Option<Person>,
    /// When it begins, in milliseconds since 1970.
    pub began_at: u64,
    /// How long it is, in milliseconds.
    pub ms: u64,
}

/// `POST /api/admin/reports/{id}`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandleReport {
    /// What came of it.
    pub outcome: ReportOutcome,
    /// What to tell the reporter; up to 500 characters, and it may be empty.
    #[serde(default)]
    pub text: String,
}

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct Audit {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Who did it; null once their account is deleted.
    pub actor: Option<Person>,
    /// What, in a word.
    pub act: String,
    /// To whom.
    pub about: Option<Person>,
    /// Ids, numbers and words that belong to it, by name.
    pub details: BTreeMap<String, String>,
    /// In which house, if its admin did it there and it has not ended.
    pub house: Option<HouseBadge>,
    /// Why, in the words of a house's admin; may be empty.
    pub reason: String,
}

/// Which database there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseKind {
    /// A file in the data folder.
    Sqlite,
    /// A server of its own.
    Postgres,
}

/// `GET /api/admin/health`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// The version of the program.
    pub version: String,
    /// For how long it has run, in milliseconds.
    pub uptime: u64,
    /// Which database there is.
    pub database: DatabaseKind,
    /// Bytes that the database takes.
    pub database_size: u64,
    /// Bytes of memory that the program takes; null where that cannot be known.
    pub memory: Option<u64>,
    /// Members.
    pub members: u64,
    /// Sessions.
    pub sessions: u64,
    /// Rooms that are live.
    pub rooms: usize,
    /// People on stage in them.
    pub on_stage: usize,
    /// People in their audiences.
    pub listening: usize,
    /// Whether letters can be sent.
    pub mail: bool,
    /// Whether notifications can be pushed.
    pub push: bool,
    /// How often a background task has failed and started again since then; 0 unless the program has an error.
    pub task_restarts: u64,
}

/// `GET /api/admin/settings`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Settings {
    /// The name of this server.
    pub name: String,
    /// Languages that the interface offers (BCP 47).
    pub languages: Vec<String>,
    /// Languages that it could offer.
    pub languages_known: Vec<String>,
    /// Invites that every member has besides those they earn.
    pub invites_per_member: u32,
    /// Days for which an invite works unless its maker says otherwise.
    pub invite_days: u32,
    /// Whether people may put themselves on the waiting list.
    pub waitlist: bool,
    /// Days for which a replay is kept once its recording has ended; null for good.
    pub replay_days: Option<u32>,
    /// How letters are sent; null if none are.
    pub mail: Option<Mail>,
    /// Whether the owner has saved the settings once.
    pub set_up: bool,
}

/// How letters are sent. The password is never shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct Mail {
    /// Host name of the mail server.
    pub host: String,
    /// Port.
    pub port: u16,
    /// With whose name to sign in; empty to send without.
    pub user: String,
    /// Whether a password is kept.
    pub has_password: bool,
    /// The address that letters come from.
    pub from: String,
    /// How the connection is protected.
    pub tls: MailTls,
}

/// `PUT /api/admin/settings`: all of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSettings {
    /// 1 to 60 characters.
    pub name: String,
    /// At least one of the languages that there are.
    pub languages: Vec<String>,
    /// 0 to 1,000.
    pub invites_per_member: u32,
    /// 1 to 365.
    pub invite_days: u32,
    /// Whether people may put themselves on the waiting list.
    pub waitlist: bool,
    /// Days for which a replay is kept once its recording has ended, 1 to 3,650; null or absent for good. Those that are older go soon.
    #[serde(default)]
    pub replay_days: Option<u32>,
    /// How to send letters; null to send none.
    pub mail: Option<NewMail>,
}

/// How to send letters.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMail {
    /// Host name of the mail server.
    pub host: String,
    /// Port.
    pub port: u16,
    /// With whose name to sign in; empty to send without.
    #[serde(default)]
    pub user: String,
    /// The password. Without it, the one that is kept stays, as long as host, port, user and protection stay the same.
    #[serde(default)]
    pub password: Option<String>,
    /// The address that letters come from: `name@host` or `Name <name@host>`.
    pub from: String,
    /// How the connection is protected.
    pub tls: MailTls,
}

impl std::fmt::Debug for NewMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewMail").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// `POST /api/admin/settings/test-mail`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestMail {
    /// The address that the test goes to: the operator's own.
    pub to: String,
}
