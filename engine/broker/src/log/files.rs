//! The open files of all logs of a broker: so many and no more, however many partitions there are.
//!
//! A file that is pushed out is closed and opened again when it is needed; what was written to it is with the operating
//! system all the while. All logs of a broker live on one thread, so the pool is the thread's.

use std::{cell::RefCell, collections::BTreeMap, fs::File, sync::Arc};

/// A file that stays open as long as there is room, and is closed at the latest when this is dropped.
#[derive(Debug)]
pub(super) struct OpenFile(u64);

#[derive(Debug)]
struct Pool {
    max: usize,
    next: u64,
    /// In the order of opening.
    files: BTreeMap<u64, Arc<File>>,
}

thread_local! {
    static POOL: RefCell<Pool> = const {
        RefCell::new(Pool { max: FILES_DEFAULT, next: 0, files: BTreeMap::new() })
    };
}

/// Sets how many files this thread's logs may keep open.
pub(crate) fn set_files_max(max: usize) {
    POOL.with_borrow_mut(|pool| pool.max = max.max(1));
}

impl OpenFile {
    /// Keeps a file, and closes the one that was opened first if there are too many.
    pub(super) fn keep(file: Arc<File>) -> Self {
        POOL.with_borrow_mut(|pool| {
            while pool.files.len() >= pool.max {
                pool.files.pop_first();
            }
            let number = pool.next;
            pool.next += 1;
            pool.files.insert(number, file);
            Self(number)
        })
    }

    /// The file, if it is still open.
    pub(super) fn get(&self) -> Option<Arc<File>> {
        POOL.with_borrow(|pool| pool.files.get(&self.0).cloned())
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        // While a thread ends its pool may be gone before its logs.
        let _gone = POOL.try_with(|pool| pool.borrow_mut().files.remove(&self.0));
    }
}

/// Open files unless set otherwise.
const FILES_DEFAULT: usize = 256;
