//! What user data says of the gate and of the number of pods, as `hookline-user-data` reads it
//! (docs/user-data.md). Nothing else of it is kept: it may hold secrets.

use hookline_user_data::{
    BY_INSTANCE_TYPE, Bootstrap, Context, Explanation, Gate, Origin, Refusal, Severity, explain,
};

/// What was found in user data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UserData {
    /// There is none.
    Absent,
    /// Why it is not read.
    Unreadable(Refusal),
    Read(Said),
}

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// The gate, if there is one.
    pub(crate) gate: Option<Gate>,
    pub(crate) max_pods: MaxPods,
}

/// The number of pods that kubelet takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MaxPods {
    /// Nothing sets it: the image has a number for the instance type.
    ByInstanceType,
    Set {
        pods: u32,
        /// Where it is from.
        from: String,
        /// The numbers that it wins over, each with where it is from.
        over: Vec<(u32, String)>,
    },
    /// A number for each instance type.
    Expression {
        /// In CEL, as nodeadm takes it.
        expression: String,
        /// Where it is from.
        from: String,
    },
    /// Only the node knows it, or kubelet does not take it.
    Unknown,
}

impl UserData {
    /// Of user data in base64, as EC2 shows it, of a launch template with an image or without one.
    pub(crate) fn of(base64: Option<&str>, has_image: bool) -> Self {
        let Some(base64) = base64.filter(|text| !text.trim().is_empty()) else {
            return Self::Absent;
        };
        let context = Context {
            origin: match has_image {
                true => Origin::TemplateWithImage,
                false => Origin::TemplateWithoutImage,
            },
            profile: None,
            limits: None,
        };
        match explain(base64.as_bytes(), context) {
            Ok(explanation) => Self::Read(Said {
                max_pods: max_pods(&explanation),
                gate: explanation.gate,
            }),
            Err(refusal) => Self::Unreadable(refusal),
        }
    }
}

