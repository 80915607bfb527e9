//! Any bytes are explained or refused: no panic, no secret, and an answer of bounded size.
//!
//! `cargo xtask property` runs these with many cases.

// Tests may panic.
#![allow(
    missing_docs,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing
)]

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use hookline_domain::profile::Profile;
use hookline_user_data::{Context, NetworkLimits, Origin, explain};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};
use serde_json::json;

/// The number of cases, from `PROPTEST_CASES`; few by default.
fn cases() -> u32 {
    let wanted = std::env::var("PROPTEST_CASES").ok();
    wanted.and_then(|cases| cases.parse().ok()).unwrap_or(256)
}

/// What stands for a secret in the input, and must not be in any answer.
const SECRET: &str = "Pa55word";

static FIXTURES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let node = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folders = [node.join("fixtures"), node.join("../tests/user-data")];
    let files = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let texts = files.iter().filter(|path| !path.ends_with("fault-bomb.gz"));
    texts.map(|path| fs::read(path).unwrap()).collect()
});

static PROFILE: LazyLock<Profile> = LazyLock::new(|| {
    let profile = json!({
        "name": "upf",
        "selector": {"autoScalingGroupNames": ["upf"]},
        "hook": {"name": "hookline-launch"},
        "startupTaint": {"cluster": "core"},
        "slots": [
            {"network": "signaling", "deviceIndex": 1, "subnetIds": ["subnet-01a00000000000000"], "securityGroupIds": ["sg-0123456789abcdef0"]},
        ],
    });
    Profile::read(profile).unwrap()
});

static LIMITS: LazyLock<NetworkLimits> = LazyLock::new(|| NetworkLimits::of("m5.4xlarge").unwrap());

/// Pieces of all the forms that user data has, in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "MIME-Version: 1.0\n",
        "Content-Type: multipart/mixed; boundary=\"B\"\n",
        "Content-Type: multipart/mixed; boundary=C\r\n",
        "Content-Type: application/node.eks.aws\n",
        "Content-Type: text/x-shellscript\n",
        "Content-Transfer-Encoding: base64\n",
        "Content-Transfer-Encoding: quoted-printable\n",
        "\n",
        "\r\n",
        "--B\n",
        "--B--\n",
        "--C\n",
        "--C--\n",
        "#cloud-config\n",
        "#cloud-config-archive\n",
        "#include https://user:Pa55word@example.com/Pa55word\n",
        "## template: jinja\n",
        "#!/bin/bash\n",
        "runcmd:\n- /opt/a\n- [sh, -c, '/opt/a']\n",
        "write_files:\n- path: /opt/a\n  encoding: gz+b64\n  content: H4sI\n",
        "- content: |\n    #!/bin/sh\n",
        "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n",
        "  cluster:\n    name: core\n    cidr: 10.0.0.0/16\n",
        "  kubelet:\n    config: {maxPods: 20}\n    flags: [--max-pods=9, --token=Pa55word]\n",
        "  unknown: Pa55word\n",
        "  kubelet: {maxPodsExpression: \"max_pods - no_such_name\"}\n",
        "  kubelet: {maxPodsExpression: \"max_pods \u{202e}\u{1b}[31m\"}\n",
        "---\n",
        "[settings.kubernetes]\n",
        "max-pods = 20\n",
        "[settings.bootstrap-containers.x]\nmode = \"always\"\nessential = true\nuser-data = \"e30=\"\n",
        "/etc/eks/bootstrap.sh core --kubelet-extra-args '--max-pods=20'\n",
        "/etc/eks/bootstrap.sh $A --kubelet-extra-args=\"$B\"\n",
        "A=\"$A$B\"\n",
        "B+=(${A:-$B} \"${B[@]}\")\n",
        "export B=$(curl -H Pa55word)\n",
        "cat > /opt/a <<EOF\n",
        "tee -a /etc/eks/nodeadm.d/a.yaml <<'EOF'\n",
        "EOF\n",
        ". /opt/a\n",
        "[[ -n \"$A\" ]] && ",
        " || ",
        "'",
        "\"",
        "`",
        "${",
        "$(",
        "\\",
        "(",
        ")",
        "<<-",
        "{\"gate\":[{\"network\":\"signaling\"}]}\n",
        "<powershell>\n",
        "é\u{202e}\u{1b}[31m",
        "&a [*a, ",
        "{a: ",
        "!!binary x\n",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

