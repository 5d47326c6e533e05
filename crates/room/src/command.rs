//! What can be asked of a room, who asks, and why a room refuses.

use crate::ids::{CommandId, MemberId, RoleEpoch};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A member. `role_epoch` is the one the sender believes to have; `None` where the sender cannot know it yet
    /// (entering) or where the server acts for the member's connection. `id` makes a repetition harmless.
    Member {
        /// Who.
        member: MemberId,
        /// The role epoch that the sender believes to have.
        role_epoch: Option<RoleEpoch>,
        /// The command's id, if the sender gave one.
        id: Option<CommandId>,
    },
    /// The server: lost sockets and deadlines.
    System,
}

/// What can be asked of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Come in as a listener, or come back after the connection was lost.
    Enter {
        /// Whether a moderator of this room follows the sender; decides in a social room.
        followed_by_moderator: bool,
    },
    /// Leave quietly.
    Leave,
    /// Ask to speak, with an optional question.
    RaiseHand {
        /// At most [`crate::QUESTION_MAX_CHARS`] characters.
        question: Option<String>,
    },
    /// Take one's own hand down.
    LowerHand,
    /// Bring a member whose hand is up onto the stage. Raising the hand was their consent.
    AcceptHand {
        /// Whose hand.
        member: MemberId,
    },
    /// Take down somebody's hand.
    DeclineHand {
        /// Whose hand.
        member: MemberId,
    },
    /// Ask a listener to come on stage.
    OfferStage {
        /// Whom.
        member: MemberId,
    },
    /// Take back the offer.
    WithdrawOffer {
        /// From whom.
        member: MemberId,
    },
    /// Come on stage after an offer.
    AcceptOffer,
    /// Stay in the audience after an offer.
    DeclineOffer,
    /// Go from the stage to the audience of one's own will.
    StepDown,
    /// Open or close one's own microphone.
    SetMic {
        /// Whether it is to be open.
        open: bool,
    },
    /// Silence a speaker until a moderator lifts it.
    Mute {
        /// Whom.
        member: MemberId,
    },
    /// Lift a mute. The speaker opens the microphone themselves.
    Unmute {
        /// Whom.
        member: MemberId,
    },
    /// Move somebody from the stage to the audience.
    MoveToAudience {
        /// Whom.
        member: MemberId,
    },
    /// Put somebody out of the room.
    Remove {
        /// Whom.
        member: MemberId,
    },
    /// Make a speaker a moderator.
    MakeModerator {
        /// Whom.
        member: MemberId,
    },
    /// Make somebody on stage the host; the old host stays as a moderator.
    HandOver {
        /// To whom.
        member: MemberId,
    },
    /// End the room for everybody.
    End,
    /// System: a member's connection was lost; their place is kept for [`crate::AWAY_MILLIS`].
    LoseConnection {
        /// Whose.
        member: MemberId,
    },
    /// System: carry out whatever is due at `now`.
    Tick,
}

/// Why a room refuses. Each has a stable code in docs/PROTOCOL.md; a refusal changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// The room has ended.
    RoomEnded,
    /// The room is not for the sender (closed or social); shown outside as if it did not exist.
    NotAdmitted,
    /// The sender is not in the room.
    NotInRoom,
    /// The sender's role does not allow it.
    NotAllowed,
    /// The sender's role changed since the command was sent.
    StaleRole,
    /// The member acted on is not in the room.
    NoSuchParticipant,
    /// Nobody can act on the host, and nobody on themselves with a moderation command.
    TargetProtected,
    /// Already on stage.
    AlreadyOnStage,
    /// Not on stage.
    NotOnStage,
    /// A hand is up already.
    HandAlreadyUp,
    /// No hand is up.
    NoHand,
    /// No offer to come on stage is open.
    NoOffer,
    /// An offer is open already.
    OfferAlreadyOpen,
    /// A moderator has muted the sender.
    MutedByModerator,
    /// The member is muted already, is not muted, or is a moderator already: nothing to change.
    NothingToChange,
    /// The question is too long or holds control characters.
    InvalidQuestion,
    /// The stage holds [`crate::STAGE_MAX`] people.
    StageFull,
    /// The command belongs to the system, not to a member, or the other way round.
    WrongActor,
}
