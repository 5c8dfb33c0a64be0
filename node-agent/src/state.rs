//! The node's state as the controller says it: a map from key to object, and the highest revision seen.
//!
//! A node has every Service of the cluster, and what admits whom; of these the agent itself looks at one now and then. They are kept
//! as the bytes that came, which is a fifth of what they take when read.

use std::collections::BTreeMap;
use std::net::IpAddr;

use api::node::{Config, Delta, EndpointSlice, Held, Object, Peer, Pod, Route, Service, Subnet, object::Kind};
use ipnetwork::IpNetwork;
use prost::Message;
use tracing::warn;

use crate::mac::Mac;

/// What the controller has said so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeState {
    /// Highest revision taken; 0 for none.
    pub revision: u64,
    /// Objects by key.
    objects: BTreeMap<String, Kept>,
}

/// An object.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    digest: u64,
    body: Body,
}

#[derive(Debug, Clone, PartialEq)]
enum Body {
    /// Looked at again and again.
    Read(Option<Box<Kind>>),
    /// The whole object, encoded.
    Packed(Box<[u8]>),
}

impl Body {
    fn of(object: &Object, bytes: Vec<u8>) -> Body {
        match &object.kind {
            None | Some(Kind::Config(_) | Kind::Peer(_) | Kind::Subnet(_) | Kind::Route(_) | Kind::Pod(_)) => {
                Body::Read(object.kind.clone().map(Box::new))
            }
            Some(
                Kind::Identity(_)
                | Kind::Rule(_)
                | Kind::Peers(_)
                | Kind::Address(_)
                | Kind::Service(_)
                | Kind::EndpointSlice(_)
                | Kind::Alias(_),
            ) => Body::Packed(bytes.into_boxed_slice()),
        }
    }

    /// What it says; packed ones are decoded each time.
    fn kind(&self) -> Option<Kind> {
        match self {
            Body::Read(kind) => kind.as_deref().cloned(),
            Body::Packed(bytes) => Object::decode(&bytes[..]).ok()?.kind,
        }
    }

    fn read(&self) -> Option<&Kind> {
        match self {
            Body::Read(kind) => kind.as_deref(),
            Body::Packed(_) => None,
        }
    }
}

impl NodeState {
    /// Takes a delta; answers the keys that it touched.
    pub fn apply(&mut self, delta: Delta) -> Vec<String> {
        self.reach(delta.revision);
        let mut touched = self.remove(delta.removed);
        touched.extend(delta.set.into_iter().filter_map(|bytes| self.put(bytes)).map(|object| object.key));
        touched
    }

    /// Takes a revision. A replica that is behind may number lower for a moment; what is acked must never go back.
    pub fn reach(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }

    /// Drops objects; answers those keys of which there was one.
    pub fn remove(&mut self, mut keys: Vec<String>) -> Vec<String> {
        keys.retain(|key| self.objects.remove(key).is_some());
        keys
    }

    /// Takes an object as it comes, and gives it, read; `None` where it is none.
    pub fn put(&mut self, bytes: Vec<u8>) -> Option<Object> {
        let object = match Object::decode(&bytes[..]) {
            Ok(object) => object,
            Err(error) => {
                warn!("the controller sent something that is no object, or one of another release: {error}");
                return None;
            }
        };
        let kept = Kept { digest: object.digest, body: Body::of(&object, bytes) };
        self.objects.insert(object.key.clone(), kept);
        Some(object)
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether nothing has been said.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Every object, read one by one.
    pub fn objects(&self) -> impl Iterator<Item = Object> {
        self.objects.iter().map(|(key, kept)| Object { key: key.clone(), digest: kept.digest, kind: kept.body.kind() })
    }

    /// Lets no object count as held: the controller is to say them all again.
    pub fn doubt(&mut self) {
        self.objects.values_mut().for_each(|kept| kept.digest = 0);
    }

    /// What is held, for the greeting.
    pub fn held(&self) -> Vec<Held> {
        self.objects.iter().map(|(key, kept)| Held { key: key.clone(), digest: kept.digest }).collect()
    }

    /// What holds for the node as a whole; without it nothing can be done.
    pub fn config(&self) -> Option<&Config> {
        match self.read(&api::node::Key::Config.to_string())? {
            Kind::Config(config) => Some(config),
            _ => None,
        }
    }

    /// A pod of this node.
    pub fn pod(&self, namespace: &str, name: &str) -> Option<&Pod> {
        match self.read(&api::node::Key::Pod { namespace, name }.to_string())? {
            Kind::Pod(pod) => Some(pod),
            _ => None,
        }
    }

    /// A subnet by name.
    pub fn subnet(&self, name: &str) -> Option<&Subnet> {
        match self.read(&api::node::Key::Subnet { name }.to_string())? {
            Kind::Subnet(subnet) => Some(subnet),
            _ => None,
        }
    }

    /// Every subnet.
    pub fn subnets(&self) -> impl Iterator<Item = &Subnet> {
        self.kinds("subnet").filter_map(|kind| if let Kind::Subnet(subnet) = kind { Some(subnet) } else { None })
    }

    /// Every pod of this node.
    pub fn pods(&self) -> impl Iterator<Item = &Pod> {
        self.kinds("pod").filter_map(|kind| if let Kind::Pod(pod) = kind { Some(pod) } else { None })
    }

    /// Every other node.
    pub fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.kinds("peer").filter_map(|kind| if let Kind::Peer(peer) = kind { Some(peer) } else { None })
    }

