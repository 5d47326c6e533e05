//! Files that are answered whole or in part (RFC 9110, section 14), so that a player can seek in them.

use std::io::{self, SeekFrom};
use std::ops::Range;

use axum::body::Body;
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt};

use crate::wire::{ApiError, Code};

/// Bytes that are read at a time, and of each answer in memory. More makes fewer reads of a long file; less takes less memory for
/// everybody whose line is slow.
const PART: usize = 64 * 1024;

/// What is served, and what is said of it.
#[derive(Debug)]
pub(crate) struct Content<R> {
    /// The bytes, from the first one.
    pub(crate) bytes: R,
    /// How many there are.
    pub(crate) total: u64,
    /// Their media type.
    pub(crate) kind: &'static str,
    /// What these bytes and no others are called: a strong entity tag with its quotes. Without one, a request for a part with `If-Range`
    /// is answered with the whole, since nothing tells whether what the client has is of these bytes.
    pub(crate) tag: Option<HeaderValue>,
}

/// Answers with the part that was asked for: 206, or 200 and the whole where none was, or one that is not understood, or several.
///
/// Errors: `range_not_satisfiable` (416) where the part lies behind the end; what seeking fails with is `internal`.
pub(crate) async fn serve<R>(method: &Method, headers: &HeaderMap, content: Content<R>) -> Result<Response, ApiError>
where
    R: AsyncRead + AsyncSeek + Send + Unpin + 'static,
{
    let Content { mut bytes, total, kind, tag } = content;
    // Parts are defined for GET alone (section 14.2).
    let part = if *method == Method::GET { asked(headers, total, tag.as_ref()) } else { Asked::Whole };
    let (status, range) = match part {
        Asked::Whole => (StatusCode::OK, 0..total),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asked::Nothing => {
            let mut refused = ApiError::from(Code::RangeNotSatisfiable).into_response();
            refused.headers_mut().insert(CONTENT_RANGE, value(format!("bytes */{total}")));
            return Ok(refused);
        }
    };
    if range.start > 0 {
        bytes.seek(SeekFrom::Start(range.start)).await.map_err(|error| ApiError::internal(&error))?;
    }
    let length = range.end - range.start;
    let mut response = (status, Body::from_stream(parts(bytes, length))).into_response();
    let said = response.headers_mut();
    said.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    said.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Said, so that a file that turns out to be shorter fails for the client, and is not taken for the whole.
    said.insert(CONTENT_LENGTH, length.into());
    if status == StatusCode::PARTIAL_CONTENT {
        said.insert(CONTENT_RANGE, value(format!("bytes {}-{}/{total}", range.start, range.end - 1)));
    }
    if let Some(tag) = tag {
        said.insert(ETAG, tag);
    }
    Ok(response)
}

/// Which bytes a request is for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<u64>),
    /// None of those that there are.
    Nothing,
}

/// Which of `total` bytes a request with these headers is for. What a server does not understand of them, it does as if it were not there.
fn asked(headers: &HeaderMap, total: u64, tag: Option<&HeaderValue>) -> Asked {
    let mut ranges = headers.get_all(RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else { return Asked::Whole };
    // Of other bytes than these the client wants all of them (section 13.1.5). Only strong tags are compared; a weak one is no
    // tag of ours.
    if headers.get(IF_RANGE).is_some_and(|had| Some(had) != tag) {
        return Asked::Whole;
    }
    range.to_str().ok().and_then(|range| part(range, total)).unwrap_or(Asked::Whole)
}

/// Reads a range of `total` bytes (section 14.1.2). `None` if it is none, or several.
fn part(range: &str, total: u64) -> Option<Asked> {
    let (unit, range) = range.split_once('=')?;
    let (first, last) = range.trim_matches([' ', '\t']).split_once('-')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let range = match (first, last) {
        ("", last) => total.saturating_sub(number(last)?)..total,
        (first, "") => number(first)?..total,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return None;
            }
            first..last.saturating_add(1).min(total)
        }
    };
    Some(if range.is_empty() { Asked::Nothing } else { Asked::Part(range) })
}

