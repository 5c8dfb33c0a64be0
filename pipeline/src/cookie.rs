//! The cookie of a flow: what rule made it, and for whom.
//!
//! ```text
//!  63    56 55    48 47     40 39                                    0
//! ┌────────┬────────┬─────────┬───────────────────────────────────────┐
//! │  0xc0  │ table  │  rule   │ hash of the object, 0: of the node    │
//! └────────┴────────┴─────────┴───────────────────────────────────────┘
//! ```
//! The top byte is fixed and not zero, because `ovs-ofctl` drops leading zeros. Nothing in it counts or grows, so that an
//! unchanged node dumps unchanged text, before and after a restart.

use crate::table::Rule;
use std::fmt;

/// Top byte of every cookie of ours.
pub const MARK: u8 = 0xc0;

const OBJECT_BITS: u32 = 40;

/// The kinds of object that flows are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The node itself: flows that are always there.
    Node,
    /// A routing domain.
    Network,
    /// A logical switch.
    Subnet,
    /// Addresses that live on another node.
    Route,
    /// Another node.
    Peer,
    /// A pod of this node.
    Pod,
    /// All pods that no policy can tell apart.
    Identity,
    /// Addresses that lie in the same blocks of policies.
    Region,
    /// Ports that policies name.
    Ports,
    /// A prefix that policies name.
    Prefix,
    /// A NetworkPolicy.
    Policy,
    /// An address with an identity behind it.
    Address,
    /// A Service.
    Service,
}

impl Kind {
    /// The kind's name, as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Node => "Node",
            Kind::Network => "Network",
            Kind::Subnet => "Subnet",
            Kind::Route => "Route",
            Kind::Peer => "Peer",
            Kind::Pod => "Pod",
            Kind::Identity => "Identity",
            Kind::Region => "Region",
            Kind::Ports => "Ports",
            Kind::Prefix => "Prefix",
            Kind::Policy => "Policy",
            Kind::Address => "Address",
            Kind::Service => "Service",
        }
    }
}

/// What a flow is for: an object by kind and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The kind.
    pub kind: Kind,
    /// `shop/web-0` for a pod, a policy or a Service, `default/10.10.3.0/26` for a route, a number for an identity, a name for the
    /// rest, empty for the node.
    pub name: String,
}

impl Subject {
    /// The node itself.
    pub fn node() -> Subject {
        Subject { kind: Kind::Node, name: String::new() }
    }

    /// The low 40 bits of a cookie: FNV-1a of kind and name, mixed so that names which differ little
    /// do not look alike; 0 only for the node.
    pub fn hash(&self) -> u64 {
        if self.kind == Kind::Node {
            return 0;
        }
        let text = [self.kind.name().as_bytes(), b"/", self.name.as_bytes()].concat();
        let full =
            text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        let mixed = (full ^ (full >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        ((mixed ^ (mixed >> 33)) & ((1 << OBJECT_BITS) - 1)).max(1)
    }
}

/// A cookie of ours, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cookie {
    /// The table of the rule.
    pub table: u8,
    /// The rule's number in its table.
    pub rule: u8,
    /// [`Subject::hash`] of the object.
    pub object: u64,
}

impl Cookie {
    /// The cookie of a rule's flow for an object.
    pub fn new(rule: &Rule, subject: &Subject) -> Cookie {
        Cookie { table: rule.table, rule: rule.number, object: subject.hash() }
    }

    /// The cookie that a number is; `None` when it is not one of ours.
    pub fn parse(number: u64) -> Option<Cookie> {
        (number >> 56 == u64::from(MARK)).then_some(Cookie {
            table: (number >> 48) as u8,
            rule: (number >> OBJECT_BITS) as u8,
            object: number & ((1 << OBJECT_BITS) - 1),
        })
    }

    /// The number.
    pub fn number(self) -> u64 {
        u64::from(MARK) << 56 | u64::from(self.table) << 48 | u64::from(self.rule) << OBJECT_BITS | self.object
    }
}

impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_reads_back_and_foreign_numbers_do_not() {
        let cookie = Cookie { table: 10, rule: 3, object: 0xff_ffff_ffff };
        assert_eq!(cookie.number(), 0xc00a_03ff_ffff_ffff);
        assert_eq!(Cookie::parse(cookie.number()), Some(cookie));
        assert_eq!(Cookie::parse(0), None);
        assert_eq!(Cookie::parse(0x1c00_a03f_ffff_ffff), None);
    }

    #[test]
    fn the_hash_of_an_object_never_changes() {
        let pod = Subject { kind: Kind::Pod, name: "shop/web-0".into() };
        assert_eq!(pod.hash(), 981_743_441_365);
        assert_eq!(Subject::node().hash(), 0);
        assert_ne!(pod.hash(), Subject { kind: Kind::Peer, name: "shop/web-0".into() }.hash());
    }
}
