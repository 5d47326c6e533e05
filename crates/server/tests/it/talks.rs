//! What surrounds invitations and events: who is found and listed by what, terms that plan an event, proofs that lapse, reports of what
//! was written, and whom a house lets speak for it.

use axum::http::{Method, StatusCode};
use roomtone::edge;
use roomtone::events::settle;
use roomtone_room::ids::RecordId;
use roomtone_store::{NewProof, PROOF_FAILS_FOR, PROOF_FAILURES_MAX, ProofMethod, ProofSubject};
use serde_json::{Value, json};

use crate::admin::owner;
use crate::support::{Answer, Member, Server, Trusting, on_both_databases};

on_both_databases!(
    the_agreed_sheet_plans_the_event_and_is_told_once,
    lists_are_by_host_and_by_invitee,
    who_acts_for_somebody_sees_for_which_side,
    invitations_and_events_are_found,
    what_took_place_is_listed,
    a_proof_that_lapsed_stays_with_what_was_said,
    what_was_written_is_reported_as_it_was,
    only_its_admins_speak_for_a_house,
);

const MINUTE: u64 = 60_000;

fn made(answer: Answer) -> Value {
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.json()
}

async fn asks(host: &Member<'_>, invitee: Value, title: &str) -> String {
    let body = json!({ "invitee": invitee, "language": "en", "title": title, "text": "Would you?" });
    made(host.post("/api/invitations", &body).await)["id"].as_str().unwrap().to_owned()
}

async fn act(who: &Member<'_>, id: &str, body: Value) -> Value {
    let answer = who.post(&format!("/api/invitations/{id}/acts"), &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{body}: {}", answer.text);
    answer.json()
}

fn ids(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}

async fn patched(who: &Member<'_>, path: &str, body: Value) -> Answer {
    who.server.send_json(Method::PATCH, path, Some(&who.token), &body.to_string()).await
}

async fn the_agreed_sheet_plans_the_event_and_is_told_once(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let [ada, ben, eve] = [server.member(data).await, server.member(data).await, server.member(data).await];
        let id = asks(&ada, json!({ "handle": ben.handle }), "Join me").await;
        let at = edge::now().0 + 24 * 60 * MINUTE;
        act(&ben, &id, json!({ "act": "propose_time", "round": 1, "times": [at] })).await;
        let agreed = act(&ada, &id, json!({ "act": "agree_time", "round": 1, "times": [at] })).await;
        let event = format!("/api/events/{}", agreed["event"].as_str().unwrap());
        assert_eq!(eve.send(Method::PUT, &format!("{event}/subscription")).await.status, StatusCode::NO_CONTENT);
        for minutes in [90, 90, 45] {
            let sheet = json!({ "topics": ["Maps"], "minutes": minutes, "languages": ["en"], "recorded": false,
                "others": [], "audience": "open", "notes": format!("For {minutes} minutes") });
            let sheet = made(ada.post(&format!("/api/invitations/{id}/sheets"), &sheet).await);
            act(&ben, &id, json!({ "act": "accept_sheet", "sheet": sheet["hash"] })).await;
            assert_eq!(eve.get(&event).await.json()["minutes"], minutes);
        }
        settle(&server.app).await.unwrap();
        let inbox = eve.get("/api/notices").await.json();
        let changes: Vec<_> =
            inbox["items"].as_array().unwrap().iter().map(|one| one["event"]["change"].as_str().unwrap()).collect();
        assert_eq!(changes, ["resized", "resized"]);
        patched(&ada, &event, json!({ "minutes": 30 })).await.refused(409, "date_by_invitation");
        assert_eq!(patched(&ada, &event, json!({ "title": "Tea" })).await.status, StatusCode::OK);
    }
}

