//! A database of a test's own.

use bson::{Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Client, Collection, Database, IndexModel};
use tokio::runtime::Runtime;

/// Dropped, the database goes with it.
pub(crate) struct MongoDb {
    url: String,
    database: Database,
    runtime: Runtime,
}

impl MongoDb {
    /// A new database on the server of this URL.
    pub(crate) fn fresh(server: &str) -> Self {
        let (scheme, rest) = server.split_once("://").unwrap_or_else(|| panic!("not a URL of MongoDB"));
        let (place, options) = rest.split_once('?').map_or((rest, ""), |(place, options)| (place, options));
        let hosts = place.split('/').next().unwrap();
        let name = format!("devconnect-test-{}", uuid::Uuid::new_v4().simple());
        let options = if options.is_empty() { String::new() } else { format!("?{options}") };
        Self::open(format!("{scheme}://{hosts}/{name}{options}"), &name)
    }

    fn open(url: String, name: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = runtime.block_on(Client::with_uri_str(&url)).unwrap();
        Self { url, database: client.database(name), runtime }
    }

    /// What the host is told.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    pub(crate) fn insert(&self, collection: &str, documents: &[Document]) {
        self.runtime.block_on(async { self.collection(collection).insert_many(documents).await }).unwrap();
    }

    pub(crate) fn find(&self, collection: &str, filter: Document) -> Vec<Document> {
        self.runtime.block_on(async {
            let mut cursor = self.collection(collection).find(filter).await.unwrap();
            let mut found = Vec::new();
            while cursor.advance().await.unwrap() {
                found.push(cursor.deserialize_current().unwrap());
            }
            found
        })
    }

    /// The only document that matches.
    #[track_caller]
    pub(crate) fn one(&self, collection: &str, filter: Document) -> Document {
        let mut found = self.find(collection, filter.clone());
        assert_eq!(found.len(), 1, "{collection} {filter}: {found:?}");
        found.remove(0)
    }

    pub(crate) fn count(&self, collection: &str) -> u64 {
        self.runtime.block_on(async { self.collection(collection).count_documents(doc! {}).await }).unwrap()
    }

    pub(crate) fn index(&self, collection: &str, keys: Document, options: IndexOptions) {
        let index = IndexModel::builder().keys(keys).options(options).build();
        self.runtime.block_on(async { self.collection(collection).create_index(index).await }).unwrap();
    }

    /// The indexes, as the server lists them.
    pub(crate) fn indexes(&self, collection: &str) -> Vec<IndexModel> {
        self.runtime.block_on(async {
            let mut cursor = self.collection(collection).list_indexes().await.unwrap();
            let mut found = Vec::new();
            while cursor.advance().await.unwrap() {
                found.push(cursor.deserialize_current().unwrap());
            }
            found
        })
    }
}

impl Drop for MongoDb {
    fn drop(&mut self) {
        // A server that is gone has taken it along.
        let dropping = async { tokio::time::timeout(std::time::Duration::from_secs(5), self.database.drop()).await };
        drop(self.runtime.block_on(dropping));
    }
}
