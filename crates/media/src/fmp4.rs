//! Opus in fragmented MP4 (ISO/IEC 14496-12, and "Encapsulation of Opus in ISO Base Media File Format", version 0.8.1, which is cited as
//! EOI): for browsers that play no Ogg. Sound that is one stream of packets of 20 ms goes in; nothing is decoded or encoded.
//!
//! A file is its head (`ftyp`, `moov`, `sidx`), which says where each fragment is, and then a `moof` and an `mdat` for each fragment. A
//! player so finds every second of it with two requests; so does whoever cuts a piece out ([`Index`], [`packets`]).

use std::fmt;
use std::io::{self, Error, ErrorKind, Seek, SeekFrom, Write};

use crate::ogg::PRE_SKIP;
use crate::stage::opus_duration_samples;

/// Samples of 48 kHz in a packet: 20 ms.
pub const PACKET: u64 = 960;

/// Packets in a fragment: ten seconds. Longer needs fewer bytes for heads; shorter fetches less for a short piece.
pub const FRAGMENT: u64 = 500;

/// Packets that are decoded before a place that is jumped to, negative as its box has it (EOI, section 4.3.6.2): 80 ms.
const ROLL: i16 = -4;

/// How many bytes of a file tell how long its head is ([`head_len`]). No box before the index is longer than that.
pub const HEAD_OF_HEAD: usize = 1024;

/// The only track of a file.
const TRACK: u32 = 1;

/// Nothing is turned, moved or scaled (ISO/IEC 14496-12, section 8.2.2).
const MATRIX: [u32; 9] = [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000];

/// Writes one stream.
pub struct Fmp4<W: Write + Seek> {
    out: W,
    stereo: bool,
    /// How many packets there will be.
    promised: u64,
    /// Bytes of each fragment that is written.
    sizes: Vec<u32>,
    /// The packets of the fragment that is being filled, and how long each is.
    data: Vec<u8>,
    lengths: Vec<u32>,
}

impl<W: Write + Seek> Fmp4<W> {
    /// Begins a file of so many packets, those of the pre-skip ([`PRE_SKIP`]) included. Its head is written last, in the place that is
    /// left for it.
    ///
    /// Errors: those of `out`; `InvalidInput` for more packets than a file can have, which is a week of them.
    pub fn new(mut out: W, stereo: bool, packets: u64) -> io::Result<Self> {
        let fragments = u16::try_from(packets.div_ceil(FRAGMENT)).map_err(|_| ErrorKind::InvalidInput)?;
        let place = head(stereo, packets, &vec![0; fragments.into()]).len();
        out.write_all(&vec![0; place])?;
        let sizes = Vec::with_capacity(fragments.into());
        Ok(Self { out, stereo, promised: packets, sizes, data: Vec::new(), lengths: Vec::new() })
    }

    /// Adds a packet of 20 ms behind all others.
    ///
    /// Errors: those of the writer; `InvalidInput` for a packet of another length, or for more than were promised.
    pub fn append(&mut self, packet: &[u8]) -> io::Result<()> {
        let fits = opus_duration_samples(packet).map(u64::from) == Some(PACKET) && self.written() < self.promised;
        let length = u32::try_from(packet.len()).ok().filter(|_| fits).ok_or(ErrorKind::InvalidInput)?;
        self.data.extend_from_slice(packet);
        self.lengths.push(length);
        if self.lengths.len() as u64 == FRAGMENT { self.close() } else { Ok(()) }
    }

    /// Ends the file, and returns what it was written to.
    ///
    /// Errors: those of the writer; `InvalidInput` if there are fewer packets than were promised.
    pub fn finish(mut self) -> io::Result<W> {
        if self.written() != self.promised {
            return Err(ErrorKind::InvalidInput.into());
        }
        if !self.lengths.is_empty() {
            self.close()?;
        }
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&head(self.stereo, self.promised, &self.sizes))?;
        self.out.seek(SeekFrom::End(0))?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// Packets so far.
    fn written(&self) -> u64 {
        self.sizes.len() as u64 * FRAGMENT + self.lengths.len() as u64
    }

    /// Writes the fragment that was filled.
    fn close(&mut self) -> io::Result<()> {
        let mut bytes = fragment(self.sizes.len() as u32, &self.lengths);
        put_box(&mut bytes, b"mdat", |out| out.extend_from_slice(&self.data));
        let size = u32::try_from(bytes.len()).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
        self.out.write_all(&bytes)?;
        self.sizes.push(size);
        self.data.clear();
        self.lengths.clear();
        Ok(())
    }
}

impl<W: Write + Seek> fmt::Debug for Fmp4<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fmp4")
            .field("promised", &self.promised)
            .field("written", &self.written())
            .finish_non_exhaustive()
    }
}

