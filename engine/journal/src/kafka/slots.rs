//! Numbers for things in flight: each takes the lowest number that is free, so the table stays as small as its fullest
//! moment.

#[derive(Debug)]
pub(super) struct Slots<T> {
    slots: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slots<T> {
    /// Puts something in and says where.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        if let Some(number) = self.free.pop() {
            self.slots[number as usize] = Some(value);
            return number;
        }
        let number =
            u32::try_from(self.slots.len()).expect("far fewer than 2^32 things are in flight");
        self.slots.push(Some(value));
        number
    }

    /// What stands there.
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.slots.get_mut(number as usize)?.as_mut()
    }

    /// Takes it out and frees its number.
    pub(super) fn remove(&mut self, number: u32) -> Option<T> {
        let value = self.slots.get_mut(number as usize)?.take()?;
        self.free.push(number);
        Some(value)
    }

    /// Takes everything out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.free.clear();
        std::mem::take(&mut self.slots).into_iter().flatten()
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_number_is_given_again() {
        let mut slots = Slots::default();
        let first = slots.insert('a');
        let second = slots.insert('b');

        assert_eq!(slots.remove(first), Some('a'));
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.insert('c'), first);

        assert_eq!(slots.get_mut(second), Some(&mut 'b'));
        assert_eq!(slots.drain().collect::<String>(), "cb");
        assert_eq!(slots.get_mut(second), None);
    }
}
