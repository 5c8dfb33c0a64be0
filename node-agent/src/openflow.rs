//! The OpenFlow connection to the bridge: kept, read back, written to.
//!
//! A task of its own; it knows no state. It says when there is a connection, hands over punted packets, and says when somebody
//! else touched the flows (a flow monitor leaves our own changes out).

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use api::node::Encapsulation;
use pipeline::{Changes, Cookie, GroupThere, tunnel};
use rust_openflow::connection::{Address, Connection, Event, EventError, Options};
use rust_openflow::ct_flush::CtFlush;
use rust_openflow::message::Message;
use rust_openflow::monitor::{FlowMonitorRequest, FlowUpdate};
use rust_openflow::multipart::{MultipartReply, MultipartRequest};
use rust_openflow::packet::{PacketIn2, PacketOut};
use rust_openflow::port::PortNo;
use rust_openflow::switch::SwitchConfig;
use rust_openflow::tlv::{TlvCommand, TlvMap, TlvTableMod};
use rust_openflow::{Action, Field, FlowMod, FlowRequest, FlowStats, Meter, MeterCommand, MeterMod};
use tokio::sync::mpsc;
use tracing::{debug, warn};

/// Where the source identity is in the tunnel header: Geneve option class and type, four bytes, `tun_metadata0`.
const IDENTITY: TlvMap = TlvMap { class: 0x0109, kind: 0x40, length: 4, index: 0 };

/// The table whose flows other flows learn.
pub const SERVICE_AFFINITY: u8 = 50;

/// A pause before connecting again: a bridge that is being made has its socket within milliseconds.
const PAUSE: Duration = Duration::from_millis(100);

/// What the task tells the loop.
#[derive(Debug)]
pub enum SwitchEvent {
    /// There is a connection.
    Up(Handle),
    /// There is none any more.
    Lost(String),
    /// Somebody else changed flows.
    Touched,
    /// A packet for the agent.
    PacketIn(PuntedPacket),
}

/// A packet that a flow handed to the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PuntedPacket {
    /// OpenFlow port that it came in at.
    pub port: u32,
    /// Through the tunnel: where from, and of which network.
    pub tunnel: Option<TunnelEnd>,
    /// Why, as the pipeline says.
    pub userdata: Vec<u8>,
    /// The packet, or its beginning.
    pub packet: Vec<u8>,
    /// Bytes of the whole packet.
    pub length: u32,
    /// Cookie of the flow that handed it over; 0 where the switch does not tell.
    pub cookie: u64,
}

/// The other end of the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TunnelEnd {
    /// Its address.
    pub address: IpAddr,
    /// The VNI: as it came in.
    pub vni: u32,
}

/// What is in the switch.
#[derive(Debug, Default)]
pub struct ReadBack {
    /// All flows of all tables, with their counters.
    pub flows: Vec<FlowStats>,
    /// All groups, as far as it matters for what has to change.
    pub groups: Vec<GroupThere>,
    /// All meters, save the switch's own.
    pub meters: Vec<Meter>,
    /// The map of tunnel options.
    pub tlv: Vec<TlvMap>,
}

/// A difference to be written.
#[derive(Debug, Default)]
pub struct Program {
    /// Flows and groups, step after step, in one bundle.
    pub steps: Vec<Changes>,
    /// Before the flows, but deletions after them.
    pub meters: Vec<MeterMod>,
    /// The change of the map of tunnel options; before the flows.
    pub tlv: Vec<TlvTableMod>,
}

impl Program {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.count() == 0 && self.steps.iter().all(Changes::is_empty)
    }

    /// How many changes there are.
    pub fn count(&self) -> usize {
        self.steps.iter().map(Changes::count).sum::<usize>() + self.meters.len() + self.tlv.len()
    }
}

/// The steps that bring the map of tunnel options to what the pipeline uses: rows of others are left alone, unless they take
/// our place.
pub fn tlv_changes(have: &[TlvMap]) -> Vec<TlvTableMod> {
    if have.contains(&IDENTITY) {
        return Vec::new();
    }
    let in_the_way =
        |map: &&TlvMap| map.index == IDENTITY.index || (map.class, map.kind) == (IDENTITY.class, IDENTITY.kind);
    let gone: Vec<TlvMap> = have.iter().filter(in_the_way).copied().collect();
    let mut changes = Vec::new();
    if !gone.is_empty() {
        changes.push(TlvTableMod { command: TlvCommand::Delete, maps: gone });
    }
    changes.push(TlvTableMod { command: TlvCommand::Add, maps: vec![IDENTITY] });
    changes
}

