//! A look at the roles of a deployment, which here is the stack of the fixture on a fake AWS.

use hookline_local::iam::{Policy, Role};
use hookline_testkit::fixture_stack;
use hookline_testkit::json_api::json_call;
use hookline_testkit::roles::{RoleLimit, STACK, Traffic};
use serde_json::json;

use crate::{Account, stderr, stdout};

/// A fake AWS with the stack of the fixture.
async fn account() -> Account {
    let account = Account::new().await;
    fixture_stack::put(&account.local).await.unwrap();
    account
}

/// The role whose name has this text.
fn role(account: &Account, part: &str) -> Role {
    let roles = account.local.iam().roles();
    let role = roles.iter().find(|role| role.arn.contains(part)).unwrap();
    Role::clone(role)
}

/// Changes the document of each policy of a role.
fn change(account: &Account, part: &str, change: impl Fn(String) -> String) {
    let mut role = role(account, part);
    let before = role.clone();
    let changed = role.policies.iter().map(|policy| {
        let text = change(policy.document().to_string());
        Policy::parse(&serde_json::from_str(&text).unwrap()).unwrap()
    });
    role.policies = changed.collect();
    assert_ne!(role, before);
    account.local.iam().put_role(role);
}

/// Changes the template of the stack, and nothing that was deployed by it.
fn change_template(account: &Account, change: impl Fn(String) -> String) {
    change_template_of(account, STACK, change);
}

