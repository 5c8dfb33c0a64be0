//! What policy says of a network at one moment, apart from how it is kept up: who is isolated, and whom rules admit.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use crate::Name;
use crate::fact::IpBlock;
use crate::identity::{Identities, IdentityId};
use crate::network::Network;
use crate::policy::compile::Source;
use crate::policy::{Policies, RuleId};

use super::ports::PortSet;

/// Who is isolated, and whom rules admit.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    /// Every pod that policy can say something about, by `NAMESPACE/NAME`.
    pub pods: HashMap<Name, PodEnd>,
    /// By identity: the rules that admit what it receives and what it sends; none: it is not isolated.
    pub isolated: HashMap<IdentityId, [Option<Vec<RuleId>>; 2]>,
    pub rules: HashMap<RuleId, Admits>,
}

/// A pod as policy sees it.
#[derive(Debug)]
pub(crate) struct PodEnd {
    pub identity: IdentityId,
    /// None: it has none yet.
    pub addresses: Vec<IpAddr>,
    pub workload: String,
}

/// What a rule admits.
#[derive(Debug)]
pub(super) struct Admits {
    /// `None`: everyone.
    pub peers: Option<Peers>,
    pub ports: PortSet,
}

#[derive(Debug, Default)]
pub(super) struct Peers {
    pub identities: BTreeSet<IdentityId>,
    pub blocks: Vec<IpBlock>,
}

impl Snapshot {
    pub fn of(network: &Network) -> Snapshot {
        let mut snapshot = Snapshot { pods: network.ends().collect(), ..Snapshot::default() };
        let (policies, identities) = network.policy_parts();
        for (identity, sides) in policies.isolations() {
            let rules = sides.iter().flatten().flatten();
            for rule in rules {
                snapshot.rules.entry(*rule).or_insert_with(|| Admits::of(*rule, policies, identities));
            }
            snapshot.isolated.insert(identity, sides);
        }
        snapshot
    }
}

impl Admits {
    fn of(rule: RuleId, policies: &Policies, identities: &Identities) -> Admits {
        let (sources, ports) = policies.admitted_by(rule);
        let peers = sources.map(|sources| {
            let mut peers = Peers::default();
            for source in sources {
                match source {
                    Source::Block(block) => peers.blocks.push(block.clone()),
                    Source::Group(_) | Source::Named { .. } => {
                        peers.identities.extend(policies.members(source, identities))
                    }
                }
            }
            peers
        });
        let ports = if ports.is_empty() { PortSet::EVERYTHING } else { PortSet::Only(ports) };
        Admits { peers, ports }
    }
}

/// The workload that a pod belongs to, `NAMESPACE/NAME`, as far as its name and labels tell: what owns pods gives them names
/// after its own.
pub(crate) fn workload(pod: &crate::fact::Pod) -> String {
    let label = |key: &str| crate::selector::find(&pod.labels, key);
    let name = &*pod.name;
    let stem = if let Some(hash) = label("pod-template-hash") {
        name.rsplit_once('-').and_then(|(stem, _)| stem.strip_suffix(hash)?.strip_suffix('-'))
    } else if label("statefulset.kubernetes.io/pod-name").is_some() || label("controller-revision-hash").is_some() {
        name.rsplit_once('-').map(|(stem, _)| stem)
    } else {
        None
    };
    format!("{}/{}", pod.namespace, stem.filter(|stem| !stem.is_empty()).unwrap_or(name))
}
