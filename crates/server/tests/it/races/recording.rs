//! Recording, and what else happens at the same moment: nobody is recorded who has not agreed to the very recording that goes on, and what
//! is kept of who agreed is what happened.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use roomtone::wire::recording::CONSENT_TEXT;
use roomtone::wire::replays::Hearers;
use roomtone_room::Consent;
use roomtone_room::ids::ReplayId;
use roomtone_store::Speaker;

use super::*;
use crate::guests::{Guest, link};

/// How often a host may begin to record at once, less the time before the races.
const ROUNDS: u32 = roomtone::limits::RECORDINGS.burst - 1;

fn record() -> Command {
    Command::SetRecording { to: Some(Hearers::Everyone) }
}

fn stop() -> Command {
    Command::SetRecording { to: None }
}

fn says(replay: ReplayId, agree: bool) -> Command {
    Command::ConsentRecording { replay: Id(replay), text: CONSENT_TEXT, agree }
}

/// The replay that is recorded now.
fn on(history: &History) -> ReplayId {
    history.now().recording().expect("it is recorded").replay
}

/// What a member of the room has said to it.
fn said(history: &History, player: &Player) -> Consent {
    history.now().participant(player.member).expect("they are here").recorded
}

/// The log of consents, and who has a track, are what happened in the room.
async fn is_kept(server: &Server, history: &History) {
    let mut expected: BTreeMap<ReplayId, Vec<(u64, MemberId, bool)>> = BTreeMap::new();
    for (numbered, ..) in &history.events {
        match numbered.event {
            Event::RecordingBegun { recording, .. } => {
                expected.insert(recording.replay, Vec::new());
            }
            Event::RecordingConsent { member, replay, agree, .. } => {
                expected.get_mut(&replay).expect("it was begun").push((numbered.seq.0, member, agree));
            }
            _ => {}
        }
    }
    for (replay, expected) in expected {
        let who = |speaker| match speaker {
            Some(Speaker::Member(id) | Speaker::Guest(id)) => id,
            None => panic!("nobody was deleted"),
        };
        let consents = server.app.store.recorded_consents(replay).await.unwrap();
        let kept: Vec<_> = consents.iter().map(|one| (one.seq, who(one.speaker), one.agree)).collect();
        assert_eq!(kept, expected, "{replay}");
        let mut agreed: Vec<MemberId> = expected.iter().filter(|(.., agree)| *agree).map(|(_, who, _)| *who).collect();
        let mut seen = BTreeSet::new();
        agreed.retain(|member| seen.insert(*member));
        let tracks = server.app.store.recorded_tracks(replay).await.unwrap();
        assert_eq!(tracks.iter().map(|track| who(track.speaker)).collect::<Vec<_>>(), agreed, "{replay}");
    }
}

/// Somebody agrees while the host stops the recording and begins another, or moves them to the audience.
#[tokio::test(flavor = "multi_thread")]
async fn who_agreed_to_one_recording_is_not_in_the_next() {
    let (server, data) = Server::start().await;
    for scenes in 0..6 {
        let (scene, mut players) = Scene::open(&server, &data, &[Role::Speaker]).await;
        players[0].does(record()).await;
        let mut replay = on(&scene.settle(&mut players).await);
        for _ in 0..ROUNDS {
            let [host, speaker]: [Player; 2] = players.try_into().unwrap_or_else(|_| unreachable!("two"));
            let agrees = vec![says(replay, true), says(replay, true)];
            let acts = if scenes % 2 == 0 {
                vec![stop(), record()]
            } else {
                vec![Command::MoveToAudience { member: Id(speaker.member) }]
            };
            let [mut host, mut speaker] = at_once([(host, acts), (speaker, agrees)]).await;
            assert!(host.sent.last().unwrap().accepted().is_some(), "a host may");
            if scenes % 2 == 1 {
                host.does(Command::OfferStage { member: Id(speaker.member) }).await;
                speaker.does(Command::AcceptOffer).await;
            }
            players = vec![host, speaker];
            let history = scene.settle(&mut players).await;
            assert_eq!(history.now().recorded().count(), 0);
            assert_eq!(said(&history, &players[1]), Consent::Asked);
            assert_eq!(on(&history) == replay, scenes % 2 == 1);
            replay = on(&history);
        }
        is_kept(&server, &scene.settle(&mut players).await).await;
        scene.check(players).await;
    }
}

