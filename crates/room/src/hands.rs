//! A raised hand, and what may be asked with it.

use crate::QUESTION_MAX_CHARS;
use crate::ids::{Seq, Timestamp};

/// A listener's request to speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hand {
    /// What they would like to ask, if they said so.
    pub question: Option<String>,
    /// When it went up.
    pub at: Timestamp,
    /// The event that raised it.
    pub seq: Seq,
    /// Whether its owner has spoken in this room before.
    pub spoken: bool,
    /// Whether a moderator has given it its place in the queue.
    pub placed: bool,
}

/// Whether a question may go with a hand: at most [`QUESTION_MAX_CHARS`] characters, and none that breaks the line or
/// reorders the text around it. It is refused rather than cleaned, so what moderators read is what was written.
pub fn question_is_valid(question: &str) -> bool {
    line_is_valid(question, QUESTION_MAX_CHARS)
}

/// Whether a text is one line of at most `most` characters that shows in the order in which it was written.
pub fn line_is_valid(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.chars().any(|c| c.is_control() || reorders_or_breaks(c))
}

/// The characters with the Unicode property `Bidi_Control` (UAX #9), and the line and paragraph separators.
fn reorders_or_breaks(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_and_refuses_controls() {
        let longest = "ж".repeat(QUESTION_MAX_CHARS);
        let too_long = "x".repeat(QUESTION_MAX_CHARS + 1);
        let cases = [
            ("", true),
            ("What was learned from it? 🎙", true),
            ("שאלה קצרה", true),
            (longest.as_str(), true),
            (too_long.as_str(), false),
            ("two\nlines", false),
            ("bell\u{7}", false),
            ("next line\u{85}", false),
            ("\u{202e}reversed", false),
            ("isolate\u{2066}d", false),
            ("mark\u{200f}", false),
            ("separator\u{2028}", false),
        ];
        for (question, expected) in cases {
            assert_eq!(question_is_valid(question), expected, "{question:?}");
        }
    }
}
