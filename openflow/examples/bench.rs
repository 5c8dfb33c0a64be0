//! Speed beside `ovs-ofctl`, in one run, against a switch whose flows it replaces.
//!
//! `cargo run --release --features connection --example bench -- unix:/path/to/br0.mgmt [FLOWS]`. The bridge must speak
//! OpenFlow 1.5 and should belong to a test: all its flows are deleted. Each line is the best of three.

use rust_openflow::bundle::{BundleControl, BundleFlags, BundleStep};
use rust_openflow::message::{HEADER, frame_length};
use rust_openflow::{Action, Connection, Field, Flow, FlowMod, Match, Message};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Flow number `n`: an IPv4 address, two actions.
fn flow(n: u32) -> Flow {
    Flow::new(0)
        .priority(100)
        .matching(Match::new().ipv4().with(Field::Ipv4Dst, u128::from(0x0a00_0000 + n)))
        .action(Action::set(Field::Reg1, u128::from(n)))
        .action(Action::resubmit(10))
}

/// The shortest of three.
fn best(mut run: impl FnMut() -> Duration) -> Duration {
    (0..3).map(|_| run()).min().expect("there are three")
}

fn report(what: &str, flows: usize, took: Duration) {
    println!("{what:<58} {:>9.0} ms {:>12.0} flows/s", took.as_secs_f64() * 1e3, flows as f64 / took.as_secs_f64());
}

fn main() {
    let address = std::env::args().nth(1).expect("unix:PATH of a bridge");
    let count: u32 = std::env::args().nth(2).map_or(100_000, |n| n.parse().expect("a number of flows"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let messages: Vec<Message> = (0..count).map(|n| FlowMod::add(flow(n)).into()).collect();
    let flows = messages.len();

    let mut buffer = Vec::with_capacity(256 * flows);
    let encode = best(|| {
        buffer.clear();
        let start = Instant::now();
        for message in &messages {
            message.encode(1, &mut buffer).expect("the flows can be encoded");
        }
        start.elapsed()
    });
    report("encode into one buffer, one core", flows, encode);

    let connection = runtime.block_on(Connection::connect(&address)).expect("the switch answers");
    let clear = || {
        let delete = FlowMod::delete(FlowMod::ALL_TABLES, Match::new());
        runtime.block_on(connection.one(delete.into())).expect("flows can be deleted");
    };
    let stream = best(|| {
        clear();
        raw_bundle(&address, &messages)
    });
    report("bundle: bytes in memory, blocking socket", flows, stream);
    let bundle = best(|| {
        clear();
        let messages = messages.clone();
        let start = Instant::now();
        runtime.block_on(connection.bundle(messages)).expect("the bundle is committed");
        start.elapsed()
    });
    report("bundle: Connection::bundle, encoding included", flows, bundle);
    let file = std::env::temp_dir().join(format!("wof-bench-{}", std::process::id()));
    let text: String = (0..count).map(|n| format!("{}\n", flow(n))).collect();
    std::fs::write(&file, text).expect("a temporary file");
    let ofctl = best(|| {
        clear();
        let path = file.to_str().expect("a plain path");
        time_ofctl(&["--bundle", "add-flows", &address, path])
    });
    report("bundle: ovs-ofctl --bundle add-flows, parsing included", flows, ofctl);
    let _ = std::fs::remove_file(file);

    let dump = best(|| {
        let start = Instant::now();
        let have = runtime.block_on(connection.flows()).expect("flows can be dumped");
        assert_eq!(have.len(), flows);
        start.elapsed()
    });
    report("dump: Connection::flows, decoded", flows, dump);
    let print = best(|| {
        let start = Instant::now();
        let have = runtime.block_on(connection.flows()).expect("flows can be dumped");
        let length: usize = have.iter().map(|stats| stats.to_string().len()).sum();
        assert!(length > flows);
        start.elapsed()
    });
    report("dump: Connection::flows, decoded and printed", flows, print);
    report("dump: ovs-ofctl dump-flows", flows, best(|| time_ofctl(&["--no-names", "dump-flows", &address])));
    clear();
}

fn time_ofctl(args: &[&str]) -> Duration {
    let start = Instant::now();
    let status = Command::new("ovs-ofctl").args(["-O", "OpenFlow15"]).args(args).stdout(Stdio::null()).status();
    assert!(status.expect("ovs-ofctl is installed").success());
    start.elapsed()
}

/// What the switch takes from bytes that are there already: the time from the first byte to the commit's reply.
fn raw_bundle(address: &str, messages: &[Message]) -> Duration {
    let control = |step| {
        let control = BundleControl { id: 1, step, flags: BundleFlags::ATOMIC_ORDERED, opaque: Vec::new() };
        Message::BundleControl(control).to_bytes(7).expect("bundle control can be encoded")
    };
    let mut bytes = control(BundleStep::OpenRequest);
    for message in messages {
        let inner = message.to_bytes(9).expect("the flows can be encoded");
        let length = (HEADER + 8 + inner.len()) as u16;
        bytes.extend([6, 34]);
        bytes.extend(length.to_be_bytes());
        bytes.extend([0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 3]);
        bytes.extend(inner);
    }
    bytes.extend(control(BundleStep::CommitRequest));
    let mut stream = UnixStream::connect(address.trim_start_matches("unix:")).expect("the switch answers");
    stream.write_all(&[6, 0, 0, 16, 0, 0, 0, 1, 0, 1, 0, 8, 0, 0, 0, 0x40]).expect("a hello is taken");
    read(&mut stream);
    let mut writing = stream.try_clone().expect("a socket can be shared");
    let start = Instant::now();
    let writer = std::thread::spawn(move || writing.write_all(&bytes).expect("the bytes are taken"));
    loop {
        match read(&mut stream) {
            Message::BundleControl(c) if c.step == BundleStep::CommitReply => break,
            Message::Error(error) => panic!("{error}"),
            _ => {}
        }
    }
    let took = start.elapsed();
    writer.join().expect("writing does not fail");
    took
}

fn read(stream: &mut UnixStream) -> Message {
    let mut frame = vec![0; HEADER];
    stream.read_exact(&mut frame).expect("the switch does not hang up");
    let length = frame_length(&frame).expect("a length").expect("a header");
    frame.resize(length, 0);
    stream.read_exact(&mut frame[HEADER..]).expect("the switch does not hang up");
    Message::decode(&frame).expect("the switch sends messages").1
}
