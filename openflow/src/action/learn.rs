//! `learn`: a packet adds or changes a flow (`ovs-actions(7)`; `NXAST_LEARN`, `NXAST_LEARN2` of Open vSwitch).

use crate::field::Subfield;

/// The action `learn(...)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Learn {
    /// Seconds without packets after which the new flow goes, 0 never.
    pub idle_timeout: u16,
    /// Seconds after which the new flow goes, 0 never.
    pub hard_timeout: u16,
    /// Priority of the new flow.
    pub priority: u16,
    /// Cookie of the new flow.
    pub cookie: u64,
    /// `send_flow_rem`: tell when the new flow goes.
    pub send_flow_removed: bool,
    /// `delete_learned`: the new flows go with the flow that has this action.
    pub delete_learned: bool,
    /// Table of the new flow.
    pub table: u8,
    /// Idle timeout once a connection ends, as in `fin_timeout`; 0 for none.
    pub fin_idle_timeout: u16,
    /// Hard timeout once a connection ends.
    pub fin_hard_timeout: u16,
    /// How many flows this action may have added, 0 for any number.
    pub limit: u32,
    /// The bit that says whether the flow exists, for when the limit was reached.
    pub result_dst: Option<Subfield>,
    /// What the new flow matches and does.
    pub specs: Vec<LearnSpec>,
}

impl Default for Learn {
    fn default() -> Learn {
        Learn {
            idle_timeout: 0,
            hard_timeout: 0,
            priority: 0x8000,
            cookie: 0,
            send_flow_removed: false,
            delete_learned: false,
            table: 1,
            fin_idle_timeout: 0,
            fin_hard_timeout: 0,
            limit: 0,
            result_dst: None,
            specs: Vec::new(),
        }
    }
}

/// One part of the flow that is learned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LearnSpec {
    /// Where the bits come from.
    pub src: LearnSrc,
    /// What they are for.
    pub dst: LearnDst,
}

/// Where bits of a learned flow come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LearnSrc {
    /// The packet that is seen.
    Field(Subfield),
    /// A constant: how many bits, and their bytes, big endian, an even number of them.
    Const {
        /// How many bits.
        bits: u16,
        /// The value, `2 * ceil(bits / 16)` bytes.
        value: Vec<u8>,
    },
}

/// What bits of a learned flow are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LearnDst {
    /// The new flow matches them here.
    Match(Subfield),
    /// The new flow sets them here.
    Load(Subfield),
    /// The new flow outputs to the port they name.
    Output,
}

impl LearnSrc {
    /// A constant of up to 128 bits, padded with zeros above.
    pub fn constant(value: u128, bits: u16) -> LearnSrc {
        let length = usize::from(bits.div_ceil(16)) * 2;
        let bytes = value.to_be_bytes();
        let mut padded = vec![0; length.saturating_sub(16)];
        padded.extend_from_slice(&bytes[16 - length.min(16)..]);
        LearnSrc::Const { bits, value: padded }
    }

    /// How many bits there are.
    pub fn bits(&self) -> u16 {
        match self {
            LearnSrc::Field(subfield) => subfield.bits,
            LearnSrc::Const { bits, .. } => *bits,
        }
    }
}
