//! From a verb to a question, and from its answer to what is printed and the exit status.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use anyhow::bail;
use api::inspect::{Answer, Question};
use pipeline::cookie::Cookie;

use crate::args::{Arguments, Output, Verb, What};
use crate::ask::Whom;
use crate::print;

/// Does what was asked.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Verb::Why { cookie, .. } = arguments.verb
        && Cookie::parse(cookie).is_none()
    {
        return Ok(unknown(cookie, arguments.output, "is not one of Weft's: the flow was made by something else"));
    }
    let whom = Whom::choose(&arguments)?;
    let question = question(&arguments.verb, &whom).await?;
    let answer = whom.ask(&question).await?;
    match (&answer, &arguments.verb) {
        (Answer::Error(error), _) => bail!("{error}"),
        (Answer::Cookie(None), Verb::Why { cookie, .. }) => {
            return Ok(unknown(
                *cookie,
                arguments.output,
                "is not in use: no object of a node that was asked has such a flow",
            ));
        }
        (Answer::Services(services), Verb::Services { service: Some(service) }) if services.is_empty() => {
            bail!(
                "{service} is not served: there is no such Service, or it is headless, an ExternalName or another proxy's"
            );
        }
        _ => {}
    }
    say(match arguments.output {
        Output::Json => print::json(&answer)? + "\n",
        Output::Table => print::text(&answer),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// To standard output; that whoever reads it has seen enough (`| head`) is no error.
fn say(text: String) -> std::io::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn unknown(cookie: u64, output: Output, why: &str) -> ExitCode {
    if output == Output::Json {
        // Where that fails the exit status says it all the same.
        let _ = say("null\n".to_owned());
    }
    eprintln!("weftctl: cookie {cookie:#x} {why}");
    ExitCode::FAILURE
}

async fn question(verb: &Verb, whom: &Whom) -> anyhow::Result<Question> {
    Ok(match verb {
        Verb::Get { what: What::Subnets } => Question::Subnets,
        Verb::Get { what: What::Addresses } => Question::Addresses,
        Verb::Get { what: What::Nodes } => Question::Nodes,
        Verb::Status => Question::Status,
        Verb::Services { service } => Question::Services { service: service.clone() },
        Verb::Why { cookie, node } => Question::Cookie { node: node.clone().unwrap_or_default(), cookie: *cookie },
        Verb::Flows { pod, node } => {
            let node = match (node, pod, whom) {
                (Some(node), _, _) => node.clone(),
                (None, _, Whom::Agent(_)) => String::new(),
                (None, Some(pod), Whom::Controllers { .. }) => node_of(pod, whom).await?,
                (None, None, Whom::Controllers { .. }) => {
                    bail!("which node? weftctl flows --node NODE, or --pod NAMESPACE/POD")
                }
            };
            Question::Flows { node, pod: pod.clone() }
        }
    })
}

/// The node on which a pod's addresses live.
async fn node_of(pod: &str, whom: &Whom) -> anyhow::Result<String> {
    let addresses = match whom.ask(&Question::Addresses).await? {
        Answer::Addresses(addresses) => addresses,
        Answer::Error(error) => bail!("{error}"),
        other => bail!("asked for addresses, got {other:?}"),
    };
    let has =
        |used: &&api::inspect::AddressUse| format!("{}/{}", used.namespace, used.name) == pod && !used.node.is_empty();
    match addresses.iter().find(has) {
        Some(used) => Ok(used.node.clone()),
        None => bail!("no pod {pod} has an address on a node; see `weftctl get addresses`"),
    }
}
