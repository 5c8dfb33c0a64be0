//! Hello, errors, features, roles, asynchronous configuration and bundles on the wire.

use super::property::{self, EXPERIMENTER};
use super::reader::one_of;
use super::writer::Put;
use super::{Reader, Writer};
use crate::bundle::{BundleAdd, BundleControl, BundleFlags, BundleStep};
use crate::error::{DecodeError, EncodeError};
use crate::of_error::OfError;
use crate::switch::{AsyncConfig, Features, Hello, Role, RoleKind, RoleStatus};

/// The hello element that is a bitmap of versions.
const VERSION_BITMAP: u16 = 1;

pub(super) fn put_hello(out: &mut Writer, hello: &Hello) -> Result<(), EncodeError> {
    if let Some(bitmap) = hello.bitmap {
        property::put(out, VERSION_BITMAP, |out| {
            out.u32(bitmap as u32);
            if bitmap >> 32 != 0 {
                out.u32((bitmap >> 32) as u32);
            }
        })?;
    }
    put_opaque(out, &hello.opaque);
    Ok(())
}

pub(super) fn read_hello(r: Reader<'_>, version: u8) -> Result<Hello, DecodeError> {
    let mut hello = Hello { version, bitmap: None, opaque: Vec::new() };
    for element in property::read(r) {
        let mut element = element?;
        if element.kind != VERSION_BITMAP || hello.bitmap.is_some() {
            hello.opaque.push(element.whole.into());
            continue;
        }
        let low = u64::from(element.data.u32()?);
        let high = if element.data.is_empty() { 0 } else { u64::from(element.data.u32()?) };
        // No version has a number from 64; a bit for one of them would be lost.
        if element.data.rest().iter().any(|b| *b != 0) {
            return Err(DecodeError::BadLength { what: "bitmap of versions", length: element.whole.len() });
        }
        hello.bitmap = Some(high << 32 | low);
    }
    Ok(hello)
}

pub(super) fn put_error(out: &mut Writer, error: &OfError) {
    out.u16(error.kind);
    out.u16(error.code);
    if error.kind == OfError::EXPERIMENTER {
        out.u32(error.experimenter.unwrap_or(0));
    }
    out.bytes(&error.data);
}

pub(super) fn read_error(mut r: Reader<'_>, version: u8) -> Result<OfError, DecodeError> {
    let (kind, code) = (r.u16()?, r.u16()?);
    let experimenter = if kind == OfError::EXPERIMENTER { Some(r.u32()?) } else { None };
    Ok(OfError { version, kind, code, experimenter, data: r.rest().to_vec() })
}

pub(super) fn put_features(out: &mut Writer, features: &Features) {
    out.u64(features.datapath_id);
    out.u32(features.n_buffers);
    out.u8(features.n_tables);
    out.u8(features.auxiliary_id);
    out.zeros(2);
    out.u32(features.capabilities);
    out.zeros(4);
}

pub(super) fn read_features(mut r: Reader<'_>) -> Result<Features, DecodeError> {
    let (datapath_id, n_buffers, n_tables, auxiliary_id) = (r.u64()?, r.u32()?, r.u8()?, r.u8()?);
    r.skip(2)?;
    Ok(Features { datapath_id, n_buffers, n_tables, auxiliary_id, capabilities: r.u32()? })
}

fn role_kind(r: &mut Reader<'_>) -> Result<RoleKind, DecodeError> {
    use RoleKind::*;
    one_of("ofp_controller_role", r.u32()?.into(), &[NoChange, Equal, Primary, Secondary].map(|k| (k as u64, k)))
}

pub(super) fn put_role(out: &mut Writer, role: &Role) {
    out.u32(role.kind as u32);
    out.u16(role.short_id);
    out.zeros(2);
    out.u64(role.generation_id);
}

