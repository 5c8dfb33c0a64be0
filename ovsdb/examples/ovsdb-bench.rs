//! Measures loading a replica from the real `ovsdb-server`: time and memory by number of rows.
//!
//! `ovsdb-bench [INTERFACES...]`, 5,000 and then up to 50,000 if none is given. Each size gets a server of its own in a
//! temporary folder (`ovsdb-server` and `ovsdb-tool` must be installed), filled with one bridge whose ports have one
//! interface each. Followed are first the interfaces alone, then bridge, ports and interfaces: two rows for each interface.
//! Printed are, the best of several rounds in which all take turns: the time until a client has everything, the time that the
//! bare bytes of the same reply take (the server's share), the times that `ovsdb-client dump` and `ovsdb-client monitor` take
//! of the same tables, and the times that this process and the server were on a processor for a load (which other programs
//! on the machine disturb little); then the growth of a process that loads one replica, and the time of one more port.
//! Build it with `--release`.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ovsdb::address::Address;
use ovsdb::client::Config;
use ovsdb::connection::{Connection, Options, dial};
use ovsdb::framer::Framer;
use ovsdb::monitor::Generation;
use ovsdb::vswitch::{Bridge, DATABASE, Interface, OpenVSwitch, Port};
use ovsdb::{Client, Fields, Monitor, Transaction};

type Error = Box<dyn std::error::Error>;

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/vswitch.ovsschema");
const SIZES: &[usize] = &[5_000, 12_500, 25_000, 50_000];
/// Ports added by one transaction: a server that works on one for long answers nobody meanwhile.
const CHUNK: usize = 1_000;
const ROUNDS: usize = 5;
/// The argument that asks for the growth of a process that loads one replica.
const LOAD: &str = "--load";
/// A busy machine and a server at work for long are no reason to give up a connection.
const PATIENCE: Options = Options { probe: Duration::from_secs(120), message_limit: Framer::DEFAULT_LIMIT };
const HEADER: [&str; 13] = [
    "interfaces",
    "followed",
    "rows",
    "reply MB",
    "bytes only ms",
    "loaded ms",
    "ovsdb-client dump ms",
    "ovsdb-client monitor ms",
    "client processor ms",
    "server processor ms",
    "client us a row",
    "client bytes a row",
    "one more port ms",
];

fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [LOAD, address, server, what] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        let followed = [Followed::Interfaces, Followed::All].into_iter().find(|followed| followed.name() == what);
        return runtime.block_on(print_growth(&Switch { address, server }, followed.ok_or("nothing to follow")?));
    }
    let sizes = arguments.iter().map(|argument| argument.parse()).collect::<Result<Vec<usize>, _>>()?;
    let sizes = if sizes.is_empty() { SIZES } else { &sizes };
    println!("{}", HEADER.join(" | "));
    println!("{}", HEADER.map(|_| "---").join(" | "));
    for &size in sizes {
        runtime.block_on(measure(size))?;
    }
    Ok(())
}

/// What is loaded.
#[derive(Clone, Copy)]
enum Followed {
    Interfaces,
    All,
}

impl Followed {
    fn name(self) -> &'static str {
        match self {
            Followed::Interfaces => "interfaces",
            Followed::All => "bridge, ports, interfaces",
        }
    }

    fn monitor(self) -> Monitor {
        match self {
            Followed::Interfaces => Monitor::new().table::<Interface>(),
            Followed::All => Monitor::new().table::<Bridge>().table::<Port>().table::<Interface>(),
        }
    }

    /// How `ovsdb-client` names it: one table, or all.
    fn table(self) -> Option<&'static str> {
        match self {
            Followed::Interfaces => Some("Interface"),
            Followed::All => None,
        }
    }
}

/// The server that is measured.
#[derive(Clone, Copy)]
struct Switch<'a> {
    address: &'a str,
    /// Its process.
    server: &'a str,
}

async fn measure(size: usize) -> Result<(), Error> {
    let folder = tempfile::TempDir::with_prefix("ovsdb-bench-")?;
    let address = serve(folder.path())?;
    let server = std::fs::read_to_string(folder.path().join("pid"))?.trim().to_owned();
    let result = async {
        fill(&address, size).await?;
        for (n, followed) in [Followed::Interfaces, Followed::All].into_iter().enumerate() {
            measure_one(&Switch { address: &address, server: &server }, followed, (size, n)).await?;
        }
        Ok(())
    };
    let result = result.await;
    stop(folder.path())?;
    result
}

