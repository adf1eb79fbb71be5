//! The words of the language, read once from `assets/lexicon.toml`.

mod file;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use self::file::File;
use super::intent::{self, Intent};
use super::lexer::split_words;
use super::pattern::{Pattern, PatternSet, PhraseSet, expand};

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    // The file is part of the binary; a test reads it strictly, so here it cannot be wrong.
    let file: File = toml::from_str(SOURCE).unwrap_or_default();
    Lexicon::new(&file)
});

const SOURCE: &str = include_str!("../../../assets/lexicon.toml");

/// The lexicon that ships with opsroom.
pub(super) fn lexicon() -> &'static Lexicon {
    &LEXICON
}

/// The compiled lexicon.
#[derive(Debug)]
pub(super) struct Lexicon {
    spelled: HashMap<String, Vec<String>>,
    pub fillers: PhraseSet,
    pub connectives: PhraseSet,
    pub places: PhraseSet,
    pub chatter: PhraseSet,
    pub determiners: PhraseSet,
    pub service_words: PhraseSet,
    pub env_words: PhraseSet,
    pub all_words: PhraseSet,
    pub all_env_words: PhraseSet,
    pub because: PhraseSet,
    pub no_targets: PhraseSet,
    pub refusals: PhraseSet,
    pub dismissals: PhraseSet,
    pub reminders: PhraseSet,
    pub doubts: PhraseSet,
    pub favours: PhraseSet,
    pub asks_leads: PhraseSet,
    pub asks_past: PhraseSet,
    pub asks_effect: PhraseSet,
    pub asks_advice: PhraseSet,
    pub chains: PhraseSet,
    pub soft_chains: PhraseSet,
    pub if_words: PhraseSet,
    pub unless_words: PhraseSet,
    pub other_conditions: PhraseSet,
    pub copulas: PhraseSet,
    pub good: PhraseSet,
    pub bad: PhraseSet,
    pub past: PhraseSet,
    pub future: PhraseSet,
    pub weekdays: PhraseSet,
    pub clock: PhraseSet,
    pub head_nouns: PhraseSet,
    pub show_verbs: PhraseSet,
    pub check_verbs: PhraseSet,
    pub check_nouns_of: Vec<String>,
    /// Phrase → status.
    pub statuses: Vec<(Vec<String>, String)>,
    /// Phrase → field.
    pub fields: Vec<(Vec<String>, String)>,
    pub numbers: HashMap<String, u32>,
    pub numbers_of_time: HashMap<String, u32>,
    pub units: HashMap<String, String>,
    pub verbs: PatternSet<&'static Intent>,
    pub nouns: PatternSet<&'static Intent>,
    also: HashMap<&'static str, PhraseSet>,
    examples: HashMap<&'static str, Vec<String>>,
    /// Every correctly spelled word, whatever its meaning.
    known: HashSet<String>,
}

