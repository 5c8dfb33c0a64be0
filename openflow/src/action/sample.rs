//! `sample`: some packets are reported to an IPFIX collector (`ovs-actions(7)`).

use crate::field::Subfield;
use crate::port::PortNo;

/// The action `sample(...)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sample {
    /// Of 65535 packets, this many.
    pub probability: u16,
    /// The row of `Flow_Sample_Collector_Set`.
    pub collector_set: u32,
    /// IPFIX observation domain.
    pub domain: Observation,
    /// IPFIX observation point.
    pub point: Observation,
    /// The port whose traffic is sampled.
    pub port: Option<PortNo>,
    /// Which direction of it.
    pub direction: SampleDirection,
}

/// An observation id, given or, since Open vSwitch 3.4, read from a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Observation {
    /// This id.
    Const(u32),
    /// The id that these bits hold.
    Field(Subfield),
}

/// Which direction of a port is sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SampleDirection {
    /// Whichever the packet has.
    #[default]
    Default = 0,
    /// Into the switch.
    Ingress = 1,
    /// Out of the switch.
    Egress = 2,
}
