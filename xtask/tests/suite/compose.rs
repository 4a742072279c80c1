//! The two compose files say what others rely on: names, ports, listeners, health checks, volumes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::file;

const ZOOKEEPER: &str = "docker-compose.yml";
const KRAFT: &str = "docker-compose.kraft.yml";

fn parsed(path: &str) -> Value {
    serde_saphyr::from_str(&file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn services(path: &str) -> BTreeMap<String, Value> {
    parsed(path)["services"].as_object().unwrap().clone().into_iter().collect()
}

/// A list of texts.
fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// The health check as one line.
fn check(service: &Value) -> String {
    texts(&service["healthcheck"]["test"]).join(" ")
}

fn names(path: &str) -> Vec<String> {
    services(path).into_keys().collect()
}

#[test]
fn every_service_is_there_under_the_names_that_people_type() {
    let zookeeper = ["host", "kafka", "kafka-ui", "mongodb", "redis", "redis-commander", "zookeeper"];
    assert_eq!(names(ZOOKEEPER), zookeeper);
    assert_eq!(names(KRAFT), zookeeper[..6]);
    for path in [ZOOKEEPER, KRAFT] {
        assert_eq!(parsed(path)["name"], "devconnect");
        for (name, service) in services(path) {
            assert_eq!(service["container_name"], format!("devconnect-{name}"), "{path}");
        }
    }
}

#[test]
fn ports_are_the_former_ones_and_open_to_this_machine_only() {
    let expected = BTreeMap::from([
        ("host", "127.0.0.1:3000:3000"),
        ("kafka", "127.0.0.1:9092:9092"),
        ("kafka-ui", "127.0.0.1:8080:8080"),
        ("mongodb", "127.0.0.1:27017:27017"),
        ("redis", "127.0.0.1:6379:6379"),
        ("redis-commander", "127.0.0.1:8081:8081"),
        ("zookeeper", "127.0.0.1:2181:2181"),
    ]);
    for path in [ZOOKEEPER, KRAFT] {
        for (name, service) in services(path) {
            assert_eq!(texts(&service["ports"]), [expected[name.as_str()]], "{path}: {name}");
        }
    }
}

#[test]
fn kafka_has_a_listener_for_containers_and_one_for_this_machine() {
    for path in [ZOOKEEPER, KRAFT] {
        let kafka = &services(path)["kafka"];
        let environment = &kafka["environment"];
        let advertised = environment["KAFKA_ADVERTISED_LISTENERS"].as_str().unwrap();
        assert_eq!(advertised, "PLAINTEXT://kafka:29092,PLAINTEXT_HOST://localhost:9092", "{path}");
        let listeners = environment["KAFKA_LISTENERS"].as_str().unwrap();
        let map = environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].as_str().unwrap();
        for listener in listeners.split(',') {
            let (name, _) = listener.split_once("://").unwrap();
            assert!(
                map.split(',').any(|entry| entry == format!("{name}:PLAINTEXT")),
                "{path}: {name} is not in the map"
            );
        }
        for advertised in advertised.split(',') {
            let (name, address) = advertised.split_once("://").unwrap();
            let port = address.rsplit_once(':').unwrap().1;
            assert!(listeners.split(',').any(|one| one == format!("{name}://0.0.0.0:{port}")), "{path}: {name}");
        }
        assert_eq!(environment["KAFKA_INTER_BROKER_LISTENER_NAME"], "PLAINTEXT");
        assert_eq!(environment["KAFKA_NUM_PARTITIONS"], "3");
        assert_eq!(environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"], "false");
        // The page shows throughput only where it finds this port.
        assert_eq!(environment["KAFKA_JMX_PORT"], "9101");
        assert_eq!(environment["KAFKA_JMX_HOSTNAME"], "kafka");
        assert_eq!(texts(&kafka["expose"]), ["29092", "9101"]);
        let page = &services(path)["kafka-ui"]["environment"];
        assert_eq!(page["KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS"], "kafka:29092");
        assert_eq!(page["KAFKA_CLUSTERS_0_METRICS_PORT"], "9101");
        assert_eq!(page["KAFKA_CLUSTERS_0_METRICS_TYPE"], "JMX");
    }
}

#[test]
fn one_kafka_needs_zookeeper_and_the_other_is_its_own_controller() {
    let with = &services(ZOOKEEPER)["kafka"];
    assert_eq!(with["environment"]["KAFKA_ZOOKEEPER_CONNECT"], "zookeeper:2181");
    assert_eq!(with["environment"]["KAFKA_BROKER_ID"], "1");
    assert_eq!(services(ZOOKEEPER)["zookeeper"]["environment"]["ZOOKEEPER_CLIENT_PORT"], "2181");
    // 7 is the last that knows ZooKeeper; 8 is Kafka 4. Both have `kafka-topics` in PATH.
    assert!(with["image"].as_str().unwrap().starts_with("confluentinc/cp-kafka:7."));

    let without = &services(KRAFT)["kafka"];
    assert!(without["image"].as_str().unwrap().starts_with("confluentinc/cp-kafka:8."));
    let environment = &without["environment"];
    assert_eq!(environment["KAFKA_ZOOKEEPER_CONNECT"], Value::Null);
    assert_eq!(environment["KAFKA_PROCESS_ROLES"], "broker,controller");
    assert_eq!(environment["KAFKA_NODE_ID"], "1");
    assert_eq!(environment["KAFKA_CONTROLLER_QUORUM_VOTERS"], "1@kafka:29093");
    assert_eq!(environment["KAFKA_CONTROLLER_LISTENER_NAMES"], "CONTROLLER");
    assert!(environment["KAFKA_LISTENERS"].as_str().unwrap().contains("CONTROLLER://0.0.0.0:29093"));
    assert_eq!(environment["CLUSTER_ID"].as_str().unwrap().len(), 22, "16 bytes in Base64");
    assert_eq!(without["depends_on"], Value::Null);
}

#[test]
fn apart_from_kafka_the_two_files_are_the_same() {
    let (mut with, mut without) = (services(ZOOKEEPER), services(KRAFT));
    with.remove("zookeeper").unwrap();
    let (one, other) = (with.remove("kafka").unwrap(), without.remove("kafka").unwrap());
    assert_eq!(with, without);
    for key in ["container_name", "ports", "expose", "healthcheck", "restart"] {
        assert_eq!(one[key], other[key], "kafka: {key}");
    }
    // The two do not read each other's data.
    assert_ne!(one["volumes"], other["volumes"]);
}

#[test]
fn every_service_is_asked_a_real_question() {
    let expected = BTreeMap::from([
        ("host", "/readyz"),
        ("kafka", "kafka-broker-api-versions --bootstrap-server localhost:9092"),
        ("kafka-ui", "http://127.0.0.1:8080/actuator/health"),
        ("mongodb", "isWritablePrimary"),
        ("redis", "redis-cli ping | grep -q PONG"),
        ("redis-commander", "http://127.0.0.1:8081/"),
        ("zookeeper", "echo srvr"),
    ]);
    for path in [ZOOKEEPER, KRAFT] {
        for (name, service) in services(path) {
            let check = check(&service);
            assert!(check.starts_with("CMD"), "{path}: {name}: {check}");
            assert!(check.contains(expected[name.as_str()]), "{path}: {name}: {check}");
            for key in ["interval", "timeout"] {
                assert!(service["healthcheck"][key].as_str().unwrap().ends_with('s'), "{path}: {name}: {key}");
            }
            assert!(service["healthcheck"]["retries"].as_u64().unwrap() >= 3, "{path}: {name}");
            assert_eq!(service["restart"], "unless-stopped", "{path}: {name}");
        }
    }
}

#[test]
fn nobody_starts_before_those_that_it_needs_are_healthy() {
    let needed = |path: &str, name: &str| -> BTreeSet<String> {
        let service = &services(path)[name];
        let needed = service["depends_on"].as_object().cloned().unwrap_or_default();
        needed
            .into_iter()
            .map(|(name, how)| {
                assert_eq!(how["condition"], "service_healthy", "{path}: {name}");
                name
            })
            .collect()
    };
    for path in [ZOOKEEPER, KRAFT] {
        assert_eq!(needed(path, "host"), ["kafka", "mongodb", "redis"].map(str::to_owned).into());
        assert_eq!(needed(path, "kafka-ui"), ["kafka".to_owned()].into());
        assert_eq!(needed(path, "redis-commander"), ["redis".to_owned()].into());
        assert!(needed(path, "redis").is_empty());
        assert!(needed(path, "mongodb").is_empty());
    }
    assert_eq!(needed(ZOOKEEPER, "kafka"), ["zookeeper".to_owned()].into());
    assert!(needed(KRAFT, "kafka").is_empty());
}

#[test]
fn mongodb_is_a_replica_set_that_clients_outside_find_too() {
    for path in [ZOOKEEPER, KRAFT] {
        let mongodb = &services(path)["mongodb"];
        assert_eq!(texts(&mongodb["command"]), ["mongod", "--replSet", "rs0", "--bind_ip_all"]);
        let check = check(mongodb);
        assert!(check.contains(r#"rs.initiate({ _id: "rs0""#), "{check}");
        assert!(check.contains(r#"host: "localhost:27017""#), "{check}");
        // In a container that name is the container itself.
        let uri = &services(path)["host"]["environment"]["MONGODB_URI"];
        assert_eq!(uri, "mongodb://mongodb:27017/devconnect?directConnection=true");
    }
}

#[test]
fn the_host_finds_its_servers_and_takes_its_secret_from_outside() {
    for path in [ZOOKEEPER, KRAFT] {
        let host = &services(path)["host"];
        let environment = host["environment"].as_object().unwrap();
        assert_eq!(environment["REDIS_URL"], "redis://redis:6379");
        assert_eq!(environment["KAFKA_BROKERS"], "kafka:29092");
        assert_eq!(environment["KAFKA_CLIENT_ID"], "devconnect-app");
        assert_eq!(environment["KAFKA_GROUP_ID"], "devconnect-group");
        // Without a value: compose passes them on where they are set.
        for name in ["JWT_SECRET", "NODE_ENV", "FRONTEND_URL", "DEVCONNECT_LOG", "RUST_LOG"] {
            assert_eq!(environment.get(name), Some(&Value::Null), "{path}: {name}");
        }
        assert_eq!(host["build"], ".");
        assert_eq!(services(path)["redis-commander"]["environment"]["REDIS_HOSTS"], "devconnect:redis:6379");
    }
}

#[test]
fn data_is_kept_in_volumes_that_are_declared() {
    let expected = BTreeMap::from([
        ("host", vec!["host-data:/var/lib/devconnect"]),
        ("kafka", vec!["kafka-data:/var/lib/kafka/data"]),
        ("kafka-ui", vec![]),
        ("mongodb", vec!["mongodb-data:/data/db", "mongodb-config:/data/configdb"]),
        ("redis", vec!["redis-data:/data"]),
        ("redis-commander", vec![]),
        ("zookeeper", vec!["zookeeper-data:/var/lib/zookeeper/data", "zookeeper-log:/var/lib/zookeeper/log"]),
    ]);
    for path in [ZOOKEEPER, KRAFT] {
        let mut used = BTreeSet::new();
        for (name, service) in services(path) {
            let volumes = texts(&service["volumes"]);
            let wanted = &expected[name.as_str()];
            if (path, name.as_str()) == (KRAFT, "kafka") {
                assert_eq!(volumes, ["kraft-data:/var/lib/kafka/data"]);
            } else {
                assert_eq!(&volumes, wanted, "{path}: {name}");
            }
            used.extend(volumes.iter().map(|volume| volume.split_once(':').unwrap().0.to_owned()));
        }
        let declared: BTreeSet<String> = parsed(path)["volumes"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(declared, used, "{path}");
    }
    // A write that Redis has confirmed is in its file.
    assert_eq!(
        texts(&services(ZOOKEEPER)["redis"]["command"]),
        ["redis-server", "--appendonly", "yes", "--appendfsync", "everysec"]
    );
}

#[test]
fn images_are_pinned() {
    for path in [ZOOKEEPER, KRAFT] {
        for (name, service) in services(path) {
            let image = service["image"].as_str().unwrap();
            // The one that is built here has no version yet.
            if name != "host" {
                let version = image.rsplit_once(':').unwrap().1;
                assert!(version.split('.').count() >= 3, "{path}: {image} is not pinned");
            }
        }
    }
}
