//! `cargo xtask bench`: measures, and writes the results to the marked places of
//! docs/performance.md.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use hookline_bench::launch::{Functions, Situation};
use hookline_bench::{allocator, cold_start, cost, launch, machine, scale_outs, section};

/// What to measure, and where to write the results.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to measure; by default all but the scale-outs.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// The document to write the results to.
    #[arg(long, default_value = "docs/performance.md")]
    document: PathBuf,
    /// Print the results, and write nothing.
    #[arg(long)]
    print: bool,
    /// The folder of the functions' executables, for cold-start.
    #[arg(long)]
    functions: Option<PathBuf>,
    /// Criterion's folder, for allocator.
    #[arg(long)]
    criterion: Option<PathBuf>,
    /// How many launches of each kind, for launch.
    #[arg(long, default_value_t = 101)]
    seeds: u64,
    /// How many starts of each function, for cold-start.
    #[arg(long, default_value_t = 51)]
    starts: usize,
    /// Skip scale-outs with more nodes than this.
    #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
    most_nodes: usize,
    /// Print every call of one launch of each kind, for launch.
    #[arg(long)]
    trace: bool,
}

/// What can be measured. Each has a marked place of its name in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The choice of an address among many taken ones
    Allocator,
    /// From event to CONTINUE, in virtual time
    Launch,
    /// The functions' start, memory and size
    ColdStart,
    /// Calls, state transitions and dollars
    Cost,
    /// Large scale-outs in virtual time; takes an hour
    ScaleOuts,
}

impl Part {
    fn name(self) -> String {
        self.to_possible_value()
            .map_or(String::new(), |value| value.get_name().to_owned())
    }

    fn measure(self, arguments: &Arguments) -> Result<String> {
        Ok(match self {
            Self::Allocator => {
                let folder = arguments
                    .criterion
                    .as_deref()
                    .context("--criterion is needed: run this by `cargo xtask bench`")?;
                let table = allocator::table(&allocator::read(folder)?);
                format!("{table}\n{}", machine::measured_on())
            }
            Self::Launch => {
                if arguments.trace {
                    trace()?;
                }
                let rows = launch::measure(arguments.seeds)?;
                launch::table(&rows, arguments.seeds)
            }
            Self::ColdStart => {
                let folder = arguments
                    .functions
                    .as_deref()
                    .context("--functions is needed: run this by `cargo xtask bench`")?;
                let measured = cold_start::measure(folder, arguments.starts)?;
                let table = cold_start::table(&measured, arguments.starts);
                format!("{table}\n{}", machine::measured_on())
            }
            Self::Cost => cost::table(&[
                (
                    "alone, warm functions".to_owned(),
                    cost::of_one(Functions::Warm, 1)?,
                ),
                (
                    "alone, cold functions".to_owned(),
                    cost::of_one(Functions::Cold, 1)?,
                ),
                (
                    "one of 100 launched at once".to_owned(),
                    cost::of_many(100, 1)?,
                ),
            ]),
            Self::ScaleOuts => {
                let outcomes = scale_outs::run(arguments.most_nodes)?;
                format!(
                    "{}\n{}",
                    scale_outs::table(&outcomes),
                    machine::measured_on()
                )
            }
        })
    }
}

/// Measures.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let usual = [Part::Allocator, Part::Launch, Part::ColdStart, Part::Cost];
    let parts = match arguments.only.as_slice() {
        [] => &usual,
        only => only,
    };
    for part in parts {
        let name = part.name();
        eprintln!("{name}:");
        let content = part
            .measure(arguments)
            .with_context(|| format!("measuring {name}"))?;
        println!("{content}\n");
        if !arguments.print {
            section::write(&arguments.document, &name, &content)?;
        }
    }
    Ok(())
}

fn trace() -> Result<()> {
    for situation in [Situation::Running, Situation::JustLaunched] {
        for functions in [Functions::Warm, Functions::Cold] {
            println!("{situation:?}, {functions:?}:");
            let launch = launch::product(situation, functions, 1)?;
            for line in launch::trace(&launch) {
                println!("{line}");
            }
            println!(
                "{:7.3} s  CONTINUE is answered\n",
                launch.took.as_secs_f64()
            );
        }
    }
    Ok(())
}
