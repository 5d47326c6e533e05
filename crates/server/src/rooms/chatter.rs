//! What goes on around the talk and is not kept: reactions, the backchannel, captions. It is merged, so that what one person
//! does never costs a message to each listener: everybody is told at most once in [`SMALL_EVERY`], in a large room once in
//! [`LARGE_EVERY`].

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use roomtone_room::ids::{MemberId, TalkerNo, Timestamp};
use roomtone_room::social::Apart;
use roomtone_room::{Participant, Room};

use super::message::Outgoing;
use crate::wire::Id;
use crate::wire::chatter::{
    CAPTION_MAX_CHARS, Caption, Chatter as Told, LINE_MAX_CHARS, Line, LineId, Reaction, ReactionCount, StageReaction,
};
use crate::wire::socket::{Person, ServerMessage};
use crate::wire::{ApiError, Code};

/// How often a small room is told. More often feels more lively; more seldom merges more.
const SMALL_EVERY: Duration = Duration::from_millis(250);

/// How often a large room is told: each time costs a message to every listener.
const LARGE_EVERY: Duration = Duration::from_secs(1);

/// Longest language tag that a caption may have, in characters: as long as a room's (RFC 5646, section 4.4.1).
const LANGUAGE_MAX_CHARS: usize = 35;

/// Lines that are remembered for those who come later.
const REMEMBERED: usize = 100;

/// Most lines told at once. What is beyond is refused: nobody could read it.
const LINES_AT_ONCE: usize = 30;

/// Least time between two lines of one person, whatever the slow mode says.
const LEAST_GAP: Duration = Duration::from_millis(700);

/// Counts of reactions that are to be told, which every socket adds to without asking the owner.
#[derive(Debug, Default)]
pub(crate) struct Reactions {
    counts: [AtomicU32; Reaction::ALL.len()],
    /// Whether the owner knows that there is something to be told.
    noticed: AtomicBool,
}

impl Reactions {
    /// Adds one; returns whether the owner has to be told that there are some.
    pub(crate) fn add(&self, reaction: Reaction) -> bool {
        self.counts[reaction as usize].fetch_add(1, Ordering::Relaxed);
        !self.noticed.swap(true, Ordering::AcqRel)
    }

    /// The owner could not be told.
    pub(crate) fn unnoticed(&self) {
        self.noticed.store(false, Ordering::Release);
    }

    /// What has come since it was taken last.
    fn take(&self) -> Vec<ReactionCount> {
        self.noticed.store(false, Ordering::Release);
        let counts = Reaction::ALL.into_iter().zip(&self.counts);
        counts
            .map(|(kind, count)| ReactionCount { kind, count: count.swap(0, Ordering::Relaxed) })
            .filter(|counted| counted.count > 0)
            .collect()
    }
}

/// What goes on around the talk of one room.
#[derive(Debug, Default)]
pub(super) struct Chatter {
    pub(super) reactions: Arc<Reactions>,
    /// Who on stage reacted, and how last.
    on_stage: BTreeMap<MemberId, Reaction>,
    /// The newest lines, oldest first.
    recent: VecDeque<Line>,
    /// How many of `recent`, from its end, have not been told.
    untold: usize,
    removed: Vec<LineId>,
    last_line: u64,
    /// When each person last wrote; only of the last while.
    wrote: HashMap<MemberId, Instant>,
    /// Who wants captions.
    wanting: HashSet<MemberId>,
    /// What each talker said last, by their number.
    captions: BTreeMap<TalkerNo, Caption>,
    flush_at: Option<Instant>,
    /// Before this nothing more is told.
    quiet_until: Option<Instant>,
}

/// What is to be told.
#[derive(Debug, Default)]
pub(super) struct Flush {
    /// To everybody who is not in `own`.
    pub(super) all: Option<Outgoing>,
    /// To those who have a block with somebody who wrote.
    pub(super) own: HashMap<MemberId, Outgoing>,
    /// To those who want captions.
    pub(super) captions: Option<Outgoing>,
    /// How many reacted in which way.
    pub(super) reactions: Vec<ReactionCount>,
}

impl Chatter {
    /// When something is to be told.
    pub(super) fn flush_at(&self) -> Option<Instant> {
        self.flush_at
    }

