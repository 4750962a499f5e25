//! How far long work is, on stderr: a bar while somebody looks at it there, otherwise nothing.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar. It goes away with the work, also where that fails: what came of it is said by others.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar to `total`, of things of that name.
    pub(crate) fn new(total: u64, things: &'static str) -> Self {
        // Hidden by itself where stderr is no terminal.
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let template =
            "{bar:30} {percent:>3} %  {human_pos} of {human_len} {prefix}  {eta_precise} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        bar.set_prefix(things);
        Self(bar)
    }

    /// One more is done.
    pub(crate) fn one(&self) {
        self.0.inc(1);
    }

    /// So many are done, which is only counted if somebody looks.
    pub(crate) fn at(&self, done: impl FnOnce() -> u64) {
        if !self.0.is_hidden() {
            self.0.set_position(done());
        }
    }

    /// Says something beside the result without breaking the bar.
    pub(crate) fn aside(&self, text: &str) {
        self.0.suspend(|| super::aside(text));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
