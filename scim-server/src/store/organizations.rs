//! Organizations: the tenants.

use std::fmt;
use std::str::FromStr;

use diesel::sql_types::{BigInt, Text};
use jiff::Timestamp;
use scim_core::{Error, Result};

use super::DieselStore;
use super::statement::{Statement, statement};
use crate::secrets::random_id;

/// An organization: what a token belongs to, and what its resources belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// The id, `org_…`.
    pub id: String,
    /// The name, for people.
    pub name: String,
    /// Whose users it takes.
    pub domains: Domains,
    /// When it was made.
    pub created: Timestamp,
}

/// Whose users an organization takes over SCIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domains {
    /// Those of every e-mail domain.
    Any,
    /// Those of domains that the organization has claimed and verified.
    Claimed,
}

impl fmt::Display for Domains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any",
            Self::Claimed => "claimed",
        })
    }
}

impl FromStr for Domains {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "any" => Ok(Self::Any),
            "claimed" => Ok(Self::Claimed),
            _ => Err(format!("\"{text}\" is neither any nor claimed")),
        }
    }
}

type Row = (String, String, String, i64);

fn select() -> Statement {
    statement("SELECT id, name, domains, created FROM organizations")
}

fn organization((id, name, domains, created): Row) -> Result<Organization> {
    Ok(Organization {
        id,
        name,
        domains: domains.parse().map_err(|e: String| Error::internal(e))?,
        created: Timestamp::from_millisecond(created).map_err(Error::internal)?,
    })
}

impl DieselStore {
    /// Makes an organization.
    ///
    /// # Errors
    /// [`scim_core::Kind::InvalidValue`] for a name that is blank or longer than 256 characters.
    pub fn create_organization(
        &self,
        name: &str,
        domains: Domains,
        now: Timestamp,
    ) -> Result<Organization> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 256 || name.chars().any(char::is_control) {
            let detail =
                "An organization's name has 1 to 256 characters, none of them a control character";
            return Err(Error::invalid_value(detail));
        }
        let id = format!("org_{}", random_id()?);
        self.0.writer.write(|conn| {
            statement("INSERT INTO organizations (id, name, domains, created) VALUES (")
                .text(&id)
                .sql(", ")
                .text(name)
                .sql(", ")
                .text(&domains.to_string())
                .sql(", ")
                .integer(now.as_millisecond())
                .sql(")")
                .execute(conn)
        })?;
        let created = Timestamp::from_millisecond(now.as_millisecond()).map_err(Error::internal)?;
        Ok(Organization { id, name: name.to_owned(), domains, created })
    }

    /// All organizations, the oldest first.
    ///
    /// # Errors
    /// From the database.
    pub fn organizations(&self) -> Result<Vec<Organization>> {
        self.0.read(|conn| {
            let rows: Vec<Row> = select()
                .sql(" ORDER BY created, id")
                .rows::<(Text, Text, Text, BigInt), _>(conn)?;
            rows.into_iter().map(organization).collect()
        })
    }

    /// The organization of that id.
    ///
    /// # Errors
    /// From the database.
    pub fn organization(&self, id: &str) -> Result<Option<Organization>> {
        self.0.read(|conn| {
            let rows: Vec<Row> = select()
                .sql(" WHERE id = ")
                .text(id)
                .rows::<(Text, Text, Text, BigInt), _>(conn)?;
            rows.into_iter().next().map(organization).transpose()
        })
    }
}
