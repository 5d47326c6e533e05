//! A room that was opened from a talk sheet: who is told what, and what is kept, in rounds that the test drives.

use roomtone_room::ids::{InvitationId, RecordId};
use roomtone_room::invitation::{Invitation, Invitee, Words};
use roomtone_room::{Question, Terms};
use roomtone_store::{CrowdSaid, InvitationMade, InvitationText, NewInvitation, Standing};

use super::*;

const ASKED: InvitationId = InvitationId(70);

/// Ada hosts; Ben may be on stage as well. Of the two questions the first is Eve's, who is not there, the second Ben's.
async fn scene() -> Scene {
    Scene::open_with(Packing::Auto, async |store, ada, ben| {
        let eve = member(store, "eve").await;
        invite(store, ada).await;
        let mut questions = Vec::new();
        for (record, by, votes) in [(11, &eve, 9), (10, ben, 2)] {
            let (record, text) = (RecordId(record), format!("question of {}", by.person.name));
            let asked = store.ask_question(by.member(), ASKED, record, &text, edge::now()).await.unwrap();
            assert_eq!(asked, CrowdSaid::Done);
            questions.push(Question { record, text, by: by.member(), votes });
        }
        let terms = Terms { recorded: false, stage: [ben.member()].into(), guests: 0 };
        Opening { terms: Some(terms), questions, ..Opening::new("A room", Kind::Open, "en") }
    })
    .await
}

/// Ada invites somebody without an account.
async fn invite(store: &Store, ada: &Caller) {
    let invitee = Invitee::Outside { name: "Somebody".to_owned(), about: String::new(), domain: None };
    let now = edge::now();
    let (invitation, mut step) = Invitation::ask(ASKED, ada.member(), invitee, now.plus(1_000_000), now);
    step.words = Some(Words { text: String::new(), language: "en".to_owned() });
    let (language, title, body) = ("en".to_owned(), "Come".to_owned(), "Please.".to_owned());
    let texts = vec![InvitationText { language, title, body, original: true }];
    let new = NewInvitation { invitation, step, house: None, topics: Vec::new(), texts };
    assert_eq!(store.create_invitation(&new).await.unwrap(), InvitationMade::Made);
}

/// The names under a path of the last snapshot in `messages`.
fn names(messages: &[Value], list: impl Fn(&Value) -> &Value) -> Vec<String> {
    let snapshot = messages.iter().rfind(|message| message["type"] == "snapshot").expect("there is a snapshot");
    let people = list(snapshot).as_array().unwrap().iter();
    people.map(|one| one["person"]["handle"].as_str().or(one["handle"].as_str()).unwrap().to_owned()).collect()
}

fn events(messages: &[Value]) -> Vec<Value> {
    messages.iter().filter_map(|message| message["events"].as_array()).flatten().map(|n| n["event"].clone()).collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["type"].as_str()).collect()
}

/// Which questions were answered.
async fn answered(scene: &Scene) -> Vec<u128> {
    let questions = scene.owner.rooms.store.questions(None, ASKED, None, 50).await.unwrap();
    questions.into_iter().filter(|question| question.answered_at.is_some()).map(|question| question.id.0).collect()
}

#[tokio::test]
async fn moderators_are_told_of_all_questions_and_others_of_the_one_that_is_answered() {
    let mut scene = scene().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let (mut host, mut listener) = (scene.connect(&ada), scene.connect(&ben));
    scene.settle().await;
    let (of_host, of_ben) = (host.messages(), listener.messages());
    assert_eq!(names(&of_host, |snapshot| &snapshot["questions"]), ["eve", "ben"]);
    assert_eq!(names(&of_ben, |snapshot| &snapshot["questions"]), Vec::<String>::new());
    for messages in [&of_host, &of_ben] {
        let mut stage = names(messages, |snapshot| &snapshot["room"]["terms"]["stage"]);
        stage.sort();
        assert_eq!(stage, ["ada", "ben"]);
    }

    scene.command(ada.member(), &host, Command::TakeQuestion { number: Some(1) });
    scene.settle().await;
    let told = events(&listener.messages());
    assert_eq!(kinds(&told), ["question_taken"]);
    assert_eq!(
        (&told[0]["question"]["text"], &told[0]["question"]["person"]["handle"]),
        (&"question of eve".into(), &"eve".into())
    );
    host.messages();
    scene.command(ada.member(), &host, Command::SettleQuestion { number: 2, answered: false });
    scene.command(ada.member(), &host, Command::SettleQuestion { number: 1, answered: true });
    scene.settle().await;
    assert_eq!(kinds(&events(&listener.messages())), ["question_closed"]);
    let settled = ["question_settled", "question_closed", "question_settled"];
    assert_eq!(kinds(&events(&host.messages())), settled);
    assert_eq!(answered(&scene).await, [11], "what was passed over was not answered");
}

#[tokio::test]
async fn what_was_answered_is_kept_with_the_round_or_not_at_all() {
    let mut scene = scene().await;
    let ada = scene.host.clone();
    let host = scene.connect(&ada);
    scene.settle().await;
    // Somebody else owns the room by now.
    let id = scene.owner.room.id();
    let now = edge::now();
    scene.owner.rooms.store.acquire_room(id, 77, now, now.plus(1_000), true).await.unwrap().unwrap();
    scene.command(ada.member(), &host, Command::SettleQuestion { number: 1, answered: true });
    assert!(matches!(scene.owner.round().await, Some(Stopped::Done)));
    assert_eq!(answered(&scene).await, [0_u128; 0]);
}

