//! The turn of a launch to be tagged, where many begin at once: `TagNode` lets it wait in
//! `WaitForTagTurn`.

use hookline_domain::admission::seconds_until_tag_turn;
use hookline_domain::instance::Instance;
use hookline_domain::profile::Profile;

use crate::observe::GROUP_TAG;
use crate::observed::fleet::Fleet;
use crate::observed::group::Member;

/// How long it is at this time until a launch has its turn to be tagged, and how many launches that
/// are not tagged come before it. `None` for one that has its tags, or has a turn that is over. A
/// launch that passes a warm pool, or is adopted, has none.
pub(super) fn wait(
    fleet: &Fleet,
    profile: &Profile,
    member: &Member,
    at: i64,
) -> Option<(u32, usize)> {
    let me = &fleet.instances.get(&member.instance)?.instance;
    // One that leaves a pool has the tags of its launch into it.
    let passes_pool = member.lifecycle_state.starts_with("Warmed:");
    if me.is_marked() || me.adopted_at.is_some() || passes_pool {
        return None;
    }
    let order = me.order();
    let covered: Vec<&Instance> = of_profile(fleet, profile).collect();
    let others = covered.iter().map(|it| it.order());
    let seconds = seconds_until_tag_turn(profile, &order, others, at);
    let ahead = covered
        .iter()
        .filter(|it| !it.is_marked() && it.order() < order)
        .count();
    (seconds > 0).then_some((seconds, ahead))
}

/// The instances that a profile covers, by their tags: as the functions list them.
pub(super) fn of_profile<'a>(
    fleet: &'a Fleet,
    profile: &'a Profile,
) -> impl Iterator<Item = &'a Instance> {
    let instances = fleet.instances.values().map(|seen| &seen.instance);
    instances.filter(|it| {
        let group = it.tags.get(GROUP_TAG).map_or("", String::as_str);
        profile.selector.covers(group, &it.tags)
    })
}
