//! Questions about changes: "who restarted redis", "should we deploy web". A text that begins with a
//! word that asks is no command, whatever stands in it: it is answered by the runs it asks about, or
//! by how the command is typed. "can you restart web" is a command: its verb is addressed to us.

use std::ops::Range;

use super::habit;
use super::intent::{HEALTHCHECK, Intent};
use super::kinds;
use super::lexer::{Kind, Text};
use super::lexicon::lexicon;
use super::names::Name;
use super::reading::{Reading, Spans};
use super::{Catalogue, ParseOutcome, Parsed};

/// What a question asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// "who", "did", "has": what was done.
    Past,
    /// "what happens if": what a runbook does.
    Effect,
    /// "should we", "is it safe to": whether to do it.
    Advice,
}

/// The answer to a question about a change; `read` as it is when the text asks nothing of the kind.
/// `parse` reads a phrase.
pub(super) fn answer(
    text: &str,
    read: Parsed,
    catalogue: &Catalogue,
    parse: impl Fn(&str) -> Parsed,
) -> Parsed {
    let words = Text::new(text, lexicon());
    let spans = Spans::new(&words, catalogue);
    let all = 0..words.words.len();
    let r = Reading::new(&words, catalogue, lexicon(), &spans, all);
    let changes = read.mutates || read.then.iter().any(|link| link.mutates);
    let asks = asked(&r).or_else(|| (!changes && asks_state(&r)).then_some(Asks::Past));
    let Some(asks) = asks.filter(|_| !habit::begins_own(&[text], catalogue)) else {
        return read;
    };
    let unread = matches!(read.outcome, ParseOutcome::Suggest | ParseOutcome::Question);
    let about = About::of(&r, &read);
    // "how is the backup doing" asks for its run, not for the state of services.
    let past_runs =
        (unread || read.intent == HEALTHCHECK.name) && asks == Asks::Past && about.kind.is_some();
    if !changes && !past_runs {
        return read;
    }
    let look = match asks {
        _ if !read.then.is_empty() => None,
        Asks::Past => about.past(&r, &read, &parse),
        Asks::Effect => about
            .kind
            .map(|kind| format!("show runbook {kind}"))
            .filter(|look| is_view(&parse(look))),
        Asks::Advice => None,
    };
    match look {
        Some(look) if unknown(&r).is_empty() => habit::looked(text, &look, parse(&look)),
        Some(look) => Parsed {
            outcome: ParseOutcome::Suggest,
            message: format!("not understood: {}", unknown(&r).join(", ")),
            suggestions: vec![look],
            ..Parsed::default()
        },
        None => advice(&read, &about, parse),
    }
}

/// Words that are neither of the language nor names: they may be misspelt names, so no look is
/// opened without them.
fn unknown(r: &Reading<'_>) -> Vec<String> {
    let known = |at: usize| {
        let word = r.word(at);
        r.spans.at(at).is_some()
            || r.lexicon.knows(word)
            || kinds::of(word).is_some()
            || word.starts_with(|c: char| c.is_ascii_digit() || c == '#')
    };
    let words = r.words.clone().filter(|&at| !known(at));
    let words = words.map(|at| r.text.raw(&(at..at + 1)));
    // A quotation has no words of its own, and may hold anything.
    let quoted = r.text.tokens.iter();
    let quoted = quoted.filter(|token| matches!(token.kind, Kind::Quoted { .. }));
    words.chain(quoted.map(|token| token.raw.clone())).collect()
}

fn is_view(parsed: &Parsed) -> bool {
    parsed.outcome == ParseOutcome::View && parsed.unavailable.is_none()
}

/// What the first words ask; `None`: they ask nothing.
fn asked(r: &Reading<'_>) -> Option<Asks> {
    let lexicon = r.lexicon;
    let longest = |set: &super::pattern::PhraseSet, at: usize| {
        set.longest_at(r, at, r.words.end).unwrap_or(0)
    };
    let mut at = r.words.start;
    while at < r.words.end {
        let forms = [
            (longest(&lexicon.asks_past, at), Asks::Past),
            (longest(&lexicon.asks_effect, at), Asks::Effect),
            (longest(&lexicon.asks_advice, at), Asks::Advice),
        ];
        let (n, asks) = forms.into_iter().max_by_key(|(n, _)| *n)?;
        let favour = longest(&lexicon.favours, at);
        let lead = longest(&lexicon.asks_leads, at).max(longest(&lexicon.fillers, at));
        if n > 0 && n >= lead && n > favour {
            return Some(asks);
        }
        if lead == 0 || favour > 0 {
            return None;
        }
        at += lead;
    }
    None
}

