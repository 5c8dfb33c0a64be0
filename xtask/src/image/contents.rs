//! What is in the image: Weft's programs, Open vSwitch's, and for both the libraries that they load, with the licences of the packages
//! that these come from.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::root::{Entry, Root};
use crate::build::Profile;
use crate::machine::{find, repository};
use crate::step;

/// Weft's programs; `weft-cni` is copied from here to the node by the agent's pod.
const WEFT: &[&str] = &["weft-controller", "weft-agent", "weftctl"];
/// Open vSwitch's, and `nft`, which the agent runs.
const SWITCH: &[&str] = &[
    "ovsdb-server",
    "ovsdb-tool",
    "ovsdb-client",
    "ovs-vswitchd",
    "ovs-vsctl",
    "ovs-ofctl",
    "ovs-appctl",
    "ovs-dpctl",
    "nft",
];
/// The schema of Open vSwitch's database.
const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";
/// The plugin for host ports, where a node has none.
const PORTMAP: &str = "/usr/lib/cni/portmap";
/// Folder of the plugins in the image.
pub const PLUGINS: &str = "/opt/cni/bin";

/// Everything, from a build of Weft and the machine's packages.
///
/// # Errors
/// Something is not there or does not build.
pub fn of_image(profile: Profile) -> Result<Root> {
    let built = super::prepare(profile)?;
    let mut root = skeleton();
    let mut taken = BTreeSet::new();
    for name in WEFT {
        let program = bare(&built.join(name))?;
        root.put_file(&format!("/usr/bin/{name}"), &program, 0o755, "weft");
        taken.extend(libraries(&program)?);
    }
    root.put("/usr/bin/kubectl-weft", Entry::Link("weftctl".into()));
    let plugin = bare(&built.join("weft-cni"))?;
    ensure!(libraries(&plugin)?.is_empty(), "weft-cni runs on hosts of every kind and must be linked statically");
    root.put_file(&format!("{PLUGINS}/weft-cni"), &plugin, 0o755, "weft");
    // It runs on the host, with the host's libraries, which glibc keeps able to run older programs.
    root.put_file(&format!("{PLUGINS}/portmap"), Path::new(PORTMAP), 0o755, "portmap");
    let mut sources = BTreeSet::from([PathBuf::from(PORTMAP), PathBuf::from(SCHEMA)]);
    for name in SWITCH {
        let program = find(name).with_context(|| format!("{name} is not installed"))?.canonicalize()?;
        let folder = if name.ends_with("ctl") && *name != "ovs-dpctl" { "/usr/bin" } else { "/usr/sbin" };
        root.put_file(&format!("{folder}/{name}"), &program, 0o755, "openvswitch");
        taken.extend(libraries(&program)?);
        sources.insert(program);
    }
    root.put_file(SCHEMA, Path::new(SCHEMA), 0o644, "openvswitch");
    for library in taken {
        root.put_file(&merged(&library), &library, 0o755, "libraries");
        sources.insert(library);
    }
    add_licences(&mut root, &sources)?;
    Ok(root)
}

/// Folders and links that programs expect, as Debian has them.
fn skeleton() -> Root {
    let mut root = Root::default();
    for link in ["bin", "lib", "lib64", "sbin"] {
        root.put(link, Entry::Link(format!("usr/{link}")));
    }
    for folder in
        ["usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "etc/openvswitch", "run", "var/lib", "var/log/openvswitch"]
    {
        root.put(folder, Entry::Folder(0o755));
    }
    root.put("var/run", Entry::Link("/run".into()));
    root.put("tmp", Entry::Folder(0o1777));
    root.put("etc/passwd", Entry::Text("root:x:0:0:root:/:/sbin/nologin\n".into()));
    root.put("etc/group", Entry::Text("root:x:0:\n".into()));
    root
}

/// A program without what only a debugger reads: as it is where it has none, else a copy beside it.
fn bare(program: &Path) -> Result<PathBuf> {
    let copy = program.with_extension("stripped");
    let mut strip = Command::new("strip");
    step::quiet(strip.args(["--strip-all", "--enable-deterministic-archives", "-o"]).arg(&copy).arg(program))?;
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755))?;
    Ok(copy)
}

/// The shared libraries that a program loads, its loader among them, where the loader looks for them.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output().context("cannot run ldd")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(!text.contains("not found"), "{} misses libraries:\n{text}", program.display());
    // "libm.so.6 => /lib/…/libm.so.6 (0x…)", "/lib64/ld-linux-x86-64.so.2 (0x…)", or "statically linked"
    let path = |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(PathBuf::from);
    Ok(text.lines().filter_map(path).collect())
}

/// Where a library goes: /lib and /lib64 are links into /usr.
fn merged(library: &Path) -> String {
    let path = library.display().to_string();
    if path.starts_with("/lib") { format!("/usr{path}") } else { path }
}

/// The licences of the packages that files come from, and of Weft; and which packages at which version these are.
fn add_licences(root: &mut Root, sources: &BTreeSet<PathBuf>) -> Result<()> {
    let mut packages = BTreeSet::new();
    for source in sources {
        packages.insert(package(source).with_context(|| format!("no package brings {}", source.display()))?);
    }
    let mut list = String::new();
    for package in packages {
        let version = step::quiet(Command::new("dpkg-query").args(["-W", "-f=${Version} ${Architecture}", &package]))?;
        list.push_str(&format!("{package} {version}\n"));
        let copyright = format!("/usr/share/doc/{package}/copyright");
        let file = Path::new(&copyright).canonicalize().with_context(|| format!("no licence of {package}"))?;
        root.put_file(&copyright, &file, 0o644, "licences");
    }
    root.put("/usr/share/doc/weft/packages", Entry::Text(list));
    for licence in ["LICENSE", "LICENSE-APACHE"].map(|name| repository().join(name)).iter().filter(|path| path.exists())
    {
        root.put_file("/usr/share/doc/weft/copyright", licence, 0o644, "licences");
    }
    ensure!(root.has("/usr/share/doc/weft/packages"), "no list of packages");
    Ok(())
}

/// The package that brings a file. Debian's lists name some files by the paths of before /usr was merged.
fn package(file: &Path) -> Option<String> {
    let merged = file.canonicalize().ok()?;
    let plain = merged.strip_prefix("/usr").ok().map(|rest| Path::new("/").join(rest));
    [Some(file.to_owned()), Some(merged), plain].into_iter().flatten().find_map(|path| {
        let output = Command::new("dpkg-query").arg("-S").arg(path).output().ok().filter(|o| o.status.success())?;
        let line =
            String::from_utf8_lossy(&output.stdout).lines().find(|line| !line.starts_with("diversion"))?.to_owned();
        Some(line.split([':', ',']).next()?.to_owned())
    })
}
