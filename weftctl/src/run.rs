//! From a verb to a question, and from its answer to what is printed and the exit status.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use api::ControllerConfig;
use api::inspect::{Answer, DroppedPacket, Question};
use logical::Event;
use pipeline::cookie::Cookie;

use crate::args::{self, Arguments, Output, Verb, What};
use crate::ask::Whom;
use crate::cluster::Cluster;
use crate::folder::Objects;
use crate::kubectl::Kubectl;
use crate::why::{self, Asked, Verdict};
use crate::{check, cookie, print, uninstall};

/// How often `drops --follow` looks.
const LOOK: Duration = Duration::from_secs(1);

/// Does what was asked.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let output = arguments.output;
    match &arguments.verb {
        Verb::Cookie { policy } => say_either(output, || cookie::json(policy), || cookie::text(policy)),
        Verb::Why(asked) if asked.from.is_some() => explain(&arguments, asked).await,
        Verb::Why(args::Why { cookie: Some(cookie), .. }) if Cookie::parse(*cookie).is_none() => {
            Ok(unknown(*cookie, output, "is not one of Weft's: the flow was made by something else"))
        }
        Verb::Diff { file, before } => diff(&arguments, file, before.as_deref()).await,
        Verb::Drops { follow, node } => drops(&arguments, *follow, node.as_deref()).await,
        Verb::Check(asked) => check(output, asked),
        Verb::Uninstall { .. } => uninstall::run(&Kubectl::needed()?).map(|()| ExitCode::SUCCESS),
        Verb::Relay => relay(&arguments).await,
        Verb::Probe { targets } => {
            let reached = check::probe::probe(targets.clone()).await;
            say(serde_json::to_string(&reached)? + "\n").map(|()| ExitCode::SUCCESS)
        }
        Verb::Listen { on } => check::probe::listen(*on).await.map(|()| ExitCode::SUCCESS),
        _ => ask(&arguments).await,
    }
}

/// Looks at this machine or at the cluster: success only where nothing failed.
fn check(output: Output, asked: &args::Check) -> anyhow::Result<ExitCode> {
    let findings = if asked.before {
        let config = match &asked.config {
            None => ControllerConfig::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
                let value = serde_yaml_ng::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
                ControllerConfig::from_value(value).with_context(|| format!("reading {}", path.display()))?
            }
        };
        let plan = check::machine::Plan { config, services: asked.services.clone() };
        check::machine::check(&asked.root, &plan)
    } else {
        let args::Check { image, outside, keep, .. } = asked;
        let options = check::cluster::Options { image: image.clone(), outside: outside.clone(), keep: *keep };
        check::cluster::check(&Kubectl::needed()?, &options)?
    };
    say_either(output, || serde_json::to_string_pretty(&findings), || check::text(&findings))?;
    Ok(check::exit_code(&findings))
}

/// Answers what somebody asks who cannot reach the controllers themselves.
async fn relay(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let question: Question = serde_json::from_str(&std::io::read_to_string(std::io::stdin())?)
        .context("a question that this release does not understand")?;
    let answer = Whom::choose(arguments)?.ask(&question).await?;
    say(serde_json::to_string(&answer)? + "\n").map(|()| ExitCode::SUCCESS)
}

/// Asks one question and prints the answer.
async fn ask(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let whom = Whom::choose(arguments)?;
    let question = question(&arguments.verb, &whom).await?;
    let answer = whom.ask(&question).await?;
    match (&answer, &arguments.verb) {
        (Answer::Error(error), _) => bail!("{error}"),
        (Answer::Cookie(None), Verb::Why(args::Why { cookie: Some(cookie), .. })) => {
            return Ok(unknown(
                *cookie,
                arguments.output,
                "is not in use: no object of a node that was asked has such a flow",
            ));
        }
        (Answer::Policies(policies), Verb::Policy { policy: Some(policy) }) if policies.is_empty() => {
            bail!("there is no NetworkPolicy {policy}, or no node that was asked needs it");
        }
        (Answer::Services(services), Verb::Services { service: Some(service) }) if services.is_empty() => {
            bail!(
                "{service} is not served: there is no such Service, or it is headless, an ExternalName or another proxy's"
            );
        }
        _ => {}
    }
    say_either(arguments.output, || print::json(&answer), || print::text(&answer))
}

