//! Every verb in every version, from the text of the specification.

use super::*;

fn call(command: &str, config: &str) -> Call {
    Call {
        command: command.into(),
        container_id: "c0ffee".into(),
        netns: "/run/netns/x".into(),
        ifname: "eth0".into(),
        args: "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_UID=u-1".into(),
        path: "/opt/cni/bin".into(),
        config: config.into(),
    }
}

fn config(version: &str, more: &str) -> String {
    format!(r#"{{"cniVersion":"{version}","name":"weft","type":"weft-cni"{more}}}"#)
}

/// `expect`: `None` for a call that is taken, else the code.
fn check(call: &Call, expect: Option<Code>) {
    let (_, verb) = judge(call);
    assert_eq!(verb.as_ref().err().map(|error| error.code), expect, "{call:?} -> {verb:?}");
    if let Err(error) = verb {
        assert!(!error.message.is_empty() && !error.details.is_empty(), "an error says what and what to do: {error:?}");
    }
}

#[test]
fn every_verb_exists_from_its_version_on() {
    let previous = r#","prevResult":{"ips":[]}"#;
    let valid = r#","cni.dev/valid-attachments":[]"#;
    let old = Some(Code::IncompatibleVersion);
    for (verb, more, by_version) in [
        ("ADD", "", [None, None, None, None, None]),
        ("DEL", "", [None, None, None, None, None]),
        ("DEL", previous, [None, None, None, None, None]),
        ("CHECK", previous, [old, old, None, None, None]),
        ("STATUS", "", [old, old, old, old, None]),
        ("GC", valid, [old, old, old, old, None]),
        ("VERSION", "", [None, None, None, None, None]),
    ] {
        for (version, expect) in Version::ALL.into_iter().zip(by_version) {
            let call = call(verb, &config(version.text(), more));
            check(&call, expect);
            assert_eq!(judge(&call).0, version, "the answer is in the version that was asked for");
        }
    }
}

#[test]
fn a_version_that_cannot_be_spoken_is_refused_save_where_it_does_not_matter() {
    for version in ["", "0.1.0", "0.2.0", "1.2.0", "2.0.0", "one"] {
        for verb in ["ADD", "CHECK", "STATUS", "GC"] {
            check(&call(verb, &config(version, "")), Some(Code::IncompatibleVersion));
        }
        check(&call("DEL", &config(version, "")), None);
        check(&call("VERSION", &config(version, "")), None);
    }
}

#[test]
fn the_environment_is_held_to_the_specification() {
    let wrong = Some(Code::Environment);
    let change = |verb: &str, change: fn(&mut Call)| {
        let more = if verb == "CHECK" { r#","prevResult":{}"# } else { "" };
        let mut call = call(verb, &config("1.0.0", more));
        change(&mut call);
        call
    };
    for verb in ["ADD", "CHECK", "DEL"] {
        check(&change(verb, |c| c.container_id.clear()), wrong);
        check(&change(verb, |c| c.container_id = "../etc".into()), wrong);
        check(&change(verb, |c| c.container_id = "a b".into()), wrong);
        check(&change(verb, |c| c.ifname.clear()), wrong);
        check(&change(verb, |c| c.ifname = "a/b".into()), wrong);
        check(&change(verb, |c| c.ifname = "..".into()), wrong);
        check(&change(verb, |c| c.ifname = "sixteen-letters-".into()), wrong);
        check(&change(verb, |c| c.ifname = "fifteen-letters".into()), None);
        check(&change(verb, |c| c.path.clear()), None);
    }
    for verb in ["ADD", "CHECK"] {
        check(&change(verb, |c| c.netns.clear()), wrong);
        check(&change(verb, |c| c.args.clear()), wrong);
        check(&change(verb, |c| c.args = "K8S_POD_NAME".into()), wrong);
        check(&change(verb, |c| c.args = "K8S_POD_NAME=web-0".into()), wrong);
    }
    check(&change("DEL", |c| c.netns.clear()), None);
    check(&change("DEL", |c| c.args.clear()), None);
    for verb in ["", "add", "PLUG"] {
        check(&change("ADD", |_| ()), None);
        check(&call(verb, &config("1.1.0", "")), wrong);
    }
}

#[test]
fn the_configuration_is_held_to_the_specification() {
    for verb in ["ADD", "DEL", "CHECK", "STATUS", "GC"] {
        check(&call(verb, "{"), Some(Code::Decode));
    }
    check(&call("VERSION", ""), None);
    check(&call("ADD", r#"{"cniVersion":"1.0.0"}"#), Some(Code::Config));
    check(&call("ADD", r#"{"cniVersion":"1.0.0","name":"-x"}"#), Some(Code::Config));
    check(&call("ADD", &config("1.0.0", r#","prevResult":{"ips":[]}"#)), Some(Code::Config));
    check(&call("ADD", &config("1.0.0", r#","prevResult":null,"ipam":{},"runtimeConfig":{}"#)), None);
    check(&call("CHECK", &config("1.0.0", "")), Some(Code::Config));
    check(&call("DEL", r#"{"ipam":{}}"#), None);
    check(&call("GC", &config("1.1.0", "")), Some(Code::Config));
    check(&call("GC", &config("1.1.0", r#","cni.dev/valid-attachments":{}"#)), Some(Code::Config));
    check(&call("GC", &config("1.1.0", r#","cni.dev/valid-attachments":[{"containerID":"a"}]"#)), Some(Code::Config));
}

#[test]
fn gc_reads_what_is_to_stay() {
    let more =
        r#","cni.dev/valid-attachments":[{"containerID":"a","ifname":"eth0"},{"containerID":"b","ifname":"net1"}]"#;
    let Ok(Verb::Gc(gc)) = judge(&call("GC", &config("1.1.0", more))).1 else { panic!("GC is taken") };
    let pair = |id: &str, ifname: &str| Attachment { container_id: id.into(), ifname: ifname.into() };
    assert_eq!(gc.valid, [pair("a", "eth0"), pair("b", "net1")]);
    let Ok(Verb::Gc(gc)) = judge(&call("GC", &config("1.1.0", r#","cni.dev/valid-attachments":null"#))).1 else {
        panic!("an empty Go slice is taken")
    };
    assert!(gc.valid.is_empty());
}

#[test]
fn the_pod_is_read_from_the_arguments() {
    let Ok(Verb::Add(attach)) = judge(&call("ADD", &config("1.0.0", ""))).1 else { panic!("ADD is taken") };
    assert_eq!(attach.pod, PodName { namespace: "shop".into(), name: "web-0".into(), uid: Some("u-1".into()) });
    assert_eq!(attach.netns, PathBuf::from("/run/netns/x"));
}
