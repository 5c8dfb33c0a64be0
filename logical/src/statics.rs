//! All static addresses: which hold, for whom, and which come too late.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use crate::Name;
use crate::address::Family;
use crate::fact::{Holder, StaticAddress};
use crate::problem::Problem;
use crate::subnets::Subnets;

/// Static addresses by age, so that the older of two that want the same wins: creation time, then namespace and name.
type Aged = (i64, StaticKey);
/// Namespace and name of a StaticAddress.
pub(crate) type StaticKey = (Box<str>, Box<str>);

/// All static addresses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Statics {
    all: BTreeMap<StaticKey, Judged>,
    /// Who wants an address, the oldest first.
    contenders: HashMap<IpAddr, BTreeSet<Aged>>,
    /// Who is for a holder of a namespace, the oldest first.
    holders: HashMap<(Box<str>, Holder), BTreeSet<Aged>>,
}

/// A static address and the verdict over it.
#[derive(Debug, Clone)]
struct Judged {
    fact: StaticAddress,
    /// The subnet that its addresses lie in, or why they cannot be held.
    subnet: Result<Name, Problem>,
}

/// What is held for a pod.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    pub subnet: Name,
    pub addresses: Vec<IpAddr>,
    pub mac: Option<[u8; 6]>,
}

/// Who or what was touched by a change of static addresses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Touched {
    pub statics: BTreeSet<StaticKey>,
    /// Holders, with their namespace.
    pub holders: BTreeSet<(Box<str>, Holder)>,
    pub addresses: BTreeSet<IpAddr>,
}

impl Statics {
    /// Puts in a static address, or takes it out.
    pub fn set(&mut self, key: &StaticKey, fact: Option<StaticAddress>, subnets: &Subnets) -> Touched {
        let mut touched = Touched::default();
        touched.statics.insert(key.clone());
        if let Some(old) = self.all.remove(key) {
            self.index(key, &old, false, &mut touched);
        }
        if let Some(fact) = fact {
            let new = Judged { subnet: locate(&fact, subnets), fact };
            self.index(key, &new, true, &mut touched);
            self.all.insert(key.clone(), new);
        }
        touched
    }

    /// Judges all against changed subnets.
    pub fn judge(&mut self, subnets: &Subnets) -> Touched {
        let mut touched = Touched::default();
        let keys: Vec<StaticKey> = self.all.keys().cloned().collect();
        for key in keys {
            let old = self.all.remove(&key).expect("the key was just read");
            let subnet = locate(&old.fact, subnets);
            if subnet == old.subnet {
                self.all.insert(key, old);
                continue;
            }
            self.index(&key, &old, false, &mut touched);
            let new = Judged { subnet, ..old };
            self.index(&key, &new, true, &mut touched);
            touched.statics.insert(key.clone());
            self.all.insert(key, new);
        }
        touched
    }

    fn index(&mut self, key: &StaticKey, judged: &Judged, present: bool, touched: &mut Touched) {
        let Ok(spec) = &judged.fact.spec else { return };
        let aged = (judged.fact.created, key.clone());
        let holder = (key.0.clone(), spec.holder.clone());
        touched.holders.insert(holder.clone());
        let rivals = edit(&mut self.holders, holder, &aged, present);
        touched.statics.extend(rivals);
        if judged.subnet.is_err() {
            return;
        }
        for address in spec.addresses.iter().flatten() {
            touched.addresses.insert(*address);
            for rival in edit(&mut self.contenders, *address, &aged, present) {
                if let Some(Ok(spec)) = self.all.get(&rival).map(|rival| &rival.fact.spec) {
                    touched.holders.insert((rival.0.clone(), spec.holder.clone()));
                }
                touched.statics.insert(rival);
            }
        }
    }

    pub fn fact(&self, key: &StaticKey) -> Option<&StaticAddress> {
        self.all.get(key).map(|judged| &judged.fact)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&StaticKey, &StaticAddress)> {
        self.all.iter().map(|(key, judged)| (key, &judged.fact))
    }

