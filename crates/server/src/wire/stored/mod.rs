//! Events and state of a room as the store keeps them: JSON that later versions must still read. Fields are only ever
//! added, with defaults.

mod event;
mod state;

use roomtone_room::{Event, State};

use self::event::StoredEvent;
use self::state::StoredState;

/// A log row that cannot be read back: written by a newer version, or damaged.
#[derive(Debug, thiserror::Error)]
// Where it went wrong and not what stands there: the text may name a member or hold a question, and this is logged.
#[error("a stored room cannot be read: {:?} error at line {} column {}", .0.classify(), .0.line(), .0.column())]
pub struct Unreadable(serde_json::Error);

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Self(error)
    }
}

/// The JSON of an event.
pub fn write_event(event: &Event) -> String {
    serde_json::to_string(&StoredEvent::from(event)).expect("plain data with string keys always serialises")
}

/// Reads what [`write_event`] wrote.
pub fn read_event(json: &str) -> Result<Event, Unreadable> {
    Ok(serde_json::from_str::<StoredEvent>(json)?.into())
}

/// The JSON of a room's state.
pub fn write_state(state: &State) -> String {
    serde_json::to_string(&StoredState::from(state)).expect("plain data with string keys always serialises")
}

/// Reads what [`write_state`] wrote.
pub fn read_state(json: &str) -> Result<State, Unreadable> {
    Ok(serde_json::from_str::<StoredState>(json)?.into())
}
