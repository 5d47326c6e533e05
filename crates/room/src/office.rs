//! Offices: people who act for a member, openly and within limits.
//!
//! A member, the principal, offers another, the delegate, a [`Grant`] of some [`Right`]s until a day. It counts from when the
//! delegate accepts it until the principal revokes it, the delegate lays it down, or its time is over; nothing brings it back.
//!
//! Invariant: a grant holds nothing that would let a delegate speak, vote or follow as the principal: there is no such right.

use crate::ids::{MemberId, Timestamp};

/// Most grants of one principal that are offered or held at once. More suits larger offices; fewer is easier to keep an eye on.
pub const GRANTS_MAX: usize = 20;

/// For how many days a grant may be given. More spares renewing; fewer forgets sooner what nobody needs any more.
pub const GRANT_DAYS: std::ops::RangeInclusive<u32> = 1..=365;

/// Longest title of an office, in characters: "press office".
pub const OFFICE_TITLE_MAX: usize = 60;

/// A day, in milliseconds.
const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// Something that a delegate may do for their principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Right {
    /// Answer invitations, and give details about those of the principal.
    Answer,
    /// Propose and agree on times and talk sheets.
    Schedule,
    /// Look through the questions that are put to the principal.
    Screen,
    /// Vouch for guests of the principal's rooms.
    Guests,
}

impl Right {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Answer, Self::Schedule, Self::Screen, Self::Guests];

    fn bit(self) -> u32 {
        match self {
            Self::Answer => 1,
            Self::Schedule => 2,
            Self::Screen => 4,
            Self::Guests => 8,
        }
    }
}

/// A set of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(u32);

impl Rights {
    /// A number with a bit for each right, in which a set is kept.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Reads what [`Rights::bits`] gave; `None` for a number that has bits of no right.
    pub fn from_bits(bits: u32) -> Option<Self> {
        let all: Self = Right::ALL.into_iter().collect();
        (bits & !all.0 == 0).then_some(Self(bits))
    }

    /// Whether the set has this right.
    pub fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its rights, in the order in which they are shown.
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.has(*right))
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        Self(rights.into_iter().fold(0, |bits, right| bits | right.bit()))
    }
}

/// What became of a grant before its time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The principal took it back.
    Revoked,
    /// The delegate gave it back, or did not accept it.
    LaidDown,
}

/// How a grant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// The delegate has not answered.
    Offered,
    /// The delegate may act.
    Held,
    /// Over, by somebody's doing.
    Ended(Ending),
    /// Over, since its time is.
    Expired,
}

/// Rights that a principal gives a delegate for some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who gives them.
    pub principal: MemberId,
    /// Who gets them.
    pub delegate: MemberId,
    /// Which.
    pub rights: Rights,
    /// When it was offered.
    pub offered_at: Timestamp,
    /// From when on it is over.
    pub expires_at: Timestamp,
    /// When the delegate accepted it.
    pub accepted_at: Option<Timestamp>,
    /// What ended it before its time.
    pub ended: Option<(Timestamp, Ending)>,
}

/// Why an act on a grant is refused. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody is their own office.
    Oneself,
    /// A grant of no rights.
    NoRights,
    /// Not within [`GRANT_DAYS`].
    Days,
    /// Only the delegate accepts or lays down, only the principal revokes.
    NotYours,
    /// It is accepted already.
    AlreadyHeld,
    /// It is over.
    Over,
}

/// What somebody does with a grant that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// The delegate accepts.
    Accept,
    /// The delegate gives it back, or does not accept it.
    LayDown,
    /// The principal takes it back.
    Revoke,
}

impl Grant {
    /// Offers `delegate` some rights for so many days from `now`.
    pub fn offer(
        now: Timestamp,
        principal: MemberId,
        delegate: MemberId,
        rights: Rights,
        days: u32,
    ) -> Result<Self, Refusal> {
        if principal == delegate {
            return Err(Refusal::Oneself);
        }
        if rights.is_empty() {
            return Err(Refusal::NoRights);
        }
        if !GRANT_DAYS.contains(&days) {
            return Err(Refusal::Days);
        }
        let expires_at = now.plus(u64::from(days) * DAY_MILLIS);
        Ok(Self { principal, delegate, rights, offered_at: now, expires_at, accepted_at: None, ended: None })
    }

    /// How it stands.
    pub fn standing(&self, now: Timestamp) -> Standing {
        match (self.ended, self.accepted_at) {
            (Some((_, ending)), _) => Standing::Ended(ending),
            _ if now >= self.expires_at => Standing::Expired,
            (None, Some(_)) => Standing::Held,
            (None, None) => Standing::Offered,
        }
    }

    /// Whether its delegate may use this right.
    pub fn permits(&self, right: Right, now: Timestamp) -> bool {
        self.standing(now) == Standing::Held && self.rights.has(right)
    }

    /// Lets `actor` act on it. A refused act changes nothing.
    pub fn apply(&mut self, now: Timestamp, actor: MemberId, act: Act) -> Result<(), Refusal> {
        let whose = if act == Act::Revoke { self.principal } else { self.delegate };
        if actor != whose {
            return Err(Refusal::NotYours);
        }
        match (self.standing(now), act) {
            (Standing::Ended(_) | Standing::Expired, _) => return Err(Refusal::Over),
            (Standing::Held, Act::Accept) => return Err(Refusal::AlreadyHeld),
            (Standing::Offered, Act::Accept) => self.accepted_at = Some(now),
            (Standing::Offered | Standing::Held, Act::LayDown) => self.ended = Some((now, Ending::LaidDown)),
            (Standing::Offered | Standing::Held, Act::Revoke) => self.ended = Some((now, Ending::Revoked)),
        }
        Ok(())
    }
}
