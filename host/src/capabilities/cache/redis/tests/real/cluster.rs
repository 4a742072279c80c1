//! Three nodes, each with a third of the slots.

use std::process::{Command as Process, Stdio};

use super::*;

struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    fn start() -> Self {
        let nodes: Vec<Server> = (0..3)
            .map(|_| {
                let bus = free_port().to_string();
                Server::start(&["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", &bus])
            })
            .collect();
        let addresses: Vec<String> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        let created = Process::new("redis-cli")
            .args(["--cluster", "create"])
            .args(&addresses)
            .arg("--cluster-yes")
            .stdout(Stdio::null())
            .status()
            .expect("`redis-cli` must be on the PATH");
        assert!(created.success());
        Self { nodes }
    }

    fn url(&self) -> String {
        let nodes: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+cluster://{}", nodes.join(","))
    }
}

#[tokio::test]
async fn a_cluster_is_one_cache() {
    let cluster = Cluster::start();
    let cache = patient(config(&cluster.url()));
    until("the cluster serves", async || {
        let mut served = true;
        for number in 0..30 {
            served &= cache.set(&format!("probe:{number}"), "v".into(), LIFE).await.is_ok();
        }
        served
    })
    .await;
    for key in ["k", "other", "{tag}k", "ключ"] {
        for (function, result) in every_function(&cache, key).await {
            result.unwrap_or_else(|error| panic!("{function} of {key}: {error}"));
        }
    }
    // Keys of all slots in one call and in one batch.
    let keys: Vec<String> = (0..30).map(|number| format!("probe:{number}")).collect();
    let mut commands: Vec<Command> = keys.iter().map(|key| Command::Increment(format!("n:{key}"), 1, LIFE)).collect();
    commands.extend(keys.iter().map(|key| Command::Increment(format!("n:{key}"), 1, LIFE)));
    commands.push(Command::Delete(keys.clone()));
    commands.push(Command::Get(keys[0].clone()));
    commands.push(Command::Delete(vec![]));
    let answers = cache.batch(commands).await.unwrap();
    assert!(answers[..30].iter().all(|answer| *answer == Ok(Reply::Number(1))), "{answers:?}");
    assert!(answers[30..60].iter().all(|answer| *answer == Ok(Reply::Number(2))), "{answers:?}");
    assert_eq!(answers[60..], [Ok(Reply::Number(30)), Ok(Reply::Value(None)), Ok(Reply::Number(0))]);
    let counters: Vec<String> = keys.iter().map(|key| format!("n:{key}")).collect();
    assert_eq!(cache.delete(&counters).await, Ok(30));
    assert_eq!(cache.delete(&counters).await, Ok(0));
}

#[tokio::test]
async fn a_key_that_moves_is_followed() {
    let cluster = Cluster::start();
    let cache = patient(config(&cluster.url()));
    until("the cluster serves", async || cache.set("k", "0".into(), None).await.is_ok()).await;
    let slot = match cluster.nodes[0].tell(&["CLUSTER", "KEYSLOT", "k"]) {
        redis::Value::Int(slot) => slot.to_string(),
        other => panic!("{other:?}"),
    };
    let id = |node: &Server| match node.tell(&["CLUSTER", "MYID"]) {
        redis::Value::BulkString(id) => String::from_utf8(id).unwrap(),
        other => panic!("{other:?}"),
    };
    let holds = |node: &Server| match node.tell(&["CLUSTER", "COUNTKEYSINSLOT", &slot]) {
        redis::Value::Int(count) => count > 0,
        other => panic!("{other:?}"),
    };
    let from = cluster.nodes.iter().find(|node| holds(node)).unwrap();
    let to = cluster.nodes.iter().find(|node| !holds(node)).unwrap();
    to.tell(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(from)]);
    from.tell(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(to)]);
    assert_eq!(cache.increment("k", 1, LIFE).await, Ok(1), "not yet gone");
    from.tell(&["MIGRATE", "127.0.0.1", &to.port.to_string(), "k", "0", "1000"]);
    assert_eq!(cache.increment("k", 1, None).await, Ok(2), "asked for at the new node");
    for node in [to, from] {
        node.tell(&["CLUSTER", "SETSLOT", &slot, "NODE", &id(to)]);
    }
    assert_eq!(cache.increment("k", 1, LIFE).await, Ok(3), "moved for good");
    assert_eq!(cache.increment("k", 1, LIFE).await, Ok(4));
}

#[tokio::test]
async fn a_near_cache_is_refused_on_a_cluster() {
    use crate::capabilities::cache::near::{self, Near};

    let cache = Redis::open(config("redis+cluster://127.0.0.1:1")).unwrap();
    let refused = Near::open(cache, near::Config { patterns: vec!["*".into()], size: 1 << 20 });
    assert_eq!(refused.err(), Some(OpenError::NearCluster));
}
