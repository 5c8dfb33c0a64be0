//! Watches: from a source's JSON to the facts of `logical`, one task a kind.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::StreamExt as _;
use logical::{Fact, Kind, ObjectKey};
use tokio::sync::mpsc::Sender;

use crate::event::{Event, Watched};
use crate::source::{self, Cause, Change, Object, Source, Trouble};

/// Follows every kind that the network is computed from.
pub fn start(source: &Arc<dyn Source>, to: &Sender<Event>) {
    for kind in Kind::ALL {
        tokio::spawn(follow(kind, source.watch(source_kind(kind)), to.clone()));
    }
}

async fn follow(kind: Kind, mut changes: futures::stream::BoxStream<'static, Change>, to: Sender<Event>) {
    let mut reader = Reader { kind, known: BTreeSet::new(), listing: None };
    while let Some(change) = changes.next().await {
        for told in reader.read(change) {
            if to.send(Event::Watched(told)).await.is_err() {
                return;
            }
        }
    }
}

/// Turns a watch that may start over into one that only goes on.
struct Reader {
    kind: Kind,
    /// Objects that were told and are not gone.
    known: BTreeSet<ObjectKey>,
    /// Those named since the listing began.
    listing: Option<BTreeSet<ObjectKey>>,
}

impl Reader {
    fn read(&mut self, change: Change) -> Vec<Watched> {
        match change {
            Change::Listing => {
                self.listing = Some(BTreeSet::new());
                Vec::new()
            }
            Change::Set(object) => vec![self.set(&object)],
            Change::Listed => {
                let listed = self.listing.take().unwrap_or_default();
                let gone: Vec<ObjectKey> = self.known.difference(&listed).cloned().collect();
                self.known = listed;
                gone.into_iter().map(Watched::Gone).chain([Watched::Listed(self.kind)]).collect()
            }
            Change::Gone(key) => {
                let key = logical_key(self.kind, &key);
                if let Some(listing) = &mut self.listing {
                    listing.remove(&key);
                }
                self.known.remove(&key);
                vec![Watched::Gone(key)]
            }
            Change::Trouble(trouble) => vec![Watched::Trouble(trouble)],
            Change::Settled(number) => vec![Watched::Settled(self.kind, number)],
        }
    }

    fn set(&mut self, object: &Object) -> Watched {
        let key = logical_key(self.kind, object.key());
        if let Some(listing) = &mut self.listing {
            listing.insert(key.clone());
        }
        match Fact::of_kind(self.kind, object.value()) {
            Ok(fact) => {
                self.known.insert(key);
                Watched::Set(Box::new(fact), version(object))
            }
            // An object that was good before stays in force as it was.
            Err(error) => {
                Watched::Trouble(Trouble { cause: Cause::Input, subject: key.to_string(), message: error.to_string() })
            }
        }
    }
}

/// The resourceVersion as a number. The API server's are (KEP-5504), and so are ours.
pub fn version(object: &Object) -> u64 {
    object.version().parse().unwrap_or(0)
}

/// A source's kind for one of the network's.
pub fn source_kind(kind: Kind) -> source::Kind {
    match kind {
        Kind::Namespace => source::Kind::Namespace,
        Kind::Node => source::Kind::Node,
        Kind::Pod => source::Kind::Pod,
        Kind::Subnet => source::Kind::Subnet,
        Kind::StaticAddress => source::Kind::StaticAddress,
        Kind::AddressBlock => source::Kind::AddressBlock,
        Kind::NetworkPolicy => source::Kind::NetworkPolicy,
        Kind::Service => source::Kind::Service,
        Kind::EndpointSlice => source::Kind::EndpointSlice,
    }
}

/// A source's key for one of the network's.
pub fn source_key(key: &ObjectKey) -> source::Key {
    source::Key { kind: source_kind(key.kind), namespace: key.namespace.to_string(), name: key.name.to_string() }
}

fn logical_key(kind: Kind, key: &source::Key) -> ObjectKey {
    ObjectKey { kind, namespace: key.namespace.as_str().into(), name: key.name.as_str().into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str) -> Change {
        let object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}});
        Change::Set(Arc::new(Object::new(object).unwrap()))
    }

    fn check(changes: Vec<Change>, expect: &str) {
        let mut reader = Reader { kind: Kind::Node, known: BTreeSet::new(), listing: None };
        let told = changes.into_iter().flat_map(|change| reader.read(change)).map(|told| match told {
            Watched::Set(fact, _) => format!("+{}", fact.key().name),
            Watched::Gone(key) => format!("-{}", key.name),
            Watched::Listed(_) => "listed".to_owned(),
            Watched::Trouble(trouble) => format!("trouble with {}", trouble.subject),
            Watched::Settled(_, number) => format!("settled {number}"),
        });
        assert_eq!(told.collect::<Vec<_>>().join(" "), expect);
    }

    #[test]
    fn a_watch_that_starts_over_tells_what_has_gone_meanwhile() {
        let gone = || Change::Gone(source::Key::cluster(source::Kind::Node, "b"));
        let first = || vec![Change::Listing, node("a"), node("b"), Change::Listed];
        check(first(), "+a +b listed");
        check([first(), vec![gone(), node("c")]].concat(), "+a +b listed -b +c");
        check([first(), vec![Change::Listing, node("b"), Change::Listed]].concat(), "+a +b listed +b -a listed");
        check(
            [first(), vec![Change::Listing, node("b"), gone(), Change::Listed]].concat(),
            "+a +b listed +b -b -a listed",
        );
    }
}
