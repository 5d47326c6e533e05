//! What the process that runs a scenario and its load processes say to each other: one JSON object in each line, orders
//! on a load process's standard input, reports on its standard output.
//!
//! A process may open only so many files, so ten thousand people with a control socket and a media leg each are spread
//! over several processes. People are known by a number that the scenario gives them.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// A person's number in a run.
pub type PersonNo = u32;

/// What a load process is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Order {
    /// The first order, and only the first.
    Begin {
        /// The server, like `http://127.0.0.1:8080`.
        server: String,
    },
    /// These people enter. Each is answered with [`Report::Entered`] or [`Report::Failed`].
    Enter {
        /// Who.
        people: Vec<Newcomer>,
        /// How many are on their way at once; the next begins when one is in or has failed.
        at_once: usize,
    },
    /// These people leave by their control socket. Each is answered with [`Report::Left`].
    Leave {
        /// Who.
        people: Vec<PersonNo>,
    },
    /// Counting begins: all counts are zero, and the newest packet of each listener is the last that does not count.
    Mark,
    /// Asks for what was counted since [`Order::Mark`]: [`Report::Counts`]. Counting goes on.
    Count,
    /// Asks for the UDP addresses of the listeners: [`Report::Addresses`].
    Addresses,
    /// Asks who has received a packet in the last so many milliseconds: [`Report::Receiving`].
    Receiving {
        /// Milliseconds.
        within: u64,
    },
    /// Everybody leaves at once and the process ends. So it does at the end of its standard input.
    End,
}

/// Somebody who is to enter a room and listen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newcomer {
    /// Their number.
    pub person: PersonNo,
    /// The room's id.
    pub room: String,
    /// How they sign in.
    pub pass: Pass,
    /// A full peer: an implementation that is not ours decrypts every packet, and what is in it is compared with what was
    /// sent. Else a light one, which authenticates packets and counts them.
    pub full: bool,
}

/// How somebody signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// As a new member, by an invite.
    Invite {
        /// Its code.
        code: String,
        /// The handle to take.
        handle: String,
        /// The name to go by.
        name: String,
    },
    /// As somebody who is a member already, by a session token.
    Bearer(String),
}

/// What a load process says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "snake_case")]
pub enum Report {
    /// Somebody hears the room: their first packet has come and was authentic.
    Entered {
        /// Who.
        person: PersonNo,
        /// Their session token.
        bearer: String,
        /// How long each step took.
        steps: Steps,
    },
    /// Somebody could not enter.
    Failed {
        /// Who.
        person: PersonNo,
        /// The server's error code if it refused, else empty.
        code: String,
        /// One line for people.
        why: String,
        /// Milliseconds from the request that failed to its answer.
        after_ms: f64,
    },
    /// Somebody has left: the server has said so.
    Left {
        /// Who.
        person: PersonNo,
        /// Authentic packets that came more than 250 ms after the server had said that they have left. None should.
        late_packets: u64,
    },
    /// Somebody lost their control socket or their leg without having asked for it.
    Cut {
        /// Who.
        person: PersonNo,
        /// One line for people.
        why: String,
    },
    /// Every second: what there is.
    Progress {
        /// People who hear a room now.
        connected: usize,
        /// Authentic packets since the beginning.
        packets: u64,
    },
    /// What was counted since the mark.
    Counts(Counts),
    /// Where listeners receive.
    Addresses {
        /// The local address of each listener's UDP socket.
        addresses: Vec<SocketAddr>,
    },
    /// Who has received a packet lately.
    Receiving {
        /// Who.
        people: Vec<PersonNo>,
    },
}

/// How long somebody's way in took, step by step, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Steps {
    /// Redeeming the invite; 0 for a session that was there.
    pub sign_in: f64,
    /// From then until the control socket had brought the snapshot.
    pub socket: f64,
    /// From then until the offer was answered.
    pub offer: f64,
    /// From then until ICE and DTLS were done.
    pub leg: f64,
    /// From then until the first packet.
    pub sound: f64,
    /// Times that the server asked to come back later (429 and 503) and was obeyed.
    pub retries: u32,
}

/// What the listeners of a process counted since the mark.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// People who listened at the mark and still do.
    pub listeners: usize,
    /// Of those, how many received something.
    pub heard: usize,
    /// Of those, how many had a pause of more than a second between two packets, or before the first or after the last.
    pub starved: usize,
    /// The longest such pause of anybody, in milliseconds.
    pub longest_pause_ms: f64,
    /// Sequence numbers from the first to the last packet of each slot of each listener: what the server sent.
    pub expected: u64,
    /// Different packets that were received and authentic.
    pub received: u64,
    /// Packets that were received again.
    pub duplicates: u64,
    /// Packets that were received after a later one.
    pub reordered: u64,
    /// Packets that looked like ours and were not authentic.
    pub forged: u64,
    /// Datagrams from anywhere else than the server's media address.
    pub foreign: u64,
    /// Bytes of all authentic packets, from the RTP header to the tag.
    pub bytes: u64,
    /// Of full peers: how many there are.
    pub full: usize,
    /// Their frames of 20 ms between the first and the last of each talker.
    pub frames_expected: u64,
    /// Different frames that they received, byte for byte as they were sent.
    pub frames: u64,
    /// Packets with something in them that nobody sent.
    pub mismatches: u64,
}
