//! Pictures over HTTP: good ones are made small and square, all others are refused and leave nothing behind.

use std::io::Cursor;
use std::process::Command;

use axum::http::{Method, StatusCode};
use image::{ImageFormat, RgbImage};
use serde_json::{Value, json};

use crate::support::{Answer, Member, Server};

const AVATAR: &str = "/api/me/avatar";

impl Member<'_> {
    async fn picture(&self, kind: &str, file: Vec<u8>) -> Answer {
        self.server.send(Method::PUT, AVATAR, Some(&self.token), &[("content-type", kind)], file).await
    }

    async fn avatar(&self) -> Value {
        self.get("/api/me").await.json()["avatar"].clone()
    }
}

/// A picture of one colour.
fn file(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    RgbImage::from_pixel(width, height, image::Rgb([200, 40, 90]))
        .write_to(&mut Cursor::new(&mut file), format)
        .unwrap();
    file
}

/// A PNG with these dimensions in its head, and these chunks.
fn png(width: u32, height: u32, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", &head[..])].iter().chain(chunks).chain(&[(b"IEND", &[][..])]) {
        file.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        file.extend(*kind);
        file.extend(*data);
        file.extend(crc(&[&kind[..], data]).to_be_bytes());
    }
    file
}

/// The check sum of a PNG's chunk (ISO 3309).
fn crc(parts: &[&[u8]]) -> u32 {
    let table: Vec<u32> = (0..256u32)
        .map(|byte| (0..8).fold(byte, |sum, _| if sum & 1 == 1 { 0xedb8_8320 ^ (sum >> 1) } else { sum >> 1 }))
        .collect();
    let sum =
        parts.iter().copied().flatten().fold(u32::MAX, |sum, &byte| table[(sum as u8 ^ byte) as usize] ^ (sum >> 8));
    !sum
}

/// A zlib stream (RFC 1950) that unpacks to `count` zeros: one literal, and then as often as it takes that the byte before is
/// repeated 258 times, 13 bits each (RFC 1951, section 3.2.6).
fn zeros(count: u64) -> Vec<u8> {
    let (mut stream, mut bits, mut held) = (vec![0x78, 0x01], 0u64, 0);
    let mut put = |code: u64, length: u32, stream: &mut Vec<u8>| {
        bits |= code << held;
        held += length;
        while held >= 8 {
            stream.push(bits as u8);
            bits >>= 8;
            held -= 8;
        }
    };
    put(0b011, 3, &mut stream); // The last block, with the fixed codes.
    put(0b0000_1100, 8, &mut stream); // The literal 0, whose code is written from its highest bit.
    for _ in 0..count / 258 {
        put(0b1010_0011, 8, &mut stream);
        put(0, 5, &mut stream);
    }
    put(0, 7, &mut stream); // The end of the block.
    put(0, 7, &mut stream);
    let unpacked = 1 + count / 258 * 258;
    stream.extend((u32::try_from(unpacked % 65_521).unwrap() << 16 | 1).to_be_bytes());
    stream
}

/// Files that are no pictures, or no good ones, with the code that each is refused with.
fn bad() -> Vec<(&'static str, Vec<u8>, u16, &'static str)> {
    let (good_jpeg, good_png) = (file(ImageFormat::Jpeg, 300, 200), file(ImageFormat::Png, 300, 200));
    let good_webp = file(ImageFormat::WebP, 300, 200);
    let billion = zeros(1_000_000_000);
    let named = |keyword: &[u8], data: &[u8]| [keyword, &[0, 0], data].concat();
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>".to_vec();
    let mut long = good_png.clone();
    long.resize((8 << 20) + 1, 0);
    vec![
        ("nothing", Vec::new(), 422, "unsupported_picture"),
        ("text", b"hello".to_vec(), 422, "unsupported_picture"),
        ("SVG", svg, 422, "unsupported_picture"),
        (
            "GIF",
            b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff\x2c\x00\x00\x00\x00".to_vec(),
            422,
            "unsupported_picture",
        ),
        ("half a JPEG", good_jpeg[..good_jpeg.len() / 2].to_vec(), 422, "unsupported_picture"),
        ("half a PNG", good_png[..good_png.len() / 2].to_vec(), 422, "unsupported_picture"),
        ("half a WebP", good_webp[..good_webp.len() / 2].to_vec(), 422, "unsupported_picture"),
        ("50,000 pixels square", png(50_000, 50_000, &[(b"IDAT", &zeros(10_000))]), 413, "picture_too_large"),
        (
            "the largest square there is",
            png(0x7fff_ffff, 0x7fff_ffff, &[(b"IDAT", &zeros(1))]),
            413,
            "picture_too_large",
        ),
        ("41 megapixels", png(8_192, 5_006, &[(b"IDAT", &zeros(1_000))]), 413, "picture_too_large"),
        ("no pixels", png(0, 5, &[(b"IDAT", &zeros(1_000))]), 422, "unsupported_picture"),
        (
            "a head that promises more than comes",
            png(8_000, 5_000, &[(b"IDAT", &zeros(1_000))]),
            422,
            "unsupported_picture",
        ),
        ("a billion zeros for 256 pixels", png(16, 16, &[(b"IDAT", &billion)]), 422, "unsupported_picture"),
        (
            "a billion zeros as a note",
            png(16, 16, &[(b"zTXt", &named(b"note", &billion)), (b"IDAT", &zeros(100))]),
            422,
            "unsupported_picture",
        ),
        (
            "a billion zeros as a colour profile",
            png(16, 16, &[(b"iCCP", &named(b"profile", &billion)), (b"IDAT", &zeros(100))]),
            422,
            "unsupported_picture",
        ),
        ("one byte too many", long, 413, "too_large"),
    ]
}

