//! The processes that can be killed and started: Open vSwitch, agents, controllers.
//!
//! They are the daemon's children and nothing restarts them, so that a test sees exactly the failure it made.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::args::{Datapath, Role};
use crate::layout::{Layout, Shape, node_name};
use crate::program::{inside, run};

/// Within this time a program that was started answers, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Children by role and number.
#[derive(Debug, Default)]
pub struct Processes {
    running: BTreeMap<(Role, u16), Vec<Child>>,
}

/// Starts and stops the parts of one playground.
#[derive(Debug, Clone, Copy)]
pub struct Starter<'a> {
    /// Names and paths.
    pub layout: &'a Layout,
    /// What was asked of `up`.
    pub shape: &'a Shape,
}

impl Processes {
    /// True while every process of the part lives.
    pub fn runs(&mut self, role: Role, index: u16) -> bool {
        let Some(children) = self.running.get_mut(&(role, index)) else { return false };
        children.iter_mut().all(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Takes over what [`Starter::start`] started.
    pub fn keep(&mut self, role: Role, index: u16, children: Vec<Child>) {
        self.running.insert((role, index), children);
    }

    /// SIGKILL, and waits until they are gone. Says whether anything ran.
    pub fn kill(&mut self, role: Role, index: u16) -> bool {
        let mut children = self.running.remove(&(role, index)).unwrap_or_default();
        let mut ran = false;
        for child in &mut children {
            ran |= matches!(child.try_wait(), Ok(None));
            // Fails only for one that has ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
        ran
    }
}

impl Starter<'_> {
    /// Starts a part; returns when it takes connections where it has a socket to tell by.
    ///
    /// # Errors
    /// A program that is missing or ends at once: with the path of its log.
    pub fn start(&self, role: Role, index: u16) -> Result<Vec<Child>> {
        match role {
            Role::Ovs => self.ovs(index),
            Role::Agent => Ok(vec![self.spawn(&format!("agent-{}", node_name(index)), &mut self.agent(index))?]),
            Role::Controller => Ok(vec![self.spawn(&format!("controller-{index}"), &mut self.controller(index))?]),
        }
    }

    /// Makes what a node's switch needs once: its folders and its database.
    ///
    /// # Errors
    /// A folder or the database cannot be made.
    pub fn prepare_node(&self, index: u16) -> Result<()> {
        for folder in [self.layout.ovs(index), self.layout.node(index).join("weft"), self.layout.cni(index)] {
            std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let database = self.layout.ovs(index).join("conf.db");
        run(Command::new("ovsdb-tool").arg("create").arg(database).arg("/usr/share/openvswitch/vswitch.ovsschema"))
            .map(drop)
    }

    /// A command in a node's namespace that finds the node's switch and agent.
    pub fn on_node(&self, index: u16, program: &str) -> Command {
        let mut command = inside(&self.layout.node_netns(index), program);
        command.envs(node_environment(self.layout, self.shape, index));
        command
    }

    fn ovs(&self, index: u16) -> Result<Vec<Child>> {
        let folder = self.layout.ovs(index);
        let socket = folder.join("db.sock");
        let mut server = self.on_node(index, "ovsdb-server");
        server.arg(folder.join("conf.db")).arg(format!("--remote=punix:{}", socket.display())).arg("--pidfile");
        let mut server =
            self.spawn(&format!("ovsdb-{}", node_name(index)), server.args(["-vconsole:info", "-vsyslog:off"]))?;
        wait_until(&mut server, || UnixStream::connect(&socket).is_ok()).context("ovsdb-server")?;
        let system = format!("external_ids:system-id={}", node_name(index));
        run(self.on_node(index, "ovs-vsctl").args([
            "--no-wait",
            "--",
            "init",
            "--",
            "set",
            "Open_vSwitch",
            ".",
            &system,
        ]))?;
        let mut switch = self.on_node(index, "ovs-vswitchd");
        switch.arg(format!("unix:{}", socket.display())).args(["--pidfile", "-vconsole:info", "-vsyslog:off"]);
        let mut switch = self.spawn(&format!("vswitchd-{}", node_name(index)), &mut switch)?;
        let answers =
            || run(self.on_node(index, "ovs-appctl").args(["-T", "1", "-t", "ovs-vswitchd", "version"])).is_ok();
        wait_until(&mut switch, answers).context("ovs-vswitchd")?;
        Ok(vec![switch, server])
    }

    fn agent(&self, index: u16) -> Command {
        let node = self.layout.node(index);
        let mut command = self.on_node(index, &self.binary("weft-agent"));
        command.args(["--node", &node_name(index), "--controller", &self.shape.controller_endpoints().join(",")]);
        command.arg("--pki").arg(self.layout.pki().join(node_name(index)));
        command.arg("--ovs-rundir").arg(self.layout.ovs(index));
        command.arg("--run-dir").arg(node.join("weft")).arg("--state-dir").arg(node.join("state"));
        command.arg("--cni-conf-dir").arg(self.layout.cni(index)).args(["--uplink", "eth0"]);
        let datapath = match self.shape.datapath {
            Datapath::Auto => "auto",
            Datapath::Netdev => "netdev",
            Datapath::System => "system",
        };
        command.args(["--datapath", datapath]);
        command
    }

    fn controller(&self, index: u16) -> Command {
        let mut command = inside(&self.layout.underlay_netns(), self.binary("weft-controller"));
        command.arg("run").arg("--objects").arg(self.layout.objects()).arg("--state").arg(self.layout.state());
        command.arg("--config").arg(self.layout.root.join("controller.yaml")).arg("--pki").arg(self.layout.pki());
        command.args(["--listen", &self.shape.controller_endpoint(index), "--replica", &format!("controller-{index}")]);
        command.args(["--health", &format!("127.0.0.1:{}", 10400 + index)]);
        command
    }

    /// Makes a client certificate: of a node, or of the person behind `ctl`.
    ///
    /// # Errors
    /// What weft-controller said.
    pub fn certificate(&self, node: Option<u16>) -> Result<()> {
        let mut command = Command::new(self.binary("weft-controller"));
        command.arg("certificate").arg("--pki").arg(self.layout.pki());
        let folder = match node {
            Some(index) => {
                command.args(["--node", &node_name(index)]);
                node_name(index)
            }
            None => {
                command.arg("--operator");
                "operator".to_owned()
            }
        };
        run(command.arg("--out").arg(self.layout.pki().join(folder))).map(drop)
    }

    fn binary(&self, name: &str) -> String {
        self.shape.binaries.join(name).to_string_lossy().into_owned()
    }

    /// Starts a program with its output in its log, after what is already there.
    fn spawn(&self, process: &str, command: &mut Command) -> Result<Child> {
        let path = self.layout.log(process);
        let log = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        let error = log.try_clone()?;
        let child = command.stdin(Stdio::null()).stdout(log).stderr(error).spawn();
        child.with_context(|| format!("cannot start {process}"))
    }
}

/// What a command on a node finds in its environment, so that Open vSwitch's tools and weftctl just work.
pub fn node_environment(layout: &Layout, shape: &Shape, index: u16) -> Vec<(&'static str, String)> {
    let ovs = layout.ovs(index).to_string_lossy().into_owned();
    vec![
        ("OVS_RUNDIR", ovs.clone()),
        ("OVS_DBDIR", ovs.clone()),
        ("OVS_LOGDIR", ovs),
        ("WEFT_SOCKET", layout.agent_socket(index).to_string_lossy().into_owned()),
        ("PATH", path_with(shape)),
    ]
}

/// PATH with the folder of Weft's binaries in front.
pub fn path_with(shape: &Shape) -> String {
    format!(
        "{}:{}",
        shape.binaries.display(),
        std::env::var("PATH").unwrap_or_else(|_| "/usr/sbin:/usr/bin:/sbin:/bin".to_owned())
    )
}

/// Polls until `ready`; a child cannot be waited for in any other way than by its effects.
fn wait_until(child: &mut Child, ready: impl Fn() -> bool) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !ready() {
        if let Some(status) = child.try_wait()? {
            bail!("ended at once: {status}; see its log under log/");
        }
        if Instant::now() > deadline {
            bail!("does not answer within {} s; see its log under log/", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
