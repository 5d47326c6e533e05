//! Who hears of what happens to an invitation: the other side and its office, and when it is accepted those who co-sign it.

use roomtone_room::ids::{InvitationId, MemberId};
use roomtone_room::invitation::{Invitation, Invitee, Side, State, What};
use roomtone_room::office::Right;
use roomtone_store::{NOTICES_AT_ONCE, Taken};

use super::internal;
use crate::app::App;
use crate::edge;
use crate::notices::{Tell, keep};
use crate::wire::ApiError;
use crate::wire::notices::NoticeKind;

/// Tells a member that they are invited, and their office.
pub(super) async fn asked(app: &App, invitation: &Invitation) -> Result<(), ApiError> {
    for member in people(app, invitation, Side::Invitee).await? {
        app.notices.tell(Tell::new(member, NoticeKind::InvitationAsked).by(invitation.host).about(invitation.id.0));
    }
    Ok(())
}

/// Tells of a step, but not `by`, who took it. No name goes with it: who is in an office is not for everybody to know.
pub(super) async fn step(app: &App, taken: &Taken, by: Option<MemberId>) -> Result<(), ApiError> {
    let Taken { step, before, after } = taken;
    let to = match step.what {
        What::Asked | What::Translated { .. } | What::Opened { .. } | What::Ended { .. } => None,
        What::Expired => Some(Side::Host),
        _ => Some(after.side_of(step.voice).other()),
    };
    if let Some(to) = to {
        for member in people(app, after, to).await?.into_iter().filter(|member| Some(*member) != by) {
            app.notices.tell(Tell::new(member, NoticeKind::InvitationAnswered).about(after.id.0));
        }
    }
    if (before.state, after.state) == (State::Asked, State::Accepted) {
        accepted(app, after.id, after.host).await?;
    }
    Ok(())
}

/// Tells those who co-sign that the talk will be held.
async fn accepted(app: &App, id: InvitationId, host: MemberId) -> Result<(), ApiError> {
    let mut after = None;
    loop {
        let page = app.store.cosigner_ids(id, after, NOTICES_AT_ONCE as u32).await.map_err(internal)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(*last);
        let told = |member| Tell::new(member, NoticeKind::InvitationAccepted).by(host).about(id.0);
        keep(app, page.into_iter().map(told).collect()).await;
    }
}

/// A side: its principal, if that is a member, and those in their office who may answer.
async fn people(app: &App, invitation: &Invitation, side: Side) -> Result<Vec<MemberId>, ApiError> {
    let principal = match (side, &invitation.invitee) {
        (Side::Host, _) => invitation.host,
        (Side::Invitee, Invitee::Member(member)) => *member,
        (Side::Invitee, Invitee::Outside { .. } | Invitee::Gone) => return Ok(Vec::new()),
    };
    let office = app.store.office_of(principal, Right::Answer, edge::now()).await.map_err(internal)?;
    Ok(std::iter::once(principal).chain(office.into_iter().map(|grant| grant.other.id)).collect())
}
