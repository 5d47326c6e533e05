//! Bodies about what members are told of.

use roomtone_room::ids::{EventId, InvitationId, RecordId};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::Id;
use super::events::EventChange;
use super::socket::Person;

/// What kind of thing a member is told of. The text form is also how it is stored: a kind is never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
#[ts(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Somebody follows them. The actor is who does.
    Followed,
    /// Somebody whom they follow opened a room, which is the subject.
    RoomOpened,
    /// Somebody whom they follow is on stage in a room, which is the subject.
    RoomSpeaking,
    /// A room was opened in one of their houses. The actor is its host, the subject the room.
    HouseRoom,
    /// Somebody asks them into a room, which is the subject.
    Ping,
    /// Somebody rang them up. The subject is the room.
    Call,
    /// Somebody calls them up to the stage of a room, which is the subject.
    CalledUp,
    /// Somebody came in by their invite. The actor is their guest.
    InviteUsed,
    /// They may invite one more, since a guest of theirs, the actor, takes part.
    InviteEarned,
    /// Somebody was nominated for a house of which they are an admin. The actor nominated, the subject is the house.
    Nomination,
    /// They may join a house, which is the subject: they were nominated, and an admin agreed.
    HouseInvited,
    /// Somebody whom they nominated joined the house, which is the subject. The actor is the new member.
    HouseJoined,
    /// What became of a report of theirs.
    ReportHandled,
    /// They were put out of a room, which is the subject, by those who run it.
    Moderated,
    /// Somebody appeals against what was done to them in a room, which is the subject, and they may decide on it.
    AppealMade,
    /// An appeal of theirs is decided. The subject is the room.
    AppealDecided,
    /// Somebody asks them to act for them. The actor is the principal, the subject the grant, the body what the office is called.
    OfficeOffered,
    /// Somebody acts for them from now on. The actor is the delegate, the subject the grant, the body what the office is called.
    OfficeAccepted,
    /// Somebody, the actor, invites them, or whom they act for, to come and talk. The subject is the invitation.
    InvitationAsked,
    /// The other side took a step with an invitation of theirs, or of whom they act for, which is the subject.
    InvitationAnswered,
    /// An invitation that they co-sign, which is the subject, was accepted. The actor is its host.
    InvitationAccepted,
    /// Something happened to an event to which they subscribe, which is the subject. The actor is its host.
    EventChanged,
    /// Somebody asks them to host an event too, which is the subject.
    CohostAsked,
    /// Somebody hosts an event of theirs too, which is the subject.
    CohostAccepted,
    /// What shows that a domain is theirs, which is the body, is to be published anew: by a link to their page, since that has another address
    /// with their new handle, or because it lapsed. The subject is the proof.
    ProofMissing,
}

/// The event that a notice is about, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct NoticeEvent {
    /// What happened to it, for `event_changed`.
    pub change: Option<EventChange>,
    /// When it begins, in milliseconds since 1970; null while its date is unknown.
    #[ts(type = "number | null")]
    pub starts_at: Option<u64>,
    /// IANA name of the time zone in which its date was chosen; empty for UTC.
    pub time_zone: String,
}

/// A notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Notice {
    /// Its id.
    #[ts(type = "string")]
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// What kind of thing happened.
    pub kind: NoticeKind,
    /// Who did it.
    pub actor: Option<Person>,
    /// The id of what it is about.
    #[ts(type = "string | null")]
    #[schema(value_type = Option<String>)]
    pub subject: Option<Id<RecordId>>,
    /// The title of the room or event, the name of the house, or a text; empty if the kind says everything.
    pub body: String,
    /// The event, for kinds that are about one, while the member may know of it.
    #[serde(default)]
    pub event: Option<NoticeEvent>,
    /// The page that belongs to it, as a path on this server; null if there is none.
    pub link: Option<String>,
    /// When it happened, in milliseconds since 1970.
    #[ts(type = "number")]
    pub at: u64,
    /// Whether it was read.
    pub read: bool,
}

