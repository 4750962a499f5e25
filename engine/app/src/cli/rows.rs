//! Rows of a list as a server has them, page after page, to a limit.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::api::{Api, Path};
use crate::fault::Outcome;

/// Most rows of a page.
const PAGE_SIZE_MAX: usize = 1_000;

/// Rows of a list.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) rows: Vec<Box<RawValue>>,
    /// Whether there are more.
    pub(super) is_cut: bool,
    pub(super) next_page_token: Option<String>,
    pub(super) as_of: Option<Box<RawValue>>,
}

impl Rows {
    /// Reads rows, which stand under that key, until there are no more, or `limit` of them.
    pub(super) fn read(api: &Api, path: &Path, key: &str, limit: usize) -> Outcome<Self> {
        let mut read = Self {
            rows: Vec::new(),
            is_cut: false,
            next_page_token: None,
            as_of: None,
        };
        loop {
            let left = limit - read.rows.len();
            let size = left.clamp(1, PAGE_SIZE_MAX).to_string();
            let page = path.clone().param("page_size", &size);
            let page = page.maybe("page_token", read.next_page_token.as_ref());
            let mut page: BTreeMap<String, Box<RawValue>> = api.read(&page)?;
            let rows = page.remove(key);
            let rows = rows.ok_or_else(|| api.strange(&format!("`{key}` is missing")))?;
            let mut rows: Vec<Box<RawValue>> = api.parsed(&rows)?;
            let next = page.remove("next_page_token");
            let next: Option<String> = next.map_or(Ok(None), |token| api.parsed(&token))?;
            let is_stuck = rows.is_empty() || next == read.next_page_token;
            read.is_cut = next.is_some() || rows.len() > left;
            rows.truncate(left);
            read.rows.append(&mut rows);
            read.next_page_token = next;
            read.as_of = page.remove("as_of").or(read.as_of);
            if read.next_page_token.is_none() || is_stuck || read.rows.len() >= limit {
                return Ok(read);
            }
        }
    }
}

/// How many there are.
pub(super) fn count(api: &Api, path: &Path) -> Outcome<u64> {
    #[derive(Deserialize)]
    struct Counted {
        count: u64,
    }
    Ok(api.read::<Counted>(path)?.count)
}

/// Rows as what they are.
pub(super) fn parsed<T: DeserializeOwned>(rows: &[Box<RawValue>]) -> Outcome<Vec<T>> {
    let rows = rows.iter();
    rows.map(|row| Ok(serde_json::from_str(row.get())?))
        .collect()
}
