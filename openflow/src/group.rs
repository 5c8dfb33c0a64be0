//! Groups: lists of buckets of actions, and the messages that change them.

use crate::action::Action;
use crate::field::Field;
use crate::port::PortNo;

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// 0 to 0xffffff00.
    pub id: u32,
    /// How buckets are chosen.
    pub kind: GroupKind,
    /// How a `select` group hashes.
    pub selection: Option<Selection>,
    /// The buckets, in order.
    pub buckets: Vec<Bucket>,
    /// Group properties this crate does not know, whole and padded.
    pub opaque: Vec<Box<[u8]>>,
}

/// How buckets are chosen (`OFPGT_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum GroupKind {
    /// All of them, each with a copy.
    All = 0,
    /// One, by hash and weight.
    Select = 1,
    /// The only one.
    Indirect = 2,
    /// The first that is alive.
    FastFailover = 3,
}

/// How a `select` group hashes: the NTR experimenter property `selection_method` of Netronome.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selection {
    /// `hash`, `dp_hash`, at most 15 bytes.
    pub method: String,
    /// A parameter of the method; of `dp_hash` the algorithm and number of hashes.
    pub param: u64,
    /// The fields that `hash` is over; of tunnel metadata only whole fields without length.
    pub fields: Vec<HashField>,
}

/// A field that a group hashes over, with the bits that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HashField {
    /// The field.
    pub field: Field,
    /// The bits; all ones over the field's width for all.
    pub mask: u128,
}

impl From<Field> for HashField {
    fn from(field: Field) -> HashField {
        HashField { field, mask: field.full_mask() }
    }
}

/// One bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// The bucket's own id, 0 to 0xffffff00.
    pub id: u32,
    /// Its share in a `select` group; OpenFlow's default is 1 there and none (0) elsewhere.
    pub weight: Option<u16>,
    /// The port whose link makes it alive.
    pub watch_port: Option<PortNo>,
    /// The group that makes it alive.
    pub watch_group: Option<u32>,
    /// What it does.
    pub actions: Vec<Action>,
    /// Bucket properties this crate does not know, whole and padded.
    pub opaque: Vec<Box<[u8]>>,
}

impl Bucket {
    /// A bucket with these actions.
    pub fn new(id: u32, actions: impl IntoIterator<Item = Action>) -> Bucket {
        let actions = actions.into_iter().collect();
        Bucket { id, weight: None, watch_port: None, watch_group: None, actions, opaque: Vec::new() }
    }

    /// With this weight.
    pub fn weight(mut self, weight: u16) -> Bucket {
        self.weight = Some(weight);
        self
    }
}

impl Group {
    /// The greatest number of a group or bucket.
    pub const MAX: u32 = 0xffff_ff00;
    /// All groups, of deletions and requests.
    pub const ALL: u32 = 0xffff_fffc;
    /// No group.
    pub const ANY: u32 = 0xffff_ffff;

    /// A group without buckets.
    pub fn new(id: u32, kind: GroupKind) -> Group {
        Group { id, kind, selection: None, buckets: Vec::new(), opaque: Vec::new() }
    }

    /// Hashing over these fields; they are put in the order in which Open vSwitch tells them.
    pub fn hash(mut self, fields: impl IntoIterator<Item = Field>) -> Group {
        let mut fields: Vec<_> = fields.into_iter().map(HashField::from).collect();
        fields.sort_by_key(|hash| hash.field.info().rank);
        self.selection = Some(Selection { method: "hash".into(), param: 0, fields });
        self
    }

    /// With one more bucket; in a `select` group a bucket without weight gets 1, as Open vSwitch tells it.
    pub fn bucket(mut self, mut bucket: Bucket) -> Group {
        if self.kind == GroupKind::Select && bucket.weight.is_none() {
            bucket.weight = Some(1);
        }
        self.buckets.push(bucket);
        self
    }
}

/// What a [`GroupMod`] does (`OFPGC_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum GroupCommand {
    /// Add a group; one of this id must not exist.
    Add = 0,
    /// Replace a group; it must exist.
    Modify = 1,
    /// Delete a group, and the flows that use it.
    Delete = 2,
    /// Insert buckets.
    InsertBucket = 3,
    /// Remove buckets.
    RemoveBucket = 5,
    /// Add or replace: an extension of Open vSwitch.
    AddOrModify = 0x8000,
}

/// A change of a group (OpenFlow 1.5.1 section 7.3.4.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupMod {
    /// What to do.
    pub command: GroupCommand,
    /// The group; of bucket commands its buckets are those to insert.
    pub group: Group,
    /// Of bucket commands: before (insert) or which (remove); a bucket's id or one of the constants of this type.
    pub command_bucket: u32,
}

impl GroupMod {
    /// Before the first bucket, or the first one.
    pub const FIRST_BUCKET: u32 = 0xffff_fffd;
    /// After the last bucket, or the last one.
    pub const LAST_BUCKET: u32 = 0xffff_fffe;
    /// All buckets: of other commands, and to remove them all.
    pub const ALL_BUCKETS: u32 = 0xffff_ffff;

    /// A change of `group` by `command`.
    pub fn new(command: GroupCommand, group: Group) -> GroupMod {
        GroupMod { command, group, command_bucket: GroupMod::ALL_BUCKETS }
    }

    /// Adds a group.
    pub fn add(group: Group) -> GroupMod {
        GroupMod::new(GroupCommand::Add, group)
    }

    /// Replaces a group; flows that use it stay.
    pub fn modify(group: Group) -> GroupMod {
        GroupMod::new(GroupCommand::Modify, group)
    }

    /// Deletes a group (or [`Group::ALL`]) and the flows that use it.
    pub fn delete(id: u32) -> GroupMod {
        GroupMod::new(GroupCommand::Delete, Group::new(id, GroupKind::All))
    }
}
