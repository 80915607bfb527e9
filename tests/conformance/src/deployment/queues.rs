//! The policies of the dead-letter queues of a deployment: as the queues have them, and as the
//! stack's template says.

use anyhow::{Context as _, Result, bail};
use aws_sdk_sqs::types::QueueAttributeName;
use hookline_testkit::attacks::queue_of;
use serde_json::{Value, json};

use super::Deployment;
use super::stack::{Stack, each};
use crate::clients::Clients;

/// The policy of a queue.
#[derive(Clone, Debug)]
pub struct QueuePolicy {
    /// As the queue has it now.
    pub document: Value,
    /// The statements of the stack's template.
    pub expected: Vec<Value>,
}

impl QueuePolicy {
    /// The statements that the queue has now, if they are others than those of the template. Their
    /// order says nothing.
    #[must_use]
    pub fn otherwise(&self) -> Option<Vec<&Value>> {
        let sorted = |mut statements: Vec<&Value>| -> Vec<String> {
            statements.sort_by_cached_key(|statement| statement.to_string());
            statements.into_iter().map(Value::to_string).collect()
        };
        let found = each(&self.document, "Statement");
        let expected = sorted(self.expected.iter().collect());
        (sorted(found.clone()) != expected).then_some(found)
    }
}

impl Deployment {
    /// Reads them. A queue without a policy has one that says nothing.
    pub(super) async fn read_queues(&mut self, clients: &Clients, stack: &Stack) -> Result<()> {
        for (id, url) in stack.of("AWS::SQS::Queue") {
            let Some(of) = queue_of(id) else {
                continue;
            };
            let call = clients.sqs.get_queue_attributes().queue_url(url);
            let names = [QueueAttributeName::Policy, QueueAttributeName::QueueArn];
            let found = call.set_attribute_names(Some(names.into())).send().await;
            let found = found.with_context(|| format!("GetQueueAttributes {url}"))?;
            let attributes = found.attributes().context("a queue without attributes")?;
            let arn = attributes.get(&QueueAttributeName::QueueArn);
            let policy = match attributes.get(&QueueAttributeName::Policy) {
                Some(text) => serde_json::from_str(text).context("the policy of a queue")?,
                None => json!({"Version": "2012-10-17", "Statement": []}),
            };
            let arn = arn.context("a queue without an ARN")?;
            let in_template = stack.queue_statements(id).into_iter();
            let expected = in_template.map(|it| self.resolved(it, (id, arn)));
            let expected = expected
                .collect::<Result<_>>()
                .with_context(|| format!("the policy of {id} in the template"))?;
            let policy = QueuePolicy {
                document: policy,
                expected,
            };
            self.queues.insert(of, policy);
            self.things.queues.insert(of, arn.clone());
        }
        Ok(())
    }

    /// A value of the template with the names of the deployment, as far as the policy of a queue,
    /// which has this logical id and ARN, refers to any.
    fn resolved(&self, value: &Value, queue: (&str, &str)) -> Result<Value> {
        let things = &self.things;
        let reference = match value {
            Value::Array(all) => {
                let all = all.iter().map(|one| self.resolved(one, queue));
                return Ok(Value::Array(all.collect::<Result<_>>()?));
            }
            Value::Object(members) => members.iter().next().filter(|_| members.len() == 1),
            other => return Ok(other.clone()),
        };
        let text = match reference {
            Some((kind, name)) if kind == "Ref" => match name.as_str() {
                Some("AWS::Partition") => things.partition.clone(),
                Some("AWS::Region") => things.region.clone(),
                Some("AWS::AccountId") => things.account.clone(),
                _ => bail!("a reference to {name}"),
            },
            Some((kind, of)) if kind == "Fn::GetAtt" => {
                if *of != json!([queue.0, "Arn"]) {
                    bail!("a reference to {of}");
                }
                queue.1.to_owned()
            }
            Some((kind, join)) if kind == "Fn::Join" => {
                let (separator, parts) = (join.get(0), join.get(1));
                let parts = self.resolved(parts.unwrap_or(&Value::Null), queue)?;
                let parts = parts.as_array().context("Fn::Join of no list")?;
                let parts: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
                let separator = separator.and_then(Value::as_str);
                let separator = separator.context("Fn::Join without a separator")?;
                parts.context("Fn::Join of no texts")?.join(separator)
            }
            Some((kind, _)) if kind.starts_with("Fn::") => bail!("the function {kind}"),
            _ => {
                let members = value.as_object().into_iter().flatten();
                let members = members
                    .map(|(key, member)| anyhow::Ok((key.clone(), self.resolved(member, queue)?)));
                return Ok(Value::Object(members.collect::<Result<_>>()?));
            }
        };
        Ok(text.into())
    }
}
