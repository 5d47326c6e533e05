//! What other sites show of a shared room: Open Graph tags (ogp.me) in the head of its page, so that no script is needed to
//! read them.

use url::Url;

use crate::wire::http::RoomCard;

/// The picture that goes with every preview: a file of the client.
const PICTURE: &str = "icon-512.png";

/// The tags that describe a room, on the server of this name and address.
pub(super) fn tags(card: &RoomCard, server: &str, public_url: &Url) -> String {
    let base = public_url.as_str().trim_end_matches('/');
    let description = description(card);
    let properties = [
        ("og:type", "website"),
        ("og:site_name", server),
        ("og:title", &card.title),
        ("og:description", &description),
        ("og:url", &format!("{base}/room/{}", card.id.0)),
        ("og:image", &format!("{base}/{PICTURE}")),
    ];
    let mut tags = String::new();
    for (property, content) in properties {
        tags.push_str(&format!("<meta property=\"{property}\" content=\"{}\" />", escaped(content)));
    }
    tags
}

/// A page with tags at the end of its head; `None` for a page without a head.
pub(super) fn with_tags(page: &str, tags: &str) -> Option<String> {
    let (head, rest) = page.split_once("</head>")?;
    Some(format!("{head}{tags}</head>{rest}"))
}

/// Who hosts the room, in which language, and how many are there; in Russian for rooms in Russian, otherwise in English.
fn description(card: &RoomCard) -> String {
    let people = card.on_stage + card.listening;
    let primary = card.language.split('-').next().unwrap_or_default().to_lowercase();
    let mut parts = Vec::new();
    let host = &card.host.name;
    if primary == "ru" {
        parts.extend((!host.is_empty()).then(|| format!("Ведёт {host}")));
        parts.push("на русском".to_owned());
        let noun = match (people % 10, people % 100) {
            (2..=4, rest) if !(12..=14).contains(&rest) => "человека",
            _ => "человек",
        };
        parts.push(format!("{people} {noun}"));
    } else {
        parts.extend((!host.is_empty()).then(|| format!("Hosted by {host}")));
        parts.push(if primary == "en" { "in English".to_owned() } else { format!("in {}", card.language) });
        parts.push(format!("{people} {}", if people == 1 { "person" } else { "people" }));
    }
    parts.join(" · ")
}

/// A text as the value of an attribute in double quotes (HTML, section 13.3).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use roomtone_room::ids::{MemberId, RoomId};

    use super::*;
    use crate::wire::Id;
    use crate::wire::socket::{Kind, Person};

    fn card(title: &str, language: &str, on_stage: usize, listening: usize) -> RoomCard {
        let host = Person { id: Id(MemberId(1)), handle: "ada".to_owned(), name: "Ada".to_owned(), avatar: None };
        RoomCard {
            id: Id(RoomId(7)),
            title: title.to_owned(),
            kind: Kind::Open,
            language: language.to_owned(),
            topics: Vec::new(),
            house: None,
            opened_at: 0,
            stage: vec![host.clone()],
            host,
            on_stage,
            listening,
        }
    }

    #[test]
    fn nothing_that_somebody_wrote_ends_an_attribute() {
        let url = "https://talk.example/".parse().unwrap();
        let tags = tags(&card("\"><script>alert('x')</script> & more", "en", 1, 0), "Bob's <\"Talk\">", &url);
        assert!(
            !tags.contains("<script") && tags.matches('<').count() == 6 && tags.matches('>').count() == 6,
            "{tags}"
        );
        assert!(tags.contains("content=\"&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; more\""));
        assert!(tags.contains("content=\"Bob&#39;s &lt;&quot;Talk&quot;&gt;\""));
        assert!(tags.contains(&format!("content=\"https://talk.example/room/{}\"", RoomId(7))), "{tags}");
        assert!(tags.contains("content=\"https://talk.example/icon-512.png\""));
    }

    #[test]
    fn a_room_is_described_in_its_language() {
        let described = |language, on_stage, listening| description(&card("A room", language, on_stage, listening));
        assert_eq!(described("en-GB", 1, 0), "Hosted by Ada · in English · 1 person");
        assert_eq!(described("pt-BR", 2, 9), "Hosted by Ada · in pt-BR · 11 people");
        for (people, told) in
            [(1, "1 человек"), (3, "3 человека"), (5, "5 человек"), (12, "12 человек"), (22, "22 человека")]
        {
            assert_eq!(described("ru", people, 0), format!("Ведёт Ада · на русском · {told}").replace("Ада", "Ada"));
        }
    }

    #[test]
    fn tags_go_into_the_head() {
        assert_eq!(with_tags("<head>a</head><body></head>", "b").as_deref(), Some("<head>ab</head><body></head>"));
        assert_eq!(with_tags("no page", "b"), None);
    }
}
