//! What goes from invitations to events and on: terms, the end of a talk, who is told, proofs that stay with steps, and search.

use roomtone_room::Kind;
use roomtone_room::agenda::Change;
use roomtone_room::ids::{EventId, InvitationId, MemberId, RecordId, RoomId, Timestamp};
use roomtone_room::invitation::{Act, Invitee, State, What, Words};
use roomtone_room::office::{self, Grant, Right, Rights};
use roomtone_room::search::Query;
use roomtone_store::{
    Acted, Acting, CrowdSaid, EventDone, EventPlan, EventsOf, GrantActed, GrantOffered, InvitationAct, InvitationText,
    NewEvent, NewProof, PROOF_FAILS_FOR, PROOF_FAILURES_MAX, ProfileChange, ProofMade, ProofMethod, ProofMissed,
    ProofSubject, Reply, Store, Written,
};

use crate::events::{HOUR, event, house, make};
use crate::invitations::{DAY, ID, accept, act, ask, file, link, made, outside, sheet};
use crate::support::{World, act as house_act, contract, hash, join, room};

contract!(
    the_agreed_sheet_plans_the_event,
    a_talk_ends_also_when_its_room_is_gone,
    each_step_is_told_once_to_whom_it_concerns,
    a_step_keeps_the_proof_that_it_was_given_with,
    a_correspondents_proof_counts_for_what_they_said_before,
    what_took_place_is_listed_the_last_first,
    events_are_found_by_their_words,
    invitations_are_found_in_every_language,
    of_a_deleted_account_no_talk_is_found,
    what_was_written_is_there_for_a_report,
);

fn at(time: u64) -> Timestamp {
    Timestamp(time)
}

async fn three(store: &Store) -> [MemberId; 3] {
    [join(store, 1, "ada").await, join(store, 2, "ben").await, join(store, 3, "eve").await]
}

/// Has ada write a version of the sheet for so many minutes, and ben accept it.
async fn agree_on(store: &Store, [ada, ben]: [MemberId; 2], number: u32, minutes: u32, now: u64) {
    let digest = hash(u64::from(number) + 900);
    let new = ask(Acting::Member(ada), Act::ProposeSheet { hash: digest }, now);
    store.act_on_invitation(&InvitationAct { sheet: Some((number, sheet(minutes))), ..new }).await.unwrap();
    act(store, Acting::Member(ben), Act::AcceptSheet { hash: digest }, now + 1).await.unwrap();
}

/// An accepted invitation of ada's to ben, with its event on this date.
async fn dated(store: &Store, [ada, ben]: [MemberId; 2], date: u64) -> EventId {
    made(store, ID, ada, Invitee::Member(ben), 10).await;
    let propose = Act::ProposeTimes { round: 1, times: vec![at(date)], words: None };
    act(store, Acting::Member(ben), propose, 11).await.unwrap();
    act(store, Acting::Member(ada), Act::AgreeTime { round: 1, time: at(date), words: None }, 12).await.unwrap();
    file(store, None).await.event.unwrap()
}

async fn changes(store: &Store, event: EventId) -> Vec<Change> {
    store.event_changes(event).await.unwrap().into_iter().map(|change| change.change).collect()
}

