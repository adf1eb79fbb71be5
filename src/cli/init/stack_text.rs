//! The stack file of what was found, with comments that say what to change.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::found::{Compose, Discovery};
use super::ports::{Listener, Protocol};
use super::units::Unit;
use crate::core::base::text;

/// The environment of everything on this machine.
const HERE: &str = "local";

const HEAD: &str = "# A stack file: what you run, and what can be done with it. Written by `opsroom init`.
#
#   opsroom check FILE   finds mistakes, with their lines
#   opsroom apply FILE   shows what it would change in the store, and asks
#   opsroom help stack   explains every key; `opsroom examples` has more of such files
#
# Nothing in this file runs by itself, except probes: they are made once a minute while a console or `opsroom serve`
# runs. Remove what you do not need.
";

const NOTHING: &str = "
# Nothing was found, or looked at. A service looks like this:
#
# [[service]]
# name = \"web\"
# environments = [\"local\"]
#
# [[service.action]]
# do = \"probe\"
# http = { url = \"http://127.0.0.1:8080/health\", max_ms = 800 }
#
# [[service.action]]
# do = \"restart\"
# shell = [\"systemctl\", \"restart\", \"web.service\"]
";

/// The text of the stack file.
pub(super) fn write(workspace: &str, found: &Discovery) -> String {
    let mut writer = Writer::default();
    writer.out.push_str(HEAD);
    let _ = writeln!(writer.out, "workspace = {}", quoted(workspace));
    writer.environment(HERE, false, "This machine.");
    let mut environments = BTreeSet::from([HERE.to_owned()]);
    let clusters: Vec<(String, &String)> = found
        .contexts
        .iter()
        .filter_map(|context| Some((unused(context, &mut environments)?, context)))
        .collect();
    for (environment, context) in &clusters {
        let about = format!("The context {context} of kubectl.");
        writer.environment(environment, context.to_lowercase().contains("prod"), &about);
    }
    for listener in &found.listeners {
        writer.listener(*listener);
    }
    for unit in &found.units {
        writer.unit(unit);
    }
    if let Some(compose) = &found.compose {
        writer.compose(compose);
    }
    if !clusters.is_empty() {
        writer.clusters(&clusters);
    }
    if found.count() == 0 {
        writer.out.push_str(NOTHING);
    }
    writer.out
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Names of services, in the form in which they are compared.
    taken: BTreeSet<String>,
}

impl Writer {
    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn comment(&mut self, line: &str) {
        self.line(format!("# {}", one_line(line)).trim_end());
    }

    fn environment(&mut self, name: &str, protected: bool, about: &str) {
        self.line("");
        self.comment(about);
        self.line("[[environment]]");
        self.line(&format!("name = {}", quoted(name)));
        if protected {
            self.line("protected = true # a change asks for a typed word");
        }
    }

    /// Begins a service. A name that is taken, or is none, gets a number.
    fn service(&mut self, name: &str, environments: &[String], about: &str) {
        let wanted = one_line(name);
        let wanted = if wanted.chars().any(char::is_alphanumeric) {
            wanted
        } else {
            "service".to_owned()
        };
        let name = unused(&wanted, &mut self.taken)
            .or_else(|| (2..).find_map(|n| unused(&format!("{wanted} {n}"), &mut self.taken)))
            .unwrap_or(wanted);
        self.line("");
        self.comment(about);
        self.line("[[service]]");
        self.line(&format!("name = {}", quoted(&name)));
        let list: Vec<String> = environments.iter().map(|e| quoted(e)).collect();
        self.line(&format!("environments = [{}]", list.join(", ")));
    }

    fn action(&mut self, verb: &str, does: &str) {
        self.line("");
        self.line("[[service.action]]");
        self.line(&format!("do = {}", quoted(verb)));
        self.line(does);
    }

    fn listener(&mut self, listener: Listener) {
        let (host, port) = (listener.host(), listener.port);
        let about = format!("Something listens on port {port} of {host}.");
        self.service(&listener.name(), &[HERE.to_owned()], &about);
        let scheme = match listener.protocol() {
            Protocol::Http => "http",
            Protocol::Https => "https",
            Protocol::Other(_) | Protocol::Unknown => {
                let connect = format!("exec 3<>/dev/tcp/{host}/{port}");
                let connect = command(&["bash", "-c", &connect]);
                return self.action("probe", &or_http(listener, connect));
            }
        };
        let url = format!("{scheme}://{}:{port}/", listener.url_host());
        let answers = "expect_status = [200, 204, 301, 302, 307, 308, 401, 403, 404]";
        self.action(
            "probe",
            &format!(
                "# Any answer will do. Better: the address of a health check, without expect_status.\nhttp = {{ url = {}, {answers} }}",
                quoted(&url)
            ),
        );
    }

