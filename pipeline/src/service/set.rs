//! An endpoint set as a `select` group: one bucket for each endpoint, which translates.
//!
//! Open vSwitch hands the 16, 32, ... or 256 values of a hash out to the buckets, as many as the sum of the weights over the
//! least weight: ten equal buckets share 16, so that some get twice as much as others. So a set whose size is not a power of
//! two gets weights that make it 256: one bucket gives one part of its weight to a twin (id 0). Hashing is by `dp_hash` with its
//! default algorithm: without a method it would leave the ports of UDP out, and `hash` by fields costs a trip to `ovs-vswitchd`
//! for each connection (measured on 3.1: 260 cached flows against 8,673 for 10,000 connections). Beyond 256 buckets `dp_hash` has
//! no values left to hand out, and would do that too; such a set says `hash`, so that its buckets may come and go one by one
//! (see [`crate::diff::GroupChange`]).
//!
//! Where clients keep their endpoint, only the client's address is hashed: what is learned of a client counts a moment after its first
//! connection only (a cached flow lasts until it is looked at again), and until then its others have to find the same endpoint.

use crate::family::Family;
use crate::object::{Protocol, Target};
use crate::tables::{egress_target, service_endpoint};
use crate::{register as reg, service};
use rust_openflow::group::Selection;
use rust_openflow::{Action, Bucket, Ct, Group, GroupKind, Nat};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Which endpoints count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Those of all nodes.
    Cluster,
    /// Those of this node.
    Local,
}

/// What a set is for, within its Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetKey {
    /// Protocol of the Service's port.
    pub protocol: Protocol,
    /// The Service's port.
    pub port: u16,
    /// Family of the endpoints.
    pub family: Family,
    /// Which endpoints.
    pub scope: Scope,
}

/// A set with the Service it is of: all that its group follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSet {
    /// `NAMESPACE/NAME` of the Service.
    pub service: Arc<str>,
    /// The set.
    pub set: Set,
}

impl ServiceSet {
    /// The group.
    pub fn group(&self) -> Group {
        self.set.group(&self.service)
    }
}

/// An endpoint set that has endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Number of its group; 0: not numbered yet.
    pub id: u32,
    /// What it is for.
    pub key: SetKey,
    /// Its endpoints, in order, each once.
    pub targets: Arc<[Target]>,
    /// Whether clients keep their endpoint.
    pub sticky: bool,
}

/// The twin of the bucket that has given it a part of its weight.
const TWIN: u32 = 0;
/// As many values of its hash as Open vSwitch hands out at most.
const SLOTS: usize = 256;

impl SetKey {
    /// As bytes, for hashes.
    pub(super) fn bytes(&self) -> [u8; 5] {
        let [high, low] = self.port.to_be_bytes();
        [self.protocol.number(), high, low, u8::from(self.family == Family::V6), u8::from(self.scope == Scope::Local)]
    }
}

impl Set {
    /// The number of an endpoint of the set in the register, for clients that keep it; no two sets share one.
    pub fn number(&self, service: &str, target: Target) -> u64 {
        let (key, text) = (self.key.bytes(), target.to_string());
        service::hash([service.as_bytes(), &key, text.as_bytes()]).max(1)
    }

    /// The group.
    pub fn group(&self, service: &str) -> Group {
        let mut group = Group::new(self.id, GroupKind::Select);
        let (family, protocol) = (self.key.family, self.key.protocol);
        let mut parts = 1;
        // What is learned has to hold for the next connection: so each is hashed where flows are looked up, none in the datapath.
        if self.sticky || self.targets.len() > SLOTS {
            group = group.hash([family.source(), family.destination(), protocol.source(), protocol.destination()]);
        } else {
            group.selection = Some(Selection { method: "dp_hash".into(), param: 0, fields: Vec::new() });
            parts = share(self.targets.len());
        }
        let numbers = bucket_ids(&self.targets);
        let giver = numbers.iter().copied().min().filter(|_| parts > 1);
        group.buckets.reserve_exact(self.targets.len() + 1);
        for (&target, id) in self.targets.iter().zip(numbers) {
            let bucket = self.bucket(service, id, target);
            if giver == Some(id) {
                group = group.bucket(Bucket { id: TWIN, ..bucket.clone() });
                group = group.bucket(bucket.weight(parts - 1));
            } else {
                group = group.bucket(bucket.weight(parts));
            }
        }
        group
    }

    /// Endpoints by the id of their bucket.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u32, Target)> {
        bucket_ids(&self.targets).into_iter().zip(self.targets.iter().copied())
    }

    /// The bucket of an endpoint, with the least weight.
    pub(crate) fn bucket(&self, service: &str, id: u32, target: Target) -> Bucket {
        Bucket::new(id, self.actions(service, target)).weight(1)
    }

    /// What a bucket does. A switch runs a bucket as a set of actions, not as a list: fields are set, then one action of the
    /// kinds that end it; so what is learned is learned in a table.
    fn actions(&self, service: &str, target: Target) -> Vec<Action> {
        if !self.sticky {
            return vec![Action::load(1, reg::LED.bits()), Action::from(translate(target))];
        }
        vec![
            Action::load(self.number(service, target).into(), reg::ENDPOINT.bits()),
            Action::load(1, reg::CHOSEN.bits()),
            Action::resubmit(service_endpoint::TABLE.id),
        ]
    }
}

/// Commits the connection as one to an endpoint, and goes on with what policy says of that.
pub fn translate(target: Target) -> Ct {
    let nat = Nat::dst(target.address).port(target.port);
    Ct::zone_from(reg::ZONE.bits()).commit().nat(nat).table(egress_target::TABLE.id)
}

/// The weight of each bucket of so many.
fn share(count: usize) -> u16 {
    match count {
        0..=16 if count.is_power_of_two() => 1,
        0 => 1,
        count if count > SLOTS / 2 => 1,
        count => (SLOTS / count.next_power_of_two()) as u16,
    }
}

/// Ids of buckets: hashes of what they lead to; where two are the same, the next that is free.
fn bucket_ids(targets: &[Target]) -> Vec<u32> {
    let mut taken = BTreeSet::new();
    let id = |target: &Target| {
        let mut id = (service::hash([target.to_string().as_bytes()]) % 0xffff_fe00) as u32 + 1;
        while !taken.insert(id) {
            id += 1;
        }
        id
    };
    targets.iter().map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(count: u32) -> Set {
        let target = |n: u32| Target { address: std::net::Ipv4Addr::from_bits(0x0a0a_0000 + n).into(), port: 8080 };
        let key = SetKey { protocol: Protocol::Tcp, port: 80, family: Family::V4, scope: Scope::Cluster };
        Set { id: 7, key, targets: (0..count).map(target).collect(), sticky: false }
    }

    #[test]
    fn weights_make_the_switch_hand_out_256_values_or_an_even_share() {
        for count in 1..=300_u32 {
            let buckets = set(count).group("shop/web").buckets;
            let weights: Vec<u32> = buckets.iter().map(|bucket| bucket.weight.unwrap_or(0).into()).collect();
            let slots = weights.iter().sum::<u32>().div_ceil(*weights.iter().min().expect("one"));
            let even = count <= 16 && count.is_power_of_two();
            assert!(slots <= 256 || count > 256, "{count}: {slots}");
            assert!(slots > 128 || even, "{count}: {slots}");
        }
    }

    #[test]
    fn no_two_buckets_of_a_group_have_one_id() {
        let buckets = set(5000).group("shop/web").buckets;
        assert_eq!(buckets.iter().map(|bucket| bucket.id).collect::<BTreeSet<_>>().len(), 5000);
    }
}
