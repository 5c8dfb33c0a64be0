//! Lists of actions made at random from the syntax of `ovs-actions(7)`.

use crate::wild::{Maker, Manual};

/// Some actions, with what ends a flow's list when it is one of a flow.
pub fn list(maker: &mut Maker<'_>, flow: bool) -> String {
    if maker.random.below(20) == 0 {
        return clauses(maker);
    }
    let mut all: Vec<String> = (0..maker.random.below(4)).map(|_| one(maker, 0)).collect();
    if flow && maker.random.below(6) == 0 {
        all.push(ending(maker));
    }
    match all.is_empty() {
        true => maker.random.one(&["drop", "drop", ""]).to_owned(),
        false => all.join(maker.random.one(&[",", ", ", ","])),
    }
}

/// Clauses of conjunctions, which stand alone but for notes.
fn clauses(maker: &mut Maker<'_>) -> String {
    let clause = |maker: &mut Maker<'_>| {
        let of = 2 + maker.random.below(63);
        format!("conjunction({},{}/{of})", maker.number(32), 1 + maker.random.below(of))
    };
    let mut all: Vec<String> = (0..1 + maker.random.below(3)).map(|_| clause(maker)).collect();
    if maker.random.below(2) == 0 {
        all.push(format!("note:{}", hex(maker, 9)));
    }
    all.join(",")
}

/// Instructions other than the actions that are applied, in the order in which they have to come.
fn ending(maker: &mut Maker<'_>) -> String {
    let mut all = Vec::new();
    if maker.random.below(3) == 0 {
        all.push("clear_actions".to_owned());
    }
    if maker.random.below(3) == 0 {
        all.push(format!("write_actions({})", one(maker, 2)));
    }
    if maker.random.below(3) == 0 {
        all.push(format!("write_metadata:{}{}", maker.number(64), maker.random.one(&["", "/0xff", "/0xffff0000"])));
    }
    if maker.random.below(2) == 0 || all.is_empty() {
        all.push(format!("goto_table:{}", 100 + maker.random.below(150)));
    }
    all.join(",")
}

/// Some bits of a field: the field as an action names it, and how many bits.
struct Part {
    text: String,
    bits: u32,
}

/// The name of a field in an action: its own or that of a header.
fn name(maker: &mut Maker<'_>, field: &Manual) -> String {
    match maker.random.below(3) {
        0 => field.names[0].clone(),
        _ => field.headers[maker.random.below(field.headers.len())].clone(),
    }
}

/// A part of at most `most` bits of a field that `fits`.
fn part(maker: &mut Maker<'_>, most: u32, fits: impl Fn(&Manual) -> bool) -> Part {
    let fields = maker.fields;
    let field = loop {
        let field = &fields[maker.random.below(fields.len())];
        if fits(field) {
            break field;
        }
    };
    let first = maker.random.below(field.bits as usize) as u32;
    let bits = 1 + maker.random.below((field.bits - first).min(most) as usize) as u32;
    let name = name(maker, field);
    let text = match (first, bits) {
        (0, bits) if bits == field.bits && maker.random.below(2) == 0 => format!("{name}[]"),
        (first, 1) => format!("{name}[{first}]"),
        (first, bits) => format!("{name}[{first}..{}]", first + bits - 1),
    };
    Part { text, bits }
}

/// Exactly so many bits of a register.
fn register(maker: &mut Maker<'_>, bits: u32) -> String {
    let (name, count, width) = match bits {
        0..=32 => ("reg", 16, 32),
        33..=64 => ("xreg", 8, 64),
        _ => ("xxreg", 4, 128),
    };
    let (n, first) = (maker.random.below(count), maker.random.below((width - bits + 1) as usize));
    let name = match (name, maker.random.below(2)) {
        ("reg", 0) => format!("NXM_NX_REG{n}"),
        ("xreg", 0) => format!("OXM_OF_PKT_REG{n}"),
        ("xxreg", 0) => format!("NXM_NX_XXREG{n}"),
        (name, _) => format!("{name}{n}"),
    };
    match bits {
        1 => format!("{name}[{first}]"),
        _ => format!("{name}[{first}..{}]", first + bits as usize - 1),
    }
}

/// Sixteen bits or more of a register, for a port or a choice.
fn choice(maker: &mut Maker<'_>) -> String {
    let bits = maker.random.one(&[16, 16, 20, 32]);
    register(maker, bits)
}

const CHOOSING: &[&str] =
    &["eth_src", "symmetric_l4", "symmetric_l3l4", "symmetric_l3l4+udp", "nw_src", "nw_dst", "symmetric_l3"];

