//! Who gets which address: proposals for all pods of a subnet that still wait for one.
//!
//! A pure function of the facts, with no memory: fixed addresses first, then in the order in which the pods were made; each
//! from a block of its node, else from a new block, else (the subnet is cut up) from whatever block has one left. It looks
//! at the waiting pods and at the blocks they may use, never at those that have their addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::Name;
use crate::address::{Family, Span, number};
use crate::book::{Book, EntryId};
use crate::fact::Allocation;
use crate::plan::{FamilyPlan, Plan};
use crate::problem::Problem;
use crate::release::Release;
use crate::statics::Statics;

/// A pod that waits for addresses.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Claim {
    pub namespace: Name,
    pub name: Name,
    pub uid: Name,
    pub node: Name,
    pub mac: Option<[u8; 6]>,
    /// The families it waits for, with the address where it must be a certain one.
    pub needs: Vec<(Family, Option<IpAddr>)>,
}

/// Claims in the order in which they are served: when the pod was made, and its id.
pub(crate) type Claims = BTreeMap<(i64, Name), Claim>;

/// What is proposed for one block.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Add {
    /// The block has to be made: its addresses, and the node that gets it.
    pub make: Option<(Span, Name)>,
    pub allocations: Vec<Allocation>,
}

/// The facts that a round of assignment looks at.
pub(crate) struct Round<'a> {
    pub subnet: &'a Name,
    pub network: &'a Name,
    pub plan: &'a Plan,
    pub book: &'a Book,
    pub release: &'a Release,
    pub statics: &'a Statics,
}

/// What a round comes to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    /// Proposals by name of block.
    pub adds: BTreeMap<Name, Add>,
    /// Pods that get nothing now, and why.
    pub short: BTreeMap<Name, Problem>,
}

impl Round<'_> {
    pub fn run(&self, claims: &Claims) -> Outcome {
        let mut desk = Desk {
            round: self,
            outcome: Outcome::default(),
            taken: BTreeMap::new(),
            made: BTreeMap::new(),
            search: BTreeMap::new(),
        };
        for ((_, pod), claim) in claims {
            for address in claim.needs.iter().filter_map(|(_, fixed)| *fixed) {
                desk.fixed(pod, claim, address);
            }
        }
        for ((_, pod), claim) in claims {
            for (family, fixed) in &claim.needs {
                if fixed.is_none() {
                    desk.any(pod, claim, *family);
                }
            }
        }
        desk.outcome
    }
}

/// A round at work.
struct Desk<'a> {
    round: &'a Round<'a>,
    outcome: Outcome,
    /// Addresses proposed in this round, and for whom.
    taken: BTreeMap<IpAddr, Name>,
    /// Blocks proposed in this round, by span.
    made: BTreeMap<Span, (Name, Name)>,
    search: BTreeMap<Family, Search>,
}

/// Where to go on looking in a family: what lies before has nothing left.
#[derive(Default)]
struct Search {
    /// Blocks of a node that are not used up yet, in reverse order, and how far each is.
    own: BTreeMap<Name, Vec<Open>>,
    /// Where the next new block may begin; `None` within: nowhere.
    region: Option<Option<u128>>,
    /// All blocks of the subnet for who finds nothing else, in reverse order.
    any: Option<Vec<Open>>,
}

/// A block that may have free addresses from a number on.
struct Open {
    block: Name,
    span: Span,
    next: u128,
}

