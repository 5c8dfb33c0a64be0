//! Port numbers.

use std::fmt;

/// A 32-bit OpenFlow port number (OpenFlow 1.5.1 section 7.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortNo(pub u32);

impl PortNo {
    /// The number beyond which ports are reserved ones.
    pub const MAX: PortNo = PortNo(0xffff_ff00);
    /// Not set in the action set (match on `actset_output` only).
    pub const UNSET: PortNo = PortNo(0xffff_fff7);
    /// The port a packet came in on.
    pub const IN_PORT: PortNo = PortNo(0xffff_fff8);
    /// Start of the flow tables (packet-out only).
    pub const TABLE: PortNo = PortNo(0xffff_fff9);
    /// Learning-switch forwarding of the switch itself.
    pub const NORMAL: PortNo = PortNo(0xffff_fffa);
    /// All ports of the VLAN but the one it came in on.
    pub const FLOOD: PortNo = PortNo(0xffff_fffb);
    /// All ports but the one it came in on.
    pub const ALL: PortNo = PortNo(0xffff_fffc);
    /// The controllers.
    pub const CONTROLLER: PortNo = PortNo(0xffff_fffd);
    /// The bridge's own port.
    pub const LOCAL: PortNo = PortNo(0xffff_fffe);
    /// No port, or any port, depending on the message.
    pub const ANY: PortNo = PortNo(0xffff_ffff);

    /// Reserved ports by the names of `ovs-ofctl`.
    const NAMES: [(PortNo, &'static str); 9] = [
        (PortNo::UNSET, "UNSET"),
        (PortNo::IN_PORT, "IN_PORT"),
        (PortNo::TABLE, "TABLE"),
        (PortNo::NORMAL, "NORMAL"),
        (PortNo::FLOOD, "FLOOD"),
        (PortNo::ALL, "ALL"),
        (PortNo::CONTROLLER, "CONTROLLER"),
        (PortNo::LOCAL, "LOCAL"),
        (PortNo::ANY, "ANY"),
    ];

    /// The name of a reserved port, as `ovs-ofctl` writes it.
    pub fn reserved_name(self) -> Option<&'static str> {
        PortNo::NAMES.iter().find(|(port, _)| *port == self).map(|(_, name)| *name)
    }

    /// The port with this number or reserved name, in either case of letters; also the 16-bit numbers of reserved ports.
    pub fn parse(text: &str) -> Option<PortNo> {
        if let Ok(number) = text.parse::<u32>() {
            return Some(PortNo(if (0xff00..=0xffff).contains(&number) { number | 0xffff_0000 } else { number }));
        }
        if text.eq_ignore_ascii_case("NONE") {
            return Some(PortNo::ANY);
        }
        PortNo::NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(port, _)| *port)
    }

    /// Whether a switch can have this port, or it is a reserved one: none is numbered from 0xff00 up to the reserved ones.
    pub(crate) fn is_possible(self) -> bool {
        self.0 < 0xff00 || self >= PortNo::MAX
    }

    /// The 16-bit form of Open vSwitch and OpenFlow 1.0; `None` for ports it cannot hold.
    pub fn to_u16(self) -> Option<u16> {
        match self.0 {
            0..0xff00 => Some(self.0 as u16),
            0xffff_ff00.. => Some(self.0 as u16),
            _ => None,
        }
    }

    /// The port of a 16-bit number.
    pub fn from_u16(number: u16) -> PortNo {
        PortNo(if number >= 0xff00 { u32::from(number) | 0xffff_0000 } else { number.into() })
    }
}

impl fmt::Display for PortNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reserved_name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}
