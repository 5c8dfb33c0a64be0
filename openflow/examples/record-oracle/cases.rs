//! The cases: for every field its matches, settings, copies and places in `learn` and groups, and lists of actions,
//! flow attributes, groups, meters and other commands.

use rust_openflow::field::{Access, Field, FieldInfo, Format, MaskRule, Prereq};

/// One call of `ovs-ofctl`.
pub struct Case {
    /// The command.
    pub command: String,
    /// Its arguments after the target, with U+001F between when there are several.
    pub text: String,
}

/// All areas with their cases.
pub fn all() -> Vec<(&'static str, Vec<Case>)> {
    let flows = |texts: Vec<String>| texts.into_iter().map(|text| case("add-flow", text)).collect();
    vec![
        ("matches", flows(matches())),
        ("settings", flows(settings())),
        ("fields", flows(other_uses())),
        ("actions", flows(actions())),
        ("flows", attributes()),
        ("groups", groups()),
        ("meters", meters()),
        ("commands", commands()),
    ]
}

fn case(command: &str, text: impl Into<String>) -> Case {
    Case { command: command.into(), text: text.into() }
}

/// What a match has to say before a field makes sense, in all ways there are.
fn prerequisites(prereq: Prereq) -> &'static [&'static str] {
    match prereq {
        Prereq::None | Prereq::Ethernet => &[""],
        Prereq::Vlan => &["vlan_vid=0x1000/0x1000,", "vlan_vid=0x1005,"],
        Prereq::Arp => &["arp,", "rarp,"],
        Prereq::Ipv4 => &["ip,"],
        Prereq::Ipv6 => &["ipv6,"],
        Prereq::Ip => &["ip,", "ipv6,", "tcp,"],
        Prereq::Nsh => &["dl_type=0x894f,", "dl_type=0x894f,nsh_mdtype=1,"],
        Prereq::Ct => &["ct_state=+trk+est,ip,", "ct_state=+trk-inv,ipv6,"],
        Prereq::CtIpv4 => &["ct_state=+trk+est,ip,", "ct_state=+dnat,ip,ct_nw_proto=6,"],
        Prereq::CtIpv6 => &["ct_state=+trk-inv,ipv6,", "ct_state=+new,ipv6,ct_nw_proto=17,"],
        Prereq::CtPorts => &["ct_state=+trk+est,ip,ct_nw_proto=6,", "ct_state=+trk-inv,ipv6,ct_nw_proto=17,"],
        Prereq::Mpls => &["mpls,", "mplsm,"],
        Prereq::Tcp => &["tcp,", "tcp6,"],
        Prereq::Udp => &["udp,", "udp6,"],
        Prereq::Sctp => &["sctp,", "sctp6,"],
        Prereq::Icmpv4 => &["icmp,"],
        Prereq::Icmpv6 => &["icmp6,"],
        Prereq::Nd | Prereq::NdSolicit => &["icmp6,icmp_type=135,icmp_code=0,"],
        Prereq::NdAdvert => &["icmp6,icmp_type=136,icmp_code=0,"],
    }
}

/// Whether the field is one of a long row of which a few stand for all.
fn is_repetition(info: &FieldInfo) -> bool {
    let number: String = info.name.chars().skip_while(|c| !c.is_ascii_digit()).collect();
    let row = ["tun_metadata", "reg", "xreg", "xxreg"].iter().any(|p| info.name.strip_prefix(p) == Some(&number));
    row && number.parse::<u8>().is_ok_and(|n| n > 3 && n != 15 && n != 63)
}

/// Numbers that show widths and orders, within `bits` bits.
fn numbers(bits: u16) -> Vec<u128> {
    let full = if bits >= 128 { u128::MAX } else { (1 << bits) - 1 };
    let pattern = 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210;
    let mut all = vec![0, 1, full, full >> 1, pattern & full, (pattern >> 61) & full, full & !1, full & 10];
    all.sort_unstable();
    all.dedup();
    all
}

