//! RTP, STUN and DTLS over TCP: each packet with its length before it in two bytes (RFC 4571, section 2).

/// Longest packet that is read. Longer ones than any browser sends end the connection.
pub(super) const PACKET_MAX: usize = 2048;

/// Bytes that may wait to be written to one connection, about four seconds of one voice. More rides out longer stalls
/// with staler sound; a packet that does not fit is dropped, as a full UDP queue would.
const PENDING_MAX: usize = 32 * 1024;

/// The peer sent a packet longer than [`PACKET_MAX`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Cuts what is read from one connection into packets.
#[derive(Debug, Default)]
pub(super) struct Reader {
    buffer: Vec<u8>,
}

impl Reader {
    /// Adds `bytes` and calls `each` with every packet that is whole now.
    pub(super) fn read(&mut self, bytes: &[u8], mut each: impl FnMut(&mut [u8])) -> Result<(), TooLong> {
        self.buffer.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(header) = self.buffer.get(at..at + 2) {
            let len = usize::from(u16::from_be_bytes([header[0], header[1]]));
            if len > PACKET_MAX {
                return Err(TooLong);
            }
            let Some(packet) = self.buffer.get_mut(at + 2..at + 2 + len) else {
                break;
            };
            each(packet);
            at += 2 + len;
        }
        self.buffer.drain(..at);
        Ok(())
    }
}

/// What waits to be written to one connection.
#[derive(Debug, Default)]
pub(super) struct Writer {
    buffer: Vec<u8>,
    written: usize,
}

impl Writer {
    /// Queues a packet; returns false if there is no room for it.
    pub(super) fn push(&mut self, packet: &[u8]) -> bool {
        let Ok(len) = u16::try_from(packet.len()) else {
            return false;
        };
        if self.pending().len() + 2 + packet.len() > PENDING_MAX {
            return false;
        }
        if self.written > 0 {
            self.buffer.drain(..self.written);
            self.written = 0;
        }
        self.buffer.extend_from_slice(&len.to_be_bytes());
        self.buffer.extend_from_slice(packet);
        true
    }

    /// What is to be written next.
    pub(super) fn pending(&self) -> &[u8] {
        &self.buffer[self.written..]
    }

    /// Notes that `n` bytes of [`Self::pending`] were written.
    pub(super) fn wrote(&mut self, n: usize) {
        self.written = (self.written + n).min(self.buffer.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_in_pieces(bytes: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut reader = Reader::default();
        let mut packets = Vec::new();
        for piece in bytes.chunks(piece) {
            reader.read(piece, |packet| packets.push(packet.to_vec()))?;
        }
        Ok(packets)
    }

    #[test]
    fn packets_survive_any_cut() {
        let packets: Vec<Vec<u8>> = vec![vec![1, 2, 3], vec![], vec![9; PACKET_MAX]];
        let mut writer = Writer::default();
        for packet in &packets {
            assert!(writer.push(packet));
        }
        let bytes = writer.pending().to_vec();
        for piece in [1, 2, 3, 7, bytes.len()] {
            assert_eq!(read_in_pieces(&bytes, piece), Ok(packets.clone()), "{piece}");
        }
    }

    #[test]
    fn a_packet_that_is_too_long_is_refused() {
        let len = u16::try_from(PACKET_MAX + 1).unwrap().to_be_bytes();
        assert_eq!(read_in_pieces(&len, 2), Err(TooLong));
    }

    #[test]
    fn a_full_writer_drops_and_recovers() {
        let mut writer = Writer::default();
        let packet = [7; 1000];
        let fitted = (0..1000).take_while(|_| writer.push(&packet)).count();
        assert_eq!(fitted, PENDING_MAX / 1002);
        writer.wrote(1002);
        assert!(writer.push(&packet));
        assert!(!writer.push(&packet));
        assert_eq!(writer.pending().len(), fitted * 1002);
    }
}