async fn the_agreed_sheet_plans_the_event(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    made(&store, ID, ada, Invitee::Member(ben), 10).await;
    act(&store, Acting::Member(ben), accept(1), 20).await.unwrap();
    let event = file(&store, None).await.event.unwrap();
    let planned = async || {
        let event = store.event(event, None).await.unwrap().unwrap();
        (event.plan.minutes, event.plan.kind)
    };
    assert_eq!(planned().await, (60, Kind::Open));
    // Nobody knows when it begins, so nobody is told when it ends.
    agree_on(&store, [ada, ben], 1, 45, 30).await;
    assert_eq!(planned().await, (45, Kind::Social));
    assert_eq!(changes(&store, event).await, [Change::Announced]);
    let propose = Act::ProposeTimes { round: 2, times: vec![at(5 * DAY)], words: None };
    act(&store, Acting::Member(ada), propose, 40).await.unwrap();
    act(&store, Acting::Member(ben), Act::AgreeTime { round: 3, time: at(5 * DAY), words: None }, 41).await.unwrap();
    agree_on(&store, [ada, ben], 2, 90, 50).await;
    assert_eq!(planned().await, (90, Kind::Social));
    // The same length once more is no news.
    agree_on(&store, [ada, ben], 3, 90, 60).await;
    assert_eq!(changes(&store, event).await, [Change::Announced, Change::Dated, Change::Resized]);
    // What both sides have agreed on is not for the host alone to change.
    let shown = store.event(event, None).await.unwrap().unwrap();
    let other = EventPlan { minutes: 30, ..shown.plan.clone() };
    let changed = async |plan: EventPlan| store.change_event(event, ada, &shown.text, &plan, at(70)).await.unwrap();
    assert_eq!(changed(other).await, EventDone::ByInvitation);
    assert_eq!(changed(EventPlan { kind: Kind::Open, ..shown.plan.clone() }).await, EventDone::ByInvitation);
    assert_eq!(changed(shown.plan.clone()).await, EventDone::Done(None));
    // The end of an event without an invitation moves in the same way.
    make(&store, &NewEvent { starts_at: Some(at(HOUR)), ..self::event(1, eve) }).await;
    let text = self::event(1, eve).text;
    let longer = EventPlan { minutes: 61, ..self::event(1, eve).plan };
    let done = store.change_event(EventId(1), eve, &text, &longer, at(20)).await.unwrap();
    assert_eq!(done, EventDone::Done(Some(Change::Resized)));
}

async fn a_talk_ends_also_when_its_room_is_gone(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    let event = dated(&store, [ada, ben], HOUR).await;
    assert!(matches!(store.ask_cohost(event, ada, eve, at(20)).await.unwrap(), EventDone::Done(_)));
    assert!(matches!(store.accept_cohost(event, eve, at(21)).await.unwrap(), EventDone::Done(_)));
    store.create_room(room(7, eve), &[]).await.unwrap();
    assert!(matches!(store.event_opened(event, eve, RoomId(7), at(HOUR)).await.unwrap(), EventDone::Done(_)));
    // Whoever opened the room is gone, and the room with them; then the process dies.
    store.delete_account(eve, &[], &[]).await.unwrap();
    store.close().await;
    let stores = [world.open().await, world.open().await];
    assert_eq!(file(&stores[0], None).await.invitation.state, State::Accepted);
    let (one, other) =
        tokio::join!(stores[0].settle_events(at(2 * HOUR), 10), stores[1].settle_events(at(2 * HOUR), 10));
    one.unwrap();
    other.unwrap();
    let ended = file(&stores[0], None).await;
    assert_eq!(ended.invitation.state, State::Done);
    let ends: Vec<_> = ended.steps.iter().map(|shown| shown.step.what.clone()).collect();
    let ends = ends.into_iter().filter(|what| matches!(what, What::Ended { .. })).collect::<Vec<_>>();
    assert_eq!(ends, [What::Ended { room: RoomId(7) }]);
    let shown = stores[0].event(event, None).await.unwrap().unwrap();
    assert_eq!(shown.agenda.state, roomtone_room::agenda::State::Ended);
}

