//! Does to events of the topic `jobs` what they ask for, and runs on a schedule.
//!
//! What a job did is written down once, under the job's key and in the order in which the jobs were done.

use std::time::Duration;

use devconnect_sdk::documents::{Processed, UpdateOptions};
use devconnect_sdk::prelude::*;

devconnect_sdk::plugin! { router: routes, consumer: consumer, schedules: schedules }

const TOPIC: &str = "jobs";
const DONE: Collection<Done> = Collection::new("jobs");
const PROCESSED: Collection<Processed> = Collection::new("jobs_processed");
const TICKS: &str = "ticks";

fn routes() -> Router {
    Router::new().post("/jobs", public(publish)).get("/jobs/{key}", public(done)).get("/ticks", public(ticks))
}

fn consumer() -> Consumer {
    Consumer::new().on(TOPIC, work)
}

fn schedules() -> Schedules {
    // Never by itself: the operator says when.
    Schedules::new().at("tick", "0 0 31 2 *", tick)
}

/// What an event asks for.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Job {
    key: String,
    name: String,
    /// `fail`, `reject`, `trap` or `wait`; else it is done.
    #[serde(default)]
    how: String,
    /// The try from which on it is done all the same.
    #[serde(default)]
    from_try: u32,
}

impl Event for Job {
    const TOPIC: &'static str = TOPIC;

    fn key(&self) -> Option<String> {
        Some(self.key.clone())
    }
}

/// The jobs of one key that were done.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Done {
    #[serde(rename = "_id")]
    key: String,
    jobs: Vec<String>,
    /// The try of each.
    tries: Vec<i64>,
}

fn publish(Json(jobs): Json<Vec<Job>>) -> Result<NoContent, Problem> {
    // Acknowledged is on disk: the tests stop brokers.
    for job in &jobs {
        events::publish_later(job)?;
    }
    log::info!("published");
    Ok(NoContent)
}

fn done(Path(key): Path<String>) -> Result<Json<Option<Done>>, Problem> {
    Ok(Json(DONE.find_one(doc! { "_id": key })?))
}

fn work(delivery: &Delivery) -> Result<(), Failure> {
    let job: Job = delivery.json()?;
    if job.from_try == 0 || delivery.attempt < job.from_try {
        match job.how.as_str() {
            "fail" => return Err(Failure::Retry(format!("{} was to fail", job.name))),
            "reject" => return Err(Failure::Reject(format!("{} was to be rejected", job.name))),
            "trap" => panic!("{} was to trap", job.name),
            "wait" => std::thread::sleep(Duration::from_millis(300)),
            _ => {}
        }
    }
    let push = doc! { "$push": { "jobs": &job.name, "tries": i64::from(delivery.attempt) } };
    let options = UpdateOptions { many: false, upsert: true };
    Transaction::new()
        .once(&PROCESSED, delivery)
        .update(&DONE, doc! { "_id": &job.key }, push, options, Expect::Anything)
        .commit()?;
    log::info!("did a job", name = job.name);
    Ok(())
}

fn tick() -> Result<(), Error> {
    let options = UpdateOptions { many: false, upsert: true };
    DONE.update(doc! { "_id": TICKS }, doc! { "$push": { "jobs": "tick", "tries": 1_i64 } }, options)?;
    Ok(())
}

fn ticks() -> Result<Json<usize>, Problem> {
    Ok(Json(DONE.find_one(doc! { "_id": TICKS })?.map_or(0, |done| done.jobs.len())))
}