fn change_template_of(account: &Account, name: &str, change: impl Fn(String) -> String) {
    let cloudformation = account.local.cloudformation();
    let mut stack = cloudformation.stack(name).unwrap();
    let template = stack.template.map(|it| it.to_string()).unwrap_or_default();
    let changed = change(template.clone());
    assert_ne!(changed, template);
    stack.template = Some(serde_json::from_str(&changed).unwrap());
    cloudformation.put(name, stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn look_at_a_deployment_asks_for_each_role_and_changes_nothing() {
    let account = account().await;
    let before = account.changes();
    let output = account.run(&["--stack", STACK]).await;
    let said = stdout(&output);
    assert!(output.status.success(), "{said}{}", stderr(&output));
    let (first, _) = said.split_once('\n').unwrap();
    assert!(first.contains("only reads"), "{first}");
    assert!(
        said.ends_with("4 facts, 0 differences, 0 skipped\n"),
        "{said}"
    );
    // A simulation is no change.
    let simulated = account.local.calls_where(|call| {
        ["SimulatePrincipalPolicy", "SimulateCustomPolicy"].contains(&call.action.as_str())
    });
    assert!(simulated.len() > 300, "{}", simulated.len());
    assert_eq!(account.changes() - before, simulated.len());
    for role in account.local.iam().roles() {
        let asked = simulated.iter().any(|call| {
            let of_role = call.params.get("PolicySourceArn");
            of_role == Some(&role.arn)
        });
        assert!(asked, "{}", role.arn);
    }
    assert!(!said.contains("not asked"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn look_at_a_traffic_stack_asks_for_each_role() {
    for traffic in Traffic::ALL {
        let account = Account::new().await;
        let stack = fixture_stack::put_traffic(&account.local, traffic).await;
        let output = account.run(&["--stack", &stack.unwrap()]).await;
        let said = stdout(&output);
        assert!(output.status.success(), "{said}{}", stderr(&output));
        assert!(
            said.ends_with("4 facts, 0 differences, 0 skipped\n"),
            "{said}"
        );
        assert!(!said.contains("not asked"), "{said}");
        let simulated = account
            .local
            .calls_where(|call| call.action == "SimulatePrincipalPolicy");
        for role in account.local.iam().roles() {
            let of_role = |source: Option<&String>| source == Some(&role.arn);
            let mut calls = simulated.iter();
            let asked = calls.any(|call| of_role(call.params.get("PolicySourceArn")));
            assert!(asked, "{}", role.arn);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn role_of_a_traffic_stack_that_was_widened_by_hand_is_a_difference() {
    let account = Account::new().await;
    let stack = fixture_stack::put_traffic(&account.local, Traffic::OfOthers).await;
    change(&account, "TrafficStateMachineRole", |document| {
        document.replace("/cross-az-traffic/*\"", "/*\"")
    });
    let output = account.run(&["--stack", &stack.unwrap()]).await;
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}{}", stderr(&output));
    let difference = "cross-az-traffic deletes a listing";
    assert!(said.contains(difference), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cluster_that_a_schedule_lists_is_asked_about() {
    let account = Account::new().await;
    let name = fixture_stack::put_traffic(&account.local, Traffic::OfOthers).await;
    let name = name.unwrap();
    // Both clusters are of the account, and the role may describe the last one only.
    change_template_of(&account, &name, |template| {
        let role = ",\\\"assumeRoleArn\\\":\\\"arn:aws:iam::210987654321:role/pods-reader\\\"";
        template.replace(role, "")
    });
    change(&account, "ExtractPods", |document| {
        document.replace("cluster/prod\"", "cluster/edge\"")
    });
    let output = account
        .run(&["--stack", &name, "--only", "allow_each_call"])
        .await;
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}{}", stderr(&output));
    assert!(
        said.contains("calls eks:DescribeCluster on cluster/prod"),
        "{said}"
    );
    assert!(!said.contains("on cluster/edge"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_whose_policy_was_changed_by_hand_is_a_difference() {
    for (what, change, wrong) in [
        (
            "rule/*\"",
            "*\"",
            "queue of launches takes a message for what is no rule",
        ),
        (
            "\"aws:SecureTransport\":\"false\"",
            "\"aws:SecureTransport\":\"true\"",
            "takes a message of a role of its account without TLS: no call without TLS, as IAM decides",
        ),
        (
            "events.amazonaws.com",
            "s3.amazonaws.com",
            "queue of launches takes a failed event of a rule",
        ),
        // A principal that no stack writes.
        (
            "{\"Service\":\"events.amazonaws.com\"}",
            "{\"AWS\":\"arn:aws:iam::210987654321:root\"}",
            "queue of launches takes a failed event of a rule",
        ),
    ] {
        let account = account().await;
        let queues = account.local.sqs().queues();
        let name = queues.iter().find(|name| name.contains("Orchestrator"));
        let of_queue = json!({"QueueUrl": name.unwrap(), "AttributeNames": ["Policy"]});
        let found = json_call(&account.local, "AmazonSQS.GetQueueAttributes", &of_queue).await;
        let policy = found.unwrap()["Attributes"]["Policy"].take();
        let changed = policy.as_str().unwrap().replace(what, change);
        assert_ne!(Some(changed.as_str()), policy.as_str());
        let set = json!({"QueueUrl": name.unwrap(), "Attributes": {"Policy": changed}});
        let set = json_call(&account.local, "AmazonSQS.SetQueueAttributes", &set).await;
        set.unwrap();
        let output = account
            .run(&["--stack", STACK, "--only", "queue_policies"])
            .await;
        let said = stdout(&output);
        assert_eq!(output.status.code(), Some(1), "{said}{}", stderr(&output));
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(wrong), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_with_a_statement_that_its_template_lacks_is_a_difference() {
    // None of the attacks in the tables is such a call.
    let service = json!({"Service": "sns.amazonaws.com"});
    for (part, of, principal, action) in [
        (
            "OrchestratorDeadLetters",
            "queue of launches",
            &service,
            "sqs:SendMessage",
        ),
        (
            "NamingDeadLetters",
            "queue of naming",
            &service,
            "sqs:ReceiveMessage",
        ),
        (
            "TrafficDeadLetters",
            "queue of traffic",
            &json!("*"),
            "sqs:*",
        ),
    ] {
        let (account, stack) = match part {
            "TrafficDeadLetters" => {
                let account = Account::new().await;
                let stack = fixture_stack::put_traffic(&account.local, Traffic::Own).await;
                (account, stack.unwrap())
            }
            _ => (account().await, STACK.to_owned()),
        };
        let queues = account.local.sqs().queues();
        let name = queues.iter().find(|name| name.contains(part)).unwrap();
        let of_queue = json!({"QueueUrl": name, "AttributeNames": ["Policy", "QueueArn"]});
        let found = json_call(&account.local, "AmazonSQS.GetQueueAttributes", &of_queue).await;
        let attributes = found.unwrap()["Attributes"].take();
        let policy = attributes["Policy"].as_str().unwrap();
        let mut policy: serde_json::Value = serde_json::from_str(policy).unwrap();
        policy["Statement"].as_array_mut().unwrap().push(json!({
            "Effect": "Allow",
            "Principal": principal,
            "Action": action,
            "Resource": attributes["QueueArn"],
        }));
        let set = json!({"QueueUrl": name, "Attributes": {"Policy": policy.to_string()}});
        let set = json_call(&account.local, "AmazonSQS.SetQueueAttributes", &set).await;
        set.unwrap();
        let output = account
            .run(&["--stack", &stack, "--only", "queue_policies"])
            .await;
        let said = stdout(&output);
        assert_eq!(output.status.code(), Some(1), "{said}{}", stderr(&output));
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            words.contains(&format!("the policy of the {of} says")),
            "{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn role_that_somebody_else_may_assume_is_a_difference() {
    let account = account().await;
    let arn = role(&account, "AttachInterfacesRole").arn;
    let trust = account.local.iam().trust(&arn).unwrap();
    let mut other = trust.clone();
    other["Statement"].as_array_mut().unwrap().push(json!({
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
    }));
    account.local.iam().put_trust(&arn, other);
    let output = account
        .run(&["--stack", STACK, "--only", "assumed_by"])
        .await;
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}{}", stderr(&output));
    assert!(
        said.contains("the role of attach-interfaces is assumed by"),
        "{said}"
    );
    assert!(!said.contains("the role of tag-node"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn role_of_a_schedule_without_its_condition_is_a_difference() {
    for (part, wrong) in [
        (
            "SchedulerRoleForTarget",
            "the role of schedule of cross-az-traffic is assumed by",
        ),
        (
            "ListingScheduleRole",
            "the role of schedule of extract-pods is assumed by",
        ),
    ] {
        let account = Account::new().await;
        let stack = fixture_stack::put_traffic(&account.local, Traffic::Own).await;
        let arn = role(&account, part).arn;
        let mut trust = account.local.iam().trust(&arn).unwrap();
        let statement = trust["Statement"][0].as_object_mut().unwrap();
        statement.remove("Condition").unwrap();
        account.local.iam().put_trust(&arn, trust);
        let output = account
            .run(&["--stack", &stack.unwrap(), "--only", "assumed_by"])
            .await;
        let said = stdout(&output);
        assert_eq!(output.status.code(), Some(1), "{said}{}", stderr(&output));
        assert!(said.contains(wrong), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn role_that_was_narrowed_by_hand_is_a_difference() {
    let account = account().await;
    change(&account, "AttachInterfacesRole", |document| {
        document.replace("ec2:AttachNetworkInterface", "ec2:DescribeVolumes")
    });
    let output = account.run(&["--stack", STACK]).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(
        said.contains("DIFFERS  deployed_roles_allow_each_call"),
        "{said}"
    );
    assert!(
        said.contains("attach-interfaces attaches an own interface to a node of upf"),
        "{said}"
    );
    assert!(
        said.contains("holds    deployed_roles_deny_each_attack"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn role_that_was_widened_by_hand_is_a_difference() {
    let account = account().await;
    change(&account, "CompleteHookRole", |document| {
        document.replace("autoScalingGroupName/upf\"", "autoScalingGroupName/*\"")
    });
    let output = account.run(&["--stack", STACK]).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(
        said.contains("DIFFERS  deployed_roles_deny_each_attack"),
        "{said}"
    );
    assert!(
        said.contains("complete-hook completes the hook of another cluster's node"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_a_pattern_matches_are_no_difference() {
    let account = Account::new().await;
    let limit = RoleLimit::Names;
    fixture_stack::put_limited_by(&account.local, limit)
        .await
        .unwrap();
    let output = account
        .run(&["--stack", STACK, "--only", "deny_each_attack"])
        .await;
    let said = stdout(&output);
    assert!(output.status.success(), "{said}{}", stderr(&output));
    assert!(
        said.contains("a pattern matches the name of the group"),
        "{said}"
    );

    // A pattern that the template does not have is one that the role got by hand.
    change(&account, "ReconcileRole", |document| {
        document.replace("autoScalingGroupName/smf*\"", "autoScalingGroupName/*\"")
    });
    let output = account
        .run(&["--stack", STACK, "--only", "deny_each_attack"])
        .await;
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let difference = "reconcile suspends the process Launch of another cluster's group";
    assert!(said.contains(difference), "{said}");
}

/// All groups: also those of other clusters, and of naming profiles.
#[tokio::test(flavor = "multi_thread")]
async fn groups_that_the_pattern_of_any_name_matches_are_no_difference() {
    let account = Account::new().await;
    let limit = RoleLimit::Names;
    fixture_stack::put_limited_by(&account.local, limit)
        .await
        .unwrap();
    let any = |text: String| text.replace("GroupName/smf*\"", "GroupName/*\"");
    for part in ["CompleteHookRole", "LaunchNodeRole", "ReconcileRole"] {
        change(&account, part, any);
    }
    change_template(&account, any);
    let output = account
        .run(&["--stack", STACK, "--only", "deny_each_attack"])
        .await;
    let said = stdout(&output);
    assert!(output.status.success(), "{said}{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn action_that_the_template_leaves_out_of_a_policy_for_people_is_not_asked_for() {
    let account = account().await;
    let stack = account.local.cloudformation().stack(STACK).unwrap();
    let mut resources = stack.resources.into_iter();
    let policy = resources.find(|(id, _)| id.starts_with("PeopleOperate"));
    let (_, (_, arn)) = policy.unwrap();
    let document = account.local.iam().policy(&arn).unwrap().to_string();
    let without = |text: String| text.replace("\"autoscaling:ResumeProcesses\",", "");
    let changed = without(document.clone());
    assert_ne!(changed, document);
    let changed: serde_json::Value = serde_json::from_str(&changed).unwrap();
    account.local.iam().put_policy(&arn, changed);
    let output = account
        .run(&["--stack", STACK, "--only", "allow_each_call"])
        .await;
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("operate resumes"), "{said}");

    change_template(&account, without);
    let output = account
        .run(&["--stack", STACK, "--only", "allow_each_call"])
        .await;
    let said = stdout(&output);
    assert!(output.status.success(), "{said}{}", stderr(&output));
    let reason = "the groups do not fit the policies for people";
    assert!(said.contains(reason), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn role_of_each_rule_is_asked() {
    let account = account().await;
    let mut wide = role(&account, "OrchestratorLaunch");
    wide.arn = "arn:aws:iam::123456789012:role/by-hand".to_owned();
    let document = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "states:*", "Resource": "*"}],
    });
    wide.policies = vec![Policy::parse(&document).unwrap()];
    account.local.iam().put_role(wide.clone());
    let trust = account
        .local
        .iam()
        .trust(&role(&account, "OrchestratorStartLaunchRole").arn);
    account.local.iam().put_trust(&wide.arn, trust.unwrap());
    // The first of the rules that start launch-node.
    let resources = account
        .local
        .cloudformation()
        .stack(STACK)
        .unwrap()
        .resources;
    let mut rules = resources.iter().filter(|(id, (kind, _))| {
        kind == "AWS::Events::Rule" && id.starts_with("OrchestratorLaunch")
    });
    let (_, (_, rule)) = rules.next().unwrap();
    assert!(rules.next().is_some());
    let list = json!({ "Rule": rule });
    let listed = json_call(&account.local, "AWSEvents.ListTargetsByRule", &list);
    let mut targets = listed.await.unwrap()["Targets"].take();
    targets[0]["RoleArn"] = wide.arn.into();
    let put = json!({"Rule": rule, "Targets": targets});
    let put = json_call(&account.local, "AWSEvents.PutTargets", &put).await;
    assert_eq!(put.unwrap()["FailedEntryCount"], 0);

    let output = account
        .run(&["--stack", STACK, "--only", "deny_each_attack"])
        .await;
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("rule of launch-node starts"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_no_fact_about_a_deployment_has_is_told() {
    let account = account().await;
    let output = account
        .run(&["--stack", STACK, "--only", "describe_of"])
        .await;
    assert!(!output.status.success(), "{}", stdout(&output));
    let said = stderr(&output);
    assert!(
        said.contains("no fact about a deployment has \"describe_of\""),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stack_that_is_not_there_or_not_hooklines_is_named() {
    let account = account().await;
    let output = account.run(&["--stack", "other"]).await;
    assert!(!output.status.success());
    let said = stderr(&output);
    assert!(said.contains("ListStackResources other"), "{said}");
    assert!(said.contains("does not exist"), "{said}");
    let stack = hookline_local::cloudformation::Stack {
        template: Some(json!({})),
        ..Default::default()
    };
    account.local.cloudformation().put("other", stack);
    let output = account.run(&["--stack", "other"]).await;
    let said = stderr(&output);
    assert!(
        said.contains("no state machine launch-node or cross-az-traffic"),
        "{said}"
    );
}
