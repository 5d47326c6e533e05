//! Rules for text that members enter. Refuse rather than clean, apart from Unicode normalisation.

use roomtone_store::skeleton;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::{RestrictionLevel, RestrictionLevelDetection};
use url::Url;

use crate::wire::Code;

/// A handle that may be had, and what it looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Handle {
    /// The handle: NFKC and lower case.
    pub(super) text: String,
    /// The same for all handles that look alike (Unicode Technical Standard 39, section 4).
    pub(super) skeleton: String,
}

/// A handle: after NFKC and lower-casing, 2 to 30 letters of one script, `0-9` and `_`, beginning with a letter. Characters
/// that UTS 39 restricts are refused, and so are mixed scripts (its section 5.2, level single script).
pub(super) fn handle(text: &str) -> Result<Handle, Code> {
    // Longer in bytes than any that fits, before it is worked on.
    if text.len() > 4 * HANDLE_MAX {
        return Err(Code::InvalidHandle);
    }
    let text: String = text.trim().nfkc().flat_map(char::to_lowercase).nfkc().collect();
    let fits = (2..=HANDLE_MAX).contains(&text.chars().count())
        && text.starts_with(|c: char| c.is_alphabetic() && !is_combining_mark(c))
        && text
            .chars()
            .all(|c| c == '_' || c.is_ascii_digit() || is_combining_mark(c) || (c.is_alphabetic() && !c.is_numeric()))
        && !piles_up_marks(&text)
        && text.check_restriction_level(RestrictionLevel::SingleScript);
    if !fits {
        return Err(Code::InvalidHandle);
    }
    Ok(Handle { skeleton: skeleton(&text), text })
}

/// Most characters of a handle.
const HANDLE_MAX: usize = 30;

/// Whether more marks stand on one letter than any language puts there, or the same twice (UTS 39, section 5.4).
fn piles_up_marks(text: &str) -> bool {
    let marks: Vec<_> = text.nfd().map(|c| is_combining_mark(c).then_some(c)).collect();
    marks.windows(2).any(|pair| pair[0].is_some() && pair[0] == pair[1])
        || marks.windows(5).any(|run| run.iter().all(Option::is_some))
}

/// A name or label: 1 to 60 characters after NFC and trimming, on one line, without `<` and `>`: names are written into letters
/// and pages of other programs, which may take them for markup.
pub(super) fn name(text: &str) -> Result<String, Code> {
    line(text, 60).filter(|name| !name.contains(['<', '>'])).ok_or(Code::InvalidName)
}

/// A room's title: 1 to 120 characters after NFC and trimming, on one line.
pub(super) fn title(text: &str) -> Result<String, Code> {
    line(text, 120).ok_or(Code::InvalidTitle)
}

/// A line of a transcript: 1 to 1,000 characters after NFC and trimming, more than what somebody says without a pause in half a minute.
pub(crate) fn line_of_speech(text: &str) -> Result<String, Code> {
    line(text, 1_000).ok_or(Code::InvalidText)
}

/// A language tag of the shape of BCP 47 (RFC 5646, section 2.1): letters, then subtags of 1 to 8 letters and digits.
pub(crate) fn language(text: &str) -> Result<&str, Code> {
    let mut subtags = text.split('-');
    let primary = subtags.next().unwrap_or_default();
    let fits = text.len() <= 35
        && (2..=8).contains(&primary.len())
        && primary.bytes().all(|b| b.is_ascii_alphabetic())
        && subtags.all(|tag| (1..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric()));
    if fits { Ok(text) } else { Err(Code::InvalidLanguage) }
}

/// A text of several lines: up to `max_chars` characters after NFC and trimming, possibly none. Lines end with `\n`. Controls,
/// and characters that change the direction of a text or hide in it, are refused and not taken out: nobody's words are
/// changed behind their back.
pub(super) fn paragraphs(text: &str, max_chars: usize) -> Result<String, Code> {
    // Longer in bytes than any that fits, before it is worked on: NFC makes at most three characters of one.
    if text.len() > 16 * max_chars {
        return Err(Code::InvalidText);
    }
    let text: String = text.trim().replace("\r\n", "\n").nfc().collect();
    let fits = text.chars().count() <= max_chars && !text.chars().any(|c| c != '\n' && misleads(c));
    if fits { Ok(text) } else { Err(Code::InvalidText) }
}

