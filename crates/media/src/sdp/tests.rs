use super::*;
use proptest::prelude::*;

const FINGERPRINT: &str =
    "3A:96:6D:57:B2:C2:C7:61:A0:46:3E:1C:97:39:D3:F7:0A:88:A0:B1:EC:03:FB:10:A5:5D:3A:37:AB:DD:02:AA";

/// Chromium's transport lines, as in every m-line.
const CHROMIUM_TRANSPORT: &str = "c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:4ZcD
a=ice-pwd:2/1muCWoOi3uLifh0NuRHlYp
a=ice-options:trickle
a=fingerprint:sha-256 FINGERPRINT
a=setup:actpass
";

/// Chromium's audio codecs; the page has asked for NACK.
const CHROMIUM_CODECS: &str = "a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=rtcp-fb:111 nack
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
";

const CHROMIUM_EXTENSIONS: &str = "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
";

/// One audio m-line of Chromium.
fn chromium_audio(mid: &str, direction: &str, more: &str) -> String {
    let transport = CHROMIUM_TRANSPORT.replace("FINGERPRINT", FINGERPRINT);
    format!(
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\n{transport}a=mid:{mid}\n{CHROMIUM_EXTENSIONS}\
         a={direction}\n{CHROMIUM_CODECS}{more}"
    )
}

/// A session of Chromium with the given BUNDLE group and m-lines.
fn chromium(group: &str, media: &[String]) -> String {
    format!(
        "v=0\no=- 4611731400430051336 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE {group}\na=extmap-allow-mixed\n\
         a=msid-semantic: WMS\n{}",
        media.concat()
    )
}

fn chromium_listen() -> String {
    chromium("0 1 2", &["0", "1", "2"].map(|mid| chromium_audio(mid, "recvonly", "")))
}

fn chromium_publish() -> String {
    let more = "a=msid:- 6e1f\na=ssrc:2570980487 cname:hsWuSQJxx7przmb8\na=ssrc:2570980487 msid:- 6e1f\n";
    chromium("0", &[chromium_audio("0", "sendonly", more)])
}

fn chromium_video(mid: &str) -> String {
    let transport = CHROMIUM_TRANSPORT.replace("FINGERPRINT", FINGERPRINT);
    format!(
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97\n{transport}a=mid:{mid}\na=sendrecv\na=rtcp-mux\na=rtpmap:96 VP8/90000\n\
         a=rtcp-fb:96 nack\na=rtcp-fb:96 nack pli\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\n"
    )
}

/// Firefox: fingerprint at session level, its own payload types, extensions with a direction.
fn firefox_listen() -> String {
    let audio = |mid: u8| {
        format!(
            "m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101\nc=IN IP4 0.0.0.0\na=recvonly\n\
             a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\n\
             a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level\n\
             a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\na=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1\n\
             a=fmtp:101 0-15\na=ice-pwd:6a6f7a7d0f5d3a8a1c9b1f6b1a6d0c8e\na=ice-ufrag:5b1c2d3e\na=mid:{mid}\na=rtcp-mux\n\
             a=rtpmap:109 opus/48000/2\na=rtpmap:9 G722/8000/1\na=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\n\
             a=rtpmap:101 telephone-event/8000/1\na=setup:actpass\na=ssrc:{} cname:{{b5e}}\n",
            1000 + u32::from(mid)
        )
    };
    format!(
        "v=0\no=mozilla...THIS_IS_SDPARTA-99.0 7862545342339853912 0 IN IP4 0.0.0.0\ns=-\nt=0 0\na=sendrecv\n\
         a=fingerprint:sha-256 {FINGERPRINT}\na=group:BUNDLE 0 1 2\na=ice-options:trickle\na=msid-semantic:WMS *\n{}{}{}",
        audio(0),
        audio(1),
        audio(2)
    )
}