    fn unit(&mut self, unit: &Unit) {
        let about = format!("{}: {}", unit.unit, unit.about);
        self.service(unit.name(), &[HERE.to_owned()], &about);
        self.action(
            "probe",
            &command(&["systemctl", "is-active", "--quiet", &unit.unit]),
        );
        self.action("restart", &command(&["systemctl", "restart", &unit.unit]));
    }

    fn compose(&mut self, compose: &Compose) {
        let file = compose.file.display().to_string();
        for service in &compose.services {
            let about = format!("{service} in {file}");
            self.service(service, &[HERE.to_owned()], &about);
            // The names of services are plain words; the file's name is an argument.
            let running = "docker compose -f \"$1\" ps --status running --quiet \"$2\" | grep -q .";
            self.action(
                "probe",
                &command(&["sh", "-c", running, "sh", &file, service]),
            );
            self.action(
                "restart",
                &command(&["docker", "compose", "-f", &file, "restart", service]),
            );
        }
    }

    fn clusters(&mut self, clusters: &[(String, &String)]) {
        let environments: Vec<String> = clusters.iter().map(|(env, _)| env.clone()).collect();
        self.service(
            "kubernetes",
            &environments,
            "The clusters that kubectl knows.",
        );
        for (environment, context) in clusters {
            let ready = ["kubectl", "--context", context, "get", "--raw", "/readyz"];
            let does = format!("env = [{}]\n{}", quoted(environment), command(&ready));
            self.action("probe", &does);
        }
    }
}

/// A probe that only connects; where the protocol is not known, with a comment about a better one.
fn or_http(listener: Listener, connect: String) -> String {
    if listener.protocol() != Protocol::Unknown {
        return connect;
    }
    let url = format!("http://{}:{}/health", listener.url_host(), listener.port);
    format!(
        "# If it answers over HTTP, better: http = {{ url = {} }}\n{connect}",
        quoted(&url)
    )
}

/// A name that is not taken yet, and takes it; names are compared as in a stack file.
fn unused(name: &str, taken: &mut BTreeSet<String>) -> Option<String> {
    let name: String = one_line(name).chars().take(60).collect();
    let name = name.trim().to_owned();
    let folded = name.to_lowercase().replace(['-', '_'], " ");
    let is_name = name.chars().any(char::is_alphanumeric);
    (is_name && taken.insert(folded)).then_some(name)
}

