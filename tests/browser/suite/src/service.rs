//! A service that lives in a page, with its layers.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use natsws::{RequestError, Subject};
use natsws_service::layers::DeadlineLayer;
use natsws_service::{Discovery, IntoApp, Router, State, serve};
use serde::{Deserialize, Serialize};
use tower::limit::ConcurrencyLimitLayer;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::stage::{SECOND, Server, sleep, within};

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("doors.{number}.open", reply = String, error = Closed)]
struct Open {
    number: u8,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("door {0} is closed")]
struct Closed(u8);

#[derive(Debug, Serialize, Deserialize, Subject)]
#[subject("doors.wait", reply = ())]
struct Wait;

/// It holds what no thread could: a page has one, and a handler may.
async fn open(State(count): State<Rc<Cell<u32>>>, ask: Open) -> Result<String, Closed> {
    sleep(Duration::from_millis(1)).await;
    count.set(count.get() + 1);
    match ask.number {
        13 => Err(Closed(13)),
        number => Ok(format!("door {number} is open")),
    }
}

async fn wait(_: Wait) {
    sleep(20 * SECOND).await;
}

#[wasm_bindgen_test]
async fn a_service_answers_is_discovered_and_drains() {
    let server = Server::start().await;
    let (client, caller) = (server.client().await, server.client().await);
    let count = Rc::new(Cell::new(0));
    let app = Router::new("doors", "1.0.0")
        .endpoint(open)
        .endpoint(wait)
        .layer(DeadlineLayer::new().at_most(SECOND / 5))
        .layer(ConcurrencyLimitLayer::new(4))
        .with_state(count.clone())
        .into_app();
    let service = within("the service", serve(client, app).start()).await.expect("served");

    assert_eq!(caller.request(&Open { number: 7 }).await.expect("answered"), "door 7 is open");
    let refused = caller.request(&Open { number: 13 }).await;
    assert!(matches!(refused, Err(RequestError::Remote(Closed(13)))), "{refused:?}");
    let late = caller.request(&Wait).await;
    let Err(RequestError::Service(error)) = late else { panic!("{late:?}") };
    assert_eq!(error.code(), 408);
    assert_eq!(count.get(), 2);

    let mut found = Discovery::new(&caller).stats().name("doors").stream().await.expect("asked");
    let stats = within("its statistics", found.next()).await.expect("one").expect("good");
    let requests: Vec<_> =
        stats.endpoints.iter().map(|it| (it.num_requests, it.num_errors)).collect();
    assert_eq!(requests, [(2, 1), (1, 1)]);

    let report = within("the drain", service.drain()).await;
    assert_eq!((report.completed, report.aborted), (1, 0), "{report:?}");
    let gone = caller.request(&Open { number: 7 }).await;
    assert!(matches!(gone, Err(RequestError::NoResponders)), "{gone:?}");
}
