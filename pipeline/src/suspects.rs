//! Connections whose permission may have gone while their opener is silent: nothing of it comes by to be judged, and what answers it
//! passes (CtState).
//!
//! The tables know best who may do what. So they are asked again in the opener's name: an empty datagram enters at CtTrack with
//! the registers that the opener's own would have, from the controller's port, and ends in Commit, where a refused one marks its
//! connection as blocked, as one of the opener would have. This says whom to ask about, and as whom.

use crate::Realizer;
use crate::object::{Direction, Fact, Identity, Network, Pod, Target};
use crate::register::{self as reg, source};
use crate::tables::{commit, ct_track};
use api::node::{IDENTITY_FIRST_POD, IDENTITY_REMOTE_NODE};
use rust_openflow::Action;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

/// What connections have in common that may have lost their permission.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suspects {
    /// They opened by one of these rules.
    rules: BTreeSet<u32>,
    /// One of their ends has one of these addresses.
    addresses: BTreeSet<IpAddr>,
}

/// A connection that is tracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// The conntrack zone.
    pub zone: u16,
    /// Who opened it.
    pub from: Target,
    /// What was asked for.
    pub asked: Target,
    /// Who answers.
    pub answers: IpAddr,
    /// `ct_label`.
    pub label: u128,
}

/// As whom a connection's opener is judged.
struct Opener<'a> {
    class: u128,
    identity: u32,
    network: &'a Network,
}

impl Suspects {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.addresses.is_empty()
    }

    /// More of them.
    pub fn extend(&mut self, more: Suspects) {
        self.rules.extend(more.rules);
        self.addresses.extend(more.addresses);
    }

    fn include(&self, connection: &Opened) -> bool {
        let rules = [commit::INGRESS_LABEL, commit::EGRESS_LABEL].map(|first| connection.labelled(first));
        rules.iter().any(|rule| self.rules.contains(rule))
            || [connection.from.address, connection.answers].iter().any(|end| self.addresses.contains(end))
    }
}

impl Opened {
    /// 32 bits of the label.
    fn labelled(&self, first: u16) -> u32 {
        u32::try_from(self.label >> first & u128::from(u32::MAX)).expect("32 bits")
    }
}

impl Realizer {
    /// Connections that may have lost their permission since the last call.
    pub fn take_suspects(&mut self) -> Suspects {
        std::mem::take(&mut self.suspects)
    }

    /// Notes what a change of an object may take away; before policy follows it.
    pub(crate) fn suspect(&mut self, old: Option<&Fact>, new: Option<&Fact>) {
        match (old, new) {
            (Some(Fact::Rule(old)), new) if !matches!(new, Some(Fact::Rule(new)) if new == old) => {
                self.suspects.rules.insert(old.number);
            }
            (Some(Fact::Peers(old)), new) => {
                let new: &[u32] = if let Some(Fact::Peers(new)) = new { &new.identities } else { &[] };
                let stays = |identity: &u32| new.binary_search(identity).is_ok();
                let gone: Vec<u32> = old.identities.iter().filter(|identity| !stays(identity)).copied().collect();
                if !gone.is_empty() {
                    self.suspects.rules.extend(self.policy().naming(&old.name));
                }
                // Where the set stays, they are gone from the cluster, or their labels are others: as whom a silent pod of
                // another node would be judged is not known any more.
                self.worn_out.extend(gone.into_iter().filter(|_| !new.is_empty()));
                self.worn_out.retain(|identity| !stays(identity));
            }
            (None, Some(Fact::Peers(new))) => {
                self.worn_out.retain(|identity| new.identities.binary_search(identity).is_err());
            }
            (Some(Fact::Pod(old)), Some(Fact::Pod(new))) if old.identity != new.identity => {
                self.suspects.addresses.extend(&new.addresses);
            }
            (Some(Fact::Address(old)), Some(Fact::Address(new))) if old.identity != new.identity => {
                self.suspects.addresses.insert(new.address);
            }
            (old @ (None | Some(Fact::Identity(_))), new @ Some(Fact::Identity(_)))
            | (old @ Some(Fact::Identity(_)), new) => {
                self.suspect_isolated(old.and_then(identity), new.and_then(identity));
            }
            _ => {}
        }
    }

    fn suspect_isolated(&mut self, old: Option<&Identity>, new: Option<&Identity>) {
        for direction in Direction::BOTH {
            let isolation = |identity: Option<&Identity>| identity.and_then(|i| i.isolation(direction)).cloned();
            let (before, after) = (isolation(old), isolation(new));
            if let (None, Some(_), Some(number)) = (&before, &after, new.map(|new| new.number)) {
                let pods = self.pods().filter(|pod| pod.identity == number);
                let addresses: Vec<IpAddr> = pods.flat_map(|pod| pod.addresses.clone()).collect();
                self.suspects.addresses.extend(addresses);
            }
            let stays = |rule: &u32| after.as_ref().is_some_and(|after| after.rules.contains(rule));
            let gone = before.iter().flat_map(|before| &before.rules).filter(|rule| !stays(rule));
            self.suspects.rules.extend(gone.copied());
        }
    }

