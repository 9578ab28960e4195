//! Black-box tests: they start the real binary, speak HTTP over a real socket, and know nothing else.
//!
//! [`Server`] starts and stops the program, [`Client`] sends requests as one of several callers,
//! [`replay`] plays what identity providers send.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    clippy::needless_pass_by_value,
    missing_docs,
    missing_debug_implementations,
    reason = "tests fail by panicking"
)]

mod api;
mod client;
mod clock;
mod database;
mod dns;
mod family;
mod log;
mod openapi;
mod people;
mod postgres;
mod provisioning;
pub mod replay;
mod server;
mod sso;

pub use api::{Operation, assert_unchanged};
pub use client::{Answer, Client, encode, raw};
pub use clock::Clock;
pub use database::{Database, on_postgres, tool};
pub use dns::{Dns, Say};
pub use family::Family;
pub use log::Log;
pub use openapi::OpenApi;
pub use people::Person;
pub use postgres::Postgres;
pub use provisioning::{scim_group, scim_user};
pub use server::{Server, binary, run, run_with, terminate};
pub use sso::{oidc, saml};
