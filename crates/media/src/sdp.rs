//! SDP of the two kinds of leg: reading offers, writing answers.
//!
//! Only what a leg needs: RFC 8866 (the format), RFC 8829 (what browsers offer), RFC 8843 (BUNDLE), RFC 8839 (ICE),
//! RFC 8842 (DTLS), RFC 9725 (WHIP). What an offer says of other things is passed over; what it says of these must be right.
//!
//! Invariant: everything of an offer that an answer repeats is a token, so an offer cannot smuggle lines into it.

mod answer;

use std::collections::BTreeSet;
use std::fmt;

use crate::frame::SLOTS;
use crate::leg::{Fingerprint, IceCredentials};

pub use answer::{ListenParams, PublishParams, Transport, listen_answer, publish_answer};

/// Longest offer that is read, in bytes.
pub const OFFER_MAX: usize = 64 * 1024;

/// Longest line that is read, in bytes. Browsers stay below 400.
const LINE_MAX: usize = 2048;

/// Most m-lines that are read.
const MEDIA_MAX: usize = 32;

/// Longest token that an answer repeats, in bytes.
const TOKEN_MAX: usize = 64;

/// Header extension of RFC 6464.
const AUDIO_LEVEL_URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

/// Header extension of RFC 8843, section 15.
const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

/// The ways to say RTP over DTLS-SRTP that RFC 8829, section 5.1.2, wants accepted.
const PROTOCOLS: [&str; 4] = ["UDP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "RTP/SAVPF"];

/// Why an offer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Not an SDP offer that can be answered; says what is wrong.
    #[error("not an SDP offer that can be answered: {0}")]
    Invalid(&'static str),
    /// Nothing in it fits this kind of leg.
    #[error("the offer has no audio that fits this kind of leg")]
    NoAudio,
    /// Audio, but not Opus.
    #[error("the offer has no Opus")]
    NoCommonCodec,
}

impl SdpError {
    /// The code of docs/PROTOCOL.md.
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_sdp",
            Self::NoAudio => "no_audio",
            Self::NoCommonCodec => "no_common_codec",
        }
    }
}

/// An offer, read.
#[derive(Clone)]
pub struct Offer {
    /// The peer's ICE credentials: those of the first audio m-line, which everything is bundled on.
    pub ice: IceCredentials,
    /// The peer's certificate, likewise.
    pub fingerprint: Fingerprint,
    /// All m-lines, in order.
    media: Vec<Media>,
    /// The m-lines that share the transport of the first audio m-line, by `mid`; empty if it stands alone.
    bundle: Vec<String>,
    /// Where in `media` the first audio m-line is that is not rejected.
    first_audio: usize,
}

/// Tells nothing of what is in it: credentials and names of streams are nobody's business.
impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Offer({} m-lines)", self.media.len())
    }
}

/// One audio m-line on which we send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its identification (RFC 8843); empty if it has none.
    pub mid: String,
    /// Payload type of Opus.
    pub payload_type: u8,
    /// Payload type of redundant audio (RFC 2198) that carries Opus, if offered.
    pub red: Option<u8>,
    /// Id of the audio level extension (RFC 6464), 1 to 14, if offered.
    pub level_ext: Option<u8>,
    /// Whether generic NACK (RFC 4585) is offered.
    pub nack: bool,
}

/// The audio m-line on which we receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishLine {
    /// Its identification (RFC 8843); empty if it has none.
    pub mid: String,
    /// Payload type of Opus.
    pub opus_pt: u8,
    /// Payload type of redundant audio (RFC 2198) that carries Opus, if offered.
    pub red_pt: Option<u8>,
    /// Id of the audio level extension (RFC 6464), 1 to 14, if offered.
    pub level_ext: Option<u8>,
    /// Id of the MID extension (RFC 8843), 1 to 14, if offered.
    pub mid_ext: Option<u8>,
    /// The stream, if the offer names it.
    pub ssrc: Option<u32>,
    /// Whether generic NACK (RFC 4585) is offered.
    pub nack: bool,
}

