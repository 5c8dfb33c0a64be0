//! Reading of Nicira's actions.

use super::super::oxm::{self, Unknown};
use super::super::{Reader, property, reader::one_of};
use super::{ReadError, read_nested};
use crate::action::{
    Action, Bundle, BundleAlgorithm, Controller, Ct, Encap, EncapProperty, HashFields, Learn, LearnDst, LearnSpec,
    LearnSrc, Multipath, MultipathAlgorithm, Nat, NatAddrs, NatKind, Observation, Sample, SampleDirection, Zone,
};
use crate::error::DecodeError;
use crate::field::Subfield;
use crate::port::PortNo;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Reads an action after its experimenter id.
pub(super) fn read(r: &mut Reader<'_>, depth: usize) -> Result<Action, ReadError> {
    let subtype = r.u16()?;
    Ok(match subtype {
        1 => Action::Resubmit { in_port: other_port(r)?, table: None, ct: false },
        14 | 44 => Action::Resubmit { in_port: other_port(r)?, table: Some(r.u8()?), ct: subtype == 44 },
        2 => {
            r.skip(2)?;
            Action::SetTunnel { id: r.u32()?.into(), wide: false }
        }
        9 => {
            r.skip(6)?;
            Action::SetTunnel { id: r.u64()?, wide: true }
        }
        5 => Action::PopQueue,
        8 => Action::Note(r.rest().to_vec()),
        10 => Action::Multipath(Box::new(read_multipath(r)?)),
        12 | 13 => Action::Bundle(Box::new(read_bundle(r, subtype == 13)?)),
        15 | 32 => read_output_reg(r, subtype)?,
        16 | 45 => Action::Learn(Box::new(read_learn(r, subtype == 45)?)),
        17 => Action::Exit,
        19 => Action::FinTimeout { idle: r.u16()?, hard: r.u16()? },
        20 => {
            let (max_len, id, reason) = (r.u16()?, r.u16()?, r.u8()?);
            Controller { max_len, id, reason, ..Controller::default() }.into()
        }
        37 => read_controller(r)?.into(),
        21 => read_dec_ttl(r)?,
        27 => Action::StackPush(read_stack(r)?),
        28 => Action::StackPop(read_stack(r)?),
        29 | 38 | 41 | 51 => Action::Sample(Box::new(read_sample(r, subtype)?)),
        34 => {
            let (clause, of) = (r.u8()?, r.u8()?);
            Action::Conjunction { id: r.u32()?, clause, of }
        }
        35 => read_ct(r, depth)?.into(),
        36 => Action::Nat(Box::new(read_nat(r)?)),
        39 => Action::OutputTrunc { port: PortNo::from_u16(r.u16()?), max_len: r.u32()? },
        42 => {
            r.skip(6)?;
            Action::Clone(read_nested(r.rest(), depth + 1)?)
        }
        43 => Action::CtClear,
        46 => Action::Encap(Box::new(read_encap(r)?)),
        47 => {
            r.skip(2)?;
            Action::Decap(r.u32()?)
        }
        48 => Action::DecNshTtl,
        49 => {
            let (length, offset) = (r.u16()?, r.u16()?);
            let dst = Subfield { offset, bits: 1, ..oxm::read_header(r)? };
            Action::CheckPktLarger { length, dst: oxm::checked(dst)? }
        }
        50 => Action::DeleteField(oxm::read_header(r)?),
        _ => return Err(ReadError::Unknown),
    })
}

/// A port of 16 bits, `None` for the one the packet has.
fn other_port(r: &mut Reader<'_>) -> Result<Option<PortNo>, DecodeError> {
    let port = PortNo::from_u16(r.u16()?);
    Ok((port != PortNo::IN_PORT).then_some(port))
}

fn hash_fields(r: &mut Reader<'_>) -> Result<HashFields, DecodeError> {
    use HashFields::*;
    let all = [EthSrc, SymmetricL4, SymmetricL3L4, SymmetricL3L4Udp, NwSrc, NwDst, SymmetricL3];
    one_of("nx_hash_fields", r.u16()?.into(), &all.map(|f| (f as u64, f)))
}

fn read_multipath(r: &mut Reader<'_>) -> Result<Multipath, Unknown> {
    use MultipathAlgorithm::*;
    let (fields, basis) = (hash_fields(r)?, r.u16()?);
    r.skip(2)?;
    let all = [ModuloN, HashThreshold, Hrw, IterHash].map(|a| (a as u64, a));
    let algorithm = one_of("nx_mp_algorithm", r.u16()?.into(), &all)?;
    let (max_link, arg) = (r.u16()?, r.u32()?);
    r.skip(2)?;
    let offset_bits = r.u16()?;
    let dst = oxm::subfield(oxm::read_header(r)?, offset_bits)?;
    Ok(Multipath { fields, basis, algorithm, max_link, arg, dst })
}

