//! The kernel's account of processes and of the machine: proc(5). What it does not say is `None`, as on other systems.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// The kernel counts processor time in units of 1/100 s on every architecture (`USER_HZ`, proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time and memory of a process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// User and system time since its start, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory, in bytes.
    pub rss_bytes: u64,
}

/// What process `pid` has used.
pub fn usage(pid: u32) -> Option<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(Usage { cpu_seconds: cpu_seconds(&stat)?, rss_bytes: rss_bytes(&status)? })
}

/// The most resident memory that process `pid` ever had, in bytes.
pub fn peak_rss_bytes(pid: u32) -> Option<u64> {
    kib(&std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmHWM:")
}

/// Processor time of those threads of process `pid` whose names begin with `prefix`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Threads {
    /// How many there are.
    pub count: usize,
    /// Time on a processor since their start, in seconds.
    pub cpu_seconds: f64,
}

/// Counts the threads of process `pid` whose names begin with `prefix`; `None` if there are none.
pub fn threads(pid: u32, prefix: &str) -> Option<Threads> {
    let mut threads = Threads::default();
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if name.starts_with(prefix) {
            threads.count += 1;
            threads.cpu_seconds += schedstat(&task.path().join("schedstat"))?;
        }
    }
    (threads.count > 0).then_some(threads)
}

/// Processor time of the calling thread, in seconds.
pub fn own_thread_cpu_seconds() -> Option<f64> {
    schedstat(Path::new("/proc/thread-self/schedstat"))
}

fn schedstat(path: &Path) -> Option<f64> {
    on_cpu_seconds(&std::fs::read_to_string(path).ok()?)
}

/// The addresses of the UDP sockets of process `pid`, in ascending order.
pub fn udp_addresses(pid: u32) -> Vec<SocketAddr> {
    let links = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let inodes: BTreeSet<u64> =
        links.filter_map(|link| socket_inode(std::fs::read_link(link.path()).ok()?.to_str()?)).collect();
    let tables = ["udp", "udp6"].map(|table| std::fs::read_to_string(format!("/proc/{pid}/net/{table}")));
    let rows = tables.iter().flatten().flat_map(|table| table.lines().filter_map(udp_row));
    let mine: BTreeSet<SocketAddr> = rows.filter(|(_, inode)| inodes.contains(inode)).map(|row| row.0).collect();
    mine.into_iter().collect()
}

/// How many files this process may open.
pub fn files_limit() -> Option<u64> {
    open_files(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

/// One line on the machine: processor, cores, kernel.
pub fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let (cpu, kernel) = (read("/proc/cpuinfo"), read("/proc/sys/kernel/osrelease"));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cores} cores, Linux {}", cpu_model(&cpu).unwrap_or("unknown processor"), kernel.trim())
}

/// Fields 14 and 15 of `/proc/PID/stat` (proc(5)): user and system time. The name in field 2 may hold anything, so
/// counting begins after its closing bracket.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS_PER_SECOND)
}

/// `VmRSS` of `/proc/PID/status`, which is in KiB.
fn rss_bytes(status: &str) -> Option<u64> {
    kib(status, "VmRSS:")
}

/// What a line of a status file says in kB, in bytes.
fn kib(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1_024)
}

/// The first field of a schedstat file: nanoseconds on a processor.
fn on_cpu_seconds(schedstat: &str) -> Option<f64> {
    schedstat.split_ascii_whitespace().next()?.parse::<f64>().ok().map(|nanoseconds| nanoseconds / 1e9)
}

/// The inode in the target of a link to a socket, `socket:[4711]`.
fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// Local address and inode in a row of `/proc/net/udp` or `udp6`. The address is in hexadecimal, each group of four bytes
/// as a number of this machine.
fn udp_row(row: &str) -> Option<(SocketAddr, u64)> {
    let mut fields = row.split_ascii_whitespace().skip(1);
    let (ip, port) = fields.next()?.split_once(':')?;
    let inode = fields.nth(7)?.parse().ok()?;
    let word = |index: usize| u32::from_str_radix(ip.get(index * 8..index * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip: IpAddr = match ip.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let mut bytes = [0; 16];
            for (index, four) in bytes.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(index)?);
            }
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    Some((SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?), inode))
}

/// The soft limit in the row `Max open files` of `/proc/PID/limits`.
fn open_files(limits: &str) -> Option<u64> {
    let row = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    row.split_ascii_whitespace().next()?.parse().ok()
}

/// The first `model name` of `/proc/cpuinfo`.
fn cpu_model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_account_of_a_process_is_read() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 5 0 1 2 3";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(rss_bytes("Name:\tx\nVmHWM:\t  9 kB\nVmRSS:\t  2048 kB\n"), Some(2_097_152));
        assert_eq!((cpu_seconds("nonsense"), rss_bytes("")), (None, None));
        assert!(usage(std::process::id()).is_some());
    }

    #[test]
    fn time_on_a_processor_is_in_nanoseconds() {
        assert_eq!(on_cpu_seconds("2500000000 17 3\n"), Some(2.5));
        assert_eq!(on_cpu_seconds(""), None);
        std::thread::Builder::new()
            .name("busy-7".into())
            .spawn(|| {
                let own = own_thread_cpu_seconds();
                let found = threads(std::process::id(), "busy-").map(|threads| threads.count);
                assert_eq!((own.is_some(), found), (true, Some(1)));
            })
            .unwrap()
            .join()
            .unwrap();
        assert_eq!(threads(std::process::id(), "nobody is called so"), None);
    }

    #[test]
    fn udp_sockets_of_a_process_are_found() {
        let row =
            "  12: 0100007F:1F90 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0 0";
        if cfg!(target_endian = "little") {
            assert_eq!(udp_row(row), Some(("127.0.0.1:8080".parse().unwrap(), 4711)));
        }
        let head =
            "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref";
        for wrong in [head, "", "1: 0100007F:1F90", "1: xyz:1F90 a b c d e f 1 1"] {
            assert_eq!(udp_row(wrong), None, "{wrong}");
        }
        assert_eq!((socket_inode("socket:[4711]"), socket_inode("pipe:[4711]")), (Some(4711), None));
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(udp_addresses(std::process::id()).contains(&socket.local_addr().unwrap()));
    }

    #[test]
    fn limits_and_model_are_read() {
        let limits =
            "Limit   Soft Limit Hard Limit Units\nMax open files            1024                 20000  files\n";
        assert_eq!((open_files(limits), open_files("")), (Some(1_024), None));
        assert_eq!(cpu_model("processor: 0\nmodel name\t: AMD EPYC\nmodel name\t: other\n"), Some("AMD EPYC"));
        assert!(machine().contains("cores, Linux"));
    }
}
