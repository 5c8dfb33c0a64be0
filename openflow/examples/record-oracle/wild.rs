//! Lines made at random from what the manual pages say (`manual-fields.tsv`, the syntax of `ovs-actions(7)`), without a look at
//! the crate's own table of fields: always the same lines, for the same seed.
//!
//! What `ovs-ofctl` refuses of them is left out by the recorder. So what was recorded is what it takes, odd spacing, number
//! bases, orders and combinations included, and the crate has to read it to the same bytes.

use crate::cases::Case;
use crate::random::Random;
use crate::wild_actions;

/// A field as the manual describes it.
pub struct Manual {
    /// Its name, and perhaps another.
    pub names: Vec<String>,
    /// How many bits count.
    pub bits: u32,
    /// How its values are written.
    pub format: String,
    /// Whether it takes a mask.
    pub maskable: bool,
    /// Its prerequisites.
    pub needs: String,
    /// Whether actions may change it.
    pub writable: bool,
    /// The names of its headers.
    pub headers: Vec<String>,
}

/// The fields that the manual has, those without a header on the wire apart.
pub fn manual(dir: &str) -> Vec<Manual> {
    let text =
        std::fs::read_to_string(format!("{dir}/manual-fields.tsv")).expect("the fields of the manual are recorded");
    let fields = text.lines().map(|line| field(&line.split('\t').collect::<Vec<_>>()));
    fields.filter(|field| !field.headers.is_empty()).collect()
}

fn field(row: &[&str]) -> Manual {
    let names = row[0].trim_end_matches(')').split(" (aka ").map(str::to_owned).collect();
    let width = row[1].split("least-significant ").last().and_then(|w| w.split(' ').next());
    let header = |part: &str| part.split_once(" (").map(|(name, _)| name.to_owned());
    Manual {
        names,
        bits: width.and_then(|w| w.parse().ok()).expect("a width"),
        format: row[2].to_owned(),
        maskable: row[3] != "not maskable",
        needs: row[4].to_owned(),
        writable: row[5] == "read/write",
        headers: row[6].split("; ").chain(row[7].split("; ")).filter_map(header).collect(),
    }
}

/// Commands and how many lines are made for each.
const LINES: [(&str, usize); 11] = [
    ("add-flow", 2200),
    ("mod-flows", 150),
    ("del-flows", 150),
    ("add-group", 300),
    ("mod-group", 60),
    ("del-groups", 10),
    ("insert-buckets", 60),
    ("remove-buckets", 20),
    ("add-meter", 60),
    ("mod-meter", 20),
    ("del-meter", 10),
];

/// The lines.
pub fn lines(fields: &[Manual]) -> Vec<Case> {
    let mut maker = Maker { random: Random(0x0005_deec_e66d_1ce4), fields };
    let mut all = Vec::new();
    for (command, count) in LINES {
        for _ in 0..count {
            let text = maker.line(command);
            all.push(Case { command: command.to_owned(), text });
        }
    }
    all
}

/// What makes lines.
pub struct Maker<'a> {
    /// Chance.
    pub random: Random,
    /// The fields there are.
    pub fields: &'a [Manual],
}