impl Desk<'_> {
    fn short(&mut self, pod: &Name, reason: &'static str, message: String) {
        self.outcome.short.entry(pod.clone()).or_insert_with(|| Problem::new(reason, message));
    }

    fn give(&mut self, (pod, claim): (&Name, &Claim), block: &Name, address: IpAddr) {
        self.taken.insert(address, pod.clone());
        let add = self.outcome.adds.entry(block.clone()).or_default();
        add.allocations.push(Allocation {
            address,
            namespace: claim.namespace.clone(),
            name: claim.name.clone(),
            uid: claim.uid.clone(),
            container_id: "".into(),
            node: claim.node.clone(),
            mac: claim.mac,
        });
        add.allocations.sort_by_key(|entry| entry.address);
    }

    fn make(&mut self, span: Span, node: &Name) -> Name {
        let name: Name = block_name(self.round.network, span).into();
        self.outcome.adds.entry(name.clone()).or_default().make = Some((span, node.clone()));
        self.made.insert(span, (name.clone(), node.clone()));
        name
    }

    /// Nobody has the address, or who had it is gone for good.
    fn vacant(&self, block: &Name, address: IpAddr) -> bool {
        let id: EntryId = (block.clone(), address);
        self.round.book.entry(&id).is_none() || self.round.release.removable(&id)
    }

    fn fixed(&mut self, pod: &Name, claim: &Claim, address: IpAddr) {
        let round = self.round;
        if let Some(other) = self.taken.get(&address).filter(|other| *other != pod) {
            let message =
                format!("pod {pod}: {address} goes to pod {other}, which was made before; choose another address");
            return self.short(pod, "AddressInUse", message);
        }
        if let Some((id, entry)) = round.book.at(round.network, address)
            && !round.release.removable(&id)
        {
            let message = format!(
                "pod {pod}: {address} belongs to pod {}/{} on node {} until that pod and its port are gone; wait, or delete that pod",
                entry.namespace, entry.name, entry.node
            );
            return self.short(pod, "AddressInUse", message);
        }
        let point = Span { family: Family::of(address), first: number(address), last: number(address) };
        let existing = round.book.overlapping(round.network, point).next().map(|(name, _)| name.clone());
        let foreign = |name: &&Name| {
            round.book.is_void(name) || round.book.block(name).is_some_and(|block| block.subnet != *round.subnet)
        };
        if let Some(foreign) = existing.as_ref().filter(foreign) {
            let message = format!(
                "pod {pod}: {address} lies in AddressBlock {foreign}, which is not of Subnet {}; wait until it is gone",
                round.subnet
            );
            return self.short(pod, "AddressInUse", message);
        }
        let proposed = || self.made.iter().find(|(span, _)| span.contains(address)).map(|(_, (name, _))| name.clone());
        let block = match existing.or_else(proposed) {
            Some(block) => block,
            None => {
                let span = self.region_around(address);
                self.make(span, &claim.node)
            }
        };
        self.give((pod, claim), &block, address);
    }

    /// The largest block around an address that overlaps no other.
    fn region_around(&self, address: IpAddr) -> Span {
        let family = Family::of(address);
        let least = self.round.plan.family(family).map_or(family.bits(), |plan| plan.block);
        let spans = (least..=family.bits()).map(|length| Span::around(address, length));
        let free = |span: &Span| !self.occupied(*span);
        spans.into_iter().find(free).unwrap_or_else(|| Span::around(address, family.bits()))
    }

    fn occupied(&self, span: Span) -> bool {
        self.round.book.overlapping(self.round.network, span).next().is_some()
            || self.made.keys().any(|made| made.overlaps(&span))
    }

    fn any(&mut self, pod: &Name, claim: &Claim, family: Family) {
        let round = self.round;
        let Some(plan) = round.plan.family(family) else { return };
        let mut search = self.search.remove(&family).unwrap_or_default();
        let found = self
            .in_own_block(&mut search, plan, &claim.node)
            .or_else(|| self.in_new_block(&mut search, plan, &claim.node))
            .or_else(|| self.in_any_block(&mut search, plan));
        self.search.insert(family, search);
        match found {
            Some((block, address)) => self.give((pod, claim), &block, address),
            None => {
                let message = format!(
                    "pod {pod}: Subnet {} has no {family} address left in {}; delete pods, give it a larger prefix, \
                     or move namespaces to another Subnet",
                    round.subnet, plan.cidr
                );
                self.short(pod, "SubnetExhausted", message);
            }
        }
    }

    fn in_own_block(&self, search: &mut Search, plan: &FamilyPlan, node: &Name) -> Option<(Name, IpAddr)> {
        let open = search.own.entry(node.clone()).or_insert_with(|| {
            let mine = self.round.book.of_node(node).filter_map(|name| self.open(plan, name));
            let made = self.made.iter().filter(|(span, (_, owner))| span.family == plan.family && owner == node);
            let mut open: Vec<Open> =
                mine.chain(made.map(|(span, (name, _))| Open::new(name.clone(), *span))).collect();
            open.sort_by_key(|open| std::cmp::Reverse(open.span));
            open
        });
        self.next_free(open, plan)
    }

    fn in_any_block(&self, search: &mut Search, plan: &FamilyPlan) -> Option<(Name, IpAddr)> {
        let open = search.any.get_or_insert_with(|| {
            let all = self.round.book.of_subnet(self.round.subnet).filter_map(|name| self.open(plan, name));
            let made = self.made.iter().filter(|(span, _)| span.family == plan.family);
            let mut open: Vec<Open> = all.chain(made.map(|(span, (name, _))| Open::new(name.clone(), *span))).collect();
            open.sort_by_key(|open| std::cmp::Reverse(open.span));
            open
        });
        self.next_free(open, plan)
    }

    /// A block of this subnet and family that is not full.
    fn open(&self, plan: &FamilyPlan, name: &Name) -> Option<Open> {
        let block = self.round.book.block(name)?;
        let span = Span::of(block.cidr);
        let full = block.allocations.len() as u128 > span.last - span.first && !self.round.release.any_removable(name);
        let usable =
            block.subnet == *self.round.subnet && span.family == plan.family && span.overlaps(&plan.span) && !full;
        usable.then(|| Open::new(name.clone(), span))
    }

    fn next_free(&self, open: &mut Vec<Open>, plan: &FamilyPlan) -> Option<(Name, IpAddr)> {
        while let Some(last) = open.last_mut() {
            if let Some(address) = self.free_in(plan, &last.block, Span { first: last.next, ..last.span }) {
                last.next = number(address) + 1;
                let found = (last.block.clone(), address);
                if last.next > last.span.last {
                    open.pop();
                }
                return Some(found);
            }
            open.pop();
        }
        None
    }

    /// The first address of a part of a block that may be given out by itself.
    fn free_in(&self, plan: &FamilyPlan, block: &Name, part: Span) -> Option<IpAddr> {
        let (first, last) = (part.first.max(plan.span.first), part.last.min(plan.span.last));
        (first..=last).map(|number| plan.family.address(number)).find(|address| {
            plan.never(*address).is_none()
                && !plan.is_reserved(*address)
                && !self.taken.contains_key(address)
                && self.round.statics.holder_of(*address).is_none()
                && self.vacant(block, *address)
        })
    }

    fn in_new_block(&mut self, search: &mut Search, plan: &FamilyPlan, node: &Name) -> Option<(Name, IpAddr)> {
        let mut next = search.region.unwrap_or(Some(plan.span.first));
        while let Some(first) = next {
            let size = 1_u128.checked_shl(u32::from(plan.family.bits() - plan.block)).unwrap_or(0);
            let last = first.saturating_add(size.wrapping_sub(1));
            if first > plan.span.last {
                break;
            }
            let span = Span { family: plan.family, first, last };
            let blocked = self.blocked_until(span, plan);
            let free = if blocked.is_none() { self.free_in(plan, &Name::from(""), span) } else { None };
            let after = blocked.unwrap_or(last).checked_add(1);
            next = after.and_then(|number| number.div_ceil(size).checked_mul(size));
            search.region = Some(next);
            if let Some(address) = free {
                let name = self.make(span, node);
                let rest = Open { next: number(address) + 1, ..Open::new(name.clone(), span) };
                search.own.entry(node.clone()).or_default().insert(0, rest);
                search.any = None;
                return Some((name, address));
            }
        }
        search.region = Some(None);
        None
    }

    /// The last address of what stands in the way of a new block: another block, or a reserved range that covers it all.
    fn blocked_until(&self, span: Span, plan: &FamilyPlan) -> Option<u128> {
        let existing = self.round.book.overlapping(self.round.network, span).map(|(_, other)| other.last);
        let made = self.made.keys().filter(|made| made.overlaps(&span)).map(|made| made.last);
        let reserved = plan.reserved.iter().filter(|reserved| reserved.covers(&span)).map(|reserved| reserved.last);
        existing.chain(made).chain(reserved).max().map(|last| last.max(span.last))
    }
}

impl Open {
    fn new(block: Name, span: Span) -> Open {
        Open { block, next: span.first, span }
    }
}

/// The name of a block: it follows from network and prefix, so that nobody can make the same one twice.
pub(crate) fn block_name(network: &str, span: Span) -> String {
    format!("{network}-{}", span.prefix().to_string().replace(['.', ':', '/'], "-"))
}
