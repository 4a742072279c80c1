//! The load: many kept-alive connections, one request at a time on each, from one thread.
//!
//! Closed loop: each connection sends again as soon as it is answered, which finds the highest rate. Open loop: requests
//! are due at a fixed rate whether answers come or not, and a latency counts from when the request was due, so that a
//! server that stalls does not hide it by slowing the client down.

mod connection;
mod requests;

use crate::cores;
use crate::statistics::quantile;
use anyhow::{Context as _, ensure};
use connection::Connection;
use mio::{Events, Poll, Token};
use requests::Requests;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What to send, how often and how long.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Plan {
    /// The server.
    #[arg(long)]
    pub(crate) address: SocketAddr,
    #[arg(long, default_value = "GET")]
    pub(crate) method: String,
    /// Path and query.
    #[arg(long)]
    pub(crate) target: String,
    /// Headers, as `Name: value`.
    #[arg(long)]
    pub(crate) header: Vec<String>,
    /// A file of further headers, a line each: every request has another one.
    #[arg(long)]
    pub(crate) each: Option<PathBuf>,
    /// The lines of that file are chosen by Zipf's law with this exponent; else each in its turn.
    #[arg(long)]
    pub(crate) zipf: Option<f64>,
    #[arg(long)]
    pub(crate) body: Option<String>,
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// Milliseconds before the measurement.
    #[arg(long, default_value_t = 1000)]
    pub(crate) warm: u64,
    /// Milliseconds that are measured.
    #[arg(long, default_value_t = 3000)]
    pub(crate) measure: u64,
    /// Requests a second; as many as possible if it is not given.
    #[arg(long)]
    pub(crate) rate: Option<f64>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Answers of status 200 within the measurement.
    pub(crate) answers: u64,
    /// Other answers.
    pub(crate) refused: u64,
    /// All answers, those of the warm-up too.
    pub(crate) all: u64,
    pub(crate) seconds: f64,
    /// Microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
    /// The part of its core that the load itself took, 0 to 1.
    pub(crate) share: f64,
}

impl Outcome {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.answers as f64 / self.seconds
    }
}

impl Plan {
    /// A plan that asks for a path.
    pub(crate) fn get(address: SocketAddr, target: &str) -> Self {
        Self {
            address,
            method: "GET".to_owned(),
            target: target.to_owned(),
            header: Vec::new(),
            each: None,
            zipf: None,
            body: None,
            connections: 64,
            warm: 1000,
            measure: 3000,
            rate: None,
        }
    }

    /// The plan as arguments of a process of its own.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut all = vec!["load".to_owned()];
        let mut put = |name: &str, value: String| all.push(format!("--{name}={value}"));
        put("address", self.address.to_string());
        put("method", self.method.clone());
        put("target", self.target.clone());
        put("connections", self.connections.to_string());
        put("warm", self.warm.to_string());
        put("measure", self.measure.to_string());
        for header in &self.header {
            put("header", header.clone());
        }
        if let Some(each) = &self.each {
            put("each", each.to_string_lossy().into_owned());
        }
        if let Some(zipf) = self.zipf {
            put("zipf", zipf.to_string());
        }
        if let Some(body) = &self.body {
            put("body", body.clone());
        }
        if let Some(rate) = self.rate {
            put("rate", rate.to_string());
        }
        all
    }
}

/// Runs the plan and prints the outcome as one line of JSON.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    let mut generator = Generator::new(plan)?;
    let outcome = match plan.rate {
        None => generator.closed()?,
        Some(rate) => generator.open(rate)?,
    };
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

struct Generator {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    requests: Requests,
    warm: Duration,
    measure: Duration,
    /// Nanoseconds, of the answers within the measurement.
    latencies: Vec<u32>,
    refused: u64,
    all: u64,
}

