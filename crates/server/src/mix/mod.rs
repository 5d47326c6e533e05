//! Plain streams: the sound of a room as Ogg Opus over HTTP, for players that do nothing else and for phones that halt WebRTC while
//! their screen is locked (docs/adr/0011).
//!
//! A room is mixed once, however many listen, by a thread of its own that is there only while somebody does. It takes what the
//! room's home thread gives out ([`Outlet`]) and gives each listener the same packets, as a stream of their own that begins with
//! their first page. Who may listen, and when that ends, is decided by the room's owner, for whom a stream is a listen leg.

mod mixer;
#[cfg(test)]
mod tests;
mod voice;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use roomtone_media::leg::LegId;
use roomtone_media::ogg::LiveOgg;
use roomtone_media::shard::{EndReason, LegEvent};
use roomtone_room::ids::{RoomId, TalkerNo};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::edge;
use crate::line::Line;
use crate::media_io::{Outlet, Report};
pub use mixer::Mixer;

/// Rooms that are mixed at once. More lets more rooms be streamed; each takes a part of a core, which `cargo bench -p roomtone --bench mixer` measures.
const MIXERS_MAX: usize = 16;

/// Streams of one room. More lets more people listen this way; all of them get their pages from one thread.
const STREAMS_MAX: usize = 2_000;

/// How long one packet is.
const TURN: Duration = Duration::from_millis(20);

/// Packets in a page: 100 ms. More costs fewer bytes and writes; fewer is sent sooner, and players wait for far more anyway.
const PAGE: usize = 5;

/// Silence that each stream begins with, in packets: 4.2 s, which is more than the 32 KiB that browsers wait for before they play
/// anything. With it they play at once, and what is said is heard as late as it would be without. Less makes them wait.
const LEAD: usize = 210;

/// One packet of [`LEAD`], in bytes: as many as one of speech has.
const LEAD_PACKET: usize = 160;

/// A frame of 20 ms of fullband CELT in stereo in which its first symbol says that all is silent (RFC 6716, section 4.3).
const SILENCE: [u8; 3] = [31 << 3 | 4, 0xff, 0xfe];

/// Pages that may wait for one listener: four seconds. Whoever does not take them for so long is cut off: more rides out worse
/// networks; less keeps what is heard closer to what is said.
const PAGES_MAX: usize = 40;

/// How far the mixer may be behind before it leaves out what it did not come to.
const BEHIND_MAX: Duration = Duration::from_millis(200);

/// What one listener gets, page by page; over when it is cut off.
pub(crate) type Pages = mpsc::Receiver<Bytes>;

/// All rooms that are mixed.
#[derive(Debug)]
pub(crate) struct Mixes {
    rooms: Mutex<HashMap<RoomId, Arc<Mix>>>,
    reports: mpsc::Sender<Report>,
}

/// A room that is mixed.
#[derive(Debug)]
struct Mix {
    room: RoomId,
    outlet: Arc<Outlet>,
    desk: Mutex<Desk>,
}

/// What the mixer finds when it looks.
#[derive(Debug, Default)]
struct Desk {
    /// Those who listen from now on; at most [`STREAMS_MAX`].
    coming: Vec<Sink>,
    /// How many listen, or have a [`Seat`].
    taken: usize,
    /// Whether the home thread was told of the outlet.
    attached: bool,
    /// Who may be heard, if that has changed.
    granted: Option<BTreeSet<TalkerNo>>,
    /// Whether the mixer is gone.
    closed: bool,
}

/// One listener.
#[derive(Debug)]
struct Sink {
    leg: LegId,
    ogg: LiveOgg,
    pages: mpsc::Sender<Bytes>,
    line: Arc<Line>,
}

/// A place for one more stream of a room, which is mixed for as long as there is one.
#[derive(Debug)]
pub(crate) struct Seat {
    mix: Arc<Mix>,
    used: bool,
}

impl Mixes {
    /// `reports` is told of streams that end by themselves.
    pub(crate) fn new(reports: mpsc::Sender<Report>) -> Arc<Self> {
        Arc::new(Self { rooms: Mutex::default(), reports })
    }

