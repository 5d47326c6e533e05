//! Requests to where members say: what is looked at before, and that nothing gets around it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use hickory_resolver::proto::rr::RecordType;
use roomtone::proof::{Options, Prover, Publication, Reach, Trouble};
use roomtone_room::ids::{MemberId, RecordId, Timestamp};
use roomtone_store::{Proof, ProofMethod, ProofSubject};
use tokio::time::Instant;
use url::Url;

use crate::domains::{Domains, INSIDE, PUBLIC, STRANGE, Then};

const TOKEN: &str = "7zzzzzzzzzzzzzzzzzzzzzzzzz";
const FILE: &str = "/.well-known/roomtone";

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn proof(domain: &str, method: ProofMethod) -> Proof {
    Proof {
        id: RecordId(1),
        subject: ProofSubject::Member(MemberId(1)),
        domain: domain.to_owned(),
        method,
        token: TOKEN.to_owned(),
        created_at: Timestamp(0),
        proven_at: None,
        checked_at: None,
        failing_since: None,
        lapsed_at: None,
    }
}

fn home() -> Url {
    Url::parse("https://talk.example/people/ada").unwrap()
}

fn prover(domains: &Domains) -> Prover {
    let value = |name: &str| {
        let options = domains.options();
        let place = options.iter().position(|option| option == name).unwrap();
        options[place + 1].clone()
    };
    let options = Options {
        resolver: Some(domains.resolver),
        reach: Reach { allowed: vec![value("--proof-allow").parse().unwrap()], port: domains.port },
        roots: Some(PathBuf::from(value("--proof-roots"))),
    };
    Prover::start(&options, &home()).unwrap()
}

/// What came of looking for a file at a domain.
async fn file(domains: &Domains, domain: &str) -> Result<(), Trouble> {
    prover(domains).look(&proof(domain, ProofMethod::File), &home()).await
}

#[tokio::test]
async fn each_way_is_found_where_it_is_published() {
    let domains = Domains::start().await;
    let prover = prover(&domains);
    let look = async |method| prover.look(&proof("ada.example.org", method), &home()).await;
    for method in [ProofMethod::Dns, ProofMethod::File, ProofMethod::RelMe] {
        assert_eq!(look(method).await, Err(Trouble::NoName));
    }
    domains.says("_roomtone.ada.example.org", &[&["v=spf1 -all"], &["roomtone=other"]]);
    assert_eq!(look(ProofMethod::Dns).await, Err(Trouble::NotThere));
    domains.says("_roomtone.ada.example.org", &[&["v=spf1 -all"], &["room", "tone=", TOKEN]]);
    assert_eq!(look(ProofMethod::Dns).await, Ok(()));
    // There is a domain, and it has no address.
    domains.lives_at("ada.example.org", &[]);
    assert_eq!(look(ProofMethod::File).await, Err(Trouble::NoName));

    domains.publishes("ada.example.org", FILE, &format!("# Ours\r\n{TOKEN} \r\n"));
    assert_eq!(look(ProofMethod::File).await, Ok(()));
    for other in [format!("x{TOKEN}"), format!("{TOKEN}x"), TOKEN[1..].to_owned(), String::new()] {
        domains.publishes("ada.example.org", FILE, &other);
        assert_eq!(look(ProofMethod::File).await, Err(Trouble::NotThere), "{other}");
    }

    assert_eq!(look(ProofMethod::RelMe).await, Err(Trouble::Refused), "404");
    let Publication::Link { page, href } = Publication::of(&proof("ada.example.org", ProofMethod::RelMe), &home())
    else {
        panic!("a link is published as one")
    };
    assert_eq!((page.as_str(), href.as_str()), ("https://ada.example.org/", &*format!("{}#{TOKEN}", home())));
    domains.publishes("ada.example.org", "/", &format!("<p>Me, <a rel=me href='{href}'>talking</a>"));
    assert_eq!(look(ProofMethod::RelMe).await, Ok(()));
    domains.publishes("ada.example.org", "/", &format!("<p>Me, <a rel=me href='{}'>talking</a>", home()));
    assert_eq!(look(ProofMethod::RelMe).await, Err(Trouble::NotThere), "anybody may link to a profile");
}

