//! Holds every node's switch against a computation from the API's objects alone: the controller's compute and the agent's pipeline, from
//! scratch, outside of both. Of the node only the numbers are read that its switch has given to ports.

use std::collections::BTreeMap;
use std::fmt::Display;

use anyhow::{Context as _, Result, ensure};
use api::ControllerConfig;
use logical::{Event, Fact, Network};
use pipeline::{Changes, FlowChange, Gateway, GroupChange, GroupThere, Local, Realizer, diff};
use rust_openflow::{Connection, FlowStats, Meter};
use serde_json::Value;

use super::Cluster;
use crate::cluster::kubectl::text;

/// The nodes' bridge.
const BRIDGE: &str = "br-int";
/// Its port to the node.
const GATEWAY: &str = "weft0";
/// Its port to other nodes.
const TUNNEL: &str = "weft-tun";
/// Meters above this are the switch's own.
const MAX_METER: u32 = 0xffff_0000;
/// Differences that are named in an error.
const NAMED: usize = 4;

/// What a bridge has.
struct ReadBack {
    flows: Vec<FlowStats>,
    groups: Vec<GroupThere>,
    meters: Vec<Meter>,
}

impl Cluster<'_> {
    /// Every switch has the flows, groups and meters that the API's objects ask for, and no others; to be tried until it holds.
    pub fn switches(&self) -> Result<()> {
        let network = self.network()?;
        for node in self.nodes() {
            let name = format!("wc-node{node}");
            let view = network.node_view(&name).with_context(|| format!("the API has no node {name}"))?;
            let objects = view.into_values().map(|object| (*object).clone());
            let want = Realizer::from_scratch(objects, self.numbers(node)?);
            let have = self.read_back(node)?;
            let mut differs = named(&want.compare(&have.flows, &have.groups));
            differs.extend(diff::meters(&have.meters, &want.meters()).iter().map(|change| format!("{change:?}")));
            let some = differs.iter().take(NAMED).cloned().collect::<Vec<_>>().join("\n");
            ensure!(differs.is_empty(), "{name}: {} of {} flows differ:\n{some}", differs.len(), want.flow_count());
            ensure!(want.flow_count() > 0, "{name}: no flow is wanted");
        }
        Ok(())
    }

    /// The network that the API's objects ask for, with nothing left to be waited for.
    fn network(&self) -> Result<Network> {
        let mut network =
            Network::new(self.configuration()?, 0).map_err(|problem| anyhow::anyhow!("{}", problem.message))?;
        let kinds: Vec<String> = logical::Kind::ALL.iter().map(|kind| kind.name().to_lowercase()).collect();
        let objects = self.kubectl.items(&["get", "-A", &kinds.join(",")])?;
        let facts = objects.iter().map(Fact::from_object).collect::<Result<Vec<_>, _>>()?;
        let mut effects = network.apply_all(facts.into_iter().map(Event::Upsert));
        while !effects.waits.is_empty() {
            effects = network.apply_all(effects.waits.iter().map(|wait| Event::Confirmed(wait.ticket)));
        }
        Ok(network)
    }

    fn configuration(&self) -> Result<ControllerConfig> {
        let map = self.kubectl.json(&["get", "configmap", "weft-config", "-n", "weft-system"])?;
        let value: Value = serde_yaml_ng::from_str(text(&map, "/data/controller.yaml"))?;
        Ok(ControllerConfig::from_value(value)?)
    }

    /// What only the node's switch knows: numbers and a MAC.
    fn numbers(&self, node: u16) -> Result<Local> {
        let columns = "--columns=name,ofport,mac_in_use,external_ids";
        let rows = self.in_node(node, &["ovs-vsctl", "--format=json", columns, "list", "Interface"])?;
        let rows: Value = serde_json::from_str(&rows)?;
        let mut local = Local::default();
        for row in rows["data"].as_array().into_iter().flatten() {
            let number = || row[1].as_u64().and_then(|number| u32::try_from(number).ok());
            match text(row, "/0") {
                GATEWAY => {
                    let mac = mac(text(row, "/2"));
                    local.gateway = number().zip(mac).map(|(port, mac)| Gateway { port, mac });
                }
                TUNNEL => local.tunnel = number(),
                _ => local.ports.extend(pod(row).zip(number())),
            }
        }
        let mtu = self.in_node(node, &["cat", &format!("/sys/class/net/{GATEWAY}/mtu")])?;
        local.mtu = mtu.trim().parse().with_context(|| format!("MTU of {GATEWAY}: {mtu}"))?;
        Ok(local)
    }

    fn read_back(&self, node: u16) -> Result<ReadBack> {
        let pid = std::fs::read_to_string(self.harness.state().join(format!("wc-node{node}/pid")))?;
        let socket = format!("unix:/proc/{}/root/run/openvswitch/{BRIDGE}.mgmt", pid.trim());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let connection = Connection::connect(&socket).await.with_context(|| socket.clone())?;
            let flows = connection.flows().await?;
            let groups = connection.groups().await?.into_iter().map(GroupThere::from).collect();
            let mut meters = connection.meters().await?;
            meters.retain(|meter| meter.id <= MAX_METER);
            Ok(ReadBack { flows, groups, meters })
        })
    }
}

/// The key of a pod's object, from the row of its interface: `["map", [["weft-pod-name", "web"], ...]]` is the fourth column.
fn pod(row: &Value) -> Option<String> {
    let pairs = row.pointer("/3/1").and_then(Value::as_array)?;
    let ids: BTreeMap<&str, &str> = pairs.iter().map(|pair| (text(pair, "/0"), text(pair, "/1"))).collect();
    Some(format!("pod/{}/{}", ids.get("weft-pod-namespace")?, ids.get("weft-pod-name")?))
}

fn mac(text: &str) -> Option<[u8; 6]> {
    let bytes: Option<Vec<u8>> = text.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    bytes?.try_into().ok()
}

/// A line for each thing that would have to change.
fn named(changes: &Changes) -> Vec<String> {
    let flow = |change: &FlowChange| match change {
        FlowChange::Add(flow) => line("missing", flow),
        FlowChange::Replace(flow) => line("should be", flow),
        FlowChange::Remove(flow) => line("not wanted", flow),
    };
    let group = |change: &GroupChange| format!("group: {change:?}");
    changes.flows.iter().map(flow).chain(changes.groups.iter().map(group)).collect()
}

fn line(what: &str, flow: &impl Display) -> String {
    format!("{what}: {flow}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_and_its_number_are_in_the_row_of_its_interface() {
        let ids = json!(["map", [["weft-pod-name", "web"], ["weft-pod-namespace", "shop"]]]);
        assert_eq!(pod(&json!(["web-1", 7, "02:00", ids])).as_deref(), Some("pod/shop/web"));
        assert_eq!(pod(&json!(["eth0", 1, "02:00", ["map", []]])), None);
        assert_eq!(mac("0a:58:0a:0a:00:13"), Some([0x0a, 0x58, 0x0a, 0x0a, 0, 0x13]));
        assert_eq!(mac(""), None);
    }
}
