//! A replica takes over from one whose state it does not know: identities that are other ones now than ports have, without a
//! packet that a node judges by an identity it does not know.
//!
//! What changed while no replica served is known only by what agents bring: which identities their ports bear, and by digests
//! whether they hold other rules. Rules of before judge identities of before, rules of now those of now, and there is no moment in
//! which all nodes go from the one to the other. So between the two every pod that turns has an identity of its own for just that
//! turn, an *alias*, and nodes are told what it counts as:
//!
//! ```text
//!  stage      | rules  | ports bear | an alias counts as | goes on when
//!  Gathering  | before | before     |                    | all agents have come, or too late
//!  Doubling   | before | before     | that of before     | all nodes have it
//!  Crossing   | before | alias      | that of before     | the ports have it
//!  Enforcing  | now    | alias      | that of now        | all nodes have it, each in one step
//!  Returning  | now    | now        | that of now        | the ports have it
//! ```
//!
//! Pods that turn alike share an alias; where two pods of one identity become different ones, or the other way round, they have two.
//! Meanwhile nobody's identity changes, and policies wait.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::event::Ticket;
use crate::{Millis, Name};

/// Agents that have not come so long after the first are not waited for: their pauses between tries are no longer.
const LATE: Millis = 10_000;

/// What a replica finds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handover {
    stage: Stage,
    /// Nodes whose agents have greeted.
    greeted: BTreeSet<Name>,
    /// Greetings that have not been looked at.
    news: BTreeMap<Name, HashMap<String, u64>>,
    /// Until when agents are waited for; `None`: none has come.
    until: Option<Millis>,
    /// What ports bear, by pod.
    borne: BTreeMap<Name, Borne>,
    /// Pods with an alias.
    pub turned: BTreeMap<Name, u32>,
    /// What each alias counts as: before, and now.
    pub aliases: BTreeMap<u32, (u32, u32)>,
    confirmed: bool,
}

/// What a pod's port bears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Borne {
    pub uid: Name,
    pub identity: u32,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Stage {
    /// Agents come, and none of them has brought anything else than what it is told.
    #[default]
    Fresh,
    Gathering,
    Doubling(Ticket),
    Crossing(Ticket),
    Enforcing(Ticket),
    Returning(Ticket),
    /// All have come: nothing is handed over any more.
    Over,
}

/// What a pod's node is told of its identity meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// This one.
    Number(u32),
    /// The one that it should have.
    Wanted,
    /// Nothing: its port is not there, and others do not know its identity.
    Nothing,
}

impl Handover {
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Goes on.
    pub fn enter(&mut self, stage: Stage) {
        (self.stage, self.confirmed) = (stage, false);
        if stage == Stage::Over {
            *self = Handover { stage, ..Handover::default() };
        }
    }

    /// No agent is here any more: those that come may have been served by another replica.
    pub fn begin_again(&mut self) {
        if self.stage == Stage::Over {
            *self = Handover::default();
        }
    }

    /// Whether identities and policies stay as they are.
    pub fn is_active(&self) -> bool {
        !matches!(self.stage, Stage::Fresh | Stage::Over)
    }

    /// Whether nodes have to go on with the rules of before.
    pub fn withholds(&self) -> bool {
        matches!(self.stage, Stage::Gathering | Stage::Doubling(_) | Stage::Crossing(_))
    }

    /// An agent has come with what it holds.
    pub fn greet(&mut self, node: Name, held: HashMap<String, u64>, now: Millis) {
        if self.stage != Stage::Over {
            self.until.get_or_insert(now + LATE);
            self.news.insert(node, held);
        }
    }

    /// Agents that have come since the last call.
    pub fn take_news(&mut self) -> BTreeMap<Name, HashMap<String, u64>> {
        let news = std::mem::take(&mut self.news);
        self.greeted.extend(news.keys().cloned());
        news
    }

    /// Nodes whose agents have come.
    pub fn greeted(&self) -> &BTreeSet<Name> {
        &self.greeted
    }

    /// When agents are waited for no longer.
    pub fn due(&self) -> Option<Millis> {
        self.until.filter(|_| matches!(self.stage, Stage::Fresh | Stage::Gathering))
    }

    /// A pod's port bears an identity.
    pub fn bear(&mut self, pod: &Name, borne: Borne) {
        self.borne.insert(pod.clone(), borne);
    }

    /// What the port of a pod bears, by name and UID.
    pub fn borne(&self, pod: &str, uid: &str) -> Option<u32> {
        self.borne.get(pod).filter(|borne| *borne.uid == *uid).map(|borne| borne.identity)
    }

    /// Pods whose ports bear something.
    pub fn bearers(&self) -> impl Iterator<Item = (&Name, &Borne)> {
        self.borne.iter()
    }

    /// What a pod's node is told.
    pub fn shown(&self, pod: &Name, uid: &str) -> Shown {
        let borne = self.borne(pod, uid);
        let alias = borne.and_then(|_| self.turned.get(pod).copied());
        match (self.stage, borne) {
            (Stage::Returning(_) | Stage::Fresh | Stage::Over, _) => Shown::Wanted,
            (_, None) => Shown::Nothing,
            (Stage::Gathering | Stage::Doubling(_), Some(borne)) => Shown::Number(borne),
            (Stage::Crossing(_) | Stage::Enforcing(_), Some(borne)) => Shown::Number(alias.unwrap_or(borne)),
        }
    }

    /// Nodes have confirmed.
    pub fn confirm(&mut self, ticket: Ticket) {
        let awaited = match self.stage {
            Stage::Doubling(own) | Stage::Crossing(own) | Stage::Enforcing(own) | Stage::Returning(own) => own,
            Stage::Fresh | Stage::Gathering | Stage::Over => return,
        };
        self.confirmed |= awaited == ticket;
    }

    /// Whether what was awaited has been confirmed.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }
}
