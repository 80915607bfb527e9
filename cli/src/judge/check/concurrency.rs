//! The concurrency of Lambda: what a scale-out of all groups needs, what is reserved, and what the
//! account has.

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::admission::Concurrency;

use super::parts::growth;
use crate::judge::{Finding, Kind};
use crate::observed::account::{Account, CouldNotLook};

/// Lambda keeps so many executions for functions without a reserved concurrency, or all of an
/// account that has fewer (Lambda Developer Guide, "Configuring reserved concurrency").
const MIN_UNRESERVED: u64 = 100;

const QUOTA: &str = "the account's quota of concurrent executions of Lambda";
const MORE: &str =
    "Ask AWS for more (the quota \"Concurrent executions\" of AWS Lambda), or reserve less";

pub(super) fn findings(account: &Account) -> Vec<Finding> {
    // Otherwise it is not known which functions share the account's.
    let denied = |it: &CouldNotLook| it.action == "lambda:GetFunctionConcurrency";
    if account.could_not_look.iter().any(denied) {
        return Vec::new();
    }
    let scale_outs: Vec<Concurrency> = account
        .profiles
        .iter()
        .map(|input| {
            let nodes = usize::try_from(growth(account, &input.profile));
            Concurrency::of(&input.profile, nodes.unwrap_or(usize::MAX))
        })
        .collect();
    let reservations = Reservations::of(account);
    let mut found = reservations.too_small(&scale_outs);
    found.extend(reservations.left_for_others(account));
    found.extend(reservations.shared(account, &scale_outs));
    found
}

/// What functions have reserved, by their names without the stack's.
struct Reservations {
    /// As it is deployed.
    deployed: BTreeMap<String, u64>,
    /// As it will be: what a configuration says, or what is deployed.
    wanted: BTreeMap<String, u64>,
    /// Whether `wanted` is of a configuration.
    of_configuration: bool,
}

impl Reservations {
    fn of(account: &Account) -> Self {
        let prefix = account.deployment.as_ref().map(|it| it.stack());
        let prefix = prefix.filter(|stack| !stack.is_empty());
        let prefix = prefix.map_or_else(String::new, |stack| format!("{stack}-"));
        let short = |name: &str| name.strip_prefix(&prefix).unwrap_or(name).to_owned();
        let reserved = account.reserved.iter();
        let deployed: BTreeMap<String, u64> = reserved
            .map(|(name, reserved)| (short(name), *reserved))
            .collect();
        let there = account.functions.as_ref();
        let there = there.map(|all| {
            all.keys()
                .map(|of| short(&of.name))
                .collect::<BTreeSet<_>>()
        });
        let mut wanted = account.to_be_reserved.clone();
        if let (Some(wanted), Some(there)) = (&mut wanted, there) {
            // What `adopt` and `name-nodes` have reserved already was not looked at.
            wanted.retain(|name, _| there.contains(name));
        }
        Self {
            of_configuration: wanted.is_some(),
            wanted: wanted.unwrap_or_else(|| deployed.clone()),
            deployed,
        }
    }

    fn place(&self, function: &str) -> String {
        match self.of_configuration {
            true => format!("reservedConcurrency[\"{function}\"] of the configuration"),
            false => format!("the reserved concurrency of the function {function}"),
        }
    }

    /// Functions that reserve less than the launches need.
    fn too_small(&self, scale_outs: &[Concurrency]) -> Vec<Finding> {
        let reserved = self.wanted.iter();
        reserved
            .filter_map(|(function, reserved)| {
                let needed = total(scale_outs, |it| it == function);
                (*reserved < needed).then(|| {
                    Finding::new(
                        Kind::ConcurrencySmall,
                        format!(
                            "{reserved} invocations of {function} may run at once. If the groups grow to their maximum \
                             sizes at once, their launches need {needed}."
                        ),
                    )
                    .at(self.place(function))
                    .say(format!(
                        "Reserve {needed} or more in reservedConcurrency of the configuration, or reserve nothing."
                    ))
                })
            })
            .collect()
    }

    /// How many executions of the account are unreserved, once what is wanted is deployed.
    fn unreserved(&self, account: &Account) -> Option<u64> {
        let now = account.concurrency?.unreserved;
        let sum = |of: &BTreeMap<String, u64>| of.values().sum::<u64>();
        let free = now.saturating_add(sum(&self.deployed));
        Some(free.saturating_sub(sum(&self.wanted)))
    }

    /// Whether Lambda takes the reservations of a configuration.
    fn left_for_others(&self, account: &Account) -> Option<Finding> {
        let limit = account.concurrency?.limit;
        let left = self.unreserved(account)?;
        let kept = MIN_UNRESERVED.min(limit);
        let reserves_more = self.of_configuration && self.wanted != self.deployed;
        (reserves_more && left < kept).then(|| {
            Finding::new(
                Kind::ConcurrencySmall,
                format!(
                    "The reservations leave {left} of the {limit} concurrent executions of the account unreserved. \
                     Lambda keeps {kept}."
                ),
            )
            .at("reservedConcurrency of the configuration")
            .because("Lambda refuses the reservation, so CloudFormation rolls the deployment back.")
            .say(format!("{MORE}."))
        })
    }

    /// Whether the functions that reserve nothing have enough of what the account shares.
    fn shared(&self, account: &Account, scale_outs: &[Concurrency]) -> Option<Finding> {
        let limit = account.concurrency?.limit;
        let left = self.unreserved(account)?;
        let needed = total(scale_outs, |it| !self.wanted.contains_key(it));
        (left < needed).then(|| {
            Finding::new(
                Kind::ConcurrencySmall,
                format!(
                    "{left} invocations of Lambda functions without a reserved concurrency may run at once, of {limit} in \
                     the account. If the groups grow to their maximum sizes at once, their launches need {needed}."
                ),
            )
            .at(QUOTA)
            .say(format!("{MORE} for other functions."))
        })
    }
}

/// What all scale-outs together need of some functions.
fn total(scale_outs: &[Concurrency], mut counts: impl FnMut(&str) -> bool) -> u64 {
    let needed = scale_outs.iter().map(|it| it.needed_by(&mut counts));
    let needed = needed.fold(0, usize::saturating_add);
    u64::try_from(needed).unwrap_or(u64::MAX)
}