async fn measure_one(switch: &Switch<'_>, followed: Followed, (size, pass): (usize, usize)) -> Result<(), Error> {
    let keeper = Keeper::connect(switch.address).await?;
    let (mut raw, mut bytes, mut dump, mut monitor) = (Duration::MAX, 0, Duration::MAX, Duration::MAX);
    let (client, mut best) = load(switch, followed).await?;
    for _ in 0..ROUNDS {
        keeper.settle().await?;
        let (took, length) = receive(switch, followed).await?;
        (raw, bytes) = (raw.min(took), length);
        keeper.settle().await?;
        best = best.min(load(switch, followed).await?.1);
        keeper.settle().await?;
        dump = dump.min(dumped(switch, followed)?);
        keeper.settle().await?;
        monitor = monitor.min(monitored(switch, followed)?);
    }
    keeper.settle().await?;
    let (rows, memory) = (client.snapshot().len(), memory(switch, followed)?);
    let mut one = Duration::MAX;
    for round in 0..ROUNDS {
        one = one.min(one_more(&client, size + pass * ROUNDS + round).await?);
    }
    println!(
        "{size} | {} | {rows} | {:.1} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.1} | {} | {:.2}",
        followed.name(),
        bytes as f64 / 1e6,
        millis(raw),
        millis(best.time),
        millis(dump),
        millis(monitor),
        millis(best.client),
        millis(best.server),
        millis(best.client) * 1e3 / rows as f64,
        memory / rows,
        millis(one),
    );
    Ok(())
}

/// How long `ovsdb-client dump` takes, which asks once and prints a table.
fn dumped(switch: &Switch<'_>, followed: Followed) -> Result<Duration, Error> {
    let start = Instant::now();
    let mut command = Command::new("ovsdb-client");
    command.args(["dump", switch.address, DATABASE]).args(followed.table());
    let output = command.output()?;
    match output.status.success() && !output.stdout.is_empty() {
        true => Ok(start.elapsed()),
        false => Err(format!("ovsdb-client dump: {}", output.status).into()),
    }
}

/// How long `ovsdb-client monitor` takes until it has printed all rows there are, which is when it goes to the background.
fn monitored(switch: &Switch<'_>, followed: Followed) -> Result<Duration, Error> {
    let folder = tempfile::TempDir::with_prefix("ovsdb-bench-monitor-")?;
    let (pid, printed) = (folder.path().join("pid"), folder.path().join("printed"));
    let start = Instant::now();
    let mut command = Command::new("ovsdb-client");
    command.args(["--detach", "--no-chdir", &format!("--pidfile={}", pid.display())]);
    command.args(["monitor", switch.address, DATABASE, followed.table().unwrap_or("ALL")]);
    command.env("OVS_RUNDIR", folder.path()); // Where it puts its control socket.
    let status = command.stdout(std::fs::File::create(&printed)?).status()?;
    let took = start.elapsed();
    run("kill", &[std::fs::read_to_string(pid)?.trim()])?;
    match status.success() && std::fs::metadata(printed)?.len() > 0 {
        true => Ok(took),
        false => Err(format!("ovsdb-client monitor: {status}").into()),
    }
}

/// A connection that stays: what it asks is answered once the server has cleaned up after those who left, which else the
/// next to come would wait for.
struct Keeper(Connection);

impl Keeper {
    async fn connect(address: &str) -> Result<Keeper, Error> {
        let stream = dial(&address.parse::<Address>()?, None, Duration::from_secs(5)).await?;
        Ok(Keeper(Connection::over(stream, &PATIENCE).0))
    }

