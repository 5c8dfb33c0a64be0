//! One behaviour a test, in a cluster in which everything is prompt.

mod life;
mod services;
mod statics;
mod subnets;
