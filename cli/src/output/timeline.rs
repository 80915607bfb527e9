//! The page of a scale-out: one HTML file that needs no other, without a script.
//!
//! A pure function of a [`Timeline`]. Every text of it comes from outside: the template escapes all
//! of them, and control characters are removed before.

mod axis;
mod charts;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde_json::{Value as Json, json};

use self::axis::Axis;
use super::printable;
use crate::error::{Error, Result};
use crate::judge::timeline::{Bar, Node, Phase, State, Timeline};
use crate::judge::words::{clock, count, duration};

const TEMPLATE: &str = include_str!("timeline/page.html");
const STYLE: &str = include_str!("timeline/page.css");
/// The name by which the template is found in its errors.
const NAME: &str = "page.html";

/// The most reasons that are told above.
const REASONS: usize = 5;

/// The page.
///
/// # Errors
/// Returns [`Error::Internal`] if the template does not fit the data, which is a fault of Hookline.
pub(crate) fn page(timeline: &Timeline) -> Result<String> {
    let fault = |error: minijinja::Error| Error::Internal {
        doing: "writing the page",
        detail: format!("{error:#}"),
    };
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // A line that has a block only leaves nothing.
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .map_err(fault)?;
    environment.set_syntax(syntax);
    environment.add_template(NAME, TEMPLATE).map_err(fault)?;
    let mut view = view(timeline);
    harmless(&mut view);
    let view = Value::from(Serde(view));
    let style = Value::from_safe_string(STYLE.to_owned());
    environment
        .get_template(NAME)
        .and_then(|template| template.render(minijinja::context! { style, ..view }))
        .map_err(fault)
}

/// Removes control characters from every text.
fn harmless(view: &mut Json) {
    match view {
        Json::String(text) => *text = printable::text(text),
        Json::Array(items) => items.iter_mut().for_each(harmless),
        Json::Object(fields) => fields.values_mut().for_each(harmless),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// What the template shows: words and places.
fn view(timeline: &Timeline) -> Json {
    let axis = Axis::of(timeline);
    let networks = timeline.networks();
    let nodes: Vec<Json> = timeline.nodes.iter().map(|node| row(node, &axis)).collect();
    let addresses: Vec<Json> = timeline
        .nodes
        .iter()
        .filter(|node| !node.addresses.is_empty())
        .map(|node| addresses(node, &networks))
        .collect();
    let counts = timeline.counts().into_iter();
    let shown = |phase: &&Phase| {
        let mut bars = timeline.nodes.iter().flat_map(|node| &node.bars);
        bars.any(|bar| bar.phase == **phase)
    };
    let legend = Phase::ALL.iter().filter(shown);
    json!({
        "group": timeline.group,
        "region": timeline.region,
        "at": at(timeline.at),
        "since": at(timeline.since),
        "total": count(timeline.nodes.len(), "node", "nodes"),
        "counts": counts.map(|(state, number)| json!({
            "class": json!(state), "words": state.words(), "number": number,
        })).collect::<Vec<_>>(),
        "legend": legend.map(|phase| json!({
            "class": json!(phase), "words": phase.words(),
        })).collect::<Vec<_>>(),
        "reasons": reasons(timeline),
        "leftOut": timeline.left_out,
        "ticks": axis.ticks(),
        "charts": timeline.calls.iter().map(|calls| charts::of(calls, &axis)).collect::<Vec<_>>(),
        "nodes": nodes,
        "networks": networks,
        "addresses": addresses,
    })
}

/// Why nodes are abandoned or stuck, the most frequent reason first, each with its first node: of
/// hundreds, nobody reads all rows.
fn reasons(timeline: &Timeline) -> Vec<Json> {
    let mut reasons: Vec<(&str, State, &str, usize)> = Vec::new();
    for node in &timeline.nodes {
        let (State::Abandoned | State::Stuck, Some(why)) = (node.state, &node.why) else {
            continue;
        };
        let known = reasons
            .iter_mut()
            .find(|(known, state, ..)| known == why && *state == node.state);
        match known {
            Some((.., number)) => *number += 1,
            None => reasons.push((why, node.state, &node.instance, 1)),
        }
    }
    reasons.sort_by_key(|(.., number)| std::cmp::Reverse(*number));
    let reasons = reasons.into_iter().take(REASONS);
    reasons
        .map(|(why, state, first, number)| {
            json!({ "why": why, "words": state.words(), "first": first, "number": number })
        })
        .collect()
}

/// A time in UTC, as `2026-01-02 03:04:05`.
fn at(seconds: i64) -> String {
    let time = hookline_domain::time::rfc3339(seconds);
    time.replace('T', " ").trim_end_matches('Z').to_owned()
}

/// A length of time, as people say it: with tenths of a second, if it is short.
fn length(milliseconds: i64) -> String {
    match milliseconds {
        ..0 => "0 s".to_owned(),
        0..10_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        _ => duration(milliseconds / 1_000),
    }
}

fn row(node: &Node, axis: &Axis) -> Json {
    let began = node.bars.first().map_or(0, |bar| bar.from);
    let after = |phases: &[Phase]| {
        let bar = node.bars.iter().find(|bar| phases.contains(&bar.phase));
        bar.map_or_else(String::new, |bar| length(bar.from - began))
    };
    let kind = [&node.instance_type, &node.availability_zone];
    let kind: Vec<&str> = kind.into_iter().flatten().map(String::as_str).collect();
    let story = node.story.iter().map(|step| {
        let failures = step.failures.iter().map(|failure| {
            let times = match failure.times {
                1 => String::new(),
                times => format!(" ({times} times)"),
            };
            format!("{}{times}: {}", failure.error, failure.message)
        });
        json!({
            "at": clock(step.at / 1_000),
            "state": step.state,
            "took": step.took.map_or_else(|| "goes on".to_owned(), length),
            "did": step.did,
            "failures": failures.collect::<Vec<_>>(),
        })
    });
    json!({
        "instance": node.instance,
        "name": node.name,
        "kind": kind.join(", "),
        "state": json!(node.state),
        "words": node.state.words(),
        "why": node.why,
        "bars": node.bars.iter().map(|it| bar(it, axis)).collect::<Vec<_>>(),
        "turn": after(&[Phase::Creating]),
        "ready": after(&[Phase::InService, Phase::InWarmPool]),
        "executions": node.executions,
        "story": story.collect::<Vec<_>>(),
    })
}

fn bar(bar: &Bar, axis: &Axis) -> Json {
    let (x, width) = axis.stretch(bar.from, bar.to);
    json!({
        "phase": json!(bar.phase),
        "x": x,
        "width": width,
        "title": format!(
            "{}: {}, from {}",
            bar.phase.words(),
            length(bar.to - bar.from),
            clock(bar.from / 1_000),
        ),
    })
}

/// The addresses of a node, in the columns of these networks.
fn addresses(node: &Node, networks: &[&str]) -> Json {
    let cells = networks.iter().map(|network| {
        let mut given = node.addresses.iter();
        let given = given.find(|given| given.network == *network)?;
        Some(json!({
            "addresses": given.addresses,
            "interface": given.network_interface_id,
            "attached": given.attached,
        }))
    });
    json!({
        "instance": node.instance,
        "name": node.name,
        "cells": cells.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
