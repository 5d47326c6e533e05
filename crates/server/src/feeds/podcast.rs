//! Talks as a podcast: RSS 2.0 (rssboard.org/rss-specification) with the elements of Apple's that players go by: all that directories
//! require of a show and an episode. Nobody's address of e-mail is among them: there is no `itunes:owner`.

use std::fmt::Write as _;

use jiff::fmt::rfc2822;
use roomtone_room::ids::Timestamp;

use super::instant;
use crate::wire::replays::ReplayCard;

/// A talk that is in the feed, and how large its file is in bytes.
pub(super) type Episode = (ReplayCard, u64);

/// What a feed is of.
pub(super) struct Show<'a> {
    /// The page that the feed belongs to, as a path.
    pub(super) path: &'a str,
    pub(super) title: &'a str,
    /// What it is about; may be empty.
    pub(super) about: &'a str,
    /// Whose it is.
    pub(super) author: &'a str,
    /// BCP 47 language tag.
    pub(super) language: &'a str,
}

/// The feed of these talks, the latest first.
pub(super) fn feed(base: &str, show: &Show<'_>, episodes: &[Episode]) -> String {
    let page = format!("{base}{}", show.path);
    let about = if show.about.is_empty() { show.title } else { show.about };
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\" \
         xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\" xmlns:atom=\"http://www.w3.org/2005/Atom\" \
         xmlns:podcast=\"https://podcastindex.org/namespace/1.0\">\n<channel>\n",
    );
    element(&mut out, "title", show.title);
    element(&mut out, "link", &page);
    let own = escaped(&format!("{page}/podcast.xml"));
    let _ = writeln!(out, "<atom:link href=\"{own}\" rel=\"self\" type=\"application/rss+xml\"/>");
    element(&mut out, "description", about);
    element(&mut out, "language", show.language);
    element(&mut out, "generator", "Roomtone");
    // Of a square, which readers that go by RSS alone take as well.
    let cover = format!("{page}/cover.jpg");
    let _ = writeln!(out, "<itunes:image href=\"{}\"/>", escaped(&cover));
    out.push_str("<image>\n");
    element(&mut out, "url", &cover);
    element(&mut out, "title", show.title);
    element(&mut out, "link", &page);
    out.push_str("</image>\n");
    element(&mut out, "itunes:author", show.author);
    element(&mut out, "itunes:type", "episodic");
    element(&mut out, "itunes:explicit", "false");
    out.push_str("<itunes:category text=\"Society &amp; Culture\"/>\n");
    for (talk, size) in episodes {
        episode(&mut out, base, talk, *size);
    }
    out.push_str("</channel>\n</rss>\n");
    out
}

fn episode(out: &mut String, base: &str, talk: &ReplayCard, size: u64) {
    let id = talk.id.0;
    let page = format!("{base}/recaps/{id}");
    out.push_str("<item>\n");
    element(out, "title", &talk.title);
    element(out, "link", &page);
    // A talk that is made anew without somebody is the same episode, and is not shown as a new one.
    let _ = writeln!(out, "<guid isPermaLink=\"false\">{id}</guid>");
    if let Some(date) = date(Timestamp(talk.began_at)) {
        element(out, "pubDate", &date);
    }
    let people: Vec<&str> = talk.faces.iter().map(|person| person.name.as_str()).collect();
    element(out, "description", &if people.is_empty() { talk.title.clone() } else { people.join(", ") });
    element(out, "itunes:author", &talk.host.name);
    element(out, "itunes:episodeType", "full");
    element(out, "itunes:explicit", "false");
    element(out, "itunes:duration", &(talk.ms / 1000).to_string());
    let sound = escaped(&format!("{base}/api/replays/{id}/audio.mp4"));
    let _ = writeln!(out, "<enclosure url=\"{sound}\" length=\"{size}\" type=\"audio/mp4\"/>");
    let captions = escaped(&format!("{base}/api/replays/{id}/transcript.vtt"));
    let _ = writeln!(out, "<podcast:transcript url=\"{captions}\" type=\"text/vtt\"/>");
    out.push_str("</item>\n");
}

fn element(out: &mut String, name: &str, text: &str) {
    let _ = writeln!(out, "<{name}>{}</{name}>", escaped(text));
}

/// A text as XML has it (section 2.4), without what XML cannot hold (section 2.2).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {}
            c => out.push(c),
        }
    }
    out
}

/// A time as RSS has it (RFC 822, with a year of four digits).
fn date(at: Timestamp) -> Option<String> {
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&instant(at)?).ok()
}

#[cfg(test)]
mod tests {
    use resvg::usvg::roxmltree::Document;
    use roomtone_room::ids::{MemberId, ReplayId, RoomId};

    use super::*;
    use crate::wire::Id;
    use crate::wire::replays::{Hearers, ReplayState};
    use crate::wire::socket::Person;

    #[test]
    fn what_is_written_is_read_back() {
        let hostile = "Tea & <b>\"biscuits\"</b> ]]> 'чай'\u{7}";
        let person =
            |name: &str| Person { id: Id(MemberId(1)), handle: "ada".to_owned(), name: name.to_owned(), avatar: None };
        let talk = ReplayCard {
            id: Id(ReplayId(7)),
            room: Id(RoomId(1)),
            title: hostile.to_owned(),
            host: person("Ada & Ben"),
            house: None,
            language: "en".to_owned(),
            topics: Vec::new(),
            hearers: Hearers::Everyone,
            state: ReplayState::Ready,
            progress: 100,
            began_at: 1_795_000_000_123,
            ms: 3_723_900,
            faces: vec![person("Ada"), person("<Ben>")],
            spoke: 2,
        };
        let show = Show { path: "/houses/tea", title: hostile, about: "", author: "Tea", language: "en" };
        let text = feed("https://talk.example", &show, &[(talk, 12_345)]);
        let read = Document::parse(&text).unwrap();
        let said = |name: &str| -> Vec<&str> {
            read.descendants().filter(|node| node.tag_name().name() == name).filter_map(|node| node.text()).collect()
        };
        let shown = hostile.trim_end_matches('\u{7}');
        assert_eq!(said("title"), [shown; 3], "of the show, its picture and the episode");
        assert_eq!(said("description"), [shown, "Ada, <Ben>"]);
        assert_eq!(said("author"), ["Tea", "Ada & Ben"]);
        assert_eq!(said("pubDate"), ["Wed, 18 Nov 2026 11:06:40 GMT"]);
        assert_eq!(said("duration"), ["3723"]);
        assert_eq!(said("guid"), [ReplayId(7).to_string()]);
        assert_eq!((said("explicit"), said("type")), (vec!["false"; 2], vec!["episodic"]));
        let cover = read.descendants().find(|node| node.tag_name().name() == "image").unwrap();
        assert_eq!(cover.attribute("href"), Some("https://talk.example/houses/tea/cover.jpg"));
        assert!(!text.contains("owner") && !text.contains("email"), "{text}");
        let sound = read.descendants().find(|node| node.has_tag_name("enclosure")).unwrap();
        let address = format!("https://talk.example/api/replays/{}/audio.mp4", ReplayId(7));
        assert_eq!(
            ["url", "length", "type"].map(|name| sound.attribute(name)),
            [Some(address.as_str()), Some("12345"), Some("audio/mp4")]
        );
    }
}
