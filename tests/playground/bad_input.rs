//! Input that is wrong: it is named with the object and the remedy, and everything else goes on.

use crate::play::{Play, annotated, pod, text};

#[test]
fn malformed_yaml_is_refused_with_its_place_and_nothing_is_stored() {
    let play = Play::up("--nodes 1");
    let output = play.feed("apply", &format!("{}---\nkind: Pod\nmetadata: [", pod("shop/a", "node1")));
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("standard input"), "{}", text(&output.stderr));
    assert!(play.list("pods").is_empty());
}

#[test]
fn a_kind_that_is_not_known_is_named_and_the_rest_is_stored() {
    let play = Play::up("--nodes 1");
    let unicorn = "apiVersion: example.org/v1\nkind: Unicorn\nmetadata: {name: u}\n";
    let output = play.feed("apply", &format!("{unicorn}{}", pod("shop/a", "node1")));
    assert!(output.status.success());
    assert!(text(&output.stderr).contains("Unicorn"), "{}", text(&output.stderr));
    play.wait();
    assert_eq!(play.list("pods").len(), 1);
}

#[test]
fn an_annotation_that_is_no_address_is_named_and_others_are_plugged_in() {
    let play = Play::up("--nodes 1");
    let refused = play
        .settle(&[annotated("shop/bad", "node1", "weft.dev/addresses: banana"), pod("shop/good", "node1")].concat());
    assert!(refused.contains("shop/bad") && refused.contains("banana"), "{refused}");
    assert!(!play.addresses("shop/good").is_empty());
}

#[test]
fn an_exhausted_subnet_is_named_and_a_freed_address_serves_the_pod_that_waits() {
    let config = std::env::temp_dir().join(format!("wpg-quiet-{}.yaml", std::process::id()));
    std::fs::write(&config, "quietTime: 0s\n").expect("a file");
    let play = Play::up(&format!("--nodes 1 --families ipv4 --config {}", config.display()));
    std::fs::remove_file(&config).expect("removed");
    let small = "apiVersion: weft.dev/v1alpha1\nkind: Subnet\nmetadata: {name: small}\n\
                 spec: {cidrs: [10.50.0.0/30], blockSize: {ipv4: 30}, namespaces: {names: [small]}}\n";
    let pods: String = (0..3).map(|n| pod(&format!("small/p{n}"), "node1")).collect();
    let refused = play.settle(&format!("{small}{pods}{}", pod("shop/good", "node1")));
    assert!(refused.contains("small/p") && refused.contains("small"), "{refused}");
    assert!(!play.addresses("shop/good").is_empty());
    let without: Vec<usize> = (0..3).filter(|n| play.addresses(&format!("small/p{n}")).is_empty()).collect();
    assert!(!without.is_empty() && without.len() < 3, "{without:?}");
    let with = (0..3).find(|n| !without.contains(n)).expect("one has an address");
    play.ok(&format!("delete pod p{with} -n small"));
    play.wait();
    assert!(without.iter().any(|n| !play.addresses(&format!("small/p{n}")).is_empty()), "{}", play.logs());
}

#[test]
fn a_static_address_held_twice_is_refused_to_the_second() {
    let play = Play::up("--nodes 1 --families ipv4");
    let held = |name: &str| {
        format!(
            "---\napiVersion: weft.dev/v1alpha1\nkind: StaticAddress\nmetadata: {{name: {name}, namespace: shop}}\n\
             spec: {{pod: {name}, addresses: [10.10.88.8]}}\n"
        )
    };
    play.settle(&held("first"));
    play.settle(&held("second"));
    let ready = |name: &str| {
        let object = play.get("staticaddress", &format!("shop/{name}"));
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions
            .iter()
            .find(|c| c["type"] == "Ready")
            .map(|c| (c["status"] == "True", c["message"].as_str().unwrap_or_default().to_owned()))
    };
    assert_eq!(ready("first").map(|(ready, _)| ready), Some(true));
    let (second, why) = ready("second").expect("a condition");
    assert!(!second && why.contains("first"), "{why}");
}

#[test]
fn a_subnet_that_overlaps_is_marked_with_the_reason() {
    let play = Play::up("--nodes 1 --families ipv4");
    play.settle("apiVersion: weft.dev/v1alpha1\nkind: Subnet\nmetadata: {name: twin}\nspec: {cidrs: [10.10.5.0/24]}\n");
    let twin = play.get("subnet", "twin");
    let conditions = twin["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let ready = conditions.iter().find(|c| c["type"] == "Ready").expect("a condition");
    assert_eq!(ready["status"], "False");
    assert!(ready["message"].as_str().unwrap_or_default().contains("default"), "{ready}");
}
