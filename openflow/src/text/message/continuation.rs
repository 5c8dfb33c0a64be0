//! What a paused packet needs to go on: private to the switch, yet `ovs-ofctl ofp-print` tells some of it.

use super::Printer;
use crate::action::Action;
use crate::text::action::put_list;
use crate::text::value::HexBytes;
use crate::wire::{Reader, action, property};
use std::fmt::{self, Write};

/// Properties of a continuation (`NXCPT_*`).
const BRIDGE: u16 = 0x8000;
const STACK: u16 = 0x8001;
const MIRRORS: u16 = 0x8002;
const CONNTRACKED: u16 = 0x8003;
const TABLE: u16 = 0x8004;
const COOKIE: u16 = 0x8005;
const ACTIONS: u16 = 0x8006;
const ACTION_SET: u16 = 0x8007;
const ODP_PORT: u16 = 0x8008;

/// Lists of actions begin at 8 bytes, 4 of them padding.
const PADDING: usize = 4;

/// A line for each part, in a fixed order; nothing of what is malformed.
pub(super) fn put(out: &mut Printer<'_>, continuation: &[u8]) -> fmt::Result {
    let parts: Vec<(u16, &[u8])> = property::read(Reader::new("continuation", continuation))
        .map_while(Result::ok)
        .map(|part| (part.kind, part.data.rest()))
        .collect();
    let find = |kind| parts.iter().find(|part| part.0 == kind).map(|part| part.1);
    if let Some(uuid) = find(BRIDGE).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()) {
        writeln!(out, " continuation.bridge={}", Uuid(uuid))?;
    }
    let stack: Vec<_> = parts.iter().filter(|part| part.0 == STACK).collect();
    if !stack.is_empty() {
        out.write_str(" continuation.stack=(top)")?;
        stack.iter().try_for_each(|part| write!(out, " {}", HexBytes(part.1)))?;
        out.write_str(" (bottom)\n")?;
    }
    let number = |bytes: &[u8]| bytes.iter().take(4).fold(0, |n, byte| n << 8 | u32::from(*byte));
    if let Some(mirrors) = find(MIRRORS).map(number).filter(|mirrors| *mirrors != 0) {
        writeln!(out, " continuation.mirrors={mirrors:#x}")?;
    }
    if find(CONNTRACKED).is_some() {
        out.write_str(" continuation.conntracked=true\n")?;
    }
    put_actions(out, &parts)?;
    if let Some(bytes) = find(ACTION_SET) {
        out.write_str(" continuation.action_set=")?;
        put_list(out, &read_list(bytes))?;
        out.write_char('\n')?;
    }
    match find(ODP_PORT).map(number) {
        Some(port) if port != 0 => writeln!(out, " continuation.odp_port={port}"),
        _ => Ok(()),
    }
}

fn read_list(bytes: &[u8]) -> Vec<Action> {
    bytes.get(PADDING..).and_then(|bytes| action::read_list(bytes).ok()).unwrap_or_default()
}

/// What is left to do, in pieces that each go back to the flow they are of.
fn put_actions(out: &mut Printer<'_>, parts: &[(u16, &[u8])]) -> fmt::Result {
    let (mut table, mut cookie, mut separator) = (0, 0, " continuation.actions=");
    for (kind, bytes) in parts {
        match (*kind, *bytes) {
            (TABLE, [id, ..]) => table = *id,
            (COOKIE, [_, _, _, _, number @ ..]) => {
                cookie = number.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte))
            }
            (ACTIONS, bytes) => {
                write!(out, "{separator}unroll_xlate(table={table}, cookie={cookie}),")?;
                put_list(out, &read_list(bytes))?;
                separator = ",";
            }
            _ => {}
        }
    }
    if separator == "," { out.write_char('\n') } else { Ok(()) }
}

/// A uuid as four words in the byte order of the machine that wrote it, which Open vSwitch does not swap.
struct Uuid([u8; 16]);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |n: usize| u32::from_ne_bytes([0, 1, 2, 3].map(|i| self.0[4 * n + i]));
        let (a, b, c, d) = (word(0), word(1), word(2), word(3));
        write!(f, "{a:08x}-{:04x}-{:04x}-{:04x}-{:04x}{d:08x}", b >> 16, b & 0xffff, c >> 16, c & 0xffff)
    }
}
