//! Malformed and truncated input, as a smoke test: what the fuzz targets run for hours runs here for a second, on bytes
//! recorded from a real server, cut at every place and changed at many, the same ones every time.

#[path = "../fuzz/src/entry.rs"]
mod entry;

use std::path::Path;

/// The recorded inputs: one file each, or several messages in one.
fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/malformed");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut seeds: Vec<_> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    seeds.push(entry::SCHEMA.as_bytes().to_vec());
    seeds
}

/// Numbers that are the same in every run (xorshift64*).
fn random(state: &mut u64) -> usize {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize
}

fn check(input: &[u8]) {
    entry::ALL.iter().for_each(|run| run(input));
}

/// Applies a history, an update a line; the names of the rows it leaves.
fn replay(history: &str) -> Vec<String> {
    let layout = ovsdb::Monitor::everything().layout(&ovsdb::schema::DatabaseSchema::parse(entry::SCHEMA).unwrap());
    let mut replica = ovsdb::Replica::new(layout);
    for line in history.lines() {
        let updates = ovsdb::monitor::decode(line, replica.layout()).unwrap();
        assert!(!replica.apply(updates, ovsdb::Uuid::ZERO).unwrap().changes.is_empty(), "{line}");
    }
    let name = ovsdb::Column::<(), String>::new("name");
    replica.snapshot().table("Root").unwrap().rows().iter().map(|row| row.read(name)).collect()
}

#[test]
fn recorded_input_is_good_input() {
    seeds().iter().for_each(|seed| check(seed));
    assert_eq!(replay(include_str!("malformed/updates.txt")), ["b"], "the first generation");
    assert_eq!(replay(include_str!("malformed/updates2.txt")), ["b"], "the second");
}

#[test]
fn truncated_input_never_panics() {
    for seed in seeds() {
        let step = 1 + seed.len() / 400;
        (0..seed.len()).step_by(step).for_each(|end| check(&seed[..end]));
    }
}

#[test]
fn changed_input_never_panics() {
    let mut state = 1;
    for seed in seeds().iter().filter(|seed| !seed.is_empty()) {
        for _ in 0..300 {
            let mut input = seed.clone();
            for _ in 0..1 + random(&mut state) % 4 {
                let at = random(&mut state) % input.len();
                match random(&mut state) % 4 {
                    0 => input[at] = random(&mut state) as u8,
                    1 => input[at] = b"{}[]\",:\\0"[random(&mut state) % 9],
                    2 => drop(input.remove(at)),
                    _ => input.insert(at, b"{}[]\",:\\0"[random(&mut state) % 9]),
                }
                if input.is_empty() {
                    break;
                }
            }
            check(&input);
        }
    }
}

#[test]
fn what_fuzzing_kept_holds() {
    let hex = |line: &str| -> Vec<u8> {
        (0..line.len() / 2).map(|i| u8::from_str_radix(&line[2 * i..2 * i + 2], 16).unwrap()).collect()
    };
    type Target = (&'static str, fn(&[u8]));
    let targets: [Target; 5] = [
        ("frames", entry::frames),
        ("values", entry::values),
        ("updates", entry::updates),
        ("outcomes", entry::outcomes),
        ("schemas", entry::schemas),
    ];
    for (target, run) in targets {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fuzz/seeds/{target}.hex"));
        let inputs = std::fs::read_to_string(path).unwrap();
        assert!(inputs.lines().count() > 100, "few inputs of {target}");
        inputs.lines().for_each(|line| run(&hex(line)));
    }
}
