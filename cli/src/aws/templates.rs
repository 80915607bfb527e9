//! Launch templates.

use std::collections::BTreeSet;

use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::{LaunchTemplateVersion, ResponseLaunchTemplateData};
use hookline_domain::instance::AttachmentPoint;

use super::{Aws, Error};
use crate::observed::template::{Newest, Template, TemplateRef};
use crate::observed::user_data::UserData;

impl Aws {
    /// A version of a launch template, with the newest one; `None` if EC2 does not have it.
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn template(&self, of: &TemplateRef) -> Result<Option<Template>, Error> {
        let versions = self
            .launch_template_versions(of, &[&of.version, LATEST])
            .await?;
        let number = |version: &LaunchTemplateVersion| version.version_number().unwrap_or_default();
        let is_asked = |version: &&LaunchTemplateVersion| match of.version.as_str() {
            LATEST => versions.iter().all(|it| number(it) <= number(version)),
            "$Default" => version.default_version() == Some(true),
            asked => number(version).to_string() == asked,
        };
        let read = |version: &LaunchTemplateVersion| version.launch_template_data().map(template);
        let Some(asked) = versions.iter().find(is_asked) else {
            return Ok(None);
        };
        let newest = versions.iter().max_by_key(|version| number(version));
        let newest = newest.filter(|newest| number(newest) > number(asked));
        let newest = newest.and_then(|newest| {
            Some(Box::new(Newest {
                version: number(newest),
                template: read(newest)?,
            }))
        });
        Ok(read(asked).map(|template| Template { newest, ..template }))
    }

    /// What a version of a launch template says; `None` if EC2 does not have it.
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(super) async fn launch_template_data(
        &self,
        of: &TemplateRef,
    ) -> Result<Option<ResponseLaunchTemplateData>, Error> {
        let versions = self.launch_template_versions(of, &[&of.version]).await?;
        let first = versions.into_iter().next();
        Ok(first.and_then(|version| version.launch_template_data))
    }

    /// Versions of a launch template; none if EC2 does not have one of them
    /// (DescribeLaunchTemplateVersions: "To describe one or more versions of a specified launch
    /// template, valid values are `$Latest`, `$Default`, and numbers").
    async fn launch_template_versions(
        &self,
        of: &TemplateRef,
        versions: &[&str],
    ) -> Result<Vec<LaunchTemplateVersion>, Error> {
        let versions: BTreeSet<String> = versions.iter().map(|it| (*it).to_owned()).collect();
        let mut call = self
            .ec2
            .describe_launch_template_versions()
            .set_versions(Some(versions.into_iter().collect()));
        // EC2 takes one of the two.
        call = match &of.id {
            Some(id) => call.launch_template_id(id),
            None => call.set_launch_template_name(of.name.clone()),
        };
        let answer = call.send().await;
        let missing =
            |code: Option<&str>| code.is_some_and(|code| code.starts_with("InvalidLaunchTemplate"));
        if answer.as_ref().is_err_and(|error| missing(error.code())) {
            return Ok(Vec::new());
        }
        let answer = self.answer("ec2:DescribeLaunchTemplateVersions", answer)?;
        Ok(answer.launch_template_versions.unwrap_or_default())
    }
}

/// The newest version.
const LATEST: &str = "$Latest";

/// The image that a launch template names. An empty text names none.
pub(super) fn image(data: &ResponseLaunchTemplateData) -> Option<&str> {
    data.image_id().filter(|image| !image.is_empty())
}

fn template(data: &ResponseLaunchTemplateData) -> Template {
    let unsigned = |number: Option<i32>| u32::try_from(number.unwrap_or_default()).unwrap_or(0);
    Template {
        instance_type: data.instance_type().map(|kind| kind.as_str().to_owned()),
        by_attributes: data.instance_requirements().is_some(),
        interfaces: data
            .network_interfaces()
            .iter()
            .map(|it| AttachmentPoint {
                network_card: unsigned(it.network_card_index()),
                device_index: unsigned(it.device_index()),
            })
            .collect(),
        user_data: UserData::of(data.user_data(), image(data).is_some()),
        newest: None,
    }
}
