//! `maxPodsExpression` in user data: what it makes of an instance type.

// Tests may panic.
#![allow(missing_docs, clippy::unwrap_used)]

use hookline_user_data::{Context, Explanation, NetworkLimits, Origin, Severity, explain};

fn explained(kubelet: &str, instance_type: Option<&str>) -> Explanation {
    let cluster = "  cluster:\n    name: core\n    apiServerEndpoint: https://example.com\n    certificateAuthority: eA==\n    cidr: 10.100.0.0/16\n";
    let text = format!(
        "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n{cluster}  kubelet:\n{kubelet}"
    );
    let limits = instance_type.map(|name| NetworkLimits::of(name).unwrap());
    let context = Context {
        origin: Origin::File,
        profile: None,
        limits: limits.as_ref(),
    };
    explain(text.as_bytes(), context).unwrap()
}

/// The findings about the expression.
fn about(explanation: &Explanation) -> Vec<(Severity, &str)> {
    let findings = explanation.findings.iter();
    findings
        .filter(|finding| finding.code == "max-pods-expression")
        .map(|finding| (finding.severity, finding.message.as_str()))
        .collect()
}

#[test]
fn expression_is_computed_for_the_instance_type() {
    let two_less = "    maxPodsExpression: ((default_enis - 2) * (ips_per_eni - 1)) + 2\n";
    let found = explained(two_less, Some("m5.4xlarge"));
    assert_eq!(found.join.max_pods_on_type, Some(176));
    assert_eq!(about(&found), []);
    let setting = found.join.max_pods.unwrap();
    assert_eq!(setting.from, "part 1, maxPodsExpression");
    assert_eq!(explained(two_less, None).join.max_pods_on_type, None);
    // maxPods wins.
    let both = format!("{two_less}    config:\n      maxPods: 110\n");
    let found = explained(&both, Some("m5.4xlarge"));
    assert_eq!(found.join.max_pods_on_type, None);
    assert_eq!(found.join.max_pods_expression, None);
}

#[test]
fn expression_that_nodeadm_does_not_take_is_told_with_what_it_takes() {
    let unknown = explained("    maxPodsExpression: enis * 2\n", None);
    let (severity, message) = *about(&unknown).first().unwrap();
    assert_eq!(severity, Severity::Problem);
    assert!(message.contains("it names enis; default_enis"), "{message}");
    // The same, once.
    let on_a_type = explained("    maxPodsExpression: enis * 2\n", Some("m5.4xlarge"));
    assert_eq!(about(&on_a_type), about(&unknown));
    assert_eq!(on_a_type.join.max_pods_on_type, Some(234));

    let negative = "    maxPodsExpression: max_pods - 300\n";
    assert_eq!(about(&explained(negative, None)), []);
    let found = explained(negative, Some("m5.4xlarge"));
    let (severity, message) = *about(&found).first().unwrap();
    assert_eq!(severity, Severity::Problem);
    let says = "on m5.4xlarge, nodeadm does not take it, and maxPods is 234, that of the instance type: its result is -66";
    assert!(message.starts_with(says), "{message}");
    assert_eq!(found.join.max_pods_on_type, Some(234));
}

#[test]
fn expression_with_more_of_cel_is_a_note() {
    let found = explained(
        "    maxPodsExpression: size([max_pods])\n",
        Some("m5.4xlarge"),
    );
    assert_eq!(found.join.max_pods_on_type, None);
    let (severity, _) = *about(&found).first().unwrap();
    assert_eq!(severity, Severity::Note);
}
