//! Traces: a room's talk as text. Each line is what somebody asks and, after `->`, what came of it.
//!
//! ```text
//! b#7@1 raise why now?   -> b hand: why now?
//! ```
//! Members are the letters `a` (the host) to `z`. `#7` gives the command an id, `@1` the role epoch that the sender
//! believes to have; `*` is the system. `wait 500` lets milliseconds pass, `? stage` and the like ask for the state.

use std::fmt::Write;

use roomtone_room::ids::{RecordId, ReplayId};
use roomtone_room::{
    Actor, Applied, CallUpCause, Command, CommandId, Event, GuestPass, HandCause, HandRule, Hearers, Kind, KnockCause,
    LeaveReason, MemberId, NewRecording, OfferCause, Opening, Participant, Question, RecordingCause, Rejection,
    RoleCause, RoleEpoch, Room, RoomId, Terms, Timestamp,
};

/// What leads to a room with somebody of every role: a host `a`, a moderator `m`, a speaker `s`, a listener `l`, a guest on
/// stage `g` and one who waits, `w`.
pub(crate) const CAST: &[&str] = &[
    "a enter",
    "l enter followed",
    "s enter followed",
    "s raise",
    "a accept s",
    "m enter",
    "m raise",
    "a accept m",
    "a moderator m",
    "g knock 9000000",
    "a admit g",
    "w knock 9000000",
];

/// When every traced room is opened.
pub(crate) const OPENED_AT: Timestamp = Timestamp(1_000_000);

/// The member with this letter.
pub(crate) fn member(letter: &str) -> MemberId {
    MemberId(u128::from(*letter.as_bytes().first().expect("a trace names members by a letter")))
}

fn letter(member: MemberId) -> char {
    u8::try_from(member.0).map(char::from).expect("traces make members from ASCII letters")
}

/// A room of this kind, opened by `a` with `n` and `m` named.
pub(crate) fn opened(kind: Kind) -> Room {
    let named = vec![member("n"), member("m")];
    let opening = Opening { named, topics: vec!["gardens".to_owned()], ..Opening::new("Title", kind, "en") };
    Room::open(OPENED_AT, RoomId(9), member("a"), opening).0
}

/// The same from a talk sheet: nothing is kept, `m`, `s` and one guest may be on stage besides `a`, and `q` (who is never there) and
/// `l` have put a question.
pub(crate) fn opened_by_sheet(kind: Kind) -> Room {
    let terms = Terms { recorded: false, stage: [member("m"), member("s")].into(), guests: 1 };
    let question = |by, votes, text: &str| {
        let by = member(by);
        Question { record: RecordId(by.0), text: text.to_owned(), by, votes }
    };
    let questions = vec![question("q", 7, "Why maps?"), question("l", 2, "And who draws them?")];
    let named = vec![member("n"), member("m")];
    let topics = vec!["gardens".to_owned()];
    let opening = Opening { named, topics, terms: Some(terms), questions, ..Opening::new("Title", kind, "en") };
    Room::open(OPENED_AT, RoomId(9), member("a"), opening).0
}

/// Plays a trace in a new room of this kind and compares what came of every line with what the trace says.
#[track_caller]
pub(crate) fn check(kind: Kind, trace: &str) {
    check_in(opened(kind), trace);
}

/// The same in a room that is there already.
#[track_caller]
pub(crate) fn check_in(mut room: Room, trace: &str) {
    let mut now = OPENED_AT;
    let mut actual = String::new();
    let mut expected = String::new();
    for line in trace.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (asked, outcome) = line.split_once("->").unwrap_or((line, ""));
        let (asked, outcome) = (asked.trim(), outcome.trim());
        writeln!(expected, "{asked} -> {outcome}").expect("a string takes all");
        let came = play(&mut room, &mut now, asked);
        writeln!(actual, "{asked} -> {came}").expect("a string takes all");
    }
    assert!(actual == expected, "\nplayed:\n{actual}\nexpected:\n{expected}");
}

