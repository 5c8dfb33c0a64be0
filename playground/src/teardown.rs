//! Removing a playground, whole or crashed: found by names alone, so that nothing needs to have been written down.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::layout::{Layout, NETNS, ROOT};

/// Left by `up` where it found that `ip netns` had not yet made a mount of its folder: the last `down` undoes that.
const NETNS_MOUNT_IS_OURS: &str = "netns-mount-is-ours";

/// Removes processes, network namespaces and files of a playground. Says whether there was anything.
///
/// # Errors
/// A process that does not die, a namespace or file that cannot be removed.
pub fn remove(layout: &Layout) -> Result<bool> {
    let namespaces = namespaces(layout);
    let existed = !namespaces.is_empty() || layout.root.exists();
    if let Some(daemon) = daemon(layout) {
        end(daemon, || alive(daemon))?;
    }
    let inodes: BTreeSet<u64> = namespaces.iter().filter_map(|path| Some(path.metadata().ok()?.ino())).collect();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let processes = processes_in(&inodes);
        if processes.is_empty() {
            break;
        }
        if Instant::now() > deadline {
            bail!("processes {processes:?} of the playground do not end");
        }
        kill_all(&processes);
        std::thread::sleep(Duration::from_millis(5));
    }
    for path in &namespaces {
        remove_namespace(path)?;
    }
    if layout.root.exists() {
        std::fs::remove_dir_all(&layout.root).with_context(|| format!("cannot remove {}", layout.root.display()))?;
    }
    Ok(existed)
}

/// Removes one network namespace's name.
///
/// # Errors
/// The name cannot be removed.
pub fn remove_namespace(path: &Path) -> Result<()> {
    // Not mounted: `ip netns add` was interrupted between making the file and the mount.
    let _ = umount2(path, MntFlags::MNT_DETACH);
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Kills every process in the network namespaces `paths`.
pub fn kill_processes(paths: &[PathBuf]) {
    let inodes: BTreeSet<u64> = paths.iter().filter_map(|path| Some(path.metadata().ok()?.ino())).collect();
    kill_all(&processes_in(&inodes));
}

/// Remembers whether the mount on the folder of `ip netns` will be of our making.
///
/// # Errors
/// The note cannot be written.
pub fn note_netns_mount() -> Result<()> {
    std::fs::create_dir_all(ROOT)?;
    if !is_mount(Path::new(NETNS)) {
        std::fs::write(Path::new(ROOT).join(NETNS_MOUNT_IS_OURS), "")?;
    }
    Ok(())
}

/// After the last playground: takes away what all of them shared.
pub fn remove_shared() {
    let note = Path::new(ROOT).join(NETNS_MOUNT_IS_OURS);
    if Layout::all().is_empty()
        && note.exists()
        && std::fs::read_dir(NETNS).is_ok_and(|mut names| names.next().is_none())
    {
        let _ = umount2(NETNS, MntFlags::MNT_DETACH);
        drop(std::fs::remove_dir(NETNS));
        drop(std::fs::remove_file(note));
    }
    // Fails as long as there is another playground.
    drop(std::fs::remove_dir(ROOT));
}

/// Names of playgrounds that have a folder or a network namespace.
pub fn found() -> Vec<Layout> {
    let mut names: BTreeSet<String> = Layout::all().into_iter().map(|layout| layout.name).collect();
    let namespaces = std::fs::read_dir(NETNS).into_iter().flatten().flatten();
    names.extend(namespaces.filter_map(|entry| {
        let file = entry.file_name().to_string_lossy().into_owned();
        Some(file.strip_prefix("wp.")?.split('.').next()?.to_owned())
    }));
    names.iter().map(|name| Layout::new(name)).collect()
}

/// Network namespaces of the playground.
fn namespaces(layout: &Layout) -> Vec<PathBuf> {
    let prefix = layout.netns_prefix();
    let entries = std::fs::read_dir(NETNS).into_iter().flatten().flatten();
    entries.filter(|e| e.file_name().to_string_lossy().starts_with(&prefix)).map(|e| e.path()).collect()
}

/// The playground's daemon, if it lives: the id in its file may since have been given to another program.
fn daemon(layout: &Layout) -> Option<Pid> {
    let pid: i32 = std::fs::read_to_string(layout.pid_file()).ok()?.trim().parse().ok()?;
    let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
    let words: Vec<&str> = command.split('\0').collect();
    let ours = words.first().is_some_and(|w| w.contains("weft-play")) && words.contains(&layout.name.as_str());
    ours.then(|| Pid::from_raw(pid))
}

/// SIGKILL; one that has ended meanwhile is as wanted.
fn kill_all(processes: &[Pid]) {
    for pid in processes {
        let _ = kill(*pid, Signal::SIGKILL);
    }
}

/// Kills a process and waits until `lives` denies.
fn end(pid: Pid, lives: impl Fn() -> bool) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while lives() {
        kill_all(&[pid]);
        if Instant::now() > deadline {
            bail!("process {pid} does not end");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// True while a process runs; one that waits for its parent to take notice has ended.
fn alive(pid: Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

/// Every process whose network namespace is one of `inodes`.
fn processes_in(inodes: &BTreeSet<u64>) -> Vec<Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse::<i32>().ok());
    pids.filter(|pid| {
        std::fs::metadata(format!("/proc/{pid}/ns/net")).is_ok_and(|ns| inodes.contains(&ns.ino()))
            && alive(Pid::from_raw(*pid))
    })
    .map(Pid::from_raw)
    .collect()
}

/// True when something is mounted on `path`.
fn is_mount(path: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts.lines().any(|line| line.split(' ').nth(1) == path.to_str())
}
