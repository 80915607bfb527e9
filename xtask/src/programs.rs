//! Building the workspace's own programs, and running the demo and the fake AWS with them.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{self, Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;

use anyhow::{Context, Result, anyhow};
use clap::Args;

use crate::cargo::Programs;
use crate::workspace::Workspace;
use crate::{cdk, command, node_programs, package, python, traffic};

/// Where a program finds the Lambda functions to run: a folder of executables.
pub(crate) const FUNCTIONS_DIR: &str = "HOOKLINE_FUNCTIONS_DIR";
/// Where a program finds a Python that has the Step Functions engine.
pub(crate) const PYTHON: &str = "HOOKLINE_PYTHON";
/// Where a test finds the packages of `tools/node`: a `node_modules`.
pub(crate) const NODE: &str = "HOOKLINE_NODE";
/// Where a test finds the CDK app, with its packages installed.
pub(crate) const CDK: &str = "HOOKLINE_CDK";

/// Where the demo of the traffic finds the fake AWS: the program hookline-local.
pub(crate) const LOCAL: &str = "HOOKLINE_LOCAL";

/// The packages of everything that runs optimised. One selection for all makes Cargo choose one set
/// of features for each dependency; with two, it would compile the AWS SDK twice.
const PACKAGES: [&str; 12] = [
    "--package",
    "hookline",
    "--package",
    "hookline-local",
    "--package",
    "hookline-testkit",
    "--package",
    "hookline-simulator",
    "--package",
    "hookline-bench",
    "--package",
    "hookline-suites",
];

/// The build of the programs that the tests, the demos and the fake AWS share. Cargo enables the
/// features that dev-dependencies need only if it builds tests or examples. Without `--examples`, of
/// which there are none, it would compile the AWS SDK and most of the rest once for the tests and
/// once more for the demos.
pub(crate) const DEVELOPMENT: [&str; 3] = ["--workspace", "--bins", "--examples"];

/// What the demo shows.
#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// How many nodes to launch at once
    #[arg(long, default_value_t = 8)]
    nodes: u32,
    /// How many Multus networks each node is attached to
    #[arg(long, default_value_t = 4)]
    networks: u32,
    /// How many Availability Zones the nodes are spread over
    #[arg(long, default_value_t = 3)]
    azs: u32,
    /// Show plain groups without hooks, whose nodes are only named: by the launch event, and by
    /// CloudTrail's event
    #[arg(long)]
    naming: bool,
    /// Show the traffic across Availability Zones instead: three hours of a generated cluster; `--
    /// --help` shows the options
    #[arg(long, conflicts_with_all = ["naming", "release"])]
    traffic: bool,
    /// Show two nodes in network namespaces instead, with the real programs of a node: from their
    /// launch to a ping between their pods over the second interface. Needs Linux and root
    #[arg(long, conflicts_with_all = ["nodes", "networks", "azs", "naming", "traffic"])]
    node: bool,
    /// Write the scale-out as a page too, target/demo/timeline.html, by `hookline timeline`. Without this
    /// option it is written if `hookline` has been compiled before, which takes a minute
    #[arg(long, conflicts_with_all = ["naming", "traffic", "node"])]
    timeline: bool,
    /// Write what happened to this file as well
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Run the functions optimised, as they are deployed (compiles them once more)
    #[arg(long)]
    release: bool,
    /// More arguments for the demo
    #[arg(last = true)]
    args: Vec<OsString>,
}

impl DemoOptions {
    /// The command line of the demo itself.
    fn to_args(&self) -> Result<Vec<OsString>> {
        let mut args: Vec<OsString> = Vec::new();
        if self.node {
            args.push("--node".into());
        } else {
            for (name, value) in [
                ("--nodes", self.nodes),
                ("--networks", self.networks),
                ("--azs", self.azs),
            ] {
                args.extend([name.into(), value.to_string().into()]);
            }
        }
        if self.naming {
            args.push("--naming".into());
        }
        if let Some(report) = &self.report {
            // The path is relative to the caller's directory; the demo runs in the root.
            let report = path::absolute(report).context("finding the place of the report")?;
            args.extend(["--report".into(), report.into()]);
        }
        args.extend(self.args.iter().cloned());
        Ok(args)
    }
}

