//! The named fields that tables hand to each other, each a run of bits of a register.
//!
//! A table names what it reads and writes by these, never by a register; where the bits lie is said here once. They live
//! only while a packet is in the pipeline (conntrack recirculation keeps them, a tunnel does not).

use rust_openflow::{Field, Subfield};

/// A run of bits of a register with a name and a purpose.
#[derive(Debug)]
pub struct Register {
    /// CamelCase name, for people.
    pub name: &'static str,
    /// The register (or group of registers) that holds it.
    pub field: Field,
    /// Lowest bit.
    pub first: u16,
    /// Highest bit, inclusive.
    pub last: u16,
    /// What it is, one sentence.
    pub purpose: &'static str,
    /// Values with a name; empty where the value is a number.
    pub values: &'static [(u128, &'static str)],
}

impl Register {
    /// The bits as the codec knows them.
    pub fn bits(&self) -> Subfield {
        self.field.range(self.first, self.last)
    }

    /// The name of a value, where it has one.
    pub fn value_name(&self, value: u128) -> Option<&'static str> {
        self.values.iter().find(|(v, _)| *v == value).map(|(_, name)| *name)
    }

    /// Where it lies, as `ovs-fields(7)` writes it: `reg0[0..3]`.
    pub fn place(&self) -> String {
        let whole = self.first == 0 && self.last + 1 == self.field.bits();
        match whole {
            true => self.field.name().to_owned(),
            false if self.first == self.last => format!("{}[{}]", self.field.name(), self.first),
            false => format!("{}[{}..{}]", self.field.name(), self.first, self.last),
        }
    }
}

impl PartialEq for Register {
    fn eq(&self, other: &Register) -> bool {
        self.name == other.name
    }
}

/// Values of [`SOURCE_CLASS`].
pub mod source {
    /// A pod of this node.
    pub const POD: u128 = 1;
    /// This node's host, or what it routes in, through `weft0`.
    pub const HOST: u128 = 2;
    /// Another node, through the tunnel.
    pub const TUNNEL: u128 = 3;
}

/// Values of [`DESTINATION_CLASS`].
pub mod destination {
    /// A pod of this node.
    pub const POD: u128 = 1;
    /// This node's host, or what it routes on, through `weft0`.
    pub const HOST: u128 = 2;
    /// Another node, through the tunnel.
    pub const TUNNEL: u128 = 3;
    /// Back to where it came from: an answer that the flows made out of the question.
    pub const SENDER: u128 = 4;
}

/// Where the packet came in.
pub static SOURCE_CLASS: Register = Register {
    name: "SourceClass",
    field: Field::Reg0,
    first: 0,
    last: 3,
    purpose: "Where the packet came in.",
    values: &[(source::POD, "Pod"), (source::HOST, "Host"), (source::TUNNEL, "Tunnel")],
};

/// Where the packet goes out.
pub static DESTINATION_CLASS: Register = Register {
    name: "DestinationClass",
    field: Field::Reg0,
    first: 4,
    last: 7,
    purpose: "Where the packet goes out.",
    values: &[
        (destination::POD, "Pod"),
        (destination::HOST, "Host"),
        (destination::TUNNEL, "Tunnel"),
        (destination::SENDER, "Sender"),
    ],
};

/// The packet does not fit the tunnel.
pub static OVERSIZED: Register = Register {
    name: "Oversized",
    field: Field::Reg0,
    first: 8,
    last: 8,
    purpose: "The packet is longer than what fits the tunnel.",
    values: &[(1, "Yes")],
};

/// The packet's network is `default`.
pub static DEFAULT_NETWORK: Register = Register {
    name: "DefaultNetwork",
    field: Field::Reg0,
    first: 9,
    last: 9,
    purpose: "The network is `default`, whose pods can reach hosts and the world.",
    values: &[(1, "Yes")],
};

/// Policy has refused the packet.
pub static DENIED: Register = Register {
    name: "Denied",
    field: Field::Reg0,
    first: 10,
    last: 10,
    purpose: "Policy has refused the packet.",
    values: &[(1, "Yes")],
};

/// Identity of the sender.
pub static SOURCE_IDENTITY: Register = Register {
    name: "SourceIdentity",
    field: Field::Reg1,
    first: 0,
    last: 31,
    purpose: "Identity of the sender: 1 this host, 2 another node, 3 the world, from 256 pods; 0 where the tunnel carries none.",
    values: &[(1, "ThisHost"), (2, "OtherNode"), (3, "World")],
};

/// Identity of the receiver.
pub static DESTINATION_IDENTITY: Register = Register {
    name: "DestinationIdentity",
    field: Field::Reg2,
    first: 0,
    last: 31,
    purpose: "Identity of the receiver, as far as it matters; 0 else.",
    values: &[(1, "ThisHost"), (2, "OtherNode"), (3, "World")],
};

