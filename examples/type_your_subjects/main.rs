//! Subjects as types: what a template can say, what a filter leaves, and what never gets through.
//!
//! `cargo run --example type_your_subjects`

#![expect(clippy::print_stdout, reason = "an example tells what happens")]

use std::error::Error;

use natsws::embedded::Broker;
use natsws::{Filter, PublishError, Subject, SubjectError, Token, TokenFault};
use serde::{Deserialize, Serialize};

/// A field that a placeholder names is one token of the subject. `v{version}` has text around it,
/// and `{path..}` takes all tokens that follow.
#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("store.{region}.v{version}.{path..}")]
struct FileStored {
    region: Region,
    version: u32,
    /// It stands in the subject, so it need not travel in the payload too.
    #[serde(skip)]
    path: Vec<String>,
    size: u64,
}

/// A token that is one of a few words: `eu_west`, and `us`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Token)]
enum Region {
    EuWest,
    #[token("us")]
    UnitedStates,
}

fn stored(region: Region, path: &[&str]) -> FileStored {
    let path = path.iter().map(|part| (*part).to_owned()).collect();
    FileStored { region, version: 2, path, size: 512 }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    println!("template  {}", FileStored::TEMPLATE);
    println!("filter    {}", FileStored::FILTER);

    let file = stored(Region::EuWest, &["etc", "hosts"]);
    println!("subject   {}", file.subject()?);
    let (region, version, path) = FileStored::capture("store.us.v3.home.ann")?;
    println!("captured  {region:?}, version {version}, {}", path.join("/"));

    let filter = FileStored::filter().region(Region::EuWest).version(2);
    let subjects = Filter::from(filter).subjects()?;
    println!("only      {}", subjects.join(", "));

    // Over the wire: the subscription gets what the filter leaves.
    let broker = Broker::start().await?;
    let client = broker.connect().await?;
    let filter = FileStored::filter().region(Region::EuWest);
    let mut in_europe = client.subscribe::<FileStored>().only(filter).await?;
    client.publish(&stored(Region::UnitedStates, &["tmp"])).await?;
    client.publish(&file).await?;
    if let Some(received) = in_europe.next().await {
        let file = received?;
        println!("received  {} of {} bytes on {}", file.path.join("/"), file.size, file.subject());
    }

    // A value that would make another subject is refused, and the error says which and why.
    let forged = stored(Region::EuWest, &["etc", "hosts.>"]);
    match client.publish(&forged).await {
        Err(PublishError::Subject(error @ SubjectError::Token { field: "path", fault, .. })) => {
            assert_eq!(fault, TokenFault::Separator);
            println!("refused   {error}");
        }
        other => return Err(format!("it must not be published: {other:?}").into()),
    }
    Ok(())
}
