//! One figure with what it is compared to.

use serde::Serialize;

/// A row of the table; the field names are those of `--json`.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Fixed name: `tcp.across_nodes_ratio`.
    pub name: &'static str,
    /// The figure.
    pub value: f64,
    /// Its unit; `ratio` for Weft's figure over the peer's.
    pub unit: &'static str,
    /// What stands beside it; empty without.
    pub peer: &'static str,
    /// The peer's figure, in the unit of what is compared.
    pub peer_value: Option<f64>,
    /// What the figure should be.
    pub target: &'static str,
    /// How it was taken.
    pub note: String,
}

/// Rows as a Markdown table.
pub fn table(rows: &[Row]) -> String {
    let figure = |value: f64| if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    let line = |row: &Row| {
        let peer =
            row.peer_value.map_or_else(|| row.peer.to_owned(), |value| format!("{} {}", figure(value), row.peer));
        [row.name.to_owned(), figure(row.value), row.unit.to_owned(), peer, row.target.to_owned(), row.note.clone()]
    };
    let heading = ["name", "value", "unit", "peer", "target", "note"].map(str::to_owned);
    let lines: Vec<[String; 6]> = std::iter::once(heading).chain(rows.iter().map(line)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let print = |line: &[String; 6]| {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}", width = *width)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule = format!("|{}\n", widths.iter().map(|width| "-".repeat(width + 2) + "|").collect::<String>());
    let (heading, rest) = lines.split_first().expect("the heading is always there");
    std::iter::once(print(heading)).chain([rule]).chain(rest.iter().map(print)).collect()
}

/// The machine, the switch and the load in one line.
pub fn machine_line() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = read("/proc/cpuinfo");
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("").trim_start_matches([' ', '\t', ':']);
    let version = std::process::Command::new("ovs-vswitchd").arg("--version").output();
    let version =
        version.map(|output| String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned());
    let datapath = if std::path::Path::new("/sys/module/openvswitch").exists() { "kernel" } else { "userspace" };
    format!(
        "Machine: {cores} cores ({model}), Linux {}, {}, {datapath} datapath; load when the table was made: {}.",
        read("/proc/sys/kernel/osrelease").trim(),
        version.unwrap_or_default(),
        read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")
    )
}

/// The value at a share of sorted values: `percentile(&v, 0.99)`.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let place = (last as f64 * share).round() as usize;
    sorted.get(place.min(last)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        let check = |share: f64, expect: f64| assert!((percentile(&values, share) - expect).abs() < 0.5, "{share}");
        check(0.0, 1.0);
        check(0.99, 99.0);
        check(1.0, 100.0);
        assert!(percentile(&[], 0.5).abs() < f64::EPSILON);
    }
}
