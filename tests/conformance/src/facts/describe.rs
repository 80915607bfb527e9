//! What the Describe calls show: ids that do not exist, and how late they are.

use anyhow::{Context as _, Result};
use tokio::time::Instant;

use super::fact;
use crate::clients::refusal;
use crate::fact::{Expected, Fact, Observed};
use crate::stage::{Stage, filter, id_of};

const NO_INSTANCE: &str = "i-0123456789abcdef0";

pub(super) const FACTS: &[Fact] = &[
    fact!(
        interface_is_described_some_time_after_its_creation,
        "DescribeNetworkInterfaces shows a new interface, with its tags, at the latest after some seconds.",
        EC2_CONSISTENCY,
        Interfaces,
        Expected::values(&[("shown", "within 2 minutes"), ("tag of the run", "yes")])
    ),
    fact!(
        describe_of_an_unknown_instance_by_its_id_is_refused,
        "DescribeInstances refuses an instance id that EC2 does not know.",
        EC2_ERRORS,
        Interfaces,
        Expected::refusal(&["InvalidInstanceID.NotFound"])
    ),
    fact!(
        describe_of_an_unknown_instance_by_a_filter_finds_nothing,
        "A filter for an instance id that EC2 does not know finds nothing, and is no error.",
        EC2_FILTERS,
        Interfaces,
        Expected::values(&[("found", "0")])
    ),
    fact!(
        escaped_wildcard_of_a_filter_is_literal,
        "In the value of a filter, `*` matches any text, and `\\*` matches an asterisk only.",
        EC2_FILTERS,
        Interfaces,
        Expected::values(&[("found by *", "2"), ("found by \\*", "1")])
    ),
];

async fn interface_is_described_some_time_after_its_creation(stage: &Stage) -> Result<Observed> {
    let made = stage.create_in(&stage.main).send().await;
    let made = made.context("CreateNetworkInterface")?;
    let id = id_of(made.network_interface())?;
    let start = Instant::now();
    let shown = stage.shown(&id).await?;
    let took = start.elapsed();
    stage.discard(&id).await;
    let tagged = shown.tag_set().contains(&stage.tag());
    Ok(Observed::new()
        .value("shown", "within 2 minutes")
        .value("tag of the run", crate::fact::yes(tagged))
        .measure("milliseconds", took.as_millis()))
}

async fn describe_of_an_unknown_instance_by_its_id_is_refused(stage: &Stage) -> Result<Observed> {
    let call = stage.clients.ec2.describe_instances();
    refusal(call.instance_ids(NO_INSTANCE).send().await)
}

async fn describe_of_an_unknown_instance_by_a_filter_finds_nothing(
    stage: &Stage,
) -> Result<Observed> {
    let call = stage.clients.ec2.describe_instances();
    let call = call.filters(filter("instance-id", &[NO_INSTANCE]));
    let found = call.send().await.context("DescribeInstances")?;
    Ok(Observed::new().value("found", found.reservations().len()))
}

async fn escaped_wildcard_of_a_filter_is_literal(stage: &Stage) -> Result<Observed> {
    let mut made = Vec::new();
    let run = &stage.run;
    for description in [format!("{run} a*b"), format!("{run} axb")] {
        let call = stage.create_in(&stage.main).description(description);
        let answer = call.send().await.context("CreateNetworkInterface")?;
        made.push(id_of(answer.network_interface())?);
    }
    for id in &made {
        stage.shown(id).await?;
    }
    let mut observed = Observed::new();
    for (wildcard, value) in [("*", format!("{run} a*b")), ("\\*", format!("{run} a\\*b"))] {
        let call = stage.clients.ec2.describe_network_interfaces();
        let call = call.filters(filter("description", &[&value]));
        let found = call.send().await.context("DescribeNetworkInterfaces")?;
        let name = format!("found by {wildcard}");
        observed = observed.value(&name, found.network_interfaces().len());
    }
    for id in &made {
        stage.discard(id).await;
    }
    Ok(observed)
}