/// A link to show to others: https, to a named host, without credentials, at most 200 characters as a URL is written.
pub(super) fn url(text: &str) -> Result<String, Code> {
    let text = text.trim();
    if text.len() > 4 * LINK_MAX || text.chars().any(|c| misleads(c) || c.is_whitespace()) {
        return Err(Code::InvalidLink);
    }
    let url = Url::parse(text).map_err(|_| Code::InvalidLink)?;
    let named = url.host().is_some_and(|host| matches!(host, url::Host::Domain(name) if name.contains('.')));
    let fits = url.scheme() == "https"
        && named
        && url.username().is_empty()
        && url.password().is_none()
        && url.as_str().len() <= LINK_MAX;
    if fits { Ok(url.into()) } else { Err(Code::InvalidLink) }
}

/// Most characters of a link.
const LINK_MAX: usize = 200;

/// A domain of the internet, in lower-case ASCII.
pub(super) fn domain(text: &str) -> Result<String, Code> {
    crate::proof::domain(text.trim()).ok_or(Code::InvalidDomain)
}

/// At most `most` topics, each 1 to 30 characters on one line after NFC and trimming, in lower case; none is there twice.
pub(super) fn topics(topics: &[String], most: usize) -> Result<Vec<String>, Code> {
    let mut folded = Vec::with_capacity(topics.len().min(most));
    for topic in topics {
        let topic = line(topic, TOPIC_MAX).map(|topic| topic.to_lowercase()).ok_or(Code::InvalidTopics)?;
        if !folded.contains(&topic) {
            folded.push(topic);
        }
        if folded.len() > most {
            return Err(Code::InvalidTopics);
        }
    }
    Ok(folded)
}

/// Most characters of a topic.
const TOPIC_MAX: usize = 30;

fn line(text: &str, max_chars: usize) -> Option<String> {
    let text: String = text.trim().nfc().collect();
    let fits = text.chars().any(shows)
        && text.chars().count() <= max_chars
        && !text.chars().any(misleads)
        && !piles_up_marks(&text);
    fits.then_some(text)
}

/// Whether something is to be seen where this character stands alone.
fn shows(c: char) -> bool {
    !c.is_whitespace()
        && !is_combining_mark(c)
        && !misleads(c)
        && !matches!(
            c,
            // Soft hyphen, fillers of Hangul, joiners, blank of Braille, null notehead, shorthand controls.
            '\u{AD}'
                | '\u{115F}'
                | '\u{1160}'
                | '\u{3164}'
                | '\u{FFA0}'
                | '\u{200C}'
                | '\u{200D}'
                | '\u{2800}'
                | '\u{1D159}'
                | '\u{1BCA0}'..='\u{1BCA3}'
        )
}

