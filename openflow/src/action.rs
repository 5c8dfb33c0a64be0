//! Actions: what happens to a packet (`ovs-actions(7)`).
//!
//! One enum; the larger actions have a struct of their own in a file of this folder. What this crate does not know is
//! [`Action::Opaque`] and goes back to the wire as it came.

mod controller;
mod ct;
mod encap;
mod learn;
mod multipath;
mod sample;
mod set_field;

pub use controller::Controller;
pub use ct::{Ct, Nat, NatAddrs, NatKind, Zone};
pub use encap::{Encap, EncapProperty};
pub use learn::{Learn, LearnDst, LearnSpec, LearnSrc};
pub use multipath::{Bundle, BundleAlgorithm, HashFields, Multipath, MultipathAlgorithm};
pub use sample::{Observation, Sample, SampleDirection};
pub use set_field::SetField;

use crate::field::{Field, Subfield};
use crate::port::PortNo;

/// One action.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// `output`: to a port; `max_len` bytes of it when the port is the controller (0xffff: all, unbuffered), else 0.
    Output {
        /// Where to.
        port: PortNo,
        /// How many bytes a controller gets.
        max_len: u16,
    },
    /// `output:FIELD`: to the port whose number a field holds.
    OutputReg {
        /// The bits that hold the number.
        source: Subfield,
        /// How many bytes a controller gets.
        max_len: u16,
    },
    /// `output(port=,max_len=)`: to a port, cut to `max_len` bytes.
    OutputTrunc {
        /// Where to.
        port: PortNo,
        /// Length to cut to.
        max_len: u32,
    },
    /// `group`.
    Group(u32),
    /// `controller(...)`: to a controller with reason, userdata, pause or meter.
    Controller(Box<Controller>),
    /// `set_field` with or without a mask; stands for `load` as well.
    SetField(SetField),
    /// `move`: copies bits; both runs have the same number of bits.
    Copy {
        /// From here.
        src: Subfield,
        /// To here.
        dst: Subfield,
    },
    /// `push_vlan`, with the Ethertype of the tag.
    PushVlan(u16),
    /// `pop_vlan`.
    PopVlan,
    /// `push_mpls`, with the Ethertype of the new header.
    PushMpls(u16),
    /// `pop_mpls`, with the Ethertype of what is left.
    PopMpls(u16),
    /// `set_mpls_ttl`.
    SetMplsTtl(u8),
    /// `dec_mpls_ttl`.
    DecMplsTtl,
    /// `mod_nw_ttl`.
    SetIpTtl(u8),
    /// `dec_ttl`.
    DecTtl,
    /// `dec_ttl(id,...)`: with the ids of the controllers to tell about expired packets.
    DecTtlTo(Vec<u16>),
    /// `set_queue`.
    SetQueue(u32),
    /// `pop_queue`.
    PopQueue,
    /// `set_tunnel` (32-bit form) and `set_tunnel64`; kept apart since they differ on the wire.
    SetTunnel {
        /// The tunnel id.
        id: u64,
        /// Whether in the 64-bit form.
        wide: bool,
    },
    /// `meter`.
    Meter(u32),
    /// `resubmit`: looks up again, in another table, with another input port, or with the tuple of the connection.
    Resubmit {
        /// `None`: with the input port it has.
        in_port: Option<PortNo>,
        /// `None`: in the current table.
        table: Option<u8>,
        /// Whether with the connection's original tuple in place of the packet's.
        ct: bool,
    },
    /// `ct`.
    Ct(Box<Ct>),
    /// `ct_clear`.
    CtClear,
    /// `nat`, as a nested action outside its place at the head of [`Ct`]; of no use but for reading back.
    Nat(Box<Nat>),
    /// `learn`.
    Learn(Box<Learn>),
    /// `conjunction`: this flow is one clause of several.
    Conjunction {
        /// The conjunction; matched as `conj_id`.
        id: u32,
        /// Which clause, from 0.
        clause: u8,
        /// How many clauses, 2 to 64.
        of: u8,
    },
    /// `clone`: runs actions on a copy.
    Clone(Vec<Action>),
    /// `check_pkt_larger`: writes one bit that says whether the packet is longer.
    CheckPktLarger {
        /// The length in bytes.
        length: u16,
        /// One bit.
        dst: Subfield,
    },
    /// `note`: bytes that mean nothing to the switch. On the wire their number is 6 more than a multiple of 8, padded with zeros.
    Note(Vec<u8>),
    /// `multipath`.
    Multipath(Box<Multipath>),
    /// `bundle` and `bundle_load`.
    Bundle(Box<Bundle>),
    /// `sample`.
    Sample(Box<Sample>),
    /// `push`: puts bits on the stack.
    StackPush(Subfield),
    /// `pop`: takes bits off the stack.
    StackPop(Subfield),
    /// `fin_timeout`: shortens the flow's timeouts when a TCP connection ends; seconds.
    FinTimeout {
        /// New idle timeout.
        idle: u16,
        /// New hard timeout.
        hard: u16,
    },
    /// `exit`: ends this and outer action lists.
    Exit,
    /// `encap`.
    Encap(Box<Encap>),
    /// `decap`, with the packet type of what is left, or 0xfffe to let the switch find out.
    Decap(u32),
    /// `dec_nsh_ttl`.
    DecNshTtl,
    /// `delete_field`: removes tunnel metadata.
    DeleteField(Subfield),
    /// An action this crate does not know: the whole of it with its header, a multiple of 8 bytes.
    Opaque(Box<[u8]>),
}

