//! What every public page has around what it says: its head with what other sites read, the name of the server, and the way in.

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::words::Tongue;
use super::{Reader, face};
use crate::http::client_files;
use crate::wire::replays::ReplayAudio;
use crate::wire::socket::Person;

/// Characters of a description. More tell more; other sites cut it off there.
const DESCRIPTION_MAX: usize = 200;

/// What is escaped in a part of a path (RFC 3986, section 3.3).
const IN_PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'/').add(b'<').add(b'>').add(b'?').add(b'`');

/// A page.
pub(super) struct Page {
    pub(super) title: String,
    /// What it is about, for other sites. Cut where it is too long.
    pub(super) description: String,
    /// Its own address, as a path on this server.
    pub(super) path: String,
    /// BCP 47 tag of the language that it is in.
    pub(super) language: String,
    /// BCP 47 tags of all languages in which there is the same, if there are several.
    pub(super) languages: Vec<String>,
    /// Feeds that belong to it, as media type and path.
    pub(super) feeds: Vec<(&'static str, String)>,
    /// Sound that it is about.
    pub(super) audio: Vec<ReplayAudio>,
    /// The key of the unlisted link without which there is no such page.
    pub(super) link: Option<String>,
    /// What it is about, for programs (schema.org, JSON-LD).
    pub(super) data: serde_json::Value,
    /// What it says.
    pub(super) body: Markup,
}

/// The style sheet of all pages, under an address that changes with it.
pub(super) struct Style {
    text: String,
    path: String,
}

impl Style {
    pub(super) fn new() -> Self {
        let tokens = include_str!("../../../../web/src/lib/look/tokens.css");
        let text = format!("{}{tokens}{}", fonts(), include_str!("style.css"));
        let hash = BASE64_URL_SAFE_NO_PAD.encode(&digest(&SHA256, text.as_bytes()).as_ref()[..12]);
        Self { text, path: format!("public/{hash}.css") }
    }

    /// The style sheet, if this is its path.
    pub(super) fn at(&self, path: &str) -> Option<Response> {
        let headers =
            [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
        (path == self.path).then(|| (headers, self.text.clone()).into_response())
    }
}

/// The client's own fonts: the files are found by how their names begin, since they end in a hash.
fn fonts() -> String {
    /// Family, the beginning of the file's name, and the characters that it has.
    const FONTS: [(&str, &str, &str); 4] = [
        ("Source Serif 4 Variable", "source-serif-4-latin-opsz-normal", "U+0-2FF, U+2000-206F, U+20AC, U+2122"),
        (
            "Source Serif 4 Variable",
            "source-serif-4-cyrillic-opsz-normal",
            "U+301, U+400-45F, U+490-491, U+4B0-4B1, U+2116",
        ),
        ("Golos Text Variable", "golos-text-latin-wght-normal", "U+0-2FF, U+2000-206F, U+20AC, U+2122"),
        ("Golos Text Variable", "golos-text-cyrillic-wght-normal", "U+301, U+400-45F, U+490-491, U+4B0-4B1, U+2116"),
    ];
    let mut css = String::new();
    for (family, beginning, range) in FONTS {
        let is_it = |path: &String| {
            let name = path.rsplit('/').next().unwrap_or_default();
            name.starts_with(beginning) && name.ends_with(".woff2")
        };
        if let Some(path) = client_files().find(is_it) {
            css.push_str(&format!(
                "@font-face{{font-family:'{family}';src:url(/{path}) format('woff2');font-weight:200 900;\
                 font-display:swap;unicode-range:{range}}}\n"
            ));
        }
    }
    css
}

impl Page {
    /// The whole page.
    pub(super) fn html(&self, reader: &Reader<'_>, server: &str, style: &Style) -> Markup {
        let base = reader.base();
        let (tongue, url) = (reader.tongue, format!("{base}{}", self.path));
        let description = shortened(&self.description, DESCRIPTION_MAX);
        let unlisted = self.link.is_some();
        let (asking, more) = match &self.link {
            Some(key) => (format!("?key={key}"), format!("&key={key}")),
            None => (String::new(), String::new()),
        };
        let card = format!("{url}/card.png?language={}{more}", self.language);
        html! {
            (DOCTYPE)
            html lang=(self.language) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · " (server) }
                    meta name="description" content=(description);
                    @if unlisted { meta name="robots" content="noindex"; } @else { link rel="canonical" href=(url); }
                    link rel="icon" href="/icon.svg" type="image/svg+xml";
                    link rel="stylesheet" href={ "/" (style.path) };
                    @for language in &self.languages {
                        link rel="alternate" hreflang=(language) href={ (url) "?language=" (language) };
                    }
                    @if !self.languages.is_empty() { link rel="alternate" hreflang="x-default" href=(url); }
                    @for (kind, path) in &self.feeds {
                        link rel="alternate" type=(kind) href={ (base) (path) } title=(self.title);
                    }
                    meta property="og:type" content="website";
                    meta property="og:site_name" content=(server);
                    meta property="og:title" content=(self.title);
                    meta property="og:description" content=(description);
                    meta property="og:url" content={ (url) (asking) };
                    meta property="og:locale" content=(self.language.replace('-', "_"));
                    meta property="og:image" content=(card);
                    meta property="og:image:type" content="image/png";
                    meta property="og:image:width" content=(super::card::WIDTH);
                    meta property="og:image:height" content=(super::card::HEIGHT);
                    meta property="og:image:alt" content=(self.title);
                    @for audio in &self.audio {
                        meta property="og:audio" content={ (base) (audio.url) };
                        meta property="og:audio:type" content=(audio.kind);
                    }
                    meta name="twitter:card" content="summary_large_image";
                    @if !unlisted { (data_block(&self.data)) }
                }
                body {
                    // The outline of all faces.
                    svg width="0" height="0" style="position:absolute" aria-hidden="true" {
                        clipPath id="squircle" { path d=(face::outline()); }
                    }
                    header.head lang=(tongue.tag()) {
                        a.name href="/" { (server) }
                        a href="/signin" { (tongue.say("Sign in", "Войти")) }
                        a href="/waitlist" { (tongue.say("Ask to join", "Попроситься")) }
                    }
                    main { (self.body) }
                    footer.foot lang=(tongue.tag()) {
                        span { (tongue.say(
                            "Roomtone: talks you can hear, on a server of its own. Joining takes an invite.",
                            "Roomtone: разговоры, которые можно слушать, на собственном сервере. Войти можно по приглашению.",
                        )) }
                    }
                }
            }
        }
    }
}

