//! Streams and consumers of `JetStream`: what they are made of, and what the server says of them.

mod config_error;
mod consumer;
mod name;
mod stream;
mod wire;

pub use config_error::ConfigError;
pub use consumer::{
    AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy, PriorityGroupState, PriorityPolicy,
    ReplayPolicy, SequenceInfo,
};
pub use name::{NameError, NameFault};
pub use stream::{
    ClusterInfo, Compression, ConsumerLimits, Discard, External, LostData, PeerInfo, PersistMode,
    Placement, Republish, Retention, Source, SourceConsumer, SourceError, SourceInfo, Storage,
    StreamAlternate, StreamConfig, StreamInfo, StreamState, SubjectTransform,
};
