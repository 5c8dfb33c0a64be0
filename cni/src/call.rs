//! One call: read the environment and standard input, ask the agent, answer.
//!
//! The one key of the configuration that is read here is `agentSocket`. The wire is `api::cni`; it is written by hand because
//! that crate brings the Kubernetes types with it, and a test holds the two together.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::answer::{self, Answer, Code, Failure};

/// Where the agent listens when the configuration does not say.
const SOCKET: &str = "/run/weft/agent.sock";

/// The agent bounds its own waiting well below this; beyond it something is stuck and the runtime shall call again.
const PATIENCE: Duration = Duration::from_secs(120);

/// No configuration is near this; more is a mistake or an attack.
const INPUT_LIMIT: u64 = 4 << 20;

/// Serves the call that the process was started for.
pub fn run() -> Answer {
    let command = variable("CNI_COMMAND");
    let mut input = String::new();
    if let Err(error) = io::stdin().take(INPUT_LIMIT).read_to_string(&mut input) {
        let message = format!("standard input cannot be read: {error}");
        return Failure { code: Code::Io, message, details: String::new() }.answer("1.1.0");
    }
    serve(&command, input)
}

fn serve(command: &str, input: String) -> Answer {
    let config: Value = match serde_json::from_str(&input) {
        Ok(config) => config,
        // VERSION needs no configuration: the versions are the same whatever it would say.
        Err(_) if command == "VERSION" => Value::Null,
        Err(error) => {
            let message = format!("the network configuration on standard input is not JSON: {error}");
            let details = "Check the file in the runtime's CNI configuration folder.".to_owned();
            return Failure { code: Code::Decode, message, details }.answer("1.1.0");
        }
    };
    let version = answer::version_of(&config);
    match command {
        "" => Failure {
            code: Code::Environment,
            message: "CNI_COMMAND is not set".to_owned(),
            details: "weft-cni is a CNI plugin: a container runtime calls it, people use weftctl.".to_owned(),
        }
        .answer(&version),
        // Answered here: a runtime asks it before there is an agent, with a configuration that names no socket.
        "VERSION" => answer::versions(&version),
        _ => {
            let socket = config.get("agentSocket").and_then(Value::as_str).unwrap_or(SOCKET);
            ask(socket, &request(command, input.clone()))
                .unwrap_or_else(|why| away(command, socket, &why).answer(&version))
        }
    }
}

/// The agent cannot be asked.
fn away(command: &str, socket: &str, why: &io::Error) -> Failure {
    // DEL, too, fails with "try again later": the port, its flows and its address are still there, and a success would make the
    // runtime forget the container. The specification allows leniency only for what is already gone.
    let code = if command == "STATUS" { Code::NotAvailable } else { Code::TryAgainLater };
    Failure {
        code,
        message: format!("the Weft agent of this node does not answer on {socket}: {why}"),
        details: "The call is repeated by the runtime. If it stays so: is weft-agent running on this node, and what does its \
                  log say?"
            .to_owned(),
    }
}

fn request(command: &str, config: String) -> String {
    let call = json!({ "cni": {
        "command": command,
        "containerId": variable("CNI_CONTAINERID"),
        "netns": variable("CNI_NETNS"),
        "ifname": variable("CNI_IFNAME"),
        "args": variable("CNI_ARGS"),
        "path": variable("CNI_PATH"),
        "config": config,
    }});
    format!("{call}\n")
}

fn ask(socket: &str, request: &str) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    if line.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed the connection without an answer"));
    }
    answer_of(&line).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its answer is not one of this protocol"))
}

fn answer_of(line: &str) -> Option<Answer> {
    let reply: Value = serde_json::from_str(line).ok()?;
    let reply = reply.get("cni")?;
    let status = u8::try_from(reply.get("status")?.as_i64()?).unwrap_or(1);
    Some(Answer { stdout: reply.get("stdout")?.as_str()?.to_owned(), status })
}

fn variable(name: &str) -> String {
    env::var_os(name).map(|value| value.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &str, config: &str, code: u64, words: &str) {
        let answer = serve(command, config.to_owned());
        assert_eq!(answer.status, 1, "{answer:?}");
        let error: Value = serde_json::from_str(&answer.stdout).expect("an error is JSON");
        assert_eq!(error["code"], code, "{error}");
        assert!(error["msg"].as_str().expect("msg is text").contains(words), "{error}");
    }

    const NOWHERE: &str = r#"{"cniVersion": "1.0.0", "type": "weft-cni", "agentSocket": "/nonexistent/agent.sock"}"#;

    #[test]
    fn without_an_agent_every_verb_says_so_with_the_code_of_the_specification() {
        for verb in ["ADD", "DEL", "CHECK", "GC"] {
            check(verb, NOWHERE, 11, "/nonexistent/agent.sock");
        }
        check("STATUS", NOWHERE, 50, "does not answer");
    }

    #[test]
    fn what_is_no_call_is_refused() {
        check("", "{}", 4, "CNI_COMMAND");
        check("ADD", "not json", 6, "not JSON");
    }

    #[test]
    fn version_is_answered_without_agent_and_without_configuration() {
        for (config, version) in
            [("", "1.1.0"), (r#"{"cniVersion":"0.4.0"}"#, "0.4.0"), (r#"{"cniVersion":"9.9"}"#, "1.1.0")]
        {
            let answer = serve("VERSION", config.to_owned());
            let result: Value = serde_json::from_str(&answer.stdout).expect("a result is JSON");
            assert_eq!((answer.status, result["cniVersion"].as_str()), (0, Some(version)));
            assert_eq!(result["supportedVersions"].as_array().map(Vec::len), Some(answer::VERSIONS.len()));
        }
    }

    #[test]
    fn an_error_answers_in_the_version_that_was_asked_for() {
        let answer = serve("ADD", NOWHERE.to_owned());
        assert!(answer.stdout.contains(r#""cniVersion":"1.0.0""#), "{}", answer.stdout);
    }

    #[test]
    fn the_wire_is_the_one_of_the_api() {
        let request: api::cni::Request =
            serde_json::from_str(&request("ADD", "{}".to_owned())).expect("the agent reads the request");
        assert!(matches!(request, api::cni::Request::Cni(call) if call.command == "ADD" && call.config == "{}"));
        let reply = api::cni::Reply::Cni { stdout: "{}".to_owned(), status: 1 };
        let reply = answer_of(&serde_json::to_string(&reply).expect("a reply is JSON"));
        assert_eq!(reply, Some(Answer { stdout: "{}".to_owned(), status: 1 }));
        assert_eq!(SOCKET, api::cni::SOCKET);
    }
}
