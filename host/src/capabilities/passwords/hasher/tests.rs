use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::pool::Pool;
use super::stored::Stored;
use super::{Config, Hasher, Verdict};

/// Weak and quick; one thread, so that order can be relied on.
const QUICK: Config = Config { threads: NonZeroUsize::MIN, queue: 4, memory_kib: 8, passes: 1 };

/// A bcrypt hash of the lowest cost.
fn bcrypt_hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

fn quick() -> Hasher {
    Hasher::new(QUICK).unwrap()
}

async fn verify(hasher: &Hasher, password: &str, hash: &str) -> Verdict {
    hasher.verify(password.to_owned(), Some(hash.to_owned())).await.unwrap()
}

#[tokio::test]
async fn new_hashes_are_what_the_design_asks_for() {
    let hasher = Hasher::new(Config { threads: NonZeroUsize::MIN, ..Config::default() }).unwrap();
    let hash = hasher.hash("Correct-Horse-1".to_owned()).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    assert_eq!(verify(&hasher, "Correct-Horse-1", &hash).await, Verdict::Matches);
    assert_eq!(verify(&hasher, "Correct-Horse-2", &hash).await, Verdict::Differs);
}

#[tokio::test]
async fn two_hashes_of_a_password_differ_and_both_match() {
    let hasher = quick();
    let one = hasher.hash("p".to_owned()).await.unwrap();
    let two = hasher.hash("p".to_owned()).await.unwrap();
    assert_ne!(one, two);
    for hash in [one, two] {
        assert_eq!(verify(&hasher, "p", &hash).await, Verdict::Matches);
        assert_eq!(verify(&hasher, "P", &hash).await, Verdict::Differs);
    }
}

#[tokio::test]
async fn passwords_out_of_range_are_invalid_to_hash_and_differ_to_compare() {
    let hasher = quick();
    let long = "p".repeat(1_025);
    for password in ["", long.as_str()] {
        assert_eq!(hasher.hash(password.to_owned()).await.unwrap_err().case(), "invalid");
        assert_eq!(verify(&hasher, password, &bcrypt_hash("p")).await, Verdict::Differs);
        assert_eq!(verify(&hasher, password, &bcrypt_hash(password)).await, Verdict::Differs);
    }
    let longest = "ä".repeat(512);
    let hash = hasher.hash(longest.clone()).await.unwrap();
    assert_eq!(verify(&hasher, &longest, &hash).await, Verdict::Matches);
}

#[tokio::test]
async fn nothing_to_compare_with_differs() {
    assert_eq!(quick().verify("p".to_owned(), None).await, Ok(Verdict::Differs));
}

