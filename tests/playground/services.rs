//! Services: what reaches which endpoint, and what the endpoint sees of its client; from pods, nodes and the host outside, in
//! both families, over TCP and UDP.

mod load;
mod world;

use self::world::{Call, OUTSIDE, TARGET, World, node, server, service, with_node_port};
use crate::play::{pod, text};

/// Of pairs "endpoint sees client": what the client hears.
fn hear(pairs: &[(&str, &str)]) -> Vec<String> {
    pairs.iter().map(|(endpoint, client)| format!("{endpoint} {client}")).collect()
}

/// State and open connections of the IPv4 endpoints of shop/web, as weftctl counts them.
fn connections(world: &World) -> Vec<(String, u64)> {
    let said = world.play.ok("ctl -- services shop/web -o json");
    let services: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let endpoints = services[0]["ports"].as_array().into_iter().flatten().flat_map(|port| port["endpoints"].as_array());
    let endpoints = endpoints.flatten().filter(|one| one["address"].as_str().is_some_and(|text| text.contains('.')));
    let mut sums = std::collections::BTreeMap::new();
    for one in endpoints {
        let (address, state) = (one["address"].as_str().unwrap_or_default(), one["state"].as_str().unwrap_or_default());
        *sums.entry((address.to_owned(), state.to_owned())).or_default() += one["connections"].as_u64().unwrap_or(0);
    }
    sums.into_iter().map(|((_, state), count)| (state, count)).collect()
}

/// Index of an address's family in pairs of addresses.
fn family(address: &str) -> usize {
    usize::from(address.contains(':'))
}

/// Both protocols.
fn both<'a>(address: &'a str, port: u16) -> [Call<'a>; 2] {
    ["tcp", "udp"].map(|protocol| Call { protocol, ..Call::to(address, port) })
}

#[test]
fn a_service_is_reached_from_pods_nodes_and_outside_through_any_node() {
    let mut world = World::up(2);
    world.play.apply(&with_node_port("web", "NodePort", 31000, ""));
    world.serve(&[("a", 1), ("b", 2)]);
    world.play.settle(&pod("shop/client", "node1"));
    let nodes = [node(1), node(2)];
    let at = |index: usize, address: &str| nodes[index][family(address)].as_str();
    assert_eq!(connections(&world), [("ready".to_owned(), 0), ("ready".to_owned(), 0)]);
    for address in world.cluster_ips("shop/web") {
        let client = world.address_like("shop/client", &address);
        let own = at(0, &address);
        for call in both(&address, 80) {
            world.expect("exec shop/client", call, &hear(&[("a", &client), ("b", &client)]));
            world.expect("node node1", call, &hear(&[("a", own), ("b", own)]));
        }
    }
    let open = connections(&world);
    assert!(
        open.len() == 2 && open.iter().all(|(_, count)| *count > 0),
        "of datagrams, which are remembered: {open:?}"
    );
    for (entry, address) in nodes.iter().enumerate().flat_map(|(entry, pair)| pair.iter().map(move |one| (entry, one)))
    {
        let client = world.address_like("shop/client", address);
        let (client, outside) = (client.as_str(), OUTSIDE[family(address)]);
        let (first, second) = (at(0, address), at(1, address));
        // The endpoint on the node that was asked sees the client; the other one sees that node.
        let (by_outside, by_pod, by_node) = match entry {
            0 => ([outside, first], [client, client], [first, first]),
            _ => ([second, outside], [second, client], [second, first]),
        };
        for call in both(address, 31000) {
            world.expect("outside", call, &hear(&[("a", by_outside[0]), ("b", by_outside[1])]));
            world.expect("exec shop/client", call, &hear(&[("a", by_pod[0]), ("b", by_pod[1])]));
            world.expect("node node1", call, &hear(&[("a", by_node[0]), ("b", by_node[1])]));
        }
    }
}

