//! One open run: everything that its decisions depend on.
pub struct Run;
