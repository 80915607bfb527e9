//! Which addresses a launch requests from EC2.

pub mod plan;
pub mod pool;
pub mod range;
pub mod room;
pub mod subnet;

pub use plan::{AddressPlan, AddressPlanner};
pub use pool::Pool;
pub use range::AddressRange;
pub use room::{Room, RoomPlanner, RoomPools, Shortage};
pub use subnet::{AllocatedInterface, Subnet, check_subnets, with_field};
