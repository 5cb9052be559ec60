//! `wasm-link INPUT.wasm OUTPUT.wasm`: the step between the compiler and `target/squall.wasm`, and `target/squall-control.wasm`.
//! Exit code 0: written; 2: refused, with the reason on standard error, and nothing written.

mod exports;
mod imports;
mod link;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use link::Mode;

const USAGE: &str = "usage: wasm-link [--names] [--strip-only | --control] INPUT.wasm OUTPUT.wasm

Names the filter's guards (squall_on_*) as the host does (proxy_on_*), drops every export the host
need not call, then unreachable code, debug sections and the name section.

  --names       keep the name section (function names in the backtrace of a trap)
  --strip-only  a module without guards: only drop what is not needed
  --control     the control module: a list of its own of what is needed";

struct Options {
    mode: Mode,
    names: bool,
    input: PathBuf,
    output: PathBuf,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match parse(&arguments).and_then(|options| run(&options)) {
        Ok(summary) => {
            print!("{summary}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("wasm-link: {message}");
            ExitCode::from(2)
        }
    }
}

fn parse(arguments: &[String]) -> Result<Options, String> {
    let (mut mode, mut names, mut paths) = (Mode::Filter, false, Vec::new());
    for argument in arguments {
        match argument.as_str() {
            "--names" => names = true,
            "--strip-only" => mode = Mode::StripOnly,
            "--control" => mode = Mode::Control,
            option if option.starts_with('-') => {
                return Err(format!("unknown option {option}\n{USAGE}"));
            }
            path => paths.push(PathBuf::from(path)),
        }
    }
    match <[PathBuf; 2]>::try_from(paths) {
        Ok([input, output]) => Ok(Options { mode, names, input, output }),
        Err(_) => Err(format!("expected an input and an output\n{USAGE}")),
    }
}

fn run(options: &Options) -> Result<String, String> {
    let wasm = fs::read(&options.input).map_err(|error| at(&options.input, &error))?;
    let (linked, summary) =
        link::link(&wasm, options.mode, options.names).map_err(|error| at(&options.input, &error))?;
    write(&options.output, &linked).map_err(|error| at(&options.output, &error))?;
    Ok(format!("{}\n{summary}", options.output.display()))
}

/// Writes beside the target and renames: a running Envoy or test never reads half a module.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}", std::process::id()));
    fs::write(&unfinished, bytes)?;
    fs::rename(&unfinished, path).inspect_err(|_| drop(fs::remove_file(&unfinished)))
}

fn at(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}
