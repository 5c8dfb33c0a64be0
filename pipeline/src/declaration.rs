//! The checks that hold over the declarations, and over flows against the declarations of their tables.
//!
//! They return sentences, not panics, so that one run names everything that is wrong; the tests want none.

use crate::cookie::Cookie;
use crate::register::{self, Register};
use crate::table::{Band, Status, Table};
use crate::tables;
use rust_openflow::action::{LearnDst, LearnSrc};
use rust_openflow::{Action, Field, Flow, Group, Learn, Match, Subfield, Zone};
use std::collections::BTreeSet;

/// What is wrong with the declarations.
pub fn faults() -> Vec<String> {
    let mut faults = Vec::new();
    ids(&mut faults);
    rules(&mut faults);
    places(&mut faults);
    lives(&mut faults);
    readers(&mut faults);
    faults
}

fn ids(faults: &mut Vec<String>) {
    for pair in tables::ALL.windows(2).filter(|pair| pair[0].id >= pair[1].id) {
        faults.push(format!("{} stands before {}, but has no lower number", pair[0].name, pair[1].name));
    }
    for table in tables::ALL {
        let plain = table.name.chars().all(|c| c.is_ascii_alphanumeric());
        if !plain || table.name.len() > 31 || !table.name.starts_with(|c: char| c.is_ascii_uppercase()) {
            faults.push(format!("{:?} is no CamelCase name of at most 31 letters and digits", table.name));
        }
        for next in table.next.iter().filter(|next| next.id <= table.id) {
            faults.push(format!("{} goes back to {}", table.name, next.name));
        }
        for next in table.next.iter().filter(|next| table.status == Status::Used && next.status == Status::Reserved) {
            faults.push(format!("{} goes to {}, which is only reserved", table.name, next.name));
        }
    }
}

fn rules(faults: &mut Vec<String>) {
    for table in tables::ALL {
        let numbers: BTreeSet<u8> = table.rules.iter().map(|rule| rule.number).collect();
        let names: BTreeSet<&str> = table.rules.iter().map(|rule| rule.name).collect();
        if numbers.len() != table.rules.len() || numbers.contains(&0) || names.len() != table.rules.len() {
            faults.push(format!("rules of {} share a number or a name, or use 0", table.name));
        }
        for rule in table.rules {
            if rule.table != table.id {
                faults.push(format!("{} is in {} but says table {}", rule.name, table.name, rule.table));
            }
            if rule.priority.number() > rule.priority.band.top() || rule.priority.band == Band::Miss {
                faults.push(format!("{} of {} leaves its band", rule.name, table.name));
            }
            if rule.sentence.contains("{}") == (rule.kind == crate::cookie::Kind::Node) {
                faults
                    .push(format!("{} of {}: the sentence names its object, or there is none", rule.name, table.name));
            }
        }
    }
    for pair in Band::ALL.windows(2).filter(|pair| pair[0].top() >= pair[1].base()) {
        faults.push(format!("bands {:?} and {:?} overlap", pair[0], pair[1]));
    }
}

fn places(faults: &mut Vec<String>) {
    for register in register::ALL {
        if register.first > register.last || register.last >= register.field.bits() {
            faults.push(format!("{} does not fit {}", register.name, register.field));
        }
        let width = u32::from(register.last - register.first + 1);
        for (value, name) in register.values.iter().filter(|(value, _)| width < 128 && value >> width != 0) {
            faults.push(format!("{name} ({value}) does not fit {}", register.name));
        }
    }
}

/// First table that writes a field and last one that reads it.
fn life(register: &Register) -> Option<(u8, u8)> {
    let first = tables::ALL.iter().find(|table| table.writes.contains(&register))?.id;
    let last = tables::ALL.iter().rev().find(|table| table.reads.contains(&register)).map_or(first, |table| table.id);
    Some((first, last.max(first)))
}

/// The bits of 32-bit registers that a field covers: (register number, mask).
fn cover(register: &Register) -> Vec<(u16, u32)> {
    let bits = register.field.bits();
    let (base, name) = (bits / 32, register.field.name());
    let number: u16 = name.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0);
    let highest = (number + 1) * base - 1;
    let mut cover = Vec::new();
    for bit in register.first..=register.last {
        let at = highest - bit / 32;
        match cover.iter_mut().find(|(register, _)| *register == at) {
            Some((_, mask)) => *mask |= 1 << (bit % 32),
            None => cover.push((at, 1_u32 << (bit % 32))),
        }
    }
    cover
}