/// Port of a local pod.
pub static OUTPUT_PORT: Register = Register {
    name: "OutputPort",
    field: Field::Reg3,
    first: 0,
    last: 31,
    purpose: "OpenFlow port of the pod that the packet is for.",
    values: &[],
};

/// Conntrack zone of the network.
pub static ZONE: Register = Register {
    name: "Zone",
    field: Field::Reg4,
    first: 0,
    last: 15,
    purpose: "Conntrack zone of the network; one a network, so that networks may overlap.",
    values: &[],
};

/// The network.
pub static NETWORK: Register = Register {
    name: "Network",
    field: Field::Reg5,
    first: 0,
    last: 23,
    purpose: "The network, by its VNI.",
    values: &[],
};

/// Room for a value within one list of actions.
pub static SCRATCH4: Register = Register {
    name: "Scratch4",
    field: Field::Reg6,
    first: 0,
    last: 31,
    purpose: "Room for a value within one list of actions: to swap two IPv4 addresses, to copy a constant.",
    values: &[],
};

/// Room to swap two IPv6 addresses.
pub static SCRATCH6: Register = Register {
    name: "Scratch6",
    field: Field::Xxreg2,
    first: 0,
    last: 127,
    purpose: "Room to swap two IPv6 addresses within one list of actions.",
    values: &[],
};

/// The endpoint that a client of a service has.
pub static ENDPOINT: Register = Register {
    name: "Endpoint",
    field: Field::Xreg4,
    first: 0,
    last: 63,
    purpose: "Number of the endpoint that a client of a service keeps; 0: none yet.",
    values: &[],
};

/// The endpoint was chosen just now.
pub static CHOSEN: Register = Register {
    name: "Chosen",
    field: Field::Reg0,
    first: 11,
    last: 11,
    purpose: "The endpoint was chosen just now, not remembered.",
    values: &[(1, "Yes")],
};

/// A service has led the packet.
pub static LED: Register = Register {
    name: "Led",
    field: Field::Reg0,
    first: 12,
    last: 12,
    purpose: "A service has led the packet to an endpoint. Conntrack says so too, but only until something is committed.",
    values: &[(1, "Yes")],
};

/// The tunnel's end was put aside.
pub static ASIDE: Register = Register {
    name: "Aside",
    field: Field::Reg0,
    first: 13,
    last: 13,
    purpose: "The tunnel's end was put aside.",
    values: &[(1, "Yes")],
};

/// The tunnel's end over IPv4.
pub static TUNNEL_END4: Register = Register {
    name: "TunnelEnd4",
    field: Field::Reg7,
    first: 0,
    last: 31,
    purpose: "The tunnel's end over IPv4, put aside.",
    values: &[],
};

/// The tunnel's end over IPv6.
pub static TUNNEL_END6: Register = Register {
    name: "TunnelEnd6",
    field: Field::Xxreg3,
    first: 0,
    last: 127,
    purpose: "The tunnel's end over IPv6, put aside.",
    values: &[],
};

/// The rule that lets a pod send the packet.
pub static EGRESS_RULE: Register = Register {
    name: "EgressRule",
    field: Field::Reg12,
    first: 0,
    last: 31,
    purpose: "Number of the rule that lets a pod send the packet; 0: its egress is not isolated.",
    values: &[],
};

/// The rule that lets a pod receive the packet.
pub static INGRESS_RULE: Register = Register {
    name: "IngressRule",
    field: Field::Reg13,
    first: 0,
    last: 31,
    purpose: "Number of the rule that lets a pod receive the packet; 0: its ingress is not isolated.",
    values: &[],
};

/// The region of the sender's address.
pub static SOURCE_REGION: Register = Register {
    name: "SourceRegion",
    field: Field::Reg14,
    first: 0,
    last: 31,
    purpose: "Region of the sender's address: all addresses that lie in the same blocks of policies; 0: in none.",
    values: &[],
};

/// The region of the receiver's address.
pub static DESTINATION_REGION: Register = Register {
    name: "DestinationRegion",
    field: Field::Reg15,
    first: 0,
    last: 31,
    purpose: "Region of the receiver's address: all addresses that lie in the same blocks of policies; 0: in none.",
    values: &[],
};

/// All of them, by place.
pub static ALL: [&Register; 22] = [
    &SOURCE_CLASS,
    &DESTINATION_CLASS,
    &OVERSIZED,
    &DEFAULT_NETWORK,
    &DENIED,
    &CHOSEN,
    &LED,
    &ASIDE,
    &SOURCE_IDENTITY,
    &DESTINATION_IDENTITY,
    &OUTPUT_PORT,
    &ZONE,
    &NETWORK,
    &SCRATCH4,
    &TUNNEL_END4,
    &SCRATCH6,
    &ENDPOINT,
    &EGRESS_RULE,
    &INGRESS_RULE,
    &SOURCE_REGION,
    &DESTINATION_REGION,
    &TUNNEL_END6,
];
