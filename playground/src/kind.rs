//! The kinds of objects that the playground knows, as one table: names, scope, and where each lives.

/// A kind of object.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// As in manifests: `Pod`.
    pub name: &'static str,
    /// Plural, lower case: also the folder's name under `state/`.
    pub plural: &'static str,
    /// Short names.
    pub short: &'static [&'static str],
    /// `apiVersion` of objects of this kind.
    pub api_version: &'static str,
    /// Namespaced or of the cluster.
    pub scope: Scope,
    /// Who keeps objects of this kind.
    pub home: Home,
}

/// Whether objects have a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// They have.
    Namespaced,
    /// They have not.
    Cluster,
}

/// Where objects of a kind are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// In `objects/`: the controllers read them.
    Objects,
    /// In the daemon alone: the controllers have no use for them.
    Daemon,
    /// In `state/`: Weft writes them, people cannot.
    State,
}

const CORE: &str = "v1";
const APPS: &str = "apps/v1";
const WEFT: &str = "weft.dev/v1alpha1";

const fn kind(
    name: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    api_version: &'static str,
) -> Kind {
    Kind { name, plural, short, api_version, scope: Scope::Namespaced, home: Home::Objects }
}

impl Kind {
    const fn cluster(mut self) -> Kind {
        self.scope = Scope::Cluster;
        self
    }

    const fn home(mut self, home: Home) -> Kind {
        self.home = home;
        self
    }
}

/// Every kind, in the order in which a folder of manifests is applied.
pub static KINDS: &[Kind] = &[
    kind("Namespace", "namespaces", &["ns"], CORE).cluster(),
    kind("Node", "nodes", &["no"], CORE).cluster(),
    kind("Subnet", "subnets", &["wsub"], WEFT).cluster(),
    kind("StaticAddress", "staticaddresses", &["wsa"], WEFT),
    kind("AddressBlock", "addressblocks", &["wab"], WEFT).cluster().home(Home::State),
    kind("Service", "services", &["svc"], CORE),
    kind("EndpointSlice", "endpointslices", &["eps"], "discovery.k8s.io/v1"),
    kind("NetworkPolicy", "networkpolicies", &["netpol"], "networking.k8s.io/v1"),
    kind("ClusterNetworkPolicy", "clusternetworkpolicies", &["cnp"], "policy.networking.k8s.io/v1alpha2").cluster(),
    kind("AdminNetworkPolicy", "adminnetworkpolicies", &["anp"], "policy.networking.k8s.io/v1alpha1").cluster(),
    kind("BaselineAdminNetworkPolicy", "baselineadminnetworkpolicies", &["banp"], "policy.networking.k8s.io/v1alpha1")
        .cluster(),
    kind("Deployment", "deployments", &["deploy"], APPS).home(Home::Daemon),
    kind("StatefulSet", "statefulsets", &["sts"], APPS).home(Home::Daemon),
    kind("ReplicaSet", "replicasets", &["rs"], APPS).home(Home::Daemon),
    kind("DaemonSet", "daemonsets", &["ds"], APPS).home(Home::Daemon),
    kind("Pod", "pods", &["po"], CORE),
    kind("Event", "events", &["ev"], CORE).home(Home::Daemon),
    kind("Lease", "leases", &[], "coordination.k8s.io/v1").home(Home::State),
];

/// The kind that `word` names: singular, plural or short name, in any case.
pub fn find(word: &str) -> Option<&'static Kind> {
    let word = word.to_ascii_lowercase();
    // `subnets.weft.dev` as kubectl takes it.
    let word = word.split('.').next().unwrap_or_default();
    KINDS.iter().find(|kind| kind.name.eq_ignore_ascii_case(word) || kind.plural == word || kind.short.contains(&word))
}

/// The kind of a manifest with this `apiVersion` and `kind`; the version within a group does not matter.
pub fn of_manifest(api_version: &str, name: &str) -> Option<&'static Kind> {
    let group = |version: &str| version.rsplit_once('/').map(|(group, _)| group.to_owned()).unwrap_or_default();
    KINDS.iter().find(|kind| kind.name == name && group(kind.api_version) == group(api_version))
}

/// The kind with exactly this name.
pub fn named(name: &str) -> &'static Kind {
    KINDS.iter().find(|kind| kind.name == name).expect("callers name a kind of the table")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_goes_by_all_its_names() {
        let check = |word, expect| assert_eq!(find(word).map(|kind| kind.name), expect, "{word}");
        check("pod", Some("Pod"));
        check("Pods", Some("Pod"));
        check("po", Some("Pod"));
        check("StaticAddress", Some("StaticAddress"));
        check("subnets.weft.dev", Some("Subnet"));
        check("netpol", Some("NetworkPolicy"));
        check("unicorn", None);
    }

    #[test]
    fn a_manifest_is_known_by_group_and_kind() {
        let check = |version, name, expect| assert_eq!(of_manifest(version, name).map(|kind| kind.name), expect);
        check("v1", "Pod", Some("Pod"));
        check("weft.dev/v1alpha1", "Subnet", Some("Subnet"));
        check("weft.dev/v1", "Subnet", Some("Subnet"));
        check("other.dev/v1", "Subnet", None);
        check("serving.knative.dev/v1", "Service", None);
    }

    #[test]
    fn no_two_kinds_share_a_name() {
        let mut seen = std::collections::BTreeSet::new();
        for kind in KINDS {
            assert!(seen.insert(kind.plural), "{}", kind.plural);
            assert!(seen.insert(kind.name), "{}", kind.name);
            assert!(kind.short.iter().all(|short| seen.insert(short)), "{}", kind.name);
        }
    }
}
