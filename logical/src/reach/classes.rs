//! Classes: pods, and addresses outside, that policy cannot tell apart, before nor after.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnetwork::IpNetwork;

use crate::fact::IpBlock;
use crate::identity::IdentityId;

use super::snapshot::{Peers, PodEnd, Snapshot};

/// More prefixes than these are not looked at one by one: what is outside is then one class for each of the first.
const MOST_PREFIXES: usize = 2000;

/// All classes of one family.
#[derive(Debug, Default)]
pub(super) struct Classes {
    pub all: Vec<Class>,
    /// By identity, before and after.
    of_identity: [HashMap<IdentityId, Vec<u32>>; 2],
    /// By block: classes of which an address lies in it.
    of_block: HashMap<IpBlock, Vec<u32>>,
}

/// Ends that policy cannot tell apart.
#[derive(Debug)]
pub(super) struct Class {
    /// Workload, or prefix outside.
    pub name: String,
    /// Before and after; `None`: outside.
    pub identity: Option<[IdentityId; 2]>,
    /// How many pods; 1 outside.
    pub size: u64,
}

/// What ends of a class have in common.
type Key<'a> = (&'a str, Option<[IdentityId; 2]>, Vec<u32>);

impl Classes {
    pub fn new(snapshots: &[Snapshot; 2], family: u8) -> Classes {
        let blocks = blocks(snapshots, family);
        let mut sizes: BTreeMap<Key, u64> = BTreeMap::new();
        let [before, after] = snapshots;
        for (name, pod) in &after.pods {
            let Some(old) = before.pods.get(name) else { continue };
            if let Some(address) = of_family(pod, family) {
                let within = address.map_or_else(Vec::new, |address| within(address, &blocks));
                *sizes.entry((&pod.workload, Some([old.identity, pod.identity]), within)).or_default() += 1;
            }
        }
        let outside = if sizes.is_empty() { Vec::new() } else { outside(&blocks, family) };
        for (name, address) in &outside {
            sizes.entry((name, None, within(*address, &blocks))).or_insert(1);
        }
        let mut classes = Classes::default();
        for ((name, identity, within), size) in sizes {
            classes.add(
                Class { name: name.to_owned(), identity, size },
                within.iter().map(|index| &blocks[*index as usize]),
            );
        }
        classes
    }

    fn add<'a>(&mut self, class: Class, blocks: impl Iterator<Item = &'a IpBlock>) {
        let number = u32::try_from(self.all.len()).expect("fewer classes than pods");
        for (known, identity) in self.of_identity.iter_mut().zip(class.identity.into_iter().flatten()) {
            known.entry(identity).or_default().push(number);
        }
        blocks.for_each(|block| self.of_block.entry(block.clone()).or_default().push(number));
        self.all.push(class);
    }

    /// The classes that are among peers, sorted.
    pub fn of_peers(&self, peers: &Peers, moment: usize) -> Vec<u32> {
        let by_identity = peers.identities.iter().filter_map(|identity| self.of_identity[moment].get(identity));
        let by_block = peers.blocks.iter().filter_map(|block| self.of_block.get(block));
        let found: BTreeSet<u32> = by_identity.chain(by_block).flatten().copied().collect();
        found.into_iter().collect()
    }
}

impl Class {
    /// Pairs of different pods.
    pub fn pairs_with(&self, other: &Class) -> u64 {
        let own = if std::ptr::eq(self, other) { self.size } else { 0 };
        self.size * other.size - own
    }
}

/// An address of a pod, of a family; inner `None`: it has no address at all yet, and may get one.
fn of_family(pod: &PodEnd, family: u8) -> Option<Option<IpAddr>> {
    if pod.addresses.is_empty() {
        return Some(None);
    }
    pod.addresses.iter().find(|address| address.is_ipv4() == (family == 4)).map(|address| Some(*address))
}

fn blocks(snapshots: &[Snapshot; 2], family: u8) -> Vec<IpBlock> {
    let rules = snapshots.iter().flat_map(|snapshot| snapshot.rules.values());
    let named = rules.flat_map(|rule| rule.peers.iter().flat_map(|peers| &peers.blocks));
    let named: BTreeSet<&IpBlock> = named.filter(|block| block.cidr.is_ipv4() == (family == 4)).collect();
    named.into_iter().cloned().collect()
}

/// Indexes of the blocks in which an address lies.
fn within(address: IpAddr, blocks: &[IpBlock]) -> Vec<u32> {
    let has =
        |block: &IpBlock| block.cidr.contains(address) && !block.except.iter().any(|except| except.contains(address));
    let found = blocks.iter().enumerate().filter(|(_, block)| has(block));
    found.filter_map(|(index, _)| u32::try_from(index).ok()).collect()
}

/// One address in each prefix that blocks name, in no longer one of them; and one in none.
fn outside(blocks: &[IpBlock], family: u8) -> Vec<(String, IpAddr)> {
    let named = blocks.iter().flat_map(|block| std::iter::once(block.cidr).chain(block.except.iter().copied()));
    let prefixes: BTreeSet<IpNetwork> = named.filter(|prefix| prefix.is_ipv4() == (family == 4)).collect();
    let mut prefixes: Vec<IpNetwork> = prefixes.into_iter().take(MOST_PREFIXES).collect();
    let all = if family == 4 { "0.0.0.0/0" } else { "::/0" };
    let all: IpNetwork = all.parse().expect("a prefix");
    let elsewhere = (!prefixes.contains(&all)).then_some(all);
    prefixes.extend(elsewhere);
    let one = |prefix: &IpNetwork| {
        let name = if elsewhere == Some(*prefix) { "elsewhere".to_owned() } else { prefix.to_string() };
        Some((name, apart(*prefix, &prefixes)?))
    };
    prefixes.iter().filter_map(one).collect()
}

/// An address of a prefix that is in no longer one.
fn apart(prefix: IpNetwork, all: &[IpNetwork]) -> Option<IpAddr> {
    let inner: Vec<&IpNetwork> =
        all.iter().filter(|one| one.prefix() > prefix.prefix() && prefix.contains(one.network())).collect();
    let after = inner.iter().filter_map(|one| next(one.broadcast()));
    let mut candidates = std::iter::once(prefix.network()).chain(after);
    candidates.find(|address| prefix.contains(*address) && !inner.iter().any(|one| one.contains(*address)))
}

fn next(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => u32::from(v4).checked_add(1).map(|number| Ipv4Addr::from(number).into()),
        IpAddr::V6(v6) => u128::from(v6).checked_add(1).map(|number| Ipv6Addr::from(number).into()),
    }
}
