//! What a room brings along from a talk sheet and the invitation that it belongs to.

use std::collections::BTreeSet;
use std::sync::Arc;

use roomtone_room::ids::{MemberId, RoomId};
use roomtone_room::invitation::{Invitee, Sheet};
use roomtone_room::{Event, Terms};
use roomtone_store::{Store, StoreError};
use tokio::sync::oneshot;

use super::Rooms;
use super::message::Message;
use crate::wire::ApiError;

/// The terms that an agreed sheet sets. On stage may be `hosts`, the invitee, and of the sheet's others those who are written as the
/// `@handle` of a member whom `opener` may know of; everybody else whom it names is a guest.
pub(crate) async fn terms_of_sheet(
    store: &Store,
    sheet: &Sheet,
    opener: MemberId,
    hosts: &[MemberId],
    invitee: &Invitee,
) -> Result<Terms, ApiError> {
    let mut stage: BTreeSet<MemberId> = hosts.iter().copied().chain([opener]).collect();
    let mut guests = 0;
    match invitee {
        Invitee::Member(member) => drop(stage.insert(*member)),
        Invitee::Outside { .. } => guests += 1,
        Invitee::Gone => {}
    }
    for name in &sheet.others {
        let member = match name.strip_prefix('@') {
            Some(handle) => store.visible_member(opener, &handle.to_lowercase()).await,
            None => Ok(None),
        };
        match member.map_err(|error| ApiError::internal(&error))? {
            Some(member) => drop(stage.insert(member.person.id)),
            None => guests += 1,
        }
    }
    Ok(Terms::of_sheet(sheet, stage, guests))
}

/// Whose words an event of an opening is, if not the opener's.
pub(super) fn author(event: &Event) -> Option<MemberId> {
    match event {
        Event::QuestionBrought { question, .. } => Some(question.by),
        _ => None,
    }
}

impl Rooms {
    /// Makes a room that was just opened forget those of `askers` who have deleted their account meanwhile.
    pub(super) async fn forget_gone(self: &Arc<Self>, room: RoomId, askers: &[MemberId]) -> Result<(), StoreError> {
        let Some(handle) = self.get(room).filter(|_| !askers.is_empty()) else { return Ok(()) };
        let known: BTreeSet<_> = self.store.people(askers).await?.into_iter().map(|person| person.id).collect();
        for &member in askers.iter().filter(|asker| !known.contains(asker)) {
            let (done, forgotten) = oneshot::channel();
            handle.deliver(Message::Forget { member, done }).await;
            // Fails if the room ended meanwhile, which is as good.
            let _ = forgotten.await;
        }
        Ok(())
    }
}
