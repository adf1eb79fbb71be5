//! `[database.NAME]`: where SQL steps send their statements.

/// A database as `opsroom.toml` declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    pub name: String,
    pub place: DatabaseAddress,
    /// Name of the secret sent as the password.
    pub password: Option<String>,
    /// Statements that change things are refused.
    pub read_only: bool,
}

/// Its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseAddress {
    /// A URL without a password.
    Postgres(String),
    /// Path of an existing file.
    Sqlite(String),
    /// The whole address is a secret.
    Secret(String),
}

impl DatabaseAddress {
    /// Reads `sqlite:PATH` or `postgres://USER@HOST/DATABASE`.
    ///
    /// # Errors
    /// A sentence that says what to write. It does not repeat the text, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wanted = "write \"sqlite:PATH\" or \"postgres://USER@HOST/DATABASE\"";
        if text.contains(char::is_control) {
            return Err(format!("holds a control character; {wanted}"));
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            return match path.strip_prefix("//").unwrap_or(path) {
                "" | ":memory:" => Err(format!("names no file; {wanted}")),
                path if path.contains('?') => {
                    Err("has parameters, which a file has not: write \"sqlite:PATH\"".to_owned())
                }
                path => Ok(Self::Sqlite(path.to_owned())),
            };
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(format!("is not the address of a database; {wanted}"));
        }
        let url = url::Url::parse(text).map_err(|e| format!("is not a URL ({e}); {wanted}"))?;
        let secret =
            |key: &str| ["password", "sslpassword"].contains(&key.to_ascii_lowercase().as_str());
        if url.password().is_some() || url.query_pairs().any(|(key, _)| secret(&key)) {
            return Err(
                "holds a password, which is never written here: add password = { secret_ref = \"NAME\" }, or make \
                        the whole address a secret: url = { secret_ref = \"NAME\" }"
                    .to_owned(),
            );
        }
        Ok(Self::Postgres(text.to_owned()))
    }

    /// The secret that is the whole address.
    #[must_use]
    pub const fn secret(&self) -> Option<&String> {
        match self {
            Self::Secret(name) => Some(name),
            Self::Postgres(_) | Self::Sqlite(_) => None,
        }
    }

    /// The address for people: no parameters, no secret.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Postgres(url) => url.split('?').next().unwrap_or(url).to_owned(),
            Self::Sqlite(path) => format!("sqlite:{path}"),
            Self::Secret(name) => format!("address in the secret {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_hold_no_password() {
        for (text, shown) in [
            ("sqlite:/var/shop.db", "sqlite:/var/shop.db"),
            ("sqlite://shop.db", "sqlite:shop.db"),
            (
                "postgres://ana@db.test:5433/shop?sslmode=verify-full",
                "postgres://ana@db.test:5433/shop",
            ),
            (
                "postgresql:///shop?host=/run/postgresql",
                "postgresql:///shop",
            ),
        ] {
            assert_eq!(
                DatabaseAddress::parse(text)
                    .map(|p| p.describe())
                    .as_deref(),
                Ok(shown)
            );
        }
        for bad in [
            "postgres://ana:hunter2@db.test/shop",
            "postgres://db.test/shop?password=hunter2",
            "postgres://db.test/shop?Password=hunter2",
            "mysql://hunter2@h/d",
            "postgres://a:hunter2@h:x/d",
            "sqlite:",
            "sqlite::memory:",
            "sqlite:a?mode=rwc",
            "hunter2",
            "sqlite:a\0b",
        ] {
            let why = DatabaseAddress::parse(bad).unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
        assert_eq!(
            DatabaseAddress::Secret("SHOP".to_owned()).describe(),
            "address in the secret SHOP"
        );
    }
}
