//! The kernel's network objects over netlink: links, addresses, routes, neighbours, offloads.
//!
//! Blocking on purpose: a request is answered in microseconds, a socket belongs to the namespace of the thread that opened it,
//! and wiring a pod is a handful of requests in a row on a short-lived thread inside the pod's namespace. The messages come
//! from the crates of the rust-netlink group.

mod address;
pub mod conntrack;
mod generic;
mod link;
pub mod netns;
mod offload;
mod route;

use std::io;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

pub use address::Address;
pub use generic::family_exists;
pub use link::{Link, LinkChange, Pair};
pub use offload::{Switch, disable_transmit_checksums, set_feature};
pub use route::{KERNEL, MAIN, Neighbour, Route};

/// A socket to the kernel's routing netlink, in the namespace of the thread that opened it.
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    /// Opens a socket in the namespace of the calling thread.
    pub fn open() -> io::Result<Netlink> {
        Ok(Netlink { socket: open(NETLINK_ROUTE)?, sequence: 0 })
    }

    /// Sends a change and waits for the kernel's word on it.
    fn change(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.sequence += 1;
        request(&self.socket, self.sequence, message, NLM_F_REQUEST | NLM_F_ACK | flags).map(drop)
    }

    /// Asks for all objects of a kind.
    fn dump(&mut self, message: RouteNetlinkMessage) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.sequence += 1;
        request(&self.socket, self.sequence, message, NLM_F_REQUEST | NLM_F_DUMP)
    }

    /// Asks for one object.
    fn get(&mut self, message: RouteNetlinkMessage) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.sequence += 1;
        request(&self.socket, self.sequence, message, NLM_F_REQUEST | NLM_F_ACK)
    }
}

fn open(protocol: isize) -> io::Result<Socket> {
    let mut socket = Socket::new(protocol)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    Ok(socket)
}

/// One request and all of its answer: up to the acknowledgement, the error or the end of the dump.
fn request<M>(socket: &Socket, sequence: u32, message: M, flags: u16) -> io::Result<Vec<M>>
where
    M: NetlinkSerializable + NetlinkDeserializable,
{
    let mut packet = NetlinkMessage::new(Default::default(), NetlinkPayload::InnerMessage(message));
    packet.header.flags = flags;
    packet.header.sequence_number = sequence;
    packet.finalize();
    let mut bytes = vec![0; packet.buffer_len()];
    packet.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    let mut answers = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        let mut rest = datagram.as_slice();
        while rest.len() >= 16 {
            let answer = NetlinkMessage::<M>::deserialize(rest).map_err(io::Error::other)?;
            let length = (answer.header.length as usize).next_multiple_of(4).clamp(16, rest.len());
            rest = &rest[length..];
            if answer.header.sequence_number != sequence {
                continue;
            }
            match answer.payload {
                NetlinkPayload::Done(_) => return Ok(answers),
                NetlinkPayload::Error(error) if error.code.is_none() => return Ok(answers),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                NetlinkPayload::InnerMessage(inner) => answers.push(inner),
                _ => {}
            }
        }
    }
}

/// Whether an error says that the object is not there (any more).
pub fn is_absent(error: &io::Error) -> bool {
    use nix::libc::{EADDRNOTAVAIL, ENODEV, ENOENT, ENXIO, ESRCH};
    error.raw_os_error().is_some_and(|code| [ENODEV, ENOENT, ENXIO, ESRCH, EADDRNOTAVAIL].contains(&code))
}

/// Whether an error says that the object is there already.
pub fn exists_already(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::EEXIST)
}
