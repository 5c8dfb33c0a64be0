//! The controller's configuration file. A cluster with no configuration at all works: everything has a default.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::node::{Encapsulation, ServiceProxy};
use crate::subnet::SubnetSpec;

/// The controller's configuration (`weft-controller --config FILE`, YAML).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ControllerConfig {
    /// The subnet of pods that nothing else is said about. A Subnet object of the same name takes its place.
    pub default_subnet: DefaultSubnet,
    /// How packets travel between nodes: `geneve` or `vxlan`.
    pub encapsulation: Tunnel,
    /// MTU of pod interfaces in bytes; 0: from the underlay.
    pub mtu: u32,
    /// Seconds that an address rests before it is given to another pod: `30s`, `500ms`, `2m`, or a number of seconds.
    #[serde(with = "duration")]
    pub quiet_time: std::time::Duration,
    /// How long a pod waits at most for the nodes whose policies have to know its new identity: `2s`.
    #[serde(with = "duration")]
    pub identity_wait: std::time::Duration,
    /// Services: who serves them, and at which addresses.
    pub services: ServicesConfig,
    /// What is logged.
    pub log: LogConfig,
    /// Where an installed controller reaches the Kubernetes API, `192.0.2.1:6443`; empty: at the API's Service.
    pub api_server: String,
}

impl Default for ControllerConfig {
    fn default() -> Self {
        ControllerConfig {
            default_subnet: DefaultSubnet::default(),
            encapsulation: Tunnel::Geneve,
            mtu: 0,
            quiet_time: std::time::Duration::from_secs(30),
            identity_wait: std::time::Duration::from_secs(2),
            services: ServicesConfig::default(),
            log: LogConfig::default(),
            api_server: String::new(),
        }
    }
}

/// A name and the fields of a Subnet's spec.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DefaultSubnet {
    /// Its name, `default` unless told otherwise.
    pub name: String,
    /// The rest, as in a Subnet's spec.
    #[serde(flatten)]
    pub spec: SubnetSpec,
}

impl Default for DefaultSubnet {
    fn default() -> Self {
        let cidrs = vec!["10.10.0.0/16".into(), "fd00:10::/64".into()];
        DefaultSubnet {
            name: "default".into(),
            spec: SubnetSpec { cidrs, nat_outgoing: true, ..SubnetSpec::default() },
        }
    }
}

/// Who serves Services, and at which addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicesConfig {
    /// `full`: Weft serves all of them and no kube-proxy runs; `pods`: Weft serves what pods ask for, kube-proxy the rest.
    pub proxy: Proxy,
    /// `spec.externalIPs` hold. Whoever may write Services can then claim any address for them.
    #[serde(rename = "externalIPs")]
    pub external_ips: bool,
    /// Prefixes of node addresses at which NodePorts are served; none: the nodes' InternalIPs.
    pub node_port_addresses: Vec<String>,
}

/// What is logged: `info`, `debug`, or with words for a part alone, `warn,ovsdb=debug`; empty: as `WEFT_LOG` of the process says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogConfig {
    /// By controllers.
    pub controller: String,
    /// By agents.
    pub agent: String,
}

/// Whose Services Weft serves on a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proxy {
    /// All of them.
    #[default]
    Full,
    /// What pods ask for.
    Pods,
}

impl From<Proxy> for ServiceProxy {
    fn from(proxy: Proxy) -> Self {
        match proxy {
            Proxy::Full => ServiceProxy::Full,
            Proxy::Pods => ServiceProxy::Pods,
        }
    }
}

/// How packets travel between nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tunnel {
    /// Geneve (RFC 8926), carries the whole source identity.
    #[default]
    Geneve,
    /// VXLAN (RFC 7348), carries 16 bits of it.
    Vxlan,
}

impl From<Tunnel> for Encapsulation {
    fn from(tunnel: Tunnel) -> Self {
        match tunnel {
            Tunnel::Geneve => Encapsulation::Geneve,
            Tunnel::Vxlan => Encapsulation::Vxlan,
        }
    }
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A key that does not exist; `nearest` is the one that was probably meant.
    #[error("unknown key {path}; did you mean `{nearest}`? (known here: {known})")]
    UnknownKey {
        /// Where, with dots.
        path: String,
        /// The known key with the fewest letters different.
        nearest: String,
        /// All keys that exist at this place.
        known: String,
    },
    /// A value of the wrong type or out of range.
    #[error("configuration: {0}")]
    Value(String),
}

/// A key of the configuration, as docs/install.md lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Its name, with dots.
    pub key: &'static str,
    /// When an edit of it is in force.
    pub taken: Taken,
    /// What it is for.
    pub about: &'static str,
}

/// When an edit is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// While controllers and agents run.
    Live,
    /// Where ranges are only made larger or added for another family, while they run; else with a start of the controllers.
    LiveWhereLarger,
    /// With a start of the controllers.
    AtStart,
}

