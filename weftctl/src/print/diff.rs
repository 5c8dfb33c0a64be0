//! Verdicts that change, for people.

use api::inspect::VerdictChange;

/// A line for each pair of workloads, with a line end.
pub fn text(changes: &[VerdictChange]) -> String {
    if changes.is_empty() {
        return "no verdict changes\n".to_owned();
    }
    let rows = changes.iter().map(|change| {
        let family = change.family.map(|family| format!(" (IPv{family})")).unwrap_or_default();
        [
            change.from.clone(),
            change.to.clone(),
            super::or_dash(&change.opened) + if change.opened.is_empty() { "" } else { &family },
            super::or_dash(&change.closed) + if change.closed.is_empty() { "" } else { &family },
            change.pairs.to_string(),
        ]
    });
    let opened: u64 = changes.iter().filter(|change| !change.opened.is_empty()).map(|change| change.pairs).sum();
    let closed: u64 = changes.iter().filter(|change| !change.closed.is_empty()).map(|change| change.pairs).sum();
    let table = super::table(["FROM", "TO", "DENIED → ALLOWED", "ALLOWED → DENIED", "PAIRS"], &[4], rows);
    format!("{table}\nopened for {opened} pairs, closed for {closed}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opened_and_closed_ports_stand_beside_each_other() {
        let change = |opened: &str, closed: &str, pairs, family| VerdictChange {
            from: "shop/web".into(),
            to: "shop/db".into(),
            opened: opened.into(),
            closed: closed.into(),
            pairs,
            family,
        };
        let expect = "FROM      TO       DENIED → ALLOWED  ALLOWED → DENIED          PAIRS\n\
                      shop/web  shop/db  5432/TCP          -                             6\n\
                      shop/web  shop/db  -                 everything but 1/TCP (IPv6)      2\n\n\
                      opened for 6 pairs, closed for 2\n";
        let found = text(&[change("5432/TCP", "", 6, None), change("", "everything but 1/TCP", 2, Some(6))]);
        let squeezed = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(squeezed(&found), squeezed(expect));
        assert_eq!(text(&[]), "no verdict changes\n");
    }
}
