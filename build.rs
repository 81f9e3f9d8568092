//! Compiles the BPF programs and generates their Rust skeleton.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// Runs a command and returns its output, if it succeeds.
fn output_of(command: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(command).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Passes facts about the source to the program: the date, and for a release the commit.
fn tell_the_source() {
    for name in ["SOURCE_DATE_EPOCH", "TCPLIFE_COMMIT"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let epoch = env::var("SOURCE_DATE_EPOCH").ok();
    let date = match &epoch {
        Some(epoch) => output_of("date", &["-u", "-d", &format!("@{epoch}"), "+%Y-%m-%d"]),
        None => output_of("git", &["log", "-1", "--format=%cs"]),
    };
    println!("cargo:rustc-env=TCPLIFE_DATE={}", date.unwrap_or_default());
    // other builds are made from what has not been committed, and again and again
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = match env::var("TCPLIFE_COMMIT") {
        Ok(commit) => Some(commit),
        Err(_) if is_release => {
            if let Some(log) = output_of("git", &["rev-parse", "--git-path", "logs/HEAD"]) {
                println!("cargo:rerun-if-changed={log}");
            }
            output_of(
                "git",
                &[
                    "describe",
                    "--always",
                    "--dirty",
                    "--abbrev=40",
                    "--exclude=*",
                ],
            )
        }
        Err(_) => None,
    };
    let commit = commit.filter(|commit| !commit.is_empty());
    let commit = commit.unwrap_or_else(|| "not recorded".to_owned());
    println!("cargo:rustc-env=TCPLIFE_COMMIT={commit}");
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    let linked = match features.split(',').any(|feature| feature == "crt-static") {
        true => "static, with libbpf, libelf and zlib",
        false => "dynamic, with libbpf",
    };
    println!("cargo:rustc-env=TCPLIFE_LINKED={linked}");
    let target = env::var("TARGET").unwrap_or_default();
    println!("cargo:rustc-env=TCPLIFE_TARGET={target}");
}

/// Packs the compiled BPF programs in the skeleton to a fourth of their size; `unpack` in src/collector/kernel/skel.rs is the
/// counterpart.
fn pack_programs(skeleton: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let text = fs::read_to_string(skeleton)?;
    let array = text
        .split_once("#[unsafe(link_section = \".bpf.objs\")]\nstatic DATA: [u8; ")
        .and_then(|(before, rest)| Some((before, rest.split_once("] = [")?.1)))
        .and_then(|(before, rest)| Some((before, rest.split_once("];")?)));
    let (before, (bytes, after)) = array.ok_or("libbpf-cargo generates another skeleton")?;
    let bytes = bytes.split(',').map(str::trim);
    let bytes = bytes
        .filter(|byte| !byte.is_empty())
        .map(str::parse::<u8>)
        .collect::<Result<Vec<u8>, _>>()?;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&bytes)?;
    fs::write(skeleton.with_extension("z"), packed.finish()?)?;
    let data = "static DATA: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| \
        crate::collector::kernel::skel::unpack(include_bytes!(concat!(env!(\"OUT_DIR\"), \"/tcplife.skel.z\"))));\n";
    fs::write(skeleton, [before, data, after].concat())?;
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tell_the_source();
    let out = PathBuf::from(env::var("OUT_DIR")?).join("tcplife.skel.rs");
    // what a release says about paths of the machine that builds it, it says of C too
    let flags = env::var("CFLAGS").unwrap_or_default();
    let maps = flags
        .split_whitespace()
        .filter(|flag| flag.starts_with("-ffile-prefix-map="));
    let maps: Vec<OsString> = maps.map(OsString::from).collect();
    println!("cargo:rerun-if-env-changed=CFLAGS");
    libbpf_cargo::SkeletonBuilder::new()
        .source("src/bpf/tcplife.bpf.c")
        // v3 has 32-bit jumps; -Wall holds the programs to the same standard as the Rust code
        .clang_args(["-mcpu=v3", "-Wall", "-Werror"].map(OsString::from).into_iter().chain(maps))
        // a machine without rustfmt must build it too: nobody reads the generated file
        .rustfmt("/nonexistent")
        .build_and_generate(&out)
        .map_err(|e| {
            format!("cannot compile src/bpf/tcplife.bpf.c (it takes clang; `make setup` installs it): {e:#}")
        })?;
    pack_programs(&out)?;
    println!("cargo:rerun-if-changed=src/bpf");
    Ok(())
}
