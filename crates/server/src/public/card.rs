//! Pictures that stand for a page elsewhere: paper, a title in serif, and the faces of who it is about. One goes with a preview on another
//! site, the other is the cover of a podcast.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, Tree, fontdb};
use roomtone_store::{AvatarSize, Store};
use ttf_parser::Face;

use super::face;
use crate::wire::ApiError;
use crate::wire::socket::Person;

/// Size of a preview, in pixels: what other sites ask for (ogp.me names none; 1200 by 630 is what they document).
pub(super) const WIDTH: u32 = 1200;
pub(super) const HEIGHT: u32 = 630;

/// Edge of a cover, in pixels: directories of podcasts want a square of 1400 to 3000.
pub(super) const COVER: u32 = 1400;

/// Quality of a cover, of 100. Higher keeps edges of letters cleaner; lower loads sooner.
const COVER_QUALITY: u8 = 90;

/// Faces that are fetched for a picture: the most that any form has.
const FACES: usize = 5;

/// Where everything is in a picture, in pixels.
struct Layout {
    width: f32,
    height: f32,
    /// Space around everything.
    margin: f32,
    /// Whether there are lines above and below the title, and the server's name beside the faces instead of above them.
    wordy: bool,
    /// Sizes in which a title is tried, and the most lines of each.
    titles: [(f32, usize); 3],
    /// The size of the line below the title.
    line: f32,
    /// The size of the line above the title, and of the server's name.
    small: f32,
    /// The edge of a face, and how many there are at most.
    face: f32,
    faces: usize,
}

const PREVIEW: Layout = Layout {
    width: WIDTH as f32,
    height: HEIGHT as f32,
    margin: 80.0,
    wordy: true,
    titles: [(76.0, 2), (62.0, 3), (50.0, 4)],
    line: 32.0,
    small: 28.0,
    face: 116.0,
    faces: FACES,
};

/// A cover is shown as small as a thumbnail: few words, large.
const SQUARE: Layout = Layout {
    width: COVER as f32,
    height: COVER as f32,
    margin: 120.0,
    wordy: false,
    titles: [(176.0, 3), (136.0, 4), (104.0, 6)],
    line: 54.0,
    small: 54.0,
    face: 250.0,
    faces: 4,
};

const SERIF: &[u8] = include_bytes!("../../assets/fonts/SourceSerif4-SemiBold.ttf");
const SANS: &[u8] = include_bytes!("../../assets/fonts/GolosText-Regular.ttf");

/// The fonts of pictures. Nothing is read from the machine, so that a picture is the same everywhere.
static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(SERIF.to_vec());
    fonts.load_font_data(SANS.to_vec());
    Arc::new(fonts)
});

/// What a picture says.
pub(super) struct Card {
    /// What kind of thing it is: a short line above the title.
    pub(super) kind: String,
    pub(super) title: String,
    /// When, or how many: a line below the title.
    pub(super) line: String,
    pub(super) people: Vec<Person>,
    /// The people's pictures, JPEG, in their order.
    pub(super) pictures: Vec<Option<Vec<u8>>>,
}

/// Why a picture was not drawn.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotDrawn {
    #[error("a picture of a page: {0}")]
    Svg(#[from] usvg::Error),
    #[error("a picture of a page could not be written: {0}")]
    File(String),
}

impl Card {
    pub(super) fn new(kind: &str, title: &str, line: String, people: Vec<Person>) -> Self {
        Self { kind: kind.to_owned(), title: title.to_owned(), line, people, pictures: Vec::new() }
    }

    /// Reads the pictures of those who have one.
    pub(super) async fn fetch_pictures(&mut self, store: &Store, size: AvatarSize) -> Result<(), ApiError> {
        self.people.truncate(FACES);
        for person in &self.people {
            let picture = match person.avatar {
                Some(id) => store.avatar(id.0, size).await.map_err(|e| ApiError::internal(&e))?,
                None => None,
            };
            self.pictures.push(picture);
        }
        Ok(())
    }

