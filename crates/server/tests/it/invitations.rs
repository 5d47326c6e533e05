//! Invitations: read by everybody, answered by either side, by their offices, and by a link without an account.

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{Method, StatusCode};
use roomtone::edge::{self, Secret};
use roomtone::events::settle;
use roomtone_room::Kind;
use roomtone_room::ids::RecordId;
use roomtone_room::invitation::Sheet;
use roomtone_store::{NewProof, ProofMethod, ProofSubject};
use serde_json::{Value, json};

use crate::support::{Answer, Member, Server, Trusting, on_both_databases};

on_both_databases!(
    anybody_reads_an_invitation_in_their_language,
    the_founding_story_goes_better_here,
    a_link_is_taken_once_and_replaced_by_the_next,
    a_domain_shows_who_answered,
    an_office_answers_and_nobody_learns_who_is_in_it,
    rounds_are_answered_once,
    both_sides_accept_the_same_sheet,
    blocks_hold_on_every_list_and_act,
    others_cosign_ask_and_reply,
    whoever_is_concerned_is_told,
    what_does_not_fit_is_refused,
);

/// Sends an act; 200 is expected.
pub(crate) async fn act(who: &Member<'_>, id: &str, body: Value) -> Value {
    let answer = who.post(&format!("/api/invitations/{id}/acts"), &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{body}: {}", answer.text);
    answer.json()
}

async fn put(who: &Member<'_>, path: &str, body: &Value) -> Answer {
    who.server.send_json(Method::PUT, path, Some(&who.token), &body.to_string()).await
}

/// Somebody without an account who has taken a link.
pub(crate) struct Outside<'a> {
    server: &'a Server,
    pub(crate) id: String,
    cookie: String,
}

impl<'a> Outside<'a> {
    pub(crate) async fn by(server: &'a Server, url: &str) -> Self {
        let answer = take(server, url).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        let id = answer.json()["invitation"].as_str().unwrap().to_owned();
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        // Sent nowhere but to this invitation.
        assert!(
            cookie.contains(&format!("; Path=/api/invitations/{id};")) && cookie.contains("; HttpOnly"),
            "{cookie}"
        );
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { server, id, cookie }
    }

    pub(crate) async fn act(&self, body: Value) -> Answer {
        let headers = [("content-type", "application/json"), ("cookie", self.cookie.as_str())];
        let path = format!("/api/invitations/{}/acts", self.id);
        self.server.send(Method::POST, &path, None, &headers, body.to_string()).await
    }

    /// Asks for the way into the room of the talk.
    pub(crate) async fn comes(&self) -> Answer {
        let headers = [("cookie", self.cookie.as_str())];
        let path = format!("/api/invitations/{}/guest", self.id);
        self.server.send(Method::POST, &path, None, &headers, String::new()).await
    }

    pub(crate) async fn get(&self) -> Value {
        let headers = [("cookie", self.cookie.as_str())];
        let path = format!("/api/invitations/{}", self.id);
        self.server.send(Method::GET, &path, None, &headers, String::new()).await.json()
    }
}

