//! What people see: a policy's counters where its rules admit and where nothing does, the cookies of its flows, the numbers.

use serde_json::Value;

use crate::play::{Play, pod, text};

/// `weftctl` with these words, as an operator of the playground; what it prints.
fn weftctl(play: &Play, words: &str) -> String {
    let (output, code) = try_weftctl(play, words);
    assert_eq!(code, 0, "weftctl {words}: {output}\n{}", play.logs());
    output
}

/// The same, with what it says on both outputs and its exit status.
fn try_weftctl(play: &Play, words: &str) -> (String, i32) {
    let line = format!("ctl -- {words}");
    let output = play.run(&line);
    (text(&output.stdout) + &text(&output.stderr), output.status.code().unwrap_or(-1))
}

/// Pods `web` and `other` on node1, `db` on node2; `db` receives TCP 5432 from `web` alone.
fn shop() -> (Play, String) {
    let play = Play::up("--nodes 2");
    let policy = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db, namespace: shop}\n\
                  spec:\n  podSelector: {matchLabels: {app: db}}\n  ingress:\n  - from: [{podSelector: {matchLabels: {app: web}}}]\n    ports: [{port: 5432}]\n";
    play.settle(&[&pod("shop/web", "node1"), &pod("shop/other", "node1"), &pod("shop/db", "node2"), policy].concat());
    let address = play.addresses("shop/db")[0].clone();
    (play, address)
}

/// Connects so many times over TCP, each time anew; how many were taken.
fn connect(play: &Play, client: &str, address: &str, port: u16, times: usize) -> usize {
    let script = "import socket,sys\nn=0\nfor _ in range(int(sys.argv[3])):\n try:\n  c=socket.create_connection((sys.argv[1], int(sys.argv[2])), 1.5)\n  c.sendall(b'x'); c.recv(1); c.close(); n+=1\n except OSError: pass\nprint(n)";
    let words = ["exec", client, "--", "python3", "-c", script, address, &port.to_string(), &times.to_string()];
    let output = play.command(&words).output().expect("the client runs");
    text(&output.stdout).trim().parse().expect("a number")
}

/// A server that echoes one byte of each connection, until it is dropped.
struct Server(std::process::Child);

