//! The command `crowd`: see `crowd --help` and docs/PERFORMANCE.md.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    crowd::cli::main().await
}