/// aiortc: gathered candidates, three fingerprints, the default direction.
fn aiortc() -> String {
    format!(
        "v=0\no=- 3972839472 3972839472 IN IP4 0.0.0.0\ns=-\nt=0 0\na=group:BUNDLE 0\na=msid-semantic:WMS *\n\
         m=audio 36045 UDP/TLS/RTP/SAVPF 96 0 8\nc=IN IP4 192.0.2.7\na=sendrecv\n\
         a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\na=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level\na=mid:0\n\
         a=msid:0ac9 5d2c\na=rtcp:9 IN IP4 0.0.0.0\na=rtcp-mux\na=ssrc:1842384923 cname:0ac9\na=rtpmap:96 opus/48000/2\n\
         a=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\na=candidate:a2ca 1 udp 2130706431 192.0.2.7 36045 typ host\n\
         a=end-of-candidates\na=ice-ufrag:vVbM\na=ice-pwd:y8LTwTNvUSAgLRPVmVmHPA\na=fingerprint:sha-512 00:11\n\
         a=fingerprint:sha-256 {FINGERPRINT}\na=setup:actpass\n"
    )
}

/// OBS, by libdatachannel: credentials at session level, active, video and audio.
fn obs() -> String {
    format!(
        "v=0\no=rtc 2431853476 0 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0 1\na=group:LS 0 1\na=msid-semantic:WMS *\n\
         a=setup:actpass\na=ice-ufrag:jkyL\na=ice-pwd:9ljj+BfC3uXHdX1tQ4qA5c\na=ice-options:trickle\n\
         a=fingerprint:sha-256 {FINGERPRINT}\nm=audio 53230 UDP/TLS/RTP/SAVPF 111\nc=IN IP4 192.0.2.8\na=mid:0\n\
         a=sendonly\na=ssrc:1530125124 cname:x\na=rtcp-mux\na=rtpmap:111 opus/48000/2\n\
         a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1\n\
         m=video 53230 UDP/TLS/RTP/SAVPF 96\nc=IN IP4 192.0.2.8\na=mid:1\na=sendonly\na=rtcp-mux\na=rtpmap:96 H264/90000\n\
         a=rtcp-fb:96 nack\na=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1\n"
    )
}

fn ours() -> IceCredentials {
    IceCredentials { ufrag: "AAAAAAAB".to_owned(), pwd: "ourpasswordourpassword".to_owned() }
}

fn answer_to_listen(offer: &Offer, udp: &[&str], tcp: &[&str]) -> String {
    let [udp, tcp] = [udp, tcp].map(|addrs| addrs.iter().map(|a| a.parse().unwrap()).collect::<Vec<_>>());
    let transport = Transport { ice: &ours(), fingerprint: Fingerprint([0xab; 32]), udp: &udp, tcp: &tcp };
    listen_answer(offer, &ListenParams { transport, ssrcs: [11, 12, 13], cname: "c0" }).unwrap()
}

fn answer_to_publish(offer: &Offer) -> String {
    let udp = ["192.0.2.1:3478".parse().unwrap()];
    let transport = Transport { ice: &ours(), fingerprint: Fingerprint([0xab; 32]), udp: &udp, tcp: &[] };
    publish_answer(offer, &PublishParams { transport }).unwrap()
}

/// Compares line by line; `expected` has bare line ends and `DIGEST` for our fingerprint.
fn assert_lines(answer: &str, expected: &str) {
    assert!(answer.ends_with("\r\n") && !answer.contains("\r\n\r\n"));
    let expected = expected.replace("DIGEST", &["AB"; 32].join(":"));
    assert_eq!(answer.split_terminator("\r\n").collect::<Vec<_>>(), expected.lines().collect::<Vec<_>>());
}

