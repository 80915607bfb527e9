//! The policies of the dead-letter queues of a deployment, as the queues have them.

use anyhow::{Context as _, Result};
use aws_sdk_sqs::types::QueueAttributeName;
use hookline_testkit::attacks::queue_of;
use serde_json::json;

use super::Deployment;
use super::stack::Stack;
use crate::clients::Clients;

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
            self.queues.insert(of, policy);
            let arn = arn.context("a queue without an ARN")?;
            self.things.queues.insert(of, arn.clone());
        }
        Ok(())
    }
}