/// A number in the field's own format, or `None` where it has none.
fn value(info: &FieldInfo, n: u128) -> Option<String> {
    let mac = |n: u128| {
        let b = (n as u64).to_be_bytes();
        format!("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", b[2], b[3], b[4], b[5], b[6], b[7])
    };
    Some(match info.format {
        Format::Ipv4 => std::net::Ipv4Addr::from_bits(n as u32).to_string(),
        Format::Ipv6 => std::net::Ipv6Addr::from_bits(n).to_string(),
        Format::Ethernet => mac(n),
        Format::Decimal => n.to_string(),
        Format::Hex | Format::TcpFlags => format!("{n:#x}"),
        Format::Port16 | Format::Port32 => (n % 0xff00).to_string(),
        Format::Frag => ["no", "yes", "first", "later", "not_later"][(n % 5) as usize].to_owned(),
        Format::TunFlags => if n & 1 == 1 { "oam" } else { "0" }.to_owned(),
        Format::CtState => {
            let names = ["new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"];
            let set: Vec<_> = (0..8).filter(|b| n >> b & 1 == 1).map(|b| names[b]).collect();
            if set.is_empty() { "0".to_owned() } else { set.join("|") }
        }
        Format::PacketType => format!("({},{:#x})", (n >> 16) & 1, n & 0xffff),
    })
}

/// Values and masks of a field as text.
fn terms(info: &FieldInfo) -> Vec<String> {
    let bits = info.bits.min(128);
    let mut all: Vec<String> = numbers(bits).iter().filter_map(|n| value(info, *n)).collect();
    match info.format {
        Format::CtState => {
            all.extend(
                ["+trk-new", "+trk+est-rel+rpl", "-trk", "+new+est+rel+rpl+inv+trk+snat+dnat", "0x22/0x23"]
                    .map(String::from),
            );
        }
        Format::TcpFlags => all.extend(["syn", "syn|ack", "+syn-ack", "-fin-rst+ns", "0x3/0x7"].map(String::from)),
        Format::TunFlags => all.extend(["+oam", "-oam"].map(String::from)),
        _ if info.mask == MaskRule::Bits => {
            for mask in numbers(bits).into_iter().filter(|m| *m != 0) {
                let both = numbers(bits)
                    .into_iter()
                    .rev()
                    .take(2)
                    .filter_map(|n| Some((value(info, n & mask)?, value(info, mask)?)));
                all.extend(both.map(|(v, m)| format!("{v}/{m}")));
            }
        }
        _ => {}
    }
    match info.format {
        Format::Ipv4 => all.extend([8, 17, 24, 31, 32].map(|n| format!("10.200.30.4/{n}"))),
        Format::Ipv6 => all.extend([3, 32, 64, 127, 128].map(|n| format!("fd00:1234:5678::9abc/{n}"))),
        _ => {}
    }
    all.sort();
    all.dedup();
    all
}

fn fields() -> impl Iterator<Item = &'static FieldInfo> {
    Field::all().map(Field::info).filter(|info| !is_repetition(info))
}

/// Matches on every field.
fn matches() -> Vec<String> {
    let mut all = Vec::new();
    for info in fields() {
        for before in prerequisites(info.prereq) {
            for term in terms(info) {
                all.push(format!("{before}{}={term} actions=drop", info.name));
            }
        }
        if !info.alias.is_empty() {
            let before = prerequisites(info.prereq)[0];
            let term = value(info, 1).expect("1 has a form in every format");
            all.push(format!("{before}{}={term} actions=drop", info.alias));
        }
    }
    all.extend(MATCHES.iter().map(|m| format!("{m} actions=drop")));
    all
}

/// Every field set, wholly and in part.
fn settings() -> Vec<String> {
    let mut all = Vec::new();
    for info in fields().filter(|info| info.access == Access::ReadWrite) {
        let before = prerequisites(info.prereq)[0];
        let ct_only = matches!(info.field, Field::CtMark | Field::CtLabel);
        let wrap = |action: String| match ct_only {
            true => format!("ip,actions=ct(commit,exec({action}))"),
            false => format!("{before}actions={action}"),
        };
        for term in terms(info) {
            all.push(wrap(format!("set_field:{term}->{}", info.name)));
        }
        let bits = info.bits.min(128);
        for (first, last) in [(0, bits - 1), (0, 0), (bits - 1, bits - 1), (bits / 3, bits / 2)] {
            if last - first < 64 && !info.headers.is_empty() {
                all.push(wrap(format!("load:1->{}[{first}..{last}]", info.headers[0].name)));
            }
        }
    }
    all
}

