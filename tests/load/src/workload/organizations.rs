//! Many organizations on one server: they are made as its operator makes them, and each has a group.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::closed_loop::{Check, Limit, run_loop, spread};
use super::groups::{Change, has_members};
use super::{Settings, Subject};
use crate::connection::{Connection, Endpoint, Request, Token};
use crate::figures::Figures;
use crate::messages::{group_of, id_of, token_of};

/// The tokens of organizations. Users are in them in blocks: the first ones in the first, and so on.
#[derive(Debug, Clone)]
pub(super) struct Tokens {
    tokens: Rc<Vec<Token>>,
    /// Users in an organization.
    pub(super) each: usize,
}

impl Tokens {
    /// All users are in one organization.
    pub(super) fn one(token: &Token) -> Self {
        Self { tokens: Rc::new(vec![token.clone()]), each: usize::MAX }
    }

    /// How many organizations there are.
    pub(super) fn len(&self) -> usize {
        self.tokens.len().max(1)
    }

    /// The organization that user `n` is in.
    pub(super) fn organization(&self, n: usize) -> usize {
        n / self.each.max(1) % self.len()
    }

    /// The token of the organization that user `n` is in.
    pub(super) fn of_user(&self, n: usize) -> Token {
        self.of(self.organization(n))
    }

    /// The token of an organization.
    pub(super) fn of(&self, organization: usize) -> Token {
        self.tokens.get(organization % self.len()).cloned().unwrap_or_default()
    }
}

/// How many organizations, and how many users in each.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Organizations.
    pub organizations: usize,
    /// Users in each of them.
    pub users_each: usize,
}

/// How users are in groups.
#[derive(Debug, Clone, Copy)]
pub struct Grouping {
    /// So many are in a group
    pub members: usize,
    /// of so many.
    pub every: usize,
}

impl Grouping {
    /// The number of the `k`-th user of those whom a group is taken from. Groups follow each other in different
    /// organizations.
    fn user(self, group: usize, k: usize, tokens: &Tokens) -> usize {
        let (organization, before) = (group % tokens.len(), group / tokens.len());
        organization * tokens.each + before * self.every + k
    }
}

impl Subject {
    /// Makes organizations with a directory of their own in a server of this project, and a token for each.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn found(
        endpoint: Endpoint,
        operator: &Token,
        Size { organizations, users_each }: Size,
        settings: &Settings,
        pid: u32,
    ) -> Result<Self> {
        let api = endpoint.administration();
        let asker = operator.clone();
        let ids = made(&api, settings, organizations, id_of, move |i| {
            let body = json!({"name": format!("Organization {i}"), "kind": "admin",
                "scim_domains": "any"});
            asker.request("POST", "/organizations".into(), body.to_string().into_bytes())
        });
        let ids = ids.await.context("organizations can't be made")?;
        let asker = operator.clone();
        let tokens = made(&api, settings, organizations, token_of, move |i| {
            let id = ids.get(i).map(String::as_str).unwrap_or_default();
            let path = format!("/organizations/{id}/scim/tokens");
            asker.request("POST", path, b"{}".to_vec())
        });
        let tokens = tokens.await.context("tokens can't be made")?;
        let mut subject = Self::new(endpoint, &Token::default(), Some(pid));
        let tokens = tokens.iter().map(|secret| Token::new(secret)).collect();
        subject.tokens = Tokens { tokens: Rc::new(tokens), each: users_each };
        Ok(subject)
    }

    /// Makes groups: of the users of each organization, in order, the first `members` of every so many are in
    /// one.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn make_groups(&mut self, grouping: Grouping, settings: &Settings) -> Result<()> {
        let Grouping { members, every } = grouping;
        ensure!(members < every, "a group of {members} needs more than {every} users");
        let (tokens, users) = (self.tokens.clone(), Rc::clone(&self.users));
        let wanted = self.users_each() / every * tokens.len();
        let groups = made(&self.endpoint, settings, wanted, id_of, move |group| {
            let numbers = (0..members).map(|k| grouping.user(group, k, &tokens));
            let ids = numbers.filter_map(|n| users.get(n)).map(|(_, id)| id.as_str());
            let body = group_of(&format!("Group {group}"), ids).to_string().into_bytes();
            tokens.of(group).request("POST", "/Groups".into(), body)
        });
        self.groups = groups.await.context("groups can't be made")?;
        Ok(())
    }

    /// One connection adds a member to a group and removes it again, each time in another organization.
    ///
    /// # Errors
    /// If the groups can't be looked into afterwards.
    pub async fn change_members(
        &self,
        grouping: Grouping,
        settings: &Settings,
    ) -> Result<Vec<Figures>> {
        let Grouping { members, every } = grouping;
        let change = |i: usize| {
            let group = spread(i, self.groups.len());
            // Whoever is added is behind those who are members.
            let outsider = members + i % every.saturating_sub(members).max(1);
            let (_, user) = self.users.get(grouping.user(group, outsider, &self.tokens))?;
            let (token, path) = (self.tokens.of(group), self.groups.get(group)?);
            Some(Change { token, path: format!("/Groups/{path}"), user })
        };
        let changes: Vec<_> = (0..settings.samples).filter_map(change).collect();
        ensure!(changes.len() == settings.samples, "there are too few groups or users");
        let mut connection = Connection::new(&self.endpoint);
        let last = changes.last().map(|last| last.token.get(last.path.clone()));
        let figures = self.change(&mut connection, changes, members).await;
        // Each change was undone.
        if let Some(last) = last {
            let answer = connection.send(&last).await?;
            has_members(&answer.body, members)?;
        }
        Ok(figures.into())
    }

    /// How many users an organization has.
    pub(super) fn users_each(&self) -> usize {
        self.users.len() / self.tokens.len()
    }
}

/// Makes as many things as are wanted, and gives what `read` finds in each answer, in order.
async fn made(
    endpoint: &Endpoint,
    settings: &Settings,
    wanted: usize,
    read: fn(&[u8]) -> Result<String>,
    make: impl Fn(usize) -> Request + 'static,
) -> Result<Vec<String>> {
    let found = Rc::new(RefCell::new(vec![None; wanted]));
    let keep = Rc::clone(&found);
    let check: Check = Rc::new(move |i: usize, body: &[u8]| {
        let one = read(body)?;
        *keep.borrow_mut().get_mut(i).context("one too many")? = Some(one);
        Ok(())
    });
    let limit = Limit { requests: wanted, time: None };
    let tally = run_loop(endpoint, settings.connections, limit, make, check).await;
    tally.require_good()?;
    found.take().into_iter().collect::<Option<_>>().context("some are missing")
}
