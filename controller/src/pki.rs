//! The certificates between controller, agents and operators: a certificate authority of our own.
//!
//! A folder holds `ca.crt` and `ca.key`, made on the first start by whichever replica comes first. The server's certificate
//! is made in memory, lives for a month and is replaced long before. Where an operator brings certificates of his own, the
//! folder holds `ca.crt`, `tls.crt` and `tls.key` instead, which are read again when they change. All certificates in `ca.crt`
//! are trusted and the first one signs, so an authority is replaced by putting its successor before it.
//!
//! A client is who its certificate's common name says: `weft-node:NAME` or `weft-operator`.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock, Weak};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tracing::{info, warn};

/// The DNS name in the server's certificate; clients verify it whatever address they dial.
pub const SERVER_NAME: &str = "weft-controller";

const DAY: Duration = Duration::from_secs(24 * 3600);
const CA_LIFE: Duration = DAY.saturating_mul(3650);
const CLIENT_LIFE: Duration = DAY.saturating_mul(365);
const SERVER_LIFE: Duration = DAY.saturating_mul(30);
/// Life of a certificate that an agent has asked for; it asks again after half of it.
pub const ENROLLED_LIFE: Duration = Duration::from_secs(6 * 3600);
/// How often the server's certificate is looked at: made anew when this is a third of its life, read when the file is newer.
const RENEWAL: Duration = Duration::from_secs(600);
/// Clocks of a cluster differ: certificates are valid from this long ago.
const SKEW: Duration = Duration::from_secs(3600);

/// Who a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The agent of a node.
    Node(String),
    /// A person with weftctl.
    Operator,
    /// A controller.
    Server,
}

impl Subject {
    fn common_name(&self) -> String {
        match self {
            Subject::Node(name) => format!("weft-node:{name}"),
            Subject::Operator => "weft-operator".to_owned(),
            Subject::Server => SERVER_NAME.to_owned(),
        }
    }

    /// The subject that a verified client certificate names; `None` if it names none of ours.
    pub fn of_certificate(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
        let name = certificate.subject().iter_common_name().next()?.as_str().ok()?;
        match name.split_once(':') {
            Some(("weft-node", node)) if !node.is_empty() => Some(Subject::Node(node.to_owned())),
            None if name == "weft-operator" => Some(Subject::Operator),
            None if name == SERVER_NAME => Some(Subject::Server),
            _ => None,
        }
    }
}

/// A certificate with its key, as PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

/// Until when a certificate is valid; `None` if it cannot be read.
pub fn expiry(der: &CertificateDer<'_>) -> Option<SystemTime> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let seconds = certificate.validity().not_after.timestamp().try_into().ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Which clients are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clients {
    /// Those with a certificate of the authority.
    Known,
    /// Also those without any, who can do nothing but ask for one. A certificate of another authority is refused.
    Enrolling,
}

/// The folder with the certificate authority.
#[derive(Debug, Clone)]
pub struct Pki {
    folder: PathBuf,
    clients: Clients,
}

impl Pki {
    /// Opens the folder and makes the certificate authority, unless there is one or the operator has brought certificates.
    pub fn open(folder: impl Into<PathBuf>) -> anyhow::Result<Self> {
        let pki = Pki { folder: folder.into(), clients: Clients::Known };
        fs::create_dir_all(&pki.folder).with_context(|| format!("making the folder {}", pki.folder.display()))?;
        let lock_path = pki.folder.join(".lock");
        if pki.folder.join("ca.crt").exists() {
            return Ok(pki);
        }
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.with_context(|| format!("opening {}", lock_path.display()))?;
        lock.lock().with_context(|| format!("locking {}", lock_path.display()))?;
        // Another replica may have made it while this one waited for the lock.
        if !pki.folder.join("ca.crt").exists() {
            keep_authority(&pki.folder, &new_authority()?)?;
            info!(folder = %pki.folder.display(), "certificate authority made");
        }
        Ok(pki)
    }