/// A fixture with some bytes changed, taken out, doubled, or put in.
fn changed() -> impl Strategy<Value = Vec<u8>> {
    let change = (
        any::<prop::sample::Index>(),
        0..5_u8,
        any::<u8>(),
        0..60_usize,
    );
    let changes = prop::collection::vec(change, 1..6);
    (any::<prop::sample::Index>(), changes).prop_map(|(fixture, changes)| {
        let mut bytes = fixture.get(&FIXTURES).clone();
        for (at, kind, byte, length) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            let end = (at + length).min(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
                3 => bytes.truncate(at),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

/// The same, in up to three encodings.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let plain = prop_oneof![
        4 => pieces(),
        4 => changed(),
        1 => prop::collection::vec(any::<u8>(), 0..400),
        1 => any::<String>().prop_map(String::into_bytes),
    ];
    let encodings =
        prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(any::<bool>(), 1..4)];
    (plain, encodings).prop_map(|(mut bytes, encodings)| {
        for is_gzip in encodings {
            bytes = match is_gzip {
                true => {
                    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                    encoder.write_all(&bytes).unwrap();
                    encoder.finish().unwrap()
                }
                false => STANDARD.encode(&bytes).into_bytes(),
            };
        }
        bytes
    })
}

fn check(bytes: &[u8], origin: Origin) -> Result<(), TestCaseError> {
    let context = Context {
        origin,
        profile: Some(&PROFILE),
        limits: Some(&LIMITS),
    };
    match explain(bytes, context) {
        Err(refusal) => prop_assert!(refusal.to_string().len() < 200),
        Ok(found) => {
            let text = serde_json::to_string(&found).unwrap();
            prop_assert!(text.len() < 2_000_000, "{} bytes", text.len());
            prop_assert!(!text.contains(SECRET), "{text}");
            let is_shown = |text: &str| {
                text.chars()
                    .all(|one| !one.is_control() && one != '\u{202e}')
            };
            for finding in &found.findings {
                prop_assert!(
                    is_shown(&finding.message) && finding.message.chars().count() < 4_000,
                    "{finding:?}"
                );
            }
            for label in &found.join.labels {
                prop_assert!(is_shown(&label.key) && is_shown(&label.value), "{label:?}");
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(Config { cases: cases(), failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_bytes_are_explained_or_refused(
        bytes in input(),
        origin in prop::sample::select(vec![Origin::File, Origin::TemplateWithImage, Origin::TemplateWithoutImage, Origin::Instance]),
    ) {
        check(&bytes, origin)?;
    }
}

/// Texts that cost more than they are long.
#[test]
fn text_of_one_piece_over_and_over_is_answered_in_time() {
    let pieces = [
        "--B\n",
        "${",
        "$(",
        "\"$A",
        "<<A;",
        "A=$A$A\n",
        "(",
        "[",
        "- ",
        "{a: ",
        "'",
        "\\",
        "A=(",
        "$A ",
        "a;",
        "\n",
        "#!",
        "a\n---\n",
        "[a.b]\n",
        "echo a > /b\n",
        "&a [*a, ",
        "${A:-",
        "=",
        ": ",
        "\t",
        "--a ",
        "`",
        "[[a]]\n",
        "a.",
        "%",
    ];
    let starts = [
        "",
        "#!/bin/bash\n",
        "#cloud-config\n",
        "#cloud-config-archive\n",
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n--B\n\n",
        "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: ",
        "[settings]\n",
    ];
    for start in starts {
        for piece in pieces {
            let text = format!("{start}{}", piece.repeat(20_000));
            let begin = std::time::Instant::now();
            check(text.as_bytes(), Origin::File).unwrap();
            let took = begin.elapsed();
            // A hundred times what it takes, unoptimised: what is looked for is the square of the
            // length.
            assert!(took.as_secs() < 20, "{start:?} {piece:?}: {took:?}");
        }
    }
}
