//! Wiring, host routes, firewall and uplink against the real kernel, in network namespaces of this test's own.
//!
//! Needs root and the programs `ip`, `nft` and `ethtool`; says so and passes where they are not there.

use std::fs::File;
use std::io;
use std::process::Command;

use api::node::{Config, Delta, Object, Service, ServicePort, ServiceProxy, object::Kind};
use weft_agent::cni::Code;
use weft_agent::host::doors::Keeper;
use weft_agent::host::firewall::{Care, Firewall, Masquerade, Written};
use weft_agent::host::{self, HostWant};
use weft_agent::netlink::{Netlink, netns};
use weft_agent::state::NodeState;
use weft_agent::uplink::Uplink;
use weft_agent::wiring::{self, Checksums, Wiring};

/// A named network namespace that goes when it is dropped.
struct Namespace(String);

impl Namespace {
    fn new(name: &str) -> Namespace {
        let name = format!("wag-{name}-{}", std::process::id());
        run("ip", &["netns", "add", &name]);
        Namespace(name)
    }

    fn path(&self) -> String {
        format!("/run/netns/{}", self.0)
    }

    fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let file = File::open(self.path()).expect("the namespace exists");
        netns::inside(&file, || Ok(work())).expect("the namespace can be entered")
    }

    fn run(&self, arguments: &[&str]) -> String {
        run("ip", &[&["netns", "exec", &self.0], arguments].concat())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        run("ip", &["netns", "del", &self.0]);
    }
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn may_run() -> bool {
    let may = nix::unistd::geteuid().is_root();
    if !may {
        eprintln!("skipped: network namespaces need root");
    }
    may
}

fn wiring(pod: &Namespace) -> Wiring {
    let at = |address: &str, gateway: &str| (address.parse().expect("prefix"), gateway.parse().expect("address"));
    Wiring {
        port: "web-0-1f2e3d4".into(),
        alias: "weft:shop/web-0 c0ffee eth0".into(),
        netns: pod.path().into(),
        ifname: "eth0".into(),
        mac: "0a:58:0a:0a:00:13".parse().expect("a MAC"),
        mtu: 1442,
        addresses: vec![at("10.10.0.19/16", "10.10.0.1"), at("fd00:10::13/64", "fd00:10::1")],
        checksums: Checksums::ByStack,
    }
}

#[test]
fn a_pod_is_wired_and_wired_again_and_unplugged() {
    if !may_run() {
        return;
    }
    let (node, pod) = (Namespace::new("node"), Namespace::new("pod"));
    let wiring = wiring(&pod);
    let plugged = node.inside(|| wiring::plug(&wiring)).expect("it is wired");
    assert_eq!(plugged.container.mac, "0a:58:0a:0a:00:13");

    let addresses = pod.run(&["ip", "-o", "addr", "show", "dev", "eth0"]);
    assert!(addresses.contains("10.10.0.19/16") && addresses.contains("fd00:10::13/64"), "{addresses}");
    assert!(!addresses.contains("tentative fd00"), "usable at once: {addresses}");
    let link = pod.run(&["ip", "-o", "link", "show", "dev", "eth0"]);
    assert!(link.contains("mtu 1442") && link.contains("0a:58:0a:0a:00:13") && link.contains(",UP"), "{link}");
    assert!(pod.run(&["ip", "route"]).contains("default via 10.10.0.1 dev eth0"));
    assert!(pod.run(&["ip", "-6", "route"]).contains("default via fd00:10::1 dev eth0"));
    let features = pod.run(&["ethtool", "-k", "eth0"]);
    assert!(features.contains("tx-checksumming: off"), "{features}");
    let host = node.run(&["ip", "-o", "addr", "show"]);
    assert!(!host.contains("web-0"), "the node's end has no address at all: {host}");

    let again = node.inside(|| wiring::plug(&wiring)).expect("the same call is finished again");
    assert_eq!(again, plugged);
    let other = Wiring { alias: "weft:shop/web-0 other eth0".into(), port: "web-0-0000000".into(), ..wiring.clone() };
    let error = node.inside(|| wiring::plug(&other)).expect_err("the name is taken");
    assert_eq!(error.code, Code::InterfaceExists);

    let found = node.inside(|| wiring::look(&wiring.netns, "eth0")).expect("readable").expect("there");
    assert_eq!((found.mac, found.mtu, found.up, found.addresses.len()), (wiring.mac, 1442, true, 2));

    for _ in 0..2 {
        node.inside(|| wiring::unplug(&wiring.port)).expect("unplugged, however often");
    }
    assert_eq!(node.inside(|| wiring::look(&wiring.netns, "eth0")).expect("readable"), None);
}

