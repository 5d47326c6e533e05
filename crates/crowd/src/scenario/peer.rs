//! `crowd peer`: one bot in a room that others opened, which says in JSON lines what it hears.
//!
//! A member whose handle begins with `crowd_` talks by the script of that handle: who hears it knows what was sent
//! without being told. Of other talkers the packets are counted.
//!
//! Lines on standard output: `{"event":"entered","number":n}`, `{"event":"listening"}`, `{"event":"on_stage"}`,
//! `{"event":"talking"}`, `{"event":"cut","leg":"listen"|"publish"}`, `{"event":"refused","code":"..."}`, five times a
//! second `{"event":"sent","frames":n}` and for each talker heard so far `{"event":"heard","talker":n,"handle":"...",
//! "packets":n,"last":ms since 1970,"checked":bool,"frames":n,"lost":n,"duplicates":n,"reordered":n,"mismatches":n}`,
//! and last `{"event":"end"}`.
//!
//! A muted talker does not obey: it goes on sending on the leg it has. Once unmuted it publishes anew.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::task::JoinHandle;

use super::{connected, script, talk};
use crate::api::Api;
use crate::control::{Presence, RoomState};
use crate::leg::{Leg, LegEvent, SLOTS, talker};
use crate::tally::{Known, Tally};
use crate::{Error, Result};

/// How often the counts are printed.
const EVERY: Duration = Duration::from_millis(200);
/// Members whose handle begins like this talk by the script of their handle.
const SCRIPTED: &str = "crowd_";

/// Who the bot is.
#[derive(Debug, Clone)]
pub enum Member {
    /// A member with a session.
    Bearer(String),
    /// A member to be, by an invite.
    Invite {
        /// The code.
        code: String,
        /// The handle to take.
        handle: String,
    },
}

/// What the bot does.
#[derive(Debug, Clone)]
pub struct Options {
    /// URL of the server.
    pub server: String,
    /// Id of the room.
    pub room: String,
    /// Who it is.
    pub member: Member,
    /// Raise the hand and publish.
    pub talk: bool,
    /// Open a listen leg.
    pub listen: bool,
    /// When to stop, in seconds; without it, when standard input is closed.
    pub seconds: Option<u64>,
}

/// Runs the bot.
///
/// # Errors
/// When it cannot sign in, enter, come on stage or open its legs.
pub async fn run(options: Options) -> Result<()> {
    let server = Api::new(&options.server)?;
    let (api, handle) = match &options.member {
        Member::Bearer(token) => {
            let api = server.signed_in(token);
            let handle = api.handle().await?;
            (api, handle)
        }
        Member::Invite { code, handle } => (server.redeem(code, handle, handle).await?, handle.clone()),
    };
    let mut presence = Presence::enter(&api, &options.room, false).await?;
    say(&json!({ "event": "entered", "number": presence.state().number }))?;
    let mut ears = None;
    if options.listen {
        ears = Some(connected(Leg::listen(&api, &options.room, SLOTS).await?).await?);
        say(&json!({ "event": "listening" }))?;
    }
    // Kept from one publish leg to the next, so that no frame is sent twice.
    let mut known = None;
    let mut mouth = None;
    if options.talk {
        presence.come_on_stage().await?;
        say(&json!({ "event": "on_stage" }))?;
        known = Some(Arc::new(Known::new(script(handle).await?)));
        mouth = publish(&api, &options.room, &known).await?;
    }
    let mut was_muted = false;
    let mut hearing = Hearing::default();
    let mut clock = tokio::time::interval(EVERY);
    let mut end = std::pin::pin!(ended(options.seconds));
    loop {
        tokio::select! {
            event = next(&mut ears) => match event {
                Ok(LegEvent::Heard(packet)) => hearing.take(&presence.state(), &packet).await?,
                Ok(LegEvent::Connected) => {}
                Ok(LegEvent::Disconnected) | Err(_) => {
                    ears = None;
                    say(&json!({ "event": "cut", "leg": "listen" }))?;
                }
            },
            _ = clock.tick() => {
                hearing.print()?;
                if let Some((known, task)) = &mouth {
                    say(&json!({ "event": "sent", "frames": known.sent.load(Ordering::Acquire) }))?;
                    if task.is_finished() {
                        mouth = None;
                        say(&json!({ "event": "cut", "leg": "publish" }))?;
                    }
                }
                let muted = presence.state().muted;
                if std::mem::replace(&mut was_muted, muted) && !muted {
                    if let Some((_, task)) = mouth.take() {
                        task.abort();
                    }
                    mouth = publish(&api, &options.room, &known).await?;
                }
            }
            () = &mut end => break,
        }
    }
    hearing.print()?;
    if let Some((_, task)) = mouth {
        task.abort();
    }
    // The server may be gone by now, or have shown the bot out: it wanted to leave anyway.
    let _gone_either_way = presence.leave().await;
    say(&json!({ "event": "end" }))
}

