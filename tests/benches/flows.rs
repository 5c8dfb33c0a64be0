//! Flows into a switch and back, with the crate's own connection: `flows SOCKET FLOWS`.
//!
//! Prints one JSON object: seconds for one atomic bundle of that many flows, and for reading all of them back. Built with
//! optimization; `cargo xtask bench flows` runs it beside `ovs-ofctl`, on the flows that it writes to `FILE` when `FLOWS` is
//! followed by one.

use std::fmt::Write;
use std::time::Instant;

use rust_openflow::{Action, Connection, Field, Flow, FlowMod, Match, Message};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [socket, count, rest @ ..] = arguments.as_slice() else { return };
    let count: u32 = count.parse().expect("a number of flows");
    if let [file] = rest {
        std::fs::write(file, text(count)).expect("the file can be written");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (install, read) = runtime.block_on(measure(&format!("unix:{socket}"), count));
    println!("{}", serde_json::json!({"install": install, "read": read}));
}

/// Seconds to install and to read back.
async fn measure(address: &str, count: u32) -> (f64, f64) {
    let connection = Connection::connect(address).await.expect("the switch answers");
    connection.one(Message::FlowMod(FlowMod::delete(FlowMod::ALL_TABLES, Match::new()))).await.expect("emptied");
    let began = Instant::now();
    let flows = (0..count).map(|n| Message::FlowMod(FlowMod::add(flow(n))));
    connection.bundle(flows).await.expect("the switch takes the flows");
    let install = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let read = connection.flows().await.expect("the switch tells its flows");
    assert_eq!(read.len(), count as usize);
    (install, began.elapsed().as_secs_f64())
}

/// A flow of the benchmark: an address, a register, a jump.
fn flow(n: u32) -> Flow {
    let address = std::net::Ipv4Addr::from(0x0a00_0000 + n);
    let matching = Match::new().ipv4().addr4(Field::Ipv4Dst, address);
    let load = Action::load(u128::from(n), Field::Reg0);
    Flow::new(0).priority(100).cookie(u64::from(n) + 1).matching(matching).actions([load, Action::resubmit(1)])
}

/// The same flows as `ovs-ofctl` takes them.
fn text(count: u32) -> String {
    let mut text = String::new();
    for n in 0..count {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + n);
        let cookie = n + 1;
        writeln!(
            text,
            "priority=100,cookie={cookie:#x},ip,nw_dst={address},actions=load:{n:#x}->NXM_NX_REG0[],resubmit(,1)"
        )
        .expect("a string takes everything");
    }
    text
}