    /// The static address that holds this address, the oldest of those that want it.
    pub fn holder_of(&self, address: IpAddr) -> Option<&StaticKey> {
        self.contenders.get(&address)?.first().map(|(_, key)| key)
    }

    /// Whether an address is held for this pod.
    pub fn holds_for(&self, address: IpAddr, namespace: &str, name: &str) -> bool {
        let owner = self.holder_of(address).and_then(|key| self.all.get(key));
        owner.is_some_and(|judged| {
            *judged.fact.namespace == *namespace
                && judged.fact.spec.as_ref().is_ok_and(|spec| {
                    let ordinal = ordinal_of(&spec.holder, name);
                    ordinal.and_then(|ordinal| spec.addresses.get(ordinal)).is_some_and(|mine| mine.contains(&address))
                })
        })
    }

    /// What is held for a pod; `None`: nothing is. A problem where something is, but cannot be had.
    pub fn of_pod(&self, namespace: &str, name: &str) -> Option<Result<Held, Problem>> {
        let by_name = Some((Holder::Pod(name.into()), 0));
        let by_ordinal = split_ordinal(name).map(|(set, ordinal)| (Holder::StatefulSet(set.into()), ordinal));
        for (holder, ordinal) in [by_name, by_ordinal].into_iter().flatten() {
            let Some(aged) = self.holders.get(&(namespace.into(), holder)) else { continue };
            let Some((_, key)) = aged.first() else { continue };
            return Some(self.held(key, ordinal, name));
        }
        None
    }

    fn held(&self, key: &StaticKey, ordinal: usize, pod: &str) -> Result<Held, Problem> {
        let judged = &self.all[key];
        let spec = judged.fact.spec.as_ref().map_err(Problem::clone)?;
        let subnet = judged.subnet.clone().map_err(|problem| {
            let message = format!("pod {}/{pod} waits for its static address: {}", key.0, problem.message);
            Problem { message: message.into(), ..problem }
        })?;
        let Some(addresses) = spec.addresses.get(ordinal) else {
            let message = format!(
                "StaticAddress {}/{} has no address for ordinal {ordinal} (pod {}/{pod}); add an entry to its addresses",
                key.0, key.1, key.0
            );
            return Err(Problem::new("NoStaticAddress", message));
        };
        for address in addresses {
            if let Some(winner) = self.holder_of(*address).filter(|winner| *winner != key) {
                return Err(duplicate(key, *address, winner));
            }
        }
        Ok(Held { subnet, addresses: addresses.clone(), mac: spec.mac })
    }

    /// The subnet of a static address, or why it does not hold.
    pub fn verdict(&self, key: &StaticKey) -> Result<Name, Problem> {
        let judged = &self.all[key];
        let spec = judged.fact.spec.as_ref().map_err(Problem::clone)?;
        let subnet = judged.subnet.clone()?;
        let holder = (key.0.clone(), spec.holder.clone());
        let rival = self.holders.get(&holder).and_then(|aged| aged.first()).map(|(_, rival)| rival);
        if let (Some(rival), false) = (rival, matches!(spec.holder, Holder::External(_)))
            && rival != key
        {
            let message = format!(
                "StaticAddress {}/{} is for the same owner as {}/{}, which is older; delete one of them",
                key.0, key.1, rival.0, rival.1
            );
            return Err(Problem::new("DuplicateOwner", message));
        }
        let lost = |address: &IpAddr| Some((*address, self.holder_of(*address).filter(|winner| *winner != key)?));
        match spec.addresses.iter().flatten().find_map(lost) {
            Some((address, winner)) => Err(duplicate(key, address, winner)),
            None => Ok(subnet),
        }
    }
}

