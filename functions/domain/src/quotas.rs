//! The quotas of EC2 and Auto Scaling that a profile or an event can exceed, and Hookline's own
//! limits.

/// More slots than any instance type has room for.
pub const MAX_SLOTS: usize = 128;
/// Security groups of an interface (Amazon VPC quotas: 5 by default, 16 at most).
pub const MAX_SECURITY_GROUPS: usize = 16;
/// Tags of a resource (EC2 User Guide, "Tag restrictions").
pub const MAX_TAGS: usize = 50;
/// Characters of a tag's key (the same).
pub const MAX_TAG_KEY_LENGTH: usize = 128;
/// Characters of a tag's value (the same).
pub const MAX_TAG_VALUE_LENGTH: usize = 256;
/// Characters of an interface's description (EC2 API Reference, CreateNetworkInterface).
pub const MAX_DESCRIPTION_LENGTH: usize = 255;
/// Characters of a name in Auto Scaling, as of a group or a hook.
pub const MAX_NAME_LENGTH: usize = 255;
/// Tags that are kept for Hookline's own on an interface (see [`crate::tags::own`]), with room for
/// more.
pub const OWN_TAGS: usize = 10;
/// Secondary addresses, prefixes or device indexes of a slot: more is a mistake in any profile.
pub const MAX_COUNT: u32 = 255;
/// Addresses of an IPv4 prefix of an interface, which is a /28 (EC2 User Guide, "Prefix delegation for
/// Amazon EC2 network interfaces").
pub const ADDRESSES_OF_A_PREFIX: u32 = 16;
/// Tags of a selector: more is a mistake in any profile.
pub const MAX_SELECTOR_TAGS: usize = 10;
/// Subnets of a slot: more is a mistake in any profile.
pub const MAX_SUBNETS: usize = 200;
/// Characters of a name that only Hookline uses: of a profile, of a network.
pub const MAX_LABEL_LENGTH: usize = 64;
