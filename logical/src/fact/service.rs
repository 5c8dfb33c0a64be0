//! A Service, cut down to what a proxy on a node needs: addresses, ports and the policies between them.
//!
//! What cannot be understood is kept out and told: the rest of the Service is served. Ranges of sources fail closed.

use std::net::IpAddr;

use api::node::{self, ServicePort};
use ipnetwork::IpNetwork;
use serde_json::Value;

use super::read::{Reader, address, array};
use super::{FactError, Kind};
use crate::problem::Problem;

/// The Service is another proxy's, whatever the value.
const PROXY_NAME: &str = "service.kubernetes.io/service-proxy-name";
/// The Service, or the slice, is headless, whatever the value.
const HEADLESS: &str = "service.kubernetes.io/headless";
/// `loadBalancerSourceRanges` as it was written before the field existed; the field counts.
const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
/// Prefixes that hold no address that a packet can come from: what ranges come to when none can be read.
const NOBODY: [&str; 2] = ["0.0.0.0/32", "::/128"];
/// Seconds of affinity where the Service gives none.
const AFFINITY: u32 = 10_800;
/// Seconds of affinity that a Service can ask for.
const AFFINITY_RANGE: std::ops::RangeInclusive<u64> = 1..=86_400;

/// A Service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Its UID.
    pub uid: Box<str>,
    /// As nodes are told, without `externalIPs`; `None`: it is not served (headless, ExternalName, another proxy's).
    pub served: Option<Box<node::Service>>,
    /// `spec.externalIPs`, which hold only where the configuration says so.
    pub external_ips: Vec<IpAddr>,
    /// `spec.externalTrafficPolicy` is Local: says something only where the Service can be reached from outside.
    pub external_local: bool,
    /// What was kept out, and what to do about it.
    pub problem: Option<Problem>,
}

/// True where a label says that nothing here is for this proxy.
pub(super) fn is_for_others(reader: &Reader) -> bool {
    let labels = reader.at("metadata.labels");
    [PROXY_NAME, HEADLESS].iter().any(|label| labels.is_some_and(|labels| labels.get(label).is_some()))
}

/// The IANA number of a protocol; TCP where none is given.
pub(super) fn protocol(entry: &Value) -> Option<u32> {
    match entry.get("protocol").and_then(Value::as_str) {
        None | Some("TCP") => Some(6),
        Some("UDP") => Some(17),
        Some("SCTP") => Some(132),
        Some(_) => None,
    }
}

/// A port number; `None` for none and for 0.
pub(super) fn port(entry: &Value, field: &str) -> Option<u16> {
    entry.get(field)?.as_u64()?.try_into().ok().filter(|port| *port != 0)
}

/// A port's name, empty where it has none.
pub(super) fn port_name(entry: &Value) -> String {
    entry.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl Service {
    /// Reads a `v1/Service`.
    pub fn from_object(object: &Value) -> Result<Service, FactError> {
        let reader = Reader::new(Kind::Service, object);
        let mut reading = Reading { reader: &reader, wrong: Vec::new() };
        let name = reader.required("metadata.name")?;
        let served = reading.served();
        let external_ips = match &served {
            Some(service) => reading.external_ips(&service.cluster_ips),
            None => Vec::new(),
        };
        let problem = reading.problem().filter(|_| served.is_some());
        Ok(Service {
            namespace: reader.namespace().into(),
            name: name.into(),
            uid: reader.text("metadata.uid").unwrap_or_default().into(),
            served: served.map(Box::new),
            external_ips,
            external_local: reader.text("spec.externalTrafficPolicy") == Some("Local"),
            problem,
        })
    }
}

/// A Service being read, and what is wrong in it.
struct Reading<'a> {
    reader: &'a Reader<'a>,
    wrong: Vec<String>,
}

