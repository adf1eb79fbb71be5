//! Finds the program before it is started, so that "not installed" and "no such folder" are
//! separate errors.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::core::run::step::ShellCall;

/// Whether the command could be started at all.
pub(in super::super) fn check(what: &ShellCall) -> Result<(), String> {
    resolve(what).map(drop)
}

/// The program's file, searched like the system does: in the command's own `PATH`, relative to its
/// folder.
pub(super) fn resolve(what: &ShellCall) -> Result<PathBuf, String> {
    let dir = what.dir.as_deref();
    let name = what
        .argv
        .first()
        .filter(|n| !n.is_empty())
        .ok_or("the command is empty: give a program to run")?;
    if let Some(dir) = dir.filter(|d| !Path::new(d).is_dir()) {
        return Err(format!("no such folder: {dir}"));
    }
    if name.contains('/') {
        let path = dir.map_or_else(|| PathBuf::from(name), |d| Path::new(d).join(name));
        return check_file(&path, name).map(|()| absolute(&path));
    }
    let path = what
        .env
        .get("PATH")
        .map(Into::into)
        .or_else(|| env::var_os("PATH"))
        .unwrap_or_default();
    match search(name, &path) {
        Some(found) => Ok(absolute(&found)),
        None if search_any(name, &path) => {
            Err(format!("permission denied: {name} is not executable"))
        }
        None => Err(format!("no such program: {name} is not in PATH")),
    }
}

/// A program in our own `PATH`.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    search(name, &env::var_os("PATH")?).map(|found| absolute(&found))
}

/// The error of a failed start.
pub(super) fn describe_spawn_error(name: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("no such program: {name}"),
        io::ErrorKind::PermissionDenied => format!("permission denied: {name} may not be run"),
        io::ErrorKind::ArgumentListTooLong => {
            format!("cannot start {name}: arguments and environment are too long")
        }
        _ => format!("cannot start {name}: {error}"),
    }
}

fn check_file(path: &Path, name: &str) -> Result<(), String> {
    match path.metadata() {
        Ok(meta) if meta.is_dir() => Err(format!("{name} is a folder, not a program")),
        Ok(meta) if meta.permissions().mode() & 0o111 == 0 => Err(format!(
            "permission denied: {name} is not executable (chmod +x makes it so)"
        )),
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(format!("no such program: {name}")),
        Err(e) => Err(format!("cannot start {name}: {e}")),
    }
}

fn search(name: &str, path: &OsStr) -> Option<PathBuf> {
    env::split_paths(path)
        .map(|dir| dir.join(name))
        .find(|p| p.is_file() && check_file(p, name).is_ok())
}

fn search_any(name: &str, path: &OsStr) -> bool {
    env::split_paths(path).any(|dir| dir.join(name).is_file())
}

/// Absolute, because the command starts in its own folder and a relative path would be resolved
/// there.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