/// Every field copied, pushed, learned, output to, hashed over.
fn other_uses() -> Vec<String> {
    let mut all = Vec::new();
    for info in fields().filter(|info| !info.headers.is_empty()) {
        let before = prerequisites(info.prereq)[0];
        let name = info.headers[0].name;
        let last = info.bits.min(32) - 1;
        let range = format!("0..{last}");
        for action in [
            format!("move:{name}[{range}]->NXM_NX_REG5[{range}]"),
            format!("move:NXM_NX_REG5[{range}]->{name}[{range}]"),
            format!("push:{name}[]"),
            format!("push:{name}[{range}]"),
            format!("pop:{name}[{range}]"),
            format!("output:{name}[0..{}]", last.min(15)),
            format!("learn({name}[])"),
            format!("learn({name}[{range}]=NXM_NX_REG2[{range}])"),
            format!("learn({name}[0]=1)"),
            format!("learn({name}=1)"),
            format!("learn(load:{name}[{range}]->NXM_NX_REG2[{range}])"),
            format!("learn(load:1->{name}[{range}])"),
            format!("learn(output:{name}[0..{}])", last.min(15)),
            format!("check_pkt_larger(100)->{name}[0]"),
            format!("multipath(eth_src,50,hrw,12,0,{name}[{range}])"),
            format!("ct(commit,zone={name}[0..15])"),
            format!("bundle_load(eth_src,0,hrw,ofport,{name}[{range}],members:4,8)"),
        ] {
            all.push(format!("{before}actions={action}"));
        }
    }
    all
}

const MATCHES: &[&str] = &[
    "ip,nw_proto=17,nw_src=10.0.0.0/255.0.255.0",
    "tcp,tp_src=80,tp_dst=0x1000/0xf000",
    "udp6,tp_dst=53",
    "sctp,tp_src=1",
    "icmp,icmp_type=8,icmp_code=0",
    "dl_vlan=10",
    "dl_vlan=10,dl_vlan_pcp=3",
    "dl_vlan_pcp=3",
    "dl_vlan=0xffff",
    "vlan_tci=0",
    "vlan_tci=0x1000/0x1000",
    "vlan_tci=0xf123",
    "vlan_tci=0x0123/0x0fff",
    "vlan_tci=0xe000/0xe000",
    "in_port=LOCAL",
    "in_port=CONTROLLER",
    "in_port=65280",
    "reg0=1,reg1=2,reg2=3/0xff,reg3=0,reg7=9",
    "xreg0=0x100000002,reg2=4",
    "xxreg0=1/0xffff",
    "tun_id=5,tun_src=1.2.3.4,tun_dst=5.6.7.8/24,tun_flags=oam,tun_gbp_id=7,tun_gbp_flags=0x40",
    "tun_ipv6_src=fe80::1,tun_ipv6_dst=ff00::/8",
    "tun_metadata0",
    "tun_metadata0=0x1234,tun_metadata1=5/0xff,tun_metadata63=0xabcdef0123456789",
    "tun_metadata2=0xfffffffffffffffffe/0xffffff",
    "tun_metadata2=0xfffffffffffffffffe/0xf0ffff,tun_metadata3=0/0xff0ff",
    "tun_erspan_ver=1,tun_erspan_idx=5",
    "tun_erspan_ver=2,tun_erspan_dir=1,tun_erspan_hwid=7",
    "tun_gtpu_flags=1,tun_gtpu_msgtype=255",
    "packet_type=(1,0x800),nw_src=1.2.3.4",
    "packet_type=(0,0),dl_src=00:00:00:00:00:01",
    "packet_type=(1,0x894f),nsh_spi=4",
    "ct_state=+trk+est,ct_zone=5,ct_mark=1/1,ct_label=0x10000000000000000/0xffffffff0000000000000000,ip,nw_dst=1.2.3.4",
    "ct_state=+trk+rpl,ip,ct_nw_src=1.2.3.4,ct_nw_dst=5.6.0.0/16,ct_nw_proto=6,ct_tp_src=5,ct_tp_dst=6/0xff",
    "ct_state=+dnat,ct_nw_proto=6",
    "ct_state=+snat,ct_nw_proto=17,ct_tp_dst=53",
    "ct_state=+trk+new,ipv6,ct_ipv6_src=fe80::1,ct_ipv6_dst=fe80::/10,ct_nw_proto=17,ct_tp_dst=53",
    "arp,arp_op=2,arp_spa=1.2.3.4,arp_tpa=5.6.7.0/24,arp_sha=00:00:00:00:00:01,arp_tha=ff:ff:ff:ff:ff:ff",
    "icmp6,icmp_type=136,icmp_code=0,nd_target=fe80::1,nd_tll=00:00:00:00:00:02",
    "mpls,mpls_label=100,mpls_tc=3,mpls_bos=1,mpls_ttl=64",
    "dl_type=0x88cc",
    "dl_type=0x05ff",
    "ip,nw_tos=184,nw_ecn=2,nw_ttl=64,nw_frag=no",
    "ipv6,ipv6_label=0x12345,ipv6_src=::1,ipv6_dst=::ffff:1.2.3.4",
    "ipv6,ipv6_src=::1.2.3.4,ipv6_dst=2001:db8::/32",
    "conj_id=5,recirc_id=0,dp_hash=0x1/0xf,pkt_mark=7/0xf,actset_output=3,metadata=0x123456789abcdef/0xfff",
    "dl_src=00:00:00:00:00:00/01:00:00:00:00:00,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00",
    "priority=0,ip",
    "priority=65535,tcp",
    "",
];

