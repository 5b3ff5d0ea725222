use crate::program::{run, text};

#[test]
fn a_codec_of_ones_own_carries_messages_there_and_back() {
    let output = run("write_a_codec", &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stdout),
        "rooms.hall.7.measured: 21 bytes, application/protobuf\n  \
           sensor 7 measured 21.5 degrees\n  \
           its battery is at 80 %\n\
         rooms.hall.8.measured: 9 bytes, no content type\n  \
           sensor 8 measured 19.5 degrees\n"
    );
}
