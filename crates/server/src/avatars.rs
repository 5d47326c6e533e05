//! Pictures that members send, made into what is kept: a square of two sizes, as JPEG. Nothing of the file that was sent
//! survives but its pixels, so neither does where a photograph was taken.
//!
//! Invariant: dimensions are known and within bounds before anything is decoded, and only so many pictures are held or
//! decoded at once; whoever comes beyond that is answered `busy`.

use std::collections::HashSet;
use std::io::Cursor;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{DynamicImage, GenericImageView, ImageDecoder, Limits, Rgb, RgbImage, RgbaImage};
use roomtone_room::ids::MemberId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::wire::{ApiError, Code};

/// Largest file, in bytes.
pub(crate) const FILE_MAX: usize = 8 << 20;

/// Edge of the small and the large picture, in pixels: in lists and on the stage, and on a profile.
const SMALL: u32 = 160;
const LARGE: u32 = 512;

/// Largest picture: its longer edge, and its area, in pixels. Larger ones would come out no better, and a decoded one takes
/// up to four bytes a pixel.
const EDGE_MAX: u32 = 8192;
const PIXELS_MAX: u64 = 40_000_000;

/// Most bytes of a decoded picture. Only one with 16 bits a channel has more within [`PIXELS_MAX`].
const DECODED_MAX: u64 = 4 * PIXELS_MAX;

/// Most bytes that what stands beside the pixels of a PNG may take, such as a colour profile, once it is unpacked.
const BESIDE_MAX: u64 = 16 << 20;

/// Bytes that packing may add to the pixels of a PNG, where they cannot be packed.
const BESIDE_PIXELS: u64 = 64 << 10;

/// Pictures that are being received, wait or are decoded. More serves more people at once; each may hold [`FILE_MAX`].
const PLACES: usize = 16;

/// Most pictures that are decoded at once, however many cores there are. A decoded one takes up to [`DECODED_MAX`] bytes, and
/// a progressive JPEG half as much again while it is decoded.
const DECODED_AT_ONCE: usize = 2;

/// Quality of what is kept, of 100. Higher keeps more detail; lower loads sooner.
const QUALITY: u8 = 85;

/// Why a picture was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Not a still JPEG, PNG or WebP, or a damaged one.
    Unsupported,
    /// Too many pixels.
    TooLarge,
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unsupported => Code::UnsupportedPicture.into(),
            Refused::TooLarge => Code::PictureTooLarge.into(),
        }
    }
}

/// A picture as it is kept: two JPEGs.
#[derive(Debug)]
pub(crate) struct Picture {
    /// 160 px square.
    pub(crate) small: Vec<u8>,
    /// 512 px square.
    pub(crate) large: Vec<u8>,
}

/// Makes pictures, few at a time.
#[derive(Debug)]
pub struct Pictures {
    places: Arc<Semaphore>,
    cores: Arc<Semaphore>,
    /// Who has a place: each member one at a time, so that nobody has them all.
    senders: Arc<Mutex<HashSet<MemberId>>>,
}

/// Leave to send a picture, until it is dropped or used.
#[derive(Debug)]
pub(crate) struct Place {
    sender: MemberId,
    senders: Arc<Mutex<HashSet<MemberId>>>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.sender);
    }
}

impl Default for Pictures {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            places: Arc::new(Semaphore::new(PLACES)),
            cores: Arc::new(Semaphore::new(cores.min(DECODED_AT_ONCE))),
            senders: Arc::default(),
        }
    }
}

impl Pictures {
    /// A place for a picture that is about to come. When there is none, or the member has one already, the answer is `busy`.
    pub(crate) fn place(&self, sender: MemberId) -> Result<Place, ApiError> {
        let permit = self.places.clone().try_acquire_owned().map_err(|_| Code::Busy)?;
        if !self.senders.lock().unwrap_or_else(PoisonError::into_inner).insert(sender) {
            return Err(Code::Busy.into());
        }
        Ok(Place { sender, senders: self.senders.clone(), _permit: permit })
    }