/// Lists of actions.
fn actions() -> Vec<String> {
    let mut all: Vec<String> = ACTIONS.iter().map(|a| format!("actions={a}")).collect();
    for before in ["ip", "tcp", "udp6", "arp", "mpls", "dl_vlan=5", "ct_state=+trk,ip", "dl_type=0x894f"] {
        all.extend(ACTIONS.iter().map(|a| format!("{before},actions={a}")));
    }
    all.extend((0..40).map(|n| format!("actions=note:{}", vec!["5a"; n + 1].join("."))));
    all
}

const ACTIONS: &[&str] = &[
    "drop",
    "1",
    "output:2",
    "LOCAL",
    "NORMAL",
    "FLOOD",
    "ALL",
    "IN_PORT",
    "in_port",
    "TABLE",
    "CONTROLLER",
    "controller",
    "controller:100",
    "CONTROLLER:65535",
    "controller(max_len=100)",
    "controller(reason=no_match)",
    "controller(reason=invalid_ttl,max_len=5,id=7)",
    "controller(userdata=01.02.03.04.05)",
    "controller(pause)",
    "controller(userdata=ff,pause,id=1,max_len=128,reason=action)",
    "controller(meter_id=5)",
    "controller(userdata=00.00.00.05.00.00.00.00,pause,meter_id=1)",
    "output(port=1,max_len=100)",
    "output:NXM_NX_REG0[]",
    "output:NXM_NX_REG1[5..10]",
    "output:OXM_OF_METADATA[0..15]",
    "group:5",
    "group:0xffffff00",
    "set_queue:5",
    "set_queue:3,pop_queue",
    "enqueue:3:4",
    "enqueue(3,4)",
    "push_vlan:0x8100",
    "push_vlan:0x88a8",
    "pop_vlan",
    "strip_vlan",
    "push_vlan:0x8100,set_field:4197->vlan_vid",
    "mod_vlan_vid:5",
    "mod_vlan_pcp:3",
    "set_vlan_vid:5",
    "set_vlan_pcp:3",
    "push_mpls:0x8847",
    "push_mpls:0x8848",
    "pop_mpls:0x0800",
    "pop_mpls:0x8847",
    "set_mpls_label(5)",
    "set_mpls_label:5",
    "set_mpls_tc:3",
    "set_mpls_ttl:64",
    "set_mpls_tc(3)",
    "set_mpls_ttl(64)",
    "dec_mpls_ttl",
    "mod_dl_src:00:11:22:33:44:55",
    "mod_dl_dst:ff:ff:ff:ff:ff:ff",
    "mod_nw_src:1.2.3.4",
    "mod_nw_dst:1.2.3.4",
    "mod_nw_tos:184",
    "mod_nw_ecn:2",
    "mod_nw_ttl:64",
    "mod_tp_src:80",
    "mod_tp_dst:443",
    "dec_ttl",
    "dec_ttl(1)",
    "dec_ttl(1,2,3)",
    "set_tunnel:5",
    "set_tunnel:0x123456789",
    "set_tunnel64:7",
    "resubmit:1",
    "resubmit(1,2)",
    "resubmit(,2)",
    "resubmit(1,)",
    "resubmit(,5,ct)",
    "resubmit(IN_PORT,7)",
    "resubmit(LOCAL,1)",
    "ct",
    "ct()",
    "ct(commit)",
    "ct(force,commit)",
    "ct(table=5)",
    "ct(table=5,zone=6)",
    "ct(commit,zone=65535)",
    "ct(zone=NXM_NX_REG4[0..15])",
    "ct(zone=NXM_NX_REG4[16..31],table=1)",
    "ct(commit,nat)",
    "ct(nat)",
    "ct(table=1,nat)",
    "ct(commit,nat(src))",
    "ct(commit,nat(dst))",
    "ct(commit,nat(src=10.0.0.1))",
    "ct(commit,nat(dst=10.0.0.1))",
    "ct(commit,nat(src=10.0.0.1-10.0.0.9))",
    "ct(commit,nat(src=10.0.0.1:80))",
    "ct(commit,nat(src=10.0.0.1:80-90))",
    "ct(commit,nat(src=10.0.0.1-10.0.0.9:80-90,random))",
    "ct(commit,nat(src=10.0.0.1:80-90,hash))",
    "ct(commit,nat(src=10.0.0.1,persistent))",
    "ct(commit,nat(src=10.0.0.1:1-2,persistent,random))",
    "ct(commit,nat(src=fe80::1))",
    "ct(commit,nat(src=fe80::1-fe80::9))",
    "ct(commit,nat(src=[fe80::1]:80))",
    "ct(commit,nat(src=[fe80::1]-[fe80::9]:80-90,random))",
    "ct(commit,exec(set_field:1->ct_mark))",
    "ct(commit,exec(set_field:0x1/0xff->ct_mark,set_field:0x5->ct_label))",
    "ct(commit,exec(load:1->NXM_NX_CT_LABEL[64]))",
    "ct(commit,exec(move:NXM_NX_REG0[]->NXM_NX_CT_LABEL[32..63]))",
    "ct(commit,zone=3,table=4,nat(src=1.2.3.4),exec(set_field:7->ct_mark))",
    "ct(commit,alg=ftp)",
    "ct(commit,alg=tftp)",
    "ct(commit,force,alg=ftp,zone=7)",
    "ct_clear",
    "exit",
    "fin_timeout(idle_timeout=5)",
    "fin_timeout(hard_timeout=6)",
    "fin_timeout(idle_timeout=5,hard_timeout=6)",
    "conjunction(1,1/2)",
    "conjunction(4294967295,64/64)",
    "conjunction(1,1/2),conjunction(2,2/3)",
    "conjunction(5,1/3),note:01",
    "clone()",
    "clone(1)",
    "clone(1,2),3",
    "clone(clone(1),2)",
    "clone(set_field:1->reg0,resubmit(,5))",
    "check_pkt_larger(1500)->NXM_NX_REG0[5]",
    "check_pkt_larger(1)->NXM_NX_XXREG0[100]",
    "note:01.02.03",
    "note:00.00.00.00.00.00",
    "push:NXM_NX_REG0[]",
    "push:NXM_NX_REG0[5..10]",
    "pop:NXM_NX_REG1[0..5]",
    "push:NXM_NX_XXREG0[],pop:NXM_NX_XXREG1[]",
    "multipath(eth_src,50,modulo_n,1,0,NXM_NX_REG0[])",
    "multipath(symmetric_l4,1024,hrw,12,5,NXM_NX_REG1[5..10])",
    "multipath(symmetric_l3l4,0,hash_threshold,12,5,NXM_NX_REG1[0..31])",
    "multipath(symmetric_l3l4+udp,0,iter_hash,2,7,NXM_NX_REG1[])",
    "multipath(nw_src,0,hrw,4,0,NXM_NX_REG1[])",
    "multipath(nw_dst,0,hrw,4,0,NXM_NX_REG1[])",
    "multipath(symmetric_l3,0,hrw,4,0,NXM_NX_REG1[])",
    "bundle(eth_src,0,hrw,ofport,members:4,8)",
    "bundle(symmetric_l4,60,active_backup,ofport,members:1,2,3,4,5)",
    "bundle(nw_src,7,hrw,ofport,members:)",
    "bundle_load(eth_src,0,hrw,ofport,NXM_NX_REG0[],members:4,8)",
    "bundle_load(eth_src,0,active_backup,ofport,NXM_NX_REG0[16..31],members:1)",
    "sample(probability=12345)",
    "sample(probability=12345,collector_set_id=23456,obs_domain_id=34567,obs_point_id=45678)",
    "sample(probability=1,collector_set_id=2,obs_domain_id=3,obs_point_id=4,sampling_port=5)",
    "sample(probability=1,collector_set_id=2,obs_domain_id=3,obs_point_id=4,sampling_port=5,egress)",
    "sample(probability=1,sampling_port=LOCAL,ingress)",
    "delete_field:tun_metadata0",
    "delete_field:tun_metadata63",
    "encap(nsh)",
    "encap(nsh(md_type=1))",
    "encap(nsh(md_type=2))",
    "encap(nsh(md_type=2,tlv(0x1000,10,0x12345678)))",
    "encap(nsh(md_type=2,tlv(0x1000,10,0x12345678),tlv(0x2000,20,0xfedcba9876543210)))",
    "encap(ethernet)",
    "encap(mpls)",
    "encap(mpls_mc)",
    "decap",
    "decap()",
    "decap(packet_type(ns=0,type=0))",
    "decap(packet_type(ns=1,type=0x894f))",
    "dec_nsh_ttl",
    "meter:5",
    "meter:5,1",
    "write_metadata:5",
    "write_metadata:5/0xff",
    "goto_table:5",
    "1,goto_table:5",
    "clear_actions",
    "write_actions(1)",
    "write_actions(drop)",
    "write_actions(set_field:1->reg0,group:1)",
    "1,clear_actions,write_actions(2),write_metadata:0x123456789abcdef/0xfff,goto_table:9",
    "meter:1,2,clear_actions,goto_table:3",
    "learn(table=1)",
    "learn()",
    "learn(table=2,idle_timeout=10,hard_timeout=20,fin_idle_timeout=2,fin_hard_timeout=4,priority=10,cookie=0xfedcba9876543210)",
    "learn(send_flow_rem,delete_learned,table=3,limit=10,result_dst=NXM_NX_REG0[5])",
    "learn(table=1,limit=1)",
    "learn(table=1,result_dst=NXM_NX_XXREG0[77])",
    "learn(table=0,hard_timeout=10,fin_hard_timeout=1,NXM_OF_VLAN_TCI[0..11],output:NXM_OF_IN_PORT[])",
    "learn(NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[],load:10->NXM_NX_REG0[5..10])",
    "learn(dl_type=0x800,nw_proto=6,NXM_OF_IP_SRC[]=NXM_OF_IP_DST[],NXM_OF_TCP_SRC[]=NXM_OF_TCP_DST[],load:NXM_OF_IN_PORT[]->NXM_NX_REG1[16..31])",
    "learn(table=7,eth_type=0x86dd,ipv6_src=fe80::1,NXM_NX_IPV6_DST[],load:0x123456789abcdef0->NXM_NX_XXREG0[0..63])",
    "learn(table=7,in_port_oxm=5,ct_mark=7,reg3=0x55)",
    "load:0->NXM_OF_IN_PORT[]",
    "load:5->OXM_OF_IN_PORT[]",
    "move:NXM_NX_REG0[0..5]->NXM_NX_REG1[10..15]",
    "move:NXM_NX_XXREG0[]->NXM_NX_XXREG1[]",
    "set_field:0x123->reg0,set_field:1/1->reg1,1,2,3",
    "1,2,3,4,5,resubmit(,1),resubmit(,2),ct(table=3)",
];