fn code(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

async fn take(server: &Server, url: &str) -> Answer {
    server.send(Method::POST, &format!("/api/answers/{}", code(url)), None, &[], String::new()).await
}

/// Makes a link for the invitee.
pub(crate) async fn link(host: &Member<'_>, id: &str) -> String {
    let made = host.send(Method::POST, &format!("/api/invitations/{id}/link")).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.json()["url"].as_str().unwrap().to_owned()
}

/// An invitation to somebody outside, in English and Russian.
pub(crate) async fn asks_outside(host: &Member<'_>) -> String {
    let body = json!({
        "invitee": { "name": "The President", "about": "Of a country", "domain": "Example.org" },
        "language": "en", "title": "Join me for a chat", "text": "Would you like to?\n\nGreat honour.",
        "topics": ["Memes"], "translations": [{ "language": "ru", "title": "Присоединяйтесь", "text": "Хотите?" }],
    });
    made(host.post("/api/invitations", &body).await)
}

/// An invitation to a member.
async fn asks(host: &Member<'_>, whom: &Member<'_>) -> String {
    let body = json!({ "invitee": { "handle": whom.handle }, "title": "Join me", "text": "Would you?" });
    made(host.post("/api/invitations", &body).await)
}

fn made(answer: Answer) -> String {
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

pub(crate) fn has(list: &Value, what: &str) -> bool {
    strings(list).contains(&what)
}

async fn anybody_reads_an_invitation_in_their_language(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let (ada, ben) = (server.member(data).await, server.member(data).await);
        let id = asks_outside(&ada).await;
        let path = format!("/api/invitations/{id}");
        let read = server.get(&path, None).await.json();
        assert_eq!(
            (read["shown"].as_str(), read["state"].as_str(), read["round"].as_u64()),
            (Some("en"), Some("asked"), Some(1))
        );
        assert_eq!(read["host"]["handle"], ada.handle.as_str());
        let invitee = json!({ "person": null, "name": "The President", "about": "Of a country", "domain": "example.org", "verified": [] });
        assert_eq!(read["invitee"], invitee);
        let texts = read["texts"].as_array().unwrap();
        assert_eq!((texts[0]["original"].as_bool(), texts[1]["original"].as_bool()), (Some(true), Some(false)));
        assert_eq!(
            (read["topics"].clone(), read["can"].clone(), read["you"].clone()),
            (json!(["memes"]), json!([]), Value::Null)
        );
        let step = &read["steps"][0];
        assert_eq!((step["kind"].as_str(), step["voice"]["kind"].as_str()), (Some("asked"), Some("person")));
        assert_eq!(step["voice"]["proof"]["kind"], "account");
        // The language that is asked for, or else the browser's; a member's own before that.
        let shown = async |query: &str, accept: &str, who: Option<&Member<'_>>| {
            let headers = [("accept-language", accept)];
            let token = who.map(|who| who.token.as_str());
            let answer = server.send(Method::GET, &format!("{path}{query}"), token, &headers, String::new()).await;
            answer.json()["shown"].as_str().unwrap().to_owned()
        };
        assert_eq!(shown("", "ru-RU, en;q=0.5", None).await, "ru");
        assert_eq!(shown("", "fr, en;q=0.1", None).await, "en");
        assert_eq!(shown("", "fr", None).await, "en");
        assert_eq!(shown("?language=ru", "en", None).await, "ru");
        assert_eq!(shown("", "ru", Some(&ben)).await, "en");
        assert_eq!(shown("?language=RU", "en", Some(&ben)).await, "ru");
        // Both sides may translate, and the original stays.
        let text = json!({ "title": "Rejoignez-moi", "text": "Voulez-vous?" });
        put(&ben, &format!("{path}/texts/fr"), &text).await.refused(403, "not_allowed");
        put(&ada, &format!("{path}/texts/en"), &text).await.refused(409, "nothing_to_change");
        let translated = put(&ada, &format!("{path}/texts/fr"), &text).await.json();
        assert_eq!(translated["steps"][1]["kind"], "translated");
        assert_eq!(shown("", "fr", None).await, "fr");
        // In lists as well.
        let list = server.get("/api/invitations?language=ru", None).await.json();
        assert_eq!(
            (list["items"][0]["title"].as_str(), list["items"][0]["language"].as_str()),
            (Some("Присоединяйтесь"), Some("ru"))
        );
        assert_eq!(strings(&list["items"][0]["languages"]), ["en", "fr", "ru"]);
        for which in ["mine", "asked", "office"] {
            server.get(&format!("/api/invitations?box={which}"), None).await.refused(401, "not_signed_in");
        }
        let ids = async |who: &Member<'_>, which: &str| {
            let list = who.get(&format!("/api/invitations?box={which}")).await.json();
            list["items"].as_array().unwrap().len()
        };
        assert_eq!((ids(&ada, "mine").await, ids(&ben, "mine").await, ids(&ben, "asked").await), (1, 0, 0));
        let missing = server.get(&format!("/api/invitations/{}", "0".repeat(26)), None).await;
        missing.refused(404, "invitation_not_found");
        assert_eq!(server.get("/api/invitations/x", None).await.text, missing.text);
    }
}

