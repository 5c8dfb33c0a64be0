//! `weft-cni`: the CNI plugin. It hands its environment and standard input to the agent of the node and prints what comes back.
//!
//! Small on purpose: a runtime starts it for every pod, and it is the one program of Weft that cannot be restarted or upgraded
//! in step with the rest. All judgement sits in the agent; what is answered here is only what must work without one.

mod answer;
mod call;

use std::process::ExitCode;

fn main() -> ExitCode {
    let answer = call::run();
    if !answer.stdout.is_empty() {
        // A closed standard output cannot be reported anywhere; the exit status still says what happened.
        let _ = std::io::Write::write_all(&mut std::io::stdout(), answer.stdout.as_bytes());
    }
    ExitCode::from(answer.status)
}
