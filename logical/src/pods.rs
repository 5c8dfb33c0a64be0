//! All pods, and the ways to find them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::ops::Bound;

use crate::Name;
use crate::fact::{Holder, Pod};
use crate::identity::{IdentityId, Place};
use crate::problem::Problem;

/// All pods, by id: `NAMESPACE/NAME`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pods {
    all: BTreeMap<Name, PodState>,
    by_uid: HashMap<Box<str>, Name>,
    by_node: HashMap<Name, BTreeSet<Name>>,
}

/// A pod with what is remembered about it.
#[derive(Debug, Clone)]
pub(crate) struct PodState {
    pub fact: Pod,
    pub node: Option<Name>,
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
        self.node.is_some() && !self.fact.host_network && !self.fact.finished
    }
}

/// The id of a pod.
pub(crate) fn id(namespace: &str, name: &str) -> Name {
    format!("{namespace}/{name}").into()
}

impl Pods {
    /// Puts in a pod, or takes it out; returns what was there.
    pub fn set(&mut self, id: &Name, pod: Option<Pod>) -> Option<PodState> {
        let old = self.all.remove(id);
        if let Some(old) = &old {
            if self.by_uid.get(&old.fact.uid) == Some(id) {
                self.by_uid.remove(&old.fact.uid);
            }
            if let Some(node) = &old.node
                && let Some(pods) = self.by_node.get_mut(node)
            {
                pods.remove(id);
                if pods.is_empty() {
                    self.by_node.remove(node);
                }
            }
        }
        if let Some(fact) = pod {
            let node = fact.node.as_deref().map(Name::from);
            self.by_uid.insert(fact.uid.clone(), id.clone());
            if let Some(node) = &node {
                self.by_node.entry(node.clone()).or_default().insert(id.clone());
            }
            let same = old.as_ref().filter(|old| old.fact.uid == fact.uid);
            let told = same.and_then(|old| old.told.clone());
            let (place, published) = same.map_or((None, None), |old| (old.place.clone(), old.published.clone()));
            self.all.insert(id.clone(), PodState { fact, node, place, published, told });
        }
        old
    }

    /// Every pod.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &PodState)> {
        self.all.iter()
    }

    pub fn get(&self, id: &str) -> Option<&PodState> {
        self.all.get(id)
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut PodState> {
        self.all.get_mut(id)
    }

    pub fn by_uid(&self, uid: &str) -> Option<&Name> {
        self.by_uid.get(uid)
    }

    pub fn of_node(&self, node: &str) -> impl Iterator<Item = &Name> {
        self.by_node.get(node).into_iter().flatten()
    }

    /// Pods of a namespace.
    pub fn of_namespace<'a>(&'a self, namespace: &str) -> impl Iterator<Item = &'a Name> + use<'a> {
        self.starting(&format!("{namespace}/"))
    }

    /// Pods that a static address may be for.
    pub fn of_holder<'a>(&'a self, namespace: &str, holder: &Holder) -> Vec<&'a Name> {
        match holder {
            Holder::Pod(name) => self.all.get_key_value(&*id(namespace, name)).map(|(id, _)| id).into_iter().collect(),
            Holder::StatefulSet(name) => self.starting(&format!("{namespace}/{name}-")).collect(),
            Holder::External(_) => Vec::new(),
        }
    }

    fn starting<'a>(&'a self, start: &str) -> impl Iterator<Item = &'a Name> + use<'a> {
        let start: Name = start.into();
        let range = self.all.range((Bound::Included(start.clone()), Bound::Unbounded));
        range.map(|(id, _)| id).take_while(move |id| id.starts_with(&*start))
    }
}
