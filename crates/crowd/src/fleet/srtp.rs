//! Authenticating SRTP (RFC 3711, RFC 7714) as a listener: what the server seals must open here. And sealing as a client that
//! numbers its packets as it likes, which no library does.
//!
//! Deliberately a second implementation: nothing of the server's is used, so that a mistake made there is not made again
//! here. A packet's payload is of no interest; with AES-GCM it is decrypted on the way, as authenticating and decrypting
//! are one there.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use dimpl::SrtpProfile;

/// Bytes of a GCM tag (RFC 7714, section 13.2).
const GCM_TAG: usize = 16;
/// Bytes of an HMAC-SHA1-80 tag (RFC 3711, section 4.2.1).
const SHA1_TAG: usize = 10;
/// Labels of the key derivation for RTP (RFC 3711, section 4.3.2).
const LABEL_ENCRYPTION: u8 = 0;
const LABEL_AUTHENTICATION: u8 = 1;
const LABEL_SALT: u8 = 2;
/// Likewise for RTCP.
const LABEL_RTCP_ENCRYPTION: u8 = 3;
const LABEL_RTCP_SALT: u8 = 5;
/// Bytes of an RTCP header that stay readable (RFC 7714, section 9.1).
const RTCP_HEADER: usize = 8;
/// Says that an SRTCP packet is encrypted (RFC 3711, section 3.4).
const RTCP_ENCRYPTED: u32 = 1 << 31;

/// The session keys with which a server seals RTP.
pub(super) struct Opener(Cipher);

enum Cipher {
    Gcm { key: LessSafeKey, salt: [u8; 12] },
    Sha1(Box<hmac::Key>),
}

impl Opener {
    /// Derives the server's keys from what DTLS exported: client key, server key, client salt, server salt (RFC 5764,
    /// section 4.2). `None`: an unknown profile, or material of a wrong length.
    pub(super) fn of_server(profile: SrtpProfile, material: &[u8]) -> Option<Self> {
        let (key_len, salt_len) = match profile {
            SrtpProfile::AEAD_AES_128_GCM => (16, 12),
            SrtpProfile::AEAD_AES_256_GCM => (32, 12),
            SrtpProfile::AES128_CM_SHA1_80 => (16, 14),
            _ => return None,
        };
        if material.len() != 2 * (key_len + salt_len) {
            return None;
        }
        let (keys, salts) = material.split_at(2 * key_len);
        Self::of_master(profile, &keys[key_len..], &salts[salt_len..])
    }

    /// Derives the session keys from one side's master key and salt.
    fn of_master(profile: SrtpProfile, key: &[u8], salt: &[u8]) -> Option<Self> {
        let cipher = match profile {
            SrtpProfile::AES128_CM_SHA1_80 => {
                let mut auth = [0; 20];
                derive(key, salt, LABEL_AUTHENTICATION, &mut auth)?;
                Cipher::Sha1(Box::new(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &auth)))
            }
            _ => {
                let (key, salt) = gcm_keys(key, salt, LABEL_ENCRYPTION, LABEL_SALT)?;
                Cipher::Gcm { key, salt }
            }
        };
        Some(Self(cipher))
    }

    /// Whether a sealed RTP packet is authentic under its 48-bit index (RFC 3711, section 3.3.1). The packet's content
    /// is unspecified afterwards.
    pub(super) fn is_authentic(&self, packet: &mut [u8], index: u64) -> bool {
        match &self.0 {
            Cipher::Gcm { key, salt } => open_gcm(key, salt, packet, index).is_some(),
            Cipher::Sha1(key) => {
                let Some(len) = packet.len().checked_sub(SHA1_TAG) else { return false };
                let (signed, tag) = packet.split_at(len);
                let mut context = hmac::Context::with_key(key);
                context.update(signed);
                // The rollover counter is signed but not sent (RFC 3711, section 4.2).
                context.update(&((index >> 16) as u32).to_be_bytes());
                verify_slices_are_equal(&context.sign().as_ref()[..SHA1_TAG], tag).is_ok()
            }
        }
    }
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opener(REDACTED)")
    }
}

