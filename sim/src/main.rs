fn main() {
    let seed: u64 = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    let n: u64 = std::env::args().nth(2).and_then(|s| s.parse().ok()).unwrap_or(1);
    let t0 = std::time::SystemTime::now();
    for seed in seed..seed + n {
        if n == 1 { lifecycle::sim::begin_trace(); }
        let r = sim::world::run(&sim::plan::Plan::draw(seed, &Default::default()));
        if n == 1 { for l in lifecycle::sim::end_trace() { println!("{l}"); } }
        println!("{seed} {r:?} {:?}", t0.elapsed());
    }
}
