//! How search reads: what counts as a word, when two spellings are the same, and how well something fits what was typed.
//!
//! A text is folded (no case, no marks) and split into words. A word in Cyrillic is also kept in Latin letters, and what is
//! typed is put into them too, so that either alphabet finds the other. A typed word fits a word that is the same, begins
//! with it, or comes to that by a few typing errors: a letter too many, one too few, a wrong one, or two neighbours in the
//! wrong order.
//!
//! Finding words with errors without comparing with all of them rests on [`parts`]: two spellings that differ by so few
//! errors have a part of their beginnings in common (a deletion neighbourhood).

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Letters of a word that count; the rest is not looked at. More tells longer words apart; each makes every row longer.
pub const WORD_MAX: usize = 24;

/// Words of one text, or of one subject, that count. More finds more of long titles; each costs rows in the index.
pub const WORDS_MAX: usize = 24;

/// Words of one line of what was said that count: nobody says more without a pause. More finds the end of a longer text; each costs a row.
pub const LINE_WORDS_MAX: usize = 200;

/// Typed words that count. More narrows a search further; each makes it dearer.
pub const TERMS_MAX: usize = 6;

/// Shortest typed word in which an error is forgiven. Shorter ones would be close to everything.
pub const NEAR_FROM: usize = 3;

/// Shortest typed word that may be the beginning of a longer one and have an error.
pub const NEAR_BEGINNING_FROM: usize = 4;

/// Shortest typed word in which two errors are forgiven.
pub const TWO_ERRORS_FROM: usize = 8;

/// For [`parts`]: of so many letters at the beginning, so many are kept. The difference is how many errors a pair bears.
/// Which pair serves is a question of how long the typed word is ([`Spelling::parts`]).
const HEADS: [(usize, usize); 3] = [(4, 3), (5, 4), (7, 5)];

/// The same for words of three letters; of longer ones these parts would say too little.
const SHORT: (usize, usize) = (3, 2);

/// A text without what does not tell words apart: compatibility forms are resolved (NFKD), marks left out (so `ё` is `е`
/// and `й` is `и`), letters lower case, and a few that are no letter with a mark spelled out.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    // What was made lower case is resolved once more: folding what is folded changes nothing.
    for letter in text.nfkd().flat_map(char::to_lowercase).nfkd().filter(|letter| !is_combining_mark(*letter)) {
        match letter {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'þ' => folded.push_str("th"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            other => folded.push(other),
        }
    }
    folded
}

/// The words of a text as it was written: folded, split at everything that is neither letter nor digit, at most
/// [`WORDS_MAX`] of at most [`WORD_MAX`] letters.
pub fn words(text: &str) -> Vec<String> {
    first_words(text, WORDS_MAX)
}

fn first_words(text: &str, most: usize) -> Vec<String> {
    let folded = fold(text);
    let words = folded.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.take(most).map(|word| word.chars().take(WORD_MAX).collect()).collect()
}

/// A folded word in Latin letters. Each letter has its own, whatever is beside it, so that the beginning of a word gives
/// the beginning of its Latin form; `y` and `j` become `i`, since Cyrillic names are written with any of the three.
pub fn latin(word: &str) -> String {
    let mut latin = String::with_capacity(word.len());
    for letter in word.chars() {
        latin.push_str(match letter {
            'y' | 'j' | 'и' | 'ы' | 'і' | 'ј' => "i",
            'а' => "a",
            'б' => "b",
            'в' => "v",
            'г' | 'ґ' => "g",
            'д' => "d",
            'е' | 'э' => "e",
            'ж' => "zh",
            'з' => "z",
            'к' => "k",
            'л' => "l",
            'м' => "m",
            'н' => "n",
            'о' => "o",
            'п' => "p",
            'р' => "r",
            'с' => "s",
            'т' => "t",
            'у' => "u",
            'ф' => "f",
            'х' => "kh",
            'ц' => "ts",
            'ч' => "ch",
            'ш' => "sh",
            'щ' => "shch",
            'ъ' | 'ь' => "",
            'ю' => "iu",
            'я' => "ia",
            'є' => "ie",
            'ђ' => "d",
            'ћ' => "c",
            'љ' => "li",
            'њ' => "ni",
            'џ' => "dz",
            other => {
                latin.push(other);
                continue;
            }
        });
    }
    // Some letters become four: the same limit as for the word itself.
    if let Some((end, _)) = latin.char_indices().nth(WORD_MAX) {
        latin.truncate(end);
    }
    latin
}

