//! The address book: every allocation record that has been read back, and the ways to look into it.
//!
//! Two controllers that know different prefixes of a subnet can make blocks that overlap. The one made first counts; the
//! other is void: it takes up room, but none of its allocations holds. Blocks are seen in the order in which they are
//! stored, so nobody ever believes in a void block, and one that counts never becomes void.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

use ipnetwork::IpNetwork;

use crate::Name;
use crate::address::{Family, Span, number};
use crate::fact::{AddressBlock, Allocation};
use crate::few::Few;
use crate::hash::HashMap;

/// One allocation: name of its block, and the address.
pub(crate) type EntryId = (Name, IpAddr);

/// All blocks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    blocks: HashMap<Name, Arc<AddressBlock>>,
    /// Blocks by network, family, first address and name, to find by address.
    places: BTreeMap<(Name, Family, u128, Name), u128>,
    /// Addresses of the largest block that has ever been here, a family: how far back to look for one that covers.
    widest: BTreeMap<Family, u128>,
    void: BTreeSet<Name>,
    by_subnet: BTreeMap<Name, BTreeSet<Name>>,
    by_node: BTreeMap<Name, BTreeSet<Name>>,
    by_uid: HashMap<Name, Few<[EntryId; 1]>>,
    /// Allocations that live on another node than their block's, by that node.
    outside: BTreeMap<Name, BTreeSet<EntryId>>,
}

/// What a new state of a block has changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct BlockChange {
    /// Blocks that are new, gone, of another node, or have come to count.
    pub moved: BTreeSet<Name>,
    /// Their prefixes, by network.
    pub places: BTreeSet<(Name, IpNetwork)>,
    /// Subnets of the blocks before and after.
    pub subnets: BTreeSet<Name>,
    /// Allocations that are new, gone or changed; none twice.
    pub entries: Vec<EntryId>,
    /// Addresses of those that lived, or live, on another node than their block's.
    pub outside: Vec<IpAddr>,
    /// Owners of those before and after.
    pub uids: BTreeSet<Name>,
}

impl Book {
    /// Puts in a block as it was read back, or takes it out.
    pub fn set(&mut self, name: &Name, block: Option<AddressBlock>) -> BlockChange {
        let (old, block) = (self.blocks.remove(name), block.map(Arc::new));
        let counted = old.as_deref().filter(|_| !self.void.remove(name));
        if let Some(old) = &old {
            self.place(name, old, false);
        }
        if let Some(counted) = counted {
            self.index(name, counted, false);
        }
        if let Some(new) = &block {
            self.place(name, new, true);
            self.blocks.insert(name.clone(), new.clone());
        }
        let mut change = BlockChange::default();
        let counts = block.as_deref().filter(|new| !self.overlaps_older(name, new));
        change.add(name, counted, counts);
        match (counts, &block) {
            (Some(new), _) => self.index(name, new, true),
            (None, Some(_)) => drop(self.void.insert(name.clone())),
            (None, None) => {}
        }
        let old = old.filter(|old| {
            block.as_ref().is_none_or(|new| new.cidr != old.cidr || new.first_version != old.first_version)
        });
        for place in old.iter().chain(&block) {
            self.judge_overlapping(name, place, &mut change);
        }
        change
    }

    /// Judges the blocks around one that came or went.
    fn judge_overlapping(&mut self, name: &Name, place: &AddressBlock, change: &mut BlockChange) {
        let around = self.overlapping(&place.network, Span::of(place.cidr));
        let others: Vec<Name> = around.map(|(other, _)| other.clone()).filter(|other| other != name).collect();
        for other in others {
            let block = self.blocks[&other].clone();
            let void = self.overlaps_older(&other, &block);
            if void == self.void.contains(&other) {
                continue;
            }
            if void {
                self.void.insert(other.clone());
                change.add(&other, Some(&block), None);
            } else {
                self.void.remove(&other);
                change.add(&other, None, Some(&block));
            }
            self.index(&other, &block, !void);
        }
    }

    /// A block that was made before overlaps this one.
    fn overlaps_older(&self, name: &Name, block: &AddressBlock) -> bool {
        let age = (block.first_version, name);
        self.overlapping(&block.network, Span::of(block.cidr))
            .any(|(other, _)| (self.blocks[other].first_version, other) < age)
    }

    /// The block does not count: an older one overlaps it.
    pub fn is_void(&self, name: &str) -> bool {
        self.void.contains(name)
    }

    fn place(&mut self, name: &Name, block: &AddressBlock, present: bool) {
        let span = Span::of(block.cidr);
        let place = (block.network.clone(), span.family, span.first, name.clone());
        if present {
            self.places.insert(place, span.last);
            let widest = self.widest.entry(span.family).or_default();
            *widest = (*widest).max(span.last - span.first);
        } else {
            self.places.remove(&place);
        }
    }

