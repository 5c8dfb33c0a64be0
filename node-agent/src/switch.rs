//! The rows of OVSDB that make a node's switch: what is wanted, what is there, and the one transaction between the two.
//!
//! Pure. A row that somebody deleted or changed by hand shows as a difference like any other; what was put right is named, so
//! that it can be reported.

mod have;

use std::collections::{BTreeMap, BTreeSet};

use ovsdb::vswitch::{Bridge, DATABASE, FlowTable, Interface, OpenVSwitch, Port};
use ovsdb::{Condition, Fields, NewRow, Transaction, Uuid};

pub use have::{Have, HaveBridge, HavePort, monitor};

/// `external_ids`, `options`, `other_config`.
pub type Ids = BTreeMap<String, String>;

/// Keys of `external_ids` that begin so are ours; all others belong to others and stay.
const OURS: &str = "weft-";

/// A wanted bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantBridge {
    /// Its name.
    pub name: String,
    /// `system` or `netdev`.
    pub datapath_type: String,
    /// `secure` or `standalone`.
    pub fail_mode: String,
    /// OpenFlow versions; empty for Open vSwitch's choice.
    pub protocols: BTreeSet<String>,
    /// Ours alone.
    pub external_ids: Ids,
    /// Keys that have to be so; others stay.
    pub other_config: Ids,
    /// Names of flow tables by number.
    pub tables: BTreeMap<i64, String>,
    /// Its ports, save the one of its own name.
    pub ports: Vec<WantPort>,
    /// What happens to ports that are not wanted.
    pub others: Others,
}

/// What happens to ports of a bridge that are not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They go: a packet that comes in there would be nobody's.
    Go,
    /// They are the administrator's.
    Stay,
}

/// A wanted port with its one interface of the same name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantPort {
    /// Its name.
    pub name: String,
    /// Empty for a device of the system, `internal`, `geneve`, `vxlan`.
    pub kind: String,
    /// Options of the kind.
    pub options: Ids,
    /// MAC of an internal interface.
    pub mac: Option<String>,
    /// Bytes, where Open vSwitch is to set it; otherwise it follows the other ports of the bridge.
    pub mtu: Option<i64>,
    /// On port and interface alike.
    pub external_ids: Ids,
}

/// A transaction and what it does, a sentence each.
#[derive(Debug)]
pub struct Step {
    /// To be sent as it is.
    pub transaction: Transaction,
    /// For the log.
    pub changes: Vec<String>,
}

/// The step from what is there to what is wanted; `None` when it is the same.
pub fn diff(have: &Have, want: &[WantBridge]) -> Option<Step> {
    let mut step = Step { transaction: Transaction::new(DATABASE), changes: Vec::new() };
    for bridge in want {
        match have.bridges.get(&bridge.name) {
            Some(have) => change_bridge(&mut step, have, bridge),
            None => insert_bridge(&mut step, bridge),
        }
    }
    (!step.transaction.is_empty()).then_some(step)
}

/// The step that takes bridges away; `None` when none of them is there.
pub fn remove(have: &Have, names: &[&str]) -> Option<Step> {
    let mut step = Step { transaction: Transaction::new(DATABASE), changes: Vec::new() };
    for bridge in names.iter().filter_map(|name| have.bridges.get(*name)) {
        step.transaction.mutate::<OpenVSwitch>([], [OpenVSwitch::BRIDGES.remove([bridge.row.uuid])]);
        step.changes.push(format!("no bridge {}", bridge.row.name));
    }
    (!step.transaction.is_empty()).then_some(step)
}

fn insert_bridge(step: &mut Step, want: &WantBridge) {
    let mut ports: Vec<NewRow> = want.ports.iter().map(|port| insert_port(&mut step.transaction, port)).collect();
    // The port of the bridge's own name: Open vSwitch takes a bridge without it, ovs-vsctl does not.
    let own = WantPort { name: want.name.clone(), kind: "internal".into(), ..WantPort::default() };
    ports.push(insert_port(&mut step.transaction, &own));
    let tables = insert_tables(&mut step.transaction, &want.tables);
    let row = bridge_fields(want).set(Bridge::NAME, want.name.as_str()).set(Bridge::PORTS, ports);
    let row = row.column(Bridge::FLOW_TABLES.name(), tables);
    let bridge = step.transaction.insert(
        row.set(Bridge::EXTERNAL_IDS, want.external_ids.clone()).set(Bridge::OTHER_CONFIG, want.other_config.clone()),
    );
    step.transaction.mutate::<OpenVSwitch>([], [OpenVSwitch::BRIDGES.insert([&bridge])]);
    step.changes.push(format!("bridge {} with {} ports", want.name, want.ports.len()));
}

fn bridge_fields(want: &WantBridge) -> Fields<Bridge> {
    let row = Fields::<Bridge>::new().set(Bridge::DATAPATH_TYPE, want.datapath_type.as_str());
    let row = row.set(Bridge::FAIL_MODE, Some(want.fail_mode.clone()));
    row.set(Bridge::PROTOCOLS, want.protocols.clone())
}

