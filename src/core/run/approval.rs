//! Approvals: who may approve or deny a step, the result of the votes so far, and its description.
//! A person counts once, requesters cannot approve their own runs, and a vote is bound to the plan
//! it was given for.

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;
use crate::run::step::approve::{Approve, Comment};

/// The vote of one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// The step it is about.
    pub step: u32,
    pub actor: String,
    pub approved: bool,
    pub note: Option<String>,
    /// Hash of the plan they saw; see [`plan_hash`](crate::run::plan::plan_hash).
    pub plan_hash: String,
    pub at: Timestamp,
}

/// The result of the votes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tally {
    /// Not decided; these have agreed.
    Open(Vec<String>),
    /// Enough have agreed.
    Approved(Vec<String>),
    /// One has refused.
    Denied { by: String, note: Option<String> },
}

/// The rule that a vote breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VoteError {
    #[error("{0} requested it, and requesters cannot approve their own run: another person must")]
    Requester(String),
    #[error("{actor} is not among those this step asks: {from}")]
    NotAsked { actor: String, from: String },
    #[error("{0} has answered already, and each person counts once; to stop the run, cancel it")]
    Again(String),
    #[error("the plan has changed since it was reviewed; review it again")]
    AnotherPlan,
    #[error("the time for it ended at {}; the run is cancelled without approval", .0.rfc3339())]
    Late(Timestamp),
    #[error("this step wants a comment with every answer: say why")]
    NoComment,
    #[error("a refusal needs a reason: say why")]
    NoReason,
    #[error("no step of it waits for approval")]
    NotWaiting,
}

/// An approval request with its votes.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub ask: &'a Approve,
    /// Hash of the run's plan.
    pub plan_hash: &'a str,
    /// Who asked for the run, and for those it repeats or follows.
    pub requesters: &'a [String],
    /// The votes on this step.
    pub votes: &'a [Vote],
    /// The deadline.
    pub until: Timestamp,
}

impl Question<'_> {
    /// Whether a vote may be given.
    ///
    /// # Errors
    /// The rule it breaks.
    pub fn check(&self, vote: &Vote) -> Result<(), VoteError> {
        self.may(&vote.actor)?;
        if vote.plan_hash != self.plan_hash {
            return Err(VoteError::AnotherPlan);
        }
        if vote.at > self.until {
            return Err(VoteError::Late(self.until));
        }
        let silent = vote
            .note
            .as_deref()
            .is_none_or(|note| note.trim().is_empty());
        match self.ask.comment {
            Comment::Always if silent => Err(VoteError::NoComment),
            Comment::OnDeny if silent && !vote.approved => Err(VoteError::NoReason),
            _ => Ok(()),
        }
    }

    /// Whether this person may answer at all.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn may(&self, actor: &str) -> Result<(), VoteError> {
        if self.requesters.iter().any(|r| r == actor) {
            return Err(VoteError::Requester(actor.to_owned()));
        }
        if !self.ask.from.is_empty() && !self.ask.from.iter().any(|p| p == actor) {
            return Err(VoteError::NotAsked {
                actor: actor.to_owned(),
                from: self.ask.from.join(", "),
            });
        }
        if self.counted().any(|v| v.actor == actor) {
            return Err(VoteError::Again(actor.to_owned()));
        }
        Ok(())
    }

    /// The result of the votes. Votes for another plan, and of people who may not vote, do not
    /// count.
    #[must_use]
    pub fn tally(&self) -> Tally {
        if let Some(no) = self.counted().find(|v| !v.approved) {
            return Tally::Denied {
                by: no.actor.clone(),
                note: no.note.clone(),
            };
        }
        let mut agreed: Vec<String> = self.counted().map(|v| v.actor.clone()).collect();
        agreed.dedup();
        if u32::try_from(agreed.len()).unwrap_or(u32::MAX) >= self.ask.need.max(1) {
            Tally::Approved(agreed)
        } else {
            Tally::Open(agreed)
        }
    }

    /// `waits for 1 of 2 approvals: ana approved 21:04; until 11-26 23:04Z; you asked for it, so
    /// you cannot`, to `me`.
    #[must_use]
    pub fn describe(&self, me: &str) -> String {
        let yes: Vec<_> = self.counted().filter(|v| v.approved).collect();
        let need = self.ask.need.max(1);
        let missing = need.saturating_sub(u32::try_from(yes.len()).unwrap_or(u32::MAX));
        let wanted = if need == 1 {
            "1 approval".to_owned()
        } else {
            format!("{missing} of {need} approvals")
        };
        let from = if self.ask.from.is_empty() {
            String::new()
        } else {
            format!(" by {}", self.ask.from.join(", "))
        };
        let agreed: Vec<_> = yes
            .iter()
            .map(|v| format!("{} approved {}", v.actor, &v.at.clock_utc()[..5]))
            .collect();
        let agreed = if agreed.is_empty() {
            String::new()
        } else {
            format!(": {}", agreed.join(", "))
        };
        let mine = match self.may(me) {
            Ok(()) => String::new(),
            Err(VoteError::Requester(_)) => "; you asked for it, so you cannot".to_owned(),
            Err(VoteError::NotAsked { .. }) if me.is_empty() => String::new(),
            Err(VoteError::NotAsked { .. }) => "; you are not asked".to_owned(),
            Err(_) => "; you have answered".to_owned(),
        };
        format!(
            "waits for {wanted}{from}{agreed}; until {}Z{mine}",
            day_and_hour(self.until)
        )
    }

    fn counted(&self) -> impl Iterator<Item = &Vote> {
        let may_vote = |v: &&Vote| self.ask.from.is_empty() || self.ask.from.contains(&v.actor);
        self.votes
            .iter()
            .filter(|v| v.plan_hash == self.plan_hash && !self.requesters.contains(&v.actor))
            .filter(may_vote)
    }
}

