//! Whether an act may happen.

use super::act::{Act, Actor, Other, Refusal, Step, Voice, What, Words};
use super::sheet::SheetHash;
use super::{AHEAD_MAX_MILLIS, Invitation, Invitee, Side, State, TIMES_MAX, WORDS_MAX_CHARS};
use crate::ids::Timestamp;
use crate::office::Right;

/// What an act asks of whoever wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// To be the host, and not their office.
    Host,
    /// To be on this side, in its office with this right.
    Of(Side, Right),
    /// To be on either side.
    Either(Right),
    /// To be on either side; for the invitee's, which says yes by it, also to have the right to answer.
    Agreeing,
    /// To be the server.
    System,
}

impl Invitation {
    /// Decides whether `actor` may do that at `now`, and says what comes of it. Changes nothing.
    pub fn apply(&self, now: Timestamp, actor: &Actor, act: Act) -> Result<Step, Refusal> {
        let late = self.state == State::Asked && now >= self.expires_at && act != Act::Expire;
        if !self.state.is_open() || late {
            return Err(Refusal::Over);
        }
        let voice = self.voice(actor, self.needs(&act))?;
        if self.is_on() && act.waits_for_the_end() {
            return Err(Refusal::Live);
        }
        if self.steps >= act.steps_before() {
            return Err(Refusal::TooManySteps);
        }
        let (what, words) = self.decide(now, self.side_of(voice), act)?;
        if words.as_ref().is_some_and(|words| !fits(words)) {
            return Err(Refusal::InvalidWords);
        }
        Ok(Step { n: self.steps + 1, at: now, voice, round: self.round, what, words })
    }

    /// Whether `actor` could do something like `act` now if its details were right: what a page offers.
    pub fn offers(&self, actor: &Actor, act: &Act) -> bool {
        let Ok(voice) = self.voice(actor, self.needs(act)) else { return false };
        let side = self.side_of(voice);
        let may = match act {
            Act::Accept { .. } | Act::NeedDetails { .. } | Act::AnswerLater { .. } => {
                self.state == State::Asked && self.turn == Some(Side::Invitee)
            }
            Act::Decline { .. } => self.may_decline().is_ok(),
            Act::GiveDetails { .. } => self.state == State::Asked && self.turn == Some(Side::Host),
            Act::ProposeTimes { .. } => self.may_propose(side).is_ok(),
            Act::AgreeTime { .. } => self.turn == Some(side) && self.proposal.is_some(),
            Act::AcceptSheet { .. } => self.sheets.iter().any(|sheet| self.accept_sheet(side, sheet.hash).is_ok()),
            Act::Merge { .. } | Act::Expire => self.state == State::Asked,
            Act::Open { .. } | Act::End { .. } => self.state == State::Accepted,
            Act::ProposeSheet { .. } | Act::Translate { .. } | Act::Withdraw { .. } => true,
        };
        let waits = self.is_on() && act.waits_for_the_end();
        self.state.is_open() && self.steps < act.steps_before() && may && !waits
    }

    /// Whether the talk goes on: its room is open.
    pub fn is_on(&self) -> bool {
        self.state == State::Accepted && self.room.is_some()
    }

    fn needs(&self, act: &Act) -> Needs {
        match act {
            Act::Accept { .. } | Act::Decline { .. } | Act::NeedDetails { .. } | Act::AnswerLater { .. } => {
                Needs::Of(Side::Invitee, Right::Answer)
            }
            Act::GiveDetails { .. } => Needs::Of(Side::Host, Right::Answer),
            Act::Translate { .. } => Needs::Either(Right::Answer),
            Act::AgreeTime { .. } if self.state == State::Asked => Needs::Agreeing,
            Act::ProposeTimes { .. } | Act::AgreeTime { .. } | Act::ProposeSheet { .. } | Act::AcceptSheet { .. } => {
                Needs::Either(Right::Schedule)
            }
            Act::Withdraw { .. } | Act::Merge { .. } => Needs::Host,
            Act::Open { .. } | Act::End { .. } | Act::Expire => Needs::System,
        }
    }

