//! Requests to servers that members name, kept from leading inside.
//!
//! Invariant: a connection goes only to an address that was looked at, and that address is the one that is connected to: a name is
//! looked up once for each request, and never again. Of a name with several addresses all have to be public.
//!
//! Invariant: only https with a certificate that counts, only on one port, with no cookie, no credentials, and nothing about who
//! asks; no more than [`REDIRECTS_MAX`] further requests, each under the same rules; and no more is read than [`BODY_MAX`].

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};

use super::Trouble;
use super::domain::domain;
use super::names::Names;
use crate::addresses::is_public;

/// Redirects that are followed. More finds pages behind more hops; fewer leaves less to whoever sends this server about.
const REDIRECTS_MAX: usize = 3;

/// What is read of a page, in bytes: what comes after it is not looked at. More finds links further down long pages; less costs
/// less where somebody sends without end.
const BODY_MAX: usize = 64 * 1024;

/// Longest head of an answer, in bytes, and most fields in it.
const HEAD_MAX: usize = 16 * 1024;
const FIELDS_MAX: usize = 100;

/// How long connecting to one address may take before the next one is tried.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Addresses of one name that are tried. More reaches a name of which many are dead; fewer knocks at fewer doors.
const ADDRESSES_TRIED: usize = 4;

/// Addresses that may be spoken to, besides public ones, and where.
#[derive(Debug, Clone)]
pub struct Reach {
    /// Networks that are not public and may be spoken to all the same: those of a closed network, or of a test.
    pub allowed: Vec<IpNet>,
    /// The port of https.
    pub port: u16,
}

impl Reach {
    /// Whether this address may be spoken to.
    pub fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.allowed.iter().any(|net| net.contains(&address))
    }
}

/// Fetches pages under the rules above.
pub(super) struct Guard {
    reach: Reach,
    tls: TlsConnector,
    /// What this program calls itself.
    agent: HeaderValue,
}

/// What a server answered.
enum Answer {
    Page(Vec<u8>),
    Elsewhere(Url),
}

impl Guard {
    /// Certificates of authorities are those of the system, and those in the file at `roots`.
    pub(super) fn start(reach: Reach, roots: Option<&Path>, agent: HeaderValue) -> io::Result<Self> {
        let mut known = RootCertStore::empty();
        known.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(file) = roots {
            let unreadable = |error| io::Error::other(format!("{}: {error}", file.display()));
            for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
                known.add(certificate.map_err(unreadable)?).map_err(io::Error::other)?;
            }
        }
        if known.is_empty() {
            tracing::warn!("domains can be proven by DNS only: the certificates of authorities cannot be read");
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(known)
            .with_no_client_auth();
        Ok(Self { reach, tls: TlsConnector::from(Arc::new(config)), agent })
    }

    /// The beginning of the page at `https://DOMAIN/PATH`, wherever it is by now. The caller says how long it may take in all.
    pub(super) async fn fetch(&self, names: &Names, domain: &str, path: &str) -> Result<Vec<u8>, Trouble> {
        let mut url = Url::parse(&format!("https://{domain}{path}")).map_err(|_| Trouble::NoName)?;
        for _ in 0..=REDIRECTS_MAX {
            match self.ask(names, &url).await? {
                Answer::Page(page) => return Ok(page),
                Answer::Elsewhere(next) => url = next,
            }
        }
        Err(Trouble::Redirect)
    }

