//! What of the journal a database still needs, for whoever trims it. Nothing is made or changed: it may be somebody else's.

use std::collections::BTreeMap;

use sagaline_journal::{Error, ErrorKind};
use sqlx::Row as _;

use crate::{database::Database, state::STATE_VERSION, store::unavailable};

/// What is read on from, and where the oldest run that is kept begins.
const NEEDED: &str = "SELECT partitions.partition, next_offset, oldest FROM partitions LEFT JOIN \
     (SELECT partition, MIN(first_offset) AS oldest FROM runs GROUP BY partition) AS kept ON kept.partition = partitions.partition";

/// Where the first record lies, by partition, that the database at this URL needs: for a run that it keeps, or to read on.
///
/// # Errors
/// `projection-unavailable`: it does not answer, or is not there. `projection-url`: that is no URL of a database that is known here.
/// `projection-other`: it is of another namespace, or of a build whose rows have another form.
pub async fn needed(url: &str, namespace: &str) -> Result<BTreeMap<i32, i64>, Error> {
    let tables = Database::look(url).await?;
    for (name, wanted) in [
        ("namespace", namespace.to_owned()),
        ("state", STATE_VERSION.to_string()),
    ] {
        let have = tables.said(name).await?.unwrap_or_default();
        if have != wanted {
            let text = format!("the database is of {name} `{have}`, not `{wanted}`");
            return Err(Error::new(ErrorKind::Conflict, "projection-other", text));
        }
    }
    let rows = sqlx::query(NEEDED).fetch_all(&tables.pool).await;
    let rows = rows.map_err(unavailable)?;
    let needed = rows.iter().map(|row| {
        let partition: i64 = row.try_get(0)?;
        let next: i64 = row.try_get(1)?;
        let oldest: Option<i64> = row.try_get(2)?;
        let partition = i32::try_from(partition).unwrap_or_default();
        Ok((partition, oldest.map_or(next, |oldest| oldest.min(next))))
    });
    needed.collect::<Result<_, _>>().map_err(unavailable)
}
