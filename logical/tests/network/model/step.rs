//! What can happen in a history.

use logical::Kind;
use proptest::prelude::*;

use super::{NODES, QUIET, services};

/// One step of a history. Numbers are taken modulo what there is.
#[derive(Debug, Clone)]
pub enum Step {
    PutPod {
        pod: usize,
        node: usize,
        like: usize,
    },
    DeletePod(usize),
    PutNode(usize),
    DeleteNode(usize),
    PutSubnet {
        subnet: usize,
        like: usize,
    },
    DeleteSubnet(usize),
    PutStatic {
        number: usize,
        like: usize,
    },
    DeleteStatic(usize),
    LabelNamespace(usize),
    PutPolicy {
        number: usize,
        like: usize,
    },
    DeletePolicy(usize),
    /// A controller hears of some events of one kind.
    Hear {
        controller: usize,
        kind: usize,
        count: usize,
    },
    /// A controller writes one of the things that it wants.
    Write {
        controller: usize,
        pick: usize,
    },
    /// Everybody hears everything, a controller writes all that it wants, and everybody hears of that.
    Settle(usize),
    Plug(usize),
    /// Every pod that can be is plugged in.
    PlugAll,
    Unplug(usize),
    /// An agent's stream goes to the other controller.
    Move(usize),
    Lead {
        controller: usize,
        role: usize,
    },
    Tick(u64),
    Services(services::Change),
}

pub fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..8_usize, 0..NODES, 0..6_usize).prop_map(|(pod, node, like)| Step::PutPod { pod, node, like }),
        3 => (0..8_usize).prop_map(Step::DeletePod),
        1 => (0..NODES).prop_map(Step::PutNode),
        1 => (0..NODES).prop_map(Step::DeleteNode),
        2 => (0..2_usize, 0..5_usize).prop_map(|(subnet, like)| Step::PutSubnet { subnet, like }),
        1 => (0..2_usize).prop_map(Step::DeleteSubnet),
        2 => (0..3_usize, 0..6_usize).prop_map(|(number, like)| Step::PutStatic { number, like }),
        1 => (0..3_usize).prop_map(Step::DeleteStatic),
        1 => (0..2_usize).prop_map(Step::LabelNamespace),
        4 => (0..4_usize, 0..10_usize).prop_map(|(number, like)| Step::PutPolicy { number, like }),
        2 => (0..4_usize).prop_map(Step::DeletePolicy),
        10 => (0..2_usize, 0..Kind::ALL.len(), 1..6_usize).prop_map(|(controller, kind, count)| Step::Hear { controller, kind, count }),
        10 => (0..2_usize, 0..8_usize).prop_map(|(controller, pick)| Step::Write { controller, pick }),
        6 => (0..2_usize).prop_map(Step::Settle),
        4 => (0..8_usize).prop_map(Step::Plug),
        3 => Just(Step::PlugAll),
        3 => (0..8_usize).prop_map(Step::Unplug),
        1 => (0..NODES).prop_map(Step::Move),
        1 => (0..2_usize, 0..3_usize).prop_map(|(controller, role)| Step::Lead { controller, role }),
        3 => (1..QUIET).prop_map(Step::Tick),
        6 => services::change().prop_map(Step::Services),
    ]
}
