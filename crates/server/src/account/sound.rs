//! The sound in a member's archive: what was recorded of them, and their voice notes. It may be hours, so it is not packed beforehand but
//! read while it is sent, one file after the other, and no faster than the client takes it.

use std::collections::VecDeque;
use std::io::{self, Cursor, ErrorKind, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use roomtone_room::ids::{MemberId, RecordId, ReplayId};
use roomtone_store::{Hearer, RecordedTrack, Speaker};
use tokio::io::{AsyncRead, AsyncReadExt};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use super::{Archive, Failed};
use crate::app::App;
use crate::parcel::Parcel;

/// Tracks that are asked for at once. More asks the store less often.
const TRACKS_AT_ONCE: u32 = 500;

/// Bytes that are read at once. More reads less often; it is memory for each archive that is sent.
const PART: usize = 64 << 10;

/// The longest file of which a zip archive has the length in 32 bits.
const SHORT: u64 = u32::MAX as u64;

/// Where an archive is written to: first into a parcel, and then to what is sent at once.
#[derive(Clone)]
pub(super) struct Out(Arc<Mutex<Written>>);

enum Written {
    Packed(Parcel),
    Sent(Vec<u8>),
}

impl Out {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Written::Packed(Parcel::new()))))
    }

    /// What was packed. From now on what is written is to be [taken](Out::take).
    pub(super) fn packed(&self) -> Parcel {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *written, Written::Sent(Vec::new())) {
            Written::Packed(parcel) => parcel,
            Written::Sent(_) => Parcel::new(),
        }
    }

    /// What was written since this was last asked.
    fn take(&self) -> Vec<u8> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Written::Packed(_) => Vec::new(),
            Written::Sent(bytes) => std::mem::take(bytes),
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Written::Packed(parcel) => parcel.write(bytes),
            Written::Sent(sent) => sent.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file of sound that belongs to a member.
#[derive(Debug, Clone, Copy)]
enum Sound {
    /// What was recorded of them in a replay, by the number of their track.
    Track(ReplayId, u32),
    /// A reply of theirs by voice.
    Note(RecordId),
}

/// All sound of a member, and the archive into which it is to go.
pub(super) struct Sounds {
    app: Arc<App>,
    member: MemberId,
    waiting: VecDeque<Sound>,
    /// What is being read.
    reading: Option<Pin<Box<dyn AsyncRead + Send>>>,
}

impl Sounds {
    /// Looks what there is.
    ///
    /// Errors: the store's.
    pub(super) async fn of(app: &Arc<App>, member: MemberId) -> Result<Self, Failed> {
        let mut waiting = VecDeque::new();
        let mut after = None;
        loop {
            let tracks = app.store.own_tracks(Hearer::member(member), after, TRACKS_AT_ONCE).await?;
            let own = tracks.iter().filter(|track| track.withdrawn_at.is_none());
            waiting.extend(own.map(|track| Sound::Track(track.replay, track.n)));
            match tracks.last() {
                Some(last) if tracks.len() == TRACKS_AT_ONCE as usize => after = Some((last.began_at, last.replay)),
                _ => break,
            }
        }
        waiting.extend(app.store.own_voice_notes(member).await?.into_iter().map(Sound::Note));
        Ok(Self { app: app.clone(), member, waiting, reading: None })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds them to an archive, and ends that. What goes while it is sent, because it is withdrawn, is left out or ends there.
    pub(super) fn into(self, archive: Archive, out: Out) -> impl Stream<Item = io::Result<Bytes>> {
        let archive = (self, Some(archive), out);
        stream::try_unfold(archive, |(mut sounds, mut archive, out)| async move {
            while archive.is_some() {
                sounds.next(&mut archive).await.map_err(|error| {
                    tracing::error!(%error, "the sound of an archive could not be sent");
                    io::Error::other(error)
                })?;
                let written = out.take();
                if !written.is_empty() {
                    return Ok(Some((Bytes::from(written), (sounds, archive, out))));
                }
            }
            Ok(None)
        })
        .boxed()
    }

    /// Adds the next part to the archive, or ends it.
    async fn next(&mut self, archive: &mut Option<Archive>) -> Result<(), Failed> {
        let Some(open) = archive else { return Ok(()) };
        if let Some(reading) = &mut self.reading {
            let mut part = vec![0; PART];
            match reading.read(&mut part).await {
                Ok(0) => self.reading = None,
                Ok(count) => open.write_all(&part[..count])?,
                // Withdrawn at this moment: that was all.
                Err(error) if error.kind() == ErrorKind::NotFound => self.reading = None,
                Err(error) => return Err(error.into()),
            }
            return Ok(());
        }
        let Some(sound) = self.waiting.pop_front() else {
            if let Some(open) = archive.take() {
                open.finish()?;
            }
            return Ok(());
        };
        let (app, member) = (self.app.clone(), self.member);
        let (name, found) = match sound {
            Sound::Track(replay, n) => (format!("recordings/{replay}-{n}.ogg"), track(&app, member, replay, n).await?),
            Sound::Note(reply) => (format!("replies/{reply}.ogg"), note(&app, reply).await?),
        };
        if let Some((reading, length)) = found {
            let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
            open.start_file(name, stored.large_file(length >= SHORT))?;
            self.reading = Some(reading);
        }
        Ok(())
    }
}

/// What can be read of a file, and how long it is.
type Found = (Pin<Box<dyn AsyncRead + Send>>, u64);

/// What was recorded of a member, as it can be heard. `None` if it was withdrawn, or they have said nothing.
async fn track(app: &App, member: MemberId, replay: ReplayId, n: u32) -> Result<Option<Found>, Failed> {
    let Some(recorded) = app.store.recording(replay).await? else { return Ok(None) };
    let theirs = |track: &RecordedTrack| {
        track.n == n && track.withdrawn_at.is_none() && track.speaker == Some(Speaker::Member(member))
    };
    if !app.store.recorded_tracks(replay).await?.iter().any(theirs) {
        return Ok(None);
    }
    match app.replays.alone(&recorded, n).await {
        Ok(found) => Ok(Some(found)),
        // Gone at this moment, or never begun.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn note(app: &App, reply: RecordId) -> Result<Option<Found>, Failed> {
    let Some(note) = app.store.voice_note(reply).await? else { return Ok(None) };
    let length = note.len() as u64;
    Ok(Some((Box::pin(Cursor::new(note)), length)))
}
