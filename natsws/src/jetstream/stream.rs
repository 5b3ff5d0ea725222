//! Streams.

mod config;
mod info;

pub use config::{
    Compression, ConsumerLimits, Discard, External, PersistMode, Placement, Republish, Retention,
    Source, SourceConsumer, Storage, StreamConfig, SubjectTransform,
};
pub use info::{
    ClusterInfo, LostData, PeerInfo, SourceError, SourceInfo, StreamAlternate, StreamInfo,
    StreamState,
};
