//! Groups: what there is against what there should be.
//!
//! A group that fits one message is changed whole, for Open vSwitch up to 3.1.0 (and other releases of its age) makes the table by
//! which `dp_hash` chooses before it has put the buckets together: after an insertion everything goes to the buckets that were
//! inserted, after a removal nothing goes anywhere (measured on 3.1.0; upstream's "Fix dp_hash mapping after select group
//! modification"). Larger ones hash without a table, and change bucket by bucket.

use crate::object::Target;
use crate::service::ServiceSet;
use rust_openflow::group::Selection;
use rust_openflow::{Bucket, Group, GroupCommand, GroupKind, GroupMod};
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

/// A message holds so many buckets at most: it may be 64 KiB long, and the largest bucket of ours (IPv6) takes less than 200 bytes.
pub const BUCKETS_A_MESSAGE: usize = 300;

/// One change of a group. What is added or replaced is made into buckets only when it is sent: a node may have a hundred thousand.
#[derive(Debug, Clone, PartialEq)]
pub enum GroupChange {
    /// The group is missing.
    Add(ServiceSet),
    /// The group is there and another; flows that use it stay.
    Replace(ServiceSet),
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

/// A group of the switch, as far as it matters for what has to change: one that fits a message is changed whole, so that it is enough
/// to know whether it is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupThere {
    /// Its id.
    pub id: u32,
    digest: u64,
    /// The group itself, where it does not fit one message.
    whole: Option<Group>,
}

impl From<Group> for GroupThere {
    fn from(group: Group) -> GroupThere {
        let (id, digest) = (group.id, digest(&group));
        GroupThere { id, digest, whole: Some(group).filter(|group| group.buckets.len() > BUCKETS_A_MESSAGE) }
    }
}

/// Equal for groups that do the same; the order of buckets does not count.
fn digest(group: &Group) -> u64 {
    let hash = |value: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        value(&mut hasher);
        hasher.finish()
    };
    let head = hash(&|hasher| (group.kind, &group.selection, &group.opaque).hash(hasher));
    group.buckets.iter().fold(head, |sum, bucket| sum.wrapping_add(hash(&|hasher| bucket.hash(hasher))))
}

/// What decides, beside its buckets, what a group does.
type Head<'a> = (GroupKind, &'a Option<Selection>, &'a Vec<Box<[u8]>>);

fn head(group: &Group) -> Head<'_> {
    (group.kind, &group.selection, &group.opaque)
}

impl GroupChange {
    /// The change of a group that is there into another of its id; `None` where it is the same. The whole group where it fits one
    /// message, else what differs.
    pub fn between(have: &GroupThere, want: ServiceSet) -> Option<GroupChange> {
        let group = want.group();
        if have.digest == digest(&group) {
            return None;
        }
        match &have.whole {
            Some(old) if head(old) == head(&group) && group.buckets.len() > BUCKETS_A_MESSAGE => {
                Some(edit(old, &group))
            }
            _ => Some(GroupChange::Replace(want)),
        }
    }

    /// The change of the group of one set into that of another of its id, which differs.
    pub fn of_sets(old: &ServiceSet, new: &ServiceSet) -> GroupChange {
        let is_large = |set: &ServiceSet| set.set.targets.len() > BUCKETS_A_MESSAGE;
        let head = |set: &ServiceSet| (set.service.clone(), set.set.key, set.set.sticky);
        if !is_large(old) || !is_large(new) || head(old) != head(new) {
            return GroupChange::Replace(new.clone());
        }
        let mut there: HashMap<u32, Target> = old.set.numbered().collect();
        let is_new = |(id, target): &(u32, Target)| match there.get(id) {
            Some(known) if known == target => there.remove(id).is_none(),
            _ => true,
        };
        let new_ones: Vec<(u32, Target)> = new.set.numbered().filter(is_new).collect();
        let insert = new_ones.into_iter().map(|(id, target)| new.set.bucket(&new.service, id, target)).collect();
        let mut remove: Vec<u32> = there.into_keys().collect();
        remove.sort_unstable();
        GroupChange::Edit { id: new.set.id, remove, insert }
    }

