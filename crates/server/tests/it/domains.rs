//! An internet of the tests' own: a name server, and a server that answers over https for every domain there.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::TXT;
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;

/// The address that counts as public. All others of the loopback network lead to the same server and do not.
pub(crate) const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// An address inside: whoever comes there was not kept out.
pub(crate) const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));

/// A name for which the server's certificate is of an authority that nobody knows. The other one is for `example.org` and names under it.
pub(crate) const STRANGE: &str = "strange.example";

/// What a server does after what it has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Close,
    /// Says nothing more and stays.
    Hang,
    /// Sends on for ever.
    Flood,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The address to which it came.
    pub(crate) at: IpAddr,
    /// The head in lower case, a line each.
    pub(crate) head: Vec<String>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

#[derive(Default)]
struct Inner {
    /// What the name server says, one answer after the other; the last one stays.
    records: HashMap<(String, RecordType), VecDeque<Vec<RData>>>,
    /// Names about which it fails.
    broken: Vec<String>,
    queries: Vec<(String, RecordType)>,
    /// By host and path.
    pages: HashMap<String, (Vec<u8>, Then)>,
    asked: Vec<Asked>,
    /// Where connections came in, whether or not anything was said on them.
    knocks: Vec<IpAddr>,
}

pub(crate) struct Domains {
    pub(crate) resolver: SocketAddr,
    pub(crate) port: u16,
    folder: TempDir,
    inner: Arc<Mutex<Inner>>,
}

impl Domains {
    pub(crate) async fn start() -> Self {
        let inner = Arc::<Mutex<Inner>>::default();
        let names = UdpSocket::bind((INSIDE, 0)).await.unwrap();
        let resolver = names.local_addr().unwrap();
        tokio::spawn(serve_names(names, inner.clone()));
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let made = rcgen::generate_simple_self_signed(["example.org", "*.example.org"].map(str::to_owned)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("roots.pem"), made.cert.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let good = acceptor(vec![made.cert.der().clone()], key);
        let made = rcgen::generate_simple_self_signed([STRANGE.to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let strange = acceptor(vec![made.cert.der().clone()], key);
        tokio::spawn(serve_pages(listener, good, strange, inner.clone()));
        Self { resolver, port, folder, inner }
    }

    /// What a server is started with that is to look here.
    pub(crate) fn options(&self) -> Vec<String> {
        let roots = self.folder.path().join("roots.pem").to_str().unwrap().to_owned();
        let (resolver, port) = (self.resolver.to_string(), self.port.to_string());
        let options = [("resolver", resolver), ("port", port), ("allow", format!("{PUBLIC}/32")), ("roots", roots)];
        options.into_iter().flat_map(|(name, value)| [format!("--proof-{name}"), value]).collect()
    }

    /// Gives a domain these addresses, as both kinds.
    pub(crate) fn lives_at(&self, domain: &str, addresses: &[IpAddr]) {
        self.moves(domain, &[addresses]);
    }

    /// Gives a domain addresses that are others each time it is asked about; the last ones stay.
    pub(crate) fn moves(&self, domain: &str, addresses: &[&[IpAddr]]) {
        let mut inner = self.inner.lock().unwrap();
        for kind in [RecordType::A, RecordType::AAAA] {
            let data = |address: &IpAddr| match address {
                IpAddr::V4(address) => (kind == RecordType::A).then(|| RData::A((*address).into())),
                IpAddr::V6(address) => (kind == RecordType::AAAA).then(|| RData::AAAA((*address).into())),
            };
            let answers = addresses.iter().map(|all| all.iter().filter_map(data).collect()).collect();
            inner.records.insert((domain.to_owned(), kind), answers);
        }
    }

    /// Gives a name TXT records, each in parts.
    pub(crate) fn says(&self, name: &str, records: &[&[&str]]) {
        let data = |parts: &&[&str]| RData::TXT(TXT::new(parts.iter().map(|part| (*part).to_owned()).collect()));
        let records = VecDeque::from([records.iter().map(data).collect()]);
        self.inner.lock().unwrap().records.insert((name.to_owned(), RecordType::TXT), records);
    }

    /// The name server fails to answer about this name.
    pub(crate) fn breaks(&self, name: &str) {
        self.inner.lock().unwrap().broken.push(name.to_owned());
    }

    /// What is at a domain's path: an answer word for word.
    pub(crate) fn answers(&self, place: &str, answer: &str, then: Then) {
        self.inner.lock().unwrap().pages.insert(place.to_owned(), (answer.as_bytes().to_vec(), then));
    }

    /// A page at a domain that lives where it may be asked.
    pub(crate) fn publishes(&self, domain: &str, path: &str, body: &str) {
        self.lives_at(domain, &[PUBLIC]);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n", body.len());
        self.answers(&format!("{domain}{path}"), &(head + body), Then::Close);
    }

    /// Takes everything away that is at a domain's path.
    pub(crate) fn removes(&self, place: &str) {
        self.inner.lock().unwrap().pages.remove(place);
    }

    /// A redirect at a domain that lives where it may be asked.
    pub(crate) fn redirects(&self, domain: &str, path: &str, to: &str) {
        self.lives_at(domain, &[PUBLIC]);
        let answer = format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n");
        self.answers(&format!("{domain}{path}"), &answer, Then::Close);
    }

    /// Requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.inner.lock().unwrap().asked.clone()
    }

    /// Where connections came in so far.
    pub(crate) fn knocks(&self) -> Vec<IpAddr> {
        self.inner.lock().unwrap().knocks.clone()
    }

    /// How often the name server was asked for this.
    pub(crate) fn queries(&self, name: &str, kind: RecordType) -> usize {
        let inner = self.inner.lock().unwrap();
        inner.queries.iter().filter(|(asked, of)| asked == name && *of == kind).count()
    }
}

fn acceptor(chain: Vec<rustls::pki_types::CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()))
}

