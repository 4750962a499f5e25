//! The four compression codecs of record batches, bounded.
//!
//! Invariant: a hostile batch costs at most `DECOMPRESSED_BYTES_MAX` of memory and the decoder's own window.

use std::io::{self, Read, Write};

/// What a record batch is compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// Why bytes could not be decompressed.
pub(super) type Unreadable = &'static str;

impl Codec {
    /// The codec that a batch's attributes name; `None` for an uncompressed batch.
    pub(super) fn of(number: i16) -> Result<Option<Self>, Unreadable> {
        match number {
            0 => Ok(None),
            1 => Ok(Some(Self::Gzip)),
            2 => Ok(Some(Self::Snappy)),
            3 => Ok(Some(Self::Lz4)),
            4 => Ok(Some(Self::Zstd)),
            _ => Err("the codec is unknown"),
        }
    }

    /// Decompresses all of `bytes`, or none if that would be too much.
    pub(super) fn decompress(self, bytes: &[u8]) -> Result<Vec<u8>, Unreadable> {
        match self {
            Self::Gzip => bounded(flate2::read::MultiGzDecoder::new(bytes)),
            Self::Snappy => from_snappy(bytes),
            Self::Lz4 => bounded(lz4_flex::frame::FrameDecoder::new(bytes)),
            Self::Zstd => from_zstd(bytes),
        }
    }

    /// Compresses `bytes` as Kafka's own clients do.
    pub(super) fn compress(self, bytes: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let written: io::Result<Vec<u8>> = match self {
            Self::Gzip => {
                let level = flate2::Compression::default();
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(bytes).and_then(|()| encoder.finish())
            }
            Self::Snappy => to_snappy(bytes),
            Self::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder
                    .write_all(bytes)
                    .and_then(|()| encoder.finish().map_err(io::Error::other))
            }
            Self::Zstd => Ok(ruzstd::encoding::compress_to_vec(
                bytes,
                ruzstd::encoding::CompressionLevel::Fastest,
            )),
        };
        written.map_err(|_| "the records cannot be compressed")
    }
}

fn bounded(decoder: impl Read) -> Result<Vec<u8>, Unreadable> {
    let mut plain = Vec::new();
    append_bounded(decoder, &mut plain)?;
    Ok(plain)
}

fn append_bounded(decoder: impl Read, plain: &mut Vec<u8>) -> Result<(), Unreadable> {
    let left = DECOMPRESSED_BYTES_MAX - plain.len();
    decoder
        .take(left as u64 + 1)
        .read_to_end(plain)
        .map_err(|_| MALFORMED)?;
    if plain.len() > DECOMPRESSED_BYTES_MAX {
        return Err(TOO_LARGE);
    }
    Ok(())
}

/// A stream may consist of several frames.
fn from_zstd(mut bytes: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut plain = Vec::new();
    while !bytes.is_empty() {
        let decoder = ruzstd::decoding::StreamingDecoder::new(&mut bytes).map_err(|_| MALFORMED)?;
        append_bounded(decoder, &mut plain)?;
    }
    Ok(plain)
}

/// Java and most clients frame blocks as the xerial library does; some send one raw block.
fn from_snappy(bytes: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut plain = Vec::new();
    if !bytes.starts_with(XERIAL_MAGIC) {
        append_block(bytes, &mut plain)?;
        return Ok(plain);
    }
    let mut rest = bytes.get(XERIAL_HEADER.len()..).ok_or(MALFORMED)?;
    while !rest.is_empty() {
        let (len, after) = rest.split_first_chunk::<4>().ok_or(MALFORMED)?;
        let len = u32::from_be_bytes(*len) as usize;
        let block = after.get(..len).ok_or(MALFORMED)?;
        append_block(block, &mut plain)?;
        rest = &after[len..];
    }
    Ok(plain)
}

fn append_block(block: &[u8], plain: &mut Vec<u8>) -> Result<(), Unreadable> {
    let len = snap::raw::decompress_len(block).map_err(|_| MALFORMED)?;
    let from = plain.len();
    if len > DECOMPRESSED_BYTES_MAX - from {
        return Err(TOO_LARGE);
    }
    plain.resize(from + len, 0);
    snap::raw::Decoder::new()
        .decompress(block, &mut plain[from..])
        .map_err(|_| MALFORMED)?;
    Ok(())
}