/// Data for programs. What ends the element, or begins another, is written as an escape of JSON.
fn data_block(data: &serde_json::Value) -> Markup {
    let text = data.to_string().replace('<', "\\u003c");
    html! { script type="application/ld+json" { (PreEscaped(text)) } }
}

/// Somebody's face.
pub(super) fn face(person: &Person, class: &str) -> Markup {
    let inside = match person.avatar {
        Some(avatar) => html! {
            image href={ "/api/avatars/" (avatar.0) "/small" } width="100" height="100" preserveAspectRatio="xMidYMid slice";
        },
        None => PreEscaped(face::pattern(&person.handle, &person.name)),
    };
    html! {
        svg class={ "face " (class) } viewBox="0 0 100 100" aria-hidden="true" { g clip-path="url(#squircle)" { (inside) } }
    }
}

/// Somebody without an account, or of whom nobody may know: they have the face that follows from their name.
pub(super) fn nobody(name: &str) -> Person {
    let id = crate::wire::Id(roomtone_room::ids::MemberId(0));
    Person { id, handle: name.to_owned(), name: name.to_owned(), avatar: None }
}

/// Somebody with their face, name and handle.
pub(super) fn person(person: &Person) -> Markup {
    html! {
        span.person {
            (face(person, ""))
            span { (person.name) }
            @if !person.handle.is_empty() { span.handle { "@" (person.handle) } }
        }
    }
}

/// Paragraphs as they were written.
pub(super) fn paragraphs(text: &str) -> Markup {
    html! { @for paragraph in text.split("\n\n").filter(|p| !p.trim().is_empty()) {
        p { @for (i, line) in paragraph.lines().enumerate() { @if i > 0 { br; } (line) } }
    } }
}

/// Topics.
pub(super) fn topics(topics: &[String]) -> Markup {
    html! { @if !topics.is_empty() { ul.topics { @for topic in topics { li { (topic) } } } } }
}

/// What to do next, for whoever has no account.
pub(super) fn way_in(tongue: Tongue) -> Markup {
    html! {
        p.actions lang=(tongue.tag()) {
            a.button href="/signin" { (tongue.say("Sign in to take part", "Войти и участвовать")) }
            a href="/waitlist" { (tongue.say("No account yet", "Ещё нет аккаунта")) }
        }
    }
}

/// A part of a path, escaped.
pub(crate) fn in_path(part: &str) -> String {
    utf8_percent_encode(part, IN_PATH).to_string()
}

/// In which language something is, among other facts about it.
pub(super) fn in_language(tongue: Tongue, tag: &str) -> String {
    match super::words::primary(tag).as_str() {
        "en" => tongue.say("in English", "на английском").to_owned(),
        "ru" => tongue.say("in Russian", "на русском").to_owned(),
        _ => own_name(tag).to_owned(),
    }
}

/// What a language is called in itself (CLDR), of those that the client offers first; any other by its tag.
pub(super) fn own_name(tag: &str) -> &str {
    match tag {
        "en" => "English",
        "ru" => "Русский",
        "uk" => "Українська",
        "de" => "Deutsch",
        "fr" => "Français",
        "es" => "Español",
        "it" => "Italiano",
        "pt" => "Português",
        "pl" => "Polski",
        "tr" => "Türkçe",
        "ar" => "العربية",
        "hi" => "हिन्दी",
        "ja" => "日本語",
        "zh" => "中文",
        other => other,
    }
}

/// The beginning of a text, on one line, ending with a whole word.
fn shortened(text: &str, max: usize) -> String {
    let mut short = String::new();
    for word in text.split_whitespace() {
        if short.chars().count() + 1 + word.chars().count() > max {
            if short.is_empty() {
                short.extend(word.chars().take(max - 1));
            }
            short.push('…');
            break;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_end_with_a_word() {
        assert_eq!(shortened("one two\n\nthree", 20), "one two three");
        assert_eq!(shortened("one two three", 9), "one two…");
        assert_eq!(shortened("abcdefghij", 5), "abcd…");
        assert_eq!(shortened("", 5), "");
    }

    #[test]
    fn nothing_that_somebody_wrote_ends_the_data() {
        let block = data_block(&serde_json::json!({ "name": "</script><script>alert(1)</script>" })).into_string();
        assert_eq!(block.matches('<').count(), 2, "{block}");
    }

    #[test]
    fn text_is_escaped_and_keeps_its_lines() {
        let text = paragraphs("one <b>\ntwo\n\n\n\nthree").into_string();
        assert_eq!(text, "<p>one &lt;b&gt;<br>two</p><p>three</p>");
        assert_eq!(in_path("а/?#\""), "%D0%B0%2F%3F%23%22");
    }
}