/// Control characters, and those that change the direction or hide the presence of the text around them (Unicode
/// Technical Report 36, section 2.7.2): with them a name could be shown as another.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles() {
        let cases = [
            ("ab", "ab"),
            ("ada_1", "ada_1"),
            ("Ada", "ada"),
            (" ada ", "ada"),
            ("ａｄａ", "ada"),
            ("Фаина", "фаина"),
            ("e\u{301}va", "éva"),
            ("山田たろう", "山田たろう"),
            ("ﬁn", "fin"),
            ("z23456789012345678901234567890", "z23456789012345678901234567890"),
        ];
        for (given, made) in cases {
            assert_eq!(handle(given).map(|handle| handle.text), Ok(made.to_owned()), "{given}");
        }
        let long = "z".repeat(31);
        let bad = [
            "",
            "a",
            "1ab",
            "_ab",
            "a-b",
            "a b",
            "a.b",
            "a'b",
            "адa",
            "аda",
            "aβ",
            "a\u{200d}b",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\nb",
            "<b>",
            "a/b",
            "a%b",
            "@ada",
            "ada😀",
            "a٣b",
            "a²½",
            "ⅷⅷ½",
            "\u{301}ab",
            "aª\u{0}",
            "e\u{301}\u{301}",
            "a\u{323}\u{302}\u{301}\u{303}\u{308}\u{30a}b",
            &long,
        ];
        for bad in bad {
            assert_eq!(handle(bad), Err(Code::InvalidHandle), "{bad:?}");
        }
        assert_eq!(handle(&"a".repeat(1 << 20)), Err(Code::InvalidHandle));
    }

    #[test]
    fn handles_that_look_alike_have_one_skeleton() {
        let skeleton = |text: &str| handle(text).unwrap().skeleton;
        for (one, other) in [("coco", "сосо"), ("rob", "r0b"), ("bill", "bi1l"), ("modern", "rnodern"), ("ada", "ADA")]
        {
            assert_eq!(skeleton(one), skeleton(other), "{one} {other}");
        }
        for (one, other) in [("ada", "ida"), ("ada1", "ada2"), ("ada_b", "adab"), ("guest10", "guest11")] {
            assert_ne!(skeleton(one), skeleton(other), "{one} {other}");
        }
    }

    #[test]
    fn paragraphs_keep_lines_and_refuse_what_misleads() {
        assert_eq!(paragraphs(" Hello\r\nthere\n\n😀 e\u{301} ", 20), Ok("Hello\nthere\n\n😀 é".to_owned()));
        assert_eq!(paragraphs("", 20), Ok(String::new()));
        assert_eq!(paragraphs(&"x".repeat(20), 20), Ok("x".repeat(20)));
        let (long, longer) = ("x".repeat(21), "x".repeat(1 << 20));
        for bad in ["a\u{202E}b", "a\u{2066}b", "a\u{200B}b", "a\u{0}b", "a\tb", "a\rb", "a\u{7f}b", &long, &longer] {
            assert_eq!(paragraphs(bad, 20), Err(Code::InvalidText), "{bad:?}");
        }
    }

    #[test]
    fn links() {
        assert_eq!(url(" https://Example.org/a?b=c#d "), Ok("https://example.org/a?b=c#d".to_owned()));
        assert_eq!(url("https://пример.рф"), Ok("https://xn--e1afmkfd.xn--p1ai/".to_owned()));
        let long = format!("https://example.org/{}", "a".repeat(200));
        let bad = [
            "",
            "example.org",
            "http://example.org",
            "javascript:alert(1)",
            "data:text/html,hi",
            "https://a:b@example.org",
            "https://a@example.org",
            "https://localhost/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://",
            "https://example.org/\u{202e}",
            "https://exam\nple.org",
            "https://example.org/a b",
            &long,
        ];
        for bad in bad {
            assert_eq!(url(bad), Err(Code::InvalidLink), "{bad:?}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(name(" Фаина "), Ok("Фаина".to_owned()));
        assert_eq!(name("e\u{301}"), Ok("é".to_owned()));
        // Joiners within, and as many marks as languages need.
        for good in ["👩\u{200D}🚀", "نمی\u{200C}خواهم", "Việt Nguyễn", "ศิริ", "Ada & Ben", "😀"]
        {
            assert!(name(good).is_ok(), "{good}");
        }
        let marks = format!("a{}", "\u{301}\u{302}\u{303}".repeat(3));
        for bad in ["", "   ", "a\nb", "a\u{202E}b", "a\u{200B}b", &"x".repeat(61), "<b>", "a > b", &marks] {
            assert_eq!(name(bad), Err(Code::InvalidName), "{bad:?}");
        }
        // Nothing would be seen of these.
        for blank in
            ['\u{3164}', '\u{115F}', '\u{1160}', '\u{FFA0}', '\u{2800}', '\u{AD}', '\u{200D}', '\u{301}', '\u{FE0F}']
        {
            for bad in [blank.to_string(), format!("{blank} {blank}")] {
                assert_eq!(name(&bad), Err(Code::InvalidName), "{bad:?}");
                assert_eq!(title(&bad), Err(Code::InvalidTitle), "{bad:?}");
            }
            assert!(blank == '\u{301}' || name(&format!("a{blank}")).is_ok(), "{blank:?}");
        }
    }

    #[test]
    fn topics_are_folded_and_there_once() {
        let list = |list: &[&str]| topics(&list.iter().map(|&topic| topic.to_owned()).collect::<Vec<_>>(), 3);
        let good = list(&[" Jazz", "jazz", "Грамматика", "JAZZ", "maps"]);
        assert_eq!(good, Ok(vec!["jazz".to_owned(), "грамматика".to_owned(), "maps".to_owned()]));
        assert_eq!(list(&[]), Ok(Vec::new()));
        for bad in [&["a", "b", "c", "d"] as &[&str], &[""], &["a\nb"], &["a\u{202e}b"], &[&"x".repeat(31)]] {
            assert_eq!(list(bad), Err(Code::InvalidTopics), "{bad:?}");
        }
    }

    #[test]
    fn languages() {
        for good in ["en", "ru", "pt-BR", "zh-Hant-TW", "sr-Latn"] {
            assert_eq!(language(good), Ok(good));
        }
        for bad in ["", "e", "en-", "en_US", "-en", "en-123456789", "1n"] {
            assert_eq!(language(bad), Err(Code::InvalidLanguage), "{bad}");
        }
    }
}
