//! How much one answer may bring.

use super::super::backend::check::{FEW, MAX_ANSWER, MAX_VALUE};
use super::super::backend::{Command, Reply};
use super::*;

/// A value of that length that differs from the others.
fn long(number: usize, length: usize) -> Bytes {
    let mut value = vec![b'.'; length];
    value[0] = b'a' + u8::try_from(number).unwrap();
    value.into()
}

pub(super) async fn a_collection_of_eight_mebibytes_is_answered_and_no_more(cache: &Cache) {
    let (list, set, sorted, hash) = (cache.key("l"), cache.key("s"), cache.key("z"), cache.key("h"));
    let add = async |number: usize, length: usize| {
        let value = long(number, length);
        cache.list_push(&list, vec![value.clone()], None, None).await.unwrap();
        cache.set_add(&set, vec![value.clone()], None).await.unwrap();
        cache.sorted_add(&sorted, vec![(1.0, value.clone())], None).await.unwrap();
        // Its name counts too.
        let value = value.slice(1..);
        cache.hash_set(&hash, vec![(number.to_string(), value)], None).await.unwrap();
    };
    for number in 0..FEW {
        add(number, MAX_VALUE).await;
    }
    let whole = async |reverse| cache.sorted_range(&sorted, 0.0, 2.0, 100, reverse).await;
    assert_eq!(cache.list_range(&list, 0, -1).await.unwrap().len(), FEW);
    assert_eq!(cache.set_members(&set).await.unwrap().len(), FEW);
    assert_eq!((whole(false).await.unwrap().len(), whole(true).await.unwrap().len()), (FEW, FEW));
    assert_eq!(cache.hash_get_all(&hash).await.unwrap().len(), FEW);

    add(FEW, 1).await;
    for error in [
        cache.list_range(&list, 0, -1).await.unwrap_err(),
        cache.list_range(&list, -9, 100).await.unwrap_err(),
        cache.set_members(&set).await.unwrap_err(),
        whole(false).await.unwrap_err(),
        whole(true).await.unwrap_err(),
        cache.hash_get_all(&hash).await.unwrap_err(),
    ] {
        assert_eq!(error.case(), "too-large", "{error}");
        assert!(error.message().contains("8388608 bytes"), "{error}");
    }
    // A part of it is still there for the asking.
    assert_eq!(cache.list_range(&list, 0, 7).await.unwrap().len(), 8);
    assert_eq!(cache.list_range(&list, 0, -2).await.unwrap().len(), 8);
    assert_eq!(cache.sorted_range(&sorted, 0.0, 2.0, 8, false).await.unwrap().len(), 8);
    assert_eq!(cache.hash_get(&hash, &names(&["8", "0", "none"])).await.unwrap()[0], Some(Bytes::new()));
}

pub(super) async fn a_field_that_is_asked_for_again_counts_again(cache: &Cache) {
    let key = cache.key("h");
    cache.hash_set(&key, vec![("f".into(), long(0, MAX_VALUE)), ("g".into(), "v".into())], None).await.unwrap();
    let values = cache.hash_get(&key, &vec!["f".to_owned(); FEW]).await.unwrap();
    assert!(values.iter().all(|value| value.as_ref().is_some_and(|value| value.len() == MAX_VALUE)));
    let mut fields = vec!["f".to_owned(); FEW];
    fields.push("none".to_owned());
    assert_eq!(cache.hash_get(&key, &fields).await.unwrap().len(), FEW + 1);
    fields.push("g".to_owned());
    assert_eq!(case(cache.hash_get(&key, &fields).await), "too-large");
    let many = vec!["g".to_owned(); 2_500];
    assert_eq!(cache.hash_get(&key, &many).await.unwrap(), vec![Some(Bytes::from("v")); 2_500]);
}

