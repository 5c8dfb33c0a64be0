//! Groups, and changes of them.

use super::action::{Context, Order, parse_list};
use super::pairs::pairs;
use super::value::parse_value;
use super::{ParseError, named, port_of, u16_of, u32_of, u64_of};
use crate::action::Action;
use crate::field::Field;
use crate::group::{Bucket, Group, GroupCommand, GroupKind, GroupMod, HashField, Selection};
use crate::port::PortNo;
use crate::text::group::KINDS;
use std::collections::BTreeSet;
use std::str::FromStr;

impl GroupMod {
    /// Reads the argument of `ovs-ofctl add-group` and the like; buckets without an id are numbered as there.
    ///
    /// # Errors
    /// When the text is not such an argument, or what it says does not belong together.
    pub fn parse(command: GroupCommand, text: &str) -> Result<GroupMod, ParseError> {
        let group_mod = GroupMod::parse_unchecked(command, text, Order::Strict)?;
        check(&group_mod, text).map(|()| group_mod).map_err(|what| ParseError::new(what, text))
    }

    fn parse_unchecked(command: GroupCommand, text: &str, order: Order) -> Result<GroupMod, ParseError> {
        let (head, mut rest) = split_bucket(text);
        let mut group_mod = GroupMod::new(command, Group::new(Group::ALL, GroupKind::All));
        let mut selection = None;
        for pair in pairs(head) {
            let pair = pair?;
            if !takes(command, pair.key) {
                return Err(ParseError::new(format!("no attribute of {command:?}"), pair.key));
            }
            match pair.key {
                "group_id" => group_mod.group.id = group_id(pair.value)?,
                "type" => group_mod.group.kind = named("type of group", pair.value, KINDS)?,
                "command_bucket_id" => group_mod.command_bucket = bucket_id(pair.value)?,
                "selection_method" => of(&mut selection).method = pair.value.to_owned(),
                "selection_method_param" => of(&mut selection).param = u64_of(pair.value)?,
                "fields" => of(&mut selection).fields = parse_fields(pair.value)?,
                key => return Err(ParseError::new("no attribute of a group", key)),
            }
        }
        group_mod.group.selection = selection;
        let (mut buckets, mut ids) = (Vec::new(), Vec::new());
        while let Some(text) = rest {
            let (bucket, tail) = split_bucket(text);
            let (bucket, id) = parse_bucket(bucket, order)?;
            buckets.push(bucket);
            ids.push(id);
            rest = tail;
        }
        for (bucket, id) in buckets.iter_mut().zip(number_buckets(&ids)) {
            bucket.id = id;
        }
        let of_buckets = matches!(command, GroupCommand::InsertBucket | GroupCommand::RemoveBucket);
        for mut bucket in buckets {
            let says_nothing = bucket.weight == Some(0) && group_mod.group.kind != GroupKind::Select;
            bucket.weight = bucket.weight.filter(|_| !says_nothing);
            if of_buckets {
                group_mod.group.buckets.push(bucket);
            } else {
                group_mod.group = group_mod.group.bucket(bucket);
            }
        }
        Ok(group_mod)
    }
}

/// Attributes that only some commands take, as `ovs-ofctl` has it.
fn takes(command: GroupCommand, key: &str) -> bool {
    use GroupCommand::{Add, AddOrModify, InsertBucket, Modify, RemoveBucket};
    match key {
        "command_bucket_id" => matches!(command, InsertBucket | RemoveBucket),
        "type" | "selection_method" | "selection_method_param" | "fields" => {
            matches!(command, Add | Modify | AddOrModify)
        }
        _ => true,
    }
}

/// What belongs together, as `ovs-ofctl` has it.
fn check(group_mod: &GroupMod, text: &str) -> Result<(), &'static str> {
    use GroupCommand::{Add, AddOrModify, Delete, InsertBucket, Modify, RemoveBucket};
    let group = &group_mod.group;
    let says = |key: &str| text.contains(key);
    let hash = group.selection.as_ref().is_some_and(|selection| selection.method == "hash");
    match group_mod.command {
        Add | Modify | AddOrModify if !says("group_id=") => Err("no group_id"),
        InsertBucket | RemoveBucket if !says("group_id=") => Err("no group_id"),
        Add | Modify | AddOrModify if !says("type=") => Err("no type"),
        InsertBucket if !says("command_bucket_id=") => Err("no command_bucket_id"),
        InsertBucket if group_mod.command_bucket == GroupMod::ALL_BUCKETS => Err("buckets inserted at all places"),
        Delete | RemoveBucket if !group.buckets.is_empty() => Err("buckets of a deletion"),
        _ if group.kind == GroupKind::Indirect && group.buckets.len() > 1 => {
            Err("an indirect group with several buckets")
        }
        _ if says("selection_method_param") && !says("selection_method=") => {
            Err("a parameter without selection_method")
        }
        _ if says("fields") && !hash => Err("fields without selection_method=hash"),
        command => group.buckets.iter().try_for_each(|bucket| check_bucket(bucket, (command, group.kind))),
    }
}

