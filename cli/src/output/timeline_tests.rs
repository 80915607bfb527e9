//! The page, by the scale-out that it shows.

use super::*;
use crate::fixtures::scale_out::{Run, in_service, scale_out};
use crate::judge::timeline;
use crate::observed::scale_out::{ScaleOut, Traced};

fn page_of(seen: &ScaleOut) -> String {
    page(&timeline::of(seen)).unwrap()
}

/// A node that was abandoned for this reason.
fn abandoned(n: u32, name: &str, message: &str) -> Traced {
    Run::begun(n, 60)
        .tagged(name)
        .planned(2_000)
        .enters(2_000, "CreateInterfaces")
        .abandoned(3_000, "Hookline.SubnetsFull", message)
        .traced()
}

#[test]
fn text_of_a_tag_or_a_cause_is_escaped() {
    let script = "<script>alert(1)</script>\" onload='x' </style><!-- & {{ 7*7 }}";
    let mut seen = scale_out(vec![abandoned(1, script, script)], &[]);
    seen.group.name = format!("upf{script}");
    seen.region = script.to_owned();
    let page = page_of(&seen);
    assert!(!page.contains("<script"), "{page}");
    assert!(!page.contains("onload='"), "{page}");
    // Of the style only.
    assert_eq!(page.matches("</style>").count(), 1);
    assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
    // No text is a template.
    assert!(page.contains("{{ 7*7 }}"), "{page}");
}

#[test]
fn control_characters_are_not_in_the_page() {
    let outside = "red\u{1b}[31m \u{9b}2J exe\u{202e}gpj";
    let page = page_of(&scale_out(vec![abandoned(1, outside, outside)], &[]));
    assert!(page.contains("exegpj"), "{page}");
    let harmful =
        |character: char| (character.is_control() && character != '\n') || character == '\u{202e}';
    assert!(!page.contains(harmful));
}

#[test]
fn page_needs_no_other_file_and_runs_nothing() {
    let page = page_of(&scale_out(
        vec![in_service(1, 60, 2_000)],
        &[(1, "InService")],
    ));
    for other in [
        "src=", "<link", "<script", "@import", "url(", "http:", "https:",
    ] {
        assert!(!page.contains(other), "{other}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn each_state_has_its_word_and_each_phase_its_bar() {
    let begun = |n: u32| Run::begun(n, 60).tagged(&format!("upf-{n}"));
    let executions = vec![
        begun(1).traced(),
        begun(2).enters(400, "PlanInterfaces").traced(),
        begun(3)
            .planned(2_000)
            .enters(2_000, "CreateInterfaces")
            .traced(),
        begun(4)
            .planned(2_000)
            .enters(2_500, "AttachInterfaces")
            .traced(),
        begun(5)
            .planned(2_000)
            .enters(4_000, "ContinueLaunch")
            .traced(),
        in_service(6, 60, 2_000),
        abandoned(7, "upf-7", "no free address"),
        begun(8).ends(9_000, "ABORTED").traced(),
        in_service(9, 60, 2_000),
    ];
    let mut executions = executions;
    let pooled = &mut executions[8].execution.input;
    *pooled = pooled.replace("\"AutoScalingGroup\"", "\"WarmPool\"");
    let members: Vec<(u32, &str)> = (1..=8)
        .filter(|n| *n != 7)
        .map(|n| (n, if n == 6 { "InService" } else { "Pending:Wait" }))
        .collect();
    let page = page_of(&scale_out(executions, &members));
    for phase in Phase::ALL {
        let class = json!(phase).as_str().unwrap().to_owned();
        assert!(
            page.contains(&format!("<rect class=\"{class}\"")),
            "{class}"
        );
        assert!(page.contains(&format!("<i class=\"{class}\"></i>{}", phase.words())));
        assert!(STYLE.contains(&format!("\n.{class}")), "{class}");
    }
    for state in [
        State::Abandoned,
        State::Stuck,
        State::Starting,
        State::Waiting,
        State::Creating,
        State::Attaching,
        State::Proceeding,
        State::InService,
        State::InWarmPool,
    ] {
        let cell = format!("<td class=\"state\">{}</td>", state.words());
        assert!(page.contains(&cell), "{cell}");
    }
}

#[test]
fn abandoned_node_has_its_cause_under_its_bar() {
    let page = page_of(&scale_out(
        vec![abandoned(1, "upf-1", "no free address")],
        &[],
    ));
    assert!(
        page.contains("<p class=\"why\">Hookline.SubnetsFull: no free address</p>"),
        "{page}"
    );
    assert!(
        page.contains("<td class=\"state\">abandoned</td>"),
        "{page}"
    );
}

#[test]
fn reasons_are_told_above_with_the_most_frequent_first() {
    let executions = vec![
        abandoned(1, "upf-1", "rare"),
        abandoned(2, "upf-2", "frequent"),
        abandoned(3, "upf-3", "frequent"),
        in_service(4, 60, 2_000),
    ];
    let page = page_of(&scale_out(executions, &[(4, "InService")]));
    let told: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("<li><a "))
        .collect();
    assert_eq!(
        told,
        [
            "<li><a href=\"#i-00000000000000002\">2 abandoned</a>: Hookline.SubnetsFull: frequent</li>",
            "<li><a href=\"#i-00000000000000001\">1 abandoned</a>: Hookline.SubnetsFull: rare</li>",
        ]
    );
}

#[test]
fn addresses_are_a_table_of_nodes_and_networks() {
    let executions = vec![in_service(1, 60, 2_000), abandoned(2, "upf-2", "full")];
    let page = page_of(&scale_out(executions, &[(1, "InService")]));
    for cell in [
        "<th scope=\"col\">signaling</th><th scope=\"col\">user-plane</th>",
        "<td title=\"eni-00000011\">10.0.1.4</td>",
        // It was planned.
        "<td title=\"no interface yet\" class=\"planned\">10.0.1.5</td>",
    ] {
        assert!(page.contains(cell), "no {cell} in\n{page}");
    }
}

#[test]
fn left_out_executions_are_said_on_the_page() {
    let mut seen = scale_out(vec![in_service(1, 60, 2_000)], &[(1, "InService")]);
    assert!(!page_of(&seen).contains("Not all is here"));
    seen.left_out.histories = 12;
    let page = page_of(&seen);
    assert!(page.contains("Not all is here"), "{page}");
    assert!(page.contains("12 executions of this deployment"), "{page}");
}

#[test]
fn group_without_launches_has_a_page_that_says_so() {
    let page = page_of(&scale_out(Vec::new(), &[]));
    assert!(page.contains("No launch of this group since"), "{page}");
}

#[test]
fn five_hundred_nodes_have_a_row_each() {
    let nodes = 1..=500;
    let executions = nodes
        .clone()
        .map(|n| in_service(n, 900, 1_000 * i64::from(n)));
    let members: Vec<(u32, &str)> = nodes.map(|n| (n, "InService")).collect();
    let page = page_of(&scale_out(executions.collect(), &members));
    assert_eq!(page.matches("<tr class=\"in-service\"").count(), 500);
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}
