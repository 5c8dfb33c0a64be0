//! The examples that are tools, run as a user runs them: on what the real `ovs-ofctl` was recorded with, on malformed
//! input, and, where Open vSwitch is installed, on what a switch answers while packets flow.
#![cfg(feature = "connection")]

mod recording;
mod vswitch;

use recording::{records, unhex};
use rust_openflow::message::frame_length;
use rust_openflow::monitor::FlowMonitorRequest;
use rust_openflow::multipart::{MultipartFlags, MultipartRequest};
use rust_openflow::switch::Hello;
use rust_openflow::tlv::{TlvCommand, TlvMap, TlvTableMod};
use rust_openflow::{Action, Field, Flow, FlowMod, FlowRequest, Group, Match, Message, Meter, PortNo};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use vswitch::Vswitch;

/// The examples, built once: tests of one target do not build them.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let build = ["build", "--quiet", "-p", "rust-openflow", "--examples"];
    let status = Command::new(env!("CARGO")).args(build).status().unwrap();
    assert!(status.success());
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(Path::parent).unwrap().join("examples")
});

/// What an example makes of its input.
struct Made {
    out: String,
    errors: Vec<String>,
    success: bool,
}

fn example(name: &str, input: &str) -> Made {
    let mut command = Command::new(FOLDER.join(name));
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // Beside reading, for the pipes hold only so much.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let errors = text(output.stderr).lines().map(str::to_owned).collect();
    Made { out: text(output.stdout), errors, success: output.status.success() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn ofp_print_prints_everything_recorded_in_one_run() {
    let (mut input, mut want) = (String::new(), String::new());
    for (n, record) in records().iter().enumerate() {
        for (message, printed) in record.messages.iter().zip(&record.printed) {
            input += &hex(message);
            // On lines of their own, apart by blanks, or one after another.
            input += ["\n", " ", "", "\r\n\n"][n % 4];
            want += printed.trim_end();
            want += "\n";
        }
    }
    let made = example("ofp-print", &input);
    assert_eq!((made.success, made.errors), (true, vec![]));
    assert!(made.out == want, "the texts differ");
}

#[test]
fn ofp_print_tells_what_is_malformed_and_goes_on() {
    let echo = "0602000800000001";
    let bad = "060e000800000002"; // A change of a flow without the flow.
    let made = example("ofp-print", &format!("{echo}\n{bad}\n{echo}\n06020010000000030102\n"));
    assert!(!made.success);
    assert_eq!(made.out.matches("OFPT_ECHO_REQUEST").count(), 2);
    assert!(made.errors[0].starts_with("byte 8: ") && made.errors[0].contains("8 bytes"), "{:?}", made.errors);
    assert!(made.errors.last().unwrap().contains("cut off"), "{:?}", made.errors);
    let made = example("ofp-print", "06xx");
    assert!(!made.success && made.errors[0].contains("no hex digit"), "{:?}", made.errors);
}

/// The word that `ofp-encode` knows a command of `ovs-ofctl` by, with its text.
fn line(command: &str, text: &str) -> String {
    match text.strip_suffix("\u{1f}--strict") {
        Some(text) => format!("{command}-strict {text}\n"),
        None => format!("{command} {text}\n"),
    }
}

#[test]
fn ofp_encode_writes_the_bytes_of_ovs_ofctl_for_every_agreed_line() {
    let areas = ["flows", "actions", "groups", "meters", "wild"];
    let records: Vec<_> = records().into_iter().filter(|record| areas.contains(&record.area)).collect();
    let changes = ["add-", "mod-", "del-", "insert-buckets", "remove-buckets"];
    let changes = |record: &recording::Record| changes.iter().any(|command| record.command.starts_with(command));
    let records = records.into_iter().filter(|record| changes(record) && !record.is_fault_of_ovs_ofctl());
    let records: Vec<_> = records.collect();
    let input: String = records.iter().map(|record| line(&record.command, &record.text)).collect();
    let made = example("ofp-encode", &input);
    assert_eq!((made.success, made.errors), (true, vec![]));
    let lines: Vec<_> = made.out.lines().collect();
    assert_eq!(lines.len(), records.len());
    for (record, line) in records.iter().zip(lines) {
        let want = record.messages.last().unwrap();
        assert_eq!(unhex(line)[8..], want[8..], "{} {}", record.command, record.text);
    }
}

#[test]
fn ofp_encode_names_the_lines_that_are_wrong_and_writes_the_others() {
    let made =
        example("ofp-encode", "# a comment\n\nip,actions=output:1\nip,actions=boo\nfoo=1,actions=drop\nactions=drop\n");
    assert!(!made.success);
    assert_eq!(made.out.lines().count(), 2);
    let lines: Vec<_> = made.errors.iter().map(|e| e.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["line 4", "line 5"]);
}

/// Everything that a switch answers to these, with its events, until the answer to the barrier behind them.
fn answers(switch: &Vswitch, asked: &[Message]) -> Vec<Vec<u8>> {
    let mut stream = UnixStream::connect(switch.path("br0.mgmt")).unwrap();
    let mut say = |xid, message: &Message| stream.write_all(&message.to_bytes(xid).unwrap()).unwrap();
    say(1, &Message::Hello(Hello::ONLY_1_5));
    (2..).zip(asked).for_each(|(xid, message)| say(xid, message));
    say(u32::MAX, &Message::BarrierRequest);
    let mut kept = Vec::new();
    loop {
        let mut message = vec![0; 8];
        stream.read_exact(&mut message).unwrap();
        message.resize(frame_length(&message).unwrap().unwrap(), 0);
        stream.read_exact(&mut message[8..]).unwrap();
        if let Ok((_, Message::BarrierReply)) = Message::decode(&message) {
            return kept;
        }
        kept.push(message);
    }
}

#[test]
fn ofp_print_prints_what_a_switch_answers_as_ovs_ofctl_does() {
    let Some(switch) = Vswitch::start("examples") else { return };
    let ofctl = |args: &[&str]| {
        let target = switch.path("br0.mgmt");
        let mut command = Command::new("ovs-ofctl");
        let status = command.args(["-O", "OpenFlow15", args[0], &format!("unix:{target}")]).args(&args[1..]).status();
        assert!(status.unwrap().success(), "{args:?}");
    };
    ofctl(&["add-meter", "meter=1,pktps,burst,stats,band=type=drop,rate=50000,burst_size=10"]);
    ofctl(&["add-group", "group_id=1,type=select,selection_method=dp_hash,bucket=weight:3,actions=2,bucket=actions=2"]);
    ofctl(&["add-flow", "table=0,priority=5,ip,in_port=1,cookie=7,actions=meter:1,resubmit(,1)"]);
    ofctl(&["add-flow", "table=1,tcp,nw_dst=10.0.0.0/8,tp_dst=0x50/0xfff0,actions=load:5->reg3[0..7],group:1"]);
    ofctl(&[
        "add-flow",
        "table=1,priority=1,actions=learn(table=2,NXM_OF_ETH_SRC[]=NXM_OF_ETH_DST[],output:in_port),2",
    ]);
    for n in 0..50 {
        let flow = format!(
            "in_port(1),eth(src=50:54:00:00:00:01,dst=50:54:00:00:00:02),eth_type(0x0800),\
             ipv4(src=10.0.0.1,dst=10.0.0.2,proto=6,tos=0,ttl=64,frag=no),tcp(src={},dst=80),tcp_flags(0x002)",
            1000 + n
        );
        let control = ["-t", &switch.path("ctl"), "netdev-dummy/receive", "p1", &flow].map(str::to_owned);
        assert!(Command::new("ovs-appctl").args(control).status().unwrap().success());
    }
    let all = |request| Message::MultipartRequest { request, flags: MultipartFlags::LAST };
    let everything = FlowRequest::default();
    let option = TlvMap { class: 0x109, kind: 0x40, length: 4, index: 0 };
    let told = Action::copy(Field::Reg0.all_bits(), Field::TunMetadata0.range(0, 31));
    let asked = [
        Message::TlvTableMod(TlvTableMod { command: TlvCommand::Add, maps: vec![option] }),
        FlowMod::add(Flow::new(4).matching(Match::new().with(Field::TunMetadata0, 5)).action(told)).into(),
        Message::TlvTableRequest,
        Message::FeaturesRequest,
        Message::GetConfigRequest,
        Message::GetAsyncRequest,
        all(MultipartRequest::Desc),
        all(MultipartRequest::Flows(everything.clone())),
        all(MultipartRequest::Aggregate(everything)),
        all(MultipartRequest::TableStats),
        all(MultipartRequest::TableDesc),
        all(MultipartRequest::TableFeatures(Vec::new())),
        all(MultipartRequest::PortStats(PortNo::ANY)),
        all(MultipartRequest::Ports(PortNo::ANY)),
        all(MultipartRequest::GroupStats(Group::ALL)),
        all(MultipartRequest::Groups(Group::ALL)),
        all(MultipartRequest::GroupFeatures),
        all(MultipartRequest::MeterStats(Meter::ALL)),
        all(MultipartRequest::Meters(Meter::ALL)),
        all(MultipartRequest::MeterFeatures),
        all(MultipartRequest::FlowMonitor(vec![FlowMonitorRequest::all(1)])),
        FlowMod::delete(1, Match::new().ipv4()).into(), // The monitor tells of it.
    ];
    let answers = answers(&switch, &asked);
    assert!(answers.len() > 18, "only {} messages", answers.len());
    for bytes in &answers {
        let (xid, message) = Message::decode(bytes).unwrap();
        assert!(!matches!(message, Message::Error(_) | Message::Opaque { .. }), "{message:?}");
        assert_eq!(message.to_bytes(xid).as_ref(), Ok(bytes), "{message:?}");
    }
    assert!(
        answers.iter().any(|bytes| bytes.windows(4).any(|header| header == [0, 1, 80, 4])),
        "the option's own length"
    );
    // Of the tables' features, which are alike, the first parts are enough.
    let few: Vec<_> = answers.iter().filter(|bytes| bytes.len() < 5000).take(60).collect();
    let made = example("ofp-print", &few.iter().map(|bytes| hex(bytes)).collect::<Vec<_>>().join("\n"));
    let theirs: String = few.iter().map(|bytes| theirs(&hex(bytes))).collect();
    assert_eq!((made.success, made.errors), (true, vec![]));
    assert_eq!(made.out, theirs);
}

fn theirs(hex: &str) -> String {
    let output = Command::new("ovs-ofctl").args(["ofp-print", hex]).output().unwrap();
    format!("{}\n", String::from_utf8(output.stdout).unwrap().trim_end())
}
