//! The roles of a CloudFormation template, as the CDK synthesises it: their policies, and who has
//! which.
//!
//! References are resolved as CloudFormation does (CloudFormation Template Reference, "Intrinsic
//! function reference" and the return values of each resource type). A resource without a name of
//! its own gets the stack's name and its logical id; CloudFormation adds random characters.
//! Anything that is not known is refused by name.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::policy::{Policy, PolicyError};
use super::roles::{InvokePermission, Role};

/// Why the roles of a template cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The template does not have the form of one.
    #[error("{resource}: {property} is missing or not understood")]
    Form {
        /// The logical id of the resource.
        resource: String,
        /// The property.
        property: String,
    },
    /// A reference that cannot be resolved.
    #[error("the reference {0} is not understood")]
    Reference(String),
    /// A managed policy of AWS whose content is not known.
    #[error("the managed policy {0} is not known")]
    ManagedPolicy(String),
    /// A policy that cannot be evaluated.
    #[error("a policy of {role}: {error}")]
    Policy {
        /// The ARN of the role.
        role: String,
        /// What is not known.
        error: PolicyError,
    },
}

/// Where a template is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The stack's name.
    pub name: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// The Region.
    pub region: String,
    /// The account.
    pub account: String,
}

/// The roles of a template.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TemplateRoles {
    /// The policy documents of each role, by the role's ARN, with their references resolved.
    pub documents: BTreeMap<String, Vec<Value>>,
    /// The trust policy of each role, by the role's ARN, with its references resolved.
    pub trust: BTreeMap<String, Value>,
    /// The ARN of the role of each function, by the function's name.
    pub functions: BTreeMap<String, String>,
    /// The ARN of the role of each state machine, by the state machine's name.
    pub state_machines: BTreeMap<String, String>,
    /// The ARN of a role that has a managed policy which the template attaches to nobody, by the
    /// logical id of the policy. The template has no such role: a person gives the policy to one.
    pub unattached: BTreeMap<String, String>,
    /// The ARN of the role with which rules start each state machine, by the state machine's name.
    pub starters: BTreeMap<String, String>,
    /// The ARN of the role of each schedule of EventBridge Scheduler, by the schedule's name.
    pub schedules: BTreeMap<String, String>,
    /// The policy documents of each queue, by the queue's ARN, with their references resolved.
    pub queues: BTreeMap<String, Vec<Value>>,
    /// The names of the buckets.
    pub buckets: Vec<String>,
    /// The functions that rules may invoke.
    pub invoke_permissions: Vec<InvokePermission>,
}

