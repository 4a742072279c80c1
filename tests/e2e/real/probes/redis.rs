//! A client of Redis in a page: RESP2, one command at a time.

use crate::harness::PATIENCE;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

pub(crate) struct Redis {
    stream: BufReader<TcpStream>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Nil,
    Integer(i64),
    Text(String),
    List(Vec<Self>),
}

impl Redis {
    /// Of `redis://[user:password@]host:port[/…]`.
    pub(crate) fn open(url: &str) -> Self {
        let rest = url.strip_prefix("redis://").unwrap_or_else(|| panic!("this probe speaks redis:// only"));
        let rest = rest.split(['/', '?']).next().unwrap();
        let (user, address) = rest.rsplit_once('@').map_or((None, rest), |(user, address)| (Some(user), address));
        let address = if address.contains(':') { address.to_owned() } else { format!("{address}:6379") };
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut redis = Self { stream: BufReader::new(stream) };
        if let Some((name, password)) = user.and_then(|user| user.split_once(':')) {
            let words = if name.is_empty() { vec!["AUTH", password] } else { vec!["AUTH", name, password] };
            redis.ask(&words);
        }
        redis
    }

    pub(crate) fn ask(&mut self, words: &[&str]) -> Reply {
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.stream.get_mut().write_all(command.as_bytes()).unwrap();
        self.reply()
    }

    /// The value of a key that must be there.
    #[track_caller]
    pub(crate) fn text(&mut self, key: &str) -> String {
        match self.ask(&["GET", key]) {
            Reply::Text(text) => text,
            other => panic!("{key} is {other:?}"),
        }
    }

    /// Checks that a key is there and has this long to live, in seconds, as of a moment ago.
    #[track_caller]
    pub(crate) fn check_life(&mut self, key: &str, seconds: i64) {
        let Reply::Integer(left) = self.ask(&["TTL", key]) else { panic!("no TTL of {key}") };
        assert!((seconds - 60..=seconds).contains(&left), "{key} lives for {left} s, not {seconds}");
    }

    fn reply(&mut self) -> Reply {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let line = line.trim_end();
        let (kind, rest) = line.split_at_checked(1).unwrap_or_else(|| panic!("Redis closed the connection"));
        match kind {
            "+" => Reply::Text(rest.to_owned()),
            ":" => Reply::Integer(rest.parse().unwrap()),
            "$" if rest == "-1" => Reply::Nil,
            "$" => {
                let mut bytes = vec![0; rest.parse::<usize>().unwrap() + 2];
                self.stream.read_exact(&mut bytes).unwrap();
                bytes.truncate(bytes.len() - 2);
                Reply::Text(String::from_utf8(bytes).unwrap())
            }
            "*" => Reply::List((0..rest.parse().unwrap()).map(|_| self.reply()).collect()),
            _ => panic!("Redis answers {line}"),
        }
    }
}
