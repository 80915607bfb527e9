//! Which addresses a launch asks EC2 for.

pub mod plan;
pub mod pool;
pub mod range;

pub use pool::Pool;
pub use range::AddressRange;
