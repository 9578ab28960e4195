//! [`Call`]: a request at work inside its transaction.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scim_core::org::{
    Cause, Entrant, Movement, Organization, OrganizationRecords as _, PersonRecords as _, Role,
    entry, linking, people,
};
use scim_core::resource::Id;
use scim_core::store::Tenant;
use scim_core::{Error, Kind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::endpoint::{Access, bad};
use super::glass;
use super::person::Person;
use super::reply::Reply;
use super::{Api, Request, Turn};
use crate::store::DieselTransaction;

/// How many entries a page has, unless the client says otherwise, and at the most.
const PAGE: usize = 50;
const MOST: usize = 200;

/// Members looked at to tell who signs in another way.
const LOOKED_AT: usize = 2_000;

/// A request, before its transaction.
#[derive(Clone, Copy)]
pub(super) struct Incoming<'c> {
    pub(super) api: &'c Api,
    pub(super) request: &'c Request,
    pub(super) turn: &'c dyn Turn,
    pub(super) person: &'c Person,
    pub(super) cause: &'c Cause<'c>,
    pub(super) params: &'c BTreeMap<&'static str, String>,
    pub(super) query: &'c BTreeMap<String, String>,
    pub(super) body: &'c Value,
}

impl Incoming<'_> {
    /// The body, as what the endpoint takes.
    pub(super) fn input<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(self.body.clone()).map_err(|e| {
            let detail = format!(
                "The body is not what this request takes: {e}; /api/v1/openapi.json has its fields"
            );
            bad("invalid_body", detail)
        })
    }

    /// A part of the path.
    pub(super) fn param(&self, name: &str) -> &str {
        self.params.get(name).map(String::as_str).unwrap_or_default()
    }

    /// A part of the path that is an id.
    pub(super) fn id(&self, name: &str) -> Result<Id> {
        Id::parse(self.param(name)).ok_or_else(not_found)
    }

    pub(super) fn org_id(&self) -> Tenant {
        Tenant::new(self.param("org"))
    }

    pub(super) fn is_dry_run(&self) -> bool {
        self.query.get("dry_run").is_some_and(|value| value == "true")
    }
}

pub(super) fn not_found() -> Error {
    Error::not_found("There is nothing with that id, or it is not for you to see; check the id, or ask an owner for a role")
        .with_code("not_found")
}

/// Where the list goes on behind a page: nowhere if the page isn't full.
pub(super) fn last_of<T>(page: &[T], limit: usize, id: impl Fn(&T) -> &str) -> Option<String> {
    page.last().filter(|_| page.len() == limit).map(|last| id(last).to_owned())
}

/// A request inside its transaction.
pub(super) struct Call<'c, 't> {
    pub(super) tx: &'c mut DieselTransaction<'t>,
    pub(super) incoming: Incoming<'c>,
    /// What was done before the transaction.
    pub(super) prepared: Value,
    /// The organization in the path, once the caller is admitted to it.
    organization: Option<Organization>,
    /// What changed for people.
    pub(super) movements: Vec<Movement>,
    /// People whom effects count and don't name.
    pub(super) unnamed: BTreeSet<Id>,
    /// Somebody of whom effects tell no more than the address as it was typed.
    pub(super) unknown: Option<(Id, String)>,
    /// How members got in before what changes that, and whether there are more than those looked at.
    pub(super) entrants: (Vec<Entrant>, bool),
}

impl<'c> std::ops::Deref for Call<'c, '_> {
    type Target = Incoming<'c>;

    fn deref(&self) -> &Incoming<'c> {
        &self.incoming
    }
}

impl<'c, 't> Call<'c, 't> {
    pub(super) fn new(
        tx: &'c mut DieselTransaction<'t>,
        incoming: Incoming<'c>,
        prepared: Value,
    ) -> Self {
        Self {
            tx,
            incoming,
            prepared,
            organization: None,
            movements: Vec::new(),
            unnamed: BTreeSet::new(),
            unknown: None,
            entrants: (Vec::new(), false),
        }
    }

    /// Lets the caller in, or doesn't. An organization that one isn't a member of is not there; nor is an
    /// Admin Organization for its plain members.
    pub(super) fn admit(&mut self, access: Access) -> Result<()> {
        let least = match access {
            Access::Public | Access::SignedIn => return Ok(()),
            Access::Operator if *self.person != Person::Operator => {
                let detail = "Only the operator may do this; ask whoever runs the server";
                return Err(Error::new(Kind::Forbidden, detail).with_code("operator_only"));
            }
            Access::Operator if !self.params.contains_key("org") => return Ok(()),
            Access::Operator => Role::Member,
            Access::Organization(role) => role,
        };
        let id = self.org_id();
        let organization = match self.person {
            // Nothing is hidden from the operator.
            Person::Operator => self.tx.organization(&id)?.ok_or_else(|| {
                let detail =
                    format!("There is no organization \"{id}\"; scim-server org list shows them");
                Error::not_found(detail).with_code("not_found")
            })?,
            _ => linking::organization(self.tx, &id)?,
        };
        if let Some(account) = self.person.account() {
            let membership = people::membership(self.tx, &id, account)?;
            let membership = membership.filter(people::Membership::is_active);
            let role = membership.ok_or_else(linking::no_organization)?.role;
            if organization.is_admin() && role == Role::Member {
                return Err(linking::no_organization());
            }
            if role < least {
                let detail = format!(
                    "This takes the role {least} in the organization, and yours is {role}; ask an owner for it"
                );
                return Err(Error::new(Kind::Forbidden, detail).with_code("role_required"));
            }
            glass::admit(self, &organization, role)?;
        }
        self.organization = Some(organization);
        Ok(())
    }