#[tokio::test]
async fn nothing_is_asked_that_has_an_address_inside() {
    let domains = Domains::start().await;
    let inside = [
        "0.0.0.0",
        "127.0.0.1",
        "127.0.0.3",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::1",
        "2001::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
    ];
    for (number, inside) in inside.iter().map(|inside| address(inside)).enumerate() {
        let domain = format!("d{number}.example.org");
        domains.publishes(&domain, FILE, TOKEN);
        // Alone, and beside one that may be asked.
        for addresses in [vec![inside], vec![PUBLIC, inside]] {
            domains.lives_at(&domain, &addresses);
            assert_eq!(file(&domains, &domain).await, Err(Trouble::Inside), "{inside}");
        }
    }
    assert_eq!(domains.knocks(), Vec::<IpAddr>::new());
}

/// A name that has a public address when it is looked at, and another one a moment later.
#[tokio::test]
async fn a_name_is_looked_up_once_and_that_address_is_asked() {
    let domains = Domains::start().await;
    domains.publishes("moves.example.org", FILE, TOKEN);
    domains.moves("moves.example.org", &[&[PUBLIC], &[INSIDE]]);
    assert_eq!(file(&domains, "moves.example.org").await, Ok(()));
    assert_eq!(domains.knocks(), [PUBLIC]);
    assert_eq!(domains.queries("moves.example.org", RecordType::A), 1);
    assert_eq!(file(&domains, "moves.example.org").await, Err(Trouble::Inside));
    assert_eq!(domains.knocks(), [PUBLIC]);
}

#[tokio::test]
async fn redirects_are_followed_a_little_and_never_inside() {
    let domains = Domains::start().await;
    domains.publishes("www.example.org", "/me", TOKEN);
    domains.redirects("example.org", FILE, "https://www.example.org/me");
    assert_eq!(file(&domains, "example.org").await, Ok(()));
    // What was said on the way is not said again: no cookie, and no word of who sent us.
    let asked = domains.asked();
    assert_eq!((asked.len(), asked[1].at), (2, PUBLIC));
    for asked in &asked {
        let mut names: Vec<_> = asked.head[1..].iter().filter_map(|line| line.split(':').next()).collect();
        names.retain(|name| !name.is_empty());
        names.sort_unstable();
        assert_eq!(names, ["accept", "connection", "host", "user-agent"]);
        assert!(asked.header("user-agent").unwrap().starts_with("roomtone/"));
    }
    assert_eq!(asked[1].header("host"), Some("www.example.org"));

    // One after the other: three are followed.
    for hop in 0..5 {
        domains.redirects(&format!("hop{hop}.example.org"), FILE, &format!("https://hop{}.example.org{FILE}", hop + 1));
    }
    domains.publishes("hop5.example.org", FILE, TOKEN);
    assert_eq!(file(&domains, "hop2.example.org").await, Ok(()));
    let before = domains.asked().len();
    assert_eq!(file(&domains, "hop1.example.org").await, Err(Trouble::Redirect));
    assert_eq!(domains.asked().len() - before, 4);
    domains.redirects("loop.example.org", FILE, FILE);
    assert_eq!(file(&domains, "loop.example.org").await, Err(Trouble::Redirect));

    domains.publishes("inner.example.org", FILE, TOKEN);
    domains.lives_at("inner.example.org", &[INSIDE]);
    domains.redirects("sly.example.org", FILE, &format!("https://inner.example.org{FILE}"));
    assert_eq!(file(&domains, "sly.example.org").await, Err(Trouble::Inside));
    let elsewhere = [
        "https://127.0.0.1/".to_owned(),
        "https://[::1]/".to_owned(),
        "https://2130706433/".to_owned(),
        "https://localhost/".to_owned(),
        "http://www.example.org/me".to_owned(),
        format!("https://www.example.org:{}/me", domains.port),
        "https://ada@www.example.org/me".to_owned(),
    ];
    for to in elsewhere {
        domains.redirects("sly.example.org", FILE, &to);
        assert_eq!(file(&domains, "sly.example.org").await, Err(Trouble::Redirect), "{to}");
    }
    domains.answers(&format!("sly.example.org{FILE}"), "HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n", Then::Close);
    assert_eq!(file(&domains, "sly.example.org").await, Err(Trouble::Redirect), "to nowhere");
    assert!(domains.knocks().iter().all(|at| *at == PUBLIC), "{:?}", domains.knocks());
}

