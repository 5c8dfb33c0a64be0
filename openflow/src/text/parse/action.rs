//! Actions and instructions (`ovs-actions(7)`).

use super::pairs::{Pair, pairs};
use super::value::{parse_long, parse_subfield, parse_tun_metadata, parse_value};
use super::{ParseError, named, number, port_of, u8_of, u16_of, u32_of, u64_of};
use crate::action::{
    Action, Bundle, Controller, Ct, Encap, EncapProperty, Multipath, Nat, NatAddrs, NatKind, Observation, Sample,
    SampleDirection, SetField, Zone,
};
use crate::field::{Field, Format, Subfield};
use crate::flow::Instructions;
use crate::flow_match::Match;
use crate::port::PortNo;
use crate::text::action::{BUNDLE, ENCAP, HASH_FIELDS, MULTIPATH, REASONS};
use std::net::IpAddr;

/// Reads a list of actions and instructions of a flow with this match, which settles what `mod_tp_src` and
/// `mod_vlan_vid` mean.
///
/// # Errors
/// When the text is not such a list.
pub fn parse_actions(text: &str, matching: &Match) -> Result<Instructions, ParseError> {
    let protocol = matching.get(Field::IpProto).map(|(protocol, _)| protocol as u8);
    let tagged = matching.get(Field::VlanVid).is_some_and(|(tci, mask)| tci & mask & 0x1000 != 0);
    parse_in(text, Context { protocol, tagged })
}

/// What is known of the packet where an action is.
#[derive(Clone, Copy, Default)]
pub(super) struct Context {
    protocol: Option<u8>,
    /// Whether it has a VLAN tag.
    tagged: bool,
}

fn parse_in(text: &str, mut context: Context) -> Result<Instructions, ParseError> {
    let mut out = Instructions::default();
    for pair in pairs(text) {
        let pair = pair?;
        let value = pair.value;
        match pair.key {
            "drop" => {}
            "clear_actions" => out.clear = true,
            "write_actions" => out.write = Some(parse_list(value, context)?).filter(|list| !list.is_empty()),
            "goto_table" => out.goto_table = Some(u8_of(value)?),
            "instruction" => out.opaque.push(parse_long(value)?.into()),
            "write_metadata" => {
                let (metadata, mask) = match value.split_once('/') {
                    Some((metadata, mask)) => (u64_of(metadata)?, u64_of(mask)?),
                    None => (u64_of(value)?, u64::MAX),
                };
                out.metadata = Some((metadata, mask));
            }
            key => {
                parse_one(&pair, context, &mut out.apply)?;
                match key {
                    "push_vlan" | "mod_vlan_vid" | "mod_vlan_pcp" => context.tagged = true,
                    "pop_vlan" | "strip_vlan" => context.tagged = false,
                    _ => {}
                }
            }
        }
    }
    Ok(out)
}

/// Reads a list of actions alone.
pub(super) fn parse_list(text: &str, context: Context) -> Result<Vec<Action>, ParseError> {
    let instructions = parse_in(text, context)?;
    let only = Instructions { apply: instructions.apply.clone(), ..Instructions::default() };
    if instructions == only { Ok(only.apply) } else { Err(ParseError::new("an instruction among actions", text)) }
}