    /// The same, for a server that also lets in who has no certificate yet.
    pub fn enrolling(self) -> Self {
        Pki { clients: Clients::Enrolling, ..self }
    }

    /// The certificates that are trusted, as PEM.
    pub fn authority(&self) -> anyhow::Result<String> {
        read(&self.folder.join("ca.crt"))
    }

    /// Makes a certificate.
    pub fn issue(&self, subject: &Subject) -> anyhow::Result<Identity> {
        let issuer = self.issuer()?;
        let is_server = *subject == Subject::Server;
        let names = if is_server { vec![SERVER_NAME.to_owned(), "localhost".to_owned()] } else { Vec::new() };
        let mut params = parameters(subject, names)?;
        valid_for(&mut params, if is_server { SERVER_LIFE } else { CLIENT_LIFE });
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?;
        Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// Makes a certificate for the key of a signing request (PEM). What else the request says is not looked at.
    pub fn sign(&self, request: &str, subject: &Subject, life: Duration) -> anyhow::Result<String> {
        let request = CertificateSigningRequestParams::from_pem(request).context("reading the signing request")?;
        let mut params = parameters(subject, Vec::new())?;
        valid_for(&mut params, life);
        Ok(params.signed_by(&request.public_key, &self.issuer()?)?.pem())
    }

    fn issuer(&self) -> anyhow::Result<Issuer<'static, KeyPair>> {
        let path = self.folder.join("ca.key");
        let key = read(&path).context("certificates are made with the authority's key, which is not here")?;
        let key = KeyPair::from_pem(&key).with_context(|| format!("reading {}", path.display()))?;
        Issuer::from_ca_cert_pem(&self.authority()?, key)
            .with_context(|| format!("reading {}", self.folder.join("ca.crt").display()))
    }

    /// Makes a certificate and stores `ca.crt`, `tls.crt` and `tls.key` in a folder.
    pub fn issue_into(&self, subject: &Subject, folder: &Path) -> anyhow::Result<()> {
        let identity = self.issue(subject)?;
        fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
        store(&folder.join("tls.key"), identity.key.as_bytes(), 0o600)?;
        store(&folder.join("tls.crt"), identity.certificate.as_bytes(), 0o644)?;
        store(&folder.join("ca.crt"), self.authority()?.as_bytes(), 0o644)
    }

    /// TLS for the server: clients must show a certificate of the authority. A task keeps it fresh.
    pub fn server(&self) -> anyhow::Result<Arc<ServerTls>> {
        let tls = ServerTls { pki: self.clone(), current: RwLock::new(self.make_config(SystemTime::now())?) };
        let tls = Arc::new(tls);
        tokio::spawn(keep_fresh(Arc::downgrade(&tls)));
        Ok(tls)
    }

    fn make_config(&self, now: SystemTime) -> anyhow::Result<Made> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        for certificate in certificates(&self.authority()?)? {
            roots.add(certificate).context("ca.crt holds no certificate authority")?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let verifier = match self.clients {
            Clients::Known => verifier.build()?,
            Clients::Enrolling => verifier.allow_unauthenticated().build()?,
        };
        let identity = self.server_identity()?;
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).context("reading the server's key")?;
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates(&identity.certificate)?, key)
            .context("the server's certificate and its key")?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Made { config: Arc::new(config), at: now })
    }

    fn is_given(&self) -> bool {
        self.folder.join("tls.crt").exists()
    }

    fn server_identity(&self) -> anyhow::Result<Identity> {
        match self.is_given() {
            true => Ok(Identity {
                certificate: read(&self.folder.join("tls.crt"))?,
                key: read(&self.folder.join("tls.key"))?,
            }),
            false => self.issue(&Subject::Server),
        }
    }

    /// Whether a file has changed since, or the certificate that was made then is old.
    fn is_due(&self, made: SystemTime, now: SystemTime) -> bool {
        let modified = |name: &str| fs::metadata(self.folder.join(name)).and_then(|data| data.modified()).ok();
        let is_newer = ["ca.crt", "tls.crt"].into_iter().filter_map(modified).any(|at| at > made);
        let is_old = now.duration_since(made).is_ok_and(|age| age > SERVER_LIFE / 3);
        is_newer || (is_old && !self.is_given())
    }
}

