//! Links: reading, pairs of virtual Ethernet devices, changes.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};

use super::{Netlink, is_absent};
use crate::mac::Mac;

/// A network device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    /// Index in its namespace.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Administrative state.
    pub up: bool,
    /// Hardware address, where it is an Ethernet device.
    pub mac: Option<Mac>,
    /// Bytes.
    pub mtu: u32,
    /// Text of `ip link set alias`.
    pub alias: String,
    /// Number of `ip link set group`.
    pub group: u32,
}

/// A pair of virtual Ethernet devices, one end of it in another namespace from the start.
#[derive(Debug)]
pub struct Pair<'a> {
    /// Name of the end in this namespace.
    pub name: &'a str,
    /// Alias of the end in this namespace; set right after it was made.
    pub alias: &'a str,
    /// Group of the end in this namespace; it has it from the first moment.
    pub group: u32,
    /// Name of the end in the other namespace.
    pub peer_name: &'a str,
    /// MAC of the end in the other namespace.
    pub peer_mac: Mac,
    /// The other namespace.
    pub peer_netns: &'a File,
    /// Bytes, of both ends.
    pub mtu: u32,
}

/// One thing to change on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkChange {
    /// Administrative state up.
    Up,
    /// Bytes.
    Mtu(u32),
}

impl Netlink {
    /// Every link of the namespace.
    pub fn links(&mut self) -> io::Result<Vec<Link>> {
        let answers = self.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()))?;
        Ok(answers.into_iter().filter_map(read).collect())
    }

    /// The link of a name.
    pub fn link(&mut self, name: &str) -> io::Result<Option<Link>> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        match self.get(RouteNetlinkMessage::GetLink(message)) {
            Ok(answers) => Ok(answers.into_iter().find_map(read)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates a pair; fails if either name is taken.
    pub fn create_pair(&mut self, pair: &Pair<'_>) -> io::Result<()> {
        let mut peer = LinkMessage::default();
        peer.attributes = vec![
            LinkAttribute::IfName(pair.peer_name.to_owned()),
            LinkAttribute::Address(pair.peer_mac.bytes().to_vec()),
            LinkAttribute::Mtu(pair.mtu),
            LinkAttribute::NetNsFd(pair.peer_netns.as_raw_fd()),
        ];
        let mut message = LinkMessage::default();
        message.attributes = vec![
            LinkAttribute::IfName(pair.name.to_owned()),
            LinkAttribute::Mtu(pair.mtu),
            LinkAttribute::Group(pair.group),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Veth),
                LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
            ]),
        ];
        self.change(RouteNetlinkMessage::NewLink(message), NLM_F_CREATE | NLM_F_EXCL)?;
        // The kernel takes no alias at creation.
        let mut message = LinkMessage::default();
        message.attributes =
            vec![LinkAttribute::IfName(pair.name.to_owned()), LinkAttribute::IfAlias(pair.alias.to_owned())];
        self.change(RouteNetlinkMessage::SetLink(message), 0)
    }

    /// Changes a link.
    pub fn change_link(&mut self, index: u32, changes: &[LinkChange]) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        for change in changes {
            match change {
                LinkChange::Up => {
                    message.header.flags |= LinkFlags::Up;
                    message.header.change_mask |= LinkFlags::Up;
                }
                LinkChange::Mtu(bytes) => message.attributes.push(LinkAttribute::Mtu(*bytes)),
            }
        }
        self.change(RouteNetlinkMessage::SetLink(message), 0)
    }

    /// Deletes a link, with its peer; one that is gone is no error.
    pub fn delete_link(&mut self, name: &str) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        match self.change(RouteNetlinkMessage::DelLink(message), 0) {
            Err(error) if is_absent(&error) => Ok(()),
            other => other,
        }
    }
}

fn read(message: RouteNetlinkMessage) -> Option<Link> {
    let RouteNetlinkMessage::NewLink(message) = message else { return None };
    let up = message.header.flags.contains(LinkFlags::Up);
    let mut link = Link { index: message.header.index, up, ..Link::default() };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Address(bytes) => link.mac = Mac::try_from(bytes.as_slice()).ok(),
            LinkAttribute::Mtu(bytes) => link.mtu = bytes,
            LinkAttribute::IfAlias(alias) => link.alias = alias,
            LinkAttribute::Group(group) => link.group = group,
            _ => {}
        }
    }
    Some(link)
}
