//! The seeds of the fuzz target and random changes of them, through the same checks, on the stable compiler.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../fuzz/checks/nats_decoder.rs"]
mod nats_decoder;

use std::path::Path;

const CHANGES_PER_SEED: u64 = 2_000;

/// SplitMix64 (Steele, Lea, Flood 2014): the same changes in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound.max(1) as u64)).unwrap()
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 10, "{target} has seeds");
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// One change: a byte set, flipped, removed, doubled or copied from another seed; or a cut.
fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    const INTERESTING: &[u8] = b"\r\n \t+-'0189MSGHIPR.\x00\x7f\x80\xff";
    let at = random.below(bytes.len());
    match random.below(7) {
        0 if !bytes.is_empty() => bytes[at] = INTERESTING[random.below(INTERESTING.len())],
        1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        2 if !bytes.is_empty() => drop(bytes.remove(at)),
        3 => bytes.insert(at, INTERESTING[random.below(INTERESTING.len())]),
        4 => bytes.truncate(at),
        5 => {
            let from = random.below(other.len());
            let to = from + random.below(other.len() - from + 1);
            bytes.splice(at..at, other[from..to].iter().copied());
        }
        _ => {
            let end = at + random.below(bytes.len() - at + 1);
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
    }
}

fn run(target: &str, check: impl Fn(&[u8])) {
    let seeds = seeds(target);
    let mut random = Random(7);
    for seed in &seeds {
        check(seed);
        for _ in 0..CHANGES_PER_SEED {
            let mut bytes = seed.clone();
            for _ in 0..=random.below(3) {
                let other = &seeds[random.below(seeds.len())];
                change(&mut bytes, other, &mut random);
            }
            check(&bytes);
        }
    }
}

#[test]
fn operations_of_a_nats_server() {
    run("nats_decoder", nats_decoder::check);
}
