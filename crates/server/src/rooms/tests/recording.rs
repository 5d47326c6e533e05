//! What becomes of a room whose recording cannot go on, in rounds that the test drives.

use roomtone_room::ids::ReplayId;
use roomtone_room::{Hearers, NewRecording};
use roomtone_store::{Hearer, ReplayState, Withdrawer, Withdrawn};

use super::*;

const REPLAY: ReplayId = ReplayId(77);

impl Client {
    /// The events of this type that were sent to it so far.
    fn told_of(&mut self, kind: &str) -> Vec<Value> {
        let mut found = Vec::new();
        while let Ok(message) = self.queue.try_recv() {
            let frame = FrameSocket::new(std::io::Cursor::new(message.frame().to_vec())).read(None).unwrap().unwrap();
            let message: Value = serde_json::from_slice(frame.payload()).unwrap();
            let events = message["events"].as_array().cloned().unwrap_or_default();
            found.extend(events.into_iter().map(|numbered| numbered["event"].clone()));
        }
        found.retain(|event| event["type"] == kind);
        found
    }
}

/// The room shows that it records for as long as it does, and not for longer: not when the recorder ends over an error of ours.
#[tokio::test]
async fn everybody_is_told_when_the_recorder_is_gone() {
    let (mut scene, mut host, ben_here) = Scene::with_speaker().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let recording = NewRecording { replay: REPLAY, to: Hearers::Everyone, text: 1 };
    scene.command(ada.member(), &host, Command::SetRecording { recording: Some(recording) });
    scene.settle().await;
    scene.command(ben.member(), &ben_here, Command::ConsentRecording { replay: REPLAY, text: 1, agree: true });
    scene.settle().await;
    scene.say(&ben).await;
    let recorder = scene.owner.rooms.recorder.clone();
    let track = recorder.folder_of(REPLAY).join("1.track");
    let length = || std::fs::metadata(&track).map_or(0, |file| file.len());
    while length() <= roomtone_media::track::HEADER_LEN as u64 {
        tokio::task::yield_now().await;
    }
    let kept = length();
    assert!(host.told_of("recording_stopped").is_empty());

    recorder.panic().await;
    recorder.settle().await;
    scene.command(ben.member(), &ben_here, Command::RaiseHand { question: None, followed_by_speaker: false });
    scene.settle().await;
    let stopped = host.told_of("recording_stopped");
    assert_eq!(stopped.len(), 1);
    assert_eq!((&stopped[0]["cause"], &stopped[0]["by"]), (&Value::from("failed"), &Value::Null));
    assert!(scene.owner.room.recording().is_none());
    // What was said before is there, and becomes a replay.
    let kept_now = scene.owner.rooms.store.recording(REPLAY).await.unwrap().unwrap();
    assert_eq!((kept_now.state, length()), (ReplayState::Waiting, kept));
    // And another can be begun.
    let recording = NewRecording { replay: ReplayId(78), ..recording };
    scene.command(ada.member(), &host, Command::SetRecording { recording: Some(recording) });
    scene.settle().await;
    scene.command(ben.member(), &ben_here, Command::RaiseHand { question: None, followed_by_speaker: false });
    scene.settle().await;
    assert_eq!(scene.owner.room.recording().map(|on| on.replay), Some(ReplayId(78)));
}

/// One that nobody stops is stopped when it is as long as one may be, and everybody is told; the host may go on with another.
#[tokio::test]
async fn a_recording_ends_after_half_a_day() {
    let (mut scene, mut host, _ben_here) = Scene::with_speaker().await;
    let ada = scene.host.clone();
    let recording = NewRecording { replay: REPLAY, to: Hearers::Everyone, text: 1 };
    for (ago, over) in [(12 * 3_600_000 - 60_000, false), (12 * 3_600_000, true)] {
        if scene.owner.room.recording().is_none() {
            scene.command(ada.member(), &host, Command::SetRecording { recording: Some(recording) });
            scene.settle().await;
        }
        let mut state = scene.owner.room.to_state();
        state.settings.recording.as_mut().unwrap().since = roomtone_room::Timestamp(edge::now().0 - ago);
        scene.owner.room = Room::from_state(state);
        scene.command(ada.member(), &host, Command::LowerHand);
        scene.settle().await;
        let stopped: Vec<_> = host.told_of("recording_stopped").iter().map(|event| event["cause"].clone()).collect();
        assert_eq!((stopped.len(), scene.owner.room.recording().is_none()), (usize::from(over), over));
        assert!(stopped.iter().all(|cause| cause == "too_long"));
    }
}

/// When the store did not work for a moment the room is as it was kept; who withdrew what they said meanwhile is found before anything else.
#[tokio::test]
async fn a_room_that_starts_again_learns_what_was_withdrawn() {
    let (mut scene, host, ben_here) = Scene::with_speaker().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.member());
    let recording = NewRecording { replay: REPLAY, to: Hearers::Everyone, text: 1 };
    scene.command(ada.member(), &host, Command::SetRecording { recording: Some(recording) });
    scene.settle().await;
    scene.command(ben, &ben_here, Command::ConsentRecording { replay: REPLAY, text: 1, agree: true });
    scene.settle().await;
    assert_eq!((scene.owner.room.track_of(ben), scene.owner.room.recorded().count()), (Some(1), 1));
    let whose = Withdrawer::Own(Hearer::member(ben));
    let withdrawn = scene.owner.rooms.store.withdraw_track(REPLAY, whose, edge::now()).await.unwrap();
    assert_eq!(withdrawn, Withdrawn::Done(vec![1]));
    let kept = Room::restore(edge::now(), scene.owner.room.to_state(), []);
    scene.owner.start_again(kept);
    let (reply, _roster) = oneshot::channel();
    scene.send(Message::Roster { viewer: MemberId(0), sought: everybody(), reply });
    scene.settle().await;
    assert_eq!((scene.owner.room.track_of(ben), scene.owner.room.recorded().count()), (None, 0));
    assert!(scene.owner.room.recording().is_some(), "others may be recorded");
    // For as long as that cannot be looked up, nothing is recorded.
    let recorder = scene.owner.rooms.recorder.clone();
    scene.owner.record_nothing().await;
    recorder.discard(REPLAY).await.unwrap();
    for due in [true, false] {
        scene.owner.replay_due = due;
        scene.owner.keep_recording().await;
        recorder.settle().await;
        assert_eq!(recorder.folder_of(REPLAY).exists(), !due);
    }
}
