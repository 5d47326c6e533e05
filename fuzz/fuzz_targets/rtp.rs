//! RTP headers: no input may panic, and everything that is found lies inside the packet.

#![no_main]

use libfuzzer_sys::fuzz_target;
use roomtone_media::rtp::{header_len, kind, parse_header};

fuzz_target!(|packet: &[u8]| {
    kind(packet);
    let Some(parsed) = parse_header(packet) else { return };
    assert_eq!(header_len(packet), Some(parsed.header_len));
    assert!(parsed.header_len <= parsed.payload.start && parsed.payload.end <= packet.len());
    assert!(parsed.payload_type < 128);
    assert_eq!(parsed.csrcs(packet).count(), usize::from(packet[0] & 0x0f));
    for id in 0..=u8::MAX {
        let value = parsed.extension(packet, id).unwrap_or_default();
        assert!(value.len() <= parsed.header_len);
        if let Some((level, _)) = parsed.audio_level(packet, id) {
            assert!(level < 128);
        }
    }
});
