//! `man`: pages for `man`, made from the same text as `--help`.

use std::{io::Write, path::PathBuf};

use clap::Args;

use crate::fault::{Fault, Outcome};

/// What `man` takes.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Folder for a page of each command, made if it is not there; otherwise the first page is printed
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Writes the pages of `command`.
pub(crate) fn man(args: &ManArgs, command: clap::Command) -> Outcome {
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        return Ok(std::io::stdout().lock().write_all(&page)?);
    };
    let unwritable =
        |error: std::io::Error| Fault::usage(format!("--out {}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    clap_mangen::generate_to(command, folder).map_err(unwritable)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_command_that_is_shown_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let out = Some(folder.path().join("man1"));
        let command = Cli::command().name("order-saga");

        man(&ManArgs { out: out.clone() }, command).unwrap();

        let page = |name: &str| std::fs::read_to_string(out.clone().unwrap().join(name));
        let watch = page("order-saga-workflow-watch.1").unwrap();
        assert!(watch.contains("Follow a run as it goes"), "{watch}");
        assert!(page("order-saga.1").unwrap().contains("doctor"));
        assert!(page("order-saga-man.1").is_err(), "it is hidden");
    }
}
