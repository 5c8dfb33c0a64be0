//! `packets.yaml`: packets in few words.

use super::node::{self, GATEWAY_MAC, HOST_MAC, HOST_PORT, Node, STRAY_PORT, TUNNEL_PORT};
use anyhow::{Context, Result, bail};
use pipeline::simulate::text::STATES;
use pipeline::tables::ct_state::{mark, state};
use pipeline::{simulate, tunnel};
use rust_openflow::Field;
use serde::Deserialize;
use std::net::IpAddr;

/// A packet, and what becomes of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Packet {
    /// What it shows.
    pub what: String,
    /// Where it comes in: a pod by name, `host`, `tunnel`, `stray`.
    pub at: String,
    /// What it is: `tcp syn`, `tcp syn ack`, `tcp ack`, `tcp rst`, `udp`, `sctp`, `ping`, `pong`, `icmp TYPE`, `arp request`,
    /// `arp reply`, `solicitation`, `advertisement`, `ip PROTOCOL`, `ethernet TYPE`.
    pub kind: String,
    /// Source: address, or `address port`; of ARP the sender's address.
    #[serde(default)]
    pub from: String,
    /// Destination: address, or `address port`; of ARP the address asked for.
    #[serde(default)]
    pub to: String,
    /// Target of a solicitation or advertisement.
    #[serde(default)]
    pub target: String,
    /// Source MAC; the sender's own without it.
    #[serde(default)]
    pub mac: String,
    /// Destination MAC; the gateway's without it.
    #[serde(default)]
    pub to_mac: String,
    /// MAC that ARP or neighbour discovery names; as `mac` without it, `none` for none.
    #[serde(default)]
    pub named_mac: String,
    /// Of the tunnel: the node that sends.
    #[serde(default)]
    pub tunnel_from: String,
    /// Of the tunnel: the network.
    #[serde(default = "one")]
    pub vni: u32,
    /// Of the tunnel: the sender's identity.
    #[serde(default)]
    pub identity: u32,
    /// VLAN of the frame's tag.
    #[serde(default)]
    pub vlan: Option<u16>,
    /// Length of the frame in bytes.
    #[serde(default = "short")]
    pub length: u16,
    /// TTL or hop limit.
    #[serde(default)]
    pub ttl: Option<u8>,
    /// Whether its connection is marked as blocked, where the state is given.
    #[serde(default)]
    pub blocked: bool,
    /// State of its connection, where the model cannot know it: `rel`, `inv`, `est rpl`, ...
    #[serde(default)]
    pub state: String,
    /// Which bucket a group chooses, from 0; by hash where nothing is said.
    #[serde(default)]
    pub choose: Option<usize>,
    /// What becomes of it, as [`super::verdict`] says.
    pub expect: String,
}

fn one() -> u32 {
    1
}

fn short() -> u16 {
    100
}

impl Packet {
    /// The state of its connection, where it is given.
    ///
    /// # Errors
    /// When a word of it is no state.
    pub fn state(&self) -> Result<Option<u128>> {
        let bit = |word: &str| {
            let known = STATES.iter().find(|(name, _)| *name == word);
            known.map(|(_, bit)| *bit).with_context(|| format!("{word} is no state"))
        };
        let bits = self.state.split_whitespace().try_fold(state::TRACKED, |bits, word| Ok(bits | bit(word)?));
        if self.state.is_empty() { Ok(None) } else { bits.map(Some) }
    }

    /// The packet as it comes in.
    ///
    /// # Errors
    /// When its words make no packet.
    pub fn build(&self, node: &Node) -> Result<simulate::Packet> {
        let mac = self.source_mac(node)?;
        let packet = self.port(node)?.length(self.length).with(Field::EthSrc, number(&mac));
        let packet = packet.with(Field::CtMark, if self.blocked { mark::BLOCKED } else { 0 });
        let tag = self.vlan.map_or(0, |vlan| 0x1000 | u128::from(vlan));
        let packet = packet.with(Field::VlanVid, tag);
        let to_mac = if self.to_mac.is_empty() { GATEWAY_MAC } else { &self.to_mac };
        let packet = packet.with(Field::EthDst, number(to_mac));
        let named = match self.named_mac.as_str() {
            "" => number(&mac),
            "none" => 0,
            other => number(other),
        };
        let words: Vec<&str> = self.kind.split_whitespace().collect();
        match words.as_slice() {
            ["arp", operation] => self.arp(packet, operation, named),
            ["ethernet", kind] => Ok(packet.with(Field::EthType, hex(kind)?)),
            _ => self.ip(packet, &words, named),
        }
        .with_context(|| self.what.clone())
    }

    fn source_mac(&self, node: &Node) -> Result<String> {
        Ok(match (self.mac.as_str(), self.at.as_str()) {
            ("", "host") => HOST_MAC.to_owned(),
            ("", "tunnel" | "stray") => "02:00:00:00:00:99".to_owned(),
            ("", pod) => node.pod(pod)?.mac.clone(),
            (mac, _) => mac.to_owned(),
        })
    }

