//! Texts that only the run can finish: `{steps.NAME.SAVED}` in the URL, headers and body of a
//! request, in the variables of a command, the parameters of a statement, a message and the
//! arguments of an operation. Until then the plan holds them as written.

use super::placeholder::{Escape, Piece, Slot, fill_saved, has_saved, pieces};
use crate::base::outbound::HostFrom;
use crate::integration::notify::Message;
use crate::integration::product::Shape;
use crate::run::step::StepSpec;
use crate::run::step::adapter::Adapter;
use crate::run::step::http::Http;
use crate::run::step::notify::Notify;
use crate::run::step::shell::Shell;
use crate::run::step::sql::{Param, Sql};

/// Whether something is left to fill in.
#[must_use]
pub fn is_open(spec: &StepSpec) -> bool {
    texts(spec).into_iter().any(has_saved)
}

/// Whether something of the step of that name is filled in.
#[must_use]
pub fn asks(spec: &StepSpec, name: &str) -> bool {
    !fields(spec, name).is_empty()
}

/// What of the step of that name is filled in.
#[must_use]
pub fn fields<'s>(spec: &'s StepSpec, name: &str) -> Vec<&'s str> {
    let field = |piece| match piece {
        Piece::Slot(Slot::Saved(step, field)) if step == name => Some(field),
        _ => None,
    };
    let pieces = texts(spec).into_iter().flat_map(pieces);
    pieces.filter_map(field).collect()
}

/// The texts that are filled in.
fn texts(spec: &StepSpec) -> Vec<&str> {
    match spec {
        StepSpec::Http(http) => {
            let r = &http.request;
            r.headers
                .values()
                .chain(&r.body)
                .chain(&r.contains)
                .chain([&r.url])
                .map(String::as_str)
                .collect()
        }
        // As in `variable`: text from inputs is a value.
        StepSpec::Shell(shell) => shell
            .env
            .iter()
            .filter(|(n, _)| !n.starts_with("OPSROOM_"))
            .map(|(_, v)| v.as_str())
            .collect(),
        StepSpec::Sql(sql) => sql.params.iter().map(|p| p.text.as_str()).collect(),
        StepSpec::Notify(notify) => {
            let m = &notify.message;
            [&m.title, &m.text]
                .into_iter()
                .chain(&m.dedup_key)
                .chain(&m.link)
                .map(String::as_str)
                .collect()
        }
        StepSpec::Adapter(adapter) => adapter.args.values().map(String::as_str).collect(),
        StepSpec::Wait(_) | StepSpec::Manual(_) | StepSpec::Approve(_) | StepSpec::Document(_) => {
            Vec::new()
        }
    }
}

