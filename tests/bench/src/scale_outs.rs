//! Large scale-outs in virtual time, for docs/performance.md: one at once, one in waves, one whose
//! subnets fill up half-way, one while others use EC2's rates, and one over three AZs.

use std::time::{Duration, Instant};

use anyhow::Result;
use hookline_simulator::progress::each_minute;
use hookline_simulator::report::Report;
use hookline_simulator::run::{Scenario, simulate_beside_one_launch};
use hookline_testkit::scene::Size;

use crate::cold_start::high_water_mark_of_this_process;

/// A scale-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScaleOut {
    /// Its description in the document.
    pub what: &'static str,
    /// Nodes.
    pub nodes: usize,
    /// Availability zones.
    pub azs: usize,
    /// The prefix length of each network's subnets.
    pub prefix: u8,
    /// Subnets that each network has in each AZ.
    pub subnets_per_az: usize,
    /// Waves, a minute apart.
    pub waves: usize,
    /// Whether the nodes run the VPC CNI.
    pub cni: bool,
}

/// 500 at once, in one AZ.
const AT_ONCE: ScaleOut = ScaleOut {
    what: "500 at once, one AZ",
    nodes: 500,
    azs: 1,
    prefix: 20,
    subnets_per_az: 1,
    waves: 1,
    cni: true,
};

/// All of them; the seed of each is 1.
pub const ALL: [ScaleOut; 5] = [
    AT_ONCE,
    ScaleOut {
        what: "500 in five waves, a minute apart",
        waves: 5,
        ..AT_ONCE
    },
    ScaleOut {
        what: "500 into /24 subnets, which are full after 251; each network has a second one",
        prefix: 24,
        subnets_per_az: 2,
        ..AT_ONCE
    },
    ScaleOut {
        what: "500 at once, and the nodes run no VPC CNI",
        cni: false,
        ..AT_ONCE
    },
    ScaleOut {
        what: "2,000 at once over three AZs",
        nodes: 2_000,
        azs: 3,
        ..AT_ONCE
    },
];

impl ScaleOut {
    /// The command that repeats it.
    #[must_use]
    pub fn command(&self) -> String {
        let mut command = format!(
            "cargo xtask sim -- --nodes {} --azs {}",
            self.nodes, self.azs
        );
        let defaults = [
            ("--subnet-prefix", usize::from(self.prefix), 20),
            ("--subnets-per-az", self.subnets_per_az, 1),
            ("--waves", self.waves, 1),
        ];
        for (name, value, default) in defaults {
            if value != default {
                command += &format!(" {name} {value}");
            }
        }
        if !self.cni {
            command += " --no-cni";
        }
        command
    }

    fn scenario(&self) -> Scenario {
        let size = Size {
            azs: self.azs,
            prefix: self.prefix,
            subnets_per_az: self.subnets_per_az,
            ..Size::default()
        };
        let mut scenario = Scenario::new(self.nodes, size, 1);
        scenario.waves = self.waves;
        if let Some(node) = &mut scenario.settings.node
            && !self.cni
        {
            node.cni = None;
        }
        scenario
    }
}

/// The result of a scale-out.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The scale-out.
    pub scale_out: ScaleOut,
    /// The simulator's report.
    pub report: Report,
    /// How long the run took, in real time.
    pub real: Duration,
    /// The peak memory of this process so far, in KiB.
    pub memory_kib: Option<u64>,
}

/// Runs those with at most `most_nodes` nodes.
///
/// # Errors
/// If a run cannot be prepared.
pub fn run(most_nodes: usize) -> Result<Vec<Outcome>> {
    ALL.into_iter()
        .filter(|scale_out| scale_out.nodes <= most_nodes)
        .map(|scale_out| {
            eprintln!("{}:", scale_out.what);
            let began = Instant::now();
            let (report, _) = simulate_beside_one_launch(scale_out.scenario(), each_minute())?;
            eprintln!("{report:?}");
            Ok(Outcome {
                scale_out,
                report,
                real: began.elapsed(),
                memory_kib: high_water_mark_of_this_process(),
            })
        })
        .collect()
}

/// The table for docs/performance.md.
#[must_use]
pub fn table(outcomes: &[Outcome]) -> String {
    let mut table = "\
        | nodes | `InService` | last `InService` | joined | settled | bound | one launch | ratio | conflicts | holes | throttled for each call that succeeds | hooks timed out | invariants broken | real time | memory |\n\
        |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for outcome in outcomes {
        let report = &outcome.report;
        let memory = outcome.memory_kib.map_or("–".to_owned(), |kib| {
            format!("{} MB", kib * 1024 / 1_000_000)
        });
        table += &format!(
            "| {} | {} | {:.0} s | {:.0} s | {:.0} s | {:.0} s | {:.0} s | {:.3} | {} | {} | {:.2} | {} | {} | {:.0} s | {memory} |\n",
            outcome.scale_out.what,
            report.in_service,
            report.in_service_s,
            report.joined_s,
            report.settled_s,
            report.bound_s,
            report.one_launch_s,
            report.ratio,
            report.conflicts,
            report.holes,
            report.throttles_per_success,
            report.hooks_timed_out,
            report.violations.len(),
            outcome.real.as_secs_f64(),
        );
    }
    table += "\n```sh\n";
    for outcome in outcomes {
        table += &outcome.scale_out.command();
        table += "\n";
    }
    table + "```\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookline_simulator::run::simulate;

    #[test]
    fn every_scale_out_has_a_command_that_repeats_it() {
        let commands: Vec<String> = ALL.iter().map(ScaleOut::command).collect();
        assert_eq!(
            commands,
            [
                "cargo xtask sim -- --nodes 500 --azs 1",
                "cargo xtask sim -- --nodes 500 --azs 1 --waves 5",
                "cargo xtask sim -- --nodes 500 --azs 1 --subnet-prefix 24 --subnets-per-az 2",
                "cargo xtask sim -- --nodes 500 --azs 1 --no-cni",
                "cargo xtask sim -- --nodes 2000 --azs 3",
            ]
        );
    }

    #[test]
    fn second_subnet_is_used_if_the_first_is_full() {
        // A /28 has eleven addresses to give.
        let small = ScaleOut {
            what: "20 into /28 subnets",
            nodes: 20,
            prefix: 28,
            subnets_per_az: 2,
            ..AT_ONCE
        };
        let (report, history) = simulate(small.scenario()).unwrap();
        assert_eq!(report.in_service, 20, "{}", history.join("\n"));
        assert_eq!((report.abandoned, report.violations), (0, Vec::new()));
        let outcome = Outcome {
            scale_out: small,
            report: simulate(small.scenario()).unwrap().0,
            real: Duration::from_secs(3),
            memory_kib: Some(2_000_000),
        };
        let text = table(&[outcome]);
        assert!(text.contains("| 20 into /28 subnets | 20 |"), "{text}");
        assert!(text.contains("| 3 s | 2048 MB |"), "{text}");
    }
}
