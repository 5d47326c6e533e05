//! The live socket: one task for each page that is open, to which the hallway, notices and calls are told.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::{Connection, Heard, Upgrade};
use super::{Allowance, Asked, COMMANDS_BURST, COMMANDS_PER_SECOND, LATE_BY, Life, PULSE_EVERY};
use crate::app::App;
use crate::http::SignedIn;
use crate::live::{Hearing, goodbye};
use crate::wire::ApiError;
use crate::wire::socket::ByeCode;

/// Opens a live socket.
pub(crate) async fn upgrade(
    State(app): State<Arc<App>>,
    caller: SignedIn,
    upgrade: Result<Upgrade, ApiError>,
) -> Result<Response, ApiError> {
    Ok(upgrade?.start(move |socket| serve(app, caller, socket)))
}

/// Serves one socket until either side is done with it.
async fn serve(app: Arc<App>, caller: SignedIn, mut socket: Connection) {
    let SignedIn { member, session, as_of } = caller;
    let member_id = member.person.id;
    let Some(mut hearing) = app.live.open(&app.rooms, member.person.into(), session) else {
        let code = if app.rooms.is_stopping() { ByeCode::ShuttingDown } else { ByeCode::ServerFull };
        if socket.send(&goodbye(code)).await {
            socket.close().await;
        }
        return;
    };
    // If the session was ended since it was looked up, whoever ended it came too early to find this socket.
    if app.rooms.sign_outs() != as_of && !matches!(app.store.session(&session).await, Ok(Some(_))) {
        app.live.end_session(member_id, session);
    }
    metrics::gauge!("roomtone_live_sockets_open").increment(1.0);
    let end = talk(&mut socket, &mut hearing).await;
    app.live.closed(member_id, hearing.number);
    match end {
        End::Lost => drop(socket),
        End::Told => socket.close().await,
        End::TooSlow => {
            if socket.send(&goodbye(ByeCode::TooSlow)).await {
                socket.close().await;
            }
        }
    }
    metrics::gauge!("roomtone_live_sockets_open").decrement(1.0);
}

/// Why nothing more is to be said on a socket.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The connection is lost.
    Lost,
    /// The last message has been sent.
    Told,
    /// The socket was let go of without a last message, because its queue had no room for one.
    TooSlow,
}

/// Sends what there is to tell until the connection is lost or the socket is let go of.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut Connection<S>, hearing: &mut Hearing) -> End {
    let mut wake = std::pin::pin!(tokio::time::sleep(PULSE_EVERY));
    let (mut life, mut allowance) = (Life::default(), Allowance::new(COMMANDS_BURST, COMMANDS_PER_SECOND));
    // What was there before counts as new.
    hearing.hallway.mark_changed();
    loop {
        tokio::select! {
            // What must not be lost goes first. A queue that is closed ends the socket, and with it the hallway.
            biased;
            message = hearing.queue.recv() => {
                let Some(message) = message else { return End::TooSlow };
                if !socket.send(&message).await {
                    return End::Lost;
                }
                if message.is_last() {
                    return End::Told;
                }
            }
            Ok(()) = hearing.hallway.changed() => {
                let newest = hearing.hallway.borrow_and_update().clone();
                if let Some(hallway) = newest
                    && !socket.send(&hallway).await
                {
                    return End::Lost;
                }
            }
            said = socket.hear() => {
                life.shown();
                match said {
                    Heard::End => return End::Lost,
                    Heard::Life => {}
                    // Nothing that a client says here means anything; who says much is not listened to.
                    Heard::Text(_) | Heard::Binary if allowance.take() => {}
                    Heard::Text(_) | Heard::Binary => return End::Lost,
                }
            }
            () = &mut wake => {
                let wait = match life.asked() {
                    Asked::Fine if socket.pulse().await => PULSE_EVERY,
                    Asked::Late => LATE_BY,
                    Asked::Fine | Asked::Gone => return End::Lost,
                };
                wake.as_mut().reset((crate::edge::instant() + wait).into());
            }
        }
    }
}
