//! A speaker's packets with redundant audio, in any order: no input may panic, and no frame is passed on twice.
//!
//! The input is read as a sequence of packets, each a sequence number (2 bytes), a length (1 byte) and that many bytes
//! of payload. A packet's time is 960 times its number: 20 ms at 48 kHz.

#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use roomtone_media::red::{BLOCKS_MAX, Recovery, unpack};
use roomtone_media::rtp::SeqExtender;

fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    let (mut numbers, mut recovery, mut passed_on) = (SeqExtender::default(), Recovery::default(), HashSet::new());
    while let Some((&[high, low, length], after)) = rest.split_first_chunk() {
        let (payload, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        let seq = numbers.extend(u16::from_be_bytes([high, low]));
        let time = seq * 960;
        match unpack(payload) {
            Some(red) => {
                assert!(red.pt < 128 && red.redundant().len() <= BLOCKS_MAX);
                let audio: usize = red.redundant().iter().map(|block| block.payload.len()).sum();
                // Four bytes of header for each redundant block and one for the primary.
                assert_eq!(audio + red.primary.len() + 4 * red.redundant().len() + 1, payload.len());
                for frame in recovery.red(seq, time, &red) {
                    assert!(frame.seq <= seq && frame.time <= time && !frame.payload.is_empty());
                    assert!(passed_on.insert(frame.seq), "passed on twice: {}", frame.seq);
                }
            }
            None => {
                if let Some(frame) = recovery.plain(seq, time, payload) {
                    assert!(passed_on.insert(frame.seq), "passed on twice: {}", frame.seq);
                }
            }
        }
    }
});