impl Generator {
    fn new(plan: &Plan) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(plan.connections);
        for index in 0..plan.connections {
            connections.push(Connection::open(plan.address, poll.registry(), Token(index))?);
        }
        Ok(Self {
            poll,
            events: Events::with_capacity(plan.connections.max(1)),
            connections,
            requests: Requests::new(plan)?,
            warm: Duration::from_millis(plan.warm),
            measure: Duration::from_millis(plan.measure),
            // Room for the fastest server of this machine, so that nothing is moved while it is measured.
            latencies: Vec::with_capacity((plan.measure as usize) * 400),
            refused: 0,
            all: 0,
        })
    }

    fn closed(&mut self) -> anyhow::Result<Outcome> {
        for connection in &mut self.connections {
            connection.send(self.requests.next(), Instant::now())?;
        }
        let from = Instant::now() + self.warm;
        let to = from + self.measure;
        let mut clock = Share::default();
        loop {
            self.poll.poll(&mut self.events, Some(Duration::from_millis(100)))?;
            let mut now = Instant::now();
            for event in &self.events {
                let Some(connection) = self.connections.get_mut(event.token().0) else { continue };
                let Some(good) = connection.receive()? else { continue };
                self.all += 1;
                now = Instant::now();
                if now >= from {
                    clock.start();
                    self.latencies.push(nanoseconds(now - connection.sent));
                    if !good && self.refused == 0 {
                        eprintln!("refused: {}", connection.answer());
                    }
                    self.refused += u64::from(!good);
                }
                connection.send(self.requests.next(), now)?;
            }
            if now >= to {
                return self.outcome(now - from, clock.stop());
            }
        }
    }

    fn open(&mut self, rate: f64) -> anyhow::Result<Outcome> {
        ensure!(rate > 0.0, "a rate above 0");
        let gap = Duration::from_secs_f64(1.0 / rate);
        let mut idle: Vec<usize> = (0..self.connections.len()).collect();
        // Requests that are due and have no connection; their wait is part of their latency.
        let mut waiting: VecDeque<Instant> = VecDeque::new();
        let mut due = Instant::now();
        let from = due + self.warm;
        let to = from + self.measure;
        let mut clock = Share::default();
        loop {
            let now = Instant::now();
            while due <= now {
                waiting.push_back(due);
                due += gap;
            }
            while let Some(since) = waiting.front().copied() {
                let Some(index) = idle.pop() else { break };
                waiting.pop_front();
                if let Some(connection) = self.connections.get_mut(index) {
                    connection.send(self.requests.next(), since)?;
                }
            }
            // The kernel wakes late by up to a millisecond: shorter waits are spent asking.
            let pause = due.saturating_duration_since(Instant::now());
            let pause = if pause > Duration::from_millis(2) { Duration::from_millis(1) } else { Duration::ZERO };
            self.poll.poll(&mut self.events, Some(pause))?;
            let now = Instant::now();
            for event in &self.events {
                let index = event.token().0;
                let Some(connection) = self.connections.get_mut(index) else { continue };
                let Some(good) = connection.receive()? else { continue };
                self.all += 1;
                if connection.sent >= from {
                    clock.start();
                    self.latencies.push(nanoseconds(now - connection.sent));
                    if !good && self.refused == 0 {
                        eprintln!("refused: {}", connection.answer());
                    }
                    self.refused += u64::from(!good);
                }
                idle.push(index);
            }
            if now >= to {
                return self.outcome(now - from, clock.stop());
            }
        }
    }

    fn outcome(&mut self, time: Duration, share: f64) -> anyhow::Result<Outcome> {
        ensure!(!self.latencies.is_empty(), "not one answer");
        self.latencies.sort_unstable();
        let micros = |nanos: f64| (nanos / 1000.0 * 10.0).round() / 10.0;
        Ok(Outcome {
            answers: self.latencies.len() as u64 - self.refused,
            refused: self.refused,
            all: self.all,
            seconds: time.as_secs_f64(),
            p50: micros(quantile(&self.latencies, 0.5)),
            p99: micros(quantile(&self.latencies, 0.99)),
            max: micros(quantile(&self.latencies, 1.0)),
            share,
        })
    }
}

fn nanoseconds(time: Duration) -> u32 {
    u32::try_from(time.as_nanos()).unwrap_or(u32::MAX)
}

/// How much of its core this thread takes, from the first answer that counts.
#[derive(Default)]
struct Share {
    started: Option<(Instant, u64)>,
}

impl Share {
    fn start(&mut self) {
        if self.started.is_none() {
            self.started = Some((Instant::now(), cores::on_cpu_here()));
        }
    }

    fn stop(&self) -> f64 {
        self.started.map_or(0.0, |(since, before)| {
            cores::on_cpu_here().saturating_sub(before) as f64 / since.elapsed().as_nanos() as f64
        })
    }
}

/// Runs plans at the same time, each in a process of its own, and adds up what came of them.
pub(crate) fn start(plans: &[(cores::Core, Plan)]) -> anyhow::Result<Vec<Outcome>> {
    let program = crate::paths::own()?;
    let mut children = Vec::new();
    for (core, plan) in plans {
        let mut command = core.command(&program);
        command.args(plan.arguments()).stdout(std::process::Stdio::piped());
        children.push(command.spawn().context("the load generator")?);
    }
    children
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output()?;
            ensure!(output.status.success(), "the load generator failed");
            let outcome: Outcome = serde_json::from_slice(&output.stdout).context("the load generator's answer")?;
            ensure!(outcome.refused == 0, "{} answers were not 200", outcome.refused);
            Ok(outcome)
        })
        .collect()
}

/// Runs one plan in a process of its own.
pub(crate) fn one(core: cores::Core, plan: &Plan) -> anyhow::Result<Outcome> {
    start(&[(core, plan.clone())])?.pop().context("an outcome")
}