impl Maker<'_> {
    fn line(&mut self, command: &str) -> String {
        match command {
            "add-flow" => self.flow(true, false),
            "mod-flows" => self.flow(true, true) + self.strict(),
            "del-flows" => self.flow(false, true) + self.strict(),
            "add-group" | "mod-group" => self.group(),
            "insert-buckets" => {
                let place = self.random.one(&["first", "last", "5", "0xff"]);
                let (group, buckets) = (self.number(31), self.buckets(""));
                format!("group_id={group},command_bucket_id={place}{buckets}")
            }
            "remove-buckets" => {
                let place = self.random.one(&["first", "last", "all", "108", "0x10"]);
                format!("group_id={},command_bucket_id={place}", self.number(32))
            }
            "del-groups" => format!("group_id={}", self.number(32)),
            "del-meter" => format!("meter={}", self.number(16)),
            _ => self.meter(),
        }
    }

    fn strict(&mut self) -> &'static str {
        self.random.one(&["", "", "\u{1f}--strict"])
    }

    /// A number of so many bits, small ones and the ends more often, in decimal or hexadecimal.
    pub fn number(&mut self, bits: u32) -> String {
        let n = self.bits(bits);
        if self.random.below(2) == 0 && bits <= 64 { n.to_string() } else { format!("{n:#x}") }
    }

    pub fn bits(&mut self, bits: u32) -> u128 {
        let all = if bits >= 128 { u128::MAX } else { (1 << bits) - 1 };
        match self.random.below(8) {
            0 => 0,
            1 => all,
            2 | 3 => self.random.wide() & 0xff & all,
            _ => self.random.wide() & all,
        }
    }

    pub fn mac(n: u128) -> String {
        let bytes = (n as u64).to_be_bytes();
        bytes[2..].iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":")
    }

    /// A value in the field's format, or a mask of it.
    fn value(&mut self, field: &Manual) -> String {
        let n = self.bits(field.bits.min(128));
        match field.format.as_str() {
            "IPv4" => std::net::Ipv4Addr::from_bits(n as u32).to_string(),
            "IPv6" => std::net::Ipv6Addr::from_bits(n).to_string(),
            "Ethernet" => Maker::mac(n),
            "OpenFlow 1.0 port" | "OpenFlow 1.1+ port" => self.port(),
            "tunnel flags" => self.random.one(&["oam", "+oam", "-oam", "0", "1/1"]).to_owned(),
            "frag" => self.random.one(&["no", "yes", "first", "later", "not_later"]).to_owned(),
            "packet type" => format!("({},{})", self.random.below(2), self.number(16)),
            "ct state" => self.flags(&["new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"]),
            "TCP flags" => self.flags(&["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns"]),
            _ => self.number(field.bits.min(128)),
        }
    }

    fn flags(&mut self, names: &[&str]) -> String {
        let mut text = String::new();
        for name in names {
            text += match self.random.below(4) {
                0 => "+",
                1 => "-",
                _ => continue,
            };
            text += name;
        }
        if text.is_empty() { format!("+{}", names[0]) } else { text }
    }

    pub fn port(&mut self) -> String {
        match self.random.below(6) {
            0 => self.random.one(&["LOCAL", "local", "CONTROLLER", "in_port", "NORMAL"]).to_owned(),
            _ => (1 + self.random.below(0xfeff)).to_string(),
        }
    }

    /// A value and sometimes a mask.
    pub fn term(&mut self, field: &Manual) -> String {
        let value = self.value(field);
        let plain = !matches!(field.format.as_str(), "tunnel flags" | "frag" | "ct state" | "TCP flags");
        if !(field.maskable && plain && self.random.below(3) == 0) {
            return value;
        }
        let mask = match field.format.as_str() {
            "IPv4" if self.random.below(2) == 0 => self.random.below(33).to_string(),
            "IPv6" if self.random.below(2) == 0 => self.random.below(129).to_string(),
            "decimal" | "hexadecimal" if self.random.below(4) == 0 => "-1".to_owned(),
            _ => self.value(field),
        };
        format!("{value}/{mask}")
    }

    /// What has to be said before a field with such prerequisites.
    fn before(&mut self, needs: &str, name: &str) -> &'static str {
        let v6 = name.contains("ipv6");
        self.random.one(match needs {
            "VLAN VID" => &["dl_vlan=7", "vlan_vid=0x1000/0x1000", "vlan_vid=0x1123"],
            "ARP" => &["arp", "rarp", "dl_type=0x0806", "eth_type=0x8035"],
            "IPv4" => &["ip", "dl_type=0x800", "tcp", "udp", "eth_type=2048,ip_proto=47", "icmp", "sctp"],
            "IPv6" => &["ipv6", "dl_type=0x86dd", "tcp6", "udp6", "icmp6", "sctp6"],
            "IPv4/IPv6" => &["ip", "ipv6", "eth_type=0x800", "dl_type=34525"],
            "NSH" => &["dl_type=0x894f", "eth_type=0x894f", "packet_type=(1,0x894f)"],
            "CT" if v6 => &["ct_state=+trk,ipv6,ct_nw_proto=6", "ct_state=+trk,ipv6,ct_nw_proto=17"],
            "CT" => &["ct_state=+trk,ip,ct_nw_proto=6", "ct_state=+trk+est,ip,ct_nw_proto=17"],
            "MPLS" => &["mpls", "mplsm", "dl_type=0x8847", "eth_type=34888"],
            "TCP" => &["tcp", "tcp6", "ip,nw_proto=6", "dl_type=0x86dd,ip_proto=6"],
            "UDP" => &["udp", "udp6", "ip,nw_proto=17"],
            "SCTP" => &["sctp", "sctp6", "ipv6,nw_proto=132"],
            "ICMPv4" => &["icmp", "ip,nw_proto=1"],
            "ICMPv6" => &["icmp6", "ipv6,nw_proto=58"],
            "ND" => &["icmp6,icmp_type=135,icmp_code=0", "icmp6,icmpv6_type=136,icmpv6_code=0"],
            "ND solicit" => &["icmp6,icmp_type=135,icmp_code=0", "icmp6,icmpv6_type=0x87,icmpv6_code=0"],
            "ND advert" => &["icmp6,icmp_type=136,icmp_code=0"],
            _ => &[""],
        })
    }

    /// A match: a field with what it needs, and now and then some that need nothing.
    fn terms(&mut self) -> Vec<String> {
        let mut terms = Vec::new();
        if self.random.below(5) > 0 {
            let fields = self.fields;
            let field = &fields[self.random.below(fields.len())];
            let before = self.before(&field.needs, &field.names[0]);
            terms.extend(Some(before.to_owned()).filter(|before| !before.is_empty()));
            let name = &field.names[self.random.below(field.names.len())];
            if before.split(['=', ',']).all(|word| word != name) {
                terms.push(format!("{name}={}", self.term(field)));
            }
        }
        for _ in 0..self.random.below(3) {
            let register = self.random.one(&["reg", "reg", "xreg", "xxreg"]);
            let (count, bits) = match register {
                "reg" => (16, 32),
                "xreg" => (8, 64),
                _ => (4, 128),
            };
            let name = format!("{register}{}", self.random.below(count));
            let mask = if self.random.below(2) == 0 { format!("/{:#x}", self.bits(bits)) } else { String::new() };
            terms.push(format!("{name}={:#x}{mask}", self.bits(bits)));
        }
        terms
    }

    /// Attributes of a flow.
    fn attributes(&mut self, cover: bool) -> Vec<String> {
        let mut all = Vec::new();
        if self.random.below(2) == 0 {
            all.push(format!("table={}", self.random.below(255)));
        }
        if self.random.below(2) == 0 && !cover {
            all.push(format!("priority={}", self.number(16)));
        }
        if self.random.below(3) == 0 {
            let mask = if cover { self.random.one(&["", "/-1", "/0xff"]) } else { "" };
            all.push(format!("cookie={}{mask}", self.number(64)));
        }
        if !cover {
            for name in ["idle_timeout", "hard_timeout", "importance"] {
                if self.random.below(5) == 0 {
                    all.push(format!("{name}={}", self.number(16)));
                }
            }
            let flags = ["send_flow_rem", "check_overlap", "reset_counts", "no_packet_counts", "no_byte_counts"];
            if self.random.below(4) == 0 {
                all.push(self.random.one(&flags).to_owned());
            }
        }
        all
    }

    /// A flow, for a change of one or of all that it covers.
    fn flow(&mut self, actions: bool, cover: bool) -> String {
        // What a field needs comes before it; attributes go anywhere.
        let mut parts = self.terms();
        for attribute in self.attributes(cover) {
            parts.insert(self.random.below(parts.len() + 1), attribute);
        }
        if !actions {
            if self.random.below(4) == 0 {
                parts.push(format!("out_port={}", self.port()));
            }
            if self.random.below(4) == 0 {
                parts.push(format!("out_group={}", self.number(16)));
            }
        }
        let separator = self.random.one(&[",", ", ", " ", " ,", ",,"]);
        let mut text = parts.join(separator);
        if actions {
            let key = self.random.one(&["actions=", "action=", "actions = "]);
            let list = wild_actions::list(self, true);
            if !text.is_empty() {
                text += self.random.one(&[",", " ", ", "]);
            }
            text += &format!("{key}{list}");
        }
        text
    }

    fn group(&mut self) -> String {
        let kind = self.random.one(&["all", "select", "indirect", "ff", "fast_failover"]);
        let method = match kind {
            "select" => self.random.one(&["", "", ",selection_method=dp_hash", ",selection_method=hash"]),
            _ => "",
        };
        let param = match method {
            "" => String::new(),
            _ if self.random.below(2) == 0 => format!(",selection_method_param={}", self.number(64)),
            _ => String::new(),
        };
        let fields = match method {
            ",selection_method=hash" => {
                self.random.one(&[",fields(ip_src,tcp_dst)", ",fields(eth_src)", ",fields=nw_dst"])
            }
            _ => "",
        };
        let (id, buckets) = (self.bits(29), self.buckets(kind));
        format!("group_id={id},type={kind}{method}{param}{fields}{buckets}")
    }

    fn buckets(&mut self, kind: &str) -> String {
        let mut text = String::new();
        let failover = kind.starts_with('f');
        let most = if kind == "indirect" { 2 } else { 4 };
        for n in 0..self.random.below(most) {
            text += ",bucket=";
            if self.random.below(2) == 0 {
                let id = n * 7 + self.random.below(7);
                text += &format!("bucket_id{}{id},", self.random.one(&[":", "="]));
            }
            if kind == "select" && self.random.below(3) > 0 {
                text += &format!("weight{}{},", self.random.one(&[":", "="]), self.random.below(65536));
            }
            if failover || self.random.below(3) == 0 {
                text += &format!("watch_port:{},", 1 + self.random.below(0xfeff));
            }
            if self.random.below(4) == 0 {
                text += &format!("watch_group:{},", self.random.below(0xffff));
            }
            text += self.random.one(&["actions=", "", "actions="]);
            text += &wild_actions::list(self, false);
        }
        text
    }

    fn meter(&mut self) -> String {
        let flags = self.random.one(&["kbps", "pktps", "kbps,burst", "pktps,burst,stats", "kbps,stats", "burst"]);
        let mut text = format!("meter={},{flags}", 1 + self.random.below(1000));
        for n in 0..=self.random.below(2) {
            let kind = self.random.one(&["drop", "drop", "dscp_remark"]);
            let key = if n == 0 { self.random.one(&["band", "bands"]) } else { "band" };
            text += &format!(",{key}=type={kind},rate={}", self.number(32));
            if flags.contains("burst") {
                text += &format!(",burst_size={}", self.number(32));
            }
            if kind == "dscp_remark" {
                text += &format!(",prec_level={}", self.random.below(64));
            }
        }
        text
    }
}
