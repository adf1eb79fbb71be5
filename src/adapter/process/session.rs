//! Commands of a run that are one session: each is a process group of its own, and what it leaves in variables, functions
//! and the working folder is read by the next. It is kept in a folder that only this user can read, on a file system in
//! memory where there is one, and goes with the end of the run. Values of secrets are kept as references.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{Invocation, program};

/// What carries the state from block to block.
const BASH: &str = include_str!("../../../assets/session/bash.sh");
const SH: &str = include_str!("../../../assets/session/sh.sh");

const LOST: &str = "the variables and the folder of the blocks before are not on this machine any more (the run was \
                    resumed elsewhere, or the machine was restarted); this block starts without them";

/// A command inside its session.
pub(super) struct Entered {
    pub what: Invocation,
    /// What people should know.
    pub note: Option<&'static str>,
}

/// The command as it runs in its session; nothing when it is in none.
///
/// # Errors
/// Why the session has no folder.
pub(super) fn enter(what: &Invocation) -> Result<Option<Entered>, String> {
    let Some((place, name)) = what.session.as_ref().and_then(|s| Some((s, s.name.as_ref()?))) else { return Ok(None) };
    let (Some(shell), Some(block)) = (what.argv.first(), what.argv.last()) else { return Ok(None) };
    // bash where there is one: pages are written in it, whatever their fences are called.
    let bash = program::find("bash").is_some();
    let (shell, carrier) = match shell.as_str() {
        "bash" => ("bash", BASH),
        "sh" if bash => ("bash", BASH),
        "sh" => ("sh", SH),
        // Other shells stand alone.
        _ => return Ok(None),
    };
    let folder = folder(name);
    let fresh = open(&folder)?;
    let text = folder.display().to_string();
    let mut argv = vec![shell.to_owned(), "-c".to_owned(), carrier.to_owned(), shell.to_owned(), text, block.clone()];
    argv.extend(place.of.variables.iter().cloned());
    let note = (fresh && place.begun).then_some(LOST);
    Ok(Some(Entered { what: Invocation { argv, session: None, ..what.clone() }, note }))
}

/// Removes what a session left.
pub(in super::super) fn end(name: &str) {
    let folder = folder(name);
    if is_ours(&folder) {
        // What cannot be removed goes with the temporary files of the machine.
        let _ = std::fs::remove_dir_all(folder);
    }
}

fn folder(name: &str) -> PathBuf {
    let private = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| is_ours(dir));
    private.unwrap_or_else(std::env::temp_dir).join(format!("opsroom-session-{name}"))
}

/// Makes the folder; whether it is new. One that is there must be ours alone: its content is run.
fn open(folder: &Path) -> Result<bool, String> {
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && is_ours(folder) => Ok(false),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Err(format!(
            "{} is in the way: it is no folder that only this user can use; remove it",
            folder.display()
        )),
        Err(e) => Err(format!("cannot make {} for what the blocks of the page share: {e}", folder.display())),
    }
}

/// A folder, no link, of this user, closed to all others.
fn is_ours(folder: &Path) -> bool {
    folder.symlink_metadata().is_ok_and(|meta| {
        meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw() && meta.permissions().mode() & 0o077 == 0
    })
}
