//! The host's side, one piece of work at a time: find the underlay, take the uplink, routes, translation, drops.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use api::node::Key;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{Agent, BRIDGE, RETRY};
use crate::event::Done;
use crate::host::doors::{Doors, Keeper, forget_stale};
use crate::host::firewall::{Care, Firewall, Masquerade, Written};
use crate::host::{self, GATEWAY_DEVICE, HostWant};
use crate::metrics::Repaired;
use crate::netlink::Netlink;
use crate::state::NodeState;
use crate::underlay::{self, Underlay};
use crate::uplink::{self, Uplink};

/// Where the host's side stands.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// What is known of the device that carries the tunnels.
    underlay: Option<Underlay>,
    /// With the userspace datapath: the uplink as it is recorded, or is to be.
    pub(super) uplink: Option<Uplink>,
    /// Everything is to be read back, and what somebody changed put right.
    pub(super) look: bool,
    /// Grows with every change of what is wanted.
    pub(super) generation: u64,
    sending: u64,
    /// Grows whenever what was done may not be so any longer, though nothing else is wanted.
    doubts: u64,
    sending_doubts: u64,
    /// What was wanted at this generation is so.
    pub(super) reached: u64,
    /// No work before then.
    pub(super) retry: Option<Instant>,
    /// The inputs of the last work that ended well.
    last: Option<Wanted>,
    /// What follows from the node's state, until that says something else.
    of_state: Option<(HostWant, Masquerade)>,
    /// What Services want.
    doors: Keeper,
    working: bool,
    firewall: Option<Firewall>,
    error: Option<String>,
}

/// All that the work depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    tunnel: IpAddr,
    named: Option<String>,
    /// The record of the uplink in OVSDB, with the userspace datapath.
    uplink: UplinkStage,
    /// `weft0` is there.
    gateway: bool,
    want: HostWant,
    masquerade: Masquerade,
    /// Devices whose packets the node's own stack must not hear.
    drops: Option<BTreeSet<String>>,
}

/// How much is to be done.
enum Part {
    /// Everything, with so much care.
    All(Care),
    /// Nothing but a pod's device has come or gone.
    Drops,
    /// Nothing but Services want something else; what was wanted before.
    Doors(HostWant),
}

/// How far the uplink is, with the userspace datapath.
#[derive(Debug, Clone, PartialEq, Eq)]
enum UplinkStage {
    /// The kernel's datapath: it stays where it is.
    NotTaken,
    /// It is to be found.
    Unknown,
    /// It is recorded in OVSDB; whether the bridge is there to move to.
    Recorded(Uplink, bool),
}

/// What came of a piece of work.
#[derive(Debug)]
pub struct HostReport {
    wanted: Wanted,
    firewall: Firewall,
    underlay: Option<Underlay>,
    uplink: Option<Uplink>,
    changes: Vec<String>,
    firewall_repaired: bool,
    errors: Vec<String>,
}

impl Host {
    /// At the start: Services as the node's state has them.
    pub(super) fn of(state: &NodeState) -> Host {
        Host { doors: Keeper::of(state), ..Host::default() }
    }

    /// Takes keys of the node's state that have changed. Says whether the host is to be another.
    pub(super) fn touch(&mut self, keys: &[String], state: &NodeState) -> bool {
        let (mut changed, mut peers) = (false, false);
        for key in keys {
            changed |= match Key::parse(key) {
                Some(Key::Config) => {
                    self.doors.rebuild(state);
                    true
                }
                Some(Key::Peer { .. }) => {
                    peers = true;
                    true
                }
                Some(Key::Subnet { .. }) => true,
                Some(Key::Service { .. }) => self.doors.set(key, state.service(key).as_ref()),
                _ => false,
            };
        }
        if peers {
            self.doors.take_others(state);
        }
        if changed {
            self.of_state = None;
            self.generation += 1;
        }
        changed
    }

    /// MTU of pods, once the underlay is known.
    pub(super) fn pod_mtu(&self, state: &NodeState) -> Option<u32> {
        let config = state.config()?;
        let tunnel: IpAddr = config.tunnel_address.parse().ok()?;
        let underlay = self.underlay.as_ref()?.mtu;
        Some(underlay::pod_mtu(config.mtu, underlay, underlay::overhead(config.encapsulation(), tunnel)))
    }

