//! Replays any bytes: `make fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    tcplife::testing::play::play_any(bytes);
});
