//! Taking over, in the network: what agents bring is compared with what they are told, and stage follows stage.

use std::collections::{BTreeSet, HashMap};

use api::node::object::Kind as NodeKind;
use api::node::{Alias, Key, is_policy};

use crate::Name;
use crate::encoded::Encoded;
use crate::event::{Effects, Ticket, Wait};
use crate::handover::{Borne, Shown, Stage};
use crate::pods::PodState;

use super::Network;

impl Network {
    /// Whether agents that come go on with the policy that they hold, whatever is in their views: objects of which
    /// [`api::node::is_policy`] holds are neither told nor taken away, and aliases not taken away. From the effects on that say
    /// `released`, everything is told.
    pub fn withholds_policy(&self) -> bool {
        self.handover.withholds()
    }

    /// Whether a handover is under way.
    pub fn is_handing_over(&self) -> bool {
        self.handover.is_active()
    }

    pub(super) fn greeted(&mut self, node: Name, held: HashMap<String, u64>) {
        self.handover.greet(node, held, self.now);
    }

    /// What a pod's node is told of its identity while a handover is under way; `None`: nothing yet.
    pub(super) fn handed_over(&self, id: &Name, state: &PodState) -> Option<u32> {
        let wanted = state.place.as_ref().map(|place| self.identities.number(place.identity));
        match self.handover.shown(id, &state.fact.uid) {
            Shown::Number(number) => Some(number),
            Shown::Wanted => wanted,
            Shown::Nothing => None,
        }
    }

    /// Looks at agents that have come, and goes on as far as nobody has to be waited for.
    pub(super) fn hand_over(&mut self, effects: &mut Effects) {
        let news = self.handover.take_news();
        let mut differs = false;
        for (node, held) in &news {
            differs |= self.note_ports(node) | self.differs(node, held);
        }
        if differs && self.handover.stage() == Stage::Fresh {
            self.begin_handover(|node| !news.contains_key(node));
        } else if self.handover.is_active() {
            self.show_again(|node| news.contains_key(node));
        }
        let is_late = self.handover.due().is_some_and(|until| until <= self.now);
        let has_all = || self.nodes.keys().all(|node| self.handover.greeted().contains(node));
        match self.handover.stage() {
            Stage::Fresh if is_late || (!self.handover.greeted().is_empty() && has_all()) => {
                self.handover.enter(Stage::Over);
            }
            Stage::Gathering if is_late || has_all() => self.double(effects),
            Stage::Doubling(_) if self.handover.is_confirmed() => self.cross(effects),
            Stage::Crossing(_) if self.handover.is_confirmed() => self.enforce_all(effects),
            Stage::Enforcing(_) if self.handover.is_confirmed() => self.go_back(effects),
            Stage::Returning(_) if self.handover.is_confirmed() => self.end_handover(effects),
            _ => {}
        }
    }

    /// Notes what the ports of a node bear; true where that is not what they should.
    fn note_ports(&mut self, node: &Name) -> bool {
        let mut turned = false;
        for (uid, said) in self.ports.of_node(node) {
            let Some((id, place)) =
                self.pods.by_uid(&uid).and_then(|id| Some((id, self.pods.get(id)?.place.as_ref()?)))
            else {
                continue;
            };
            let wanted = self.identities.number(place.identity);
            // An agent that does not say is taken at what it should have.
            let identity = if said == 0 { wanted } else { said };
            turned |= identity != wanted;
            self.handover.bear(&id.clone(), Borne { uid: uid.into(), identity });
        }
        turned
    }

    /// Whether an agent holds other policy than it will be told, for what is there already.
    fn differs(&self, node: &Name, held: &HashMap<String, u64>) -> bool {
        if !held.keys().any(|key| is_policy(key)) && self.ports.of_node(node).next().is_none() {
            return false;
        }
        let now: HashMap<&str, &Encoded> =
            self.views.spans.of_node(node).map(|object| (object.key(), object)).collect();
        let changed = |(key, digest): (&String, &u64)| {
            is_policy(key) && now.get(key.as_str()).is_some_and(|object| object.digest() != *digest)
        };
        // Who is isolated now and was not, or the other way round.
        let of_port = |(uid, number): (Box<str>, u32)| {
            let key = Key::Identity { number }.to_string();
            self.pods.by_uid(&uid).is_some() && now.contains_key(key.as_str()) != held.contains_key(&key)
        };
        held.iter().any(changed) || self.ports.of_node(node).any(of_port)
    }

