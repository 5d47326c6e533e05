//! Every answer of a room: for each command, each role of its sender and each circumstance that matters to it, what comes
//! of it. The table stands in docs/PROTOCOL.md; `WRITE_DOCS=1 cargo test -p roomtone-room answers` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write;

use roomtone_room::Kind::{Closed, Open, Social};
use roomtone_room::{
    Actor, Applied, BANS_MAX, CALL_UPS_MAX, Command, HANDS_MAX, LINKS_MAX, MemberId, Opening, Rejection, Room, RoomId,
    STAGE_MAX, WAITING_MAX,
};

use crate::trace::{CAST, OPENED_AT, attempt, member, opened, opened_by_sheet, play};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/PROTOCOL.md");
const BEGIN: &str = "<!-- answers: generated, see crates/room/tests/rules/answers.rs -->\n";
const END: &str = "<!-- answers end -->\n";

/// The roles of senders, and the letter that has the role in every circumstance below.
const SENDERS: [(&str, &str); 9] = [
    ("outside", "o"),
    ("waiting guest", "w"),
    ("listener", "l"),
    ("guest in the audience", "v"),
    ("guest on stage", "g"),
    ("speaker", "s"),
    ("moderator", "m"),
    ("host", "a"),
    ("the server", "*"),
];

/// What [`CAST`] lacks: a guest in the audience.
const ONE_MORE: &[&str] = &["v knock 9000000", "a admit v", "a audience v"];

/// Nothing in particular is so.
const PLAIN: &str = "nothing in particular";

/// Circumstances by name: what leads to them after [`CAST`].
const CIRCUMSTANCES: &[(&str, &[&str])] = &[
    (PLAIN, &[]),
    ("absent", &[]),
    ("listens", &["t enter followed"]),
    ("has a hand up", &["t enter followed", "t raise"]),
    ("was asked on stage", &["t enter followed", "a offer t"]),
    ("speaks", &["t enter followed", "t raise", "a accept t"]),
    ("is muted", &["t enter followed", "t raise", "a accept t", "a mute t"]),
    ("moderates", &["t enter followed", "t raise", "a accept t", "a moderator t"]),
    ("is host", &["t enter followed", "t raise", "a accept t", "a host t"]),
    ("is a guest on stage", &["t knock 9000000", "a admit t"]),
    ("waits as a guest", &["t knock 9000000"]),
    ("was called up", &["m call t"]),
    ("is banned", &["a ban t"]),
    ("has a hand up, stage locked", &["t enter followed", "t raise", "a lock"]),
    ("listens, stage locked", &["t enter followed", "a lock"]),
    ("has a hand up, stage full", &["t enter followed", "t raise", "full"]),
    ("listens, stage full", &["t enter followed", "full"]),
    ("hand up", &["l raise"]),
    ("asked on stage", &["a offer l"]),
    ("asked on stage, stage locked", &["a offer l", "a lock"]),
    ("asked on stage, stage full", &["a offer l", "full"]),
    ("hands off", &["a hands off"]),
    ("hands for people followed", &["a hands followed"]),
    ("muted", &["a mute s", "a mute g"]),
    ("called up", &["m call o"]),
    ("banned", &["a ban o"]),
    ("let in before", &["o knock 9000000", "a admit o", "o leave"]),
    ("let in before, and removed", &["o knock 9000000", "a admit o", "a remove o"]),
    ("as many wait as may", &["guests wait"]),
    ("as many hands up as may be", &["hands"]),
    ("as many called up as may be", &["calls"]),
    ("as many banned as may be", &["bans"]),
    ("as many links pinned as may be", &["links"]),
    ("backchannel off", &["a chat off"]),
    ("timer runs", &["a timer 60000"]),
    ("interview led by the speaker", &["a floor s"]),
    ("speaks, and another speaker leads the interview", &["t enter followed", "t raise", "a accept t", "a floor s"]),
    ("in an open room", &[]),
    ("in a closed room", &[]),
    ("in a closed room that names them", &[]),
    ("in a closed room, called up by a moderator", &["m call o"]),
    ("in a closed room, called up by a speaker", &["s call o"]),
    ("in a closed room, came by a moderator's call and left", &["m call o", "o enter", "o leave"]),
    ("link 1 pinned", &["a pin https://example.org"]),
    ("evidence on", &["a evidence"]),
    ("evidence on, all agreed", &["a evidence", "a agree", "m agree", "s agree", "g agree"]),
    ("recorded for those who are there (replay 1)", &["a record 1 attendees"]),
    (
        "replay 1 is recorded, all agreed",
        &["a record 1 attendees", "a consent 1", "m consent 1", "s consent 1", "g consent 1"],
    ),
    ("replay 2 is recorded", &["a record 2 attendees"]),
    ("replay 1 is recorded, of another text", &["a record 1 attendees 2"]),
    ("replay 1 is recorded, since before the moderator handed over", &["a host m", "m record 1 attendees", "m host a"]),
    ("away", &["* lose l", "* lose s", "* lose m", "* lose a"]),
    ("by a sheet without them: has a hand up", &["t enter followed", "t raise"]),
    ("by a sheet without them: listens", &["t enter followed"]),
    ("by a sheet without them: absent", &[]),
    ("by a sheet with one guest: has a guest's hand up", &["t knock 9000000", "a admit t", "t raise"]),
    ("by a sheet with one guest: listens as a second", &["t knock 9000000", "a admit t"]),
    ("by a sheet with one guest: waits as a second", &["t knock 9000000"]),
    ("by a sheet that says not recorded", &[]),
    ("by a sheet, question 1 is answered now", &["a take 1"]),
    ("by a sheet, question 2 is answered now", &["a take 2"]),
    ("by a sheet, question 1 is settled", &["a answered 1"]),
];