/// One action; nested ones up to two deep.
fn one(maker: &mut Maker<'_>, depth: usize) -> String {
    let kinds: [fn(&mut Maker<'_>) -> String; 6] = [output, fixed, number, set, copy, choose];
    match maker.random.below(if depth < 2 { 10 } else { 6 }) {
        6 => tracked(maker, depth),
        7 => format!(
            "clone({})",
            (0..1 + maker.random.below(2)).map(|_| one(maker, depth + 1)).collect::<Vec<_>>().join(",")
        ),
        8 => learn(maker),
        9 => sampled(maker),
        n => kinds[n](maker),
    }
}

fn output(maker: &mut Maker<'_>) -> String {
    match maker.random.below(8) {
        0 => maker.port(),
        1 => format!("output:{}", maker.port()),
        2 => format!("output(port={},max_len={})", maker.port(), 14 + maker.random.below(9000)),
        3 => format!("output:{}", choice(maker)),
        4 => format!("enqueue:{}:{}", 1 + maker.random.below(200), maker.random.below(300)),
        5 => format!("group:{}", maker.number(31)),
        6 => controller(maker),
        _ => match maker.random.below(4) {
            0 => format!("resubmit:{}", 1 + maker.random.below(500)),
            1 => format!("resubmit({},{})", 1 + maker.random.below(500), maker.random.below(255)),
            2 => format!("resubmit(,{})", maker.random.below(255)),
            _ => format!("resubmit(,{},ct)", maker.random.below(255)),
        },
    }
}

fn controller(maker: &mut Maker<'_>) -> String {
    let mut parts = Vec::new();
    for _ in 0..maker.random.below(4) {
        let text = match maker.random.below(6) {
            0 => format!("max_len={}", maker.random.below(65536)),
            1 => format!("reason={}", maker.random.one(&["action", "no_match", "invalid_ttl", "group", "packet_out"])),
            2 => format!("id={}", maker.random.below(65536)),
            3 => format!("userdata={}", hex(maker, 40)),
            4 => "pause".to_owned(),
            _ => format!("meter_id={}", 1 + maker.random.below(1000)),
        };
        parts.push(text);
    }
    match (parts.len(), maker.random.below(3)) {
        (0, 0) => "controller".to_owned(),
        (0, 1) => format!("controller:{}", maker.random.below(65536)),
        _ => format!("controller({})", parts.join(",")),
    }
}

fn hex(maker: &mut Maker<'_>, most: usize) -> String {
    let count = 1 + maker.random.below(most);
    let bytes: Vec<_> = (0..count).map(|_| format!("{:02x}", maker.random.below(256))).collect();
    bytes.join(maker.random.one(&[".", "."]))
}

fn fixed(maker: &mut Maker<'_>) -> String {
    let all = [
        "strip_vlan",
        "pop_vlan",
        "push_vlan:0x8100",
        "push_vlan:0x88a8",
        "dec_ttl",
        "dec_mpls_ttl",
        "dec_nsh_ttl",
        "pop_queue",
        "ct_clear",
        "exit",
        "decap",
        "decap(packet_type(ns=0,type=0))",
        "decap(packet_type(ns=1,type=0x800))",
        "encap(nsh)",
        "encap(nsh(md_type=1))",
        "encap(nsh(md_type=2,tlv(0x1000,10,0x12345678),tlv(0x2000,20,0xfedcba9876543210)))",
        "encap(ethernet)",
        "encap(mpls)",
        "encap(mpls_mc)",
        "NORMAL",
        "normal",
        "FLOOD",
        "ALL",
        "all",
        "in_port",
        "LOCAL",
        "local",
        "push_mpls:0x8847",
        "push_mpls:34888",
        "pop_mpls:0x800",
        "pop_mpls:0x8847",
    ];
    maker.random.one(&all).to_owned()
}

fn number(maker: &mut Maker<'_>) -> String {
    let name = maker.random.one(&[
        "mod_nw_tos",
        "mod_nw_ecn",
        "mod_nw_ttl",
        "mod_tp_src",
        "mod_tp_dst",
        "mod_vlan_vid",
        "mod_vlan_pcp",
        "set_vlan_vid",
        "set_vlan_pcp",
        "set_mpls_label",
        "set_mpls_tc",
        "set_mpls_ttl",
        "set_tunnel",
        "set_tunnel64",
        "set_queue",
        "dec_ttl",
        "meter",
        "note",
        "mod_dl_src",
        "mod_nw_dst",
        "mod_dl_dst",
        "mod_nw_src",
    ]);
    let n = match name {
        "mod_nw_tos" => (maker.random.below(64) * 4).to_string(),
        "mod_nw_ecn" => maker.random.below(4).to_string(),
        "mod_nw_ttl" | "set_mpls_ttl" => maker.number(8),
        "mod_tp_src" | "mod_tp_dst" => maker.number(16),
        "mod_vlan_vid" | "set_vlan_vid" => maker.number(12),
        "mod_vlan_pcp" | "set_vlan_pcp" | "set_mpls_tc" => maker.number(3),
        "set_mpls_label" => maker.number(20),
        "set_tunnel64" => maker.number(64),
        "dec_ttl" => return format!("dec_ttl({},{})", maker.random.below(100), maker.random.below(65536)),
        "meter" => maker.number(16),
        "note" => hex(maker, 30),
        "mod_dl_src" | "mod_dl_dst" => Maker::mac(maker.bits(48)),
        "mod_nw_dst" | "mod_nw_src" => std::net::Ipv4Addr::from_bits(maker.bits(32) as u32).to_string(),
        _ => maker.number(32),
    };
    format!(
        "{name}{}",
        match maker.random.below(4) {
            0 => format!("({n})"),
            _ => format!(":{n}"),
        }
    )
}

fn set(maker: &mut Maker<'_>) -> String {
    let fields = maker.fields;
    let field = loop {
        let field = &fields[maker.random.below(fields.len())];
        if field.writable && !field.names[0].starts_with("ct_") {
            break field;
        }
    };
    match maker.random.below(3) {
        0 => {
            let part = part(maker, 64, |other| std::ptr::eq(other, field));
            let value = maker.bits(part.bits);
            format!("load:{value:#x}->{}", part.text)
        }
        _ => format!("set_field:{}->{}", maker.term(field), name(maker, field)),
    }
}

fn copy(maker: &mut Maker<'_>) -> String {
    let readable = |field: &Manual| !field.names[0].starts_with("conj_id");
    match maker.random.below(6) {
        0 => format!("push:{}", part(maker, 128, readable).text),
        1 => format!("pop:{}", part(maker, 128, |f| f.writable && !f.names[0].starts_with("ct_")).text),
        2 => {
            let into = part(maker, 64, |f| f.writable && !f.names[0].starts_with("ct_"));
            format!("move:{}->{}", register(maker, into.bits), into.text)
        }
        3 => format!("check_pkt_larger({})->{}", maker.random.below(65536), register(maker, 1)),
        4 => format!("delete_field:tun_metadata{}", maker.random.below(64)),
        _ => {
            let from = part(maker, 64, readable);
            format!("move:{}->{}", from.text, register(maker, from.bits))
        }
    }
}

fn choose(maker: &mut Maker<'_>) -> String {
    let fields = maker.random.one(CHOOSING);
    let members: Vec<_> = (0..maker.random.below(5)).map(|_| (1 + maker.random.below(900)).to_string()).collect();
    let members = members.join(",");
    let basis = maker.random.below(65536);
    let algorithm = maker.random.one(&["hrw", "active_backup"]);
    match maker.random.below(4) {
        0 => format!("bundle({fields},{basis},{algorithm},ofport,members:{members})"),
        1 => format!("bundle_load({fields},{basis},{algorithm},ofport,{},members:{members})", choice(maker)),
        2 => {
            let algorithm = maker.random.one(&["modulo_n", "hash_threshold", "hrw", "iter_hash"]);
            // In hexadecimal `ovs-ofctl` takes it for 0.
            let (links, arg) = (1 + maker.random.below(16), maker.bits(31));
            format!("multipath({fields},{basis},{algorithm},{links},{arg},{})", choice(maker))
        }
        _ => {
            let part = maker.random.one(&["idle_timeout=5", "hard_timeout=60", "idle_timeout=1,hard_timeout=2"]);
            format!("fin_timeout({part})")
        }
    }
}

fn tracked(maker: &mut Maker<'_>, depth: usize) -> String {
    let mut parts = Vec::new();
    let commit = maker.random.below(2) == 0;
    if commit {
        parts.push("commit".to_owned());
        if maker.random.below(4) == 0 {
            parts.push("force".to_owned());
        }
    }
    if maker.random.below(2) == 0 {
        parts.push(format!("table={}", maker.random.below(255)));
    }
    match maker.random.below(3) {
        0 => parts.push(format!("zone={}", maker.number(16))),
        1 => parts.push(format!("zone={}", register(maker, 16))),
        _ => {}
    }
    if maker.random.below(4) == 0 {
        parts.push(format!("alg={}", maker.random.one(&["ftp", "tftp"])));
    }
    if maker.random.below(2) == 0 {
        parts.push(nat(maker, commit));
    }
    if commit && depth < 2 && maker.random.below(3) == 0 {
        let set = maker.random.one(&[
            "set_field:0x5/0xff->ct_mark",
            "load:1->NXM_NX_CT_LABEL[3..9]",
            "set_field:7->ct_label",
        ]);
        let moved = format!("move:{}->NXM_NX_CT_MARK[0..7]", register(maker, 8));
        parts.push(format!("exec({})", if maker.random.below(2) == 0 { set.to_owned() } else { moved }));
    }
    match (parts.len(), maker.random.below(2)) {
        (0, 0) => "ct".to_owned(),
        _ => format!("ct({})", parts.join(",")),
    }
}

fn nat(maker: &mut Maker<'_>, commit: bool) -> String {
    if !commit || maker.random.below(5) == 0 {
        return "nat".to_owned();
    }
    let side = maker.random.one(&["src", "dst"]);
    let v6 = maker.random.below(2) == 0;
    let low = 1 + maker.random.below(60_000);
    let ports = maker.random.one(&["", "low", "range"]);
    let (one, two) = if v6 { ("fd00::1", "fd00::ff") } else { ("10.1.0.1", "10.1.0.99") };
    let bracket = |address: &str| if v6 && !ports.is_empty() { format!("[{address}]") } else { address.to_owned() };
    let mut text = format!("{side}={}", bracket(one));
    if maker.random.below(2) == 0 {
        text += &format!("-{}", bracket(two));
    }
    match ports {
        "low" => text += &format!(":{low}"),
        "range" => text += &format!(":{low}-{}", low + maker.random.below(5000)),
        _ => {}
    }
    let flags = maker.random.one(&["", "", ",random", ",hash", ",persistent", ",persistent,hash"]);
    match maker.random.below(5) {
        0 => format!("nat({side})"),
        _ => format!("nat({text}{flags})"),
    }
}

fn learn(maker: &mut Maker<'_>) -> String {
    let mut parts = Vec::new();
    for _ in 0..maker.random.below(4) {
        let attribute = match maker.random.below(8) {
            0 => format!("table={}", maker.random.below(255)),
            1 => format!("idle_timeout={}", maker.random.below(65536)),
            2 => format!("hard_timeout={}", maker.random.below(65536)),
            3 => format!("priority={}", maker.random.below(65536)),
            4 => format!("cookie={}", maker.number(64)),
            5 => format!("fin_idle_timeout={}", maker.random.below(65536)),
            6 => format!("limit={}", maker.random.below(100_000)),
            _ => maker.random.one(&["send_flow_rem", "delete_learned"]).to_owned(),
        };
        parts.push(attribute);
    }
    if maker.random.below(6) == 0 {
        parts.push(format!("result_dst={}", register(maker, 1)));
    }
    for _ in 0..maker.random.below(4) {
        let spec = match maker.random.below(6) {
            0 => "NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]".to_owned(),
            1 => "eth_type=0x800".to_owned(),
            2 => part(maker, 64, |f| f.needs == "none" && f.maskable && f.writable).text,
            3 => {
                let bits = 1 + maker.random.below(32) as u32;
                format!("load:{:#x}->{}", maker.bits(bits), register(maker, bits))
            }
            4 => {
                let from = part(maker, 64, |f| f.needs == "none");
                format!("load:{}->{}", from.text, register(maker, from.bits))
            }
            _ => "output:NXM_OF_IN_PORT[]".to_owned(),
        };
        parts.push(spec);
    }
    format!("learn({})", parts.join(maker.random.one(&[",", ", "])))
}

fn sampled(maker: &mut Maker<'_>) -> String {
    let mut parts = vec![format!("probability={}", 1 + maker.random.below(65535))];
    for name in ["collector_set_id", "obs_domain_id", "obs_point_id"] {
        if maker.random.below(2) == 0 {
            parts.push(format!("{name}={}", maker.number(32)));
        }
    }
    if maker.random.below(3) == 0 {
        parts.push(format!("sampling_port={}", 1 + maker.random.below(100)));
    }
    if maker.random.below(4) == 0 {
        parts.push(maker.random.one(&["ingress", "egress"]).to_owned());
    }
    format!("sample({})", parts.join(","))
}