async fn lists_are_by_host_and_by_invitee(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let [ada, ben, eve] = [server.member(data).await, server.member(data).await, server.member(data).await];
        let to_ben = asks(&ada, json!({ "handle": ben.handle }), "One").await;
        let outside = asks(&ada, json!({ "name": "Somebody" }), "Two").await;
        let to_ada = asks(&ben, json!({ "handle": ada.handle }), "Three").await;
        let by = |side: &str, who: &Member<'_>| format!("/api/invitations?{side}={}", who.handle);
        assert_eq!(ids(&eve.get(&by("host", &ada)).await.json()), [outside.as_str(), &to_ben]);
        assert_eq!(ids(&eve.get(&by("invitee", &ada)).await.json()), [to_ada.as_str()]);
        assert_eq!(ids(&eve.get(&by("host", &eve)).await.json()), [""; 0]);
        // Page by page.
        let many: Vec<String> = {
            let mut many = Vec::new();
            for number in 0..2 {
                many.push(asks(&eve, json!({ "name": format!("Nr. {number}") }), "More").await);
            }
            many
        };
        let page = ada.get(&by("host", &eve)).await.json();
        assert_eq!((ids(&page), page["next"].clone()), (vec![many[1].as_str(), &many[0]], Value::Null));
        // Who has no account is told of members who let everybody read their profile, and of no others.
        server.get(&by("host", &ada), None).await.refused(404, "member_not_found");
        server.get("/api/invitations?host=nobody_here", None).await.refused(404, "member_not_found");
        assert_eq!(patched(&ada, "/api/me", json!({ "public": true })).await.status, StatusCode::OK);
        assert_eq!(ids(&server.get(&by("host", &ada), None).await.json()), [outside.as_str(), &to_ben]);
        assert_eq!(eve.get(&format!("/api/members/{}", ada.handle)).await.json()["public"], true);
        let profile = server.get(&format!("/people/{}", ada.handle), None).await.text;
        for id in [&to_ben, &outside, &to_ada] {
            assert!(profile.contains(&format!("/invitations/{id}")), "{profile}");
        }
        // With a block there is no such member.
        assert_eq!(eve.send(Method::PUT, &format!("/api/members/{}/block", ada.handle)).await.status, 204);
        eve.get(&by("host", &ada)).await.refused(404, "member_not_found");
        ada.get(&by("invitee", &eve)).await.refused(404, "member_not_found");
        for query in ["host=a&invitee=b", "box=mine&host=a"] {
            ben.get(&format!("/api/invitations?{query}")).await.refused(400, "bad_request");
        }
    }
}

async fn who_acts_for_somebody_sees_for_which_side(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let [ada, ben, office] = [server.member(data).await, server.member(data).await, server.member(data).await];
        ben.has_office(&office, &["answer"]).await;
        let to_ben = asks(&ada, json!({ "handle": ben.handle }), "One").await;
        let by_ben = asks(&ben, json!({ "handle": ada.handle }), "Two").await;
        let sides = async |who: &Member<'_>, which: &str| {
            let list = who.get(&format!("/api/invitations?box={which}")).await.json();
            let items = list["items"].as_array().unwrap().clone();
            items.iter().map(|one| (one["id"].as_str().unwrap().to_owned(), one["office"].clone())).collect::<Vec<_>>()
        };
        let expected = [(by_ben.clone(), json!("host")), (to_ben.clone(), json!("invitee"))];
        assert_eq!(sides(&office, "office").await, expected);
        assert_eq!(sides(&office, "all").await, [(by_ben, Value::Null), (to_ben, Value::Null)]);
        // Who acts for both speaks for neither.
        ada.has_office(&office, &["answer"]).await;
        assert!(sides(&office, "office").await.iter().all(|(_, side)| side.is_null()));
    }
}

async fn invitations_and_events_are_found(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let [ada, ben, eve] = [server.member(data).await, server.member(data).await, server.member(data).await];
        let body = json!({ "invitee": { "name": "The President" }, "language": "en", "title": "Join me for cartography",
            "text": "Please", "topics": ["Globes"],
            "translations": [{ "language": "ru", "title": "Поговорим о картах", "text": "Пожалуйста" }] });
        let id = made(ada.post("/api/invitations", &body).await)["id"].as_str().unwrap().to_owned();
        let event =
            made(ada.post("/api/events", &json!({ "title": "Cartography by night", "topics": ["Stars"] })).await);
        while server.app.store.index_next().await.unwrap() > 0 {}
        let found = async |who: &Member<'_>, typed: &str| {
            let typed: String = typed.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let found = who.get(&format!("/api/search?q={typed}")).await.json();
            let of = |kind: &str| -> Vec<String> {
                found[kind].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
            };
            (of("invitations"), of("events"))
        };
        let event = vec![event["id"].as_str().unwrap().to_owned()];
        let (one, none) = (vec![id.clone()], Vec::new());
        assert_eq!(found(&ben, "cartography").await, (one.clone(), event.clone()));
        for typed in ["картах", "kartah", "president", "globes", "catrography join"] {
            assert_eq!(found(&ben, typed).await, (one.clone(), none.clone()), "{typed}");
        }
        assert_eq!(found(&ben, "stars").await, (none.clone(), event));
        let only = ben.get("/api/search?q=cartography&kind=invitations").await.json();
        assert_eq!(
            (only["invitations"][0]["title"].as_str(), &only["events"]),
            (Some("Join me for cartography"), &json!([]))
        );
        // A block holds both ways.
        assert_eq!(eve.send(Method::PUT, &format!("/api/members/{}/block", ada.handle)).await.status, 204);
        assert_eq!(found(&eve, "cartography").await, (none.clone(), none.clone()));
    }
}

