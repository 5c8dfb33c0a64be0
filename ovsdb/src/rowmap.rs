//! The rows of one table: a persistent map from identifier to row.
//!
//! A replica publishes a snapshot after every transaction. Copying a hash map of 100,000 rows for each would make a burst
//! of small transactions quadratic; here a change copies the four or five nodes on the way to the row and shares the rest,
//! and two snapshots are compared by skipping what they share. It is a trie over the identifier's four-bit groups with
//! small sorted leaves; identifiers are random, so it is balanced by itself, and its depth is bounded by 32 in any case.

use std::sync::Arc;

use crate::{Row, Uuid};

/// A leaf splits beyond this many rows.
const LEAF: usize = 16;

#[derive(Clone)]
enum Node {
    Leaf(Vec<Arc<Row>>),
    Branch(Box<[Option<Arc<Node>>; 16]>),
}

/// Rows by identifier; cloning is one reference count.
#[derive(Clone)]
pub struct RowMap {
    root: Arc<Node>,
    len: usize,
}

/// A row before and after: one of them at least is there.
#[derive(Clone, Debug, PartialEq)]
pub struct RowDifference {
    /// The row before, unless it is new.
    pub old: Option<Arc<Row>>,
    /// The row after, unless it is gone.
    pub new: Option<Arc<Row>>,
}

impl Default for RowMap {
    fn default() -> Self {
        RowMap { root: Arc::new(Node::Leaf(Vec::new())), len: 0 }
    }
}

impl Node {
    fn get(&self, uuid: Uuid, depth: usize) -> Option<&Arc<Row>> {
        match self {
            Node::Leaf(rows) => rows.binary_search_by(|row| row.uuid().cmp(&uuid)).ok().map(|at| &rows[at]),
            Node::Branch(children) => children[uuid.nibble(depth)].as_ref()?.get(uuid, depth + 1),
        }
    }

    fn insert(&mut self, row: Arc<Row>, depth: usize) -> Option<Arc<Row>> {
        match self {
            Node::Leaf(rows) => {
                let at = match rows.binary_search_by(|have| have.uuid().cmp(&row.uuid())) {
                    Ok(at) => return Some(std::mem::replace(&mut rows[at], row)),
                    Err(at) => at,
                };
                rows.insert(at, row);
                if rows.len() > LEAF {
                    *self = Node::split(std::mem::take(rows), depth);
                }
                None
            }
            Node::Branch(children) => {
                let child = children[row.uuid().nibble(depth)].get_or_insert_with(|| Arc::new(Node::Leaf(Vec::new())));
                Arc::make_mut(child).insert(row, depth + 1)
            }
        }
    }

    fn split(rows: Vec<Arc<Row>>, depth: usize) -> Node {
        let mut branch = Node::Branch(Box::default());
        for row in rows {
            branch.insert(row, depth);
        }
        branch
    }

    fn remove(&mut self, uuid: Uuid, depth: usize) -> Option<Arc<Row>> {
        match self {
            Node::Leaf(rows) => rows.binary_search_by(|row| row.uuid().cmp(&uuid)).ok().map(|at| rows.remove(at)),
            Node::Branch(children) => {
                let slot = &mut children[uuid.nibble(depth)];
                slot.as_ref()?.get(uuid, depth + 1)?;
                let child = Arc::make_mut(slot.as_mut()?);
                let removed = child.remove(uuid, depth + 1);
                if child.is_empty() {
                    *slot = None;
                }
                removed
            }
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Node::Leaf(rows) => rows.is_empty(),
            Node::Branch(children) => children.iter().all(Option::is_none),
        }
    }
}

impl RowMap {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The row with this identifier.
    pub fn get(&self, uuid: Uuid) -> Option<&Arc<Row>> {
        self.root.get(uuid, 0)
    }

    /// Adds or replaces a row; the row that was there before, if any.
    pub(crate) fn insert(&mut self, row: Arc<Row>) -> Option<Arc<Row>> {
        let old = Arc::make_mut(&mut self.root).insert(row, 0);
        self.len += usize::from(old.is_none());
        old
    }

    /// Removes a row; the row that was there, if any.
    pub(crate) fn remove(&mut self, uuid: Uuid) -> Option<Arc<Row>> {
        self.get(uuid)?;
        let old = Arc::make_mut(&mut self.root).remove(uuid, 0);
        self.len -= usize::from(old.is_some());
        old
    }

    /// Iterates over the rows in order of their identifiers.
    pub fn iter(&self) -> Iter<'_> {
        let mut iter = Iter { stack: Vec::new(), leaf: [].iter() };
        iter.open(&self.root);
        iter
    }

    /// The rows that differ from those of an older map, in order of their identifiers; parts that both maps share are
    /// skipped, so this costs what changed.
    pub fn differences(&self, older: &RowMap) -> Vec<RowDifference> {
        let mut found = Vec::new();
        differ(Some(&older.root), Some(&self.root), &mut found);
        found
    }
}