    /// Every route to another node.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.kinds("route").filter_map(|kind| if let Kind::Route(route) = kind { Some(route) } else { None })
    }

    /// Every Service, with its key.
    pub fn services(&self) -> impl Iterator<Item = (&str, Service)> {
        self.kept("service").filter_map(|(key, kept)| match kept.body.kind()? {
            Kind::Service(service) => Some((key, service)),
            _ => None,
        })
    }

    /// Every slice of endpoints, with its key.
    pub fn endpoint_slices(&self) -> impl Iterator<Item = (&str, EndpointSlice)> {
        self.kept("endpoint-slice").filter_map(|(key, kept)| match kept.body.kind()? {
            Kind::EndpointSlice(slice) => Some((key, slice)),
            _ => None,
        })
    }

    /// A Service, by its key.
    pub fn service(&self, key: &str) -> Option<Service> {
        match self.objects.get(key)?.body.kind()? {
            Kind::Service(service) => Some(service),
            _ => None,
        }
    }

    /// A slice of endpoints, by its key.
    pub fn endpoint_slice(&self, key: &str) -> Option<EndpointSlice> {
        match self.objects.get(key)?.body.kind()? {
            Kind::EndpointSlice(slice) => Some(slice),
            _ => None,
        }
    }

    fn read(&self, key: &str) -> Option<&Kind> {
        self.objects.get(key)?.body.read()
    }

    fn kinds(&self, kind: &str) -> impl Iterator<Item = &Kind> {
        self.kept(kind).filter_map(|(_, kept)| kept.body.read())
    }

    /// The objects of a kind: keys of a kind stand together, so that others, however many, are not looked at.
    fn kept(&self, kind: &str) -> impl Iterator<Item = (&str, &Kept)> {
        let range = format!("{kind}/")..format!("{kind}0");
        self.objects.range(range).map(|(key, kept)| (key.as_str(), kept))
    }
}

/// What a pod's interface needs, read from its object and its subnet's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodInterface {
    /// MAC of the pod's end.
    pub mac: Mac,
    /// Addresses with the prefix length of their subnet, and the gateway of each.
    pub addresses: Vec<(IpNetwork, IpAddr)>,
}