impl Reading<'_> {
    fn served(&mut self) -> Option<node::Service> {
        let reader = self.reader;
        let kind = reader.text("spec.type").unwrap_or("ClusterIP");
        if kind == "ExternalName" || is_for_others(reader) {
            return None;
        }
        let cluster_ips = self.cluster_ips()?;
        let is_balanced = kind == "LoadBalancer";
        let is_outside = is_balanced || kind == "NodePort";
        let external_local = is_outside && reader.text("spec.externalTrafficPolicy") == Some("Local");
        let health = reader.at("spec").filter(|_| is_balanced && external_local);
        Some(node::Service {
            namespace: reader.namespace().into(),
            name: reader.text("metadata.name").unwrap_or_default().to_owned(),
            external_addresses: if is_balanced { self.ingress(&cluster_ips) } else { Vec::new() },
            source_ranges: if is_balanced { self.source_ranges() } else { Vec::new() },
            ports: self.ports(is_outside),
            cluster_ips,
            internal_local: reader.text("spec.internalTrafficPolicy") == Some("Local"),
            external_local,
            affinity_seconds: self.affinity(),
            health_check_node_port: health.and_then(|spec| port(spec, "healthCheckNodePort")).unwrap_or(0).into(),
            traffic_distribution: reader.text("spec.trafficDistribution").unwrap_or_default().to_owned(),
        })
    }

    /// At most one a family; `None` for a headless Service and for one that has no address yet.
    fn cluster_ips(&mut self) -> Option<Vec<String>> {
        let list = array(self.reader.at("spec.clusterIPs")).filter_map(Value::as_str);
        let mut texts: Vec<&str> = list.filter(|text| !text.is_empty()).collect();
        if texts.is_empty() {
            texts.extend(self.reader.text("spec.clusterIP"));
        }
        if texts.is_empty() || texts.contains(&"None") {
            return None;
        }
        let mut addresses: Vec<IpAddr> = Vec::new();
        for text in texts {
            match address(text) {
                Some(ip) if addresses.iter().all(|other| other.is_ipv4() != ip.is_ipv4()) => addresses.push(ip),
                Some(_) => self.wrong.push(format!("clusterIPs: {text} is a second address of its family")),
                None => self.wrong.push(format!("clusterIPs: {text:?} is no address such as 10.96.0.10")),
            }
        }
        (!addresses.is_empty()).then(|| addresses.iter().map(IpAddr::to_string).collect())
    }

    /// Addresses that the load balancer sends on unchanged.
    fn ingress(&mut self, cluster_ips: &[String]) -> Vec<String> {
        let vip = |entry: &&Value| entry.get("ipMode").and_then(Value::as_str).is_none_or(|mode| mode == "VIP");
        let entries = array(self.reader.at("status.loadBalancer.ingress")).filter(vip);
        let texts: Vec<&str> = entries.filter_map(|entry| entry.get("ip")?.as_str()).collect();
        let found = self.outside("status.loadBalancer.ingress", texts, cluster_ips);
        found.iter().map(IpAddr::to_string).collect()
    }

    fn external_ips(&mut self, cluster_ips: &[String]) -> Vec<IpAddr> {
        let texts = array(self.reader.at("spec.externalIPs")).filter_map(Value::as_str).collect();
        self.outside("externalIPs", texts, cluster_ips)
    }

    /// Addresses outside of the cluster, of the families that the Service has.
    fn outside(&mut self, field: &str, texts: Vec<&str>, cluster_ips: &[String]) -> Vec<IpAddr> {
        let mut addresses = Vec::new();
        for text in texts.into_iter().filter(|text| !text.is_empty()) {
            match address(text) {
                None => self.wrong.push(format!("{field}: {text:?} is no address such as 203.0.113.7")),
                Some(ip) if cluster_ips.iter().all(|other| other.contains(':') == ip.is_ipv4()) => {
                    self.wrong
                        .push(format!("{field}: the Service has no clusterIP of the family of {ip}; see ipFamilies"));
                }
                Some(ip) if addresses.contains(&ip) => {}
                Some(ip) => addresses.push(ip),
            }
        }
        addresses
    }

    /// Who may use the load balancer's addresses: nobody, where ranges are given and none can be read.
    fn source_ranges(&mut self) -> Vec<String> {
        let given: Vec<&str> =
            array(self.reader.at("spec.loadBalancerSourceRanges")).filter_map(Value::as_str).collect();
        let annotation = self.reader.at("metadata.annotations").and_then(|all| all.get(SOURCE_RANGES)?.as_str());
        let given =
            if given.is_empty() { annotation.into_iter().flat_map(|all| all.split(',')).collect() } else { given };
        let given: Vec<&str> = given.into_iter().map(str::trim).filter(|text| !text.is_empty()).collect();
        let mut ranges: Vec<String> = Vec::new();
        for text in &given {
            let prefix = text.contains('/').then(|| text.parse::<IpNetwork>().ok()).flatten();
            match prefix.and_then(|prefix| IpNetwork::new(prefix.network(), prefix.prefix()).ok()) {
                Some(prefix) => ranges.push(prefix.to_string()),
                None => self.wrong.push(format!(
                    "loadBalancerSourceRanges: {text:?} is no prefix such as 203.0.113.0/24 and admits nobody"
                )),
            }
        }
        if ranges.is_empty() && !given.is_empty() {
            return NOBODY.map(str::to_owned).into();
        }
        ranges.sort();
        ranges.dedup();
        ranges
    }

    fn ports(&mut self, is_outside: bool) -> Vec<ServicePort> {
        let mut ports: Vec<ServicePort> = Vec::new();
        for entry in array(self.reader.at("spec.ports")) {
            let read = protocol(entry).zip(port(entry, "port"));
            let Some((protocol, number)) = read else {
                self.wrong.push(format!("ports: {entry} needs a port from 1 to 65535, and TCP, UDP or SCTP"));
                continue;
            };
            if ports.iter().any(|other| (other.protocol, other.port) == (protocol, number.into())) {
                self.wrong.push(format!("ports: {number} is there twice for one protocol; the first counts"));
                continue;
            }
            let node_port = port(entry, "nodePort").filter(|_| is_outside).unwrap_or(0).into();
            ports.push(ServicePort { name: port_name(entry), protocol, port: number.into(), node_port });
        }
        ports
    }

    fn affinity(&mut self) -> u32 {
        match self.reader.text("spec.sessionAffinity") {
            None | Some("None") => return 0,
            Some("ClientIP") => {}
            Some(other) => {
                self.wrong.push(format!("sessionAffinity: {other:?} is neither None nor ClientIP; there is none"));
                return 0;
            }
        }
        let Some(given) = self.reader.at("spec.sessionAffinityConfig.clientIP.timeoutSeconds") else { return AFFINITY };
        let seconds = given.as_u64().filter(|seconds| AFFINITY_RANGE.contains(seconds));
        seconds.and_then(|seconds| seconds.try_into().ok()).unwrap_or_else(|| {
            let range = format!("{} to {}", AFFINITY_RANGE.start(), AFFINITY_RANGE.end());
            self.wrong.push(format!("sessionAffinityConfig: {given} seconds is not in {range}; {AFFINITY} count"));
            AFFINITY
        })
    }

    fn problem(&self) -> Option<Problem> {
        let name = self.reader.text("metadata.name").unwrap_or_default();
        let namespace = self.reader.namespace();
        (!self.wrong.is_empty()).then(|| {
            let message =
                format!("Service {namespace}/{name}: left out: {}; the rest is served", self.wrong.join("; "));
            Problem::new("Malformed", message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(spec: Value) -> Service {
        let metadata = json!({"namespace": "shop", "name": "web", "uid": "u"});
        let ingress = json!([{"ip": "203.0.113.1"}, {"ip": "203.0.113.2", "ipMode": "VIP"},
                             {"ip": "203.0.113.3", "ipMode": "Proxy"}, {"hostname": "lb"}, {"ip": "2001:db8::1"}]);
        let status = json!({"loadBalancer": {"ingress": ingress}});
        Service::from_object(&json!({"metadata": metadata, "spec": spec, "status": status})).unwrap()
    }

    /// Fields of `expect` on top of those of a Service that says nothing but its address.
    #[track_caller]
    fn check(more: Value, expect: impl FnOnce(&mut node::Service)) {
        let mut spec = json!({"clusterIP": "10.96.0.1"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut wanted = node::Service {
            namespace: "shop".into(),
            name: "web".into(),
            cluster_ips: vec!["10.96.0.1".into()],
            ..node::Service::default()
        };
        expect(&mut wanted);
        assert_eq!(read(spec.clone()).served.as_deref(), Some(&wanted), "{spec}");
    }

    fn port(name: &str, protocol: u32, port: u32, node_port: u32) -> ServicePort {
        ServicePort { name: name.into(), protocol, port, node_port }
    }

    #[test]
    fn what_is_not_for_this_proxy_is_not_served() {
        for spec in [
            json!({}),
            json!({"clusterIP": "None"}),
            json!({"clusterIPs": ["None"], "clusterIP": "None"}),
            json!({"clusterIP": ""}),
            json!({"clusterIP": "10.96.0.1", "type": "ExternalName"}),
        ] {
            assert_eq!(read(spec.clone()).served, None, "{spec}");
        }
        for label in [PROXY_NAME, HEADLESS] {
            let object =
                json!({"metadata": {"name": "web", "labels": {label: ""}}, "spec": {"clusterIP": "10.96.0.1"}});
            assert_eq!(Service::from_object(&object).unwrap().served, None, "{label}");
        }
    }

    #[test]
    fn every_field_arrives() {
        check(json!({}), |_| {});
        check(json!({"clusterIPs": ["10.96.0.1", "fd00:96::1"]}), |service| {
            service.cluster_ips.push("fd00:96::1".into());
        });
        let ports = json!([{"name": "dns", "port": 53, "protocol": "UDP", "nodePort": 30053}, {"port": 53}, {"port": 9, "protocol": "SCTP"}]);
        check(json!({ "ports": ports }), |service| {
            service.ports = vec![port("dns", 17, 53, 0), port("", 6, 53, 0), port("", 132, 9, 0)];
        });
        check(
            json!({ "ports": ports, "type": "NodePort", "externalTrafficPolicy": "Local", "healthCheckNodePort": 5 }),
            |service| {
                service.ports = vec![port("dns", 17, 53, 30053), port("", 6, 53, 0), port("", 132, 9, 0)];
                service.external_local = true;
            },
        );
        check(json!({"externalTrafficPolicy": "Local"}), |_| {});
        check(json!({"internalTrafficPolicy": "Local", "trafficDistribution": "PreferClose"}), |service| {
            service.internal_local = true;
            service.traffic_distribution = "PreferClose".into();
        });
        check(json!({"sessionAffinity": "ClientIP"}), |service| service.affinity_seconds = 10_800);
        let config = json!({"clientIP": {"timeoutSeconds": 86_400}});
        check(json!({"sessionAffinity": "ClientIP", "sessionAffinityConfig": config}), |service| {
            service.affinity_seconds = 86_400;
        });
        check(json!({"sessionAffinity": "None", "sessionAffinityConfig": config}), |_| {});
    }

    #[test]
    fn a_load_balancer_has_addresses_ranges_and_a_health_check() {
        let addresses = vec!["203.0.113.1".to_owned(), "203.0.113.2".to_owned()];
        let balancer = |more: Value| {
            let mut spec = json!({"type": "LoadBalancer"});
            spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            spec
        };
        check(balancer(json!({"healthCheckNodePort": 32000})), |service| {
            service.external_addresses = addresses.clone()
        });
        check(balancer(json!({"externalTrafficPolicy": "Local", "healthCheckNodePort": 32000})), |service| {
            service.external_addresses = addresses.clone();
            service.external_local = true;
            service.health_check_node_port = 32000;
        });
        let ranges = |given: &[&str], expect: &[&str]| {
            check(balancer(json!({ "loadBalancerSourceRanges": given })), |service| {
                service.external_addresses = addresses.clone();
                service.source_ranges = expect.iter().map(|range| (*range).to_owned()).collect();
            });
        };
        ranges(&["198.51.100.7/24", " 10.0.0.0/8 "], &["10.0.0.0/8", "198.51.100.0/24"]);
        ranges(&["soon", "10.0.0.0/8"], &["10.0.0.0/8"]);
        ranges(&["soon"], &NOBODY);
        ranges(&["10.0.0.1"], &NOBODY);
    }

    #[test]
    fn what_is_kept_out_is_told() {
        let check = |spec: Value, expect: &[&str]| {
            let message = read(spec.clone()).problem.map(|problem| problem.message).unwrap_or_default();
            assert!(expect.iter().all(|part| message.contains(part)), "{spec}: {message}");
            assert_eq!(expect.is_empty(), message.is_empty(), "{spec}: {message}");
        };
        check(json!({"clusterIP": "10.96.0.1", "ports": [{"port": 80}]}), &[]);
        check(json!({"clusterIP": "None", "ports": [{"port": 0}]}), &[]);
        check(json!({"clusterIP": "10.96.0.1", "ports": [{"port": 0}]}), &["Service shop/web", "from 1 to 65535"]);
        check(json!({"clusterIP": "10.96.0.1", "ports": [{"port": 1, "protocol": "ICMP"}]}), &["TCP, UDP or SCTP"]);
        check(json!({"clusterIP": "10.96.0.1", "ports": [{"port": 1}, {"port": 1}]}), &["1 is there twice"]);
        check(json!({"clusterIPs": ["10.96.0.1", "x"]}), &["\"x\" is no address"]);
        check(json!({"clusterIPs": ["10.96.0.1", "10.96.0.2"]}), &["second address of its family"]);
        check(
            json!({"clusterIP": "10.96.0.1", "type": "LoadBalancer"}),
            &["no clusterIP of the family of 2001:db8::1"],
        );
        check(json!({"clusterIP": "10.96.0.1", "externalIPs": ["here"]}), &["\"here\" is no address"]);
        check(json!({"clusterIP": "10.96.0.1", "sessionAffinity": "Cookie"}), &["neither None nor ClientIP"]);
        let config = json!({"clientIP": {"timeoutSeconds": 0}});
        check(
            json!({"clusterIP": "10.96.0.1", "sessionAffinity": "ClientIP", "sessionAffinityConfig": config}),
            &["0 seconds is not in 1 to 86400"],
        );
    }

    #[test]
    fn ranges_are_read_from_the_annotation_where_the_field_is_empty() {
        let object = json!({"metadata": {"name": "web", "annotations": {SOURCE_RANGES: "10.0.0.0/8, fd00::/8"}},
            "spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.1"}});
        let served = Service::from_object(&object).unwrap().served.unwrap();
        assert_eq!(served.source_ranges, ["10.0.0.0/8", "fd00::/8"]);
    }
}