    /// Makes a picture of a file, on a thread of its own, once a core is free. If the caller stops waiting, the work goes on
    /// and keeps its place until it is done, so that nobody gets more of the machine by hanging up.
    pub(crate) async fn make(&self, place: Place, file: Bytes) -> Result<Picture, ApiError> {
        let core = self.cores.clone().acquire_owned().await.map_err(|_| Code::Busy)?;
        let work = tokio::task::spawn_blocking(move || {
            let made = make(&file);
            drop((core, place));
            made
        });
        match work.await {
            Ok(made) => Ok(made?),
            Err(panic) => {
                // Of a decoder, over a file that nobody has tried on it yet.
                tracing::error!(%panic, "a picture could not be decoded");
                Err(Code::UnsupportedPicture.into())
            }
        }
    }
}

/// Makes a picture of a file.
fn make(file: &[u8]) -> Result<Picture, Refused> {
    let (image, orientation) = decode(file)?;
    let square = square(&image);
    drop(image);
    let mut square = DynamicImage::ImageRgb8(square);
    // The middle square stays the middle square however it is turned.
    square.apply_orientation(orientation);
    let sized = |edge, filter| encode(&imageops::resize(&square.to_rgb8(), edge, edge, filter));
    Ok(Picture { small: sized(SMALL, FilterType::Lanczos3)?, large: sized(LARGE, FilterType::CatmullRom)? })
}

/// The pixels of a file, and how they are to be turned. What it is is told by its first bytes.
fn decode(file: &[u8]) -> Result<(DynamicImage, Orientation), Refused> {
    let limits = |bytes| {
        let mut limits = Limits::no_limits();
        (limits.max_image_width, limits.max_image_height) = (Some(EDGE_MAX), Some(EDGE_MAX));
        limits.max_alloc = Some(bytes);
        limits
    };
    if file.starts_with(b"\x89PNG\r\n\x1a\n") {
        let packed = check_png(file)?;
        let decoder = PngDecoder::with_limits(Cursor::new(file), limits(BESIDE_MAX)).map_err(refused)?;
        // More than its pixels can come to is not of its pixels; a pixel may have less than a byte, and a line has one more.
        let fits = packed <= decoder.total_bytes() + u64::from(decoder.dimensions().1) + BESIDE_PIXELS;
        if !fits || decoder.is_apng().map_err(refused)? {
            return Err(Refused::Unsupported);
        }
        return pixels(decoder);
    }
    if file.starts_with(b"\xff\xd8\xff") {
        // The decoder would fill up what is missing at the end. Cameras pad files with zeros.
        let end = file.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        if !file[..end].ends_with(b"\xff\xd9") {
            return Err(Refused::Unsupported);
        }
        let mut decoder = JpegDecoder::new(Cursor::new(file)).map_err(refused)?;
        decoder.set_limits(limits(DECODED_MAX)).map_err(refused)?;
        return pixels(decoder);
    }
    if file.starts_with(b"RIFF") && file.get(8..12) == Some(b"WEBP") {
        check_webp(file)?;
        return pixels(WebPDecoder::new(Cursor::new(file)).map_err(refused)?);
    }
    Err(Refused::Unsupported)
}

/// Decodes, unless there are too many pixels.
fn pixels(mut decoder: impl ImageDecoder) -> Result<(DynamicImage, Orientation), Refused> {
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    if decoder.total_bytes() > DECODED_MAX {
        return Err(Refused::TooLarge);
    }
    // Damaged notes of a camera are no reason to refuse its picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder).map_err(refused)?, orientation))
}

fn check_size(width: u32, height: u32) -> Result<(), Refused> {
    if width == 0 || height == 0 {
        return Err(Refused::Unsupported);
    }
    let fits = width.max(height) <= EDGE_MAX && u64::from(width) * u64::from(height) <= PIXELS_MAX;
    if fits { Ok(()) } else { Err(Refused::TooLarge) }
}

/// Checks that all chunks of a PNG are there (PNG, third edition, section 5), and returns how many bytes its packed pixels
/// have.
fn check_png(file: &[u8]) -> Result<u64, Refused> {
    let mut rest = file.get(8..).unwrap_or_default();
    let mut packed = 0;
    loop {
        let (head, after) = rest.split_at_checked(8).ok_or(Refused::Unsupported)?;
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        // The data, and a check sum.
        rest = size.checked_add(4).and_then(|size| after.get(size..)).ok_or(Refused::Unsupported)?;
        match &head[4..] {
            b"IEND" => return Ok(packed),
            b"IDAT" => packed += size as u64,
            _ => {}
        }
    }
}

