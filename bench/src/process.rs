//! What Linux says of processes: CPU time, memory, who listens on a port, which files are open. From `/proc` alone.

use std::{fs, net::ToSocketAddrs as _, path::PathBuf, time::Duration};

/// `USER_HZ`: the unit of CPU times in `/proc`, 100 on every Linux architecture that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;

/// The broker's process, if it runs on this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Broker(Option<u32>);

impl Broker {
    /// Finds the process that listens on the address's port.
    pub(crate) fn find(address: &str) -> Self {
        let port = address
            .to_socket_addrs()
            .ok()
            .and_then(|mut all| all.next())
            .map(|address| address.port());
        Self(port.and_then(socket_listening_on).and_then(owner_of))
    }

    /// A process that is known.
    pub(crate) const fn of(process: u32) -> Self {
        Self(Some(process))
    }

    /// This process, the clients that it has.
    pub(crate) fn this() -> Self {
        Self(Some(std::process::id()))
    }

    /// Its number.
    pub(crate) const fn id(self) -> Option<u32> {
        self.0
    }

    /// CPU time that its threads have used, exactly; those that have ended are left out.
    pub(crate) fn cpu(self) -> Option<Duration> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.0?)).ok()?;
        let nanos = tasks.filter_map(|task| {
            let stat = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            stat.split_whitespace().next()?.parse::<u64>().ok()
        });
        Some(Duration::from_nanos(nanos.sum()))
    }

    /// CPU time used since [`Self::cpu`] said so much.
    pub(crate) fn cpu_since(self, earlier: Option<Duration>) -> Option<Duration> {
        Some(self.cpu()?.saturating_sub(earlier?))
    }

    /// Bytes of the segment files of a namespace's topics, which Kafka keeps open.
    pub(crate) fn log_bytes(self, namespace: &str) -> Option<u64> {
        let beginning = format!("{namespace}.");
        let is_ours = |path: &PathBuf| {
            let folder = path
                .parent()
                .and_then(|folder| folder.file_name())
                .and_then(|name| name.to_str());
            path.extension().is_some_and(|extension| extension == "log")
                && folder.is_some_and(|name| name.starts_with(&beginning))
        };
        let mut files: Vec<PathBuf> = open_files(self.0?).into_iter().filter(is_ours).collect();
        files.sort();
        files.dedup();
        (!files.is_empty()).then(|| {
            files
                .iter()
                .filter_map(|path| fs::metadata(path).ok())
                .map(|metadata| metadata.len())
                .sum()
        })
    }
}

/// CPU time that each process has used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu {
    /// The broker, if it runs on this machine.
    pub(crate) broker: Option<Duration>,
    /// The engine.
    pub(crate) engine: Option<Duration>,
    /// The worker.
    pub(crate) worker: Option<Duration>,
    /// The load generator.
    pub(crate) load: Option<Duration>,
    /// Everything on this machine, these included.
    pub(crate) machine: Option<Duration>,
}

impl Cpu {
    /// Up to now, of the broker, of an engine and of a worker.
    pub(crate) fn of(broker: Broker, engine: u32, worker: u32) -> Self {
        Self {
            broker: broker.0.and_then(cpu_of),
            engine: cpu_of(engine),
            worker: cpu_of(worker),
            load: cpu_of(std::process::id()),
            machine: cpu_of_machine(),
        }
    }

    /// What was used since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let since =
            |now: Option<Duration>, then: Option<Duration>| Some(now?.saturating_sub(then?));
        Self {
            broker: since(self.broker, earlier.broker),
            engine: since(self.engine, earlier.engine),
            worker: since(self.worker, earlier.worker),
            load: since(self.load, earlier.load),
            machine: since(self.machine, earlier.machine),
        }
    }

    /// What processes used that have no part in the benchmark: figures count only when it is little.
    pub(crate) fn others(&self) -> Option<Duration> {
        let ours = [self.broker, self.engine, self.worker, self.load]
            .into_iter()
            .flatten()
            .sum();
        Some(self.machine?.saturating_sub(ours))
    }
}

/// Resident memory.
pub(crate) fn rss_bytes(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1_024)
}

/// Files that a process may have open, as it is limited now.
pub(crate) fn files_max(id: u32) -> Option<usize> {
    let limits = fs::read_to_string(format!("/proc/{id}/limits")).ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn cpu_of(id: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold blanks; utime and stime are the 14th and 15th.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some(Duration::from_secs_f64(
        (ticks()? + ticks()?) / TICKS_PER_SECOND,
    ))
}

/// CPU time of all processors, idle time left out.
fn cpu_of_machine() -> Option<Duration> {
    const IDLE: [usize; 2] = [3, 4];
    let stat = fs::read_to_string("/proc/stat").ok()?;
    // user nice system idle iowait irq softirq steal; what follows is contained in the first two.
    let fields = stat
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .take(8)
        .enumerate();
    let busy = fields
        .filter(|(index, _)| !IDLE.contains(index))
        .filter_map(|(_, ticks)| ticks.parse::<f64>().ok());
    Some(Duration::from_secs_f64(
        busy.sum::<f64>() / TICKS_PER_SECOND,
    ))
}

/// The inode of the socket that listens on a port.
fn socket_listening_on(port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    let local = format!(":{port:04X}");
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|path| fs::read_to_string(path).unwrap_or_default());
    tables
        .iter()
        .flat_map(|table| table.lines().skip(1))
        .find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let listens = fields.get(1)?.ends_with(&local) && *fields.get(3)? == LISTEN;
            listens.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
        })
}

fn owner_of(inode: String) -> Option<u32> {
    let socket = PathBuf::from(format!("socket:[{inode}]"));
    let processes = fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes
        .into_iter()
        .find(|&id| open_files(id).contains(&socket))
}

fn open_files(id: u32) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(format!("/proc/{id}/fd")) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .collect()
}
