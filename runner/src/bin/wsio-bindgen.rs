//! `wasm-bindgen` at the version the workspace uses, with nothing to install.

use std::process::ExitCode;

fn main() -> ExitCode {
    match wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wsio-bindgen: {error:#}");
            ExitCode::FAILURE
        }
    }
}