/// Attributes of flows, and the other commands that change them.
fn attributes() -> Vec<Case> {
    let mut all: Vec<Case> = ATTRIBUTES.iter().map(|a| case("add-flow", format!("{a}actions=1"))).collect();
    for command in ["mod-flows", "--strict mod-flows"] {
        all.extend(ATTRIBUTES.iter().map(|a| case(command, format!("{a}actions=1"))));
        all.extend(
            ["cookie=5/-1", "cookie=5/0xff", "cookie=5,table=2"].map(|c| case(command, format!("{c},actions=2"))),
        );
    }
    for command in ["del-flows", "--strict del-flows"] {
        all.extend(
            [
                "",
                "table=5",
                "ip",
                "cookie=5/-1",
                "cookie=5/0xff,tcp",
                "out_port=5",
                "out_group=7",
                "table=3,in_port=1",
                "reg0=5,out_port=LOCAL",
            ]
            .map(|t| case(command, t)),
        );
        all.extend(["priority=5,ip", "priority=32768,tcp,tp_dst=80"].map(|t| case(command, t)));
    }
    for case in &mut all {
        if let Some(command) = case.command.strip_prefix("--strict ") {
            case.text = format!("{}\u{1f}--strict", case.text);
            case.command = command.to_owned();
        }
    }
    all.retain(|case| !case.text.starts_with('\u{1f}'));
    all
}

