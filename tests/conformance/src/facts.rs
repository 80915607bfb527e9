//! The facts, in the order in which they are tried. The last ones of each instance end it.
//!
//! To add one: an async function that tries it and returns what it observed, and an entry in the
//! table of its file. The name of the function is the name of the fact.

mod addresses;
mod attach;
mod cards;
mod create;
mod deployed;
mod describe;
mod events;
mod executions;
mod hooks;
mod modify;
mod policies;
mod remove;
mod tags;
mod tokens;

use crate::fact::Fact;

/// Makes a [`Fact`] of the function that tries it.
macro_rules! fact {
    ($run:ident, $says:literal, $source:ident, $needs:ident, $expected:expr) => {
        $crate::fact::Fact {
            name: stringify!($run),
            says: $says,
            source: $crate::sources::$source,
            needs: $crate::fact::Need::$needs,
            expected: $expected,
            run: |stage| Box::pin($run(stage)),
        }
    };
}
pub(crate) use fact;

/// All facts.
#[must_use]
pub fn all() -> Vec<Fact> {
    [
        policies::FACTS,
        deployed::FACTS,
        executions::FACTS,
        create::FACTS,
        tokens::FACTS,
        addresses::FACTS,
        describe::FACTS,
        tags::FACTS,
        attach::FACTS,
        modify::FACTS,
        remove::FACTS,
        cards::FACTS,
        hooks::FACTS,
        events::FACTS,
    ]
    .concat()
}
