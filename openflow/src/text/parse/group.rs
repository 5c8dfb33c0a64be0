//! Groups, and changes of them.

use super::action::{Context, parse_list};
use super::pairs::pairs;
use super::value::parse_value;
use super::{ParseError, named, port_of, u16_of, u32_of, u64_of};
use crate::field::Field;
use crate::group::{Bucket, Group, GroupCommand, GroupKind, GroupMod, HashField, Selection};
use crate::text::group::KINDS;
use std::str::FromStr;

impl GroupMod {
    /// Reads the argument of `ovs-ofctl add-group` and the like; buckets without an id are numbered from 0, as there.
    ///
    /// # Errors
    /// When the text is not such an argument.
    pub fn parse(command: GroupCommand, text: &str) -> Result<GroupMod, ParseError> {
        let (head, mut rest) = split_bucket(text);
        let mut group_mod = GroupMod::new(command, Group::new(Group::ALL, GroupKind::All));
        let mut selection = None;
        for pair in pairs(head) {
            let pair = pair?;
            match pair.key {
                "group_id" => group_mod.group.id = if pair.value == "all" { Group::ALL } else { u32_of(pair.value)? },
                "type" => group_mod.group.kind = named("type of group", pair.value, KINDS)?,
                "command_bucket_id" => group_mod.command_bucket = bucket_id(pair.value)?,
                "selection_method" => of(&mut selection).method = pair.value.to_owned(),
                "selection_method_param" => of(&mut selection).param = u64_of(pair.value)?,
                "fields" => of(&mut selection).fields = parse_fields(pair.value)?,
                key => return Err(ParseError::new("no attribute of a group", key)),
            }
        }
        group_mod.group.selection = selection;
        let mut next_id = 0;
        while let Some(text) = rest {
            let (bucket, tail) = split_bucket(text);
            let bucket = parse_bucket(bucket, next_id)?;
            next_id = bucket.id.wrapping_add(1).max(next_id + 1);
            let of_buckets = matches!(command, GroupCommand::InsertBucket | GroupCommand::RemoveBucket);
            if of_buckets {
                group_mod.group.buckets.push(bucket);
            } else {
                group_mod.group = group_mod.group.bucket(bucket);
            }
            rest = tail;
        }
        Ok(group_mod)
    }
}

fn of(selection: &mut Option<Selection>) -> &mut Selection {
    selection.get_or_insert_with(|| Selection { method: String::new(), param: 0, fields: Vec::new() })
}

/// What is before the next `bucket=`, and what is behind it.
fn split_bucket(text: &str) -> (&str, Option<&str>) {
    let found = text.find("bucket=").map(|at| (at, "bucket=".len()));
    match found.or(text.find("buckets=").map(|at| (at, "buckets=".len()))) {
        Some((at, length)) => (&text[..at], Some(&text[at + length..])),
        None => (text, None),
    }
}

fn bucket_id(text: &str) -> Result<u32, ParseError> {
    match text {
        "first" => Ok(GroupMod::FIRST_BUCKET),
        "last" => Ok(GroupMod::LAST_BUCKET),
        "all" => Ok(GroupMod::ALL_BUCKETS),
        text => u32_of(text),
    }
}

/// Attributes of a bucket, then its actions, with or without `actions=`.
fn parse_bucket(text: &str, next_id: u32) -> Result<Bucket, ParseError> {
    let mut bucket = Bucket::new(next_id, []);
    let mut actions = String::new();
    for pair in pairs(text) {
        let pair = pair?;
        match pair.key {
            "bucket_id" => bucket.id = u32_of(pair.value)?,
            "weight" => bucket.weight = Some(u16_of(pair.value)?),
            "watch_port" => bucket.watch_port = Some(port_of(pair.value)?),
            "watch_group" => bucket.watch_group = Some(u32_of(pair.value)?),
            // The rest is actions: from behind `actions=`, or from this pair on.
            "actions" | "action" => {
                let value_at = pair.value.as_ptr() as usize - text.as_ptr() as usize;
                text[value_at..].clone_into(&mut actions);
                break;
            }
            _ => {
                let key_at = pair.key.as_ptr() as usize - text.as_ptr() as usize;
                text[key_at..].clone_into(&mut actions);
                break;
            }
        }
    }
    bucket.actions = parse_list(&actions, Context::default())?;
    Ok(bucket)
}

fn parse_fields(text: &str) -> Result<Vec<HashField>, ParseError> {
    let mut fields = Vec::new();
    for pair in pairs(text) {
        let pair = pair?;
        let field = Field::by_name(pair.key).ok_or_else(|| ParseError::new("no field", pair.key))?;
        let mask = match pair.value {
            "" => field.full_mask(),
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
        GroupMod::parse(GroupCommand::Add, text).map(|group_mod| group_mod.group)
    }
}
