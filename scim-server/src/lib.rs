//! The server: SCIM over HTTP, on a database.

mod secrets;
pub mod store;
