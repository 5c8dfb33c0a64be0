//! OVN with the same pods and policies: its own central daemons and ovn-controller on a switch without a datapath.
//!
//! A network of one switch a node behind one router; a policy is a port group, an address set and two ACLs, as its Kubernetes
//! integration makes them. Everything is in a folder of its own and ends with this program.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::super::row::percentile;
use crate::step;

/// What was measured.
pub struct Figures {
    /// On the integration bridge.
    pub flows: f64,
    /// Seconds from the first command to the flows.
    pub cold_s: f64,
    /// Milliseconds of an address more in a set.
    pub peer_join_ms: f64,
    /// Milliseconds of a port more in a group.
    pub pod_in_force_ms: f64,
    /// Resident memory of ovn-controller.
    pub agent_mib: f64,
    /// Resident memory of northd and the two databases.
    pub centre_mib: f64,
}

/// Commands that one call of ovn-nbctl does at once.
const TOGETHER: usize = 500;
/// Targets of a policy, and the distance between two of its peers.
const TARGETS: usize = 10;
const STRIDE: usize = 7;
/// How often a change is measured.
const TIMES: usize = 7;

/// Measures.
///
/// # Errors
/// OVN does not start, or does not answer.
pub fn measure([pods, local, policies, peers]: [usize; 4]) -> Result<Figures> {
    let ovn = Ovn::start()?;
    let commands = commands(pods, local, policies, peers);
    let began = Instant::now();
    for some in commands.chunks(TOGETHER) {
        ovn.nbctl(&some.iter().map(|command| format!("-- {command}")).collect::<Vec<_>>().join(" "))?;
    }
    let ports: String = (0..local).fold(String::new(), |mut text, n| {
        let _ = write!(text, " -- add-port br-int v{n} -- set interface v{n} type=dummy external_ids:iface-id=p{n}");
        text
    });
    ovn.run("ovs-vsctl", &format!("--db=unix:{} --no-wait{ports}", ovn.socket("db")))?;
    ovn.nbctl("--wait=hv --timeout=600 sync")?;
    let cold_s = began.elapsed().as_secs_f64();
    let flows = ovn.flows()?;
    let timed = |command: &dyn Fn(usize) -> String| -> Result<f64> {
        let mut took = Vec::new();
        for turn in 1..=TIMES {
            let began = Instant::now();
            ovn.nbctl(&format!("--wait=hv --timeout=120 {}", command(turn)))?;
            took.push(began.elapsed().as_secs_f64() * 1000.0);
        }
        took.sort_by(f64::total_cmp);
        Ok(percentile(&took, 0.5))
    };
    let set = ovn.nbctl("--bare --columns=_uuid find Address_Set name=as1")?;
    let peer_join_ms = timed(&|turn| format!("add Address_Set {} addresses \"10.250.0.{turn}\"", set.trim()))?;
    let pod_in_force_ms = timed(&|turn| {
        format!(
            "lsp-add node0 new{turn} -- lsp-set-addresses new{turn} 0a:58:02:00:00:0{turn}\u{a0}10.251.0.{turn} -- pg-set-ports pg2 new{turn}"
        )
    })?;
    let centre_mib = ovn.resident("northd")? + ovn.resident("nb")? + ovn.resident("sb")?;
    Ok(Figures { flows, cold_s, peer_join_ms, pod_in_force_ms, agent_mib: ovn.resident("ctl")?, centre_mib })
}

/// An address of a pod.
fn address(pod: usize) -> String {
    format!("10.{}.{}.{}", 128 + (pod >> 16), pod >> 8 & 255, pod & 255)
}

/// The cluster in the words of ovn-nbctl; a blank inside of a word is written as a no-break space.
fn commands(pods: usize, local: usize, policies: usize, peers: usize) -> Vec<String> {
    let nodes = pods.div_ceil(local);
    let mut all: Vec<String> = (0..nodes).map(|node| format!("ls-add node{node}")).collect();
    all.push("lr-add r".to_owned());
    all.extend((0..nodes).map(|node| {
        let (high, low) = (node >> 8, node & 255);
        format!(
            "lrp-add r r-node{node} 0a:58:00:00:{high:02x}:{low:02x} 10.{}.{low}.1/24 -- lsp-add node{node} node{node}-r \
             -- lsp-set-type node{node}-r router -- lsp-set-addresses node{node}-r router \
             -- lsp-set-options node{node}-r router-port=r-node{node}",
            64 + high
        )
    }));
    all.extend((0..pods).map(|pod| {
        let (node, mac) = (pod / local, format!("0a:58:01:{:02x}:{:02x}:{:02x}", pod >> 16, pod >> 8 & 255, pod & 255));
        format!("lsp-add node{node} p{pod} -- lsp-set-addresses p{pod} {mac}\u{a0}{}", address(pod))
    }));
    for policy in 0..policies {
        let targets: Vec<String> = (0..TARGETS).map(|k| format!("p{}", (policy * TARGETS + k) % pods)).collect();
        let sources: Vec<String> =
            (0..peers).map(|k| format!("\"{}\"", address((policy * peers + k * STRIDE) % pods))).collect();
        all.push(format!("pg-add pg{policy} {}", targets.join(" ")));
        all.push(format!("create Address_Set name=as{policy} addresses={}", sources.join(",")));
        let acl = |priority: u32, matching: String, verdict: &str| {
            format!("acl-add pg{policy} to-lport {priority} {} {verdict}", matching.replace(' ', "\u{a0}"))
        };
        let allowed = format!("outport==@pg{policy} && ip4.src==$as{policy} && tcp.dst==80");
        all.push(acl(1001, allowed, "allow-related"));
        all.push(acl(1000, format!("outport==@pg{policy} && ip"), "drop"));
    }
    all
}

