//! Bodies about proofs of domains.

use roomtone_room::ids::RecordId;
use roomtone_store as store;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::Id;
use crate::proof::{Publication, Trouble};

/// How somebody shows that a domain is theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProofMethod {
    /// A TXT record.
    Dns,
    /// A file at a well-known place.
    File,
    /// A link on the front page that says `rel="me"`.
    RelMe,
}

impl From<ProofMethod> for store::ProofMethod {
    fn from(method: ProofMethod) -> Self {
        match method {
            ProofMethod::Dns => Self::Dns,
            ProofMethod::File => Self::File,
            ProofMethod::RelMe => Self::RelMe,
        }
    }
}

impl From<store::ProofMethod> for ProofMethod {
    fn from(method: store::ProofMethod) -> Self {
        match method {
            store::ProofMethod::Dns => Self::Dns,
            store::ProofMethod::File => Self::File,
            store::ProofMethod::RelMe => Self::RelMe,
        }
    }
}

/// A domain that somebody has shown to be theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProvenDomain {
    /// The domain, in lower-case ASCII.
    pub domain: String,
    /// How it was shown.
    pub method: ProofMethod,
    /// Since when it holds, in milliseconds since 1970.
    pub proven_at: u64,
}

impl From<store::ProvenDomain> for ProvenDomain {
    fn from(proven: store::ProvenDomain) -> Self {
        Self { domain: proven.domain, method: proven.method.into(), proven_at: proven.proven_at.0 }
    }
}

/// How a proof stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProofState {
    /// It was not found yet.
    Waiting,
    /// It was found, and is shown.
    Holds,
    /// It is shown, but was not found any more the last time.
    Failing,
    /// It was not found for too long, and is not shown any more.
    Lapsed,
}

/// What is to be published, and where.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ProofPublication {
    /// A TXT record.
    Record {
        /// Its name.
        name: String,
        /// What it says.
        value: String,
    },
    /// A file.
    File {
        /// Its address.
        url: String,
        /// What stands in it, on a line of its own.
        line: String,
    },
    /// An `a` or `link` that says `rel="me"`.
    Link {
        /// The page on which it is.
        page: String,
        /// Where it leads, with the part after `#`.
        href: String,
    },
}

impl From<Publication> for ProofPublication {
    fn from(publication: Publication) -> Self {
        match publication {
            Publication::Record { name, value } => Self::Record { name, value },
            Publication::File { url, line } => Self::File { url, line },
            Publication::Link { page, href } => Self::Link { page, href: href.into() },
        }
    }
}

/// A proof, as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Proof {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// The domain, in lower-case ASCII.
    pub domain: String,
    /// How it is shown.
    pub method: ProofMethod,
    /// What is to be published, and where, for as long as it is to hold.
    pub publish: ProofPublication,
    /// How it stands.
    pub state: ProofState,
    /// When it was begun, in milliseconds since 1970.
    pub created_at: u64,
    /// Since when it holds.
    pub proven_at: Option<u64>,
    /// When it was looked for last.
    pub checked_at: Option<u64>,
    /// Since when it is not found any more.
    pub failing_since: Option<u64>,
    /// When it lapsed.
    pub lapsed_at: Option<u64>,
}

impl Proof {
    /// A stored proof as it is sent to its owner, whose page here is `home`.
    pub fn of(stored: store::Proof, home: &Url) -> Self {
        let state = match (stored.proven_at, stored.failing_since, stored.lapsed_at) {
            (Some(_), None, _) => ProofState::Holds,
            (Some(_), Some(_), _) => ProofState::Failing,
            (None, _, Some(_)) => ProofState::Lapsed,
            (None, _, None) => ProofState::Waiting,
        };
        Self {
            publish: Publication::of(&stored, home).into(),
            id: Id(stored.id),
            domain: stored.domain,
            method: stored.method.into(),
            state,
            created_at: stored.created_at.0,
            proven_at: stored.proven_at.map(|at| at.0),
            checked_at: stored.checked_at.map(|at| at.0),
            failing_since: stored.failing_since.map(|at| at.0),
            lapsed_at: stored.lapsed_at.map(|at| at.0),
        }
    }
}

/// Proofs of somebody, as they see them.
#[derive(Debug, Serialize, ToSchema)]
pub struct Proofs {
    /// The first begun first; at most five.
    pub items: Vec<Proof>,
}

/// Begins a proof.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProof {
    /// A domain; its letters may be of any script.
    pub domain: String,
    /// How it is to be shown.
    pub method: ProofMethod,
}

/// Why a proof was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProofTrouble {
    /// The domain does not exist, or has neither an address nor such a record.
    NoName,
    /// The domain has an address that is not a public one.
    Inside,
    /// There was no answer in time.
    NoAnswer,
    /// There is no https, or its certificate does not count for the domain.
    Certificate,
    /// It leads elsewhere too often, or to where nothing is followed.
    Redirect,
    /// The server answers, but not with a page.
    Refused,
    /// All is well, but what is looked for is not there.
    NotThere,
}

impl ProofTrouble {
    /// As it is sent; `None` where it is no finding at all.
    pub fn of(trouble: Trouble) -> Option<Self> {
        Some(match trouble {
            Trouble::Busy => return None,
            Trouble::NoName => Self::NoName,
            Trouble::Inside => Self::Inside,
            Trouble::NoAnswer => Self::NoAnswer,
            Trouble::Certificate => Self::Certificate,
            Trouble::Redirect => Self::Redirect,
            Trouble::Refused => Self::Refused,
            Trouble::NotThere => Self::NotThere,
        })
    }
}

/// What came of looking for a proof.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckedProof {
    /// The proof as it is now.
    pub proof: Proof,
    /// Why it was not found; null if it was.
    pub trouble: Option<ProofTrouble>,
}