/// Reads one action; some become several.
fn parse_one(pair: &Pair<'_>, context: Context, out: &mut Vec<Action>) -> Result<(), ParseError> {
    let value = pair.value;
    let simple = match pair.key {
        "output" => parse_output(value)?,
        "group" => Action::Group(u32_of(value)?),
        "controller" | "CONTROLLER" => parse_controller(value)?,
        "enqueue" => {
            let (port, queue) = value.split_once([':', ',']).ok_or_else(|| ParseError::new("no queue", value))?;
            let output = Action::Output { port: port_of(port)?, max_len: 0xffff };
            out.extend([Action::SetQueue(u32_of(queue)?), output, Action::PopQueue]);
            return Ok(());
        }
        "set_field" => parse_set_field(value)?,
        "load" => parse_load(value)?,
        "move" => {
            let (src, dst) = value.split_once("->").ok_or_else(|| ParseError::new("no destination", value))?;
            let (src, dst) = (parse_subfield(src)?, parse_subfield(dst)?);
            if src.bits != dst.bits {
                return Err(ParseError::new("different widths", value));
            }
            Action::Copy { src, dst }
        }
        "push_vlan" => Action::PushVlan(u16_of(value)?),
        "pop_vlan" | "strip_vlan" => Action::PopVlan,
        "push_mpls" => Action::PushMpls(u16_of(value)?),
        "pop_mpls" => Action::PopMpls(u16_of(value)?),
        "set_mpls_label" => set(Field::MplsLabel, value)?,
        "set_mpls_tc" => set(Field::MplsTc, value)?,
        "set_mpls_ttl" => Action::SetMplsTtl(u8_of(value)?),
        "dec_mpls_ttl" => Action::DecMplsTtl,
        "mod_dl_src" => set(Field::EthSrc, value)?,
        "mod_dl_dst" => set(Field::EthDst, value)?,
        "mod_nw_src" => set(Field::Ipv4Src, value)?,
        "mod_nw_dst" => set(Field::Ipv4Dst, value)?,
        "mod_nw_tos" => Action::set(Field::IpDscp, (number(value, 0xff)? >> 2) & 0x3f),
        "mod_nw_ecn" => set(Field::IpEcn, value)?,
        "mod_nw_ttl" => Action::SetIpTtl(u8_of(value)?),
        "mod_tp_src" => set(port_field(context.protocol, true), value)?,
        "mod_tp_dst" => set(port_field(context.protocol, false), value)?,
        "mod_vlan_vid" | "set_vlan_vid" => {
            if pair.key == "mod_vlan_vid" && !context.tagged {
                out.push(Action::PushVlan(0x8100));
            }
            Action::set(Field::VlanVid, number(value, 0xfff)? | 0x1000)
        }
        "mod_vlan_pcp" | "set_vlan_pcp" => {
            if pair.key == "mod_vlan_pcp" && !context.tagged {
                out.push(Action::PushVlan(0x8100));
            }
            set(Field::VlanPcp, value)?
        }
        "dec_ttl" if value.is_empty() => Action::DecTtl,
        "dec_ttl" => Action::DecTtlTo(value.split(',').map(u16_of).collect::<Result<_, _>>()?),
        "set_queue" => Action::SetQueue(u32_of(value)?),
        "pop_queue" => Action::PopQueue,
        "set_tunnel" | "set_tunnel64" => Action::set(Field::TunId, u64_of(value)?.into()),
        "meter" => Action::Meter(u32_of(value)?),
        "resubmit" => parse_resubmit(value)?,
        "ct" => Action::from(parse_ct(value, context)?),
        "ct_clear" => Action::CtClear,
        "nat" => Action::Nat(Box::new(parse_nat(value)?)),
        "learn" => Action::from(super::learn::parse_learn(value)?),
        "conjunction" => parse_conjunction(value)?,
        "clone" => Action::Clone(parse_list(value, context)?),
        "check_pkt_larger" => {
            let dst = pair.arrow.ok_or_else(|| ParseError::new("no destination", value))?;
            Action::CheckPktLarger { length: u16_of(value)?, dst: one_bit(dst)? }
        }
        "note" => Action::Note(parse_note(value)?),
        "multipath" => Action::Multipath(Box::new(parse_multipath(value)?)),
        "bundle" | "bundle_load" => Action::Bundle(Box::new(parse_bundle(value, pair.key == "bundle_load")?)),
        "sample" => Action::Sample(Box::new(parse_sample(value)?)),
        "push" => Action::StackPush(parse_subfield(value)?),
        "pop" => Action::StackPop(parse_subfield(value)?),
        "fin_timeout" => parse_fin_timeout(value)?,
        "exit" => Action::Exit,
        "encap" => Action::Encap(Box::new(parse_encap(value)?)),
        "decap" => parse_decap(value)?,
        "dec_nsh_ttl" => Action::DecNshTtl,
        "delete_field" => Action::DeleteField(field(value)?),
        "action" => Action::Opaque(parse_long(value)?.into()),
        key => {
            let port = port_of(key).map_err(|_| ParseError::new("no action", key))?;
            Action::output(port)
        }
    };
    out.push(simple);
    Ok(())
}

