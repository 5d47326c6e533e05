//! The closed list of error codes, and the one shape in which they are answered.

use std::error::Error;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use roomtone_room::command::Rejection;
use roomtone_room::invitation;
use roomtone_store::StoreError;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use crate::limits::TooMany;

/// Why a request or a command was refused. The text form is stable; docs/PROTOCOL.md lists all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is described in docs/PROTOCOL.md and by its message below")]
pub enum Code {
    BadRequest,
    NotSignedIn,
    CrossSite,
    NotAllowed,
    NotOnStage,
    MutedByModerator,
    HouseRules,
    NotHouseAdmin,
    Banned,
    HandsOff,
    HandsFollowedOnly,
    Suspended,
    NominationNeeded,
    WaitlistClosed,
    SignInAgain,
    RecoveryRefused,
    NotFound,
    InviteNotFound,
    GuestLinkNotFound,
    InvitationNotFound,
    AnswerLinkNotFound,
    QuestionNotFound,
    ReplyNotFound,
    ReplayNotFound,
    ClipNotFound,
    LineNotFound,
    WaitingNotFound,
    MemberNotFound,
    HouseNotFound,
    RoomNotFound,
    EventNotFound,
    LegNotFound,
    PasskeyNotFound,
    SessionNotFound,
    ActNotFound,
    AppealNotFound,
    GrantNotFound,
    ProofNotFound,
    MailNotConfigured,
    PasskeysUnavailable,
    MethodNotAllowed,
    HandleTaken,
    AlreadyAppealed,
    AlreadyDecided,
    AlreadyAnswered,
    NotYourTurn,
    AlreadyInvited,
    TooManyInvitations,
    NoSuchSheet,
    CannotMerge,
    AlreadyDelegate,
    TooManyGrants,
    ProofExists,
    TooManyProofs,
    NoInvitesLeft,
    AddressTaken,
    LastWayIn,
    HandleChangedLately,
    TooManyPeople,
    TooManyHouses,
    LastAdmin,
    OwnerMustStay,
    TooManyPasskeys,
    TooManyTokens,
    NotInRoom,
    StaleRole,
    NoSuchParticipant,
    TargetProtected,
    MemberProtected,
    AlreadyOnStage,
    HandAlreadyUp,
    NoHand,
    NoOffer,
    OfferAlreadyOpen,
    NothingToChange,
    EventLive,
    NotDated,
    TooEarly,
    DateByInvitation,
    TooManyEvents,
    StageFull,
    StageLocked,
    TargetIsGuest,
    AlreadyHere,
    TargetBanned,
    NoCallUp,
    NotWaiting,
    NoSuchLink,
    TooMany,
    EvidenceOff,
    RecordingOff,
    StaleConsent,
    RecordingTooOpen,
    ReplayInWork,
    CannotWiden,
    NotInSheet,
    NoSuchQuestion,
    BackchannelClosed,
    NoSuchLine,
    RoomEnded,
    EventOver,
    CallOver,
    CeremonyOver,
    LinkOver,
    InvitationOver,
    GrantOver,
    TooLarge,
    PictureTooLarge,
    UnsupportedMediaType,
    UnsupportedPicture,
    RangeNotSatisfiable,
    InvalidHandle,
    InvalidName,
    InvalidLanguage,
    InvalidTitle,
    InvalidSetting,
    InvalidQuestion,
    InvalidText,
    InvalidLink,
    InvalidTopics,
    InvalidTime,
    InvalidSheet,
    InvalidClip,
    InvalidRecording,
    InvalidDate,
    InvalidGrant,
    InvalidDomain,
    InvalidQuietHours,
    InvalidSubscription,
    WrongHandle,
    InvalidAddress,
    PasskeyRefused,
    InvalidSdp,
    NoAudio,
    NoCommonCodec,
    UnknownCommand,
    RateLimited,
    SlowMode,
    EvidenceNotKept,
    Busy,
    ServerFull,
    MailFailed,
    Internal,
}