/// `GET /api/notices`: the inbox, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Notices {
    /// Up to 50 notices.
    pub items: Vec<Notice>,
    /// How many are unread; 100 stands for 100 and more.
    pub unread: u64,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// `POST /api/notices/read`: exactly one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadNotices {
    /// All notices that came at this time or before, in milliseconds since 1970.
    #[serde(default)]
    pub until: Option<u64>,
    /// These notices; at most 100.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub ids: Option<Vec<Id<RecordId>>>,
}

/// The answer to `POST /api/notices/read`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Unread {
    /// How many are still unread; 100 stands for 100 and more.
    pub unread: u64,
}

/// How a member is told of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeChoice {
    /// The kind.
    pub kind: NoticeKind,
    /// In the inbox, and live while a page is open.
    pub inbox: bool,
    /// By Web Push, while no page is open.
    pub push: bool,
    /// By mail, while no page is open, if this server sends mail.
    pub mail: bool,
}

/// `GET` and `PUT /api/notices/choices`. A kind that is not named in `PUT` stays as it is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeChoices {
    /// The ways, one entry for each kind.
    pub kinds: Vec<NoticeChoice>,
    /// The minute of the day, 0 to 1439, from which nothing is pushed or mailed; null for no quiet hours.
    pub quiet_from: Option<u32>,
    /// The minute of the day at which quiet ends; before `quiet_from` if that is on the next day.
    pub quiet_until: Option<u32>,
    /// IANA name of the time zone that the minutes are in; empty for UTC.
    pub time_zone: String,
}

/// `GET /api/push/key`.
#[derive(Debug, Serialize, ToSchema)]
pub struct PushKey {
    /// This server's public key (RFC 8292, section 3.2) in base64url without padding: what a browser's
    /// `pushManager.subscribe` takes as `applicationServerKey`.
    pub key: String,
}

/// `POST /api/push`: what a browser's `PushSubscription` holds.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSubscription {
    /// Where messages are posted: an https URL of at most 1,000 characters, without a port.
    pub endpoint: String,
    /// The browser's public key, base64url without padding.
    pub p256dh: String,
    /// The browser's authentication secret, base64url without padding.
    pub auth: String,
}

/// The answer to `POST /api/push`.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscriptionCreated {
    /// By which it can be ended.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
}

/// What a browser gets by Web Push, as JSON: enough to show without asking this server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PushMessage {
    /// The name of this server, and how many notices if there are several.
    pub title: String,
    /// What happened, in the member's language; a line for each notice.
    pub body: String,
    /// The page to open, as a path on this server.
    pub url: String,
    /// A message replaces one with the same tag that is still shown.
    pub tag: String,
    /// The kind, if it is one notice.
    pub kind: Option<NoticeKind>,
    /// BCP 47 language tag of the member.
    pub language: String,
}

impl NoticeKind {
    /// All of them, in the order in which settings show them.
    pub const ALL: [Self; 25] = [
        Self::Followed,
        Self::RoomOpened,
        Self::RoomSpeaking,
        Self::HouseRoom,
        Self::Ping,
        Self::Call,
        Self::CalledUp,
        Self::InviteUsed,
        Self::InviteEarned,
        Self::Nomination,
        Self::HouseInvited,
        Self::HouseJoined,
        Self::ReportHandled,
        Self::Moderated,
        Self::AppealMade,
        Self::AppealDecided,
        Self::OfficeOffered,
        Self::OfficeAccepted,
        Self::InvitationAsked,
        Self::InvitationAnswered,
        Self::InvitationAccepted,
        Self::EventChanged,
        Self::CohostAsked,
        Self::CohostAccepted,
        Self::ProofMissing,
    ];