fn to_snappy(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut framed = XERIAL_HEADER.to_vec();
    let mut encoder = snap::raw::Encoder::new();
    for block in bytes.chunks(XERIAL_BLOCK_BYTES) {
        let packed = encoder.compress_vec(block)?;
        let len = u32::try_from(packed.len()).map_err(io::Error::other)?;
        framed.extend_from_slice(&len.to_be_bytes());
        framed.extend_from_slice(&packed);
    }
    Ok(framed)
}

/// Bytes of one batch's records, decompressed. A producer's `max.request.size` is 1 MiB by default.
pub(super) const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;
const MALFORMED: Unreadable = "the compressed records are malformed";
const TOO_LARGE: Unreadable = "the records decompress to too many bytes";
const XERIAL_MAGIC: &[u8] = b"\x82SNAPPY\x00";
/// Magic, version 1, compatible with 1.
const XERIAL_HEADER: &[u8; 16] = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01";
const XERIAL_BLOCK_BYTES: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    const CODECS: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

    #[test]
    fn what_a_codec_compresses_it_decompresses() {
        let plain: Vec<u8> = (0..200_000u32).map(|at| (at / 7) as u8).collect();

        for codec in CODECS {
            let packed = codec.compress(&plain).unwrap();

            assert!(packed.len() < plain.len(), "{codec:?}");
            assert!(codec.decompress(&packed).unwrap() == plain, "{codec:?}");
        }
    }

    #[test]
    fn raw_snappy_is_read() {
        let packed = snap::raw::Encoder::new()
            .compress_vec(b"raw raw raw")
            .unwrap();

        assert_eq!(Codec::Snappy.decompress(&packed).unwrap(), b"raw raw raw");
    }

    /// Made by the `zstd`, `lz4` and `gzip` programs from "saga " forty times.
    #[test]
    fn what_other_implementations_compressed_is_read() {
        let zstd: &[u8] =
            b"\x28\xb5\x2f\xfd\x04\x58\x65\x00\x00\x28\x73\x61\x67\x61\x20\x01\x00\x40\x50\x45\x0b\
            \xce\x09\xc7\xc9";
        let lz4: &[u8] = b"\x04\x22\x4d\x18\x6c\x40\xc8\x00\x00\x00\x00\x00\x00\x00\xa4\x0f\x00\x00\x00\x5f\
            \x73\x61\x67\x61\x20\x05\x00\xab\x50\x73\x61\x67\x61\x20\x00\x00\x00\x00\x0b\x10\xc8\xe1";
        let gzip: &[u8] =
            b"\x1f\x8b\x08\x00\x4d\x67\x07\x6b\x00\x03\x2b\x4e\x4c\x4f\x54\x28\x1e\xfa\x04\x00\
            \xe2\x98\xf3\x32\xc8\x00\x00\x00";
        let plain = b"saga ".repeat(40);

        assert_eq!(Codec::Zstd.decompress(zstd).unwrap(), plain);
        assert_eq!(
            Codec::Zstd.decompress(&zstd.repeat(2)).unwrap(),
            plain.repeat(2)
        );
        assert_eq!(Codec::Lz4.decompress(lz4).unwrap(), plain);
        assert_eq!(Codec::Gzip.decompress(gzip).unwrap(), plain);
    }

    #[test]
    fn a_decompression_bomb_is_refused() {
        let plain = vec![0; DECOMPRESSED_BYTES_MAX + 1];

        for codec in CODECS {
            let packed = codec.compress(&plain).unwrap();

            assert_eq!(codec.decompress(&packed), Err(TOO_LARGE), "{codec:?}");
        }
    }

    #[test]
    fn damaged_bytes_are_an_error_or_other_bytes_but_no_panic() {
        let plain = b"some records, some records, some records".repeat(20);

        for codec in CODECS {
            let packed = codec.compress(&plain).unwrap();
            for at in 0..packed.len() {
                let mut damaged = packed.clone();
                damaged[at] ^= 0x5a;
                let _ = codec.decompress(&damaged);
                let _ = codec.decompress(&packed[..at]);
            }
        }
    }
}
