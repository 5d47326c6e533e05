//! Questions to an invitation that are answered in a room: noted with the room's events, or not at all.

use roomtone_room::ids::{InvitationId, MemberId, RecordId, RoomId, Timestamp};
use roomtone_room::invitation::{Invitation, Invitee, Words};
use roomtone_store::{
    AppendError, Changes, CrowdSaid, InvitationMade, InvitationText, NewInvitation, Store, StoreError,
};

use crate::support::{World, contract, join, own, refused, room, row};

contract!(questions_are_answered_with_the_events_of_the_room,);

const ASKED: InvitationId = InvitationId(70);

/// Ada invites somebody without an account.
async fn invite(store: &Store, ada: MemberId) {
    let invitee = Invitee::Outside { name: "Somebody".to_owned(), about: String::new(), domain: None };
    let (invitation, mut step) = Invitation::ask(ASKED, ada, invitee, Timestamp(1_000_000), Timestamp(1));
    step.words = Some(Words { text: String::new(), language: "en".to_owned() });
    let text = InvitationText {
        language: "en".to_owned(),
        title: "Come and talk".to_owned(),
        body: "Please.".to_owned(),
        original: true,
    };
    let new = NewInvitation { invitation, step, house: None, topics: Vec::new(), texts: vec![text] };
    assert_eq!(store.create_invitation(&new).await.unwrap(), InvitationMade::Made);
}

async fn answered(store: &Store) -> Vec<(u128, Option<u64>)> {
    let questions = store.questions(None, ASKED, None, 50).await.unwrap();
    questions.into_iter().map(|question| (question.id.0, question.answered_at.map(|at| at.0))).collect()
}

async fn questions_are_answered_with_the_events_of_the_room(world: &World) {
    let store = world.open().await;
    let [ada, ben, chen] = [join(&store, 1, "ada").await, join(&store, 2, "ben").await, join(&store, 3, "chen").await];
    invite(&store, ada).await;
    for (id, member, at) in [(10, ben, 5), (11, chen, 6)] {
        let said = store.ask_question(member, ASKED, RecordId(id), "Why maps?", Timestamp(at)).await.unwrap();
        assert_eq!(said, CrowdSaid::Done);
    }
    store.create_room(room(1, ada), &[row(1)]).await.unwrap();
    let epoch = own(&store, 1).await;

    // With a number that is taken, and of an owner of long ago: nothing of it is kept.
    let first = [(RecordId(11), Timestamp(100))];
    let bad = Changes { rows: &[row(2), row(1)], answered: &first, ..Changes::default() };
    refused!(store.append(RoomId(1), epoch, bad).await => AppendError::Store(StoreError::Conflict(_)));
    let good = Changes { rows: &[row(2)], answered: &first, ..Changes::default() };
    refused!(store.append(RoomId(1), epoch - 1, good).await => AppendError::Fenced);
    assert_eq!(answered(&store).await, [(10, None), (11, None)]);

    store.append(RoomId(1), epoch, good).await.unwrap();
    assert_eq!(answered(&store).await, [(10, None), (11, Some(100))]);
    // Once answered it stays so; one that was taken back is nobody's any more.
    let again = [(RecordId(11), Timestamp(200)), (RecordId(404), Timestamp(200)), (RecordId(10), Timestamp(200))];
    let last = Changes { rows: &[row(3)], answered: &again, ..Changes::default() };
    store.end_room(RoomId(1), epoch, Timestamp(200), last).await.unwrap();
    assert_eq!(answered(&store).await, [(10, Some(200)), (11, Some(100))]);
}
