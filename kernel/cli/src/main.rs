//! The binary `forecourt`; everything is in the library.

fn main() -> std::process::ExitCode {
    forecourt_cli::run(std::env::args_os())
}
