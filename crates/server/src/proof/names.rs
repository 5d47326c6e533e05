//! The domain name system, asked by a resolver of our own: the system's look-up knows addresses only, and cannot be called off.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};

use super::Trouble;

/// How long one question may wait for one name server, and how often it is asked in all.
const ASK_LIMIT: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;

/// Asks the DNS.
pub(super) struct Names {
    /// `None` where the system names no server to ask.
    resolver: Option<TokioResolver>,
}

impl Names {
    /// Asks this name server, or those of the system. A machine without any serves rooms all the same.
    pub(super) fn start(server: Option<SocketAddr>) -> Self {
        let resolver = resolver(server)
            .inspect_err(|error| tracing::warn!(%error, "no domain can be proven: there is no name server to ask"))
            .ok();
        Self { resolver }
    }

    /// All addresses of a domain, those of IPv4 first.
    pub(super) async fn addresses(&self, domain: &str) -> Result<Vec<IpAddr>, Trouble> {
        let resolver = self.resolver.as_ref().ok_or(Trouble::NoAnswer)?;
        let found = resolver.lookup_ip(absolute(domain)).await.map_err(|error| trouble(&error))?;
        let mut addresses: Vec<IpAddr> = found.iter().collect();
        addresses.sort_by_key(IpAddr::is_ipv6);
        Ok(addresses)
    }

    /// The TXT records of a name, each as the one text that its parts are (RFC 7208, section 3.3, as others read them too).
    pub(super) async fn texts(&self, name: &str) -> Result<Vec<Vec<u8>>, Trouble> {
        let resolver = self.resolver.as_ref().ok_or(Trouble::NoAnswer)?;
        let found = resolver.lookup(absolute(name), RecordType::TXT).await.map_err(|error| trouble(&error))?;
        let text = |data: &RData| match data {
            RData::TXT(text) => Some(text.txt_data.concat()),
            _ => None,
        };
        Ok(found.answers().iter().filter_map(|record| text(&record.data)).collect())
    }
}

fn resolver(server: Option<SocketAddr>) -> Result<TokioResolver, NetError> {
    let mut builder = match server {
        Some(server) => {
            let on_port = |mut connection: ConnectionConfig| {
                connection.port = server.port();
                connection
            };
            let connections = vec![on_port(ConnectionConfig::udp()), on_port(ConnectionConfig::tcp())];
            let config = NameServerConfig::new(server.ip(), true, connections);
            let config = ResolverConfig::from_name_servers(vec![config]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
        None => TokioResolver::builder_tokio()?,
    };
    let options: &mut ResolverOpts = builder.options_mut();
    options.timeout = ASK_LIMIT;
    options.attempts = ATTEMPTS;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    // Names of this machine are nobody's proof, and what is kept would hide what somebody has just published.
    options.use_hosts_file = ResolveHosts::Never;
    options.cache_size = 0;
    builder.build()
}

/// A name with the root at its end, so that it is never looked for within the domain of this machine.
fn absolute(name: &str) -> String {
    format!("{name}.")
}

fn trouble(error: &NetError) -> Trouble {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none))
            if matches!(none.response_code, ResponseCode::NXDomain | ResponseCode::NoError) =>
        {
            Trouble::NoName
        }
        _ => Trouble::NoAnswer,
    }
}
