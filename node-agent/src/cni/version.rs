//! Versions of the specification, and what each of them knows.

use std::fmt;

/// A version that can be answered in. Ordered: a later one compares greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 0.3.0
    V030,
    /// 0.3.1
    V031,
    /// 0.4.0: CHECK.
    V040,
    /// 1.0.0: addresses without their family.
    V100,
    /// 1.1.0: STATUS, GC, MTU in results.
    V110,
}

impl Version {
    /// All of them, oldest first.
    pub const ALL: [Version; 5] = [Version::V030, Version::V031, Version::V040, Version::V100, Version::V110];

    /// The newest: errors are in its layout when the call does not say which one it wants.
    pub const NEWEST: Version = Version::V110;

    /// The text of a configuration's `cniVersion`.
    pub const fn text(self) -> &'static str {
        match self {
            Version::V030 => "0.3.0",
            Version::V031 => "0.3.1",
            Version::V040 => "0.4.0",
            Version::V100 => "1.0.0",
            Version::V110 => "1.1.0",
        }
    }

    /// The version that a text says; `None` for one that cannot be answered in.
    pub fn parse(text: &str) -> Option<Version> {
        Version::ALL.into_iter().find(|version| version.text() == text)
    }

    /// Whether the version has the verb; the name of a verb that no version has is `true` here and refused elsewhere.
    pub fn has(self, command: &str) -> bool {
        match command {
            "CHECK" => self >= Version::V040,
            "STATUS" | "GC" => self >= Version::V110,
            _ => true,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
