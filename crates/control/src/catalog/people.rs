//! Users, sessions and tokens, as stored: of what is secret only a hash.

use ops::{on, read};

use super::Catalog;
use crate::error::{Error, Result};

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct PersonRow {
    pub(crate) name: String,
    /// JSON
    pub(crate) grants: String,
    pub(crate) password: Option<String>,
    pub(crate) created: String,
    pub(crate) last_login: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct SessionRow {
    pub(crate) hash: String,
    pub(crate) person: String,
    pub(crate) created: String,
    pub(crate) seen: String,
}

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct TokenRow {
    pub(crate) id: String,
    pub(crate) hash: String,
    pub(crate) name: String,
    pub(crate) owner: String,
    /// 1: it ends with that person, and may no more than that person.
    pub(crate) owner_is_person: i64,
    pub(crate) grants: String,
    pub(crate) created: String,
    pub(crate) expires: String,
    pub(crate) last_used: Option<String>,
}

impl Catalog {
    pub(crate) async fn people(&self) -> Result<Vec<PersonRow>> {
        Ok(read!(&self.db, pool => sqlx::query_as("SELECT * FROM person ORDER BY name").fetch_all(pool).await?))
    }

    pub(crate) async fn person(&self, name: &str) -> Result<Option<PersonRow>> {
        const ONE: &str = "SELECT * FROM person WHERE name = $1";
        Ok(read!(&self.db, pool => sqlx::query_as(ONE).bind(name).fetch_optional(pool).await?))
    }

    pub(crate) async fn add_person(&self, row: &PersonRow) -> Result<()> {
        const ADD: &str = "INSERT INTO person (name, grants, password, created) VALUES ($1, $2, $3, $4)";
        let added = on!(&self.db, pool => sqlx::query(ADD)
            .bind(&row.name).bind(&row.grants).bind(&row.password).bind(&row.created)
            .execute(pool).await.map(drop));
        match added {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(Error::TakenUser(row.name.clone())),
            other => Ok(other?),
        }
    }

    pub(crate) async fn set_grants(&self, name: &str, grants: &str) -> Result<bool> {
        const SET: &str = "UPDATE person SET grants = $1 WHERE name = $2";
        Ok(on!(&self.db, pool => sqlx::query(SET).bind(grants).bind(name).execute(pool).await?.rows_affected()) > 0)
    }

    pub(crate) async fn set_password(&self, name: &str, password: &str) -> Result<bool> {
        const SET: &str = "UPDATE person SET password = $1 WHERE name = $2";
        Ok(on!(&self.db, pool => sqlx::query(SET).bind(password).bind(name).execute(pool).await?.rows_affected()) > 0)
    }

    pub(crate) async fn set_last_login(&self, name: &str, at: &str) -> Result<()> {
        const SET: &str = "UPDATE person SET last_login = $1 WHERE name = $2";
        on!(&self.db, pool => sqlx::query(SET).bind(at).bind(name).execute(pool).await.map(drop)?);
        Ok(())
    }

    /// With all that he could show himself with.
    pub(crate) async fn remove_person(&self, name: &str) -> Result<bool> {
        self.end_sessions_of(name).await?;
        const TOKENS: &str = "DELETE FROM token WHERE owner = $1 AND owner_is_person = 1";
        on!(&self.db, pool => sqlx::query(TOKENS).bind(name).execute(pool).await.map(drop)?);
        const REMOVE: &str = "DELETE FROM person WHERE name = $1";
        Ok(on!(&self.db, pool => sqlx::query(REMOVE).bind(name).execute(pool).await?.rows_affected()) > 0)
    }

    pub(crate) async fn add_session(&self, row: &SessionRow) -> Result<()> {
        const ADD: &str = "INSERT INTO session (hash, person, created, seen) VALUES ($1, $2, $3, $4)";
        on!(&self.db, pool => sqlx::query(ADD)
            .bind(&row.hash).bind(&row.person).bind(&row.created).bind(&row.seen)
            .execute(pool).await.map(drop)?);
        Ok(())
    }

    pub(crate) async fn session(&self, hash: &str) -> Result<Option<SessionRow>> {
        const ONE: &str = "SELECT * FROM session WHERE hash = $1";
        Ok(read!(&self.db, pool => sqlx::query_as(ONE).bind(hash).fetch_optional(pool).await?))
    }

    pub(crate) async fn set_session_seen(&self, hash: &str, at: &str) -> Result<()> {
        const SET: &str = "UPDATE session SET seen = $1 WHERE hash = $2";
        on!(&self.db, pool => sqlx::query(SET).bind(at).bind(hash).execute(pool).await.map(drop)?);
        Ok(())
    }

    pub(crate) async fn end_session(&self, hash: &str) -> Result<()> {
        const END: &str = "DELETE FROM session WHERE hash = $1";
        on!(&self.db, pool => sqlx::query(END).bind(hash).execute(pool).await.map(drop)?);
        Ok(())
    }

    pub(crate) async fn end_sessions_of(&self, person: &str) -> Result<()> {
        const END: &str = "DELETE FROM session WHERE person = $1";
        on!(&self.db, pool => sqlx::query(END).bind(person).execute(pool).await.map(drop)?);
        Ok(())
    }

    /// Those that were last seen, or begun, before these. Times compare as text: all are in one form.
    pub(crate) async fn forget_sessions(&self, seen_before: &str, created_before: &str) -> Result<()> {
        const FORGET: &str = "DELETE FROM session WHERE seen < $1 OR created < $2";
        on!(&self.db, pool => sqlx::query(FORGET).bind(seen_before).bind(created_before).execute(pool).await.map(drop)?);
        Ok(())
    }

    pub(crate) async fn tokens(&self) -> Result<Vec<TokenRow>> {
        const ALL: &str = "SELECT * FROM token ORDER BY owner, created, id";
        Ok(read!(&self.db, pool => sqlx::query_as(ALL).fetch_all(pool).await?))
    }

    pub(crate) async fn token_by_hash(&self, hash: &str) -> Result<Option<TokenRow>> {
        const ONE: &str = "SELECT * FROM token WHERE hash = $1";
        Ok(read!(&self.db, pool => sqlx::query_as(ONE).bind(hash).fetch_optional(pool).await?))
    }

    pub(crate) async fn add_token(&self, row: &TokenRow) -> Result<()> {
        const ADD: &str = "INSERT INTO token (id, hash, name, owner, owner_is_person, grants, created, expires) \
                           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        on!(&self.db, pool => sqlx::query(ADD)
            .bind(&row.id).bind(&row.hash).bind(&row.name).bind(&row.owner).bind(row.owner_is_person)
            .bind(&row.grants).bind(&row.created).bind(&row.expires)
            .execute(pool).await.map(drop)?);
        Ok(())
    }

    pub(crate) async fn set_token_used(&self, id: &str, at: &str) -> Result<()> {
        const SET: &str = "UPDATE token SET last_used = $1 WHERE id = $2";
        on!(&self.db, pool => sqlx::query(SET).bind(at).bind(id).execute(pool).await.map(drop)?);
        Ok(())
    }

    pub(crate) async fn remove_token(&self, id: &str) -> Result<bool> {
        const REMOVE: &str = "DELETE FROM token WHERE id = $1";
        Ok(on!(&self.db, pool => sqlx::query(REMOVE).bind(id).execute(pool).await?.rows_affected()) > 0)
    }
}
