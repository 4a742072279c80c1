//! The drivers without a host: the same calls to the same stores, from a process of its own on the server's core.

use crate::cores::Core;
use crate::paths;
use crate::statistics::median;
use anyhow::{Context as _, ensure};
use bson::{Document, doc};
use clap::ValueEnum as _;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Calls that are timed together, as many as a request to the host makes.
pub(crate) const CALLS: usize = 100;
/// What is read and written.
pub(crate) const NAME: &str = "bench-0123456789";
pub(crate) const VALUE: &str =
    "a value of the size that values have: about a hundred bytes, so that copies count, but not much.";

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Call {
    CacheGet,
    FindOne,
    Publish,
}

/// What to call, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Plan {
    #[arg(long)]
    pub(crate) call: Call,
    /// Where the store is.
    #[arg(long)]
    pub(crate) address: String,
    /// Calls at a time.
    #[arg(long)]
    pub(crate) flight: usize,
    #[arg(long)]
    pub(crate) warm: u64,
    #[arg(long)]
    pub(crate) measure: u64,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Calls a second.
    pub(crate) rate: f64,
    /// Microseconds of one call: the median of hundreds.
    pub(crate) p50: f64,
}

/// Runs the plan in a process of its own.
pub(crate) fn start(plan: &Plan) -> anyhow::Result<Outcome> {
    let call = plan.call.to_possible_value().context("a call")?;
    let output = Core::Server
        .command(&paths::own()?)
        .args(["driver", "--call", call.get_name(), "--address", &plan.address])
        .args(["--flight", &plan.flight.to_string()])
        .args(["--warm", &plan.warm.to_string(), "--measure", &plan.measure.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the driver's process failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs the plan and prints the outcome as one line of JSON.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    // One worker, as the host has.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let outcome = runtime.block_on(async {
        match plan.call {
            Call::CacheGet => {
                // Patient: a machine that stands still for a moment must not end the measurement.
                let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(10)));
                let client = redis::Client::open(plan.address.as_str())?;
                let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
                measured(plan, move || {
                    let mut connection = connection.clone();
                    async move {
                        let value: Option<Vec<u8>> = redis::cmd("GET").arg(NAME).query_async(&mut connection).await?;
                        ensure!(value.is_some(), "the value is not there");
                        Ok(())
                    }
                })
                .await
            }
            Call::FindOne => {
                let client = mongodb::Client::with_uri_str(&plan.address).await?;
                let collection =
                    client.default_database().context("a database")?.collection::<bson::RawDocumentBuf>("bench");
                measured(plan, move || {
                    let collection = collection.clone();
                    async move {
                        let found = collection.find_one(doc! { "_id": NAME }).await?;
                        ensure!(found.is_some(), "the document is not there");
                        Ok(())
                    }
                })
                .await
            }
            Call::Publish => {
                let producer = producer(&plan.address)?;
                measured(plan, move || {
                    let producer = producer.clone();
                    async move {
                        let record: FutureRecord<'_, str, str> = FutureRecord::to("bench-events").payload(VALUE);
                        producer.send(record, Duration::from_secs(5)).await.map_err(|(error, _)| error)?;
                        Ok(())
                    }
                })
                .await
            }
        }
    })?;
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

/// The settings of the host's own producer.
fn producer(brokers: &str) -> anyhow::Result<FutureProducer> {
    let producer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("client.id", "bench")
        .set("socket.nagle.disable", "true")
        .set("statistics.interval.ms", "0")
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "0")
        .set("partitioner", "murmur2_random")
        .set("delivery.timeout.ms", "5000")
        .set("queue.buffering.max.kbytes", "65536")
        .create()?;
    Ok(producer)
}

async fn measured<F, C>(plan: &Plan, call: F) -> anyhow::Result<Outcome>
where
    F: Fn() -> C + Clone + Send + 'static,
    C: Future<Output = anyhow::Result<()>> + Send,
{
    let from = Instant::now() + Duration::from_millis(plan.warm);
    let to = from + Duration::from_millis(plan.measure);
    let mut tasks = Vec::new();
    for _ in 0..plan.flight {
        let call = call.clone();
        tasks.push(tokio::spawn(async move {
            let mut spans = Vec::new();
            loop {
                let started = Instant::now();
                for _ in 0..CALLS {
                    call().await?;
                }
                let now = Instant::now();
                if started >= from {
                    spans.push((now - started).as_secs_f64() * 1e6 / CALLS as f64);
                }
                if now >= to {
                    return anyhow::Ok(spans);
                }
            }
        }));
    }
    let mut spans = Vec::new();
    for task in tasks {
        spans.extend(task.await??);
    }
    let seconds = from.elapsed().as_secs_f64();
    Ok(Outcome { rate: (spans.len() * CALLS) as f64 / seconds, p50: median(&spans) })
}

/// Puts what is read into the stores.
pub(crate) fn seed(redis: &str, mongodb: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = redis::Client::open(redis)?.get_multiplexed_async_connection().await?;
        redis::cmd("SET").arg(NAME).arg(VALUE).exec_async(&mut connection).await?;
        let client = mongodb::Client::with_uri_str(mongodb).await?;
        let collection = client.default_database().context("a database")?.collection::<Document>("bench");
        collection.insert_one(doc! { "_id": NAME, "text": VALUE, "number": 7 }).await?;
        Ok(())
    })
}
