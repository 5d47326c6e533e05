//! Faces of people without a picture: the same two-tone patterns that the client draws, from the same file.

use std::sync::LazyLock;

use serde::Deserialize;

/// Points of a squircle's outline. More make it smoother; each costs some bytes of every page.
const OUTLINE_POINTS: u32 = 48;

/// What faces are made of: tones, and shapes in a box of 100 by 100.
#[derive(Debug, Deserialize)]
struct Parts {
    palette: Vec<Tones>,
    figures: Vec<String>,
}

/// A pair of tones and the colour of the initials on them, as `#rrggbb`.
#[derive(Debug, Deserialize)]
struct Tones {
    ground: String,
    figure: String,
    letters: String,
}

static PARTS: LazyLock<Parts> = LazyLock::new(|| {
    let file = include_str!("../../../../web/src/lib/people/faces.json");
    serde_json::from_str(file).expect("the file is part of the program, and a test reads it")
});

/// The outline of every face, in a box of 100 by 100.
static SQUIRCLE: LazyLock<String> = LazyLock::new(|| squircle(3.6));

/// Somebody's pattern with their initials as the content of an SVG image, in a box of 100 by 100 and not clipped yet. The text has the
/// class `initials`.
pub(super) fn pattern(handle: &str, name: &str) -> String {
    let bits = hash(handle);
    let tones = &PARTS.palette[bits as usize % PARTS.palette.len()];
    let figure = &PARTS.figures[(bits >> 8) as usize % PARTS.figures.len()];
    let turn = ((bits >> 16) % 4) * 90;
    // Letters and digits only: nothing of them has a meaning in SVG.
    let initials = initials(name);
    format!(
        "<rect width=\"100\" height=\"100\" fill=\"{}\"/><path d=\"{figure}\" fill=\"{}\" transform=\"rotate({turn} 50 50)\"/>\
         <text class=\"initials\" font-family=\"'Golos Text'\" x=\"50\" y=\"64\" font-size=\"38\" text-anchor=\"middle\" fill=\"{}\">{initials}</text>",
        tones.ground, tones.figure, tones.letters
    )
}

/// The outline by which faces are clipped, as SVG path data in a box of 100 by 100.
pub(super) fn outline() -> &'static str {
    &SQUIRCLE
}

/// The first letters of the first and the last word of a name, in capitals; a middle dot if it has no letters.
fn initials(name: &str) -> String {
    let mut letters = name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let Some(first) = letters.next() else { return "·".to_owned() };
    [Some(first), letters.next_back()].into_iter().flatten().flat_map(char::to_uppercase).collect()
}

/// A superellipse |x|^n + |y|^n = 1, as SVG path data in a box of 100 by 100.
fn squircle(n: f64) -> String {
    let signed = |base: f64| base.signum() * base.abs().powf(2.0 / n);
    let points = (0..OUTLINE_POINTS).map(|i| {
        let angle = f64::from(i) / f64::from(OUTLINE_POINTS) * std::f64::consts::TAU;
        format!("{:.1} {:.1}", 50.0 + 50.0 * signed(angle.cos()), 50.0 + 50.0 * signed(angle.sin()))
    });
    format!("M{}Z", points.collect::<Vec<_>>().join("L"))
}

/// FNV-1a over UTF-16 code units, finished as MurmurHash3 does, so that close handles get far faces.
fn hash(text: &str) -> u32 {
    let mut h = text.encode_utf16().fold(0x811c_9dc5_u32, |h, unit| (h ^ u32::from(unit)).wrapping_mul(0x0100_0193));
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_those_of_the_client() {
        for (name, told) in [
            ("Ada Lovelace", "AL"),
            ("ada", "A"),
            ("Фаина Георгиевна Раневская", "ФР"),
            ("“Chen”", "C"),
            ("★", "·"),
            ("<b> &c", "BC"),
        ] {
            assert_eq!(initials(name), told);
        }
    }

    /// As `faceOf('ada', 'Ada')` of the client, whose test has the same.
    #[test]
    fn a_face_is_that_of_the_client() {
        let face = pattern("ada", "Ada");
        let shape = |face: &str| {
            let tone = PARTS.palette.iter().position(|tones| face.contains(&tones.ground)).unwrap();
            let figure = PARTS.figures.iter().position(|figure| face.contains(figure)).unwrap();
            let turn: u32 = face.split("rotate(").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
            (tone, figure, turn)
        };
        assert_eq!(shape(&face), ADA, "{face}");
        assert_eq!(shape(&pattern("фаина", "Ф")), FAINA);
    }

    const ADA: (usize, usize, u32) = (10, 6, 270);
    const FAINA: (usize, usize, u32) = (10, 6, 180);
}
