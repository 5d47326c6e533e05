//! SRTP and SRTCP: key derivation (RFC 3711, section 4.3), sealing and opening (RFC 3711 and RFC 7714), in place and
//! without allocation.
//!
//! Invariant: no clock, no dice, no decision. Which index a packet is sealed under is the caller's to say.

mod replay;

use std::fmt;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{self, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

use replay::{Sources, Window};

use crate::rtp;

/// The most that sealing adds to any packet, in bytes.
pub const OVERHEAD_MAX: usize = 20;

/// Bytes of the E flag and the SRTCP index behind an RTCP packet (RFC 3711, section 3.4).
const RTCP_INDEX_LEN: usize = 4;

/// Bytes of a GCM tag (RFC 7714, section 13.2).
const GCM_TAG_LEN: usize = 16;

/// Bytes of an HMAC-SHA1-80 tag (RFC 3711, section 4.2.1).
const SHA1_80_TAG_LEN: usize = 10;

/// Bytes of an HMAC-SHA1 session key (RFC 3711, section 8.2).
const SHA1_KEY_LEN: usize = 20;

/// Bytes of an RTCP packet that stay plain: the first word and the SSRC.
const RTCP_HEADER_LEN: usize = 8;

/// Protection profiles (RFC 5764, section 4.1.2; RFC 7714, section 14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// SRTP_AEAD_AES_128_GCM.
    AeadAes128Gcm,
    /// SRTP_AEAD_AES_256_GCM.
    AeadAes256Gcm,
    /// SRTP_AES128_CM_HMAC_SHA1_80.
    Aes128CmSha1_80,
}

impl Profile {
    /// Bytes of a master key, and of a session's encryption key.
    fn key_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::Aes128CmSha1_80 => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Bytes of a master salt, and of a session salt.
    fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::Aes128CmSha1_80 => 14,
        }
    }

    /// Bytes of keying material that both directions need (RFC 5764, section 4.2).
    pub fn keying_material_len(self) -> usize {
        2 * (self.key_len() + self.salt_len())
    }

    /// Bytes that sealing adds to an RTP packet.
    pub fn rtp_overhead(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => GCM_TAG_LEN,
            Self::Aes128CmSha1_80 => SHA1_80_TAG_LEN,
        }
    }

    /// Bytes that sealing adds to an RTCP packet.
    pub fn rtcp_overhead(self) -> usize {
        self.rtp_overhead() + RTCP_INDEX_LEN
    }
}

/// Why a packet could not be sealed or opened, or keys not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SrtpError {
    /// The keying material has the wrong length.
    #[error("keying material of the wrong length")]
    Keys,
    /// Not a whole packet, or no room for what sealing adds.
    #[error("malformed packet")]
    Malformed,
    /// The authentication tag does not fit.
    #[error("authentication failed")]
    Forged,
    /// Seen before, or too old to tell.
    #[error("replayed packet")]
    Replayed,
    /// More sources than are kept apart.
    #[error("too many sources")]
    TooManySources,
    /// All indices of this key are used up.
    #[error("key used up")]
    Exhausted,
}

/// Makes both directions' keys.
#[derive(Debug)]
pub struct Keys;

impl Keys {
    /// Splits what DTLS exported into client key, server key, client salt and server salt (RFC 5764, section 4.2), and
    /// derives the session keys of both directions.
    ///
    /// # Errors
    /// [`SrtpError::Keys`] unless the material has [`Profile::keying_material_len`] bytes.
    pub fn from_dtls(
        profile: Profile,
        keying_material: &[u8],
        we_are_server: bool,
    ) -> Result<(Sealer, Opener), SrtpError> {
        if keying_material.len() != profile.keying_material_len() {
            return Err(SrtpError::Keys);
        }
        let (keys, salts) = keying_material.split_at(2 * profile.key_len());
        let (client_key, server_key) = keys.split_at(profile.key_len());
        let (client_salt, server_salt) = salts.split_at(profile.salt_len());
        let client = || Direction::derive(profile, client_key, client_salt);
        let server = || Direction::derive(profile, server_key, server_salt);
        let (ours, theirs) = if we_are_server { (server()?, client()?) } else { (client()?, server()?) };
        Ok((
            Sealer { rtp: ours.rtp.expand()?, rtcp: ours.rtcp, rtcp_index: 0 },
            Opener { keys: theirs, expanded: None, rtp_sources: Sources::default(), rtcp_sources: Sources::default() },
        ))
    }
}

