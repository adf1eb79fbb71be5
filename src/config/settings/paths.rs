//! Folders of opsroom's files: the XDG base directories.

use std::path::PathBuf;

use super::Environment;
use crate::core::base::problem::Problem;

/// The folders of opsroom. None has to exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    pub home: PathBuf,
    /// `opsroom.toml`, `keymap.toml`, `runbooks/`.
    pub config: PathBuf,
    /// `opsroom.db`.
    pub data: PathBuf,
    /// Logs.
    pub state: PathBuf,
    /// What can be derived again, and may be deleted at any time.
    pub cache: PathBuf,
}

impl Paths {
    /// `$XDG_CONFIG_HOME`, `$XDG_DATA_HOME`, `$XDG_STATE_HOME` and `$XDG_CACHE_HOME`, with the usual
    /// defaults below the home folder.
    ///
    /// The `etcetera` crate finds the home folder when `HOME` is not set. It cannot read variables
    /// from another environment than the process's, so that part is here.
    ///
    /// # Errors
    /// When the home folder is unknown.
    pub fn find(environment: &Environment<'_>) -> Result<Self, Vec<Problem>> {
        // By the standard, a relative path is invalid and must be ignored.
        let absolute = |variable: &str| {
            environment(variable)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let home = absolute("HOME")
            .or_else(|| etcetera::home_dir().ok())
            .ok_or_else(|| {
                vec![Problem {
                    file: "environment".to_owned(),
                    line: 0,
                    key: "HOME".to_owned(),
                    message: "your home folder is unknown; set HOME".to_owned(),
                }]
            })?;
        let base = |variable: &str, below: &str| {
            absolute(variable)
                .unwrap_or_else(|| home.join(below))
                .join("opsroom")
        };
        Ok(Self {
            config: base("XDG_CONFIG_HOME", ".config"),
            data: base("XDG_DATA_HOME", ".local/share"),
            state: base("XDG_STATE_HOME", ".local/state"),
            cache: base("XDG_CACHE_HOME", ".cache"),
            home,
        })
    }
}