impl Offer {
    /// Reads an offer.
    ///
    /// # Errors
    /// [`SdpError::Invalid`] if it is not SDP, is too large, or cannot be answered: no ICE credentials, no SHA-256
    /// fingerprint, a DTLS role that leaves us the client, no multiplexing of RTCP. [`SdpError::NoAudio`] without an
    /// audio m-line.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        let (session, media) = parse_sections(text)?;
        let mut mids = BTreeSet::new();
        if !media.iter().filter_map(|m| m.attributes.mid.as_deref()).all(|mid| mids.insert(mid)) {
            return Err(SdpError::Invalid("two m-lines with one mid"));
        }
        let first_audio = media.iter().position(Media::is_usable_audio).ok_or(SdpError::NoAudio)?;
        let first = &media[first_audio].attributes;
        let in_group = |group: &&Vec<String>| first.mid.as_ref().is_some_and(|mid| group.contains(mid));
        let bundle = session.bundles.iter().find(in_group).cloned().unwrap_or_default();
        // An m-line that is only ever bundled has no transport of its own, but that of its group's first.
        let tagged = bundle.first().and_then(|mid| media.iter().find(|m| m.attributes.mid.as_ref() == Some(mid)));
        let places = [Some(first), Some(&session), tagged.map(|m| &m.attributes)];
        let places = places.into_iter().flatten().collect::<Vec<_>>();

        let ufrag = places.iter().find_map(|p| p.ice_ufrag.clone()).ok_or(SdpError::Invalid("no ice-ufrag"))?;
        let pwd = places.iter().find_map(|p| p.ice_pwd.clone()).ok_or(SdpError::Invalid("no ice-pwd"))?;
        let fingerprint = places.iter().find_map(|p| p.fingerprint);
        let fingerprint = fingerprint.ok_or(SdpError::Invalid("no sha-256 fingerprint"))?;
        if places.iter().find_map(|p| p.peer_can_be_active) == Some(false) {
            return Err(SdpError::Invalid("setup must be actpass or active"));
        }
        // Bundled m-lines always multiplex (RFC 8843, section 9.3).
        if bundle.is_empty() && !first.rtcp_mux && !session.rtcp_mux {
            return Err(SdpError::Invalid("no rtcp-mux"));
        }
        Ok(Self { ice: IceCredentials { ufrag, pwd }, fingerprint, media, bundle, first_audio })
    }

    /// The m-lines of a listen leg, on which we send: [`SLOTS`] if there are as many that receive Opus, else the first.
    ///
    /// # Errors
    /// [`SdpError::NoAudio`] if no audio m-line receives, [`SdpError::NoCommonCodec`] if none of these knows Opus.
    pub fn listen_slots(&self) -> Result<Vec<Slot>, SdpError> {
        Ok(self.listen_lines()?.into_iter().map(|(_, slot)| slot).collect())
    }

    /// The m-line of a publish leg, on which we receive: the first audio m-line that sends Opus.
    ///
    /// # Errors
    /// [`SdpError::NoAudio`] if no audio m-line sends, [`SdpError::NoCommonCodec`] if none of these knows Opus.
    pub fn publish(&self) -> Result<PublishLine, SdpError> {
        Ok(self.publish_line()?.1)
    }

    /// The slots and where their m-lines are.
    fn listen_lines(&self) -> Result<Vec<(usize, Slot)>, SdpError> {
        let mut lines = self.audio_lines(Direction::receives)?;
        lines.truncate(if lines.len() < SLOTS { 1 } else { SLOTS });
        let slot = |(at, opus): (usize, u8)| {
            let media = &self.media[at];
            let slot = Slot {
                mid: media.attributes.mid.clone().unwrap_or_default(),
                payload_type: opus,
                red: media.red(opus),
                level_ext: media.attributes.extension(AUDIO_LEVEL_URI),
                nack: media.attributes.has_nack(opus),
            };
            (at, slot)
        };
        Ok(lines.into_iter().map(slot).collect())
    }

    /// The m-line of a publish leg and where it is.
    fn publish_line(&self) -> Result<(usize, PublishLine), SdpError> {
        let (at, opus) = self.audio_lines(Direction::sends)?[0];
        let media = &self.media[at];
        let line = PublishLine {
            mid: media.attributes.mid.clone().unwrap_or_default(),
            opus_pt: opus,
            red_pt: media.red(opus),
            level_ext: media.attributes.extension(AUDIO_LEVEL_URI),
            mid_ext: media.attributes.extension(MID_URI),
            ssrc: media.attributes.ssrc,
            nack: media.attributes.has_nack(opus),
        };
        Ok((at, line))
    }

    /// The audio m-lines on the common transport that have a fitting direction and Opus, with its payload type; at
    /// least one.
    fn audio_lines(&self, fits: fn(Direction) -> bool) -> Result<Vec<(usize, u8)>, SdpError> {
        let on_transport = |at: usize, media: &Media| match &media.attributes.mid {
            Some(mid) if !self.bundle.is_empty() => self.bundle.contains(mid),
            _ => at == self.first_audio,
        };
        let fitting = |(at, media): &(usize, &Media)| {
            media.is_usable_audio() && on_transport(*at, media) && media.direction().is_some_and(fits)
        };
        let mut lines = self.media.iter().enumerate().filter(fitting).peekable();
        lines.peek().ok_or(SdpError::NoAudio)?;
        let lines = lines.filter_map(|(at, media)| Some((at, media.opus()?))).collect::<Vec<_>>();
        if lines.is_empty() { Err(SdpError::NoCommonCodec) } else { Ok(lines) }
    }
}