    /// Notes that there is something to be told.
    pub(super) fn due(&mut self, now: Instant) {
        let at = self.quiet_until.map_or(now, |until| until.max(now));
        self.flush_at.get_or_insert(at);
    }

    /// Somebody on stage reacted; the others only count.
    pub(super) fn react(&mut self, now: Instant, who: Option<&Participant>, reaction: Reaction) {
        if let Some(who) = who.filter(|who| who.role.on_stage()) {
            self.on_stage.insert(who.member, reaction);
        }
        self.due(now);
    }

    /// Somebody writes a line. The text must be one line that can be shown.
    ///
    /// Errors: `backchannel_closed`, `invalid_text`, `slow_mode`, `busy` when more is written than can be read.
    pub(super) fn say(
        &mut self,
        room: &Room,
        now: (Timestamp, Instant),
        person: &Person,
        text: &str,
    ) -> Result<(), ApiError> {
        let (at, instant) = now;
        let settings = room.settings();
        let sender = room.participant(person.id.0).ok_or(Code::NotInRoom)?;
        if !settings.backchannel {
            return Err(Code::BackchannelClosed.into());
        }
        let text = text.trim();
        if text.is_empty() || !roomtone_room::hands::line_is_valid(text, LINE_MAX_CHARS) {
            return Err(Code::InvalidText.into());
        }
        // Those who run the room are not slowed down by their own rule.
        let slow = if sender.role.moderates() { 0 } else { settings.slow_seconds };
        let gap = Duration::from_secs(slow.into()).max(LEAST_GAP);
        if self.wrote.get(&sender.member).is_some_and(|&last| instant < last + gap) {
            return Err(Code::SlowMode.into());
        }
        if self.untold >= LINES_AT_ONCE {
            return Err(Code::Busy.into());
        }
        self.wrote.insert(sender.member, instant);
        self.last_line += 1;
        self.recent.push_back(Line { id: self.last_line, person: person.clone(), text: text.to_owned(), at: at.0 });
        self.untold += 1;
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
        self.due(instant);
        Ok(())
    }

    /// The author of a line that the sender may take away: the author may, and those who run the room.
    ///
    /// Errors: `no_such_line`, also for one of somebody else's that the sender may not take away.
    pub(super) fn removable(&self, room: &Room, sender: MemberId, line: LineId) -> Result<MemberId, ApiError> {
        let moderates = room.participant(sender).is_some_and(|p| p.role.moderates());
        let author = self.recent.iter().find(|known| known.id == line).map(|known| known.person.id.0);
        author.filter(|author| moderates || *author == sender).ok_or_else(|| Code::NoSuchLine.into())
    }

    /// Takes a line away, if it is still there.
    pub(super) fn take_away(&mut self, now: Instant, line: LineId) {
        if let Some(place) = self.recent.iter().position(|known| known.id == line) {
            self.take_out(place);
            self.due(now);
        }
    }

    /// Takes away what a member wrote who deletes their account.
    pub(super) fn forget(&mut self, now: Instant, member: MemberId) {
        while let Some(place) = self.recent.iter().position(|line| line.person.id.0 == member) {
            self.take_out(place);
            self.due(now);
        }
        self.left(member);
        self.wrote.remove(&member);
    }

    fn take_out(&mut self, place: usize) {
        if place >= self.recent.len() - self.untold {
            self.untold -= 1;
        }
        if let Some(line) = self.recent.remove(place) {
            // Also of one that was not told: whoever came meanwhile has it from their snapshot.
            self.removed.push(line.id);
        }
    }

    /// Somebody wants captions, or does not any more.
    pub(super) fn want_captions(&mut self, member: MemberId, on: bool) {
        if on {
            self.wanting.insert(member);
        } else {
            self.wanting.remove(&member);
        }
    }

