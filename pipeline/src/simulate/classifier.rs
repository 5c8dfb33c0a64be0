//! The flows of one table, found without asking each.
//!
//! As Open vSwitch does: flows of one priority that match the same bits of the same fields lie in one map, so a packet asks as
//! many maps as there are shapes of match, not as many flows as there are.

use super::Packet;
use rust_openflow::{Action, Field, Flow};
use std::collections::{BTreeMap, HashMap};

/// The flows of one table.
#[derive(Debug, Clone, Default)]
pub(super) struct Classifier {
    /// By priority.
    levels: BTreeMap<u16, Vec<Shape>>,
}

/// Flows of one priority that match the same bits.
#[derive(Debug, Clone)]
struct Shape {
    bits: Vec<(Field, u128)>,
    flows: HashMap<Vec<u128>, Flow>,
}

impl Classifier {
    /// Puts a flow in, in the place of one of the same priority and match.
    pub fn insert(&mut self, flow: Flow) {
        if flow.matching.opaque().next().is_some() {
            return; // a field that the codec does not know is one that no packet has
        }
        let bits: Vec<(Field, u128)> = flow.matching.iter().map(|term| (term.field, term.mask())).collect();
        let values = flow.matching.iter().map(|term| term.value() & term.mask()).collect();
        let shapes = self.levels.entry(flow.priority).or_default();
        let index = shapes.iter().position(|shape| shape.bits == bits).unwrap_or_else(|| {
            shapes.push(Shape { bits, flows: HashMap::new() });
            shapes.len() - 1
        });
        shapes[index].flows.insert(values, flow);
    }

    /// Takes the flow of this priority and match out.
    pub fn remove(&mut self, flow: &Flow) {
        for shape in self.levels.get_mut(&flow.priority).into_iter().flatten() {
            shape.flows.retain(|_, other| other.matching != flow.matching);
        }
    }

    /// The flow that takes a packet.
    pub fn lookup(&self, packet: &Packet) -> Option<&Flow> {
        for shapes in self.levels.values().rev() {
            let hits: Vec<&Flow> = shapes.iter().filter_map(|shape| shape.find(packet)).collect();
            if let Some(flow) = hits.iter().copied().filter(|flow| !is_clause(flow)).min_by_key(|flow| &flow.matching) {
                return Some(flow);
            }
            if let Some(flow) = complete(&hits).into_iter().find_map(|id| self.joined(packet, id)) {
                return Some(flow);
            }
        }
        None
    }

    /// The flow that a packet meets which fulfils a conjunction.
    fn joined(&self, packet: &Packet, id: u32) -> Option<&Flow> {
        let packet = packet.clone().with(Field::ConjId, id.into());
        self.levels.values().rev().find_map(|shapes| {
            let hits = shapes.iter().filter_map(|shape| shape.find(&packet));
            hits.filter(|flow| !is_clause(flow)).min_by_key(|flow| &flow.matching)
        })
    }
}

impl Shape {
    fn find(&self, packet: &Packet) -> Option<&Flow> {
        let values: Vec<u128> = self.bits.iter().map(|(field, mask)| packet.get(*field) & mask).collect();
        self.flows.get(&values)
    }
}

fn is_clause(flow: &Flow) -> bool {
    flow.instructions.apply.iter().any(|action| matches!(action, Action::Conjunction { .. }))
}

/// Conjunctions of which every clause is among these flows, in order of id.
fn complete(flows: &[&Flow]) -> Vec<u32> {
    let mut found: BTreeMap<u32, (u64, u8)> = BTreeMap::new();
    for action in flows.iter().flat_map(|flow| &flow.instructions.apply) {
        if let Action::Conjunction { id, clause, of } = *action {
            let entry = found.entry(id).or_insert((0, of));
            entry.0 |= 1 << clause;
        }
    }
    let whole = |(seen, of): &(u64, u8)| seen.count_ones() == u32::from(*of);
    found.into_iter().filter(|(_, clauses)| whole(clauses)).map(|(id, _)| id).collect()
}
