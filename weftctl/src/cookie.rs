//! The cookies of a policy's flows: a hash of its name, so nobody has to be asked for them.

use std::fmt::Write as _;

use pipeline::cookie::{Cookie, Kind, Subject};
use pipeline::tables;
use serde_json::json;

/// Bits of a cookie that say for which object the flow is.
const OBJECT: u64 = 0xff_ffff_ffff;

/// What a policy's flows can be.
fn flows(policy: &str) -> Vec<(&'static str, &'static str, Cookie)> {
    let subject = Subject { kind: Kind::Policy, name: policy.to_owned() };
    let rules = tables::ALL.iter().flat_map(|table| table.rules.iter().map(|rule| (table.name, *rule)));
    rules
        .filter(|(_, rule)| rule.kind == Kind::Policy)
        .map(|(table, rule)| (table, rule.name, Cookie::new(rule, &subject)))
        .collect()
}

/// For people, with a line end.
pub fn text(policy: &str) -> String {
    let rows = flows(policy).into_iter().map(|(table, rule, cookie)| {
        [
            table.to_owned(),
            rule.to_owned(),
            cookie.to_string(),
            format!("ovs-ofctl --names dump-flows br-int cookie={cookie}/-1"),
        ]
    });
    let mut text = crate::print::table(["TABLE", "RULE", "COOKIE", "FINDS THEM ON A NODE"], &[], rows);
    let object = flows(policy).first().map_or(0, |(_, _, cookie)| cookie.object);
    write!(text, "\nall of them: ovs-ofctl --names dump-flows br-int cookie={object:#x}/{OBJECT:#x}\n")
        .expect("writing to a String cannot fail");
    text
}

/// For programs.
pub fn json(policy: &str) -> serde_json::Result<String> {
    let flows: Vec<_> = flows(policy)
        .into_iter()
        .map(|(table, rule, cookie)| json!({"table": table, "rule": rule, "cookie": cookie.to_string()}))
        .collect();
    serde_json::to_string_pretty(&flows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_has_a_cookie_for_each_kind_of_flow_and_all_share_their_object() {
        let flows = flows("shop/web");
        let kinds: Vec<String> = flows.iter().map(|(table, rule, _)| format!("{table} {rule}")).collect();
        assert_eq!(
            kinds,
            [
                "EgressPolicy Admitted",
                "EgressPolicy Opening",
                "EgressPolicy OpeningAll",
                "IngressPolicy Admitted",
                "IngressPolicy Opening",
                "IngressPolicy OpeningAll"
            ]
        );
        let object = flows[0].2.object;
        assert!(flows.iter().all(|(_, _, cookie)| cookie.object == object && cookie.number() & OBJECT == object));
        assert!(text("shop/web").contains(&format!("cookie={}/-1", flows[3].2)));
    }
}
