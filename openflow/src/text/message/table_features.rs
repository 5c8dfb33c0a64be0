//! What tables can do, each told as far as it differs from the one before.

use super::Printer;
use super::group::put_actions;
use super::table::Dittos;
use crate::field::{Field, OxmHeader};
use crate::table::TableFeatures;
use std::collections::BTreeSet;
use std::fmt::{self, Write};

/// Types of properties (OpenFlow 1.5.1 section 7.3.5.18.2); one more is that of a table's miss, where there is one.
const INSTRUCTIONS: u16 = 0;
const NEXT_TABLES: u16 = 2;
const WRITE_ACTIONS: u16 = 4;
const APPLY_ACTIONS: u16 = 6;
const MATCH: u16 = 8;
const WILDCARDS: u16 = 10;
const WRITE_SETFIELD: u16 = 12;
const APPLY_SETFIELD: u16 = 14;

/// Instructions by their number, in the order of the text.
const INSTRUCTION_NAMES: &[(u16, &str)] = &[
    (6, "meter"),
    (4, "apply_actions"),
    (5, "clear_actions"),
    (3, "write_actions"),
    (2, "write_metadata"),
    (1, "goto_table"),
];

/// Actions, and the fields that can be set.
#[derive(Clone, Default, PartialEq)]
struct Actions {
    kinds: u32,
    fields: Fields,
}

/// Fields in the order of the text.
type Fields = BTreeSet<(u16, Field)>;

/// What a flow can do, or the miss of a table.
#[derive(Clone, Default, PartialEq)]
struct Abilities {
    next: BTreeSet<u8>,
    instructions: BTreeSet<u16>,
    write: Actions,
    apply: Actions,
}

impl Abilities {
    /// Whether both are the same but that each leads to the tables behind its own.
    fn same(&self, table: u8, other: &Abilities, other_table: u8) -> bool {
        let (lower, upper, next) = match table.checked_add(1) == Some(other_table) {
            true => (&self.next, &other.next, other_table),
            false => (&other.next, &self.next, table),
        };
        let behind = table.abs_diff(other_table) == 1 && lower.contains(&next) && !upper.contains(&next);
        let tables = self.next == other.next || behind && lower.iter().filter(|t| **t != next).eq(upper.iter());
        tables && self.instructions == other.instructions && self.write == other.write && self.apply == other.apply
    }
}

/// One table's features, read.
#[derive(Clone, PartialEq)]
struct Read {
    flow: Abilities,
    miss: Abilities,
    matched: Fields,
    masked: Fields,
    wildcards: Fields,
}

/// Type and rest of each entry of a list of identifiers: type, length.
fn ids(mut bytes: &[u8]) -> BTreeSet<u16> {
    let mut ids = BTreeSet::new();
    while let [a, b, c, d, ..] = *bytes {
        ids.insert(u16::from_be_bytes([a, b]));
        let length = usize::from(u16::from_be_bytes([c, d])).max(4);
        bytes = bytes.get(length..).unwrap_or_default();
    }
    ids
}

/// The fields of a list of headers, those with a mask apart.
fn fields(mut bytes: &[u8]) -> (Fields, Fields) {
    let (mut exact, mut masked) = (Fields::new(), Fields::new());
    while let Some((header, length)) = OxmHeader::split(bytes) {
        bytes = &bytes[length..];
        if let Some(field) = header.id.field() {
            let to = if header.masked { &mut masked } else { &mut exact };
            to.insert((field.info().rank, field));
        }
    }
    (exact, masked)
}

impl Read {
    fn new(features: &TableFeatures) -> Read {
        let find = |kind: u16| features.properties.iter().find(|(k, _)| *k == kind).map(|(_, data)| &data[..]);
        // The miss does what flows do, where it is not told apart.
        let get = |kind: u16, miss: u16| find(kind + miss).or_else(|| find(kind)).unwrap_or_default();
        let actions = |miss, kind, set: u16| Actions {
            kinds: ids(get(kind, miss)).into_iter().filter(|id| *id < 32).fold(0, |bits, id| bits | 1 << id),
            fields: fields(get(set, miss)).0,
        };
        let abilities = |miss| Abilities {
            next: get(NEXT_TABLES, miss).iter().copied().collect(),
            instructions: ids(get(INSTRUCTIONS, miss)),
            write: actions(miss, WRITE_ACTIONS, WRITE_SETFIELD),
            apply: actions(miss, APPLY_ACTIONS, APPLY_SETFIELD),
        };
        let (exact, masked) = fields(get(MATCH, 0));
        let matched: Fields = exact.union(&masked).copied().collect();
        let wildcards = fields(get(WILDCARDS, 0)).0.union(&masked).copied().collect::<Fields>();
        let wildcards = wildcards.intersection(&matched).copied().collect();
        Read { flow: abilities(0), miss: abilities(1), matched, masked, wildcards }
    }
}