/// Whether a folded word has a form of its own beside its Latin one.
fn is_cyrillic(word: &str) -> bool {
    word.chars().any(|letter| matches!(letter, '\u{400}'..='\u{52f}'))
}

/// The words by which something with these texts is found: all in Latin letters, those in Cyrillic as they are too.
pub fn index_words<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for word in texts.into_iter().flat_map(words).take(WORDS_MAX) {
        let latin = latin(&word);
        if is_cyrillic(&word) {
            found.insert(word);
        }
        if !latin.is_empty() {
            found.insert(latin);
        }
    }
    found
}

/// The words by which a line of what was said is found: in Latin letters alone, since no errors in them are looked for in the index.
pub fn line_words(text: &str) -> BTreeSet<String> {
    let words = first_words(text, LINE_WORDS_MAX).into_iter().map(|word| latin(&word));
    words.filter(|word| !word.is_empty()).collect()
}

/// What a word of the index is found by when it is typed with errors: every choice of three of its first four letters, four
/// of its first five, and five of its first seven, in their order; at most thirty. A word of three letters has each two. Two beginnings that differ by one error
/// (by two, with seven letters) have one of the same length in common: leave out of each the letter that the error is about.
pub fn parts(word: &str) -> BTreeSet<String> {
    let letters: Vec<char> = word.chars().collect();
    let heads = HEADS.into_iter().chain((letters.len() == SHORT.0).then_some(SHORT));
    heads.flat_map(|(head, kept)| choices(&letters, head, kept)).collect()
}

/// Every choice of `kept` of the first `head` letters, in their order.
fn choices(letters: &[char], head: usize, kept: usize) -> BTreeSet<String> {
    let head = &letters[..head.min(letters.len())];
    let mut made = BTreeSet::from([head.to_vec()]);
    for _ in kept..head.len() {
        made = made.iter().flat_map(|word| (0..word.len()).map(|left_out| without(word, left_out))).collect();
    }
    made.into_iter().filter(|word| word.len() == kept).map(String::from_iter).collect()
}

fn without(letters: &[char], left_out: usize) -> Vec<char> {
    letters.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, letter)| *letter).collect()
}

/// How well one typed word fits a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// The same word.
    Exact,
    /// A word that begins so.
    Beginning,
    /// The same word but for typing errors, one or two.
    Near(u8),
    /// A word that begins so but for typing errors.
    NearBeginning(u8),
}

impl Fit {
    /// Smaller is better. An error outweighs any number of words that are only begun.
    pub fn cost(self) -> u32 {
        match self {
            Self::Exact => 0,
            Self::Beginning => 1,
            Self::Near(errors) => 16 * u32::from(errors),
            Self::NearBeginning(errors) => 16 * u32::from(errors) + 1,
        }
    }
}

/// How well something fits all that was typed; the smaller is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score(u32);

impl Score {
    /// Whether it fits without any typing error.
    pub fn without_error(self) -> bool {
        self.0 < Fit::Near(1).cost()
    }
}

/// One form of a typed word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spelling {
    letters: Vec<char>,
    text: String,
}

impl Spelling {
    fn new(text: String) -> Self {
        Self { letters: text.chars().collect(), text }
    }

    /// The word.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many letters it has.
    pub fn letters(&self) -> usize {
        self.letters.len()
    }

    /// How many typing errors are forgiven.
    pub fn errors(&self) -> usize {
        match self.letters.len() {
            ..NEAR_FROM => 0,
            NEAR_FROM..TWO_ERRORS_FROM => 1,
            _ => 2,
        }
    }

    /// Which of the parts of a word of the index ([`parts`]) it has if it is that word with as many errors as are forgiven.
    /// None if no error is.
    pub fn parts(&self) -> BTreeSet<String> {
        let (head, kept) = match self.letters.len() {
            ..NEAR_FROM => return BTreeSet::new(),
            // A letter wrong, or one less than a word of four has.
            NEAR_FROM => return [SHORT, HEADS[0]].iter().flat_map(|(h, k)| choices(&self.letters, *h, *k)).collect(),
            4 => HEADS[0],
            5 => HEADS[1],
            // One error: of six letters, five. Words of the index have these among those of their first seven.
            6..TWO_ERRORS_FROM => (6, 5),
            _ => HEADS[2],
        };
        choices(&self.letters, head, kept)
    }

