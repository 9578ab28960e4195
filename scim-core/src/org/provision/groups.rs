//! Groups: in an Admin Organization, memberships of the linked organization that they match; in any other,
//! teams.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Review;
use crate::error::{Error, Kind, Result};
use crate::org::graph::{groups_above, still_below, users_below};
use crate::org::people::new_id;
use crate::org::roles::settle_all;
use crate::org::teams;
use crate::org::{
    Movement, Organization, Records, Source, Team, What, group_key, plain_name, tell,
};
use crate::resource::{Id, Resource};
use crate::store::Tenant;

fn name_of(group: &Resource) -> Result<(String, String)> {
    let name = group.document()?.get("displayName").and_then(Value::as_str).unwrap_or_default();
    let key = group_key(name);
    if key.is_empty() {
        return Err(Error::invalid_value("displayName: a group needs a name that is not blank"));
    }
    Ok((name.to_owned(), key))
}

fn taken(name: &str) -> Error {
    let detail = format!(
        "displayName \"{name}\" is taken by another group; names are compared without case and outer spaces"
    );
    Error::new(Kind::Uniqueness, detail)
}

impl<R: Records> Review<'_, R> {
    fn take_name(&mut self, group: &Id, name: &str, key: &str) -> Result<()> {
        if self.tx.name_group(group, Some(key))? { Ok(()) } else { Err(taken(name)) }
    }

    pub(super) fn group_created(&mut self, new: &Resource, has_members: bool) -> Result<()> {
        let (name, key) = name_of(new)?;
        self.take_name(new.id(), &name, &key)?;
        if !self.organization.is_admin() {
            return self.team_for(new.id(), &name, &key);
        }
        let matched = self.tx.linked_by_name(&self.organization.id.clone(), &key)?;
        self.mapped(new.id(), None, matched.as_ref())?;
        let (Some(linked), true) = (matched, has_members) else { return Ok(()) };
        let users = users_below(self.tx, std::slice::from_ref(new.id()))?;
        let granted = self.movements(&linked.id, new.id(), users, true)?;
        tell(self.tx, self.cause, "scim_group.created", &granted)
    }

    pub(super) fn group_replaced(&mut self, old: &Resource, new: &Resource) -> Result<()> {
        let (before, (name, key)) = (name_of(old)?, name_of(new)?);
        if before.0 == name {
            return Ok(());
        }
        if before.1 != key {
            self.take_name(new.id(), &name, &key)?;
        }
        if !self.organization.is_admin() {
            return self.team_renamed(new.id(), &name, &key);
        }
        if before.1 == key {
            return Ok(());
        }
        let admin = self.organization.id.clone();
        let was = self.tx.linked_by_name(&admin, &before.1)?;
        let is = self.tx.linked_by_name(&admin, &key)?;
        self.mapped(new.id(), was.as_ref(), is.as_ref())?;
        if was.is_none() && is.is_none() {
            return Ok(());
        }
        let users = users_below(self.tx, std::slice::from_ref(new.id()))?;
        let mut movements = Vec::new();
        if let Some(was) = was {
            movements.extend(self.movements(&was.id, new.id(), users.clone(), false)?);
        }
        if let Some(is) = is {
            movements.extend(self.movements(&is.id, new.id(), users, true)?);
        }
        settle_all(self.tx, &mut movements, false, self.cause.now)?;
        tell(self.tx, self.cause, "scim_group.renamed", &movements)
    }

    /// Runs while the group and its members are still there.
    pub(super) fn group_deleted(&mut self, old: &Resource) -> Result<()> {
        let group = old.id();
        if !self.organization.is_admin() {
            self.tx.name_group(group, None)?;
            return self.team_left(group);
        }
        let above: Vec<Id> =
            groups_above(self.tx, std::slice::from_ref(group))?.into_iter().collect();
        let matched = self.tx.matched(&above)?;
        let mut movements = Vec::new();
        if !matched.is_empty() {
            let users = users_below(self.tx, std::slice::from_ref(group))?;
            for (target, linked) in &matched {
                let mut lost = users.clone();
                if target != group {
                    let stay = still_below(
                        self.tx,
                        &users,
                        &BTreeSet::from([target.clone()]),
                        group,
                        None,
                    )?;
                    lost.retain(|user| !stay.contains(user));
                }
                movements.extend(self.movements(&linked.id, target, lost, false)?);
            }
        }
        let own = matched.iter().find(|(target, _)| target == group).map(|(_, linked)| linked);
        self.mapped(group, own, None)?;
        self.tx.name_group(group, None)?;
        // The group is still there: cut off, it gives nobody anything when roles are settled.
        for holder in
            self.tx.groups_of(std::slice::from_ref(group))?.into_iter().filter(|m| m.direct)
        {
            self.tx.remove_members(&holder.group, std::slice::from_ref(group))?;
        }
        settle_all(self.tx, &mut movements, false, self.cause.now)?;
        tell(self.tx, self.cause, "scim_group.deleted", &movements)
    }

    pub(super) fn members_changed(
        &mut self,
        group: &Id,
        added: &[Id],
        removed: &[Id],
    ) -> Result<()> {
        if !self.organization.is_admin() {
            return Ok(());
        }
        let above: Vec<Id> =
            groups_above(self.tx, std::slice::from_ref(group))?.into_iter().collect();
        let matched = self.tx.matched(&above)?;
        if matched.is_empty() {
            return Ok(());
        }
        let (came, went) = (self.users_of(added)?, self.users_of(removed)?);
        let new_edges: BTreeSet<Id> = added.iter().cloned().collect();
        let mut movements = Vec::new();
        for (target, linked) in matched {
            let targets = BTreeSet::from([target.clone()]);
            let mut granted = came.clone();
            if !came.is_empty() {
                let before = still_below(self.tx, &came, &targets, group, Some(&new_edges))?;
                granted.retain(|user| !before.contains(user) && !went.contains(user));
            }
            let mut lost = went.clone();
            if !went.is_empty() {
                let now = still_below(self.tx, &went, &targets, group, Some(&BTreeSet::new()))?;
                lost.retain(|user| !now.contains(user));
            }
            movements.extend(self.movements(&linked.id, &target, granted, true)?);
            movements.extend(self.movements(&linked.id, &target, lost, false)?);
        }
        settle_all(self.tx, &mut movements, false, self.cause.now)?;
        tell(self.tx, self.cause, "scim_group.members_changed", &movements)
    }

    /// The users among members, and those in the groups among them.
    fn users_of(&mut self, members: &[Id]) -> Result<BTreeSet<Id>> {
        if members.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut users: BTreeSet<Id> =
            self.tx.bindings(members)?.into_iter().map(|binding| binding.user).collect();
        let groups: Vec<Id> = members.iter().filter(|id| !users.contains(*id)).cloned().collect();
        if !groups.is_empty() {
            users.extend(users_below(self.tx, &groups)?);
        }
        Ok(users)
    }

    fn movements(
        &mut self,
        org: &Tenant,
        group: &Id,
        users: BTreeSet<Id>,
        granted: bool,
    ) -> Result<Vec<Movement>> {
        let users: Vec<Id> = users.into_iter().collect();
        let bindings = self.tx.bindings(&users)?;
        let movement = |binding: crate::org::Binding| Movement {
            org: org.clone(),
            account: binding.account,
            source: Source::Group(group.clone()),
            what: match (granted, binding.active) {
                (false, _) => What::GrantRemoved,
                (true, true) => What::Granted,
                (true, false) => What::GrantedSuspended,
            },
        };
        Ok(bindings.into_iter().map(movement).collect())
    }

    /// Tells that a group matches another organization than before.
    fn mapped(
        &mut self,
        group: &Id,
        before: Option<&Organization>,
        after: Option<&Organization>,
    ) -> Result<()> {
        let id = |organization: &Organization| organization.id.clone();
        if before.map(id) == after.map(id) {
            return Ok(());
        }
        for (organization, event) in
            [(before, "scim_group.unmatched"), (after, "scim_group.matched")]
        {
            if let Some(organization) = organization {
                let detail = json!({"other_org": organization.id.as_str()});
                let own = self.organization.id.clone();
                self.cause.tell(self.tx, &own, event, group, detail)?;
            }
        }
        Ok(())
    }

    /// A new group becomes a team, or takes over the one of its name.
    fn team_for(&mut self, group: &Id, name: &str, key: &str) -> Result<()> {
        let org = self.organization.id.clone();
        let (team, event) = match self.tx.team_named(&org, key)? {
            Some(team) if team.group.is_some() => return Err(taken(name)),
            Some(team) => {
                (Team { group: Some(group.clone()), adopted: true, ..team }, "team.adopted")
            }
            None => {
                let team = Team {
                    org,
                    id: new_id("team", self.cause)?,
                    name: plain_team_name(name),
                    key: key.to_owned(),
                    group: Some(group.clone()),
                    adopted: false,
                    created: self.cause.now,
                };
                (team, "team.created")
            }
        };
        self.tx.put_team(&team)?;
        teams::tell(self.tx, &team, event, self.cause)
    }

    fn team_renamed(&mut self, group: &Id, name: &str, key: &str) -> Result<()> {
        let org = self.organization.id.clone();
        let Some(team) = self.tx.team_of(&org, group)? else {
            return self.team_for(group, name, key);
        };
        if team.key != key && self.tx.team_named(&org, key)?.is_some() {
            return Err(Error::new(
                Kind::Uniqueness,
                format!("displayName \"{name}\" is taken by a team; choose another name"),
            ));
        }
        let team = Team { name: plain_team_name(name), key: key.to_owned(), ..team };
        self.tx.put_team(&team)?;
        teams::tell(self.tx, &team, "team.renamed", self.cause)
    }

    /// A deleted group takes its team along, unless the team was there before.
    fn team_left(&mut self, group: &Id) -> Result<()> {
        let org = self.organization.id.clone();
        let Some(team) = self.tx.team_of(&org, group)? else { return Ok(()) };
        if team.adopted {
            let team = Team { group: None, adopted: false, ..team };
            self.tx.put_team(&team)?;
            return teams::tell(self.tx, &team, "team.detached", self.cause);
        }
        self.tx.remove_team(&org, &team.id)?;
        teams::tell(self.tx, &team, "team.deleted", self.cause)
    }
}

/// A group's name as a team has it. Identity providers send longer ones than people may type.
fn plain_team_name(name: &str) -> String {
    plain_name("a team", name).unwrap_or_else(|_| name.trim().to_owned())
}
