//! The body of a plan card: risks, then the steps by phase with exactly what each will do.

use ratatui::text::{Line, Span};

use crate::core::base::time::human_ms;
use crate::core::run::Phase;
use crate::core::run::plan::{OnFailure, Plan, PlanStep, RiskLevel};
use crate::tui::msg::PlanCard;
use crate::tui::theme::{Theme, risk_symbol, run_symbol, run_word};
use crate::tui::view::canvas::{safe, wrapped};

/// The body, wrapped to `width`.
#[must_use]
pub fn lines(card: &PlanCard, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let mut page = Page {
        lines: Vec::new(),
        theme,
        width,
    };
    plan(&mut page, &card.plan, &card.queue);
    for (i, next) in card.plan.then.iter().enumerate() {
        page.heading(&format!(
            "Then ({} of {}), only if all before succeeded: {}",
            i + 1,
            card.plan.then.len(),
            safe(&next.title)
        ));
        plan(&mut page, next, &[]);
    }
    if !card.changed.is_empty() {
        page.heading("changed since it last ran");
        for line in &card.changed {
            page.item(&Span::raw("  "), &safe(line));
        }
    }
    last(&mut page, card);
    page.lines
}

/// The lines being built.
struct Page {
    lines: Vec<Line<'static>>,
    theme: Theme,
    width: usize,
}

impl Page {
    fn heading(&mut self, text: &str) {
        self.lines
            .push(Line::styled(text.to_owned(), self.theme.strong()));
    }

    /// Text after `lead`, with wrapped lines aligned.
    fn item(&mut self, lead: &Span<'static>, text: &str) {
        let indent = lead.width();
        for (i, part) in wrapped(text, self.width.saturating_sub(indent))
            .into_iter()
            .enumerate()
        {
            let lead = if i == 0 {
                lead.clone()
            } else {
                Span::raw(" ".repeat(indent))
            };
            self.lines.push(Line::from(vec![lead, Span::raw(part)]));
        }
    }
}

/// `queue`: the runs and rules that block the plan now.
fn plan(page: &mut Page, plan: &Plan, queue: &[String]) {
    let theme = page.theme;
    page.item(&Span::raw(""), &safe(&plan.restatement));
    let kind = if plan.mutates {
        "changes things"
    } else {
        "only looks"
    };
    let env = plan.env.as_deref().map_or("no environment".into(), safe);
    let place = match plan.protected_places() {
        [] => String::new(),
        [one] if plan.env.as_ref() == Some(one) => ", protected".to_owned(),
        all => format!(", reaches {} (protected)", safe(&all.join(", "))),
    };
    page.item(
        &Span::styled("where  ", theme.dim()),
        &format!("{env}{place} · {} · {kind}", list(&plan.services)),
    );
    page.item(
        &Span::styled("limit  ", theme.dim()),
        &human_ms(plan.timeout_ms),
    );
    if !plan.priority.is_normal() {
        page.item(&Span::styled("prio   ", theme.dim()), plan.priority.name());
    }
    if let Some(concurrency) = &plan.concurrency {
        page.item(
            &Span::styled("group  ", theme.dim()),
            &safe(&concurrency.to_string()),
        );
    }
    for line in queue {
        page.item(&Span::styled("queue  ", theme.attention()), &safe(line));
    }
    page.item(
        &Span::styled("calls  ", theme.dim()),
        &list(&plan.integrations),
    );
    let mut risks: Vec<_> = plan.risks.iter().collect();
    risks.sort_by_key(|risk| std::cmp::Reverse(risk.level));
    for risk in risks {
        let lead = format!("{} {:<5} ", risk_symbol(risk.level), risk.level.name());
        let how = if risk.level == RiskLevel::Block {
            " (remove the cause: it cannot be overridden)"
        } else {
            ""
        };
        page.item(
            &Span::styled(lead, theme.risk(risk.level)),
            &format!("{} {}{how}", risk.code, safe(&risk.message)),
        );
    }
    if let Some(gate) = &plan.only_if {
        let word = if gate.negated { "unless" } else { "only if" };
        page.heading(&format!("First: {word} {}", safe(&gate.text)));
        steps(page, &gate.steps);
    }
    for phase in Phase::ALL {
        let of: Vec<PlanStep> = plan
            .steps
            .iter()
            .filter(|s| s.phase == phase)
            .cloned()
            .collect();
        if !of.is_empty() {
            page.heading(phase.name());
            steps(page, &of);
        }
    }
    if plan.steps.is_empty() {
        page.item(&Span::raw(""), "no steps");
    }
    if !plan.finally.is_empty() {
        page.heading("finally, whatever happened");
        steps(page, &plan.finally);
    }
    if !plan.undo.is_empty() {
        page.heading("undone when action or verify fails, if it completed");
        steps(page, &plan.undo);
    }
}

fn steps(page: &mut Page, steps: &[PlanStep]) {
    for step in steps {
        let mut how = vec![format!("≤ {}", human_ms(step.timeout_ms))];
        how.extend(step.retry.map(|r| format!("{} tries", r.attempts)));
        how.extend(
            matches!(step.on_failure, OnFailure::Jump(_))
                .then(|| "goes on further down when it fails".to_owned()),
        );
        how.extend(
            (step.on_failure == OnFailure::Continue).then(|| "goes on when it fails".to_owned()),
        );
        let text = format!(
            "{}: {} ({})",
            safe(&step.name),
            safe(&step.spec.describe()),
            how.join(", ")
        );
        page.item(&Span::raw("  · "), &text);
    }
}

fn last(page: &mut Page, card: &PlanCard) {
    page.heading("last outcomes");
    if card.last.is_empty() {
        page.item(&Span::raw("  "), "never run here before");
    }
    for run in &card.last {
        let message = run
            .message
            .as_deref()
            .map(|m| format!(": {}", safe(m)))
            .unwrap_or_default();
        let status = format!("  {} {:<11} ", run_symbol(run.status), run_word(run.status));
        let text = format!(
            "{} {}Z by {}{message}",
            run.id,
            run.requested_at.clock_utc(),
            safe(&run.actor)
        );
        page.item(&Span::styled(status, page.theme.run(run.status)), &text);
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "–".to_owned()
    } else {
        names.iter().map(|n| safe(n)).collect::<Vec<_>>().join(", ")
    }
}
