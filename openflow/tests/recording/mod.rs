//! What the real `ovs-ofctl` was recorded with (`tests/data`), shared by the tests that hold the crate to it.
#![allow(dead_code, reason = "not every test needs all of it")]

/// One recorded call.
pub struct Record {
    /// The file.
    pub area: &'static str,
    /// The command of `ovs-ofctl`.
    pub command: String,
    /// Its argument.
    pub text: String,
    /// The messages it sent, with transaction id 0.
    pub messages: Vec<Vec<u8>>,
    /// What `ovs-ofctl ofp-print` prints of them.
    pub printed: Vec<String>,
}

/// Bytes of packed hex: `(n)` is n zero bytes, `[n]` n bytes 0xff.
pub fn unpack(packed: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), packed);
    while let Some(first) = rest.chars().next() {
        if let '(' | '[' = first {
            let (count, tail) = rest[1..].split_once([')', ']']).expect("a run ends");
            bytes.resize(bytes.len() + count.parse::<usize>().expect("a count"), if first == '(' { 0 } else { 0xff });
            rest = tail;
        } else {
            bytes.push(u8::from_str_radix(&rest[..2], 16).expect("hex"));
            rest = &rest[2..];
        }
    }
    bytes
}

/// All that was recorded.
pub fn records() -> Vec<Record> {
    macro_rules! areas {
        ($($area:literal),*) => { [$(($area, include_str!(concat!("../data/", $area, ".tsv")))),*] };
    }
    let areas =
        areas!("matches", "settings", "fields", "actions", "flows", "groups", "meters", "commands", "messages", "wild");
    let lines = areas.into_iter().flat_map(|(area, data)| data.lines().map(move |line| (area, line)));
    lines
        .map(|(area, line)| {
            let [command, text, hex, printed] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
            Record {
                area,
                command: command.to_owned(),
                text: text.to_owned(),
                messages: hex.split(',').map(unpack).collect(),
                printed: printed
                    .split('\u{1e}')
                    .map(|p| p.replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\"))
                    .collect(),
            }
        })
        .collect()
}

/// The bytes of plain hex.
pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hex")).collect()
}

impl Record {
    /// What ovs-ofctl 3.1 gets wrong: it cuts `arp_op` to 8 bits, drops bits of some tunnel fields that are to be 0, and
    /// drops without a word the ports of a tracked connection whose protocol is not given or 0, and the priority of a VLAN
    /// without the VLAN, and writes a setting of `dl_vlan` as one of `in_port`.
    pub fn is_fault_of_ovs_ofctl(&self) -> bool {
        let text = &self.text;
        let wide_op = text.split("arp_op=").nth(1).and_then(|t| t.split([' ', ',']).next()?.parse::<u32>().ok());
        let tunnel =
            ["tun_erspan_ver=0", "tun_erspan_dir=0", "tun_erspan_hwid=0", "tun_gtpu_flags=0", "tun_gtpu_msgtype=0"];
        let ends = |rest: &str| rest.starts_with([' ', ',', '/']);
        let zero = |name: &&str| text.split(name).skip(1).any(|rest| ends(rest.strip_prefix("x0").unwrap_or(rest)));
        let ports = text.contains("ct_tp_") && !text.contains("ct_nw_proto=");
        let dropped = ports || text.contains("ct_nw_proto=0");
        let confused = text.contains("->dl_vlan") || text.contains("vlan_tci=0xe000/0xe000");
        confused || wide_op.is_some_and(|op| op > 255) || tunnel.iter().any(zero) || dropped
    }
}
