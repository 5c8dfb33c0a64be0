//! Everything that can happen to the agent.

use std::io;

use api::inspect::Answer;
use pipeline::{Opened, Suspects, Tally};
use rust_openflow::FlowStats;
use tokio::sync::oneshot;

use crate::cni::reply::Plugged;
use crate::cni::server::{Asked, Waiter};
use crate::cni::{Attachment, Error};
use crate::openflow::{ReadBack, SwitchEvent};
use crate::run::host::HostReport;
use crate::stream::StreamEvent;
use crate::tracked::Tracked;

/// One thing that happened.
#[derive(Debug)]
pub enum Event {
    /// On the session with a controller.
    Stream(StreamEvent),
    /// The replica of OVSDB changed, or the connection to it.
    Database,
    /// On the OpenFlow connection.
    Switch(SwitchEvent),
    /// On the agent's own socket.
    Asked(Asked),
    /// Somebody reads the numbers: what policy has counted is read from the switch for them.
    Scraped(oneshot::Sender<Tally>),
    /// Work that the loop had begun has ended.
    Done(Done),
    /// Time to look at everything.
    Tick,
    /// Somebody's patience, or a pause before trying again, is over.
    Due,
    /// The process is to end.
    Stop,
}

/// Work that has ended.
#[derive(Debug)]
pub enum Done {
    /// A pod's interface was made, or not.
    Wired(Attachment, Result<Plugged, Error>),
    /// A pod's interface was taken away, or not.
    Unplugged(Attachment, io::Result<()>),
    /// Devices that nobody knows were taken away.
    Swept(io::Result<Vec<String>>),
    /// CHECK looked into a pod's namespace.
    Checked(Waiter, Result<(), Error>),
    /// A transaction was done, or not.
    Rows(Result<(), String>),
    /// The switch was read back, or not.
    ReadBack(Result<ReadBack, String>),
    /// Flows were written, or not.
    Flows(Result<(), String>),
    /// Connections of protocols without an end that the switch tracks, or not.
    Tracked(Result<Vec<Tracked>, String>),
    /// UDP connections that the switch tracks, or not, to look for these among them.
    Datagrams(Result<Vec<Opened>, String>, Suspects),
    /// The host was looked at and changed.
    Host(Box<HostReport>),
    /// Whether the switch answers, for somebody who asked for the status.
    Confirmed(bool, Reply),
    /// The flows of the switch, for somebody who asked.
    Dumped(Result<Vec<FlowStats>, String>, Option<String>, Reply),
    /// An answer for somebody who asked, which took time.
    Answered(Answer, Reply),
    /// The flows of the switch that count for policy, for somebody who asked.
    Counted(Result<Vec<FlowStats>, String>, Counting),
}

/// Who asked what policy has counted.
#[derive(Debug)]
pub enum Counting {
    /// The page of numbers.
    Page(oneshot::Sender<Tally>),
    /// A person, about one policy or all.
    Person(Option<String>, Reply),
}

/// Where an answer to a question goes.
#[derive(Debug)]
pub enum Reply {
    /// To the agent's socket.
    Socket(oneshot::Sender<Answer>),
    /// To the controller, under its number.
    Controller(u64),
}
