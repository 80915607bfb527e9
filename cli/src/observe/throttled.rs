//! Makes the call for how many calls of the deployment AWS throttled.

use std::collections::BTreeSet;
use std::time::Duration;

use hookline_functions::metrics::Subject;
use tokio::time::timeout;

use super::now;
use crate::aws::Aws;
use crate::observed::deployment::Deployment;
use crate::observed::throttled::{Look, Throttled};

/// How long CloudWatch may take. What else a look shows does not wait for longer.
const WITHIN: Duration = Duration::from_secs(3);

/// Looks at the calls that were throttled in the last so many seconds. One call for up to 499
/// profiles, which does not count among those of `aws`.
pub(crate) async fn throttled(aws: &Aws, deployment: &Deployment, seconds: i64) -> Look {
    let profiles = deployment.profiles.iter();
    let names: BTreeSet<&str> = profiles.map(|it| it.profile.name.as_str()).collect();
    let of_profiles = names.iter().map(|name| Subject::profile(name));
    let subjects: Vec<Subject> = of_profiles.chain([Subject::All]).collect();
    let at = now();
    let aws = aws.counting_anew();
    let name = deployment.name(&[]);
    let call = aws.throttled_calls(&name, &subjects, at - seconds, at);
    let numbers = match timeout(WITHIN, call).await {
        Ok(Ok(numbers)) => numbers,
        Ok(Err(error)) => return Err(format!("{error}. {}", error.remedy())),
        Err(_) => {
            return Err(format!(
                "CloudWatch has not answered within {} s.",
                WITHIN.as_secs()
            ));
        }
    };
    let with_number = names.into_iter().zip(&numbers);
    let some = with_number.filter(|(_, number)| **number > 0);
    Ok(Throttled {
        at,
        seconds,
        calls: numbers.iter().sum(),
        of_profiles: some
            .map(|(name, number)| (name.to_owned(), *number))
            .collect(),
        of_reconcile_and_adopt: numbers.last().copied().unwrap_or_default(),
    })
}