    /// What was done may be undone: everything is looked at anew, and counts as not done until then.
    pub(super) fn forget(&mut self) {
        (self.last, self.look) = (None, true);
        self.doubt();
    }

    /// Work that is under way may have missed something: it is not to count as the last word. The generation that has it.
    pub(super) fn doubt(&mut self) -> u64 {
        self.doubts += 1;
        self.generation += 1;
        self.generation
    }

    /// The work that was under way has ended well. If it began before what was done came into doubt, it says nothing; if only
    /// something else is wanted by now, the next work begins from it.
    fn done(&mut self, wanted: Wanted) {
        self.error = None;
        if self.sending_doubts == self.doubts {
            self.last = Some(wanted);
        }
        self.reached = self.reached.max(self.sending);
    }

    /// Whether everything was as wanted when it was last looked at.
    pub(super) fn in_place(&self) -> bool {
        self.last.is_some()
    }

    /// What keeps an ADD from being served.
    pub(super) fn obstacle(&self) -> Option<String> {
        match (&self.error, self.last.as_ref()) {
            (Some(error), _) => Some(error.clone()),
            (None, Some(last)) if last.gateway => None,
            _ => Some("the host's routes to pods are not there yet".to_owned()),
        }
    }

    /// What is wrong, for the controller.
    pub(super) fn problem(&self) -> Option<&str> {
        self.error.as_deref()
    }
}

impl Agent {
    /// Begins the next piece of work, if something else is wanted than what is so.
    pub(super) fn work_on_host(&mut self) {
        if self.host.working || self.host.retry.is_some() {
            return;
        }
        let Some(wanted) = self.wanted_of_host() else { return };
        if self.host.last.as_ref() == Some(&wanted) && !self.host.look {
            self.host.reached = self.host.generation;
            return;
        }
        let part = self.part_of(&wanted);
        (self.host.look, self.host.working) = (false, true);
        (self.host.sending, self.host.sending_doubts) = (self.host.generation, self.host.doubts);
        let firewall = self.host.firewall.take().unwrap_or_default();
        self.spawn_blocking(move || {
            Done::Host(Box::new(match part {
                Part::All(care) => work(wanted, firewall, care),
                Part::Drops => drop_only(wanted, firewall),
                Part::Doors(old) => doors_only(wanted, firewall, &old),
            }))
        });
    }

    /// How much has to be done to come from what was last to what is wanted.
    fn part_of(&self, wanted: &Wanted) -> Part {
        let Some(last) = self.host.last.as_ref().filter(|_| !self.host.look) else {
            return Part::All(if self.host.look { Care::ReadBack } else { Care::Wanted });
        };
        let with_drops = Wanted { drops: wanted.drops.clone(), ..last.clone() };
        if with_drops == *wanted {
            return Part::Drops;
        }
        let alike = |one: &Doors, other: &Doors| (one.open, &one.served) == (other.open, &other.served);
        let doors = wanted.want.doors.clone();
        let with_doors = Wanted { want: HostWant { doors, ..last.want.clone() }, ..last.clone() };
        if with_doors == *wanted && wanted.gateway && alike(&last.want.doors, &wanted.want.doors) {
            return Part::Doors(last.want.clone());
        }
        Part::All(Care::Wanted)
    }

