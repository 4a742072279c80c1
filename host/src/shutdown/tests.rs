#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use super::*;

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("waited too long")
}

#[tokio::test]
async fn a_trigger_reaches_everyone_who_waits_now_or_later() {
    let (trigger, shutdown) = channel();
    assert!(!shutdown.is_requested());
    let waiting = tokio::spawn(shutdown.clone().requested());
    trigger.shut_down();
    within(waiting).await.unwrap();
    within(shutdown.clone().requested()).await;
    assert!(shutdown.is_requested());
}

#[tokio::test]
async fn a_trigger_that_is_dropped_asks_for_nothing() {
    let (trigger, shutdown) = channel();
    drop(trigger);
    let mut requested = std::pin::pin!(shutdown.requested());
    assert!(poll_once(requested.as_mut()).await.is_pending());
}

// The process's signals are one: both are looked at in one test.
#[tokio::test]
async fn hang_up_reloads_and_terminate_ends() {
    let (_trigger, shutdown, mut reloads) = listen().unwrap();
    kill_process(getpid(), Signal::HUP).unwrap();
    within(reloads.next()).await;
    assert!(!shutdown.is_requested());
    kill_process(getpid(), Signal::TERM).unwrap();
    within(shutdown.requested()).await;
}

async fn poll_once<F: Future<Output = ()>>(mut future: std::pin::Pin<&mut F>) -> std::task::Poll<()> {
    std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context))).await
}
