//! The flows of one direction of policy: the same words for what pods send and what they receive.

use super::PortMatch;
use super::prefix::Prefix;
use crate::cookie::{Kind, Subject};
use crate::family::Family;
use crate::flow::Draft;
use crate::object::{self, Direction, identity_subject};
use crate::register::{self as reg, Register};
use crate::table::{Rule, Table};
use crate::tables::ct_state::{state, with_state};
use crate::tables::{commit, egress_policy, ingress_policy};
use rust_openflow::Field;

/// Where a direction's flows stand, and what they look at.
#[derive(Debug)]
pub struct Stage {
    /// Identity of the pod whose policy judges.
    pub target: &'static Register,
    /// Identity of the other end.
    pub peer: &'static Register,
    /// Region of the other end.
    pub region: &'static Register,
    /// Where the number of the rule that admits goes.
    pub verdict: &'static Register,
    /// Where packets go on that a rule admits.
    pub next: &'static Table,
    /// The address of the other end.
    pub address: fn(Family) -> Field,
    /// The table that judges.
    pub judge: &'static Table,
    /// No rule admits.
    pub isolated: &'static Rule,
    /// One rule admits everything.
    pub unrestricted: &'static Rule,
    /// The clause of the pod.
    pub target_clause: &'static Rule,
    /// The clause of the other end's identity.
    pub peer_clause: &'static Rule,
    /// The clause of the other end's region.
    pub region_clause: &'static Rule,
    /// The clause of the port.
    pub port_clause: &'static Rule,
    /// All clauses of a rule hold.
    pub admitted: &'static Rule,
    /// The same for the first packet of a connection, so that connections are counted.
    pub opening: &'static Rule,
    /// One rule admits everything: the first packet of a connection.
    pub opening_all: &'static Rule,
    /// The lowest bit of `ct_label` where Commit notes the rule.
    pub label: u16,
    /// In which region a prefix is.
    pub prefix: &'static Rule,
}

/// One of the clauses of a rule's conjunction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clause {
    /// The rule.
    pub rule: u32,
    /// Which one, from 0.
    pub number: u8,
    /// How many there are.
    pub of: u8,
}

/// What a flow says of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// It protects the receiver, or the sender.
    Target,
    /// It admits the other end.
    Peer,
    /// It admits the port.
    Port,
}

impl Clause {
    /// The clause of a rule in a dimension that it restricts.
    pub fn of(rule: &object::Rule, dimension: Dimension) -> Clause {
        let peers = u8::from(!rule.any_peer);
        let number = match dimension {
            Dimension::Target => 0,
            Dimension::Peer => 1,
            Dimension::Port => 1 + peers,
        };
        Clause { rule: rule.number, number, of: 1 + peers + u8::from(!rule.ports.is_empty()) }
    }
}

impl Stage {
    /// The stage of a direction.
    pub fn of(direction: Direction) -> &'static Stage {
        match direction {
            Direction::Ingress => &ingress_policy::STAGE,
            Direction::Egress => &egress_policy::STAGE,
        }
    }

    /// What no rule admits, of an isolated identity.
    pub fn isolated(&self, identity: &object::Identity) -> Draft {
        let draft = self.isolated.draft(&identity.subject()).when(self.target, identity.number.into());
        draft.sample().set(&reg::DENIED, 1).goto(&commit::TABLE)
    }

    /// An identity with a rule that admits everything.
    pub fn unrestricted(&self, identity: u32, rule: &object::Rule) -> [Draft; 2] {
        let draft = self.unrestricted.draft(&identity_subject(identity)).when(self.target, identity.into());
        let opening = self.opening_all.draft(&rule.subject()).when(self.target, identity.into());
        [draft, self.first(opening)].map(|draft| draft.set(self.verdict, rule.number.into()).goto(self.next))
    }

    /// Matches what no connection is known of yet: a new one's first packet, not those that follow before an answer.
    fn first(&self, draft: Draft) -> Draft {
        let mask = u128::from(u32::MAX) << self.label;
        with_state(draft, state::NEW).test_masked(Field::CtLabel, 0, mask)
    }

    /// The pods that rules protect.
    pub fn target(&self, identity: u32) -> Draft {
        self.target_clause.draft(&identity_subject(identity)).when(self.target, identity.into())
    }

    /// An identity that rules admit.
    pub fn peer(&self, identity: u32) -> Draft {
        self.peer_clause.draft(&identity_subject(identity)).when(self.peer, identity.into())
    }

    /// A region that rules admit.
    pub fn region(&self, region: u32) -> Draft {
        self.region_clause.draft(&region_subject(region)).when(self.region, region.into())
    }

    /// Ports that rules admit, by family.
    pub fn ports(&self, ports: PortMatch) -> [Draft; 2] {
        Family::BOTH.map(|family| {
            let draft = self.port_clause.draft(&ports_subject(ports)).family(family);
            let draft = draft.test(Field::IpProto, ports.protocol.into());
            match ports.mask {
                0 => draft,
                mask => draft.test_masked(ports.field(), ports.port.into(), mask.into()),
            }
        })
    }

    /// What a rule admits whose clauses all hold.
    pub fn admitted(&self, rule: &object::Rule) -> [Draft; 2] {
        let of = |made: &'static Rule| made.draft(&rule.subject()).test(Field::ConjId, rule.number.into());
        [of(self.admitted), self.first(of(self.opening))]
            .map(|draft| draft.set(self.verdict, rule.number.into()).goto(self.next))
    }

    /// The region of what lies in a prefix and in no longer one.
    pub fn prefix(&self, prefix: Prefix, region: u32) -> Draft {
        let family = Family::of(prefix.address());
        let draft = self.prefix.draft(&prefix_subject(prefix)).family(family);
        let draft = draft.prefix((self.address)(family), prefix.address(), prefix.length());
        let draft = if region == 0 { draft } else { draft.set(self.region, region.into()) };
        draft.goto(self.judge)
    }
}

/// What the flow of a region is for.
pub fn region_subject(region: u32) -> Subject {
    Subject { kind: Kind::Region, name: format!("{region:#x}") }
}

/// What the flows of ports are for.
pub fn ports_subject(ports: PortMatch) -> Subject {
    Subject { kind: Kind::Ports, name: ports.to_string() }
}

/// What the flow of a prefix is for.
pub fn prefix_subject(prefix: Prefix) -> Subject {
    Subject { kind: Kind::Prefix, name: prefix.to_string() }
}
