//! `JetStream` against the real `nats-server`.

mod configs;