#[test]
fn chromium_listens_with_three_slots() {
    let offer = Offer::parse(&chromium_listen()).unwrap();
    assert_eq!((offer.ice.ufrag.as_str(), offer.ice.pwd.as_str()), ("4ZcD", "2/1muCWoOi3uLifh0NuRHlYp"));
    assert_eq!((offer.fingerprint.0[0], offer.fingerprint.0[31]), (0x3a, 0xaa));
    let slot =
        |mid: &str| Slot { mid: mid.to_owned(), payload_type: 111, red: Some(63), level_ext: Some(1), nack: true };
    assert_eq!(offer.listen_slots(), Ok(vec![slot("0"), slot("1"), slot("2")]));
    assert_eq!(offer.publish(), Err(SdpError::NoAudio));
    let answer = answer_to_listen(&offer, &["192.0.2.1:3478", "[2001:db8::1]:3478"], &["192.0.2.1:3478"]);
    assert_lines(
        &answer,
        "v=0
o=- 2351055617237491873 1 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0 1 2
a=ice-lite
m=audio 3478 UDP/TLS/RTP/SAVPF 111 63
c=IN IP4 192.0.2.1
a=mid:0
a=ice-ufrag:AAAAAAAB
a=ice-pwd:ourpasswordourpassword
a=fingerprint:sha-256 DIGEST
a=setup:passive
a=rtcp-mux
a=rtcp-rsize
a=sendonly
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtcp-fb:111 nack
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=msid:voice-1 voice-1
a=ssrc:11 cname:c0
a=candidate:1 1 udp 2130706431 192.0.2.1 3478 typ host
a=candidate:2 1 udp 2130706175 2001:db8::1 3478 typ host
a=candidate:3 1 tcp 2124414975 192.0.2.1 3478 typ host tcptype passive
a=end-of-candidates
m=audio 3478 UDP/TLS/RTP/SAVPF 111 63
c=IN IP4 192.0.2.1
a=mid:1
a=ice-ufrag:AAAAAAAB
a=ice-pwd:ourpasswordourpassword
a=fingerprint:sha-256 DIGEST
a=setup:passive
a=rtcp-mux
a=rtcp-rsize
a=sendonly
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtcp-fb:111 nack
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=msid:voice-2 voice-2
a=ssrc:12 cname:c0
m=audio 3478 UDP/TLS/RTP/SAVPF 111 63
c=IN IP4 192.0.2.1
a=mid:2
a=ice-ufrag:AAAAAAAB
a=ice-pwd:ourpasswordourpassword
a=fingerprint:sha-256 DIGEST
a=setup:passive
a=rtcp-mux
a=rtcp-rsize
a=sendonly
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtcp-fb:111 nack
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=msid:voice-3 voice-3
a=ssrc:13 cname:c0",
    );
}

#[test]
fn chromium_publishes_redundant_audio() {
    // With the line ends that SDP prescribes, too.
    for text in [chromium_publish(), chromium_publish().replace('\n', "\r\n")] {
        let offer = Offer::parse(&text).unwrap();
        let expected = PublishLine {
            mid: "0".to_owned(),
            opus_pt: 111,
            red_pt: Some(63),
            level_ext: Some(1),
            mid_ext: Some(4),
            ssrc: Some(2_570_980_487),
            nack: true,
        };
        assert_eq!(offer.publish(), Ok(expected));
        assert_eq!(offer.listen_slots(), Err(SdpError::NoAudio));
        assert_lines(
            &answer_to_publish(&offer),
            "v=0
o=- 2351055617237491873 1 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0
a=ice-lite
m=audio 3478 UDP/TLS/RTP/SAVPF 63 111
c=IN IP4 192.0.2.1
a=mid:0
a=ice-ufrag:AAAAAAAB
a=ice-pwd:ourpasswordourpassword
a=fingerprint:sha-256 DIGEST
a=setup:passive
a=rtcp-mux
a=rtcp-rsize
a=recvonly
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1;usedtx=0;maxaveragebitrate=40000
a=ptime:20
a=rtcp-fb:111 nack
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=candidate:1 1 udp 2130706431 192.0.2.1 3478 typ host
a=end-of-candidates",
        );
    }
}

#[test]
fn firefox_listens_in_stereo_without_nack() {
    let offer = Offer::parse(&firefox_listen()).unwrap();
    assert_eq!(offer.ice.ufrag, "5b1c2d3e");
    let slots = offer.listen_slots().unwrap();
    assert_eq!(slots.len(), SLOTS);
    assert_eq!(slots[2], Slot { mid: "2".to_owned(), payload_type: 109, red: None, level_ext: Some(1), nack: false });
    let answer = answer_to_listen(&offer, &["[2001:db8::1]:3478"], &[]);
    assert!(answer.contains("\r\nc=IN IP6 2001:db8::1\r\n"));
    assert!(answer.contains("\r\na=fmtp:109 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1\r\n"));
    assert!(!answer.contains("nack") && !answer.contains("rsize") && !answer.contains("hdrext:sdes"));
}