async fn the_founding_story_goes_better_here(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let ada = server.member(data).await;
        let id = asks_outside(&ada).await;
        let url = link(&ada, &id).await;
        let peek = server.get(&format!("/api/answers/{}", code(&url)), None).await.json();
        assert_eq!((peek["invitation"].as_str(), peek["name"].as_str()), (Some(id.as_str()), Some("The President")));
        let office = Outside::by(server, &url).await;
        let seen = office.get().await;
        assert_eq!(seen["you"], "outside");
        for act in ["accept", "decline", "need_details", "propose_time", "answer_later", "propose_sheet", "translate"] {
            assert!(has(&seen["can"], act), "{act}: {}", seen["can"]);
        }
        // Interesting, but what exactly is proposed?
        let needs = json!({ "act": "need_details", "round": 1, "text": "Интересно, но что именно?", "language": "ru" });
        let answer = office.act(needs.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let step = &answer.json()["steps"][1];
        assert_eq!((step["text"].as_str(), step["language"].as_str()), (Some("Интересно, но что именно?"), Some("ru")));
        // Nothing shows that it was them.
        let voice = &step["voice"];
        assert_eq!(
            (voice["kind"].as_str(), voice["side"].as_str(), voice["proof"].clone()),
            (Some("unverified"), Some("invitee"), Value::Null)
        );
        office.act(needs).await.refused(409, "already_answered");
        let mine = ada.get(&format!("/api/invitations/{id}")).await.json();
        assert_eq!((mine["turn"].as_str(), mine["you"].as_str()), (Some("host"), Some("host")));
        assert!(has(&mine["can"], "give_details") && !has(&mine["can"], "accept"));
        assert!(mine["link"]["claimed_at"].is_u64());
        assert_eq!(office.get().await["link"], Value::Null);
        act(&ada, &id, json!({ "act": "give_details", "round": 1, "text": "An hour in Russian." })).await;
        let at = edge::now().0 + 86_400_000;
        let times = office.act(json!({ "act": "propose_time", "round": 2, "times": [at, at + 1] })).await.json();
        assert_eq!(times["proposal"], json!({ "by": "invitee", "times": [at, at + 1] }));
        let accepted = act(&ada, &id, json!({ "act": "agree_time", "round": 2, "times": [at] })).await;
        assert_eq!((accepted["state"].as_str(), accepted["date"].as_u64()), (Some("accepted"), Some(at)));
        // And there is an event at that time, which everybody can read.
        let event = accepted["event"].as_str().unwrap();
        let event = server.get(&format!("/api/events/{event}"), None).await.json();
        assert_eq!(
            (event["title"].as_str(), event["starts_at"].as_u64(), event["invitation"].as_str()),
            (Some("Join me for a chat"), Some(at), Some(id.as_str()))
        );
        let kinds: Vec<_> =
            accepted["steps"].as_array().unwrap().iter().map(|step| step["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["asked", "need_details", "details_given", "times_proposed", "time_agreed"]);
        let declined = office.act(json!({ "act": "decline", "round": 3 })).await.json();
        assert_eq!(declined["state"], "declined");
        let event = server.get(&format!("/api/events/{}", accepted["event"].as_str().unwrap()), None).await.json();
        assert_eq!(event["state"], "cancelled");
        office.act(json!({ "act": "accept", "round": 4 })).await.refused(410, "invitation_over");
    }
}

async fn a_link_is_taken_once_and_replaced_by_the_next(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let (ada, ben) = (server.member(data).await, server.member(data).await);
        let id = asks_outside(&ada).await;
        let path = format!("/api/invitations/{id}/link");
        ben.send(Method::POST, &path).await.refused(403, "not_allowed");
        let first = link(&ada, &id).await;
        let second = link(&ada, &id).await;
        // Replaced, used and invented links are answered alike.
        let missing = take(server, &"0".repeat(26)).await;
        missing.refused(404, "answer_link_not_found");
        assert_eq!(take(server, &first).await.text, missing.text);
        let answers = futures_util::future::join_all((0..8).map(|_| take(server, &second))).await;
        let (taken, refused): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == StatusCode::CREATED);
        assert_eq!(taken.len(), 1);
        assert!(refused.iter().all(|answer| answer.text == missing.text), "{refused:?}");
        let peek = server.get(&format!("/api/answers/{}", code(&second)), None).await;
        assert_eq!((peek.status, &peek.text), (missing.status, &missing.text));
        let cookie = taken[0].headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let office = Outside { server, id: id.clone(), cookie };
        assert_eq!(office.get().await["you"], "outside");
        // For no other invitation.
        let other = asks_outside(&ben).await;
        let stray = Outside { server, id: other, cookie: office.cookie.clone() };
        assert_eq!(stray.get().await["you"], Value::Null);
        stray.act(json!({ "act": "accept", "round": 1 })).await.refused(401, "not_signed_in");
        // Whoever took it before loses the say when the next link is made, and when it is taken back.
        let third = link(&ada, &id).await;
        office.act(json!({ "act": "accept", "round": 1 })).await.refused(401, "not_signed_in");
        let office = Outside::by(server, &third).await;
        assert_eq!(ada.send(Method::DELETE, &path).await.status, StatusCode::NO_CONTENT);
        ada.send(Method::DELETE, &path).await.refused(404, "answer_link_not_found");
        office.act(json!({ "act": "accept", "round": 1 })).await.refused(401, "not_signed_in");
        // A member answers by their account.
        let to_ben = asks(&ada, &ben).await;
        ada.send(Method::POST, &format!("/api/invitations/{to_ben}/link")).await.refused(403, "not_allowed");
        act(&ada, &id, json!({ "act": "withdraw" })).await;
        ada.send(Method::POST, &path).await.refused(410, "invitation_over");
    }
}