/// A command as a list of words. Braces of a word could read as a placeholder, which a list cannot
/// escape: then it is a line of shell, in which empty quotes follow each brace.
fn command(words: &[&str]) -> String {
    if words.iter().any(|word| word.contains('{')) {
        let words = words.iter().map(|word| {
            let inner = word.replace('\'', "'\\''").replace('{', "{''");
            format!("'{inner}'")
        });
        let line = words.collect::<Vec<_>>().join(" ");
        return format!("shell = {}", quoted(&format!("exec {line}")));
    }
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("shell = [{}]", words.join(", "))
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Text of this machine on one line, without invisible characters.
fn one_line(line: &str) -> String {
    let plain = line
        .chars()
        .filter(|c| !text::is_unsafe(*c) && !c.is_control());
    plain.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::path::PathBuf;

    use super::*;
    use crate::config::stack::read;
    use crate::core::stack::service::{ActionCall, Stack, Verb};
    use crate::core::stack::shell::ShellCommand;

    fn stack(workspace: &str, found: &Discovery) -> Stack {
        let text = write(workspace, found);
        read("stack.toml", &text).unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"))
    }

    fn everything() -> Discovery {
        let listener = |address: IpAddr, port| Listener { address, port };
        let unit = |unit: &str, about: &str| Unit {
            unit: unit.to_owned(),
            about: about.to_owned(),
        };
        Discovery {
            listeners: vec![
                listener(Ipv4Addr::UNSPECIFIED.into(), 22),
                listener(Ipv4Addr::LOCALHOST.into(), 8080),
                listener(Ipv6Addr::LOCALHOST.into(), 8443),
                listener(Ipv6Addr::LOCALHOST.into(), 7),
            ],
            units: vec![
                unit("ssh.service", "OpenBSD \"Secure\" Shell\u{1b}[31m server"),
                unit("postgresql@15-main.service", ""),
            ],
            compose: Some(Compose {
                file: PathBuf::from("/srv/it's \"here\"/compose.yaml"),
                services: vec!["ssh".to_owned(), "web_1".to_owned(), "web-1".to_owned()],
            }),
            contexts: vec![
                "admin@prod".to_owned(),
                "kind-kind".to_owned(),
                "kind_kind".to_owned(),
                "local".to_owned(),
                "--".to_owned(),
            ],
            problems: Vec::new(),
        }
    }

    #[test]
    fn what_was_found_becomes_a_stack_file_without_a_mistake() {
        let stack = stack("acme", &everything());
        let names: Vec<&str> = stack.services.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "ssh",
                "port-8080",
                "port-8443",
                "port-7",
                "ssh 2",
                "postgresql@15-main",
                "ssh 3",
                "web_1",
                "web-1 2",
                "kubernetes"
            ]
        );
        let environments: Vec<(&str, bool)> = stack
            .environments
            .iter()
            .map(|e| (e.name.as_str(), e.protected))
            .collect();
        assert_eq!(
            environments,
            [("local", false), ("admin@prod", true), ("kind-kind", false)]
        );
        assert!(stack.services.iter().all(|s| !s.actions.is_empty()));
    }

    #[test]
    fn nothing_found_is_a_stack_file_too_and_its_example_is_one() {
        let text = write("acme", &Discovery::default());
        assert_eq!(stack("acme", &Discovery::default()).services.len(), 0);
        let (head, example) = text
            .split_once("A service looks like this:\n")
            .unwrap_or_default();
        let example: String = example
            .lines()
            .map(|line| format!("{}\n", line.trim_start_matches(['#', ' '])))
            .collect();
        let stack = read("stack.toml", &format!("{head}\n{example}"));
        assert_eq!(stack.map(|s| s.services.len()), Ok(1));
    }

    fn shell(line: &str) -> String {
        let mut shell = std::process::Command::new("sh");
        let output = shell.args(["-c", line]).output().map(|o| o.stdout);
        String::from_utf8(output.unwrap_or_default()).unwrap_or_default()
    }

    /// What a shell makes of a command is compared with the words that were meant.
    #[test]
    fn braces_and_quotes_of_names_reach_the_command_unchanged() {
        let names = [
            "{env}",
            "a{inputs.x}'{service}",
            "{",
            "}{",
            "{{env}}",
            "it's \"x\" $HOME `a` \\",
        ];
        for name in names {
            let file = format!("/srv/{name}/compose.yaml");
            let found = Discovery {
                compose: Some(Compose {
                    file: PathBuf::from(&file),
                    services: vec!["web".to_owned()],
                }),
                contexts: vec![name.to_owned()],
                ..Discovery::default()
            };
            let workspace = format!("shop {name}");
            let stack = stack(&workspace, &found);
            assert_eq!(stack.workspace, workspace);
            let restart = stack.services[0]
                .actions
                .iter()
                .find(|a| a.verb == Verb::Restart);
            let Some(ActionCall::Shell(command)) = restart.map(|a| &a.call) else {
                panic!("{stack:#?}");
            };
            let words = match command {
                ShellCommand::Argv(words) => words.join("\n"),
                ShellCommand::Script(line) => shell(&line.replacen("exec", "printf '%s\\n'", 1)),
            };
            let meant = ["docker", "compose", "-f", file.as_str(), "restart", "web"];
            assert_eq!(words.trim_end(), meant.join("\n"), "{command:?}");
        }
    }

    #[test]
    fn text_of_the_machine_stays_in_its_line() {
        let mut found = Discovery::default();
        found.units.push(Unit {
            unit: "a\nworkspace = \"b\".service".to_owned(),
            about: "x\ny".to_owned(),
        });
        let stack = stack("acme", &found);
        assert_eq!(
            (stack.workspace.as_str(), stack.services.len()),
            ("acme", 1)
        );
    }
}
