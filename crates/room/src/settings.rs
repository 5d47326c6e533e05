//! What is set in a room while it is live, and what is kept for it: links, bans, call-ups and waiting guests.

use crate::command::GuestPass;
use crate::event::Event;
use crate::hands::line_is_valid;
use crate::ids::{MemberId, Timestamp};
use crate::recording::{NewRecording, Recording};
use crate::{LABEL_MAX_CHARS, LINK_MAX_CHARS};

/// Who may raise a hand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum HandRule {
    /// Nobody.
    Off,
    /// Every listener.
    #[default]
    Everyone,
    /// Listeners whom somebody on stage follows.
    Followed,
}

/// What moderators set and everybody sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who may raise a hand.
    pub hands: HandRule,
    /// Whether nobody may come on stage.
    pub stage_locked: bool,
    /// Whether the text backchannel is open.
    pub backchannel: bool,
    /// Least time between two lines of one person in the backchannel, in seconds; 0 for none.
    pub slow_seconds: u16,
    /// When the room's timer runs out.
    pub timer: Option<Timestamp>,
    /// Whether the last minute of what people on stage say is kept for reports, of those who agreed to it.
    pub evidence: bool,
    /// What is recorded.
    pub recording: Option<Recording>,
    /// Who leads the interview. Always somebody on stage.
    pub floor: Option<MemberId>,
    /// Pinned links, in the order of their pinning. At most [`crate::LINKS_MAX`].
    pub links: Vec<Link>,
    /// The highest number that a link was given.
    pub last_link: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hands: HandRule::Everyone,
            stage_locked: false,
            backchannel: true,
            slow_seconds: 0,
            timer: None,
            evidence: false,
            recording: None,
            floor: None,
            links: Vec::new(),
            last_link: 0,
        }
    }
}

impl Settings {
    /// Takes account of an event that sets something, and when that was; of any other it takes none.
    pub(crate) fn fold(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::HandsRuled { rule, .. } => self.hands = *rule,
            Event::StageLocked { locked, .. } => self.stage_locked = *locked,
            Event::BackchannelSet { open, slow_seconds, .. } => {
                (self.backchannel, self.slow_seconds) = (*open, *slow_seconds);
            }
            Event::TimerSet { until, .. } => self.timer = *until,
            Event::EvidenceSet { on, .. } => self.evidence = *on,
            Event::RecordingBegun { recording: NewRecording { replay, to, text }, .. } => {
                self.recording = Some(Recording { replay: *replay, to: *to, text: *text, since: at });
            }
            Event::RecordingStopped { .. } => self.recording = None,
            Event::LinkPinned { number, url, label, by } => {
                self.last_link = self.last_link.max(*number);
                self.links.push(Link { number: *number, url: url.clone(), label: label.clone(), by: *by });
            }
            Event::LinkUnpinned { number, .. } => self.links.retain(|link| link.number != *number),
            Event::FloorGiven { member, .. } => self.floor = *member,
            _ => {}
        }
    }

    /// Nobody leads the interview who has gone from the stage.
    pub(crate) fn without(&mut self, member: MemberId) {
        if self.floor == Some(member) {
            self.floor = None;
        }
    }
}

/// A pinned link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its number in the room.
    pub number: u32,
    /// Where it leads.
    pub url: String,
    /// What it is.
    pub label: String,
    /// Who pinned it.
    pub by: MemberId,
}

/// Somebody who is kept out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Who banned them.
    pub by: MemberId,
    /// When.
    pub at: Timestamp,
    /// Why, if that was said.
    pub reason: Option<String>,
}

/// Somebody who was rung and for whom a place is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallUp {
    /// Who rings.
    pub by: MemberId,
    /// What it is about.
    pub context: Option<String>,
    /// Until when.
    pub until: Timestamp,
    /// Whether it lets them into a room that is not for them otherwise: only a moderator's does.
    pub admits: bool,
}

/// A guest who waits to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Their pass.
    pub pass: GuestPass,
    /// Since when.
    pub at: Timestamp,
}

/// Whether a link may be pinned: an absolute `http` or `https` address without spaces, and a label that is not empty.
/// Nobody fetches it here; it is text until somebody presses it.
pub fn link_is_valid(url: &str, label: &str) -> bool {
    let after_scheme = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host_begins = |rest: &str| rest.starts_with(|c: char| c.is_alphanumeric() || c == '[');
    after_scheme.is_some_and(host_begins)
        && !url.contains(char::is_whitespace)
        && line_is_valid(url, LINK_MAX_CHARS)
        && !label.trim().is_empty()
        && line_is_valid(label, LABEL_MAX_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_can_be_pinned() {
        let long = format!("https://example.org/{}", "x".repeat(LINK_MAX_CHARS));
        let long_label = "x".repeat(LABEL_MAX_CHARS + 1);
        let cases = [
            ("https://example.org/a?b=c#d", "Notes", true),
            ("http://[::1]:8080/", "Local", true),
            ("https://пример.рф/", "Пример", true),
            ("javascript:alert(1)", "x", false),
            ("data:text/html,x", "x", false),
            ("//example.org", "x", false),
            ("https://", "x", false),
            ("https:///path", "x", false),
            ("https://example.org/a b", "x", false),
            ("https://example.org/\u{202e}", "x", false),
            ("https://example.org", "  ", false),
            ("https://example.org", "two\nlines", false),
            (long.as_str(), "x", false),
            ("https://example.org", long_label.as_str(), false),
        ];
        for (url, label, expected) in cases {
            assert_eq!(link_is_valid(url, label), expected, "{url:?} {label:?}");
        }
    }
}
