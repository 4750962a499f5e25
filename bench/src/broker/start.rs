//! From spawning the process to its first answer, with nothing in its folder and with logs; and `dev` to its ready file.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{
    clients::{Producer, RECORD_BYTES},
    pair::median,
    row::{Figure, Row, Target},
};
use crate::{
    clock,
    embedded::{Embedded, Program},
    kafka,
};

const STARTS: usize = 10;
const START_MS_MAX: f64 = 150.0;

/// Records in the folder: some 100 MB.
const RECORDS: u32 = 500_000;
const TOPIC: &str = "records";

/// How long `dev` may take.
const DEV_MAX: Duration = Duration::from_secs(30);

pub(super) fn rows(program: &Program, app: &Path) -> Result<Vec<Row>> {
    let logs = TempDir::new()?;
    write(program, logs.path(), RECORDS)?.stop()?;
    let fresh = || {
        let folder = TempDir::new()?;
        Ok(to_first_answer(program, folder.path())?.1)
    };
    let closed = || {
        let (broker, time) = to_first_answer(program, logs.path())?;
        broker.stop()?;
        Ok(time)
    };
    let killed = || {
        drop(write(program, logs.path(), 1)?);
        Ok(to_first_answer(program, logs.path())?.1)
    };
    Ok(vec![
        row("start to the first answer", fresh)?,
        row("start with 100 MB of logs", closed)?,
        row("start with 100 MB after kill -9", killed)?,
        row("order-saga dev to its ready file", || dev(app))?,
    ])
}

fn row(name: &str, one: impl Fn() -> Result<Duration>) -> Result<Row> {
    let times: Vec<f64> = (0..STARTS)
        .map(|_| Ok(one()?.as_secs_f64() * 1_000.0))
        .collect::<Result<_>>()
        .context(name.to_owned())?;
    let figure = Figure::new(name, "ms", Target::Below(START_MS_MAX));
    Ok(Row::new(figure, median(times), None))
}

fn to_first_answer(program: &Program, data: &Path) -> Result<(Embedded, Duration)> {
    let begun = clock::now();
    let broker = Embedded::start(program, data, 0)?;
    ask(broker.address())?;
    Ok((broker, begun.elapsed()))
}

/// Asks which requests the broker answers, in the oldest version.
fn ask(address: &str) -> Result<()> {
    const API_VERSIONS: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 255, 255];
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(&API_VERSIONS)?;
    let mut answer = [0; 8];
    stream.read_exact(&mut answer)?;
    match answer[4..] {
        [0, 0, 0, 7] => Ok(()),
        _ => bail!("the broker answers another request"),
    }
}

/// A broker that has taken so many records more.
fn write(program: &Program, data: &Path, records: u32) -> Result<Embedded> {
    let broker = Embedded::start(program, data, 0)?;
    let producer = Producer::new(&kafka::producer(broker.address()), TOPIC)?;
    for _ in 0..records {
        producer.send(&[b'r'; RECORD_BYTES])?;
    }
    producer.wait()?;
    Ok(broker)
}

fn dev(app: &Path) -> Result<Duration> {
    let folder = TempDir::new()?;
    let ready = folder.path().join("ready.json");
    let begun = clock::now();
    let child = Command::new(app)
        .args(["dev", "--ephemeral", "--kafka-port", "0", "--ready-file"])
        .arg(&ready)
        .stdout(Stdio::null())
        .spawn()?;
    let mut dev = Dev(child);
    while !ready.exists() {
        if let Some(status) = dev.0.try_wait()? {
            bail!("dev ended: {status}");
        }
        if begun.elapsed() > DEV_MAX {
            bail!("dev is not ready after {DEV_MAX:?}");
        }
        thread::park_timeout(Duration::from_micros(500));
    }
    Ok(begun.elapsed())
}

/// It has a folder to remove: it is asked to end, not killed.
struct Dev(Child);

impl Drop for Dev {
    fn drop(&mut self) {
        let _asked = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _reaped = self.0.wait();
    }
}
