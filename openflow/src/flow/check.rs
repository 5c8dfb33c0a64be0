//! Consistency: whether the actions of a flow make sense for the packets that it matches, as Open vSwitch checks them
//! before it takes a flow. A change that would be refused there (`OFPBAC_MATCH_INCONSISTENT` and others) is known here.

use super::{Flow, Instructions};
use crate::action::{Action, Ct, Learn, LearnDst, LearnSrc, Nat, NatAddrs, SetField, Zone};
use crate::field::{Access, Field, Prereq, Subfield};
use crate::flow_match::Facts;
use crate::meter::Meter;
use crate::port::PortNo;

/// Why Open vSwitch would refuse the actions of a flow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// The packet may not be what the action is for (`OFPBAC_MATCH_INCONSISTENT`).
    #[error("{action} is for packets that the match does not promise: {prereq:?}")]
    Inconsistent {
        /// The action.
        action: String,
        /// What the match, or an action before, had to state.
        prereq: Prereq,
    },
    /// The field is not for actions to change (`OFPBAC_BAD_SET_ARGUMENT`).
    #[error("{0} cannot be set here")]
    ReadOnly(Field),
    /// Packets cannot go to this port (`OFPBAC_BAD_OUT_PORT`).
    #[error("no output to port {0}")]
    BadPort(PortNo),
    /// Packets go on in later tables only (`OFPBIC_BAD_TABLE_ID`).
    #[error("goto_table:{to} from table {from}")]
    Backwards {
        /// The flow's table.
        from: u8,
        /// Where it sends packets.
        to: u8,
    },
    /// There is no meter of this number (`OFPMMFC_INVALID_METER`).
    #[error("no meter {0}")]
    BadMeter(u32),
    /// Addresses are translated by way of a connection (`OFPBAC_BAD_ARGUMENT`).
    #[error("nat outside of ct")]
    NatAlone,
    /// A flow that is a clause of a conjunction does nothing else (`OFPBAC_BAD_ARGUMENT`).
    #[error("conjunction beside other actions than note")]
    MixedClause,
    /// A packet has at most two tags (`OFPBAC_BAD_TAG`).
    #[error("more than two VLAN tags")]
    TooManyTags,
}

impl Flow {
    /// Checks that the actions make sense for what the flow matches, as Open vSwitch does when it takes a flow.
    ///
    /// # Errors
    /// The first action, in order, that a switch would refuse.
    pub fn check_actions(&self) -> Result<(), ActionError> {
        check_clauses(&self.instructions)?;
        let mut packet = Packet { facts: Facts::of(&self.matching), place: Place::List };
        packet.list(&self.instructions.apply)?;
        packet.place = Place::Set;
        packet.list(self.instructions.write.as_deref().unwrap_or_default())?;
        match self.instructions.goto_table {
            Some(to) if to <= self.table && self.table != 0xff => Err(ActionError::Backwards { from: self.table, to }),
            _ => Ok(()),
        }
    }
}

/// What is known of a packet where an action is.
struct Packet {
    facts: Facts,
    place: Place,
}

/// Where an action is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a list that runs at once.
    List,
    /// In an action set, which runs later, on who knows what.
    Set,
    /// In `ct(exec(...))`, where `ct_mark` and `ct_label` are set.
    Ct,
}

impl Packet {
    fn list(&mut self, actions: &[Action]) -> Result<(), ActionError> {
        actions.iter().try_for_each(|action| self.action(action))
    }

    /// Checks that what an action needs is known.
    fn need(&self, prereq: Prereq, action: &Action) -> Result<(), ActionError> {
        // Setting Ethernet addresses of what may not be Ethernet is taken by Open vSwitch.
        let held = prereq == Prereq::Ethernet || self.place == Place::Set || self.facts.hold(prereq);
        self.promise(held, prereq, action)
    }

    fn promise(&self, held: bool, prereq: Prereq, action: &Action) -> Result<(), ActionError> {
        match held {
            true => Ok(()),
            false => Err(ActionError::Inconsistent { action: action.to_string(), prereq }),
        }
    }

    fn source(&self, source: Subfield, action: &Action) -> Result<(), ActionError> {
        let prereq = match source.field.info().prereq {
            // Of an action Open vSwitch asks no more than that there is a connection.
            Prereq::CtIpv4 | Prereq::CtIpv6 | Prereq::CtPorts => Prereq::Ct,
            prereq => prereq,
        };
        self.need(prereq, action)
    }

    fn target(&self, field: Field, action: &Action) -> Result<(), ActionError> {
        writable(field)?;
        self.need(field.info().prereq, action)
    }

