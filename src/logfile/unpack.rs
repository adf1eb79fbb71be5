//! Unpacks gzip and zstd logs, recognized by their first bytes, not by their name. Several members
//! or frames in one file are one log. A truncated file is read as far as possible before the error
//! is reported.

use std::io::{self, BufRead, BufReader, Read};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

const GZIP: &[u8] = &[0x1f, 0x8b, 0x08];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Formats that are not supported, with the command that unpacks them.
const OTHERS: [(&[u8], &str); 4] = [
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz -dc"),
    (b"BZh", "bzip2 -dc"),
    (&[0x04, 0x22, 0x4d, 0x18], "lz4 -dc"),
    (b"PK\x03\x04", "unzip -p"),
];

/// A reader for any thread.
pub type ByteSource = Box<dyn Read + Send>;

/// How a log is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// Recognizes the format by the first bytes.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            _ if head.starts_with(GZIP) => Some(Self::Gzip),
            _ if head.starts_with(ZSTD) => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The unpacked text.
    pub fn reader(self, packed: impl Read + Send + 'static) -> ByteSource {
        match self {
            Self::Gzip => Box::new(Whole(MultiGzDecoder::new(BufReader::with_capacity(
                1 << 16,
                packed,
            )))),
            Self::Zstd => Box::new(Whole(Frames::new(BufReader::with_capacity(
                1 << 16,
                packed,
            )))),
        }
    }
}

/// The command that unpacks a format that is not supported.
#[must_use]
pub fn unpacked_by(head: &[u8]) -> Option<&'static str> {
    OTHERS
        .iter()
        .find(|(magic, _)| head.starts_with(magic))
        .map(|(_, command)| *command)
}

/// Returns a reader of the text of `input`, unpacked if it is packed, and whether it is packed.
/// Waits only for the bytes needed to decide that.
///
/// # Errors
/// When not even the first bytes can be read.
pub fn reader(mut input: impl Read + Send + 'static) -> io::Result<(ByteSource, bool)> {
    let mut head = Vec::with_capacity(ZSTD.len());
    while [GZIP, ZSTD]
        .iter()
        .any(|magic| magic.starts_with(&head) && magic.len() > head.len())
    {
        let mut byte = [0];
        match input.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => head.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let packing = Packing::of(&head);
    let input = io::Cursor::new(head).chain(input);
    Ok(match packing {
        Some(packing) => (packing.reader(input), true),
        None => (Box::new(input), false),
    })
}

/// Turns read errors into messages about the packed file.
struct Whole<R>(R);

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            io::ErrorKind::UnexpectedEof => {
                io::Error::new(error.kind(), "the packed file ends in the middle")
            }
            kind => io::Error::new(kind, format!("the packed file is damaged ({error})")),
        })
    }
}

/// The frames of a zstd file, one after the other.
struct Frames<R> {
    packed: R,
    decoder: FrameDecoder,
    /// A frame is being read.
    open: bool,
    /// An error, kept until the text unpacked before it has been read.
    failure: Option<io::Error>,
}

/// An empty last block and room for a checksum: makes the decoder release the text it holds back.
const LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

impl<R: BufRead> Frames<R> {
    fn new(packed: R) -> Self {
        Self {
            packed,
            decoder: FrameDecoder::new(),
            open: false,
            failure: None,
        }
    }