#[test]
fn a_namespace_that_is_not_there_is_an_unknown_container() {
    if !may_run() {
        return;
    }
    let pod = Namespace::new("gone");
    let mut wiring = wiring(&pod);
    wiring.netns = "/run/netns/wag-nowhere".into();
    assert_eq!(wiring::plug(&wiring).expect_err("no namespace").code, Code::UnknownContainer);
}

#[test]
fn the_firewall_is_replaced_whole_and_changes_by_hand_are_seen() {
    if !may_run() {
        return;
    }
    let node = Namespace::new("nft");
    node.inside(|| {
        let mut firewall = Firewall::default();
        let at = |text: &str| text.parse().expect("a prefix");
        let inside = vec![at("10.10.0.0/16"), at("fd00::/64")];
        let want = Masquerade { sources: vec![at("10.10.0.0/16")], inside, services: true };
        let apply = |firewall: &mut Firewall, care| firewall.masquerade(&want, care).expect("nft takes it");
        assert_eq!(apply(&mut firewall, Care::Wanted), Written::Changed);
        assert_eq!(apply(&mut firewall, Care::ReadBack), Written::No);
        run("nft", &["flush", "chain", "inet", "weft", "postrouting"]);
        assert_eq!(apply(&mut firewall, Care::ReadBack), Written::Repaired);
        assert_eq!(apply(&mut firewall, Care::ReadBack), Written::No);

        run("ip", &["link", "add", "0x-web.1", "type", "veth", "peer", "name", "v1"]);
        let devices = ["0x-web.1".to_owned()].into();
        assert_eq!(firewall.drops(&devices, Care::Wanted).expect("nft takes it"), Written::Changed);
        assert!(run("nft", &["list", "table", "netdev", "weft"]).contains("policy drop"));
        assert_eq!(firewall.drops(&devices, Care::ReadBack).expect("it is read"), Written::No);
        run("nft", &["flush", "ruleset"]);
        assert_eq!(firewall.drops(&devices, Care::ReadBack).expect("nft takes it"), Written::Repaired);
        run("ip", &["link", "del", "0x-web.1"]);
        assert_eq!(firewall.drops(&Default::default(), Care::Wanted).expect("nft takes it"), Written::Changed);
        firewall.remove().expect("removed");
        assert_eq!(run("nft", &["list", "tables"]), "");
    });
}

/// A node that serves all Services, with these addresses and node ports of one Service each.
fn keeper(services: &[(&str, &str, u32)]) -> Keeper {
    let config = Config {
        gateway_mac: vec![10, 0x57, 0x45, 0x46, 0x54, 1],
        addresses: vec!["192.0.2.1".into(), "2001:db8::1".into()],
        service_proxy: ServiceProxy::Full.into(),
        ..Config::default()
    };
    let object = Object { key: "config/node".into(), digest: 1, kind: Some(Kind::Config(config)) };
    let mut state = NodeState::default();
    state.apply(Delta::new(1, [object], vec![]));
    let mut keeper = Keeper::of(&state);
    for (cluster, external, node_port) in services {
        let service = Service {
            cluster_ips: vec![(*cluster).to_owned()],
            external_addresses: vec![(*external).to_owned()],
            ports: vec![ServicePort { protocol: 17, port: 53, node_port: *node_port, ..ServicePort::default() }],
            ..Service::default()
        };
        keeper.set(cluster, Some(&service));
    }
    keeper
}

