//! Writing answers: always ICE-lite, the DTLS server, everything bundled, all candidates inside.

use std::net::{IpAddr, SocketAddr};

use crate::frame::SLOTS;
use crate::leg::{Fingerprint, IceCredentials};

use super::{AUDIO_LEVEL_URI, MID_URI, Media, Offer, SdpError, token};

/// The most that we ask publishers to send, in bit/s (RFC 7587, section 7.1). More costs every listener; below 32,000
/// Opus gives up some of the voice's upper band when it adds redundancy.
const MAX_AVERAGE_BITRATE: u32 = 40_000;

/// The same of publishers who announce stereo, which is music: at 128,000 few can tell Opus from the original (RFC 7587,
/// section 3.1.1, has 64,000 to 128,000 for stereo music). More costs every listener.
const MAX_STEREO_BITRATE: u32 = 128_000;

/// Type preference of host candidates (RFC 8445, section 5.1.2.2).
const HOST_PREFERENCE: u32 = 126;

/// What both kinds of answer say of us.
#[derive(Debug, Clone, Copy)]
pub struct Transport<'a> {
    /// Our ICE credentials.
    pub ice: &'a IceCredentials,
    /// Our certificate.
    pub fingerprint: Fingerprint,
    /// Where we receive UDP, best first.
    pub udp: &'a [SocketAddr],
    /// Where we accept TCP (RFC 6544), best first.
    pub tcp: &'a [SocketAddr],
}

/// What [`listen_answer`] needs.
#[derive(Debug, Clone, Copy)]
pub struct ListenParams<'a> {
    /// Our side of the transport.
    pub transport: Transport<'a>,
    /// The stream of each slot; with one slot only the first is used.
    pub ssrcs: [u32; SLOTS],
    /// Names us in RTCP (RFC 7022): a random token, not the name of anything.
    pub cname: &'a str,
}

/// What [`publish_answer`] needs.
#[derive(Debug, Clone, Copy)]
pub struct PublishParams<'a> {
    /// Our side of the transport.
    pub transport: Transport<'a>,
}

/// Answers an offer to listen: we send on the m-lines of [`Offer::listen_slots`] and reject the others. Each slot is a
/// media stream of its own, `voice-1` to `voice-3`, so that a browser does not try to keep them in step.
///
/// # Errors
/// As [`Offer::listen_slots`].
pub fn listen_answer(offer: &Offer, params: &ListenParams<'_>) -> Result<String, SdpError> {
    let mut accepted = Vec::new();
    for (n, ((at, slot), ssrc)) in offer.listen_lines()?.into_iter().zip(params.ssrcs).enumerate() {
        let pt = slot.payload_type;
        // Whoever asks for stereo gets it when the talker sends it; other decoders mix it down (RFC 7587, section 7.1).
        let stereo = offer.media[at].attributes.has_parameter(pt, "stereo=1");
        let stereo = if stereo { ";stereo=1;sprop-stereo=1" } else { "" };
        let (voice, cname) = (format!("voice-{}", n + 1), params.cname);
        let mut lines = vec![
            "a=sendonly".to_owned(),
            format!("a=rtpmap:{pt} opus/48000/2"),
            format!("a=fmtp:{pt} minptime=10;useinbandfec=1{stereo}"),
        ];
        // Second: it is sent to those who lose packets.
        if let Some(red) = slot.red {
            lines.extend([format!("a=rtpmap:{red} red/48000/2"), format!("a=fmtp:{red} {pt}/{pt}")]);
        }
        lines.extend(slot.nack.then(|| format!("a=rtcp-fb:{pt} nack")));
        lines.extend(slot.level_ext.map(|id| format!("a=extmap:{id} {AUDIO_LEVEL_URI}")));
        lines.extend([format!("a=msid:{voice} {voice}"), format!("a=ssrc:{ssrc} cname:{cname}")]);
        let formats = slot.red.map_or(pt.to_string(), |red| format!("{pt} {red}"));
        accepted.push(Accepted { at, formats, lines });
    }
    Ok(write_answer(offer, &params.transport, accepted))
}

/// Answers an offer to publish: we receive on the m-line of [`Offer::publish`], redundant audio before plain if it was
/// offered, and reject the others. An offer that is likely to send stereo (`sprop-stereo=1`, RFC 7587, section 6.1) is asked
/// for it, at a higher bitrate.
///
/// # Errors
/// As [`Offer::publish`].
pub fn publish_answer(offer: &Offer, params: &PublishParams<'_>) -> Result<String, SdpError> {
    let (at, line) = offer.publish_line()?;
    let pt = line.opus_pt;
    let mut lines = vec!["a=recvonly".to_owned()];
    if let Some(red) = line.red_pt {
        lines.extend([format!("a=rtpmap:{red} red/48000/2"), format!("a=fmtp:{red} {pt}/{pt}")]);
    }
    let stereo = offer.media[at].attributes.has_parameter(pt, "sprop-stereo=1");
    let (bitrate, stereo) = if stereo { (MAX_STEREO_BITRATE, ";stereo=1") } else { (MAX_AVERAGE_BITRATE, "") };
    lines.extend([
        format!("a=rtpmap:{pt} opus/48000/2"),
        format!("a=fmtp:{pt} minptime=10;useinbandfec=1;usedtx=0;maxaveragebitrate={bitrate}{stereo}"),
        "a=ptime:20".to_owned(),
    ]);
    lines.extend(line.nack.then(|| format!("a=rtcp-fb:{pt} nack")));
    lines.extend(line.level_ext.map(|id| format!("a=extmap:{id} {AUDIO_LEVEL_URI}")));
    lines.extend(line.mid_ext.map(|id| format!("a=extmap:{id} {MID_URI}")));
    let formats = line.red_pt.map_or(pt.to_string(), |red| format!("{red} {pt}"));
    Ok(write_answer(offer, &params.transport, vec![Accepted { at, formats, lines }]))
}

