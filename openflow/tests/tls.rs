//! TLS to a real Open vSwitch on its dummy datapath: certificates made here, the switch's name checked. Without Open vSwitch
//! on the machine this test says so and passes.
#![cfg(feature = "tls")]

mod vswitch;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rust_openflow::{Connection, Flow, FlowMod};
use std::net::TcpListener;
use std::sync::Arc;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use vswitch::Vswitch;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(vec![]).unwrap();
        // Another name than a certificate has by default: one that bears its issuer's name counts as self-signed.
        params.distinguished_name.push(DnType::CommonName, "authority of the tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    /// The configuration of a client that trusts this authority and has a certificate of `issuer`.
    fn client(&self, issuer: &Authority) -> Arc<ClientConfig> {
        let (certificate, key) = issuer.issue("controller");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.0.der().to_vec())).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_protocol_versions(&[&tokio_rustls::rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            );
        Arc::new(config.unwrap())
    }
}

/// A switch whose bridge listens for TLS with a certificate for `name`, and where.
fn serve(authority: &Authority, name: &str) -> Option<(Vswitch, String)> {
    let switch = Vswitch::start("tls")?;
    let (certificate, key) = authority.issue(name);
    let files = [("key.pem", key.serialize_pem()), ("cert.pem", certificate.pem()), ("ca.pem", authority.0.pem())];
    let paths = files.map(|(file, text)| {
        let path = switch.path(file);
        std::fs::write(&path, text).unwrap();
        path
    });
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let target = format!("pssl:{port}:127.0.0.1");
    switch.vsctl(&["set-ssl", &paths[0], &paths[1], &paths[2], "--", "set-controller", "br0", &target]);
    Some((switch, format!("127.0.0.1:{port}")))
}

#[tokio::test]
async fn a_switch_is_spoken_to_over_tls_by_its_name_and_by_nobody_else() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let Some((_switch, target)) = serve(&authority, "switch-1") else { return };
    let name = |name: &'static str| ServerName::try_from(name).unwrap();
    let connection = Connection::connect_tls(&target, name("switch-1"), authority.client(&authority)).await.unwrap();
    connection.one(FlowMod::add(Flow::new(3)).into()).await.unwrap();
    assert_eq!(connection.flows().await.unwrap().len(), 1);

    let refused = [
        (name("switch-2"), authority.client(&authority)),
        (name("switch-1"), stranger.client(&authority)),
        (name("switch-1"), authority.client(&stranger)),
    ];
    for (name, config) in refused {
        assert!(Connection::connect_tls(&target, name, config).await.is_err());
    }
}
