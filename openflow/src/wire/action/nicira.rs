//! Writing of Nicira's actions (`nicira-ext.h`, `ofp-actions.c` of Open vSwitch): experimenter actions with a subtype.

use super::super::oxm::{self, Dialect};
use super::super::writer::Put;
use super::super::{NICIRA, Writer, property};
use super::{EXPERIMENTER, put_list};
use crate::action::{
    Action, Bundle, Controller, Ct, Encap, Learn, LearnDst, LearnSrc, Multipath, Nat, NatAddrs, NatKind, Observation,
    Sample, SampleDirection, Zone,
};
use crate::error::EncodeError;
use crate::field::Subfield;
use crate::port::PortNo;

/// Writes type, length, experimenter and subtype: 10 bytes.
fn head(out: &mut Writer, subtype: u16) {
    out.u16(EXPERIMENTER);
    out.u16(0);
    out.u32(NICIRA);
    out.u16(subtype);
}

/// The 16-bit form of a port, in which Nicira's actions have it.
fn put_port(out: &mut Writer, port: PortNo) -> Result<(), EncodeError> {
    out.u16(port.to_u16().ok_or(EncodeError::BadValue { what: "a port of 16 bits", value: port.0.into() })?);
    Ok(())
}

/// Writes all but the padding and the length of an action that is Nicira's.
pub(super) fn put(out: &mut Writer, action: &Action) -> Result<(), EncodeError> {
    match action {
        Action::Resubmit { in_port, table, ct } => put_resubmit(out, *in_port, (*table, *ct))?,
        Action::SetTunnel { id, wide: true } => {
            head(out, 9);
            out.zeros(6);
            out.u64(*id);
        }
        Action::SetTunnel { id, wide: false } => {
            head(out, 2);
            out.zeros(2);
            let bad = EncodeError::BadValue { what: "a tunnel id of 32 bits", value: (*id).into() };
            out.u32(u32::try_from(*id).map_err(|_| bad)?);
        }
        Action::PopQueue => empty(out, 5),
        Action::Note(note) => {
            head(out, 8);
            out.bytes(note);
        }
        Action::Multipath(multipath) => put_multipath(out, multipath)?,
        Action::Bundle(bundle) => put_bundle(out, bundle)?,
        Action::OutputReg { source, max_len } => put_output_reg(out, *source, *max_len)?,
        Action::Learn(learn) => put_learn(out, learn)?,
        Action::Exit => empty(out, 17),
        Action::FinTimeout { idle, hard } => {
            head(out, 19);
            out.u16(*idle);
            out.u16(*hard);
            out.zeros(2);
        }
        Action::Controller(controller) => put_controller(out, controller)?,
        Action::DecTtlTo(ids) => put_dec_ttl(out, ids)?,
        Action::StackPush(subfield) => put_stack(out, 27, *subfield)?,
        Action::StackPop(subfield) => put_stack(out, 28, *subfield)?,
        Action::Sample(sample) => put_sample(out, sample)?,
        Action::Conjunction { id, clause, of } => {
            head(out, 34);
            out.u8(*clause);
            out.u8(*of);
            out.u32(*id);
        }
        Action::Ct(ct) => put_ct(out, ct)?,
        Action::Nat(nat) => put_nat(out, nat),
        Action::OutputTrunc { port, max_len } => {
            head(out, 39);
            put_port(out, *port)?;
            out.u32(*max_len);
        }
        Action::Clone(actions) => {
            empty(out, 42);
            put_list(out, actions)?;
        }
        Action::CtClear => empty(out, 43),
        Action::Encap(encap) => put_encap(out, encap)?,
        Action::Decap(packet_type) => {
            head(out, 47);
            out.zeros(2);
            out.u32(*packet_type);
        }
        Action::DecNshTtl => empty(out, 48),
        Action::CheckPktLarger { length, dst } => {
            head(out, 49);
            out.u16(*length);
            out.u16(dst.offset);
            let start = out.len();
            oxm::put_header(out, *dst, Dialect::Nxm)?;
            out.zeros(10 - (out.len() - start));
        }
        Action::DeleteField(field) => {
            head(out, 50);
            let start = out.len();
            oxm::put_header(out, *field, Dialect::Nxm)?;
            out.zeros(14 - (out.len() - start));
        }
        _ => unreachable!("actions of OpenFlow itself are written elsewhere"),
    }
    Ok(())
}

/// An action without arguments, or with arguments that follow a header of 16 bytes.
fn empty(out: &mut Writer, subtype: u16) {
    head(out, subtype);
    out.zeros(6);
}

fn put_resubmit(out: &mut Writer, in_port: Option<PortNo>, (table, ct): (Option<u8>, bool)) -> Result<(), EncodeError> {
    let in_port = in_port.unwrap_or(PortNo::IN_PORT);
    let subtype = match (table, ct) {
        (None, false) => 1,
        (_, false) => 14,
        (_, true) => 44,
    };
    head(out, subtype);
    put_port(out, in_port)?;
    if subtype != 1 {
        out.u8(table.unwrap_or(0xff));
    }
    Ok(())
}

