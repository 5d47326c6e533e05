//! Whose last minute is kept, in rounds that the test drives.

use roomtone_media::frame::Frame;
use roomtone_room::ids::TalkerNo;
use roomtone_store::Speaker;

use super::*;

impl Scene {
    fn number(&self, caller: &Caller) -> TalkerNo {
        self.owner.room.participant(caller.member()).unwrap().number
    }

    /// Somebody says something.
    pub(super) async fn say(&self, caller: &Caller) {
        let frame = Frame {
            room: self.owner.room.id(),
            talker: self.number(caller),
            slot: 0,
            dominant: true,
            seq: 1,
            time: 960,
            level: 20,
            arrived: edge::instant(),
            payload: [0xf8, 1, 2, 3].into(),
        };
        self.owner.rooms.media.say(Arc::new(frame)).await;
    }

    /// Who has agreed as the media threads know it, and how many frames of theirs are kept.
    async fn kept(&self) -> Vec<(TalkerNo, usize)> {
        let kept = self.owner.rooms.media.kept(self.owner.room.id()).await.await.unwrap();
        kept.into_iter().map(|kept| (kept.talker, kept.frames.len())).collect()
    }

    async fn minute(&mut self, reporter: MemberId) -> Result<Minute, ApiError> {
        let (reply, minute) = oneshot::channel();
        self.send(Message::Minute { reporter, reply });
        self.settle().await;
        minute.await.unwrap()
    }
}

/// A way to lose what is kept of a member.
type Way = fn(MemberId) -> Command;

const AGREE: Command = Command::AgreeEvidence { agree: true };
const TAKE_BACK: Command = Command::AgreeEvidence { agree: false };

/// A room with evidence on, in which Ben has agreed and said something.
async fn scene() -> (Scene, Client, Client) {
    let (mut scene, host, client) = Scene::with_speaker().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    scene.say(&ben).await;
    scene.command(ada.member(), &host, Command::SetEvidence { on: true });
    scene.command(ben.member(), &client, AGREE);
    scene.settle().await;
    assert_eq!(scene.kept().await, [(scene.number(&ben), 0)]);
    for caller in [&ben, &ada] {
        scene.say(caller).await;
    }
    assert_eq!(scene.kept().await, [(scene.number(&ben), 1)]);
    (scene, host, client)
}

#[tokio::test]
async fn what_was_taken_back_does_not_come_back_in_the_same_batch() {
    // By oneself, and by everybody's being asked anew.
    for all in [false, true] {
        let (mut scene, host, client) = scene().await;
        let (ada, ben) = (scene.host.member(), scene.ben.member());
        if all {
            scene.command(ada, &host, Command::SetEvidence { on: false });
            scene.command(ada, &host, Command::SetEvidence { on: true });
        } else {
            scene.command(ben, &client, TAKE_BACK);
        }
        scene.command(ben, &client, AGREE);
        scene.settle().await;
        assert_eq!(scene.kept().await, [(scene.number(&scene.ben.clone()), 0)], "{all}");
    }
}

#[tokio::test]
async fn nothing_is_kept_of_who_is_off_the_stage_or_in_a_room_without_an_owner() {
    // Whether the host goes this way, and the command, which may be about Ben.
    let ways: [(bool, Way); 4] = [
        (false, |_| Command::Leave),
        (false, |_| Command::StepDown),
        (true, |member| Command::MoveToAudience { member }),
        (true, |_| Command::SetEvidence { on: false }),
    ];
    for (number, (by_host, way)) in ways.into_iter().enumerate() {
        let (mut scene, host, client) = scene().await;
        let (ada, ben) = (scene.host.member(), scene.ben.member());
        let (who, from) = if by_host { (ada, &host) } else { (ben, &client) };
        scene.command(who, from, way(ben));
        scene.settle().await;
        assert_eq!(scene.kept().await, [], "{number}");
    }
    // A lost connection is none of these.
    let (mut scene, _host, client) = scene().await;
    scene.send(Message::Disconnected { member: scene.ben.member(), socket: client.number });
    scene.settle().await;
    assert_eq!(scene.kept().await, [(scene.number(&scene.ben.clone()), 1)]);
    // What the store does not take is not so, and the room begins with what it has: who has agreed, and nothing kept.
    scene.owner.close_everything(ByeCode::ShuttingDown).await;
    assert_eq!(scene.kept().await, []);
    let room = scene.owner.rooms.load(scene.owner.room.id()).await.unwrap();
    scene.owner.start_again(room);
    scene.owner.grant().await;
    assert_eq!(scene.kept().await, [(scene.number(&scene.ben.clone()), 0)]);
}

#[tokio::test]
async fn the_minute_is_for_those_who_are_in_the_room() {
    let (mut scene, host, _client) = scene().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    assert_eq!(refused(scene.minute(MemberId(99)).await), Some(Code::NotInRoom));
    let minute = scene.minute(ada.member()).await.unwrap();
    assert_eq!(minute.speakers, [(scene.number(&ben), Speaker::Member(ben.member()))]);
    let kept = minute.kept.await.unwrap();
    assert_eq!(kept.iter().map(|kept| (kept.talker, kept.frames.len())).collect::<Vec<_>>(), [(scene.number(&ben), 1)]);
    // What is decided in the same batch counts.
    scene.command(ada.member(), &host, Command::SetEvidence { on: false });
    assert_eq!(refused(scene.minute(ada.member()).await), Some(Code::EvidenceOff));
}
