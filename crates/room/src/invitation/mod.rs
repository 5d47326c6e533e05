//! Invitations: public, answerable requests to a person to come and talk.
//!
//! Like a room, an invitation is the fold of what happened, here called steps: [`Invitation::apply`] decides and changes nothing,
//! [`Invitation::fold`] changes and decides nothing. Two sides take turns in rounds. The asking opens the first, in which it is the
//! invitee's side's turn; each act names the round that it answers, so that nobody answers what they have not seen.
//!
//! Invariant: no step without a right to it, no two answers of one side in one round, and no step after an end.

mod act;
mod decide;
mod sheet;

pub use act::{Act, Actor, Other, Refusal, Step, Voice, What, Words};
pub use sheet::{Sheet, SheetHash, Version};

use crate::ids::{InvitationId, MemberId, RoomId, Timestamp};

/// Most steps of an invitation. Talks that need more go on elsewhere.
pub const STEPS_MAX: u32 = 500;

/// Of [`STEPS_MAX`], how many are kept for the steps by which an invitation goes on to its end: it can always be withdrawn.
pub const STEPS_KEPT: u32 = 10;

/// Longest text that goes with a step, in characters.
pub const WORDS_MAX_CHARS: usize = 2_000;

/// Most times that are proposed at once.
pub const TIMES_MAX: usize = 5;

/// How far ahead a talk may be, in milliseconds: two years.
pub const AHEAD_MAX_MILLIS: u64 = 731 * 24 * 60 * 60 * 1000;

/// Who is invited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invitee {
    /// A member.
    Member(MemberId),
    /// Somebody who has no account here.
    Outside {
        /// What they are called.
        name: String,
        /// Who they are, in a sentence.
        about: String,
        /// A domain of theirs, by which it can be proven that an answer comes from them.
        domain: Option<String>,
    },
    /// A member who has deleted their account: nobody can answer.
    Gone,
}

/// One of the two sides of an invitation: a principal, with their office.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Who invites.
    Host,
    /// Who is invited.
    Invitee,
}

impl Side {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Host => Self::Invitee,
            Self::Invitee => Self::Host,
        }
    }
}

/// How far an invitation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// The invitee has not said yes or no.
    Asked,
    /// They come; the date may be unknown.
    Accepted,
    /// They do not come.
    Declined,
    /// The host took it back.
    Withdrawn,
    /// Nobody said yes in time.
    Expired,
    /// It goes on in another one.
    Merged(InvitationId),
    /// The talk was held.
    Done,
}

impl State {
    /// Whether something can still happen.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Asked | Self::Accepted)
    }
}

/// Times that a side proposes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Which side.
    pub by: Side,
    /// From 1 to [`TIMES_MAX`].
    pub times: Vec<Timestamp>,
}

/// An invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Which.
    pub id: InvitationId,
    /// Who invites.
    pub host: MemberId,
    /// Who is invited.
    pub invitee: Invitee,
    /// When it ends by itself if nobody has said yes.
    pub expires_at: Timestamp,
    /// How far it has come.
    pub state: State,
    /// The round, from 1.
    pub round: u32,
    /// Whose turn it is; while it is accepted that is nobody's unless a time is proposed.
    pub turn: Option<Side>,
    /// Times that wait for the side whose turn it is.
    pub proposal: Option<Proposal>,
    /// When the talk is, once both sides have agreed.
    pub date: Option<Timestamp>,
    /// Until when the invitee's side asked for patience.
    pub later: Option<Timestamp>,
    /// All versions of the talk sheet.
    pub sheets: Vec<Version>,
    /// The room in which the talk is held.
    pub room: Option<RoomId>,
    /// How many steps there were.
    pub steps: u32,
}