async fn each_step_is_told_once_to_whom_it_concerns(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    let (dan, fay) = (join(&store, 4, "dan").await, join(&store, 5, "fay").await);
    made(&store, ID, ada, Invitee::Member(ben), 10).await;
    // Tells the first step that waits, and returns whom, and who of them only since they co-sign.
    let told = async || {
        let open = store.steps_to_tell(10).await.unwrap();
        let [step] = open[..] else { panic!("{open:?}") };
        let heard = store.step_audience(&step, at(90), 10).await.unwrap();
        store.step_told(&step, None, at(90)).await.unwrap();
        let heard = heard.into_iter().map(|hearer| (hearer.member, hearer.cosigns)).collect::<Vec<_>>();
        (step.n, step.asks, heard)
    };
    // Those in the invitee's office who answer, and those who arrange times; not who looks through questions alone.
    let office = [(Right::Answer, "gus"), (Right::Schedule, "hal"), (Right::Screen, "ian")];
    let mut delegates = Vec::new();
    for (number, (right, handle)) in (6_u128..).zip(office) {
        let delegate = join(&store, number as u64, handle).await;
        let grant = Grant::offer(at(10), ben, delegate, Rights::from_iter([right]), 1).unwrap();
        assert_eq!(store.offer_grant(RecordId(number), &grant, "Office").await.unwrap(), GrantOffered::Made);
        let held = store.act_on_grant(RecordId(number), delegate, office::Act::Accept, at(10)).await.unwrap();
        assert!(matches!(held, GrantActed::Done(_)));
        delegates.push((RecordId(number), delegate));
    }
    // Who answers for somebody is told of nothing that they did, also if they would hear of it as one who co-signs.
    made(&store, InvitationId(71), eve, Invitee::Member(ben), 10).await;
    let gus = delegates[0].1;
    assert_eq!(store.cosign(gus, InvitationId(71), at(11)).await.unwrap(), CrowdSaid::Done);
    let yes = InvitationAct { invitation: InvitationId(71), ..ask(Acting::Member(gus), accept(1), 12) };
    assert!(matches!(store.act_on_invitation(&yes).await.unwrap(), Acted::Done(_)));
    let of_eve = async || {
        let open = store.steps_to_tell(10).await.unwrap();
        let step = open.into_iter().find(|step| step.invitation == InvitationId(71)).unwrap();
        let heard = store.step_audience(&step, at(20), 10).await.unwrap();
        store.step_told(&step, None, at(20)).await.unwrap();
        heard.into_iter().map(|hearer| hearer.member).collect::<Vec<_>>()
    };
    assert!(of_eve().await.contains(&gus));
    assert_eq!(of_eve().await, [eve]);
    let mut asked = vec![(ben, false), (delegates[0].1, false), (delegates[1].1, false)];
    asked.sort_unstable();
    assert_eq!(told().await, (1, true, asked));
    for (grant, delegate) in delegates {
        store.act_on_grant(grant, delegate, office::Act::LayDown, at(11)).await.unwrap();
    }
    assert_eq!(store.steps_to_tell(10).await.unwrap(), []);
    for who in [dan, eve] {
        assert_eq!(store.cosign(who, ID, at(20)).await.unwrap(), CrowdSaid::Done);
    }
    let said = Some(Words { text: "What?".to_owned(), language: "en".to_owned() });
    act(&store, Acting::Member(ben), Act::NeedDetails { round: 1, words: said.clone() }, 21).await.unwrap();
    act(&store, Acting::Member(ada), Act::GiveDetails { round: 1, words: said }, 22).await.unwrap();
    // Of one invitation one after the other.
    assert_eq!(told().await, (2, false, vec![(ada, false)]));
    assert_eq!(told().await, (3, false, vec![(ben, false)]));
    act(&store, Acting::Member(ben), accept(2), 30).await.unwrap();
    assert_eq!(store.cosign(fay, ID, at(31)).await.unwrap(), CrowdSaid::Done);
    // A page at a time, whatever stops between; who co-signed later knows already.
    let step = store.steps_to_tell(10).await.unwrap()[0];
    let first = store.step_audience(&step, at(90), 2).await.unwrap();
    store.step_told(&step, first.last().map(|hearer| hearer.member), at(90)).await.unwrap();
    let mut all: Vec<_> = first.into_iter().map(|hearer| (hearer.member, hearer.cosigns)).collect();
    all.extend(told().await.2);
    all.sort_unstable();
    assert_eq!(all, [(ada, false), (eve, true), (dan, true)]);
    // A time that is agreed later is between the two; the talk itself is told by its event.
    let propose = Act::ProposeTimes { round: 3, times: vec![at(5 * DAY)], words: None };
    act(&store, Acting::Member(ada), propose, 40).await.unwrap();
    assert_eq!(told().await.2, [(ben, false)]);
    act(&store, Acting::Member(ben), Act::AgreeTime { round: 4, time: at(5 * DAY), words: None }, 41).await.unwrap();
    assert_eq!(told().await.2, [(ada, false)]);
    let event = file(&store, None).await.event.unwrap();
    store.create_room(room(7, ada), &[]).await.unwrap();
    assert!(matches!(store.event_opened(event, ada, RoomId(7), at(5 * DAY)).await.unwrap(), EventDone::Done(_)));
    assert_eq!(store.steps_to_tell(10).await.unwrap(), []);
}