/// Where the fragments of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Whether the file has two channels.
    pub stereo: bool,
    /// Where each fragment begins in the file and how long it is, in bytes. All but the last have [`FRAGMENT`] packets.
    pub fragments: Vec<(u64, u32)>,
}

/// How long the head of a file is, by its first bytes ([`HEAD_OF_HEAD`] of them, or all if there are fewer). `None` if it is none that
/// [`Fmp4`] has written.
pub fn head_len(start: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = start.get(at..)?;
        let (size, kind) = (read_u32(rest, 0)? as usize, rest.get(4..8)?);
        at = at.checked_add(size.max(8))?;
        if kind == b"sidx" {
            return Some(at);
        }
    }
}

impl Index {
    /// Reads the head of a file that [`Fmp4`] has written; `None` for any other.
    pub fn read(head: &[u8]) -> Option<Self> {
        let sidx = child(head, b"sidx")?;
        let moov = child(head, b"moov")?;
        let entry = [b"trak", b"mdia", b"minf", b"stbl", b"stsd"].into_iter().try_fold(moov, child)?;
        let channels = *entry.get(8 + 8 + 17)?;
        let count = u16::from_be_bytes(sidx.get(30..32)?.try_into().ok()?);
        let mut at = head.len() as u64;
        let mut fragments = Vec::with_capacity(count.into());
        for n in 0..usize::from(count) {
            let size = read_u32(sidx, 32 + 12 * n)?;
            fragments.push((at, size));
            at += u64::from(size);
        }
        Some(Self { stereo: channels == 2, fragments })
    }
}

/// The packets of one fragment. `None` if it is none that [`Fmp4`] has written.
pub fn packets(fragment: &[u8]) -> Option<Vec<&[u8]>> {
    let trun = child(child(child(fragment, b"moof")?, b"traf")?, b"trun")?;
    let mut data = child(fragment, b"mdat")?;
    let mut packets = Vec::new();
    for n in 0..read_u32(trun, 4)? as usize {
        let (packet, rest) = data.split_at_checked(read_u32(trun, 12 + 4 * n)? as usize)?;
        packets.push(packet);
        data = rest;
    }
    Some(packets)
}

/// What is in the first box of this kind.
fn child<'a>(mut boxes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    loop {
        let (this, rest) = boxes.split_at_checked(read_u32(boxes, 0)? as usize)?;
        if this.get(4..8)? == kind {
            return this.get(8..);
        }
        // A box without even a head would not end.
        boxes = if this.len() < 8 { return None } else { rest };
    }
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// Everything before the fragments. Its length depends only on how many these are.
fn head(stereo: bool, packets: u64, sizes: &[u32]) -> Vec<u8> {
    let heard = (packets * PACKET).saturating_sub(PRE_SKIP.into());
    let mut out = Vec::new();
    put_box(&mut out, b"ftyp", |out| {
        // iso6 has fragments whose data is found from their own head, and groups of samples in them.
        out.extend(b"iso6\0\0\0\0iso6mp41");
    });
    put_box(&mut out, b"moov", |out| {
        full_box(out, b"mvhd", 0, 0, |out| {
            numbers(out, &[0, 0, 48_000, 0, 0x0001_0000, 0x0100_0000, 0, 0]);
            numbers(out, &MATRIX);
            numbers(out, &[0, 0, 0, 0, 0, 0, TRACK + 1]);
        });
        put_box(out, b"trak", |out| track(out, stereo));
        put_box(out, b"mvex", |out| {
            full_box(out, b"mehd", 1, 0, |out| out.extend(heard.to_be_bytes()));
            // Every sample is of one length and needs no other (section 8.8.3: sample_depends_on is 2).
            full_box(out, b"trex", 0, 0, |out| numbers(out, &[TRACK, 1, PACKET as u32, 0, 0x0200_0000]));
        });
    });
    full_box(&mut out, b"sidx", 1, 0, |out| {
        numbers(out, &[TRACK, 48_000, 0, 0, 0, 0]);
        // A head with more does not come to be (`Fmp4::new`).
        out.extend([0, 0]);
        out.extend((sizes.len() as u16).to_be_bytes());
        let mut from = 0;
        for (n, size) in sizes.iter().enumerate() {
            // What is not heard is not counted; the last fragment is as long as is left.
            let until = ((n as u64 + 1) * FRAGMENT * PACKET).saturating_sub(PRE_SKIP.into()).min(heard);
            // Each fragment can be begun with (section 8.16.3: starts_with_SAP and SAP_type are 1).
            numbers(out, &[*size, (until - from) as u32, 0x9000_0000]);
            from = until;
        }
    });
    out
}