    /// The target of a set-field or copy: what belongs to a connection is set in `ct(exec(...))`, and only that.
    fn set_target(&self, field: Field, action: &Action) -> Result<(), ActionError> {
        match matches!(field, Field::CtMark | Field::CtLabel) == (self.place == Place::Ct) {
            true => self.target(field, action),
            false => Err(ActionError::ReadOnly(field)),
        }
    }

    fn action(&mut self, action: &Action) -> Result<(), ActionError> {
        match action {
            Action::Output { port, .. } | Action::OutputTrunc { port, .. } => check_port(*port),
            Action::OutputReg { source, .. } | Action::StackPush(source) => self.source(*source, action),
            Action::StackPop(dst) => self.target(dst.field, action),
            Action::CheckPktLarger { dst, .. } => writable(dst.field),
            Action::Resubmit { ct: true, .. } => self.need(Prereq::Ct, action),
            Action::Multipath(multipath) => self.target(multipath.dst.field, action),
            Action::Bundle(bundle) => bundle.dst.map_or(Ok(()), |dst| self.target(dst.field, action)),
            Action::SetField(set) => self.set_field(set, action),
            Action::Copy { src, dst } => {
                self.source(*src, action)?;
                self.set_target(dst.field, action)
            }
            Action::SetIpTtl(_) | Action::DecTtl | Action::DecTtlTo(_) => self.need(Prereq::Ip, action),
            Action::SetMplsTtl(_) | Action::DecMplsTtl => self.need(Prereq::Mpls, action),
            Action::DecNshTtl => self.need(Prereq::Nsh, action),
            Action::FinTimeout { .. } => self.need(Prereq::Tcp, action),
            Action::PushVlan(_) | Action::PopVlan | Action::PushMpls(_) | Action::PopMpls(_) => self.tag(action),
            Action::Encap(encap) => {
                self.facts.encapsulate(encap.packet_type);
                Ok(())
            }
            Action::Decap(_) => {
                self.facts.decapsulate();
                Ok(())
            }
            Action::Meter(id) if *id == 0 || *id > Meter::MAX => Err(ActionError::BadMeter(*id)),
            Action::Learn(learn) => self.learn(learn, action),
            Action::Ct(ct) => self.ct(ct, action),
            Action::Nat(_) if self.place != Place::Ct => Err(ActionError::NatAlone),
            Action::Nat(nat) => self.nat(nat, action),
            Action::Clone(actions) => Packet { facts: self.facts.clone(), place: self.place }.list(actions),
            Action::Opaque(bytes) if matches!(**bytes, [0, 9 | 10, ..]) => self.need(Prereq::Tcp, action),
            _ => Ok(()),
        }
    }

    fn set_field(&mut self, set: &SetField, action: &Action) -> Result<(), ActionError> {
        let field = set.field();
        self.set_target(field, action)?;
        match field {
            Field::VlanVid => self.need(Prereq::Vlan, action)?,
            Field::VlanTci => self.facts.learn(field, set.value(), set.mask().unwrap_or(u128::MAX)),
            _ => {}
        }
        Ok(())
    }

    /// Actions that change which headers there are.
    fn tag(&mut self, action: &Action) -> Result<(), ActionError> {
        match action {
            Action::PushVlan(_) => self.facts.push_vlan().then_some(()).ok_or(ActionError::TooManyTags)?,
            Action::PopVlan => {
                let held = self.facts.is_tagged() || self.place == Place::Set;
                self.promise(held, Prereq::Vlan, action)?;
                self.facts.pop_vlan();
            }
            Action::PushMpls(ethertype) => self.facts.push_mpls(*ethertype),
            Action::PopMpls(ethertype) => {
                self.need(Prereq::Mpls, action)?;
                self.facts.learn(Field::EthType, (*ethertype).into(), u128::MAX);
            }
            _ => {}
        }
        Ok(())
    }

    /// The new flow's own fields are checked against what it is made to match.
    fn learn(&mut self, learn: &Learn, action: &Action) -> Result<(), ActionError> {
        let mut new = Packet { facts: Facts::default(), place: Place::List };
        learn.result_dst.map_or(Ok(()), |dst| writable(dst.field))?;
        for spec in &learn.specs {
            if let LearnSrc::Field(source) = &spec.src {
                self.source(*source, action)?;
            }
            match (&spec.dst, &spec.src) {
                (LearnDst::Match(dst), LearnSrc::Const { value, .. }) => {
                    new.source(*dst, action)?;
                    let value = dst.place(crate::flow_match::number(value));
                    new.facts.learn(dst.field, value, dst.mask());
                }
                (LearnDst::Match(dst), _) => new.source(*dst, action)?,
                (LearnDst::Load(dst), _) => new.target(dst.field, action)?,
                (LearnDst::Output, _) => {}
            }
        }
        Ok(())
    }

