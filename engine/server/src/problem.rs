//! Why a request is not answered as it was asked, as `application/problem+json` (RFC 9457).
//!
//! A problem travels in its response's extensions and is written by [`write`], outermost, where the path is known that was
//! asked for. So whoever answers people may write it differently.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::value::RawValue;

/// Why a request is not answered as it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// What programs tell it by.
    pub(crate) code: &'static str,
    /// What is so, for people.
    pub(crate) detail: String,
    /// What to do.
    pub(crate) hint: Option<String>,
    /// When to ask again.
    pub(crate) retry_after: Option<Duration>,
    /// Where in a filter it stops being one, in bytes from 0.
    pub(crate) position: Option<usize>,
    /// How a workflow, a query or an update failed, as the API shows failures.
    pub(crate) failure: Option<Box<RawValue>>,
}

/// The members of the document, in this order.
#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: Option<&'static str>,
    status: u16,
    detail: &'a str,
    code: &'static str,
    hint: Option<&'a str>,
    instance: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'a RawValue>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            hint: None,
            retry_after: None,
            position: None,
            failure: None,
        }
    }

    /// The request can never be answered as it is.
    pub(crate) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// There is no such thing.
    pub(crate) fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// It is not so that this could be done.
    pub(crate) fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// Something that is needed does not answer now.
    pub(crate) fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(Duration::from_secs(1))
    }

    /// A defect of this program.
    pub(crate) fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
            .hint("this is a defect: please report it, with the log of this process")
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    /// The document, as an answer to who asked for `path`.
    pub(crate) fn document(&self, path: Option<&str>) -> Vec<u8> {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason(),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            hint: self.hint.as_deref(),
            instance: path,
            position: self.position,
            failure: self.failure.as_deref(),
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(pause) = self.retry_after {
            let seconds = HeaderValue::from(pause.as_secs().max(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Writes a response's problem, if it has one.
pub(crate) async fn write(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Arc<Problem>>() else {
        return response;
    };
    let body = problem.document(Some(&path));
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    *response.body_mut() = body.into();
    response
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// Every text between quotes right behind these beginnings of calls.
    fn codes(source: &str) -> Vec<String> {
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        let source: String = source.split_whitespace().collect::<Vec<_>>().join(" ");
        let beginnings = [
            "Problem::bad_request( ",
            "Problem::bad_request(",
            "Problem::not_found(",
            "Problem::conflict(",
            "Problem::unavailable(",
            "Problem::new( StatusCode::",
            "Problem::new(StatusCode::",
        ];
        let mut codes = Vec::new();
        for beginning in beginnings {
            for rest in source.split(beginning).skip(1) {
                let rest: String = rest.chars().take(80).collect();
                let before = rest.split('"').next().unwrap_or_default();
                let is_code = before
                    .chars()
                    .all(|one| one.is_ascii_uppercase() || "_, ".contains(one));
                codes.extend(
                    rest.split('"')
                        .nth(1)
                        .filter(|_| is_code)
                        .map(str::to_owned),
                );
            }
        }
        codes
    }

    fn sources(folder: &Path, into: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => sources(&path, into),
                false => into.push(fs::read_to_string(path).unwrap()),
            }
        }
    }

    #[test]
    fn every_code_is_on_the_page() {
        let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = fs::read_to_string(crate_folder.join("../../docs/reference/http.md")).unwrap();
        let mut all = Vec::new();
        sources(&crate_folder.join("src"), &mut all);

        let codes: Vec<String> = all.iter().flat_map(|source| codes(source)).collect();

        assert!(codes.len() > 40, "the search finds codes: {codes:?}");
        for code in codes {
            assert!(
                page.contains(&format!("`{code}`")),
                "{code} is not in http.md"
            );
        }
    }
}
