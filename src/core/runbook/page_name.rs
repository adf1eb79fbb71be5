//! The name of a page, from the path of its file alone; `naming` makes it unique among all pages.

use crate::base::text::show;

/// Whether a name is that of an index page, which is named like its folder.
fn is_index(stem: &str) -> bool {
    ["readme", "index", "_index", "index.html"].contains(&stem.to_lowercase().as_str())
}

/// A file's path without its extension, or that of the folder for an index page; and its name
/// without its extension.
pub(super) fn path_and_stem(file: &str) -> (String, String) {
    let file = file.replace('\\', "/");
    let whole = [".markdown", ".md"].into_iter().find_map(|end| {
        let cut = file
            .len()
            .checked_sub(end.len())
            .filter(|cut| file.is_char_boundary(*cut))?;
        file[cut..]
            .eq_ignore_ascii_case(end)
            .then(|| file[..cut].to_owned())
    });
    let whole = whole.unwrap_or(file);
    match whole.rsplit_once('/') {
        Some((folder, stem)) if is_index(stem) && !folder.is_empty() => {
            (folder.to_owned(), stem.to_owned())
        }
        Some((_, stem)) => (whole.clone(), stem.to_owned()),
        None => (whole.clone(), whole),
    }
}

/// The file's name without its ending; an index page is named like its folder.
pub(super) fn name_of(file: &str) -> String {
    let (path, stem) = path_and_stem(file);
    let last = path.rsplit('/').next().unwrap_or(&path);
    let name = plain(if is_index(&stem) && path != stem {
        last
    } else {
        &stem
    });
    let name: String = show(&name).trim().chars().take(200).collect();
    if name.trim().is_empty() {
        "page".to_owned()
    } else {
        name.trim().to_owned()
    }
}

/// The text without braces that would read as placeholders.
pub(super) fn plain(text: &str) -> String {
    text.replace('{', "(")
        .replace('}', ")")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
