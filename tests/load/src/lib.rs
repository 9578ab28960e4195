//! How fast SCIM servers are. A closed loop of a few connections sends what identity providers send, phase by
//! phase ([`workload`]), to any server with a base URL and a token; [`mod@bench`] runs it against this project's
//! server and against a [`ceiling`] in turns, and compares.

pub mod bench;
pub mod ceiling;
pub mod connection;
pub mod figures;
pub mod growth;
pub mod messages;
pub mod organizations;
pub mod plot;
pub mod process;
pub mod program;
pub mod running;
pub mod table;
pub mod workload;
