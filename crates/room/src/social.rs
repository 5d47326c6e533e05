//! Blocks in a room. A block holds in both directions, whoever made it: nobody is in a room where somebody on stage has one
//! with them, and two listeners with one between them do not see each other.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::ids::MemberId;
use crate::room::Room;

/// Which of the people in a room have a block with whom, in either direction. Who has none is not in it.
#[derive(Debug, Clone, Default)]
pub struct Apart {
    with: HashMap<MemberId, Arc<HashSet<MemberId>>>,
}

impl Apart {
    /// Notes with whom a member has a block, in either direction, in place of what was noted before.
    pub fn note(&mut self, member: MemberId, others: Arc<HashSet<MemberId>>) {
        if others.is_empty() {
            self.with.remove(&member);
        } else {
            self.with.insert(member, others);
        }
    }

    /// Notes one more block.
    pub fn add(&mut self, one: MemberId, other: MemberId) {
        Arc::make_mut(self.with.entry(one).or_default()).insert(other);
    }

    /// Forgets a member who has left.
    pub fn forget(&mut self, member: MemberId) {
        self.with.remove(&member);
    }

    /// Whether two have a block between them. What was noted of either is enough: one of the two notes may be older than the
    /// block.
    pub fn are(&self, one: MemberId, other: MemberId) -> bool {
        let has = |a, b| self.with.get(&a).is_some_and(|others| others.contains(&b));
        has(one, other) || has(other, one)
    }

    /// Whether a member has a block with anybody in the room.
    pub fn concerns(&self, member: MemberId) -> bool {
        self.with.contains_key(&member) || self.with.values().any(|others| others.contains(&member))
    }

    /// The members who have a block with one of `others`, in the room or not. Costs as much as there are people with blocks in
    /// the room, times `others`, of which there are not many.
    pub fn from_any(&self, others: &BTreeSet<MemberId>) -> HashSet<MemberId> {
        let mut found = HashSet::new();
        for (member, with) in &self.with {
            if others.contains(member) {
                found.extend(with.iter().copied());
            }
            if others.iter().any(|other| with.contains(other)) {
                found.insert(*member);
            }
        }
        found
    }

    /// Whether nobody in the room has a block with anybody.
    pub fn is_empty(&self) -> bool {
        self.with.is_empty()
    }
}

/// Whether somebody who has a block with each of `others` may not know of the room: one of them is on stage. The stage has at
/// most [`crate::STAGE_MAX`] people, so this never costs more than that.
pub fn bars(room: &Room, others: &HashSet<MemberId>) -> bool {
    !others.is_empty() && room.on_stage().any(|p| others.contains(&p.member))
}

/// The listeners who cannot stay now that `member` is on stage.
pub fn must_go(room: &Room, apart: &Apart, member: MemberId) -> Vec<MemberId> {
    if apart.is_empty() || room.participant(member).is_none_or(|p| !p.role.on_stage()) {
        return Vec::new();
    }
    let mut listeners: Vec<MemberId> = apart
        .from_any(&[member].into())
        .into_iter()
        .filter(|&other| room.participant(other).is_some_and(|p| !p.role.on_stage()))
        .collect();
    listeners.sort_unstable();
    listeners
}

/// What becomes of two people in one room between whom a block has just come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// Both stay: one of them is not there, or both are in the audience, where they do not see each other any more.
    Stay,
    /// This one leaves.
    Leaves(MemberId),
    /// The one who was blocked is removed by the one who blocked them, who could have done so anyway.
    Removed,
}

/// Who goes when `blocker` blocks `blocked`. Whoever could remove the other does so; a listener gives way to the stage; and of
/// two on stage the one who wanted the block goes, so that a block is no way to act on those who run the room.
pub fn parting(room: &Room, blocker: MemberId, blocked: MemberId) -> Parting {
    let (Some(by), Some(whom)) = (room.participant(blocker), room.participant(blocked)) else {
        return Parting::Stay;
    };
    match (by.role.on_stage(), whom.role.on_stage()) {
        _ if by.role.moderates() && by.role > whom.role => Parting::Removed,
        (false, false) => Parting::Stay,
        (true, false) => Parting::Leaves(blocked),
        (false, true) | (true, true) => Parting::Leaves(blocker),
    }
}
