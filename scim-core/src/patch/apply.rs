//! Makes the edits on a document.

use serde_json::{Map, Value};

use super::{Edit, Patch, Selection, Verb};
use crate::dialect::{Dialect, Normalizer};
use crate::error::{Error, Kind, Result};
use crate::schema::{Attribute, Returned, Type};
use crate::text;

impl Patch {
    /// Makes all edits, or fails having made some: the caller throws both maps away then. The result is
    /// to be checked with [`crate::schema::ResourceType::check`].
    ///
    /// `document` and `secrets` are as [`crate::resource::Resource`] keeps them.
    ///
    /// # Errors
    /// [`Kind::NoTarget`] where a value path selects nothing.
    pub fn apply(
        &self,
        document: &mut Map<String, Value>,
        secrets: &mut Map<String, Value>,
        dialect: &mut Dialect,
    ) -> Result<()> {
        for edit in &self.edits {
            edit.apply(document, secrets, dialect).map_err(|error| {
                let detail = format!("Operations[{}]: {}", edit.number, error.detail());
                Error::new(error.kind(), detail)
            })?;
        }
        Ok(())
    }
}

impl Edit {
    fn apply(
        &self,
        document: &mut Map<String, Value>,
        secrets: &mut Map<String, Value>,
        dialect: &mut Dialect,
    ) -> Result<()> {
        let attribute = &self.attr.attribute;
        if attribute.returned == Returned::Never {
            match &self.value {
                Some(value) if self.verb != Verb::Remove => {
                    secrets.insert(self.attr.to_string(), value.clone())
                }
                _ => secrets.remove(&self.attr.to_string()),
            };
            return Ok(());
        }
        let Some(urn) = self.attr.extension.as_deref() else {
            return self.edit_holder(document, dialect);
        };
        let mut holder = match document.remove(urn) {
            Some(Value::Object(object)) => object,
            _ => Map::new(),
        };
        let done = self.edit_holder(&mut holder, dialect);
        if !holder.is_empty() {
            document.insert(urn.to_owned(), Value::Object(holder));
        }
        done
    }

    /// `holder` is the object that has the attribute: the document, or an extension's.
    fn edit_holder(&self, holder: &mut Map<String, Value>, dialect: &mut Dialect) -> Result<()> {
        let name = &self.attr.attribute.name;
        let before = holder.get(name).cloned();
        let after = match (&self.within, &self.attr.sub) {
            (None, None) => self.edit_attribute(before),
            (None, Some(sub)) => self.edit_sub(before, sub),
            (Some(selection), _) => self.edit_selected(before, selection, dialect)?,
        };
        match after.filter(|value| !is_empty(value)) {
            Some(value) => {
                holder.insert(name.clone(), value);
            }
            None => {
                holder.shift_remove(name);
            }
        }
        Ok(())
    }

    /// The path names the attribute as a whole.
    fn edit_attribute(&self, before: Option<Value>) -> Option<Value> {
        let attribute = &self.attr.attribute;
        let value = match (self.verb, &self.value) {
            (Verb::Remove, Some(Value::Array(listed))) => {
                return without(before, listed, attribute);
            }
            (Verb::Remove, _) | (_, None) => return None,
            (_, Some(value)) => value.clone(),
        };
        match (self.verb, before, value) {
            (Verb::Add, before, Value::Array(new)) => {
                let list = match before {
                    Some(Value::Array(list)) => list,
                    _ => Vec::new(),
                };
                Some(Value::Array(union(list, new, attribute)))
            }
            // RFC 7644 §3.5.2.1, §3.5.2.3: of a complex attribute the given sub-attributes change.
            (_, Some(Value::Object(mut object)), Value::Object(new)) => {
                merge(&mut object, new);
                Some(Value::Object(object))
            }
            (_, _, value) => Some(value),
        }
    }

    /// The path names a sub-attribute: of the one value, or of every element.
    fn edit_sub(&self, before: Option<Value>, sub: &Attribute) -> Option<Value> {
        if !self.attr.attribute.multi_valued {
            let mut object = match before {
                Some(Value::Object(object)) => object,
                _ => Map::new(),
            };
            self.set(&mut object, sub);
            return Some(Value::Object(object));
        }
        let mut list = match before {
            Some(Value::Array(list)) => list,
            _ => Vec::new(),
        };
        // RFC 7644 §3.5.2.3: what isn't there is added.
        if list.is_empty() && self.sets() {
            list.push(Value::Object(Map::new()));
        }
        for element in list.iter_mut().filter_map(Value::as_object_mut) {
            self.set(element, sub);
        }
        list.retain(|element| !is_empty(element));
        Some(Value::Array(list))
    }

    /// The path has brackets.
    fn edit_selected(
        &self,
        before: Option<Value>,
        selection: &Selection,
        dialect: &mut Dialect,
    ) -> Result<Option<Value>> {
        let multi_valued = self.attr.attribute.multi_valued;
        let mut list = match before {
            Some(Value::Array(list)) => list,
            Some(one) => vec![one],
            None => Vec::new(),
        };
        let selected: Vec<bool> =
            list.iter().map(|element| selection.predicate.matches_element(element)).collect();
        if !selected.contains(&true) {
            self.missing(&mut list, selection, dialect)?;
        } else {
            for (element, _) in list.iter_mut().zip(&selected).filter(|(_, selected)| **selected) {
                self.edit_element(element, dialect);
            }
            if self.makes_primary() {
                let others = list.iter_mut().zip(&selected).filter(|(_, selected)| !**selected);
                others.for_each(|(element, _)| demote(element));
            }
        }
        list.retain(|element| !is_empty(element));
        Ok(if multi_valued { Some(Value::Array(list)) } else { list.pop() })
    }

