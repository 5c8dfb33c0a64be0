//! Certificates as they are made, renewed and replaced.

use super::*;

#[test]
fn a_certificate_names_its_subject() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(folder.path()).unwrap();
    for subject in [Subject::Node("node-1.example".to_owned()), Subject::Operator, Subject::Server] {
        let identity = pki.issue(&subject).unwrap();
        let der = &certificates(&identity.certificate).unwrap()[0];
        assert_eq!(Subject::of_certificate(der), Some(subject));
    }
}

#[test]
fn the_authority_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = Pki::open(folder.path()).unwrap().authority().unwrap();
    assert_eq!(Pki::open(folder.path()).unwrap().authority().unwrap(), first);
}

fn server(pki: &Pki, now: SystemTime) -> ServerTls {
    ServerTls { pki: pki.clone(), current: RwLock::new(pki.make_config(now).unwrap()) }
}

#[test]
fn the_servers_certificate_is_made_anew_long_before_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(folder.path()).unwrap();
    let now = SystemTime::now();
    let tls = server(&pki, now);
    let first = tls.config();
    assert!(!tls.refresh(now + DAY * 9).unwrap());
    assert!(tls.refresh(now + DAY * 11).unwrap());
    assert!(!Arc::ptr_eq(&first, &tls.config()));
}

#[test]
fn certificates_that_an_operator_brings_are_used_as_they_are_and_read_again_when_they_change() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let authority = Pki::open(ours.path()).unwrap();
    authority.issue_into(&Subject::Server, theirs.path()).unwrap();
    let given = Pki::open(theirs.path()).unwrap();
    let certificate = fs::read_to_string(theirs.path().join("tls.crt")).unwrap();
    assert_eq!(given.server_identity().unwrap().certificate, certificate);
    let refused = given.issue(&Subject::Operator).unwrap_err();
    assert!(format!("{refused:#}").contains("authority's key"), "{refused:#}");
    let now = SystemTime::now();
    let tls = server(&given, now);
    assert!(!tls.refresh(now + DAY * 11).unwrap(), "its time is the operator's business");
    let file = File::options().write(true).open(theirs.path().join("tls.crt")).unwrap();
    file.set_modified(now + DAY).unwrap();
    assert!(tls.refresh(now + DAY * 2).unwrap());
}

#[test]
fn keys_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(folder.path()).unwrap();
    pki.issue_into(&Subject::Operator, &folder.path().join("me")).unwrap();
    for key in ["ca.key", "me/tls.key"] {
        let mode = fs::metadata(folder.path().join(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
}

/// A client as agents and weftctl are: with the certificates of a folder.
fn client(folder: &Path) -> Arc<rustls::ClientConfig> {
    let pem = |name: &str| read(&folder.join(name)).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    certificates(&pem("ca.crt")).unwrap().into_iter().for_each(|root| roots.add(root).unwrap());
    let key = PrivateKeyDer::from_pem_slice(pem("tls.key").as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    Arc::new(config.with_client_auth_cert(certificates(&pem("tls.crt")).unwrap(), key).unwrap())
}

/// Whether client and server take each other's certificates.
fn meet(pki: &Pki, folder: &Path) -> Result<(), rustls::Error> {
    let mut server = rustls::ServerConnection::new(pki.make_config(SystemTime::now()).unwrap().config)?;
    let mut client = rustls::ClientConnection::new(client(folder), SERVER_NAME.try_into().unwrap())?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            server.process_new_packets()?;
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets()?;
        }
    }
    Ok(())
}

#[test]
fn an_authority_is_replaced_while_agents_are_served() {
    let (folder, other, agents) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (pki, new) = (Pki::open(folder.path()).unwrap(), Pki::open(other.path()).unwrap());
    let (old, new_authority) = (pki.authority().unwrap(), new.authority().unwrap());
    let trust = |parts: &[&String]| {
        fs::write(folder.path().join("ca.crt"), parts.iter().map(|part| part.as_str()).collect::<String>()).unwrap()
    };
    let agent = |name: &str| agents.path().join(name);
    let issue = |name: &str| pki.issue_into(&Subject::Node("n1".to_owned()), &agent(name)).unwrap();
    issue("first");
    assert_eq!(meet(&pki, &agent("first")), Ok(()));
    // The new one is trusted before it signs: agents get to know it with their next certificates.
    trust(&[&old, &new_authority]);
    issue("renewed");
    for name in ["first", "renewed"] {
        assert_eq!(meet(&pki, &agent(name)), Ok(()), "{name}");
    }
    // It signs, and certificates of the old one hold.
    trust(&[&new_authority, &old]);
    fs::copy(other.path().join("ca.key"), folder.path().join("ca.key")).unwrap();
    issue("last");
    for name in ["renewed", "last"] {
        assert_eq!(meet(&pki, &agent(name)), Ok(()), "{name}");
    }
    // The old one goes, and with it what it signed.
    trust(&[&new_authority]);
    assert!(meet(&pki, &agent("renewed")).is_err());
    assert_eq!(meet(&pki, &agent("last")), Ok(()));
}
