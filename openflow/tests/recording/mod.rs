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

/// A number in decimal or hexadecimal.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

impl Record {
    /// Value and mask of each test of a field in the text.
    fn tests(&self, field: &str) -> Vec<(u64, Option<u64>)> {
        let terms = self.text.split(|c: char| c == ',' || c.is_whitespace());
        let values = terms.filter_map(|term| term.strip_prefix(field)?.strip_prefix('='));
        let split = values.map(|value| value.split_once('/').map_or((value, None), |(v, m)| (v, Some(m))));
        split.filter_map(|(value, mask)| Some((number(value)?, mask.and_then(number)))).collect()
    }

    /// What ovs-ofctl 3.1 gets wrong: it cuts `arp_op` to 8 bits, drops bits of some tunnel fields that are to be 0, or takes
    /// the value for the mask, drops without a word the ports of a tracked connection whose protocol is not given or 0, and
    /// the priority of a VLAN without the VLAN, and writes a setting of `dl_vlan` as one of `in_port`.
    pub fn is_fault_of_ovs_ofctl(&self) -> bool {
        let text = &self.text;
        let wide_op = self.tests("arp_op").iter().any(|(op, _)| *op > 255);
        let tunnel = ["tun_erspan_ver", "tun_erspan_dir", "tun_erspan_hwid", "tun_gtpu_flags", "tun_gtpu_msgtype"];
        let zeros = |(value, mask): &(u64, Option<u64>)| *value == 0 || mask.is_some_and(|mask| mask != *value);
        let tunnel = tunnel.iter().any(|field| self.tests(field).iter().any(zeros));
        let ports = text.contains("ct_tp_") && !text.contains("ct_nw_proto=");
        let dropped = ports || text.contains("ct_nw_proto=0");
        let untagged =
            |(value, mask): &(u64, Option<u64>)| mask.is_some_and(|m| m >> 13 != 0 && value & m & 0x1fff == 0);
        let untagged = self.tests("vlan_tci").iter().any(untagged);
        text.contains("->dl_vlan") || untagged || wide_op || tunnel || dropped
    }
}
