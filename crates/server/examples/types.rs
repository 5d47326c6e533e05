//! Writes the types of the protocol for the web client: `protocol/generated/*.ts` for the control socket, and
//! `api/openapi.json`, from which `scripts/types.sh` makes `api/schema.d.ts`.
//!
//! `cargo run -p roomtone --example types -- DIR`

use std::error::Error;
use std::path::PathBuf;

use roomtone::wire::hallway::LiveMessage;
use roomtone::wire::notices::PushMessage;
use roomtone::wire::socket::{ClientMessage, ServerMessage};
use ts_rs::{Config, TS};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: types DIR")?);
    let config = Config::new().with_out_dir(folder.join("protocol/generated"));
    ServerMessage::export_all(&config)?;
    ClientMessage::export_all(&config)?;
    LiveMessage::export_all(&config)?;
    PushMessage::export_all(&config)?;
    let api = folder.join("api");
    std::fs::create_dir_all(&api)?;
    std::fs::write(api.join("openapi.json"), roomtone::http::openapi().to_pretty_json()? + "\n")?;
    Ok(())
}
