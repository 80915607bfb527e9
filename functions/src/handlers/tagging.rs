//! Tags of instances, their volumes and their interfaces: what is looked up for them, and the calls that put them.

use std::collections::BTreeMap;

use crate::aws::Aws;
use hookline_domain::error::{Error, Result};
use hookline_domain::ids::InstanceId;
use hookline_domain::instance::Instance;
use hookline_domain::tags::calls::{Call, SharedCall, Target, share_calls};
use hookline_domain::tags::own;
use hookline_domain::tags::{RenderedTags, TagRules, Tags};

/// The ids of an instance's volumes and interfaces that `rules` have tags for.
pub(super) fn devices(instance: &Instance, rules: &TagRules<'_>) -> Vec<String> {
    let volumes = instance.volumes.iter().map(ToString::to_string);
    let interfaces = instance.interfaces.iter().map(ToString::to_string);
    volumes
        .filter(|_| !rules.volumes.is_empty())
        .chain(interfaces.filter(|_| !rules.interfaces.is_empty()))
        .collect()
}

/// The tags of devices, with one call, or none when there are no devices.
pub(super) async fn device_tags(aws: &Aws, devices: &[String]) -> Result<BTreeMap<String, Tags>> {
    if devices.is_empty() {
        return Ok(BTreeMap::new());
    }
    aws.tags_of(devices).await
}

/// What is to have tags of an instance as EC2 describes it. The interfaces of slots have tags of their own.
pub(super) fn targets(
    instance: &Instance,
    device_tags: &BTreeMap<String, Tags>,
    rules: &TagRules<'_>,
    wanted: &RenderedTags,
) -> Vec<Target> {
    let device = |id: String, wanted: &Tags| {
        let current = device_tags.get(&id)?.clone();
        Some(rules.target(&id, current, wanted))
    };
    let volumes = instance
        .volumes
        .iter()
        .filter_map(|id| device(id.to_string(), &wanted.volumes));
    let interfaces = instance
        .interfaces
        .iter()
        .filter_map(|id| device(id.to_string(), &wanted.interfaces))
        .filter(|target| !target.current.contains_key(own::INSTANCE_ID));
    std::iter::once(rules.target(instance.id.as_str(), instance.tags.clone(), &wanted.node))
        .chain(volumes)
        .chain(interfaces)
        .collect()
}

/// Whether EC2 shows all that is to have tags: a launch shows its volumes some seconds late.
///
/// # Errors
/// [`Error::DevicesNotShownYet`]
pub(super) fn check_devices_shown(instance: &Instance, wanted: &RenderedTags) -> Result<()> {
    let what = if !wanted.volumes.is_empty() && instance.root_volume_missing {
        "the root volume"
    } else if !wanted.interfaces.is_empty() && instance.interfaces.is_empty() {
        "an interface"
    } else {
        return Ok(());
    };
    Err(Error::DevicesNotShownYet {
        instance: instance.id.clone(),
        what: what.to_owned(),
    })
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
