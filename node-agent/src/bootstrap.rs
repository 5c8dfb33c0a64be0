//! How the agent of an installed node comes to its certificate: by the token of its pod.
//!
//! Weft's manifest mounts a folder with `token` (a service account token for the controllers alone, bound to this pod, renewed by the
//! kubelet), `ca.crt` (the controllers' authority) and `controllers` (where they are). A controller gives a short-lived certificate
//! for the token. Key and certificate are kept in memory only: an agent that starts again asks again. Everything in the folder is read
//! each time it is needed, so that what changes there is taken without a restart.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use api::node::EnrollRequest;
use rcgen::{CertificateParams, KeyPair};
use tokio::time::Instant;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};
use tracing::{info, warn};

use crate::stream::proto::enrollment_client::EnrollmentClient;
use crate::stream::{self, SERVER_NAME};

/// A controller asks the API server about the token, which may be slow.
const PATIENCE: Duration = Duration::from_secs(20);

/// The folder, and what was got for it.
#[derive(Debug)]
pub struct Bootstrap {
    folder: PathBuf,
    credential: Option<Credential>,
}

struct Credential {
    certificate: String,
    key: String,
    renew_at: Instant,
}

impl std::fmt::Debug for Credential {
    /// Never the key.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Credential").field("renew_at", &self.renew_at).finish_non_exhaustive()
    }
}

impl Bootstrap {
    /// With this folder.
    pub fn new(folder: &Path) -> Self {
        Bootstrap { folder: folder.to_owned(), credential: None }
    }

    /// HOST:PORT of each controller.
    ///
    /// # Errors
    /// The list cannot be read, or is empty.
    pub fn controllers(&self) -> Result<Vec<String>> {
        let text = self.read("controllers")?;
        let all: Vec<String> =
            text.split([',', '\n']).map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect();
        if all.is_empty() {
            bail!("{} names no controller", self.folder.join("controllers").display());
        }
        Ok(all)
    }

    /// What to prove ourselves with; asks the controller at this address for a certificate where there is none, or it is time for
    /// a new one. While a new one is refused the old one is used.
    ///
    /// # Errors
    /// There is none and none is given.
    pub async fn credential(&mut self, address: &str) -> Result<ClientTlsConfig> {
        if self.credential.as_ref().is_none_or(|credential| credential.renew_at <= Instant::now()) {
            match tokio::time::timeout(PATIENCE, self.enroll(address)).await.unwrap_or_else(|_| bail!("no answer")) {
                Ok(credential) => {
                    info!(controller = address, "a controller has given this node a certificate");
                    self.credential = Some(credential);
                }
                Err(error) if self.credential.is_some() => warn!("no new certificate: {error:#}"),
                Err(error) => return Err(error.context("no certificate for this node's pod")),
            }
        }
        let Some(credential) = &self.credential else { bail!("no certificate for this node's pod") };
        Ok(self.trust()?.identity(Identity::from_pem(&credential.certificate, &credential.key)))
    }

    /// A new certificate is asked for before the next session; while none is given the old one may still do.
    pub fn doubt(&mut self) {
        if let Some(credential) = &mut self.credential {
            credential.renew_at = Instant::now();
        }
    }

    async fn enroll(&self, address: &str) -> Result<Credential> {
        let token = self.read("token")?.trim().to_owned();
        let key = KeyPair::generate().context("making a key")?;
        let request = CertificateParams::default().serialize_request(&key).context("making a request")?.pem()?;
        let channel = stream::connect(address, self.trust()?).await?;
        let answer = EnrollmentClient::new(channel).enroll(EnrollRequest { token, request }).await;
        let enrolled = match answer {
            Ok(answer) => answer.into_inner(),
            Err(status) => bail!("refused: {}", status.message()),
        };
        let renew_at = Instant::now() + Duration::from_secs(enrolled.renew_after.into());
        Ok(Credential { certificate: enrolled.certificate, key: key.serialize_pem(), renew_at })
    }

