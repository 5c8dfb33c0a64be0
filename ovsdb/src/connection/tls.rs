//! TLS: certificates as `ovs-pki` makes them, checked by rustls: TLS 1.3, or 1.2 where the server has no other.
//!
//! Open vSwitch's own programs check that a peer's certificate was signed by the authority and nothing else; its name is not
//! looked at, and the certificates that `ovs-pki` makes carry the switch's name, not its address. So besides checking the
//! name there is [`Verify::ChainOnly`], which does as Open vSwitch does.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

use super::stream::ConnectError;

/// What is checked of a server's certificate besides its signature by the authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verify {
    /// It carries the host of the address.
    Host,
    /// It carries this name.
    Name(String),
    /// Nothing, as Open vSwitch's own programs do: every server of this authority is trusted.
    ChainOnly,
}

/// What this side shows to the server, as PEM text.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The certificate, and those between it and the authority.
    pub certificates: &'a [u8],
    /// The private key: PKCS#8, PKCS#1 or SEC1.
    pub key: &'a [u8],
}

/// Certificates, keys and checks for TLS 1.3, and 1.2 with servers that have no better.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ClientConfig>,
    verify: Verify,
}

/// PEM text that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The text is not PEM, or lacks what was looked for.
    #[error("bad PEM: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// The certificates or the key are refused.
    #[error("bad certificate or key: {0}")]
    Refused(#[from] rustls::Error),
    /// The authority's certificates make no verifier.
    #[error("bad authority: {0}")]
    Authority(#[from] rustls::client::VerifierBuilderError),
}

impl Tls {
    /// Trusts servers whose certificate the authority (PEM text) signed, and shows them an identity if they ask.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(authority: &[u8], identity: Option<Identity<'_>>, verify: Verify) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority) {
            roots.add(certificate?)?;
        }
        let (roots, provider) = (Arc::new(roots), Arc::new(rustls::crypto::ring::default_provider()));
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let builder = match verify {
            Verify::ChainOnly => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Chain { roots, provider }))
            }
            Verify::Host | Verify::Name(_) => {
                builder.with_webpki_verifier(WebPkiServerVerifier::builder_with_provider(roots, provider).build()?)
            }
        };
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let chain = CertificateDer::pem_slice_iter(identity.certificates).collect::<Result<_, _>>()?;
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(identity.key)?)?
            }
        };
        Ok(Tls { config: Arc::new(config), verify })
    }

    /// The name that a server at this host must have.
    pub(super) fn server_name(&self, host: &str) -> Result<ServerName<'static>, ConnectError> {
        let name = if let Verify::Name(name) = &self.verify { name } else { host };
        ServerName::try_from(name.to_owned()).map_err(|_| ConnectError::BadName(name.to_owned()))
    }

    pub(super) fn connector(&self) -> TlsConnector {
        TlsConnector::from(self.config.clone())
    }
}

/// Checks the signature by the authority and not the name.
#[derive(Debug)]
struct Chain {
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Chain {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
