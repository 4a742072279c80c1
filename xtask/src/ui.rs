//! What a person sees: one line for each step, and errors that say what to do.
//!
//! All of it goes to standard error; standard output belongs to the programs that are started (test results, numbers).

use std::io::IsTerminal;

fn paint(style: &str, text: &str) -> String {
    if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{style}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// Announces a step before it starts.
pub(crate) fn step(text: &str) {
    eprintln!("{} {text}", paint("1;36", "==>"));
}

/// An explanation that belongs to the step announced last.
pub(crate) fn note(text: &str) {
    for line in text.lines() {
        eprintln!("    {line}");
    }
}

/// The good end of a command.
pub(crate) fn done(text: &str) {
    eprintln!("{} {text}", paint("1;32", "==>"));
}

/// Something a person should look at, although the command goes on.
pub(crate) fn warn(text: &str) {
    eprintln!("{} {text}", paint("1;33", "warning:"));
}

/// The end of a command that failed: the error and, below it, what caused it.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("{} {error}", paint("1;31", "error:"));
    for cause in error.chain().skip(1) {
        eprintln!("    because: {cause}");
    }
}
