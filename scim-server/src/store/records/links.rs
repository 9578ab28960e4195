//! Linking codes, and requests to be linked.

use diesel::prelude::*;
use scim_core::org::{CodeState, LinkRecords, LinkRequest, LinkingCode, ScimName};
use scim_core::store::Tenant;
use scim_core::{Error, Result};

use super::{all, millisecond, one, time};
use crate::store::error::of;
use crate::store::tables::{link_codes, link_requests};
use crate::store::transaction::{DieselTransaction, id_of};

impl LinkRecords for DieselTransaction<'_> {
    fn code_by_digest(&mut self, digest: &str) -> Result<Option<LinkingCode>> {
        self.entered(
            |tx| {
                one(link_codes::table
                    .filter(link_codes::digest.eq(digest))
                    .load::<CodeRow>(tx.conn_to_read(&[])?))
            },
            |code: &Option<LinkingCode>| code.iter().map(|code| code.org.clone()).collect(),
        )
    }

    fn codes(&mut self, org: &Tenant) -> Result<Vec<LinkingCode>> {
        self.enter(org)?;
        all(link_codes::table
            .filter(link_codes::org.eq(org.as_str()))
            .order(link_codes::id)
            .load::<CodeRow>(self.conn_to_read(&[])?))
    }

    fn put_code(&mut self, code: &LinkingCode) -> Result<()> {
        self.enter_alone(&code.org)?;
        let key = (code.org.as_str(), code.id.as_str());
        put!(self, link_codes::table, key, CodeRow::from(code))
    }

    fn link_request(&mut self, org: &Tenant) -> Result<Option<LinkRequest>> {
        self.enter(org)?;
        one(link_requests::table
            .filter(link_requests::org.eq(org.as_str()))
            .load::<LinkRequestRow>(self.conn()?))
    }

    fn link_requests(&mut self, admin: &Tenant) -> Result<Vec<LinkRequest>> {
        self.entered(
            |tx| {
                all(link_requests::table
                    .filter(link_requests::admin.eq(admin.as_str()))
                    .order(link_requests::id)
                    .load::<LinkRequestRow>(tx.conn()?))
            },
            // Each is its organization's, who may take it back.
            |requests: &Vec<LinkRequest>| {
                let asking = requests.iter().map(|request| request.org.clone());
                asking.chain([admin.clone()]).collect()
            },
        )
    }

    fn put_link_request(&mut self, request: &LinkRequest) -> Result<()> {
        self.enter_alone(&request.org)?;
        self.enter(&request.admin)?;
        put!(self, link_requests::table, request.org.as_str(), LinkRequestRow::from(request))
    }

    fn remove_link_request(&mut self, org: &Tenant) -> Result<()> {
        self.enter_alone(org)?;
        diesel::delete(link_requests::table.find(org.as_str()))
            .execute(self.conn()?)
            .map_err(of)
            .map(drop)
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = link_codes, primary_key(org, id), treat_none_as_null = true)]
pub(in crate::store) struct CodeRow {
    org: String,
    id: String,
    digest: String,
    hint: String,
    note: Option<String>,
    intended: Option<String>,
    created: i64,
    created_by: String,
    expires: i64,
    state: String,
    redeemed_by: Option<String>,
    ended: Option<i64>,
}

impl From<&LinkingCode> for CodeRow {
    fn from(c: &LinkingCode) -> Self {
        let (state, redeemed_by, ended) = match &c.state {
            CodeState::Issued => ("issued", None, None),
            CodeState::Redeemed { by, at } => ("redeemed", Some(by.as_str().to_owned()), Some(*at)),
            CodeState::Revoked { at } => ("revoked", None, Some(*at)),
        };
        Self {
            org: c.org.as_str().to_owned(),
            id: c.id.as_str().to_owned(),
            digest: c.digest.clone(),
            hint: c.hint.clone(),
            note: c.note.clone(),
            intended: c.intended.as_ref().map(|org| org.as_str().to_owned()),
            created: c.created.as_millisecond(),
            created_by: c.created_by.clone(),
            expires: c.expires.as_millisecond(),
            state: state.to_owned(),
            redeemed_by,
            ended: millisecond(ended),
        }
    }
}

impl TryFrom<CodeRow> for LinkingCode {
    type Error = Error;

    fn try_from(row: CodeRow) -> Result<Self> {
        let at = time(row.ended.unwrap_or_default())?;
        let state = match (row.state.as_str(), row.redeemed_by) {
            ("issued", _) => CodeState::Issued,
            ("redeemed", Some(by)) => CodeState::Redeemed { by: Tenant::new(&by), at },
            ("revoked", _) => CodeState::Revoked { at },
            _ => return Err(Error::internal("a stored linking code in no known state")),
        };
        Ok(Self {
            org: Tenant::new(&row.org),
            id: id_of(&row.id)?,
            digest: row.digest,
            hint: row.hint,
            note: row.note,
            intended: row.intended.as_deref().map(Tenant::new),
            created: time(row.created)?,
            created_by: row.created_by,
            expires: time(row.expires)?,
            state,
        })
    }
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = link_requests, primary_key(org), treat_none_as_null = true)]
pub(in crate::store) struct LinkRequestRow {
    org: String,
    id: String,
    admin: String,
    code_id: String,
    scim_name: Option<String>,
    created: i64,
    created_by: String,
    expires: i64,
}

impl From<&LinkRequest> for LinkRequestRow {
    fn from(r: &LinkRequest) -> Self {
        Self {
            org: r.org.as_str().to_owned(),
            id: r.id.as_str().to_owned(),
            admin: r.admin.as_str().to_owned(),
            code_id: r.code.as_str().to_owned(),
            scim_name: r.scim_name.as_ref().map(|name| name.as_str().to_owned()),
            created: r.created.as_millisecond(),
            created_by: r.created_by.clone(),
            expires: r.expires.as_millisecond(),
        }
    }
}

impl TryFrom<LinkRequestRow> for LinkRequest {
    type Error = Error;

    fn try_from(row: LinkRequestRow) -> Result<Self> {
        Ok(Self {
            org: Tenant::new(&row.org),
            id: id_of(&row.id)?,
            admin: Tenant::new(&row.admin),
            code: id_of(&row.code_id)?,
            scim_name: row.scim_name.as_deref().map(ScimName::parse).transpose()?,
            created: time(row.created)?,
            created_by: row.created_by,
            expires: time(row.expires)?,
        })
    }
}
