//! One value at a time: from what was written to what its row wants.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::super::document::{Node, Value};
use super::super::reference::{Kind, Row};
use super::super::{Secret, nearest, units};
use super::{Context, Fault, SecretSource};

/// Largest file that a secret is read from.
const SECRET_FILE: u64 = 64 << 10;

pub(super) fn text(node: &Node, row: &Row) -> Result<String, Fault> {
    let Value::Text(text) = &node.value else {
        return Err(Fault::kind(node, "write a text in quotes"));
    };
    if let Kind::Choice(choices) = row.kind
        && !choices.contains(&text.as_str())
    {
        let fix = match nearest(text, choices.iter().copied()) {
            Some(choice) => format!("did you mean \"{choice}\"?"),
            None => format!("write {}", row.kind),
        };
        return Err(Fault::new(format!("cannot be \"{}\"", text.escape_debug()), fix));
    }
    if text.is_empty() {
        return Err(Fault::new("is empty", "write a text, or take the line out"));
    }
    Ok(text.clone())
}

pub(super) fn flag(node: &Node, _: &Row) -> Result<bool, Fault> {
    match &node.value {
        Value::Flag(flag) => Ok(*flag),
        Value::Text(text) => {
            Err(Fault::new(format!("cannot be \"{}\"", text.escape_debug()), "write true or false, without quotes"))
        }
        _ => Err(Fault::kind(node, "write true or false")),
    }
}

pub(super) fn number(node: &Node, row: &Row) -> Result<u64, Fault> {
    let number = match &node.value {
        Value::Integer(number) => *number,
        Value::Text(text) => {
            return Err(Fault::new(
                format!("cannot be \"{}\"", text.escape_debug()),
                "write a whole number, without quotes",
            ));
        }
        _ => return Err(Fault::kind(node, "write a whole number")),
    };
    let Kind::Number(least, most) = row.kind else { return u64::try_from(number).map_err(|_| Fault::kind(node, "")) };
    bounded(number, least, most, |number| number.to_string())
}

pub(super) fn size(node: &Node, row: &Row) -> Result<u64, Fault> {
    let fix = "write a number and a unit, for example \"512KiB\" or \"1MiB\"";
    let bytes = match &node.value {
        Value::Integer(number) => *number,
        Value::Text(text) => match units::size(text) {
            Ok(bytes) => bytes.into(),
            Err(error) => return Err(Fault::new(format!("is \"{}\", which {error}", text.escape_debug()), fix)),
        },
        _ => return Err(Fault::kind(node, fix)),
    };
    let Kind::Size(least, most) = row.kind else { return u64::try_from(bytes).map_err(|_| Fault::kind(node, fix)) };
    bounded(bytes, least, most, units::show_size)
}

pub(super) fn duration(node: &Node, row: &Row) -> Result<Duration, Fault> {
    let fix = "write a number and a unit, for example \"250ms\", \"10s\" or \"2m\"";
    let duration = match &node.value {
        Value::Text(text) => units::duration(text)
            .map_err(|error| Fault::new(format!("is \"{}\", which {error}", text.escape_debug()), fix))?,
        Value::Integer(number) => return Err(Fault::new(format!("is {number}, which has no unit"), fix)),
        _ => return Err(Fault::kind(node, fix)),
    };
    let Kind::Duration(least, most) = row.kind else { return Ok(duration) };
    let show = |millis| units::show_duration(Duration::from_millis(millis));
    let millis = i128::try_from(duration.as_millis()).unwrap_or(i128::MAX);
    bounded(millis, least, most, show).map(Duration::from_millis)
}

fn bounded(number: i128, least: u64, most: u64, show: impl Fn(u64) -> String) -> Result<u64, Fault> {
    let fix = || format!("write {} to {}", show(least), show(most));
    match u64::try_from(number) {
        Ok(value) if value > most => Err(Fault::new(format!("is more than {}", show(most)), fix())),
        Ok(value) if value >= least => Ok(value),
        Err(_) if number > 0 => Err(Fault::new(format!("is more than {}", show(most)), fix())),
        _ => Err(Fault::new(format!("is less than {}", show(least)), fix())),
    }
}

pub(super) fn address(node: &Node, row: &Row) -> Result<SocketAddr, Fault> {
    let text = text(node, row)?;
    text.parse().map_err(|_| {
        let fix = match text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')) {
            Some(port) if port.parse::<u16>().is_ok() => {
                format!("write \"127.0.0.1:{port}\", or \"0.0.0.0:{port}\" to be reached from other machines")
            }
            _ => "write an IP address and a port, for example \"127.0.0.1:3000\" or \"[::]:3000\"".to_owned(),
        };
        Fault::new(format!("is \"{}\", which is no address", text.escape_debug()), fix)
    })
}

pub(super) fn items(node: &Node, _: &Row) -> Result<Vec<Node>, Fault> {
    match &node.value {
        Value::List(items) => Ok(items.clone()),
        Value::Text(text) => {
            Err(Fault::new("cannot be a text", format!("write a list: [\"{}\"]", text.escape_debug())))
        }
        _ => Err(Fault::kind(node, "write a list of texts in brackets")),
    }
}

/// No message of this function repeats a value: it may be the secret.
pub(super) fn secret(node: &Node, context: &Context<'_>) -> Result<SecretSource, Fault> {
    const FIX: &str = "write a text, { env = \"NAME\" } or { file = \"path\" }";
    let table = match &node.value {
        Value::Text(text) if text.is_empty() => return Err(Fault::new("is empty", FIX)),
        Value::Text(text) => return Ok(SecretSource::Found(Secret::new(text.clone()))),
        Value::Table(table) => table,
        _ => return Err(Fault::kind(node, FIX)),
    };
    let [entry] = table.entries.as_slice() else {
        return Err(Fault::new("must name exactly one source", FIX));
    };
    let Value::Text(name) = &entry.node.value else {
        return Err(Fault { origin: Some(entry.node.origin.clone()), ..Fault::kind(&entry.node, FIX) });
    };
    match entry.key.as_str() {
        "env" => match context.variables.get(name) {
            None => Ok(SecretSource::Unset(name.clone())),
            Some(value) if value.is_empty() => Err(Fault::new(
                format!("is empty: the variable {name} is set to nothing"),
                format!("give {name} a value"),
            )),
            Some(value) => Ok(SecretSource::Found(Secret::new(value.clone()))),
        },
        "file" => secret_file(&context.folder.join(name)).map(SecretSource::Found),
        key => Err(Fault {
            origin: Some(entry.key_origin.clone()),
            ..Fault::new(format!("has no source `{}`", key.escape_debug()), FIX)
        }),
    }
}

fn secret_file(path: &Path) -> Result<Secret, Fault> {
    let shown = path.display();
    let fault = |error: std::io::Error| {
        Fault::new(format!("cannot be read from {shown}: {error}"), "make a file there that the host may read")
    };
    let mut text = String::new();
    // Not by its length in the directory: a pipe or a device has none.
    std::fs::File::open(path).and_then(|file| file.take(SECRET_FILE + 1).read_to_string(&mut text)).map_err(fault)?;
    if text.len() as u64 > SECRET_FILE {
        return Err(Fault::new(format!("is too large: {shown} has more than 64KiB"), "name a smaller file"));
    }
    // Editors and `echo` end a file with a newline that is not meant.
    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() {
        return Err(Fault::new(format!("is empty: {shown} has nothing in it"), "write the secret into that file"));
    }
    Ok(Secret::new(text.to_owned()))
}
