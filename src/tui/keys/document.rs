//! The list of keys printed by `opsroom keys` and included in the manual.

use std::fmt::Write as _;

use super::{Keymap, Table};

/// The keymap as a Markdown document, with one table per context.
#[must_use]
pub fn document(keymap: &Keymap) -> String {
    let mut out = String::new();
    for table in Table::ALL {
        let _ = write!(
            out,
            "### {} (`[{}]`)\n\n| key | does | name |\n|---|---|---|\n",
            table.about(),
            table.name()
        );
        for (action, keys) in keymap.bindings().iter().filter(|(a, _)| a.table() == table) {
            let keys: Vec<String> = keys.iter().map(|k| format!("`{k}`")).collect();
            let keys = if keys.is_empty() {
                "–".to_owned()
            } else {
                keys.join(" ")
            };
            let _ = writeln!(out, "| {keys} | {} | {} |", action.about(), action.name());
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lists_every_action_with_its_current_keys() {
        let text = document(&Keymap::with_user(
            "my.toml",
            "[log]\nwrap = \"Z\"\nleft = []\n",
        ));
        for (_, _, name, about) in super::super::Action::ALL {
            assert!(text.contains(&format!("| {about} | {name} |")), "{name}");
        }
        assert!(text.contains("| `Z` | wrap long lines"));
        assert!(text.contains("| – | scroll left"));
    }
}
