//! A flow in the making: the words in which tables write their flows.
//!
//! A [`Draft`] belongs to a rule from the start, so that no flow exists without cookie, band and meaning.

use crate::cookie::{Cookie, Subject};
use crate::family::Family;
use crate::object::{Mac, Protocol};
use crate::policy::Clause;
use crate::punt;
use crate::register::Register;
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use rust_openflow::action::Controller;
use rust_openflow::{Action, Ct, Field, Flow, PortNo, Subfield};
use std::net::IpAddr;

/// A type of ICMP or ICMPv6 message; the code is 0 in all of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpKind(pub u8);

impl IcmpKind {
    /// Echo reply of IPv4.
    pub const ECHO_REPLY: IcmpKind = IcmpKind(0);
    /// Echo request of IPv4.
    pub const ECHO_REQUEST: IcmpKind = IcmpKind(8);
    /// Echo request of IPv6.
    pub const ECHO_REQUEST_6: IcmpKind = IcmpKind(128);
    /// Echo reply of IPv6.
    pub const ECHO_REPLY_6: IcmpKind = IcmpKind(129);
    /// Multicast listener report of version 1.
    pub const MULTICAST_LISTENER_REPORT: IcmpKind = IcmpKind(131);
    /// Multicast listener done.
    pub const MULTICAST_LISTENER_DONE: IcmpKind = IcmpKind(132);
    /// Router solicitation.
    pub const ROUTER_SOLICITATION: IcmpKind = IcmpKind(133);
    /// Neighbour solicitation.
    pub const NEIGHBOR_SOLICITATION: IcmpKind = IcmpKind(135);
    /// Neighbour advertisement.
    pub const NEIGHBOR_ADVERTISEMENT: IcmpKind = IcmpKind(136);
    /// Multicast listener report of version 2.
    pub const MULTICAST_LISTENER_REPORT_2: IcmpKind = IcmpKind(143);
}

const ETHERTYPE_ARP: u16 = 0x0806;
const UDP: u128 = 17;
const ICMP: u128 = 1;
const ICMP6: u128 = 58;

/// A flow in the making.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    rule: Option<&'static Rule>,
    flow: Flow,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        (self.table, self.number) == (other.table, other.number)
    }
}

impl Rule {
    /// Starts a flow of this rule for an object of the rule's kind.
    pub fn draft(&'static self, subject: &Subject) -> Draft {
        assert_eq!(self.kind, subject.kind, "{} is for objects of another kind", self.name);
        let cookie = Cookie::new(self, subject).number();
        let flow = Flow::new(self.table).priority(self.priority.number()).cookie(cookie);
        Draft { rule: Some(self), flow }
    }
}

impl Draft {
    /// The flow for what no rule of a table takes; `None` for a reserved table.
    pub fn miss(table: &'static Table) -> Option<Draft> {
        if table.status == Status::Reserved {
            return None;
        }
        let cookie = Cookie { table: table.id, rule: 0, object: 0 }.number();
        let draft = Draft { rule: None, flow: Flow::new(table.id).priority(Band::Miss.base()).cookie(cookie) };
        Some(match table.miss {
            Miss::Drop | Miss::Return => draft.drop(),
            Miss::Goto(next) => draft.goto(next),
        })
    }

    /// Matches a named field.
    pub fn when(self, register: &Register, value: u128) -> Draft {
        let bits = register.bits();
        self.test_masked(register.field, bits.place(value), bits.mask())
    }

    /// Matches a field of packet, port or tunnel.
    pub fn test(mut self, field: Field, value: u128) -> Draft {
        self.flow.matching = self.flow.matching.with(field, value);
        self
    }

    /// Matches some bits of a field.
    pub fn test_masked(mut self, field: Field, value: u128, mask: u128) -> Draft {
        self.flow.matching = self.flow.matching.masked(field, value, mask);
        self
    }

    /// Matches a prefix; in [`Band::Prefix`] its length becomes the rank.
    pub fn prefix(mut self, field: Field, address: IpAddr, length: u8) -> Draft {
        if let Some(rule) = self.rule.filter(|rule| rule.priority.band == Band::Prefix) {
            self.flow.priority = rule.priority.number() + u16::from(length);
        }
        self.flow.matching = self.flow.matching.prefix(field, address, length);
        self
    }

    /// Stands on a page: so much higher than the rule says.
    pub fn page(mut self, page: u16) -> Draft {
        self.flow.priority += page;
        self
    }

