//! Calls with the credentials of a role: what they are authorised on, and how they are refused.

// In a test, a panic is a failure like any other.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

mod api;

use std::time::Duration;

use bytes::Bytes;
use hookline_local::autoscaling::LifecycleState;
use hookline_local::eventbridge::DeliveryOutcome;
use hookline_local::iam::{AuthorizationRequest, InvokePermission, Policy, Role, credentials_of};
use hookline_local::lambda::FunctionConfig;
use hookline_local::{LocalAws, Outcome, Settings};
use http::Request;
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::123456789012:role/tested";
const EC2: &str = "arn:aws:ec2:us-west-2:123456789012";

fn request(service: &str, access_key: &str, parameters: &[(&str, &str)]) -> Request<Bytes> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(parameters);
    Request::post("/")
        .header("authorization", authorization(service, access_key))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(form.finish()))
        .unwrap()
}

fn json_request(target: &str, access_key: &str, body: &Value) -> Request<Bytes> {
    let service = if target.starts_with("AWSEvents") {
        "events"
    } else {
        "states"
    };
    Request::post("/")
        .header("authorization", authorization(service, access_key))
        .header("x-amz-target", target)
        .body(Bytes::from(body.to_string()))
        .unwrap()
}

fn authorization(service: &str, access_key: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={access_key}/20260101/us-west-2/{service}/aws4_request, Signature=0"
    )
}

fn access_key() -> String {
    credentials_of(ROLE).access_key_id().to_owned()
}

fn role(statements: &Value) -> Role {
    let document = json!({"Version": "2012-10-17", "Statement": statements});
    Role {
        arn: ROLE.to_owned(),
        policies: vec![Policy::parse(&document).unwrap()],
    }
}

fn allow(actions: &[&str]) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": "*"})
}

async fn send(local: &LocalAws, request: Request<Bytes>) -> (u16, String) {
    let (parts, body) = local.handle(request).await.unwrap().into_parts();
    (
        parts.status.as_u16(),
        String::from_utf8_lossy(&body).into_owned(),
    )
}

/// A call by a person, which must succeed. Returns the answer.
async fn by_a_person(local: &LocalAws, service: &str, parameters: &[(&str, &str)]) -> String {
    let (status, answer) = send(local, request(service, "test", parameters)).await;
    assert_eq!(status, 200, "{parameters:?}: {answer}");
    answer
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap();
    rest.split_once(end).unwrap().0
}

/// A VPC with a subnet, a security group, a group with one instance, and an interface that is
/// attached to the instance.
struct Scene {
    local: LocalAws,
    vpc: String,
    subnet: String,
    security_group: String,
    instance: String,
    interface: String,
    attachment: String,
}

