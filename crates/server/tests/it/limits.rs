//! Limits on how often something may be asked: the rows of the table, and what is counted against whom.

use std::net::IpAddr;
use std::time::Instant;

use axum::http::{Method, StatusCode};
use roomtone::edge::Secret;
use roomtone::limits::{BAD_TOKENS, Counts, FEEDS, GUESSES, Key, Limit, NOWHERE, RECOVERY_OF, TABLE};
use serde_json::json;

use crate::invitations::{asks_outside, link};
use crate::sign_in::{recover, token_of};
use crate::support::{Answer, Server, Trusting};

#[tokio::test]
async fn whoever_tries_tokens_is_told_to_wait_and_others_at_the_address_go_on() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    assert_eq!(ada.get("/api/me").await.status, 200);
    let fresh = server.member(&data).await;
    let (limits, now) = (&server.app.limits, roomtone::edge::instant());
    let home = "127.0.0.1".parse().unwrap();
    server.get("/api/me", Some(&Secret::draw().text)).await.refused(401, "not_signed_in");
    // So many that none comes back while this test lasts.
    assert!(limits.address(&BAD_TOKENS, home, now + BAD_TOKENS.refill * 100_000).is_ok());
    for path in ["/api/me", "/api/rooms", "/api/admin/members"] {
        let answer = server.get(path, Some(&Secret::draw().text)).await;
        answer.refused(429, "rate_limited");
        let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        // A hundred thousand refills less the burst, at two a second.
        assert!((49_000..=50_000).contains(&wait), "{wait}");
    }
    // Who has no token is only not signed in, and whoever was here within the hour goes on.
    server.get("/api/me", None).await.refused(401, "not_signed_in");
    assert_eq!(ada.get("/api/me").await.status, 200);
    fresh.get("/api/me").await.refused(429, "rate_limited");
    server.stop().await;
}

