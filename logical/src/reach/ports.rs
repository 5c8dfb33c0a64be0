//! Sets of ports: what of a connection's protocol and destination port is admitted.

use std::collections::HashMap;
use std::fmt;

use crate::policy::compile::{Ports, merged};
use crate::policy::inspect::protocol_name;

/// Protocols with destination ports.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PortSet {
    /// These ports and nothing else; sorted, without overlaps. None: nothing at all.
    Only(Vec<Ports>),
    /// Every protocol and port, those without ports too, but these.
    AllBut(Vec<Ports>),
}

impl PortSet {
    /// Nothing.
    pub const NOTHING: PortSet = PortSet::Only(Vec::new());
    /// Everything.
    pub const EVERYTHING: PortSet = PortSet::AllBut(Vec::new());

    /// What is in both.
    pub fn and(&self, other: &PortSet) -> PortSet {
        match (self, other) {
            (PortSet::AllBut(a), PortSet::AllBut(b)) => PortSet::AllBut(merged([&a[..], b].concat()).into_vec()),
            (PortSet::Only(a), PortSet::AllBut(b)) | (PortSet::AllBut(b), PortSet::Only(a)) => {
                PortSet::Only(without(a, b))
            }
            // What is left of a when what is left of it outside of b is taken away.
            (PortSet::Only(a), PortSet::Only(b)) => PortSet::Only(without(a, &without(a, b))),
        }
    }

    /// What is in one of them.
    pub fn or(&self, other: &PortSet) -> PortSet {
        self.not().and(&other.not()).not()
    }

    /// What is in this one alone.
    pub fn minus(&self, other: &PortSet) -> PortSet {
        self.and(&other.not())
    }

    fn not(&self) -> PortSet {
        match self {
            PortSet::Only(ports) => PortSet::AllBut(ports.clone()),
            PortSet::AllBut(ports) => PortSet::Only(ports.clone()),
        }
    }

    /// Whether nothing is in it.
    pub fn is_nothing(&self) -> bool {
        *self == PortSet::NOTHING
    }
}

/// The ports of some ranges that are in none of the others; both sorted and without overlaps.
fn without(ranges: &[Ports], taken: &[Ports]) -> Vec<Ports> {
    let mut left = Vec::new();
    for &(protocol, first, last) in ranges {
        let mut from = u32::from(first);
        for &(_, start, end) in
            taken.iter().filter(|(of, start, end)| *of == protocol && *start <= last && *end >= first)
        {
            if u32::from(start) > from {
                left.push((protocol, port(from), start - 1));
            }
            from = from.max(u32::from(end) + 1);
        }
        if from <= u32::from(last) {
            left.push((protocol, port(from), last));
        }
    }
    left
}

fn port(number: u32) -> u16 {
    u16::try_from(number).expect("it is not above the last port of its range")
}

impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |ports: &[Ports]| {
            let text = |&(protocol, first, last): &Ports| match (protocol_name(protocol), first, last) {
                (name, 0, u16::MAX) => name.to_owned(),
                (name, first, last) if first == last => format!("{first}/{name}"),
                (name, first, last) => format!("{first}-{last}/{name}"),
            };
            ports.iter().map(text).collect::<Vec<_>>().join(", ")
        };
        match self {
            PortSet::Only(ports) if ports.is_empty() => f.write_str("nothing"),
            PortSet::Only(ports) => f.write_str(&listed(ports)),
            PortSet::AllBut(ports) if ports.is_empty() => f.write_str("everything"),
            PortSet::AllBut(ports) => write!(f, "everything but {}", listed(ports)),
        }
    }
}

/// Sets by number, each once; what is computed of two of them is computed once.
#[derive(Debug)]
pub(super) struct Sets {
    all: Vec<PortSet>,
    ids: HashMap<PortSet, u32>,
    ands: HashMap<(u32, u32), u32>,
    ors: HashMap<(u32, u32), u32>,
}

/// The set with nothing in it.
pub(super) const NOTHING: u32 = 0;
/// The set with everything in it.
pub(super) const EVERYTHING: u32 = 1;

impl Sets {
    pub fn new() -> Sets {
        let mut sets = Sets { all: Vec::new(), ids: HashMap::new(), ands: HashMap::new(), ors: HashMap::new() };
        sets.id(PortSet::NOTHING);
        sets.id(PortSet::EVERYTHING);
        sets
    }

    pub fn id(&mut self, set: PortSet) -> u32 {
        if let Some(id) = self.ids.get(&set) {
            return *id;
        }
        let id = u32::try_from(self.all.len()).expect("fewer sets than pairs of rules");
        self.all.push(set.clone());
        self.ids.insert(set, id);
        id
    }

    pub fn get(&self, id: u32) -> &PortSet {
        &self.all[id as usize]
    }

    pub fn and(&mut self, a: u32, b: u32) -> u32 {
        match (a.min(b), a.max(b)) {
            (NOTHING, _) => NOTHING,
            (EVERYTHING, other) => other,
            (a, b) if a == b => a,
            pair => {
                if let Some(known) = self.ands.get(&pair) {
                    return *known;
                }
                let id = self.id(self.all[pair.0 as usize].and(&self.all[pair.1 as usize]));
                self.ands.insert(pair, id);
                id
            }
        }
    }

    pub fn or(&mut self, a: u32, b: u32) -> u32 {
        match (a.min(b), a.max(b)) {
            (NOTHING, other) => other,
            (EVERYTHING, _) => EVERYTHING,
            (a, b) if a == b => a,
            pair => {
                if let Some(known) = self.ors.get(&pair) {
                    return *known;
                }
                let id = self.id(self.all[pair.0 as usize].or(&self.all[pair.1 as usize]));
                self.ors.insert(pair, id);
                id
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(ports: &[Ports]) -> PortSet {
        PortSet::Only(merged(ports.to_vec()).into_vec())
    }

    #[track_caller]
    fn check(set: &PortSet, expect: &str) {
        assert_eq!(set.to_string(), expect);
    }

    #[test]
    fn sets_meet_join_and_differ() {
        let (web, low) = (only(&[(6, 80, 80), (6, 443, 443)]), only(&[(6, 0, 100), (17, 53, 53)]));
        check(&web.and(&low), "80/TCP");
        check(&web.or(&low), "0-100/TCP, 443/TCP, 53/UDP");
        check(&low.minus(&web), "0-79/TCP, 81-100/TCP, 53/UDP");
        check(&PortSet::EVERYTHING.minus(&web), "everything but 80/TCP, 443/TCP");
        check(&web.minus(&PortSet::EVERYTHING), "nothing");
        check(&PortSet::EVERYTHING.minus(&web).and(&low), "0-79/TCP, 81-100/TCP, 53/UDP");
        check(&web.or(&PortSet::EVERYTHING.minus(&web)), "everything");
        check(&only(&[(6, 0, 65535)]).minus(&only(&[(6, 65535, 65535)])), "0-65534/TCP");
        check(&only(&[(132, 0, 65535)]), "SCTP");
    }

    #[test]
    fn a_set_has_one_number() {
        let mut sets = Sets::new();
        let (a, b) = (sets.id(only(&[(6, 1, 9)])), sets.id(only(&[(6, 5, 20)])));
        let (met, joined) = (sets.and(a, b), sets.or(b, a));
        assert_eq!((sets.get(met).to_string(), sets.get(joined).to_string()), ("5-9/TCP".into(), "1-20/TCP".into()));
        assert_eq!((sets.and(a, NOTHING), sets.and(a, EVERYTHING), sets.or(a, EVERYTHING)), (NOTHING, a, EVERYTHING));
    }
}