/// Reads digits, and nothing else: of itself, a sign would be read, too. A number that is too large for us is behind every end.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// The next `length` bytes in parts, each of which is read when the one before it is gone.
fn parts<R>(bytes: R, length: u64) -> impl stream::Stream<Item = io::Result<Bytes>> + Send + 'static
where
    R: AsyncRead + Send + Unpin + 'static,
{
    stream::try_unfold(bytes.take(length), |mut bytes| async move {
        let wanted = bytes.limit().min(PART as u64) as usize;
        if wanted == 0 {
            return Ok(None);
        }
        let mut part = BytesMut::with_capacity(wanted);
        // `take` ends it; the buffer may have more room than was asked for.
        if bytes.read_buf(&mut part).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some((part.freeze(), bytes)))
    })
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("digits and punctuation make a header")
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use axum::body::to_bytes;

    use super::*;

    const TAG: HeaderValue = HeaderValue::from_static("\"these\"");

    fn headers(list: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for &(name, value) in list {
            headers.append(name.parse::<axum::http::HeaderName>().unwrap(), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        use Asked::{Nothing, Part, Whole};
        for (range, total, expected) in [
            ("bytes=0-1", 10, Part(0..2)),
            ("bytes=0-", 10, Part(0..10)),
            ("bytes=9-", 10, Part(9..10)),
            ("bytes=4-4", 10, Part(4..5)),
            ("bytes=4-99", 10, Part(4..10)),
            ("bytes=4-18446744073709551615", 10, Part(4..10)),
            ("bytes=4-99999999999999999999999", 10, Part(4..10)),
            ("bytes=-3", 10, Part(7..10)),
            ("bytes=-99", 10, Part(0..10)),
            ("BYTES= 2-3 ", 10, Part(2..4)),
            ("bytes=10-", 10, Nothing),
            ("bytes=10-12", 10, Nothing),
            ("bytes=99999999999999999999999-", 10, Nothing),
            ("bytes=-0", 10, Nothing),
            ("bytes=0-", 0, Nothing),
            ("bytes=-5", 0, Nothing),
            ("bytes=5-4", 10, Whole),
            ("bytes=0-1,4-5", 10, Whole),
            ("bytes=-", 10, Whole),
            ("bytes=", 10, Whole),
            ("bytes=a-b", 10, Whole),
            ("bytes=+1-2", 10, Whole),
            ("bytes=--1", 10, Whole),
            ("bytes=1- 2", 10, Whole),
            ("items=0-1", 10, Whole),
            ("bytes 0-1", 10, Whole),
        ] {
            assert_eq!(asked(&headers(&[("range", range)]), total, None), expected, "{range} of {total}");
        }
        assert_eq!(asked(&headers(&[]), 10, None), Whole);
        assert_eq!(asked(&headers(&[("range", "bytes=0-1"), ("range", "bytes=2-3")]), 10, None), Whole);
    }

    #[test]
    fn a_part_of_other_bytes_is_not_given() {
        for (had, tag, part) in [
            ("\"these\"", Some(TAG), true),
            ("\"others\"", Some(TAG), false),
            ("W/\"these\"", Some(TAG), false),
            ("Mon, 23 Nov 2026 10:00:00 GMT", Some(TAG), false),
            ("\"these\"", None, false),
        ] {
            let asked = asked(&headers(&[("range", "bytes=0-1"), ("if-range", had)]), 10, tag.as_ref());
            assert_eq!(asked == Asked::Part(0..2), part, "{had}");
        }
    }

    /// Status, the headers that depend on the part, and the body of an answer.
    async fn answer(method: Method, range: Option<&str>, bytes: Vec<u8>, total: u64) -> (u16, [String; 2], Vec<u8>) {
        let asked = range.map_or_else(HeaderMap::new, |range| headers(&[("range", range)]));
        let content = Content { bytes: Cursor::new(bytes), total, kind: "audio/ogg", tag: Some(TAG) };
        let response = serve(&method, &asked, content).await.unwrap();
        let header = |name| response.headers().get(name).map_or(String::new(), |v| v.to_str().unwrap().to_owned());
        let (status, said) = (response.status().as_u16(), [header(CONTENT_LENGTH), header(CONTENT_RANGE)]);
        if status != 416 {
            assert_eq!(
                [header(CONTENT_TYPE), header(ACCEPT_RANGES), header(ETAG)],
                ["audio/ogg", "bytes", "\"these\""]
            );
        }
        (status, said, to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec())
    }

    #[tokio::test]
    async fn the_part_that_was_asked_for_is_sent() {
        // Longer than what is read at a time.
        let file: Vec<u8> = (0..PART * 2 + 100).map(|n| (n % 251) as u8).collect();
        let total = file.len() as u64;
        let whole = answer(Method::GET, None, file.clone(), total).await;
        assert_eq!(whole, (200, [total.to_string(), String::new()], file.clone()));
        let (first, last) = (PART - 3, PART * 2 + 1);
        let range = format!("bytes={first}-{last}");
        let part = answer(Method::GET, Some(&range), file.clone(), total).await;
        let said = [(last - first + 1).to_string(), format!("bytes {first}-{last}/{total}")];
        assert_eq!(part, (206, said, file[first..=last].to_vec()));
        let (status, [_, range], body) = answer(Method::GET, Some("bytes=999999-"), file.clone(), total).await;
        assert_eq!((status, range), (416, format!("bytes */{total}")));
        assert!(String::from_utf8(body).unwrap().contains("range_not_satisfiable"));
        // HEAD is told of the whole, whatever it asks for.
        let head = answer(Method::HEAD, Some("bytes=0-1"), file, total).await;
        assert_eq!((head.0, head.1), (200, [total.to_string(), String::new()]));
    }

    #[tokio::test]
    async fn a_file_that_is_shorter_than_was_said_fails() {
        let content = Content { bytes: Cursor::new(vec![1; 10]), total: 20, kind: "audio/ogg", tag: None };
        let response = serve(&Method::GET, &HeaderMap::new(), content).await.unwrap();
        assert!(to_bytes(response.into_body(), usize::MAX).await.is_err());
    }
}
