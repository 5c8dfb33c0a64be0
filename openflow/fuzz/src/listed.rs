//! Names of ports and tables in two lists, numbered from 0.

use rust_openflow::PortNo;
use rust_openflow::text::{Names, Numbers};

/// The lists, in both directions.
pub struct Listed {
    /// From name to number.
    pub numbers: Numbers,
    ports: Vec<String>,
    tables: Vec<String>,
}

impl Listed {
    /// Of each list no name stands there twice.
    pub fn new(ports: Vec<String>, tables: Vec<String>) -> Listed {
        let numbers = Numbers {
            ports: ports.iter().cloned().zip((0..).map(PortNo)).collect(),
            tables: tables.iter().cloned().zip(0..).collect(),
        };
        Listed { numbers, ports, tables }
    }
}

impl Names for Listed {
    fn port(&self, port: PortNo) -> Option<&str> {
        self.ports.get(port.0 as usize).map(String::as_str)
    }

    fn table(&self, table: u8) -> Option<&str> {
        self.tables.get(usize::from(table)).map(String::as_str)
    }
}
