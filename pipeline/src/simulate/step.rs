//! One packet's way through the tables.

use super::{Emission, Fault, Hop, Outcome, Packet, State, Switch};
use rust_openflow::{Action, Ct, Field, GroupKind, Nat, PortNo, Zone};

/// Tables that a packet may pass, far more than a pipeline that only goes forward has.
const MOST_HOPS: usize = 256;

pub(super) struct Run<'a> {
    switch: &'a mut Switch,
    state: State,
    pub outcome: Outcome,
}

impl<'a> Run<'a> {
    pub fn new(switch: &'a mut Switch, state: State) -> Run<'a> {
        Run { switch, state, outcome: Outcome::default() }
    }

    /// Through a table and those that follow; what its actions and those after did to the packet comes back.
    pub fn pass(&mut self, mut packet: Packet, table: u8) -> Result<Packet, Fault> {
        if self.outcome.path.len() >= MOST_HOPS {
            return Err(Fault::Loop);
        }
        let flow = self.switch.lookup(table, &packet).cloned();
        self.outcome.path.push(Hop { table, flow: flow.clone() });
        let Some(flow) = flow else { return Ok(packet) };
        packet = self.act(packet, table, &flow.instructions.apply)?;
        match flow.instructions.goto_table {
            Some(next) => self.pass(packet, next),
            None => Ok(packet),
        }
    }

    fn act(&mut self, mut packet: Packet, table: u8, actions: &[Action]) -> Result<Packet, Fault> {
        for action in actions {
            match action {
                Action::SetField(set) => {
                    let mask = set.mask().unwrap_or(set.field().full_mask());
                    let kept = packet.get(set.field()) & !mask;
                    packet.set(set.field(), kept | set.value() & mask);
                }
                Action::Copy { src, dst } => {
                    let value = packet.bits(*src);
                    packet.set_bits(*dst, value);
                }
                Action::Output { port, .. } => self.output(*port, &packet),
                Action::OutputReg { source, .. } => self.output(PortNo(packet.bits(*source) as u32), &packet),
                Action::Controller(to) => {
                    let emission = Emission::Punt { userdata: to.userdata.clone(), packet: packet.clone() };
                    self.outcome.emissions.push(emission);
                }
                Action::CheckPktLarger { length, dst } => {
                    let larger = packet.length > *length;
                    packet.set_bits(*dst, larger.into());
                }
                Action::Ct(ct) => self.track(&packet, table, ct)?,
                Action::CtClear => packet.set(Field::CtState, 0),
                Action::DecTtl => match packet.get(Field::IpTtl) {
                    0 | 1 => return Ok(packet),
                    ttl => packet.set(Field::IpTtl, ttl - 1),
                },
                Action::SetIpTtl(ttl) => packet.set(Field::IpTtl, (*ttl).into()),
                Action::Resubmit { in_port: None, table: to, ct: false } => {
                    packet = self.pass(packet, to.unwrap_or(table))?;
                }
                Action::Clone(actions) => {
                    self.act(packet.clone(), table, actions)?;
                }
                Action::Group(group) => self.group(&packet, table, *group)?,
                Action::Meter(_) | Action::Conjunction { .. } | Action::Note(_) => {}
                other => return Err(Fault::Unsupported { table, action: format!("{other:?}") }),
            }
        }
        Ok(packet)
    }

    fn output(&mut self, port: PortNo, packet: &Packet) {
        let came_in = PortNo(packet.get(Field::InPort) as u32);
        let port = match port {
            PortNo::IN_PORT => came_in,
            port if port == came_in => return, // a switch never sends back where it came from, unless told so
            port => port,
        };
        self.outcome.emissions.push(Emission::Output { port, packet: packet.clone() });
    }

    fn track(&mut self, packet: &Packet, table: u8, ct: &Ct) -> Result<(), Fault> {
        if ct.nat.as_ref().is_some_and(|nat| *nat != Nat::existing()) || ct.alg != 0 {
            return Err(Fault::Unsupported { table, action: format!("{ct:?}") });
        }
        let zone = match ct.zone {
            Zone::Const(zone) => zone,
            Zone::Field(bits) => packet.bits(bits) as u16,
        };
        if ct.commit {
            self.commit(packet, (table, zone), &ct.exec)?;
        }
        let Some(next) = ct.table else { return Ok(()) };
        let state = match self.state {
            State::Tracked => self.switch.conntrack.track(packet, zone),
            State::Given(state) => state,
        };
        self.outcome.states.push(state);
        let mut tracked = packet.clone();
        tracked.set(Field::CtState, state);
        tracked.set(Field::CtZone, zone.into());
        if let (State::Tracked, connection) = (self.state, self.switch.conntrack.connection(packet, zone)) {
            let (mark, label) = connection.map_or((0, 0), |connection| (connection.mark, connection.label));
            tracked.set(Field::CtMark, mark.into());
            tracked.set(Field::CtLabel, label);
        }
        self.pass(tracked, next).map(drop)
    }

    /// Commits the packet's connection, and writes what the actions say into its mark and label.
    fn commit(&mut self, packet: &Packet, (table, zone): (u8, u16), exec: &[Action]) -> Result<(), Fault> {
        let connection = *self.switch.conntrack.commit(packet, zone);
        let before = packet.clone().with(Field::CtMark, connection.mark.into()).with(Field::CtLabel, connection.label);
        let after = self.act(before, table, exec)?;
        let connection = self.switch.conntrack.commit(packet, zone);
        (connection.mark, connection.label) = (after.get(Field::CtMark) as u32, after.get(Field::CtLabel));
        Ok(())
    }

    /// A group: every bucket of `all`, the first of `indirect`; of `select` the first that has weight.
    fn group(&mut self, packet: &Packet, table: u8, id: u32) -> Result<(), Fault> {
        let group = self.switch.groups.get(&id).cloned().ok_or(Fault::NoGroup { table, group: id })?;
        let chosen = match group.kind {
            GroupKind::All => group.buckets.len(),
            GroupKind::Select | GroupKind::Indirect | GroupKind::FastFailover => 1,
        };
        let open = group.buckets.iter().filter(|bucket| group.kind != GroupKind::Select || bucket.weight != Some(0));
        for bucket in open.take(chosen) {
            self.act(packet.clone(), table, &bucket.actions)?;
        }
        Ok(())
    }
}