/// One m-line and what belongs to it.
#[derive(Clone)]
struct Media {
    /// "audio", "video", "application".
    kind: String,
    /// Port 0 means that it is rejected, unless it is only ever bundled.
    port: u16,
    protocol: String,
    /// Payload types in order of preference, or whatever the protocol has there.
    formats: Vec<String>,
    attributes: Attributes,
    /// What holds where the m-line says nothing.
    session_direction: Option<Direction>,
}

impl Media {
    fn is_usable_audio(&self) -> bool {
        let rejected = self.port == 0 && !self.attributes.bundle_only;
        self.kind == "audio" && !rejected && PROTOCOLS.contains(&self.protocol.as_str())
    }

    /// `None`: inactive.
    fn direction(&self) -> Option<Direction> {
        match self.attributes.direction.or(self.session_direction) {
            Some(Direction::Inactive) => None,
            given => Some(given.unwrap_or(Direction::SendRecv)),
        }
    }

    /// Payload types in order of preference.
    fn payload_types(&self) -> impl Iterator<Item = u8> {
        self.formats.iter().filter_map(|format| format.parse().ok()).filter(|&pt: &u8| pt < 128)
    }

    /// The preferred payload type of Opus (RFC 7587, section 7: always 48 kHz and two channels).
    fn opus(&self) -> Option<u8> {
        self.payload_types().find(|&pt| self.attributes.has_codec(pt, "opus/48000/2"))
    }

    /// The payload type of redundant audio whose blocks are all of the given payload type.
    fn red(&self, opus: u8) -> Option<u8> {
        let all_opus = |fmtp: &str| fmtp.split('/').all(|pt| pt.trim().parse() == Ok(opus));
        let carries = |pt: u8| self.attributes.fmtp(pt).is_some_and(all_opus);
        self.payload_types().find(|&pt| self.attributes.has_codec(pt, "red/48000/2") && carries(pt))
    }
}

