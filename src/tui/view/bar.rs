//! Painting of the command bar: the line, its meaning beside it, messages and choices above it.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::canvas::{Canvas, badge, row, safe, wrapped};
use super::chrome;
use super::layout::Parts;
use crate::core::base::text;
use crate::core::command::{ParseOutcome, Parsed};
use crate::core::run::plan::RiskLevel;
use crate::tui::app::App;
use crate::tui::app::bar::{Bar, asks_for};
use crate::tui::theme::risk_symbol;

/// Minimum cells for typing; with less room the preview moves above the bar.
const TYPING: u16 = 34;

/// Paints the bar, its preview and its list.
pub fn draw(app: &App, bar: &Bar, parts: &Parts, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let preview = preview(app, bar);
    let typed = u16::try_from(text::width(bar.line.text()) + 4)
        .unwrap_or(u16::MAX)
        .max(TYPING);
    let needed = u16::try_from(preview.width()).unwrap_or(u16::MAX);
    let beside = typed.saturating_add(needed) <= parts.bar.width;
    let width = if beside { typed } else { parts.bar.width };
    canvas.field(
        Rect { width, ..parts.bar },
        Span::styled(" : ", theme.strong()),
        &bar.line,
        true,
        &bar.ghost,
    );
    if beside {
        canvas.line(
            Rect {
                x: parts.bar.x + typed,
                width: parts.bar.width - typed,
                ..parts.bar
            },
            &preview,
        );
    }
    let above = (!beside).then_some(preview);
    list(app, bar, above, parts.body, canvas);
    match marks(bar) {
        Some(marks) => canvas.line(parts.hint, &Line::styled(marks, theme.wrong())),
        None => chrome::hints(app, parts.hint, canvas),
    }
}

/// `→  PROD  plan deploy · web · prod · ▲ PROD_CHANGE · 7 steps`.
fn preview(app: &App, bar: &Bar) -> Line<'static> {
    let theme = app.theme;
    let Some(parsed) = &bar.parsed else {
        return Line::default();
    };
    if parsed.unavailable.is_some() {
        return Line::styled(format!("→ {}", safe(&parsed.message)), theme.attention());
    }
    if parsed.outcome == ParseOutcome::View {
        return Line::from(vec![
            Span::raw("→ "),
            Span::styled(safe(&parsed.message), theme.strong()),
        ]);
    }
    let mut spans = vec![Span::raw("→ ")];
    let (word, style) = match parsed.outcome {
        ParseOutcome::Plan => ("plan", theme.strong()),
        ParseOutcome::Action => ("do", theme.strong()),
        ParseOutcome::Question => ("asks", theme.attention()),
        ParseOutcome::Suggest => ("not understood", theme.attention()),
        ParseOutcome::Nothing | ParseOutcome::View => ("does nothing", theme.attention()),
    };
    let protected = parsed
        .env
        .as_deref()
        .filter(|env| app.frame().is_protected(env));
    spans.extend(
        protected
            .into_iter()
            .flat_map(|env| [badge(env, theme), Span::raw(" ")]),
    );
    spans.push(Span::styled(word, style));
    spans.push(Span::raw(format!(" {}", slots(parsed))));
    if let Some(slot) = parsed.missing.first() {
        spans.push(Span::styled(
            format!(" · {}", asks_for(slot)),
            theme.attention(),
        ));
    }
    if parsed.mutates && app.facts.read_only {
        spans.push(Span::styled(" · read-only", theme.wrong()));
    }
    spans.extend(risks(app, bar));
    Line::from(spans)
}

fn slots(parsed: &Parsed) -> String {
    let services = match parsed.services.as_slice() {
        [] => None,
        [all] if all == "*" => Some("all services".to_owned()),
        names => Some(names.join(", ")),
    };
    let chain = (!parsed.then.is_empty()).then(|| format!("then {} more", parsed.then.len()));
    let gate = parsed
        .only_if
        .as_ref()
        .map(|_| "with a condition".to_owned());
    let kind = Some(
        parsed
            .runbook
            .clone()
            .unwrap_or_else(|| parsed.intent.replace('_', " ")),
    );
    let all = [
        kind.filter(|k| !k.is_empty()),
        services,
        parsed.env.clone(),
        gate,
        chain,
    ];
    safe(&all.into_iter().flatten().collect::<Vec<_>>().join(" · "))
}

