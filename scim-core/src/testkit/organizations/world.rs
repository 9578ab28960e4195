//! The real thing: a service with the shipped rules over the store under test.

mod counter;
mod push;
mod seen;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::counter::Counter;
use super::model::Who;
use super::{NAMES, ORGANIZATIONS};
use crate::env::Env;
use crate::error::Result;
use crate::org::linking::{self, NewOrganization};
use crate::org::{
    Cause, DomainPolicy, Finding, Oidc, OrgKind, Plan, Provider, Records, SharedSso, SsoSettings,
    claims,
};
use crate::resource::Id;
use crate::schema::Registry;
use crate::service::{Service, Settings};
use crate::store::{Store, Tenant};

/// Spellings of one name each: they match all the same.
const SPELLINGS: [[&str; 2]; NAMES] = [["Sales", " sALES "], ["Büro", "BU\u{308}RO"], ["IT", "it"]];

pub(super) struct World<S> {
    store: S,
    service: Service<S, SharedSso>,
    env: Env,
    /// Keeps apart what several sequences leave in one store.
    mark: String,
    admin: Tenant,
    organizations: Vec<Tenant>,
    users: BTreeMap<usize, Id>,
    groups: BTreeMap<usize, Id>,
    own: BTreeMap<(usize, usize), Id>,
    accounts: BTreeMap<Id, Who>,
}

impl<S> World<S>
where
    S: Store + Clone,
    for<'a> S::Tx<'a>: Records,
{
    pub(super) fn new(store: S) -> Self {
        let env =
            Env { clock: Arc::new(Counter), ids: Arc::new(Counter), passwords: Arc::new(Counter) };
        let registry = Registry::standard().unwrap();
        let rules = SharedSso::new(env.clone());
        let settings = Settings::new([0; 32]);
        let service = Service::new(registry, store.clone(), rules, env.clone(), settings);
        let mark = env.ids.next().as_str().to_owned();
        let mut world = Self {
            store,
            service,
            env,
            admin: Tenant::new(&format!("org_{mark}a")),
            organizations: (0..ORGANIZATIONS)
                .map(|i| Tenant::new(&format!("org_{mark}{i}")))
                .collect(),
            mark,
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            own: BTreeMap::new(),
            accounts: BTreeMap::new(),
        };
        world.found();
        world
    }

    /// The organizations, the Admin Organization's domain, and single sign-on where the contested domain
    /// may be claimed.
    fn found(&mut self) {
        let admin = self.admin.clone();
        let mut all: Vec<(Tenant, OrgKind)> = vec![(admin, OrgKind::Admin)];
        all.extend(self.organizations.iter().map(|org| (org.clone(), OrgKind::Regular)));
        for (id, kind) in all {
            let new = NewOrganization {
                name: id.as_str(),
                kind,
                plan: Plan::Enterprise,
                domains: DomainPolicy::Any,
                owner: None,
            };
            assert!(self.act(|tx, cause| linking::create(tx, id.clone(), &new, cause).map(drop)));
        }
        let domain = format!("{}.example", self.mark);
        let admin = self.admin.clone();
        assert!(self.act(|tx, cause| verified(tx, &admin, &domain, cause)));
        let settings = SsoSettings {
            provider: Provider::Oidc(Oidc {
                issuer: "https://idp.example".into(),
                client_id: "id".into(),
                client_secret: "sealed".into(),
            }),
            enabled: true,
            required: false,
            idp_managed_access: true,
            break_glass: true,
        };
        for org in [self.admin.clone(), self.organizations[0].clone()] {
            assert!(self.act(|tx, cause| {
                let organization = linking::organization(tx, &org)?;
                claims::configure(tx, &organization, &settings, cause)
            }));
        }
    }

    /// Does what people do; tells whether it was allowed.
    fn act(&self, f: impl Fn(&mut S::Tx<'_>, &Cause<'_>) -> Result<()>) -> bool {
        let cause =
            Cause { env: &self.env, actor: "operator", request_id: "r", now: self.env.clock.now() };
        let done = self.store.write(&self.admin, |tx| f(tx, &cause));
        if let Err(error) = &done {
            assert!(error.kind().status() < 500, "{error}: {:?}", std::error::Error::source(error));
        }
        done.is_ok()
    }

    fn email(&self, user: usize) -> String {
        format!("U{user}@{}.example", self.mark)
    }

    fn contested(&self) -> String {
        format!("{}-contested.example", self.mark)
    }
}

/// Claims a domain and has DNS say so.
fn verified<R: Records>(tx: &mut R, org: &Tenant, domain: &str, cause: &Cause<'_>) -> Result<()> {
    let organization = linking::organization(tx, org)?;
    let claim = claims::claim(tx, &organization, domain, "token".into(), cause)?;
    claims::check(tx, claim, Finding::Found, true, cause).map(drop)
}