fn proof(id: u128, subject: ProofSubject, domain: &str) -> NewProof {
    let (domain, token) = (domain.to_owned(), format!("token{id}"));
    NewProof { id: RecordId(id), subject, domain, method: ProofMethod::File, token, created_at: at(1) }
}

async fn proven(store: &Store) -> Vec<Option<(String, u64)>> {
    let steps = file(store, None).await.steps;
    steps.into_iter().map(|shown| shown.proof.map(|proof| (proof.domain, proof.proven_at.0))).collect()
}

async fn a_step_keeps_the_proof_that_it_was_given_with(world: &World) {
    let store = world.open().await;
    let [ada, ben, _] = three(&store).await;
    made(&store, ID, ada, Invitee::Member(ben), 10).await;
    let new = proof(1, ProofSubject::Member(ben), "example.org");
    assert_eq!(store.create_proof(&new).await.unwrap(), ProofMade::Made);
    assert!(store.proof_found(RecordId(1), at(20), at(120)).await.unwrap());
    let said = Some(Words { text: "What?".to_owned(), language: "en".to_owned() });
    act(&store, Acting::Member(ben), Act::NeedDetails { round: 1, words: said.clone() }, 21).await.unwrap();
    act(&store, Acting::Member(ada), Act::GiveDetails { round: 1, words: said }, 22).await.unwrap();
    // It lapses, and stays with what was said while it held.
    for failure in 0..PROOF_FAILURES_MAX {
        let now = at(30 + u64::from(failure) * PROOF_FAILS_FOR);
        let missed = store.proof_missed(RecordId(1), now, at(now.0 + 1)).await.unwrap();
        assert_eq!(missed == ProofMissed::Lapsed, failure + 1 == PROOF_FAILURES_MAX);
    }
    act(&store, Acting::Member(ben), accept(2), 50).await.unwrap();
    let of_ben = || Some(("example.org".to_owned(), 20));
    assert_eq!(proven(&store).await, [None, of_ben(), None, None]);
    assert!(store.delete_proof(ProofSubject::Member(ben), RecordId(1)).await.unwrap());
    assert_eq!(proven(&store).await, [None, of_ben(), None, None]);
    // What somebody proves later does not change what they said before.
    assert_eq!(store.create_proof(&proof(2, ProofSubject::Member(ben), "example.net")).await.unwrap(), ProofMade::Made);
    assert!(store.proof_found(RecordId(2), at(60), at(160)).await.unwrap());
    assert_eq!(proven(&store).await, [None, of_ben(), None, None]);
}

