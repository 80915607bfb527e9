//! The tags of a node, of its volumes and of its interfaces: the rules of a profile, and the tags
//! that follow for one instance.
//!
//! | module | |
//! |---|---|
//! | [`facts`] | the facts of a node that templates can use |
//! | [`template`] | the template language: checks and renders |
//! | [`preset`] | ready-made templates of names |
//! | [`rules`] | the tag rules of a profile, and the tags that follow for one instance |
//! | [`calls`] | the fewest CreateTags calls |
//! | [`interface`] | the tags that a slot's interface has from creation |
//! | [`targets`] | what of an instance gets tags |
//! | [`own`] | Hookline's own tags |

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