    /// Begins the next frame; false at the end of the file.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.packed.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.packed) {
                Ok(()) => {
                    self.open = true;
                    return Ok(true);
                }
                // Skippable frames, used by other programs.
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut (&mut self.packed).take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(self.failed(&error)),
            }
        }
        Ok(false)
    }

    fn failed(&mut self, error: &FrameDecoderError) -> io::Error {
        let at_end = self.packed.fill_buf().is_ok_and(<[u8]>::is_empty);
        if at_end {
            io::ErrorKind::UnexpectedEof.into()
        } else {
            io::Error::other(error.to_string())
        }
    }

    /// Unpacks one more block, or ends the frame.
    fn unpack_block(&mut self) -> io::Result<()> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if self.decoder.is_finished() {
            self.open = false;
            let (written, found) = (
                self.decoder.get_checksum_from_data(),
                self.decoder.get_calculated_checksum(),
            );
            let damaged = written.is_some() && found.is_some() && written != found;
            return if damaged {
                Err(io::Error::other("its checksum is another"))
            } else {
                Ok(())
            };
        }
        if let Err(error) = self
            .decoder
            .decode_blocks(&mut self.packed, BlockDecodingStrategy::UptoBlocks(1))
        {
            self.failure = Some(self.failed(&error));
            // The decoder holds back a window of the text as long as more may follow.
            let _ = self
                .decoder
                .decode_blocks(&LAST_BLOCK[..], BlockDecodingStrategy::UptoBlocks(1));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.open {
                let count = self.decoder.read(buffer)?;
                if count > 0 || buffer.is_empty() {
                    return Ok(count);
                }
                self.unpack_block()?;
            } else if !self.begin()? {
                return Ok(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    /// The text that can be read, and the error after it.
    fn read(packed: Vec<u8>) -> (Vec<u8>, Option<String>) {
        let mut text = Vec::new();
        let (mut reader, _) = reader(io::Cursor::new(packed)).unwrap();
        let failed = io::copy(&mut reader, &mut text).err();
        (text, failed.map(|error| error.to_string()))
    }

    fn lines(from: usize, to: usize) -> Vec<u8> {
        (from..to)
            .flat_map(|n| format!("INFO line {n} of a log that repeats itself\n").into_bytes())
            .collect()
    }

    #[test]
    fn several_members_are_one_log_and_plain_text_stays_as_it_is() {
        let (one, two) = (lines(0, 5000), lines(5000, 9000));
        let both = [one.clone(), two.clone()].concat();
        for pack in [gzip, zstd] {
            assert_eq!(read(pack(&both)), (both.clone(), None));
            assert_eq!(
                read([pack(&one), pack(&two)].concat()),
                (both.clone(), None)
            );
        }
        let note = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        assert_eq!(
            read([zstd(&one), note, zstd(&two)].concat()),
            (both.clone(), None),
            "skippable frames are skipped"
        );
        for plain in [&b""[..], b"(", b"\x1f", b"(one) text", &both] {
            assert_eq!(read(plain.to_vec()), (plain.to_vec(), None));
        }
    }

    #[test]
    fn a_truncated_file_is_read_before_the_error_is_reported() {
        let text: Vec<u8> = (0..40_000u32)
            .flat_map(|n| format!("{} {}\n", n, n.wrapping_mul(2_654_435_761)).into_bytes())
            .collect();
        for pack in [gzip, zstd] {
            let mut packed = pack(&text);
            packed.truncate(packed.len() * 2 / 3);
            let (got, failed) = read(packed);
            assert!(
                got.len() > text.len() / 3 && text.starts_with(&got),
                "{} of {}",
                got.len(),
                text.len()
            );
            assert_eq!(
                failed.as_deref(),
                Some("the packed file ends in the middle")
            );
        }
    }

    /// A frame whose whole text is its window: the decoder would hold all of it back until its end.
    #[test]
    fn the_text_held_back_in_a_truncated_frame_is_read() {
        let text = lines(0, 6000);
        let block = 100_000;
        let mut packed = [
            ZSTD,
            &[0xa0],
            &u32::try_from(text.len()).unwrap().to_le_bytes(),
        ]
        .concat();
        for piece in text.chunks(block) {
            // A raw block that is not the last one.
            packed
                .extend_from_slice(&(u32::try_from(piece.len()).unwrap() << 3).to_le_bytes()[..3]);
            packed.extend_from_slice(piece);
        }
        packed.truncate(block + block / 2);
        let (got, failed) = read(packed);
        assert!(
            got.len() >= block && text.starts_with(&got),
            "{} bytes",
            got.len()
        );
        assert_eq!(
            failed.as_deref(),
            Some("the packed file ends in the middle")
        );
    }

    #[test]
    fn a_damaged_file_is_reported_as_damaged() {
        for pack in [gzip, zstd] {
            let mut packed = pack(&lines(0, 3000));
            let at = packed.len() - 3;
            packed[at] ^= 0x55;
            let (_, failed) = read(packed);
            assert!(
                failed.as_deref().is_some_and(|why| why.contains("damaged")),
                "{failed:?}"
            );
        }
        let (_, failed) = read([gzip(b"a\n"), b"no gzip at all".to_vec()].concat());
        assert!(failed.is_some_and(|why| why.contains("damaged")));
    }

    #[test]
    fn packed_input_is_reported_as_packed() {
        let packed = |bytes: Vec<u8>| reader(io::Cursor::new(bytes)).unwrap().1;
        assert!(
            packed(gzip(b"a\n"))
                && packed(zstd(b"a\n"))
                && !packed(b"a\n".to_vec())
                && !packed(Vec::new())
        );
    }

    #[test]
    fn other_packings_are_named() {
        assert_eq!(unpacked_by(b"\xfd7zXZ\0\0"), Some("xz -dc"));
        assert_eq!(unpacked_by(b"BZh91AY"), Some("bzip2 -dc"));
        assert_eq!((unpacked_by(b"plain"), unpacked_by(b"")), (None, None));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_bytes_are_too_strange(mut bytes in prop::collection::vec(any::<u8>(), 0..300), which in 0usize..3) {
            bytes.splice(0..0, [GZIP, ZSTD, b""][which].iter().copied());
            let _ = read(bytes);
        }
    }
}