impl Action {
    /// To a port.
    pub fn output(port: PortNo) -> Action {
        Action::Output { port, max_len: if port == PortNo::CONTROLLER { 0xffff } else { 0 } }
    }

    /// Sets all of a field.
    ///
    /// # Panics
    /// When the value does not fit the field.
    pub fn set(field: Field, value: u128) -> Action {
        Action::SetField(SetField::new(field, value))
    }

    /// Sets the bits of a field that the mask has; the rest stay.
    ///
    /// # Panics
    /// When value or mask do not fit the field.
    pub fn set_masked(field: Field, value: u128, mask: u128) -> Action {
        Action::SetField(SetField::masked(field, value, mask))
    }

    /// Sets a run of bits.
    ///
    /// # Panics
    /// When the value does not fit the run.
    pub fn load(value: u128, dst: impl Into<Subfield>) -> Action {
        let dst = dst.into();
        assert!(value & !crate::field::ones(dst.bits) == 0, "{value:#x} does not fit {dst:?}");
        Action::set_masked(dst.field, dst.place(value), dst.mask())
    }

    /// Copies bits.
    ///
    /// # Panics
    /// When the runs differ in width.
    pub fn copy(src: impl Into<Subfield>, dst: impl Into<Subfield>) -> Action {
        let (src, dst) = (src.into(), dst.into());
        assert_eq!(src.bits, dst.bits, "{src:?} and {dst:?} differ in width");
        Action::Copy { src, dst }
    }

    /// Looks up again in another table.
    pub fn resubmit(table: u8) -> Action {
        Action::Resubmit { in_port: None, table: Some(table), ct: false }
    }

    /// This flow is clause `clause` (from 0) of `of` of conjunction `id`.
    pub fn conjunction(id: u32, (clause, of): (u8, u8)) -> Action {
        Action::Conjunction { id, clause, of }
    }
}

impl From<Ct> for Action {
    fn from(ct: Ct) -> Action {
        Action::Ct(Box::new(ct))
    }
}

impl From<Learn> for Action {
    fn from(learn: Learn) -> Action {
        Action::Learn(Box::new(learn))
    }
}

impl From<Controller> for Action {
    fn from(controller: Controller) -> Action {
        Action::Controller(Box::new(controller))
    }
}

impl From<SetField> for Action {
    fn from(set: SetField) -> Action {
        Action::SetField(set)
    }
}
