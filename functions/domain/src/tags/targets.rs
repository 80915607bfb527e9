//! What of an instance gets tags: the instance, its volumes and its interfaces, as EC2 describes
//! them.

use std::collections::BTreeMap;

use super::calls::{Target, check_tag_quota};
use super::own::{self, Tags};
use super::rules::{RenderedTags, TagRules};
use crate::error::{Error, Result};
use crate::instance::Instance;

/// The ids of an instance's volumes and interfaces that `rules` have tags for.
#[must_use]
pub fn devices(instance: &Instance, rules: &TagRules<'_>) -> Vec<String> {
    let volumes = instance.volumes.iter().map(ToString::to_string);
    let interfaces = instance.interfaces.iter().map(ToString::to_string);
    volumes
        .filter(|_| !rules.volumes.is_empty())
        .chain(interfaces.filter(|_| !rules.interfaces.is_empty()))
        .collect()
}

/// What is to have tags of an instance as EC2 describes it. The interfaces of slots have tags of
/// their own.
#[must_use]
pub fn targets(
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

/// Adds [`own::LAUNCHED_AT`] to the tags of the instance, which is the first of `targets`: the
/// other launches then count this one as in flight. An instance that has no room for one more tag
/// stays without. That can cost an address conflict, which a new plan mends.
pub fn mark_launch(targets: &mut [Target], began_at: i64) {
    let Some(instance) = targets.first_mut() else {
        return;
    };
    let mut marked = instance.clone();
    let (key, value) = (own::LAUNCHED_AT.to_owned(), began_at.to_string());
    marked.wanted.insert(key, value);
    if check_tag_quota(std::slice::from_ref(&marked)).is_ok() {
        *instance = marked;
    }
}

/// Whether EC2 shows all that is to have tags: a launch shows its volumes some seconds late.
///
/// # Errors
/// [`Error::DevicesNotShownYet`]
pub fn check_devices_shown(instance: &Instance, wanted: &RenderedTags) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::instance;
    use crate::tags::rules::ExistingTags;

    fn tags(key: &str, value: &str) -> Tags {
        Tags::from([(key.to_owned(), value.to_owned())])
    }

    fn rules<'a>(volumes: &'a Tags, interfaces: &'a Tags) -> TagRules<'a> {
        static NONE: Tags = Tags::new();
        TagRules {
            name_preset: None,
            node: &NONE,
            volumes,
            interfaces,
            existing: ExistingTags::Replace,
        }
    }

    fn with_devices() -> Instance {
        Instance {
            volumes: vec!["vol-00000001".parse().unwrap()],
            interfaces: vec![
                "eni-00000001".parse().unwrap(),
                "eni-00000002".parse().unwrap(),
            ],
            ..instance()
        }
    }

    #[test]
    fn devices_without_rules_are_not_looked_up() {
        let (some, none) = (tags("k", "v"), Tags::new());
        let instance = with_devices();
        assert_eq!(devices(&instance, &rules(&none, &none)).len(), 0);
        assert_eq!(devices(&instance, &rules(&some, &none)), ["vol-00000001"]);
        assert_eq!(devices(&instance, &rules(&some, &some)).len(), 3);
    }

    #[test]
    fn interface_of_a_slot_keeps_its_own_tags() {
        let (none, wanted) = (Tags::new(), tags("k", "v"));
        let rendered = RenderedTags {
            interfaces: wanted.clone(),
            ..RenderedTags::default()
        };
        let listed = BTreeMap::from([
            ("eni-00000001".to_owned(), Tags::new()),
            ("eni-00000002".to_owned(), tags(own::INSTANCE_ID, "i-1")),
        ]);
        let instance = with_devices();
        let found = targets(&instance, &listed, &rules(&none, &wanted), &rendered);
        let ids: Vec<_> = found
            .iter()
            .map(|target| target.resource.as_str())
            .collect();
        assert_eq!(ids, [instance.id.as_str(), "eni-00000001"]);
    }

    #[test]
    fn mark_of_a_launch_is_on_the_instance_only() {
        let (some, none) = (tags("k", "v"), Tags::new());
        let rendered = RenderedTags {
            node: some.clone(),
            volumes: some.clone(),
            ..RenderedTags::default()
        };
        let listed = BTreeMap::from([("vol-00000001".to_owned(), Tags::new())]);
        let rules = rules(&some, &none);
        let mut found = targets(&with_devices(), &listed, &rules, &rendered);
        mark_launch(&mut found, 1_000);
        assert_eq!(found[0].wanted[own::LAUNCHED_AT], "1000");
        assert_eq!(found[0].wanted["k"], "v");
        assert_eq!(found[1].wanted, some);
        mark_launch(&mut [], 1_000);
    }

    #[test]
    fn instance_without_room_for_the_mark_keeps_its_other_tags() {
        let full: Tags = (0..50).map(|n| (format!("k{n}"), "v".to_owned())).collect();
        let target = |current: &Tags| Target {
            resource: "i-1".to_owned(),
            current: current.clone(),
            wanted: tags("k0", "other"),
        };
        let mut found = [target(&full)];
        mark_launch(&mut found, 1_000);
        assert_eq!(found, [target(&full)]);
        // A mark of an earlier launch takes no more room.
        let mut marked = full.clone();
        marked.remove("k49");
        marked.insert(own::LAUNCHED_AT.to_owned(), "1".to_owned());
        let mut found = [target(&marked)];
        mark_launch(&mut found, 1_000);
        assert_eq!(found[0].wanted[own::LAUNCHED_AT], "1000");
    }

    #[test]
    fn missing_device_is_an_error_only_if_it_gets_tags() {
        let volumes = RenderedTags {
            volumes: tags("k", "v"),
            ..RenderedTags::default()
        };
        let interfaces = RenderedTags {
            interfaces: tags("k", "v"),
            ..RenderedTags::default()
        };
        let bare = Instance {
            root_volume_missing: true,
            ..instance()
        };
        for (wanted, what) in [(&volumes, "the root volume"), (&interfaces, "an interface")] {
            let error = check_devices_shown(&bare, wanted).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
        }
        assert_eq!(check_devices_shown(&bare, &RenderedTags::default()), Ok(()));
        assert_eq!(check_devices_shown(&with_devices(), &interfaces), Ok(()));
    }
}
