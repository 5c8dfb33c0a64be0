//! UDP connections whose permission may have gone while their opener is silent: the tables are asked in its name
//! ([`pipeline::suspects`]).

use std::net::IpAddr;

use pipeline::object::Protocol;
use pipeline::{Opened, Suspects};
use tracing::{debug, warn};

use super::Agent;
use crate::event::Done;
use crate::{icmp, tracked};

const UDP: u8 = Protocol::Udp.number();

impl Agent {
    /// Reads what the switch tracks, where what was written may have taken away permission.
    pub(super) fn look_for_suspects(&mut self) {
        if !self.flows.settled() || self.asking {
            return;
        }
        let suspects = self.realizer.take_suspects();
        if suspects.is_empty() {
            return;
        }
        self.asking = true;
        let folder = self.options.ovs_rundir.clone();
        self.spawn(async move {
            let dump = crate::unixctl::call(&folder, "dpctl/dump-conntrack", &[]).await;
            let read = dump.map(|dump| tracked::datagrams(&dump).collect()).map_err(|error| format!("{error:#}"));
            Done::Datagrams(read, suspects)
        });
    }

    /// Asks about those that may have lost their permission.
    pub(super) fn on_datagrams(&mut self, result: Result<Vec<Opened>, String>, suspects: &Suspects) {
        self.asking = false;
        let tracked = match result {
            Ok(tracked) => tracked,
            Err(error) => return warn!("connections whose permission went are not looked for: {error}"),
        };
        let questions = self.realizer.questions(suspects, tracked);
        let Some(handle) = self.flows.handle.clone().filter(|_| !questions.is_empty()) else { return };
        debug!(connections = questions.len(), "silent openers are asked for whether they may still send");
        tokio::spawn(async move {
            for (connection, actions) in questions {
                if let Some(packet) = datagram(&connection) {
                    handle.ask(packet, actions).await;
                }
            }
        });
    }
}

/// An empty datagram (RFC 768) as the opener of a connection would send it; `None` where its ends are of two families.
fn datagram(connection: &Opened) -> Option<Vec<u8>> {
    let ports = [connection.from.port, connection.asked.port].map(u16::to_be_bytes).concat();
    let mut udp = [&ports[..], &[0, 8, 0, 0]].concat();
    // From nobody's MAC to nobody's: the tables that look at these are passed over.
    let mut frame = vec![0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2];
    match (connection.from.address, connection.asked.address) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            frame.extend(icmp::IPV4);
            icmp::put_v4(&mut frame, [from, to], (UDP, 0), &udp)?;
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let sum = icmp::checksum(&[&icmp::pseudo_v6([from, to], UDP, udp.len()), &udp]);
            // A checksum of 0 says that there is none.
            udp[6..8].copy_from_slice(&if sum == 0 { u16::MAX } else { sum }.to_be_bytes());
            frame.extend(icmp::IPV6);
            icmp::put_v6(&mut frame, [from, to], UDP, &udp)?;
        }
        _ => return None,
    }
    Some(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;
    use pipeline::object::Target;

    #[test]
    fn a_datagram_is_one_of_the_opener() {
        let target = |address: &str, port| Target { address: address.parse().expect("an address"), port };
        for (from, asked) in [("10.10.0.5", "10.96.0.10"), ("fd00:10::5", "fd00:96::a")] {
            let (from, asked) = (target(from, 4000), target(asked, 53));
            let connection = Opened { zone: 1, from, asked, answers: asked.address, label: 0 };
            let packet = datagram(&connection).expect("of one family");
            let frame = Frame::parse(&packet).expect("a frame");
            assert_eq!((frame.addresses, frame.protocol), (Some((from.address, asked.address)), UDP));
            assert_eq!(frame.ports, Some((4000, 53)));
        }
        let (from, asked) = (target("10.10.0.5", 1), target("fd00::1", 2));
        assert_eq!(datagram(&Opened { zone: 1, from, asked, answers: asked.address, label: 0 }), None);
    }
}