/// Who sends, as the offerer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// The a-lines of the session or of one m-line that matter here.
#[derive(Clone, Default)]
struct Attributes {
    mid: Option<String>,
    /// The mids of each BUNDLE group; of the session only.
    bundles: Vec<Vec<String>>,
    bundle_only: bool,
    ice_ufrag: Option<String>,
    ice_pwd: Option<String>,
    fingerprint: Option<Fingerprint>,
    /// Whether `setup` lets the peer be the DTLS client.
    peer_can_be_active: Option<bool>,
    direction: Option<Direction>,
    rtcp_mux: bool,
    rtcp_rsize: bool,
    /// Codec name, clock rate and channels by payload type.
    rtpmaps: Vec<(u8, String)>,
    fmtps: Vec<(u8, String)>,
    /// Payload types with generic NACK; `None` is all of them.
    nacks: Vec<Option<u8>>,
    /// Header extensions: id and URI.
    extensions: Vec<(u8, String)>,
    ssrc: Option<u32>,
}

impl Attributes {
    fn has_codec(&self, pt: u8, codec: &str) -> bool {
        self.rtpmaps.iter().any(|(of, name)| *of == pt && name.eq_ignore_ascii_case(codec))
    }

    fn fmtp(&self, pt: u8) -> Option<&str> {
        self.fmtps.iter().find(|(of, _)| *of == pt).map(|(_, parameters)| parameters.as_str())
    }

    /// Whether a format parameter such as `stereo=1` is there.
    fn has_parameter(&self, pt: u8, parameter: &str) -> bool {
        self.fmtp(pt).is_some_and(|fmtp| fmtp.split(';').any(|p| p.trim() == parameter))
    }

    fn has_nack(&self, pt: u8) -> bool {
        self.nacks.iter().any(|of| of.is_none_or(|of| of == pt))
    }

    /// The id of a header extension, if it fits the one-byte form (RFC 8285, section 4.2).
    fn extension(&self, uri: &str) -> Option<u8> {
        self.extensions.iter().find(|(id, of)| (1..=14).contains(id) && of == uri).map(|(id, _)| *id)
    }

    /// Takes in one a-line, without `a=`.
    fn take(&mut self, line: &str) -> Result<(), SdpError> {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        match name {
            "mid" => self.mid = Some(token(value, "mid")?),
            "group" => {
                let mut words = value.split_ascii_whitespace();
                if words.next() == Some("BUNDLE") {
                    self.bundles.push(words.map(|mid| token(mid, "group")).collect::<Result<_, _>>()?);
                }
            }
            "bundle-only" => self.bundle_only = true,
            "ice-ufrag" => self.ice_ufrag = Some(ice_chars(value, 4).ok_or(SdpError::Invalid("ice-ufrag"))?),
            "ice-pwd" => self.ice_pwd = Some(ice_chars(value, 22).ok_or(SdpError::Invalid("ice-pwd"))?),
            "fingerprint" => {
                let (hash, digest) = value.split_once(' ').ok_or(SdpError::Invalid("fingerprint"))?;
                // Other hashes may stand beside the one that we know (RFC 8122, section 5).
                if hash.eq_ignore_ascii_case("sha-256") && self.fingerprint.is_none() {
                    self.fingerprint = Some(parse_fingerprint(digest).ok_or(SdpError::Invalid("fingerprint"))?);
                }
            }
            "setup" => self.peer_can_be_active = Some(matches!(value, "actpass" | "active")),
            "sendrecv" => self.direction = Some(Direction::SendRecv),
            "sendonly" => self.direction = Some(Direction::SendOnly),
            "recvonly" => self.direction = Some(Direction::RecvOnly),
            "inactive" => self.direction = Some(Direction::Inactive),
            "rtcp-mux" | "rtcp-mux-only" => self.rtcp_mux = true,
            "rtcp-rsize" => self.rtcp_rsize = true,
            // What cannot be read from here on belongs to something that we do not know, and is passed over.
            "rtpmap" => self.rtpmaps.extend(by_payload_type(value)),
            "fmtp" => self.fmtps.extend(by_payload_type(value)),
            "rtcp-fb" => {
                if let Some((pt, "nack")) = value.split_once(' ') {
                    self.nacks.extend(if pt == "*" { Some(None) } else { pt.parse().ok().map(Some) });
                }
            }
            "extmap" => {
                let mut words = value.split_ascii_whitespace();
                let id = words.next().and_then(|id| id.split('/').next()?.parse().ok());
                self.extensions.extend(id.zip(words.next().map(str::to_owned)));
            }
            "ssrc" if self.ssrc.is_none() => self.ssrc = value.split(' ').next().and_then(|ssrc| ssrc.parse().ok()),
            _ => {}
        }
        Ok(())
    }
}