/// The page of an invitation as it is now, and not as it was kept: asked for in a language in which nobody has read it.
async fn fresh_page(server: &Server, id: &str) -> String {
    let tag = format!("en-x-{}", Secret::draw().text.chars().take(8).collect::<String>());
    let headers = [("accept-language", tag.as_str())];
    server.send(Method::GET, &format!("/invitations/{id}"), None, &headers, String::new()).await.text
}

/// Guarantee G11: an answer is shown with who gave it and the proof.
async fn a_domain_shows_who_answered(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let ada = server.member(data).await;
        let id = asks_outside(&ada).await;
        let office = Outside::by(server, &link(&ada, &id).await).await;
        office.act(json!({ "act": "need_details", "round": 1, "text": "What?" })).await;
        let store = &server.app.store;
        let file = store.invitation(None, id.parse().unwrap()).await.unwrap().unwrap();
        let correspondent = file.link.unwrap().correspondent;
        let prove = async |domain: &str| {
            let proof = NewProof {
                id: RecordId(edge::random_128()),
                subject: ProofSubject::Correspondent(correspondent),
                domain: domain.to_owned(),
                method: ProofMethod::Dns,
                token: domain.to_owned(),
                created_at: edge::now(),
            };
            store.create_proof(&proof).await.unwrap();
            assert!(store.proof_found(proof.id, edge::now(), edge::now()).await.unwrap());
        };
        // What has come of it is not shown as theirs: not in a list, and not in the words above the page.
        office.act(json!({ "act": "accept", "round": 1 })).await.refused(409, "already_answered");
        act(&ada, &id, json!({ "act": "give_details", "round": 1, "text": "That" })).await;
        assert_eq!(office.act(json!({ "act": "accept", "round": 2 })).await.json()["state"], "accepted");
        let unverified = async || {
            let list = server.get("/api/invitations", None).await.json();
            let read = server.get(&format!("/api/invitations/{id}"), None).await.json();
            assert_eq!(list["items"][0]["unverified"], read["unverified"]);
            let page = fresh_page(server, &id).await;
            assert_eq!(page.contains("accepted · by an unverified voice"), read["unverified"] == true, "{page}");
            read["unverified"].as_bool().unwrap()
        };
        assert!(unverified().await);
        // Neither is it shown as theirs in the feed: readers name who an entry is by.
        let author = async || {
            let feed = server.get(&format!("/invitations/{id}.atom"), None).await.text;
            let feed: atom_syndication::Feed = feed.parse().unwrap();
            feed.entries[0].authors[0].name.clone()
        };
        assert_eq!(author().await, "An unverified voice for The President");
        // Another domain than the host named shows nothing.
        prove("example.com").await;
        let read = server.get(&format!("/api/invitations/{id}"), None).await.json();
        assert_eq!(
            (read["steps"][1]["voice"]["kind"].as_str(), strings(&read["invitee"]["verified"])),
            (Some("unverified"), vec![])
        );
        prove("example.org").await;
        let read = server.get(&format!("/api/invitations/{id}"), None).await.json();
        let voice = &read["steps"][1]["voice"];
        assert_eq!((voice["kind"].as_str(), voice["name"].as_str()), (Some("person"), Some("The President")));
        let proof = &voice["proof"];
        assert_eq!(
            (proof["kind"].as_str(), proof["domain"].as_str(), proof["method"].as_str()),
            (Some("domain"), Some("example.org"), Some("dns"))
        );
        assert!(proof["proven_at"].is_u64());
        assert_eq!(strings(&read["invitee"]["verified"]), ["example.org"]);
        assert_eq!(author().await, "The President");
        assert!(!unverified().await);
    }
}