impl Code {
    /// The HTTP status that goes with the code, and a sentence for people.
    fn parts(self) -> (StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::BadRequest => (S::BAD_REQUEST, "The request was not understood."),
            Self::NotSignedIn => (S::UNAUTHORIZED, "Sign in first."),
            Self::CrossSite => (S::FORBIDDEN, "The request came from a page of another site."),
            Self::NotAllowed => (S::FORBIDDEN, "Your role does not allow that."),
            Self::NotOnStage => (S::FORBIDDEN, "Only somebody on stage can do that."),
            Self::MutedByModerator => (S::FORBIDDEN, "A moderator has muted you."),
            Self::Banned => (S::FORBIDDEN, "A moderator has banned you from this room."),
            Self::HandsOff => (S::FORBIDDEN, "Hands are off in this room for now."),
            Self::HandsFollowedOnly => (S::FORBIDDEN, "Only people whom a speaker follows can raise a hand for now."),
            Self::NominationNeeded => (S::FORBIDDEN, "One joins this house by nomination only."),
            Self::HouseRules => (S::FORBIDDEN, "Accept the rules of the house first."),
            Self::NotHouseAdmin => (S::FORBIDDEN, "Only its admins announce and invite in the name of a house."),
            Self::Suspended => (S::FORBIDDEN, "This account is suspended."),
            Self::WaitlistClosed => (S::FORBIDDEN, "Nobody can be put on the waiting list for now."),
            Self::SignInAgain => (S::FORBIDDEN, "Sign in once more first; that was too long ago."),
            Self::RecoveryRefused => {
                (S::FORBIDDEN, "That handle and recovery code do not go together, or the code was used.")
            }
            Self::NotFound => (S::NOT_FOUND, "There is nothing here."),
            Self::InviteNotFound => (S::NOT_FOUND, "This invite does not exist, was used, or has expired."),
            Self::GuestLinkNotFound => (S::NOT_FOUND, "This guest link does not exist, was used, or has ended."),
            Self::InvitationNotFound => (S::NOT_FOUND, "There is no such invitation."),
            Self::AnswerLinkNotFound => (S::NOT_FOUND, "This link does not exist, was used, or has ended."),
            Self::QuestionNotFound => (S::NOT_FOUND, "There is no such question."),
            Self::ReplyNotFound => (S::NOT_FOUND, "There is no such reply."),
            Self::ReplayNotFound => (S::NOT_FOUND, "There is no such replay."),
            Self::ClipNotFound => (S::NOT_FOUND, "There is no such clip."),
            Self::LineNotFound => (S::NOT_FOUND, "There is no such line of yours."),
            Self::WaitingNotFound => (S::NOT_FOUND, "Nobody waits with that."),
            Self::MemberNotFound => (S::NOT_FOUND, "There is no such member."),
            Self::HouseNotFound => (S::NOT_FOUND, "There is no such house."),
            Self::RoomNotFound => (S::NOT_FOUND, "There is no such room."),
            Self::EventNotFound => (S::NOT_FOUND, "There is no such event."),
            Self::LegNotFound => (S::NOT_FOUND, "There is no such media leg."),
            Self::PasskeyNotFound => (S::NOT_FOUND, "There is no such passkey."),
            Self::SessionNotFound => (S::NOT_FOUND, "There is no such session."),
            Self::ActNotFound => (S::NOT_FOUND, "There is nothing here to appeal against, or it was too long ago."),
            Self::AppealNotFound => (S::NOT_FOUND, "There is no such appeal."),
            Self::GrantNotFound => (S::NOT_FOUND, "There is no such grant."),
            Self::ProofNotFound => (S::NOT_FOUND, "There is no such proof."),
            Self::PasskeysUnavailable => (S::NOT_FOUND, "Passkeys need this server to have a name and https."),
            Self::MailNotConfigured => (S::NOT_FOUND, "This server sends no e-mail."),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "That method is not supported here."),
            Self::HandleTaken => (S::CONFLICT, "Somebody has this handle already."),
            Self::AlreadyAppealed => (S::CONFLICT, "You have appealed against that already."),
            Self::AlreadyDecided => (S::CONFLICT, "This appeal was decided already."),
            Self::AlreadyAnswered => (S::CONFLICT, "That was answered already; look again."),
            Self::NotYourTurn => (S::CONFLICT, "It is the other side's turn."),
            Self::AlreadyInvited => (S::CONFLICT, "You have an open invitation to this person."),
            Self::TooManyInvitations => (S::CONFLICT, "You have as many open invitations as a member may have."),
            Self::NoSuchSheet => (S::CONFLICT, "There is no such version of the talk sheet."),
            Self::CannotMerge => {
                (S::CONFLICT, "An invitation goes on only in an open one of your own to the same person.")
            }
            Self::AlreadyDelegate => (S::CONFLICT, "This person acts for you already, or was asked to."),
            Self::TooManyGrants => (S::CONFLICT, "There are as many people as may act for one member."),
            Self::ProofExists => (S::CONFLICT, "There is a proof for this domain already; take it away first."),
            Self::TooManyProofs => (S::CONFLICT, "There are as many domains as one may have."),
            Self::LastAdmin => (S::CONFLICT, "A house keeps at least one admin; make somebody else one first."),
            Self::TooManyHouses => (S::CONFLICT, "You have as many houses as a member may have."),
            Self::NoInvitesLeft => (S::CONFLICT, "You have no invite left."),
            Self::AddressTaken => (S::CONFLICT, "Another member has this e-mail address."),
            Self::LastWayIn => (S::CONFLICT, "Without it there would be no way left to sign in."),
            Self::HandleChangedLately => (S::CONFLICT, "A handle can be changed twice within 30 days."),
            Self::TooManyPeople => (S::CONFLICT, "There is no room for more people in this list."),
            Self::OwnerMustStay => (S::CONFLICT, "Hand the server over to another member first."),
            Self::TooManyTokens => (S::CONFLICT, "There are as many tokens as one member may have."),
            Self::TooManyPasskeys => (S::CONFLICT, "There are as many passkeys as one member may have."),
            Self::NotInRoom => (S::CONFLICT, "You are not in this room."),
            Self::StaleRole => (S::CONFLICT, "Your role has changed since."),
            Self::NoSuchParticipant => (S::CONFLICT, "That person is not in the room."),
            Self::TargetProtected => (S::CONFLICT, "Nobody can do that to the host, or to themselves."),
            Self::MemberProtected => (S::CONFLICT, "Nobody can do that to the owner, and only the owner to an admin."),
            Self::AlreadyOnStage => (S::CONFLICT, "Already on stage."),
            Self::HandAlreadyUp => (S::CONFLICT, "The hand is up already."),
            Self::NoHand => (S::CONFLICT, "No hand is up."),
            Self::NoOffer => (S::CONFLICT, "There is no open invitation to the stage."),
            Self::OfferAlreadyOpen => (S::CONFLICT, "That person has been asked already."),
            Self::NothingToChange => (S::CONFLICT, "It is so already."),
            Self::EventLive => (S::CONFLICT, "The event is live."),
            Self::NotDated => (S::CONFLICT, "The event has no date yet, or somebody has still to agree."),
            Self::TooEarly => (S::CONFLICT, "The room opens half an hour before the date at the earliest."),
            Self::DateByInvitation => {
                (S::CONFLICT, "What becomes of this event is agreed on the page of its invitation.")
            }
            Self::TooManyEvents => (S::CONFLICT, "You have as many events to come as a member may have."),
            Self::StageFull => (S::CONFLICT, "The stage is full."),
            Self::StageLocked => (S::CONFLICT, "The stage is locked."),
            Self::TargetIsGuest => (S::CONFLICT, "A guest cannot run the room."),
            Self::AlreadyHere => (S::CONFLICT, "That person is here already."),
            Self::TargetBanned => (S::CONFLICT, "That person is banned from this room."),
            Self::NoCallUp => (S::CONFLICT, "Nobody is being called with that."),
            Self::NotWaiting => (S::CONFLICT, "That guest is not waiting."),
            Self::NoSuchLink => (S::CONFLICT, "That link is not pinned."),
            Self::TooMany => (S::CONFLICT, "The room holds as many of these as it can."),
            Self::EvidenceOff => (S::CONFLICT, "What people say is not kept for reports in this room."),
            Self::RecordingOff => (S::CONFLICT, "Nothing is recorded in this room."),
            Self::StaleConsent => {
                (S::CONFLICT, "That is not what is recorded now, or you were asked with other words.")
            }
            Self::RecordingTooOpen => {
                (S::CONFLICT, "What is said in this room can be recorded only for those who are there.")
            }
            Self::ReplayInWork => (S::CONFLICT, "This replay is being made; look again in a while."),
            Self::CannotWiden => {
                (S::CONFLICT, "A replay is never open to more people than those who speak in it agreed to.")
            }
            Self::NotInSheet => (S::CONFLICT, "The talk sheet does not provide for that."),
            Self::NoSuchQuestion => (S::CONFLICT, "There is no such question."),
            Self::BackchannelClosed => (S::CONFLICT, "The backchannel is closed."),
            Self::NoSuchLine => (S::CONFLICT, "There is no such line."),
            Self::RoomEnded => (S::GONE, "The room has ended."),
            Self::EventOver => (S::GONE, "The event has ended or was cancelled."),
            Self::CallOver => (S::GONE, "This call is over."),
            Self::CeremonyOver => (S::GONE, "That took too long or was finished already; begin again."),
            Self::LinkOver => (S::GONE, "This link was used or has expired."),
            Self::InvitationOver => (S::GONE, "This invitation has ended."),
            Self::GrantOver => (S::GONE, "This grant is over."),
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "That is larger than accepted."),
            Self::PictureTooLarge => (S::PAYLOAD_TOO_LARGE, "A picture has at most 40 megapixels."),
            Self::RangeNotSatisfiable => (S::RANGE_NOT_SATISFIABLE, "The part that was asked for lies behind the end."),
            Self::UnsupportedMediaType => (S::UNSUPPORTED_MEDIA_TYPE, "The content type is not the expected one."),
            Self::UnsupportedPicture => {
                (S::UNPROCESSABLE_ENTITY, "That is not a picture that can be used: a still JPEG, PNG or WebP.")
            }
            Self::InvalidHandle => (
                S::UNPROCESSABLE_ENTITY,
                "A handle has 2 to 30 letters of one script, 0-9 and _, and begins with a letter.",
            ),
            Self::InvalidName => (S::UNPROCESSABLE_ENTITY, "A name has 1 to 60 characters."),
            Self::InvalidLanguage => (S::UNPROCESSABLE_ENTITY, "That is not a language tag."),
            Self::InvalidTitle => (S::UNPROCESSABLE_ENTITY, "A title has 1 to 120 characters."),
            Self::InvalidSubscription => (S::UNPROCESSABLE_ENTITY, "That is not a push subscription of a browser."),
            Self::InvalidQuietHours => (
                S::UNPROCESSABLE_ENTITY,
                "Quiet hours have two different times of the day, and a time zone that exists.",
            ),
            Self::InvalidSetting => (S::UNPROCESSABLE_ENTITY, "One of the settings cannot be used."),
            Self::InvalidQuestion => (S::UNPROCESSABLE_ENTITY, "A question has at most 280 plain characters."),
            Self::InvalidText => {
                (S::UNPROCESSABLE_ENTITY, "That text is too long or has characters that cannot be shown.")
            }
            Self::InvalidLink => (S::UNPROCESSABLE_ENTITY, "A link is an https address of at most 200 characters."),
            Self::InvalidTopics => {
                (S::UNPROCESSABLE_ENTITY, "There are too many topics, or one has not 1 to 30 characters.")
            }
            Self::InvalidGrant => {
                (S::UNPROCESSABLE_ENTITY, "An office has at least one right, and lasts for 1 to 365 days.")
            }
            Self::InvalidDomain => {
                (S::UNPROCESSABLE_ENTITY, "That is not a domain of the internet, such as example.org.")
            }
            Self::InvalidDate => (
                S::UNPROCESSABLE_ENTITY,
                "A date is in the future, at most two years ahead, and in a time zone that exists.",
            ),
            Self::InvalidTime => {
                (S::UNPROCESSABLE_ENTITY, "One of the times has passed, is too far ahead, or does not fit.")
            }
            Self::InvalidSheet => {
                (S::UNPROCESSABLE_ENTITY, "The talk sheet has too much in one of its parts, or too little.")
            }
            Self::InvalidClip => (S::UNPROCESSABLE_ENTITY, "A clip is a part of its replay, and 1 to 60 seconds long."),
            Self::InvalidRecording => (
                S::UNPROCESSABLE_ENTITY,
                "A voice note is a WAV file of one channel with 16 bits and 16, 24 or 48 kHz.",
            ),
            Self::WrongHandle => (S::UNPROCESSABLE_ENTITY, "That is not your handle."),
            Self::InvalidAddress => (S::UNPROCESSABLE_ENTITY, "That is not an e-mail address."),
            Self::PasskeyRefused => (S::UNPROCESSABLE_ENTITY, "This passkey could not be verified here."),
            Self::InvalidSdp => (S::UNPROCESSABLE_ENTITY, "That is not a usable SDP offer."),
            Self::NoAudio => (S::UNPROCESSABLE_ENTITY, "The offer has no audio for this kind of leg."),
            Self::NoCommonCodec => (S::UNPROCESSABLE_ENTITY, "The offer has no Opus."),
            Self::UnknownCommand => (S::BAD_REQUEST, "That command is not known."),
            Self::RateLimited => (S::TOO_MANY_REQUESTS, "Too many requests; wait a moment."),
            Self::SlowMode => (S::TOO_MANY_REQUESTS, "Slow mode is on; wait a moment before the next line."),
            Self::EvidenceNotKept => {
                (S::SERVICE_UNAVAILABLE, "The sound cannot be kept now; the report can be sent without it.")
            }
            Self::Busy => (S::SERVICE_UNAVAILABLE, "The server is busy; try again in a moment."),
            Self::ServerFull => (S::SERVICE_UNAVAILABLE, "The server is full; try again in a moment."),
            Self::MailFailed => (S::BAD_GATEWAY, "The mail server did not take the letter."),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "Something went wrong on the server."),
        }
    }
}

