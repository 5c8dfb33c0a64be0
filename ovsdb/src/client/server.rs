//! What a server says of itself: the table `Database` of its `_Server` database (ovsdb-server(5)).

use crate::Uuid;
use crate::column::Column;
use crate::row::{Row, Table};

/// Which servers of a cluster a client stays connected to. A standalone server is always its own leader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leadership {
    /// Only the leader: what is read is what was committed last, and writes take one step less.
    #[default]
    Required,
    /// Any server that is in touch with its cluster: readers may spread over the servers.
    Any,
}

/// A row of the table `Database`: one database that the server has.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Database {
    pub name: String,
    pub model: String,
    pub connected: bool,
    pub leader: bool,
    pub schema: Option<String>,
    pub cid: Option<Uuid>,
    pub index: Option<i64>,
}

impl Database {
    pub const COLUMN_NAME: Column<Self, String> = Column::new("name");
    const MODEL: Column<Self, String> = Column::new("model");
    const CONNECTED: Column<Self, bool> = Column::new("connected");
    const LEADER: Column<Self, bool> = Column::new("leader");
    const SCHEMA: Column<Self, Option<String>> = Column::new("schema");
    const CID: Column<Self, Option<Uuid>> = Column::new("cid");
    const INDEX: Column<Self, Option<i64>> = Column::new("index");
}

impl Table for Database {
    const NAME: &'static str = "Database";
    const COLUMNS: &'static [&'static str] = &["name", "model", "connected", "leader", "schema", "cid", "index"];

    fn from_row(row: &Row) -> Self {
        Database {
            name: row.read(Self::COLUMN_NAME),
            model: row.read(Self::MODEL),
            connected: row.read(Self::CONNECTED),
            leader: row.read(Self::LEADER),
            schema: row.read(Self::SCHEMA),
            cid: row.read(Self::CID),
            index: row.read(Self::INDEX),
        }
    }
}

/// Why a client leaves a server for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("it is not in touch with its cluster")]
    Disconnected,
    /// A relay that has not reached its source yet.
    #[error("it has no contents yet")]
    NoSchema,
    #[error("it is not the leader")]
    NotLeader,
    #[error("it is behind what was already seen")]
    Behind,
    #[error("it is of another cluster")]
    OtherCluster,
}

/// What is remembered from server to server of one cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub cid: Option<Uuid>,
    pub index: i64,
}

impl Database {
    /// Judges a server, and remembers how far it is.
    pub fn judge(&self, leadership: Leadership, seen: &mut Seen) -> Result<(), Unfit> {
        if self.model != "clustered" {
            return if self.schema.is_some() { Ok(()) } else { Err(Unfit::NoSchema) };
        }
        if !self.connected {
            return Err(Unfit::Disconnected);
        }
        if leadership == Leadership::Required && !self.leader {
            return Err(Unfit::NotLeader);
        }
        if seen.cid.is_some() && self.cid.is_some() && seen.cid != self.cid {
            return Err(Unfit::OtherCluster);
        }
        let index = self.index.unwrap_or(0);
        if index < seen.index {
            return Err(Unfit::Behind);
        }
        *seen = Seen { cid: self.cid.or(seen.cid), index };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(leader: bool, index: i64) -> Database {
        let cid = Some(Uuid::from_bytes([1; 16]));
        Database { model: "clustered".into(), connected: true, leader, cid, index: Some(index), ..Database::default() }
    }

    fn check(server: &Database, leadership: Leadership, expect: Result<(), Unfit>) {
        let mut seen = Seen { cid: Some(Uuid::from_bytes([1; 16])), index: 5 };
        assert_eq!(server.judge(leadership, &mut seen), expect);
    }

    #[test]
    fn a_client_never_goes_back_in_time_and_follows_the_leader() {
        check(&server(true, 5), Leadership::Required, Ok(()));
        check(&server(false, 6), Leadership::Required, Err(Unfit::NotLeader));
        check(&server(false, 6), Leadership::Any, Ok(()));
        check(&server(true, 4), Leadership::Any, Err(Unfit::Behind));
        check(&Database { connected: false, ..server(true, 9) }, Leadership::Any, Err(Unfit::Disconnected));
        check(&Database { cid: Some(Uuid::ZERO), ..server(true, 9) }, Leadership::Any, Err(Unfit::OtherCluster));
        let standalone = Database { model: "standalone".into(), schema: Some("{}".into()), ..Database::default() };
        check(&standalone, Leadership::Required, Ok(()));
        check(&Database { schema: None, ..standalone }, Leadership::Required, Err(Unfit::NoSchema));
    }
}
