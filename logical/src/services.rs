//! Services and their endpoints: which of them nodes are told.
//!
//! Every node has every Service that is served, with its slices: what an agent makes of them is its own affair. A slice is
//! told while its Service is. Each object is made once and shared with the views.

mod inspect;

use std::collections::{BTreeMap, BTreeSet};

use api::config::ServicesConfig;
use api::node::Key;
use api::node::object::Kind;

use crate::Name;
use crate::encoded::Encoded;
use crate::event::{Change, Effects, Notice};
use crate::fact::{self, EndpointSlice, ObjectKey, Service};
use crate::problem::Problem;
use crate::view::Views;

/// Namespace and name.
pub(crate) type Id = (Name, Name);

/// All Services and slices of the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    config: ServicesConfig,
    services: BTreeMap<Id, Stored>,
    slices: BTreeMap<Id, Stored>,
    /// Slices by Service.
    slices_of: BTreeMap<Id, BTreeSet<Id>>,
}

/// What is kept of an object.
#[derive(Debug, Clone)]
struct Stored {
    /// As nodes are told it; `None`: it is of no use to them.
    object: Option<Encoded>,
    /// Of a slice: its Service.
    service: Option<Id>,
    /// What people were told of it.
    problem: Option<Problem>,
}

impl Services {
    /// None yet.
    pub fn new(config: &ServicesConfig) -> Services {
        let (services, slices, slices_of) = Default::default();
        Services { config: config.clone(), services, slices, slices_of }
    }

    /// A Service exists and looks like this.
    pub fn set(&mut self, fact: Service, views: &mut Views, effects: &mut Effects) {
        let id: Id = (fact.namespace.as_ref().into(), fact.name.as_ref().into());
        let about = About { kind: fact::Kind::Service, id: &id, uid: &fact.uid };
        let before = self.services.get(&id);
        let problem = self.problem(&fact);
        about.tell(before.and_then(|stored| stored.problem.as_ref()), problem.as_ref(), effects);
        let was_served = before.is_some_and(|stored| stored.object.is_some());
        let stored = Stored { object: self.object(fact), service: None, problem };
        let is_served = stored.object.is_some();
        views.put_shared(effects, service_key(&id), stored.object.clone().map(|object| (object, None)));
        self.services.insert(id.clone(), stored);
        if was_served != is_served {
            self.show_slices(&id, views, effects);
        }
    }

    /// A Service is gone.
    pub fn remove(&mut self, key: &ObjectKey, views: &mut Views, effects: &mut Effects) {
        let id = id_of(key);
        if self.services.remove(&id).is_some_and(|stored| stored.object.is_some()) {
            views.put_shared(effects, service_key(&id), None);
            self.show_slices(&id, views, effects);
        }
    }

    /// A slice exists and looks like this.
    pub fn set_slice(&mut self, fact: EndpointSlice, views: &mut Views, effects: &mut Effects) {
        let id: Id = (fact.namespace.as_ref().into(), fact.name.as_ref().into());
        let about = About { kind: fact::Kind::EndpointSlice, id: &id, uid: &fact.uid };
        let before = self.slices.get(&id);
        about.tell(before.and_then(|stored| stored.problem.as_ref()), fact.problem.as_ref(), effects);
        self.forget_service_of(&id);
        let service = fact.usable.as_ref().map(|slice| (id.0.clone(), slice.service.as_str().into()));
        if let Some(service) = service.clone() {
            self.slices_of.entry(service).or_default().insert(id.clone());
        }
        let object = fact.usable.map(|slice| Encoded::new(slice_key(&id), Kind::EndpointSlice(*slice)));
        self.slices.insert(id.clone(), Stored { object, service, problem: fact.problem });
        self.show_slice(&id, views, effects);
    }

    /// A slice is gone.
    pub fn remove_slice(&mut self, key: &ObjectKey, views: &mut Views, effects: &mut Effects) {
        let id = id_of(key);
        self.forget_service_of(&id);
        self.slices.remove(&id);
        views.put_shared(effects, slice_key(&id), None);
    }

    /// The Service of a slice that is of use.
    fn service_of(&self, id: &Id) -> Option<&Id> {
        self.slices.get(id)?.service.as_ref()
    }

    /// A Service as nodes are told it, with its external addresses where these are switched on.
    fn object(&self, fact: Service) -> Option<Encoded> {
        let mut service = *fact.served?;
        if self.config.external_ips {
            let more = fact.external_ips.iter().map(ToString::to_string);
            let more: Vec<String> = more.filter(|ip| !service.external_addresses.contains(ip)).collect();
            service.external_local |= !more.is_empty() && fact.external_local;
            service.external_addresses.extend(more);
        }
        let key = Key::Service { namespace: &fact.namespace, name: &fact.name }.to_string();
        Some(Encoded::new(key, Kind::Service(service)))
    }

    fn problem(&self, fact: &Service) -> Option<Problem> {
        fact.problem.clone().or_else(|| {
            let message = format!(
                "Service {}/{}: externalIPs are not served; switch them on in the controller's configuration \
                 (services.externalIPs: true) if everybody who can write Services may claim any address",
                fact.namespace, fact.name
            );
            let is_ignored = fact.served.is_some() && !fact.external_ips.is_empty() && !self.config.external_ips;
            is_ignored.then(|| Problem::new("ExternalIPsOff", message))
        })
    }

    fn show_slices(&self, service: &Id, views: &mut Views, effects: &mut Effects) {
        for slice in self.slices_of.get(service).into_iter().flatten() {
            self.show_slice(slice, views, effects);
        }
    }

    /// Tells nodes of a slice, if its Service is served.
    fn show_slice(&self, id: &Id, views: &mut Views, effects: &mut Effects) {
        let service = self.service_of(id).and_then(|service| self.services.get(service));
        let is_told = service.is_some_and(|service| service.object.is_some());
        let object = self.slices.get(id).and_then(|stored| stored.object.clone()).filter(|_| is_told);
        views.put_shared(effects, slice_key(id), object.map(|object| (object, None)));
    }

    fn forget_service_of(&mut self, id: &Id) {
        let Some(service) = self.service_of(id).cloned() else { return };
        if let Some(slices) = self.slices_of.get_mut(&service) {
            slices.remove(id);
            if slices.is_empty() {
                self.slices_of.remove(&service);
            }
        }
    }
}

/// The object that people are told of.
struct About<'a> {
    kind: fact::Kind,
    id: &'a Id,
    uid: &'a str,
}

impl About<'_> {
    /// Makes a notice of a problem that is new or has gone.
    fn tell(&self, before: Option<&Problem>, now: Option<&Problem>, effects: &mut Effects) {
        if before == now {
            return;
        }
        let object = ObjectKey::namespaced(self.kind, &self.id.0, &self.id.1);
        let (change, what) = match now {
            Some(problem) => (Change::Wrong, problem.clone()),
            None => (Change::Right, Problem::new("Ready", format!("{object} is in order"))),
        };
        effects.notices.push(Notice { object, uid: self.uid.into(), change, what });
    }
}

fn id_of(key: &ObjectKey) -> Id {
    (key.namespace.as_ref().into(), key.name.as_ref().into())
}

fn service_key(id: &Id) -> String {
    Key::Service { namespace: &id.0, name: &id.1 }.to_string()
}

fn slice_key(id: &Id) -> String {
    Key::EndpointSlice { namespace: &id.0, name: &id.1 }.to_string()
}
