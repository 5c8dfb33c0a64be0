//! What many facts have in common is kept once: names, label sets, the requirements of selectors.
//!
//! Every object comes from the API with texts of its own, and most of them are there already: the namespace of a pod, its node,
//! the labels of its ReplicaSet, its UID in the record of its address.

use std::hash::Hash;
use std::sync::Arc;

use crate::Name;
use crate::fact::read::Labels;
use crate::fact::{Fact, NetworkPolicy, PolicyPeer};
use crate::hash::HashSet;
use crate::selector::{Requirement, Selector};

/// All that is shared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Common {
    names: Pool<str>,
    labels: Pool<[(Name, Name)]>,
    selectors: Pool<[Requirement]>,
}

/// Values of one type.
#[derive(Debug)]
struct Pool<T: ?Sized> {
    all: HashSet<Arc<T>>,
    /// With so many of them those are looked for that nobody else has any more.
    full: usize,
}

/// A pool that is smaller is not searched.
const LEAST: usize = 1024;

impl<T: ?Sized> Clone for Pool<T> {
    fn clone(&self) -> Pool<T> {
        Pool { all: self.all.clone(), full: self.full }
    }
}

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool { all: HashSet::default(), full: LEAST }
    }
}

impl<T: ?Sized + Eq + Hash> Pool<T> {
    /// The value as it is known; one that is not is `made` to be.
    fn share(&mut self, value: &mut Arc<T>, made: impl FnOnce(&T) -> Option<Arc<T>>) {
        if let Some(known) = self.all.get(&**value) {
            value.clone_from(known);
            return;
        }
        if let Some(made) = made(value) {
            *value = made;
        }
        if self.all.len() >= self.full {
            self.all.retain(|one| Arc::strong_count(one) > 1);
            self.full = LEAST.max(2 * self.all.len());
        }
        self.all.insert(value.clone());
    }
}

impl Pool<str> {
    /// A name as it is known.
    fn known(&mut self, name: &Name) -> Name {
        let mut name = name.clone();
        self.share(&mut name, |_| None);
        name
    }
}

impl Common {
    /// Lets a fact share what is known.
    pub fn fact(&mut self, fact: &mut Fact) {
        match fact {
            Fact::Pod(pod) => {
                let names = [&mut pod.namespace, &mut pod.name, &mut pod.uid];
                names.into_iter().chain(&mut pod.node).for_each(|name| self.name(name));
                self.labels(&mut pod.labels);
            }
            Fact::Namespace(namespace) => self.labels(&mut namespace.labels),
            Fact::AddressBlock(block) => {
                let own = [&mut block.subnet, &mut block.network, &mut block.node];
                own.into_iter().for_each(|name| self.name(name));
                for entry in &mut block.allocations {
                    let names = [&mut entry.namespace, &mut entry.name, &mut entry.uid, &mut entry.node];
                    names.into_iter().for_each(|name| self.name(name));
                }
            }
            Fact::NetworkPolicy(policy) => self.policy(policy),
            Fact::Node(_) | Fact::Subnet(_) | Fact::StaticAddress(_) | Fact::Service(_) | Fact::EndpointSlice(_) => {}
        }
    }

    /// Lets a name be the one that is known.
    pub fn name(&mut self, name: &mut Name) {
        self.names.share(name, |_| None);
    }

    fn labels(&mut self, labels: &mut Labels) {
        let names = &mut self.names;
        let own = |labels: &[(Name, Name)]| {
            Some(labels.iter().map(|(key, value)| (names.known(key), names.known(value))).collect())
        };
        self.labels.share(labels, own);
    }

    fn policy(&mut self, policy: &mut NetworkPolicy) {
        self.name(&mut policy.namespace);
        self.selector(&mut policy.pods);
        let rules = policy.ingress.iter_mut().chain(&mut policy.egress).flatten();
        for peer in rules.filter_map(|rule| rule.peers.as_mut()).flatten() {
            if let PolicyPeer::Pods { namespaces, pods } = peer {
                namespaces.iter_mut().chain([pods]).for_each(|selector| self.selector(selector));
            }
        }
    }

    fn selector(&mut self, selector: &mut Selector) {
        let names = &mut self.names;
        let mut own = |one: &Requirement| {
            let (key, values) = (names.known(&one.key), one.values.iter().map(|value| names.known(value)).collect());
            Requirement { key, operator: one.operator, values }
        };
        self.selectors.share(&mut selector.requirements, |all| Some(all.iter().map(&mut own).collect()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(name: &str, app: &str) -> Fact {
        let metadata = json!({"namespace": "shop", "name": name, "uid": name, "labels": {"app": app}});
        Fact::from_object(&json!({"kind": "Pod", "metadata": metadata})).unwrap()
    }

    #[test]
    fn what_is_equal_is_one() {
        let mut common = Common::default();
        let [one, two] = ["a", "b"].map(|name| {
            let mut fact = pod(name, "web");
            common.fact(&mut fact);
            match fact {
                Fact::Pod(pod) => pod,
                other => panic!("{other:?} is no pod"),
            }
        });
        assert!(Arc::ptr_eq(&one.namespace, &two.namespace) && Arc::ptr_eq(&one.labels, &two.labels));
        assert_eq!((&*one.name, &*two.name), ("a", "b"));
    }

    #[test]
    fn what_nobody_has_any_more_is_forgotten() {
        let mut common = Common::default();
        for number in 0..10 * LEAST {
            common.fact(&mut pod(&number.to_string(), &format!("app-{number}")));
        }
        // Names that label sets have go with these.
        assert!(common.names.all.len() <= 4 * LEAST && common.labels.all.len() <= LEAST);
    }
}
