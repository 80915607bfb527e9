//! `/etc/eks/bootstrap.sh` of Amazon Linux 2 and of Ubuntu (awslabs/amazon-eks-ami before
//! 2026-03-04, files/bootstrap.sh).

use crate::findings::Findings;
use crate::kubelet::Kubelet;
use crate::setting::Candidates;
use crate::shell::{Call, Shell};
use crate::{show, yaml};

/// The options, which all take a word.
const OPTIONS: [&str; 20] = [
    "--use-max-pods",
    "--b64-cluster-ca",
    "--apiserver-endpoint",
    "--kubelet-extra-args",
    "--enable-docker-bridge",
    "--aws-api-retry-attempts",
    "--docker-config-json",
    "--containerd-config-file",
    "--pause-container-account",
    "--pause-container-version",
    "--dns-cluster-ip",
    "--ip-family",
    "--service-ipv6-cidr",
    "--service-ipv4-cidr",
    "--enable-local-outpost",
    "--cluster-id",
    "--container-runtime",
    "--mount-bpf-fs",
    "--local-disks",
    "--bridge-cidr",
];

/// What calls of the script say.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) cluster: Candidates,
    pub(crate) endpoint: Candidates,
    pub(crate) certificate_authority: Candidates,
    pub(crate) service_cidr: Candidates,
}

/// What the calls say, and what they give kubelet.
pub(crate) fn read(shell: &Shell, kubelet: &mut Kubelet, findings: &mut Findings) -> Said {
    let mut said = Said::default();
    edits(shell, kubelet, findings);
    if shell.bootstrap_calls.len() > 1 {
        let last = shell.bootstrap_calls.last().map(|call| call.place.as_str());
        findings.warning(
            "two-calls",
            last,
            "bootstrap.sh is called more than once; the last call counts",
        );
    }
    for call in &shell.bootstrap_calls {
        one(call, &mut said, kubelet, findings);
    }
    // eksctl merges this file into kubelet's configuration after the call.
    if let Some(file) = shell.files.get("/etc/eksctl/kubelet-extra.json")
        && let Ok(yaml) = yaml::read(&file.content)
    {
        kubelet.configuration(
            &yaml.first,
            &format!("{}, kubelet-extra.json", file.place),
            findings,
        );
    }
    said
}

/// What is put into bootstrap.sh without calling it: for a managed node group, where EKS calls it.
fn edits(shell: &Shell, kubelet: &mut Kubelet, findings: &mut Findings) {
    for edit in &shell.edits {
        let text = edit.arguments.join(" ");
        if let Some((_, after)) = text.split_once("--max-pods=") {
            let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
            kubelet.max_pods.add(
                &digits,
                &format!("{}, a change of bootstrap.sh", edit.place),
            );
        }
    }
    // Managed node groups of Amazon Linux 2 get flags by a file that the changed bootstrap.sh
    // sources.
    let profile = shell.files.get("/etc/profile.d/bootstrap.sh");
    if let Some(file) = profile.filter(|_| !shell.edits.is_empty()) {
        let mut inner = Shell::default();
        inner.run(&file.content, &file.place);
        if let Some(flags) = inner.variables.get("KUBELET_EXTRA_ARGS") {
            kubelet.flags(flags.split_whitespace(), &file.place, findings);
        }
    }
}

