//! Label selectors, from the API documentation of `LabelSelector`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// "The result of matchLabels and matchExpressions are ANDed. An empty label selector matches all objects."
pub fn matches(selector: &LabelSelector, labels: &Labels) -> bool {
    let equal = |(key, value): (&String, &String)| labels.get(key) == Some(value);
    selector.match_labels.iter().flatten().all(equal)
        && selector.match_expressions.iter().flatten().all(|requirement| holds(requirement, labels))
}

/// One requirement. An operator that the documentation does not name holds for nothing: fail closed.
fn holds(requirement: &LabelSelectorRequirement, labels: &Labels) -> bool {
    let value = labels.get(&requirement.key);
    let listed = |value: &String| requirement.values.iter().flatten().any(|one| one == value);
    match requirement.operator.as_str() {
        "In" => value.is_some_and(listed),
        "NotIn" => !value.is_some_and(listed),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(selector: &str, labels: &str, expect: bool) {
        let selector: LabelSelector = serde_yaml_ng::from_str(selector).expect("a selector");
        let labels: Labels = serde_yaml_ng::from_str(labels).expect("labels");
        assert_eq!(matches(&selector, &labels), expect, "{selector:?} on {labels:?}");
    }

    #[test]
    fn an_empty_selector_matches_everything() {
        check("{}", "{}", true);
        check("{}", "{a: b}", true);
    }

    #[test]
    fn match_labels_are_anded() {
        check("{matchLabels: {a: b}}", "{a: b, c: d}", true);
        check("{matchLabels: {a: b}}", "{a: c}", false);
        check("{matchLabels: {a: b, c: d}}", "{a: b}", false);
    }

    #[test]
    fn in_wants_the_key_and_one_of_the_values() {
        check("{matchExpressions: [{key: a, operator: In, values: [b, c]}]}", "{a: c}", true);
        check("{matchExpressions: [{key: a, operator: In, values: [b, c]}]}", "{a: d}", false);
        check("{matchExpressions: [{key: a, operator: In, values: [b, c]}]}", "{}", false);
    }

    #[test]
    fn not_in_holds_without_the_key() {
        check("{matchExpressions: [{key: a, operator: NotIn, values: [b]}]}", "{}", true);
        check("{matchExpressions: [{key: a, operator: NotIn, values: [b]}]}", "{a: c}", true);
        check("{matchExpressions: [{key: a, operator: NotIn, values: [b]}]}", "{a: b}", false);
    }

    #[test]
    fn existence_asks_for_the_key_only() {
        check("{matchExpressions: [{key: a, operator: Exists}]}", "{a: ''}", true);
        check("{matchExpressions: [{key: a, operator: Exists}]}", "{}", false);
        check("{matchExpressions: [{key: a, operator: DoesNotExist}]}", "{}", true);
        check("{matchExpressions: [{key: a, operator: DoesNotExist}]}", "{a: x}", false);
    }

    #[test]
    fn labels_and_expressions_are_anded() {
        let selector = "{matchLabels: {a: b}, matchExpressions: [{key: c, operator: Exists}]}";
        check(selector, "{a: b, c: x}", true);
        check(selector, "{a: b}", false);
        check(selector, "{c: x}", false);
    }

    #[test]
    fn an_unknown_operator_matches_nothing() {
        check("{matchExpressions: [{key: a, operator: Like, values: [b]}]}", "{a: b}", false);
    }
}