    fn trust(&self) -> Result<ClientTlsConfig> {
        let authority = Certificate::from_pem(self.read("ca.crt")?);
        Ok(ClientTlsConfig::new().domain_name(SERVER_NAME).ca_certificate(authority))
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = self.folder.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    use api::node::Enrolled;
    use rcgen::{BasicConstraints, CertificateSigningRequestParams, CertifiedIssuer, IsCa};
    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::transport::{Server, ServerTlsConfig};
    use tonic::{Request, Response, Status};

    use crate::stream::proto::enrollment_server::{Enrollment, EnrollmentServer};

    type Authority = Arc<CertifiedIssuer<'static, KeyPair>>;

    /// A controller that gives certificates for tokens that begin with "good", and keeps the tokens.
    #[derive(Clone)]
    struct Controller {
        authority: Authority,
        tokens: Arc<Mutex<Vec<String>>>,
    }

    #[tonic::async_trait]
    impl Enrollment for Controller {
        async fn enroll(&self, request: Request<EnrollRequest>) -> Result<Response<Enrolled>, Status> {
            let asked = request.into_inner();
            self.tokens.lock().expect("not poisoned").push(asked.token.clone());
            if !asked.token.starts_with("good") {
                return Err(Status::permission_denied("a bad token"));
            }
            let request = CertificateSigningRequestParams::from_pem(&asked.request).expect("a request");
            let certificate =
                CertificateParams::default().signed_by(&request.public_key, &*self.authority).expect("signed");
            Ok(Response::new(Enrolled { certificate: certificate.pem(), renew_after: 3600 }))
        }
    }

    fn authority() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Arc::new(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority"))
    }

    async fn start(authority: &Authority) -> (String, Controller) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![SERVER_NAME.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &**authority).expect("signed");
        let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate.pem(), key.serialize_pem()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let controller = Controller { authority: authority.clone(), tokens: Arc::default() };
        let service = EnrollmentServer::new(controller.clone());
        let server = Server::builder().tls_config(tls).expect("certificates").add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (address, controller)
    }

    fn folder(authority: &Authority, token: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in
            [("ca.crt", authority.pem()), ("token", format!("{token}\n")), ("controllers", "a:1, b:2\n".into())]
        {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        folder
    }

    #[tokio::test]
    async fn a_certificate_is_asked_for_once_and_again_when_it_is_in_doubt_with_the_token_of_then() {
        let authority = authority();
        let (address, controller) = start(&authority).await;
        let folder = folder(&authority, "good-1");
        let mut bootstrap = Bootstrap::new(folder.path());
        assert_eq!(bootstrap.controllers().expect("a list"), ["a:1", "b:2"]);
        for _ in 0..2 {
            bootstrap.credential(&address).await.expect("given");
        }
        bootstrap.doubt();
        std::fs::write(folder.path().join("token"), "good-2").expect("written");
        bootstrap.credential(&address).await.expect("given anew");
        // What is refused leaves the old one in use: it may hold while the API server is away.
        bootstrap.doubt();
        std::fs::write(folder.path().join("token"), "bad").expect("written");
        bootstrap.credential(&address).await.expect("the old one");
        assert_eq!(*controller.tokens.lock().expect("not poisoned"), ["good-1", "good-2", "bad"]);
    }

    #[tokio::test]
    async fn a_token_goes_to_no_controller_of_another_authority() {
        let (ours, theirs) = (authority(), authority());
        let (address, controller) = start(&theirs).await;
        let folder = folder(&ours, "good");
        let refused = Bootstrap::new(folder.path()).credential(&address).await.expect_err("a stranger");
        assert!(format!("{refused:#}").contains("no certificate for this node's pod"), "{refused:#}");
        assert!(controller.tokens.lock().expect("not poisoned").is_empty());
    }

    #[tokio::test]
    async fn without_a_certificate_a_refusal_is_told() {
        let authority = authority();
        let (address, _) = start(&authority).await;
        let folder = folder(&authority, "bad");
        let refused = Bootstrap::new(folder.path()).credential(&address).await.expect_err("refused");
        assert!(format!("{refused:#}").contains("a bad token"), "{refused:#}");
    }
}
