//! The tags of a node, of its volumes and of its interfaces: what a profile says of them, and what that comes to for one
//! instance.
//!
//! | module | |
//! |---|---|
//! | [`facts`] | what templates can speak of |
//! | [`template`] | the language, what is wrong with a template, what it renders to |
//! | [`preset`] | names that many teams use, ready-made |
//! | [`rules`] | what a profile says of tags, and what that comes to for one instance |
//! | [`calls`] | which CreateTags calls are left to make, as few as can be |
//! | [`interface`] | the tags of a slot's interface, from its creation |
//! | [`targets`] | what of an instance gets tags |
//! | [`own`] | the tags that are Hookline's own |

pub mod calls;
pub mod facts;
pub mod interface;
pub mod own;
pub mod preset;
pub mod rules;
pub mod targets;
pub mod template;

pub use facts::NodeFacts;
pub use own::Tags;
pub use preset::NamePreset;
pub use rules::{ExistingTags, RenderedTags, TagRules};