fn put_multipath(out: &mut Writer, multipath: &Multipath) -> Result<(), EncodeError> {
    head(out, 10);
    out.u16(multipath.fields as u16);
    out.u16(multipath.basis);
    out.zeros(2);
    out.u16(multipath.algorithm as u16);
    out.u16(multipath.max_link);
    out.u32(multipath.arg);
    out.zeros(2);
    out.u16(oxm::offset_bits(multipath.dst)?);
    oxm::put_short_header(out, multipath.dst, "multipath")
}

fn put_bundle(out: &mut Writer, bundle: &Bundle) -> Result<(), EncodeError> {
    head(out, if bundle.dst.is_some() { 13 } else { 12 });
    out.u16(bundle.algorithm as u16);
    out.u16(bundle.fields as u16);
    out.u16(bundle.basis);
    out.u32(2); // NXM_OF_IN_PORT with its length: the members are ports.
    let count = bundle.members.len();
    let too_long = EncodeError::TooLong { what: "bundle", length: count, max: usize::from(u16::MAX) };
    out.u16(u16::try_from(count).map_err(|_| too_long)?);
    match bundle.dst {
        Some(dst) => {
            out.u16(oxm::offset_bits(dst)?);
            oxm::put_short_header(out, dst, "bundle_load")?;
        }
        None => out.zeros(6),
    }
    out.zeros(4);
    bundle.members.iter().try_for_each(|port| put_port(out, *port))
}

fn put_output_reg(out: &mut Writer, source: Subfield, max_len: u16) -> Result<(), EncodeError> {
    if oxm::has_short_header(source.field) {
        head(out, 15);
        out.u16(oxm::offset_bits(source)?);
        oxm::put_short_header(out, source, "output")?;
        out.u16(max_len);
        out.zeros(6);
    } else {
        head(out, 32);
        out.u16(oxm::offset_bits(source)?);
        out.u16(max_len);
        let start = out.len();
        oxm::put_header(out, source, Dialect::Nxm)?;
        out.zeros(10 - (out.len() - start));
    }
    Ok(())
}

fn put_controller(out: &mut Writer, controller: &Controller) -> Result<(), EncodeError> {
    let Controller { max_len, id, reason, userdata, pause, meter } = controller;
    if userdata.is_empty() && !pause && meter.is_none() {
        head(out, 20);
        out.u16(*max_len);
        out.u16(*id);
        out.u8(*reason);
        out.u8(0);
        return Ok(());
    }
    empty(out, 37);
    if *max_len != 0xffff {
        property::put_u16(out, 0, *max_len)?;
    }
    if *id != 0 {
        property::put_u16(out, 1, *id)?;
    }
    if *reason != 1 {
        property::put_u8(out, 2, *reason)?;
    }
    if !userdata.is_empty() {
        property::put(out, 3, |out| out.bytes(userdata))?;
    }
    if *pause {
        property::put(out, 4, |_| ())?;
    }
    match meter {
        Some(meter) => property::put_u32(out, 5, *meter),
        None => Ok(()),
    }
}

fn put_dec_ttl(out: &mut Writer, ids: &[u16]) -> Result<(), EncodeError> {
    head(out, 21);
    let too_long = EncodeError::TooLong { what: "dec_ttl", length: ids.len(), max: usize::from(u16::MAX) };
    out.u16(u16::try_from(ids.len()).map_err(|_| too_long)?);
    out.zeros(4);
    ids.iter().for_each(|id| out.u16(*id));
    Ok(())
}

fn put_stack(out: &mut Writer, subtype: u16, subfield: Subfield) -> Result<(), EncodeError> {
    head(out, subtype);
    out.u16(subfield.offset);
    let start = out.len();
    oxm::put_header(out, subfield, Dialect::Nxm)?;
    out.u16(subfield.bits);
    out.zeros(12 - (out.len() - start));
    Ok(())
}

fn put_sample(out: &mut Writer, sample: &Sample) -> Result<(), EncodeError> {
    let port = sample.port.unwrap_or(PortNo::ANY);
    let subtype = match (sample.domain, sample.point) {
        (Observation::Const(_), Observation::Const(_)) if sample.direction != SampleDirection::Default => 41,
        (Observation::Const(_), Observation::Const(_)) if sample.port.is_some() => 38,
        (Observation::Const(_), Observation::Const(_)) => 29,
        _ => 51,
    };
    head(out, subtype);
    out.u16(sample.probability);
    out.u32(sample.collector_set);
    for observation in [sample.domain, sample.point] {
        match observation {
            Observation::Const(id) if subtype == 51 => {
                out.u32(0);
                out.u32(id);
            }
            Observation::Const(id) => out.u32(id),
            Observation::Field(subfield) => {
                oxm::put_short_header(out, subfield, "sample")?;
                out.u16(oxm::offset_bits(subfield)?);
                out.zeros(2);
            }
        }
    }
    if subtype != 29 {
        put_port(out, port)?;
        out.u8(sample.direction as u8);
        out.zeros(5);
    }
    Ok(())
}