const ATTRIBUTES: &[&str] = &[
    "",
    "table=5,",
    "priority=0,",
    "priority=1,",
    "priority=65535,",
    "cookie=0,",
    "cookie=5,",
    "cookie=0xffffffffffffffff,",
    "cookie=0x123456789abcdef0,",
    "idle_timeout=5,",
    "hard_timeout=6,",
    "idle_timeout=65535,hard_timeout=65535,",
    "importance=7,",
    "send_flow_rem,",
    "check_overlap,",
    "reset_counts,",
    "no_packet_counts,",
    "no_byte_counts,",
    "send_flow_rem,check_overlap,reset_counts,no_packet_counts,no_byte_counts,",
    "table=254,priority=7,cookie=9,idle_timeout=1,hard_timeout=2,importance=3,send_flow_rem,ip,nw_src=1.2.3.4,",
    "cookie=5 table=1 priority=9 ip nw_dst=10.0.0.0/8 ",
];

/// Groups.
fn groups() -> Vec<Case> {
    let mut all = Vec::new();
    for command in ["add-group", "mod-group"] {
        all.extend(GROUPS.iter().map(|g| case(command, *g)));
    }
    for info in fields().filter(|info| !info.headers.is_empty() && info.bytes < 124) {
        let group = format!("group_id=1,type=select,selection_method=hash,fields({}),bucket=actions=1", info.name);
        all.push(case("add-group", group));
        let one = format!("group_id=1,type=select,selection_method=hash,fields={},bucket=actions=1", info.name);
        all.push(case("add-group", one));
    }
    all.extend(["group_id=5", "", "group_id=0xffffff00"].map(|g| case("del-groups", g)));
    all.extend(
        [
            "group_id=1,command_bucket_id=last,bucket=bucket_id:5,actions=1",
            "group_id=1,command_bucket_id=first,bucket=bucket_id:5,weight:7,actions=1,bucket=bucket_id:6,actions=2",
            "group_id=1,command_bucket_id=3,bucket=bucket_id:5,actions=1",
        ]
        .map(|g| case("insert-buckets", g)),
    );
    let removals =
        ["first", "last", "all", "7"].map(|b| case("remove-buckets", format!("group_id=1,command_bucket_id={b}")));
    all.extend(removals);
    all
}

