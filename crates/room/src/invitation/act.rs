//! What may be done with an invitation, by whom, and what comes of it.

use super::sheet::SheetHash;
use super::{Invitee, STEPS_KEPT, STEPS_MAX};
use crate::ids::{InvitationId, MemberId, RecordId, RoomId, Timestamp};
use crate::office::Rights;

/// Who wants to act, with what they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A member: a principal, a delegate of one, or neither. Rights of no office are empty.
    Member {
        /// Who.
        member: MemberId,
        /// What they may do for the host.
        for_host: Rights,
        /// What they may do for the invitee.
        for_invitee: Rights,
    },
    /// Who claimed the link for an invitee without an account, and was not replaced by another.
    Outside(RecordId),
    /// The server itself.
    System,
}

/// Who gave a step. Of an account that was deleted no id is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Voice {
    /// The host.
    Host(MemberId),
    /// The member who is invited.
    Invitee(Option<MemberId>),
    /// The office of either side.
    Office {
        /// For whom.
        of: Option<MemberId>,
        /// By whom, which is not for everybody to know.
        delegate: Option<MemberId>,
    },
    /// Who claimed the link for an invitee without an account.
    Outside(RecordId),
    /// The server itself.
    System,
}

/// What goes with a step in somebody's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The text, of at most [`super::WORDS_MAX_CHARS`] characters.
    pub text: String,
    /// BCP 47 tag of its language.
    pub language: String,
}

/// The other invitation in a merger, as far as that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Which.
    pub id: InvitationId,
    /// Who invites.
    pub host: MemberId,
    /// Who is invited.
    pub invitee: Invitee,
    /// Whether something can still happen with it.
    pub open: bool,
}

/// Something to be done. Answers carry the round that they answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The invitee's side comes.
    Accept {
        /// The round that is answered.
        round: u32,
        /// With these words.
        words: Option<Words>,
    },
    /// The invitee's side does not come, or not after all.
    Decline {
        /// The round that is answered.
        round: u32,
        /// With these words.
        words: Option<Words>,
    },
    /// The invitee's side asks what exactly is proposed.
    NeedDetails {
        /// The round that is answered.
        round: u32,
        /// The question.
        words: Option<Words>,
    },
    /// The invitee's side asks for patience.
    AnswerLater {
        /// The round that is answered.
        round: u32,
        /// Until when.
        until: Timestamp,
        /// With these words.
        words: Option<Words>,
    },
    /// The host's side says what was asked.
    GiveDetails {
        /// The round that is answered.
        round: u32,
        /// The details.
        words: Option<Words>,
    },
    /// Either side proposes times.
    ProposeTimes {
        /// The round that is answered.
        round: u32,
        /// From 1 to [`super::TIMES_MAX`], none twice.
        times: Vec<Timestamp>,
        /// With these words.
        words: Option<Words>,
    },
    /// Either side agrees to one of the times that the other proposed.
    AgreeTime {
        /// The round that is answered.
        round: u32,
        /// Which.
        time: Timestamp,
        /// With these words.
        words: Option<Words>,
    },
    /// Either side writes a new version of the talk sheet, and accepts it by that.
    ProposeSheet {
        /// Its digest.
        hash: SheetHash,
    },
    /// Either side accepts a version of the talk sheet that the other wrote.
    AcceptSheet {
        /// Its digest.
        hash: SheetHash,
    },
    /// Either side offers the text in a further language.
    Translate {
        /// BCP 47 tag.
        language: String,
    },
    /// The host takes the invitation back.
    Withdraw {
        /// With these words.
        words: Option<Words>,
    },
    /// The host lets it go on in another invitation of theirs to the same person.
    Merge {
        /// Into which.
        into: Other,
    },
    /// The talk begins.
    Open {
        /// In this room.
        room: RoomId,
    },
    /// The talk has ended.
    End {
        /// In this room.
        room: RoomId,
    },
    /// Nobody has said yes in time.
    Expire,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is what the act of the same name comes to, with its fields")]
pub enum What {
    Asked,
    Accepted,
    Declined,
    NeedDetails,
    AnswerLater { until: Timestamp },
    DetailsGiven,
    TimesProposed { times: Vec<Timestamp> },
    TimeAgreed { time: Timestamp },
    SheetProposed { hash: SheetHash },
    SheetAccepted { hash: SheetHash },
    Translated { language: String },
    Withdrawn,
    Merged { into: InvitationId },
    Opened { room: RoomId },
    Ended { room: RoomId },
    Expired,
}

/// Something that has happened, who did it and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number, from 1 without gaps.
    pub n: u32,
    /// When.
    pub at: Timestamp,
    /// Who gave it.
    pub voice: Voice,
    /// In which round.
    pub round: u32,
    /// What.
    pub what: What,
    /// What was said with it.
    pub words: Option<Words>,
}

/// Why an act is refused. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The invitation has ended.
    Over,
    /// Whoever asks has no right to it.
    NotAllowed,
    /// Whoever asks is in the office of both sides, and so speaks for neither.
    BothSides,
    /// The round was answered.
    AlreadyAnswered,
    /// It is the other side's turn.
    NotYourTurn,
    /// It does not fit how far the invitation has come.
    WrongState,
    /// The talk goes on, by what was agreed on before: it comes to its end in its room.
    Live,
    /// Something has to be said with it.
    WordsNeeded,
    /// What is said is too long, or in no language.
    InvalidWords,
    /// There are too many times or none, one is there twice, has passed, is too far ahead, or was not proposed.
    InvalidTime,
    /// There is no such version of the talk sheet.
    NoSuchSheet,
    /// It is so already.
    NothingToChange,
    /// The other invitation is not open, of another host, or to somebody else.
    CannotMerge,
    /// There were [`STEPS_MAX`] steps, of which the last [`STEPS_KEPT`] only lead to an end.
    TooManySteps,
}

impl Act {
    /// How many steps there may be before this one.
    pub(super) fn steps_before(&self) -> u32 {
        match self {
            Self::Decline { .. }
            | Self::Withdraw { .. }
            | Self::Merge { .. }
            | Self::Open { .. }
            | Self::End { .. }
            | Self::Expire => STEPS_MAX,
            _ => STEPS_MAX - STEPS_KEPT,
        }
    }
    /// Whether it cannot be done while the talk goes on.
    pub(super) fn waits_for_the_end(&self) -> bool {
        matches!(
            self,
            Self::Decline { .. }
                | Self::Withdraw { .. }
                | Self::ProposeTimes { .. }
                | Self::AgreeTime { .. }
                | Self::ProposeSheet { .. }
                | Self::AcceptSheet { .. }
        )
    }
}
