//! Colours by meaning. They only stress what the word says: without them nothing is missing.

use console::{Style, StyledObject};

/// A heading.
pub(super) fn heading(text: &str) -> String {
    forced(Style::new().bold(), text)
}

/// A status, a situation or a finding, as the pages colour it.
pub(crate) fn word(text: &str) -> String {
    let style = Style::new();
    let style = match text {
        "Completed" | "ok" => style.green(),
        "Running" | "working" => style.blue(),
        "retrying" | "no-worker" => style.yellow(),
        "Failed" | "TimedOut" | "incident" => style.red(),
        "compensating" => style.magenta(),
        "Canceled" | "Terminated" | "ContinuedAsNew" | "Paused" | "paused" | "waiting" => {
            style.dim()
        }
        _ => return text.to_owned(),
    };
    forced(style, text)
}

/// Whether there are colours was decided before, by flag, variable and terminal.
fn forced(style: Style, text: &str) -> String {
    let styled: StyledObject<&str> = style.force_styling(true).apply_to(text);
    styled.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_mean_nothing_here_stay_as_they_are() {
        assert_eq!(word("order-1"), "order-1");
        assert_eq!(console::strip_ansi_codes(&word("Failed")), "Failed");
        assert_ne!(word("Failed"), "Failed");
    }
}