fn check_bucket(bucket: &Bucket, (command, kind): (GroupCommand, GroupKind)) -> Result<(), &'static str> {
    let watched = bucket.watch_port.is_some() || bucket.watch_group.is_some();
    let whole = !matches!(command, GroupCommand::InsertBucket);
    if whole && kind != GroupKind::Select && bucket.weight.is_some() {
        return Err("a weight outside of a select group");
    }
    if whole && kind == GroupKind::FastFailover && !watched {
        return Err("a fast failover bucket without watch_port or watch_group");
    }
    let of_connection = |action: &Action| match action {
        Action::SetField(set) => matches!(set.field(), Field::CtMark | Field::CtLabel),
        Action::Copy { dst, .. } => matches!(dst.field, Field::CtMark | Field::CtLabel),
        _ => false,
    };
    if bucket.actions.iter().any(of_connection) {
        return Err("what belongs to a connection is set in ct(exec(...))");
    }
    match bucket.watch_port {
        Some(port) if port.0 >= 0xff00 && port != PortNo::CONTROLLER => Err("a port that cannot be watched"),
        _ => Ok(()),
    }
}

/// A group's number, or all groups.
fn group_id(text: &str) -> Result<u32, ParseError> {
    match text {
        "all" => Ok(Group::ALL),
        text => u32_of(text).ok().filter(|id| *id <= Group::MAX).ok_or(ParseError::new("no group", text)),
    }
}

/// Gives each bucket its id; one without gets a number that none behind the first of these has, as `ovs-ofctl` does it.
fn number_buckets(ids: &[Option<u32>]) -> Vec<u32> {
    let first = ids.iter().position(Option::is_none).unwrap_or(ids.len());
    let mut used: BTreeSet<u32> = ids[first..].iter().flatten().copied().collect();
    let mut next = 0;
    let mut free = || {
        while !used.insert(next) {
            next += 1;
        }
        next
    };
    ids.iter().map(|id| id.unwrap_or_else(&mut free)).collect()
}

fn of(selection: &mut Option<Selection>) -> &mut Selection {
    selection.get_or_insert_with(|| Selection { method: String::new(), param: 0, fields: Vec::new() })
}

/// What is before the next `bucket=`, and what is behind it.
fn split_bucket(text: &str) -> (&str, Option<&str>) {
    text.split_once("bucket=").map_or((text, None), |(head, tail)| (head, Some(tail)))
}

fn bucket_id(text: &str) -> Result<u32, ParseError> {
    match text {
        "first" => Ok(GroupMod::FIRST_BUCKET),
        "last" => Ok(GroupMod::LAST_BUCKET),
        "all" => Ok(GroupMod::ALL_BUCKETS),
        text => u32_of(text).ok().filter(|id| *id <= Group::MAX).ok_or(ParseError::new("no bucket", text)),
    }
}

/// Attributes of a bucket, then its actions, with or without `actions=`; and its id, if it has one.
fn parse_bucket(text: &str, order: Order) -> Result<(Bucket, Option<u32>), ParseError> {
    let (mut bucket, mut id) = (Bucket::new(0, []), None);
    let mut actions = None;
    for pair in pairs(text) {
        let pair = pair?;
        match pair.key {
            "bucket_id" => id = Some(bucket_id(pair.value)?),
            "weight" => bucket.weight = Some(u16_of(pair.value)?),
            "watch_port" => bucket.watch_port = Some(port_of(pair.value)?).filter(|port| *port != PortNo::ANY),
            "watch_group" => bucket.watch_group = Some(u32_of(pair.value)?),
            // The rest is actions: from behind `actions=`, or from this pair on.
            "actions" | "action" => {
                let value_at = pair.value.as_ptr() as usize - text.as_ptr() as usize;
                actions = Some(&text[value_at..]);
                break;
            }
            _ => {
                let key_at = pair.key.as_ptr() as usize - text.as_ptr() as usize;
                actions = Some(&text[key_at..]);
                break;
            }
        }
    }
    let actions = actions.ok_or_else(|| ParseError::new("a bucket without actions", text))?;
    bucket.actions = parse_list(actions, Context::bucket(order))?;
    Ok((bucket, id))
}

fn parse_fields(text: &str) -> Result<Vec<HashField>, ParseError> {
    let mut fields = Vec::new();
    for pair in pairs(text) {
        let pair = pair?;
        let field = Field::by_name(pair.key).ok_or_else(|| ParseError::new("no field", pair.key))?;
        let mask = match pair.value {
            "" => field.full_mask(),
            value if value.contains('/') => return Err(ParseError::new("a mask of a mask", value)),
            value => parse_value(field, value)?.value,
        };
        fields.push(HashField { field, mask });
    }
    fields.sort_by_key(|hash| hash.field.info().rank);
    Ok(fields)
}

impl FromStr for Group {
    type Err = ParseError;

    /// Reads a group as [`std::fmt::Display`] or a dump of `ovs-ofctl` writes it, or as `add-group` takes it.
    fn from_str(text: &str) -> Result<Group, ParseError> {
        GroupMod::parse_unchecked(GroupCommand::Add, text, Order::Any).map(|group_mod| group_mod.group)
    }
}
