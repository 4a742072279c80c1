//! When the host is asked to end, or to read its configuration again.
//!
//! SIGTERM and the first SIGINT ask it to end: it stops accepting, drains, closes. A second SIGINT, from a person who
//! does not want to wait, ends it at once. SIGHUP asks for a reload.

use std::future::pending;
use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

#[cfg(test)]
mod tests;

/// What a shell reports for a program that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// Asks the host to end; what [`Shutdown`] waits for.
#[derive(Clone, Debug)]
pub(crate) struct Trigger(watch::Sender<bool>);

/// Tells, to whoever has a clone, that the host is to end.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown(watch::Receiver<bool>);

/// Tells that the configuration is to be read again.
#[derive(Debug)]
pub(crate) struct Reloads(watch::Receiver<()>);

/// A trigger and what it triggers, without signals: for tests and for parts that end by themselves.
pub(crate) fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Asks the host to end. Again does nothing.
    pub(crate) fn shut_down(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Whether the host is to end.
    pub(crate) fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the host is to end; at once if it is already.
    pub(crate) async fn requested(mut self) {
        if self.0.wait_for(|requested| *requested).await.is_err() {
            // Whoever could have asked is gone without asking.
            pending().await
        }
    }
}

impl Reloads {
    /// Waits for the next request to reload. Several that come while one is being served are one.
    pub(crate) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            pending().await
        }
    }
}

/// Listens for the signals, in a task of the current runtime, until the process ends.
///
/// # Errors
/// The system does not let the process handle signals.
pub(crate) fn listen() -> io::Result<(Trigger, Shutdown, Reloads)> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let (trigger, shutdown) = channel();
    let (reload, reloads) = watch::channel(());
    let asked = trigger.clone();
    tokio::spawn(async move {
        let mut interrupted = false;
        loop {
            tokio::select! {
                _ = terminate.recv() => {
                    tracing::info!("SIGTERM: draining");
                    asked.shut_down();
                }
                _ = interrupt.recv() => {
                    if interrupted {
                        tracing::warn!("a second SIGINT: ending at once");
                        std::process::exit(INTERRUPTED);
                    }
                    interrupted = true;
                    tracing::info!("SIGINT: draining; again to end at once");
                    asked.shut_down();
                }
                _ = hang_up.recv() => {
                    tracing::info!("SIGHUP: reloading");
                    reload.send_replace(());
                }
            }
        }
    });
    Ok((trigger, shutdown, Reloads(reloads)))
}