impl Server {
    fn start(play: &Play, pod: &str, address: &str, port: u16) -> Server {
        let script = "import socket,sys\ns=socket.create_server((sys.argv[1], int(sys.argv[2])))\nprint('up', flush=True)\n\
                      while True:\n c=s.accept()[0]\n c.sendall(c.recv(1)); c.close()";
        let mut command = play.command(&["exec", pod, "--", "python3", "-c", script, address, &port.to_string()]);
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("the server starts");
        let mut up = String::new();
        let out = child.stdout.take().expect("piped");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut up).expect("the server says it is up");
        assert_eq!(up.trim(), "up");
        Server(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_policy_shows_what_its_rules_admitted_and_what_it_denied() {
    let (play, address) = shop();
    let _server = Server::start(&play, "shop/db", &address, 5432);
    assert_eq!(connect(&play, "shop/web", &address, 5432, 5), 5);
    assert_eq!(connect(&play, "shop/other", &address, 5432, 1), 0);
    // Counters of the switch's cached flows reach its tables within a second or so.
    let seen = play.until("five connections and a denied packet", || {
        let policies: Value = serde_json::from_str(&weftctl(&play, "policy shop/db -o json")).expect("JSON");
        let side = policies[0]["sides"][0].clone();
        (side["rules"][0]["sessions"] == 5 && side["deniedPackets"].as_u64() > Some(0)).then_some(policies)
    });
    let (side, rule) = (&seen[0]["sides"][0], &seen[0]["sides"][0]["rules"][0]);
    assert_eq!((side["direction"].as_str(), rule["peers"].as_str()), (Some("ingress"), Some("pods app=web in shop")));
    assert!(rule["packets"].as_u64() >= Some(20), "SYN, ACK, data and FIN of five connections: {rule}");
    assert!(side["deniedPackets"].as_u64() <= Some(4), "a SYN and its repetitions: {side}");
    let node = &seen[0]["nodes"][0];
    assert_eq!((node["node"].as_str(), node["state"].as_str()), (Some("node2"), Some("realized")));
    assert_eq!(seen[0]["nodes"].as_array().map(Vec::len), Some(1), "node1 has no pod that it selects");
    let page = play.ok("node node2 -- curl -sf http://127.0.0.1:10352/metrics");
    let labels = r#"namespace="shop",policy="db",direction="ingress""#;
    assert!(page.contains(&format!("weft_policy_rule_sessions_total{{{labels},rule=\"0\"}} 5\n")), "{page}");
    assert!(
        page.contains(&format!("weft_policy_denied_packets_total{{{labels}}} {}\n", side["deniedPackets"])),
        "{page}"
    );
    assert!(page.trim_end().ends_with("# EOF"), "OpenMetrics ends so");
    println!("{}", weftctl(&play, "policy"));
}

#[test]
fn the_flows_of_a_policy_are_found_by_its_cookies() {
    let (play, _) = shop();
    let cookies: Value = serde_json::from_str(&weftctl(&play, "cookie shop/db -o json")).expect("JSON");
    let found = |wanted: &str| {
        let of = cookies
            .as_array()
            .expect("a list")
            .iter()
            .find(|one| one["table"] == "IngressPolicy" && one["rule"] == wanted);
        let cookie = of.expect("there is one")["cookie"].as_str().expect("text").to_owned();
        let flows =
            play.ok(&format!("node node2 -- ovs-ofctl -O OpenFlow15 --names dump-flows br-int cookie={cookie}/-1"));
        flows.lines().filter(|line| line.contains(&format!("cookie={cookie}"))).count()
    };
    assert_eq!(["Admitted", "Opening", "OpeningAll"].map(found), [1, 1, 0]);
}

/// `why` of a connection, as JSON, with its exit status.
fn why(play: &Play, words: &str) -> (Value, i32) {
    let output = play.run(&format!("ctl -- why {words} -o json"));
    let json = serde_json::from_str(&text(&output.stdout));
    let json =
        json.unwrap_or_else(|error| panic!("{words}: {error}: {}{}", text(&output.stdout), text(&output.stderr)));
    (json, output.status.code().unwrap_or(-1))
}

#[test]
fn why_names_what_decides_on_both_sides_and_the_switches_agree() {
    let (play, address) = shop();
    let _server = Server::start(&play, "shop/db", &address, 5432);
    assert_eq!(connect(&play, "shop/web", &address, 5432, 2), 2);
    for (words, verdict, code, side) in [
        ("--from shop/web --to shop/db --port 5432", "Allowed", 0, "admitted"),
        ("--from shop/web --to shop/db --port 5433", "PolicyDenies", 1, "denied"),
        ("--from shop/other --to shop/db --port 5432", "PolicyDenies", 1, "denied"),
        ("--from shop/db --to shop/other --port 80 --protocol udp", "Allowed", 0, "not isolated"),
        ("--from shop/web --to 10.10.200.200 --port 80", "NoRoute", 1, "not judged"),
        ("--from shop/web --to 203.0.113.9 --port 80", "Allowed", 0, "not judged"),
    ] {
        let (why, status) = why(&play, &format!("{words} --live"));
        assert_eq!((why["verdict"].as_str(), status), (Some(verdict), code), "{words}: {why:#}");
        assert_eq!(why["ingress"]["verdict"], side, "{words}: {why:#}");
        for on in why["nodes"].as_array().expect("nodes") {
            assert_eq!(on["switch"], "agrees", "{words}: {why:#}");
        }
        assert_eq!(why["remarks"].as_array().map(Vec::len), Some(0), "{words}: {why:#}");
    }
    let (allowed, _) = why(&play, "--from shop/web --to shop/db --port 5432");
    assert_eq!(
        (allowed["ingress"]["policy"].as_str(), allowed["ingress"]["rule"].as_u64()),
        (Some("shop/db"), Some(0))
    );
    let nodes: Vec<&str> =
        allowed["nodes"].as_array().expect("nodes").iter().filter_map(|on| on["node"].as_str()).collect();
    assert_eq!(nodes, ["node1", "node2"]);
    let opening =
        allowed["nodes"][1]["tables"].as_array().expect("tables").iter().find(|passed| passed["rule"] == "Opening");
    assert!(
        opening.is_some_and(|passed| passed["packets"].is_u64()),
        "a new connection's flow with its counter: {allowed:#}"
    );
    println!("{}", weftctl(&play, "why --from shop/web --to shop/db --port 5432 --live"));
    println!("{}", try_weftctl(&play, "why --from shop/other --to shop/db --port 5432").0);
}

#[test]
fn why_goes_by_the_plan_and_says_so_where_a_node_cannot_be_asked() {
    let (play, _) = shop();
    let (answer, status) = while_hung(&play, "node2", || why(&play, "--from shop/web --to shop/db --port 5432 --live"));
    assert_eq!((answer["verdict"].as_str(), status), (Some("Allowed"), 0), "{answer:#}");
    assert_eq!((answer["nodes"][0]["switch"].as_str(), answer["nodes"][1]["switch"].as_str()), (Some("agrees"), None));
    let remarks = answer["remarks"].to_string();
    assert!(remarks.contains("node2") && !remarks.contains("node1"), "{remarks}");
}

/// Does something while a node's agent hangs; it goes on then, also where that failed.
fn while_hung<T>(play: &Play, node: &str, work: impl FnOnce() -> T) -> T {
    let pid = agent_of(play, node);
    let signal = |name: &str| {
        assert!(std::process::Command::new("kill").args([name, &pid]).status().expect("kill runs").success())
    };
    signal("-STOP");
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    signal("-CONT");
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Process id of a node's agent.
fn agent_of(play: &Play, node: &str) -> String {
    let found = std::fs::read_dir("/proc").expect("/proc").flatten().find_map(|entry| {
        let line = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let is_meant =
            line.contains("weft-agent") && line.contains(&play.name) && line.contains(&format!("\0{node}\0"));
        is_meant.then(|| entry.file_name().to_string_lossy().into_owned())
    });
    found.expect("the agent runs")
}

#[test]
fn diff_tells_what_a_policy_changes_before_it_is_applied() {
    let (play, address) = shop();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("new.yaml");
    let open = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: more, namespace: shop}\n\
                spec:\n  podSelector: {matchLabels: {app: db}}\n  ingress:\n  - from: [{podSelector: {matchLabels: {app: other}}}]\n    ports: [{port: 5432}]\n";
    std::fs::write(&file, open).expect("it is written");
    let words = format!("diff -f {} -o json", file.display());
    let changes: Value = serde_json::from_str(&weftctl(&play, &words)).expect("JSON");
    let expect = serde_json::json!([{"from": "shop/other", "to": "shop/db", "opened": "5432/TCP", "closed": "", "pairs": 1, "family": null}]);
    assert_eq!(changes, expect);
    let _server = Server::start(&play, "shop/db", &address, 5432);
    assert_eq!(connect(&play, "shop/other", &address, 5432, 1), 0, "a question changes nothing");
    play.settle(open);
    assert_eq!(connect(&play, "shop/other", &address, 5432, 1), 1, "and what it said comes true");
    assert_eq!(weftctl(&play, &words).trim(), "[]");
}

#[test]
fn drops_name_the_policy_and_a_flood_costs_the_agent_little() {
    let (play, address) = shop();
    assert_eq!(connect(&play, "shop/other", &address, 5432, 1), 0);
    let drops: Value = serde_json::from_str(&weftctl(&play, "drops -o json")).expect("JSON");
    let of = drops
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["to"]["port"] == 5432)
        .unwrap_or_else(|| panic!("{drops:#}"));
    assert_eq!((of["from"]["pod"].as_str(), of["to"]["pod"].as_str()), (Some("shop/other"), Some("shop/db")));
    assert_eq!((of["policies"][0].as_str(), of["direction"].as_str()), (Some("shop/db"), Some("ingress")));
    assert_eq!((of["node"].as_str(), of["protocol"].as_str()), (Some("node2"), Some("TCP")));
    println!("{}", weftctl(&play, "drops"));
    let denied = || -> u64 {
        let policies: Value = serde_json::from_str(&weftctl(&play, "policy shop/db -o json")).expect("JSON");
        policies[0]["sides"][0]["deniedPackets"].as_u64().expect("a number")
    };
    let before = denied();
    let ticks = cpu(&agent_of(&play, "node2"));
    let begun = std::time::Instant::now();
    let flood = "import socket,sys\ns=socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nfor _ in range(50000): s.sendto(b'x', (sys.argv[1], 9))";
    assert!(
        play.command(&["exec", "shop/other", "--", "python3", "-c", flood, &address]).status().expect("runs").success()
    );
    // A flood overruns the queues between the nodes: what arrives is what the flow counts that hands it to the judge.
    let arrived = || -> u64 {
        let flows = play.ok("node node2 -- ovs-ofctl -O OpenFlow15 --names dump-flows br-int table=IngressTarget");
        let judged = flows.lines().find(|line| line.ends_with("goto_table:SourceRegion")).expect("db is judged");
        let count = judged.split("n_packets=").nth(1).and_then(|rest| rest.split(',').next());
        count.expect("a counter").parse().expect("a number")
    };
    play.until("every packet that arrived is counted", || {
        let denied = denied();
        (denied > before + 5000 && denied == arrived()).then_some(())
    });
    let (took, used) = (begun.elapsed().as_secs_f64(), cpu(&agent_of(&play, "node2")) - ticks);
    let page = play.ok("node node2 -- curl -sf http://127.0.0.1:10352/metrics");
    let sampled = page.lines().find_map(|line| line.strip_prefix("weft_agent_drops_sampled_total ")).expect("counted");
    let sampled: f64 = sampled.trim().parse().expect("a number");
    // A hundred a second, a burst of a hundred, and what came before.
    assert!(sampled <= 100.0 * took + 210.0, "{sampled} in {took} s");
    println!("50,000 packets sent and denied in {took:.1} s: {sampled} sampled, {used:.2} s of CPU time of the agent");
    assert!(used <= 0.2 * took, "{used} s of CPU time in {took} s");
}

/// Seconds of CPU time that a process has used.
fn cpu(pid: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().expect("a number") + fields[12].parse::<f64>().expect("a number");
    ticks / 100.0
}

#[test]
fn why_names_the_service_whom_a_connection_can_get_and_why_not_the_others() {
    let play = Play::up("--nodes 2 --families dual");
    let server =
        |name: &str, node: &str| pod(&format!("shop/{name}"), node).replace(&format!("app: {name}"), "app: web");
    let unready = server("late", "node1").replace("labels:", "annotations: {play.weft.dev/ready: 'false'}, labels:");
    let service = |more: &str| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop}}\n\
             spec: {{selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080}}]{more}}}\n"
        )
    };
    let pods = [pod("shop/client", "node1"), server("near", "node1"), server("far", "node2"), unready].concat();
    play.settle(&[pods, service("")].concat());
    let address = play.get("service", "shop/web")["spec"]["clusterIP"].as_str().expect("one").to_owned();
    let at = |name: &str| {
        let own = play.addresses(&format!("shop/{name}"));
        format!("{}:8080", own.iter().find(|own| !own.contains(':')).expect("of IPv4"))
    };
    let asked = |words: &str, choice: &[&str], left_out: &[(&str, &str)]| {
        let (why, status) = why(&play, &format!("--from shop/client --to {address} --port {words} --live"));
        let service = &why["service"];
        let mut choice: Vec<String> = choice.iter().map(|name| at(name)).collect();
        choice.sort();
        assert_eq!(service["service"], "shop/web", "{why:#}");
        assert_eq!(service["choice"], serde_json::json!(choice), "{why:#}");
        let found = service["leftOut"].as_array().expect("a list");
        let of = |name: &str| found.iter().find(|one| one["pod"] == format!("shop/{name}"));
        for (name, reason) in left_out {
            let one = of(name).unwrap_or_else(|| panic!("{name} is left out: {why:#}"));
            assert!(one["why"].as_str().is_some_and(|why| why.contains(reason)), "{name}, {reason}: {why:#}");
            assert_eq!(one["endpoint"], at(name), "{why:#}");
        }
        assert_eq!(found.len(), left_out.len(), "{why:#}");
        for on in why["nodes"].as_array().expect("nodes") {
            assert_eq!(on["switch"], "agrees", "{why:#}");
        }
        (why["verdict"].as_str().unwrap_or_default().to_owned(), status, service["endpoint"].clone())
    };
    let (verdict, status, endpoint) = asked("80", &["far", "near"], &[("late", "it is not ready")]);
    assert_eq!((verdict.as_str(), status), ("Allowed", 0));
    assert!([at("far"), at("near")].iter().any(|one| endpoint == one.as_str()), "{endpoint}");

    play.settle(&service(", internalTrafficPolicy: Local"));
    let left_out = [("late", "it is not ready"), ("far", "it is on node node2, and the traffic policy is Local")];
    let (verdict, _, endpoint) = asked("80", &["near"], &left_out);
    assert_eq!((verdict.as_str(), endpoint.as_str()), ("Allowed", Some(at("near").as_str())));
    println!("{}", weftctl(&play, &format!("why --from shop/client --to {address} --port 80")));

    play.ok("delete pod near -n shop");
    play.ok("delete pod far -n shop");
    play.wait();
    let (verdict, status, endpoint) = asked("80", &[], &[("late", "it is not ready")]);
    assert_eq!((verdict.as_str(), status, endpoint.is_null()), ("NoEndpoint", 1, true));
}

#[test]
fn an_event_says_that_a_policy_is_not_in_force_on_a_node_and_another_that_it_is() {
    let (play, _) = shop();
    let told = |kind: &'static str, reason: &'static str| {
        let is_it = move |event: &Value| {
            let note = event["note"].as_str().unwrap_or_default();
            let of_policy = event["regarding"]["kind"] == "NetworkPolicy" && event["regarding"]["name"] == "db";
            let found = of_policy && event["type"] == kind && event["reason"] == reason;
            (found && note.contains("shop/db") && (reason == "Realized" || note.contains("node2"))).then_some(())
        };
        let play = &play;
        move || play.list("events").iter().find_map(is_it)
    };
    let edited = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db, namespace: shop}\n\
                  spec:\n  podSelector: {matchLabels: {app: db}}\n  ingress: []\n";
    while_hung(&play, "node2", || {
        play.apply(edited);
        play.until("an Event that it is not in force", told("Warning", "NotRealized"));
    });
    play.until("an Event that it is", told("Normal", "Realized"));
}