fn read_bundle(r: &mut Reader<'_>, load: bool) -> Result<Bundle, Unknown> {
    let all = [BundleAlgorithm::ActiveBackup, BundleAlgorithm::Hrw].map(|a| (a as u64, a));
    let algorithm = one_of("nx_bd_algorithm", r.u16()?.into(), &all)?;
    let (fields, basis) = (hash_fields(r)?, r.u16()?);
    r.skip(4)?;
    let (count, offset_bits) = (r.u16()?, r.u16()?);
    let dst = match load {
        true => Some(oxm::subfield(oxm::read_header(r)?, offset_bits)?),
        false => r.skip(4).map(|()| None)?,
    };
    r.skip(4)?;
    let members = (0..count).map(|_| r.u16().map(PortNo::from_u16)).collect::<Result<_, _>>()?;
    Ok(Bundle { fields, basis, algorithm, dst, members })
}

fn read_output_reg(r: &mut Reader<'_>, subtype: u16) -> Result<Action, Unknown> {
    let offset_bits = r.u16()?;
    if subtype == 32 {
        let max_len = r.u16()?;
        return Ok(Action::OutputReg { source: oxm::subfield(oxm::read_header(r)?, offset_bits)?, max_len });
    }
    let source = oxm::subfield(oxm::read_header(r)?, offset_bits)?;
    Ok(Action::OutputReg { source, max_len: r.u16()? })
}

fn read_controller(r: &mut Reader<'_>) -> Result<Controller, Unknown> {
    let mut controller = Controller::default();
    r.skip(6)?;
    for property in property::read(*r) {
        let mut property = property?;
        match property.kind {
            0 => controller.max_len = property.data.u16()?,
            1 => controller.id = property.data.u16()?,
            2 => controller.reason = property.data.u8()?,
            3 => controller.userdata = property.data.rest().to_vec(),
            4 => controller.pause = true,
            5 => controller.meter = Some(property.data.u32()?),
            _ => return Err(Unknown),
        }
    }
    Ok(controller)
}

fn read_dec_ttl(r: &mut Reader<'_>) -> Result<Action, DecodeError> {
    let count = r.u16()?;
    r.skip(4)?;
    Ok(Action::DecTtlTo((0..count).map(|_| r.u16()).collect::<Result<_, _>>()?))
}

fn read_stack(r: &mut Reader<'_>) -> Result<Subfield, Unknown> {
    let offset = r.u16()?;
    let named = oxm::read_header(r)?;
    oxm::checked(Subfield { offset, bits: r.u16()?, ..named })
}

fn read_sample(r: &mut Reader<'_>, subtype: u16) -> Result<Sample, Unknown> {
    use SampleDirection::*;
    let (probability, collector_set) = (r.u16()?, r.u32()?);
    let (domain, point) = (observation(r, subtype)?, observation(r, subtype)?);
    let mut sample = Sample { probability, collector_set, domain, point, port: None, direction: Default };
    if subtype != 29 {
        let port = PortNo::from_u16(r.u16()?);
        sample.port = (port != PortNo::ANY).then_some(port);
        let all = [Default, Ingress, Egress].map(|d| (d as u64, d));
        sample.direction = one_of("sample direction", r.u8()?.into(), &all)?;
    }
    Ok(sample)
}

fn observation(r: &mut Reader<'_>, subtype: u16) -> Result<Observation, Unknown> {
    if subtype != 51 {
        return Ok(Observation::Const(r.u32()?));
    }
    let mut header = *r;
    if r.u32()? == 0 {
        return Ok(Observation::Const(r.u32()?));
    }
    let field = oxm::read_header(&mut header)?;
    let offset_bits = r.u16()?;
    r.skip(2)?;
    Ok(Observation::Field(oxm::subfield(field, offset_bits)?))
}

