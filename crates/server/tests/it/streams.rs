//! Plain streams of rooms: what is heard, by whom, and by what they end.

use std::f64::consts::TAU;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use opus::{Application, Bitrate, Channels, Decoder, Encoder};
use serde_json::{Value, json};

use crate::support::{Answer, Member, Server, Socket, Trusting, listen_offer};
use crate::talker::Leg;

/// How long a test waits for something that must come; only a failing test ever waits that long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Samples in a turn of 20 ms.
const TURN: usize = 960;

/// Turns in which a pitch is looked for.
const WINDOW: usize = 10;

/// Somebody who hums, by a microphone.
struct Hum {
    leg: Leg,
    encoder: Encoder,
    hertz: f64,
    said: usize,
}

impl Hum {
    async fn begin(member: &Member<'_>, room: &str, hertz: f64) -> Self {
        let mut encoder = Encoder::new(48_000, Channels::Mono, Application::LowDelay).unwrap();
        encoder.set_bitrate(Bitrate::Bits(64_000)).unwrap();
        Self { leg: Leg::speak(member, room).await, encoder, hertz, said: 0 }
    }

    /// The next 20 ms.
    fn go_on(&mut self) {
        let at = |i: usize| (self.said * TURN + i) as f64 / 48_000.0;
        let wave: Vec<i16> = (0..TURN).map(|i| ((at(i) * self.hertz * TAU).sin() * 6_000.0) as i16).collect();
        let packet = self.encoder.encode_vec(&wave, 1_000).unwrap();
        assert_eq!(packet[0], 31 << 3, "what `say` puts in front");
        self.leg.say(&packet[1..]);
        self.said += 1;
    }
}

/// A player of a plain stream.
struct Player {
    body: Incoming,
    bytes: Vec<u8>,
    decoder: Decoder,
    pages: u32,
    heard: Vec<f32>,
}

impl Player {
    async fn start(server: &Server, path: &str, token: Option<&str>) -> Self {
        let (status, headers, body) = server.open(path, token, &[]).await;
        assert_eq!((status, headers["content-type"].to_str().unwrap()), (StatusCode::OK, "audio/ogg"));
        assert_eq!(headers["cache-control"], "no-store");
        let decoder = Decoder::new(48_000, Channels::Stereo).unwrap();
        let mut player = Self { body, bytes: Vec::new(), decoder, pages: 0, heard: Vec::new() };
        assert!(player.page().await, "the stream has no beginning");
        player
    }

    /// Reads a page, of which the first two are headers; `false` once the stream is over.
    async fn page(&mut self) -> bool {
        loop {
            if let Some(length) = self.whole_page() {
                let page: Vec<u8> = self.bytes.drain(..length).collect();
                assert_eq!(page[18..22], self.pages.to_le_bytes(), "pages are numbered from 0 on");
                if self.pages >= 2 {
                    self.decode(&page);
                }
                self.pages += 1;
                return true;
            }
            match tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("a page in time") {
                Some(Ok(frame)) => self.bytes.extend(frame.into_data().unwrap()),
                Some(Err(_)) | None => return false,
            }
        }
    }

    fn whole_page(&self) -> Option<usize> {
        assert!(self.bytes.len() < 4 || self.bytes.starts_with(b"OggS"));
        let table = self.bytes.get(27..27 + usize::from(*self.bytes.get(26)?))?;
        let length = 27 + table.len() + table.iter().map(|&part| usize::from(part)).sum::<usize>();
        (self.bytes.len() >= length).then_some(length)
    }

    fn decode(&mut self, page: &[u8]) {
        let segments = usize::from(page[26]);
        let (mut at, mut from) = (27 + segments, 27 + segments);
        for &part in &page[27..27 + segments] {
            at += usize::from(part);
            if part < 255 {
                let mut sound = [0.0; 2 * TURN];
                assert_eq!(self.decoder.decode_float(&page[from..at], &mut sound, false).unwrap(), TURN);
                self.heard.extend(sound.iter().step_by(2));
                from = at;
            }
        }
    }

    /// Whether a pitch is in the last of what was heard.
    fn hears(&self, hertz: f64) -> bool {
        let last = &self.heard[self.heard.len().saturating_sub(WINDOW * TURN)..];
        let (mut re, mut im) = (0.0, 0.0);
        for (i, sample) in last.iter().enumerate() {
            let angle = i as f64 / 48_000.0 * hertz * TAU;
            re += f64::from(*sample) * angle.cos();
            im += f64::from(*sample) * angle.sin();
        }
        2.0 * (re * re + im * im).sqrt() / last.len() as f64 > 0.02
    }

