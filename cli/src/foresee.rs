//! Makes the calls of `plan`: what the next launches of a group will find. All of them only read.

use std::collections::{BTreeMap, BTreeSet};

use hookline_domain::addresses::{AllocatedInterface, Subnet};
use hookline_domain::ids::SubnetId;
use hookline_domain::instance::AttachmentPoint;
use hookline_domain::reconcile::ProfileInput;
use ipnet::IpNet;
use tokio::task::JoinSet;

use crate::aws::Aws;
use crate::error::{Error, Result};
use crate::locate;
use crate::observe::{instances_of, now};
use crate::observed::account::Reservation;
use crate::observed::deployment::Deployment;
use crate::observed::forecast::Forecast;
use crate::observed::group::Group;

/// Looks at a group and at what its launches need.
///
/// # Errors
/// Returns why a call failed, or [`Error::NotFound`] if there is no such group, or no profile for
/// it.
pub(crate) async fn forecast(aws: &Aws, deployment: &Deployment, name: &str) -> Result<Forecast> {
    let group = locate::group(aws, name).await?;
    let mut profiles = deployment.active();
    let covers = |input: &&ProfileInput| input.profile.selector.covers(&group.name, &group.tags);
    let input = profiles.find(covers).cloned();
    let input = input.ok_or_else(|| Error::NotFound {
        what: format!("no profile of the deployment selects the group {name:?}"),
        remedy: "Correct the selector of a profile, and deploy.".to_owned(),
    })?;
    let profile = &input.profile;
    let ids = profile.subnet_ids();
    let (first, instances, subnets) = tokio::join!(
        first_launched(aws, &group),
        instances_of(aws, &profile.selector),
        aws.subnets(&ids),
    );
    let instances = instances?;
    let (instance_type, attached) = first?;
    let limits = match instance_type {
        Some(name) => aws.limits(&name).await?,
        None => None,
    };
    let subnets = subnets?;
    let available: BTreeMap<SubnetId, u32> = subnets
        .iter()
        .map(|seen| (seen.subnet.id.clone(), seen.available))
        .collect();
    let mut subnets: BTreeMap<SubnetId, Subnet> = subnets
        .into_iter()
        .map(|seen| (seen.subnet.id.clone(), seen.subnet))
        .collect();
    if let Some(missing) = ids.iter().find(|id| !subnets.contains_key(**id)) {
        return Err(Error::NotFound {
            what: format!(
                "there is no subnet {missing}, which the profile {} names",
                profile.name
            ),
            remedy: "`hookline check` says what to do.".to_owned(),
        });
    }
    let here: Vec<SubnetId> = subnets
        .values()
        .filter(|subnet| group.zones.contains_key(&subnet.availability_zone))
        .map(|subnet| subnet.id.clone())
        .collect();
    let mut prefix_reservations: BTreeMap<SubnetId, Vec<IpNet>> = BTreeMap::new();
    for (id, found) in reservations(aws, &here).await? {
        if let Some(subnet) = subnets.get_mut(&id) {
            subnet.reservations = found.iter().map(|it| it.range).collect();
        }
        let for_prefixes = found.iter().filter(|it| it.for_prefixes);
        prefix_reservations.insert(id, for_prefixes.map(|it| it.range).collect());
    }
    // After the instances, as a launch does: the launch of every interface must be known.
    let values: Vec<String> = here.iter().map(ToString::to_string).collect();
    let allocated: Vec<AllocatedInterface> = match values.is_empty() {
        true => Vec::new(),
        false => {
            let seen = aws.interfaces(&[("subnet-id", &values[..])]).await?;
            seen.into_iter().map(|seen| seen.interface.into()).collect()
        }
    };
    Ok(Forecast {
        now: now(),
        input: input.clone(),
        limits,
        attached,
        // As launches see them: one that ended is in flight no more.
        instances: instances
            .into_iter()
            .map(|seen| seen.instance)
            .filter(|it| matches!(it.state.as_str(), "pending" | "running"))
            .collect(),
        subnets,
        prefix_reservations,
        available,
        allocated,
        group,
    })
}

/// The first instance type that a group launches, if it is known, and where its launch template
/// attaches interfaces.
async fn first_launched(
    aws: &Aws,
    group: &Group,
) -> Result<(Option<String>, Vec<AttachmentPoint>)> {
    let launches = &group.launches;
    let mut overrides = launches.overrides.iter();
    let named = overrides.find(|it| it.instance_type.is_some());
    let of_override = named.and_then(|it| it.template.as_ref());
    let template = match of_override.or(launches.template.as_ref()) {
        Some(reference) => {
            let template = aws.template(reference).await?;
            Some(template.ok_or_else(|| {
                Error::NotFound {
                    what: format!(
                        "there is no launch template {reference}, so the group {} launches nothing",
                        group.name
                    ),
                    remedy:
                        "Give the group a launch template that exists. `hookline check` says more."
                            .to_owned(),
                }
            })?)
        }
        None => None,
    };
    let instance_type = named.and_then(|it| it.instance_type.clone());
    let of_template = || template.as_ref()?.instance_type.clone();
    let instance_type = instance_type
        .or_else(of_template)
        .or_else(|| launches.present.first().cloned());
    Ok((
        instance_type,
        template.map_or_else(Vec::new, |it| it.interfaces),
    ))
}

async fn reservations(
    aws: &Aws,
    subnets: &[SubnetId],
) -> Result<BTreeMap<SubnetId, Vec<Reservation>>> {
    let subnets: BTreeSet<&SubnetId> = subnets.iter().collect();
    let mut calls = JoinSet::new();
    for id in subnets {
        let (aws, id) = (aws.clone(), id.clone());
        calls.spawn(async move { Ok::<_, Error>((aws.cidr_reservations(&id).await?, id)) });
    }
    let mut found = BTreeMap::new();
    while let Some(done) = calls.join_next().await {
        let (reservations, id) = done.map_err(Error::of_task)??;
        found.insert(id, reservations);
    }
    Ok(found)
}