impl Lexicon {
    fn new(file: &File) -> Self {
        let spelled = file
            .spelled
            .iter()
            .map(|(k, v)| (k.clone(), v.split(' ').map(str::to_owned).collect()))
            .collect();
        let set = |phrases: &[String]| phrase_set(phrases, &spelled);
        let mut known = HashSet::new();
        let (mut verbs, mut nouns) = (PatternSet::default(), PatternSet::default());
        let (mut also, mut examples) = (HashMap::new(), HashMap::new());
        for intent in intent::ALL.iter().copied() {
            let Some(words) = file.intent.get(intent.name) else {
                continue;
            };
            for (phrases, into) in [(&words.verbs, &mut verbs), (&words.nouns, &mut nouns)] {
                for phrase in phrases {
                    for pattern in expand(phrase, |w| plain_words(w, &spelled)) {
                        into.insert(pattern, intent);
                    }
                }
            }
            also.insert(intent.name, set(&words.also));
            examples.insert(intent.name, words.examples.clone());
            known.extend(words.also.iter().flat_map(|p| phrase_words(p, &spelled)));
        }
        let pairs = |map: &BTreeMap<String, Vec<String>>| {
            map.iter()
                .flat_map(|(to, from)| from.iter().map(|f| (phrase_words(f, &spelled), to.clone())))
                .collect::<Vec<_>>()
        };
        let lists = [
            &file.fillers,
            &file.connectives,
            &file.chatter,
            &file.determiners,
            &file.service_words,
            &file.env_words,
            &file.all_words,
            &file.all_env_words,
            &file.because,
            &file.no_targets,
            &file.other_verbs,
            &file.other_words,
            &file.negation.refusals,
            &file.negation.dismissals,
            &file.doubt.phrases,
            &file.question.leads,
            &file.question.past,
            &file.question.effect,
            &file.question.advice,
            &file.chain.words,
            &file.chain.soft,
            &file.condition.r#if,
            &file.condition.unless,
            &file.condition.other,
            &file.condition.copulas,
            &file.states.good,
            &file.states.bad,
            &file.times.past,
            &file.times.future,
            &file.times.weekdays,
            &file.times.clock,
            &file.head_nouns.words,
            &file.look.verbs,
        ];
        known.extend(
            lists
                .iter()
                .flat_map(|l| l.iter())
                .flat_map(|p| phrase_words(p, &spelled)),
        );
        known.extend(file.numbers.keys().cloned());
        for map in [&file.status, &file.units, &file.fields] {
            known.extend(
                map.values()
                    .flatten()
                    .flat_map(|p| phrase_words(p, &spelled)),
            );
        }
        for (pattern, _) in verbs.iter().chain(nouns.iter()) {
            known.extend(literal_words(pattern));
        }
        Self {
            fillers: set(&file.fillers),
            connectives: set(&file.connectives),
            places: set(&file.places),
            chatter: set(&file.chatter),
            determiners: set(&file.determiners),
            service_words: set(&file.service_words),
            env_words: set(&file.env_words),
            all_words: set(&file.all_words),
            all_env_words: set(&file.all_env_words),
            because: set(&file.because),
            no_targets: set(&file.no_targets),
            refusals: set(&file.negation.refusals),
            dismissals: set(&file.negation.dismissals),
            reminders: set(&file.negation.reminders),
            doubts: set(&file.doubt.phrases),
            favours: set(&file.doubt.favours),
            asks_leads: set(&file.question.leads),
            asks_past: set(&file.question.past),
            asks_effect: set(&file.question.effect),
            asks_advice: set(&file.question.advice),
            chains: set(&file.chain.words),
            soft_chains: set(&file.chain.soft),
            if_words: set(&file.condition.r#if),
            unless_words: set(&file.condition.unless),
            other_conditions: set(&file.condition.other),
            copulas: set(&file.condition.copulas),
            good: set(&file.states.good),
            bad: set(&file.states.bad),
            past: set(&file.times.past),
            future: set(&file.times.future),
            weekdays: set(&file.times.weekdays),
            clock: set(&file.times.clock),
            head_nouns: set(&file.head_nouns.words),
            show_verbs: set(&file.look.verbs),
            check_verbs: set(&file.look.also),
            check_nouns_of: file.look.nouns_of.clone(),
            statuses: pairs(&file.status),
            fields: pairs(&file.fields),
            numbers: file.numbers.clone(),
            numbers_of_time: file.numbers_of_time.clone(),
            units: file
                .units
                .iter()
                .flat_map(|(to, from)| from.iter().map(|f| (f.clone(), to.clone())))
                .collect(),
            verbs,
            nouns,
            also,
            examples,
            known,
            spelled,
        }
    }

    /// The words of one token as typed; `true` marks those tied to the one before.
    pub fn spell(&self, raw: &str) -> Vec<(String, bool)> {
        split_words(raw, &self.spelled)
    }

    /// Words that an intent tolerates beside its slots.
    pub fn also(&self, intent: &Intent) -> Option<&PhraseSet> {
        self.also.get(intent.name)
    }

    /// Phrases that help shows.
    pub fn examples(&self, intent: &Intent) -> &[String] {
        self.examples.get(intent.name).map_or(&[], Vec::as_slice)
    }

    pub fn knows(&self, word: &str) -> bool {
        self.known.contains(word)
    }

    /// A verb phrase of the catalogue as a pattern.
    pub fn pattern(&self, phrase: &str) -> Vec<Pattern> {
        expand(phrase, |w| plain_words(w, &self.spelled))
    }
}

/// The words of every fixed piece of a phrase.
pub(super) fn literal_words(pattern: &Pattern) -> Vec<String> {
    let word = |e: &super::pattern::Element| {
        if let super::pattern::Element::Word(w) = e {
            Some(w.clone())
        } else {
            None
        }
    };
    pattern.elements.iter().filter_map(word).collect()
}

fn plain_words(raw: &str, spelled: &HashMap<String, Vec<String>>) -> Vec<String> {
    split_words(raw, spelled)
        .into_iter()
        .map(|(w, _)| w)
        .collect()
}

fn phrase_words(phrase: &str, spelled: &HashMap<String, Vec<String>>) -> Vec<String> {
    phrase
        .split_whitespace()
        .flat_map(|w| plain_words(w, spelled))
        .collect()
}

fn phrase_set(phrases: &[String], spelled: &HashMap<String, Vec<String>>) -> PhraseSet {
    let mut set = PhraseSet::default();
    for phrase in phrases {
        set.insert(&phrase_words(phrase, spelled));
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lexicon_is_well_formed() {
        let file: File = toml::from_str(SOURCE).unwrap();
        for intent in intent::ALL {
            assert!(
                file.intent.contains_key(intent.name),
                "assets/lexicon.toml lacks [intent.{}]",
                intent.name
            );
        }
        for name in file.intent.keys() {
            assert!(
                intent::ALL.iter().any(|i| i.name == name),
                "[intent.{name}] belongs to no intent"
            );
        }
        for name in &file.look.nouns_of {
            assert!(
                intent::ALL.iter().any(|i| i.name == name),
                "look.nouns_of names no intent: {name}"
            );
        }
    }

    #[test]
    fn a_changing_intent_is_never_selected_by_a_noun() {
        for (pattern, intent) in lexicon().nouns.iter() {
            assert!(!intent.mutates, "{}: {pattern:?}", intent.name);
        }
    }

    #[test]
    fn no_filler_is_a_verb_of_a_changing_plan() {
        let plans = |i: &Intent| i.mutates && i.outcome == crate::command::ParseOutcome::Plan;
        for (pattern, intent) in lexicon().verbs.iter().filter(|(_, i)| plans(i)) {
            let Some(phrase) = pattern.plain() else {
                continue;
            };
            assert!(
                !lexicon().fillers.contains(&phrase),
                "{phrase} of {} is a filler",
                intent.name
            );
        }
    }
}
