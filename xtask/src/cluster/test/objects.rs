//! The custom resources as a user of kubectl meets them, and who may do what.

use anyhow::{Result, ensure};

use super::Cluster;
use crate::cluster::report::{Report, eventually};

/// What is wrong with an object, its kind, its spec, and a part of the reason that the API server must give.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    ("a Subnet without CIDRs", "Subnet", "{}", "spec.cidrs: Required value"),
    ("a Subnet with an address for a CIDR", "Subnet", "{cidrs: [10.1.0.0]}", "must be a prefix such as"),
    ("a CIDR with host bits", "Subnet", "{cidrs: [10.1.0.1/16]}", "bits set behind its prefix length"),
    ("two CIDRs of one family", "Subnet", "{cidrs: [10.1.0.0/16, 10.2.0.0/16]}", "must be of two families"),
    (
        "a gateway outside of the CIDR",
        "Subnet",
        "{cidrs: [10.1.0.0/16], gateways: [10.2.0.1]}",
        "every gateway must lie inside one of the cidrs",
    ),
    (
        "a reserved range without its end",
        "Subnet",
        "{cidrs: [10.1.0.0/16], reserved: [10.1.0.5-]}",
        "or a range such as",
    ),
    (
        "a block size out of range",
        "Subnet",
        "{cidrs: [10.1.0.0/16], blockSize: {ipv4: 8}}",
        "greater than or equal to 16",
    ),
    ("a misspelt field", "Subnet", "{cidr: [10.1.0.0/16]}", "unknown field \"spec.cidr\""),
    (
        "a StaticAddress for nobody",
        "StaticAddress",
        "{addresses: [10.1.0.1]}",
        "exactly one of pod, statefulSet and external must be given",
    ),
    (
        "a StaticAddress for two",
        "StaticAddress",
        "{pod: a, external: b, addresses: [10.1.0.1]}",
        "exactly one of pod, statefulSet and external must be given",
    ),
    (
        "a multicast MAC",
        "StaticAddress",
        "{pod: a, mac: '01:00:00:00:00:01', addresses: [10.1.0.1]}",
        "spec.mac in body should match",
    ),
    (
        "one MAC for a whole StatefulSet",
        "StaticAddress",
        "{statefulSet: a, mac: '02:00:00:00:00:01', addresses: [[10.1.0.1]]}",
        "a MAC cannot be shared",
    ),
    (
        "an AddressBlock that is no prefix",
        "AddressBlock",
        "{subnet: a, cidr: 10.1.0.0, node: wc-node1}",
        "must be a prefix such as",
    ),
];

/// What the service accounts may not do, and what the controller may.
const RIGHTS: &[(&str, &str, &str, bool)] = &[
    ("weft-agent", "list", "pods", false),
    ("weft-agent", "watch", "pods", false),
    ("weft-agent", "get", "nodes", false),
    ("weft-agent", "list", "addressblocks.weft.dev", false),
    ("weft-agent", "list", "networkpolicies.networking.k8s.io", false),
    ("weft-agent", "get", "secrets", false),
    ("weft-controller", "watch", "pods", true),
    ("weft-controller", "update", "addressblocks.weft.dev", true),
    ("weft-controller", "list", "secrets", false),
    ("weft-controller", "delete", "pods", false),
    ("weft-controller", "update", "pods", false),
    ("weft-controller", "create", "pods", false),
    ("weft-controller", "update", "nodes", false),
    ("weft-controller", "create", "clusterrolebindings.rbac.authorization.k8s.io", false),
];

