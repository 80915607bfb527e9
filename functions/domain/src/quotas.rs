//! The quotas of EC2 and Auto Scaling that a profile or an event can break, and the limits that Hookline sets itself.

/// More than any instance type has.
pub const MAX_SLOTS: usize = 128;
/// EC2's limit: security groups per interface (VPC quotas; 5 by default, 16 at most).
pub const MAX_SECURITY_GROUPS: usize = 16;
/// EC2's limit of tags on a resource.
pub const MAX_TAGS: usize = 50;
/// EC2's limit of a tag's key, in characters.
pub const MAX_TAG_KEY_LENGTH: usize = 128;
/// EC2's limit of a tag's value, in characters.
pub const MAX_TAG_VALUE_LENGTH: usize = 256;
/// EC2's limit of a description, in characters.
pub const MAX_DESCRIPTION_LENGTH: usize = 255;
/// Auto Scaling's limit of names, in characters.
pub const MAX_NAME_LENGTH: usize = 255;
/// What Hookline itself puts on an interface (see [`super::ownership`]), with room for more.
pub const OWN_TAGS: usize = 10;
/// More secondaries, prefixes or subnets than this is a mistake in any profile.
pub const MAX_COUNT: u32 = 255;
/// See [`MAX_COUNT`].
pub const MAX_SUBNETS: usize = 200;
/// The longest name that Hookline itself gives a meaning, in characters: of a profile, of a network.
pub const MAX_LABEL_LENGTH: usize = 64;
