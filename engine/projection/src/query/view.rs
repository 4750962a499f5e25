//! Filters that people keep under a name. What one means is not known here: it is JSON, given back as it came.

use sagaline_core::Name;
use sagaline_journal::{Error, ErrorKind};
use sqlx::Row as _;

use crate::{
    key,
    sql::Sql,
    store::{Projection, unavailable},
};

/// Most views that are kept.
pub const VIEWS_MAX: usize = 1_000;

/// Longest view, in bytes of JSON.
pub const VIEW_BYTES_MAX: usize = 64 * 1024;

/// A filter that somebody keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedView {
    /// Its name.
    pub name: Name,
    /// What it is: JSON.
    pub definition: Box<str>,
}

impl Projection {
    /// The views, by name.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn views(&self) -> Result<Vec<SavedView>, Error> {
        self.views_of(Sql::new("SELECT name, definition FROM views ORDER BY name"))
            .await
    }

    /// The view of that name.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn view(&self, name: &Name) -> Result<Option<SavedView>, Error> {
        let mut sql = Sql::new("SELECT name, definition FROM views WHERE name = ");
        sql.bind(&*key::text_key(name.as_str()));
        Ok(self.views_of(sql).await?.pop())
    }

    /// Keeps a view, in the place of one of the same name.
    ///
    /// # Errors
    /// `projection-view`: it is longer than [`VIEW_BYTES_MAX`], no JSON, or one more than [`VIEWS_MAX`].
    /// `projection-unavailable`: the database does not answer.
    pub async fn put_view(&self, view: &SavedView) -> Result<(), Error> {
        let invalid = |text: String| Err(Error::new(ErrorKind::Invalid, "projection-view", text));
        let definition = &*view.definition;
        if definition.len() > VIEW_BYTES_MAX {
            let bytes = definition.len();
            return invalid(format!(
                "a view of {bytes} bytes: {VIEW_BYTES_MAX} are allowed"
            ));
        }
        if serde_json::from_str::<serde::de::IgnoredAny>(definition).is_err() {
            return invalid("that view is no JSON".to_owned());
        }
        let name = key::text_key(view.name.as_str());
        let mut sql = Sql::new("SELECT COUNT(*) FROM views WHERE name <> ");
        sql.bind(&*name);
        if self.number(sql).await? >= i64::try_from(VIEWS_MAX).unwrap_or(i64::MAX) {
            return invalid(format!("{VIEWS_MAX} views are kept already: delete one"));
        }
        let mut sql = Sql::new("INSERT INTO views (name, definition) VALUES (");
        sql.bind(&*name).push(", ").bind(definition);
        sql.push(") ON CONFLICT (name) DO UPDATE SET definition = excluded.definition");
        self.execute(sql).await.map(drop)
    }

    /// Forgets a view; false: there is none of that name.
    ///
    /// # Errors
    /// `projection-unavailable`: the database does not answer.
    pub async fn delete_view(&self, name: &Name) -> Result<bool, Error> {
        let mut sql = Sql::new("DELETE FROM views WHERE name = ");
        sql.bind(&*key::text_key(name.as_str()));
        Ok(self.execute(sql).await? > 0)
    }

    async fn execute(&self, sql: Sql) -> Result<u64, Error> {
        let done = sql.query().execute(&self.pool()).await;
        done.map(|done| done.rows_affected()).map_err(unavailable)
    }

    async fn views_of(&self, sql: Sql) -> Result<Vec<SavedView>, Error> {
        let mut views = Vec::new();
        for row in self.rows(sql).await? {
            let name: &str = row.try_get(0).map_err(unavailable)?;
            let definition: &str = row.try_get(1).map_err(unavailable)?;
            if let Ok(name) = Name::new(&key::text_of(name)) {
                let definition = definition.into();
                views.push(SavedView { name, definition });
            }
        }
        Ok(views)
    }
}
