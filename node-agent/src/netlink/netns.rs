//! Work inside another network namespace.
//!
//! A thread of its own enters the namespace and ends there: no thread of the agent's pool ever stands in a pod's namespace.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;

use nix::sched::{CloneFlags, setns};

/// Runs `work` in the namespace that `file` is an open handle of.
pub fn inside<T: Send>(file: &File, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let worker =
            thread::Builder::new().name("weft-netns".into()).stack_size(256 << 10).spawn_scoped(scope, || {
                setns(file.as_fd(), CloneFlags::CLONE_NEWNET).map_err(io::Error::from)?;
                work()
            })?;
        worker.join().unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace panicked")))
    })
}

/// Where settings are written, if not in /proc/sys.
static SETTINGS: OnceLock<PathBuf> = OnceLock::new();

/// Settings are written in this folder from now on: once, before anything is set.
pub fn set_settings(folder: &Path) {
    let _ = SETTINGS.set(folder.to_owned());
}

/// The file of a setting, such as `net/ipv4/ip_forward`.
pub fn setting(name: &str) -> PathBuf {
    SETTINGS.get().map_or(Path::new("/proc/sys"), PathBuf::as_path).join(name)
}

/// Sets `net/...` of the calling thread's namespace, if it is not so already. A setting that the kernel does not have is no error:
/// what it would restrict does not exist either.
pub fn sysctl(name: &str, value: &str) -> io::Result<()> {
    let path = setting(name);
    match std::fs::read_to_string(&path) {
        Ok(now) if now.trim() == value => Ok(()),
        Ok(_) => std::fs::write(&path, value),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
