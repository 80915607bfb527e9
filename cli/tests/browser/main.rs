//! The page of `hookline timeline` in a real browser: that it is laid out as it should be, that
//! nothing is fetched and nothing runs, that it can be used with the keyboard, in the dark, on a
//! narrow screen and on paper.
//!
//! As root on Debian, or with `CI=true`, Chromium is installed and every test runs. Elsewhere,
//! without a browser, the tests are left out and say so: the same rule as for the tests of `node/`.

// Tests say what must be by failing, and JSON is indexed by name here, which gives null where
// nothing is. The scene is shared with the suite `command`, which uses more of it.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    dead_code
)]

mod chromium;
#[path = "../command/deployed.rs"]
mod deployed;
#[path = "../command/fake.rs"]
mod fake;
#[path = "../command/program.rs"]
mod program;
#[path = "../command/scale_out.rs"]
mod scale_out;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hookline_testkit::scene::HOOK;
use hookline_testkit::wait::wait_for;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use tempfile::TempDir;

use crate::chromium::{Colours, Look};
use crate::deployed::Deployed;
use crate::program::{hookline, stdout};
use crate::scale_out::{Launch, execution_of, start};

/// How long the scene may take to be there.
const LIMIT: Duration = Duration::from_secs(60);
/// Runs in the page instead of what the page forbids.
const PROBE: &str = include_str!("probe.js");
/// What the page says of scripts, and what the probe needs.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";
const WITH_PROBE: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
/// The cause of a launch that was abandoned. As markup, it would run.
const CAUSE: &str = "no address <img src=x onerror=\"document.title='harmed'\"><script>document.title='harmed'</script>";
/// The least contrast of a text (Web Content Accessibility Guidelines 2.2, 1.4.3).
const CONTRAST: f64 = 4.5;