/// What the bot says and the task that says it.
type Mouth = (Arc<Known>, JoinHandle<Error>);

/// Publishes a script from where it is; `None` without one, or when the server refuses, which is said and not an error.
async fn publish(api: &Api, room: &str, known: &Option<Arc<Known>>) -> Result<Option<Mouth>> {
    let Some(known) = known else { return Ok(None) };
    let leg = match Leg::publish(api, room).await {
        Err(Error::Refused { code, .. }) => {
            say(&json!({ "event": "refused", "code": code }))?;
            return Ok(None);
        }
        leg => connected(leg?).await?,
    };
    say(&json!({ "event": "talking" }))?;
    Ok(Some((known.clone(), tokio::spawn(talk(leg, known.clone())))))
}

/// The next event of a leg; never, without a leg.
async fn next(leg: &mut Option<Leg>) -> Result<LegEvent> {
    match leg {
        Some(leg) => leg.next().await,
        None => std::future::pending().await,
    }
}

/// After the given time, or at the end of standard input.
async fn ended(seconds: Option<u64>) {
    match seconds {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        None => {
            let (mut input, mut buffer) = (tokio::io::stdin(), [0; 64]);
            while matches!(input.read(&mut buffer).await, Ok(length) if length > 0) {}
        }
    }
}

/// What was heard, by the talker's number.
#[derive(Default)]
struct Hearing {
    talkers: BTreeMap<u32, Ear>,
}

struct Ear {
    handle: Option<String>,
    packets: u64,
    /// When the last packet came, in milliseconds since 1970.
    last: u128,
    tally: Option<Tally>,
}

impl Hearing {
    async fn take(&mut self, state: &RoomState, packet: &str0m::rtp::RtpPacket) -> Result<()> {
        // A packet without exactly one CSRC is nobody's: number 0 is given to no participant.
        let number = talker(&packet.header).unwrap_or(0);
        let ear = self.talkers.entry(number).or_insert(Ear { handle: None, packets: 0, last: 0, tally: None });
        ear.packets += 1;
        ear.last = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        if ear.handle.is_none()
            && let Some(handle) = state.talkers.get(&number)
        {
            ear.handle = Some(handle.clone());
            if handle.starts_with(SCRIPTED) {
                ear.tally = Some(Tally::new(Arc::new(Known::new(script(handle.clone()).await?))));
            }
        }
        if let Some(tally) = &mut ear.tally {
            tally.heard(&packet.payload);
        }
        Ok(())
    }

    fn print(&self) -> Result<()> {
        for (number, ear) in &self.talkers {
            let counts = ear.tally.as_ref().map(Tally::counts).unwrap_or_default();
            say(&json!({
                "event": "heard", "talker": number, "handle": ear.handle, "packets": ear.packets, "last": ear.last as u64,
                "checked": ear.tally.is_some(), "frames": counts.frames, "lost": ear.tally.as_ref().map_or(0, Tally::lost), "duplicates": counts.duplicates,
                "reordered": counts.reordered, "mismatches": counts.mismatches,
            }))?;
        }
        Ok(())
    }
}

/// Prints one line and lets it out at once.
fn say(line: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| Error::io("standard output", error))
}