fn differ(old: Option<&Arc<Node>>, new: Option<&Arc<Node>>, found: &mut Vec<RowDifference>) {
    match (old, new) {
        (None, None) => {}
        (Some(old), Some(new)) if Arc::ptr_eq(old, new) => {}
        (Some(old), Some(new)) => match (&**old, &**new) {
            (Node::Branch(olds), Node::Branch(news)) => {
                olds.iter().zip(news.iter()).for_each(|(old, new)| differ(old.as_ref(), new.as_ref(), found));
            }
            _ => merge(Iter::of(Some(old)), Iter::of(Some(new)), found),
        },
        (old, new) => merge(Iter::of(old), Iter::of(new), found),
    }
}

fn merge(old: Iter<'_>, new: Iter<'_>, found: &mut Vec<RowDifference>) {
    let (mut old, mut new) = (old.peekable(), new.peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some(a), Some(b)) => a.uuid().cmp(&b.uuid()),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => return,
        };
        let before = if order.is_le() { old.next().cloned() } else { None };
        let after = if order.is_ge() { new.next().cloned() } else { None };
        let same = matches!((&before, &after), (Some(a), Some(b)) if Arc::ptr_eq(a, b) || a == b);
        if !same {
            found.push(RowDifference { old: before, new: after });
        }
    }
}

/// Iterates over rows in order of their identifiers.
pub struct Iter<'a> {
    stack: Vec<std::slice::Iter<'a, Option<Arc<Node>>>>,
    leaf: std::slice::Iter<'a, Arc<Row>>,
}

impl<'a> Iter<'a> {
    fn of(node: Option<&'a Arc<Node>>) -> Self {
        let mut iter = Iter { stack: Vec::new(), leaf: [].iter() };
        if let Some(node) = node {
            iter.open(node);
        }
        iter
    }

    fn open(&mut self, node: &'a Node) {
        match node {
            Node::Leaf(rows) => self.leaf = rows.iter(),
            Node::Branch(children) => self.stack.push(children.iter()),
        }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a Arc<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.leaf.next() {
                return Some(row);
            }
            match self.stack.last_mut()?.next() {
                Some(Some(child)) => self.open(child),
                Some(None) => {}
                None => drop(self.stack.pop()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::Datum;
    use crate::row::TableLayout;
    use crate::schema::{AtomicType, ColumnType};

    fn layout() -> Arc<TableLayout> {
        Arc::new(TableLayout::new("T", [("n".to_owned(), ColumnType::scalar(AtomicType::Integer))]))
    }

    fn row(layout: &Arc<TableLayout>, uuid: Uuid, n: i64) -> Arc<Row> {
        Arc::new(Row::new(uuid, layout.clone(), vec![(0, Datum::from(n))]))
    }

    /// Few distinct identifiers that share long prefixes, so that leaves split deep.
    fn uuid() -> impl Strategy<Value = Uuid> {
        (0u8..4, 0u8..8, 0u8..16).prop_map(|(a, b, c)| {
            let mut bytes = [0; 16];
            (bytes[0], bytes[7], bytes[15]) = (a, b, c);
            Uuid::from_bytes(bytes)
        })
    }

    proptest! {
        #[test]
        fn it_is_the_same_map_as_a_sorted_one_and_differences_lead_from_old_to_new(
            edits in prop::collection::vec((uuid(), prop::option::of(0i64..3)), 0..300),
            cut in 0usize..300,
        ) {
            let layout = layout();
            let (mut map, mut model, mut older) = (RowMap::default(), BTreeMap::new(), None);
            for (index, (uuid, value)) in edits.iter().enumerate() {
                if index == cut {
                    older = Some((map.clone(), model.clone()));
                }
                match value {
                    Some(n) => {
                        let new = row(&layout, *uuid, *n);
                        prop_assert_eq!(map.insert(new.clone()), model.insert(*uuid, new));
                    }
                    None => prop_assert_eq!(map.remove(*uuid), model.remove(uuid)),
                }
                prop_assert_eq!(map.len(), model.len());
                prop_assert_eq!(map.get(*uuid), model.get(uuid));
            }
            prop_assert!(map.iter().eq(model.values()));
            let (before, mut patched) = older.unwrap_or_default();
            for difference in map.differences(&before) {
                prop_assert_ne!(&difference.old, &difference.new);
                let uuid = difference.old.iter().chain(&difference.new).next().unwrap().uuid();
                prop_assert_eq!(patched.get(&uuid), difference.old.as_ref());
                match difference.new {
                    Some(new) => drop(patched.insert(uuid, new)),
                    None => drop(patched.remove(&uuid)),
                }
            }
            prop_assert_eq!(patched, model);
        }
    }
}
