//! Connections to Services, read from what the switch tracks when somebody asks.

use std::collections::{BTreeMap, HashMap};

use api::inspect::{Answer, EndpointConnections};

use super::Agent;
use crate::event::{Done, Reply};
use crate::tracked;

impl Agent {
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
            for one in tracked::open(&dump) {
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