fn main() -> ExitCode {
    // `cargo test` takes several filters, and this library one.
    let (options, filters): (Vec<_>, Vec<_>) = std::env::args()
        .enumerate()
        .partition(|(n, word)| *n == 0 || word.starts_with('-'));
    let arguments = match filters.len() {
        0 | 1 => Arguments::from_args(),
        _ => Arguments::from_iter(options.into_iter().map(|(_, word)| word)),
    };
    let mut tests = TESTS.to_vec();
    tests.retain(|(name, _)| {
        let mut filters = filters.iter();
        filters.len() == 0 || filters.any(|(_, filter)| name.contains(filter.as_str()))
    });
    // Nothing is installed for a list, or for other tests.
    let is_needed = !arguments.list && !tests.is_empty();
    let browser = is_needed.then(chromium::find).flatten();
    let left_out = is_needed && browser.is_none() && !chromium::is_required();
    if left_out {
        println!("No Chromium is found: the tests in a browser are left out. Install chromium.");
    }
    let browser = browser.unwrap_or_else(|| PathBuf::from("chromium"));
    let trials = tests.into_iter().map(|(name, test)| {
        let browser = browser.clone();
        let run = move || test(&browser).map_err(|error| Failed::from(format!("{error:#}")));
        Trial::test(name, run).with_ignored_flag(left_out)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// A test, with the browser that it starts.
type Test = (&'static str, fn(&Path) -> Result<()>);

const TESTS: [Test; 4] = [
    ("page_of_one_node_is_laid_out", |browser| {
        let scene = Scene {
            in_service: 1,
            ..Scene::default()
        };
        laid_out(browser, scene)
    }),
    ("page_of_sixty_nodes_is_laid_out", |browser| {
        let scene = Scene {
            in_service: 6,
            abandoned: 4,
            waiting: 50,
        };
        laid_out(browser, scene)
    }),
    ("script_in_a_page_does_not_run", script_does_not_run),
    ("long_page_is_printed_on_several_sheets", printed),
];

/// How many nodes are in which state.
#[derive(Clone, Copy, Debug, Default)]
struct Scene {
    in_service: usize,
    abandoned: usize,
    waiting: usize,
}

impl Scene {
    /// The page of it, in a folder.
    fn page(self, folder: &Path) -> Result<PathBuf> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let file = folder.join("page.html");
        let line = format!("timeline upf -o {}", file.display());
        runtime.block_on(async {
            let deployed = self.deployed().await?;
            deployed.run(&line).await.success();
            anyhow::Ok(())
        })?;
        Ok(file)
    }

    async fn deployed(self) -> Result<Deployed> {
        let deployed = Deployed::start().await;
        deployed.launch(self.in_service).await;
        let launched = deployed
            .fake
            .aws
            .with_world(|world| world.autoscaling.states("upf"));
        for (instance, n) in launched.into_keys().zip(1..) {
            let arn = execution_of(&deployed, &instance).await;
            let launch = Launch::begun(30.0).waiting(&instance, &format!("upf-{n}"));
            launch.wired(3.0, &instance, n).succeeded(&deployed, &arn);
            let scene = &deployed.scene;
            scene.complete("upf", HOOK, &instance, "CONTINUE").await?;
        }
        // Auto Scaling answers before the instance is InService.
        wait_for(LIMIT, "the nodes in service", async || {
            let world = &deployed.fake.aws;
            let in_service = world.with_world(|world| world.autoscaling.in_service("upf"));
            Ok((in_service == self.in_service).then_some(()))
        })
        .await?;
        for n in 0..self.abandoned {
            let instance = format!("i-{:017x}", 4096 + n);
            let arn = start(&deployed, "upf", &instance).await;
            let launch = Launch::begun(20.0).waiting(&instance, "<b>upf</b>");
            launch.abandoned(&deployed, &arn, CAUSE);
        }
        for n in 0..self.waiting {
            let instance = format!("i-{:017x}", 8192 + n);
            let arn = start(&deployed, "upf", &instance).await;
            let name = format!("upf-with-a-name-that-is-longer-than-its-column-{n}");
            let launch = Launch::begun(10.0).waiting(&instance, &name);
            launch.goes_on(&deployed, &arn);
        }
        Ok(deployed)
    }

    fn nodes(self) -> usize {
        self.in_service + self.abandoned + self.waiting
    }
}

fn block<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work)
}

/// What the probe finds in a page.
fn probed(look: Look<'_>, page: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(page)?;
    ensure!(text.contains(POLICY), "the page has another policy");
    let text = text.replace(POLICY, WITH_PROBE);
    let text = text.replace("</body>", &format!("<script>{PROBE}</script>\n</body>"));
    let copy = page.with_file_name("probed.html");
    std::fs::write(&copy, text)?;
    let document = block(look.document(&copy))?;
    let found = document
        .split_once("<body>")
        .and_then(|(_, rest)| rest.split_once("</body>"));
    let (found, _) = found.with_context(|| format!("no body in {document}"))?;
    let found = found
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    serde_json::from_str(&found).with_context(|| format!("no JSON: {found}"))
}

fn laid_out(browser: &Path, scene: Scene) -> Result<()> {
    let folder = TempDir::new()?;
    let page = scene.page(folder.path())?;
    let mut backgrounds = Vec::new();
    for (colours, width) in [
        (Colours::Light, 1400),
        (Colours::Dark, 1400),
        (Colours::Light, 600),
    ] {
        let look = Look {
            browser,
            colours,
            width,
        };
        let found = probed(look, &page)?;
        check(&found, scene).with_context(|| format!("{look:?}"))?;
        backgrounds.push(found["background"].clone());
    }
    ensure!(backgrounds[0] != backgrounds[1], "{backgrounds:?}");
    Ok(())
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn check(found: &Value, scene: Scene) -> Result<()> {
    ensure!(found["requests"] == 0, "something was fetched");
    ensure!(
        found["title"]
            .as_str()
            .unwrap_or("")
            .starts_with("upf: scale-out")
    );
    ensure!(
        number(&found["width"]) <= number(&found["viewport"]),
        "it is too wide: {} of {}",
        found["width"],
        found["viewport"]
    );
    let rows = found["rows"].as_array().context("no rows")?;
    ensure!(rows.len() == scene.nodes(), "{} rows", rows.len());
    for (state, nodes) in [
        ("in-service", scene.in_service),
        ("abandoned", scene.abandoned),
        ("waiting", scene.waiting),
    ] {
        let of_state = rows.iter().filter(|row| row["state"] == state).count();
        ensure!(of_state == nodes, "{of_state} {state} instead of {nodes}");
    }
    for row in rows {
        let bars = row["bars"].as_array().context("no bars")?;
        ensure!(!bars.is_empty(), "no bar in {row}");
        let (left, right) = (number(&row["left"]), number(&row["right"]));
        for bar in bars {
            ensure!(
                number(&bar["width"]) >= 0.3 && number(&bar["height"]) >= 3.0,
                "{bar} is not seen"
            );
            let inside = number(&bar["left"]) >= left - 1.0 && number(&bar["right"]) <= right + 1.0;
            ensure!(inside, "{bar} is not in its cell, {left} to {right}");
            ensure!(bar["colour"] != "rgb(0, 0, 0)", "{bar} has no colour");
            ensure!(
                bar["title"]
                    .as_str()
                    .is_some_and(|title| title.contains(" s, from ")),
                "{bar} does not tell its time"
            );
        }
        if row["state"] == "abandoned" {
            ensure!(
                row["why"] == format!("Hookline.SubnetsFull: {CAUSE}"),
                "{}",
                row["why"]
            );
        } else {
            ensure!(number(&row["height"]) <= 40.0, "{row} is not thin");
        }
    }
    // It scrolls down, and its headings stay.
    if scene.nodes() > 50 {
        ensure!(number(&found["height"]) > 900.0, "{}", found["height"]);
        ensure!(
            number(&found["heading"]).abs() < 1.0,
            "the headings are away, at {}",
            found["heading"]
        );
    }
    let keyboard = &found["keyboard"];
    ensure!(
        keyboard["focused"] == true && keyboard["tabIndex"] == 0,
        "{keyboard}"
    );
    ensure!(
        number(&keyboard["open"]) > number(&keyboard["closed"]) + 20.0,
        "{keyboard}"
    );
    ensure!(number(&keyboard["story"]) >= 1.0, "{keyboard}");
    ensure!(
        found["addresses"] == scene.in_service,
        "{}",
        found["addresses"]
    );
    let charts = found["charts"].as_array().context("no charts")?;
    ensure!(
        charts.len() == 8 && charts.iter().all(|height| number(height) > 40.0),
        "{charts:?}"
    );
    let contrasts = found["contrasts"].as_object().context("no contrasts")?;
    for (text, contrast) in contrasts {
        ensure!(
            number(contrast) >= CONTRAST,
            "{text} has a contrast of {contrast}"
        );
    }
    Ok(())
}

fn script_does_not_run(browser: &Path) -> Result<()> {
    let folder = TempDir::new()?;
    let scene = Scene {
        abandoned: 1,
        ..Scene::default()
    };
    let page = scene.page(folder.path())?;
    let look = Look {
        browser,
        colours: Colours::Light,
        width: 1200,
    };
    let document = block(look.document(&page))?;
    ensure!(document.contains("<title>upf: scale-out"), "{document}");
    // Even if a text got past the escaping, its script would not run.
    let script = "<script>document.title = 'harmed'</script></body>";
    let text = std::fs::read_to_string(&page)?;
    std::fs::write(&page, text.replace("</body>", script))?;
    let document = block(look.document(&page))?;
    ensure!(document.contains("<title>upf: scale-out"), "{document}");
    Ok(())
}

fn printed(browser: &Path) -> Result<()> {
    let folder = TempDir::new()?;
    let scene = Scene {
        in_service: 2,
        abandoned: 1,
        waiting: 57,
    };
    let page = scene.page(folder.path())?;
    let look = Look {
        browser,
        colours: Colours::Dark,
        width: 1200,
    };
    let printed = block(look.print(&page, &folder.path().join("page.pdf")))?;
    ensure!(printed.starts_with(b"%PDF-"), "no PDF");
    let page = b"/Type /Page\n";
    let pages = printed.windows(page.len()).filter(|at| at == page).count();
    ensure!((2..=5).contains(&pages), "{pages} pages");
    Ok(())
}
