//! Integrations that runbooks may name: the databases, notifiers and product accounts that
//! `opsroom.toml` declares. Names and addresses; passwords and tokens are references to secrets.

pub mod notify;
pub mod product;

mod database;

pub use database::{Database, DatabaseAddress};

use crate::integration::notify::Notifier;
use crate::integration::product::{Account, Product};

/// Everything declared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Integrations {
    pub databases: Vec<Database>,
    pub notifiers: Vec<Notifier>,
    pub accounts: Vec<Account>,
}

impl Integrations {
    /// The database of that name.
    #[must_use]
    pub fn database(&self, name: &str) -> Option<&Database> {
        self.databases.iter().find(|d| d.name == name)
    }

    /// The notifier of that name.
    #[must_use]
    pub fn notifier(&self, name: &str) -> Option<&Notifier> {
        self.notifiers.iter().find(|n| n.name == name)
    }

    /// The access to a product.
    #[must_use]
    pub fn account(&self, product: Product) -> Option<&Account> {
        self.accounts.iter().find(|a| a.product == product)
    }

    /// Every name as conditions use it: `"adapter.github" in configured`.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let databases = self
            .databases
            .iter()
            .map(|d| format!("database.{}", d.name));
        let notifiers = self.notifiers.iter().map(|n| format!("notify.{}", n.name));
        let accounts = self
            .accounts
            .iter()
            .map(|a| format!("adapter.{}", a.product.name()));
        databases.chain(notifiers).chain(accounts)
    }
}