/// Plays one line and tells what came of it.
pub(crate) fn play(room: &mut Room, now: &mut Timestamp, asked: &str) -> String {
    let (who, what) = asked.split_once(' ').expect("a line has two parts");
    match who {
        "wait" => {
            *now = now.plus(what.parse().expect("milliseconds"));
            String::new()
        }
        "?" => state(room, what),
        _ => {
            let before = room.clone();
            match room.apply(*now, actor(who), command(what)) {
                Ok(applied) if applied.repeated => format!("answered before at {}", applied.seq.0),
                Ok(applied) => {
                    let told: Vec<String> = applied.events.iter().map(|numbered| describe(&numbered.event)).collect();
                    told.join("; ")
                }
                Err(rejection) => {
                    assert_eq!(*room, before, "a refusal changes nothing: {asked}");
                    format!("! {rejection:?}")
                }
            }
        }
    }
}

/// What comes of one command at the opening's time.
pub(crate) fn attempt(room: &mut Room, who: &str, what: &str) -> Result<Applied, Rejection> {
    room.apply(OPENED_AT, actor(who), command(what))
}

fn actor(who: &str) -> Actor {
    if who == "*" {
        return Actor::System;
    }
    let (who, epoch) = who.split_once('@').map_or((who, None), |(who, epoch)| (who, Some(epoch)));
    let (who, id) = who.split_once('#').map_or((who, None), |(who, id)| (who, Some(id)));
    Actor::Member {
        member: member(who),
        role_epoch: epoch.map(|epoch| RoleEpoch(epoch.parse().expect("an epoch"))),
        id: id.map(|id| CommandId(id.parse().expect("a command id"))),
    }
}

