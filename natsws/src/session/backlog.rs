//! Messages that wait to be read, each as the place where it lies in the block it was read in.

use std::collections::VecDeque;

use bytes::Bytes;

use super::queue::Item;
use crate::delivery::{Delivery, Place};

/// One thing that waits.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Message {
        place: Place,
        /// It lies in the next block, and not where the message before it does.
        next_block: bool,
    },
    /// Something that is no message: it is the next of the extras.
    Other,
}

/// What slots refer to, in their order.
#[derive(Debug)]
enum Extra {
    Block(Bytes),
    Item(Item),
}

/// Messages in the order they came, and what is to be told between them.
///
/// A block is held once for all its messages, and only as long as one of them waits. Where nothing
/// ever came there is no memory for it: most subscriptions of an application are idle.
#[derive(Debug, Default)]
pub(crate) struct Backlog(Option<Box<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    slots: VecDeque<Slot>,
    extras: VecDeque<Extra>,
    /// The block of the message in front, where that is not the first of its block.
    block: Option<Bytes>,
}

impl Backlog {
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |contents| contents.slots.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn contents(&mut self) -> &mut Contents {
        self.0.get_or_insert_default()
    }

    /// Appends a message. A block is given with the first message of it, and with the first one
    /// behind something else.
    pub(crate) fn push(&mut self, block: Option<&Bytes>, place: Place) {
        self.contents().push(block, place);
    }

    /// Appends messages of one block.
    pub(crate) fn extend(&mut self, block: &Bytes, mut places: impl Iterator<Item = Place>) {
        let Some(first) = places.next() else { return };
        let contents = self.contents();
        contents.push(Some(block), first);
        contents.slots.extend(places.map(|place| Slot::Message { place, next_block: false }));
    }

    /// Appends something that is no message.
    pub(crate) fn push_item(&mut self, item: Item) {
        let contents = self.contents();
        contents.slots.push_back(Slot::Other);
        contents.extras.push_back(Extra::Item(item));
    }

    /// Puts something that is no message in front.
    pub(crate) fn push_item_front(&mut self, item: Item) {
        let contents = self.contents();
        if let (Some(block), Some(Slot::Message { next_block, .. })) =
            (contents.block.take(), contents.slots.front_mut())
        {
            *next_block = true;
            contents.extras.push_front(Extra::Block(block));
        }
        contents.slots.push_front(Slot::Other);
        contents.extras.push_front(Extra::Item(item));
    }

    /// Takes what has waited longest.
    #[cfg_attr(not(browser), inline(always))]
    pub(crate) fn pop(&mut self) -> Option<Item> {
        self.0.as_mut()?.pop()
    }

    /// What is in front, where it is no message.
    pub(crate) fn front_item(&self) -> Option<&Item> {
        let contents = self.0.as_ref()?;
        match (contents.slots.front()?, contents.extras.front()?) {
            (Slot::Other, Extra::Item(item)) => Some(item),
            _ => None,
        }
    }

    /// Gives much memory back when it is not needed. A little is kept for the next messages.
    pub(crate) fn shrink(&mut self) {
        const KEPT: usize = 4096;
        if self.0.as_ref().is_some_and(|contents| contents.slots.capacity() > KEPT) {
            self.0 = None;
        }
    }
}

impl Contents {
    #[inline]
    fn push(&mut self, block: Option<&Bytes>, place: Place) {
        self.slots.push_back(Slot::Message { place, next_block: block.is_some() });
        if let Some(block) = block {
            self.extras.push_back(Extra::Block(block.clone()));
        }
    }

    /// Takes what has waited longest.
    #[cfg_attr(not(browser), inline(always))]
    fn pop(&mut self) -> Option<Item> {
        match self.slots.pop_front()? {
            Slot::Message { place, next_block } => {
                if next_block {
                    self.block = self.next_block();
                }
                // The last message of a block takes the handle with it.
                let block = if self.goes_on() { self.block.clone() } else { self.block.take() };
                Some(Item::Delivery(Delivery::new(block.unwrap_or_default(), place)))
            }
            Slot::Other => match self.extras.pop_front()? {
                Extra::Item(item) => Some(item),
                Extra::Block(_) => None,
            },
        }
    }

    /// Whether the message in front lies in the block that is open.
    fn goes_on(&self) -> bool {
        matches!(self.slots.front(), Some(Slot::Message { next_block: false, .. }))
    }

    fn next_block(&mut self) -> Option<Bytes> {
        match self.extras.pop_front()? {
            Extra::Block(block) => Some(block),
            Extra::Item(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(item: Item) -> String {
        match item {
            Item::Delivery(delivery) => {
                String::from_utf8_lossy(delivery.payload_bytes()).into_owned()
            }
            other => format!("{other:?}"),
        }
    }

    fn rest(backlog: &mut Backlog) -> Vec<String> {
        std::iter::from_fn(|| backlog.pop()).map(shown).collect()
    }

    /// Three messages of one block, one of another, and a gap in the first.
    fn filled(first: &Bytes, second: &Bytes) -> Backlog {
        let mut backlog = Backlog::default();
        backlog.push(Some(first), Place::of_payload(0, 1));
        backlog.push(None, Place::of_payload(1, 2));
        backlog.push_item(Item::Lagged { dropped: 7 });
        backlog.push(Some(first), Place::of_payload(3, 1));
        backlog.push(Some(second), Place::of_payload(0, 1));
        backlog.push(None, Place::of_payload(1, 1));
        backlog
    }

    fn blocks() -> (Bytes, Bytes) {
        (Bytes::from(b"abcd".to_vec()), Bytes::from(b"ef".to_vec()))
    }

    const ALL: [&str; 6] = ["a", "bc", "Lagged { dropped: 7 }", "d", "e", "f"];

    #[test]
    fn what_waits_is_read_in_its_order_from_its_own_block() {
        let (first, second) = blocks();
        assert_eq!(rest(&mut filled(&first, &second)), ALL);
    }

    #[test]
    fn what_is_put_in_front_does_not_disturb_what_follows() {
        let (first, second) = blocks();
        let mut backlog = filled(&first, &second);
        assert_eq!(backlog.pop().map(shown).as_deref(), Some("a"));
        backlog.push_item_front(Item::Lagged { dropped: 1 });
        assert!(matches!(backlog.front_item(), Some(Item::Lagged { dropped: 1 })));
        assert_eq!(
            rest(&mut backlog)[..3],
            ["Lagged { dropped: 1 }", "bc", "Lagged { dropped: 7 }"]
        );
    }

    #[test]
    fn a_block_is_given_back_with_its_last_message() {
        let (first, second) = blocks();
        let mut backlog = filled(&first, &second);
        drop(second);
        let mut items: Vec<_> = std::iter::from_fn(|| backlog.pop()).collect();
        assert!(!first.is_unique());
        items.truncate(0);
        assert!(first.is_unique(), "an empty backlog holds no block");
    }
}
