//! Entry point of the `ringside` program.

#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::backtrace::{Backtrace, BacktraceStatus};
use std::process::{ExitCode, abort};

fn main() -> ExitCode {
    abort_on_panic();
    ringside::cli::main()
}

/// Makes a panic of any thread end the process, also in a build that unwinds: a ring guard that is
/// dropped while unwinding would release commands that were never journaled.
fn abort_on_panic() {
    std::panic::set_hook(Box::new(|info| {
        let trace = Backtrace::capture();
        match trace.status() {
            BacktraceStatus::Captured => ringside::log::stopped(&format!("{info}\n{trace}")),
            _ => ringside::log::stopped(&info.to_string()),
        }
        abort();
    }));
}
