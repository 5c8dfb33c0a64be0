//! Services on a node: which endpoints stand behind which address, and the groups that choose among them.
//!
//! A Service joins objects: itself and its slices. This index knows which slices belong to which Service, and makes again what
//! a change touches: one Service, with its flows, its groups and the connections that went to endpoints it no longer has. An
//! endpoint set is one `select` group; numbers of groups and buckets follow from what they are for ([`Ids`], [`set`]), so that a
//! restarted agent finds its own, and a change of one endpoint is one bucket.

mod door;
mod endpoint;
mod ids;
mod made;
mod set;

pub use door::{Door, Outcome, Outside, Outsider};
pub use endpoint::{Here, chosen};
pub use ids::Ids;
pub use made::Made;
pub use set::{Scope, ServiceSet, Set, SetKey, translate};

use crate::cookie::Subject;
use crate::diff::GroupChange;
use crate::flow::Draft;
use crate::object::{Config, Fact, Protocol, Service, Slice, Target, service_subject};
use crate::tables;

use rust_openflow::ct_flush::{CtFlush, CtTuple};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

/// Conntrack zone in which sources of translated connections are translated; the zones of networks stay below.
pub const SOURCE_ZONE: u16 = 0xfff0;

/// A hash of 64 bits that never changes: FNV-1a over the parts, with a mark after each, mixed.
pub(crate) fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.iter().chain(&[0xff]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}

/// The Services of a node.
#[derive(Debug, Clone, Default)]
pub struct Services {
    held: BTreeMap<Arc<str>, Held>,
    ids: Ids,
    /// Services that have to be made again.
    dirty: BTreeSet<Arc<str>>,
}

/// A Service, with what names it.
#[derive(Debug, Clone, Default)]
struct Held {
    service: Option<Arc<Service>>,
    /// By key; hardly ever more than one.
    slices: Vec<Arc<Slice>>,
    made: Made,
}

/// What is made again in one step.
#[derive(Debug, Default)]
pub struct Flush {
    /// The Services that are touched, by name: their flows are others now.
    pub touched: Vec<Arc<str>>,
    /// The sets of those Services, before and after.
    before: Vec<ServiceSet>,
    after: Vec<ServiceSet>,
    /// Services whose learned flows are no longer right.
    pub forget: Vec<Subject>,
    /// Connections that lead nowhere, without their zone.
    pub stale: Vec<CtFlush>,
}

impl Flush {
    /// The groups that change.
    pub fn groups(&self) -> Vec<GroupChange> {
        let mut there: BTreeMap<u32, &ServiceSet> = self.before.iter().map(|old| (old.set.id, old)).collect();
        let mut changes = Vec::new();
        for new in &self.after {
            match there.remove(&new.set.id) {
                None => changes.push(GroupChange::Add(new.clone())),
                Some(old) if old == new => {}
                Some(old) => changes.push(GroupChange::of_sets(old, new)),
            }
        }
        changes.extend(there.into_keys().map(GroupChange::Remove));
        changes
    }
}

impl Services {
    /// Takes an object in the place of another of the same key.
    pub fn replace(&mut self, old: Option<&Fact>, new: Option<&Fact>) {
        for fact in [old, new].into_iter().flatten() {
            if let Fact::Service(_) | Fact::Slice(_) = fact {
                self.touch(fact);
            }
        }
        if let Some(Fact::Service(service)) = old {
            self.held(&service.name).service = None;
        }
        if let Some(Fact::Slice(slice)) = old {
            self.held(&slice.service).slices.retain(|held| held.key != slice.key);
        }
        if let Some(Fact::Service(service)) = new {
            self.held(&service.name).service = Some(service.clone());
        }
        if let Some(Fact::Slice(slice)) = new {
            self.held(&slice.service).put(slice.clone());
        }
    }

    fn touch(&mut self, fact: &Fact) {
        let name = match fact {
            Fact::Service(service) => &service.name,
            Fact::Slice(slice) => &slice.service,
            _ => return,
        };
        self.dirty.insert(name.as_str().into());
    }

    fn held(&mut self, name: &str) -> &mut Held {
        self.held.entry(name.into()).or_default()
    }

    /// Marks every Service to be made again.
    pub fn touch_all(&mut self) {
        self.dirty.extend(self.held.keys().cloned());
    }

    /// Makes again what has been marked since the last time; nothing stands without a configuration.
    pub fn flush(&mut self, config: Option<&Config>) -> Flush {
        let mut flush = Flush::default();
        let mut new: BTreeMap<Arc<str>, Made> = BTreeMap::new();
        for name in &self.dirty {
            let Some(held) = self.held.get(name) else { continue };
            new.insert(name.clone(), config.map_or_else(Made::default, |config| held.make(config)));
        }
        for name in self.number(&new) {
            let made = new.remove(&name).unwrap_or_else(|| self.held[&name].made.clone());
            let held = self.held.get_mut(&name).expect("what is touched is held");
            flush.before.extend(held.made.of(&name));
            flush.stale.extend(stale(&held.made, &made));
            if held.made.affinity.seconds != 0 && held.made.affinity != made.affinity {
                flush.forget.push(service_subject(&name));
            }
            held.made = made;
            for set in &mut held.made.sets {
                set.id = self.ids.get(&name, set.key).expect("every set has been numbered");
            }
            flush.after.extend(held.made.of(&name));
            if held.service.is_none() && held.slices.is_empty() {
                self.held.remove(&name);
            }
            flush.touched.push(name);
        }
        self.dirty.clear();
        flush
    }

