//! The index of one direction.

use super::pages::Pages;
use super::regions::Regions;
use super::{Key, PortMatch};
use crate::object::{Direction, Peers, Rule};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The rules of one direction, and what names what. No set in it is empty.
#[derive(Debug, Clone, Default)]
pub struct Side {
    /// The rules, by number.
    pub rules: BTreeMap<u32, Arc<Rule>>,
    /// Identities that name a rule.
    pub named_by: BTreeMap<u32, BTreeSet<u32>>,
    /// Rules that name peers.
    pub users: BTreeMap<Arc<str>, BTreeSet<u32>>,
    /// Rules that name ports.
    pub ports: BTreeMap<PortMatch, BTreeSet<u32>>,
    /// The regions of the peers that rules name.
    pub regions: Regions,
    /// How many rules each flow names.
    pub pages: Pages,
}

impl Side {
    /// Gives peers their blocks, as long as a rule names them; what that touches.
    pub fn put_blocks(&mut self, direction: Direction, name: &Arc<str>, peers: Option<&Peers>) -> BTreeSet<Key> {
        let blocks = peers.filter(|_| self.users.contains_key(name)).map_or(&[][..], |peers| &peers.blocks);
        let touched = self.regions.put(name, blocks);
        let prefixes = touched.prefixes.into_iter().map(|prefix| Key::Prefix(direction, prefix));
        let regions = touched.regions.into_iter().map(|region| Key::Region(direction, region));
        prefixes.chain(regions).collect()
    }
}
