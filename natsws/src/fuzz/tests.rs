//! Replays the inputs that are kept.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

/// Gives every input that is kept for a target to it.
fn replay(target: &str, holds: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&corpus).expect("the corpus is there") {
        let path = entry.expect("the corpus can be read").path();
        let input = fs::read(&path).expect("an input can be read");
        assert!(catch_unwind(|| holds(&input)).is_ok(), "{} does not hold", path.display());
        count += 1;
    }
    assert!(count > 0, "{} is empty", corpus.display());
}

#[test]
fn every_input_of_the_nats_ops_corpus_holds() {
    replay("nats_ops", super::nats_ops);
}

#[test]
fn every_input_of_the_subject_header_codec_corpus_holds() {
    replay("subject_header_codec", super::subject_header_codec);
}

#[cfg(native_websocket)]
#[test]
fn every_input_of_the_ws_frames_corpus_holds() {
    replay("ws_frames", super::ws_frames);
}

#[cfg(native_websocket)]
#[test]
fn every_input_of_the_pipeline_corpus_holds() {
    replay("pipeline", super::pipeline);
}

#[test]
fn the_rule_that_matching_is_held_against_is_the_one_that_is_documented() {
    let matches = |filter: &str, subject: &str| {
        let filter: Vec<_> = filter.split('.').collect();
        super::words::tokens_match(&filter, &subject.split('.').collect::<Vec<_>>())
    };
    assert!(matches("a.*.c", "a.b.c") && matches(">", "a.b") && matches("a.>", "a.b.c"));
    assert!(!matches("a.>", "a") && !matches("a.*", "a.b.c") && !matches("a", "b"));
}
