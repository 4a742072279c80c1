use std::cell::Cell;
use std::future::{pending, ready};

use tokio::time::advance;

use super::*;

const WITHIN: Duration = Duration::from_millis(50);

fn away() -> Result<()> {
    Err(Error::unavailable("connection refused"))
}

async fn fail(breaker: &Breaker, times: u32) {
    for _ in 0..times {
        let error = breaker.call(WITHIN, ready(away())).await.unwrap_err();
        assert_eq!(error.message(), "connection refused");
    }
}

/// True if a call is let through now; it is answered.
async fn passes(breaker: &Breaker) -> bool {
    tried(breaker, ready(Ok(()))).await
}

/// True if the operation was run at all.
async fn tried(breaker: &Breaker, operation: impl Future<Output = Result<()>>) -> bool {
    let ran = Cell::new(false);
    let _ = breaker
        .call(WITHIN, async {
            ran.set(true);
            operation.await
        })
        .await;
    ran.get()
}

#[tokio::test(start_paused = true)]
async fn three_failures_in_a_row_open_it() {
    let breaker = Breaker::new("Redis");
    fail(&breaker, 2).await;
    assert!(!breaker.is_open());
    assert!(passes(&breaker).await, "a success starts the count anew");
    fail(&breaker, 2).await;
    assert!(!breaker.is_open());
    fail(&breaker, 1).await;
    assert!(breaker.is_open());

    let error = breaker.call(WITHIN, ready(Ok(()))).await.unwrap_err();
    assert_eq!(error.case(), "unavailable");
    assert!(error.message().starts_with("Redis is away"), "{error}");
    assert_eq!(error.failure().retry_after, Some(Duration::from_millis(100)));
    advance(Duration::from_millis(60)).await;
    let error = breaker.call(WITHIN, ready(Ok(()))).await.unwrap_err();
    assert_eq!(error.failure().retry_after, Some(Duration::from_millis(40)));
}

#[tokio::test(start_paused = true)]
async fn time_that_runs_out_is_a_timeout_and_counts() {
    let breaker = Breaker::new("Redis");
    for _ in 0..3 {
        let begun = Instant::now();
        let error = breaker.call(WITHIN, pending::<Result<()>>()).await.unwrap_err();
        assert_eq!(error, Error::timeout("Redis did not answer within 50 ms"));
        assert_eq!(begun.elapsed(), WITHIN);
    }
    assert!(breaker.is_open());
}

#[tokio::test(start_paused = true)]
async fn what_the_store_refuses_is_an_answer() {
    let breaker = Breaker::new("Redis");
    fail(&breaker, 2).await;
    let refused = [Error::invalid("i"), Error::conflict("c"), Error::not_found("n"), Error::too_large("l")];
    for error in refused.into_iter().cycle().take(12) {
        assert_eq!(breaker.call(WITHIN, ready(Err::<(), _>(error.clone()))).await, Err(error));
    }
    fail(&breaker, 2).await;
    assert!(!breaker.is_open());
}

#[tokio::test(start_paused = true)]
async fn probes_go_after_pauses_that_double_to_two_seconds() {
    let breaker = Breaker::new("Redis");
    fail(&breaker, 3).await;
    for pause in [100, 200, 400, 800, 1_600, 2_000, 2_000] {
        advance(Duration::from_millis(pause - 1)).await;
        assert!(!tried(&breaker, ready(away())).await, "before {pause} ms");
        advance(Duration::from_millis(1)).await;
        assert!(tried(&breaker, ready(away())).await, "after {pause} ms");
    }
    assert!(breaker.is_open());
    advance(Duration::from_secs(2)).await;
    assert!(passes(&breaker).await);
    assert!(!breaker.is_open());
    assert!(passes(&breaker).await);

    fail(&breaker, 3).await;
    advance(Duration::from_millis(100)).await;
    assert!(passes(&breaker).await, "the pauses begin anew");
}

