//! Bodies about invitations: public, answerable requests to a person to come and talk.

use roomtone_room::ids::{EventId, InvitationId, RecordId, RoomId};
use roomtone_room::invitation::{self, What};
use roomtone_store as store;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Id;
use super::hallway::HouseBadge;
use super::proofs::ProofMethod;
use super::socket::{Kind, Person};

/// `POST /api/invitations`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// Who is invited.
    pub invitee: NewInvitee,
    /// BCP 47 tag of the language in which the text is written; the caller's own if absent.
    #[serde(default)]
    pub language: Option<String>,
    /// 1 to 120 characters.
    pub title: String,
    /// Paragraphs, at most 4,000 characters.
    pub text: String,
    /// What the talk is to be about: at most five, of 1 to 30 characters each.
    #[serde(default)]
    pub topics: Vec<String>,
    /// The handle of the house in whose name it is made; the caller must be a member of it.
    #[serde(default)]
    pub house: Option<String>,
    /// After how many days it ends if nobody has said yes: 1 to 365, or 90.
    #[serde(default)]
    pub days: Option<u32>,
    /// The text in other languages, each once; at most 10.
    #[serde(default)]
    pub translations: Vec<Translation>,
}

/// Who is invited: a member by `handle`, or somebody else by `name`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitee {
    /// The handle of a member.
    #[serde(default)]
    pub handle: Option<String>,
    /// What somebody without an account is called: 1 to 60 characters.
    #[serde(default)]
    pub name: Option<String>,
    /// Who they are: at most 280 characters.
    #[serde(default)]
    pub about: Option<String>,
    /// A domain of theirs, such as `example.org`, by which it can be proven that an answer comes from them.
    #[serde(default)]
    pub domain: Option<String>,
}

/// A text in another language.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Translation {
    /// BCP 47 tag.
    pub language: String,
    /// 1 to 120 characters.
    pub title: String,
    /// Paragraphs, at most 4,000 characters.
    pub text: String,
}

/// `PUT /api/invitations/{id}/texts/{language}`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TranslatedText {
    /// 1 to 120 characters.
    pub title: String,
    /// Paragraphs, at most 4,000 characters.
    pub text: String,
}

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvitationSide {
    /// Who invites, with their office.
    Host,
    /// Who is invited, with their office.
    Invitee,
}

impl From<invitation::Side> for InvitationSide {
    fn from(side: invitation::Side) -> Self {
        match side {
            invitation::Side::Host => Self::Host,
            invitation::Side::Invitee => Self::Invitee,
        }
    }
}

/// How far an invitation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvitationState {
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
    /// It goes on in another one, which is the subject of its last step.
    Merged,
    /// The talk was held.
    Done,
}

impl From<invitation::State> for InvitationState {
    fn from(state: invitation::State) -> Self {
        match state {
            invitation::State::Asked => Self::Asked,
            invitation::State::Accepted => Self::Accepted,
            invitation::State::Declined => Self::Declined,
            invitation::State::Withdrawn => Self::Withdrawn,
            invitation::State::Expired => Self::Expired,
            invitation::State::Merged(_) => Self::Merged,
            invitation::State::Done => Self::Done,
        }
    }
}

/// Who is invited, as others see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Invitee {
    /// The member; null for somebody without an account, and for a member who is gone.
    pub person: Option<Person>,
    /// What they are called; empty for a member who is gone.
    pub name: String,
    /// Who they are, as the host says.
    pub about: String,
    /// Their domain, as the host says.
    pub domain: Option<String>,
    /// Domains that they have shown to be theirs.
    pub verified: Vec<String>,
}