async fn an_office_answers_and_nobody_learns_who_is_in_it(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let [ada, ben, office, eve] = [
            server.member(data).await,
            server.member(data).await,
            server.member(data).await,
            server.member(data).await,
        ];
        let id = asks(&ada, &ben).await;
        let path = format!("/api/invitations/{id}");
        let accept = json!({ "act": "accept", "round": 1 });
        office.post(&format!("{path}/acts"), &accept).await.refused(403, "not_allowed");
        let grant = ben.has_office(&office, &["schedule"]).await;
        // Only what the grant says.
        office.post(&format!("{path}/acts"), &accept).await.refused(403, "not_allowed");
        let seen = office.get(&path).await.json();
        assert_eq!(seen["you"], "invitee_office");
        assert!(has(&seen["can"], "propose_time") && !has(&seen["can"], "accept") && !has(&seen["can"], "decline"));
        assert_eq!(office.get("/api/invitations?box=office").await.json()["items"][0]["id"], id.as_str());
        let at = edge::now().0 + 86_400_000;
        act(&office, &id, json!({ "act": "propose_time", "round": 1, "times": [at], "text": "He could then" })).await;
        for (who, named) in
            [(None, false), (Some(&eve), false), (Some(&ada), false), (Some(&ben), true), (Some(&office), true)]
        {
            let read = server.get(&path, who.map(|who| who.token.as_str())).await;
            let voice = &read.json()["steps"][1]["voice"];
            assert_eq!(
                (voice["kind"].as_str(), voice["name"].as_str()),
                (Some("office"), Some(ben.handle.to_uppercase().as_str()))
            );
            assert_eq!(
                (voice["office_of"]["handle"].as_str(), voice["person"].clone()),
                (Some(ben.handle.as_str()), Value::Null)
            );
            assert_eq!(read.text.contains(&office.handle), named, "{}", read.text);
            assert_eq!(voice["delegate"].is_object(), named);
        }
        let feed: atom_syndication::Feed =
            server.get(&format!("{}.atom", &path[4..]), None).await.text.parse().unwrap();
        assert_eq!(feed.entries[0].authors[0].name, format!("The office of {}", ben.handle.to_uppercase()));
        // The principal reads what was done in their name.
        let log = ben.get("/api/me/office/acts").await.json();
        assert_eq!(
            (log["items"][0]["kind"].as_str(), log["items"][0]["subject"].as_str()),
            (Some("times_proposed"), Some(id.as_str()))
        );
        assert_eq!(
            (log["items"][0]["note"].as_str(), log["items"][0]["delegate"]["handle"].as_str()),
            (Some("He could then"), Some(office.handle.as_str()))
        );
        // In both offices, they speak for neither.
        ada.has_office(&office, &["schedule", "answer"]).await;
        let agree = json!({ "act": "agree_time", "round": 1, "times": [at] });
        office.post(&format!("{path}/acts"), &agree).await.refused(403, "not_allowed");
        assert_eq!(ben.send(Method::DELETE, &format!("/api/me/office/{grant}")).await.status, StatusCode::NO_CONTENT);
        let agreed = act(&office, &id, agree).await;
        assert_eq!(
            (agreed["state"].as_str(), agreed["steps"][2]["voice"]["office_of"]["handle"].as_str()),
            (Some("accepted"), Some(ada.handle.as_str()))
        );
        office.post(&format!("{path}/acts"), &json!({ "act": "withdraw" })).await.refused(403, "not_allowed");
    }
}

async fn rounds_are_answered_once(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let (ada, ben) = (server.member(data).await, server.member(data).await);
        let id = asks(&ada, &ben).await;
        let path = format!("/api/invitations/{id}/acts");
        ben.post(&path, &json!({ "act": "accept" })).await.refused(400, "bad_request");
        ben.post(&path, &json!({ "act": "accept", "round": 2 })).await.refused(409, "already_answered");
        ada.post(&path, &json!({ "act": "give_details", "round": 1, "text": "x" })).await.refused(409, "not_your_turn");
        let until = edge::now().0 + 60_000;
        let later = json!({ "act": "answer_later", "round": 1, "until": until });
        let answers = futures_util::future::join_all((0..8).map(|_| ben.post(&path, &later))).await;
        let done = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
        assert_eq!(done, 1);
        for answer in answers.iter().filter(|answer| answer.status != StatusCode::OK) {
            answer.refused(409, "already_answered");
        }
        let read = ben.get(&format!("/api/invitations/{id}")).await.json();
        assert_eq!(
            (read["round"].as_u64(), read["turn"].as_str(), read["later"].as_u64()),
            (Some(2), Some("invitee"), Some(until))
        );
    }
}

