//! Style sheet and modules, in the binary. Their path holds a hash of all of them, so that browsers may keep them for good.

use std::{
    hash::{DefaultHasher, Hasher as _},
    sync::LazyLock,
};

use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// Name, content type, content.
const ALL: [(&str, &str, &str); 10] = [
    (
        "sagaline.css",
        "text/css; charset=utf-8",
        include_str!("../../assets/sagaline.css"),
    ),
    (
        "page.css",
        "text/css; charset=utf-8",
        include_str!("../../assets/page.css"),
    ),
    (
        "timeline.css",
        "text/css; charset=utf-8",
        include_str!("../../assets/timeline.css"),
    ),
    (
        "sagaline.js",
        JAVASCRIPT,
        include_str!("../../assets/sagaline.js"),
    ),
    (
        "clock.js",
        JAVASCRIPT,
        include_str!("../../assets/clock.js"),
    ),
    ("live.js", JAVASCRIPT, include_str!("../../assets/live.js")),
    ("keys.js", JAVASCRIPT, include_str!("../../assets/keys.js")),
    ("acts.js", JAVASCRIPT, include_str!("../../assets/acts.js")),
    (
        "history.js",
        JAVASCRIPT,
        include_str!("../../assets/history.js"),
    ),
    (
        "icon.svg",
        "image/svg+xml",
        include_str!("../../assets/icon.svg"),
    ),
];

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Of all names and contents: what is served under another hash is from another version.
static HASH: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    for (name, _, content) in ALL {
        hasher.write(name.as_bytes());
        hasher.write(content.as_bytes());
    }
    format!("{:016x}", hasher.finish())
});

/// Where an asset is served.
pub(crate) fn path(name: &str) -> String {
    format!("/assets/{}/{name}", *HASH)
}

/// Serves one. A page of an older version still finds its assets: there is but one content of each name.
pub(crate) async fn serve(
    Path((hash, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some((_, kind, content)) = ALL.iter().find(|(known, _, _)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = format!("\"{}\"", *HASH);
    let keep = if hash == *HASH {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let mut response = match known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => (*content).into_response(),
    };
    let set = [
        (header::CONTENT_TYPE, *kind),
        (header::CACHE_CONTROL, keep),
        (header::ETAG, etag.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in set {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