fn lives(faults: &mut Vec<String>) {
    for (index, one) in register::ALL.iter().enumerate() {
        for other in &register::ALL[index + 1..] {
            let shared = cover(one).iter().any(|(r, m)| cover(other).iter().any(|(s, n)| r == s && m & n != 0));
            let (Some(a), Some(b)) = (life(one), life(other)) else { continue };
            if shared && a.0 <= b.1 && b.0 <= a.1 {
                faults.push(format!("{} and {} share bits and live at the same time", one.name, other.name));
            }
        }
    }
}

/// Tables that can be reached from one, itself included.
fn reach(from: &'static Table, seen: &mut BTreeSet<u8>) {
    if seen.insert(from.id) {
        from.next.iter().copied().chain(tables::asked(from)).for_each(|next| reach(next, seen));
    }
}

fn readers(faults: &mut Vec<String>) {
    for table in tables::ALL {
        for register in table.reads {
            let writes = |writer: &&&'static Table| {
                let mut reached = BTreeSet::new();
                reach(writer, &mut reached);
                writer.writes.contains(register) && reached.contains(&table.id)
            };
            if !tables::ALL.iter().any(|writer| writes(&writer)) {
                faults.push(format!("{} reads {}, which nobody wrote", table.name, register.name));
            }
        }
    }
    for register in register::ALL {
        if !tables::ALL.iter().any(|table| table.reads.contains(&register)) {
            faults.push(format!("nobody reads {}", register.name));
        }
    }
}

/// What flows do that the declaration of their table does not say.
pub fn undeclared<'a>(flows: impl IntoIterator<Item = &'a Flow>) -> Vec<String> {
    let mut faults = Vec::new();
    for flow in flows {
        let Some(table) = tables::by_id(flow.table) else {
            faults.push(format!("table {} is not declared", flow.table));
            continue;
        };
        let mut say = |what: String| faults.push(format!("{}, priority {}: {what}", table.name, flow.priority));
        check_cookie(flow, table, &mut say);
        check_match(&flow.matching, table, &mut say);
        flow.instructions.apply.iter().for_each(|action| check_action(action, table, &mut say));
        if let Some(id) = flow.instructions.goto_table.filter(|id| !table.next.iter().any(|next| next.id == *id)) {
            say(format!("goes to table {id}"));
        }
    }
    faults
}

fn check_cookie(flow: &Flow, table: &Table, say: &mut dyn FnMut(String)) {
    let Some(cookie) = Cookie::parse(flow.cookie).filter(|cookie| cookie.table == flow.table) else {
        return say(format!("cookie {:#x} is not of this table", flow.cookie));
    };
    match table.rule(cookie.rule) {
        None if cookie.rule == 0 && flow.priority == 0 => {}
        None => say(format!("no rule {}", cookie.rule)),
        Some(rule) => {
            let band = rule.priority.band;
            if !(band.base()..=band.top()).contains(&flow.priority) {
                say(format!("{} is outside of band {band:?}", rule.name));
            }
        }
    }
}

fn check_match(matching: &Match, table: &Table, say: &mut dyn FnMut(String)) {
    for term in matching.iter() {
        let run = Run { field: term.field, mask: term.mask() };
        check_run(&run, (table.reads, table.matches), &mut |what| say(format!("matches {what}")));
    }
}

fn check_action(action: &Action, table: &Table, say: &mut dyn FnMut(String)) {
    let (reads, writes) = ((table.reads, table.matches), (table.writes, table.rewrites));
    match action {
        Action::SetField(set) => {
            let run = Run { field: set.field(), mask: set.mask().unwrap_or(set.field().full_mask()) };
            check_run(&run, writes, &mut |what| say(format!("sets {what}")));
        }
        Action::Copy { src, dst } => {
            check_run(&Run::from(*src), reads, &mut |what| say(format!("copies from {what}")));
            check_run(&Run::from(*dst), writes, &mut |what| say(format!("copies to {what}")));
        }
        Action::OutputReg { source, .. } => {
            check_run(&Run::from(*source), reads, &mut |what| say(format!("outputs to {what}")));
        }
        Action::CheckPktLarger { dst, .. } => {
            check_run(&Run::from(*dst), writes, &mut |what| say(format!("measures into {what}")));
        }
        Action::Resubmit { table: Some(id), .. } if !tables::asked(table).any(|asked| asked.id == *id) => {
            say(format!("asks table {id}"));
        }
        Action::Learn(learn) => check_learn(learn, table, say),
        Action::Ct(ct) => {
            ct.exec.iter().for_each(|action| check_action(action, table, say));
            if let Zone::Field(zone) = ct.zone {
                check_run(&Run::from(zone), reads, &mut |what| say(format!("tracks in {what}")));
            }
            if let Some(id) = ct.table.filter(|id| !table.next.iter().any(|next| next.id == *id)) {
                say(format!("tracks on to table {id}"));
            }
        }
        _ => {}
    }
}

