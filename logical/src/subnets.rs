//! All subnets: which of them are in force, and which one a namespace uses.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::config::DefaultSubnet;

use crate::Name;
use crate::fact::{Namespace, Subnet};
use crate::plan::Plan;
use crate::problem::Problem;

/// The one network that there is so far; every key and record names it, so that others can come.
pub(crate) const NETWORK: &str = "default";

/// All subnets, judged together.
#[derive(Debug, Clone)]
pub(crate) struct Subnets {
    facts: BTreeMap<Name, Subnet>,
    default: (Name, Arc<Plan>),
    judged: BTreeMap<Name, Judged>,
}

/// A subnet and the verdict over it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judged {
    /// `None`: the spec cannot be used.
    pub plan: Option<Arc<Plan>>,
    /// Why it gives no addresses; `None`: it is in force.
    pub problem: Option<Problem>,
    pub created: i64,
}

impl Judged {
    /// The plan, where it is in force.
    pub fn in_force(&self) -> Option<&Arc<Plan>> {
        self.plan.as_ref().filter(|_| self.problem.is_none())
    }
}

impl Subnets {
    /// Only the configured default subnet, which must be usable.
    pub fn new(config: &DefaultSubnet) -> Result<Subnets, Problem> {
        let plan = Arc::new(Plan::new(&config.name, &config.spec)?);
        let mut subnets =
            Subnets { facts: BTreeMap::new(), default: (config.name.as_str().into(), plan), judged: BTreeMap::new() };
        subnets.judge();
        Ok(subnets)
    }

    /// Puts another in the place of the configured default subnet, which must be usable.
    pub fn set_default(&mut self, config: &DefaultSubnet) -> Result<(), Problem> {
        self.default = (config.name.as_str().into(), Arc::new(Plan::new(&config.name, &config.spec)?));
        Ok(())
    }

    pub fn upsert(&mut self, subnet: Subnet) {
        self.facts.insert(Name::from(&*subnet.name), subnet);
    }

    pub fn remove(&mut self, name: &str) {
        self.facts.remove(name);
    }

    pub fn fact(&self, name: &str) -> Option<&Subnet> {
        self.facts.get(name)
    }

    pub fn get(&self, name: &str) -> Option<&Judged> {
        self.judged.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Judged)> {
        self.judged.iter()
    }

    /// Judges all anew; returns the names whose verdict or plan has changed. Of two that overlap the older one is in force;
    /// the configured default counts as older than all.
    pub fn judge(&mut self) -> Vec<Name> {
        let mut order: Vec<(i64, Name, Result<Arc<Plan>, Problem>)> = Vec::new();
        for (name, fact) in &self.facts {
            let plan = fact.spec.as_ref().map_err(Problem::clone).and_then(|spec| Plan::new(name, spec));
            order.push((fact.created, name.clone(), plan.map(Arc::new)));
        }
        if !self.facts.contains_key(&self.default.0) {
            order.push((i64::MIN, self.default.0.clone(), Ok(self.default.1.clone())));
        }
        order.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        let mut judged: BTreeMap<Name, Judged> = BTreeMap::new();
        let mut in_force: Vec<(Name, Arc<Plan>)> = Vec::new();
        for (created, name, plan) in order {
            let (plan, problem) = match plan {
                Err(problem) => (None, Some(problem)),
                Ok(plan) => {
                    let problem = overlap(&name, &plan, &in_force);
                    if problem.is_none() {
                        in_force.push((name.clone(), plan.clone()));
                    }
                    (Some(plan), problem)
                }
            };
            judged.insert(name, Judged { plan, problem, created });
        }
        let names = judged.keys().chain(self.judged.keys());
        let mut changed: Vec<Name> =
            names.filter(|name| judged.get(*name) != self.judged.get(*name)).cloned().collect();
        changed.sort();
        changed.dedup();
        self.judged = judged;
        changed
    }

    /// The subnet that pods of a namespace use: one that names it, else one whose selector fits (the older one of several),
    /// else the default.
    pub fn of_namespace(&self, namespace: &Namespace) -> &Name {
        let fitting = self.judged.iter().filter_map(|(name, judged)| {
            let fit = judged.plan.as_ref()?.fit(namespace)?;
            Some(((fit, judged.created, name), name))
        });
        fitting.min().map_or(&self.default.0, |(_, name)| name)
    }

    /// The subnet in force that an address lies in.
    pub fn containing(&self, address: std::net::IpAddr) -> Option<&Name> {
        let contains = |plan: &Arc<Plan>| plan.families.iter().any(|family| family.span.contains(address));
        self.judged.iter().find(|(_, judged)| judged.in_force().is_some_and(contains)).map(|(name, _)| name)
    }
}

fn overlap(name: &str, plan: &Plan, in_force: &[(Name, Arc<Plan>)]) -> Option<Problem> {
    for (other, older) in in_force {
        for one in &plan.families {
            if let Some(two) = older.families.iter().find(|two| one.span.overlaps(&two.span)) {
                let message = format!(
                    "Subnet {name}: {} overlaps {} of Subnet {other}, which is older; choose another prefix. \
                     Pods that run keep their addresses, no new ones are given out",
                    one.cidr, two.cidr
                );
                return Some(Problem::new("Overlaps", message));
            }
        }
    }
    None
}