/// Seals what we send. 112 bytes in place. Only the key of RTP is kept expanded, for it is used for each packet; that takes some 600 bytes of
/// heap with GCM. The key of RTCP is expanded for each of the few packets it seals, which takes less than a microsecond.
#[derive(Debug)]
pub struct Sealer {
    rtp: Cipher,
    rtcp: SessionKey,
    /// The last SRTCP index used; the first is 1.
    rtcp_index: u32,
}

impl Sealer {
    /// Seals an RTP packet in place. `packet[..len]` is the plain packet of which `header_len` bytes are header; the
    /// rest of `packet` is room for the tag ([`Profile::rtp_overhead`]). Returns the sealed length. `index` is the
    /// 48-bit packet index: rollover counter and the sequence number of the header.
    ///
    /// The caller guarantees that one index of one SSRC is only ever sealed with one header and payload, so that a
    /// resent packet is the same datagram again: with GCM, two different packets under one nonce give away their
    /// exclusive or and the authentication key (RFC 7714, section 8.2).
    ///
    /// # Errors
    /// [`SrtpError::Malformed`] if the lengths do not fit each other, and [`SrtpError::Exhausted`] above 48 bits.
    pub fn seal_rtp(&self, packet: &mut [u8], header_len: usize, len: usize, index: u64) -> Result<usize, SrtpError> {
        if index >> 48 != 0 {
            return Err(SrtpError::Exhausted);
        }
        let tag_len = self.rtp.tag_len();
        if header_len < 12 || header_len > len || packet.len() < len + tag_len {
            return Err(SrtpError::Malformed);
        }
        let ssrc = be_u32(&packet[8..12]);
        let (header, rest) = packet.split_at_mut(header_len);
        let (payload, room) = rest.split_at_mut(len - header_len);
        match &self.rtp {
            Cipher::Gcm { key, salt } => {
                let tag = seal_gcm(key, rtp_nonce(salt, ssrc, index), header, payload)?;
                room[..GCM_TAG_LEN].copy_from_slice(&tag);
            }
            Cipher::Cm(cm) => {
                cm.apply_keystream(ssrc, index, payload)?;
                // The rollover counter is authenticated behind the packet but not sent (RFC 3711, section 4.2): it
                // stands for a moment where the tag goes.
                packet[len..len + 4].copy_from_slice(&((index >> 16) as u32).to_be_bytes());
                let tag = cm.tag(&packet[..len + 4]);
                packet[len..len + SHA1_80_TAG_LEN].copy_from_slice(&tag);
            }
        }
        Ok(len + tag_len)
    }

    /// Seals an RTCP compound in place, under the next SRTCP index and encrypted. `packet[..len]` is plain, the rest is
    /// room for [`Profile::rtcp_overhead`] bytes. Returns the sealed length.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`] if the lengths do not fit, [`SrtpError::Exhausted`] after 2^31 - 1 packets.
    pub fn seal_rtcp(&mut self, packet: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        let index = self.rtcp_index + 1;
        let sealed_len = self.rtcp.expand()?.seal_rtcp(packet, len, index)?;
        self.rtcp_index = index;
        Ok(sealed_len)
    }
}

/// Opens what we receive. 192 bytes, and a replay window of 24 for each source. The key of RTP is expanded when the first
/// packet comes, since a listener sends none; that of RTCP for each packet, as in [`Sealer`].
#[derive(Debug)]
pub struct Opener {
    keys: Direction,
    /// That of RTP.
    expanded: Option<Box<Cipher>>,
    rtp_sources: Sources,
    rtcp_sources: Sources,
}

impl Opener {
    /// Opens an RTP packet in place. Returns its 48-bit index and the length of the plain packet. The rollover counter
    /// is guessed from the highest index opened of the source (RFC 3711, section 3.3.1) and begins at 0.
    ///
    /// # Errors
    /// As named by [`SrtpError`]; the content of `packet` is then unspecified, and nothing else has changed.
    pub fn open_rtp(&mut self, packet: &mut [u8]) -> Result<(u64, usize), SrtpError> {
        let header_len = rtp::header_len(packet).ok_or(SrtpError::Malformed)?;
        let len = packet.len().checked_sub(self.keys.rtp.profile.rtp_overhead()).ok_or(SrtpError::Malformed)?;
        if header_len > len {
            return Err(SrtpError::Malformed);
        }
        let (seq, ssrc) = (u16::from_be_bytes([packet[2], packet[3]]), be_u32(&packet[8..12]));
        let window = self.rtp_sources.window(ssrc)?;
        let index = window.guess_index(seq).ok_or(SrtpError::Replayed)?;
        window.check(index)?;
        let cipher = match &mut self.expanded {
            Some(cipher) => cipher,
            expanded => expanded.insert(Box::new(self.keys.rtp.expand()?)),
        };
        match &**cipher {
            Cipher::Gcm { key, salt } => {
                let (header, rest) = packet.split_at_mut(header_len);
                let (payload, tag) = rest.split_at_mut(len - header_len);
                open_gcm(key, rtp_nonce(salt, ssrc, index), header, tag, payload)?;
            }
            Cipher::Cm(cm) => {
                let mut tag = [0; SHA1_80_TAG_LEN];
                tag.copy_from_slice(&packet[len..]);
                packet[len..len + 4].copy_from_slice(&((index >> 16) as u32).to_be_bytes());
                cm.verify(&packet[..len + 4], &tag)?;
                cm.apply_keystream(ssrc, index, &mut packet[header_len..len])?;
            }
        }
        self.rtp_sources.remember(ssrc, window, index);
        Ok((index, len))
    }

