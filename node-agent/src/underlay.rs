//! The network between nodes, as far as pods feel it: how long their packets may be.

use std::io;
use std::net::IpAddr;

use api::node::Encapsulation;

use crate::netlink::Link;
use crate::uplink::{self, BRIDGE};

/// What is known of the device that carries the tunnels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Underlay {
    /// Its name: the uplink itself, or the bridge that took it.
    pub device: String,
    /// Bytes.
    pub mtu: u32,
}

/// Finds the device: the one that was named, or the one that has the tunnel's address.
pub fn find(tunnel: IpAddr, named: Option<&str>) -> io::Result<Underlay> {
    let holder = uplink::device_of(tunnel)?;
    let link: Option<Link> = match (holder, named) {
        (Some(link), _) if link.name == BRIDGE => Some(link),
        (_, Some(name)) => crate::netlink::Netlink::open()?.link(name)?,
        (holder, None) => holder,
    };
    let link = link.ok_or_else(|| {
        let what = named
            .map_or(format!("no device has the node's address {tunnel}"), |name| format!("there is no device {name}"));
        io::Error::new(io::ErrorKind::NotFound, what)
    })?;
    Ok(Underlay { device: link.name, mtu: link.mtu })
}

/// Bytes that the tunnel puts around a pod's packet: outer IP, UDP, tunnel header, inner Ethernet, and with Geneve the option
/// that carries the identity (RFC 8926 section 3.4, RFC 7348 section 5).
pub fn overhead(encapsulation: Encapsulation, tunnel: IpAddr) -> u32 {
    let ip = if tunnel.is_ipv4() { 20 } else { 40 };
    let option = if encapsulation == Encapsulation::Vxlan { 0 } else { 8 };
    ip + 8 + 8 + option + 14
}

/// MTU of pods: what was configured, else what the underlay leaves; IPv6 needs 1280 in any case (RFC 8200 section 5).
pub fn pod_mtu(configured: u32, underlay: u32, overhead: u32) -> u32 {
    if configured != 0 { configured } else { underlay.saturating_sub(overhead).clamp(1280, 65_535) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pods_packet_in_a_tunnel_fills_the_underlay() {
        let check = |encapsulation, tunnel: &str, expect| {
            let tunnel = tunnel.parse().expect("an address");
            assert_eq!(pod_mtu(0, 1500, overhead(encapsulation, tunnel)), expect);
        };
        check(Encapsulation::Geneve, "192.0.2.1", 1442);
        check(Encapsulation::Geneve, "2001:db8::1", 1422);
        check(Encapsulation::Vxlan, "192.0.2.1", 1450);
        check(Encapsulation::Vxlan, "2001:db8::1", 1430);
        assert_eq!(pod_mtu(1400, 1500, 58), 1400);
        assert_eq!(pod_mtu(0, 1300, 58), 1280);
    }
}
