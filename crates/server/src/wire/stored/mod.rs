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

#[cfg(test)]
mod tests {
    use roomtone_room::ids::{RecordId, ReplayId};
    use roomtone_room::{
        Actor, Command, Event, Hearers, Kind, MemberId, NewRecording, Opening, Question, RecordingCause, Room, RoomId,
        Terms, Timestamp,
    };

    use super::*;

    fn as_member(member: u128) -> Actor {
        Actor::Member { member: MemberId(member), role_epoch: None, id: None }
    }

    /// A room in which the host and a speaker have agreed to evidence, and its events.
    fn agreed() -> (Room, Vec<Event>) {
        let opening = Opening::new("Title", Kind::Open, "en");
        let (mut room, opened) = Room::open(Timestamp(1), RoomId(9), MemberId(1), opening);
        let mut events: Vec<Event> = opened.into_iter().map(|numbered| numbered.event).collect();
        let raise = Command::RaiseHand { question: None, followed_by_speaker: false };
        let enter = Command::Enter { followed_by_moderator: false };
        for (member, command) in [
            (1, enter.clone()),
            (2, enter.clone()),
            (3, enter),
            (2, raise),
            (1, Command::AcceptHand { member: MemberId(2) }),
            (1, Command::SetEvidence { on: true }),
            (1, Command::AgreeEvidence { agree: true }),
            (2, Command::AgreeEvidence { agree: true }),
        ] {
            let applied = room.apply(Timestamp(2), as_member(member), command).unwrap();
            events.extend(applied.events.into_iter().map(|numbered| numbered.event));
        }
        (room, events)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let (room, events) = agreed();
        assert_eq!(room.agreed().count(), 2);
        let state = room.to_state();
        assert_eq!(read_state(&write_state(&state)).unwrap(), state);
        for event in events {
            assert_eq!(read_event(&write_event(&event)).unwrap(), event);
        }
        let [on, agrees] = [
            Event::EvidenceSet { on: true, by: MemberId(1) },
            Event::EvidenceAgreed { member: MemberId(2), agree: false },
        ];
        let id = |digit: u8| format!("{digit:0>26}");
        assert_eq!(write_event(&on), format!(r#"{{"type":"evidence_set","on":true,"by":"{}"}}"#, id(1)));
        let expected = format!(r#"{{"type":"evidence_agreed","member":"{}","agree":false}}"#, id(2));
        assert_eq!(write_event(&agrees), expected);
    }

    #[test]
    fn a_talk_sheet_and_its_questions_are_read_back() {
        let question = |by: u128, votes| Question {
            record: RecordId(70 + by),
            text: format!("Why {by}?"),
            by: MemberId(by),
            votes,
        };
        let opening = Opening {
            terms: Some(Terms { recorded: false, stage: [MemberId(2)].into(), guests: 1 }),
            questions: vec![question(3, 8), question(2, 1)],
            ..Opening::new("Title", Kind::Open, "en")
        };
        let (mut room, opened) = Room::open(Timestamp(1), RoomId(9), MemberId(1), opening);
        let mut events: Vec<Event> = opened.into_iter().map(|numbered| numbered.event).collect();
        for command in [
            Command::TakeQuestion { number: Some(2) },
            Command::TakeQuestion { number: Some(1) },
            Command::SettleQuestion { number: 2, answered: true },
        ] {
            let applied = room.apply(Timestamp(2), as_member(1), command).unwrap();
            events.extend(applied.events.into_iter().map(|numbered| numbered.event));
        }
        assert_eq!(events.len(), 7);
        for event in &events {
            assert_eq!(&read_event(&write_event(event)).unwrap(), event);
        }
        let state = room.to_state();
        assert_eq!(state.questions.taken(), Some((1, &question(3, 8))));
        assert_eq!(read_state(&write_state(&state)).unwrap(), state);

        // A room that an earlier version wrote down has no sheet.
        let (plain, opened) = agreed();
        let (state, event) = (write_state(&plain.to_state()), write_event(&opened[0]));
        for word in ["terms", "questions", "taken"] {
            assert!(!state.contains(word) && !event.contains(word), "{word}: nothing new where there is none");
        }
        assert_eq!(read_state(&state).unwrap().terms, None);
    }

    /// A room that an earlier version wrote down keeps nothing, and nobody in it has agreed.
    #[test]
    fn a_room_from_before_there_was_evidence_has_none() {
        let (room, _) = agreed();
        let mut before: serde_json::Value = serde_json::from_str(&write_state(&room.to_state())).unwrap();
        assert_eq!(before["settings"].as_object_mut().unwrap().remove("evidence"), Some(true.into()));
        for participant in before["participants"].as_array_mut().unwrap() {
            participant.as_object_mut().unwrap().remove("evidence");
        }
        let back = read_state(&before.to_string()).unwrap();
        assert!(!back.settings.evidence && back.participants.iter().all(|participant| !participant.evidence));
    }

    #[test]
    fn a_recording_and_its_consents_are_read_back() {
        let (mut room, _) = agreed();
        let plain = write_state(&room.to_state());
        for word in ["recording", "recorded", "track"] {
            assert!(!plain.contains(word), "{word}: nothing new where there is none");
        }
        let recording = NewRecording { replay: ReplayId(7), to: Hearers::Members, text: 3 };
        let consent = |text, agree| Command::ConsentRecording { replay: ReplayId(7), text, agree };
        let mut events = Vec::new();
        for (actor, command) in [
            (as_member(1), Command::SetRecording { recording: Some(recording) }),
            (as_member(1), consent(3, false)),
            (as_member(2), consent(3, true)),
        ] {
            let applied = room.apply(Timestamp(5), actor, command).unwrap();
            events.extend(applied.events.into_iter().map(|numbered| numbered.event));
        }
        let state = room.to_state();
        assert_eq!(read_state(&write_state(&state)).unwrap(), state);
        assert_eq!((state.tracks.as_slice(), state.last_track), ([(MemberId(2), 1)].as_slice(), 1));
        let withdraw = Command::WithdrawTrack { replay: ReplayId(7), track: 1 };
        let applied = room.apply(Timestamp(6), Actor::System, withdraw).unwrap();
        events.extend(applied.events.into_iter().map(|numbered| numbered.event));
        let stop = Command::StopRecording { replay: ReplayId(7), cause: RecordingCause::DiskFull };
        let applied = room.apply(Timestamp(6), Actor::System, stop).unwrap();
        events.extend(applied.events.into_iter().map(|numbered| numbered.event));
        assert_eq!(events.len(), 6);
        for event in &events {
            assert_eq!(&read_event(&write_event(event)).unwrap(), event);
        }
        let id = |digit: u8| format!("{digit:0>26}");
        let expected =
            format!(r#"{{"type":"recording_begun","replay":"{}","to":"members","text":3,"by":"{}"}}"#, id(7), id(1));
        assert_eq!(write_event(&events[0]), expected);
    }
}
