//! The ways in which somebody stops being allowed to speak or to hear.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::Method;
use roomtone::wire::command::Command;
use roomtone_room::ids::Timestamp;
use roomtone_store::Store;
use serde_json::json;

use super::rogue::Rogue;
use super::scene::{Ground, Scene, Seen};
use crate::control::Presence;
use crate::leg::{Leg, SLOTS};
use crate::{Error, Result};

/// How long a room that is taken from its owner stays taken, in milliseconds.
const TAKEN_MILLIS: u64 = 30_000;

/// A way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Way {
    Leave,
    Lost,
    Elsewhere,
    SecondDevice,
    StepDown,
    CloseMic,
    DeletePublish,
    DeleteListen,
    /// They take back that they may be recorded, and talk on.
    ConsentBack,
    Mute,
    Demote,
    Remove,
    Ban,
    Block,
    HouseBan,
    Suspended,
    SessionEnded,
    AccountDeleted,
    RoomEnded,
    LeaseLost,
    /// A guest's pass ends by itself.
    PassExpired,
    /// Somebody who runs the room ends a guest's pass.
    PassRevoked,
    /// A guest gives the pass back.
    PassReturned,
    /// Somebody who hears the room as a plain stream comes on stage, where all sound is live.
    ComeUp,
}

/// Who goes a way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Member,
    /// A member of the house whose room it is.
    Housemate,
    /// Somebody without an account, by a link that lasts as long as links do.
    Guest,
    /// The same by a link that ends before the trial does.
    BriefGuest,
}

/// From when on nothing may be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Commit {
    /// Of the hostile client, by anybody.
    pub(super) voice: Option<Instant>,
    /// By the hostile client.
    pub(super) ears: Option<Instant>,
    /// Of the hostile client, in the recording.
    pub(super) stored: Option<Instant>,
}

impl Way {
    pub(super) const ALL: [Self; 24] = [
        Self::Leave,
        Self::Lost,
        Self::Elsewhere,
        Self::SecondDevice,
        Self::StepDown,
        Self::CloseMic,
        Self::DeletePublish,
        Self::DeleteListen,
        Self::ConsentBack,
        Self::Mute,
        Self::Demote,
        Self::Remove,
        Self::Ban,
        Self::Block,
        Self::HouseBan,
        Self::Suspended,
        Self::SessionEnded,
        Self::AccountDeleted,
        Self::RoomEnded,
        Self::LeaseLost,
        Self::PassExpired,
        Self::PassRevoked,
        Self::PassReturned,
        Self::ComeUp,
    ];

