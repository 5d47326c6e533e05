//! The DTLS identity of the process: one self-signed certificate and one handshake configuration, shared by every leg.
//!
//! Building a configuration validates all of the cryptography library and costs about 0.6 ms; sharing it brings a new
//! engine down to some 20 us, which is what lets a thousand listeners arrive in the same second.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use aws_lc_rs::digest;
use dimpl::{Config, Dtls, DtlsCertificate};
use str0m::config::{CryptoProvider, DtlsVersion};
use str0m::crypto::CryptoError;
use str0m::crypto::dtls::{DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, ProtocolVersion};

use crate::leg::Fingerprint;

/// Largest DTLS record that we send, in bytes. Larger saves handshake datagrams; above 1200 some tunnels drop them.
const DTLS_MTU: usize = 1200;

/// The certificate could not be made: the cryptography library refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the DTLS certificate could not be generated")]
pub struct IdentityError;

/// The one DTLS certificate (ECDSA P-256, RFC 8827 section 6.5) of the process, for both kinds of leg.
pub struct Identity {
    certificate: DtlsCertificate,
    fingerprint: Fingerprint,
    crypto: Arc<CryptoProvider>,
}

impl Identity {
    /// Makes a new key pair and a self-signed certificate. Takes a millisecond or two: call once per process.
    pub fn generate() -> Result<Self, IdentityError> {
        let mut crypto = str0m::crypto::from_feature_flags();
        let certificate = crypto.dtls_provider.generate_certificate().ok_or(IdentityError)?;
        crypto.dtls_provider = &SharedDtls;
        Ok(Self { fingerprint: fingerprint_of(&certificate.certificate), certificate, crypto: Arc::new(crypto) })
    }

    /// What goes into `a=fingerprint` of every answer (RFC 8122).
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// A DTLS engine in the server role that takes version 1.2 or 1.3, whichever the peer's ClientHello offers.
    pub(crate) fn dtls(&self, now: Instant) -> Dtls {
        Dtls::new_auto(shared_config(), self.certificate.clone(), now)
    }

    /// The start of a configuration for a publish leg: same certificate, same handshake configuration.
    pub(crate) fn rtc_config(&self) -> str0m::RtcConfig {
        str0m::RtcConfig::new()
            .set_crypto_provider(self.crypto.clone())
            .set_dtls_cert(self.certificate.clone())
            .set_dtls_version(DtlsVersion::Auto)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(REDACTED)")
    }
}

/// SHA-256 of a certificate in DER (RFC 8122, section 5).
pub(crate) fn fingerprint_of(der: &[u8]) -> Fingerprint {
    let digest = digest::digest(&digest::SHA256, der);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    Fingerprint(bytes)
}

/// The handshake configuration, built on first use. Without the cookie exchange of RFC 6347 section 4.2.1: a path is
/// only offered to DTLS after an authenticated STUN check, which proves more.
fn shared_config() -> Arc<Config> {
    static CONFIG: OnceLock<Arc<Config>> = OnceLock::new();
    let build = || {
        let config = Config::builder().mtu(DTLS_MTU).use_server_cookie(false).build();
        Arc::new(config.expect("the library's own cryptography passes its own validation"))
    };
    CONFIG.get_or_init(build).clone()
}

/// str0m's way to a DTLS engine, leading to the shared configuration instead of a new one per instance.
#[derive(Debug)]
struct SharedDtls;

impl DtlsProvider for SharedDtls {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        str0m::crypto::from_feature_flags().dtls_provider.generate_certificate()
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        _mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        let (config, certificate) = (shared_config(), certificate.clone());
        let engine = match version {
            DtlsVersion::Dtls12 => Dtls::new_12(config, certificate, now),
            DtlsVersion::Dtls13 => Dtls::new_13(config, certificate, now),
            _ => Dtls::new_auto(config, certificate, now),
        };
        Ok(Box::new(Instance(engine)))
    }
}

/// One engine behind the trait that str0m asks for.
#[derive(Debug)]
struct Instance(Dtls);

impl DtlsInstance for Instance {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buf)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}
