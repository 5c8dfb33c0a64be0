//! One build of the typed rows of `Open_vSwitch` with the schemas of older and newer releases.
//!
//! The rows are generated from schema 8.3.1 (3.1). Release 2.17 (8.3.0) has the same columns, 2.11 lacks at least the
//! columns and tables removed here, 3.7 has those added here, and a table that no release has stands for what may come.

use serde_json::{Value, json};

use ovsdb::client::Config;
use ovsdb::vswitch::{
    Bridge, Controller, CtZone, DATABASE, Datapath, FlowSampleCollectorSet, FlowTable, Interface, OpenVSwitch, Port,
};
use ovsdb::{Client, Fields, Monitor, Transaction};

use crate::server::{Server, config, run, soon};

/// A server of `Open_vSwitch` with a schema changed by `change`.
fn serve(folder: &std::path::Path, change: impl Fn(&mut Value)) -> Server {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/vswitch.ovsschema");
    let mut schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    schema.as_object_mut().unwrap().remove("cksum");
    change(&mut schema);
    let server = Server::over(folder.to_owned());
    std::fs::write(server.file("schema"), schema.to_string()).unwrap();
    run("ovsdb-tool", &["create", &server.file("db"), &server.file("schema")]);
    server.start();
    server
}

fn release_2_17(schema: &mut Value) {
    schema["version"] = "8.3.0".into();
}

fn release_2_11(schema: &mut Value) {
    schema["version"] = "8.0.0".into();
    let tables = schema["tables"].as_object_mut().unwrap();
    for table in ["Datapath", "CT_Zone", "CT_Timeout_Policy"] {
        tables.remove(table).unwrap();
    }
    for (table, column) in [
        ("Open_vSwitch", "datapaths"),
        ("Open_vSwitch", "dpdk_initialized"),
        ("Controller", "type"),
        ("Controller", "controller_queue_size"),
        ("Interface", "ingress_policing_kpkts_rate"),
        ("Interface", "ingress_policing_kpkts_burst"),
    ] {
        tables[table]["columns"].as_object_mut().unwrap().remove(column).unwrap();
    }
}

fn release_3_7(schema: &mut Value) {
    schema["version"] = "8.8.0".into();
    schema["tables"]["Flow_Table"]["columns"]["prefixes"]["type"]["max"] = 4.into();
    let optional = json!({ "type": { "key": { "type": "integer", "minInteger": 0 }, "min": 0, "max": 1 } });
    for (table, column) in
        [("CT_Zone", "limit"), ("Datapath", "ct_zone_default_limit"), ("Flow_Sample_Collector_Set", "local_group_id")]
    {
        schema["tables"][table]["columns"][column] = optional.clone();
    }
    schema["tables"]["Interface"]["columns"]["to_come"] = json!({ "type": "string" });
    schema["tables"]["To_Come"] = json!({ "columns": { "name": { "type": "string" } }, "isRoot": true });
}

fn monitor() -> Monitor {
    let switch = Monitor::new().table::<OpenVSwitch>().table::<Bridge>().table::<Port>().table::<Interface>();
    let others = switch.table::<Controller>().table::<FlowTable>().table::<FlowSampleCollectorSet>();
    others.table::<Datapath>().table::<CtZone>()
}

/// Adds a bridge with a port and reads it back, all by the typed rows, with the schema that `change` makes.
async fn check(change: impl Fn(&mut Value)) {
    let folder = tempfile::TempDir::with_prefix("wdb-").unwrap();
    let server = serve(folder.path(), change);
    let mut client =
        Client::start(Config { database: DATABASE.to_owned(), monitor: monitor(), ..config(&server.address()) });
    soon(client.loaded()).await.unwrap();
    let mut txn = Transaction::new(DATABASE);
    let port_number = 7;
    let row = Fields::<Interface>::new().set(Interface::NAME, "p").set(Interface::OFPORT, port_number);
    let interface = txn.insert(row.set(Interface::OPTIONS, [("key", "flow")]));
    let port = txn.insert(Fields::<Port>::new().set(Port::NAME, "p").set(Port::INTERFACES, [&interface]));
    let controller = txn.insert(Fields::<Controller>::new().set(Controller::TARGET, "ptcp:"));
    let row = Fields::<Bridge>::new().set(Bridge::NAME, "b").set(Bridge::PORTS, [&port]);
    let bridge = txn.insert(row.set(Bridge::CONTROLLER, [&controller]));
    let flow_table = txn.insert(Fields::<FlowTable>::new().set(FlowTable::NAME, "t"));
    txn.mutate::<Bridge>([], [Bridge::FLOW_TABLES.insert([(3, &flow_table)])]);
    txn.insert(Fields::<OpenVSwitch>::new().set(OpenVSwitch::BRIDGES, [&bridge]));
    let outcome = soon(client.transact(&txn)).await.unwrap();
    let snapshot = client.snapshot();
    let read: Interface = snapshot.get(outcome.uuid(&interface)).unwrap();
    let options = [("key".to_owned(), "flow".to_owned())].into();
    let want =
        Interface { uuid: read.uuid, name: "p".into(), ofport: Some(port_number), options, ..Interface::default() };
    assert_eq!(read, want, "columns that the server lacks read as their default");
    let read: Bridge = snapshot.get(outcome.uuid(&bridge)).unwrap();
    assert_eq!((read.name.as_str(), read.flow_tables[&3]), ("b", outcome.uuid(&flow_table)));
    let read: Controller = snapshot.get(outcome.uuid(&controller)).unwrap();
    assert_eq!(read, Controller { uuid: read.uuid, target: "ptcp:".into(), ..Controller::default() });
    assert_eq!(snapshot.rows::<Datapath>().count(), 0, "also of a table that the server lacks");
    let interface = snapshot.raw_rows::<Interface>().next().unwrap();
    assert_eq!(interface.get("to_come"), None, "what this build does not know is not asked for");
}

#[tokio::test]
async fn one_build_talks_to_2_17() {
    check(release_2_17).await;
}

#[tokio::test]
async fn one_build_talks_to_2_11_whose_columns_are_fewer() {
    check(release_2_11).await;
}

#[tokio::test]
async fn one_build_talks_to_3_7_whose_columns_are_more() {
    check(release_3_7).await;
}