#[tokio::test(start_paused = true)]
async fn one_probe_runs_at_a_time() {
    let breaker = Breaker::new("Redis");
    fail(&breaker, 3).await;
    advance(Duration::from_millis(100)).await;
    let (answer, waiting) = tokio::sync::oneshot::channel();
    let probe = breaker.call(WITHIN, async { waiting.await.unwrap() });
    let others = async {
        assert!(!passes(&breaker).await, "the probe is still running");
        answer.send(Ok(())).unwrap();
    };
    assert_eq!(tokio::join!(probe, others).0, Ok(()));
    assert!(passes(&breaker).await);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_probe_makes_room_for_the_next() {
    let breaker = Breaker::new("Redis");
    fail(&breaker, 3).await;
    advance(Duration::from_millis(100)).await;
    let dropped = tokio::time::timeout(Duration::from_millis(10), breaker.call(WITHIN, pending::<Result<()>>()));
    assert!(dropped.await.is_err());
    assert!(breaker.is_open());
    assert!(!passes(&breaker).await, "not at once");
    advance(Duration::from_millis(100)).await;
    assert!(passes(&breaker).await);
    assert!(!breaker.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_counts_as_nothing() {
    let breaker = Breaker::new("Redis");
    fail(&breaker, 2).await;
    for _ in 0..5 {
        let dropped = tokio::time::timeout(Duration::from_millis(10), breaker.call(WITHIN, pending::<Result<()>>()));
        assert!(dropped.await.is_err());
    }
    assert!(!breaker.is_open());
    fail(&breaker, 1).await;
    assert!(breaker.is_open());
}

#[tokio::test(start_paused = true)]
async fn calls_that_were_under_way_do_not_lengthen_the_pause() {
    let breaker = Breaker::new("Redis");
    let calls = (0..20).map(|_| breaker.call(WITHIN, pending::<Result<()>>()));
    for result in futures_util::future::join_all(calls).await {
        assert_eq!(result.unwrap_err().case(), "timeout");
    }
    advance(Duration::from_millis(100)).await;
    assert!(passes(&breaker).await);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_closes_it() {
    let breaker = Breaker::new("Redis");
    let (answer, waiting) = tokio::sync::oneshot::channel();
    let late = breaker.call(WITHIN, async { waiting.await.unwrap() });
    let others = async {
        fail(&breaker, 3).await;
        assert!(breaker.is_open());
        answer.send(Ok(())).unwrap();
    };
    assert_eq!(tokio::join!(late, others).0, Ok(()));
    assert!(!breaker.is_open());
}

#[tokio::test(start_paused = true)]
async fn whoever_sees_the_store_answer_closes_it() {
    let breaker = Breaker::new("Redis");
    fail(&breaker, 3).await;
    breaker.close();
    assert!(!breaker.is_open());
    fail(&breaker, 2).await;
    assert!(!breaker.is_open(), "the count began anew");
}

/// One plugin's slow operations, while others are answered.
#[tokio::test(start_paused = true)]
async fn slow_operations_do_not_open_it_while_the_store_answers_others() {
    let breaker = Breaker::new("MongoDB");
    for _ in 0..10 {
        let slow = breaker.call(WITHIN, pending::<Result<()>>());
        let quick = async {
            advance(WITHIN / 2).await;
            assert!(passes(&breaker).await, "the others are not refused");
        };
        assert_eq!(tokio::join!(slow, quick).0.unwrap_err().case(), "timeout");
    }
    // An answer from before it began says nothing.
    for _ in 0..3 {
        assert!(!breaker.is_open());
        let _ = breaker.call(WITHIN, pending::<Result<()>>()).await;
    }
    assert!(breaker.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_store_is_an_answer_to_others_too() {
    let breaker = Breaker::new("MongoDB");
    for _ in 0..10 {
        let slow = breaker.call(WITHIN, pending::<Result<()>>());
        let refused = async { breaker.call(WITHIN, ready(Err::<(), _>(Error::invalid("no")))).await.unwrap_err() };
        assert_eq!(tokio::join!(slow, refused).0.unwrap_err().case(), "timeout");
    }
    assert!(!breaker.is_open());
    // And so is what somebody saw outside of a call.
    for _ in 0..10 {
        let seen = async { breaker.close() };
        assert_eq!(tokio::join!(breaker.call(WITHIN, pending::<Result<()>>()), seen).0.unwrap_err().case(), "timeout");
    }
    assert!(!breaker.is_open());
}

/// Callers that have little time left when they come.
#[tokio::test(start_paused = true)]
async fn a_short_silence_says_nothing() {
    let long = WITHIN * 5;
    let breaker = Breaker::new("MongoDB").patient(long);
    for _ in 0..10 {
        let error = breaker.call(long - Duration::from_millis(1), pending::<Result<()>>()).await.unwrap_err();
        assert_eq!(error.case(), "timeout");
    }
    assert!(!breaker.is_open());
    // What the driver says by itself counts however soon it comes.
    fail(&breaker, 1).await;
    for _ in 0..2 {
        assert!(!breaker.is_open());
        let _ = breaker.call(long, pending::<Result<()>>()).await;
    }
    assert!(breaker.is_open());
    // A probe that had too little time makes room for the next.
    advance(Duration::from_millis(100)).await;
    assert!(tried(&breaker, pending()).await);
    advance(Duration::from_millis(100)).await;
    assert!(passes(&breaker).await);
    assert!(!breaker.is_open());
}
