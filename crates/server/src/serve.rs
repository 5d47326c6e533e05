//! Starting and stopping.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use roomtone_store::{NewInvite, RecoveryLink};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::app::{App, PUBLIC_URL_SETTING, StartError};
use crate::cli::{Data, join_link, sign_in_link};
use crate::edge::{self, Secret};
use crate::http;
use crate::line::Connection;
use crate::mail::link_end;
use crate::notices;
use crate::proof;
use crate::tasks::supervised;
use crate::transcripts;

/// How long requests under way may take once the server is told to stop.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How often idle limits and old metrics are tidied up.
const TIDY_EVERY: Duration = Duration::from_secs(30);

/// Connections that may wait to be accepted. More lets a larger crowd knock in the same moment; the kernel takes no more than
/// `net.core.somaxconn`.
const BACKLOG: u32 = 4096;

/// How long a client may take to send the head of a request, and how long a connection may be idle between two. Longer
/// spares busy pages a new connection; shorter costs those who say nothing their place sooner.
const HEAD_LIMIT: Duration = Duration::from_secs(60);

/// How long nothing is accepted after that failed, as it does when the process may open no more files. Shorter takes
/// the next client sooner; longer spares a machine that is short of something.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Listens for HTTP on an address.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As a server does that is to be able to start again at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stop` resolves, then says goodbye to every client. Live rooms do not end: they are there again after
/// the next start.
pub async fn serve(app: Arc<App>, listener: TcpListener, stop: impl Future<Output = ()>) -> std::io::Result<()> {
    let (stopping, stopped) = watch::channel(());
    let accepting = tokio::spawn(accept(http::router(app.clone()), listener, stopped));
    tokio::spawn(http::end_sessions_of_suspended(app.clone()));
    let tidying = app.clone();
    let tidy = tokio::spawn(supervised("tidy", async move || tidy(&tidying).await));
    let telling = notices::start(&app);
    let looking = app.clone();
    let events = tokio::spawn(supervised("events", async move || crate::events::run(&looking).await));
    let (indexer, store) = (app.search.clone(), app.store.clone());
    let indexing = tokio::spawn(supervised("search_index", async move || indexer.run(&store).await));
    let proving = app.clone();
    let proving = tokio::spawn(supervised("proofs", async move || proof::run(&proving).await));
    let making = app.clone();
    let making = tokio::spawn(supervised("replays", async move || crate::replays::run(&making).await));
    let transcribing = app.clone();
    let transcribing = tokio::spawn(supervised("transcripts", async move || transcripts::run(&transcribing).await));
    stop.await;
    tracing::info!("stopping");
    tidy.abort();
    indexing.abort();
    events.abort();
    proving.abort();
    app.replays.shut_down();
    transcribing.abort();
    app.live.shut_down();
    // A room whose store does not answer must not keep the process alive; nothing that was acknowledged is lost.
    if tokio::time::timeout(STOP_LIMIT, app.rooms.shut_down()).await.is_err() {
        tracing::warn!("some rooms did not stop in time");
    }
    // What is being made is put back, so that being stopped does not count as having failed.
    let stop_making = making.abort_handle();
    if tokio::time::timeout(STOP_LIMIT, making).await.is_err() {
        stop_making.abort();
    }
    // What was said last is on the disk before the process ends.
    let _ = tokio::time::timeout(STOP_LIMIT, app.recorder.settle()).await;
    accepting.abort();
    // Each connection ends after the request that it is at; those that take longer are cut off with the process.
    stopping.send_replace(());
    let _ = tokio::time::timeout(STOP_LIMIT, stopping.closed()).await;
    // After the rooms: what they noted last goes on the disk too.
    let _ = tokio::time::timeout(STOP_LIMIT, http::tidy_invites(&app)).await;
    let _ = tokio::time::timeout(STOP_LIMIT, app.notices.settle()).await;
    telling.iter().for_each(JoinHandle::abort);
    app.store.close().await;
    Ok(())
}