/// An invitation in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationCard {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<InvitationId>,
    /// Who invites.
    pub host: Person,
    /// The house in whose name.
    pub house: Option<HouseBadge>,
    /// Who is invited.
    pub invitee: Invitee,
    /// The title, in the language of whoever reads if it is there, or else the original.
    pub title: String,
    /// BCP 47 tag of that language.
    pub language: String,
    /// All languages in which it can be read, the original first.
    pub languages: Vec<String>,
    /// What it is about.
    pub topics: Vec<String>,
    /// How far it has come.
    pub state: InvitationState,
    /// Whose turn it is; null for nobody's.
    pub turn: Option<InvitationSide>,
    /// The round, from 1.
    pub round: u32,
    /// When it ends if nobody has said yes, in milliseconds since 1970.
    pub expires_at: u64,
    /// When it was made, in milliseconds since 1970.
    pub created_at: u64,
    /// When its last step was, in milliseconds since 1970.
    pub changed_at: u64,
    /// How many co-sign it.
    pub cosigns: u64,
    /// Whether the last answer of the invitee's side is of an unverified voice: what it has come to by that is not shown as theirs.
    pub unverified: bool,
    /// In the box `office`: the side for which the caller acts; null elsewhere, and for who acts for both and so for neither.
    pub office: Option<InvitationSide>,
}

/// `GET /api/invitations`: the last changed first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Invitations {
    /// Up to 50.
    pub items: Vec<InvitationCard>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// A text of an invitation.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationText {
    /// BCP 47 tag.
    pub language: String,
    /// One line.
    pub title: String,
    /// Paragraphs.
    pub text: String,
    /// Whether it is the one that was written first; the others are translations of it.
    pub original: bool,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// The host has invited.
    Asked,
    /// The invitee's side comes.
    Accepted,
    /// The invitee's side does not come.
    Declined,
    /// The invitee's side asks what exactly is proposed.
    NeedDetails,
    /// The invitee's side asks for patience until the first of `times`.
    AnswerLater,
    /// The host's side says what was asked.
    DetailsGiven,
    /// A side proposes `times`.
    TimesProposed,
    /// A side agrees to the first of `times`, which the other proposed.
    TimeAgreed,
    /// A side writes a version of the talk sheet.
    SheetProposed,
    /// A side accepts a version of the talk sheet.
    SheetAccepted,
    /// A side offers the text in `language`.
    Translated,
    /// The host took the invitation back.
    Withdrawn,
    /// It goes on in the invitation `subject`.
    Merged,
    /// The talk begins in the room `subject`.
    Opened,
    /// The talk in the room `subject` has ended.
    Ended,
    /// Nobody has said yes in time.
    Expired,
}

impl From<&What> for StepKind {
    fn from(what: &What) -> Self {
        match what {
            What::Asked => Self::Asked,
            What::Accepted => Self::Accepted,
            What::Declined => Self::Declined,
            What::NeedDetails => Self::NeedDetails,
            What::AnswerLater { .. } => Self::AnswerLater,
            What::DetailsGiven => Self::DetailsGiven,
            What::TimesProposed { .. } => Self::TimesProposed,
            What::TimeAgreed { .. } => Self::TimeAgreed,
            What::SheetProposed { .. } => Self::SheetProposed,
            What::SheetAccepted { .. } => Self::SheetAccepted,
            What::Translated { .. } => Self::Translated,
            What::Withdrawn => Self::Withdrawn,
            What::Merged { .. } => Self::Merged,
            What::Opened { .. } => Self::Opened,
            What::Ended { .. } => Self::Ended,
            What::Expired => Self::Expired,
        }
    }
}

/// What kind of voice gave a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VoiceKind {
    /// The host or the invitee: by their account, or by a domain that was shown to be the invitee's.
    Person,
    /// The office of one of them.
    Office,
    /// Whoever took the link for the invitee. Nothing shows that they are who they say.
    Unverified,
    /// This server.
    System,
}

/// By what we know who gave a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VoiceProofKind {
    /// They were signed in to their account, or to that of somebody who acts for them.
    Account,
    /// They have shown that a domain is theirs.
    Domain,
}

/// How we know who gave a step.
#[derive(Debug, Serialize, ToSchema)]
pub struct VoiceProof {
    /// By what.
    pub kind: VoiceProofKind,
    /// The domain.
    pub domain: Option<String>,
    /// How the domain was shown to be theirs.
    pub method: Option<ProofMethod>,
    /// Since when that held, in milliseconds since 1970.
    pub proven_at: Option<u64>,
    /// Whether it holds still: each step keeps the proof that it was given with.
    pub holds: bool,
}