fn max_pods(explanation: &Explanation) -> MaxPods {
    let join = &explanation.join;
    // A value that is no number, such as a variable of a script.
    let mut findings = explanation.findings.iter();
    let is_no_number =
        findings.any(|finding| finding.code == "max-pods" && finding.severity == Severity::Problem);
    if is_no_number || join.bootstrap == Bootstrap::Windows {
        return MaxPods::Unknown;
    }
    match &join.max_pods {
        None => MaxPods::ByInstanceType,
        Some(setting) if setting.value == BY_INSTANCE_TYPE => MaxPods::ByInstanceType,
        Some(setting) => {
            if let Some(expression) = &join.max_pods_expression {
                return MaxPods::Expression {
                    expression: expression.clone(),
                    from: setting.from.clone(),
                };
            }
            let Ok(pods) = setting.value.parse() else {
                return MaxPods::Unknown;
            };
            let others = setting.overrides.iter();
            let over =
                others.filter_map(|other| Some((other.value.parse().ok()?, other.from.clone())));
            MaxPods::Set {
                pods,
                from: setting.from.clone(),
                over: over.collect(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn of(text: &str) -> Said {
        match UserData::of(Some(&STANDARD.encode(text)), true) {
            UserData::Read(said) => said,
            other => panic!("{other:?}"),
        }
    }

    fn read(path: &str) -> String {
        let node = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node");
        fs::read_to_string(node.join(path)).unwrap()
    }

    fn names(said: &Said) -> Vec<&str> {
        let networks = said.gate.iter().flat_map(|gate| &gate.networks);
        networks.map(|network| network.network.as_str()).collect()
    }

    /// The number, where it is from, and the numbers that it wins over.
    fn set(said: &Said) -> (u32, &str, Vec<u32>) {
        match &said.max_pods {
            MaxPods::Set { pods, from, over } => {
                let over = over.iter().map(|(pods, _)| *pods);
                (*pods, from, over.collect())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn gate_is_found_in_each_form_of_user_data_that_the_cdk_app_builds() {
        for name in [
            "al2023-managed.txt",
            "al2023-managed-with-image.txt",
            "al2023-self-managed.txt",
            "bottlerocket-self-managed.toml",
        ] {
            let text = read(&format!("tests/user-data/{name}"));
            let said = of(&text.replace("@BUNDLE@\n", &read("bundle.txt")));
            assert_eq!(
                names(&said),
                ["signaling", "user-plane", "management é"],
                "{name}"
            );
            assert_eq!(set(&said).0, 147, "{name}");
        }
        let said = of(&read("tests/user-data/bottlerocket-managed.toml"));
        assert_eq!(said.gate, None);
        assert_eq!(set(&said).0, 147);
    }

    #[test]
    fn word_of_the_gate_that_no_program_reads_is_no_gate() {
        for text in [
            "#!/bin/bash\n# hookline-gate\necho '{\"gate\":[]}'\nmaxPods: 20\n",
            "{\"gate\":[{\"network\":\"signaling\"}]}",
            // It does not halt the boot.
            "[settings.bootstrap-containers.hookline]\nmode = \"once\"\nuser-data = \"eyJnYXRlIjpbXX0=\"\n",
        ] {
            let said = of(text);
            assert_eq!(said.gate, None, "{text}");
            assert_eq!(said.max_pods, MaxPods::ByInstanceType, "{text}");
        }
    }

    #[test]
    fn number_of_pods_is_that_which_kubelet_takes() {
        let config = |kubelet: &str| {
            format!(
                "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  kubelet:\n{kubelet}"
            )
        };
        let both = config("    config:\n      maxPods: 8\n    flags:\n    - --max-pods=9\n");
        let script = "#!/bin/bash\n/etc/eks/bootstrap.sh core --use-max-pods false --kubelet-extra-args '--max-pods=110'\n";
        for (text, number) in [
            (read("user-data/fixtures/karpenter-al2023.txt"), 110),
            ("[settings.kubernetes]\nmax-pods = 29\n".to_owned(), 29),
            (both.clone(), 9),
            (script.to_owned(), 110),
        ] {
            assert_eq!(set(&of(&text)).0, number, "{text}");
        }
        assert_eq!(set(&of(&both)), (9, "part 1, --max-pods", vec![8]));
        let said = of(&read("user-data/fixtures/eks-managed-al2023.txt"));
        let (number, from, over) = set(&said);
        assert_eq!(
            (number, from, over),
            (
                176,
                "part 2, /etc/eks/nodeadm.d/50-hookline.yaml",
                vec![234]
            )
        );
        for (text, expected) in [
            (
                "#!/bin/bash\n/etc/eks/bootstrap.sh core\n".to_owned(),
                MaxPods::ByInstanceType,
            ),
            (
                config("    maxPodsExpression: (ips_per_eni - 1)\n"),
                MaxPods::Expression {
                    expression: "(ips_per_eni - 1)".to_owned(),
                    from: "part 1, maxPodsExpression".to_owned(),
                },
            ),
            (
                "#!/bin/bash\n/etc/eks/bootstrap.sh core --kubelet-extra-args \"--max-pods=$(pods)\"\n"
                    .to_owned(),
                MaxPods::Unknown,
            ),
            (read("user-data/fixtures/windows.ps1"), MaxPods::Unknown),
        ] {
            assert_eq!(of(&text).max_pods, expected, "{text}");
        }
    }

    #[test]
    fn compressed_user_data_is_read_and_what_is_refused_is_told() {
        let packed = read("user-data/fixtures/eksctl-al2.base64");
        let UserData::Read(said) = UserData::of(Some(&packed), true) else {
            panic!("not read");
        };
        assert_eq!(said.gate, None);
        let cut = fs::read(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../node/user-data/fixtures/fault-cut.gz"),
        );
        assert_eq!(
            UserData::of(Some(&STANDARD.encode(cut.unwrap())), true),
            UserData::Unreadable(Refusal::BrokenGzip)
        );
        assert_eq!(UserData::of(None, true), UserData::Absent);
        assert_eq!(UserData::of(Some("  "), true), UserData::Absent);
    }
}
