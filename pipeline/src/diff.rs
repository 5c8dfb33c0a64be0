//! The only place that decides what to write to the switch: what there is against what there should be.

mod changes;
mod group;

pub use changes::Changes;
pub use group::{BUCKETS_A_MESSAGE, GroupChange, GroupThere, groups};

use crate::cookie::Cookie;
use rust_openflow::{Flow, FlowKey, FlowMod, Meter, MeterMod};
use std::collections::{BTreeMap, HashMap};

/// One change of a flow.
#[derive(Debug, Clone, PartialEq)]
pub enum FlowChange {
    /// The flow is missing.
    Add(Flow),
    /// A flow with this key is there, but does something else or is for something else.
    Replace(Flow),
    /// The flow should not be there.
    Remove(Flow),
}

impl FlowChange {
    /// The message that makes it.
    pub fn into_mod(self) -> FlowMod {
        match self {
            FlowChange::Add(flow) | FlowChange::Replace(flow) => FlowMod::add(flow),
            FlowChange::Remove(flow) => FlowMod::delete_strict(flow.key()),
        }
    }

    /// The flow that is added, put in the place of another, or removed.
    pub fn flow(&self) -> &Flow {
        match self {
            FlowChange::Add(flow) | FlowChange::Replace(flow) | FlowChange::Remove(flow) => flow,
        }
    }

    /// Whether the flow that goes was none of ours.
    pub fn is_foreign(&self) -> bool {
        matches!(self, FlowChange::Remove(flow) if Cookie::parse(flow.cookie).is_none())
    }
}

/// What has to change so that the switch, which has `have`, has exactly `want`; removals first.
pub fn flows<'a>(
    have: impl IntoIterator<Item = &'a Flow>,
    want: impl IntoIterator<Item = &'a Flow>,
) -> Vec<FlowChange> {
    let mut there: HashMap<FlowKey, &Flow> = have.into_iter().map(|flow| (flow.key(), flow)).collect();
    let mut changes = Vec::new();
    for flow in want {
        match there.remove(&flow.key()) {
            None => changes.push(FlowChange::Add(flow.clone())),
            Some(old) if !same(old, flow) => changes.push(FlowChange::Replace(flow.clone())),
            Some(_) => {}
        }
    }
    let mut removed: Vec<&Flow> = there.into_values().collect();
    removed.sort_by_key(|flow| flow.key());
    removed.into_iter().map(|flow| FlowChange::Remove(flow.clone())).chain(changes).collect()
}

/// Whether two flows of one key do the same for the same; timeouts count, since ours never expire.
fn same(one: &Flow, other: &Flow) -> bool {
    one.cookie == other.cookie
        && one.instructions == other.instructions
        && (one.idle_timeout, one.hard_timeout) == (other.idle_timeout, other.hard_timeout)
}

/// What has to change in meters. What should not be there is deleted last, since that deletes the flows that use it; so
/// send these before the flows, but for deletions, which come after.
pub fn meters(have: &[Meter], want: &[Meter]) -> Vec<MeterMod> {
    let there: BTreeMap<u32, &Meter> = have.iter().map(|meter| (meter.id, meter)).collect();
    let change = |meter: &Meter| match there.get(&meter.id) {
        None => Some(MeterMod::add(meter.clone())),
        Some(old) if *old != meter => Some(MeterMod::modify(meter.clone())),
        Some(_) => None,
    };
    let gone = there.keys().filter(|id| !want.iter().any(|meter| meter.id == **id)).map(|&id| MeterMod::delete(id));
    want.iter().filter_map(change).chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_openflow::Action;

    fn flow(priority: u16, cookie: u64, drop: bool) -> Flow {
        let flow = Flow::new(7).priority(priority).cookie(cookie);
        if drop { flow } else { flow.action(Action::DecTtl) }
    }

    fn check(have: &[Flow], want: &[Flow], expect: &[FlowChange]) {
        assert_eq!(flows(have, want), expect);
    }

    #[test]
    fn only_what_differs_is_written_and_removals_go_first() {
        let (a, b) = (flow(1, 5, false), flow(2, 5, false));
        check(&[], &[], &[]);
        check(std::slice::from_ref(&a), std::slice::from_ref(&a), &[]);
        check(&[], std::slice::from_ref(&a), &[FlowChange::Add(a.clone())]);
        check(std::slice::from_ref(&a), &[], &[FlowChange::Remove(a.clone())]);
        check(&[flow(1, 5, true)], std::slice::from_ref(&a), &[FlowChange::Replace(a.clone())]);
        check(&[flow(1, 6, false)], std::slice::from_ref(&a), &[FlowChange::Replace(a.clone())]);
        let both = [FlowChange::Remove(b.clone()), FlowChange::Add(a.clone())];
        check(std::slice::from_ref(&b), std::slice::from_ref(&a), &both);
    }

    #[test]
    fn a_flow_that_expires_is_not_the_one_that_stays() {
        let (want, mut have) = (flow(1, 5, false), flow(1, 5, false));
        have.idle_timeout = 10;
        check(&[have], std::slice::from_ref(&want), &[FlowChange::Replace(want.clone())]);
    }

    #[test]
    fn a_flow_with_a_cookie_of_nobody_is_foreign() {
        assert!(FlowChange::Remove(flow(1, 0, true)).is_foreign());
        assert!(!FlowChange::Remove(flow(1, 0xc000_0000_0000_0000, true)).is_foreign());
        assert!(!FlowChange::Add(flow(1, 0, true)).is_foreign());
    }
}
