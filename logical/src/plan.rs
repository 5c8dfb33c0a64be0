//! What a subnet's spec comes to: prefixes, gateways, and which addresses may be given out.

use std::net::IpAddr;

use api::subnet::{Namespaces, Requirement, Selector, SubnetSpec};
use ipnetwork::IpNetwork;

use crate::address::{self, Family, Span, number};
use crate::fact::{Namespace, read};
use crate::problem::Problem;

/// Set by Kubernetes on every namespace; taken as set where it is not.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// A subnet whose spec can be used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// One or two, IPv4 first.
    pub families: Vec<FamilyPlan>,
    pub nat_outgoing: bool,
    pub namespaces: Option<Namespaces>,
}

/// One family of a subnet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FamilyPlan {
    pub family: Family,
    pub cidr: IpNetwork,
    pub span: Span,
    pub gateway: IpAddr,
    pub reserved: Vec<Span>,
    /// Prefix length of a block.
    pub block: u8,
}

/// How well a subnet's `namespaces` fit a namespace; the smaller the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    Name,
    Selector,
}

impl Plan {
    /// Judges a spec on its own; the name is for the message.
    pub fn new(name: &str, spec: &SubnetSpec) -> Result<Plan, Problem> {
        let mut families = Vec::new();
        for text in &spec.cidrs {
            let cidr = address::prefix(text).ok_or_else(|| {
                let what = "is no prefix such as 10.20.0.0/16 or fd00:20::/64, without bits set behind its length";
                Problem::new("InvalidCidr", format!("Subnet {name}: {text:?} in cidrs {what}"))
            })?;
            families.push(FamilyPlan::new(name, spec, cidr)?);
        }
        families.sort_by_key(|plan| plan.family);
        if families.is_empty() || families.windows(2).any(|pair| pair[0].family == pair[1].family) {
            let what =
                "must hold one prefix, or one of each family; a second prefix of a family is a Subnet of its own";
            return Err(Problem::new("InvalidCidr", format!("Subnet {name}: cidrs {what}")));
        }
        check_gateways(name, spec, &families)?;
        let stray = spec.reserved.iter().find(|text| Span::parse(text).is_none());
        if let Some(text) = stray {
            let what = "is no address, prefix, or range such as 10.20.0.2-10.20.0.9";
            return Err(Problem::new("InvalidReserved", format!("Subnet {name}: {text:?} in reserved {what}")));
        }
        Ok(Plan { families, nat_outgoing: spec.nat_outgoing, namespaces: spec.namespaces.clone() })
    }

    pub fn family(&self, family: Family) -> Option<&FamilyPlan> {
        self.families.iter().find(|plan| plan.family == family)
    }

    pub fn cidrs(&self) -> String {
        let cidrs: Vec<String> = self.families.iter().map(|plan| plan.cidr.to_string()).collect();
        cidrs.join(" and ")
    }

    /// Whether the subnet says that it is for this namespace.
    pub fn fit(&self, namespace: &Namespace) -> Option<Fit> {
        let namespaces = self.namespaces.as_ref()?;
        if namespaces.names.iter().any(|name| **name == *namespace.name) {
            return Some(Fit::Name);
        }
        namespaces.selector.as_ref().filter(|selector| selects(selector, namespace)).map(|_| Fit::Selector)
    }
}

impl FamilyPlan {
    fn new(name: &str, spec: &SubnetSpec, cidr: IpNetwork) -> Result<FamilyPlan, Problem> {
        let span = Span::of(cidr);
        let (size, least) = match span.family {
            Family::V4 => (spec.block_size.ipv4, 16),
            Family::V6 => (spec.block_size.ipv6, 112),
        };
        if !(least..=span.family.bits()).contains(&size) {
            let what = format!("must lie between {least} and {}", span.family.bits());
            return Err(Problem::new(
                "InvalidBlockSize",
                format!("Subnet {name}: blockSize of {size} for {} {what}", span.family),
            ));
        }
        let given = spec
            .gateways
            .iter()
            .filter_map(|text| read::address(text))
            .find(|gateway| Family::of(*gateway) == span.family);
        let first = span.family.address(if span.first < span.last { span.first + 1 } else { span.first });
        Ok(FamilyPlan {
            family: span.family,
            gateway: given.unwrap_or(first),
            reserved: spec.reserved.iter().filter_map(|text| Span::parse(text)).collect(),
            block: size.max(cidr.prefix()),
            cidr,
            span,
        })
    }

    /// What an address of the subnet is where no pod can ever have it.
    pub fn never(&self, address: IpAddr) -> Option<&'static str> {
        let number = number(address);
        let wide = self.span.last - self.span.first > 1;
        match () {
            () if address == self.gateway => Some("the gateway"),
            () if wide && number == self.span.first => Some("the network's own address"),
            () if wide && number == self.span.last && self.family == Family::V4 => Some("the broadcast address"),
            () => None,
        }
    }

    pub fn is_reserved(&self, address: IpAddr) -> bool {
        self.reserved.iter().any(|span| span.contains(address))
    }
}

fn check_gateways(name: &str, spec: &SubnetSpec, families: &[FamilyPlan]) -> Result<(), Problem> {
    let invalid = |message: String| Err(Problem::new("InvalidGateway", format!("Subnet {name}: {message}")));
    let mut seen = Vec::new();
    for text in &spec.gateways {
        let Some(gateway) = read::address(text) else {
            return invalid(format!("{text:?} in gateways is no address such as 10.20.0.1"));
        };
        let Some(plan) = families.iter().find(|plan| plan.span.contains(gateway)) else {
            return invalid(format!(
                "gateway {gateway} lies outside of {}; choose one inside",
                spec.cidrs.join(" and ")
            ));
        };
        let ends = (plan.span.last - plan.span.first > 1).then_some([plan.span.first, plan.span.last]);
        if ends.is_some_and(|ends| ends.contains(&number(gateway))) {
            return invalid(format!(
                "gateway {gateway} is the first or last address of {}; choose one between",
                plan.cidr
            ));
        }
        if seen.contains(&plan.family) {
            return invalid(format!("two gateways of {}; give one a family", plan.family));
        }
        seen.push(plan.family);
    }
    Ok(())
}

