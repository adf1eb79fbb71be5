//! The services of systemd, from the output of `systemctl list-units`.

/// The call whose output [`parse`] reads.
pub(super) const ARGUMENTS: [&str; 6] = [
    "list-units",
    "--type=service",
    "--state=running,failed",
    "--no-legend",
    "--plain",
    "--no-pager",
];

/// Units of the system itself, by the beginning of their names.
const SYSTEM: &[&str] = &[
    "console-getty",
    "container-getty@",
    "dbus",
    "emergency",
    "getty@",
    "init",
    "modprobe@",
    "polkit",
    "rescue",
    "serial-getty@",
    "systemd-",
    "user@",
    "user-runtime-dir@",
];

/// A unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// With `.service`.
    pub unit: String,
    /// Its description; may be empty.
    pub about: String,
}

impl Unit {
    /// The name without `.service`.
    pub fn name(&self) -> &str {
        self.unit.strip_suffix(".service").unwrap_or(&self.unit)
    }
}

/// `nginx.service loaded active running A high performance web server`, a line for each unit.
pub(super) fn parse(output: &str) -> Vec<Unit> {
    output.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<Unit> {
    // Older versions mark failed units, even when they are asked for plain lines.
    let mut words = line.split_whitespace().skip_while(|word| *word == "●");
    let unit = words.next().filter(|unit| unit.ends_with(".service"))?;
    let is_system = SYSTEM.iter().any(|name| unit.starts_with(name));
    (!is_system).then(|| Unit {
        unit: unit.to_owned(),
        about: words.skip(3).collect::<Vec<_>>().join(" "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_the_system_are_left_out() {
        let output = "cron.service               loaded active running Regular background program processing daemon
dbus.service               loaded active running D-Bus System Message Bus
getty@tty1.service         loaded active running Getty on tty1
nginx.service              loaded active running A high performance web server and a reverse proxy server
● backup.service           loaded failed failed  Nightly backup
postgresql@15-main.service loaded active running PostgreSQL Cluster 15-main
systemd-journald.service   loaded active running Journal Service
user@0.service             loaded active running User Manager for UID 0

LOAD   = Reflects whether the unit definition was properly loaded.
";
        let found: Vec<(String, String)> = parse(output)
            .into_iter()
            .map(|unit| (unit.name().to_owned(), unit.about))
            .collect();
        let expected = [
            ("cron", "Regular background program processing daemon"),
            (
                "nginx",
                "A high performance web server and a reverse proxy server",
            ),
            ("backup", "Nightly backup"),
            ("postgresql@15-main", "PostgreSQL Cluster 15-main"),
        ];
        assert_eq!(
            found,
            expected.map(|(name, about)| (name.to_owned(), about.to_owned()))
        );
    }

    #[test]
    fn a_message_is_no_unit() {
        for text in [
            "",
            "0 loaded units listed.",
            "Failed to connect to bus: No such file",
        ] {
            assert_eq!(parse(text), [], "{text}");
        }
    }
}
