use std::time::UNIX_EPOCH;

use serde_json::json;

use super::*;

#[test]
fn an_empty_stream_has_no_times() {
    // The answer of a server 2.15.1, shortened to what stands in every one.
    let text = r#"{"cluster":{"leader":"ND3Q"},"config":{"name":"ORDERS","num_replicas":1},
        "created":"2026-11-30T01:51:34.840599728Z","limit":0,"offset":0,
        "state":{"bytes":0,"consumer_count":0,"first_seq":0,"first_ts":"0001-01-01T00:00:00Z",
        "last_seq":0,"last_ts":"0001-01-01T00:00:00Z","messages":0},"total":0,
        "ts":"2026-11-30T01:51:34.844543007Z",
        "type":"io.nats.jetstream.api.v1.stream_info_response"}"#;
    let info: StreamInfo = serde_json::from_str(text).expect("a stream");
    let expected = StreamInfo {
        config: StreamConfig::new("ORDERS"),
        created: UNIX_EPOCH + Duration::new(1_796_003_494, 840_599_728),
        state: StreamState::default(),
        cluster: Some(ClusterInfo { leader: Some("ND3Q".to_owned()), ..Default::default() }),
        mirror: None,
        sources: Vec::new(),
        alternates: Vec::new(),
        time: Some(UNIX_EPOCH + Duration::new(1_796_003_494, 844_543_007)),
        total: 0,
        offset: 0,
        limit: 0,
    };
    assert_eq!(info, expected);
}

#[test]
fn all_that_a_cluster_says_is_read() {
    let info: StreamInfo = serde_json::from_value(json!({
        "config": {"name": "X"}, "created": "2026-01-02T03:04:05+01:00",
        "state": {
            "messages": 2, "bytes": 86, "first_seq": 1, "first_ts": "1970-01-01T00:00:01Z",
            "last_seq": 3, "last_ts": "1970-01-01T00:00:03.5Z", "num_subjects": 1,
            "subjects": {"a": 2}, "num_deleted": 1, "deleted": [2], "consumer_count": 4,
            "lost": {"msgs": null, "bytes": 9},
        },
        "cluster": {
            "name": "C", "raft_group": "S-R3F", "leader": "n1",
            "leader_since": "1970-01-01T00:00:02Z", "system_account": true,
            "traffic_account": "$SYS",
            "replicas": [
                {"name": "n2", "current": true, "active": 1500, "lag": 3},
                {"name": "n3", "current": false, "offline": true, "active": -1},
            ],
        },
        "mirror": {"name": "Y", "lag": 1, "active": -1,
            "error": {"code": 404, "err_code": 10059, "description": "stream not found"}},
        "sources": [{"name": "Z", "lag": 0, "active": 5, "filter_subject": "a.>",
            "external": {"api": "$JS.hub.API", "deliver": ""}}],
        "alternates": [{"name": "Y", "cluster": "D", "domain": "hub"}],
        "total": 5, "offset": 6, "limit": 7, "ts": null,
    }))
    .expect("a stream");
    let second = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
    assert_eq!(info.created, UNIX_EPOCH + Duration::from_secs(1_767_319_445));
    let state = info.state;
    assert_eq!(state.last_time, second(3).map(|time| time + Duration::from_millis(500)));
    assert_eq!((state.consumers, state.deleted), (4, vec![2]));
    assert_eq!(state.lost, Some(LostData { messages: Vec::new(), bytes: 9 }));
    let cluster = info.cluster.expect("a cluster");
    assert_eq!(cluster.raft_group.as_deref(), Some("S-R3F"));
    assert_eq!((cluster.leader_since, cluster.system_account), (second(2), true));
    let peers: Vec<_> = cluster.replicas.iter().map(|peer| (peer.offline, peer.active)).collect();
    assert_eq!(peers, [(false, Duration::from_nanos(1500)), (true, Duration::ZERO)]);
    let mirror = info.mirror.expect("a mirror");
    assert_eq!(mirror.active, None);
    assert_eq!(mirror.error.map(|error| error.error_code), Some(10059));
    let source = info.sources.first().expect("a source");
    assert_eq!(source.active, Some(Duration::from_nanos(5)));
    assert_eq!(source.external, Some(External::new("$JS.hub.API")));
    assert_eq!(info.alternates.first().and_then(|other| other.domain.as_deref()), Some("hub"));
    assert_eq!((info.total, info.offset, info.limit, info.time), (5, 6, 7, None));
}
