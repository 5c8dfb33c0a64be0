//! The container network interface, judged as values: a call comes in, what it asks for or an error comes out.
//!
//! Source: the CNI specification, versions 0.3.0 to 1.1.0. `weft-cni` forwards everything unread, so every rule of the
//! specification is here once, with no socket and no switch beside it; `server` is the shell.

pub mod error;
pub mod judge;
pub mod reply;
pub mod server;
pub mod version;

pub use error::{Code, Error};
pub use judge::{Attach, Attachment, Gc, PodName, Verb, judge};
pub use version::Version;