#[tokio::test]
async fn bcrypt_of_the_former_system_matches_and_is_outdated() {
    let hasher = quick();
    // Known answers of the implementation that others are measured by, crypt_blowfish.
    for (password, known) in [
        ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        ("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
        ("U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
    ] {
        assert_eq!(verify(&hasher, password, known).await, Verdict::MatchesOutdated);
        assert_eq!(verify(&hasher, "U*", known).await, Verdict::Differs);
    }
    let hash = bcrypt_hash("Correct-Horse-1");
    for prefix in ["$2a$", "$2b$", "$2y$"] {
        let hash = hash.replace("$2b$", prefix);
        assert_eq!(verify(&hasher, "Correct-Horse-1", &hash).await, Verdict::MatchesOutdated, "{prefix}");
        assert_eq!(verify(&hasher, "Correct-Horse-2", &hash).await, Verdict::Differs, "{prefix}");
    }
    // It saw 72 bytes only.
    let hash = bcrypt_hash(&"x".repeat(72));
    assert_eq!(verify(&hasher, &"x".repeat(100), &hash).await, Verdict::MatchesOutdated);
    assert_eq!(verify(&hasher, &"x".repeat(71), &hash).await, Verdict::Differs);
}

#[tokio::test]
async fn older_and_weaker_argon2_matches_and_is_outdated() {
    let hasher = quick();
    let strong = Hasher::new(Config { memory_kib: 64, passes: 2, ..QUICK }).unwrap();
    let weak = hasher.hash("p".to_owned()).await.unwrap();
    assert_eq!(verify(&strong, "p", &weak).await, Verdict::MatchesOutdated);
    assert_eq!(verify(&strong, "q", &weak).await, Verdict::Differs);
    let hash = strong.hash("p".to_owned()).await.unwrap();
    assert_eq!(verify(&hasher, "p", &hash).await, Verdict::Matches);

    // As strong, but of half the length.
    let params = argon2::Params::new(8, 1, 1, Some(16)).unwrap();
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut output = [0; 16];
    argon2.hash_password_into(b"p", b"somesalt", &mut output).unwrap();
    let short = super::stored::text(&argon2, b"somesalt", &output).unwrap();
    assert_eq!(verify(&hasher, "p", &short).await, Verdict::MatchesOutdated);

    // The reference implementation's own test vectors: "password", "somesalt", t=2, m=256.
    for (hash, version) in [
        ("$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY", "1.0, none written"),
        ("$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8", "1.3"),
        ("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "1.3, id"),
    ] {
        let verdict = verify(&hasher, "password", hash).await;
        let expected = if hash.contains("argon2id") { Verdict::Matches } else { Verdict::MatchesOutdated };
        assert_eq!(verdict, expected, "{version}");
        assert_eq!(verify(&hasher, "differentpassword", hash).await, Verdict::Differs, "{version}");
    }
}

/// Hashes that must not be read, let alone computed: most would take minutes or all memory.
fn hostile() -> Vec<String> {
    let tail = "$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let argon = |params: &str| format!("$argon2id$v=19${params}{tail}");
    let bcrypt = |cost: &str| format!("$2b${cost}$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");
    let mut hashes = vec![
        argon("m=4194304,t=2,p=1"),
        argon("m=4294967295,t=1,p=1"),
        argon("m=65537,t=1,p=1"),
        argon("m=19456,t=1000000,p=1"),
        argon("m=8,t=4294967295,p=1"),
        argon("m=65536,t=5,p=1"),
        argon("m=65536,t=1,p=17"),
        argon("m=8,t=1,p=16777215"),
        argon("m=8,t=1,p=2"),
        argon("m=8,t=0,p=1"),
        argon("m=0,t=1,p=0"),
        argon("m=-1,t=1,p=1"),
        argon("m=99999999999999999999,t=1,p=1"),
        argon("m=256,t=2,p=1,x=1"),
        bcrypt("31"),
        bcrypt("15"),
        bcrypt("99"),
        bcrypt("-1"),
        bcrypt("+4"),
        bcrypt("ab"),
    ];
    let texts = [
        "",
        "$",
        "$$",
        "$$$$$$$$$",
        "password",
        "\0",
        "$2b$",
        "$2b$10$",
        "$2x$04$",
        "$argon2id$",
        "$argon2id$v=19$",
        "$argon2id$v=19$m=256,t=2,p=1",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ",
        "$argon2x$v=19$m=256,t=2,p=1$c29t$c29t",
        "$argon2id$v=99$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$AAAA",
        "$argon2id$v=19$m=256,t=2,p=1$AAAA$c29tZXNhbHQ",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$ключключ",
        "$2b$10$ключключключключключключключключключклю",
        "$pbkdf2-sha256$i=1000$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$5$rounds=5000$salt$hash",
    ];
    hashes.extend(texts.map(str::to_owned));
    hashes.push("$2b$".repeat(20_000));
    hashes.push(argon(&"m=8,".repeat(10_000)));
    hashes
}

#[tokio::test]
async fn hostile_hashes_are_never_computed_and_differ() {
    let hasher = quick();
    for hash in hostile() {
        assert!(Stored::read(&hash).is_none(), "{hash}");
        assert_eq!(verify(&hasher, "password", &hash).await, Verdict::Differs, "{hash}");
    }
}

/// A pool of one thread that is kept busy until told, with the thread's word that it is.
async fn busy(pool: &Pool) -> (mpsc::Sender<()>, impl Future<Output = crate::capabilities::error::Result<()>> + '_) {
    let (release, wait) = mpsc::channel::<()>();
    let (started, has_started) = tokio::sync::oneshot::channel();
    let mut job = Box::pin(pool.run("test", move |_| {
        started.send(()).unwrap();
        // Ends when the sender is dropped.
        assert!(wait.recv().is_err());
    }));
    assert!(poll(&mut job).is_pending());
    has_started.await.unwrap();
    (release, job)
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn a_full_queue_refuses_with_a_time_to_come_back() {
    let pool = Pool::new(NonZeroUsize::MIN, 2, 8).unwrap();
    let (release, first) = busy(&pool).await;
    let mut second = Box::pin(pool.run("test", |_| 2));
    let mut third = Box::pin(pool.run("test", |_| 3));
    assert!(poll(&mut second).is_pending() && poll(&mut third).is_pending());
    let error = pool.run("passwords.hash", |_| 4).await.unwrap_err();
    assert_eq!(error.case(), "unavailable");
    assert!(error.failure().retry_after.is_some_and(|after| after > Duration::ZERO));
    assert!(error.message().contains("passwords.hash"), "{error}");
    drop(release);
    assert_eq!((first.await, second.await, third.await), (Ok(()), Ok(2), Ok(3)));
}

#[tokio::test]
async fn who_left_is_skipped_and_makes_room() {
    let pool = Pool::new(NonZeroUsize::MIN, 2, 8).unwrap();
    let (release, first) = busy(&pool).await;
    let (ran, runs) = mpsc::channel();
    for number in 0..10 {
        let ran = ran.clone();
        let mut left = Box::pin(pool.run("test", move |_| ran.send(number).unwrap()));
        assert!(poll(&mut left).is_pending());
    }
    let mut stays = Box::pin(pool.run("test", move |_| ran.send(10).unwrap()));
    assert!(poll(&mut stays).is_pending());
    drop(release);
    first.await.unwrap();
    stays.await.unwrap();
    assert_eq!(runs.iter().collect::<Vec<_>>(), [10]);
}

#[tokio::test]
async fn work_whose_caller_left_is_not_begun() {
    let pool = Pool::new(NonZeroUsize::MIN, 9, 8).unwrap();
    let (release, first) = busy(&pool).await;
    let (ran, runs) = mpsc::channel();
    let mut left = Box::pin(pool.run("test", move |_| ran.send(()).unwrap()));
    assert!(poll(&mut left).is_pending());
    drop(left);
    drop(release);
    first.await.unwrap();
    // The queue is in order: once this is done, the other had its turn.
    pool.run("test", |_| ()).await.unwrap();
    assert!(runs.recv().is_err());
}

#[tokio::test]
async fn a_panic_ends_its_own_job_alone() {
    let pool = Pool::new(NonZeroUsize::MIN, 4, 8).unwrap();
    for _ in 0..3 {
        let error = pool.run("test", |_| -> u8 { panic!("on purpose") }).await.unwrap_err();
        assert_eq!(error.case(), "unavailable");
    }
    assert_eq!(pool.run("test", |_| 7).await, Ok(7));
}

#[tokio::test]
async fn memory_grows_for_a_job_and_is_given_back() {
    let pool = Pool::new(NonZeroUsize::MIN, 4, 8).unwrap();
    assert_eq!(pool.run("test", |memory| memory.blocks(100).len()).await, Ok(100));
    // The usual size is kept from the last job, without anything on top.
    assert_eq!(pool.run("test", |memory| memory.held()).await, Ok(8));
    assert_eq!(pool.run("test", |memory| memory.blocks(3).len()).await, Ok(3));
    assert_eq!(pool.run("test", |memory| memory.held()).await, Ok(8));
}

#[tokio::test]
async fn dropping_the_pool_refuses_those_who_wait() {
    let pool = Pool::new(NonZeroUsize::MIN, 4, 8).unwrap();
    let (answer, refused) = tokio::sync::oneshot::channel();
    let (release, first) = busy(&pool).await;
    let mut second = Box::pin(pool.run("test", move |_| answer.send(()).unwrap()));
    assert!(poll(&mut second).is_pending());
    // The futures borrow the pool; the work is all that outlives them.
    drop((first, second));
    drop(pool);
    // At once, not when the running job ends.
    assert!(refused.await.is_err());
    drop(release);
}

#[tokio::test]
async fn many_at_once_are_all_answered() {
    let config = Config { threads: NonZeroUsize::new(4).unwrap(), queue: 200, ..QUICK };
    let hasher = std::sync::Arc::new(Hasher::new(config).unwrap());
    let hash = hasher.hash("p".to_owned()).await.unwrap();
    let mut tasks = Vec::new();
    for number in 0..100 {
        let (hasher, hash) = (std::sync::Arc::clone(&hasher), hash.clone());
        let password = if number % 2 == 0 { "p" } else { "q" };
        tasks.push(tokio::spawn(async move { hasher.verify(password.to_owned(), Some(hash)).await }));
    }
    for (number, task) in tasks.into_iter().enumerate() {
        let expected = if number % 2 == 0 { Verdict::Matches } else { Verdict::Differs };
        assert_eq!(task.await.unwrap(), Ok(expected));
    }
}

#[test]
fn a_strength_that_argon2_does_not_take_is_an_error() {
    assert!(Hasher::new(Config { memory_kib: 7, ..QUICK }).is_err());
    assert!(Hasher::new(Config { passes: 0, ..QUICK }).is_err());
}
