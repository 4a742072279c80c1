//! A plugin that consumes, beside a native consumer that does the same: reads the JSON of each event, counts by its type, and
//! commits twice a second. Both read the same topic from its beginning, on the server's core; the broker has the load's.

use crate::cores::Core;
use crate::report::{Entry, Goal};
use crate::server::{Server, Site, get};
use crate::statistics::{median, median_ratio};
use crate::{Context, paths, stores};
use anyhow::{Context as _, ensure};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{CommitMode, Consumer as _, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::types::RDKafkaErrorCode;
use serde::Deserialize;
use std::collections::HashMap;
use std::process::Stdio;
use std::time::{Duration, Instant};
use xtask::services::kafka;

const TOPIC: &str = "bench-consumed";
const EVENTS: usize = 200_000;
/// From here on it is timed: joining the group and the first batches are over.
const FROM: usize = EVENTS / 10;
/// How long one reading of the topic may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A native consumer's process.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Plan {
    #[arg(long)]
    brokers: String,
    #[arg(long)]
    group: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    event_type: String,
    #[allow(dead_code, reason = "read, as the plugin does")]
    user_id: String,
    #[allow(dead_code, reason = "read, as the plugin does")]
    timestamp: String,
}

pub(crate) fn measure(context: &Context) -> anyhow::Result<Entry> {
    let folder = stores::folder()?;
    let broker = kafka::Server::start(folder.path())?;
    fill(&broker.brokers())?;
    if let Some(process) = broker.pid() {
        Core::Load.pin(process)?;
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=context.rounds.min(5) {
        eprintln!("round {round}: {EVENTS} events, by the plugin and by a native consumer");
        theirs.push(native(&broker.brokers(), &format!("native-{round}"))?);
        ours.push(plugin(context, &broker.brokers(), &format!("plugin-{round}"))?);
    }
    let ratio = median_ratio(&ours, &theirs);
    let mut entry = Entry::new("consume", median(&ours), "events/s", &ours);
    entry = entry.against("a native rdkafka consumer that does the same", ratio, Goal::RatioAtLeast(0.7));
    entry.note = Some(format!("the native consumer: {:.0} events/s", median(&theirs)));
    Ok(entry)
}

/// Makes the topic, and publishes what is read.
fn fill(brokers: &str) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", brokers).create()?;
    let topic = NewTopic::new(TOPIC, 3, TopicReplication::Fixed(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(admin.create_topics([&topic], &AdminOptions::new()))?;
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", brokers).create()?;
    for number in 0..EVENTS {
        let user = format!("{:024x}", number % 1_000);
        let value = format!(
            r#"{{"eventType":"USER_LOGIN","userId":"{user}","timestamp":"2026-11-24T09:30:00.000Z","data":{{"emailId":"ada@example.com","ip":"192.0.2.1"}}}}"#
        );
        loop {
            match producer.send(BaseRecord::to(TOPIC).key(&user).payload(&value)) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    producer.poll(Duration::from_millis(10));
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }
    producer.flush(PATIENCE)?;
    Ok(())
}

/// Events a second of the plugin.
fn plugin(context: &Context, brokers: &str, group: &str) -> anyhow::Result<f64> {
    let metrics = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let config = format!(
        "[server]\nworkers = 1\nmetrics-listen = \"{metrics}\"\n\n[stores.kafka]\nbrokers = \"{brokers}\"\ngroup-id = \"{group}\"\n\n\
         [plugins.counter]\nsource = \"counter.wasm\"\ngrants = {{ consume = [\"{TOPIC}\"] }}\n"
    );
    let site = Site::new(&config, &[paths::guest("counter")])?;
    let _host = Server::host(&context.host, Core::Server, site, super::auth::SECRET)?;
    let done = || -> anyhow::Result<usize> {
        let (_, page) = get(metrics, "/metrics")?;
        let mut lines = page.lines().filter(|line| line.starts_with("devconnect_consumer_events_total"));
        let done = lines.find(|line| line.contains("outcome=\"done\"")).and_then(|line| line.rsplit(' ').next());
        Ok(done.map_or(Ok(0), str::parse)?)
    };
    let patience = Instant::now() + PATIENCE;
    let until = |count: usize| loop {
        let found = done()?;
        if found >= count {
            return anyhow::Ok((found, Instant::now()));
        }
        ensure!(Instant::now() < patience, "{found} of {EVENTS} events in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    };
    let (first, started) = until(FROM)?;
    let (last, ended) = until(EVENTS)?;
    Ok((last - first) as f64 / (ended - started).as_secs_f64())
}

/// Events a second of a native consumer, in a process of its own.
fn native(brokers: &str, group: &str) -> anyhow::Result<f64> {
    let output = Core::Server
        .command(&paths::own()?)
        .args(["consumer", "--brokers", brokers, "--group", group])
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the native consumer failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The native consumer: prints its rate.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let rate = runtime.block_on(consume(plan))?;
    println!("{rate}");
    Ok(())
}

async fn consume(plan: &Plan) -> anyhow::Result<f64> {
    // The settings of the host's own.
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", &plan.brokers)
        .set("group.id", &plan.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "100")
        .set("queued.min.messages", "1000")
        .set("queued.max.messages.kbytes", "8192")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .create()?;
    consumer.subscribe(&[TOPIC])?;
    let mut counts: HashMap<String, u64> = HashMap::new();
    let mut seen = 0;
    let mut started = Instant::now();
    let mut committed = Instant::now();
    while seen < EVENTS {
        let message = tokio::time::timeout(PATIENCE, consumer.recv()).await.context("no events")??;
        let Envelope { event_type, .. } = serde_json::from_slice(message.payload().unwrap_or_default())?;
        *counts.entry(event_type).or_default() += 1;
        consumer.store_offset_from_message(&message)?;
        seen += 1;
        if seen == FROM {
            started = Instant::now();
        }
        if committed.elapsed() > Duration::from_millis(500) {
            consumer.commit_consumer_state(CommitMode::Async)?;
            committed = Instant::now();
        }
    }
    ensure!(counts.values().sum::<u64>() == EVENTS as u64, "not every event was counted");
    Ok((EVENTS - FROM) as f64 / started.elapsed().as_secs_f64())
}