pub fn run(cluster: &Cluster<'_>, report: &mut Report) -> Result<()> {
    for crd in ["subnets", "staticaddresses", "addressblocks"] {
        let name = format!("{crd}.weft.dev");
        report.check(
            &format!("{name} is served, with a schema"),
            cluster.kubectl.run(&["explain", &format!("{crd}.spec")]).and_then(|text| {
                ensure!(text.contains("weft.dev") && text.contains("FIELDS:"), "{text}");
                Ok(())
            }),
        );
    }
    for (account, verb, resource, may) in RIGHTS {
        let word = if *may { "may" } else { "may not" };
        report.check(&format!("{account} {word} {verb} {resource}"), right(cluster, account, verb, resource, *may));
    }
    for (what, kind, spec, reason) in REFUSED {
        let metadata = if *kind == "StaticAddress" { "{name: refused, namespace: default}" } else { "{name: refused}" };
        let manifest = format!("apiVersion: weft.dev/v1alpha1\nkind: {kind}\nmetadata: {metadata}\nspec: {spec}\n");
        report.check(&format!("refused with the reason: {what}"), refused(cluster, &manifest, reason));
    }
    columns(cluster, report)
}

/// A Subnet and a StaticAddress for the tables; 10.215.0.0/24 is used by nobody.
const SHOWN: &str = r#"
apiVersion: weft.dev/v1alpha1
kind: Subnet
metadata: {name: shown}
spec: {cidrs: [10.215.0.0/24], gateways: [10.215.0.254], namespaces: {names: [shown]}, natOutgoing: false}
---
apiVersion: v1
kind: Namespace
metadata: {name: shown}
---
apiVersion: weft.dev/v1alpha1
kind: StaticAddress
metadata: {name: web, namespace: shown}
spec: {pod: web, addresses: [10.215.0.7]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shown}
spec:
  nodeName: wc-node1
  terminationGracePeriodSeconds: 0
  containers: [{name: web, image: "IMAGE", args: [pause]}]
"#;

/// The tables of `kubectl get` read as a person expects them.
fn columns(cluster: &Cluster<'_>, report: &mut Report) -> Result<()> {
    cluster.apply(SHOWN)?;
    cluster.ready_pods("shown", 1)?;
    let tables: [(&[&str], &str, &str); 3] = [
        (
            &["get", "subnet", "shown"],
            "NAME CIDRS GATEWAYS NAT BLOCKS READY REASON AGE",
            r#"shown ["10.215.0.0/24"] ["10.215.0.254"] false 1 True"#,
        ),
        (
            &["get", "staticaddress", "web", "-n", "shown"],
            "NAME POD STATEFULSET EXTERNAL SUBNET ADDRESSES READY REASON AGE",
            r#"web web shown ["10.215.0.7"] True"#,
        ),
        (&["get", "addressblocks"], "NAME SUBNET CIDR NODE AGE", "shown 10.215.0.0/26 wc-node1"),
    ];
    for (command, header, row) in tables {
        report.check(
            &format!("kubectl {} reads well", command.join(" ")),
            eventually(20, || table(&cluster.kubectl.run(command)?, header, row)),
        );
    }
    let all = cluster.kubectl.run(&["get", "subnets,staticaddresses,addressblocks", "-A"])?;
    println!("      {}", all.trim_end().replace('\n', "\n      "));
    cluster.delete_namespace("shown")?;
    cluster.kubectl.run(&["delete", "subnet", "shown", "--wait=true", "--timeout=60s"]).map(drop)
}

/// Has a table this header, and a line with these words in this order?
fn table(text: &str, header: &str, row: &str) -> Result<()> {
    let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let first = lines.next().unwrap_or_default();
    ensure!(first == header, "the header is: {first}");
    ensure!(lines.any(|line| line.contains(row)), "no line has `{row}`:\n{text}");
    Ok(())
}

fn right(cluster: &Cluster<'_>, account: &str, verb: &str, resource: &str, may: bool) -> Result<()> {
    let who = format!("--as=system:serviceaccount:weft-system:{account}");
    // exits with 1 where it says no
    let output = cluster.kubectl.command(&["auth", "can-i", verb, resource, "-A", &who]).output()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    ensure!(
        said == if may { "yes" } else { "no" },
        "the API server says {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn refused(cluster: &Cluster<'_>, manifest: &str, reason: &str) -> Result<()> {
    match cluster.kubectl.apply(manifest) {
        Ok(_) => anyhow::bail!("it was taken"),
        Err(why) => {
            let why = format!("{why:#}");
            ensure!(why.contains(reason), "the reason does not say `{reason}`: {why}");
            Ok(())
        }
    }
}
