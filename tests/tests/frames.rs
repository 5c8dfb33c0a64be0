//! Real frames through the dummy datapath: what `ofproto/trace` cannot show.
//!
//! A trace knows fields. Whether the answers that flows make are whole packets, checksums and all, and whether real
//! connection tracking and reassembly stop what hides a neighbour message behind extension headers or in fragments, shows
//! only in the frames that leave.

use anyhow::{Context, Result, ensure};
use pipeline::table_names;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use tests::scenario::Scenario;
use tests::switch::Switch;

const POD: [u8; 6] = [0x0a, 0, 0, 0, 0, 5];
const GATEWAY: [u8; 6] = [0x0a, 0x57, 0x45, 0x46, 0x54, 1];
const POD4: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 5);
const GATEWAY4: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 1);
const POD6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x10, 0, 0, 0, 0, 0, 5);
const GATEWAY6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x10, 0, 0, 0, 0, 0, 1);
const ALL_NODES6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 1);
const PORT: &str = "shop-a";

fn running() -> Result<Switch> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/neighbours-are-answered-on-the-node");
    let node = Scenario::read(&folder)?.node;
    let switch = Switch::start()?;
    switch.bridge(&node.ports(), table_names())?;
    switch.load(&node.realizer())?;
    Ok(switch)
}

#[test]
fn answers_made_by_flows_are_whole_packets() -> Result<()> {
    let switch = running()?;
    switch.capture(PORT)?;
    let cases = [
        (
            "ARP",
            frame(POD, [0xff; 6], 0x0806, &arp(1, (POD, POD4), ([0; 6], GATEWAY4))),
            frame(GATEWAY, POD, 0x0806, &arp(2, (GATEWAY, GATEWAY4), (POD, POD4))),
        ),
        (
            "solicitation",
            frame(POD, [0x33, 0x33, 0xff, 0, 0, 1], 0x86dd, &ip6(POD6, ALL_NODES6, 255, &neighbour(135, 0, (1, POD)))),
            frame(GATEWAY, POD, 0x86dd, &ip6(GATEWAY6, POD6, 255, &neighbour(136, 0x60, (2, GATEWAY)))),
        ),
        (
            "ping",
            frame(POD, GATEWAY, 0x0800, &ip4(POD4, GATEWAY4, 9, &echo(8))),
            frame(GATEWAY, POD, 0x0800, &ip4(GATEWAY4, POD4, 64, &echo(0))),
        ),
        (
            "ping of IPv6",
            frame(POD, GATEWAY, 0x86dd, &ip6(POD6, GATEWAY6, 9, &echo(128))),
            frame(GATEWAY, POD, 0x86dd, &ip6(GATEWAY6, POD6, 64, &echo(129))),
        ),
    ];
    for (index, (what, question, answer)) in cases.iter().enumerate() {
        switch.receive(PORT, question)?;
        let sent = wait(&switch, PORT, index + 1).context(*what)?;
        ensure!(sent[index] == *answer, "{what}:\n is        {:02x?}\n should be {answer:02x?}", sent[index]);
    }
    Ok(())
}

#[test]
fn a_pod_cannot_send_neighbour_messages_to_another_however_it_hides_them() -> Result<()> {
    let switch = running()?;
    switch.capture(OTHER_PORT)?;
    let send =
        |next: u8, payload: &[u8]| switch.receive(PORT, &frame(POD, GATEWAY, 0x86dd, &ip6_header(next, payload)));
    for (id, message) in (0..).step_by(8).zip([advertisement(), router_advertisement(), redirect()]) {
        let options = [&[ICMP6, 0, 1, 4, 0, 0, 0, 0][..], &message].concat();
        send(ICMP6, &message)?;
        send(HOP_BY_HOP, &options)?;
        send(DESTINATION_OPTIONS, &options)?;
        send(FRAGMENT, &fragment((id, ICMP6), (0, false), &message))?;
        for (id, next, whole, cut) in
            [(id + 1, ICMP6, &message, 8), (id + 2, ICMP6, &message, 16), (id + 3, DESTINATION_OPTIONS, &options, 8)]
        {
            send(FRAGMENT, &fragment((id, next), (0, true), &whole[..cut]))?;
            send(FRAGMENT, &fragment((id, next), (cut as u16, false), &whole[cut..]))?;
        }
    }
    // Fragments that were put together leave with the next packet, so two that are allowed follow.
    let ping = ip6(POD6, OTHER6, 64, &echo(128));
    for count in [1, 2] {
        switch.receive(PORT, &frame(POD, GATEWAY, 0x86dd, &ping))?;
        let sent = wait(&switch, OTHER_PORT, count)?;
        ensure!(sent.iter().all(|frame| frame[14..] == ping), "{sent:02x?}");
    }
    Ok(())
}