    /// Opens an RTCP compound in place. Returns the length of the plain compound. Packets that are authenticated but not
    /// encrypted are refused: WebRTC has none (RFC 8827, section 6.5).
    ///
    /// # Errors
    /// As named by [`SrtpError`]; the content of `packet` is then unspecified, and nothing else has changed.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let len = packet.len().checked_sub(self.keys.rtcp.profile.rtcp_overhead()).ok_or(SrtpError::Malformed)?;
        if len < RTCP_HEADER_LEN || packet[0] >> 6 != 2 {
            return Err(SrtpError::Malformed);
        }
        let ssrc = be_u32(&packet[4..8]);
        let window = self.rtcp_sources.window(ssrc)?;
        let index = self.keys.rtcp.expand()?.open_rtcp(packet, len, ssrc, &window)?;
        self.rtcp_sources.remember(ssrc, window, index);
        Ok(len)
    }
}

/// The session keys of one direction.
#[derive(Debug)]
struct Direction {
    rtp: SessionKey,
    rtcp: SessionKey,
}

impl Direction {
    /// Derives the six session keys from a master key and salt, labels 0 to 5 (RFC 3711, section 4.3.1).
    fn derive(profile: Profile, master_key: &[u8], master_salt: &[u8]) -> Result<Self, SrtpError> {
        let prf = ctr_key(master_key)?;
        let key = |labels: [u8; 3]| {
            let mut session = SessionKey { profile, key: [0; 32], auth: [0; SHA1_KEY_LEN], salt: [0; 14] };
            derive_key(&prf, master_salt, labels[0], &mut session.key[..profile.key_len()])?;
            derive_key(&prf, master_salt, labels[1], &mut session.auth)?;
            derive_key(&prf, master_salt, labels[2], &mut session.salt[..profile.salt_len()])?;
            Ok(session)
        };
        Ok(Self { rtp: key([0, 1, 2])?, rtcp: key([3, 4, 5])? })
    }
}

/// What was derived for RTP or for RTCP: 67 bytes, an expanded cipher takes ten times as many.
struct SessionKey {
    profile: Profile,
    /// Of which the first [`Profile::key_len`] bytes count.
    key: [u8; 32],
    auth: [u8; SHA1_KEY_LEN],
    /// Of which the first [`Profile::salt_len`] bytes count.
    salt: [u8; 14],
}

impl SessionKey {
    fn expand(&self) -> Result<Cipher, SrtpError> {
        let (key, salt) = (&self.key[..self.profile.key_len()], &self.salt[..self.profile.salt_len()]);
        match self.profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => Cipher::gcm(key, salt),
            Profile::Aes128CmSha1_80 => Cipher::cm(key, &self.auth, salt),
        }
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(REDACTED)")
    }
}

/// One session key of RTP or RTCP, expanded.
enum Cipher {
    /// AES-GCM (RFC 7714).
    Gcm { key: LessSafeKey, salt: [u8; 12] },
    /// AES counter mode with HMAC-SHA1 (RFC 3711); boxed, as it is large and rare.
    Cm(Box<CounterMode>),
}

/// AES counter mode with HMAC-SHA1 (RFC 3711, section 4).
struct CounterMode {
    key: EncryptingKey,
    salt: [u8; 14],
    auth: hmac::Key,
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gcm { .. } => "Gcm(REDACTED)",
            Self::Cm(_) => "Cm(REDACTED)",
        })
    }
}

