//! Tags of instances, their volumes and their interfaces: what is looked up for them, and the calls that put them.

use std::collections::BTreeMap;

use crate::aws::Aws;
use hookline_domain::error::{Error, Result};
use hookline_domain::ids::InstanceId;
use hookline_domain::tags::Tags;
use hookline_domain::tags::calls::{Call, SharedCall, share_calls};

/// The tags of devices, with one call, or none when there are no devices.
pub(super) async fn device_tags(aws: &Aws, devices: &[String]) -> Result<BTreeMap<String, Tags>> {
    if devices.is_empty() {
        return Ok(BTreeMap::new());
    }
    aws.tags_of(devices).await
}

/// Makes the calls of several instances, one list for each. What fails for one is no reason not to make those of the others;
/// throttling is: the rest would only be refused as well.
pub(super) async fn create_tags(
    aws: &Aws,
    instances: &[InstanceId],
    calls: &[Vec<Call>],
) -> Vec<Result<()>> {
    let mut results: Vec<Result<()>> = vec![Ok(()); instances.len()];
    let mut throttled: Option<Error> = None;
    for SharedCall { call, parts } in share_calls(calls) {
        let all = parts.keys().next().and_then(|n| instances.get(*n));
        if let (Some(first), None, true) = (all, &throttled, parts.len() > 1) {
            match aws.create_tags(first, &call.resources, &call.tags).await {
                Ok(()) => continue,
                Err(error @ Error::Throttled { .. }) => throttled = Some(error),
                // One of them is not there, or may not be touched: which one shows when each is tried alone.
                Err(_) => {}
            }
        }
        for (n, resources) in parts {
            let Some(id) = instances.get(n) else {
                continue;
            };
            let made = match &throttled {
                Some(error) => Err(error.clone()),
                None => aws.create_tags(id, &resources, &call.tags).await,
            };
            if let Err(error) = made {
                if matches!(error, Error::Throttled { .. }) {
                    throttled = Some(error.clone());
                }
                if let Some(result @ Ok(())) = results.get_mut(n) {
                    *result = Err(error);
                }
            }
        }
    }
    results
}
