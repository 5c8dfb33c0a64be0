//! The kernel's tables below /proc/net, read as text: sockets and routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};

/// State of a TCP socket that listens.
const LISTEN: &str = "0A";

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub to: IpNetwork,
    /// By which device.
    pub device: String,
}

/// Local ports in /proc/net/udp, or of listening sockets in /proc/net/tcp (either family).
pub fn ports(table: &str, only_listening: bool) -> Vec<u16> {
    // sl  local_address rem_address   st ...: "0: 0100007F:1F90 00000000:0000 0A"
    let port = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_wanted = !only_listening || words.get(3) == Some(&LISTEN);
        let port = words.get(1)?.rsplit_once(':')?.1;
        u16::from_str_radix(port, 16).ok().filter(|_| is_wanted)
    };
    table.lines().skip(1).filter_map(port).collect()
}

/// /proc/net/route: addresses in the byte order of the machine.
pub fn routes(table: &str) -> Vec<Route> {
    let route = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let address = |index: usize| {
            let number = u32::from_str_radix(words.get(index)?, 16).ok()?;
            Some(Ipv4Addr::from(number.to_ne_bytes()))
        };
        let to = Ipv4Network::with_netmask(address(1)?, address(7)?).ok()?;
        Some(Route { to: to.into(), device: (*words.first()?).to_owned() })
    };
    table.lines().skip(1).filter_map(route).collect()
}

/// /proc/net/ipv6_route: "DESTINATION LENGTH SOURCE LENGTH NEXT METRIC REF USE FLAGS DEVICE".
pub fn routes6(table: &str) -> Vec<Route> {
    let route = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let address = Ipv6Addr::from(u128::from_str_radix(words.first()?, 16).ok()?);
        let length = u8::from_str_radix(words.get(1)?, 16).ok()?;
        let to = Ipv6Network::new(address, length).ok()?;
        Some(Route { to: to.into(), device: (*words.get(9)?).to_owned() })
    };
    table.lines().filter_map(route).collect()
}

/// Whether two ranges have an address in common.
pub fn overlap(one: IpNetwork, other: IpNetwork) -> bool {
    let has = |range: IpNetwork, address: IpAddr| range.contains(address);
    has(one, other.network()) || has(other, one.network())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_read() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
                     0: 0100007F:1F90 00000000:0000 0A 0\n   1: 0100007F:17C1 0100007F:1F90 01 0\n";
        assert_eq!(ports(table, true), [0x1f90]);
        assert_eq!(ports(table, false), [0x1f90, 6081]);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn routes_are_read() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n\
                     eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\neth0\t00000A0A\t00000000\t0001\t0\t0\t0\t0000FFFF\n";
        let routes = routes(table);
        assert_eq!(routes[0].to.to_string(), "0.0.0.0/0");
        assert_eq!(routes[1], Route { to: "10.10.0.0/16".parse().expect("a range"), device: "eth0".to_owned() });
        let table = "fd000010000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 1 0 00000001     eth0\n";
        assert_eq!(routes6(table)[0].to.to_string(), "fd00:10::/64");
    }

    #[test]
    fn ranges_overlap_where_one_holds_the_other() {
        let check = |one: &str, other: &str| overlap(one.parse().expect("a range"), other.parse().expect("a range"));
        assert!(check("10.10.0.0/16", "10.10.3.0/24") && check("10.10.3.0/24", "10.10.0.0/16"));
        assert!(!check("10.10.0.0/16", "10.11.0.0/16") && !check("10.10.0.0/16", "fd00::/8"));
    }
}
