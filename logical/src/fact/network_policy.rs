//! A NetworkPolicy, read so that whatever is not understood admits nothing.
//!
//! The API server refuses what is not of `networking.k8s.io/v1`, but a folder of manifests or a newer API may hold it. Then the
//! smallest part around it (port, peer, rule, policy) admits nothing, the isolation stays, and the policy's owner is told.

use ipnetwork::IpNetwork;
use serde_json::Value;

use super::read::Reader;
use super::{FactError, Kind};
use crate::Name;
use crate::problem::Problem;
use crate::selector::{Selector, entries};

/// Complaints that are told of one policy; there may be more.
const TOLD: usize = 3;

/// A NetworkPolicy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkPolicy {
    /// Its namespace, whose pods it selects from.
    pub namespace: Name,
    /// Its name.
    pub name: Box<str>,
    /// Its UID, empty where there is none.
    pub uid: Box<str>,
    /// Pods that it is for.
    pub pods: Selector,
    /// What may come in; `None`: it says nothing about that.
    pub ingress: Option<Box<[PolicyRule]>>,
    /// What may go out; `None`: it says nothing about that.
    pub egress: Option<Box<[PolicyRule]>>,
    /// What was not understood.
    pub problem: Option<Problem>,
}

/// One rule: who and what is admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRule {
    /// Its place on the list, from 0.
    pub index: u32,
    /// `None`: everyone. Empty: no one.
    pub peers: Option<Box<[PolicyPeer]>>,
    /// `None`: every protocol and port. Empty: none.
    pub ports: Option<Box<[PolicyPort]>>,
}

/// One entry of `from` or `to`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PolicyPeer {
    /// Pods.
    Pods {
        /// Of these namespaces; `None`: of the policy's own.
        namespaces: Option<Selector>,
        /// These of them.
        pods: Selector,
    },
    /// Addresses.
    Block(IpBlock),
}

/// Addresses of a prefix that are in none of the others.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IpBlock {
    /// The prefix, without bits set behind its length.
    pub cidr: IpNetwork,
    /// Sorted.
    pub except: Box<[IpNetwork]>,
}

/// One entry of `ports`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PolicyPort {
    /// Numbers from the first to the last; 0 and 65535: all of the protocol.
    Range {
        /// IANA protocol number.
        protocol: u8,
        /// The lowest.
        first: u16,
        /// The highest.
        last: u16,
    },
    /// What the destination's pod calls so.
    Named {
        /// IANA protocol number.
        protocol: u8,
        /// The name.
        name: Box<str>,
    },
}

impl NetworkPolicy {
    /// Reads a `networking.k8s.io/v1/NetworkPolicy`.
    pub fn from_object(object: &Value) -> Result<NetworkPolicy, FactError> {
        let reader = Reader::new(Kind::NetworkPolicy, object);
        let mut policy = NetworkPolicy {
            namespace: reader.namespace().into(),
            name: reader.required("metadata.name")?.into(),
            uid: reader.text("metadata.uid").unwrap_or_default().into(),
            pods: Selector::default(),
            ingress: None,
            egress: None,
            problem: None,
        };
        let mut complaints = Complaints::default();
        policy.read_spec(reader.at("spec").unwrap_or(&Value::Null), &mut complaints);
        policy.problem = complaints.problem(&policy.namespace, &policy.name);
        Ok(policy)
    }

    fn read_spec(&mut self, spec: &Value, complaints: &mut Complaints) {
        let known = ["podSelector", "policyTypes", "ingress", "egress"];
        let mut understood = complaints.only_known(spec, "spec", &known);
        let before = complaints.0.len();
        self.pods = selector(spec.get("podSelector"), "spec.podSelector", complaints).unwrap_or_default();
        // It may isolate more pods than it should; those of them it must not open as well.
        understood &= complaints.0.len() == before;
        let given = |field: &str| spec.get(field).filter(|value| !value.is_null());
        let types = policy_types(spec, complaints);
        let mut rules = |field: &'static str, peers: &'static str| {
            let mut rules = Vec::new();
            for (index, rule) in complaints.list(given(field), &format!("spec.{field}")).iter().enumerate() {
                let path = format!("spec.{field}[{index}]");
                rules.extend(read_rule(index, rule, Fields { peers, path }, complaints).filter(|_| understood));
            }
            rules.into()
        };
        self.ingress = types.ingress.then(|| rules("ingress", "from"));
        self.egress = types.egress.then(|| rules("egress", "to"));
    }
}

struct Types {
    ingress: bool,
    egress: bool,
}