impl Cipher {
    fn gcm(key: &[u8], salt: &[u8]) -> Result<Self, SrtpError> {
        let algorithm = if key.len() == 16 { &AES_128_GCM } else { &AES_256_GCM };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, key).map_err(|_| SrtpError::Keys)?);
        Ok(Self::Gcm { key, salt: salt.try_into().map_err(|_| SrtpError::Keys)? })
    }

    fn cm(key: &[u8], auth: &[u8], salt: &[u8]) -> Result<Self, SrtpError> {
        let auth = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth);
        let salt = salt.try_into().map_err(|_| SrtpError::Keys)?;
        Ok(Self::Cm(Box::new(CounterMode { key: ctr_key(key)?, salt, auth })))
    }

    fn tag_len(&self) -> usize {
        match self {
            Self::Gcm { .. } => GCM_TAG_LEN,
            Self::Cm(_) => SHA1_80_TAG_LEN,
        }
    }

    /// Seals `packet[..len]` under the given SRTCP index. Returns the sealed length.
    fn seal_rtcp(&self, packet: &mut [u8], len: usize, index: u32) -> Result<usize, SrtpError> {
        let sealed_len = len + self.tag_len() + RTCP_INDEX_LEN;
        if len < RTCP_HEADER_LEN || packet.len() < sealed_len {
            return Err(SrtpError::Malformed);
        }
        if index >> 31 != 0 {
            return Err(SrtpError::Exhausted);
        }
        let ssrc = be_u32(&packet[4..8]);
        let flag_and_index = (1 << 31 | index).to_be_bytes();
        match self {
            Self::Gcm { key, salt } => {
                let (header, rest) = packet.split_at_mut(RTCP_HEADER_LEN);
                let (payload, room) = rest.split_at_mut(len - RTCP_HEADER_LEN);
                let aad = rtcp_aad(header, flag_and_index);
                let tag = seal_gcm(key, rtcp_nonce(salt, ssrc, index), &aad, payload)?;
                // The tag belongs to the ciphertext; flag and index come last (RFC 7714, section 9.2).
                room[..GCM_TAG_LEN].copy_from_slice(&tag);
                room[GCM_TAG_LEN..GCM_TAG_LEN + RTCP_INDEX_LEN].copy_from_slice(&flag_and_index);
            }
            Self::Cm(cm) => {
                cm.apply_keystream(ssrc, u64::from(index), &mut packet[RTCP_HEADER_LEN..len])?;
                // Flag and index, then the tag over all of it (RFC 3711, section 3.4).
                let tagged = len + RTCP_INDEX_LEN;
                packet[len..tagged].copy_from_slice(&flag_and_index);
                let tag = cm.tag(&packet[..tagged]);
                packet[tagged..sealed_len].copy_from_slice(&tag);
            }
        }
        Ok(sealed_len)
    }

    /// Opens a sealed packet whose plain length is `len`. Returns its SRTCP index.
    fn open_rtcp(&self, packet: &mut [u8], len: usize, ssrc: u32, window: &Window) -> Result<u64, SrtpError> {
        let at = match self {
            Self::Gcm { .. } => len + GCM_TAG_LEN,
            Self::Cm(_) => len,
        };
        let mut flag_and_index = [0; RTCP_INDEX_LEN];
        flag_and_index.copy_from_slice(&packet[at..at + RTCP_INDEX_LEN]);
        let word = u32::from_be_bytes(flag_and_index);
        let index = word & 0x7fff_ffff;
        if word >> 31 == 0 {
            return Err(SrtpError::Malformed);
        }
        window.check(u64::from(index))?;
        match self {
            Self::Gcm { key, salt } => {
                let (header, rest) = packet.split_at_mut(RTCP_HEADER_LEN);
                let (payload, rest) = rest.split_at_mut(len - RTCP_HEADER_LEN);
                let aad = rtcp_aad(header, flag_and_index);
                open_gcm(key, rtcp_nonce(salt, ssrc, index), &aad, &rest[..GCM_TAG_LEN], payload)?;
            }
            Self::Cm(cm) => {
                let (tagged, tag) = packet.split_at(len + RTCP_INDEX_LEN);
                cm.verify(tagged, tag)?;
                cm.apply_keystream(ssrc, u64::from(index), &mut packet[RTCP_HEADER_LEN..len])?;
            }
        }
        Ok(u64::from(index))
    }
}

impl CounterMode {
    /// Encrypts or decrypts `data`: counter mode is its own inverse. The counter block is salt, SSRC and index, each at
    /// its place, with 16 bits of block counter from 0 (RFC 3711, section 4.1.1).
    fn apply_keystream(&self, ssrc: u32, index: u64, data: &mut [u8]) -> Result<(), SrtpError> {
        let mut block = [0; 16];
        block[..14].copy_from_slice(&self.salt);
        xor(&mut block[4..8], &ssrc.to_be_bytes());
        xor(&mut block[8..14], &index.to_be_bytes()[2..]);
        ctr(&self.key, block, data)
    }

