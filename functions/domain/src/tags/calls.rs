//! The fewest CreateTags calls after which all tags are right.
//!
//! CreateTags puts the same tags on each of its resources. Writing a tag that is already right does
//! no harm. So one call can serve resources that lack different tags, if all of them should have
//! all its tags. An instance mostly has three kinds of resources (itself, its volumes, its
//! interfaces), so a search over all combinations is cheap.

use std::collections::{BTreeMap, BTreeSet};

use super::own::Tags;
use crate::quotas::MAX_TAGS;

/// With more kinds of resources there is no search: each kind has a call of its own. This happens
/// only if volumes or interfaces of one instance have different tags already.
const MAX_KINDS: usize = 4;

/// A resource that gets tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `i-…`, `vol-…`, `eni-…`
    pub resource: String,
    /// The tags that it has.
    pub current: Tags,
    /// The tags that it should have.
    pub wanted: Tags,
}

/// One CreateTags call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// CreateTags `ResourceId`.
    pub resources: Vec<String>,
    /// CreateTags `Tag`.
    pub tags: Tags,
}

/// Resources that lack the same tags and should have the same tags.
struct Kind<'a> {
    resources: Vec<&'a str>,
    wanted: &'a Tags,
    missing: Tags,
}

fn kinds(targets: &[Target]) -> Vec<Kind<'_>> {
    let mut kinds: Vec<Kind<'_>> = Vec::new();
    for target in targets {
        let mut missing = target.wanted.clone();
        missing.retain(|key, value| target.current.get(key) != Some(value));
        if missing.is_empty() {
            continue;
        }
        match kinds
            .iter_mut()
            .find(|kind| kind.missing == missing && *kind.wanted == target.wanted)
        {
            Some(kind) => kind.resources.push(&target.resource),
            None => kinds.push(Kind {
                resources: vec![&target.resource],
                wanted: &target.wanted,
                missing,
            }),
        }
    }
    kinds
}

/// The fewest calls after which every target has its tags; among equals, those that write the
/// fewest tags. None if all tags are right.
#[must_use]
pub fn minimal_calls(targets: &[Target]) -> Vec<Call> {
    let kinds = kinds(targets);
    let one_each = || kinds.iter().map(|kind| merged_call(&[kind])).collect();
    if kinds.len() > MAX_KINDS {
        return one_each();
    }
    // Every group of kinds, with all tags that one call may write to all of them.
    let groups: Vec<Vec<&Kind<'_>>> = (1_u32..1 << kinds.len())
        .map(|set| {
            let in_it = |n: &usize| set & (1 << n) != 0;
            (0..kinds.len())
                .filter(in_it)
                .filter_map(|n| kinds.get(n))
                .collect()
        })
        .collect();
    let groups: Vec<(Vec<&Kind<'_>>, Call)> = groups
        .into_iter()
        .map(|group| {
            let call = merged_call(&group);
            (group, call)
        })
        .collect();
    for count in 0..kinds.len() {
        let serving = combinations(groups.len(), count)
            .into_iter()
            .map(|choice| {
                choice
                    .into_iter()
                    .filter_map(|n| groups.get(n))
                    .collect::<Vec<_>>()
            })
            .filter(|choice| kinds.iter().all(|kind| is_served(kind, choice)))
            .min_by_key(|choice| {
                choice
                    .iter()
                    .map(|(_, call)| call.tags.len() * call.resources.len())
                    .sum::<usize>()
            });
        if let Some(choice) = serving {
            return choice.into_iter().map(|(_, call)| call.clone()).collect();
        }
    }
    one_each()
}

/// One call for several kinds: the tags that any of them lacks and all of them should have.
fn merged_call(group: &[&Kind<'_>]) -> Call {
    let mut tags: Tags = group.iter().flat_map(|kind| kind.missing.clone()).collect();
    tags.retain(|key, value| group.iter().all(|kind| kind.wanted.get(key) == Some(value)));
    Call {
        resources: group
            .iter()
            .flat_map(|kind| kind.resources.iter().map(|id| (*id).to_owned()))
            .collect(),
        tags,
    }
}

fn is_served(kind: &Kind<'_>, calls: &[&(Vec<&Kind<'_>>, Call)]) -> bool {
    kind.missing.iter().all(|(key, value)| {
        calls.iter().any(|(group, call)| {
            group.iter().any(|served| std::ptr::eq(*served, kind))
                && call.tags.get(key) == Some(value)
        })
    })
}

/// Every way to choose `count` of the first `of` numbers.
fn combinations(of: usize, count: usize) -> Vec<Vec<usize>> {
    let mut found = vec![Vec::new()];
    for _ in 0..count {
        found = found
            .into_iter()
            .flat_map(|choice: Vec<usize>| {
                let next = choice.last().map_or(0, |last| last + 1);
                (next..of).map(move |n| [choice.as_slice(), &[n]].concat())
            })
            .collect();
    }
    found
}

