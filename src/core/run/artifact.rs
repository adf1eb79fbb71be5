//! Artifacts: files, logs and links that a run produces. Contents are stored by their SHA-256,
//! apart from the list, so that equal contents are stored once and a list is cheap. The size limits
//! are decided here.

mod pattern;

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;
use crate::run::RunId;
use crate::{serde_by_word, words};

pub use pattern::Pattern;

/// An artifact of a run, without its contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    pub run: RunId,
    /// Its number among the artifacts of the run, from 1.
    pub number: u32,
    pub kind: ArtifactKind,
    pub title: String,
    /// The step that produced it; absent: the run itself.
    pub step: Option<u32>,
    /// SHA-256 of the contents, as hex digits.
    pub hash: String,
    /// Size of the contents.
    pub bytes: i64,
    /// Where a link leads.
    pub url: Option<String>,
    pub at: Timestamp,
}

words! {
    /// Kind of an artifact.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum ArtifactKind {
        Link = "link",
        Diff = "diff",
        File = "file",
        Log = "log",
        Manifest = "manifest",
    }
}

serde_by_word!(ArtifactKind);

impl ArtifactKind {
    /// The kind of a file with that name.
    #[must_use]
    pub fn of_file(name: &str) -> Self {
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        match ending.to_ascii_lowercase().as_str() {
            "log" => Self::Log,
            "diff" | "patch" => Self::Diff,
            _ => Self::File,
        }
    }
}

/// A web address attached to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLink {
    pub url: String,
    pub title: String,
}

/// The longest address, in bytes.
const LONGEST_URL: usize = 2000;

impl RunLink {
    /// The link to this address; without a title it is called by its address.
    ///
    /// # Errors
    /// Why the address is not accepted.
    pub fn new(url: &str, title: Option<&str>) -> Result<Self, String> {
        let url = url.trim();
        let too_long = || format!("the address has more than {LONGEST_URL} bytes");
        if url.len() > LONGEST_URL {
            return Err(too_long());
        }
        let parsed = url::Url::parse(url).map_err(|why| format!("`{url}` is no address: {why}"))?;
        if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
            return Err(format!(
                "`{url}` cannot be linked: an address begins with http:// or https://"
            ));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err("the address holds a user or a password: leave it out".to_owned());
        }
        // Escapes make it longer than it was written.
        if parsed.as_str().len() > LONGEST_URL {
            return Err(too_long());
        }
        let title = title.map(str::trim).filter(|title| !title.is_empty());
        let url = parsed.to_string();
        Ok(Self {
            title: title.unwrap_or(&url).to_owned(),
            url,
        })
    }
}

impl std::fmt::Display for RunLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.title == self.url {
            return f.write_str(&self.url);
        }
        write!(f, "{} {}", self.title, self.url)
    }
}

/// An artifact that is not stored yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactDraft {
    pub kind: ArtifactKind,
    pub title: String,
    pub content: Vec<u8>,
}

/// The files of a command to keep as artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ArtifactSpec {
    /// Paths and patterns, relative to the command's folder.
    pub paths: Vec<String>,
    /// Without one of them the step has failed.
    #[serde(default)]
    pub required: bool,
}

impl ArtifactSpec {
    /// Whether there are none.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.paths.is_empty()
    }
}

/// Why an artifact is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotKept {
    /// A sentence for the run's log: a refused artifact is never truncated instead.
    pub why: String,
    /// The run has reached its limit; otherwise the artifact itself is the reason.
    pub run_is_full: bool,
}

impl NotKept {
    /// The artifact itself cannot be kept.
    #[must_use]
    pub const fn itself(why: String) -> Self {
        Self {
            why,
            run_is_full: false,
        }
    }
}

/// Size limits of artifacts, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of one artifact.
    pub each: i64,
    /// Of all artifacts of a run together.
    pub run: i64,
}

const MIB: i64 = 1024 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            each: 16 * MIB,
            run: 64 * MIB,
        }
    }
}

impl Limits {
    /// The largest limits that can be configured: contents pass through memory, and both databases
    /// keep them in one value.
    pub const MOST: Self = Self {
        each: 256 * MIB,
        run: 64 * 1024 * MIB,
    };

    /// Whether an artifact of that size may be kept beside the `used` bytes the run has stored
    /// already. A manifest is always kept: the record of a run must not be lost to a limit.
    ///
    /// # Errors
    /// The limit it exceeds.
    pub fn admit(
        &self,
        kind: ArtifactKind,
        title: &str,
        bytes: i64,
        used: i64,
    ) -> Result<(), NotKept> {
        if kind == ArtifactKind::Manifest {
            return Ok(());
        }
        if bytes > self.each {
            return Err(NotKept::itself(format!(
                "{title} is not kept: it has {}, an artifact at most {} (max of [artifacts] in opsroom.toml)",
                precise_bytes(bytes, self.each),
                human_bytes(self.each)
            )));
        }
        if used.saturating_add(bytes) > self.run {
            let why = format!(
                "{title} is not kept: it has {}, and with it this run would have more than {} of artifacts (max_per_run of \
                 [artifacts] in opsroom.toml)",
                human_bytes(bytes),
                human_bytes(self.run)
            );
            return Err(NotKept {
                why,
                run_is_full: true,
            });
        }
        Ok(())
    }
}