pub(super) async fn a_batch_reads_eight_mebibytes_and_refuses_what_is_above(cache: &Cache) {
    let large: Vec<String> = (0..10).map(|number| cache.key(&format!("large{number}"))).collect();
    let small: Vec<String> = (0..10).map(|number| cache.key(&format!("small{number}"))).collect();
    for (number, key) in large.iter().enumerate() {
        cache.set(key, long(number, MAX_VALUE), None).await.unwrap();
        cache.set(&small[number], number.to_string().into(), None).await.unwrap();
    }
    let absent = cache.key("absent");
    let mut commands: Vec<Command> =
        large.iter().zip(&small).flat_map(|(large, small)| [large, small]).cloned().map(Command::Get).collect();
    commands.push(Command::Get(absent));
    // Twice: a near cache holds them the second time.
    for _ in 0..2 {
        let answers = cache.batch(commands.clone()).await.unwrap();
        let mut read = 0;
        for (place, answer) in answers.into_iter().enumerate() {
            let number = place / 2;
            match answer {
                Ok(Reply::Value(value)) if place == 20 => assert_eq!(value, None),
                Ok(Reply::Value(Some(value))) if place % 2 == 0 => {
                    assert!(number < 7, "the small ones leave room for seven");
                    assert_eq!(value, long(number, MAX_VALUE));
                    read += value.len();
                }
                Ok(Reply::Value(Some(value))) => assert_eq!(value, number.to_string()),
                Err(error) => {
                    assert!(place % 2 == 0 && number >= 7, "{place}: {error}");
                    assert_eq!(error.case(), "too-large");
                    assert!(error.message().contains(&large[number]), "{error}");
                }
                other => panic!("{place}: {other:?}"),
            }
        }
        assert!(read <= MAX_ANSWER && read == 7 * MAX_VALUE);
    }
    // So few cannot be too much.
    let few = large.iter().take(FEW).cloned().map(Command::Get).collect();
    assert!(cache.batch(few).await.unwrap().iter().all(Result::is_ok));
}

pub(super) async fn a_batch_of_many_reads_keeps_its_order(cache: &Cache) {
    let keys: Vec<String> = (0..12).map(|number| cache.key(&number.to_string())).collect();
    let (set, number) = (cache.key("set"), cache.key("number"));
    cache.set_add(&set, all(&["m"]), None).await.unwrap();
    cache.increment(&number, 123_456_789, None).await.unwrap();
    cache.set(&keys[0], long(0, MAX_VALUE), None).await.unwrap();
    cache.set(&keys[1], long(1, MAX_VALUE), None).await.unwrap();
    cache.set(&keys[2], "old".into(), None).await.unwrap();
    cache.set(&keys[3], "".into(), None).await.unwrap();
    let mut commands: Vec<Command> = keys.iter().cloned().map(Command::Get).collect();
    commands.extend([
        Command::Get(set),
        Command::Get(number),
        Command::Set(keys[1].clone(), "new".into(), None),
        Command::Set(keys[2].clone(), "new".into(), None),
        Command::Get(keys[1].clone()),
        Command::Get(keys[2].clone()),
        Command::Delete(vec![keys[2].clone(), keys[3].clone()]),
        Command::Get(keys[3].clone()),
    ]);
    let answers = cache.batch(commands).await.unwrap();
    let value = |value: &'static str| Ok(Reply::Value(Some(Bytes::from(value))));
    assert_eq!(answers[0], Ok(Reply::Value(Some(long(0, MAX_VALUE)))));
    let refused = answers[1].clone().unwrap_err();
    assert!(refused.case() == "too-large" && refused.message().contains("changed by the same batch"), "{refused}");
    assert_eq!((&answers[2], &answers[3], &answers[4]), (&value("old"), &value(""), &Ok(Reply::Value(None))));
    assert_eq!(case(answers[12].clone()), "invalid");
    assert_eq!(answers[13], value("123456789"));
    assert_eq!((&answers[16], &answers[17]), (&value("new"), &value("new")));
    assert_eq!((&answers[18], &answers[19]), (&Ok(Reply::Number(2)), &Ok(Reply::Value(None))));
}