/// TLS for the server, as it is now.
pub struct ServerTls {
    pki: Pki,
    current: RwLock<Made>,
}

#[derive(Clone)]
struct Made {
    config: Arc<rustls::ServerConfig>,
    at: SystemTime,
}

impl ServerTls {
    /// For the next connection.
    pub fn config(&self) -> Arc<rustls::ServerConfig> {
        self.made().config
    }

    fn made(&self) -> Made {
        self.current.read().expect("nothing panics while it holds this lock").clone()
    }

    /// Makes it anew where it is time to. Connections that exist keep what they began with.
    fn refresh(&self, now: SystemTime) -> anyhow::Result<bool> {
        if !self.pki.is_due(self.made().at, now) {
            return Ok(false);
        }
        let made = self.pki.make_config(now)?;
        *self.current.write().expect("nothing panics while it holds this lock") = made;
        Ok(true)
    }
}

async fn keep_fresh(tls: Weak<ServerTls>) {
    let mut looks = tokio::time::interval(RENEWAL);
    loop {
        looks.tick().await;
        let Some(tls) = tls.upgrade() else { return };
        match tls.refresh(SystemTime::now()) {
            Ok(true) => info!("the server's certificate was replaced"),
            Ok(false) => {}
            Err(error) => {
                let error = format!("{error:#}");
                warn!(error, "the server's certificate could not be replaced; the old one stays");
            }
        }
    }
}

/// Makes a certificate authority.
pub fn new_authority() -> anyhow::Result<Identity> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "weft-ca");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid_for(&mut params, CA_LIFE);
    let made = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    Ok(Identity { certificate: made.pem(), key: made.key().serialize_pem() })
}

/// Stores an authority in a folder, where it is not there already; says whether it was not.
pub fn keep_authority(folder: &Path, authority: &Identity) -> anyhow::Result<bool> {
    let is = |name: &str, content: &str| fs::read_to_string(folder.join(name)).is_ok_and(|now| now == content);
    if is("ca.key", &authority.key) && is("ca.crt", &authority.certificate) {
        return Ok(false);
    }
    fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    store(&folder.join("ca.key"), authority.key.as_bytes(), 0o600)?;
    // Written last: where it is, the key is.
    store(&folder.join("ca.crt"), authority.certificate.as_bytes(), 0o644)?;
    Ok(true)
}

fn parameters(subject: &Subject, names: Vec<String>) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, subject.common_name());
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = match *subject == Subject::Server {
        true => vec![ExtendedKeyUsagePurpose::ServerAuth],
        false => vec![ExtendedKeyUsagePurpose::ClientAuth],
    };
    Ok(params)
}

fn valid_for(params: &mut CertificateParams, life: Duration) {
    let now = SystemTime::now();
    params.not_before = (now - SKEW).into();
    params.not_after = (now + life).into();
}

fn certificates(pem: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let all = all.context("reading certificates")?;
    if all.is_empty() {
        bail!("a certificate file holds no certificate");
    }
    Ok(all)
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn store(path: &Path, content: &[u8], mode: u32) -> anyhow::Result<()> {
    let temporary = path.with_extension(format!("new.{}", std::process::id()));
    let write = || {
        if let Err(error) = fs::remove_file(&temporary)
            && error.kind() != ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = File::options().create_new(true).write(true).mode(mode).open(&temporary)?;
        file.write_all(content)?;
        file.sync_data()?;
        fs::rename(&temporary, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests;
