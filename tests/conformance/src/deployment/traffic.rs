//! The deployment of a traffic stack: what its template names, with the ids that CloudFormation
//! gave.

use anyhow::{Context as _, Result};
use hookline_testkit::attacks::{LISTING, Listed, Reader, TrafficThings};
use serde_json::Value;

use super::stack::{Stack, joined};
use super::{Deployment, trust};
use crate::clients::Clients;
use crate::simulator::Policies;

impl Deployment {
    /// Reads what the tables of the traffic need. The schedules are read from the template: one
    /// that was changed by hand has the role of the template here.
    pub(super) async fn read_traffic(&mut self, clients: &Clients, stack: &Stack) -> Result<()> {
        for (_, arn) in stack.of("AWS::StepFunctions::StateMachine") {
            let call = clients.sfn.describe_state_machine();
            let found = call.state_machine_arn(arn).send().await;
            let found = found.with_context(|| format!("DescribeStateMachine {arn}"))?;
            let role = Policies::OfRole(found.role_arn().to_owned());
            self.add("cross-az-traffic", role);
        }
        let mut things = TrafficThings {
            partition: self.things.partition.clone(),
            region: self.things.region.clone(),
            account: self.things.account.clone(),
            prefix: self.things.name.clone(),
            queue: self
                .things
                .queues
                .values()
                .next()
                .cloned()
                .unwrap_or_default(),
            listings: vec![LISTING],
            ..TrafficThings::default()
        };
        let s3 = |name: &str| format!("arn:{}:s3:::{name}", self.things.partition);
        let bucket = |part: &str| {
            let all = stack.of("AWS::S3::Bucket");
            let found = all.into_iter().find(|(id, _)| id.contains(part));
            found.map(|(_, name)| s3(name))
        };
        things.bucket = bucket("StoreTraffic").context("no bucket of the traffic")?;
        things.results = bucket("StoreQueryResults").context("no bucket of the results")?;
        (things.flow_logs, things.records) = match bucket("StoreFlowLogs") {
            Some(own) => (own, "AWSLogs/".to_owned()),
            None => {
                let tables = stack.properties("AWS::Glue::Table");
                let of_flow_logs = tables.iter().find(|(id, _)| id.contains("FlowLogsTable"));
                let location = of_flow_logs
                    .and_then(|(_, table)| table.pointer("/TableInput/StorageDescriptor/Location"));
                let location = location.map(joined).unwrap_or_default();
                let (bucket, folder) = location
                    .strip_prefix("s3://")
                    .and_then(|rest| rest.split_once('/'))
                    .context("the table of the flow logs has no location")?;
                (s3(bucket), folder.to_owned())
            }
        };
        things.key = stack.resources_of("kms:Decrypt").into_iter().next();
        let functions = stack.of("AWS::Lambda::Function");
        let handler = functions
            .iter()
            .find(|(id, _)| id.contains("TableFunction"));
        let (_, handler) = handler.context("no function that creates the tables")?;
        let Deployment { things: own, .. } = self;
        let (partition, region, account) = (&own.partition, &own.region, &own.account);
        things.handler = format!("arn:{partition}:lambda:{region}:{account}:function:{handler}");
        let functions = stack.properties("AWS::Lambda::Function");
        things.is_in_vpc = functions
            .iter()
            .any(|(_, it)| it.get("VpcConfig").is_some());

        for (_, schedule) in stack.properties("AWS::Scheduler::Schedule") {
            let name = schedule.get("Name").map(joined).unwrap_or_default();
            let of_listing = schedule.pointer("/Target/Input").map(joined);
            let input: Value = serde_json::from_str(&of_listing.unwrap_or_default())
                .with_context(|| format!("the input of the schedule {name}"))?;
            let role = schedule.pointer("/Target/RoleArn/Fn::GetAtt/0");
            let role = role
                .and_then(Value::as_str)
                .and_then(|id| stack.physical(id));
            let role = role.with_context(|| format!("the schedule {name} has no role"))?;
            let (arn, document) = trust::role(clients, role).await?;
            self.trust.insert(arn.clone(), document);
            let by = match input.get("pods") {
                None => LISTING,
                Some(_) if name.ends_with("-nightly") => "schedule of cross-az-traffic-nightly",
                Some(_) => "schedule of cross-az-traffic",
            };
            self.add(by, Policies::OfRole(arn));
            if by == LISTING {
                put_cluster(&mut things, &input);
            }
        }
        self.traffic = Some(things);
        Ok(())
    }
}

/// Adds the cluster of a listing, by the schedule's input. Several schedules list one.
fn put_cluster(things: &mut TrafficThings, input: &Value) {
    let text = |key: &str| input.get(key).and_then(Value::as_str);
    let Some(cluster) = text("cluster") else {
        return;
    };
    let by = match text("assumeRoleArn") {
        Some(role) => Reader::Role(role.to_owned()),
        None => {
            let region = text("region").unwrap_or(&things.region);
            let (partition, account) = (&things.partition, &things.account);
            Reader::Function(format!(
                "arn:{partition}:eks:{region}:{account}:cluster/{cluster}"
            ))
        }
    };
    let listed = Listed {
        name: cluster.to_owned(),
        by,
    };
    if !things.clusters.contains(&listed) {
        things.clusters.push(listed);
    }
}
