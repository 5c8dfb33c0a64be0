//! Packets that the flows hand to the agent, and how the agent knows why.

use rust_openflow::action::Controller;
use rust_openflow::{Meter, MeterBand, MeterBandKind, MeterFlags};

/// The meter that packets pass which do not fit the tunnel.
pub const OVERSIZED_METER: u32 = 1;

/// The meter that samples of dropped packets pass.
pub const SAMPLE_METER: u32 = 2;

/// The meter that packets pass which are to be refused: a Service without endpoints that many ask for takes nothing from path MTU
/// discovery.
pub const REJECT_METER: u32 = 3;

/// Packets a second, of each of these, that may go to the agent to be answered.
pub const RATE: u32 = 100;

/// Dropped packets a second that the agent may see: enough for people, and next to nothing for a core.
pub const SAMPLE_RATE: u32 = 100;

/// Bytes of a dropped packet that the agent gets: its headers, with some extensions.
const SAMPLED: u16 = 128;

/// Bytes of a packet that the agent gets: enough to quote it in an ICMP error (RFC 4443 section 2.4: up to 1280 bytes).
const QUOTED: u16 = 1294;

const OVERSIZED: u8 = 1;
const REJECT: u8 = 2;
const DROPPED: u8 = 3;

/// Why a packet was handed to the agent; travels as userdata of the packet-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Punt {
    /// It does not fit the tunnel, whose packets may be `mtu` bytes long: tell the sender (ICMP fragmentation needed,
    /// ICMPv6 packet too big), by the port it came in at.
    Oversized {
        /// MTU in bytes, without Ethernet header.
        mtu: u16,
    },
    /// It asks for a service that has no endpoint: refuse it (TCP reset, ICMP port unreachable), in the name of the address
    /// that it asks, by the port it came in at.
    Reject,
    /// A flow refused it; which one, the cookie in the packet-in tells. Nothing has to be done.
    Dropped,
}

impl Punt {
    /// The userdata.
    pub fn userdata(self) -> Vec<u8> {
        match self {
            Punt::Oversized { mtu } => [&[OVERSIZED][..], &mtu.to_be_bytes()].concat(),
            Punt::Reject => vec![REJECT],
            Punt::Dropped => vec![DROPPED],
        }
    }

    /// What userdata says; `None` when it is not ours.
    pub fn parse(userdata: &[u8]) -> Option<Punt> {
        match *userdata {
            [OVERSIZED, high, low] => Some(Punt::Oversized { mtu: u16::from_be_bytes([high, low]) }),
            [REJECT] => Some(Punt::Reject),
            [DROPPED] => Some(Punt::Dropped),
            _ => None,
        }
    }
}

/// The action that hands an oversized packet over.
pub(crate) fn oversized(mtu: u16) -> Controller {
    Controller { max_len: QUOTED, userdata: Punt::Oversized { mtu }.userdata(), ..Controller::default() }
}

/// The action that hands over a packet to be refused.
pub(crate) fn reject() -> Controller {
    Controller { max_len: QUOTED, userdata: Punt::Reject.userdata(), ..Controller::default() }
}

/// The action that shows the agent a packet that is refused. The meter is the action's own: what is over its rate is not
/// shown, and all goes on as it would without.
pub(crate) fn sample() -> Controller {
    Controller {
        max_len: SAMPLED,
        userdata: Punt::Dropped.userdata(),
        meter: Some(SAMPLE_METER),
        ..Controller::default()
    }
}

/// The meters that the flows use; they have to exist before the flows.
pub fn meters() -> Vec<Meter> {
    let meter = |id, rate| {
        let band = MeterBand { kind: MeterBandKind::Drop, rate, burst: rate };
        Meter { id, flags: MeterFlags::PKTPS.and(MeterFlags::BURST), bands: vec![band] }
    };
    vec![meter(OVERSIZED_METER, RATE), meter(SAMPLE_METER, SAMPLE_RATE), meter(REJECT_METER, RATE)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_reads_back_from_its_userdata() {
        let punt = Punt::Oversized { mtu: 1450 };
        assert_eq!(punt.userdata(), [1, 5, 170]);
        assert_eq!(Punt::parse(&punt.userdata()), Some(punt));
        assert_eq!(Punt::parse(&Punt::Reject.userdata()), Some(Punt::Reject));
        assert_eq!(Punt::parse(&Punt::Dropped.userdata()), Some(Punt::Dropped));
        assert_eq!(Punt::parse(&[]), None);
        assert_eq!(Punt::parse(&[1, 5]), None);
        assert_eq!(Punt::parse(&[9, 5, 170]), None);
    }
}
