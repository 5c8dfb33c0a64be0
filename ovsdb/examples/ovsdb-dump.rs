//! Prints a replica's snapshot as JSON: tables, rows by uuid.
//!
//! `ovsdb-dump ADDRESS... DATABASE`, for instance `ovsdb-dump unix:/run/openvswitch/db.sock Open_vSwitch`. Several
//! addresses are the servers of a cluster. For `ssl:` addresses the files named by `OVSDB_CA`, `OVSDB_CERT` and `OVSDB_KEY`
//! are used.

#[path = "arguments/config.rs"]
mod arguments;

use ovsdb::{Client, Monitor};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = arguments::config("ovsdb-dump", Monitor::everything())?;
    let snapshot = Client::start(config).loaded().await?;
    serde_json::to_writer_pretty(std::io::stdout().lock(), &*snapshot)?;
    println!();
    Ok(())
}
