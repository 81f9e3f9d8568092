//! Compiles the BPF programs and generates their Rust skeleton.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?).join("tcplife.skel.rs");
    libbpf_cargo::SkeletonBuilder::new()
        .source("src/bpf/tcplife.bpf.c")
        // v3 has 32-bit jumps; -Wall holds the programs to the same standard as the Rust code
        .clang_args([OsStr::new("-mcpu=v3"), OsStr::new("-Wall"), OsStr::new("-Werror")])
        // a machine without rustfmt must build it too: nobody reads the generated file
        .rustfmt("/nonexistent")
        .build_and_generate(&out)
        .map_err(|e| {
            format!("cannot compile src/bpf/tcplife.bpf.c (it takes clang; `make setup` installs it): {e:#}")
        })?;
    println!("cargo:rerun-if-changed=src/bpf");
    Ok(())
}