    fn edit_element(&self, element: &mut Value, dialect: &mut Dialect) {
        match (&self.attr.sub, self.sets(), element, &self.value) {
            (Some(sub), _, Value::Object(object), _) => self.set(object, sub),
            (None, true, Value::Object(object), Some(Value::Object(new))) => {
                // RFC 7644 §3.5.2.3: "all matching record values SHALL be replaced"
                let loses = object.keys().any(|name| !new.contains_key(name));
                if self.verb == Verb::Replace && loses && !dialect.allows(Normalizer::MergeSelected)
                {
                    object.clone_from(new);
                } else {
                    merge(object, new.clone());
                }
            }
            (None, true, element, Some(new)) => *element = new.clone(),
            (_, _, element, _) => *element = Value::Null,
        }
    }

    /// Nothing is selected.
    fn missing(
        &self,
        list: &mut Vec<Value>,
        selection: &Selection,
        dialect: &mut Dialect,
    ) -> Result<()> {
        if !self.sets() {
            if dialect.preset().insists_on_targets() {
                return Err(self.no_target());
            }
            return Ok(());
        }
        let Some(template) = &selection.template else { return Err(self.no_target()) };
        if !dialect.allows(Normalizer::CreateMissingElement) {
            return Err(self.no_target());
        }
        let mut element = template.clone();
        match (&self.attr.sub, &self.value) {
            (Some(sub), _) => self.set(&mut element, sub),
            (None, Some(Value::Object(new))) => element.extend(new.clone()),
            (None, _) => {}
        }
        if element.get("primary") == Some(&Value::Bool(true)) {
            list.iter_mut().for_each(demote);
        }
        list.push(Value::Object(element));
        Ok(())
    }

    /// Whether there is a value to be set, rather than one to go.
    fn sets(&self) -> bool {
        self.verb != Verb::Remove && self.value.is_some()
    }

    fn set(&self, object: &mut Map<String, Value>, sub: &Attribute) {
        match &self.value {
            Some(value) if self.verb != Verb::Remove => {
                merge(object, Map::from_iter([(sub.name.clone(), value.clone())]));
            }
            _ => {
                object.shift_remove(&sub.name);
            }
        }
    }

    fn makes_primary(&self) -> bool {
        match (&self.attr.sub, &self.value) {
            (Some(sub), Some(Value::Bool(true))) => sub.name == "primary" && self.sets(),
            (None, Some(value)) => is_primary(value) && self.sets(),
            _ => false,
        }
    }

    fn no_target(&self) -> Error {
        let detail =
            format!("no value of \"{}\" is selected by the path", self.attr.attribute.name);
        Error::new(Kind::NoTarget, detail)
    }
}

/// Sets what is new. A location that came with another value goes with it.
fn merge(object: &mut Map<String, Value>, new: Map<String, Value>) {
    let moves = new.get("value").is_some_and(|value| object.get("value") != Some(value));
    if moves && !new.contains_key("$ref") {
        object.shift_remove("$ref");
    }
    object.extend(new);
}

/// The elements that are listed go.
fn without(before: Option<Value>, listed: &[Value], attribute: &Attribute) -> Option<Value> {
    let Some(Value::Array(mut list)) = before else { return before };
    list.retain(|element| !listed.iter().any(|goes| means(goes, element, attribute)));
    Some(Value::Array(list))
}

/// Whether what a client lists means this element: the same `value` (and `type`, if it gives one).
fn means(listed: &Value, element: &Value, attribute: &Attribute) -> bool {
    if attribute.kind != Type::Complex {
        return listed == element;
    }
    let Some(sub) = attribute.sub("value") else { return listed == element };
    let wanted = match listed {
        Value::Object(object) => object.get("value"),
        scalar => Some(scalar),
    };
    let same = |a: &Value, b: &Value| match (a.as_str(), b.as_str()) {
        (Some(a), Some(b)) => {
            text::key(a, sub.is_case_exact()) == text::key(b, sub.is_case_exact())
        }
        _ => a == b,
    };
    let values = match (wanted, element.get("value")) {
        (Some(wanted), Some(there)) => same(wanted, there),
        _ => return listed == element,
    };
    values
        && listed.get("type").is_none_or(|kind| element.get("type").is_some_and(|t| same(kind, t)))
}

/// RFC 7644 §3.5.2.1: values are added to a list; one that is there already changes nothing.
fn union(mut list: Vec<Value>, new: Vec<Value>, attribute: &Attribute) -> Vec<Value> {
    for element in new {
        if is_primary(&element) {
            list.iter_mut().filter(|e| !means(&element, e, attribute)).for_each(demote);
        }
        let place = list.iter_mut().find(|there| means(&element, there, attribute));
        match (place, element) {
            (Some(Value::Object(there)), Value::Object(element)) => merge(there, element),
            (Some(_), _) => {}
            (None, element) => list.push(element),
        }
    }
    list
}

fn is_primary(value: &Value) -> bool {
    value.get("primary") == Some(&Value::Bool(true))
}

/// RFC 7644 §3.5.2: setting `primary` on one value "SHALL cause the server to automatically set
/// 'primary' to 'false' for any other values".
fn demote(element: &mut Value) {
    if let Some(primary) = element.get_mut("primary") {
        *primary = Value::Bool(false);
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
