//! Invitations: who may read them, what happens to them once and in order, and what others say to them.

use std::sync::Arc;

use roomtone_room::Kind;
use roomtone_room::ids::{EventId, HouseId, InvitationId, MemberId, RecordId, Timestamp};
use roomtone_room::invitation::{Act, Invitation, Invitee, Other, Refusal, Sheet, Side, State, Words};
use roomtone_store::{
    Acted, Acting, AnswerLink, BranchAct, CrowdSaid, HouseText, InvitationAct, InvitationBox, InvitationFile,
    InvitationMade, InvitationText, NewHouse, NewInvitation, OPEN_INVITATIONS_MAX, REPLIES_EACH, Reply, ShownInvitee,
    Store, StoreError,
};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{World, contract, hash, join, refused};

contract!(
    an_invitation_is_read_as_it_was_made,
    a_host_invites_so_many_and_each_member_once_at_a_time,
    steps_are_kept_in_order_and_come_to_what_the_rules_say,
    of_many_who_answer_at_once_one_does,
    the_event_follows,
    both_sides_write_and_accept_sheets,
    translations_come_and_the_original_stays,
    a_link_is_taken_once_and_replaced_by_the_next,
    of_many_who_take_an_answer_link_one_answers,
    blocks_and_suspensions_hide_an_invitation,
    lists_are_in_pages_and_in_boxes,
    one_goes_on_in_another,
    whoever_does_not_answer_is_found,
    members_cosign_once_while_it_is_open,
    questions_are_ranked_by_votes,
    replies_have_contacts_for_the_host_only,
);

pub(crate) const ID: InvitationId = InvitationId(70);
pub(crate) const DAY: u64 = 24 * 60 * 60 * 1000;

fn at(time: u64) -> Timestamp {
    Timestamp(time)
}

pub(crate) fn outside() -> Invitee {
    Invitee::Outside {
        name: "The President".to_owned(),
        about: "Of a country".to_owned(),
        domain: Some("example.org".to_owned()),
    }
}

fn text(language: &str, title: &str, original: bool) -> InvitationText {
    InvitationText {
        language: language.to_owned(),
        title: title.to_owned(),
        body: "Join me for a chat.".to_owned(),
        original,
    }
}

fn new(id: InvitationId, host: MemberId, invitee: Invitee, now: u64) -> NewInvitation {
    let (invitation, step) = Invitation::ask(id, host, invitee, at(now + 90 * DAY), at(now));
    let texts = vec![text("en", "Join me", true), text("ru", "Присоединяйтесь", false)];
    NewInvitation { invitation, step, house: None, topics: vec!["maps".to_owned(), "jazz".to_owned()], texts }
}

pub(crate) async fn made(store: &Store, id: InvitationId, host: MemberId, invitee: Invitee, now: u64) {
    assert_eq!(store.create_invitation(&new(id, host, invitee, now)).await.unwrap(), InvitationMade::Made);
}

pub(crate) fn ask(acting: Acting, act: Act, now: u64) -> InvitationAct {
    ask_of(ID, acting, act, now)
}

fn ask_of(invitation: InvitationId, acting: Acting, act: Act, now: u64) -> InvitationAct {
    let ids = (EventId(u128::from(now) << 8), RecordId(u128::from(now)));
    InvitationAct { invitation, acting, act, sheet: None, text: None, ids, now: at(now) }
}

