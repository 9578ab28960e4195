//! One connection that changes groups. One group grows: at each size, what one change and one read cost.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::closed_loop::exchange;
use super::{Phase, Settings, Subject};
use crate::connection::{Connection, Token};
use crate::figures::{Figures, Tally, Watch};
use crate::messages::{group, id_of, patch_add, patch_remove};

/// Members in a PATCH that fills the group.
const BATCH: usize = 1000;
/// Reads at each size.
const READS: usize = 50;

/// A member who is added to a group and removed again.
pub(super) struct Change<'a> {
    pub(super) token: Token,
    /// Where the group is.
    pub(super) path: String,
    /// The user's id.
    pub(super) user: &'a str,
}

impl Subject {
    pub(super) async fn group(&self, settings: &Settings) -> Result<Vec<Figures>> {
        ensure!(self.tokens.len() == 1, "the group of one organization is measured");
        let (mut connection, token) = (Connection::new(&self.endpoint), self.tokens.of(0));
        let name = format!("load-{}", self.next.get());
        let body = group(&name).to_string().into_bytes();
        let made = connection.send(&token.request("POST", "/Groups".into(), body)).await?;
        ensure!(made.status == 201, "POST /Groups: {}", String::from_utf8_lossy(&made.body));
        let path = format!("/Groups/{}", id_of(&made.body)?);
        let (mut all, mut size) = (Vec::new(), 0);
        for &wanted in &settings.members {
            if wanted + settings.samples > self.users.len() {
                continue;
            }
            let new = self.users.get(size..wanted).unwrap_or_default();
            all.push(self.fill(&mut connection, (&token, &path), new, wanted).await);
            size = wanted;
            let others = self.users.get(size..size + settings.samples).unwrap_or_default();
            let changes = others.iter().map(|(_, user)| Change {
                token: token.clone(),
                path: path.clone(),
                user,
            });
            all.extend(self.change(&mut connection, changes, size).await);
            for (what, query, shown) in
                [("get", "", size), ("get-without-members", "?excludedAttributes=members", 0)]
            {
                let request = token.get(format!("{path}{query}"));
                let (watch, mut tally) = (Watch::begin(self.pid), Tally::default());
                for i in 0..READS {
                    let body = exchange(&mut connection, &request, &mut tally).await;
                    if let Some(body) = body.filter(|_| i == 0) {
                        tally.checked(has_members(&body, shown));
                    }
                }
                all.push(watch.end(&at(what, size), tally, 1.0));
            }
        }
        let gone = token.request("DELETE", path, Vec::new());
        ensure!(connection.send(&gone).await?.status == 204, "the group can't be deleted");
        Ok(all)
    }

    async fn fill(
        &self,
        connection: &mut Connection,
        (token, path): (&Token, &str),
        new: &[(usize, String)],
        size: usize,
    ) -> Figures {
        let (watch, mut tally) = (Watch::begin(self.pid), Tally::default());
        for batch in new.chunks(BATCH) {
            let body = patch_add(batch.iter().map(|(_, id)| id.as_str()));
            let request = token.request("PATCH", path.to_owned(), body);
            exchange(connection, &request, &mut tally).await;
        }
        let each = new.len() as f64 / tally.done().max(1) as f64;
        watch.end(&at("fill", size), tally, each)
    }

    /// Adds and removes in turns, so that the size stays.
    pub(super) async fn change(
        &self,
        connection: &mut Connection,
        changes: impl IntoIterator<Item = Change<'_>>,
        size: usize,
    ) -> [Figures; 2] {
        let (watch, mut added, mut removed) =
            (Watch::begin(self.pid), Tally::default(), Tally::default());
        let began = Instant::now();
        for Change { token, path, user } in changes {
            for (tally, body) in
                [(&mut added, patch_add([user])), (&mut removed, patch_remove(user))]
            {
                let request = token.request("PATCH", path.clone(), body);
                exchange(connection, &request, tally).await;
            }
            // A server that takes a second for each is known by now.
            if began.elapsed().as_secs() > 30 {
                break;
            }
        }
        let mut figures = [
            watch.end_of_part(&at("add-member", size), added),
            watch.end_of_part(&at("remove-member", size), removed),
        ];
        for half in &mut figures {
            half.cpu_us = half.cpu_us.map(|us| us / 2.0);
        }
        figures
    }
}

/// `group.WHAT@SIZE`
fn at(what: &str, size: usize) -> String {
    format!("{}.{what}@{size}", Phase::Group.name())
}

pub(super) fn has_members(body: &[u8], members: usize) -> Result<()> {
    let group: Value = serde_json::from_slice(body)?;
    group.get("displayName").context("a group without a name")?;
    let found = group.get("members").and_then(Value::as_array).map_or(0, Vec::len);
    ensure!(found == members, "{found} members instead of {members}");
    Ok(())
}