    /// The preview as a PNG file. Takes some ten milliseconds of a core.
    pub(super) fn png(&self, server: &str) -> Result<Vec<u8>, NotDrawn> {
        drawn(&self.svg(server, &PREVIEW), &PREVIEW)?.encode_png().map_err(|error| NotDrawn::File(error.to_string()))
    }

    /// The cover as a JPEG file in RGB. It says the title alone, so that it is the same in every language.
    pub(super) fn cover(&self, server: &str) -> Result<Vec<u8>, NotDrawn> {
        let pixels = drawn(&self.svg(server, &SQUARE), &SQUARE)?;
        // Paper covers all of it, so nothing shines through.
        let colours = pixels.pixels().iter().flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).collect();
        let picture = RgbImage::from_raw(COVER, COVER, colours).ok_or_else(|| NotDrawn::File("no room".to_owned()))?;
        let mut file = Vec::new();
        let written = JpegEncoder::new_with_quality(&mut file, COVER_QUALITY).encode_image(&picture);
        written.map_err(|error| NotDrawn::File(error.to_string()))?;
        Ok(file)
    }

    fn svg(&self, server: &str, layout: &Layout) -> String {
        let Layout { width: whole, height, margin, small, face, .. } = *layout;
        let wide = whole - 2.0 * margin;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole}\" height=\"{height}\">\
             <defs><radialGradient id=\"lamp\" cx=\"0.92\" cy=\"0.04\" r=\"0.8\"><stop offset=\"0\" stop-color=\"#f4c27c\" stop-opacity=\"0.55\"/>\
             <stop offset=\"1\" stop-color=\"#f6f1e7\" stop-opacity=\"0\"/></radialGradient>\
             <clipPath id=\"face\"><path d=\"{}\"/></clipPath></defs>\
             <rect width=\"100%\" height=\"100%\" fill=\"#f6f1e7\"/><rect width=\"100%\" height=\"100%\" fill=\"url(#lamp)\"/>",
            face::outline()
        );
        // What the fonts have no letters for is not shown as empty boxes: then the kind of thing is the title.
        let (kind, title) = if can_write(SERIF, &self.title) { (&*self.kind, &*self.title) } else { ("", &*self.kind) };
        let (kind, line) = if layout.wordy { (kind, &*self.line) } else { ("", "") };
        if can_write(SANS, kind) {
            text(&mut svg, "Golos Text", small, "#a83512", [margin, margin + small * 8.0 / 7.0], kind);
        }
        let (size, lines) = fitted(title, wide, &layout.titles);
        // Below the line above it.
        let mut y = margin + size + if layout.wordy { 60.0 } else { 0.0 };
        for line in lines {
            text(&mut svg, "Source Serif 4", size, "#1e1b16", [margin, y], &line);
            y += size * 1.2;
        }
        if can_write(SANS, line) {
            let cut = cut(SANS, line, layout.line, wide);
            text(&mut svg, "Golos Text", layout.line, "#655e51", [margin, y + 10.0], &cut);
        }
        let step = face * 8.0 / 7.0;
        for (i, person) in self.people.iter().take(layout.faces).enumerate() {
            let inside = match self.pictures.get(i) {
                Some(Some(picture)) => format!(
                    "<image width=\"100\" height=\"100\" href=\"data:image/jpeg;base64,{}\"/>",
                    BASE64_STANDARD.encode(picture)
                ),
                _ => face::pattern(&person.handle, &person.name),
            };
            let (x, y, scale) = (margin + step * i as f32, height - margin - face, face / 100.0);
            // Writing to a string never fails.
            let _ = write!(
                svg,
                "<g transform=\"translate({x} {y}) scale({scale})\"><g clip-path=\"url(#face)\">{inside}</g></g>"
            );
        }
        if can_write(SANS, server) {
            let faces = self.people.len().min(layout.faces) as f32;
            let left = if layout.wordy && faces > 0.0 { step * faces + 20.0 } else { 0.0 };
            let name = cut(SANS, server, small, wide - left);
            let [x, y] = match layout.wordy {
                true => [whole - margin - width(SANS, &name, small).unwrap_or_default(), height - margin - 10.0],
                false => [margin, height - margin - if faces > 0.0 { face + small } else { 0.0 }],
            };
            text(&mut svg, "Golos Text", small, "#655e51", [x, y], &name);
        }
        svg.push_str("</svg>");
        svg
    }
}

