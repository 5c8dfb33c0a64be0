//! Services and slices in histories: few names, so that a slice changes its Service, and comes before and after it.

use logical::{Kind, ObjectKey};
use proptest::prelude::*;
use serde_json::json;

use crate::server::{Server, endpoint_slice, service, with};

/// One change of a Service or a slice.
#[derive(Debug, Clone)]
pub enum Change {
    PutService { service: usize, like: usize },
    DeleteService(usize),
    PutSlice { slice: usize, service: usize, like: usize },
    DeleteSlice(usize),
}

pub fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (0..2_usize, 0..6_usize).prop_map(|(service, like)| Change::PutService { service, like }),
        1 => (0..2_usize).prop_map(Change::DeleteService),
        4 => (0..3_usize, 0..2_usize, 0..5_usize).prop_map(|(slice, service, like)| Change::PutSlice { slice, service, like }),
        1 => (0..3_usize).prop_map(Change::DeleteSlice),
    ]
}

/// Stores the change.
pub fn take(change: Change, server: &mut Server) {
    let key = |kind, name: String| ObjectKey::namespaced(kind, "shop", &name);
    match change {
        Change::PutService { service: number, like } => {
            let spec = match like {
                0 => json!({"clusterIP": "None"}),
                1 => json!({"type": "ExternalName"}),
                2 => json!({"clusterIP": "10.96.0.1", "externalIPs": ["203.0.113.1"]}),
                3 => json!({"clusterIP": "10.96.0.1", "ports": [{"port": 0}]}),
                like => json!({"clusterIP": format!("10.96.0.{like}"), "ports": [{"port": 80}]}),
            };
            server.apply(service(&format!("svc{number}"), spec));
        }
        Change::DeleteService(number) => server.delete(&key(Kind::Service, format!("svc{number}"))),
        Change::PutSlice { slice, service, like } => {
            let object = endpoint_slice(&format!("slice{slice}"), &format!("svc{service}"), &["10.10.0.5"]);
            server.apply(match like {
                0 => with(object, "/metadata/labels", json!({})),
                1 => with(object, "/addressType", json!("FQDN")),
                2 => with(object, "/endpoints", json!([{"addresses": ["fd00::1"]}])),
                _ => object,
            });
        }
        Change::DeleteSlice(number) => server.delete(&key(Kind::EndpointSlice, format!("slice{number}"))),
    }
}
