//! What may be proven: domains, as the internet at large knows them.

use url::Host;

/// Longest domain, in bytes (RFC 1035, section 2.3.4, without the root).
const DOMAIN_MAX: usize = 253;

/// Longest label of a domain (RFC 1035, section 2.3.4).
const LABEL_MAX: usize = 63;

/// Last labels that the DNS does not serve: each machine itself (RFC 6761), the network around it (RFC 6762), nobody (RFC 6761),
/// and another network (RFC 7686).
const NOT_SERVED: [&str; 4] = ["localhost", "local", "invalid", "onion"];

/// A domain in lower-case ASCII, if it is one: at least two labels of letters, digits and hyphens, of which the last is no number;
/// other letters are written as IDNA says (UTS 46). Whatever some program would take for an address is none, however it is
/// written: `2130706433`, `0x7f.1`, `[::1]`; and neither is one with a dot at the end, a port or a path.
pub fn domain(text: &str) -> Option<String> {
    // Longer than any in other letters, before it is worked on.
    if text.len() > 4 * DOMAIN_MAX {
        return None;
    }
    // A host ends at none of these, and the parser would decode or drop some.
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || "%/\\@:?#[]".contains(c)) {
        return None;
    }
    let Ok(Host::Domain(name)) = Host::parse(text) else { return None };
    let labels: Vec<&str> = name.split('.').collect();
    let sound = |label: &&str| {
        (1..=LABEL_MAX).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = labels.last().copied().unwrap_or_default();
    let fits = name.len() <= DOMAIN_MAX
        && labels.len() >= 2
        && labels.iter().all(sound)
        && last.bytes().any(|b| b.is_ascii_lowercase())
        && !NOT_SERVED.contains(&last);
    fits.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains() {
        let cases = [
            ("example.org", "example.org"),
            ("Press.Example.ORG", "press.example.org"),
            ("a-b.x1.example", "a-b.x1.example"),
            ("президент.рф", "xn--d1abbgf6aiiy.xn--p1ai"),
            ("xn--d1abbgf6aiiy.xn--p1ai", "xn--d1abbgf6aiiy.xn--p1ai"),
            ("ｅxample.org", "example.org"),
            ("127.0.0.1.example.org", "127.0.0.1.example.org"),
        ];
        for (given, made) in cases {
            assert_eq!(domain(given).as_deref(), Some(made), "{given}");
        }
    }

    #[test]
    fn what_is_an_address_in_some_form_or_no_public_name_is_none() {
        let long = format!("{}.example", "a".repeat(64));
        let longer = format!("{}example", "abc.".repeat(70));
        let bad = [
            "",
            ".",
            "example",
            "localhost",
            "localhost.",
            "a.localhost",
            "printer.local",
            "x.invalid",
            "x.onion",
            "example.org.",
            "example..org",
            ".example.org",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "127.0.0.1.",
            "１２７.0.0.1",
            "127。0。0。1",
            "[::1]",
            "::1",
            "[::ffff:127.0.0.1]",
            "1.2.3.4.5",
            "x.0x7f",
            "example.123",
            "example.org:443",
            "example.org:8080",
            "ada@example.org",
            "example.org/x",
            "example.org?x",
            "example.org#x",
            "https://example.org",
            "exa mple.org",
            "example.org\n",
            "exa%6dple.org",
            "exa_mple.org",
            "-x.example",
            "x-.example",
            "*.example.org",
            &long,
            &longer,
        ];
        for bad in bad {
            assert_eq!(domain(bad), None, "{bad:?}");
        }
    }
}