/// Reads a pod's interface; an error names the object and what is wrong with it.
pub fn pod_interface(pod: &Pod, subnet: &Subnet) -> Result<PodInterface, String> {
    let whose = format!("pod {}/{}", pod.namespace, pod.name);
    let mac = Mac::try_from(pod.mac.as_slice()).map_err(|error| format!("{whose}: its MAC is {error}"))?;
    let cidrs: Vec<IpNetwork> = subnet.cidrs.iter().filter_map(|cidr| cidr.parse().ok()).collect();
    let mut addresses = Vec::new();
    for (index, text) in pod.addresses.iter().enumerate() {
        let address: IpAddr = text.parse().map_err(|_| format!("{whose}: {text:?} is no address"))?;
        let cidr = cidrs
            .iter()
            .find(|cidr| cidr.contains(address))
            .ok_or_else(|| format!("{whose}: {address} is in no prefix of subnet {}", subnet.name))?;
        let gateway = pod.gateways.get(index).and_then(|gateway| gateway.parse().ok());
        let gateway = gateway.ok_or_else(|| format!("{whose}: no gateway for {address}"))?;
        let address = IpNetwork::new(address, cidr.prefix()).expect("the prefix length of a prefix of the same family");
        addresses.push((address, gateway));
    }
    if addresses.is_empty() {
        return Err(format!("{whose} has no address"));
    }
    Ok(PodInterface { mac, addresses })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(key: &str, digest: u64) -> Object {
        Object { key: key.into(), digest, kind: None }
    }

    #[test]
    fn a_delta_sets_removes_and_names_what_it_touched() {
        let mut state = NodeState::default();
        let touched = state.apply(Delta::new(3, [object("a/1", 1), object("a/2", 2)], vec![]));
        assert_eq!(touched, ["a/1", "a/2"]);
        let touched = state.apply(Delta::new(4, [object("a/2", 9)], vec!["a/1".into(), "none/0".into()]));
        assert_eq!(touched, ["a/1", "a/2"]);
        assert_eq!(state.held(), [Held { key: "a/2".into(), digest: 9 }]);
    }

    #[test]
    fn the_objects_of_a_kind_are_found_among_the_others() {
        let of = |key: &str, kind| Object { key: key.into(), digest: 1, kind: Some(kind) };
        let mut state = NodeState::default();
        let set = vec![
            of("peer/a", Kind::Peer(Peer { name: "a".into(), ..Peer::default() })),
            of("peers/9f", Kind::Peers(api::node::Peers::default())),
            of("service/shop/web", Kind::Service(Service { name: "web".into(), ..Service::default() })),
            of("subnet/s", Kind::Subnet(Subnet::default())),
        ];
        state.apply(Delta::new(1, &set, vec![]));
        assert_eq!(state.peers().map(|peer| peer.name.as_str()).collect::<Vec<_>>(), ["a"]);
        assert_eq!((state.subnets().count(), state.routes().count()), (1, 0));
        assert_eq!(state.service("service/shop/web").map(|service| service.name), Some("web".to_owned()));
        assert_eq!(state.endpoint_slice("service/shop/web"), None);
        assert_eq!(state.objects().collect::<Vec<_>>(), set, "packed or not, all come back as they were");
        state.doubt();
        assert!(state.objects().all(|object| object.digest == 0));
    }

    #[test]
    fn what_is_no_object_is_left_out() {
        let mut state = NodeState::default();
        let mut delta = Delta::new(1, [object("a/1", 1)], vec![]);
        delta.set.insert(0, vec![0xff; 9]);
        assert_eq!(state.apply(delta), ["a/1"]);
    }

    #[test]
    fn a_revision_never_goes_back() {
        let mut state = NodeState::default();
        state.apply(Delta { revision: 9, ..Delta::default() });
        state.apply(Delta { revision: 7, ..Delta::default() });
        assert_eq!(state.revision, 9);
    }

    #[test]
    fn a_pod_gets_the_prefix_length_of_its_subnet() {
        let subnet = Subnet {
            name: "default".into(),
            cidrs: vec!["10.10.0.0/16".into(), "fd00:10::/64".into()],
            ..Subnet::default()
        };
        let mut pod = Pod {
            namespace: "shop".into(),
            name: "web-0".into(),
            addresses: vec!["10.10.0.19".into(), "fd00:10::13".into()],
            gateways: vec!["10.10.0.1".into(), "fd00:10::1".into()],
            mac: vec![10, 88, 10, 10, 0, 19],
            ..Pod::default()
        };
        let interface = pod_interface(&pod, &subnet).expect("it is whole");
        let texts: Vec<String> = interface.addresses.iter().map(|(a, g)| format!("{a} {g}")).collect();
        assert_eq!(texts, ["10.10.0.19/16 10.10.0.1", "fd00:10::13/64 fd00:10::1"]);
        pod.addresses[0] = "10.99.0.1".into();
        assert!(pod_interface(&pod, &subnet).expect_err("outside").contains("subnet default"));
        pod.addresses.clear();
        assert!(pod_interface(&pod, &subnet).expect_err("none").contains("shop/web-0"));
        pod.mac.clear();
        assert!(pod_interface(&pod, &subnet).expect_err("no MAC").contains("MAC"));
    }
}
