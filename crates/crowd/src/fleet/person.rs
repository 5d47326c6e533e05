//! One person's life in a load process: signing in, the control socket, the leg, listening, leaving.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use roomtone::wire::command::Command;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::full::{Ear, Scripts};
use super::listener::{Answer, Credentials, Identity, offer};
use super::media::Media;
use super::protocol::{Newcomer, Pass, PersonNo, Report, Steps};
use crate::api::Api;
use crate::control::{self, Presence, Socket};
use crate::leg::{Leg, LegEvent, SLOTS};
use crate::{Error, Result};

/// How long the room may take to do what was asked of it.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the leg of a full peer may take until its first packet.
const SOUND_PATIENCE: Duration = Duration::from_secs(50);
/// How long somebody who failed or was cut off may take to say good-bye.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(1);
/// How long a full peer listens after it has left, and after how much of that nothing should come any more.
const LINGER: Duration = Duration::from_millis(500);
const UNDER_WAY: Duration = Duration::from_millis(250);

/// What everybody of a process shares.
#[derive(Debug)]
pub(super) struct Crowd {
    /// The server, not signed in.
    pub(super) api: Api,
    /// The certificate of the light listeners.
    pub(super) identity: Arc<Identity>,
    /// The light listeners.
    pub(super) media: Media,
    /// What talkers say.
    pub(super) scripts: Scripts,
    /// What is said to the process that runs the scenario.
    pub(super) reports: mpsc::Sender<Report>,
    /// The full peers that hear a room.
    pub(super) full: Mutex<HashMap<PersonNo, Arc<Mutex<Ear>>>>,
    /// Everybody who is here or on their way, and how they are told to leave.
    pub(super) people: Mutex<HashMap<PersonNo, oneshot::Sender<Leave>>>,
}

/// Why somebody is to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// It was ordered, and is reported.
    Ordered,
    /// The process ends.
    End,
}

impl Crowd {
    /// Says something to the process that runs the scenario; waits if it does not listen right now.
    pub(super) async fn report(&self, report: Report) {
        let _nobody_listens_any_more = self.reports.send(report).await;
    }
}

/// A lock whose holders do not panic, and leave the value whole if one did.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets somebody enter once `gate` has room, listen, and leave when told.
pub(super) async fn live(
    crowd: Arc<Crowd>,
    newcomer: Newcomer,
    gate: Arc<Semaphore>,
    mut leave: oneshot::Receiver<Leave>,
) {
    let person = newcomer.person;
    let entering = async {
        // The semaphore is never closed.
        let permit = gate.acquire_owned().await.ok();
        (permit, enter(&crowd, &newcomer).await)
    };
    let entered = tokio::select! {
        entered = entering => entered,
        why = &mut leave => {
            crowd.media.drop_listener(person);
            return end(&crowd, person, why.unwrap_or(Leave::End), 0).await;
        }
    };
    let (permit, inside): (Option<OwnedSemaphorePermit>, _) = entered;
    let mut inside = match inside {
        Ok((inside, bearer, steps)) => {
            crowd.report(Report::Entered { person, bearer, steps }).await;
            inside
        }
        Err(Failure { error, after_ms }) => {
            let code = if let Error::Refused { code, .. } = &error { code.clone() } else { String::new() };
            lock(&crowd.people).remove(&person);
            drop(permit);
            return crowd.report(Report::Failed { person, code, why: error.to_string(), after_ms }).await;
        }
    };
    drop(permit);
    let why = tokio::select! {
        why = inside.listen(&crowd) => Err(why),
        why = &mut leave => Ok(why.unwrap_or(Leave::End)),
    };
    let left = match why {
        Ok(why) => (why, inside.leave(&crowd, person, why).await),
        Err(why) => (Leave::Ordered, Err(Error::Connection(why))),
    };
    lock(&crowd.full).remove(&person);
    match left {
        (why, Ok(late_packets)) => end(&crowd, person, why, late_packets).await,
        (why, Err(error)) => {
            crowd.media.drop_listener(person);
            lock(&crowd.people).remove(&person);
            if why == Leave::Ordered {
                crowd.report(Report::Cut { person, why: error.to_string() }).await;
            }
        }
    }
}

async fn end(crowd: &Crowd, person: PersonNo, why: Leave, late_packets: u64) {
    lock(&crowd.people).remove(&person);
    if why == Leave::Ordered {
        crowd.report(Report::Left { person, late_packets }).await;
    }
}

