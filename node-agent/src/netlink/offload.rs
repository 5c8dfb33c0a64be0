//! Features of a device, switched as `ethtool -K` does.
//!
//! Open vSwitch's userspace datapath takes packets off a packet socket as the pod's stack left them; with transmit checksum
//! offload on, their checksums are not filled in, and the other end drops every TCP segment (measured, field notes trap 6).
//! Source: kernel, Documentation/networking/ethtool-netlink.rst, "FEATURES_SET".

use std::io;

use super::generic::{Family, attribute};

const ETHTOOL_MSG_FEATURES_SET: u8 = 12;
const ETHTOOL_A_FEATURES_HEADER: u16 = 1;
const ETHTOOL_A_FEATURES_WANTED: u16 = 3;
const ETHTOOL_A_HEADER_DEV_NAME: u16 = 2;
const ETHTOOL_A_BITSET_BITS: u16 = 3;
const ETHTOOL_A_BITSET_BITS_BIT: u16 = 1;
const ETHTOOL_A_BITSET_BIT_NAME: u16 = 2;
const ETHTOOL_A_BITSET_BIT_VALUE: u16 = 3;
const NESTED: u16 = 1 << 15;

/// Where a feature is switched to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// A virtual Ethernet device's features of this kind; segmentation offload goes with them by dependency.
const CHECKSUMS: [&str; 2] = ["tx-checksum-ip-generic", "tx-checksum-sctp"];

/// Lets the stack of the calling thread's namespace fill in the checksums of what it sends over a link.
pub fn disable_transmit_checksums(link: &str) -> io::Result<()> {
    set(link, &CHECKSUMS, Switch::Off)
}

/// Switches one feature of a link in the calling thread's namespace; unknown names are an error.
pub fn set_feature(link: &str, feature: &str, to: Switch) -> io::Result<()> {
    set(link, &[feature], to)
}

fn set(link: &str, features: &[&str], to: Switch) -> io::Result<()> {
    Family::open("ethtool")?.command(ETHTOOL_MSG_FEATURES_SET, &request(link, features, to))
}

fn request(link: &str, features: &[&str], to: Switch) -> Vec<u8> {
    let mut header = Vec::new();
    attribute(&mut header, ETHTOOL_A_HEADER_DEV_NAME, format!("{link}\0").as_bytes());
    let mut bits = Vec::new();
    for feature in features {
        // A bit that is listed without a value is to be cleared; bits that are not listed stay.
        let mut bit = Vec::new();
        attribute(&mut bit, ETHTOOL_A_BITSET_BIT_NAME, format!("{feature}\0").as_bytes());
        if to == Switch::On {
            attribute(&mut bit, ETHTOOL_A_BITSET_BIT_VALUE, &[]);
        }
        attribute(&mut bits, ETHTOOL_A_BITSET_BITS_BIT | NESTED, &bit);
    }
    let mut wanted = Vec::new();
    attribute(&mut wanted, ETHTOOL_A_BITSET_BITS | NESTED, &bits);
    let mut message = Vec::new();
    attribute(&mut message, ETHTOOL_A_FEATURES_HEADER | NESTED, &header);
    attribute(&mut message, ETHTOOL_A_FEATURES_WANTED | NESTED, &wanted);
    message
}