pub(crate) async fn act(store: &Store, acting: Acting, act: Act, now: u64) -> Result<State, Refusal> {
    match store.act_on_invitation(&ask(acting, act, now)).await.unwrap() {
        Acted::Done(taken) => Ok(taken.after.state),
        Acted::Refused(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

fn words(text: &str) -> Option<Words> {
    Some(Words { text: text.to_owned(), language: "en".to_owned() })
}

pub(crate) fn accept(round: u32) -> Act {
    Act::Accept { round, words: None }
}

pub(crate) async fn file(store: &Store, reader: Option<MemberId>) -> InvitationFile {
    store.invitation(reader, ID).await.unwrap().expect("the invitation is there")
}

async fn three(store: &Store) -> [MemberId; 3] {
    [join(store, 1, "ada").await, join(store, 2, "ben").await, join(store, 3, "eve").await]
}

async fn an_invitation_is_read_as_it_was_made(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    let said = HouseText {
        name: "Tea".to_owned(),
        about: String::new(),
        rules: String::new(),
        language: "en".to_owned(),
        private: true,
        nominated: false,
    };
    let house = NewHouse { id: HouseId(5), handle: "tea".to_owned(), skeleton: "tea".to_owned(), text: said };
    store.create_house(&house, ada, at(1)).await.unwrap();
    let mut of_house = new(ID, ada, outside(), 10);
    of_house.house = Some(HouseId(5));
    let by_ben = NewInvitation { house: Some(HouseId(5)), ..new(InvitationId(71), ben, outside(), 10) };
    assert_eq!(store.create_invitation(&by_ben).await.unwrap(), InvitationMade::NotHouseAdmin);
    assert_eq!(store.create_invitation(&of_house).await.unwrap(), InvitationMade::Made);
    refused!(store.create_invitation(&of_house).await => StoreError::Conflict(_));
    for reader in [None, Some(ada), Some(eve)] {
        let file = file(&store, reader).await;
        assert_eq!(file.invitation, of_house.invitation);
        assert_eq!(file.steps.iter().map(|shown| &shown.step).collect::<Vec<_>>(), [&of_house.step]);
        assert_eq!(file.steps[0].member.as_ref().map(|person| person.id), Some(ada));
        assert_eq!(file.texts, of_house.texts);
        let entry = file.entry;
        assert_eq!((entry.host.handle.as_str(), entry.language.as_str()), ("ada", "en"));
        assert_eq!(entry.topics, ["maps", "jazz"]);
        assert_eq!((entry.state, entry.turn, entry.round), (State::Asked, Some(Side::Invitee), 1));
        assert_eq!((entry.created_at, entry.changed_at, entry.expires_at), (at(10), at(10), at(10 + 90 * DAY)));
        // A private house is nobody's business but its members'.
        assert_eq!(entry.house.map(|house| house.handle), (reader == Some(ada)).then(|| "tea".to_owned()));
        let ShownInvitee::Outside { name, about, domain } = entry.invitee else { panic!("{:?}", entry.invitee) };
        assert_eq!(
            (name.as_str(), about.as_str(), domain.as_deref()),
            ("The President", "Of a country", Some("example.org"))
        );
    }
    assert_eq!(store.invitation(None, InvitationId(404)).await.unwrap(), None);
}

async fn a_host_invites_so_many_and_each_member_once_at_a_time(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    let invite = async |id: u128, host, invitee| {
        store.create_invitation(&new(InvitationId(id), host, invitee, 10)).await.unwrap()
    };
    assert_eq!(invite(70, ada, Invitee::Member(ben)).await, InvitationMade::Made);
    assert_eq!(invite(71, ada, Invitee::Member(ben)).await, InvitationMade::Already);
    assert_eq!(invite(71, eve, Invitee::Member(ben)).await, InvitationMade::Made);
    act(&store, Acting::Member(ben), Act::Decline { round: 1, words: None }, 20).await.unwrap();
    assert_eq!(invite(72, ada, Invitee::Member(ben)).await, InvitationMade::Made);
    assert_eq!(invite(73, ada, Invitee::Member(ada)).await, InvitationMade::NoInvitee);
    assert_eq!(invite(73, ada, Invitee::Member(MemberId(404))).await, InvitationMade::NoInvitee);
    // A block in either direction answers as somebody who is not there.
    store.block(eve, ada, at(30)).await.unwrap();
    assert_eq!(invite(73, ada, Invitee::Member(eve)).await, InvitationMade::NoInvitee);
    assert_eq!(invite(73, eve, Invitee::Member(ada)).await, InvitationMade::NoInvitee);
    for id in 1..OPEN_INVITATIONS_MAX {
        assert_eq!(invite((100 + id).into(), ada, outside()).await, InvitationMade::Made);
    }
    assert_eq!(invite(200, ada, outside()).await, InvitationMade::TooMany);
    // The last one, from many sides at once.
    let withdraw = ask_of(InvitationId(101), Acting::Member(ada), Act::Withdraw { words: None }, 40);
    assert!(matches!(store.act_on_invitation(&withdraw).await.unwrap(), Acted::Done(_)));
    let mut tasks = JoinSet::new();
    for id in 300..310 {
        let store = store.clone();
        tasks.spawn(async move { store.create_invitation(&new(InvitationId(id), ada, outside(), 50)).await.unwrap() });
    }
    let made = tasks.join_all().await;
    assert_eq!(made.iter().filter(|made| **made == InvitationMade::Made).count(), 1, "{made:?}");
}

async fn steps_are_kept_in_order_and_come_to_what_the_rules_say(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    made(&store, ID, ada, Invitee::Member(ben), 10).await;
    let (host, invitee) = (Acting::Member(ada), Acting::Member(ben));
    assert_eq!(act(&store, Acting::Member(eve), accept(1), 15).await, Err(Refusal::NotAllowed));
    let details = Act::NeedDetails { round: 1, words: words("What exactly is proposed?") };
    assert_eq!(act(&store, invitee, details.clone(), 20).await, Ok(State::Asked));
    assert_eq!(act(&store, invitee, details, 21).await, Err(Refusal::AlreadyAnswered));
    let give = Act::GiveDetails { round: 1, words: words("An hour.") };
    assert_eq!(act(&store, host, give, 30).await, Ok(State::Asked));
    assert_eq!(act(&store, invitee, accept(1), 31).await, Err(Refusal::AlreadyAnswered));
    let later = Act::AnswerLater { round: 2, until: at(DAY), words: None };
    assert_eq!(act(&store, invitee, later, 32).await, Ok(State::Asked));
    let times = vec![at(2 * DAY), at(3 * DAY)];
    assert_eq!(act(&store, invitee, Act::ProposeTimes { round: 3, times, words: None }, 33).await, Ok(State::Asked));
    let agree = Act::AgreeTime { round: 3, time: at(3 * DAY), words: words("Gladly") };
    assert_eq!(act(&store, host, agree, 34).await, Ok(State::Accepted));
    store.close().await;
    // As they were told, also after a restart.
    let store = world.open().await;
    let file = file(&store, None).await;
    let steps = &file.steps;
    assert_eq!(
        steps.iter().map(|shown| (shown.step.n, shown.step.at.0)).collect::<Vec<_>>(),
        [(1, 10), (2, 20), (3, 30), (4, 32), (5, 33), (6, 34)]
    );
    let said: Vec<_> = steps.iter().map(|shown| shown.step.words.as_ref().map(|words| words.text.as_str())).collect();
    assert_eq!(said, [None, Some("What exactly is proposed?"), Some("An hour."), None, None, Some("Gladly")]);
    assert_eq!(file.invitation.date, Some(at(3 * DAY)));
    let mut folded = Invitation::before(ID, ada, Invitee::Member(ben), file.entry.expires_at);
    steps.iter().for_each(|shown| folded.fold(&shown.step));
    assert_eq!(folded, file.invitation);
    assert_eq!((file.entry.state, file.entry.turn, file.entry.round), (folded.state, folded.turn, folded.round));
}

/// Both sides' people, from several processes.
async fn of_many_who_answer_at_once_one_does(world: &World) {
    let stores = [world.open().await, world.open().await];
    let [ada, ben, _] = three(&stores[0]).await;
    made(&stores[0], ID, ada, Invitee::Member(ben), 10).await;
    for round in 1..=10_u32 {
        let together = Arc::new(Barrier::new(8));
        let mut tasks = JoinSet::new();
        for number in 0..8_usize {
            let (store, together) = (stores[number % 2].clone(), together.clone());
            tasks.spawn(async move {
                together.wait().await;
                let later = Act::AnswerLater { round, until: at(DAY), words: None };
                store.act_on_invitation(&ask(Acting::Member(ben), later, 20)).await.unwrap()
            });
        }
        let answers = tasks.join_all().await;
        let done = answers.iter().filter(|answer| matches!(answer, Acted::Done(_))).count();
        let late = answers.iter().filter(|answer| **answer == Acted::Refused(Refusal::AlreadyAnswered)).count();
        assert_eq!((done, late), (1, 7), "{answers:?}");
    }
    assert_eq!(file(&stores[0], None).await.invitation.steps, 11);
}

async fn the_event_follows(world: &World) {
    let store = world.open().await;
    let [ada, ben, _] = three(&store).await;
    made(&store, ID, ada, Invitee::Member(ben), 10).await;
    assert_eq!(file(&store, None).await.event, None);
    act(&store, Acting::Member(ben), accept(1), 20).await.unwrap();
    let event = file(&store, None).await.event.expect("an event was made");
    let shown = async || store.event(event, None).await.unwrap().expect("the event is there");
    let first = shown().await;
    assert_eq!((first.text.title.as_str(), first.agenda.starts_at, first.invitation), ("Join me", None, Some(ID)));
    assert_eq!(first.agenda.state, roomtone_room::agenda::State::Agreed);
    // What follows is for both to agree.
    let propose = Act::ProposeTimes { round: 2, times: vec![at(5 * DAY)], words: None };
    act(&store, Acting::Member(ada), propose, 30).await.unwrap();
    assert_eq!(shown().await.agenda.starts_at, None);
    let agree = Act::AgreeTime { round: 3, time: at(5 * DAY), words: None };
    act(&store, Acting::Member(ben), agree, 40).await.unwrap();
    assert_eq!(shown().await.agenda.starts_at, Some(at(5 * DAY)));
    act(&store, Acting::Member(ben), Act::Decline { round: 4, words: None }, 50).await.unwrap();
    assert_eq!(shown().await.agenda.state, roomtone_room::agenda::State::Cancelled);
}

pub(crate) fn sheet(minutes: u32) -> Sheet {
    Sheet {
        topics: vec!["maps".to_owned()],
        minutes,
        languages: vec!["en".to_owned(), "ru".to_owned()],
        recorded: true,
        others: vec!["Kanye".to_owned()],
        audience: Kind::Social,
        notes: "No\nvideo".to_owned(),
    }
}

async fn both_sides_write_and_accept_sheets(world: &World) {
    let store = world.open().await;
    let [ada, ben, _] = three(&store).await;
    made(&store, ID, ada, Invitee::Member(ben), 10).await;
    let write = async |who, number: u32, now| {
        let digest = hash(u64::from(number) + 900);
        let new = ask(Acting::Member(who), Act::ProposeSheet { hash: digest }, now);
        store.act_on_invitation(&InvitationAct { sheet: Some((number, sheet(number * 10))), ..new }).await.unwrap()
    };
    assert!(matches!(write(ada, 1, 20).await, Acted::Done(_)));
    // Numbered for another version than is the next.
    assert_eq!(write(ada, 3, 21).await, Acted::Changed);
    assert!(matches!(write(ben, 2, 22).await, Acted::Done(_)));
    let accept = |number: u64| Act::AcceptSheet { hash: hash(900 + number) };
    assert_eq!(act(&store, Acting::Member(ben), accept(2), 23).await, Err(Refusal::NothingToChange));
    assert_eq!(file(&store, None).await.invitation.agreed_sheet(), None);
    act(&store, Acting::Member(ada), accept(2), 24).await.unwrap();
    let file = file(&store, None).await;
    assert_eq!(file.invitation.agreed_sheet().map(|sheet| sheet.number), Some(2));
    let said: Vec<_> = file.sheets.iter().map(|said| (said.number, said.hash, said.sheet.clone())).collect();
    assert_eq!(said, [(1, hash(901), sheet(10)), (2, hash(902), sheet(20))]);
    // The event is planned as the sheet says.
    act(&store, Acting::Member(ben), self::accept(1), 30).await.unwrap();
    let event = self::file(&store, None).await.event.unwrap();
    let event = store.event(event, None).await.unwrap().unwrap();
    assert_eq!((event.plan.minutes, event.plan.kind), (20, Kind::Social));
}

async fn translations_come_and_the_original_stays(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    made(&store, ID, ada, Invitee::Member(ben), 10).await;
    let translate = async |who, language: &str, title: &str| {
        let new = ask(Acting::Member(who), Act::Translate { language: language.to_owned() }, 20);
        let text = Some(text(language, title, false));
        store.act_on_invitation(&InvitationAct { text, ..new }).await.unwrap()
    };
    assert!(matches!(translate(ben, "de", "Komm").await, Acted::Done(_)));
    assert!(matches!(translate(ada, "de", "Kommen Sie").await, Acted::Done(_)));
    assert_eq!(translate(ada, "en", "Do not come").await, Acted::Refused(Refusal::NothingToChange));
    assert_eq!(translate(eve, "fr", "Venez").await, Acted::Refused(Refusal::NotAllowed));
    let file = file(&store, None).await;
    let titles: Vec<_> = file.texts.iter().map(|text| (text.title.as_str(), text.original)).collect();
    assert_eq!(titles, [("Join me", true), ("Kommen Sie", false), ("Присоединяйтесь", false)]);
    assert_eq!(file.steps.len(), 3);
}

pub(crate) fn link(number: u64, expires_at: u64) -> AnswerLink {
    AnswerLink { correspondent: RecordId(number.into()), invitation: ID, expires_at: at(expires_at) }
}

async fn a_link_is_taken_once_and_replaced_by_the_next(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    made(&store, ID, ada, outside(), 10).await;
    made(&store, InvitationId(71), ada, Invitee::Member(ben), 10).await;
    let make = async |host, number: u64| {
        store.make_answer_link(host, &link(number, 1_000), &hash(number), at(20)).await.unwrap()
    };
    assert!(!make(eve, 901).await);
    // A member answers by their account.
    let of_member = AnswerLink { invitation: InvitationId(71), ..link(901, 1_000) };
    assert!(!store.make_answer_link(ada, &of_member, &hash(901), at(20)).await.unwrap());
    assert!(make(ada, 901).await);
    assert_eq!(store.answer_link(&hash(901), at(999)).await.unwrap(), Some(link(901, 1_000)));
    for (code, now) in [(901, 1_000), (902, 30)] {
        assert_eq!(store.answer_link(&hash(code), at(now)).await.unwrap(), None);
        assert_eq!(store.take_answer_link(&hash(code), &hash(800), false, at(now)).await.unwrap(), None);
    }
    assert_eq!(store.take_answer_link(&hash(901), &hash(801), true, at(30)).await.unwrap(), Some(link(901, 1_000)));
    assert_eq!(store.take_answer_link(&hash(901), &hash(802), false, at(31)).await.unwrap(), None);
    assert_eq!(store.answer_link(&hash(901), at(31)).await.unwrap(), None);
    assert_eq!(store.correspondent_by_key(ID, &hash(801)).await.unwrap(), Some(RecordId(901)));
    assert_eq!(store.correspondent_by_key(InvitationId(71), &hash(801)).await.unwrap(), None);
    assert_eq!(store.correspondent_by_key(ID, &hash(802)).await.unwrap(), None);
    let state = file(&store, None).await.link.unwrap();
    assert_eq!((state.correspondent, state.claimed_at, state.expires_at), (RecordId(901), Some(at(30)), at(1_000)));
    let details = Act::NeedDetails { round: 1, words: words("What is proposed?") };
    assert_eq!(act(&store, Acting::Outside(RecordId(901)), details, 40).await, Ok(State::Asked));
    act(&store, Acting::Member(ada), Act::GiveDetails { round: 1, words: words("A chat") }, 41).await.unwrap();
    // The next link takes the place of this one, and of whoever took it.
    assert!(make(ada, 903).await);
    assert_eq!(store.correspondent_by_key(ID, &hash(801)).await.unwrap(), None);
    let former = ask(Acting::Outside(RecordId(901)), accept(2), 50);
    assert_eq!(store.act_on_invitation(&former).await.unwrap(), Acted::Missing);
    assert!(store.take_answer_link(&hash(903), &hash(803), false, at(50)).await.unwrap().is_some());
    assert_eq!(act(&store, Acting::Outside(RecordId(903)), accept(2), 51).await, Ok(State::Accepted));
    assert!(!store.end_answer_link(eve, ID, at(52)).await.unwrap());
    assert!(store.end_answer_link(ada, ID, at(52)).await.unwrap());
    assert_eq!(store.correspondent_by_key(ID, &hash(803)).await.unwrap(), None);
    assert_eq!(file(&store, None).await.link, None);
    // Nothing more is answered once it has ended.
    act(&store, Acting::Member(ada), Act::Withdraw { words: None }, 60).await.unwrap();
    assert!(!make(ada, 904).await);
}

async fn of_many_who_take_an_answer_link_one_answers(world: &World) {
    let stores = [world.open().await, world.open().await];
    let [ada, ..] = three(&stores[0]).await;
    made(&stores[0], ID, ada, outside(), 10).await;
    for code in 900..910 {
        assert!(stores[0].make_answer_link(ada, &link(code, 1_000), &hash(code), at(20)).await.unwrap());
        let together = Arc::new(Barrier::new(8));
        let mut tasks = JoinSet::new();
        for number in 0..8 {
            let (store, together) = (stores[number as usize % 2].clone(), together.clone());
            tasks.spawn(async move {
                together.wait().await;
                store.take_answer_link(&hash(code), &hash(10_000 + 10 * code + number), false, at(30)).await.unwrap()
            });
        }
        let taken = tasks.join_all().await.into_iter().flatten().count();
        assert_eq!(taken, 1, "{code}");
    }
}

async fn blocks_and_suspensions_hide_an_invitation(world: &World) {
    let store = world.open().await;
    let owner = crate::invites::owner(&store).await;
    let [ada, ben, eve] =
        [join(&store, 11, "host").await, join(&store, 12, "ben").await, join(&store, 13, "eve").await];
    let dan = join(&store, 4, "dan").await;
    made(&store, ID, ada, Invitee::Member(ben), 10).await;
    let reads = async |reader| {
        let one = store.invitation(reader, ID).await.unwrap().is_some();
        let listed = store.invitations(reader, &InvitationBox::All, None, 10).await.unwrap().len() == 1;
        assert_eq!(one, listed, "{reader:?}");
        one
    };
    // With either of the two, in either direction.
    for (blocker, blocked) in [(eve, ada), (ada, eve), (eve, ben), (ben, eve)] {
        store.block(blocker, blocked, at(20)).await.unwrap();
        assert!(!reads(Some(eve)).await && reads(Some(dan)).await && reads(None).await);
        assert_eq!(store.cosign(eve, ID, at(21)).await.unwrap(), CrowdSaid::Missing);
        assert_eq!(store.ask_question(eve, ID, RecordId(1), "Why?", at(21)).await.unwrap(), CrowdSaid::Missing);
        let missing = store.act_on_invitation(&ask(Acting::Member(eve), accept(1), 21)).await.unwrap();
        assert_eq!(missing, Acted::Missing);
        store.unblock(blocker, blocked).await.unwrap();
        assert!(reads(Some(eve)).await);
    }
    // Between the two: only the host is left to see it, and can only take it back.
    store.block(ben, ada, at(30)).await.unwrap();
    for (reader, sees) in [(None, false), (Some(dan), false), (Some(ben), false), (Some(ada), true)] {
        assert_eq!(reads(reader).await, sees, "{reader:?}");
    }
    for (who, what) in [(ben, accept(1)), (ada, Act::ProposeSheet { hash: [1; 32] })] {
        let missing = store.act_on_invitation(&ask(Acting::Member(who), what, 31)).await.unwrap();
        assert_eq!(missing, Acted::Missing);
    }
    store.unblock(ben, ada).await.unwrap();
    let suspension = BranchAct { id: RecordId(9), member: ada, branch: false, author: owner, at: at(40) };
    store.suspend(&suspension, "").await.unwrap();
    assert!(!reads(None).await && !reads(Some(ben)).await);
    assert_eq!(store.act_on_invitation(&ask(Acting::Member(ben), accept(1), 41)).await.unwrap(), Acted::Missing);
    let back = BranchAct { id: RecordId(10), at: at(50), ..suspension };
    store.restore(&back).await.unwrap();
    store.block(ada, ben, at(51)).await.unwrap();
    assert_eq!(act(&store, Acting::Member(ada), Act::Withdraw { words: None }, 52).await, Ok(State::Withdrawn));
}

async fn lists_are_in_pages_and_in_boxes(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    for number in 0..5 {
        made(&store, InvitationId(100 + number), ada, outside(), 10 + number as u64).await;
    }
    made(&store, ID, eve, Invitee::Member(ben), 50).await;
    // The last changed first: one in the middle comes to the top.
    let withdraw = ask_of(InvitationId(102), Acting::Member(ada), Act::Withdraw { words: None }, 60);
    assert!(matches!(store.act_on_invitation(&withdraw).await.unwrap(), Acted::Done(_)));
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.invitations(None, &InvitationBox::All, after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.changed_at, last.id));
        seen.extend(page.iter().map(|entry| entry.id.0));
    }
    assert_eq!(seen, [102, 70, 104, 103, 101, 100]);
    let listed = async |which| {
        let page = store.invitations(Some(ben), &which, None, 10).await.unwrap();
        page.into_iter().map(|entry| entry.id.0).collect::<Vec<_>>()
    };
    assert_eq!(listed(InvitationBox::Host(ada)).await, [102, 104, 103, 101, 100]);
    assert_eq!(listed(InvitationBox::Invitee(ben)).await, [70]);
    assert_eq!(listed(InvitationBox::Either(vec![ben])).await, [70]);
    assert_eq!(listed(InvitationBox::Either(vec![eve])).await, [70]);
    assert_eq!(listed(InvitationBox::Either(vec![])).await, [0_u128; 0]);
    let texts = store.texts_of(&[ID, InvitationId(100)]).await.unwrap();
    assert_eq!(
        texts.iter().map(|(id, text)| (id.0, text.original)).collect::<Vec<_>>(),
        [(70, true), (70, false), (100, true), (100, false)]
    );
}

async fn one_goes_on_in_another(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    made(&store, ID, ada, outside(), 10).await;
    made(&store, InvitationId(71), ada, outside(), 10).await;
    made(&store, InvitationId(72), eve, outside(), 10).await;
    made(&store, InvitationId(73), ada, Invitee::Member(ben), 10).await;
    // What the caller says of the other one does not count.
    let into = |id| Act::Merge { into: Other { id: InvitationId(id), host: ada, invitee: outside(), open: true } };
    for other in [70, 72, 73, 404] {
        assert_eq!(act(&store, Acting::Member(ada), into(other), 20).await, Err(Refusal::CannotMerge), "{other}");
    }
    // What others said goes on there: co-signatures once each, questions with their votes, and nobody has two.
    let dan = join(&store, 4, "dan").await;
    for (who, to, when) in [(ben, ID, 11), (eve, ID, 12), (eve, InvitationId(71), 13)] {
        assert_eq!(store.cosign(who, to, at(when)).await.unwrap(), CrowdSaid::Done);
    }
    for (who, to, number, text) in [(ben, ID, 1, "Why?"), (eve, ID, 2, "How?"), (eve, InvitationId(71), 3, "When?")] {
        let said = store.ask_question(who, to, RecordId(number), text, at(14)).await.unwrap();
        assert_eq!(said, CrowdSaid::Done);
    }
    assert_eq!(store.vote(dan, RecordId(1)).await.unwrap(), CrowdSaid::Done);
    assert_eq!(act(&store, Acting::Member(ada), into(71), 20).await, Ok(State::Merged(InvitationId(71))));
    assert_eq!(file(&store, None).await.entry.state, State::Merged(InvitationId(71)));
    let cosigners = store.cosigners(None, InvitationId(71), None, 10).await.unwrap();
    let cosigners: Vec<_> = cosigners.iter().map(|one| (one.person.id, one.at.0)).collect();
    assert_eq!(cosigners, [(ben, 11), (eve, 13)]);
    let questions = async |id| {
        let found = store.questions(None, InvitationId(id), None, 10).await.unwrap();
        found.into_iter().map(|one| (one.id.0, one.person.id, one.votes)).collect::<Vec<_>>()
    };
    assert_eq!((questions(71).await, questions(70).await), (vec![(1, ben, 1), (3, eve, 0)], vec![(2, eve, 0)]));
    assert!(store.end_vote(dan, RecordId(1)).await.unwrap());
}

async fn whoever_does_not_answer_is_found(world: &World) {
    let store = world.open().await;
    let [ada, ben, _] = three(&store).await;
    made(&store, ID, ada, outside(), 10).await;
    made(&store, InvitationId(71), ada, Invitee::Member(ben), 20).await;
    let over = async |now: u64| store.invitations_to_expire(at(now), 10).await.unwrap();
    assert_eq!(over(9 + 90 * DAY).await, []);
    assert_eq!(over(10 + 90 * DAY).await, [ID]);
    let accepted = ask_of(InvitationId(71), Acting::Member(ben), accept(1), 30);
    assert!(matches!(store.act_on_invitation(&accepted).await.unwrap(), Acted::Done(_)));
    assert_eq!(over(100 * DAY).await, [ID]);
    assert_eq!(act(&store, Acting::System, Act::Expire, 90 * DAY).await, Err(Refusal::WrongState));
    assert_eq!(act(&store, Acting::System, Act::Expire, 100 * DAY).await, Ok(State::Expired));
    assert_eq!(over(100 * DAY).await, []);
}

async fn members_cosign_once_while_it_is_open(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    let dan = join(&store, 4, "dan").await;
    made(&store, ID, ada, Invitee::Member(ben), 10).await;
    let cosign = async |who, now| store.cosign(who, ID, at(now)).await.unwrap();
    assert_eq!((cosign(eve, 20).await, cosign(eve, 21).await), (CrowdSaid::Done, CrowdSaid::Already));
    assert_eq!((cosign(ada, 22).await, cosign(ben, 22).await), (CrowdSaid::Missing, CrowdSaid::Missing));
    assert_eq!(cosign(dan, 23).await, CrowdSaid::Done);
    assert_eq!(store.cosign(dan, InvitationId(404), at(23)).await.unwrap(), CrowdSaid::Missing);
    assert_eq!(file(&store, None).await.entry.cosigns, 2);
    assert!(store.cosigns(eve, ID).await.unwrap() && !store.cosigns(ada, ID).await.unwrap());
    let named = async |reader, after| {
        let page = store.cosigners(reader, ID, after, 10).await.unwrap();
        page.into_iter().map(|one| (one.person.id, one.at.0)).collect::<Vec<_>>()
    };
    assert_eq!(named(None, None).await, [(eve, 20), (dan, 23)]);
    assert_eq!(named(None, Some((at(20), eve))).await, [(dan, 23)]);
    store.block(eve, dan, at(24)).await.unwrap();
    assert_eq!(named(Some(dan), None).await, [(dan, 23)]);
    store.end_cosign(eve, ID).await.unwrap();
    assert_eq!(named(None, None).await, [(dan, 23)]);
    act(&store, Acting::Member(ben), Act::Decline { round: 1, words: None }, 30).await.unwrap();
    assert_eq!(cosign(eve, 31).await, CrowdSaid::Over);
}

async fn questions_are_ranked_by_votes(world: &World) {
    let stores = [world.open().await, world.open().await];
    let store = &stores[0];
    let [ada, ben, eve] = three(store).await;
    let [dan, fay] = [join(store, 4, "dan").await, join(store, 5, "fay").await];
    made(store, ID, ada, Invitee::Member(ben), 10).await;
    let ask =
        async |who, id: u128, text: &str, now| store.ask_question(who, ID, RecordId(id), text, at(now)).await.unwrap();
    assert_eq!(ask(eve, 1, "Why maps?", 20).await, CrowdSaid::Done);
    assert_eq!(ask(eve, 2, "Why maps?", 21).await, CrowdSaid::Already);
    assert_eq!(
        (ask(ada, 3, "Mine?", 21).await, ask(ben, 3, "Mine?", 21).await),
        (CrowdSaid::Missing, CrowdSaid::Missing)
    );
    assert_eq!(ask(dan, 4, "Why jazz?", 22).await, CrowdSaid::Done);
    assert_eq!(ask(fay, 5, "Why?", 23).await, CrowdSaid::Done);
    let ranked = async |reader| {
        let page = store.questions(reader, ID, None, 10).await.unwrap();
        page.into_iter().map(|one| (one.id.0, one.votes, one.voted)).collect::<Vec<_>>()
    };
    assert_eq!(ranked(None).await, [(1, 0, false), (4, 0, false), (5, 0, false)]);
    let vote = async |who, id: u128| store.vote(who, RecordId(id)).await.unwrap();
    assert_eq!(
        (vote(ada, 4).await, vote(eve, 4).await, vote(eve, 4).await),
        (CrowdSaid::Done, CrowdSaid::Done, CrowdSaid::Already)
    );
    assert_eq!((vote(dan, 4).await, vote(dan, 404).await), (CrowdSaid::Missing, CrowdSaid::Missing));
    assert_eq!(vote(dan, 5).await, CrowdSaid::Done);
    assert_eq!(ranked(Some(eve)).await, [(4, 2, true), (5, 1, false), (1, 0, false)]);
    // Pages go on where they were.
    let mut seen = Vec::new();
    let mut after = None;
    while let Some(one) = store.questions(None, ID, after, 1).await.unwrap().pop() {
        after = Some(one.place());
        seen.push(one.id.0);
    }
    assert_eq!(seen, [4, 5, 1]);
    // Votes of one at once count once.
    let together = Arc::new(Barrier::new(8));
    let mut tasks = JoinSet::new();
    for number in 0..8_usize {
        let (store, together) = (stores[number % 2].clone(), together.clone());
        tasks.spawn(async move {
            together.wait().await;
            store.vote(fay, RecordId(1)).await.unwrap()
        });
    }
    assert_eq!(tasks.join_all().await.iter().filter(|said| **said == CrowdSaid::Done).count(), 1);
    assert_eq!(ranked(None).await, [(4, 2, false), (1, 1, false), (5, 1, false)]);
    assert!(store.end_vote(fay, RecordId(1)).await.unwrap() && !store.end_vote(fay, RecordId(1)).await.unwrap());
    assert_eq!(ranked(None).await[2], (1, 0, false));
    // Another question takes the place of the former, and begins anew.
    assert_eq!(ask(dan, 6, "Why blues?", 30).await, CrowdSaid::Done);
    assert_eq!(ranked(None).await, [(5, 1, false), (1, 0, false), (6, 0, false)]);
    assert_eq!(store.own_question(dan, ID).await.unwrap().unwrap().text, "Why blues?");
    // Whoever has a block with who asks does not see it.
    store.block(eve, dan, at(31)).await.unwrap();
    assert_eq!(ranked(Some(eve)).await, [(5, 1, false), (1, 0, false)]);
    assert_eq!(vote(eve, 6).await, CrowdSaid::Missing);
    assert!(!store.question_answered(eve, RecordId(5), RecordId(50), at(40)).await.unwrap());
    assert!(store.question_answered(ada, RecordId(5), RecordId(51), at(40)).await.unwrap());
    assert_eq!(store.own_question(fay, ID).await.unwrap().unwrap().answered_at, Some(at(40)));
    // Whoever goes takes their vote along.
    store.delete_account(dan, &[], &[]).await.unwrap();
    assert_eq!(ranked(None).await, [(1, 0, false), (5, 0, false)]);
    assert!(!store.delete_question(eve, RecordId(5), RecordId(52), at(41)).await.unwrap());
    assert!(store.delete_question(ada, RecordId(5), RecordId(53), at(41)).await.unwrap());
    act(store, Acting::Member(ada), Act::Withdraw { words: None }, 50).await.unwrap();
    assert_eq!((ask(fay, 7, "Still?", 51).await, vote(fay, 1).await), (CrowdSaid::Over, CrowdSaid::Over));
    assert!(store.take_question_back(eve, ID).await.unwrap() && !store.take_question_back(eve, ID).await.unwrap());
}

async fn replies_have_contacts_for_the_host_only(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    made(&store, ID, ada, outside(), 10).await;
    act(&store, Acting::Member(ada), Act::Withdraw { words: None }, 15).await.unwrap();
    let reply = |who: MemberId, id: u128, now: u64| Reply {
        id: RecordId(id),
        person: crate::support::person(who.0, "x"),
        text: format!("Reply {id}"),
        contact: "room 5".to_owned(),
        at: at(now),
    };
    // Also once it has ended.
    assert_eq!(store.reply(eve, ID, &reply(eve, 1, 20)).await.unwrap(), CrowdSaid::Done);
    assert_eq!(store.reply(ben, ID, &reply(ben, 2, 21)).await.unwrap(), CrowdSaid::Done);
    assert_eq!(store.reply(ben, InvitationId(404), &reply(ben, 3, 21)).await.unwrap(), CrowdSaid::Missing);
    let read = async |reader| {
        let page = store.replies(reader, ID, None, 10).await.unwrap();
        page.into_iter().map(|one| (one.id.0, one.contact)).collect::<Vec<_>>()
    };
    let [both, none] = ["room 5", ""].map(str::to_owned);
    assert_eq!(read(None).await, [(2, none.clone()), (1, none.clone())]);
    assert_eq!(read(Some(ada)).await, [(2, both.clone()), (1, both.clone())]);
    assert_eq!(read(Some(eve)).await, [(2, none), (1, both)]);
    assert_eq!(store.replies(None, ID, Some((at(21), RecordId(2))), 10).await.unwrap().len(), 1);
    for number in 1..REPLIES_EACH {
        assert_eq!(store.reply(eve, ID, &reply(eve, u128::from(100 + number), 30)).await.unwrap(), CrowdSaid::Done);
    }
    assert_eq!(store.reply(eve, ID, &reply(eve, 200, 30)).await.unwrap(), CrowdSaid::TooMany);
    // Whoever has a block with the author does not read it, and with the host writes none.
    store.block(ben, eve, at(40)).await.unwrap();
    assert_eq!(read(Some(ben)).await.len(), 1);
    store.block(ada, ben, at(41)).await.unwrap();
    assert_eq!(store.reply(ben, ID, &reply(ben, 201, 42)).await.unwrap(), CrowdSaid::Missing);
    assert!(!store.delete_reply(ben, RecordId(1)).await.unwrap());
    assert!(store.delete_reply(eve, RecordId(1)).await.unwrap());
    assert!(store.delete_reply(ada, RecordId(101)).await.unwrap());
}

/// For the tests of accounts: whatever a member can write about invitations, with a mark in each place. She hosts one, is invited to
/// one by the friend, and acts for somebody in a third.
pub(crate) async fn invitations_of_ada(store: &Store, mark: &impl Fn() -> String, ada: MemberId, friend: MemberId) {
    let said = || Some(Words { text: mark(), language: mark() });
    let invitee = Invitee::Outside { name: mark(), about: mark(), domain: Some(mark()) };
    let mut hers = new(ID, ada, invitee, 10);
    hers.texts = vec![InvitationText { language: mark(), title: mark(), body: mark(), original: true }];
    hers.topics = vec![mark(), mark()];
    assert_eq!(store.create_invitation(&hers).await.unwrap(), InvitationMade::Made);
    assert!(store.make_answer_link(ada, &link(950, 1_000_000), &hash(950), at(11)).await.unwrap());
    // To one of the friend's she answers, writes terms and translates.
    let to_her = InvitationId(75);
    made(store, to_her, friend, Invitee::Member(ada), 10).await;
    let needs = ask_of(to_her, Acting::Member(ada), Act::NeedDetails { round: 1, words: said() }, 12);
    assert!(matches!(store.act_on_invitation(&needs).await.unwrap(), Acted::Done(_)));
    let sheet =
        Sheet { topics: vec![mark()], languages: vec![mark()], others: vec![mark()], notes: mark(), ..sheet(30) };
    let propose = ask_of(to_her, Acting::Member(ada), Act::ProposeSheet { hash: hash(951) }, 13);
    let propose = InvitationAct { sheet: Some((1, sheet)), ..propose };
    assert!(matches!(store.act_on_invitation(&propose).await.unwrap(), Acted::Done(_)));
    let language = mark();
    let translate = ask_of(to_her, Acting::Member(ada), Act::Translate { language: language.clone() }, 14);
    let text = Some(InvitationText { language, title: mark(), body: mark(), original: false });
    assert!(matches!(store.act_on_invitation(&InvitationAct { text, ..translate }).await.unwrap(), Acted::Done(_)));
    // What she says to another of the friend's.
    let third = InvitationId(76);
    made(store, third, friend, outside(), 10).await;
    assert_eq!(store.cosign(ada, third, at(15)).await.unwrap(), CrowdSaid::Done);
    assert_eq!(store.ask_question(ada, third, RecordId(960), &mark(), at(16)).await.unwrap(), CrowdSaid::Done);
    let reply = Reply {
        id: RecordId(961),
        person: crate::support::person(ada.0, "ada"),
        text: mark(),
        contact: mark(),
        at: at(17),
    };
    assert_eq!(store.reply(ada, third, &reply).await.unwrap(), CrowdSaid::Done);
    let voter = join(store, 990, "voter").await;
    assert_eq!(store.ask_question(voter, third, RecordId(962), "Why?", at(18)).await.unwrap(), CrowdSaid::Done);
    assert_eq!(store.vote(ada, RecordId(962)).await.unwrap(), CrowdSaid::Done);
}