    /// A speaker's own caption, or one that a moderator's caption service sends for another. Only what can be heard is
    /// captioned.
    ///
    /// Errors: `not_allowed`, `invalid_text`.
    pub(super) fn caption(
        &mut self,
        room: &Room,
        now: Instant,
        sender: MemberId,
        caption: Caption,
    ) -> Result<(), ApiError> {
        let number = TalkerNo(caption.number);
        let own = room.participant(sender).ok_or(Code::NotInRoom)?;
        if own.number != number && !own.role.moderates() || !room.talkers().any(|talker| talker == number) {
            return Err(Code::NotAllowed.into());
        }
        let valid = |text: &str, most| roomtone_room::hands::line_is_valid(text, most);
        if !valid(&caption.text, CAPTION_MAX_CHARS) || !valid(&caption.language, LANGUAGE_MAX_CHARS) {
            return Err(Code::InvalidText.into());
        }
        if !self.wanting.is_empty() {
            self.captions.insert(number, caption);
            self.due(now);
        }
        Ok(())
    }

    /// Forgets what belongs to the visit of somebody who has left.
    pub(super) fn left(&mut self, member: MemberId) {
        self.wanting.remove(&member);
        self.on_stage.remove(&member);
    }

    /// Who wants captions.
    pub(super) fn wanting(&self) -> impl Iterator<Item = MemberId> {
        self.wanting.iter().copied()
    }

    /// The lines of late, as this viewer may see them: nothing of whoever has a block with them.
    pub(super) fn lines_for(&self, room: &Room, apart: &Apart, viewer: MemberId) -> Vec<Line> {
        if !room.settings().backchannel {
            return Vec::new();
        }
        self.recent.iter().filter(|line| !apart.are(viewer, line.person.id.0)).cloned().collect()
    }

    /// What is to be told by now, if anything is.
    pub(super) fn flush(&mut self, now: Instant, apart: &Apart, large: bool) -> Flush {
        if self.flush_at.is_none_or(|at| at > now) {
            return Flush::default();
        }
        self.flush_at = None;
        self.quiet_until = Some(now + if large { LARGE_EVERY } else { SMALL_EVERY });
        self.wrote.retain(|_, last| *last + Duration::from_secs(roomtone_room::SLOW_MAX_SECONDS.into()) > now);

        let reactions = self.reactions.take();
        let on_stage = std::mem::take(&mut self.on_stage);
        let shown = |(member, kind)| StageReaction { member: Id(member), kind };
        let on_stage: Vec<StageReaction> = on_stage.into_iter().map(shown).collect();
        let removed = std::mem::take(&mut self.removed);
        let lines: Vec<Line> = self.recent.range(self.recent.len() - self.untold..).cloned().collect();
        self.untold = 0;
        let told = |lines: Vec<Line>| {
            let (reactions, on_stage, removed) = (reactions.clone(), on_stage.clone(), removed.clone());
            let told = Told { reactions, on_stage, lines, removed };
            (!told.is_empty()).then(|| Outgoing::from(&ServerMessage::Chatter(told)))
        };
        let mut flush = Flush { all: told(lines.clone()), ..Flush::default() };
        let authors = lines.iter().map(|line| line.person.id.0).collect();
        for viewer in apart.from_any(&authors) {
            let seen = lines.iter().filter(|line| !apart.are(viewer, line.person.id.0)).cloned().collect();
            // An empty one as well: the viewer is not told what everybody is.
            let told = Told {
                reactions: reactions.clone(),
                on_stage: on_stage.clone(),
                lines: seen,
                removed: removed.clone(),
            };
            flush.own.insert(viewer, Outgoing::from(&ServerMessage::Chatter(told)));
        }
        let captions: Vec<Caption> = std::mem::take(&mut self.captions).into_values().collect();
        if !captions.is_empty() {
            flush.captions = Some(Outgoing::from(&ServerMessage::Captions { captions }));
        }
        flush.reactions = reactions;
        flush
    }
}

#[cfg(test)]
mod tests {
    use roomtone_room::ids::RoomId;
    use roomtone_room::{Actor, Command, Kind, Opening};

    use super::*;

    const ADA: MemberId = MemberId(1);
    const BEN: MemberId = MemberId(2);
    const EVE: MemberId = MemberId(3);

    fn person(member: MemberId) -> Person {
        Person { id: Id(member), handle: format!("p{}", member.0), name: "P".to_owned(), avatar: None }
    }

    /// A room with a host and two listeners.
    fn room() -> Room {
        let (mut room, _) = Room::open(Timestamp(0), RoomId(1), ADA, Opening::new("A room", Kind::Open, "en"));
        for member in [ADA, BEN, EVE] {
            let actor = Actor::Member { member, role_epoch: None, id: None };
            room.apply(Timestamp(0), actor, Command::Enter { followed_by_moderator: false }).unwrap();
        }
        room
    }

