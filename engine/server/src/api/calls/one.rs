//! One call, as routes and the description want it.

use axum::{
    handler::Handler,
    routing::{MethodRouter, delete, get, patch, post, put},
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema, path::HttpMethod},
};

use crate::api::Api;

/// One call.
pub(crate) struct Call {
    pub(crate) method: HttpMethod,
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    /// Parameters behind the `?`.
    pub(crate) params: &'static [&'static str],
    pub(crate) takes: Takes,
    pub(crate) gives: Gives,
    pub(super) answers: MethodRouter<Api>,
}

/// What the body is.
pub(crate) enum Takes {
    /// There is none.
    Nothing,
    /// An object of that name, and what it refers to.
    Object(String, Vec<(String, RefOr<Schema>)>),
    /// A payload: any JSON.
    Input,
    /// An object that is described elsewhere.
    Described(&'static str),
}

/// What is answered, if it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    /// 200 with what was asked for.
    Found,
    /// 202 once it is in the journal.
    Accepted,
    /// 200 with it, or 202 if it goes on.
    FoundOrAccepted,
    /// 204.
    Nothing,
    /// Server-sent events.
    Events,
}

impl Call {
    pub(super) fn get<H: Handler<T, Api>, T: 'static>(
        path: &'static str,
        handler: H,
        summary: &'static str,
    ) -> Self {
        Self::new(HttpMethod::Get, path, get(handler), summary)
    }

    pub(super) fn post<H: Handler<T, Api>, T: 'static>(
        path: &'static str,
        handler: H,
        summary: &'static str,
    ) -> Self {
        Self::new(HttpMethod::Post, path, post(handler), summary).gives(Gives::Accepted)
    }

    pub(super) fn put<H: Handler<T, Api>, T: 'static>(
        path: &'static str,
        handler: H,
        summary: &'static str,
    ) -> Self {
        Self::new(HttpMethod::Put, path, put(handler), summary).gives(Gives::Accepted)
    }

    pub(super) fn patch<H: Handler<T, Api>, T: 'static>(
        path: &'static str,
        handler: H,
        summary: &'static str,
    ) -> Self {
        Self::new(HttpMethod::Patch, path, patch(handler), summary).gives(Gives::Accepted)
    }

    pub(super) fn delete<H: Handler<T, Api>, T: 'static>(
        path: &'static str,
        handler: H,
        summary: &'static str,
    ) -> Self {
        Self::new(HttpMethod::Delete, path, delete(handler), summary).gives(Gives::Accepted)
    }

    fn new(
        method: HttpMethod,
        path: &'static str,
        answers: MethodRouter<Api>,
        summary: &'static str,
    ) -> Self {
        Self {
            method,
            path,
            summary,
            params: &[],
            takes: Takes::Nothing,
            gives: Gives::Found,
            answers,
        }
    }

    pub(super) fn params(mut self, params: &'static [&'static str]) -> Self {
        self.params = params;
        self
    }

    pub(super) fn gives(mut self, gives: Gives) -> Self {
        self.gives = gives;
        self
    }

    pub(super) fn takes<T: ToSchema + PartialSchema>(mut self) -> Self {
        let name = T::name().into_owned();
        let mut schemas = vec![(name.clone(), T::schema())];
        T::schemas(&mut schemas);
        self.takes = Takes::Object(name, schemas);
        self
    }

    pub(super) fn takes_input(mut self) -> Self {
        self.takes = Takes::Input;
        self
    }

    pub(super) fn takes_described(mut self, what: &'static str) -> Self {
        self.takes = Takes::Described(what);
        self
    }
}
