//! The program of `cargo xtask bench` and `cargo xtask plot`. It is one program, because linking it
//! optimised takes minutes.

mod measure;
mod plot;

use std::process::ExitCode;

use clap::Parser;
use hookline_testkit::program::exit_code;

/// Measures Hookline in virtual time and on this machine.
#[derive(Debug, Parser)]
enum Command {
    /// Measure, and write the results to the marked places of a document
    Measure(measure::Arguments),
    /// Simulate scale-outs, and draw makespan and calls for each interface against nodes
    Plot(plot::Arguments),
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Measure(arguments) => measure::run(&arguments),
        Command::Plot(arguments) => plot::run(&arguments),
    };
    exit_code("bench", done.map(|()| true))
}