    fn set(room: &mut Room, command: Command) {
        let host = Actor::Member { member: ADA, role_epoch: None, id: None };
        room.apply(Timestamp(0), host, command).unwrap();
    }

    /// The message as a client reads it.
    fn read(message: &Outgoing) -> serde_json::Value {
        let frame = message.frame();
        let start = frame.iter().position(|byte| *byte == b'{').unwrap();
        serde_json::from_slice(&frame[start..]).unwrap()
    }

    fn code(result: Result<(), ApiError>) -> Option<Code> {
        result.err().map(|error| error.code)
    }

    #[test]
    fn taps_of_many_are_one_message() {
        let (mut chatter, room, now) = (Chatter::default(), room(), crate::edge::instant());
        let reactions = chatter.reactions.clone();
        assert!(reactions.add(Reaction::Applause), "the owner has to be told of the first");
        assert!((0..999).all(|_| !reactions.add(Reaction::Applause)), "and of no other");
        chatter.react(now, room.participant(BEN), Reaction::Applause);
        chatter.react(now, room.participant(ADA), Reaction::Heart);
        let told = read(&chatter.flush(now, &Apart::default(), false).all.unwrap());
        assert_eq!(told["reactions"], serde_json::json!([{ "kind": "applause", "count": 1000 }]));
        assert_eq!(
            told["on_stage"],
            serde_json::json!([{ "member": Id(ADA), "kind": "heart" }]),
            "listeners only count"
        );
        // What comes soon after waits, and then goes in one message again.
        assert!(reactions.add(Reaction::Laugh));
        chatter.react(now, None, Reaction::Laugh);
        assert_eq!(chatter.flush_at(), Some(now + SMALL_EVERY));
        assert!(chatter.flush(now, &Apart::default(), false).all.is_none());
        let later = now + SMALL_EVERY;
        assert!(chatter.flush(later, &Apart::default(), true).all.is_some());
        chatter.due(later);
        assert_eq!(chatter.flush_at(), Some(later + LARGE_EVERY));
    }

    #[test]
    fn lines_are_bounded_in_number_time_and_form() {
        let (mut chatter, mut room, now) = (Chatter::default(), room(), crate::edge::instant());
        let mut say = |room: &Room, at: u64, who: MemberId, text: &str| {
            code(chatter.say(room, (Timestamp(at), now + Duration::from_millis(at)), &person(who), text))
        };
        assert_eq!(say(&room, 0, BEN, " hello "), None);
        assert_eq!(say(&room, 100, BEN, "again"), Some(Code::SlowMode));
        let gap = LEAST_GAP.as_millis() as u64;
        assert_eq!(say(&room, gap, BEN, "again"), None);
        for text in ["", "  ", "two\nlines", "\u{202e}", &"x".repeat(LINE_MAX_CHARS + 1)] {
            assert_eq!(say(&room, 5_000, BEN, text), Some(Code::InvalidText), "{text:?}");
        }
        assert_eq!(say(&room, 5_000, MemberId(9), "from outside"), Some(Code::NotInRoom));
        set(&mut room, Command::SetBackchannel { open: true, slow_seconds: 30 });
        assert_eq!(say(&room, 20_000, BEN, "too soon"), Some(Code::SlowMode));
        assert_eq!(say(&room, 20_000, ADA, "who runs the room"), None);
        assert_eq!(say(&room, 20_000 + gap, ADA, "is not slowed down"), None);
        let mut at = 100_000;
        for _ in 4..LINES_AT_ONCE {
            at += 1_000;
            assert_eq!(say(&room, at, ADA, "line"), None);
        }
        assert_eq!(say(&room, at + 1_000, ADA, "one too many"), Some(Code::Busy));
        set(&mut room, Command::SetBackchannel { open: false, slow_seconds: 0 });
        assert_eq!(say(&room, at + 2_000, ADA, "closed"), Some(Code::BackchannelClosed));
        assert!(chatter.lines_for(&room, &Apart::default(), EVE).is_empty());
    }