/// The host hands over, and the old one and the new one begin to record: one of them does, and it is the replay of who hosts the room.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_handed_over_is_recorded_once() {
    let (server, data) = Server::start().await;
    for _ in 0..8 {
        let (scene, mut players) = Scene::open(&server, &data, &[Role::Moderator]).await;
        for round in 0..2 {
            let [host, other]: [Player; 2] = players.try_into().unwrap_or_else(|_| unreachable!("two"));
            let hands_over = Command::HandOver { member: Id(other.member) };
            let acts = if round == 0 { vec![hands_over, record()] } else { vec![record(), hands_over] };
            let [host, mut other] = at_once([(host, acts), (other, vec![record(), record()])]).await;
            let mut here = vec![host, other];
            let history = scene.settle(&mut here).await;
            other = here.pop().unwrap();
            if history.now().recording().is_none() {
                other.does(record()).await;
            }
            here.push(other);
            let history = scene.settle(&mut here).await;
            let begun = |(numbered, ..): &&(Numbered, _, _)| matches!(numbered.event, Event::RecordingBegun { .. });
            assert_eq!(history.events.iter().filter(begun).count(), round + 1);
            assert_eq!(history.now().host(), here[1].member);
            // Whoever hosts the room hosts the replay.
            let of_host = roomtone_store::Hearer::member(here[1].member);
            let replay = server.app.store.replay(on(&history), of_host).await.unwrap().unwrap();
            assert_eq!(replay.host.id, here[1].member);
            here[1].does(stop()).await;
            // The other way round.
            let back = Command::HandOver { member: Id(here[0].member) };
            here[1].does(back).await;
            scene.settle(&mut here).await;
            players = here;
        }
        is_kept(&server, &scene.settle(&mut players).await).await;
        scene.check(players).await;
    }
}

/// Somebody comes up while the recording is switched on: whichever is first, they are asked.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_up_while_it_is_switched_on_is_asked() {
    let (server, data) = Server::start().await;
    for _ in 0..6 {
        let (scene, mut players) = Scene::open(&server, &data, &[Role::Speaker]).await;
        for _ in 0..ROUNDS {
            let [mut host, mut speaker]: [Player; 2] = players.try_into().unwrap_or_else(|_| unreachable!("two"));
            let member = Id(speaker.member);
            host.does(Command::MoveToAudience { member }).await;
            host.does(Command::OfferStage { member }).await;
            let offered = History::of(&server, &scene.room).await.last();
            speaker.told_of(offered).await;
            let [host, speaker] = at_once([(host, vec![record()]), (speaker, vec![Command::AcceptOffer])]).await;
            players = vec![host, speaker];
            let history = scene.settle(&mut players).await;
            assert_eq!((said(&history, &players[0]), said(&history, &players[1])), (Consent::Asked, Consent::Asked));
            assert_eq!(history.now().recorded().count(), 0);
            players[0].does(stop()).await;
            scene.settle(&mut players).await;
        }
        scene.check(players).await;
    }
}

/// Somebody agrees on one device and goes on by another one, where they refuse: what was said last counts, and what a socket says that
/// another has replaced does not come after it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_on_the_second_device_counts() {
    let (server, data) = Server::start().await;
    let (scene, mut players) = Scene::open(&server, &data, &[Role::Speaker]).await;
    players[0].does(record()).await;
    let replay = on(&scene.settle(&mut players).await);
    let mut replaced = Vec::new();
    for _ in 0..40 {
        let mut first = players.pop().unwrap();
        let agrees = async {
            first.send(says(replay, true)).await;
            first.hear_answers().await;
            first
        };
        let (first, mut second) = tokio::join!(agrees, Player::enter(&scene.members[1], &scene.room));
        second.does(says(replay, false)).await;
        replaced.push(first);
        players.push(second);
        let history = scene.settle(&mut players).await;
        assert_eq!(said(&history, &players[1]), Consent::Refused);
        assert_eq!(history.now().recorded().count(), 0);
    }
    let history = scene.settle(&mut players).await;
    is_kept(&server, &history).await;
    let players: Vec<&Player> = [&players[0]].into_iter().chain(&replaced).chain([&players[1]]).collect();
    history.explains(&players);
}

/// A guest agrees while their pass is ended: then they are not recorded, and what they said is kept if it came first.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_whose_pass_ends_is_not_recorded() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let room = ada.open("open").await;
    let mut host = ada.enter(&room).await;
    host.accepted(json!({ "type": "set_recording", "to": "everyone" })).await;
    for _ in 0..20 {
        let made = link(&ada, &room, "Grace").await;
        let guest = Guest::by(&server, made["link"].as_str().unwrap()).await;
        let mut here = guest.come_in(&mut host).await;
        let replay = on(&History::of(&server, &room).await);
        let says = json!({ "type": "consent_recording", "replay": Id(replay), "text": CONSENT_TEXT, "agree": true });
        let path = format!("/api/rooms/{room}/guests/{}", made["guest"].as_str().unwrap());
        let agrees = async {
            here.send(says).await;
            while here.any().await.is_some() {}
        };
        let (revoked, ()) = tokio::join!(ada.send(Method::DELETE, &path), agrees);
        assert_eq!(revoked.status.as_u16(), 204, "{}", revoked.text);
        let history = History::of(&server, &room).await;
        assert_eq!(history.now().recorded().count(), 0);
        assert!(history.now().participants().all(|p| !p.is_guest()));
        is_kept(&server, &history).await;
    }
}
