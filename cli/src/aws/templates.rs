//! Launch templates.

use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::ResponseLaunchTemplateData;
use hookline_domain::instance::AttachmentPoint;

use super::{Aws, Error};
use crate::observed::template::{Template, TemplateRef};
use crate::observed::user_data::UserData;

impl Aws {
    /// A version of a launch template; `None` if EC2 does not have it.
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn template(&self, of: &TemplateRef) -> Result<Option<Template>, Error> {
        let data = self.launch_template_data(of).await?;
        Ok(data.as_ref().map(template))
    }

    /// What a version of a launch template says; `None` if EC2 does not have it
    /// (DescribeLaunchTemplateVersions).
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(super) async fn launch_template_data(
        &self,
        of: &TemplateRef,
    ) -> Result<Option<ResponseLaunchTemplateData>, Error> {
        let mut call = self
            .ec2
            .describe_launch_template_versions()
            .versions(&of.version);
        // EC2 takes one of the two.
        call = match &of.id {
            Some(id) => call.launch_template_id(id),
            None => call.set_launch_template_name(of.name.clone()),
        };
        let answer = call.send().await;
        let missing =
            |code: Option<&str>| code.is_some_and(|code| code.starts_with("InvalidLaunchTemplate"));
        if answer.as_ref().is_err_and(|error| missing(error.code())) {
            return Ok(None);
        }
        let answer = self.answer("ec2:DescribeLaunchTemplateVersions", answer)?;
        let versions = answer.launch_template_versions.unwrap_or_default();
        let first = versions.into_iter().next();
        Ok(first.and_then(|version| version.launch_template_data))
    }
}

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
    }
}