/// Risks and number of steps, once planned.
fn risks(app: &App, bar: &Bar) -> Vec<Span<'static>> {
    let theme = app.theme;
    match &bar.preview.card {
        None => Vec::new(),
        Some(Err(why)) => vec![Span::styled(format!(" · {}", safe(why)), theme.wrong())],
        Some(Ok(card)) => {
            let risks = card
                .plan
                .risks
                .iter()
                .filter(|r| r.level > RiskLevel::Info)
                .take(3);
            let mut spans: Vec<Span<'static>> = risks
                .map(|r| {
                    Span::styled(
                        format!(" · {} {}", risk_symbol(r.level), r.code),
                        theme.risk(r.level),
                    )
                })
                .collect();
            let links = card.plan.links();
            let steps: usize = links.iter().map(|link| link.steps.len()).sum();
            spans.push(Span::raw(format!(" · {steps} steps")));
            spans
        }
    }
}

/// Carets under the words that were not understood, for the line below the bar.
fn marks(bar: &Bar) -> Option<String> {
    let parsed = bar.parsed.as_ref()?;
    let line = bar.line.text();
    let mut marks = String::from("   ");
    let mut any = false;
    let mut rest = line;
    while let Some(word) = rest.split_whitespace().next() {
        let at = rest.find(word).unwrap_or(0);
        marks.push_str(&" ".repeat(text::width(&rest[..at])));
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let unknown = parsed.unknown.iter().any(|u| {
            u.split_whitespace()
                .any(|u| u == word || (!bare.is_empty() && u == bare))
        });
        any |= unknown;
        marks.push_str(&if unknown { "^" } else { " " }.repeat(text::width(word)));
        rest = &rest[at + word.len()..];
    }
    any.then(|| format!("{} not understood", marks.trim_end()))
}

/// The box above the bar: message, corrections, explanation, choices. As high as needed.
fn list(app: &App, bar: &Bar, above: Option<Line<'static>>, body: Rect, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let width = usize::from(body.width).saturating_sub(4);
    let mut lines: Vec<Line<'static>> = above.filter(|l| l.width() > 0).into_iter().collect();
    let message = bar.message.clone().or_else(|| hint(bar));
    lines.extend(
        message
            .into_iter()
            .flat_map(|m| wrapped(&safe(&m), width))
            .map(|l| Line::styled(l, theme.attention())),
    );
    if bar.waiting.is_some() {
        lines.push(Line::raw("planning …"));
    }
    if let Some(parsed) = &bar.parsed {
        for c in &parsed.corrections {
            lines.push(Line::raw(format!(
                "read `{}` as `{}`",
                safe(&c.from),
                safe(&c.to)
            )));
        }
        if bar.why {
            lines.extend(why(app, parsed));
        }
        if bar.choices.is_empty() && parsed.outcome == ParseOutcome::Suggest {
            lines.extend(
                parsed
                    .suggestions
                    .iter()
                    .take(4)
                    .map(|s| Line::styled(format!("  {}", safe(s)), theme.dim())),
            );
        }
    }
    let choices_at = lines.len();
    let mark = |i: usize| if i == bar.picked { "▸" } else { " " };
    lines.extend(
        bar.choices
            .iter()
            .enumerate()
            .map(|(i, c)| Line::raw(format!("{} {}", mark(i), safe(&c.label)))),
    );
    if lines.is_empty() {
        return;
    }
    let height = u16::try_from(lines.len() + 2)
        .unwrap_or(u16::MAX)
        .min(body.height);
    let area = Rect {
        y: body.bottom() - height,
        height,
        ..body
    };
    canvas.clear(area);
    let inner = canvas.frame(area, Line::default(), &Line::default(), true);
    let inner = Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(2),
        ..inner
    };
    // If not everything fits, keep the picked choice visible.
    let wanted = if bar.choices.is_empty() {
        0
    } else {
        choices_at + bar.picked + 1
    };
    let first = wanted.saturating_sub(usize::from(inner.height));
    canvas.lines(inner, lines.iter().skip(first));
    if !bar.choices.is_empty() {
        let y = inner.y + u16::try_from(choices_at + bar.picked - first).unwrap_or(0);
        canvas.select(row(inner, y), true);
    }
}

/// The message about an incomplete line, before Enter.
fn hint(bar: &Bar) -> Option<String> {
    let parsed = bar.parsed.as_ref()?;
    let speaks = parsed.unavailable.is_none()
        && matches!(
            parsed.outcome,
            ParseOutcome::Question | ParseOutcome::Suggest | ParseOutcome::Nothing
        );
    let message = Some(parsed.message.clone()).filter(|m| speaks && !m.is_empty());
    message.filter(|_| bar.choices.is_empty())
}

fn why(app: &App, parsed: &Parsed) -> Vec<Line<'static>> {
    let of = |w: &crate::core::command::Why| {
        Line::from(vec![
            Span::styled(format!("  {:<12}", safe(&w.slot)), app.theme.dim()),
            Span::raw(format!("from `{}`", safe(&w.text))),
        ])
    };
    let mut lines: Vec<Line<'static>> = parsed.why.iter().map(of).collect();
    if lines.is_empty() {
        lines.push(Line::raw("no word of it was understood"));
    }
    lines
}
