//! What needs neither a store nor a process: the command language, stack files, runbook pages, the
//! manuals, and the rules for the sources.

mod commands;
mod config;
mod cron;
mod docs;
mod layers;
mod runbook_pages;
mod runbooks;
mod words;
