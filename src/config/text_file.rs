//! Reads a text file: it must exist, be UTF-8 and at most [`MAX_BYTES`] long.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::core::base::problem::Problem;

/// Size limit of a file in bytes. A stack of a thousand services takes a tenth of it.
pub const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// The text of a file (or pipe).
///
/// # Errors
/// One problem: missing, a folder, unreadable, larger than `MAX_BYTES`, or not UTF-8 (with the
/// line).
pub fn read_text(path: &Path) -> Result<String, Vec<Problem>> {
    read_all(&path.display().to_string(), File::open(path))
}

/// The text of what was opened, called `file` in messages.
///
/// # Errors
/// As for [`read_text`].
pub fn read_all(file: &str, opened: std::io::Result<impl Read>) -> Result<String, Vec<Problem>> {
    let problem = |line, message: String| {
        vec![Problem {
            file: file.to_owned(),
            line,
            key: String::new(),
            message,
        }]
    };
    let mut bytes = Vec::new();
    opened
        // One byte more than allowed shows that it is too large, also for pipes without a length.
        .and_then(|source| source.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|e| problem(0, unreadable(&e)))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(problem(
            0,
            "the file is larger than 8 MiB; is it the right one?".to_owned(),
        ));
    }
    String::from_utf8(bytes).map_err(|e| {
        let (valid, bytes) = (e.utf8_error().valid_up_to(), e.as_bytes());
        let line = bytes[..valid].split(|b| *b == b'\n').count();
        problem(line, not_utf8(bytes, valid))
    })
}

fn unreadable(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file; check the path".to_owned(),
        ErrorKind::PermissionDenied => "the file may not be read; check its permissions".to_owned(),
        ErrorKind::IsADirectory => "this is a folder; name a file in it".to_owned(),
        _ => format!("the file cannot be read: {error}"),
    }
}

fn not_utf8(bytes: &[u8], at: usize) -> String {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return "the file is UTF-16; save it as UTF-8".to_owned();
    }
    let byte = bytes.get(at).copied().unwrap_or_default();
    format!("byte 0x{byte:02x} is not UTF-8; save the file as UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(bytes: &[u8]) -> (usize, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stack.toml");
        std::fs::write(&path, bytes).unwrap();
        let problems = read_text(&path).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].file, path.display().to_string());
        (problems[0].line, problems[0].message.clone())
    }

    #[test]
    fn files_that_are_no_text_are_refused_with_the_line() {
        assert_eq!(
            complaint(b"a = 1\nb = \"\xe4\"\n"),
            (
                2,
                "byte 0xe4 is not UTF-8; save the file as UTF-8".to_owned()
            )
        );
        assert_eq!(
            complaint(b"\xff\xfea\0"),
            (1, "the file is UTF-16; save it as UTF-8".to_owned())
        );
        let max = usize::try_from(MAX_BYTES).unwrap();
        assert!(
            complaint(&vec![b'#'; max + 1])
                .1
                .contains("larger than 8 MiB")
        );
    }

    #[test]
    fn missing_files_and_folders_have_messages_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let missing = read_text(&dir.path().join("no.toml")).unwrap_err();
        assert!(missing[0].message.contains("no such file"), "{missing:?}");
        let folder = read_text(dir.path()).unwrap_err();
        assert!(folder[0].message.contains("folder"), "{folder:?}");
    }

    #[test]
    fn the_largest_file_still_fits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("full.toml");
        std::fs::write(&path, vec![b'#'; usize::try_from(MAX_BYTES).unwrap()]).unwrap();
        assert!(read_text(&path).is_ok());
    }
}
