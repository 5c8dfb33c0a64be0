//! The tunnel's header: of which network a packet is, and who sent it.
//!
//! Geneve has an option of ours for the identity, 32 bits, and the network as its VNI. VXLAN has room for 24 bits, and its extension for
//! group policy cannot be had in Open vSwitch's userspace datapath; so the VNI carries both, the network above 16 bits of identity
//! (controllers give no larger numbers then). A network whose number needs more than 8 bits does not go through such a tunnel.

use crate::flow::Draft;
use crate::object::Encapsulation;
use crate::register as reg;
use api::node::IDENTITY_REMOTE_NODE;
use rust_openflow::Field;

/// Where the network begins in a VNI of VXLAN.
const NETWORK: u16 = 16;

/// The VNI of VXLAN: network, below 256, and identity, of 16 bits.
pub const fn vxlan(network: u32, identity: u32) -> u32 {
    network << NETWORK | identity & 0xffff
}

/// Network and identity in a VNI of VXLAN.
pub const fn of_vxlan(vni: u32) -> (u32, u32) {
    (vni >> NETWORK, vni & 0xffff)
}

/// Who a packet that leaves is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// This host: another node, there.
    Host,
    /// Whoever the register names.
    Identity,
}

/// Takes what comes of a network, and who sent it; `None`: nothing of that network can come.
pub fn enters(draft: Draft, encapsulation: Encapsulation, network: u32) -> Option<Draft> {
    match encapsulation {
        Encapsulation::Geneve => {
            let draft = draft.test(Field::TunId, network.into());
            Some(draft.copy(Field::TunMetadata0.range(0, 31), reg::SOURCE_IDENTITY.bits()))
        }
        Encapsulation::Vxlan => (network < 256).then(|| {
            let draft = draft.test_masked(Field::TunId, vxlan(network, 0).into(), 0xff_0000);
            draft.copy(Field::TunId.range(0, 15), reg::SOURCE_IDENTITY.field.range(0, 15))
        }),
    }
}

/// Writes network and sender.
pub fn leaves(draft: Draft, encapsulation: Encapsulation, sender: Sender) -> Draft {
    let remote = u128::from(IDENTITY_REMOTE_NODE);
    match encapsulation {
        Encapsulation::Geneve => {
            let draft = draft.copy(reg::NETWORK.bits(), Field::TunId.range(0, 23));
            match sender {
                Sender::Host => draft.write(Field::TunMetadata0, remote),
                Sender::Identity => draft.copy(reg::SOURCE_IDENTITY.bits(), Field::TunMetadata0.range(0, 31)),
            }
        }
        Encapsulation::Vxlan => {
            let draft = draft.test_masked(reg::NETWORK.field, 0, 0xff_ff00);
            let draft = match sender {
                Sender::Host => draft.write(Field::TunId, remote),
                Sender::Identity => draft.copy(reg::SOURCE_IDENTITY.field.range(0, 15), Field::TunId.range(0, 15)),
            };
            draft.copy(reg::NETWORK.field.range(0, 7), Field::TunId.range(NETWORK, NETWORK + 7))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vni_of_vxlan_says_network_and_identity() {
        for (network, identity) in [(1, 2), (255, 65_535), (7, 256)] {
            assert_eq!(of_vxlan(vxlan(network, identity)), (network, identity));
        }
        assert!(vxlan(255, 65_535) < 1 << 24);
    }
}
