//! Where a part of a talk begins, as far as that can be told without knowing what is said: where the interview was handed over or a
//! question was taken, after a silence of the whole room, and where somebody begins who then talks for long.

use crate::wire::replays::{Chapter, ChapterBy, PictureSpeaker, ReplayMark};

/// The shortest chapter, in milliseconds: a twentieth of the talk, within these bounds. Longer makes fewer.
const SHORTEST: [u64; 2] = [60_000, 5 * 60_000];
const PART: u64 = 20;

/// The longest chapter that begins with a question or a new interviewer, as part of the shortest otherwise: they are worth finding.
const MARKED: u64 = 3;

/// How long a room is silent before a new chapter, in milliseconds.
const SILENCE: u64 = 4_000;

/// For how long somebody talks who begins a chapter, in milliseconds, with what part of all talking in that time, in percent.
const TURN: u64 = 60_000;
const SHARE: u64 = 70;

/// How much later than its mark somebody may begin to talk for the chapter to begin with them, in milliseconds.
pub(crate) const AFTER_MARK: u64 = 10_000;

/// A place where a chapter could begin.
struct Candidate {
    /// The more, the sooner it is taken.
    weight: u64,
    chapter: Chapter,
}

/// The chapters of a talk of this length. The first begins at 0.
pub(super) fn chapters(ms: u64, speakers: &[PictureSpeaker], marks: &[(u64, ReplayMark)]) -> Vec<Chapter> {
    let mut spans: Vec<(u64, u64, u32)> =
        speakers.iter().flat_map(|speaker| speaker.spans.iter().map(|&[from, to]| (from, to, speaker.n))).collect();
    spans.sort_unstable();
    let first = spans.first().map(|span| span.2);
    let start = Chapter { at_ms: 0, title: None, by: ChapterBy::Start, speaker: first };
    let mut taken = vec![start];
    let mut candidates = marked(&spans, marks);
    candidates.extend(after_silences(&spans));
    candidates.extend(turns(&spans));
    candidates.sort_by_key(|candidate| (std::cmp::Reverse(candidate.weight), candidate.chapter.at_ms));
    let shortest = (ms / PART).clamp(SHORTEST[0], SHORTEST[1]);
    for Candidate { chapter, .. } in candidates {
        let apart =
            if matches!(chapter.by, ChapterBy::Floor | ChapterBy::Question) { shortest / MARKED } else { shortest };
        let far = |other: u64| chapter.at_ms.abs_diff(other) >= apart;
        if far(ms) && chapter.at_ms < ms && taken.iter().all(|other| far(other.at_ms)) {
            taken.push(chapter);
        }
    }
    taken.sort_by_key(|chapter| chapter.at_ms);
    taken
}

/// Where the interview was handed over, or a question was taken.
fn marked(spans: &[(u64, u64, u32)], marks: &[(u64, ReplayMark)]) -> Vec<Candidate> {
    let candidate = |(at, mark): &(u64, ReplayMark)| {
        let (weight, by, speaker) = match mark {
            ReplayMark::Floor { speaker } => (u64::MAX, ChapterBy::Floor, *speaker),
            ReplayMark::QuestionTaken { .. } => (u64::MAX - 1, ChapterBy::Question, None),
            _ => return None,
        };
        // With the first word that follows soon, rather than in the middle of the last one before.
        let next = spans.iter().find(|(from, ..)| from >= at && from - at <= AFTER_MARK);
        let at_ms = next.map_or(*at, |(from, ..)| *from);
        let speaker = speaker.or(next.map(|span| span.2));
        // The words are those of who asked, and are looked up when it is shown: they may go, or not be for everybody.
        Some(Candidate { weight, chapter: Chapter { at_ms, title: None, by, speaker } })
    };
    marks.iter().filter_map(candidate).collect()
}

/// What follows when nobody has said anything for a while. The longer that was, the better it is.
fn after_silences(spans: &[(u64, u64, u32)]) -> Vec<Candidate> {
    let mut end = None;
    let mut candidates = Vec::new();
    for &(from, to, n) in spans {
        if let Some(silence) = end.and_then(|end| from.checked_sub(end)).filter(|silence| *silence >= SILENCE) {
            let chapter = Chapter { at_ms: from, title: None, by: ChapterBy::Silence, speaker: Some(n) };
            candidates.push(Candidate { weight: silence.saturating_mul(10), chapter });
        }
        end = end.max(Some(to));
    }
    candidates
}