    fn tag(&self, data: &[u8]) -> [u8; SHA1_80_TAG_LEN] {
        let mut tag = [0; SHA1_80_TAG_LEN];
        tag.copy_from_slice(&hmac::sign(&self.auth, data).as_ref()[..SHA1_80_TAG_LEN]);
        tag
    }

    /// Compares in constant time.
    fn verify(&self, data: &[u8], tag: &[u8]) -> Result<(), SrtpError> {
        verify_slices_are_equal(&self.tag(data), tag).map_err(|_| SrtpError::Forged)
    }
}

/// The AES-CM pseudo-random function (RFC 3711, section 4.3.3) for key derivation rate 0: keystream from the salt with
/// the label at its seventh byte from the right. Salts of 12 bytes are padded at the right (RFC 7714, section 11).
fn derive_key(prf: &EncryptingKey, master_salt: &[u8], label: u8, out: &mut [u8]) -> Result<(), SrtpError> {
    let mut block = [0; 16];
    block[..master_salt.len()].copy_from_slice(master_salt);
    block[7] ^= label;
    out.fill(0);
    ctr(prf, block, out)
}

/// A key for AES counter mode, of 128 or 256 bits.
fn ctr_key(key: &[u8]) -> Result<EncryptingKey, SrtpError> {
    let algorithm = if key.len() == 16 { &cipher::AES_128 } else { &cipher::AES_256 };
    let key = UnboundCipherKey::new(algorithm, key).map_err(|_| SrtpError::Keys)?;
    EncryptingKey::ctr(key).map_err(|_| SrtpError::Keys)
}

/// Adds the keystream that begins at a counter block to `data`.
fn ctr(key: &EncryptingKey, block: [u8; 16], data: &mut [u8]) -> Result<(), SrtpError> {
    let context = EncryptionContext::Iv128(FixedLength::from(block));
    key.less_safe_encrypt(data, context).map(|_| ()).map_err(|_| SrtpError::Malformed)
}

fn seal_gcm(key: &LessSafeKey, nonce: [u8; 12], aad: &[u8], data: &mut [u8]) -> Result<[u8; GCM_TAG_LEN], SrtpError> {
    let sealed = key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), data);
    let tag = sealed.map_err(|_| SrtpError::Malformed)?;
    tag.as_ref().try_into().map_err(|_| SrtpError::Malformed)
}

fn open_gcm(key: &LessSafeKey, nonce: [u8; 12], aad: &[u8], tag: &[u8], data: &mut [u8]) -> Result<(), SrtpError> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    let opened = key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, data);
    opened.map(|_| ()).map_err(|_| SrtpError::Forged)
}

/// Two zero bytes, SSRC, rollover counter and sequence number, with the salt (RFC 7714, section 8.1).
fn rtp_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> [u8; 12] {
    let mut nonce = *salt;
    xor(&mut nonce[2..6], &ssrc.to_be_bytes());
    xor(&mut nonce[6..12], &index.to_be_bytes()[2..]);
    nonce
}

/// Two zero bytes, SSRC, two zero bytes and SRTCP index, with the salt (RFC 7714, section 9.1).
fn rtcp_nonce(salt: &[u8; 12], ssrc: u32, index: u32) -> [u8; 12] {
    let mut nonce = *salt;
    xor(&mut nonce[2..6], &ssrc.to_be_bytes());
    xor(&mut nonce[8..12], &index.to_be_bytes());
    nonce
}

/// What is authenticated besides an encrypted RTCP packet: its plain header, flag and index (RFC 7714, section 9.2).
fn rtcp_aad(header: &[u8], flag_and_index: [u8; 4]) -> [u8; RTCP_HEADER_LEN + RTCP_INDEX_LEN] {
    let mut aad = [0; RTCP_HEADER_LEN + RTCP_INDEX_LEN];
    aad[..RTCP_HEADER_LEN].copy_from_slice(header);
    aad[RTCP_HEADER_LEN..].copy_from_slice(&flag_and_index);
    aad
}

fn xor(into: &mut [u8], with: &[u8]) {
    into.iter_mut().zip(with).for_each(|(a, b)| *a ^= b);
}

/// Reads four bytes; every caller slices exactly four.
fn be_u32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte))
}

#[cfg(test)]
mod tests;
