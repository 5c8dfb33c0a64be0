//! What somebody needs who wants to follow a packet: what a node was told, what only its agent knows, what its flows have
//! counted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::node::{Delta, Object};

/// Everything that a node is told, as text: the bytes of one [`Delta`] in hexadecimal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeObjects(String);

impl NodeObjects {
    /// From objects.
    pub fn new(objects: impl IntoIterator<Item = Object>) -> NodeObjects {
        let delta = Delta::new(0, objects, Vec::new());
        let bytes = prost::Message::encode_to_vec(&delta);
        let digit = |value: u8| char::from_digit(value.into(), 16).expect("four bits are a digit");
        NodeObjects(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
    }

    /// The objects; `None` where the text is none that this type has made.
    pub fn objects(&self) -> Option<Vec<Object>> {
        let digits: Option<Vec<u8>> =
            self.0.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
        let bytes: Vec<u8> = digits?.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).unwrap_or(&0)).collect();
        let delta = <Delta as prost::Message>::decode(&bytes[..]).ok()?;
        delta.objects().collect::<Result<_, _>>().ok()
    }
}

/// What only the agent of a node knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeLocal {
    /// OpenFlow ports of pods, by key of the pod's object.
    pub ports: BTreeMap<String, u32>,
    /// OpenFlow port of `weft0`, and its MAC.
    pub gateway: Option<(u32, [u8; 6])>,
    /// OpenFlow port of the tunnel.
    pub tunnel: Option<u32>,
    /// MTU of pod interfaces; 0: not known.
    pub mtu: u16,
}

/// A flow of the switch with what it has counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CountedFlow {
    /// The flow as `ovs-ofctl --no-names --no-stats dump-flows` prints it.
    pub flow: String,
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_read_back_from_their_text() {
        let object = |key: &str| Object { key: key.into(), digest: 0xfedc_ba98_7654_3210, kind: None };
        let objects = vec![object("pod/shop/web"), object("rule/7")];
        assert_eq!(NodeObjects::new(objects.clone()).objects(), Some(objects));
        assert_eq!(NodeObjects("xyz".into()).objects(), None);
    }
}
