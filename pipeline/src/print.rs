//! Flows as `ovs-ofctl --names dump-flows` prints them: tables by their names here, ports by the names they have.

use crate::tables;
use rust_openflow::PortNo;
use rust_openflow::text;
use std::collections::BTreeMap;

/// The names of this pipeline's tables, and of the ports of a bridge; for [`text::Printable::named`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Names of ports by OpenFlow number.
    pub ports: BTreeMap<u32, String>,
}

impl text::Names for Names {
    fn port(&self, port: PortNo) -> Option<&str> {
        self.ports.get(&port.0).map(String::as_str)
    }

    fn table(&self, table: u8) -> Option<&str> {
        tables::by_id(table).map(|table| table.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_openflow::text::Printable;
    use rust_openflow::{Flow, Match};

    #[test]
    fn tables_and_ports_have_their_names() {
        let names = Names { ports: BTreeMap::from([(7, "pod-web".to_owned())]) };
        let flow = Flow::new(10).priority(600).matching(Match::new().in_port(PortNo(7))).goto_table(30);
        let text = flow.named(&names).to_string();
        assert!(text.contains("table=SpoofGuard") && text.contains("in_port=\"pod-web\""), "{text}");
        assert!(text.ends_with("actions=goto_table:CtTrack"), "{text}");
    }
}