fn read_ct(r: &mut Reader<'_>, depth: usize) -> Result<Ct, ReadError> {
    let flags = r.u16()?;
    let mut header = *r;
    let (source, zone) = (r.u32()?, r.u16()?);
    let zone = match source {
        0 => Zone::Const(zone),
        _ => Zone::Field(oxm::subfield(oxm::read_header(&mut header)?, zone)?),
    };
    let table = r.u8()?;
    r.skip(3)?;
    let alg = r.u16()?;
    let mut exec = read_nested(r.rest(), depth + 1)?;
    let nat = match exec.first() {
        Some(Action::Nat(nat)) => Some((**nat).clone()),
        _ => None,
    };
    if nat.is_some() {
        exec.remove(0);
    }
    let table = (table != 0xff).then_some(table);
    Ok(Ct { commit: flags & 1 != 0, force: flags & 2 != 0, zone, table, nat, exec, alg })
}

fn read_nat(r: &mut Reader<'_>) -> Result<Nat, Unknown> {
    r.skip(2)?;
    let (flags, present) = (r.u16()?, r.u16()?);
    let has = |bit: u16| present & 1 << bit != 0;
    let kind =
        one_of("nat flags", u64::from(flags & 3), &[(0, NatKind::Existing), (1, NatKind::Src), (2, NatKind::Dst)])?;
    let addrs = match (has(0), has(2)) {
        (true, false) => {
            let mut next = || r.u32().map(Ipv4Addr::from_bits);
            Some(NatAddrs::V4(next()?, if has(1) { Some(next()?) } else { None }))
        }
        (false, true) => {
            let mut next = || r.u128().map(Ipv6Addr::from_bits);
            Some(NatAddrs::V6(next()?, if has(3) { Some(next()?) } else { None }))
        }
        (false, false) => None,
        (true, true) => return Err(Unknown),
    };
    let ports = if has(4) { Some((r.u16()?, if has(5) { Some(r.u16()?) } else { None })) } else { None };
    let flag = |bit: u16| flags & 1 << bit != 0;
    Ok(Nat { kind, persistent: flag(2), hash: flag(3), random: flag(4), addrs, ports })
}

fn read_encap(r: &mut Reader<'_>) -> Result<Encap, Unknown> {
    let (header_size, packet_type) = (r.u16()?, r.u32()?);
    let mut properties = Vec::new();
    while !r.is_empty() {
        let (class, kind, length) = (r.u16()?, r.u8()?, usize::from(r.u8()?));
        let data = r.take(length.checked_sub(4).ok_or(Unknown)?)?.to_vec();
        r.skip(length.next_multiple_of(8) - length)?;
        properties.push(EncapProperty { class, kind, data });
    }
    Ok(Encap { packet_type, header_size, properties })
}

fn read_learn(r: &mut Reader<'_>, second_form: bool) -> Result<Learn, Unknown> {
    let (idle_timeout, hard_timeout, priority, cookie) = (r.u16()?, r.u16()?, r.u16()?, r.u64()?);
    let (flags, table) = (r.u16()?, r.u8()?);
    r.skip(1)?;
    let (fin_idle_timeout, fin_hard_timeout) = (r.u16()?, r.u16()?);
    let (mut limit, mut result_dst) = (0, None);
    if second_form {
        limit = r.u32()?;
        let offset = r.u16()?;
        r.skip(2)?;
        if flags & 4 != 0 {
            result_dst = Some(oxm::checked(Subfield { offset, bits: 1, ..oxm::read_header(r)? })?);
        }
    }
    let specs = read_specs(r)?;
    let (send_flow_removed, delete_learned) = (flags & 1 != 0, flags & 2 != 0);
    Ok(Learn {
        idle_timeout,
        hard_timeout,
        priority,
        cookie,
        send_flow_removed,
        delete_learned,
        table,
        fin_idle_timeout,
        fin_hard_timeout,
        limit,
        result_dst,
        specs,
    })
}

fn read_specs(r: &mut Reader<'_>) -> Result<Vec<LearnSpec>, Unknown> {
    let mut specs = Vec::new();
    while r.len() >= 2 {
        let head = r.u16()?;
        if head == 0 {
            break; // padding
        }
        let bits = head & 0x3ff;
        let subfield = |r: &mut Reader<'_>| {
            let named = oxm::read_header(r)?;
            oxm::checked(Subfield { offset: r.u16()?, bits, ..named })
        };
        let src = match head & 1 << 13 {
            0 => LearnSrc::Field(subfield(r)?),
            _ => LearnSrc::Const { bits, value: r.take(usize::from(bits.div_ceil(16)) * 2)?.to_vec() },
        };
        let dst = match head >> 11 & 3 {
            0 => LearnDst::Match(subfield(r)?),
            1 => LearnDst::Load(subfield(r)?),
            2 => LearnDst::Output,
            _ => return Err(Unknown),
        };
        specs.push(LearnSpec { src, dst });
    }
    Ok(specs)
}
