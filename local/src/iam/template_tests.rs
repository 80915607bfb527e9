//! Templates are read as CloudFormation deploys them.

use super::*;

fn stack(partition: &str) -> Stack {
    Stack {
        name: "prod".to_owned(),
        partition: partition.to_owned(),
        region: "eu-west-1".to_owned(),
        account: "123456789012".to_owned(),
    }
}

fn template(resource: &Value) -> Value {
    json!({"Resources": {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {}},
        "Policy": {"Type": "AWS::IAM::Policy", "Properties": {
            "Roles": [{"Ref": "Role"}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "states:StartExecution", "Resource": resource},
            ]},
        }},
        "Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {
            "StateMachineName": "launch", "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        }},
        "Function": {"Type": "AWS::Lambda::Function", "Properties": {
            "FunctionName": {"Fn::Join": ["-", [{"Ref": "AWS::StackName"}, "adopt"]]},
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        }},
        "Rule": {"Type": "AWS::Events::Rule", "Properties": {"Targets": [
            {"Arn": {"Ref": "Machine"}, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}},
        ]}},
        "Permission": {"Type": "AWS::Lambda::Permission", "Properties": {
            "FunctionName": {"Fn::GetAtt": ["Function", "Arn"]},
            "Principal": "events.amazonaws.com",
            "SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]},
        }},
    }})
}

fn resource(resource: &Value, partition: &str) -> Result<Value, TemplateError> {
    let roles = TemplateRoles::read(&template(resource), &stack(partition))?;
    let role = format!("arn:{partition}:iam::123456789012:role/prod-Role");
    Ok(roles.documents[&role][0]["Statement"][0]["Resource"].clone())
}

#[test]
fn buckets_and_the_roles_of_schedules_are_known() {
    let mut template = template(&json!({"Fn::GetAtt": ["Bucket", "Arn"]}));
    let resources = template["Resources"].as_object_mut().unwrap();
    for (id, resource) in [
        ("Bucket", json!({"Type": "AWS::S3::Bucket"})),
        (
            "Schedule",
            json!({"Type": "AWS::Scheduler::Schedule", "Properties": {
                "Name": "hourly",
                "Target": {"Arn": {"Ref": "Machine"}, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}},
            }}),
        ),
    ] {
        resources.insert(id.to_owned(), resource);
    }
    let roles = TemplateRoles::read(&template, &stack("aws-cn")).unwrap();
    let role = "arn:aws-cn:iam::123456789012:role/prod-Role";
    assert_eq!(roles.schedules["hourly"], role);
    assert_eq!(roles.buckets, ["prod-Bucket"]);
    assert_eq!(
        roles.documents[role][0]["Statement"][0]["Resource"],
        json!("arn:aws-cn:s3:::prod-Bucket")
    );
}

#[test]
fn references_are_resolved_as_cloudformation_does() {
    let machine = "arn:aws-cn:states:eu-west-1:123456789012:stateMachine:launch";
    let executions = "arn:aws-cn:states:eu-west-1:123456789012:execution:launch:*";
    for (written, resolved) in [
        (json!({"Ref": "Machine"}), json!(machine)),
        (json!({"Fn::GetAtt": ["Machine", "Arn"]}), json!(machine)),
        (
            json!([{"Fn::Sub": "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${Machine.Name}:*"}]),
            json!([executions]),
        ),
        (
            json!({"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":x:", {"Ref": "Function"}, "${*}"]]}),
            json!("arn:aws-cn:x:prod-adopt${*}"),
        ),
        (json!({"Fn::Sub": "${!Literal}"}), json!("${Literal}")),
    ] {
        assert_eq!(resource(&written, "aws-cn"), Ok(resolved), "{written}");
    }
}

#[test]
fn roles_are_found_for_functions_state_machines_and_rules() {
    let read = TemplateRoles::read(&template(&json!("*")), &stack("aws")).unwrap();
    let role = "arn:aws:iam::123456789012:role/prod-Role".to_owned();
    assert_eq!(read.functions["prod-adopt"], role);
    assert_eq!(read.state_machines["launch"], role);
    assert_eq!(read.starters["launch"], role);
    let permission = &read.invoke_permissions[0];
    let account = "eu-west-1:123456789012";
    assert_eq!(
        permission.function_arn,
        format!("arn:aws:lambda:{account}:function:prod-adopt")
    );
    assert_eq!(
        permission.source_arn,
        format!("arn:aws:events:{account}:rule/prod-Rule")
    );
    let roles = read.roles().unwrap();
    assert_eq!((roles.len(), roles[0].policies.len()), (1, 1));
}

#[test]
fn unknown_references_are_refused_by_name() {
    for written in [
        json!({"Ref": "Nothing"}),
        json!({"Fn::GetAtt": ["Machine", "Nothing"]}),
        json!({"Fn::ImportValue": "Nothing"}),
        json!({"Fn::Sub": "${Nothing}"}),
        json!({"Fn::Sub": "${Nothing"}),
    ] {
        let error = resource(&written, "aws").unwrap_err().to_string();
        assert!(error.contains("Nothing"), "{error}");
    }
}

#[test]
fn managed_policy_that_is_not_known_is_refused() {
    let mut template = template(&json!("*"));
    let mut with = |policy: &str| {
        let arn = format!("arn:aws:iam::aws:policy/service-role/{policy}");
        template["Resources"]["Role"]["Properties"]["ManagedPolicyArns"] = json!([arn]);
        TemplateRoles::read(&template, &stack("aws")).and_then(|roles| roles.roles())
    };
    assert_eq!(
        with("AWSLambdaBasicExecutionRole").unwrap()[0]
            .policies
            .len(),
        2
    );
    let error = with("AdministratorAccess").unwrap_err().to_string();
    assert!(error.contains("AdministratorAccess"), "{error}");
}