    async fn settle(&self) -> Result<(), Error> {
        for _ in 0..3 {
            self.0.list_dbs().await?; // A round of its loop each.
        }
        Ok(())
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// What loading cost: until it was done, and how long this process and the server were on a processor for it.
struct Cost {
    time: Duration,
    client: Duration,
    server: Duration,
}

impl Cost {
    fn min(self, other: Cost) -> Cost {
        Cost {
            time: self.time.min(other.time),
            client: self.client.min(other.client),
            server: self.server.min(other.server),
        }
    }
}

/// Loads a replica.
async fn load(switch: &Switch<'_>, followed: Followed) -> Result<(Client, Cost), Error> {
    let (start, own, theirs) = (Instant::now(), on_processor("self")?, on_processor(switch.server)?);
    let config = Config::new(vec![switch.address.parse()?], DATABASE);
    let config = Config { monitor: followed.monitor(), connection: PATIENCE, ..config };
    let mut client = Client::start(config);
    client.loaded().await?;
    let time = start.elapsed();
    Ok((client, Cost { time, client: on_processor("self")? - own, server: on_processor(switch.server)? - theirs }))
}

/// How long a process was on a processor so far.
fn on_processor(process: &str) -> Result<Duration, Error> {
    let text = std::fs::read_to_string(format!("/proc/{process}/schedstat"))?;
    Ok(Duration::from_nanos(text.split(' ').next().ok_or("an empty schedstat")?.parse()?))
}

/// The same request and reply without decoding: how long the server and the socket take, and how many bytes it is.
async fn receive(switch: &Switch<'_>, followed: Followed) -> Result<(Duration, usize), Error> {
    let start = Instant::now();
    let stream = dial(&switch.address.parse::<Address>()?, None, Duration::from_secs(5)).await?;
    let (connection, _queue) = Connection::over(stream, &PATIENCE);
    let monitor = followed.monitor();
    let layout = monitor.layout(&connection.get_schema(DATABASE).await?);
    let requests = monitor.requests(&layout, Generation::Cond);
    let reply = connection.request("monitor_cond", &serde_json::json!([DATABASE, "m", requests]).to_string()).await?;
    Ok((start.elapsed(), reply.get().len()))
}

/// Adds a port to the full bridge; the time until the replica has it.
async fn one_more(client: &Client, size: usize) -> Result<Duration, Error> {
    let start = Instant::now();
    let mut txn = Transaction::new(DATABASE);
    add(&mut txn, size);
    client.transact(&txn).await?;
    Ok(start.elapsed())
}

fn add(txn: &mut Transaction, n: usize) {
    let name = format!("port{n:06}");
    let interface = txn.insert(
        Fields::<Interface>::new()
            .set(Interface::NAME, name.as_str())
            .set(Interface::TYPE, "dummy")
            .set(Interface::OPTIONS, [("key", "flow"), ("remote_ip", "flow")])
            .set(Interface::EXTERNAL_IDS, vec![("iface-id", format!("default/pod-{n}")), ("attached-mac", mac(n))])
            .set(Interface::OFPORT, n as i64),
    );
    let port = txn.insert(Fields::<Port>::new().set(Port::NAME, name.as_str()).set(Port::INTERFACES, [&interface]));
    txn.mutate::<Bridge>([], [Bridge::PORTS.insert([&port])]);
}

fn mac(n: usize) -> String {
    format!("02:00:00:{:02x}:{:02x}:{:02x}", n >> 16 & 255, n >> 8 & 255, n & 255)
}

async fn fill(address: &str, size: usize) -> Result<(), Error> {
    let client = Client::start(Config { connection: PATIENCE, ..Config::new(vec![address.parse()?], DATABASE) });
    let mut txn = Transaction::new(DATABASE);
    let bridge = txn.insert(Fields::<Bridge>::new().set(Bridge::NAME, "bench"));
    txn.insert(Fields::<OpenVSwitch>::new().set(OpenVSwitch::BRIDGES, [&bridge]));
    client.transact(&txn).await?;
    for start in (0..size).step_by(CHUNK) {
        let mut txn = Transaction::new(DATABASE);
        (start..size.min(start + CHUNK)).for_each(|n| add(&mut txn, n));
        client.transact(&txn).await?;
    }
    Ok(())
}

/// The growth in bytes of a process that does nothing but load a replica: another one, which starts without leftovers.
fn memory(switch: &Switch<'_>, followed: Followed) -> Result<usize, Error> {
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.args([LOAD, switch.address, switch.server, followed.name()]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// What that other process does.
async fn print_growth(switch: &Switch<'_>, followed: Followed) -> Result<(), Error> {
    let before = resident()?;
    let (client, _) = load(switch, followed).await?;
    println!("{}", resident()?.saturating_sub(before));
    drop(client);
    Ok(())
}

/// Memory of this process in bytes.
fn resident() -> Result<usize, Error> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
}

fn serve(folder: &Path) -> Result<String, Error> {
    let file = |name: &str| folder.join(name).display().to_string();
    run("ovsdb-tool", &["create", &file("db"), SCHEMA])?;
    let (remote, pid, control) = (
        format!("--remote=punix:{}", file("sock")),
        format!("--pidfile={}", file("pid")),
        format!("--unixctl={}", file("ctl")),
    );
    run("ovsdb-server", &[&file("db"), &remote, &pid, &control, "--detach", "--no-chdir", "-vconsole:off"])?;
    Ok(format!("unix:{}", file("sock")))
}

fn stop(folder: &Path) -> Result<(), Error> {
    run("ovs-appctl", &["-t", &folder.join("ctl").display().to_string(), "exit"])
}

fn run(program: &str, arguments: &[&str]) -> Result<(), Error> {
    let status = Command::new(program).args(arguments).status()?;
    if status.success() { Ok(()) } else { Err(format!("{program} {arguments:?}: {status}").into()) }
}
