//! A file that fails to be read from Ctrl-C on.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::signal::ctrl_c;

/// A reader that fails when Ctrl-C comes.
///
/// A put whose reader fails takes out of the store what it has stored so far, and is ready then; to
/// drop it would leave that to a task that ends with this program.
pub(super) struct Interruptible<R> {
    reader: R,
    interrupt: Pin<Box<dyn Future<Output = io::Result<()>> + Send>>,
}

impl<R> Interruptible<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, interrupt: Box::pin(ctrl_c()) }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Interruptible<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(signal) = self.interrupt.as_mut().poll(cx) {
            signal?;
            return Poll::Ready(Err(io::Error::other("interrupted, and nothing is stored")));
        }
        Pin::new(&mut self.reader).poll_read(cx, into)
    }
}

impl<R> fmt::Debug for Interruptible<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interruptible").finish_non_exhaustive()
    }
}