    /// Is a clause of a conjunction.
    pub fn conjunction(self, clause: Clause) -> Draft {
        self.action(Action::conjunction(clause.rule, (clause.number, clause.of)))
    }

    /// Matches IP of a family.
    pub fn family(self, family: Family) -> Draft {
        self.test(Field::EthType, family.ethertype().into())
    }

    /// Matches ARP.
    pub fn arp(self) -> Draft {
        self.test(Field::EthType, ETHERTYPE_ARP.into())
    }

    /// Matches UDP over IP of a family.
    pub fn udp(self, family: Family) -> Draft {
        self.family(family).test(Field::IpProto, UDP)
    }

    /// Matches an ICMP message of IPv4.
    pub fn icmp4(self, kind: IcmpKind) -> Draft {
        let draft = self.family(Family::V4).test(Field::IpProto, ICMP).test(Field::Icmpv4Type, kind.0.into());
        draft.test(Field::Icmpv4Code, 0)
    }

    /// Matches an ICMPv6 message.
    pub fn icmp6(self, kind: IcmpKind) -> Draft {
        let draft = self.family(Family::V6).test(Field::IpProto, ICMP6).test(Field::Icmpv6Type, kind.0.into());
        draft.test(Field::Icmpv6Code, 0)
    }

    /// Sets a named field.
    pub fn set(self, register: &Register, value: u128) -> Draft {
        self.action(Action::load(value, register.bits()))
    }

    /// Sets a field of the packet or of its tunnel.
    pub fn write(self, field: Field, value: u128) -> Draft {
        self.action(Action::set(field, value))
    }

    /// Copies bits.
    pub fn copy(self, from: impl Into<Subfield>, to: impl Into<Subfield>) -> Draft {
        self.action(Action::copy(from, to))
    }

    /// Swaps two fields through a third.
    pub fn swap(self, one: Field, other: Field, scratch: &Register) -> Draft {
        self.copy(one, scratch.bits()).copy(other, one).copy(scratch.bits(), other)
    }

    /// Sends to a port, or back with [`PortNo::IN_PORT`].
    pub fn output(self, port: PortNo) -> Draft {
        self.action(Action::output(port))
    }

    /// Sends to the port whose number a named field holds.
    pub fn output_to(self, register: &Register) -> Draft {
        self.action(Action::OutputReg { source: register.bits(), max_len: 0xffff })
    }

    /// Tracks the connection, or commits it.
    pub fn ct(self, ct: Ct) -> Draft {
        self.action(Action::from(ct))
    }

    /// Asks a table, and goes on.
    pub fn ask(self, table: &Table) -> Draft {
        self.action(Action::resubmit(table.id))
    }

    /// Matches a port of a protocol, over IP of a family.
    pub fn service(self, family: Family, protocol: Protocol) -> Draft {
        self.family(family).test(Field::IpProto, protocol.number().into())
    }

    /// Hands to the agent.
    pub fn controller(self, controller: Controller) -> Draft {
        self.action(Action::from(controller))
    }

    /// Adds an action.
    pub fn action(mut self, action: Action) -> Draft {
        self.flow.instructions.apply.push(action);
        self
    }

    /// Goes on in a table.
    pub fn goto(mut self, table: &Table) -> Draft {
        self.flow = self.flow.goto_table(table.id);
        self
    }

    /// Says that the packet ends here. Of what a rule refuses the agent is shown a sample; not of misses, which hold what is
    /// nothing to anybody (frames that wake tunnels), or where a table only hands back.
    pub fn drop(self) -> Draft {
        debug_assert!(self.flow.instructions.is_drop(), "a flow that drops does nothing else");
        match self.rule {
            Some(rule) if rule.verdict == Verdict::Refuse => self.sample(),
            _ => self,
        }
    }

    /// Shows the agent a sample of what takes this flow.
    pub fn sample(self) -> Draft {
        self.controller(punt::sample())
    }

    /// The flow.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// The flow, itself, in no more memory than it needs: a node keeps thousands.
    pub fn into_flow(mut self) -> Flow {
        self.flow.instructions.apply.shrink_to_fit();
        self.flow.matching = self.flow.matching.clone();
        self.flow
    }
}

/// A MAC address as the number that a field holds.
pub fn mac(address: Mac) -> u128 {
    address.iter().fold(0, |n, &byte| n << 8 | u128::from(byte))
}
