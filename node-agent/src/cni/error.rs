//! Errors with the codes of the specification (section "Error"), and our own from 100 on.

use serde_json::json;

use super::Version;

/// What kind of error it is; the number is what a runtime sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The configuration's version cannot be spoken.
    IncompatibleVersion = 1,
    /// The container is not known, or its namespace is gone.
    UnknownContainer = 3,
    /// A required environment variable is missing or wrong.
    Environment = 4,
    /// The configuration is not JSON.
    Decode = 6,
    /// The configuration says what cannot be.
    Config = 7,
    /// Cannot be served now; the runtime calls again.
    TryAgainLater = 11,
    /// STATUS: an ADD cannot be served.
    NotAvailable = 50,
    /// STATUS: an ADD cannot be served, and pods that are plugged in may have lost their network.
    Degraded = 51,
    /// The pod has a problem that only a change of its objects can solve.
    PodRefused = 100,
    /// The container has an interface of that name.
    InterfaceExists = 101,
    /// The kernel refused a step of the wiring.
    Wiring = 102,
    /// CHECK found something that is not as ADD left it.
    NotAsAdded = 103,
}

/// An error on its way to the runtime.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The kind.
    pub code: Code,
    /// The object, and what is wrong with it.
    pub message: String,
    /// The remedy.
    pub details: String,
}

impl Error {
    /// An error with a remedy.
    pub fn new(code: Code, message: impl Into<String>, details: impl Into<String>) -> Error {
        Error { code, message: message.into(), details: details.into() }
    }

    /// The error object as it is printed, in the layout of a version (the same in all of them).
    pub fn text(&self, version: Version) -> String {
        let object = json!({
            "cniVersion": version.text(), "code": self.code as u32, "msg": self.message, "details": self.details,
        });
        format!("{object}\n")
    }
}
