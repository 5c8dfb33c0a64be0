//! Connections to Services, read from what the switch tracks: when somebody asks, and when the switch has been brought to what is
//! wanted, for those that lead where no endpoint is any more.

use std::collections::{BTreeMap, HashMap};

use api::inspect::{Answer, EndpointConnections};
use pipeline::object::Protocol;
use tracing::{info, warn};

use super::Agent;
use crate::event::{Done, Reply};
use crate::tracked::{self, Tracked};

impl Agent {
    /// Reads what the switch tracks of protocols without an end, to forget what leads nowhere: endpoints may have gone while no
    /// agent ran, or while the switch did not answer.
    pub(super) fn look_for_strays(&self) {
        let folder = self.options.ovs_rundir.clone();
        self.spawn(async move {
            let dump = crate::unixctl::call(&folder, "dpctl/dump-conntrack", &[]).await;
            let of = |dump: String| tracked::open(&dump).filter(|one| one.protocol != Protocol::Tcp).collect();
            Done::Tracked(dump.map(of).map_err(|error| format!("{error:#}")))
        });
    }

    /// Forgets those that lead nowhere.
    pub(super) fn on_tracked(&self, result: Result<Vec<Tracked>, String>) {
        let tracked = match result {
            Ok(tracked) => tracked,
            Err(error) => return warn!("connections of before are not looked through: {error}"),
        };
        let strays = self.realizer.strays(tracked.into_iter().map(|one| (one.protocol, one.asked, one.answers)));
        let Some(handle) = self.flows.handle.clone().filter(|_| !strays.is_empty()) else { return };
        info!(connections = strays.len(), "connections to endpoints that are gone are forgotten");
        tokio::spawn(async move { handle.forget(strays).await });
    }

    /// Counts the connections of one Service, or of all, by endpoint.
    pub(super) fn connections(&self, named: Option<&str>, reply: Reply) {
        let asked_for = |(name, _): &(&str, _)| named.is_none_or(|named| named == *name);
        let doors = self.realizer.services().doors().filter(asked_for);
        let doors: HashMap<_, _> = doors
            .map(|(name, door)| ((door.protocol, door.address, door.port), (name.to_owned(), door.service_port)))
            .collect();
        let folder = self.options.ovs_rundir.clone();
        self.spawn(async move {
            let dump = match crate::unixctl::call(&folder, "dpctl/dump-conntrack", &[]).await {
                Ok(dump) => dump,
                Err(error) => return Done::Answered(Answer::Error(format!("{error:#}")), reply),
            };
            let mut counts: BTreeMap<_, u64> = BTreeMap::new();
            for one in tracked::open(&dump).filter(Tracked::is_translated) {
                if let Some((name, port)) = doors.get(&(one.protocol, one.asked.address, one.asked.port)) {
                    *counts.entry((name, one.protocol, *port, one.answers)).or_default() += 1;
                }
            }
            let counted =
                counts.into_iter().map(|((name, protocol, port, endpoint), connections)| EndpointConnections {
                    service: name.clone(),
                    protocol: protocol.to_string(),
                    port: port.into(),
                    address: endpoint.address.to_string(),
                    endpoint_port: endpoint.port.into(),
                    connections,
                });
            Done::Answered(Answer::Connections(counted.collect()), reply)
        });
    }
}
