//! One connection, one group that grows: at each size, what one change and one read cost.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{Phase, Settings, Subject, exchange};
use crate::connection::{Connection, Request};
use crate::figures::{Figures, Tally, Watch};
use crate::messages::{group, id_of, patch_add, patch_remove};

/// Members in a PATCH that fills the group.
const BATCH: usize = 1000;
/// Reads at each size.
const READS: usize = 50;

impl Subject {
    pub(super) async fn group(&self, settings: &Settings) -> Result<Vec<Figures>> {
        let mut connection = Connection::new(&self.endpoint);
        let name = format!("load-{}", self.next.get());
        let body = group(&name).to_string().into_bytes();
        let made = Request { method: "POST", path: "/Groups".into(), body };
        let made = connection.send(&made).await?;
        ensure!(made.status == 201, "POST /Groups: {}", String::from_utf8_lossy(&made.body));
        let path = format!("/Groups/{}", id_of(&made.body)?);
        let (mut all, mut size) = (Vec::new(), 0);
        for &wanted in &settings.members {
            if wanted + settings.samples > self.users.len() {
                continue;
            }
            let new = self.users.get(size..wanted).unwrap_or_default();
            all.push(self.fill(&mut connection, &path, new, wanted).await);
            size = wanted;
            let others = self.users.get(size..size + settings.samples).unwrap_or_default();
            all.extend(self.change(&mut connection, &path, others, size).await);
            for (what, query, shown) in
                [("get", "", size), ("get-without-members", "?excludedAttributes=members", 0)]
            {
                let request = Request::get(format!("{path}{query}"));
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
        let gone = Request { method: "DELETE", path, body: Vec::new() };
        ensure!(connection.send(&gone).await?.status == 204, "the group can't be deleted");
        Ok(all)
    }

    async fn fill(
        &self,
        connection: &mut Connection,
        path: &str,
        new: &[(usize, String)],
        size: usize,
    ) -> Figures {
        let (watch, mut tally) = (Watch::begin(self.pid), Tally::default());
        for batch in new.chunks(BATCH) {
            let body = patch_add(batch.iter().map(|(_, id)| id.as_str()));
            let request = Request { method: "PATCH", path: path.to_owned(), body };
            exchange(connection, &request, &mut tally).await;
        }
        let each = new.len() as f64 / tally.done().max(1) as f64;
        watch.end(&at("fill", size), tally, each)
    }

    /// Adds and removes in turns, so that the size stays.
    async fn change(
        &self,
        connection: &mut Connection,
        path: &str,
        others: &[(usize, String)],
        size: usize,
    ) -> [Figures; 2] {
        let (watch, mut added, mut removed) =
            (Watch::begin(self.pid), Tally::default(), Tally::default());
        let began = Instant::now();
        for (_, id) in others {
            for (tally, body) in
                [(&mut added, patch_add([id.as_str()])), (&mut removed, patch_remove(id))]
            {
                let request = Request { method: "PATCH", path: path.to_owned(), body };
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

fn has_members(body: &[u8], members: usize) -> Result<()> {
    let group: Value = serde_json::from_slice(body)?;
    group.get("displayName").context("a group without a name")?;
    let found = group.get("members").and_then(Value::as_array).map_or(0, Vec::len);
    ensure!(found == members, "{found} members instead of {members}");
    Ok(())
}