/// Who gave a step.
#[derive(Debug, Serialize, ToSchema)]
pub struct StepVoice {
    /// What kind of voice.
    pub kind: VoiceKind,
    /// For which side it speaks; null for this server.
    pub side: Option<InvitationSide>,
    /// The name of whom it speaks for; empty for this server, and for an account that is gone.
    pub name: String,
    /// The member who spoke for themselves.
    pub person: Option<Person>,
    /// The member in whose office somebody spoke.
    pub office_of: Option<Person>,
    /// Who that was, for the two themselves; null for everybody else.
    pub delegate: Option<Person>,
    /// How we know; null if nothing shows it.
    pub proof: Option<VoiceProof>,
}

/// A step.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationStep {
    /// Its number, from 1.
    pub n: u32,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// What happened.
    pub kind: StepKind,
    /// Who gave it.
    pub voice: StepVoice,
    /// The round in which it was given.
    pub round: u32,
    /// BCP 47 tag of the language of the text, or of the translation.
    pub language: Option<String>,
    /// What was said with it.
    pub text: Option<String>,
    /// Times, in milliseconds since 1970.
    pub times: Vec<u64>,
    /// The digest of a version of the talk sheet, in hexadecimal.
    pub sheet: Option<String>,
    /// The id of a room or another invitation.
    pub subject: Option<String>,
}

/// The terms of a talk: `POST /api/invitations/{id}/sheets`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SheetTerms {
    /// What it is about: at most ten, of 1 to 30 characters each.
    pub topics: Vec<String>,
    /// How long it is, in minutes: 5 to 600.
    pub minutes: u32,
    /// BCP 47 tags of the languages that are spoken: one to five.
    pub languages: Vec<String>,
    /// Whether it is recorded.
    pub recorded: bool,
    /// Names of those who are on stage besides the two: at most ten.
    #[serde(default)]
    pub others: Vec<String>,
    /// Who may listen.
    pub audience: Kind,
    /// Whatever else is agreed: at most 2,000 characters.
    #[serde(default)]
    pub notes: String,
}

/// A version of the talk sheet.
#[derive(Debug, Serialize, ToSchema)]
pub struct SheetVersion {
    /// Its number, from 1.
    pub version: u32,
    /// The SHA-256 digest of its canonical text, in hexadecimal: what both sides accept.
    pub hash: String,
    /// What the talk is about.
    pub topics: Vec<String>,
    /// How long it is, in minutes.
    pub minutes: u32,
    /// BCP 47 tags of the languages that are spoken.
    pub languages: Vec<String>,
    /// Whether it is recorded.
    pub recorded: bool,
    /// Names of those who are on stage besides the two.
    pub others: Vec<String>,
    /// Who may listen.
    pub audience: Kind,
    /// Whatever else is agreed.
    pub notes: String,
    /// The side that wrote it, and accepted it by that.
    pub by: InvitationSide,
    /// When it was written, in milliseconds since 1970.
    pub at: u64,
    /// When the other side accepted it, in milliseconds since 1970.
    pub agreed_at: Option<u64>,
}

/// Who co-signs, in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct Cosigns {
    /// How many.
    pub count: u64,
    /// The first eight.
    pub first: Vec<Person>,
    /// Whether the caller is one of them.
    pub mine: bool,
}

/// Something that the caller can do with an invitation now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the first ones are acts, the others routes of the same name")]
pub enum Can {
    Accept,
    Decline,
    NeedDetails,
    ProposeTime,
    AnswerLater,
    GiveDetails,
    AgreeTime,
    AcceptSheet,
    Withdraw,
    Merge,
    ProposeSheet,
    Translate,
    Link,
    Cosign,
    Ask,
    Vote,
    MarkAnswered,
    Reply,
    Come,
}

/// Times that a side proposes.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProposedTimes {
    /// Which side.
    pub by: InvitationSide,
    /// In milliseconds since 1970.
    pub times: Vec<u64>,
}

/// As whom somebody acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the product's own words")]
pub enum InvitationPart {
    Host,
    Invitee,
    HostOffice,
    InviteeOffice,
    Outside,
}