impl TemplateRoles {
    /// Reads the roles of a template that is deployed as `stack`.
    ///
    /// # Errors
    /// [`TemplateError`], naming what is not known.
    pub fn read(template: &Value, stack: &Stack) -> Result<Self, TemplateError> {
        let reader = Reader { template, stack };
        let mut roles = Self::default();
        for id in reader.of_type("AWS::IAM::Role") {
            let mut documents = Vec::new();
            for arn in reader.list(id, "ManagedPolicyArns") {
                documents.push(managed_policy(&reader.text(arn)?)?);
            }
            for policy in reader.list(id, "Policies") {
                let document = policy.get("PolicyDocument");
                documents.push(reader.resolved(document.unwrap_or(&Value::Null))?);
            }
            let arn = reader.attribute(id, "Arn")?;
            if let Some(trust) = reader.find(id, "AssumeRolePolicyDocument") {
                roles.trust.insert(arn.clone(), reader.resolved(trust)?);
            }
            roles.documents.insert(arn, documents);
        }
        for kind in ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"] {
            for id in reader.of_type(kind) {
                let document = reader.resolved(reader.property(id, "PolicyDocument")?)?;
                if kind == "AWS::IAM::ManagedPolicy" && reader.list(id, "Roles").is_empty() {
                    let arn = reader.role_arn(&format!("{}-{id}", stack.name));
                    roles.documents.insert(arn.clone(), vec![document]);
                    roles.unattached.insert(id.to_owned(), arn);
                    continue;
                }
                for role in reader.list(id, "Roles") {
                    let arn = reader.role_arn(&reader.text(role)?);
                    let known = roles.documents.get_mut(&arn);
                    known
                        .ok_or(TemplateError::Reference(arn))?
                        .push(document.clone());
                }
            }
        }
        for id in reader.of_type("AWS::Lambda::Function") {
            let role = reader.text(reader.property(id, "Role")?)?;
            roles.functions.insert(reader.name(id)?, role);
        }
        for id in reader.of_type("AWS::StepFunctions::StateMachine") {
            let role = reader.text(reader.property(id, "RoleArn")?)?;
            roles.state_machines.insert(reader.name(id)?, role);
        }
        for id in reader.of_type("AWS::Events::Rule") {
            for target in reader.list(id, "Targets") {
                if let (Some(arn), Some(role)) = (target.get("Arn"), target.get("RoleArn")) {
                    let machine = reader.text(arn)?;
                    let name = machine.rsplit(':').next().unwrap_or_default().to_owned();
                    roles.starters.insert(name, reader.text(role)?);
                }
            }
        }
        for id in reader.of_type("AWS::S3::Bucket") {
            roles.buckets.push(reader.name(id)?);
        }
        for id in reader.of_type("AWS::Scheduler::Schedule") {
            let role = reader.property(id, "Target")?.get("RoleArn");
            let role = reader.text(role.unwrap_or(&Value::Null))?;
            roles.schedules.insert(reader.name(id)?, role);
        }
        for id in reader.of_type("AWS::SQS::QueuePolicy") {
            let document = reader.resolved(reader.property(id, "PolicyDocument")?)?;
            for queue in reader.list(id, "Queues") {
                // The reference is the queue's URL on AWS, and its name here.
                let arn = reader.arn("sqs", &reader.text(queue)?);
                roles.queues.entry(arn).or_default().push(document.clone());
            }
        }
        for id in reader.of_type("AWS::Lambda::Permission") {
            let text = |property| reader.text(reader.property(id, property)?);
            roles.invoke_permissions.push(InvokePermission {
                function_arn: text("FunctionName")?,
                principal: text("Principal")?,
                source_arn: text("SourceArn")?,
            });
        }
        Ok(roles)
    }

    /// The type and the physical id of each resource of a template that is deployed as `stack`, by its
    /// logical id: what `Ref` returns (CloudFormation Template Reference, "Return values" of each type). A
    /// type that is not known is left out.
    #[must_use]
    pub fn resources(template: &Value, stack: &Stack) -> BTreeMap<String, (String, String)> {
        let reader = Reader { template, stack };
        let resources = template.get("Resources").and_then(Value::as_object);
        let ids = resources.into_iter().flatten().map(|(id, _)| id);
        let named = ids.filter_map(|id| {
            let (kind, name) = (reader.kind(id).ok()?, || reader.name(id).ok());
            let physical = match kind {
                "AWS::StepFunctions::StateMachine" => reader.attribute(id, "Arn").ok()?,
                "AWS::IAM::ManagedPolicy" => {
                    let Stack {
                        partition, account, ..
                    } = stack;
                    format!("arn:{partition}:iam::{account}:policy/{}-{id}", stack.name)
                }
                "AWS::SQS::Queue" => {
                    let Stack {
                        region, account, ..
                    } = stack;
                    format!("https://sqs.{region}.amazonaws.com/{account}/{}", name()?)
                }
                _ => name()?,
            };
            Some((id.clone(), (kind.to_owned(), physical)))
        });
        named.collect()
    }

    /// The roles with their policies parsed.
    ///
    /// # Errors
    /// [`TemplateError::Policy`].
    pub fn roles(&self) -> Result<Vec<Role>, TemplateError> {
        let parse = |(arn, documents): (&String, &Vec<Value>)| {
            let policies: Result<_, _> = documents.iter().map(Policy::parse).collect();
            Ok(Role {
                arn: arn.clone(),
                policies: policies.map_err(|error| TemplateError::Policy {
                    role: arn.clone(),
                    error,
                })?,
            })
        };
        self.documents.iter().map(parse).collect()
    }
}

