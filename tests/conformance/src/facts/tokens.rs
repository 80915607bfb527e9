//! ClientTokens, by which a repeated create makes no second interface.

use anyhow::{Context as _, Result};

use super::fact;
use crate::clients::refusal;
use crate::fact::{Expected, Fact, Observed};
use crate::stage::{Stage, id_of};
use crate::wait::{SOON, until};

pub(super) const FACTS: &[Fact] = &[
    fact!(
        same_token_and_parameters_return_the_same_interface,
        "A create that is repeated with its ClientToken returns the interface of the first one.",
        EC2_IDEMPOTENCY,
        Interfaces,
        Expected::values(&[("interface", "the same")])
    ),
    fact!(
        same_token_with_other_parameters_is_refused,
        "A ClientToken that comes again with other parameters is refused.",
        EC2_IDEMPOTENCY,
        Interfaces,
        Expected::refusal(&["IdempotentParameterMismatch"])
    ),
    fact!(
        token_of_a_deleted_interface_makes_no_new_one,
        "A retry of a create that was successful performs no further action, even if the interface has been deleted since.",
        EC2_IDEMPOTENCY,
        Interfaces,
        Expected::values(&[("a new interface", "no")])
    ),
];

fn token(stage: &Stage, of: &str) -> String {
    format!("{}-{of}", stage.name())
}

async fn same_token_and_parameters_return_the_same_interface(stage: &Stage) -> Result<Observed> {
    let token = token(stage, "same");
    let create = || stage.create_in(&stage.main).client_token(&token).send();
    let first = create().await.context("CreateNetworkInterface")?;
    let again = create().await.context("CreateNetworkInterface, again")?;
    let first = id_of(first.network_interface())?;
    let again = id_of(again.network_interface())?;
    stage.discard(&first).await;
    if first != again {
        stage.discard(&again).await;
    }
    Ok(Observed::new().value(
        "interface",
        match first == again {
            true => "the same",
            false => "another one",
        },
    ))
}

async fn same_token_with_other_parameters_is_refused(stage: &Stage) -> Result<Observed> {
    let token = token(stage, "other");
    let create = || stage.create_in(&stage.main).client_token(&token);
    let first = create().send().await.context("CreateNetworkInterface")?;
    let answer = create().description("Another one").send().await;
    if let Ok(made) = &answer {
        stage.discard(&id_of(made.network_interface())?).await;
    }
    stage.discard(&id_of(first.network_interface())?).await;
    refusal(answer)
}

/// What comes back is the deleted interface, or an error. Both are fine for the product, which
/// looks the interface up; a new interface would be a second one.
async fn token_of_a_deleted_interface_makes_no_new_one(stage: &Stage) -> Result<Observed> {
    let token = token(stage, "deleted");
    let create = || stage.create_in(&stage.main).client_token(&token).send();
    let first = create().await.context("CreateNetworkInterface")?;
    let first = id_of(first.network_interface())?;
    until(SOON, "the interface to be deleted", async || {
        let call = stage.clients.ec2.delete_network_interface();
        let answer = refusal(call.network_interface_id(&first).send().await)?;
        let gone = answer.code.as_deref() == Some("InvalidNetworkInterfaceID.NotFound");
        Ok(gone.then_some(()))
    })
    .await?;
    let answer = create().await;
    let (is_new, shown) = match &answer {
        Ok(made) => {
            let id = id_of(made.network_interface())?;
            if id != first {
                stage.discard(&id).await;
            }
            let shown = "the interface that was deleted".to_owned();
            (if id == first { "no" } else { "yes" }, shown)
        }
        Err(_) => ("no", refusal(answer)?.error()),
    };
    Ok(Observed::new()
        .value("a new interface", is_new)
        .measure("answer", shown))
}