/// An error as it is answered: a code, and a message for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct ApiError {
    /// The stable code.
    pub code: Code,
    /// A sentence for people; may change.
    pub message: String,
    /// The HTTP status, if it is not the code's usual one.
    #[serde(skip)]
    #[ts(skip)]
    #[schema(ignore)]
    pub status: Option<StatusCode>,
    /// When it makes sense to try again.
    #[serde(skip)]
    #[ts(skip)]
    #[schema(ignore)]
    pub retry_after: Option<Duration>,
}

impl ApiError {
    /// The error with a message that says more than the code's usual one.
    pub fn with_message(code: Code, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::from(code) }
    }

    /// Logs `cause` and answers `internal`: the cause is for the operator, not for the client. If the cause is that the store
    /// takes no more for now, or is closed since the server stops, it answers `busy`.
    pub fn internal(cause: &(dyn Error + 'static)) -> Self {
        let mut causes = std::iter::successors(Some(cause), |&cause| cause.source());
        if causes.any(|cause| matches!(cause.downcast_ref(), Some(StoreError::Busy | StoreError::Closed))) {
            tracing::warn!(error = %cause, "a request was refused for now");
            return Code::Busy.into();
        }
        tracing::error!(error = %cause, "a request failed inside the server");
        Code::Internal.into()
    }
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        let retry_after = matches!(code, Code::Busy | Code::RateLimited).then_some(Duration::from_secs(1));
        Self { code, message: code.parts().1.to_owned(), status: None, retry_after }
    }
}