async fn scene() -> Scene {
    let local = LocalAws::new(Settings::for_tests());
    let ec2 = async |parameters: &[(&str, &str)], tag: &str| {
        let answer = by_a_person(&local, "ec2", parameters).await;
        between(&answer, &format!("<{tag}>"), "<").to_owned()
    };
    let version = ("Version", "2016-11-15");
    let vpc = ec2(
        &[
            ("Action", "CreateVpc"),
            version,
            ("CidrBlock", "10.0.0.0/16"),
        ],
        "vpcId",
    )
    .await;
    let subnet = [
        ("Action", "CreateSubnet"),
        version,
        ("VpcId", &vpc),
        ("CidrBlock", "10.0.0.0/24"),
    ];
    let subnet = ec2(&subnet, "subnetId").await;
    let security_group = [
        ("Action", "CreateSecurityGroup"),
        version,
        ("GroupName", "one"),
        ("GroupDescription", "one"),
        ("VpcId", &vpc),
    ];
    let security_group = ec2(&security_group, "groupId").await;
    let template = [
        ("Action", "CreateLaunchTemplate"),
        version,
        ("LaunchTemplateName", "node"),
        ("LaunchTemplateData.ImageId", "ami-0123456789abcdef0"),
        ("LaunchTemplateData.InstanceType", "m5.large"),
    ];
    ec2(&template, "launchTemplateId").await;
    let group = [
        ("Action", "CreateAutoScalingGroup"),
        ("Version", "2011-01-01"),
        ("AutoScalingGroupName", "nodes"),
        ("LaunchTemplate.LaunchTemplateName", "node"),
        ("LaunchTemplate.Version", "$Latest"),
        ("MinSize", "0"),
        ("MaxSize", "2"),
        ("DesiredCapacity", "1"),
        ("VPCZoneIdentifier", &subnet),
        ("Tags.member.1.Key", "owner"),
        ("Tags.member.1.Value", "us"),
        ("Tags.member.1.PropagateAtLaunch", "true"),
    ];
    by_a_person(&local, "autoscaling", &group).await;
    let instance = loop {
        let states = local.with_world(|world| world.autoscaling.states("nodes"));
        let mut in_service = states.into_iter();
        match in_service.find(|(_, state)| *state == LifecycleState::InService) {
            Some((instance, _)) => break instance,
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    let interface = [
        ("Action", "CreateNetworkInterface"),
        version,
        ("SubnetId", &subnet),
        ("TagSpecification.1.ResourceType", "network-interface"),
        ("TagSpecification.1.Tag.1.Key", "owner"),
        ("TagSpecification.1.Tag.1.Value", "us"),
    ];
    let interface = ec2(&interface, "networkInterfaceId").await;
    let attach = [
        ("Action", "AttachNetworkInterface"),
        version,
        ("NetworkInterfaceId", &interface),
        ("InstanceId", &instance),
        ("DeviceIndex", "1"),
    ];
    let attachment = ec2(&attach, "attachmentId").await;
    Scene {
        local,
        vpc,
        subnet,
        security_group,
        instance,
        interface,
        attachment,
    }
}

impl Scene {
    fn requests(&self, parameters: &[(&str, &str)]) -> Vec<AuthorizationRequest> {
        let request = request(
            "ec2",
            "test",
            &[&[("Version", "2016-11-15")], parameters].concat(),
        );
        self.local.authorization_requests(request).unwrap()
    }
}

/// A request as one line: action, resource, condition keys. The tags of launch templates, with their
/// random ids, are left out.
fn line(request: &AuthorizationRequest) -> String {
    let keys: Vec<String> = request
        .context
        .iter()
        .filter(|(key, _)| !key.contains("ec2launchtemplate"))
        .map(|(key, values)| format!("{key}={}", values.join("+")))
        .collect();
    format!("{} {} {}", request.action, request.resource, keys.join(" "))
}

fn lines(requests: &[AuthorizationRequest]) -> Vec<String> {
    requests.iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn new_interface_is_authorised_with_its_tags_its_subnet_and_its_security_groups() {
    let scene = scene().await;
    let requests = scene.requests(&[
        ("Action", "CreateNetworkInterface"),
        ("SubnetId", &scene.subnet),
        ("SecurityGroupId.1", &scene.security_group),
        ("TagSpecification.1.ResourceType", "network-interface"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "x"),
        ("TagSpecification.1.Tag.2.Key", "owner"),
        ("TagSpecification.1.Tag.2.Value", "us"),
    ]);
    let tags = "aws:requesttag/name=x aws:requesttag/owner=us aws:tagkeys=Name+owner";
    let vpc = format!("ec2:vpc={EC2}:vpc/{}", scene.vpc);
    let (subnet, group) = (&scene.subnet, &scene.security_group);
    assert_eq!(
        lines(&requests),
        [
            format!("ec2:CreateNetworkInterface {EC2}:network-interface/* {tags}"),
            format!(
                "ec2:CreateTags {EC2}:network-interface/* {tags} ec2:createaction=CreateNetworkInterface"
            ),
            format!("ec2:CreateNetworkInterface {EC2}:subnet/{subnet} {vpc}"),
            format!("ec2:CreateNetworkInterface {EC2}:security-group/{group} {vpc}"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn attachment_is_authorised_on_its_interface_and_its_instance() {
    let scene = scene().await;
    let (interface, instance) = (&scene.interface, &scene.instance);
    let on_interface = format!(
        "{EC2}:network-interface/{interface} aws:resourcetag/owner=us ec2:resourcetag/owner=us \
         ec2:subnet={EC2}:subnet/{} ec2:vpc={EC2}:vpc/{}",
        scene.subnet, scene.vpc
    );
    let on_instance = format!(
        "{EC2}:instance/{instance} aws:resourcetag/aws:autoscaling:groupname=nodes aws:resourcetag/owner=us \
         ec2:resourcetag/aws:autoscaling:groupname=nodes ec2:resourcetag/owner=us"
    );
    for (action, parameters) in [
        (
            "AttachNetworkInterface",
            [
                ("NetworkInterfaceId", interface.as_str()),
                ("InstanceId", instance),
            ],
        ),
        (
            "DetachNetworkInterface",
            [("AttachmentId", &scene.attachment), ("Force", "false")],
        ),
        (
            "ModifyNetworkInterfaceAttribute",
            [
                ("NetworkInterfaceId", interface),
                ("Attachment.AttachmentId", &scene.attachment),
            ],
        ),
    ] {
        let requests = scene.requests(&[&[("Action", action)], &parameters[..]].concat());
        let expected = [
            format!("ec2:{action} {on_interface}"),
            format!("ec2:{action} {on_instance}"),
        ];
        let found: Vec<String> = lines(&requests)
            .iter()
            .map(|line| line.replace("  ", " "))
            .collect();
        assert_eq!(
            found.iter().map(|line| line.trim()).collect::<Vec<_>>(),
            expected
        );
    }
    let requests = scene.requests(&[
        ("Action", "ModifyNetworkInterfaceAttribute"),
        ("NetworkInterfaceId", interface),
        ("SourceDestCheck.Value", "false"),
    ]);
    assert_eq!(requests.len(), 1, "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn resource_that_is_not_there_has_no_tags() {
    let scene = scene().await;
    let requests = scene.requests(&[
        ("Action", "DetachNetworkInterface"),
        ("AttachmentId", "eni-attach-0123456789abcdef0"),
    ]);
    assert_eq!(
        lines(&requests),
        [
            format!("ec2:DetachNetworkInterface {EC2}:network-interface/* "),
            format!("ec2:DetachNetworkInterface {EC2}:instance/* "),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn each_resource_that_is_tagged_is_authorised() {
    let scene = scene().await;
    let requests = scene.requests(&[
        ("Action", "CreateTags"),
        ("ResourceId.1", &scene.interface),
        ("ResourceId.2", &scene.vpc),
        ("Tag.1.Key", "a"),
        ("Tag.1.Value", "1"),
        ("Tag.10.Key", "b"),
        ("Tag.10.Value", "2"),
    ]);
    let tags = "aws:requesttag/a=1 aws:requesttag/b=2";
    let found = lines(&requests);
    assert_eq!(found.len(), 2);
    let start = format!(
        "ec2:CreateTags {EC2}:network-interface/{} {tags} aws:resourcetag/owner=us",
        scene.interface
    );
    assert!(found[0].starts_with(&start), "{found:?}");
    assert!(found[0].contains("aws:tagkeys=a+b"), "{found:?}");
    assert_eq!(
        found[1],
        format!(
            "ec2:CreateTags {EC2}:vpc/{} {tags} aws:tagkeys=a+b",
            scene.vpc
        )
    );
}

#[tokio::test(start_paused = true)]
async fn hook_is_authorised_on_the_arn_and_the_tags_of_its_group() {
    let scene = scene().await;
    let of = |group: &str| {
        let request = request(
            "autoscaling",
            "test",
            &[
                ("Action", "CompleteLifecycleAction"),
                ("Version", "2011-01-01"),
                ("AutoScalingGroupName", group),
            ],
        );
        lines(&scene.local.authorization_requests(request).unwrap())
    };
    let found = of("nodes");
    assert!(
        found[0].contains(":autoScalingGroupName/nodes "),
        "{found:?}"
    );
    assert!(
        found[0].ends_with("autoscaling:resourcetag/owner=us aws:resourcetag/owner=us"),
        "{found:?}"
    );
    let arn =
        "arn:aws:autoscaling:us-west-2:123456789012:autoScalingGroup:*:autoScalingGroupName/none";
    assert_eq!(
        of("none"),
        [format!("autoscaling:CompleteLifecycleAction {arn} ")]
    );
}

#[tokio::test(start_paused = true)]
async fn role_is_refused_what_its_policies_do_not_allow() {
    let scene = scene().await;
    let local = &scene.local;
    local.iam().put_role(role(&json!([
        allow(&["ec2:DescribeInstances", "ec2:DeleteNetworkInterface"]),
        {"Effect": "Deny", "Action": "ec2:DeleteNetworkInterface", "Resource": "*",
         "Condition": {"StringEquals": {"aws:ResourceTag/owner": "us"}}},
    ])));
    let describe = [("Action", "DescribeInstances"), ("Version", "2016-11-15")];
    let (status, _) = send(local, request("ec2", &access_key(), &describe)).await;
    assert_eq!(status, 200);

    let delete = [
        ("Action", "DeleteNetworkInterface"),
        ("Version", "2016-11-15"),
        ("NetworkInterfaceId", &scene.interface),
    ];
    let (status, answer) = send(local, request("ec2", &access_key(), &delete)).await;
    assert_eq!(status, 403, "{answer}");
    assert!(
        answer.contains("<Code>UnauthorizedOperation</Code>"),
        "{answer}"
    );
    assert!(answer.contains("with an explicit deny"), "{answer}");
    assert!(local.with_world(|world| world.ec2.network_interface(&scene.interface).is_some()));
    let call = local.calls().pop().unwrap();
    assert_eq!(call.role.as_deref(), Some(ROLE));
    assert_eq!(
        call.outcome,
        Outcome::Error("UnauthorizedOperation".to_owned())
    );

    let groups = [
        ("Action", "DescribeAutoScalingGroups"),
        ("Version", "2011-01-01"),
    ];
    let (status, answer) = send(local, request("autoscaling", &access_key(), &groups)).await;
    assert_eq!(status, 403, "{answer}");
    assert!(answer.contains("<Code>AccessDenied</Code>"), "{answer}");

    let start = json!({"stateMachineArn": "arn:aws:states:us-west-2:123456789012:stateMachine:x"});
    let start = json_request("AWSStepFunctions.StartExecution", &access_key(), &start);
    let (status, answer) = send(local, start).await;
    assert_eq!(status, 400, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["__type"], "AccessDeniedException");

    // Anyone else may do everything.
    let vpcs = [("Action", "DescribeVpcs"), ("Version", "2016-11-15")];
    by_a_person(local, "ec2", &vpcs).await;
}

#[tokio::test(start_paused = true)]
async fn action_whose_resources_are_not_known_is_refused_to_a_role() {
    let local = LocalAws::new(Settings::for_tests());
    local.iam().put_role(role(&allow(&["*"])));
    let call = [("Action", "CopyImage"), ("Version", "2016-11-15")];
    let (status, answer) = send(&local, request("ec2", &access_key(), &call)).await;
    assert_eq!(status, 501, "{answer}");
    assert!(answer.contains("ec2:CopyImage"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn role_that_does_not_exist_is_refused() {
    let local = LocalAws::new(Settings::for_tests());
    local.iam().put_role(role(&allow(&["*"])));
    let key = credentials_of("arn:aws:iam::123456789012:role/gone");
    let call = [("Action", "DescribeVpcs"), ("Version", "2016-11-15")];
    let (status, answer) = send(&local, request("ec2", key.access_key_id(), &call)).await;
    assert_eq!(status, 401, "{answer}");
    assert!(answer.contains("AuthFailure"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn caller_identity_is_the_session_of_the_role() {
    let local = LocalAws::new(Settings::for_tests());
    local.iam().put_role(role(&json!([])));
    let call = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let (status, answer) = send(&local, request("sts", &access_key(), &call)).await;
    assert_eq!(status, 200, "{answer}");
    let arn = between(&answer, "<Arn>", "<");
    assert_eq!(
        arn,
        "arn:aws:sts::123456789012:assumed-role/tested/hookline-local"
    );
}

/// Puts a rule for the events of `tests`, and one event. Returns the outcome of its delivery.
async fn delivery(local: &LocalAws, target: Value) -> DeliveryOutcome {
    let call = async |action: &str, body: Value| {
        let (status, answer) = send(local, json_request(action, "test", &body)).await;
        assert_eq!(status, 200, "{answer}");
    };
    let rule = json!({"Name": "one", "EventPattern": json!({"source": ["tests"]}).to_string()});
    call("AWSEvents.PutRule", rule).await;
    call(
        "AWSEvents.PutTargets",
        json!({"Rule": "one", "Targets": [target]}),
    )
    .await;
    let event = json!({"Source": "tests", "DetailType": "x", "Detail": "{}"});
    call("AWSEvents.PutEvents", json!({"Entries": [event]})).await;
    loop {
        if let Some(delivery) = local.eventbridge().deliveries().pop() {
            return delivery.outcome;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

const MACHINE: &str = "arn:aws:states:us-west-2:123456789012:stateMachine:one";

#[tokio::test(start_paused = true)]
async fn rule_starts_an_execution_with_the_role_of_its_target() {
    for (allowed, role_arn, delivered) in [
        (allow(&["states:StartExecution"]), json!(ROLE), true),
        (allow(&["states:ListExecutions"]), json!(ROLE), false),
        (allow(&["states:StartExecution"]), Value::Null, false),
    ] {
        let local = LocalAws::new(Settings::for_tests());
        local.stepfunctions().on_start_execution(|_| {});
        local.iam().put_role(role(&allowed));
        let target = json!({"Id": "one", "Arn": MACHINE, "RoleArn": role_arn});
        let outcome = delivery(&local, target).await;
        let is_delivered = matches!(outcome, DeliveryOutcome::Delivered(_));
        assert_eq!(is_delivered, delivered, "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_invokes_a_function_that_allows_it() {
    for allowed in [true, false] {
        let local = LocalAws::new(Settings::for_tests());
        local.lambda().on_invoke_async(|_, _| {});
        let function_arn = local.lambda().register(FunctionConfig::new("one", ""));
        local.iam().put_role(role(&json!([])));
        let rule = if allowed { "one" } else { "another" };
        local.iam().add_permission(InvokePermission {
            function_arn: function_arn.clone(),
            principal: "events.amazonaws.com".to_owned(),
            source_arn: format!("arn:aws:events:us-west-2:123456789012:rule/{rule}"),
        });
        let outcome = delivery(&local, json!({"Id": "one", "Arn": function_arn})).await;
        let delivered = matches!(outcome, DeliveryOutcome::Delivered(_));
        assert_eq!(delivered, allowed, "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_and_arns_of_functions_are_authorised_on_the_same_arn() {
    let local = LocalAws::new(Settings::for_tests());
    let arn = "arn:aws:lambda:us-west-2:123456789012:function:one";
    for name in [
        "one",
        arn,
        "arn%3Aaws%3Alambda%3Aus-west-2%3A123456789012%3Afunction%3Aone",
    ] {
        let request = Request::post(format!("/2015-03-31/functions/{name}/invocations"))
            .header("authorization", authorization("lambda", "test"))
            .body(Bytes::new())
            .unwrap();
        let requests = local.authorization_requests(request).unwrap();
        assert_eq!(lines(&requests), [format!("lambda:InvokeFunction {arn} ")]);
    }
}
