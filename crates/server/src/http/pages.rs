//! The web client, embedded in the binary.

use std::net::SocketAddr;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{ConnectInfo, State};
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use rust_embed::RustEmbed;

use super::auth::{has_our_cookie, nowhere};
use crate::app::App;
use crate::feeds;
use crate::public;
use crate::wire::{ApiError, Code};

/// What `make web` built. Empty when the server was built without it; then pages say so.
#[derive(RustEmbed)]
#[folder = "../../web/build"]
#[allow_missing = true]
struct Client;

/// The page that every address of the client begins with.
const INDEX: &str = "index.html";

/// Serves a file of the client, or its first page for an address that the client itself understands. Whoever has no account, and reads
/// what everybody may, gets a page that needs no client.
pub(super) async fn serve(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") || path == "api" {
        return nowhere(&app, peer.ip()).into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return ApiError::from(Code::MethodNotAllowed).into_response();
    }
    if let Some(feed) = feeds::answer(&app, uri.path(), &headers, peer.ip()).await {
        return feed;
    }
    if !has_our_cookie(&headers)
        && let Some(answer) = public::answer(&app, &uri, &headers, peer.ip()).await
    {
        return answer.into_response();
    }
    if let Some(file) = Client::get(path) {
        return respond(path, &file, &headers);
    }
    // A missing file of the build is missing; anything else is a page of the client.
    if path.starts_with("_app/") {
        return ApiError::from(Code::NotFound).into_response();
    }
    match Client::get(INDEX) {
        Some(file) => respond(INDEX, &file, &headers),
        None => ApiError::with_message(Code::NotFound, "This server was built without the web client (make build).")
            .into_response(),
    }
}

/// The paths of the client's files.
pub(crate) fn files() -> impl Iterator<Item = String> {
    Client::iter().map(|path| path.into_owned())
}

fn respond(path: &str, file: &rust_embed::EmbeddedFile, headers: &HeaderMap) -> Response {
    // Both forms of a file have one tag, which is why it is a weak one (RFC 9110, section 8.8.1).
    let etag = format!("W/\"{}\"", hex(&file.metadata.sha256_hash()[..16]));
    let kind = mime_guess::from_path(path).first_or_octet_stream().to_string();
    // Files under `immutable` have the hash of their content in their name.
    let cache = if path.contains("/immutable/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let unchanged = known.flat_map(|list| list.split(',')).any(|tag| tag.trim() == etag || tag.trim() == "*");
    let common = [(CACHE_CONTROL, cache.to_owned()), (ETAG, etag), (VARY, "accept-encoding".to_owned())];
    if unchanged {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let kind = [(CONTENT_TYPE, kind)];
    match Client::get(&format!("{path}.br")).filter(|_| takes_brotli(headers)) {
        Some(packed) => (common, kind, [(CONTENT_ENCODING, "br")], packed.data).into_response(),
        None => (common, kind, file.data.clone()).into_response(),
    }
}

/// Whether the browser takes Brotli (RFC 9110, section 12.5.3): named, and not with a weight of zero.
fn takes_brotli(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|list| list.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case("br") && weight.is_some_and(|q| q > 0.0)
    })
}

/// The CSP sources (` 'sha256-…'`) of the scripts inside the first page, which start the client.
pub(super) fn inline_script_hashes() -> String {
    let Some(index) = Client::get(INDEX) else {
        return String::new();
    };
    let page = String::from_utf8_lossy(&index.data);
    let mut sources = String::new();
    for part in page.split("<script").skip(1) {
        let Some((attributes, rest)) = part.split_once('>') else {
            continue;
        };
        let Some((script, _)) = rest.split_once("</script>") else {
            continue;
        };
        if !attributes.contains("src=") {
            sources.push_str(&format!(" 'sha256-{}'", BASE64_STANDARD.encode(digest(&SHA256, script.as_bytes()))));
        }
    }
    sources
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brotli_is_for_those_who_take_it() {
        for (accepted, taken) in
            [("gzip, br", true), ("BR;q=0.5", true), ("gzip", false), ("br;q=0", false), ("br;q=x", false), ("", false)]
        {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, accepted.parse().unwrap())]);
            assert_eq!(takes_brotli(&headers), taken, "{accepted}");
        }
    }
}
