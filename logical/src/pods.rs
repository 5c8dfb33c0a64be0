//! All pods, and the ways to find them.

use std::net::IpAddr;

use smallvec::Array;

use crate::Name;
use crate::fact::{Holder, Pod};
use crate::few::Few;
use crate::hash::HashMap;
use crate::identity::{IdentityId, Place};
use crate::problem::Problem;

/// All pods, by id: `NAMESPACE/NAME`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pods {
    all: HashMap<Name, Box<PodState>>,
    by_uid: HashMap<Name, Name>,
    by_node: HashMap<Name, Few<[Name; 1]>>,
    by_namespace: HashMap<Name, Few<[Name; 4]>>,
}

/// A pod with what is remembered about it.
#[derive(Debug, Clone)]
pub(crate) struct PodState {
    pub fact: Pod,
    /// Its identity and where it counts; `None` where it has no identity.
    pub place: Option<Place>,
    /// Addresses under which others know it, and as which identity.
    pub published: Option<(IdentityId, Box<[IpAddr]>)>,
    /// What its owner has been told is wrong.
    pub told: Option<Problem>,
}

impl PodState {
    /// It wants to be connected: bound, not on the node's own network, not at its end.
    pub fn active(&self) -> bool {
        self.fact.node.is_some() && !self.fact.host_network && !self.fact.finished
    }
}

/// The id of a pod.
pub(crate) fn id(namespace: &str, name: &str) -> Name {
    format!("{namespace}/{name}").into()
}

impl Pods {
    /// Puts in a pod, or takes it out; returns what was there.
    pub fn set(&mut self, id: &Name, pod: Option<Pod>) -> Option<Box<PodState>> {
        let old = self.all.remove(id);
        if let Some(old) = &old {
            if self.by_uid.get(&old.fact.uid) == Some(id) {
                self.by_uid.remove(&old.fact.uid);
            }
            if pod.as_ref().map(|pod| &pod.node) != Some(&old.fact.node) {
                old.fact.node.iter().for_each(|node| edit(&mut self.by_node, node, id, false));
            }
        }
        match &pod {
            Some(fact) => {
                self.by_uid.insert(fact.uid.clone(), id.clone());
                fact.node.iter().for_each(|node| edit(&mut self.by_node, node, id, true));
                edit(&mut self.by_namespace, &fact.namespace, id, true);
            }
            None => old.iter().for_each(|old| edit(&mut self.by_namespace, &old.fact.namespace, id, false)),
        }
        if let Some(fact) = pod {
            let same = old.as_ref().filter(|old| old.fact.uid == fact.uid);
            let told = same.and_then(|old| old.told.clone());
            let (place, published) = same.map_or((None, None), |old| (old.place.clone(), old.published.clone()));
            self.all.insert(id.clone(), Box::new(PodState { fact, place, published, told }));
        }
        old
    }

    /// Every pod.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &PodState)> {
        self.all.iter().map(|(id, state)| (id, &**state))
    }

    pub fn get(&self, id: &str) -> Option<&PodState> {
        self.all.get(id).map(|state| &**state)
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut PodState> {
        self.all.get_mut(id).map(|state| &mut **state)
    }

    pub fn by_uid(&self, uid: &str) -> Option<&Name> {
        self.by_uid.get(uid)
    }

    pub fn of_node(&self, node: &str) -> impl Iterator<Item = &Name> {
        self.by_node.get(node).into_iter().flat_map(Few::iter)
    }

    /// Pods of a namespace.
    pub fn of_namespace(&self, namespace: &str) -> impl Iterator<Item = &Name> {
        self.by_namespace.get(namespace).into_iter().flat_map(Few::iter)
    }

    /// Pods that a static address may be for.
    pub fn of_holder(&self, namespace: &str, holder: &Holder) -> Vec<&Name> {
        match holder {
            Holder::Pod(name) => self.all.get_key_value(&*id(namespace, name)).map(|(id, _)| id).into_iter().collect(),
            Holder::StatefulSet(name) => {
                let start = format!("{namespace}/{name}-");
                self.of_namespace(namespace).filter(|id| id.starts_with(&start)).collect()
            }
            Holder::External(_) => Vec::new(),
        }
    }
}

fn edit<A: Array<Item = Name>>(index: &mut HashMap<Name, Few<A>>, key: &Name, id: &Name, present: bool) {
    let ids = index.entry(key.clone()).or_default();
    if present {
        ids.insert(id.clone());
    } else {
        ids.remove(id);
    }
    if ids.is_empty() {
        index.remove(key);
    }
}
