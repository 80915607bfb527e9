//! Request rates of the account beside those that the profiles rest on. EC2's are not told by any
//! call.

use hookline_domain::admission::bound::{Calls, bound_seconds, least_seconds};

use super::parts::growth;
use crate::judge::{Finding, Kind};
use crate::observed::account::Account;

/// Quotas that were asked for and that AWS did not tell. One that could not be asked for is a
/// finding.
pub(super) fn notes(account: &Account) -> Vec<String> {
    let was_asked = |actions: &[&str]| {
        let mut could_not = account.could_not_look.iter();
        !could_not.any(|it| actions.contains(&it.action.as_str()))
    };
    let notes = [
        (
            account.interface_quota.is_none(),
            &[
                "servicequotas:GetServiceQuota",
                "servicequotas:GetAWSDefaultServiceQuota",
            ][..],
            "Service Quotas tells no value of \"Network interfaces per Region\" of Amazon VPC: whether the groups have room to \
             grow under it is not checked.",
        ),
        (
            account.start_execution.is_none(),
            &["servicequotas:ListServiceQuotas"][..],
            "Service Quotas does not tell \"StartExecution throttle token bucket size\" and \"… refill rate per second\" of AWS \
             Step Functions by these names: whether executions start as fast as EC2 has nodes ready is not checked.",
        ),
        (
            account.concurrency.is_none(),
            &["lambda:GetAccountSettings"][..],
            "Lambda does not tell how many invocations may run at once in the account: that is not held against what launches \
             need.",
        ),
    ];
    notes
        .into_iter()
        .filter(|(is_unknown, actions, _)| *is_unknown && was_asked(actions))
        .map(|(.., text)| text.to_owned())
        .collect()
}

/// Executions that start later than EC2, at the profiles' rates, has nodes ready.
pub(super) fn findings(account: &Account) -> Option<Finding> {
    let bucket = account.start_execution?;
    let profiles = account.profiles.iter().map(|input| &input.profile);
    let (mut nodes, mut of_ec2) = (0, 0.0);
    for profile in profiles {
        let count = usize::try_from(growth(account, profile)).ok()?;
        nodes += count;
        // The profiles share EC2's buckets.
        of_ec2 += bound_seconds(profile, count);
    }
    let seconds = least_seconds([Calls {
        capacity: bucket.capacity.into(),
        refill_per_second: bucket.refill_per_second.max(1).into(),
        calls: nodes,
    }]);
    // Where EC2 limits nothing, nothing is to be held against it.
    (of_ec2 > 0.0 && seconds > of_ec2).then(|| {
        Finding::new(
            Kind::QuotaSmall,
            format!(
                "Step Functions starts {} executions at once in this account, and {} more each second. If the groups grow to their \
                 maximum sizes at once, the last of {nodes} launches starts after {seconds:.0} s; at the profiles' requestRates, EC2 \
                 needs {of_ec2:.0} s for all nodes.",
                bucket.capacity, bucket.refill_per_second
            ),
        )
        .at("the quotas \"StartExecution throttle token bucket size\" and \"… refill rate per second\" of AWS Step Functions")
        .shown_by("EventBridge tries again meanwhile, so no launch is lost; but Step Functions decides how fast nodes come, and not EC2.")
        .say("Ask AWS for more in Service Quotas, or lower the maximum sizes.")
        .say("If requestRates of a profile says more than your account has, correct it (docs/profile.md, \"Request rates\").")
    })
}