/// Circumstances that begin so are those of a room that was opened from a talk sheet.
const BY_A_SHEET: &str = "by a sheet";

/// Circumstances that begin so are those of an open and of a closed room.
const OPEN: &str = "in an open room";
const CLOSED: &str = "in a closed room";

/// One that says so is of a room that was opened for whoever is outside of it, too.
const NAMED: &str = "in a closed room that names them";

/// The targets that a command about somebody is tried on.
const TARGETS: &[&str] = &[
    "absent",
    "listens",
    "has a hand up",
    "was asked on stage",
    "speaks",
    "is muted",
    "moderates",
    "is host",
    "is a guest on stage",
    "waits as a guest",
    "was called up",
    "is banned",
];

/// What may be so of recordings.
const RECORDED: &[&str] = &[
    PLAIN,
    "recorded for those who are there (replay 1)",
    "replay 1 is recorded, all agreed",
    "replay 2 is recorded",
    "replay 1 is recorded, of another text",
    "replay 1 is recorded, since before the moderator handed over",
];

/// Every command by its name on the wire (those of the server in italics), as the traces write it, with the circumstances
/// that matter to it.
const COMMANDS: &[(&str, &str, &[&str])] = &[
    ("*enter*, in a social room, not followed", "enter", &[PLAIN, "called up", "banned", "away"]),
    ("*enter*, followed by a moderator", "enter followed", &[PLAIN, "called up", "banned", "away"]),
    (
        "*enter*",
        "enter",
        &[
            "in an open room",
            "in a closed room",
            "in a closed room that names them",
            "in a closed room, called up by a moderator",
            "in a closed room, called up by a speaker",
            "in a closed room, came by a moderator's call and left",
        ],
    ),
    (
        "*knock*",
        "knock 9000000",
        &[PLAIN, "let in before", "let in before, and removed", "banned", "as many wait as may"],
    ),
    ("*knock*, by a pass that is over", "knock 0", &[PLAIN, "let in before"]),
    ("*decline_call_up*", "not-now", &[PLAIN, "called up"]),
    ("leave", "leave", &[PLAIN]),
    (
        "raise_hand",
        "raise",
        &[PLAIN, "hand up", "hands off", "hands for people followed", "as many hands up as may be"],
    ),
    ("raise_hand, followed by a speaker", "raise-followed", &["hands off", "hands for people followed"]),
    ("lower_hand", "lower", &[PLAIN, "hand up"]),
    ("accept_hand", "accept t", TARGETS),
    ("accept_hand", "accept t", &["has a hand up, stage locked", "has a hand up, stage full"]),
    (
        "accept_hand",
        "accept t",
        &["by a sheet without them: has a hand up", "by a sheet with one guest: has a guest's hand up"],
    ),
    ("decline_hand", "decline t", TARGETS),
    ("move_hand", "move t 0", TARGETS),
    ("offer_stage", "offer t", TARGETS),
    ("offer_stage", "offer t", &["listens, stage locked", "listens, stage full"]),
    ("offer_stage", "offer t", &["by a sheet without them: listens", "by a sheet with one guest: listens as a second"]),
    ("withdraw_offer", "withdraw t", TARGETS),
    ("accept_offer", "yes", &[PLAIN, "asked on stage", "asked on stage, stage locked", "asked on stage, stage full"]),
    ("decline_offer", "no", &[PLAIN, "asked on stage"]),
    ("step_down", "down", &[PLAIN, "muted"]),
    ("set_mic, open", "mic on", &[PLAIN, "muted"]),
    ("set_mic, closed", "mic off", &[PLAIN, "muted"]),
    ("mute", "mute t", TARGETS),
    ("unmute", "unmute t", TARGETS),
    ("move_to_audience", "audience t", TARGETS),
    ("remove", "remove t", TARGETS),
    ("ban", "ban t", TARGETS),
    ("ban", "ban t", &["as many banned as may be"]),
    ("unban", "unban t", TARGETS),
    ("make_moderator", "moderator t", TARGETS),
    ("take_moderator", "demote t", TARGETS),
    ("hand_over", "host t", TARGETS),
    ("give_floor", "floor t", TARGETS),
    ("give_floor", "floor t", &["speaks, and another speaker leads the interview"]),
    ("give_floor null", "floor", &[PLAIN, "interview led by the speaker"]),
    ("call_up", "call t About it", TARGETS),
    ("call_up", "call t About it", &["listens, stage locked", "as many called up as may be"]),
    ("call_up", "call t About it", &["by a sheet without them: absent"]),
    ("withdraw_call_up", "uncall t", &["absent", "was called up"]),
    ("admit", "admit t", TARGETS),
    ("admit", "admit t", &["by a sheet with one guest: waits as a second"]),
    ("turn_away", "turn-away t", TARGETS),
    ("describe", "describe Another title", &[PLAIN]),
    ("widen, to open", "widen open", &[PLAIN, "in an open room", "in a closed room"]),
    ("widen, to social", "widen social", &[PLAIN, "in an open room", "in a closed room"]),
    ("rule_hands, off", "hands off", &[PLAIN, "hands off"]),
    ("rule_hands, everyone", "hands everyone", &[PLAIN, "hands off"]),
    ("rule_hands, followed", "hands followed", &[PLAIN, "hands for people followed"]),
    ("lock_stage, locked", "lock", &[PLAIN, "listens, stage locked"]),
    ("lock_stage, not locked", "lock off", &[PLAIN, "listens, stage locked"]),
    ("set_backchannel, off", "chat off", &[PLAIN, "backchannel off"]),
    ("set_backchannel, on", "chat", &[PLAIN, "backchannel off"]),
    ("set_backchannel, 301 s", "chat 301", &[PLAIN]),
    ("set_timer", "timer 60000", &[PLAIN, "timer runs"]),
    ("set_timer, not in the future", "timer 0", &[PLAIN]),
    ("set_timer null", "timer off", &[PLAIN, "timer runs"]),
    ("pin_link", "pin https://example.org", &[PLAIN, "as many links pinned as may be"]),
    ("pin_link, of another scheme", "pin ftp://example.org", &[PLAIN]),
    ("unpin_link 1", "unpin 1", &[PLAIN, "link 1 pinned"]),
    ("set_evidence, on", "evidence", &[PLAIN, "evidence on", "by a sheet that says not recorded"]),
    ("set_evidence, off", "evidence off", &[PLAIN, "evidence on"]),
    ("agree_evidence, true", "agree", &[PLAIN, "evidence on", "evidence on, all agreed"]),
    ("agree_evidence, false", "disagree", &[PLAIN, "evidence on", "evidence on, all agreed"]),
    (
        "set_recording, attendees",
        "record 1 attendees",
        &[PLAIN, "recorded for those who are there (replay 1)", "by a sheet that says not recorded"],
    ),
    ("set_recording, everyone, in a social room", "record 1 everyone", &[PLAIN]),
    (
        "set_recording, off",
        "record",
        &[
            PLAIN,
            "recorded for those who are there (replay 1)",
            "replay 1 is recorded, since before the moderator handed over",
        ],
    ),
    ("consent_recording 1, true", "consent 1", RECORDED),
    ("consent_recording 1, true, of another text", "consent 1 2", &["recorded for those who are there (replay 1)"]),
    ("consent_recording 1, false", "refuse 1", RECORDED),
    ("*withdraw_track* 1 1", "withdrawn 1 1", RECORDED),
    ("*stop_recording* 1", "disk-full 1", RECORDED),
    (
        "take_question 1",
        "take 1",
        &[
            PLAIN,
            "by a sheet that says not recorded",
            "by a sheet, question 1 is answered now",
            "by a sheet, question 2 is answered now",
            "by a sheet, question 1 is settled",
        ],
    ),
    ("take_question null", "take", &[PLAIN, "by a sheet, question 1 is answered now"]),
    (
        "settle_question 1",
        "answered 1",
        &[
            PLAIN,
            "by a sheet that says not recorded",
            "by a sheet, question 1 is answered now",
            "by a sheet, question 2 is answered now",
            "by a sheet, question 1 is settled",
        ],
    ),
    ("end", "end", &[PLAIN]),
    ("*lose_connection*", "lose t", TARGETS),
    ("*end_pass*", "end-pass t", TARGETS),
    ("*forget*", "forget t", TARGETS),
    ("*lift_ban*", "lift t 0", TARGETS),
    ("*tick*", "tick", &[PLAIN]),
];

