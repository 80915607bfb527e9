//! What EC2 tells of an instance's user data: DescribeInstanceAttribute.

use super::Ec2;
use super::errors::Kind;
use crate::kernel::Kernel;
use crate::wire::error::ApiError;
use crate::wire::query::Params;
use crate::wire::xml::Xml;

/// User data of an instance, in base64; an empty element if it has none (EC2 API Reference,
/// DescribeInstanceAttribute). No other attribute is known here.
pub(crate) fn describe_attribute(
    ec2: &mut Ec2,
    _: &mut Kernel,
    params: &mut Params,
) -> Result<String, ApiError> {
    let id = params.required_str("InstanceId")?;
    let attribute = params.required_str("Attribute")?;
    params.finish()?;
    if attribute != "userData" {
        return Err(params.invalid("Attribute", &attribute, "userData"));
    }
    Kind::Instance.check(&id)?;
    let instance = ec2
        .instance(&id)
        .ok_or_else(|| Kind::Instance.not_found(&id))?;
    let mut xml = Xml::new();
    xml.text("instanceId", &id);
    xml.element("userData", |xml| {
        xml.optional("value", instance.user_data.as_ref());
    });
    Ok(xml.into_string())
}