impl Invitation {
    /// An invitation that was just made, and its first step.
    pub fn ask(
        id: InvitationId,
        host: MemberId,
        invitee: Invitee,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> (Self, Step) {
        let step = Step { n: 1, at: now, voice: Voice::Host(host), round: 1, what: What::Asked, words: None };
        let mut made = Self::before(id, host, invitee, expires_at);
        made.fold(&step);
        (made, step)
    }

    /// An invitation before its first step, to fold its steps over.
    pub fn before(id: InvitationId, host: MemberId, invitee: Invitee, expires_at: Timestamp) -> Self {
        Self {
            id,
            host,
            invitee,
            expires_at,
            state: State::Asked,
            round: 0,
            turn: None,
            proposal: None,
            date: None,
            later: None,
            sheets: Vec::new(),
            room: None,
            steps: 0,
        }
    }

    /// Lets a step happen.
    pub fn fold(&mut self, step: &Step) {
        self.steps = step.n;
        match &step.what {
            What::Asked => self.next_round(Some(Side::Invitee)),
            What::Accepted => {
                self.state = State::Accepted;
                self.settle();
            }
            What::Declined => self.end(State::Declined),
            What::NeedDetails => {
                self.turn = Some(Side::Host);
                self.proposal = None;
                self.later = None;
            }
            What::AnswerLater { until } => {
                self.later = Some(*until);
                self.next_round(Some(Side::Invitee));
            }
            What::DetailsGiven => self.next_round(Some(Side::Invitee)),
            What::TimesProposed { times } => self.propose(self.side_of(step.voice), times),
            What::TimeAgreed { time } => {
                self.state = State::Accepted;
                self.date = Some(*time);
                self.settle();
            }
            What::SheetProposed { hash } => {
                let by = self.side_of(step.voice);
                self.sheets.push(Version { number: self.next_sheet(), hash: *hash, by, at: step.at, agreed_at: None });
            }
            What::SheetAccepted { hash } => {
                if let Some(version) = self.sheets.iter_mut().find(|version| version.hash == *hash) {
                    version.agreed_at = Some(step.at);
                }
            }
            What::Translated { .. } => {}
            What::Opened { room } => self.room = Some(*room),
            What::Ended { .. } => self.end(State::Done),
            What::Expired => self.end(State::Expired),
            What::Withdrawn => self.end(State::Withdrawn),
            What::Merged { into } => self.end(State::Merged(*into)),
        }
    }

    /// The version of the talk sheet to which both sides have agreed last.
    pub fn agreed_sheet(&self) -> Option<&Version> {
        self.sheets.iter().rev().find(|version| version.agreed_at.is_some())
    }

    /// The number of the next version of the talk sheet.
    pub fn next_sheet(&self) -> u32 {
        u32::try_from(self.sheets.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Whose side a voice is on. The system speaks for the host's: it does what follows from what the host did.
    pub fn side_of(&self, voice: Voice) -> Side {
        match voice {
            Voice::Host(_) | Voice::System => Side::Host,
            Voice::Office { of: Some(of), .. } if of == self.host => Side::Host,
            Voice::Invitee(_) | Voice::Office { .. } | Voice::Outside(_) => Side::Invitee,
        }
    }

    /// While nobody has said yes the host's side answers within the invitee's round, and opens the next one by that; once it is
    /// accepted each proposal opens one.
    fn propose(&mut self, by: Side, times: &[Timestamp]) {
        self.proposal = None;
        self.later = None;
        if self.state == State::Asked && by == Side::Invitee {
            self.turn = Some(Side::Host);
        } else {
            self.next_round(Some(by.other()));
        }
        self.proposal = Some(Proposal { by, times: times.to_vec() });
    }

    fn settle(&mut self) {
        self.later = None;
        self.next_round(None);
    }

    fn next_round(&mut self, turn: Option<Side>) {
        self.round = self.round.saturating_add(1);
        self.turn = turn;
        self.proposal = None;
    }

    fn end(&mut self, state: State) {
        self.state = state;
        self.turn = None;
        self.proposal = None;
        self.later = None;
    }
}
