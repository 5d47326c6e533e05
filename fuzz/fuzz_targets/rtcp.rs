//! RTCP compounds: no input may panic, and nothing yields more than the packet can hold.

#![no_main]

use libfuzzer_sys::fuzz_target;
use roomtone_media::rtp::{Rtcp, parse_compound};

fuzz_target!(|packet: &[u8]| {
    let (mut reports, mut lost_numbers) = (0, 0);
    for part in parse_compound(packet) {
        match part {
            Rtcp::SenderReport { blocks, .. } | Rtcp::ReceiverReport { blocks, .. } => reports += blocks.count(),
            Rtcp::Nack { lost, .. } => lost_numbers += lost.count(),
            Rtcp::Bye { .. } => {}
        }
    }
    // A report block takes 24 bytes; four bytes of a NACK name up to 17 packets.
    assert!(reports <= packet.len() / 24 && lost_numbers <= packet.len() / 4 * 17);
});
