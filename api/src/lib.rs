//! The contracts of Weft: CRD types, pod annotations, and [`node`], what a controller tells an agent.
//!
//! The only serialized promise between the processes: everything here is read by a version of Weft other than the one that
//! wrote it, so fields are added and never change their meaning.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

pub mod address_block;
pub mod annotations;
pub mod cni;
pub mod condition;
pub mod config;
pub mod inspect;
pub mod node;
pub mod static_address;
pub mod subnet;

pub use address_block::AddressBlock;
pub use config::ControllerConfig;
pub use static_address::StaticAddress;
pub use subnet::Subnet;

/// API group of every kind that is Weft's own.
pub const GROUP: &str = "weft.dev";
/// The served version of the group.
pub const VERSION: &str = "v1alpha1";

/// Every CustomResourceDefinition of Weft, as `manifests/crds/` holds them.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![AddressBlock::crd(), StaticAddress::crd(), Subnet::crd()]
}
