use std::cell::Cell;
use std::marker::PhantomData;

use bytes::{Bytes, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::{CodecError, ContentType, Decoder, Encoded, Encoder};

/// Another codec's payloads, made smaller with zlib: `Compressed<Json>`.
///
/// The `Content-Type` is the inner codec's, and `Content-Encoding: deflate` says that the payload
/// is packed (RFC 1950, as in HTTP). It is for payloads of some hundred bytes and more: short ones
/// get longer. Packing keeps about 300 KiB for each thread that publishes.
///
/// A message without `Content-Encoding`, or with `identity`, is read as it is, so that every other
/// client can publish to it. What was unpacked lives only while it is decoded: a value cannot
/// borrow from it.
///
/// A few packed bytes can unpack to gigabytes. More than `MAX` bytes, 64 MiB unless you say
/// otherwise as in `Compressed<Json, 100_000>`, are [`CodecError::TooLarge`], and nothing more is
/// unpacked. Memory grows with what really comes out.
///
/// ```
/// use natsws::Headers;
/// use natsws::bytes::BytesMut;
/// use natsws::codec::{Compressed, Encoded, Encoder, Json};
///
/// let readings = vec![21.5; 1000];
/// let mut packed = BytesMut::new();
/// Compressed::<Json>::encode(&readings, &mut packed)?;
/// assert!(packed.len() < 100);
///
/// let mut headers = Headers::new();
/// headers.append("Content-Encoding", "deflate")?;
/// let message = Encoded::new("readings", &packed).with_headers(&headers);
/// let back: Vec<f64> = message.decode_as::<Compressed<Json>, _>()?;
/// assert_eq!(back, readings);
///
/// // What is not packed is read as well.
/// let plain = Encoded::new("readings", "[1,2]").decode_as::<Compressed<Json>, Vec<u8>>()?;
/// assert_eq!(plain, [1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A codec that has a `Content-Encoding` of its own cannot be packed again:
///
/// ```compile_fail
/// use natsws::codec::{Compressed, ContentType, Json};
///
/// let _ = <Compressed<Compressed<Json>> as ContentType>::CONTENT_ENCODING;
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Compressed<C, const MAX: usize = { 64 * 1024 * 1024 }>(PhantomData<C>);

const DEFLATE: &str = "deflate";

impl<C: ContentType, const MAX: usize> ContentType for Compressed<C, MAX> {
    const CONTENT_TYPE: &'static str = C::CONTENT_TYPE;
    const CONTENT_ENCODING: Option<&'static str> = {
        assert!(C::CONTENT_ENCODING.is_none(), "this codec packs its payloads already");
        Some(DEFLATE)
    };

    fn accepts(content_type: &str) -> bool {
        C::accepts(content_type)
    }

    fn accepts_encoding(content_encoding: &str) -> bool {
        content_encoding.eq_ignore_ascii_case(DEFLATE) || C::accepts_encoding(content_encoding)
    }
}

impl<T: ?Sized, C: Encoder<T>, const MAX: usize> Encoder<T> for Compressed<C, MAX> {
    fn encode(value: &T, out: &mut BytesMut) -> Result<(), CodecError> {
        let mut packer = PACKER.take().unwrap_or_default();
        packer.plain.clear();
        let result = C::encode(value, &mut packer.plain)
            .and_then(|()| packer.pack(out).map_err(CodecError::encode::<Self>));
        if packer.plain.capacity() > KEPT {
            packer.plain = BytesMut::new();
        }
        PACKER.set(Some(packer));
        result
    }
}

impl<'m, T, C: for<'p> Decoder<'p, T>, const MAX: usize> Decoder<'m, T> for Compressed<C, MAX> {
    fn decode(message: Encoded<'m>) -> Result<T, CodecError> {
        let encoding = message.content_encoding().unwrap_or_default();
        if !encoding.eq_ignore_ascii_case(DEFLATE) {
            return C::decode(message);
        }
        let mut inflate = INFLATE.take().unwrap_or_else(|| Decompress::new(true));
        inflate.reset(true);
        let unpacked = unpack(&mut inflate, message.payload(), MAX);
        INFLATE.set(Some(inflate));
        let plain = Bytes::from(unpacked.map_err(|fault| match fault {
            Fault::TooLarge => CodecError::TooLarge { max: MAX },
            other => CodecError::decode::<Self>(other),
        })?);
        C::decode(message.with_shared(&plain))
    }
}

thread_local! {
    static PACKER: Cell<Option<Box<Packer>>> = const { Cell::new(None) };
    static INFLATE: Cell<Option<Decompress>> = const { Cell::new(None) };
}

/// A buffer that has grown beyond this is given back to the system.
const KEPT: usize = 64 * 1024;
const BLOCK: usize = 4 * 1024;

struct Packer {
    compress: Compress,
    plain: BytesMut,
    /// Where the next bytes come out: what a `BytesMut` has not got yet cannot be written to.
    block: [u8; BLOCK],
}

impl Default for Packer {
    fn default() -> Self {
        let compress = Compress::new(Compression::default(), true);
        Self { compress, plain: BytesMut::new(), block: [0; BLOCK] }
    }
}

impl Packer {
    fn pack(&mut self, out: &mut BytesMut) -> Result<(), Fault> {
        let Self { compress, plain, block } = self;
        compress.reset();
        let mut rest = &plain[..];
        loop {
            let (read, written) = (compress.total_in(), compress.total_out());
            let status = compress.compress(rest, block, FlushCompress::Finish);
            let read = difference(compress.total_in(), read);
            let written = difference(compress.total_out(), written);
            rest = rest.get(read..).unwrap_or_default();
            out.extend_from_slice(block.get(..written).unwrap_or_default());
            match status {
                Ok(Status::StreamEnd) => return Ok(()),
                Ok(_) if read + written > 0 => {}
                // It has room and all there is, so it cannot stand still.
                Ok(_) | Err(_) => return Err(Fault::Corrupt),
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("it unpacks to more than is read")]
    TooLarge,
    #[error("the packed payload is cut short")]
    CutShort,
    #[error("the packed payload is not a zlib stream")]
    Corrupt,
    #[error("something stands behind the packed payload")]
    BehindEnd,
}

fn unpack(inflate: &mut Decompress, packed: &[u8], max: usize) -> Result<Vec<u8>, Fault> {
    // One byte more than may come out shows that too much does.
    let most = max.saturating_add(1);
    let mut rest = packed;
    let mut plain = Vec::with_capacity(packed.len().saturating_mul(2).min(most));
    loop {
        if plain.len() == plain.capacity() {
            plain.reserve_exact(plain.len().max(BLOCK).min(most - plain.len()));
        }
        let (read, len) = (inflate.total_in(), plain.len());
        let status = inflate.decompress_vec(rest, &mut plain, FlushDecompress::None);
        let read = difference(inflate.total_in(), read);
        rest = rest.get(read..).unwrap_or_default();
        if plain.len() > max {
            return Err(Fault::TooLarge);
        }
        match status {
            Ok(Status::StreamEnd) if rest.is_empty() => return Ok(plain),
            Ok(Status::StreamEnd) => return Err(Fault::BehindEnd),
            Ok(_) if read > 0 || plain.len() > len => {}
            Ok(_) => return Err(Fault::CutShort),
            Err(_) => return Err(Fault::Corrupt),
        }
    }
}

fn difference(now: u64, before: u64) -> usize {
    usize::try_from(now - before).unwrap_or(usize::MAX)
}
