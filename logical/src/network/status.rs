//! What owners are told: the statuses of subnets and static addresses.

use api::condition::Condition;
use api::static_address::StaticAddressStatus;
use api::subnet::SubnetStatus;

use crate::Name;
use crate::address::Span;
use crate::event::{Change, Effects, Notice, Role, Write};
use crate::fact::{Kind, ObjectKey};
use crate::problem::Problem;
use crate::statics::StaticKey;
use crate::time;

use super::Network;

/// A judgement, to be made a condition.
struct Verdict {
    kind: &'static str,
    holds: bool,
    what: Problem,
}

/// Whose conditions, and what they say now.
struct Conditions<'a> {
    now: &'a [Condition],
    generation: Option<i64>,
    /// Types that are Weft's on this kind: those without a verdict are taken away.
    ours: &'a [&'a str],
}

impl Conditions<'_> {
    /// The conditions with these verdicts. The time changes with the status, and others' conditions stay.
    fn with(&self, verdicts: Vec<Verdict>, seconds: i64) -> Vec<Condition> {
        let mut all: Vec<Condition> =
            self.now.iter().filter(|condition| !self.ours.contains(&condition.kind.as_str())).cloned().collect();
        for verdict in verdicts {
            let status = if verdict.holds { "True" } else { "False" };
            let before = self.now.iter().find(|condition| condition.kind == verdict.kind && condition.status == status);
            all.push(Condition {
                kind: verdict.kind.into(),
                status: status.into(),
                reason: verdict.what.reason.into(),
                message: verdict.what.message.into(),
                last_transition_time: before
                    .map_or_else(|| time::format(seconds), |before| before.last_transition_time.clone()),
                observed_generation: self.generation,
            });
        }
        all.sort_by(|one, other| one.kind.cmp(&other.kind));
        all
    }
}

impl Network {
    /// Wants a write, or no more.
    pub(super) fn set_write(&mut self, key: ObjectKey, write: Option<Write>, effects: &mut Effects) {
        if self.writes.get(&key) == write.as_ref() {
            return;
        }
        match write {
            Some(write) => drop(self.writes.insert(key.clone(), write)),
            None => drop(self.writes.remove(&key)),
        }
        effects.writes.insert(key);
    }

    fn seconds(&self) -> i64 {
        i64::try_from(self.now / 1_000).unwrap_or(i64::MAX)
    }

    pub(super) fn write_subnet_status(&mut self, name: &Name, effects: &mut Effects) {
        let key = ObjectKey::cluster(Kind::Subnet, name);
        let wanted = self.subnet_status(name);
        let problem = wanted.as_ref().and_then(|status| worst(&status.conditions));
        self.tell(&key, problem, effects);
        let write = wanted.filter(|status| self.subnets.fact(name).is_some_and(|fact| fact.status != *status));
        let write = write.map(|status| Write::SubnetStatus { name: name.to_string(), status });
        self.set_write(key, write.filter(|_| self.role == Role::Leader), effects);
    }

    fn subnet_status(&self, name: &str) -> Option<SubnetStatus> {
        let (fact, judged) = (self.subnets.fact(name)?, self.subnets.get(name)?);
        let ready = match &judged.problem {
            None => Problem::new("InForce", format!("Subnet {name} gives addresses")),
            Some(problem) => problem.clone(),
        };
        let mut verdicts = vec![Verdict { kind: "Ready", holds: judged.problem.is_none(), what: ready }];
        verdicts.extend(self.outside(name).map(|what| Verdict { kind: "CidrsHonoured", holds: false, what }));
        verdicts.extend(self.exhausted(name).map(|what| Verdict { kind: "AddressesLeft", holds: false, what }));
        let ours = &["Ready", "CidrsHonoured", "AddressesLeft"];
        let conditions = Conditions { now: &fact.status.conditions, generation: fact.generation, ours };
        let gateways = self.effective.get(name).into_iter().flat_map(|effective| effective.families.values());
        Some(SubnetStatus {
            conditions: conditions.with(verdicts, self.seconds()),
            gateways: gateways.map(|(_, gateway)| gateway.to_string()).collect(),
            blocks: u32::try_from(self.book.of_subnet(name).count()).unwrap_or(u32::MAX),
        })
    }

