//! What a controller does more where it was installed in the cluster, by `manifests/`: its replicas share one certificate authority,
//! and agents, which may read nothing of the API, find it and the replicas' addresses in a ConfigMap that the kubelet mounts.
//!
//! Both objects come with the manifest, empty: so the controller needs no right to make any, only to read and fill these two.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::stream::StreamExt as _;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::{Api, PostParams};
use kube::runtime::watcher;
use kube::{Client, ResourceExt as _};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::backoff::Backoff;
use crate::enroll::{Enrollment, TokenReviews};
use crate::lease::Tenure;
use crate::pki::{self, Identity, Pki, Subject};

/// The Secret with the authority.
const SECRET: &str = "weft-authority";
/// The ConfigMap for the agents.
const CONFIG_MAP: &str = "weft-controllers";
/// The label of the controller's pods.
const LABEL: &str = "app.kubernetes.io/name=weft-controller";
const CERTIFICATE: &str = "ca.crt";
const KEY: &str = "ca.key";
const CONTROLLERS: &str = "controllers";
/// How often the authority is read again, so that it can be replaced while controllers run.
const LOOK: Duration = Duration::from_secs(600);

/// A controller's place in the cluster that it serves.
#[derive(Clone)]
pub struct Installed {
    /// Of the cluster's API.
    pub client: Client,
    /// Where Weft lives.
    pub namespace: String,
    /// The port of every replica.
    pub port: u16,
    /// Folder of the authority's files.
    pub folder: PathBuf,
    /// The file of the configuration, which may be edited meanwhile.
    pub config: Option<PathBuf>,
}

impl Installed {
    /// The authority, made by whichever replica comes first. Waits until the API answers.
    pub async fn authority(&self) -> anyhow::Result<Pki> {
        let mut backoff = Backoff::default();
        loop {
            match self.share().await {
                Ok(_) => return Ok(Pki::open(&self.folder)?.enrolling()),
                Err(error) => {
                    warn!("the certificate authority cannot be read: {error:#}");
                    tokio::time::sleep(backoff.next_delay()).await;
                }
            }
        }
    }

    /// What gives certificates to agents.
    pub fn enrollment(&self, pki: &Pki) -> Arc<Enrollment> {
        let judge = TokenReviews::new(self.client.clone(), &self.namespace);
        Arc::new(Enrollment::new(Arc::new(judge), pki.clone()))
    }

    /// A certificate for weftctl in this pod: who may run commands here is an operator.
    pub fn operator(pki: &Pki, folder: &Path) -> anyhow::Result<()> {
        pki.issue_into(&Subject::Operator, folder).context("a certificate for weftctl")
    }

