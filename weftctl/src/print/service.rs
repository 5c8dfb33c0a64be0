//! Services for people: a line for each, its ports below it, and the endpoints of each port below that.

use api::inspect::{EndpointUse, ServicePortUse, ServiceUse};

/// All of them, with a line end.
pub fn text(services: &[ServiceUse]) -> String {
    let one = |service: &ServiceUse| {
        let uncounted: String =
            service.uncounted.iter().map(|why| format!("  connections not counted: {why}\n")).collect();
        let ports: String = service.ports.iter().map(port).collect();
        let problem = match service.problem.as_str() {
            "" => String::new(),
            problem => format!("  problem: {problem}\n"),
        };
        format!("{}\n{problem}{uncounted}{ports}", headline(service))
    };
    services.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// `shop/web · 10.96.1.1 · external 203.0.113.7 (Local)`: what is as it is without saying is left out.
fn headline(service: &ServiceUse) -> String {
    let mut parts = vec![format!("{}/{}", service.namespace, service.name), service.addresses.join(", ")];
    if !service.external_addresses.is_empty() {
        parts.push(format!("external {}", service.external_addresses.join(", ")));
    }
    if !service.source_ranges.is_empty() {
        parts.push(format!("from {} only", service.source_ranges.join(", ")));
    }
    let policies = [("internal", &service.internal_policy), ("external", &service.external_policy)];
    parts.extend(
        policies.iter().filter(|(_, policy)| *policy == "Local").map(|(which, _)| format!("{which} policy Local")),
    );
    if service.affinity_seconds > 0 {
        parts.push(format!("affinity {} s", service.affinity_seconds));
    }
    if !service.traffic_distribution.is_empty() {
        parts.push(service.traffic_distribution.clone());
    }
    if service.health_check_node_port > 0 {
        parts.push(format!("health check on node port {}", service.health_check_node_port));
    }
    parts.join(" · ")
}

fn port(port: &ServicePortUse) -> String {
    let name = if port.name.is_empty() { String::new() } else { format!("{} ", port.name) };
    let node_port = if port.node_port > 0 { format!(", node port {}", port.node_port) } else { String::new() };
    let none = if port.endpoints.is_empty() { ": no endpoints, connections are refused" } else { "" };
    let header = format!("  {name}{}/{}{node_port}{none}\n", port.port, port.protocol);
    header + &endpoints(&port.endpoints)
}

/// Endpoints under each other: address with port, state, connections, node with zone, pod.
fn endpoints(endpoints: &[EndpointUse]) -> String {
    let cells = |endpoint: &EndpointUse| {
        let address = match endpoint.address.contains(':') {
            true => format!("[{}]:{}", endpoint.address, endpoint.port),
            false => format!("{}:{}", endpoint.address, endpoint.port),
        };
        let zone = if endpoint.zone.is_empty() { String::new() } else { format!(" ({})", endpoint.zone) };
        let connections = match endpoint.connections {
            1 => "1 connection".to_owned(),
            count => format!("{count} connections"),
        };
        let node = super::or_dash(&endpoint.node) + &zone;
        [address, endpoint.state.clone(), connections, node, super::or_dash(&endpoint.pod)]
    };
    let rows: Vec<[String; 5]> = endpoints.iter().map(cells).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (a, b, c, d) = (width(0), width(1), width(2), width(3));
    let line = |[address, state, connections, node, pod]: &[String; 5]| {
        format!("    {address:a$}  {state:b$}  {connections:c$}  {node:d$}  {pod}\n")
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_its_ports_and_their_endpoints_below_it() {
        let endpoint = |address: &str, state: &str, pod: &str| EndpointUse {
            address: address.into(),
            port: 8080,
            state: state.into(),
            node: "node1".into(),
            pod: pod.into(),
            ..EndpointUse::default()
        };
        let ready = EndpointUse { zone: "a".into(), connections: 1, ..endpoint("10.10.0.5", "ready", "shop/web-0") };
        let web = ServicePortUse {
            name: "http".into(),
            protocol: "TCP".into(),
            port: 80,
            node_port: 30080,
            endpoints: vec![ready, endpoint("fd00:10::5", "not ready", "")],
        };
        let bare = ServicePortUse { protocol: "UDP".into(), port: 53, ..ServicePortUse::default() };
        let service = ServiceUse {
            namespace: "shop".into(),
            name: "web".into(),
            addresses: vec!["10.96.1.1".into(), "fd00:96::101".into()],
            external_policy: "Local".into(),
            internal_policy: "Cluster".into(),
            affinity_seconds: 60,
            ports: vec![web, bare],
            problem: "it is odd".into(),
            ..ServiceUse::default()
        };
        let expect = "shop/web · 10.96.1.1, fd00:96::101 · external policy Local · affinity 60 s\n\
                      \x20 problem: it is odd\n\
                      \x20 http 80/TCP, node port 30080\n\
                      \x20   10.10.0.5:8080     ready      1 connection   node1 (a)  shop/web-0\n\
                      \x20   [fd00:10::5]:8080  not ready  0 connections  node1      -\n\
                      \x20 53/UDP: no endpoints, connections are refused\n";
        assert_eq!(text(&[service]), expect);
    }
}
