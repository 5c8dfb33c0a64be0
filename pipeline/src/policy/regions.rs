//! Regions: addresses that lie in the same blocks of peers.
//!
//! Blocks overlap and have exceptions; matched as they are, each would need flows of its own in the policy table, and an
//! exception could not be said at all. So a table before it finds, by longest prefix, in which region an address is, and the
//! policy table matches the region: a prefix costs one flow whatever the number of rules that name it, and a rule is named
//! once a region.
//!
//! The number of a region is a hash of the peers it lies in, with the rank among those of the same hash in the low bits: so
//! it depends on what exists, not on the order in which it came, and two regions never share one.

use super::prefix::Prefix;
use crate::object::Block;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The peers, by name, in whose blocks an address lies; ascending, never empty.
pub type Class = Arc<[Arc<str>]>;

/// The regions that the blocks of some peers make.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Regions {
    /// The blocks, by peers.
    blocks: BTreeMap<Arc<str>, Arc<[Parsed]>>,
    /// Peers with a block of a prefix, with the block's index.
    cidrs: BTreeMap<Prefix, BTreeSet<(Arc<str>, usize)>>,
    /// Prefixes that blocks and exceptions name, how often, with the class of what is in no longer one.
    prefixes: BTreeMap<Prefix, Held>,
    /// The classes that there are, by hash, with their prefixes.
    classes: BTreeMap<u32, BTreeMap<Class, BTreeSet<Prefix>>>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Held {
    holders: usize,
    class: Option<Class>,
}

#[derive(Debug, Clone, PartialEq)]
struct Parsed {
    cidr: Prefix,
    except: BTreeSet<Prefix>,
}

/// What a change of blocks has touched.
#[derive(Debug, Default, PartialEq)]
pub struct Touched {
    /// Prefixes that are new, gone, or in another region.
    pub prefixes: BTreeSet<Prefix>,
    /// Regions that are new, gone, or of other peers.
    pub regions: BTreeSet<u32>,
}

/// Bits of a region's number that tell regions of one hash apart.
const RANK_BITS: u32 = 4;

impl Regions {
    /// Gives peers these blocks in place of those they had.
    pub fn put(&mut self, peers: &Arc<str>, blocks: &[Block]) -> Touched {
        let new: Arc<[Parsed]> = blocks.iter().filter_map(Parsed::new).collect();
        let old = self.blocks.remove(peers).unwrap_or_default();
        let mut touched = Touched::default();
        if old == new {
            self.keep(peers, new);
            return touched;
        }
        for (index, block) in old.iter().enumerate() {
            self.drop_block(peers, (index, block), &mut touched);
        }
        for (index, block) in new.iter().enumerate() {
            self.cidrs.entry(block.cidr).or_default().insert((peers.clone(), index));
            block.prefixes().for_each(|prefix| self.prefixes.entry(prefix).or_default().holders += 1);
        }
        self.keep(peers, new.clone());
        let cover: BTreeSet<Prefix> = old.iter().chain(new.iter()).map(|block| block.cidr).collect();
        let dirty: BTreeSet<Prefix> =
            cover.iter().flat_map(|cidr| self.prefixes.range(cidr.within()).map(|(prefix, _)| *prefix)).collect();
        dirty.into_iter().for_each(|prefix| self.classify(prefix, &mut touched));
        touched
    }

    fn keep(&mut self, peers: &Arc<str>, blocks: Arc<[Parsed]>) {
        if !blocks.is_empty() {
            self.blocks.insert(peers.clone(), blocks);
        }
    }

    fn drop_block(&mut self, peers: &Arc<str>, (index, block): (usize, &Parsed), touched: &mut Touched) {
        if let Some(owners) = self.cidrs.get_mut(&block.cidr) {
            owners.remove(&(peers.clone(), index));
            if owners.is_empty() {
                self.cidrs.remove(&block.cidr);
            }
        }
        for prefix in block.prefixes() {
            let Some(held) = self.prefixes.get_mut(&prefix) else { continue };
            held.holders -= 1;
            if held.holders == 0 {
                let class = held.class.take();
                self.prefixes.remove(&prefix);
                touched.prefixes.insert(prefix);
                self.leave(prefix, class.as_ref(), touched);
            }
        }
    }