async fn both_sides_accept_the_same_sheet(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let (ada, ben) = (server.member(data).await, server.member(data).await);
        let id = asks(&ada, &ben).await;
        let path = format!("/api/invitations/{id}/sheets");
        let terms = json!({ "topics": ["Memes"], "minutes": 60, "languages": ["en", "ru"], "recorded": true,
            "others": ["Kanye"], "audience": "social", "notes": "No video" });
        let first = ada.post(&path, &terms).await;
        assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
        let first = first.json();
        // Whoever has the terms can make the digest themselves.
        let sheet = Sheet {
            topics: vec!["memes".to_owned()],
            minutes: 60,
            languages: vec!["en".to_owned(), "ru".to_owned()],
            recorded: true,
            others: vec!["Kanye".to_owned()],
            audience: Kind::Social,
            notes: "No video".to_owned(),
        };
        let digest = digest(&SHA256, &sheet.canonical(id.parse().unwrap(), 1));
        let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            (first["version"].as_u64(), first["hash"].as_str(), first["by"].as_str()),
            (Some(1), Some(hex.as_str()), Some("host"))
        );
        assert_eq!(first["agreed_at"], Value::Null);
        let accept = |hash: &Value| json!({ "act": "accept_sheet", "sheet": hash });
        let acts = format!("/api/invitations/{id}/acts");
        ada.post(&acts, &accept(&first["hash"])).await.refused(409, "nothing_to_change");
        ben.post(&acts, &accept(&json!("ab".repeat(32)))).await.refused(409, "no_such_sheet");
        ben.post(&acts, &accept(&json!("x"))).await.refused(409, "no_such_sheet");
        // Written at once by both: each has its own number.
        let (one, other) = tokio::join!(ada.post(&path, &terms), ben.post(&path, &terms));
        let mut numbers = [one.json()["version"].as_u64(), other.json()["version"].as_u64()];
        numbers.sort_unstable();
        assert_eq!(numbers, [Some(2), Some(3)]);
        let of_ben = other.json()["hash"].clone();
        let agreed = act(&ada, &id, accept(&of_ben)).await;
        assert_eq!(agreed["sheet"], other.json()["version"]);
        let versions = agreed["sheets"].as_array().unwrap();
        assert_eq!(versions.len(), 3);
        assert!(versions.iter().filter(|version| version["agreed_at"].is_u64()).count() == 1);
        for bad in [
            json!({ "minutes": 4 }),
            json!({ "minutes": 601 }),
            json!({ "languages": [] }),
            json!({ "others": vec!["x"; 11] }),
        ] {
            let mut terms = terms.clone();
            terms.as_object_mut().unwrap().extend(bad.as_object().unwrap().clone());
            ada.post(&path, &terms).await.refused(422, "invalid_sheet");
        }
    }
}

async fn blocks_hold_on_every_list_and_act(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let [ada, ben, eve] = [server.member(data).await, server.member(data).await, server.member(data).await];
        let id = asks(&ada, &ben).await;
        let path = format!("/api/invitations/{id}");
        let block = async |one: &Member<'_>, other: &Member<'_>, on: bool| {
            let method = if on { Method::PUT } else { Method::DELETE };
            let answer = one.send(method, &format!("/api/members/{}/block", other.handle)).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
        };
        let missing = eve.get(&format!("/api/invitations/{}", "0".repeat(26))).await;
        for (one, other) in [(&eve, &ada), (&ada, &eve), (&eve, &ben), (&ben, &eve)] {
            block(one, other, true).await;
            for answer in [
                eve.get(&path).await,
                eve.get(&format!("{path}/cosigns")).await,
                eve.get(&format!("{path}/questions")).await,
                eve.get(&format!("{path}/replies")).await,
                eve.send(Method::PUT, &format!("{path}/cosign")).await,
                put(&eve, &format!("{path}/question"), &json!({ "text": "Why?" })).await,
                eve.post(&format!("{path}/replies"), &json!({ "text": "Well" })).await,
                eve.post(&format!("{path}/acts"), &json!({ "act": "accept", "round": 1 })).await,
            ] {
                assert_eq!((answer.status, &answer.text), (missing.status, &missing.text));
            }
            assert_eq!(eve.get("/api/invitations").await.json()["items"], json!([]));
            block(one, other, false).await;
            assert_eq!(eve.get(&path).await.status, StatusCode::OK);
        }
        // Between the two the host can only take it back, and nobody else reads it.
        block(&ben, &ada, true).await;
        assert_eq!(ben.get(&path).await.status, StatusCode::NOT_FOUND);
        assert_eq!(server.get(&path, None).await.status, StatusCode::NOT_FOUND);
        assert_eq!(ben.get("/api/invitations?box=asked").await.json()["items"], json!([]));
        ada.post(
            &format!("{path}/sheets"),
            &json!({ "topics": [], "minutes": 60, "languages": ["en"], "recorded": false, "audience": "open" }),
        )
        .await
        .refused(404, "invitation_not_found");
        assert_eq!(act(&ada, &id, json!({ "act": "withdraw" })).await["state"], "withdrawn");
        let again = json!({ "invitee": { "handle": ben.handle }, "title": "Join me", "text": "Please?" });
        ada.post("/api/invitations", &again).await.refused(404, "member_not_found");
    }
}

