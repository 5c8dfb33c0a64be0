//! Generic netlink, as much of it as is needed: find a family, send it a command.
//!
//! Layout: `struct genlmsghdr` (command, version, two reserved bytes), then attributes; Documentation/netlink in the kernel tree.

use std::io;

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkSerializable};
use netlink_sys::{Socket, protocols::NETLINK_GENERIC};

/// The family that knows the families.
const CONTROL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

/// A message of any kind: what the routing crates do for theirs, without reading the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// The type in its header: of generic netlink the family.
    pub(super) kind: u16,
    /// What follows the header.
    pub(super) payload: Vec<u8>,
}

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        self.kind
    }
    fn buffer_len(&self) -> usize {
        self.payload.len()
    }
    fn serialize(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.payload);
    }
}

impl NetlinkDeserializable for Message {
    type Error = std::convert::Infallible;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Message, Self::Error> {
        Ok(Message { kind: header.message_type, payload: payload.to_vec() })
    }
}

impl From<Message> for netlink_packet_core::NetlinkPayload<Message> {
    fn from(message: Message) -> Self {
        netlink_packet_core::NetlinkPayload::InnerMessage(message)
    }
}

/// A family's command channel, in the namespace of the thread that opened it.
pub(super) struct Family {
    socket: Socket,
    id: u16,
}

impl Family {
    /// Finds a family by name; the kernel loads its module if it has one.
    pub(super) fn open(name: &str) -> io::Result<Family> {
        let socket = super::open(NETLINK_GENERIC)?;
        let mut asked = Vec::new();
        attribute(&mut asked, CTRL_ATTR_FAMILY_NAME, format!("{name}\0").as_bytes());
        let answers = send(&socket, CONTROL, CTRL_CMD_GETFAMILY, &asked)?;
        let id = answers.iter().find_map(|answer| find_u16(answer.get(4..)?, CTRL_ATTR_FAMILY_ID));
        let id = id.ok_or_else(|| io::Error::from_raw_os_error(nix::libc::ENOENT))?;
        Ok(Family { socket, id })
    }

    /// Sends a command with its attributes and waits for the kernel's word on it.
    pub(super) fn command(&self, command: u8, attributes: &[u8]) -> io::Result<()> {
        send(&self.socket, self.id, command, attributes).map(drop)
    }
}

/// Whether the kernel has a generic netlink family, loading its module if there is one.
pub fn family_exists(name: &str) -> bool {
    Family::open(name).is_ok()
}

fn send(socket: &Socket, family: u16, command: u8, attributes: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let mut payload = vec![command, 1, 0, 0];
    payload.extend_from_slice(attributes);
    let answers = super::request(socket, 1, Message { kind: family, payload }, NLM_F_REQUEST | NLM_F_ACK)?;
    Ok(answers.into_iter().map(|answer| answer.payload).collect())
}

/// Appends an attribute: length and kind in host order, value, padding to four bytes.
pub(super) fn attribute(buffer: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 4).expect("attributes are written here and short");
    buffer.extend_from_slice(&length.to_ne_bytes());
    buffer.extend_from_slice(&kind.to_ne_bytes());
    buffer.extend_from_slice(value);
    buffer.resize(buffer.len().next_multiple_of(4), 0);
}

fn find_u16(mut attributes: &[u8], wanted: u16) -> Option<u16> {
    while let [l0, l1, k0, k1, rest @ ..] = attributes {
        let length = usize::from(u16::from_ne_bytes([*l0, *l1])).checked_sub(4)?;
        let value = rest.get(..length)?;
        if u16::from_ne_bytes([*k0, *k1]) == wanted {
            return Some(u16::from_ne_bytes(value.get(..2)?.try_into().ok()?));
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_found_again() {
        let mut buffer = Vec::new();
        attribute(&mut buffer, 2, b"odd");
        attribute(&mut buffer, 1, &0x1234_u16.to_ne_bytes());
        assert_eq!(buffer.len(), 16);
        assert_eq!(find_u16(&buffer, 1), Some(0x1234));
        assert_eq!(find_u16(&buffer, 9), None);
        assert_eq!(find_u16(&buffer[..6], 1), None, "a cut message is no panic");
        assert_eq!(find_u16(&[0, 0, 0, 0], 1), None, "nor is a length below the header's");
    }
}
