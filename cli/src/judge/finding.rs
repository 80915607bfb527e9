//! A finding: what is wrong, how that shows, and what mends it.

use hookline_domain::time::rfc3339;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::chosen;

/// What is wrong. The names are in the JSON of every command that finds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// No rule matches the launches of a group at its hook.
    NoRule,
    /// The rule is disabled.
    RuleDisabled,
    /// The rule has no target.
    RuleWithoutTarget,
    /// The profile in the rule's target cannot be read.
    ProfileUnreadable,
    /// No enabled rule starts reconcile.
    ReconcileNotScheduled,
    /// A group of a profile does not exist.
    GroupMissing,
    /// The group lacks the profile's hook.
    HookMissing,
    /// The hook ends too early, or with CONTINUE.
    HookUnsafe,
    /// A hook that no profile answers.
    HookOfNobody,
    /// The process Launch is suspended.
    LaunchesSuspended,
    /// Reconcile suspended the process Launch because of a launch loop.
    GroupBraked,
    /// Auto Scaling cannot launch an instance.
    CannotLaunch,
    /// Several launches were abandoned and replaced. Whether that is a launch loop, reconcile
    /// decides by more than Auto Scaling's activities tell (`hookline_domain::reconcile::loops`).
    RepeatedFailures,
    /// A launch was abandoned.
    LaunchAbandoned,
    /// A launch waits, and no execution is for it.
    NoExecution,
    /// A launch waits, and its execution has ended without completing the hook.
    ExecutionEnded,
    /// A launch waits, and its execution has succeeded: another hook holds it.
    OtherHook,
    /// A launch waits, and its execution found that it is not for its profile: nobody completes the
    /// hook.
    LaunchIgnored,
    /// An interface of a node has lost the tags by which Hookline knows it.
    TagsMissing,
    /// An interface of a node has other settings than its slot.
    InterfaceDiffers,
    /// A launch waits for its turn.
    WaitsForTurn,
    /// A launch waits for longer than the hook's timeout.
    Overdue,
    /// A node is InService and lacks interfaces.
    NodeLacksInterfaces,
    /// Unattached interfaces that no launch needs.
    InterfacesLeft,
    /// The slot names a subnet that does not exist.
    SubnetMissing,
    /// The slot has no subnet in the node's Availability Zone.
    NoSubnetInZone,
    /// The subnet has no free address.
    SubnetFull,
    /// The slot, or the profile, names a security group that does not exist.
    SecurityGroupMissing,
    /// The instance type has no room for the profile.
    InstanceTypeTooSmall,
    /// Somebody else's interface is at the device index of a slot.
    DeviceIndexTaken,
    /// The instance has ended, or does not run.
    InstanceEnded,
    /// A function failed, and nothing that was observed says why.
    Failed,
    /// Two profiles, or two rules, start executions for one launch.
    HookAnsweredTwice,
    /// The profile of the rule is not reconcile's.
    ReconcileDiffers,
    /// The subnets have less room than the group may grow.
    SubnetSmall,
    /// The security group is in another VPC than the subnet.
    SecurityGroupInAnotherVpc,
    /// A slot without a device index is in a subnet of the nodes' primary interfaces.
    SubnetOfNodes,
    /// A subnet of an account that the deployment's roles do not allow.
    SubnetOfAnotherAccount,
    /// The group's launch template, or its version, does not exist.
    LaunchTemplateMissing,
    /// EC2 does not know the instance type.
    InstanceTypeUnknown,
    /// Beside the slots, the instance type has no room for the VPC CNI's own interfaces.
    NoRoomForVpcCni,
    /// The launch template's user data has no gate.
    GateMissing,
    /// The gate waits for other networks than the profile has.
    GateDiffers,
    /// A node takes more pods than it has addresses for.
    MaxPodsTooLarge,
    /// nodeadm does not take the expression for the number of pods.
    MaxPodsExpression,
    /// The Region may not have as many interfaces as the groups may grow to.
    QuotaSmall,
    /// Few functions may run at once.
    ConcurrencySmall,
    /// A function of the state machine, or of reconcile, does not exist.
    FunctionMissing,
    /// A version of a function that the state machine, or reconcile's rule, names does not exist.
    FunctionVersionMissing,
    /// Launches and reconcile run different code.
    VersionsDiffer,
    /// A role does not exist.
    RoleMissing,
    /// The policies of a role do not allow a call that it is for.
    RoleLacksPermission,
    /// The trust policy of a role does not let the service that uses it assume it.
    RoleLacksTrust,
    /// An observation failed.
    CouldNotLook,
}