#[test]
fn the_doors_of_services_change_by_element_and_changes_by_hand_are_seen() {
    if !may_run() {
        return;
    }
    let node = Namespace::new("doors");
    node.inside(|| {
        let mut firewall = Firewall::default();
        let mut apply = |keeper: &Keeper, care| firewall.doors(keeper.doors(), care).expect("nft takes it");
        let list = || run("nft", &["list", "table", "inet", "weft-services"]);
        let one = keeper(&[("10.96.0.1", "192.0.2.1", 31000), ("fd00:96::1", "2001:db8::1", 0)]);
        assert_eq!(apply(&one, Care::Wanted), Written::Changed);
        assert_eq!(apply(&one, Care::ReadBack), Written::No);
        let listing = list();
        for part in ["udp . 31000", "192.0.2.1 . udp . 53", "2001:db8::1 . udp . 53", "dnat ip6 to 100::253:2"] {
            assert!(listing.contains(part), "{part} in {listing}");
        }
        let rules_before = run("nft", &["-a", "list", "chain", "inet", "weft-services", "services"]);
        let other = keeper(&[("10.96.0.1", "203.0.113.1", 31001), ("fd00:96::1", "2001:db8::1", 0)]);
        assert_eq!(apply(&other, Care::Wanted), Written::Changed);
        let listing = list();
        assert!(listing.contains("udp . 31001") && !listing.contains("31000"), "{listing}");
        assert!(!listing.contains("192.0.2.1 . udp"), "{listing}");
        let rules = run("nft", &["-a", "list", "chain", "inet", "weft-services", "services"]);
        assert_eq!(rules, rules_before, "the rules were left as they are");
        assert_eq!(apply(&other, Care::ReadBack), Written::Changed, "how the kernel lists it is learned");
        assert_eq!(apply(&other, Care::ReadBack), Written::No);
        run("nft", &["flush", "set", "inet", "weft-services", "ports"]);
        assert_eq!(apply(&other, Care::ReadBack), Written::Repaired);
        assert!(list().contains("udp . 31001"));
        run("nft", &["flush", "ruleset"]);
        assert_eq!(apply(&one, Care::Wanted), Written::Changed, "an element that cannot go is no obstacle");
        assert_eq!(apply(&Keeper::default(), Care::Wanted), Written::Changed);
        assert_eq!(run("nft", &["list", "tables"]), "", "beside a kube-proxy there is no table");
        assert_eq!(apply(&Keeper::default(), Care::ReadBack), Written::No);
    });
}

