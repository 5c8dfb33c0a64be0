//! Actions on the wire: those of OpenFlow 1.5 here, Nicira's in a file of their own.
//!
//! An action whose bytes this crate would not write again the same way stays opaque, so nothing is lost in reading.

mod nicira;
mod nicira_read;

use super::oxm::{self, Dialect, Unknown};
use super::writer::Put;
use super::{NICIRA, Reader, Writer, reader::Shape};
use crate::action::{Action, SetField};
use crate::error::{DecodeError, EncodeError};
use crate::field::Subfield;
use crate::port::PortNo;

/// The type of experimenter actions.
const EXPERIMENTER: u16 = 0xffff;

/// How deep actions may nest; Open vSwitch's own limit is 100.
const MAX_DEPTH: usize = 64;

/// Writes a list of actions.
pub(crate) fn put_list(out: &mut Writer, actions: &[Action]) -> Result<(), EncodeError> {
    actions.iter().try_for_each(|action| put(out, action))
}

/// Writes one action.
pub(crate) fn put(out: &mut Writer, action: &Action) -> Result<(), EncodeError> {
    let start = out.len();
    let mut standard = |kind: u16| {
        out.u16(kind);
        out.u16(8);
    };
    match action {
        Action::Output { port, max_len } => {
            standard(0);
            out.u32(port.0);
            out.u16(*max_len);
        }
        Action::SetMplsTtl(ttl) => {
            standard(15);
            out.u8(*ttl);
        }
        Action::DecMplsTtl => standard(16),
        Action::PushVlan(ethertype) => {
            standard(17);
            out.u16(*ethertype);
        }
        Action::PopVlan => standard(18),
        Action::PushMpls(ethertype) => {
            standard(19);
            out.u16(*ethertype);
        }
        Action::PopMpls(ethertype) => {
            standard(20);
            out.u16(*ethertype);
        }
        Action::SetQueue(queue) => {
            standard(21);
            out.u32(*queue);
        }
        Action::Group(group) => {
            standard(22);
            out.u32(*group);
        }
        Action::SetIpTtl(ttl) => {
            standard(23);
            out.u8(*ttl);
        }
        Action::DecTtl => standard(24),
        Action::SetField(set) => {
            standard(25);
            oxm::put_set_field(out, set)?;
        }
        Action::Copy { src, dst } => {
            standard(28);
            put_copy(out, *src, *dst)?;
        }
        Action::Meter(meter) => {
            standard(29);
            out.u32(*meter);
        }
        Action::Opaque(bytes) => {
            if bytes.len() < 8 || !bytes.len().is_multiple_of(8) {
                return Err(EncodeError::BadValue { what: "length of an opaque action", value: bytes.len() as u128 });
            }
            out.bytes(bytes);
            return Ok(());
        }
        _ => nicira::put(out, action)?,
    }
    out.pad(start);
    if out.len() - start < 8 {
        out.zeros(8 - (out.len() - start));
    }
    out.length(start, 2, "action")
}

fn put_copy(out: &mut Writer, src: Subfield, dst: Subfield) -> Result<(), EncodeError> {
    if src.bits != dst.bits {
        return Err(EncodeError::BadValue { what: "width of the destination of a copy", value: dst.bits.into() });
    }
    out.u16(src.bits);
    out.u16(src.offset);
    out.u16(dst.offset);
    out.zeros(2);
    oxm::put_header(out, src, Dialect::Oxm)?;
    oxm::put_header(out, dst, Dialect::Oxm)
}

/// Reads a list of actions.
pub(crate) fn read_list(bytes: &[u8]) -> Result<Vec<Action>, DecodeError> {
    read_nested(bytes, 0)
}

fn read_nested(bytes: &[u8], depth: usize) -> Result<Vec<Action>, DecodeError> {
    if depth > MAX_DEPTH {
        return Err(DecodeError::TooDeep(MAX_DEPTH));
    }
    let mut r = Reader::new("action", bytes);
    let mut actions = Vec::new();
    while !r.is_empty() {
        let whole = r.element(Shape::ALIGNED)?;
        actions.push(read_one(whole, depth)?);
    }
    Ok(actions)
}

/// Reads one action; keeps it as it is when it would not be written again the same way.
fn read_one(whole: &[u8], depth: usize) -> Result<Action, DecodeError> {
    let opaque = || Action::Opaque(whole.into());
    let action = match read_known(whole, depth) {
        Ok(action) => action,
        Err(ReadError::Unknown) => return Ok(opaque()),
        Err(ReadError::Bad(error)) => return Err(error),
    };
    let mut again = Vec::with_capacity(whole.len());
    let same = put(&mut again, &action).is_ok() && again == whole;
    Ok(if same { action } else { opaque() })
}

/// Reads one action however unusual its form, to print it.
pub(crate) fn read_leniently(whole: &[u8]) -> Option<Action> {
    read_known(whole, 0).ok()
}

/// Why an action is not understood.
pub(super) enum ReadError {
    /// It is of a kind or form that this crate does not know.
    Unknown,
    /// It is malformed.
    Bad(DecodeError),
}

impl From<Unknown> for ReadError {
    fn from(_: Unknown) -> ReadError {
        ReadError::Unknown
    }
}

impl From<DecodeError> for ReadError {
    fn from(error: DecodeError) -> ReadError {
        match error {
            DecodeError::TooDeep(_) => ReadError::Bad(error),
            _ => ReadError::Unknown,
        }
    }
}

fn read_known(whole: &[u8], depth: usize) -> Result<Action, ReadError> {
    let mut r = Reader::new("action", whole);
    let kind = r.u16()?;
    r.skip(2)?;
    Ok(match kind {
        0 => Action::Output { port: PortNo(r.u32()?), max_len: r.u16()? },
        15 => Action::SetMplsTtl(r.u8()?),
        16 => Action::DecMplsTtl,
        17 => Action::PushVlan(r.u16()?),
        18 => Action::PopVlan,
        19 => Action::PushMpls(r.u16()?),
        20 => Action::PopMpls(r.u16()?),
        21 => Action::SetQueue(r.u32()?),
        22 => Action::Group(r.u32()?),
        23 => Action::SetIpTtl(r.u8()?),
        24 => Action::DecTtl,
        25 => Action::SetField(read_set(&mut r)?),
        28 => read_copy(&mut r)?,
        29 => Action::Meter(r.u32()?),
        EXPERIMENTER if r.u32()? == NICIRA => nicira_read::read(&mut r, depth)?,
        _ => return Err(ReadError::Unknown),
    })
}

fn read_set(r: &mut Reader<'_>) -> Result<SetField, Unknown> {
    oxm::read_set_field(r)
}

fn read_copy(r: &mut Reader<'_>) -> Result<Action, Unknown> {
    let (bits, src_offset, dst_offset) = (r.u16()?, r.u16()?, r.u16()?);
    r.skip(2)?;
    let src = oxm::checked(Subfield { offset: src_offset, bits, ..oxm::read_header(r)? })?;
    let dst = oxm::checked(Subfield { offset: dst_offset, bits, ..oxm::read_header(r)? })?;
    Ok(Action::Copy { src, dst })
}
