//! The servers behind the board: one for each health check port, one for the node.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::{Board, Page};

/// Tells the health of the Service of a port, whatever path is asked for, until it is aborted.
pub(super) async fn service(port: u16, board: Arc<Board>) {
    let router = Router::new().fallback(move || {
        let board = board.clone();
        async move { of_service(&board, port) }
    });
    serve(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)), router).await;
}

/// Shows a page of the node as a whole, until it is aborted.
pub(super) async fn node(address: String, page: Page, board: Arc<Board>) {
    let Ok(address) = address.parse() else {
        return warn!(address, "this is no ADDRESS:PORT: {page:?} of Services is not told");
    };
    let answer = move || {
        let board = board.clone();
        async move { of_node(&board) }
    };
    let router = match page {
        Page::Health => Router::new().route("/healthz", get(answer.clone())).route("/livez", get(answer)),
        Page::Mode => Router::new().route("/proxyMode", get(|| async { "openvswitch" })),
    };
    serve(address, router).await;
}

async fn serve(address: SocketAddr, router: Router) {
    let listener = match TcpListener::bind(address).await {
        // A host without IPv6 has all addresses in IPv4 alone.
        Err(_) if address.ip() == Ipv6Addr::UNSPECIFIED => {
            TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()))).await
        }
        other => other,
    };
    match listener {
        Ok(listener) => {
            info!(%address, "health of Services is told");
            if let Err(error) = axum::serve(listener, router).await {
                warn!(%address, "health of Services is no longer told: {error}");
            }
        }
        Err(error) => warn!(%address, "health of Services cannot be told: {error}"),
    }
}

fn of_service(board: &Board, port: u16) -> Response {
    let Some(checked) = board.of(port) else { return StatusCode::NOT_FOUND.into_response() };
    let healthy = board.is_healthy();
    let body = json!({
        "service": {"namespace": checked.namespace, "name": checked.name},
        "localEndpoints": checked.endpoints,
        "serviceProxyHealthy": healthy,
    });
    let mut headers = json_headers();
    headers.insert("x-load-balancing-endpoint-weight", HeaderValue::from(checked.endpoints));
    (status(healthy && checked.endpoints > 0), headers, format!("{body:#}")).into_response()
}

fn of_node(board: &Board) -> Response {
    let body = json!({
        "lastUpdated": timestamp(board.settled()),
        "currentTime": timestamp(SystemTime::now()),
        "nodeEligible": true,
    });
    (status(board.is_healthy()), json_headers(), body.to_string()).into_response()
}

fn status(well: bool) -> StatusCode {
    if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn json_headers() -> HeaderMap {
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    [json, (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))].into_iter().collect()
}

/// A time as RFC 3339 has it, in UTC.
fn timestamp(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days of the civil calendar, counted in eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3_600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Checked;
    use std::time::Duration;

    #[test]
    fn a_time_reads_as_people_and_machines_expect() {
        let at = |seconds| timestamp(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(at(1_795_840_496), "2026-11-28T04:34:56Z");
    }

    fn answer(endpoints: usize, settled: SystemTime) -> (StatusCode, String) {
        let board = Board::default();
        *board.settled.write().expect("not poisoned") = settled;
        let checked = Checked { namespace: "shop".into(), name: "web".into(), endpoints };
        board.services.write().expect("not poisoned").insert(32000, checked);
        let response = of_service(&board, 32000);
        let weight = response.headers()["x-load-balancing-endpoint-weight"].to_str().expect("text").to_owned();
        (response.status(), weight)
    }

    #[test]
    fn a_service_is_healthy_where_it_has_endpoints_and_the_node_is_well() {
        let now = SystemTime::now();
        assert_eq!(answer(2, now), (StatusCode::OK, "2".to_owned()));
        assert_eq!(answer(0, now), (StatusCode::SERVICE_UNAVAILABLE, "0".to_owned()));
        assert_eq!(answer(2, now - Duration::from_secs(61)), (StatusCode::SERVICE_UNAVAILABLE, "2".to_owned()));
    }
}
