//! What the plugin prints: results and errors in the layout of the CNI specification (section 5, "Result Types").

use serde_json::{Value, json};

/// The versions of the specification that can be asked for, oldest first. The agent holds the same list; a test compares them.
pub const VERSIONS: [&str; 5] = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

/// Error codes of the specification that the plugin itself can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A required environment variable is missing or wrong.
    Environment = 4,
    /// Standard input cannot be read.
    Io = 5,
    /// The configuration is not JSON.
    Decode = 6,
    /// Nothing is wrong with the call, but it cannot be served now: the runtime calls again.
    TryAgainLater = 11,
    /// STATUS: an ADD cannot be served.
    NotAvailable = 50,
}

/// Standard output and exit status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What goes to standard output; empty for nothing.
    pub stdout: String,
    /// Exit status.
    pub status: u8,
}

/// An error on its way to standard output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The specification's code.
    pub code: Code,
    /// Which object, and what is wrong with it.
    pub message: String,
    /// What to do about it.
    pub details: String,
}

impl Failure {
    /// The error object, in the version that the configuration asked for.
    pub fn answer(&self, version: &str) -> Answer {
        let object = json!({
            "cniVersion": version, "code": self.code as u32, "msg": self.message, "details": self.details,
        });
        Answer { stdout: format!("{object}\n"), status: 1 }
    }
}

/// The result of VERSION.
pub fn versions(asked: &str) -> Answer {
    let object = json!({ "cniVersion": asked, "supportedVersions": VERSIONS });
    Answer { stdout: format!("{object}\n"), status: 0 }
}

/// The version to answer in: what the configuration says if it can be spoken, else the newest.
pub fn version_of(config: &Value) -> String {
    let asked = config.get("cniVersion").and_then(Value::as_str).unwrap_or_default();
    VERSIONS.iter().find(|known| **known == asked).unwrap_or(&VERSIONS[VERSIONS.len() - 1]).to_string()
}