/// What kept somebody from entering, and how long the step took that failed.
#[derive(Debug)]
struct Failure {
    error: Error,
    after_ms: f64,
}

/// Does one step, and says how many milliseconds it took.
async fn timed<T>(step: impl Future<Output = Result<T>>) -> Result<(T, f64), Failure> {
    let began = Instant::now();
    let done = step.await;
    let after_ms = began.elapsed().as_secs_f64() * 1_000.0;
    done.map(|value| (value, after_ms)).map_err(|error| Failure { error, after_ms })
}

/// Somebody who hears a room.
enum Inside {
    Light(Box<Light>),
    Full(Box<Full>),
}

struct Light {
    socket: Socket,
    role_epoch: u32,
    ended: oneshot::Receiver<String>,
}

struct Full {
    presence: Presence,
    leg: Leg,
    ear: Arc<Mutex<Ear>>,
}

async fn enter(crowd: &Crowd, newcomer: &Newcomer) -> Result<(Inside, String, Steps), Failure> {
    let api = crowd.api.counting();
    let (api, sign_in) = match &newcomer.pass {
        Pass::Invite { code, handle, name } => timed(api.redeem(code, handle, name)).await?,
        Pass::Bearer(token) => (api.signed_in(token), 0.0),
    };
    let steps = Steps { sign_in, ..Steps::default() };
    let (inside, mut steps) = if newcomer.full {
        let (full, steps) = Box::pin(Full::enter(crowd, newcomer, &api, steps)).await?;
        (Inside::Full(Box::new(full)), steps)
    } else {
        let (light, steps) = Light::enter(crowd, newcomer, &api, steps).await?;
        (Inside::Light(Box::new(light)), steps)
    };
    steps.retries = api.retries();
    Ok((inside, api.token().unwrap_or_default().to_owned(), steps))
}

impl Inside {
    /// Listens until something ends that should not: says what.
    async fn listen(&mut self, crowd: &Crowd) -> String {
        match self {
            Self::Light(light) => light.listen().await,
            Self::Full(full) => full.listen(crowd).await,
        }
    }

    /// Leaves the room. Returns how many packets came a while after the server had said so.
    async fn leave(self, crowd: &Crowd, person: PersonNo, why: Leave) -> Result<u64> {
        match self {
            Self::Light(mut light) => {
                light.leave().await?;
                if why == Leave::End { Ok(0) } else { crowd.media.leave(person).await }
            }
            Self::Full(full) => full.leave(why).await,
        }
    }
}

impl Light {
    async fn enter(crowd: &Crowd, newcomer: &Newcomer, api: &Api, mut steps: Steps) -> Result<(Self, Steps), Failure> {
        let (room, person) = (&newcomer.room, newcomer.person);
        // One step, since it is over, or refused, with the first message.
        let opening = async {
            let mut socket = control::connect(api, room).await?;
            let role_epoch = snapshot(&mut socket, room).await?;
            Ok((socket, role_epoch))
        };
        let (mut socket, role_epoch);
        ((socket, role_epoch), steps.socket) = timed(opening).await?;
        let own = Credentials::random();
        let sdp = offer(&own, crowd.identity.fingerprint());
        let path = format!("/api/rooms/{room}/listen");
        let offering = async { Answer::parse(&api.offer(&path, sdp).await?.0) };
        let answer;
        (answer, steps.offer) = timed(offering).await?;
        let began = Instant::now();
        let hearing = async {
            let told = crowd.media.join(person, own, answer)?;
            let mut ended = told.ended;
            tokio::select! {
                alive = told.alive => match alive {
                    Ok(alive) => Ok((ended, alive)),
                    // It says why before it goes.
                    Err(_) => Err(Error::Media((&mut ended).await.unwrap_or_default())),
                },
                why = over(&mut socket) => Err(why.into_error(room)),
            }
        };
        let ((ended, alive), _) = match timed(hearing).await {
            Ok(hearing) => hearing,
            Err(failure) => {
                crowd.media.drop_listener(person);
                let _it_is_away_for_a_while_then = timeout(GOODBYE_PATIENCE, say_leave(&mut socket, role_epoch)).await;
                return Err(failure);
            }
        };
        steps.leg = alive.connected.saturating_duration_since(began).as_secs_f64() * 1_000.0;
        steps.sound = alive.heard.saturating_duration_since(alive.connected).as_secs_f64() * 1_000.0;
        Ok((Self { socket, role_epoch, ended }, steps))
    }

