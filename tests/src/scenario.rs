//! Scenarios: a node's state, the flows it stands for, and packets with what becomes of them.
//!
//! Each folder of `tests/scenarios/` is one, named after the behaviour it shows:
//!
//! - `intent.md`: what is shown, and why it has to be so;
//! - `node.yaml`: the objects of the controller and what the agent knows ([`Node`]);
//! - `packets.yaml`: packets with what becomes of them ([`Packet`], [`verdict`]), one connection state for all, in order;
//! - `flows.txt`: the flows as the real switch dumps them; `WEFT_REWRITE=1` writes it anew.

mod node;
mod packet;
mod policy;
mod service;
pub mod trace;
mod verdict;

pub use node::Node;
pub use packet::Packet;
pub use pipeline::simulate::text::packet as packet_text;
pub use service::Service;
pub use verdict::verdict;

use anyhow::{Context, Result};
use pipeline::simulate::{Choice, Emission, Outcome, State, Switch};
use std::path::{Path, PathBuf};

/// A scenario, read.
#[derive(Debug)]
pub struct Scenario {
    /// Its folder.
    pub folder: PathBuf,
    /// The node's state.
    pub node: Node,
    /// The packets.
    pub packets: Vec<Packet>,
}

/// The folders of all scenarios, by name.
///
/// # Errors
/// When the folder of scenarios cannot be read.
pub fn folders() -> Result<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = std::fs::read_dir(&root).with_context(|| format!("{}", root.display()))?;
    let mut folders = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    folders.retain(|path| path.is_dir());
    folders.sort();
    Ok(folders)
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// When a file is missing or says what no scenario says.
    pub fn read(folder: &Path) -> Result<Scenario> {
        let text = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).with_context(|| format!("{}", path.display()))
        };
        text("intent.md")?;
        let node = serde_yaml_ng::from_str(&text("node.yaml")?).context("node.yaml")?;
        let packets = serde_yaml_ng::from_str(&text("packets.yaml")?).context("packets.yaml")?;
        Ok(Scenario { folder: folder.to_owned(), node, packets })
    }

    /// Its name: the behaviour it shows.
    pub fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// What becomes of each packet by the simulator, in order.
    ///
    /// # Errors
    /// When a packet makes no sense, or flows do what the simulator does not know.
    pub fn simulate(&self) -> Result<Vec<Outcome>> {
        let realizer = self.node.realizer();
        let mut switch = Switch::new(realizer.flows()).groups(realizer.groups());
        let send = |packet: &Packet| {
            switch.choice = packet.choose.map_or(Choice::Hash, Choice::Place);
            let state = packet.state()?.map_or(State::Tracked, State::Given);
            switch.send(packet.build(&self.node)?, state).with_context(|| packet.what.clone())
        };
        self.packets.iter().map(send).collect()
    }
}

/// The states that conntrack found on a packet's way, as `ofproto/trace --ct-next` takes them.
pub fn states(outcome: &Outcome) -> Vec<String> {
    outcome.states.iter().map(|state| pipeline::simulate::text::states(*state)).collect()
}

/// The packet as it was last, for a comparison with the last line of a trace.
pub fn last_packet(outcome: &Outcome) -> Option<&pipeline::simulate::Packet> {
    outcome.emissions.last().map(|emission| match emission {
        Emission::Output { packet, .. } | Emission::Punt { packet, .. } => packet,
    })
}