#[test]
fn external_addresses_are_served_within_their_source_ranges_and_pods_take_the_short_way() {
    let mut world = World::up(2);
    let addresses = ["203.0.113.10", "2001:db8:5::10"];
    let first = node(1);
    let balanced = |ranges: &str, policy: &str| {
        let more = format!("loadBalancerSourceRanges: [{ranges}], externalTrafficPolicy: {policy}");
        with_node_port("web", "LoadBalancer", 31000, &more)
            + "status: {loadBalancer: {ingress: [{ip: 203.0.113.10}, {ip: '2001:db8:5::10'}]}}\n"
    };
    world.play.apply(&balanced("172.30.2.0/24, 'fd30::2:0/112'", "Cluster"));
    world.serve(&[("a", 1), ("b", 2)]);
    world.play.settle(&pod("shop/client", "node1"));
    for address in addresses {
        let (outside, own) = (OUTSIDE[family(address)], first[family(address)].as_str());
        world.play.ok(&format!("outside -- ip route replace {address} via {own}"));
        let client = world.address_like("shop/client", address);
        for call in both(address, 80) {
            world.expect("outside", call, &hear(&[("a", outside), ("b", own)]));
            world.expect("exec shop/client", call, &hear(&[("a", &client), ("b", &client)]));
            world.expect("node node1", call, &hear(&[("a", own), ("b", own)]));
        }
    }
    world.play.settle(&balanced("198.51.100.0/24, '2001:db8:99::/64'", "Local"));
    for address in addresses {
        world.expect_both("outside", address, 80, "silence");
        world.expect_both("outside", &first[family(address)], 31000, "silence");
        let client = world.address_like("shop/client", address);
        for call in both(address, 80) {
            world.expect("exec shop/client", call, &hear(&[("a", &client), ("b", &client)]));
        }
    }
    world.play.settle(&balanced("", "Local"));
    for address in addresses {
        for call in both(address, 80) {
            world.expect("outside", call, &hear(&[("a", OUTSIDE[family(address)])]));
        }
    }
    // externalIPs: one that is nobody's, one that is the node's own.
    let ips = format!("externalIPs: [198.51.100.7, {}, '{}']", first[0], first[1]);
    world.play.ok("delete service web -n shop");
    world.play.settle(&service("web", &ips));
    world.play.ok("outside -- ip route replace 198.51.100.7 via 172.30.1.1");
    for address in ["198.51.100.7", &*first[0], &*first[1]] {
        let own = first[family(address)].as_str();
        let client = world.address_like("shop/client", address);
        for call in both(address, 80) {
            world.expect("outside", call, &hear(&[("a", OUTSIDE[family(address)]), ("b", own)]));
            world.expect("exec shop/client", call, &hear(&[("a", &client), ("b", &client)]));
            world.expect("node node1", call, &hear(&[("a", own), ("b", own)]));
        }
    }
}