/// Every key that exists. Derived types refuse none, so that this one table does.
pub const SETTINGS: &[Setting] = &[
    setting(
        "defaultSubnet.name",
        Taken::AtStart,
        "The subnet of pods that nothing else is said about; a Subnet of that name takes its place.",
    ),
    setting("defaultSubnet.cidrs", Taken::LiveWhereLarger, "Its ranges, one of each family."),
    setting("defaultSubnet.gateways", Taken::AtStart, "Its gateways; none: the first address of each range."),
    setting("defaultSubnet.reserved", Taken::AtStart, "Addresses and ranges of it that no pod gets."),
    setting("defaultSubnet.blockSize.ipv4", Taken::AtStart, "Prefix length of the blocks that nodes get of it."),
    setting("defaultSubnet.blockSize.ipv6", Taken::AtStart, "The same of IPv6."),
    setting("defaultSubnet.namespaces.names", Taken::AtStart, "Namespaces whose pods are in it."),
    setting("defaultSubnet.namespaces.selector", Taken::AtStart, "The same by their labels."),
    setting("defaultSubnet.natOutgoing", Taken::AtStart, "Whether what leaves the cluster has the node's address."),
    setting("encapsulation", Taken::AtStart, "How packets travel between nodes: `geneve` or `vxlan`."),
    setting("mtu", Taken::Live, "MTU of pods that start from then on, in bytes; 0: from the underlay."),
    setting("quietTime", Taken::Live, "How long an address rests before another pod gets it: `30s`, `500ms`, `2m`."),
    setting(
        "identityWait",
        Taken::Live,
        "How long a pod waits at most for the nodes that have to know its new identity.",
    ),
    setting(
        "services.proxy",
        Taken::AtStart,
        "`full`: Weft serves all Services, no kube-proxy runs; `pods`: what pods ask for, kube-proxy the rest.",
    ),
    setting(
        "services.externalIPs",
        Taken::AtStart,
        "Whether `spec.externalIPs` hold; who may write Services can then claim any address.",
    ),
    setting(
        "services.nodePortAddresses",
        Taken::AtStart,
        "Prefixes of node addresses at which NodePorts are served; none: the nodes' InternalIPs.",
    ),
    setting(
        "apiServer",
        Taken::AtStart,
        "Where controllers reach the Kubernetes API without a Service, `192.0.2.1:6443`; to be given where no kube-proxy runs.",
    ),
    setting(
        "log.controller",
        Taken::Live,
        "What controllers log: `debug`, `warn,kube_client=debug`; empty: as their `WEFT_LOG` says, `info` without it.",
    ),
    setting("log.agent", Taken::Live, "The same of agents: `debug`, `warn,ovsdb=debug`."),
];

const fn setting(key: &'static str, taken: Taken, about: &'static str) -> Setting {
    Setting { key, taken, about }
}

/// The words that are known at a place, which is `""` at the top; each once.
fn known_at(place: &str) -> Vec<&'static str> {
    let below = |setting: &Setting| match place {
        "" => Some(setting.key),
        _ => setting.key.strip_prefix(place)?.strip_prefix('.'),
    };
    let mut words: Vec<&str> =
        SETTINGS.iter().filter_map(below).map(|rest| rest.split('.').next().unwrap_or(rest)).collect();
    words.dedup();
    words
}

/// The first key of a value that does not exist, at its place or below it.
fn unknown(place: &str, value: &Value) -> Option<ConfigError> {
    let (known, map) = (known_at(place), value.as_object()?);
    // Below a key that holds a value, such as labels of a selector, all is its own.
    if known.is_empty() {
        return None;
    }
    map.iter().find_map(|(key, value)| match known.contains(&key.as_str()) {
        true if place.is_empty() => unknown(key, value),
        true => unknown(&format!("{place}.{key}"), value),
        false => Some(unknown_key(place, key, &known)),
    })
}

impl ControllerConfig {
    /// Reads a configuration from the value that a YAML or JSON file holds (`null`: an empty file). Keys that do not exist
    /// are refused, and the nearest one that does is named.
    pub fn from_value(value: Value) -> Result<ControllerConfig, ConfigError> {
        if value.is_null() {
            return Ok(ControllerConfig::default());
        }
        if let Some(error) = unknown("", &value) {
            return Err(error);
        }
        let mut value = value;
        if let Some(subnet) = value.get_mut("defaultSubnet").and_then(Value::as_object_mut)
            && !subnet.contains_key("cidrs")
        {
            subnet.insert("cidrs".into(), DefaultSubnet::default().spec.cidrs.into());
        }
        let config: ControllerConfig =
            serde_json::from_value(value).map_err(|error| ConfigError::Value(error.to_string()))?;
        let is_odd = |text: &&String| !text.contains('/') || text.parse::<ipnetwork::IpNetwork>().is_err();
        match config.services.node_port_addresses.iter().find(is_odd) {
            Some(odd) => Err(ConfigError::Value(format!(
                "services.nodePortAddresses: {odd:?} is no prefix; write 192.0.2.0/24, or 192.0.2.7/32 for one address"
            ))),
            None if is_server(&config.api_server) => Ok(config),
            None => Err(ConfigError::Value(format!(
                "apiServer: {:?} is no host with a port; write 192.0.2.1:6443 or [2001:db8::1]:6443",
                config.api_server
            ))),
        }
    }
}

