//! What a command needs to be looked up before the room can decide on it. The room's owner itself never waits for the
//! store on behalf of one person.

use std::sync::Arc;

use roomtone_room::ids::{MemberId, ReplayId};
use roomtone_room::{Command, HandRule, NewRecording};

use super::rooms::TOPICS_MAX;
use super::text;
use crate::app::App;
use crate::edge;
use crate::limits::{CALL_UPS, RECORDINGS};
use crate::rooms::Handle;
use crate::wire::socket::Person;
use crate::wire::{ApiError, Code};

/// A command with what was looked up for it.
pub(crate) struct Prepared {
    pub(crate) command: Command,
    /// Somebody it is about who may never have been in the room.
    pub(crate) about: Option<Person>,
}

/// Looks up what a member's command needs and checks its texts.
///
/// Errors: `not_allowed`, `member_not_found`, `invalid_title`, `invalid_topics`, `invalid_language`, `rate_limited`, or the store's.
pub(crate) async fn prepare(
    app: Arc<App>,
    handle: Handle,
    sender: MemberId,
    command: Command,
) -> Result<Prepared, ApiError> {
    let internal = |error| ApiError::internal(&error);
    let only = |command| Ok(Prepared { command, about: None });
    match command {
        Command::RaiseHand { question, .. } => {
            let summary = handle.summary();
            let followed_by_speaker = match summary.hands {
                HandRule::Followed => app.store.any_follows(&summary.stage, sender).await.map_err(internal)?,
                // It does not count. Should the rule change at this moment, the hand is refused and can be raised again.
                HandRule::Everyone | HandRule::Off => false,
            };
            only(Command::RaiseHand { question, followed_by_speaker })
        }
        // Nobody else learns from the answer who is a member, nor makes the store work.
        Command::Ban { .. } if !handle.summary().moderators.contains(&sender) => Err(Code::NotAllowed.into()),
        Command::Ban { member, reason } => {
            let people = [app.store.people(&[member]).await, app.store.guests_among(&[member]).await];
            let [member_found, guest_found] = people.map(|found| found.map_err(internal));
            match member_found?.pop().or(guest_found?.pop()) {
                Some(about) => Ok(Prepared { command: Command::Ban { member, reason }, about: Some(about.into()) }),
                None => Err(Code::MemberNotFound.into()),
            }
        }
        // Nor who is on stage as a guest, or not at all.
        Command::CallUp { .. } if !may_call_up(&handle, sender) => Err(Code::NotAllowed.into()),
        Command::CallUp { member, context } => {
            app.limits.subject(&CALL_UPS, &sender.to_string(), edge::instant())?;
            let context = context.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
            match app.store.visible_person(sender, member).await.map_err(internal)? {
                Some(about) => Ok(Prepared { command: Command::CallUp { member, context }, about: Some(about.into()) }),
                None => Err(Code::MemberNotFound.into()),
            }
        }
        Command::Describe { title, topics, language } => {
            let title = text::title(&title)?;
            let topics = text::topics(&topics, TOPICS_MAX)?;
            let language = text::language(&language)?.to_owned();
            only(Command::Describe { title, topics, language })
        }
        Command::SetRecording { recording: Some(new) } => {
            app.limits.subject(&RECORDINGS, &sender.to_string(), edge::instant())?;
            let replay = ReplayId(edge::random_128());
            only(Command::SetRecording { recording: Some(NewRecording { replay, ..new }) })
        }
        command => only(command),
    }
}

/// Whether somebody is on stage and no guest; the room decides again.
fn may_call_up(handle: &Handle, sender: MemberId) -> bool {
    let summary = handle.summary();
    summary.stage.contains(&sender) && !summary.guests.contains_key(&sender)
}
