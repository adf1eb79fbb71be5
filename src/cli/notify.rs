//! `opsroom notify`: lists the notifiers, and sends a test message.

use super::out::Out;
use super::session::Start;
use super::stop::{Code, Stop, print_message};
use crate::control::integration;
use crate::core::integration::notify::{Event, Message, Severity};

/// List the notifiers, or send one of them a message
#[derive(Debug, clap::Args)]
pub struct NotifyArgs {
    /// Name of a notifier; without it they are listed
    #[arg(value_name = "NAME", requires = "test")]
    name: Option<String>,
    /// The message to send
    #[arg(long, value_name = "TEXT", requires = "name")]
    test: Option<String>,
}

impl NotifyArgs {
    pub(super) const fn changes(&self) -> bool {
        self.test.is_some()
    }
}

pub(super) async fn perform(args: &NotifyArgs, start: &Start) -> Result<Code, Stop> {
    let settings = start.settings()?;
    let (Some(name), Some(text)) = (&args.name, &args.test) else {
        return list(start);
    };
    if settings.integrations.notifier(name).is_none() {
        let names: Vec<&str> = settings
            .integrations
            .notifiers
            .iter()
            .map(|n| n.name.as_str())
            .collect();
        let known = if names.is_empty() {
            "there is none".to_owned()
        } else {
            format!("known are {}", names.join(", "))
        };
        return Err(Stop::Usage(format!(
            "there is no notifier {name}: {known}; add [notify.{name}] to opsroom.toml"
        )));
    }
    let outcome = integration::send(
        start.context(settings),
        name,
        message(text, &settings.actor),
    )
    .await;
    if integration::is_sent(&outcome) {
        Out::new().line(&outcome.message)?;
        return Ok(Code::Succeeded);
    }
    print_message(&outcome.message);
    Ok(Code::Failed)
}

fn message(text: &str, actor: &str) -> Message {
    Message {
        title: text
            .split(['\r', '\n'])
            .next()
            .unwrap_or_default()
            .to_owned(),
        text: format!("{text}\n\nA test of opsroom by {actor}."),
        severity: Severity::Info,
        event: Event::Trigger,
        dedup_key: None,
        link: None,
    }
}

fn list(start: &Start) -> Result<Code, Stop> {
    let notifiers = &start.settings()?.integrations.notifiers;
    let mut out = Out::new();
    if notifiers.is_empty() {
        out.line("no notifiers: add [notify.NAME] with kind = \"…\" to opsroom.toml")?;
    }
    notifiers
        .iter()
        .try_for_each(|n| out.line(&format!("{:<16} {}", n.name, n.way.describe())))?;
    Ok(Code::Succeeded)
}