    /// Addresses that live outside of the subnet's prefixes.
    fn outside(&self, name: &str) -> Option<Problem> {
        let plan = self.subnets.get(name)?.plan.as_ref()?;
        let inside = |address| plan.families.iter().any(|family| family.span.contains(address));
        let whole = |span: Span| plan.families.iter().any(|family| family.span.covers(&span));
        let blocks = self.book.of_subnet(name).filter_map(|block| self.book.block(block));
        let blocks = blocks.filter(|block| !whole(Span::of(block.cidr)));
        let stray = blocks.flat_map(|block| &block.allocations).filter(|entry| !inside(entry.address));
        let named: Vec<String> =
            stray.take(3).map(|entry| format!("{} ({}/{})", entry.address, entry.namespace, entry.name)).collect();
        if named.is_empty() {
            return None;
        }
        let message = format!(
            "Subnet {name}: addresses live outside of {}: {}; they go on working; make those pods again to move them, \
             or widen cidrs again",
            plan.cidrs(),
            named.join(", ")
        );
        Some(Problem::new("AddressesOutside", message))
    }

    fn exhausted(&self, name: &str) -> Option<Problem> {
        let short = self.short.get(name)?;
        short.values().find(|problem| problem.reason == "SubnetExhausted")?;
        let message = format!(
            "Subnet {name}: pods wait because no address is left; delete pods, give it a larger prefix, \
             or move namespaces to another Subnet"
        );
        Some(Problem::new("SubnetExhausted", message))
    }

    pub(super) fn write_static_status(&mut self, key: &StaticKey, effects: &mut Effects) {
        let object = ObjectKey::namespaced(Kind::StaticAddress, &key.0, &key.1);
        let wanted = self.static_status(key);
        let problem = wanted.as_ref().and_then(|status| worst(&status.conditions));
        self.tell(&object, problem, effects);
        let write = wanted.filter(|status| self.statics.fact(key).is_some_and(|fact| fact.status != *status));
        let (namespace, name) = (key.0.to_string(), key.1.to_string());
        let write = write.map(|status| Write::StaticAddressStatus { namespace, name, status });
        self.set_write(object, write.filter(|_| self.role == Role::Leader), effects);
    }

    fn static_status(&self, key: &StaticKey) -> Option<StaticAddressStatus> {
        let fact = self.statics.fact(key)?;
        let verdict = self.statics.verdict(key).and_then(|subnet| self.in_other_hands(key).map_or(Ok(subnet), Err));
        let subnet = verdict.as_ref().ok().map(|subnet| subnet.to_string());
        let (holds, what) = match verdict {
            Ok(subnet) => (true, Problem::new("Held", format!("the addresses are held in Subnet {subnet}"))),
            Err(problem) => (false, problem),
        };
        let conditions = Conditions { now: &fact.status.conditions, generation: fact.generation, ours: &["Ready"] };
        let verdicts = vec![Verdict { kind: "Ready", holds, what }];
        Some(StaticAddressStatus { conditions: conditions.with(verdicts, self.seconds()), subnet })
    }

    /// An address of this static address that another pod has.
    fn in_other_hands(&self, key: &StaticKey) -> Option<Problem> {
        let spec = self.statics.fact(key)?.spec.as_ref().ok()?;
        let network = Name::from(crate::subnets::NETWORK);
        let stranger = |address: &std::net::IpAddr| {
            let (_, entry) = self.book.at(&network, *address)?;
            (!self.statics.holds_for(*address, &entry.namespace, &entry.name)).then_some(entry)
        };
        let entry = spec.addresses.iter().flatten().find_map(stranger)?;
        let message = format!(
            "StaticAddress {}/{}: {} belongs to pod {}/{}, which had it before; delete that pod, or choose another address",
            key.0, key.1, entry.address, entry.namespace, entry.name
        );
        Some(Problem::new("AddressInUse", message))
    }

    /// Makes a notice of a problem that is new or has gone.
    fn tell(&mut self, key: &ObjectKey, problem: Option<Problem>, effects: &mut Effects) {
        if self.told.get(key) == problem.as_ref() {
            return;
        }
        let (change, what) = match &problem {
            Some(problem) => (Change::Wrong, problem.clone()),
            None => (Change::Right, Problem::new("Ready", format!("{key} is in order"))),
        };
        let known = match key.kind {
            Kind::Subnet => self.subnets.fact(&key.name).is_some(),
            _ => self.statics.fact(&(key.namespace.clone(), key.name.clone())).is_some(),
        };
        match problem {
            Some(problem) => drop(self.told.insert(key.clone(), problem)),
            None => drop(self.told.remove(key)),
        }
        if known {
            effects.notices.push(Notice { object: key.clone(), uid: "".into(), change, what });
        }
    }
}

/// What the first condition that does not hold says.
fn worst(conditions: &[Condition]) -> Option<Problem> {
    let condition = conditions.iter().rev().find(|condition| condition.status == "False")?;
    Some(Problem { reason: condition.reason.clone().into(), message: condition.message.as_str().into() })
}