#[test]
fn aiortc_may_listen_or_publish() {
    let offer = Offer::parse(&aiortc()).unwrap();
    let slots = offer.listen_slots().unwrap();
    assert_eq!(slots, [Slot { mid: "0".to_owned(), payload_type: 96, red: None, level_ext: Some(2), nack: false }]);
    let line = offer.publish().unwrap();
    assert_eq!((line.opus_pt, line.red_pt, line.mid_ext, line.ssrc), (96, None, Some(1), Some(1_842_384_923)));
    let answer = answer_to_publish(&offer);
    assert!(answer.contains("\r\nm=audio 3478 UDP/TLS/RTP/SAVPF 96\r\n") && !answer.contains("red/48000"));
}

#[test]
fn obs_publishes_without_its_video() {
    let offer = Offer::parse(&obs()).unwrap();
    assert_eq!((offer.ice.ufrag.as_str(), offer.publish().unwrap().ssrc), ("jkyL", Some(1_530_125_124)));
    let answer = answer_to_publish(&offer);
    assert!(answer.contains("\r\na=group:BUNDLE 0\r\n"));
    // It announces stereo, and is asked for it.
    let music = "a=fmtp:111 minptime=10;useinbandfec=1;usedtx=0;maxaveragebitrate=128000;stereo=1\r\n";
    assert!(answer.contains(music), "{answer}");
    let rejected =
        "m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=inactive\r\na=rtpmap:96 H264/90000\r\n";
    assert!(answer.ends_with(rejected), "{answer}");
}

#[test]
fn other_m_lines_keep_their_places_and_are_rejected() {
    let data =
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\nc=IN IP4 0.0.0.0\na=mid:d\na=sctp-port:5000\n".to_owned();
    let stopped = "m=audio 0 UDP/TLS/RTP/SAVPF 111\na=mid:s\na=inactive\na=rtpmap:111 opus/48000/2\n".to_owned();
    let audio = |mid: &str| chromium_audio(mid, "recvonly", "");
    let media = [chromium_video("v"), stopped, audio("a"), data, audio("b"), audio("unbundled")];
    let offer = Offer::parse(&chromium("v s a d b", &media)).unwrap();
    // Two that receive are not three: one slot.
    assert_eq!(offer.listen_slots().unwrap().iter().map(|s| s.mid.as_str()).collect::<Vec<_>>(), ["a"]);
    let answer = answer_to_listen(&offer, &[], &["192.0.2.1:443"]);
    let lines = answer.split_terminator("\r\n").filter(|l| ["m=", "a=mid", "a=gr"].iter().any(|p| l.starts_with(p)));
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            "a=group:BUNDLE a",
            "m=video 0 UDP/TLS/RTP/SAVPF 96",
            "a=mid:v",
            "m=audio 0 UDP/TLS/RTP/SAVPF 111",
            "a=mid:s",
            "m=audio 443 UDP/TLS/RTP/SAVPF 111 63",
            "a=mid:a",
            "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
            "a=mid:d",
            "m=audio 0 UDP/TLS/RTP/SAVPF 111",
            "a=mid:b",
            "m=audio 0 UDP/TLS/RTP/SAVPF 111",
            "a=mid:unbundled",
        ]
    );
    assert!(answer.contains("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:d\r\nm="));
}

#[test]
fn bundle_only_lines_use_the_transport_of_the_first() {
    let bundled = |mid: &str| {
        format!("m=audio 0 UDP/TLS/RTP/SAVPF 111\na=mid:{mid}\na=bundle-only\na=recvonly\na=rtpmap:111 opus/48000/2\n")
    };
    let offer = chromium("v 1 2 3", &[chromium_video("v"), bundled("1"), bundled("2"), bundled("3")]);
    let offer = Offer::parse(&offer).unwrap();
    assert_eq!((offer.ice.ufrag.as_str(), offer.listen_slots().unwrap().len()), ("4ZcD", 3));
}

