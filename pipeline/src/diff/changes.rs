//! What one step changes in the switch: flows, groups, what was learned, and connections.

use super::{FlowChange, GroupChange};
use crate::service::ServiceSet;
use crate::tables::service_affinity;
use rust_openflow::ct_flush::CtFlush;
use rust_openflow::{Flow, FlowCommand, FlowMod, Message};

/// What one step changes in the switch. Steps are sent in the order in which they were made, each whole: a later one may make
/// anew what an earlier one removed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Groups, each at most once.
    pub groups: Vec<GroupChange>,
    /// Flows.
    pub flows: Vec<FlowChange>,
    /// Cookies of learned flows that go.
    pub forget: Vec<u64>,
    /// Connections that go, once the switch has confirmed all else: new packets of theirs find another way, or none.
    pub flush: Vec<CtFlush>,
}

impl Changes {
    /// Only flows.
    pub fn of_flows(flows: Vec<FlowChange>) -> Changes {
        Changes { flows, ..Changes::default() }
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.count() == 0 && self.flush.is_empty()
    }

    /// How many flows and groups change.
    pub fn count(&self) -> usize {
        self.groups.len() + self.flows.len() + self.forget.len()
    }

    /// The messages of the bundle: groups come before the flows that use them, and go after them, since a group that goes
    /// takes along the flows that use it. Connections are flushed apart.
    /// Each is made when it is asked for.
    pub fn into_messages(self) -> impl Iterator<Item = Message> {
        let (gone, there): (Vec<_>, Vec<_>) = self.groups.into_iter().partition(GroupChange::is_removal);
        let mods = |groups: Vec<GroupChange>| groups.into_iter().flat_map(|change| change.to_mods());
        let flows = self.flows.into_iter().map(|change| Message::FlowMod(change.into_mod()));
        let learned = self.forget.into_iter().map(|cookie| Message::FlowMod(forget(cookie)));
        mods(there).map(Message::GroupMod).chain(flows).chain(learned).chain(mods(gone).map(Message::GroupMod))
    }

    /// The sets whose groups are added, or put in the place of others, whole.
    pub fn whole_groups(&self) -> impl Iterator<Item = &ServiceSet> {
        self.groups.iter().filter_map(|change| match change {
            GroupChange::Add(set) | GroupChange::Replace(set) => Some(set),
            GroupChange::Edit { .. } | GroupChange::Remove(_) => None,
        })
    }
}

/// Deletes what was learned under a cookie.
fn forget(cookie: u64) -> FlowMod {
    let flow = Flow::new(service_affinity::TABLE.id).cookie(cookie);
    FlowMod { cookie_mask: u64::MAX, ..FlowMod::new(FlowCommand::Delete, flow) }
}
