//! Flows, and changes of them.

use super::action::{Context, Order, parse_in};
use super::matching::MatchReader;
use super::pairs::pairs;
use super::{ParseError, port_of, tables_of, u16_of, u32_of, u64_of};
use crate::field::Field;
use crate::flow::{Flow, FlowCommand, FlowFlags, FlowMod};
use crate::port::PortNo;
use crate::text::flow::FLAGS;
use std::str::FromStr;

/// What a dump tells of a flow that is no part of it.
const COUNTERS: &[&str] = &["duration", "n_packets", "n_bytes", "idle_age", "hard_age"];

/// Attributes that only some commands take, as `ovs-ofctl` has it: a deletion that seems to be limited to a priority and
/// is not would be a trap.
fn takes(command: FlowCommand, key: &str) -> bool {
    use FlowCommand::{Add, Delete, DeleteStrict, Modify};
    match key {
        "priority" => command != Delete,
        "importance" => command == Add,
        "out_port" | "out_group" => matches!(command, Delete | DeleteStrict),
        "idle_timeout" | "hard_timeout" => !matches!(command, Delete | DeleteStrict),
        key if FLAGS.iter().any(|(_, name)| *name == key) => !matches!(command, Delete | DeleteStrict),
        key if COUNTERS.contains(&key) => !matches!(command, Modify | Delete | DeleteStrict),
        _ => true,
    }
}

impl FlowMod {
    /// Reads the argument of `ovs-ofctl add-flow` and the like, and checks the actions as it does ([`Flow::check_actions`]).
    ///
    /// # Errors
    /// When the text is not such an argument: an addition or modification needs `actions=`, a deletion takes none.
    pub fn parse(command: FlowCommand, text: &str) -> Result<FlowMod, ParseError> {
        let flow_mod = FlowMod::parse_unchecked(command, text, Order::Strict)?;
        if command == FlowCommand::Add && flow_mod.flow.table == FlowMod::ALL_TABLES {
            return Err(ParseError::new("a flow is in one table", text));
        }
        if let Some((port, _)) =
            flow_mod.flow.matching.get(Field::InPort).filter(|(n, _)| !PortNo(*n as u32).is_possible())
        {
            return Err(ParseError::new("no port of a switch", &port.to_string()));
        }
        flow_mod.flow.check_actions().map_err(|error| ParseError::new(error.to_string(), text))?;
        Ok(flow_mod)
    }

    fn parse_unchecked(command: FlowCommand, text: &str, order: Order) -> Result<FlowMod, ParseError> {
        let deletes = matches!(command, FlowCommand::Delete | FlowCommand::DeleteStrict);
        // As in `ovs-ofctl`, whatever word begins with "action" will do.
        let (head, actions) = match text.find("action").filter(|_| !deletes) {
            Some(at) => {
                let (_, actions) = text[at..].split_once('=').ok_or_else(|| ParseError::new("no actions", text))?;
                (&text[..at], actions)
            }
            None if deletes => (text, ""),
            None => return Err(ParseError::new("no actions", text)),
        };
        let table = if deletes { FlowMod::ALL_TABLES } else { 0 };
        let mut flow_mod = FlowMod::new(command, Flow::new(table));
        let mut matching = MatchReader::new(order);
        for pair in pairs(head) {
            let pair = pair?;
            if !takes(command, pair.key) {
                return Err(ParseError::new(format!("no attribute of {command:?}"), pair.key));
            }
            if !take_attribute(&mut flow_mod, pair.key, pair.value)? && !matching.take(pair.key, pair.value)? {
                return Err(ParseError::new("no match field or attribute of a flow", pair.key));
            }
        }
        flow_mod.flow.matching = matching.finish()?;
        if deletes && head.split([',', ' ']).any(|pair| pair.starts_with("cookie=") && !pair.contains('/')) {
            return Err(ParseError::new("a cookie to select by needs a mask, such as /-1", head));
        }
        if command == FlowCommand::Add && flow_mod.cookie_mask != 0 {
            return Err(ParseError::new("a cookie of a new flow has no mask", head));
        }
        if command != FlowCommand::Add {
            // A change selects by these bits, leaves cookies alone, and has no place for a new one.
            flow_mod.flow.cookie &= flow_mod.cookie_mask;
        }
        flow_mod.flow.instructions = parse_in(actions, Context::of(&flow_mod.flow.matching, order))?;
        Ok(flow_mod)
    }
}

/// Takes an attribute of a flow; gives whether it was one.
fn take_attribute(flow_mod: &mut FlowMod, key: &str, value: &str) -> Result<bool, ParseError> {
    let flow = &mut flow_mod.flow;
    match key {
        "table" => flow.table = tables_of(value)?,
        "priority" => flow.priority = u16_of(value)?,
        "idle_timeout" => flow.idle_timeout = u16_of(value)?,
        "hard_timeout" => flow.hard_timeout = u16_of(value)?,
        "importance" => flow.importance = u16_of(value)?,
        "out_port" => flow_mod.out_port = port_of(value)?,
        "out_group" => flow_mod.out_group = u32_of(value)?,
        "cookie" => match value.split_once('/') {
            Some((cookie, mask)) => {
                flow.cookie = u64_of(cookie)?;
                flow_mod.cookie_mask = u64_of(mask)?;
            }
            None => flow.cookie = u64_of(value)?,
        },
        key if COUNTERS.contains(&key) => {}
        key => match FLAGS.iter().find(|(_, name)| *name == key && value.is_empty()) {
            Some((flag, _)) => flow.flags = FlowFlags(flow.flags.0 | flag.0),
            None => return Ok(false),
        },
    }
    Ok(true)
}

impl FromStr for Flow {
    type Err = ParseError;

    /// Reads a flow as [`std::fmt::Display`] or a dump of `ovs-ofctl` writes it, or as `add-flow` takes it. Whether its
    /// actions make sense is not checked: see [`Flow::check_actions`].
    fn from_str(text: &str) -> Result<Flow, ParseError> {
        FlowMod::parse_unchecked(FlowCommand::Add, text, Order::Any).map(|flow_mod| flow_mod.flow)
    }
}
