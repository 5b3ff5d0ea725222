//! The schemas of all payloads of a document: each type is defined once.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;
use schemars::generate::{Contract, SchemaSettings};
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use super::names::Names;
use crate::schema::{Schemas, Shape};

/// Where definitions stand in a document.
const PATH: &str = "/components/schemas";
const PREFIX: &str = "#/components/schemas/";

/// The definitions of a document.
#[derive(Debug)]
pub(super) struct Definitions {
    requests: Side,
    replies: Side,
    /// By their names in the document.
    pub(super) schemas: BTreeMap<String, Value>,
}

impl Definitions {
    pub(super) fn of<'s>(all: impl IntoIterator<Item = &'s Schemas>) -> Self {
        let mut requests = Side::new(Contract::Deserialize);
        let mut replies = Side::new(Contract::Serialize);
        for Schemas { request, reply, error, .. } in all {
            if let Some(shape) = request {
                requests.payload(shape);
            }
            for shape in reply.iter().chain(error) {
                replies.payload(shape);
            }
        }
        let (read, written) = (requests.definitions(), replies.definitions());
        let different = different(&read, &written);
        let mut names = Names::default();
        for name in read.keys() {
            requests.names.insert(name.clone(), names.take(name));
        }
        for name in written.keys() {
            let new = match requests.names.get(name) {
                Some(same) if !different.contains(name) => same.clone(),
                Some(_) => names.take(&format!("{name}Reply")),
                None => names.take(name),
            };
            replies.names.insert(name.clone(), new);
        }
        let mut schemas = BTreeMap::new();
        for (side, definitions) in [(&requests, read), (&replies, written)] {
            for (name, mut schema) in definitions {
                side.rename(&mut schema);
                if let Some(name) = side.names.get(&name) {
                    schemas.insert(name.clone(), schema.to_value());
                }
            }
        }
        Self { requests, replies, schemas }
    }

    /// The payload of a request, as it is read.
    pub(super) fn request(&mut self, shape: &Shape) -> Value {
        self.requests.payload(shape)
    }

    /// The payload of a reply, as it is written.
    pub(super) fn reply(&mut self, shape: &Shape) -> Value {
        self.replies.payload(shape)
    }
}

/// The schemas of one direction: how types are read, or how they are written.
#[derive(Debug)]
struct Side {
    generator: SchemaGenerator,
    /// What definitions are called in the document, as far as that is known.
    names: BTreeMap<String, String>,
}

impl Side {
    fn new(contract: Contract) -> Self {
        let settings = SchemaSettings::draft07().with(|settings| {
            settings.definitions_path = PATH.into();
            settings.contract = contract;
        });
        Self { generator: settings.into_generator(), names: BTreeMap::new() }
    }

    fn payload(&mut self, shape: &Shape) -> Value {
        let mut schema = (shape.part)(&mut self.generator);
        self.transform(&mut schema);
        self.rename(&mut schema);
        schema.to_value()
    }

    /// All definitions, by the names that they have from the generator.
    fn definitions(&mut self) -> BTreeMap<String, Schema> {
        let definitions = self.generator.definitions().clone().into_iter();
        // Whatever is no schema would describe nothing.
        let schemas =
            definitions.map(|(name, schema)| (name, schema.try_into().unwrap_or_default()));
        let mut schemas: BTreeMap<String, Schema> = schemas.collect();
        for schema in schemas.values_mut() {
            self.transform(schema);
        }
        schemas
    }

    fn transform(&mut self, schema: &mut Schema) {
        self.generator.transforms_mut().for_each(|transform| transform.transform(schema));
    }

    fn rename(&self, schema: &mut Schema) {
        each_reference(schema, |name| self.names.get(&name).map(|new| format!("{PREFIX}{new}")));
    }
}

/// The names that both directions have for something else, or that lead to such: a type that is
/// read and written in different ways, or two types of one name.
fn different(
    read: &BTreeMap<String, Schema>,
    written: &BTreeMap<String, Schema>,
) -> BTreeSet<String> {
    let both = || written.iter().filter(|(name, _)| read.contains_key(*name));
    let is_other = |(name, schema): &(&String, &Schema)| read.get(*name) != Some(*schema);
    let mut different: BTreeSet<String> =
        both().filter(is_other).map(|(name, _)| name.clone()).collect();
    loop {
        let before = different.len();
        for (name, schema) in both() {
            let mut leads_to_other = false;
            each_reference(&mut schema.clone(), |name| {
                leads_to_other |= different.contains(&name);
                None
            });
            if leads_to_other {
                different.insert(name.clone());
            }
        }
        if different.len() == before {
            return different;
        }
    }
}

/// Puts something else in the place of references, by the names of what they refer to.
fn each_reference(schema: &mut Schema, mut other: impl FnMut(String) -> Option<String>) {
    let visit = |schema: &mut Schema| {
        let reference = schema.get("$ref").and_then(Value::as_str);
        let Some(name) = reference.and_then(|reference| reference.strip_prefix(PREFIX)) else {
            return;
        };
        let name =
            percent_decode_str(name).decode_utf8_lossy().replace("~1", "/").replace("~0", "~");
        if let Some(other) = other(name) {
            schema.insert("$ref".to_owned(), other.into());
        }
    };
    RecursiveTransform(visit).transform(schema);
}
