//! Tower services over NATS.
