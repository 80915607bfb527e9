//! A call, and how it is made with the credentials of a role.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use hookline_local::iam::{AuthorizationRequest, Context, credentials_of};
use hookline_local::{LocalAws, Outcome};
use http::{Method, Request};
use serde_json::Value;

/// A call.
#[derive(Debug, Clone)]
pub(super) enum Call {
    /// EC2 or Auto Scaling: the service and the form.
    Form(&'static str, Vec<(String, String)>),
    /// Step Functions: the action and the body.
    States(&'static str, Value),
    /// EventBridge: the action and the body.
    Events(&'static str, Value),
    /// CloudWatch: the action, without parameters.
    CloudWatch(&'static str),
    /// Lambda's Invoke, of the function with this ARN.
    Invoke(String),
    /// EKS's DescribeCluster, of the cluster with this name.
    DescribeCluster(&'static str),
    /// A service that the fake AWS does not have: the action, the resource, and the condition keys.
    Compared(&'static str, String, Vec<(&'static str, String)>),
}

/// The context key with the role that calls.
pub(super) const ROLE: &str = "aws:PrincipalArn";
/// The Region and the account of the deployment, as they are in an ARN.
pub(super) const ACCOUNT: &str = "us-west-2:123456789012";

/// A call to a service that the fake AWS does not have, which no condition is about.
pub(super) fn compared(action: &'static str, resource: impl Into<String>) -> Call {
    Call::Compared(action, resource.into(), Vec::new())
}

/// A form of EC2.
pub(super) fn ec2(action: &str, parameters: &[(&str, &str)]) -> Call {
    form("ec2", "2016-11-15", action, parameters)
}

/// A form of Auto Scaling.
pub(super) fn autoscaling(action: &str, parameters: &[(&str, &str)]) -> Call {
    form("autoscaling", "2011-01-01", action, parameters)
}

fn form(service: &'static str, version: &str, action: &str, parameters: &[(&str, &str)]) -> Call {
    let pairs = [("Action", action), ("Version", version)].into_iter();
    let pairs = pairs.chain(parameters.iter().copied());
    let owned = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Call::Form(service, owned.collect())
}

/// CreateTags or DeleteTags, on one resource.
pub(super) fn tags(action: &str, resource: &str, keys: &[&str]) -> Call {
    let mut call = ec2(action, &[("ResourceId.1", resource)]);
    if let Call::Form(_, pairs) = &mut call {
        for (n, key) in (1..).zip(keys) {
            pairs.push((format!("Tag.{n}.Key"), (*key).to_owned()));
            pairs.push((format!("Tag.{n}.Value"), "1".to_owned()));
        }
    }
    call
}

/// CreateOrUpdateTags, on one group.
pub(super) fn group_tags(group: &str, keys: &[&str]) -> Call {
    let mut call = autoscaling("CreateOrUpdateTags", &[]);
    if let Call::Form(_, pairs) = &mut call {
        for (n, key) in (1..).zip(keys) {
            for (part, value) in [
                ("ResourceId", group),
                ("ResourceType", "auto-scaling-group"),
                ("Key", key),
                ("Value", "1"),
                ("PropagateAtLaunch", "false"),
            ] {
                pairs.push((format!("Tags.member.{n}.{part}"), value.to_owned()));
            }
        }
    }
    call
}

impl Call {
    /// What the call is authorised on.
    pub(super) fn requests(&self, local: &LocalAws) -> Result<Vec<AuthorizationRequest>> {
        if let Self::Compared(action, resource, keys) = self {
            let mut context = Context::default();
            for (key, value) in keys {
                context.set(key, [value.clone()]);
            }
            return Ok(vec![AuthorizationRequest {
                action: (*action).to_owned(),
                resource: resource.clone(),
                context,
            }]);
        }
        local
            .authorization_requests(self.request("test")?)
            .with_context(|| format!("not understood: {self:?}"))
    }

    /// Makes the call. Returns the code of the error, if there is one.
    pub(super) async fn make(&self, local: &LocalAws, role_arn: &str) -> Result<Option<String>> {
        if self.is_only_compared() {
            return Ok(None);
        }
        let credentials = credentials_of(role_arn);
        local
            .handle(self.request(credentials.access_key_id())?)
            .await?;
        let call = local.calls().pop().context("no call in the log")?;
        Ok(match call.outcome {
            Outcome::Error(code) => Some(code),
            _ => None,
        })
    }

    /// Whether the fake AWS does not have the service.
    pub(super) fn is_only_compared(&self) -> bool {
        matches!(self, Self::Compared(..))
    }

    fn request(&self, access_key: &str) -> Result<Request<Bytes>> {
        let (service, path, target, body) = match self {
            Self::Form(service, pairs) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                (
                    *service,
                    "/".to_owned(),
                    None,
                    form.extend_pairs(pairs).finish(),
                )
            }
            Self::States(action, body) => {
                let target = format!("AWSStepFunctions.{action}");
                ("states", "/".to_owned(), Some(target), body.to_string())
            }
            Self::Events(action, body) => {
                let target = format!("AWSEvents.{action}");
                ("events", "/".to_owned(), Some(target), body.to_string())
            }
            Self::CloudWatch(action) => {
                let target = format!("GraniteServiceVersion20100801.{action}");
                ("monitoring", "/".to_owned(), Some(target), "{}".to_owned())
            }
            Self::Invoke(arn) => {
                let path = format!("/2015-03-31/functions/{arn}/invocations");
                ("lambda", path, None, "{}".to_owned())
            }
            Self::DescribeCluster(name) => {
                ("eks", format!("/clusters/{name}"), None, String::new())
            }
            Self::Compared(action, ..) => anyhow::bail!("{action} is not a call of the fake AWS"),
        };
        let credential = format!("{access_key}/20260101/us-west-2/{service}/aws4_request");
        let method = match self {
            Self::DescribeCluster(_) => Method::GET,
            _ => Method::POST,
        };
        let request = Request::builder().method(method).uri(path);
        let mut request = request.header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={credential}, Signature=0"),
        );
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        Ok(request.body(Bytes::from(body))?)
    }
}
