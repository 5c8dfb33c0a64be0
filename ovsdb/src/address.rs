//! Addresses of servers, as Open vSwitch's own tools spell them (ovsdb(7), "Active Connection Methods").

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The port where an address names none: 6640, assigned to OVSDB.
pub const DEFAULT_PORT: u16 = 6640;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// `unix:PATH`: a socket in the file system.
    Unix(PathBuf),
    /// `tcp:HOST[:PORT]`: plain TCP.
    Tcp(Endpoint),
    /// `ssl:HOST[:PORT]` or `tls:HOST[:PORT]`: TLS over TCP.
    Tls(Endpoint),
}

/// A host, by name or by address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A name or an address, without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// Text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address: {text:?}; expected unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT")]
pub struct AddressError {
    /// The text.
    pub text: String,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError { text: text.to_owned() };
        let (method, rest) = text.split_once(':').ok_or_else(error)?;
        match method {
            "unix" if !rest.is_empty() => Ok(Address::Unix(rest.into())),
            "tcp" => endpoint(rest).map(Address::Tcp).ok_or_else(error),
            "ssl" | "tls" => endpoint(rest).map(Address::Tls).ok_or_else(error),
            _ => Err(error()),
        }
    }
}

fn endpoint(text: &str) -> Option<Endpoint> {
    let (host, port) = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None if text.matches(':').count() > 1 => (text, None),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Ok(DEFAULT_PORT), str::parse).ok()?;
    let bare_colons = host.contains(':') && host.parse::<std::net::Ipv6Addr>().is_err();
    (!host.is_empty() && !bare_colons).then(|| Endpoint { host: host.to_owned(), port })
}

/// Parses addresses separated by commas, as Open vSwitch's tools take the servers of a cluster.
///
/// # Errors
/// [`AddressError`] for the first that is none; an empty list is an error as well.
pub fn parse_list(text: &str) -> Result<Vec<Address>, AddressError> {
    text.split(',').map(|address| address.trim().parse()).collect()
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Tcp(endpoint) => write!(f, "tcp:{endpoint}"),
            Address::Tls(endpoint) => write!(f, "ssl:{endpoint}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(text.parse::<Address>().ok().map(|address| address.to_string()).as_deref(), expect, "{text}");
    }

    #[test]
    fn addresses_parse_as_the_tools_spell_them() {
        check("unix:/run/db.sock", Some("unix:/run/db.sock"));
        check("tcp:10.0.0.1:6641", Some("tcp:10.0.0.1:6641"));
        check("tcp:10.0.0.1", Some("tcp:10.0.0.1:6640"));
        check("ssl:[fd00::1]:6642", Some("ssl:[fd00::1]:6642"));
        check("tls:[fd00::1]", Some("ssl:[fd00::1]:6640"));
        check("tcp:fd00::1", Some("tcp:[fd00::1]:6640"));
        check("tcp:db.example:1", Some("tcp:db.example:1"));
        for bad in ["", "unix:", "tcp:", "tcp::6640", "tcp:a:b", "tcp:a:70000", "tcp:[::1", "tcp:[x]:1", "ptcp:6640"] {
            check(bad, None);
        }
    }

    #[test]
    fn lists_are_separated_by_commas() {
        assert_eq!(parse_list("tcp:a:1,ssl:b:2").unwrap().len(), 2);
        assert!(parse_list("").is_err() && parse_list("tcp:a:1,").is_err());
    }
}
