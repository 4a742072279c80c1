use super::*;

fn opened(url: &str) -> Result<Target, OpenError> {
    Target::new(&config(url))
}

#[test]
fn an_address_is_of_a_server_or_a_cluster() {
    for single in [
        "redis://localhost",
        "redis://user:p%2Cw@localhost:6380/3",
        " rediss://[::1]:6379 ",
        "valkey://cache",
        "unix:///run/redis.sock",
    ] {
        assert!(matches!(opened(single), Ok(Target::Single(..))), "{single}");
    }
    for cluster in [
        "redis+cluster://localhost:7000",
        "redis+cluster://user:pw@a:7000,b:7001",
        "rediss+cluster://a,b,c",
        "redis://a:7000, redis://b:7001",
        "redis://user:pw@a:7000,redis://user:pw@b:7001",
        "redis://a:7000,b:7001/0",
    ] {
        assert!(matches!(opened(cluster), Ok(Target::Cluster(_))), "{cluster}");
    }
}

#[test]
fn what_is_no_address_is_refused_without_being_told() {
    for wrong in [
        "",
        "localhost:6379",
        "http://secret@localhost",
        "redis://",
        "redis://user:secret@host:port",
        "redis://user:secret@host/database",
        "redis+cluster+cluster://secret",
        "unix+cluster:///secret",
        "redis://a:1,redis://b:secret",
    ] {
        let error = opened(wrong).err().expect(wrong).to_string();
        assert!(!error.contains("secret"), "{error}");
        assert!(error.contains("redis://[user:password@]host"), "{error}");
    }
}

#[test]
fn a_client_name_is_one_word() {
    for wrong in ["", "two words", "line\n", "é"] {
        let config = Config { client_name: wrong.to_owned(), ..config("redis://localhost") };
        assert!(matches!(Target::new(&config), Err(OpenError::ClientName(_))), "{wrong:?}");
    }
}

#[test]
fn what_is_printed_holds_no_password() {
    let printed = format!("{:?}", config("redis://user:secret@localhost"));
    assert!(!printed.contains("secret"), "{printed}");
}
