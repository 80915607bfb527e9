//! EC2's error codes and messages (EC2 Developer Guide, "Error codes for the Amazon EC2 API").

use std::fmt::Display;

use crate::wire::error::ApiError;

pub(crate) fn invalid_value(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterValue", message)
}

pub(crate) fn invalid_combination(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterCombination", message)
}

/// A type of resource, with the prefix of its ids and the names in its errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Attachment,
    Instance,
    Interface,
    LaunchTemplate,
    Reservation,
    SecurityGroup,
    Subnet,
    Volume,
    Vpc,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Attachment,
        Self::Instance,
        Self::Interface,
        Self::LaunchTemplate,
        Self::Reservation,
        Self::SecurityGroup,
        Self::Subnet,
        Self::Volume,
        Self::Vpc,
    ];

    /// The prefix of the ids, before the hyphen.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Attachment => "eni-attach",
            Self::Instance => "i",
            Self::Interface => "eni",
            Self::LaunchTemplate => "lt",
            Self::Reservation => "scr",
            Self::SecurityGroup => "sg",
            Self::Subnet => "subnet",
            Self::Volume => "vol",
            Self::Vpc => "vpc",
        }
    }

    /// The resource type in tag specifications.
    pub(crate) const fn resource_type(self) -> &'static str {
        match self {
            Self::Attachment => "network-interface-attachment",
            Self::Instance => "instance",
            Self::Interface => "network-interface",
            Self::LaunchTemplate => "launch-template",
            Self::Reservation => "subnet-cidr-reservation",
            Self::SecurityGroup => "security-group",
            Self::Subnet => "subnet",
            Self::Volume => "volume",
            Self::Vpc => "vpc",
        }
    }

    /// The type of the resource with this id.
    pub(crate) fn of(id: &str) -> Option<Self> {
        let (prefix, _) = id.rsplit_once('-')?;
        Self::ALL.into_iter().find(|kind| kind.prefix() == prefix)
    }

    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Attachment => ("InvalidAttachmentID", "network interface attachment ID"),
            Self::Instance => ("InvalidInstanceID", "instance ID"),
            Self::Interface => ("InvalidNetworkInterfaceID", "networkInterface ID"),
            Self::LaunchTemplate => ("InvalidLaunchTemplateId", "launch template ID"),
            Self::Reservation => (
                "InvalidSubnetCidrReservationID",
                "subnet CIDR reservation ID",
            ),
            Self::SecurityGroup => ("InvalidGroup", "security group"),
            Self::Subnet => ("InvalidSubnetID", "subnet ID"),
            Self::Volume => ("InvalidVolume", "volume"),
            Self::Vpc => ("InvalidVpcID", "vpc ID"),
        }
    }

    /// The error for a resource that does not exist.
    pub(crate) fn not_found(self, id: impl Display) -> ApiError {
        let (code, name) = self.names();
        ApiError::new(
            format!("{code}.NotFound"),
            format!("The {name} '{id}' does not exist"),
        )
    }

    /// Refuses a text that cannot be an id of this type.
    pub(crate) fn check(self, id: &str) -> Result<(), ApiError> {
        let digits = id
            .strip_prefix(self.prefix())
            .and_then(|rest| rest.strip_prefix('-'));
        if digits.is_some_and(|d| {
            (1..=32).contains(&d.len()) && d.chars().all(|c| c.is_ascii_alphanumeric())
        }) {
            return Ok(());
        }
        let (code, _) = self.names();
        let id: String = id.chars().take(256).collect();
        Err(ApiError::new(
            format!("{code}.Malformed"),
            format!("Invalid id: \"{id}\""),
        ))
    }
}