#[tokio::test]
async fn whoever_has_a_block_with_who_asks_is_told_nothing_of_them() {
    for on_stage in [false, true] {
        let mut scene = scene().await;
        let (ada, ben) = (scene.host.clone(), scene.ben.clone());
        let eve = scene.owner.room.questions().get(1).unwrap().by;
        let blocked = [eve].into();
        let knows = Caller { standing: Some(Arc::new(Standing { blocked, online_hidden: false })), ..ben.clone() };
        let host = scene.connect(&ada);
        let mut client = scene.connect(&knows);
        scene.settle().await;
        if on_stage {
            scene.command(ada.member(), &host, Command::OfferStage { member: ben.member() });
            scene.command(ben.member(), &client, Command::AcceptOffer);
            scene.command(ada.member(), &host, Command::MakeModerator { member: ben.member() });
            scene.settle().await;
        }
        client.messages();
        // Ben's own, then Eve's: the first goes, and nothing comes in its place.
        for number in [2, 1] {
            scene.command(ada.member(), &host, Command::TakeQuestion { number: Some(number) });
            scene.settle().await;
        }
        let told = client.messages();
        assert_eq!(kinds(&events(&told)), ["question_taken", "question_closed"], "{on_stage}");
        assert!(!Value::from(told).to_string().contains(&eve.to_string()), "{on_stage}");
        scene.send(Message::Resync { member: ben.member(), socket: client.number });
        scene.settle().await;
        let messages = client.messages();
        let snapshot = messages.last().unwrap();
        assert!(snapshot["question"].is_null() && !snapshot.to_string().contains(&eve.to_string()), "{on_stage}");
        let questions = names(&messages, |snapshot| &snapshot["questions"]);
        assert_eq!(questions.len(), usize::from(on_stage));
    }
}

#[tokio::test]
async fn a_question_goes_with_the_account_of_who_asks() {
    let mut scene = scene().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let eve = scene.owner.room.questions().get(1).unwrap().by;
    let host = scene.connect(&ada);
    let mut listener = scene.connect(&ben);
    scene.settle().await;
    scene.command(ada.member(), &host, Command::TakeQuestion { number: Some(1) });
    scene.settle().await;
    let (done, forgotten) = oneshot::channel();
    scene.send(Message::Forget { member: eve, done });
    scene.settle().await;
    forgotten.await.unwrap();
    listener.messages();
    scene.send(Message::Resync { member: ben.member(), socket: listener.number });
    scene.settle().await;
    let messages = listener.messages();
    assert!(messages.last().unwrap()["question"].is_null());
    assert_eq!(scene.owner.room.questions().iter().len(), 1);
    // What is in the log is found by who wrote it.
    let own = scene.owner.rooms.store.own_events(eve, None).await.unwrap();
    assert!(own.len() == 1 && own[0].body.contains("question of eve"));
}

#[tokio::test]
async fn a_room_that_comes_back_has_its_sheet_and_knows_who_asks() {
    let mut scene = scene().await;
    let ada = scene.host.clone();
    let host = scene.connect(&ada);
    scene.settle().await;
    scene.command(ada.member(), &host, Command::TakeQuestion { number: Some(1) });
    scene.command(ada.member(), &host, Command::SettleQuestion { number: 2, answered: true });
    scene.settle().await;
    let rooms = scene.owner.rooms.clone();
    let back = rooms.load(scene.owner.room.id()).await.unwrap();
    assert_eq!(back.terms(), scene.owner.room.terms());
    assert_eq!(back.questions(), scene.owner.room.questions());
    let (_inbox, messages) = mpsc::channel(1);
    let (owner, _, _) = Owner::new(rooms, back, messages).await.unwrap();
    let eve = owner.room.questions().get(1).unwrap().by;
    assert_eq!(owner.people.get(&eve).map(|person| person.handle.as_str()), Some("eve"));
}

#[tokio::test]
async fn a_block_with_somebody_who_asks_and_is_elsewhere_holds_at_once() {
    let mut scene = scene().await;
    let (ada, ben) = (scene.host.clone(), scene.ben.clone());
    let eve = scene.owner.room.questions().get(1).unwrap().by;
    scene.list();
    let host = scene.connect(&ada);
    let mut listener = scene.connect(&ben);
    scene.settle().await;
    scene.command(ada.member(), &host, Command::TakeQuestion { number: Some(1) });
    scene.settle().await;
    assert!(Value::from(listener.messages()).to_string().contains(&eve.to_string()));
    let rooms = scene.owner.rooms.clone();
    let settled = async {
        while scene.owner.inbox.is_empty() {
            tokio::task::yield_now().await;
        }
        scene.settle().await;
    };
    tokio::join!(rooms.part(ben.member(), eve), settled);
    let messages = listener.messages();
    assert!(messages.last().unwrap()["question"].is_null(), "{messages:?}");
}
