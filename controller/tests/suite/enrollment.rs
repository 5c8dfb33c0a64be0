//! Agents that come with the token of their pod, as a real API server judges it.

use std::path::Path;

use api::node::{EnrollRequest, Enrolled};
use controller::installed::Installed;
use controller::pki::Pki;
use controller::rpc::enrollment_client::EnrollmentClient;
use controller::source::Key;
use controller::source::Kind;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams, PostParams};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tonic::Code;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::agent::{Agent, Memory};
use crate::api_server::ApiServer;
use crate::replica::{Replica, namespace, node};
use crate::soon;

fn agent_pod(name: &str, node: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "weft-system"},
        "spec": {"nodeName": node, "serviceAccountName": "weft-agent", "containers": [{"name": "main", "image": "none"}]},
    })
}

pub fn controller_pod(address: &str) -> Value {
    let labels = json!({"app.kubernetes.io/name": "weft-controller"});
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "weft-controller-0", "namespace": "weft-system", "labels": labels},
        "spec": {"nodeName": "n1", "containers": [{"name": "main", "image": "none"}]},
        "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "hostIP": address},
    })
}

/// What the manifest brings, two nodes, and the agent's pod on the first.
async fn server() -> Option<ApiServer> {
    let server = ApiServer::start().await?;
    server.apply_any(namespace("weft-system")).await;
    for name in ["weft-agent", "default"] {
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "weft-system"}});
        server.apply_any(account).await;
    }
    for (kind, name) in [("Secret", "weft-authority"), ("ConfigMap", "weft-controllers")] {
        server
            .apply_any(
                json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "weft-system"}}),
            )
            .await;
    }
    for object in [node("n1", "192.0.2.1"), node("n2", "192.0.2.2"), agent_pod("weft-agent-1", "n1")] {
        server.apply(object).await;
    }
    Some(server)
}

/// A controller's place in the cluster, acting with a client's rights.
pub fn place(client: kube::Client, folder: &Path) -> Installed {
    let (namespace, folder) = ("weft-system".to_owned(), folder.to_owned());
    Installed { client, namespace, port: 10350, folder, config: None }
}

async fn token(server: &ApiServer, account: &str, audience: &str, pod: Option<&str>) -> String {
    let api: Api<ServiceAccount> = Api::namespaced(server.client.clone(), "weft-system");
    let bound_object_ref = pod.map(|name| BoundObjectReference {
        api_version: Some("v1".into()),
        kind: Some("Pod".into()),
        name: Some(name.into()),
        uid: None,
    });
    let spec = TokenRequestSpec { audiences: vec![audience.into()], bound_object_ref, expiration_seconds: Some(3600) };
    let request = TokenRequest { spec, ..TokenRequest::default() };
    let response = api.create_token_request(account, &PostParams::default(), &request).await.unwrap();
    response.status.expect("a token was asked for").token
}

pub async fn enroll(replica: &Replica, token: String, request: String) -> Result<Enrolled, tonic::Status> {
    let authority = Certificate::from_pem(replica.pki.authority().unwrap());
    let tls = ClientTlsConfig::new().ca_certificate(authority).domain_name("weft-controller");
    let endpoint = Endpoint::from_shared(format!("https://{}", replica.address)).unwrap().tls_config(tls).unwrap();
    let channel = soon("a connection without a certificate", endpoint.connect()).await.unwrap();
    let answer = soon("an answer", EnrollmentClient::new(channel).enroll(EnrollRequest { token, request })).await;
    answer.map(tonic::Response::into_inner)
}

pub fn key_and_request() -> (KeyPair, String) {
    let key = KeyPair::generate().unwrap();
    let request = CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
    (key, request)
}