    fn begin_handover(&mut self, is_served: impl Fn(&Name) -> bool) {
        // Agents that came before are told everything, also from now on: their ports bear what they were told last.
        let served = self.handover.greeted().iter().filter(|node| is_served(node));
        let told =
            served.flat_map(|node| self.pods.of_node(node).map(move |id| (node, id))).filter_map(|(node, id)| {
                let uid = self.pods.get(id)?.fact.uid.clone();
                Some((id.clone(), Borne { uid, identity: self.views.identity_of(node, id)? }))
            });
        for (id, borne) in told.collect::<Vec<_>>() {
            self.handover.bear(&id, borne);
        }
        self.handover.enter(Stage::Gathering);
        self.show_again(|_| true);
    }

    /// Has the pods of nodes told anew.
    fn show_again(&mut self, of: impl Fn(&Name) -> bool) {
        let pods = self.pods.iter().filter(|(_, state)| state.fact.node.as_ref().is_some_and(&of));
        self.dirty.shown.extend(pods.map(|(id, _)| id.clone()));
    }

    /// Finds the aliases, and tells all nodes that they count as the identities of before.
    fn double(&mut self, effects: &mut Effects) {
        let mut taken: BTreeSet<u32> = self.handover.bearers().map(|(_, borne)| borne.identity).collect();
        let mut aliases = HashMap::new();
        let mut turned = Vec::new();
        for (id, borne) in self.handover.bearers() {
            let state = self.pods.get(id).filter(|state| state.fact.uid == borne.uid);
            let Some(place) = state.and_then(|state| state.place.as_ref()) else { continue };
            let pair = (borne.identity, self.identities.number(place.identity));
            if pair.0 != pair.1 {
                let alias = *aliases.entry(pair).or_insert_with(|| {
                    let number = self.identities.spare(&format!("from {} to {}", pair.0, pair.1), &taken);
                    taken.insert(number);
                    number
                });
                turned.push((id.clone(), alias));
            }
        }
        self.handover.turned.extend(turned);
        self.handover.aliases.extend(aliases.into_iter().map(|(pair, alias)| (alias, pair)));
        if self.handover.aliases.is_empty() {
            return self.enforce_all(effects);
        }
        self.tell_aliases(|(before, _)| before, effects);
        self.await_stage(Stage::Doubling, self.handover.greeted().clone(), effects);
    }

    fn tell_aliases(&mut self, stands_for: impl Fn((u32, u32)) -> u32, effects: &mut Effects) {
        for (number, pair) in self.handover.aliases.clone() {
            let kind = NodeKind::Alias(Alias { number, stands_for: stands_for(pair) });
            self.views.set_shared(effects, Key::Alias { number }.to_string(), Some((kind, None)));
        }
    }

    fn await_stage(&mut self, stage: impl Fn(Ticket) -> Stage, nodes: BTreeSet<Name>, effects: &mut Effects) {
        let ticket = self.moves.ticket();
        self.handover.enter(stage(ticket));
        effects.waits.push(Wait { ticket, nodes });
    }

    /// Nodes of the pods that turn.
    fn turning(&self) -> BTreeSet<Name> {
        let pods = self.handover.turned.keys().filter_map(|id| self.pods.get(id)?.fact.node.clone());
        pods.collect()
    }

    /// Ports get their aliases.
    fn cross(&mut self, effects: &mut Effects) {
        self.dirty.shown.extend(self.handover.turned.keys().cloned());
        self.await_stage(Stage::Crossing, self.turning(), effects);
    }

    /// Every node gets the policy of now, in one step.
    fn enforce_all(&mut self, effects: &mut Effects) {
        self.tell_aliases(|(_, now)| now, effects);
        effects.released = true;
        self.await_stage(Stage::Enforcing, self.handover.greeted().clone(), effects);
    }

    /// Ports get the identities of now, and pods that came meanwhile theirs.
    fn go_back(&mut self, effects: &mut Effects) {
        let nodes = self.turning();
        self.await_stage(Stage::Returning, nodes, effects);
        self.show_again(|_| true);
    }

    /// Every port bears what it should, also those that were about to turn when it began.
    fn end_handover(&mut self, effects: &mut Effects) {
        for alias in self.handover.aliases.clone().into_keys() {
            self.views.set_shared(effects, Key::Alias { number: alias }.to_string(), None);
        }
        for id in self.moves.wearing() {
            let current = self.pods.get(&id).and_then(|state| state.place.as_ref()).map(|place| place.identity);
            self.strip(&id, current, effects);
        }
        self.handover.enter(Stage::Over);
    }
}