/// A call that may serve several instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedCall {
    /// The call.
    pub call: Call,
    /// The resources of each instance, by the instance's number.
    pub parts: BTreeMap<usize, Vec<String>>,
}

/// The most resources of one CreateTags call (EC2 API Reference, CreateTags).
const MAX_RESOURCES: usize = 1000;

/// Merges calls of several instances that write the same tags. `by_instance` has one list for each
/// instance.
#[must_use]
pub fn share_calls(by_instance: &[Vec<Call>]) -> Vec<SharedCall> {
    let mut all: Vec<SharedCall> = Vec::new();
    for (instance, calls) in by_instance.iter().enumerate() {
        for call in calls {
            let same = all.iter_mut().find(|shared| {
                shared.call.tags == call.tags
                    && shared.call.resources.len() + call.resources.len() <= MAX_RESOURCES
            });
            match same {
                Some(shared) => {
                    shared.call.resources.extend(call.resources.iter().cloned());
                    let part = shared.parts.entry(instance).or_default();
                    part.extend(call.resources.iter().cloned());
                }
                None => all.push(SharedCall {
                    call: call.clone(),
                    parts: BTreeMap::from([(instance, call.resources.clone())]),
                }),
            }
        }
    }
    all
}

/// Checks that each resource has room for its tags. Tags of AWS do not count (EC2 User Guide, "Tag
/// restrictions").
///
/// # Errors
/// The problem, in words.
pub fn check_tag_quota(targets: &[Target]) -> Result<(), String> {
    for target in targets {
        let keys: BTreeSet<&String> = target
            .current
            .keys()
            .filter(|key| !key.starts_with("aws:"))
            .chain(target.wanted.keys())
            .collect();
        if keys.len() > MAX_TAGS {
            return Err(format!(
                "{} would have {} tags, at most {MAX_TAGS}",
                target.resource,
                keys.len()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tags(text: &str) -> Tags {
        text.split_whitespace()
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap();
                (key.to_owned(), value.to_owned())
            })
            .collect()
    }

    fn target(resource: &str, current: &str, wanted: &str) -> Target {
        Target {
            resource: resource.to_owned(),
            current: tags(current),
            wanted: tags(wanted),
        }
    }

    fn call(resources: &[&str], written: &str) -> Call {
        Call {
            resources: resources.iter().map(|id| (*id).to_owned()).collect(),
            tags: tags(written),
        }
    }

    #[test]
    fn no_call_is_made_if_all_tags_are_right() {
        let targets = [
            target("i-1", "Name=a Env=x", "Name=a"),
            target("vol-1", "", ""),
        ];
        assert_eq!(minimal_calls(&targets), []);
        assert_eq!(minimal_calls(&[]), []);
    }

    #[test]
    fn different_name_is_replaced_by_one_call() {
        let targets = [target("i-1", "Name=old Env=x", "Name=new Env=x")];
        assert_eq!(minimal_calls(&targets), [call(&["i-1"], "Name=new")]);
    }

    #[test]
    fn same_tags_of_instance_volumes_and_interfaces_are_one_call() {
        let targets = [
            target("i-1", "", "Name=a Team=core"),
            target("vol-1", "", "Name=a Team=core"),
            target("vol-2", "Team=core", "Name=a Team=core"),
            target("eni-1", "Name=b", "Name=a Team=core"),
        ];
        let calls = minimal_calls(&targets);
        assert_eq!(calls.len(), 1, "{calls:?}");
        assert_eq!(calls[0].tags, tags("Name=a Team=core"));
        assert_eq!(calls[0].resources.len(), 4);
    }

    #[test]
    fn tag_of_some_resources_only_takes_a_second_call() {
        let targets = [
            target("i-1", "", "Name=a Team=core"),
            target("vol-1", "", "Team=core"),
            target("eni-1", "", "Name=a"),
        ];
        assert_eq!(minimal_calls(&targets).len(), 2);
        let targets = [
            target("i-1", "", "Name=a Team=core"),
            target("vol-1", "", "Name=b Team=core"),
        ];
        assert_eq!(minimal_calls(&targets).len(), 2);
    }

    #[test]
    fn instances_with_the_same_tags_share_a_call() {
        let one = |id: &str, name: &str| {
            vec![
                call(&[id], "Team=core"),
                call(&[id], &format!("Name={name}")),
            ]
        };
        let found = share_calls(&[one("i-1", "a"), Vec::new(), one("i-3", "c")]);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].call, call(&["i-1", "i-3"], "Team=core"));
        assert_eq!(found[0].parts[&2], ["i-3"]);
    }

    #[test]
    fn resource_with_more_than_50_tags_is_refused_before_the_call() {
        let many = |n: usize| {
            (0..n)
                .map(|n| format!("k{n}=v"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let with =
            |n: usize, wanted: &str| [target("i-1", &format!("{} aws:x=y", many(n)), wanted)];
        assert_eq!(check_tag_quota(&with(49, "Name=a")), Ok(()));
        assert_eq!(check_tag_quota(&with(50, "k3=other")), Ok(()));
        assert_eq!(
            check_tag_quota(&with(50, "Name=a")).unwrap_err(),
            "i-1 would have 51 tags, at most 50"
        );
    }

    #[test]
    fn resources_of_one_kind_lack_and_should_have_the_same_tags() {
        let targets = [
            target("i-1", "", "Name=a"),
            target("i-2", "Env=x", "Name=a"),
            // The same tags are missing, of others.
            target("i-3", "Env=x", "Name=a Env=x"),
            // Others are missing, of the same.
            target("i-4", "", "Name=a Env=x"),
            target("i-5", "Name=a", "Name=a"),
        ];
        let kinds = kinds(&targets);
        let resources: Vec<_> = kinds.iter().map(|kind| kind.resources.as_slice()).collect();
        assert_eq!(resources, [&["i-1", "i-2"][..], &["i-3"], &["i-4"]]);
    }

    #[test]
    fn more_kinds_of_resources_than_four_have_a_call_each() {
        let wanted = "A=a B=b C=c D=d E=e";
        let all: Vec<_> = (0..5)
            .map(|n| {
                let mut target = target(&format!("vol-{n}"), wanted, wanted);
                let lacks = target.current.keys().nth(n).cloned().unwrap();
                target.current.remove(&lacks);
                target
            })
            .collect();
        assert_eq!(minimal_calls(&all[..4]).len(), 1);
        assert_eq!(minimal_calls(&all).len(), 5);
    }

    #[test]
    fn fewest_tags_are_written_among_as_few_calls() {
        // The volume could go with either of the others. Its call with i-1 writes three tags to
        // both, its call with eni-1 only two.
        let targets = [
            target("eni-1", "", "A=a C=c"),
            target("i-1", "", "B=b C=c D=d"),
            target("vol-1", "A=a B=b D=d", "A=a B=b C=c D=d"),
        ];
        let mut calls = minimal_calls(&targets);
        calls.sort();
        assert_eq!(
            calls,
            [
                call(&["eni-1", "vol-1"], "A=a C=c"),
                call(&["i-1"], "B=b C=c D=d"),
            ]
        );
    }

    #[test]
    fn combinations_choose_each_number_once() {
        assert_eq!(combinations(3, 0), [Vec::<usize>::new()]);
        assert_eq!(combinations(3, 2), [[0, 1], [0, 2], [1, 2]]);
        assert_eq!(combinations(2, 3), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn shared_call_has_at_most_1000_resources() {
        let calls_for = |first: usize| {
            let ids: Vec<String> = (0..first).map(|n| format!("eni-{n}")).collect();
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let one = vec![call(&ids, "Team=core")];
            share_calls(&[one, vec![call(&["i-1"], "Team=core")]]).len()
        };
        assert_eq!(calls_for(999), 1);
        assert_eq!(calls_for(1000), 2);
    }

    fn some_tags() -> impl Strategy<Value = Tags> {
        prop::collection::btree_map("[ABC]", "[xy]", 0..3)
    }

    /// Whether `calls` calls can be enough. A call is a set of resources and every tag that all of
    /// them should have.
    fn can_do(targets: &[Target], calls: usize) -> bool {
        let sets: Vec<u32> = (1..1 << targets.len()).collect();
        combinations(sets.len(), calls).iter().any(|choice| {
            targets.iter().enumerate().all(|(n, target)| {
                target.wanted.iter().all(|(key, value)| {
                    target.current.get(key) == Some(value)
                        || choice.iter().any(|set| {
                            let set = sets[*set];
                            let all_want = targets.iter().enumerate().all(|(m, other)| {
                                set & (1 << m) == 0 || other.wanted.get(key) == Some(value)
                            });
                            set & (1 << n) != 0 && all_want
                        })
                })
            })
        })
    }

    proptest! {
        /// Compares with a plain search: all tags are right afterwards, nothing else was written,
        /// and fewer calls are not enough.
        #[test]
        fn calls_set_all_tags_and_fewer_calls_cannot(
            parts in prop::collection::vec((some_tags(), some_tags()), 0..5)
        ) {
            let targets: Vec<Target> = parts
                .into_iter()
                .enumerate()
                .map(|(n, (current, wanted))| Target { resource: format!("r{n}"), current, wanted })
                .collect();
            let calls = minimal_calls(&targets);
            for target in &targets {
                let mut after = target.current.clone();
                for call in calls.iter().filter(|call| call.resources.contains(&target.resource)) {
                    for (key, value) in &call.tags {
                        prop_assert_eq!(target.wanted.get(key), Some(value), "{:?}", calls);
                    }
                    after.extend(call.tags.clone());
                }
                for (key, value) in &target.wanted {
                    prop_assert_eq!(after.get(key), Some(value), "{:?}", calls);
                }
            }
            if !calls.is_empty() {
                prop_assert!(!can_do(&targets, calls.len() - 1), "{:?}", calls);
            }
        }
    }
}
