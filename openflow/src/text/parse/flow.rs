//! Flows, and changes of them.

use super::action::parse_actions;
use super::matching::MatchReader;
use super::pairs::pairs;
use super::{ParseError, port_of, u8_of, u16_of, u32_of, u64_of};
use crate::flow::{Flow, FlowCommand, FlowFlags, FlowMod};
use crate::text::flow::FLAGS;
use std::str::FromStr;

/// What a dump tells of a flow that is no part of it.
const COUNTERS: &[&str] = &["duration", "n_packets", "n_bytes", "idle_age", "hard_age"];

impl FlowMod {
    /// Reads the argument of `ovs-ofctl add-flow` and the like.
    ///
    /// # Errors
    /// When the text is not such an argument: an addition or modification needs `actions=`.
    pub fn parse(command: FlowCommand, text: &str) -> Result<FlowMod, ParseError> {
        let deletes = matches!(command, FlowCommand::Delete | FlowCommand::DeleteStrict);
        let (head, actions) = match text.find("actions=") {
            Some(at) => (&text[..at], Some(&text[at + "actions=".len()..])),
            None => (text, None),
        };
        if actions.is_none() && !deletes {
            return Err(ParseError::new("no actions", text));
        }
        let table = if deletes { FlowMod::ALL_TABLES } else { 0 };
        let mut flow_mod = FlowMod::new(command, Flow::new(table));
        let mut matching = MatchReader::default();
        for pair in pairs(head) {
            let pair = pair?;
            if !take_attribute(&mut flow_mod, pair.key, pair.value)? && !matching.take(pair.key, pair.value)? {
                return Err(ParseError::new("no match field or attribute of a flow", pair.key));
            }
        }
        flow_mod.flow.matching = matching.finish()?;
        if command != FlowCommand::Add && flow_mod.cookie_mask == 0 {
            flow_mod.flow.cookie = 0; // A change leaves cookies alone, and has no place for a new one.
        }
        if let Some(actions) = actions {
            flow_mod.flow.instructions = parse_actions(actions, &flow_mod.flow.matching)?;
        }
        Ok(flow_mod)
    }
}

/// Takes an attribute of a flow; gives whether it was one.
fn take_attribute(flow_mod: &mut FlowMod, key: &str, value: &str) -> Result<bool, ParseError> {
    let flow = &mut flow_mod.flow;
    match key {
        "table" => flow.table = u8_of(value)?,
        "priority" => flow.priority = u16_of(value)?,
        "idle_timeout" => flow.idle_timeout = u16_of(value)?,
        "hard_timeout" => flow.hard_timeout = u16_of(value)?,
        "importance" => flow.importance = u16_of(value)?,
        "out_port" => flow_mod.out_port = port_of(value)?,
        "out_group" => flow_mod.out_group = u32_of(value)?,
        "cookie" => match value.split_once('/') {
            Some((cookie, mask)) => {
                flow.cookie = u64_of(cookie)?;
                flow_mod.cookie_mask = if mask == "-1" { u64::MAX } else { u64_of(mask)? };
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

    /// Reads a flow as [`std::fmt::Display`] or a dump of `ovs-ofctl` writes it, or as `add-flow` takes it.
    fn from_str(text: &str) -> Result<Flow, ParseError> {
        FlowMod::parse(FlowCommand::Add, text).map(|flow_mod| flow_mod.flow)
    }
}