    /// How well it fits a word of the index, if it does.
    pub fn fit(&self, word: &str) -> Option<Fit> {
        if let Some(rest) = word.strip_prefix(self.text.as_str()) {
            return Some(if rest.is_empty() { Fit::Exact } else { Fit::Beginning });
        }
        let allowed = self.errors();
        // Whatever is beyond this many letters cannot make up for the difference.
        let most = self.letters.len() + allowed;
        let mut letters = ['\0'; LETTERS];
        let mut count = 0;
        for letter in word.chars().take(most + 1) {
            letters[count] = letter;
            count += 1;
        }
        if allowed == 0 || count < NEAR_FROM || count + allowed < self.letters.len() {
            return None;
        }
        let last = &distances(&self.letters, &letters[..count.min(most)])[..=count.min(most)];
        let near = |distance: u8| (usize::from(distance) <= allowed).then_some(distance);
        let whole = last.last().filter(|_| count <= most).copied().and_then(near).map(Fit::Near);
        let begun = last.iter().min().filter(|_| self.letters.len() >= NEAR_BEGINNING_FROM).copied().and_then(near);
        whole.into_iter().chain(begun.map(Fit::NearBeginning)).min_by_key(|fit| fit.cost())
    }
}

/// Letters that are ever compared: of a typed word, two for its errors, and one that shows that there are more.
const LETTERS: usize = WORD_MAX + 3;

/// How many errors turn `typed` into each beginning of `word`, from none of its letters to all: a letter more, less or
/// wrong, or two neighbours in the wrong order, each counted once (optimal string alignment).
fn distances(typed: &[char], word: &[char]) -> [u8; LETTERS + 1] {
    let mut before = [0; LETTERS + 1];
    // Not in a list of their own: this is done for every word that comes close.
    let mut last: [u8; LETTERS + 1] = std::array::from_fn(|column| column as u8);
    for (row, letter) in typed.iter().enumerate() {
        let mut next = [0; LETTERS + 1];
        next[0] = row as u8 + 1;
        for (column, other) in word.iter().enumerate() {
            let mut least = (last[column] + u8::from(letter != other)).min(last[column + 1] + 1).min(next[column] + 1);
            if row > 0 && column > 0 && *letter == word[column - 1] && typed[row - 1] == *other {
                least = least.min(before[column - 1] + 1);
            }
            next[column + 1] = least;
        }
        before = std::mem::replace(&mut last, next);
    }
    last
}

/// A typed word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// In Latin letters: all words of the index are there in these.
    pub latin: Spelling,
    /// As it was typed, if that was in Cyrillic: errors are counted in the letters that were typed.
    pub typed: Option<Spelling>,
}

impl Term {
    /// Its forms.
    pub fn spellings(&self) -> impl Iterator<Item = &Spelling> {
        std::iter::once(&self.latin).chain(&self.typed)
    }

    /// How well it fits a word of the index in any of its forms.
    pub fn fit(&self, word: &str) -> Option<Fit> {
        self.spellings().filter_map(|spelling| spelling.fit(word)).min_by_key(|fit| fit.cost())
    }
}

/// What was typed: words that must all fit, in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    terms: Vec<Term>,
}

