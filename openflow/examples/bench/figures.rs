//! Medians over rounds.

use std::time::Duration;

/// What each round took, by what was done.
#[derive(Default)]
pub struct Figures {
    rows: Vec<(&'static str, Vec<Duration>)>,
}

impl Figures {
    /// Adds a round's time.
    pub fn add(&mut self, what: &'static str, took: Duration) {
        match self.rows.iter_mut().find(|(name, _)| *name == what) {
            Some((_, all)) => all.push(took),
            None => self.rows.push((what, vec![took])),
        }
    }

    fn of(&self, what: &str) -> impl Iterator<Item = f64> {
        let row = self.rows.iter().find(|(name, _)| *name == what);
        row.expect("each round adds all").1.iter().map(Duration::as_secs_f64)
    }

    /// A line each: median and the flows per second that it means.
    pub fn print(&self, flows: usize) {
        for (what, _) in &self.rows {
            let took = median(self.of(what));
            println!("{what:<58} {:>9.1} ms {:>12.0} flows/s", took * 1e3, flows as f64 / took);
        }
    }

    /// How much faster `fast` is than `base`: the median, the lowest and the highest of the rounds.
    pub fn print_ratio(&self, title: &str, base: &str, fast: &str) {
        let ratios: Vec<f64> = self.of(base).zip(self.of(fast)).map(|(base, fast)| base / fast).collect();
        let (least, most) = ratios.iter().fold((f64::MAX, 0f64), |(l, m), &r| (l.min(r), m.max(r)));
        println!("{title:<58} {:>9.2}    ({least:.2} to {most:.2})", median(ratios.into_iter()));
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = values.collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// How long this thread has been on a processor.
pub fn on_processor() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux says what a thread used");
    let nanoseconds = schedstat.split(' ').next().and_then(|n| n.parse().ok()).expect("the first number");
    Duration::from_nanos(nanoseconds)
}