    /// Computes again in which peers a prefix lies.
    fn classify(&mut self, prefix: Prefix, touched: &mut Touched) {
        let lies_in = |(peers, index): &&(Arc<str>, usize)| {
            self.blocks.get(peers).is_some_and(|blocks| !blocks[*index].excepts(prefix))
        };
        let around = prefix.around().filter_map(|cidr| self.cidrs.get(&cidr)).flatten();
        let names: BTreeSet<Arc<str>> = around.filter(lies_in).map(|(peers, _)| peers.clone()).collect();
        let class: Option<Class> = (!names.is_empty()).then(|| names.into_iter().collect());
        let Some(held) = self.prefixes.get_mut(&prefix) else { return };
        touched.prefixes.insert(prefix);
        if held.class == class {
            return;
        }
        let old = std::mem::replace(&mut held.class, class.clone());
        self.leave(prefix, old.as_ref(), touched);
        if let Some(class) = class {
            let hash = hash(&class);
            let known = self.classes.entry(hash).or_default();
            if !known.contains_key(&class) {
                known.insert(class.clone(), BTreeSet::new());
                shifted(hash, known, touched);
            }
            known.entry(class).or_default().insert(prefix);
        }
    }

    fn leave(&mut self, prefix: Prefix, class: Option<&Class>, touched: &mut Touched) {
        let Some((class, hash)) = class.map(|class| (class, hash(class))) else { return };
        let Some(known) = self.classes.get_mut(&hash) else { return };
        let Some(prefixes) = known.get_mut(class) else { return };
        prefixes.remove(&prefix);
        if prefixes.is_empty() {
            shifted(hash, known, touched);
            known.remove(class);
            if known.is_empty() {
                self.classes.remove(&hash);
            }
        }
    }

    /// Whether some block or exception names a prefix.
    pub fn has(&self, prefix: Prefix) -> bool {
        self.prefixes.contains_key(&prefix)
    }

    /// The region of what lies in a prefix and in no longer one; 0: in no block.
    pub fn region(&self, prefix: Prefix) -> u32 {
        self.prefixes.get(&prefix).and_then(|held| held.class.as_ref()).map_or(0, |class| self.number(class))
    }

    fn number(&self, class: &Class) -> u32 {
        let hash = hash(class);
        let rank = self.classes.get(&hash).and_then(|known| known.keys().position(|other| other == class));
        // More of one hash than ranks is no accident: what lies there is in no region, and not admitted.
        rank.and_then(|rank| u32::try_from(rank).ok())
            .filter(|rank| rank >> RANK_BITS == 0)
            .map_or(0, |rank| hash | rank)
    }

    /// The peers that a region lies in.
    pub fn class(&self, region: u32) -> Option<&Class> {
        let rank = region & ((1 << RANK_BITS) - 1);
        self.classes.get(&(region & !rank))?.keys().nth(rank as usize)
    }

    /// The regions that lie in a block of some peers.
    pub fn of(&self, peers: &str) -> BTreeSet<u32> {
        let cidrs = self.blocks.get(peers).into_iter().flat_map(|blocks| blocks.iter().map(|block| block.cidr));
        let prefixes = cidrs.flat_map(|cidr| self.prefixes.range(cidr.within()));
        let classes: BTreeSet<&Class> = prefixes.filter_map(|(_, held)| held.class.as_ref()).collect();
        classes.into_iter().map(|class| self.number(class)).collect()
    }
}

/// The numbers of all regions of a hash may be others now, and with them what their prefixes say.
fn shifted(hash: u32, known: &BTreeMap<Class, BTreeSet<Prefix>>, touched: &mut Touched) {
    touched.regions.extend((0..known.len()).map_while(|rank| u32::try_from(rank).ok()).map(|rank| hash | rank));
    touched.prefixes.extend(known.values().flatten());
}

/// FNV-1a over the names, between a bit that keeps it from 0 and room for the rank.
fn hash(class: &Class) -> u32 {
    let bytes = class.iter().flat_map(|name| name.bytes().chain([0]));
    let full = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let mixed = (full ^ (full >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    1 << 31 | ((mixed >> 33) as u32) & !((1 << RANK_BITS) - 1)
}

impl Parsed {
    /// A block; `None` where an exception leaves nothing of it.
    fn new(block: &Block) -> Option<Parsed> {
        let cidr = Prefix::from(block.cidr);
        let except: BTreeSet<Prefix> = block.except.iter().map(|&except| Prefix::from(except)).collect();
        let whole = except.iter().any(|except| except.contains(cidr));
        let except = except.into_iter().filter(|&except| cidr.contains(except)).collect();
        (!whole).then_some(Parsed { cidr, except })
    }

    fn prefixes(&self) -> impl Iterator<Item = Prefix> {
        std::iter::once(self.cidr).chain(self.except.iter().copied())
    }

    fn excepts(&self, prefix: Prefix) -> bool {
        !self.except.is_empty() && prefix.around().any(|around| self.except.contains(&around))
    }
}

#[cfg(test)]
mod tests;
