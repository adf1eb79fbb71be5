//! Settings: precedence of sources, origins of values, and messages about wrong ones.

use proptest::prelude::*;

use super::*;

/// A home folder with a settings file, and an environment with few variables.
struct Home {
    folder: tempfile::TempDir,
    variables: BTreeMap<&'static str, String>,
}

impl Home {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            variables: BTreeMap::from([("LOGNAME", "ana".to_owned())]),
        }
    }

    fn with_file(text: &str) -> Self {
        let home = Self::new();
        std::fs::create_dir_all(home.config()).unwrap();
        std::fs::write(home.config().join("opsroom.toml"), text).unwrap();
        home
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join(".config/opsroom")
    }

    fn set(mut self, variable: &'static str, value: &str) -> Self {
        self.variables.insert(variable, value.to_owned());
        self
    }

    fn load(&self, flags: &[(&'static str, &str)]) -> Result<Settings, Vec<Problem>> {
        let values = flags
            .iter()
            .map(|&(key, value)| (key, value.to_owned()))
            .collect();
        self.load_with(&Flags {
            config: None,
            values,
        })
    }

    fn load_with(&self, flags: &Flags) -> Result<Settings, Vec<Problem>> {
        load(flags, &|variable| match variable {
            "HOME" => Some(self.folder.path().as_os_str().to_owned()),
            _ => self.variables.get(variable).map(OsString::from),
        })
    }

    /// The messages, without the folder's name.
    fn messages(&self, flags: &[(&'static str, &str)]) -> Vec<String> {
        self.texts(&self.load(flags).unwrap_err())
    }

    /// What is wrong with the theme, which is no error of the settings.
    fn about_theme(&self, flags: &[(&'static str, &str)]) -> Vec<String> {
        let settings = self.load(flags).unwrap();
        assert_eq!(settings.console.theme, ThemeChoice::Auto);
        self.texts(&settings.theme_problems)
    }

    fn texts(&self, problems: &[Problem]) -> Vec<String> {
        let prefix = format!("{}/", self.config().display());
        problems
            .iter()
            .map(|p| p.to_string().replace(&prefix, ""))
            .collect()
    }
}

fn origin(settings: &Settings, key: &str) -> String {
    settings
        .rows
        .iter()
        .find(|row| row.key == key)
        .unwrap()
        .origin
        .to_string()
}

#[test]
fn without_any_configuration_defaults_apply() {
    let home = Home::new();
    let settings = home.load(&[]).unwrap();
    let root = home.folder.path();
    assert_eq!(
        settings.store_url,
        format!(
            "sqlite:{}",
            root.join(".local/share/opsroom/opsroom.db").display()
        )
    );
    assert_eq!(settings.runbook_dir, root.join(".config/opsroom/runbooks"));
    assert_eq!(settings.paths.state, root.join(".local/state/opsroom"));
    assert_eq!((settings.pulse_ms, settings.lease_ms), (60_000, 30_000));
    assert_eq!(
        (settings.workspace.as_deref(), settings.actor.as_str()),
        (None, "ana")
    );
    assert_eq!(
        (settings.log_level, settings.read_only),
        (LogLevel::Info, false)
    );
    let console = ConsoleSettings {
        title: true,
        ..ConsoleSettings::default()
    };
    assert_eq!(settings.console, console);
    assert_eq!(
        (console.theme, console.notify, console.links),
        (ThemeChoice::Auto, Notify::Off, Links::Auto)
    );
    assert_eq!(settings.file, None);
    assert_eq!(settings.rows.len(), KEYS.len());
    assert_eq!(origin(&settings, "actor"), "$LOGNAME");
    assert_eq!(origin(&settings, "store"), "default");
}

#[test]
fn flags_override_the_environment_overrides_the_file_overrides_defaults() {
    let file = "pulse = \"2m\"\nlease = \"10s\"\nactor = \"file\"\n[console]\ntheme = \"mono\"\nmouse = true\n";
    let home = Home::with_file(file)
        .set("OPSROOM_PULSE", "3m")
        .set("OPSROOM_LEASE", "20s");
    let settings = home
        .load(&[("lease", "40s"), ("read_only", "true")])
        .unwrap();
    let path = home.config().join("opsroom.toml");
    for (key, value, from) in [
        ("store", None, "default".to_owned()),
        ("theme", Some("mono"), format!("{}:5", path.display())),
        ("mouse", Some("true"), format!("{}:6", path.display())),
        ("actor", Some("file"), format!("{}:3", path.display())),
        ("pulse", Some("3m"), "$OPSROOM_PULSE".to_owned()),
        ("lease", Some("40s"), "--lease".to_owned()),
        ("read_only", Some("true"), "--read-only".to_owned()),
    ] {
        let row = settings.rows.iter().find(|row| row.key == key).unwrap();
        assert_eq!(row.origin.to_string(), from, "{key}");
        assert!(value.is_none_or(|value| row.value == value), "{row:?}");
    }
    assert_eq!(
        (settings.pulse_ms, settings.lease_ms, settings.read_only),
        (180_000, 40_000, true)
    );
    assert_eq!(settings.console.theme, ThemeChoice::Mono);
    assert!(settings.console.mouse);
    assert_eq!(settings.file, Some(path));
}

#[test]
fn all_mistakes_of_all_sources_are_reported_at_once() {
    let home = Home::with_file(
        "stor = \"x\"\npulse = \"5s\"\nread_only = \"yes\"\ntheme = \"mono\"\nlease = 30\nstore = \"ops.db\"\n\
         [console]\nnotify = \"bel\"\ntheme = \"a/b\"\nmouse = 1\nlink = \"on\"\n",
    )
    .set("OPSROOM_LOG_LEVEL", "loud")
    .set("OPSROOM_THEME", "mono");
    assert_eq!(
        home.messages(&[("lease", "1s"), ("workspace", "")]),
        [
            "opsroom.toml:1: stor: unknown key; did you mean `store`?",
            "opsroom.toml:2: pulse: `5s` is too short; the least is 10s; or `off`",
            "opsroom.toml:3: read_only: must be true or false, not a text",
            "opsroom.toml:4: theme: belongs in the table [console]; move it there",
            "opsroom.toml:5: lease: must be a text in quotes, not a whole number",
            "opsroom.toml:6: store: `ops.db` is not a store; did you mean `sqlite:ops.db`?",
            "opsroom.toml:8: console.notify: `bel` is not one of off, bell, desktop; did you mean `bell`?",
            "opsroom.toml:9: console.theme: `a/b` is no name of a theme; write auto, dark, light, mono, or the name of a file in the folder themes without its .toml",
            "opsroom.toml:10: console.mouse: must be true or false, not a whole number",
            "opsroom.toml:11: console.link: unknown key; did you mean `links`?",
            "environment: OPSROOM_LOG_LEVEL: `loud` is not one of error, warn, info, debug, trace",
            "command line: --workspace: `` is no name; it needs a letter or digit",
            "command line: --lease: `1s` is too short; the least is 3s",
        ]
    );
}

#[test]
fn a_theme_of_the_user_is_read_from_its_file() {
    let home = Home::with_file("[console]\ntheme = \"mine\"\n");
    let missing = home.about_theme(&[]);
    assert_eq!(missing.len(), 1);
    let begins = "opsroom.toml:2: console.theme: there is no theme `mine`: it is not one of auto, dark, light, mono, \
         and there is no file ";
    assert!(missing[0].starts_with(begins), "{missing:?}");
    let themes = home.config().join("themes");
    std::fs::create_dir_all(&themes).unwrap();
    std::fs::write(themes.join("mine.toml"), "failing = \"rad\"\n").unwrap();
    assert_eq!(
        home.about_theme(&[]),
        [
            "themes/mine.toml:1: failing: `rad` is no colour; write #rrggbb, default, a colour (black, red, green, \
          yellow, blue, magenta, cyan, white, bright-black, bright-red, bright-green, bright-yellow, bright-blue, \
          bright-magenta, bright-cyan, bright-white) or an attribute (bold, dim, italic, underline, reverse)"
        ]
    );
    std::fs::write(themes.join("mine.toml"), "failing = \"bold red\"\n").unwrap();
    let theme = home.load(&[]).unwrap().console.theme;
    assert!(matches!(theme, ThemeChoice::Own(_)), "{theme:?}");
    let theme = home.load(&[("theme", "light")]).unwrap().console.theme;
    assert_eq!(theme, ThemeChoice::Light);
    let missing = home.about_theme(&[("theme", "drak")]);
    assert!(
        missing[0].starts_with("command line: --theme: there is no theme `drak`"),
        "{missing:?}"
    );
    assert!(missing[0].ends_with("did you mean `dark`?"), "{missing:?}");
}

#[test]
fn the_pulse_can_be_off_and_empty_variables_are_not_set() {
    let home = Home::with_file("pulse = \"off\"\n")
        .set("OPSROOM_PULSE", "")
        .set("OPSROOM_CONFIG", "");
    assert_eq!(home.load(&[]).unwrap().pulse_ms, 0);
}

#[test]
fn paths_of_the_file_are_relative_to_it_and_know_the_home_folder() {
    let home = Home::with_file("store = \"sqlite:ops.db\"\nrunbooks = \"~/books\"\n");
    let settings = home.load(&[]).unwrap();
    assert_eq!(
        settings.store_url,
        format!("sqlite:{}", home.config().join("ops.db").display())
    );
    assert_eq!(settings.runbook_dir, home.folder.path().join("books"));
    let settings = home.load(&[("store", "sqlite:ops.db")]).unwrap();
    assert_eq!(
        settings.store_url, "sqlite:ops.db",
        "a flag's path is relative to where the command was typed"
    );
}

#[test]
fn a_file_that_was_named_must_exist() {
    let home = Home::new();
    let path = home.folder.path().join("other.toml");
    let named = Flags {
        config: Some(path.clone()),
        ..Flags::default()
    };
    let problems = home.load_with(&named).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        format!("{}: there is no such file; check the path", path.display())
    );
    std::fs::write(&path, "actor = \"bo\"\n").unwrap();
    assert_eq!(home.load_with(&named).unwrap().actor, "bo");
    let home = home.set("OPSROOM_CONFIG", path.to_str().unwrap());
    assert_eq!(home.load(&[]).unwrap().actor, "bo");
}

#[test]
fn xdg_folders_are_used_when_absolute() {
    let home = Home::new()
        .set("XDG_DATA_HOME", "/srv/data")
        .set("XDG_STATE_HOME", "relative");
    let settings = home.load(&[]).unwrap();
    assert_eq!(settings.store_url, "sqlite:/srv/data/opsroom/opsroom.db");
    assert_eq!(
        settings.paths.state,
        home.folder.path().join(".local/state/opsroom")
    );
}

#[test]
fn passwords_do_not_reach_the_report() {
    let home = Home::new().set("OPSROOM_STORE", "postgres://ana:hunter2@db.test/ops");
    let settings = home.load(&[]).unwrap();
    assert!(settings.store_url.contains("hunter2"));
    assert!(!format!("{:?}", settings.rows).contains("hunter2"));
}

#[cfg(unix)]
#[test]
fn variables_that_are_no_text_are_refused() {
    use std::os::unix::ffi::OsStringExt;
    let problems = load(&Flags::default(), &|variable| match variable {
        "HOME" => Some(OsString::from("/nonexistent")),
        "OPSROOM_ACTOR" => Some(OsString::from_vec(vec![0xff])),
        _ => None,
    });
    assert_eq!(
        problems.unwrap_err()[0].to_string(),
        "environment: OPSROOM_ACTOR: is not UTF-8"
    );
}

#[test]
fn defaults_and_examples_of_the_manual_are_valid() {
    for key in KEYS
        .iter()
        .filter(|key| !matches!(key.name, "store" | "workspace" | "actor" | "runbooks"))
    {
        assert!(key.check(key.default).is_ok(), "{}", key.name);
    }
    let settings = Home::new().load(&[]).unwrap();
    for row in settings.rows.iter().filter(|row| row.key != "workspace") {
        let key = KEYS.iter().find(|key| key.name == row.key).unwrap();
        assert!(key.check(&row.value).is_ok(), "{row:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_file_crashes(text in any::<String>(), value in "[a-z0-9:/@?=~.]{0,20}") {
        let home = Home::with_file(&text);
        let _ = home.load(&[]);
        for key in KEYS {
            let _ = home.load(&[(key.name, &value)]);
        }
    }
}
