//! What only the agent knows: numbers that the switch gave, and facts of the machine.

use std::collections::BTreeMap;

/// Facts of this machine that the flows need beside the objects of the controller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Local {
    /// OpenFlow port of each plugged pod, by the key of its object (`pod/NAMESPACE/NAME`).
    pub ports: BTreeMap<String, u32>,
    /// The node's own door to the pods, `weft0`; `None` until it exists.
    pub gateway: Option<Gateway>,
    /// OpenFlow port of the tunnel `weft-tun`; `None` until it exists.
    pub tunnel: Option<u32>,
    /// MTU of pod interfaces in bytes, so that a packet of that length fits the tunnel; 0 while not known: nothing is measured.
    pub mtu: u16,
}

/// The port `weft0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gateway {
    /// Its OpenFlow port.
    pub port: u32,
    /// Its MAC address.
    pub mac: [u8; 6],
}