/// The content of a policy that AWS manages (AWS Managed Policy Reference,
/// "AWSLambdaBasicExecutionRole").
///
/// # Errors
/// [`TemplateError::ManagedPolicy`] if it is not known.
pub fn managed_policy(arn: &str) -> Result<Value, TemplateError> {
    match arn.rsplit('/').next() {
        Some("AWSLambdaBasicExecutionRole") => Ok(json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": "*",
            }],
        })),
        _ => Err(TemplateError::ManagedPolicy(arn.to_owned())),
    }
}

struct Reader<'a> {
    template: &'a Value,
    stack: &'a Stack,
}

impl<'a> Reader<'a> {
    fn of_type(&self, kind: &str) -> Vec<&'a str> {
        let resources = self.template.get("Resources").and_then(Value::as_object);
        let of_type = |resource: &Value| resource.get("Type").and_then(Value::as_str) == Some(kind);
        resources
            .into_iter()
            .flatten()
            .filter(|(_, resource)| of_type(resource))
            .map(|(id, _)| id.as_str())
            .collect()
    }

    fn find(&self, id: &str, property: &str) -> Option<&'a Value> {
        let resources = self.template.get("Resources")?;
        resources.get(id)?.get("Properties")?.get(property)
    }

    fn property(&self, id: &str, property: &str) -> Result<&'a Value, TemplateError> {
        self.find(id, property).ok_or_else(|| TemplateError::Form {
            resource: id.to_owned(),
            property: property.to_owned(),
        })
    }

    fn list(&self, id: &str, property: &str) -> &'a [Value] {
        let list = self.find(id, property).and_then(Value::as_array);
        list.map_or(&[], Vec::as_slice)
    }

    /// The resource's name: its own, or the one that CloudFormation makes.
    fn name(&self, id: &str) -> Result<String, TemplateError> {
        let property = match self.kind(id)? {
            "AWS::IAM::Role" => "RoleName",
            "AWS::Lambda::Function" => "FunctionName",
            "AWS::StepFunctions::StateMachine" => "StateMachineName",
            "AWS::Logs::LogGroup" => "LogGroupName",
            "AWS::SQS::Queue" => "QueueName",
            "AWS::S3::Bucket" => "BucketName",
            "AWS::Events::Rule" | "AWS::Scheduler::Schedule" => "Name",
            other => return Err(TemplateError::Reference(format!("{id}, a {other}"))),
        };
        match self.find(id, property) {
            Some(name) => self.text(name),
            None => Ok(format!("{}-{id}", self.stack.name)),
        }
    }

    fn kind(&self, id: &str) -> Result<&'a str, TemplateError> {
        let resources = self.template.get("Resources");
        let kind = resources.and_then(|resources| resources.get(id)?.get("Type")?.as_str());
        kind.ok_or_else(|| TemplateError::Reference(id.to_owned()))
    }

    fn role_arn(&self, name: &str) -> String {
        let Stack {
            partition, account, ..
        } = self.stack;
        format!("arn:{partition}:iam::{account}:role/{name}")
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        let Stack {
            partition,
            region,
            account,
            ..
        } = self.stack;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    fn attribute(&self, id: &str, attribute: &str) -> Result<String, TemplateError> {
        let name = self.name(id)?;
        let arn = |service: &str, resource: &str| self.arn(service, &format!("{resource}{name}"));
        match (self.kind(id)?, attribute) {
            ("AWS::IAM::Role", "Arn") => Ok(self.role_arn(&name)),
            ("AWS::Lambda::Function", "Arn") => Ok(arn("lambda", "function:")),
            ("AWS::StepFunctions::StateMachine", "Arn") => Ok(arn("states", "stateMachine:")),
            ("AWS::StepFunctions::StateMachine", "Name") => Ok(name),
            ("AWS::Logs::LogGroup", "Arn") => Ok(format!("{}:*", arn("logs", "log-group:"))),
            ("AWS::SQS::Queue", "Arn") => Ok(arn("sqs", "")),
            // Their names are unique in a partition, so their ARNs have neither Region nor account.
            ("AWS::S3::Bucket", "Arn") => Ok(format!("arn:{}:s3:::{name}", self.stack.partition)),
            ("AWS::Events::Rule", "Arn") => Ok(arn("events", "rule/")),
            _ => Err(TemplateError::Reference(format!("{id}.{attribute}"))),
        }
    }

    fn reference(&self, name: &str) -> Result<String, TemplateError> {
        match name {
            "AWS::Partition" => Ok(self.stack.partition.clone()),
            "AWS::Region" => Ok(self.stack.region.clone()),
            "AWS::AccountId" => Ok(self.stack.account.clone()),
            "AWS::StackName" => Ok(self.stack.name.clone()),
            // Most resource types return their name, a state machine its ARN.
            id if self.kind(id)? == "AWS::StepFunctions::StateMachine" => self.attribute(id, "Arn"),
            id => self.name(id),
        }
    }

    /// A value with all its references resolved.
    fn resolved(&self, value: &Value) -> Result<Value, TemplateError> {
        Ok(match value {
            Value::Array(values) => {
                let values: Result<_, _> = values.iter().map(|one| self.resolved(one)).collect();
                Value::Array(values?)
            }
            Value::Object(members) => {
                let function = |name: &String| name == "Ref" || name.starts_with("Fn::");
                if members.len() == 1 && members.keys().all(function) {
                    return self.text(value).map(Value::from);
                }
                let resolve = |(key, member): (&String, &Value)| {
                    Ok::<_, TemplateError>((key.clone(), self.resolved(member)?))
                };
                let members: Result<_, _> = members.iter().map(resolve).collect();
                Value::Object(members?)
            }
            other => other.clone(),
        })
    }

    /// A text, or what a function of the template gives for it.
    fn text(&self, value: &Value) -> Result<String, TemplateError> {
        let unknown = || TemplateError::Reference(value.to_string());
        if let Value::String(text) = value {
            return Ok(text.clone());
        }
        let members = value.as_object().filter(|members| members.len() == 1);
        let (function, argument) = members
            .and_then(|one| one.iter().next())
            .ok_or_else(unknown)?;
        match (function.as_str(), argument) {
            ("Ref", Value::String(name)) => self.reference(name),
            ("Fn::GetAtt", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(id), Value::String(attribute)] => self.attribute(id, attribute),
                _ => Err(unknown()),
            },
            ("Fn::Join", Value::Array(parts)) => match parts.as_slice() {
                [Value::String(separator), Value::Array(parts)] => {
                    let parts: Result<Vec<_>, _> =
                        parts.iter().map(|part| self.text(part)).collect();
                    Ok(parts?.join(separator))
                }
                _ => Err(unknown()),
            },
            ("Fn::Sub", Value::String(text)) => self.substituted(text),
            _ => Err(unknown()),
        }
    }

    /// `Fn::Sub` of one text: `${Name}` is a reference, `${Name.Attribute}` an attribute, `${!Name}`
    /// the text `${Name}`.
    fn substituted(&self, text: &str) -> Result<String, TemplateError> {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let unknown = || TemplateError::Reference(text.to_owned());
            let (name, after) = after.split_once('}').ok_or_else(unknown)?;
            result.push_str(before);
            result.push_str(&match (name.strip_prefix('!'), name.split_once('.')) {
                (Some(literal), _) => format!("${{{literal}}}"),
                (None, Some((id, attribute))) => self.attribute(id, attribute)?,
                (None, None) => self.reference(name)?,
            });
            rest = after;
        }
        result.push_str(rest);
        Ok(result)
    }
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
