//! Shell scripts: which variables they set, which files they write, and how they call what starts
//! kubelet. Nothing is run.
//!
//! No parser of a shell's grammar is used: those refuse what they do not know, and recurse. Here, a
//! text becomes simple commands ([`lexer`]), which are followed in order ([`run`]). A branch counts
//! as taken unless its test is known to fail.

mod command;
mod lexer;
mod run;
mod word;

pub(crate) use run::{Call, Shell};
