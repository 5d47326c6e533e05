//! All SQL of Roomtone, behind plain async methods of [`Store`].
//!
//! Invariant: what a method has returned `Ok` for is on the disk (`synchronous = FULL`) and survives `kill -9`.
//!
//! Invariant: facts that may happen only once (an invite is spent, a handle is taken, a room gets an owner) rest on
//! UNIQUE constraints and conditional updates, not on who asked first in memory. SQL stays portable: no clock, no
//! randomness and no database-specific function is used in a statement, so times and ids are arguments.
//!
//! Invariant: no serialisation. Events and snapshots are text made by the caller.
//!
//! A folder holds one database. Several processes may open it (the command line makes invites while the server runs);
//! the one that serves also holds its [`DataLock`].

mod account;
mod account_sources;
mod acts;
mod admin;
mod avatars;
mod branch;
mod convert;
mod db;
mod error;
mod events;
mod events_people;
mod events_read;
mod evidence;
#[doc(hidden)]
pub mod fill;
mod graph;
mod guests;
mod hallway;
mod house_acts;
mod houses;
mod invitations;
mod invitations_crowd;
mod invitations_steps;
mod invitations_told;
mod invites;
mod lock;
mod members;
mod notices;
mod offices;
mod open;
mod passkeys;
mod profiles;
mod proofs;
mod public;
mod recordings;
mod redeem;
mod replays;
mod replays_crowd;
mod replays_related;
mod reports;
mod rooms;
mod search;
mod search_replays;
mod search_talks;
mod sessions;
mod sign_in;
mod skeletons;
mod suggestions;
mod transcripts;
mod waitlist;

pub use account::{DeleteError, ExportPart, ExportRow, Exported, OwnEvent, Rewrite};
pub use acts::{ACTS_KEPT, APPEAL_WITHIN, Act, ActGuest, Appeal, Appealed, Decided, DecidedAct, NewAct};
pub use admin::{AdminMember, AuditEntry, AuditRecord, PAGE, Sizes, TreeNode};
pub use avatars::{AvatarSize, NewAvatar};
pub use branch::{BranchAct, BranchError, Suspension};
pub use error::{AppendError, ProfileError, RedeemError, StoreError};
pub use events::{
    CHANGES_MAX, EVENTS_MAX, EventDone, EventPlan, EventText, NewEvent, NextEvent, SUBSCRIBED_MAX, ToContinue, ToTell,
};
pub use events_people::PollTime;
pub use events_read::{Event, EventChange, EventPlace, EventsOf};
pub use evidence::{Evidence, NewEvidence, ReportedSound, Speaker};
pub use graph::{BLOCKED_MAX, Bell, Between, Entry, FOLLOWING_MAX, Followed, Place};
pub use guests::{Guest, GuestBy, GuestMade, GuestOffice, NewGuest};
pub use hallway::{HallwayFacts, RoomHouse, Standing};
pub use house_acts::{HouseAct, HouseRecord};
pub use houses::{
    HOUSES_MADE_MAX, HOUSES_MAX, House, HouseChanged, HouseMade, HouseMember, HousePlace, HouseRole, HouseStanding,
    HouseText, Joined, NewHouse, Nominated, Nomination,
};
pub use invitations::{
    AnswerLinkState, InvitationBox, InvitationEntry, InvitationFile, InvitationMade, InvitationText, NewInvitation,
    OPEN_INVITATIONS_MAX, ShownInvitee, ShownSheet, ShownStep,
};
pub use invitations_crowd::{Cosigner, CrowdSaid, Question, QuestionPlace, REPLIES_EACH, Reply, Written, WrittenText};
pub use invitations_steps::{Acted, Acting, AnswerLink, InvitationAct, Taken};
pub use invitations_told::{StepHearer, StepToTell};
pub use invites::{
    DAYS_AT_ONCE, DAYS_TO_EARN, Earned, InviteInfo, InviteState, InvitesLeft, MemberInvite, NewInvite, OwnInvite,
};
pub use lock::DataLock;
pub use members::{Member, Person};
pub use notices::{
    Due, NOTICES_AT_ONCE, NewNotice, Notice, NoticeEvent, PUSH_FAILS_FOR, PUSH_FAILURES_MAX, QuietHours, Recipient,
    Subscription, UNREAD_MAX, Ways,
};
pub use offices::{GrantActed, GrantOffered, NewOfficeAct, OfficeAct, OfficeGrant};
pub use open::{DATABASE_FILE, Store};
pub use passkeys::{
    CEREMONIES_MAX, Ceremony, NewPasskey, PASSKEYS_MAX, Passkey, PasskeyAdded, PasskeyKey, PasskeyRemoved,
};
pub use profiles::{HANDLE_CHANGES, HANDLE_CHANGES_WITHIN, HouseBadge, Interests, OwnProfile, Profile, ProfileChange};
pub use proofs::{
    NewProof, PROOF_FAILS_FOR, PROOF_FAILURES_MAX, PROOFS_MAX, Proof, ProofMade, ProofMethod, ProofMissed,
    ProofSubject, ProvenDomain,
};
pub use public::{PublicHouse, PublicProfile};
pub use recordings::{
    MARKS_EACH, NewConsent, NewMark, NewReplay, Recorded, RecordedConsent, RecordedMark, RecordedTrack,
    RecordingChange, ReplayHearers, ReplayState,
};
pub use redeem::{NewMember, Redeemed};
pub use replays::{
    Hearer, OwnTrack, Replay, ReplayChange, ReplayDone, ReplayMoment, ReplayTrack, ReplaysOf, Withdrawer, Withdrawn,
};
pub use replays_crowd::{
    CLIPS_EACH, Clip, NewClip, NewReplayReply, REPLAY_LINKS_MAX, REPLAY_REPLIES_EACH, ReplayLink, ReplayReply,
    ReplaySaid,
};
pub use reports::{NewReport, OPEN_REPORTS_MAX, Report};
pub use rooms::{Changes, LogRow, NewRoom, StoredRoom};
pub use search::{FoundHouse, FoundPerson, Search};
pub use search_replays::{FoundLine, FoundReplay};
pub use sessions::{NewSession, NewToken, SESSIONS_MAX, Session, TOKENS_MAX};
pub use sign_in::{LinkUsed, MailAddress, MailRemoved, RecoveryLink, SignIn};
pub use skeletons::skeleton;
pub use suggestions::Suggestion;
pub use transcripts::{
    NewTranscriptLine, TRANSCRIPT_TRIES, ToTranscribe, TranscriptLine, TranscriptPlace, TranscriptState,
};
pub use waitlist::{NewWaiting, WAITING_MAX, WaitError, Waiting, WaveError};

/// A SHA-256 digest. Invite codes and session tokens are stored only as this, so that a copy of the database opens
/// no account.
pub type Hash = [u8; 32];
