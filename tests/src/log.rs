//! [`Log`]: what an audit log tells of what happens meanwhile.

use serde_json::Value;

use crate::Person;

/// What an organization's audit log tells from some moment on.
pub struct Log<'p> {
    person: &'p Person,
    organization: String,
    seen: usize,
}

impl<'p> Log<'p> {
    /// From now on.
    pub fn of(person: &'p Person, organization: &str) -> Self {
        let seen = person.events(organization).len();
        Self { person, organization: organization.to_owned(), seen }
    }

    /// The events since it was asked last.
    pub fn news(&mut self) -> Vec<Value> {
        let news = self.person.events(&self.organization).split_off(self.seen);
        self.seen += news.len();
        news
    }

    /// Their names.
    pub fn names(&mut self) -> Vec<String> {
        self.news().iter().map(|event| event["name"].as_str().unwrap().to_owned()).collect()
    }
}