const OTHER_PORT: &str = "shop-b";
const OTHER6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x10, 0, 0, 0, 0, 0, 6);
const HOP_BY_HOP: u8 = 0;
const FRAGMENT: u8 = 44;
const ICMP6: u8 = 58;
const DESTINATION_OPTIONS: u8 = 60;

/// "The gateway is at my MAC."
fn advertisement() -> Vec<u8> {
    checked(neighbour(136, 0x60, (2, POD)))
}

/// "I am a router."
fn router_advertisement() -> Vec<u8> {
    checked([&[134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1][..], &POD].concat())
}

/// "I am the better way to the gateway."
fn redirect() -> Vec<u8> {
    checked([&[137, 0, 0, 0, 0, 0, 0, 0][..], &POD6.octets(), &GATEWAY6.octets()].concat())
}

/// With its checksum, as from the pod to the other.
fn checked(icmp: Vec<u8>) -> Vec<u8> {
    ip6(POD6, OTHER6, 255, &icmp)[40..].to_vec()
}

fn ip6_header(next: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (payload.len() as u16).to_be_bytes();
    [&[0x60, 0, 0, 0, high, low, next, 255][..], &POD6.octets(), &OTHER6.octets(), payload].concat()
}

/// A fragment of the packet `id`: what follows, where it belongs (in bytes) and whether more come.
fn fragment((id, next): (u8, u8), (offset, more): (u16, bool), payload: &[u8]) -> Vec<u8> {
    let [high, low] = (offset | u16::from(more)).to_be_bytes();
    [&[next, 0, high, low, 0, 0, 0, id][..], payload].concat()
}

/// Asks until so many frames have left.
fn wait(switch: &Switch, port: &str, count: usize) -> Result<Vec<Vec<u8>>> {
    for _ in 0..1000 {
        let sent = switch.sent(port)?;
        if sent.len() >= count {
            return Ok(sent);
        }
        switch.appctl(["version"])?;
    }
    anyhow::bail!("nothing came back")
}

fn frame(from: [u8; 6], to: [u8; 6], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&to[..], &from, &ethertype.to_be_bytes(), payload].concat()
}

fn arp(operation: u8, sender: ([u8; 6], Ipv4Addr), target: ([u8; 6], Ipv4Addr)) -> Vec<u8> {
    let ends = [&sender.0[..], &sender.1.octets(), &target.0, &target.1.octets()].concat();
    [&[0, 1, 8, 0, 6, 4, 0, operation][..], &ends].concat()
}

/// A neighbour message about the gateway, checksum still zero.
fn neighbour(kind: u8, flags: u8, option: (u8, [u8; 6])) -> Vec<u8> {
    [&[kind, 0, 0, 0, flags, 0, 0, 0][..], &GATEWAY6.octets(), &[option.0, 1], &option.1].concat()
}

/// An echo message, checksum still zero.
fn echo(kind: u8) -> Vec<u8> {
    [&[kind, 0, 0, 0, 0x12, 0x34, 0, 1][..], b"what is sent comes back"].concat()
}

fn ip4(from: Ipv4Addr, to: Ipv4Addr, ttl: u8, icmp: &[u8]) -> Vec<u8> {
    let [high, low] = (20 + icmp.len() as u16).to_be_bytes();
    let mut header = [&[0x45, 0, high, low, 0, 7, 0x40, 0, ttl, 1, 0, 0][..], &from.octets(), &to.octets()].concat();
    sum(&mut header, 10, &[]);
    let mut icmp = icmp.to_vec();
    sum(&mut icmp, 2, &[]);
    [header, icmp].concat()
}

fn ip6(from: Ipv6Addr, to: Ipv6Addr, hops: u8, icmp: &[u8]) -> Vec<u8> {
    let [high, low] = (icmp.len() as u16).to_be_bytes();
    let mut icmp = icmp.to_vec();
    sum(&mut icmp, 2, &[&from.octets()[..], &to.octets(), &[0, 0, high, low, 0, 0, 0, 58]].concat());
    [&[0x60, 0, 0, 0, high, low, 58, hops][..], &from.octets(), &to.octets(), &icmp].concat()
}

/// Puts the checksum of the internet (RFC 1071) over some bytes, after others, at a place that is zero.
fn sum(bytes: &mut [u8], at: usize, before: &[u8]) {
    let words = |bytes: &[u8]| -> u32 {
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0))).sum()
    };
    let mut total = words(before) + words(bytes);
    while total > 0xffff {
        total = (total >> 16) + (total & 0xffff);
    }
    bytes[at..at + 2].copy_from_slice(&(!(total as u16)).to_be_bytes());
}