async fn others_cosign_ask_and_reply(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let [ada, ben, eve, dan] = [
            server.member(data).await,
            server.member(data).await,
            server.member(data).await,
            server.member(data).await,
        ];
        let id = asks(&ada, &ben).await;
        let path = format!("/api/invitations/{id}");
        for own in [&ada, &ben] {
            own.send(Method::PUT, &format!("{path}/cosign")).await.refused(403, "not_allowed");
        }
        for _ in 0..2 {
            assert_eq!(eve.send(Method::PUT, &format!("{path}/cosign")).await.status, StatusCode::NO_CONTENT);
        }
        let read = eve.get(&path).await.json();
        assert_eq!((read["cosigns"]["count"].as_u64(), read["cosigns"]["mine"].as_bool()), (Some(1), Some(true)));
        assert_eq!(read["cosigns"]["first"][0]["handle"], eve.handle.as_str());
        assert!(has(&read["can"], "cosign") && has(&read["can"], "ask") && !has(&read["can"], "withdraw"));
        assert_eq!(server.get(&format!("{path}/cosigns"), None).await.json()["items"].as_array().unwrap().len(), 1);
        // One question each, ranked by votes.
        put(&eve, &format!("{path}/question"), &json!({ "text": "" })).await.refused(422, "invalid_question");
        let first = put(&eve, &format!("{path}/question"), &json!({ "text": "Why memes?" })).await.json();
        let second = put(&dan, &format!("{path}/question"), &json!({ "text": "Why maps?" })).await.json();
        let vote = format!("/api/questions/{}/vote", second["id"].as_str().unwrap());
        dan.send(Method::PUT, &vote).await.refused(404, "question_not_found");
        for _ in 0..2 {
            assert_eq!(eve.send(Method::PUT, &vote).await.status, StatusCode::NO_CONTENT);
        }
        let questions = eve.get(&format!("{path}/questions")).await.json();
        let ranked: Vec<_> = questions["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["id"].clone(), one["votes"].as_u64().unwrap(), one["voted"].as_bool().unwrap()))
            .collect();
        assert_eq!(ranked, [(second["id"].clone(), 1, true), (first["id"].clone(), 0, false)]);
        assert_eq!(questions["mine"]["text"], "Why memes?");
        let answered = format!("/api/questions/{}/answered", first["id"].as_str().unwrap());
        eve.send(Method::POST, &answered).await.refused(404, "question_not_found");
        // Their office may, if it is to look through questions.
        ada.has_office(&ben, &["answer"]).await;
        ben.send(Method::POST, &answered).await.refused(404, "question_not_found");
        ada.has_office(&dan, &["screen"]).await;
        assert_eq!(dan.send(Method::POST, &answered).await.status, StatusCode::NO_CONTENT);
        assert_eq!(ada.get("/api/me/office/acts").await.json()["items"][0]["kind"], "question_answered");
        assert_eq!(ada.send(Method::POST, &answered).await.status, StatusCode::NO_CONTENT);
        assert!(eve.get(&format!("{path}/questions")).await.json()["mine"]["answered_at"].is_u64());
        assert_eq!(eve.send(Method::DELETE, &format!("{path}/question")).await.status, StatusCode::NO_CONTENT);
        assert_eq!(eve.get(&path).await.json()["questions"], 1);
        // Replies go on after the end, and only the host sees how to reach whoever wrote one.
        act(&ben, &id, json!({ "act": "decline", "round": 1, "text": "No." })).await;
        eve.send(Method::PUT, &format!("{path}/cosign")).await;
        dan.send(Method::PUT, &format!("{path}/cosign")).await.refused(410, "invitation_over");
        put(&eve, &format!("{path}/question"), &json!({ "text": "Late?" })).await.refused(410, "invitation_over");
        let reply =
            eve.post(&format!("{path}/replies"), &json!({ "text": "What a pity", "contact": "eve@example.org" })).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text);
        for (who, contact) in
            [(None, false), (Some(&dan), false), (Some(&ben), false), (Some(&eve), true), (Some(&ada), true)]
        {
            let replies = server.get(&format!("{path}/replies"), who.map(|who| who.token.as_str())).await.json();
            assert_eq!(replies["items"][0]["text"], "What a pity");
            assert_eq!(replies["items"][0]["contact"].is_string(), contact);
        }
        let reply = format!("/api/replies/{}", reply.json()["id"].as_str().unwrap());
        dan.send(Method::DELETE, &reply).await.refused(404, "reply_not_found");
        assert_eq!(ada.send(Method::DELETE, &reply).await.status, StatusCode::NO_CONTENT);
    }
}