/// What mends it. A command is printed with the options of this run ([`chosen`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// In words.
    Do(String),
    /// A command, by its words.
    Run(Vec<String>),
    /// A command, by its words as a shell reads them: quoted, or with substitutions.
    Shell(Vec<String>),
}

/// A call that CloudTrail is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Call<'a> {
    pub(crate) action: &'a str,
    /// What its event names: without it, every such call is shown.
    pub(crate) names: Option<&'a str>,
    /// In seconds since the epoch.
    pub(crate) after: Option<i64>,
    pub(crate) before: Option<i64>,
}

impl Remedy {
    /// In words.
    pub(crate) fn say(text: impl Into<String>) -> Self {
        Self::Do(text.into())
    }

    /// A command, by its words.
    pub(crate) fn run<T: Into<String>>(words: impl IntoIterator<Item = T>) -> Self {
        Self::Run(words.into_iter().map(Into::into).collect())
    }

    /// The command that asks CloudTrail who made this call.
    pub(crate) fn who_called(call: &Call<'_>) -> Self {
        let action = format!("AttributeKey=EventName,AttributeValue={}", call.action);
        let mut words = ["aws", "cloudtrail", "lookup-events", "--lookup-attributes"]
            .map(str::to_owned)
            .to_vec();
        words.push(action);
        for (option, time) in [("--start-time", call.after), ("--end-time", call.before)] {
            words.extend(
                time.into_iter()
                    .flat_map(|time| [option.to_owned(), rfc3339(time)]),
            );
        }
        // A raw string of JMESPath.
        let named = call.names.map_or_else(String::new, |name| {
            let name = name.replace('\\', "\\\\").replace('\'', "\\'");
            format!("?contains(CloudTrailEvent, '{name}')")
        });
        words.push("--query".to_owned());
        words.push(format!(
            "Events[{named}].[EventTime,Username,CloudTrailEvent]"
        ));
        words.extend(["--output", "text"].map(str::to_owned));
        Self::Run(words)
    }
}

impl Serialize for Remedy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::Do(text) => map.serialize_entry("do", text)?,
            Self::Run(words) => {
                map.serialize_entry("run", &command_line(&chosen::with_options(words)))?;
            }
            Self::Shell(words) => {
                map.serialize_entry("run", &chosen::with_quoted_options(words).join(" "))?;
            }
        }
        map.end()
    }
}

