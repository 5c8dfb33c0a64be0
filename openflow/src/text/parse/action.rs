//! Actions and instructions (`ovs-actions(7)`).

use super::encap::{parse_decap, parse_encap};
use super::multipath::{parse_bundle, parse_multipath};
use super::nat::parse_nat;
use super::pairs::{Pair, pairs};
use super::value::{parse_bytes, parse_subfield, parse_tun_metadata, parse_value};
use super::{ParseError, number, port_of, table_of, u8_of, u16_of, u32_of, u64_of};
use crate::action::{Action, Controller, Ct, Observation, Sample, SampleDirection, SetField, Zone};
use crate::field::{Field, Format, Subfield};
use crate::flow::Instructions;
use crate::flow_match::Match;
use crate::port::PortNo;
use crate::text::action::REASONS;

/// Reads a list of actions and instructions of a flow with this match, which settles what `mod_tp_src` and
/// `mod_vlan_vid` mean.
///
/// # Errors
/// When the text is not such a list.
pub fn parse_actions(text: &str, matching: &Match) -> Result<Instructions, ParseError> {
    parse_in(text, Context::of(matching, Order::Any))
}

/// Whether words must come in the order in which a switch runs them: `meter`, other actions, `clear_actions`,
/// `write_actions`, `write_metadata`, `goto_table`; and `drop` alone.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Order {
    /// As they come, which is how a dump may have them.
    #[default]
    Any,
    /// As `ovs-ofctl` demands of its arguments.
    Strict,
}

/// What is known of the packet where an action is.
#[derive(Clone, Copy, Default)]
pub(super) struct Context {
    protocol: Option<u8>,
    /// Whether it has a VLAN tag.
    tagged: bool,
    /// Whether the actions are a flow's: only then can be known what its packets are.
    in_flow: bool,
    order: Order,
}

impl Context {
    /// In a flow with this match.
    pub fn of(matching: &Match, order: Order) -> Context {
        let protocol = matching.get(Field::IpProto).map(|(protocol, _)| protocol as u8);
        let tagged = matching.get(Field::VlanVid).is_some_and(|(tci, mask)| tci & mask & 0x1000 != 0);
        Context { protocol, tagged, in_flow: true, order }
    }

    /// In a bucket.
    pub fn bucket(order: Order) -> Context {
        Context { order, ..Context::default() }
    }
}

/// The place of a word in the order of instructions: a later one is no lower, and equal only among actions.
fn rank(key: &str) -> u8 {
    match key {
        "meter" => 0,
        "clear_actions" => 2,
        "write_actions" => 3,
        "write_metadata" => 4,
        "goto_table" => 5,
        "instruction" => 6,
        _ => 1,
    }
}

/// Reads actions and instructions.
pub(super) fn parse_in(text: &str, mut context: Context) -> Result<Instructions, ParseError> {
    let mut out = Instructions::default();
    let (mut last, mut count, mut drops) = (None, 0, false);
    for pair in pairs(text) {
        let pair = pair?;
        let value = pair.value;
        let next = rank(pair.key);
        let repeats = last == Some(next) && !matches!(next, 1 | 6);
        if context.order == Order::Strict && (last.is_some_and(|last| next < last) || repeats) {
            return Err(ParseError::new(format!("{} out of its order or twice", pair.key), text));
        }
        (last, count, drops) = (Some(next), count + 1, drops || pair.key == "drop");
        match pair.key {
            "drop" => {}
            "clear_actions" => out.clear = true,
            "write_actions" => out.write = Some(parse_nested(value, context)?).filter(|list| !list.is_empty()),
            "goto_table" => out.goto_table = Some(table_of(value, context.order)?),
            "instruction" => out.opaque.push(parse_bytes(value)?.into()),
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
                    "push_vlan" | "mod_vlan_vid" | "mod_vlan_pcp" => context.tagged = context.in_flow,
                    "pop_vlan" | "strip_vlan" => context.tagged = false,
                    _ => {}
                }
            }
        }
    }
    let beside = drops && count > 1 && context.order == Order::Strict;
    if beside { Err(ParseError::new("drop beside other actions", text)) } else { Ok(out) }
}

/// Reads a list of actions alone.
pub(super) fn parse_list(text: &str, context: Context) -> Result<Vec<Action>, ParseError> {
    let instructions = parse_in(text, context)?;
    let only = Instructions { apply: instructions.apply.clone(), ..Instructions::default() };
    if instructions == only { Ok(only.apply) } else { Err(ParseError::new("an instruction among actions", text)) }
}

