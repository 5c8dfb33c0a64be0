//! Packets that the flows refused: a sample of them is handed to the agent and kept for a while, for people.
//!
//! The sample passes a meter of its own in the switch ([`pipeline::punt`]), so a flood costs the agent no more than that lets
//! through. What a packet was refused for is looked up when it comes: the flow may be gone when somebody asks.

use std::collections::{BTreeMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

use api::inspect::{Answer, DropEnd, DroppedPacket};
use pipeline::cookie::Cookie;
use pipeline::object::Direction;
use pipeline::policy::Stage;
use pipeline::{explain, tables};
use rust_openflow::PortNo;

use super::Agent;
use crate::frame::Frame;
use crate::openflow::PuntedPacket;

/// Drops that are kept: some minutes of ordinary ones, and less than a mebibyte.
const KEPT: usize = 2048;

/// The last drops.
#[derive(Debug, Default)]
pub(super) struct Drops {
    ring: VecDeque<DroppedPacket>,
    last: u64,
}

impl Drops {
    /// A time that no drop has had before, also where the clock was set back.
    fn now(&mut self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last = u64::try_from(since.as_micros()).unwrap_or(u64::MAX).max(self.last + 1);
        self.last
    }

    fn keep(&mut self, dropped: DroppedPacket) {
        if self.ring.len() == KEPT {
            self.ring.pop_front();
        }
        self.ring.push_back(dropped);
    }

    /// Those after a time.
    fn after(&self, time: u64) -> Vec<DroppedPacket> {
        let first = self.ring.partition_point(|dropped| dropped.time <= time);
        self.ring.iter().skip(first).cloned().collect()
    }
}

impl Agent {
    /// Keeps a packet that a flow refused.
    pub(super) fn on_dropped(&mut self, packet: &PuntedPacket) {
        if packet.port == PortNo::CONTROLLER.0 {
            return; // a question of the agent's own
        }
        let (Some(cookie), Some(frame)) = (Cookie::parse(packet.cookie), Frame::parse(&packet.packet)) else { return };
        let meaning = self.realizer.explain(packet.cookie).unwrap_or_default();
        let rule = explain::rule(packet.cookie);
        let direction = Direction::BOTH.into_iter().find(|direction| rule == Some(Stage::of(*direction).isolated));
        let isolation = direction
            .zip(meaning.object.parse().ok())
            .and_then(|(direction, identity)| self.realizer.policy().isolation(direction, identity));
        let end = |of: fn((std::net::IpAddr, std::net::IpAddr)) -> std::net::IpAddr, port: Option<u16>| {
            let address = frame.addresses.map(|ends| of(ends).to_string()).unwrap_or_default();
            let pod = self.state.pods().find(|pod| pod.addresses.contains(&address));
            DropEnd { pod: pod.map(|pod| format!("{}/{}", pod.namespace, pod.name)).unwrap_or_default(), address, port }
        };
        let dropped = DroppedPacket {
            time: 0,
            node: self.options.node.clone(),
            from: end(|ends| ends.0, frame.ports.map(|ports| ports.0)),
            to: end(|ends| ends.1, frame.ports.map(|ports| ports.1)),
            protocol: frame.protocol_name(),
            table: tables::by_id(cookie.table).map_or("?", |table| table.name).to_owned(),
            rule: meaning.rule,
            direction: direction.map(|direction| direction.to_string()).unwrap_or_default(),
            policies: isolation.map(|isolation| isolation.policies.clone()).unwrap_or_default(),
            sentence: meaning.sentence,
            cookie: packet.cookie,
            length: packet.length,
        };
        self.metrics.drops_sampled.inc();
        let time = self.drops.now();
        self.drops.keep(DroppedPacket { time, ..dropped });
    }

    /// The drops that are remembered.
    pub(super) fn dropped(&self, after: &BTreeMap<String, u64>) -> Answer {
        Answer::Drops(self.drops.after(after.get(&self.options.node).copied().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_kept_and_each_is_told_once() {
        let mut drops = Drops::default();
        for _ in 0..KEPT + 5 {
            let time = drops.now();
            drops.keep(DroppedPacket { time, ..DroppedPacket::default() });
        }
        let all = drops.after(0);
        assert_eq!(all.len(), KEPT);
        assert!(all.windows(2).all(|pair| pair[0].time < pair[1].time));
        assert_eq!(drops.after(all[KEPT - 3].time).len(), 2);
        assert!(drops.after(drops.last).is_empty());
    }
}