/// The session keys with which a client seals what it likes: any stream, any number, as often as it likes. AES-GCM only, which
/// is what the server prefers.
pub(crate) struct Sealer {
    rtp: (LessSafeKey, [u8; 12]),
    rtcp: (LessSafeKey, [u8; 12]),
    /// Of the next RTCP packet.
    rtcp_index: u32,
}

impl Sealer {
    /// Derives the client's keys, as [`Opener::of_server`] does the server's.
    pub(crate) fn of_client(profile: SrtpProfile, material: &[u8]) -> Option<Self> {
        let (key_len, salt_len) = match profile {
            SrtpProfile::AEAD_AES_128_GCM => (16, 12),
            SrtpProfile::AEAD_AES_256_GCM => (32, 12),
            _ => return None,
        };
        if material.len() != 2 * (key_len + salt_len) {
            return None;
        }
        let (key, salt) = (&material[..key_len], &material[2 * key_len..][..salt_len]);
        let rtp = gcm_keys(key, salt, LABEL_ENCRYPTION, LABEL_SALT)?;
        let rtcp = gcm_keys(key, salt, LABEL_RTCP_ENCRYPTION, LABEL_RTCP_SALT)?;
        Some(Self { rtp, rtcp, rtcp_index: 0 })
    }

    /// Seals a whole RTP packet under a 48-bit index (RFC 7714, section 8.2). `None` for one without a header.
    pub(crate) fn rtp(&self, mut packet: Vec<u8>, index: u64) -> Option<Vec<u8>> {
        let (key, salt) = &self.rtp;
        let header = header_len(&packet)?;
        let nonce = rtp_nonce(salt, &packet, index)?;
        let (header, payload) = packet.split_at_mut_checked(header)?;
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*header), payload).ok()?;
        packet.extend_from_slice(tag.as_ref());
        Some(packet)
    }

    /// Seals a compound RTCP packet (RFC 7714, section 9.1). `None` for one without a header.
    pub(crate) fn rtcp(&mut self, mut packet: Vec<u8>) -> Option<Vec<u8>> {
        let (key, salt) = &self.rtcp;
        let word = (RTCP_ENCRYPTED | self.rtcp_index).to_be_bytes();
        let mut nonce = [0; 12];
        nonce[2..6].copy_from_slice(packet.get(4..8)?);
        nonce[8..].copy_from_slice(&self.rtcp_index.to_be_bytes());
        nonce.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
        let (header, body) = packet.split_at_mut_checked(RTCP_HEADER)?;
        let aad = [&*header, &word].concat();
        let tag = key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), body).ok()?;
        packet.extend_from_slice(tag.as_ref());
        packet.extend_from_slice(&word);
        self.rtcp_index += 1;
        Some(packet)
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(REDACTED)")
    }
}

/// The session key and salt of one side for RTP or RTCP.
fn gcm_keys(key: &[u8], salt: &[u8], encryption: u8, salting: u8) -> Option<(LessSafeKey, [u8; 12])> {
    let (mut session_key, mut session_salt) = ([0; 32], [0; 12]);
    let session_key = &mut session_key[..key.len()];
    derive(key, salt, encryption, session_key)?;
    derive(key, salt, salting, &mut session_salt)?;
    Some((gcm_key(session_key)?, session_salt))
}

fn gcm_key(key: &[u8]) -> Option<LessSafeKey> {
    let algorithm = if key.len() == 16 { &AES_128_GCM } else { &AES_256_GCM };
    Some(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?))
}

/// Two zero bytes, SSRC, rollover counter, sequence number; all of it with the salt (RFC 7714, section 8.1).
fn rtp_nonce(salt: &[u8; 12], packet: &[u8], index: u64) -> Option<Nonce> {
    let mut nonce = [0; 12];
    nonce[2..6].copy_from_slice(packet.get(8..12)?);
    nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
    nonce.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
    Some(Nonce::assume_unique_for_key(nonce))
}

/// Opens a packet in place (RFC 7714, section 8.2); `None` if it is not authentic.
fn open_gcm(key: &LessSafeKey, salt: &[u8; 12], packet: &mut [u8], index: u64) -> Option<()> {
    let header = header_len(packet)?;
    let nonce = rtp_nonce(salt, packet, index)?;
    let (header, sealed) = packet.split_at_mut_checked(header)?;
    let (payload, tag) = sealed.split_at_mut_checked(sealed.len().checked_sub(GCM_TAG)?)?;
    key.open_in_place_separate_tag(nonce, Aad::from(&*header), tag, payload).ok().map(|_| ())
}

