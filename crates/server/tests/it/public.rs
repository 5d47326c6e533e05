//! Pages for people without an account: what is public says what it is, in the reader's language, and everything else is as if it
//! were not there.

use axum::http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::support::{Answer, Member, Server};

/// The status, headers and body of a page, as a visitor without an account gets it. The date is left out.
async fn page(server: &Server, path: &str) -> (u16, HeaderMap, Vec<u8>) {
    let answer = server.get(path, None).await;
    let mut headers = answer.headers;
    headers.remove("date");
    (answer.status.as_u16(), headers, answer.bytes.to_vec())
}

async fn with(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    server.send(Method::GET, path, None, headers, "").await
}

/// What a page says of itself to programs.
fn data(text: &str) -> Value {
    let block = text.split("<script type=\"application/ld+json\">").nth(1).expect("there is a block of data");
    serde_json::from_str(block.split("</script>").next().unwrap()).unwrap()
}

impl Member<'_> {
    async fn opens(&self, body: Value) -> String {
        let made = self.post("/api/rooms", &body).await;
        assert!(made.status.is_success(), "{}", made.text);
        made.json()["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn only_a_public_room_shows_anything_of_itself() {
    let (server, data_folder) = Server::start().await;
    let ada = server.member(&data_folder).await;
    let nobody = page(&server, &format!("/room/{}", "7".repeat(26))).await;
    assert_eq!(nobody.0, 200, "the web client has to be built: cd web && npm run build");
    let title = "\"><script>alert('x')</script> & co";
    let house = |handle: &str, private: bool, nominated: bool| json!({ "handle": handle, "name": "House", "private": private, "nominated": nominated });
    let room = |kind: &str, house: Value| json!({ "title": title, "kind": kind, "house": house });
    for (handle, private, nominated) in [("open_house", false, false), ("shut", true, false), ("by_word", false, true)]
    {
        let made = ada.post("/api/houses", &house(handle, private, nominated)).await;
        assert!(made.status.is_success(), "{}", made.text);
    }
    for hidden in [
        room("social", Value::Null),
        room("closed", Value::Null),
        room("closed", "open_house".into()),
        room("social", "open_house".into()),
        room("open", "shut".into()),
        room("open", "by_word".into()),
    ] {
        let id = ada.opens(hidden.clone()).await;
        for path in [format!("/room/{id}"), format!("/room/{id}/card.png")] {
            assert!(page(&server, &path).await == nobody, "{hidden} shows itself");
        }
    }
    for path in ["/room/", "/room/x", "/", "/inbox", "/houses/shut", "/houses/nobody", "/people/nobody"] {
        assert!(page(&server, path).await == nobody, "{path}");
    }
    for shown in [room("open", "open_house".into()), room("open", Value::Null)] {
        let id = ada.opens(shown).await;
        let path = format!("/room/{id}");
        let (status, headers, body) = page(&server, &path).await;
        let text = String::from_utf8(body).unwrap();
        assert_eq!((status, &headers["content-type"]), (200, &"text/html; charset=utf-8".parse().unwrap()));
        assert_eq!(headers["content-security-policy"], nobody.1["content-security-policy"]);
        assert!(headers["vary"].to_str().unwrap().contains("cookie"));
        let escaped = "&quot;&gt;&lt;script&gt;alert('x')&lt;/script&gt; &amp; co";
        let (head, rest) = text.split_once("</head>").unwrap();
        assert!(head.contains(&format!("<meta property=\"og:title\" content=\"{escaped}\">")), "{head}");
        let about = format!("Hosted by {} · in English · 0 listening · 1 on stage", ada.handle.to_uppercase());
        assert!(head.contains(&format!("<meta name=\"description\" content=\"{about}\">")), "{head}");
        assert!(head.contains(&format!("{path}/card.png?language=en\"")) && head.contains("og:site_name"), "{head}");
        assert!(rest.contains("&lt;script&gt;alert('x')&lt;/script&gt; &amp; co</h1>"), "{rest}");
        // The only script is data, and what was written does not end it.
        assert_eq!(text.matches("<script").count(), 1, "{text}");
        assert_eq!(data(&text)["name"], title);
        assert_eq!(server.send(Method::HEAD, &path, None, &[], "").await.status, 200);
        // Whoever is signed in gets the client.
        let signed_in = with(&server, &path, &[("cookie", "roomtone_session=x")]).await;
        assert!(signed_in.bytes.to_vec() == nobody.2);
        // Once it has ended it is as if it had never been, as soon as what was made is not fresh any more.
        let mut host = ada.enter(&id).await;
        host.accepted(json!({ "type": "end" })).await;
        host.next("bye").await;
        let asked_anew = format!("{path}?language=fr");
        assert!(page(&server, &asked_anew).await == nobody, "an ended room shows itself");
    }
}

#[tokio::test]
async fn a_page_is_in_the_reader_s_language_and_is_not_sent_twice() {
    let (server, data_folder) = Server::start().await;
    let ada = server.member(&data_folder).await;
    let id = ada.opens(json!({ "title": "Вечер вслух", "kind": "open", "language": "ru" })).await;
    let path = format!("/room/{id}");
    let english = with(&server, &path, &[("accept-language", "de, en;q=0.5")]).await;
    assert!(english.text.contains("Live now") && english.headers["content-language"] == "en");
    assert!(english.text.contains("<h1 lang=\"ru\">Вечер вслух</h1>"), "{}", english.text);
    for language in ["en", "ru"] {
        let same = format!(
            "hreflang=\"{language}\" href=\"{}{path}?language={language}\"",
            server.app.public_url.as_str().trim_end_matches('/')
        );
        assert!(english.text.contains(&same), "{}", english.text);
    }
    let russian = with(&server, &path, &[("accept-language", "ru-RU,en")]).await;
    assert!(russian.text.contains("Сейчас в эфире") && russian.text.contains("<html lang=\"ru\">"));
    let asked = with(&server, &format!("{path}?language=ru"), &[("accept-language", "en")]).await;
    assert_eq!(asked.text, russian.text);
    let tag = english.headers["etag"].to_str().unwrap().to_owned();
    let again = with(&server, &path, &[("accept-language", "en"), ("if-none-match", &tag)]).await;
    assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
    // Its picture, and its style, which may be kept for good.
    let card = with(&server, &format!("{path}/card.png?language=en"), &[]).await;
    assert_eq!(card.headers["content-type"], "image/png");
    assert_eq!(card.headers["cross-origin-resource-policy"], "cross-origin");
    assert_eq!(&card.bytes[..8], b"\x89PNG\r\n\x1a\n");
    let style = english.text.split("<link rel=\"stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let style = with(&server, style, &[]).await;
    assert_eq!(style.headers["content-type"], "text/css; charset=utf-8");
    assert!(style.text.contains("--paper") && style.text.contains("@font-face"), "{}", style.text);
}

#[tokio::test]
async fn a_profile_is_read_by_everybody_only_if_its_member_says_so() {
    let (server, data_folder) = Server::start().await;
    let (ada, ben) = (server.member(&data_folder).await, server.member(&data_folder).await);
    for (handle, private) in [("makers", false), ("cellar", true)] {
        let made = ada.post("/api/houses", &json!({ "handle": handle, "name": handle, "private": private })).await;
        assert!(made.status.is_success(), "{}", made.text);
    }
    let path = format!("/people/{}", ada.handle);
    let house = || async { page(&server, "/houses/makers").await.2 };
    assert!(!String::from_utf8(house().await).unwrap().contains(&ada.handle), "an admin is named who did not say so");
    let hidden = page(&server, &path).await;
    let change = json!({ "public": true, "bio": "Engines & looms", "links": ["https://ada.example/"] }).to_string();
    assert!(server.send_json(Method::PATCH, "/api/me", Some(&ada.token), &change).await.status.is_success());
    let shown = String::from_utf8(page(&server, &path).await.2).unwrap();
    assert!(shown.contains("Engines &amp; looms") && shown.contains("rel=\"me nofollow noopener\""), "{shown}");
    assert!(shown.contains("/houses/makers") && !shown.contains("cellar"), "{shown}");
    assert_eq!(data(&shown)["mainEntity"]["description"], "Engines & looms");
    for secret in ["sponsor", "follower", &ben.handle] {
        assert!(!shown.contains(secret), "{secret}");
    }
    let named = server.get("/houses/makers?language=ru", None).await.text;
    assert!(named.contains(&format!("@{}", ada.handle)), "{named}");
    let change = json!({ "public": false }).to_string();
    server.send_json(Method::PATCH, "/api/me", Some(&ada.token), &change).await;
    assert!(page(&server, &format!("{path}?language=ru")).await.2 == hidden.2);
}
