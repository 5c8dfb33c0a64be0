//! Groups: what there is against what there should be.
//!
//! A group that fits one message is changed whole, for Open vSwitch up to 3.1.0 (and other releases of its age) makes the table by
//! which `dp_hash` chooses before it has put the buckets together: after an insertion everything goes to the buckets that were
//! inserted, after a removal nothing goes anywhere (measured on 3.1.0; upstream's "Fix dp_hash mapping after select group
//! modification"). Larger ones hash without a table, and change bucket by bucket.

use rust_openflow::{Bucket, Group, GroupCommand, GroupKind, GroupMod};
use std::collections::{BTreeMap, HashMap};

/// A message holds so many buckets at most: it may be 64 KiB long, and the largest bucket of ours (IPv6) takes less than 200 bytes.
pub const BUCKETS_A_MESSAGE: usize = 300;

/// One change of a group.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupChange {
    /// The group is missing.
    Add(Group),
    /// The group is there and another; flows that use it stay.
    Replace(Group),
    /// Some buckets of the group differ.
    Edit {
        /// The group.
        id: u32,
        /// Ids of buckets that go, first.
        remove: Vec<u32>,
        /// Buckets that come.
        insert: Vec<Bucket>,
    },
    /// The group should not be there; the flows that use it go with it.
    Remove(u32),
}

impl GroupChange {
    /// The change of a group that is there into another of its id; `None` where it is the same. The whole group where it fits one
    /// message, else what differs.
    pub fn between(have: &Group, want: &Group) -> Option<GroupChange> {
        if (have.kind, &have.selection, &have.opaque) != (want.kind, &want.selection, &want.opaque) {
            return Some(GroupChange::Replace(want.clone()));
        }
        let mut there: BTreeMap<u32, &Bucket> = have.buckets.iter().map(|bucket| (bucket.id, bucket)).collect();
        let mut insert = Vec::new();
        for bucket in &want.buckets {
            match there.get(&bucket.id) {
                Some(old) if *old == bucket => drop(there.remove(&bucket.id)),
                _ => insert.push(bucket.clone()),
            }
        }
        let remove: Vec<u32> = there.into_keys().collect();
        if remove.is_empty() && insert.is_empty() {
            return None;
        }
        Some(match want.buckets.len() <= BUCKETS_A_MESSAGE {
            true => GroupChange::Replace(want.clone()),
            false => GroupChange::Edit { id: want.id, remove, insert },
        })
    }

    /// The group's id.
    pub fn id(&self) -> u32 {
        match self {
            GroupChange::Add(group) | GroupChange::Replace(group) => group.id,
            GroupChange::Edit { id, .. } | GroupChange::Remove(id) => *id,
        }
    }

    /// Whether the group goes.
    pub fn is_removal(&self) -> bool {
        matches!(self, GroupChange::Remove(_))
    }

    /// The messages that make it, in order.
    pub fn to_mods(&self) -> Vec<GroupMod> {
        match self {
            GroupChange::Add(group) => whole(GroupCommand::Add, group),
            GroupChange::Replace(group) => whole(GroupCommand::Modify, group),
            GroupChange::Remove(id) => vec![GroupMod::delete(*id)],
            GroupChange::Edit { id, remove, insert } => {
                let removal = |bucket: &u32| GroupMod {
                    command_bucket: *bucket,
                    ..GroupMod::new(GroupCommand::RemoveBucket, Group::new(*id, GroupKind::Select))
                };
                remove.iter().map(removal).chain(insertions(*id, insert)).collect()
            }
        }
    }
}

/// A group with as many buckets as fit, then the others.
fn whole(command: GroupCommand, group: &Group) -> Vec<GroupMod> {
    let (first, rest) = group.buckets.split_at(group.buckets.len().min(BUCKETS_A_MESSAGE));
    let head =
        Group { buckets: first.to_vec(), selection: group.selection.clone(), ..Group::new(group.id, group.kind) };
    std::iter::once(GroupMod::new(command, head)).chain(insertions(group.id, rest)).collect()
}

fn insertions(id: u32, buckets: &[Bucket]) -> impl Iterator<Item = GroupMod> {
    buckets.chunks(BUCKETS_A_MESSAGE).map(move |chunk| {
        let group = Group { buckets: chunk.to_vec(), ..Group::new(id, GroupKind::Select) };
        let command_bucket = GroupMod::LAST_BUCKET;
        GroupMod { command_bucket, ..GroupMod::new(GroupCommand::InsertBucket, group) }
    })
}

/// What has to change so that the switch, which has `have`, has exactly `want`; the order of buckets does not count.
pub fn groups<'a>(
    have: impl IntoIterator<Item = &'a Group>,
    want: impl IntoIterator<Item = Group>,
) -> Vec<GroupChange> {
    let mut there: HashMap<u32, &Group> = have.into_iter().map(|group| (group.id, group)).collect();
    let mut changes = Vec::new();
    for group in want {
        match there.remove(&group.id) {
            None => changes.push(GroupChange::Add(group)),
            Some(old) => changes.extend(GroupChange::between(old, &group)),
        }
    }
    let mut gone: Vec<u32> = there.into_keys().collect();
    gone.sort_unstable();
    changes.extend(gone.into_iter().map(GroupChange::Remove));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_openflow::Action;

    fn group(id: u32, buckets: impl IntoIterator<Item = (u32, u16)>) -> Group {
        let bucket = |(id, weight)| Bucket::new(id, [Action::DecTtl]).weight(weight);
        buckets.into_iter().map(bucket).fold(Group::new(id, GroupKind::Select), Group::bucket)
    }

    fn check(have: &[Group], want: &[Group], commands: &[GroupCommand]) {
        let changes = groups(have, want.to_vec());
        let mods: Vec<GroupMod> = changes.iter().flat_map(GroupChange::to_mods).collect();
        assert_eq!(mods.iter().map(|change| change.command).collect::<Vec<_>>(), commands, "{mods:?}");
    }

    #[test]
    fn a_group_that_fits_a_message_is_changed_whole() {
        use GroupCommand::{Add, Delete, Modify};
        let three = group(1, [(7, 1), (8, 1), (9, 1)]);
        check(&[], std::slice::from_ref(&three), &[Add]);
        check(std::slice::from_ref(&three), &[], &[Delete]);
        check(std::slice::from_ref(&three), &[group(1, [(9, 1), (8, 1), (7, 1)])], &[]);
        check(std::slice::from_ref(&three), &[group(1, [(7, 1), (9, 1)])], &[Modify]);
        check(std::slice::from_ref(&three), &[group(1, [(7, 1), (8, 1), (9, 1), (4, 1), (3, 1)])], &[Modify]);
        check(std::slice::from_ref(&three), &[group(1, [(7, 1), (8, 2), (9, 1)])], &[Modify]);
    }

    #[test]
    fn a_group_of_thousands_of_buckets_takes_several_messages() {
        let many = |count: u32| group(1, (0..count).map(|id| (id, 1)));
        let mods =
            |have: &[Group], want| groups(have, [want]).iter().flat_map(GroupChange::to_mods).collect::<Vec<_>>();
        let added = mods(&[], many(5000));
        assert_eq!(added.len(), 17);
        assert_eq!(added.iter().map(|change| change.group.buckets.len()).sum::<usize>(), 5000);
        assert_eq!(mods(&[many(5000)], many(4998)).len(), 2, "never the whole group for a few buckets");
        assert_eq!(mods(&[many(4999)], many(5000))[0].command, GroupCommand::InsertBucket);
    }
}
