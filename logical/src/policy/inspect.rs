//! What people can ask of policies: whom they select, what their rules admit in words, which nodes need them.

use std::collections::BTreeMap;

use api::inspect::{PolicyNode, PolicySide, PolicyUse, RuleUse};

use crate::Name;
use crate::fact::{IpBlock, NetworkPolicy, PolicyPeer, PolicyPort, PolicyRule};
use crate::identity::{Identities, Identity};

use super::Policies;
use super::compile::Compiled;

impl Policies {
    /// Every policy, or the one of this `NAMESPACE/NAME`; counters and states of nodes are left for others to fill in.
    pub fn in_use(&self, named: Option<&str>, identities: &Identities) -> Vec<PolicyUse> {
        let one = |id: &super::PolicyId| self.one_in_use(&self.all[id], identities);
        match named {
            Some(name) => self.ids.get(name).map(one).into_iter().collect(),
            None => {
                let ids: BTreeMap<&Name, &super::PolicyId> = self.ids.iter().collect();
                ids.into_values().map(one).collect()
            }
        }
    }

    /// The fact of a policy.
    pub fn fact(&self, name: &str) -> Option<&NetworkPolicy> {
        Some(&self.all[self.ids.get(name)?].fact)
    }

    /// Names of the nodes that need a policy: those of the pods that it selects.
    pub fn nodes_of<'a>(&'a self, name: &str, identities: &'a Identities) -> impl Iterator<Item = &'a Name> {
        let policy = self.ids.get(name).map(|id| &self.all[id]);
        policy
            .into_iter()
            .flat_map(move |policy| self.selected(policy, identities))
            .flat_map(|one| one.nodes.iter().map(|(node, _)| node))
    }

    fn selected<'a>(
        &'a self,
        policy: &Compiled,
        identities: &'a Identities,
    ) -> impl Iterator<Item = &'a Identity> + use<'a> {
        self.groups.members(policy.target).filter_map(|id| identities.get(id))
    }

    fn one_in_use(&self, policy: &Compiled, identities: &Identities) -> PolicyUse {
        let fact = &policy.fact;
        let mut nodes: BTreeMap<&str, u64> = BTreeMap::new();
        let mut pods = 0;
        for identity in self.selected(policy, identities) {
            pods += identity.pods.len() as u64;
            identity.nodes.iter().for_each(|(node, count)| *nodes.entry(node).or_default() += u64::from(*count));
        }
        let node = |(node, pods): (&str, u64)| PolicyNode { node: node.to_owned(), pods, ..PolicyNode::default() };
        let side = |direction: &str, rules: &Option<Box<[PolicyRule]>>| {
            let rules = rules.as_ref()?.iter().map(|rule| rule_in_use(rule, fact)).collect();
            Some(PolicySide { direction: direction.to_owned(), rules, ..PolicySide::default() })
        };
        let sides = [side("ingress", &fact.ingress), side("egress", &fact.egress)];
        PolicyUse {
            namespace: fact.namespace.to_string(),
            name: fact.name.to_string(),
            selects: fact.pods.to_string(),
            pods,
            sides: sides.into_iter().flatten().collect(),
            nodes: nodes.into_iter().map(node).collect(),
            problem: fact.problem.as_ref().map(|problem| problem.message.to_string()).unwrap_or_default(),
        }
    }
}

fn rule_in_use(rule: &PolicyRule, policy: &NetworkPolicy) -> RuleUse {
    let listed = |parts: Vec<String>| if parts.is_empty() { "nobody".to_owned() } else { parts.join("; ") };
    let peers = rule.peers.as_ref().map(|peers| listed(peers.iter().map(|peer| peer_text(peer, policy)).collect()));
    let ports = rule.ports.as_ref().map(|ports| match ports.is_empty() {
        true => "nothing".to_owned(),
        false => ports.iter().map(port_text).collect::<Vec<_>>().join(", "),
    });
    RuleUse {
        index: rule.index,
        peers: peers.unwrap_or_else(|| "everyone".to_owned()),
        ports: ports.unwrap_or_else(|| "everything".to_owned()),
        ..RuleUse::default()
    }
}

fn peer_text(peer: &PolicyPeer, policy: &NetworkPolicy) -> String {
    match peer {
        PolicyPeer::Pods { namespaces: None, pods } => format!("pods {pods} in {}", policy.namespace),
        PolicyPeer::Pods { namespaces: Some(namespaces), pods } if namespaces.requirements.is_empty() => {
            format!("pods {pods} in all namespaces")
        }
        PolicyPeer::Pods { namespaces: Some(namespaces), pods } => format!("pods {pods} in namespaces {namespaces}"),
        PolicyPeer::Block(IpBlock { cidr, except }) if except.is_empty() => cidr.to_string(),
        PolicyPeer::Block(IpBlock { cidr, except }) => {
            let except: Vec<String> = except.iter().map(ToString::to_string).collect();
            format!("{cidr} except {}", except.join(" "))
        }
    }
}

fn port_text(port: &PolicyPort) -> String {
    match port {
        PolicyPort::Range { protocol, first: 0, last: u16::MAX } => protocol_name(*protocol).to_owned(),
        PolicyPort::Range { protocol, first, last } if first == last => format!("{first}/{}", protocol_name(*protocol)),
        PolicyPort::Range { protocol, first, last } => format!("{first}-{last}/{}", protocol_name(*protocol)),
        PolicyPort::Named { protocol, name } => format!("{name}/{}", protocol_name(*protocol)),
    }
}

/// The name of a protocol that policies can name.
pub(crate) fn protocol_name(protocol: u8) -> &'static str {
    match protocol {
        6 => "TCP",
        17 => "UDP",
        132 => "SCTP",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rules_are_told_in_words() {
        let object = json!({
            "metadata": {"name": "p", "namespace": "shop"},
            "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [
                {"from": [{"podSelector": {}}, {"namespaceSelector": {"matchExpressions": [
                    {"key": "team", "operator": "In", "values": ["a", "b"]}, {"key": "old", "operator": "DoesNotExist"}]}}],
                 "ports": [{"port": 80}, {"port": 1, "endPort": 9, "protocol": "UDP"}, {"port": "http"}, {"protocol": "SCTP"}]},
                {"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]},
                {},
            ]},
        });
        let policy = NetworkPolicy::from_object(&object).expect("it is whole");
        let rules: Vec<RuleUse> = policy.ingress.iter().flatten().map(|rule| rule_in_use(rule, &policy)).collect();
        let texts: Vec<(&str, &str)> = rules.iter().map(|rule| (rule.peers.as_str(), rule.ports.as_str())).collect();
        assert_eq!(
            texts,
            [
                ("pods * in shop; pods * in namespaces !old,team in (a,b)", "80/TCP, 1-9/UDP, SCTP, http/TCP"),
                ("10.0.0.0/8 except 10.1.0.0/16", "everything"),
                ("everyone", "everything"),
            ]
        );
        assert_eq!(policy.pods.to_string(), "app=web");
    }
}