/// Whether this is empty, or a host with a port.
fn is_server(text: &str) -> bool {
    let parts = text.rsplit_once(':');
    let is_host =
        |host: &str| !host.is_empty() && (!host.contains(':') || host.starts_with('[') && host.ends_with(']'));
    text.is_empty() || parts.is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok())
}

impl ControllerConfig {
    /// The keys in which this one differs from the one that a controller runs with, and that only a start takes in: tunnels and identities
    /// are of one kind on all nodes at once, and addresses that are given stay given. All others a running controller takes up.
    pub fn needs_restart(&self, running: &ControllerConfig) -> Vec<&'static str> {
        let rest = |subnet: &DefaultSubnet| {
            let spec = SubnetSpec { cidrs: Vec::new(), ..subnet.spec.clone() };
            DefaultSubnet { spec, ..subnet.clone() }
        };
        let (new, old) = (&self.default_subnet, &running.default_subnet);
        let differs = [
            ("encapsulation", self.encapsulation != running.encapsulation),
            ("services", self.services != running.services),
            ("apiServer", self.api_server != running.api_server),
            ("defaultSubnet", rest(new) != rest(old)),
            ("defaultSubnet.cidrs", !holds_all(&new.spec.cidrs, &old.spec.cidrs)),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }
}

/// Whether ranges were only made larger, upwards, so that gateways stay, or were added for another family.
fn holds_all(new: &[String], old: &[String]) -> bool {
    let read = |cidr: &String| cidr.parse::<ipnetwork::IpNetwork>();
    let holds = |old: &String| {
        new.iter().any(|new| match (read(new), read(old)) {
            (Ok(new), Ok(old)) => new.network() == old.network() && new.prefix() <= old.prefix(),
            _ => new == old,
        })
    };
    old.iter().all(holds)
}

fn unknown_key(place: &str, key: &str, known: &[&str]) -> ConfigError {
    let nearest = known.iter().min_by_key(|known| distance(known, key)).expect("the table has no empty place");
    let path = if place.is_empty() { key.to_string() } else { format!("{place}.{key}") };
    ConfigError::UnknownKey { path, nearest: nearest.to_string(), known: known.join(", ") }
}

/// Letters to change, add or leave out to get from one word to the other, upper and lower case alike.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

mod duration {
    //! Times as people write them: `30s`, `500ms`, `2m`, `1h`, or a number of seconds.
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::Value;