/// The one track: where it begins to be heard, and what its samples are.
fn track(out: &mut Vec<u8>, stereo: bool) {
    let channels = if stereo { 2 } else { 1 };
    // Enabled, in the presentation and in its preview.
    full_box(out, b"tkhd", 0, 7, |out| {
        numbers(out, &[0, 0, TRACK, 0, 0, 0, 0, 0, 0x0100_0000]);
        numbers(out, &MATRIX);
        numbers(out, &[0, 0]);
    });
    // From behind the pre-skip to the end, wherever that is (EOI, section 4.4).
    put_box(out, b"edts", |out| {
        full_box(out, b"elst", 0, 0, |out| numbers(out, &[1, 0, PRE_SKIP.into(), 0x0001_0000]));
    });
    put_box(out, b"mdia", |out| {
        // In no language that could be told ("und").
        full_box(out, b"mdhd", 0, 0, |out| numbers(out, &[0, 0, 48_000, 0, 0x55c4_0000]));
        full_box(out, b"hdlr", 0, 0, |out| out.extend(b"\0\0\0\0soun\0\0\0\0\0\0\0\0\0\0\0\0\0"));
        put_box(out, b"minf", |out| {
            full_box(out, b"smhd", 0, 0, |out| numbers(out, &[0]));
            put_box(out, b"dinf", |out| {
                full_box(out, b"dref", 0, 0, |out| {
                    numbers(out, &[1]);
                    // The data is in this file.
                    full_box(out, b"url ", 0, 1, |_| {});
                });
            });
            put_box(out, b"stbl", |out| {
                full_box(out, b"stsd", 0, 0, |out| {
                    numbers(out, &[1]);
                    put_box(out, b"Opus", |out| {
                        out.extend([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, channels, 0, 16, 0, 0, 0, 0]);
                        numbers(out, &[48_000 << 16]);
                        put_box(out, b"dOps", |out| {
                            out.extend([0, channels]);
                            out.extend(PRE_SKIP.to_be_bytes());
                            numbers(out, &[48_000]);
                            out.extend([0, 0, 0]);
                        });
                    });
                });
                // All samples are in fragments.
                for kind in [b"stts", b"stsc", b"stco"] {
                    full_box(out, kind, 0, 0, |out| numbers(out, &[0]));
                }
                full_box(out, b"stsz", 0, 0, |out| numbers(out, &[0, 0]));
                full_box(out, b"sgpd", 1, 0, |out| {
                    out.extend(b"roll");
                    numbers(out, &[2, 1]);
                    out.extend(ROLL.to_be_bytes());
                });
            });
        });
    });
}

/// The `moof` of a fragment, which is the `n`th, with packets of these lengths.
fn fragment(n: u32, lengths: &[u32]) -> Vec<u8> {
    let made = |data_at: u32| {
        let mut out = Vec::new();
        put_box(&mut out, b"moof", |out| {
            full_box(out, b"mfhd", 0, 0, |out| numbers(out, &[n + 1]));
            put_box(out, b"traf", |out| {
                // Offsets are from the beginning of this box.
                full_box(out, b"tfhd", 0, 0x02_0000, |out| numbers(out, &[TRACK]));
                full_box(out, b"tfdt", 1, 0, |out| out.extend((u64::from(n) * FRAGMENT * PACKET).to_be_bytes()));
                full_box(out, b"trun", 0, 0x00_0201, |out| {
                    numbers(out, &[lengths.len() as u32, data_at]);
                    numbers(out, lengths);
                });
                full_box(out, b"sbgp", 0, 0, |out| {
                    out.extend(b"roll");
                    numbers(out, &[1, lengths.len() as u32, 1]);
                });
            });
        });
        out
    };
    // The data is behind the head of the next box.
    let length = made(0).len() as u32;
    made(length + 8)
}

fn numbers(out: &mut Vec<u8>, numbers: &[u32]) {
    numbers.iter().for_each(|number| out.extend(number.to_be_bytes()));
}

fn put_box(out: &mut Vec<u8>, kind: &[u8; 4], body: impl FnOnce(&mut Vec<u8>)) {
    let from = out.len();
    out.extend([0; 4]);
    out.extend(kind);
    body(out);
    // Nothing here comes near 4 GiB: a fragment has at most 500 packets.
    let size = (out.len() - from) as u32;
    out[from..from + 4].copy_from_slice(&size.to_be_bytes());
}

