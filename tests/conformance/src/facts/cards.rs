//! Network cards beyond the first. Only large instance types have them, so these facts are tried on
//! request only, on an instance of their own.

use anyhow::Result;

use super::fact;
use crate::fact::{Expected, Fact, Observed};
use crate::stage::{LARGE_TYPE, Stage};

pub(super) const FACTS: &[Fact] = &[fact!(
    device_index_0_of_the_second_card_is_accepted,
    "Only the primary interface must be on network card 0. Device index 0 of another card is like any other.",
    ATTACH_INTERFACE,
    NetworkCards,
    Expected::values(&[
        ("device index 0 of card 1", "accepted"),
        ("device index 1 of card 0", "accepted")
    ])
)];

async fn device_index_0_of_the_second_card_is_accepted(stage: &Stage) -> Result<Observed> {
    let first = stage.interface_in(&stage.main).await?;
    let second = stage.interface_in(&stage.main).await?;
    let instance = stage.launch(Some(LARGE_TYPE)).await?;
    let tried = async {
        stage.in_state(&instance, "running").await?;
        let on_card_1 = stage.attach(&first, &instance, 0, 1).await?;
        let on_card_0 = stage.attach(&second, &instance, 1, 0).await?;
        anyhow::Ok((on_card_1, on_card_0))
    };
    let tried = tried.await;
    // At once, whatever came of it: it costs dollars an hour.
    let call = stage.clients.ec2.terminate_instances();
    let ended = call.instance_ids(&instance).send().await;
    let (on_card_1, on_card_0) = tried?;
    ended?;
    let said = |answer: &Observed| match answer.code {
        None => "accepted".to_owned(),
        Some(_) => answer.error(),
    };
    Ok(Observed::new()
        .value("device index 0 of card 1", said(&on_card_1))
        .value("device index 1 of card 0", said(&on_card_0)))
}
