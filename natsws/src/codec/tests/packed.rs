//! `Compressed`, on what is not as it should be.

use std::fmt;

use flate2::{Compress, Compression, FlushCompress};

use super::*;
use crate::codec::ErrorCodec;
use crate::service_error::ServiceError;

/// The words of an error and of what is behind it.
fn words(error: &CodecError) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// About a megabyte that unpacks to zeros, a gigabyte of them.
pub(super) fn bomb() -> Vec<u8> {
    let zeros = vec![0; 1024 * 1024];
    let mut compress = Compress::new(Compression::best(), true);
    let mut packed = Vec::with_capacity(4096);
    compress.compress_vec(&zeros, &mut packed, FlushCompress::Full).expect("it packs");
    let begin = packed.clone();
    packed.clear();
    compress.compress_vec(&zeros, &mut packed, FlushCompress::Full).expect("it packs");
    assert_eq!(compress.total_in(), 2 * 1024 * 1024, "all of both was packed");
    [begin, packed.repeat(1023)].concat()
}

#[test]
fn it_is_a_zlib_stream() {
    let packed = encoded::<Compressed<Text>, _>("hello, hello, hello, hello");
    let mut inflate = flate2::Decompress::new(true);
    let mut plain = Vec::with_capacity(100);
    let flush = flate2::FlushDecompress::Finish;
    let status = inflate.decompress_vec(&packed, &mut plain, flush).expect("it is zlib");
    assert_eq!(
        (status, &plain[..]),
        (flate2::Status::StreamEnd, &b"hello, hello, hello, hello"[..])
    );
    // As another program wrote it, stored without being made smaller.
    let stored = b"\x78\x01\x01\x02\x00\xfd\xff42\x00\x9c\x00\x67";
    assert_eq!(decoded::<Compressed<Json>, u8>(stored).expect("it reads"), 42);
}

#[test]
fn every_cut_and_every_flaw_is_refused() {
    let words_of = |payload: &[u8]| {
        words(&decoded::<Compressed<Json>, Vec<u8>>(payload).expect_err("it is flawed"))
    };
    let packed = encoded::<Compressed<Json>, _>(&vec![7_u8; 300]);
    for end in 0..packed.len() {
        let expected = "decoding as application/json failed: the packed payload is cut short";
        assert_eq!(words_of(&packed[..end]), expected, "{end} of {}", packed.len());
    }
    let corrupt = "decoding as application/json failed: the packed payload is not a zlib stream";
    assert_eq!(words_of(b"[1,2]"), corrupt);
    let mut flawed = packed.to_vec();
    *flawed.last_mut().expect("it is not empty") ^= 1;
    assert_eq!(words_of(&flawed), corrupt, "the checksum is looked at");
    let more = [&packed[..], b"x"].concat();
    let expected =
        "decoding as application/json failed: something stands behind the packed payload";
    assert_eq!(words_of(&more), expected);
    // Inside is no JSON.
    let inner = encoded::<Compressed<Text>, _>("[7,");
    assert!(words_of(&inner).starts_with("decoding as application/json failed: EOF"));
    assert_eq!(decoded::<Compressed<Json>, Vec<u8>>(&packed).expect("it is whole"), vec![7; 300]);
}

#[test]
fn the_limit_is_exact() {
    let bytes = vec![b'x'; 10_000];
    let packed = encoded::<Compressed<Raw>, _>(&bytes);
    assert_eq!(decoded::<Compressed<Raw, 10_000>, Vec<u8>>(&packed).expect("it fits"), bytes);
    let error = decoded::<Compressed<Raw, 9_999>, Vec<u8>>(&packed).expect_err("it does not");
    assert!(matches!(error, CodecError::TooLarge { max: 9_999 }));
    assert_eq!(error.to_string(), "the payload unpacks to more than 9999 bytes");
    assert_eq!(
        decoded::<Compressed<Raw, { usize::MAX }>, Vec<u8>>(&packed).expect("it fits"),
        bytes
    );
    let nothing = encoded::<Compressed<Raw>, _>(b"");
    assert_eq!(decoded::<Compressed<Raw, 0>, Vec<u8>>(&nothing).expect("it fits"), b"");
    decoded::<Compressed<Raw, 0>, Vec<u8>>(&packed).expect_err("it does not");
    // What is not packed is not larger than the message, so it has no limit of its own.
    assert_eq!(
        Encoded::new("a", "12").decode_as::<Compressed<Json, 1>, u8>().expect("it reads"),
        12
    );
}

#[test]
fn a_gigabyte_of_zeros_in_a_megabyte_is_refused() {
    let bomb = bomb();
    assert!((1_000_000..1_300_000).contains(&bomb.len()), "{}", bomb.len());
    let error = decoded::<Compressed<Raw, 1_000_000>, Bytes>(&bomb).expect_err("it is too large");
    assert!(matches!(error, CodecError::TooLarge { max: 1_000_000 }));
    // A thread's state is used again, and is as good as new.
    assert_eq!(round_trip::<Compressed<Json>, _>(&[1_u8, 2]), [1, 2]);
}

#[test]
fn an_inner_codec_that_fails_leaves_nothing_behind() {
    struct Unspeakable;
    impl fmt::Display for Unspeakable {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("half of it")?;
            Err(fmt::Error)
        }
    }
    let mut out = BytesMut::from("before");
    let error = Compressed::<Text>::encode(&Unspeakable, &mut out).expect_err("it has no words");
    assert!(matches!(error, CodecError::Encode { content_type: "text/plain", .. }));
    assert_eq!(out, "before");
    assert_eq!(round_trip::<Compressed<Text>, String>(&"x".to_owned()), "x");
}

#[test]
fn an_error_travels_packed_and_says_so() {
    #[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
    #[error("there is no order {id}")]
    struct NotFound {
        id: u64,
        tried: Vec<u64>,
    }
    type Packed = Compressed<Json>;
    let error = NotFound { id: 7, tried: vec![7; 100] };
    let reply = <Packed as ErrorCodec<NotFound>>::encode_error(&error, 404);
    assert_eq!((reply.code(), reply.description()), (404, "there is no order 7"));
    let content = [("Content-Type", "application/json"), ("Content-Encoding", "deflate")];
    assert!(reply.headers().iter().eq(content));
    let received = ServiceError::from_reply(&reply.to_headers(), reply.body()).expect("an error");
    assert_eq!(<Packed as ErrorCodec<NotFound>>::decode_error(received), Ok(error));
    // Who does not pack says so, too, or nothing.
    let plain = ServiceError::new(404, "x").with_body(&br#"{"id":1,"tried":[]}"#[..]);
    let read = <Packed as ErrorCodec<NotFound>>::decode_error(plain);
    assert_eq!(read, Ok(NotFound { id: 1, tried: Vec::new() }));
    // A body that does not unpack is left as it came.
    let flawed = reply.with_body(&b"{}"[..]);
    let read = <Packed as ErrorCodec<NotFound>>::decode_error(flawed.clone());
    assert_eq!(read, Err(flawed));

    let itself = ServiceError::new(418, "teapot").with_body(&b"x"[..]);
    let sent = <Compressed<MsgPack> as ErrorCodec<ServiceError>>::encode_error(&itself, 500);
    assert_eq!((&sent, sent.headers().len()), (&itself, 0));
}
