//! Hash tables with a hasher that is fast and seeded in every process. Their order means nothing.

/// Hashes keys of tables; what is sent or stored is digested by `crate::digest`.
pub(crate) type Hasher = foldhash::fast::RandomState;

pub(crate) type HashMap<K, V> = hashbrown::HashMap<K, V, Hasher>;
pub(crate) type HashSet<T> = hashbrown::HashSet<T, Hasher>;
