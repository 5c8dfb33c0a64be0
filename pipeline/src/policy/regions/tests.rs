//! Regions against what blocks say, address by address, over random histories.

use super::*;
use ipnetwork::IpNetwork;
use proptest::prelude::*;

fn network(text: &str) -> IpNetwork {
    text.parse().expect("a prefix")
}

fn block(cidr: &str, except: &[&str]) -> Block {
    Block { cidr: network(cidr), except: except.iter().map(|text| network(text)).collect() }
}

/// In which peers an address lies, asked of every block.
fn naive<'a>(all: &'a BTreeMap<&'static str, Vec<Block>>, address: &str) -> Vec<&'a str> {
    let address = address.parse().expect("an address");
    let lies = |block: &Block| block.cidr.contains(address) && !block.except.iter().any(|e| e.contains(address));
    all.iter().filter(|(_, blocks)| blocks.iter().any(lies)).map(|(name, _)| *name).collect()
}

/// The same by the regions.
fn by_region(regions: &Regions, address: &str) -> Vec<String> {
    let longest = Prefix::from(network(address)).around().find(|prefix| regions.has(*prefix));
    let class = longest.and_then(|prefix| regions.class(regions.region(prefix)));
    class.map_or_else(Vec::new, |class| class.iter().map(|name| name.to_string()).collect())
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const CIDRS: [&str; 8] =
    ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24", "10.1.1.1/32", "::/0", "fd00::/8", "fd00:1::/32"];
const ADDRESSES: [&str; 8] =
    ["9.9.9.9", "10.9.9.9", "10.1.9.9", "10.1.1.9", "10.1.1.1", "2001:db8::1", "fd00:9::1", "fd00:1::1"];

fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let cidr = proptest::sample::select(&CIDRS[..]);
    let one = (cidr.clone(), proptest::collection::vec(cidr, 0..3)).prop_map(|(cidr, except)| block(cidr, &except));
    proptest::collection::vec(one, 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn an_address_is_in_the_peers_that_its_region_says(
        steps in proptest::collection::vec((proptest::sample::select(&NAMES[..]), blocks()), 1..12)
    ) {
        let (mut regions, mut all) = (Regions::default(), BTreeMap::new());
        let mut told: BTreeMap<Prefix, u32> = BTreeMap::new();
        for (name, blocks) in steps {
            let touched = regions.put(&name.into(), &blocks);
            all.insert(name, blocks);
            for prefix in touched.prefixes {
                match regions.has(prefix) {
                    true => told.insert(prefix, regions.region(prefix)),
                    false => told.remove(&prefix),
                };
            }
            for address in ADDRESSES {
                prop_assert_eq!(by_region(&regions, address), naive(&all, address), "{}", address);
            }
            let now: BTreeMap<Prefix, u32> =
                regions.prefixes.keys().map(|prefix| (*prefix, regions.region(*prefix))).collect();
            prop_assert_eq!(&told, &now, "what changed was told");
            let mut fresh = Regions::default();
            all.iter().for_each(|(name, blocks)| drop(fresh.put(&(*name).into(), blocks)));
            prop_assert_eq!(&regions, &fresh);
        }
    }
}

/// Two names, each a class of its own, of the same hash.
fn collision() -> (Arc<str>, Arc<str>) {
    let mut seen: BTreeMap<u32, Arc<str>> = BTreeMap::new();
    (0_u32..)
        .find_map(|number| {
            let name: Arc<str> = number.to_string().into();
            seen.insert(hash(&[name.clone()].into()), name.clone()).map(|other| (other, name))
        })
        .expect("27 bits of hash collide soon")
}

#[test]
fn regions_of_one_hash_have_numbers_of_their_own_whatever_the_order() {
    let (one, other) = collision();
    let (near, far) = ([block("10.0.0.0/8", &[])], [block("11.0.0.0/8", &[])]);
    let (mut first, mut second) = (Regions::default(), Regions::default());
    first.put(&one, &near);
    let touched = first.put(&other, &far);
    second.put(&other, &far);
    second.put(&one, &near);
    assert_eq!(first, second);
    let prefixes = ["10.0.0.0/8", "11.0.0.0/8"].map(|text| Prefix::from(network(text)));
    assert_ne!(first.region(prefixes[0]), first.region(prefixes[1]));
    assert_eq!(touched.prefixes, BTreeSet::from(prefixes), "the first one's number may be another");
    assert!(prefixes.iter().all(|prefix| touched.regions.contains(&first.region(*prefix))));
}

#[test]
fn a_thousand_exceptions_make_two_regions() {
    let except: Vec<String> = (0..1000).map(|n| format!("10.{}.{}.0/24", n / 256, n % 256)).collect();
    let except: Vec<&str> = except.iter().map(String::as_str).collect();
    let mut regions = Regions::default();
    let touched = regions.put(&"far".into(), &[block("10.0.0.0/8", &except)]);
    assert_eq!((touched.prefixes.len(), touched.regions.len()), (1001, 1));
    assert_eq!(regions.of("far").len(), 1);
    assert_eq!(by_region(&regions, "10.3.231.1"), [""; 0]);
    assert_eq!(by_region(&regions, "10.3.232.1"), ["far"]);
}