fn one(call: &Call, said: &mut Said, kubelet: &mut Kubelet, findings: &mut Findings) {
    let place = call.place.as_str();
    let mut words = call.arguments.iter().peekable();
    let mut uses_max_pods = None;
    let mut has_cluster = false;
    while let Some(word) = words.next() {
        if !word.starts_with("--") {
            // The first word that is no option is the name.
            if !std::mem::replace(&mut has_cluster, true) {
                said.cluster.add(word, place);
            }
            continue;
        }
        if !OPTIONS.contains(&word.as_str()) {
            let (name, _) = word.split_once('=').unwrap_or((word, ""));
            if word.contains('=') && OPTIONS.contains(&name) {
                findings.problem(
                    "equals-sign",
                    Some(place),
                    format_args!("bootstrap.sh takes {name} VALUE; with an equals sign it takes the word for the cluster's name"),
                );
            } else {
                findings.warning(
                    "unknown-option",
                    Some(place),
                    format_args!("bootstrap.sh knows no option {}", show::text(name)),
                );
            }
            continue;
        }
        let value = match words.next() {
            Some(value) => value.as_str(),
            None => {
                findings.problem(
                    "no-value",
                    Some(place),
                    format_args!("{word} of bootstrap.sh has no value"),
                );
                ""
            }
        };
        match word.as_str() {
            "--apiserver-endpoint" => said.endpoint.add(value, place),
            "--b64-cluster-ca" => said.certificate_authority.add(value, place),
            "--service-ipv4-cidr" | "--service-ipv6-cidr" => said.service_cidr.add(value, place),
            "--dns-cluster-ip" => kubelet.cluster_dns.add(value, place),
            "--use-max-pods" => uses_max_pods = Some(value.to_owned()),
            "--kubelet-extra-args" => {
                kubelet.flags(words_of(value).iter().map(String::as_str), place, findings)
            }
            _ => {}
        }
    }
    if !has_cluster {
        findings.problem(
            "no-cluster",
            Some(place),
            "the call of bootstrap.sh names no cluster: it ends with an error",
        );
    }
    if uses_max_pods.as_deref() == Some("false") && kubelet.max_pods.winner().is_none() {
        kubelet.max_pods.add("110", "kubelet's default");
        findings.warning(
            "max-pods",
            Some(place),
            "--use-max-pods false without --max-pods: kubelet takes 110, whatever addresses the instance has",
        );
    }
}

/// Flags in one word. Quotes in it go, as systemd takes them off.
fn words_of(text: &str) -> Vec<String> {
    text.split_whitespace()
        .map(|word| word.replace(['"', '\''], ""))
        .filter(|word| !word.is_empty())
        .collect()
}

/// Whether something of user data is for bootstrap.sh.
pub(crate) fn has_traces(shell: &Shell) -> bool {
    !shell.bootstrap_calls.is_empty()
        || !shell.edits.is_empty()
        || shell
            .files
            .keys()
            .any(|path| path.starts_with("/etc/eksctl/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(script: &str) -> (Said, Kubelet, Vec<&'static str>) {
        let (mut shell, mut kubelet, mut findings) =
            (Shell::default(), Kubelet::default(), Findings::default());
        shell.run(script, "part 1");
        let said = read(&shell, &mut kubelet, &mut findings);
        let codes = findings
            .into_sorted()
            .iter()
            .map(|finding| finding.code)
            .collect();
        (said, kubelet, codes)
    }

    #[test]
    fn options_are_read_in_any_order() {
        let (said, kubelet, codes) = codes(
            "/etc/eks/bootstrap.sh --apiserver-endpoint https://x --kubelet-extra-args '--max-pods=9 --node-labels=\"a=b\"' core --b64-cluster-ca Y2E=",
        );
        assert_eq!(codes, [""; 0]);
        assert_eq!(said.cluster.winner(), Some("core"));
        assert_eq!(said.endpoint.winner(), Some("https://x"));
        assert_eq!(said.certificate_authority.winner(), Some("Y2E="));
        assert_eq!(kubelet.max_pods.winner(), Some("9"));
        assert_eq!(kubelet.labels()[0].value, "b");
    }

    #[test]
    fn calls_that_bootstrap_sh_does_not_take_are_told() {
        for (script, expected) in [
            ("/etc/eks/bootstrap.sh", "no-cluster"),
            (
                "/etc/eks/bootstrap.sh core --kubelet-extra-args=--max-pods=20",
                "equals-sign",
            ),
            ("/etc/eks/bootstrap.sh core --max-pods 20", "unknown-option"),
            ("/etc/eks/bootstrap.sh core --cluster-id", "no-value"),
            (
                "/etc/eks/bootstrap.sh core --use-max-pods false",
                "max-pods",
            ),
            (
                "/etc/eks/bootstrap.sh core; /etc/eks/bootstrap.sh edge",
                "two-calls",
            ),
        ] {
            assert_eq!(codes(script).2, [expected], "{script}");
        }
    }
}
