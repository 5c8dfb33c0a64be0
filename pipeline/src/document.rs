//! `docs/pipeline.md`, printed from the declarations.

use crate::register::{self, Register};
use crate::table::{Band, Miss, Rule, Status, Table, Verdict};
use crate::{cookie, tables};
use rust_openflow::Field;
use std::fmt::{self, Write};

/// The page.
pub fn document() -> String {
    let mut page = String::new();
    write(&mut page).expect("a String takes everything");
    page
}

fn write(page: &mut String) -> fmt::Result {
    page.push_str(HEAD);
    order(page)?;
    fields(page)?;
    bands(page)?;
    page.push_str(COOKIE);
    writeln!(page, "The top byte is {:#x}. {COOKIE_READING}", cookie::MARK)?;
    page.push_str("\n## The tables\n");
    tables::ALL.iter().try_for_each(|table| section(page, table))
}

const HEAD: &str = "\
<!-- Generated from pipeline/src/tables by `cargo xtask generate`; do not edit. -->
# The pipeline

What a node's bridge `br-int` does with a packet, table by table. Every flow belongs to a rule of a table, and its cookie
says to which, and for what object. `ovs-ofctl --names dump-flows br-int` prints the tables by the names used here;
`weftctl flows` prints the flows with their meaning; `weftctl why COOKIE` explains one.

";

fn order(page: &mut String) -> fmt::Result {
    page.push_str("## Order\n\n| table | name | decides | next |\n|---|---|---|---|\n");
    for table in tables::ALL {
        let state = if table.status == Status::Reserved { " *(reserved: no flow leads here yet)*" } else { "" };
        let next = names(table.next.iter().map(|next| next.name));
        writeln!(page, "| {} | {} | {}{state} | {next} |", table.id, table.name, table.purpose)?;
    }
    Ok(())
}

fn fields(page: &mut String) -> fmt::Result {
    page.push_str("\n## Fields\n\nWhat tables hand to each other. They live from the first table that writes them to the last that reads them.\n\n");
    page.push_str("| field | place | what | values | written in | read in |\n|---|---|---|---|---|---|\n");
    for register in register::ALL {
        let users = |list: fn(&Table) -> &'static [&'static Register]| {
            names(tables::ALL.iter().filter(|table| list(table).contains(&register)).map(|table| table.name))
        };
        let values = names(register.values.iter().map(|(value, name)| format!("{value} {name}")));
        let (written, read) = (users(|table| table.writes), users(|table| table.reads));
        let Register { name, purpose, .. } = register;
        writeln!(page, "| {name} | `{}` | {purpose} | {values} | {written} | {read} |", register.place())?;
    }
    Ok(())
}

fn bands(page: &mut String) -> fmt::Result {
    page.push_str("\n## Priorities\n\nA rule stands in a band; higher goes first.\n\n| band | priorities | for |\n|---|---|---|\n");
    for band in Band::ALL.iter().rev() {
        let range = match (band.base(), band.top()) {
            (base, top) if base == top => base.to_string(),
            (base, top) => format!("{base}–{top}"),
        };
        writeln!(page, "| {band:?} | {range} | {} |", purpose(*band))?;
    }
    Ok(())
}

fn purpose(band: Band) -> &'static str {
    match band {
        Band::Miss => "what no rule takes",
        Band::Fallback => "the way out when nothing is known of the packet in particular",
        Band::Refuse => "what was not allowed above is refused",
        Band::Prefix => "by prefix, longest first: the base plus the prefix length",
        Band::Guard => "goes before any prefix",
        Band::Allow => "what is expected",
        Band::Exception => "goes before what is expected",
    }
}

const COOKIE: &str = "
## Cookies

```text
 63    56 55    48 47     40 39                                    0
┌────────┬────────┬─────────┬───────────────────────────────────────┐
│  mark  │ table  │  rule   │ hash of the object, 0: of the node    │
└────────┴────────┴─────────┴───────────────────────────────────────┘
```

";

const COOKIE_READING: &str =
    "Rule 0 is the table's miss. Nothing in a cookie counts or grows: an unchanged node dumps unchanged text.";

fn section(page: &mut String, table: &Table) -> fmt::Result {
    if table.status == Status::Reserved {
        return Ok(());
    }
    let miss = match table.miss {
        Miss::Drop => "dropped and counted".to_owned(),
        Miss::Goto(next) => format!("on to {}", next.name),
        Miss::Return => "back to the table that asked".to_owned(),
    };
    writeln!(page, "\n### {} {}\n\n{}\n", table.id, table.name, table.purpose)?;
    writeln!(page, "- reads: {}", uses(table.reads, table.matches))?;
    writeln!(page, "- writes: {}", uses(table.writes, table.rewrites))?;
    writeln!(page, "- next: {}", names(table.next.iter().map(|next| next.name)))?;
    let asked: Vec<&str> = tables::asked(table).map(|asked| asked.name).collect();
    if !asked.is_empty() {
        writeln!(page, "- asks: {}", asked.join(", "))?;
    }
    writeln!(page, "- what no rule takes: {miss}\n")?;
    page.push_str("| rule | number | priority | for | the packet | meaning |\n|---|---|---|---|---|---|\n");
    let mut rules: Vec<&&Rule> = table.rules.iter().collect();
    rules.sort_by_key(|rule| (std::cmp::Reverse(rule.priority), rule.number));
    rules.into_iter().try_for_each(|rule| row(page, rule))
}

fn row(page: &mut String, rule: &Rule) -> fmt::Result {
    let priority = match rule.priority.band {
        Band::Prefix => format!("{} + length", rule.priority.number()),
        _ => rule.priority.number().to_string(),
    };
    let Rule { name, number, kind, .. } = rule;
    let meaning = rule.sentence.replace("{}", "*X*");
    writeln!(page, "| {name} | {number} | {priority} | {} | {} | {meaning} |", kind.name(), verdict(rule.verdict))
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Continue => "goes on",
        Verdict::Refuse => "dropped and counted",
        Verdict::Ignore => "dropped",
        Verdict::Deliver => "leaves",
        Verdict::Answer => "becomes its answer",
        Verdict::Punt => "to the agent",
    }
}

fn uses(registers: &[&Register], fields: &[Field]) -> String {
    let named = registers.iter().map(|register| register.name.to_owned());
    names(named.chain(fields.iter().map(|field| format!("`{}`", usual_name(*field)))))
}

/// The name that flows are printed with.
fn usual_name(field: Field) -> &'static str {
    if field == Field::InPort { "in_port" } else { field.name() }
}

fn names(items: impl Iterator<Item = impl fmt::Display>) -> String {
    let list: Vec<String> = items.map(|item| item.to_string()).collect();
    if list.is_empty() { "–".to_owned() } else { list.join(", ") }
}

#[cfg(test)]
mod tests {
    /// `WEFT_REWRITE=1` writes the page in place of the comparison.
    #[test]
    fn the_page_in_the_repository_is_the_one_that_the_declarations_print() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/pipeline.md");
        if std::env::var_os("WEFT_REWRITE").is_some() {
            std::fs::write(path, super::document()).expect("docs/ can be written");
        }
        let kept = std::fs::read_to_string(path).expect("docs/pipeline.md is there");
        assert!(kept == super::document(), "docs/pipeline.md is not fresh: run `cargo xtask generate`");
    }
}