    /// In whose voice an actor does what needs that. A principal acts as themselves and never in the office of the other side;
    /// somebody in the office of both sides does not act at all.
    fn voice(&self, actor: &Actor, needs: Needs) -> Result<Voice, Refusal> {
        let (side, voice, rights) = match *actor {
            Actor::System => return if needs == Needs::System { Ok(Voice::System) } else { Err(Refusal::NotAllowed) },
            Actor::Outside(who) if matches!(self.invitee, Invitee::Outside { .. }) => {
                (Side::Invitee, Voice::Outside(who), None)
            }
            Actor::Outside(_) => return Err(Refusal::NotAllowed),
            Actor::Member { member, .. } if member == self.host => (Side::Host, Voice::Host(member), None),
            Actor::Member { member, .. } if self.invitee == Invitee::Member(member) => {
                (Side::Invitee, Voice::Invitee(Some(member)), None)
            }
            Actor::Member { member, for_host, for_invitee } => {
                let office = |of| Voice::Office { of: Some(of), delegate: Some(member) };
                match (&self.invitee, for_host.is_empty(), for_invitee.is_empty()) {
                    (_, true, true) => return Err(Refusal::NotAllowed),
                    (_, false, false) => return Err(Refusal::BothSides),
                    (_, false, true) => (Side::Host, office(self.host), Some(for_host)),
                    (Invitee::Member(of), true, false) => (Side::Invitee, office(*of), Some(for_invitee)),
                    (Invitee::Outside { .. } | Invitee::Gone, true, false) => return Err(Refusal::NotAllowed),
                }
            }
        };
        let has = |right| rights.is_none_or(|rights| rights.has(right));
        let allowed = match needs {
            Needs::System => false,
            Needs::Host => matches!(voice, Voice::Host(_)),
            Needs::Of(of, right) => side == of && has(right),
            Needs::Either(right) => has(right),
            Needs::Agreeing => has(Right::Schedule) && (side == Side::Host || has(Right::Answer)),
        };
        if allowed { Ok(voice) } else { Err(Refusal::NotAllowed) }
    }

    fn decide(&self, now: Timestamp, side: Side, act: Act) -> Result<(What, Option<Words>), Refusal> {
        Ok(match act {
            Act::Accept { round, words } => {
                self.answers(round)?;
                (What::Accepted, words)
            }
            Act::Decline { round, words } => {
                self.is_round(round)?;
                self.may_decline()?;
                (What::Declined, words)
            }
            Act::NeedDetails { round, words } => {
                self.answers(round)?;
                (What::NeedDetails, Some(said(words)?))
            }
            Act::AnswerLater { round, until, words } => {
                self.answers(round)?;
                if until <= now || until > self.expires_at {
                    return Err(Refusal::InvalidTime);
                }
                (What::AnswerLater { until }, words)
            }
            Act::GiveDetails { round, words } => {
                self.is_round(round)?;
                if self.state != State::Asked {
                    return Err(Refusal::WrongState);
                }
                if self.turn != Some(Side::Host) {
                    return Err(Refusal::NotYourTurn);
                }
                (What::DetailsGiven, Some(said(words)?))
            }
            Act::ProposeTimes { round, times, words } => {
                self.is_round(round)?;
                self.may_propose(side)?;
                check_times(now, &times)?;
                (What::TimesProposed { times }, words)
            }
            Act::AgreeTime { round, time, words } => {
                self.is_round(round)?;
                if self.turn != Some(side) {
                    return Err(self.not_now(side));
                }
                let proposed = self.proposal.as_ref().is_some_and(|proposal| proposal.times.contains(&time));
                if !proposed || time <= now {
                    return Err(Refusal::InvalidTime);
                }
                (What::TimeAgreed { time }, words)
            }
            Act::ProposeSheet { hash } => {
                if self.sheets.iter().any(|version| version.hash == hash) {
                    return Err(Refusal::NothingToChange);
                }
                (What::SheetProposed { hash }, None)
            }
            Act::AcceptSheet { hash } => self.accept_sheet(side, hash).map(|what| (what, None))?,
            Act::Translate { language } => (What::Translated { language }, None),
            Act::Withdraw { words } => (What::Withdrawn, words),
            Act::Merge { into } => self.merge(&into).map(|what| (what, None))?,
            Act::Open { room } => {
                if self.state != State::Accepted {
                    return Err(Refusal::WrongState);
                }
                if self.room == Some(room) {
                    return Err(Refusal::NothingToChange);
                }
                (What::Opened { room }, None)
            }
            Act::End { room } => {
                if self.state != State::Accepted || self.room != Some(room) {
                    return Err(Refusal::WrongState);
                }
                (What::Ended { room }, None)
            }
            Act::Expire => {
                if self.state != State::Asked || now < self.expires_at {
                    return Err(Refusal::WrongState);
                }
                (What::Expired, None)
            }
        })
    }