#[tokio::test]
async fn a_picture_is_made_small_and_square() {
    let (server, data) = Server::start().await;
    let ada = server.member(&data).await;
    assert_eq!(ada.avatar().await, json!(null));
    let mut last = String::new();
    for (kind, format) in
        [("image/jpeg", ImageFormat::Jpeg), ("image/png", ImageFormat::Png), ("image/webp", ImageFormat::WebP)]
    {
        let answer = ada.picture(kind, file(format, 900, 300)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let id = answer.json()["avatar"].as_str().unwrap().to_owned();
        assert_eq!(ada.avatar().await, id.as_str());
        for (size, edge) in [("small", 160), ("large", 512)] {
            let shown = server.get(&format!("/api/avatars/{id}/{size}"), None).await;
            assert_eq!(
                (shown.status, &shown.headers["content-type"]),
                (StatusCode::OK, &"image/jpeg".parse().unwrap())
            );
            assert_eq!(shown.headers["cache-control"], "private, max-age=31536000, immutable");
            assert_eq!(shown.headers["x-content-type-options"], "nosniff");
            let picture = image::load_from_memory_with_format(&shown.bytes, ImageFormat::Jpeg).unwrap().to_rgb8();
            assert_eq!(picture.dimensions(), (edge, edge));
            let middle = picture.get_pixel(edge / 2, edge / 2).0;
            assert!(middle.iter().zip([200, 40, 90]).all(|(&is, was)| is.abs_diff(was) < 12), "{middle:?}");
        }
        // The one before is gone, with its address.
        if !last.is_empty() {
            server.get(&format!("/api/avatars/{last}/small"), None).await.refused(404, "not_found");
        }
        last = id;
    }
    // What it is is told by its bytes.
    assert_eq!(ada.picture("image/png", file(ImageFormat::Jpeg, 20, 20)).await.status, StatusCode::OK);
    assert_eq!(ada.send(Method::DELETE, AVATAR).await.status, StatusCode::NO_CONTENT);
    assert_eq!(ada.send(Method::DELETE, AVATAR).await.status, StatusCode::NO_CONTENT);
    assert_eq!(ada.avatar().await, json!(null));
    for path in ["00000000000000000000000000/small", "x/small", "00000000000000000000000000/huge"] {
        server.get(&format!("/api/avatars/{path}"), None).await.refused(404, "not_found");
    }
}

/// Where the test runs again as a process of its own, so that only its memory is counted.
const ALONE: &str = "ROOMTONE_TEST_PICTURES_ALONE";

/// Most memory that the whole process may ever have had, in kilobytes. None of these pictures is decoded to its end.
const MEMORY_MAX: u64 = 200_000;

#[tokio::test]
async fn bad_pictures_are_refused_and_nothing_grows() {
    if std::env::var_os(ALONE).is_none() {
        let name = "avatars::bad_pictures_are_refused_and_nothing_grows";
        let alone = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&alone.stdout);
        assert!(
            alone.status.success() && said.contains("1 passed"),
            "{said}{}",
            String::from_utf8_lossy(&alone.stderr)
        );
        return;
    }
    let (server, data) = Server::start().await;
    for (what, file, status, code) in bad() {
        let ada = server.member(&data).await;
        let answer = ada.picture("image/png", file).await;
        assert_eq!((answer.status.as_u16(), answer.json()["code"].as_str()), (status, Some(code)), "{what}");
        assert_eq!(ada.avatar().await, json!(null), "{what}");
    }
    let ada = server.member(&data).await;
    let good = || file(ImageFormat::Png, 30, 30);
    for kind in ["image/svg+xml", "image/gif", "text/plain", "application/octet-stream", ""] {
        ada.picture(kind, good()).await.refused(415, "unsupported_media_type");
    }
    server.send(Method::PUT, AVATAR, Some(&ada.token), &[], good()).await.refused(415, "unsupported_media_type");
    server
        .send(Method::PUT, AVATAR, None, &[("content-type", "image/png")], good())
        .await
        .refused(401, "not_signed_in");
    // Packed a second time, which nobody unpacks.
    let headers = [("content-type", "image/png"), ("content-encoding", "gzip")];
    let packed = [b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03".to_vec(), zeros(1_000_000_000)].concat();
    let answer = server.send(Method::PUT, AVATAR, Some(&ada.token), &headers, packed).await;
    answer.refused(422, "unsupported_picture");
    assert_eq!(ada.avatar().await, json!(null));
    // The peak since the process began (proc(5)).
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak < MEMORY_MAX, "{peak} kB");
    }
}

#[tokio::test]
async fn many_at_once_wait_or_are_told_to_come_back() {
    let (server, data) = Server::start().await;
    let mut members = Vec::new();
    for _ in 0..30 {
        members.push(server.member(&data).await);
    }
    let picture = file(ImageFormat::Png, 600, 600);
    let sends = members.iter().map(|member| member.picture("image/png", picture.clone()));
    let answers = futures_util::future::join_all(sends).await;
    for answer in &answers {
        match answer.status {
            StatusCode::OK => {}
            StatusCode::SERVICE_UNAVAILABLE => answer.refused(503, "busy"),
            other => panic!("{other}: {}", answer.text),
        }
    }
    assert!(answers.iter().filter(|answer| answer.status == StatusCode::OK).count() >= 16);
    // And whoever comes afterwards finds a place.
    assert_eq!(members[29].picture("image/png", picture).await.status, StatusCode::OK);
}
