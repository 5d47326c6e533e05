//! Rules for text that members enter. Refuse rather than clean, apart from Unicode normalisation.

use unicode_normalization::UnicodeNormalization;

use crate::wire::Code;

/// A handle: 2 to 30 of `a-z`, `0-9`, `_`, beginning with a letter.
pub(super) fn handle(text: &str) -> Result<&str, Code> {
    let fits = (2..=30).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if fits { Ok(text) } else { Err(Code::InvalidHandle) }
}

/// A name or label: 1 to 60 characters after NFC and trimming, on one line.
pub(super) fn name(text: &str) -> Result<String, Code> {
    line(text, 60).ok_or(Code::InvalidName)
}

/// A room's title: 1 to 120 characters after NFC and trimming, on one line.
pub(super) fn title(text: &str) -> Result<String, Code> {
    line(text, 120).ok_or(Code::InvalidTitle)
}

/// A language tag of the shape of BCP 47 (RFC 5646, section 2.1): letters, then subtags of 1 to 8 letters and digits.
pub(super) fn language(text: &str) -> Result<&str, Code> {
    let mut subtags = text.split('-');
    let primary = subtags.next().unwrap_or_default();
    let fits = text.len() <= 35
        && (2..=8).contains(&primary.len())
        && primary.bytes().all(|b| b.is_ascii_alphabetic())
        && subtags.all(|tag| (1..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric()));
    if fits { Ok(text) } else { Err(Code::InvalidLanguage) }
}

fn line(text: &str, max_chars: usize) -> Option<String> {
    let text: String = text.trim().nfc().collect();
    let fits = !text.is_empty() && text.chars().count() <= max_chars && !text.chars().any(misleads);
    fits.then_some(text)
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
        for good in ["ab", "ada_1", "z23456789012345678901234567890"] {
            assert_eq!(handle(good), Ok(good));
        }
        for bad in ["", "a", "1ab", "_ab", "Ada", "a-b", "адa", "z234567890123456789012345678901"] {
            assert_eq!(handle(bad), Err(Code::InvalidHandle), "{bad}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(name(" Фаина "), Ok("Фаина".to_owned()));
        assert_eq!(name("e\u{301}"), Ok("é".to_owned()));
        for bad in ["", "   ", "a\nb", "a\u{202E}b", "a\u{200B}b", &"x".repeat(61)] {
            assert_eq!(name(bad), Err(Code::InvalidName), "{bad:?}");
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