/// Checks the chunks of a WebP file (RFC 9649, section 2): that all are there, that nothing moves, and that no frame is
/// larger than a picture may be, which the decoder sees only once it has decoded it.
fn check_webp(file: &[u8]) -> Result<(), Refused> {
    let mut rest = file.get(12..).unwrap_or_default();
    while !rest.is_empty() {
        let (head, after) = rest.split_at_checked(8).ok_or(Refused::Unsupported)?;
        let (kind, size) = head.split_at(4);
        let size = u32::from_le_bytes([size[0], size[1], size[2], size[3]]) as usize;
        let chunk = after.get(..size).ok_or(Refused::Unsupported)?;
        match (kind, chunk) {
            (b"ANIM" | b"ANMF", _) => return Err(Refused::Unsupported),
            // RFC 6386, section 9.1: three bytes of frame tag, three of start code, 14 bits each.
            (b"VP8 ", &[_, _, _, _, _, _, w0, w1, h0, h1, ..]) => {
                let edge = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
                check_size(edge(w0, w1), edge(h0, h1))?;
            }
            // RFC 9649, section 3.4: a byte of signature, 14 bits each, less one.
            (b"VP8L", &[_, a, b, c, d, ..]) => {
                let bits = u32::from_le_bytes([a, b, c, d]);
                check_size((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1)?;
            }
            (b"VP8 " | b"VP8L", _) => return Err(Refused::Unsupported),
            _ => {}
        }
        // Chunks begin at even places; the last one may do without the padding.
        rest = after.get(size + size % 2..).unwrap_or_default();
    }
    Ok(())
}

/// The square in the middle, at most twice as large as what is kept, on white where the picture is transparent.
fn square(image: &DynamicImage) -> RgbImage {
    let (width, height) = image.dimensions();
    let edge = width.min(height);
    let view = image.view((width - edge) / 2, (height - edge) / 2, edge, edge);
    // Averages over whole blocks first: that reads each pixel once.
    let square: RgbaImage =
        if edge > 2 * LARGE { imageops::thumbnail(&*view, 2 * LARGE, 2 * LARGE) } else { view.to_image() };
    let over_white = |channel: u8, alpha: u8| {
        let (channel, alpha) = (u32::from(channel), u32::from(alpha));
        u8::try_from((channel * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
    };
    let mut flat = RgbImage::new(square.width(), square.height());
    for (to, from) in flat.pixels_mut().zip(square.pixels()) {
        let [red, green, blue, alpha] = from.0;
        *to = Rgb([red, green, blue].map(|channel| over_white(channel, alpha)));
    }
    flat
}

fn encode(image: &RgbImage) -> Result<Vec<u8>, Refused> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, QUALITY).encode_image(image).map_err(refused)?;
    Ok(file)
}

/// Which refusal an error of the decoder's stands for.
fn refused(error: image::ImageError) -> Refused {
    match error {
        image::ImageError::Limits(_) => Refused::TooLarge,
        _ => Refused::Unsupported,
    }
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgba};

    use super::*;

    const RED: Rgb<u8> = Rgb([230, 20, 20]);
    const BLUE: Rgb<u8> = Rgb([20, 20, 230]);

    fn file(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut file = Vec::new();
        image.into().write_to(&mut Cursor::new(&mut file), format).unwrap();
        file
    }

    fn jpeg(image: &RgbImage) -> Vec<u8> {
        file(image.clone(), ImageFormat::Jpeg)
    }

    /// The upper half red, the lower half blue.
    fn halves(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |_, y| if y < height / 2 { RED } else { BLUE })
    }

    fn shown(file: &[u8]) -> RgbImage {
        image::load_from_memory_with_format(file, ImageFormat::Jpeg).unwrap().to_rgb8()
    }

    fn is(pixel: &Rgb<u8>, expected: Rgb<u8>) -> bool {
        pixel.0.iter().zip(expected.0).all(|(&is, expected)| is.abs_diff(expected) < 25)
    }

    /// An APP1 segment as cameras write it (Exif 2.3): how the picture is to be turned, and where it was taken.
    fn exif(orientation: u8) -> Vec<u8> {
        let place = b"N 55 45.1 E 37 37.2\0";
        let mut tiff = b"II*\0\x08\0\0\0\x02\0".to_vec();
        tiff.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
        tiff.extend([0x0e, 0x01, 2, 0, place.len() as u8, 0, 0, 0, 38, 0, 0, 0]);
        tiff.extend([0, 0, 0, 0]);
        tiff.extend(place);
        let body = [b"Exif\0\0", &tiff[..]].concat();
        [&[0xff, 0xe1][..], &(body.len() as u16 + 2).to_be_bytes(), &body].concat()
    }

    fn with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
        [&jpeg[..2], &exif(orientation), &jpeg[2..]].concat()
    }

    /// Puts a chunk behind the head of a PNG.
    fn with_chunk(png: &[u8], kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let sum = [&kind[..], data].concat().iter().fold(u32::MAX, |sum, &byte| {
            (0..8).fold(sum ^ u32::from(byte), |sum, _| if sum & 1 == 1 { 0xedb8_8320 ^ (sum >> 1) } else { sum >> 1 })
        });
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&png[..33], &length, &kind[..], data, &(!sum).to_be_bytes(), &png[33..]].concat()
    }

    fn webp(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut body = b"WEBP".to_vec();
        for (kind, data) in chunks {
            body.extend(*kind);
            body.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
            body.extend(*data);
            body.resize(body.len().next_multiple_of(2), 0);
        }
        [b"RIFF", &u32::try_from(body.len()).unwrap().to_le_bytes()[..], &body].concat()
    }

    #[test]
    fn the_middle_is_kept_and_turned_as_it_was_held() {
        // Of a broad picture the middle, whose edges are another colour.
        let broad = RgbImage::from_fn(1_500, 500, |x, _| if (500..1_000).contains(&x) { RED } else { BLUE });
        let picture = make(&jpeg(&broad)).unwrap();
        assert_eq!((shown(&picture.small).dimensions(), shown(&picture.large).dimensions()), ((160, 160), (512, 512)));
        assert!(shown(&picture.large).pixels().all(|pixel| is(pixel, RED)));
        // Up, right, down, left: where the red half is (Exif 2.3, tag 274).
        for (orientation, red, blue) in [
            (1, (256, 50), (256, 460)),
            (3, (256, 460), (256, 50)),
            (6, (460, 256), (50, 256)),
            (8, (50, 256), (460, 256)),
        ] {
            for (width, height) in [(700, 700), (2_400, 1_800), (60, 40)] {
                let file = with_exif(&jpeg(&halves(width, height)), orientation);
                let large = shown(&make(&file).unwrap().large);
                assert!(is(large.get_pixel(red.0, red.1), RED), "{orientation} {width}");
                assert!(is(large.get_pixel(blue.0, blue.1), BLUE), "{orientation} {width}");
            }
        }
        // Narrow ones do not become huge on the way.
        for (width, height) in [(8_192, 1), (1, 8_192), (1, 1)] {
            assert!(make(&file(RgbImage::from_pixel(width, height, RED), ImageFormat::Png)).is_ok());
        }
    }

    #[test]
    fn nothing_but_pixels_survives() {
        let taken = with_exif(&jpeg(&halves(300, 300)), 1);
        assert!(taken.windows(9).any(|window| window == b"N 55 45.1"));
        let png = file(halves(300, 300), ImageFormat::Png);
        let noted = with_chunk(&png, b"tEXt", b"Comment\0N 55 45.1 E 37 37.2");
        for file in [taken, noted] {
            let picture = make(&file).unwrap();
            for made in [&picture.small, &picture.large] {
                assert!(!made.windows(9).any(|window| window == b"N 55 45.1"));
                // No segment of an application or a comment but JFIF's (ITU-T T.81, table B.1).
                assert!(!made.windows(2).any(|pair| pair[0] == 0xff && matches!(pair[1], 0xe1..=0xef | 0xfe)));
            }
        }
    }

    #[test]
    fn what_is_transparent_is_white() {
        let clear = RgbaImage::from_pixel(200, 200, Rgba([0, 0, 0, 0]));
        for format in [ImageFormat::Png, ImageFormat::WebP] {
            let picture = make(&file(clear.clone(), format)).unwrap();
            assert!(shown(&picture.small).pixels().all(|pixel| is(pixel, Rgb([255, 255, 255]))));
        }
        let deep = image::ImageBuffer::from_pixel(200, 200, Rgba([65_535u16, 0, 0, 65_535]));
        let picture = make(&file(DynamicImage::ImageRgba16(deep), ImageFormat::Png)).unwrap();
        assert!(shown(&picture.small).pixels().all(|pixel| is(pixel, Rgb([254, 0, 0]))));
    }

    #[test]
    fn what_moves_is_refused() {
        let png = file(halves(40, 40), ImageFormat::Png);
        assert!(make(&png).is_ok());
        let moving = with_chunk(&png, b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]);
        assert_eq!(make(&moving).unwrap_err(), Refused::Unsupported);
        let canvas = [2, 0, 0, 0, 39, 0, 0, 39, 0, 0];
        let moving = webp(&[(b"VP8X", &canvas), (b"ANIM", &[0; 6]), (b"ANMF", &[0; 24])]);
        assert_eq!(make(&moving).unwrap_err(), Refused::Unsupported);
    }

    #[test]
    fn frames_may_not_be_larger_than_they_say() {
        let canvas = [0, 0, 0, 0, 39, 0, 0, 39, 0, 0];
        let lossy = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f, 0, 0];
        let lossless = [0x2f, 0xff, 0xff, 0xff, 0x0f, 0];
        for chunk in [(b"VP8 ", &lossy[..]), (b"VP8L", &lossless[..])] {
            assert_eq!(make(&webp(&[(b"VP8X", &canvas), chunk])).unwrap_err(), Refused::TooLarge);
            assert_eq!(make(&webp(&[chunk])).unwrap_err(), Refused::TooLarge);
            assert_eq!(make(&webp(&[(chunk.0, &chunk.1[..4])])).unwrap_err(), Refused::Unsupported);
        }
        // A chunk that says it is longer than the file.
        let mut long = webp(&[(b"VP8X", &canvas), (b"EXIF", &[0; 8])]);
        let size = long.len() - 12;
        long[size..size + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(make(&long).unwrap_err(), Refused::Unsupported);
    }

    #[test]
    fn every_cut_of_a_file_is_refused() {
        let image = halves(90, 60);
        for format in [ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Png] {
            let file = file(image.clone(), format);
            for length in (0..file.len()).step_by(7) {
                if let Ok(picture) = make(&file[..length]) {
                    panic!("{format:?}: {length} of {} bytes made {} bytes", file.len(), picture.large.len());
                }
            }
            assert!(make(&file).is_ok(), "{format:?}");
        }
    }

    #[tokio::test]
    async fn places_come_back() {
        let pictures = Pictures::default();
        let place = |sender| pictures.place(MemberId(sender));
        let mut places: Vec<_> = (0..PLACES as u128).map(|sender| place(sender).unwrap()).collect();
        assert_eq!(place(99).unwrap_err().code, Code::Busy);
        let good = Bytes::from(jpeg(&halves(20, 20)));
        assert!(pictures.make(places.pop().unwrap(), good).await.is_ok());
        let bad = pictures.make(place(99).unwrap(), Bytes::from_static(b"<svg/>")).await;
        assert_eq!(bad.unwrap_err().code, Code::UnsupportedPicture);
        assert!(place(99).is_ok());
    }

    #[test]
    fn a_member_sends_one_picture_at_a_time() {
        let pictures = Pictures::default();
        let first = pictures.place(MemberId(1)).unwrap();
        assert_eq!(pictures.place(MemberId(1)).unwrap_err().code, Code::Busy);
        let other = pictures.place(MemberId(2)).unwrap();
        drop(first);
        let again = pictures.place(MemberId(1)).unwrap();
        // What was refused has taken no place.
        drop((other, again));
        assert_eq!(pictures.places.available_permits(), PLACES);
    }
}
