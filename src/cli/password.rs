//! `ringside password`: a line in a venue's file of passwords.

use super::CliError;
use clap::Args;
use ringside_edge::gateway::accounts::set_password;
use std::path::PathBuf;

/// Arguments of `password`.
#[derive(Args)]
pub(super) struct PasswordArgs {
    /// The file, `gateway.passwords` of the config; made if there is none.
    file: PathBuf,
    /// The user: 1 to 6 capitals and digits.
    user: String,
}

/// Reads the password from standard input, so that no shell remembers it.
pub(super) fn run(args: &PasswordArgs) -> Result<(), CliError> {
    let mut password = String::new();
    eprint!("password for {}: ", args.user);
    std::io::stdin()
        .read_line(&mut password)
        .map_err(|error| CliError::Failure(format!("cannot read the password: {error}")))?;
    set_password(&args.file, &args.user, password.trim_end())
        .map_err(|error| CliError::Failure(error.to_string()))?;
    eprintln!("ringside: {} can log in; a venue reads the file when it starts", args.user);
    Ok(())
}
