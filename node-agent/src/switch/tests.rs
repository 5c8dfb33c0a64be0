//! Steps between rows, without a server.

use super::*;

fn ids(pairs: &[(&str, &str)]) -> Ids {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn want() -> WantBridge {
    let port = |name: &str, kind: &str| WantPort {
        name: name.into(),
        kind: kind.into(),
        external_ids: ids(&[("weft-role", name)]),
        ..WantPort::default()
    };
    WantBridge {
        name: "br-int".into(),
        datapath_type: "netdev".into(),
        fail_mode: "secure".into(),
        protocols: BTreeSet::from(["OpenFlow15".to_owned()]),
        external_ids: ids(&[("weft-role", "bridge")]),
        other_config: Ids::new(),
        tables: BTreeMap::from([(0, "Classify".to_owned())]),
        ports: vec![port("weft0", "internal"), port("pod-a", "")],
        others: Others::Go,
    }
}

/// The rows that a bridge as wanted would have.
fn have(want: &WantBridge) -> Have {
    let row = Bridge {
        name: want.name.clone(),
        datapath_type: want.datapath_type.clone(),
        fail_mode: Some(want.fail_mode.clone()),
        protocols: want.protocols.clone(),
        external_ids: want.external_ids.clone(),
        ..Bridge::default()
    };
    let own = WantPort { name: want.name.clone(), kind: "internal".into(), ..WantPort::default() };
    let port = |want: &WantPort| {
        let port = Port { name: want.name.clone(), external_ids: want.external_ids.clone(), ..Port::default() };
        let interface = Interface {
            name: want.name.clone(),
            r#type: want.kind.clone(),
            external_ids: want.external_ids.clone(),
            ..Interface::default()
        };
        (want.name.clone(), HavePort { port, interface: Some(interface) })
    };
    let ports = want.ports.iter().chain([&own]).map(port).collect();
    let bridge = HaveBridge { row, ports, tables: want.tables.clone() };
    Have { bridges: BTreeMap::from([(want.name.clone(), bridge)]) }
}

fn check(change: fn(&mut HaveBridge), expect: &[&str]) {
    let want = want();
    let mut have = have(&want);
    change(have.bridges.get_mut("br-int").expect("it is there"));
    let changes = diff(&have, &[want]).map(|step| step.changes).unwrap_or_default();
    assert_eq!(changes, expect);
}

#[test]
fn what_is_as_wanted_is_left_alone() {
    check(|_| (), &[]);
    check(|bridge| _ = bridge.row.external_ids.insert("ovn-x".into(), "other".into()), &[]);
    check(|bridge| _ = bridge.row.other_config.insert("x".into(), "other".into()), &[]);
}

#[test]
fn what_was_changed_by_hand_is_put_right() {
    check(|bridge| _ = bridge.ports.remove("pod-a"), &["port pod-a"]);
    check(|bridge| _ = bridge.ports.insert("stray".into(), HavePort::default()), &["no port stray"]);
    check(|bridge| bridge.row.fail_mode = None, &["bridge br-int: datapath_type, fail_mode, protocols"]);
    check(|bridge| bridge.row.external_ids.clear(), &["bridge br-int: external_ids"]);
    check(|bridge| bridge.tables.clear(), &["bridge br-int: flow_tables"]);
    check(|bridge| bridge.ports.get_mut("weft0").expect("there").interface = None, &["port weft0 again"]);
    check(|bridge| bridge.ports.get_mut("weft0").expect("there").port.external_ids.clear(), &["port weft0"]);
}

#[test]
fn the_port_of_the_bridge_itself_stays() {
    let mut want = want();
    want.ports.clear();
    let step = diff(&have(&super::tests::want()), &[want]).expect("two ports go");
    assert_eq!(step.changes, ["no port pod-a", "no port weft0"]);
}

#[test]
fn ports_of_others_stay_where_the_bridge_is_shared() {
    let mut want = want();
    want.others = Others::Stay;
    let mut have = have(&want);
    have.bridges.get_mut("br-int").expect("there").ports.insert("stray".into(), HavePort::default());
    assert!(diff(&have, &[want]).is_none());
}

#[test]
fn a_bridge_that_is_not_there_comes_with_everything() {
    let step = diff(&Have::default(), &[want()]).expect("all of it");
    assert_eq!(step.changes, ["bridge br-int with 2 ports"]);
    let text = step.transaction.params().expect("it can be sent");
    for word in ["weft0", "pod-a", "Classify", "OpenFlow15", "secure", "netdev"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn removal_names_only_what_is_there() {
    let have = have(&want());
    assert_eq!(remove(&have, &["br-int", "br-ext"]).expect("one").changes, ["no bridge br-int"]);
    assert!(remove(&Have::default(), &["br-int"]).is_none());
}
