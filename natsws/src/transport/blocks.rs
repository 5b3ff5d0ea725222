//! Blocks of memory that are read into, and used again when nobody holds a message of theirs.

use std::collections::VecDeque;

use bytes::BytesMut;

/// Bytes of a block. Small messages come by the hundred in one.
const SIZE: usize = 64 * 1024;
/// Bytes of a block where much comes: of large messages a small block cuts one in four, and what is
/// cut is copied.
const LARGE_SIZE: usize = 256 * 1024;
/// Much comes where a read brings so much, taken over a block.
const LARGE_READ: usize = 16 * 1024;
/// Below this much room the next block is begun.
const LEAST_ROOM: usize = 8 * 1024;
/// How many full blocks are kept in mind. The system takes longer to give new memory than it takes
/// to read into it.
const KEPT: usize = 4;

/// The block that is read into, and some that were.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    open: BytesMut,
    /// How much it could hold in all, and how often it was read into.
    size: usize,
    reads: usize,
    /// Full ones. Nothing of them is in here, but the memory is found again by them.
    full: VecDeque<BytesMut>,
}

impl Blocks {
    /// Goes on with what was read before.
    #[cfg(native_websocket)]
    pub(super) fn new(open: BytesMut) -> Self {
        Self { open, ..Self::default() }
    }

    /// The block that is read into, with what was read and not taken.
    pub(super) fn open(&mut self) -> &mut BytesMut {
        &mut self.open
    }

    /// The block that is read into, with room for more.
    pub(super) fn with_room(&mut self) -> &mut BytesMut {
        if self.open.capacity() - self.open.len() < LEAST_ROOM {
            let mut next = self.next();
            next.extend_from_slice(&self.open);
            let full = std::mem::replace(&mut self.open, next);
            self.keep(full);
            (self.size, self.reads) = (self.open.capacity(), 0);
        }
        self.reads = self.reads.saturating_add(1);
        &mut self.open
    }

    /// An empty block: one that was full before and is free now, or a new one.
    fn next(&mut self) -> BytesMut {
        let much_comes = self.reads > 0 && self.size >= self.reads * LARGE_READ;
        let most = self.open.len() + if much_comes { LARGE_SIZE } else { SIZE };
        let free = self.full.iter_mut().position(|block| block.try_reclaim(most));
        let free = free.and_then(|at| self.full.remove(at));
        free.unwrap_or_else(|| BytesMut::with_capacity(most))
    }

    fn keep(&mut self, mut full: BytesMut) {
        full.clear();
        if self.full.len() == KEPT {
            self.full.pop_front();
        }
        self.full.push_back(full);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads so much, and takes it.
    fn read(blocks: &mut Blocks, len: usize) -> bytes::Bytes {
        blocks.with_room().extend_from_slice(&vec![b'x'; len]);
        blocks.open().split().freeze()
    }

    #[test]
    fn a_block_is_filled_and_then_the_next_begun() {
        let mut blocks = Blocks::default();
        let first = read(&mut blocks, 1000);
        let second = read(&mut blocks, 1000);
        assert_eq!(second.as_ptr(), first.as_ptr().wrapping_add(1000));
        read(&mut blocks, SIZE - 2000);
        let next = read(&mut blocks, 1);
        assert_ne!(next.as_ptr(), first.as_ptr());
        assert!(blocks.with_room().capacity() >= LEAST_ROOM);
    }

    /// Reads a block full, a bit at a time.
    fn fill(blocks: &mut Blocks) -> bytes::Bytes {
        let first = read(blocks, SIZE / 8);
        for _ in 0..7 {
            read(blocks, SIZE / 8);
        }
        first
    }

    #[test]
    fn memory_is_used_again_when_its_messages_are_gone_and_never_before() {
        let mut blocks = Blocks::default();
        let held = fill(&mut blocks);
        let at = held.as_ptr();
        for _ in 0..3 {
            assert_ne!(fill(&mut blocks).as_ptr(), at);
        }
        assert!(held.iter().all(|byte| *byte == b'x'));
        drop(held);
        let all: Vec<_> = (0..=KEPT).map(|_| fill(&mut blocks).as_ptr()).collect();
        assert!(all.contains(&at), "it is one of few that are used in turn");
    }

    #[test]
    fn blocks_are_larger_where_much_comes_and_small_again_where_not() {
        let mut blocks = Blocks::default();
        let room = |blocks: &mut Blocks| {
            let block = blocks.with_room();
            block.capacity() - block.len()
        };
        assert!(room(&mut blocks) < LARGE_SIZE);
        read(&mut blocks, SIZE);
        let large = room(&mut blocks);
        assert!(large >= LARGE_SIZE);
        for _ in 0..32 {
            read(&mut blocks, large / 32);
        }
        assert!(room(&mut blocks) < LARGE_SIZE);
    }

    #[test]
    fn what_was_read_and_not_taken_moves_on() {
        let mut blocks = Blocks::default();
        blocks.with_room().extend_from_slice(&vec![b'a'; SIZE - 100]);
        blocks.with_room().extend_from_slice(b"z");
        assert_eq!(blocks.open().len(), SIZE - 99);
        assert_eq!(blocks.open().last(), Some(&b'z'));
        assert!(blocks.open().capacity() >= SIZE - 99 + LEAST_ROOM);
    }

    #[test]
    fn only_a_few_blocks_are_kept_in_mind() {
        let mut blocks = Blocks::default();
        let held: Vec<_> = (0..20).map(|_| read(&mut blocks, SIZE)).collect();
        assert_eq!((held.len(), blocks.full.len()), (20, KEPT));
    }
}
