//! Users with sessions, as a site has them: in MongoDB, each with a token that counts.

use crate::measure::auth::SECRET;
use crate::stores::Stores;
use anyhow::Context as _;
use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use jsonwebtoken::{EncodingKey, Header};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// Documents in one insert.
const AT_ONCE: usize = 5_000;

/// What the auth plugin's tokens say.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Claims<'a> {
    #[serde(rename = "_id")]
    id: String,
    email_id: &'a str,
    jti: String,
    generation: i64,
    iat: u64,
    exp: u64,
}

/// Users that were put into MongoDB.
pub(crate) struct Users {
    folder: TempDir,
}

impl Users {
    /// Puts this many users into the stores' database.
    pub(crate) fn create(stores: &Stores, count: usize) -> anyhow::Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let (_, secret) = SECRET.first().context("the secret of the tokens")?;
        let key = EncodingKey::from_secret(secret.as_bytes());
        let mut users = Vec::with_capacity(count);
        let mut cookies = String::new();
        for number in 0..count {
            let id = ObjectId::new();
            let email = format!("user{number:06}@example.com");
            let claims = Claims {
                id: id.to_hex(),
                email_id: &email,
                jti: ObjectId::new().to_hex(),
                generation: 0,
                iat: now,
                exp: now + 7 * 24 * 60 * 60,
            };
            writeln!(cookies, "Cookie: token={}", jsonwebtoken::encode(&Header::default(), &claims, &key)?)?;
            users.push(user(id, email, number));
        }
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("cookies"), cookies)?;
        insert(&stores.mongodb_url(), &users)?;
        Ok(Self { folder })
    }

    /// A file with the cookie of each user's session, a header a line.
    pub(crate) fn cookies(&self) -> PathBuf {
        self.path().join("cookies")
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn user(id: ObjectId, email: String, number: usize) -> Document {
    let now = DateTime::now();
    doc! {
        "_id": id,
        "firstName": format!("Ada{number:06}"),
        "lastName": "Lovelace",
        "emailId": email,
        // Of a password that nobody needs here.
        "password": "$2b$10$abcdefghijklmnopqrstuuN5eKZ1m3dC7p1Y2n0b8Zt6wq4rXhS2y",
        "age": 36,
        "gender": "female",
        "photoUrl": "https://example.com/photos/ada.jpg",
        "about": "Writes programs for engines that are not built yet",
        "skills": ["mathematics", "analysis", "rust", "react"],
        "emailPreferences": {
            "welcomeEmail": true,
            "connectionRequests": true,
            "loginSuggestions": true,
            "marketingEmails": false,
        },
        "isPremium": false,
        "membershipTier": "free",
        "role": "user",
        "createdAt": now,
        "updatedAt": now,
        "__v": 0,
    }
}

fn insert(url: &str, users: &[Document]) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = mongodb::Client::with_uri_str(url).await?;
        let database = client.default_database().context("a database in the URL of MongoDB")?;
        for some in users.chunks(AT_ONCE) {
            database.collection::<Document>("users").insert_many(some).await?;
        }
        client.shutdown().await;
        Ok(())
    })
}
