//! User data, as EC2 tells it.

use aws_sdk_ec2::types::InstanceAttributeName;

use super::templates::image;
use super::{Aws, Error};
use crate::observed::template::TemplateRef;

/// User data, and what is known of the nodes that get it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SeenUserData {
    /// In base64. `None`: there is none.
    pub(crate) base64: Option<String>,
    /// The image of a launch template.
    pub(crate) image: Option<String>,
    /// The instance type, if it is known.
    pub(crate) instance_type: Option<String>,
}

impl Aws {
    /// The user data of a version of a launch template. `None` if there is no such version.
    ///
    /// # Errors
    /// Returns why the call failed.
    pub(crate) async fn user_data_of_template(
        &self,
        of: &TemplateRef,
    ) -> Result<Option<SeenUserData>, Error> {
        let data = self.launch_template_data(of).await?;
        Ok(data.map(|data| SeenUserData {
            image: image(&data).map(str::to_owned),
            instance_type: data.instance_type.map(|kind| kind.as_str().to_owned()),
            base64: data.user_data,
        }))
    }

    /// The user data of an instance (DescribeInstanceAttribute), and its type (DescribeInstances).
    ///
    /// # Errors
    /// Returns why a call failed.
    pub(crate) async fn user_data_of_instance(
        &self,
        instance: &str,
    ) -> Result<SeenUserData, Error> {
        let call = self
            .ec2
            .describe_instance_attribute()
            .instance_id(instance)
            .attribute(InstanceAttributeName::UserData);
        let answer = self.answer("ec2:DescribeInstanceAttribute", call.send().await)?;
        let mut instances = self
            .instances("instance-id", &[instance.to_owned()])
            .await?
            .into_iter();
        Ok(SeenUserData {
            base64: answer.user_data.and_then(|attribute| attribute.value),
            image: None,
            instance_type: instances.next().map(|seen| seen.instance.instance_type),
        })
    }
}
