//! The command line.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Parser;
use hookline_conformance::run::Plan;

/// Tries the facts that Hookline and its fake AWS rest on: on the fake AWS, or in an AWS account.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask conformance",
    bin_name = "cargo xtask conformance --"
)]
pub(crate) struct Arguments {
    /// Try them on the fake AWS at this address, and not on one in this process
    #[arg(long, value_name = "URL", conflicts_with = "aws")]
    endpoint: Option<String>,
    /// Try them in the AWS account and Region of your environment. Says what it makes and what that
    /// costs; makes nothing without --yes
    #[arg(long)]
    aws: bool,
    /// Ask at the endpoint for what --aws asks for: the tests of this command do
    #[arg(long, hide = true, requires = "endpoint")]
    as_account: bool,
    /// The VPC in which the run makes its subnets. Required with --aws
    #[arg(long, value_name = "VPC")]
    vpc: Option<String>,
    /// The stack of a deployment, or of the cross-AZ traffic, whose roles are looked at. Without --vpc, the
    /// run does no more than that, and only reads
    #[arg(long, value_name = "STACK", conflicts_with = "cleanup")]
    stack: Option<String>,
    /// Make what the run needs in the account
    #[arg(long)]
    yes: bool,
    /// Remove what earlier runs left in the account, and try nothing
    #[arg(long)]
    pub(crate) cleanup: bool,
    /// Only facts whose name has this text
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Also facts that need an instance with several network cards, which is large and not within
    /// the cost of a run
    #[arg(long)]
    network_cards: bool,
    /// Write what was expected and observed, and how the fake AWS differs from it
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Keep what was observed, a file for each fact, without account and resource ids
    #[arg(long, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,
    /// Compare the fake AWS with a recording
    #[arg(long, value_name = "DIR", conflicts_with_all = ["aws", "endpoint", "record", "report", "cleanup"])]
    pub(crate) replay: Option<PathBuf>,
    /// Print docs/facts.md
    #[arg(long, hide = true)]
    pub(crate) page: bool,
}

/// Where the facts are tried.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// On a fake AWS in this process.
    InProcess,
    /// On the fake AWS at this address.
    Endpoint(String),
    /// In the account of the environment.
    Aws,
}

impl Arguments {
    /// Where the facts are tried.
    pub(crate) fn target(&self) -> Result<Target> {
        if self.is_account() && self.vpc.is_none() && self.stack.is_none() && !self.cleanup {
            bail!(
                "--aws needs --vpc: name a VPC of a test account with a free /25 block. Or name the stack of a deployment with --stack. Nothing was made"
            );
        }
        match (&self.endpoint, self.aws) {
            (Some(url), _) => Ok(Target::Endpoint(url.clone())),
            (None, true) => Ok(Target::Aws),
            (None, false) if self.cleanup => bail!("--cleanup needs --aws or --endpoint"),
            (None, false) if self.stack.is_some() => bail!("--stack needs --aws or --endpoint"),
            (None, false) => Ok(Target::InProcess),
        }
    }

    /// Whether the target counts as somebody's account.
    pub(crate) const fn is_account(&self) -> bool {
        self.aws || self.as_account
    }

    /// Whether the account may be changed. A fake AWS may be, always.
    pub(crate) const fn may_change(&self) -> bool {
        self.yes || !self.is_account() || self.only_reads()
    }

    /// Whether the run makes nothing: it looks at a deployment.
    pub(crate) const fn only_reads(&self) -> bool {
        self.stack.is_some() && self.vpc.is_none()
    }

    /// Which facts are tried.
    pub(crate) fn plan(&self) -> Plan {
        Plan {
            vpc: self.vpc.clone(),
            only: self.only.clone(),
            // On the fake AWS, they cost nothing.
            with_network_cards: self.network_cards || !self.is_account(),
            stack: self.stack.clone(),
            only_deployment: self.only_reads(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn of(line: &str) -> Arguments {
        Arguments::parse_from(line.split(' '))
    }

    #[test]
    fn command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn run_in_an_account_needs_a_vpc_and_a_yes() {
        let error = of("conformance --aws --yes").target().unwrap_err();
        assert!(error.to_string().contains("--vpc"), "{error}");
        let arguments = of("conformance --aws --vpc vpc-1");
        assert_eq!(arguments.target().unwrap(), Target::Aws);
        assert!(!arguments.may_change());
        assert!(of("conformance --aws --vpc vpc-1 --yes").may_change());
        assert!(of("conformance --aws --cleanup").target().is_ok());
    }

    #[test]
    fn look_at_a_deployment_needs_neither_a_vpc_nor_a_yes() {
        let arguments = of("conformance --aws --stack hookline");
        assert_eq!(arguments.target().unwrap(), Target::Aws);
        assert!(arguments.may_change() && arguments.plan().only_deployment);
        let both = of("conformance --aws --stack hookline --vpc vpc-1");
        assert!(!both.may_change() && !both.plan().only_deployment);
        let nowhere = of("conformance --stack hookline").target().unwrap_err();
        assert!(nowhere.to_string().contains("--aws"), "{nowhere}");
    }

    #[test]
    fn large_instance_in_an_account_is_on_request_only() {
        assert!(
            !of("conformance --aws --vpc vpc-1")
                .plan()
                .with_network_cards
        );
        let asked = of("conformance --aws --vpc vpc-1 --network-cards");
        assert!(asked.plan().with_network_cards);
        assert!(of("conformance").plan().with_network_cards);
    }
}
