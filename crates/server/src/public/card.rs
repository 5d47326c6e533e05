//! The picture that goes with a preview on another site: paper, a title in serif, and the faces of who it is about.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, Tree, fontdb};
use roomtone_store::{AvatarSize, Store};
use ttf_parser::Face;

use super::face;
use crate::wire::ApiError;
use crate::wire::socket::Person;

/// Size of a picture, in pixels: what other sites ask for (ogp.me names none; 1200 by 630 is what they document).
pub(super) const WIDTH: u32 = 1200;
pub(super) const HEIGHT: u32 = 630;

/// Faces on a picture.
const FACES: usize = 5;

/// Space around everything, in pixels.
const MARGIN: f32 = 80.0;

/// Sizes in which a title is tried, and the most lines of each.
const TITLE_SIZES: [(f32, usize); 3] = [(76.0, 2), (62.0, 3), (50.0, 4)];

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
    #[error("a picture for a preview: {0}")]
    Svg(#[from] usvg::Error),
    #[error("a picture for a preview could not be written: {0}")]
    Png(String),
}

impl Card {
    pub(super) fn new(kind: &str, title: &str, line: String, people: Vec<Person>) -> Self {
        Self { kind: kind.to_owned(), title: title.to_owned(), line, people, pictures: Vec::new() }
    }

    /// Reads the pictures of those who have one.
    pub(super) async fn fetch_pictures(&mut self, store: &Store) -> Result<(), ApiError> {
        self.people.truncate(FACES);
        for person in &self.people {
            let picture = match person.avatar {
                Some(id) => store.avatar(id.0, AvatarSize::Small).await.map_err(|e| ApiError::internal(&e))?,
                None => None,
            };
            self.pictures.push(picture);
        }
        Ok(())
    }

    /// The picture as a PNG file. Takes some ten milliseconds of a core.
    pub(super) fn png(&self, server: &str) -> Result<Vec<u8>, NotDrawn> {
        let options = usvg::Options { fontdb: FONTS.clone(), ..usvg::Options::default() };
        let tree = Tree::from_str(&self.svg(server), &options)?;
        let Some(mut pixels) = Pixmap::new(WIDTH, HEIGHT) else { return Err(NotDrawn::Png("no room".to_owned())) };
        resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
        pixels.encode_png().map_err(|error| NotDrawn::Png(error.to_string()))
    }

    fn svg(&self, server: &str) -> String {
        let wide = WIDTH as f32 - 2.0 * MARGIN;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\">\
             <defs><radialGradient id=\"lamp\" cx=\"0.92\" cy=\"0.04\" r=\"0.8\"><stop offset=\"0\" stop-color=\"#f4c27c\" stop-opacity=\"0.55\"/>\
             <stop offset=\"1\" stop-color=\"#f6f1e7\" stop-opacity=\"0\"/></radialGradient>\
             <clipPath id=\"face\"><path d=\"{}\"/></clipPath></defs>\
             <rect width=\"100%\" height=\"100%\" fill=\"#f6f1e7\"/><rect width=\"100%\" height=\"100%\" fill=\"url(#lamp)\"/>",
            face::outline()
        );
        // What the fonts have no letters for is not shown as empty boxes: then the kind of thing is the title.
        let (kind, title) = if can_write(SERIF, &self.title) { (&*self.kind, &*self.title) } else { ("", &*self.kind) };
        if can_write(SANS, kind) {
            text(&mut svg, "Golos Text", 28.0, "#a83512", [MARGIN, 112.0], kind);
        }
        let (size, lines) = fitted(title, wide);
        let mut y = 140.0 + size;
        for line in lines {
            text(&mut svg, "Source Serif 4", size, "#1e1b16", [MARGIN, y], &line);
            y += size * 1.2;
        }
        if can_write(SANS, &self.line) {
            text(&mut svg, "Golos Text", 32.0, "#655e51", [MARGIN, y + 10.0], &cut(SANS, &self.line, 32.0, wide));
        }
        for (i, person) in self.people.iter().enumerate() {
            let inside = match self.pictures.get(i) {
                Some(Some(picture)) => format!(
                    "<image width=\"100\" height=\"100\" href=\"data:image/jpeg;base64,{}\"/>",
                    BASE64_STANDARD.encode(picture)
                ),
                _ => face::pattern(&person.handle, &person.name),
            };
            let x = MARGIN + 132.0 * i as f32;
            let y = HEIGHT as f32 - MARGIN - 116.0;
            // Writing to a string never fails.
            let _ = write!(
                svg,
                "<g transform=\"translate({x} {y}) scale(1.16)\"><g clip-path=\"url(#face)\">{inside}</g></g>"
            );
        }
        if can_write(SANS, server) {
            let left = if self.people.is_empty() { 0.0 } else { 132.0 * self.people.len() as f32 + 20.0 };
            let name = cut(SANS, server, 28.0, wide - left);
            let x = WIDTH as f32 - MARGIN - width(SANS, &name, 28.0).unwrap_or_default();
            text(&mut svg, "Golos Text", 28.0, "#655e51", [x, HEIGHT as f32 - MARGIN - 10.0], &name);
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

/// A title in the largest size in which it fits, in lines. In the smallest, what does not fit is cut off.
fn fitted(title: &str, wide: f32) -> (f32, Vec<String>) {
    let tried = TITLE_SIZES.map(|(size, most)| (size, most, wrapped(title, size, wide)));
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

    #[test]
    fn long_titles_are_set_smaller_and_then_cut() {
        let title = |words: usize| "разговор ".repeat(words);
        assert_eq!(fitted("Short", 1040.0), (76.0, vec!["Short".to_owned()]));
        let (size, lines) = fitted(&title(9), 1040.0);
        assert!(size < 76.0 && lines.len() <= 3, "{size} {lines:?}");
        let (size, lines) = fitted(&title(60), 1040.0);
        assert_eq!((size, lines.len()), (50.0, 4));
        assert!(
            lines[3].ends_with('…') && lines.iter().all(|line| width(SERIF, line, size).unwrap() <= 1040.0),
            "{lines:?}"
        );
        let (_, lines) = fitted(&"w".repeat(200), 1040.0);
        assert!(lines.len() == 1 && lines[0].ends_with('…'), "{lines:?}");
    }

    #[test]
    fn what_the_fonts_cannot_write_is_left_out() {
        assert!(can_write(SERIF, "Ещё “Ada”…") && !can_write(SERIF, "こんにちは"));
        let svg = card("こんにちは").svg("サーバー");
        assert!(!svg.contains('こ') && !svg.contains('サ') && svg.contains("Live now"), "{svg}");
    }
}