fn text(svg: &mut String, family: &str, size: f32, colour: &str, [x, y]: [f32; 2], words: &str) {
    let escaped = maud::html! { (words) }.into_string();
    let weight = if family == "Golos Text" { 400 } else { 600 };
    // Writing to a string never fails.
    let _ = write!(
        svg,
        "<text x=\"{x}\" y=\"{y}\" font-family=\"'{family}'\" font-weight=\"{weight}\" font-size=\"{size}\" fill=\"{colour}\">{escaped}</text>"
    );
}

/// The pixels of an SVG image.
fn drawn(svg: &str, layout: &Layout) -> Result<Pixmap, NotDrawn> {
    let options = usvg::Options { fontdb: FONTS.clone(), ..usvg::Options::default() };
    let tree = Tree::from_str(svg, &options)?;
    let pixels = Pixmap::new(layout.width as u32, layout.height as u32);
    let Some(mut pixels) = pixels else { return Err(NotDrawn::File("no room".to_owned())) };
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    Ok(pixels)
}

/// A title in the largest of these sizes in which it fits, in lines. In the smallest, what does not fit is cut off.
fn fitted(title: &str, wide: f32, sizes: &[(f32, usize); 3]) -> (f32, Vec<String>) {
    let tried = sizes.map(|(size, most)| (size, most, wrapped(title, size, wide)));
    if let Some((size, _, lines)) = tried.iter().find(|(_, most, lines)| lines.len() <= *most) {
        return (*size, lines.clone());
    }
    let [.., (size, most, mut lines)] = tried;
    lines.truncate(most);
    if let Some(last) = lines.last_mut() {
        *last = cut(SERIF, &format!("{last} …"), size, wide);
    }
    (size, lines)
}

/// A text in lines no wider than `wide`. A word that is wider is cut off.
fn wrapped(words: &str, size: f32, wide: f32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        if let Some(line) = lines.last_mut() {
            let longer = format!("{line} {word}");
            if width(SERIF, &longer, size).is_some_and(|width| width <= wide) {
                *line = longer;
                continue;
            }
        }
        lines.push(cut(SERIF, word, size, wide));
    }
    lines
}

/// The beginning of a text that is no wider than `wide`, with an ellipsis where something is left out.
fn cut(font: &[u8], words: &str, size: f32, wide: f32) -> String {
    let fits = |words: &str| width(font, words, size).is_none_or(|width| width <= wide);
    if fits(words) {
        return words.to_owned();
    }
    let mut short = words.trim_end_matches(['…', ' ']).to_owned();
    while !short.is_empty() && !fits(&format!("{short}…")) {
        short.pop();
    }
    format!("{}…", short.trim_end())
}

/// Whether a font has all letters of a text.
fn can_write(font: &[u8], words: &str) -> bool {
    width(font, words, 1.0).is_some()
}

/// How wide a text is, in pixels; `None` if the font lacks a letter.
fn width(font: &[u8], words: &str, size: f32) -> Option<f32> {
    let face = Face::parse(font, 0).ok()?;
    let mut units = 0.0;
    for letter in words.chars() {
        units += f32::from(face.glyph_hor_advance(face.glyph_index(letter)?)?);
    }
    Some(units * size / f32::from(face.units_per_em()))
}

#[cfg(test)]
mod tests {
    use image::GenericImageView as _;

