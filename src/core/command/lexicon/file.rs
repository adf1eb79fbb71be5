//! `assets/lexicon.toml` as written.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub fillers: Vec<String>,
    pub connectives: Vec<String>,
    pub places: Vec<String>,
    pub chatter: Vec<String>,
    pub determiners: Vec<String>,
    pub service_words: Vec<String>,
    pub env_words: Vec<String>,
    pub all_words: Vec<String>,
    pub all_env_words: Vec<String>,
    pub because: Vec<String>,
    pub no_targets: Vec<String>,
    pub other_verbs: Vec<String>,
    pub other_words: Vec<String>,
    pub negation: NegationFile,
    pub doubt: DoubtFile,
    pub question: QuestionFile,
    pub chain: ChainFile,
    pub condition: ConditionFile,
    pub states: StatesFile,
    pub status: BTreeMap<String, Vec<String>>,
    pub numbers: HashMap<String, u32>,
    pub numbers_of_time: HashMap<String, u32>,
    pub units: BTreeMap<String, Vec<String>>,
    pub times: TimesFile,
    pub spelled: HashMap<String, String>,
    pub fields: BTreeMap<String, Vec<String>>,
    pub look: LookFile,
    pub head_nouns: HeadNounFile,
    pub intent: BTreeMap<String, IntentFile>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NegationFile {
    pub refusals: Vec<String>,
    pub dismissals: Vec<String>,
    pub reminders: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DoubtFile {
    pub phrases: Vec<String>,
    pub favours: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuestionFile {
    pub leads: Vec<String>,
    pub past: Vec<String>,
    pub effect: Vec<String>,
    pub advice: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChainFile {
    pub words: Vec<String>,
    pub soft: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConditionFile {
    pub r#if: Vec<String>,
    pub unless: Vec<String>,
    pub other: Vec<String>,
    pub copulas: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatesFile {
    pub good: Vec<String>,
    pub bad: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TimesFile {
    pub past: Vec<String>,
    pub future: Vec<String>,
    pub weekdays: Vec<String>,
    pub clock: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LookFile {
    pub verbs: Vec<String>,
    pub also: Vec<String>,
    pub nouns_of: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeadNounFile {
    pub words: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IntentFile {
    pub verbs: Vec<String>,
    #[serde(default)]
    pub nouns: Vec<String>,
    #[serde(default)]
    pub also: Vec<String>,
    /// Phrases that help shows; SERVICE and ENV stand for names of the stack.
    #[serde(default)]
    pub examples: Vec<String>,
}
