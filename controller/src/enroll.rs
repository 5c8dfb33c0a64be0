//! How an agent comes to its certificate: it shows the service account token of its pod, and gets a certificate for the node that
//! the token is bound to.
//!
//! The token proves the node: the kubelet gets one only for pods of its own node, it ends with the pod, and its audience is this
//! controller's alone, so that it opens nothing else. The API server says whether it is genuine (TokenReview) and which pod on which
//! node it was made for. Nothing that the agent itself says about its node counts.

use std::sync::Arc;

use futures::future::BoxFuture;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus};
use kube::Client;
use kube::api::{Api, PostParams};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};
use tracing::{info, warn};

use crate::metrics::Metrics;
use crate::pki::{self, Pki, Subject};
use crate::rpc::enrollment_server;
use api::node::{EnrollRequest, Enrolled};

/// The audience of the agents' tokens.
pub const AUDIENCE: &str = "weft-controller";
/// The service account of the agents.
pub const ACCOUNT: &str = "weft-agent";
/// Reviews that are asked for at a time: a flood of strangers does not become one at the API server.
const REVIEWS: usize = 8;
/// Where the API server says which node a token's pod is on (Kubernetes 1.30 and later).
const NODE: &str = "authentication.kubernetes.io/node-name";
/// And which pod it is.
const POD: &str = "authentication.kubernetes.io/pod-name";

/// Why a token gives no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It proves no node.
    #[error("{0}")]
    Token(String),
    /// Nobody could be asked; later perhaps.
    #[error("the Kubernetes API cannot be asked: {0}")]
    Away(String),
}

/// Who says which node a token is of.
pub trait Judge: Send + Sync {
    /// The node whose pod the token is bound to.
    fn node_of<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<String, Refusal>>;
}

/// What makes certificates of tokens.
pub struct Enrollment {
    judge: Arc<dyn Judge>,
    pki: Pki,
    reviews: Semaphore,
}

impl Enrollment {
    /// With this judge, signing with this authority.
    pub fn new(judge: Arc<dyn Judge>, pki: Pki) -> Self {
        Enrollment { judge, pki, reviews: Semaphore::new(REVIEWS) }
    }

    async fn enroll(&self, asked: &EnrollRequest) -> Result<(String, String), Refusal> {
        let _turn = self.reviews.acquire().await.map_err(|error| Refusal::Away(error.to_string()))?;
        let node = self.judge.node_of(&asked.token).await?;
        let signed = self.pki.sign(&asked.request, &Subject::Node(node.clone()), pki::ENROLLED_LIFE);
        signed.map(|certificate| (node, certificate)).map_err(|error| Refusal::Token(format!("{error:#}")))
    }
}

/// The service that agents call.
#[derive(Clone)]
pub struct Enrolling {
    /// What it gives out.
    pub enrollment: Arc<Enrollment>,
    /// Numbers.
    pub metrics: Arc<Metrics>,
}

#[tonic::async_trait]
impl enrollment_server::Enrollment for Enrolling {
    async fn enroll(&self, request: Request<EnrollRequest>) -> Result<Response<Enrolled>, Status> {
        let peer = request.remote_addr();
        match self.enrollment.enroll(request.get_ref()).await {
            Ok((node, certificate)) => {
                info!(node, "agent enrolled");
                let renew_after = (pki::ENROLLED_LIFE / 2).as_secs().try_into().unwrap_or(u32::MAX);
                Ok(Response::new(Enrolled { certificate, renew_after }))
            }
            Err(refusal) => {
                warn!(?peer, "no certificate given: {refusal}");
                match refusal {
                    Refusal::Token(why) => {
                        self.metrics.refused_clients.inc();
                        Err(Status::permission_denied(why))
                    }
                    Refusal::Away(_) => Err(Status::unavailable(refusal.to_string())),
                }
            }
        }
    }
}

/// The API server's judgement.
pub struct TokenReviews {
    api: Api<TokenReview>,
    /// `system:serviceaccount:NAMESPACE:NAME`.
    account: String,
}

impl TokenReviews {
    /// Tokens of the agents' service account in a namespace.
    pub fn new(client: Client, namespace: &str) -> Self {
        TokenReviews { api: Api::all(client), account: format!("system:serviceaccount:{namespace}:{ACCOUNT}") }
    }
}

impl Judge for TokenReviews {
    fn node_of<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<String, Refusal>> {
        Box::pin(async move {
            let spec = TokenReviewSpec { audiences: Some(vec![AUDIENCE.to_owned()]), token: Some(token.to_owned()) };
            let review = TokenReview { spec, ..TokenReview::default() };
            let review = self.api.create(&PostParams::default(), &review).await;
            let review = review.map_err(|error| Refusal::Away(error.to_string()))?;
            node_in(review.status.unwrap_or_default(), &self.account).map_err(Refusal::Token)
        })
    }
}

/// Reads a review: whose token it is, and for which node.
fn node_in(status: TokenReviewStatus, account: &str) -> Result<String, String> {
    if status.authenticated != Some(true) {
        let why = status.error.filter(|why| !why.is_empty()).unwrap_or_else(|| "it is none of this cluster".to_owned());
        return Err(format!("the token is not valid for {AUDIENCE}: {why}"));
    }
    // An API server that knows no audiences answers without any, and may have taken a token that is for others.
    if !status.audiences.unwrap_or_default().iter().any(|audience| audience == AUDIENCE) {
        return Err(format!("the token is not for the audience {AUDIENCE}"));
    }
    let user = status.user.unwrap_or_default();
    let name = user.username.unwrap_or_default();
    if name != account {
        return Err(format!("the token is that of {name}, not of {account}"));
    }
    let extra = user.extra.unwrap_or_default();
    let first = |key: &str| extra.get(key).and_then(|values| values.first()).filter(|value| !value.is_empty());
    match (first(NODE), first(POD)) {
        (Some(node), Some(_)) => Ok(node.clone()),
        _ => {
            Err("the token is bound to no pod on a node (a projected token of Kubernetes 1.30 or later is)".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const OWN: &str = "system:serviceaccount:weft-system:weft-agent";

    #[track_caller]
    fn check(change: impl Fn(&mut Value), expect: Result<&str, &str>) {
        let mut status = json!({
            "authenticated": true,
            "audiences": ["weft-controller"],
            "user": { "username": OWN, "extra": { NODE: ["n1"], POD: ["weft-agent-x"] } },
        });
        change(&mut status);
        let said = node_in(serde_json::from_value(status).expect("a status"), OWN);
        match (said, expect) {
            (Ok(node), Ok(expected)) => assert_eq!(node, expected),
            (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
            (said, _) => panic!("{said:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn only_a_genuine_token_of_an_agents_pod_proves_a_node() {
        check(|_| {}, Ok("n1"));
        check(|status| status["authenticated"] = false.into(), Err("not valid"));
        check(|status| *status = json!({ "error": "expired" }), Err("expired"));
        check(|status| status["audiences"] = json!(["https://kubernetes.default.svc"]), Err("not for the audience"));
        check(|status| status["audiences"] = Value::Null, Err("not for the audience"));
        check(|status| status["user"]["username"] = "system:serviceaccount:shop:weft-agent".into(), Err("that of"));
        check(|status| status["user"]["username"] = "system:node:n1".into(), Err("that of"));
        check(|status| status["user"]["extra"] = json!({ POD: ["weft-agent-x"] }), Err("bound to no pod"));
        check(|status| status["user"]["extra"] = json!({ NODE: ["n1"] }), Err("bound to no pod"));
        check(|status| status["user"]["extra"][NODE] = json!([]), Err("bound to no pod"));
    }
}