/// A room in these circumstances.
fn room_in(circumstance: &str) -> Room {
    let mut room = match circumstance {
        _ if circumstance.starts_with(BY_A_SHEET) => opened_by_sheet(Social),
        _ if circumstance.starts_with(OPEN) => opened(Open),
        NAMED => closed_for("nmlso"),
        _ if circumstance.starts_with(CLOSED) => closed_for("nmls"),
        _ => opened(Social),
    };
    let mut now = OPENED_AT;
    let (_, steps) = CIRCUMSTANCES.iter().find(|(name, _)| *name == circumstance).expect("a circumstance by its name");
    for step in CAST.iter().chain(ONE_MORE).chain(*steps) {
        let came = match *step {
            "full" | "hands" | "calls" | "bans" | "links" | "guests wait" => fill(&mut room, step),
            // By a sheet with one guest they are there already.
            "a audience v" if circumstance.starts_with(BY_A_SHEET) => String::new(),
            step => play(&mut room, &mut now, step),
        };
        assert!(!came.starts_with('!'), "{circumstance}: {step}: {came}");
    }
    room
}

/// A closed room of `a` that names these.
fn closed_for(named: &str) -> Room {
    let named = named.split("").filter(|letter| !letter.is_empty()).map(member).collect();
    let opening = Opening { named, ..Opening::new("Title", Closed, "en") };
    Room::open(OPENED_AT, RoomId(9), member("a"), opening).0
}