/// What a flow teaches belongs to a rule of the table that learns it, which writes what the learned flow sets.
fn check_learn(learn: &Learn, table: &Table, say: &mut dyn FnMut(String)) {
    let Some(pupil) = tables::by_id(learn.table).filter(|_| tables::taught(table).any(|t| t.id == learn.table)) else {
        return say(format!("teaches table {}", learn.table));
    };
    if Cookie::parse(learn.cookie).is_none_or(|cookie| pupil.rule(cookie.rule).is_none()) {
        say(format!("teaches {} a flow of no rule", pupil.name));
    }
    for spec in &learn.specs {
        if let LearnSrc::Field(bits) = &spec.src {
            check_run(&Run::from(*bits), (table.reads, table.matches), &mut |what| say(format!("teaches {what}")));
        }
        match &spec.dst {
            LearnDst::Match(bits) => {
                let declared = (pupil.reads, pupil.matches);
                check_run(&Run::from(*bits), declared, &mut |what| say(format!("teaches to match {what}")));
            }
            LearnDst::Load(bits) => {
                let declared = (pupil.writes, pupil.rewrites);
                check_run(&Run::from(*bits), declared, &mut |what| say(format!("teaches to set {what}")));
            }
            LearnDst::Output => say("teaches to output".into()),
        }
    }
}

/// What buckets do that the declaration of the table that uses them does not say.
pub fn undeclared_in_groups(groups: impl IntoIterator<Item = Group>) -> Vec<String> {
    let (mut faults, table) = (Vec::new(), &tables::service::TABLE);
    for group in groups {
        let actions = group.buckets.iter().flat_map(|bucket| &bucket.actions);
        actions
            .for_each(|action| check_action(action, table, &mut |what| faults.push(format!("{}: {what}", group.id))));
    }
    faults
}

/// Bits of a field.
struct Run {
    field: Field,
    mask: u128,
}

impl From<Subfield> for Run {
    fn from(bits: Subfield) -> Run {
        Run { field: bits.field, mask: bits.mask() }
    }
}

type Declared = (&'static [&'static Register], &'static [Field]);

fn check_run(run: &Run, (registers, fields): Declared, say: &mut dyn FnMut(String)) {
    if fields.contains(&run.field) {
        return;
    }
    let part = |r: &&&Register| -> u128 {
        let name = run.field.name();
        let number = name.strip_prefix("reg").and_then(|number| number.parse::<u16>().ok());
        let parts = cover(r).into_iter().filter(|(register, _)| Some(*register) == number);
        parts.fold(if r.field == run.field { r.bits().mask() } else { 0 }, |mask, (_, bits)| mask | u128::from(bits))
    };
    let allowed = registers.iter().map(|r| part(&r)).fold(0, |mask, bits| mask | bits);
    if run.mask & !allowed != 0 {
        say(format!("{} (bits {:#x}), which is not declared", run.field, run.mask));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declarations_hold_together() {
        assert_eq!(faults(), [""; 0]);
    }

    #[test]
    fn fields_that_share_bits_are_seen_across_register_sizes() {
        let wide = Register { name: "Wide", field: Field::Xxreg0, first: 0, last: 127, purpose: "", values: &[] };
        let covered: BTreeSet<u16> = cover(&wide).into_iter().map(|(register, _)| register).collect();
        assert_eq!(covered, BTreeSet::from([0, 1, 2, 3]));
        let low = Register { name: "Low", field: Field::Xxreg2, first: 0, last: 31, purpose: "", values: &[] };
        assert_eq!(cover(&low), [(11, u32::MAX)]);
    }

    #[test]
    fn a_flow_that_does_what_its_table_does_not_say_is_found() {
        let cookie = Cookie { table: 30, rule: 1, object: 0 }.number();
        let flow = Flow::new(30).priority(600).cookie(cookie).action(Action::set(Field::EthSrc, 1)).goto_table(20);
        let found = undeclared([&flow.clone().cookie(1).priority(601), &flow]);
        assert_eq!(found.len(), 5, "{found:?}");
    }
}