/// `11-26 23:04`.
fn day_and_hour(at: Timestamp) -> String {
    at.rfc3339()
        .get(5..16)
        .unwrap_or_default()
        .replace('T', " ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vote(actor: &str, approved: bool, note: Option<&str>) -> Vote {
        let (actor, note) = (actor.to_owned(), note.map(str::to_owned));
        Vote {
            step: 0,
            actor,
            approved,
            note,
            plan_hash: "h".to_owned(),
            at: Timestamp(5),
        }
    }

    fn ask(need: u32, from: &[&str], comment: Comment) -> Approve {
        let from = from.iter().map(ToString::to_string).collect();
        Approve {
            prompt: "ok?".to_owned(),
            need,
            from,
            comment,
        }
    }

    fn question<'a>(ask: &'a Approve, requesters: &'a [String], votes: &'a [Vote]) -> Question<'a> {
        Question {
            ask,
            plan_hash: "h",
            requesters,
            votes,
            until: Timestamp(10),
        }
    }

    #[test]
    fn every_rule_names_itself() {
        let anybody = ask(1, &[], Comment::OnDeny);
        let listed = ask(1, &["ben"], Comment::Always);
        let free = ask(1, &[], Comment::Never);
        let amos = ["amos".to_owned()];
        let yes = [vote("ben", true, None)];
        for (ask, votes, new, wrong) in [
            (&anybody, &[][..], vote("ana", true, None), None),
            (
                &anybody,
                &[],
                vote("amos", true, None),
                Some(VoteError::Requester("amos".to_owned())),
            ),
            (
                &anybody,
                &[],
                vote("amos", false, Some("no")),
                Some(VoteError::Requester("amos".to_owned())),
            ),
            (
                &anybody,
                &[],
                vote("ana", false, Some(" ")),
                Some(VoteError::NoReason),
            ),
            (&anybody, &[], vote("ana", false, Some("late")), None),
            (
                &anybody,
                &yes,
                vote("ben", false, Some("x")),
                Some(VoteError::Again("ben".to_owned())),
            ),
            (
                &listed,
                &[],
                vote("ben", true, None),
                Some(VoteError::NoComment),
            ),
            (&listed, &[], vote("ben", true, Some("fine")), None),
            (
                &listed,
                &[],
                vote("ana", true, Some("fine")),
                Some(VoteError::NotAsked {
                    actor: "ana".to_owned(),
                    from: "ben".to_owned(),
                }),
            ),
            (&free, &[], vote("ana", false, None), None),
            (
                &free,
                &[],
                Vote {
                    plan_hash: "other".to_owned(),
                    ..vote("ana", true, None)
                },
                Some(VoteError::AnotherPlan),
            ),
            (
                &free,
                &[],
                Vote {
                    at: Timestamp(11),
                    ..vote("ana", true, None)
                },
                Some(VoteError::Late(Timestamp(10))),
            ),
        ] {
            assert_eq!(
                question(ask, &amos, votes).check(&new).err(),
                wrong,
                "{new:?}"
            );
        }
    }

    #[test]
    fn the_description_names_missing_votes_and_the_role_of_the_reader() {
        let two = ask(2, &[], Comment::OnDeny);
        let amos = ["amos".to_owned()];
        let votes = [vote("ana", true, None)];
        let question = question(&two, &amos, &votes);
        let status = "waits for 1 of 2 approvals: ana approved 00:00; until 01-01 00:00Z";
        assert_eq!(question.describe("ben"), status);
        assert_eq!(
            question.describe("amos"),
            format!("{status}; you asked for it, so you cannot")
        );
        assert_eq!(
            question.describe("ana"),
            format!("{status}; you have answered")
        );
    }

    proptest! {
        /// Any votes in any order: only valid votes count, and approval takes `need` different
        /// people, none of them a requester.
        #[test]
        fn nothing_is_approved_by_fewer(
            need in 1..4_u32,
            listed in any::<bool>(),
            ballots in prop::collection::vec((0..6_usize, any::<bool>(), any::<bool>()), 0..20),
        ) {
            let people = ["amos", "ana", "ben", "cleo", "dora", "eve"];
            let ask = ask(need, if listed { &people[1..5] } else { &[] }, Comment::Never);
            let requesters = ["amos".to_owned()];
            let mut votes: Vec<Vote> = Vec::new();
            for (who, approved, same_plan) in ballots {
                let plan_hash = if same_plan { "h" } else { "g" }.to_owned();
                let new = Vote { plan_hash, ..vote(people[who], approved, None) };
                let question = question(&ask, &requesters, &votes);
                if matches!(question.tally(), Tally::Open(_)) && question.check(&new).is_ok() {
                    votes.push(new);
                }
            }
            let agreed: std::collections::BTreeSet<_> =
                votes.iter().filter(|v| v.approved).map(|v| v.actor.as_str()).collect();
            prop_assert!(!agreed.contains("amos") && votes.iter().all(|v| v.plan_hash == "h"));
            prop_assert!(!listed || !agreed.contains("eve"));
            let denied = votes.iter().any(|v| !v.approved);
            let enough = agreed.len() >= need as usize;
            match question(&ask, &requesters, &votes).tally() {
                Tally::Approved(by) => prop_assert!(enough && !denied && by.len() == agreed.len()),
                Tally::Denied { .. } => prop_assert!(denied),
                Tally::Open(by) => prop_assert!(!enough && !denied && by.len() == agreed.len()),
            }
        }
    }
}
