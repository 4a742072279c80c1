//! As much of Kafka's protocol as it takes to ask a broker whether it is part of its cluster.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};

use crate::services::server::connect;

/// `Metadata` in version 4, which every broker since 0.11 knows.
const METADATA: [u8; 4] = [0, 3, 0, 4];
/// The number by which an answer is recognised.
const CORRELATION: [u8; 4] = *b"dvcn";
/// One broker and no topic fit into far less.
const LARGEST: usize = 1 << 20;

/// Asks for the brokers of the cluster, and fails while there is none.
pub(super) fn metadata(address: SocketAddr) -> Result<()> {
    let mut request = Vec::new();
    request.extend(METADATA);
    request.extend(CORRELATION);
    // No client id, no topics, and none are to be made.
    request.extend([0xff, 0xff, 0, 0, 0, 0, 0]);

    let mut stream = connect(address)?;
    stream.write_all(&u32::try_from(request.len())?.to_be_bytes()).context("it takes no request")?;
    stream.write_all(&request).context("it takes no request")?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).context("it does not answer")?;
    let length = u32::from_be_bytes(length) as usize;
    if !(12..=LARGEST).contains(&length) {
        bail!("what answers there is not Kafka");
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).context("its answer ends early")?;
    match brokers(&answer) {
        Some(1..) => Ok(()),
        Some(_) => bail!("it has not joined its cluster yet"),
        None => bail!("what answers there is not Kafka"),
    }
}

/// How many brokers an answer lists.
fn brokers(answer: &[u8]) -> Option<u32> {
    // How long the client is to wait stands in between.
    let (_throttle, rest) = answer.strip_prefix(&CORRELATION)?.split_first_chunk::<4>()?;
    rest.first_chunk().map(|count| u32::from_be_bytes(*count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brokers_of_an_answer_are_counted() {
        assert_eq!(brokers(b"dvcn\0\0\0\0\0\0\0\x02rest"), Some(2));
        assert_eq!(brokers(b"dvcn\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(brokers(b"HTTP/1.1 400 Bad Request"), None);
        assert_eq!(brokers(b"dvcn"), None);
    }
}
