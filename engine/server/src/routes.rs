//! Which path is answered by what.

use axum::{
    Router,
    http::{Method, StatusCode, Uri},
    middleware,
    response::IntoResponse,
};

use crate::{
    api::{self, Api},
    guard, health,
    hosts::{self, Hosts},
    metrics, pages, problem,
    problem::Problem,
    wrote,
};

/// Everything that is answered, to requests that name one of `hosts`.
pub(crate) fn routes(api: Api, hosts: Hosts) -> Router {
    let engine = health::routes().with_state(api.engine().clone());
    let engine = engine.merge(metrics::routes());
    let calls = Router::new().nest("/api/v1", api::routes(&api));
    // Pages call the same routes in this process, and are told of problems as others are.
    let of_pages = calls.clone().layer(middleware::from_fn(problem::write));
    let pages = pages::routes(of_pages.with_state(api.clone()), pages::Welcome::of(&api));
    let all = Router::new().merge(engine).merge(calls).merge(pages);
    guarded(all, hosts).with_state(api)
}

/// The routes with what holds for all of them.
fn guarded<S: Clone + Send + Sync + 'static>(routes: Router<S>, hosts: Hosts) -> Router<S> {
    routes
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn(wrote::tell))
        .layer(middleware::from_fn_with_state(hosts, hosts::check))
        .layer(middleware::from_fn(problem::write))
        .layer(middleware::from_fn(guard::headers))
}

async fn not_found(uri: Uri) -> impl IntoResponse {
    Problem::not_found("not_found", format!("there is nothing at {}", uri.path())).hint(
        "/api/v1/openapi.json lists the calls of the API; /healthz, /readyz and /metrics are there, too",
    )
}

async fn not_allowed(method: Method, uri: Uri) -> impl IntoResponse {
    let text = format!("{} does not take {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", text)
}

#[cfg(test)]
pub(crate) mod tests {
    use axum::{Extension, routing::get};

    use super::*;
    use crate::secure::Secure;

    /// Routes without an engine, guarded as the others are.
    pub(crate) fn bare(hosts: Hosts) -> Router {
        let secure = async |Extension(Secure(is_secure)): Extension<Secure>| is_secure.to_string();
        let routes = Router::new().route("/here", get(async || "here\n"));
        guarded(routes.route("/secure", get(secure)), hosts)
    }
}