/// A size above `most`, precise enough that the two differ.
fn precise_bytes(bytes: i64, most: i64) -> String {
    let short = human_bytes(bytes);
    if short == human_bytes(most) {
        format!("{bytes} B")
    } else {
        short
    }
}

/// A size in readable units: `840 B`, `12.3 KiB`, `16 MiB`.
#[must_use]
pub fn human_bytes(bytes: i64) -> String {
    let bytes = bytes.max(0);
    let mut unit = 1_i64;
    for name in ["B", "KiB", "MiB", "GiB"] {
        if bytes < unit.saturating_mul(1024) || name == "GiB" {
            let (whole, tenth) = (bytes / unit, bytes % unit * 10 / unit);
            return if tenth == 0 {
                format!("{whole} {name}")
            } else {
                format!("{whole}.{tenth} {name}")
            };
        }
        unit = unit.saturating_mul(1024);
    }
    format!("{bytes} B")
}

/// Reads a size as people write it: `512 KiB`, `16MiB`, `1 GiB`.
///
/// # Errors
/// A sentence that says what to write.
pub fn parse_bytes(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "B" => 1,
        "KiB" => 1024,
        "MiB" => MIB,
        "GiB" => 1024 * MIB,
        _ => return Err(format!("`{text}` is no size: write 512KiB, 16MiB or 1GiB")),
    };
    number
        .parse::<i64>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
        .filter(|n| *n > 0)
        .ok_or_else(|| {
            format!("`{text}` is no size: write a whole number with its unit, like 16MiB")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_linked() {
        let url = |url: &str| RunLink::new(url, None).map(|link| link.url);
        for good in ["https://acme.test/pull/7?a=b#c", "http://10.0.0.1:8080/x"] {
            assert_eq!(url(good), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "acme.test",
            "ftp://acme.test/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://",
            "https://ana:pw@acme.test/",
            "https://ana@acme.test/",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
        for long in ["x".repeat(2000), " x".repeat(700)] {
            let refused = url(&format!("https://acme.test/{long}")).unwrap_err();
            assert_eq!(refused, "the address has more than 2000 bytes");
        }
        let escaped = RunLink::new("https://acme.test/a b\u{1b}[31m", Some(" PR ")).unwrap();
        assert_eq!(escaped.to_string(), "PR https://acme.test/a%20b%1B[31m");
    }

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes, shown) in [
            ("1B", 1, "1 B"),
            ("1023 B", 1023, "1023 B"),
            ("512KiB", 524_288, "512 KiB"),
            ("16 MiB", 16 * MIB, "16 MiB"),
            ("3GiB", 3072 * MIB, "3 GiB"),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
            assert_eq!(human_bytes(bytes), shown);
        }
        assert_eq!(human_bytes(1536), "1.5 KiB");
        assert_eq!(human_bytes(-1), "0 B");
        for wrong in [
            "",
            "16",
            "16MB",
            "MiB",
            "-1MiB",
            "0MiB",
            "1.5MiB",
            "99999999999GiB",
            "16 mib",
        ] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn artifacts_above_a_limit_are_refused_but_a_manifest_never() {
        let limits = Limits {
            each: 100,
            run: 150,
        };
        for (kind, bytes, used, kept) in [
            (ArtifactKind::File, 100, 0, true),
            (ArtifactKind::File, 100, 50, true),
            (ArtifactKind::File, 101, 0, false),
            (ArtifactKind::Log, 100, 51, false),
            (ArtifactKind::File, 0, 150, true),
            (ArtifactKind::Manifest, 1000, 150, true),
            (ArtifactKind::File, i64::MAX, i64::MAX, false),
        ] {
            let answer = limits.admit(kind, "report.bin", bytes, used);
            assert_eq!(answer.is_ok(), kept, "{kind:?} {bytes} {used}");
            let explains = |no: NotKept| {
                assert_eq!(no.run_is_full, bytes <= limits.each);
                no.why.contains("report.bin") && no.why.contains("opsroom.toml")
            };
            assert!(answer.err().is_none_or(explains));
        }
    }

    #[test]
    fn one_byte_too_many_is_reported_exactly() {
        let limits = Limits::default();
        let why = limits
            .admit(ArtifactKind::File, "a", 16 * MIB + 1, 0)
            .unwrap_err()
            .why;
        assert!(
            why.contains("it has 16777217 B, an artifact at most 16 MiB"),
            "{why}"
        );
        let why = limits
            .admit(ArtifactKind::File, "a", 17 * MIB, 0)
            .unwrap_err()
            .why;
        assert!(
            why.contains("it has 17 MiB, an artifact at most 16 MiB"),
            "{why}"
        );
    }

    #[test]
    fn the_name_of_a_file_decides_its_kind() {
        use ArtifactKind::{Diff, File, Log};
        let kinds =
            ["a.LOG", "x/y.patch", "a.diff", "report.json", "log"].map(ArtifactKind::of_file);
        assert_eq!(kinds, [Log, Diff, Diff, File, File]);
    }
}