    fn wanted_of_host(&mut self) -> Option<Wanted> {
        if !self.known {
            return None;
        }
        let (state, doors) = (&self.state, self.host.doors.doors());
        let of_state = self.host.of_state.get_or_insert_with(|| (HostWant::of(state, doors), Masquerade::of(state)));
        let (want, masquerade) = of_state.clone();
        let have = self.have.as_ref()?;
        let tunnel = self.state.config()?.tunnel_address.parse().ok()?;
        let netdev = self.datapath == "netdev";
        let uplink = if netdev {
            let row = have.bridges.get(uplink::BRIDGE);
            let recorded = row.and_then(|bridge| Uplink::recorded(&bridge.row.external_ids));
            match recorded {
                Some(recorded) => {
                    let up = have.port(uplink::BRIDGE, uplink::BRIDGE).is_some_and(|port| port.number().is_some());
                    UplinkStage::Recorded(recorded, up)
                }
                None => UplinkStage::Unknown,
            }
        } else {
            UplinkStage::NotTaken
        };
        let drops = netdev.then(|| {
            let taken = self.host.uplink.as_ref().filter(|_| matches!(uplink, UplinkStage::Recorded(_, true)));
            self.pods.devices().chain(taken.map(|uplink| uplink.name.clone())).collect()
        });
        Some(Wanted {
            tunnel,
            named: self.options.uplink.clone(),
            uplink,
            gateway: have.port(BRIDGE, GATEWAY_DEVICE).is_some_and(|port| port.number().is_some()),
            want,
            masquerade,
            drops,
        })
    }

    pub(super) fn on_host(&mut self, report: HostReport) {
        self.host.working = false;
        self.host.firewall = Some(report.firewall);
        if report.underlay != self.host.underlay && report.underlay.is_some() {
            info!(underlay = ?report.underlay, "the underlay is known");
            self.host.underlay = report.underlay;
            self.rows.want();
        }
        if report.uplink != self.host.uplink && report.uplink.is_some() {
            self.host.uplink = report.uplink;
            self.rows.want();
        }
        let repeated = self.host.last.as_ref() == Some(&report.wanted);
        if repeated && !report.changes.is_empty() {
            warn!(what = some(&report.changes), "what somebody changed on the host is put right");
            self.metrics.repaired(Repaired::Host, report.changes.len());
        } else if !report.changes.is_empty() {
            info!(what = some(&report.changes), "the host is changed");
        }
        if report.firewall_repaired {
            warn!("a table of nftables that somebody changed is put right");
            self.metrics.repaired(Repaired::Firewall, 1);
        }
        if report.errors.is_empty() {
            self.host.done(report.wanted);
        } else {
            let error = report.errors.join("; ");
            if self.host.error.as_ref() != Some(&error) {
                warn!("the host is not as it should be: {error}");
            }
            (self.host.error, self.host.last) = (Some(error), None);
            self.host.retry = Some(Instant::now() + RETRY);
        }
    }
}

/// One piece of work: every step is tried, whatever became of the one before.
fn work(mut wanted: Wanted, mut firewall: Firewall, care: Care) -> HostReport {
    let (mut changes, mut errors, mut failed) = (Vec::new(), Vec::new(), false);
    let mut note = |what: &str, result: io::Result<Vec<String>>| match result {
        Ok(done) => changes.extend(done),
        Err(error) => errors.push(format!("{what}: {error}")),
    };
    let mut uplink = None;
    match &wanted.uplink {
        UplinkStage::NotTaken => {}
        UplinkStage::Unknown => match find_uplink(&wanted) {
            Ok(found) => uplink = Some(found),
            Err(error) => note("the uplink", Err(error)),
        },
        UplinkStage::Recorded(recorded, bridge) => match Uplink::read(&recorded.name) {
            Ok(now) => {
                let whole = recorded.clone().with(&now);
                // What the record does not have yet is written first, and moved after that.
                if whole == *recorded && *bridge {
                    let taken = uplink::take(recorded);
                    failed = taken.is_err();
                    note("taking the uplink", taken);
                }
                uplink = Some(whole);
            }
            Err(error) => note("the uplink", Err(error)),
        },
    }
    let found = underlay::find(wanted.tunnel, wanted.named.as_deref());
    let underlay = found.map_err(|error| note("the underlay", Err(error))).ok();
    if wanted.gateway {
        note("routes to pods", host::apply(&wanted.want));
    }
    let mut repaired = false;
    let doors = firewall.doors(&wanted.want.doors, care);
    // Also what was translated while no agent ran, or by an earlier one.
    if wanted.want.doors.open && matches!(doors, Ok(Written::Changed | Written::Repaired)) {
        note("connections of Services", forget_stale(&wanted.want.doors).map(|_| Vec::new()));
    }
    let mut tables = vec![firewall.masquerade(&wanted.masquerade, care), doors];
    if let Some(devices) = &mut wanted.drops {
        // An uplink that was not taken still carries the node's addresses: the node would be deaf.
        if let (Some(uplink), true) = (&uplink, failed) {
            devices.remove(&uplink.name);
        }
        tables.push(present(devices).and_then(|devices| firewall.drops(&devices, care)));
    }
    for table in tables {
        match table {
            Ok(written) => repaired |= written == Written::Repaired,
            Err(error) => note("nftables", Err(error)),
        }
    }
    debug!(errors = errors.len(), "the host was looked at");
    HostReport { wanted, firewall, underlay, uplink, changes, firewall_repaired: repaired, errors }
}