impl From<TooMany> for ApiError {
    fn from(TooMany { wait }: TooMany) -> Self {
        Self { retry_after: Some(wait), ..Code::RateLimited.into() }
    }
}

impl From<invitation::Refusal> for ApiError {
    fn from(refusal: invitation::Refusal) -> Self {
        use invitation::Refusal;
        match refusal {
            Refusal::Over => Code::InvitationOver.into(),
            Refusal::NotAllowed => Self::with_message(Code::NotAllowed, "That is not for you to do here."),
            Refusal::BothSides => {
                Self::with_message(Code::NotAllowed, "Who is in the office of both sides speaks for neither.")
            }
            Refusal::AlreadyAnswered | Refusal::WrongState => Code::AlreadyAnswered.into(),
            Refusal::NotYourTurn => Code::NotYourTurn.into(),
            Refusal::Live => Self::with_message(Code::EventLive, "The talk goes on: it comes to its end in its room."),
            Refusal::WordsNeeded => Self::with_message(Code::InvalidText, "Something has to be said with it."),
            Refusal::InvalidWords => Code::InvalidText.into(),
            Refusal::InvalidTime => Code::InvalidTime.into(),
            Refusal::NoSuchSheet => Code::NoSuchSheet.into(),
            Refusal::NothingToChange => Code::NothingToChange.into(),
            Refusal::CannotMerge => Code::CannotMerge.into(),
            Refusal::TooManySteps => {
                Self::with_message(Code::TooMany, "This invitation has as many steps as it can have.")
            }
        }
    }
}