    /// The group's id.
    pub fn id(&self) -> u32 {
        match self {
            GroupChange::Add(set) | GroupChange::Replace(set) => set.set.id,
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
            GroupChange::Add(set) => whole(GroupCommand::Add, set.group()),
            GroupChange::Replace(set) => whole(GroupCommand::Modify, set.group()),
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

/// The buckets that differ between two groups that have all else in common.
fn edit(have: &Group, want: &Group) -> GroupChange {
    let mut there: BTreeMap<u32, &Bucket> = have.buckets.iter().map(|bucket| (bucket.id, bucket)).collect();
    let mut insert = Vec::new();
    for bucket in &want.buckets {
        match there.get(&bucket.id) {
            Some(old) if *old == bucket => drop(there.remove(&bucket.id)),
            _ => insert.push(bucket.clone()),
        }
    }
    GroupChange::Edit { id: want.id, remove: there.into_keys().collect(), insert }
}

/// A group with as many buckets as fit, then the others.
fn whole(command: GroupCommand, mut group: Group) -> Vec<GroupMod> {
    let rest = group.buckets.split_off(group.buckets.len().min(BUCKETS_A_MESSAGE));
    let id = group.id;
    std::iter::once(GroupMod::new(command, group)).chain(insertions(id, &rest)).collect()
}

fn insertions(id: u32, buckets: &[Bucket]) -> impl Iterator<Item = GroupMod> {
    buckets.chunks(BUCKETS_A_MESSAGE).map(move |chunk| {
        let group = Group { buckets: chunk.to_vec(), ..Group::new(id, GroupKind::Select) };
        let command_bucket = GroupMod::LAST_BUCKET;
        GroupMod { command_bucket, ..GroupMod::new(GroupCommand::InsertBucket, group) }
    })
}

/// What has to change so that the switch, which has `have`, has exactly `want`.
pub fn groups<'a>(
    have: impl IntoIterator<Item = &'a GroupThere>,
    want: impl IntoIterator<Item = ServiceSet>,
) -> Vec<GroupChange> {
    let mut there: HashMap<u32, &GroupThere> = have.into_iter().map(|group| (group.id, group)).collect();
    let mut changes = Vec::new();
    for set in want {
        match there.remove(&set.set.id) {
            None => changes.push(GroupChange::Add(set)),
            Some(old) => changes.extend(GroupChange::between(old, set)),
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
    use crate::family::Family;
    use crate::object::Protocol;
    use crate::service::{Scope, Set, SetKey};

    /// A set with endpoints by number.
    fn set(endpoints: impl IntoIterator<Item = u32>) -> ServiceSet {
        let target = |n: u32| Target { address: std::net::Ipv4Addr::from_bits(0x0a0a_0000 + n).into(), port: 8080 };
        let key = SetKey { protocol: Protocol::Tcp, port: 80, family: Family::V4, scope: Scope::Cluster };
        let set = Set { id: 1, key, targets: endpoints.into_iter().map(target).collect(), sticky: false };
        ServiceSet { service: "shop/web".into(), set }
    }

    fn mods(have: &[Group], want: impl IntoIterator<Item = ServiceSet>) -> Vec<GroupMod> {
        let have: Vec<GroupThere> = have.iter().cloned().map(GroupThere::from).collect();
        groups(&have, want).iter().flat_map(GroupChange::to_mods).collect()
    }

    fn commands(have: &[Group], want: impl IntoIterator<Item = ServiceSet>) -> Vec<GroupCommand> {
        mods(have, want).iter().map(|change| change.command).collect()
    }

    #[test]
    fn a_group_that_fits_a_message_is_changed_whole() {
        use GroupCommand::{Add, Delete, Modify};
        let three = set([7, 8, 9]).group();
        assert_eq!(commands(&[], [set([7, 8, 9])]), [Add]);
        assert_eq!(commands(std::slice::from_ref(&three), []), [Delete]);
        assert_eq!(commands(std::slice::from_ref(&three), [set([7, 8, 9])]), []);
        assert_eq!(commands(std::slice::from_ref(&three), [set([7, 9])]), [Modify]);
        assert_eq!(commands(std::slice::from_ref(&three), [set([7, 8, 9, 4, 3])]), [Modify]);
        let sticky = ServiceSet { set: Set { sticky: true, ..set([7, 8, 9]).set }, ..set([]) };
        assert_eq!(commands(std::slice::from_ref(&three), [sticky]), [Modify]);
    }

    #[test]
    fn what_the_switch_has_in_another_order_is_the_same_and_any_other_difference_is_one() {
        let mut there = set([7, 8, 9]).group();
        there.buckets.reverse();
        assert_eq!(commands(std::slice::from_ref(&there), [set([7, 8, 9])]), []);
        let mut heavier = there.clone();
        heavier.buckets[0].weight = Some(9);
        let mut silent = there.clone();
        silent.buckets[0].actions.pop();
        let mut hashed = there.clone();
        hashed.selection = None;
        for other in [heavier, silent, hashed] {
            assert_eq!(commands(&[other], [set([7, 8, 9])]), [GroupCommand::Modify]);
        }
    }

    #[test]
    fn a_group_of_thousands_of_buckets_takes_several_messages() {
        let added = mods(&[], [set(0..5000)]);
        assert_eq!(added.len(), 17);
        assert_eq!(added.iter().map(|change| change.group.buckets.len()).sum::<usize>(), 5000);
        let edited = |have, want| mods(&[set(0..have).group()], [set(0..want)]);
        assert_eq!(edited(5000, 4998).len(), 2, "never the whole group for a few buckets");
        assert_eq!(edited(4999, 5000)[0].command, GroupCommand::InsertBucket);
        assert_eq!(edited(5000, 5000), []);
    }

    #[test]
    fn sets_differ_as_their_groups_do() {
        let sizes = [2, 256, 300, 301, 400, 5000];
        for (old, new) in sizes.iter().flat_map(|old| sizes.map(|new| (*old, new))).filter(|(old, new)| old != new) {
            let (old, new) = (set(0..old), set(1..new));
            let change = groups(&[GroupThere::from(old.group())], [new.clone()]).remove(0);
            assert_eq!(GroupChange::of_sets(&old, &new), change);
        }
    }
}
