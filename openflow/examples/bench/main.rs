//! Speed beside `ovs-ofctl`, in one run, against a switch whose flows it replaces.
//!
//! `cargo run --release --features connection --example bench -- unix:/path/to/br0.mgmt [FLOWS [ROUNDS]]`. The bridge
//! must speak OpenFlow 1.5 and should belong to a test: all its flows are deleted. What is compared takes turns, a round
//! each; a line gives the median of the rounds, a ratio the median of the rounds' ratios, so that what else the machine
//! does in the meantime weighs on both sides alike.

mod bytes;
mod figures;

use figures::Figures;
use rust_openflow::{Action, Connection, Field, Flow, FlowMod, Match, Message};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const ENCODE: &str = "encode into one buffer, time on the processor";
const STREAM: &str = "bundle: bytes in memory, blocking socket";
const BUNDLE: &str = "bundle: Connection::bundle, encoding included";
const OFCTL: &str = "bundle: ovs-ofctl --bundle add-flows, parsing included";
const FLOWS: &str = "dump: Connection::flows, decoded";
const PRINTED: &str = "dump: Connection::flows, decoded and printed";
const DUMP: &str = "dump: ovs-ofctl dump-flows";

/// Flow number `n`: an IPv4 address, two actions.
fn flow(n: u32) -> Flow {
    Flow::new(0)
        .priority(100)
        .matching(Match::new().ipv4().with(Field::Ipv4Dst, u128::from(0x0a00_0000 + n)))
        .action(Action::set(Field::Reg1, u128::from(n)))
        .action(Action::resubmit(10))
}

/// What the rounds work with.
struct Bench {
    address: String,
    messages: Vec<Message>,
    /// The same flows as text, for `ovs-ofctl`.
    file: String,
    runtime: Runtime,
    connection: Connection,
}

impl Bench {
    fn new(address: String, count: u32) -> Bench {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let connection = runtime.block_on(Connection::connect(&address)).expect("the switch answers");
        let messages = (0..count).map(|n| FlowMod::add(flow(n)).into()).collect();
        let file = std::env::temp_dir().join(format!("wof-bench-{}", std::process::id()));
        let text: String = (0..count).map(|n| format!("{}\n", flow(n))).collect();
        std::fs::write(&file, text).expect("a temporary file");
        let file = file.to_str().expect("a plain path").to_owned();
        Bench { address, messages, file, runtime, connection }
    }

    /// Deletes all flows; what is left of that in the switch is over with the barrier.
    fn clear(&self) {
        let delete = FlowMod::delete(FlowMod::ALL_TABLES, Match::new());
        self.runtime.block_on(self.connection.one(delete.into())).expect("flows can be deleted");
    }

    /// The time that encoding all flows keeps a processor busy, in a buffer that is there already.
    fn encode(&self, buffer: &mut Vec<u8>) -> Duration {
        buffer.clear();
        let start = figures::on_processor();
        for message in &self.messages {
            message.encode(1, buffer).expect("the flows can be encoded");
        }
        figures::on_processor() - start
    }

    fn bundle(&self) -> Duration {
        let messages = self.messages.clone();
        let start = Instant::now();
        self.runtime.block_on(self.connection.bundle(messages)).expect("the bundle is committed");
        start.elapsed()
    }

    fn flows(&self) -> Duration {
        let start = Instant::now();
        let have = self.runtime.block_on(self.connection.flows()).expect("flows can be dumped");
        let took = start.elapsed();
        assert_eq!(have.len(), self.messages.len());
        took
    }

    fn printed(&self) -> Duration {
        let start = Instant::now();
        let have = self.runtime.block_on(self.connection.flows()).expect("flows can be dumped");
        let length: usize = have.iter().map(|stats| stats.to_string().len()).sum();
        assert!(length > self.messages.len());
        start.elapsed()
    }

    fn ofctl(&self, args: &[&str]) -> Duration {
        let start = Instant::now();
        let status = Command::new("ovs-ofctl")
            .args(["-O", "OpenFlow15"])
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.expect("ovs-ofctl is installed").success());
        start.elapsed()
    }

    /// One round; which of the two bundles comes first changes from round to round.
    fn round(&self, number: usize, buffer: &mut Vec<u8>, figures: &mut Figures) {
        figures.add(ENCODE, self.encode(buffer));
        for what in [STREAM, BUNDLE, STREAM].into_iter().skip(number % 2).take(2) {
            self.clear();
            let took = if what == STREAM { bytes::bundle(&self.address, &self.messages) } else { self.bundle() };
            figures.add(what, took);
        }
        self.clear();
        figures.add(OFCTL, self.ofctl(&["--bundle", "add-flows", &self.address, &self.file]));
        figures.add(FLOWS, self.flows());
        figures.add(PRINTED, self.printed());
        figures.add(DUMP, self.ofctl(&["--no-names", "dump-flows", &self.address]));
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let address = args.next().expect("unix:PATH of a bridge");
    let mut number = |default| args.next().map_or(default, |n| n.parse().expect("a number"));
    let (count, rounds) = (number(100_000), number(5));
    let bench = Bench::new(address, count);
    let (mut figures, mut buffer) = (Figures::default(), Vec::new());
    bench.encode(&mut buffer); // Until the buffer has its size.
    for number in 0..rounds {
        bench.round(number as usize, &mut buffer, &mut figures);
    }
    bench.clear();
    let _ = std::fs::remove_file(&bench.file);
    figures.print(count as usize);
    figures.print_ratio("Connection::bundle, of the bytes in memory", STREAM, BUNDLE);
    figures.print_ratio("Connection::bundle, of ovs-ofctl --bundle", OFCTL, BUNDLE);
    figures.print_ratio("Connection::flows, of ovs-ofctl dump-flows", DUMP, FLOWS);
    figures.print_ratio("Connection::flows and printing, of ovs-ofctl dump-flows", DUMP, PRINTED);
}
