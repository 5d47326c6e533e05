//! What a full peer hears: every packet is taken apart and compared with what its talker sent.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::rtp::RtpPacket;
use tokio::sync::Mutex;

use super::count::Hearing;
use super::protocol::Counts;
use crate::control::RoomState;
use crate::leg::talker;
use crate::tally::{Known, Tally};
use crate::voice::Script;
use crate::{Error, Result};

/// Members whose handle begins like this talk by the script of their handle.
const SCRIPTED: &str = "crowd_";
/// After so long without a frame of a talker, its next frame begins a new stretch: it was silent, or not among those who
/// are forwarded, and no frame in between was to be expected. Half a round of the script would make rounds ambiguous.
const STRETCH_ENDS: Duration = Duration::from_secs(2);
/// Bytes of a GCM tag (RFC 7714, section 13.2), which str0m has taken off.
const TAG: usize = 16;

/// The scripts of a process, each made once.
#[derive(Debug, Default)]
pub(super) struct Scripts(Mutex<HashMap<String, Arc<Known>>>);

impl Scripts {
    /// What the member with this handle says.
    ///
    /// # Errors
    /// [`Error::Media`] when it cannot be made.
    async fn of(&self, handle: &str) -> Result<Arc<Known>> {
        // Talkers whose handles differ behind two underscores say the same.
        let name = handle.split("__").next().unwrap_or_default().to_owned();
        let mut scripts = self.0.lock().await;
        if let Some(known) = scripts.get(&name) {
            return Ok(known.clone());
        }
        let key = name.clone();
        let script = tokio::task::spawn_blocking(move || Script::of(&name)).await;
        let known = Arc::new(Known::new(script.map_err(|error| Error::Media(error.to_string()))??));
        scripts.insert(key, known.clone());
        Ok(known)
    }

    /// What the scripted talkers say of whom a full peer knows.
    ///
    /// # Errors
    /// As for each script.
    pub(super) async fn of_all(&self, state: &RoomState) -> Result<HashMap<u32, Arc<Known>>> {
        let mut all = HashMap::new();
        for (number, handle) in state.talkers.iter().filter(|(_, handle)| handle.starts_with(SCRIPTED)) {
            all.insert(*number, self.of(handle).await?);
        }
        Ok(all)
    }
}

/// One full peer's account.
#[derive(Debug)]
pub(super) struct Ear {
    hearing: Hearing,
    address: SocketAddr,
    /// Who talks by a script, by number.
    known: HashMap<u32, Arc<Known>>,
    voices: HashMap<u32, Voice>,
    packets: u64,
    /// Packets of which nothing can be compared, because nobody knows what their talker says.
    strangers: u64,
    /// What belongs to stretches that have ended.
    former: Stretch,
}

#[derive(Debug)]
struct Voice {
    tally: Tally,
    last: Instant,
}

/// What was heard in some time.
#[derive(Debug, Default, Clone, Copy)]
struct Stretch {
    expected: u64,
    frames: u64,
    mismatches: u64,
}

impl Stretch {
    fn add(&mut self, tally: &Tally) {
        let counts = tally.counts();
        self.expected += counts.frames + tally.lost();
        self.frames += counts.frames;
        self.mismatches += counts.mismatches;
    }
}

impl Ear {
    /// Nothing heard yet by a peer that receives at `address`.
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            hearing: Hearing::default(),
            address,
            known: HashMap::new(),
            voices: HashMap::new(),
            packets: 0,
            strangers: 0,
            former: Stretch::default(),
        }
    }

    /// Where it receives.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Packets since the beginning.
    pub(super) fn packets(&self) -> u64 {
        self.packets
    }

    /// Whether it knows what the talker in a packet says.
    pub(super) fn knows(&self, packet: &RtpPacket) -> bool {
        talker(&packet.header).is_some_and(|number| self.known.contains_key(&number))
    }

    /// From now on these are the scripts of talkers, by number.
    pub(super) fn learn(&mut self, known: HashMap<u32, Arc<Known>>) {
        self.known.extend(known);
    }

    /// Takes in a packet that str0m has authenticated and decrypted, and how many came from elsewhere before it.
    pub(super) fn heard(&mut self, now: Instant, packet: &RtpPacket, foreign: u64) {
        self.packets += 1;
        self.hearing.foreign(foreign);
        if let Some(slot) = self.hearing.slot_or_new(*packet.header.ssrc) {
            let bytes = packet.header.header_len + packet.payload.len() + TAG;
            self.hearing.heard(now, slot, *packet.seq_no, bytes);
        }
        let Some((number, known)) = talker(&packet.header).and_then(|number| Some((number, self.known.get(&number)?)))
        else {
            self.strangers += 1;
            return;
        };
        let new = || Voice { tally: Tally::new(known.clone()), last: now };
        let voice = self.voices.entry(number).or_insert_with(new);
        if now > voice.last + STRETCH_ENDS {
            self.former.add(&voice.tally);
            voice.tally = Tally::new(known.clone());
        }
        voice.last = now;
        voice.tally.heard(&packet.payload);
    }

    /// Whether a packet came after `since`.
    pub(super) fn heard_since(&self, since: Instant) -> bool {
        self.hearing.heard_since(since)
    }

    /// Begins to count anew.
    pub(super) fn mark(&mut self, now: Instant) {
        self.hearing.mark(now);
        self.voices.clear();
        self.former = Stretch::default();
        self.strangers = 0;
    }

    /// Adds what was counted since the mark to `counts`; nothing, for somebody who came after it.
    pub(super) fn add_to(&self, now: Instant, counts: &mut Counts) {
        let before = counts.listeners;
        self.hearing.add_to(now, counts);
        if counts.listeners == before {
            return;
        }
        let mut all = self.former;
        self.voices.values().for_each(|voice| all.add(&voice.tally));
        counts.full += 1;
        counts.frames_expected += all.expected;
        counts.frames += all.frames;
        // A packet of somebody who is not on the stage as far as the room said is one that nobody sent.
        counts.mismatches += all.mismatches + self.strangers;
    }
}
