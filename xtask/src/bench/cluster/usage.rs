//! Memory and processor time of Weft's processes in the nodes, as this machine's /proc tells of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::cluster::harness::Harness;

/// Weft's programs that run all the time, as the kernel names their processes.
pub const PROGRAMS: [&str; 4] = ["weft-controller", "weft-agent", "ovs-vswitchd", "ovsdb-server"];
/// Units of processor time in a second, for every program that reads /proc (proc(5), `USER_HZ`).
const TICKS: f64 = 100.0;

/// What the hungriest process of a program used: there is one on each node.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Resident, in MiB.
    pub mib: f64,
    /// Of one core, in percent.
    pub cpu: f64,
}

/// A time in which use is counted.
pub struct Window {
    began: Instant,
    ticks: BTreeMap<PathBuf, f64>,
}

impl Window {
    /// Begins.
    pub fn open(harness: &Harness) -> Result<Self> {
        let ticks = processes(harness)?.into_iter().map(|(path, _)| Ok((path.clone(), ticks(&path)?)));
        Ok(Self { ticks: ticks.collect::<Result<_>>()?, began: Instant::now() })
    }

    /// Ends; the use by program.
    pub fn close(&self, harness: &Harness) -> Result<BTreeMap<&'static str, Usage>> {
        let seconds = self.began.elapsed().as_secs_f64();
        let mut all: BTreeMap<&str, Usage> = BTreeMap::new();
        for (path, program) in processes(harness)? {
            let before = self.ticks.get(&path).with_context(|| format!("{program} was started anew"))?;
            let cpu = (ticks(&path)? - before) / TICKS / seconds * 100.0;
            let most = all.entry(program).or_default();
            *most = Usage { mib: most.mib.max(resident(&path)?), cpu: most.cpu.max(cpu) };
        }
        Ok(all)
    }
}

/// The folders in /proc of Weft's processes in the nodes' own networks, where all of them are.
fn processes(harness: &Harness) -> Result<Vec<(PathBuf, &'static str)>> {
    let network = |process: &Path| fs::read_link(process.join("ns/net"));
    let nodes = (1..=harness.nodes()).map(|node| {
        let file = harness.state().join(format!("wc-node{node}/pid"));
        let pid = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        Ok(network(&Path::new("/proc").join(pid.trim()))?)
    });
    let nodes = nodes.collect::<Result<Vec<_>>>()?;
    let program = |process: PathBuf| {
        let name = fs::read_to_string(process.join("comm")).ok()?;
        let program = PROGRAMS.into_iter().find(|program| *program == name.trim())?;
        nodes.contains(&network(&process).ok()?).then_some((process, program))
    };
    Ok(fs::read_dir("/proc")?.flatten().filter_map(|entry| program(entry.path())).collect())
}

fn ticks(process: &Path) -> Result<f64> {
    let stat = fs::read_to_string(process.join("stat"))?;
    ticks_of(&stat).with_context(|| format!("a process's times are in {stat}"))
}

/// Its own time and that of the kernel for it: the 14th and 15th field, of which the second may have spaces in its brackets.
fn ticks_of(stat: &str) -> Option<f64> {
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    Some(fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?)
}

fn resident(process: &Path) -> Result<f64> {
    let status = fs::read_to_string(process.join("status"))?;
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kib.context("a process has memory")? / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_a_name_with_spaces() {
        let stat = "42 (a b) c) S 1 42 42 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 3 0 1 2 3";
        assert!(ticks_of(stat).is_some_and(|ticks| (ticks - 300.0).abs() < f64::EPSILON));
    }
}
