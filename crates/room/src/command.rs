//! What can be asked of a room, who asks, and why a room refuses.

use crate::event::Kind;
use crate::ids::{CommandId, MemberId, ReplayId, RoleEpoch, Timestamp};
use crate::recording::{NewRecording, RecordingCause};
use crate::settings::HandRule;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A member. `role_epoch` is the one the sender believes to have; `None` where the sender cannot know it yet
    /// (entering) or where the server acts for the member's connection. `id` makes a repetition harmless.
    Member {
        /// Who.
        member: MemberId,
        /// The role epoch that the sender believes to have. Does not matter to leaving and to taking back what one agreed to,
        /// which everybody may in any role.
        role_epoch: Option<RoleEpoch>,
        /// The command's id, if the sender gave one.
        id: Option<CommandId>,
    },
    /// The server: lost sockets and deadlines.
    System,
}

/// By whose word a guest is here, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GuestPass {
    /// The moderator who made the link and vouches for the guest.
    pub by: MemberId,
    /// When the link ends, and the guest's stay with it.
    pub until: Timestamp,
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
        /// Whether somebody on stage follows the sender; decides under [`HandRule::Followed`].
        followed_by_speaker: bool,
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
    /// Move somebody's hand to another place in the queue.
    MoveHand {
        /// Whose hand.
        member: MemberId,
        /// Its place from now on, 0 for the first; one beyond the end means the end.
        place: u32,
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
    /// Make a moderator a speaker again.
    TakeModerator {
        /// Whom.
        member: MemberId,
    },
    /// Put somebody out of the room, if they are in it, and keep them out.
    Ban {
        /// Whom; a member who is not, or not any more, in the room can be banned as well.
        member: MemberId,
        /// Why, for the log; at most [`crate::REASON_MAX_CHARS`] characters.
        reason: Option<String>,
    },
    /// Let somebody in again who was banned.
    Unban {
        /// Whom.
        member: MemberId,
    },
    /// Make somebody on stage the host; the old host stays as a moderator.
    HandOver {
        /// To whom.
        member: MemberId,
    },
    /// Change what the room says about itself.
    Describe {
        /// Checked by the caller, as [`crate::Opening`] is.
        title: String,
        /// Checked by the caller.
        topics: Vec<String>,
        /// Checked by the caller.
        language: String,
    },
    /// Open the room to more people: closed to social or open, social to open. Only the host.
    Widen {
        /// Who may come in from now on.
        kind: Kind,
    },
    /// Decide who may raise a hand. Hands that are up stay.
    RuleHands {
        /// Who.
        rule: HandRule,
    },
    /// Let nobody come on stage any more, or let people come again.
    LockStage {
        /// Whether it is to be locked.
        locked: bool,
    },
    /// Switch the text backchannel on or off, and set its slow mode.
    SetBackchannel {
        /// Whether it is to be open.
        open: bool,
        /// Least time between two lines of one person, at most [`crate::SLOW_MAX_SECONDS`]; 0 for none.
        slow_seconds: u16,
    },
    /// Set or clear the room's timer, which everybody sees.
    SetTimer {
        /// When it runs out, at most [`crate::TIMER_MAX_MILLIS`] from now.
        until: Option<Timestamp>,
    },
    /// Pin a link for everybody.
    PinLink {
        /// `http` or `https`, at most [`crate::LINK_MAX_CHARS`] characters.
        url: String,
        /// What it is; at most [`crate::LABEL_MAX_CHARS`] characters.
        label: String,
    },
    /// Take down a pinned link.
    UnpinLink {
        /// Its number.
        number: u32,
    },
    /// Hand over the interview: say who on stage leads the talk, or that nobody does in particular.
    GiveFloor {
        /// Who leads from now on.
        member: Option<MemberId>,
    },
    /// Ring somebody who is not in the room and keep a place for them: when they come, they are asked on stage at once.
    CallUp {
        /// Whom.
        member: MemberId,
        /// What it is about; at most [`crate::CONTEXT_MAX_CHARS`] characters.
        context: Option<String>,
    },
    /// Take a call-up back.
    WithdrawCallUp {
        /// Whose.
        member: MemberId,
    },
    /// Say no to being called up; the one command of a member who is not in the room.
    DeclineCallUp,
    /// A guest asks to be let in, and waits; one who was let in before comes back.
    Knock {
        /// Their pass.
        pass: GuestPass,
    },
    /// Let a waiting guest in, onto the stage if it has a place: that they wait was their consent.
    Admit {
        /// Whom.
        guest: MemberId,
    },
    /// Send a waiting guest away.
    TurnAway {
        /// Whom.
        guest: MemberId,
    },
    /// System: a guest's link was revoked.
    EndPass {
        /// Whose.
        guest: MemberId,
    },
    /// Have the last minute of what people on stage say kept for reports, of those who agree to it, or stop that. Only the
    /// host.
    SetEvidence {
        /// Which.
        on: bool,
    },
    /// Say which question is being answered now, or that none is.
    TakeQuestion {
        /// Its number.
        number: Option<u32>,
    },
    /// Take a question out of the queue.
    SettleQuestion {
        /// Its number.
        number: u32,
        /// Whether it was answered, and not passed over.
        answered: bool,
    },
    /// Agree, or stop agreeing, to having the last minute of what one says kept for reports.
    AgreeEvidence {
        /// Which.
        agree: bool,
    },
    /// Begin a recording, or stop the one that goes on. Only the host.
    SetRecording {
        /// What is to be begun; `None` to stop.
        recording: Option<NewRecording>,
    },
    /// Agree to being recorded, refuse it, or take an agreement back.
    ConsentRecording {
        /// In which replay.
        replay: ReplayId,
        /// The version of the text that the sender was shown.
        text: u32,
        /// Which.
        agree: bool,
    },
    /// System: somebody has withdrawn what was recorded of them so far. It is not recorded any more; if they agree again, that begins
    /// another track.
    WithdrawTrack {
        /// In which replay.
        replay: ReplayId,
        /// The number of their track.
        track: u32,
    },
    /// System: a recording cannot go on.
    StopRecording {
        /// Of which replay.
        replay: ReplayId,
        /// Why.
        cause: RecordingCause,
    },
    /// End the room for everybody.
    End,
    /// System: a member's connection was lost; their place is kept for [`crate::AWAY_MILLIS`].
    LoseConnection {
        /// Whose.
        member: MemberId,
    },
    /// System: a member who has left deletes their account; nothing of them is kept.
    Forget {
        /// Whom.
        member: MemberId,
    },
    /// System: an appeal against a ban was granted by `by`, who need not be in the room.
    LiftBan {
        /// Whose ban.
        member: MemberId,
        /// When they were banned: a later ban of theirs stays.
        at: Timestamp,
        /// Who decided.
        by: MemberId,
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
    /// The sender's role changed since the command was sent, and the command takes a role.
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
    /// The sender is banned from the room.
    Banned,
    /// Hands are off.
    HandsOff,
    /// Only people whom somebody on stage follows may raise a hand.
    HandsFollowedOnly,
    /// Nobody comes on stage while it is locked.
    StageLocked,
    /// The member is a guest, and guests neither run a room nor inherit one.
    TargetIsGuest,
    /// The member is in the room already.
    AlreadyHere,
    /// The member is banned from the room.
    TargetBanned,
    /// No call-up is open.
    NoCallUp,
    /// No such guest is waiting.
    NotWaiting,
    /// No link with this number is pinned.
    NoSuchLink,
    /// The room holds as many of these as it can: links, bans, call-ups or waiting guests.
    TooMany,
    /// What people say is not kept for reports in this room.
    EvidenceOff,
    /// The talk sheet from which the room was opened does not provide for it: a member on stage whom it does not name, one
    /// guest more than it has places for, or keeping what is said.
    NotInSheet,
    /// Nothing is recorded in this room.
    RecordingOff,
    /// The recording is another one by now, or the sender was shown another text than the one that counts.
    StaleConsent,
    /// A room that is not open to everybody can be recorded only for those who are there.
    RecordingTooOpen,
    /// No question has this number, or it is settled.
    NoSuchQuestion,
    /// A text, an address, a time or a number of the command is out of its bounds.
    InvalidValue,
    /// The command belongs to the system, not to a member, or the other way round.
    WrongActor,
}
