//! Flows, and the messages that change them.

mod check;

pub use check::ActionError;

use crate::action::Action;
use crate::flow_match::Match;
use crate::port::PortNo;

/// The priority of a flow that states none.
pub const DEFAULT_PRIORITY: u16 = 0x8000;

/// One flow of a table: which packets, and what happens to them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The table, 0 to 254.
    pub table: u8,
    /// The higher wins.
    pub priority: u16,
    /// A number of the controller's own.
    pub cookie: u64,
    /// Seconds without packets after which the flow goes, 0 never.
    pub idle_timeout: u16,
    /// Seconds after which the flow goes, 0 never.
    pub hard_timeout: u16,
    /// The less important go first when a table is full.
    pub importance: u16,
    /// Flags.
    pub flags: FlowFlags,
    /// Which packets.
    pub matching: Match,
    /// What happens to them.
    pub instructions: Instructions,
}

/// Flags of a flow (`OFPFF_*`, OpenFlow 1.5.1 section 7.3.4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FlowFlags(pub u16);

impl FlowFlags {
    /// Tell when the flow goes.
    pub const SEND_FLOW_REMOVED: FlowFlags = FlowFlags(1);
    /// Refuse to add a flow that overlaps another of the same priority.
    pub const CHECK_OVERLAP: FlowFlags = FlowFlags(2);
    /// A change sets the counters to zero.
    pub const RESET_COUNTS: FlowFlags = FlowFlags(4);
    /// No packet counter.
    pub const NO_PACKET_COUNTS: FlowFlags = FlowFlags(8);
    /// No byte counter.
    pub const NO_BYTE_COUNTS: FlowFlags = FlowFlags(16);

    /// Both flags together.
    pub const fn and(self, other: FlowFlags) -> FlowFlags {
        FlowFlags(self.0 | other.0)
    }

    /// Whether all flags of `other` are set.
    pub const fn has(self, other: FlowFlags) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What happens to a packet, in the order in which a switch does it. Empty: it is dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Instructions {
    /// Actions that run at once.
    pub apply: Vec<Action>,
    /// Whether the action set is emptied.
    pub clear: bool,
    /// Actions that go to the action set.
    pub write: Option<Vec<Action>>,
    /// Bits of `metadata` that are written: value and mask.
    pub metadata: Option<(u64, u64)>,
    /// The table where processing goes on.
    pub goto_table: Option<u8>,
    /// Instructions this crate does not know, whole, each a multiple of 8 bytes.
    pub opaque: Vec<Box<[u8]>>,
}

impl Instructions {
    /// These actions, at once.
    pub fn apply(actions: impl IntoIterator<Item = Action>) -> Instructions {
        Instructions { apply: actions.into_iter().collect(), ..Instructions::default() }
    }

    /// Whether nothing happens: the packet is dropped.
    pub fn is_drop(&self) -> bool {
        *self == Instructions::default()
    }
}

impl<A: IntoIterator<Item = Action>> From<A> for Instructions {
    fn from(actions: A) -> Instructions {
        Instructions::apply(actions)
    }
}

impl Flow {
    /// A flow of a table that takes every packet, with the default priority, and drops it.
    pub fn new(table: u8) -> Flow {
        Flow {
            table,
            priority: DEFAULT_PRIORITY,
            cookie: 0,
            idle_timeout: 0,
            hard_timeout: 0,
            importance: 0,
            flags: FlowFlags::default(),
            matching: Match::new(),
            instructions: Instructions::default(),
        }
    }

    /// With this priority.
    pub fn priority(mut self, priority: u16) -> Flow {
        self.priority = priority;
        self
    }

    /// With this cookie.
    pub fn cookie(mut self, cookie: u64) -> Flow {
        self.cookie = cookie;
        self
    }

    /// For these packets.
    pub fn matching(mut self, matching: Match) -> Flow {
        self.matching = matching;
        self
    }

    /// With these actions in place of the earlier ones.
    pub fn actions(mut self, actions: impl IntoIterator<Item = Action>) -> Flow {
        self.instructions.apply = actions.into_iter().collect();
        self
    }

    /// With one more action.
    pub fn action(mut self, action: impl Into<Action>) -> Flow {
        self.instructions.apply.push(action.into());
        self
    }

    /// Going on in a table.
    pub fn goto_table(mut self, table: u8) -> Flow {
        self.instructions.goto_table = Some(table);
        self
    }

    /// What makes this flow the same flow as another: table, priority, match.
    pub fn key(&self) -> FlowKey {
        FlowKey { table: self.table, priority: self.priority, matching: self.matching.clone() }
    }
}

/// What tells the flows of a switch apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowKey {
    /// The table.
    pub table: u8,
    /// The priority.
    pub priority: u16,
    /// The match.
    pub matching: Match,
}

/// What a [`FlowMod`] does (`OFPFC_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FlowCommand {
    /// Add the flow, or replace the one with the same key.
    Add = 0,
    /// Give all flows that the match covers these instructions.
    Modify = 1,
    /// Give the flow with this key these instructions.
    ModifyStrict = 2,
    /// Delete all flows that the match covers.
    Delete = 3,
    /// Delete the flow with this key.
    DeleteStrict = 4,
}

/// A change of flows (OpenFlow 1.5.1 section 7.3.4.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FlowMod {
    /// What to do.
    pub command: FlowCommand,
    /// The flow. For deletions and changes its table may be [`FlowMod::ALL_TABLES`].
    pub flow: Flow,
    /// Of deletions and changes: the bits of the cookie that must be as in `flow`.
    pub cookie_mask: u64,
    /// A buffered packet to run through the new flow.
    pub buffer_id: Option<u32>,
    /// Of deletions: only flows that output to this port.
    pub out_port: PortNo,
    /// Of deletions: only flows that output to this group; [`FlowMod::ANY_GROUP`] for any.
    pub out_group: u32,
}

impl FlowMod {
    /// Every table, of deletions and requests.
    pub const ALL_TABLES: u8 = 0xff;
    /// No restriction by group.
    pub const ANY_GROUP: u32 = 0xffff_ffff;

    /// A change of `flow` by `command`.
    pub fn new(command: FlowCommand, flow: Flow) -> FlowMod {
        let out_group = FlowMod::ANY_GROUP;
        FlowMod { command, flow, cookie_mask: 0, buffer_id: None, out_port: PortNo::ANY, out_group }
    }

    /// Adds a flow or replaces the one with the same key.
    pub fn add(flow: Flow) -> FlowMod {
        FlowMod::new(FlowCommand::Add, flow)
    }

    /// Gives the flow with the same key other instructions; its counters stay, its cookie stays.
    pub fn modify_strict(flow: Flow) -> FlowMod {
        FlowMod::new(FlowCommand::ModifyStrict, flow)
    }

    /// Deletes the flow with this key.
    pub fn delete_strict(key: FlowKey) -> FlowMod {
        let flow = Flow::new(key.table).priority(key.priority).matching(key.matching);
        FlowMod::new(FlowCommand::DeleteStrict, flow)
    }

    /// Deletes all flows of a table (or [`FlowMod::ALL_TABLES`]) that the match covers.
    pub fn delete(table: u8, matching: Match) -> FlowMod {
        FlowMod::new(FlowCommand::Delete, Flow::new(table).matching(matching))
    }

    /// Restricted to flows whose cookie has these bits.
    pub fn with_cookie(mut self, cookie: u64, mask: u64) -> FlowMod {
        (self.flow.cookie, self.cookie_mask) = (cookie, mask);
        self
    }
}
