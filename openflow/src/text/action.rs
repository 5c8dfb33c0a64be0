//! Actions and instructions as text (`ovs-actions(7)`).

use super::value::{Hex, V6, put_value};
use super::{Printable, Printer};
use crate::action::{
    Action, Bundle, BundleAlgorithm, Controller, Ct, Encap, EncapProperty, HashFields, Multipath, MultipathAlgorithm,
    Nat, NatAddrs, NatKind, Observation, Sample, SampleDirection, Zone,
};
use crate::field::Subfield;
use crate::flow::Instructions;
use crate::port::PortNo;
use std::fmt::{self, Write};

impl Printable for Subfield {
    fn print(&self, out: &mut Printer<'_>) -> fmt::Result {
        let info = self.field.info();
        let name = self.field.oldest_header().map_or(info.name, |h| h.name);
        match (self.offset, self.bits) {
            (0, bits) if bits == info.bits => write!(out, "{name}[]"),
            (offset, 1) => write!(out, "{name}[{offset}]"),
            (offset, bits) => write!(out, "{name}[{offset}..{}]", offset + bits - 1),
        }
    }
}

impl Printable for Instructions {
    fn print(&self, out: &mut Printer<'_>) -> fmt::Result {
        let mut first = true;
        let mut next = |out: &mut Printer<'_>| {
            let separator = if first { "" } else { "," };
            first = false;
            out.write_str(separator)
        };
        for action in &self.apply {
            next(out)?;
            action.print(out)?;
        }
        if self.clear {
            next(out)?;
            out.write_str("clear_actions")?;
        }
        if let Some(actions) = &self.write {
            next(out)?;
            out.write_str("write_actions(")?;
            put_list(out, actions)?;
            out.write_char(')')?;
        }
        if let Some((value, mask)) = self.metadata {
            next(out)?;
            write!(out, "write_metadata:{}", Hex(value.into()))?;
            if mask != u64::MAX {
                write!(out, "/{}", Hex(mask.into()))?;
            }
        }
        if let Some(table) = self.goto_table {
            next(out)?;
            out.write_str("goto_table:")?;
            out.table(table)?;
        }
        for opaque in &self.opaque {
            next(out)?;
            put_opaque(out, "instruction", opaque)?;
        }
        if first { out.write_str("drop") } else { Ok(()) }
    }
}

/// Actions with commas between, or `drop`.
pub(super) fn put_list(out: &mut Printer<'_>, actions: &[Action]) -> fmt::Result {
    if actions.is_empty() {
        return out.write_str("drop");
    }
    for (n, action) in actions.iter().enumerate() {
        if n > 0 {
            out.write_char(',')?;
        }
        action.print(out)?;
    }
    Ok(())
}

/// Bytes that this crate does not understand, in a form of its own.
fn put_opaque(out: &mut Printer<'_>, what: &str, bytes: &[u8]) -> fmt::Result {
    write!(out, "{what}:0x")?;
    bytes.iter().try_for_each(|b| write!(out, "{b:02x}"))
}

/// Bytes with points between.
fn put_bytes(out: &mut Printer<'_>, bytes: &[u8]) -> fmt::Result {
    for (n, byte) in bytes.iter().enumerate() {
        let separator = if n > 0 { "." } else { "" };
        write!(out, "{separator}{byte:02x}")?;
    }
    Ok(())
}

