//! `hookline check`: configuration and account against one another.

mod configuration;
mod network;
mod rates;
mod subject;

use serde::Serialize;

use crate::aws::Aws;
use crate::discover;
use crate::error::{Code, Error, Result};
use crate::judge::check::{self, RoomOfZone};
use crate::judge::{Finding, Kind};
use crate::observed::account::Account;
use crate::output::{BAD, GOOD, LABEL, Output, Page, Report};
use crate::settings::{AwsSettings, Subject};
use crate::survey;
use network::OfNetwork;
use rates::AssumedRates;
use subject::{Problems, Read};

/// What the check found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    /// The file; null for what is deployed.
    file: Option<String>,
    /// The deployment's stack; null if there is no deployment.
    stack: Option<String>,
    region: String,
    profiles: Vec<String>,
    groups: Vec<String>,
    findings: Vec<Finding>,
    /// For how many more nodes the subnets have room.
    room: Vec<RoomOfZone>,
    /// What could not be judged, without being wrong.
    notes: Vec<String>,
    /// EC2's request rates, as the profiles assume them: no call tells those of an account.
    assumed_rates: Vec<AssumedRates>,
    /// How many calls were made.
    calls: usize,
}

pub(super) async fn run(
    settings: &AwsSettings,
    stack: Option<&str>,
    subject: &Subject,
    output: &Output,
) -> Result<Code> {
    let mut account = Account::default();
    let mut file = None;
    let mut stack = stack.map(str::to_owned);
    let (mut of_network, mut region) = (None, None);
    match subject::read(subject)? {
        Read::Deployed => account.deployed = true,
        Read::Profiles(read) => {
            file = Some(read.file);
            account.profiles = read.profiles;
            account.to_be_put = read.hooks;
            of_network = read.network;
            if let Some(of) = read.configuration {
                stack = stack.or(Some(of.stack));
                account.of_configuration = of.account;
                region = of.region;
                account.to_be_on_nodes = of.on_nodes;
                account.network_owners = Some(of.network_owners);
                account.to_be_reserved = Some(of.reserved_concurrency);
                account.to_be_expected = Some(of.expected_hooks);
            }
        }
        Read::Wrong(problems) => return wrong(&problems, output),
    }
    let aws = Aws::connect(settings).await?;
    let name = file.clone().unwrap_or_default();
    refuse_elsewhere(&aws, name, account.of_configuration.as_ref(), region).await?;
    if let (Some(network), Some(stack)) = (of_network, &stack) {
        let file = file.as_deref().unwrap_or_default();
        let found = ids_of_network(&aws, &mut account, &network, stack, file).await?;
        if let Some(problems) = found {
            return wrong(&problems, output);
        }
    }
    match account.deployed {
        true => {
            let found = discover::if_any(&aws, stack.as_deref()).await?;
            let deployment = match found.deployment {
                Some(deployment) => deployment,
                // Its error says what to do.
                None => discover::deployment(&aws, stack.as_deref()).await?,
            };
            account.profiles = deployment.active().cloned().collect();
            account.others = found.others;
            account.deployment = Some(deployment);
        }
        false => match discover::if_any(&aws, stack.as_deref()).await {
            Ok(found) => {
                account.deployment = found.deployment;
                account.others = found.others;
            }
            Err(error) => survey::note_denied(&mut account, error)?,
        },
    }
    survey::account(&aws, &mut account).await?;
    let checked = Checked::of(&account, file, &aws);
    output.report(&checked)?;
    Ok(match checked.findings.is_empty() {
        true => Code::Success,
        false => Code::ProblemsFound,
    })
}

/// Refuses a configuration for another account or Region than the calls go to: all of it would be
/// missing there.
async fn refuse_elsewhere(
    aws: &Aws,
    name: String,
    account: Option<&String>,
    region: Option<String>,
) -> Result<()> {
    if let Some(wanted) = region.filter(|it| it != aws.region()) {
        let has = aws.region().to_owned();
        return Err(Error::OtherRegion { name, wanted, has });
    }
    let Some(wanted) = account else {
        return Ok(());
    };
    let has = aws.caller_identity().await?.account;
    match *wanted == has {
        true => Ok(()),
        false => Err(Error::OtherAccount {
            name,
            wanted: wanted.clone(),
            has,
        }),
    }
}