fn field(name: &str) -> Result<Field, ParseError> {
    Field::by_name(name).ok_or_else(|| ParseError::new("no field", name))
}

fn set(field: Field, text: &str) -> Result<Action, ParseError> {
    parse_value(field, text).map(|parsed| Action::set(field, parsed.value))
}

/// The port field of a protocol, TCP's if none other is known.
fn port_field(protocol: Option<u8>, src: bool) -> Field {
    match (protocol, src) {
        (Some(17), true) => Field::UdpSrc,
        (Some(17), false) => Field::UdpDst,
        (Some(132), true) => Field::SctpSrc,
        (Some(132), false) => Field::SctpDst,
        (_, true) => Field::TcpSrc,
        (_, false) => Field::TcpDst,
    }
}

fn one_bit(text: &str) -> Result<Subfield, ParseError> {
    let dst = parse_subfield(text)?;
    if dst.bits == 1 { Ok(dst) } else { Err(ParseError::new("more than one bit", text)) }
}

fn parse_output(value: &str) -> Result<Action, ParseError> {
    if value.contains('=') {
        let (mut port, mut max_len) = (None, None);
        for pair in pairs(value) {
            let pair = pair?;
            match pair.key {
                "port" => port = Some(port_of(pair.value)?),
                "max_len" => max_len = Some(u32_of(pair.value)?),
                key => return Err(ParseError::new("no argument of output", key)),
            }
        }
        let missing = || ParseError::new("no port or max_len", value);
        return Ok(Action::OutputTrunc { port: port.ok_or_else(missing)?, max_len: max_len.ok_or_else(missing)? });
    }
    if value.contains('[') {
        return Ok(Action::OutputReg { source: parse_subfield(value)?, max_len: 0xffff });
    }
    port_of(value).map(|port| Action::Output { port, max_len: if port == PortNo::CONTROLLER { 0xffff } else { 0 } })
}

fn parse_controller(value: &str) -> Result<Action, ParseError> {
    if value.is_empty() {
        return Ok(Action::output(PortNo::CONTROLLER));
    }
    if let Ok(max_len) = u16_of(value) {
        return Ok(Action::Output { port: PortNo::CONTROLLER, max_len });
    }
    let mut controller = Controller::default();
    for pair in pairs(value) {
        let pair = pair?;
        match pair.key {
            "reason" => {
                let named = REASONS.iter().position(|name| *name == pair.value).map(|n| n as u8);
                controller.reason = named.map_or_else(|| u8_of(pair.value), Ok)?;
            }
            "max_len" => controller.max_len = u16_of(pair.value)?,
            "id" => controller.id = u16_of(pair.value)?,
            "userdata" => controller.userdata = parse_note(pair.value)?,
            "pause" => controller.pause = true,
            "meter_id" => controller.meter = Some(u32_of(pair.value)?),
            key => return Err(ParseError::new("no argument of controller", key)),
        }
    }
    if controller == (Controller { max_len: controller.max_len, ..Controller::default() }) {
        return Ok(Action::Output { port: PortNo::CONTROLLER, max_len: controller.max_len });
    }
    Ok(controller.into())
}

