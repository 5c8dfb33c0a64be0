//! From a cookie, or the path of a packet, to words.

use crate::cookie::{Cookie, Subject};
use crate::object::Fact;
use crate::simulate::{Hop, Outcome};
use crate::table::{Rule, Verdict};
use crate::tables;
use api::inspect::{CookieMeaning, ExplainedFlow};
use rust_openflow::Flow;
use std::collections::BTreeMap;

/// The objects of a node by what cookies hold of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Directory {
    /// Objects by hash, in order; nearly always one.
    subjects: BTreeMap<u64, Vec<Entry>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    subject: Subject,
    /// How many objects bring this name: every subnet brings its network's.
    holders: usize,
}

impl Directory {
    /// Takes the names that an object brings.
    pub fn learn(&mut self, fact: &Fact) {
        subjects(fact).into_iter().for_each(|subject| self.learn_subject(subject));
    }

    /// Takes a name.
    pub fn learn_subject(&mut self, subject: Subject) {
        let known = self.subjects.entry(subject.hash()).or_insert_with(|| Vec::with_capacity(1));
        match known.binary_search_by(|entry| entry.subject.cmp(&subject)) {
            Ok(index) => known[index].holders += 1,
            Err(index) => known.insert(index, Entry { subject, holders: 1 }),
        }
    }

    /// Drops the names that an object brought, once for each time it was learnt.
    pub fn forget(&mut self, fact: &Fact) {
        subjects(fact).iter().for_each(|subject| self.forget_subject(subject));
    }

    /// Drops a name, once for each time it was learnt.
    pub fn forget_subject(&mut self, subject: &Subject) {
        let hash = subject.hash();
        let Some(known) = self.subjects.get_mut(&hash) else { return };
        if let Some(entry) = known.iter_mut().find(|entry| entry.subject == *subject) {
            entry.holders -= 1;
        }
        known.retain(|entry| entry.holders > 0);
        if known.is_empty() {
            self.subjects.remove(&hash);
        }
    }

    /// The object of a rule's kind with this hash.
    fn find(&self, rule: &Rule, hash: u64) -> Option<Subject> {
        if hash == 0 {
            return Some(Subject::node());
        }
        let mut known = self.subjects.get(&hash)?.iter().map(|entry| &entry.subject);
        known.find(|subject| subject.kind == rule.kind).cloned()
    }
}

fn subjects(fact: &Fact) -> Vec<Subject> {
    let network = match fact {
        Fact::Subnet(subnet) => Some(subnet.network.subject()),
        _ => None,
    };
    fact.subject().into_iter().chain(network).collect()
}

/// What a cookie stands for; `None`: not one of ours, or of an object that is not there.
pub fn cookie(number: u64, directory: &Directory) -> Option<CookieMeaning> {
    let cookie = Cookie::parse(number)?;
    let table = tables::by_id(cookie.table)?;
    if cookie.rule == 0 {
        let sentence = format!("What no rule of {} takes: {}.", table.name, miss(table));
        let (rule, kind) = (format!("{}Miss", table.name), "Node".to_owned());
        return (cookie.object == 0).then_some(CookieMeaning { rule, kind, object: String::new(), sentence });
    }
    let rule = rule(number)?;
    let subject = directory.find(rule, cookie.object).filter(|subject| subject.kind == rule.kind)?;
    Some(CookieMeaning {
        rule: rule.name.to_owned(),
        kind: rule.kind.name().to_owned(),
        sentence: sentence(rule, &subject),
        object: subject.name,
    })
}

/// The rule that a cookie names, whatever the object: what the flow's counters count. `None`: not ours, or a miss.
pub fn rule(number: u64) -> Option<&'static Rule> {
    let cookie = Cookie::parse(number)?;
    tables::by_id(cookie.table)?.rule(cookie.rule)
}

fn miss(table: &crate::table::Table) -> String {
    match table.miss {
        crate::table::Miss::Drop => "dropped and counted".to_owned(),
        crate::table::Miss::Goto(next) => format!("on to {}", next.name),
        crate::table::Miss::Return => "back to the table that asked".to_owned(),
    }
}

/// A rule's sentence about an object, with what becomes of the packet where the sentence alone leaves it open.
pub fn sentence(rule: &Rule, subject: &Subject) -> String {
    let text = rule.sentence.replace("{}", &subject.name);
    match rule.verdict {
        Verdict::Refuse => format!("{text} Dropped and counted."),
        Verdict::Ignore => format!("{text} Dropped."),
        Verdict::Punt => format!("{text} To the agent."),
        Verdict::Continue | Verdict::Deliver | Verdict::Answer => text,
    }
}

/// One table on a packet's way, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Name of the table.
    pub table: &'static str,
    /// What the flow that took the packet is for; `None`: no flow of ours took it.
    pub meaning: Option<CookieMeaning>,
}

/// The way of a packet, in words.
pub fn path(outcome: &Outcome, directory: &Directory) -> Vec<Step> {
    let step = |hop: &Hop| Step {
        table: tables::by_id(hop.table).map_or("?", |table| table.name),
        meaning: hop.flow.as_ref().and_then(|flow| cookie(flow.cookie, directory)),
    };
    outcome.path.iter().map(step).collect()
}

/// A flow of the switch with its meaning; `text` is the flow as it is printed.
pub fn flow(flow: &Flow, text: String, directory: &Directory) -> ExplainedFlow {
    let table = tables::by_id(flow.table).map_or_else(|| flow.table.to_string(), |table| table.name.to_owned());
    ExplainedFlow { table, flow: text, meaning: cookie(flow.cookie, directory) }
}