/// Splits an offer into the session's attributes and the m-lines with theirs.
fn parse_sections(text: &str) -> Result<(Attributes, Vec<Media>), SdpError> {
    if text.len() > OFFER_MAX {
        return Err(SdpError::Invalid("too large"));
    }
    let mut lines = text.lines().filter(|line| !line.is_empty());
    if lines.next() != Some("v=0") {
        return Err(SdpError::Invalid("does not begin with v=0"));
    }
    let (mut session, mut media) = (Attributes::default(), Vec::<Media>::new());
    for line in lines {
        if line.len() > LINE_MAX {
            return Err(SdpError::Invalid("line too long"));
        }
        match line.split_once('=') {
            Some(("m", value)) if media.len() < MEDIA_MAX => media.push(parse_media(value, session.direction)?),
            Some(("m", _)) => return Err(SdpError::Invalid("too many m-lines")),
            Some(("a", value)) => media.last_mut().map_or(&mut session, |m| &mut m.attributes).take(value)?,
            // Every kind of line has one letter (RFC 8866, section 5); the others say nothing that matters here.
            Some((kind, _)) if kind.len() == 1 => {}
            _ => return Err(SdpError::Invalid("not a line of SDP")),
        }
    }
    Ok((session, media))
}

/// Reads an m-line, without `m=` (RFC 8866, section 5.14).
fn parse_media(value: &str, session_direction: Option<Direction>) -> Result<Media, SdpError> {
    const INVALID: SdpError = SdpError::Invalid("m-line");
    let mut words = value.split(' ');
    let kind = token(words.next().ok_or(INVALID)?, "m-line")?;
    // The port may be followed by a number of ports.
    let port = words.next().and_then(|port| port.split('/').next()?.parse().ok()).ok_or(INVALID)?;
    let protocol = words.next().ok_or(INVALID)?;
    for part in protocol.split('/') {
        token(part, "m-line")?;
    }
    let formats = words.filter(|word| !word.is_empty()).map(|word| token(word, "m-line"));
    let formats = formats.collect::<Result<Vec<_>, _>>()?;
    if formats.is_empty() {
        return Err(INVALID);
    }
    let attributes = Attributes::default();
    Ok(Media { kind, port, protocol: protocol.to_owned(), formats, attributes, session_direction })
}

/// A token (RFC 8866, section 9) of at most [`TOKEN_MAX`] bytes.
fn token(text: &str, what: &'static str) -> Result<String, SdpError> {
    let is_token_char = |b: u8| b.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]".contains(&b);
    let valid = (1..=TOKEN_MAX).contains(&text.len()) && text.bytes().all(is_token_char);
    if valid { Ok(text.to_owned()) } else { Err(SdpError::Invalid(what)) }
}

/// At least `min` and at most 256 characters of ICE credentials (RFC 8839, section 5.4).
fn ice_chars(text: &str, min: usize) -> Option<String> {
    let is_ice_char = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
    ((min..=256).contains(&text.len()) && text.bytes().all(is_ice_char)).then(|| text.to_owned())
}

/// 32 bytes in hexadecimal, with colons between (RFC 8122, section 5).
fn parse_fingerprint(text: &str) -> Option<Fingerprint> {
    let mut bytes = [0; 32];
    let mut pairs = text.trim_end().split(':');
    for byte in &mut bytes {
        let pair = pairs.next().filter(|pair| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(Fingerprint(bytes))
}

/// A payload type and what is said of it.
fn by_payload_type(value: &str) -> Option<(u8, String)> {
    let (pt, rest) = value.split_once(' ')?;
    Some((pt.parse().ok()?, rest.trim().to_owned()))
}

#[cfg(test)]
mod tests;
