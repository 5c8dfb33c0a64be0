//! OVSDB: which rows are wanted now, and writing the difference.

use std::collections::{BTreeMap, BTreeSet};

use api::node::Encapsulation;
use ovsdb::Client;
use ovsdb::client::Status;
use tokio::time::{Duration, Instant};
use tracing::{info, warn};

use super::{Agent, BRIDGE, RETRY, TUNNEL};
use crate::event::Done;
use crate::host::GATEWAY_DEVICE;
use crate::mac::Mac;
use crate::metrics::Repaired;
use crate::ports::keys;
use crate::switch::{self, Have, Ids, Others, WantBridge, WantPort};
use crate::uplink::{self, Uplink};

/// Where the writing of rows stands.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Something is, or may be, wanted otherwise than it is there.
    pub(super) dirty: bool,
    /// We want something else than before: a difference is no repair.
    pub(super) intended: bool,
    /// A transaction is under way.
    pub(super) writing: bool,
    /// No writing before then.
    pub(super) retry: Option<Instant>,
    /// When the last transaction was sent.
    sent: Option<Instant>,
    error: Option<String>,
}

/// While more pods are being wired, rows are written at most this often: Open vSwitch looks at all its ports at each change.
const GATHER: Duration = Duration::from_millis(25);

impl Rows {
    /// We want something else than before.
    pub(super) fn want(&mut self) {
        (self.dirty, self.intended) = (true, true);
    }

    /// Whether the rows are as wanted.
    pub(super) fn settled(&self) -> bool {
        !self.dirty && !self.writing
    }

    /// What keeps rows from being written.
    pub(super) fn away(&self, database: &Client) -> Option<String> {
        match database.status() {
            Status::Disconnected { reason } => {
                Some(format!("OVSDB does not answer ({reason}); is ovsdb-server running?"))
            }
            Status::Connected { .. } => self.error.clone(),
        }
    }
}

impl Agent {
    /// The replica changed.
    pub(super) fn read_rows(&mut self) {
        if self.have.is_none() && matches!(self.database.status(), Status::Disconnected { .. }) {
            return;
        }
        let have = Have::of(&self.database.snapshot());
        let first = self.have.is_none();
        if self.have.as_ref() == Some(&have) {
            return;
        }
        self.have = Some(have);
        self.rows.dirty = true;
        if first {
            self.rows.intended = true;
            self.adopt_pods();
        }
    }

    /// Writes what differs, if nothing is being written.
    pub(super) fn write_rows(&mut self) {
        let Some(have) = &self.have else { return };
        if !self.rows.dirty || self.rows.writing || self.rows.retry.is_some() {
            return;
        }
        let Some(want) = self.want_bridges() else { return };
        let Some(step) = switch::diff(have, &want) else {
            self.rows = Rows { sent: self.rows.sent, ..Rows::default() };
            return;
        };
        if let Some(sent) = self.rows.sent.filter(|sent| sent.elapsed() < GATHER && self.pods.are_being_wired()) {
            self.rows.retry = Some(sent + GATHER);
            return;
        }
        self.rows.sent = Some(Instant::now());
        if self.rows.intended {
            info!(changes = step.changes.len(), what = step.changes.join("; "), "rows are written");
        } else {
            warn!(what = step.changes.join("; "), "rows that somebody changed are put right");
            self.metrics.repaired(Repaired::Row, step.changes.len());
        }
        (self.rows.dirty, self.rows.intended, self.rows.writing) = (false, false, true);
        self.metrics.transactions.inc();
        let database = self.database.clone();
        self.spawn(async move {
            let done = database.transact(step.transaction).await;
            Done::Rows(done.map(drop).map_err(|error| error.to_string()))
        });
    }

    pub(super) fn on_rows_written(&mut self, result: Result<(), String>) {
        self.rows.writing = false;
        match result {
            Ok(()) => {
                self.rows.error = None;
                self.read_rows();
            }
            Err(error) => {
                warn!("OVSDB took no transaction: {error}");
                self.rows.want();
                self.rows.retry = Some(Instant::now() + RETRY);
                self.rows.error = Some(format!("OVSDB takes no changes: {error}"));
            }
        }
    }

    /// The bridges as they are to be; `None` while something that they depend on is not known yet.
    fn want_bridges(&self) -> Option<Vec<WantBridge>> {
        if !self.known {
            return None;
        }
        let mtu = self.host.pod_mtu(&self.state)?;
        let mut bridges = Vec::new();
        if self.datapath == "netdev" {
            bridges.push(external(self.host.uplink.as_ref()?));
        }
        let mut ports = vec![gateway(&self.options.node, mtu), tunnel(self.state.config()?.encapsulation())];
        ports.extend(self.pods.wanted().map(|port| port.want()));
        bridges.push(WantBridge {
            name: BRIDGE.into(),
            datapath_type: self.datapath.into(),
            fail_mode: "secure".into(),
            protocols: BTreeSet::from(["OpenFlow15".to_owned()]),
            external_ids: role("bridge"),
            other_config: Ids::new(),
            tables: pipeline::table_names().map(|(number, name)| (number.into(), name.to_owned())).collect(),
            ports,
            others: Others::Go,
        });
        Some(bridges)
    }
}

fn role(role: &str) -> Ids {
    Ids::from([(keys::ROLE.to_owned(), role.to_owned())])
}

fn gateway(node: &str, mtu: u32) -> WantPort {
    WantPort {
        name: GATEWAY_DEVICE.into(),
        kind: "internal".into(),
        // Open vSwitch would choose one by chance at every start of its own.
        mac: Some(Mac::of_name(&format!("{node}/{GATEWAY_DEVICE}")).to_string()),
        mtu: Some(mtu.into()),
        external_ids: role("gateway"),
        ..WantPort::default()
    }
}

fn tunnel(encapsulation: Encapsulation) -> WantPort {
    let kind = if encapsulation == Encapsulation::Vxlan { "vxlan" } else { "geneve" };
    let options = [("remote_ip", "flow"), ("key", "flow"), ("csum", "true")];
    let options = options.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let (name, kind) = (TUNNEL.to_owned(), kind.to_owned());
    WantPort { name, kind, options: BTreeMap::from(options), external_ids: role("tunnel"), ..WantPort::default() }
}

/// The bridge of the uplink: an ordinary learning switch that others may have ports on.
fn external(uplink: &Uplink) -> WantBridge {
    let mut external_ids = role("uplink");
    external_ids.extend(uplink.record());
    let port = WantPort { name: uplink.name.clone(), external_ids: role("uplink"), ..WantPort::default() };
    WantBridge {
        name: uplink::BRIDGE.into(),
        datapath_type: "netdev".into(),
        fail_mode: "standalone".into(),
        protocols: BTreeSet::new(),
        external_ids,
        other_config: Ids::from([("hwaddr".to_owned(), uplink.mac.to_string())]),
        tables: BTreeMap::new(),
        ports: vec![port],
        others: Others::Stay,
    }
}