/// Whether a label selector selects a namespace.
fn selects(selector: &Selector, namespace: &Namespace) -> bool {
    let label = |key: &str| {
        let found = namespace.labels.iter().find(|(name, _)| **name == *key).map(|(_, value)| &**value);
        found.or((key == NAME_LABEL).then_some(&*namespace.name))
    };
    let holds = |requirement: &Requirement| {
        let value = label(&requirement.key);
        let listed = value.is_some_and(|value| requirement.values.iter().any(|one| one == value));
        match requirement.operator.as_str() {
            "In" => listed,
            "NotIn" => !listed,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    };
    selector.match_labels.iter().all(|(key, value)| label(key) == Some(value))
        && selector.match_expressions.iter().all(holds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn plan(spec: Value) -> Result<Plan, Problem> {
        Plan::new("shop", &serde_json::from_value(spec).unwrap())
    }

    #[track_caller]
    fn check_refused(spec: Value, reason: &str, words: &str) {
        let problem = plan(spec.clone()).expect_err(&spec.to_string());
        assert_eq!(problem.reason, reason);
        assert!(problem.message.contains(words) && problem.message.contains("Subnet shop"), "{}", problem.message);
    }

    #[test]
    fn a_spec_that_cannot_be_used_is_refused_with_the_remedy() {
        check_refused(json!({"cidrs": []}), "InvalidCidr", "one of each family");
        check_refused(json!({"cidrs": ["ten"]}), "InvalidCidr", "\"ten\"");
        check_refused(json!({"cidrs": ["10.20.0.1/16"]}), "InvalidCidr", "without bits set behind");
        check_refused(json!({"cidrs": ["10.20.0.0"]}), "InvalidCidr", "is no prefix");
        check_refused(json!({"cidrs": ["10.20.0.0/16", "10.21.0.0/16"]}), "InvalidCidr", "a Subnet of its own");
        check_refused(
            json!({"cidrs": ["10.20.0.0/16"], "gateways": ["10.21.0.1"]}),
            "InvalidGateway",
            "outside of 10.20.0.0/16",
        );
        check_refused(json!({"cidrs": ["10.20.0.0/16"], "gateways": ["fd00::1"]}), "InvalidGateway", "outside");
        check_refused(json!({"cidrs": ["10.20.0.0/16"], "gateways": ["x"]}), "InvalidGateway", "no address");
        check_refused(json!({"cidrs": ["10.20.0.0/16"], "gateways": ["10.20.0.0"]}), "InvalidGateway", "first or last");
        check_refused(
            json!({"cidrs": ["10.20.0.0/16"], "gateways": ["10.20.0.1", "10.20.0.2"]}),
            "InvalidGateway",
            "two gateways",
        );
        check_refused(
            json!({"cidrs": ["10.20.0.0/16"], "reserved": ["10.20.0.9-10.20.0.2"]}),
            "InvalidReserved",
            "10.20.0.9-10.20.0.2",
        );
        check_refused(
            json!({"cidrs": ["10.20.0.0/16"], "blockSize": {"ipv4": 8}}),
            "InvalidBlockSize",
            "between 16 and 32",
        );
    }

    #[test]
    fn what_is_not_said_is_the_usual() {
        let plan = plan(json!({"cidrs": ["fd00:20::/64", "10.20.0.0/16"]})).unwrap();
        let gateways: Vec<String> = plan.families.iter().map(|family| family.gateway.to_string()).collect();
        assert_eq!(gateways, ["10.20.0.1", "fd00:20::1"]);
        assert_eq!((plan.families[0].block, plan.families[1].block), (26, 122));
        assert!(plan.nat_outgoing);
    }

    #[test]
    fn a_small_prefix_is_one_block() {
        assert_eq!(plan(json!({"cidrs": ["10.20.0.0/29"]})).unwrap().families[0].block, 29);
    }

    #[track_caller]
    fn check_fit(namespaces: Value, expect: Option<Fit>) {
        let namespace = Namespace { name: "shop".into(), labels: [("team".into(), "blue".into())].into() };
        let plan = plan(json!({"cidrs": ["10.0.0.0/8"], "namespaces": namespaces})).unwrap();
        assert_eq!(plan.fit(&namespace), expect, "{namespaces}");
    }

    #[test]
    fn namespaces_are_chosen_by_name_and_label() {
        check_fit(Value::Null, None);
        check_fit(json!({"names": ["shop"]}), Some(Fit::Name));
        check_fit(json!({"names": ["bank"]}), None);
        check_fit(json!({"selector": {}}), Some(Fit::Selector));
        check_fit(json!({"selector": {"matchLabels": {"team": "blue"}}}), Some(Fit::Selector));
        check_fit(json!({"selector": {"matchLabels": {"team": "red"}}}), None);
        check_fit(json!({"selector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}), Some(Fit::Selector));
        let expression = |operator, values: &[&str]| json!({"selector": {"matchExpressions": [{"key": "team", "operator": operator, "values": values}]}});
        check_fit(expression("In", &["blue", "red"]), Some(Fit::Selector));
        check_fit(expression("NotIn", &["blue"]), None);
        check_fit(expression("Exists", &[]), Some(Fit::Selector));
        check_fit(expression("DoesNotExist", &[]), None);
    }
}
