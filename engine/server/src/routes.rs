//! Which path is answered by what.

use axum::{
    Router,
    http::{Method, StatusCode, Uri},
    middleware,
    response::IntoResponse,
};
use sagaline_runtime::EngineView;

use crate::{
    health,
    hosts::{self, Hosts},
    metrics,
    problem::Problem,
};

/// Everything that is answered, to requests that name one of `hosts`.
pub(crate) fn routes(engine: EngineView, hosts: Hosts) -> Router {
    guarded(health::routes().merge(metrics::routes()), hosts).with_state(engine)
}

/// The routes with what holds for all of them.
fn guarded<S: Clone + Send + Sync + 'static>(routes: Router<S>, hosts: Hosts) -> Router<S> {
    routes
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn_with_state(hosts, hosts::check))
}

async fn not_found(uri: Uri) -> impl IntoResponse {
    Problem {
        status: StatusCode::NOT_FOUND,
        code: "not_found",
        detail: format!("there is nothing at {}", uri.path()),
        hint: Some("/healthz, /readyz and /metrics are there".to_owned()),
    }
}

async fn not_allowed(method: Method, uri: Uri) -> impl IntoResponse {
    Problem {
        status: StatusCode::METHOD_NOT_ALLOWED,
        code: "method_not_allowed",
        detail: format!("{} does not take {method}", uri.path()),
        hint: None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use axum::routing::get;

    use super::*;

    /// Routes without an engine, guarded as the others are.
    pub(crate) fn bare(hosts: Hosts) -> Router {
        guarded(Router::new().route("/here", get(async || "here\n")), hosts)
    }
}