#[tokio::test]
async fn what_does_not_exist_is_counted_as_what_only_admins_see() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let (limits, now) = (&server.app.limits, roomtone::edge::instant());
    let paths = ["/api/nowhere", "/api/admin/members", "/api/admin/audit"];
    let answers = async |token: Option<&str>| {
        let mut answers = Vec::new();
        for path in paths {
            let answer = server.get(path, token).await;
            let wait = answer.headers.get("retry-after").is_some();
            answers.push((answer.status.as_u16(), answer.text, wait));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        answers[0].0
    };
    for token in [Some(ada.token.as_str()), None] {
        assert_eq!(answers(token).await, 404);
    }
    assert!(limits.address(&NOWHERE, "127.0.0.1".parse().unwrap(), now + NOWHERE.refill * 100_000).is_ok());
    for token in [Some(ada.token.as_str()), None] {
        assert_eq!(answers(token).await, 429);
    }
    assert_eq!(ada.get("/api/me").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn wrong_recovery_codes_are_counted_for_each_handle() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    let codes = ada.post("/api/recovery-codes", &json!({})).await.json();
    let codes: Vec<&str> = codes["codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    let (limits, now) = (&server.app.limits, roomtone::edge::instant());
    let mut refused = Vec::new();
    for handle in [ada.handle.as_str(), "nobody"] {
        recover(&server, handle, "0000-0000-0000-0000-0000").await.refused(403, "recovery_refused");
        // So many by others that none comes back while this test lasts.
        assert!(limits.subject(&RECOVERY_OF, handle, now + RECOVERY_OF.refill * 10_000).is_ok());
        let answer = recover(&server, handle, "0000-0000-0000-0000-0000").await;
        answer.refused(429, "rate_limited");
        refused.push(answer.text);
    }
    assert_eq!(refused[0], refused[1]);
    // Whoever has a code is not kept out by the guesses of others.
    token_of(&recover(&server, &ada.handle, codes[1]).await);
    assert_eq!(ada.get("/api/recovery-codes").await.json(), json!({ "left": 9 }));
}

#[tokio::test]
async fn visitors_behind_a_proxy_are_told_apart_where_it_is_named() {
    let ask = async |server: &Server, number: u8| {
        let from = format!("192.0.2.{number}");
        let headers = [("content-type", "application/json"), ("x-forwarded-for", from.as_str())];
        let body = json!({ "token": "nonsense" }).to_string();
        server.send(Method::POST, "/api/sign-in/link", None, &headers, body).await.status
    };
    let data = tempfile::tempdir().unwrap();
    let server = Server::start_with(data.path(), &["--proxy", "127.0.0.1"]).await;
    for number in 0..200 {
        assert_eq!(ask(&server, number).await, StatusCode::GONE);
    }
    let (server, _data) = Server::start().await;
    let mut number = 0;
    while ask(&server, number).await != StatusCode::TOO_MANY_REQUESTS {
        number = number.checked_add(1).expect("a limit before all addresses are through");
    }
}

/// Visits every row of the table of limits: what is asked beyond it is refused, and not before.
#[tokio::test]
async fn every_limit_holds() {
    for limit in TABLE.iter().filter(|limit| limit.counts == Counts::All) {
        let (server, data) = Server::start().await;
        // The owner, who has no route less than others.
        let link = server.app.owner_link().await.unwrap().unwrap();
        let body = json!({ "handle": "owner", "name": "Owner", "language": "en" });
        let answer =
            server.post(&format!("/api/invites/{}/redeem", link.rsplit('/').next().unwrap()), None, &body).await;
        let token = answer.headers["set-cookie"].to_str().unwrap().split(['=', ';']).nth(1).unwrap();
        let token = (limit.key == Key::Member).then_some(token);
        let routes = match limit.routes {
            [] if limit.key == Key::Member => &[("GET", "/api/passkeys")],
            [] => &[("GET", "/api/sign-in")],
            routes => routes,
        };
        let began = tokio::time::Instant::now();
        let (mut asked, mut passed) = (0, 0);
        // All routes of a row share it.
        for (method, path) in routes.iter().cycle() {
            let path = path.replace("{handle}", "nobody").replace("{id}", "00000000000000000000000000");
            let path = path.replace(['{', '}'], "");
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = server.send(method.clone(), &path, token, &[], String::new()).await;
            asked += 1;
            if answer.status == StatusCode::TOO_MANY_REQUESTS {
                answer.refused(429, "rate_limited");
                // Until the next one comes back, in whole seconds.
                let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
                let longest = limit.refill.as_millis().div_ceil(1000) as u64;
                assert!((1..=longest).contains(&wait), "{}: {wait}", limit.name);
                break;
            }
            assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            if answer.status == StatusCode::NOT_FOUND {
                assert_ne!(answer.json()["code"], "not_found", "{}: {method} {path} is no route", limit.name);
            }
            passed += 1;
            // What came back meanwhile cannot be told exactly, but a limit that is none is.
            let back = began.elapsed().as_nanos() / limit.refill.as_nanos();
            assert!(passed <= u128::from(limit.burst) + back + 1, "{}: {passed} let through", limit.name);
        }
        assert!(asked > limit.burst, "{}: refused after {asked}", limit.name);
        // Nobody else pays for it.
        let other = server.member(&data).await;
        if limit.key == Key::Member {
            let (method, path) = routes[0];
            let path = path.replace("{handle}", "nobody").replace("{id}", "00000000000000000000000000");
            let path = path.replace(['{', '}'], "");
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = server.send(method, &path, Some(&other.token), &[], String::new()).await;
            assert_ne!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{}", limit.name);
        }
        server.stop().await;
    }
}

/// Somebody at an address of their own, who has asked for all but one of what they may at a moment: what is counted after that, however late,
/// is the last as of that moment. So it can be told without a clock whether something is counted.
struct Visitor<'a> {
    server: &'a Server,
    limit: &'static Limit,
    address: IpAddr,
    began: Instant,
}

impl<'a> Visitor<'a> {
    fn at(server: &'a Server, limit: &'static Limit, number: usize) -> Self {
        let (address, began) = (format!("192.0.2.{number}").parse().unwrap(), roomtone::edge::instant());
        for n in 1..limit.burst {
            assert!(server.app.limits.address(limit, address, began).is_ok(), "{}: {n}", limit.name);
        }
        Self { server, limit, address, began }
    }

    async fn ask(&self, method: &Method, path: &str, body: &str) -> Answer {
        let from = self.address.to_string();
        let mut headers = vec![("x-forwarded-for", from.as_str())];
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        self.server.send(method.clone(), path, None, &headers, body.to_owned()).await
    }

    /// Whether nothing was left as of the moment at which they began.
    fn is_empty(&self) -> bool {
        self.server.app.limits.may_address(self.limit, self.address, self.began).is_err()
    }

    /// Has nothing come back while a test lasts.
    fn wait_for_long(&self) {
        let (limits, limit) = (&self.server.app.limits, self.limit);
        assert!(limits.address(limit, self.address, self.began + limit.refill * 100_000).is_ok());
    }
}

/// Secrets in addresses are not found by trying: each wrong one is counted, whatever it is for, a right one is not, and beyond the limit a
/// right one is no better than a wrong one.
#[tokio::test]
async fn whoever_guesses_the_secrets_in_addresses_is_told_to_wait() {
    let on = Trusting::sqlite().await;
    let (server, ada) = (&on.server, on.member().await);
    let wrong = Secret::draw().text;
    let redeem = json!({ "handle": "eve", "name": "Eve", "language": "en" }).to_string();
    let replay = format!("/api/replays/{}?key={wrong}", "0".repeat(26));
    let (get, post) = (Method::GET, Method::POST);
    let tried = [
        (&get, format!("/calendar/{wrong}.ics"), "", "not_found"),
        (&get, format!("/api/answers/{wrong}"), "", "answer_link_not_found"),
        (&post, format!("/api/answers/{wrong}"), "", "answer_link_not_found"),
        (&get, "/api/answers/x".to_owned(), "", "answer_link_not_found"),
        (&get, format!("/api/invites/{wrong}"), "", "invite_not_found"),
        (&post, format!("/api/invites/{wrong}/redeem"), redeem.as_str(), "invite_not_found"),
        (&get, format!("/api/waitlist/{wrong}"), "", "waiting_not_found"),
        (&get, format!("/api/guest-links/{wrong}"), "", "guest_link_not_found"),
        (&post, format!("/api/guest-links/{wrong}"), "", "guest_link_not_found"),
        (&get, replay, "", "replay_not_found"),
    ];
    for (number, (method, path, body, code)) in (1..).zip(&tried) {
        let visitor = Visitor::at(server, &GUESSES, number);
        assert!(!visitor.is_empty());
        let answer = visitor.ask(method, path, body).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (StatusCode::NOT_FOUND, Some(*code)),
            "{method} {path}"
        );
        assert!(visitor.is_empty(), "{method} {path} was counted");
        visitor.wait_for_long();
        visitor.ask(method, path, body).await.refused(429, "rate_limited");
    }

    let url = |made: &Answer| made.json()["url"].as_str().unwrap().to_owned();
    let secret = |url: &str| url.rsplit('/').next().unwrap().to_owned();
    let calendar = format!("/calendar/{}", secret(&url(&ada.post("/api/me/calendar", &json!({})).await)));
    let answers = format!("/api/answers/{}", secret(&link(&ada, &asks_outside(&ada).await).await));
    for (number, (method, path, status)) in
        (100..).zip([(&get, &calendar, 200), (&get, &answers, 200), (&post, &answers, 201)])
    {
        let refused = Visitor::at(server, &GUESSES, number + 50);
        refused.wait_for_long();
        refused.ask(method, path, "").await.refused(429, "rate_limited");
        let visitor = Visitor::at(server, &GUESSES, number);
        let answer = visitor.ask(method, path, "").await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        assert!(!visitor.is_empty(), "{method} {path} costs nothing");
        if *path == calendar {
            // For one member: no cache that others share may keep it.
            assert_eq!(answer.headers["cache-control"], "private, max-age=300");
        }
    }
}

/// Feeds are counted whether there is such a one or not.
#[tokio::test]
async fn feeds_are_not_asked_for_without_end() {
    let on = Trusting::sqlite().await;
    for (number, (path, status)) in
        (1..).zip([("/events.atom", 200), ("/events.ics", 200), ("/people/nobody/podcast.xml", 404)])
    {
        let visitor = Visitor::at(&on.server, &FEEDS, number);
        assert_eq!(visitor.ask(&Method::GET, path, "").await.status, status, "{path}");
        assert!(visitor.is_empty(), "{path} was counted");
        visitor.wait_for_long();
        visitor.ask(&Method::GET, path, "").await.refused(429, "rate_limited");
    }
}
