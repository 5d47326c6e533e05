//! SDP offers, as anybody with a session can post them: no input may panic, and an answer that we give is well-formed
//! whatever the offer named its lines.

#![no_main]

use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use roomtone_media::leg::{Fingerprint, IceCredentials};
use roomtone_media::sdp::{ListenParams, Offer, PublishParams, Transport, listen_answer, publish_answer};

fuzz_target!(|text: &str| {
    let Ok(offer) = Offer::parse(text) else { return };
    let ice = IceCredentials { ufrag: "ufrag".to_owned(), pwd: "a-password-of-24-letters".to_owned() };
    let addresses =
        [SocketAddr::from(([192, 0, 2, 1], 47_000)), SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 1))];
    let transport = Transport { ice: &ice, fingerprint: Fingerprint([7; 32]), udp: &addresses, tcp: &addresses };

    let listen = ListenParams { transport, ssrcs: [1, 2, 3], cname: "cname" };
    let answer = listen_answer(&offer, &listen);
    assert_eq!(answer.is_ok(), offer.listen_slots().is_ok());
    answer.iter().for_each(|answer| check(answer));

    let answer = publish_answer(&offer, &PublishParams { transport });
    assert_eq!(answer.is_ok(), offer.publish().is_ok());
    answer.iter().for_each(|answer| check(answer));
});

/// Each line is `TYPE=VALUE` and ends with CRLF (RFC 8866, section 5): nothing from the offer made a line of its own.
fn check(answer: &str) {
    assert!(answer.starts_with("v=0\r\n") && answer.ends_with("\r\n"));
    for line in answer.trim_end_matches("\r\n").split("\r\n") {
        assert!(line.len() > 2 && line.as_bytes()[1] == b'=' && !line.contains(['\r', '\n', '\0']), "{line:?}");
    }
}
