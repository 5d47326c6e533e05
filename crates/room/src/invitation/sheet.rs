//! The talk sheet: the terms of a talk, in versions that both sides accept.

use super::Side;
use crate::event::Kind;
use crate::ids::{InvitationId, Timestamp};

/// The SHA-256 digest of a version's [`Sheet::canonical`] bytes.
pub type SheetHash = [u8; 32];

/// The terms of a talk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// What it is about.
    pub topics: Vec<String>,
    /// How long it is, in minutes.
    pub minutes: u32,
    /// BCP 47 tags of the languages that are spoken.
    pub languages: Vec<String>,
    /// Whether it is recorded.
    pub recorded: bool,
    /// Names of those who are on stage besides the two.
    pub others: Vec<String>,
    /// Who may listen.
    pub audience: Kind,
    /// Whatever else was agreed.
    pub notes: String,
}

/// A version of an invitation's talk sheet, by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its number, from 1.
    pub number: u32,
    /// The digest of what it says.
    pub hash: SheetHash,
    /// Which side wrote it, and accepted it by that.
    pub by: Side,
    /// When.
    pub at: Timestamp,
    /// When the other side accepted it.
    pub agreed_at: Option<Timestamp>,
}

impl Sheet {
    /// The bytes whose digest both sides accept: UTF-8 text, a field a line in this order, each line ended by `\n`. A text is
    /// written as its length in bytes, a colon and itself, so that no text can be taken for another field; a list as its length, and
    /// an entry a line after it. Invitation and number are part of it, so that a digest stands for one version of one invitation.
    ///
    /// ```text
    /// roomtone talk sheet 1
    /// invitation 0000000000000000000000000a
    /// version 1
    /// topics 2
    /// 4:jazz
    /// 4:maps
    /// minutes 60
    /// languages 1
    /// 2:en
    /// recorded yes
    /// others 0
    /// audience open
    /// notes 0:
    /// ```
    pub fn canonical(&self, invitation: InvitationId, number: u32) -> Vec<u8> {
        let audience = match self.audience {
            Kind::Open => "open",
            Kind::Social => "social",
            Kind::Closed => "closed",
        };
        let mut text = format!("roomtone talk sheet 1\ninvitation {invitation}\nversion {number}\n");
        push_list(&mut text, "topics", &self.topics);
        text.push_str(&format!("minutes {}\n", self.minutes));
        push_list(&mut text, "languages", &self.languages);
        text.push_str(if self.recorded { "recorded yes\n" } else { "recorded no\n" });
        push_list(&mut text, "others", &self.others);
        text.push_str(&format!("audience {audience}\nnotes {}:{}\n", self.notes.len(), self.notes));
        text.into_bytes()
    }
}

fn push_list(text: &mut String, name: &str, entries: &[String]) {
    text.push_str(&format!("{name} {}\n", entries.len()));
    for entry in entries {
        text.push_str(&format!("{}:{entry}\n", entry.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        Sheet {
            topics: vec!["jazz".to_owned(), "maps".to_owned()],
            minutes: 60,
            languages: vec!["en".to_owned()],
            recorded: true,
            others: Vec::new(),
            audience: Kind::Open,
            notes: String::new(),
        }
    }

    #[test]
    fn canonical_bytes_are_those_of_the_example() {
        let expected = "roomtone talk sheet 1\ninvitation 0000000000000000000000000a\nversion 1\ntopics 2\n4:jazz\n4:maps\n\
                        minutes 60\nlanguages 1\n2:en\nrecorded yes\nothers 0\naudience open\nnotes 0:\n";
        assert_eq!(String::from_utf8(sheet().canonical(InvitationId(10), 1)).unwrap(), expected);
    }

    #[test]
    fn whatever_differs_has_other_bytes() {
        let all = [
            sheet(),
            Sheet { topics: vec!["jazz\n4:maps".to_owned()], ..sheet() },
            Sheet { topics: vec!["jazz".to_owned()], others: vec!["maps".to_owned()], ..sheet() },
            Sheet { minutes: 61, ..sheet() },
            Sheet { recorded: false, ..sheet() },
            Sheet { audience: Kind::Closed, ..sheet() },
            Sheet { notes: "\nnotes 0:".to_owned(), ..sheet() },
        ];
        let mut seen = std::collections::BTreeSet::new();
        for (sheet, number) in all.iter().flat_map(|sheet| [(sheet, 1), (sheet, 2)]) {
            for id in [InvitationId(10), InvitationId(11)] {
                assert!(seen.insert(sheet.canonical(id, number)), "{sheet:?} {number} {id:?}");
            }
        }
    }
}
