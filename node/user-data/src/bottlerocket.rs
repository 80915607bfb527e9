//! Bottlerocket's user data: settings in TOML (bottlerocket.dev, "Settings reference";
//! bottlerocket-os/bottlerocket-core-kit, early-boot-config: a table `settings` must be there).

use toml::{Table, Value};

use crate::findings::Findings;
use crate::kubelet::Kubelet;
use crate::setting::Candidates;
use crate::{decode, show};

/// What the settings say.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) cluster: Candidates,
    pub(crate) endpoint: Candidates,
    pub(crate) certificate_authority: Candidates,
    /// The bootstrap containers that stop the boot if they fail: each with its name, and with its
    /// user data.
    pub(crate) bootstrap_containers: Vec<(String, String)>,
}

/// Reads the settings. `None` if Bottlerocket takes nothing of them.
pub(crate) fn read(
    text: &str,
    place: &str,
    kubelet: &mut Kubelet,
    findings: &mut Findings,
) -> Option<Said> {
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            let at = place_of(&error, text);
            findings.problem(
                "not-toml",
                Some(place),
                format_args!("it is not TOML, at {at}: Bottlerocket takes nothing of it"),
            );
            return None;
        }
    };
    for name in table.keys().filter(|name| *name != "settings") {
        findings.problem(
            "unknown-field",
            Some(place),
            format_args!(
                "Bottlerocket reads the table settings only, and not {}",
                show::text(name)
            ),
        );
    }
    let Some(settings) = table.get("settings").and_then(Value::as_table) else {
        findings.problem(
            "no-settings",
            Some(place),
            "there is no table settings: Bottlerocket takes nothing of it",
        );
        return None;
    };
    let mut said = Said::default();
    if let Some(kubernetes) = settings.get("kubernetes").and_then(Value::as_table) {
        read_kubernetes(kubernetes, place, &mut said, kubelet, findings);
    }
    let containers = settings
        .get("bootstrap-containers")
        .and_then(Value::as_table);
    for (name, container) in containers.into_iter().flatten() {
        let field = |name: &str| container.get(name);
        let mode = field("mode").and_then(Value::as_str).unwrap_or("off");
        let is_essential = field("essential").and_then(Value::as_bool) == Some(true);
        let user_data = field("user-data")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let decoded = decode::base64(user_data.as_bytes());
        if decoded.is_none() {
            let name = show::text(name);
            findings.problem(
                "user-data",
                Some(place),
                format_args!("user-data of the bootstrap container {name} is not base64"),
            );
        }
        if mode == "always" && is_essential {
            let text = String::from_utf8_lossy(&decoded.unwrap_or_default()).into_owned();
            said.bootstrap_containers.push((name.clone(), text));
        }
    }
    Some(said)
}

fn read_kubernetes(
    table: &Table,
    place: &str,
    said: &mut Said,
    kubelet: &mut Kubelet,
    findings: &mut Findings,
) {
    let text = |name: &str| table.get(name).and_then(Value::as_str).unwrap_or_default();
    said.cluster.add(text("cluster-name"), place);
    said.endpoint.add(text("api-server"), place);
    said.certificate_authority
        .add(text("cluster-certificate"), place);
    match table.get("max-pods") {
        Some(Value::Integer(pods)) => kubelet.max_pods.add(&pods.to_string(), place),
        Some(_) => findings.problem("max-pods", Some(place), "max-pods is not a number"),
        None => {}
    }
    let dns = texts(table.get("cluster-dns-ip"));
    kubelet.cluster_dns.add(&dns.join(","), place);
    for (key, value) in table
        .get("node-labels")
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
    {
        match value.as_str() {
            Some(value) => kubelet.label(key, value, place, findings),
            None => nested(key, "node-labels", place, findings),
        }
    }
    for (key, value) in table
        .get("node-taints")
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
    {
        if value.is_table() {
            nested(key, "node-taints", place, findings);
        }
        for taint in texts(Some(value)) {
            let (value, effect) = taint.rsplit_once(':').unwrap_or((taint, ""));
            kubelet.taint(key, value, effect, place, findings);
        }
    }
}

/// `example.com/a = …` without quotes is a table `example`.
fn nested(key: &str, table: &str, place: &str, findings: &mut Findings) {
    findings.problem(
        "unquoted-key",
        Some(place),
        format_args!(
            "{} in {table} is a table: put a key with dots into quotes",
            show::text(key)
        ),
    );
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The line of an error. Its message can have some of the text in it.
fn place_of(error: &toml::de::Error, text: &str) -> String {
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}", before.matches('\n').count() + 1),
        None => "an unknown place".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> (Option<Said>, Vec<&'static str>) {
        let (mut kubelet, mut findings) = (Kubelet::default(), Findings::default());
        let said = read(text, "part 1", &mut kubelet, &mut findings);
        (
            said,
            findings
                .into_sorted()
                .iter()
                .map(|finding| finding.code)
                .collect(),
        )
    }

    #[test]
    fn settings_that_bottlerocket_does_not_take_are_told() {
        for (text, expected) in [
            ("[settings.kubernetes]\nmax-pods = \"many\"\n", "max-pods"),
            (
                "[settings.kubernetes.node-labels]\na.b = \"x\"\n",
                "unquoted-key",
            ),
            (
                "[settings.kubernetes.node-taints]\na.b = \"x:NoSchedule\"\n",
                "unquoted-key",
            ),
            ("[settings]\n[kubernetes]\n", "unknown-field"),
            ("settings = 1\n", "no-settings"),
            ("[settings.kubernetes\n", "not-toml"),
            (
                "[settings.bootstrap-containers.x]\nuser-data = \"{}\"\n",
                "user-data",
            ),
        ] {
            assert_eq!(codes(text).1, [expected], "{text}");
        }
    }

    #[test]
    fn bootstrap_container_counts_if_it_can_hold_the_boot() {
        let container = |mode: &str, essential: bool| {
            let text = format!(
                "[settings.bootstrap-containers.x]\nmode = \"{mode}\"\nessential = {essential}\nuser-data = \"e30=\"\n"
            );
            codes(&text).0.unwrap().bootstrap_containers
        };
        assert_eq!(
            container("always", true),
            [("x".to_owned(), "{}".to_owned())]
        );
        assert_eq!(container("once", true), []);
        assert_eq!(container("always", false), []);
    }
}
