//! What a person types before a plan changes a protected environment.

use super::Plan;

/// Up to this many services or environments are named one by one; more are counted.
const NAMED: usize = 2;

impl Plan {
    /// The words to type before a plan for a protected environment starts, for the first link of
    /// the chain that needs them: `prod web`, `prod web api`, `prod 7 services`, or `prod deploy`
    /// when it names no service. A plan that involves more than its own environment names the
    /// protected ones: `prod dr web`, `3 environments web`. `None`: Enter is enough.
    #[must_use]
    pub fn confirm_word(&self) -> Option<String> {
        let link = self.confirm_link()?;
        let what = match link.services.as_slice() {
            [] => link.runbook.clone(),
            few if few.len() <= NAMED => few.join(" "),
            many => format!("{} services", many.len()),
        };
        let places = match link.protected_places() {
            // A stored plan of an earlier version.
            [] => return Some(what),
            few if few.len() <= NAMED => few.join(" "),
            many => format!("{} environments", many.len()),
        };
        Some(format!("{places} {what}"))
    }

    /// The protected environments that a run of this link changes; see [`Plan::protected`].
    #[must_use]
    pub fn protected_places(&self) -> &[String] {
        match (self.protected, self.protected_envs.as_slice()) {
            (false, _) => &[],
            (true, []) => self.env.as_slice(),
            (true, all) => all,
        }
    }

    /// The first link of the chain that needs something typed; its environment is the one to name
    /// when asking.
    #[must_use]
    pub fn confirm_link(&self) -> Option<&Self> {
        self.links().into_iter().find(|p| p.protected && p.mutates)
    }
}

/// Whether the typed text is the word that was asked for. Case and repeated blanks do not matter.
#[must_use]
pub fn is_confirmed(word: &str, typed: &str) -> bool {
    let words =
        |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_lowercase).collect() };
    words(word) == words(typed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deploy(env: Option<&str>, services: &[&str]) -> Plan {
        Plan {
            runbook: "deploy".to_owned(),
            env: env.map(str::to_owned),
            services: services.iter().map(ToString::to_string).collect(),
            mutates: true,
            protected: true,
            ..Plan::default()
        }
    }

    #[test]
    fn the_word_names_the_environment_and_what_is_changed_there() {
        for (services, word) in [
            (&[][..], "prod deploy"),
            (&["web"], "prod web"),
            (&["web", "api"], "prod web api"),
            (&["web", "api", "db"], "prod 3 services"),
        ] {
            let plan = deploy(Some("prod"), services);
            assert_eq!(plan.confirm_word().as_deref(), Some(word));
        }
        let placeless = deploy(None, &[]).confirm_word();
        assert_eq!(placeless.as_deref(), Some("deploy"));
        for (environments, word) in [
            (&["prod"][..], "prod web"),
            (&["prod", "dr"], "prod dr web"),
            (&["prod", "dr", "eu"], "3 environments web"),
        ] {
            let plan = Plan {
                protected_envs: environments.iter().map(ToString::to_string).collect(),
                ..deploy(None, &["web"])
            };
            assert_eq!(plan.confirm_word().as_deref(), Some(word));
        }
        let unprotected = Plan {
            protected: false,
            ..deploy(Some("prod"), &["web"])
        };
        assert_eq!(unprotected.confirm_word(), None);
    }

    #[test]
    fn case_and_repeated_blanks_do_not_matter_and_everything_else_does() {
        for typed in ["prod web", " Prod  WEB ", "PROD\tweb"] {
            assert!(is_confirmed("prod web", typed), "{typed:?}");
        }
        for typed in [
            "",
            "prod",
            "web",
            "web prod",
            "prodweb",
            "prod web api",
            "prod-web",
        ] {
            assert!(!is_confirmed("prod web", typed), "{typed:?}");
        }
        assert!(!is_confirmed("prod 3 services", "prod 4 services"));
        assert!(!is_confirmed("prod web", "stage web"));
    }
}