    fn port(&self, node: &Node) -> Result<simulate::Packet> {
        let packet = simulate::Packet::new();
        let port = match self.at.as_str() {
            "host" => HOST_PORT,
            "stray" => STRAY_PORT,
            "tunnel" => {
                let own = node.addresses.first().context("a node with an address")?;
                let ends = [
                    (self.tunnel_from.as_str(), Field::TunSrc, Field::TunIpv6Src),
                    (own, Field::TunDst, Field::TunIpv6Dst),
                ];
                let packet = ends.into_iter().try_fold(packet, |packet, (text, v4, v6)| {
                    let end: IpAddr = text.parse().with_context(|| format!("{text:?} ends no tunnel"))?;
                    anyhow::Ok(with_address(packet, end, v4, v6))
                })?;
                let packet = if node.encapsulation == "vxlan" {
                    packet.with(Field::TunId, tunnel::vxlan(self.vni, self.identity).into())
                } else {
                    packet.with(Field::TunId, self.vni.into()).with(Field::TunMetadata0, self.identity.into())
                };
                return Ok(packet.with(Field::InPort, TUNNEL_PORT.into()));
            }
            pod => node.pod(pod)?.port.context("a pod with a port")?,
        };
        Ok(packet.with(Field::InPort, port.into()))
    }

    fn arp(&self, packet: simulate::Packet, operation: &str, named: u128) -> Result<simulate::Packet> {
        let operation = match operation {
            "request" => 1,
            "reply" => 2,
            other => bail!("{other} is no ARP operation"),
        };
        let packet = packet.with(Field::EthType, 0x0806).with(Field::ArpOp, operation).with(Field::ArpSha, named);
        let address = |text: &str| anyhow::Ok(u128::from(text.parse::<std::net::Ipv4Addr>()?.to_bits()));
        Ok(packet.with(Field::ArpSpa, address(&self.from)?).with(Field::ArpTpa, address(&self.to)?))
    }

    fn ip(&self, packet: simulate::Packet, words: &[&str], named: u128) -> Result<simulate::Packet> {
        let ((from, source), (to, destination)) = (end(&self.from)?, end(&self.to)?);
        let v6 = from.is_ipv6();
        let packet = with_address(packet, from, Field::Ipv4Src, Field::Ipv6Src);
        let packet = with_address(packet, to, Field::Ipv4Dst, Field::Ipv6Dst);
        let packet = packet.with(Field::EthType, if v6 { 0x86dd } else { 0x0800 });
        let neighbour = words[0] == "solicitation" || words[0] == "advertisement";
        let usual = if neighbour { 255 } else { 64 };
        let packet = packet.with(Field::IpTtl, self.ttl.unwrap_or(usual).into());
        let ports = |packet: simulate::Packet, protocol, a, b| {
            packet.with(Field::IpProto, protocol).with(a, source.into()).with(b, destination.into())
        };
        let icmp = |packet: simulate::Packet, kind| match v6 {
            true => packet.with(Field::IpProto, 58).with(Field::Icmpv6Type, kind),
            false => packet.with(Field::IpProto, 1).with(Field::Icmpv4Type, kind),
        };
        let target = || anyhow::Ok(self.target.parse::<std::net::Ipv6Addr>().context("target")?.to_bits());
        Ok(match words {
            ["tcp", flags @ ..] => {
                let flags = flags.iter().try_fold(0, |all, flag| Ok::<_, anyhow::Error>(all | tcp_flag(flag)?))?;
                ports(packet, 6, Field::TcpSrc, Field::TcpDst).with(Field::TcpFlags, flags)
            }
            ["udp"] => ports(packet, 17, Field::UdpSrc, Field::UdpDst),
            ["sctp"] => ports(packet, 132, Field::SctpSrc, Field::SctpDst),
            ["ping"] => icmp(packet, if v6 { 128 } else { 8 }),
            ["pong"] => icmp(packet, if v6 { 129 } else { 0 }),
            ["icmp", kind] => icmp(packet, kind.parse()?),
            ["ip", protocol] => packet.with(Field::IpProto, protocol.parse()?),
            ["solicitation"] => icmp(packet, 135).with(Field::NdTarget, target()?).with(Field::NdSll, named),
            ["advertisement"] => icmp(packet, 136).with(Field::NdTarget, target()?).with(Field::NdTll, named),
            other => bail!("{other:?} is no packet"),
        })
    }
}

fn tcp_flag(word: &str) -> Result<u128> {
    Ok(match word {
        "syn" => 0x02,
        "rst" => 0x04,
        "ack" => 0x10,
        other => bail!("{other} is no TCP flag"),
    })
}

fn end(text: &str) -> Result<(IpAddr, u16)> {
    let (address, port) = text.split_once(' ').unwrap_or((text, "0"));
    Ok((address.parse().with_context(|| format!("{address:?} is no address"))?, port.parse()?))
}

fn with_address(packet: simulate::Packet, address: IpAddr, v4: Field, v6: Field) -> simulate::Packet {
    match address {
        IpAddr::V4(a) => packet.with(v4, a.to_bits().into()),
        IpAddr::V6(a) => packet.with(v6, a.to_bits()),
    }
}

fn hex(text: &str) -> Result<u128> {
    u128::from_str_radix(text.trim_start_matches("0x"), 16).with_context(|| format!("{text} is no number"))
}

/// A MAC address as the number that a field holds.
fn number(mac: &str) -> u128 {
    node::bytes(mac).iter().fold(0, |n, &byte| n << 8 | u128::from(byte))
}
