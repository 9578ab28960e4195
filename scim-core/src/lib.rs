#![doc = include_str!("../README.md")]

pub mod caller;
pub mod dialect;
pub mod directory;
pub mod env;
pub mod error;
pub mod event;
pub mod filter;
pub mod http;
pub mod json;
pub mod org;
pub mod patch;
pub mod path;
pub mod projection;
pub mod query;
pub mod resource;
pub mod schema;
pub mod service;
pub mod store;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod text;

pub use caller::Caller;
pub use directory::Directory;
pub use error::{Error, Kind, Result};
pub use http::Handler;
pub use service::Service;
pub use store::{Store, Transaction};
