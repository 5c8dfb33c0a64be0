//! Queues (OpenFlow 1.5.1 section 7.3.5.8).

use crate::port::PortNo;

/// What a queue has counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueueStats {
    /// Its port.
    pub port: PortNo,
    /// The queue.
    pub queue: u32,
    /// Bytes sent; all ones where the switch does not count.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets dropped.
    pub tx_errors: u64,
    /// Seconds since it was made, and nanoseconds.
    pub duration: (u32, u32),
    /// Properties, whole and padded.
    pub opaque: Vec<Box<[u8]>>,
}

/// What a queue is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueueDesc {
    /// Its port.
    pub port: PortNo,
    /// The queue.
    pub queue: u32,
    /// The rate it has at least, in tenths of a percent.
    pub min_rate: Option<u16>,
    /// The rate it has at most, in tenths of a percent.
    pub max_rate: Option<u16>,
    /// Properties this crate does not know, whole and padded.
    pub opaque: Vec<Box<[u8]>>,
}
