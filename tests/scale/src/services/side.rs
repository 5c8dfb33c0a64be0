//! One of the two that are compared: a client, its servers, and the Services before them.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;

use super::objects::{ENDPOINTS, service, slice};
use crate::inside::Inside;
use crate::median;
use crate::process::PATIENCE;

/// The sides are measured by turns, so that what else the machine does falls on both.
const TURNS: usize = 5;
/// Connections and round trips of a turn.
const CONNECTIONS: usize = 300;
const ROUND_TRIPS: usize = 4_000;
/// How often an endpoint changes.
const CHANGES: usize = 11;
/// Connections to see how they are spread.
const SPREAD: usize = 10_000;

/// A side.
pub struct Side {
    name: &'static str,
    client: Inside,
    servers: Vec<String>,
}

/// What packets cost, medians.
#[derive(Debug, Default)]
pub struct Costs {
    /// A handshake.
    pub first_us: f64,
    /// A round trip of an established connection.
    pub echo_us: f64,
}

impl Side {
    /// A client with servers, of these addresses.
    pub fn new(name: &'static str, client: Inside, servers: Vec<String>) -> Side {
        Side { name, client, servers }
    }

    /// The address of one of its own Services: `asked` has all servers, `moved` one at a time, others mark a time.
    fn address(&self, number: usize) -> Ipv4Addr {
        let own = if self.name == "weft" { 0 } else { 1 };
        Ipv4Addr::new(10, 110, own, u8::try_from(number).expect("a few"))
    }

    fn made(&self, what: &str, number: usize, servers: &[String]) -> [Value; 2] {
        let name = format!("{what}-{}", self.name);
        [service(&name, &self.address(number).to_string()), slice(&name, servers)]
    }

    /// The Services that are there all the time.
    pub fn objects(&self) -> Vec<Value> {
        [self.made("asked", 1, &self.servers), self.made("moved", 2, &self.servers[..1])].concat()
    }

    /// A Service that comes last, when there are so many.
    pub fn marker(&self, services: usize) -> [Value; 2] {
        self.made(&format!("marker-{services}"), marker(services), &self.servers[..1])
    }

    /// Whether that is served.
    pub fn is_served(&self, services: usize) -> bool {
        let to = SocketAddrV4::new(self.address(marker(services)), 80);
        self.client.client(|client| client.ask(to)).is_ok()
    }

    /// Until that is served.
    pub fn until_served(&self, services: usize) -> Result<()> {
        let began = Instant::now();
        while !self.is_served(services) {
            ensure!(began.elapsed() < PATIENCE, "{}: the last of {services} Services is not served", self.name);
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn asked(&self, port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(self.address(1), port)
    }

    fn cost(&self, first: &mut Vec<f64>, echo: &mut Vec<f64>) -> Result<()> {
        let micro = |took: Duration| took.as_secs_f64() * 1e6;
        self.client.client(|client| {
            for _ in 0..CONNECTIONS {
                first.push(micro(client.ask(self.asked(80))?.1));
            }
            echo.extend(client.echoes(self.asked(81), ROUND_TRIPS)?.into_iter().map(micro));
            Ok(())
        })
    }

    /// Milliseconds from a change of the endpoint of `moved` until the new one answers.
    fn change(&self, server: usize, apply: &impl Fn(Value) -> Result<()>) -> Result<f64> {
        let [_, slice] = self.made("moved", 2, &self.servers[server..=server]);
        let to = SocketAddrV4::new(self.address(2), 80);
        let began = Instant::now();
        apply(slice)?;
        // Not Send: objects are applied from here, connections are made from a thread in the namespace.
        self.client.client(|client| {
            while usize::from(client.ask(to)?.0) != server {
                ensure!(began.elapsed() < PATIENCE, "{}: the endpoint does not change", self.name);
                // As fine as a twentieth of what it takes.
                std::thread::sleep(began.elapsed() / 20);
            }
            Ok(began.elapsed().as_secs_f64() * 1e3)
        })
    }

    /// How far the endpoint that is furthest from its share is from it.
    fn uneven(&self) -> Result<f64> {
        let counts = self.client.client(|client| {
            let mut counts = [0_usize; ENDPOINTS];
            for _ in 0..SPREAD {
                counts[usize::from(client.ask(self.asked(80))?.0)] += 1;
            }
            Ok(counts)
        })?;
        let share = SPREAD as f64 / ENDPOINTS as f64;
        Ok(counts.into_iter().map(|count| (count as f64 / share - 1.0).abs()).fold(0.0, f64::max))
    }
}

fn marker(services: usize) -> usize {
    3 + services.ilog10() as usize
}

/// What packets cost on each side.
pub fn costs(sides: &[Side; 2]) -> Result<[Costs; 2]> {
    let mut figures: [[Vec<f64>; 2]; 2] = Default::default();
    for _ in 0..TURNS {
        for (side, [first, echo]) in sides.iter().zip(&mut figures) {
            side.cost(first, echo)?;
        }
    }
    Ok(figures.map(|[first, echo]| Costs { first_us: median(&first), echo_us: median(&echo) }))
}

/// What packets cost on one side.
pub fn cost(side: &Side) -> Result<Costs> {
    let (mut first, mut echo) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        side.cost(&mut first, &mut echo)?;
    }
    Ok(Costs { first_us: median(&first), echo_us: median(&echo) })
}

/// How long a change of an endpoint takes on each side.
pub fn changes(sides: &[Side; 2], apply: impl Fn(Value) -> Result<()>) -> Result<[f64; 2]> {
    let mut figures: [Vec<f64>; 2] = Default::default();
    for turn in 1..=CHANGES {
        for (side, took) in sides.iter().zip(&mut figures) {
            took.push(side.change(turn % ENDPOINTS, &apply)?);
        }
    }
    Ok(figures.map(|took| median(&took)))
}

/// How uneven connections are spread on each side.
pub fn spread(sides: &[Side; 2]) -> Result<[f64; 2]> {
    let [weft, peer] = sides;
    Ok([weft.uneven()?, peer.uneven()?])
}
