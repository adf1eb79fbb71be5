//! State of one link while it is parsed: how each word was used, and the resulting slots.

use std::ops::Range;

use super::intent::{Intent, Object};
use super::lexer::{Kind, Text};
use super::lexicon::Lexicon;
use super::names::Name;
use super::pattern::{PhraseSet, Words};
use super::spelling::Suspect;
use super::{Catalogue, Parsed, RunbookName, Why};

/// A catalogue name in the text. The longest match wins; words inside it are not read separately.
#[derive(Debug, Clone)]
pub(super) struct NameSpan {
    pub words: Range<usize>,
    pub names: Vec<Name>,
}

/// The names of a text, by word.
#[derive(Debug, Clone, Default)]
pub(super) struct Spans {
    spans: Vec<NameSpan>,
    by_word: Vec<Option<usize>>,
}

impl Spans {
    pub fn new(text: &Text, catalogue: &Catalogue) -> Self {
        let mut out = Self {
            spans: Vec::new(),
            by_word: vec![None; text.words.len()],
        };
        let words = Plain(text);
        let mut at = 0;
        while at < text.words.len() {
            let Some((n, names)) = catalogue.names.longest_at(&words, at, text.words.len()) else {
                at += 1;
                continue;
            };
            out.by_word[at..at + n].fill(Some(out.spans.len()));
            out.spans.push(NameSpan {
                words: at..at + n,
                names: names.to_vec(),
            });
            at += n;
        }
        out
    }

    pub fn at(&self, word: usize) -> Option<&NameSpan> {
        self.by_word
            .get(word)
            .copied()
            .flatten()
            .map(|i| &self.spans[i])
    }

    pub fn within(&self, words: Range<usize>) -> impl Iterator<Item = &NameSpan> {
        self.spans
            .iter()
            .filter(move |s| words.contains(&s.words.start) && s.words.end <= words.end)
    }
}

/// The plain words of a text, without marks: used to find names.
struct Plain<'a>(&'a Text);

impl Words for Plain<'_> {
    fn key(&self, at: usize) -> &str {
        &self.0.words[at].key
    }
    fn glued(&self, at: usize) -> bool {
        self.0.words[at].glued
    }
}

/// How a word was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Not used yet; after parsing: not understood.
    Free,
    /// Politeness and small words.
    Soft,
    /// The verb or a slot.
    Spent,
    /// "should we": not a doubt about a word but about the command.
    Doubt,
    Refusal,
}

/// One link being read.
#[derive(Debug, Clone)]
pub(super) struct Reading<'a> {
    pub text: &'a Text,
    pub catalogue: &'a Catalogue,
    pub lexicon: &'static Lexicon,
    pub spans: &'a Spans,
    /// Inputs that are not in the text: a plan gets them as they are.
    pub given: &'a [(String, String)],
    /// The words of this link.
    pub words: Range<usize>,
    pub marks: Vec<Mark>,
    pub out: Parsed,
    /// Distinct environments in the order given.
    pub envs: Vec<String>,
    pub all_envs: bool,
    pub doubt: bool,
    /// Reasons not to run a changing command as typed; they turn it into a question.
    pub objections: Vec<String>,
    /// Misspelt names among free notes.
    pub misspelt_notes: Vec<Suspect>,
    /// Where the verb phrase ends.
    pub verb_end: usize,
    /// The user's runbook this link runs.
    pub runbook: Option<&'a RunbookName>,
    /// Whether runbook phrases are matched too, or only the built-in language.
    pub own_phrases: bool,
}

impl<'a> Reading<'a> {
    pub fn new(
        text: &'a Text,
        catalogue: &'a Catalogue,
        lexicon: &'static Lexicon,
        spans: &'a Spans,
        words: Range<usize>,
    ) -> Self {
        Self {
            text,
            catalogue,
            lexicon,
            spans,
            given: &[],
            words,
            marks: vec![Mark::Free; text.words.len()],
            out: Parsed::default(),
            envs: Vec::new(),
            all_envs: false,
            doubt: false,
            objections: Vec::new(),
            misspelt_notes: Vec::new(),
            verb_end: 0,
            runbook: None,
            own_phrases: true,
        }
    }

    pub fn word(&self, at: usize) -> &str {
        &self.text.words[at].key
    }

