//! Writes of allocation records: one for all that has to change in a block.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use ipnetwork::IpNetwork;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::address::Span;
use crate::assign::Add;
use crate::event::{Effects, Role, Write};
use crate::fact::{AddressBlock, Allocation, Kind, ObjectKey};
use crate::subnets::NETWORK;
use crate::{Millis, Name};

use super::Network;

/// How long container ids may be missing in a record: they are for people, and wait for others or for this time.
const CONTAINER_IDS: Millis = 10_000;

/// What happens to blocks by time alone.
#[derive(Debug, Clone, Default)]
pub(super) struct BlockTimers {
    due: BTreeMap<(Name, Why), Millis>,
    order: BTreeSet<(Millis, Name)>,
}

/// Why a block is looked at later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Empty,
    ContainerIds,
}

impl BlockTimers {
    /// Whether the time since which something holds has come; starts it where it does not run, ends it where it must not.
    fn passed(&mut self, name: &Name, why: Why, (holds, now, wait): (bool, Millis, Millis)) -> bool {
        let key = (name.clone(), why);
        if !holds {
            if let Some(due) = self.due.remove(&key)
                && !self.due.iter().any(|((other, _), at)| other == name && *at == due)
            {
                self.order.remove(&(due, name.clone()));
            }
            return false;
        }
        let due = *self.due.entry(key).or_insert(now.saturating_add(wait));
        if due > now {
            self.order.insert((due, name.clone()));
        }
        due <= now
    }

    /// Blocks whose time has come.
    pub fn ripe(&mut self, now: Millis) -> Vec<Name> {
        let later = self.order.split_off(&(now.saturating_add(1), Name::from("")));
        std::mem::replace(&mut self.order, later).into_iter().map(|(_, name)| name).collect()
    }

    pub fn next(&self) -> Option<Millis> {
        self.order.first().map(|(due, _)| *due)
    }
}

impl Network {
    /// Decides what has to be written of a block.
    pub(super) fn write_block(&mut self, name: &Name, effects: &mut Effects) {
        let write = match self.book.block(name).cloned() {
            Some(block) if self.book.is_void(name) => self.delete_block(&block),
            Some(block) => self.change_block(name, &block),
            None => {
                self.block_timers.passed(name, Why::Empty, (false, 0, 0));
                self.block_timers.passed(name, Why::ContainerIds, (false, 0, 0));
                self.make_block(name)
            }
        };
        self.set_write(ObjectKey::cluster(Kind::AddressBlock, name), write, effects);
    }

    /// What is proposed for a block by a replica that leads.
    fn proposed(&self, name: &str) -> Option<&(Name, Add)> {
        self.adds.get(name).filter(|_| self.role == Role::Leader)
    }

    fn make_block(&self, name: &Name) -> Option<Write> {
        let (subnet, add) = self.proposed(name)?;
        let (span, node) = add.make.as_ref()?;
        let plan =
            self.subnets.get(subnet).and_then(|judged| judged.in_force()).and_then(|plan| plan.family(span.family))?;
        let block = AddressBlock {
            name: (**name).into(),
            resource_version: "".into(),
            first_version: 0,
            subnet: subnet.clone(),
            network: NETWORK.into(),
            cidr: span.prefix(),
            node: node.clone(),
            subnet_cidr: Some(plan.cidr),
            gateway: Some(plan.gateway),
            allocations: Vec::new(),
        };
        Some(Write::CreateBlock(Box::new(object(&block, add.allocations.iter()))))
    }

    fn delete_block(&self, block: &AddressBlock) -> Option<Write> {
        let (name, resource_version) = (block.name.to_string(), block.resource_version.to_string());
        (self.role == Role::Leader).then_some(Write::DeleteBlock { name, resource_version })
    }

    fn change_block(&mut self, name: &Name, block: &AddressBlock) -> Option<Write> {
        let leads = self.role == Role::Leader;
        let removable = |entry: &&Allocation| self.release.removable(&(name.clone(), entry.address));
        let mut ids_missing = false;
        let mut entries: BTreeMap<_, Cow<Allocation>> = BTreeMap::new();
        for entry in block.allocations.iter().filter(|entry| !removable(entry)) {
            let mut entry = Cow::Borrowed(entry);
            if let Some(container) = self.ports.container(&entry.node, &entry.uid)
                && *container != *entry.container_id
                && !self.release.is_orphan(&(name.clone(), entry.address))
            {
                entry.to_mut().container_id = container.into();
                ids_missing = true;
            }
            entries.insert(entry.address, entry);
        }
        let added = self.proposed(name).map_or(&[][..], |(_, add)| &add.allocations);
        let changed = entries.len() < block.allocations.len() || !added.is_empty();
        entries.extend(added.iter().map(|entry| (entry.address, Cow::Owned(entry.clone()))));

        let gone = !self.nodes.contains_key(&block.node);
        let quiet = self.config.quiet_time.as_millis().try_into().unwrap_or(u64::MAX);
        let (empty, wait) = (entries.is_empty(), if gone { 0 } else { quiet });
        if gone {
            self.block_timers.passed(name, Why::Empty, (false, 0, 0));
        }
        let unused = self.block_timers.passed(name, Why::Empty, (empty && (gone || !changed), self.now, wait));
        let overdue = self.block_timers.passed(name, Why::ContainerIds, (ids_missing, self.now, CONTAINER_IDS));
        if empty && unused && leads {
            return self.delete_block(block);
        }
        (changed || overdue)
            .then(|| Write::UpdateBlock(Box::new(object(block, entries.values().map(|entry| &**entry)))))
    }
}

/// The object of a block with these allocations.
fn object<'a>(block: &AddressBlock, entries: impl Iterator<Item = &'a Allocation>) -> api::AddressBlock {
    let text = |cidr: Option<IpNetwork>| cidr.map(|cidr| cidr.to_string()).unwrap_or_default();
    let fields = api::address_block::AddressBlockFields {
        spec: api::address_block::AddressBlockSpec {
            subnet: block.subnet.to_string(),
            cidr: Span::of(block.cidr).prefix().to_string(),
            node: block.node.to_string(),
            network: block.network.to_string(),
            subnet_cidr: text(block.subnet_cidr),
            gateway: block.gateway.map(|gateway| gateway.to_string()).unwrap_or_default(),
        },
        allocations: entries.map(|entry| allocation(entry, &block.node)).collect(),
        first_version: if block.first_version == 0 { String::new() } else { block.first_version.to_string() },
    };
    let version = &block.resource_version;
    let metadata = ObjectMeta {
        name: Some(block.name.to_string()),
        resource_version: (!version.is_empty()).then(|| version.to_string()),
        ..ObjectMeta::default()
    };
    api::AddressBlock { metadata, ..api::AddressBlock::new(&block.name, fields) }
}

fn allocation(entry: &Allocation, block_node: &str) -> api::address_block::Allocation {
    let mac = entry.mac.map(|bytes| bytes.map(|byte| format!("{byte:02x}")).join(":"));
    api::address_block::Allocation {
        address: entry.address.to_string(),
        namespace: entry.namespace.to_string(),
        name: entry.name.to_string(),
        uid: entry.uid.to_string(),
        container_id: entry.container_id.to_string(),
        node: if *entry.node == *block_node { String::new() } else { entry.node.to_string() },
        mac: mac.unwrap_or_default(),
    }
}