impl Query {
    /// Reads what was typed, its first [`TERMS_MAX`] words. `None` if there is no word in it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut terms: Vec<Term> = Vec::new();
        for word in words(text) {
            let latin = Spelling::new(latin(&word));
            let typed = is_cyrillic(&word).then(|| Spelling::new(word));
            let term = Term { latin, typed };
            if term.latin.letters() > 0 && terms.len() < TERMS_MAX && !terms.contains(&term) {
                terms.push(term);
            }
        }
        (!terms.is_empty()).then_some(Self { terms })
    }

    /// Its words, at least one.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// How well something with these words ([`index_words`]) fits, if every typed word does.
    pub fn score(&self, words: &BTreeSet<String>) -> Option<Score> {
        let mut sum = 0;
        for term in &self.terms {
            sum += words.iter().filter_map(|word| term.fit(word)).map(Fit::cost).min()?;
        }
        Some(Score(sum))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn score(typed: &str, texts: &[&str]) -> Option<Score> {
        Query::parse(typed)?.score(&index_words(texts.iter().copied()))
    }

    fn fit(typed: &str, word: &str) -> Option<Fit> {
        let query = Query::parse(typed).unwrap();
        index_words([word]).iter().filter_map(|word| query.terms()[0].fit(word)).min_by_key(|fit| fit.cost())
    }

    /// Whether the part that both have leads from the typed word to the word.
    fn meets(typed: &str, word: &str) -> bool {
        !Spelling::new(typed.to_owned()).parts().is_disjoint(&parts(word))
    }

    /// Every spelling that one error makes of a word.
    fn one_error(word: &str, alphabet: &str) -> BTreeSet<String> {
        let letters: Vec<char> = word.chars().collect();
        let mut made = BTreeSet::new();
        for at in 0..=letters.len() {
            for letter in alphabet.chars() {
                let mut more = letters.clone();
                more.insert(at, letter);
                made.insert(String::from_iter(&more));
                if at < letters.len() {
                    let mut wrong = letters.clone();
                    wrong[at] = letter;
                    made.insert(String::from_iter(&wrong));
                }
            }
            if at < letters.len() {
                made.insert(String::from_iter(without(&letters, at)));
            }
            if at + 1 < letters.len() {
                let mut swapped = letters.clone();
                swapped.swap(at, at + 1);
                made.insert(String::from_iter(&swapped));
            }
        }
        made
    }

    #[test]
    fn folding_knows_what_is_the_same() {
        let cases = [
            ("Zoë", "zoe"),
            ("ЁЖИК", "ежик"),
            ("Йод", "иод"),
            ("ﬁne", "fine"),
            ("İstanbul", "istanbul"),
            ("Straße", "strasse"),
            ("ΑΣ", "ασ"),
            ("𝐀𝐝𝐚", "ada"),
            ("Łódź", "lodz"),
        ];
        for (text, folded) in cases {
            assert_eq!(fold(text), folded, "{text}");
        }
        assert_eq!(words("anna_petrova, O'Neil (42)"), ["anna", "petrova", "o", "neil", "42"]);
        assert_eq!(words("  !\u{200b} "), [""; 0]);
        assert_eq!(words(&"ы".repeat(200)), ["ы".repeat(WORD_MAX)]);
        assert_eq!(words(&"a ".repeat(200)).len(), WORDS_MAX);
    }

    #[test]
    fn either_alphabet_finds_the_other() {
        let found = [
            ("faina", "Фаина"),
            ("фаина", "Faina"),
            ("Sergey", "Сергей"),
            ("sergei", "Сергей"),
            ("юлия", "Yuliya"),
            ("tatjana", "Татьяна"),
            ("щукин", "Shchukin"),
            ("mikhail", "Михаил"),
            ("олег", "ОЛЕГ"),
        ];
        for (typed, name) in found {
            assert_eq!(fit(typed, name), Some(Fit::Exact), "{typed} {name}");
        }
        assert_eq!(fit("фаи", "Faina"), Some(Fit::Beginning));
        assert_eq!(index_words(["Ёж", "ezh"]), BTreeSet::from(["еж".to_owned(), "ezh".to_owned()]));
        assert_eq!(Query::parse("ь"), None);
    }

    #[test]
    fn a_line_of_speech_has_its_words_in_latin_letters() {
        assert_eq!(
            line_words("Чай, чай и Tea!"),
            BTreeSet::from(["chai".to_owned(), "i".to_owned(), "tea".to_owned()])
        );
        assert_eq!(line_words("ь, …"), BTreeSet::new());
        let long: String = (0..LINE_WORDS_MAX + 1).map(|number| format!("w{number} ")).collect();
        assert_eq!(line_words(&long).len(), LINE_WORDS_MAX);
        // Longer than the texts by which people are found.
        const { assert!(LINE_WORDS_MAX > WORDS_MAX) };
        let query = Query::parse("чаи").unwrap();
        assert!(query.score(&line_words("Чай")).is_some_and(Score::without_error));
    }

    #[test]
    fn how_well_a_typed_word_fits() {
        let cases = [
            ("anna", "anna", Some(Fit::Exact)),
            ("an", "anna", Some(Fit::Beginning)),
            ("amna", "anna", Some(Fit::Near(1))),
            ("naan", "anna", None),
            ("ana", "anna", Some(Fit::Near(1))),
            ("ama", "anna", None),
            ("nana", "anna", Some(Fit::Near(1))),
            // Two letters: too little to tell what was meant.
            ("na", "an", None),
            // Three: a whole word, and not one that is only begun.
            ("alx", "ale", Some(Fit::Near(1))),
            ("alx", "alexander", None),
            ("alxe", "alexander", Some(Fit::NearBeginning(1))),
            ("alexnader", "alexander", Some(Fit::Near(1))),
            ("alxenadr", "alexandr", Some(Fit::Near(2))),
            ("elixbnder", "alexander", None),
            ("конствнти", "константин", Some(Fit::NearBeginning(1))),
            ("шукин", "щукин", Some(Fit::Near(1))),
        ];
        for (typed, word, expected) in cases {
            assert_eq!(fit(typed, word), expected, "{typed} {word}");
        }
    }

    #[test]
    fn all_typed_words_count_in_any_order() {
        let anna = ["Anna Petrova", "apple"];
        let exact = score("petrova anna", &anna).unwrap();
        let begun = score("pet anna", &anna).unwrap();
        let wrong = score("apple petorva anna", &anna).unwrap();
        assert!(exact < begun && begun < wrong);
        assert!(begun.without_error() && !wrong.without_error());
        assert_eq!(score("anna ivanova", &anna), None);
        // However many are only begun: no error is better.
        assert!(score("a b c d e f", &["aa bb cc dd ee ff"]) < score("annna", &anna));
        assert_eq!(Query::parse(&"a b c d e f g h i".repeat(9)).unwrap().terms().len(), TERMS_MAX);
    }

    #[test]
    fn every_spelling_with_one_error_leads_to_its_word() {
        let words = "anna vera alexander li jan mississippi petrova a1b2c3d4 aaaa aaaaaaaa ababab";
        let russian = "анна вера александр щукин константин мама ааааа";
        for (words, alphabet) in [(words, "abnz1"), (russian, "абнщ")] {
            for word in words.split(' ').filter(|word| word.len() > 2) {
                for typed in one_error(word, alphabet).into_iter().filter(|typed| typed.chars().count() >= NEAR_FROM) {
                    let spelling = Spelling::new(typed.clone());
                    assert!(spelling.fit(word).is_some(), "{typed} {word}");
                    assert!(typed == word || meets(&typed, word), "{typed} {word}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn folding_what_is_folded_changes_nothing(text in "\\PC*") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn a_letter_folds_to_what_stays(letter in any::<char>()) {
            let once = fold(&letter.to_string());
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn the_beginning_of_a_word_begins_its_latin_form(word in "[а-яa-z0-9]{1,24}", letters in 0usize..24) {
            let begun: String = word.chars().take(letters).collect();
            let (begun, whole) = (latin(&begun), latin(&word));
            prop_assert!(whole.starts_with(&begun), "{} {}", whole, begun);
        }

        /// Whatever fits with an error, whole or begun, has a part in common: the index leads to it.
        #[test]
        fn what_fits_is_led_to(typed in "[ab]{3,10}", word in "[ab]{3,12}") {
            if let Some(Fit::Near(_) | Fit::NearBeginning(_)) = Spelling::new(typed.clone()).fit(&word) {
                prop_assert!(meets(&typed, &word));
            }
        }

        #[test]
        fn one_error_in_any_word_is_forgiven(word in "[a-eа-д]{4,16}", at in 0usize..16, letter in "[a-z]") {
            for typed in one_error(&word, &letter) {
                let spelling = Spelling::new(typed.clone());
                prop_assert!(spelling.fit(&word).is_some() && (typed == word || meets(&typed, &word)), "{} {} {}", typed, word, at);
            }
        }

        #[test]
        fn nothing_that_is_typed_is_too_much(text in any::<String>(), name in any::<String>()) {
            let words = index_words([name.as_str()]);
            prop_assert!(words.len() <= 2 * WORDS_MAX);
            prop_assert!(words.iter().all(|word| word.chars().count() <= WORD_MAX && parts(word).len() <= 30));
            let _ = Query::parse(&text).and_then(|query| query.score(&words));
            // A name finds itself.
            if let Some(query) = Query::parse(&name) {
                prop_assert!(query.score(&words).is_some_and(Score::without_error));
            }
        }
    }
}