pub(super) fn put_all(out: &mut Printer<'_>, all: &[TableFeatures]) -> fmt::Result {
    let (mut dittos, mut before): (Dittos, Option<(&TableFeatures, Read)>) = (Dittos::default(), None);
    for features in all {
        let read = Read::new(features);
        let prev = before.as_ref();
        if prev.is_none() && features.command != 0 {
            let names = ["replace", "modify", "enable", "disable"];
            write!(out, "\n  command: {}", names.get(usize::from(features.command)).unwrap_or(&"***bad command***"))?;
        }
        let same = prev.is_some_and(|prev| is_ditto((features, &read), (prev.0, &prev.1)));
        if same && features.name.is_empty() {
            dittos.add(features.table);
        } else {
            dittos.put(out)?;
            write!(out, "\n  table {}", features.table)?;
            if !features.name.is_empty() {
                write!(out, " (\"{}\")", features.name)?;
            }
            if same {
                out.write_str(": ditto")?;
            } else {
                out.write_str(":\n")?;
                put_one(out, (features, &read), prev)?;
            }
        }
        before = Some((features, read));
    }
    dittos.put(out)
}

/// Whether two tables are told as one.
fn is_ditto((a, read_a): (&TableFeatures, &Read), (b, read_b): (&TableFeatures, &Read)) -> bool {
    let plain = |f: &TableFeatures| (f.metadata_match, f.metadata_write, f.capabilities & 0xc, f.max_entries);
    plain(a) == plain(b)
        && read_a.flow.same(a.table, &read_b.flow, b.table)
        && read_a.miss.same(a.table, &read_b.miss, b.table)
        && read_a.matched == read_b.matched
}

fn put_one(
    out: &mut Printer<'_>,
    (features, read): (&TableFeatures, &Read),
    before: Option<&(&TableFeatures, Read)>,
) -> fmt::Result {
    use crate::text::value::Hex;
    if features.metadata_match != 0 || features.metadata_write != 0 {
        let (read, written) = (Hex(features.metadata_match.into()), Hex(features.metadata_write.into()));
        writeln!(out, "    metadata: match={read} write={written}")?;
    }
    for (bit, name) in [(4, "eviction"), (8, "vacancy events")] {
        let not = if features.capabilities & bit == 0 { "not " } else { "" };
        writeln!(out, "    {name}: {not}supported")?;
    }
    if features.max_entries != 0 {
        writeln!(out, "    max_entries={}", features.max_entries)?;
    }
    let table = features.table;
    let (flow, miss) = (before.map(|(_, read)| &read.flow), before.map(|(_, read)| &read.miss));
    let same = |mine: &Abilities, theirs: &Abilities| before.is_some_and(|(f, _)| mine.same(table, theirs, f.table));
    if flow.is_some_and(|flow| same(&read.flow, flow)) && miss.is_some_and(|miss| same(&read.miss, miss)) {
        if read.flow != Abilities::default() {
            out.write_str("    (same instructions)\n")?;
        }
    } else if read.flow != read.miss {
        out.write_str("    instructions (other than table miss):\n")?;
        put_abilities(out, &read.flow, flow)?;
        out.write_str("    instructions (table miss):\n")?;
        put_abilities(out, &read.miss, miss)?;
    } else if read.flow != Abilities::default() {
        out.write_str("    instructions (table miss and others):\n")?;
        put_abilities(out, &read.flow, flow)?;
    }
    if read.matched.is_empty() {
        return Ok(());
    }
    if before.is_some_and(|(_, before)| before.matched == read.matched) {
        return out.write_str("    (same matching)\n");
    }
    put_matching(out, read)
}

/// Fields by how they can be matched.
fn put_matching(out: &mut Printer<'_>, read: &Read) -> fmt::Result {
    out.write_str("    matching:\n")?;
    let kinds =
        [("arbitrary mask", true, true), ("exact match or wildcard", false, true), ("must exact match", false, false)];
    for (title, masked, wild) in kinds {
        let of_kind =
            |field: &&(u16, Field)| read.masked.contains(field) == masked && read.wildcards.contains(field) == wild;
        let fields: Fields = read.matched.iter().filter(of_kind).copied().collect();
        if !fields.is_empty() {
            write!(out, "      {title}:")?;
            put_fields(out, &fields)?;
        }
    }
    Ok(())
}