    /// Brings the Secret's authority to our folder, or one of ours to the Secret. Says whether the folder changed.
    async fn share(&self) -> anyhow::Result<bool> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut secret = api.get(SECRET).await.with_context(|| format!("reading the Secret {SECRET}"))?;
        let data = secret.data.get_or_insert_default();
        let text = |name: &str| {
            let bytes = data.get(name).map(|bytes| bytes.0.clone());
            bytes
                .map(|bytes| String::from_utf8(bytes).with_context(|| format!("{name} in the Secret {SECRET}")))
                .transpose()
        };
        match (text(CERTIFICATE)?, text(KEY)?) {
            (Some(certificate), Some(key)) => pki::keep_authority(&self.folder, &Identity { certificate, key }),
            (None, None) => {
                let made = pki::new_authority()?;
                data.insert(CERTIFICATE.to_owned(), ByteString(made.certificate.clone().into_bytes()));
                data.insert(KEY.to_owned(), ByteString(made.key.clone().into_bytes()));
                // With the version that was read: of two replicas that come first one is refused, and reads the other's.
                api.replace(SECRET, &PostParams::default(), &secret).await.context("storing a new authority")?;
                info!("certificate authority made");
                pki::keep_authority(&self.folder, &made)
            }
            _ => bail!(
                "the Secret {SECRET} has only one of {CERTIFICATE} and {KEY}; give it both, or delete both for new ones"
            ),
        }
    }

    /// Keeps the ConfigMap as it should be while this replica leads, and the authority as the Secret has it; for ever.
    pub async fn keep(self, pki: Pki, mut tenure: watch::Receiver<Tenure>) -> anyhow::Result<()> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut pods = watcher(pods, watcher::Config::default().labels(LABEL)).boxed();
        let mut replicas = Replicas::default();
        let mut looks = tokio::time::interval(LOOK);
        let mut backoff = Backoff::default();
        let (mut again, mut told) = (None, None);
        loop {
            tokio::select! {
                Some(event) = pods.next() => match event {
                    Ok(event) => replicas.take(event),
                    Err(error) => {
                        warn!("the controller's pods cannot be listed: {error}");
                        tokio::time::sleep(backoff.next_delay()).await;
                        continue;
                    }
                },
                changed = tenure.changed() => if changed.is_err() { return Ok(()) },
                _ = looks.tick() => {
                    told = None;
                    if let Err(error) = self.share().await {
                        warn!("the certificate authority cannot be read again; the old one stays: {error:#}");
                    }
                }
                () = sleep_until(again) => {}
            }
            again = None;
            let leads = tenure.borrow_and_update().epoch().is_some();
            // Who leads hears of it every second; what was told is not written again.
            let addresses = replicas.addresses(self.port).filter(|now| leads && told.as_ref() != Some(now));
            if let Some(addresses) = addresses {
                match self.publish(&pki, addresses.clone()).await {
                    Ok(()) => {
                        backoff.reset();
                        told = Some(addresses);
                    }
                    Err(error) => {
                        warn!("agents cannot be told where the controllers are: {error:#}");
                        again = Some(tokio::time::Instant::now() + backoff.next_delay());
                    }
                }
            }
        }
    }

    async fn publish(&self, pki: &Pki, addresses: String) -> anyhow::Result<()> {
        let want = BTreeMap::from([(CERTIFICATE.to_owned(), pki.authority()?), (CONTROLLERS.to_owned(), addresses)]);
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut map = api.get(CONFIG_MAP).await.with_context(|| format!("reading the ConfigMap {CONFIG_MAP}"))?;
        if map.data.as_ref() == Some(&want) {
            return Ok(());
        }
        info!(controllers = want[CONTROLLERS], "agents are told");
        map.data = Some(want);
        api.replace(CONFIG_MAP, &PostParams::default(), &map).await.context("writing it")?;
        Ok(())
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The controller's pods that have an address and are not about to end.
#[derive(Debug, Default)]
struct Replicas {
    addresses: HashMap<String, IpAddr>,
    /// Of a list that is not complete yet.
    listed: HashMap<String, IpAddr>,
    is_complete: bool,
}

impl Replicas {
    fn take(&mut self, event: watcher::Event<Pod>) {
        match event {
            watcher::Event::Init => self.listed.clear(),
            watcher::Event::InitApply(pod) => self.listed.extend(address(&pod)),
            watcher::Event::InitDone => {
                self.addresses = std::mem::take(&mut self.listed);
                self.is_complete = true;
            }
            watcher::Event::Apply(pod) => {
                self.addresses.remove(&pod.name_any());
                self.addresses.extend(address(&pod));
            }
            watcher::Event::Delete(pod) => drop(self.addresses.remove(&pod.name_any())),
        }
    }

    /// HOST:PORT of each, with commas between them; `None` while that is not known, or nobody is there.
    fn addresses(&self, port: u16) -> Option<String> {
        let all: BTreeSet<IpAddr> = self.addresses.values().copied().collect();
        let all: Vec<String> = all.into_iter().map(|address| SocketAddr::new(address, port).to_string()).collect();
        (self.is_complete && !all.is_empty()).then(|| all.join(","))
    }
}

/// Name and address of a pod that can be reached and is to stay.
fn address(pod: &Pod) -> Option<(String, IpAddr)> {
    let status = pod.status.as_ref().filter(|_| pod.metadata.deletion_timestamp.is_none())?;
    let is_over = matches!(status.phase.as_deref(), Some("Failed" | "Succeeded"));
    let address = status.pod_ip.as_ref().filter(|_| !is_over)?.parse().ok()?;
    Some((pod.name_any(), address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(name: &str, address: &str, phase: &str) -> Pod {
        let ip = if address.is_empty() { json!(null) } else { json!(address) };
        serde_json::from_value(json!({
            "metadata": { "name": name }, "status": { "phase": phase, "podIP": ip },
        }))
        .expect("a pod")
    }

    #[test]
    fn agents_are_told_of_the_replicas_that_are_there() {
        let mut replicas = Replicas::default();
        let told = |replicas: &Replicas| replicas.addresses(10350).unwrap_or_default();
        replicas.take(watcher::Event::Apply(pod("a", "192.0.2.2", "Running")));
        assert_eq!(replicas.addresses(10350), None, "the list is not complete");
        replicas.take(watcher::Event::Init);
        for pod in [pod("b", "2001:db8::1", "Running"), pod("a", "192.0.2.1", "Running"), pod("c", "", "Pending")] {
            replicas.take(watcher::Event::InitApply(pod));
        }
        replicas.take(watcher::Event::InitDone);
        assert_eq!(told(&replicas), "192.0.2.1:10350,[2001:db8::1]:10350");
        replicas.take(watcher::Event::Apply(pod("b", "2001:db8::1", "Failed")));
        replicas.take(watcher::Event::Apply(pod("c", "192.0.2.3", "Running")));
        assert_eq!(told(&replicas), "192.0.2.1:10350,192.0.2.3:10350");
        replicas.take(watcher::Event::Delete(pod("a", "192.0.2.1", "Running")));
        replicas.take(watcher::Event::Delete(pod("c", "192.0.2.3", "Running")));
        assert_eq!(replicas.addresses(10350), None, "the last known are better than none");
    }
}
