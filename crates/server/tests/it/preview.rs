//! What the page of a room tells everybody who has its link: of a public room its title, and of any other nothing at all.

use axum::http::{HeaderMap, Method};
use serde_json::{Value, json};

use crate::support::{Member, Server};

/// The status, headers and body of a page, as a visitor without an account gets it. The date is left out.
async fn page(server: &Server, path: &str) -> (u16, HeaderMap, Vec<u8>) {
    let answer = server.get(path, None).await;
    let mut headers = answer.headers;
    headers.remove("date");
    (answer.status.as_u16(), headers, answer.bytes.to_vec())
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
    let (server, data) = Server::start().await;
    let (ada, ben) = (server.member(&data).await, server.member(&data).await);
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
        assert!(page(&server, &format!("/room/{id}")).await == nobody, "{hidden} shows itself");
    }
    for path in ["/room/", "/room/x", "/", "/inbox"] {
        assert!(page(&server, path).await == nobody, "{path}");
    }
    for shown in [room("open", "open_house".into()), room("open", Value::Null)] {
        let id = ada.opens(shown).await;
        let (status, headers, body) = page(&server, &format!("/room/{id}")).await;
        let text = String::from_utf8(body).unwrap();
        assert_eq!((status, &headers["content-type"]), (200, &"text/html; charset=utf-8".parse().unwrap()));
        assert_eq!(headers["content-security-policy"], nobody.1["content-security-policy"]);
        let escaped = "&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; co";
        let head = text.split("</head>").next().unwrap();
        assert!(head.contains(&format!("<meta property=\"og:title\" content=\"{escaped}\" />")), "{head}");
        assert!(head.contains(&format!("content=\"Hosted by {} · in English · 1 person\"", ada.handle.to_uppercase())));
        assert!(head.contains(&format!("/room/{id}\"")) && head.contains("og:site_name") && head.contains("og:image"));
        // Without the tags it is the very page that everybody gets.
        let (before, rest) = text.split_once("<meta property=\"og:type\"").unwrap();
        let after = rest.split_once("</head>").unwrap().1;
        assert_eq!(format!("{before}</head>{after}").into_bytes(), nobody.2);
        // No script came with it, and asking for the head alone is answered alike.
        assert_eq!(text.matches("<script").count(), String::from_utf8_lossy(&nobody.2).matches("<script").count());
        let path = format!("/room/{id}");
        assert_eq!(server.send(Method::HEAD, &path, None, &[], "").await.status, 200);
        // Once it has ended it is as if it had never been.
        let mut host = ada.enter(&id).await;
        host.accepted(json!({ "type": "end" })).await;
        host.next("bye").await;
        assert!(page(&server, &path).await == nobody, "an ended room shows itself");
    }
    drop(ben);
}