    async fn listen(&mut self) -> String {
        let why = tokio::select! {
            why = &mut self.ended => why.unwrap_or_default(),
            why = over(&mut self.socket) => why.to_string(),
        };
        let leaving = say_leave(&mut self.socket, self.role_epoch);
        let _it_is_away_for_a_while_then = timeout(GOODBYE_PATIENCE, leaving).await;
        why
    }

    async fn leave(&mut self) -> Result<()> {
        let leaving = async {
            say_leave(&mut self.socket, self.role_epoch).await?;
            // Whatever the server's last word is, it is the last.
            while !matches!(over(&mut self.socket).await, Over::Bye(_) | Over::Lost(_)) {}
            Ok(())
        };
        timeout(PATIENCE, leaving).await.map_err(|_| Error::Timeout("leaving"))?
    }
}

async fn say_leave(socket: &mut Socket, role_epoch: u32) -> Result<()> {
    let text = control::command_text(role_epoch, Command::Leave);
    socket.send(Message::text(text)).await.map_err(|error| Error::Connection(format!("control socket: {error}")))
}

/// Waits for the snapshot; gives the role epoch in it.
async fn snapshot(socket: &mut Socket, room: &str) -> Result<u32> {
    let reading = async {
        loop {
            match next(socket).await {
                Ok(Told::Snapshot { role_epoch }) => return Ok(role_epoch),
                Ok(Told::Over(over)) | Err(over) => return Err(over.into_error(room)),
                Ok(Told::Else) => {}
            }
        }
    };
    timeout(PATIENCE, reading).await.map_err(|_| Error::Timeout("a snapshot"))?
}

/// Reads until the socket or the leg is over. Cancel-safe.
async fn over(socket: &mut Socket) -> Over {
    loop {
        if let Ok(Told::Over(over)) | Err(over) = next(socket).await {
            return over;
        }
    }
}

/// The next message.
async fn next(socket: &mut Socket) -> Result<Told, Over> {
    match socket.next().await {
        Some(Ok(Message::Text(text))) => Ok(told(&text)),
        Some(Ok(_)) => Ok(Told::Else),
        Some(Err(error)) => Err(Over::Lost(error.to_string())),
        None => Err(Over::Lost("it was closed".into())),
    }
}

/// What a listener without eyes needs to know of a message.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Snapshot { role_epoch: u32 },
    Over(Over),
    Else,
}

/// Why somebody is not in the room any more.
#[derive(Debug, PartialEq, Eq)]
enum Over {
    /// The server said good-bye; its code.
    Bye(String),
    /// The server cut the leg; its code.
    Leg(String),
    /// The connection broke.
    Lost(String),
}

impl Over {
    fn into_error(self, room: &str) -> Error {
        match self {
            Self::Bye(code) => control::bye(room, &code),
            other => Error::Connection(other.to_string()),
        }
    }
}

impl std::fmt::Display for Over {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bye(code) => write!(f, "the server said good-bye: {code}"),
            Self::Leg(code) => write!(f, "the server cut the leg: {code}"),
            Self::Lost(why) => write!(f, "the control socket broke: {why}"),
        }
    }
}

/// Reads no more of a message than it has to: of all that comes, most is what happens to others.
fn told(text: &str) -> Told {
    if text.starts_with(r#"{"type":"events""#) {
        return Told::Else;
    }
    #[derive(Deserialize)]
    struct You {
        role_epoch: u32,
    }
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
        code: Option<String>,
        you: Option<You>,
    }
    let Ok(Line { kind, code, you }) = serde_json::from_str(text) else { return Told::Else };
    match (&*kind, you) {
        ("snapshot", Some(You { role_epoch })) => Told::Snapshot { role_epoch },
        ("bye", _) => Told::Over(Over::Bye(code.unwrap_or_default())),
        // A light listener has one leg only.
        ("leg_ended", _) => Told::Over(Over::Leg(code.unwrap_or_default())),
        _ => Told::Else,
    }
}

