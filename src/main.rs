//! Entry point of the `ringside` program.

use std::process::{ExitCode, abort};

fn main() -> ExitCode {
    abort_on_panic();
    ringside::cli::main()
}

/// Makes a panic of any thread end the process, also in a build that unwinds: a ring guard that is
/// dropped while unwinding would release commands that were never journaled.
fn abort_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        report(info);
        abort();
    }));
}