const GROUPS: &[&str] = &[
    "group_id=1,type=all,bucket=actions=1",
    "group_id=1,type=all",
    "group_id=1,type=all,bucket=output:1,bucket=output:2,bucket=output:3",
    "group_id=1,type=indirect,bucket=actions=set_field:1->reg0,2",
    "group_id=1,type=select,bucket=actions=1",
    "group_id=1,type=select,bucket=bucket_id:7,weight:100,actions=1,bucket=bucket_id:9,weight:50,actions=2",
    "group_id=1,type=select,bucket=weight:0,actions=1",
    "group_id=1,type=select,bucket=watch_port:3,actions=1",
    "group_id=1,type=ff,bucket=watch_port:1,actions=1,bucket=watch_port:2,actions=2",
    "group_id=1,type=ff,bucket=watch_group:1,actions=1,bucket=watch_port:2,watch_group:7,actions=2",
    "group_id=1,type=fast_failover,bucket=watch_port:LOCAL,actions=1",
    "group_id=4294967040,type=select,selection_method=dp_hash,bucket=actions=1",
    "group_id=1,type=select,selection_method=dp_hash,selection_method_param=5,bucket=actions=1",
    "group_id=1,type=select,selection_method=hash,fields(ip_src,ip_dst,nw_proto,tcp_src,tcp_dst),bucket=actions=1",
    "group_id=1,type=select,selection_method=hash,selection_method_param=7,fields(tcp_dst,ip_src=255.255.255.0,eth_dst),bucket=actions=1",
    "group_id=1,type=select,selection_method=hash,fields(reg0=0xff,metadata,vlan_vid,ct_label=0xff),bucket=actions=1",
    "group_id=1,type=select,bucket=ct(commit,table=5,nat(dst=10.0.0.1:80)),bucket=ct(commit,table=5,nat(dst=10.0.0.2:80))",
    "group_id=1,type=all,bucket=actions=drop",
    "group_id=1,type=all,bucket=actions=clone(1),group:5,resubmit(,7)",
];