/// Whether one end reaches another: success only where it does.
async fn explain(arguments: &Arguments, asked: &args::Why) -> anyhow::Result<ExitCode> {
    let (Some(from), Some(to)) = (asked.from.clone(), asked.to.clone()) else {
        bail!("name both ends: --from and --to")
    };
    let port = match (asked.port, asked.protocol) {
        (Some(port), _) => port,
        (None, why::Protocol::Icmp) => 0,
        (None, _) => bail!("name the port: --port NUMBER, or --protocol icmp"),
    };
    let cluster = match &asked.file {
        Some(path) => Cluster::Folder(Box::new(read(path)?.network()?)),
        None => Cluster::Live(Whom::choose(arguments)?),
    };
    let asked = Asked { from, to, protocol: asked.protocol, port, live: asked.live };
    let why = why::ask(&cluster, &asked).await?;
    say_either(arguments.output, || serde_json::to_string_pretty(&why), || why::print::text(&why))?;
    Ok(if why.verdict == Verdict::Allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a manifest changes: asked of the cluster, or of what was there before.
async fn diff(arguments: &Arguments, file: &Path, before: Option<&Path>) -> anyhow::Result<ExitCode> {
    let new = read(file)?;
    let changes = match before {
        Some(path) => {
            // Both at once, so that what is new finds its nodes and namespaces; then the network before is the one without it.
            let before = read(path)?.network()?;
            let mut after = before.clone();
            after.apply_all(new.facts()?.into_iter().map(Event::Upsert));
            logical::reach::compare(&before, &after).into_iter().map(Into::into).collect()
        }
        None => {
            let objects = new.values.iter().map(crate::folder::with_uid).collect();
            match Whom::choose(arguments)?.ask(&Question::Diff { objects }).await? {
                Answer::Diff(changes) => changes,
                Answer::Error(error) => bail!("{error}"),
                other => bail!("an answer to another question: {other:?}"),
            }
        }
    };
    let answer = Answer::Diff(changes);
    say_either(arguments.output, || print::json(&answer), || print::text(&answer))
}

/// Reads manifests, and says what of them is not looked at.
fn read(path: &Path) -> anyhow::Result<Objects> {
    let objects = Objects::read(path)?;
    objects.remarks.iter().for_each(|remark| eprintln!("weftctl: {remark}"));
    Ok(objects)
}

/// Prints drops, once or for as long as somebody looks.
async fn drops(arguments: &Arguments, follow: bool, node: Option<&str>) -> anyhow::Result<ExitCode> {
    let whom = Whom::choose(arguments)?;
    let mut after: BTreeMap<String, u64> = BTreeMap::new();
    if arguments.output == Output::Table {
        say(print::drops::header())?;
    }
    loop {
        let question = Question::Drops { node: node.unwrap_or_default().to_owned(), after: after.clone() };
        let drops = match whom.ask(&question).await? {
            Answer::Drops(drops) => drops,
            Answer::Error(error) => bail!("{error}"),
            other => bail!("an answer to another question: {other:?}"),
        };
        for dropped in &drops {
            let last = after.entry(dropped.node.clone()).or_default();
            *last = dropped.time.max(*last);
        }
        match arguments.output {
            Output::Table => say(drops.iter().map(print::drops::packet).collect())?,
            Output::Json if !follow => say(serde_json::to_string_pretty(&drops)? + "\n")?,
            // One object a line, so that a program can take each as it comes.
            Output::Json => say(lines(&drops)?)?,
        }
        if !follow {
            return Ok(ExitCode::SUCCESS);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn lines(drops: &[DroppedPacket]) -> serde_json::Result<String> {
    drops.iter().map(|dropped| Ok(serde_json::to_string(dropped)? + "\n")).collect()
}

fn say_either(
    output: Output,
    json: impl FnOnce() -> serde_json::Result<String>,
    text: impl FnOnce() -> String,
) -> anyhow::Result<ExitCode> {
    say(match output {
        Output::Json => json()? + "\n",
        Output::Table => text(),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// To standard output; that whoever reads it has seen enough (`| head`) is no error.
fn say(text: String) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
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
        Verb::Policy { policy } => Question::Policies { policy: policy.clone() },
        Verb::Why(args::Why { cookie: Some(cookie), node, .. }) => {
            Question::Cookie { node: node.clone().unwrap_or_default(), cookie: *cookie }
        }
        Verb::Why(_)
        | Verb::Cookie { .. }
        | Verb::Diff { .. }
        | Verb::Drops { .. }
        | Verb::Check(_)
        | Verb::Uninstall { .. }
        | Verb::Relay
        | Verb::Probe { .. }
        | Verb::Listen { .. } => {
            unreachable!("it has a way of its own")
        }
        Verb::Flows { pod, node } => {
            let node = match (node, pod, whom) {
                (Some(node), _, _) => node.clone(),
                (None, _, Whom::Agent(_)) => String::new(),
                (None, Some(pod), Whom::Controllers { .. } | Whom::Pod(_)) => node_of(pod, whom).await?,
                (None, None, Whom::Controllers { .. } | Whom::Pod(_)) => {
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