fn parse_set_field(value: &str) -> Result<Action, ParseError> {
    let (value, name) = value.rsplit_once("->").ok_or_else(|| ParseError::new("no field", value))?;
    let field = field(name)?;
    if field.is_tun_metadata() {
        let (value, mask) = parse_tun_metadata(value)?;
        return Ok(SetField::bytes(field, &value, mask.as_deref()).into());
    }
    // Open vSwitch prints a mask without bits so, whatever the field; of ports the word is a value.
    if value == "ANY" && !matches!(field.info().format, Format::Port16 | Format::Port32) {
        return Ok(Action::set_masked(field, 0, 0));
    }
    let parsed = parse_value(field, value)?;
    let (value, mask) = (parsed.value, parsed.mask);
    // These take other forms on the wire than in text.
    Ok(match (field, mask) {
        (Field::DlVlan, _) => Action::set(Field::VlanVid, value | 0x1000),
        (Field::DlVlanPcp, _) => Action::set(Field::VlanPcp, value),
        (field, None) => Action::set(field, value),
        (field, Some(mask)) => Action::set_masked(field, value, mask),
    })
}

fn parse_load(value: &str) -> Result<Action, ParseError> {
    let (value, dst) = value.split_once("->").ok_or_else(|| ParseError::new("no destination", value))?;
    let dst = parse_subfield(dst)?;
    if dst.field.is_tun_metadata() && dst.bits + dst.offset > 128 {
        return Err(ParseError::new("bits beyond 128", value));
    }
    let value = number(value, crate::field::ones(dst.bits))?;
    Ok(Action::load(value, dst))
}

fn parse_resubmit(value: &str) -> Result<Action, ParseError> {
    let mut parts = value.split(',').map(str::trim);
    let (port, table, ct) = (parts.next().unwrap_or(""), parts.next(), parts.next());
    let in_port = if port.is_empty() { None } else { Some(port_of(port)?).filter(|p| *p != PortNo::IN_PORT) };
    let table = match table {
        None | Some("") => Some(0xff),
        Some(table) => Some(u8_of(table)?),
    };
    match ct {
        None | Some("ct") => Ok(Action::Resubmit { in_port, table, ct: ct.is_some() }),
        Some(other) => Err(ParseError::new("no argument of resubmit", other)),
    }
}

fn parse_ct(value: &str, context: Context) -> Result<Ct, ParseError> {
    let mut ct = Ct::default();
    for pair in pairs(value) {
        let pair = pair?;
        match pair.key {
            "commit" => ct.commit = true,
            "force" => ct.force = true,
            "table" => ct.table = Some(u8_of(pair.value)?),
            "zone" if pair.value.contains('[') => ct.zone = Zone::Field(parse_subfield(pair.value)?),
            "zone" => ct.zone = Zone::Const(u16_of(pair.value)?),
            "nat" => ct.nat = Some(parse_nat(pair.value)?),
            "exec" => ct.exec = parse_list(pair.value, context)?,
            "alg" => {
                let named = [("ftp", 21), ("tftp", 69)].iter().find(|(name, _)| *name == pair.value).map(|a| a.1);
                ct.alg = named.map_or_else(|| u16_of(pair.value), Ok)?;
            }
            key => return Err(ParseError::new("no argument of ct", key)),
        }
    }
    Ok(ct)
}

fn parse_nat(value: &str) -> Result<Nat, ParseError> {
    let mut nat = Nat::default();
    for pair in pairs(value) {
        let pair = pair?;
        match pair.key {
            "src" => nat.kind = NatKind::Src,
            "dst" => nat.kind = NatKind::Dst,
            "persistent" => nat.persistent = true,
            "hash" => nat.hash = true,
            "random" => nat.random = true,
            key => return Err(ParseError::new("no argument of nat", key)),
        }
        if matches!(pair.key, "src" | "dst") && !pair.value.is_empty() {
            parse_range(pair.value, &mut nat)?;
        }
    }
    Ok(nat)
}