/// "is the deploy done": a question about the runs of that kind, when nothing in it changes anything.
fn asks_state(r: &Reading<'_>) -> bool {
    let first = r.words.clone().next().map(|at| r.word(at));
    matches!(first, Some("is" | "are"))
}

/// What a question is about.
struct About {
    /// The built-in runbook.
    kind: Option<&'static str>,
    /// " of web".
    services: String,
    /// " in prod".
    place: String,
}

impl About {
    fn of(r: &Reading<'_>, read: &Parsed) -> Self {
        let named = |words: Range<usize>| r.spans.within(words).flat_map(|span| &span.names);
        let services: Vec<&str> = named(r.words.clone()).filter_map(Name::service).collect();
        let env = named(r.words.clone()).find_map(|name| match name {
            Name::Env(env) => Some(env.as_str()),
            _ => None,
        });
        let by_intent = Intent::named(&read.intent)
            .filter(|intent| intent.outcome == ParseOutcome::Plan && intent.mutates)
            .map(|intent| intent.name);
        let by_word = || {
            let mut words = r.words.clone().filter(|&at| r.spans.at(at).is_none());
            words.find_map(|at| kinds::of(r.word(at)).map(|(kind, _)| kind))
        };
        Self {
            kind: by_intent.or_else(by_word),
            services: match services.as_slice() {
                [] => String::new(),
                all => format!(" of {}", all.join(" and ")),
            },
            place: env.map_or_else(String::new, |env| format!(" in {env}")),
        }
    }

    /// The look at what was done: the run of that number, the runs of that kind, or the changes.
    fn past(
        &self,
        r: &Reading<'_>,
        read: &Parsed,
        parse: &impl Fn(&str) -> Parsed,
    ) -> Option<String> {
        let Self {
            services, place, ..
        } = self;
        let noun = match self.kind {
            Some(kind) => kinds::noun(kind).unwrap_or("runs"),
            None => "changes",
        };
        let time = r
            .words
            .clone()
            .find_map(|at| r.time_at(at).map(|(_, time, _)| time));
        let numbered = read.inputs.get("run").filter(|_| self.kind.is_none());
        let looks = [
            numbered.map(|run| format!("show run {run}")),
            time.map(|time| format!("{noun}{services}{place} since {time}")),
            Some(format!("{noun}{services}{place}")),
        ];
        looks
            .into_iter()
            .flatten()
            .find(|look| is_view(&parse(look)))
    }
}

/// Says that nothing is done, and how the command is typed; offers only looks.
fn advice(read: &Parsed, about: &About, parse: impl Fn(&str) -> Parsed) -> Parsed {
    let form = Intent::named(&read.intent).map(|intent| {
        if read.missing.is_empty() && read.then.is_empty() {
            (intent.restate)(read)
        } else {
            intent.form.to_owned()
        }
    });
    let message = match form {
        Some(form) => format!("that asks, so nothing is done: to do it, type \"{form}\""),
        None => "that asks, so nothing is done: to do it, begin with the verb".to_owned(),
    };
    let About {
        kind,
        services,
        place,
    } = about;
    let show = services
        .strip_prefix(" of ")
        .map(|web| format!("show {web}"));
    let runs = kind.and_then(kinds::noun).unwrap_or("runs");
    let offers = [
        show,
        Some(format!("{runs}{services}{place}")),
        kind.map(|kind| format!("show runbook {kind}")),
        Some("help".to_owned()),
    ];
    let suggestions = offers
        .into_iter()
        .flatten()
        .filter(|offer| is_view(&parse(offer)))
        .collect();
    Parsed {
        outcome: ParseOutcome::Suggest,
        message,
        suggestions,
        ..Parsed::default()
    }
}