/// Fills a room with as many as there may be: people on stage, hands, people called up or banned, links, guests who wait.
fn fill(room: &mut Room, with: &str) -> String {
    let as_member = |member| Actor::Member { member, role_epoch: None, id: None };
    let host = as_member(room.host());
    for number in 1000.. {
        let (member, by) = (MemberId(number), as_member(MemberId(number)));
        let (full, commands) = match with {
            "full" | "hands" => {
                let raise = Command::RaiseHand { question: None, followed_by_speaker: true };
                let mut commands = vec![(by, Command::Enter { followed_by_moderator: true }), (by, raise)];
                if with == "full" {
                    commands.push((host, Command::AcceptHand { member }));
                }
                (
                    if with == "full" { room.stage_count() == STAGE_MAX } else { room.hands().count() == HANDS_MAX },
                    commands,
                )
            }
            "calls" => (room.called().len() == CALL_UPS_MAX, vec![(host, Command::CallUp { member, context: None })]),
            "bans" => (room.bans().len() == BANS_MAX, vec![(host, Command::Ban { member, reason: None })]),
            "links" => {
                let pin = Command::PinLink { url: "https://example.org".to_owned(), label: "A link".to_owned() };
                (room.settings().links.len() == LINKS_MAX, vec![(host, pin)])
            }
            _ => {
                let knock = crate::trace::command("knock 9000000");
                (room.waiting().len() == WAITING_MAX, vec![(by, knock)])
            }
        };
        if full {
            break;
        }
        for (actor, command) in commands {
            room.apply(OPENED_AT, actor, command).expect("there is a place");
        }
    }
    String::new()
}