async fn what_took_place_is_listed(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let [ada, ben] = [server.member(data).await, server.member(data).await];
        let body = json!({ "title": "Tea", "starts_at": edge::now().0 + 10 * MINUTE });
        let event = made(ada.post("/api/events", &body).await)["id"].as_str().unwrap().to_owned();
        assert_eq!(ids(&ben.get("/api/events?past=true").await.json()), [""; 0]);
        let room = made(ada.send(Method::POST, &format!("/api/events/{event}/room")).await);
        let mut socket = ada.enter(room["id"].as_str().unwrap()).await;
        socket.accepted(json!({ "type": "end" })).await;
        assert_eq!(ids(&ben.get("/api/events").await.json()), [""; 0]);
        assert_eq!(ids(&ben.get("/api/events?past=true").await.json()), [event.as_str()]);
        assert_eq!(
            ids(&ben.get(&format!("/api/events?past=true&person={}", ada.handle)).await.json()),
            [event.as_str()]
        );
        assert_eq!(ids(&ben.get("/api/events?past=true&box=mine").await.json()), [""; 0]);
        for query in ["past=true&dated=true", "past=yes", "past=true&after=1"] {
            ben.get(&format!("/api/events?{query}")).await.refused(400, "bad_request");
        }
    }
}

/// Guarantee G11: how we know stays as it was, and says that it is so no more.
async fn a_proof_that_lapsed_stays_with_what_was_said(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let [ada, ben] = [server.member(data).await, server.member(data).await];
        let id = asks(&ada, json!({ "handle": ben.handle }), "Join me").await;
        let store = &server.app.store;
        let proof = NewProof {
            id: RecordId(edge::random_128()),
            subject: ProofSubject::Member(ben.id.parse().unwrap()),
            domain: "example.org".to_owned(),
            method: ProofMethod::Dns,
            token: "token".to_owned(),
            created_at: edge::now(),
        };
        store.create_proof(&proof).await.unwrap();
        assert!(store.proof_found(proof.id, edge::now(), edge::now()).await.unwrap());
        act(&ben, &id, json!({ "act": "need_details", "round": 1, "text": "What?" })).await;
        let proofs = async || {
            let read = server.get(&format!("/api/invitations/{id}"), None).await.json();
            let of = |step: &Value| (step["voice"]["proof"]["domain"].clone(), step["voice"]["proof"]["holds"].clone());
            read["steps"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
        };
        let account = || (Value::Null, json!(true));
        assert_eq!(proofs().await, [account(), (json!("example.org"), json!(true))]);
        for failure in 0..PROOF_FAILURES_MAX {
            let now = edge::now().plus(u64::from(failure) * PROOF_FAILS_FOR);
            store.proof_missed(proof.id, now, now).await.unwrap();
        }
        assert_eq!(proofs().await, [account(), (json!("example.org"), json!(false))]);
        let page = server.get(&format!("/invitations/{id}"), None).await.text;
        assert!(page.contains("example.org") && page.contains("it does not hold any more"), "{page}");
    }
}

