//! Artifacts of runs: a list per run, and contents by their hash, so that equal contents are stored
//! once. Runs are never deleted, and neither are contents: references are not counted.

use std::borrow::Cow;

use crate::core::base::time::Timestamp;
use crate::core::run::RunId;
use crate::core::run::artifact::{Artifact, ArtifactDraft, ArtifactKind, Limits, NotKept};
use crate::core::run::plan::hex_sha256;

use crate::store::db::{Tx, text};
use crate::store::rows::{ArtifactRow, small};
use crate::store::run::{chunk, journal};
use crate::store::{Claim, Store, StoreError};

const LIST: &str = "select run_id, kind, title, step, hash, bytes, content, at from artifact where run_id = $1 order by id";
/// Bytes the run uses without the new artifact: equal contents count once, and of artifacts of a
/// step with one title only the last counts. A failed attempt must not use up the limit of the
/// attempt that succeeds.
const USED: &str = "select coalesce(cast(sum(bytes) as bigint), 0) from (select distinct hash, bytes from artifact \
     where run_id = $1 and kind <> 'manifest' and hash <> $2 and id in (select max(id) from artifact \
     where run_id = $1 and not (coalesce(step, -1) = $3 and title = $4) group by step, title)) as counted";
const IS_KEPT: &str = "select bytes from artifact_content where hash = $1";
const INSERT_CONTENT: &str = "insert into artifact_content (hash, bytes, body) values ($1, $2, $3) on conflict (hash) do nothing";
const INSERT: &str = "insert into artifact (run_id, kind, title, step, hash, bytes, content, at) \
     values ($1, $2, $3, $4, $5, $6, $7, $8)";
const BODY: &str = "select body from artifact_content where hash = $1";

/// An artifact ready to be kept: named by its hash, and packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewArtifact {
    kind: ArtifactKind,
    title: String,
    hash: String,
    bytes: i64,
    body: Vec<u8>,
    url: Option<String>,
}

impl NewArtifact {
    /// Hashes and packs the contents, which takes a while for large ones. `None`: they have 4 GiB
    /// or more.
    #[must_use]
    pub fn pack(left: ArtifactDraft) -> Option<Self> {
        let ArtifactDraft {
            kind,
            title,
            content,
        } = left;
        let body = chunk::compress(&content)?;
        let url =
            (kind == ArtifactKind::Link).then(|| String::from_utf8_lossy(&content).into_owned());
        let bytes = i64::try_from(content.len()).unwrap_or(i64::MAX);
        Some(Self {
            kind,
            title,
            hash: hex_sha256(&content),
            bytes,
            body,
            url,
        })
    }

    /// SHA-256 of the contents, as hex digits.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Size of the contents.
    #[must_use]
    pub const fn bytes(&self) -> i64 {
        self.bytes
    }

    /// Whether a listed artifact is this one, apart from its number.
    #[must_use]
    pub fn is(&self, artifact: &Artifact, step: Option<u32>, at: Timestamp) -> bool {
        let same =
            self.kind == artifact.kind && self.hash == artifact.hash && step == artifact.step;
        same && at == artifact.at && *text(&self.title) == artifact.title
    }
}

impl Store {
    /// Stores an artifact of a step (or of the run itself), conditional on the token. The inner
    /// result is why it is not kept: it, or all of the run's together, exceed the limits.
    pub async fn leave(
        &self,
        claim: Claim,
        step: Option<u32>,
        artifact: &NewArtifact,
        limits: Limits,
        at: Timestamp,
    ) -> Result<Result<(), NotKept>, StoreError> {
        let mut tx = self.db.begin().await?;
        // Locks the run's row: artifacts that its steps leave at the same time are counted one by
        // one.
        journal::number(&mut tx, claim, 0).await?;
        let NewArtifact {
            kind,
            title,
            hash,
            bytes,
            ..
        } = artifact;
        let (step, title) = (step.map(i64::from), text(title));
        let used = fetch_optional!(
            tx,
            (i64,),
            USED,
            claim.run.0,
            hash,
            step.unwrap_or(-1),
            &*title
        )?;
        if let Err(no) = limits.admit(*kind, &title, *bytes, used.map_or(0, |(used,)| used)) {
            return tx.rollback().await.map(|()| Err(no));
        }
        insert(&mut tx, (claim.run, step), artifact, at).await?;
        tx.commit().await.map(Ok)
    }

