//! The verbs as a person's command runs them.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command as Program, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::args::{Command, Up, Verb};
use crate::layout::{Layout, Shape};
use crate::protocol::{Request, ask};
use crate::{daemon, enter, manifest, print, teardown};

/// Programs that a playground needs, with the packages that bring them.
const NEEDED: [(&str, &str); 6] = [
    ("ip", "iproute2"),
    ("ethtool", "ethtool"),
    ("nft", "nftables"),
    ("ovs-vswitchd", "openvswitch-switch"),
    ("ovsdb-server", "openvswitch-switch"),
    ("ovs-vsctl", "openvswitch-switch"),
];

/// Programs of Weft that run in it.
const BINARIES: [&str; 4] = ["weft-controller", "weft-agent", "weft-cni", "weftctl"];

/// Runs a verb.
///
/// # Errors
/// What went wrong, for a person to read.
pub fn run(command: Command) -> Result<ExitCode> {
    let layout = Layout::new(&command.name);
    match command.verb {
        Verb::Up(arguments) => up(&layout, &arguments)?,
        Verb::Apply { files, namespace } => {
            let objects = manifest::read(&files)?;
            send(&layout, &Request::Apply { objects, namespace: namespace.unwrap_or_default() })?;
        }
        Verb::Delete { files, namespace, target } => {
            let objects = if files.is_empty() { named(&target)? } else { manifest::read(&files)? };
            send(&layout, &Request::Delete { objects, namespace: namespace.unwrap_or_default() })?;
        }
        Verb::Get { kind, object, namespace, all_namespaces: _, selector, output } => {
            let (kind, name) = match (kind.split_once('/'), object) {
                (Some((kind, name)), None) => (kind.to_owned(), Some(name.to_owned())),
                (_, object) => (kind, object),
            };
            let one = name.is_some();
            for kind in kind.split(',') {
                let (kind, name, namespace) = (kind.to_owned(), name.clone(), namespace.clone());
                let answer = send(&layout, &Request::Get { kind: kind.clone(), name, namespace })?;
                print::objects(&kind, &print::chosen(enter::objects(answer), selector.as_deref())?, output, one)?;
            }
        }
        Verb::Wait { timeout } => drop(send(&layout, &Request::Wait { seconds: timeout })?),
        Verb::Exec { pod, command } => enter::pod(&layout, &pod, &command)?,
        Verb::Node { node, command } => enter::node(&layout, &node, &command)?,
        Verb::Outside { command } => enter::outside(&layout, &command)?,
        Verb::Ctl { arguments } => enter::ctl(&layout, &arguments)?,
        Verb::Kill(part) => drop(send(&layout, &Request::Kill { role: part.role, target: part.target })?),
        Verb::Start(part) => drop(send(&layout, &Request::Start { role: part.role, target: part.target })?),
        Verb::Down { all } => down(&layout, all)?,
        Verb::Serve => daemon::serve(&layout)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks the daemon of a playground that exists.
fn send(layout: &Layout, request: &Request) -> Result<Value> {
    layout.shape()?;
    ask(&layout.socket(), request)
}

/// KIND NAME... or KIND/NAME..., as manifests.
fn named(target: &[String]) -> Result<Vec<Value>> {
    let object = |kind: &str, name: &str| json!({"kind": kind, "metadata": {"name": name}});
    if let Some(pairs) = target.iter().map(|word| word.split_once('/')).collect::<Option<Vec<_>>>() {
        return Ok(pairs.into_iter().map(|(kind, name)| object(kind, name)).collect());
    }
    match target {
        [kind, names @ ..] if !names.is_empty() => Ok(names.iter().map(|name| object(kind, name)).collect()),
        _ => bail!("delete what? KIND NAME, or -f FILE"),
    }
}

/// Makes a playground.
fn up(layout: &Layout, arguments: &Up) -> Result<()> {
    check_machine()?;
    let binaries = binaries(arguments.bare)?;
    let objects = manifest::read(&arguments.objects)?;
    let shape = Shape {
        nodes: arguments.nodes,
        controllers: arguments.controllers,
        encapsulation: arguments.encapsulation,
        families: arguments.families,
        underlay: arguments.underlay,
        datapath: arguments.datapath,
        underlay_mtu: arguments.underlay_mtu,
        bare: arguments.bare,
        binaries,
    };
    let config = match &arguments.config {
        Some(path) => {
            serde_yaml_ng::from_str(&std::fs::read_to_string(path).with_context(|| path.display().to_string())?)
                .with_context(|| path.display().to_string())?
        }
        None => Value::Null,
    };
    teardown::remove(layout)?;
    teardown::note_netns_mount()?;
    std::fs::create_dir_all(layout.root.join("log"))
        .with_context(|| format!("cannot make {}", layout.root.display()))?;
    std::fs::write(
        layout.root.join("controller.yaml"),
        serde_yaml_ng::to_string(&daemon::controller_config(&shape, config))?,
    )?;
    std::fs::write(layout.root.join("shape.json"), serde_json::to_string_pretty(&shape)?)?;
    start_daemon(layout)?;
    ask(&layout.socket(), &Request::Ready)?;
    if !objects.is_empty() {
        ask(&layout.socket(), &Request::Apply { objects, namespace: String::new() })?;
    }
    Ok(())
}

/// Starts the daemon and waits until it listens.
fn start_daemon(layout: &Layout) -> Result<()> {
    let path = layout.log("play");
    let log = std::fs::File::create(&path)?;
    let mut child = Program::new(std::env::current_exe().context("cannot find this program's own file")?)
        .args(["--name", &layout.name, "serve"])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("cannot start the playground's daemon")?;
    let deadline = Instant::now() + Duration::from_secs(60);
    while UnixStream::connect(layout.socket()).is_err() {
        if child.try_wait()?.is_some() || Instant::now() > deadline {
            bail!(
                "the playground's daemon did not start: {}",
                std::fs::read_to_string(&path).unwrap_or_default().trim()
            );
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Removes one playground, or all.
fn down(layout: &Layout, all: bool) -> Result<()> {
    check_root()?;
    let layouts = if all { teardown::found() } else { vec![layout.clone()] };
    for layout in &layouts {
        let existed = teardown::remove(layout)?;
        println!("playground {:?} {}", layout.name, if existed { "removed" } else { "does not exist" });
    }
    teardown::remove_shared();
    Ok(())
}

fn check_root() -> Result<()> {
    if !nix::unistd::geteuid().is_root() {
        bail!("run it as root: it makes network namespaces");
    }
    Ok(())
}

/// Is everything there that a playground needs?
fn check_machine() -> Result<()> {
    check_root()?;
    let mut missing: Vec<&str> =
        NEEDED.iter().filter(|(program, _)| find(program).is_none()).map(|(_, package)| *package).collect();
    missing.dedup();
    if !missing.is_empty() {
        bail!("programs are missing; on Debian: apt-get install -y {}", missing.join(" "));
    }
    Ok(())
}

/// A program in PATH.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Folder of Weft's binaries: beside this one, or what WEFT_BIN says.
fn binaries(bare: bool) -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find this program's own file")?;
    let beside = own.parent().unwrap_or(Path::new("/")).to_owned();
    let folder = std::env::var_os("WEFT_BIN").map_or(beside, PathBuf::from);
    let missing: Vec<&str> = BINARIES.into_iter().filter(|name| !folder.join(name).is_file()).collect();
    if !bare && !missing.is_empty() {
        bail!(
            "{} missing in {}; build them with `cargo build`, or set WEFT_BIN to their folder",
            missing.join(", "),
            folder.display()
        );
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_to_delete_are_named_as_with_kubectl() {
        let check = |words: &[&str], expect: Option<Value>| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            assert_eq!(named(&words).ok().map(|objects| json!(objects)), expect);
        };
        check(&["pod", "web"], Some(json!([{"kind": "pod", "metadata": {"name": "web"}}])));
        check(&["pod/web"], Some(json!([{"kind": "pod", "metadata": {"name": "web"}}])));
        check(&["pod"], None);
    }
}
