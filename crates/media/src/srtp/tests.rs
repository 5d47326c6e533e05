use super::*;
use proptest::prelude::*;

const PROFILES: [Profile; 3] = [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmSha1_80];

fn hex(text: &str) -> Vec<u8> {
    let digits = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect::<Vec<_>>();
    let digit = |b: u8| (b as char).to_digit(16).unwrap() as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// A client's sealer and the server's opener for it, and the other way round.
fn pair(profile: Profile) -> ((Sealer, Opener), (Sealer, Opener)) {
    let material = (0..profile.keying_material_len() as u8).collect::<Vec<_>>();
    let client = Keys::from_dtls(profile, &material, false).unwrap();
    let server = Keys::from_dtls(profile, &material, true).unwrap();
    ((client.0, server.1), (server.0, client.1))
}

#[test]
fn keystream_of_rfc_3711_b_2() {
    let key = ctr_key(&hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
    let salt = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into().unwrap();
    let auth = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &[0; 20]);
    let cm = CounterMode { key, salt, auth };
    // The RFC gives the first three blocks and those from counter 0xFEFF.
    let mut stream = vec![0; 16 * 0xff02];
    cm.apply_keystream(0, 0, &mut stream).unwrap();
    assert_eq!(
        stream[..48],
        hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0")
    );
    assert_eq!(
        stream[16 * 0xfeff..],
        hex("EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44")
    );
}

#[test]
fn derivation_of_rfc_3711_b_3() {
    let prf = ctr_key(&hex("E1F97A0D3E018BE0D64FA32C06DE4139")).unwrap();
    let salt = hex("0EC675AD498AFEEBB6960B3AABE6");
    let derived = |label, len| {
        let mut out = vec![0xaa; len];
        derive_key(&prf, &salt, label, &mut out).unwrap();
        out
    };
    assert_eq!(derived(0, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derived(2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(
        derived(1, 94),
        hex("CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE E049646C43D9327AD175578EF7227098
             6371C10C9A369AC2F94A8C5FBCDDDC25 6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2")
    );
}

const RFC_7714_SALT: &str = "517569642070726f2071756f";
const RFC_7714_RTP: &str = "8040f17b8041f8d35501a0b2 47616c6c696120657374206f6d6e6973206469766973612069
    6e207061727465732074726573";
const RFC_7714_RTCP: &str = "81c8000d4d617273 4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeef
    deadbeefdeadbeefdeadbeef";

/// Session key length, sealed RTP (sections 16.1.1 and 16.2.1), sealed RTCP (sections 17.1 and 17.3).
const RFC_7714: [(usize, &str, &str); 2] = [
    (
        16,
        "8040f17b8041f8d35501a0b2 f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833
         899d7f27beb16a9152cf765ee4390cce",
        "81c8000d4d617273 63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9
         275bc84aa45896cf4d2fc5abf87245d9eade 800005d4",
    ),
    (
        32,
        "8040f17b8041f8d35501a0b2 32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b
         7aa3db36dfffd6b0f9bb7878d7a76c13",
        "81c8000d4d617273 d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b
         6fad1d1eb30c4446839f57ff6f6cb26ac3be 800005d4",
    ),
];

#[test]
fn packets_of_rfc_7714() {
    for (key_len, rtp, rtcp) in RFC_7714 {
        // The vectors give session keys; they are used for both kinds here, as in the RFC.
        let profile = if key_len == 16 { Profile::AeadAes128Gcm } else { Profile::AeadAes256Gcm };
        let session = || {
            let mut session =
                SessionKey { profile, key: std::array::from_fn(|n| n as u8), auth: [0; 20], salt: [0; 14] };
            session.salt[..12].copy_from_slice(&hex(RFC_7714_SALT));
            session
        };
        let sealer = Sealer { rtp: session().expand().unwrap(), rtcp: session(), rtcp_index: 0x5d3 };
        let [rtp_sources, rtcp_sources] = Default::default();
        let keys = Direction { rtp: session(), rtcp: session() };
        let opener = Opener { keys, expanded: None, rtp_sources, rtcp_sources };
        check_packets(sealer, opener, [RFC_7714_RTP, rtp, RFC_7714_RTCP, rtcp].map(hex));
    }
}

/// Seals the plain packets and opens the sealed ones: [plain RTP, sealed RTP, plain RTCP, sealed RTCP].
fn check_packets(mut sealer: Sealer, mut opener: Opener, [rtp, srtp, rtcp, srtcp]: [Vec<u8>; 4]) {
    let mut packet = rtp.clone();
    packet.resize(rtp.len() + OVERHEAD_MAX, 0xaa);
    let len = sealer.seal_rtp(&mut packet, 12, rtp.len(), 0xf17b).unwrap();
    assert_eq!(packet[..len], srtp);
    assert_eq!(opener.open_rtp(&mut packet[..len]), Ok((0xf17b, rtp.len())));
    assert_eq!(packet[..rtp.len()], rtp);

    let mut packet = rtcp.clone();
    packet.resize(rtcp.len() + OVERHEAD_MAX, 0xaa);
    let len = sealer.seal_rtcp(&mut packet, rtcp.len()).unwrap();
    assert_eq!(packet[..len], srtcp);
    assert_eq!(opener.open_rtcp(&mut packet[..len]), Ok(rtcp.len()));
    assert_eq!(packet[..rtcp.len()], rtcp);
}

/// An RTP packet of one stream, with an extension, and room for the tag.
fn rtp_packet(seq: u16, payload: &[u8]) -> (Vec<u8>, usize, usize) {
    let level = Some(rtp::AudioLevel { id: 1, level: 30, voice: true });
    let header =
        rtp::Header { marker: false, payload_type: 111, seq, time: 960, ssrc: 77, csrc: Some(3), audio_level: level };
    let mut packet = vec![0; rtp::HEADER_MAX];
    let header_len = rtp::write_header(&header, &mut packet);
    packet.truncate(header_len);
    packet.extend_from_slice(payload);
    let len = packet.len();
    packet.resize(len + OVERHEAD_MAX, 0);
    (packet, header_len, len)
}

fn sealed_rtp(sealer: &Sealer, index: u64) -> Vec<u8> {
    let (mut packet, header_len, len) = rtp_packet(index as u16, &index.to_be_bytes());
    let sealed = sealer.seal_rtp(&mut packet, header_len, len, index).unwrap();
    packet.truncate(sealed);
    packet
}

fn sealed_rtcp(sealer: &mut Sealer, ssrc: u32) -> Vec<u8> {
    let info = rtp::SenderInfo { ssrc, ntp: 1, time: 2, packets: 3, octets: 4 };
    let mut packet = vec![0; rtp::SENDER_REPORT_MAX + OVERHEAD_MAX];
    let len = rtp::write_sender_report(&info, "cname", &mut packet);
    let sealed = sealer.seal_rtcp(&mut packet, len).unwrap();
    packet.truncate(sealed);
    packet
}

#[test]
fn every_profile_round_trips_in_both_directions() {
    for profile in PROFILES {
        let (to_server, to_client) = pair(profile);
        for (mut sealer, mut opener) in [to_server, to_client] {
            let mut packet = sealed_rtp(&sealer, 7);
            assert_eq!(packet.len(), 24 + 8 + profile.rtp_overhead());
            assert!(!packet.windows(8).any(|w| w == 7u64.to_be_bytes()), "the payload is still plain");
            let (index, len) = opener.open_rtp(&mut packet).unwrap();
            assert_eq!((index, &packet[24..len]), (7, &7u64.to_be_bytes()[..]));
            let mut packet = sealed_rtcp(&mut sealer, 5);
            let len = opener.open_rtcp(&mut packet).unwrap();
            assert_eq!(packet.len() - len, profile.rtcp_overhead());
            assert_eq!(rtp::parse_compound(&packet[..len]).count(), 1);
        }
    }
}

#[test]
fn directions_have_different_keys_and_sealing_is_deterministic() {
    for profile in PROFILES {
        let ((client, _), (server, mut opener)) = pair(profile);
        assert_eq!(sealed_rtp(&client, 1), sealed_rtp(&client, 1));
        assert_ne!(sealed_rtp(&client, 1), sealed_rtp(&server, 1));
        assert_eq!(opener.open_rtp(&mut sealed_rtp(&client, 1)), Err(SrtpError::Forged));
    }
}

#[test]
fn every_changed_bit_is_noticed_and_changes_nothing() {
    for profile in PROFILES {
        let ((mut sealer, mut opener), _) = pair(profile);
        let (rtp, rtcp) = (sealed_rtp(&sealer, 9), sealed_rtcp(&mut sealer, 5));
        for bit in 0..rtp.len() * 8 {
            let mut packet = rtp.clone();
            packet[bit / 8] ^= 1 << (bit % 8);
            assert!(opener.open_rtp(&mut packet).is_err(), "bit {bit} of RTP, {profile:?}");
        }
        for bit in 0..rtcp.len() * 8 {
            let mut packet = rtcp.clone();
            packet[bit / 8] ^= 1 << (bit % 8);
            assert!(opener.open_rtcp(&mut packet).is_err(), "bit {bit} of RTCP, {profile:?}");
        }
        assert!(opener.open_rtp(&mut rtp.clone()).is_ok() && opener.open_rtcp(&mut rtcp.clone()).is_ok());
        for cut in 0..rtp.len() {
            assert!(opener.open_rtp(&mut rtp[..cut].to_vec()).is_err());
        }
        for cut in 0..rtcp.len() {
            assert!(opener.open_rtcp(&mut rtcp[..cut].to_vec()).is_err());
        }
    }
}

#[test]
fn rtcp_that_is_only_authenticated_is_refused() {
    let ((mut sealer, mut opener), _) = pair(Profile::Aes128CmSha1_80);
    let mut packet = sealed_rtcp(&mut sealer, 5);
    let tagged = packet.len() - SHA1_80_TAG_LEN;
    packet[tagged - RTCP_INDEX_LEN] = 0;
    let Cipher::Cm(cm) = sealer.rtcp.expand().unwrap() else { panic!("another cipher") };
    let tag = cm.tag(&packet[..tagged]);
    packet[tagged..].copy_from_slice(&tag);
    assert_eq!(opener.open_rtcp(&mut packet), Err(SrtpError::Malformed));
}

#[test]
fn replays_and_stale_packets_are_refused_late_ones_are_not() {
    for profile in PROFILES {
        let ((mut sealer, mut opener), _) = pair(profile);
        let mut open = |index| opener.open_rtp(&mut sealed_rtp(&sealer, index)).map(|(index, _)| index);
        for (index, expected) in [
            (100, Ok(100)),
            (100, Err(SrtpError::Replayed)),
            (99, Ok(99)),
            (163, Ok(163)),
            (100, Err(SrtpError::Replayed)),
            (101, Ok(101)),
            (164, Ok(164)),
            (98, Err(SrtpError::Replayed)),
            (1000, Ok(1000)),
            (937, Ok(937)),
            (936, Err(SrtpError::Replayed)),
        ] {
            assert_eq!(open(index), expected, "{index}");
        }
        let rtcp = [sealed_rtcp(&mut sealer, 5), sealed_rtcp(&mut sealer, 5), sealed_rtcp(&mut sealer, 6)];
        for (at, fresh) in [(1, true), (0, true), (1, false), (0, false), (2, true), (2, false)] {
            assert_eq!(opener.open_rtcp(&mut rtcp[at].clone()).is_ok(), fresh, "RTCP {at}");
        }
    }
}

#[test]
fn the_rollover_counter_is_followed_over_the_wrap() {
    for profile in PROFILES {
        let ((sealer, mut opener), _) = pair(profile);
        for index in [0xfffe, 0x1_0001, 0xffff, 0x1_0000, 0x1_8000, 0x1_ffff, 0x2_0000, 0x1_fffd] {
            assert_eq!(opener.open_rtp(&mut sealed_rtp(&sealer, index)).map(|o| o.0), Ok(index), "{index:x}");
        }
        // A jump over half the space is taken for an old packet, and fails.
        assert!(opener.open_rtp(&mut sealed_rtp(&sealer, 0x3_0000)).is_err());
    }
}

#[test]
fn limits_are_kept() {
    let material = [0; 56];
    assert_eq!(Keys::from_dtls(Profile::AeadAes128Gcm, &material[1..], true).unwrap_err(), SrtpError::Keys);
    for profile in PROFILES {
        let ((mut sealer, mut opener), _) = pair(profile);
        let (mut packet, header_len, len) = rtp_packet(0, &[1]);
        assert_eq!(sealer.seal_rtp(&mut packet, header_len, len, 1 << 48), Err(SrtpError::Exhausted));
        assert_eq!(sealer.seal_rtp(&mut packet[..len + 1], header_len, len, 0), Err(SrtpError::Malformed));
        assert_eq!(sealer.seal_rtp(&mut packet, len + 1, len, 0), Err(SrtpError::Malformed));
        assert_eq!(sealer.seal_rtcp(&mut packet[..len], len), Err(SrtpError::Malformed));
        for ssrc in 0..replay::SOURCES_MAX as u32 {
            assert!(opener.open_rtcp(&mut sealed_rtcp(&mut sealer, ssrc)).is_ok());
        }
        let one_more = sealed_rtcp(&mut sealer, 99);
        assert_eq!(opener.open_rtcp(&mut one_more.clone()), Err(SrtpError::TooManySources));
        sealer.rtcp_index = 0x7fff_fffe;
        assert!(opener.open_rtcp(&mut sealed_rtcp(&mut sealer, 0)).is_ok());
        assert_eq!(sealer.seal_rtcp(&mut packet, len), Err(SrtpError::Exhausted));
    }
}

#[test]
fn sizes_are_as_documented() {
    assert_eq!((size_of::<Sealer>(), size_of::<Opener>()), (112, 192));
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        for profile in PROFILES {
            let ((_, mut opener), _) = pair(profile);
            prop_assert!(opener.open_rtp(&mut bytes.clone()).is_err());
            prop_assert!(opener.open_rtcp(&mut bytes.clone()).is_err());
        }
    }
}