/// Without `policyTypes` a policy is about ingress, and about egress where it has rules for that. A type that is not known
/// isolates both ways: there is no telling what it was meant to keep out.
fn policy_types(spec: &Value, complaints: &mut Complaints) -> Types {
    let list = complaints.list(spec.get("policyTypes").filter(|value| !value.is_null()), "spec.policyTypes");
    let has = |name: &str| list.iter().any(|one| one == name);
    let mut types = match list.is_empty() {
        true => {
            let rules = spec.get("egress").and_then(Value::as_array);
            let odd = spec.get("egress").is_some_and(|value| !value.is_null() && !value.is_array());
            Types { ingress: true, egress: odd || rules.is_some_and(|rules| !rules.is_empty()) }
        }
        false => Types { ingress: has("Ingress"), egress: has("Egress") },
    };
    for unknown in list.iter().filter(|one| *one != "Ingress" && *one != "Egress") {
        complaints.add("spec.policyTypes", format!("{unknown} is unknown; write Ingress or Egress"));
        types = Types { ingress: true, egress: true };
    }
    types
}

/// How a direction calls its parts.
struct Fields {
    peers: &'static str,
    path: String,
}

fn read_rule(index: usize, rule: &Value, fields: Fields, complaints: &mut Complaints) -> Option<PolicyRule> {
    let path = &fields.path;
    if !complaints.only_known(rule, path, &[fields.peers, "ports"]) {
        return None;
    }
    let given = |field: &str| rule.get(field).filter(|value| !value.is_null() && **value != Value::Array(Vec::new()));
    let peers = given(fields.peers).map(|list| {
        let path = format!("{path}.{}", fields.peers);
        let list = complaints.list(Some(list), &path).iter().enumerate();
        let mut peers: Vec<PolicyPeer> =
            list.filter_map(|(number, peer)| read_peer(peer, &format!("{path}[{number}]"), complaints)).collect();
        peers.sort();
        peers.dedup();
        peers.into()
    });
    let ports = given("ports").map(|list| {
        let path = format!("{path}.ports");
        let list = complaints.list(Some(list), &path).iter().enumerate();
        let mut ports: Vec<PolicyPort> =
            list.filter_map(|(number, port)| read_port(port, &format!("{path}[{number}]"), complaints)).collect();
        ports.sort();
        ports.dedup();
        ports.into()
    });
    Some(PolicyRule { index: u32::try_from(index).unwrap_or(u32::MAX), peers, ports })
}

fn read_peer(peer: &Value, path: &str, complaints: &mut Complaints) -> Option<PolicyPeer> {
    if !complaints.only_known(peer, path, &["podSelector", "namespaceSelector", "ipBlock"]) {
        return None;
    }
    let before = complaints.0.len();
    let pods = selector(peer.get("podSelector"), &format!("{path}.podSelector"), complaints);
    let namespaces = selector(peer.get("namespaceSelector"), &format!("{path}.namespaceSelector"), complaints);
    let block = peer.get("ipBlock").filter(|block| !block.is_null());
    let read = match (block, pods, namespaces) {
        (Some(block), None, None) => {
            Some(PolicyPeer::Block(read_block(block, &format!("{path}.ipBlock"), complaints)?))
        }
        (None, None, None) => {
            complaints.add(path, "names nobody; write podSelector, namespaceSelector or ipBlock");
            None
        }
        (None, pods, namespaces) => Some(PolicyPeer::Pods { namespaces, pods: pods.unwrap_or_default() }),
        _ => {
            complaints.add(path, "ipBlock cannot stand with a selector; make two entries of it");
            None
        }
    };
    read.filter(|_| complaints.0.len() == before)
}

