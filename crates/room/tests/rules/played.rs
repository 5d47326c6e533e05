//! Random rooms: how they are opened, what people in them try, and what comes of it.

use proptest::prelude::*;
use roomtone_room::ids::{RecordId, ReplayId};
use roomtone_room::{
    AWAY_MILLIS, Actor, Applied, Command, CommandId, GuestPass, HandRule, Hearers, Kind, MemberId, NewRecording,
    Numbered, Opening, Participant, Question, RecordingCause, Rejection, Role, RoleEpoch, Room, RoomId, Terms,
    Timestamp,
};

use crate::trace::{OPENED_AT, member, opened};

/// The people of the random rooms: the host first, then enough for several of every role and some outside, and two who
/// are only ever guests.
pub(crate) const PEOPLE: [&str; 9] = ["a", "b", "c", "d", "e", "n", "m", "y", "z"];

/// How a random room is opened: who may come in, and from what kind of talk sheet if from one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ground {
    kind: Kind,
    /// Whether the sheet says that the talk is recorded.
    recorded: Option<bool>,
}

/// Who may be on stage by the sheet, besides one guest: some of [`PEOPLE`].
pub(crate) const IN_SHEET: [&str; 5] = ["a", "b", "c", "d", "m"];

impl Ground {
    pub(crate) fn open(self) -> Room {
        let Some(recorded) = self.recorded else { return opened(self.kind) };
        let question = |(by, votes)| {
            let by = member(by);
            Question { record: RecordId(by.0), text: format!("Why {votes}?"), by, votes }
        };
        let questions = [("b", 9), ("q", 7), ("e", 2)].map(question).into();
        let terms = Some(Terms { recorded, stage: IN_SHEET.map(member).into(), guests: 1 });
        let named = vec![member("n"), member("m")];
        let opening = Opening { named, terms, questions, ..Opening::new("Title", self.kind, "en") };
        Room::open(OPENED_AT, RoomId(9), member("a"), opening).0
    }
}

pub(crate) fn any_ground() -> impl Strategy<Value = Ground> {
    let recorded = prop_oneof![2 => Just(None), 1 => any::<bool>().prop_map(Some)];
    (any_kind(), recorded).prop_map(|(kind, recorded)| Ground { kind, recorded })
}

/// Those of [`PEOPLE`] who come by a pass. The server lets nobody else knock, and no guest enter unasked.
pub(crate) fn is_guest(member: MemberId) -> bool {
    member == crate::trace::member("y") || member == crate::trace::member("z")
}

/// One random step. With `fit`, sender and target are picked among those for whom the command makes sense at that
/// moment, so that stages fill; without, anybody asks anything. The epoch is relative to the sender's true one.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    wait: u64,
    fit: Option<usize>,
    pub(crate) sender: Option<usize>,
    epoch_off: Option<u32>,
    id: Option<u8>,
    pub(crate) command: Command,
}

/// One step as it was played.
pub(crate) struct Played {
    pub(crate) before: Room,
    pub(crate) now: Timestamp,
    pub(crate) actor: Actor,
    pub(crate) command: Command,
    pub(crate) result: Result<Applied, Rejection>,
    pub(crate) after: Room,
}

impl Played {
    pub(crate) fn events(&self) -> &[Numbered] {
        self.result.as_ref().map_or(&[], |applied| &applied.events)
    }

    pub(crate) fn sender_and_id(&self) -> Option<(MemberId, CommandId)> {
        match self.actor {
            Actor::Member { member, id: Some(id), .. } => Some((member, id)),
            _ => None,
        }
    }
}

pub(crate) fn person(index: usize) -> MemberId {
    member(PEOPLE[index % PEOPLE.len()])
}

fn any_person() -> impl Strategy<Value = MemberId> {
    (0..PEOPLE.len()).prop_map(person)
}