/// The piece of work that a pod makes: nothing but its device has come or gone.
fn drop_only(wanted: Wanted, mut firewall: Firewall) -> HostReport {
    let devices = wanted.drops.clone().unwrap_or_default();
    let dropped = present(&devices).and_then(|devices| firewall.drops(&devices, Care::Wanted));
    HostReport {
        firewall_repaired: matches!(dropped, Ok(Written::Repaired)),
        errors: dropped.err().map(|error| format!("nftables: {error}")).into_iter().collect(),
        wanted,
        firewall,
        underlay: None,
        uplink: None,
        changes: Vec::new(),
    }
}

/// The piece of work that a Service makes: its addresses and ports.
fn doors_only(wanted: Wanted, mut firewall: Firewall, old: &HostWant) -> HostReport {
    let routes = host::apply_doors(old, &wanted.want);
    let doors = firewall.doors(&wanted.want.doors, Care::Wanted);
    let (before, now) = (&old.doors, &wanted.want.doors);
    let changed = before.leads_more_than(now) || now.leads_more_than(before);
    let forgotten = if changed { forget_stale(now) } else { Ok(0) };
    let errors = routes.as_ref().err().map(|error| format!("routes of Services: {error}"));
    HostReport {
        firewall_repaired: matches!(doors, Ok(Written::Repaired)),
        errors: errors
            .into_iter()
            .chain(doors.err().map(|error| format!("nftables: {error}")))
            .chain(forgotten.err().map(|error| format!("connections of Services: {error}")))
            .collect(),
        wanted,
        firewall,
        underlay: None,
        uplink: None,
        changes: routes.unwrap_or_default(),
    }
}

/// The first of these, for the log.
fn some(changes: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = changes[..changes.len().min(SHOWN)].join("; ");
    match changes.len().checked_sub(SHOWN + 1) {
        None => shown,
        Some(more) => format!("{shown}; and {} more", more + 1),
    }
}

fn find_uplink(wanted: &Wanted) -> io::Result<Uplink> {
    let name = match &wanted.named {
        Some(name) => name.clone(),
        None => underlay::find(wanted.tunnel, None)?.device,
    };
    if name == uplink::BRIDGE {
        return Err(io::Error::other(format!("{name} has the node's address, and its row does not say whose it was")));
    }
    Uplink::read(&name)
}

/// Of these devices those that are there: a pod's may just be going.
fn present(devices: &BTreeSet<String>) -> io::Result<BTreeSet<String>> {
    let links = Netlink::open()?.links()?;
    Ok(links.into_iter().map(|link| link.name).filter(|name| devices.contains(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        Wanted {
            tunnel: [192, 0, 2, 1].into(),
            named: None,
            uplink: UplinkStage::NotTaken,
            gateway: true,
            want: HostWant::default(),
            masquerade: Masquerade::default(),
            drops: None,
        }
    }

    /// Whether work that ended well counts, when this happened while it was under way.
    fn counts(meanwhile: impl FnOnce(&mut Host)) -> bool {
        let mut host = Host::default();
        meanwhile(&mut host);
        host.done(wanted());
        host.in_place()
    }

    #[test]
    fn work_counts_unless_it_came_into_doubt_while_it_was_under_way() {
        assert!(counts(|_| {}));
        let other_peer = [Key::Peer { node: "node2" }.to_string()];
        assert!(counts(|host| assert!(host.touch(&other_peer, &NodeState::default()))), "the next work begins from it");
        assert!(!counts(Host::forget));
        assert!(!counts(|host| _ = host.doubt()));
    }
}