    fn index(&mut self, name: &Name, block: &AddressBlock, present: bool) {
        edit(&mut self.by_subnet, &block.subnet, name.clone(), present);
        edit(&mut self.by_node, &block.node, name.clone(), present);
        for entry in &block.allocations {
            let id = (name.clone(), entry.address);
            if entry.node != block.node {
                edit(&mut self.outside, &entry.node, id.clone(), present);
            }
            let ids = self.by_uid.entry(entry.uid.clone()).or_default();
            if present {
                ids.insert(id);
            } else {
                ids.remove(&id);
            }
            if ids.is_empty() {
                self.by_uid.remove(&entry.uid);
            }
        }
    }

    pub fn block(&self, name: &str) -> Option<&Arc<AddressBlock>> {
        self.blocks.get(name)
    }

    /// All blocks, in no order.
    pub fn blocks(&self) -> impl Iterator<Item = (&Name, &AddressBlock)> {
        self.blocks.iter().map(|(name, block)| (name, &**block))
    }

    /// Names of the blocks of a subnet.
    pub fn of_subnet(&self, subnet: &str) -> impl Iterator<Item = &Name> + Clone {
        self.by_subnet.get(subnet).into_iter().flatten()
    }

    /// Names of the blocks of a node.
    pub fn of_node(&self, node: &str) -> impl Iterator<Item = &Name> {
        self.by_node.get(node).into_iter().flatten()
    }

    /// Names of subnets that have a block.
    pub fn subnets(&self) -> impl Iterator<Item = &Name> {
        self.by_subnet.keys()
    }

    /// Allocations of a pod, by its UID, in the order of blocks.
    pub fn of_pod(&self, uid: &str) -> impl Iterator<Item = &EntryId> {
        self.by_uid.get(uid).into_iter().flat_map(Few::iter)
    }

    /// Allocations that live on this node outside of their block's node.
    pub fn outside(&self, node: &str) -> impl Iterator<Item = &EntryId> {
        self.outside.get(node).into_iter().flatten()
    }

    pub fn entry(&self, id: &EntryId) -> Option<&Allocation> {
        self.entry_in_block(id).map(|(_, entry)| entry)
    }

    /// An allocation with its block.
    pub fn entry_in_block(&self, id: &EntryId) -> Option<(&AddressBlock, &Allocation)> {
        let block = self.blocks.get(&id.0).filter(|_| !self.void.contains(&id.0))?;
        let index = block.allocations.binary_search_by_key(&id.1, |entry| entry.address).ok()?;
        Some((block, &block.allocations[index]))
    }

    /// Names of blocks that overlap a span of a network, in the order of addresses; by the rules there are none or one
    /// where the span is an address.
    pub fn overlapping<'a>(&'a self, network: &'a Name, span: Span) -> impl Iterator<Item = (&'a Name, Span)> + 'a {
        let widest = self.widest.get(&span.family).copied().unwrap_or_default();
        let empty = Name::from("");
        let from = (network.clone(), span.family, span.first.saturating_sub(widest), empty);
        let places = self.places.range((Bound::Included(from), Bound::Unbounded));
        places
            .take_while(move |((of, family, first, _), _)| {
                of == network && *family == span.family && *first <= span.last
            })
            .filter(move |(_, last)| **last >= span.first)
            .map(|((_, family, first, name), last)| (name, Span { family: *family, first: *first, last: *last }))
    }

    /// The allocation of an address in a network.
    pub fn at(&self, network: &Name, address: IpAddr) -> Option<(EntryId, &Allocation)> {
        let span = Span { family: Family::of(address), first: number(address), last: number(address) };
        self.overlapping(network, span).find_map(|(name, _)| {
            let id = (name.clone(), address);
            self.entry(&id).map(|entry| (id, entry))
        })
    }
}

fn edit<T: Ord>(index: &mut BTreeMap<Name, BTreeSet<T>>, key: &Name, item: T, present: bool) {
    if present {
        index.entry(key.clone()).or_default().insert(item);
    } else if let Some(items) = index.get_mut(key) {
        items.remove(&item);
        if items.is_empty() {
            index.remove(key);
        }
    }
}

impl BlockChange {
    /// Adds what one block was and is; `None`: it did not or does not count.
    fn add<'a>(&mut self, name: &Name, old: Option<&'a AddressBlock>, new: Option<&'a AddressBlock>) {
        let place = |block: &AddressBlock| {
            (block.node.clone(), block.cidr, block.subnet.clone(), block.subnet_cidr, block.gateway)
        };
        let moved = old.map(place) != new.map(place);
        if moved {
            self.moved.insert(name.clone());
            self.places.extend([old, new].into_iter().flatten().map(|block| (block.network.clone(), block.cidr)));
        }
        self.subnets.extend([old, new].into_iter().flatten().map(|block| block.subnet.clone()));
        let entries = |block: Option<&'a AddressBlock>| block.map_or(&[][..], |block| &block.allocations);
        for (one, two) in side_by_side(entries(old), entries(new)) {
            if one != two || moved {
                for (entry, block) in one.zip(old).into_iter().chain(two.zip(new)) {
                    self.uids.insert(entry.uid.clone());
                    self.outside.extend((entry.node != block.node).then_some(entry.address));
                }
                self.entries.extend(one.or(two).map(|entry| (name.clone(), entry.address)));
            }
        }
    }
}

