//! What a table is: the declaration from which flows, names in the switch, the printed page, the checks, the simulator and
//! the explanation are made.

use crate::cookie::Kind;
use crate::register::Register;
use rust_openflow::Field;

/// A table of the pipeline. One constant a table, in `tables/`.
#[derive(Debug)]
pub struct Table {
    /// Number in the switch, in the order packets pass; never changed.
    pub id: u8,
    /// CamelCase, at most 31 letters and digits: Open vSwitch prints those bare.
    pub name: &'static str,
    /// What it decides, one or two sentences.
    pub purpose: &'static str,
    /// Whether packets pass through it yet.
    pub status: Status,
    /// What happens to a packet that no rule takes.
    pub miss: Miss,
    /// Named fields that its flows match or copy from.
    pub reads: &'static [&'static Register],
    /// Named fields that its flows set.
    pub writes: &'static [&'static Register],
    /// Fields of packet, port, tunnel and conntrack that its flows match or copy from.
    pub matches: &'static [Field],
    /// Fields of the packet and of its tunnel that its flows change.
    pub rewrites: &'static [Field],
    /// Tables that its flows go to.
    pub next: &'static [&'static Table],
    /// Its rules.
    pub rules: &'static [&'static Rule],
}

/// Whether packets pass through a table yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Flows lead through it.
    Used,
    /// Its number is kept for later; no flow leads to it.
    Reserved,
}

/// What happens to a packet that no rule of a table takes.
#[derive(Debug, Clone, Copy)]
pub enum Miss {
    /// Dropped and counted.
    Drop,
    /// On to another table.
    Goto(&'static Table),
    /// Back to the flow that asked this table: the packet goes on there.
    Return,
}

/// One kind of flow that a table holds.
#[derive(Debug)]
pub struct Rule {
    /// Number of its table.
    pub table: u8,
    /// Number within the table, in the cookie, never changed nor given again; 0 is the miss.
    pub number: u8,
    /// CamelCase name.
    pub name: &'static str,
    /// What its flows are for.
    pub kind: Kind,
    /// Which rules it goes before.
    pub priority: Priority,
    /// What becomes of the packet.
    pub verdict: Verdict,
    /// One sentence; `{}` stands for the object's name.
    pub sentence: &'static str,
}

/// What a flow does with a packet, for people and counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Goes on to another table.
    Continue,
    /// Dropped because it should not have been sent; the flow's counter says how often.
    Refuse,
    /// Dropped because nobody needs it; no sign of anything wrong.
    Ignore,
    /// Leaves the switch.
    Deliver,
    /// Answered by the flow itself.
    Answer,
    /// Handed to the agent.
    Punt,
}

/// Where a rule stands among the rules of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority {
    /// The band.
    pub band: Band,
    /// Within the band, higher goes first; not in [`Band::Prefix`], where the prefix length takes its place.
    pub rank: u8,
}

/// Bands of priorities, from what goes last to what goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Band {
    /// Nothing else applies.
    Miss,
    /// The usual way out when nothing is known of the packet in particular.
    Fallback,
    /// What was not allowed above is refused.
    Refuse,
    /// Longest prefix first.
    Prefix,
    /// Goes before any prefix.
    Guard,
    /// What is expected.
    Allow,
    /// Goes before what is expected.
    Exception,
}

impl Band {
    /// Every band.
    pub const ALL: [Band; 7] =
        [Band::Miss, Band::Fallback, Band::Refuse, Band::Prefix, Band::Guard, Band::Allow, Band::Exception];

    /// The lowest priority of the band.
    pub fn base(self) -> u16 {
        match self {
            Band::Miss => 0,
            Band::Fallback => 100,
            Band::Refuse => 200,
            Band::Prefix => 300,
            Band::Guard => 500,
            Band::Allow => 600,
            Band::Exception => 700,
        }
    }

    /// The highest priority of the band.
    pub fn top(self) -> u16 {
        match self {
            Band::Miss => 0,
            Band::Prefix => self.base() + 128,
            _ => self.base() + 99,
        }
    }

    /// The band at a rank.
    pub const fn rank(self, rank: u8) -> Priority {
        Priority { band: self, rank }
    }
}

impl Priority {
    /// The number in the switch.
    pub fn number(self) -> u16 {
        self.band.base() + u16::from(self.rank)
    }
}

impl Table {
    /// The rule with this number.
    pub fn rule(&self, number: u8) -> Option<&'static Rule> {
        self.rules.iter().copied().find(|rule| rule.number == number)
    }
}
