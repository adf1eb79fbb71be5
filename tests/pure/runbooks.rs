//! The folder of shipped runbooks and the list of built-in ones are the same.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_runbook_of_the_folder_is_built_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/runbooks");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let there: BTreeSet<String> = files.collect();
    let listed: BTreeSet<String> = opsroom::core::runbook::built_in()
        .into_iter()
        .map(|r| r.definition.source.file)
        .collect();
    assert_eq!(
        there, listed,
        "assets/runbooks and the list in src/core/runbook/built_in.rs differ"
    );
}