/// A connection, to be used.
#[derive(Debug, Clone)]
pub struct Handle {
    connection: Connection,
}

impl Handle {
    /// Reads everything.
    pub async fn read_back(&self) -> Result<ReadBack> {
        let connection = &self.connection;
        let flows = connection.flows().await.context("flows")?;
        let mut groups = Vec::new();
        connection.groups_each(|group| groups.push(group.into())).await.context("groups")?;
        let mut meters = connection.meters().await.context("meters")?;
        meters.retain(|meter| meter.id <= MAX_METER);
        let tlv = connection.tlv_table().await.context("tunnel options")?.maps;
        Ok(ReadBack { flows, groups, meters, tlv })
    }

    /// Writes a difference; when this returns, the switch has confirmed it.
    pub async fn program(&self, program: Program) -> Result<()> {
        let connection = &self.connection;
        for change in program.tlv {
            connection.tlv_table_mod(change).await.context("tunnel options")?;
        }
        let (gone, meters): (Vec<_>, Vec<_>) =
            program.meters.into_iter().partition(|change| change.command == MeterCommand::Delete);
        self.one_by_one(meters.into_iter().map(Message::MeterMod)).await.context("meters")?;
        let mut steps = program.steps;
        let flush = steps.iter_mut().flat_map(|step| std::mem::take(&mut step.flush)).collect();
        let mut messages = steps.into_iter().flat_map(Changes::into_messages);
        match (messages.next(), messages.next()) {
            (None, _) => {}
            // One message is all or nothing by itself, and takes one round trip where a bundle takes two.
            (Some(only), None) => self.one_by_one([only]).await.context("flows and groups")?,
            (Some(first), Some(second)) => {
                let all = [first, second].into_iter().chain(messages);
                connection.bundle(all).await.context("flows and groups")?;
            }
        }
        self.one_by_one(gone.into_iter().map(Message::MeterMod)).await.context("meters")?;
        self.forget(flush).await;
        Ok(())
    }

    /// Forgets connections. What the switch cannot do (it learned it with 3.1) is no reason to write flows again.
    pub async fn forget(&self, connections: Vec<CtFlush>) {
        if let Err(error) = self.one_by_one(connections.into_iter().map(Message::CtFlush)).await {
            warn!("the switch does not forget connections of Services whose endpoints are gone: {error:#}");
        }
    }

    /// Returns when the switch has done all that was sent before.
    pub async fn barrier(&self) -> Result<()> {
        Ok(self.connection.barrier().await?)
    }

    async fn one_by_one(&self, messages: impl IntoIterator<Item = Message>) -> Result<()> {
        let messages: Vec<Message> = messages.into_iter().collect();
        if messages.is_empty() {
            return Ok(());
        }
        match self.connection.apply(&messages).await?.failures.into_iter().next() {
            None => Ok(()),
            Some((index, error)) => bail!("{:?}: {error}", messages[index]),
        }
    }

    /// Sends a packet out of a port.
    pub async fn packet_out(&self, packet: Vec<u8>, port: u32) {
        let action = Action::output(PortNo(port));
        if let Err(error) = self.connection.packet_out(PacketOut::new(packet, [action])).await {
            debug!(port, "a packet could not be sent: {error}");
        }
    }

    /// Sends a packet of this node through the tunnel to another node's pod.
    pub async fn tunnel_out(&self, packet: Vec<u8>, to: TunnelEnd, port: u32, encapsulation: Encapsulation) {
        let identity = api::node::IDENTITY_REMOTE_NODE;
        let vni = match encapsulation {
            Encapsulation::Vxlan => tunnel::vxlan(tunnel::of_vxlan(to.vni).0, identity),
            _ => to.vni,
        };
        // VXLAN has no room for the option, and does not mind it.
        let actions = [
            tunnel_destination(to.address),
            Action::set(Field::TunId, vni.into()),
            Action::set(Field::TunMetadata0, identity.into()),
            Action::output(PortNo(port)),
        ];
        if let Err(error) = self.connection.packet_out(PacketOut::new(packet, actions)).await {
            debug!(to = %to.address, "a packet could not be sent: {error}");
        }
    }

