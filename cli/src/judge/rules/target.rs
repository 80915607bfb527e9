//! The command that puts the target of a rule back.

use hookline_domain::reconcile::ProfileInput;
use serde_json::{Map, Value, json};

use crate::chosen::with_options;
use crate::judge::finding::{command_line, quoted};
use crate::judge::{Finding, Remedy};
use crate::observed::deployment::Deployment;
use crate::observed::rule::{Retry, Rule, Target};

/// How the template of a target's input begins; the profile and a brace follow.
const TEMPLATE_START: &str = "{\"event\":<aws.events.event.json>,\"profile\":";
/// Where the role of a rule's target is in a remedy that does not know it.
const ROLE: &str = "ROLE_ARN";
/// The id that the CDK gives the only target of a rule.
pub(super) const TARGET_ID: &str = "Target0";

/// The finding with the command that puts the target with this id.
pub(super) fn put_back(
    finding: Finding,
    deployment: &Deployment,
    rule: &Rule,
    id: &str,
    input: Option<&ProfileInput>,
) -> Finding {
    put_back_on(finding, deployment, &quoted(&rule.name), id, input)
}

/// The same with the rule's name as a shell reads it.
pub(super) fn put_back_on(
    mut finding: Finding,
    deployment: &Deployment,
    rule: &str,
    id: &str,
    input: Option<&ProfileInput>,
) -> Finding {
    let sibling = sibling(deployment);
    if sibling.is_none() {
        finding = without_sibling(finding, deployment);
    }
    let machine = deployment.machine.arn();
    let put = match input {
        Some(input) => put_target(rule, &target(deployment, id, machine), &input.value),
        None => {
            finding = finding.say(
                "profile.json is the profile of your configuration. A deployment does not put the target back: \
                 CloudFormation sees no change.",
            );
            put_target_of_file(rule, &target(deployment, id, machine))
        }
    };
    finding.remedy.push(put);
    finding
}

/// What gives the shell the name of a resource in a stack: of this type, and with this in its
/// logical id.
pub(super) fn name_in_stack(stack: &str, logical_id: &str, kind: &str) -> String {
    let query = format!(
        "StackResourceSummaries[?contains(LogicalResourceId, '{logical_id}') && ResourceType == '{kind}'].PhysicalResourceId"
    );
    let words = [
        "aws",
        "cloudformation",
        "list-stack-resources",
        "--stack-name",
        stack,
        "--query",
        &query,
        "--output",
        "text",
    ];
    let words = with_options(&words.map(str::to_owned));
    format!("\"$({})\"", command_line(&words))
}

/// What finds the role of a target, where no other rule has it.
fn without_sibling(finding: Finding, deployment: &Deployment) -> Finding {
    let finding = finding.say(format!(
        "Find the role with which EventBridge starts executions, and replace {ROLE} in the last command with its ARN:"
    ));
    let finding = match deployment.stack() {
        "" => finding.run([
            "aws",
            "iam",
            "list-roles",
            "--query",
            "Roles[?contains(to_string(AssumeRolePolicyDocument), 'events.amazonaws.com')].Arn",
            "--output",
            "text",
        ]),
        stack => {
            let name = name_in_stack(stack, "StartLaunchRole", "AWS::IAM::Role");
            let words = [
                "aws",
                "iam",
                "get-role",
                "--role-name",
                &name,
                "--query",
                "Role.Arn",
                "--output",
                "text",
            ];
            let mut finding = finding;
            let command = Remedy::Shell(words.map(str::to_owned).to_vec());
            finding.remedy.push(command);
            finding
        }
    };
    match queue_of_rounds(deployment) {
        Some(_) => finding,
        None => finding.say(
            "The target of the stack also had a dead-letter queue. To have it again, add DeadLetterConfig to the target in \
             the command: the template of the stack has it.",
        ),
    }
}