/// Commands of members; those that fill and people the stage come more often, those that empty the room less.
fn any_command() -> impl Strategy<Value = Command> {
    let question =
        prop_oneof![3 => Just(None), 2 => Just(Some("Why?".to_owned())), 1 => Just(Some("\u{1}".to_owned()))];
    prop_oneof![
        8 => any::<bool>().prop_map(|followed_by_moderator| Command::Enter { followed_by_moderator }),
        1 => Just(Command::Leave),
        6 => (question, any::<bool>()).prop_map(|(question, followed_by_speaker)| Command::RaiseHand {
            question,
            followed_by_speaker,
        }),
        1 => Just(Command::LowerHand),
        8 => any_person().prop_map(|member| Command::AcceptHand { member }),
        2 => any_person().prop_map(|member| Command::DeclineHand { member }),
        6 => any_person().prop_map(|member| Command::OfferStage { member }),
        1 => any_person().prop_map(|member| Command::WithdrawOffer { member }),
        6 => Just(Command::AcceptOffer),
        1 => Just(Command::DeclineOffer),
        1 => Just(Command::StepDown),
        8 => any::<bool>().prop_map(|open| Command::SetMic { open }),
        4 => any_person().prop_map(|member| Command::Mute { member }),
        3 => any_person().prop_map(|member| Command::Unmute { member }),
        2 => any_person().prop_map(|member| Command::MoveToAudience { member }),
        1 => any_person().prop_map(|member| Command::Remove { member }),
        4 => any_person().prop_map(|member| Command::MakeModerator { member }),
        1 => any_person().prop_map(|member| Command::HandOver { member }),
        8 => any_newer_command(),
    ]
}

/// What moderators set, and ways in and out that take two people.
fn any_newer_command() -> impl Strategy<Value = Command> {
    let rule = prop_oneof![4 => Just(HandRule::Everyone), 1 => Just(HandRule::Followed), 1 => Just(HandRule::Off)];
    let pass = (any_person(), 1..60_000_u64)
        .prop_map(|(by, until)| Command::Knock { pass: GuestPass { by, until: OPENED_AT.plus(until) } });
    let pin = (0..3_u8).prop_map(|which| Command::PinLink {
        url: ["https://example.org", "https://example.org/2", "javascript:x"][usize::from(which)].to_owned(),
        label: "Link".to_owned(),
    });
    prop_oneof![
        3 => (any_person(), 0..6_u32).prop_map(|(member, place)| Command::MoveHand { member, place }),
        2 => any_person().prop_map(|member| Command::TakeModerator { member }),
        1 => any_person().prop_map(|member| Command::Ban { member, reason: None }),
        2 => any_person().prop_map(|member| Command::Unban { member }),
        1 => Just(Command::Describe { title: "Other".to_owned(), topics: vec![], language: "ru".to_owned() }),
        1 => any_kind().prop_map(|kind| Command::Widen { kind }),
        2 => rule.prop_map(|rule| Command::RuleHands { rule }),
        1 => (0..8_u8).prop_map(|locked| Command::LockStage { locked: locked == 0 }),
        1 => (any::<bool>(), 0..400_u16)
            .prop_map(|(open, slow_seconds)| Command::SetBackchannel { open, slow_seconds }),
        1 => any::<bool>().prop_map(|set| Command::SetTimer { until: set.then(|| OPENED_AT.plus(100_000)) }),
        2 => pin,
        1 => (0..6_u32).prop_map(|number| Command::UnpinLink { number }),
        2 => prop::option::of(any_person()).prop_map(|member| Command::GiveFloor { member }),
        3 => any_person().prop_map(|member| Command::CallUp { member, context: None }),
        1 => any_person().prop_map(|member| Command::WithdrawCallUp { member }),
        1 => Just(Command::DeclineCallUp),
        5 => pass,
        5 => any_person().prop_map(|guest| Command::Admit { guest }),
        1 => any_person().prop_map(|guest| Command::TurnAway { guest }),
        4 => prop::option::weighted(0.8, 0..5_u32).prop_map(|number| Command::TakeQuestion { number }),
        1 => (0..5_u32, any::<bool>()).prop_map(|(number, answered)| Command::SettleQuestion { number, answered }),
        // On more often than off, so that agreements come together.
        3 => (0..6_u8).prop_map(|off| Command::SetEvidence { on: off > 0 }),
        8 => (0..6_u8).prop_map(|not| Command::AgreeEvidence { agree: not > 0 }),
        4 => any_recording_command(),
    ]
}