    pub fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        let text = match time.as_millis() {
            milliseconds if milliseconds.is_multiple_of(1_000) => format!("{}s", milliseconds / 1_000),
            milliseconds => format!("{milliseconds}ms"),
        };
        serializer.serialize_str(&text)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let parsed = match &value {
            Value::Number(seconds) => seconds.as_u64().map(Duration::from_secs),
            Value::String(text) => parse(text),
            _ => None,
        };
        parsed.ok_or_else(|| D::Error::custom(format!("{value} is no time; write 30s, 500ms, 2m or 1h")))
    }

    fn parse(text: &str) -> Option<Duration> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let milliseconds = match unit {
            "ms" => 1,
            "s" | "" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        Some(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(milliseconds)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(value: Value) -> String {
        ControllerConfig::from_value(value).expect_err("must be refused").to_string()
    }

    #[test]
    fn nothing_configured_is_the_default() {
        assert_eq!(ControllerConfig::from_value(Value::Null), Ok(ControllerConfig::default()));
        assert_eq!(ControllerConfig::from_value(json!({})), Ok(ControllerConfig::default()));
    }

    #[test]
    fn what_is_not_named_keeps_its_default() {
        let config =
            ControllerConfig::from_value(json!({"quietTime": "2m", "defaultSubnet": {"name": "pods"}})).unwrap();
        assert_eq!(config.quiet_time.as_secs(), 120);
        assert_eq!(config.default_subnet.name, "pods");
        assert_eq!(config.default_subnet.spec.cidrs, DefaultSubnet::default().spec.cidrs);
        assert!(config.default_subnet.spec.nat_outgoing);
    }

    #[test]
    fn what_a_running_controller_takes_up_and_what_not() {
        let read = |value: Value| ControllerConfig::from_value(value).expect("good");
        let running = read(json!({"defaultSubnet": {"cidrs": ["10.10.0.0/16"]}}));
        let check = |value: Value, expect: &[&str]| assert_eq!(read(value).needs_restart(&running), expect);
        check(json!({"defaultSubnet": {"cidrs": ["10.10.0.0/16"]}}), &[]);
        check(
            json!({"defaultSubnet": {"cidrs": ["10.10.0.0/16", "10.20.0.0/16"]}, "mtu": 1400, "quietTime": "1s"}),
            &[],
        );
        check(json!({"defaultSubnet": {"cidrs": ["10.20.0.0/16"]}}), &["defaultSubnet.cidrs"]);
        check(json!({"defaultSubnet": {"cidrs": ["10.10.0.0/16"], "natOutgoing": false}}), &["defaultSubnet"]);
        check(
            json!({"defaultSubnet": {"cidrs": ["10.10.0.0/16"]}, "encapsulation": "vxlan", "services": {"proxy": "pods"}}),
            &["encapsulation", "services"],
        );
    }

    #[test]
    fn the_page_says_of_each_key_when_an_edit_is_in_force() {
        let other = |key: &str| match key {
            "defaultSubnet.name" => json!("pods"),
            "defaultSubnet.cidrs" => json!(["10.10.0.0/15", "fd00:10::/64"]),
            "defaultSubnet.gateways" => json!(["10.10.0.9"]),
            "defaultSubnet.reserved" => json!(["10.10.0.64/26"]),
            "defaultSubnet.blockSize.ipv4" => json!(25),
            "defaultSubnet.blockSize.ipv6" => json!(121),
            "defaultSubnet.namespaces.names" => json!(["shop"]),
            "defaultSubnet.namespaces.selector" => json!({"matchLabels": {"a": "b"}}),
            "defaultSubnet.natOutgoing" => json!(false),
            "encapsulation" => json!("vxlan"),
            "mtu" => json!(1400),
            "quietTime" | "identityWait" => json!("7s"),
            "services.proxy" => json!("pods"),
            "services.externalIPs" => json!(true),
            "services.nodePortAddresses" => json!(["192.0.2.0/24"]),
            "log.controller" | "log.agent" => json!("debug"),
            "apiServer" => json!("192.0.2.1:6443"),
            _ => panic!("{key} has no other value here"),
        };
        let running = ControllerConfig::default();
        for setting in SETTINGS {
            let value = setting.key.rsplit('.').fold(other(setting.key), |value, word| json!({ word: value }));
            let edited = ControllerConfig::from_value(value).expect(setting.key);
            assert_ne!(edited, running, "{}", setting.key);
            let is_live = edited.needs_restart(&running).is_empty();
            assert_eq!(is_live, setting.taken != Taken::AtStart, "{}", setting.key);
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_right_one() {
        assert!(refused(json!({"quiettime": 3})).contains("did you mean `quietTime`?"));
        assert!(refused(json!({"encapsulaton": "geneve"})).contains("did you mean `encapsulation`?"));
        let nested = refused(json!({"defaultSubnet": {"cidr": "10.0.0.0/8"}}));
        assert!(nested.contains("defaultSubnet.cidr") && nested.contains("`cidrs`"), "{nested}");
    }

    #[test]
    fn services_are_configured() {
        let services = |value: Value| ControllerConfig::from_value(json!({ "services": value })).unwrap().services;
        assert_eq!(services(json!({})), ServicesConfig::default());
        assert_eq!(services(json!({"proxy": "pods"})).proxy, Proxy::Pods);
        let all = services(json!({"externalIPs": true, "nodePortAddresses": ["192.0.2.0/24", "2001:db8::7/128"]}));
        assert_eq!((all.external_ips, all.node_port_addresses.len()), (true, 2));
        assert!(refused(json!({"services": {"externalIps": true}})).contains("did you mean `externalIPs`?"));
        assert!(refused(json!({"services": {"proxy": "none"}})).contains("none"));
        assert!(refused(json!({"services": {"nodePortAddresses": ["primary"]}})).contains("is no prefix"));
    }

    #[test]
    fn a_wrong_value_is_named() {
        assert!(refused(json!({"encapsulation": "gre"})).contains("gre"));
        assert!(refused(json!({"quietTime": "soon"})).contains("is no time"));
        assert!(refused(json!({"mtu": -1})).contains("-1"));
        for odd in ["192.0.2.1", "https://192.0.2.1:6443/", "2001:db8::1:6443", ":6443"] {
            assert!(refused(json!({ "apiServer": odd })).contains("is no host with a port"), "{odd}");
        }
        assert!(ControllerConfig::from_value(json!({"apiServer": "[2001:db8::1]:6443"})).is_ok());
    }
}