/// An m-line that is accepted, and what is particular to its kind of leg. Transport-wide congestion control is never in
/// it: its feedback would cost more than the voice.
struct Accepted {
    /// Where it is in the offer.
    at: usize,
    /// Payload types, best first.
    formats: String,
    /// Its a-lines besides those of the transport.
    lines: Vec<String>,
}

/// Writes the session, and an m-line for each one offered, in their order (RFC 8829, section 5.3.1).
fn write_answer(offer: &Offer, transport: &Transport<'_>, accepted: Vec<Accepted>) -> String {
    // The session id has to be unique (RFC 8866, section 5.2): it is made of our ufrag, which was drawn for this leg.
    let ufrag = transport.ice.ufrag.bytes();
    let session_id = ufrag.fold(0u64, |id, byte| id.rotate_left(8) ^ u64::from(byte)) >> 1;
    let mut out = vec!["v=0".to_owned(), format!("o=- {session_id} 1 IN IP4 0.0.0.0"), "s=-".to_owned()];
    out.push("t=0 0".to_owned());
    if !offer.bundle.is_empty() {
        let mids = accepted.iter().filter_map(|line| offer.media[line.at].attributes.mid.as_deref());
        out.push(format!("a=group:BUNDLE {}", mids.collect::<Vec<_>>().join(" ")));
    }
    out.push("a=ice-lite".to_owned());
    // Candidates are those of the bundle, and stand once, at its first m-line (RFC 8843, section 10.1).
    let first = accepted.first().map(|line| line.at);
    let mut accepted = accepted.into_iter().peekable();
    for (at, media) in offer.media.iter().enumerate() {
        match accepted.next_if(|line| line.at == at) {
            Some(line) => {
                write_transport(&mut out, transport, media, &line.formats);
                out.extend(line.lines);
                if first == Some(at) {
                    write_candidates(&mut out, transport);
                }
            }
            None => write_rejected(&mut out, media),
        }
    }
    out.push(String::new());
    out.join("\r\n")
}

/// The lines of an accepted m-line that say where we are and who we are.
fn write_transport(out: &mut Vec<String>, transport: &Transport<'_>, media: &Media, formats: &str) {
    // The default destination (RFC 8839, section 4.2.1.2) is the best candidate there is.
    let default = transport.udp.first().or(transport.tcp.first());
    out.push(format!("m=audio {} {} {formats}", default.map_or(9, SocketAddr::port), media.protocol));
    out.push(match default.map(SocketAddr::ip) {
        Some(IpAddr::V6(ip)) => format!("c=IN IP6 {ip}"),
        Some(IpAddr::V4(ip)) => format!("c=IN IP4 {ip}"),
        None => "c=IN IP4 0.0.0.0".to_owned(),
    });
    out.extend(media.attributes.mid.as_ref().map(|mid| format!("a=mid:{mid}")));
    let digest = transport.fingerprint.0.map(|byte| format!("{byte:02X}")).join(":");
    out.extend([
        format!("a=ice-ufrag:{}", transport.ice.ufrag),
        format!("a=ice-pwd:{}", transport.ice.pwd),
        format!("a=fingerprint:sha-256 {digest}"),
        "a=setup:passive".to_owned(),
        "a=rtcp-mux".to_owned(),
    ]);
    out.extend(media.attributes.rtcp_rsize.then(|| "a=rtcp-rsize".to_owned()));
}

/// Host candidates with priorities in the order given, UDP above TCP.
fn write_candidates(out: &mut Vec<String>, transport: &Transport<'_>) {
    let udp = transport.udp.iter().zip(0..).map(|(addr, n)| (addr, "udp", 65_535 - n, ""));
    // Passive TCP has direction preference 4, in the upper three bits (RFC 6544, section 4.2).
    let tcp = transport.tcp.iter().zip(0..).map(|(addr, n)| (addr, "tcp", (4 << 13) + 8191 - n, " tcptype passive"));
    for ((addr, protocol, local_preference, tcp_type), foundation) in udp.chain(tcp).zip(1..) {
        // RFC 8445, section 5.1.2.1, for component 1. Each candidate has an address or a protocol of its own, and so a
        // foundation of its own.
        let priority: u32 = HOST_PREFERENCE << 24 | local_preference << 8 | 255;
        let (ip, port) = (addr.ip(), addr.port());
        out.push(format!("a=candidate:{foundation} 1 {protocol} {priority} {ip} {port} typ host{tcp_type}"));
    }
    out.push("a=end-of-candidates".to_owned());
}

/// Rejects an m-line: port 0, outside the BUNDLE group (RFC 8829, section 5.3.1).
fn write_rejected(out: &mut Vec<String>, media: &Media) {
    // One format is enough, and it is named if it was, because some parsers want every payload type explained.
    let format = media.formats.first().map_or("0", String::as_str);
    out.push(format!("m={} 0 {} {format}", media.kind, media.protocol));
    out.push("c=IN IP4 0.0.0.0".to_owned());
    out.extend(media.attributes.mid.as_ref().map(|mid| format!("a=mid:{mid}")));
    if media.kind == "audio" || media.kind == "video" {
        out.push("a=inactive".to_owned());
    }
    let named = media.attributes.rtpmaps.iter().find(|(pt, _)| format.parse() == Ok(*pt));
    let named = named.filter(|(_, name)| name.split('/').all(|part| token(part, "rtpmap").is_ok()));
    out.extend(named.map(|(pt, name)| format!("a=rtpmap:{pt} {name}")));
}
