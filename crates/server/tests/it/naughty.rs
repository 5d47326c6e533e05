//! Hostile text in every field of every JSON body, by the server's own description of itself: never a fault of the
//! server, nothing that misleads a reader is taken, and both kinds of database make the same of it.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::http::Method;
use serde_json::{Map, Value, json};

use crate::support::{Answer, Server, Trusting, on_both_databases};

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

on_both_databases!(
    no_text_in_any_field_is_a_fault_of_the_server,
    no_body_is_a_fault_of_the_server,
    no_address_is_a_fault_of_the_server
);

async fn no_text_in_any_field_is_a_fault_of_the_server(servers: &[Trusting]) {
    let description = servers[0].server.get("/api/openapi.json", None).await.json();
    let (mut routes, mut fields) = (0, 0);
    for (path, method, operation) in operations(&description) {
        let Some(schema) = operation["requestBody"]["content"].get("application/json") else { continue };
        routes += 1;
        let whole = example(&description, &schema["schema"]);
        // Places in the path that nobody has: what is refused for its text is refused before anything is looked up, or the
        // thing is missing.
        let path = fill(path, None);
        let mut callers = Callers::new(servers).await;
        for place in texts(&whole) {
            fields += 1;
            for text in hostile() {
                let mut body = whole.clone();
                *body.pointer_mut(&place).unwrap() = json!(text);
                let answer = callers.alike(&method, &path, &body.to_string()).await;
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
    assert!(routes > 20 && fields > 40, "{routes} routes with {fields} fields");
}

/// What is not JSON, or not the JSON that is asked for, on every route that takes some.
async fn no_body_is_a_fault_of_the_server(servers: &[Trusting]) {
    let description = servers[0].server.get("/api/openapi.json", None).await.json();
    let deep = "[".repeat(20_000);
    let bodies = ["", "{", "null", "[]", "\"\"", "0", "{\"a\":1}", "{\"\\ud800\":1}", "{\"name\":\"\\ud800\"}", &deep];
    for (path, method, operation) in operations(&description) {
        if operation["requestBody"]["content"].get("application/json").is_none() {
            continue;
        }
        let path = fill(path, None);
        let mut callers = Callers::new(servers).await;
        for body in bodies {
            let answer = callers.alike(&method, &path, body).await;
            let what = format!("{method} {path} with {body:.20}: {} {}", answer.status, answer.text);
            assert!(answer.status.is_client_error(), "{what}");
            assert!(answer.json()["code"].is_string(), "{what}");
        }
    }
}

/// Hostile text in every place of every path, and in every parameter behind it.
async fn no_address_is_a_fault_of_the_server(servers: &[Trusting]) {
    let description = servers[0].server.get("/api/openapi.json", None).await.json();
    let mut places = 0;
    let mut callers = Callers::new(servers).await;
    for (path, method, operation) in operations(&description) {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let body = if schema.is_null() { String::new() } else { example(&description, schema).to_string() };
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        for parameter in &parameters {
            places += 1;
            let name = parameter["name"].as_str().unwrap();
            for text in hostile() {
                let text: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
                // In a path a space is `%20`.
                let text = text.replace('+', "%20");
                let path = match parameter["in"].as_str() {
                    Some("path") => fill(path, Some((name, &text))),
                    _ => format!("{}?{name}={text}", fill(path, None)),
                };
                let answer = callers.alike(&method, &path, &body).await;
                let what = format!("{method} {path:.80}: {} {:.200}", answer.status, answer.text);
                assert!(!answer.status.is_server_error(), "{what}");
            }
        }
    }
    assert!(places > 40, "{places} places");
}

/// A member on each server.
struct Callers<'a> {
    servers: &'a [Trusting],
    tokens: Vec<String>,
}

impl<'a> Callers<'a> {
    async fn new(servers: &'a [Trusting]) -> Self {
        let mut tokens = Vec::new();
        for one in servers {
            tokens.push(one.member().await.token);
        }
        Self { servers, tokens }
    }

    /// The answer of each server, which is the same one for all: the status, and the code of an error.
    async fn alike(&mut self, method: &Method, path: &str, body: &str) -> Answer {
        let mut answers = Vec::new();
        for (one, token) in self.servers.iter().zip(&mut self.tokens) {
            let mut answer = send(&one.server, method, path, token, body.to_owned()).await;
            if matches!(answer.status.as_u16(), 401 | 429) {
                // They have asked for too much, or to be signed out.
                *token = one.member().await.token;
                answer = send(&one.server, method, path, token, body.to_owned()).await;
            }
            answers.push(answer);
        }
        let first = answers.swap_remove(0);
        for other in answers {
            let what = format!("{method} {path:.80} with {body:.200}: {:.200} and {:.200}", first.text, other.text);
            assert_eq!(first.status, other.status, "{what}");
            if !first.status.is_success() {
                assert_eq!(code_of(&first), code_of(&other), "{what}");
            }
        }
        first
    }
}

/// The code of an error; none if it is not one of the API, such as a page that is not there.
fn code_of(answer: &Answer) -> Option<String> {
    serde_json::from_str::<Value>(&answer.text).ok()?["code"].as_str().map(str::to_owned)
}

/// Sends a body, as if from an address that nobody has sent anything from before: limits for addresses are tried elsewhere.
async fn send(server: &Server, method: &Method, path: &str, token: &str, body: String) -> Answer {
    static NEXT: AtomicU32 = AtomicU32::new(u32::from_be_bytes([10, 0, 0, 0]));
    let from = Ipv4Addr::from(NEXT.fetch_add(1, Ordering::Relaxed)).to_string();
    let headers = [("content-type", "application/json"), ("x-forwarded-for", &from)];
    server.send(method.clone(), path, Some(token), &headers, body).await
}

/// The texts that are tried.
fn hostile() -> impl Iterator<Item = String> {
    STRANGE.iter().chain(MISLEADING).copied().map(str::to_owned).chain(["x".repeat(9_000)])
}

/// Every path of the description with each of its methods.
fn operations(description: &Value) -> impl Iterator<Item = (&String, Method, &Value)> {
    let paths = description["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (path, method.to_uppercase().parse().unwrap(), operation))
    })
}

/// A path with ids and handles that nobody has, and with a text of its own in one place.
fn fill(path: &str, place: Option<(&str, &str)>) -> String {
    let mut filled = String::new();
    for (number, part) in path.split(['{', '}']).enumerate() {
        filled.push_str(match (number % 2, part) {
            (0, part) => part,
            (_, part) if place.is_some_and(|(name, _)| name == part) => place.unwrap().1,
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