impl Printable for Action {
    fn print(&self, out: &mut Printer<'_>) -> fmt::Result {
        match self {
            Action::Output { port, max_len } => put_output(out, *port, *max_len),
            Action::OutputReg { source, .. } => {
                out.write_str("output:")?;
                source.print(out)
            }
            Action::OutputTrunc { port, max_len } => {
                out.write_str("output(port=")?;
                out.port(*port)?;
                write!(out, ",max_len={max_len})")
            }
            Action::Group(group) => write!(out, "group:{group}"),
            Action::Controller(controller) => put_controller(out, controller),
            Action::SetField(set) => {
                out.write_str("set_field:")?;
                set.with_bytes(|value, mask| put_value(out, set.field(), value, mask))?;
                write!(out, "->{}", set.field().name())
            }
            Action::Copy { src, dst } => {
                out.write_str("move:")?;
                src.print(out)?;
                out.write_str("->")?;
                dst.print(out)
            }
            Action::PushVlan(ethertype) => write!(out, "push_vlan:{}", Hex((*ethertype).into())),
            Action::PopVlan => out.write_str("pop_vlan"),
            Action::PushMpls(ethertype) => write!(out, "push_mpls:0x{ethertype:04x}"),
            Action::PopMpls(ethertype) => write!(out, "pop_mpls:0x{ethertype:04x}"),
            Action::SetMplsTtl(ttl) => write!(out, "set_mpls_ttl({ttl})"),
            Action::DecMplsTtl => out.write_str("dec_mpls_ttl"),
            Action::SetIpTtl(ttl) => write!(out, "mod_nw_ttl:{ttl}"),
            Action::DecTtl => out.write_str("dec_ttl"),
            Action::DecTtlTo(ids) => {
                let ids: Vec<_> = ids.iter().map(u16::to_string).collect();
                write!(out, "dec_ttl({})", ids.join(","))
            }
            Action::SetQueue(queue) => write!(out, "set_queue:{queue}"),
            Action::PopQueue => out.write_str("pop_queue"),
            Action::SetTunnel { id, wide } => {
                let suffix = if *wide || *id > u32::MAX.into() { "64" } else { "" };
                write!(out, "set_tunnel{suffix}:{}", Hex((*id).into()))
            }
            Action::Meter(meter) => write!(out, "meter:{meter}"),
            Action::Resubmit { in_port, table, ct } => put_resubmit(out, *in_port, (*table, *ct)),
            Action::Ct(ct) => put_ct(out, ct),
            Action::CtClear => out.write_str("ct_clear"),
            Action::Nat(nat) => put_nat(out, nat),
            Action::Learn(learn) => learn.print(out),
            Action::Conjunction { id, clause, of } => {
                write!(out, "conjunction({id},{}/{of})", u16::from(*clause) + 1)
            }
            Action::Clone(actions) => {
                out.write_str("clone(")?;
                put_list(out, actions)?;
                out.write_char(')')
            }
            Action::CheckPktLarger { length, dst } => {
                write!(out, "check_pkt_larger({length})->")?;
                dst.print(out)
            }
            Action::Note(note) => {
                out.write_str("note:")?;
                let padded = (10 + note.len()).next_multiple_of(8) - 10;
                let mut note = note.clone();
                note.resize(padded, 0);
                put_bytes(out, &note)
            }
            Action::Multipath(multipath) => put_multipath(out, multipath),
            Action::Bundle(bundle) => put_bundle(out, bundle),
            Action::Sample(sample) => put_sample(out, sample),
            Action::StackPush(subfield) => {
                out.write_str("push:")?;
                subfield.print(out)
            }
            Action::StackPop(subfield) => {
                out.write_str("pop:")?;
                subfield.print(out)
            }
            Action::FinTimeout { idle, hard } => {
                let idle = (*idle != 0).then(|| format!("idle_timeout={idle}"));
                let hard = (*hard != 0).then(|| format!("hard_timeout={hard}"));
                let both: Vec<_> = idle.into_iter().chain(hard).collect();
                write!(out, "fin_timeout({})", both.join(","))
            }
            Action::Exit => out.write_str("exit"),
            Action::Encap(encap) => put_encap(out, encap),
            Action::Decap(0xfffe) => out.write_str("decap()"),
            Action::Decap(packet_type) => {
                let (namespace, kind) = (packet_type >> 16, packet_type & 0xffff);
                write!(out, "decap(packet_type(ns={namespace},type={}))", Hex(kind.into()))
            }
            Action::DecNshTtl => out.write_str("dec_nsh_ttl"),
            Action::DeleteField(named) => write!(out, "delete_field:{}", named.field.name()),
            Action::Opaque(bytes) => match crate::wire::read_leniently(bytes) {
                Some(action) => action.print(out),
                None => put_old(out, bytes),
            },
        }
    }
}

/// Actions of OpenFlow 1.1 that Open vSwitch still takes, and after them what no one knows.
fn put_old(out: &mut Printer<'_>, bytes: &[u8]) -> fmt::Result {
    let [0, kind, 0, length, a, b, c, d, ..] = *bytes else { return put_opaque(out, "action", bytes) };
    let short = u16::from_be_bytes([a, b]);
    match (kind, length, c, d) {
        (9, 8, 0, 0) => write!(out, "mod_tp_src:{short}"),
        (10, 8, 0, 0) => write!(out, "mod_tp_dst:{short}"),
        _ => put_opaque(out, "action", bytes),
    }
}

fn put_output(out: &mut Printer<'_>, port: PortNo, max_len: u16) -> fmt::Result {
    if port < PortNo::MAX {
        out.write_str("output:")?;
    }
    out.port(port)?;
    if port == PortNo::CONTROLLER { write!(out, ":{max_len}") } else { Ok(()) }
}

/// Reasons of packet-ins by number.
pub(super) const REASONS: &[&str] = &["no_match", "action", "invalid_ttl", "action_set", "group", "packet_out"];

