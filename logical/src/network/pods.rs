//! Pods: what each has, what it still waits for, and what its node is told.

use std::net::IpAddr;

use api::node::object::Kind;
use smallvec::SmallVec;

use crate::Name;
use crate::address::Family;
use crate::assign::Claim;
use crate::book::EntryId;
use crate::event::{Change, Effects, Notice};
use crate::fact::{self, ObjectKey};
use crate::pods::PodState;
use crate::problem::Problem;
use crate::view::{self, Connected};
use crate::want::Judge;

use super::Network;

/// The addresses that a pod has, confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settled<'a> {
    pub subnet: &'a Name,
    /// At most one a family, IPv4 first.
    pub entries: SmallVec<[&'a EntryId; 2]>,
}

/// Where a pod stands.
enum Stand {
    /// It wants nothing.
    Idle,
    /// It has all that it needs.
    Connected,
    /// It waits for addresses.
    Waits(Name, i64, Claim),
    /// It cannot be connected as it is.
    Refused(Problem),
}

impl Network {
    /// The allocations that count for a pod. Where two controllers have given it more than it needs: those that its port
    /// has, else the lowest.
    pub(super) fn settled(&self, state: &PodState) -> Option<Settled<'_>> {
        let node = state.fact.node.as_ref()?;
        let plugged = |id: &EntryId| self.ports.has_address(node, id.1);
        let mut here: SmallVec<[(&Name, &EntryId); 2]> = SmallVec::new();
        for id in self.book.of_pod(&state.fact.uid) {
            let found = self.book.entry_in_block(id).filter(|(_, entry)| entry.node == *node);
            here.extend(found.map(|(block, _)| (&block.subnet, id)));
        }
        here.sort();
        let mut best: Option<((bool, usize), Settled)> = None;
        for of_subnet in here.chunk_by(|one, other| one.0 == other.0) {
            let of = |family| {
                let ids = of_subnet.iter().map(|(_, id)| *id).filter(|id| Family::of(id.1) == family);
                ids.min_by_key(|id| (!plugged(id), id.1))
            };
            let entries: SmallVec<[&EntryId; 2]> = [of(Family::V4), of(Family::V6)].into_iter().flatten().collect();
            let rank = (entries.iter().any(|id| plugged(id)), entries.len());
            if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                best = Some((rank, Settled { subnet: of_subnet[0].0, entries }));
            }
        }
        best.map(|(_, settled)| settled)
    }

    /// Families that a pod with some addresses still waits for. One that is plugged in waits for nothing: a subnet that
    /// gets a second family does not change pods that run.
    fn missing(&self, state: &PodState, settled: &Settled) -> Vec<Family> {
        let uid = &state.fact.uid;
        let recorded = |id: &&EntryId| self.book.entry(id).is_some_and(|entry| !entry.container_id.is_empty());
        if settled.entries.iter().any(recorded)
            || state.fact.node.as_ref().is_some_and(|node| self.ports.has_pod(node, uid))
        {
            return Vec::new();
        }
        let plan = self.subnets.get(settled.subnet).and_then(|judged| judged.in_force());
        let families = plan.into_iter().flat_map(|plan| &plan.families).map(|plan| plan.family);
        families.filter(|family| settled.entries.iter().all(|id| Family::of(id.1) != *family)).collect()
    }

    fn stand(&self, id: &Name) -> Stand {
        let Some(state) = self.pods.get(id).filter(|state| state.active()) else { return Stand::Idle };
        let Some(node) = state.fact.node.as_ref().filter(|node| self.nodes.contains_key(*node)) else {
            return Stand::Idle;
        };
        let settled = self.settled(state);
        let missing = settled.as_ref().map(|settled| self.missing(state, settled));
        if missing.as_ref().is_some_and(Vec::is_empty) {
            return Stand::Connected;
        }
        let judge = Judge {
            subnets: &self.subnets,
            statics: &self.statics,
            namespace: self.namespaces.get(&*state.fact.namespace),
            settled: settled.as_ref().map(|settled| settled.subnet),
        };
        let wish = match judge.wish(&state.fact) {
            Ok(wish) => wish,
            Err(problem) => return Stand::Refused(problem),
        };
        let plan = self
            .subnets
            .get(&wish.subnet)
            .and_then(|judged| judged.in_force())
            .expect("a wish is for a subnet in force");
        let families = missing.unwrap_or_else(|| plan.families.iter().map(|plan| plan.family).collect());
        let fixed = |family| wish.fixed.iter().copied().find(|address: &IpAddr| Family::of(*address) == family);
        let claim = Claim {
            namespace: state.fact.namespace.clone(),
            name: state.fact.name.clone(),
            uid: state.fact.uid.clone(),
            node: node.clone(),
            mac: wish.mac,
            needs: families.into_iter().map(|family| (family, fixed(family))).collect(),
        };
        Stand::Waits(wish.subnet, state.fact.created, claim)
    }

    /// Looks at what a pod has and wants.
    pub(super) fn review_pod(&mut self, id: &Name) {
        self.dirty.shown.insert(id.clone());
        let stand = self.stand(id);
        match stand {
            Stand::Waits(..) | Stand::Refused(_) => drop(self.unplugged.insert(id.clone())),
            Stand::Idle | Stand::Connected => drop(self.unplugged.remove(id)),
        }
        let new = match stand {
            Stand::Refused(problem) => {
                self.refused.insert(id.clone(), problem);
                None
            }
            Stand::Waits(subnet, created, claim) => {
                self.refused.remove(id);
                Some((subnet, created, claim))
            }
            Stand::Idle | Stand::Connected => {
                self.refused.remove(id);
                None
            }
        };
        self.set_claim(id, new);
    }

    fn set_claim(&mut self, id: &Name, new: Option<(Name, i64, Claim)>) {
        if let Some((subnet, created)) = self.claim_of.get(id).cloned() {
            let claims = self.claims.get_mut(&subnet).expect("an indexed claim exists");
            let same = new.as_ref().is_some_and(|(other, at, claim)| {
                *other == subnet && *at == created && claims.get(&(created, id.clone())) == Some(claim)
            });
            if same {
                return;
            }
            claims.remove(&(created, id.clone()));
            if claims.is_empty() {
                self.claims.remove(&subnet);
            }
            self.claim_of.remove(id);
            self.dirty.claims.insert(subnet);
        }
        if let Some((subnet, created, claim)) = new {
            self.claims.entry(subnet.clone()).or_default().insert((created, id.clone()), claim);
            self.claim_of.insert(id.clone(), (subnet.clone(), created));
            self.dirty.claims.insert(subnet);
        }
    }

    /// Why a pod cannot be plugged in now.
    fn problem_of(&self, id: &Name) -> Option<&Problem> {
        let short = || self.short.get(&self.claim_of.get(id)?.0)?.get(id);
        self.refused.get(id).or_else(short)
    }

    /// Tells a pod's node what the pod is like now, and its owner what is wrong.
    pub(super) fn show_pod(&mut self, id: &Name, effects: &mut Effects) {
        let Some(state) = self.pods.get(id) else { return };
        let Some(node) = state.fact.node.clone() else { return };
        let problem = self.problem_of(id).cloned();
        let kind = match &problem {
            Some(problem) => Some(view::pod_with_problem(&state.fact, problem)),
            None if self.unplugged.contains(id) || !state.active() => None,
            None => self.connected(id, state),
        };
        let connected = kind.is_some() && problem.is_none();
        if connected
            && !self.handover.is_active()
            && let Some(wanted) = state.place.as_ref().map(|place| place.identity)
        {
            let shown = self.moves.shown(id, wanted).expect("a pod without identity is not connected");
            self.moves.show(id, shown, wanted);
        }
        self.views.set_local(effects, &node, view::pod_key(id), kind);
        let state = self.pods.get_mut(id).expect("just seen");
        if problem.is_none() && !connected || state.told == problem {
            return;
        }
        let object = ObjectKey::namespaced(fact::Kind::Pod, &state.fact.namespace, &state.fact.name);
        let (change, what) = match &problem {
            Some(problem) => (Change::Wrong, problem.clone()),
            None => (Change::Right, Problem::new("Connected", format!("pod {id} has its addresses now"))),
        };
        effects.notices.push(Notice { object, uid: (&*state.fact.uid).into(), change, what });
        state.told = problem;
    }

    /// `None` also for a pod whose identity nodes have not confirmed yet.
    fn connected(&self, id: &Name, state: &PodState) -> Option<Kind> {
        let identity = match &state.place {
            _ if self.handover.is_active() => self.handed_over(id, state)?,
            Some(place) => self.identities.number(self.moves.shown(id, place.identity)?),
            None => 0,
        };
        let settled = self.settled(state)?;
        let mac = settled.entries.iter().find_map(|id| self.book.entry(id)?.mac);
        let connected = Connected {
            subnet: settled.subnet,
            effective: self.effective.get(settled.subnet)?,
            addresses: settled.entries.iter().map(|(_, address)| *address).collect(),
            mac,
            identity,
        };
        Some(view::pod(&state.fact, connected))
    }
}