/// Its daemons, in a folder.
struct Ovn {
    folder: PathBuf,
    daemons: Vec<(&'static str, Child)>,
}

impl Ovn {
    fn start() -> Result<Ovn> {
        let folder = std::env::temp_dir().join(format!("weft-bench-ovn-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let mut ovn = Ovn { folder, daemons: Vec::new() };
        for (name, schema, socket) in [("nb", "ovn-nb", "nb"), ("sb", "ovn-sb", "sb"), ("conf", "vswitch", "db")] {
            let database = ovn.file(&format!("{name}.db"));
            ovn.run("ovsdb-tool", &format!("create {database} {}", schema_file(schema)?))?;
            let remote = format!("{database} --remote=punix:{}", ovn.socket(socket));
            ovn.daemon(name, "ovsdb-server", &remote)?;
            ovn.wait_for(&ovn.socket(socket))?;
        }
        ovn.nbctl("init")?;
        ovn.run("ovn-sbctl", &format!("--db=unix:{} init", ovn.socket("sb")))?;
        let switch = ovn.socket("db");
        ovn.run("ovs-vsctl", &format!("--db=unix:{switch} --no-wait init"))?;
        ovn.daemon("vs", "ovs-vswitchd", &format!("unix:{switch} --enable-dummy=system"))?;
        let (north, south) = (ovn.socket("nb"), ovn.socket("sb"));
        ovn.daemon("northd", "ovn-northd", &format!("--ovnnb-db=unix:{north} --ovnsb-db=unix:{south}"))?;
        ovn.run(
            "ovs-vsctl",
            &format!(
                "--db=unix:{switch} --no-wait set open . external-ids:system-id=hv1 external-ids:ovn-remote=unix:{south} \
                 external-ids:ovn-encap-type=geneve external-ids:ovn-encap-ip=192.0.2.1 external-ids:ovn-monitor-all=true \
                 -- add-br br-int -- set bridge br-int fail_mode=secure datapath_type=dummy"
            ),
        )?;
        ovn.daemon("ctl", "ovn-controller", &format!("unix:{switch}"))?;
        ovn.wait_for(&ovn.file("br-int.mgmt"))?;
        ovn.nbctl("--wait=hv --timeout=60 sync")?;
        // Without any node "all nodes have it" is said at once: one that is not there must not look fast.
        for (name, child) in &mut ovn.daemons {
            ensure!(child.try_wait()?.is_none(), "OVN's {name} has ended; its log was in {}", ovn.folder.display());
        }
        Ok(ovn)
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn socket(&self, name: &str) -> String {
        self.file(&format!("{name}.sock"))
    }

    fn wait_for(&self, path: &str) -> Result<()> {
        let began = Instant::now();
        while !Path::new(path).exists() {
            ensure!(began.elapsed() < Duration::from_secs(60), "OVN does not make {path}");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// A program of Open vSwitch or OVN with words split at blanks.
    fn command(&self, program: &str, words: &str) -> Command {
        let mut command = Command::new(crate::machine::find(program).unwrap_or_else(|| program.into()));
        for variable in ["OVS_RUNDIR", "OVN_RUNDIR", "OVS_LOGDIR", "OVN_LOGDIR", "OVS_DBDIR", "OVN_DBDIR"] {
            command.env(variable, &self.folder);
        }
        command.args(words.split(' ').filter(|word| !word.is_empty()).map(|word| word.replace('\u{a0}', " ")));
        command
    }

    fn run(&self, program: &str, words: &str) -> Result<String> {
        step::quiet(&mut self.command(program, words))
    }

    fn nbctl(&self, words: &str) -> Result<String> {
        self.run("ovn-nbctl", &format!("--db=unix:{} --timeout=600 {words}", self.socket("nb")))
    }

    fn daemon(&mut self, name: &'static str, program: &str, words: &str) -> Result<()> {
        let mut command = self.command(program, words);
        // ovn-controller alone cannot be told where to have its socket for questions.
        if program != "ovn-controller" {
            command.arg(format!("--unixctl={}", self.file(&format!("{name}.ctl"))));
        }
        command.args(["-vconsole:off", &format!("--log-file={}", self.file(&format!("{name}.log")))]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.daemons.push((name, child.with_context(|| format!("cannot start {program}"))?));
        Ok(())
    }

    fn flows(&self) -> Result<f64> {
        let said = self.run("ovs-ofctl", &format!("dump-aggregate unix:{}", self.file("br-int.mgmt")))?;
        let count = said.split_whitespace().find_map(|word| word.strip_prefix("flow_count="));
        count.and_then(|count| count.parse().ok()).with_context(|| format!("no flow count in {said}"))
    }

    /// Resident memory in MiB.
    fn resident(&self, name: &str) -> Result<f64> {
        let (_, child) = self.daemons.iter().find(|(own, _)| *own == name).context("one of its daemons")?;
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()))?;
        let kib =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
        Ok(kib.with_context(|| format!("{name} has ended"))? / 1024.0)
    }
}

impl Drop for Ovn {
    fn drop(&mut self) {
        for (_, child) in &mut self.daemons {
            // One that has ended by itself is as good.
            drop(child.kill());
            drop(child.wait());
        }
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Where a schema is installed.
fn schema_file(name: &str) -> Result<String> {
    let places = ["openvswitch", "ovn"].map(|folder| format!("/usr/share/{folder}/{name}.ovsschema"));
    places.into_iter().find(|path| Path::new(path).exists()).with_context(|| format!("no schema {name} is installed"))
}
