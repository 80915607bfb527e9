//! The marked places of docs/performance.md. A command writes the text between `<!-- bench:NAME
//! begin -->` and `<!-- bench:NAME end -->`.

use std::path::Path;

use anyhow::{Context as _, Result};

/// The text with `content` between the marks of `name`.
///
/// # Errors
/// If the text does not have both marks, in order.
pub fn fill(text: &str, name: &str, content: &str) -> Result<String> {
    let begin = format!("<!-- bench:{name} begin -->");
    let end = format!("<!-- bench:{name} end -->");
    let (before, rest) = text
        .split_once(&begin)
        .with_context(|| format!("there is no `{begin}`"))?;
    let (_, after) = rest
        .split_once(&end)
        .with_context(|| format!("`{begin}` has no `{end}` after it"))?;
    let content = content.trim();
    Ok(format!("{before}{begin}\n{content}\n{end}{after}"))
}

/// Puts `content` into the file.
///
/// # Errors
/// If the file cannot be read or written, or lacks the marks.
pub fn write(file: &Path, name: &str, content: &str) -> Result<()> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("could not read {}", file.display()))?;
    let filled = fill(&text, name, content).with_context(|| file.display().to_string())?;
    std::fs::write(file, filled).with_context(|| format!("could not write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a\n<!-- bench:cost begin -->\nold\n<!-- bench:cost end -->\nb\n";

    #[test]
    fn only_text_between_the_marks_is_replaced() {
        let filled = fill(TEXT, "cost", "\nnew\n\n").unwrap();
        assert_eq!(
            filled,
            "a\n<!-- bench:cost begin -->\nnew\n<!-- bench:cost end -->\nb\n"
        );
        assert_eq!(fill(&filled, "cost", "new").unwrap(), filled);
    }

    #[test]
    fn missing_mark_is_named_in_the_error() {
        let error = fill(TEXT, "launch", "new").unwrap_err().to_string();
        assert!(error.contains("bench:launch begin"), "{error}");
        let cut = TEXT.replace("<!-- bench:cost end -->", "");
        let error = fill(&cut, "cost", "new").unwrap_err().to_string();
        assert!(error.contains("bench:cost end"), "{error}");
    }
}
