//! Which commands were answered already, so that a repetition is answered and not applied.

use std::collections::{BTreeMap, VecDeque};

use crate::ids::{CommandId, MemberId, Seq};
use crate::state::Answered;
use crate::{REMEMBERED_COMMANDS, REMEMBERED_GONE};

/// The newest [`REMEMBERED_COMMANDS`] commands of everybody present and of the last [`REMEMBERED_GONE`] who left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Oldest command first, each with the room's sequence number after it.
    answered: BTreeMap<MemberId, VecDeque<(CommandId, Seq)>>,
    /// Those in `answered` who are no longer present, longest gone first.
    gone: VecDeque<MemberId>,
}

impl Memory {
    /// The sequence number at which this command was answered, if it was.
    pub(crate) fn find(&self, member: MemberId, id: CommandId) -> Option<Seq> {
        self.answered.get(&member)?.iter().find(|(known, _)| *known == id).map(|(_, seq)| *seq)
    }

    /// Remembers an answered command. `present` says whether the member is in the room after it.
    pub(crate) fn remember(&mut self, member: MemberId, id: CommandId, seq: Seq, present: bool) {
        let commands = self.answered.entry(member).or_default();
        if let Some(known) = commands.iter_mut().find(|(known, _)| *known == id) {
            known.1 = seq;
        } else {
            if commands.len() >= REMEMBERED_COMMANDS {
                commands.pop_front();
            }
            commands.push_back((id, seq));
        }
        if !present {
            self.left(member);
        }
    }

    /// A member came in: what is remembered of them stays while they are present.
    pub(crate) fn entered(&mut self, member: MemberId) {
        self.gone.retain(|gone| *gone != member);
    }

    /// A member left: forgets whoever has been gone longest, beyond [`REMEMBERED_GONE`].
    pub(crate) fn left(&mut self, member: MemberId) {
        if !self.answered.contains_key(&member) || self.gone.contains(&member) {
            return;
        }
        self.gone.push_back(member);
        if self.gone.len() > REMEMBERED_GONE
            && let Some(forgotten) = self.gone.pop_front()
        {
            self.answered.remove(&forgotten);
        }
    }

    /// As plain data: those gone first, longest gone first, then those present.
    pub(crate) fn to_list(&self) -> Vec<Answered> {
        let present = self.answered.keys().filter(|member| !self.gone.contains(member));
        let members = self.gone.iter().chain(present);
        members
            .map(|member| Answered {
                member: *member,
                commands: self.answered.get(member).into_iter().flatten().copied().collect(),
            })
            .collect()
    }
}
