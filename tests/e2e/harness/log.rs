//! What a host wrote, line by line.

use super::PATIENCE;
use std::io::{BufRead, BufReader, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

/// The lines of both streams, in the order in which they were read.
#[derive(Clone, Default)]
pub(crate) struct Log {
    shared: Arc<(Mutex<Vec<String>>, Condvar)>,
    /// Streams that have not ended.
    open: Arc<AtomicUsize>,
}

impl Log {
    /// Reads the stream to its end, on a thread of its own.
    pub(super) fn follow(&self, stream: impl Read + Send + 'static) {
        let log = self.clone();
        log.open.fetch_add(1, Ordering::SeqCst);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let (lines, changed) = &*log.shared;
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(String::from_utf8_lossy(&line).into_owned());
                changed.notify_all();
            }
            let (lines, changed) = &*log.shared;
            // Under the lock, so that nobody who looked before the end waits for a word after it.
            let kept = lines.lock().unwrap_or_else(PoisonError::into_inner);
            log.open.fetch_sub(1, Ordering::SeqCst);
            changed.notify_all();
            drop(kept);
        });
    }

    /// The first line that contains `text`, waiting for it if need be.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.wait_until(text, |lines| lines.iter().find(|line| line.contains(text)).cloned())
    }

    /// The first line, from line `from` on, that contains all of the texts.
    #[track_caller]
    pub(crate) fn wait_for_all(&self, from: usize, texts: &[&str]) -> String {
        self.wait_until(&texts.join(" … "), |lines| {
            lines.iter().skip(from).find(|line| texts.iter().all(|text| line.contains(text))).cloned()
        })
    }

    #[track_caller]
    pub(crate) fn wait_until<T>(&self, what: &str, mut look: impl FnMut(&[String]) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let (lines, changed) = &*self.shared;
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = look(&lines) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let ended = self.open.load(Ordering::SeqCst) == 0;
            assert!(!left.is_zero() && !ended, "not in the log: {what}\n{}", lines.join("\n"));
            lines = changed.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// All lines so far.
    pub(crate) fn text(&self) -> String {
        self.shared
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .flat_map(|line| [line.as_str(), "\n"])
            .collect()
    }

    /// How many lines contain `text`.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(|line| line.contains(text)).count()
    }
}