/// Meters.
fn meters() -> Vec<Case> {
    let mut all = Vec::new();
    for command in ["add-meter", "mod-meter"] {
        all.extend(METERS.iter().map(|m| case(command, *m)));
    }
    all.extend(["meter=1", "meter=all", "meter=controller", "meter=slowpath", ""].map(|m| case("del-meter", m)));
    all.push(case("del-meters", ""));
    all.extend(["meter=1", "meter=all"].map(|m| case("dump-meter", m)));
    all.extend(["meter=1", "meter=all"].map(|m| case("meter-stats", m)));
    all
}

const METERS: &[&str] = &[
    "meter=1,kbps,band=type=drop,rate=1000",
    "meter=1,pktps,band=type=drop,rate=5",
    "meter=1,kbps,burst,band=type=drop,rate=1000,burst_size=100",
    "meter=1,kbps,burst,stats,band=type=drop,rate=1000,burst_size=100",
    "meter=1,pktps,stats,bands=type=drop,rate=1",
    "meter=1,kbps,band=type=dscp_remark,rate=1000,prec_level=3",
    "meter=1,kbps,burst,band=type=dscp_remark,rate=1000,burst_size=9,prec_level=1,band=type=drop,rate=4294967295,burst_size=4294967295",
    "meter=controller,pktps,band=type=drop,rate=100",
    "meter=slowpath,kbps,band=type=drop,rate=100",
    "meter=4294901760,kbps,band=type=drop,rate=100",
];

/// Commands that ask, and those that change other things.
fn commands() -> Vec<Case> {
    let flows = ["", "table=3", "ip,nw_src=1.2.3.4", "cookie=5/-1", "out_port=3", "table=1,out_group=5,reg0=7"];
    let mut all: Vec<Case> = flows.iter().map(|f| case("dump-flows", *f)).collect();
    all.extend(flows.iter().map(|f| case("dump-aggregate", *f)));
    all.extend(
        [
            "dump-tables",
            "dump-table-features",
            "dump-table-desc",
            "dump-ports",
            "dump-ports-desc",
            "dump-groups",
            "dump-group-features",
            "dump-group-stats",
            "meter-features",
            "dump-meters",
            "meter-stats",
            "queue-stats",
            "queue-get-config",
            "dump-tlv-map",
            "show",
            "get-frags",
            "dump-desc",
            "dump-ipfix-bridge",
            "dump-ipfix-flow",
            "add-tlv-map",
            "del-tlv-map",
        ]
        .map(|c| case(c, "")),
    );
    all.extend(["1", "LOCAL"].map(|p| case("dump-ports", p)));
    all.extend(["1", "LOCAL"].map(|p| case("dump-ports-desc", p)));
    all.extend(["1", "1\u{1f}2"].map(|q| case("queue-stats", q)));
    all.extend(["1"].map(|q| case("queue-get-config", q)));
    all.extend(["5"].map(|g| case("dump-groups", g)));
    all.extend(["group_id=5"].map(|g| case("dump-group-stats", g)));
    all.extend(
        [
            "{class=0x109,type=0x40,len=4}->tun_metadata0",
            "{class=0xffff,type=0,len=4}->tun_metadata0,{class=0x109,type=2,len=124}->tun_metadata63",
        ]
        .map(|t| case("add-tlv-map", t)),
    );
    all.push(case("del-tlv-map", "{class=0x109,type=0x40,len=4}->tun_metadata0"));
    all.extend(["5", "7"].map(|z| case("ct-flush-zone", z)));
    all.push(case("ct-flush", ""));
    all.extend(
        [
            "zone=5", "zone=5\u{1f}ct_nw_src=10.0.0.1,ct_nw_proto=6,ct_tp_dst=80",
            "zone=5\u{1f}ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=17,ct_tp_src=1,ct_tp_dst=2\u{1f}ct_nw_src=10.0.0.2,ct_nw_proto=17",
            "zone=7\u{1f}ct_ipv6_src=fe80::1,ct_nw_proto=58,icmp_id=5,icmp_type=128,icmp_code=0",
        ]
        .map(|t| case("ct-flush", t)),
    );
    all.extend(["normal", "drop", "nx-match"].map(|f| case("set-frags", f)));
    all.extend(
        ["ip,actions=1", "table=3,tcp,tp_dst=80,actions=load:5->reg0,group:7"].map(|f| case("bundle add-flow", f)),
    );
    all.extend(["", "cookie=5/-1,ip"].map(|f| case("bundle del-flows", f)));
    all.extend(["cookie=5/-1,actions=2"].map(|f| case("bundle mod-flows", f)));
    all.extend(GROUPS.iter().map(|g| case("bundle add-group", *g)));
    all
}