#[test]
fn local_traffic_stays_on_the_node_and_load_balancers_learn_where_endpoints_are() {
    let mut world = World::up(2);
    let local = "externalTrafficPolicy: Local, healthCheckNodePort: 32100";
    world.play.apply(&with_node_port("web", "LoadBalancer", 31000, local));
    world.play.apply(&service("inside", "internalTrafficPolicy: Local"));
    world.serve(&[("a", 1), ("c", 1)]);
    world.play.settle(&[pod("shop/here", "node1"), pod("shop/there", "node2")].concat());
    for (entry, address) in [1, 2].into_iter().flat_map(|entry| node(entry).map(|address| (entry, address))) {
        let outside = OUTSIDE[family(&address)];
        match entry {
            1 => both(&address, 31000)
                .iter()
                .for_each(|call| world.expect("outside", *call, &hear(&[("a", outside), ("c", outside)]))),
            _ => world.expect_both("outside", &address, 31000, "silence"),
        }
        // A pod that calls from inside is not bound to the node's own endpoints, whichever node it asks.
        let client = world.address_like("shop/there", &address);
        world.expect("exec shop/there", Call::to(&address, 31000), &hear(&[("a", &client), ("c", &client)]));
    }
    for address in world.cluster_ips("shop/inside") {
        let client = world.address_like("shop/here", &address);
        world.expect("exec shop/here", Call::to(&address, 80), &hear(&[("a", &client), ("c", &client)]));
        world.expect_both("exec shop/there", &address, 80, "silence");
    }
    let get = "import sys,urllib.request,urllib.error\n\
               try: r=urllib.request.urlopen(sys.argv[1], timeout=5)\n\
               except urllib.error.HTTPError as e: r=e\n\
               print(r.status, r.headers.get('X-Load-Balancing-Endpoint-Weight'), r.read().decode().replace('\\n',' '))";
    let ask = |url: &str| {
        let output = world.play.command(&["outside", "--", "python3", "-c", get, url]).output().expect("it runs");
        text(&output.stdout).trim().to_owned() + text(&output.stderr).lines().last().unwrap_or_default()
    };
    for address in ["172.30.1.1", "[fd30::1:1]"] {
        let told = ask(&format!("http://{address}:32100/"));
        assert!(told.starts_with("200 2 ") && told.contains("\"localEndpoints\": 2"), "{told}");
        assert!(told.contains("\"namespace\": \"shop\"") && told.contains("\"name\": \"web\""), "{told}");
        let told = ask(&format!("http://{}:32100/", address.replace("1.1", "1.2").replace("1:1", "1:2")));
        assert!(told.starts_with("503 0 ") && told.contains("\"localEndpoints\": 0"), "{told}");
        let told = ask(&format!("http://{address}:10256/healthz"));
        assert!(told.starts_with("200 ") && told.contains("\"nodeEligible\":true"), "{told}");
    }
    world.play.ok("delete pod a -n shop");
    world.play.ok("delete pod c -n shop");
    world.play.until("the node has no endpoint any more", || {
        ask("http://172.30.1.1:32100/").starts_with("503 0 ").then_some(())
    });
    world.play.settle(&with_node_port("web", "NodePort", 31000, ""));
    world.play.until("nothing is told any more", || ask("http://172.30.1.1:32100/").contains("refused").then_some(()));
}

#[test]
fn a_service_without_endpoints_refuses_at_once() {
    let world = World::up(2);
    let ingress = "status: {loadBalancer: {ingress: [{ip: 203.0.113.10}]}}\n";
    world.play.apply(&(with_node_port("web", "LoadBalancer", 31000, "") + ingress));
    world.play.settle(&[pod("shop/client", "node1"), pod("shop/other", "node2")].concat());
    world.play.ok("outside -- ip route replace 203.0.113.10 via 172.30.1.1");
    for address in world.cluster_ips("shop/web") {
        for place in ["exec shop/client", "node node1", "node node2"] {
            world.expect_both(place, &address, 80, "refused");
        }
    }
    for address in node(1) {
        for place in ["exec shop/client", "exec shop/other", "node node1", "node node2", "outside"] {
            world.expect_both(place, &address, 31000, "refused");
        }
    }
    for place in ["exec shop/client", "node node1", "outside"] {
        world.expect_both(place, "203.0.113.10", 80, "refused");
    }
}

#[test]
fn a_pod_reaches_itself_through_a_service() {
    let mut world = World::up(1);
    world.play.apply(&with_node_port("web", "NodePort", 31000, ""));
    world.serve(&[("a", 1)]);
    let gateways = ["10.10.0.1", "fd00:10::1"];
    let targets = world.cluster_ips("shop/web").into_iter().map(|address| (address, 80));
    for (address, port) in targets.chain(node(1).map(|address| (address, 31000))) {
        for call in both(&address, port) {
            world.expect("exec shop/a", call, &hear(&[("a", gateways[family(&address)])]));
        }
    }
}