/// Bytes of an RTP header with its sources and its extension (RFC 3550, sections 5.1 and 5.3.1).
fn header_len(packet: &[u8]) -> Option<usize> {
    let first = *packet.get(..12)?.first()?;
    let sources = 12 + 4 * usize::from(first & 0x0f);
    if first & 0x10 == 0 {
        return Some(sources);
    }
    let words = packet.get(sources + 2..sources + 4)?;
    Some(sources + 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]])))
}

/// The pseudo-random function of AES-CM (RFC 3711, section 4.3.3) at key derivation rate 0: each block of the output is
/// the encrypted block number, with the salt and the label in front. A salt of 12 bytes counts as one of 14 that ends
/// with zeros (RFC 7714, section 11).
fn derive(master_key: &[u8], master_salt: &[u8], label: u8, out: &mut [u8]) -> Option<()> {
    let algorithm = if master_key.len() == 16 { &AES_128 } else { &AES_256 };
    let key = EncryptingKey::ecb(UnboundCipherKey::new(algorithm, master_key).ok()?).ok()?;
    let mut input = [0; 16];
    input.get_mut(..master_salt.len())?.copy_from_slice(master_salt);
    input[7] ^= label;
    for (number, part) in (0u16..).zip(out.chunks_mut(16)) {
        input[14..].copy_from_slice(&number.to_be_bytes());
        let mut block = input;
        key.less_safe_encrypt(&mut block, EncryptionContext::None).ok()?;
        part.copy_from_slice(&block[..part.len()]);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
        digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
    }

    #[test]
    fn keys_are_derived_as_in_rfc_3711_appendix_b_3() {
        let (key, salt) = (hex("E1F97A0D3E018BE0D64FA32C06DE4139"), hex("0EC675AD498AFEEBB6960B3AABE6"));
        for (label, expected) in [
            (LABEL_ENCRYPTION, "C61E7A93744F39EE10734AFE3FF7A087"),
            (LABEL_SALT, "30CBBC08863D8C85D49DB34A9AE1"),
            (
                LABEL_AUTHENTICATION,
                "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE E049646C43D9327AD175578EF7227098
                 6371C10C9A369AC2F94A8C5FBCDDDC25 6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2",
            ),
        ] {
            let expected = hex(expected);
            let mut derived = vec![0; expected.len()];
            derive(&key, &salt, label, &mut derived).unwrap();
            assert_eq!(derived, expected, "label {label}");
        }
    }

    const GCM_SALT: &str = "517569642070726f2071756f";
    /// Session key length and the sealed packet of RFC 7714, sections 16.1.1 and 16.2.1.
    const GCM: [(u8, &str); 2] = [
        (
            16,
            "8040f17b8041f8d35501a0b2 f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833
             899d7f27beb16a9152cf765ee4390cce",
        ),
        (
            32,
            "8040f17b8041f8d35501a0b2 32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b
             7aa3db36dfffd6b0f9bb7878d7a76c13",
        ),
    ];

    #[test]
    fn packets_of_rfc_7714_are_authentic_and_changed_ones_are_not() {
        for (key_len, sealed) in GCM {
            let key: Vec<u8> = (0..key_len).collect();
            let opener = Opener(Cipher::Gcm { key: gcm_key(&key).unwrap(), salt: hex(GCM_SALT).try_into().unwrap() });
            check(&opener, &hex(sealed), 0xf17b);
        }
    }

    #[test]
    fn packets_with_sha1_tags_are_authentic_and_changed_ones_are_not() {
        let auth = [7; 20];
        let key = || hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &auth);
        let mut packet = hex("8041000a 00000001 00000002 0011223344");
        // As RFC 3711, section 4.2, has it: over the packet and a rollover counter of 3.
        let signed = [packet.clone(), vec![0, 0, 0, 3]].concat();
        packet.extend_from_slice(&hmac::sign(&key(), &signed).as_ref()[..10]);
        check(&Opener(Cipher::Sha1(Box::new(key()))), &packet, 3 << 16 | 0xa);
    }

    /// Checks that a packet is authentic as it is and under its index, and in no other way.
    #[track_caller]
    fn check(opener: &Opener, packet: &[u8], index: u64) {
        assert!(opener.is_authentic(&mut packet.to_vec(), index));
        assert!(!opener.is_authentic(&mut packet.to_vec(), index + (1 << 16)), "another rollover counter");
        for at in 0..packet.len() {
            let mut changed = packet.to_vec();
            changed[at] ^= 0x10;
            assert!(!opener.is_authentic(&mut changed, index), "byte {at} changed");
            assert!(!opener.is_authentic(&mut packet[..at].to_vec(), index), "cut to {at}");
        }
    }

    #[test]
    fn the_servers_half_of_the_material_is_taken() {
        let material: Vec<u8> = (0..56).collect();
        let opener = Opener::of_server(SrtpProfile::AEAD_AES_128_GCM, &material).unwrap();
        let (mut key, mut salt) = ([0; 16], [0; 12]);
        derive(&material[16..32], &material[44..56], LABEL_ENCRYPTION, &mut key).unwrap();
        derive(&material[16..32], &material[44..56], LABEL_SALT, &mut salt).unwrap();
        let sealer = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
        let mut packet = hex("8041000a 00000001 00000002 0011223344");
        let (header, payload) = packet.split_at_mut(12);
        let mut nonce = [0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0xa];
        nonce.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = sealer.seal_in_place_separate_tag(nonce, Aad::from(&*header), payload).unwrap();
        packet.extend_from_slice(tag.as_ref());
        check(&opener, &packet, 0xa);
        assert!(Opener::of_server(SrtpProfile::AEAD_AES_256_GCM, &material).is_none());
    }

    #[test]
    fn what_a_client_seals_opens_at_the_server() {
        use roomtone_media::srtp::{Keys, Profile};
        for (profile, theirs, len) in [
            (SrtpProfile::AEAD_AES_128_GCM, Profile::AeadAes128Gcm, 56),
            (SrtpProfile::AEAD_AES_256_GCM, Profile::AeadAes256Gcm, 88),
        ] {
            let material: Vec<u8> = (0..len).collect();
            let mut sealer = Sealer::of_client(profile, &material).unwrap();
            let (_, mut opener) = Keys::from_dtls(theirs, &material, true).unwrap();
            let plain = hex("906f0007 00000001 0000abcd bede0001 10940000 0011223344");
            for index in [7, 7 + 1] {
                let mut packet = plain.clone();
                packet[3] = index as u8;
                let mut sealed = sealer.rtp(packet.clone(), index).unwrap();
                assert_eq!(opener.open_rtp(&mut sealed), Ok((index, packet.len())));
                assert_eq!(sealed[..packet.len()], packet);
            }
            // A goodbye of two streams (RFC 3550, section 6.6), twice.
            let goodbye = hex("82cb0002 00000001 00000002");
            for _ in 0..2 {
                let mut sealed = sealer.rtcp(goodbye.clone()).unwrap();
                assert_eq!(opener.open_rtcp(&mut sealed), Ok(goodbye.len()));
                assert_eq!(sealed[..goodbye.len()], goodbye);
            }
            assert!(sealer.rtp(vec![0x80; 5], 1).is_none() && sealer.rtcp(vec![0x80; 7]).is_none());
            assert!(Sealer::of_client(SrtpProfile::AES128_CM_SHA1_80, &material).is_none());
        }
    }

    #[test]
    fn the_header_ends_behind_its_extension() {
        for (packet, len) in [
            ("80 00 0000 00000000 00000000", Some(12)),
            ("82 00 0000 00000000 00000000 00000001 00000002", Some(20)),
            ("91 00 0000 00000000 00000000 00000001 bede 0001 10 8000", Some(24)),
            ("91 00 0000 00000000 00000000 00000001 bede", None),
            ("80 00 0000 00000000 000000", None),
        ] {
            assert_eq!(header_len(&hex(packet)), len, "{packet}");
        }
    }
}
