//! Files that are small and must be whole: written beside, synced, and renamed over.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, ErrorKind};

/// Writes a file as a whole: after a crash it is the old one or the new one, and after a power failure too.
pub(crate) fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = BufWriter::new(File::create(&beside)?);
    write(&mut file)?;
    file.into_inner()?.sync_all()?;
    fs::rename(&beside, path)?;
    sync_name(path)
}

/// The same, but what a power failure leaves of it is open until [`sync`].
fn replace_soon(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    File::create(&beside)?.write_all(bytes)?;
    fs::rename(&beside, path)
}

/// Makes a file and its name outlast a power failure.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    sync_name(path)
}

fn sync_name(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

/// Writes a value as JSON, as a whole.
pub(crate) fn save<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let json = serde_json::to_vec_pretty(value)?;
    replace(path, |file| file.write_all(&json))
}

/// The same, but what a power failure leaves of it is open until [`sync`].
pub(crate) fn save_soon<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    replace_soon(path, &serde_json::to_vec_pretty(value)?)
}

/// Reads what [`save`] wrote; `None` if there is nothing.
pub(crate) fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::storage("read", path, &error)),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        let text = format!("{} is not what this broker wrote: {error}", path.display());
        Error::new(ErrorKind::Corrupt, "broker-data", text)
    })
}