fn change_bridge(step: &mut Step, have: &HaveBridge, want: &WantBridge) {
    let at = || [Condition::uuid(have.row.uuid)];
    let same = have.row.datapath_type == want.datapath_type
        && have.row.fail_mode.as_deref() == Some(&want.fail_mode)
        && have.row.protocols == want.protocols;
    let mut row = Fields::<Bridge>::new();
    if !same {
        row = bridge_fields(want);
    }
    if let Some(ids) = ids_to_write(&have.row.external_ids, &want.external_ids) {
        row = row.set(Bridge::EXTERNAL_IDS, ids);
    }
    if want.other_config.iter().any(|(key, value)| have.row.other_config.get(key) != Some(value)) {
        let mut config = have.row.other_config.clone();
        config.extend(want.other_config.clone());
        row = row.set(Bridge::OTHER_CONFIG, config);
    }
    if want.tables.iter().any(|(number, name)| have.tables.get(number) != Some(name)) {
        let tables = insert_tables(&mut step.transaction, &want.tables);
        row = row.column(Bridge::FLOW_TABLES.name(), tables);
    }
    if !row.is_empty() {
        let columns: Vec<&str> = row.iter().map(|(name, _)| name).collect();
        step.changes.push(format!("bridge {}: {}", want.name, columns.join(", ")));
        step.transaction.update::<Bridge>(at(), row);
    }
    change_ports(step, have, want);
}

fn change_ports(step: &mut Step, have: &HaveBridge, want: &WantBridge) {
    let wanted: BTreeSet<&str> = want.ports.iter().map(|port| port.name.as_str()).chain([want.name.as_str()]).collect();
    let mut gone: Vec<Uuid> = Vec::new();
    if want.others == Others::Go {
        for (name, port) in have.ports.iter().filter(|(name, _)| !wanted.contains(name.as_str())) {
            gone.push(port.port.uuid);
            step.changes.push(format!("no port {name}"));
        }
    }
    let mut new: Vec<NewRow> = Vec::new();
    for port in &want.ports {
        match have.ports.get(&port.name) {
            // A kind cannot change under a port that keeps its number; and a port without its interface is half of one.
            Some(have) if have.interface.as_ref().is_some_and(|interface| interface.r#type == port.kind) => {
                change_port(step, have, port);
            }
            Some(have) => {
                gone.push(have.port.uuid);
                new.push(insert_port(&mut step.transaction, port));
                step.changes.push(format!("port {} again", port.name));
            }
            None => {
                new.push(insert_port(&mut step.transaction, port));
                step.changes.push(format!("port {}", port.name));
            }
        }
    }
    let mut mutations = Vec::new();
    if !gone.is_empty() {
        mutations.push(Bridge::PORTS.remove(gone));
    }
    if !new.is_empty() {
        mutations.push(Bridge::PORTS.insert(new));
    }
    if !mutations.is_empty() {
        step.transaction.mutate::<Bridge>([Condition::uuid(have.row.uuid)], mutations);
    }
}

fn change_port(step: &mut Step, have: &HavePort, want: &WantPort) {
    let mut changed = false;
    if let Some(ids) = ids_to_write(&have.port.external_ids, &want.external_ids) {
        let row = Fields::<Port>::new().set(Port::EXTERNAL_IDS, ids);
        step.transaction.update::<Port>([Condition::uuid(have.port.uuid)], row);
        changed = true;
    }
    let Some(interface) = &have.interface else { return };
    let mut row = Fields::<Interface>::new();
    if let Some(ids) = ids_to_write(&interface.external_ids, &want.external_ids) {
        row = row.set(Interface::EXTERNAL_IDS, ids);
    }
    if interface.options != want.options {
        row = row.set(Interface::OPTIONS, want.options.clone());
    }
    if want.mac.is_some() && interface.mac != want.mac {
        row = row.set(Interface::MAC, want.mac.clone());
    }
    if want.mtu.is_some() && interface.mtu_request != want.mtu {
        row = row.set(Interface::MTU_REQUEST, want.mtu);
    }
    if !row.is_empty() {
        step.transaction.update::<Interface>([Condition::uuid(interface.uuid)], row);
        changed = true;
    }
    if changed {
        step.changes.push(format!("port {}", want.name));
    }
}

fn insert_port(transaction: &mut Transaction, want: &WantPort) -> NewRow {
    let interface = Fields::<Interface>::new()
        .set(Interface::NAME, want.name.as_str())
        .set(Interface::TYPE, want.kind.as_str())
        .set(Interface::OPTIONS, want.options.clone())
        .set(Interface::MAC, want.mac.clone())
        .set(Interface::MTU_REQUEST, want.mtu)
        .set(Interface::EXTERNAL_IDS, want.external_ids.clone());
    let interface = transaction.insert(interface);
    let port = Fields::<Port>::new()
        .set(Port::NAME, want.name.as_str())
        .set(Port::INTERFACES, [&interface])
        .set(Port::EXTERNAL_IDS, want.external_ids.clone());
    transaction.insert(port)
}

fn insert_tables(transaction: &mut Transaction, tables: &BTreeMap<i64, String>) -> ovsdb::Map {
    let rows: Vec<(i64, ovsdb::Atom)> = tables
        .iter()
        .map(|(number, name)| {
            let row = transaction.insert(Fields::<FlowTable>::new().set(FlowTable::NAME, Some(name.clone())));
            (*number, ovsdb::Atom::from(&row))
        })
        .collect();
    rows.into_iter().collect()
}

/// What `external_ids` become, if they are not so already: our keys as wanted, the others as they are.
fn ids_to_write(have: &Ids, want: &Ids) -> Option<Ids> {
    let mut ids: Ids = have.clone();
    ids.retain(|key, _| !key.starts_with(OURS));
    ids.extend(want.clone());
    (ids != *have).then_some(ids)
}

#[cfg(test)]
#[path = "switch/tests.rs"]
mod tests;
