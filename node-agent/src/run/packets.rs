//! Packets that the flows hand to the agent.

use std::net::IpAddr;

use api::node::Config;
use ipnetwork::IpNetwork;
use pipeline::Punt;
use tracing::debug;

use super::Agent;
use crate::icmp::{self, Trouble};
use crate::openflow::PuntedPacket;
use crate::refusal;

impl Agent {
    pub(super) fn on_packet(&mut self, packet: &PuntedPacket) {
        match Punt::parse(&packet.userdata) {
            Some(Punt::Oversized { mtu }) => self.answer_oversized(packet, mtu),
            Some(Punt::Reject) => self.refuse(packet),
            Some(Punt::Dropped) => self.on_dropped(packet),
            None => debug!(port = packet.port, "a packet of no known reason"),
        }
    }

    /// Refuses who asks for a service without endpoints, by the way it came.
    fn refuse(&mut self, packet: &PuntedPacket) {
        let Some(frame) = refusal::refuse(&packet.packet) else { return };
        let Some(handle) = self.flows.handle.clone() else { return };
        self.metrics.refused.inc();
        let (port, tunnel) = (packet.port, packet.tunnel);
        let encapsulation = self.state.config().map(Config::encapsulation).unwrap_or_default();
        tokio::spawn(async move {
            match tunnel {
                Some(end) => handle.tunnel_out(frame, end, port, encapsulation).await,
                None => handle.packet_out(frame, port).await,
            }
        });
    }

    /// Tells the sender how long its packets may be.
    fn answer_oversized(&mut self, packet: &PuntedPacket, mtu: u16) {
        let Some(sender) = icmp::sender(&packet.packet) else { return };
        let Some(router) = self.router_for(sender) else { return };
        let Some(frame) = icmp::error(&packet.packet, router, Trouble::TooBig(mtu)) else { return };
        let Some(handle) = self.flows.handle.clone() else { return };
        debug!(port = packet.port, %sender, mtu, "a packet does not fit the tunnel: its sender is told");
        self.metrics.oversized.inc();
        let port = packet.port;
        tokio::spawn(async move { handle.packet_out(frame, port).await });
    }

    /// In whose name a sender is told: the gateway of its subnet; for the host, the gateway of any subnet of the family.
    fn router_for(&self, sender: IpAddr) -> Option<IpAddr> {
        let mut other = None;
        for subnet in self.state.subnets() {
            for (cidr, gateway) in subnet.cidrs.iter().zip(&subnet.gateways) {
                let (Ok(cidr), Ok(gateway)) = (cidr.parse::<IpNetwork>(), gateway.parse::<IpAddr>()) else { continue };
                if cidr.contains(sender) {
                    return Some(gateway);
                }
                if gateway.is_ipv4() == sender.is_ipv4() {
                    other = other.or(Some(gateway));
                }
            }
        }
        other
    }
}