    /// The word as typed.
    pub fn raw(&self, at: usize) -> &str {
        self.text.token(at).raw.as_str()
    }

    pub fn is_free(&self, at: usize) -> bool {
        self.marks[at] == Mark::Free
    }

    /// The first unread word for which `wanted` holds.
    pub fn find_free(&self, wanted: impl Fn(&Self, usize) -> bool) -> Option<usize> {
        self.words
            .clone()
            .find(|&i| self.is_free(i) && wanted(self, i))
    }

    pub fn mark(&mut self, words: Range<usize>, mark: Mark) {
        self.marks[words].fill(mark);
    }

    pub fn soften(&mut self, at: usize) {
        self.marks[at] = Mark::Soft;
    }

    /// Marks words as used for a slot and records why.
    pub fn spend(&mut self, words: &Range<usize>, slot: &str) {
        self.mark(words.clone(), Mark::Spent);
        self.explain(words, slot);
    }

    pub fn explain(&mut self, words: &Range<usize>, slot: &str) {
        let bytes = self.text.span(words);
        let text = self.text.raw(words);
        self.out.why.push(Why {
            text,
            slot: slot.to_owned(),
            start: bytes.start,
            end: bytes.end,
        });
    }

    /// Fills an input once; the words of a second, different value stay unread.
    pub fn set_input(&mut self, name: &str, value: String, words: &Range<usize>) -> bool {
        if self.out.inputs.get(name).is_some_and(|v| *v != value) {
            return false;
        }
        self.out.inputs.insert(name.to_owned(), value);
        self.spend(words, name);
        true
    }

    pub fn has_input(&self, name: &str) -> bool {
        self.out.inputs.contains_key(name)
    }

    /// Whether `name=value` is declared by the intent or its runbook.
    pub fn declares(&self, intent: &Intent, name: &str) -> bool {
        let of_runbook = |r: &RunbookName| r.inputs.iter().any(|(n, _)| n == name);
        intent.inputs.contains(&name)
            || self.runbook.is_some_and(of_runbook)
            || self
                .catalogue
                .runbooks
                .get(intent.name)
                .is_some_and(of_runbook)
    }

    /// Length of a phrase of `set` at an unread word.
    pub fn phrase(&self, set: &PhraseSet, at: usize) -> Option<usize> {
        let n = set.longest_at(self, at, self.words.end)?;
        (at..at + n).all(|i| self.is_free(i)).then_some(n)
    }

    /// Whether the link names an object of that kind anywhere.
    pub fn mentions(&self, object: Object) -> bool {
        let named = |wanted: fn(&Name) -> bool| {
            self.spans
                .within(self.words.clone())
                .any(|s| self.untouched(s) && s.names.iter().any(wanted))
        };
        match object {
            Object::Env => named(|n| matches!(n, Name::Env(_))),
            Object::Service => named(|n| matches!(n, Name::Service(_))),
            Object::Routine => named(|n| matches!(n, Name::Routine(_))),
            Object::Department => named(|n| matches!(n, Name::Department(_))),
            Object::Run => self.find_run().is_some(),
            Object::Runbook => self.words.clone().any(|i| {
                self.is_free(i)
                    && self
                        .catalogue
                        .runbook_names
                        .longest_at(self, i, self.words.end)
                        .is_some()
            }),
            Object::Alert | Object::Incident => self
                .words
                .clone()
                .any(|i| self.is_free(i) && self.is_number(i)),
        }
    }

    fn untouched(&self, span: &NameSpan) -> bool {
        span.words.clone().all(|i| self.is_free(i))
    }

    /// Whether the link covers everything: "all services", "everything".
    pub fn mentions_all(&self) -> bool {
        self.words
            .clone()
            .any(|i| self.phrase(&self.lexicon.all_words, i).is_some())
    }

