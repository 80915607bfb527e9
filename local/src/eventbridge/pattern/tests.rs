//! What each matcher of a pattern accepts and refuses.

#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

fn matches(pattern: Value, event: Value) -> bool {
    Pattern::parse(&pattern.to_string())
        .unwrap()
        .matches(&event)
}

#[test]
fn exact_values_are_alternatives_and_all_fields_must_match() {
    let pattern =
        json!({ "source": ["aws.ec2", "aws.autoscaling"], "detail": { "n": [1, null, true] } });
    assert!(matches(
        pattern.clone(),
        json!({ "source": "aws.autoscaling", "detail": { "n": 1.0 }, "x": 1 })
    ));
    assert!(matches(
        pattern.clone(),
        json!({ "source": "aws.ec2", "detail": { "n": null } })
    ));
    assert!(matches(
        pattern.clone(),
        json!({ "source": "aws.ec2", "detail": { "n": [7, true] } })
    ));
    assert!(!matches(
        pattern.clone(),
        json!({ "source": "aws.ec2", "detail": { "n": "1" } })
    ));
    assert!(!matches(
        pattern.clone(),
        json!({ "source": "aws.ec2", "detail": {} })
    ));
    assert!(!matches(pattern, json!({ "source": "aws.ec2" })));
}

#[test]
fn text_matchers_compare_strings() {
    let one =
        |matcher: Value, value: &str| matches(json!({ "a": [matcher] }), json!({ "a": value }));
    assert!(one(json!({ "prefix": "eks-" }), "eks-blue"));
    assert!(!one(json!({ "prefix": "eks-" }), "EKS-blue"));
    assert!(one(
        json!({ "prefix": { "equals-ignore-case": "eks-" } }),
        "EKS-blue"
    ));
    assert!(one(json!({ "suffix": ".png" }), "a.png"));
    assert!(one(
        json!({ "suffix": { "equals-ignore-case": ".png" } }),
        "a.PNG"
    ));
    assert!(one(json!({ "equals-ignore-case": "Alice" }), "aLICE"));
    assert!(one(json!({ "wildcard": "eks-*-ng-*" }), "eks-blue-ng-1"));
    assert!(!one(json!({ "wildcard": "eks-*-ng" }), "eks-blue-ng-1"));
    assert!(one(json!({ "wildcard": "a\\*b" }), "a*b"));
    assert!(!one(json!({ "wildcard": "a*a" }), "a"));
}

#[test]
fn anything_but_needs_a_value() {
    let one = |matcher: Value, event: Value| {
        matches(json!({ "a": [{ "anything-but": matcher }] }), event)
    };
    assert!(one(json!("x"), json!({ "a": "y" })));
    assert!(!one(json!(["x", "y"]), json!({ "a": "y" })));
    assert!(!one(json!({ "prefix": "te" }), json!({ "a": "test" })));
    assert!(one(json!({ "suffix": ["a", "b"] }), json!({ "a": "test" })));
    assert!(!one(json!({ "wildcard": "t*t" }), json!({ "a": "test" })));
    assert!(!one(json!(1), json!({ "b": "y" })));
}

#[test]
fn exists_matches_leaves_only() {
    let exists = |wanted: bool, event: Value| {
        matches(json!({ "a": { "b": [{ "exists": wanted }] } }), event)
    };
    assert!(exists(true, json!({ "a": { "b": null } })));
    assert!(!exists(true, json!({ "a": {} })));
    assert!(exists(false, json!({})));
    assert!(exists(false, json!({ "a": { "b": { "c": 1 } } })));
}

#[test]
fn numeric_and_cidr_matchers_compare_ranges() {
    let range = json!({ "a": [{ "numeric": [">", 0, "<=", 5] }] });
    assert!(matches(range.clone(), json!({ "a": 5 })));
    assert!(!matches(range.clone(), json!({ "a": 0 })));
    assert!(!matches(range, json!({ "a": "3" })));
    assert!(matches(
        json!({ "a": [{ "cidr": "10.0.0.0/24" }] }),
        json!({ "a": "10.0.0.255" })
    ));
}

#[test]
fn or_matches_one_alternative() {
    let pattern = json!({ "source": ["s"], "$or": [{ "a": [1] }, { "b": { "c": [2] } }] });
    assert!(matches(pattern.clone(), json!({ "source": "s", "a": 1 })));
    assert!(matches(
        pattern.clone(),
        json!({ "source": "s", "b": { "c": 2 } })
    ));
    assert!(!matches(pattern, json!({ "source": "s" })));
}

#[test]
fn lists_of_objects_match_by_element() {
    let pattern = json!({ "a": { "b": [1] } });
    assert!(matches(
        pattern.clone(),
        json!({ "a": [{ "b": 2 }, { "b": 1 }] })
    ));
    assert!(!matches(pattern, json!({ "a": [] })));
}

#[test]
fn bad_patterns_are_refused() {
    for bad in [
        "",
        "[]",
        "{}",
        r#"{"a":1}"#,
        r#"{"a":[]}"#,
        r#"{"a":{}}"#,
        r#"{"a":[[1]]}"#,
        r#"{"a":[{"glob":"x"}]}"#,
        r#"{"a":[{"prefix":1}]}"#,
        r#"{"a":[{"numeric":[">"]}]}"#,
        r#"{"a":[{"numeric":["~",1]}]}"#,
        r#"{"a":[{"exists":"yes"}]}"#,
        r#"{"$or":[{"a":[1]}]}"#,
        r#"{"a":[{"anything-but":[]}]}"#,
        r#"{"a":[{"cidr":"x"}]}"#,
        r#"{"a":[{"prefix":"a","suffix":"b"}]}"#,
    ] {
        assert!(Pattern::parse(bad).is_err(), "{bad}");
    }
}