    /// Lets a packet go through the tables, or whatever these actions say, as one of the controller's.
    pub async fn ask(&self, packet: Vec<u8>, actions: Vec<Action>) {
        if let Err(error) = self.connection.packet_out(PacketOut::new(packet, actions)).await {
            debug!("the tables could not be asked: {error}");
        }
    }

    /// Sends a frame without content through the tunnel: see `run::wake`.
    pub async fn wake(&self, endpoint: IpAddr, tunnel: u32) {
        let mut frame = vec![0; 60];
        frame[..12].copy_from_slice(&[0x02, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 1]);
        frame[12..14].copy_from_slice(&[0x88, 0xb5]);
        let actions = [tunnel_destination(endpoint), Action::set(Field::TunId, 0), Action::output(PortNo(tunnel))];
        if let Err(error) = self.connection.packet_out(PacketOut::new(frame, actions)).await {
            debug!(%endpoint, "a tunnel could not be woken: {error}");
        }
    }

    /// All flows with their counters.
    pub async fn flows(&self) -> Result<Vec<FlowStats>> {
        Ok(self.connection.flows().await?)
    }

    /// The flows that have these bits in their cookies, with their counters.
    pub async fn flows_with(&self, cookies: impl Iterator<Item = (u64, u64)>) -> Result<Vec<FlowStats>> {
        let mut flows = Vec::new();
        for (cookie, cookie_mask) in cookies {
            let request = FlowRequest { cookie, cookie_mask, ..FlowRequest::default() };
            flows.extend(self.connection.flows_where(request).await?);
        }
        Ok(flows)
    }
}

fn tunnel_destination(endpoint: IpAddr) -> Action {
    match endpoint {
        IpAddr::V4(address) => Action::set(Field::TunDst, u32::from(address).into()),
        IpAddr::V6(address) => Action::set(Field::TunIpv6Dst, address.into()),
    }
}

/// Meters above this are the switch's own.
const MAX_METER: u32 = 0xffff_0000;

