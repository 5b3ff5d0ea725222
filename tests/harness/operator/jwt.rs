//! The JWTs of NATS, version 2.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::nkey;

/// What `issuer` says about `subject`, a public key.
pub(super) fn claims(name: &str, issuer: &KeyPair, subject: &str, mut nats: Value) -> Value {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    nats["version"] = 2.into();
    json!({
        "jti": format!("natsws-tests-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
        "iat": since_epoch(Duration::ZERO).as_secs(),
        "iss": issuer.public_key(),
        "sub": subject,
        "name": name,
        "nats": nats,
    })
}

/// Ends what the claims say in this time, rounded up to a whole second.
pub(super) fn expire_in(claims: &mut Value, time: Duration) {
    let end = since_epoch(time);
    claims["exp"] = (end.as_secs() + u64::from(end.subsec_nanos() > 0)).into();
}

/// The claims with their issuer's signature.
pub(super) fn sign(issuer: &KeyPair, claims: &Value) -> String {
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(&header), part(claims));
    let signature = nkey::sign(issuer, &signed);
    format!("{signed}.{signature}")
}

fn since_epoch(time_from_now: Duration) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.expect("the clock is set") + time_from_now
}
