//! The turn of a launch to be tagged, where many begin at once.

use std::time::Duration;

use hookline_domain::admission::seconds_until_tag_turn;
use hookline_domain::error::Result;
use hookline_domain::event::Launch;
use hookline_domain::execution::TagNodeRequest;
use hookline_domain::instance::Instance;
use hookline_domain::profile::Profile;

use super::Context;

/// How old a listing may be that tells a turn: the times of launches do not change.
const MAX_LISTING_AGE: Duration = Duration::from_secs(60);
/// How old a listing may be that shows the instance as it is now.
const MAX_AGE_OF_AN_INSTANCE: Duration = Duration::from_secs(5);

/// Whether a launch is tagged now.
pub(super) enum Turn {
    /// Not now: in so many seconds.
    Later(u32),
    /// Now. The instance, if a new listing shows it.
    Now(Option<Box<Instance>>),
}

/// Whether this attempt may answer that the launch waits. A definition of release 0.1 cannot wait, and
/// does not say how often it tried.
pub(super) fn may_wait(request: &TagNodeRequest) -> bool {
    request.tried.is_some() && request.input.wait_seconds.is_none()
}

/// The turn of `launch`. One launch by itself, or one of a few, takes no call here. Instances that pass a
/// warm pool, and nodes that are adopted, come at the pace of whoever starts them.
pub(super) async fn turn(
    context: &Context,
    launch: &Launch,
    profile: &Profile,
    tried: Option<u64>,
) -> Result<Turn> {
    let aws = &context.aws;
    let alone = !aws.looked_up_another_lately(&launch.instance_id).await;
    if alone || launch.action.is_none() || launch.passes_warm_pool() {
        return Ok(Turn::Now(None));
    }
    let (id, selector) = (&launch.instance_id, &profile.selector);
    let (age, instances) = match aws.instances_seen(selector, MAX_LISTING_AGE, id).await {
        Some(seen) => seen,
        None => {
            // Only its tags tell whether a listing can have it.
            if selector.is_by_tag() {
                let me = aws.throttled_once().launching_instance(launch).await?;
                if !selector.covers(&launch.group, &me.tags) {
                    return Ok(Turn::Now(Some(Box::new(me))));
                }
            }
            (Duration::ZERO, aws.instances_of(selector).await?)
        }
    };
    let Some(me) = instances.iter().find(|listed| listed.id == *id) else {
        return Ok(Turn::Now(None));
    };
    let others = instances.iter().map(Instance::order);
    Ok(
        match seconds_until_tag_turn(profile, &me.order(), others, context.now) {
            // A state that is tried again may wait for what the listing did not show.
            0 if age > Duration::ZERO && tried != Some(0) => Turn::Now(None),
            0 => Turn::Now((age <= MAX_AGE_OF_AN_INSTANCE).then(|| Box::new(me.clone()))),
            seconds => Turn::Later(seconds),
        },
    )
}