/// How the link for an invitee without an account stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnswerLinkState {
    /// When it was taken, in milliseconds since 1970; null while nobody has.
    pub claimed_at: Option<u64>,
    /// When it ends if nobody takes it, in milliseconds since 1970.
    pub expires_at: u64,
}

/// `GET /api/invitations/{id}`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Invitation {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<InvitationId>,
    /// Who invites.
    pub host: Person,
    /// The house in whose name.
    pub house: Option<HouseBadge>,
    /// Who is invited.
    pub invitee: Invitee,
    /// The original first, then by language.
    pub texts: Vec<InvitationText>,
    /// Which of the texts is for whoever reads: the language asked for, else their own, else the original.
    pub shown: String,
    /// What it is about.
    pub topics: Vec<String>,
    /// How far it has come.
    pub state: InvitationState,
    /// Whether the last answer of the invitee's side is of an unverified voice: what it has come to by that is not shown as theirs.
    pub unverified: bool,
    /// Whose turn it is; null for nobody's.
    pub turn: Option<InvitationSide>,
    /// The round, from 1: what an answer has to carry.
    pub round: u32,
    /// When it ends if nobody has said yes, in milliseconds since 1970.
    pub expires_at: u64,
    /// When it was made, in milliseconds since 1970.
    pub created_at: u64,
    /// When its last step was, in milliseconds since 1970.
    pub changed_at: u64,
    /// Times that wait for the side whose turn it is.
    pub proposal: Option<ProposedTimes>,
    /// Until when the invitee's side asked for patience, in milliseconds since 1970.
    pub later: Option<u64>,
    /// When the talk is, once both sides have agreed, in milliseconds since 1970.
    pub date: Option<u64>,
    /// What happened, from the first.
    pub steps: Vec<InvitationStep>,
    /// The version of the talk sheet to which both sides have agreed last.
    pub sheet: Option<u32>,
    /// All versions of the talk sheet, from the first.
    pub sheets: Vec<SheetVersion>,
    /// Who co-signs.
    pub cosigns: Cosigns,
    /// How many questions are put to it.
    pub questions: u64,
    /// The event that was made when it was accepted.
    #[schema(value_type = Option<String>)]
    pub event: Option<Id<EventId>>,
    /// Rooms in which the talk was or is held.
    #[schema(value_type = Vec<String>)]
    pub rooms: Vec<Id<RoomId>>,
    /// The link for an invitee without an account; null for everybody but the host.
    pub link: Option<AnswerLinkState>,
    /// As whom the caller acts; null for everybody else.
    pub you: Option<InvitationPart>,
    /// What the caller can do now.
    pub can: Vec<Can>,
}

/// An act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = InvitationActKind)]
pub enum ActKind {
    /// The invitee's side comes.
    Accept,
    /// The invitee's side does not come, or not after all.
    Decline,
    /// The invitee's side asks what exactly is proposed. Needs `text`.
    NeedDetails,
    /// A side proposes `times`.
    ProposeTime,
    /// The invitee's side asks for patience until `until`.
    AnswerLater,
    /// The host's side says what was asked. Needs `text`.
    GiveDetails,
    /// A side agrees to the one of `times`.
    AgreeTime,
    /// A side accepts the version of the talk sheet whose digest is `sheet`.
    AcceptSheet,
    /// The host takes the invitation back.
    Withdraw,
    /// The host lets it go on in the invitation `into`.
    Merge,
}

/// `POST /api/invitations/{id}/acts`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationAct {
    /// What is done.
    pub act: ActKind,
    /// The round that is answered; for everything but `accept_sheet`, `withdraw` and `merge`.
    #[serde(default)]
    pub round: Option<u32>,
    /// What is said with it: at most 2,000 characters.
    #[serde(default)]
    pub text: Option<String>,
    /// BCP 47 tag of the language of the text; the caller's own, or that of the invitation, if absent.
    #[serde(default)]
    pub language: Option<String>,
    /// Times, in milliseconds since 1970: one to five, none twice, and exactly one for `agree_time`.
    #[serde(default)]
    pub times: Vec<u64>,
    /// Until when, in milliseconds since 1970: not after the invitation ends by itself.
    #[serde(default)]
    pub until: Option<u64>,
    /// The digest of a version of the talk sheet, in hexadecimal.
    #[serde(default)]
    pub sheet: Option<String>,
    /// Another invitation of the host's to the same person.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub into: Option<Id<InvitationId>>,
}

