//! A real Open vSwitch for one test: own processes, own directory, dummy datapath; no root, no device.
//!
//! `ovs-vswitchd --enable-dummy` knows ports that are only numbers (`type=dummy`) beside real tunnels, whose routes a test
//! gives by hand; so `ofproto/trace` and the read-back are the real thing. Everything ends when the value is dropped.

use anyhow::{Context, Result, bail, ensure};
use pipeline::{Changes, GroupThere, Realizer, diff};
use rust_openflow::tlv::{TlvCommand, TlvMap, TlvTableMod};
use rust_openflow::{Connection, FlowStats, Message, Meter};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The bridge under test.
pub const BRIDGE: &str = "br-int";

/// The bridge that stands for the network between nodes.
pub const UNDERLAY: &str = "br-phy";

/// The underlay's port to the other nodes.
pub const WIRE: &str = "wire";

/// Where Debian's package puts OVSDB's schema of Open vSwitch.
const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

/// A running Open vSwitch.
#[derive(Debug)]
pub struct Switch {
    dir: TempDir,
}

/// What a bridge has.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadBack {
    /// Its flows, with their counters.
    pub flows: Vec<FlowStats>,
    /// Its groups, as far as it matters for what has to change.
    pub groups: Vec<GroupThere>,
    /// Its meters.
    pub meters: Vec<Meter>,
}

/// A port to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its OpenFlow number.
    pub number: u32,
    /// Its type: `dummy`, `geneve`, `vxlan`.
    pub kind: &'static str,
}

impl Switch {
    /// Starts ovsdb-server and ovs-vswitchd; both run and listen when this returns.
    ///
    /// # Errors
    /// When a program is missing (Debian: `openvswitch-switch`) or does not start.
    pub fn start() -> Result<Switch> {
        let dir = TempDir::with_prefix("weft-ovs-").context("a temporary directory")?;
        let switch = Switch { dir };
        let database = switch.path("conf.db");
        switch.run("ovsdb-tool", [OsStr::new("create"), database.as_ref(), OsStr::new(SCHEMA)])?;
        let (pid, control) = (switch.option("pidfile", "ovsdb.pid"), switch.option("unixctl", "ovsdb.ctl"));
        let remote = format!("--remote=punix:{}", switch.path("db.sock").display());
        let log = switch.option("log-file", "ovsdb.log");
        switch.run(
            "ovsdb-server",
            [database.as_os_str(), remote.as_ref(), "--detach".as_ref(), pid.as_ref(), control.as_ref(), log.as_ref()],
        )?;
        switch.vsctl(["--no-wait", "init"])?;
        let (pid, control) = (switch.option("pidfile", "vswitchd.pid"), switch.option("unixctl", "vswitchd.ctl"));
        let log = switch.option("log-file", "vswitchd.log");
        let (database, flags) =
            (switch.database(), ["--enable-dummy", "--disable-system", "--disable-system-route", "--detach"]);
        switch.run("ovs-vswitchd", flags.into_iter().chain([&*database, &*pid, &*control, &*log]))?;
        Ok(switch)
    }

