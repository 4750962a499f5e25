//! Where the journal tells of inputs that could not be taken. What it tells is read there.

use sagaline_core::{Timestamp, WorkflowId};
use sagaline_journal::Error;
use sqlx::Row as _;

use super::{
    Page, Seen,
    asked::{Asked, Use},
    list::{cut, page_size},
    order,
    read::{self, AsOf},
    token,
};
use crate::{
    key,
    sql::Sql,
    store::{Projection, unavailable},
};

/// Where the journal tells of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectedPlace {
    /// Partition of the journal.
    pub partition: i32,
    /// Offset of the record.
    pub offset: i64,
}

impl Projection {
    /// A page of inputs that could not be taken, the newest first: all, or those for one workflow id.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub async fn rejected_inputs(
        &self,
        workflow_id: Option<&WorkflowId>,
        page_size_wanted: usize,
        page_token: Option<&str>,
    ) -> Result<Page<RejectedPlace>, Error> {
        let size = page_size(page_size_wanted)?;
        let keys = order::of_rejected();
        let name = format!("rejected {workflow_id:?}");
        let seen = Seen {
            now: Timestamp::default(),
            unread: &[],
        };
        let asked = Asked::new(&seen, self.shared.dialect);
        let mut sql = Sql::new("SELECT partition, record_offset");
        order::columns(&mut sql, &keys, &asked);
        sql.push(" FROM rejected WHERE ");
        match workflow_id {
            Some(id) => sql
                .push("workflow_id = ")
                .bind(&*key::text_key(id.as_str())),
            None => sql.push("1 = 1"),
        };
        if let Some(token) = page_token {
            let behind = token::read(token, &name, &keys)?;
            order::behind(&mut sql, &keys, &behind.keys, Use::Find, &asked);
        }
        order::by(&mut sql, &keys, Use::Find, &asked);
        sql.push(" LIMIT ")
            .bind(i64::try_from(size + 1).unwrap_or(i64::MAX));
        let as_of = AsOf::read(self).await?;
        let rows = self.rows(sql).await?;
        let rows = rows.iter().map(|row| {
            let partition: i64 = row.try_get(0).map_err(unavailable)?;
            let place = RejectedPlace {
                partition: i32::try_from(partition).unwrap_or_default(),
                offset: row.try_get(1).map_err(unavailable)?,
            };
            Ok((read::keys(row, 2, &keys)?, place))
        });
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        Ok(cut(rows, size, &as_of, (&name, 0)))
    }

    /// Whether the journal tells of one there.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn is_rejected_input(&self, place: RejectedPlace) -> Result<bool, Error> {
        let mut sql = Sql::new("SELECT COUNT(*) FROM rejected WHERE partition = ");
        sql.bind(i64::from(place.partition));
        sql.push(" AND record_offset = ").bind(place.offset);
        Ok(self.number(sql).await? > 0)
    }
}