fn put_controller(out: &mut Printer<'_>, controller: &Controller) -> fmt::Result {
    let Controller { max_len, id, reason, userdata, pause, meter } = controller;
    if *reason == 1 && *id == 0 && userdata.is_empty() && !pause && meter.is_none() {
        return write!(out, "CONTROLLER:{max_len}");
    }
    out.write_str("controller(")?;
    let mut separator = "";
    let mut next = |out: &mut Printer<'_>, name: &str| {
        out.write_str(separator)?;
        separator = ",";
        out.write_str(name)
    };
    if *reason != 1 {
        next(out, "reason=")?;
        match REASONS.get(usize::from(*reason)) {
            Some(name) => out.write_str(name)?,
            None => write!(out, "{reason}")?,
        }
    }
    if *max_len != 0xffff {
        next(out, "max_len=")?;
        write!(out, "{max_len}")?;
    }
    if *id != 0 {
        next(out, "id=")?;
        write!(out, "{id}")?;
    }
    if !userdata.is_empty() {
        next(out, "userdata=")?;
        put_bytes(out, userdata)?;
    }
    if *pause {
        next(out, "pause")?;
    }
    if let Some(meter) = meter {
        next(out, "meter_id=")?;
        write!(out, "{meter}")?;
    }
    out.write_char(')')
}

fn put_resubmit(out: &mut Printer<'_>, in_port: Option<PortNo>, (table, ct): (Option<u8>, bool)) -> fmt::Result {
    let table = table.filter(|table| *table != 0xff);
    if let (Some(port), None) = (in_port, table) {
        out.write_str("resubmit:")?;
        return out.port(port);
    }
    out.write_str("resubmit(")?;
    if let Some(port) = in_port {
        out.port(port)?;
    }
    out.write_char(',')?;
    if let Some(table) = table {
        out.table(table)?;
    }
    out.write_str(if ct { ",ct)" } else { ")" })
}

fn put_ct(out: &mut Printer<'_>, ct: &Ct) -> fmt::Result {
    out.write_str("ct(")?;
    let mut separator = "";
    let mut next = |out: &mut Printer<'_>, name: &str| {
        out.write_str(separator)?;
        separator = ",";
        out.write_str(name)
    };
    if ct.commit {
        next(out, "commit")?;
    }
    if ct.force {
        next(out, "force")?;
    }
    if let Some(table) = ct.table {
        next(out, "table=")?;
        out.table(table)?;
    }
    match ct.zone {
        Zone::Const(0) => {}
        Zone::Const(zone) => {
            next(out, "zone=")?;
            write!(out, "{zone}")?;
        }
        Zone::Field(subfield) => {
            next(out, "zone=")?;
            subfield.print(out)?;
        }
    }
    if let Some(nat) = &ct.nat {
        next(out, "")?;
        put_nat(out, nat)?;
    }
    if !ct.exec.is_empty() {
        next(out, "exec(")?;
        put_list(out, &ct.exec)?;
        out.write_char(')')?;
    }
    match ct.alg {
        0 => {}
        21 => next(out, "alg=ftp")?,
        69 => next(out, "alg=tftp")?,
        port => {
            next(out, "alg=")?;
            write!(out, "{port}")?;
        }
    }
    out.write_char(')')
}

fn put_nat(out: &mut Printer<'_>, nat: &Nat) -> fmt::Result {
    let side = match nat.kind {
        NatKind::Existing => return out.write_str("nat"),
        NatKind::Src => "src",
        NatKind::Dst => "dst",
    };
    write!(out, "nat({side}")?;
    if let Some(addrs) = nat.addrs {
        out.write_char('=')?;
        put_addrs(out, addrs, nat.ports.is_some_and(|(min, _)| min != 0))?;
        if let Some((min, max)) = nat.ports.filter(|(min, _)| *min != 0) {
            write!(out, ":{min}")?;
            if let Some(max) = max.filter(|max| *max != 0 && *max != min) {
                write!(out, "-{max}")?;
            }
        }
        for (set, name) in [(nat.persistent, "persistent"), (nat.hash, "hash"), (nat.random, "random")] {
            if set {
                write!(out, ",{name}")?;
            }
        }
    }
    out.write_char(')')
}

fn put_addrs(out: &mut Printer<'_>, addrs: NatAddrs, brackets: bool) -> fmt::Result {
    match addrs {
        NatAddrs::V4(min, max) => {
            write!(out, "{min}")?;
            match max.filter(|max| *max != min && max.to_bits() != 0) {
                Some(max) => write!(out, "-{max}"),
                None => Ok(()),
            }
        }
        NatAddrs::V6(min, max) => {
            let (open, close) = if brackets { ("[", "]") } else { ("", "") };
            write!(out, "{open}{}{close}", V6(min.to_bits()))?;
            match max.filter(|max| *max != min && max.to_bits() != 0) {
                Some(max) => write!(out, "-{open}{}{close}", V6(max.to_bits())),
                None => Ok(()),
            }
        }
    }
}