fn put_ct(out: &mut Writer, ct: &Ct) -> Result<(), EncodeError> {
    head(out, 35);
    out.u16(u16::from(ct.commit) | u16::from(ct.force) << 1);
    match ct.zone {
        Zone::Const(zone) => {
            out.u32(0);
            out.u16(zone);
        }
        Zone::Field(subfield) => {
            oxm::put_short_header(out, subfield, "ct(zone=)")?;
            out.u16(oxm::offset_bits(subfield)?);
        }
    }
    out.u8(ct.table.unwrap_or(0xff));
    out.zeros(3);
    out.u16(ct.alg);
    if let Some(nat) = &ct.nat {
        let start = out.len();
        put_nat(out, nat);
        out.pad(start);
        out.length(start, 2, "nat")?;
    }
    put_list(out, &ct.exec)
}

fn put_nat(out: &mut Writer, nat: &Nat) {
    head(out, 36);
    out.zeros(2);
    let side = match nat.kind {
        NatKind::Existing => 0,
        NatKind::Src => 1,
        NatKind::Dst => 2,
    };
    let flag = |set: bool, bit: u16| u16::from(set) << bit;
    out.u16(side | flag(nat.persistent, 2) | flag(nat.hash, 3) | flag(nat.random, 4));
    let mut present = match nat.addrs {
        None => 0,
        Some(NatAddrs::V4(_, max)) => 1 | flag(max.is_some(), 1),
        Some(NatAddrs::V6(_, max)) => 4 | flag(max.is_some(), 3),
    };
    if let Some((_, max)) = nat.ports {
        present |= 16 | flag(max.is_some(), 5);
    }
    out.u16(present);
    match nat.addrs {
        None => {}
        Some(NatAddrs::V4(min, max)) => [Some(min), max].into_iter().flatten().for_each(|a| out.u32(a.to_bits())),
        Some(NatAddrs::V6(min, max)) => [Some(min), max].into_iter().flatten().for_each(|a| out.u128(a.to_bits())),
    }
    if let Some((min, max)) = nat.ports {
        [Some(min), max].into_iter().flatten().for_each(|port| out.u16(port));
    }
}

fn put_encap(out: &mut Writer, encap: &Encap) -> Result<(), EncodeError> {
    head(out, 46);
    out.u16(encap.header_size);
    out.u32(encap.packet_type);
    for property in &encap.properties {
        let start = out.len();
        let length = 4 + property.data.len();
        let too_long = EncodeError::TooLong { what: "property of encap", length, max: 255 };
        out.u16(property.class);
        out.u8(property.kind);
        out.u8(u8::try_from(length).map_err(|_| too_long)?);
        out.bytes(&property.data);
        out.pad(start);
    }
    Ok(())
}

fn put_learn(out: &mut Writer, learn: &Learn) -> Result<(), EncodeError> {
    let second_form = learn.limit != 0 || learn.result_dst.is_some();
    head(out, if second_form { 45 } else { 16 });
    out.u16(learn.idle_timeout);
    out.u16(learn.hard_timeout);
    out.u16(learn.priority);
    out.u64(learn.cookie);
    let flag = |set: bool, bit: u16| u16::from(set) << bit;
    let flags = flag(learn.send_flow_removed, 0) | flag(learn.delete_learned, 1) | flag(learn.result_dst.is_some(), 2);
    out.u16(flags);
    out.u8(learn.table);
    out.u8(0);
    out.u16(learn.fin_idle_timeout);
    out.u16(learn.fin_hard_timeout);
    if second_form {
        out.u32(learn.limit);
        out.u16(learn.result_dst.map_or(0, |dst| dst.offset));
        out.zeros(2);
        if let Some(dst) = learn.result_dst {
            oxm::put_header(out, dst, Dialect::Nxm)?;
        }
    }
    for spec in &learn.specs {
        let bits = spec.src.bits();
        let dst = match spec.dst {
            LearnDst::Match(dst) => Some(dst),
            LearnDst::Load(dst) => Some(dst),
            LearnDst::Output => None,
        };
        if bits > 0x3ff || dst.is_some_and(|dst| dst.bits != bits) {
            return Err(EncodeError::BadValue { what: "width in a part of learn", value: bits.into() });
        }
        let src = u16::from(matches!(spec.src, LearnSrc::Const { .. })) << 13;
        let kind = match spec.dst {
            LearnDst::Match(_) => 0,
            LearnDst::Load(_) => 1 << 11,
            LearnDst::Output => 2 << 11,
        };
        out.u16(bits | src | kind);
        match &spec.src {
            LearnSrc::Field(src) => {
                oxm::put_short_header(out, *src, "learn")?;
                out.u16(src.offset);
            }
            LearnSrc::Const { bits, value } => {
                if value.len() != usize::from(bits.div_ceil(16)) * 2 {
                    return Err(EncodeError::BadValue {
                        what: "length of a constant of learn",
                        value: value.len() as u128,
                    });
                }
                out.bytes(value);
            }
        }
        if let Some(dst) = dst {
            oxm::put_short_header(out, dst, "learn")?;
            out.u16(dst.offset);
        }
    }
    Ok(())
}