fn duplicate(key: &StaticKey, address: IpAddr, winner: &StaticKey) -> Problem {
    let message = format!(
        "StaticAddress {}/{}: {address} is already held by StaticAddress {}/{}, which is older; choose another address",
        key.0, key.1, winner.0, winner.1
    );
    Problem::new("DuplicateAddress", message)
}

/// Inserts or removes, and returns the others at the same place.
fn edit<K: std::hash::Hash + Eq>(
    index: &mut HashMap<K, BTreeSet<Aged>>,
    key: K,
    aged: &Aged,
    present: bool,
) -> Vec<StaticKey> {
    let set = index.entry(key).or_default();
    match present {
        true => drop(set.insert(aged.clone())),
        false => drop(set.remove(aged)),
    }
    set.iter().filter(|other| *other != aged).map(|(_, key)| key.clone()).collect()
}

/// `web-12` is ordinal 12 of `web`.
fn split_ordinal(pod: &str) -> Option<(&str, usize)> {
    let (set, digits) = pod.rsplit_once('-')?;
    let plain = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    Some((set, digits.parse().ok().filter(|_| plain)?))
}

fn ordinal_of(holder: &Holder, pod: &str) -> Option<usize> {
    match holder {
        Holder::Pod(name) => (**name == *pod).then_some(0),
        Holder::StatefulSet(name) => split_ordinal(pod).filter(|(set, _)| **name == **set).map(|(_, ordinal)| ordinal),
        Holder::External(_) => None,
    }
}

/// The subnet that all addresses of a static address lie in.
fn locate(fact: &StaticAddress, subnets: &Subnets) -> Result<Name, Problem> {
    let spec = fact.spec.as_ref().map_err(Problem::clone)?;
    let who = format!("StaticAddress {}/{}", fact.namespace, fact.name);
    let first = spec.addresses.iter().flatten().next().expect("a spec without addresses is malformed");
    let name: Name = match &spec.subnet {
        Some(name) => Name::from(&**name),
        None => subnets.containing(*first).cloned().ok_or_else(|| {
            let message =
                format!("{who}: no Subnet contains {first}; make one, or choose an address of an existing one");
            Problem::new("NoSubnet", message)
        })?,
    };
    let judged = subnets.get(&name).ok_or_else(|| {
        Problem::new("NoSubnet", format!("{who}: there is no Subnet {name}; make it, or correct the name"))
    })?;
    let plan = judged.in_force().ok_or_else(|| {
        let why = judged.problem.as_ref().map_or_else(String::new, |problem| problem.message.to_string());
        Problem::new("SubnetNotReady", format!("{who}: its subnet gives no addresses: {why}"))
    })?;
    for address in spec.addresses.iter().flatten() {
        let family =
            plan.family(Family::of(*address)).filter(|family| family.span.contains(*address)).ok_or_else(|| {
                let message =
                    format!("{who}: {address} lies outside of Subnet {name} ({}); choose one inside", plan.cidrs());
                Problem::new("AddressOutsideSubnet", message)
            })?;
        if let Some(what) = family.never(*address) {
            let message = format!("{who}: {address} is {what} of Subnet {name}; choose another address");
            return Err(Problem::new("AddressNotUsable", message));
        }
    }
    let mut seen = BTreeSet::new();
    match spec.addresses.iter().flatten().find(|address| !seen.insert(**address)) {
        Some(twice) => {
            Err(Problem::new("DuplicateAddress", format!("{who} names {twice} twice; give every ordinal its own")))
        }
        None => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_of_a_stateful_set_are_told_by_their_ordinal() {
        assert_eq!(split_ordinal("web-0"), Some(("web", 0)));
        assert_eq!(split_ordinal("my-web-12"), Some(("my-web", 12)));
        assert_eq!(split_ordinal("web"), None);
        assert_eq!(split_ordinal("web-01"), None);
        assert_eq!(split_ordinal("web-x1"), None);
        assert_eq!(split_ordinal("web-"), None);
    }
}