/// Reads a list of actions within another action, where no meter can be.
fn parse_nested(text: &str, context: Context) -> Result<Vec<Action>, ParseError> {
    let actions = parse_list(text, context)?;
    let metered = actions.iter().any(|action| matches!(action, Action::Meter(_)));
    match metered && context.order == Order::Strict {
        true => Err(ParseError::new("a meter among actions of another action", text)),
        false => Ok(actions),
    }
}

/// Reads one action; some become several.
fn parse_one(pair: &Pair<'_>, context: Context, out: &mut Vec<Action>) -> Result<(), ParseError> {
    let value = pair.value;
    let simple = match pair.key {
        "output" => parse_output(value, context.order)?,
        "group" => Action::Group(u32_of(value)?),
        "controller" | "CONTROLLER" => parse_controller(value)?,
        "enqueue" => {
            let (port, queue) = value.split_once([':', ',', 'q']).ok_or_else(|| ParseError::new("no queue", value))?;
            let port = port_of(port)?;
            if port >= PortNo::MAX && !matches!(port, PortNo::IN_PORT | PortNo::LOCAL) {
                return Err(ParseError::new("no port with queues", value));
            }
            let output = Action::Output { port, max_len: 0xffff };
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
        "push_vlan" => match u16_of(value)? {
            0x8100 | 0x88a8 => Action::PushVlan(u16_of(value)?),
            ethertype if context.order == Order::Any => Action::PushVlan(ethertype),
            _ => return Err(ParseError::new("no Ethernet type of a VLAN", value)),
        },
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
        "mod_tp_src" | "mod_tp_dst" => set_port(pair.key == "mod_tp_src", value, context)?,
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
        "resubmit" => parse_resubmit(value, context.order)?,
        "ct" => Action::from(parse_ct(value, context)?),
        "ct_clear" => Action::CtClear,
        "nat" => Action::Nat(Box::new(parse_nat(value, context.order)?)),
        "learn" => Action::from(super::learn::parse_learn(value, context.order)?),
        "conjunction" => parse_conjunction(value)?,
        "clone" => Action::Clone(parse_nested(value, context)?),
        "check_pkt_larger" => {
            let dst = pair.arrow.ok_or_else(|| ParseError::new("no destination", value))?;
            Action::CheckPktLarger { length: u16_of(value)?, dst: one_bit(dst)? }
        }
        "note" => Action::Note(parse_note(value)?),
        "multipath" => Action::Multipath(Box::new(parse_multipath(value, context.order)?)),
        "bundle" | "bundle_load" => Action::Bundle(Box::new(parse_bundle(value, pair.key == "bundle_load")?)),
        "sample" => Action::Sample(Box::new(parse_sample(value)?)),
        "push" => Action::StackPush(parse_subfield(value)?),
        "pop" => Action::StackPop(parse_subfield(value)?),
        "fin_timeout" => parse_fin_timeout(value)?,
        "exit" => Action::Exit,
        "encap" => Action::Encap(Box::new(parse_encap(value, context.order)?)),
        "decap" => parse_decap(value)?,
        "dec_nsh_ttl" => Action::DecNshTtl,
        "delete_field" => Action::DeleteField(field(value)?.all_bits()),
        "action" => Action::Opaque(parse_bytes(value)?.into()),
        key => {
            let port = port_of(key).map_err(|_| ParseError::new("no action", key))?;
            Action::Output { port, max_len: 0 }
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

/// Sets the port of the protocol. Where none is known, as in a bucket, with the action of OpenFlow 1.1 that Open vSwitch
/// sends then, and takes on 1.5 too.
fn set_port(src: bool, text: &str, context: Context) -> Result<Action, ParseError> {
    let field = match (context.protocol, src) {
        (Some(6), true) => Field::TcpSrc,
        (Some(6), false) => Field::TcpDst,
        (Some(17), true) => Field::UdpSrc,
        (Some(17), false) => Field::UdpDst,
        (Some(132), true) => Field::SctpSrc,
        (Some(132), false) => Field::SctpDst,
        _ => {
            let ([high, low], kind) = (u16_of(text)?.to_be_bytes(), if src { 9 } else { 10 });
            return Ok(Action::Opaque([0, kind, 0, 8, high, low, 0, 0].into()));
        }
    };
    set(field, text)
}

/// A run of one bit.
pub(super) fn one_bit(text: &str) -> Result<Subfield, ParseError> {
    let dst = parse_subfield(text)?;
    if dst.bits == 1 { Ok(dst) } else { Err(ParseError::new("more than one bit", text)) }
}

fn parse_output(value: &str, order: Order) -> Result<Action, ParseError> {
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
        let (port, max_len) = (port.ok_or_else(missing)?, max_len.ok_or_else(missing)?);
        let odd = max_len < 14 || (port >= PortNo::MAX && !matches!(port, PortNo::IN_PORT | PortNo::LOCAL));
        if odd && order == Order::Strict {
            return Err(ParseError::new("fewer than 14 bytes, or no port to cut packets for", value));
        }
        return Ok(Action::OutputTrunc { port, max_len });
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
            "meter_id" => controller.meter = Some(u32_of(pair.value)?).filter(|id| *id != 0),
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
        return load_long(number(value, crate::field::ones(dst.bits))?, dst);
    }
    let value = number(value, crate::field::ones(dst.bits))?;
    Ok(Action::load(value, dst))
}

/// Sets bits of tunnel metadata beyond the 128 lowest.
fn load_long(number: u128, dst: Subfield) -> Result<Action, ParseError> {
    let (mut value, mut mask) = (vec![0u8; 124], vec![0u8; 124]);
    for bit in 0..dst.bits {
        let at = usize::from(dst.offset + bit);
        let (byte, bit_of_byte) = (123 - at / 8, 1 << (at % 8));
        mask[byte] |= bit_of_byte;
        if bit < 128 && number >> bit & 1 == 1 {
            value[byte] |= bit_of_byte;
        }
    }
    if dst.bits == dst.field.bits() {
        return Ok(Action::set(dst.field, number));
    }
    let from = mask.iter().position(|byte| *byte != 0).unwrap_or(0);
    Ok(SetField::bytes(dst.field, &value[from..], Some(&mask[from..])).into())
}

fn parse_resubmit(value: &str, order: Order) -> Result<Action, ParseError> {
    let mut parts = value.split(',').map(str::trim);
    let (port, table, ct) = (parts.next().unwrap_or(""), parts.next(), parts.next());
    let in_port = if port.is_empty() { None } else { Some(port_of(port)?).filter(|p| *p != PortNo::IN_PORT) };
    let table = match table {
        None | Some("") => Some(0xff),
        Some(table) => Some(table_of(table, order)?),
    };
    if in_port.is_none() && table == Some(0xff) && order == Order::Strict {
        return Err(ParseError::new("neither port nor table", value));
    }
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
            "table" => ct.table = Some(table_of(pair.value, context.order)?),
            "zone" if pair.value.contains('[') => ct.zone = Zone::Field(parse_subfield(pair.value)?),
            "zone" => ct.zone = Zone::Const(u16_of(pair.value)?),
            "nat" if ct.nat.is_some() => return Err(ParseError::new("nat twice", value)),
            "nat" => ct.nat = Some(parse_nat(pair.value, context.order)?),
            "exec" => ct.exec = parse_exec(pair.value, context)?,
            "alg" => {
                let named = [("ftp", 21), ("tftp", 69)].iter().find(|(name, _)| *name == pair.value).map(|a| a.1);
                ct.alg = named.map_or_else(|| u16_of(pair.value), Ok)?;
            }
            key => return Err(ParseError::new("no argument of ct", key)),
        }
    }
    let bare = ct.force && !ct.commit && context.order == Order::Strict;
    if bare { Err(ParseError::new("force without commit", value)) } else { Ok(ct) }
}

/// Actions on the connection: they set its mark or label.
fn parse_exec(value: &str, context: Context) -> Result<Vec<Action>, ParseError> {
    let actions = parse_list(value, context)?;
    let of_connection = |field| matches!(field, Field::CtMark | Field::CtLabel);
    let fits = context.order == Order::Any
        || actions.iter().all(|action| match action {
            Action::SetField(set) => of_connection(set.field()),
            Action::Copy { dst, .. } => of_connection(dst.field),
            Action::Nat(_) => true,
            _ => false,
        });
    if fits { Ok(actions) } else { Err(ParseError::new("not on ct_mark or ct_label alone", value)) }
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
