//! Services at scale, with upstream's kube-proxy (nftables mode) beside them: 10, 1,000, 10,000 Services of ten endpoints.

use anyhow::{Context, Result};
use serde_json::Value;

use super::row::Row;
use super::scale;
use crate::build;
use crate::cluster::harness::Harness;

/// Measures.
///
/// # Errors
/// A part cannot be built, or does not work.
pub fn run() -> Result<Vec<Row>> {
    let proxy = Harness::new()?.kube_proxy()?;
    let measured = scale::run(&build::scale()?, "services", &[&proxy.to_string_lossy()])?;
    rows(&measured)
}

fn rows(measured: &Value) -> Result<Vec<Row>> {
    let figure = |pointer: &str| {
        measured.pointer(pointer).and_then(Value::as_f64).with_context(|| format!("no {pointer} in {measured}"))
    };
    let scales = measured["scales"].as_array().context("figures by the number of Services")?;
    let last = scales.len() - 1;
    let of = |side: &str, field: &str| {
        (0..=last).map(|scale| figure(&format!("/scales/{scale}/{side}/{field}"))).collect::<Result<Vec<f64>>>()
    };
    let row = |name, (value, unit), (peer, peer_value), target, note: &str| Row {
        name,
        value,
        unit,
        peer,
        peer_value,
        target,
        note: note.to_owned(),
    };
    let each = |values: &[f64]| values.iter().map(|value| format!("{value:.1}")).collect::<Vec<_>>().join(", ");
    let growth = |name, field: &str, what: &str| -> Result<Row> {
        let (weft, peer) = (of("weft", field)?, of("peer", field)?);
        let again = figure(&format!("/again/{field}"))?;
        let note = format!(
            "{what} with 10,000 Services over the same with 10, of before and of after; µs with 10, 1,000, 10,000, and 10 again: {}, {again:.1}; kube-proxy, in the kernel: {}",
            each(&weft),
            each(&peer)
        );
        Ok(row(
            name,
            (weft[last] / ((weft[0] + again) / 2.0), "ratio"),
            ("ratio, kube-proxy", Some(peer[last] / peer[0])),
            "≤ 1.1",
            &note,
        ))
    };
    let (change, peer_change) = (of("weft", "change_ms")?, of("peer", "change_ms")?);
    let spread = "10,000 connections, 10 endpoints: how far the endpoint is from its share that is furthest; 0.05 to 0.06 where each is drawn by chance";
    Ok(vec![
        growth("services.first_packet_growth", "first_us", "a TCP handshake")?,
        growth("services.established_growth", "echo_us", "a round trip on an established connection")?,
        row(
            "services.endpoint_change_ms",
            (change[last], "ms"),
            ("ms, kube-proxy", Some(peer_change[last])),
            "≤ 5",
            &format!(
                "object to the new endpoint's first answer, with 10,000 Services; with 10, 1,000, 10,000: {}; kube-proxy, which waits for a second between two changes: {}",
                each(&change),
                each(&peer_change)
            ),
        ),
        row(
            "services.cold_s",
            (figure("/cold_s")?, "s"),
            ("s, kube-proxy", Some(figure("/peer_cold_s")?)),
            "≤ 2",
            "10,000 Services × 10 endpoints: controller and agent start at once, empty switch, to all flows in; kube-proxy: to the last Service's first answer",
        ),
        row(
            "services.agent_start_s",
            (figure("/agent_start_s")?, "s"),
            ("", None),
            "",
            "the same with the controller warm",
        ),
        row(
            "services.agent_mib",
            (figure("/agent_mib")?, "MiB"),
            ("MiB, kube-proxy", Some(figure("/peer_mib")?)),
            "≤ 60",
            "resident, 10,000 Services × 10 endpoints",
        ),
        row("services.controller_mib", (figure("/controller_mib")?, "MiB"), ("", None), "", "resident, the same"),
        row(
            "services.uneven",
            (figure("/spread")?, "share"),
            ("share, kube-proxy", Some(figure("/peer_spread")?)),
            "≤ 0.05",
            spread,
        ),
        row(
            "services.flows",
            (figure(&format!("/scales/{last}/flows"))?, "flows"),
            ("", None),
            "",
            "10,000 Services; all tables of the node",
        ),
    ])
}