#[test]
fn a_client_stays_with_its_endpoint_over_an_agents_restart_and_until_its_time_is_over() {
    let mut world = World::up(2);
    let affinity = |seconds: u32| {
        let config =
            format!("sessionAffinity: ClientIP, sessionAffinityConfig: {{clientIP: {{timeoutSeconds: {seconds}}}}}");
        with_node_port("web", "NodePort", 31000, &config)
    };
    world.play.apply(&affinity(3600));
    world.serve(&[("a", 1), ("b", 2), ("c", 2)]);
    world.play.settle(&pod("shop/client", "node1"));
    let learned = || {
        world
            .play
            .flows("node1")
            .lines()
            .filter(|line| line.contains(", table=ServiceAffinity,") && line.contains("priority=600"))
            .count()
    };
    let chosen = |place: &str, address: &str, port: u16, times: u16| {
        let answers = world.ask(place, Call { times, ..Call::to(address, port) });
        let mut endpoints: Vec<String> =
            answers.iter().map(|answer| answer.split(' ').next().expect("a word").to_owned()).collect();
        endpoints.sort();
        endpoints.dedup();
        endpoints
    };
    let cluster = world.cluster_ips("shop/web");
    let targets: Vec<(&str, &str, u16)> = vec![
        ("exec shop/client", &cluster[0], 80),
        ("exec shop/client", &cluster[1], 80),
        ("outside", "172.30.1.1", 31000),
        ("outside", "fd30::1:1", 31000),
    ];
    let before: Vec<Vec<String>> =
        targets.iter().map(|(place, address, port)| chosen(place, address, *port, 12)).collect();
    assert!(before.iter().all(|endpoints| endpoints.len() == 1), "one endpoint each: {before:?}");
    let flows = learned();
    world.play.ok("kill agent node1");
    world.play.ok("start agent node1");
    world.play.wait();
    assert_eq!(learned(), flows, "what was learned stays");
    for ((place, address, port), endpoints) in targets.iter().zip(&before) {
        assert_eq!(chosen(place, address, *port, 12), *endpoints, "{place} at {address}");
    }
    // Its endpoint goes: the client gets another, and stays with that.
    let mine = before[0][0].clone();
    world.play.ok(&format!("delete pod {mine} -n shop"));
    world.play.wait();
    let next = chosen("exec shop/client", &cluster[0], 80, 12);
    assert!(next.len() == 1 && next[0] != mine, "{next:?}");
    // Without affinity all endpoints are used at once.
    world.play.settle(&with_node_port("web", "NodePort", 31000, "sessionAffinity: None"));
    let left: Vec<String> =
        ["a", "b", "c"].iter().filter(|name| **name != mine).map(|name| (*name).to_owned()).collect();
    world.play.until("both are used", || (chosen("exec shop/client", &cluster[0], 80, 8) == left).then_some(()));
    // With a short one the flow goes after so many seconds without a packet.
    world.play.settle(&affinity(1));
    assert_eq!(chosen("exec shop/client", &cluster[0], 80, 8).len(), 1);
    world.play.until("what was learned is forgotten", || (learned() == 0).then_some(()));
    // And then the client is anybody's.
    let reached = std::cell::RefCell::new(std::collections::BTreeSet::new());
    world.play.until("another one is chosen once the time is over", || {
        if learned() == 0 {
            reached.borrow_mut().extend(chosen("exec shop/client", &cluster[0], 80, 1));
        }
        (reached.borrow().len() == 2).then_some(())
    });
}

#[test]
fn endpoints_that_end_serve_until_they_are_gone_where_none_is_ready() {
    let mut world = World::up(2);
    world.play.apply(&with_node_port("web", "NodePort", 31000, ""));
    let lingering = |name: &str, on: u8| {
        server(name, on).replace("image: none", "image: none, lifecycle: {preStop: {sleep: {seconds: 60}}}")
    };
    world.play.settle(&[lingering("a", 1), lingering("b", 2), pod("shop/client", "node1")].concat());
    world.start("exec shop/a", "a", TARGET);
    world.start("exec shop/b", "b", TARGET);
    let cluster = world.cluster_ips("shop/web")[0].clone();
    let client = world.address_like("shop/client", &cluster);
    // One ends: only the other is used.
    world.play.ok("delete pod a -n shop");
    world.until("exec shop/client", Call { times: 10, ..Call::to(&cluster, 80) }, &format!("b {client}"));
    // Both end: both are used, by whoever asks.
    world.play.ok("delete pod b -n shop");
    world.play.until("both are used", || {
        let mut answers = world.ask("exec shop/client", Call { times: 8, ..Call::to(&cluster, 80) });
        answers.sort();
        answers.dedup();
        (answers == hear(&[("a", &client), ("b", &client)])).then_some(())
    });
    world.expect("outside", Call::to("172.30.1.1", 31000), &hear(&[("a", OUTSIDE[0]), ("b", "172.30.1.1")]));
}