/// Keeps a connection for ever; returns when the loop is gone.
pub async fn keep(socket: PathBuf, events: mpsc::Sender<SwitchEvent>) {
    let address = Address::Unix(socket.clone());
    let options = Options { event_buffer: 512, write_buffer: 1 << 20, ..Options::default() };
    let mut told = String::new();
    while !events.is_closed() {
        match connect(&address, options).await {
            Ok(connection) => {
                told.clear();
                let why = serve(connection, &events).await;
                if events.send(SwitchEvent::Lost(why)).await.is_err() {
                    return;
                }
            }
            // A bridge that is not there yet is no news.
            Err(error) => {
                let error = format!("{error:#}");
                if error != told {
                    debug!(socket = %socket.display(), "no connection: {error}");
                    told = error;
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn connect(address: &Address, options: Options) -> Result<Connection> {
    let connection = Connection::connect_with(address, options).await?;
    // A connection of this kind gets nothing of the switch's own accord until it asks for bytes of packets.
    connection
        .one(Message::SetConfig(SwitchConfig { flags: 0, miss_send_len: 0xffff }))
        .await
        .context("configuration")?;
    Ok(connection)
}

/// Hands on what the switch says, until the connection ends; why it ended.
async fn serve(connection: Connection, events: &mpsc::Sender<SwitchEvent>) -> String {
    let mut news = connection.events();
    if let Err(error) = watch_flows(&connection).await {
        warn!("flows of the switch are not watched, only read back now and then: {error:#}");
    }
    let handle = Handle { connection };
    if events.send(SwitchEvent::Up(handle)).await.is_err() {
        return String::new();
    }
    loop {
        let event = match news.next().await {
            Ok(Event::Message(message)) => heard(&message),
            Ok(Event::Refused { error, .. }) => {
                debug!("the switch refused: {error}");
                None
            }
            Ok(Event::Malformed { error, .. }) => {
                warn!("the switch sent a malformed message: {error}");
                None
            }
            // What was lost may have been news of flows.
            Err(EventError::Lagged(_)) => Some(SwitchEvent::Touched),
            Err(EventError::Closed(why)) => return why.to_string(),
        };
        match event {
            None => {}
            // Many changes are one reason to look; packets beyond what can be served are dropped, as on a wire.
            Some(event) => match events.try_send(event) {
                Err(mpsc::error::TrySendError::Closed(_)) => return String::new(),
                Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => {}
            },
        }
    }
}

/// Changes only (2 added, 4 removed, 8 modified), without instructions: what changed is read back anyway.
async fn watch_flows(connection: &Connection) -> Result<()> {
    let request = FlowMonitorRequest { flags: 2 | 4 | 8, table: FlowMod::ALL_TABLES, ..FlowMonitorRequest::all(1) };
    connection.ask(MultipartRequest::FlowMonitor(vec![request])).await?;
    Ok(())
}

fn heard(message: &Message) -> Option<SwitchEvent> {
    match message {
        Message::PacketIn2(packet) => punted(packet).map(SwitchEvent::PacketIn),
        Message::MultipartReply { reply: MultipartReply::FlowMonitor(updates), .. } => {
            updates.iter().any(is_foreign).then_some(SwitchEvent::Touched)
        }
        _ => None,
    }
}

/// Whether a change is none that our flows make: clients of Services come and go, and each is learned and forgotten.
fn is_foreign(update: &FlowUpdate) -> bool {
    match update {
        FlowUpdate::Abbreviated { .. } => false,
        FlowUpdate::Full { flow, .. } => flow.table != SERVICE_AFFINITY || Cookie::parse(flow.cookie).is_none(),
        FlowUpdate::Paused | FlowUpdate::Resumed => true,
    }
}

fn punted(packet: &PacketIn2) -> Option<PuntedPacket> {
    let metadata = packet.metadata.as_ref()?;
    let field = |field: Field| metadata.get(field).map(|(value, _)| value).filter(|value| *value != 0);
    let v4 = || Some(IpAddr::from(std::net::Ipv4Addr::from(u32::try_from(field(Field::TunSrc)?).ok()?)));
    let v6 = || Some(IpAddr::from(std::net::Ipv6Addr::from(field(Field::TunIpv6Src)?)));
    let vni = field(Field::TunId).and_then(|vni| u32::try_from(vni).ok()).unwrap_or(0);
    Some(PuntedPacket {
        port: u32::try_from(field(Field::InPort)?).ok()?,
        tunnel: v4().or_else(v6).map(|address| TunnelEnd { address, vni }),
        userdata: packet.userdata.clone().unwrap_or_default(),
        length: packet.full_len.unwrap_or_else(|| u32::try_from(packet.packet.len()).unwrap_or(u32::MAX)),
        packet: packet.packet.clone(),
        cookie: packet.cookie.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_learned_of_clients_is_no_change_by_somebody_else() {
        let update = |table: u8, cookie: u64| FlowUpdate::Full {
            event: rust_openflow::monitor::FlowEvent::Added,
            reason: 0,
            flow: Box::new(rust_openflow::Flow::new(table).cookie(cookie)),
        };
        let ours = 0xc032_0000_0000_0001;
        assert!(!is_foreign(&update(SERVICE_AFFINITY, ours)));
        assert!(is_foreign(&update(SERVICE_AFFINITY, 0)));
        assert!(is_foreign(&update(60, ours)));
        assert!(!is_foreign(&FlowUpdate::Abbreviated { xid: 1 }) && is_foreign(&FlowUpdate::Paused));
        assert_eq!(pipeline::tables::by_id(SERVICE_AFFINITY).map(|table| table.name), Some("ServiceAffinity"));
    }

    #[test]
    fn the_map_of_tunnel_options_is_made_ours_and_others_stay() {
        let other = TlvMap { class: 0x0102, kind: 0x80, length: 4, index: 5 };
        let taken = TlvMap { index: 0, ..other };
        let steps = |have: &[TlvMap]| tlv_changes(have).iter().map(|step| step.command).collect::<Vec<_>>();
        assert_eq!(steps(&[]), [TlvCommand::Add]);
        assert_eq!(steps(&[other]), [TlvCommand::Add]);
        assert_eq!(steps(&[other, IDENTITY]), []);
        assert_eq!(steps(&[taken]), [TlvCommand::Delete, TlvCommand::Add]);
    }
}
