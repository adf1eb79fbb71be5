//! Products that are called by name: `adapter = "github.create_pull_request"`. Each operation is a
//! table entry: its arguments, the requests it makes one after the other, the accepted answers, the
//! values it keeps. One file per product, one line in [`Product`].

use crate::words;

mod digitalocean;
mod github;
mod request;
mod supabase;
mod vercel;

pub use request::{Kept, request};

words! {
    /// A product opsroom knows how to call.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Product {
        GitHub = "github",
        Vercel = "vercel",
        Supabase = "supabase",
        DigitalOcean = "digitalocean",
    }
}

impl Product {
    /// The default address.
    #[must_use]
    pub const fn base_url(self) -> &'static str {
        match self {
            Self::GitHub => "https://api.github.com",
            Self::Vercel => "https://api.vercel.com",
            Self::Supabase => "https://api.supabase.com",
            Self::DigitalOcean => "https://api.digitalocean.com",
        }
    }

    /// Headers of every request.
    #[must_use]
    pub const fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::GitHub => &[
                ("accept", "application/vnd.github+json"),
                ("x-github-api-version", "2022-11-28"),
            ],
            Self::Vercel | Self::Supabase | Self::DigitalOcean => &[("accept", "application/json")],
        }
    }

    /// A request that changes nothing and needs the token.
    #[must_use]
    pub const fn ping(self) -> &'static str {
        match self {
            Self::GitHub => "/rate_limit",
            Self::Vercel => "/v2/user",
            Self::Supabase => "/v1/projects",
            Self::DigitalOcean => "/v2/account",
        }
    }

    /// Its operations.
    #[must_use]
    pub const fn operations(self) -> &'static [Operation] {
        match self {
            Self::GitHub => github::OPERATIONS,
            Self::Vercel => vercel::OPERATIONS,
            Self::Supabase => supabase::OPERATIONS,
            Self::DigitalOcean => digitalocean::OPERATIONS,
        }
    }
}

/// Default limit of requests per minute; the strictest product allows 60.
pub const PER_MINUTE: u32 = 60;

/// Access to a product, as `opsroom.toml` declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub product: Product,
    /// Without a slash at its end.
    pub base_url: String,
    /// Name of the secret sent as a bearer token.
    pub token: String,
    /// Requests a minute at the most.
    pub per_minute: u32,
}

/// An operation of a product.
#[derive(Debug)]
pub struct Operation {
    /// Without the product: `create_pull_request`.
    pub name: &'static str,
    pub about: &'static str,
    /// Permissions the token needs, in the product's terms.
    pub scopes: &'static str,
    pub args: &'static [Arg],
    /// Made in this order; the first with an unaccepted answer ends it.
    pub stages: &'static [Stage],
}

/// A value an operation takes.
#[derive(Debug)]
pub struct Arg {
    pub name: &'static str,
    pub about: &'static str,
    pub shape: Shape,
    pub required: bool,
    /// The default value.
    pub default: Option<&'static str>,
}

/// Accepted values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Any text.
    Text,
    /// One line that is not empty.
    Line,
    /// `owner/name`.
    Repo,
    /// The name of a branch; characters that git does not allow become `-`.
    Branch,
    /// A path of a file inside a repository.
    Path,
    /// One piece of a path: letters, digits and `. _ -`.
    Id,
    /// `true` or `false`.
    Flag,
    /// A JSON object of texts, numbers and truth values.
    Object,
    /// One of these.
    Word(&'static [&'static str]),
}

/// One request of an operation.
#[derive(Debug)]
pub struct Stage {
    pub method: &'static str,
    /// `{name}`: an argument, or a value an earlier stage kept.
    pub path: &'static str,
    /// Parameters of the address, each left out when it has no value.
    pub query: &'static [(&'static str, From)],
    /// Fields of the JSON body, each left out when it has no value; a dot goes one level down.
    pub body: &'static [(&'static str, From)],
    /// Statuses that count as good.
    pub good: &'static [u16],
    /// Name → JSON pointer into the answer.
    pub keep: &'static [(&'static str, &'static str)],
    /// What it did, for people; empty: it was read-only.
    pub did: &'static str,
}

/// Where a value of a request comes from.
#[derive(Debug, Clone, Copy)]
pub enum From {
    /// An argument, typed by its shape.
    Arg(&'static str),
    /// An argument in base64.
    Base64(&'static str),
    /// A value an earlier stage kept.
    Kept(&'static str),
    /// Always this.
    Fixed(&'static str),
    /// This before an argument.
    After(&'static str, &'static str),
    /// The part of a `owner/name` before or after the slash.
    Owner(&'static str),
    Name(&'static str),
}

impl Operation {
    /// Whether it changes something.
    #[must_use]
    pub fn mutates(&self) -> bool {
        self.stages.iter().any(|s| s.method != "GET")
    }

    /// The argument of that name.
    #[must_use]
    pub fn arg(&self, name: &str) -> Option<&'static Arg> {
        self.args.iter().find(|a| a.name == name)
    }
}

/// The operation of a full name: `github.create_pull_request`.
///
/// # Errors
/// The existing products or operations.
pub fn find(name: &str) -> Result<(Product, &'static Operation), String> {
    let (product, operation) = name.split_once('.').unwrap_or((name, ""));
    let Some(product) = Product::from_name(product) else {
        let products = Product::NAMES.join(", ");
        return Err(format!(
            "there is no adapter {product:?}; known are {products}"
        ));
    };
    let all = product.operations();
    all.iter()
        .find(|o| o.name == operation)
        .map(|o| (product, o))
        .ok_or_else(|| {
            let names: Vec<String> = all
                .iter()
                .map(|o| format!("{}.{}", product.name(), o.name))
                .collect();
            format!("{name:?} is not one of {}", names.join(", "))
        })
}

const fn required(name: &'static str, shape: Shape, about: &'static str) -> Arg {
    Arg {
        name,
        about,
        shape,
        required: true,
        default: None,
    }
}

const fn optional(name: &'static str, shape: Shape, about: &'static str) -> Arg {
    Arg {
        name,
        about,
        shape,
        required: false,
        default: None,
    }
}

const fn preset(
    name: &'static str,
    shape: Shape,
    default: &'static str,
    about: &'static str,
) -> Arg {
    Arg {
        name,
        about,
        shape,
        required: false,
        default: Some(default),
    }
}

#[cfg(test)]
mod tests;
