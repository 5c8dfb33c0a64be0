//! The packet that opens a connection, as the pod sends it.

use std::net::IpAddr;

use pipeline::simulate::Packet;
use rust_openflow::Field;

/// What opens a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TCP: a SYN.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// An echo request.
    Icmp,
}

/// The port from which it is sent, of those that a kernel chooses.
const SOURCE_PORT: u128 = 49152;
const SYN: u128 = 2;
const TTL: u128 = 64;
/// Bytes of a frame with nothing but headers.
const LENGTH: u16 = 74;

/// Who sends to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The pod's address.
    pub from: IpAddr,
    /// To which.
    pub to: IpAddr,
    /// Of what.
    pub protocol: Protocol,
    /// Destination port.
    pub port: u16,
}

impl Protocol {
    /// Reads its name.
    pub fn parse(text: &str) -> Result<Protocol, String> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Ok(Protocol::Tcp),
            "udp" => Ok(Protocol::Udp),
            "sctp" => Ok(Protocol::Sctp),
            "icmp" | "ping" => Ok(Protocol::Icmp),
            _ => Err("write tcp, udp, sctp or icmp".to_owned()),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Sctp => "SCTP",
            Protocol::Icmp => "ICMP",
        }
    }
}

impl Ends {
    /// The packet, without the frame around it.
    pub fn packet(&self) -> Packet {
        let packet = Packet::new().length(LENGTH).with(Field::IpTtl, TTL);
        let packet = match (self.from, self.to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let packet = packet.with(Field::EthType, 0x0800);
                packet.with(Field::Ipv4Src, u32::from(from).into()).with(Field::Ipv4Dst, u32::from(to).into())
            }
            (from, to) => {
                let number = |address: IpAddr| match address {
                    IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
                    IpAddr::V6(v6) => u128::from(v6),
                };
                let packet = packet.with(Field::EthType, 0x86dd);
                packet.with(Field::Ipv6Src, number(from)).with(Field::Ipv6Dst, number(to))
            }
        };
        self.payload(packet)
    }

    fn payload(&self, packet: Packet) -> Packet {
        let ports = |number, source, destination| {
            let packet = packet.clone().with(Field::IpProto, number).with(source, SOURCE_PORT);
            packet.with(destination, self.port.into())
        };
        match self.protocol {
            Protocol::Tcp => ports(6, Field::TcpSrc, Field::TcpDst).with(Field::TcpFlags, SYN),
            Protocol::Udp => ports(17, Field::UdpSrc, Field::UdpDst),
            Protocol::Sctp => ports(132, Field::SctpSrc, Field::SctpDst),
            Protocol::Icmp if self.to.is_ipv4() => packet.with(Field::IpProto, 1).with(Field::Icmpv4Type, 8),
            Protocol::Icmp => packet.with(Field::IpProto, 58).with(Field::Icmpv6Type, 128),
        }
    }
}
