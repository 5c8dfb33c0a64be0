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

#[test]
fn a_signing_request_gets_a_certificate_for_its_key_and_the_subject_that_the_controller_names() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(folder.path()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut wishes = CertificateParams::new(vec!["weft-controller".to_owned()]).unwrap();
    wishes.distinguished_name.push(DnType::CommonName, "weft-operator");
    let request = wishes.serialize_request(&key).unwrap().pem().unwrap();
    let signed = pki.sign(&request, &Subject::Node("n1".to_owned()), ENROLLED_LIFE).unwrap();
    let der = &certificates(&signed).unwrap()[0];
    assert_eq!(Subject::of_certificate(der), Some(Subject::Node("n1".to_owned())));
    let (_, parsed) = x509_parser::parse_x509_certificate(der).unwrap();
    assert!(parsed.subject_alternative_name().unwrap().is_none(), "no name of its own");
    assert!(parsed.basic_constraints().unwrap().is_none_or(|basic| !basic.value.ca), "no authority");
    assert_eq!(parsed.public_key().subject_public_key.data.as_ref(), key.public_key_raw());
    let left = expiry(der).unwrap().duration_since(SystemTime::now()).unwrap();
    assert!(left <= ENROLLED_LIFE && left > ENROLLED_LIFE - Duration::from_secs(60), "{left:?}");
    assert!(pki.sign("no request", &Subject::Operator, ENROLLED_LIFE).is_err());
}

#[test]
fn who_has_no_certificate_is_let_in_only_where_certificates_are_given_out() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::open(folder.path()).unwrap();
    let meets = |pki: &Pki| {
        let mut roots = rustls::RootCertStore::empty();
        certificates(&pki.authority().unwrap()).unwrap().into_iter().for_each(|root| roots.add(root).unwrap());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client =
            rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        handshake(pki, Arc::new(client.with_root_certificates(roots).with_no_client_auth()))
    };
    assert!(meets(&pki).is_err());
    assert_eq!(meets(&pki.clone().enrolling()), Ok(()));
    let other = tempfile::tempdir().unwrap();
    let stranger = Pki::open(other.path()).unwrap();
    stranger.issue_into(&Subject::Node("n1".to_owned()), &other.path().join("n1")).unwrap();
    fs::write(other.path().join("n1/ca.crt"), pki.authority().unwrap()).unwrap();
    assert!(meet(&pki.enrolling(), &other.path().join("n1")).is_err(), "of another authority");
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
    handshake(pki, client(folder))
}

fn handshake(pki: &Pki, client: Arc<rustls::ClientConfig>) -> Result<(), rustls::Error> {
    let mut server = rustls::ServerConnection::new(pki.make_config(SystemTime::now()).unwrap().config)?;
    let mut client = rustls::ClientConnection::new(client, SERVER_NAME.try_into().unwrap())?;
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
