//! What has to be on a node before agent and switch can run: the plugins in the runtime's folder, and Open vSwitch's database. Init
//! containers of Weft's manifest do it; the image has no shell to do it with.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tracing::info;

use crate::uninstall::absent_is_fine;

/// The plugin that is replaced whatever is there.
const OWN: &str = "weft-cni";
/// Names of what was placed, beside it, so that it can be taken away.
const PLACED: &str = ".weft-placed";

/// Copies plugins. A runtime that calls one meanwhile finds the old one or the new one, whole.
///
/// # Errors
/// A file cannot be read or written.
pub fn place_plugins(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let source = entry?.path();
        let Some(name) = source.file_name().and_then(|name| name.to_str()) else { continue };
        let target = to.join(name);
        if name != OWN && target.exists() {
            continue;
        }
        let new = to.join(format!(".{name}.new"));
        note_placed(to, name)?;
        place(&source, &new, &target).with_context(|| format!("placing {}", target.display()))?;
        info!(plugin = %target.display(), "placed");
    }
    Ok(())
}

/// Takes away what was placed, and the list of it.
///
/// # Errors
/// A file cannot be removed.
pub fn remove_plugins(folder: &Path) -> Result<()> {
    let list = folder.join(PLACED);
    for name in placed(folder) {
        remove(&folder.join(&name)).with_context(|| format!("removing {name}"))?;
    }
    remove(&list).with_context(|| format!("removing {}", list.display()))
}

fn placed(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join(PLACED)).unwrap_or_default();
    // A name, and no path out of the folder.
    text.lines().filter(|name| !name.is_empty() && !name.contains('/')).map(str::to_owned).collect()
}

fn note_placed(folder: &Path, name: &str) -> Result<()> {
    let mut names = placed(folder);
    if !names.iter().any(|placed| placed == name) {
        names.push(name.to_owned());
        let (new, list) = (folder.join(format!("{PLACED}.new")), folder.join(PLACED));
        fs::write(&new, names.join("\n") + "\n").and_then(|()| fs::rename(&new, &list))?;
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    absent_is_fine(fs::remove_file(path))
}

fn place(source: &Path, new: &Path, target: &Path) -> io::Result<()> {
    fs::copy(source, new)?;
    fs::set_permissions(new, Permissions::from_mode(0o755))?;
    File::open(new)?.sync_all()?;
    fs::rename(new, target)
}

/// Makes the database, with the one row that ovs-vswitchd waits for; or converts it.
///
/// # Errors
/// ovsdb-tool cannot be run, or refuses.
pub fn make_database(database: &Path, schema: &Path) -> Result<()> {
    if database.exists() {
        if tool(&["needs-conversion".as_ref(), database, schema])?.trim() == "yes" {
            tool(&["convert".as_ref(), database, schema])?;
            info!(database = %database.display(), "converted to the schema of this release");
        }
        return Ok(());
    }
    if let Some(folder) = database.parent() {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let new = database.with_extension("new");
    for left in [&new, &lock_of(&new)] {
        remove(left)?;
    }
    tool(&["create".as_ref(), &new, schema])?;
    let row = r#"["Open_vSwitch",{"op":"insert","table":"Open_vSwitch","row":{}}]"#;
    tool(&["transact".as_ref(), &new, row.as_ref()])?;
    fs::rename(&new, database)?;
    info!(database = %database.display(), "made");
    Ok(())
}

/// Where ovsdb-tool keeps its lock.
fn lock_of(database: &Path) -> std::path::PathBuf {
    let name = database.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    database.with_file_name(format!(".{name}.~lock~"))
}

fn tool(arguments: &[&Path]) -> Result<String> {
    let output = Command::new("ovsdb-tool").args(arguments).output().context("cannot run ovsdb-tool")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ovsdb-tool {}: {}", arguments[0].display(), said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_plugin_is_replaced_and_others_are_left_as_they_are() {
        let (image, node) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let write = |folder: &Path, name: &str, text: &str| fs::write(folder.join(name), text).expect("written");
        for name in ["weft-cni", "portmap", "other"] {
            write(image.path(), name, "new");
        }
        for name in ["weft-cni", "portmap"] {
            write(node.path(), name, "old");
        }
        place_plugins(image.path(), node.path()).expect("placed");
        let read = |name: &str| fs::read_to_string(node.path().join(name)).expect("there");
        assert_eq!([read("weft-cni"), read("portmap"), read("other")], ["new", "old", "new"]);
        let mode = fs::metadata(node.path().join("other")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(
            fs::read_dir(node.path()).expect("a folder").count(),
            4,
            "beside them only the list of what was placed"
        );
        remove_plugins(node.path()).expect("removed");
        let left: Vec<_> =
            fs::read_dir(node.path()).expect("a folder").map(|entry| entry.expect("read").file_name()).collect();
        assert_eq!(left, ["portmap"], "what was there before");
    }

    #[test]
    fn a_database_is_made_once_with_its_row() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("etc/conf.db");
        let schema = Path::new("/usr/share/openvswitch/vswitch.ovsschema");
        make_database(&database, schema).expect("made");
        let rows = || {
            let query = r#"["Open_vSwitch",{"op":"select","table":"Open_vSwitch","where":[],"columns":["_uuid"]}]"#;
            tool(&["query".as_ref(), &database, query.as_ref()]).expect("rows")
        };
        let first = rows();
        assert_eq!(first.matches("_uuid").count(), 1, "{first}");
        make_database(&database, schema).expect("left as it is");
        assert_eq!(rows(), first);
    }
}