/// Builds and runs the demo. Returns only if it cannot be started.
pub(crate) fn demo(workspace: &Workspace, options: &DemoOptions) -> Result<ExitCode> {
    if options.traffic {
        return become_program(&mut traffic::demo(workspace, &options.args)?);
    }
    let args = options.to_args()?;
    let has_page = !options.naming
        && !options.node
        && (options.timeline || workspace.target()?.join("debug/hookline").exists());
    if options.node {
        // Before anything is compiled.
        node_programs::check(workspace)?;
        cdk::set_up(workspace)?;
    }
    // A machine without Python is told so before minutes of compiling.
    python::find()?;
    // Python's packages come over the network while Cargo keeps the processors busy.
    let (python, programs) = thread::scope(|scope| {
        let python = scope.spawn(|| python::set_up(workspace));
        let programs = build_of_demo(workspace, has_page);
        (python.join(), programs)
    });
    let python = python.map_err(|_| anyhow!("setting up Python panicked"))??;
    let programs = programs?;
    let release;
    let functions = if options.release {
        release = Programs::build(workspace, &package::SELECTION)?;
        release.folder(workspace, "functions")?
    } else {
        programs.folder(workspace, "functions")?
    };
    let mut demo = demo_of(workspace, &programs, functions, &python)?;
    demo.args(args);
    if options.node {
        demo.env(CDK, workspace.path("cdk"));
    } else if has_page {
        demo.args(page_of_demo(workspace, &programs)?);
    }
    become_program(&mut demo)
}

/// Builds what the demo needs, which a newcomer waits for: only these programs, but of the same
/// selection of packages as [`DEVELOPMENT`], so that the tests compile no library once more.
fn build_of_demo(workspace: &Workspace, has_page: bool) -> Result<Programs> {
    let mut names = package::programs_in(workspace, "functions/src/bin")?;
    names.push("demo".to_owned());
    if has_page {
        names.push("hookline".to_owned());
    }
    let mut args = vec!["--workspace", "--examples"];
    args.extend(names.iter().flat_map(|name| ["--bin", name]));
    Programs::build(workspace, &args)
}

/// The demo, without its options.
pub(crate) fn demo_of(
    workspace: &Workspace,
    programs: &Programs,
    functions: &Path,
    python: &Path,
) -> Result<Command> {
    let mut demo = Command::new(programs.path(workspace, "tests/demo", "demo")?);
    demo.current_dir(workspace.root())
        .env(FUNCTIONS_DIR, functions)
        .env(PYTHON, python);
    Ok(demo)
}

/// The page that the demo writes.
pub(crate) fn timeline(workspace: &Workspace) -> Result<PathBuf> {
    Ok(workspace.target()?.join("demo/timeline.html"))
}

/// The options by which the demo writes its page.
pub(crate) fn page_of_demo(workspace: &Workspace, programs: &Programs) -> Result<[OsString; 4]> {
    Ok([
        "--timeline".into(),
        timeline(workspace)?.into(),
        "--hookline".into(),
        programs.path(workspace, "cli", "hookline")?.into(),
    ])
}

/// Builds and starts the fake AWS. Returns only if it cannot be started.
pub(crate) fn local(workspace: &Workspace, args: &[OsString]) -> Result<ExitCode> {
    let python = python::set_up(workspace)?;
    let programs = Programs::build(workspace, &DEVELOPMENT)?;
    let functions = programs.folder(workspace, "functions")?;
    let mut local = Command::new(programs.path(workspace, "local", "hookline-local")?);
    local
        .arg("--functions-dir")
        .arg(functions)
        .args(["--env", "HOOKLINE_DEPLOYMENT=hookline", "--python"])
        .arg(&python);
    // Other programs of the workspace are in that folder too.
    for name in programs.names(workspace, "functions") {
        local.args(["--function", name]);
    }
    local
        .args(args)
        .env(FUNCTIONS_DIR, functions)
        .env(PYTHON, &python);
    become_program(&mut local)
}

/// The profile of what runs optimised and is not deployed.
pub(crate) const OPTIMISED: [&str; 2] = ["--profile", "bench"];