    /// Listens while these hum, until something is so.
    async fn until(&mut self, what: &str, hums: &mut [Hum], done: impl Fn(&Self) -> bool) {
        let waiting = async {
            let mut turns = tokio::time::interval(Duration::from_millis(20));
            while !done(self) {
                tokio::select! {
                    goes_on = self.page() => assert!(goes_on, "the stream ended before: {what}"),
                    _ = turns.tick() => hums.iter_mut().for_each(Hum::go_on),
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"));
    }

    /// Waits until the stream is over.
    async fn over(&mut self) {
        let over = async { while self.page().await {} };
        tokio::time::timeout(PATIENCE, over).await.expect("the stream ends");
    }
}

fn path(room: &str) -> String {
    format!("/api/rooms/{room}/stream.ogg")
}

impl Member<'_> {
    async fn stream(&self, room: &str) -> Player {
        Player::start(self.server, &path(room), Some(&self.token)).await
    }

    async fn not_streamed(&self, room: &str, status: u16, code: &str) {
        self.get(&path(room)).await.refused(status, code);
    }
}

/// Brings a listener on stage.
async fn on_stage(host: &mut Socket, member: &Member<'_>, here: &mut Socket) {
    host.accepted(json!({ "type": "offer_stage", "member": member.id })).await;
    here.accepted(json!({ "type": "accept_offer" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_streams_hears_all_who_may_be_heard() {
    let (server, data) = Server::start().await;
    let (ada, ben, eve) = (server.member(&data).await, server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let (mut host, mut ben_here) = (ada.enter(&room).await, ben.enter(&room).await);
    on_stage(&mut host, &ben, &mut ben_here).await;
    let mut hums = [Hum::begin(&ada, &room, 440.0).await, Hum::begin(&ben, &room, 700.0).await];
    let mut player = eve.stream(&room).await;
    player.until("both", &mut hums, |player| player.hears(440.0) && player.hears(700.0)).await;
    // Another joins in the middle, and has a stream of its own of the same sound.
    let mut second = server.member(&data).await.stream(&room).await;
    second.until("both again", &mut hums, |player| player.hears(440.0) && player.hears(700.0)).await;
    host.accepted(json!({ "type": "mute", "member": ben.id })).await;
    let muted = |player: &Player| player.hears(440.0) && !player.hears(700.0);
    player.until("who is not muted", &mut hums, muted).await;
    let pages = player.pages;
    player.until("pages after that", &mut hums, |player| player.hears(700.0) || player.pages > pages + 20).await;
    assert!(!player.hears(700.0), "whoever is muted is heard again");
    // Silence never ends a session.
    let pages = player.pages;
    player.until("silence", &mut [], |player| !player.hears(440.0) && player.pages > pages + 50).await;
    player.until("sound after silence", &mut hums[..1], |player| player.hears(440.0)).await;
}

#[tokio::test]
async fn a_player_without_a_socket_is_present_while_it_plays() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    // Whoever only asks what there is does not come in.
    let head = ben.send(Method::HEAD, &path(&room)).await;
    assert_eq!((head.status, head.headers["content-type"].to_str().unwrap()), (StatusCode::OK, "audio/ogg"));
    let mut first = ben.stream(&room).await;
    assert_eq!(host.event("entered").await["person"]["id"], ben.id.as_str());
    let second = ben.stream(&room).await;
    first.over().await;
    drop(second);
    assert_eq!(host.event("connection_lost").await["member"], ben.id.as_str());
    let mut third = ben.stream(&room).await;
    assert_eq!(host.event("returned").await["member"], ben.id.as_str());
    // A browser of theirs takes the sound over.
    assert_eq!(ben.offer(&format!("/api/rooms/{room}/listen"), &listen_offer()).await.status, StatusCode::CREATED);
    third.over().await;
    assert_eq!(ben.get(&format!("/api/rooms/{room}/roster")).await.json()["participants"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_ticket_stands_for_its_session_in_one_room() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let (room, other) = (ada.open("open").await, ben.open("open").await);
    let mut host = ada.enter(&room).await;
    let (mut here, ticket) = (ben.enter(&room).await, ben.ticket(&room).await);
    let url = ticket["url"].as_str().unwrap();
    let mut first = Player::start(&server, url, None).await;
    let mut second = Player::start(&server, url, None).await;
    first.over().await;
    // The page that asked for it knows which one that was.
    assert_eq!(here.next("leg_ended").await["leg"], ticket["leg"]);
    server.get(&url.replace(&room, &other), None).await.refused(401, "not_signed_in");
    server.get(&format!("{}?ticket=nonsense", path(&room)), Some(&ben.token)).await.refused(401, "not_signed_in");
    let newer = ben.ticket(&room).await;
    server.get(url, None).await.refused(401, "not_signed_in");
    let url = newer["url"].as_str().unwrap();
    assert_eq!(ben.send(Method::DELETE, "/api/session").await.status, StatusCode::NO_CONTENT);
    second.over().await;
    server.get(url, None).await.refused(401, "not_signed_in");
    host.event("left").await;
}

#[tokio::test]
async fn a_stream_is_for_listeners_of_the_room_and_for_pages_of_the_server() {
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
    let closed = ada.open("closed").await;
    ada.enter(&closed).await;
    ben.not_streamed(&closed, 404, "room_not_found").await;
    ben.post(&format!("/api/rooms/{closed}/stream"), &json!({})).await.refused(404, "room_not_found");
    ada.not_streamed(&closed, 409, "already_on_stage").await;
    server.get(&path(&closed), None).await.refused(401, "not_signed_in");
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    let foreign = [("sec-fetch-site", "cross-site")];
    let cookie = format!("roomtone_session={}", ben.token);
    for headers in [&[foreign[0], ("cookie", &cookie)][..], &[("origin", "https://evil.example"), ("cookie", &cookie)]]
    {
        let (status, ..) = server.open(&path(&room), None, headers).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    let (status, ..) = server.open(&path(&room), None, &[("cookie", &cookie), ("sec-fetch-site", "same-origin")]).await;
    assert_eq!(status, StatusCode::OK);
    host.event("entered").await;
}

/// What somebody's leave to listen ends by, done while they listen.
const WAYS_OUT: [&str; 13] = [
    "leave",
    "remove",
    "ban",
    "block",
    "stage",
    "leg",
    "device",
    "elsewhere",
    "session",
    "account",
    "suspended",
    "ended",
    "stopped",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_way_out_ends_a_stream() {
    let on = Trusting::sqlite().await;
    let server = &on.server;
    let link = server.app.owner_link().await.unwrap().unwrap();
    let owner = server.redeem(link.rsplit('/').next().unwrap()).await;
    for way in WAYS_OUT {
        let (ada, ben) = (on.member().await, on.member().await);
        let room = ada.open("open").await;
        let (mut host, mut here) = (ada.enter(&room).await, ben.enter(&room).await);
        let ticket = ben.ticket(&room).await;
        let mut player = Player::start(server, ticket["url"].as_str().unwrap(), None).await;
        let member = |kind: &str| json!({ "type": kind, "member": ben.id });
        let no_content = |answer: Answer| assert!(answer.status.is_success(), "{way}: {}", answer.text);
        match way {
            "leave" => drop(here.accepted(json!({ "type": "leave" })).await),
            "remove" | "ban" => drop(host.accepted(member(way)).await),
            "stage" => on_stage(&mut host, &ben, &mut here).await,
            "block" => no_content(ada.send(Method::PUT, &format!("/api/members/{}/block", ben.handle)).await),
            "leg" => {
                let leg = ticket["leg"].as_str().unwrap();
                no_content(ben.send(Method::DELETE, &format!("/api/rooms/{room}/legs/{leg}")).await);
            }
            "device" => no_content(ben.offer(&format!("/api/rooms/{room}/listen"), &listen_offer()).await),
            "elsewhere" => drop(ben.open("open").await),
            "session" => no_content(ben.send(Method::DELETE, "/api/session").await),
            "account" => {
                let body = json!({ "handle": ben.handle }).to_string();
                no_content(server.send_json(Method::DELETE, "/api/me", Some(&ben.token), &body).await);
            }
            "suspended" => {
                let path = format!("/api/admin/members/{}/suspend", ben.handle);
                let cookie = format!("roomtone_session={}", owner.token);
                let headers = [("content-type", "application/json"), ("cookie", &cookie)];
                no_content(server.send(Method::POST, &path, None, &headers, r#"{"branch":false}"#).await);
            }
            "ended" => drop(host.accepted(json!({ "type": "end" })).await),
            _ => server.app.rooms.shut_down().await,
        }
        player.over().await;
    }
}

impl Member<'_> {
    async fn ticket(&self, room: &str) -> Value {
        let answer = self.post(&format!("/api/rooms/{room}/stream"), &json!({})).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.json()
    }
}
