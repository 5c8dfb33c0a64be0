//! A real etcd and kube-apiserver on the loopback, where their binaries are found; tests that need them are skipped elsewhere.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use controller::source::kubernetes::Kubernetes;
use controller::source::{Key, Object};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Client, CustomResourceExt as _};
use serde_json::{Value, json};

use crate::soon;

pub struct ApiServer {
    pub source: Arc<Kubernetes>,
    pub client: Client,
    pub root: tempfile::TempDir,
    url: String,
    etcd: Child,
    api: Child,
    command: Vec<String>,
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        stop(&mut self.api);
        stop(&mut self.etcd);
    }
}

/// One that has ended by itself is as good.
fn stop(process: &mut Child) {
    let _ = process.kill();
    let _ = process.wait();
}

fn binaries() -> Option<PathBuf> {
    let cache = std::env::var_os("WC_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/weft-cluster")))?;
    let folder = cache.join("bin");
    ["etcd", "kube-apiserver"].iter().all(|name| folder.join(name).exists()).then_some(folder)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn spawn(program: &Path, log: &Path, arguments: &[String]) -> Child {
    let log = fs::File::create(log).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().unwrap()
}

impl ApiServer {
    /// Starts one with Weft's kinds installed; `None`, said aloud, where the binaries are not there.
    pub async fn start() -> Option<Self> {
        ApiServer::start_with(&[]).await
    }

    /// The same, with more flags for kube-apiserver.
    pub async fn start_with(flags: &[&str]) -> Option<Self> {
        let Some(binaries) = binaries() else {
            assert!(std::env::var_os("WEFT_REQUIRE_API_SERVER").is_none(), "the API server's binaries are not there");
            eprintln!(
                "skipped: no etcd and kube-apiserver in ~/.cache/weft-cluster/bin (tests/cluster/build.sh makes them)"
            );
            return None;
        };
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name).display().to_string();
        let (etcd_port, peer_port, api_port) = (free_port(), free_port(), free_port());
        let etcd = format!("http://127.0.0.1:{etcd_port}");
        let peer = format!("http://127.0.0.1:{peer_port}");
        let arguments = [
            format!("--data-dir={}", path("etcd")),
            "--unsafe-no-fsync".to_owned(),
            "--log-level=error".to_owned(),
            format!("--listen-client-urls={etcd}"),
            format!("--advertise-client-urls={etcd}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
        ];
        let etcd_process = spawn(&binaries.join("etcd"), &root.path().join("etcd.log"), &arguments);
        let key = rcgen::KeyPair::generate().unwrap();
        fs::write(path("sa.key"), key.serialize_pem()).unwrap();
        fs::write(path("sa.pub"), key.public_key_pem()).unwrap();
        fs::write(path("tokens.csv"), "administrator,admin,admin,system:masters\n").unwrap();
        let mut command = vec![
            format!("--etcd-servers={etcd}"),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={api_port}"),
            format!("--cert-dir={}", path("certs")),
            format!("--token-auth-file={}", path("tokens.csv")),
            "--authorization-mode=RBAC".to_owned(),
            "--disable-admission-plugins=ServiceAccount".to_owned(),
            "--service-cluster-ip-range=10.212.0.0/16".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", path("sa.pub")),
            format!("--service-account-signing-key-file={}", path("sa.key")),
        ];
        command.extend(flags.iter().map(|flag| (*flag).to_owned()));
        let api = spawn(&binaries.join("kube-apiserver"), &root.path().join("api.log"), &command);
        let url = format!("https://127.0.0.1:{api_port}");
        let kubeconfig = kubeconfig(root.path(), &url, "admin", "administrator");
        let read = kube::config::Kubeconfig::read_from(&kubeconfig).unwrap();
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(read, &options).await.unwrap();
        let client = Client::try_from(config).unwrap();
        let source = Arc::new(Kubernetes::connect(Some(&kubeconfig), "").await.unwrap());
        let server = ApiServer { source, client, root, url, etcd: etcd_process, api, command };
        server.wait_until_it_answers().await;
        server.install_kinds().await;
        Some(server)
    }

    /// SIGKILL to kube-apiserver.
    pub fn kill(&mut self) {
        stop(&mut self.api);
    }

    /// Starts it again on the same data.
    pub async fn start_again(&mut self) {
        let program = binaries().expect("it ran before").join("kube-apiserver");
        self.api = spawn(&program, &self.root.path().join("api-again.log"), &self.command);
        self.wait_until_it_answers().await;
    }

    /// It says on no channel when it is up: there is nothing to wait for but an answer.
    async fn wait_until_it_answers(&self) {
        for _ in 0..300 {
            let request = http_get("/readyz");
            if self.client.request_text(request).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let log = fs::read_to_string(self.root.path().join("api.log")).unwrap_or_default();
        panic!("the API server does not come up: {}", log.lines().rev().take(5).collect::<Vec<_>>().join("\n"));
    }

    async fn install_kinds(&self) {
        for crd in [api::Subnet::crd(), api::StaticAddress::crd(), api::AddressBlock::crd()] {
            self.apply_any(serde_json::to_value(crd).unwrap()).await;
        }
        // A kind is served a moment after it was installed.
        for kind in ["subnets", "staticaddresses", "addressblocks"] {
            let path = format!("/apis/weft.dev/v1alpha1/{kind}");
            let served = async {
                while self.client.request_text(http_get(&path)).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            soon("the kind is served", served).await;
        }
    }

    /// Applies an object of one of the kinds that Weft reads.
    pub async fn apply(&self, object: Value) {
        self.apply_any(object).await;
    }

    /// Applies any object, as an administrator.
    pub async fn apply_any(&self, object: Value) {
        let (api, name) = self.api_for(&object);
        let parameters = PatchParams::apply("test").force();
        let applied = api.patch(&name, &parameters, &Patch::Apply(&object)).await;
        applied.unwrap_or_else(|error| panic!("{error}: {object}"));
        if let Some(status) = object.get("status") {
            let patch = json!({ "status": status });
            api.patch_status(&name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
        }
    }

    fn api_for(&self, object: &Value) -> (Api<DynamicObject>, String) {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (group, version) = text("/apiVersion").rsplit_once('/').unwrap_or(("", text("/apiVersion")));
        let kind = text("/kind");
        let gvk = kube::api::GroupVersionKind::gvk(group, version, kind);
        let resource = ApiResource::from_gvk(&gvk);
        let api = match text("/metadata/namespace") {
            "" => Api::all_with(self.client.clone(), &resource),
            namespace => Api::namespaced_with(self.client.clone(), namespace, &resource),
        };
        (api, text("/metadata/name").to_owned())
    }

    /// Deletes at once.
    pub async fn delete(&self, key: &Key) {
        let (api, name) = self.api_for(Object::made(key, json!({})).value());
        let parameters = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        api.delete(&name, &parameters).await.unwrap();
    }

    /// A kubeconfig for a token.
    pub fn kubeconfig(&self, name: &str, token: &str) -> PathBuf {
        kubeconfig(self.root.path(), &self.url, name, token)
    }
}

fn http_get(path: &str) -> http::Request<Vec<u8>> {
    http::Request::get(path).body(Vec::new()).unwrap()
}

fn kubeconfig(folder: &Path, url: &str, name: &str, token: &str) -> PathBuf {
    let content = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": url, "insecure-skip-tls-verify": true}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": name}}],
    });
    let path = folder.join(format!("{name}.kubeconfig"));
    fs::write(&path, content.to_string()).unwrap();
    path
}
