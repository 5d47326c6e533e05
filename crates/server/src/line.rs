//! A TCP connection of a client's that others can cut, with all that was not sent yet.
//!
//! A plain stream must end when its listener's leave to listen does, and not when the network has taken what lies in buffers: so
//! whoever serves it holds the [`Line`] of its connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What the kernel may hold of a plain stream that it has not sent yet, in bytes: a second of speech. More wakes the server less
/// often; less keeps what is heard closer to what is said.
#[cfg(target_os = "linux")]
const UNSENT_MAX: u32 = 8 * 1024;

/// A connection, as those see it who do not read or write on it.
#[derive(Debug, Default)]
pub(crate) struct Line {
    cut: AtomicBool,
    brief: AtomicBool,
    /// Wakes whoever serves the connection.
    waker: AtomicWaker,
}

impl Line {
    /// Ends the connection at once. What was not sent yet is not sent.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Whether it was cut.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    /// From the next thing that is written on, little of it waits in the kernel.
    pub(crate) fn hold_little(&self) {
        self.brief.store(true, Ordering::Release);
    }
}

/// The connection itself.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    line: Arc<Line>,
    is_brief: bool,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, line: Arc::default(), is_brief: false }
    }

    /// For those who are to be able to cut it.
    pub(crate) fn line(&self) -> Arc<Line> {
        self.line.clone()
    }

    /// Fails if the connection was cut.
    fn check(&self) -> io::Result<()> {
        if self.line.is_cut() { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }

    fn set_brief(&mut self) {
        if !self.is_brief && self.line.brief.load(Ordering::Acquire) {
            self.is_brief = true;
            // Elsewhere the kernel holds what it likes; a connection that is cut is cut with all of it.
            #[cfg(target_os = "linux")]
            let _ = SockRef::from(&self.stream).set_tcp_notsent_lowat(UNSENT_MAX);
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Registered before it is looked at: a cut in between wakes.
        self.line.waker.register(cx.waker());
        self.check()?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.line.waker.register(cx.waker());
        self.check()?;
        self.set_brief();
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.line.waker.register(cx.waker());
        self.check()?;
        self.set_brief();
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.line.is_cut() {
            // Reset: the kernel forgets what it did not send (RFC 9293, section 3.10.4, ABORT).
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}
