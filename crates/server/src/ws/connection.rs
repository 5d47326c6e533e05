//! The WebSocket (RFC 6455) under a control socket, made to cost little while nothing is said: there may be ten thousand
//! of them. Reading, control frames and closing are the library's. Text goes out past it, as a frame that was made once
//! for everybody who gets the same: the library would copy it into a buffer of each socket's own, and keep that at the
//! size of the largest message for as long as the socket lives.

use std::sync::LazyLock;
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use crate::rooms::message::Outgoing;
use crate::wire::socket::ServerMessage;
use crate::wire::{ApiError, Code};

/// Longest message from a client, in bytes: a question of 280 characters fits four times.
const MESSAGE_MAX: usize = 8 * 1024;

/// What one socket reads at once, in bytes; each socket has a buffer of this size for as long as it lives, and a longer one
/// only for a longer message. Larger spares system calls for talkative clients.
const READ_BUFFER: usize = 512;

/// How long a client may take to accept one message before it counts as gone.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// A request that asks for a WebSocket, in HTTP/1.1. As an extractor it refuses everything else with `bad_request`.
pub(crate) struct Upgrade {
    key: HeaderValue,
    on_upgrade: OnUpgrade,
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = ApiError;

    /// Checks what RFC 6455 section 4.2.1 asks of the client's handshake.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let refuse = |why: &str| ApiError::with_message(Code::BadRequest, why);
        let headers = &parts.headers;
        if parts.method != Method::GET
            || !names(headers, header::CONNECTION, "upgrade")
            || !names(headers, header::UPGRADE, "websocket")
        {
            return Err(refuse("This address is for WebSockets."));
        }
        if !names(headers, header::SEC_WEBSOCKET_VERSION, "13") {
            return Err(refuse("Only version 13 of the WebSocket protocol is spoken here."));
        }
        let key = headers.get(header::SEC_WEBSOCKET_KEY).cloned();
        let key = key.ok_or_else(|| refuse("The header Sec-WebSocket-Key is missing."))?;
        let on_upgrade = parts.extensions.remove::<OnUpgrade>();
        let on_upgrade = on_upgrade.ok_or_else(|| refuse("This connection cannot become a WebSocket."))?;
        Ok(Self { key, on_upgrade })
    }
}

impl Upgrade {
    /// Answers the handshake (RFC 6455, section 4.2.2) and has `serve` serve the connection in a task of its own.
    pub(crate) fn start<F>(self, serve: impl FnOnce(Connection) -> F + Send + 'static) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let accept = derive_accept_key(self.key.as_bytes());
        tokio::spawn(async move {
            // Fails when the client hangs up before it has the answer.
            if let Ok(upgraded) = self.on_upgrade.await {
                serve(Connection::new(TokioIo::new(upgraded)).await).await;
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        let accept = HeaderValue::from_str(&accept).expect("base64 is visible ASCII");
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
        response
    }
}

/// Whether one of the comma-separated values of a header is `value`, in whatever case.
fn names(headers: &HeaderMap, name: HeaderName, value: &str) -> bool {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|one| one.trim().eq_ignore_ascii_case(value))
}

/// What a client said.
pub(crate) enum Heard {
    /// A text message.
    Text(String),
    /// A binary message, which means nothing here.
    Binary,
    /// A sign of life: a ping, which is answered by itself, or a pong.
    Life,
    /// Nothing more: the client closed the connection, it broke, or the client broke the protocol.
    End,
}

/// An open WebSocket over a byte stream.
pub(crate) struct Connection<S = TokioIo<Upgraded>> {
    stream: WebSocketStream<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// What has been upgraded already.
    pub(super) async fn new(upgraded: S) -> Self {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_MAX))
            .max_frame_size(Some(MESSAGE_MAX))
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            // Only pongs and the closing go through it.
            .max_write_buffer_size(1024);
        let stream = WebSocketStream::from_raw_socket(upgraded, Role::Server, Some(config)).await;
        Self { stream }
    }

    /// What the client says next. Cancelling it loses nothing.
    pub(crate) async fn hear(&mut self) -> Heard {
        match self.stream.next().await {
            Some(Ok(Frame::Text(text))) => Heard::Text(text.as_str().to_owned()),
            Some(Ok(Frame::Binary(_))) => Heard::Binary,
            Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => Heard::Life,
            Some(Ok(Frame::Close(_) | Frame::Frame(_)) | Err(_)) | None => Heard::End,
        }
    }

    /// Sends a message; returns whether the client took it in time. If not, nothing more can be sent.
    pub(crate) async fn send(&mut self, message: &Outgoing) -> bool {
        self.write(message.frame()).await
    }

    /// Shows that the server is there, and asks whether the client is: a `beat`, which a page can see, and a ping (RFC 6455,
    /// section 5.5.2), which its browser answers. Returns as [`Connection::send`] does.
    pub(crate) async fn pulse(&mut self) -> bool {
        static PULSE: LazyLock<Vec<u8>> = LazyLock::new(|| {
            const PING: [u8; 2] = [0x89, 0];
            [Outgoing::from(&ServerMessage::Beat).frame(), &PING].concat()
        });
        self.write(&PULSE).await
    }

    /// Ends the connection in the proper way (RFC 6455, section 7.1.2), without waiting for long.
    pub(crate) async fn close(mut self) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: Default::default() };
        // Whether it arrives or not, the connection ends here.
        let _ = timeout(SEND_LIMIT, self.stream.send(Frame::Close(Some(frame)))).await;
    }

    /// Writes whole frames.
    async fn write(&mut self, frames: &[u8]) -> bool {
        let written = async {
            // A pong that the library may have begun goes first.
            self.stream.flush().await.ok()?;
            let io = self.stream.get_mut();
            io.write_all(frames).await.ok()?;
            io.flush().await.ok()
        };
        matches!(timeout(SEND_LIMIT, written).await, Ok(Some(())))
    }
}