/// Two lists in the order of addresses, address by address.
fn side_by_side<'a>(
    one: &'a [Allocation],
    two: &'a [Allocation],
) -> impl Iterator<Item = (Option<&'a Allocation>, Option<&'a Allocation>)> {
    let (mut one, mut two) = (one.iter().peekable(), two.iter().peekable());
    std::iter::from_fn(move || {
        let next = [one.peek(), two.peek()].into_iter().flatten().map(|entry| entry.address).min()?;
        let here = |entry: &&Allocation| entry.address == next;
        Some((one.next_if(here), two.next_if(here)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn block(name: &str, cidr: &str, owners: &[(&str, &str)]) -> (Name, AddressBlock) {
        let allocations: Vec<_> = owners
            .iter()
            .map(|(address, uid)| json!({"address": address, "namespace": "shop", "name": uid, "uid": uid}))
            .collect();
        let object = json!({"metadata": {"name": name}, "spec": {"subnet": "s", "cidr": cidr, "node": "n1"}, "allocations": allocations});
        (name.into(), AddressBlock::from_object(&object).unwrap())
    }

    fn book(blocks: &[(Name, AddressBlock)]) -> Book {
        let mut book = Book::default();
        for (name, block) in blocks {
            book.set(name, Some(block.clone()));
        }
        book
    }

    #[test]
    fn an_address_is_found_in_blocks_of_different_sizes() {
        let book = book(&[
            block("a", "10.0.0.0/26", &[("10.0.0.5", "u")]),
            block("b", "10.0.0.64/30", &[("10.0.0.65", "v")]),
            block("c", "10.0.1.0/24", &[]),
        ]);
        let network = Name::from("default");
        let owner = |address: &str| book.at(&network, address.parse().unwrap()).map(|(_, entry)| entry.uid.to_string());
        assert_eq!(owner("10.0.0.5").as_deref(), Some("u"));
        assert_eq!(owner("10.0.0.65").as_deref(), Some("v"));
        assert_eq!(owner("10.0.0.6"), None);
        let names = |text: &str| {
            book.overlapping(&network, Span::parse(text).unwrap()).map(|(name, _)| name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names("10.0.0.0/16"), ["a", "b", "c"]);
        assert_eq!(names("10.0.0.63-10.0.0.64"), ["a", "b"]);
        assert_eq!(names("10.0.0.68-10.0.0.255"), [""; 0]);
        assert_eq!(names("10.0.1.7"), ["c"]);
    }

    #[test]
    fn a_change_names_the_entries_and_owners_it_touches() {
        let mut book = book(&[block("a", "10.0.0.0/26", &[("10.0.0.5", "u"), ("10.0.0.6", "v")])]);
        let (name, new) = block("a", "10.0.0.0/26", &[("10.0.0.5", "u"), ("10.0.0.6", "w")]);
        let change = book.set(&name, Some(new));
        assert!(change.moved.is_empty());
        assert_eq!(change.entries.len(), 1);
        assert_eq!(change.uids, ["v".into(), "w".into()].into());
        assert_eq!(book.of_pod("v").count(), 0);
        let change = book.set(&name, None);
        assert!(change.moved.len() == 1 && change.uids.len() == 2);
        assert_eq!(book.of_pod("u").count() + book.of_subnet("s").count() + book.of_node("n1").count(), 0);
    }

    #[test]
    fn of_two_blocks_that_overlap_the_older_counts_until_it_goes() {
        let made =
            |(name, block): (Name, AddressBlock), version| (name, AddressBlock { first_version: version, ..block });
        let young = made(block("a-young", "10.0.0.0/30", &[("10.0.0.2", "u")]), 7);
        let old = made(block("old", "10.0.0.0/26", &[("10.0.0.2", "v")]), 5);
        let owner = |book: &Book| {
            book.at(&"default".into(), "10.0.0.2".parse().unwrap()).map(|(_, entry)| entry.uid.to_string())
        };
        for order in [[&young, &old], [&old, &young]] {
            let mut book = book(&order.map(Clone::clone));
            assert!(book.is_void("a-young") && !book.is_void("old"));
            assert_eq!(owner(&book).as_deref(), Some("v"));
            assert_eq!((book.of_pod("u").count(), book.of_subnet("s").count()), (0, 1));
            let change = book.set(&old.0, None);
            assert_eq!(change.moved, [young.0.clone(), old.0.clone()].into());
            assert_eq!(owner(&book).as_deref(), Some("u"));
        }
    }
}