/// `addr[-addr][:port[-port]]`, IPv6 addresses in brackets when ports follow.
fn parse_range(text: &str, nat: &mut Nat) -> Result<(), ParseError> {
    let bad = || ParseError::new("no address", text);
    let is_v4 = text.contains('.') && !text.starts_with('[') && text.matches(':').count() < 2;
    let ports_at = if is_v4 { text.find(':') } else { text.rfind("]:").map(|at| at + 1) };
    let (addresses, ports) = match ports_at {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let mut ends = addresses.split('-').map(|a| a.trim_matches(['[', ']']).parse::<IpAddr>().map_err(|_| bad()));
    let (min, max) = (ends.next().ok_or_else(bad)??, ends.next().transpose()?);
    nat.addrs = Some(match (min, max) {
        (IpAddr::V4(min), None) => NatAddrs::V4(min, None),
        (IpAddr::V4(min), Some(IpAddr::V4(max))) => NatAddrs::V4(min, Some(max)),
        (IpAddr::V6(min), None) => NatAddrs::V6(min, None),
        (IpAddr::V6(min), Some(IpAddr::V6(max))) => NatAddrs::V6(min, Some(max)),
        _ => return Err(bad()),
    });
    if let Some(ports) = ports {
        nat.ports = Some(match ports.split_once('-') {
            Some((min, max)) => (u16_of(min)?, Some(u16_of(max)?)),
            None => (u16_of(ports)?, None),
        });
    }
    Ok(())
}

fn parse_conjunction(value: &str) -> Result<Action, ParseError> {
    let bad = || ParseError::new("no conjunction(id,k/n)", value);
    let (id, clause) = value.split_once(',').ok_or_else(bad)?;
    let (clause, of) = clause.split_once('/').ok_or_else(bad)?;
    let (clause, of) = (u8_of(clause.trim())?, u8_of(of.trim())?);
    if clause == 0 || clause > of || !(2..=64).contains(&of) {
        return Err(bad());
    }
    Ok(Action::Conjunction { id: u32_of(id.trim())?, clause: clause - 1, of })
}

/// Bytes in hexadecimal, with or without points between.
fn parse_note(text: &str) -> Result<Vec<u8>, ParseError> {
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    let bad = || ParseError::new("no bytes", text);
    if digits.len() % 2 == 1 || !digits.is_ascii() {
        return Err(bad());
    }
    (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).map_err(|_| bad())).collect()
}

fn parse_multipath(value: &str) -> Result<Multipath, ParseError> {
    let parts: Vec<_> = value.split([',', ' ']).filter(|p| !p.is_empty()).collect();
    let [fields, basis, algorithm, links, arg, dst] = parts[..] else {
        return Err(ParseError::new("not six arguments of multipath", value));
    };
    let links = number(links, 65536)?;
    Ok(Multipath {
        fields: named("hash", fields, HASH_FIELDS)?,
        basis: u16_of(basis)?,
        algorithm: named("algorithm", algorithm, MULTIPATH)?,
        max_link: links.checked_sub(1).ok_or_else(|| ParseError::new("no links", value))? as u16,
        arg: u32_of(arg)?,
        dst: parse_subfield(dst)?,
    })
}

fn parse_bundle(value: &str, load: bool) -> Result<Bundle, ParseError> {
    let (head, members) = value
        .split_once("members:")
        .or(value.split_once("slaves:"))
        .ok_or_else(|| ParseError::new("no members", value))?;
    let parts: Vec<_> = head.split([',', ' ']).filter(|p| !p.is_empty()).collect();
    let (fields, basis, algorithm, dst) = match (&parts[..], load) {
        ([fields, basis, algorithm, "ofport"], false) => (fields, basis, algorithm, None),
        ([fields, basis, algorithm, "ofport", dst], true) => (fields, basis, algorithm, Some(parse_subfield(dst)?)),
        _ => return Err(ParseError::new("wrong arguments of bundle", value)),
    };
    Ok(Bundle {
        fields: named("hash", fields, HASH_FIELDS)?,
        basis: u16_of(basis)?,
        algorithm: named("algorithm", algorithm, BUNDLE)?,
        dst,
        members: members.split([',', ' ']).filter(|m| !m.is_empty()).map(port_of).collect::<Result<_, _>>()?,
    })
}