/// A target without its input: with the role, the dead-letter queue and the retries of another
/// rule's. Without one, with those that the CDK app gives each rule
/// (`cdk/lib/launch/launch-rule.ts`): the queue is that of reconcile's schedule.
fn target(deployment: &Deployment, id: &str, machine: &str) -> Value {
    let sibling = sibling(deployment);
    let role = sibling.and_then(|it| it.role_arn.as_deref());
    let mut target = json!({"Id": id, "Arn": machine, "RoleArn": role.unwrap_or(ROLE)});
    let of_app = Target {
        dead_letter_queue: queue_of_rounds(deployment).map(str::to_owned),
        retry: Some(Retry {
            attempts: Some(185),
            event_age: Some(1_800),
        }),
        ..Target::default()
    };
    deliver_as(&mut target, Some(sibling.unwrap_or(&of_app)));
    target
}

/// The dead-letter queue of reconcile's schedule: that of all rules of a stack.
fn queue_of_rounds(deployment: &Deployment) -> Option<&str> {
    let mut queues = deployment.reconcile.iter();
    queues.find_map(|it| it.dead_letter_queue.as_deref())
}

/// Gives a target the dead-letter queue and the retries of another one.
pub(super) fn deliver_as(target: &mut Value, sibling: Option<&Target>) {
    let Some(fields) = target.as_object_mut() else {
        return;
    };
    if let Some(queue) = sibling.and_then(|it| it.dead_letter_queue.as_ref()) {
        fields.insert("DeadLetterConfig".to_owned(), json!({"Arn": queue}));
    }
    if let Some(retry) = sibling.and_then(|it| it.retry) {
        let mut policy = Map::new();
        let attempts = retry.attempts.map(|it| ("MaximumRetryAttempts", it));
        let age = retry.event_age.map(|it| ("MaximumEventAgeInSeconds", it));
        for (name, value) in attempts.into_iter().chain(age) {
            policy.insert(name.to_owned(), json!(value));
        }
        fields.insert("RetryPolicy".to_owned(), Value::Object(policy));
    }
}

/// The target with its input's template, as `put-targets` takes it.
fn with_template(target: &Value, template: &str) -> Value {
    let mut target = target.clone();
    if let Some(fields) = target.as_object_mut() {
        fields.insert(
            "InputTransformer".to_owned(),
            json!({"InputTemplate": template}),
        );
    }
    json!([target])
}

/// The command that puts the target with this profile.
fn put_target(rule: &str, target: &Value, profile: &Value) -> Remedy {
    // As the CDK app writes it: EventBridge would read `<…>` in a profile as a variable.
    let profile = profile
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e");
    let targets = with_template(target, &format!("{TEMPLATE_START}{profile}}}"));
    let words = [
        "aws",
        "events",
        "put-targets",
        "--rule",
        rule,
        "--targets",
        &quoted(&targets.to_string()),
    ];
    Remedy::Shell(words.map(str::to_owned).to_vec())
}

/// The same with a profile that is in a file. Python puts it into the template, as its quotes must
/// be escaped there.
fn put_target_of_file(rule: &str, target: &Value) -> Remedy {
    let mut program = String::from("import json; t = json.loads(");
    program.push_str(&json!(with_template(target, TEMPLATE_START).to_string()).to_string());
    program.push_str(
        "); p = json.dumps(json.load(open(\"profile.json\"))); \
         t[0][\"InputTransformer\"][\"InputTemplate\"] += p.replace(\"<\", \"\\\\u003c\").replace(\">\", \"\\\\u003e\") + \"}\"; \
         print(json.dumps(t))",
    );
    let program = quoted(&program);
    let words = [
        "python3",
        "-c",
        &program,
        ">",
        "targets.json",
        "&&",
        "aws",
        "events",
        "put-targets",
        "--rule",
        rule,
        "--targets",
        "file://targets.json",
    ];
    Remedy::Shell(words.map(str::to_owned).to_vec())
}

/// The target with which another rule starts the same state machine.
pub(super) fn sibling(deployment: &Deployment) -> Option<&Target> {
    let machine = &deployment.machine;
    let mut targets = deployment
        .rules
        .iter()
        .flat_map(|rule| rule.targets_of(machine));
    targets.find(|target| target.role_arn.is_some())
}