/// Where somebody begins who then has the word for a while, and was not the last who had.
fn turns(spans: &[(u64, u64, u32)]) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut last = None;
    for (index, &(from, _, n)) in spans.iter().enumerate() {
        let until = from + TURN;
        // Their own talking within that time, and everybody's.
        let (mut own, mut all) = (0, 0);
        for &(other, to, who) in spans[index..].iter().take_while(|span| span.0 < until) {
            let length = to.min(until) - other;
            all += length;
            own += if who == n { length } else { 0 };
        }
        if own * 2 < TURN || own * 100 < all * SHARE || last == Some(n) {
            continue;
        }
        if last.is_some() {
            let chapter = Chapter { at_ms: from, title: None, by: ChapterBy::Speaker, speaker: Some(n) };
            candidates.push(Candidate { weight: own, chapter });
        }
        last = Some(n);
    }
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    fn speaker(n: u32, spans: &[[u64; 2]]) -> PictureSpeaker {
        PictureSpeaker { n, ms: 0, spans: spans.to_vec() }
    }

    fn found(ms: u64, speakers: &[PictureSpeaker], marks: &[(u64, ReplayMark)]) -> Vec<(u64, ChapterBy, Option<u32>)> {
        let chapters = chapters(ms, speakers, marks);
        chapters.into_iter().map(|chapter| (chapter.at_ms, chapter.by, chapter.speaker)).collect()
    }

    #[test]
    fn a_talk_has_chapters_where_something_changes() {
        // Ada talks for ten minutes; Ben asks; after a long silence Cem talks, and is interrupted for a word.
        let speakers = [
            speaker(1, &[[1_000, 10 * MINUTE]]),
            speaker(2, &[[10 * MINUTE + 500, 10 * MINUTE + 9_000], [25 * MINUTE, 25 * MINUTE + 2_000]]),
            speaker(3, &[[10 * MINUTE + 20_000, 30 * MINUTE]]),
        ];
        assert_eq!(
            found(40 * MINUTE, &speakers, &[]),
            [(0, ChapterBy::Start, Some(1)), (10 * MINUTE + 20_000, ChapterBy::Silence, Some(3))]
        );
        // Without the silence it is the speaker.
        let speakers = [speaker(1, &[[0, 10 * MINUTE]]), speaker(2, &[[10 * MINUTE + 100, 20 * MINUTE]])];
        assert_eq!(
            found(20 * MINUTE, &speakers, &[]),
            [(0, ChapterBy::Start, Some(1)), (10 * MINUTE + 100, ChapterBy::Speaker, Some(2))]
        );
    }

    #[test]
    fn questions_are_chapters_without_their_words() {
        let speakers = [speaker(1, &[[0, 5 * MINUTE], [5 * MINUTE + 700, 20 * MINUTE]])];
        let question = |text: &str| ReplayMark::QuestionTaken { text: text.to_owned() };
        let marks = [
            (5 * MINUTE, question("Why?")),
            (5 * MINUTE + 5_000, question("At once?")),
            (12 * MINUTE, ReplayMark::Floor { speaker: Some(4) }),
        ];
        let chapters = chapters(20 * MINUTE, &speakers, &marks);
        let named: Vec<_> =
            chapters.iter().map(|chapter| (chapter.at_ms, chapter.title.as_deref(), chapter.speaker)).collect();
        assert_eq!(named, [(0, None, Some(1)), (5 * MINUTE + 700, None, Some(1)), (12 * MINUTE, None, Some(4))]);
        assert_eq!(chapters[1].by, ChapterBy::Question);
    }

    /// They are worth finding, so they may be closer to each other than others; not as close as one likes.
    #[test]
    fn questions_may_follow_each_other_soon() {
        let speakers = [speaker(1, &[[0, 20 * MINUTE]])];
        let asked = [0, 30_000, 40_000].map(|after| 5 * MINUTE + after);
        let marks = asked.map(|at| (at, ReplayMark::QuestionTaken { text: "Why?".to_owned() }));
        let at: Vec<_> = found(20 * MINUTE, &speakers, &marks).into_iter().map(|(at, ..)| at).collect();
        assert_eq!(at, [0, asked[0], asked[1]]);
    }

    #[test]
    fn chapters_are_not_many() {
        // Two who talk in turns of a minute, with silences in between, for three hours.
        let turns = |first: u64| {
            (0..60).map(|n| [(2 * n + first) * 90_000, (2 * n + first) * 90_000 + 80_000]).collect::<Vec<_>>()
        };
        let speakers = [speaker(1, &turns(0)), speaker(2, &turns(1))];
        let found = found(180 * MINUTE, &speakers, &[]);
        assert!((10..=37).contains(&found.len()), "{}", found.len());
        assert!(found.windows(2).all(|pair| pair[1].0 - pair[0].0 >= SHORTEST[1]));
        assert_eq!(super::chapters(0, &[], &[]).len(), 1);
    }
}
