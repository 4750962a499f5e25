//! `completion`: a script for the shell.

use std::io;

use clap::Args;
use clap_complete::Shell;

/// What `completion` takes.
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell
    shell: Shell,
}

/// Prints the script for `command`.
pub(crate) fn completion(args: &CompletionArgs, mut command: clap::Command) -> io::Result<()> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    io::Write::write_all(&mut io::stdout().lock(), &script)
}