fn read_block(block: &Value, path: &str, complaints: &mut Complaints) -> Option<IpBlock> {
    let understood = complaints.only_known(block, path, &["cidr", "except"]);
    let mut prefix = |value: Option<&Value>, field: &str| {
        let read = value.and_then(Value::as_str).and_then(|text| text.parse::<IpNetwork>().ok());
        if read.is_none() {
            let text = value.unwrap_or(&Value::Null);
            complaints.add(path, format!("{field}: {text} is no prefix such as 10.0.0.0/8 or fd00::/8"));
        }
        read.and_then(|read| IpNetwork::new(read.network(), read.prefix()).ok())
    };
    let cidr = prefix(block.get("cidr"), "cidr");
    let list = block.get("except").filter(|value| !value.is_null());
    let except: Option<Vec<IpNetwork>> = match list {
        None => Some(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(|one| prefix(Some(one), "except")).collect(),
        Some(other) => prefix(Some(other), "except").and(None),
    };
    let (cidr, mut except) = (cidr?, except?);
    except.retain(|one| one.is_ipv4() == cidr.is_ipv4());
    except.sort();
    except.dedup();
    understood.then(|| IpBlock { cidr, except: except.into() })
}

fn read_port(port: &Value, path: &str, complaints: &mut Complaints) -> Option<PolicyPort> {
    let understood = complaints.only_known(port, path, &["protocol", "port", "endPort"]);
    let given = |field: &str| port.get(field).filter(|value| !value.is_null());
    let protocol = match given("protocol").map_or(Some("TCP"), Value::as_str).and_then(protocol_number) {
        Some(protocol) => protocol,
        None => {
            let text = &port["protocol"];
            complaints.add(path, format!("the protocol {text} is unknown; write TCP, UDP or SCTP"));
            return None;
        }
    };
    let number =
        |value: &Value| value.as_i64().filter(|port| (1..=65535).contains(port)).and_then(|n| n.try_into().ok());
    let read = match (given("port"), given("endPort")) {
        (None, None) => Some(PolicyPort::Range { protocol, first: 0, last: u16::MAX }),
        (Some(Value::String(name)), None) => Some(PolicyPort::Named { protocol, name: name.as_str().into() }),
        (Some(Value::Number(_)), end) => {
            let first: Option<u16> = given("port").and_then(number);
            let last: Option<u16> = end.map_or(first, number);
            let ordered = first.zip(last).filter(|(first, last)| first <= last);
            ordered.map(|(first, last)| PolicyPort::Range { protocol, first, last })
        }
        _ => None,
    };
    if read.is_none() {
        let remedy = "write port as a name, or as a number from 1 to 65535 with an endPort that is not below it";
        complaints.add(path, format!("{port} is no port; {remedy}"));
    }
    read.filter(|_| understood)
}

/// IANA numbers of the protocols that policies and pods can name.
pub(crate) fn protocol_number(name: &str) -> Option<u8> {
    match name {
        "TCP" => Some(6),
        "UDP" => Some(17),
        "SCTP" => Some(132),
        _ => None,
    }
}

fn selector(value: Option<&Value>, path: &str, complaints: &mut Complaints) -> Option<Selector> {
    let value = value.filter(|value| !value.is_null())?;
    Some(Selector::read(value, &mut |complaint| complaints.add(path, complaint)))
}

/// What was not understood, in the order of the object.
#[derive(Default)]
struct Complaints(Vec<String>);

impl Complaints {
    fn add(&mut self, path: &str, what: impl AsRef<str>) {
        self.0.push(format!("{path}: {}", what.as_ref()));
    }

    /// Whether an object has only these fields.
    fn only_known(&mut self, value: &Value, path: &str, known: &[&str]) -> bool {
        let before = self.0.len();
        let unknown: Vec<&str> = entries(value, &mut |complaint| self.add(path, complaint))
            .map(|(field, _)| field)
            .filter(|field| !known.contains(field))
            .collect();
        for field in unknown {
            self.add(path, format!("the field {field:?} is unknown"));
        }
        self.0.len() == before
    }

    /// The entries of a list; one that is no list has none.
    fn list<'a>(&mut self, value: Option<&'a Value>, path: &str) -> &'a [Value] {
        match value {
            None => &[],
            Some(Value::Array(list)) => list,
            Some(other) => {
                self.add(path, format!("{other} stands where a list is expected"));
                &[]
            }
        }
    }

    fn problem(self, namespace: &str, name: &str) -> Option<Problem> {
        if self.0.is_empty() {
            return None;
        }
        let more = self.0.len().saturating_sub(TOLD);
        let mut told = self.0[..self.0.len().min(TOLD)].join("; ");
        if more > 0 {
            told += &format!("; and {more} more");
        }
        let message = format!(
            "NetworkPolicy {namespace}/{name}: {told}. What is not understood admits nothing, and the pods stay isolated; \
             correct the policy"
        );
        Some(Problem::new("NotUnderstood", message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(spec: Value) -> NetworkPolicy {
        let object = json!({"metadata": {"name": "p", "namespace": "shop", "uid": "u"}, "spec": spec});
        NetworkPolicy::from_object(&object).unwrap()
    }

    #[track_caller]
    fn check_types(spec: Value, expect: (bool, bool)) {
        let policy = read(spec.clone());
        assert_eq!((policy.ingress.is_some(), policy.egress.is_some()), expect, "{spec}");
    }

    #[test]
    fn types_default_by_what_is_there() {
        check_types(Value::Null, (true, false));
        check_types(json!({"podSelector": {}}), (true, false));
        check_types(json!({"podSelector": {}, "egress": []}), (true, false));
        check_types(json!({"podSelector": {}, "egress": [{}]}), (true, true));
        check_types(json!({"podSelector": {}, "policyTypes": []}), (true, false));
        check_types(json!({"podSelector": {}, "policyTypes": ["Egress"], "ingress": [{}]}), (false, true));
        check_types(json!({"podSelector": {}, "policyTypes": ["Ingress"], "egress": [{}]}), (true, false));
        check_types(json!({"podSelector": {}, "policyTypes": ["Sideways"]}), (true, true));
    }

    /// What an ingress rule comes to: peers and ports, `any` where all.
    #[track_caller]
    fn check_rule(rule: Value, expect: &str, complaint: &str) {
        let policy = read(json!({"podSelector": {}, "ingress": [rule]}));
        let rules = policy.ingress.as_deref().expect("it isolates whatever is in it");
        let text = match rules {
            [] => "none".to_owned(),
            [rule] => {
                let peers = rule.peers.as_ref().map_or("any".to_owned(), |peers| peers.len().to_string());
                let ports = rule.ports.as_ref().map_or("any".to_owned(), |ports| {
                    let text = |port: &PolicyPort| match port {
                        PolicyPort::Range { protocol, first, last } => format!("{protocol}:{first}-{last}"),
                        PolicyPort::Named { protocol, name } => format!("{protocol}:{name}"),
                    };
                    ports.iter().map(text).collect::<Vec<_>>().join(",")
                });
                format!("{peers} {ports}")
            }
            more => unreachable!("one rule was given: {more:?}"),
        };
        assert_eq!(text, expect, "{rule}");
        let told = policy.problem.map_or(String::new(), |problem| problem.message.to_string());
        assert_eq!(told.is_empty(), complaint.is_empty(), "{rule}: {told}");
        assert!(told.contains(complaint) && (told.is_empty() || told.contains("shop/p")), "{rule}: {told}");
    }

    #[test]
    fn what_is_not_there_restricts_nothing() {
        check_rule(json!({}), "any any", "");
        check_rule(json!({"from": [], "ports": []}), "any any", "");
        check_rule(json!({"from": null, "ports": null}), "any any", "");
    }

    #[test]
    fn peers_are_read() {
        check_rule(json!({"from": [{"podSelector": {}}, {"namespaceSelector": {}}]}), "2 any", "");
        check_rule(json!({"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]}), "1 any", "");
        check_rule(json!({"from": [{}]}), "0 any", "names nobody");
        check_rule(json!({"from": [{"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}}]}), "0 any", "cannot stand");
        check_rule(json!({"from": [{"ipBlock": {"cidr": "ten"}}]}), "0 any", "\"ten\" is no prefix");
        check_rule(
            json!({"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["x"]}}]}),
            "0 any",
            "\"x\" is no prefix",
        );
        check_rule(json!({"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "but": 1}}]}), "0 any", "\"but\" is unknown");
        check_rule(json!({"from": [{"serviceSelector": {}}]}), "0 any", "\"serviceSelector\" is unknown");
        check_rule(json!({"from": [{"podSelector": {"matchAll": true}}]}), "0 any", "\"matchAll\" is unknown");
        check_rule(json!({"from": "all"}), "0 any", "a list is expected");
    }

    #[test]
    fn ports_are_read() {
        check_rule(json!({"ports": [{"port": 80}]}), "any 6:80-80", "");
        check_rule(json!({"ports": [{"protocol": "UDP"}]}), "any 17:0-65535", "");
        check_rule(json!({"ports": [{}]}), "any 6:0-65535", "");
        check_rule(json!({"ports": [{"protocol": "SCTP", "port": 80, "endPort": 90}]}), "any 132:80-90", "");
        check_rule(json!({"ports": [{"port": "http"}]}), "any 6:http", "");
        check_rule(json!({"ports": [{"port": 80, "endPort": 79}]}), "any ", "no port");
        check_rule(json!({"ports": [{"port": "http", "endPort": 79}]}), "any ", "no port");
        check_rule(json!({"ports": [{"endPort": 79}]}), "any ", "no port");
        check_rule(json!({"ports": [{"port": 0}]}), "any ", "no port");
        check_rule(json!({"ports": [{"port": 70000}]}), "any ", "no port");
        check_rule(json!({"ports": [{"protocol": "ICMP"}, {"port": 80}]}), "any 6:80-80", "\"ICMP\" is unknown");
        check_rule(json!({"ports": [{"port": 80, "icmp": 8}]}), "any ", "\"icmp\" is unknown");
    }

    #[test]
    fn what_is_not_understood_around_a_rule_closes_it() {
        check_rule(json!({"to": [{"podSelector": {}}]}), "none", "\"to\" is unknown");
        check_rule(json!("x"), "none", "an object is expected");
        let policy = read(json!({"podSelector": {"matchNothing": 1}, "ingress": [{}]}));
        assert_eq!(policy.ingress.as_deref(), Some(&[][..]), "it isolates and admits nothing");
        let policy = read(json!({"podSelector": {}, "priority": 1, "ingress": [{}]}));
        assert_eq!(policy.ingress.as_deref(), Some(&[][..]), "it isolates and admits nothing");
    }
}