pub(super) fn read_role(r: &mut Reader<'_>) -> Result<Role, DecodeError> {
    let (kind, short_id) = (role_kind(r)?, r.u16()?);
    r.skip(2)?;
    Ok(Role { kind, short_id, generation_id: r.u64()? })
}

pub(super) fn put_role_status(out: &mut Writer, status: &RoleStatus) {
    out.u32(status.kind as u32);
    out.u8(status.reason);
    out.zeros(3);
    out.u64(status.generation_id);
    put_opaque(out, &status.opaque);
}

pub(super) fn read_role_status(mut r: Reader<'_>) -> Result<RoleStatus, DecodeError> {
    let (kind, reason) = (role_kind(&mut r)?, r.u8()?);
    r.skip(3)?;
    let generation_id = r.u64()?;
    Ok(RoleStatus { kind, reason, generation_id, opaque: read_opaque(r)? })
}

/// Writes properties that are kept whole.
pub(super) fn put_opaque(out: &mut Writer, opaque: &[Box<[u8]>]) {
    opaque.iter().for_each(|property| out.bytes(property));
}

/// Reads properties that are kept whole.
pub(super) fn read_opaque(r: Reader<'_>) -> Result<Vec<Box<[u8]>>, DecodeError> {
    property::read(r).map(|property| Ok(property?.whole.into())).collect()
}

pub(super) fn put_async(out: &mut Writer, config: &AsyncConfig) -> Result<(), EncodeError> {
    for &(kind, mask) in &config.masks {
        property::put_u32(out, kind, mask)?;
    }
    put_opaque(out, &config.opaque);
    Ok(())
}

pub(super) fn read_async(r: Reader<'_>) -> Result<AsyncConfig, DecodeError> {
    let mut config = AsyncConfig::default();
    for property in property::read(r) {
        let mut property = property?;
        if property.kind < EXPERIMENTER - 1 && property.data.len() == 4 {
            config.masks.push((property.kind, property.data.u32()?));
        } else {
            config.opaque.push(property.whole.into());
        }
    }
    Ok(config)
}

pub(super) fn put_bundle_control(out: &mut Writer, control: &BundleControl) {
    out.u32(control.id);
    out.u16(control.step as u16);
    out.u16(control.flags.0);
    put_opaque(out, &control.opaque);
}

pub(super) fn read_bundle_control(mut r: Reader<'_>) -> Result<BundleControl, DecodeError> {
    use BundleStep::*;
    let id = r.u32()?;
    let all =
        [OpenRequest, OpenReply, CloseRequest, CloseReply, CommitRequest, CommitReply, DiscardRequest, DiscardReply];
    let step = one_of("ofp_bundle_ctrl_type", r.u16()?.into(), &all.map(|s| (s as u64, s)))?;
    let flags = BundleFlags(r.u16()?);
    Ok(BundleControl { id, step, flags, opaque: read_opaque(r)? })
}

pub(super) fn put_bundle_add(out: &mut Writer, add: &BundleAdd) {
    out.u32(add.id);
    out.zeros(2);
    out.u16(add.flags.0);
    out.bytes(&add.message);
    if !add.opaque.is_empty() {
        out.zeros(add.message.len().next_multiple_of(8) - add.message.len());
        put_opaque(out, &add.opaque);
    }
}

pub(super) fn read_bundle_add(mut r: Reader<'_>) -> Result<BundleAdd, DecodeError> {
    let id = r.u32()?;
    r.skip(2)?;
    let flags = BundleFlags(r.u16()?);
    let mut head = r;
    head.skip(2)?;
    let length = usize::from(head.u16()?);
    if length < crate::message::HEADER {
        return Err(DecodeError::BadLength { what: "message in a bundle", length });
    }
    let message = r.take(length)?.to_vec();
    let padding = length.next_multiple_of(8) - length;
    r.skip(padding.min(r.len()))?;
    Ok(BundleAdd { id, flags, message, opaque: read_opaque(r)? })
}
