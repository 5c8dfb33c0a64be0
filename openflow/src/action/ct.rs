//! `ct` and `nat`: connection tracking (`ovs-actions(7)`; `NXAST_CT`, `NXAST_NAT` of Open vSwitch).

use super::Action;
use crate::field::{Field, Subfield};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The action `ct(...)`. The default tracks in zone 0 and goes on with the next action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ct {
    /// Whether the connection is committed.
    pub commit: bool,
    /// Whether an entry of the other direction is replaced; only with `commit`.
    pub force: bool,
    /// The zone.
    pub zone: Zone,
    /// The table where a clone of the packet, with its connection's state, goes on.
    pub table: Option<u8>,
    /// Address translation.
    pub nat: Option<Nat>,
    /// Actions on the connection's `ct_mark` and `ct_label` (set-field and move); only with `commit`.
    pub exec: Vec<Action>,
    /// The port of the application whose related connections are followed: 21 FTP, 69 TFTP, 0 none.
    pub alg: u16,
}

/// A zone, given or read from a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Zone {
    /// This zone.
    Const(u16),
    /// The zone whose number these 16 bits hold.
    Field(Subfield),
}

impl Default for Zone {
    fn default() -> Zone {
        Zone::Const(0)
    }
}

/// Address translation of a connection. The default applies what an earlier commit set up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Nat {
    /// Which side is translated.
    pub kind: NatKind,
    /// The same mapping after a restart of the machine.
    pub persistent: bool,
    /// The port from a hash; not with `random`.
    pub hash: bool,
    /// A random port; not with `hash`.
    pub random: bool,
    /// The addresses to choose from.
    pub addrs: Option<NatAddrs>,
    /// The ports to choose from, first and, of a range, last.
    pub ports: Option<(u16, Option<u16>)>,
}

/// Which side of a connection is translated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NatKind {
    /// As committed before.
    #[default]
    Existing,
    /// The source.
    Src,
    /// The destination.
    Dst,
}

/// Addresses to choose from: first and, of a range, last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NatAddrs {
    /// IPv4.
    V4(Ipv4Addr, Option<Ipv4Addr>),
    /// IPv6.
    V6(Ipv6Addr, Option<Ipv6Addr>),
}

impl From<IpAddr> for NatAddrs {
    fn from(address: IpAddr) -> NatAddrs {
        match address {
            IpAddr::V4(a) => NatAddrs::V4(a, None),
            IpAddr::V6(a) => NatAddrs::V6(a, None),
        }
    }
}

impl Nat {
    /// `nat`: as committed before.
    pub fn existing() -> Nat {
        Nat::default()
    }

    /// Translates the source to `address`.
    pub fn src(address: IpAddr) -> Nat {
        Nat { kind: NatKind::Src, addrs: Some(address.into()), ..Nat::default() }
    }

    /// Translates the destination to `address`.
    pub fn dst(address: IpAddr) -> Nat {
        Nat { kind: NatKind::Dst, addrs: Some(address.into()), ..Nat::default() }
    }

    /// With this port.
    pub fn port(mut self, port: u16) -> Nat {
        self.ports = Some((port, None));
        self
    }
}

impl Ct {
    /// Tracks in a zone.
    pub fn zone(zone: u16) -> Ct {
        Ct { zone: Zone::Const(zone), ..Ct::default() }
    }

    /// Tracks in the zone that a field holds.
    pub fn zone_from(zone: impl Into<Subfield>) -> Ct {
        Ct { zone: Zone::Field(zone.into()), ..Ct::default() }
    }

    /// Goes on in a table.
    pub fn table(mut self, table: u8) -> Ct {
        self.table = Some(table);
        self
    }

    /// Commits.
    pub fn commit(mut self) -> Ct {
        self.commit = true;
        self
    }

    /// Commits, replacing an entry of the other direction.
    pub fn force(mut self) -> Ct {
        (self.commit, self.force) = (true, true);
        self
    }

    /// Translates.
    pub fn nat(mut self, nat: Nat) -> Ct {
        self.nat = Some(nat);
        self
    }

    /// Runs one more action on the connection.
    pub fn exec(mut self, action: Action) -> Ct {
        self.exec.push(action);
        self
    }

    /// Sets all of `ct_mark` or `ct_label` of the connection.
    pub fn set(self, field: Field, value: u128) -> Ct {
        self.exec(Action::set(field, value))
    }
}