#[test]
fn datagrams_find_another_endpoint_when_theirs_goes() {
    let mut world = World::up(2);
    world.play.apply(&with_node_port("web", "NodePort", 31000, ""));
    world.play.settle(&pod("shop/client", "node1"));
    let cluster = world.cluster_ips("shop/web");
    let at = |address: &'static str, port| Call { protocol: "udp", address, port, times: 1, source: 5353 };
    let inside = Call { address: &cluster[0], ..at("", 80) };
    // What was asked before there was an endpoint leaves nothing behind that hides the first one.
    assert_eq!(world.ask("exec shop/client", inside), ["refused"]);
    assert_eq!(world.ask("outside", at("172.30.1.1", 31000)), ["refused"]);
    world.serve(&[("a", 1)]);
    let client = world.address_like("shop/client", "0.0.0.0");
    assert_eq!(world.ask("exec shop/client", inside), hear(&[("a", &client)]));
    assert_eq!(world.ask("outside", at("172.30.1.1", 31000)), hear(&[("a", OUTSIDE[0])]));
    world.serve(&[("b", 2)]);
    assert_eq!(world.ask("exec shop/client", inside), hear(&[("a", &client)]), "a connection stays where it is");
    world.play.ok("delete pod a -n shop");
    world.play.wait();
    assert_eq!(world.ask("exec shop/client", inside), hear(&[("b", &client)]));
    assert_eq!(world.ask("outside", at("172.30.1.1", 31000)), hear(&[("b", "172.30.1.1")]));
    assert_eq!(world.ask("outside", at("172.30.1.2", 31000)), hear(&[("b", OUTSIDE[0])]));
}

#[test]
fn datagrams_find_another_endpoint_when_theirs_went_while_no_agent_ran() {
    let mut world = World::up(1);
    world.play.apply(&service("web", ""));
    world.play.settle(&pod("shop/client", "node1"));
    world.serve(&[("a", 1), ("b", 1), ("c", 1)]);
    let cluster = world.cluster_ips("shop/web");
    // From one port each time, so that what is remembered of it counts. Once the agent remembers what it was told, once it does not.
    let call = Call { protocol: "udp", address: &cluster[0], port: 80, times: 1, source: 5353 };
    for remembers in [true, false] {
        let answer = world.ask("exec shop/client", call).remove(0);
        let (first, _) = answer.split_once(' ').expect("a name and an address");
        assert_eq!(world.ask("exec shop/client", call), [answer.as_str()], "it stays where it is");
        world.play.ok("kill agent");
        world.play.ok(&format!("delete pod {first} -n shop"));
        if !remembers {
            let state = format!("/run/weft-play/{}/nodes/node1/state", world.play.name);
            std::fs::remove_dir_all(&state).expect(&state);
        }
        world.play.ok("start agent");
        world.play.wait();
        let client = world.address_like("shop/client", &cluster[0]);
        let others: Vec<String> =
            ["a", "b", "c"].iter().filter(|name| **name != first).map(|name| format!("{name} {client}")).collect();
        let found = || Some(world.ask("exec shop/client", call).remove(0)).filter(|answer| others.contains(answer));
        world.play.until("another endpoint answers", found);
    }
}

