//! What the examples have in common: `ADDRESS... DATABASE`, and certificates named by the environment.

use ovsdb::Monitor;
use ovsdb::client::Config;
use ovsdb::connection::{Identity, Tls, Verify};

type Error = Box<dyn std::error::Error>;

/// The configuration that the arguments ask for.
pub fn config(program: &str, monitor: Monitor) -> Result<Config, Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (database, addresses) =
        arguments.split_last().filter(|(_, addresses)| !addresses.is_empty()).ok_or_else(|| {
            format!("usage: {program} ADDRESS... DATABASE; an address is unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT")
        })?;
    let addresses = ovsdb::address::parse_list(&addresses.join(","))?;
    Ok(Config { monitor, tls: tls()?, ..Config::new(addresses, database.as_str()) })
}

/// Certificates, where the environment names an authority; servers are checked as Open vSwitch's own programs check them.
fn tls() -> Result<Option<Tls>, Error> {
    let Some(authority) = std::env::var_os("OVSDB_CA") else { return Ok(None) };
    let read = |name: &str| std::env::var_os(name).map(std::fs::read).transpose();
    let (certificates, key) = (read("OVSDB_CERT")?, read("OVSDB_KEY")?);
    let identity = certificates.as_ref().zip(key.as_ref());
    let identity = identity.map(|(certificates, key)| Identity { certificates, key });
    Ok(Some(Tls::new(&std::fs::read(authority)?, identity, Verify::ChainOnly)?))
}
