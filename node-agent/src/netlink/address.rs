//! Addresses of links.

use std::io;
use std::net::IpAddr;

use ipnetwork::IpNetwork;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{Netlink, is_absent};

/// An address of a link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The link's index.
    pub link: u32,
    /// The address with its prefix length.
    pub address: IpNetwork,
    /// Valid on the link only (fe80::/10, 169.254.0.0/16).
    pub link_local: bool,
}

impl Netlink {
    /// Every address of the namespace.
    pub fn addresses(&mut self) -> io::Result<Vec<Address>> {
        let answers = self.dump(RouteNetlinkMessage::GetAddress(AddressMessage::default()))?;
        Ok(answers.into_iter().filter_map(read).collect())
    }

    /// Gives a link an address, usable at once: duplicates are ruled out by allocation, not by asking the wire.
    pub fn add_address(&mut self, link: u32, address: IpNetwork) -> io::Result<()> {
        let message = message(link, address);
        self.change(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Takes an address from a link; one that is gone is no error.
    pub fn delete_address(&mut self, link: u32, address: IpNetwork) -> io::Result<()> {
        match self.change(RouteNetlinkMessage::DelAddress(message(link, address)), 0) {
            Err(error) if is_absent(&error) => Ok(()),
            other => other,
        }
    }
}

fn message(link: u32, address: IpNetwork) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = link;
    message.header.prefix_len = address.prefix();
    message.header.family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.attributes.push(AddressAttribute::Address(address.ip()));
    match address.ip() {
        IpAddr::V4(_) => message.attributes.push(AddressAttribute::Local(address.ip())),
        IpAddr::V6(_) => message.header.flags = AddressHeaderFlags::Nodad,
    }
    message
}

fn read(message: RouteNetlinkMessage) -> Option<Address> {
    let RouteNetlinkMessage::NewAddress(message) = message else { return None };
    let mut found = None;
    for attribute in &message.attributes {
        match attribute {
            // With a point-to-point peer, "address" is the peer and "local" is ours.
            AddressAttribute::Local(address) => found = Some(*address),
            AddressAttribute::Address(address) => found = found.or(Some(*address)),
            _ => {}
        }
    }
    Some(Address {
        link: message.header.index,
        address: IpNetwork::new(found?, message.header.prefix_len).ok()?,
        link_local: message.header.scope == AddressScope::Link,
    })
}
