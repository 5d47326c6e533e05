//! Redundant audio (RFC 2198): packing, unpacking, and recovering lost packets from later ones.

/// Most redundant blocks that one packet may carry. Browsers send one or two; more would bring back longer losses, at
/// the sender's cost.
pub const BLOCKS_MAX: usize = 8;

/// How many packets back one is still remembered, and so passed on when it comes late or is recovered.
const WINDOW: u64 = 64;

/// One redundant block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Block<'a> {
    /// Payload type, below 128.
    pub pt: u8,
    /// How much older than the packet it is, in timestamp units, below 16384.
    pub offset: u32,
    /// The encoded audio; may be empty.
    pub payload: &'a [u8],
}

/// An unpacked packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Red<'a> {
    /// Payload type of the primary block.
    pub pt: u8,
    /// The primary block: the packet's own audio.
    pub primary: &'a [u8],
    blocks: [Block<'a>; BLOCKS_MAX],
    count: usize,
}

impl<'a> Red<'a> {
    /// The redundant blocks as they are in the packet: oldest first.
    pub fn redundant(&self) -> &[Block<'a>] {
        &self.blocks[..self.count]
    }
}

/// Unpacks the payload of a packet of the `red` payload type (RFC 2198, section 3). `None` if it is malformed or has
/// more than [`BLOCKS_MAX`] redundant blocks.
pub fn unpack(payload: &[u8]) -> Option<Red<'_>> {
    let mut blocks = [Block::default(); BLOCKS_MAX];
    let mut lengths = [0; BLOCKS_MAX];
    let mut count = 0;
    let mut rest = payload;
    // All headers come first: four bytes while the first bit is set, then one byte for the primary block.
    let pt = loop {
        let (&first, after) = rest.split_first()?;
        if first & 0x80 == 0 {
            rest = after;
            break first;
        }
        let (&[high, middle, low], after) = after.split_first_chunk()?;
        let block = blocks.get_mut(count)?;
        block.pt = first & 0x7f;
        block.offset = u32::from(high) << 6 | u32::from(middle) >> 2;
        lengths[count] = usize::from(middle & 3) << 8 | usize::from(low);
        count += 1;
        rest = after;
    };
    for (block, length) in blocks.iter_mut().zip(lengths).take(count) {
        (block.payload, rest) = rest.split_at_checked(length)?;
    }
    Some(Red { pt, primary: rest, blocks, count })
}

/// How much older than a packet a block in it may be, in timestamp units.
const OFFSET_END: u64 = 1 << 14;

/// Longest redundant block, in bytes.
const BLOCK_MAX: usize = (1 << 10) - 1;

/// Whether a block of this age, in timestamp units, and size can be carried.
pub(crate) fn fits(offset: u64, len: usize) -> bool {
    (1..OFFSET_END).contains(&offset) && len <= BLOCK_MAX
}

/// Packs `primary` behind redundant blocks, oldest first, all of one payload type, and returns the length. `None`: a block
/// does not fit (see [`fits`]), or `out` is too small.
pub(crate) fn pack(pt: u8, blocks: &[(u64, &[u8])], primary: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        out.get_mut(at..at + bytes.len())?.copy_from_slice(bytes);
        at += bytes.len();
        Some(at)
    };
    for (offset, payload) in blocks {
        let word = 1 << 31 | u32::from(pt & 0x7f) << 24 | (*offset as u32) << 10 | payload.len() as u32;
        fits(*offset, payload.len()).then(|| put(&word.to_be_bytes()))??;
    }
    put(&[pt & 0x7f])?;
    for (_, payload) in blocks {
        put(payload)?;
    }
    put(primary)
}

/// A frame to be passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovered<'a> {
    /// Extended sequence number.
    pub seq: u64,
    /// Extended timestamp.
    pub time: u64,
    /// The encoded audio.
    pub payload: &'a [u8],
}

/// Remembers which of the last 64 packets of a stream were passed on, so that each is passed on once, whether it comes
/// itself, again, or inside a later one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The highest sequence number passed on.
    highest: Option<u64>,
    /// Bit n: the packet `highest - n` was passed on.
    seen: u64,
}