async fn serve_names(socket: UdpSocket, inner: Arc<Mutex<Inner>>) {
    let mut packet = [0; 1500];
    loop {
        let (len, from) = socket.recv_from(&mut packet).await.unwrap();
        let asked = Message::from_vec(&packet[..len]).unwrap();
        let answer = answer(&asked, &mut inner.lock().unwrap()).to_vec().unwrap();
        socket.send_to(&answer, from).await.unwrap();
    }
}

fn answer(asked: &Message, inner: &mut Inner) -> Message {
    let query = asked.queries[0].clone();
    let name = query.name().to_ascii().to_lowercase().trim_end_matches('.').to_owned();
    inner.queries.push((name.clone(), query.query_type()));
    let mut answer = Message::new(asked.metadata.id, MessageType::Response, OpCode::Query);
    answer.add_query(query.clone());
    answer.metadata.recursion_available = true;
    let known = inner.records.keys().any(|(known, _)| *known == name);
    answer.metadata.response_code = match known {
        _ if inner.broken.contains(&name) => ResponseCode::ServFail,
        true => ResponseCode::NoError,
        false => ResponseCode::NXDomain,
    };
    let records = inner.records.get_mut(&(name, query.query_type()));
    let data = records.map(|all| if all.len() > 1 { all.pop_front().unwrap() } else { all[0].clone() });
    for data in data.unwrap_or_default() {
        answer.add_answer(Record::from_rdata(query.name().clone(), 60, data));
    }
    answer
}

async fn serve_pages(listener: TcpListener, good: TlsAcceptor, strange: TlsAcceptor, inner: Arc<Mutex<Inner>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let at = stream.local_addr().unwrap().ip();
        inner.lock().unwrap().knocks.push(at);
        let (good, strange, inner) = (good.clone(), strange.clone(), inner.clone());
        tokio::spawn(async move {
            let hello = tokio_rustls::LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream);
            let Ok(hello) = hello.await else { return };
            let of = if hello.client_hello().server_name() == Some(STRANGE) { strange } else { good };
            if let Ok(stream) = hello.into_stream(of.config().clone()).await {
                serve_page(stream, at, &inner).await;
            }
        });
    }
}

async fn serve_page(mut stream: impl AsyncRead + AsyncWrite + Unpin, at: IpAddr, inner: &Mutex<Inner>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head: Vec<String> = String::from_utf8(head).unwrap().to_lowercase().lines().map(str::to_owned).collect();
    let asked = Asked { at, head };
    let path = asked.head[0].split(' ').nth(1).unwrap().to_owned();
    let place = format!("{}{path}", asked.header("host").unwrap());
    let found = {
        let mut inner = inner.lock().unwrap();
        inner.asked.push(asked);
        inner.pages.get(&place).cloned()
    };
    let nothing = || (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(), Then::Close);
    let (answer, then) = found.unwrap_or_else(nothing);
    // Whoever has heard enough hangs up.
    let mut sent = stream.write_all(&answer).await;
    match then {
        Then::Close => {}
        Then::Hang => std::future::pending().await,
        Then::Flood => {
            while sent.is_ok() {
                sent = stream.write_all(&[b' '; 4096]).await;
            }
        }
    }
    let _ = stream.shutdown().await;
}