/// The optimised build of what is not deployed: the same selection and profile, so that all of it
/// shares one build of the AWS SDK. `targets` are what is made of it, as `--test NAME`.
pub(crate) fn optimised<'a>(targets: &[&'a str]) -> Vec<&'a str> {
    let mut args = OPTIMISED.to_vec();
    args.extend(PACKAGES);
    args.extend(targets);
    args
}

/// Builds one of the programs of the tests optimised, and says where it is.
pub(crate) fn optimised_program(
    workspace: &Workspace,
    package: &str,
    name: &str,
) -> Result<PathBuf> {
    // The benchmark, so that what only tests depend on counts here too: without it, Cargo would
    // compile the SDK once for programs and once more for tests and benchmarks.
    let targets = ["--bin", name, "--bench", "allocator"];
    let programs = Programs::build(workspace, &optimised(&targets))?;
    programs
        .path(workspace, package, name)
        .map(Path::to_path_buf)
}

/// Builds and runs the scale-out simulator. Returns only if it cannot be started.
pub(crate) fn sim(workspace: &Workspace, args: &[OsString]) -> Result<ExitCode> {
    virtual_time(
        &optimised_program(workspace, "tests/simulator", "sim")?,
        args,
    )
}

/// Builds and runs the fault matrix. Its runs are small, so the build is not optimised. Returns
/// only if it cannot be started.
pub(crate) fn faults(workspace: &Workspace, args: &[OsString]) -> Result<ExitCode> {
    let programs = Programs::build(workspace, &DEVELOPMENT)?;
    virtual_time(programs.path(workspace, "tests/simulator", "faults")?, args)
}

/// Builds and runs the program that prints what the roles allow and deny. Returns only if it cannot
/// be started.
pub(crate) fn permissions(workspace: &Workspace) -> Result<ExitCode> {
    let programs = Programs::build(workspace, &DEVELOPMENT)?;
    virtual_time(
        programs.path(workspace, "tests/testkit", "permissions")?,
        &[],
    )
}

/// Builds and runs the conformance suite. Returns only if it cannot be started.
pub(crate) fn conformance(workspace: &Workspace, args: &[OsString]) -> Result<ExitCode> {
    let programs = Programs::build(workspace, &DEVELOPMENT)?;
    virtual_time(
        programs.path(workspace, "tests/conformance", "conformance")?,
        args,
    )
}

/// A program that needs nothing but itself; it runs where the caller is, so that the paths it is
/// given mean what they mean there.
fn virtual_time(program: &Path, args: &[OsString]) -> Result<ExitCode> {
    let mut program = Command::new(program);
    program.args(args);
    become_program(&mut program)
}

/// Replaces this process with the program. So Ctrl-C reaches only the program, which can stop what
/// it started, and its exit status is the command's.
pub(crate) fn become_program(program: &mut Command) -> Result<ExitCode> {
    let error = program.exec();
    Err(command::start_error(
        program,
        error,
        "run the command again",
    ))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        demo: DemoOptions,
    }

    fn args(line: &str) -> Result<Vec<OsString>> {
        Cli::try_parse_from(line.split(' '))?.demo.to_args()
    }

    #[test]
    fn the_demo_gets_every_number_and_what_follows_two_dashes() -> Result<()> {
        assert_eq!(
            args("demo")?,
            ["--nodes", "8", "--networks", "4", "--azs", "3"]
        );
        assert_eq!(
            args("demo --nodes 39 --release -- --seed 7")?,
            [
                "--nodes",
                "39",
                "--networks",
                "4",
                "--azs",
                "3",
                "--seed",
                "7"
            ]
        );
        assert!(args("demo --naming")?.contains(&"--naming".into()));
        assert_eq!(args("demo --node")?, ["--node"]);
        assert!(args("demo --node --nodes 3").is_err());
        assert!(args("demo --nodes many").is_err());
        Ok(())
    }

    #[test]
    fn the_path_of_the_report_is_absolute() -> Result<()> {
        let args = args("demo --report out.html")?;
        let report = args.last().map(PathBuf::from);
        assert!(report.is_some_and(|path| path.is_absolute() && path.ends_with("out.html")));
        Ok(())
    }
}