impl From<Rejection> for Code {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::RoomEnded => Self::RoomEnded,
            Rejection::NotAdmitted => Self::RoomNotFound,
            Rejection::NotInRoom => Self::NotInRoom,
            Rejection::NotAllowed | Rejection::WrongActor => Self::NotAllowed,
            Rejection::StaleRole => Self::StaleRole,
            Rejection::NoSuchParticipant => Self::NoSuchParticipant,
            Rejection::TargetProtected => Self::TargetProtected,
            Rejection::AlreadyOnStage => Self::AlreadyOnStage,
            Rejection::NotOnStage => Self::NotOnStage,
            Rejection::HandAlreadyUp => Self::HandAlreadyUp,
            Rejection::NoHand => Self::NoHand,
            Rejection::NoOffer => Self::NoOffer,
            Rejection::OfferAlreadyOpen => Self::OfferAlreadyOpen,
            Rejection::MutedByModerator => Self::MutedByModerator,
            Rejection::NothingToChange => Self::NothingToChange,
            Rejection::InvalidQuestion => Self::InvalidQuestion,
            Rejection::StageFull => Self::StageFull,
            Rejection::Banned => Self::Banned,
            Rejection::HandsOff => Self::HandsOff,
            Rejection::HandsFollowedOnly => Self::HandsFollowedOnly,
            Rejection::StageLocked => Self::StageLocked,
            Rejection::TargetIsGuest => Self::TargetIsGuest,
            Rejection::AlreadyHere => Self::AlreadyHere,
            Rejection::TargetBanned => Self::TargetBanned,
            Rejection::NoCallUp => Self::NoCallUp,
            Rejection::NotWaiting => Self::NotWaiting,
            Rejection::NoSuchLink => Self::NoSuchLink,
            Rejection::EvidenceOff => Self::EvidenceOff,
            Rejection::RecordingOff => Self::RecordingOff,
            Rejection::StaleConsent => Self::StaleConsent,
            Rejection::RecordingTooOpen => Self::RecordingTooOpen,
            Rejection::NotInSheet => Self::NotInSheet,
            Rejection::NoSuchQuestion => Self::NoSuchQuestion,
            Rejection::TooMany => Self::TooMany,
            Rejection::InvalidValue => Self::InvalidText,
        }
    }
}

