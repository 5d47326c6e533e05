//! Reads what is left of a request's body before the request is answered.
//!
//! A server that answers in the middle of a body and closes the connection resets it: whoever is still sending then loses the answer
//! itself, and sees a broken network instead of what was wrong (RFC 9112, section 9.6).

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header::EXPECT;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};

/// Most bytes read for nothing. More lets senders of larger bodies know what was wrong; fewer spares the line.
const BYTES_MAX: usize = 16 << 20;

/// How long is waited for them. Longer serves slower lines; shorter frees what slow clients hold sooner.
const PATIENCE: Duration = Duration::from_secs(10);

/// A body that can be read on when whoever was handed it is done.
#[derive(Clone)]
struct Shared(Arc<Mutex<(Body, bool)>>);

impl Shared {
    fn with<T>(&self, look: impl FnOnce(&mut (Body, bool)) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether something is left that the client sends anyway: one that waits for a go-ahead (`Expect`) did not begin.
    fn is_left(&self, awaits: bool) -> bool {
        self.with(|(body, begun)| !body.is_end_stream() && (*begun || !awaits))
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.with(|(body, begun)| {
            *begun = true;
            Pin::new(body).poll_frame(cx)
        })
    }

    fn is_end_stream(&self) -> bool {
        self.with(|(body, _)| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|(body, _)| body.size_hint())
    }
}

/// Answers when the body has been read, by whoever wanted it or for nothing; at most [`BYTES_MAX`], in [`PATIENCE`].
pub(super) async fn hear_out(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let awaits = request.headers().contains_key(EXPECT);
    let (parts, body) = request.into_parts();
    let shared = Shared(Arc::new(Mutex::new((body, false))));
    let response = next.run(Request::from_parts(parts, Body::new(shared.clone()))).await;
    if shared.is_left(awaits) {
        // Too late or too much: the connection is closed as it is.
        let _ = tokio::time::timeout(PATIENCE, read(shared, BYTES_MAX)).await;
    }
    response
}

/// Reads a body to its end, or until `most` bytes or more have come. Gives how many.
async fn read(mut body: impl HttpBody<Data = Bytes> + Unpin, most: usize) -> usize {
    let mut read = 0;
    while read < most
        && let Some(Ok(frame)) = body.frame().await
    {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
    read
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::post;
    use futures_util::{StreamExt, stream};
    use tower::ServiceExt;

    use super::*;

    /// An hour's worth of parts of 1 KiB, and how many of them were taken.
    fn long() -> (Body, Arc<Mutex<usize>>) {
        let taken = Arc::new(Mutex::new(0));
        let count = taken.clone();
        let parts = stream::iter(0..1_000_000).map(move |_| {
            *count.lock().unwrap() += 1;
            Ok::<_, std::io::Error>(Bytes::from_static(&[0; 1_024]))
        });
        (Body::from_stream(parts), taken)
    }

    fn refusing() -> Router {
        let refuse = || async { StatusCode::PAYLOAD_TOO_LARGE };
        Router::new().route("/", post(refuse)).layer(axum::middleware::from_fn(hear_out))
    }

    #[tokio::test]
    async fn no_more_is_read_for_nothing_than_bears_it() {
        let (body, taken) = long();
        let answer = refusing().oneshot(Request::post("/").body(body).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(*taken.lock().unwrap(), BYTES_MAX / 1_024);
    }

    #[tokio::test]
    async fn who_waits_for_a_go_ahead_gets_the_answer_instead() {
        let (body, taken) = long();
        let request = Request::post("/").header(EXPECT, "100-continue").body(body).unwrap();
        assert_eq!(refusing().oneshot(request).await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(*taken.lock().unwrap(), 0);
    }

    /// Time is virtual: it goes on when nothing else can.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_go_on_is_not_waited_for() {
        let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let answer = refusing().oneshot(Request::post("/").body(body).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}
