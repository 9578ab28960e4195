//! An application that keeps the shipped rules over a store of its own:
//! `cargo run -p scim-core --example own_store`
//!
//! A store is whatever runs closures in transactions; one that keeps organizations too
//! ([`Records`](scim_core::org::Records)) can have the rules on top. This one keeps everything in memory and
//! counts its commits; a real one would have transactions of its own.
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use scim_core::org::linking::{self, NewOrganization};
use scim_core::org::{
    Cause, DomainPolicy, OrgKind, PersonRecords as _, Plan, ScimName, SharedSso, people,
};
use scim_core::schema::Registry;
use scim_core::service::Settings;
use scim_core::store::Tenant;
use scim_core::store::memory::{MemoryStore, MemoryTransaction};
use scim_core::{Result, Service, Store};

#[derive(Clone, Default)]
struct Counting {
    inner: MemoryStore,
    commits: Arc<AtomicUsize>,
}

impl Store for Counting {
    type Tx<'a> = MemoryTransaction<'a>;

    fn read<R>(
        &self,
        tenant: &Tenant,
        f: impl FnOnce(&mut Self::Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        self.inner.read(tenant, f)
    }

    fn write<R>(
        &self,
        tenant: &Tenant,
        f: impl FnMut(&mut Self::Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        let done = self.inner.write(tenant, f)?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(done)
    }
}

fn main() -> Result<()> {
    let (store, env) = (Counting::default(), world::env());
    let (holding, berlin) = (Tenant::new("org_holding"), Tenant::new("org_berlin"));
    let cause = Cause { env: &env, actor: "example", request_id: "example", now: env.clock.now() };
    store.write(&holding, |tx| {
        for (id, kind) in [(&holding, OrgKind::Admin), (&berlin, OrgKind::Regular)] {
            let (plan, domains) = (Plan::Enterprise, DomainPolicy::Any);
            let new = NewOrganization { name: id.as_str(), kind, plan, domains, owner: None };
            linking::create(tx, id.clone(), &new, &cause)?;
        }
        let admin = linking::organization(tx, &holding)?;
        linking::issue(tx, &admin, ("hash of the code", "code"), (None, None), &cause)?;
        let organization = linking::organization(tx, &berlin)?;
        let name = Some(ScimName::parse("Berlin")?);
        linking::link(tx, &organization, "hash of the code", name, &cause).map(drop)
    })?;

    let rules = SharedSso::new(env.clone());
    let settings = Settings::new([0; 32]);
    let service = Service::new(Registry::standard()?, store.clone(), rules, env, settings);
    let (_, ann) = world::send(
        &service,
        "org_holding",
        "POST",
        "/Users",
        r#"{"userName":"ann@example.com"}"#,
    )?;
    let ann: serde_json::Value = serde_json::from_str(&ann).unwrap_or_default();
    let group = serde_json::json!({"displayName": "BERLIN", "members": [{"value": ann.get("id")}]});
    let (status, _) = world::send(&service, "org_holding", "POST", "/Groups", &group.to_string())?;
    println!("group pushed: {status}");

    let members = store.read(&berlin, |tx| {
        let organization = linking::organization(tx, &berlin)?;
        let (members, _) = people::members(tx, &organization, None, 10)?;
        members.iter().map(|member| tx.account(&member.account)).collect::<Result<Vec<_>>>()
    })?;
    for member in members.into_iter().flatten() {
        println!("member of Berlin: {}", member.label());
    }
    println!("commits: {}", store.commits.load(Ordering::Relaxed));
    Ok(())
}