    /// A place for one more stream of a room; `None` if there is none. The first one has the room mixed.
    pub(crate) fn seat(self: &Arc<Self>, room: RoomId) -> Option<Seat> {
        let mut rooms = self.rooms();
        let (mix, new) = match rooms.get(&room) {
            Some(mix) => (mix.clone(), None),
            None if rooms.len() >= MIXERS_MAX => return None,
            None => {
                let mix = Arc::new(Mix { room, outlet: Arc::new(Outlet::new()), desk: Mutex::default() });
                let running = Running::new(self.clone(), mix.clone())?;
                rooms.insert(room, mix.clone());
                (mix, Some(running))
            }
        };
        let mut desk = mix.desk();
        if desk.taken >= STREAMS_MAX {
            return None;
        }
        desk.taken += 1;
        drop(desk);
        drop(rooms);
        if let Some(running) = new {
            // Where there is no thread to be had, what was to run on it is dropped here, and takes the room out of the list again.
            thread::Builder::new().name("mixer".to_owned()).spawn(move || running.run()).ok()?;
        }
        Some(Seat { mix, used: false })
    }

    /// Says who of a room may be heard from now on: nothing is left of what others said before.
    pub(crate) fn grant(&self, room: RoomId, talkers: &BTreeSet<TalkerNo>) {
        if let Some(mix) = self.rooms().get(&room) {
            mix.desk().granted = Some(talkers.clone());
        }
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<RoomId, Arc<Mix>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mix {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Where the room's frames are to go, if that was not asked yet.
    pub(crate) fn outlet(&self) -> Option<Arc<Outlet>> {
        let attached = std::mem::replace(&mut self.mix.desk().attached, true);
        (!attached).then(|| self.mix.outlet.clone())
    }

    /// Begins a stream, which `line` is to carry. `None` if the mixer has failed.
    pub(crate) fn join(mut self, leg: LegId, line: Arc<Line>) -> Option<Pages> {
        let mut ogg = LiveOgg::new(u32::from_be_bytes(edge::random()), true).ok()?;
        for _ in 0..LEAD / PAGE {
            ogg.page(&[padded(&SILENCE); PAGE]).ok()?;
        }
        let (pages, receiver) = mpsc::channel(PAGES_MAX);
        // There is room: nothing was sent yet.
        let _ = pages.try_send(ogg.take().into());
        let mut desk = self.mix.desk();
        if desk.closed {
            return None;
        }
        desk.coming.push(Sink { leg, ogg, pages, line });
        drop(desk);
        self.used = true;
        Some(receiver)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.used {
            self.mix.desk().taken -= 1;
        }
    }
}

/// An Opus packet of one frame, with so much padding (RFC 6716, section 3.2.5) that it is as long as others.
fn padded(packet: &[u8; 3]) -> [u8; LEAD_PACKET] {
    const COUNT: u8 = 1;
    const PADDED: u8 = 0x40;
    let mut long = [0; LEAD_PACKET];
    // How much padding there is: what is left behind these three bytes and the frame, which is less than 254.
    let padding = (LEAD_PACKET - 3 - 2) as u8;
    long[..5].copy_from_slice(&[packet[0] | 3, COUNT | PADDED, padding, packet[1], packet[2]]);
    long
}

/// What the thread of one room has.
struct Running {
    mixes: Arc<Mixes>,
    mix: Arc<Mix>,
    mixer: Mixer,
    sinks: Vec<Sink>,
    packets: Vec<Vec<u8>>,
    /// Reports that did not fit the channel; bounded by the streams, each of which ends once.
    unsent: VecDeque<Report>,
    streams: metrics::Gauge,
    slow: metrics::Counter,
}

impl Running {
    fn new(mixes: Arc<Mixes>, mix: Arc<Mix>) -> Option<Self> {
        let mixer = Mixer::new().map_err(|error| tracing::error!(%error, "a room cannot be mixed")).ok()?;
        metrics::gauge!("roomtone_stream_mixers").increment(1.0);
        Some(Self {
            mixes,
            mix,
            mixer,
            sinks: Vec::new(),
            packets: Vec::with_capacity(PAGE),
            unsent: VecDeque::new(),
            streams: metrics::gauge!("roomtone_streams"),
            slow: metrics::counter!("roomtone_streams_too_slow_total"),
        })
    }

    /// Mixes until nobody listens.
    fn run(mut self) {
        let mut due = edge::instant();
        loop {
            let now = edge::instant();
            if due > now {
                thread::park_timeout(due - now);
                continue;
            }
            if now - due > BEHIND_MAX {
                due = now;
            }
            due += TURN;
            if let Err(error) = self.turn() {
                tracing::error!(%error, "a room cannot be mixed any more");
                return;
            }
            if self.sinks.is_empty() && self.unsent.is_empty() && self.may_end() {
                return;
            }
        }
    }

    /// Makes 20 ms of sound.
    fn turn(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        let (coming, granted) = {
            let mut desk = self.mix.desk();
            (std::mem::take(&mut desk.coming), desk.granted.take())
        };
        self.streams.increment(coming.len() as f64);
        self.sinks.extend(coming);
        // Before what was given out since: it is about that.
        if let Some(granted) = granted {
            self.mixer.grant(granted);
        }
        while let Some(frame) = self.mix.outlet.pop() {
            self.mixer.push(&frame)?;
        }
        self.packets.push(self.mixer.turn(edge::instant())?);
        if self.packets.len() == PAGE {
            self.give_out()?;
            self.packets.clear();
        }
        while let Some(report) = self.unsent.pop_front() {
            if let Err(TrySendError::Full(report)) = self.mixes.reports.try_send(report) {
                self.unsent.push_front(report);
                break;
            }
        }
        Ok(())
    }

    /// Gives everybody the next page. Whoever does not take them is cut off.
    fn give_out(&mut self) -> std::io::Result<()> {
        let mut kept = Vec::with_capacity(self.sinks.len());
        for mut sink in std::mem::take(&mut self.sinks) {
            sink.ogg.page(&self.packets)?;
            let sent = sink.pages.try_send(sink.ogg.take().into());
            if let Err(TrySendError::Full(_)) = sent {
                self.slow.increment(1);
                sink.line.cut();
            }
            if sent.is_ok() && !sink.line.is_cut() {
                kept.push(sink);
                continue;
            }
            self.unsent.push_back(self.ended(&sink));
            self.streams.decrement(1.0);
            self.mix.desk().taken -= 1;
        }
        self.sinks = kept;
        Ok(())
    }

    /// What the room's owner is told of a stream that is gone. If it was the owner who ended it, it is not new.
    fn ended(&self, sink: &Sink) -> Report {
        let event = LegEvent::Ended(EndReason::ClosedByPeer);
        Report { leg: sink.leg, room: self.mix.room, event }
    }

    /// Whether nobody is on the way; then nobody can come to this mixer any more.
    fn may_end(&self) -> bool {
        let mut rooms = self.mixes.rooms();
        let nobody = self.mix.desk().taken == 0;
        if nobody {
            rooms.remove(&self.mix.room);
        }
        nobody
    }
}

impl Drop for Running {
    /// Whatever the thread ends by, a panic included, nobody is left with a stream that nothing comes by.
    fn drop(&mut self) {
        self.mix.outlet.close();
        let mut rooms = self.mixes.rooms();
        if rooms.get(&self.mix.room).is_some_and(|mix| Arc::ptr_eq(mix, &self.mix)) {
            rooms.remove(&self.mix.room);
        }
        drop(rooms);
        let coming = {
            let mut desk = self.mix.desk();
            desk.closed = true;
            std::mem::take(&mut desk.coming)
        };
        self.streams.decrement(self.sinks.len() as f64);
        let left = self.sinks.drain(..).chain(coming).collect::<Vec<_>>();
        for sink in left {
            sink.line.cut();
            // Waits if it has to: this thread does nothing else any more.
            let _ = self.mixes.reports.blocking_send(self.ended(&sink));
        }
        metrics::gauge!("roomtone_stream_mixers").decrement(1.0);
    }
}