impl Recovery {
    /// A packet of the `red` payload type: what it brings back of lost packets, oldest first, then its own audio, each
    /// unless it was already passed on. A frame older than what was passed on before is still yielded, up to 64 packets
    /// back: the receiver's jitter buffer sorts it. Only what is taken from the iterator counts as passed on.
    ///
    /// Blocks belong to the packets just before theirs, the last to the one with the preceding number. An empty block
    /// stands for a packet that the sender left out. Blocks of another payload type than the primary one, or that claim
    /// not to be older than it, are left out too.
    pub fn red<'a>(&mut self, seq: u64, time: u64, red: &Red<'a>) -> impl Iterator<Item = Recovered<'a>> {
        let Red { pt, primary, blocks, count } = *red;
        let redundant = (0..count).filter_map(move |at| {
            let Block { pt: block_pt, offset, payload } = blocks[at];
            let seq = seq.checked_sub((count - at) as u64)?;
            let time = time.checked_sub(u64::from(offset))?;
            (block_pt == pt && offset > 0).then_some(Recovered { seq, time, payload })
        });
        let own = Recovered { seq, time, payload: primary };
        redundant.chain([own]).filter(|frame| !frame.payload.is_empty() && self.first_time(frame.seq))
    }

    /// A packet without redundancy: `None` if it was already passed on, is too old to tell, or is empty.
    pub fn plain<'a>(&mut self, seq: u64, time: u64, payload: &'a [u8]) -> Option<Recovered<'a>> {
        (!payload.is_empty() && self.first_time(seq)).then_some(Recovered { seq, time, payload })
    }

    /// Whether a packet is passed on for the first time, which it then is.
    fn first_time(&mut self, seq: u64) -> bool {
        let highest = *self.highest.get_or_insert(seq);
        if seq > highest {
            self.seen = u32::try_from(seq - highest).ok().and_then(|by| self.seen.checked_shl(by)).unwrap_or(0);
            self.highest = Some(seq);
        }
        let age = highest.saturating_sub(seq);
        if age >= WINDOW || self.seen >> age & 1 == 1 {
            return false;
        }
        self.seen |= 1 << age;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const OPUS: u8 = 111;

    /// Packs blocks as (payload type, offset, audio), oldest first, and the primary one, whether they fit or not.
    fn pack(blocks: &[(u8, u32, &[u8])], primary: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for (pt, offset, audio) in blocks {
            let word = 1 << 31 | u32::from(*pt) << 24 | offset << 10 | audio.len() as u32;
            out.extend(word.to_be_bytes());
        }
        out.push(OPUS);
        blocks.iter().for_each(|(_, _, audio)| out.extend(*audio));
        out.extend(primary);
        out
    }

    #[test]
    fn unpacks_what_chromium_sends() {
        // One header of each form, written out: block of 3 bytes 960 samples back, then the primary.
        let bytes = [0xef, 0x0f, 0x00, 0x03, 0x6f, 1, 2, 3, 9, 9];
        let red = unpack(&bytes).unwrap();
        assert_eq!(red.redundant(), [Block { pt: 111, offset: 960, payload: &[1, 2, 3] }]);
        assert_eq!((red.pt, red.primary), (111, &[9, 9][..]));
        assert_eq!(pack(&[(111, 960, &[1, 2, 3])], &[9, 9]), bytes);
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let (old, older, own) = ([1; 1023], [2; 5], [3; 7]);
        let mut out = [0; 1100];
        let len = super::pack(OPUS, &[(16_383, &older), (960, &old)], &own, &mut out).unwrap();
        let red = unpack(&out[..len]).unwrap();
        let block = |offset, payload| Block { pt: OPUS, offset, payload };
        assert_eq!(red.redundant(), [block(16_383, &older[..]), block(960, &old[..])]);
        assert_eq!((red.pt, red.primary), (OPUS, &own[..]));
        for (offset, block, room) in
            [(0, &older[..], 1100), (16_384, &older, 1100), (960, &[0; 1024], 1100), (960, &old, 1034)]
        {
            assert_eq!(super::pack(OPUS, &[(offset, block)], &own, &mut out[..room]), None, "{offset} {}", block.len());
        }
    }

    #[test]
    fn largest_offset_and_length_are_read() {
        let long = [7; 1023];
        let bytes = pack(&[(1, 16383, &long), (127, 0, &[])], &[]);
        let red = unpack(&bytes).unwrap();
        assert_eq!(
            red.redundant(),
            [Block { pt: 1, offset: 16383, payload: &long }, Block { pt: 127, offset: 0, payload: &[] }]
        );
        assert_eq!(red.primary, []);
    }

    #[test]
    fn malformed_is_refused() {
        let block: (u8, u32, &[u8]) = (OPUS, 960, &[1, 2, 3]);
        let whole = pack(&[block], &[]);
        for cut in 0..whole.len() {
            assert_eq!(unpack(&whole[..cut]), None, "{cut}");
        }
        assert!(unpack(&pack(&[block; BLOCKS_MAX], &[1])).is_some());
        assert_eq!(unpack(&pack(&[block; BLOCKS_MAX + 1], &[1])), None);
    }

    /// Frame number `n` of a stream with 20 ms of 48 kHz between frames; its audio is its number.
    fn audio(n: u64) -> [u8; 1] {
        [n as u8]
    }

    /// Sends packet `n` with the redundancy of `depth` frames before it. Returns the numbers of what is passed on,
    /// having checked that each has its own time and audio.
    fn send(recovery: &mut Recovery, n: u64, depth: u64) -> Vec<u64> {
        let frames = (n - depth..n).map(audio).collect::<Vec<_>>();
        let offsets = (1..=depth).rev().map(|back| back as u32 * 960);
        let blocks = frames.iter().zip(offsets).map(|(frame, offset)| (OPUS, offset, &frame[..])).collect::<Vec<_>>();
        let bytes = pack(&blocks, &audio(n));
        let check = |frame: Recovered<'_>| {
            assert_eq!((frame.time, frame.payload), (frame.seq * 960, &audio(frame.seq)[..]));
            frame.seq
        };
        recovery.red(n, n * 960, &unpack(&bytes).unwrap()).map(check).collect()
    }

    #[test]
    fn recovers_losses_once_and_in_order() {
        let mut recovery = Recovery::default();
        let trace: [(u64, u64, &[u64]); 10] = [
            (100, 0, &[100]),
            (101, 1, &[101]),
            (101, 1, &[]),              // again
            (104, 2, &[102, 103, 104]), // two lost
            (103, 2, &[]),              // late, already recovered
            (108, 1, &[107, 108]),      // 105 and 106 are gone
            (106, 1, &[105, 106]),      // or were late: with their own redundancy
            (300, 1, &[299, 300]),      // long gap
            (237, 1, &[237]),           // 63 back; its redundancy is 64 back
            (236, 0, &[]),              // too old
        ];
        for (n, depth, expected) in trace {
            assert_eq!(send(&mut recovery, n, depth), expected, "packet {n}");
        }
    }

    #[test]
    fn first_packet_brings_back_what_was_lost_before_it() {
        assert_eq!(send(&mut Recovery::default(), 65536, 2), [65534, 65535, 65536]);
    }

    #[test]
    fn empty_block_counts_but_is_not_passed_on() {
        let bytes = pack(&[(OPUS, 1920, &[8]), (OPUS, 960, &[])], &[10]);
        let mut recovery = Recovery::default();
        let found = recovery.red(10, 9600, &unpack(&bytes).unwrap()).map(|f| (f.seq, f.time)).collect::<Vec<_>>();
        assert_eq!(found, [(8, 7680), (10, 9600)]);
        assert!(recovery.plain(9, 8640, &[9]).is_some(), "9 was not passed on yet");
    }

    #[test]
    fn blocks_that_make_no_sense_are_left_out() {
        // Another codec, not older than the packet, older than time itself; before the first sequence number.
        let bytes = pack(&[(OPUS, 960, &[1]), (OPUS, 16000, &[1]), (OPUS, 0, &[1]), (0, 960, &[1])], &[1]);
        let red = unpack(&bytes).unwrap();
        assert_eq!(Recovery::default().red(3, 9600, &red).map(|f| f.seq).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn plain_packets_pass_the_same_filter() {
        let mut recovery = Recovery::default();
        assert!(recovery.plain(5, 50, &[1]).is_some());
        assert!(recovery.plain(5, 50, &[1]).is_none());
        assert!(recovery.plain(4, 40, &[]).is_none());
        assert_eq!(send(&mut recovery, 7, 3), [4, 6, 7]);
        assert!(recovery.plain(6, 60, &[1]).is_none());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..100), seq: u64, time: u64) {
            if let Some(red) = unpack(&bytes) {
                let _ = Recovery::default().red(seq, time, &red).count();
            }
        }

        /// Whatever is lost, late or doubled, nothing is passed on twice, and everything is that arrives within reach.
        #[test]
        fn each_frame_is_passed_on_once(packets in proptest::collection::vec((70u64..130, 0u64..4), 0..120)) {
            let (mut recovery, mut passed) = (Recovery::default(), BTreeSet::new());
            for (n, depth) in packets {
                for seq in send(&mut recovery, n, depth) {
                    prop_assert!(passed.insert(seq), "{} twice", seq);
                }
                prop_assert!((n - depth..=n).all(|seq| passed.contains(&seq)));
            }
        }
    }
}