/// Accepts connections, and serves each in a task of its own, until it is aborted. They hold `stopped` while they last, and
/// end when it changes.
async fn accept(router: Router, listener: TcpListener, stopped: watch::Receiver<()>) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            // The client has gone already.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted");
                tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
                continue;
            }
        };
        // Messages on control sockets are small and must not wait for each other; failing that, they only come later.
        let _ = stream.set_nodelay(true);
        tokio::spawn(serve_connection(router.clone(), stream, peer, stopped.clone()));
    }
}

/// Serves one connection. What becomes a WebSocket goes on elsewhere.
async fn serve_connection(router: Router, stream: TcpStream, peer: SocketAddr, mut stopped: watch::Receiver<()>) {
    let stream = Connection::new(stream);
    let line = stream.line();
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(line.clone());
        request.map(Body::new)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // An error is the client's: it hung up, or sent what is not HTTP.
        _ = connection.as_mut() => return,
        _ = stopped.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn tidy(app: &App) {
    let mut every = tokio::time::interval(TIDY_EVERY);
    loop {
        every.tick().await;
        app.limits.forget_idle(edge::instant());
        app.tickets.forget_idle(edge::instant());
        http::tidy_sessions(app).await;
        notices::tidy(app).await;
        http::tidy_invites(app).await;
        http::tidy_acts(app).await;
        http::tidy_guests(app).await;
        http::tidy_invitations(app).await;
        http::tidy_replays(app).await;
        app.evidence.tidy(&app.store, edge::now()).await;
        proof::tidy(app).await;
        app.observe.upkeep();
    }
}

/// Makes `count` invites in a server's data folder, all or none, whether or not it is running, and returns their links.
pub async fn invite(data: &Data, count: u32) -> Result<Vec<String>, StartError> {
    let no_server = || StartError::NoServer(data.folder.display().to_string());
    let store = data.open_existing().await?.ok_or_else(no_server)?;
    let url = store.setting(PUBLIC_URL_SETTING).await?.ok_or_else(no_server)?;
    let created_at = edge::now();
    let (mut invites, mut links) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let secret = Secret::draw();
        invites.push(NewInvite { hash: secret.hash, owner: false, sponsor: None, created_at, expires_at: None });
        links.push(join_link(&url, &secret.text));
    }
    store.create_invites(&invites).await?;
    store.close().await;
    Ok(links)
}

/// Makes a link by which the member with this handle, or the owner, signs in once within a quarter of an hour, whether or
/// not the server is running.
pub async fn recover(data: &Data, handle: Option<&str>) -> Result<String, StartError> {
    let no_server = || StartError::NoServer(data.folder.display().to_string());
    let store = data.open_existing().await?.ok_or_else(no_server)?;
    let url = store.setting(PUBLIC_URL_SETTING).await?.ok_or_else(no_server)?;
    let handle = handle.map(|text| http::normal_handle(text).ok_or(StartError::NoMember)).transpose()?;
    let secret = Secret::draw();
    let made = store.recovery_link(&secret.hash, handle.as_deref(), link_end(edge::now())).await?;
    store.close().await;
    match made {
        RecoveryLink::Kept => Ok(sign_in_link(&url, &secret.text)),
        RecoveryLink::Suspended => Err(StartError::Suspended),
        RecoveryLink::NoMember => Err(StartError::NoMember),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    use super::*;

    /// Time is virtual: it goes on when nothing else can.
    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_come_is_not_waited_for() {
        for begun in ["", "GET / HTTP/1.1\r\nhost: localhost\r\n"] {
            let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (stream, peer) = listener.accept().await.unwrap();
            let (_running, stopped) = watch::channel(());
            client.write_all(begun.as_bytes()).await.unwrap();
            let began = Instant::now();
            serve_connection(Router::new(), stream, peer, stopped).await;
            assert_eq!(began.elapsed().as_secs(), HEAD_LIMIT.as_secs(), "{begun:?}");
            let mut answer = String::new();
            // Closed, with or without a word.
            let _ = client.read_to_string(&mut answer).await;
            assert!(!answer.contains("200"), "{answer}");
        }
    }
}
