//! Disks that are full: small ones in memory, which only root may mount. Where that is not allowed, these tests say so and do nothing.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use roomtone_room::ids::ReplayId;
use roomtone_store::ReplayState;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::evidence::Talk;
use crate::support::{Member, Server, Trusting};
use crate::tones::{decoded, loudness, tone};

const MIB: u64 = 1 << 20;

/// What the server leaves free on a disk.
const RESERVE: u64 = 64 * MIB;

/// A small disk, which goes with this.
struct Disk(PathBuf);

impl Disk {
    /// Mounts one; `None` where that is not allowed.
    fn mount(at: &Path, bytes: u64) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let options = format!("size={bytes},mode=700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        let refused = match mounted {
            Ok(mounted) if mounted.status.success() => return Some(Self(at.to_owned())),
            Ok(mounted) => String::from_utf8_lossy(&mounted.stderr).into_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => "there is no mount".to_owned(),
            Err(error) => panic!("{error}"),
        };
        let why = refused.to_lowercase();
        let known = ["permi", "superuser", "there is no mount"].iter().any(|part| why.contains(part));
        assert!(known, "{refused}");
        eprintln!("left out, since no disk can be mounted here: {refused}");
        None
    }

    /// Takes up what is free but so much.
    fn fill(&self, but: u64) -> PathBuf {
        let path = self.0.join(format!("filler-{but}"));
        let mut file = File::create(&path).unwrap();
        let block = vec![1; 64 << 10];
        loop {
            let disk = rustix::fs::statvfs(&self.0).unwrap();
            let left = (disk.f_bavail * disk.f_frsize).saturating_sub(but).min(block.len() as u64);
            match file.write(&block[..left as usize]) {
                Ok(0) => return path,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return path,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // At once for everybody who looks, whatever is still open.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}

/// A server on a data folder, as [`Trusting::sqlite`] is.
async fn on(data: TempDir) -> Trusting {
    Trusting { server: Server::start_with(data.path(), &["--proxy", "127.0.0.1"]).await, data }
}

/// Begins to record Ben, who agrees.
async fn recorded(talk: &mut Talk<'_>) -> ReplayId {
    talk.host.accepted(json!({ "type": "set_recording", "to": "everyone" })).await;
    let begun = talk.listener_here.event("recording_begun").await["recording"].clone();
    let consent =
        json!({ "type": "consent_recording", "replay": begun["replay"], "text": begun["text"], "agree": true });
    talk.ben_here.accepted(consent).await;
    begun["replay"].as_str().unwrap().parse().unwrap()
}

/// Says a second of a tone, which is in the track when this returns.
async fn say_tone(talk: &mut Talk<'_>, replay: ReplayId) {
    let packets = tone(900.0, 50);
    for packet in &packets {
        // A leg says the first byte by itself.
        assert_eq!(packet[0], 31 << 3);
        talk.says[0].say(&packet[1..]);
        talk.hears.heard(&packet[1..]).await;
    }
    let track = talk.server.app.recorder.folder_of(replay).join("1.track");
    let said: usize = packets.iter().map(Vec::len).sum();
    while fs::metadata(&track).map_or(0, |file| file.len()) < said as u64 {
        tokio::task::yield_now().await;
    }
}

async fn stopped_by_the_disk(talk: &mut Talk<'_>) {
    let stopped = talk.listener_here.event("recording_stopped").await;
    assert_eq!((&stopped["cause"], &stopped["by"]), (&json!("disk_full"), &Value::Null));
}

async fn state(server: &Server, replay: ReplayId) -> (ReplayState, u32) {
    let found = server.app.store.recording(replay).await.unwrap().unwrap();
    (found.state, found.tries)
}

/// The replay of Ben's tone, once it is made.
async fn until_made(server: &Server, token: &str, replay: ReplayId) {
    while state(server, replay).await.0 != ReplayState::Ready {
        assert!(state(server, replay).await.0 < ReplayState::Failed);
        tokio::task::yield_now().await;
    }
    let heard = server.get(&format!("/api/replays/{replay}/audio.ogg"), Some(token)).await;
    let sound = decoded(&heard.bytes);
    let loudest = sound.chunks(4_800).map(|part| loudness(part, 900.0)).fold(0.0, f32::max);
    assert!(loudest > 0.02, "{loudest} in {} samples", sound.len());
}

/// The disk of the recordings alone is full: what was recorded becomes a replay, which is on another disk, and all else goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_recordings_stops_them_and_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(&data.path().join("recordings"), RESERVE + 4 * MIB) else { return };
    let on = on(data).await;
    let mut talk = Talk::of(&on).await;
    let replay = recorded(&mut talk).await;
    say_tone(&mut talk, replay).await;
    let filler = disk.fill(0);
    stopped_by_the_disk(&mut talk).await;
    assert!(
        rustix::fs::statvfs(&disk.0).unwrap().f_bavail == 0
            || state(talk.server, replay).await.0 > ReplayState::Recording
    );
    // The talk goes on, and so does everything else.
    talk.say(0, 1).await;
    talk.say(1, 2).await;
    talk.host.accepted(json!({ "type": "pin_link", "url": "https://example.org/", "label": "A page" })).await;
    let newcomer = on.member().await;
    newcomer.enter(&talk.room).await;
    // While the disk is full: the replay is elsewhere, so there is room for it.
    until_made(talk.server, &talk.ben.token, replay).await;
    assert!(!disk.0.join(replay.to_string()).exists());
    // Nothing is recorded before there is room, and then it is.
    let full = recorded(&mut talk).await;
    stopped_by_the_disk(&mut talk).await;
    assert_ne!(full, replay);
    fs::remove_file(filler).unwrap();
    let again = recorded(&mut talk).await;
    say_tone(&mut talk, again).await;
    talk.host.accepted(json!({ "type": "set_recording", "to": null })).await;
    until_made(talk.server, &talk.ben.token, again).await;
    drop(talk);
    on.server.stop().await;
}

/// The whole data folder is on a disk that becomes full. Recordings stop first, and what they leave keeps the database going. When that is
/// used up by somebody else too, what cannot be kept is not acknowledged; and when there is room, all is as it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_everything_loses_nothing_that_was_acknowledged() {
    let outside = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(outside.path(), 160 * MIB) else { return };
    let on = on(tempfile::tempdir_in(outside.path()).unwrap()).await;
    let mut talk = Talk::of(&on).await;
    let replay = recorded(&mut talk).await;
    say_tone(&mut talk, replay).await;
    let nearly = disk.fill(RESERVE - 2 * MIB);
    stopped_by_the_disk(&mut talk).await;
    // There is room for the database: everything but recording goes on.
    talk.say(1, 1).await;
    talk.host.accepted(json!({ "type": "pin_link", "url": "https://example.org/1", "label": "Kept" })).await;
    let newcomer = on.member().await;
    newcomer.enter(&talk.room).await;
    talk.server.app.replays.changed();
    let late = on.member().await;
    // A replay would take what is left, so it waits, and has not been tried.
    assert_eq!(state(talk.server, replay).await, (ReplayState::Waiting, 0));

    // With nothing left, the database may have some room in its log still; when it has not, it says so and nothing else.
    let rest = disk.fill(0);
    for _ in 0..20 {
        if let Err(refused) = late.try_connect(&talk.room, None, &[]).await {
            assert_eq!(refused, (503, "busy".to_owned()));
        }
    }
    assert_eq!(talk.server.get("/livez", None).await.status.as_u16(), 200);

    fs::remove_file(rest).unwrap();
    fs::remove_file(nearly).unwrap();
    let (room, who) =
        (talk.room.clone(), [&talk.ben, &late].map(|m| (m.token.clone(), m.handle.clone(), m.id.clone())));
    drop((talk, newcomer, late));
    let Trusting { server, data } = on;
    server.stop().await;
    // What waited for room is looked at again at the next start, or within a minute.
    let server = Server::start_in(data.path()).await;
    let [ben, late] = who.map(|(token, handle, id)| Member { server: &server, token, handle, id });
    let mut here = late.connect(&room, None).await;
    let snapshot = here.next("snapshot").await;
    let links: Vec<_> =
        snapshot["settings"]["links"].as_array().unwrap().iter().map(|one| one["url"].clone()).collect();
    assert_eq!(links, ["https://example.org/1"]);
    assert_eq!(snapshot["stage"].as_array().unwrap().len(), 3, "the same stage");
    until_made(&server, &ben.token, replay).await;
    server.stop().await;
}