    /// Whether the invitee's side answers the asking in this round.
    fn answers(&self, round: u32) -> Result<(), Refusal> {
        self.is_round(round)?;
        match (self.state, self.turn) {
            (State::Asked, Some(Side::Invitee)) => Ok(()),
            (State::Asked, _) => Err(Refusal::AlreadyAnswered),
            _ => Err(Refusal::WrongState),
        }
    }

    fn is_round(&self, round: u32) -> Result<(), Refusal> {
        if round == self.round { Ok(()) } else { Err(Refusal::AlreadyAnswered) }
    }

    /// Whether the invitee's side may say no: in its turn, and also after it has said yes.
    fn may_decline(&self) -> Result<(), Refusal> {
        match (self.state, self.turn) {
            (State::Accepted, _) | (State::Asked, Some(Side::Invitee)) => Ok(()),
            _ => Err(Refusal::AlreadyAnswered),
        }
    }

    /// Whether a side may propose times: in its turn, and once it is accepted also when nothing waits for an answer.
    fn may_propose(&self, side: Side) -> Result<(), Refusal> {
        match self.turn {
            Some(turn) if turn == side => Ok(()),
            None if self.state == State::Accepted => Ok(()),
            _ => Err(self.not_now(side)),
        }
    }

    /// Why a side cannot answer now: the invitee's has done so in this round, while the host's was not asked yet.
    fn not_now(&self, side: Side) -> Refusal {
        match (self.state, side) {
            (State::Asked, Side::Invitee) => Refusal::AlreadyAnswered,
            _ => Refusal::NotYourTurn,
        }
    }

    fn accept_sheet(&self, side: Side, hash: SheetHash) -> Result<What, Refusal> {
        let version = self.sheets.iter().find(|version| version.hash == hash).ok_or(Refusal::NoSuchSheet)?;
        // What was agreed later holds: nobody goes back behind it alone.
        let outdated = self.agreed_sheet().is_some_and(|agreed| agreed.number >= version.number);
        if outdated || version.by == side || version.agreed_at.is_some() {
            return Err(Refusal::NothingToChange);
        }
        Ok(What::SheetAccepted { hash })
    }

    fn merge(&self, into: &Other) -> Result<What, Refusal> {
        if self.state != State::Asked {
            return Err(Refusal::WrongState);
        }
        let same = match (&self.invitee, &into.invitee) {
            (Invitee::Member(one), Invitee::Member(other)) => one == other,
            (Invitee::Outside { name, domain, .. }, Invitee::Outside { name: other, domain: of_other, .. }) => {
                match (domain, of_other) {
                    (Some(domain), Some(of_other)) => domain == of_other,
                    _ => name == other,
                }
            }
            _ => false,
        };
        if into.id == self.id || into.host != self.host || !into.open || !same {
            return Err(Refusal::CannotMerge);
        }
        Ok(What::Merged { into: into.id })
    }
}

/// The words of an act that is nothing without them.
fn said(words: Option<Words>) -> Result<Words, Refusal> {
    words.filter(|words| !words.text.is_empty()).ok_or(Refusal::WordsNeeded)
}

fn fits(words: &Words) -> bool {
    !words.text.is_empty() && words.text.chars().count() <= WORDS_MAX_CHARS && !words.language.is_empty()
}

fn check_times(now: Timestamp, times: &[Timestamp]) -> Result<(), Refusal> {
    let latest = now.plus(AHEAD_MAX_MILLIS);
    let twice = times.iter().enumerate().any(|(place, time)| times[..place].contains(time));
    let fit = (1..=TIMES_MAX).contains(&times.len())
        && !twice
        && times.iter().all(|time| (now.0 + 1..=latest.0).contains(&time.0));
    if fit { Ok(()) } else { Err(Refusal::InvalidTime) }
}