/// `POST /api/invitations/{id}/link`.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnswerLink {
    /// The link, which is shown once and works once.
    pub url: String,
    /// The link as a QR code: the text of an SVG picture.
    pub qr: String,
    /// When it ends, in milliseconds since 1970.
    pub expires_at: u64,
}

/// `GET /api/answers/{code}`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShownAnswerLink {
    /// The invitation.
    #[schema(value_type = String)]
    pub invitation: Id<InvitationId>,
    /// Its title, in the language of whoever reads if it is there, or else the original.
    pub title: String,
    /// BCP 47 tag of that language.
    pub language: String,
    /// Who invites.
    pub host: Person,
    /// For whom the link lets answer.
    pub name: String,
    /// When it ends, in milliseconds since 1970.
    pub expires_at: u64,
    /// The name of this server.
    pub server: String,
}

/// `POST /api/answers/{code}`; the person themselves if the body is absent.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeAnswer {
    /// Whether the caller answers for the invitee's office, and not as the invitee.
    #[serde(default)]
    pub office: bool,
}

/// The answer to `POST /api/answers/{code}`: the caller's browser answers for the invitee from now on.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnswerTaken {
    /// The invitation.
    #[schema(value_type = String)]
    pub invitation: Id<InvitationId>,
}

/// Somebody who co-signs.
#[derive(Debug, Serialize, ToSchema)]
pub struct Cosigner {
    /// Who.
    pub person: Person,
    /// Since when, in milliseconds since 1970.
    pub at: u64,
}

/// `GET /api/invitations/{id}/cosigns`: the first to do so first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Cosigners {
    /// Up to 50.
    pub items: Vec<Cosigner>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// `PUT /api/invitations/{id}/question`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewQuestion {
    /// 1 to 280 characters.
    pub text: String,
}

/// A question that is put to an invitation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Question {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// Who would like to know.
    pub person: Person,
    /// What.
    pub text: String,
    /// When it was put, in milliseconds since 1970.
    pub at: u64,
    /// How many votes it has.
    pub votes: u64,
    /// Whether the caller has voted for it.
    pub voted: bool,
    /// When it was answered, in milliseconds since 1970.
    pub answered_at: Option<u64>,
}

impl From<store::Question> for Question {
    fn from(question: store::Question) -> Self {
        Self {
            id: Id(question.id),
            person: question.person.into(),
            text: question.text,
            at: question.at.0,
            votes: question.votes,
            voted: question.voted,
            answered_at: question.answered_at.map(|at| at.0),
        }
    }
}

/// `GET /api/invitations/{id}/questions`: those with most votes first, then the oldest.
#[derive(Debug, Serialize, ToSchema)]
pub struct Questions {
    /// The caller's own; on the first page only.
    pub mine: Option<Question>,
    /// Up to 50.
    pub items: Vec<Question>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// `POST /api/invitations/{id}/replies`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReply {
    /// Paragraphs, 1 to 2,000 characters.
    pub text: String,
    /// How to reach the caller, for the host only: at most 200 characters.
    #[serde(default)]
    pub contact: Option<String>,
}

/// A reply to an invitation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reply {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id<RecordId>,
    /// Whose.
    pub person: Person,
    /// What they say.
    pub text: String,
    /// How to reach them; null for everybody but the host and whoever wrote it.
    pub contact: Option<String>,
    /// When, in milliseconds since 1970.
    pub at: u64,
}

impl From<store::Reply> for Reply {
    fn from(reply: store::Reply) -> Self {
        Self {
            id: Id(reply.id),
            person: reply.person.into(),
            text: reply.text,
            contact: Some(reply.contact).filter(|contact| !contact.is_empty()),
            at: reply.at.0,
        }
    }
}

/// `GET /api/invitations/{id}/replies`: the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Replies {
    /// Up to 50.
    pub items: Vec<Reply>,
    /// What to pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}
