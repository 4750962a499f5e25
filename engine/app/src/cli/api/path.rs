//! URLs of calls: every part and every value is percent-encoded once, whatever its text is.

use std::fmt::Write as _;

use sagaline_core::{RunId, WorkflowId};

/// What stands behind `/api/v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    path: String,
    params: String,
}

impl Path {
    /// A path that begins with this word of ours.
    pub(crate) fn new(word: &str) -> Self {
        Self {
            path: format!("/{word}"),
            params: String::new(),
        }
    }

    /// One workflow, and of it one run or the newest.
    pub(crate) fn run(id: &WorkflowId, run_id: Option<RunId>) -> Self {
        let path = Self::new("workflows");
        let path = match id.as_str() {
            // No client sends these as they are: they mean this folder and the one above.
            dots @ ("." | "..") => path.then("-").param("workflow_id", dots),
            id => path.then(id),
        };
        path.maybe("run_id", run_id.map(|run_id| run_id.to_string()))
    }

    /// With one more part.
    pub(crate) fn then(mut self, part: &str) -> Self {
        self.path.push('/');
        encode(&mut self.path, part);
        self
    }

    /// With a parameter.
    pub(crate) fn param(mut self, name: &str, value: &str) -> Self {
        self.params.push(match self.params.is_empty() {
            true => '?',
            false => '&',
        });
        self.params.push_str(name);
        self.params.push('=');
        encode(&mut self.params, value);
        self
    }

    /// With a parameter, if there is a value for it.
    pub(crate) fn maybe(self, name: &str, value: Option<impl AsRef<str>>) -> Self {
        match value {
            Some(value) => self.param(name, value.as_ref()),
            None => self,
        }
    }

    /// Behind the address of a server.
    pub(super) fn at(&self, address: &str) -> String {
        format!("{address}/api/v1{}{}", self.path, self.params)
    }
}

/// Appends a text with all percent-encoded that is not unreserved.
fn encode(to: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                to.push(byte.into());
            }
            // Writing to a string does not fail.
            _ => drop(write!(to, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: &str) -> String {
        let path = Path::run(&WorkflowId::new(id).unwrap(), None);
        path.then("history").param("wait", "30s").at("http://h")
    }

    #[test]
    fn an_id_is_one_part_of_the_path_whatever_stands_in_it() {
        let check = |id: &str, part: &str| {
            let expected = format!("http://h/api/v1/workflows/{part}/history?wait=30s");
            assert_eq!(of(id), expected, "{id}");
        };

        check("order-1", "order-1");
        check("demo-batch/1", "demo-batch%2F1");
        check("a?b#c%2F d", "a%3Fb%23c%252F%20d");
        check("ä\r\nX: 1", "%C3%A4%0D%0AX%3A%201");
        check("../../x", "..%2F..%2Fx");
        check("-", "-");
    }

    #[test]
    fn ids_that_are_dots_go_as_a_parameter() {
        let dots = "http://h/api/v1/workflows/-/history?workflow_id=";

        assert_eq!(of("."), format!("{dots}.&wait=30s"));
        assert_eq!(of(".."), format!("{dots}..&wait=30s"));
    }

    #[test]
    fn a_value_cannot_add_parameters() {
        let path = Path::new("workflows")
            .param("query", "a = \"b\" & c=+1")
            .maybe("sort", None::<&str>);

        assert_eq!(
            path.at("http://h"),
            "http://h/api/v1/workflows?query=a%20%3D%20%22b%22%20%26%20c%3D%2B1"
        );
    }
}
