//! Make before break: between an edit and the end of what follows from it, nodes hear of it at different times and ports change
//! their identities one after the other. Whatever the order, each side's verdict on each packet is the one of before or the one
//! of after; so what both let pass is never lost, and what both refuse never passes.

use proptest::prelude::*;
use reference::{Packet, Side, judge};
use tests::property::config;

use crate::history::History;
use crate::reader;

fn admits(side: &Side) -> bool {
    !matches!(side, Side::Denied { .. })
}

fn is_open(side: &reader::Side) -> bool {
    !matches!(side, reader::Side::Denied(_))
}

/// A packet that is asked about all the time, with what each side may say of it.
struct Watched {
    packet: Packet,
    /// Egress, then ingress: before and after.
    allowed: [(bool, bool); 2],
}

impl Watched {
    fn new(packet: Packet, before: &reference::Cluster, after: &reference::Cluster) -> Watched {
        let (old, new) = (judge(before, &packet), judge(after, &packet));
        let allowed = [(admits(&old.egress), admits(&new.egress)), (admits(&old.ingress), admits(&new.ingress))];
        Watched { packet, allowed }
    }

    fn must_hold(&self, history: &History, then: &reference::Cluster, when: &str) {
        let (egress, ingress) = history.told.verdict(&history.cluster, &self.packet);
        for (side, said, (before, after)) in
            [("egress", egress, self.allowed[0]), ("ingress", ingress, self.allowed[1])]
        {
            let open = is_open(&said);
            assert!(
                open == before || open == after,
                "{when}: {side} of {:?} is {said:?}; allowed before: {before}, after: {after}\n{}",
                self.packet,
                history.changed_since(then)
            );
        }
    }
}

/// Packets with what each side may say of them: the verdicts of all states that there have been.
struct Seen {
    packet: Packet,
    allowed: [[bool; 2]; 2],
}

impl Seen {
    fn note(&mut self, cluster: &reference::Cluster) {
        let verdict = judge(cluster, &self.packet);
        self.allowed[0][usize::from(admits(&verdict.egress))] = true;
        self.allowed[1][usize::from(admits(&verdict.ingress))] = true;
    }

    fn must_hold(&self, history: &History, before: &reference::Cluster) {
        let (egress, ingress) = history.told.verdict(&history.cluster, &self.packet);
        for (side, said, allowed) in [("egress", egress, self.allowed[0]), ("ingress", ingress, self.allowed[1])] {
            assert!(
                allowed[usize::from(is_open(&said))],
                "{side} of {:?} is {said:?}, as in no state that there was\n{}",
                self.packet,
                history.changed_since(before)
            );
        }
    }
}

/// Lets happen what is left to happen, in some order, and looks at all packets after each step.
fn watch(history: &mut History, packets: Vec<Packet>, before: &reference::Cluster) {
    let watched: Vec<Watched> =
        packets.into_iter().map(|packet| Watched::new(packet, before, &history.cluster)).collect();
    let mut steps = 0;
    loop {
        let when = format!("after {steps} steps");
        watched.iter().for_each(|watched| watched.must_hold(history, before, &when));
        if !history.step() {
            break;
        }
        steps += 1;
    }
    history.must_equal_from_nothing();
}

proptest! {
    #![proptest_config(config(super::histories(), "tests/policy/stages-seeds.txt"))]

    /// Edits are of policies and labels; who is there stays, so that each packet has a before and an after.
    #[test]
    fn whenever_nodes_hear_of_it_a_verdict_is_that_before_or_after(seed in any::<u64>()) {
        let mut history = History::new(seed);
        history.stage();
        for _ in 0..12 {
            let packets = history.packets(120);
            let before = history.cluster.clone();
            history.edit_staged();
            watch(&mut history, packets, &before);
        }
    }

    /// The same where the edits are made while no controller runs, and the next one knows none of the identities of before.
    #[test]
    fn when_another_controller_takes_over_a_verdict_is_that_before_or_after(seed in any::<u64>()) {
        let mut history = History::new(seed);
        for _ in 0..6 {
            let packets = history.packets(120);
            let before = history.cluster.clone();
            history.take_over();
            watch(&mut history, packets, &before);
        }
    }

    /// The same where controllers and agents die in the middle of what the last edits have brought about, and edits go on.
    #[test]
    fn whoever_dies_in_the_middle_a_verdict_is_that_of_some_state(seed in any::<u64>()) {
        let mut history = History::new(seed);
        for _ in 0..4 {
            let before = history.cluster.clone();
            let packets = history.packets(80).into_iter();
            let mut seen: Vec<Seen> = packets.map(|packet| Seen { packet, allowed: Default::default() }).collect();
            seen.iter_mut().for_each(|seen| seen.note(&before));
            history.take_over();
            seen.iter_mut().for_each(|seen| seen.note(&history.cluster));
            let mut disturbed = 0;
            loop {
                seen.iter().for_each(|seen| seen.must_hold(&history, &before));
                if disturbed < 12 && history.disturb() {
                    disturbed += 1;
                    seen.iter_mut().for_each(|seen| seen.note(&history.cluster));
                } else if !history.step() {
                    break;
                }
            }
            history.must_equal_from_nothing();
        }
    }
}
