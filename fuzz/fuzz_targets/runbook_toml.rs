//! Any text as a TOML file is read or refused with lines, and what is read can be planned.
#![no_main]

use libfuzzer_sys::fuzz_target;
use opsroom::core::runbook::{Request, parse, plan};
use opsroom::core::stack::service::Stack;

fuzz_target!(|text: &str| {
    match parse("fuzz.toml", text) {
        Ok(runbook) => drop(plan(&runbook, &Request::default(), &Stack::default())),
        Err(problems) => assert!(!problems.is_empty() && problems.iter().all(|p| p.line >= 1)),
    }
});