    /// Makes the bridge under test with these ports and tables named so, and the bridge of the underlay.
    ///
    /// # Errors
    /// When Open vSwitch refuses.
    pub fn bridge(&self, ports: &[Port], tables: impl IntoIterator<Item = (u8, &'static str)>) -> Result<()> {
        let mut words: Vec<String> = format!(
            "add-br {BRIDGE} -- set bridge {BRIDGE} datapath_type=dummy fail_mode=secure protocols=OpenFlow15 \
             -- add-br {UNDERLAY} -- set bridge {UNDERLAY} datapath_type=dummy \
             -- add-port {UNDERLAY} {WIRE} -- set interface {WIRE} type=dummy"
        )
        .split(' ')
        .map(str::to_owned)
        .collect();
        for Port { name, number, kind } in ports {
            let tunnel = match *kind {
                "dummy" => "",
                _ => " options:remote_ip=flow options:key=flow options:csum=true",
            };
            let port = format!(
                "-- add-port {BRIDGE} {name} -- set interface {name} type={kind} ofport_request={number}{tunnel}"
            );
            words.extend(port.split(' ').map(str::to_owned));
        }
        for (id, name) in tables {
            let table =
                format!("-- --id=@t{id} create Flow_Table name={name} -- set bridge {BRIDGE} flow_tables:{id}=@t{id}");
            words.extend(table.split(' ').map(str::to_owned));
        }
        self.vsctl(words)?;
        Ok(())
    }

    /// Gives the node an address on the underlay, and neighbours there.
    ///
    /// # Errors
    /// When Open vSwitch refuses.
    pub fn underlay(&self, own: &str, network: &str, neighbours: &[&str]) -> Result<()> {
        let length = network.split_once('/').context("a prefix")?.1;
        let verb = if own.contains(':') { "netdev-dummy/ip6addr" } else { "netdev-dummy/ip4addr" };
        self.appctl([verb, UNDERLAY, &format!("{own}/{length}")])?;
        self.appctl(["ovs/route/add", network, UNDERLAY])?;
        for (index, neighbour) in neighbours.iter().enumerate() {
            self.appctl(["tnl/neigh/set", UNDERLAY, neighbour, &format!("02:00:00:00:ff:{index:02x}")])?;
        }
        Ok(())
    }

    /// Puts meters and flows into the bridge as the agent does: the tunnel's option, meters, then flows in one bundle.
    ///
    /// # Errors
    /// When the switch refuses something.
    pub fn load(&self, realizer: &Realizer) -> Result<()> {
        self.connected(async |connection| {
            let option = TlvMap { class: 0x0109, kind: 0x40, length: 4, index: 0 };
            connection.tlv_table_mod(TlvTableMod { command: TlvCommand::Add, maps: vec![option] }).await?;
            let meters: Vec<Message> = diff::meters(&connection.meters().await?, &realizer.meters())
                .into_iter()
                .map(Message::MeterMod)
                .collect();
            let refused = connection.apply(&meters).await?;
            ensure!(refused.is_empty(), "meters are refused: {refused:?}");
            connection.bundle(realizer.compare([], []).into_messages()).await.context("flows are refused")
        })
    }

    /// Puts a node's flows in the place of all that the bridge has, in one bundle.
    ///
    /// # Errors
    /// When the switch refuses something.
    pub fn replace(&self, realizer: &Realizer) -> Result<()> {
        let back = self.read_back()?;
        self.change(realizer.compare(&back.flows, &back.groups))
    }

    /// Makes changes in one bundle, as the agent does.
    ///
    /// # Errors
    /// When the switch refuses something.
    pub fn change(&self, changes: Changes) -> Result<()> {
        let messages = changes.into_messages();
        self.connected(async |connection| connection.bundle(messages).await.context("flows are refused"))
    }

    /// Flows, groups and meters in the bridge, as the agent reads them back.
    ///
    /// # Errors
    /// When the switch does not answer.
    pub fn read_back(&self) -> Result<ReadBack> {
        self.connected(async |connection| {
            let (flows, mut groups) = (connection.flows().await?, Vec::new());
            connection.groups_each(|group| groups.push(group.into())).await?;
            Ok(ReadBack { flows, groups, meters: connection.meters().await? })
        })
    }

    /// Runs something over an OpenFlow connection to the bridge.
    fn connected<T>(&self, work: impl AsyncFnOnce(Connection) -> Result<T>) -> Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async { work(Connection::connect(&self.management(BRIDGE)).await?).await })
    }

    /// The bridge's flows as `ovs-ofctl --names` prints them, without counters.
    ///
    /// # Errors
    /// When the switch does not answer.
    pub fn dump(&self) -> Result<Vec<String>> {
        let text = self.ofctl(["--names", "--no-stats", "dump-flows", &self.management(BRIDGE)])?;
        Ok(text.lines().map(|line| line.trim().to_owned()).collect())
    }

    /// What the switch would do with a packet, given the states that conntrack finds.
    ///
    /// # Errors
    /// When the switch does not understand the packet.
    pub fn trace(&self, packet: &str, states: &[String]) -> Result<String> {
        let given = states.iter().flat_map(|state| ["--ct-next".to_owned(), state.clone()]);
        let words = ["ofproto/trace", "--names", BRIDGE, packet].into_iter().map(str::to_owned);
        self.appctl(words.chain(given))
    }

    /// Lets a frame come in at a port of the dummy datapath.
    ///
    /// # Errors
    /// When there is no such port.
    pub fn receive(&self, port: &str, frame: &[u8]) -> Result<()> {
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        self.appctl(["netdev-dummy/receive", port, &hex]).map(drop)
    }

    /// Keeps what goes out of a port of the dummy datapath, from now on.
    ///
    /// # Errors
    /// When there is no such port.
    pub fn capture(&self, port: &str) -> Result<()> {
        let option = format!("options:tx_pcap={}", self.path(&format!("{port}.pcap")).display());
        self.vsctl(["set", "interface", port, &option]).map(drop)
    }

    /// What has gone out of a captured port: whole frames.
    ///
    /// # Errors
    /// When the port is not captured.
    pub fn sent(&self, port: &str) -> Result<Vec<Vec<u8>>> {
        const FILE_HEADER: usize = 24;
        const RECORD_HEADER: usize = 16;
        let file = std::fs::read(self.path(&format!("{port}.pcap")))?;
        let (mut rest, mut frames) = (file.get(FILE_HEADER..).unwrap_or_default(), Vec::new());
        while let Some(length) = rest.get(8..12) {
            let length = u32::from_ne_bytes(length.try_into().expect("four bytes")) as usize;
            let Some(frame) = rest.get(RECORD_HEADER..RECORD_HEADER + length) else { break };
            frames.push(frame.to_vec());
            rest = &rest[RECORD_HEADER + length..];
        }
        Ok(frames)
    }

    /// Runs `ovs-vsctl`.
    ///
    /// # Errors
    /// When it fails: its words.
    pub fn vsctl<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Result<String> {
        self.run_on("ovs-vsctl", &format!("--db={}", self.database()), words)
    }

    /// Runs `ovs-ofctl` for OpenFlow 1.5.
    ///
    /// # Errors
    /// When it fails: its words.
    pub fn ofctl<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Result<String> {
        self.run_on("ovs-ofctl", "-OOpenFlow15", words)
    }

    /// Asks ovs-vswitchd as `ovs-appctl` does, without a process for each question.
    ///
    /// # Errors
    /// When it refuses: its words.
    pub fn appctl<S: AsRef<str>>(&self, words: impl IntoIterator<Item = S>) -> Result<String> {
        let mut words = words.into_iter().map(|word| word.as_ref().to_owned());
        let method = words.next().context("a command")?;
        let params: Vec<String> = words.collect();
        let stream = UnixStream::connect(self.path("vswitchd.ctl")).context("ovs-vswitchd does not listen")?;
        serde_json::to_writer(&stream, &json!({"id": 0, "method": method, "params": params}))?;
        let answer = serde_json::Deserializer::from_reader(&stream).into_iter::<Value>().next();
        let answer = answer.with_context(|| format!("{method}: no answer"))??;
        match answer["error"].as_str() {
            Some(error) => bail!("{method}: {}", error.trim()),
            None => Ok(answer["result"].as_str().unwrap_or_default().to_owned()),
        }
    }

    /// The OpenFlow address of a bridge.
    pub fn management(&self, bridge: &str) -> String {
        format!("unix:{}", self.path(&format!("{bridge}.mgmt")).display())
    }

    /// The address of the database.
    pub fn database(&self) -> String {
        format!("unix:{}", self.path("db.sock").display())
    }

    /// The directory of sockets, for programs that take `OVS_RUNDIR`.
    pub fn directory(&self) -> &Path {
        self.dir.path()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn option(&self, name: &str, file: &str) -> String {
        format!("--{name}={}", self.path(file).display())
    }

    fn run_on<S: AsRef<OsStr>>(
        &self,
        program: &str,
        target: &str,
        words: impl IntoIterator<Item = S>,
    ) -> Result<String> {
        let words = words.into_iter().map(|word| word.as_ref().to_owned());
        self.run(program, std::iter::once(target.into()).chain(words))
    }

    fn run<S: AsRef<OsStr>>(&self, program: &str, words: impl IntoIterator<Item = S>) -> Result<String> {
        let output = Command::new(program)
            .args(words)
            .env("OVS_RUNDIR", self.dir.path())
            .output()
            .with_context(|| format!("{program} does not run: install openvswitch-switch"))?;
        if !output.status.success() {
            bail!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Asks a program to end, and ends it by its number if it does not listen.
    fn stop(&self, name: &str) -> Result<()> {
        let pid = self.path(&format!("{name}.pid"));
        let control = format!("--target={}", self.path(&format!("{name}.ctl")).display());
        if !pid.exists() || self.run("ovs-appctl", [&*control, "exit", "--cleanup"]).is_ok() {
            return Ok(());
        }
        if self.run("ovs-appctl", [&*control, "exit"]).is_ok() {
            return Ok(());
        }
        let number = std::fs::read_to_string(&pid)?;
        let status = Command::new("kill").arg(number.trim()).status()?;
        ensure!(status.success(), "{name} does not end");
        Ok(())
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        for name in ["vswitchd", "ovsdb"] {
            if let Err(error) = self.stop(name) {
                eprintln!("the switch of this test: {error:#}");
            }
        }
    }
}
