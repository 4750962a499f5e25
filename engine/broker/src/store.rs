//! Files that are small and must be whole: written beside, and renamed over.
//!
//! ```text
//!   crc32c 1b2c3d4e      of all that follows; a file of an earlier release has no such line, and is read without
//!   json
//! ```

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error, ErrorKind,
    disk::{self, Output},
};

/// A file that is to take the place of another; removed again unless it does.
#[derive(Debug)]
pub(crate) struct Beside<'a> {
    path: &'a Path,
    beside: PathBuf,
    file: Arc<File>,
    is_placed: bool,
}

impl<'a> Beside<'a> {
    /// Writes it; it can be appended to later.
    pub(crate) fn write(path: &'a Path, bytes: &[u8]) -> io::Result<Self> {
        Self::write_by(path, |file| file.write_all(bytes))
    }

    /// The same for what is too much to be put together first.
    pub(crate) fn write_by(
        path: &'a Path,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<Self> {
        let beside = path.with_extension("new");
        remove_if_present(&beside)?;
        let mut options = OpenOptions::new();
        let file = options.append(true).create_new(true).open(&beside)?;
        let new = Self {
            path,
            beside,
            file: Arc::new(file),
            is_placed: false,
        };
        let mut buffer = BufWriter::new(Output(&*new.file));
        write(&mut buffer).and_then(|()| buffer.flush())?;
        drop(buffer);
        Ok(new)
    }

    /// Makes what it has outlast a power failure; its name does so once the folder is synced.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Takes the place, and gives the open file.
    pub(crate) fn rename(mut self) -> io::Result<Arc<File>> {
        fs::rename(&self.beside, self.path)?;
        self.is_placed = true;
        Ok(self.file.clone())
    }
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        if !self.is_placed {
            // What stays is written over the next time.
            drop(fs::remove_file(&self.beside));
        }
    }
}

/// Writes a file as a whole: after a crash it is the old one or the new one, and after a power failure too.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = Beside::write(path, bytes)?;
    new.sync()?;
    new.rename()?;
    sync_name(path)
}

/// The same, but what a power failure leaves of it is open.
pub(crate) fn replace_soon(path: &Path, bytes: &[u8]) -> io::Result<()> {
    Beside::write(path, bytes)?.rename().map(drop)
}

/// Makes a file and its name outlast a power failure.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    sync_name(path)
}

fn sync_name(path: &Path) -> io::Result<()> {
    disk::sync_folder(folder_of(path))
}

/// The folder of a file.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// Removes a file that may not exist.
pub(crate) fn remove_if_present(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes a value as JSON with its checksum, as a whole.
pub(crate) fn save<T: Serialize + ?Sized>(path: &Path, value: &T) -> io::Result<()> {
    replace(path, &encode(value)?)
}

/// A value as the file has it.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec_pretty(value)?;
    let mut bytes = format!("{CHECKSUM}{:08x}\n", crc32c::crc32c(&json)).into_bytes();
    bytes.extend(json);
    Ok(bytes)
}

/// Reads what [`save`] wrote; `None` if there is nothing.
pub(crate) fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::storage("read", path, &error)),
    };
    decode(&bytes).map(Some).map_err(|reason| {
        let text = format!("{} is not what this broker wrote: {reason}", path.display());
        Error::new(ErrorKind::Corrupt, "broker-data", text)
    })
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let json = match bytes.strip_prefix(CHECKSUM.as_bytes()) {
        Some(rest) => {
            let (crc, json) = rest.split_at_checked(9).ok_or("it is cut short")?;
            match crc == format!("{:08x}\n", crc32c::crc32c(json)).as_bytes() {
                true => json,
                false => return Err("its checksum does not fit".to_owned()),
            }
        }
        None => bytes,
    };
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

const CHECKSUM: &str = "crc32c ";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::faults::set_bytes_left;

    #[test]
    fn a_value_comes_back_and_any_flipped_bit_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list.json");
        save(&path, &["orders", "bills"]).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(
            load::<Vec<String>>(&path).unwrap().unwrap(),
            ["orders", "bills"]
        );

        for at in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            fs::write(&path, flipped).unwrap();

            let refused = load::<Vec<String>>(&path).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Corrupt, "bit {at}");
        }
    }

    #[test]
    fn a_file_of_an_earlier_release_has_no_checksum_and_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list.json");

        fs::write(&path, "[\n  \"orders\"\n]").unwrap();

        assert_eq!(load::<Vec<String>>(&path).unwrap().unwrap(), ["orders"]);
    }

    #[test]
    fn on_a_full_disk_the_old_file_stays_and_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list.json");
        save(&path, &["orders"]).unwrap();

        set_bytes_left(Some(5));
        let refused = save(&path, &["bills"]);
        set_bytes_left(None);

        assert!(refused.is_err());
        assert_eq!(load::<Vec<String>>(&path).unwrap().unwrap(), ["orders"]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