async fn whoever_is_concerned_is_told(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let [ada, ben, office, eve] = [
            server.member(data).await,
            server.member(data).await,
            server.member(data).await,
            server.member(data).await,
        ];
        ben.has_office(&office, &["answer"]).await;
        let told = async |who: &Member<'_>| {
            settle(&server.app).await.unwrap();
            let inbox = who.get("/api/notices").await.json();
            let ours = |notice: &Value| {
                let kind = notice["kind"].as_str().unwrap().strip_prefix("invitation_")?.to_owned();
                assert_eq!(notice["body"], "Join me");
                Some((kind, notice["actor"]["handle"].as_str().unwrap_or_default().to_owned(), notice["link"].clone()))
            };
            inbox["items"].as_array().unwrap().iter().filter_map(ours).collect::<Vec<_>>()
        };
        let id = asks(&ada, &ben).await;
        let of = |kind: &str, who: Option<&Member<'_>>| {
            (
                kind.to_owned(),
                who.map(|who| who.handle.clone()).unwrap_or_default(),
                json!(format!("/invitations/{id}")),
            )
        };
        for who in [&ben, &office] {
            assert_eq!(told(who).await, [of("asked", Some(&ada))]);
        }
        assert_eq!(
            eve.send(Method::PUT, &format!("/api/invitations/{id}/cosign")).await.status,
            StatusCode::NO_CONTENT
        );
        act(&office, &id, json!({ "act": "need_details", "round": 1, "text": "What?" })).await;
        assert_eq!(told(&ada).await, [of("answered", None)]);
        act(&ada, &id, json!({ "act": "give_details", "round": 1, "text": "That." })).await;
        assert_eq!(told(&ben).await.len(), 2);
        act(&ben, &id, json!({ "act": "accept", "round": 2 })).await;
        assert_eq!(told(&ada).await, [of("answered", None), of("answered", None)]);
        assert_eq!(told(&eve).await, [of("accepted", Some(&ada))]);
        assert_eq!(told(&office).await, [of("answered", None), of("asked", Some(&ada))]);
    }
}

async fn what_does_not_fit_is_refused(servers: &[Trusting]) {
    for Trusting { server, data } in servers {
        let (ada, ben) = (server.member(data).await, server.member(data).await);
        let base = json!({ "invitee": { "name": "Somebody" }, "title": "Join me", "text": "Please" });
        let with = |more: Value| {
            let mut body = base.clone();
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        for (more, status, code) in [
            (json!({ "invitee": {} }), 400, "bad_request"),
            (json!({ "invitee": { "handle": ben.handle, "name": "Ben" } }), 400, "bad_request"),
            (json!({ "invitee": { "handle": "nobody_here" } }), 404, "member_not_found"),
            (json!({ "invitee": { "handle": ada.handle } }), 409, "target_protected"),
            (json!({ "invitee": { "name": "Somebody", "domain": "127.0.0.1" } }), 422, "invalid_domain"),
            (json!({ "title": "" }), 422, "invalid_title"),
            (json!({ "text": " " }), 422, "invalid_text"),
            (json!({ "text": "x".repeat(4_001) }), 422, "invalid_text"),
            (json!({ "topics": ["a", "b", "c", "d", "e", "f"] }), 422, "invalid_topics"),
            (json!({ "days": 0 }), 400, "bad_request"),
            (json!({ "days": 366 }), 400, "bad_request"),
            (json!({ "house": "nowhere" }), 404, "house_not_found"),
            (json!({ "language": "e" }), 422, "invalid_language"),
            (json!({ "translations": [{ "language": "EN", "title": "a", "text": "b" }] }), 422, "invalid_language"),
        ] {
            server.forget_who_asked();
            ada.post("/api/invitations", &with(more)).await.refused(status, code);
        }
        server.forget_who_asked();
        let id = asks(&ada, &ben).await;
        ada.post(
            "/api/invitations",
            &json!({ "invitee": { "handle": ben.handle }, "title": "Join me", "text": "Now" }),
        )
        .await
        .refused(409, "already_invited");
        let path = format!("/api/invitations/{id}/acts");
        let now = edge::now().0;
        for (body, status, code) in [
            (json!({ "act": "need_details", "round": 1 }), 422, "invalid_text"),
            (json!({ "act": "need_details", "round": 1, "text": "x".repeat(2_001) }), 422, "invalid_text"),
            (json!({ "act": "propose_time", "round": 1, "times": [] }), 422, "invalid_time"),
            (json!({ "act": "propose_time", "round": 1, "times": [now - 1] }), 422, "invalid_time"),
            (json!({ "act": "agree_time", "round": 1, "times": [now + 60_000] }), 422, "invalid_time"),
            (json!({ "act": "answer_later", "round": 1 }), 422, "invalid_time"),
            (json!({ "act": "merge" }), 409, "cannot_merge"),
            (json!({ "act": "withdraw" }), 403, "not_allowed"),
            (json!({ "act": "expire" }), 400, "bad_request"),
        ] {
            ben.post(&path, &body).await.refused(status, code);
        }
        server.post(&path, None, &json!({ "act": "accept", "round": 1 })).await.refused(401, "not_signed_in");
        server.get("/api/invitations?box=theirs", None).await.refused(400, "bad_request");
        server.get(&format!("/api/invitations/{id}/questions?after=1"), None).await.refused(400, "bad_request");
    }
}
