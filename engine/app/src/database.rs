//! The database that HTTP reads from, and what fills it.

use std::{fs, path::PathBuf, sync::Arc};

use sagaline_journal::kafka::Kafka;
use sagaline_projection::{Lag, Projection};
use tokio::runtime::Runtime;

use crate::{cli::Session, fault::Outcome, inbox::new_id};

/// A projection that nothing fills yet.
#[derive(Debug)]
pub(crate) struct Database {
    projection: Projection,
    namespace: String,
    folder: Option<Temporary>,
}

/// What fills it until it is dropped; then a temporary one goes.
#[derive(Debug)]
pub(crate) struct Following {
    // Before the folder goes.
    following: sagaline_projection::Following,
    _folder: Option<Temporary>,
}

impl Following {
    /// How far behind the journal it is.
    pub(crate) fn lag(&self) -> Arc<Lag> {
        self.following.lag()
    }

    /// What this process is called where several share a database.
    pub(crate) fn leader(&self) -> String {
        self.following.leader().to_owned()
    }
}

/// A folder that is removed.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Database {
    /// Opens what the settings name, or a file of its own.
    pub(crate) fn open(runtime: &Runtime, session: &Session) -> Outcome<Self> {
        let (url, folder) = match &session.settings.database {
            Some(url) => (url.clone(), None),
            None => {
                let name = format!("sagaline-projection-{}", new_id());
                let folder = std::env::temp_dir().join(name);
                fs::create_dir_all(&folder)?;
                let path = folder.join("projection.db");
                (
                    format!("sqlite:{}", path.display()),
                    Some(Temporary(folder)),
                )
            }
        };
        let namespace = session.settings.namespace.clone();
        Ok(Self {
            projection: runtime.block_on(Projection::open_or_wait(&url, &namespace))?,
            namespace,
            folder,
        })
    }

    pub(crate) fn projection(&self) -> Projection {
        self.projection.clone()
    }

    /// Begins to project the journal.
    pub(crate) fn follow(self, runtime: &Runtime, kafka: &Kafka) -> Outcome<Following> {
        let _entered = runtime.enter();
        Ok(Following {
            following: self.projection.follow(kafka, &self.namespace)?,
            _folder: self.folder,
        })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "the temporary folder stays");
        }
    }
}
