//! A list of any length, page by page: each page in a run of its own, so that no history grows with the list.

use sagaline::prelude::*;
use serde::{Deserialize, Serialize};

/// One page of a list, and where the next begins.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Page {
    /// What is on it.
    pub records: Vec<u32>,
    /// None: it was the last.
    pub next: Option<u32>,
}

/// How far it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Where the page begins.
    pub from: u32,
    /// How many records are done.
    pub done: u32,
}

/// Reads the page that begins there.
#[activity]
pub async fn read_page(from: u32) -> Result<Page> {
    let _ = from;
    Err(Error::new(
        "NoList",
        "the tests say what there is to be read",
    ))
}

/// Works on one record.
#[workflow]
pub async fn record(cx: Context, number: u32) -> Result<()> {
    cx.sleep(u64::from(number).seconds()).await
}

/// All records of a page at once, then the next page in the next run; returns how many there were.
#[workflow]
pub async fn pages(cx: Context, mut progress: Progress) -> Result<u32> {
    let page = cx.run(read_page(progress.from)).await?;
    let children = page
        .records
        .iter()
        .map(|number| cx.child(record(*number)).id(format!("record/{number}")));
    progress.done += u32::try_from(try_join_all(children).await?.len())?;
    match page.next {
        Some(from) => cx.continue_as_new(&Progress { from, ..progress }),
        None => Ok(progress.done),
    }
}

#[cfg(test)]
mod tests {
    use sagaline::testing::{Answer, Env};

    use super::*;
    use crate::seen::after;

    #[test]
    fn each_page_has_a_run_of_its_own_and_its_records_are_done_side_by_side() {
        let env = Env::new().workflows(workflows![record]);
        env.mock_with(read_page, |_, from: u32| {
            Answer::ok(Page {
                records: (from + 1..=from + 10).collect(),
                next: (from < 20).then_some(from + 10),
            })
        });
        let begin = env.now();

        let run = env.start(pages(Progress::default()));

        assert_eq!(run.result().unwrap(), 30);
        assert_eq!(run.histories().len(), 3);
        assert_eq!(after(begin, env.now()), (10 + 20 + 30).seconds());
    }
}