    /// Those of the connections that are suspect, each with what a datagram of its opener has to go through to be judged: none where
    /// it is not known as whom.
    pub fn questions(
        &self,
        suspects: &Suspects,
        tracked: impl IntoIterator<Item = Opened>,
    ) -> Vec<(Opened, Vec<Action>)> {
        // While a controller takes over, identities of before are no measure.
        if self.is_taken_over() {
            return Vec::new();
        }
        let of_pod =
            |pod: &'_ Pod| pod.addresses.iter().map(|address| (pod.network.zone, *address)).collect::<Vec<_>>();
        let pods: HashMap<(u16, IpAddr), &Pod> =
            self.pods().flat_map(|pod| of_pod(pod).into_iter().map(move |end| (end, pod))).collect();
        let suspect = tracked.into_iter().filter(|connection| suspects.include(connection));
        let question = |connection: Opened| {
            let opener = self.opener(&connection, &pods)?;
            let registers = [
                (&reg::SOURCE_CLASS, opener.class),
                (&reg::SOURCE_IDENTITY, opener.identity.into()),
                (&reg::ZONE, opener.network.zone.into()),
                (&reg::NETWORK, opener.network.vni.into()),
                (&reg::DEFAULT_NETWORK, opener.network.is_default().into()),
            ];
            let loads = registers.map(|(register, value)| Action::load(value, register.bits()));
            Some((connection, loads.into_iter().chain([Action::resubmit(ct_track::TABLE.id)]).collect()))
        };
        suspect.filter_map(question).collect()
    }

    fn opener<'a>(&self, connection: &Opened, pods: &HashMap<(u16, IpAddr), &'a Pod>) -> Option<Opener<'a>> {
        let zone = connection.zone;
        if let Some(pod) = pods.get(&(zone, connection.from.address)) {
            return Some(Opener { class: source::POD, identity: pod.identity, network: &pod.network });
        }
        let pod = pods.get(&(zone, connection.answers))?;
        let identity = connection.labelled(commit::IDENTITY_LABEL);
        let class = match identity {
            IDENTITY_REMOTE_NODE | IDENTITY_FIRST_POD.. => source::TUNNEL,
            _ => source::HOST,
        };
        // 0: opened before labels said so.
        (identity != 0 && !self.worn_out.contains(&identity)).then_some(Opener {
            class,
            identity,
            network: &pod.network,
        })
    }
}

fn identity(fact: &Fact) -> Option<&Identity> {
    if let Fact::Identity(identity) = fact { Some(identity) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::{configured, identity as isolated, peers, rule};
    use api::node::{self, Direction as Way, Object, object::Kind};

    fn pod(identity: u32) -> Object {
        let pod = node::Pod {
            namespace: "shop".into(),
            name: "db".into(),
            addresses: vec!["10.10.0.5".into()],
            gateways: vec!["10.10.0.1".into()],
            mac: vec![2; 6],
            identity,
            network: "default".into(),
            vni: 1,
            zone: 1,
            ..Default::default()
        };
        Object { key: "pod/shop/db".into(), digest: 0, kind: Some(Kind::Pod(pod)) }
    }

    /// From a pod of another node to the one here, opened by a rule as an identity.
    fn opened(rule: u32, identity: u32) -> Opened {
        let target = |address: &str, port| Target { address: address.parse().expect("an address"), port };
        let asked = target("10.10.0.5", 53);
        let label = u128::from(rule) | u128::from(identity) << 64;
        Opened { zone: 1, from: target("10.10.1.7", 4000), asked, answers: asked.address, label }
    }

    fn node() -> Realizer {
        let objects = [
            isolated(300, Some(&[11, 12]), None),
            rule(11, Way::Ingress, &["web"], &[]),
            rule(12, Way::Ingress, &["far"], &[]),
            peers("web", &[400, 401], &[]),
            peers("far", &[402], &[]),
            pod(300),
        ];
        let mut realizer = configured(objects);
        realizer.take_suspects();
        realizer
    }

    /// Who is asked for after a change.
    #[track_caller]
    fn check(change: impl FnOnce(&mut Realizer), expect: &[(u32, u32)]) {
        let mut realizer = node();
        change(&mut realizer);
        let suspects = realizer.take_suspects();
        let all = [(11, 400), (11, 401), (12, 402), (12, 0)].map(|(rule, identity)| opened(rule, identity));
        let asked = realizer.questions(&suspects, all).into_iter().map(|(connection, _)| connection);
        let asked: Vec<(u32, u32)> =
            asked.map(|one| (one.labelled(commit::INGRESS_LABEL), one.labelled(commit::IDENTITY_LABEL))).collect();
        assert_eq!(asked, expect);
    }

    #[test]
    fn those_are_asked_for_whose_rule_is_another_or_whose_pod_is() {
        check(|node| drop(node.apply([], ["rule/11".into()])), &[(11, 400), (11, 401)]);
        check(
            |node| drop(node.apply([rule(11, Way::Ingress, &["web"], &[(17, 53, 53)])], [])),
            &[(11, 400), (11, 401)],
        );
        check(|node| drop(node.apply([isolated(300, Some(&[11]), None)], [])), &[(12, 402)]);
        check(|node| drop(node.apply([pod(301)], [])), &[(11, 400), (11, 401), (12, 402)]);
        check(
            |node| drop(node.apply([isolated(300, Some(&[11, 12]), Some(&[]))], [])),
            &[(11, 400), (11, 401), (12, 402)],
        );
        check(|node| drop(node.apply([rule(11, Way::Ingress, &["web"], &[])], [])), &[]);
    }

    #[test]
    fn nobody_is_asked_for_by_an_identity_that_is_worn_out_or_while_a_controller_takes_over() {
        check(|node| drop(node.apply([peers("web", &[401], &[])], [])), &[(11, 401)]);
        check(
            |node| {
                node.apply([crate::policy::tests::alias(900, 400)], []);
                node.apply([], ["rule/11".into()]);
            },
            &[],
        );
    }
}
