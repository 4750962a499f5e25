//! Tasks of which something is known that counts should they come: that they were answered, or shall stop.

use std::collections::{HashSet, VecDeque};

/// How many are remembered.
const RECENT_MAX: usize = 4_096;

/// Task ids, the oldest forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    known: HashSet<Box<str>>,
    order: VecDeque<Box<str>>,
}

impl Recent {
    pub(crate) fn contains(&self, task_id: &str) -> bool {
        self.known.contains(task_id)
    }

    pub(crate) fn insert(&mut self, task_id: Box<str>) {
        if !self.known.insert(task_id.clone()) {
            return;
        }
        self.order.push_back(task_id);
        if self.order.len() > RECENT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first_and_a_repeat_takes_no_room() {
        let mut recent = Recent::default();
        for task in 0..=RECENT_MAX {
            recent.insert(task.to_string().into());
            recent.insert(task.to_string().into());
        }

        assert!(!recent.contains("0"));
        assert!(recent.contains("1") && recent.contains(&RECENT_MAX.to_string()));
        assert_eq!(recent.known.len(), RECENT_MAX);
    }
}