impl From<Rejection> for ApiError {
    fn from(rejection: Rejection) -> Self {
        Code::from(rejection).into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status.unwrap_or(self.code.parts().0);
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        if let Some(after) = retry_after {
            // Whole seconds: none is too early.
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::StartError;

    #[test]
    fn how_long_to_wait_is_said_in_seconds_and_never_too_short() {
        for (wait, seconds) in [(1, "1"), (999, "1"), (1_000, "1"), (1_001, "2"), (600_000, "600")] {
            let response = ApiError::from(TooMany { wait: Duration::from_millis(wait) }).into_response();
            assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(response.headers()[header::RETRY_AFTER], seconds, "{wait} ms");
        }
    }

    #[test]
    fn a_store_that_is_busy_is_no_fault() {
        let answer = |cause: &(dyn Error + 'static)| ApiError::internal(cause).into_response();
        let busy: [&(dyn Error + 'static); 3] =
            [&StoreError::Busy, &StoreError::Closed, &StartError::Store(StoreError::Busy)];
        for cause in busy {
            let response = answer(cause);
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{cause}");
            assert_eq!(response.headers()[header::RETRY_AFTER], "1", "{cause}");
        }
        for cause in [StoreError::Corrupt("room"), StoreError::Failed("the disk is full".to_owned())] {
            assert_eq!(answer(&cause).status(), StatusCode::INTERNAL_SERVER_ERROR, "{cause}");
        }
    }
}
