//! An Open vSwitch of a test's own: dummy datapath, sockets and database in a directory that goes with it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A running Open vSwitch with a bridge `br0`, which speaks OpenFlow on `br0.mgmt`, and ports `p1`, `p2`.
pub struct Vswitch {
    dir: PathBuf,
    processes: Vec<Child>,
}

impl Vswitch {
    /// Starts one, or says why not and gives `None` where Open vSwitch is not installed.
    pub fn start(name: &str) -> Option<Vswitch> {
        let dir = std::env::temp_dir().join(format!("wof-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let schema = "/usr/share/openvswitch/vswitch.ovsschema";
        let created = Command::new("ovsdb-tool").arg("create").arg(dir.join("conf.db")).arg(schema).status();
        if !created.is_ok_and(|status| status.success()) {
            eprintln!("no Open vSwitch here: test skipped");
            return None;
        }
        let mut switch = Vswitch { dir, processes: Vec::new() };
        let remote = format!("--remote=punix:{}", switch.path("db.sock"));
        let (conf, control) = (switch.path("conf.db"), switch.path("ctl"));
        let database = format!("unix:{}", switch.path("db.sock"));
        let quiet = "-vconsole:off";
        switch.spawn("ovsdb-server", &[&remote, &conf, quiet, "--unixctl", &switch.path("dbctl")]);
        switch.vsctl(&["--no-wait", "init"]);
        let dummy = ["--enable-dummy=override", "--disable-system", quiet, "--unixctl", &control, &database];
        switch.spawn("ovs-vswitchd", &dummy);
        let bridge = ["add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy", "protocols=OpenFlow15"];
        switch.vsctl(&[&bridge[..], &["fail-mode=secure"]].concat());
        for port in ["p1", "p2"] {
            switch.vsctl(&["add-port", "br0", port, "--", "set", "interface", port, "type=dummy"]);
        }
        Some(switch)
    }

    /// A file of the directory.
    pub fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().expect("a temporary directory has a plain name").to_owned()
    }

    fn spawn(&mut self, program: &str, args: &[&str]) {
        let mut command = Command::new(program);
        for variable in ["OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR"] {
            command.env(variable, &self.dir);
        }
        let child = command.args(args).stdin(Stdio::null()).spawn().unwrap();
        self.processes.push(child);
    }

    /// Runs `ovs-vsctl`, which waits until the switch has done it.
    pub fn vsctl(&self, args: &[&str]) {
        let database = format!("--db=unix:{}", self.path("db.sock"));
        let status =
            Command::new("ovs-vsctl").args([&database, "--retry", "--timeout=120"]).args(args).status().unwrap();
        assert!(status.success(), "ovs-vsctl {args:?}");
    }
}

impl Drop for Vswitch {
    fn drop(&mut self) {
        for child in self.processes.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
