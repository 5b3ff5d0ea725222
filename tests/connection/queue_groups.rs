//! Queue groups: each message goes to one member of each group, and to everyone outside.

use crate::rest;

everywhere! {
    async fn each_group_gets_each_message_once_and_others_get_all(target: Target) {
        let place = target.start().await;
        let (nc, publisher) = (place.connect().await, place.connect().await);
        let mut plain = nc.subscribe("job.*").await.expect("subscribed");
        let mut groups = Vec::new();
        for group in ["blue", "blue", "blue", "green", "green"] {
            groups.push((group, nc.subscribe("job.>").queue(group).await.expect("subscribed")));
        }
        for number in 0..200 {
            publisher.publish("job.a", number.to_string()).await.expect("published");
        }
        publisher.flush().await.expect("flushed");
        nc.flush().await.expect("flushed");
        let expected: Vec<u32> = (0..200).collect();
        let (mut blue, mut green) = (Vec::new(), Vec::new());
        for (group, sub) in &mut groups {
            sub.unsubscribe();
            let got = rest(sub).await.into_iter().map(|it| it.parse::<u32>().expect("a number"));
            if *group == "blue" { blue.extend(got) } else { green.extend(got) }
        }
        blue.sort_unstable();
        green.sort_unstable();
        assert_eq!((&blue, &green), (&expected, &expected));
        plain.unsubscribe();
        assert_eq!(rest(&mut plain).await.len(), 200);
    }

    async fn a_group_spans_connections_and_survives_a_member(target: Target) {
        let place = target.start().await;
        let (a, b) = (place.connect().await, place.connect().await);
        let mut first = a.subscribe("job").queue("g").await.expect("subscribed");
        let mut second = b.subscribe("job").queue("g").await.expect("subscribed");
        a.publish("job", "1").await.expect("published");
        a.flush().await.expect("flushed");
        b.flush().await.expect("flushed");
        assert_eq!(first.received() + second.received(), 1);
        first.unsubscribe();
        a.publish("job", "2").await.expect("published");
        a.flush().await.expect("flushed");
        b.flush().await.expect("flushed");
        second.unsubscribe();
        let mut all = rest(&mut first).await;
        all.extend(rest(&mut second).await);
        assert_eq!(all, ["1", "2"]);
    }
}
