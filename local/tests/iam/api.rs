//! IAM's own API: the policy simulator, and managed policies.

use hookline_local::{LocalAws, Settings};
use serde_json::{Value, json};

use crate::{EC2, ROLE, allow, between, request, role, send};

#[tokio::test(start_paused = true)]
async fn simulation_of_a_policy_gives_the_verdict_of_the_evaluator() {
    let local = LocalAws::new(Settings::for_tests());
    let simulate = async |document: &Value, owner: &str| {
        let policy = document.to_string();
        let resource = format!("{EC2}:network-interface/eni-1");
        let parameters = [
            ("Action", "SimulateCustomPolicy"),
            ("Version", "2010-05-08"),
            ("PolicyInputList.member.1", &policy),
            ("ActionNames.member.1", "ec2:DeleteNetworkInterface"),
            ("ResourceArns.member.1", &resource),
            (
                "ContextEntries.member.1.ContextKeyName",
                "aws:ResourceTag/owner",
            ),
            ("ContextEntries.member.1.ContextKeyType", "string"),
            ("ContextEntries.member.1.ContextKeyValues.member.1", owner),
        ];
        let response = local.handle(request("iam", "test", &parameters)).await;
        let response = response.unwrap();
        let body = String::from_utf8(response.body().to_vec()).unwrap();
        (response.status().as_u16(), body)
    };
    let document = |effect: &str| {
        json!({"Version": "2012-10-17", "Statement": [{
            "Effect": effect,
            "Action": "ec2:DeleteNetworkInterface",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/owner": "us"}},
        }]})
    };
    for (effect, owner, wanted) in [
        ("Allow", "us", "allowed"),
        ("Allow", "them", "implicitDeny"),
        ("Deny", "us", "explicitDeny"),
    ] {
        let (status, body) = simulate(&document(effect), owner).await;
        let decision = format!("<EvalDecision>{wanted}</EvalDecision>");
        assert_eq!(status, 200, "{body}");
        assert!(body.contains(&decision), "{decision} in {body}");
    }
    let (status, body) = simulate(&json!({"Statement": []}), "us").await;
    assert_eq!(status, 400);
    assert!(body.contains("<Code>InvalidInput</Code>"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn simulation_of_a_role_gives_the_verdict_of_its_policies_and_of_those_of_the_request() {
    let local = LocalAws::new(Settings::for_tests());
    local
        .iam()
        .put_role(role(&json!([allow(&["ec2:DescribeInstances"])])));
    let simulate = async |source: &str, action: &str, more: &[(&str, &str)]| {
        let parameters = [
            ("Action", "SimulatePrincipalPolicy"),
            ("Version", "2010-05-08"),
            ("PolicySourceArn", source),
            ("ActionNames.member.1", action),
        ];
        let parameters = [&parameters[..], more].concat();
        send(&local, request("iam", "test", &parameters)).await
    };
    let decision = |wanted: &str| format!("<EvalDecision>{wanted}</EvalDecision>");
    let (status, body) = simulate(ROLE, "ec2:DescribeInstances", &[]).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains(&decision("allowed")), "{body}");
    let (_, body) = simulate(ROLE, "ec2:DescribeSubnets", &[]).await;
    assert!(body.contains(&decision("implicitDeny")), "{body}");
    let document = json!({"Version": "2012-10-17", "Statement": [allow(&["ec2:DescribeSubnets"])]});
    let more = document.to_string();
    let more = [("PolicyInputList.member.1", more.as_str())];
    let (_, body) = simulate(ROLE, "ec2:DescribeSubnets", &more).await;
    assert!(body.contains(&decision("allowed")), "{body}");

    let gone = "arn:aws:iam::123456789012:role/gone";
    let (status, body) = simulate(gone, "ec2:DescribeSubnets", &[]).await;
    assert_eq!(status, 404, "{body}");
    assert!(body.contains("<Code>NoSuchEntity</Code>"), "{body}");
    let session = "arn:aws:sts::123456789012:assumed-role/tested/hookline-local";
    let (status, body) = simulate(session, "ec2:DescribeSubnets", &[]).await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("<Code>InvalidInput</Code>"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn managed_policy_that_no_role_has_is_read_by_its_default_version() {
    const ARN: &str = "arn:aws:iam::123456789012:policy/look";
    let local = LocalAws::new(Settings::for_tests());
    let document = json!({"Version": "2012-10-17", "Statement": []});
    local.iam().put_policy(ARN, document);
    let call = async |action: &str, more: &[(&str, &str)]| {
        let parameters = [("Action", action), ("Version", "2010-05-08")];
        let parameters = [&parameters[..], more].concat();
        send(&local, request("iam", "test", &parameters)).await
    };
    let (status, body) = call("GetPolicy", &[("PolicyArn", ARN)]).await;
    assert_eq!(status, 200, "{body}");
    let version = between(&body, "<DefaultVersionId>", "<").to_owned();
    let of_version = [("PolicyArn", ARN), ("VersionId", &version)];
    let (_, body) = call("GetPolicyVersion", &of_version).await;
    assert!(body.contains("%22Statement%22%3A%5B%5D"), "{body}");
    let other = "arn:aws:iam::123456789012:policy/other";
    let (status, body) = call("GetPolicy", &[("PolicyArn", other)]).await;
    assert_eq!(status, 404, "{body}");
}

/// The parameters, and who may be the caller: IAM API Reference, SimulateCustomPolicy.
#[tokio::test(start_paused = true)]
async fn simulation_with_the_policy_of_a_resource_is_for_a_user() {
    let local = LocalAws::new(Settings::for_tests());
    let queue = "arn:aws:sqs:us-west-2:123456789012:q";
    let of_caller = json!({"Version": "2012-10-17", "Statement": [allow(&["sqs:SendMessage"])]});
    let of_caller = of_caller.to_string();
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "sqs:*",
            "Resource": queue,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {"Effect": "Allow", "Principal": "*", "Action": "sqs:ReceiveMessage", "Resource": queue},
    ]});
    let policy = policy.to_string();
    let simulate = async |action: &str, secure: &str, caller: &[(&str, &str)]| {
        let parameters = [
            ("Action", "SimulateCustomPolicy"),
            ("Version", "2010-05-08"),
            ("PolicyInputList.member.1", &of_caller),
            ("ResourcePolicy", &policy),
            ("ActionNames.member.1", action),
            ("ResourceArns.member.1", queue),
            (
                "ContextEntries.member.1.ContextKeyName",
                "aws:SecureTransport",
            ),
            ("ContextEntries.member.1.ContextKeyType", "boolean"),
            ("ContextEntries.member.1.ContextKeyValues.member.1", secure),
        ];
        let parameters = [&parameters[..], caller].concat();
        send(&local, request("iam", "test", &parameters)).await
    };
    let user = [("CallerArn", "arn:aws:iam::123456789012:user/one")];
    for (action, secure, wanted) in [
        ("sqs:SendMessage", "true", "allowed"),
        ("sqs:SendMessage", "false", "explicitDeny"),
        ("sqs:ReceiveMessage", "true", "allowed"),
        ("sqs:PurgeQueue", "true", "implicitDeny"),
    ] {
        let (status, body) = simulate(action, secure, &user).await;
        let decision = format!("<EvalDecision>{wanted}</EvalDecision>");
        assert_eq!(status, 200, "{body}");
        assert!(body.contains(&decision), "{action} {secure}: {body}");
    }
    for caller in [
        &[][..],
        &[("CallerArn", ROLE)],
        &[("CallerArn", "events.amazonaws.com")],
    ] {
        let (status, body) = simulate("sqs:SendMessage", "true", caller).await;
        assert_eq!(status, 400, "{caller:?}");
        assert!(body.contains("<Code>InvalidInput</Code>"), "{body}");
    }
    let (_, body) = simulate("sqs:SendMessage", "perhaps", &user).await;
    assert!(body.contains("<Code>InvalidInput</Code>"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn role_shows_its_trust_policy_encoded() {
    let local = LocalAws::new(Settings::for_tests());
    local.iam().put_role(role(&json!([])));
    local
        .iam()
        .put_trust(ROLE, json!({"Version": "2012-10-17", "Statement": []}));
    let parameters = [
        ("Action", "GetRole"),
        ("Version", "2010-05-08"),
        ("RoleName", "tested"),
    ];
    let (_, body) = send(&local, request("iam", "test", &parameters)).await;
    let encoded = "%7B%22Statement%22%3A%5B%5D%2C%22Version%22%3A%222012-10-17%22%7D";
    let document = format!("<AssumeRolePolicyDocument>{encoded}</AssumeRolePolicyDocument>");
    assert!(body.contains(&document), "{body}");
}
