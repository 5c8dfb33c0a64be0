//! What a pod wants: which subnet, which addresses if any in particular, and what stands against it.

use std::net::IpAddr;

use crate::Name;
use crate::address::Family;
use crate::fact::{Asked, Namespace, Pod};
use crate::plan::Plan;
use crate::problem::Problem;
use crate::statics::{Held, Statics};
use crate::subnets::Subnets;
use crate::view::GATEWAY_MAC;

/// What a pod wants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wish {
    pub subnet: Name,
    /// Addresses that it must have, at most one a family.
    pub fixed: Vec<IpAddr>,
    pub mac: Option<[u8; 6]>,
}

/// What a wish is judged by.
pub(crate) struct Judge<'a> {
    pub subnets: &'a Subnets,
    pub statics: &'a Statics,
    /// The pod's namespace, where it is known.
    pub namespace: Option<&'a Namespace>,
    /// The subnet that the pod has an address of already: it stays there.
    pub settled: Option<&'a Name>,
}

impl Judge<'_> {
    /// What a pod wants, or why it cannot have it.
    pub fn wish(&self, pod: &Pod) -> Result<Wish, Problem> {
        let nothing = Asked::default();
        let asked = match pod.asked.as_deref() {
            None => &nothing,
            Some(Ok(asked)) => asked,
            Some(Err(problem)) => return Err(problem.clone()),
        };
        if asked.mac == Some(GATEWAY_MAC) {
            let what = "is the gateway's; leave the annotation out or choose another";
            return Err(Problem::new("BadAnnotation", format!("pod {}: the MAC it asks for {what}", who(pod))));
        }
        let held = self.statics.of_pod(&pod.namespace, &pod.name).transpose()?;
        if let Some(held) = &held {
            agree(pod, asked, held)?;
        }
        let subnet = self.subnet(pod, asked, held.as_ref())?;
        let plan = self.plan(pod, &subnet)?;
        let fixed = match &held {
            Some(held) if held.subnet == subnet => held.addresses.clone(),
            _ => {
                asked.addresses.iter().try_for_each(|address| self.askable(pod, *address, (&subnet, plan)))?;
                asked.addresses.clone()
            }
        };
        Ok(Wish { subnet, fixed, mac: held.and_then(|held| held.mac).or(asked.mac) })
    }

    fn subnet(&self, pod: &Pod, asked: &Asked, held: Option<&Held>) -> Result<Name, Problem> {
        if let Some(settled) = self.settled {
            return Ok(settled.clone());
        }
        if let Some(held) = held {
            return Ok(held.subnet.clone());
        }
        if let Some(name) = &asked.subnet {
            return Ok(Name::from(&**name));
        }
        let namespace = self.namespace.ok_or_else(|| {
            let message = format!("pod {}: there is no Namespace {}; make it", who(pod), pod.namespace);
            Problem::new("NamespaceMissing", message)
        })?;
        Ok(self.subnets.of_namespace(namespace).clone())
    }

    fn plan(&self, pod: &Pod, subnet: &str) -> Result<&Plan, Problem> {
        let judged = self.subnets.get(subnet).ok_or_else(|| {
            let message =
                format!("pod {}: there is no Subnet {subnet}; make it, or correct the pod's annotation", who(pod));
            Problem::new("NoSubnet", message)
        })?;
        judged.in_force().map(|plan| &**plan).ok_or_else(|| {
            let why = judged.problem.as_ref().map_or("", |problem| &problem.message);
            Problem::new("SubnetNotReady", format!("pod {}: its subnet gives no addresses: {why}", who(pod)))
        })
    }

    /// Whether a pod may ask for an address by annotation.
    fn askable(&self, pod: &Pod, address: IpAddr, (name, plan): (&Name, &Plan)) -> Result<(), Problem> {
        let who = who(pod);
        let family = plan.family(Family::of(address)).filter(|family| family.span.contains(address));
        let Some(family) = family else {
            let remedy = match self.subnets.containing(address) {
                Some(other) => {
                    format!("it lies in Subnet {other}: annotate the pod with {}: {other}", api::annotations::SUBNET)
                }
                None => "choose an address inside".to_owned(),
            };
            let message = format!("pod {who}: {address} lies outside of Subnet {name} ({}); {remedy}", plan.cidrs());
            return Err(Problem::new("AddressOutsideSubnet", message));
        };
        if let Some(what) = family.never(address) {
            let message = format!("pod {who}: {address} is {what} of Subnet {name}; choose another");
            return Err(Problem::new("AddressNotUsable", message));
        }
        if family.is_reserved(address) {
            let message =
                format!("pod {who}: {address} is reserved in Subnet {name}; choose another, or make a StaticAddress");
            return Err(Problem::new("AddressReserved", message));
        }
        if let Some((namespace, holder)) = self.statics.holder_of(address) {
            let message =
                format!("pod {who}: {address} is held by StaticAddress {namespace}/{holder}; choose another address");
            return Err(Problem::new("AddressHeld", message));
        }
        Ok(())
    }
}

/// A pod's annotations must not contradict its static address.
fn agree(pod: &Pod, asked: &Asked, held: &Held) -> Result<(), Problem> {
    let contradiction = match &asked.subnet {
        Some(subnet) if **subnet != *held.subnet => Some(format!("Subnet {subnet}")),
        _ => {
            asked.addresses.iter().find(|address| !held.addresses.contains(address)).map(|address| address.to_string())
        }
    };
    match contradiction {
        None => Ok(()),
        Some(what) => {
            let message = format!(
                "pod {}: its annotations ask for {what}, its StaticAddress says otherwise (Subnet {}); leave the annotations out",
                who(pod),
                held.subnet
            );
            Err(Problem::new("AddressMismatch", message))
        }
    }
}

fn who(pod: &Pod) -> String {
    format!("{}/{}", pod.namespace, pod.name)
}
