//! The last minute of what is said, for reports: whose is kept, and handing it over.

use std::collections::BTreeSet;

use roomtone_room::Event;
use roomtone_room::ids::{MemberId, TalkerNo};
use roomtone_store::Speaker;
use tokio::sync::oneshot;

use super::fanout::Happened;
use super::owner::Owner;
use crate::media_io::Kept;
use crate::wire::{ApiError, Code};

/// The last minute of a room.
#[derive(Debug)]
pub(crate) struct Minute {
    /// Who has agreed, by number.
    pub(crate) speakers: Vec<(TalkerNo, Speaker)>,
    /// What was said, from the media thread. Fails if that is gone.
    pub(crate) kept: oneshot::Receiver<Vec<Kept>>,
}

impl Owner {
    /// Tells the media threads who has agreed after what happened. Whoever took it back meanwhile loses what is kept of them, even
    /// if they have agreed again since.
    pub(super) async fn keep_agreed(&mut self, happened: &[Happened]) {
        let mut still = self.agreed.clone();
        for happened in happened {
            match &happened.numbered.event {
                Event::EvidenceSet { .. } => still.clear(),
                Event::EvidenceAgreed { member, agree: false } => self.forget_kept(&mut still, *member),
                Event::RoleChanged { member, role, .. } if !role.on_stage() => self.forget_kept(&mut still, *member),
                _ => {}
            }
        }
        self.set_agreed(still).await;
        self.set_agreed(self.room.agreed().collect()).await;
    }

    /// Takes somebody out of those whose sound is kept. Whoever has left has a number that is nobody's, and goes with it.
    fn forget_kept(&self, still: &mut BTreeSet<TalkerNo>, member: MemberId) {
        if let Some(participant) = self.room.participant(member) {
            still.remove(&participant.number);
        }
    }

    /// Drops all that is kept of the room.
    pub(super) async fn keep_nothing(&mut self) {
        self.set_agreed(BTreeSet::new()).await;
    }

    async fn set_agreed(&mut self, agreed: BTreeSet<TalkerNo>) {
        if self.agreed != agreed {
            self.rooms.media.agreed(self.room.id(), agreed.iter().copied().collect()).await;
            self.agreed = agreed;
        }
    }

    /// The last minute of the room, for somebody in it who reports something.
    pub(super) async fn minute(&self, reporter: MemberId) -> Result<Minute, ApiError> {
        if self.room.participant(reporter).is_none() {
            return Err(Code::NotInRoom.into());
        }
        if !self.room.settings().evidence {
            return Err(Code::EvidenceOff.into());
        }
        let agreed = self.room.on_stage().filter(|participant| self.agreed.contains(&participant.number));
        let speaker = |member, guest| if guest { Speaker::Guest(member) } else { Speaker::Member(member) };
        let speakers = agreed.map(|p| (p.number, speaker(p.member, p.is_guest()))).collect();
        Ok(Minute { speakers, kept: self.rooms.media.kept(self.room.id()).await })
    }
}