    /// Unread words from `from` on fill `input`: a quotation if there is one, else all of them as
    /// typed.
    pub fn take_rest_from(&mut self, from: usize, input: &str) {
        if self.has_input(input) {
            return;
        }
        let end = self.words.end;
        let quoted = (from..end)
            .find(|&i| self.is_free(i) && matches!(self.text.token(i).kind, Kind::Quoted { .. }));
        if let Some(at) = quoted {
            let value = self.text.token(at).raw.clone();
            self.set_input(input, value, &(at..at + 1));
            return;
        }
        let mut range = from..end;
        while !range.is_empty()
            && (self.marks[range.start] != Mark::Free || self.trims_start(range.start, input))
        {
            range.start += 1;
        }
        let trims_end = |r: &Self, at: usize| {
            r.marks[at] != Mark::Free || r.trims_end(at) || r.is_about_pair(at, input)
        };
        while !range.is_empty() && trims_end(self, range.end - 1) {
            range.end -= 1;
        }
        let mut pieces: Vec<Range<usize>> = Vec::new();
        for at in range.filter(|&at| !self.is_about_pair(at, input)) {
            match pieces.last_mut() {
                Some(piece) if piece.end == at => piece.end = at + 1,
                _ => pieces.push(at..at + 1),
            }
        }
        if pieces.is_empty() {
            return;
        }
        let value: Vec<String> = pieces.iter().map(|piece| self.text.raw(piece)).collect();
        self.out.inputs.insert(input.to_owned(), value.join(" "));
        for at in from..end {
            if !self.is_stray_pair(at, input) {
                self.soften(at);
            }
        }
        for piece in pieces {
            self.spend(&piece, input);
        }
    }

    /// A `key=value` that is not part of the text, or a word that only introduces one: "with
    /// repo=a/b and branch=x".
    fn is_about_pair(&self, at: usize, input: &str) -> bool {
        let is_pair = matches!(self.text.token(at).kind, Kind::Pair { .. });
        if is_pair {
            return self.marks[at] == Mark::Spent || self.is_stray_pair(at, input);
        }
        matches!(
            self.word(at),
            "with" | "using" | "where" | "and" | "plus" | "the" | "a"
        ) && self.text.is_word(at)
            && at + 1 < self.words.end
            && self.is_about_pair(at + 1, input)
    }

    /// A `key=value` that the plan does not declare becomes a question, not part of the subject.
    fn is_stray_pair(&self, at: usize, input: &str) -> bool {
        input == "subject"
            && matches!(self.text.token(at).kind, Kind::Pair { .. })
            && self.is_free(at)
    }

    fn trims_start(&self, at: usize, input: &str) -> bool {
        let article = input == "subject" && matches!(self.word(at), "the" | "a" | "an" | "our");
        let lead = matches!(
            self.word(at),
            "for" | "about" | "of" | "on" | "that" | "to" | "with" | "by" | "please" | "as"
        );
        (article || lead) && self.text.is_word(at)
    }

    fn trims_end(&self, at: usize) -> bool {
        matches!(self.word(at), "please" | "thanks" | "now" | "asap") && self.text.is_word(at)
    }
}

impl Words for Reading<'_> {
    fn key(&self, at: usize) -> &str {
        &self.text.words[at].key
    }

    fn glued(&self, at: usize) -> bool {
        self.text.words[at].glued
    }

    fn blocked(&self, at: usize) -> bool {
        self.spans.at(at).is_some_and(|s| s.words.len() > 1)
    }

    fn is_number(&self, at: usize) -> bool {
        let key = self.key(at);
        let key = key.strip_prefix('#').unwrap_or(key);
        !key.is_empty()
            && (key.bytes().all(|b| b.is_ascii_digit()) || self.lexicon.numbers.contains_key(key))
    }

    fn is_state(&self, at: usize) -> bool {
        let key = self.key(at);
        self.lexicon.good.contains(key) || self.lexicon.bad.contains(key)
    }

    fn is_severity(&self, at: usize) -> bool {
        severity(self.key(at)).is_some()
    }

    fn skippable(&self, at: usize) -> bool {
        matches!(
            self.key(at),
            "a" | "an" | "the" | "it" | "that" | "this" | "my" | "our" | "me" | "please" | "just"
        )
    }
}

/// `sev2`, `p1` in one word.
pub(super) fn severity(word: &str) -> Option<String> {
    let digit = word
        .strip_prefix("sev")
        .or_else(|| word.strip_prefix('p'))?;
    let digit = digit.strip_prefix('-').unwrap_or(digit);
    let valid = digit.len() == 1 && digit.bytes().all(|b| (b'0'..=b'5').contains(&b));
    valid.then(|| word.replace('-', ""))
}