/// Gives the profiles the ids of their network, as far as its stack tells them. With these, a
/// profile may break a rule.
async fn ids_of_network(
    aws: &Aws,
    account: &mut Account,
    network: &OfNetwork,
    stack: &str,
    file: &str,
) -> Result<Option<Problems>> {
    let name = network::stack_of(stack);
    let seen = survey::stack(aws, account, &name).await?;
    let completed = network.complete(&name, seen.as_ref());
    account.unknown_network = completed.unknown;
    Ok(
        match subject::with_ids_of(&name, file, completed.profiles)? {
            Ok(profiles) => {
                account.profiles = profiles;
                None
            }
            Err(problems) => Some(problems),
        },
    )
}

/// A file whose profiles break rules: alone, or with the ids of their network.
fn wrong(problems: &Problems, output: &Output) -> Result<Code> {
    output.report(problems)?;
    Ok(Code::ProblemsFound)
}

impl Checked {
    fn of(account: &Account, file: Option<String>, aws: &Aws) -> Self {
        let room = check::rooms(account);
        let deployment = account.deployment.as_ref();
        Self {
            file,
            stack: deployment.map(|deployment| deployment.stack().to_owned()),
            region: aws.region().to_owned(),
            profiles: account
                .profiles
                .iter()
                .map(|input| input.profile.name.clone())
                .collect(),
            groups: account
                .groups
                .iter()
                .map(|group| group.name.clone())
                .collect(),
            findings: check::findings(account, &room),
            room,
            notes: check::notes(account),
            assumed_rates: rates::assumed(&account.profiles),
            calls: aws.calls(),
        }
    }
}

impl Report for Checked {
    fn write(&self, page: &mut Page) {
        let what = match &self.file {
            Some(file) => format!("{file}, before its deployment"),
            None => "what is deployed".to_owned(),
        };
        let deployment = match self.stack.as_deref() {
            None => "none yet".to_owned(),
            Some("") => "(no stack)".to_owned(),
            Some(stack) => stack.to_owned(),
        };
        let names = |names: &[String]| match names {
            [] => "none".to_owned(),
            names => names.join(", "),
        };
        // Denied, it is not known that there is none.
        let denied = |it: &Finding| {
            it.kind == Kind::CouldNotLook && it.problem.contains("DescribeAutoScalingGroups")
        };
        let groups = match self.groups.is_empty() && self.findings.iter().any(denied) {
            true => "not known".to_owned(),
            false => names(&self.groups),
        };
        let profiles = names(&self.profiles);
        let deployment = format!("{deployment} in {}", self.region);
        let rates = rates::words(&self.assumed_rates);
        let mut rows = vec![
            ("Checked", what.as_str()),
            ("Deployment", &deployment),
            ("Profiles", &profiles),
            ("Groups", &groups),
        ];
        rows.extend(rates.as_deref().map(|rates| ("EC2 rates", rates)));
        page.table(LABEL, &rows);
        page.blank();
        if !self.room.is_empty() {
            let rows: Vec<Vec<String>> = self.room.iter().map(cells).collect();
            let headings = [
                "GROUP",
                "PROFILE",
                "ZONE",
                "NODES",
                "ROOM FOR",
                "LIMITED BY",
            ];
            page.grid(LABEL, &headings, &rows);
            page.blank();
        }
        for note in &self.notes {
            page.paragraph(&[(LABEL, "note:"), (anstyle::Style::new(), note)]);
        }
        match self.findings.len() {
            0 => page.paragraph(&[(GOOD, "Nothing found.")]),
            1 => page.paragraph(&[(BAD, "1 finding")]),
            many => page.paragraph(&[(BAD, &format!("{many} findings"))]),
        }
        for finding in &self.findings {
            page.finding(finding);
        }
    }
}

/// The cells of a line about room.
fn cells(room: &RoomOfZone) -> Vec<String> {
    vec![
        room.group.clone(),
        room.profile.clone(),
        room.availability_zone.clone(),
        room.nodes.to_string(),
        match &room.limited_by {
            None => format!("{} or more", room.more_nodes),
            Some(_) => format!("{} more", room.more_nodes),
        },
        room.limited_by.clone().unwrap_or_default(),
    ]
}