/// The words as a shell reads them.
pub(crate) fn command_line(words: &[String]) -> String {
    words
        .iter()
        .map(|word| quoted(word))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A word as a shell reads it. What holds a NUL is no word.
pub(crate) fn quoted(word: &str) -> String {
    let word = word.replace('\0', "");
    shlex::try_quote(&word)
        .map(|word| word.into_owned())
        .unwrap_or_default()
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    /// The group, if it is of one group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    /// In one sentence, with the names and numbers.
    pub(crate) problem: String,
    /// Where it is, as `profile.slots[1].subnetIds of the profile upf`.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<String>,
    /// Why it matters, where the problem does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
    /// How it shows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) evidence: Vec<String>,
    /// The instances, interfaces or executions that it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ids: Vec<String>,
    /// What mends it, in order.
    pub(crate) remedy: Vec<Remedy>,
}

impl Finding {
    pub(crate) fn new(kind: Kind, problem: impl Into<String>) -> Self {
        Self {
            kind,
            group: None,
            problem: problem.into(),
            place: None,
            why: None,
            evidence: Vec::new(),
            ids: Vec::new(),
            remedy: Vec::new(),
        }
    }

    pub(crate) fn of_group(mut self, group: &str) -> Self {
        self.group = Some(group.to_owned());
        self
    }

    pub(crate) fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    pub(crate) fn because(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    pub(crate) fn shown_by(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    pub(crate) fn about<T: ToString>(mut self, ids: impl IntoIterator<Item = T>) -> Self {
        self.ids.extend(ids.into_iter().map(|id| id.to_string()));
        self
    }

    pub(crate) fn say(mut self, text: impl Into<String>) -> Self {
        self.remedy.push(Remedy::say(text));
        self
    }

    pub(crate) fn run<T: Into<String>>(mut self, words: impl IntoIterator<Item = T>) -> Self {
        self.remedy.push(Remedy::run(words));
        self
    }

    /// Who made this call.
    pub(crate) fn who_called(mut self, call: &Call<'_>) -> Self {
        self.remedy.push(Remedy::who_called(call));
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every kind. The compiler does not check it, but the document has the others too.
    const ALL: [Kind; 54] = [
        Kind::NoRule,
        Kind::RuleDisabled,
        Kind::RuleWithoutTarget,
        Kind::ProfileUnreadable,
        Kind::ReconcileNotScheduled,
        Kind::GroupMissing,
        Kind::HookMissing,
        Kind::HookUnsafe,
        Kind::HookOfNobody,
        Kind::LaunchesSuspended,
        Kind::GroupBraked,
        Kind::CannotLaunch,
        Kind::RepeatedFailures,
        Kind::LaunchAbandoned,
        Kind::NoExecution,
        Kind::ExecutionEnded,
        Kind::OtherHook,
        Kind::LaunchIgnored,
        Kind::TagsMissing,
        Kind::InterfaceDiffers,
        Kind::WaitsForTurn,
        Kind::Overdue,
        Kind::NodeLacksInterfaces,
        Kind::InterfacesLeft,
        Kind::SubnetMissing,
        Kind::NoSubnetInZone,
        Kind::SubnetFull,
        Kind::SecurityGroupMissing,
        Kind::InstanceTypeTooSmall,
        Kind::DeviceIndexTaken,
        Kind::InstanceEnded,
        Kind::Failed,
        Kind::HookAnsweredTwice,
        Kind::ReconcileDiffers,
        Kind::SubnetSmall,
        Kind::SecurityGroupInAnotherVpc,
        Kind::SubnetOfNodes,
        Kind::SubnetOfAnotherAccount,
        Kind::LaunchTemplateMissing,
        Kind::InstanceTypeUnknown,
        Kind::NoRoomForVpcCni,
        Kind::GateMissing,
        Kind::GateDiffers,
        Kind::MaxPodsTooLarge,
        Kind::MaxPodsExpression,
        Kind::QuotaSmall,
        Kind::ConcurrencySmall,
        Kind::FunctionMissing,
        Kind::FunctionVersionMissing,
        Kind::VersionsDiffer,
        Kind::RoleMissing,
        Kind::RoleLacksPermission,
        Kind::RoleLacksTrust,
        Kind::CouldNotLook,
    ];

    #[test]
    fn document_has_every_kind_and_no_other() {
        let document = include_str!("../../../docs/cli.md");
        let tables = document.split("| kind |").skip(1).take(3);
        let cells = tables.flat_map(|table| {
            let rows = table.lines().take_while(|line| !line.is_empty()).skip(2);
            rows.filter_map(|row| row.split('|').nth(1))
        });
        let told: BTreeSet<String> = cells
            .flat_map(|cell| cell.split('`').skip(1).step_by(2))
            .map(str::to_owned)
            .collect();
        let all = ALL.map(|kind| {
            serde_json::to_value(kind)
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        });
        assert_eq!(told, BTreeSet::from(all));
    }

    #[test]
    fn command_is_quoted_for_a_shell() {
        let words = ["aws", "--x", "a b", "it's", "$(rm)", "\u{0}n"].map(str::to_owned);
        let line = command_line(&words);
        assert_eq!(
            shlex::split(&line).unwrap(),
            ["aws", "--x", "a b", "it's", "$(rm)", "n"]
        );
        assert!(line.starts_with("aws --x "), "{line}");
    }

    #[test]
    fn call_is_asked_for_by_its_time_and_by_what_it_names() {
        let call = Call {
            action: "SuspendProcesses",
            names: Some("it's"),
            after: Some(0),
            before: Some(60),
        };
        let Remedy::Run(words) = Remedy::who_called(&call) else {
            panic!("no command");
        };
        assert_eq!(
            words[5..10],
            [
                "--start-time",
                "1970-01-01T00:00:00Z",
                "--end-time",
                "1970-01-01T00:01:00Z",
                "--query",
            ]
        );
        let query =
            r"Events[?contains(CloudTrailEvent, 'it\'s')].[EventTime,Username,CloudTrailEvent]";
        assert_eq!(words[10], query);
    }

    #[test]
    fn remedy_in_json_says_whether_it_is_a_command() {
        let both = [Remedy::say("Wait."), Remedy::run(["aws", "x y"])];
        let json = serde_json::to_string(&both).unwrap();
        assert_eq!(json, r#"[{"do":"Wait."},{"run":"aws 'x y'"}]"#);
    }
}
