//! How long a replacement of the real auth plugin takes: from the file being in place to the new version serving.

use crate::Context;
use crate::cores::Core;
use crate::measure::auth::{AUTH, SECRET};
use crate::report::{Entry, Goal};
use crate::server::{Server, Site, get};
use crate::statistics::median;
use anyhow::ensure;
use std::time::{Duration, Instant};

const SWAPS: usize = 10;

/// The custom section from which the host takes a plugin's part of `/openapi.json`: the first one counts.
const SECTION: &str = "devconnect:openapi";

/// Bytes before the first section of a component.
const PREAMBLE: usize = 8;

pub(crate) fn measure(context: &Context) -> anyhow::Result<Vec<Entry>> {
    let path = crate::paths::plugin("auth")?;
    let component = std::fs::read(&path)?;
    let site = Site::new(AUTH, &[path])?;
    let server = Server::host(&context.host, Core::Both, site, SECRET)?;
    let swaps = SWAPS.max(context.rounds);
    // Each number is a component that was never compiled before.
    let cold = times((1..=swaps).collect(), &server, &component)?;
    // All of these were.
    let cached = times((1..swaps).rev().collect(), &server, &component)?;
    let size = format!("auth.wasm, {:.0} KB", component.len() as f64 / 1000.0);
    let mut entries = Vec::new();
    for (name, runs, goal) in [("swap-cold", cold, 1000.0), ("swap-cached", cached, 100.0)] {
        let mut entry = Entry::new(name, median(&runs), "ms", &runs).goal(Goal::Below(goal));
        entry.note = Some(size.clone());
        entries.push(entry);
    }
    Ok(entries)
}

/// Milliseconds of each replacement by the component with that number.
fn times(numbers: Vec<usize>, server: &Server, component: &[u8]) -> anyhow::Result<Vec<f64>> {
    let Some(site) = &server.folder else { return Ok(Vec::new()) };
    let fresh = site.path().join(".auth.wasm.fresh");
    let target = site.path().join("auth.wasm");
    let mut all = Vec::new();
    for number in numbers {
        let mark = format!("swap-{number}-");
        std::fs::write(&fresh, marked(component, &mark))?;
        std::fs::rename(&fresh, &target)?;
        let started = Instant::now();
        loop {
            let (_, answer) = get(server.address, "/openapi.json")?;
            if answer.contains(&mark) {
                break;
            }
            ensure!(started.elapsed() < Duration::from_secs(60), "the replacement {number} does not serve");
            std::thread::sleep(Duration::from_micros(500));
        }
        all.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(all)
}

/// The component, and in front of all its sections one that makes it another file and shows from outside.
fn marked(component: &[u8], mark: &str) -> Vec<u8> {
    let json = format!(r#"{{"paths":{{}},"tags":[{{"name":"{mark}"}}]}}"#);
    let mut section = Vec::new();
    push_length(&mut section, SECTION.len());
    section.extend(SECTION.bytes());
    section.extend(json.bytes());
    let (preamble, rest) = component.split_at(PREAMBLE.min(component.len()));
    let mut all = preamble.to_vec();
    all.push(0);
    push_length(&mut all, section.len());
    all.extend(section);
    all.extend(rest);
    all
}

/// LEB128.
fn push_length(bytes: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        if length == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::{marked, push_length};

    #[test]
    fn lengths_are_leb128() {
        let mut bytes = Vec::new();
        push_length(&mut bytes, 127);
        push_length(&mut bytes, 128);
        push_length(&mut bytes, 624_485);
        assert_eq!(bytes, [0x7f, 0x80, 0x01, 0xe5, 0x8e, 0x26]);
    }

    #[test]
    fn the_rest_of_the_component_stays() {
        let component = b"\0asm\x0d\0\x01\0the sections";
        let all = marked(component, "swap-1-");
        assert!(all.starts_with(&component[..8]) && all.ends_with(b"the sections"));
        assert_eq!(all.get(8), Some(&0));
    }
}
