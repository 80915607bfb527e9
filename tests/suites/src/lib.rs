//! The integration tests. This library is empty: a package needs one, and each suite is a test
//! target of its own.
//!
//! - `functions`, `reconcile`, `adopt`: single functions, in process, against the fake AWS.
//! - `state_machine`, `end_to_end`: a whole deployment on one machine, with the real Step Functions engine.
//! - `simulation`, `walker`: the scale-out simulator; and its walker of state machines, compared with the real engine.
//! - `permissions`: what the functions call, compared with `functions/permissions.json`.
//! - `profile_schema`, `docs`: the schemas and the documentation, compared with the code.
//! - `clients`: other clients of the fake AWS.
//! - `deployed`: what `cdk deploy` makes.