/// Recordings go on more often than off, and those who are on stage agree more often than not, sometimes to what they were not asked.
fn any_recording_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        1 => (0..6_u8, 0..3_u8, 0..3_usize).prop_map(|(off, replay, to)| Command::SetRecording {
            recording: (off > 0).then(|| NewRecording { replay: ReplayId(replay.into()), to: Hearers::ALL[to], text: 1 }),
        }),
        6 => (0..6_u8, 0..3_u8, 0..8_u8).prop_map(|(not, replay, text)| Command::ConsentRecording {
            replay: ReplayId(replay.into()),
            text: u32::from(text > 0),
            agree: not > 0,
        }),
    ]
}

/// Steps among which are many about a recording, by those for whom they make sense.
pub(crate) fn any_step_of_a_recording() -> impl Strategy<Value = Step> {
    let about_it = (any::<u16>(), any_recording_command()).prop_map(|(pick, command)| Step {
        wait: 1,
        fit: Some(usize::from(pick)),
        sender: Some(0),
        epoch_off: None,
        id: None,
        command,
    });
    prop_oneof![3 => any_step(), 1 => about_it]
}

pub(crate) fn any_step() -> impl Strategy<Value = Step> {
    let wait = prop_oneof![30 => 0..400_u64, 1 => Just(AWAY_MILLIS)];
    let fit = prop_oneof![3 => any::<u16>().prop_map(|pick| Some(usize::from(pick))), 1 => Just(None)];
    let of_member = prop_oneof![600 => any_command(), 1 => Just(Command::End), 2 => Just(Command::Tick)];
    let of_system = prop_oneof![
        4 => any_person().prop_map(|member| Command::LoseConnection { member }),
        6 => Just(Command::Tick),
        1 => Just(Command::Leave),
        1 => any_person().prop_map(|guest| Command::EndPass { guest }),
        1 => any_person().prop_map(|member| Command::Forget { member }),
        1 => (0..3_u8, 0..5_u32)
            .prop_map(|(replay, track)| Command::WithdrawTrack { replay: ReplayId(replay.into()), track }),
        1 => (0..3_u8).prop_map(|replay| Command::StopRecording {
            replay: ReplayId(replay.into()),
            cause: RecordingCause::DiskFull,
        }),
        1 => (any_person(), 0..2_000_u64)
            .prop_map(|(member, at)| Command::LiftBan { member, at: OPENED_AT.plus(at), by: MemberId(7) }),
    ];
    let id = prop_oneof![1 => Just(None), 2 => (0..120_u8).prop_map(Some)];
    let epoch = prop_oneof![5 => Just(None), 5 => Just(Some(0)), 1 => (1..3_u32).prop_map(Some)];
    let by_member = (wait.clone(), fit, 0..PEOPLE.len(), epoch, id, of_member).prop_map(
        |(wait, fit, sender, epoch_off, id, command)| Step { wait, fit, sender: Some(sender), epoch_off, id, command },
    );
    let by_system = (wait, of_system).prop_map(|(wait, command)| Step {
        wait,
        fit: None,
        sender: None,
        epoch_off: None,
        id: None,
        command,
    });
    prop_oneof![10 => by_member, 1 => by_system]
}

