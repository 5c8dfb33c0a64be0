//! Instructions on the wire (OpenFlow 1.5.1 section 7.2.5).

use super::writer::Put;
use super::{Reader, Writer, action, reader::Shape};
use crate::error::{DecodeError, EncodeError};
use crate::flow::Instructions;

const GOTO_TABLE: u16 = 1;
const WRITE_METADATA: u16 = 2;
const WRITE_ACTIONS: u16 = 3;
const APPLY_ACTIONS: u16 = 4;
const CLEAR_ACTIONS: u16 = 5;

/// Writes instructions in the order in which they run, as Open vSwitch does.
pub(crate) fn put(out: &mut Writer, instructions: &Instructions) -> Result<(), EncodeError> {
    if !instructions.apply.is_empty() {
        put_actions(out, APPLY_ACTIONS, &instructions.apply)?;
    }
    if instructions.clear {
        out.u16(CLEAR_ACTIONS);
        out.u16(8);
        out.zeros(4);
    }
    if let Some(actions) = &instructions.write {
        put_actions(out, WRITE_ACTIONS, actions)?;
    }
    if let Some((value, mask)) = instructions.metadata {
        out.u16(WRITE_METADATA);
        out.u16(24);
        out.zeros(4);
        out.u64(value);
        out.u64(mask);
    }
    if let Some(table) = instructions.goto_table {
        out.u16(GOTO_TABLE);
        out.u16(8);
        out.u8(table);
        out.zeros(3);
    }
    for opaque in &instructions.opaque {
        if opaque.len() < 8 || !opaque.len().is_multiple_of(8) {
            return Err(EncodeError::BadValue { what: "length of an opaque instruction", value: opaque.len() as u128 });
        }
        out.bytes(opaque);
    }
    Ok(())
}

fn put_actions(out: &mut Writer, kind: u16, actions: &[crate::action::Action]) -> Result<(), EncodeError> {
    let start = out.len();
    out.u16(kind);
    out.u16(0);
    out.zeros(4);
    action::put_list(out, actions)?;
    out.length(start, 2, "instruction")
}

/// Reads instructions in any order; each kind may occur once.
pub(crate) fn read(bytes: &[u8]) -> Result<Instructions, DecodeError> {
    let mut out = Instructions::default();
    let mut r = Reader::new("instruction", bytes);
    let mut seen = 0u32;
    while !r.is_empty() {
        let whole = r.element(Shape::ALIGNED)?;
        let mut one = Reader::new("instruction", whole);
        let kind = one.u16()?;
        one.skip(2)?;
        if (GOTO_TABLE..=CLEAR_ACTIONS).contains(&kind) {
            if seen & 1 << kind != 0 {
                return Err(DecodeError::BadValue { what: "repeated instruction", value: kind.into() });
            }
            seen |= 1 << kind;
        }
        match kind {
            GOTO_TABLE => {
                out.goto_table = Some(one.u8()?);
                one.skip(3)?;
                one.end()?;
            }
            WRITE_METADATA => {
                one.skip(4)?;
                out.metadata = Some((one.u64()?, one.u64()?));
                one.end()?;
            }
            CLEAR_ACTIONS => {
                out.clear = true;
                one.skip(4)?;
                one.end()?;
            }
            APPLY_ACTIONS | WRITE_ACTIONS => {
                one.skip(4)?;
                let actions = action::read_list(one.rest())?;
                if kind == APPLY_ACTIONS {
                    out.apply = actions;
                } else {
                    out.write = Some(actions);
                }
            }
            _ => out.opaque.push(whole.into()),
        }
    }
    Ok(out)
}