    fn ct(&mut self, ct: &Ct, action: &Action) -> Result<(), ActionError> {
        self.need(Prereq::Ip, action)?;
        match ct.alg {
            21 => self.need(Prereq::Tcp, action)?,
            69 => self.need(Prereq::Udp, action)?,
            _ => {}
        }
        if let Zone::Field(zone) = ct.zone {
            // Then Open vSwitch does not look at what is nested.
            return self.source(zone, action);
        }
        ct.nat.iter().try_for_each(|nat| self.nat(nat, action))?;
        let outside = std::mem::replace(&mut self.place, Place::Ct);
        let checked = self.list(&ct.exec);
        self.place = outside;
        checked
    }

    fn nat(&self, nat: &Nat, action: &Action) -> Result<(), ActionError> {
        self.need(Prereq::Ip, action)?;
        match nat.addrs {
            Some(NatAddrs::V4(..)) => self.need(Prereq::Ipv4, action),
            Some(NatAddrs::V6(..)) => self.need(Prereq::Ipv6, action),
            None => Ok(()),
        }
    }
}

fn writable(field: Field) -> Result<(), ActionError> {
    match field.info().access {
        Access::ReadOnly => Err(ActionError::ReadOnly(field)),
        Access::ReadWrite => Ok(()),
    }
}

/// Clauses of conjunctions stand alone.
fn check_clauses(instructions: &Instructions) -> Result<(), ActionError> {
    let is_clause = |action: &Action| matches!(action, Action::Conjunction { .. });
    if !instructions.apply.iter().any(is_clause) {
        return Ok(());
    }
    let only = Instructions { apply: instructions.apply.clone(), ..Instructions::default() };
    let alone = |action: &Action| is_clause(action) || matches!(action, Action::Note(_));
    let fits = *instructions == only && only.apply.iter().all(alone);
    if fits { Ok(()) } else { Err(ActionError::MixedClause) }
}

/// Ports that packets go to: numbered ones, and of the reserved ones those that stand for some.
fn check_port(port: PortNo) -> Result<(), ActionError> {
    let reserved = port >= PortNo::IN_PORT && port != PortNo::ANY;
    if port.0 < 0xff00 || reserved { Ok(()) } else { Err(ActionError::BadPort(port)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the flow is refused, and with what words.
    fn check(text: &str, refused: Option<&str>) {
        let error = text.parse::<Flow>().unwrap().check_actions().err().map(|e| e.to_string());
        match refused {
            None => assert_eq!(error, None, "{text}"),
            Some(words) => assert!(error.as_ref().is_some_and(|e| e.contains(words)), "{text}: {error:?}"),
        }
    }

    #[test]
    fn what_a_switch_would_refuse_is_known_before() {
        for (text, refused) in [
            ("actions=set_field:1->tcp_src", Some("Tcp")),
            ("tcp,actions=set_field:1->tcp_src", None),
            ("tcp,ip_frag=later,actions=set_field:1->tcp_src", Some("Tcp")),
            ("actions=dec_ttl", Some("Ip")),
            ("ip,actions=push_mpls:0x8847,dec_ttl", Some("Ip")),
            ("mpls,actions=pop_mpls:0x0800,dec_ttl", None),
            ("actions=pop_vlan", Some("Vlan")),
            ("dl_vlan=1,actions=pop_vlan,pop_vlan", Some("Vlan")),
            ("actions=push_vlan:0x8100,set_field:3->vlan_pcp", None),
            ("actions=push_vlan:0x8100,push_vlan:0x8100,push_vlan:0x8100", Some("two VLAN tags")),
            ("actions=ct(commit)", Some("Ip")),
            ("ip,actions=ct(commit,exec(set_field:1->ct_mark))", None),
            ("ip,actions=set_field:1->ct_mark", Some("ct_mark")),
            ("ip,actions=ct(commit,nat(src=fe80::1))", Some("Ipv6")),
            ("ip,actions=ct(commit,alg=ftp)", Some("Tcp")),
            ("actions=learn(table=1,eth_type=0x800,nw_src=1.2.3.4)", None),
            ("actions=learn(table=1,nw_src=1.2.3.4)", Some("Ipv4")),
            ("actions=encap(nsh),dec_nsh_ttl", None),
            ("actions=write_actions(dec_ttl)", None),
            ("ip,actions=clone(push_mpls:0x8847),dec_ttl", None),
            ("ct_state=+trk,ip,actions=resubmit(,1,ct)", Some("Ct")),
            ("ct_state=+trk-inv,ip,actions=resubmit(,1,ct)", None),
            ("actions=mod_tp_dst:80", Some("Tcp")),
            ("actions=conjunction(1,1/2),output:1", Some("conjunction")),
            ("table=3,actions=goto_table:3", Some("goto_table:3 from table 3")),
            ("actions=output:ANY", Some("ANY")),
            ("actions=meter:0", Some("meter 0")),
        ] {
            check(text, refused);
        }
    }
}