/// The same kind of command with a sender and a target for whom it makes sense now; `None` where there is nobody.
fn fitting(room: &Room, command: &Command, pick: usize) -> Option<(MemberId, Command)> {
    let choose = |fits: &dyn Fn(&Participant) -> bool| {
        let people: Vec<MemberId> = room.participants().filter(|p| fits(p)).map(|p| p.member).collect();
        people.get(pick % people.len().max(1)).copied()
    };
    let asked = |p: &Participant| p.offer.is_some();
    let raised = |p: &Participant| p.hand.is_some();
    let listens = |p: &Participant| !p.role.on_stage();
    let below_host = |p: &Participant| p.role.on_stage() && p.role != Role::Host;
    let moderator = choose(&|p| p.role.moderates())?;
    Some(match command {
        Command::Enter { .. } => {
            let outside =
                |member: &MemberId| !is_guest(*member) && room.participant(*member).is_none_or(|p| !p.connected);
            let people: Vec<MemberId> = PEOPLE.map(member).into_iter().filter(outside).collect();
            (*people.get(pick % people.len().max(1))?, command.clone())
        }
        Command::Leave => (choose(&|p| p.role != Role::Host)?, Command::Leave),
        Command::RaiseHand { .. } => (choose(&|p| listens(p) && !raised(p))?, command.clone()),
        Command::LowerHand => (choose(&raised)?, Command::LowerHand),
        Command::AcceptHand { .. } => (moderator, Command::AcceptHand { member: choose(&raised)? }),
        Command::DeclineHand { .. } => (moderator, Command::DeclineHand { member: choose(&raised)? }),
        Command::OfferStage { .. } => {
            (moderator, Command::OfferStage { member: choose(&|p| listens(p) && !asked(p))? })
        }
        Command::WithdrawOffer { .. } => (moderator, Command::WithdrawOffer { member: choose(&asked)? }),
        Command::AcceptOffer => (choose(&asked)?, Command::AcceptOffer),
        Command::DeclineOffer => (choose(&asked)?, Command::DeclineOffer),
        Command::StepDown => (choose(&|p| p.role.on_stage())?, Command::StepDown),
        Command::SetMic { .. } => (choose(&|p| p.role.on_stage())?, command.clone()),
        Command::Mute { .. } => (moderator, Command::Mute { member: choose(&below_host)? }),
        Command::Unmute { .. } => (room.host(), Command::Unmute { member: choose(&|p| p.muted)? }),
        Command::MoveToAudience { .. } => (room.host(), Command::MoveToAudience { member: choose(&below_host)? }),
        Command::Remove { .. } => (moderator, Command::Remove { member: choose(&|p| p.role != Role::Host)? }),
        Command::MakeModerator { .. } => {
            (moderator, Command::MakeModerator { member: choose(&|p| p.role == Role::Speaker)? })
        }
        Command::HandOver { .. } => (room.host(), Command::HandOver { member: choose(&below_host)? }),
        Command::MoveHand { place, .. } => (moderator, Command::MoveHand { member: choose(&raised)?, place: *place }),
        Command::TakeModerator { .. } => {
            (room.host(), Command::TakeModerator { member: choose(&|p| p.role == Role::Moderator)? })
        }
        Command::Unban { .. } => {
            let banned: Vec<MemberId> = room.bans().keys().copied().collect();
            (moderator, Command::Unban { member: *banned.get(pick % banned.len().max(1))? })
        }
        Command::Knock { pass } => {
            let guest = PEOPLE.map(member).into_iter().find(|guest| is_guest(*guest))?;
            (guest, Command::Knock { pass: *pass })
        }
        Command::Admit { .. } => {
            let waiting: Vec<MemberId> = room.waiting().keys().copied().collect();
            (moderator, Command::Admit { guest: *waiting.get(pick % waiting.len().max(1))? })
        }
        Command::Widen { .. } | Command::SetEvidence { .. } => (room.host(), command.clone()),
        Command::AgreeEvidence { .. } => (choose(&|p| p.role.on_stage())?, command.clone()),
        Command::SetRecording { recording } => {
            let to = if room.kind() == Kind::Open { recording.map(|new| new.to) } else { None };
            let recording = recording.map(|new| NewRecording { to: to.unwrap_or(Hearers::Attendees), ..new });
            (room.host(), Command::SetRecording { recording })
        }
        Command::ConsentRecording { replay, text, agree } => {
            // Mostly of what goes on.
            let replay = room.recording().filter(|_| !pick.is_multiple_of(4)).map_or(*replay, |on| on.replay);
            let command = Command::ConsentRecording { replay, text: *text, agree: *agree };
            (choose(&|p| p.role.on_stage())?, command)
        }
        Command::Ban { .. }
        | Command::Describe { .. }
        | Command::RuleHands { .. }
        | Command::LockStage { .. }
        | Command::SetBackchannel { .. }
        | Command::SetTimer { .. }
        | Command::PinLink { .. }
        | Command::UnpinLink { .. }
        | Command::GiveFloor { .. }
        | Command::CallUp { .. }
        | Command::WithdrawCallUp { .. }
        | Command::TakeQuestion { .. }
        | Command::SettleQuestion { .. }
        | Command::TurnAway { .. } => (moderator, command.clone()),
        Command::DeclineCallUp
        | Command::EndPass { .. }
        | Command::Forget { .. }
        | Command::LiftBan { .. }
        | Command::StopRecording { .. }
        | Command::WithdrawTrack { .. }
        | Command::End
        | Command::LoseConnection { .. }
        | Command::Tick => return None,
    })
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![4 => Just(Kind::Open), 1 => Just(Kind::Social), 1 => Just(Kind::Closed)]
}

