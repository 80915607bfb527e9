//! The files that hold drawings: `statemachine/NAME.md` for each state machine, and the places in
//! docs/launch.md between `<!-- diagram:NAME begin -->` and `<!-- diagram:NAME end -->`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use hookline_statemachine::StateMachine;

use crate::diagram;
use crate::workspace::Workspace;

/// The page with marked places for drawings.
const PAGE: &str = "docs/launch.md";

/// A file as it is, and as it should be.
struct Page {
    path: PathBuf,
    present: Option<String>,
    wanted: String,
}

impl Page {
    fn is_current(&self) -> bool {
        self.present.as_ref() == Some(&self.wanted)
    }

    fn name<'a>(&'a self, workspace: &Workspace) -> std::path::Display<'a> {
        self.path
            .strip_prefix(workspace.root())
            .unwrap_or(&self.path)
            .display()
    }
}

/// Writes the files that are not as they should be, and says which those were.
pub(crate) fn write(workspace: &Workspace) -> Result<ExitCode> {
    for page in pages(workspace)? {
        if page.is_current() {
            continue;
        }
        fs::write(&page.path, &page.wanted)
            .with_context(|| format!("writing {}", page.path.display()))?;
        println!("wrote {}", page.name(workspace));
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails if a file is not as it should be.
pub(crate) fn check(workspace: &Workspace) -> Result<ExitCode> {
    let pages = pages(workspace)?;
    let stale: Vec<String> = pages
        .iter()
        .filter(|page| !page.is_current())
        .map(|page| page.name(workspace).to_string())
        .collect();
    if !stale.is_empty() {
        bail!(
            "{}: not what the state machines say; run `cargo xtask diagram`",
            stale.join(", ")
        );
    }
    for page in &pages {
        println!("{} is current", page.name(workspace));
    }
    Ok(ExitCode::SUCCESS)
}

/// Every file that holds a drawing.
fn pages(workspace: &Workspace) -> Result<Vec<Page>> {
    let mut drawings = Vec::new();
    let mut pages = Vec::new();
    for path in workspace.state_machines()? {
        let file = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let name = file.trim_end_matches(".asl.json").to_owned();
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let machine =
            StateMachine::read(&text).with_context(|| format!("reading {}", path.display()))?;
        let drawing = diagram::draw(&machine).with_context(|| format!("drawing {file}"))?;
        let table = diagram::table(&machine);
        let comment = machine.comment.as_deref().unwrap_or_default();
        let wanted = format!(
            "<!-- Made from {file} by `cargo xtask diagram`; change that file, not this one. -->\n\
             # {name}\n\n{comment}\n\n{drawing}\n{table}"
        );
        let path = path.with_file_name(format!("{name}.md"));
        pages.push(Page {
            present: read(&path)?,
            path,
            wanted,
        });
        drawings.push((name, drawing));
    }

    let path = workspace.path(PAGE);
    if let Some(text) = read(&path)? {
        let wanted = fill(&text, &drawings).context(PAGE)?;
        pages.push(Page {
            path,
            present: Some(text),
            wanted,
        });
    }
    Ok(pages)
}

/// The file's text; None if there is no such file.
fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// The text with each drawing between its two marks, if the text has them.
fn fill(text: &str, drawings: &[(String, String)]) -> Result<String> {
    let mut text = text.to_owned();
    for (name, drawing) in drawings {
        let begin = format!("<!-- diagram:{name} begin -->");
        let end = format!("<!-- diagram:{name} end -->");
        let Some((before, rest)) = text.split_once(&begin) else {
            continue;
        };
        let (_, after) = rest
            .split_once(&end)
            .with_context(|| format!("`{begin}` has no `{end}` after it"))?;
        text = format!("{before}{begin}\n{drawing}{end}{after}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawings() -> Vec<(String, String)> {
        vec![("launch-node".to_owned(), "DRAWING\n".to_owned())]
    }

    #[test]
    fn a_drawing_takes_the_place_of_what_is_between_its_marks() -> Result<()> {
        let text =
            "a\n<!-- diagram:launch-node begin -->\nold\n<!-- diagram:launch-node end -->\nb\n";
        let filled = fill(text, &drawings())?;
        assert_eq!(
            filled,
            "a\n<!-- diagram:launch-node begin -->\nDRAWING\n<!-- diagram:launch-node end -->\nb\n"
        );
        assert_eq!(
            fill(&filled, &drawings())?,
            filled,
            "filling twice is filling once"
        );
        Ok(())
    }

    #[test]
    fn a_text_without_marks_stays_as_it_is() -> Result<()> {
        let text = "a\n<!-- diagram:another begin -->\n";
        assert_eq!(fill(text, &drawings())?, text);
        Ok(())
    }

    #[test]
    fn a_mark_without_its_end_is_an_error() {
        assert!(fill("<!-- diagram:launch-node begin -->\n", &drawings()).is_err());
    }
}