    /// The text form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Followed => "followed",
            Self::RoomOpened => "room_opened",
            Self::RoomSpeaking => "room_speaking",
            Self::HouseRoom => "house_room",
            Self::Ping => "ping",
            Self::Call => "call",
            Self::CalledUp => "called_up",
            Self::InviteUsed => "invite_used",
            Self::InviteEarned => "invite_earned",
            Self::Nomination => "nomination",
            Self::HouseInvited => "house_invited",
            Self::HouseJoined => "house_joined",
            Self::ReportHandled => "report_handled",
            Self::Moderated => "moderated",
            Self::AppealMade => "appeal_made",
            Self::AppealDecided => "appeal_decided",
            Self::OfficeOffered => "office_offered",
            Self::OfficeAccepted => "office_accepted",
            Self::InvitationAsked => "invitation_asked",
            Self::InvitationAnswered => "invitation_answered",
            Self::InvitationAccepted => "invitation_accepted",
            Self::EventChanged => "event_changed",
            Self::CohostAsked => "cohost_asked",
            Self::CohostAccepted => "cohost_accepted",
            Self::ProofMissing => "proof_missing",
        }
    }

    /// The kind with this text form.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether it is about an event.
    pub fn is_about_an_event(self) -> bool {
        matches!(self, Self::EventChanged | Self::CohostAsked | Self::CohostAccepted)
    }

    /// Whether it is about a room, and so of no use once that has ended.
    pub fn is_about_a_room(self) -> bool {
        matches!(
            self,
            Self::RoomOpened | Self::RoomSpeaking | Self::HouseRoom | Self::Ping | Self::Call | Self::CalledUp
        )
    }
}

impl Notice {
    /// A stored notice as it is sent; `None` for one of a kind that this version does not know.
    pub fn of(stored: roomtone_store::Notice) -> Option<Self> {
        let kind = NoticeKind::from_text(&stored.kind)?;
        let actor: Option<Person> = stored.actor.map(Into::into);
        let event = stored.event.filter(|_| kind.is_about_an_event()).map(|event| NoticeEvent {
            change: EventChange::from_text(&event.kept),
            starts_at: event.starts_at.map(|at| at.0),
            time_zone: event.time_zone,
        });
        let link = match (kind, stored.room, stored.house, &actor) {
            (NoticeKind::Moderated | NoticeKind::AppealDecided, ..) => Some("/me/acts".to_owned()),
            (NoticeKind::AppealMade, ..) => Some("/me/appeals".to_owned()),
            (kind, ..) if kind.is_about_an_event() => {
                stored.subject.filter(|_| event.is_some()).map(|id| format!("/events/{}", EventId(id)))
            }
            (NoticeKind::InvitationAsked | NoticeKind::InvitationAnswered | NoticeKind::InvitationAccepted, ..) => {
                stored.subject.map(|id| format!("/invitations/{}", InvitationId(id)))
            }
            (NoticeKind::OfficeOffered | NoticeKind::OfficeAccepted, ..) => Some("/me/office".to_owned()),
            (NoticeKind::ProofMissing, ..) => Some("/me/domains".to_owned()),
            (_, Some(room), ..) => Some(format!("/room/{room}")),
            (_, _, Some(house), _) => Some(format!("/houses/{house}")),
            (NoticeKind::InviteEarned, ..) => Some("/invites".to_owned()),
            (_, _, _, Some(actor)) => Some(format!("/people/{}", actor.handle)),
            _ => None,
        };
        Some(Self {
            id: Id(stored.id),
            kind,
            actor,
            subject: stored.subject.map(|subject| Id(RecordId(subject))),
            // What is kept with it is a word for programs.
            body: if kind.is_about_an_event() && event.is_none() { String::new() } else { stored.body },
            event,
            link,
            at: stored.at.0,
            read: stored.read,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_one_text_form() {
        for kind in NoticeKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(NoticeKind::from_text(kind.as_str()), Some(kind));
        }
        assert_eq!(NoticeKind::from_text("Followed"), None);
    }
}