#[tokio::test]
async fn certificates_count() {
    let domains = Domains::start().await;
    for domain in ["good.example.org", STRANGE] {
        domains.publishes(domain, FILE, TOKEN);
    }
    assert_eq!(file(&domains, "good.example.org").await, Ok(()));
    assert_eq!(file(&domains, STRANGE).await, Err(Trouble::Certificate), "of an authority that is not known");
    // Of one that is known, for other names.
    domains.publishes("other.test", FILE, TOKEN);
    assert_eq!(file(&domains, "other.test").await, Err(Trouble::Certificate));
    assert!(domains.asked().iter().all(|asked| asked.header("host") == Some("good.example.org")));
}

#[tokio::test]
async fn answers_without_end_are_read_to_their_limit() {
    let domains = Domains::start().await;
    domains.lives_at("long.example.org", &[PUBLIC]);
    let place = format!("long.example.org{FILE}");
    let head = "HTTP/1.1 200 OK\r\n\r\n";
    for (before, found) in [(0, Ok(())), (60_000, Ok(())), (70_000, Err(Trouble::NotThere))] {
        let body = format!("{head}{}\n{TOKEN}\n", " ".repeat(before));
        domains.answers(&place, &body, Then::Flood);
        assert_eq!(file(&domains, "long.example.org").await, found, "{before}");
    }
    // Heads: too long, with too many fields, and without end.
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n{TOKEN}\n", "y".repeat(20_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n{TOKEN}\n", "x: y\r\n".repeat(200));
    for (head, then) in [(&*long, Then::Close), (&many, Then::Close), ("HTTP/1.1 200 OK\r\nx: y", Then::Flood)] {
        domains.answers(&place, head, then);
        assert_eq!(file(&domains, "long.example.org").await, Err(Trouble::NoAnswer));
    }
    for (answer, trouble) in [
        ("SSH-2.0-OpenSSH\r\n", Trouble::NoAnswer),
        ("", Trouble::NoAnswer),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx", Trouble::NoAnswer),
        ("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n", Trouble::Refused),
        ("HTTP/1.1 206 Part\r\ncontent-length: 0\r\n\r\n", Trouble::Refused),
        ("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n", Trouble::Refused),
    ] {
        domains.answers(&place, answer, Then::Close);
        assert_eq!(file(&domains, "long.example.org").await, Err(trouble), "{answer}");
    }
    domains.breaks("broken.example.org");
    assert_eq!(file(&domains, "broken.example.org").await, Err(Trouble::NoAnswer));
}

/// Time is virtual: it goes on while nothing happens, and somebody who says nothing costs five seconds of it at most.
#[tokio::test(start_paused = true)]
async fn whoever_is_slow_is_not_waited_for() {
    let domains = Domains::start().await;
    domains.lives_at("slow.example.org", &[PUBLIC]);
    for begun in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r\nx"] {
        domains.answers(&format!("slow.example.org{FILE}"), begun, Then::Hang);
        let began = Instant::now();
        assert_eq!(file(&domains, "slow.example.org").await, Err(Trouble::NoAnswer), "{begun}");
        assert!(began.elapsed() <= Duration::from_secs(6), "{begun}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn so_many_are_looked_for_at_once() {
    let domains = Domains::start().await;
    domains.lives_at("slow.example.org", &[PUBLIC]);
    domains.answers(&format!("slow.example.org{FILE}"), "", Then::Hang);
    let prover = std::sync::Arc::new(prover(&domains));
    let mut slow = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let prover = prover.clone();
        slow.spawn(async move { prover.look(&proof("slow.example.org", ProofMethod::File), &home()).await });
    }
    while domains.asked().len() < 8 {
        assert!(slow.try_join_next().is_none(), "nobody is answered");
        tokio::task::yield_now().await;
    }
    let look = async || prover.look(&proof("nowhere.example.org", ProofMethod::Dns), &home()).await;
    assert_eq!(look().await, Err(Trouble::Busy));
    // Whoever goes away gives the place back.
    slow.shutdown().await;
    assert_eq!(look().await, Err(Trouble::NoName));
}
