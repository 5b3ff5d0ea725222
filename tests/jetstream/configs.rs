//! What is written as a configuration is what the server reads, and the other way round.
