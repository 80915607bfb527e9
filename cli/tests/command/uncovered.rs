//! Groups that no profile covers, and whose launches wait at the hook of one: `status` and `check` look for
//! them among the groups of the Region.

use std::ops::Range;

use serde_json::json;

use crate::check::{checked, right};
use crate::deployed::Deployed;
use crate::{check_text, stdout, unwrapped};

/// Creates groups of somebody else.
async fn add_groups(deployed: &Deployed, numbers: Range<usize>) {
    for n in numbers {
        let name = format!("other-{n:04}");
        deployed.scene.plain_group(&name, &[]).await.unwrap();
    }
}

/// Groups of somebody else, and one after them in the alphabet whose launch waits at the hook of the
/// profile, which does not cover it.
async fn uncovered_beyond(groups: usize) -> Deployed {
    let deployed = Deployed::start().await;
    add_groups(&deployed, 0..groups).await;
    deployed.scene.group("z-amf").await.unwrap();
    deployed.launch_in("z-amf", 1).await;
    deployed
}

#[tokio::test(flavor = "multi_thread")]
async fn status_finds_a_group_that_no_profile_covers_beyond_the_first_page() {
    let deployed = uncovered_beyond(250).await;
    let status = deployed.json("status").await;
    let trouble = &status["trouble"][0];
    assert_eq!(
        (&trouble["kind"], &trouble["group"]),
        (&json!("no-rule"), &json!("z-amf")),
        "{status:#}"
    );
    assert_eq!(status["notes"], json!([]));
    assert!(deployed.calls_of_command() <= 20);
    deployed.check_policy("look");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_that_the_groups_take_too_many_calls_to_list() {
    let deployed = uncovered_beyond(2_500).await;
    let text = stdout(&deployed.run("status").await.success());
    check_text(&text);
    let calls = deployed.calls_of_command();
    assert!(calls <= 20, "{calls} calls");
    let says = "The Region has more Auto Scaling groups than the ";
    assert!(unwrapped(&text).contains(says), "{text}");
    assert!(text.contains("No trouble."), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_a_group_that_no_profile_covers_or_tells_what_was_not_looked_at() {
    let deployed = right(100).await;
    add_groups(&deployed, 0..250).await;
    deployed.scene.group("z-amf").await.unwrap();
    deployed.launch_in("z-amf", 1).await;
    let found = checked(&deployed, "check", 1).await;
    let finding = &found["findings"][0];
    assert_eq!(
        (&finding["kind"], &finding["group"]),
        (&json!("no-rule"), &json!("z-amf")),
        "{found:#}"
    );
    assert_eq!(found["notes"], json!([]));
    let calls = deployed.calls_of_command();
    assert!(calls <= 25, "{calls} calls");

    add_groups(&deployed, 250..2_500).await;
    let found = checked(&deployed, "check", 0).await;
    let note = found["notes"][0].as_str().unwrap();
    let says = "The Region has more Auto Scaling groups than the ";
    assert!(note.starts_with(says), "{note}");
}
