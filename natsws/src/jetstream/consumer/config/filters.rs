//! The subjects of a consumer, which are one field or another in the API.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::jetstream::wire;

#[derive(Serialize, Deserialize)]
struct Wire {
    // Servers before 2.10 know one only.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    filter_subject: Option<String>,
    #[serde(default, deserialize_with = "wire::or_default", skip_serializing_if = "Vec::is_empty")]
    filter_subjects: Vec<String>,
}

pub(super) fn serialize<S: Serializer>(
    filters: &[String],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let wire = match filters {
        [one] => Wire { filter_subject: Some(one.clone()), filter_subjects: Vec::new() },
        several => Wire { filter_subject: None, filter_subjects: several.to_vec() },
    };
    wire.serialize(serializer)
}

pub(super) fn deserialize<'de, D>(deserializer: D) -> Result<Vec<String>, D::Error>
where
    D: Deserializer<'de>,
{
    let Wire { filter_subject, filter_subjects } = Wire::deserialize(deserializer)?;
    Ok(filter_subject.into_iter().chain(filter_subjects).collect())
}
