//! TLS and TCP against the real server: certificates made here, names checked or not, strangers refused.

use std::net::TcpListener;
use std::sync::Arc;

use ovsdb::Client;
use ovsdb::client::{Config, Status};
use ovsdb::connection::{Identity, Tls, Verify};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::UnixStream;
use tokio_rustls::TlsAcceptor;

use crate::server::{Server, client, config, soon};

struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM text.
struct Pair {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "authority of the tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, name: &str) -> Pair {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        Pair { certificate: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }

    fn tls(&self, pair: &Pair, verify: Verify) -> Tls {
        let identity = Identity { certificates: pair.certificate.as_bytes(), key: pair.key.as_bytes() };
        Tls::new(self.0.pem().as_bytes(), Some(identity), verify).unwrap()
    }
}

/// A server on a TLS port, and its address.
fn serve(authority: &Authority, name: &str) -> (Server, String) {
    let mut server = Server::standalone();
    let pair = authority.issue(name);
    for (file, text) in [("ca.pem", &authority.0.pem()), ("cert.pem", &pair.certificate), ("key.pem", &pair.key)] {
        std::fs::write(server.file(file), text).unwrap();
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options = vec![
        format!("--private-key={}", server.file("key.pem")),
        format!("--certificate={}", server.file("cert.pem")),
        format!("--ca-cert={}", server.file("ca.pem")),
    ];
    server.kill();
    server = server.with_remote(format!("pssl:{port}:127.0.0.1"), options);
    server.start();
    (server, format!("ssl:127.0.0.1:{port}"))
}

/// Connects; the reason where that fails.
async fn attempt(address: &str, tls: Tls) -> Result<(), String> {
    let mut client = Client::start(Config { tls: Some(tls), ..config(address) });
    let mut status = client.watch_status();
    let failed = |status: &Status| matches!(status, Status::Disconnected { reason } if !reason.is_empty());
    tokio::select! {
        loaded = soon(client.loaded()) => loaded.map(drop).map_err(|error| error.to_string()),
        status = status.wait_for(failed) => Err(format!("{:?}", status.map(|status| status.clone()))),
    }
}

#[tokio::test]
async fn servers_of_the_authority_are_trusted_by_name_or_by_chain() {
    let authority = Authority::new();
    let (_server, address) = serve(&authority, "switch-1");
    let own = authority.issue("client");
    attempt(&address, authority.tls(&own, Verify::Name("switch-1".into()))).await.unwrap();
    attempt(&address, authority.tls(&own, Verify::ChainOnly)).await.unwrap();
    attempt(&address, authority.tls(&own, Verify::Name("switch-2".into()))).await.unwrap_err();
    attempt(&address, authority.tls(&own, Verify::Host)).await.unwrap_err();
}

#[tokio::test]
async fn strangers_are_refused_on_either_side() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (_server, address) = serve(&authority, "switch-1");
    attempt(&address, stranger.tls(&authority.issue("client"), Verify::ChainOnly)).await.unwrap_err();
    attempt(&address, authority.tls(&stranger.issue("client"), Verify::ChainOnly)).await.unwrap_err();
}

/// Speaks TLS 1.3 and nothing older in front of a server's socket, and says where.
async fn speak_only_1_3(authority: &Authority, server: &Server) -> String {
    let pair = authority.issue("switch-1");
    let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let builder = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let config = builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let (acceptor, socket) = (TlsAcceptor::from(Arc::new(config)), server.socket());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("ssl:{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut secure = acceptor.accept(stream).await.unwrap();
            let mut plain = UnixStream::connect(&socket).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut secure, &mut plain).await; // Until either hangs up.
        }
    });
    address
}

#[tokio::test]
async fn tls_1_3_is_spoken() {
    let (authority, server) = (Authority::new(), Server::standalone());
    let address = speak_only_1_3(&authority, &server).await;
    attempt(&address, authority.tls(&authority.issue("client"), Verify::Name("switch-1".into()))).await.unwrap();
}

#[tokio::test]
async fn a_server_is_spoken_to_over_tcp() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Server::standalone();
    server.kill();
    let server = server.with_remote(format!("ptcp:{port}:127.0.0.1"), vec![]);
    server.start();
    let client = client(&format!("tcp:127.0.0.1:{port}")).await;
    assert_eq!(client.snapshot().len(), 0);
}