    #[test]
    fn nobody_reads_who_has_a_block_with_the_author() {
        let (mut chatter, room, now) = (Chatter::default(), room(), crate::edge::instant());
        let mut apart = Apart::default();
        apart.add(BEN, EVE);
        for (at, who) in [(0, BEN), (1, ADA)] {
            chatter.say(&room, (Timestamp(at), now + Duration::from_millis(at)), &person(who), "hello").unwrap();
        }
        let flush = chatter.flush(now, &apart, false);
        assert_eq!(read(&flush.all.unwrap())["lines"].as_array().unwrap().len(), 2);
        let eve = read(&flush.own[&EVE]);
        assert_eq!(
            (eve["lines"].as_array().unwrap().len(), &eve["lines"][0]["person"]["id"]),
            (1, &serde_json::json!(Id(ADA)))
        );
        assert_eq!(chatter.lines_for(&room, &apart, EVE).len(), 1);
        assert_eq!(chatter.lines_for(&room, &apart, BEN).len(), 2);
    }

    #[test]
    fn lines_are_taken_away_by_their_author_or_who_runs_the_room() {
        let (mut chatter, room, now) = (Chatter::default(), room(), crate::edge::instant());
        for (at, who) in [(0, BEN), (1, EVE), (2_000, BEN)] {
            chatter.say(&room, (Timestamp(at), now + Duration::from_millis(at)), &person(who), "hello").unwrap();
        }
        assert_eq!(chatter.removable(&room, EVE, 1), Err(Code::NoSuchLine.into()), "somebody else's");
        assert_eq!(chatter.removable(&room, EVE, 2), Ok(EVE));
        chatter.take_away(now, 2);
        assert_eq!(chatter.removable(&room, ADA, 1), Ok(BEN), "as a moderator");
        chatter.take_away(now, 1);
        assert_eq!(chatter.removable(&room, ADA, 1), Err(Code::NoSuchLine.into()));
        chatter.take_away(now, 1);
        let told = read(&chatter.flush(now, &Apart::default(), false).all.unwrap());
        assert_eq!((told["lines"].as_array().unwrap().len(), &told["removed"]), (1, &serde_json::json!([2, 1])));
        chatter.forget(now, BEN);
        assert!(chatter.lines_for(&room, &Apart::default(), ADA).is_empty());
        let told = read(&chatter.flush(now + SMALL_EVERY, &Apart::default(), false).all.unwrap());
        assert_eq!(told["removed"], serde_json::json!([3]));
    }

    #[test]
    fn captions_go_to_those_who_want_them_and_come_from_who_is_heard() {
        let (mut chatter, mut room, now) = (Chatter::default(), room(), crate::edge::instant());
        let caption =
            |number, text: &str| Caption { number, text: text.to_owned(), language: "en".to_owned(), done: false };
        assert_eq!(code(chatter.caption(&room, now, ADA, caption(1, "closed"))), Some(Code::NotAllowed));
        set(&mut room, Command::SetMic { open: true });
        assert_eq!(code(chatter.caption(&room, now, ADA, caption(1, "nobody wants it"))), None);
        assert!(chatter.flush_at().is_none(), "and nobody is told");
        chatter.want_captions(BEN, true);
        assert_eq!(code(chatter.caption(&room, now, BEN, caption(1, "for another"))), Some(Code::NotAllowed));
        let endless = Caption { language: "x".repeat(LANGUAGE_MAX_CHARS + 1), ..caption(1, "Hello") };
        assert_eq!(code(chatter.caption(&room, now, ADA, endless)), Some(Code::InvalidText));
        assert_eq!(code(chatter.caption(&room, now, ADA, caption(1, "Hello"))), None);
        assert_eq!(code(chatter.caption(&room, now, ADA, caption(1, "Hello there"))), None);
        let flush = chatter.flush(now, &Apart::default(), false);
        assert!(flush.all.is_none());
        let told = read(&flush.captions.unwrap());
        assert_eq!(
            (told["captions"].as_array().unwrap().len(), &told["captions"][0]["text"]),
            (1, &"Hello there".into())
        );
        assert_eq!(chatter.wanting().collect::<Vec<_>>(), [BEN]);
        chatter.left(BEN);
        assert_eq!(chatter.wanting().count(), 0);
    }
}
