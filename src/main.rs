//! The `tcplife` command; see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    tcplife::main()
}