#[test]
fn a_single_m_line_needs_no_mid_or_bundle() {
    let text = chromium_publish().replace("a=group:BUNDLE 0\n", "").replace("a=mid:0\n", "");
    let offer = Offer::parse(&text).unwrap();
    assert_eq!(offer.publish().unwrap().mid, "");
    let answer = answer_to_publish(&offer);
    assert!(!answer.contains("BUNDLE") && !answer.contains("a=mid"));
    assert_eq!(Offer::parse(&text.replace("a=rtcp-mux\n", "")).unwrap_err(), SdpError::Invalid("no rtcp-mux"));
}

#[test]
fn red_counts_only_if_all_of_it_is_opus() {
    for (fmtp, red_pt) in [("111/111", Some(63)), ("111", Some(63)), ("111/0", None), ("0/0", None), ("", None)] {
        let text = chromium_publish().replace("a=fmtp:63 111/111", &format!("a=fmtp:63 {fmtp}"));
        assert_eq!(Offer::parse(&text).unwrap().publish().unwrap().red_pt, red_pt, "{fmtp}");
    }
}

#[test]
fn nack_and_extensions_are_read_as_offered() {
    let line = |from: &str, to: &str| Offer::parse(&chromium_publish().replace(from, to)).unwrap().publish().unwrap();
    assert!(line("a=rtcp-fb:111 nack", "a=rtcp-fb:* nack").nack);
    assert!(!line("a=rtcp-fb:111 nack", "a=rtcp-fb:111 nack pli").nack);
    assert!(!line("a=rtcp-fb:111 nack", "a=rtcp-fb:63 nack").nack);
    assert_eq!(line("a=extmap:1 urn", "a=extmap:14/sendonly urn").level_ext, Some(14));
    assert_eq!(line("a=extmap:1 urn", "a=extmap:15 urn").level_ext, None);
}

#[test]
fn what_does_not_fit_is_told_apart() {
    let video = chromium("v", &[chromium_video("v")]);
    assert_eq!(Offer::parse(&video).unwrap_err(), SdpError::NoAudio);
    for (from, to, error) in [
        ("opus/48000/2", "opus/8000", SdpError::NoCommonCodec),
        ("a=sendonly", "a=inactive", SdpError::NoAudio),
        ("a=sendonly", "a=recvonly", SdpError::NoAudio),
    ] {
        let offer = Offer::parse(&chromium_publish().replace(from, to)).unwrap();
        assert_eq!(offer.publish(), Err(error), "{to}");
    }
    for protocol in ["RTP/AVP", "UDP/TLS/RTP/SAVP"] {
        let plain = chromium_publish().replace("UDP/TLS/RTP/SAVPF", protocol);
        assert_eq!(Offer::parse(&plain).unwrap_err(), SdpError::NoAudio);
    }
    assert_eq!(SdpError::Invalid("x").code(), "invalid_sdp");
    assert_eq!((SdpError::NoAudio.code(), SdpError::NoCommonCodec.code()), ("no_audio", "no_common_codec"));
}

#[test]
fn what_cannot_be_answered_is_invalid() {
    let long_mid = format!("a=mid:{}", "m".repeat(TOKEN_MAX + 1));
    for (from, to) in [
        ("v=0", "v=1"),
        ("v=0", ""),
        ("s=-", "nothing"),
        ("a=ice-ufrag:4ZcD", "a=ice-ufrag:4Zc"),
        ("a=ice-ufrag:4ZcD", "a=ice-ufrag:4Z-D"),
        ("a=ice-ufrag:4ZcD\n", ""),
        ("a=ice-pwd:2/1muCWoOi3uLifh0NuRHlYp", "a=ice-pwd:short"),
        ("a=ice-pwd:2/1muCWoOi3uLifh0NuRHlYp\n", ""),
        ("sha-256", "sha-1"),
        ("3A:96", "3A96"),
        (":02:AA", ":02"),
        (":02:AA", ":02:AA:00"),
        (":02:AA", ":02:+A"),
        ("a=setup:actpass", "a=setup:passive"),
        ("a=setup:actpass", "a=setup:holdconn"),
        ("m=audio 9 ", "m=audio "),
        ("m=audio 9 ", "m=audio 99999 "),
        ("UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126", "UDP/TLS/RTP/SAVPF"),
        ("a=mid:0", "a=mid:0 0"),
        ("a=mid:0", "a=mid:"),
        ("a=mid:0", &long_mid),
    ] {
        let result = Offer::parse(&chromium_publish().replace(from, to));
        assert!(matches!(result, Err(SdpError::Invalid(_))), "{from} -> {to}: {result:?}");
    }
    let invalid = |text: String| matches!(Offer::parse(&text), Err(SdpError::Invalid(_)));
    assert!(invalid(String::new()));
    assert!(invalid(chromium("0", &[chromium_audio("0", "sendonly", ""), chromium_audio("0", "sendonly", "")])));
    assert!(Offer::parse(&chromium_publish().replace("a=setup:actpass", "a=setup:active")).is_ok());
}

