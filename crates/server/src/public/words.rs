//! The words of public pages in the languages of the interface, and which of them a visitor reads.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;

/// Languages of a request that are looked at. More serves whoever lists many; each combination is a page of its own to keep.
const PREFERENCES: usize = 3;

/// A language of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Tongue {
    English,
    Russian,
}

impl Tongue {
    pub(super) const ALL: [Self; 2] = [Self::English, Self::Russian];

    /// The tags of all of them: for a page that says the same in each.
    pub(super) fn tags() -> Vec<String> {
        Self::ALL.into_iter().map(|tongue| tongue.tag().to_owned()).collect()
    }

    /// BCP 47 tag.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Russian => "ru",
        }
    }

    /// The first of these languages that the interface has; English if it has none of them.
    pub(super) fn of<'a>(mut languages: impl Iterator<Item = &'a str>) -> Self {
        let known = |tag: &str| Self::ALL.into_iter().find(|tongue| tongue.tag() == primary(tag));
        languages.find_map(known).unwrap_or(Self::English)
    }

    /// One text or the other.
    pub(super) fn say<'a>(self, english: &'a str, russian: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Russian => russian,
        }
    }

    /// A number with its noun: in English singular and plural, in Russian as after 1, 2 and 5 (CLDR plural rules).
    pub(super) fn count(self, number: u64, english: [&str; 2], russian: [&str; 3]) -> String {
        let noun = match self {
            Self::English => english[usize::from(number != 1)],
            Self::Russian => match (number % 10, number % 100) {
                (_, 11..=14) => russian[2],
                (1, _) => russian[0],
                (2..=4, _) => russian[1],
                _ => russian[2],
            },
        };
        format!("{} {noun}", grouped(number))
    }
}

/// A number with a thin space between each three digits, from 10,000 upwards.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

/// The languages that a visitor wants, the best first: the one that the address names, then those of the browser (RFC 9110, section
/// 12.5.4) in the order of their weights. Lower case; at most one more than [`PREFERENCES`].
pub(crate) fn wanted(asked: Option<&str>, headers: &HeaderMap) -> Vec<String> {
    let accepted = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
    let mut weighed: Vec<(u16, String)> = accepted.flat_map(|list| list.split(',')).filter_map(weight).collect();
    weighed.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    let mut wanted: Vec<String> = Vec::new();
    let named = asked.filter(|tag| is_tag(tag)).map(str::to_lowercase);
    for tag in named.into_iter().chain(weighed.into_iter().map(|(_, tag)| tag).take(PREFERENCES)) {
        if !wanted.contains(&tag) {
            wanted.push(tag);
        }
    }
    wanted
}

/// An entry of `Accept-Language` with its weight in thousandths; `None` for one that is not wanted or not a tag.
fn weight(entry: &str) -> Option<(u16, String)> {
    let (tag, weight) = entry.split_once(';').unwrap_or((entry, "q=1"));
    let weight: f32 = weight.trim().strip_prefix("q=")?.parse().ok()?;
    let thousandths = (weight.clamp(0.0, 1.0) * 1000.0) as u16;
    let tag = tag.trim();
    (thousandths > 0 && is_tag(tag)).then(|| (thousandths, tag.to_lowercase()))
}

/// Whether a text has the form of a language tag: letters, digits and hyphens, at most 35 (RFC 5646, section 4.4.1).
fn is_tag(text: &str) -> bool {
    (2..=35).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The primary language of a tag, in lower case.
pub(crate) fn primary(tag: &str) -> String {
    tag.split('-').next().unwrap_or_default().to_lowercase()
}

/// Of the languages in which there is a text, the place of the one that suits best: the same tag, or else the same primary language.
pub(crate) fn best<'a>(wanted: &[String], there: impl Iterator<Item = &'a str> + Clone) -> Option<usize> {
    wanted.iter().find_map(|tag| {
        let same = there.clone().position(|one| one.eq_ignore_ascii_case(tag));
        same.or_else(|| there.clone().position(|one| primary(one) == primary(tag)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(list: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_LANGUAGE, list.parse().unwrap())])
    }

    #[test]
    fn the_address_comes_before_the_browser() {
        assert_eq!(wanted(Some("RU"), &accepting("de;q=0.5, en-GB, fr;q=0.7, it;q=0, *")), ["ru", "en-gb", "fr", "de"]);
        assert_eq!(wanted(Some("<script>"), &accepting("ru, ru, en;q=x")), ["ru"]);
        assert!(wanted(None, &HeaderMap::new()).is_empty());
        assert_eq!(wanted(None, &accepting("aa,bb,cc,dd,ee")).len(), PREFERENCES);
    }

    #[test]
    fn a_text_is_found_by_its_tag_or_its_language() {
        let there = ["en", "pt-BR", "ru"];
        let best =
            |wanted: &[&str]| best(&wanted.iter().map(|&tag| tag.to_owned()).collect::<Vec<_>>(), there.into_iter());
        assert_eq!(best(&["pt", "ru"]), Some(1));
        assert_eq!(best(&["fr", "ru-ru"]), Some(2));
        assert_eq!(best(&["fr"]), None);
        assert_eq!(Tongue::of(["fr", "ru-RU", "en"].into_iter()), Tongue::Russian);
        assert_eq!(Tongue::of(["fr"].into_iter()), Tongue::English);
    }

    #[test]
    fn numbers_have_their_nouns() {
        let people = |number| Tongue::Russian.count(number, ["person", "people"], ["человек", "человека", "человек"]);
        for (number, told) in
            [(1, "1 человек"), (3, "3 человека"), (12, "12 человек"), (10_022, "10\u{2009}022 человека")]
        {
            assert_eq!(people(number), told);
        }
        assert_eq!(Tongue::English.count(1, ["person", "people"], [""; 3]), "1 person");
    }
}
