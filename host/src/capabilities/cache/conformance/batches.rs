//! Several commands in one trip.

use super::super::backend::{Command, Reply};
use super::*;

pub(super) async fn each_command_has_its_own_answer(cache: &Cache) {
    let (a, n, set, absent) = (cache.key("a"), cache.key("n"), cache.key("set"), cache.key("absent"));
    cache.set_add(&set, all(&["m"]), None).await.unwrap();
    let answers = cache
        .batch(vec![
            Command::Set(a.clone(), "1".into(), HOUR),
            Command::Get(a.clone()),
            Command::SetIfAbsent(a.clone(), "2".into(), None),
            Command::Increment(a.clone(), 4, None),
            Command::Increment(a.clone(), 1, HOUR),
            Command::Get(set.clone()),
            Command::Increment(n.clone(), 7, HOUR),
            Command::Expire(a.clone(), Duration::from_secs(9)),
            Command::Expire(absent.clone(), Duration::from_secs(9)),
            Command::Increment(set.clone(), 1, HOUR),
            Command::Delete(vec![]),
            Command::Delete(vec![a.clone(), absent.clone(), set.clone()]),
            Command::Get(a.clone()),
        ])
        .await
        .unwrap();
    let mut answers = answers.into_iter();
    assert_eq!(answers.next().unwrap(), Ok(Reply::Done));
    assert_eq!(answers.next().unwrap(), Ok(Reply::Value(Some("1".into()))));
    assert_eq!(answers.next().unwrap(), Ok(Reply::Changed(false)));
    assert_eq!(answers.next().unwrap(), Ok(Reply::Number(5)));
    assert_eq!(answers.next().unwrap(), Ok(Reply::Number(6)));
    assert_eq!(case(answers.next().unwrap()), "invalid");
    assert_eq!(answers.next().unwrap(), Ok(Reply::Number(7)));
    assert_eq!(answers.next().unwrap(), Ok(Reply::Changed(true)));
    assert_eq!(answers.next().unwrap(), Ok(Reply::Changed(false)));
    assert_eq!(case(answers.next().unwrap()), "invalid");
    assert_eq!(answers.next().unwrap(), Ok(Reply::Number(0)));
    assert_eq!(answers.next().unwrap(), Ok(Reply::Number(2)));
    assert_eq!(answers.next().unwrap(), Ok(Reply::Value(None)));
    assert_eq!(answers.next(), None);
    assert!(an_hour(cache.life(&n).await.unwrap()));
}

pub(super) async fn commands_run_in_order(cache: &Cache) {
    let keys: Vec<String> = (0..8).map(|number| cache.key(&number.to_string())).collect();
    let commands = (0..128).map(|number| Command::Increment(keys[number % 8].clone(), 1, None)).collect();
    let answers = cache.batch(commands).await.unwrap();
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer, Ok(Reply::Number(number as i64 / 8 + 1)));
    }
    let mixed = vec![
        Command::Set(keys[0].clone(), "v".into(), None),
        Command::Delete(keys.clone()),
        Command::Get(keys[0].clone()),
        Command::Set(keys[0].clone(), "w".into(), None),
        Command::Get(keys[0].clone()),
    ];
    let answers: Vec<Reply> = cache.batch(mixed).await.unwrap().into_iter().map(Result::unwrap).collect();
    let value = |value: Option<&'static str>| Reply::Value(value.map(Bytes::from));
    assert_eq!(answers, [Reply::Done, Reply::Number(8), value(None), Reply::Done, value(Some("w"))]);
}

pub(super) async fn an_empty_batch_is_empty(cache: &Cache) {
    assert_eq!(cache.batch(vec![]).await, Ok(vec![]));
    assert_eq!(cache.batch(vec![Command::Delete(vec![])]).await, Ok(vec![Ok(Reply::Number(0))]));
}
