//! Consumers.

mod config;
mod info;

pub use config::{AckPolicy, ConsumerConfig, DeliverPolicy, PriorityPolicy, ReplayPolicy};
pub use info::{ConsumerInfo, PriorityGroupState, SequenceInfo};