    /// As the report has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Leave => "leave",
            Self::Lost => "connection_lost",
            Self::Elsewhere => "another_room",
            Self::SecondDevice => "second_device",
            Self::StepDown => "step_down",
            Self::CloseMic => "set_mic",
            Self::DeletePublish => "delete_publish_leg",
            Self::DeleteListen => "delete_listen_leg",
            Self::ConsentBack => "consent_taken_back",
            Self::Mute => "mute",
            Self::Demote => "move_to_audience",
            Self::Remove => "remove",
            Self::Ban => "ban",
            Self::Block => "block",
            Self::HouseBan => "house_ban",
            Self::Suspended => "suspended",
            Self::SessionEnded => "session_ended",
            Self::AccountDeleted => "account_deleted",
            Self::RoomEnded => "room_ended",
            Self::LeaseLost => "lease_lost",
            Self::PassExpired => "pass_expired",
            Self::PassRevoked => "pass_revoked",
            Self::PassReturned => "pass_returned",
            Self::ComeUp => "come_on_stage",
        }
    }

    /// What says when it was so: an event on a witness's control socket, or the answer to a request.
    pub(super) fn told_by(self) -> &'static str {
        match self {
            Self::SecondDevice | Self::DeletePublish | Self::DeleteListen | Self::ComeUp => "answer",
            Self::LeaseLost => "bye",
            _ => "event",
        }
    }

    /// Whether it takes ten seconds, so that it is begun first and not tried as often as the others.
    pub(super) fn is_slow(self) -> bool {
        self == Self::Lost
    }

    /// Whether it is one for somebody on stage, with legs.
    pub(super) fn is_of_legs(self) -> bool {
        self != Self::ComeUp
    }

    /// Whether it is one for a listener who hears the room as a plain stream: not for one who is lost, who is there as long as the
    /// stream is.
    pub(super) fn is_of_streams(self) -> bool {
        let of_legs = [
            Self::Lost,
            Self::StepDown,
            Self::CloseMic,
            Self::DeletePublish,
            Self::ConsentBack,
            Self::Mute,
            Self::Demote,
        ];
        !of_legs.contains(&self)
    }

    /// Whether a publish leg that is asked for afterwards has to be refused.
    pub(super) fn closes_the_mouth(self) -> bool {
        let may_go_on =
            [Self::SecondDevice, Self::CloseMic, Self::DeletePublish, Self::DeleteListen, Self::ConsentBack];
        !may_go_on.contains(&self)
    }

    /// Whether a listen leg that is asked for afterwards has to be refused: by others one may come in again.
    pub(super) fn closes_the_ears(self) -> bool {
        let out_for_good =
            [Self::Block, Self::HouseBan, Self::Suspended, Self::SessionEnded, Self::AccountDeleted, Self::RoomEnded];
        out_for_good.contains(&self) || self.who() != Who::Member
    }

    /// Who goes it.
    pub(super) fn who(self) -> Who {
        match self {
            Self::HouseBan => Who::Housemate,
            Self::PassRevoked | Self::PassReturned => Who::Guest,
            Self::PassExpired => Who::BriefGuest,
            _ => Who::Member,
        }
    }

    /// Whether it takes somebody who runs the server.
    pub(super) fn needs_an_owner(self) -> bool {
        self == Self::Suspended
    }

    /// Whether the room goes on for the others.
    pub(super) fn spares_the_room(self) -> bool {
        !matches!(self, Self::RoomEnded | Self::LeaseLost)
    }

    /// Goes it, and says from when on it counts. What has to stay open until the end of the trial is left in `kept`.
    pub(super) async fn go(
        self,
        ground: &Ground,
        scene: &mut Scene,
        legs: &Locations,
        kept: &mut Kept,
    ) -> Result<Commit> {
        let member = scene.rogue_member;
        let both = |at| Commit { voice: Some(at), ears: Some(at), stored: Some(at) };
        let voice = |at| Commit { voice: Some(at), ears: None, stored: Some(at) };
        let ears = |at| Commit { voice: None, ears: Some(at), stored: None };
        match self {
            Self::Leave => {
                scene.presence.command(Command::Leave).await?;
                scene.witness.sees(Seen::Left(member)).await.map(both)
            }
            Self::Lost => {
                scene.presence.abandon();
                scene.witness.sees(Seen::Left(member)).await.map(both)
            }
            Self::Elsewhere => {
                let room = scene.rogue.open_room("Elsewhere").await?;
                kept.presence = Some(Presence::enter(&scene.rogue, &room, false).await?);
                scene.witness.sees(Seen::Left(member)).await.map(both)
            }
            Self::SecondDevice => {
                kept.presence = Some(Presence::enter(&scene.rogue, &scene.room, false).await?);
                let mut voice = None;
                if scene.on_stage {
                    kept.legs.push(Leg::publish(&scene.rogue, &scene.room).await?);
                    voice = Some(Instant::now());
                }
                kept.legs.push(Leg::listen(&scene.rogue, &scene.room, SLOTS).await?);
                Ok(Commit { voice, ears: Some(Instant::now()), stored: voice })
            }
            Self::StepDown => {
                scene.presence.command(Command::StepDown).await?;
                scene.witness.sees(Seen::Demoted(member)).await.map(voice)
            }
            Self::CloseMic => {
                scene.presence.command(Command::SetMic { open: false }).await?;
                scene.witness.sees(Seen::MicClosed(member)).await.map(voice)
            }
            Self::DeletePublish => {
                scene.rogue.delete(&legs.mouth).await?;
                Ok(voice(Instant::now()))
            }
            Self::DeleteListen => {
                scene.rogue.delete(&legs.ear).await?;
                Ok(ears(Instant::now()))
            }
            Self::ConsentBack => {
                let on = scene.presence.state().recording.ok_or(Error::Timeout("a recording"))?;
                let takes_back = Command::ConsentRecording { replay: on.replay, text: on.text, agree: false };
                scene.presence.command(takes_back).await?;
                let at = scene.witness.sees(Seen::Unrecorded(member)).await?;
                Ok(Commit { voice: None, ears: None, stored: Some(at) })
            }
            Self::Mute => {
                scene.chair.command(Command::Mute { member }).await?;
                scene.witness.sees(Seen::Muted(member)).await.map(voice)
            }
            Self::Demote => {
                scene.chair.command(Command::MoveToAudience { member }).await?;
                scene.witness.sees(Seen::Demoted(member)).await.map(voice)
            }
            Self::Remove => {
                scene.chair.command(Command::Remove { member }).await?;
                scene.witness.sees(Seen::Left(member)).await.map(both)
            }
            Self::Ban => {
                scene.chair.command(Command::Ban { member, reason: None }).await?;
                scene.witness.sees(Seen::Left(member)).await.map(both)
            }
            Self::Block => {
                let path = format!("/api/members/{}/block", scene.rogue_handle);
                scene.host.order(Method::PUT, &path, &json!({})).await?;
                scene.witness.sees(Seen::Left(member)).await.map(both)
            }
            Self::HouseBan => {
                let house = scene.house.as_ref().ok_or(Error::Timeout("a house"))?;
                scene.host.delete(&format!("/api/houses/{house}/members/{}", scene.rogue_handle)).await?;
                scene.witness.sees(Seen::Left(member)).await.map(both)
            }
            Self::Suspended => {
                let owner = ground.owner.as_ref().ok_or(Error::Timeout("an owner"))?;
                let path = format!("/api/admin/members/{}/suspend", scene.rogue_handle);
                owner.order(Method::POST, &path, &json!({ "branch": false })).await?;
                scene.witness.sees(Seen::Left(member)).await.map(both)
            }
            Self::SessionEnded => {
                scene.rogue.delete("/api/session").await?;
                scene.witness.sees(Seen::Left(member)).await.map(both)
            }
            Self::AccountDeleted => {
                let body = json!({ "handle": scene.rogue_handle });
                scene.rogue.order(Method::DELETE, "/api/me", &body).await?;
                scene.witness.sees(Seen::Left(member)).await.map(both)
            }
            Self::RoomEnded => {
                scene.chair.command(Command::End).await?;
                scene.witness.sees(Seen::Ended).await.map(both)
            }
            Self::LeaseLost => {
                take_away(ground, &scene.room).await?;
                // The owner learns of it with the next thing that it would have to keep.
                let asks = Command::RaiseHand { question: None };
                scene.receivers.first().ok_or(Error::Timeout("somebody who listens"))?.presence.command(asks).await?;
                scene.witness.sees(Seen::Bye).await.map(both)
            }
            // It is only waited for.
            Self::PassExpired => scene.witness.sees(Seen::Left(member)).await.map(both),
            Self::PassRevoked => {
                scene.host.delete(&format!("/api/rooms/{}/guests/{}", scene.room, member.0)).await?;
                scene.witness.sees(Seen::Left(member)).await.map(both)
            }
            Self::PassReturned => {
                scene.rogue.delete("/api/guest").await?;
                scene.witness.sees(Seen::Left(member)).await.map(both)
            }
            Self::ComeUp => {
                scene.presence.come_on_stage().await?;
                Ok(ears(Instant::now()))
            }
        }
    }
}