fn full_box(out: &mut Vec<u8>, kind: &[u8; 4], version: u8, flags: u32, body: impl FnOnce(&mut Vec<u8>)) {
    put_box(out, kind, |out| {
        numbers(out, &[u32::from(version) << 24 | flags]);
        body(out);
    });
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A packet of 20 ms of mono, marked by a number, and as long as that says.
    fn packet(mark: u64) -> Vec<u8> {
        let mut packet = vec![31 << 3, mark as u8, (mark >> 8) as u8];
        packet.resize(3 + mark as usize % 7, 9);
        packet
    }

    fn written(stereo: bool, count: u64) -> Vec<u8> {
        let mut file = Fmp4::new(Cursor::new(Vec::new()), stereo, count).unwrap();
        (0..count).for_each(|n| file.append(&packet(n)).unwrap());
        file.finish().unwrap().into_inner()
    }

    fn index(file: &[u8]) -> Index {
        let head = head_len(&file[..file.len().min(HEAD_OF_HEAD)]).unwrap();
        Index::read(&file[..head]).unwrap()
    }

    #[test]
    fn every_packet_is_found_by_the_index() {
        for (stereo, count) in
            [(false, 1), (true, 4), (false, FRAGMENT), (true, FRAGMENT + 1), (false, 100 * FRAGMENT + 77)]
        {
            let file = written(stereo, count);
            let index = index(&file);
            assert_eq!((index.stereo, index.fragments.len() as u64), (stereo, count.div_ceil(FRAGMENT)));
            let mut n = 0;
            let mut end = 0;
            for (at, size) in index.fragments {
                end = at + u64::from(size);
                for found in packets(&file[at as usize..end as usize]).unwrap() {
                    assert_eq!(found, packet(n));
                    n += 1;
                }
            }
            assert_eq!((n, end), (count, file.len() as u64));
        }
    }

    #[test]
    fn what_was_not_promised_is_refused() {
        let file = || Fmp4::new(Cursor::new(Vec::new()), false, 2).unwrap();
        assert!(Fmp4::new(Cursor::new(Vec::new()), false, u64::from(u16::MAX) * FRAGMENT + 1).is_err());
        let mut short = file();
        short.append(&packet(1)).unwrap();
        assert!(short.finish().is_err());
        let mut long = file();
        (0..2).for_each(|n| long.append(&packet(n)).unwrap());
        assert!(long.append(&packet(2)).is_err());
        // 10 ms, and what is no packet.
        assert!(file().append(&[30 << 3, 1]).is_err() && file().append(&[]).is_err());
    }

    /// Walks the boxes as the standard has them: each as long as it says, within the one around it.
    fn walk(bytes: &[u8], depth: usize, found: &mut Vec<(usize, String)>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let size = read_u32(rest, 0).unwrap() as usize;
            let kind = String::from_utf8(rest[4..8].to_vec()).unwrap();
            found.push((depth, kind.clone()));
            let skipped = match &*kind {
                "moov" | "trak" | "edts" | "mdia" | "minf" | "dinf" | "stbl" | "mvex" | "moof" | "traf" => Some(8),
                "stsd" | "dref" => Some(16),
                "Opus" => Some(36),
                _ => None,
            };
            if let Some(skipped) = skipped {
                walk(&rest[skipped..size], depth + 1, found);
            }
            rest = &rest[size..];
        }
    }

    #[test]
    fn boxes_are_nested_as_they_say() {
        let file = written(false, FRAGMENT + 3);
        let mut found = Vec::new();
        walk(&file, 0, &mut found);
        let found: Vec<_> = found.iter().map(|(depth, kind)| format!("{depth}{kind}")).collect();
        let expected = "0ftyp 0moov 1mvhd 1trak 2tkhd 2edts 3elst 2mdia 3mdhd 3hdlr 3minf 4smhd 4dinf 5dref 6url  4stbl 5stsd 6Opus \
                        7dOps 5stts 5stsc 5stco 5stsz 5sgpd 1mvex 2mehd 2trex 0sidx 0moof 1mfhd 1traf 2tfhd 2tfdt 2trun 2sbgp 0mdat \
                        0moof 1mfhd 1traf 2tfhd 2tfdt 2trun 2sbgp 0mdat";
        assert_eq!(found.join(" "), expected);
        // What is heard: all but the pre-skip, in the head as in the index.
        let heard = (FRAGMENT + 3) * PACKET - u64::from(PRE_SKIP);
        let head = head_len(&file).unwrap();
        let [mehd, sidx] = [&[b"moov", b"mvex", b"mehd"][..], &[b"sidx"]]
            .map(|path| path.iter().try_fold(&file[..head], |boxes, kind| child(boxes, kind)).unwrap());
        assert_eq!(mehd[4..], heard.to_be_bytes());
        let durations: u64 = (0..2).map(|n| u64::from(read_u32(sidx, 36 + 12 * n).unwrap())).sum();
        assert_eq!(durations, heard);
    }

    #[test]
    fn garbage_is_no_file() {
        let file = written(true, 3);
        let head = head_len(&file).unwrap();
        for end in 0..head {
            assert!(Index::read(&file[..end]).is_none(), "{end}");
        }
        for end in 0..file.len() - head {
            assert!(packets(&file[head..head + end]).is_none(), "{end}");
        }
        assert_eq!((head_len(&[0; 1024]), head_len(&[]), packets(&[0; 64])), (None, None, None));
    }
}
