//! An application with rules of its own: `cargo run -p scim-core --example own_rules`
//!
//! It takes the users of one domain, and sells groups of two seats.
mod world;

use scim_core::directory::{Change, Occasion};
use scim_core::schema::Registry;
use scim_core::service::Settings;
use scim_core::store::memory::MemoryStore;
use scim_core::{Directory, Error, Kind, Result, Service, Transaction};
use serde_json::{Value, json};

const SEATS: usize = 2;

struct Rules;

impl<Tx: Transaction> Directory<Tx> for Rules {
    fn review(&self, change: &Change<'_>, _: &Occasion<'_>, tx: &mut Tx) -> Result<()> {
        match change {
            Change::Create { new, .. } | Change::Replace { new, .. } if new.kind().has_groups() => {
                let name = new.document()?.get("userName").and_then(Value::as_str);
                if !name.unwrap_or_default().ends_with("@customer.example") {
                    return Err(Error::invalid_value("userName: send those of customer.example"));
                }
            }
            Change::Members { group, .. } if tx.members(group, None, SEATS + 1)?.len() > SEATS => {
                return Err(Error::new(Kind::Conflict, "This group has two seats"));
            }
            _ => {}
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    let (store, settings) = (MemoryStore::new(), Settings::new([0; 32]));
    let service = Service::new(Registry::standard()?, store, Rules, world::env(), settings);
    let post = |path: &str, body: &Value| {
        let (status, text) = world::send(&service, "customer", "POST", path, &body.to_string())?;
        println!("{path}: {status}");
        Ok::<Value, Error>(serde_json::from_str(&text).unwrap_or_default())
    };
    post("/Users", &json!({"userName": "eve@elsewhere.example"}))?;
    let group = post("/Groups", &json!({"displayName": "Seats"}))?;
    for name in ["ann@customer.example", "bob@customer.example", "cid@customer.example"] {
        let user = post("/Users", &json!({"userName": name}))?;
        let path =
            format!("/Groups/{}", group.get("id").and_then(Value::as_str).unwrap_or_default());
        let add = json!({"Operations": [{"op": "add", "path": "members", "value": [{"value": user.get("id")}]}]});
        let (status, _) = world::send(&service, "customer", "PATCH", &path, &add.to_string())?;
        println!("{name} takes a seat: {status}");
    }
    Ok(())
}
