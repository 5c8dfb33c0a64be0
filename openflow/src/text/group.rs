//! Groups as text: as a dump tells them, and as a change.

use super::action::put_list;
use super::value::put_value;
use super::{Printable, Printer};
use crate::group::{Bucket, Group, GroupCommand, GroupKind, GroupMod, HashField, Selection};
use std::fmt::{self, Write};

/// Kinds of groups by name.
pub(super) const KINDS: &[(&str, GroupKind)] = &[
    ("all", GroupKind::All),
    ("select", GroupKind::Select),
    ("indirect", GroupKind::Indirect),
    ("ff", GroupKind::FastFailover),
    ("fast_failover", GroupKind::FastFailover),
];

impl Printable for Group {
    /// As `dump-groups` prints a group, without the blank before it.
    fn print(&self, out: &mut Printer<'_>) -> fmt::Result {
        put_group(out, self, true)?;
        put_buckets(out, self)
    }
}

fn put_group(out: &mut Printer<'_>, group: &Group, with_kind: bool) -> fmt::Result {
    write!(out, "group_id={}", group.id)?;
    if with_kind {
        let name = KINDS.iter().find(|(_, kind)| *kind == group.kind).map_or("unknown", |(name, _)| name);
        write!(out, ",type={name}")?;
    }
    match &group.selection {
        Some(selection) => put_selection(out, selection),
        None => Ok(()),
    }
}

fn put_selection(out: &mut Printer<'_>, selection: &Selection) -> fmt::Result {
    write!(out, ",selection_method={}", selection.method)?;
    if selection.param != 0 {
        write!(out, ",selection_method_param={}", selection.param)?;
    }
    match &selection.fields[..] {
        [] => Ok(()),
        [one] => {
            out.write_str(",fields=")?;
            put_hash_field(out, one)
        }
        many => {
            for (n, field) in many.iter().enumerate() {
                out.write_str(if n == 0 { ",fields(" } else { "," })?;
                put_hash_field(out, field)?;
            }
            out.write_char(')')
        }
    }
}

fn put_hash_field(out: &mut Printer<'_>, hash: &HashField) -> fmt::Result {
    out.write_str(hash.field.name())?;
    if hash.mask == hash.field.full_mask() {
        return Ok(());
    }
    out.write_char('=')?;
    let bytes = hash.mask.to_be_bytes();
    let length = usize::from(hash.field.info().bytes).min(16);
    put_value(out, hash.field, &bytes[16 - length..], None)
}

fn put_buckets(out: &mut Printer<'_>, group: &Group) -> fmt::Result {
    group.buckets.iter().try_for_each(|bucket| {
        out.write_char(',')?;
        put_bucket(out, group.kind, bucket)
    })
}

fn put_bucket(out: &mut Printer<'_>, kind: GroupKind, bucket: &Bucket) -> fmt::Result {
    let usual = u16::from(kind == GroupKind::Select);
    write!(out, "bucket=bucket_id:{},", BucketId(bucket.id))?;
    if let Some(weight) = bucket.weight.filter(|weight| *weight != usual) {
        write!(out, "weight:{weight},")?;
    }
    if let Some(port) = bucket.watch_port {
        out.write_str("watch_port:")?;
        out.port(port)?;
        out.write_char(',')?;
    }
    if let Some(group) = bucket.watch_group.filter(|group| *group != Group::ANY) {
        write!(out, "watch_group:{group},")?;
    }
    out.write_str("actions=")?;
    put_list(out, &bucket.actions)
}

/// A bucket's id, the special ones by name.
struct BucketId(u32);

impl fmt::Display for BucketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            GroupMod::FIRST_BUCKET => f.write_str("first"),
            GroupMod::LAST_BUCKET => f.write_str("last"),
            GroupMod::ALL_BUCKETS => f.write_str("all"),
            id => write!(f, "{id}"),
        }
    }
}

impl Printable for GroupMod {
    /// As `ofp-print` prints a change of a group, after the name of the message.
    fn print(&self, out: &mut Printer<'_>) -> fmt::Result {
        let of_buckets = matches!(self.command, GroupCommand::InsertBucket | GroupCommand::RemoveBucket);
        out.write_str(match self.command {
            GroupCommand::Add => "ADD ",
            GroupCommand::Modify => "MOD ",
            GroupCommand::AddOrModify => "ADD_OR_MOD ",
            GroupCommand::Delete => "DEL ",
            GroupCommand::InsertBucket => "INSERT_BUCKET ",
            GroupCommand::RemoveBucket => "REMOVE_BUCKET ",
        })?;
        if of_buckets {
            write!(out, "command_bucket_id:{},", BucketId(self.command_bucket))?;
        }
        put_group(out, &self.group, !of_buckets)?;
        put_buckets(out, &self.group)
    }
}