    /// The artifacts of a run, in order, without their contents.
    pub async fn artifacts(&self, run: RunId) -> Result<Vec<Artifact>, StoreError> {
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, ArtifactRow, LIST, run.0)?;
        (1..)
            .zip(rows)
            .map(|(number, row)| row.read(number))
            .collect()
    }

    /// One artifact, by its number, with its contents.
    pub async fn artifact(
        &self,
        run: RunId,
        number: u32,
    ) -> Result<(Artifact, Vec<u8>), StoreError> {
        let mut db = self.db.read().await?;
        let rows = fetch_all!(db, ArtifactRow, LIST, run.0)?;
        let at = usize::try_from(number)
            .unwrap_or(usize::MAX)
            .wrapping_sub(1);
        let row = rows.into_iter().nth(at);
        let row =
            row.ok_or_else(|| StoreError::NotFound(format!("artifact {number} of run {run}")))?;
        // From before contents had a table of their own.
        let inline = row.hash.is_none().then(|| row.content.clone().into_bytes());
        let artifact = row.read(number)?;
        if let Some(content) = inline {
            return Ok((artifact, content));
        }
        let damaged = |why: &str| StoreError::Corrupt {
            url: self.db.url.to_string(),
            why: format!("artifact {number} of run {run} {why}"),
        };
        let body = fetch_optional!(db, (Vec<u8>,), BODY, &artifact.hash)?;
        let (body,) = body.ok_or_else(|| damaged("has lost its contents"))?;
        let content = chunk::decompress(&body).ok_or_else(|| damaged("cannot be unpacked"))?;
        if hex_sha256(&content) != artifact.hash {
            return Err(damaged("does not match its hash"));
        }
        Ok((artifact, content))
    }
}

/// Writes an artifact of a run, or of one of its steps.
pub(super) async fn insert(
    tx: &mut Tx,
    (run, step): (RunId, Option<i64>),
    artifact: &NewArtifact,
    at: Timestamp,
) -> Result<(), StoreError> {
    let NewArtifact {
        kind,
        title,
        hash,
        bytes,
        body,
        url,
    } = artifact;
    if fetch_optional!(tx, (i64,), IS_KEPT, hash)?.is_none() {
        execute!(tx, INSERT_CONTENT, hash, *bytes, body.as_slice())?;
    }
    let url = text(url.as_deref().unwrap_or_default());
    execute!(
        tx,
        INSERT,
        run.0,
        kind.name(),
        text(title),
        step,
        hash,
        *bytes,
        url,
        at.0
    )
    .map(drop)
}

impl ArtifactRow {
    fn read(self, number: u32) -> Result<Artifact, StoreError> {
        let kind = ArtifactKind::from_name(&self.kind)
            .ok_or_else(|| crate::store::rows::unreadable("artifact kind", &self.kind))?;
        let content = Cow::Borrowed(self.content.as_str());
        let hash = self.hash.unwrap_or_else(|| hex_sha256(content.as_bytes()));
        let bytes = self
            .bytes
            .unwrap_or_else(|| i64::try_from(content.len()).unwrap_or(i64::MAX));
        let url = (kind == ArtifactKind::Link).then(|| content.into_owned());
        let step = self.step.map(small).transpose()?;
        Ok(Artifact {
            run: RunId(self.run_id),
            number,
            kind,
            title: self.title,
            step,
            hash,
            bytes,
            url,
            at: Timestamp(self.at),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_the_artifact_only_when_all_of_it_is_alike() {
        let left = |kind, title: &str, content: &[u8]| {
            NewArtifact::pack(ArtifactDraft {
                kind,
                title: title.to_owned(),
                content: content.to_vec(),
            })
            .unwrap()
        };
        let (new, at) = (left(ArtifactKind::File, "log", b"a"), Timestamp(1));
        let listed = Artifact {
            run: RunId(1),
            number: 1,
            kind: ArtifactKind::File,
            title: "log".to_owned(),
            step: Some(2),
            hash: new.hash().to_owned(),
            bytes: 1,
            url: None,
            at,
        };
        assert!(new.is(&listed, Some(2), at));
        assert!(
            !new.is(&listed, None, at)
                && !new.is(&listed, Some(3), at)
                && !new.is(&listed, Some(2), Timestamp(2))
        );
        for other in [
            left(ArtifactKind::Log, "log", b"a"),
            left(ArtifactKind::File, "other", b"a"),
            left(ArtifactKind::File, "log", b"b"),
        ] {
            assert!(!other.is(&listed, Some(2), at), "{other:?}");
        }
    }
}
