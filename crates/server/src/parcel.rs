//! A large answer that is made as a whole before it is sent: what waits in memory for slow lines is of one size for all of them.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};

use bytes::Bytes;
use futures_util::{Stream, stream};
use roomtone_store::StoreError;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes in a part. Larger parts are fewer to send; smaller ones give memory back sooner.
const PART: usize = 64 * 1024;

/// Parts of all parcels that may be in memory at once: 64 MiB. More lets more members with slow lines download at the same time;
/// beyond it, whoever asks next is told that the server is busy.
const PARTS: usize = 1024;

static ROOM: Semaphore = Semaphore::const_new(PARTS);

/// Bytes in parts, each of which takes up its room until it is sent.
pub(crate) struct Parcel {
    room: &'static Semaphore,
    parts: Vec<Part>,
    length: u64,
}

struct Part {
    bytes: Vec<u8>,
    _room: SemaphorePermit<'static>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Parcel {
    /// One without anything in it.
    pub(crate) fn new() -> Self {
        Self::within(&ROOM)
    }

    fn within(room: &'static Semaphore) -> Self {
        Self { room, parts: Vec::new(), length: 0 }
    }

    /// How many bytes are in it.
    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// The beginning of an answer, or all of it. Each part is given back when it has been sent, and all when the client goes.
    pub(crate) fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> {
        stream::iter(self.parts.into_iter().map(|part| Ok(Bytes::from_owner(part))))
    }
}

/// Fails with [`Full`] when all parcels together are as large as they may be.
impl Write for Parcel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.parts.last().is_none_or(|part| part.bytes.len() == PART) {
            let room = self.room.try_acquire().map_err(|_| io::Error::other(Full))?;
            self.parts.push(Part { bytes: Vec::with_capacity(PART), _room: room });
        }
        let part = self.parts.last_mut().expect("there is one that is not full");
        let taken = bytes.len().min(PART - part.bytes.len());
        part.bytes.extend_from_slice(&bytes[..taken]);
        self.length += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// There is no room for another part. Its cause is that of a store that takes no more for now, so that it is answered like that.
#[derive(Debug)]
struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too much waits to be sent")
    }
}

impl Error for Full {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        static BUSY: StoreError = StoreError::Busy;
        Some(&BUSY)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;
    use crate::wire::{ApiError, Code};

    fn of(bytes: &[u8], room: &'static Semaphore) -> io::Result<Parcel> {
        let mut parcel = Parcel::within(room);
        parcel.write_all(bytes)?;
        Ok(parcel)
    }

    #[tokio::test]
    async fn what_is_in_a_parcel_comes_out_and_gives_its_room_back_on_the_way() {
        static ROOM: Semaphore = Semaphore::const_new(4);
        let bytes: Vec<u8> = (0..2 * PART + 10).map(|n| (n % 251) as u8).collect();
        let mut parcel = Parcel::within(&ROOM);
        for lot in bytes.chunks(1_000) {
            parcel.write_all(lot).unwrap();
        }
        assert_eq!((parcel.len(), ROOM.available_permits()), (bytes.len() as u64, 1));
        let (mut sent, mut body) = (Vec::new(), parcel.into_stream());
        for left in [2, 3, 4] {
            sent.extend_from_slice(&body.next().await.unwrap().unwrap());
            assert_eq!(ROOM.available_permits(), left);
        }
        assert!(body.next().await.is_none());
        assert!(sent == bytes);
    }

    #[test]
    fn who_finds_no_room_is_told_that_the_server_is_busy() {
        static ROOM: Semaphore = Semaphore::const_new(2);
        let first = of(&vec![1; PART + 1], &ROOM).unwrap();
        let full = of(b"x", &ROOM).err().expect("there is no room");
        assert_eq!(ApiError::internal(&full).code, Code::Busy);
        assert!(of(&vec![1; 3 * PART], &ROOM).is_err());
        // Whoever goes without taking it gives it back as well, and so does one that did not fit.
        drop(first.into_stream());
        assert_eq!(ROOM.available_permits(), 2);
        assert!(of(&vec![1; 3 * PART], &ROOM).is_err());
        assert_eq!(ROOM.available_permits(), 2);
    }
}