/// The step with the saved values filled in; `saved` gives the value of a step's name and a saved
/// name.
///
/// # Errors
/// The error of `saved`: a missing value is never filled in.
pub fn fill(
    spec: &StepSpec,
    saved: &dyn Fn(&str, &str) -> Result<String, String>,
) -> Result<StepSpec, String> {
    match spec {
        StepSpec::Http(http) => {
            let r = &http.request;
            let option = |text: &Option<String>, escape| {
                text.as_ref()
                    .map(|text| fill_saved(text, escape, saved))
                    .transpose()
            };
            let headers = r
                .headers
                .iter()
                .map(|(n, v)| Ok((n.clone(), fill_saved(v, Escape::Header, saved)?)));
            let mut request = r.clone();
            request.url = fill_saved(&r.url, Escape::Url, saved)?;
            request.headers = headers.collect::<Result<_, String>>()?;
            request.body = option(&r.body, Escape::Json)?;
            request.contains = option(&r.contains, Escape::Plain)?;
            let stand_in = |stand_in: Option<&str>| match stand_in {
                Some(text) => fill_saved(&r.url, Escape::Url, &|_, _| Ok(text.to_owned())).ok(),
                None => Some(request.url.clone()),
            };
            let host = if http.host.is_file() {
                HostFrom::of(stand_in)
            } else {
                http.host
            };
            Ok(StepSpec::Http(Http { request, host }))
        }
        StepSpec::Shell(shell) => {
            let env = shell
                .env
                .iter()
                .map(|(n, v)| Ok((n.clone(), variable(n, v, saved)?)));
            Ok(StepSpec::Shell(Shell {
                env: env.collect::<Result<_, String>>()?,
                ..shell.clone()
            }))
        }
        StepSpec::Sql(sql) => {
            let param = |p: &Param| {
                Ok(Param {
                    text: fill_saved(&p.text, Escape::Plain, saved)?,
                    kind: p.kind,
                })
            };
            let params = sql
                .params
                .iter()
                .map(param)
                .collect::<Result<_, String>>()?;
            Ok(StepSpec::Sql(Sql {
                params,
                ..sql.clone()
            }))
        }
        StepSpec::Notify(notify) => {
            let m = &notify.message;
            let line = |text: &String| fill_saved(text, Escape::Header, saved);
            let message = Message {
                title: line(&m.title)?,
                text: fill_saved(&m.text, Escape::Plain, saved)?,
                dedup_key: m.dedup_key.as_ref().map(line).transpose()?,
                link: m.link.as_ref().map(line).transpose()?,
                ..m.clone()
            };
            Ok(StepSpec::Notify(Notify {
                message,
                ..notify.clone()
            }))
        }
        StepSpec::Adapter(adapter) => {
            let args = adapter
                .args
                .iter()
                .map(|(name, text)| Ok((name.clone(), argument(adapter, name, text, saved)?)));
            Ok(StepSpec::Adapter(Adapter {
                args: args.collect::<Result<_, String>>()?,
                ..adapter.clone()
            }))
        }
        other => Ok(other.clone()),
    }
}

/// An argument of an operation, checked against its shape once it is known.
fn argument(
    adapter: &Adapter,
    name: &str,
    text: &str,
    saved: &dyn Fn(&str, &str) -> Result<String, String>,
) -> Result<String, String> {
    let shape = adapter
        .entry()
        .and_then(|(_, operation)| operation.arg(name))
        .map(|arg| arg.shape);
    let escape = if shape == Some(Shape::Object) {
        Escape::Json
    } else {
        Escape::Plain
    };
    let value = fill_saved(text, escape, saved)?;
    shape.map_or(Ok(value.clone()), |shape| {
        shape
            .check(&value)
            .map_err(|why| format!("{name}: {value:?} {why}"))
    })
}

/// Only the step's own variables have placeholders; those of inputs are values, even if they
/// contain braces.
fn variable(
    name: &str,
    text: &str,
    saved: &dyn Fn(&str, &str) -> Result<String, String>,
) -> Result<String, String> {
    if name.starts_with("OPSROOM_") {
        return Ok(text.to_owned());
    }
    let value = fill_saved(text, Escape::Plain, saved)?;
    if value.contains('\0') {
        Err(format!("{name} would hold a NUL character"))
    } else {
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_asks_about_all_whose_results_it_uses() {
        let args = [
            ("repo", "{steps.where.repo}"),
            ("ref", "{steps.build.sha}"),
            ("workflow", "ship.yml"),
        ];
        let adapter = StepSpec::Adapter(Adapter {
            operation: "github.dispatch_workflow".to_owned(),
            args: args
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .into(),
            base_url: "https://api.github.com".to_owned(),
            token: "GITHUB_TOKEN".to_owned(),
        });
        assert!(is_open(&adapter) && asks(&adapter, "where") && asks(&adapter, "build"));
        assert!(!asks(&adapter, "ship"));
        assert_eq!(fields(&adapter, "where"), ["repo"]);
        let env = [
            ("A", "{steps.build.sha}"),
            ("OPSROOM_INPUT_A", "{steps.typed.sha}"),
        ];
        let command = crate::stack::shell::ShellCommand::Script("true".to_owned());
        let shell = StepSpec::Shell(Shell {
            env: env
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .into(),
            ..Shell::new(command)
        });
        assert!(asks(&shell, "build") && !asks(&shell, "typed"));
    }
}
