//! CHECK: whether a pod's interface still is as ADD answered.

use std::path::Path;

use super::{Agent, pod_text};
use crate::cni::reply::{self, End, Plugged};
use crate::cni::server::Waiter;
use crate::cni::{Attach, Code, Error};
use crate::event::Done;
use crate::run::BRIDGE;
use crate::state::pod_interface;
use crate::wiring;

impl Agent {
    pub(super) fn check(&mut self, attach: Attach, previous: serde_json::Value, waiter: Waiter) {
        match self.check_known(&attach) {
            Err(error) => self.answer("CHECK", waiter, Err(error)),
            Ok(plugged) => {
                let netns = attach.netns.clone();
                let ifname = attach.attachment.ifname.clone();
                self.spawn_blocking(move || Done::Checked(waiter, check(&netns, &ifname, plugged, &previous)));
            }
        }
    }

    /// The part of CHECK that the agent knows by itself: port and flows.
    fn check_known(&self, attach: &Attach) -> Result<Plugged, Error> {
        let attachment = &attach.attachment;
        let remedy = "Delete the pod, so that it is plugged in again.";
        let plug = self.pods.plugs.get(attachment).filter(|plug| plug.leaving.is_none());
        let Some((plug, port)) = plug.and_then(|plug| Some((plug, plug.port.as_ref()?))) else {
            let message = format!("{} of container {} is not plugged in", attachment.ifname, attachment.container_id);
            return Err(Error::new(Code::UnknownContainer, message, remedy));
        };
        let number = self.have.as_ref().and_then(|have| have.port(BRIDGE, &plug.name)?.number());
        if number.is_none() {
            let message = format!("{} has no number in {BRIDGE}: Open vSwitch cannot open it", plug.name);
            return Err(Error::new(Code::NotAsAdded, message, remedy));
        }
        if !self.realizer.is_pod_planned(&port.key()) {
            let message =
                format!("there are no flows for pod {}: the controller does not know it", pod_text(&plug.attach));
            return Err(Error::new(Code::NotAsAdded, message, remedy));
        }
        let subnet = self.state.pod(&port.pod.namespace, &port.pod.name).and_then(|pod| self.state.subnet(&pod.subnet));
        let pod = self.state.pod(&port.pod.namespace, &port.pod.name);
        let interface = pod.zip(subnet).and_then(|(pod, subnet)| pod_interface(pod, subnet).ok());
        Ok(Plugged {
            host: End { name: plug.name.clone(), mac: String::new() },
            container: End { name: attachment.ifname.clone(), mac: port.mac.to_string() },
            sandbox: port.netns.clone(),
            mtu: self.host.pod_mtu(&self.state).unwrap_or_default(),
            addresses: interface.map(|interface| interface.addresses).unwrap_or_default(),
        })
    }

    pub(in crate::run) fn on_checked(&mut self, waiter: Waiter, result: Result<(), Error>) {
        self.answer("CHECK", waiter, result.map(|()| String::new()));
    }
}

/// The part of CHECK that looks into the pod's namespace.
fn check(netns: &Path, ifname: &str, plugged: Plugged, previous: &serde_json::Value) -> Result<(), Error> {
    let differs = |what: String| Error::new(Code::NotAsAdded, what, "Delete the pod, so that it is plugged in again.");
    let found =
        wiring::look(netns, ifname)?.ok_or_else(|| differs(format!("{ifname} is gone from {}", netns.display())))?;
    if !found.up {
        return Err(differs(format!("{ifname} is down")));
    }
    let mut now = plugged;
    now.container.mac = found.mac.to_string();
    now.addresses.retain(|(address, _)| found.addresses.iter().any(|has| has.ip() == address.ip()));
    reply::compare(previous, ifname, &now)
}
