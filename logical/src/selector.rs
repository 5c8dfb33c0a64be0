//! Label selectors, in one form: a list of requirements that all have to hold.
//!
//! `matchLabels` is the requirement `In` with one value. The list is sorted, so that selectors which say the same are equal
//! and what they select is computed, stored and sent once.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::Name;
use crate::fact::read::Labels;

/// A label selector. Without requirements it selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Selector {
    /// All of them have to hold; sorted, none twice.
    pub requirements: Arc<[Requirement]>,
}

/// One requirement on the label of a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Requirement {
    /// The label's key.
    pub key: Name,
    /// What must be true of it.
    pub operator: Operator,
    /// Of `In` and `NotIn`: the values, sorted.
    pub values: Box<[Name]>,
}

/// What a requirement asks of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operator {
    /// It is there with one of the values.
    In,
    /// It is not there with any of the values.
    NotIn,
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
}

impl Selector {
    /// Reads a selector. What cannot be understood in it is left out and told to `complain`, with its field.
    pub fn read(value: &Value, complain: &mut dyn FnMut(String)) -> Selector {
        let mut requirements = Vec::new();
        for (field, value) in entries(value, complain) {
            match field {
                "matchLabels" => requirements.extend(match_labels(value, complain)),
                "matchExpressions" => requirements.extend(match_expressions(value, complain)),
                other => complain(format!("the selector's field {other:?} is unknown")),
            }
        }
        requirements.sort();
        requirements.dedup();
        Selector { requirements: requirements.into() }
    }

    /// Whether labels fit.
    pub fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.requirements.iter().all(|requirement| requirement.holds(label(&requirement.key)))
    }

    /// Whether sorted labels fit.
    pub fn matches_labels(&self, labels: &Labels) -> bool {
        self.matches(|key| find(labels, key))
    }

    /// The keys that it asks about, some perhaps twice.
    pub fn keys(&self) -> impl Iterator<Item = &Name> {
        self.requirements.iter().map(|requirement| &requirement.key)
    }
}

/// As `kubectl --selector` writes it; `*` where it selects everything.
impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.requirements.is_empty() {
            return f.write_str("*");
        }
        for (index, requirement) in self.requirements.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{requirement}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, values) = (&self.key, self.values.join(","));
        match self.operator {
            Operator::In if self.values.len() == 1 => write!(f, "{key}={values}"),
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
        }
    }
}

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
        let listed = |value: &str| self.values.iter().any(|one| **one == *value);
        match self.operator {
            Operator::In => value.is_some_and(listed),
            Operator::NotIn => !value.is_some_and(listed),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

/// The value of a key in sorted labels.
pub(crate) fn find<'a>(labels: &'a Labels, key: &str) -> Option<&'a str> {
    let found = labels.binary_search_by(|(name, _)| (**name).cmp(key)).ok()?;
    Some(&labels[found].1)
}

/// Fields of an object that are not null; one that is no object is complained about.
pub(crate) fn entries<'a>(
    value: &'a Value,
    complain: &mut dyn FnMut(String),
) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
    if !value.is_object() && !value.is_null() {
        complain(format!("{value} stands where an object is expected"));
    }
    let fields = value.as_object().into_iter().flatten();
    fields.filter(|(_, value)| !value.is_null()).map(|(field, value)| (field.as_str(), value))
}

fn match_labels(value: &Value, complain: &mut dyn FnMut(String)) -> Vec<Requirement> {
    let mut requirements = Vec::new();
    for (key, value) in entries(value, complain) {
        match value.as_str() {
            Some(value) => {
                let values = [Name::from(value)].into();
                requirements.push(Requirement { key: key.into(), operator: Operator::In, values });
            }
            None => complain(format!("matchLabels: the value of {key:?} is no text")),
        }
    }
    requirements
}

fn match_expressions(value: &Value, complain: &mut dyn FnMut(String)) -> Vec<Requirement> {
    let Some(list) = value.as_array() else {
        complain("matchExpressions is no list".into());
        return Vec::new();
    };
    list.iter().filter_map(|expression| match_expression(expression, complain)).collect()
}

