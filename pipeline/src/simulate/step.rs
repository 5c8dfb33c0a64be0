//! One packet's way through the tables.

use super::{Emission, Fault, Hop, Outcome, Packet, State, Switch};
use crate::punt::Punt;
use rust_openflow::action::{LearnDst, LearnSrc};
use rust_openflow::{Action, Bucket, Ct, Field, Flow, GroupKind, Learn, PortNo, Zone};

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
                // What the agent is only shown has not left the switch.
                Action::Controller(to) if Punt::parse(&to.userdata) == Some(Punt::Dropped) => {}
                Action::Controller(to) => {
                    let emission = Emission::Punt { userdata: to.userdata.clone(), packet: packet.clone() };
                    self.outcome.emissions.push(emission);
                }
                Action::CheckPktLarger { length, dst } => {
                    let larger = packet.length > *length;
                    packet.set_bits(*dst, larger.into());
                }
                Action::Learn(learn) => self.learn(&packet, learn),
                Action::Ct(ct) => {
                    self.track(&packet, table, ct)?;
                    untrack(&mut packet); // what goes on here, the tracked clone apart, knows no connection any more
                }
                Action::CtClear => untrack(&mut packet),
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
        if ct.alg != 0 {
            return Err(Fault::Unsupported { table, action: format!("{ct:?}") });
        }
        let zone = match ct.zone {
            Zone::Const(zone) => zone,
            Zone::Field(bits) => packet.bits(bits) as u16,
        };
        if ct.commit {
            self.commit(packet, (table, zone), ct)?;
        }
        let Some(next) = ct.table else { return Ok(()) };
        let mut tracked = packet.clone();
        let state = match self.state {
            State::Tracked => self.switch.conntrack.track(packet, zone) | self.translate(&mut tracked, zone, ct),
            State::Given(state) => state,
        };
        self.outcome.states.push(state);
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
    fn commit(&mut self, packet: &Packet, (table, zone): (u8, u16), ct: &Ct) -> Result<(), Fault> {
        let connection = *self.switch.conntrack.commit(packet, zone, ct.nat.as_ref());
        let before = packet.clone().with(Field::CtMark, connection.mark.into()).with(Field::CtLabel, connection.label);
        let after = self.act(before, table, &ct.exec)?;
        let connection = self.switch.conntrack.commit(packet, zone, None);
        (connection.mark, connection.label) = (after.get(Field::CtMark) as u32, after.get(Field::CtLabel));
        Ok(())
    }

    /// Translates as the connection says; what was known before this packet is more than a trace of it can show.
    fn translate(&mut self, packet: &mut Packet, zone: u16, ct: &Ct) -> u128 {
        if ct.nat.is_none() {
            return 0;
        }
        let bits = self.switch.conntrack.translate(packet, zone);
        self.outcome.is_remembered |= bits != 0 && !ct.commit;
        bits
    }

    /// A group: every bucket of `all`, the first of `indirect`, of `select` the one that is chosen.
    fn group(&mut self, packet: &Packet, table: u8, id: u32) -> Result<(), Fault> {
        let group = self.switch.groups.get(&id).cloned().ok_or(Fault::NoGroup { table, group: id })?;
        let buckets: Vec<&Bucket> = match group.kind {
            GroupKind::All => group.buckets.iter().collect(),
            GroupKind::Select => self.switch.choice.bucket(&group, packet).into_iter().collect(),
            GroupKind::Indirect | GroupKind::FastFailover => group.buckets.first().into_iter().collect(),
        };
        for bucket in buckets {
            self.outcome.buckets.push(bucket.id);
            self.act(packet.clone(), table, &bucket.actions)?;
        }
        Ok(())
    }

    /// Learns a flow from a packet, as `learn` of Open vSwitch does.
    fn learn(&mut self, packet: &Packet, learn: &Learn) {
        let mut flow = Flow::new(learn.table).priority(learn.priority).cookie(learn.cookie);
        (flow.idle_timeout, flow.hard_timeout) = (learn.idle_timeout, learn.hard_timeout);
        for spec in &learn.specs {
            let value = match &spec.src {
                LearnSrc::Field(bits) => packet.bits(*bits),
                LearnSrc::Const { value, .. } => value.iter().fold(0, |value, byte| value << 8 | u128::from(*byte)),
            };
            match spec.dst {
                LearnDst::Match(bits) => {
                    flow.matching = flow.matching.masked(bits.field, bits.place(value), bits.mask())
                }
                LearnDst::Load(bits) => flow = flow.action(Action::load(value, bits)),
                LearnDst::Output => flow = flow.action(Action::output(PortNo(value as u32))),
            }
        }
        self.outcome.learned.push(flow.clone());
        self.switch.put(flow);
    }
}

/// The packet knows no connection any more.
fn untrack(packet: &mut Packet) {
    [Field::CtState, Field::CtZone, Field::CtMark, Field::CtLabel].into_iter().for_each(|field| packet.set(field, 0));
}