async fn a_correspondents_proof_counts_for_what_they_said_before(world: &World) {
    let store = world.open().await;
    let [ada, ..] = three(&store).await;
    made(&store, ID, ada, outside(), 10).await;
    assert!(store.make_answer_link(ada, &link(901, 1_000), &hash(901), at(11)).await.unwrap());
    store.take_answer_link(&hash(901), &hash(801), false, at(12)).await.unwrap().unwrap();
    let who = RecordId(901);
    let said = Some(Words { text: "What?".to_owned(), language: "en".to_owned() });
    act(&store, Acting::Outside(who), Act::NeedDetails { round: 1, words: said }, 20).await.unwrap();
    assert_eq!(proven(&store).await, [None, None]);
    // The domain that the host named comes before another.
    for (id, domain, now) in [(1, "example.net", 30), (2, "example.org", 40), (3, "example.com", 50)] {
        let new = proof(id, ProofSubject::Correspondent(who), domain);
        assert_eq!(store.create_proof(&new).await.unwrap(), ProofMade::Made);
        assert!(store.proof_found(RecordId(id), at(now), at(1_000)).await.unwrap());
        let shown = if id == 1 { ("example.net", 30) } else { ("example.org", 40) };
        assert_eq!(proven(&store).await[1], Some((shown.0.to_owned(), shown.1)), "{domain}");
    }
    let words = Some(Words { text: "That.".to_owned(), language: "en".to_owned() });
    act(&store, Acting::Member(ada), Act::GiveDetails { round: 1, words }, 60).await.unwrap();
    act(&store, Acting::Outside(who), accept(2), 61).await.unwrap();
    assert_eq!(proven(&store).await[2..], [None, Some(("example.org".to_owned(), 40))]);
}

async fn what_took_place_is_listed_the_last_first(world: &World) {
    let store = world.open().await;
    let [ada, ben, _] = three(&store).await;
    for number in 1..=5_u64 {
        make(&store, &NewEvent { starts_at: Some(at(number * HOUR)), ..event(number.into(), ada) }).await;
    }
    for number in 1..=3_u64 {
        store.create_room(room(number.into(), ada), &[]).await.unwrap();
        let (event, room) = (EventId(number.into()), RoomId(number.into()));
        store.event_opened(event, ada, room, at(number * HOUR)).await.unwrap();
        let epoch = crate::support::own(&store, number.into()).await;
        store.end_room(room, epoch, at(number * HOUR + 1), &[]).await.unwrap();
    }
    store.cancel_event(EventId(4), ada, "", false, at(20)).await.unwrap();
    let listed = async |of, after| {
        let page = store.past_events(of, Some(ben), after, 2).await.unwrap();
        page.into_iter().map(|event| event.id.0).collect::<Vec<_>>()
    };
    assert_eq!(listed(EventsOf::All, None).await, [3, 2]);
    assert_eq!(listed(EventsOf::All, Some((at(2 * HOUR), EventId(2)))).await, [1]);
    assert_eq!(listed(EventsOf::Person(ada), None).await, [3, 2]);
    assert_eq!(listed(EventsOf::Person(ben), None).await, [0_u128; 0]);
    store.block(ben, ada, at(30)).await.unwrap();
    assert_eq!(listed(EventsOf::All, None).await, [0_u128; 0]);
}

async fn index(store: &Store) {
    while store.index_next().await.unwrap() > 0 {}
}

async fn events_found(store: &Store, viewer: MemberId, typed: &str) -> Vec<u128> {
    let found = store.search(&Query::parse(typed).unwrap(), viewer).events(10).await.unwrap();
    found.into_iter().map(|event| event.id.0).collect()
}

async fn invitations_found(store: &Store, viewer: MemberId, typed: &str) -> Vec<u128> {
    let found = store.search(&Query::parse(typed).unwrap(), viewer).invitations(10).await.unwrap();
    found.into_iter().map(|entry| entry.id.0).collect()
}

async fn rename(store: &Store, member: MemberId, name: &str) {
    let change = ProfileChange { name: Some(name.to_owned()), ..ProfileChange::default() };
    store.change_profile(member, change, at(1)).await.unwrap();
}

