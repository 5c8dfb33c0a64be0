//! Ports: what they are, how they change, what they count (OpenFlow 1.5.1 sections 7.2.1, 7.3.5.7, 7.4.3).

use crate::name::Name;
use crate::port::PortNo;

/// A port of the switch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortDesc {
    /// Its number.
    pub port: PortNo,
    /// Its Ethernet address.
    pub hw_addr: [u8; 6],
    /// Its name, at most 16 bytes (15 and a zero from Open vSwitch).
    pub name: Name,
    /// `OFPPC_*`: 1 down, 4 no receive, 32 no forward, 64 no packet-in.
    pub config: u32,
    /// `OFPPS_*`: 1 link down, 2 blocked, 4 live.
    pub state: u32,
    /// Speeds and features.
    pub ethernet: Option<PortEthernet>,
    /// Properties this crate does not know, whole and padded.
    pub opaque: Vec<Box<[u8]>>,
}

impl PortDesc {
    /// Whether its link is down.
    pub fn link_is_down(&self) -> bool {
        self.state & 1 != 0
    }
}

/// Features of an Ethernet port, each a bitmap of `OFPPF_*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PortEthernet {
    /// In use.
    pub current: u32,
    /// Told to the other side.
    pub advertised: u32,
    /// Possible.
    pub supported: u32,
    /// Told by the other side.
    pub peer: u32,
    /// Speed in kbit/s.
    pub current_speed: u32,
    /// Greatest speed in kbit/s.
    pub max_speed: u32,
}

/// A port has come, gone or changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortStatus {
    /// Which.
    pub reason: PortReason,
    /// The port.
    pub desc: PortDesc,
}

/// `OFPPR_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PortReason {
    /// It has come.
    Add = 0,
    /// It has gone.
    Delete = 1,
    /// It has changed.
    Modify = 2,
}

/// A change of a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortMod {
    /// Its number.
    pub port: PortNo,
    /// Its Ethernet address, as a check.
    pub hw_addr: [u8; 6],
    /// What the bits of `mask` become: `OFPPC_*`.
    pub config: u32,
    /// Which bits change.
    pub mask: u32,
    /// What it tells the other side, of `OFPPF_*`; `None` for no change.
    pub advertise: Option<u32>,
    /// Properties this crate does not know, whole and padded.
    pub opaque: Vec<Box<[u8]>>,
}

/// What a port has counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortStats {
    /// Its number.
    pub port: PortNo,
    /// Seconds since it came.
    pub duration_sec: u32,
    /// And nanoseconds.
    pub duration_nsec: u32,
    /// Packets received; all ones where the switch does not count, as in all counters.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets dropped in receiving.
    pub rx_dropped: u64,
    /// Packets dropped in sending.
    pub tx_dropped: u64,
    /// Errors in receiving.
    pub rx_errors: u64,
    /// Errors in sending.
    pub tx_errors: u64,
    /// Frame alignment errors, overruns, CRC errors, collisions.
    pub ethernet: Option<[u64; 4]>,
    /// Properties this crate does not know, whole and padded; Open vSwitch counts packets by size in one.
    pub opaque: Vec<Box<[u8]>>,
}
