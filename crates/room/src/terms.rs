//! What a room was opened with from a talk sheet: the terms that it keeps to, and the questions that members have put and ranked.

use std::collections::{BTreeMap, BTreeSet};

use crate::QUESTIONS_MAX;
use crate::ids::{MemberId, RecordId};
use crate::invitation::Sheet;

/// The terms of a talk. They are the room's from its opening on, and nobody in it can change them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Whether what is said may be kept. That it may be switches nothing on.
    pub recorded: bool,
    /// The members who may be on stage, the opener among them.
    pub stage: BTreeSet<MemberId>,
    /// How many guests may be on stage at once.
    pub guests: u32,
}

impl Terms {
    /// The terms that an agreed sheet sets for these members, and for as many guests as there are people without an account.
    pub fn of_sheet(sheet: &Sheet, stage: impl IntoIterator<Item = MemberId>, guests: u32) -> Self {
        Self { recorded: sheet.recorded, stage: stage.into_iter().collect(), guests }
    }
}

/// A question that a member has put before the talk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The record that keeps it, outside of the room.
    pub record: RecordId,
    /// What is asked, checked by the caller.
    pub text: String,
    /// Who asks; they need not be in the room.
    pub by: MemberId,
    /// How many want to know it as well.
    pub votes: u32,
}

/// The questions of a room that are not settled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Questions {
    /// By number, which is their rank at the opening, from 1. At most [`QUESTIONS_MAX`].
    queue: BTreeMap<u32, Question>,
    /// The one that is being answered.
    taken: Option<u32>,
}

impl Questions {
    /// Those that were not settled, each with its number, and which of them is being answered. One that is not among them is not.
    pub fn from_parts(queue: impl IntoIterator<Item = (u32, Question)>, taken: Option<u32>) -> Self {
        let mut questions = Self::default();
        for (number, question) in queue {
            questions.bring(number, question);
        }
        questions.take(taken);
        questions
    }

    /// All of them, the highest rank first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u32, &Question)> {
        self.queue.iter().map(|(number, question)| (*number, question))
    }

    /// The one with this number.
    pub fn get(&self, number: u32) -> Option<&Question> {
        self.queue.get(&number)
    }

    /// The one that is being answered.
    pub fn taken(&self) -> Option<(u32, &Question)> {
        let number = self.taken?;
        Some((number, self.get(number)?))
    }

    pub(crate) fn bring(&mut self, number: u32, question: Question) {
        if self.queue.len() < QUESTIONS_MAX {
            self.queue.insert(number, question);
        }
    }

    pub(crate) fn take(&mut self, number: Option<u32>) {
        self.taken = number.filter(|number| self.queue.contains_key(number));
    }

    pub(crate) fn settle(&mut self, number: u32) {
        self.queue.remove(&number);
        self.take(self.taken);
    }

    pub(crate) fn has_any_of(&self, member: MemberId) -> bool {
        self.queue.values().any(|question| question.by == member)
    }

    /// Keeps no question of a member's.
    pub(crate) fn forget(&mut self, member: MemberId) {
        self.queue.retain(|_, question| question.by != member);
        self.take(self.taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;

    fn question(by: u128) -> Question {
        Question { record: RecordId(by), text: format!("question of {by}"), by: MemberId(by), votes: 1 }
    }

    #[test]
    fn what_is_settled_or_forgotten_is_not_being_answered() {
        let all = || Questions::from_parts([(1, question(1)), (2, question(2)), (3, question(1))], Some(1));
        assert_eq!(all().taken(), Some((1, &question(1))));
        let mut settled = all();
        settled.settle(2);
        assert_eq!((settled.iter().len(), settled.taken()), (2, Some((1, &question(1)))));
        settled.settle(1);
        assert_eq!(settled, Questions::from_parts([(3, question(1))], None));
        let mut forgotten = all();
        assert!(forgotten.has_any_of(MemberId(1)));
        forgotten.forget(MemberId(1));
        assert_eq!((forgotten.iter().collect::<Vec<_>>(), forgotten.taken()), (vec![(2, &question(2))], None));
        assert!(!forgotten.has_any_of(MemberId(1)));
        assert_eq!(Questions::from_parts([(1, question(1))], Some(2)).taken(), None);
    }

    #[test]
    fn there_are_not_more_than_fit() {
        let many = (1..).zip((0..60).map(question));
        assert_eq!(Questions::from_parts(many, None).iter().len(), QUESTIONS_MAX);
    }

    #[test]
    fn a_sheet_says_whether_it_is_recorded() {
        for recorded in [false, true] {
            let sheet = Sheet {
                topics: Vec::new(),
                minutes: 60,
                languages: Vec::new(),
                recorded,
                others: vec!["Somebody".to_owned()],
                audience: Kind::Open,
                notes: String::new(),
            };
            let stage = BTreeSet::from([MemberId(1), MemberId(2)]);
            assert_eq!(Terms::of_sheet(&sheet, stage.clone(), 1), Terms { recorded, stage, guests: 1 });
        }
    }
}