    async fn ask(&self, names: &Names, url: &Url) -> Result<Answer, Trouble> {
        let Some(Host::Domain(host)) = url.host() else { return Err(Trouble::NoName) };
        let stream = self.connect(names, host).await?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Trouble::NoName)?;
        let stream = self.tls.connect(name, stream).await.map_err(|_| Trouble::Certificate)?;
        let response = self.request(stream, host, url);
        let (response, _connection) = response.await.map_err(|_| Trouble::NoAnswer)?;
        let status = response.status();
        if status.is_redirection() {
            let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            return Ok(Answer::Elsewhere(redirected(url, location.ok_or(Trouble::Redirect)?)?));
        }
        // Packed bodies are not asked for.
        if status != StatusCode::OK || response.headers().contains_key(header::CONTENT_ENCODING) {
            return Err(Trouble::Refused);
        }
        Ok(Answer::Page(beginning(response.into_body()).await?))
    }

    /// Connects to a name that has only addresses that may be spoken to.
    async fn connect(&self, names: &Names, host: &str) -> Result<TcpStream, Trouble> {
        let addresses = names.addresses(host).await?;
        if addresses.is_empty() {
            return Err(Trouble::NoName);
        }
        if !addresses.iter().all(|address| self.reach.admits(*address)) {
            return Err(Trouble::Inside);
        }
        for address in addresses.into_iter().take(ADDRESSES_TRIED) {
            let connecting = TcpStream::connect(SocketAddr::new(address, self.reach.port));
            if let Ok(Ok(stream)) = tokio::time::timeout(CONNECT_LIMIT, connecting).await {
                return Ok(stream);
            }
        }
        Err(Trouble::NoAnswer)
    }

    /// Sends the request. The connection goes with what is returned beside the answer.
    async fn request(
        &self,
        stream: TlsStream<TcpStream>,
        host: &str,
        url: &Url,
    ) -> hyper::Result<(Response<Incoming>, JoinSet<hyper::Result<()>>)> {
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_MAX)
            .max_headers(FIELDS_MAX)
            .handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
            .await?;
        let mut driven = JoinSet::new();
        driven.spawn(connection);
        let mut request = Request::new(Empty::new());
        // What a URL is parsed to is printable ASCII.
        *request.uri_mut() =
            url[url::Position::BeforePath..url::Position::AfterQuery].parse().unwrap_or(Uri::from_static("/"));
        let headers = request.headers_mut();
        headers.extend(HeaderValue::from_str(host).ok().map(|host| (header::HOST, host)));
        headers.insert(header::USER_AGENT, self.agent.clone());
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        Ok((sender.send_request(request).await?, driven))
    }
}

/// Where a redirect leads, if the rules let it.
fn redirected(from: &Url, location: &str) -> Result<Url, Trouble> {
    let mut next = from.join(location).map_err(|_| Trouble::Redirect)?;
    let named = matches!(next.host(), Some(Host::Domain(name)) if domain(name).as_deref() == Some(name));
    let bare = next.username().is_empty() && next.password().is_none() && next.port().is_none();
    if next.scheme() != "https" || !named || !bare {
        return Err(Trouble::Redirect);
    }
    next.set_fragment(None);
    Ok(next)
}

/// What comes first of a body, at most [`BODY_MAX`].
async fn beginning(mut body: Incoming) -> Result<Vec<u8>, Trouble> {
    let mut page = Vec::new();
    while page.len() < BODY_MAX {
        let Some(frame) = body.frame().await else { return Ok(page) };
        if let Some(data) = frame.map_err(|_| Trouble::NoAnswer)?.data_ref() {
            page.extend_from_slice(&data[..data.len().min(BODY_MAX - page.len())]);
        }
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_outside() {
        let from = Url::parse("https://example.org/a/b").unwrap();
        for (location, to) in [
            ("https://www.example.org/", "https://www.example.org/"),
            ("https://www.example.org:443/x#y", "https://www.example.org/x"),
            ("//other.example/x?y=z", "https://other.example/x?y=z"),
            ("../c", "https://example.org/c"),
        ] {
            assert_eq!(redirected(&from, location).map(String::from).ok().as_deref(), Some(to), "{location}");
        }
        for location in [
            "http://example.org/",
            "https://example.org:8443/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://localhost/",
            "https://a.localhost/",
            "https://router/",
            "https://example.org./",
            "https://ada:b@example.org/",
            "https://ada@example.org/",
            "ftp://example.org/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://",
        ] {
            assert_eq!(redirected(&from, location).err(), Some(Trouble::Redirect), "{location}");
        }
    }

    #[test]
    fn networks_are_let_in_by_name_only() {
        let reach = |nets: &[&str]| Reach { allowed: nets.iter().map(|net| net.parse().unwrap()).collect(), port: 443 };
        let admits = |reach: &Reach, address: &str| reach.admits(address.parse().unwrap());
        let public = reach(&[]);
        assert!(admits(&public, "1.1.1.1") && !admits(&public, "10.0.0.1") && !admits(&public, "::ffff:10.0.0.1"));
        let ours = reach(&["10.0.0.0/24", "fd12::/16"]);
        assert!(admits(&ours, "10.0.0.1") && admits(&ours, "::ffff:10.0.0.1") && admits(&ours, "fd12::1"));
        for outside in ["10.0.1.1", "127.0.0.1", "fd13::1", "::1"] {
            assert!(!admits(&ours, outside), "{outside}");
        }
    }
}