    /// The flows of a Service, as it was made last.
    pub fn flows(&self, name: &str, config: Option<&Config>) -> Vec<Draft> {
        let held = self.held.get(name).and_then(|held| Some((held.service.as_ref()?, &held.made)));
        held.zip(config)
            .map_or_else(Vec::new, |((service, made), config)| tables::service::service(service, made, config.proxy))
    }

    /// Gives numbers to sets that are new and takes them from those that are gone; the Services that are touched, with those
    /// whose groups have another number now.
    fn number(&mut self, new: &BTreeMap<Arc<str>, Made>) -> BTreeSet<Arc<str>> {
        let mut touched: BTreeSet<Arc<str>> = new.keys().cloned().collect();
        for (name, made) in new {
            for set in self.held[name].made.sets.iter().filter(|set| made.set(set.key).is_none()) {
                touched.extend(self.ids.release(name, set.key));
            }
        }
        for (name, made) in new {
            for set in &made.sets {
                touched.extend(self.ids.assign(name, set.key));
            }
        }
        touched
    }

    /// The sets of all groups, by Service.
    pub fn all_sets(&self) -> impl Iterator<Item = ServiceSet> + '_ {
        self.held.iter().flat_map(|(name, held)| held.made.of(name))
    }

    /// A Service, by name.
    pub fn service(&self, name: &str) -> Option<&Arc<Service>> {
        self.held.get(name)?.service.as_ref()
    }

    /// The endpoint sets of a Service, by name.
    pub fn sets(&self, name: &str) -> impl Iterator<Item = &Set> {
        self.held.get(name).into_iter().flat_map(|held| held.made.sets.iter())
    }

    /// Where Services are asked for, by name.
    pub fn doors(&self) -> impl Iterator<Item = (&str, &Door)> {
        self.held.iter().flat_map(|(name, held)| held.made.doors.iter().map(move |door| (&**name, door)))
    }

    /// Whether a Service is asked for at an address and port, and clients keep their endpoints there.
    pub fn sticks(&self, name: &str, protocol: Protocol, target: Target) -> bool {
        let Some(held) = self.held.get(name) else { return false };
        let at = |door: &Door| (door.protocol, door.address, door.port) == (protocol, target.address, target.port);
        held.made.affinity.seconds != 0 && held.made.doors.iter().any(at)
    }
}

impl Services {
    /// Of connections that the switch tracks, those that no packet should follow any longer, without their zone: where something
    /// changed while nobody looked. Each is what was asked for, and who answers.
    pub fn strays(&self, tracked: impl IntoIterator<Item = (Protocol, Target, Target)>) -> Vec<CtFlush> {
        let behind: HashMap<_, _> = self.held.values().flat_map(|held| held.made.datagrams()).collect();
        let is_stray = |(protocol, asked, answers): &(Protocol, Target, Target)| {
            let Some(targets) = behind.get(&(*protocol, *asked)) else { return false };
            if asked == answers { !targets.is_empty() } else { !targets.contains(answers) }
        };
        let strays: BTreeSet<_> = tracked.into_iter().filter(is_stray).collect();
        strays.into_iter().map(|(protocol, asked, answers)| lost((protocol, asked), answers)).collect()
    }
}

impl Held {
    fn put(&mut self, slice: Arc<Slice>) {
        match self.slices.binary_search_by(|held| held.key.cmp(&slice.key)) {
            Ok(at) => self.slices[at] = slice,
            Err(at) => {
                self.slices.reserve_exact(1);
                self.slices.insert(at, slice);
            }
        }
    }

    fn make(&self, config: &Config) -> Made {
        match &self.service {
            Some(service) => Made::new(service, self.slices.iter().map(|slice| &**slice), config),
            None => Made::default(),
        }
    }
}

/// Connections that no packet should follow any longer: to endpoints that a port has lost, and untranslated ones to an address
/// that has endpoints now. TCP finds out by itself; datagrams would go on for as long as there are some.
fn stale(old: &Made, new: &Made) -> Vec<CtFlush> {
    let (before, now) = (old.datagrams(), new.datagrams());
    let mut stale = Vec::new();
    for (at, targets) in &before {
        let kept = now.get(at);
        let gone = targets.iter().filter(|target| !kept.is_some_and(|kept| kept.contains(*target)));
        stale.extend(gone.map(|target| lost(*at, *target)));
    }
    for (at, targets) in &now {
        let had_some = before.get(at).is_some_and(|targets| !targets.is_empty());
        if !targets.is_empty() && !had_some {
            stale.push(lost(*at, at.1));
        }
    }
    stale
}

/// The connections that asked at a door and that this endpoint answers.
fn lost((protocol, door): (Protocol, Target), answers: Target) -> CtFlush {
    CtFlush {
        ip_proto: protocol.number(),
        original: Some(CtTuple { dst: Some(door.address), dst_port: Some(door.port), ..CtTuple::default() }),
        reply: Some(CtTuple { src: Some(answers.address), src_port: Some(answers.port), ..CtTuple::default() }),
        ..CtFlush::default()
    }
}

/// Whether an address is one of a list.
fn is_one_of(addresses: &[IpAddr], address: IpAddr) -> bool {
    addresses.contains(&address)
}

#[cfg(test)]
pub(crate) mod tests;