fn match_expression(expression: &Value, complain: &mut dyn FnMut(String)) -> Option<Requirement> {
    let known = ["key", "operator", "values"];
    let mut understood = true;
    for (field, _) in entries(expression, complain).filter(|(field, _)| !known.contains(field)) {
        complain(format!("matchExpressions: the field {field:?} is unknown"));
        understood = false;
    }
    let text = |field: &str| expression.get(field).and_then(Value::as_str);
    let operator = match text("operator") {
        Some("In") => Some(Operator::In),
        Some("NotIn") => Some(Operator::NotIn),
        Some("Exists") => Some(Operator::Exists),
        Some("DoesNotExist") => Some(Operator::DoesNotExist),
        _ => None,
    };
    let values = expression.get("values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut values: Vec<Name> = values.iter().filter_map(|value| value.as_str().map(Name::from)).collect();
    values.sort();
    values.dedup();
    match (text("key"), operator) {
        (Some(key), Some(operator)) => {
            let values = match operator {
                Operator::In | Operator::NotIn => values.into(),
                Operator::Exists | Operator::DoesNotExist => Box::default(),
            };
            understood.then(|| Requirement { key: key.into(), operator, values })
        }
        (None, _) => {
            complain("matchExpressions: an expression without a key".into());
            None
        }
        (_, None) => {
            complain(format!(
                "matchExpressions: the operator {} is unknown; write In, NotIn, Exists or DoesNotExist",
                expression.get("operator").unwrap_or(&Value::Null)
            ));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> (Selector, Vec<String>) {
        let mut complaints = Vec::new();
        let selector = Selector::read(value, &mut |complaint| complaints.push(complaint));
        (selector, complaints)
    }

    #[track_caller]
    fn check(selector: Value, labels: &[(&str, &str)], expect: bool) {
        let (read, complaints) = read(&selector);
        assert_eq!(complaints, Vec::<String>::new());
        let mut labels: Vec<(Name, Name)> =
            labels.iter().map(|(key, value)| (Name::from(*key), Name::from(*value))).collect();
        labels.sort();
        assert_eq!(read.matches_labels(&labels.into()), expect, "{selector}");
    }

    #[test]
    fn selectors_select() {
        check(json!({}), &[], true);
        check(json!({"matchLabels": null}), &[("a", "b")], true);
        check(json!({"matchLabels": {"a": "b"}}), &[("a", "b"), ("c", "d")], true);
        check(json!({"matchLabels": {"a": "b", "c": "d"}}), &[("a", "b")], false);
        let expression = |operator, values: &[&str]| json!({"matchExpressions": [{"key": "a", "operator": operator, "values": values}]});
        check(expression("In", &["x", "b"]), &[("a", "b")], true);
        check(expression("In", &["x"]), &[], false);
        check(expression("NotIn", &["x"]), &[], true);
        check(expression("NotIn", &["b"]), &[("a", "b")], false);
        check(expression("Exists", &[]), &[("a", "")], true);
        check(expression("DoesNotExist", &[]), &[("a", "")], false);
    }

    #[test]
    fn selectors_that_say_the_same_are_equal() {
        let labels = read(&json!({"matchLabels": {"b": "1", "a": "2"}}));
        let expressions = json!({"matchExpressions": [
            {"key": "a", "operator": "In", "values": ["2", "2"]}, {"key": "b", "operator": "In", "values": ["1"]}
        ]});
        assert_eq!(labels, read(&expressions));
    }

    #[track_caller]
    fn check_refused(selector: Value, words: &str) {
        let (_, complaints) = read(&selector);
        assert!(complaints.join("; ").contains(words), "{selector}: {complaints:?}");
    }

    #[test]
    fn what_is_unknown_is_complained_about() {
        check_refused(json!({"matchFields": {}}), "\"matchFields\" is unknown");
        check_refused(json!("all"), "\"all\" stands where an object is expected");
        check_refused(json!({"matchLabels": {"a": 1}}), "\"a\" is no text");
        check_refused(json!({"matchExpressions": {}}), "no list");
        check_refused(json!({"matchExpressions": [{"operator": "Exists"}]}), "without a key");
        check_refused(json!({"matchExpressions": [{"key": "a", "operator": "Like"}]}), "\"Like\" is unknown");
        check_refused(
            json!({"matchExpressions": [{"key": "a", "operator": "Exists", "not": 1}]}),
            "\"not\" is unknown",
        );
    }
}
