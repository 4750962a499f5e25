//! Where a workflow's pages are: its id is a segment of their paths.
//!
//! Some ids cannot be one as they are: browsers fold `.` and `..` however they are written, and `new` and `open` are pages of
//! other kinds. These have a `~` before them, and so has what would be mistaken for one of them.

use serde::{Deserialize, Deserializer};

use super::told::percent;

const MARK: char = '~';

/// The page of an id: that of its newest run.
pub(crate) fn to_workflow(id: &str) -> String {
    let mark = if is_taken(id) { "~" } else { "" };
    format!("/workflows/{mark}{}", percent(id))
}

/// The page of a run.
pub(crate) fn to_run(id: &str, run_id: &str) -> String {
    format!("{}/runs/{}", to_workflow(id), percent(run_id))
}

fn is_taken(id: &str) -> bool {
    matches!(id.trim_start_matches(MARK), "." | ".." | "new" | "open")
}

/// An id as it is in a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Linked(pub(crate) String);

impl<'de> Deserialize<'de> for Linked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let segment = String::deserialize(deserializer)?;
        let marked = segment.strip_prefix(MARK).filter(|id| is_taken(id));
        Ok(Self(match marked {
            Some(id) => id.to_owned(),
            None => segment,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_a_path_that_leads_back_to_it() {
        let of = |id: &str| {
            let path = to_workflow(id);
            let segment = path.strip_prefix("/workflows/").unwrap();
            let segment = percent_encoding::percent_decode_str(segment).decode_utf8();
            let linked: Linked = serde_json::from_value(segment.unwrap().into()).unwrap();
            assert_eq!(linked.0, id);
            path
        };

        assert_eq!(of("demo-batch/1"), "/workflows/demo-batch%2F1");
        assert_eq!(of(".."), "/workflows/~..");
        assert_eq!(of("."), "/workflows/~.");
        assert_eq!(of("new"), "/workflows/~new");
        assert_eq!(of("~new"), "/workflows/~~new");
        assert_eq!(of("~~.."), "/workflows/~~~..");
        assert_eq!(of("..."), "/workflows/...");
        assert_eq!(of("~home"), "/workflows/~home");
        assert_eq!(to_run("..", "a/1"), "/workflows/~../runs/a%2F1");
    }
}