/// Plays the steps in a new room, after its host has connected, and keeps what was before and after each.
pub(crate) fn play(ground: Ground, steps: &[Step]) -> Vec<Played> {
    let mut room = ground.open();
    let mut now = OPENED_AT;
    let connect = Command::Enter { followed_by_moderator: false };
    let connect = Step { wait: 0, fit: None, sender: Some(0), epoch_off: None, id: None, command: connect };
    std::iter::once(&connect)
        .chain(steps)
        .map(|step| {
            now = now.plus(step.wait);
            let before = room.clone();
            let as_given = (step.sender.map(person), step.command.clone());
            let (sender, command) = step
                .fit
                .and_then(|pick| fitting(&room, &step.command, pick))
                .map_or(as_given, |(sender, command)| (Some(sender), command));
            let (sender, command) = as_the_server_lets(&room, sender, command);
            let actor = sender.map_or(Actor::System, |member| {
                let current = room.participant(member).map_or(RoleEpoch(0), |p| p.role_epoch);
                Actor::Member {
                    member,
                    role_epoch: step.epoch_off.map(|off| RoleEpoch(current.0.wrapping_sub(off))),
                    id: step.id.map(|id| CommandId(u128::from(id))),
                }
            });
            let result = room.apply(now, actor, command.clone());
            Played { before, now, actor, command, result, after: room.clone() }
        })
        .collect()
}

/// The server decides by the session who is a guest: guests knock where others enter, and only they.
fn as_the_server_lets(room: &Room, sender: Option<MemberId>, command: Command) -> (Option<MemberId>, Command) {
    let Some(member) = sender else { return (sender, command) };
    let outside = room.participant(member).is_none();
    match command {
        Command::Enter { .. } if is_guest(member) && outside => {
            let pass = GuestPass { by: crate::trace::member("a"), until: OPENED_AT.plus(30_000) };
            (sender, Command::Knock { pass })
        }
        Command::Knock { .. } if !is_guest(member) => (sender, Command::Enter { followed_by_moderator: false }),
        Command::CallUp { member, .. } if is_guest(member) => (sender, Command::Unban { member }),
        command => (sender, command),
    }
}