#[test]
fn endpoints_on_the_network_of_nodes_serve_everybody_the_node_itself_too() {
    let mut world = World::up(2);
    world.play.apply(&with_node_port("web", "NodePort", 31000, ""));
    let host = server("h", 2).replace("nodeName: node2,", "nodeName: node2, hostNetwork: true,");
    world.play.settle(&[host, pod("shop/near", "node2"), pod("shop/far", "node1")].concat());
    world.start("node node2", "h", TARGET);
    for address in world.cluster_ips("shop/web") {
        for place in ["exec shop/near", "exec shop/far", "node node1", "node node2"] {
            let answers = world.ask(place, Call { times: 4, ..Call::to(&address, 80) });
            assert!(answers.iter().all(|answer| answer.starts_with("h ")), "{place} at {address}: {answers:?}");
            let answers = world.ask(place, Call { protocol: "udp", times: 4, ..Call::to(&address, 80) });
            assert!(answers.iter().all(|answer| answer.starts_with("h ")), "{place} at {address}: {answers:?}");
        }
    }
    for address in [node(1), node(2)].concat() {
        for place in ["exec shop/near", "exec shop/far", "node node1", "node node2", "outside"] {
            for call in both(&address, 31000) {
                let answers = world.ask(place, Call { times: 4, ..call });
                assert!(answers.iter().all(|answer| answer.starts_with("h ")), "{place} at {address}: {answers:?}");
            }
        }
    }
    // An ingress controller as many have it: its node's own addresses are external ones of its Service, at the port where it is.
    let ips = format!("externalIPs: ['{}', '{}']", node(2)[0], node(2)[1]);
    world.play.settle(&service("ingress", &ips).replace("port: 80,", &format!("port: {TARGET},")));
    for address in node(2) {
        for place in ["exec shop/near", "exec shop/far", "node node1", "node node2", "outside"] {
            for call in both(&address, TARGET) {
                let answers = world.ask(place, Call { times: 4, ..call });
                assert!(answers.iter().all(|answer| answer.starts_with("h ")), "{place} at {address}: {answers:?}");
            }
        }
    }
}

#[test]
fn a_service_that_changes_its_type_or_is_made_again_works_at_once() {
    let mut world = World::up(2);
    world.play.apply(&service("web", ""));
    world.serve(&[("a", 1)]);
    world.play.settle(&pod("shop/client", "node2"));
    let cluster = world.cluster_ips("shop/web");
    let client = world.address_like("shop/client", &cluster[0]);
    let inside = |answer: &str| {
        let got = world.ask("exec shop/client", Call::to(&cluster[0], 80));
        assert_eq!(got, [answer], "{}", world.play.logs());
    };
    let outside = |answer: &str| {
        let got = world.ask("outside", Call::to("172.30.1.1", 31000));
        assert_eq!(got, [answer], "{}", world.play.logs());
    };
    inside(&format!("a {client}"));
    outside("refused");
    for _ in 0..2 {
        world.play.settle(&with_node_port("web", "NodePort", 31000, ""));
        inside(&format!("a {client}"));
        outside(&format!("a {}", OUTSIDE[0]));
        world.play.settle(&service("web", "type: ClusterIP"));
        inside(&format!("a {client}"));
        outside("refused");
        let addresses = format!("clusterIP: {}, clusterIPs: [{}, '{}']", cluster[0], cluster[0], cluster[1]);
        world.play.ok("delete service web -n shop");
        world.play.wait();
        assert_ne!(world.ask("exec shop/client", Call::to(&cluster[0], 80)), [format!("a {client}")]);
        world.play.settle(&service("web", &addresses));
        inside(&format!("a {client}"));
    }
    let named = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n\
                 spec: {type: ExternalName, externalName: example.org}\n";
    world.play.ok("delete service web -n shop");
    world.play.settle(named);
    assert_ne!(world.ask("exec shop/client", Call::to(&cluster[0], 80)), [format!("a {client}")]);
    world.play.ok("delete service web -n shop");
    let addresses = format!("clusterIP: {}, clusterIPs: [{}, '{}']", cluster[0], cluster[0], cluster[1]);
    world.play.settle(&service("web", &addresses));
    inside(&format!("a {client}"));
}
