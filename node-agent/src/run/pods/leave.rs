//! The way out: DEL, GC, and devices that nobody knows.

use std::collections::BTreeSet;
use std::io;

use tokio::time::Instant;
use tracing::{info, warn};

use super::{Agent, Collection, Leaving, Plug, Stage, again, pod_text};
use crate::cni::Attachment;
use crate::cni::server::Waiter;
use crate::event::Done;
use crate::netlink::Netlink;
use crate::run::BRIDGE;
use crate::wiring;

impl Agent {
    pub(super) fn sweep(&mut self) {
        self.pods.sweeping += 1;
        let known: BTreeSet<String> = self.pods.plugs.values().map(|plug| plug.name.clone()).collect();
        self.spawn_blocking(move || Done::Swept(sweep(&known)));
    }

    pub(in crate::run) fn on_swept(&mut self, result: io::Result<Vec<String>>) {
        match result {
            Ok(devices) if devices.is_empty() => {}
            Ok(devices) => warn!(devices = devices.join(" "), "devices of pods that nobody knows are removed"),
            Err(error) => warn!("devices that nobody knows cannot be looked for: {error}"),
        }
        self.pods.sweeping = self.pods.sweeping.saturating_sub(1);
        self.pods.collections.iter_mut().for_each(|collection| collection.swept = true);
    }

    pub(super) fn del(&mut self, attachment: Attachment, waiter: Waiter) {
        if self.have.is_none() {
            let error = again("the rows of Open vSwitch have not been read yet".to_owned());
            return self.answer("DEL", waiter, Err(error));
        }
        match self.pods.plugs.get(&attachment) {
            None => self.answer("DEL", waiter, Ok(String::new())),
            Some(plug) => {
                info!(pod = pod_text(&plug.attach), port = plug.name, container = attachment.container_id, "DEL");
                self.leave(&attachment, Some(waiter));
            }
        }
    }

    pub(super) fn leave(&mut self, attachment: &Attachment, waiter: Option<Waiter>) {
        let Some(plug) = self.pods.plugs.get_mut(attachment) else { return };
        let waiting = std::mem::take(&mut plug.waiters);
        let leaving = plug.leaving.get_or_insert_with(Leaving::default);
        leaving.since.get_or_insert_with(Instant::now);
        leaving.waiters.extend(waiter);
        for waiter in waiting {
            self.answer("ADD", waiter, Err(again("the runtime called DEL in between".to_owned())));
        }
        self.rows.want();
        self.unplug_leaving(attachment);
    }

    pub(super) fn unplug_leaving(&mut self, attachment: &Attachment) {
        let Some(plug) = self.pods.plugs.get_mut(attachment) else { return };
        let Some(leaving) = &mut plug.leaving else { return };
        // While the interface is being made, its maker has the word.
        if plug.stage == Stage::Wiring || leaving.unplugging || leaving.unplugged {
            return;
        }
        leaving.unplugging = true;
        let (attachment, name) = (attachment.clone(), plug.name.clone());
        self.spawn_blocking(move || Done::Unplugged(attachment, wiring::unplug(&name)));
    }

    pub(in crate::run) fn on_unplugged(&mut self, attachment: &Attachment, result: io::Result<()>) {
        let Some(plug) = self.pods.plugs.get_mut(attachment) else { return };
        let name = plug.name.clone();
        let Some(leaving) = &mut plug.leaving else { return };
        leaving.unplugging = false;
        match result {
            Ok(()) => leaving.unplugged = true,
            Err(error) => {
                warn!(port = name, "the device cannot be removed: {error}");
                // The next DEL or GC tries again.
                for waiter in std::mem::take(&mut leaving.waiters) {
                    self.answer("DEL", waiter, Err(again(format!("{name} cannot be removed: {error}"))));
                }
            }
        }
    }

    /// Forgets attachments of which nothing is left.
    pub(super) fn finish_leaving(&mut self) {
        let bridge = self.have.as_ref().and_then(|have| have.bridges.get(BRIDGE));
        let gone = |plug: &Plug| {
            let Some(leaving) = &plug.leaving else { return false };
            let row = bridge.is_some_and(|bridge| bridge.ports.contains_key(&plug.name));
            let flows = leaving.needs.is_some_and(|needs| self.flows.reached >= needs) || self.flows.handle.is_none();
            leaving.unplugged && !row && flows
        };
        let gone: Vec<Attachment> =
            self.pods.plugs.iter().filter(|(_, plug)| gone(plug)).map(|(attachment, _)| attachment.clone()).collect();
        for attachment in gone {
            let Some(plug) = self.pods.plugs.remove(&attachment) else { continue };
            info!(pod = pod_text(&plug.attach), port = plug.name, "unplugged");
            for waiter in plug.leaving.map(|leaving| leaving.waiters).unwrap_or_default() {
                self.answer("DEL", waiter, Ok(String::new()));
            }
            for collection in &mut self.pods.collections {
                collection.remaining.remove(&attachment);
            }
        }
        let (done, going): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pods.collections)
            .into_iter()
            .partition(|collection| collection.swept && collection.remaining.is_empty());
        self.pods.collections = going;
        for collection in done {
            self.answer("GC", collection.waiter, Ok(String::new()));
        }
    }

    /// GC: everything but what the runtime knows is to go.
    pub(super) fn collect(&mut self, valid: BTreeSet<Attachment>, waiter: Waiter) {
        if self.have.is_none() {
            let error = again("the rows of Open vSwitch have not been read yet".to_owned());
            return self.answer("GC", waiter, Err(error));
        }
        let invalid: BTreeSet<Attachment> =
            self.pods.plugs.keys().filter(|attachment| !valid.contains(attachment)).cloned().collect();
        info!(valid = valid.len(), removed = invalid.len(), "GC");
        for attachment in &invalid {
            self.leave(attachment, None);
        }
        self.pods.collections.push(Collection { waiter, remaining: invalid, swept: false });
        self.sweep();
    }
}

/// Removes devices of our group that are not known.
fn sweep(known: &BTreeSet<String>) -> io::Result<Vec<String>> {
    let mut netlink = Netlink::open()?;
    let mut gone = Vec::new();
    for link in netlink.links()? {
        if link.group == wiring::GROUP && !known.contains(&link.name) {
            netlink.delete_link(&link.name)?;
            gone.push(link.name);
        }
    }
    Ok(gone)
}