fn put_abilities(out: &mut Printer<'_>, abilities: &Abilities, before: Option<&Abilities>) -> fmt::Result {
    if !abilities.next.is_empty() {
        writeln!(out, "      next tables: {}", ranges(&abilities.next))?;
    }
    if !abilities.instructions.is_empty() {
        if before.is_some_and(|before| before.instructions == abilities.instructions) {
            out.write_str("      (same instructions)\n")?;
        } else {
            let names = INSTRUCTION_NAMES.iter().filter(|(id, _)| abilities.instructions.contains(id));
            let names: Vec<_> = names.map(|(_, name)| *name).collect();
            writeln!(out, "      instructions: {}", names.join(" "))?;
        }
    }
    let (write, apply) = (&abilities.write, &abilities.apply);
    if before.is_some_and(|b| b.write == *write && b.apply == *apply) && !write.fields.is_empty() {
        return out.write_str("      (same actions)\n");
    }
    if write != apply {
        out.write_str("      Write-Actions features:\n")?;
        put_actions_of(out, write)?;
        out.write_str("      Apply-Actions features:\n")?;
        return put_actions_of(out, apply);
    }
    if *write == Actions::default() {
        return Ok(());
    }
    out.write_str("      Write-Actions and Apply-Actions features:\n")?;
    put_actions_of(out, write)
}

fn put_actions_of(out: &mut Printer<'_>, actions: &Actions) -> fmt::Result {
    if actions.kinds != 0 {
        out.write_str("        actions: ")?;
        put_actions(out, actions.kinds)?;
        out.write_char('\n')?;
    }
    if actions.fields.is_empty() {
        return Ok(());
    }
    out.write_str("        supported on Set-Field:")?;
    put_fields(out, &actions.fields)
}

/// Runs of tables: `1-5,7`.
fn ranges(tables: &BTreeSet<u8>) -> String {
    let tables: Vec<u8> = tables.iter().copied().collect();
    let runs = tables.chunk_by(|a, b| a + 1 == *b);
    let told = runs.map(|run| match run {
        [one] => one.to_string(),
        run => format!("{}-{}", run[0], run[run.len() - 1]),
    });
    told.collect::<Vec<_>>().join(",")
}

fn put_fields(out: &mut Printer<'_>, fields: &Fields) -> fmt::Result {
    let names: Vec<&str> = fields.iter().map(|(_, field)| field.name()).collect();
    out.write_char(' ')?;
    put_names(out, &names, 0)?;
    out.write_char('\n')
}

/// Names with what they begin with told once: `ip_{src,dst}`, `reg0...reg15`. `told` bytes of each have been told.
fn put_names(out: &mut Printer<'_>, mut names: &[&str], told: usize) -> fmt::Result {
    let mut separator = "";
    while let Some(first) = names.first() {
        out.write_str(separator)?;
        separator = if told == 0 { " " } else { "," };
        let (family, prefix) = family(names, told);
        let row = row(names);
        let run = if row >= family {
            out.write_str(&first[told..])?;
            if row > 1 {
                write!(out, "...{}", &names[row - 1][told..])?;
            }
            row
        } else {
            write!(out, "{}{{", &first[told..told + prefix])?;
            put_names(out, &names[..family], told + prefix)?;
            out.write_char('}')?;
            family
        };
        names = &names[run..];
    }
    Ok(())
}

/// How many names from the first have a beginning in common that ends with `_`, and its length.
fn family(names: &[&str], told: usize) -> (usize, usize) {
    let common = |a: &str, b: &str| {
        let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
        a[..same].rfind('_').map_or(0, |at| at + 1)
    };
    let first = &names[0][told..];
    let prefix = names.get(1).map_or(0, |second| common(first, &second[told..]));
    if prefix == 0 {
        return (1, 0);
    }
    let others = names[1..].iter().take_while(|name| common(first, &name[told..]) > 0).count();
    (1 + others, prefix)
}

/// How many names from the first differ in a number that counts up; two are no row.
fn row(names: &[&str]) -> usize {
    let follows = |a: &str, b: &str| {
        let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
        let number = |s: &str| s.parse::<u32>().ok().filter(|_| s.len() < 10);
        matches!((number(&a[same..]), number(&b[same..])), (Some(a), Some(b)) if a + 1 == b)
    };
    let run = 1 + names.windows(2).take_while(|pair| follows(pair[0], pair[1])).count();
    if run == 2 { 1 } else { run }
}
