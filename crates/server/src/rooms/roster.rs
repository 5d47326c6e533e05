//! Pages of everybody present, or of those who are looked for.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use roomtone_room::ids::{MemberId, TalkerNo};
use roomtone_room::{Participant, Seen};

use super::fanout::participant;
use super::owner::Owner;
use crate::wire::http::Roster;

/// People on one page.
const PAGE: usize = 100;

/// People who are looked at for one page. More finds somebody in a large room with fewer requests; fewer bounds how long one
/// request holds up the room.
const LOOKED_AT: usize = 2_000;

/// How long it is remembered whom the stage follows. Longer spares the database; shorter shows sooner who came since.
const FOLLOWED_FOR: Duration = Duration::from_secs(10);

/// Who is to be on a page.
#[derive(Debug)]
pub(crate) struct Sought {
    /// The last number of the page before, or 0.
    pub(crate) after: u32,
    /// Lower-case text that their name or handle contains; empty for everybody.
    pub(crate) text: String,
    /// Only listeners among these members, if they are given.
    pub(crate) among: Option<Arc<HashSet<MemberId>>>,
}

/// Whom somebody on a room's stage follows, as of a while ago.
#[derive(Debug, Default)]
pub(crate) struct Followed(Mutex<Option<(Instant, Arc<HashSet<MemberId>>)>>);

impl Followed {
    /// What is remembered, if it is fresh.
    pub(crate) fn get(&self, now: Instant) -> Option<Arc<HashSet<MemberId>>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().filter(|(at, _)| now < *at + FOLLOWED_FOR).map(|(_, members)| members.clone())
    }

    pub(crate) fn remember(&self, now: Instant, members: &Arc<HashSet<MemberId>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, members.clone()));
    }
}

impl Owner {
    /// A page of those present whom the viewer may see, by number. It ends early where many would have to be looked at.
    pub(super) fn roster(&self, viewer: MemberId, sought: &Sought) -> Roster {
        let mut looked_at = 0;
        let mut last = None;
        let mut page = Vec::new();
        let mut rest = self.room.participants_after(TalkerNo(sought.after));
        for one in rest.by_ref() {
            looked_at += 1;
            last = Some(one.number.0);
            if !self.apart.are(viewer, one.member) && self.fits(one, sought) {
                page.extend(participant(&Seen::from(one), &self.people));
            }
            if page.len() >= PAGE || looked_at >= LOOKED_AT {
                break;
            }
        }
        let more = rest.next().is_some();
        Roster { participants: page, next: last.filter(|_| more) }
    }

    fn fits(&self, one: &Participant, sought: &Sought) -> bool {
        if sought.among.as_ref().is_some_and(|among| one.role.on_stage() || !among.contains(&one.member)) {
            return false;
        }
        let named = |text: &str| text.to_lowercase().contains(&sought.text);
        sought.text.is_empty() || self.people.get(&one.member).is_some_and(|p| named(&p.name) || named(&p.handle))
    }
}
