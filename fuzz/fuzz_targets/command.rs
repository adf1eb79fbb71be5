//! Any text in the command bar is answered, and the same way twice.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use opsroom::core::command::{Catalogue, parse};
use opsroom::core::stack::service::{Environment, Service, Stack};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let environment = |name: &str| Environment { name: name.to_owned(), aliases: vec![], protected: name == "prod" };
    let service = |name: &str| Service {
        name: name.to_owned(),
        environments: vec!["staging".to_owned(), "prod".to_owned()],
        ..Service::default()
    };
    let stack = Stack {
        environments: ["staging", "prod"].map(environment).into(),
        services: ["web", "api", "billing worker"].map(service).into(),
        ..Stack::default()
    };
    let names: Vec<_> = opsroom::core::runbook::built_in().iter().map(|r| r.as_name()).collect();
    Catalogue::new(&stack, &names)
});

fuzz_target!(|text: &str| {
    assert_eq!(parse(text, &CATALOGUE), parse(text, &CATALOGUE));
});