    use super::*;
    use crate::wire::Id;

    fn card(title: &str) -> Card {
        let person = |handle: &str, name: &str| Person {
            id: Id(roomtone_room::ids::MemberId(1)),
            handle: handle.to_owned(),
            name: name.to_owned(),
            avatar: None,
        };
        let people = vec![person("ada", "Ada Lovelace"), person("фаина", "Фаина <Р>")];
        Card::new("Live now", title, "5 on stage · 1 204 listening".to_owned(), people)
    }

    #[test]
    fn a_picture_has_its_size_and_something_in_it() {
        let drawn = |title: &str| image::load_from_memory(&card(title).png("Bob's <Talk> & Co").unwrap()).unwrap();
        let picture = drawn("Rust and other pastimes");
        assert_eq!(picture.dimensions(), (WIDTH, HEIGHT));
        let ink = |picture: &image::DynamicImage| {
            let dark = |pixel: &image::Rgba<u8>| pixel.0[..3].iter().all(|&part| part < 90);
            picture.crop_imm(80, 140, 1040, 200).pixels().filter(|(_, _, pixel)| dark(pixel)).count()
        };
        let (long, short) = (ink(&picture), ink(&drawn("I")));
        assert!(long > 5_000 && short > 100 && short < long / 5, "{long} {short}");
    }

    /// What directories of podcasts ask for: a square of 1400 to 3000 pixels, JPEG, in RGB.
    #[test]
    fn a_cover_is_a_large_square_with_the_title_in_it() {
        let file = card("Valves & wires").cover("Bob's <Talk> & Co").unwrap();
        assert_eq!(&file[..3], b"\xff\xd8\xff");
        let picture = image::load_from_memory(&file).unwrap();
        assert_eq!((picture.dimensions(), picture.color()), ((1400, 1400), image::ColorType::Rgb8));
        let dark = |[x, y, wide, high]: [u32; 4]| {
            let is_dark = |pixel: &image::Rgba<u8>| pixel.0[..3].iter().all(|&part| part < 90);
            picture.crop_imm(x, y, wide, high).pixels().filter(|(_, _, pixel)| is_dark(pixel)).count()
        };
        assert!(dark([120, 120, 1160, 400]) > 10_000, "the title");
        assert_eq!(dark([0, 0, 1400, 100]), 0, "the edge");
        let svg = card("Valves & wires").svg("A server", &SQUARE);
        assert!(!svg.contains("Live now") && !svg.contains("1 204"), "words of one language: {svg}");
    }

    #[test]
    fn long_titles_are_set_smaller_and_then_cut() {
        const SIZES: &[(f32, usize); 3] = &PREVIEW.titles;
        let title = |words: usize| "разговор ".repeat(words);
        assert_eq!(fitted("Short", 1040.0, SIZES), (76.0, vec!["Short".to_owned()]));
        let (size, lines) = fitted(&title(9), 1040.0, SIZES);
        assert!(size < 76.0 && lines.len() <= 3, "{size} {lines:?}");
        let (size, lines) = fitted(&title(60), 1040.0, SIZES);
        assert_eq!((size, lines.len()), (50.0, 4));
        assert!(
            lines[3].ends_with('…') && lines.iter().all(|line| width(SERIF, line, size).unwrap() <= 1040.0),
            "{lines:?}"
        );
        let (_, lines) = fitted(&"w".repeat(200), 1040.0, SIZES);
        assert!(lines.len() == 1 && lines[0].ends_with('…'), "{lines:?}");
    }

    #[test]
    fn what_the_fonts_cannot_write_is_left_out() {
        assert!(can_write(SERIF, "Ещё “Ada”…") && !can_write(SERIF, "こんにちは"));
        let svg = card("こんにちは").svg("サーバー", &PREVIEW);
        assert!(!svg.contains('こ') && !svg.contains('サ') && svg.contains("Live now"), "{svg}");
    }
}
