//! Links on a page that say whose it is.

use html5gum::{DefaultEmitter, Token, Tokenizer};
use url::Url;

/// Whether a page has a link to `target` that says `rel="me"`: an `a` or a `link` that is really one, and not in a comment or a
/// script. The address is compared as addresses are, so that it may be written in any of their forms; it must be a whole one.
pub(super) fn has_rel_me(page: &[u8], target: &Url) -> bool {
    let page = String::from_utf8_lossy(page);
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut tokens = Tokenizer::new_with_emitter(&*page, emitter);
    tokens.any(|token| {
        let Ok(Token::StartTag(tag)) = token else { return false };
        let attribute = |name: &[u8]| {
            let value = tag.attributes.get(name)?;
            std::str::from_utf8(value).ok()
        };
        matches!(tag.name.as_slice(), b"a" | b"link")
            && attribute(b"rel").is_some_and(is_me)
            && attribute(b"href").and_then(|href| Url::parse(href).ok()).is_some_and(|link| link == *target)
    })
}

fn is_me(rel: &str) -> bool {
    rel.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("me"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_say_me() {
        let target = Url::parse("https://talk.example/people/ada#7abc").unwrap();
        let good = [
            r#"<a rel="me" href="https://talk.example/people/ada#7abc">Ada</a>"#,
            r#"<!doctype html><html><head><link rel=me href=https://talk.example/people/ada#7abc>"#,
            r#"<A HREF='https://TALK.example:443/people/ada#7abc' REL='nofollow ME noopener'>x"#,
            r#"<p><a href="https://talk.example/people/&#x61;da#7abc" rel="me">"#,
            "\u{fffd}<a rel=\"me\" href=\" https://talk.example/people/ada#7abc \">",
        ];
        for page in good {
            assert!(has_rel_me(page.as_bytes(), &target), "{page}");
        }
        let bad = [
            "",
            "https://talk.example/people/ada#7abc",
            r#"<a href="https://talk.example/people/ada#7abc">"#,
            r#"<a rel="home" href="https://talk.example/people/ada#7abc">"#,
            r#"<a rel="meh" href="https://talk.example/people/ada#7abc">"#,
            r#"<a rel="me" href="https://talk.example/people/ada">"#,
            r#"<a rel="me" href="https://talk.example/people/ada#7abd">"#,
            r#"<a rel="me" href="https://talk.example/people/ada?x#7abc">"#,
            r#"<a rel="me" href="https://talk.example/people/adam#7abc">"#,
            r#"<a rel="me" href="http://talk.example/people/ada#7abc">"#,
            r#"<a rel="me" href="https://talk.example.evil.example/people/ada#7abc">"#,
            r#"<a rel="me" href="https://talk.example@evil.example/people/ada#7abc">"#,
            r#"<a rel="me" href="/people/ada#7abc">"#,
            r#"<area rel="me" href="https://talk.example/people/ada#7abc">"#,
            r#"<!-- <a rel="me" href="https://talk.example/people/ada#7abc"> -->"#,
            r#"<script>"<a rel='me' href='https://talk.example/people/ada#7abc'>"</script>"#,
            r#"<textarea><a rel="me" href="https://talk.example/people/ada#7abc"></textarea>"#,
            r#"<title><a rel="me" href="https://talk.example/people/ada#7abc">"#,
            r#"<p title="<a rel='me' href='https://talk.example/people/ada#7abc'>">"#,
            r#"<a rel="me" href="https://talk.example/people/ada#7abc""#,
            r#"&lt;a rel="me" href="https://talk.example/people/ada#7abc"&gt;"#,
        ];
        for page in bad {
            assert!(!has_rel_me(page.as_bytes(), &target), "{page}");
        }
    }
}
