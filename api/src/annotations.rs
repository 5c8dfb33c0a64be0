//! Annotations that a user sets on a Pod to choose how it is connected.

/// Name of the `Subnet` that the pod gets its addresses from.
pub const SUBNET: &str = "weft.dev/subnet";

/// Addresses the pod wants, comma separated, at most one a family: `10.20.0.5,fd00:20::5`.
pub const ADDRESSES: &str = "weft.dev/addresses";

/// MAC address the pod wants: `0a:58:0a:14:00:05`.
pub const MAC: &str = "weft.dev/mac";
