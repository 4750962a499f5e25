//! A node for tests whose other threads are taken, so that whatever runs on them has not ended until a test wants it to.

use std::{
    rc::Rc,
    sync::mpsc::{Sender, channel},
};

use tokio::{runtime::Builder, task::LocalSet};

use super::Node;
use crate::{Flush, topic::config::Overrides};

/// The other threads are taken until this is dropped.
pub(crate) type Taken = Sender<()>;

/// Runs a test on a new node.
pub(crate) fn run<F: Future<Output = ()>>(test: impl FnOnce(Rc<Node>, Taken) -> F) {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let node = Rc::new(Node::open(dir.path(), Flush::Os, 4).unwrap());
        let (taken, given_back) = channel();
        tokio::task::spawn_blocking(move || given_back.recv());
        test(node, taken).await;
    });
}

/// Settings of a topic.
pub(crate) fn settings(of: &[(&str, &str)]) -> Overrides {
    let mut settings = Overrides::default();
    for (name, value) in of {
        settings.set(name, Some(value)).unwrap();
    }
    settings
}