/// What came of it in one word: a rejection's code, or the events.
fn in_short(result: &Result<Applied, Rejection>) -> String {
    match result {
        Err(rejection) => format!("`{}`", snake_case(&format!("{rejection:?}"))),
        Ok(applied) if applied.events.is_empty() => "nothing".to_owned(),
        Ok(applied) => {
            let name = |event: &dyn std::fmt::Debug| {
                let told = format!("{event:?}");
                snake_case(told.split([' ', '{']).next().unwrap_or_default())
            };
            let names: Vec<String> = applied.events.iter().map(|numbered| name(&numbered.event)).collect();
            format!("**{}**", names.join(", "))
        }
    }
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// The whole table as Markdown. Circumstances in which every sender gets the same answer share a row.
fn table() -> String {
    let mut table =
        format!("| command | whom it is about, or what is so | {} |\n", SENDERS.map(|(role, _)| role).join(" | "));
    writeln!(table, "|{}", "---|".repeat(SENDERS.len() + 2)).expect("a string takes all");
    for (name, asked, circumstances) in COMMANDS {
        let mut rows: Vec<(Vec<String>, Vec<&str>)> = Vec::new();
        for circumstance in *circumstances {
            let room = room_in(circumstance);
            let cells: Vec<String> =
                SENDERS.iter().map(|(_, sender)| in_short(&attempt(&mut room.clone(), sender, asked))).collect();
            match rows.iter_mut().find(|(known, _)| *known == cells) {
                Some((_, also)) => also.push(circumstance),
                None => rows.push((cells, vec![circumstance])),
            }
        }
        for (cells, circumstances) in rows {
            writeln!(table, "| {name} | {} | {} |", circumstances.join("; "), cells.join(" | "))
                .expect("a string takes all");
        }
    }
    table
}

#[test]
fn every_answer_is_documented() {
    let document = std::fs::read_to_string(DOCUMENT).expect("docs/PROTOCOL.md is there");
    let (before, rest) = document.split_once(BEGIN).expect("the document has a place for the table");
    let (written, after) = rest.split_once(END).expect("the place has an end");
    let table = table();
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(DOCUMENT, format!("{before}{BEGIN}{table}{END}{after}")).expect("the document can be written");
    } else {
        assert!(written == table, "docs/PROTOCOL.md is stale: run the test with WRITE_DOCS=1");
    }
}

/// A command that is in no row would have no listed answer.
#[test]
fn the_table_knows_every_command() {
    let known: BTreeMap<String, ()> = COMMANDS
        .iter()
        .map(|(_, asked, _)| {
            let command = crate::trace::command(asked);
            let told = format!("{command:?}");
            (told.split([' ', '{']).next().unwrap_or_default().to_owned(), ())
        })
        .collect();
    let source = include_str!("../../src/command.rs");
    let body = source.split("pub enum Command {").nth(1).and_then(|rest| rest.split("\n}\n").next()).expect("the enum");
    let variants = body.lines().filter_map(|line| {
        let line = line.strip_prefix("    ").filter(|line| line.starts_with(char::is_uppercase))?;
        Some(line.trim_end_matches([',', ' ', '{']).to_owned())
    });
    for variant in variants {
        assert!(known.contains_key(&variant), "no row for {variant}");
    }
}

/// After the end nothing is carried out, whoever asks.
#[test]
fn after_the_end_every_answer_is_that_it_ended() {
    let mut now = OPENED_AT;
    for (_, asked, circumstances) in COMMANDS {
        for circumstance in *circumstances {
            let mut room = room_in(circumstance);
            let host = format!("{} end", if *circumstance == "is host" { "t" } else { "a" });
            assert!(!play(&mut room, &mut now, &host).starts_with('!'), "{circumstance}");
            for (_, sender) in SENDERS {
                assert_eq!(attempt(&mut room.clone(), sender, asked), Err(Rejection::RoomEnded), "{asked}");
            }
        }
    }
}