fn parse_sample(value: &str) -> Result<Sample, ParseError> {
    let none = Observation::Const(0);
    let direction = SampleDirection::Default;
    let mut sample = Sample { probability: 0, collector_set: 0, domain: none, point: none, port: None, direction };
    let observation = |text: &str| match text.contains('[') {
        true => parse_subfield(text).map(Observation::Field),
        false => u32_of(text).map(Observation::Const),
    };
    for pair in pairs(value) {
        let pair = pair?;
        match pair.key {
            "probability" => sample.probability = u16_of(pair.value)?,
            "collector_set_id" => sample.collector_set = u32_of(pair.value)?,
            "obs_domain_id" => sample.domain = observation(pair.value)?,
            "obs_point_id" => sample.point = observation(pair.value)?,
            "sampling_port" => sample.port = Some(port_of(pair.value)?),
            "ingress" => sample.direction = SampleDirection::Ingress,
            "egress" => sample.direction = SampleDirection::Egress,
            key => return Err(ParseError::new("no argument of sample", key)),
        }
    }
    if sample.probability == 0 { Err(ParseError::new("no probability", value)) } else { Ok(sample) }
}

fn parse_fin_timeout(value: &str) -> Result<Action, ParseError> {
    let (mut idle, mut hard) = (0, 0);
    for pair in pairs(value) {
        let pair = pair?;
        match pair.key {
            "idle_timeout" => idle = u16_of(pair.value)?,
            "hard_timeout" => hard = u16_of(pair.value)?,
            key => return Err(ParseError::new("no argument of fin_timeout", key)),
        }
    }
    Ok(Action::FinTimeout { idle, hard })
}

fn parse_encap(value: &str) -> Result<Encap, ParseError> {
    let (name, arguments) = match value.split_once('(') {
        Some((name, arguments)) => {
            (name, arguments.strip_suffix(')').ok_or_else(|| ParseError::new("no closing parenthesis", value))?)
        }
        None => (value, ""),
    };
    let packet_type = named("header", name, ENCAP)?;
    let mut properties = Vec::new();
    for pair in pairs(arguments) {
        let pair = pair?;
        properties.push(match pair.key {
            "md_type" => EncapProperty { class: 4, kind: 1, data: vec![u8_of(pair.value)?] },
            "tlv" => parse_tlv(pair.value)?,
            key => return Err(ParseError::new("no property of encap", key)),
        });
    }
    Ok(Encap { packet_type, header_size: 0, properties })
}

fn parse_tlv(value: &str) -> Result<EncapProperty, ParseError> {
    let parts: Vec<_> = value.split(',').collect();
    let [class, kind, bytes] = parts[..] else { return Err(ParseError::new("no tlv(class,type,value)", value)) };
    let bytes = parse_long(bytes)?;
    let mut data = u16_of(class)?.to_be_bytes().to_vec();
    data.extend([u8_of(kind)?, bytes.len() as u8]);
    data.extend(&bytes);
    data.resize(4 + bytes.len().next_multiple_of(8), 0);
    Ok(EncapProperty { class: 4, kind: 2, data })
}

fn parse_decap(value: &str) -> Result<Action, ParseError> {
    if value.is_empty() {
        return Ok(Action::Decap(0xfffe));
    }
    let bad = || ParseError::new("no packet_type(ns=,type=)", value);
    let inside = value.strip_prefix("packet_type(").and_then(|v| v.strip_suffix(')')).ok_or_else(bad)?;
    let (mut namespace, mut kind) = (0, 0);
    for pair in pairs(inside) {
        let pair = pair?;
        match pair.key {
            "ns" => namespace = u16_of(pair.value)?,
            "type" => kind = u16_of(pair.value)?,
            _ => return Err(bad()),
        }
    }
    Ok(Action::Decap(u32::from(namespace) << 16 | u32::from(kind)))
}
