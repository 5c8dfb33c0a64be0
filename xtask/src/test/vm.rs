//! The kernel's datapath: the scenarios of the playground once more, in a virtual machine with a stock Debian kernel.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::build::Profile;
use crate::cluster::Outcome;
use crate::machine::{self, cache, repository};
use crate::step;
use crate::test::rings;

/// Scenarios that say something about the datapath; the machine is emulated, so the others are left to the host.
const SCENARIOS: [&str; 3] =
    ["datapath::", "services::a_service_is_reached", "services::datagrams_find_another_endpoint_when_theirs_goes"];

/// Seconds until the machine is taken for hung: some minutes are enough, unless twenty other programs run beside it.
const TIMEOUT: &str = "2400";

/// Runs them.
///
/// # Errors
/// The machine does not boot, or a scenario cannot be run.
pub fn run() -> Result<Outcome> {
    if !cfg!(target_arch = "x86_64") {
        return Ok(Outcome::Skipped("the virtual machine is an x86_64 one".to_owned()));
    }
    if let Err(missing) = rings::ready(machine::VM) {
        return Ok(missing);
    }
    let suite = rings::suite()?;
    let out = tempdir()?;
    let mut command = Command::new(repository().join("tests/vm/vm.sh"));
    command.arg(repository().join("tests/vm/scenarios.sh")).arg(Profile::Debug.folder()).arg(&suite).args(SCENARIOS);
    command.env("KDP_CACHE", cache().join("vm")).env("KDP_OUT", &out).env("KDP_TIMEOUT", TIMEOUT);
    let mut counts = None;
    let success = step::read(&mut command, |line| counts = crate::test::libtest::result(line).or(counts))?;
    std::fs::remove_dir_all(&out)?;
    let (passed, failed) = counts.unwrap_or((0, 0));
    ensure!(passed + failed > 0, "the virtual machine ended without a result");
    Ok(Outcome::Ran { passed, failed: if success { failed } else { failed.max(1) } })
}

fn tempdir() -> Result<std::path::PathBuf> {
    let folder = std::env::temp_dir().join(format!("weft-vm-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
