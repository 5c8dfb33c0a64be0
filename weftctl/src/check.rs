//! `weftctl check`: whether a machine can become a node of Weft, or a cluster with Weft works. Each thing that was looked at is a
//! [`Finding`], with what to do about it.

pub mod cluster;
pub mod machine;
pub mod probe;
mod proc;

use std::process::ExitCode;

use serde::Serialize;

use crate::print;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, but somebody should know.
    Warning,
    /// Weft does not work so.
    Failed,
    /// It was not looked at.
    Skipped,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What.
    pub check: &'static str,
    /// Of whom: a node, a device, a range.
    pub on: String,
    /// How it stands.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do; empty where nothing has to be done.
    pub remedy: String,
}

impl Finding {
    /// All is well.
    pub fn ok(check: &'static str, on: impl Into<String>, found: impl Into<String>) -> Self {
        Finding { check, on: on.into(), state: State::Ok, found: found.into(), remedy: String::new() }
    }

    /// It is not.
    pub fn bad(check: &'static str, on: impl Into<String>, state: State, said: [String; 2]) -> Self {
        let [found, remedy] = said;
        Finding { check, on: on.into(), state, found, remedy }
    }
}

/// Findings for people.
pub fn text(findings: &[Finding]) -> String {
    let rows = findings.iter().map(|finding| {
        let state = match finding.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Failed => "FAILED",
            State::Skipped => "skipped",
        };
        let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        [
            finding.check.to_owned(),
            or_dash(&finding.on),
            state.to_owned(),
            finding.found.clone(),
            or_dash(&finding.remedy),
        ]
    });
    print::table(["CHECK", "ON", "STATE", "FOUND", "REMEDY"], &[], rows)
}

/// Failure where anything failed.
pub fn exit_code(findings: &[Finding]) -> ExitCode {
    match findings.iter().any(|finding| finding.state == State::Failed) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_line_up_and_only_failures_fail() {
        let findings = [
            Finding::ok("ports", "udp 6081", "free"),
            Finding::bad("mtu", "eth0", State::Warning, ["1400".to_owned(), "raise it".to_owned()]),
        ];
        let lines = text(&findings);
        assert_eq!(
            lines.lines().collect::<Vec<_>>(),
            [
                "CHECK  ON        STATE    FOUND  REMEDY",
                "ports  udp 6081  ok       free   -",
                "mtu    eth0      warning  1400   raise it",
            ]
        );
        assert_eq!(exit_code(&findings), ExitCode::SUCCESS);
        let failed = Finding::bad("mtu", "eth0", State::Failed, [String::new(), String::new()]);
        assert_eq!(exit_code(&[failed]), ExitCode::FAILURE);
    }
}
