//! Who is subscribed to what: the table, and the indexes that find its rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::ClientId;
use super::subjects;

/// The number of a subscription at the broker: older ones have smaller numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SubscriptionId(u64);

/// One subscription of a client.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) client: ClientId,
    /// The client's own number for it.
    pub(super) sid: u64,
    filter: Box<[u8]>,
    queue_group: Option<Box<[u8]>>,
    delivered: u64,
    /// How many messages it is to be sent in all.
    max: Option<u64>,
}

/// All subscriptions of all clients.
///
/// Most filters name one subject; those are found by a hash, however many there are. The others are
/// tried one by one.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    rows: BTreeMap<SubscriptionId, Subscription>,
    by_sid: HashMap<ClientId, HashMap<u64, SubscriptionId>>,
    literal: HashMap<Box<[u8]>, BTreeSet<SubscriptionId>>,
    wildcard: BTreeSet<SubscriptionId>,
    next: u64,
}

impl Subscriptions {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn get(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.rows.get(&id)
    }

    /// Adds a subscription, unless the client has one under this sid: the first one stays.
    pub(super) fn add(
        &mut self,
        client: ClientId,
        sid: u64,
        filter: &[u8],
        queue_group: Option<&[u8]>,
    ) {
        let of_client = self.by_sid.entry(client).or_default();
        if of_client.contains_key(&sid) {
            return;
        }
        let id = SubscriptionId(self.next);
        self.next += 1;
        of_client.insert(sid, id);
        if subjects::has_wildcard(filter) {
            self.wildcard.insert(id);
        } else {
            self.literal.entry(filter.into()).or_default().insert(id);
        }
        let (filter, queue_group) = (filter.into(), queue_group.map(Into::into));
        let row = Subscription { client, sid, filter, queue_group, delivered: 0, max: None };
        self.rows.insert(id, row);
    }

    /// Ends a subscription once it has been sent `max` messages since it began, which may be now.
    pub(super) fn limit(&mut self, client: ClientId, sid: u64, max: u64) {
        let Some(id) = self.by_sid.get(&client).and_then(|sids| sids.get(&sid)).copied() else {
            return;
        };
        let Some(row) = self.rows.get_mut(&id) else { return };
        row.max = Some(max);
        if row.delivered >= max {
            self.remove(id);
        }
    }

    /// Counts a message that was sent, and ends the subscription if that was its last.
    pub(super) fn count(&mut self, id: SubscriptionId) {
        let Some(row) = self.rows.get_mut(&id) else { return };
        row.delivered += 1;
        if row.max.is_some_and(|max| row.delivered >= max) {
            self.remove(id);
        }
    }

    pub(super) fn remove_client(&mut self, client: ClientId) {
        for id in self.by_sid.remove(&client).unwrap_or_default().into_values() {
            self.remove(id);
        }
    }

    /// Which subscriptions a message goes to: all plain ones that it falls under, then one of each
    /// queue group, chosen at random. Only clients that `may_receive` count.
    pub(super) fn recipients(
        &self,
        subject: &[u8],
        may_receive: impl Fn(ClientId) -> bool,
        random: &mut fastrand::Rng,
    ) -> Vec<SubscriptionId> {
        let mut recipients = Vec::new();
        let mut groups: Vec<Group<'_>> = Vec::new();
        for (id, row) in self.matching(subject).filter(|(_, row)| may_receive(row.client)) {
            let Some(name) = row.queue_group.as_deref() else {
                recipients.push(id);
                continue;
            };
            match groups.iter_mut().find(|group| group.name == name) {
                Some(group) => group.offer(id, random),
                None => groups.push(Group { name, members: 1, chosen: id }),
            }
        }
        recipients.extend(groups.into_iter().map(|group| group.chosen));
        recipients
    }

    /// The client's own sid for a subject, where it has a plain subscription to it.
    pub(super) fn own_sid(&self, client: ClientId, subject: &[u8]) -> Option<u64> {
        self.matching(subject)
            .find(|(_, row)| row.client == client && row.queue_group.is_none())
            .map(|(_, row)| row.sid)
    }

    /// What a message falls under: literal filters, then those with wildcards, the oldest first.
    fn matching(&self, subject: &[u8]) -> impl Iterator<Item = (SubscriptionId, &Subscription)> {
        let literal = self.literal.get(subject).into_iter().flatten();
        let rows = literal.filter_map(|id| self.rows.get_key_value(id));
        let wildcard = self.wildcard.iter().filter_map(|id| self.rows.get_key_value(id));
        let wildcard = wildcard.filter(|(_, row)| subjects::matches(&row.filter, subject));
        let deliverable = subjects::is_deliverable(subject);
        rows.chain(wildcard).filter(move |_| deliverable).map(|(id, row)| (*id, row))
    }

    fn remove(&mut self, id: SubscriptionId) {
        let Some(row) = self.rows.remove(&id) else { return };
        if let Some(of_client) = self.by_sid.get_mut(&row.client) {
            of_client.remove(&row.sid);
        }
        if !self.wildcard.remove(&id) {
            let ids = self.literal.get_mut(&row.filter);
            if ids.is_some_and(|ids| ids.remove(&id) && ids.is_empty()) {
                self.literal.remove(&row.filter);
            }
        }
    }
}

/// A queue group while one of its members is being chosen.
struct Group<'a> {
    name: &'a [u8],
    members: usize,
    chosen: SubscriptionId,
}

impl Group<'_> {
    /// Takes one more member into account, so that in the end each was as likely as the others.
    fn offer(&mut self, id: SubscriptionId, random: &mut fastrand::Rng) {
        self.members += 1;
        if random.usize(..self.members) == 0 {
            self.chosen = id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ClientId = ClientId(1);
    const TWO: ClientId = ClientId(2);

    fn found(subscriptions: &Subscriptions, subject: &str) -> Vec<(u64, u64)> {
        let mut random = fastrand::Rng::with_seed(1);
        let found = subscriptions.recipients(subject.as_bytes(), |_| true, &mut random);
        let row = |id| subscriptions.get(id).map(|row| (row.client.0, row.sid));
        found.into_iter().filter_map(row).collect()
    }

    #[test]
    fn a_message_finds_literal_and_wildcard_subscriptions() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.add(ONE, 1, b"a.b", None);
        subscriptions.add(ONE, 2, b"a.*", None);
        subscriptions.add(TWO, 1, b"a.b", Some(b"q"));
        subscriptions.add(TWO, 2, b">", None);
        assert_eq!(found(&subscriptions, "a.b"), [(1, 1), (1, 2), (2, 2), (2, 1)]);
        assert_eq!(found(&subscriptions, "a.c"), [(1, 2), (2, 2)]);
        assert_eq!(found(&subscriptions, "a..b"), []);
    }

    #[test]
    fn what_is_removed_leaves_nothing_behind() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.add(ONE, 1, b"a", None);
        subscriptions.add(ONE, 2, b"a.>", None);
        subscriptions.add(TWO, 1, b"a", None);
        subscriptions.limit(TWO, 1, 0);
        assert_eq!(found(&subscriptions, "a"), [(1, 1)]);
        subscriptions.remove_client(ONE);
        assert_eq!(subscriptions.len(), 0);
        assert!(subscriptions.literal.is_empty());
        assert!(subscriptions.wildcard.is_empty());
    }
}
