//! `ringside password`: sets a user's line in the file of passwords of a venue.

use super::output::note;
use super::{CliError, output};
use clap::Args;
use ringside_edge::gateway::accounts::set_password;
use std::path::PathBuf;

/// Arguments of `password`.
#[derive(Args)]
pub(super) struct PasswordArgs {
    /// File of passwords, `gateway.passwords` of the config; created if it does not exist.
    file: PathBuf,
    /// User: 1 to 6 letters and digits.
    user: String,
}

/// Reads the password from standard input, so that it does not appear in the history of a shell.
pub(super) fn run(args: &PasswordArgs) -> Result<(), CliError> {
    let mut password = String::new();
    output::prompt(&format!("password for {}: ", args.user));
    std::io::stdin()
        .read_line(&mut password)
        .map_err(|error| CliError::Failure(format!("cannot read the password: {error}")))?;
    set_password(&args.file, &args.user, password.trim_end())
        .map_err(|error| CliError::Failure(error.to_string()))?;
    note!("{} has a password; a venue reads the file at its start and at SIGHUP", args.user);
    Ok(())
}
