//! Bodies about offices: people who act for a member.

use roomtone_room::ids::{RecordId, Timestamp};
use roomtone_room::office;
use roomtone_store as store;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Id;
use super::socket::Person;

/// Something that a delegate may do for their principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfficeRight {
    /// Answer invitations, and give details about those of the principal.
    Answer,
    /// Propose and agree on times and talk sheets.
    Schedule,
    /// Look through the questions that are put to the principal.
    Screen,
    /// Vouch for guests of the principal's rooms.
    Guests,
}

impl From<OfficeRight> for office::Right {
    fn from(right: OfficeRight) -> Self {
        match right {
            OfficeRight::Answer => Self::Answer,
            OfficeRight::Schedule => Self::Schedule,
            OfficeRight::Screen => Self::Screen,
            OfficeRight::Guests => Self::Guests,
        }
    }
}

impl From<office::Right> for OfficeRight {
    fn from(right: office::Right) -> Self {
        match right {
            office::Right::Answer => Self::Answer,
            office::Right::Schedule => Self::Schedule,
            office::Right::Screen => Self::Screen,
            office::Right::Guests => Self::Guests,
        }
    }
}

/// How a grant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// The delegate has not answered.
    Offered,
    /// The delegate may act.
    Held,
    /// The principal took it back.
    Revoked,
    /// The delegate gave it back, or did not accept it.
    LaidDown,
    /// Its time is over.
    Expired,
}

impl From<office::Standing> for GrantState {
    fn from(standing: office::Standing) -> Self {
        match standing {
            office::Standing::Offered => Self::Offered,
            office::Standing::Held => Self::Held,
            office::Standing::Ended(office::Ending::Revoked) => Self::Revoked,
            office::Standing::Ended(office::Ending::LaidDown) => Self::LaidDown,
            office::Standing::Expired => Self::Expired,
        }
    }
}

/// What a principal lets a delegate do.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfficeGrant {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// The other one: the delegate in the principal's list, and the principal in the delegate's.
    pub person: Person,
    /// What the office is called, such as "press office".
    pub title: String,
    /// What the delegate may do.
    pub rights: Vec<OfficeRight>,
    /// How it stands.
    pub state: GrantState,
    /// When it was offered, in milliseconds since 1970.
    pub offered_at: u64,
    /// When it was accepted.
    pub accepted_at: Option<u64>,
    /// When it is over at the latest.
    pub expires_at: u64,
    /// When somebody ended it.
    pub ended_at: Option<u64>,
    /// When it was used last.
    pub used_at: Option<u64>,
}

impl OfficeGrant {
    /// A stored grant as it is sent.
    pub fn of(stored: store::OfficeGrant, now: Timestamp) -> Self {
        let store::OfficeGrant { id, grant, title, other, used_at } = stored;
        Self {
            id: Id(id),
            person: other.into(),
            title,
            rights: grant.rights.iter().map(Into::into).collect(),
            state: grant.standing(now).into(),
            offered_at: grant.offered_at.0,
            accepted_at: grant.accepted_at.map(|at| at.0),
            expires_at: grant.expires_at.0,
            ended_at: grant.ended.map(|(at, _)| at.0),
            used_at: used_at.map(|at| at.0),
        }
    }
}

/// `GET /api/me/office`: who acts for the caller; and `GET /api/me/delegations`: for whom the caller acts.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfficeGrants {
    /// The newest first, at most 100; those that are over among them.
    pub items: Vec<OfficeGrant>,
}

/// `POST /api/me/office`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGrant {
    /// Handle of the delegate.
    pub handle: String,
    /// What they may do: at least one.
    pub rights: Vec<OfficeRight>,
    /// What the office is called: 1 to 60 characters.
    pub title: String,
    /// For how many days: 1 to 365.
    pub days: u32,
}

/// Something that a delegate did for the caller.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfficeAct {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// Who did it; null for somebody who is gone, or of whom the caller may not know.
    pub delegate: Option<Person>,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// What was done: the name of an act on an invitation, such as `accept`.
    pub kind: String,
    /// The id of the invitation, event or room that it was done to.
    #[schema(value_type = Option<String>)]
    pub subject: Option<Id<RecordId>>,
    /// The words that went with it.
    pub note: String,
}

impl From<store::OfficeAct> for OfficeAct {
    fn from(act: store::OfficeAct) -> Self {
        Self {
            id: Id(act.id),
            delegate: act.delegate.map(Into::into),
            at: act.at.0,
            kind: act.kind,
            subject: act.subject.map(|id| Id(RecordId(id))),
            note: act.note,
        }
    }
}

/// `GET /api/me/office/acts`: everything that was done for the caller.
#[derive(Debug, Serialize, ToSchema)]
pub struct OfficeActs {
    /// The newest first, up to 50.
    pub items: Vec<OfficeAct>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}
