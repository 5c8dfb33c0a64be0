//! Pod ports: their names, and what their rows say of them. The rows are the agent's memory of what is plugged in: they are
//! there after a restart of the agent and after one of the machine.

use crate::cni::{Attachment, PodName};
use crate::mac::Mac;
use crate::switch::{Ids, WantPort};
use std::net::IpAddr;

/// Keys of `external_ids` on a pod's port and interface.
pub mod keys {
    /// The pod's namespace.
    pub const NAMESPACE: &str = "weft-pod-namespace";
    /// The pod's name.
    pub const NAME: &str = "weft-pod-name";
    /// The pod's UID.
    pub const UID: &str = "weft-pod-uid";
    /// The container of the runtime.
    pub const CONTAINER: &str = "weft-container-id";
    /// The interface's name inside.
    pub const IFNAME: &str = "weft-ifname";
    /// Addresses, with spaces between them.
    pub const ADDRESSES: &str = "weft-addresses";
    /// The MAC inside.
    pub const MAC: &str = "weft-mac";
    /// The path of the network namespace.
    pub const NETNS: &str = "weft-netns";
    /// Of all other rows: what the row is for.
    pub const ROLE: &str = "weft-role";
}

/// A pod's port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodPort {
    /// Name of the node's end, and of the port.
    pub port: String,
    /// Which interface of which container.
    pub attachment: Attachment,
    /// Whose.
    pub pod: PodName,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Its MAC.
    pub mac: Mac,
    /// Where its other end is.
    pub netns: String,
}

impl PodPort {
    /// The key of the pod's object.
    pub fn key(&self) -> String {
        api::node::Key::Pod { namespace: &self.pod.namespace, name: &self.pod.name }.to_string()
    }

    /// `shop/web-0`, for the log.
    pub fn pod_text(&self) -> String {
        format!("{}/{}", self.pod.namespace, self.pod.name)
    }

    /// The alias of the node's end.
    pub fn alias(&self) -> String {
        alias(&self.pod, &self.attachment)
    }

    /// The wanted row.
    pub fn want(&self) -> WantPort {
        let addresses: Vec<String> = self.addresses.iter().map(IpAddr::to_string).collect();
        let pairs = [
            (keys::NAMESPACE, self.pod.namespace.clone()),
            (keys::NAME, self.pod.name.clone()),
            (keys::UID, self.pod.uid.clone().unwrap_or_default()),
            (keys::CONTAINER, self.attachment.container_id.clone()),
            (keys::IFNAME, self.attachment.ifname.clone()),
            (keys::ADDRESSES, addresses.join(" ")),
            (keys::MAC, self.mac.to_string()),
            (keys::NETNS, self.netns.clone()),
        ];
        let external_ids = pairs.map(|(key, value)| (key.to_owned(), value)).into();
        WantPort { name: self.port.clone(), external_ids, ..WantPort::default() }
    }

    /// Reads a row back; `None` for a port that is no pod's.
    pub fn read(port: &str, ids: &Ids) -> Option<PodPort> {
        let text = |key: &str| ids.get(key).cloned();
        Some(PodPort {
            port: port.to_owned(),
            attachment: Attachment { container_id: text(keys::CONTAINER)?, ifname: text(keys::IFNAME)? },
            pod: PodName {
                namespace: text(keys::NAMESPACE)?,
                name: text(keys::NAME)?,
                uid: text(keys::UID).filter(|uid| !uid.is_empty()),
            },
            addresses: text(keys::ADDRESSES)?.split_whitespace().filter_map(|text| text.parse().ok()).collect(),
            mac: text(keys::MAC)?.parse().ok()?,
            netns: text(keys::NETNS).unwrap_or_default(),
        })
    }

    /// What the controller is told of it.
    pub fn report(&self) -> api::node::Port {
        api::node::Port {
            namespace: self.pod.namespace.clone(),
            name: self.pod.name.clone(),
            uid: self.pod.uid.clone().unwrap_or_default(),
            container_id: self.attachment.container_id.clone(),
            addresses: self.addresses.iter().map(IpAddr::to_string).collect(),
            identity: 0,
        }
    }
}

/// The alias of a pod's device.
pub fn alias(pod: &PodName, attachment: &Attachment) -> String {
    let Attachment { container_id, ifname } = attachment;
    format!("{}{}/{} {container_id} {ifname}", crate::wiring::ALIAS, pod.namespace, pod.name)
}

/// A name for a pod's port: readable, and different for every interface of every container. At most 15 characters, the
/// kernel's limit. `taken` says which names others have.
pub fn name(pod: &str, attachment: &Attachment, taken: impl Fn(&str) -> bool) -> String {
    let readable: String = pod.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(7).collect();
    let readable = readable.trim_end_matches('-');
    let Attachment { container_id, ifname } = attachment;
    let hashed = |salt: u32| crate::hash::fnv1a(&format!("{container_id}/{ifname}/{salt}")) & 0xfff_ffff;
    let names = (0..).map(|salt| format!("{readable}-{:07x}", hashed(salt)));
    names.into_iter().find(|name| !taken(name)).expect("there are more names than ports")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attachment(id: &str) -> Attachment {
        Attachment { container_id: id.into(), ifname: "eth0".into() }
    }

    #[test]
    fn a_name_is_readable_short_and_a_devices() {
        for pod in ["web-0", "a-very-long-name-of-a-pod", "x", "dots.in.name", "0-digits"] {
            let name = name(pod, &attachment("c0ffee"), |_| false);
            assert!(name.len() <= 15 && !name.contains("--") && !name.contains('.'), "{name}");
            assert_eq!(name, super::name(pod, &attachment("c0ffee"), |_| false), "the same again");
        }
        assert!(name("web-0", &attachment("c0ffee"), |_| false).starts_with("web-0-"));
    }

    #[test]
    fn a_name_that_is_taken_is_not_given_again() {
        let first = name("web-0", &attachment("a"), |_| false);
        let second = name("web-0", &attachment("a"), |name| name == first);
        assert_ne!(first, second);
        assert_ne!(first, name("web-0", &attachment("b"), |_| false));
    }

    #[test]
    fn a_port_reads_back_from_its_row() {
        let port = PodPort {
            port: "web-0-1234567".into(),
            attachment: attachment("c0ffee"),
            pod: PodName { namespace: "shop".into(), name: "web-0".into(), uid: Some("u-1".into()) },
            addresses: vec!["10.10.0.19".parse().expect("v4"), "fd00:10::13".parse().expect("v6")],
            mac: "0a:58:0a:0a:00:13".parse().expect("a MAC"),
            netns: "/run/netns/x".into(),
        };
        assert_eq!(PodPort::read(&port.port, &port.want().external_ids), Some(port.clone()));
        let bare = PodPort { pod: PodName { uid: None, ..port.pod.clone() }, ..port };
        assert_eq!(PodPort::read(&bare.port, &bare.want().external_ids), Some(bare));
        assert_eq!(PodPort::read("weft0", &Ids::from([(keys::ROLE.into(), "gateway".into())])), None);
    }
}
