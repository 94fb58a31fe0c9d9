//! The `ringside` program.

fn main() -> std::process::ExitCode {
    ringside::cli::main()
}