async fn events_are_found_by_their_words(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    rename(&store, ben, "Boris").await;
    let called = |id: u128, title: &str, date| {
        let mut new = NewEvent { starts_at: date, ..event(id, ada) };
        new.text.title = title.to_owned();
        new.text.topics = vec!["cartography".to_owned()];
        new
    };
    make(&store, &called(21, "Maps by candlelight", None)).await;
    make(&store, &called(22, "Maps again", Some(at(2 * HOUR)))).await;
    make(&store, &NewEvent { cohosts: vec![ben], ..called(23, "Maps first", Some(at(HOUR))) }).await;
    let hidden = house(&store, 31, "cellar", ada, true).await;
    make(&store, &NewEvent { house: Some(hidden), ..called(24, "Maps below", None) }).await;
    index(&store).await;
    // By date, those without one last; of a private house only its own.
    assert_eq!(events_found(&store, eve, "maps").await, [23, 22, 21]);
    assert_eq!(events_found(&store, ada, "maps").await.len(), 4);
    assert_eq!(events_found(&store, eve, "cnadlelight").await, [21]);
    assert_eq!(events_found(&store, eve, "cartogr candle").await, [21]);
    assert_eq!(events_found(&store, ada, "cellar").await, [24]);
    assert_eq!(events_found(&store, eve, "cellar").await, [0_u128; 0]);
    // A host is one when they have agreed.
    assert_eq!(events_found(&store, eve, "boris").await, [0_u128; 0]);
    store.accept_cohost(EventId(23), ben, at(11)).await.unwrap();
    index(&store).await;
    assert_eq!(events_found(&store, eve, "boris").await, [23]);
    rename(&store, ben, "Gleb").await;
    index(&store).await;
    assert_eq!(events_found(&store, eve, "boris").await, [0_u128; 0]);
    assert_eq!(events_found(&store, eve, "gleb").await, [23]);
    // What is over is found no more, nor what has another title.
    store.cancel_event(EventId(22), ada, "", false, at(12)).await.unwrap();
    assert_eq!(events_found(&store, eve, "maps").await, [23, 21]);
    let text = called(21, "Charts", None).text;
    store.change_event(EventId(21), ada, &text, &event(21, ada).plan, at(13)).await.unwrap();
    index(&store).await;
    assert_eq!(events_found(&store, eve, "maps").await, [23]);
    assert_eq!(events_found(&store, eve, "charts").await, [21]);
    for (one, other) in [(eve, ada), (ada, eve)] {
        store.block(one, other, at(20)).await.unwrap();
        assert_eq!(events_found(&store, eve, "charts").await, [0_u128; 0]);
        store.unblock(one, other).await.unwrap();
    }
    assert!(store.delete_house(hidden, &house_act(ada)).await.unwrap());
    index(&store).await;
    assert_eq!(events_found(&store, ada, "below").await, [0_u128; 0]);
}

async fn invitations_are_found_in_every_language(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    rename(&store, ben, "Boris").await;
    made(&store, ID, ada, Invitee::Member(ben), 10).await;
    made(&store, InvitationId(71), ada, outside(), 10).await;
    index(&store).await;
    for typed in ["join", "присоед", "prisoed", "jazz", "ada", "jion"] {
        let mut found = invitations_found(&store, eve, typed).await;
        found.sort_unstable();
        assert_eq!(found, [70, 71], "{typed}");
    }
    assert_eq!(invitations_found(&store, eve, "boris").await, [70]);
    assert_eq!(invitations_found(&store, eve, "president").await, [71]);
    // Its body is not a word by which it is found.
    assert_eq!(invitations_found(&store, eve, "chat").await, [0_u128; 0]);
    // Those that more support first; those that have ended last.
    assert_eq!(store.cosign(eve, ID, at(20)).await.unwrap(), CrowdSaid::Done);
    assert_eq!(invitations_found(&store, eve, "join").await, [70, 71]);
    act(&store, Acting::Member(ada), Act::Withdraw { words: None }, 21).await.unwrap();
    index(&store).await;
    assert_eq!(invitations_found(&store, eve, "join").await, [71, 70]);
    // A block with either side hides it, in both directions.
    for (one, other) in [(eve, ada), (ada, eve), (eve, ben), (ben, eve)] {
        store.block(one, other, at(30)).await.unwrap();
        assert!(!invitations_found(&store, eve, "join").await.contains(&70), "{one:?} {other:?}");
        store.unblock(one, other).await.unwrap();
    }
    rename(&store, ada, "Lovelace").await;
    index(&store).await;
    assert_eq!(invitations_found(&store, eve, "lovelace").await, [71, 70]);
    // By a translation that comes later.
    let third = ask(Acting::Member(ada), Act::Translate { language: "de".to_owned() }, 40);
    let (language, title, body) = ("de".to_owned(), "Komm zum Plaudern".to_owned(), "Bitte".to_owned());
    let text = Some(InvitationText { language, title, body, original: false });
    store.act_on_invitation(&InvitationAct { invitation: InvitationId(71), text, ..third }).await.unwrap();
    index(&store).await;
    assert_eq!(invitations_found(&store, eve, "plaudern").await, [71]);
}