#[test]
fn limits_are_kept() {
    let parse = |more: &str| Offer::parse(&(chromium_publish() + more)).map(|_| ());
    assert_eq!(parse(&format!("a={}\n", "x".repeat(LINE_MAX - 2))), Ok(()));
    assert_eq!(parse(&format!("a={}\n", "x".repeat(LINE_MAX - 1))), Err(SdpError::Invalid("line too long")));
    assert_eq!(parse(&"m=audio 0 RTP/AVP 0\n".repeat(MEDIA_MAX - 1)), Ok(()));
    assert_eq!(parse(&"m=audio 0 RTP/AVP 0\n".repeat(MEDIA_MAX)), Err(SdpError::Invalid("too many m-lines")));
    let room = OFFER_MAX - chromium_publish().len();
    assert_eq!(parse(&"\n".repeat(room)), Ok(()));
    assert_eq!(parse(&"\n".repeat(room + 1)), Err(SdpError::Invalid("too large")));
}

proptest! {
    /// Cuts, doubles, swaps and overwrites pieces of real offers: parsing never panics, and what can be answered is
    /// answered by as many m-lines, each with the mid of the one offered, and none of its own making.
    #[test]
    fn mangled_offers_never_panic(
        which in 0usize..5,
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<proptest::sample::Index>(), 0u8..4, ".{0,8}"), 0..6),
    ) {
        let text = [chromium_listen(), chromium_publish(), firefox_listen(), aiortc(), obs()][which].clone();
        let mut lines = text.lines().map(str::to_owned).collect::<Vec<_>>();
        for (at, other, edit, text) in edits {
            if lines.is_empty() {
                break;
            }
            let (at, other) = (at.index(lines.len()), other.index(lines.len()));
            match edit {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, lines[other].clone()),
                2 => lines.swap(at, other),
                _ => {
                    let cut = lines[at].floor_char_boundary(other % (lines[at].len() + 1));
                    lines[at].insert_str(cut, &text);
                }
            }
        }
        let text = lines.join("\n");
        let Ok(offer) = Offer::parse(&text) else { return Ok(()) };
        let mut answers = Vec::new();
        if offer.listen_slots().is_ok() {
            answers.push(answer_to_listen(&offer, &["192.0.2.1:1"], &[]));
        }
        if offer.publish().is_ok() {
            answers.push(answer_to_publish(&offer));
        }
        for answer in answers {
            let mids = |text: &str| text.lines().filter(|l| l.starts_with("a=mid:")).count();
            prop_assert_eq!(answer.lines().filter(|l| l.starts_with("m=")).count(), offer.media.len());
            prop_assert!(mids(&answer) <= mids(&text));
            prop_assert!(answer.split_terminator("\r\n").all(|l| !l.contains(['\r', '\n'])));
        }
    }

    #[test]
    fn garbage_never_panics(text in "(v=0\n)?([a-z]=[ -~]{0,30}\n|a=(mid|fmtp|rtpmap|extmap|ssrc|group|rtcp-fb|fingerprint):[ -~é]{0,20}\n|m=audio [0-9]{0,6} [A-Z/]{0,9} [0-9 ]{0,9}\n){0,12}") {
        let _ = Offer::parse(&text);
    }
}
