//! Waking tunnels: with the userspace datapath, the first packet to another node only makes Open vSwitch ask for that node's MAC
//! address, and is lost. So one packet of our own goes first, to every node of which something new is known.
//!
//! It is of a local experimental EtherType (IEEE 802, 0x88b5) with no content and network identifier 0, which no bridge takes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use api::node::Key;
use tokio::time::{Duration, Instant};

use super::{Agent, TUNNEL};

/// Pause before the first packet is repeated; each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Which objects have woken a tunnel on this connection to the switch.
#[derive(Debug, Default)]
pub(super) struct Wake {
    /// The revision whose objects were looked at.
    revision: Option<u64>,
    /// Endpoint by the object that named it.
    woken: BTreeMap<String, IpAddr>,
    /// When all are woken again: a node that was not there the first time gives no answer, and none of us hears that it came.
    pub(super) again: Option<Instant>,
    pause: Duration,
    due: bool,
}

impl Wake {
    /// Takes notice that a pause is over.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.again.is_some_and(|at| at <= now) {
            (self.again, self.due) = (None, true);
        }
    }
}

impl Agent {
    /// Wakes the tunnels that peers and routes newly name once their flows are in the switch, and all of them now and then.
    pub(super) fn wake_tunnels(&mut self) {
        let due = self.flows.wake.due;
        let news = self.flows.wake.revision != Some(self.state.revision);
        // Before the node's own address is on the bridge, the tunnel has nowhere to ask from.
        let able = self.flows.settled() && self.host.in_place();
        if self.datapath != "netdev" || !able || !(news || due) {
            return;
        }
        let Some(handle) = self.flows.handle.clone() else { return };
        let port = self.have.as_ref().and_then(|have| have.port(super::BRIDGE, TUNNEL)?.number());
        let Some(port) = port else { return };
        let named = self.endpoints();
        let wake = &mut self.flows.wake;
        let is_new = |(key, at): &(&String, &IpAddr)| wake.woken.get(*key) != Some(*at);
        let new = named.iter().any(|named| is_new(&named));
        let asleep: BTreeSet<IpAddr> = named.iter().filter(|named| due || is_new(named)).map(|(_, at)| *at).collect();
        (wake.woken, wake.revision, wake.due) = (named, Some(self.state.revision), false);
        if new || due {
            wake.pause = if new { FIRST_PAUSE } else { (wake.pause * 2).min(super::LOOK) };
            wake.again = Some(Instant::now() + wake.pause);
        }
        tokio::spawn(async move {
            for endpoint in asleep {
                handle.wake(endpoint, port).await;
            }
        });
    }

    /// Tunnel endpoints by the objects that name them.
    fn endpoints(&self) -> BTreeMap<String, IpAddr> {
        let peers = self.state.peers().map(|peer| (Key::Peer { node: &peer.name }.to_string(), &peer.tunnel_address));
        let routes = self.state.routes().map(|route| {
            let key = Key::Route { network: &route.network, cidr: &route.cidr };
            (key.to_string(), &route.tunnel_address)
        });
        peers.chain(routes).filter_map(|(key, address)| Some((key, address.parse().ok()?))).collect()
    }
}
