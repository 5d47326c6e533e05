//! Starting and stopping.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use roomtone_store::{NewInvite, Store};
use tokio::net::TcpListener;

use crate::app::{App, PUBLIC_URL_SETTING, StartError};
use crate::cli::join_link;
use crate::edge::{self, Secret};
use crate::http;

/// How long requests under way may take once the server is told to stop.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How often idle limits and old metrics are tidied up.
const TIDY_EVERY: Duration = Duration::from_secs(30);

/// Serves until `stop` resolves, then says goodbye to every client. Live rooms do not end: they are there again after
/// the next start.
pub async fn serve(app: Arc<App>, listener: TcpListener, stop: impl Future<Output = ()>) -> std::io::Result<()> {
    // Messages on control sockets are small and must not wait for each other; failing that, they only come later.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let router = http::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let (stopped, stopping) = tokio::sync::oneshot::channel::<()>();
    let server = axum::serve(listener, router).with_graceful_shutdown(async {
        let _ = stopping.await;
    });
    let mut server = tokio::spawn(server.into_future());
    let tidy = tokio::spawn(tidy(app.clone()));
    tokio::select! {
        ended = &mut server => return ended?,
        () = stop => {}
    }
    tracing::info!("stopping");
    tidy.abort();
    // A room whose store does not answer must not keep the process alive; nothing that was acknowledged is lost.
    if tokio::time::timeout(STOP_LIMIT, app.rooms.shut_down()).await.is_err() {
        tracing::warn!("some rooms did not stop in time");
    }
    let _ = stopped.send(());
    // Clients that do not close in time are cut off.
    let ended = tokio::time::timeout(STOP_LIMIT, &mut server).await;
    app.store.close().await;
    match ended {
        Ok(ended) => ended?,
        Err(_) => {
            server.abort();
            Ok(())
        }
    }
}

async fn tidy(app: Arc<App>) {
    let mut every = tokio::time::interval(TIDY_EVERY);
    loop {
        every.tick().await;
        app.limits.forget_idle();
        app.observe.upkeep();
    }
}

/// Makes an invite in a server's data folder, whether or not it is running, and returns its link.
pub async fn invite(data: &Path) -> Result<String, StartError> {
    let no_server = || StartError::NoServer(data.display().to_string());
    if !data.join(roomtone_store::DATABASE_FILE).exists() {
        return Err(no_server());
    }
    let store = Store::open(data).await?;
    let url = store.setting(PUBLIC_URL_SETTING).await?.ok_or_else(no_server)?;
    let secret = Secret::draw();
    store
        .create_invite(NewInvite {
            hash: secret.hash,
            owner: false,
            sponsor: None,
            created_at: edge::now(),
            expires_at: None,
        })
        .await?;
    store.close().await;
    Ok(join_link(&url, &secret.text))
}