/// The command that a trace writes so.
pub(crate) fn command(what: &str) -> Command {
    let (verb, rest) = what.split_once(' ').unwrap_or((what, ""));
    let target = || member(rest);
    match verb {
        "enter" => Command::Enter { followed_by_moderator: rest == "followed" },
        "leave" => Command::Leave,
        "raise" => Command::RaiseHand { question: said(rest), followed_by_speaker: false },
        "raise-followed" => Command::RaiseHand { question: said(rest), followed_by_speaker: true },
        "move" => {
            let (who, place) = rest.split_once(' ').expect("whom and where");
            Command::MoveHand { member: member(who), place: place.parse().expect("a place") }
        }
        "lower" => Command::LowerHand,
        "accept" => Command::AcceptHand { member: target() },
        "decline" => Command::DeclineHand { member: target() },
        "offer" => Command::OfferStage { member: target() },
        "withdraw" => Command::WithdrawOffer { member: target() },
        "yes" => Command::AcceptOffer,
        "no" => Command::DeclineOffer,
        "down" => Command::StepDown,
        "mic" => Command::SetMic { open: rest == "on" },
        "mute" => Command::Mute { member: target() },
        "unmute" => Command::Unmute { member: target() },
        "audience" => Command::MoveToAudience { member: target() },
        "remove" => Command::Remove { member: target() },
        "moderator" => Command::MakeModerator { member: target() },
        "demote" => Command::TakeModerator { member: target() },
        "host" => Command::HandOver { member: target() },
        "ban" => {
            let (who, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            Command::Ban { member: member(who), reason: said(reason) }
        }
        "unban" => Command::Unban { member: target() },
        "describe" => Command::Describe { title: rest.to_owned(), topics: vec![], language: "en".to_owned() },
        "widen" => Command::Widen { kind: if rest == "open" { Kind::Open } else { Kind::Social } },
        "hands" => Command::RuleHands {
            rule: match rest {
                "off" => HandRule::Off,
                "followed" => HandRule::Followed,
                _ => HandRule::Everyone,
            },
        },
        "lock" => Command::LockStage { locked: rest != "off" },
        "chat" => {
            let slow_seconds = rest.parse().unwrap_or(0);
            Command::SetBackchannel { open: rest != "off", slow_seconds }
        }
        "timer" => Command::SetTimer {
            until: (rest != "off").then(|| OPENED_AT.plus(rest.parse().expect("milliseconds since the opening"))),
        },
        "pin" => Command::PinLink { url: rest.to_owned(), label: "A link".to_owned() },
        "unpin" => Command::UnpinLink { number: rest.parse().expect("a number") },
        "floor" => Command::GiveFloor { member: (!rest.is_empty()).then(target) },
        "call" => {
            let (who, context) = rest.split_once(' ').unwrap_or((rest, ""));
            Command::CallUp { member: member(who), context: said(context) }
        }
        "uncall" => Command::WithdrawCallUp { member: target() },
        "not-now" => Command::DeclineCallUp,
        "knock" => {
            let until = OPENED_AT.plus(rest.parse().expect("milliseconds since the opening"));
            Command::Knock { pass: GuestPass { by: member("a"), until } }
        }
        "admit" => Command::Admit { guest: target() },
        "turn-away" => Command::TurnAway { guest: target() },
        "forget" => Command::Forget { member: target() },
        "end-pass" => Command::EndPass { guest: target() },
        "lift" => {
            let (who, at) = rest.split_once(' ').expect("whose ban, and since when");
            let at = OPENED_AT.plus(at.parse().expect("milliseconds since the opening"));
            Command::LiftBan { member: member(who), at, by: member("q") }
        }
        "take" => Command::TakeQuestion { number: rest.parse().ok() },
        "answered" => Command::SettleQuestion { number: rest.parse().expect("a number"), answered: true },
        "skip" => Command::SettleQuestion { number: rest.parse().expect("a number"), answered: false },
        "evidence" => Command::SetEvidence { on: rest != "off" },
        "agree" => Command::AgreeEvidence { agree: true },
        "disagree" => Command::AgreeEvidence { agree: false },
        "record" => Command::SetRecording {
            recording: rest.split_once(' ').map(|(replay, rest)| {
                let (to, text) = rest.split_once(' ').unwrap_or((rest, "1"));
                NewRecording {
                    replay: ReplayId(replay.parse().expect("a replay")),
                    to: match to {
                        "everyone" => Hearers::Everyone,
                        "members" => Hearers::Members,
                        _ => Hearers::Attendees,
                    },
                    text: text.parse().expect("a version"),
                }
            }),
        },
        "consent" | "refuse" => {
            let (replay, text) = rest.split_once(' ').unwrap_or((rest, "1"));
            Command::ConsentRecording {
                replay: ReplayId(replay.parse().expect("a replay")),
                text: text.parse().expect("a version"),
                agree: verb == "consent",
            }
        }
        "disk-full" => Command::StopRecording {
            replay: ReplayId(rest.parse().expect("a replay")),
            cause: RecordingCause::DiskFull,
        },
        "withdrawn" => {
            let (replay, track) = rest.split_once(' ').expect("a replay and a track");
            Command::WithdrawTrack {
                replay: ReplayId(replay.parse().expect("a replay")),
                track: track.parse().expect("a track"),
            }
        }
        "end" => Command::End,
        "lose" => Command::LoseConnection { member: target() },
        "tick" => Command::Tick,
        _ => panic!("not a command: {what}"),
    }
}

fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn describe(event: &Event) -> String {
    match event {
        Event::Opened { .. } => "opened".to_owned(),
        Event::Entered { member, number, pass: None } => format!("{} entered as {}", letter(*member), number.0),
        Event::Entered { member, number, pass: Some(pass) } => {
            format!("{} entered as {}, guest of {}", letter(*member), number.0, letter(pass.by))
        }
        Event::ConnectionLost { member } => format!("{} away", letter(*member)),
        Event::Returned { member } => format!("{} back", letter(*member)),
        Event::Left { member, reason } => match reason {
            LeaveReason::Quit => format!("{} quit", letter(*member)),
            LeaveReason::Lost => format!("{} lost", letter(*member)),
            LeaveReason::Removed { by } => format!("{} removed by {}", letter(*member), letter(*by)),
            LeaveReason::PassEnded => format!("{} pass ended", letter(*member)),
        },
        Event::HandRaised { member, question: None, .. } => format!("{} hand", letter(*member)),
        Event::HandRaised { member, question: Some(text), .. } => format!("{} hand: {text}", letter(*member)),
        Event::HandMoved { member, place, by } => {
            format!("{} hand to {place} by {}", letter(*member), letter(*by))
        }
        Event::HandLowered { member, cause } => match cause {
            HandCause::Lowered => format!("{} hand lowered", letter(*member)),
            HandCause::Declined { by } => format!("{} hand declined by {}", letter(*member), letter(*by)),
        },
        Event::StageOffered { member, by } => format!("{} asked by {}", letter(*member), letter(*by)),
        Event::OfferEnded { member, cause } => match cause {
            OfferCause::Declined => format!("{} says no", letter(*member)),
            OfferCause::Withdrawn { by } => format!("{} offer withdrawn by {}", letter(*member), letter(*by)),
        },
        Event::RoleChanged { member, role, role_epoch, cause } => {
            let cause = match cause {
                RoleCause::HandAccepted { by } => format!("hand accepted by {}", letter(*by)),
                RoleCause::OfferAccepted => "offer accepted".to_owned(),
                RoleCause::SteppedDown => "stepped down".to_owned(),
                RoleCause::MovedToAudience { by } => format!("moved by {}", letter(*by)),
                RoleCause::MadeModerator { by } => format!("made by {}", letter(*by)),
                RoleCause::ModeratorTaken { by } => format!("demoted by {}", letter(*by)),
                RoleCause::LetIn { by } => format!("let in by {}", letter(*by)),
                RoleCause::HandedOver { by } => format!("handed over by {}", letter(*by)),
                RoleCause::Inherited => "inherited".to_owned(),
            };
            format!("{} {role:?}@{} {cause}", letter(*member), role_epoch.0)
        }
        Event::Muted { member, by, role_epoch } => {
            format!("{} muted@{} by {}", letter(*member), role_epoch.0, letter(*by))
        }
        Event::Unmuted { member, by, role_epoch } => {
            format!("{} unmuted@{} by {}", letter(*member), role_epoch.0, letter(*by))
        }
        Event::MicChanged { member, open } => format!("{} mic {}", letter(*member), if *open { "on" } else { "off" }),
        Event::Banned { member, by, reason } => {
            let why = reason.as_deref().map_or(String::new(), |text| format!(": {text}"));
            format!("{} banned by {}{why}", letter(*member), letter(*by))
        }
        Event::Unbanned { member, by } => format!("{} unbanned by {}", letter(*member), letter(*by)),
        Event::Described { title, .. } => format!("described as {title}"),
        Event::Widened { kind, .. } => format!("widened to {kind:?}"),
        Event::HandsRuled { rule, .. } => format!("hands {rule:?}"),
        Event::StageLocked { locked, .. } => format!("stage {}", if *locked { "locked" } else { "unlocked" }),
        Event::BackchannelSet { open, slow_seconds, .. } => format!("backchannel {open} {slow_seconds}"),
        Event::TimerSet { until: None, .. } => "timer off".to_owned(),
        Event::TimerSet { until: Some(until), .. } => format!("timer +{}", until.0 - OPENED_AT.0),
        Event::LinkPinned { number, .. } => format!("link {number}"),
        Event::LinkUnpinned { number, .. } => format!("link {number} down"),
        Event::FloorGiven { member, .. } => {
            format!("floor to {}", member.map_or("nobody".to_owned(), |member| letter(member).to_string()))
        }
        Event::CalledUp { member, by, context, .. } => {
            let what = context.as_deref().map_or(String::new(), |text| format!(": {text}"));
            format!("{} called by {}{what}", letter(*member), letter(*by))
        }
        Event::CallUpEnded { member, cause, .. } => match cause {
            CallUpCause::Answered => format!("{} came", letter(*member)),
            CallUpCause::Declined => format!("{} not now", letter(*member)),
            CallUpCause::Withdrawn { by } => format!("{} call withdrawn by {}", letter(*member), letter(*by)),
            CallUpCause::Expired => format!("{} call expired", letter(*member)),
        },
        Event::Knocked { guest, pass } => format!("{} waits, guest of {}", letter(*guest), letter(pass.by)),
        Event::KnockEnded { guest, cause } => match cause {
            KnockCause::Admitted { by } => format!("{} admitted by {}", letter(*guest), letter(*by)),
            KnockCause::TurnedAway { by } => format!("{} turned away by {}", letter(*guest), letter(*by)),
            KnockCause::GaveUp => format!("{} gave up", letter(*guest)),
            KnockCause::PassEnded => format!("{} pass ended", letter(*guest)),
        },
        Event::QuestionBrought { number, .. } => format!("question {number} brought"),
        Event::QuestionTaken { number, asker, by } => {
            format!("question {number} of {} taken by {}", letter(*asker), letter(*by))
        }
        Event::QuestionClosed { by } => format!("question closed by {}", letter(*by)),
        Event::QuestionSettled { number, answered: true, by, .. } => {
            format!("question {number} answered by {}", letter(*by))
        }
        Event::QuestionSettled { number, answered: false, by, .. } => {
            format!("question {number} skipped by {}", letter(*by))
        }
        Event::EvidenceSet { on, by } => format!("evidence {} by {}", if *on { "on" } else { "off" }, letter(*by)),
        Event::EvidenceAgreed { member, agree: true } => format!("{} agrees", letter(*member)),
        Event::EvidenceAgreed { member, agree: false } => format!("{} does not agree", letter(*member)),
        Event::RecordingBegun { recording, by } => {
            format!("recording {} for {:?} by {}", recording.replay.0, recording.to, letter(*by))
        }
        Event::RecordingStopped { replay, by, cause } => {
            let by = by.map_or(String::new(), |by| format!(" by {}", letter(by)));
            format!("recording {} stopped{by}: {cause:?}", replay.0)
        }
        Event::RecordingConsent { member, replay, agree, .. } => {
            format!("{} {} {}", letter(*member), if *agree { "consents to" } else { "refuses" }, replay.0)
        }
        Event::TrackWithdrawn { member, replay, track } => {
            format!("{} withdrew {track} of {}", letter(*member), replay.0)
        }
        Event::Forgotten { member } => format!("{} forgotten", letter(*member)),
        Event::Ended { by: Some(by) } => format!("ended by {}", letter(*by)),
        Event::Ended { by: None } => "ended".to_owned(),
    }
}

fn state(room: &Room, what: &str) -> String {
    let letters = |people: Vec<&Participant>| people.iter().map(|p| letter(p.member)).collect::<String>();
    match what {
        "stage" => letters(room.stage()),
        "everybody" => letters(room.participants().collect()),
        "hands" => letters(room.hands().collect()),
        "offers" => letters(room.offers().collect()),
        "away" => letters(room.participants().filter(|p| !p.connected).collect()),
        "audience" => room.audience_count().to_string(),
        "host" => letter(room.host()).to_string(),
        "title" => room.title().to_owned(),
        "called" => room.called().keys().map(|member| letter(*member)).collect(),
        "waiting" => room.waiting().keys().map(|guest| letter(*guest)).collect(),
        "banned" => room.bans().keys().map(|member| letter(*member)).collect(),
        "links" => room.settings().links.iter().map(|link| format!("{} {}", link.number, link.url)).collect(),
        "floor" => room.settings().floor.map_or(String::new(), |member| letter(member).to_string()),
        "talkers" => room.talkers().map(|number| number.0.to_string()).collect::<Vec<_>>().join(" "),
        "agreed" => room.agreed().map(|number| number.0.to_string()).collect::<Vec<_>>().join(" "),
        "recorded" => room.recorded().map(|(number, n)| format!("{}:{n}", number.0)).collect::<Vec<_>>().join(" "),
        "questions" => room.questions().iter().map(|(number, _)| number.to_string()).collect::<Vec<_>>().join(" "),
        "question" => room.questions().taken().map_or(String::new(), |(_, question)| question.text.clone()),
        "open" => room.is_open().to_string(),
        "deadline" => room.next_deadline().map_or("none".to_owned(), |at| format!("+{}", at.0 - OPENED_AT.0)),
        _ => panic!("not a question about the state: {what}"),
    }
}
