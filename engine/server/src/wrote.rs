//! Which partitions a caller has lately written to, wherever that was: what it reads next is to have it, also when another process
//! answers.
//!
//! ```text
//! POST … ─▶ Sagaline-Wrote: 3, and as a cookie for 10 s        GET …, Sagaline-Wrote: 3 ─▶ waits until partition 3 is projected
//! ```
//! Invariant: whoever makes up a header waits longer, and changes nothing for others.

use std::{cell::RefCell, collections::BTreeSet};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

const NAME: HeaderName = HeaderName::from_static("sagaline-wrote");

const COOKIE: &str = "sagaline_wrote";

/// Most partitions that a caller is told of, and is believed.
const PARTITIONS_MAX: usize = 64;

/// So long a browser tells of them.
const SECONDS: u32 = 10;

tokio::task_local! {
    static REQUEST: RefCell<Wrote>;
}

#[derive(Debug, Default)]
struct Wrote {
    /// As the caller says.
    before: BTreeSet<i32>,
    now: BTreeSet<i32>,
}

/// What the caller of this request has lately written to.
pub(crate) fn before() -> Vec<i32> {
    let before = REQUEST.try_with(|wrote| wrote.borrow().before.iter().copied().collect());
    before.unwrap_or_default()
}

/// This request has written there.
pub(crate) fn note(partition: i32) {
    // What has no caller tells nobody.
    let _told = REQUEST.try_with(|wrote| wrote.borrow_mut().now.insert(partition));
}

/// Takes from a request what its caller has written to, and tells it what this one has.
pub(crate) async fn tell(request: Request, next: Next) -> Response {
    let wrote = Wrote {
        before: said(request.headers()),
        now: BTreeSet::new(),
    };
    let answer = async {
        let response = next.run(request).await;
        let now = REQUEST.with(|wrote| std::mem::take(&mut wrote.borrow_mut().now));
        (response, now)
    };
    let (mut response, now) = REQUEST.scope(RefCell::new(wrote), answer).await;
    if now.is_empty() {
        return response;
    }
    let now: Vec<String> = now
        .iter()
        .take(PARTITIONS_MAX)
        .map(ToString::to_string)
        .collect();
    let cookie = format!(
        "{COOKIE}={}; Max-Age={SECONDS}; Path=/; HttpOnly; SameSite=Lax",
        now.join(".")
    );
    let headers = response.headers_mut();
    if let (Ok(now), Ok(cookie)) = (
        HeaderValue::try_from(now.join(",")),
        HeaderValue::try_from(cookie),
    ) {
        headers.insert(NAME, now);
        headers.append(header::SET_COOKIE, cookie);
    }
    response
}

/// What a caller says; what is no number of a partition is left out.
fn said(headers: &HeaderMap) -> BTreeSet<i32> {
    let by_header = headers.get_all(NAME).iter();
    let by_header = by_header.filter_map(|value| value.to_str().ok());
    let cookies = headers.get_all(header::COOKIE).iter();
    let cookies = cookies.filter_map(|value| value.to_str().ok());
    let cookies = cookies.flat_map(|value| value.split(';'));
    let by_cookie = cookies.filter_map(|one| {
        let (name, value) = one.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    });
    let numbers = by_header
        .chain(by_cookie)
        .flat_map(|text| text.split([',', '.']));
    let numbers = numbers.filter_map(|text| text.trim().parse().ok());
    numbers
        .filter(|one| *one >= 0)
        .take(PARTITIONS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware, routing::get};
    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;

    use super::*;

    async fn ask(path: &str, headers: &[(&str, &str)]) -> Response {
        let routes = Router::new()
            .route(
                "/write",
                get(async || {
                    note(7);
                    note(3);
                }),
            )
            .route("/read", get(async || format!("{:?}", before())))
            .layer(middleware::from_fn(tell));
        let request = headers.iter().fold(Request::get(path), |request, header| {
            request.header(header.0, header.1)
        });
        let request = request.body(Body::empty()).unwrap();
        let routes = TowerToHyperService::new(routes);
        routes.call(request).await.unwrap()
    }

    async fn read(headers: &[(&str, &str)]) -> String {
        let answer = ask("/read", headers).await;
        assert!(answer.headers().get(NAME).is_none());
        let bytes = axum::body::to_bytes(answer.into_body(), 1_000).await;
        String::from_utf8(bytes.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn who_wrote_is_told_where_and_says_it_when_it_reads() {
        let written = ask("/write", &[]).await;
        let told = written.headers()[NAME].to_str().unwrap();
        let cookie = written.headers()[header::SET_COOKIE].to_str().unwrap();
        assert_eq!(told, "3,7");
        let (cookie, attributes) = cookie.split_once(';').unwrap();
        assert!(attributes.contains("Max-Age=10") && attributes.contains("HttpOnly"));

        assert_eq!(read(&[("sagaline-wrote", told)]).await, "[3, 7]");
        let cookies = format!("theme=dark; {cookie}");
        assert_eq!(read(&[("cookie", &cookies)]).await, "[3, 7]");
        assert_eq!(read(&[]).await, "[]");
    }

    #[tokio::test]
    async fn what_is_no_partition_is_left_out_and_many_are_too_many() {
        for (said, expect) in [
            ("-1,x, 5 ,99999999999,,5", "[5]"),
            ("", "[]"),
            ("3;drop", "[]"),
        ] {
            assert_eq!(read(&[("sagaline-wrote", said)]).await, expect, "{said}");
        }
        let many: Vec<String> = (0..1_000).map(|one| one.to_string()).collect();
        let believed = read(&[("sagaline-wrote", &many.join(","))]).await;
        assert_eq!(believed.split(',').count(), PARTITIONS_MAX);
    }
}
