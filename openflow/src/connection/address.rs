//! Where a switch listens, in the words of Open vSwitch.

use super::error::ConnectError;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a switch listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// `unix:PATH`.
    Unix(PathBuf),
    /// `tcp:HOST:PORT`; the port 6653 may be left out.
    Tcp(String),
}

/// The port that is registered for OpenFlow.
const DEFAULT_PORT: u16 = 6653;

impl FromStr for Address {
    type Err = ConnectError;

    fn from_str(text: &str) -> Result<Address, ConnectError> {
        match text.split_once(':') {
            Some(("unix", path)) if !path.is_empty() => Ok(Address::Unix(path.into())),
            Some(("tcp", target)) if !target.is_empty() => {
                let has_port = target.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
                let bare_v6 = target.ends_with(']');
                let target = if has_port && !bare_v6 { target.to_owned() } else { format!("{target}:{DEFAULT_PORT}") };
                Ok(Address::Tcp(target))
            }
            _ => Err(ConnectError::BadAddress(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_open_vswitch() {
        let check = |text: &str, want| assert_eq!(text.parse::<Address>().ok(), want, "{text}");
        check("unix:/run/br0.mgmt", Some(Address::Unix("/run/br0.mgmt".into())));
        check("tcp:127.0.0.1:6633", Some(Address::Tcp("127.0.0.1:6633".into())));
        check("tcp:127.0.0.1", Some(Address::Tcp("127.0.0.1:6653".into())));
        check("tcp:[::1]", Some(Address::Tcp("[::1]:6653".into())));
        check("tcp:[::1]:6633", Some(Address::Tcp("[::1]:6633".into())));
        check("ssl:127.0.0.1", None);
        check("/run/br0.mgmt", None);
    }
}