/// What a hash is over, by name.
pub(super) const HASH_FIELDS: &[(&str, HashFields)] = &[
    ("eth_src", HashFields::EthSrc),
    ("symmetric_l4", HashFields::SymmetricL4),
    ("symmetric_l3l4", HashFields::SymmetricL3L4),
    ("symmetric_l3l4+udp", HashFields::SymmetricL3L4Udp),
    ("nw_src", HashFields::NwSrc),
    ("nw_dst", HashFields::NwDst),
    ("symmetric_l3", HashFields::SymmetricL3),
];

/// Algorithms of `multipath` by name.
pub(super) const MULTIPATH: &[(&str, MultipathAlgorithm)] = &[
    ("modulo_n", MultipathAlgorithm::ModuloN),
    ("hash_threshold", MultipathAlgorithm::HashThreshold),
    ("hrw", MultipathAlgorithm::Hrw),
    ("iter_hash", MultipathAlgorithm::IterHash),
];

/// Algorithms of `bundle` by name.
pub(super) const BUNDLE: &[(&str, BundleAlgorithm)] =
    &[("active_backup", BundleAlgorithm::ActiveBackup), ("hrw", BundleAlgorithm::Hrw)];

fn name_of<T: PartialEq>(names: &'static [(&str, T)], value: &T) -> &'static str {
    names.iter().find(|(_, v)| v == value).map_or("<unknown>", |(name, _)| name)
}

fn put_multipath(out: &mut Printer<'_>, m: &Multipath) -> fmt::Result {
    let (fields, algorithm) = (name_of(HASH_FIELDS, &m.fields), name_of(MULTIPATH, &m.algorithm));
    let links = u32::from(m.max_link) + 1;
    write!(out, "multipath({fields},{},{algorithm},{links},{},", m.basis, m.arg)?;
    m.dst.print(out)?;
    out.write_char(')')
}

fn put_bundle(out: &mut Printer<'_>, b: &Bundle) -> fmt::Result {
    let (fields, algorithm) = (name_of(HASH_FIELDS, &b.fields), name_of(BUNDLE, &b.algorithm));
    let name = if b.dst.is_some() { "bundle_load" } else { "bundle" };
    write!(out, "{name}({fields},{},{algorithm},ofport,", b.basis)?;
    if let Some(dst) = b.dst {
        dst.print(out)?;
        out.write_char(',')?;
    }
    out.write_str("members:")?;
    for (n, port) in b.members.iter().enumerate() {
        if n > 0 {
            out.write_char(',')?;
        }
        out.port(*port)?;
    }
    out.write_char(')')
}

fn put_sample(out: &mut Printer<'_>, s: &Sample) -> fmt::Result {
    write!(out, "sample(probability={},collector_set_id={}", s.probability, s.collector_set)?;
    for (name, observation) in [("obs_domain_id", s.domain), ("obs_point_id", s.point)] {
        write!(out, ",{name}=")?;
        match observation {
            Observation::Const(id) => write!(out, "{id}")?,
            Observation::Field(subfield) => subfield.print(out)?,
        }
    }
    if let Some(port) = s.port {
        out.write_str(",sampling_port=")?;
        out.port(port)?;
    }
    out.write_str(match s.direction {
        SampleDirection::Default => ")",
        SampleDirection::Ingress => ",ingress)",
        SampleDirection::Egress => ",egress)",
    })
}

/// Packet types that `encap` takes, by name.
pub(super) const ENCAP: &[(&str, u32)] =
    &[("ethernet", 0), ("nsh", 0x1_894f), ("mpls", 0x1_8847), ("mpls_mc", 0x1_8848)];

fn put_encap(out: &mut Printer<'_>, encap: &Encap) -> fmt::Result {
    let name = ENCAP.iter().find(|(_, t)| *t == encap.packet_type).map_or("UNKNOWN", |(name, _)| name);
    write!(out, "encap({name}")?;
    if !encap.properties.is_empty() {
        for (n, property) in encap.properties.iter().enumerate() {
            out.write_char(if n > 0 { ',' } else { '(' })?;
            put_encap_property(out, property)?;
        }
        out.write_char(')')?;
    }
    out.write_char(')')
}

fn put_encap_property(out: &mut Printer<'_>, property: &EncapProperty) -> fmt::Result {
    match (property.class, property.kind, &property.data[..]) {
        (4, 1, [md_type, ..]) => write!(out, "md_type={md_type}"),
        (4, 2, [class_high, class_low, kind, length, data @ ..]) => {
            let class = u16::from_be_bytes([*class_high, *class_low]);
            let data = &data[..data.len().min((*length).into())];
            write!(out, "tlv(0x{class:04x},{kind},{})", super::value::HexBytes(data))
        }
        (class, kind, data) => put_opaque(out, &format!("property({class},{kind})"), data),
    }
}
