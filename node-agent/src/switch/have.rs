//! What is there: the rows of the replica, put together bridge by bridge.

use std::collections::BTreeMap;

use ovsdb::vswitch::{Bridge, FlowTable, Interface, OpenVSwitch, Port};
use ovsdb::{Monitor, Snapshot};

/// The bridges of a switch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Have {
    /// By name.
    pub bridges: BTreeMap<String, HaveBridge>,
}

/// A bridge with what hangs on it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HaveBridge {
    /// Its row.
    pub row: Bridge,
    /// Its ports by name.
    pub ports: BTreeMap<String, HavePort>,
    /// Names of its flow tables by number.
    pub tables: BTreeMap<i64, String>,
}

/// A port with its interface.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HavePort {
    /// Its row.
    pub port: Port,
    /// The interface of the port's name.
    pub interface: Option<Interface>,
}

impl HavePort {
    /// The number that Open vSwitch gave it; `None` while it has none, or when it cannot be opened.
    pub fn number(&self) -> Option<u32> {
        u32::try_from(self.interface.as_ref()?.ofport?).ok().filter(|number| *number > 0)
    }

    /// Why Open vSwitch cannot open it.
    pub fn error(&self) -> Option<&str> {
        self.interface.as_ref()?.error.as_deref()
    }
}

/// The columns that are read here and no others: some change every few seconds for their own sake.
pub fn monitor() -> Monitor {
    Monitor::new()
        .columns(ovsdb_name::<OpenVSwitch>(), ["bridges", "ovs_version"])
        .columns(
            ovsdb_name::<Bridge>(),
            ["name", "ports", "datapath_type", "fail_mode", "protocols", "external_ids", "other_config", "flow_tables"],
        )
        .columns(ovsdb_name::<Port>(), ["name", "interfaces", "external_ids"])
        .columns(
            ovsdb_name::<Interface>(),
            ["name", "type", "options", "mac", "mac_in_use", "mtu_request", "external_ids", "ofport", "error"],
        )
        .columns(ovsdb_name::<FlowTable>(), ["name"])
}

fn ovsdb_name<R: ovsdb::Table>() -> &'static str {
    R::NAME
}

impl Have {
    /// Reads a snapshot.
    pub fn of(snapshot: &Snapshot) -> Have {
        let bridge = |row: Bridge| {
            let ports = row.ports.iter().filter_map(|uuid| snapshot.get::<Port>(*uuid)).map(|port| {
                let interfaces = port.interfaces.iter().filter_map(|uuid| snapshot.get::<Interface>(*uuid));
                let interface = interfaces.into_iter().find(|interface| interface.name == port.name);
                (port.name.clone(), HavePort { port, interface })
            });
            let ports = ports.collect();
            let tables = row
                .flow_tables
                .iter()
                .filter_map(|(number, uuid)| Some((*number, snapshot.get::<FlowTable>(*uuid)?.name?)));
            let tables = tables.collect();
            (row.name.clone(), HaveBridge { row, ports, tables })
        };
        Have { bridges: snapshot.rows::<Bridge>().map(bridge).collect() }
    }

    /// A port of a bridge.
    pub fn port(&self, bridge: &str, port: &str) -> Option<&HavePort> {
        self.bridges.get(bridge)?.ports.get(port)
    }
}
