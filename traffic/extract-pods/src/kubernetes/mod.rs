//! The cluster's API server: who asks ([`token`]), how ([`connection`]), what is listed ([`list`]) and what of it is
//! kept ([`objects`]).

pub mod connection;
pub mod list;
pub mod objects;
pub mod token;