async fn of_a_deleted_account_no_talk_is_found(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    rename(&store, ben, "Boris").await;
    made(&store, ID, ada, Invitee::Member(ben), 10).await;
    make(&store, &NewEvent { cohosts: vec![ben], ..event(21, ada) }).await;
    store.accept_cohost(EventId(21), ben, at(11)).await.unwrap();
    index(&store).await;
    assert_eq!(
        (invitations_found(&store, eve, "boris").await, events_found(&store, eve, "boris").await),
        (vec![70], vec![21])
    );
    store.delete_account(ben, &[], &[]).await.unwrap();
    // What is left of them is taken in again, without him.
    index(&store).await;
    assert_eq!(invitations_found(&store, eve, "boris").await, [0_u128; 0]);
    assert_eq!(
        (invitations_found(&store, eve, "join").await, events_found(&store, eve, "tea").await),
        (vec![70], vec![21])
    );
    store.delete_account(ada, &[], &[]).await.unwrap();
    assert_eq!(invitations_found(&store, eve, "join").await, [0_u128; 0]);
}

async fn what_was_written_is_there_for_a_report(world: &World) {
    let store = world.open().await;
    let [ada, ben, eve] = three(&store).await;
    made(&store, ID, ada, Invitee::Member(ben), 10).await;
    assert_eq!(store.ask_question(eve, ID, RecordId(1), "Why?", at(20)).await.unwrap(), CrowdSaid::Done);
    let reply = Reply {
        id: RecordId(2),
        person: crate::support::person(eve.0, "x"),
        text: "What a pity".to_owned(),
        contact: "room 5".to_owned(),
        at: at(21),
    };
    assert_eq!(store.reply(eve, ID, &reply).await.unwrap(), CrowdSaid::Done);
    let said = async |reader, what| {
        let written = store.written(reader, what).await.unwrap()?;
        assert_eq!(written.invitation, ID);
        Some((written.author, written.language.unwrap_or_default(), written.title, written.text))
    };
    let letter = |language: &str, title: &str| {
        Some((ada, language.to_owned(), title.to_owned(), "Join me for a chat.".to_owned()))
    };
    assert_eq!(said(ben, Written::Letter(ID, None)).await, letter("en", "Join me"));
    assert_eq!(said(ben, Written::Letter(ID, Some("ru"))).await, letter("ru", "Присоединяйтесь"));
    assert_eq!(said(ben, Written::Letter(ID, Some("de"))).await, letter("en", "Join me"));
    let of_eve = |text: &str| Some((eve, String::new(), String::new(), text.to_owned()));
    assert_eq!(said(ben, Written::Question(RecordId(1))).await, of_eve("Why?"));
    assert_eq!(said(ben, Written::Reply(RecordId(2))).await, of_eve("What a pity"));
    assert_eq!(said(ben, Written::Question(RecordId(2))).await, None);
    // Nobody reports what they may not read.
    store.block(eve, ben, at(30)).await.unwrap();
    assert_eq!(said(ben, Written::Question(RecordId(1))).await, None);
    assert_eq!(said(ada, Written::Question(RecordId(1))).await, of_eve("Why?"));
    assert_eq!(said(eve, Written::Letter(ID, None)).await, None);
}