impl Full {
    async fn enter(crowd: &Crowd, newcomer: &Newcomer, api: &Api, mut steps: Steps) -> Result<(Self, Steps), Failure> {
        let presence;
        (presence, steps.socket) = timed(Presence::enter(api, &newcomer.room, false)).await?;
        // The scripts are made before anything has to be in time.
        let (known, _) = timed(crowd.scripts.of_all(&presence.state())).await?;
        let leg;
        (leg, steps.offer) = timed(Leg::listen(api, &newcomer.room, SLOTS)).await?;
        let mut ear = Ear::new(leg.local());
        ear.learn(known);
        let mut full = Self { presence, leg, ear: Arc::new(Mutex::new(ear)) };
        let began = Instant::now();
        let hearing = async {
            let mut connected = began;
            let waiting = async {
                loop {
                    match full.leg.next().await? {
                        LegEvent::Connected => connected = Instant::now(),
                        LegEvent::Heard(packet) => return Ok(packet),
                        LegEvent::Disconnected => return Err(Error::Media("the leg was cut while connecting".into())),
                    }
                }
            };
            let packet = timeout(SOUND_PATIENCE, waiting).await.map_err(|_| Error::Timeout("the first packet"))??;
            let now = Instant::now();
            lock(&full.ear).heard(now, &packet, 0);
            Ok((connected, now))
        };
        let ((connected, heard), _) = timed(hearing).await?;
        steps.leg = connected.saturating_duration_since(began).as_secs_f64() * 1_000.0;
        steps.sound = heard.saturating_duration_since(connected).as_secs_f64() * 1_000.0;
        lock(&crowd.full).insert(newcomer.person, full.ear.clone());
        Ok((full, steps))
    }

    async fn listen(&mut self, crowd: &Crowd) -> String {
        let ear = self.ear.clone();
        let (presence, leg) = (&mut self.presence, &mut self.leg);
        loop {
            let packet = tokio::select! {
                event = leg.next() => match event {
                    Ok(LegEvent::Heard(packet)) => packet,
                    Ok(LegEvent::Connected) => continue,
                    Ok(LegEvent::Disconnected) => return "the leg lost its path".into(),
                    Err(error) => return error.to_string(),
                },
                state = presence.ended() => {
                    return state.bye.map_or_else(|| "the control socket broke".into(), |bye| bye.message().into());
                }
            };
            if !lock(&ear).knows(&packet) {
                // Somebody has come on stage since.
                match crowd.scripts.of_all(&presence.state()).await {
                    Ok(known) => lock(&ear).learn(known),
                    Err(error) => return error.to_string(),
                }
            }
            lock(&ear).heard(Instant::now(), &packet, leg.take_foreign());
        }
    }

    async fn leave(self, why: Leave) -> Result<u64> {
        let Self { presence, mut leg, .. } = self;
        presence.leave().await?;
        let left = Instant::now();
        let mut late = 0;
        if why == Leave::End {
            return Ok(late);
        }
        let mut over = pin!(tokio::time::sleep(LINGER));
        loop {
            tokio::select! {
                event = leg.next() => match event {
                    Ok(LegEvent::Heard(_)) => late += u64::from(left.elapsed() > UNDER_WAY),
                    Ok(_) => {}
                    // A leg that is gone hears nothing any more.
                    Err(_) => return Ok(late),
                },
                () = &mut over => return Ok(late),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_far_as_they_matter() {
        let bye = |code: &str| Told::Over(Over::Bye(code.into()));
        for (text, expected) in [
            (
                r#"{"type":"snapshot","seq":1,"you":{"number":7,"role_epoch":3},"stage":[]}"#,
                Told::Snapshot { role_epoch: 3 },
            ),
            (r#"{ "you": { "role_epoch": 3 }, "type": "snapshot" }"#, Told::Snapshot { role_epoch: 3 }),
            (r#"{"type":"snapshot"}"#, Told::Else),
            (r#"{"type":"events","after":1,"seq":2,"audience_count":1,"events":[]}"#, Told::Else),
            (r#"{"type":"beat"}"#, Told::Else),
            (r#"{"type":"bye","code":"server_full","message":"Full."}"#, bye("server_full")),
            (r#"{"code":"left","type":"bye"}"#, bye("left")),
            (r#"{"type":"leg_ended","leg":"x","kind":"listen","code":"lost"}"#, Told::Over(Over::Leg("lost".into()))),
            ("not json", Told::Else),
            ("", Told::Else),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn a_good_bye_while_entering_is_a_refusal() {
        let Error::Refused { code, .. } = Over::Bye("server_full".into()).into_error("r") else { panic!("no refusal") };
        assert_eq!(code, "server_full");
        assert!(matches!(Over::Lost("gone".into()).into_error("r"), Error::Connection(_)));
    }
}
