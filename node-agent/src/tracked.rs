//! Connections that Open vSwitch tracks and translates, as `dpctl/dump-conntrack` prints them (ovs-vswitchd(8)).

use std::net::IpAddr;

use pipeline::Opened;
use pipeline::object::{Protocol, Target};

/// An open connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracked {
    /// The protocol.
    pub protocol: Protocol,
    /// What was asked for.
    pub asked: Target,
    /// Who answers in its place.
    pub answers: Target,
}

/// The connections of a dump that are open, or, where the protocol knows no end, remembered.
pub fn open(dump: &str) -> impl Iterator<Item = Tracked> {
    dump.lines().filter_map(read)
}

/// The UDP connections of a dump that are in a zone, with what their labels say.
pub fn datagrams(dump: &str) -> impl Iterator<Item = Opened> {
    dump.lines().filter(|line| line.starts_with("udp,")).filter_map(opened)
}

fn opened(line: &str) -> Option<Opened> {
    let after = |name: &str| Some(line.split_once(name)?.1.split([',', ')']).next().unwrap_or_default());
    let (orig, reply) = tuples(line)?;
    let label = match after(",labels=0x") {
        Some(digits) => u128::from_str_radix(digits, 16).ok()?,
        None => 0,
    };
    Some(Opened {
        zone: after(",zone=")?.parse().ok()?,
        from: target(orig, ["src", "sport"])?,
        asked: target(orig, ["dst", "dport"])?,
        answers: target(reply, ["src", "sport"])?.address,
        label,
    })
}

impl Tracked {
    /// Whether its destination is translated.
    pub fn is_translated(&self) -> bool {
        self.asked != self.answers
    }
}

/// `None`: closed, or of a protocol without ports.
fn read(line: &str) -> Option<Tracked> {
    let protocol = match line.split_once(',')?.0 {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        _ => return None,
    };
    let (orig, reply) = tuples(line)?;
    let tracked =
        Tracked { protocol, asked: target(orig, ["dst", "dport"])?, answers: target(reply, ["src", "sport"])? };
    let state =
        line.split_once("(state=").map_or("ESTABLISHED", |(_, rest)| rest.split([',', ')']).next().unwrap_or(""));
    let is_open = matches!(state, "SYN_SENT" | "SYN_RECV" | "ESTABLISHED" | "COOKIE_WAIT" | "COOKIE_ECHOED");
    Some(tracked).filter(|_| is_open)
}

/// How a connection was asked for, and how it is answered.
fn tuples(line: &str) -> Option<(&str, &str)> {
    let tuple = |name: &str| Some(line.split_once(name)?.1.split_once(')')?.0);
    Some((tuple("orig=(")?, tuple("reply=(")?))
}

fn target(tuple: &str, [address, port]: [&str; 2]) -> Option<Target> {
    let value = |name: &str| tuple.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    Some(Target { address: value(address)?.parse::<IpAddr>().ok()?, port: value(port)?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expect: Option<(Protocol, &str, u16, &str, u16)>) {
        let target = |address: &str, port| Target { address: address.parse().expect("an address"), port };
        let expect = expect.map(|(protocol, asked, at, answers, by)| Tracked {
            protocol,
            asked: target(asked, at),
            answers: target(answers, by),
        });
        assert_eq!(read(line), expect, "{line}");
    }

    #[test]
    fn datagrams_are_read_with_zone_and_label() {
        let target = |address: &str, port| Target { address: address.parse().expect("an address"), port };
        let line = "udp,orig=(src=10.10.0.5,dst=10.96.0.10,sport=4000,dport=53),\
                    reply=(src=10.10.1.7,dst=10.10.0.5,sport=5353,dport=4000),zone=1,mark=2,labels=0x1000000000000000200000003";
        let expect = Opened {
            zone: 1,
            from: target("10.10.0.5", 4000),
            asked: target("10.96.0.10", 53),
            answers: "10.10.1.7".parse().expect("an address"),
            label: 0x1_0000_0000_0000_0002_0000_0003,
        };
        let other = line.replace("zone=1,", "");
        let dump = format!("tcp,x\n{line}\n{other}\n{}\n", line.replace("udp", "icmp"));
        assert_eq!(datagrams(&dump).collect::<Vec<_>>(), [expect]);
        assert_eq!(datagrams(&line.replace(",labels=0x1000000000000000200000003", "")).next().expect("read").label, 0);
    }

    #[test]
    fn open_connections_are_read_and_others_are_not() {
        let web = "tcp,orig=(src=10.10.0.5,dst=10.96.0.10,sport=40000,dport=80),\
                   reply=(src=10.10.1.7,dst=10.10.0.5,sport=8080,dport=40000),zone=1,mark=1,protoinfo=(state=ESTABLISHED)";
        check(web, Some((Protocol::Tcp, "10.96.0.10", 80, "10.10.1.7", 8080)));
        check(
            &web.replace("ESTABLISHED", "SYN_SENT,state_reply=SYN_SENT"),
            Some((Protocol::Tcp, "10.96.0.10", 80, "10.10.1.7", 8080)),
        );
        check(&web.replace("ESTABLISHED", "TIME_WAIT"), None);
        let plain = web.replace("10.96.0.10", "10.10.1.7").replace("dport=80)", "dport=8080)");
        check(&plain, Some((Protocol::Tcp, "10.10.1.7", 8080, "10.10.1.7", 8080)));
        assert!(!read(&plain).expect("it is open").is_translated() && read(web).expect("it is open").is_translated());
        let dns = "udp,orig=(src=fd00:10::5,dst=fd00:96::a,sport=4000,dport=53),\
                   reply=(src=fd00:10::107,dst=fd00:10::5,sport=5353,dport=4000),zone=1,labels=0x1";
        check(dns, Some((Protocol::Udp, "fd00:96::a", 53, "fd00:10::107", 5353)));
        check(
            "icmp,orig=(src=10.0.0.1,dst=10.0.0.2,id=1,type=8,code=0),reply=(src=10.0.0.2,dst=10.0.0.1,id=1,type=0,code=0)",
            None,
        );
        check("", None);
    }
}