async fn what_was_written_is_reported_as_it_was(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let owner = owner(server).await;
        let [ada, ben, eve] = [server.member(data).await, server.member(data).await, server.member(data).await];
        let id = asks(&ada, json!({ "name": "Somebody" }), "Join me").await;
        let path = format!("/api/invitations/{id}");
        let question = json!({ "text": "Why so rude?" }).to_string();
        let asked =
            server.send_json(Method::PUT, &format!("{path}/question"), Some(&eve.token), &question).await.json();
        let reply = made(eve.post(&format!("{path}/replies"), &json!({ "text": "Nonsense" })).await);
        let report = async |who: &Member<'_>, what: Value| {
            let mut body = json!({ "reason": "abuse", "text": "Look" });
            body.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
            who.post("/api/reports", &body).await
        };
        made(report(&ben, json!({ "invitation": id })).await);
        made(report(&ben, json!({ "question": asked["id"] })).await);
        made(report(&ben, json!({ "reply": reply["id"] })).await);
        // Whatever becomes of it.
        assert_eq!(eve.send(Method::DELETE, &format!("{path}/question")).await.status, 204);
        let gone = format!("/api/replies/{}", reply["id"].as_str().unwrap());
        assert_eq!(eve.send(Method::DELETE, &gone).await.status, 204);
        let page = owner.get("/api/admin/reports").await.json();
        let seen: Vec<_> = page["items"].as_array().unwrap().iter().collect();
        let written = |number: usize| seen[number]["context"]["written"].clone();
        let kept = |kind: &str, language: Value, title: &str, text: &str| json!({ "kind": kind, "invitation": id, "language": language, "title": title, "text": text });
        assert_eq!(written(0), kept("reply", Value::Null, "", "Nonsense"));
        assert_eq!(written(1), kept("question", Value::Null, "", "Why so rude?"));
        assert_eq!(written(2), kept("letter", json!("en"), "Join me", "Would you?"));
        let about = |number: usize| seen[number]["about"]["handle"].as_str().unwrap();
        assert_eq!([about(0), about(1), about(2)], [eve.handle.as_str(), &eve.handle, &ada.handle]);
        // One text at a time, and nobody reports themselves or what is not there.
        report(&ada, json!({ "invitation": id })).await.refused(409, "target_protected");
        report(&ben, json!({ "question": asked["id"] })).await.refused(404, "question_not_found");
        report(&ben, json!({ "reply": reply["id"] })).await.refused(404, "reply_not_found");
        report(&ben, json!({ "invitation": "x" })).await.refused(404, "invitation_not_found");
        report(&ben, json!({})).await.refused(400, "bad_request");
        report(&ben, json!({ "invitation": id, "about": ada.handle })).await.refused(400, "bad_request");
        report(&ben, json!({ "invitation": id, "reply": reply["id"] })).await.refused(400, "bad_request");
    }
}

async fn only_its_admins_speak_for_a_house(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let [ada, ben] = [server.member(data).await, server.member(data).await];
        let handle = format!("house_{}", ada.handle);
        made(ada.post("/api/houses", &json!({ "handle": handle, "name": "Tea" })).await);
        let rules = json!({ "rules_accepted": true }).to_string();
        let path = format!("/api/houses/{handle}/membership");
        let joined = server.send_json(Method::PUT, &path, Some(&ben.token), &rules).await;
        assert!(joined.status.is_success(), "{}", joined.text);
        let event = json!({ "title": "Tea", "house": handle });
        ben.post("/api/events", &event).await.refused(403, "not_house_admin");
        let letter =
            json!({ "invitee": { "name": "Somebody" }, "title": "Join us", "text": "Please", "house": handle });
        ben.post("/api/invitations", &letter).await.refused(403, "not_house_admin");
        assert_eq!(made(ada.post("/api/events", &event).await)["house"]["handle"], handle.as_str());
        let letter = made(ada.post("/api/invitations", &letter).await);
        assert_eq!(letter["house"]["handle"], handle.as_str());
    }
}

/// The browser that answers for an invitee without an account is known by two cookies, neither of which a script can read.
#[tokio::test]
async fn who_takes_a_link_is_known_by_two_cookies() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let id = asks(&ada, json!({ "name": "Somebody" }), "Join me").await;
    let link = made(ada.send(Method::POST, &format!("/api/invitations/{id}/link")).await);
    let code = link["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let taken = server.send(Method::POST, &format!("/api/answers/{code}"), None, &[], String::new()).await;
    let cookies: Vec<_> = taken.headers.get_all("set-cookie").iter().map(|one| one.to_str().unwrap()).collect();
    let with = |name: &str, path: String| {
        let found = cookies.iter().find(|cookie| cookie.starts_with(&format!("{name}="))).expect("a cookie");
        assert!(found.contains(&format!("; Path={path};")), "{found}");
        assert!(found.contains("; HttpOnly") && found.contains("; SameSite=Lax"), "{found}");
    };
    assert_eq!(cookies.len(), 2);
    with("roomtone_answer", format!("/api/invitations/{id}"));
    with("roomtone_answering", format!("/invitations/{id}"));
    server.stop().await;
}
