//! Tags of instances, their volumes and their interfaces: DescribeTags and CreateTags for several
//! instances.

use std::collections::BTreeMap;

use crate::aws::Aws;
use hookline_domain::error::{Error, Result};
use hookline_domain::ids::InstanceId;
use hookline_domain::tags::Tags;
use hookline_domain::tags::calls::{Call, SharedCall, share_calls};

/// The tags of volumes and interfaces, with one call, or none if there are no ids.
pub(super) async fn device_tags(aws: &Aws, devices: &[String]) -> Result<BTreeMap<String, Tags>> {
    if devices.is_empty() {
        return Ok(BTreeMap::new());
    }
    aws.tags_of(devices).await
}

/// Makes the calls of several instances; `calls` has one list for each. A failure of one instance
/// does not stop the others. Throttling does: EC2 would refuse the other calls as well.
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
                // EC2 refuses the call for one of the instances. Calls for each instance alone show
                // which.
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