#[tokio::test]
async fn the_token_of_an_agents_pod_opens_the_share_of_its_node_and_nothing_else() {
    let Some(server) = server().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let installed = place(server.client.clone(), folder.path());
    let pki = installed.authority().await.unwrap();
    let replica = Replica::installed("a", server.source.clone(), &pki, installed).await;
    let own = token(&server, "weft-agent", "weft-controller", Some("weft-agent-1")).await;

    let (key, request) = key_and_request();
    let enrolled = enroll(&replica, own.clone(), request.clone()).await.unwrap();
    assert!(enrolled.renew_after > 0);
    let identity = controller::pki::Identity { certificate: enrolled.certificate, key: key.serialize_pem() };
    let memory = |node: &str| Memory { node: node.to_owned(), ..Memory::default() };
    let mut agent = Agent::connect_with(replica.address, &pki, identity.clone(), memory("n1")).await.unwrap();
    agent.holds("config/node").await;
    let refused = Agent::connect_with(replica.address, &pki, identity.clone(), memory("n2")).await.err().unwrap();
    assert_eq!(refused.code(), Code::PermissionDenied, "another node's share");
    let refused = replica.ask_with(identity).await.expect_err("questions are for operators");
    assert_eq!(refused.code(), Code::PermissionDenied);

    // Without any certificate, there is nothing but the way to one.
    let nobody = Agent::connect_without(replica.address, &pki, memory("n1")).await.err().unwrap();
    assert_eq!(nobody.code(), Code::Unauthenticated, "{nobody}");

    // Other tokens open nothing.
    for (what, other) in [
        (
            "for another audience",
            token(&server, "weft-agent", "https://kubernetes.default.svc", Some("weft-agent-1")).await,
        ),
        ("bound to no pod", token(&server, "weft-agent", "weft-controller", None).await),
        ("of another account", token(&server, "default", "weft-controller", None).await),
        ("no token at all", "x".to_owned()),
        ("a forged one", format!("{}x", own)),
    ] {
        let refused = enroll(&replica, other, request.clone()).await.expect_err(what);
        assert_eq!(refused.code(), Code::PermissionDenied, "{what}: {refused}");
    }
    // Nor does the right one, once its pod is gone.
    let pod = Key { kind: Kind::Pod, namespace: "weft-system".into(), name: "weft-agent-1".into() };
    server.delete(&pod).await;
    let gone = async {
        // The API server remembers what it answered about a token for some seconds.
        while enroll(&replica, own.clone(), request.clone()).await.is_ok() {}
    };
    soon("the token of a pod that is gone is refused", gone).await;
}

#[tokio::test]
async fn replicas_that_start_at_once_share_one_authority_and_tell_agents_where_they_are() {
    let Some(server) = server().await else { return };
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let places = [0, 1].map(|i| place(server.client.clone(), folders[i].path()));
    let (one, other) = tokio::join!(places[0].authority(), places[1].authority());
    let (one, other): (Pki, Pki) = (one.unwrap(), other.unwrap());
    assert_eq!(one.authority().unwrap(), other.authority().unwrap());
    let secrets: Api<Secret> = Api::namespaced(server.client.clone(), "weft-system");
    let data = secrets.get("weft-authority").await.unwrap().data.unwrap();
    assert_eq!(data["ca.crt"].0, one.authority().unwrap().into_bytes());

    server.apply(controller_pod("192.0.2.9")).await;
    let [first, _] = places;
    let _replica = Replica::installed("a", server.source.clone(), &one, first).await;
    let map = soon("agents are told", told(&server, "192.0.2.9:10350")).await;
    assert_eq!(map.data.unwrap()["ca.crt"], one.authority().unwrap());
}

#[tokio::test]
async fn an_edit_of_the_configuration_is_answered_by_an_event() {
    let Some(server) = server().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("controller.yaml");
    std::fs::write(&file, "mtuu: 1400\n").unwrap();
    let installed =
        Installed { config: Some(file.clone()), ..place(server.client.clone(), &folder.path().join("pki")) };
    let pki = installed.authority().await.unwrap();
    let _replica = Replica::installed("a", server.source.clone(), &pki, installed).await;
    let events: Api<Event> = Api::namespaced(server.client.clone(), "weft-system");
    let said = async |reason: &str| loop {
        let all = events.list(&ListParams::default()).await.unwrap();
        if let Some(event) = all.items.into_iter().find(|event| event.reason.as_deref() == Some(reason)) {
            assert_eq!(event.regarding.unwrap().name.as_deref(), Some("weft-config"));
            return event.note.unwrap();
        }
    };
    let refused = soon("a wrong key is refused", said("Refused")).await;
    assert!(refused.contains("did you mean `mtu`?"), "{refused}");
    std::fs::write(&file, "mtu: 1400\n").unwrap();
    let live = soon("another MTU is taken up", said("InForce")).await;
    assert!(live.contains("has taken up"), "{live}");
    std::fs::write(&file, "mtu: 1500\nencapsulation: vxlan\n").unwrap();
    let restart = soon("another tunnel needs a restart", said("RestartNeeded")).await;
    assert!(restart.contains("take encapsulation at their start") && restart.contains("rollout restart"), "{restart}");
}

/// Waits until agents are told of these controllers.
pub async fn told(server: &ApiServer, controllers: &str) -> ConfigMap {
    let maps: Api<ConfigMap> = Api::namespaced(server.client.clone(), "weft-system");
    loop {
        let map = maps.get("weft-controllers").await.unwrap();
        if map.data.as_ref().is_some_and(|data| data["controllers"] == controllers) {
            return map;
        }
    }
}
