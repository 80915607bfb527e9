use std::fs;
use std::path::Path;

use super::*;

/// The fixtures that all checks of profiles share (functions/fixtures/profiles/README.md).
fn fixtures(kind: ProfileKind, verdict: &str) -> Vec<(String, Value)> {
    let folder = match kind {
        ProfileKind::Launch => "profiles",
        ProfileKind::Naming => "naming-profiles",
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../functions/fixtures")
        .join(folder)
        .join(verdict);
    let files = fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        (path.display().to_string(), value)
    });
    files.collect()
}

const KINDS: [ProfileKind; 2] = [ProfileKind::Launch, ProfileKind::Naming];

#[test]
fn right_profile_has_no_problem() {
    for kind in KINDS {
        let fixtures = fixtures(kind, "valid");
        assert!(!fixtures.is_empty());
        for (name, profile) in fixtures {
            assert_eq!(of(kind, &profile).unwrap(), [], "{name}");
        }
    }
}

#[test]
fn profile_with_one_mistake_has_one_problem() {
    let mut wrong = Vec::new();
    for kind in KINDS {
        let fixtures = fixtures(kind, "invalid");
        assert!(!fixtures.is_empty());
        for (name, fixture) in fixtures {
            let field = fixture["field"].as_str().unwrap();
            let field = match (field.is_empty(), field.starts_with('[')) {
                (true, _) => "profile".to_owned(),
                (false, true) => format!("profile{field}"),
                (false, false) => format!("profile.{field}"),
            };
            let found = of(kind, &fixture["profile"]).unwrap();
            if found.len() != 1 || found[0].field != field || found[0].remedy.is_empty() {
                wrong.push(format!("{name}: wanted {field}, found {found:#?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn slot(network: &str, index: Value) -> Value {
    json!({
        "network": network,
        "deviceIndex": index,
        "subnetIds": ["subnet-0000000000000001a"],
        "securityGroupIds": ["sg-0000000000000001a"],
    })
}

#[test]
fn every_mistake_of_a_profile_is_found() {
    let mut prefixes = slot("c", json!(3));
    prefixes["prefixes"] = json!(1);
    prefixes["secondaryPrivateAddresses"] = json!(1);
    let mut range = slot("d", json!(4));
    range["excludedRanges"] = json!(["10.0.0.9-10.0.0.1"]);
    let profile = json!({
        "name": "",
        "selector": {"autoScalingGroupNames": []},
        "hook": {"name": "h", "colour": "red"},
        "nodeTags": {"A": "{{ az", "aws:b": "x", "C": "{{ nothing }}", "D": "{{ az }}"},
        "volumeTags": {"E": "{% if %}"},
        "slots": [slot("a", json!("one")), slot("b", json!(0)), prefixes, range, {"network": "e"}],
    });
    let found = of(ProfileKind::Launch, &profile).unwrap();
    let mut fields: Vec<_> = found.iter().map(|problem| problem.field.as_str()).collect();
    fields.sort_unstable();
    let expected = [
        "profile.hook.colour",
        "profile.name",
        "profile.nodeTags[\"A\"]",
        "profile.nodeTags[\"C\"]",
        "profile.nodeTags[\"aws:b\"]",
        "profile.selector.autoScalingGroupNames",
        "profile.slots[0].deviceIndex",
        "profile.slots[1].deviceIndex",
        "profile.slots[2].prefixes",
        "profile.slots[3].excludedRanges[0]",
        "profile.slots[4]",
        "profile.volumeTags[\"E\"]",
    ];
    assert_eq!(fields, expected, "{found:#?}");
    assert!(found.iter().all(|problem| !problem.remedy.is_empty()));
}

#[test]
fn every_broken_rule_of_a_profile_is_found() {
    let mut first = slot("a", json!(1));
    first["prefixes"] = json!(1);
    first["secondaryPrivateAddresses"] = json!(1);
    first["description"] = json!("x".repeat(256));
    let mut groupless = slot("b", Value::Null);
    groupless["securityGroupIds"] = json!([]);
    let profile = json!({
        "name": "n",
        "selector": {"autoScalingGroupNames": ["g"]},
        "hook": {"name": "h"},
        "requestRates": {"vpcCniInterfaces": 1000},
        "slots": [first, slot("a", json!(1)), groupless, slot("c", Value::Null)],
    });
    let found = of(ProfileKind::Launch, &profile).unwrap();
    let fields: Vec<_> = found.iter().map(|problem| problem.field.as_str()).collect();
    let expected = [
        "profile.requestRates.vpcCniInterfaces",
        "profile.slots[0].prefixes",
        "profile.slots[0].description",
        "profile.slots[1].deviceIndex",
        "profile.slots[1].network",
        "profile.slots[2].securityGroupIds",
        "profile.slots[3].deviceIndex",
    ];
    assert_eq!(fields, expected, "{found:#?}");
}

#[test]
fn value_of_a_field_is_not_shown_whole() {
    let long = "x".repeat(100_000);
    let profile = json!({"name": long, "selector": {"tag": {"key": "k"}}, "namePreset": long});
    for problem in of(ProfileKind::Naming, &profile).unwrap() {
        assert!(problem.problem.chars().count() <= MAX_CHARACTERS + 1);
    }
}

#[test]
fn no_more_than_the_first_problems_are_looked_for() {
    let slots: Vec<Value> = (0..100_000).map(|_| json!({})).collect();
    let profile = json!({"name": "n", "slots": slots});
    let found = of(ProfileKind::Launch, &profile).unwrap();
    assert_eq!(found.len(), MAX_PROBLEMS);
}

/// Remedies by field, of the problems of a profile.
fn remedies(profile: &Value) -> Vec<(String, String)> {
    let found = of(ProfileKind::Launch, profile).unwrap();
    let found = found.into_iter();
    found
        .map(|problem| (problem.field, problem.remedy))
        .collect()
}

#[test]
fn remedy_names_the_word_that_was_meant() {
    const FIELD: &str = "Remove the field, or correct its name (docs/profile.md).";
    const VALUE: &str = "Correct the field (docs/profile.md).";
    const TEMPLATE: &str = "Correct the template (docs/naming.md, Templates).";
    let mut first = slot("a", json!(1));
    // serde finds the first of a slot, and the schema the others.
    first["adressing"] = json!("lowest-free");
    first["excludedRange"] = json!([]);
    first["colour"] = json!("red");
    let mut second = slot("b", json!(2));
    second["addressing"] = json!("lowestfree");
    second["ipv6"] = json!("subnet-asigned");
    let profile = json!({
        "name": "n",
        "selector": {"autoscalingGroupNames": ["g"]},
        "hook": {"name": "h"},
        "namePreset": "cluster-pi",
        "existingTags": "kep",
        "nodeTags": {"A": "{{ privat_ip }}", "B": "{{ az | uper }}"},
        "slots": [first, second],
    });
    let mut found = remedies(&profile);
    found.sort();
    let expected = [
        ("existingTags", "Did you mean `keep`? ", VALUE),
        ("namePreset", "Did you mean `cluster-ip`? ", VALUE),
        ("nodeTags[\"A\"]", "Did you mean `private_ip`? ", TEMPLATE),
        ("nodeTags[\"B\"]", "Did you mean `upper`? ", TEMPLATE),
        (
            "selector.autoscalingGroupNames",
            "Did you mean `autoScalingGroupNames`? ",
            FIELD,
        ),
        ("slots[0].adressing", "Did you mean `addressing`? ", FIELD),
        ("slots[0].colour", "", FIELD),
        (
            "slots[0].excludedRange",
            "Did you mean `excludedRanges`? ",
            FIELD,
        ),
        ("slots[1].addressing", "Did you mean `lowest-free`? ", VALUE),
        ("slots[1].ipv6", "Did you mean `subnet-assigned`? ", VALUE),
    ];
    let expected = expected
        .map(|(field, hint, remedy)| (format!("profile.{field}"), format!("{hint}{remedy}")));
    assert_eq!(found, expected);
}

#[test]
fn misspelt_field_is_not_missing_too() {
    let mut misspelt = slot("a", json!(1));
    let subnets = misspelt
        .as_object_mut()
        .unwrap()
        .remove("subnetIds")
        .unwrap();
    misspelt["subnetsIds"] = subnets.clone();
    misspelt["netwrk"] = misspelt.as_object_mut().unwrap().remove("network").unwrap();
    let mut other = slot("b", json!(2));
    other.as_object_mut().unwrap().remove("subnetIds");
    other["colour"] = subnets;
    let profile = json!({
        "name": "n",
        "selector": {"autoScalingGroupNames": ["g"]},
        "hook": {"name": "h"},
        "slots": [misspelt, other],
    });
    let mut fields: Vec<String> = remedies(&profile)
        .into_iter()
        .map(|(field, _)| field)
        .collect();
    fields.sort();
    assert_eq!(
        fields,
        [
            "profile.slots[0].netwrk",
            "profile.slots[0].subnetsIds",
            "profile.slots[1]",
            "profile.slots[1].colour",
        ]
    );
}
