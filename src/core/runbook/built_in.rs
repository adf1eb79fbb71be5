//! The runbooks that ship with opsroom: one file each in `assets/runbooks/`, one line each here.

use std::sync::LazyLock;

use super::{Runbook, parse};

/// The text of the file of a runbook that ships with opsroom.
pub(super) fn text(file: &str) -> Option<&'static str> {
    let name = file.rsplit('/').next()?;
    let known = FILES.iter().find(|(known, _)| *known == name)?;
    Some(known.1)
}

/// File name and text, in the order they are listed to people.
const FILES: [(&str, &str); 14] = [
    (
        "deploy.toml",
        include_str!("../../../assets/runbooks/deploy.toml"),
    ),
    (
        "rollback.toml",
        include_str!("../../../assets/runbooks/rollback.toml"),
    ),
    (
        "healthcheck.toml",
        include_str!("../../../assets/runbooks/healthcheck.toml"),
    ),
    (
        "restart.toml",
        include_str!("../../../assets/runbooks/restart.toml"),
    ),
    (
        "scale.toml",
        include_str!("../../../assets/runbooks/scale.toml"),
    ),
    (
        "backup.toml",
        include_str!("../../../assets/runbooks/backup.toml"),
    ),
    (
        "schema_sync.toml",
        include_str!("../../../assets/runbooks/schema_sync.toml"),
    ),
    (
        "spec.toml",
        include_str!("../../../assets/runbooks/spec.toml"),
    ),
    (
        "incident.toml",
        include_str!("../../../assets/runbooks/incident.toml"),
    ),
    (
        "release_pipeline.toml",
        include_str!("../../../assets/runbooks/release_pipeline.toml"),
    ),
    (
        "post_deploy_validation.toml",
        include_str!("../../../assets/runbooks/post_deploy_validation.toml"),
    ),
    (
        "point_in_time_recovery.toml",
        include_str!("../../../assets/runbooks/point_in_time_recovery.toml"),
    ),
    (
        "key_rotation.toml",
        include_str!("../../../assets/runbooks/key_rotation.toml"),
    ),
    (
        "dependency_housekeeping.md",
        include_str!("../../../assets/runbooks/dependency_housekeeping.md"),
    ),
];

/// Read once; a test checks that every file is valid.
static RUNBOOKS: LazyLock<Vec<Runbook>> = LazyLock::new(|| {
    FILES
        .iter()
        .filter_map(|(name, text)| parse(name, text).ok())
        .collect()
});

pub(super) fn all() -> &'static [Runbook] {
    &RUNBOOKS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_valid_and_named_like_its_runbook() {
        for (name, text) in FILES {
            let runbook = parse(name, text).unwrap_or_else(|problems| panic!("{problems:#?}"));
            assert_eq!(
                name.rsplit_once('.').map(|(stem, _)| stem),
                Some(runbook.name.as_str())
            );
        }
        assert_eq!(all().len(), FILES.len());
    }
}
