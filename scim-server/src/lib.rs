//! A SCIM 2.0 provisioning server: [`scim_core`] over HTTP, on a database.
//!
//! [`serve`] puts the parts together, [`http`] is SCIM over actix-web, [`store`] keeps the data, [`cli`]
//! is the command line.

pub mod admin;
pub mod cli;
pub mod config;
pub mod dns;
pub mod env;
pub mod http;
pub mod logging;
mod notices;
pub mod out;
mod private_file;
mod pulse;
mod secrets;
pub mod serve;
pub mod store;
mod watch;
