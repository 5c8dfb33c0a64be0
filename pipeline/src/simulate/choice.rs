//! How a `select` group of the simulator chooses.

use super::Packet;
use rust_openflow::{Bucket, Field, Group};

/// How `select` groups choose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Choice {
    /// By weight and a hash of addresses and ports: not the hash of any datapath, but as even.
    #[default]
    Hash,
    /// The bucket with this id, where the group has it.
    Bucket(u32),
    /// The bucket that stands there in the group, from 0, of those with a weight; in a smaller group the last one.
    Place(usize),
}

impl Choice {
    /// The bucket that a packet gets; `None`: the group has none with a weight.
    pub fn bucket<'a>(self, group: &'a Group, packet: &Packet) -> Option<&'a Bucket> {
        let open = || group.buckets.iter().filter(|bucket| bucket.weight != Some(0));
        let by_id = |id| open().find(|bucket| bucket.id == id);
        match self {
            Choice::Bucket(id) if by_id(id).is_some() => by_id(id),
            Choice::Place(place) => open().take(place + 1).last(),
            Choice::Hash | Choice::Bucket(_) => {
                let weight = |bucket: &Bucket| u64::from(bucket.weight.unwrap_or(1));
                let total: u64 = open().map(weight).sum();
                let mut left = hash(packet) % total.max(1);
                open().find(|bucket| {
                    let fits = left < weight(bucket);
                    left = left.saturating_sub(weight(bucket));
                    fits
                })
            }
        }
    }
}

const HASHED: [Field; 11] = [
    Field::Ipv4Src,
    Field::Ipv4Dst,
    Field::Ipv6Src,
    Field::Ipv6Dst,
    Field::IpProto,
    Field::TcpSrc,
    Field::TcpDst,
    Field::UdpSrc,
    Field::UdpDst,
    Field::SctpSrc,
    Field::SctpDst,
];

fn hash(packet: &Packet) -> u64 {
    let values = HASHED.map(|field| packet.get(field).to_be_bytes());
    crate::service::hash(values.iter().map(|bytes| &bytes[..]))
}