#[test]
fn addresses_of_services_are_routed_to_the_gateway_and_those_of_others_stay() {
    if !may_run() {
        return;
    }
    let node = Namespace::new("routes");
    node.inside(|| {
        run("ip", &["link", "add", "weft0", "type", "veth", "peer", "name", "v1"]);
        run("ip", &["link", "set", "v1", "up"]);
        run("ip", &["addr", "add", "192.0.2.1/32", "dev", "lo"]);
        // The kernel looks for duplicates later, by itself, and takes no route from an address before.
        run("ip", &["addr", "add", "2001:db8::1/128", "dev", "lo", "nodad"]);
        let want = |keeper: &Keeper| HostWant {
            gateway_mac: "0a:57:45:46:54:01".parse().ok(),
            addresses: ["192.0.2.1", "2001:db8::1"].map(|text| text.parse().expect("an address")).into(),
            doors: keeper.doors().clone(),
            ..HostWant::default()
        };
        let one = want(&keeper(&[("10.96.0.1", "203.0.113.1", 31000), ("fd00:96::1", "2001:db8::1", 0)]));
        let changed = host::apply(&one).expect("it is applied");
        assert!(changed.iter().any(|line| line.starts_with("route 10.96.0.1/32 via")), "{changed:?}");
        assert_eq!(host::apply(&one).expect("it is applied"), Vec::<String>::new());
        let get = |address: &str| run("ip", &["route", "get", address]);
        for address in ["10.96.0.1", "203.0.113.1", "fd00:96::1", "169.254.253.2", "100::253:1"] {
            assert!(get(address).contains("dev weft0"), "{}", get(address));
        }
        assert!(get("2001:db8::1").contains("local"), "{}", get("2001:db8::1"));

        let other = want(&keeper(&[("10.96.0.2", "203.0.113.1", 31000)]));
        let mut changed = host::apply_doors(&one, &other).expect("it is applied");
        changed.iter_mut().for_each(|line| line.truncate(line.find(" via").expect("a route")));
        assert_eq!(changed, ["no route 10.96.0.1/32", "no route fd00:96::1/128", "route 10.96.0.2/32"]);
        assert_eq!(host::apply(&other).expect("it is applied"), Vec::<String>::new(), "part and whole agree");
    });
}

#[test]
fn the_uplink_is_taken_and_given_back() {
    if !may_run() {
        return;
    }
    let node = Namespace::new("up");
    node.inside(|| -> io::Result<()> {
        run("ip", &["link", "add", "eth0", "type", "veth", "peer", "name", "wire"]);
        run("ip", &["link", "set", "wire", "up"]);
        run("ip", &["link", "set", "eth0", "up"]);
        run("ip", &["addr", "add", "192.0.2.1/24", "dev", "eth0"]);
        run("ip", &["addr", "add", "2001:db8::1/64", "dev", "eth0", "nodad"]);
        run("ip", &["route", "add", "default", "via", "192.0.2.254"]);
        run("ip", &["route", "add", "198.51.100.0/24", "via", "192.0.2.253", "metric", "7"]);
        run("ip", &["-6", "route", "add", "default", "via", "2001:db8::ff"]);
        // Open vSwitch makes this one; any device will do to move addresses to.
        run("ip", &["link", "add", "br-ext", "type", "veth", "peer", "name", "other"]);
        run("ip", &["link", "set", "other", "up"]);

        let uplink = Uplink::read("eth0")?;
        assert_eq!((uplink.addresses.len(), uplink.routes.len()), (2, 3), "{uplink:?}");
        let uplink = Uplink::recorded(&uplink.record()).expect("the record reads back");
        let before = |device: &str| {
            run("ip", &["route"]).replace(device, "DEV")
                + &run("ip", &["-6", "route", "show", "default"]).replace(device, "DEV")
        };
        let routes = before("eth0");

        assert!(!weft_agent::uplink::take(&uplink)?.is_empty());
        assert_eq!(weft_agent::uplink::take(&uplink)?, Vec::<String>::new(), "taken is taken");
        assert_eq!(before("br-ext"), routes);
        let bare = Uplink::read("eth0")?;
        assert_eq!((bare.addresses.len(), bare.routes.len()), (0, 0), "{bare:?}");

        // A boot, or a crash in the middle: half of it is on the uplink again.
        run("ip", &["addr", "add", "192.0.2.1/24", "dev", "eth0"]);
        run("ip", &["addr", "del", "192.0.2.1/24", "dev", "br-ext"]);
        let now = Uplink::read("eth0")?;
        weft_agent::uplink::take(&uplink.clone().with(&now))?;
        assert_eq!(before("br-ext"), routes);

        weft_agent::uplink::give_back(&uplink)?;
        assert_eq!(before("eth0"), routes);
        assert!(Netlink::open()?.addresses()?.iter().any(|one| one.address.to_string() == "2001:db8::1/64"));
        Ok(())
    })
    .expect("no step fails");
}
