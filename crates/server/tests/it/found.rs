//! Replays that are found, and reports of them: by whoever may hear them and nobody else, from a report to what is done about it.

use axum::http::{Method, StatusCode};
use roomtone_room::ids::RecordId;
use roomtone_store::{NewTranscriptLine, ReplayHearers};
use serde_json::{Value, json};

use crate::admin::owner;
use crate::replays::{Made, ready, speaker, wav};
use crate::support::{Answer, Member, Trusting, on_both_databases};

on_both_databases!(
    talks_are_found_with_what_was_said,
    what_is_reported_of_a_replay_is_kept_and_can_be_deleted,
    only_what_somebody_may_hear_can_be_reported,
    whoever_handles_a_report_hears_what_is_reported_and_no_more,
);

fn made(answer: Answer) -> Value {
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.json()
}

fn path(replay: &Made, rest: &str) -> String {
    format!("/api/replays/{}{rest}", replay.id)
}

async fn call_it(host: &Member<'_>, replay: &Made, title: &str) {
    let body = json!({ "title": title }).to_string();
    let answer = host.server.send_json(Method::PATCH, &path(replay, ""), Some(&host.token), &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

/// Replies by voice, with a second of silence.
async fn say(member: &Member<'_>, replay: &Made) -> Value {
    let headers = [("content-type", "audio/wav")];
    made(member.server.send(Method::POST, &path(replay, "/voice"), Some(&member.token), &headers, wav()).await)
}

async fn report(who: &Member<'_>, what: Value) -> Answer {
    let mut body = json!({ "reason": "abuse", "text": "Listen to this" });
    body.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
    who.post("/api/reports", &body).await
}

async fn talks_are_found_with_what_was_said(servers: &[Trusting]) {
    for on in servers {
        let (server, store) = (&on.server, &on.server.app.store);
        let [ada, ben, eve, mia] = [on.member().await, on.member().await, on.member().await, on.member().await];
        let speakers = [speaker(&ada), speaker(&ben)];
        let open = ready(server, on.data.path(), &ada, ReplayHearers::Members, &speakers, &[&eve]).await;
        call_it(&ada, &open, "Borscht by night").await;
        let closed = ready(server, on.data.path(), &eve, ReplayHearers::Attendees, &[speaker(&eve)], &[&ada]).await;
        call_it(&eve, &closed, "Borscht for few").await;
        let long = format!("{}and then the beetroot goes in {}", "before ".repeat(60), "after ".repeat(60));
        while let Some(track) = store.begin_transcript().await.unwrap() {
            let text = if track.n == 1 { "Put the beetroot in.".to_owned() } else { long.clone() };
            let line = NewTranscriptLine { from_ms: 5_000, to_ms: 6_000, text, language: "en".to_owned() };
            assert!(store.keep_transcript(track.replay, track.n, &[line], roomtone::edge::now()).await.unwrap());
        }
        while store.index_next().await.unwrap() > 0 {}
        let found = async |who: &Member<'_>, typed: &str| {
            who.get(&format!("/api/search?q={typed}")).await.json()["replays"].clone()
        };
        let ids = |found: &Value| -> Vec<String> {
            found.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
        };
        let (open_id, closed_id) = (open.id.to_string(), closed.id.to_string());
        // A card as in every list, and nothing that was said.
        let by_title = found(&mia, "borsht").await;
        let card = mia.get("/api/replays").await.json()["items"][0].clone();
        let mut expected = card;
        expected["said"] = Value::Null;
        assert_eq!(by_title, json!([expected]));
        assert_eq!(by_title[0]["topics"], json!([]));
        // What was said, when and by whom; of a long line the part around it.
        let by_words = found(&mia, "beetroot").await;
        let said = &by_words[0]["said"];
        assert_eq!(ids(&by_words), [open_id.as_str()]);
        assert_eq!((&said["at_ms"], &said["text"]), (&json!(5_000), &json!("Put the beetroot in.")));
        assert_eq!((&said["name"], &said["person"]["id"]), (&json!(ada.handle.to_uppercase()), &json!(ada.id)));
        let by_more = found(&mia, "goes%20beetroot").await;
        let text = by_more[0]["said"]["text"].as_str().unwrap();
        assert!(text.starts_with("…before") && text.contains("the beetroot goes in after"), "{text}");
        // Who may hear decides who may find.
        for typed in ["borscht", "beetroot"] {
            assert_eq!(ids(&found(&mia, typed).await), [open_id.as_str()], "{typed}");
            for who in [&ada, &eve] {
                let mut both = ids(&found(who, typed).await);
                both.sort();
                let mut expected = vec![open_id.clone(), closed_id.clone()];
                expected.sort();
                assert_eq!(both, expected, "{typed}");
            }
        }
        let only = mia.get("/api/search?q=borscht&kind=people").await.json();
        assert_eq!(only["replays"], json!([]));
        let only = mia.get("/api/search?q=borscht&kind=replays").await.json();
        assert_eq!((ids(&only["replays"]), &only["people"]), (vec![open_id], &json!([])));
        // What somebody corrects is found as it is then, and what they take back not at all.
        let line = path(&open, "/transcript/1/1");
        let corrected = json!({ "text": "Put the turnip in." }).to_string();
        let answer = server.send_json(Method::PATCH, &line, Some(&ada.token), &corrected).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        while store.index_next().await.unwrap() > 0 {}
        assert_eq!(found(&mia, "turnip").await[0]["said"]["text"], "Put the turnip in.");
        let withdrawn = ben.post(&path(&open, "/withdraw"), &json!({})).await;
        assert_eq!(withdrawn.status, StatusCode::NO_CONTENT, "{}", withdrawn.text);
        assert_eq!(found(&mia, "beetroot").await, json!([]));
        // A block holds both ways.
        assert_eq!(mia.send(Method::PUT, &format!("/api/members/{}/block", ada.handle)).await.status, 204);
        assert_eq!(found(&mia, "borscht").await, json!([]));
    }
}

async fn what_is_reported_of_a_replay_is_kept_and_can_be_deleted(servers: &[Trusting]) {
    for on in servers {
        let server = &on.server;
        let owner = owner(server).await;
        let [ada, ben, eve, mia] = [on.member().await, on.member().await, on.member().await, on.member().await];
        let replay = ready(server, on.data.path(), &ada, ReplayHearers::Members, &[speaker(&ada)], &[]).await;
        call_it(&ada, &replay, "Nonsense").await;
        let clip = json!({ "from_ms": 1_000, "to_ms": 3_000, "title": "The worst of it" });
        let clip = made(ben.post(&path(&replay, "/clips"), &clip).await);
        let text = made(eve.post(&path(&replay, "/replies"), &json!({ "text": "You fools", "at_ms": 4_000 })).await);
        let note = say(&eve, &replay).await;
        let sound = mia.get(note["voice"]["audio"][0]["url"].as_str().unwrap()).await;
        let id = replay.id.to_string();
        let tracks = async |what: Value| made(report(&mia, what).await)["tracks"].clone();
        assert_eq!(tracks(json!({ "replay": id, "at_ms": 2_500 })).await, 0);
        assert_eq!(tracks(json!({ "clip": clip["id"] })).await, 0);
        assert_eq!(tracks(json!({ "replay_reply": text["id"] })).await, 0);
        assert_eq!(tracks(json!({ "replay_reply": note["id"] })).await, 1, "the voice note");
        // Whatever becomes of it.
        call_it(&ada, &replay, "Only the best").await;
        let of_eve = |reply: &Value| path(&replay, &format!("/replies/{}", reply["id"].as_str().unwrap()));
        assert_eq!(eve.send(Method::DELETE, &of_eve(&note)).await.status, StatusCode::NO_CONTENT);
        let page = owner.get("/api/admin/reports").await.json();
        let kept = |number: usize| page["items"][number]["context"]["replay"].clone();
        let part = |kind: &str, part: &Value, title: &str, text: &str, at_ms: Value, ms: Value| json!({ "kind": kind, "replay": id, "part": part, "title": title, "text": text, "at_ms": at_ms, "ms": ms });
        let null = Value::Null;
        assert_eq!(kept(3), part("replay", &null, "Nonsense", "", json!(2_500), null.clone()));
        assert_eq!(kept(2), part("clip", &clip["id"], "The worst of it", "", json!(1_000), json!(2_000)));
        assert_eq!(kept(1), part("reply", &text["id"], "", "You fools", json!(4_000), null.clone()));
        assert_eq!(kept(0), part("reply", &note["id"], "", "", null.clone(), json!(1_000)));
        let about = |number: usize| page["items"][number]["about"]["handle"].as_str().unwrap();
        assert_eq!([about(0), about(1), about(2), about(3)], [&*eve.handle, &eve.handle, &ben.handle, &ada.handle]);
        let heard = &page["items"][0]["evidence"];
        assert_eq!(
            (heard.as_array().unwrap().len(), &heard[0]["by"]["handle"], &heard[0]["ms"]),
            (1, &json!(eve.handle), &json!(1_000))
        );
        let evidence = format!("/api/admin/reports/{}/evidence/1", page["items"][0]["id"].as_str().unwrap());
        assert_eq!(owner.get(&evidence).await.bytes, sound.bytes);
        mia.get(&evidence).await.refused(404, "not_found");

        // From the report to what is done about it.
        let clip = format!("/api/clips/{}", clip["id"].as_str().unwrap());
        mia.send(Method::DELETE, &clip).await.refused(404, "clip_not_found");
        mia.send(Method::DELETE, &of_eve(&text)).await.refused(404, "reply_not_found");
        // Admins are who they are in a browser, and not by what they gave a player.
        let player = owner.post("/api/tokens", &json!({ "label": "player" })).await.json();
        let player = player["token"].as_str();
        let delete = async |path: &str| server.send(Method::DELETE, path, player, &[], "").await;
        delete(&clip).await.refused(404, "clip_not_found");
        delete(&of_eve(&text)).await.refused(404, "reply_not_found");
        delete(&path(&replay, "")).await.refused(403, "not_allowed");
        for path in [&clip, &of_eve(&text), &path(&replay, "")] {
            assert_eq!(owner.send(Method::DELETE, path).await.status, StatusCode::NO_CONTENT, "{path}");
        }
        owner.send(Method::DELETE, &clip).await.refused(404, "clip_not_found");
        owner.send(Method::DELETE, &of_eve(&text)).await.refused(404, "reply_not_found");
        let log = owner.get("/api/admin/audit").await.json();
        let acts = log["items"].as_array().unwrap().iter();
        let acts: Vec<_> = acts
            .map(|one| (one["act"].as_str().unwrap(), one["about"]["handle"].as_str().unwrap_or_default()))
            .collect();
        let done = [("replay_deleted", &*ada.handle), ("reply_deleted", &eve.handle), ("clip_deleted", &ben.handle)];
        assert_eq!(acts[..3], done);
        // With the account of whoever said it, what they said goes.
        let goodbye = json!({ "handle": eve.handle }).to_string();
        let gone = server.send_json(Method::DELETE, "/api/me", Some(&eve.token), &goodbye).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
        let page = owner.get("/api/admin/reports").await.json();
        assert_eq!(page["items"].as_array().unwrap().len(), 2, "{page}");
        owner.get(&evidence).await.refused(404, "not_found");
    }
}

async fn only_what_somebody_may_hear_can_be_reported(servers: &[Trusting]) {
    for on in servers {
        let server = &on.server;
        let [ada, ben, eve] = [on.member().await, on.member().await, on.member().await];
        let replay = ready(server, on.data.path(), &ada, ReplayHearers::Attendees, &[speaker(&ada)], &[&ben]).await;
        let clip = json!({ "from_ms": 0, "to_ms": 3_000, "title": "Clip" });
        let clip = made(ben.post(&path(&replay, "/clips"), &clip).await)["id"].clone();
        let reply = made(ben.post(&path(&replay, "/replies"), &json!({ "text": "Hm" })).await)["id"].clone();
        let id = replay.id.to_string();
        let link = made(ada.post(&path(&replay, "/links"), &json!({ "note": "" })).await);
        let key = link["url"].as_str().unwrap().split_once("?key=").unwrap().1.to_owned();
        let ways = [
            (json!({ "replay": id }), "replay_not_found"),
            (json!({ "clip": clip }), "clip_not_found"),
            (json!({ "replay_reply": reply }), "reply_not_found"),
        ];
        for (what, missing) in &ways {
            report(&eve, what.clone()).await.refused(404, missing);
            let mut with_key = what.clone();
            with_key["key"] = json!("0".repeat(key.len()));
            report(&eve, with_key.clone()).await.refused(404, missing);
            with_key["key"] = json!(key);
            made(report(&eve, with_key).await);
        }
        server.forget_who_asked();
        for (what, missing) in
            [("replay", "replay_not_found"), ("clip", "clip_not_found"), ("replay_reply", "reply_not_found")]
        {
            for nobody in [&RecordId(7).to_string(), "x", ""] {
                report(&ada, json!({ what: nobody })).await.refused(404, missing);
            }
            server.forget_who_asked();
        }
        // Nobody reports themselves, two things at once, or a moment that there is not.
        report(&ada, json!({ "replay": id })).await.refused(409, "target_protected");
        report(&ben, json!({ "clip": clip })).await.refused(409, "target_protected");
        for wrong in [
            json!({ "replay": id, "clip": clip }),
            json!({ "replay": id, "about": ada.handle }),
            json!({ "replay_reply": reply, "reply": reply }),
            json!({ "replay": id, "at_ms": 10_001 }),
            json!({ "clip": clip, "at_ms": 5 }),
        ] {
            report(&ben, wrong).await.refused(400, "bad_request");
            server.forget_who_asked();
        }
        // A block with whoever cut or said it.
        assert_eq!(ada.send(Method::PUT, &format!("/api/members/{}/block", ben.handle)).await.status, 204);
        report(&ada, json!({ "clip": clip })).await.refused(404, "clip_not_found");
        report(&ada, json!({ "replay_reply": reply })).await.refused(404, "reply_not_found");
    }
}

async fn whoever_handles_a_report_hears_what_is_reported_and_no_more(servers: &[Trusting]) {
    for on in servers {
        let server = &on.server;
        let owner = owner(server).await;
        let [ada, ben, eve] = [on.member().await, on.member().await, on.member().await];
        let few = ReplayHearers::Attendees;
        let replay = ready(server, on.data.path(), &ada, few, &[speaker(&ada)], &[&ben]).await;
        let clip = json!({ "from_ms": 1_000, "to_ms": 3_000, "title": "The worst of it" });
        let clip = made(ada.post(&path(&replay, "/clips"), &clip).await);
        let text = made(ada.post(&path(&replay, "/replies"), &json!({ "text": "You fools" })).await);
        made(report(&ben, json!({ "replay": replay.id.to_string() })).await);
        made(report(&ben, json!({ "clip": clip["id"] })).await);
        made(report(&ben, json!({ "replay_reply": text["id"] })).await);
        made(report(&ben, json!({ "about": ada.handle })).await);
        // They are not among those who may hear it.
        owner.get(&path(&replay, "")).await.refused(404, "replay_not_found");
        let page = owner.get("/api/admin/reports").await.json();
        let id = |number: usize| page["items"][number]["id"].as_str().unwrap().to_owned();
        let audio = |number: usize| format!("/api/admin/reports/{}/audio.ogg", id(number));
        let shown: Vec<_> = (0..4).map(|number| page["items"][number]["audio"].clone()).collect();
        assert_eq!(shown, [Value::Null, Value::Null, json!(audio(2)), json!(audio(3))]);
        let (whole, part) = (audio(3), audio(2));
        for _ in 0..2 {
            let heard = owner.get(&whole).await;
            assert_eq!(heard.status, StatusCode::OK, "{}", heard.text);
            assert_eq!(heard.bytes, ada.get(&path(&replay, "/audio.ogg")).await.bytes);
            let heard = owner.get(&part).await;
            assert_eq!(heard.status, StatusCode::OK, "{}", heard.text);
            assert_eq!(heard.bytes, ada.get(clip["audio"][0]["url"].as_str().unwrap()).await.bytes);
        }
        let range = [("range", "bytes=2-5")];
        for sound in [&whole, &part] {
            let heard = server.send(Method::GET, sound, Some(&owner.token), &range, "").await;
            assert_eq!((heard.status, heard.bytes.len()), (StatusCode::PARTIAL_CONTENT, 4));
            assert_eq!(heard.headers["cache-control"], "private, no-cache");
        }
        for (who, sound) in [(&ben, &whole), (&eve, &whole), (&ada, &part), (&owner, &audio(1)), (&owner, &audio(0))] {
            who.get(sound).await.refused(404, "not_found");
        }
        owner.get("/api/admin/reports/x/audio.ogg").await.refused(404, "not_found");
        owner.get(&path(&replay, "/audio.ogg")).await.refused(404, "replay_not_found");
        let log = owner.get("/api/admin/audit").await.json();
        let heard = log["items"].as_array().unwrap().iter().filter(|one| one["act"] == "reported_heard");
        let heard: Vec<_> = heard.map(|one| (&one["about"]["handle"], &one["details"]["report"])).collect();
        assert_eq!(heard, [(&json!(ada.handle), &json!(id(2))), (&json!(ada.handle), &json!(id(3)))]);

        // What is gone is gone for them as well, and what is done is done.
        let gone = ada.send(Method::DELETE, &format!("/api/clips/{}", clip["id"].as_str().unwrap())).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
        owner.get(&part).await.refused(404, "not_found");
        let done = owner.post(&format!("/api/admin/reports/{}", id(3)), &json!({ "outcome": "no_action" })).await;
        assert_eq!(done.status, StatusCode::NO_CONTENT, "{}", done.text);
        owner.get(&whole).await.refused(404, "not_found");
        assert_eq!(owner.get("/api/admin/reports").await.json()["items"][3]["audio"], Value::Null);
    }
}
