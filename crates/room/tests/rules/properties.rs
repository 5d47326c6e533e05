//! What holds for every sequence of commands, by anybody, in any order, at any time, with any epoch and id.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use roomtone_room::{
    AWAY_MILLIS, Actor, Command, CommandId, Consent, Event, Hearers, Kind, LeaveReason, MemberId, Numbered,
    Participant, REMEMBERED_COMMANDS, RESTART_GRACE_MILLIS, Role, RoleCause, Room, Seq, State, TalkerNo, View, visible,
};

use crate::played::{IN_SHEET, PEOPLE, any_ground, any_step, any_step_of_a_recording, is_guest, person, play};
use crate::trace::{OPENED_AT, member};

/// A room's state without the memory of commands, which is no part of what events tell.
fn told(room: &Room) -> State {
    State { answered: Vec::new(), ..room.to_state() }
}

/// What must be so of every room at any time.
fn assert_sound(room: &Room) {
    let people: Vec<&Participant> = room.participants().collect();
    let hosts: Vec<MemberId> = people.iter().filter(|p| p.role == Role::Host).map(|p| p.member).collect();
    if room.is_open() {
        assert_eq!(hosts, [room.host()], "exactly one host while open");
        let heard: BTreeSet<TalkerNo> =
            people.iter().filter(|p| p.role.on_stage() && !p.muted && p.mic).map(|p| p.number).collect();
        assert_eq!(room.talkers().collect::<BTreeSet<_>>(), heard);
        for p in &people {
            assert_eq!(room.may_be_heard(p.member), heard.contains(&p.number));
        }
    } else {
        assert_eq!(room.talkers().count(), 0, "nobody is heard after the end");
        assert!(people.iter().all(|p| !room.may_be_heard(p.member)));
        assert_eq!(room.next_deadline(), None);
    }
    for p in &people {
        assert_eq!(p.stage_since.is_some(), p.role.on_stage(), "{p:?}");
        assert_eq!(p.moderator_since.is_some(), p.role.moderates(), "{p:?}");
        assert_eq!((p.connected, p.connected), (p.away_since.is_none(), p.away_until.is_none()), "{p:?}");
        assert!(!p.mic || p.role.on_stage(), "a microphone off stage: {p:?}");
        assert!(!p.muted || !p.mic, "a microphone under a mute: {p:?}");
        let kept = p.role.on_stage() && room.settings().evidence;
        assert!(!p.evidence || kept, "an agreement to nothing: {p:?}");
        let asked = p.role.on_stage() && room.settings().recording.is_some();
        assert_eq!(p.recorded != Consent::Unasked, asked, "asked for nothing, or not asked: {p:?}");
        assert!(!p.muted || (p.role.on_stage() && p.role != Role::Host), "a mute out of place: {p:?}");
        assert!(!p.role.on_stage() || (p.hand.is_none() && p.offer.is_none()), "a request on stage: {p:?}");
    }
    if let Some(terms) = room.terms() {
        let (guests, members): (Vec<_>, Vec<_>) = room.on_stage().partition(|p| p.is_guest());
        assert!(guests.len() <= 1 && terms.guests == 1, "more guests on stage than the sheet has places for");
        assert!(members.iter().all(|p| IN_SHEET.map(member).contains(&p.member)), "not in the sheet: {members:?}");
        assert!(terms.recorded || !room.settings().evidence, "kept against the sheet");
        assert!(terms.recorded || room.settings().recording.is_none(), "recorded against the sheet");
        assert!(terms.recorded || room.recorded().count() == 0, "recorded against the sheet");
        assert_eq!(room.may_be_kept(), terms.recorded);
    }
    assert!(room.questions().taken().is_none_or(|(number, question)| room.questions().get(number) == Some(question)));
    let agreed = people.iter().filter(|p| room.is_open() && p.evidence).map(|p| p.number);
    assert!(room.agreed().eq(agreed));
    let recorded = people.iter().filter(|p| room.is_open() && p.recorded == Consent::Agreed).map(|p| p.number);
    assert!(room.recorded().map(|(number, _)| number).eq(recorded));
    let tracks: BTreeSet<u32> = room.recorded().map(|(_, track)| track).collect();
    assert_eq!(tracks.len(), room.recorded().count(), "two in one track");
    assert!(people.windows(2).all(|pair| pair[0].number < pair[1].number));
    let on_stage = people.iter().filter(|p| p.role.on_stage()).count();
    assert_eq!((room.stage_count(), room.audience_count()), (on_stage, people.len() - on_stage));
    let roles: Vec<Role> = room.stage().iter().map(|p| p.role).collect();
    assert!(roles.len() == on_stage && roles.windows(2).all(|pair| pair[0] >= pair[1]));
    let queue: BTreeSet<MemberId> = room.hands().map(|p| p.member).collect();
    assert_eq!(queue.len(), room.hands().count(), "nobody is in the queue twice");
    assert_eq!(queue, people.iter().filter(|p| p.hand.is_some()).map(|p| p.member).collect());
    for p in &people {
        assert_eq!(p.is_guest(), is_guest(p.member), "{p:?}");
        assert!(!p.is_guest() || !p.role.moderates(), "a guest runs the room: {p:?}");
        assert!(!room.bans().contains_key(&p.member), "somebody banned is present: {p:?}");
        assert!(!room.called().contains_key(&p.member) && !room.waiting().contains_key(&p.member), "{p:?}");
    }
    let leads = |member: MemberId| people.iter().any(|p| p.member == member && p.role.on_stage());
    assert!(room.settings().floor.is_none_or(leads), "nobody leads from the audience");
    assert!(room.offers().map(|p| p.number).eq(people.iter().filter(|p| p.offer.is_some()).map(|p| p.number)));
    if room.is_open() {
        let ends = people.iter().flat_map(|p| [p.away_until, p.pass.map(|pass| pass.until)]).flatten();
        let called = room.called().values().map(|call| call.until);
        let waiting = room.waiting().values().map(|waiting| waiting.pass.until);
        assert_eq!(room.next_deadline(), ends.chain(called).chain(waiting).min());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn a_room_is_sound_at_any_time(ground in any_ground(), steps in vec(any_step(), 1..160)) {
        assert_sound(&ground.open());
        for played in play(ground, &steps) {
            assert_sound(&played.after);
        }
    }

    #[test]
    fn a_refusal_changes_nothing(ground in any_ground(), steps in vec(any_step(), 1..160)) {
        for played in play(ground, &steps) {
            if played.result.is_err() {
                prop_assert_eq!(&played.before, &played.after, "{:?}", played.command);
            } else if played.events().is_empty() {
                prop_assert_eq!(told(&played.before), told(&played.after), "{:?}", played.command);
            }
        }
    }

    #[test]
    fn events_are_numbered_without_gaps_and_tell_everything(ground in any_ground(), steps in vec(any_step(), 1..160)) {
        let mut replica = ground.open();
        for played in play(ground, &steps) {
            for numbered in played.events() {
                prop_assert_eq!(numbered.seq.0, replica.seq().0 + 1);
                replica.fold(numbered);
            }
            prop_assert_eq!(told(&replica), told(&played.after));
            if let Ok(applied) = &played.result {
                prop_assert!(applied.seq == replica.seq() || (applied.repeated && applied.seq < replica.seq()));
            }
        }
    }

    #[test]
    fn state_round_trips(ground in any_ground(), steps in vec(any_step(), 1..160)) {
        for played in play(ground, &steps) {
            prop_assert_eq!(Room::from_state(played.after.to_state()), played.after);
        }
    }

    #[test]
    fn nobody_is_on_stage_who_did_not_agree(ground in any_ground(), steps in vec(any_step(), 1..160)) {
        for played in play(ground, &steps) {
            let sender = match played.actor {
                Actor::Member { member, .. } => Some(member),
                Actor::System => None,
            };
            for p in played.after.stage() {
                if played.before.participant(p.member).is_some_and(|before| before.role.on_stage()) {
                    continue;
                }
                let cause = played.events().iter().find_map(|numbered| match &numbered.event {
                    Event::RoleChanged { member, cause, .. } if *member == p.member => Some(*cause),
                    _ => None,
                });
                if let Some(RoleCause::LetIn { by }) = cause {
                    prop_assert!(played.before.waiting().contains_key(&p.member));
                    prop_assert_eq!(Some(by), sender);
                    prop_assert!(played.before.participant(by).is_some_and(|by| by.role.moderates()));
                    continue;
                }
                let before = played.before.participant(p.member).expect("in the audience before");
                match cause {
                    Some(RoleCause::HandAccepted { by }) => {
                        prop_assert!(before.hand.is_some());
                        prop_assert_eq!(Some(by), sender);
                        prop_assert!(played.before.participant(by).is_some_and(|by| by.role.moderates()));
                    }
                    Some(RoleCause::OfferAccepted) => {
                        prop_assert!(before.offer.is_some());
                        prop_assert_eq!(Some(p.member), sender);
                    }
                    other => prop_assert!(false, "came on stage by {:?}", other),
                }
            }
        }
    }

    #[test]
    fn the_sheet_stays_and_its_questions_only_go(ground in any_ground(), steps in vec(any_step(), 1..160)) {
        for played in play(ground, &steps) {
            let (before, after) = (played.before.to_state(), played.after.to_state());
            let forgotten = match played.command {
                Command::Forget { member } => Some(member),
                _ => None,
            };
            let terms = before.terms.map(|mut terms| {
                let gone = played.events().iter().any(|numbered| matches!(numbered.event, Event::Forgotten { .. }));
                terms.stage.retain(|member| !gone || forgotten != Some(*member));
                terms
            });
            prop_assert_eq!(terms, after.terms);
            let settled: Vec<u32> = played.events().iter().filter_map(|numbered| match &numbered.event {
                Event::QuestionSettled { number, record, by, .. } => {
                    let moderates = played.before.participant(*by).is_some_and(|by| by.role.moderates());
                    let known = before.questions.get(*number).is_some_and(|question| question.record == *record);
                    (moderates && known).then_some(*number)
                }
                _ => None,
            }).collect();
            let left: Vec<_> = before.questions.iter()
                .filter(|(number, question)| !settled.contains(number) && (forgotten != Some(question.by) || played.events().is_empty()))
                .collect();
            prop_assert_eq!(left, after.questions.iter().collect::<Vec<_>>(), "{:?}", played.command);
            if before.questions.taken() != after.questions.taken() && forgotten.is_none() {
                let asked = matches!(played.command, Command::TakeQuestion { .. } | Command::SettleQuestion { .. });
                let by_moderator = matches!(played.actor, Actor::Member { member, .. }
                    if played.before.participant(member).is_some_and(|sender| sender.role.moderates()));
                prop_assert!(asked && by_moderator, "{:?}", played.command);
            }
        }
    }

    #[test]
    fn everybody_agrees_to_evidence_for_themselves_and_while_it_lasts(
        ground in any_ground(),
        steps in vec(any_step(), 1..160),
    ) {
        for played in play(ground, &steps) {
            let says = |member: MemberId, agree: bool| {
                matches!(played.actor, Actor::Member { member: sender, .. } if sender == member)
                    && played.command == Command::AgreeEvidence { agree }
            };
            for after in played.after.participants() {
                let before = played.before.participant(after.member).filter(|before| before.number == after.number);
                let agreed = before.is_some_and(|before| before.evidence);
                let stayed = after.role.on_stage() && played.before.settings().evidence && played.after.settings().evidence;
                match (agreed, after.evidence) {
                    (false, true) => prop_assert!(stayed && says(after.member, true), "{:?}", played.command),
                    (true, false) => prop_assert!(!stayed || says(after.member, false), "{:?}", played.command),
                    (true, true) => {
                        let heeded = played.result.as_ref().is_ok_and(|applied| !applied.repeated);
                        prop_assert!(stayed && !(heeded && says(after.member, false)), "{:?}", played.command);
                    }
                    (false, false) => {}
                }
            }
            for numbered in played.events() {
                if let Event::EvidenceSet { by, .. } = numbered.event {
                    prop_assert_eq!(by, played.before.host());
                    prop_assert_eq!(played.after.agreed().count(), 0);
                }
            }
        }
    }

    #[test]
    fn everybody_consents_for_themselves_to_what_goes_on(
        ground in any_ground(),
        steps in vec(any_step_of_a_recording(), 1..160),
    ) {
        for played in play(ground, &steps) {
            let (before, after) = (&played.before, &played.after);
            let on = before.recording();
            let heeded = played.result.as_ref().is_ok_and(|applied| !applied.repeated);
            let says = |member: MemberId, wanted: bool| match (played.actor, &played.command) {
                (Actor::Member { member: sender, .. }, Command::ConsentRecording { replay, text, agree }) => {
                    let of_it = on.is_some_and(|on| on.replay == *replay && (!wanted || on.text == *text));
                    heeded && sender == member && of_it && *agree == wanted
                }
                _ => false,
            };
            for (number, _) in after.recorded() {
                let who = after.participants().find(|p| p.number == number).map(|p| p.member);
                prop_assert!(after.participants().any(|p| p.number == number && p.role.on_stage()));
                let was = before.recorded().any(|(before, _)| before == number);
                let same = on.map(|on| on.replay) == after.recording().map(|on| on.replay);
                prop_assert!(same && (was || who.is_some_and(|who| says(who, true))), "{:?}", played.command);
                prop_assert!(!who.is_some_and(|who| says(who, false)), "{:?}", played.command);
            }
            // Whoever has a track keeps its number as long as the recording lasts.
            for (number, track) in before.recorded() {
                let kept = after.recorded().find(|(after, _)| *after == number);
                prop_assert!(kept.is_none_or(|(_, kept)| kept == track));
            }
            for numbered in played.events() {
                match &numbered.event {
                    Event::RecordingBegun { recording, by } => {
                        prop_assert!(*by == before.host() && on.is_none() && after.recorded().count() == 0);
                        prop_assert!(before.kind() == Kind::Open || recording.to == Hearers::Attendees);
                    }
                    Event::RecordingStopped { replay, .. } => {
                        prop_assert_eq!(on.map(|on| on.replay), Some(*replay));
                        prop_assert_eq!(after.recorded().count(), 0);
                    }
                    // Whoever withdraws a track is not in it any more, and it is nobody's again.
                    Event::TrackWithdrawn { member, replay, track } => {
                        prop_assert_eq!(on.map(|on| on.replay), Some(*replay));
                        prop_assert_eq!(before.track_of(*member), Some(*track));
                        prop_assert!(after.track_of(*member).is_none() && after.recorded().all(|(_, n)| n != *track));
                    }
                    _ => {}
                }
            }
            let same = on.map(|on| on.replay) == after.recording().map(|on| on.replay);
            let highest = before.recorded().map(|(_, n)| n).max();
            for (number, track) in after.recorded().filter(|_| same) {
                let kept = before.recorded().any(|before| before == (number, track));
                let theirs = before.participants().find(|p| p.number == number).and_then(|p| before.track_of(p.member));
                prop_assert!(kept || theirs == Some(track) || highest.is_none_or(|highest| track > highest));
            }
            // What was said about it when people were asked never changes.
            if let (Some(on), Some(still)) = (on, after.recording()) && on.replay == still.replay {
                prop_assert_eq!(on, still);
            }
        }
    }

    #[test]
    fn nobody_acts_on_the_host_or_above_their_role(ground in any_ground(), steps in vec(any_step(), 1..160)) {
        for played in play(ground, &steps) {
            for numbered in played.events() {
                let (target, by) = match &numbered.event {
                    // Whoever comes after a call-up is asked by whoever called, who may be a speaker or gone.
                    Event::StageOffered { member, .. } if played.before.called().contains_key(member) => continue,
                    Event::Muted { member, by, .. }
                    | Event::Banned { member, by, .. }
                    | Event::StageOffered { member, by } => (*member, *by),
                    Event::RoleChanged { member, cause: RoleCause::ModeratorTaken { by }, .. } => (*member, *by),
                    Event::Left { member, reason: LeaveReason::Removed { by } } => (*member, *by),
                    Event::RoleChanged { member, cause: RoleCause::MovedToAudience { by }, .. } => (*member, *by),
                    Event::RoleChanged { member, cause: RoleCause::MadeModerator { by }, .. } => (*member, *by),
                    _ => continue,
                };
                prop_assert!(target != by && target != played.before.host());
                prop_assert!(played.before.participant(by).is_some_and(|by| by.role.moderates()));
            }
            if let Ok(applied) = &played.result
                && let (Actor::Member { member, role_epoch: Some(epoch), .. }, false) = (played.actor, applied.repeated)
                && let Some(sender) = played.before.participant(member)
                && !matches!(
                    played.command,
                    Command::Leave
                        | Command::AgreeEvidence { agree: false }
                        | Command::ConsentRecording { agree: false, .. }
                )
            {
                prop_assert_eq!(epoch, sender.role_epoch, "a stale command was carried out");
            }
        }
    }

    #[test]
    fn role_and_permission_changes_move_the_epoch(ground in any_ground(), steps in vec(any_step(), 1..160)) {
        for played in play(ground, &steps) {
            for after in played.after.participants() {
                let Some(before) = played.before.participant(after.member).filter(|b| b.number == after.number) else {
                    continue;
                };
                let changed = (before.role, before.muted) != (after.role, after.muted);
                prop_assert_eq!(changed, before.role_epoch < after.role_epoch);
            }
        }
    }

    #[test]
    fn a_repeated_id_applies_once(ground in any_ground(), steps in vec(any_step(), 1..160)) {
        let mut model: BTreeMap<MemberId, Vec<(CommandId, Seq)>> = BTreeMap::new();
        for played in play(ground, &steps) {
            let Some((member, id)) = played.sender_and_id() else { continue };
            let known = model.entry(member).or_default();
            let first = known.iter().rev().take(REMEMBERED_COMMANDS).find(|(seen, _)| *seen == id);
            match (&played.result, first) {
                (Ok(applied), Some((_, seq))) => {
                    prop_assert!(applied.repeated && applied.events.is_empty());
                    prop_assert_eq!(applied.seq, *seq);
                    prop_assert_eq!(&played.before, &played.after);
                }
                (Ok(applied), None) => {
                    prop_assert!(!applied.repeated);
                    known.push((id, applied.seq));
                }
                (Err(rejection), Some(_)) => prop_assert!(false, "a repetition was refused: {:?}", rejection),
                (Err(_), None) => {}
            }
        }
    }

    #[test]
    fn numbers_rise_and_are_never_used_again(ground in any_ground(), steps in vec(any_step(), 1..160)) {
        let mut last = TalkerNo(1);
        for played in play(ground, &steps) {
            for numbered in played.events() {
                if let Event::Entered { member, number, pass } = &numbered.event {
                    prop_assert_eq!(number.0, last.0 + 1);
                    prop_assert!(played.before.participant(*member).is_none());
                    let followed = played.command == (Command::Enter { followed_by_moderator: true });
                    prop_assert!(pass.is_some() || played.before.may_enter(*member, followed));
                    let let_in = || played.before.to_state().let_in.iter().any(|(guest, _)| guest == member);
                    prop_assert!(pass.is_none() || played.before.waiting().contains_key(member) || let_in());
                    last = *number;
                }
            }
        }
    }

    #[test]
    fn places_are_given_up_when_due_and_not_before(ground in any_ground(), steps in vec(any_step(), 1..160)) {
        for played in play(ground, &steps) {
            let lost: BTreeSet<MemberId> = played.events().iter().filter_map(|numbered| match numbered.event {
                Event::Left { member, reason: LeaveReason::Lost } => Some(member),
                _ => None,
            }).collect();
            let applied = played.result.as_ref().is_ok_and(|applied| !applied.repeated);
            let ticked = applied && played.command == Command::Tick;
            let due: BTreeSet<MemberId> = played.before.participants()
                .filter(|p| ticked && p.pass.is_none_or(|pass| pass.until > played.now))
                .filter(|p| p.away_since.is_some_and(|since| since.plus(AWAY_MILLIS) <= played.now))
                .map(|p| p.member).collect();
            prop_assert_eq!(lost, due);
        }
    }

    #[test]
    fn folding_what_is_visible_gives_the_view(ground in any_ground(), steps in vec(any_step(), 1..160)) {
        let mut replica = ground.open();
        let mut views: BTreeMap<MemberId, View> = BTreeMap::new();
        for played in play(ground, &steps) {
            let mut fresh = BTreeSet::new();
            for numbered in played.events() {
                let before = replica.clone();
                replica.fold(numbered);
                for (viewer, view) in &mut views {
                    let Some(role) = before.participant(*viewer).map(|p| p.role) else { continue };
                    if fresh.contains(viewer) || !visible(&numbered.event, *viewer, role) {
                        continue;
                    }
                    let kept = view.clone();
                    if view.fold(numbered).is_err() {
                        let now = replica.participant(*viewer).map(|p| p.role);
                        let forgot = matches!(numbered.event, Event::Forgotten { .. });
                        let unheard = matches!(numbered.event, Event::QuestionTaken { .. }) && !role.moderates();
                        let changed = now.is_none_or(|now| now.moderates() != role.moderates());
                        prop_assert!(changed || forgot || unheard, "{:?}", numbered);
                        prop_assert_eq!(&kept, view);
                        fresh.insert(*viewer);
                    }
                }
            }
            for viewer in PEOPLE.map(member) {
                let of_room = View::of(&played.after, viewer);
                let followed = views.get_mut(&viewer).filter(|_| !fresh.contains(&viewer));
                if let (Some(view), Some(of_room)) = (followed, &of_room) {
                    view.seq = played.after.seq();
                    prop_assert_eq!(&*view, of_room);
                }
                if let Some(own) = played.after.participant(viewer).filter(|own| !own.role.moderates()) {
                    let view = of_room.as_ref().expect("present, so there is a view");
                    prop_assert!(view.hands.is_empty() && view.offers.is_empty());
                    prop_assert!(view.called.is_empty() && view.waiting.is_empty() && view.questions.is_empty());
                    prop_assert_eq!((&view.you.hand, view.you.offer), (&own.hand, own.offer));
                }
                // Whoever could not follow takes a new view, and whoever came in their first.
                match of_room {
                    None => { views.remove(&viewer); }
                    Some(of_room) if fresh.contains(&viewer) => { views.insert(viewer, of_room); }
                    Some(of_room) => { views.entry(viewer).or_insert(of_room); }
                }
            }
        }
    }

    #[test]
    fn a_restart_keeps_everything_but_the_connections(
        ground in any_ground(),
        steps in vec(any_step(), 1..160),
        cut in any::<prop::sample::Index>(),
        pause in 0..60_000_u64,
    ) {
        let history = play(ground, &steps);
        let (head, tail) = history.split_at(cut.index(history.len() + 1));
        let state = head.last().map_or_else(|| ground.open(), |played| played.after.clone()).to_state();
        let last = history.last().expect("at least one step");
        let now = last.now.plus(pause);
        let events = tail.iter().flat_map(|played| played.events().iter().map(|n| (n.clone(), played.sender_and_id())));
        let mut back = Room::restore(now, state, events);

        let mut expected = told(&last.after);
        if last.after.is_open() {
            for p in &mut expected.participants {
                (p.connected, p.away_since, p.away_until) = (false, Some(now), Some(now.plus(RESTART_GRACE_MILLIS)));
            }
            expected.waiting.clear();
        }
        prop_assert_eq!(told(&back), expected);
        assert_sound(&back);
        // What the stopped room would have answered as repeated and had written down, the new one answers so too.
        for (played, (member, id)) in tail.iter().filter_map(|played| Some((played, played.sender_and_id()?))) {
            let again = Actor::Member { member, role_epoch: None, id: Some(id) };
            let live = last.after.clone().apply(now, again, played.command.clone());
            if live.is_ok_and(|applied| applied.repeated) && !played.events().is_empty() {
                let answer = back.clone().apply(now, again, played.command.clone());
                prop_assert!(answer.is_ok_and(|applied| applied.repeated));
            }
        }
        if back.is_open() {
            let early = back.apply(now.plus(RESTART_GRACE_MILLIS - 1), Actor::System, Command::Tick).expect("open");
            let lost = |n: &Numbered| matches!(n.event, Event::Left { reason: LeaveReason::Lost, .. });
            prop_assert!(!early.events.iter().any(lost));
            back.apply(now.plus(RESTART_GRACE_MILLIS), Actor::System, Command::Tick).expect("open");
            prop_assert!(!back.is_open() && back.participants().next().is_none());
        }
    }

    /// Histories come from a database: whatever stands there, folding and going on must not panic.
    #[test]
    fn foreign_events_do_no_harm(
        ground in any_ground(),
        steps in vec(any_step(), 1..60),
        order in vec(any::<prop::sample::Index>(), 1..80),
        more in vec(any_step(), 1..20),
    ) {
        let events: Vec<Numbered> = play(ground, &steps).iter().flat_map(|played| played.events().to_vec()).collect();
        let mut room = ground.open();
        let mut view = View::of(&room, person(0)).expect("the host is in the room");
        for numbered in order.iter().filter(|_| !events.is_empty()).map(|index| index.get(&events)) {
            room.fold(numbered);
            let _ = view.fold(numbered);
        }
        for step in &more {
            let as_member = |index| Actor::Member { member: person(index), role_epoch: None, id: None };
            let actor = step.sender.map_or(Actor::System, as_member);
            let before = room.clone();
            if room.apply(room.next_deadline().unwrap_or(OPENED_AT), actor, step.command.clone()).is_err() {
                prop_assert_eq!(&room, &before);
            }
        }
        prop_assert_eq!(told(&Room::from_state(room.to_state())), told(&room));
    }
}
