//! Hostile text in every field of every JSON body, by the server's own description of itself: never a fault of the
//! server, and nothing that misleads a reader is taken.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::http::Method;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::support::{Answer, Server};

/// Refused wherever a text is taken: with these a text could be shown as another, break a line or a log, or hide.
const MISLEADING: &[&str] = &[
    "a\u{0000}b",
    "a\u{0007}b",
    "a\u{001b}[31mb",
    "a\u{0085}b",
    "a\u{061c}b",
    "a\u{200b}b",
    "a\u{200e}b",
    "a\u{2028}b",
    "a\u{202a}b",
    "a\u{202e}b",
    "a\u{2066}b",
    "a\u{2069}b",
    "a\u{feff}b",
    "a\u{e0041}b",
];

/// Taken or refused as the field wants it, but never a fault of the server.
const STRANGE: &[&str] = &[
    "",
    " ",
    "\t\n",
    "null",
    "undefined",
    "-1",
    "1e309",
    "NaN",
    "true",
    "../../../etc/passwd",
    "%00",
    "%2e%2e%2f",
    "' OR 1=1 --",
    "\"; DROP TABLE members; --",
    "$1",
    "{{7*7}}",
    "${jndi:ldap://127.0.0.1/a}",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "https://ada:secret@127.0.0.1:1/",
    "http://[::ffff:127.0.0.1]/",
    "e\u{0301}\u{0301}\u{0301}\u{0301}\u{0301}\u{0301}\u{0301}\u{0301}",
    "👩‍👩‍👧‍👦",
    "\u{1f3f4}\u{e0067}",
    "𝒜𝒹𝒶",
    "аdа",
    "ﷺ",
    "ß",
    "İ",
    "ﬁ",
    "00000000000000000000000000",
    "zzzzzzzzzzzzzzzzzzzzzzzzzz",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_text_in_any_field_is_a_fault_of_the_server() {
    let (server, data) = start().await;
    let description = server.get("/api/openapi.json", None).await.json();
    let (mut routes, mut fields) = (0, 0);
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let Some(schema) = operation["requestBody"]["content"].get("application/json") else { continue };
            routes += 1;
            let whole = example(&description, &schema["schema"]);
            let method: Method = method.to_uppercase().parse().unwrap();
            // Places in the path that nobody has: what is refused for its text is refused before anything is looked up, or
            // the thing is missing.
            let path = fill(path);
            let mut caller = server.member(&data).await.token;
            for place in texts(&whole) {
                fields += 1;
                for text in STRANGE.iter().chain(MISLEADING).copied().map(str::to_owned).chain(["x".repeat(9_000)]) {
                    let mut body = whole.clone();
                    *body.pointer_mut(&place).unwrap() = json!(text);
                    let mut answer = send(&server, &method, &path, &caller, body.to_string()).await;
                    if answer.status == 429 {
                        caller = server.member(&data).await.token;
                        answer = send(&server, &method, &path, &caller, body.to_string()).await;
                    }
                    let what = format!("{method} {path} with {text:.40?} at {place}: {}", answer.text);
                    assert!(!answer.status.is_server_error(), "{what}");
                    if !answer.status.is_success() {
                        assert!(answer.json()["code"].is_string(), "{what}");
                    }
                    if MISLEADING.contains(&text.as_str()) || text.len() > 8_000 {
                        assert!(answer.status.is_client_error(), "{what}");
                    }
                }
            }
        }
    }
    assert!(routes > 20 && fields > 40, "{routes} routes with {fields} fields");
    server.stop().await;
}

/// What is not JSON, or not the JSON that is asked for, on every route that takes some.
#[tokio::test(flavor = "multi_thread")]
async fn no_body_is_a_fault_of_the_server() {
    let (server, data) = start().await;
    let description = server.get("/api/openapi.json", None).await.json();
    let deep = "[".repeat(20_000);
    let bodies = ["", "{", "null", "[]", "\"\"", "0", "{\"a\":1}", "{\"\\ud800\":1}", "{\"name\":\"\\ud800\"}", &deep];
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation["requestBody"]["content"].get("application/json").is_none() {
                continue;
            }
            let method: Method = method.to_uppercase().parse().unwrap();
            let path = fill(path);
            let caller = server.member(&data).await.token;
            for body in bodies {
                let answer = send(&server, &method, &path, &caller, body.to_owned()).await;
                assert!(
                    answer.status.is_client_error(),
                    "{method} {path} with {body:.20}: {} {}",
                    answer.status,
                    answer.text
                );
                assert!(answer.json()["code"].is_string());
            }
        }
    }
    server.stop().await;
}

/// Sends a body, as if from an address that nobody has sent anything from before: limits for addresses are tried elsewhere.
async fn send(server: &Server, method: &Method, path: &str, token: &str, body: String) -> Answer {
    static NEXT: AtomicU32 = AtomicU32::new(u32::from_be_bytes([10, 0, 0, 0]));
    let from = Ipv4Addr::from(NEXT.fetch_add(1, Ordering::Relaxed)).to_string();
    let headers = [("content-type", "application/json"), ("x-forwarded-for", &from)];
    server.send(method.clone(), path, Some(token), &headers, body).await
}

/// A server that believes where requests say they come from.
async fn start() -> (Server, TempDir) {
    let data = tempfile::tempdir().unwrap();
    (Server::start_with(data.path(), &["--proxy", "127.0.0.1"]).await, data)
}

/// A path with ids and handles that nobody has.
fn fill(path: &str) -> String {
    let mut filled = String::new();
    for (number, part) in path.split(['{', '}']).enumerate() {
        filled.push_str(match (number % 2, part) {
            (0, part) => part,
            (_, "handle" | "member") => "nobody_at_all",
            _ => "7zzzzzzzzzzzzzzzzzzzzzzzzz",
        });
    }
    filled
}

/// Some value of a schema: every field there, texts as "x".
fn example(description: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return example(description, description.pointer(reference.trim_start_matches('#')).unwrap());
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema[choice].as_array() {
            return example(description, choices.iter().find(|choice| choice["type"] != "null").unwrap());
        }
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"].get(0)?.as_str());
    match kind {
        Some("object") => {
            let properties = schema["properties"].as_object().cloned().unwrap_or_default();
            properties
                .iter()
                .map(|(name, schema)| (name.clone(), example(description, schema)))
                .collect::<Map<_, _>>()
                .into()
        }
        Some("array") => json!([example(description, &schema["items"])]),
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(true),
        _ => json!("x"),
    }
}

/// Where texts stand in a body (RFC 6901).
fn texts(whole: &Value) -> Vec<String> {
    fn walk(value: &Value, place: &str, found: &mut Vec<String>) {
        match value {
            Value::String(_) => found.push(place.to_owned()),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(i, item)| walk(item, &format!("{place}/{i}"), found))
            }
            Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| walk(value, &format!("{place}/{name}"), found))
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(whole, "", &mut found);
    found
}