    /// Whether the caller may see all of an organization besides the one in the path: the operator, and its
    /// owners and admins.
    pub(super) fn administers(&mut self, organization: &Tenant) -> Result<bool> {
        let Some(account) = self.person.account().cloned() else {
            return Ok(*self.person == Person::Operator);
        };
        let membership = people::membership(self.tx, organization, &account)?;
        Ok(membership.is_some_and(|m| m.is_active() && m.role > Role::Member))
    }

    /// The organization in the path.
    pub(super) fn organization(&self) -> Result<Organization> {
        self.organization
            .clone()
            .ok_or_else(|| Error::internal("an endpoint without an organization"))
    }

    /// How many entries of a list are wanted.
    pub(super) fn limit(&self) -> Result<usize> {
        let Some(text) = self.query.get("limit") else { return Ok(PAGE) };
        match text.parse() {
            Ok(limit @ 1..=MOST) => Ok(limit),
            _ => Err(bad("invalid_parameter", format!("limit must be a number from 1 to {MOST}"))),
        }
    }

    /// Where a list goes on: a cursor of this very list, with the same filters.
    pub(super) fn cursor<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let Some(text) = self.query.get("cursor") else { return Ok(None) };
        let wrong = || {
            let detail = "The cursor is none that this list gave; send its next_cursor with the same filters, \
                          or none to begin anew";
            bad("invalid_cursor", detail.into())
        };
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        let Some((place, seal)) =
            bytes.and_then(|b| serde_json::from_slice::<(String, String)>(&b).ok())
        else {
            return Err(wrong());
        };
        if seal != self.cursor_seal(&place)? {
            return Err(wrong());
        }
        serde_json::from_str(&place).map(Some).map_err(|_| wrong())
    }

    /// What binds a place to the list that it is a place of. Keyed: nobody makes one up.
    fn cursor_seal(&self, place: &str) -> Result<String> {
        let mut parts = vec!["cursor", self.request.path.trim_matches('/'), place];
        for (name, value) in
            self.query.iter().filter(|(n, _)| !matches!(n.as_str(), "cursor" | "limit"))
        {
            parts.extend([name.as_str(), value.as_str()]);
        }
        let mut seal = self.api.keyed(&parts)?;
        seal.truncate(32);
        Ok(seal)
    }

    /// A page of a list, and where the next begins.
    pub(super) fn page<T: Serialize, C: Serialize>(
        &self,
        items: &[T],
        next: Option<C>,
    ) -> Result<Reply> {
        let cursor = match next {
            None => None,
            Some(next) => {
                let place = serde_json::to_string(&next).map_err(Error::internal)?;
                let seal = self.cursor_seal(&place)?;
                let bytes = serde_json::to_vec(&(place, seal)).map_err(Error::internal)?;
                Some(URL_SAFE_NO_PAD.encode(bytes))
            }
        };
        Reply::ok(&json!({"items": items, "next_cursor": cursor}))
    }

    /// A page of a list that is short enough to be read whole.
    pub(super) fn page_of<T: Serialize>(&self, all: &[T]) -> Result<Reply> {
        let (begin, limit) = (self.cursor::<usize>()?.unwrap_or_default(), self.limit()?);
        let rest = all.get(begin..).unwrap_or_default();
        let page = rest.get(..limit).unwrap_or(rest);
        let next = (page.len() < rest.len()).then_some(begin + page.len());
        self.page(page, next)
    }

    pub(super) fn filter(&self, name: &str) -> Option<&'c str> {
        self.incoming.query.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// Looks how the members of an organization get in, and, if it is an Admin Organization, those of the
    /// linked ones too, before something changes that: the effects tell whose way is another then.
    pub(super) fn watch_sign_ins(&mut self, organization: &Organization) -> Result<()> {
        let mut organizations = vec![organization.clone()];
        let mut after: Option<Tenant> = None;
        loop {
            let page = self.tx.linked(&organization.id, after.as_ref(), MOST)?;
            after = page.last().map(|linked| linked.id.clone());
            organizations.extend(page);
            if after.is_none() {
                break;
            }
        }
        self.entrants = entry::entrants(self.tx, &organizations, LOOKED_AT)?;
        Ok(())
    }

    /// Takes what a rule changed for people.
    pub(super) fn moved(&mut self, movements: Vec<Movement>) {
        self.movements.extend(movements);
    }

    /// What to show for an actor of events: an account's address, else as it is.
    pub(super) fn actor_label(&mut self, actor: &str) -> Result<String> {
        let account = match Id::parse(actor) {
            Some(id) if actor.starts_with("acc_") => self.tx.account(&id)?,
            _ => None,
        };
        Ok(account.map_or_else(|| actor.to_owned(), |account| account.label().to_owned()))
    }
}