/// Where the hostile client's first legs are on the server, or its stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Locations {
    pub(super) mouth: String,
    pub(super) ear: String,
}

impl Locations {
    pub(super) fn of(mouth: &Rogue, ear: &Rogue) -> Self {
        Self { mouth: mouth.location.clone(), ear: ear.location.clone() }
    }

    pub(super) fn of_stream(room: &str, leg: &str) -> Self {
        Self { ear: format!("/api/rooms/{room}/legs/{leg}"), ..Self::default() }
    }
}

/// What a way out leaves open.
#[derive(Default)]
pub(super) struct Kept {
    presence: Option<Presence>,
    legs: Vec<Leg>,
}

/// The time that the server's store goes by.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp(since.map_or(0, |since| since.as_millis() as u64))
}

/// Makes somebody else the owner of a live room, as another server on the same database would be.
async fn take_away(ground: &Ground, room: &str) -> Result<()> {
    let wrong = |error: &dyn std::fmt::Display| Error::Server(format!("the room could not be taken away: {error}"));
    let id = room.parse().map_err(|_| wrong(&"its id is none"))?;
    let now = now();
    let store = Store::open(&ground.data).await.map_err(|error| wrong(&error))?;
    let taken = store.acquire_room(id, 1, now, now.plus(TAKEN_MILLIS), true).await.map_err(|error| wrong(&error));
    store.close().await;
    taken?.map(drop).ok_or_else(|| wrong(&"it is not live"))
}
